//! Versions over time: what one build after another leaves in an output folder, and what registers add to it.

mod common;

use std::fs;

use common::{Place, manifest_in, tree, urls, versions};
use radpack_build::{Build, Change, ErrorKind, FileAction, Location, Reason, Report, Source};
use radpack_manifest::Manifest;
use semver::Version;

fn changes(report: &Report) -> Vec<String> {
    report
        .versions
        .iter()
        .map(|change| format!("{} {:?}", change.version, change.change))
        .collect()
}

#[test]
fn the_examples() {
    let place = Place::new();
    let something = |version: &str| place.package("something", version);
    let after = |build: Build| {
        build.run().unwrap();
        versions(&place.manifest(), "something")
    };
    assert_eq!(after(something("1.0.0")), "1.0.0");
    assert_eq!(after(something("1.0.1")), "1.0.1");
    assert_eq!(after(something("1.1.0").keep_minors(true)), "1.1.0 1.0.1");
    assert_eq!(after(something("1.1.0")), "1.1.0");
    assert_eq!(after(something("2.0.0")), "2.0.0 1.1.0");
    assert_eq!(after(something("1.1.1")), "2.0.0 1.1.1");
}

#[test]
fn the_report_says_what_became_of_each_version_and_why() {
    let place = Place::new();
    for version in ["1.0.0", "1.1.0-beta.1", "2.0.0"] {
        place.package("something", version).run().unwrap();
    }
    let report = place.package("something", "1.1.0").run().unwrap();
    assert_eq!(
        changes(&report),
        [
            "2.0.0 Kept",
            "1.1.0 Added",
            "1.1.0-beta.1 Dropped",
            "1.0.0 Dropped"
        ]
    );
    assert_eq!(report.versions[2].reason, Reason::Released);
    assert_eq!(report.versions[3].reason, Reason::OtherMinor);
    assert_eq!(report.versions[3].displaced_by, Some(Version::new(1, 1, 0)));
    let report = place.package("something", "1.1.0").run().unwrap();
    assert_eq!(report.versions[1].change, Change::Replaced);
}

#[test]
fn nothing_newer_is_dropped_by_accident() {
    let place = Place::new();
    place.package("something", "1.2.0").run().unwrap();
    let before = tree(&place.out());
    let error = place.package("something", "1.1.0").run().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(
        error.to_string(),
        "something@1.1.0 would displace the newer 1.2.0: build a higher version, keep minors (`keepMinors`, --keep-minors) \
         where that is meant, or allow the downgrade (`allowDowngrade`, --allow-downgrade)"
    );
    assert_eq!(tree(&place.out()), before);
    place
        .package("something", "1.1.0")
        .allow_downgrade(true)
        .run()
        .unwrap();
    assert_eq!(versions(&place.manifest(), "something"), "1.1.0");
}

#[test]
fn tags_move_to_what_displaced_their_version() {
    let place = Place::new();
    for version in ["1.0.0", "2.0.0"] {
        place.package("something", version).run().unwrap();
    }
    let mut manifest = place.manifest();
    let package = manifest.exports.get_mut("something").unwrap();
    package.tags = [("latest", 0), ("old", 1)]
        .map(|(tag, index)| (tag.to_owned(), index))
        .into();
    fs::write(place.out().join("radpack.json"), manifest.to_json()).unwrap();
    let report = place.package("something", "1.0.1").run().unwrap();
    assert_eq!(report.moved_tags.len(), 1);
    let package = &place.manifest().exports["something"];
    assert_eq!(
        package.versions[package.tags["latest"]],
        Version::new(2, 0, 0)
    );
    assert_eq!(package.versions[package.tags["old"]], Version::new(1, 0, 1));
}

#[test]
fn other_packages_and_unknown_keys_stay() {
    let place = Place::new();
    place.package("first", "1.0.0").run().unwrap();
    let path = place.out().join("radpack.json");
    let marked = fs::read_to_string(&path)
        .unwrap()
        .replace(r#"{"v":[[1]]"#, r#"{"note":"x","v":[[1]]"#);
    fs::write(&path, marked).unwrap();
    place.package("@acme/second", "1.0.0").run().unwrap();
    place.package("first", "1.0.1").run().unwrap();
    let manifest = place.manifest();
    assert_eq!(
        manifest.exports.keys().collect::<Vec<_>>(),
        ["@acme/second", "first"]
    );
    assert_eq!(manifest.exports["first"].unknown.get("note"), Some("\"x\""));
    for file in urls(&manifest, "@acme/second").values() {
        assert!(place.out().join(file.replace("${baseUrl}/", "")).is_file());
    }
}

#[test]
fn files_stay_until_it_is_asked_to_delete_them() {
    let place = Place::new();
    place.package("something", "1.0.0").run().unwrap();
    place.package("other", "1.0.0").run().unwrap();
    place.write(
        "out",
        &[("other/mine.txt", "x"), ("something/c/stray.js", "x")],
    );
    let old = urls(&place.manifest(), "something")["index@1.0.0"].replace("${baseUrl}/", "");
    place.package("something", "1.0.1").run().unwrap();
    assert!(place.out().join(&old).is_file());
    let dry = place
        .package("something", "1.0.1")
        .delete_unreferenced(true)
        .dry_run(true)
        .run()
        .unwrap();
    assert!(place.out().join(&old).is_file());
    let report = place
        .package("something", "1.0.1")
        .delete_unreferenced(true)
        .run()
        .unwrap();
    assert_eq!(dry.files, report.files);
    let deleted: Vec<&str> = report
        .files
        .iter()
        .filter(|file| file.action == FileAction::Deleted)
        .map(|file| file.path.as_str())
        .collect();
    assert_eq!(deleted, ["something/c/stray.js", old.as_str()]);
    assert!(!place.out().join("something/c").exists());
    assert!(
        place.out().join("other/mine.txt").is_file(),
        "only the package's own folder is looked into"
    );
}

#[test]
fn source_maps_live_as_long_as_their_files() {
    let place = Place::new();
    let map =
        r#"{"version":3,"sources":["a.ts"],"sourcesContent":["x"],"names":[],"mappings":"AAAA"}"#;
    let build = |version: &str| {
        place
            .package_of(&[
                (
                    "package.json",
                    format!(r#"{{"name":"mapped","version":"{version}","exports":"./index.js"}}"#)
                        .as_str(),
                ),
                (
                    "index.js",
                    format!("export const v = '{version}';\n//# sourceMappingURL=index.js.map\n")
                        .as_str(),
                ),
                ("index.js.map", map),
            ])
            .delete_unreferenced(true)
            .run()
            .unwrap()
    };
    build("1.0.0");
    build("2.0.0");
    let files: Vec<String> = tree(&place.out()).into_keys().collect();
    assert_eq!(
        files
            .iter()
            .filter(|file| file.ends_with(".js.map"))
            .count(),
        1,
        "the same map has one name: {files:?}"
    );
    assert_eq!(files.len(), 4);
    build("2.0.1");
    assert_eq!(tree(&place.out()).len(), 4);
}

#[test]
fn versions_of_a_local_register_are_copied() {
    let live = Place::new();
    let files = |version: &str| {
        [
            (
                "package.json",
                format!(
                    r#"{{"name":"@acme/shapes","version":"{version}","exports":"./index.js"}}"#
                ),
            ),
            (
                "index.js",
                format!(
                    "import './part.js';\nexport const v = '{version}';\n//# sourceMappingURL=index.js.map\n"
                ),
            ),
            (
                "index.js.map",
                format!(
                    r#"{{"version":3,"sources":["a.ts"],"sourcesContent":["{version}"],"names":[],"mappings":"AAAA"}}"#
                ),
            ),
            ("part.js", "export {};\n".to_owned()),
        ]
    };
    live.package_of(&files("1.0.0")).run().unwrap();
    live.package_of(&files("2.0.0")).run().unwrap();
    live.package("unrelated", "1.0.0").run().unwrap();

    let place = Place::new();
    let source = || Source::new(manifest_in(&live.out()), Location::Folder(live.out()));
    let report = place
        .package_of(&files("2.1.0"))
        .register(source())
        .run()
        .unwrap();
    assert_eq!(
        changes(&report),
        ["2.1.0 Added", "2.0.0 Dropped", "1.0.0 Kept"]
    );
    let manifest = place.manifest();
    assert_eq!(
        manifest.exports.len(),
        1,
        "only the package itself comes out of a register"
    );
    let urls = urls(&manifest, "@acme/shapes");
    for entry in ["index@2.1.0", "index@1.0.0", "c/part@2.1.0", "c/part@1.0.0"] {
        let file = urls[entry].replace("${baseUrl}/", "");
        assert!(place.out().join(&file).is_file(), "{entry}: {file}");
    }
    let copied: Vec<&str> = report
        .files
        .iter()
        .filter(|file| file.action == FileAction::Copied)
        .map(|file| file.path.as_str())
        .collect();
    assert!(
        copied.iter().any(|path| path.ends_with(".js.map")),
        "{copied:?}"
    );
    // The same part is the same file, whoever built it.
    assert_eq!(urls["c/part@1.0.0"], urls["c/part@2.1.0"]);
    // The register itself is as it was, and building again copies nothing.
    let again = place
        .package_of(&files("2.1.0"))
        .register(source())
        .run()
        .unwrap();
    assert!(
        again
            .files
            .iter()
            .all(|file| file.action == FileAction::Reused)
    );
}

#[test]
fn a_file_that_a_local_register_lacks_is_told() {
    let live = Place::new();
    live.package("something", "1.0.0").run().unwrap();
    let manifest = live.manifest();
    let file = urls(&manifest, "something")["index@1.0.0"].replace("${baseUrl}/", "");
    fs::remove_file(live.out().join(&file)).unwrap();
    let place = Place::new();
    let source = Source::new(manifest, Location::Folder(live.out()));
    let error = place
        .package("something", "2.0.0")
        .register(source)
        .run()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Register);
    assert!(error.to_string().ends_with(&format!(
        "{file} of something@1.0.0 is to be retained, but is not there"
    )));
    assert!(!place.out().exists());
}

#[test]
fn files_of_a_local_register_of_another_layout_find_their_place() {
    let live = Place::new();
    let manifest = r#"{"vars":{"dir":"files"},"exports":{"something":{"v":[[1]],"d":[["index",[{"v":[0],"f":"i.js"}]],
        ["far",[{"v":[0],"u":"https://x.example/${dir}/${entry}.js"}]],["near",[{"v":[0],"u":"${baseUrl}/${dir}/n.js"}]]]}}}"#;
    live.write(
        "",
        &[
            ("radpack.json", manifest),
            ("i.js", "1"),
            ("files/n.js", "2"),
        ],
    );
    let place = Place::new();
    let source = Source::new(
        manifest_in(live.path()),
        Location::Folder(live.path().to_owned()),
    );
    place
        .package("something", "2.0.0")
        .register(source)
        .run()
        .unwrap();
    let found = urls(&place.manifest(), "something");
    assert_eq!(found["index@1.0.0"], "${baseUrl}/something/i.js");
    assert_eq!(found["far@1.0.0"], "https://x.example/files/far.js");
    assert_eq!(found["near@1.0.0"], "${baseUrl}/something/files/n.js");
    assert_eq!(
        fs::read_to_string(place.out().join("something/i.js")).unwrap(),
        "1"
    );
    assert_eq!(
        fs::read_to_string(place.out().join("something/files/n.js")).unwrap(),
        "2"
    );
}

#[test]
fn a_file_of_a_local_register_that_is_not_what_is_stated_is_not_copied() {
    let live = Place::new();
    live.package("something", "1.0.0").run().unwrap();
    let manifest = live.manifest();
    let file = urls(&manifest, "something")["index@1.0.0"].replace("${baseUrl}/", "");
    fs::write(live.out().join(&file), "something else").unwrap();
    let place = Place::new();
    let source = Source::new(manifest, Location::Folder(live.out()));
    let error = place
        .package("something", "2.0.0")
        .register(source)
        .run()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Register);
    assert!(
        error
            .to_string()
            .contains(&format!("{file} is not the file that its register means")),
        "{error}"
    );
}

#[test]
fn versions_of_a_remote_register_keep_their_place() {
    let live = r#"{"vars":{"baseUrl":"https://cdn.example/live","tier":"a","url":"${baseUrl}/${tier}/${file}"},"exports":{
        "something":{"v":[[1,4],[1,3]],"d":[["index",[{"v":[0],"f":"i.js","s":[1,2]},{"v":[1],"f":"old.js"}]],
        ["c/part",[{"v":[0],"u":"https://elsewhere.example/${tier}/${entry}.js"}]],"colors@^3"]}}}"#;
    let place = Place::new();
    let source = || {
        let manifest = Manifest::from_slice(live.as_bytes()).unwrap();
        Source::new(
            manifest,
            Location::Url("https://cdn.example/live/radpack.json".to_owned()),
        )
    };
    place
        .package("something", "2.0.0")
        .register(source())
        .run()
        .unwrap();
    let manifest = place.manifest();
    assert_eq!(versions(&manifest, "something"), "2.0.0 1.4.0 1.3.0");
    let found = urls(&manifest, "something");
    assert_eq!(found["index@1.4.0"], "https://cdn.example/live/a/i.js");
    assert_eq!(found["index@1.3.0"], "https://cdn.example/live/a/old.js");
    assert_eq!(
        found["c/part@1.4.0"],
        "https://elsewhere.example/a/c/part.js"
    );
    let package = &manifest.exports["something"];
    let old = package.entry("index").unwrap().variant_at(1).unwrap();
    assert_eq!(old.file.as_deref(), Some("i.js"));
    assert_eq!(package.dependencies, ["colors@^3"]);
    assert_eq!(old.statics.len(), 2);
    // Served from where the register is, nothing needs a URL of its own.
    let place = Place::new();
    let build = place.package("something", "2.0.0").register(source());
    build
        .var("baseUrl", "https://cdn.example/live")
        .var("tier", "a")
        .var("url", "${baseUrl}/${tier}/${file}")
        .run()
        .unwrap();
    let manifest = place.manifest();
    assert_eq!(
        manifest.exports["something"]
            .entry("index")
            .unwrap()
            .variant_at(1)
            .unwrap()
            .url,
        None
    );
}

#[test]
fn the_topmost_register_has_the_last_word_on_a_version() {
    let manifest = |file: &str| {
        let text = format!(
            r#"{{"exports":{{"something":{{"v":[[1]],"d":[["index",[{{"v":[0],"f":"{file}"}}]]]}}}}}}"#
        );
        Manifest::from_slice(text.as_bytes()).unwrap()
    };
    let source = |host: &str, file: &str| {
        let mut manifest = manifest(file);
        manifest
            .vars
            .insert("baseUrl".to_owned(), format!("https://{host}.example"));
        Source::new(
            manifest,
            Location::Url(format!("https://{host}.example/radpack.json")),
        )
    };
    let place = Place::new();
    let build = place.package("something", "2.0.0");
    build
        .register(source("lower", "a.js"))
        .register(source("upper", "b.js"))
        .run()
        .unwrap();
    assert_eq!(
        urls(&place.manifest(), "something")["index@1.0.0"],
        "https://upper.example/b.js"
    );
    // What is in the output folder lies on top of them all.
    let build = place.package("something", "2.0.1");
    build.register(source("new", "c.js")).run().unwrap();
    assert_eq!(
        urls(&place.manifest(), "something")["index@1.0.0"],
        "https://upper.example/b.js"
    );
}

#[test]
fn an_output_folder_of_another_layout_keeps_its_files() {
    let place = Place::new();
    place.write(
        "out",
        &[
            (
                "radpack.json",
                r#"{"vars":{"baseUrl":"https://old.example/x"},"exports":{
                    "something":{"v":[[1]],"d":[["index",[{"v":[0],"f":"something-1.js"}]]]},
                    "other":{"v":[[1]],"d":[["index",[{"v":[0],"f":"other-1.js"}]]]}}}"#,
            ),
            ("something-1.js", ""),
            ("other-1.js", ""),
        ],
    );
    place.package("something", "2.0.0").run().unwrap();
    let manifest = place.manifest();
    assert_eq!(manifest.vars["baseUrl"], "https://old.example/x");
    assert_eq!(
        urls(&manifest, "something")["index@1.0.0"],
        "https://old.example/x/something-1.js"
    );
    assert_eq!(
        urls(&manifest, "other")["index@1.0.0"],
        "https://old.example/x/other-1.js"
    );
    place
        .package("something", "2.0.0")
        .var("baseUrl", "https://new.example")
        .run()
        .unwrap();
    assert_eq!(
        urls(&place.manifest(), "other")["index@1.0.0"],
        "https://new.example/other-1.js"
    );
}

#[test]
fn a_name_that_stands_for_other_contents_is_lengthened() {
    let place = Place::new();
    place.package("something", "1.0.0").run().unwrap();
    let file = urls(&place.manifest(), "something")["index@1.0.0"].replace("${baseUrl}/", "");
    fs::write(place.out().join(&file), "something else").unwrap();
    let report = place.package("something", "1.0.0").run().unwrap();
    let longer = urls(&place.manifest(), "something")["index@1.0.0"].replace("${baseUrl}/", "");
    let stem = file.strip_suffix(".js").unwrap();
    assert!(
        longer.starts_with(stem) && longer.len() == file.len() + 8,
        "{file} became {longer}"
    );
    assert_eq!(
        fs::read_to_string(place.out().join(&file)).unwrap(),
        "something else"
    );
    assert_eq!(
        common::code(&report, "index"),
        "export const version = \"1.0.0\";\n"
    );
}

#[test]
fn an_invalid_manifest_in_the_output_folder_is_not_written_over() {
    let place = Place::new();
    for contents in ["{", "[]", r#"{"exports":{"a":{"v":[[]],"d":[]}}}"#] {
        place.write("out", &[("radpack.json", contents)]);
        let error = place.package("something", "1.0.0").run().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Register, "{contents}");
        assert!(
            error
                .to_string()
                .contains("is no valid manifest, and would be lost"),
            "{error}"
        );
        assert!(std::error::Error::source(&error).is_some());
        assert_eq!(
            fs::read_to_string(place.out().join("radpack.json")).unwrap(),
            contents
        );
    }
}

#[test]
fn builders_of_one_folder_do_not_lose_each_others_packages() {
    let place = Place::new();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let place = &place;
            scope.spawn(move || {
                for patch in 0..3 {
                    place
                        .package(&format!("package-{number}"), &format!("1.0.{patch}"))
                        .run()
                        .unwrap();
                }
            });
        }
    });
    let manifest = place.manifest();
    assert_eq!(manifest.exports.len(), 8);
    for name in manifest.exports.keys() {
        assert_eq!(versions(&manifest, name), "1.0.2");
    }
    assert!(!place.out().join(".radpack.lock").exists());
    assert!(!place.out().join(".radpack.tmp").exists());
}

#[test]
fn a_dry_run_says_the_same_and_writes_nothing() {
    let place = Place::new();
    let dry = place
        .package("something", "1.0.0")
        .dry_run(true)
        .run()
        .unwrap();
    assert!(!place.out().exists());
    let report = place.package("something", "1.0.0").run().unwrap();
    assert!(dry.dry_run && !report.dry_run);
    assert_eq!(dry.files, report.files);
    assert_eq!(dry.manifest, report.manifest);
    assert_eq!(report.manifest, place.manifest());
}
