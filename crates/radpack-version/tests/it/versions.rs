//! Parsing a version, what it says when that fails, and SemVer's precedence.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use proptest::prelude::*;
use radpack_version::{ErrorKind, MAX_COMPONENT, VersionRef};

use crate::support::{version, version_text};

#[track_caller]
fn assert_error(text: &str, offset: usize, kind: ErrorKind, message: &str) {
    let error = VersionRef::parse(text).expect_err(text);
    assert_eq!(error.to_string(), message, "{text:?}");
    assert_eq!(error.offset(), offset, "{text:?}");
    assert_eq!(error.kind(), kind, "{text:?}");
}

#[test]
fn errors_name_the_place() {
    let syntax = |text: &str, offset, message: &str| {
        assert_error(text, offset, ErrorKind::Syntax, message);
    };
    syntax("", 0, "empty string, expected a version");
    syntax(
        "x",
        0,
        "unexpected character 'x' while parsing major version number",
    );
    syntax(
        "v1.2.3",
        0,
        "unexpected character 'v' while parsing major version number",
    );
    syntax(
        " 1.2.3",
        0,
        "unexpected character ' ' while parsing major version number",
    );
    syntax(
        "-1.2.3",
        0,
        "unexpected character '-' while parsing major version number",
    );
    syntax(
        "1",
        1,
        "unexpected end of input while parsing minor version number",
    );
    syntax(
        "1.",
        2,
        "unexpected end of input while parsing minor version number",
    );
    syntax(
        "1.2",
        3,
        "unexpected end of input while parsing patch version number",
    );
    syntax(
        "1.2.",
        4,
        "unexpected end of input while parsing patch version number",
    );
    syntax(
        "1.x.3",
        2,
        "unexpected character 'x' while parsing minor version number",
    );
    syntax(
        "1.2.*",
        4,
        "unexpected character '*' while parsing patch version number",
    );
    syntax(
        "1,2,3",
        1,
        "unexpected character ',' after major version number",
    );
    syntax(
        "1.2-beta",
        3,
        "unexpected character '-' after minor version number",
    );
    syntax(
        "1.2.3.4",
        5,
        "unexpected character '.' after patch version number",
    );
    syntax(
        "1.2.3beta",
        5,
        "unexpected character 'b' after patch version number",
    );
    syntax(
        "1.2.3 ",
        5,
        "unexpected character ' ' after patch version number",
    );
    syntax(
        "1.2.3é",
        5,
        "unexpected character 'é' after patch version number",
    );
    syntax(
        "1.2.3-a_b",
        7,
        "unexpected character '_' after pre-release identifier",
    );
    syntax(
        "1.2.3-_",
        6,
        "unexpected character '_' while parsing pre-release identifier",
    );
    syntax(
        "1.2.3-a.😀",
        8,
        "unexpected character '😀' while parsing pre-release identifier",
    );
    syntax(
        "1.2.3+a_b",
        7,
        "unexpected character '_' after build metadata",
    );
    syntax(
        "1.2.3+a+b",
        7,
        "unexpected character '+' after build metadata",
    );
    syntax(
        "1.2.3\n",
        5,
        "unexpected character '\\n' after patch version number",
    );
    syntax("01.2.3", 0, "invalid leading zero in major version number");
    syntax("1.02.3", 2, "invalid leading zero in minor version number");
    syntax("1.2.00", 4, "invalid leading zero in patch version number");
    syntax(
        "1.2.3-a.01",
        8,
        "invalid leading zero in pre-release identifier",
    );
    syntax(
        "1.2.3-",
        6,
        "empty identifier segment in pre-release identifier",
    );
    syntax(
        "1.2.3-+b",
        6,
        "empty identifier segment in pre-release identifier",
    );
    syntax(
        "1.2.3-a..b",
        8,
        "empty identifier segment in pre-release identifier",
    );
    syntax("1.2.3+", 6, "empty identifier segment in build metadata");
    syntax(
        "1.2.3+a..b",
        8,
        "empty identifier segment in build metadata",
    );

    let large = |text: &str, offset, message: &str| {
        assert_error(text, offset, ErrorKind::TooLarge, message);
    };
    large(
        "9007199254740992.0.0",
        0,
        "value of major version number exceeds 9007199254740991",
    );
    large(
        "1.9007199254740992.0",
        2,
        "value of minor version number exceeds 9007199254740991",
    );
    large(
        "1.2.99999999999999999999",
        4,
        "value of patch version number exceeds 9007199254740991",
    );
}

#[test]
fn reads_what_semver_has() {
    let table = [
        ("0.0.0", VersionRef::new(0, 0, 0)),
        ("1.20.300", VersionRef::new(1, 20, 300)),
        (
            "1.2.3-0",
            VersionRef {
                pre: "0",
                ..VersionRef::new(1, 2, 3)
            },
        ),
        (
            "1.2.3-rc.1",
            VersionRef {
                pre: "rc.1",
                ..VersionRef::new(1, 2, 3)
            },
        ),
        (
            "1.2.3--",
            VersionRef {
                pre: "-",
                ..VersionRef::new(1, 2, 3)
            },
        ),
        (
            "1.2.3-01a.b-c",
            VersionRef {
                pre: "01a.b-c",
                ..VersionRef::new(1, 2, 3)
            },
        ),
        ("1.2.3+001.-", VersionRef::new(1, 2, 3)),
        (
            "1.2.3-a+b",
            VersionRef {
                pre: "a",
                ..VersionRef::new(1, 2, 3)
            },
        ),
        (
            "9007199254740991.9007199254740991.9007199254740991",
            VersionRef::new(MAX_COMPONENT, MAX_COMPONENT, MAX_COMPONENT),
        ),
    ];
    for (text, expected) in table {
        assert_eq!(version(text), expected);
    }
}

/// The chain of section 11 of SemVer, and more of the kind.
#[test]
fn orders_by_precedence() {
    let ascending = [
        "0.0.0-0",
        "0.0.0",
        "1.0.0-0",
        "1.0.0-9",
        "1.0.0-10",
        "1.0.0-99999999999999999999",
        "1.0.0-100000000000000000000",
        "1.0.0--",
        "1.0.0-0a",
        "1.0.0-A",
        "1.0.0-alpha",
        "1.0.0-alpha.0",
        "1.0.0-alpha.1",
        "1.0.0-alpha.1.0",
        "1.0.0-alpha.beta",
        "1.0.0-alpha-",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "1.0.1-0",
        "1.0.1",
        "1.1.0",
        "1.2.0",
        "1.10.0",
        "2.0.0",
        "10.0.0",
        "600000.0.0",
    ];
    for (index, left) in ascending.iter().enumerate() {
        for (other, right) in ascending.iter().enumerate() {
            assert_eq!(
                version(left).cmp(&version(right)),
                index.cmp(&other),
                "{left} {right}"
            );
        }
    }
}

#[test]
fn a_version_built_by_hand_is_ordered_too() {
    let odd = [
        "", ".", "..", "a..b", "01", "1", "001", "é", "-", " ", "1.", ".1",
    ];
    let version = |pre| VersionRef {
        pre,
        ..VersionRef::new(1, 0, 0)
    };
    for left in odd {
        for right in odd {
            let order = version(left).cmp(&version(right));
            assert_eq!(order, version(right).cmp(&version(left)).reverse());
            assert_eq!(order.is_eq(), left == right, "{left:?} {right:?}");
        }
    }
    assert_eq!(version("01").to_semver(), semver::Version::new(1, 0, 0));
}

fn hash(version: &VersionRef<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    version.hash(&mut hasher);
    hasher.finish()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    /// The `semver` crate reads and orders versions as we do.
    #[test]
    fn agrees_with_semver(left in version_text(), right in version_text()) {
        let (semver_left, semver_right): (semver::Version, semver::Version) =
            (left.parse().unwrap(), right.parse().unwrap());
        let (left, right) = (version(&left), version(&right));
        prop_assert_eq!(left, VersionRef::from(&semver_left));
        prop_assert_eq!(&left.to_semver(), &semver_left);
        prop_assert_eq!(left.cmp(&right), semver_left.cmp(&semver_right));
        prop_assert_eq!(left == right, left.cmp(&right).is_eq());
        if left == right {
            prop_assert_eq!(hash(&left), hash(&right));
        }
    }

    #[test]
    fn prints_what_it_read(text in version_text(), build in "(\\+[0-9A-Za-z-]{1,5})?") {
        prop_assert_eq!(version(&text).to_string(), text.clone());
        let built = format!("{text}{build}");
        prop_assert_eq!(version(&built), version(&text));
    }

    /// Any text gives a version that `semver` reads too, or an error within the text.
    #[test]
    fn reads_any_text(text in "[0-9.]{0,8}[-+a-z0-9.é ]{0,8}") {
        match VersionRef::parse(&text) {
            Ok(version) => {
                let same: semver::Version = text.parse().unwrap();
                prop_assert_eq!(version, VersionRef::from(&same));
            }
            Err(error) => {
                prop_assert!(text.is_char_boundary(error.offset()));
                prop_assert!(text.parse::<semver::Version>().is_err());
            }
        }
    }
}
