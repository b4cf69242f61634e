//! Whole packages, and all that comes out of them.

mod common;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use common::{Place, tree};
use radpack_build::{Build, BuildError, Location, Report, Source};
use radpack_manifest::Manifest;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/packages")
}

/// The register that the packages are built against, as one that was read from a server.
fn register() -> Source {
    let url = "https://cdn.example/live/radpack.json";
    let manifest =
        Manifest::from_slice(&fs::read(fixtures().join("register/radpack.json")).unwrap()).unwrap();
    Source::new(manifest, Location::Url(url.to_owned()))
}

fn build(place: &Place, name: &str) -> Result<Report, BuildError> {
    Build::new(fixtures().join(name))
        .out(place.out())
        .register(register())
        .run()
}

/// A report without what differs from run to run.
fn described(report: &Report) -> String {
    let mut value = serde_json::to_value(report).unwrap();
    let object = value.as_object_mut().unwrap();
    object.shift_remove("out");
    object.shift_remove("timings");
    serde_json::to_string_pretty(&value).unwrap()
}

fn outcome(place: &Place, result: &Result<Report, BuildError>) -> String {
    let mut text = String::new();
    match result {
        Ok(report) => {
            writeln!(text, "=== report\n{}", described(report)).unwrap();
            for (path, contents) in tree(&place.out()) {
                let contents = String::from_utf8(contents).unwrap();
                writeln!(text, "=== {path}\n{}", contents.trim_end_matches('\n')).unwrap();
            }
        }
        Err(error) => {
            writeln!(text, "=== problems").unwrap();
            for problem in error.problems() {
                writeln!(text, "{}: {problem}", problem.kind()).unwrap();
            }
            assert!(
                !place.out().exists(),
                "nothing is written when something is wrong"
            );
        }
    }
    text
}

#[track_caller]
fn check(name: &str) {
    let place = Place::new();
    let result = build(&place, name);
    let found = outcome(&place, &result);
    let path = fixtures().join(format!("{name}.expected"));
    if std::env::var_os("RADPACK_UPDATE_EXPECTED").is_some() {
        fs::write(&path, &found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "{name} does not give {}:\n{found}",
        path.display()
    );
    if result.is_ok() {
        // Once more, elsewhere, and once more into the same folder: the same bytes.
        let elsewhere = Place::new();
        build(&elsewhere, name).unwrap();
        assert_eq!(tree(&elsewhere.out()), tree(&place.out()));
        let again = build(&place, name).unwrap();
        assert_eq!(tree(&elsewhere.out()), tree(&place.out()));
        assert!(
            again
                .files
                .iter()
                .all(|file| file.action == radpack_build::FileAction::Reused),
            "{:?}",
            again.files
        );
    }
}

#[test]
fn shapes() {
    check("shapes");
}

#[test]
fn fields() {
    check("fields");
}

#[test]
fn amd() {
    check("amd");
}

#[test]
fn broken() {
    check("broken");
}

#[test]
fn unserved() {
    check("unserved");
}
