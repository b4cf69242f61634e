//! Bytes made to do harm, or broken on the way: each gets a clear answer, within bounds.

use radpack_manifest::{
    Limits, MAX_DEPTH, MAX_ID_BYTES, MAX_PROBLEMS, Manifest, ManifestErrors, ProblemKind, Register,
};

#[track_caller]
fn refused(json: &[u8], kind: ProblemKind, message: &str) {
    refused_within(json, &Limits::default(), kind, message);
}

#[track_caller]
fn refused_within(json: &[u8], limits: &Limits, kind: ProblemKind, message: &str) {
    let manifest = Manifest::from_slice_with(json, limits).map(|manifest| manifest.to_json());
    let register = Register::from_slice_with(json, limits).map(|register| register.to_json());
    for errors in [manifest.expect_err(message), register.expect_err(message)] {
        assert_eq!(errors.to_string(), message);
        assert_eq!(errors.problems()[0].kind, kind);
    }
}

/// A manifest with one package, of these versions and items.
fn package(versions: &str, items: &str) -> String {
    format!(r#"{{"exports":{{"a":{{"v":{versions},"d":{items}}}}}}}"#)
}

fn problems(json: &str) -> ManifestErrors {
    Manifest::from_slice(json.as_bytes()).unwrap_err()
}

#[test]
fn size_is_limited() {
    let most = 64 << 20;
    let mut json = vec![b' '; most + 1];
    refused(
        &json,
        ProblemKind::Limit,
        "$: the JSON has more than 67108864 bytes, which is the limit",
    );
    json[..2].copy_from_slice(b"{}");
    json.truncate(most);
    assert_eq!(Manifest::from_slice(&json), Ok(Manifest::default()));
    let limits = Limits {
        bytes: 2,
        ..Limits::default()
    };
    assert!(Manifest::from_slice_with(b"{}", &limits).is_ok());
    refused_within(
        b"{} ",
        &limits,
        ProblemKind::Limit,
        "$: the JSON has more than 2 bytes, which is the limit",
    );
}

#[test]
fn exports_are_limited_and_counted_as_entries_of_all_packages() {
    let json = br#"{"exports":{"a":{"v":[],"d":[["x",[]],["y",[]]]},"b":{"v":[],"d":[["x",[]],["y",[]],"c"]}}}"#;
    let limits = |exports| Limits {
        exports,
        ..Limits::default()
    };
    assert!(Manifest::from_slice_with(json, &limits(4)).is_ok());
    refused_within(
        json,
        &limits(3),
        ProblemKind::Limit,
        "$.exports[\"b\"].d[1]: there are more exports than the limit of 3",
    );
    // In a register they count together; and the reading ends at the limit.
    let list = format!("[{0},{0}]", String::from_utf8_lossy(json));
    let errors = Register::from_slice_with(list.as_bytes(), &limits(5)).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "$[1].exports[\"a\"].d[1]: there are more exports than the limit of 5"
    );
}

#[test]
fn depth_is_limited_exactly() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let unknown = |levels: usize| format!("{{\"x\":{}}}", nested(levels - 1));
    assert!(Manifest::from_slice(unknown(MAX_DEPTH).as_bytes()).is_ok());
    assert!(Register::from_slice(nested(MAX_DEPTH).as_bytes()).is_ok());
    let message = "$: the JSON nests deeper than the limit of 128 levels at line 1 column 133";
    refused(
        unknown(MAX_DEPTH + 1).as_bytes(),
        ProblemKind::Limit,
        message,
    );
    refused(
        "\n[".repeat(10_000_000).as_bytes(),
        ProblemKind::Limit,
        "$: the JSON nests deeper than the limit of 128 levels at line 130 column 1",
    );
    refused(
        "{\"exports\":".repeat(1_000_000).as_bytes(),
        ProblemKind::Limit,
        "$: the JSON nests deeper than the limit of 128 levels at line 1 column 1409",
    );
    let deeper = Limits {
        depth: 1_000_000,
        ..Limits::default()
    };
    assert!(Register::from_slice_with(nested(MAX_DEPTH + 1).as_bytes(), &deeper).is_err());
    let flat = Limits {
        depth: 2,
        ..Limits::default()
    };
    assert!(Manifest::from_slice_with(br#"{"exports":{},"x":"[[[[["}"#, &flat).is_ok());
    assert!(Manifest::from_slice_with(br#"{"exports":{"a":{}}}"#, &flat).is_err());
    // What the reader's stack takes is bounded: the deepest register fits into a small one.
    let small = std::thread::Builder::new().stack_size(512 << 10);
    let read = move || {
        Register::from_slice(nested(MAX_DEPTH).as_bytes())
            .map(|register| register.to_json())
            .is_ok()
    };
    assert!(small.spawn(read).unwrap().join().unwrap());
}

#[test]
fn problems_are_limited_and_the_rest_is_counted() {
    let items = vec!["0"; MAX_PROBLEMS + 2].join(",");
    let errors = problems(&package("[]", &format!("[{items}]")));
    assert_eq!(
        (errors.problems().len(), errors.omitted()),
        (MAX_PROBLEMS, 2)
    );
    let text = errors.to_string();
    assert_eq!(text.lines().count(), MAX_PROBLEMS + 1);
    assert!(text.ends_with("d[999]: expected an entry (an array) or a dependency (a string), found 0\nand 2 more problems"));
    let items = vec!["0"; MAX_PROBLEMS + 1].join(",");
    assert!(
        problems(&package("[]", &format!("[{items}]")))
            .to_string()
            .ends_with("\nand 1 more problem")
    );
    let items = vec!["0"; MAX_PROBLEMS].join(",");
    assert_eq!(problems(&package("[]", &format!("[{items}]"))).omitted(), 0);
}

/// Each is small as text and large as values; none may be kept once it is known to be wrong.
#[test]
fn what_is_wrong_many_times_is_not_kept() {
    let many = |what: &str| format!("[{}]", vec![what; 200_000].join(","));
    for (versions, items) in [
        (
            "[[1]]".to_owned(),
            format!(r#"[["x",{}]]"#, many(r#"{"v":[0]}"#)),
        ),
        ("[[1]]".to_owned(), format!(r#"[["x",{}]]"#, many("{}"))),
        (many("[]"), "[]".to_owned()),
        (many("[1]"), "[]".to_owned()),
        ("[]".to_owned(), many("\"\"")),
        ("[]".to_owned(), many("[]")),
        (
            "[]".to_owned(),
            format!(r#"[["x",[{{"v":{}}}]]]"#, many("-1")),
        ),
    ] {
        let errors = problems(&package(&versions, &items));
        assert_eq!(errors.problems().len(), MAX_PROBLEMS);
    }
    // Variants without versions mean nothing, and are dropped.
    let json = package("[[1]]", &format!(r#"[["x",{}]]"#, many(r#"{"v":[]}"#)));
    assert_eq!(
        Manifest::from_slice(json.as_bytes()).unwrap().to_json(),
        package("[[1]]", r#"[["x",[]]]"#)
    );
}

/// Only neighbouring versions share a variant, so one that claims every other version would be copied for each.
#[test]
fn a_canonical_form_beyond_all_measure_is_refused() {
    let list = |values: &mut dyn Iterator<Item = String>| {
        format!("[{}]", values.collect::<Vec<_>>().join(","))
    };
    let json = |versions: usize, dependencies: usize| {
        let every_other = list(&mut (0..versions).step_by(2).map(|index| index.to_string()));
        let all = list(&mut (1..=dependencies).map(|index| index.to_string()));
        let items = (0..dependencies).map(|number| format!(r#""d{number}""#));
        let entry = format!(r#"["x",[{{"v":{every_other},"s":{all}}}]]"#);
        let items = list(&mut std::iter::once(entry).chain(items));
        package(
            &list(&mut (0..versions).map(|major| format!("[{major}]"))),
            &items,
        )
    };
    let manifest = Manifest::from_slice(json(200, 200).as_bytes()).unwrap();
    assert_eq!(manifest.exports["a"].entries[0].variants.len(), 100);
    refused(
        json(20_000, 20_000).as_bytes(),
        ProblemKind::Limit,
        "$.exports[\"a\"]: so many variants stand for versions that are no neighbours that the package has no canonical \
         form within the limits",
    );
}

#[test]
fn encodings() {
    let json = r#"{"vars":{"a":"é"}}"#;
    let manifest = Manifest::from_slice(json.as_bytes()).unwrap();
    assert_eq!(
        Manifest::from_slice(format!("\u{feff}{json}").as_bytes()).unwrap(),
        manifest
    );
    assert_eq!(
        Manifest::from_slice(format!(" \r\n{json}\r\n").as_bytes()).unwrap(),
        manifest
    );
    refused(
        format!("\u{feff}\u{feff}{json}").as_bytes(),
        ProblemKind::NotJson,
        "$: not JSON: expected value at line 1 column 1",
    );
    let utf16: Vec<u8> = json.encode_utf16().flat_map(u16::to_le_bytes).collect();
    refused(
        &utf16,
        ProblemKind::NotJson,
        "$: not JSON: the bytes are not UTF-8 at line 1 column 29",
    );
    refused(
        b"{\"a\":\n\"\xff\"}",
        ProblemKind::NotJson,
        "$: not JSON: the bytes are not UTF-8 at line 2 column 2",
    );
    refused(
        b"{}\0",
        ProblemKind::NotJson,
        "$: not JSON: trailing characters at line 1 column 3",
    );
    refused(
        b"\0",
        ProblemKind::NotJson,
        "$: not JSON: expected value at line 1 column 1",
    );
}

#[test]
fn lone_surrogates_are_no_text() {
    for text in [r"\ud800", r"\udc00", r"\ud800\ud800", r"\ud800x"] {
        for json in [
            format!(r#"{{"vars":{{"a":"{text}"}}}}"#),
            format!(r#"{{"vars":{{"{text}":"a"}}}}"#),
            format!(r#"{{"exports":{{"{text}":{{"v":[],"d":[]}}}}}}"#),
            format!(r#"{{"{text}":1}}"#),
            package("[[1]]", &format!(r#"[["{text}",[]]]"#)),
        ] {
            let errors = problems(&json);
            assert_eq!(
                errors.problems()[0].kind,
                ProblemKind::NotJson,
                "{json}: {errors}"
            );
        }
    }
}

#[test]
fn ids_may_have_4096_bytes() {
    let json = |length: usize| {
        let (name, entry) = ("é".repeat(length / 2), "x".repeat(length));
        format!(r#"{{"exports":{{"{name}":{{"v":[],"d":[["{entry}",[]],"{name}"]}}}}}}"#)
    };
    assert!(Manifest::from_slice(json(MAX_ID_BYTES).as_bytes()).is_ok());
    let errors = problems(&json(MAX_ID_BYTES + 2));
    let kinds: Vec<_> = errors.into_iter().map(|problem| problem.kind).collect();
    assert_eq!(kinds, [ProblemKind::Id; 3]);
    assert!(
        errors.to_string().len() < 2_000,
        "paths and values are shortened: {errors}"
    );
    assert!(
        errors
            .to_string()
            .contains(&format!("$.exports[\"{}…\"]", "é".repeat(120)))
    );
}

#[test]
fn long_numbers_are_numbers() {
    let long = "1".repeat(100_000);
    for (number, fine) in [
        (format!("0.{}", "0".repeat(100_000)), true),
        (
            format!("{}e-99999", format_args!("1{}", "0".repeat(99_999))),
            true,
        ),
        (long.clone(), false),
        (format!("-{long}"), false),
        (format!("0.{long}"), false),
        ("1e-400".to_owned(), true),
        ("9007199254740991.0".to_owned(), true),
        ("9007199254740992.0".to_owned(), false),
        ("1e15".to_owned(), true),
        ("1e16".to_owned(), false),
    ] {
        let read = Manifest::from_slice(package(&format!("[[{number}]]"), "[]").as_bytes());
        assert_eq!(read.is_ok(), fine, "{number:.40}: {read:?}");
    }
}

#[test]
fn a_number_beyond_a_float_is_a_problem_like_others() {
    let json = r#"{"exports":{"a":{"v":[[1e400]],"d":[]},"b":{"v":[[-1]],"d":["000"]}},"vars":{"x":-2E999}}"#;
    refused(
        json.as_bytes(),
        ProblemKind::Version,
        "$.exports[\"a\"].v[0][0]: a version component is a whole number from 0 to 9007199254740991, not 1e400\n\
         $.exports[\"b\"].v[0][0]: a version component is a whole number from 0 to 9007199254740991, not -1\n\
         $.vars[\"x\"]: expected a string, found -2E999",
    );
    let digits = "9".repeat(400);
    assert_eq!(
        problems(&package(
            "[[1]]",
            &format!(r#"[["index",[{{"v":[{digits}],"f":"x.js"}}]]]"#)
        ))
        .to_string(),
        format!(
            "$.exports[\"a\"].d[0][1][0].v[0]: an index is a whole number from 0, not {}…",
            &digits[..120]
        )
    );
    assert_eq!(
        problems("1e400").to_string(),
        "$: expected a manifest (an object), found 1e400"
    );
}

#[test]
fn after_a_number_beyond_a_float_what_is_no_json_is_still_told() {
    let errors = problems("{\"vars\":{\"x\":1e400},\n \"exports\":nope}");
    assert_eq!(
        errors.to_string(),
        "$.vars[\"x\"]: expected a string, found 1e400\n$: not JSON: expected ident at line 2 column 13"
    );
    for json in ["{1e400:1}", "{\"vars\":{1e400:\"\"}}"] {
        let errors = problems(json);
        assert_eq!(errors.problems()[0].kind, ProblemKind::NotJson, "{json}");
    }
}

#[test]
fn under_an_unknown_key_a_number_beyond_a_float_is_kept() {
    let json = r#"{"foo":1e400,"exports":{"a":{"v":[[1]],"d":[],"bar":[-1e999]}}}"#;
    let manifest = Manifest::from_slice(json.as_bytes()).unwrap();
    assert_eq!(manifest.unknown.get("foo"), Some("1e400"));
    assert_eq!(manifest.exports["a"].unknown.get("bar"), Some("[-1e999]"));
    assert_eq!(
        Manifest::from_slice(manifest.to_json().as_bytes()).as_ref(),
        Ok(&manifest)
    );
}
