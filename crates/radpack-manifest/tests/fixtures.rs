//! The manifests under `fixtures/manifest`: each reads as the file beside it says; see the README there.

use std::fs;
use std::path::{Path, PathBuf};

use radpack_manifest::{Manifest, ProblemKind, Register};

/// The files of a folder that end in `.json`, but for the expectations among them.
fn inputs(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/manifest")
        .join(folder);
    let mut inputs: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .filter(|path| !path.to_string_lossy().ends_with(".canonical.json"))
        .collect();
    inputs.sort();
    inputs
}

/// Compares with the expectation beside `input`; writes it anew with `RADPACK_WRITE_FIXTURES=1`, to be looked at and committed.
fn compare(input: &Path, extension: &str, found: &str) {
    let expectation = input.with_extension(extension);
    if std::env::var_os("RADPACK_WRITE_FIXTURES").is_some() {
        fs::write(&expectation, found).unwrap();
    }
    let expected = fs::read_to_string(&expectation)
        .unwrap_or_else(|error| panic!("{}: {error}", expectation.display()));
    assert_eq!(found, expected, "{}", input.display());
}

#[test]
fn valid_ones_are_written_canonically() {
    let inputs = inputs("valid");
    assert!(inputs.len() >= 16, "{} found", inputs.len());
    for input in inputs {
        let json = fs::read(&input).unwrap();
        let manifest = Manifest::from_slice(&json)
            .unwrap_or_else(|errors| panic!("{}: {errors}", input.display()));
        let canonical = manifest.to_json();
        compare(&input, "canonical.json", &canonical);
        assert_eq!(
            Manifest::from_slice(canonical.as_bytes()).unwrap(),
            manifest,
            "{}",
            input.display()
        );
        manifest.validate().unwrap();
    }
}

#[test]
fn invalid_ones_have_every_problem_listed() {
    let inputs = inputs("invalid");
    assert!(inputs.len() >= 33, "{} found", inputs.len());
    for input in inputs {
        let json = fs::read(&input).unwrap();
        let errors = match Manifest::from_slice(&json) {
            Ok(manifest) => panic!("{} is accepted: {}", input.display(), manifest.to_json()),
            Err(errors) => errors,
        };
        let lines: Vec<String> = errors
            .into_iter()
            .map(|problem| format!("{:?} {problem}\n", problem.kind))
            .collect();
        compare(&input, "problems.txt", &lines.concat());
    }
}

#[test]
fn registers_say_the_same_of_the_manifests_in_them() {
    for input in inputs("invalid") {
        let json = fs::read(&input).unwrap();
        let Err(alone) = Manifest::from_slice(&json) else {
            continue;
        };
        let mut list = b"[\"x\",".to_vec();
        list.extend(&json);
        list.push(b']');
        // Some are registers of another sort, or no JSON, whose place is another then.
        if let Err(listed) = Register::from_slice(&list)
            && listed.problems().len() == alone.problems().len()
        {
            for (listed, alone) in listed.into_iter().zip(&alone) {
                assert_eq!(listed.kind, alone.kind);
                let not_json = alone.kind == ProblemKind::NotJson;
                let place = if not_json { "$" } else { "$[1]" };
                assert_eq!(listed.path, alone.path.replacen('$', place, 1), "{alone}");
            }
        }
    }
}
