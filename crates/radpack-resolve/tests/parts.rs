//! The part of an index that some roots need, against the whole.

mod common;

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::path::Path;

use common::manifest;
use proptest::prelude::*;
use radpack_manifest::{Flatten, Manifest, Register};
use radpack_resolve::{Found, Index, Layer, Query, ResolveErrorKind};

fn index(manifests: &[Manifest]) -> Index {
    Index::from_layers(manifests.iter().map(Layer::manifest)).unwrap()
}

/// All that an answer says.
fn told(query: &Query<'_, '_>, found: &Found<'_>) -> String {
    let ids = |dependencies: radpack_resolve::Dependencies<'_>| -> Vec<_> {
        dependencies
            .map(|dependency| dependency.id().into_owned())
            .collect()
    };
    format!(
        "{} of {}: {:?} {:?} {:?} {:?} {:?} {:?}",
        found.pinned_id(),
        found.layer(),
        found.fit(),
        found.drift(),
        query.url(found),
        found.integrity(),
        ids(found.statics()),
        ids(found.dynamics()),
    )
}

/// A root's closure in its order, each file once: the whole may have a file twice, of versions that are neighbours only in the part, where
/// they share one variant.
fn loaded(query: &Query<'_, '_>, id: &str) -> (bool, Vec<String>) {
    let closure = query.closure(id).unwrap();
    let mut files = Vec::new();
    for found in &closure {
        let (url, integrity) = (query.url(found), found.integrity());
        let file = format!("{}/{} {url:?} {integrity:?}", found.name(), found.entry());
        if !files.contains(&file) {
            files.push(file);
        }
    }
    (files.len() == closure.len(), files)
}

/// Everything that roots lead to: each dependency of each module with its answer.
fn followed(query: &Query<'_, '_>, roots: &[String]) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    let mut open = Vec::new();
    for id in roots {
        let found = query.resolve(id).unwrap();
        lines.insert(format!("{id}: {}", told(query, &found)));
        open.push(found);
    }
    while let Some(found) = open.pop() {
        for dependency in found.statics().chain(found.dynamics()) {
            let id = dependency.id();
            let Ok(target) = query.dependency(&dependency) else {
                continue;
            };
            // Asked from outside, too, which knows no internal register and nothing of `~`.
            let asked = query.resolve(&id).map(|found| told(query, &found)).ok();
            let line = format!(
                "{} wants {id}: {} {asked:?}",
                found.pinned_id(),
                told(query, &target)
            );
            if lines.insert(line) {
                open.push(target);
            }
        }
    }
    lines
}

/// Asserts that the part says what the whole says; gives its exports.
#[track_caller]
fn assert_part(whole: &Index, roots: &[String]) -> usize {
    let query = whole.query();
    let part = match query.closure_manifests(roots) {
        Ok(part) => part,
        Err(error) => {
            let failed = |id: &String| query.closure(id).is_err();
            assert!(roots.iter().any(failed), "{roots:?}: {error}");
            return 0;
        }
    };
    for manifest in &part {
        assert_eq!(
            Manifest::from_slice(manifest.to_json().as_bytes()).as_ref(),
            Ok(manifest)
        );
    }
    let part = index(&part);
    assert_eq!(
        followed(&part.query(), roots),
        followed(&query, roots),
        "{roots:?}"
    );
    for id in roots {
        let ((_, part), (each_once, whole)) = (loaded(&part.query(), id), loaded(&query, id));
        if each_once {
            assert_eq!(part, whole, "{id}");
        } else {
            // Versions that share a variant are followed from the first of them only.
            assert!(part.iter().all(|file| whole.contains(file)), "{id}");
        }
    }
    // Nothing is left that could still be left out.
    let again = part.query().closure_manifests(roots).unwrap();
    assert_eq!(again, part.to_manifests().unwrap(), "{roots:?}");
    part.len()
}

/// Ids of every package and entry, with several specs.
fn ids(index: &Index) -> Vec<String> {
    let mut ids = Vec::new();
    for package in index.packages() {
        for entry in package.entries() {
            for spec in ["", "@^1", "@0.1.1", "@next", "@latest"] {
                ids.push(match entry.name() {
                    "index" => format!("{}{spec}", package.name()),
                    entry => format!("{}{spec}/{entry}", package.name()),
                });
            }
        }
    }
    ids
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn a_part_answers_as_the_whole_does(bottom in manifest(), top in manifest(), roots in prop::collection::vec(any::<prop::sample::Index>(), 1..4)) {
        for layers in [vec![&bottom], vec![&bottom, &top]] {
            let whole = Index::from_layers(layers.into_iter().map(|json| Layer::json(json.clone()))).unwrap();
            let ids = ids(&whole);
            let roots: Vec<_> = roots.iter().map(|at| ids[at.index(ids.len())].clone()).collect();
            assert_part(&whole, &roots);
            for root in roots {
                assert_part(&whole, &[root]);
            }
        }
    }
}

#[test]
fn a_part_holds_what_its_roots_need_and_nothing_else() {
    let json = r#"{"vars":{"baseUrl":"https://h"},"exports":{
        "app":{"v":[[2],[1]],"d":[["index",[{"v":[0],"f":"2.js"},{"v":[1],"f":"1.js","s":[1,3],"d":[4,5]}]],
            ["c/x",[{"v":[0],"f":"x2.js"},{"v":[1],"f":"x1.js"}]],["other",[{"v":[0,1],"f":"o.js"}]],"d3@^3","gone","lazy"],"t":{"old":1,"next":0}},
        "d3":{"v":[[4],[3,1],[3,0]],"d":[["index",[{"v":[0],"f":"d4.js"},{"v":[1,2],"f":"d3.js"}]],["map",[{"v":[1],"f":"m.js"}]]]},
        "lazy":{"v":[[1]],"d":[["index",[{"v":[0],"f":"l.js","s":[1]}]],"d3@^4"]},
        "rest":{"v":[[1]],"d":[["index",[{"v":[0],"f":"r.js"}]]]}}}"#;
    let whole = Index::from_json(json).unwrap();
    let part = whole.query().closure_manifests(&["app@^1"]).unwrap();
    let expected = r#"{"vars":{"baseUrl":"https://h"},"exports":{
        "app":{"v":[[2],[1]],"d":[["index",[{"v":[1],"f":"1.js","s":[1,2],"d":[3,4]}]],["c/x",[{"v":[1],"f":"x1.js"}]],"d3@^3","gone","lazy"],"t":{"old":1,"next":0}},
        "d3":{"v":[[4],[3,1]],"d":[["index",[{"v":[0],"f":"d4.js"},{"v":[1],"f":"d3.js"}]]]},
        "lazy":{"v":[[1]],"d":[["index",[{"v":[0],"f":"l.js","s":[1]}]],"d3@^4"]}}}"#;
    assert_eq!(part, [Manifest::from_slice(expected.as_bytes()).unwrap()]);

    let missing = whole.query().closure_manifests(&["app@^1", "nope"]);
    assert_eq!(
        missing.unwrap_err().kind(),
        ResolveErrorKind::UnknownPackage
    );
    let none: &[&str] = &[];
    let nothing = whole.query().closure_manifests(none).unwrap();
    assert_eq!(
        nothing[0].to_json(),
        r#"{"vars":{"baseUrl":"https://h"},"exports":{}}"#
    );
}

#[test]
fn versions_that_become_neighbours_share_a_variant() {
    let json = r#"{"exports":{
        "app":{"v":[[1]],"d":[["index",[{"v":[0],"f":"app.js","s":[1,2]}]],"d3@1.0.0","d3@1.2.0"]},
        "d3":{"v":[[1,2],[1,1],[1]],"d":[["index",[{"v":[0],"f":"same.js"},{"v":[1],"f":"other.js"},{"v":[2],"f":"same.js"}]]]}}}"#;
    let whole = Index::from_json(json).unwrap();
    let part = index(&whole.query().closure_manifests(&["app"]).unwrap());
    assert_eq!(whole.closure("app").unwrap().len(), 3);
    assert_eq!(part.closure("app").unwrap().len(), 2);
    assert_part(&whole, &["app".to_owned()]);
}

#[test]
fn every_root_of_the_fixtures() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    let mut files = vec![fixtures.join("packages/register/radpack.json")];
    for file in std::fs::read_dir(fixtures.join("manifest/valid")).unwrap() {
        files.push(file.unwrap().path());
    }
    let mut parts = 0;
    for file in files {
        let register = Register::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let Ok(manifests) = Flatten::new(None, register).finish() else {
            continue;
        };
        let whole = index(&manifests);
        for root in ids(&whole) {
            parts += usize::from(assert_part(&whole, &[root]) > 0);
        }
    }
    assert!(parts > 50, "{parts}");
}

#[test]
fn every_root_of_a_real_list() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/fixtures/radpack1/widgets.json");
    let Ok(json) = std::fs::read(&file) else {
        // Not by `eprintln!`, which nobody sees of a test that passes.
        let _ = writeln!(io::stderr(), "no real list, for lack of {}", file.display());
        return;
    };
    let manifests = Flatten::new(None, Register::from_slice(&json).unwrap())
        .finish()
        .unwrap();
    let whole = index(&manifests);
    let mut parts = 0;
    for root in ids(&whole) {
        parts += usize::from(assert_part(&whole, &[root]) > 0);
    }
    assert!(parts > 50, "{parts}");
}
