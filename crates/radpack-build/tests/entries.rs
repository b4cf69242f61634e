//! What becomes an entry, and what is an error instead.

mod common;

use common::{Place, code, problems};

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
