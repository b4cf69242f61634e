//! npm's ranges: npm's own answers, another implementation, and what is said of a text that is no range.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use radpack_version::{ErrorKind, Range, VersionRef};
use serde::Deserialize;

use crate::support::{fixture, version};

#[derive(Deserialize)]
struct Case {
    range: String,
    valid: bool,
    /// npm accepts it by accident; we do not.
    #[serde(default)]
    accident: bool,
    #[serde(default, rename = "in")]
    admitted: Vec<String>,
    #[serde(default, rename = "out")]
    refused: Vec<String>,
    /// npm's `minVersion`; outer nothing where npm cannot say.
    #[serde(default, deserialize_with = "some")]
    lowest: Option<Option<String>>,
}

fn some<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

fn cases() -> Vec<Case> {
    fixture("select/npm-ranges.json")
}

/// Every range means what it means to npm.
#[test]
fn agrees_with_npm() {
    let (mut valid, mut invalid, mut accidents, mut judged) = (0, 0, 0, 0);
    for case in cases() {
        let Case {
            range: text,
            valid: expected,
            accident,
            admitted,
            refused,
            ..
        } = case;
        if accident {
            assert!(
                expected && Range::parse(&text).is_err(),
                "{text:?} is an accident"
            );
            accidents += 1;
            continue;
        }
        let range = match Range::parse(&text) {
            Ok(range) => range,
            Err(error) => {
                assert!(!expected, "{text:?}: {error}");
                assert!(text.is_char_boundary(error.offset()), "{text:?}");
                invalid += 1;
                continue;
            }
        };
        assert!(expected, "{text:?} is no range");
        valid += 1;
        for candidate in &admitted {
            assert!(
                range.contains(version(candidate)),
                "{text:?} admits {candidate}"
            );
        }
        for candidate in &refused {
            assert!(
                !range.contains(version(candidate)),
                "{text:?} does not admit {candidate}"
            );
        }
        judged += admitted.len() + refused.len();
    }
    assert!(
        valid >= 450 && invalid >= 100 && accidents >= 10 && judged >= 5_000,
        "{valid} valid, {invalid} invalid, {accidents} accidents, {judged} versions judged"
    );
}

/// What npm's `minVersion` says, but for three things that are its own: it takes 0.0.0 for the lowest also where a
/// prerelease of it is admitted; where an alternative's first bound is out of reach, it looks no further; and what
/// follows an exclusive prerelease cannot be borrowed.
#[test]
fn lowest_is_npms() {
    let (mut same, mut lower, mut next) = (0, 0, 0);
    for case in cases() {
        let Some(expected) = case
            .lowest
            .as_ref()
            .filter(|_| case.valid && !case.accident)
        else {
            continue;
        };
        let range = Range::parse(&case.range).unwrap();
        let found = range.lowest();
        let Some(expected) = expected else {
            // npm gives up; if we do not, what we found must be admitted.
            assert!(
                found.is_none_or(|found| range.contains(found)),
                "{:?}: {found:?} is not in it",
                case.range
            );
            continue;
        };
        let Ok(expected) = VersionRef::parse(expected) else {
            // npm counts beyond the largest number that it reads itself.
            continue;
        };
        let found = found.unwrap_or_else(|| panic!("{:?}: {expected}", case.range));
        if found == expected {
            same += 1;
        } else if format!("{found}.0") == expected.to_string() && !range.contains(found) {
            next += 1;
        } else {
            let above = format!("{found}.0");
            let admits = range.contains(found) || range.contains(version(&above));
            assert!(
                admits && found < expected,
                "{:?}: {found}, not {expected}",
                case.range
            );
            lower += 1;
        }
    }
    assert!(
        same >= 400 && next >= 5 && lower >= 3,
        "{same} same, {next} next, {lower} lower"
    );
}

/// The lowest versions that the documentation and the page on resolution promise.
#[test]
fn lowest_by_table() {
    let table = [
        ("^1.2.3", Some("1.2.3")),
        (">1.2.3", Some("1.2.4")),
        (">1.2", Some("1.3.0")),
        (">1", Some("2.0.0")),
        ("<2.0.0", Some("0.0.0")),
        ("<=1.2", Some("0.0.0")),
        ("*", Some("0.0.0")),
        (">=0.0.0-0", Some("0.0.0-0")),
        ("<0.0.0-beta", Some("0.0.0-0")),
        (">=1.2.3-beta.2", Some("1.2.3-beta.2")),
        (">1.2.3-beta.1", Some("1.2.3-beta.1")),
        (">1.2.3-a <=1.2.3-a.0", Some("1.2.3-a")),
        (">1.2.3-a <1.2.3-a.0", None),
        (">1.2.3 <1.2.4-beta", Some("1.2.4-0")),
        (">1.2.3 <1.2.4-0", None),
        (">1.2.2 <1.2.4-beta", Some("1.2.3")),
        (">1.2.9007199254740991", Some("1.3.0")),
        (">1.9007199254740991.9007199254740991", Some("2.0.0")),
        (">9007199254740991.9007199254740991.9007199254740991", None),
        (">2 <1", None),
        (">*", None),
        ("<0.0.0", None),
        (">2 <1 || ^4", Some("4.0.0")),
        ("^18 || ^17 || ^19", Some("17.0.0")),
        (">1.2.3-a || >=1.2.3-a", Some("1.2.3-a")),
        ("3 || *", Some("0.0.0")),
    ];
    for (text, expected) in table {
        let lowest = Range::parse(text).unwrap().lowest();
        assert_eq!(lowest, expected.map(version), "{text}");
    }
}

#[test]
fn alternatives_stand_as_written() {
    let lowest = |text| -> Vec<String> {
        let alternatives = Range::parse(text).unwrap().alternatives();
        alternatives
            .map(|one| {
                one.lowest()
                    .map_or("-".into(), |version| version.to_string())
            })
            .collect()
    };
    assert_eq!(lowest("^18 || >2 <1||^17"), ["18.0.0", "-", "17.0.0"]);
    assert_eq!(lowest("1.2.3"), ["1.2.3"]);
    assert_eq!(lowest(""), ["0.0.0"]);
    assert_eq!(lowest("^18 || * || ^17"), ["0.0.0"]);
    assert_eq!(lowest("^18 ||"), ["0.0.0"]);
}

#[test]
fn keeps_its_text() {
    let range = Range::parse("\t^1.2  || 3 \u{a0}").unwrap();
    assert_eq!(range.as_str(), "^1.2  || 3");
    assert_eq!(range.to_string(), "^1.2  || 3");
    assert_eq!(format!("{range:?}"), "Range(\"^1.2  || 3\")");
    assert_eq!(range, Range::parse("^1.2  || 3").unwrap());
    assert_ne!(range, Range::parse("^1.2 || 3").unwrap());
    assert_eq!(Range::parse(" 1.2.3 ").unwrap().as_str(), "1.2.3");
}

/// White space is what `\s` is in JavaScript, where npm's ranges are read: these and no others.
#[test]
fn white_space_is_javascripts() {
    let spaces = "\t\n\u{b}\u{c}\r \u{a0}\u{1680}\u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\u{2005}\u{2006}\u{2007}\
                  \u{2008}\u{2009}\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}\u{feff}";
    assert_eq!(spaces.chars().count(), 25);
    for character in (0..=0x1_FFFF).filter_map(char::from_u32) {
        let text = format!("{character}^1{character}^1.2{character}");
        assert_eq!(
            Range::parse(&text).is_ok(),
            spaces.contains(character),
            "{character:?}"
        );
    }
}

/// Long texts are read in one pass, to the end.
#[test]
fn long_ranges() {
    let many = "1||".repeat(1_365);
    assert_eq!(
        Range::parse(&many).unwrap().alternatives().count(),
        1,
        "the last one is any"
    );
    let many = format!("{many}2");
    let range = Range::parse(&many).unwrap();
    assert_eq!(range.alternatives().count(), 1_366);
    assert!(range.contains(VersionRef::new(2, 0, 0)) && !range.contains(VersionRef::new(3, 0, 0)));
    let narrowed = "<9 ".repeat(1_365);
    assert!(
        Range::parse(&narrowed)
            .unwrap()
            .contains(VersionRef::new(8, 0, 0))
    );
    let digits = "9".repeat(4_096);
    assert!(Range::parse(&digits).is_err());
}

#[track_caller]
fn assert_error(text: &str, offset: usize, kind: ErrorKind, message: &str) {
    let error = Range::parse(text).expect_err(text);
    assert_eq!(error.to_string(), message, "{text:?}");
    assert_eq!(error.offset(), offset, "{text:?}");
    assert_eq!(error.kind(), kind, "{text:?}");
}

#[test]
fn errors_name_the_place() {
    let syntax = |text: &str, offset, message: &str| {
        assert_error(text, offset, ErrorKind::Syntax, message);
    };
    syntax(
        "^",
        1,
        "unexpected end of input while parsing major version number",
    );
    syntax(
        "^ || 1",
        2,
        "unexpected character '|' while parsing major version number",
    );
    syntax(
        "^1.y",
        3,
        "unexpected character 'y' while parsing minor version number",
    );
    syntax(
        "^1.2.",
        5,
        "unexpected end of input while parsing patch version number",
    );
    syntax(
        "^1.2.3.4",
        6,
        "unexpected character '.' after patch version number",
    );
    syntax(
        ">=1.2.3<2",
        7,
        "unexpected character '<' after patch version number",
    );
    syntax(
        "1.2-beta",
        3,
        "unexpected character '-' after minor version number",
    );
    syntax(
        "^1 || 2 | 3",
        8,
        "unexpected character '|' while parsing major version number",
    );
    syntax(
        "  ^1 || ^2.3.4.5",
        14,
        "unexpected character '.' after patch version number",
    );
    syntax(
        "1.2.3*",
        5,
        "unexpected character '*' after patch version number",
    );
    syntax(
        "1.2.3+a+b",
        7,
        "unexpected character '+' after build metadata",
    );
    syntax(
        "^1.2.3-",
        7,
        "empty identifier segment in pre-release identifier",
    );
    syntax(
        "^1.2.3-a ^1.2.3-01",
        16,
        "invalid leading zero in pre-release identifier",
    );
    syntax(">=01", 2, "invalid leading zero in major version number");
    syntax(
        "==1.2.3",
        1,
        "unexpected character '=' before major version number",
    );
    syntax(
        ">= v=1.2.3",
        4,
        "unexpected character '=' before major version number",
    );
    syntax(
        "vv1.2.3",
        1,
        "unexpected character 'v' before major version number",
    );
    syntax(
        "1 - =2.3.4",
        4,
        "unexpected character '=' before major version number",
    );
    syntax(
        "v 1",
        1,
        "unexpected character ' ' while parsing major version number",
    );
    syntax(
        "^^1",
        1,
        "unexpected character '^' while parsing major version number",
    );
    syntax(
        "^1 - 2",
        3,
        "unexpected character '-' while parsing major version number",
    );
    syntax("1 - 2 3", 6, "unexpected character '3' after hyphen range");
    syntax(
        "1 2 - 3",
        2,
        "unexpected character '2' while parsing hyphen range",
    );
    syntax(
        "1 - 2 - 3",
        6,
        "unexpected character '-' after hyphen range",
    );
    syntax(
        "1 - ",
        2,
        "unexpected character '-' while parsing major version number",
    );
    syntax(
        "1.x.2",
        4,
        "patch version number after a wildcard must be a wildcard too",
    );
    syntax(
        ">=x.1",
        4,
        "minor version number after a wildcard must be a wildcard too",
    );
    syntax(
        "1.2.3 é",
        6,
        "unexpected character 'é' while parsing major version number",
    );

    let large = |text: &str, offset, message: &str| {
        assert_error(text, offset, ErrorKind::TooLarge, message);
    };
    large(
        "^1.9007199254740992",
        3,
        "value of minor version number exceeds 9007199254740991",
    );
    large(
        "^9007199254740991",
        1,
        "value of major version number is too large for a range: the next one exceeds 9007199254740991",
    );
    large(
        "~1.9007199254740991.3",
        3,
        "value of minor version number is too large for a range: the next one exceeds 9007199254740991",
    );
    large(
        "^0.0.9007199254740991",
        5,
        "value of patch version number is too large for a range: the next one exceeds 9007199254740991",
    );
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![6 => "[0-3]", 1 => Just("10".to_owned())]
}

fn plain_version() -> impl Strategy<Value = String> {
    (
        number(),
        number(),
        number(),
        "(-(0|beta|beta\\.1|rc\\.2|1))?",
    )
        .prop_map(|(major, minor, patch, tail)| format!("{major}.{minor}.{patch}{tail}"))
}

/// A comparator without oddities: where implementations differ is the oddities, and npm's answers above decide those.
fn plain_comparator() -> impl Strategy<Value = String> {
    let partial = prop_oneof![
        3 => plain_version(),
        1 => (number(), number()).prop_map(|(major, minor)| format!("{major}.{minor}")),
        1 => (number(), number()).prop_map(|(major, minor)| format!("{major}.{minor}.x")),
        1 => number(),
        1 => number().prop_map(|major| format!("{major}.x")),
    ];
    (prop_oneof![3 => "[~^]", 3 => "[<>]=?", 1 => "=?"], partial)
        .prop_map(|(operator, partial)| format!("{operator}{partial}"))
}

fn plain_hyphen() -> impl Strategy<Value = String> {
    (plain_version(), plain_version()).prop_map(|(from, to)| format!("{from} - {to}"))
}

fn plain_range() -> impl Strategy<Value = String> {
    let alternative = prop_oneof![
        6 => proptest::collection::vec(plain_comparator(), 1..3).prop_map(|all| all.join(" ")),
        1 => plain_hyphen(),
    ];
    proptest::collection::vec(alternative, 1..3).prop_map(|all| all.join(" || "))
}

/// Another implementation of npm's grammar, on random ranges of the kinds that it reads as npm does: it goes astray
/// where comparators exclude each other, and does not know that `>=0.0.0`, also where it comes from `0.x`, is `*`,
/// which matters for prereleases. npm's answers above decide those. The seed is fixed, as its faults are not ours.
#[test]
fn agrees_with_nodejs_semver() {
    let config = ProptestConfig {
        cases: 2048,
        rng_seed: RngSeed::Fixed(17),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let alternative = prop_oneof![6 => plain_comparator(), 1 => plain_hyphen()];
    let ranges = proptest::collection::vec(alternative, 1..4).prop_map(|all| all.join(" || "));
    let candidates = proptest::collection::vec(plain_version(), 8);
    let judged = Cell::new(0);
    let outcome = TestRunner::new(config).run(&(ranges, candidates), |(range, candidates)| {
        let ours = Range::parse(&range).unwrap();
        if ours
            .alternatives()
            .any(|alternative| alternative.lowest().is_none())
        {
            return Ok(());
        }
        let begins_with_zero = |comparator: &str| {
            comparator
                .trim_start_matches(['^', '~', '<', '>', '='])
                .starts_with('0')
        };
        let has_zero = range.split(' ').any(begins_with_zero);
        let theirs = nodejs_semver::Range::parse(&range).unwrap();
        for text in &candidates {
            let candidate = version(text);
            if candidate.is_stable() || !has_zero {
                let expected = theirs.satisfies(&nodejs_semver::Version::parse(text).unwrap());
                prop_assert_eq!(ours.contains(candidate), expected, "{} {}", range, text);
                judged.set(judged.get() + 1);
            }
        }
        Ok(())
    });
    outcome.unwrap();
    assert!(judged.get() >= 8_000, "only {} judged", judged.get());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// The lowest version is admitted, and none of those tried is lower and admitted.
    #[test]
    fn nothing_is_below_the_lowest(
        range in plain_range(),
        candidates in proptest::collection::vec(plain_version(), 16),
    ) {
        let range = Range::parse(&range).unwrap();
        let admitted = candidates.iter().map(|text| version(text)).filter(|one| range.contains(*one));
        match (range.lowest(), admitted.min()) {
            (None, None) => {}
            (None, Some(candidate)) => prop_assert!(false, "{range} admits {candidate}"),
            (Some(lowest), candidate) => {
                let next = format!("{lowest}.0");
                prop_assert!(
                    range.contains(lowest) || range.contains(version(&next)),
                    "{range} does not admit {lowest}"
                );
                prop_assert!(candidate.is_none_or(|one| lowest <= one), "{range} {lowest}");
            }
        }
    }

    /// Any text gives a range that reads itself again, or an error within the text.
    #[test]
    fn reads_any_text(text in "[0-3xX*v=<>^~ |.+a\u{a0}é-]{0,16}") {
        match Range::parse(&text) {
            Ok(range) => {
                prop_assert!(range.alternatives().next().is_some());
                prop_assert_eq!(Range::parse(range.as_str()).unwrap(), range);
                let _ = range.lowest();
                let _ = range.contains(VersionRef::new(1, 2, 3));
            }
            Err(error) => prop_assert!(text.is_char_boundary(error.offset())),
        }
    }
}
