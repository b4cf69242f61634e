//! The registers of a real Radpack 1.x project, where they are at hand: our answers against those that 1.x gave.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::path::Path;

use radpack_manifest::{Flatten, Register};
use radpack_resolve::Index;

#[test]
fn gives_the_urls_that_radpack_1_gives() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/radpack1");
    let (Ok(registers), Ok(urls)) = (
        std::fs::read(folder.join("widgets.json")),
        std::fs::read(folder.join("widgets-urls.json")),
    ) else {
        // Not by `eprintln!`, which nobody sees of a test that passes.
        let _ = writeln!(
            io::stderr(),
            "not compared with Radpack 1.x, for lack of {}",
            folder.display()
        );
        return;
    };
    let register = Register::from_slice(&registers).expect("1.x wrote it");
    let manifests = Flatten::new(None, register)
        .finish()
        .expect("nothing is nested");
    let index = Index::from_layers(manifests.iter().map(radpack_resolve::Layer::manifest)).unwrap();
    let expected: BTreeMap<String, Vec<String>> = serde_json::from_slice(&urls).unwrap();
    let mut compared = 0;
    let mut whole = 0;
    for (id, expected) in &expected {
        // 1.x also takes a file's name for an id; and it mixes a prerelease's chunks into 1.2.2, where ours are whole.
        if id.ends_with(".js") {
            continue;
        }
        let closure = index
            .closure(id)
            .unwrap_or_else(|error| panic!("{id}: {error}"));
        let urls: Vec<String> = closure
            .iter()
            .filter_map(|found| found.url().unwrap())
            .collect();
        assert_eq!(urls.last(), expected.first(), "{id}: its own URL");
        if id.starts_with("@widget/LAYOUT@^1/") || id.starts_with("@widget/LAYOUT@~1.2/") {
            assert!(
                urls.iter()
                    .all(|url| url.contains("/radpack/@widget/LAYOUT/")),
                "{id} is wholly 1.2.2: {urls:?}"
            );
            assert!(
                closure
                    .iter()
                    .all(|found| found.version().to_string() == "1.2.2")
            );
            whole += 1;
            continue;
        }
        let (ours, theirs): (BTreeSet<_>, BTreeSet<_>) =
            (urls.iter().collect(), expected.iter().collect());
        assert_eq!(ours, theirs, "{id}");
        assert_eq!(urls.len(), ours.len(), "{id}: each once");
        compared += 1;
    }
    assert!(
        compared > 500 && whole > 100,
        "{compared} compared, {whole} wholly 1.2.2"
    );
}
