//! Ids: what is one, what it is made of, and exactly what is said of the others.

use proptest::prelude::*;
use radpack_manifest::{Id, IdErrorKind, MAX_ID_BYTES};

/// Id, name, spec, entry, canonical id.
const IDS: &[(&str, &str, Option<&str>, &str, &str)] = &[
    ("d3-scale", "d3-scale", None, "index", "d3-scale"),
    ("d3-scale/index", "d3-scale", None, "index", "d3-scale"),
    (
        "d3-scale@^4",
        "d3-scale",
        Some("^4"),
        "index",
        "d3-scale@^4",
    ),
    (
        "d3-scale@^4/index",
        "d3-scale",
        Some("^4"),
        "index",
        "d3-scale@^4",
    ),
    (
        "d3-scale@1.2.3-beta.1/src/band.js",
        "d3-scale",
        Some("1.2.3-beta.1"),
        "src/band.js",
        "d3-scale@1.2.3-beta.1/src/band.js",
    ),
    (
        "@acme/checkout",
        "@acme/checkout",
        None,
        "index",
        "@acme/checkout",
    ),
    (
        "@acme/checkout/locale/fr",
        "@acme/checkout",
        None,
        "locale/fr",
        "@acme/checkout/locale/fr",
    ),
    (
        "@acme/checkout@latest/locale/fr",
        "@acme/checkout",
        Some("latest"),
        "locale/fr",
        "@acme/checkout@latest/locale/fr",
    ),
    (
        "react@>=1 <3/jsx",
        "react",
        Some(">=1 <3"),
        "jsx",
        "react@>=1 <3/jsx",
    ),
    (
        "react@^17 || ^18",
        "react",
        Some("^17 || ^18"),
        "index",
        "react@^17 || ^18",
    ),
    (
        "react@1.2 - 2/x",
        "react",
        Some("1.2 - 2"),
        "x",
        "react@1.2 - 2/x",
    ),
    ("react@ ^1 /x", "react", Some(" ^1 "), "x", "react@ ^1 /x"),
    ("a@", "a", Some(""), "index", "a@"),
    ("a@/b", "a", Some(""), "b", "a@/b"),
    ("a@b@c/d", "a", Some("b@c"), "d", "a@b@c/d"),
    ("a/b@1/c@2", "a", None, "b@1/c@2", "a/b@1/c@2"),
    ("a/@b", "a", None, "@b", "a/@b"),
    ("a/index/b", "a", None, "index/b", "a/index/b"),
    ("a/b/index", "a", None, "b/index", "a/b/index"),
    ("a/~/b", "a", None, "~/b", "a/~/b"),
    ("~a", "~a", None, "index", "~a"),
    ("@~/a", "@~/a", None, "index", "@~/a"),
    ("...", "...", None, "index", "..."),
    ("a/.b/..c/...", "a", None, ".b/..c/...", "a/.b/..c/..."),
    (".a", ".a", None, "index", ".a"),
    (
        "${theme}@${v}/${x}",
        "${theme}",
        Some("${v}"),
        "${x}",
        "${theme}@${v}/${x}",
    ),
    ("😀@^1/🎉", "😀", Some("^1"), "🎉", "😀@^1/🎉"),
    ("é", "é", None, "index", "é"),
    ("a b/c d", "a b", None, "c d", "a b/c d"),
    ("C:/x", "C:", None, "x", "C:/x"),
];

#[test]
fn ids_come_apart_and_together() {
    assert!(IDS.len() >= 30);
    for &(text, name, spec, entry, canonical) in IDS {
        let id = Id::parse(text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(id, Id { name, spec, entry }, "{text}");
        assert_eq!(id.to_string(), canonical, "{text}");
        assert_eq!(Id::parse(canonical), Ok(id), "{text}");
    }
}

#[track_caller]
fn refused(id: &str, kind: IdErrorKind, position: usize, message: &str) {
    let error = Id::parse(id).expect_err(id);
    assert_eq!(
        (error.kind(), error.position(), error.to_string().as_str()),
        (kind, position, message)
    );
}

#[test]
fn what_is_no_id_is_told_why_and_where() {
    use IdErrorKind::*;
    refused("", Empty, 0, "invalid id \"\": it is empty");
    refused(
        "a//b",
        EmptySegment,
        2,
        "invalid id \"a//b\": empty segment at byte 2",
    );
    refused(
        "a/",
        EmptySegment,
        2,
        "invalid id \"a/\": empty segment at byte 2",
    );
    refused(
        "a@1/",
        EmptySegment,
        4,
        "invalid id \"a@1/\": empty segment at byte 4",
    );
    refused(
        "a@1//b",
        EmptySegment,
        4,
        "invalid id \"a@1//b\": empty segment at byte 4",
    );
    refused(
        "@/a",
        EmptySegment,
        1,
        "invalid id \"@/a\": empty segment at byte 1",
    );
    refused(
        "~/",
        EmptySegment,
        2,
        "invalid id \"~/\": empty segment at byte 2",
    );
    refused(
        "~/a//b",
        EmptySegment,
        4,
        "invalid id \"~/a//b\": empty segment at byte 4",
    );
    refused(
        ".",
        DotSegment,
        0,
        "invalid id \".\": a segment of only dots at byte 0",
    );
    refused(
        "..",
        DotSegment,
        0,
        "invalid id \"..\": a segment of only dots at byte 0",
    );
    refused(
        "../a",
        DotSegment,
        0,
        "invalid id \"../a\": a segment of only dots at byte 0",
    );
    refused(
        "./a",
        DotSegment,
        0,
        "invalid id \"./a\": a segment of only dots at byte 0",
    );
    refused(
        "a/./b",
        DotSegment,
        2,
        "invalid id \"a/./b\": a segment of only dots at byte 2",
    );
    refused(
        "a@1/b/..",
        DotSegment,
        6,
        "invalid id \"a@1/b/..\": a segment of only dots at byte 6",
    );
    refused(
        "@../a",
        DotSegment,
        1,
        "invalid id \"@../a\": a segment of only dots at byte 1",
    );
    refused(
        "@a/..",
        DotSegment,
        3,
        "invalid id \"@a/..\": a segment of only dots at byte 3",
    );
    refused(
        "~/..",
        DotSegment,
        2,
        "invalid id \"~/..\": a segment of only dots at byte 2",
    );
    refused(
        "a\\b",
        Backslash,
        1,
        "invalid id \"a\\\\b\": backslash at byte 1",
    );
    refused(
        "a\0b",
        ControlCharacter,
        1,
        "invalid id \"a\\u0000b\": control character at byte 1",
    );
    refused(
        "a\n",
        ControlCharacter,
        1,
        "invalid id \"a\\n\": control character at byte 1",
    );
    refused(
        "é\u{7f}",
        ControlCharacter,
        2,
        "invalid id \"é\\u007f\": control character at byte 2",
    );
    refused(
        "a/\u{85}",
        ControlCharacter,
        2,
        "invalid id \"a/\\u0085\": control character at byte 2",
    );
    refused(
        "@a",
        ScopeWithoutName,
        2,
        "invalid id \"@a\": a scope must be followed by `/name`",
    );
    refused(
        "@",
        ScopeWithoutName,
        1,
        "invalid id \"@\": a scope must be followed by `/name`",
    );
    refused(
        "@a@1",
        ScopeWithoutName,
        4,
        "invalid id \"@a@1\": a scope must be followed by `/name`",
    );
    refused(
        "@a@1/b",
        AtInScope,
        2,
        "invalid id \"@a@1/b\": `@` within the scope at byte 2",
    );
    refused(
        "@@a/b",
        AtInScope,
        1,
        "invalid id \"@@a/b\": `@` within the scope at byte 1",
    );
    refused(
        "@a/",
        MissingName,
        3,
        "invalid id \"@a/\": expected a package name at byte 3",
    );
    refused(
        "@a/@1",
        MissingName,
        3,
        "invalid id \"@a/@1\": expected a package name at byte 3",
    );
    refused(
        "@a//b",
        MissingName,
        3,
        "invalid id \"@a//b\": expected a package name at byte 3",
    );
    refused(
        "/a",
        MissingName,
        0,
        "invalid id \"/a\": expected a package name at byte 0",
    );
    refused(
        "~",
        Tilde,
        0,
        "invalid id \"~\": `~` must be followed by `/entry`",
    );
    refused(
        "~@1/a",
        Tilde,
        0,
        "invalid id \"~@1/a\": `~` must be followed by `/entry`",
    );
    refused(
        "~/a",
        NeedsScope,
        0,
        "invalid id \"~/a\": `~/` stands for the asking package, and none was given",
    );
    let long = "é".repeat(MAX_ID_BYTES / 2 + 1);
    let message = format!(
        "invalid id \"{}…\": it is longer than 4096 bytes",
        "é".repeat(120)
    );
    refused(&long, TooLong, MAX_ID_BYTES, &message);
    assert!(Id::parse(&"x".repeat(MAX_ID_BYTES)).is_ok());
}

#[test]
fn own_entries_are_the_asking_packages() {
    let own = |text, scope| {
        Id::parse_in(text, Some(scope))
            .map(|id| id.to_string())
            .map_err(|error| error.to_string())
    };
    assert_eq!(own("~/a/b", "shapes"), Ok("shapes/a/b".to_owned()));
    assert_eq!(
        own("~/a", "@acme/shapes@1.2.3"),
        Ok("@acme/shapes@1.2.3/a".to_owned())
    );
    assert_eq!(own("~/index", "shapes"), Ok("shapes".to_owned()));
    assert_eq!(
        own("other@1/a", "shapes"),
        Ok("other@1/a".to_owned()),
        "only `~/` is relative"
    );
    assert_eq!(
        own("other", "not / a scope"),
        Ok("other".to_owned()),
        "and only it needs the scope"
    );
    assert_eq!(
        own("~/a", "shapes/b"),
        Err("invalid id \"shapes/b\": a scope is a package, `name` or `name@spec`".to_owned())
    );
    assert_eq!(
        own("~/a", ""),
        Err("invalid id \"\": it is empty".to_owned())
    );
    assert_eq!(
        own("~/a", "~/b"),
        Err(
            "invalid id \"~/b\": `~/` stands for the asking package, and none was given".to_owned()
        )
    );
    assert_eq!(
        own("~/", "shapes"),
        Err("invalid id \"~/\": empty segment at byte 2".to_owned())
    );
}

#[test]
fn names_and_entries_are_checked_alone() {
    for name in ["a", "@a/b", "😀", "a b", "~a"] {
        assert_eq!(Id::check_name(name), Ok(()), "{name}");
    }
    for name in [
        "", "a/b", "a@1", "a@", "@a", "@a/b/c", "~", "~/a", "a/index", ".", "a\\",
    ] {
        assert!(Id::check_name(name).is_err(), "{name}");
    }
    assert_eq!(
        Id::check_name("a/b").unwrap_err().to_string(),
        "invalid id \"a/b\": expected only a package name, which ends at byte 1"
    );
    for entry in ["index", "a/b", "@a", "a@1/b", "~", "😀"] {
        assert_eq!(Id::check_entry(entry), Ok(()), "{entry}");
    }
    for entry in [
        "",
        "/a",
        "a/",
        "a//b",
        ".",
        "a/..",
        "a\\b",
        "a\tb",
        &"x".repeat(MAX_ID_BYTES + 1),
    ] {
        assert!(Id::check_entry(entry).is_err(), "{entry}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_parses_is_put_together_again(text in "[@/~.a-b é😀\\\\\u{1}^|<>=0-9${}]{0,12}", scope in "[@/a~.]{0,5}") {
        for id in [Id::parse(&text), Id::parse_in(&text, Some(&scope))].into_iter().flatten() {
            let canonical = id.to_string();
            prop_assert_eq!(Id::parse(&canonical), Ok(id));
            prop_assert!(Id::check_name(id.name).is_ok());
            prop_assert!(Id::check_entry(id.entry).is_ok());
            prop_assert!(id.spec.is_none_or(|spec| !spec.contains('/')));
            prop_assert!(!text.contains("//") && !text.ends_with('/') && !text.contains('\\'));
        }
        if let Err(error) = Id::parse(&text) {
            prop_assert!(error.position() <= text.len());
        }
    }

    #[test]
    fn parts_that_are_right_make_an_id_that_comes_apart_into_them(
        name in "(@[a-z.-]{1,5}x/)?[a-z~.]{1,5}x",
        spec in proptest::option::of("[^/\\\\\\pC]{0,10}"),
        entry in "[a-z@~]{1,8}(/[a-z@.]{1,5}x){0,3}",
    ) {
        let id = Id { name: &name, spec: spec.as_deref(), entry: &entry };
        let text = id.to_string();
        prop_assert_eq!(Id::parse(&text), Ok(id));
    }
}
