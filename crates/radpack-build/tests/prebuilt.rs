//! Folders that are built already.

mod common;

use std::fs;

use common::{Place, problems, tree, urls};
use radpack_build::{Build, FileAction};

const PACKAGE: (&str, &str) = (
    "package.json",
    r#"{"name":"p","version":"1.4.0","exports":"./index.js"}"#,
);

#[test]
fn what_was_built_here_is_taken_as_built_elsewhere() {
    let place = Place::new();
    let map =
        r#"{"version":3,"sources":["a.ts"],"sourcesContent":["x"],"names":[],"mappings":"AAAA"}"#;
    let first = place
        .package_of(&[
            PACKAGE,
            ("index.js", "export * from './part.js';\nexport const a = 1;\n//# sourceMappingURL=index.js.map"),
            ("index.js.map", map),
            ("part.js", "export const part = 1; export * from 'https://x.example/y.js';"),
        ])
        .run()
        .unwrap();
    place.write("out", &[PACKAGE]);
    let elsewhere = place.path().join("elsewhere");
    let report = Build::new(place.out()).out(&elsewhere).run().unwrap();
    assert!(report.prebuilt && !first.prebuilt);
    assert_eq!(report.manifest, first.manifest);
    let mut expected = tree(&place.out());
    expected.remove("package.json");
    assert_eq!(tree(&elsewhere), expected);
    let exports = |report: &radpack_build::Report| {
        let entries = report.entries.iter();
        entries
            .map(|entry| {
                (
                    entry.name.clone(),
                    entry.exports.clone(),
                    entry.export_stars.clone(),
                )
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(exports(&report), exports(&first));
    assert_eq!(report.entries[0].export_stars.len(), 1);
}

#[test]
fn a_folder_that_lacks_a_file_or_the_version_is_built() {
    let place = Place::new();
    let manifest = |version: &str| {
        format!(
            r#"{{"exports":{{"p":{{"v":[{version}],"d":[["index",[{{"v":[0],"f":"i-1.js"}}]]]}}}}}}"#
        )
    };
    let build = |manifest: &str, with_file: bool| {
        let folder = place.write(
            "p",
            &[
                PACKAGE,
                ("index.js", "export {};"),
                ("radpack.json", manifest),
                ("i-1.js", "define()"),
            ],
        );
        if !with_file {
            fs::remove_file(folder.join("i-1.js")).unwrap();
        }
        Build::new(folder).out(place.out()).run()
    };
    assert!(build(&manifest("[1,4]"), true).unwrap().prebuilt);
    assert!(!build(&manifest("[1,4]"), false).unwrap().prebuilt);
    assert!(!build(&manifest("[1,3]"), true).unwrap().prebuilt);
    assert!(
        build(&format!("[{}]", manifest("[1,4]")), true)
            .unwrap()
            .prebuilt,
        "1.x may write lists"
    );
    assert_eq!(
        problems(build("{", true)),
        "radpack.json: is no valid manifest: mend or delete it, or build from another folder"
    );
}

#[test]
fn files_that_are_not_what_is_stated_are_refused() {
    let place = Place::new();
    let folder = place.write(
        "p",
        &[
            PACKAGE,
            ("radpack.json", r#"{"exports":{"p":{"v":[[1,4]],"d":[["index",[{"v":[0],"f":"i.js","i":"sha384-AAAA"}]]]}}}"#),
            ("i.js", "define()"),
        ],
    );
    let message = problems(Build::new(folder).out(place.out()).run());
    assert!(
        message
            .starts_with("i.js is not the file that radpack.json means: its integrity is sha384-"),
        "{message}"
    );
}

#[test]
fn names_without_a_hash_get_one_when_they_are_taken() {
    let place = Place::new();
    let build = |version: &str, contents: &str, part: &str| {
        let numbers = version.replace('.', ",");
        let folder = place.write(
            "p",
            &[
                ("package.json", format!(r#"{{"name":"p","version":"{version}"}}"#).as_str()),
                (
                    "radpack.json",
                    format!(
                        r#"{{"exports":{{"p":{{"v":[[{numbers}]],"d":[["index",[{{"v":[0],"f":"i.js"}}]],["part",[{{"v":[0],"f":"part.js"}}]]]}}}}}}"#
                    )
                    .as_str(),
                ),
                ("i.js", contents),
                ("part.js", part),
            ],
        );
        Build::new(folder).out(place.out()).run()
    };
    build("1.0.0", "define(1)", "define()").unwrap();
    let report = build("2.0.0", "define(2)", "define()").unwrap();
    let urls = urls(&report.manifest, "p");
    assert_eq!(urls["index@1.0.0"], "${baseUrl}/p/i.js");
    assert!(
        urls["index@2.0.0"].starts_with("${baseUrl}/p/i-") && urls["index@2.0.0"].ends_with(".js")
    );
    assert_eq!(urls["part@2.0.0"], "${baseUrl}/p/part.js");
    assert_eq!(
        fs::read_to_string(place.out().join("p/i.js")).unwrap(),
        "define(1)"
    );
    let again = build("2.0.0", "define(2)", "define()").unwrap();
    assert!(
        again
            .files
            .iter()
            .all(|file| file.action == FileAction::Reused),
        "{:?}",
        again.files
    );
    let message = problems(build("3.0.0", "require('./part.js')", "define(3)"));
    assert!(message.starts_with("part.js stands for other contents in the output folder, and other files call it by that name"));
}
