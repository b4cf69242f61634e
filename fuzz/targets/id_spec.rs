//! Ids and specs: parsing and writing them, and that every way to an answer gives the same one: the hot lanes, the full
//! path, and the plain way without an index.
#![no_main]

use std::sync::LazyLock;

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::{Corpus, fuzz_target};
use radpack_fuzz::{INTERNAL, LOWER, UPPER, selected};
use radpack_manifest::{Id, Manifest};
use radpack_resolve::{Found, Index, Layer, Memo, ResolveError};
use radpack_version::{
    Direct, Fallback, Fit, MAX_COMPONENT, Simple, Spec, TagTarget, VersionRef, pin_spec, pin_tilde,
    select, select_direct, sort_newest_first,
};

static MANIFEST: LazyLock<Manifest> =
    LazyLock::new(|| Manifest::from_slice(LOWER.as_bytes()).expect("it is valid"));
static ONE: LazyLock<Index> = LazyLock::new(|| Index::from_json(LOWER).expect("it is valid"));
static LAYERS: LazyLock<Index> = LazyLock::new(|| {
    let layers = [LOWER, UPPER, INTERNAL].map(Layer::json);
    Index::from_layers(layers).expect("they are valid")
});

const FALLBACKS: [Fallback; 4] = [
    Fallback::None,
    Fallback::Compatible,
    Fallback::SameMajor,
    Fallback::Any,
];
const NAMES: [&str; 8] = [
    "@acme/shop",
    "cycle",
    "d3",
    "huge",
    "small",
    "emoji-😀",
    "app",
    "nowhere",
];
const ENTRIES: [&str; 10] = [
    "",
    "/index",
    "/array",
    "/array.js",
    "/array.js.mjs",
    "/cart",
    "/x.js",
    "/",
    "/index.js",
    "/c/a/chunk/with/a/name/that/does/not/fit/into/a/record",
];
const PRERELEASES: [&str; 12] = [
    "",
    "",
    "",
    "0",
    "1",
    "10",
    "alpha",
    "alpha.1",
    "alpha.beta",
    "rc.1",
    "-",
    "99999999999999999999",
];

#[derive(Arbitrary, Debug)]
enum Component {
    Small(u8),
    Byte(u8),
    /// Around the limits of a packed key's fields.
    Edge(u8, i8),
    Any(u64),
}

#[derive(Arbitrary, Debug)]
struct Version(Component, Component, Component, u8);

#[derive(Arbitrary, Debug)]
enum Text<'a> {
    Free(&'a str),
    Signed(u8, Version, u8),
    Between(Version, Version),
    Either(Version, Version),
}

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    name: u8,
    entry: u8,
    spec: Text<'a>,
    versions: Vec<Version>,
    id: &'a str,
}

impl Component {
    fn number(&self) -> u64 {
        match self {
            Component::Small(number) => u64::from(number % 4),
            Component::Byte(number) => (*number).into(),
            Component::Edge(which, by) => {
                let edge = [1_u64 << 19, 1 << 25, 1 << 32, 1 << 53][usize::from(which % 4)];
                edge.saturating_add_signed((*by).into()).min(MAX_COMPONENT)
            }
            Component::Any(number) => number % (MAX_COMPONENT + 1),
        }
    }
}

impl Version {
    fn get(&self) -> VersionRef<'static> {
        VersionRef {
            pre: PRERELEASES[usize::from(self.3) % PRERELEASES.len()],
            ..VersionRef::new(self.0.number(), self.1.number(), self.2.number())
        }
    }
}

impl Text<'_> {
    fn text(&self) -> String {
        const SIGNS: [&str; 10] = ["^", "~", "", "=", "v", ">=", "<", "<=", ">", "^v"];
        match self {
            Text::Free(text) => (*text).to_owned(),
            Text::Signed(sign, version, form) => {
                let version = version.get();
                let (major, minor) = (version.major, version.minor);
                let sign = SIGNS[usize::from(*sign) % SIGNS.len()];
                match form % 5 {
                    0 => format!("{sign}{major}"),
                    1 => format!("{sign}{major}.{minor}"),
                    2 => format!("{sign}{major}.{minor}.x"),
                    _ => format!("{sign}{version}"),
                }
            }
            Text::Between(low, high) => format!("{} - {}", low.get(), high.get()),
            Text::Either(one, other) => format!("^{} || <{}", one.get(), other.get()),
        }
    }
}

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(bytes)) else {
        return Corpus::Reject;
    };
    let spec = input.spec.text();
    let mut versions: Vec<_> = input.versions.iter().map(Version::get).collect();
    sort_newest_first(&mut versions);
    check_version(&spec);
    check_order(&versions);
    check_spec(&spec, &versions);
    let name = NAMES[usize::from(input.name) % NAMES.len()];
    let entry = ENTRIES[usize::from(input.entry) % ENTRIES.len()];
    let composed = format!("{name}@{spec}{entry}");
    for id in [&composed, input.id] {
        check_id(id, name);
        check_resolved(id);
    }
    if !spec.contains('/') {
        // Blanks around a spec mean nothing, but no hot lane takes them.
        check_same(&composed, &format!("{name}@ {spec} {entry}"));
    }
    Corpus::Keep
});

/// Ours against the `semver` crate, where numbers are in bounds.
fn check_version(text: &str) {
    let ours = VersionRef::parse(text);
    match semver::Version::parse(text) {
        Ok(other) if other.major.max(other.minor).max(other.patch) <= MAX_COMPONENT => {
            let ours = ours.expect("it is SemVer");
            let without_build = semver::Version {
                build: semver::BuildMetadata::EMPTY,
                ..other
            };
            assert_eq!(ours.to_semver(), without_build);
            assert_eq!(ours.to_string(), without_build.to_string());
        }
        _ => assert!(ours.is_err(), "{text:?} is no SemVer"),
    }
}

fn check_order(versions: &[VersionRef<'_>]) {
    for pair in versions.windows(2) {
        let [high, low] = [pair[0], pair[1]];
        assert_eq!(high.cmp(&low), high.to_semver().cmp(&low.to_semver()));
        assert!(high.key().bits() | 1 >= low.key().bits(), "{high} {low}");
        if high.key() == low.key() && high.key().is_exact() {
            assert_eq!(high, low);
        }
    }
    for version in versions {
        assert_eq!(VersionRef::parse(&version.to_string()), Ok(*version));
        if let Some((major, minor, patch)) = version.key().triple() {
            assert_eq!(VersionRef::new(major, minor, patch), *version);
        }
        for pin in [pin_spec(*version), pin_tilde(*version)] {
            let pin = Spec::parse(&pin).expect("pins are specs");
            let found = select(&[*version], &pin, Fallback::None, |_| TagTarget::Unknown);
            assert!(found.is_ok(), "{pin} does not admit {version}");
        }
    }
}

fn check_spec(text: &str, versions: &[VersionRef<'_>]) {
    let simple = Simple::parse(text.as_bytes());
    let spec = match Spec::parse(text) {
        Ok(spec) => spec,
        Err(error) => {
            assert!(simple.is_none(), "the hot lane takes what is no spec");
            let _ = error.to_string();
            return;
        }
    };
    let shown = spec.to_string();
    assert_eq!(Spec::parse(&shown), Ok(spec), "{text:?} shown as {shown:?}");
    if let Spec::Range(range) = spec {
        for version in versions {
            let admitted = range.contains(*version);
            let by_one = range.alternatives().any(|one| one.contains(*version));
            assert_eq!(admitted, by_one);
            if admitted {
                assert!(
                    range.lowest().is_some_and(|lowest| lowest <= *version),
                    "{range} {version}"
                );
            }
        }
        let highest = versions.iter().find(|version| range.contains(**version));
        let direct = select_direct(versions, &spec, Fallback::None, |_| TagTarget::Unknown);
        match direct {
            Direct::Selected(selected) => assert_eq!(Some(&versions[selected.index]), highest),
            _ => assert_eq!(highest, None),
        }
    }
    let mut best = None;
    for fallback in FALLBACKS {
        let found = select(versions, &spec, fallback, |_| TagTarget::Unknown);
        match (best, found) {
            (Some(best), found) => {
                assert!(found.is_ok_and(|found| found == best || found.fit == Fit::Nearest))
            }
            (None, Ok(found)) if found.fit != Fit::Nearest => best = Some(found),
            _ => {}
        }
    }
    if let Some(simple) = simple {
        let exact: Vec<_> = versions
            .iter()
            .copied()
            .filter(|version| version.key().is_exact())
            .collect();
        let keys: Vec<u64> = exact.iter().map(|version| version.key().bits()).collect();
        for fallback in FALLBACKS {
            let full = select(&exact[..], &spec, fallback, |_| TagTarget::Unknown).ok();
            let hot = simple.select(&keys, fallback);
            assert_eq!(
                hot.map(|found| (keys[found.index], found.fit, found.drift)),
                full.map(|found| (keys[found.index], found.fit, found.drift)),
            );
        }
    }
}

fn check_id(text: &str, scope: &str) {
    let Ok(id) = Id::parse(text) else {
        return;
    };
    let shown = id.to_string();
    assert_eq!(Id::parse(&shown), Ok(id));
    assert_eq!(Id::check_name(id.name), Ok(()));
    assert_eq!(Id::check_entry(id.entry), Ok(()));
    let own = format!("~/{}", id.entry);
    let inside = Id::parse_in(&own, Some(scope)).expect("the scope is a package");
    assert_eq!(
        (inside.name, inside.spec, inside.entry),
        (scope, None, id.entry)
    );
    let scoped = ONE.query().scope(scope).resolve(&own).ok();
    assert_eq!(scoped, ONE.resolve(&format!("{scope}/{}", id.entry)).ok());
}

/// One register: the index against the plain way.
fn check_resolved(id: &str) {
    for fallback in FALLBACKS {
        let query = ONE.query().fallback(fallback);
        let found = query.resolve(id);
        let expected = selected(&MANIFEST, id, fallback);
        let plain = found
            .as_ref()
            .ok()
            .map(|found| (found.version(), found.fit(), found.drift()));
        assert_eq!(plain, expected, "{id:?} {fallback}");
        if let Err(error) = found {
            assert_eq!(error.id(), id);
            let _ = query.suggest(error).to_string();
        }
    }
    check_same(id, id);
}

/// Several registers: two ids that mean the same, asked for in every way.
fn check_same(id: &str, other: &str) {
    for fallback in FALLBACKS {
        let query = LAYERS.query().fallback(fallback);
        let one = outcome(query.resolve(id));
        assert_eq!(outcome(query.resolve(other)), one, "{id:?} and {other:?}");
        let mut memo = Memo::new(2);
        for _ in 0..2 {
            assert_eq!(outcome(memo.resolve(&query, id)), one);
        }
        query.resolve_batch(&["d3@^4", id, other], |at, answer| {
            if at > 0 {
                assert_eq!(outcome(answer), one);
            }
        });
    }
}

fn outcome(answer: Result<Found<'_>, ResolveError>) -> String {
    match answer {
        Ok(found) => format!("{found:?} {:?} {}", found.drift(), found.layer()),
        Err(error) => format!(
            "{:?} {:?} {:?}",
            error.kind(),
            error.available(),
            error.looser()
        ),
    }
}
