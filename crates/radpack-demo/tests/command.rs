//! The program around the main job: what it can be asked, and its exit codes.

use std::process::{Command, Output};

fn demo(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_radpack-demo"))
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn help_goes_to_standard_output() {
    let output = demo(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("usage: radpack-demo"));
    assert!(output.stderr.is_empty());
}

#[test]
fn wrong_usage_is_told_and_ends_with_2() {
    for arguments in [&["--nope"][..], &["--out"], &["--out", "a", "--out", "b"]] {
        let output = demo(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty());
        assert!(String::from_utf8_lossy(&output.stderr).contains("usage: radpack-demo"));
    }
}

#[test]
fn what_cannot_be_done_ends_with_1() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let output = demo(&["--out", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains("is not empty"), "{errors}");
}
