//! What all of it is for: real packages, built one after another into one growing register; then every kind of spec resolved
//! against it, and every file of the closures there, with the integrity that the manifest states.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use radpack_testkit::{BUILD_ORDER, npm_packages};
use serde_json::Value;
use sha2::{Digest, Sha384};

use crate::program::radpack_in;

#[test]
fn real_packages_are_built_and_resolved() {
    let packages = npm_packages().unwrap_or_else(|error| panic!("{error}"));
    let out = tempfile::tempdir().unwrap();
    for package in BUILD_ORDER {
        let folder = packages.folder(package);
        let mut arguments = vec!["build", folder.to_str().unwrap(), "--out", "."];
        if package.name == "lodash-es" {
            // it has no `exports`: people import its files one by one
            arguments.extend(["--entry", "*=./*.js"]);
        }
        let ran = radpack_in(out.path(), arguments).run();
        assert_eq!(
            ran.code, 0,
            "{} {}: {}",
            package.name, package.version, ran.stderr
        );
    }

    every_kind_of_spec_is_answered(out.path());
    let ids = every_entry(out.path());
    assert!(ids.len() > 650, "{} entries", ids.len());
    every_file_of_the_closures_is_there(out.path(), &ids);
    an_import_map_covers(
        out.path(),
        &[
            "d3-scale@^4",
            "d3-shape",
            "d3-zoom@3",
            "lodash-es",
            "preact/compat/server",
        ],
    );
}

/// Specs of every kind, and the version that each must get.
fn every_kind_of_spec_is_answered(out: &Path) {
    let cases = [
        ("d3-array", "3.2.5", "in-range"),
        ("d3-array@*", "3.2.5", "in-range"),
        ("d3-array@latest", "3.2.5", "in-range"),
        ("d3-array@3.2.5", "3.2.5", "exact"),
        ("d3-array@v3.2.5", "3.2.5", "exact"),
        ("d3-array@3.2.4", "3.2.5", "nearest"),
        ("d3-array@^3.1", "3.2.5", "in-range"),
        ("d3-array@~3.2.0", "3.2.5", "in-range"),
        ("d3-array@^2", "2.12.1", "in-range"),
        ("d3-array@~2.12", "2.12.1", "in-range"),
        ("d3-array@2.12.0", "2.12.1", "nearest"),
        ("d3-array@1", "1.2.4", "in-range"),
        ("d3-array@1.x", "1.2.4", "in-range"),
        ("d3-array@>=1 <3", "2.12.1", "in-range"),
        ("d3-array@1.0 - 2", "2.12.1", "in-range"),
        ("d3-array@^1 || ^2", "2.12.1", "in-range"),
        ("internmap@^1", "1.0.1", "in-range"),
        ("internmap@^2", "2.0.3", "in-range"),
        ("d3-scale@4", "4.0.3", "in-range"),
        ("lodash-es/map", "4.18.1", "in-range"),
        ("lodash-es@4.17.21/map.js", "4.18.1", "nearest"),
        ("preact@^11/compat/client", "11.2.0", "in-range"),
    ];
    let ids: Vec<&str> = cases.iter().map(|(id, ..)| *id).collect();
    let ran = radpack_in(out, ["resolve", "--json"])
        .input(ids.join("\n"))
        .run();
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
    let lines = ran.values();
    assert_eq!(lines.len(), cases.len());
    for ((id, version, fit), line) in cases.iter().zip(&lines) {
        assert_eq!(
            (&line["id"], &line["version"], &line["fit"]),
            (&(*id).into(), &(*version).into(), &(*fit).into())
        );
    }
    let another_major = radpack_in(out, ["resolve", "--json", "d3-array@9"]).run();
    assert_eq!(another_major.code, 1);
    assert!(another_major.stdout.contains("\"error\":\"unavailable\""));
}

/// `name@version/entry` of every entry at every version.
fn every_entry(out: &Path) -> Vec<String> {
    let manifest: Value =
        serde_json::from_slice(&fs::read(out.join("radpack.json")).unwrap()).unwrap();
    let mut ids = Vec::new();
    for (name, package) in manifest["exports"].as_object().unwrap() {
        let versions = package["v"].as_array().unwrap();
        for dependency in package["d"].as_array().unwrap() {
            let Some([entry, variants]) = dependency.as_array().map(Vec::as_slice) else {
                continue;
            };
            let used = variants
                .as_array()
                .unwrap()
                .iter()
                .flat_map(|variant| variant["v"].as_array().unwrap());
            for index in used {
                let parts = versions[index.as_u64().unwrap() as usize]
                    .as_array()
                    .unwrap();
                let part =
                    |position: usize| parts.get(position).and_then(Value::as_u64).unwrap_or(0);
                ids.push(format!(
                    "{name}@{}.{}.{}/{}",
                    part(0),
                    part(1),
                    part(2),
                    entry.as_str().unwrap()
                ));
            }
        }
    }
    ids
}

fn every_file_of_the_closures_is_there(out: &Path, ids: &[String]) {
    let mut seen = BTreeSet::new();
    for ids in ids.chunks(200) {
        let mut arguments = vec!["graph", "--json"];
        arguments.extend(ids.iter().map(String::as_str));
        let ran = radpack_in(out, arguments).run();
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        for line in ran.stdout.lines() {
            let module: Value = serde_json::from_str(line).unwrap();
            let url = module["url"].as_str().unwrap();
            if seen.insert(url.to_owned()) {
                let integrity = module["integrity"].as_str().unwrap();
                assert_eq!(integrity_of(url), integrity, "{url}");
            }
        }
    }
    assert!(seen.len() > 700, "{} files", seen.len());
}

fn integrity_of(file_url: &str) -> String {
    let path = file_url.strip_prefix("file://").unwrap();
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    integrity(&bytes)
}

/// The integrity of contents, as manifests state it.
pub(crate) fn integrity(contents: &[u8]) -> String {
    format!(
        "sha384-{}",
        BASE64_STANDARD.encode(Sha384::digest(contents))
    )
}

/// Every bare import in the files of the map is one of its keys, and leads to a file.
fn an_import_map_covers(out: &Path, ids: &[&str]) {
    let mut arguments = vec!["import-map", "--json"];
    arguments.extend(ids);
    let ran = radpack_in(out, arguments).run();
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let map: Value = serde_json::from_str(&ran.stdout).unwrap();
    let imports = map["imports"].as_object().unwrap();
    for id in ids {
        assert!(imports.contains_key(*id), "{id}");
    }
    for pin in [
        "d3-array@^3",
        "d3-interpolate@^3",
        "d3-selection@^3",
        "d3-color@^3",
    ] {
        assert!(imports.contains_key(pin), "{pin}");
    }
    let integrity = map["integrity"].as_object().unwrap();
    assert!(integrity.len() > 650, "{}", integrity.len());
    for (url, stated) in integrity {
        assert_eq!(integrity_of(url), *stated, "{url}");
    }
    for url in imports.values() {
        assert!(integrity.contains_key(url.as_str().unwrap()), "{url}");
    }
}
