//! What becomes an entry, and what is an error instead.

mod common;

use common::{Place, code, problems};
use radpack_build::{Build, LeftOutReason};

#[test]
fn a_syntax_error_in_what_is_declared_a_module_has_its_place() {
    let place = Place::new();
    let declared = r#"{"name":"p","version":"1.0.0","type":"module","exports":{".":"./index.js","./x":"./x.js"}}"#;
    let by_name = r#"{"name":"p","version":"1.0.0","exports":{".":"./index.js","./x":"./x.mjs"}}"#;
    let broken = "const a = 1;\nconst = 2;\n";
    for (package, file, contents, message) in [
        (declared, "x.js", broken, "x.js:2:7: "),
        (by_name, "x.mjs", broken, "x.mjs:2:7: "),
        // Plain scripts by their syntax, but modules are what they are declared to be.
        (declared, "x.js", "var a;\nreturn a;\n", "x.js:2:1: "),
        (by_name, "x.mjs", "var a;\nreturn a;\n", "x.mjs:2:1: "),
    ] {
        for index in [
            "export {};\n".to_owned(),
            format!("import './{file}';\nimport '././{file}';\nexport {{}};\n"),
        ] {
            let build = place.package_of(&[
                ("package.json", package),
                ("index.js", index.as_str()),
                (file, contents),
            ]);
            for build in [build.clone(), build.entry("x", file)] {
                let found = problems(build.run());
                assert!(found.starts_with(message), "{found}");
                assert_eq!(found.lines().count(), 1, "told once: {found}");
            }
        }
    }
    assert!(!place.out().exists(), "nothing was written");
}

#[test]
fn a_module_needs_neither_import_nor_export_where_it_is_declared() {
    let place = Place::new();
    let report = place
        .package_of(&[
            (
                "package.json",
                r#"{"name":"p","version":"1.0.0","type":"module","exports":"./index.js"}"#,
            ),
            (
                "index.js",
                "console.log(new URL('worker.js', import.meta.url));\n",
            ),
            ("worker.js", "with (self) postMessage(1);\nreturn;\n"),
        ])
        .entry("plain", "./plain.mjs")
        .run();
    assert!(problems(report).contains("\"./plain.mjs\" is not there"));
    place.write("package", &[("plain.mjs", "console.log(1);\n")]);
    let report = place
        .package_of::<&str, &str>(&[])
        .entry("plain", "./plain.mjs")
        .run()
        .unwrap();
    assert_eq!(code(&report, "plain"), "console.log(1);\n");
    // A worker may be a plain script, which no declaration reaches.
    assert!(code(&report, "c/worker").starts_with("with (self)"));
}

#[test]
fn the_browser_map_replaces_what_exports_and_patterns_name() {
    let files = [
        ("main.js", "export const main = 1;\n"),
        ("brow.js", "export const brow = 1;\n"),
        ("node.cjs", "module.exports = 1;\n"),
    ];
    let browser = r#""browser":{"./main.js":"./brow.js","./node.cjs":"./brow.js","./gone":"./brow","./x.js":"./no.js","./brow.js":false}"#;
    for (exports, entries, names) in [
        (r#""./main.js""#, "", "index=brow.js"),
        (r#"{"import":"./main.js"}"#, "", "index=brow.js"),
        // What it replaces may be anything, and need not be there.
        (
            r#"{".":"./main.js","./n":"./node.cjs"}"#,
            "",
            "index=brow.js n=brow.js",
        ),
        (
            r#"{".":"./main.js","./g":"./gone"}"#,
            "",
            "g=brow.js index=brow.js",
        ),
        // A condition whose replacement is not there leads nowhere.
        (
            r#"{"import":"./x.js","default":"./main.js"}"#,
            "",
            "index=brow.js",
        ),
        (r#"{"./*":"./*.js"}"#, "", "brow=brow.js main=brow.js"),
        (
            r#""./main.js""#,
            "*",
            "brow=brow.js index=brow.js main=brow.js",
        ),
    ] {
        let place = Place::new();
        let package = format!(r#"{{"name":"p","version":"1.0.0","exports":{exports},{browser}}}"#);
        place.write("package", &files);
        let mut build = place.package_of(&[("package.json", package.as_str())]);
        if !entries.is_empty() {
            build = build.entry(entries, "./*.js");
        }
        let report = build.run().unwrap();
        let mut found: Vec<String> = report
            .entries
            .iter()
            .map(|entry| format!("{}={}", entry.name, entry.source.as_deref().unwrap()))
            .collect();
        found.sort();
        assert_eq!(found.join(" "), names, "{exports}");
        assert!(
            report.left_out.is_empty(),
            "{exports}: {:?}",
            report.left_out
        );
    }
}

#[test]
fn a_replacement_that_is_not_there_or_leads_out() {
    let place = Place::new();
    let build = |replacement: &str| {
        let package = format!(
            r#"{{"name":"p","version":"1.0.0","exports":{{".":"./index.js","./a":"./a.js"}},"browser":{{"./a.js":{replacement:?}}}}}"#
        );
        place
            .package_of(&[
                ("package.json", package.as_str()),
                ("index.js", "export {};\n"),
                ("a.js", "export {};\n"),
            ])
            .run()
    };
    let report = build("./no.js").unwrap();
    let left_out = &report.left_out[0];
    assert_eq!(
        (left_out.entry.as_str(), left_out.reason),
        ("a", LeftOutReason::Missing)
    );
    assert_eq!(
        problems(build("../up.js")),
        "package.json: exports[\"./a\"]: \"./a.js\" leads out of the package"
    );
}

#[test]
fn patterns_do_not_find_what_was_built() {
    let place = Place::new();
    let build = |out: Option<&str>| {
        let folder = place.write(
            "package",
            &[
                ("package.json", r#"{"name":"p","version":"1.0.0"}"#),
                ("a.js", "export {};"),
            ],
        );
        let build = Build::new(&folder).entry("*", "./*.js");
        let build = match out {
            Some(out) => build.out(folder.join(out)),
            None => build,
        };
        let report = build.run().unwrap();
        let names = report.entries.into_iter().map(|entry| entry.name);
        names.collect::<Vec<_>>()
    };
    // Where no output folder is given, it lies in the package: also for a build that goes elsewhere later.
    assert_eq!(build(None), ["a"]);
    assert_eq!(build(None), ["a"]);
    assert_eq!(build(Some("elsewhere")), ["a"]);
    assert_eq!(build(Some("elsewhere")), ["a"]);
}
