//! What holds for every command: help, usage errors, pipes, completions and the manual.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use crate::program::radpack;

const COMMANDS: [&str; 41] = [
    "build",
    "resolve",
    "graph",
    "select",
    "pin",
    "merge",
    "register",
    "check",
    "compile",
    "import-map",
    "init",
    "publish",
    "versions",
    "show",
    "diff",
    "download",
    "release",
    "promote",
    "rollout",
    "rollback",
    "restore",
    "revert",
    "yank",
    "draft",
    "consumer",
    "token",
    "history",
    "manifest",
    "bisect",
    "policy",
    "setting",
    "backup",
    "restore-backup",
    "import",
    "verify",
    "gc",
    "serve",
    "local",
    "site",
    "completions",
    "man",
];

#[test]
fn the_version_is_told() {
    radpack(["--version"])
        .run()
        .prints(concat!("radpack ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn help_lists_every_command_and_each_has_its_own() {
    let help = radpack(["help"]).run();
    assert_eq!((help.code, help.stderr.as_str()), (0, ""));
    for command in COMMANDS {
        assert!(
            help.stdout.contains(&format!("\n  {command} ")),
            "{command}"
        );
        let own = radpack(["help", command]).run();
        assert_eq!((own.code, own.stderr.as_str()), (0, ""));
        assert!(
            own.stdout.contains(&format!("Usage: radpack {command}")),
            "{}",
            own.stdout
        );
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    let cases: &[(&[&str], &str)] = &[
        (
            &["frobnicate"],
            "error: unrecognized subcommand 'frobnicate'",
        ),
        (
            &["select", "--nope"],
            "error: unexpected argument '--nope' found",
        ),
        (
            &["merge"],
            "error: the following required arguments were not provided:",
        ),
        (
            &["resolve", "--fallback", "loose", "x"],
            "error: invalid value 'loose' for '--fallback <POLICY>'",
        ),
        (
            &["resolve", "--var", "K", "x"],
            "error: invalid value 'K' for '--var <K=V>': expected a name, `=` and a value",
        ),
        (
            &["resolve", "--manifest", "s3://bucket/r.json", "x"],
            "error: invalid value 's3://bucket/r.json' for '--manifest <SRC>': cannot read s3:// URLs; use a file, http://, https://, file://, or -",
        ),
        (
            &["resolve", "--manifest", "-"],
            "error: standard input cannot be both a manifest and the ids; give the ids as arguments",
        ),
        (
            &["merge", "-", "-"],
            "error: `-` may be given only once: standard input is read only once",
        ),
        (
            &["graph", "--json", "--format", "dot", "x"],
            "error: --json and --format dot contradict; give one of them",
        ),
        (
            &["import-map", "--json", "--html", "x"],
            "error: --json and --html contradict; give one of them",
        ),
        (
            &["build", "--version", "1"],
            "error: invalid value '1' for '--version <V>': unexpected end of input while parsing major version number",
        ),
        (
            &["build", "--entry", "index"],
            "error: invalid value 'index' for '--entry <NAME=PATH>': expected a name, `=` and a path",
        ),
        (
            &["build", "--entry", "index="],
            "error: invalid value 'index=' for '--entry <NAME=PATH>': expected a name, `=` and a path",
        ),
        (
            &["pin"],
            "error: the following required arguments were not provided:",
        ),
        (
            &["man", "nothing"],
            "error: invalid value 'nothing' for '[COMMAND]'",
        ),
        (
            &["completions", "cobol"],
            "error: invalid value 'cobol' for '<SHELL>'",
        ),
    ];
    for (arguments, first_line) in cases {
        radpack(*arguments).run().is_wrong_usage(first_line);
    }
    let nothing = radpack::<&str>([]).run();
    assert_eq!((nothing.code, nothing.stdout.as_str()), (2, ""));
    assert!(nothing.stderr.contains("Usage: radpack"));
}

#[test]
fn every_shell_gets_completions_of_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = radpack(["completions", shell]).run();
        assert_eq!((script.code, script.stderr.as_str()), (0, ""), "{shell}");
        for command in COMMANDS {
            assert!(script.stdout.contains(command), "{shell}: {command}");
        }
    }
}

#[test]
fn the_manual_has_a_page_for_every_command() {
    let page = radpack(["man"]).run();
    assert_eq!((page.code, page.stderr.as_str()), (0, ""));
    assert!(page.stdout.contains(".TH radpack 1"), "{}", page.stdout);
    for command in COMMANDS {
        assert!(
            page.stdout.contains(&command.replace('-', "\\-")),
            "{command}"
        );
        let own = radpack(["man", command]).run();
        assert_eq!((own.code, own.stderr.as_str()), (0, ""));
        assert!(
            own.stdout.contains(&format!(".TH radpack-{command} 1")),
            "{}",
            own.stdout
        );
    }
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let versions: Vec<String> = (0..200).map(|patch| format!("1.0.{patch}")).collect();
    let mut child = Command::new(env!("CARGO_BIN_EXE_radpack"))
        .args(["select", "--json", "--available", &versions.join(",")])
        .args(std::iter::repeat_n("*", 50_000))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut first).unwrap();
    assert_eq!(
        first,
        "{\"spec\":\"*\",\"version\":\"1.0.199\",\"fit\":\"in-range\"}\n"
    );
    drop(reader);
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(said, "");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told() {
    let cases: &[&[&str]] = &[
        &["select", "--available", "1.0.0", "*"],
        &["help"],
        &["help", "resolve"],
        &["resolve", "--help"],
        &["--version"],
        &["man"],
        &["completions", "bash"],
    ];
    for arguments in cases {
        let full = std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_radpack"))
            .args(*arguments)
            .stdin(Stdio::null())
            .stdout(full)
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stderr),
            "error: cannot write to standard output\ncaused by: No space left on device (os error 28)\n",
            "{arguments:?}"
        );
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    }
}
