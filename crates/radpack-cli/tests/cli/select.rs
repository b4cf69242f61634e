//! `radpack select`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::program::radpack;

#[test]
fn people_get_columns() {
    radpack([
        "select",
        "--available",
        "2.0.0, 1.0.1,1.5.0-beta.2",
        "1.0.0",
        "^1",
        "latest",
        "",
        "1.5.0-beta.1",
    ])
    .run()
    .prints(
        "1.0.0         1.0.1         nearest, patch differs\n\
         ^1            1.0.1         in-range\n\
         latest        2.0.0         in-range\n\
         ''            2.0.0         in-range\n\
         1.5.0-beta.1  1.5.0-beta.2  nearest, prerelease differs\n",
    );
}

#[test]
fn programs_get_a_line_for_each() {
    radpack(["select", "--json", "--available", "1.5.0,1.0.1", "^1", "1.0.0", "^9"])
        .run()
        .is(
            1,
            "{\"spec\":\"^1\",\"version\":\"1.5.0\",\"fit\":\"in-range\"}\n\
             {\"spec\":\"1.0.0\",\"version\":\"1.0.1\",\"fit\":\"nearest\",\"drift\":\"patch\"}\n\
             {\"spec\":\"^9\",\"error\":\"unavailable\",\"message\":\"no version for \\\"^9\\\"; available: 1.5.0, 1.0.1; with --fallback any it would get 1.5.0\"}\n",
            "",
        );
}

#[test]
fn the_others_are_answered_where_one_fails() {
    radpack(["select", "--available", "1.0.0", "next", "^1.2.3.4", "1", "^2"])
        .run()
        .is(
            1,
            "1  1.0.0  in-range\n",
            "error: unknown tag \"next\"; a list of versions has only `latest`\n\
             error: \"^1.2.3.4\" is not a spec (character 7)\n\
             caused by: unexpected character '.' after patch version number\n\
             error: no version for \"^2\"; available: 1.0.0; with --fallback any it would get 1.0.0\n",
        );
}

#[test]
fn a_long_list_is_cut_in_messages() {
    let versions: Vec<String> = (0..20).map(|patch| format!("1.0.{patch}")).collect();
    radpack(["select", "--fallback", "none", "--available", &versions.join(","), "2.0.0"])
        .run()
        .is(
            1,
            "",
            "error: no version for \"2.0.0\"; available: 1.0.19, 1.0.18, 1.0.17, 1.0.16, 1.0.15, 1.0.14, \
             1.0.13, 1.0.12, 1.0.11, 1.0.10, 1.0.9, 1.0.8 and 8 older; with --fallback any it would get 1.0.19\n",
        );
}

#[test]
fn specs_come_from_standard_input_too() {
    radpack(["select", "--json", "--available", "1.0.0"])
        .input("1\r\n\n >=1 <2 \n\u{fffd}")
        .run()
        .is(
            1,
            "{\"spec\":\"1\",\"version\":\"1.0.0\",\"fit\":\"in-range\"}\n\
             {\"spec\":\">=1 <2\",\"version\":\"1.0.0\",\"fit\":\"in-range\"}\n\
             {\"spec\":\"\u{fffd}\",\"error\":\"invalid-spec\",\"message\":\"\\\"\u{fffd}\\\" is not a spec (character 1): unexpected character '\u{fffd}' while parsing major version number\"}\n",
            "",
        );
    radpack(["select", "--json", "--available", "1.0.0"])
        .input(b"a\xff\n".to_vec())
        .run()
        .is(
            1,
            "{\"spec\":\"a\u{fffd}\",\"error\":\"invalid-spec\",\"message\":\"\\\"a\u{fffd}\\\" is not UTF-8; specs are text\"}\n",
            "",
        );
    radpack(["select", "--available", "1.0.0"]).run().prints("");
}

/// A program that asks one thing at a time gets each answer before it asks the next.
#[test]
fn answers_do_not_wait_for_the_end() {
    for json in [false, true] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_radpack"));
        command.args(["select", "--available", "1.0.0,2.0.0"]);
        if json {
            command.arg("--json");
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut questions = child.stdin.take().unwrap();
        let mut answers = BufReader::new(child.stdout.take().unwrap());
        for (spec, version) in [("1", "1.0.0"), ("*", "2.0.0")] {
            writeln!(questions, "{spec}").unwrap();
            let mut answer = String::new();
            answers.read_line(&mut answer).unwrap();
            assert!(answer.contains(version), "{answer}");
        }
        drop(questions);
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}

/// The worked cases of the rules, asked the way a user would.
#[test]
fn the_worked_cases_hold() {
    let path = radpack_testkit::workspace_folder().join("fixtures/select/select.json");
    let cases = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let cases: Vec<serde_json::Value> = serde_json::from_slice(&cases).unwrap();
    assert!(cases.len() >= 57, "{} cases", cases.len());
    for case in &cases {
        let text = |key: &str| case[key].as_str().unwrap();
        let available = case["available"].as_array().unwrap().iter();
        let available: Vec<&str> = available.map(|version| version.as_str().unwrap()).collect();
        let (spec, fallback) = (text("spec"), text("fallback"));
        let ran = radpack([
            "select",
            "--json",
            "--available",
            &available.join(","),
            "--fallback",
            fallback,
            "--",
            spec,
        ])
        .run();
        let line: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(line["spec"], spec);
        for (key, expected) in case["expect"].as_object().unwrap() {
            assert_eq!(line[key], *expected, "{}: {line}", text("why"));
        }
        let failed = case["expect"].get("error").is_some();
        assert_eq!(ran.code, i32::from(failed), "{}", text("why"));
    }
}

#[test]
fn the_versions_must_be_versions() {
    radpack(["select", "--available", "1.0.0,1.x", "1"])
        .run()
        .is_wrong_usage(
            "error: invalid value '1.0.0,1.x' for '--available <V,V,…>': \"1.x\": unexpected character 'x' while parsing minor version number",
        );
    radpack(["select", "--available", "", "*"]).run().is(
        1,
        "",
        "error: no version for \"*\"; none is available\n",
    );
    radpack(["select", "1"])
        .run()
        .is_wrong_usage("error: the following required arguments were not provided:");
}
