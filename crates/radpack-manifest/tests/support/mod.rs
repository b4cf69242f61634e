//! What several tests share: manifests made at random, what a manifest means, and a plain writer to compare with.

#![allow(dead_code, reason = "each test uses its own part")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use radpack_manifest::{Dependency, Entry, Manifest, Package, Unknown, Variant};
use semver::Version;
use serde_json::{Map, Value, json};

const VERSIONS: &[&str] = &[
    "0.0.0",
    "0.0.1",
    "0.1.0",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0",
    "1.0.1",
    "1.2.0",
    "1.10.0",
    "2.0.0-rc.1",
    "2.0.0",
    "10.0.0",
    "9007199254740991.0.0",
];
const ENTRIES: &[&str] = &[
    "index",
    "legacy",
    "c/common",
    "c/x@1",
    "locale/fr",
    "locale/de/ch",
    "Z",
    "é",
    "😀/🎉",
    "a b",
    "${lang}",
];
const DEPENDENCIES: &[&str] = &[
    "colors@^3",
    "colors",
    "@acme/shapes@>=1 <3/locale/fr",
    "react@^17 || ^18",
    "x@latest",
    "${theme}/x",
    "~/index",
    "😀@*",
    "B",
    "a/index",
    "a@",
];

/// A text that JSON has to escape, or not.
fn text() -> impl Strategy<Value = String> {
    select(vec![
        "a",
        "",
        "a\"b\\c\n\u{1}\u{7f}\u{2028}é😀",
        "${x}",
        "/",
        "0",
    ])
    .prop_map(str::to_owned)
}

fn unknown() -> impl Strategy<Value = Unknown> {
    // Only what serde_json's tree keeps exactly, for it is compared with.
    let value = select(vec![
        "null",
        r#"{"b":[1,-2.5,{"z":1,"a":"é"}],"a":true,"":[]}"#,
        r#""te\\xt\n""#,
        "{}",
    ]);
    let keys = select(vec!["x", "extra", "\n", "é", "w"]);
    let some = vec((keys, value), 0..3).prop_map(|pairs| {
        let mut unknown = Unknown::default();
        for (key, json) in pairs {
            unknown.insert(key, json).unwrap();
        }
        unknown
    });
    prop_oneof![4 => Just(Unknown::default()), 1 => some]
}

/// Some of `0..count`, in any order.
fn some_of(count: usize) -> impl Strategy<Value = Vec<usize>> {
    subsequence((0..count).collect::<Vec<_>>(), 0..=count.min(4)).prop_shuffle()
}

fn contents(items: usize) -> impl Strategy<Value = Variant> {
    let file = option::of(select(vec!["a.js", "c/b.js", "😀.js"]).prop_map(str::to_owned));
    let url = option::weighted(
        0.2,
        select(vec!["https://x/y.js", "${cdn}/y.js"]).prop_map(str::to_owned),
    );
    let integrity = option::weighted(0.3, Just("sha384-x".to_owned()));
    (
        file,
        url,
        some_of(items),
        some_of(items),
        integrity,
        unknown(),
    )
        .prop_map(
            |(file, url, statics, dynamics, integrity, unknown)| Variant {
                versions: Vec::new(),
                file,
                url,
                statics,
                dynamics,
                integrity,
                unknown,
            },
        )
}

/// Variants in any order, no two of which claim one version, but possibly with the same contents.
fn variants(versions: usize, items: usize) -> impl Strategy<Value = Vec<Variant>> {
    (
        vec(contents(items), 1..4),
        vec(option::of(0..6_usize), versions),
    )
        .prop_map(|(contents, claims)| {
            let mut variants: Vec<Variant> = contents.iter().chain(&contents).cloned().collect();
            for (version, claim) in claims.into_iter().enumerate().rev() {
                if let Some(claim) = claim {
                    let count = variants.len();
                    variants[claim % count].versions.push(version);
                }
            }
            variants
        })
}

pub(crate) fn package() -> impl Strategy<Value = Package> {
    let versions = subsequence(VERSIONS, 0..6).prop_shuffle();
    let entries = subsequence(ENTRIES, 0..5).prop_shuffle();
    let dependencies = subsequence(DEPENDENCIES, 0..4).prop_shuffle();
    (versions, entries, dependencies).prop_flat_map(|(versions, entries, dependencies)| {
        let (count, items) = (versions.len(), entries.len() + dependencies.len());
        let tags = btree_map(
            select(vec!["latest", "next", "é"]).prop_map(str::to_owned),
            0..count.max(1),
            0..3,
        );
        let tags = tags.prop_map(move |tags| if count == 0 { BTreeMap::new() } else { tags });
        let all = vec(variants(count, items), entries.len());
        (all, tags, unknown()).prop_map(move |(all, tags, unknown)| Package {
            versions: versions
                .iter()
                .map(|version| Version::parse(version).unwrap())
                .collect(),
            entries: entries
                .iter()
                .zip(all)
                .map(|(name, variants)| Entry {
                    name: (*name).to_owned(),
                    variants,
                })
                .collect(),
            dependencies: dependencies.iter().map(|id| (*id).to_owned()).collect(),
            tags,
            unknown,
        })
    })
}

/// Manifests that are right, in any order.
pub(crate) fn manifest() -> impl Strategy<Value = Manifest> {
    let names = select(vec![
        "shapes",
        "@acme/shapes",
        "@acme/a-b_c",
        "😀",
        "Z",
        "a",
    ])
    .prop_map(str::to_owned);
    let vars = btree_map(
        select(vec!["baseUrl", "url", "cdn", "é\""]).prop_map(str::to_owned),
        text(),
        0..3,
    );
    let url = option::weighted(0.1, Just("../other.json".to_owned()));
    (
        vars,
        btree_map(names, package(), 0..4),
        any::<bool>(),
        url,
        unknown(),
    )
        .prop_map(|(vars, exports, offered, url, unknown)| Manifest {
            vars,
            exports,
            offered,
            url,
            unknown,
        })
}

/// What a package says of one entry at one version.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fact {
    file: Option<String>,
    url: Option<String>,
    integrity: Option<String>,
    statics: BTreeSet<String>,
    dynamics: BTreeSet<String>,
    unknown: Unknown,
}

/// What a manifest means, whatever its order: by package, entry and version.
pub(crate) fn meaning(manifest: &Manifest) -> BTreeMap<(String, String, String), Fact> {
    let mut facts = BTreeMap::new();
    for (name, package) in &manifest.exports {
        for (tag, index) in &package.tags {
            let target = Fact {
                url: Some(package.versions[*index].to_string()),
                ..nothing()
            };
            facts.insert((name.clone(), "tags".to_owned(), tag.clone()), target);
        }
        for entry in &package.entries {
            for variant in &entry.variants {
                for &version in &variant.versions {
                    let key = (
                        name.clone(),
                        format!("/{}", entry.name),
                        package.versions[version].to_string(),
                    );
                    let earlier = facts.insert(key.clone(), fact(package, variant));
                    assert_eq!(earlier, None, "{key:?} is claimed twice");
                }
            }
        }
    }
    facts
}

fn nothing() -> Fact {
    fact(&Package::default(), &Variant::default())
}

fn fact(package: &Package, variant: &Variant) -> Fact {
    let ids = |indices: &[usize]| {
        let id = |&index: &usize| match package.dependency(index).unwrap() {
            Dependency::Own(entry) => format!("own {}", entry.name),
            Dependency::Outside(id) => format!("outside {id}"),
        };
        indices.iter().map(id).collect()
    };
    Fact {
        file: variant.file.clone(),
        url: variant.url.clone(),
        integrity: variant.integrity.clone(),
        statics: ids(&variant.statics),
        dynamics: ids(&variant.dynamics),
        unknown: variant.unknown.clone(),
    }
}

/// The manifest as JSON in its own order, written with serde_json alone, and with nothing left out that can stand.
pub(crate) fn plain(manifest: &Manifest) -> Value {
    let version = |version: &Version| {
        let mut array = vec![
            json!(version.major),
            json!(version.minor),
            json!(version.patch),
        ];
        if !version.pre.is_empty() {
            array.push(json!(format!("-{}", version.pre)));
        }
        Value::Array(array)
    };
    let variant = |variant: &Variant| {
        let mut object = object(&variant.unknown);
        object.insert("d".to_owned(), json!(variant.dynamics));
        object.insert("s".to_owned(), json!(variant.statics));
        if let Some(integrity) = &variant.integrity {
            object.insert("i".to_owned(), json!(integrity));
        }
        if let Some(url) = &variant.url {
            object.insert("u".to_owned(), json!(url));
        }
        if let Some(file) = &variant.file {
            object.insert("f".to_owned(), json!(file));
        }
        object.insert("v".to_owned(), json!(variant.versions));
        Value::Object(object)
    };
    let package = |package: &Package| {
        let mut object = object(&package.unknown);
        object.insert("t".to_owned(), json!(package.tags));
        let entries = package.entries.iter();
        let entries = entries.map(|entry| {
            json!([
                entry.name,
                entry.variants.iter().map(variant).collect::<Vec<_>>()
            ])
        });
        let dependencies = package.dependencies.iter().map(|id| json!(id));
        object.insert("d".to_owned(), entries.chain(dependencies).collect());
        object.insert(
            "v".to_owned(),
            package.versions.iter().map(version).collect(),
        );
        Value::Object(object)
    };
    let mut object = object(&manifest.unknown);
    object.insert(
        "url".to_owned(),
        manifest.url.as_ref().map_or(json!(false), |url| json!(url)),
    );
    object.insert("register".to_owned(), json!(manifest.offered));
    let exports: Map<_, _> = manifest
        .exports
        .iter()
        .map(|(name, value)| (name.clone(), package(value)))
        .collect();
    object.insert("exports".to_owned(), Value::Object(exports));
    object.insert("vars".to_owned(), json!(manifest.vars));
    Value::Object(object)
}

/// Unknown keys as serde_json reads them.
fn object(unknown: &Unknown) -> Map<String, Value> {
    let value = |(key, json): (&str, &str)| (key.to_owned(), serde_json::from_str(json).unwrap());
    unknown.iter().map(value).collect()
}
