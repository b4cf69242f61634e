//! What becomes of a package's modules: names, dependencies, cycles, and what changes when one of them changes.

mod common;

use std::collections::BTreeSet;

use common::{Place, code, problems, tree, urls};
use proptest::prelude::*;
use radpack_build::{Build, LeftOutReason, Report};
use radpack_manifest::{Dependency, Manifest};

fn package(name: &str) -> (String, String) {
    (
        "package.json".to_owned(),
        format!(r#"{{"name":"{name}","version":"1.0.0","exports":"./m0.js"}}"#),
    )
}

/// The dependencies of an entry of a package with one version: statics, then dynamics.
fn needs(manifest: &Manifest, name: &str, entry: &str) -> [Vec<String>; 2] {
    let package = &manifest.exports[name];
    let variant = package.entry(entry).unwrap().variant_at(0).unwrap();
    [&variant.statics, &variant.dynamics].map(|indices| {
        let name = |&index: &usize| match package.dependency(index).unwrap() {
            Dependency::Own(entry) => format!("~/{}", entry.name),
            Dependency::Outside(id) => id.to_owned(),
        };
        indices.iter().map(name).collect()
    })
}

#[test]
fn imports_become_dependencies() {
    let place = Place::new();
    let report = place
        .package_of(&[
            (
                "package.json",
                r#"{"name":"p","version":"1.0.0","type":"module","exports":{".":"./index.js","./x":"./x.js","./y":"./x.js"},
                    "dependencies":{"colors":"^3.1","any":"*"}}"#,
            ),
            (
                "index.js",
                "import 'colors'; import 'any/e'; import './x.js'; import './data.json' with { type: 'json' };
                 import('colors@^2/old'); import('p/y'); import('./lazy.js'); new URL('./a.png', import.meta.url);
                 import './index.js'; import 'https://x.example/y.js';",
            ),
            ("x.js", "export {};"),
            ("lazy.js", "export {};"),
            ("data.json", "{}"),
            ("a.png", "png"),
        ])
        .run()
        .unwrap();
    let manifest = place.manifest();
    assert_eq!(
        needs(&manifest, "p", "index"),
        [
            vec![
                "~/x".to_owned(),
                "~/c/data.json".to_owned(),
                "any/e".to_owned(),
                "colors@^3".to_owned()
            ],
            vec![
                "~/x".to_owned(),
                "~/c/a.png".to_owned(),
                "~/c/lazy".to_owned(),
                "colors@^2/old".to_owned()
            ],
        ]
    );
    let code = code(&report, "index");
    for part in [
        "'colors@^3'",
        "'any/e'",
        "'./x-",
        "'./c/data-",
        "'colors@^2/old'",
        "'./c/lazy-",
        "'./c/a-",
        "'https://x.example/y.js'",
    ] {
        assert!(code.contains(part), "{part} in {code}");
    }
    let urls = urls(&manifest, "p");
    assert_eq!(urls["x@1.0.0"], urls["y@1.0.0"]);
    assert!(
        urls["c/a.png@1.0.0"].ends_with(".png") && urls["c/data.json@1.0.0"].ends_with(".json")
    );
    assert_eq!(report.warnings.len(), 2, "{:?}", report.warnings);
}

#[test]
fn workers_are_modules_and_pins_in_them_are_warned_of() {
    let place = Place::new();
    let report = place
        .package_of(&[
            (
                "package.json",
                r#"{"name":"p","version":"1.0.0","exports":"./index.js","dependencies":{"colors":"^3"}}"#,
            ),
            (
                "index.js",
                "new Worker(new URL('./plain.js', import.meta.url));\nnew Worker(new URL('./needy.js', import.meta.url));",
            ),
            ("plain.js", "onmessage = () => {};"),
            ("needy.js", "import './deep.js';"),
            ("deep.js", "import 'colors';"),
        ])
        .run()
        .unwrap();
    let warnings: Vec<String> = report.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "deep.js:1:8: no register serves colors; it is pinned to \"^3\" by its spec \"^3\" in package.json",
            "index.js:2:20: \"./needy.js\" may run as a worker, where import maps do not reach, and it needs \"colors\"",
        ]
    );
    assert_eq!(
        needs(&place.manifest(), "p", "index")[1],
        ["~/c/needy", "~/c/plain"]
    );
}

#[test]
fn a_change_renames_what_loads_it_and_nothing_else() {
    let place = Place::new();
    let build = |leaf: &str| {
        place
            .package_of(&[
                package("p"),
                (
                    "m0.js".to_owned(),
                    "import './m1.js'; import './m2.js'; export {};".to_owned(),
                ),
                (
                    "m1.js".to_owned(),
                    "import './m3.js'; export {};".to_owned(),
                ),
                ("m2.js".to_owned(), "export {};".to_owned()),
                ("m3.js".to_owned(), format!("export default {leaf:?};")),
            ])
            .run()
            .unwrap()
    };
    let names = |report: &Report| -> Vec<Option<String>> {
        report
            .entries
            .iter()
            .map(|entry| entry.file.clone())
            .collect()
    };
    let (before, after) = (names(&build("a")), names(&build("b")));
    let changed: Vec<bool> = before
        .iter()
        .zip(&after)
        .map(|(before, after)| before != after)
        .collect();
    assert_eq!(
        changed,
        [true, true, false, true],
        "index, c/m1, c/m2, c/m3"
    );
    assert_eq!(names(&build("a")), before);
}

#[test]
fn files_of_a_cycle_are_named_together() {
    let place = Place::new();
    let build = |b: &str| {
        place
            .package_of(&[
                package("p"),
                ("m0.js".to_owned(), "import './a.js'; export {};".to_owned()),
                ("a.js".to_owned(), "import './b.js'; export {};".to_owned()),
                (
                    "b.js".to_owned(),
                    format!("import './c.js'; export default {b:?};"),
                ),
                (
                    "c.js".to_owned(),
                    "import './a.js'; import './outside.js'; export {};".to_owned(),
                ),
                ("outside.js".to_owned(), "export {};".to_owned()),
            ])
            .run()
            .unwrap()
    };
    let hashes = |report: &Report| -> Vec<(String, String)> {
        let hash = |file: &str| file.rsplit('-').next().unwrap().to_owned();
        report
            .entries
            .iter()
            .map(|entry| (entry.name.clone(), hash(entry.file.as_ref().unwrap())))
            .collect()
    };
    let before = hashes(&build("1"));
    let names: Vec<&str> = before.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["index", "c/a", "c/b", "c/c", "c/outside"]);
    assert!(
        before[1].1 == before[2].1 && before[2].1 == before[3].1,
        "{before:?}"
    );
    assert!(code(&build("1"), "c/c").contains("./a-"));
    let after = hashes(&build("2"));
    for (index, changed) in [true, true, true, true, false].into_iter().enumerate() {
        assert_eq!(
            before[index] != after[index],
            changed,
            "{}",
            before[index].0
        );
    }
    assert_eq!(
        needs(&place.manifest(), "p", "c/c")[0],
        ["~/c/a", "~/c/outside"]
    );
}

#[test]
fn a_cycle_and_a_chain_of_thousands_of_modules() {
    let place = Place::new();
    let length = 2_000;
    for closed in [true, false] {
        let mut files = vec![package("long")];
        for number in 0..length {
            let next = match (number + 1 < length, closed) {
                (true, _) => format!("import './m{}.js';", number + 1),
                (false, true) => "import './m0.js';".to_owned(),
                (false, false) => String::new(),
            };
            files.push((format!("m{number}.js"), format!("{next} export {{}};")));
        }
        // Dry, for thousands of files to be synced take their time.
        let report = place.package_of(&files).dry_run(true).run().unwrap();
        assert_eq!(report.entries.len(), length);
    }
}

#[test]
fn own_imports_are_relative_and_name_entries_only() {
    let place = Place::new();
    let build = |import: &str| {
        place
            .package_of(&[
                (
                    "package.json",
                    r#"{"name":"@acme/p","version":"1.0.0","exports":{".":"./index.js","./deep/x":"./x.js","./y.css":"./y.css"}}"#,
                ),
                ("index.js", format!("import {import:?}; export {{}};").as_str()),
                ("x.js", "import '@acme/p'; export {};"),
                ("y.css", ""),
                ("hidden.js", "export {};"),
            ])
            .run()
    };
    for import in ["@acme/p/deep/x", "@acme/p/deep/x.js", "~/deep/x", "./x.js"] {
        let report = build(import).unwrap();
        assert!(
            code(&report, "index").contains("\"./deep/x-"),
            "{}",
            code(&report, "index")
        );
        assert!(
            code(&report, "deep/x").contains("'../index-"),
            "{}",
            code(&report, "deep/x")
        );
        assert!(report.pins.is_empty());
    }
    assert_eq!(
        problems(build("@acme/p/hidden")),
        "index.js:1:8: \"@acme/p/hidden\" names no entry of this package, whose entries are deep/x, index"
    );
    assert_eq!(
        problems(build("~/y.css")),
        "index.js:1:8: \"~/y.css\" names the entry \"y.css\" of this package, which is left out: a style sheet, not an ES module"
    );
    let report = build("@acme/p@^1/deep/x").unwrap();
    assert!(code(&report, "index").contains("\"@acme/p@^1/deep/x\""));
}

#[test]
fn entries_by_option_pattern_and_field() {
    let place = Place::new();
    let files = [
        (
            "package.json",
            r#"{"name":"p","version":"1.0.0","type":"module","module":"main.js"}"#,
        ),
        ("main.js", "export {};"),
        ("a.js", "export {};"),
        ("deep/b.js", "export {};"),
        ("node_modules/x/index.js", "export {};"),
        (".hidden.js", "export {};"),
        ("common.cjs", ""),
        ("plain.js", "1"),
        ("legacy/package.json", "{}"),
        ("legacy/old.js", "module.exports = 1"),
    ];
    let names = |build: Build| -> Vec<String> {
        build
            .run()
            .unwrap()
            .entries
            .into_iter()
            .map(|entry| entry.name)
            .collect()
    };
    let build = || {
        place
            .package_of(&files)
            .out(place.path().join("package/out"))
    };
    assert_eq!(names(build()), ["index"]);
    // The second time there is an output folder to be skipped.
    for _ in 0..2 {
        assert_eq!(
            names(build().entry("*", "./*.js")),
            ["a", "index", "main", "plain", "deep/b"]
        );
    }
    let report = build().entry("*", "./*.js").run().unwrap();
    assert_eq!(report.left_out.len(), 1);
    assert_eq!(
        (report.left_out[0].entry.as_str(), report.left_out[0].reason),
        ("legacy/old", LeftOutReason::CommonJs)
    );
    assert_eq!(
        names(build().entry("index", "./a.js").entry("b.js", "deep/b")),
        ["b", "index"]
    );
    for (name, path, message) in [
        (
            "x",
            "./no.js",
            "the entry option x=./no.js: \"./no.js\" is not there",
        ),
        ("x", "", "the entry option x=: names no file"),
        (
            "x",
            "../no.js",
            "the entry option x=../no.js: \"../no.js\" leads out of the package",
        ),
        (
            "x",
            "./common.cjs",
            "the entry option x=./common.cjs: common.cjs is CommonJS, not an ES module",
        ),
        (
            "x/*",
            "./no/*.js",
            "the entry option x/*=./no/*.js: no file fits the pattern \"./no/*.js\"",
        ),
        (
            "x",
            "./*.js",
            "the entry option x=./*.js: a pattern has one \"*\" in its name and one in its path",
        ),
        (
            "a//b",
            "./a.js",
            "the entry option a//b=./a.js: invalid id \"a//b\": empty segment at byte 2",
        ),
        (
            "x",
            "./legacy/old.js",
            "legacy/old.js:1:1: the entry option x=./legacy/old.js names legacy/old.js, which is no ES module: it has neither \
             import nor export, and neither its extension .mjs nor \"type\": \"module\" says that it is one",
        ),
    ] {
        assert!(
            problems(build().entry(name, path).run()).contains(message),
            "{}",
            problems(build().entry(name, path).run())
        );
    }
}

#[test]
fn the_browser_map_replaces_with_nothing_too() {
    let place = Place::new();
    let report = place
        .package_of(&[
            (
                "package.json",
                r#"{"name":"p","version":"1.0.0","exports":"./index.js","browser":{"fs":false,"./node.js":"./web.js"}}"#,
            ),
            ("index.js", "import fs from 'fs'; export * from './node.js';"),
            ("node.js", "export const node = 1;"),
            ("web.js", "export const web = 1;"),
        ])
        .run()
        .unwrap();
    assert_eq!(code(&report, "c/empty"), "export default {};\n");
    assert_eq!(
        report.entries[0].exports.iter().collect::<Vec<_>>(),
        ["web"]
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever the graph: every import of every file that comes out leads to a file that came out, wherever it is built, and
    /// the bytes are the same.
    #[test]
    fn any_graph_comes_out_whole_and_the_same(
        edges in prop::collection::vec(prop::collection::btree_set((0_usize..9, 0_usize..3), 0..5), 9)
    ) {
        let mut files = vec![package("p")];
        for (number, edges) in edges.iter().enumerate() {
            let mut code = format!("export const m{number} = {number};\n");
            for (target, kind) in edges {
                code += &match kind {
                    0 => format!("import './m{target}.js';\n"),
                    1 => format!("import(\"./m{target}.js\");\n"),
                    _ => format!("new URL('m{target}.js', import.meta.url);\n"),
                };
            }
            files.push((format!("m{number}.js"), code));
        }
        let (place, other) = (Place::new(), Place::new());
        let report = place.package_of(&files).run().unwrap();
        other.package_of(&files).run().unwrap();
        let out = tree(&place.out());
        prop_assert_eq!(&out, &tree(&other.out()));
        place.package_of(&files).run().unwrap();
        prop_assert_eq!(&out, &tree(&place.out()));
        let named: BTreeSet<String> = report.entries.iter().map(|entry| format!("p/{}", entry.file.as_ref().unwrap())).collect();
        for path in &named {
            let code = String::from_utf8(out[path].clone()).unwrap();
            for quoted in code.split(['\'', '"']).skip(1).step_by(2) {
                let folder = path.rsplit_once('/').unwrap().0;
                let target = match quoted.strip_prefix("../") {
                    Some(rest) => format!("{}/{rest}", folder.rsplit_once('/').unwrap().0),
                    None => format!("{folder}/{}", quoted.strip_prefix("./").unwrap()),
                };
                prop_assert!(named.contains(&target), "{} in {}", target, path);
            }
        }
    }
}
