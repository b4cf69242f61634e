//! The scanner of canonical text against reading through `radpack-manifest`: the same answers from both, or the same errors.

mod common;

use std::fmt::Write as _;

use common::manifest;
use proptest::prelude::*;
use radpack_manifest::Manifest;
use radpack_resolve::Index;

/// Every export at every version, with all that is known of it, and how it is asked for.
fn everything(index: &Index) -> String {
    let mut text = String::new();
    for layer in 0..index.layers() {
        writeln!(text, "{:?}", index.vars(layer)).unwrap();
    }
    for package in index.packages() {
        for entry in package.entries() {
            for found in entry.variants() {
                let dependencies: Vec<_> =
                    found.statics().map(|dependency| dependency.id()).collect();
                let dynamics: Vec<_> = found.dynamics().map(|dependency| dependency.id()).collect();
                writeln!(
                    text,
                    "{} {:?} {:?} {:?} {dependencies:?} {dynamics:?}",
                    found.pinned_id(),
                    found.file(),
                    found.url(),
                    found.integrity()
                )
                .unwrap();
                for spec in [
                    "",
                    "@latest",
                    "@next",
                    "@^1",
                    "@~1.1",
                    "@1.1.0",
                    "@1.1.0-rc.1",
                    "@>=1 <2",
                ] {
                    let id = format!("{}{spec}/{}", package.name(), entry.name());
                    let answer = index
                        .resolve(&id)
                        .map(|found| (found.pinned_id(), found.fit(), found.drift()));
                    writeln!(text, "{id} {:?}", answer.map_err(|error| error.to_string())).unwrap();
                }
            }
        }
    }
    text
}

#[track_caller]
fn assert_alike(json: &str) {
    match (
        Manifest::from_slice(json.as_bytes()),
        Index::from_json(json),
    ) {
        (Ok(manifest), Ok(index)) => {
            let read = Index::from_manifest(&manifest).expect("a valid manifest compiles");
            assert_eq!(everything(&index), everything(&read), "{json}");
        }
        (Err(expected), Err(error)) => {
            assert_eq!(
                error.manifest_errors().map(ToString::to_string),
                Some(expected.to_string()),
                "{json}"
            );
        }
        (manifest, index) => panic!(
            "{json}\nmanifest: {:?}\nindex: {:?}",
            manifest.err(),
            index.err()
        ),
    }
}

#[test]
fn canonical_and_other_texts() {
    let cases = [
        r#"{"exports":{}}"#,
        r#"{"vars":{"baseUrl":"x"},"exports":{}}"#,
        r#"{"exports":{"a":{"v":[[1]],"d":[]}}}"#,
        r#"{"exports":{"a":{"v":[[1]],"d":[["index",[{"v":[0],"f":"a.js"}]]]}}}"#,
        "{\"exports\":{\"a\":{\"v\":[[1]],\"d\":[[\"index\",[{\"v\":[0],\"f\":\"a.js\"}]]]}}}\n",
        "\u{feff}{\"exports\":{\"a\":{\"v\":[[1]],\"d\":[[\"index\",[{\"v\":[0],\"f\":\"a.js\"}]]]}}}",
        r#"{ "exports": {"a":{"d":[["index",[{"f":"a.js","v":[0]}]]],"v":[[1]]}} }"#,
        // Everything that is wrong must be found although the scanner reads the text first.
        r#"{"exports":{"a":{"v":[[1]],"d":[["index",[{"v":[1],"f":"a.js"}]]]}}}"#,
        r#"{"exports":{"a":{"v":[[1]],"d":[["index",[{"v":[0],"f":"../a.js"}]]]}}}"#,
        r#"{"exports":{"a":{"v":[[1]],"d":[["index",[{"v":[0],"f":"/a.js"}]]]}}}"#,
        r#"{"exports":{"a":{"v":[[1]],"d":[["index",[{"v":[0],"f":"b\\a.js"}]]]}}}"#,
        r#"{"exports":{"a":{"v":[[1]],"d":[["index",[{"v":[0],"f":"a.js","s":[5]}]]]}}}"#,
        r#"{"exports":{"a":{"v":[[1]],"d":[["index",[{"v":[0],"u":"javascript:alert(1)"}]]]}}}"#,
        r#"{"exports":{"a":{"v":[[1]],"d":[["index",[{"v":[0],"u":"https://x.example/a.js"}]]]}}}"#,
        r#"{"exports":{"a":{"v":[[1]],"d":[["index",[{"v":[0],"f":"a.js"},{"v":[0],"f":"b.js"}]]]}}}"#,
        r#"{"exports":{"a":{"v":[[1]],"d":[["x",[{"v":[0]}]],["x",[{"v":[0]}]]]}}}"#,
        r#"{"exports":{"a":{"v":[[1]],"d":["b@^1",["x",[{"v":[0]}]]]}}}"#,
        r#"{"exports":{"a":{"v":[[1]],"d":[["x",[{"v":[0]}]],"b@^1.2.3.4"]}}}"#,
        r#"{"exports":{"a":{"v":[[1]],"d":[["x",[{"v":[0]}]],"b//c"]}}}"#,
        r#"{"exports":{"a":{"v":[[1]],"d":[["x",[{"v":[0]}]],"b@^1/"]}}}"#,
        r#"{"exports":{"a":{"v":[[1]],"d":[["x",[{"v":[0],"s":[1]}]],"${b}@^1"]}}}"#,
        r#"{"exports":{"a":{"v":[[1],[2]],"d":[["x",[{"v":[0,1]}]]]}}}"#,
        r#"{"exports":{"a":{"v":[[1],[1]],"d":[]}}}"#,
        r#"{"exports":{"a":{"v":[],"d":[]}}}"#,
        r#"{"exports":{"a":{"v":[[1,2,3,"-01"]],"d":[]}}}"#,
        r#"{"exports":{"a":{"v":[[1,2,3,"-rc.1"],[1,2]],"d":[["x",[{"v":[0],"f":"x"},{"v":[1],"f":"y"}]]],"t":{"next":0}}}}"#,
        r#"{"exports":{"a":{"v":[[9007199254740992]],"d":[]}}}"#,
        r#"{"exports":{"a":{"v":[[9007199254740991,1]],"d":[["x",[{"v":[0],"f":"x"}]]]}}}"#,
        r#"{"exports":{"a":{"v":[[1.5]],"d":[]}}}"#,
        r#"{"exports":{"a":{"v":[[01]],"d":[]}}}"#,
        r#"{"exports":{"a":{"v":[[1]],"d":[],"t":{"next":3}}}}"#,
        r#"{"exports":{"a":{"v":[[1]],"d":[],"t":{"^1":0}}}}"#,
        r#"{"exports":{"a":{"v":[[1]],"d":[]},"a":{"v":[[1]],"d":[]}}}"#,
        r#"{"exports":{"A b":{"v":[[1]],"d":[]}}}"#,
        r#"{"exports":{"@a":{"v":[[1]],"d":[]}}}"#,
        r#"{"exports":{"ünï":{"v":[[1]],"d":[["🦀",[{"v":[0],"f":"🦀.js"}]]]}}}"#,
        r#"{"exports":{"a":{"v":[[1]],"d":[["..",[{"v":[0],"f":"x"}]]]}}}"#,
        r#"{"exports":{"a":{"v":[[1]],"d":[["x/",[{"v":[0],"f":"x"}]]]}}}"#,
        r#"{"exports":{"a":{"v":[[1]],"d":[["x.js",[{"v":[0],"f":"x.y/.z"}]]]}}}"#,
        r#"{"exports":{"a":{"v":[[1]],"d":[["x",[{"v":[0],"f":""}]]]}}}"#,
        r#"{"exports":{"a":{"v":[[1]],"d":[["x",[{"v":[0],"f":"x","i":""}]]]}}}"#,
        r#"{"exports":{"a":{"v":[[1]],"d":[["x",[{"v":[0],"f":"x","i":"nonsense"}]]]}},"register":false}"#,
        r#"{"exports":{}}x"#,
        r#"{"exports":{"a":{"v":[[1]],"d":[["x",[{"v":[0],"f":"x%2e%2e/y"}]]]}}}"#,
        r#"{"exports":{"a":{"v":[[1]],"d":[["x",[{"v":[0],"f":"a/%2E%2e/y"}]]]}}}"#,
        "",
        "{",
    ];
    assert!(cases.len() >= 45);
    for json in cases {
        assert_alike(json);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn generated_manifests(json in manifest()) {
        assert_alike(&json);
    }

    /// Texts that are a byte away from canonical ones: the scanner must take none that reading refuses.
    #[test]
    fn nearly_canonical(json in manifest(), at: prop::sample::Index, to in "[\\[\\]{}\",:0-9a-z./ \\\\-]") {
        let at = at.index(json.len());
        if json.is_char_boundary(at) && json.is_char_boundary(at + 1) {
            assert_alike(&format!("{}{to}{}", &json[..at], &json[at + 1..]));
        }
    }
}

/// A URL of its own may name the variant's file, by itself or through a var.
#[test]
fn a_url_of_its_own_knows_the_file() {
    let json = r#"{"vars":{"baseUrl":"https://h","there":"${baseUrl}/x/${ file }"},"exports":{"a":{"v":[[1]],"d":[["index",[{"v":[0],"f":"a-1.js","u":"https://cdn/${name}/${file}?${later}"}]],["b",[{"v":[0],"f":"b-1.js","u":"${there}"}]],["c",[{"v":[0],"f":"c-1.js","u":"https://cdn/${later}"}]]]}}}"#;
    let index = Index::from_json(json).unwrap();
    let url = |id: &str| index.resolve(id).unwrap().url().unwrap().unwrap();
    assert_eq!(url("a"), "https://cdn/a/a-1.js?${later}");
    assert_eq!(url("a/b"), "https://h/x/b-1.js");
    assert_eq!(url("a/c"), "https://cdn/${later}");
    let again = Index::from_bytes(index.to_bytes().into_owned()).unwrap();
    assert_eq!(
        again.resolve("a").unwrap().url().unwrap().as_deref(),
        Some("https://cdn/a/a-1.js?${later}")
    );
}

/// What the reader of manifests refuses in a file, the scanner does not let through.
#[test]
fn files_with_control_characters_are_refused() {
    for file in [
        "\u{7f}name}s",
        "a\u{85}.js",
        "a-file/that-is/longer-than-sixty-four/bytes/for-it-takes/another-way/\u{9f}.js",
    ] {
        let json = format!(
            r#"{{"exports":{{"a":{{"v":[[1]],"d":[["a",[{{"v":[0],"f":"{file}"}}]]]}}}}}}"#
        );
        let error = Index::from_json(json).expect_err("the manifest is invalid");
        let problems = error.manifest_errors().unwrap().to_string();
        assert!(problems.contains("has a control character"), "{problems}");
    }
}
