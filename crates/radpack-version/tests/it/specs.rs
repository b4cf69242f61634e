//! Which kind of spec a text is, and what is said of one that is none.

use proptest::prelude::*;
use radpack_version::{ErrorKind, Range, Spec};

use crate::support::{version, version_text};

#[test]
fn tells_the_kinds_apart() {
    for text in [
        "1.2.3",
        "v1.2.3",
        "=1.2.3",
        "=v1.2.3",
        "= 1.2.3",
        " 1.2.3\n",
        "1.2.3+b",
        "v1.2.3+b-1",
    ] {
        assert_eq!(
            Spec::parse(text),
            Ok(Spec::Pinned(version("1.2.3"))),
            "{text:?}"
        );
    }
    for text in ["1.2.3-rc.1", "v1.2.3-rc.1", "=1.2.3-rc.1+b"] {
        assert_eq!(
            Spec::parse(text),
            Ok(Spec::Pinned(version("1.2.3-rc.1"))),
            "{text:?}"
        );
    }
    for text in ["", " ", "\u{a0}", "*", "x", "X", " * "] {
        assert_eq!(Spec::parse(text), Ok(Spec::Any), "{text:?}");
    }
    let ranges = [
        "1",
        "1.2",
        "1.2.x",
        "1.x",
        "v1",
        "v1.2",
        "vx",
        "x.x",
        "X.*",
        "x.x.x",
        "=1",
        "=*",
        "^1",
        "^1.2.3",
        "~1",
        "~>1.2",
        ">=1 <3",
        "1.2 - 2",
        "x - 2",
        "v1 - v2",
        "^17 || ^18",
        "||",
        "1.2.3 ||",
        "1.2.3 1.2.3",
        "1.2.3 || 1.2.4",
        ">=0.0.0",
        "x || 1",
        "v1 || v2",
    ];
    for text in ranges {
        assert_eq!(
            Spec::parse(text),
            Ok(Spec::Range(Range::parse(text).unwrap())),
            "{text:?}"
        );
    }
    let tags = [
        "latest",
        "next",
        "beta",
        "a",
        "Z",
        "next-11",
        "v",
        "vNext",
        "v1.2.3.4",
        "v1.x.2",
        "v01.2.3",
        "V1",
        "x1",
        "xyz",
        "X.1",
        "x.1",
        "x-1",
        "next_1.0",
        "rc.",
        "v99999999999999999999",
        "v1.2-beta",
    ];
    for text in tags {
        assert_eq!(Spec::parse(text), Ok(Spec::Tag(text)), "{text:?}");
    }
    assert_eq!(Spec::parse(" latest "), Ok(Spec::Tag("latest")));
}

#[test]
fn prints_itself() {
    let table = [
        (" v1.2.3-rc.1+b ", "1.2.3-rc.1"),
        ("", "*"),
        ("x", "*"),
        (" next ", "next"),
        (" ^17  || ^18 ", "^17  || ^18"),
    ];
    for (text, expected) in table {
        let spec = Spec::parse(text).unwrap();
        assert_eq!(spec.to_string(), expected);
        assert_eq!(Spec::parse(expected), Ok(spec));
    }
}

#[track_caller]
fn assert_error(text: &str, offset: usize, message: &str) {
    let error = Spec::parse(text).expect_err(text);
    assert_eq!(error.to_string(), message, "{text:?}");
    assert_eq!(error.offset(), offset, "{text:?}");
    assert_eq!(error.kind(), ErrorKind::Syntax, "{text:?}");
}

#[test]
fn errors_name_the_place() {
    assert_error(
        "^1.2.3.4",
        6,
        "unexpected character '.' after patch version number",
    );
    assert_error("01.0.0", 0, "invalid leading zero in major version number");
    assert_error(
        "  01.0.0",
        2,
        "invalid leading zero in major version number",
    );
    assert_error(
        "git+https://example.com/x.git",
        3,
        "unexpected character '+' while parsing tag",
    );
    assert_error(
        "workspace:^",
        9,
        "unexpected character ':' while parsing tag",
    );
    assert_error(" next tag", 5, "unexpected character ' ' while parsing tag");
    assert_error("nächst", 1, "unexpected character 'ä' while parsing tag");
    assert_error(
        "v1.2.3/x",
        6,
        "unexpected character '/' after patch version number",
    );
    assert_error(
        "x.x.x || y",
        9,
        "unexpected character 'y' while parsing major version number",
    );
    assert_error(
        "_private",
        0,
        "unexpected character '_' while parsing major version number",
    );
    assert_error(
        "../x",
        0,
        "unexpected character '.' while parsing major version number",
    );
    assert_error(
        "@acme/x",
        0,
        "unexpected character '@' while parsing major version number",
    );
    let error = Spec::parse("^9007199254740992").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

proptest! {
    /// Every version pins itself, with each of the prefixes.
    #[test]
    fn a_version_is_pinned(text in version_text(), prefix in "=?v?|= ", build in "(\\+[0-9a-z]{1,4})?") {
        let spec = format!("{prefix}{text}{build}");
        prop_assert_eq!(Spec::parse(&spec), Ok(Spec::Pinned(version(&text))));
    }

    /// A text is a spec if it is a range or a word, and nothing else is.
    #[test]
    fn is_a_range_or_a_word(text in "[0-3xv=^ |.a_é*-]{0,10}") {
        let trimmed = text.trim();
        let is_word = trimmed.starts_with(|first: char| first.is_ascii_alphabetic())
            && trimmed.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        let spec = Spec::parse(&text);
        prop_assert_eq!(spec.is_ok(), is_word || Range::parse(&text).is_ok());
        if let Err(error) = spec {
            prop_assert!(text.is_char_boundary(error.offset()));
        }
    }
}
