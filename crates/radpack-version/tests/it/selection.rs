//! Selection: the worked cases, and every rule against a plain reading of the page on resolution.

use std::cmp::Reverse;

use proptest::prelude::*;
use radpack_version::{
    Direct, Drift, Fallback, Fit, Key, Selected, Spec, TagTarget, Unavailable, UnavailableKind,
    VersionRef, Versions, select, select_direct, select_nearest, sort_newest_first,
};
use serde::Deserialize;

use crate::support::{fixture, version};

const FALLBACKS: [Fallback; 4] = [
    Fallback::None,
    Fallback::Compatible,
    Fallback::SameMajor,
    Fallback::Any,
];

#[derive(Deserialize)]
struct Case {
    why: String,
    available: Vec<String>,
    spec: String,
    fallback: String,
    expect: Expectation,
}

#[derive(Deserialize)]
struct Expectation {
    version: Option<String>,
    fit: Option<String>,
    drift: Option<String>,
    error: Option<String>,
}

#[track_caller]
fn run(case: &Case) {
    let mut available: Vec<_> = case.available.iter().map(|text| version(text)).collect();
    sort_newest_first(&mut available);
    let fallback = case.fallback.parse().unwrap();
    let outcome = match Spec::parse(&case.spec) {
        Err(_) => Err("invalid-spec"),
        Ok(spec) => {
            select(&available, &spec, fallback, |_| TagTarget::Unknown).map_err(|error| match error
                .kind
            {
                UnavailableKind::UnknownTag => "unknown-tag",
                _ => "unavailable",
            })
        }
    };
    let Case { why, expect, .. } = case;
    match outcome {
        Ok(selected) => {
            let expected = expect.version.as_deref().map(version);
            assert_eq!(Some(available[selected.index]), expected, "{why}");
            assert_eq!(Some(selected.fit.as_str()), expect.fit.as_deref(), "{why}");
            assert_eq!(
                selected.drift.is_some(),
                selected.fit == Fit::Nearest,
                "{why}"
            );
            if let Some(drift) = &expect.drift {
                assert_eq!(
                    selected.drift.map(Drift::as_str),
                    Some(drift.as_str()),
                    "{why}"
                );
            }
            let first = available
                .iter()
                .position(|one| *one == available[selected.index]);
            assert_eq!(
                first,
                Some(selected.index),
                "{why}: of equal ones the first"
            );
        }
        Err(error) => assert_eq!(Some(error), expect.error.as_deref(), "{why}"),
    }
}

#[test]
fn worked_cases() {
    let cases: Vec<Case> = fixture("select/select.json");
    assert!(cases.len() >= 57, "only {} cases", cases.len());
    cases.iter().for_each(run);
}

#[test]
fn further_cases() {
    let cases: Vec<Case> = fixture("select/more.json");
    assert!(cases.len() >= 69, "only {} cases", cases.len());
    cases.iter().for_each(run);
}

fn list<'a>(texts: &[&'a str]) -> Vec<VersionRef<'a>> {
    let mut versions: Vec<_> = texts.iter().map(|text| version(text)).collect();
    sort_newest_first(&mut versions);
    versions
}

#[test]
fn tags() {
    let versions = list(&["1.0.0", "2.0.0", "3.0.0-rc.1"]);
    let at = |name, target| {
        let spec = Spec::parse(name).unwrap();
        select(&versions, &spec, Fallback::Any, |asked| {
            assert_eq!(asked, name);
            target
        })
    };
    let in_range = |index| {
        Ok(Selected {
            index,
            fit: Fit::InRange,
            drift: None,
        })
    };
    let kind = |outcome: Result<Selected, Unavailable>| outcome.unwrap_err().kind;
    assert_eq!(at("next", TagTarget::At(0)), in_range(0));
    assert_eq!(at("latest", TagTarget::At(2)), in_range(2));
    assert_eq!(at("latest", TagTarget::Unknown), in_range(1));
    assert_eq!(
        kind(at("next", TagTarget::Unknown)),
        UnavailableKind::UnknownTag
    );
    assert_eq!(
        kind(at("next", TagTarget::Missing)),
        UnavailableKind::TagLacksEntry
    );
    assert_eq!(
        kind(at("latest", TagTarget::Missing)),
        UnavailableKind::TagLacksEntry
    );
    assert_eq!(at("next", TagTarget::Missing).unwrap_err().looser, None);
    // Only a tag asks for tags.
    for spec in ["1.0.0", "^1", "*"] {
        let spec = Spec::parse(spec).unwrap();
        let asked = |_: &str| -> TagTarget { panic!("{spec} is no tag") };
        assert!(select(&versions, &spec, Fallback::None, asked).is_ok());
    }
}

/// Registers are asked one after another, so the two halves stand alone.
#[test]
fn halves() {
    let versions = list(&["1.0.1", "1.1.0-rc.1"]);
    let direct = |spec, fallback| {
        let spec = Spec::parse(spec).unwrap();
        select_direct(&versions, &spec, fallback, |_| TagTarget::Unknown)
    };
    let nearest = |spec, fallback| select_nearest(&versions, &Spec::parse(spec).unwrap(), fallback);
    assert_eq!(direct("1.0.0", Fallback::Any), Direct::NotFound);
    assert_eq!(
        nearest("1.0.0", Fallback::SameMajor),
        Some(Selected {
            index: 1,
            fit: Fit::Nearest,
            drift: Some(Drift::Patch)
        })
    );
    assert_eq!(nearest("1.0.0", Fallback::None), None);
    assert_eq!(direct("next", Fallback::Any), Direct::UnknownTag);
    // Rules 3 and 4 are whole in the first half.
    for spec in ["*", "latest", "next"] {
        assert_eq!(nearest(spec, Fallback::Any), None);
    }
    let prereleases = list(&["1.1.0-rc.1"]);
    for spec in [Spec::Any, Spec::Tag("latest")] {
        let at = |fallback| select_direct(&prereleases, &spec, fallback, |_| TagTarget::Unknown);
        assert_eq!(at(Fallback::None), Direct::NotFound);
        let selected = Selected {
            index: 0,
            fit: Fit::Nearest,
            drift: Some(Drift::Prerelease),
        };
        assert_eq!(at(Fallback::Compatible), Direct::Selected(selected));
    }
}

#[test]
fn errors_say_what_a_looser_fallback_gives() {
    let versions = list(&["0.4.0", "2.0.0"]);
    let looser = |spec, fallback| {
        let spec = Spec::parse(spec).unwrap();
        let error = select(&versions, &spec, fallback, |_| TagTarget::Unknown).unwrap_err();
        assert_eq!(error.kind, UnavailableKind::Nothing);
        let looser = error
            .looser
            .map(|(fallback, selected)| (fallback, versions[selected.index]));
        (looser, error.to_string())
    };
    let same_major = "no available version fits; fallback 'same-major' gives one".to_owned();
    let expected = (Some((Fallback::SameMajor, version("0.4.0"))), same_major);
    assert_eq!(looser("^0.3.0", Fallback::None), expected);
    assert_eq!(looser("^0.3.0", Fallback::Compatible), expected);
    let any = "no available version fits; fallback 'any' gives one".to_owned();
    let expected = (Some((Fallback::Any, version("2.0.0"))), any);
    assert_eq!(looser("1.0.0", Fallback::None), expected);
    assert_eq!(looser("1.0.0", Fallback::SameMajor), expected);
    let nothing = (None, "no available version fits".to_owned());
    assert_eq!(looser(">2 <1", Fallback::None), nothing);

    let prereleases = list(&["3.0.0-rc.1"]);
    for spec in [Spec::Any, Spec::Tag("latest")] {
        let outcome = select(&prereleases, &spec, Fallback::None, |_| TagTarget::Unknown);
        let (fallback, selected) = outcome.unwrap_err().looser.unwrap();
        assert_eq!((fallback, selected.index), (Fallback::Compatible, 0));
    }
    let outcome = select(&[] as &[VersionRef<'_>], &Spec::Any, Fallback::Any, |_| {
        TagTarget::Unknown
    });
    assert_eq!(outcome.unwrap_err().looser, None);

    let tag = |target| {
        let outcome = select(&versions, &Spec::Tag("next"), Fallback::Any, |_| target);
        outcome.unwrap_err().to_string()
    };
    assert_eq!(tag(TagTarget::Unknown), "unknown tag");
    assert_eq!(
        tag(TagTarget::Missing),
        "the tagged version lacks the entry"
    );
}

#[test]
fn names() {
    for (fallback, name) in FALLBACKS
        .into_iter()
        .zip(["none", "compatible", "same-major", "any"])
    {
        assert_eq!(fallback.as_str(), name);
        assert_eq!(fallback.to_string(), name);
        assert_eq!(name.parse(), Ok(fallback));
    }
    assert!(FALLBACKS.is_sorted());
    assert_eq!(Fallback::default(), Fallback::SameMajor);
    for wrong in ["", "None", "samemajor", "any "] {
        assert_eq!(
            wrong.parse::<Fallback>().unwrap_err().to_string(),
            "unknown fallback, expected none, compatible, same-major or any"
        );
    }
    let fits = [Fit::Exact, Fit::InRange, Fit::Nearest];
    assert_eq!(
        fits.map(|fit| fit.to_string()),
        ["exact", "in-range", "nearest"]
    );
    let drifts = [Drift::Major, Drift::Minor, Drift::Patch, Drift::Prerelease];
    assert_eq!(
        drifts.map(|drift| drift.to_string()),
        ["major", "minor", "patch", "prerelease"]
    );
}

#[test]
fn lists_of_every_kind() {
    let borrowed = [version("2.0.0"), version("1.0.0-rc.1")];
    let owned: Vec<semver::Version> = borrowed.iter().map(VersionRef::to_semver).collect();
    fn at<V: Versions + ?Sized>(versions: &V) -> (usize, Option<usize>) {
        let found = select_nearest(
            versions,
            &Spec::parse("1.0.0").unwrap(),
            Fallback::SameMajor,
        );
        assert_eq!(versions.is_empty(), versions.len() == 0);
        assert!(
            (0..versions.len()).all(|index| versions.key(index) == versions.version(index).key())
        );
        (versions.len(), found.map(|found| found.index))
    }
    let expected = (2, Some(1));
    assert_eq!(at(&borrowed), expected);
    assert_eq!(at(&borrowed[..]), expected);
    assert_eq!(at(&borrowed.to_vec()), expected);
    assert_eq!(at(&&borrowed), expected);
    assert_eq!(at(&owned), expected);
    assert_eq!(at(&owned[..]), expected);
    assert_eq!(at(&[] as &[semver::Version]), (0, None));
}

/// A list that keeps its keys beside its versions, as an index does.
struct Keyed<'a>(Vec<(Key, VersionRef<'a>)>);

impl Versions for Keyed<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn version(&self, index: usize) -> VersionRef<'_> {
        self.0[index].1
    }

    fn key(&self, index: usize) -> Key {
        self.0[index].0
    }
}

/// Rules 1 to 3 and 5, read off the page one by one: over a list in any order, without a thought for speed.
fn plain<'a>(
    available: &[VersionRef<'a>],
    spec: &Spec<'_>,
    fallback: Fallback,
) -> Option<(VersionRef<'a>, Fit)> {
    let highest = |admitted: &dyn Fn(&VersionRef<'_>) -> bool| {
        available.iter().copied().filter(|one| admitted(one)).max()
    };
    match spec {
        Spec::Pinned(pinned) => {
            if let Some(found) = highest(&|one| one == pinned) {
                return Some((found, Fit::Exact));
            }
            plain_nearest(available, *pinned, false, fallback)
        }
        Spec::Range(range) => {
            if let Some(found) = highest(&|one| range.contains(*one)) {
                return Some((found, Fit::InRange));
            }
            let mut bases: Vec<(VersionRef<'_>, bool)> = range
                .alternatives()
                .filter_map(|one| Some((one.lowest()?, !one.contains(one.lowest()?))))
                .collect();
            bases.sort_by_key(|base| Reverse(*base));
            bases
                .iter()
                .find_map(|(base, above)| plain_nearest(available, *base, *above, fallback))
        }
        Spec::Any | Spec::Tag(_) => highest(&|one| one.is_stable())
            .map(|found| (found, Fit::InRange))
            .or_else(|| Some((highest(&|_| fallback != Fallback::None)?, Fit::Nearest))),
    }
}

/// `above`: the base is what comes right above `base`.
fn plain_nearest<'a>(
    available: &[VersionRef<'a>],
    base: VersionRef<'_>,
    above: bool,
    fallback: Fallback,
) -> Option<(VersionRef<'a>, Fit)> {
    let mut candidates: Vec<VersionRef<'a>> = available
        .iter()
        .copied()
        .filter(|one| match fallback {
            Fallback::None => false,
            Fallback::Compatible => {
                one.major == base.major && (base.major > 0 || one.minor == base.minor)
            }
            Fallback::SameMajor => one.major == base.major,
            Fallback::Any => true,
        })
        .collect();
    if base.is_stable() && candidates.iter().any(VersionRef::is_stable) {
        candidates.retain(VersionRef::is_stable);
    }
    let shared = |one: &VersionRef<'_>| {
        let pairs = [
            (one.major, base.major),
            (one.minor, base.minor),
            (one.patch, base.patch),
        ];
        pairs
            .iter()
            .take_while(|(left, right)| left == right)
            .count()
    };
    let most = candidates.iter().map(shared).max()?;
    candidates.retain(|one| shared(one) == most);
    let is_above = |one: &VersionRef<'_>| if above { *one > base } else { *one >= base };
    let closest_above = candidates.iter().copied().filter(is_above).min();
    let closest_below = candidates
        .iter()
        .copied()
        .filter(|one| !is_above(one))
        .max();
    Some((closest_above.or(closest_below)?, Fit::Nearest))
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![12 => 0u64..3, 2 => 3u64..6, 1 => Just((1 << 19) - 1), 1 => Just(1 << 40)]
}

fn close_version() -> impl Strategy<Value = String> {
    (number(), number(), number(), "(-(0|1|a|a\\.0|a\\.1|b))?")
        .prop_map(|(major, minor, patch, tail)| format!("{major}.{minor}.{patch}{tail}"))
}

fn spec() -> impl Strategy<Value = String> {
    let partial = prop_oneof![
        3 => close_version(),
        1 => (number(), number()).prop_map(|(major, minor)| format!("{major}.{minor}")),
        1 => number().prop_map(|major| major.to_string()),
    ];
    let comparator = ("\\^|~|<|<=|>|>=|>|", partial)
        .prop_map(|(operator, partial)| format!("{operator}{partial}"));
    let alternative =
        proptest::collection::vec(comparator, 1..3).prop_map(|comparators| comparators.join(" "));
    prop_oneof![
        3 => close_version(),
        6 => proptest::collection::vec(alternative, 1..4).prop_map(|all| all.join(" || ")),
        1 => "|\\*|latest",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn agrees_with_a_plain_reading(
        texts in proptest::collection::vec(close_version(), 0..10),
        spec in spec(),
    ) {
        let mut available: Vec<_> = texts.iter().map(|text| version(text)).collect();
        sort_newest_first(&mut available);
        let keyed = Keyed(available.iter().map(|one| (one.key(), *one)).collect());
        let spec = Spec::parse(&spec).unwrap();
        for fallback in FALLBACKS {
            let outcome = select(&available, &spec, fallback, |_| TagTarget::Unknown);
            prop_assert_eq!(outcome, select(&keyed, &spec, fallback, |_| TagTarget::Unknown));
            let expected = plain(&available, &spec, fallback);
            let found = outcome.ok().map(|found| (available[found.index], found.fit));
            prop_assert_eq!(found, expected, "{} {} {:?}", spec, fallback, available);
            if let Ok(Selected { index, .. }) = outcome {
                prop_assert!(index == 0 || available[index - 1] != available[index]);
            } else if let Some((looser, selected)) = outcome.unwrap_err().looser {
                let expected = FALLBACKS
                    .into_iter()
                    .find_map(|looser| Some((looser, plain(&available, &spec, looser)?)));
                prop_assert_eq!(Some((looser, (available[selected.index], selected.fit))), expected);
            } else {
                prop_assert_eq!(plain(&available, &spec, Fallback::Any), None);
            }
        }
    }

    /// A list that is not sorted gives some version of it or none, but no panic.
    #[test]
    fn an_unsorted_list_does_no_harm(
        texts in proptest::collection::vec(close_version(), 0..10),
        spec in spec(),
    ) {
        let available: Vec<_> = texts.iter().map(|text| version(text)).collect();
        let spec = Spec::parse(&spec).unwrap();
        for fallback in FALLBACKS {
            if let Ok(found) = select(&available, &spec, fallback, |_| TagTarget::Unknown) {
                prop_assert!(found.index < available.len());
            }
        }
    }
}
