//! What Radpack 1.x wrote is read, and means what 1.x says it does.
//!
//! The data is not part of the project; where it is absent, the test says so.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use radpack_manifest::{Flatten, Location, Manifest, Register, url_of};
use support::meaning;

fn fixture(name: &str) -> Option<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/fixtures/radpack1")
        .join(name);
    match fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            // Not by `eprintln!`, which nobody sees of a test that passes.
            let _ = writeln!(
                io::stderr(),
                "not compared with Radpack 1.x, for lack of {}: {error}",
                path.display()
            );
            None
        }
    }
}

#[test]
fn two_registers_of_1x_are_read_and_have_its_urls() {
    let Some((json, urls)) = fixture("widgets.json").zip(fixture("widgets-urls.json")) else {
        return;
    };
    let register = Register::from_slice(&json).unwrap();
    assert_eq!(
        Register::from_slice(register.to_json().as_bytes()).unwrap(),
        register
    );
    let manifests = Flatten::new(None, register).finish().unwrap();
    assert_eq!(manifests.len(), 2);
    let packages: usize = manifests
        .iter()
        .map(|manifest| manifest.exports.len())
        .sum();
    let exports: usize = manifests.iter().map(Manifest::export_count).sum();
    assert_eq!((packages, exports), (25, 416));

    let urls: BTreeMap<String, Vec<String>> = serde_json::from_slice(&urls).unwrap();
    let mut ours = BTreeMap::new();
    for manifest in &manifests {
        let canonical = manifest.to_json();
        let again = Manifest::from_slice(canonical.as_bytes()).unwrap();
        assert_eq!(&again, manifest);
        assert_eq!(meaning(&again), meaning(manifest));
        manifest.validate().unwrap();
        for (name, package) in &manifest.exports {
            for entry in &package.entries {
                for variant in &entry.variants {
                    let (file, url) = (variant.file.as_deref(), variant.url.as_deref());
                    let location = Location {
                        name,
                        entry: &entry.name,
                        file,
                        url,
                    };
                    let url = url_of(&location, &manifest.vars, |_| None)
                        .unwrap()
                        .into_owned();
                    // To 1.x, a file is an id, too; the later register lies on top.
                    ours.insert(format!("{name}/{}", file.unwrap()), url);
                }
            }
        }
    }
    assert!(ours.len() >= 310, "{}", ours.len());
    for (id, url) in ours {
        assert_eq!(urls[&id][0], url, "{id}");
    }
}
