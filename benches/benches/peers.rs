//! First-seen ids against what services do without an index: parse the requirement and scan the versions, with the crates
//! that are made for it; and against an import map, which knows no ranges.
//!
//! Every peer is given its map from name and entry to the parsed versions for nothing: only parsing and scanning are timed
//! beside that one look-up.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::collections::HashMap;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use radpack_benches::workload::{DRAWN, Workload};
use radpack_benches::{compare, quick};
use radpack_manifest::Id;
use radpack_resolve::Index;

/// Name and entry to something for each version, newest first.
type Exports<V> = HashMap<String, Vec<V>, foldhash::fast::FixedState>;

fn exports<V>(workload: &Workload, parse: impl Fn(&str) -> V) -> Exports<V> {
    let versions = |package: &radpack_benches::workload::Package| -> Vec<V> {
        package
            .versions
            .iter()
            .map(|(major, minor, patch)| parse(&format!("{major}.{minor}.{patch}")))
            .collect()
    };
    workload
        .packages
        .iter()
        .map(|package| (package.name.clone(), versions(package)))
        .collect()
}

/// What the requirement crates take: they know neither tags nor an empty requirement.
fn requirement(spec: Option<&str>) -> &str {
    match spec {
        None | Some("latest") => "*",
        Some(spec) => spec,
    }
}

fn peers(criterion: &mut Criterion) {
    let workload = Workload::new(1_000);
    let ids = workload.draw();
    let index = Index::from_json(workload.json.clone()).expect("the workload is valid");
    let query = index.query();
    let rounds = if quick() { 3 } else { 51 };
    let ours = || {
        for id in &ids {
            black_box(query.resolve(id).is_ok());
        }
    };

    let semver_exports = exports(&workload, |text| {
        semver::Version::parse(text).expect("a version")
    });
    let by_semver = || {
        for id in &ids {
            let id = Id::parse(id).expect("an id");
            let spec = requirement(id.spec);
            // A bare number is a caret to this crate, so that pins are told by their first character.
            let found =
                semver_exports
                    .get(id.name)
                    .and_then(|versions| match spec.as_bytes().first() {
                        Some(b'0'..=b'9') => {
                            let pinned = semver::Version::parse(spec).ok()?;
                            versions.iter().find(|version| **version == pinned)
                        }
                        _ => {
                            let requirement = semver::VersionReq::parse(spec).ok()?;
                            versions.iter().find(|version| requirement.matches(version))
                        }
                    });
            black_box(found);
        }
    };
    compare(
        "first-seen id / semver, 1000",
        "must 0.45, aim 0.3",
        rounds,
        ours,
        by_semver,
    );

    let node_exports = exports(&workload, |text| {
        nodejs_semver::Version::parse(text).expect("a version")
    });
    let by_nodejs_semver = || {
        for id in &ids {
            let id = Id::parse(id).expect("an id");
            let range = nodejs_semver::Range::parse(requirement(id.spec)).expect("a range");
            black_box(
                node_exports
                    .get(id.name)
                    .and_then(|all| all.iter().find(|version| range.satisfies(version))),
            );
        }
    };
    compare(
        "first-seen id / nodejs-semver, 1000",
        "for comparison",
        rounds.min(11),
        ours,
        by_nodejs_semver,
    );

    let deno_exports = exports(&workload, |text| {
        deno_semver::Version::parse_from_npm(text).expect("a version")
    });
    let by_deno_semver = || {
        for id in &ids {
            let id = Id::parse(id).expect("an id");
            let range =
                deno_semver::VersionReq::parse_from_npm(requirement(id.spec)).expect("a range");
            black_box(
                deno_exports
                    .get(id.name)
                    .and_then(|all| all.iter().find(|version| range.matches(version))),
            );
        }
    };
    compare(
        "first-seen id / deno_semver, 1000",
        "for comparison",
        rounds.min(11),
        ours,
        by_deno_semver,
    );

    let imports: serde_json::Map<String, serde_json::Value> = ids
        .iter()
        .map(|id| (id.clone(), format!("https://cdn.example/{id}.js").into()))
        .collect();
    let base = url::Url::parse("https://app.example/").expect("a URL");
    let map = serde_json::json!({ "imports": imports }).to_string();
    let map = import_map::parse_from_json(base.clone(), &map)
        .expect("an import map")
        .import_map;
    let by_import_map = || {
        for id in &ids {
            black_box(map.resolve(id, &base).is_ok());
        }
    };
    compare(
        "first-seen id / import_map of those ids",
        "for comparison",
        rounds,
        ours,
        by_import_map,
    );

    let mut group = criterion.benchmark_group("peers");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(DRAWN as u64));
    group.bench_function("radpack", |bencher| bencher.iter(ours));
    group.bench_function("semver", |bencher| bencher.iter(by_semver));
    group.finish();
}

criterion_group!(benches, peers);
criterion_main!(benches);
