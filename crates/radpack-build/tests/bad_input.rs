//! Input that is odd, wrong or hostile: each gets a clear answer, and nothing is lost.

mod common;

use std::fs;
use std::path::Path;

use common::{Place, code, problems, tree};
use radpack_build::{Build, ErrorKind, Options};
use semver::Version;

#[test]
fn windows_line_ends_and_byte_order_marks() {
    let place = Place::new();
    let report = place
        .package_of(&[
            (
                "package.json",
                "\u{FEFF}{\r\n  \"name\": \"p\",\r\n  \"version\": \"1.0.0\",\r\n  \"exports\": \"./index.js\"\r\n}\r\n",
            ),
            ("index.js", "\u{FEFF}import data from './data.json' with { type: 'json' };\r\nimport './b.js';\r\nexport { data };\r\n"),
            ("b.js", "export const line =\r\n  1;\r\n"),
            ("data.json", "\u{FEFF}{\r\n}\r\n"),
        ])
        .run()
        .unwrap();
    assert!(code(&report, "index").contains("\r\nexport { data };\r\n"));
    assert_eq!(code(&report, "c/b"), "export const line =\r\n  1;\r\n");
    assert_eq!(code(&report, "c/data.json"), "\u{FEFF}{\r\n}\r\n");
}

#[test]
fn errors_after_windows_line_ends_have_the_right_place() {
    let place = Place::new();
    let build = place.package_of(&[
        (
            "package.json",
            r#"{"name":"p","version":"1.0.0","exports":"./index.js"}"#,
        ),
        ("index.js", "\u{FEFF}// one\r\n\r\n  import './no.js';\r\n"),
    ]);
    assert!(problems(build.run()).starts_with("index.js:3:10: \"./no.js\" leads nowhere"));
}

#[test]
fn names_with_emoji_and_everything_else() {
    let place = Place::new();
    let odd = "😀 & % # ? ' \" ${x} [y] ünï.js";
    let report = place
        .package_of(&[
            (
                "package.json",
                r#"{"name":"p","version":"1.0.0","exports":{"./😀":"./😀/index.js"}}"#,
            ),
            (
                "😀/index.js",
                format!("import {:?}; export {{}};", format!("../{odd}")).as_str(),
            ),
            (odd, "export {};"),
        ])
        .run()
        .unwrap();
    let names: Vec<&str> = report
        .entries
        .iter()
        .map(|entry| entry.name.as_str())
        .collect();
    assert_eq!(names, ["😀", "c/😀_&_____________x___y__ünï"]);
    assert!(code(&report, "😀").contains("./c/😀_&_____________x___y__ünï-"));
    place.manifest();
    let build = |name: &str| {
        let package = format!(r#"{{"name":{name:?},"version":"1.0.0","exports":"./index.js"}}"#);
        place
            .package_of(&[
                ("package.json", package.as_str()),
                ("index.js", "export {};"),
            ])
            .run()
    };
    assert_eq!(
        problems(build("😀")),
        "package.json: the package name \"😀\" has '😀' in its name, where npm allows letters a to z, digits, hyphens, dots and \
         underscores"
    );
    assert!(problems(build("../up")).contains("the package name \"../up\" has"));
}

#[test]
fn package_json_that_says_too_little_or_too_much() {
    let place = Place::new();
    for (package, message) in [
        ("", "package.json: is not valid JSON"),
        ("{\"name\":", "package.json: is not valid JSON"),
        (
            "[]",
            "package.json: must hold a JSON object, found an array",
        ),
        (
            "{}",
            "package.json: has no name: add one, or give it as an option\npackage.json: has no version: add one, or give it as an option",
        ),
        (
            r#"{"name":"p","version":"one"}"#,
            "package.json: the version \"one\" is not one",
        ),
        (
            r#"{"name":"p","version":"1.0"}"#,
            "package.json: the version \"1.0\" is not one",
        ),
        (
            r#"{"name":"p","version":"1.0.0"}"#,
            "package.json: leads to no ES module. Name one under radpack.entries, or as an entry option such as \
             index=./src/index.js",
        ),
        (
            r#"{"name":"p","version":"1.0.0","main":"./main.cjs"}"#,
            "package.json: leads to no ES module: main.cjs (CommonJS, not an ES module). Name one under radpack.entries, or as \
             an entry option such as index=./src/index.js",
        ),
        (
            r#"{"name":"p","version":"1.0.0","module":"./gone.js"}"#,
            "package.json: module names \"./gone.js\", which is not there: build the package's files first, or say where they are",
        ),
        (
            r#"{"name":"p","version":"1.0.0","module":"../up.js"}"#,
            "package.json: module names \"../up.js\", which leads out of the package",
        ),
        (
            r#"{"name":"p","version":"1.0.0","exports":7}"#,
            "package.json: exports must be a path or an object, found 7",
        ),
        (
            r#"{"name":"p","version":"1.0.0","exports":"../up.js"}"#,
            "package.json: exports[\".\"]: \"../up.js\" leads out of the package",
        ),
        (
            r#"{"name":"p","version":"1.0.0","radpack":{"entries":{"index":"./no.js"}}}"#,
            "package.json: radpack.entries[\"index\"]: \"./no.js\" is not there",
        ),
    ] {
        let build = place.package_of(&[
            ("package.json", package),
            ("main.cjs", "module.exports = 1;"),
        ]);
        assert_eq!(problems(build.run()), message, "{package}");
    }
    assert!(!place.out().exists());
    let nowhere = Build::new(place.path().join("nowhere")).run();
    assert!(problems(nowhere).starts_with("there is no folder "));
    place.write("bare", &[("index.js", "export {};")]);
    let bare = || Build::new(place.path().join("bare")).out(place.out());
    assert!(problems(bare().run()).starts_with("there is no package.json in "));
    let mut options = Options::default();
    options.name = Some("bare".to_owned());
    options.version = Some(Version::new(1, 0, 0));
    options.out = Some(place.out());
    bare().options(options).run().unwrap();
}

#[test]
fn deeply_nested_json_and_source() {
    let place = Place::new();
    let package =
        |exports: &str| format!(r#"{{"name":"p","version":"1.0.0","exports":{exports}}}"#);
    let deep = format!(
        "{}\"./index.js\"{}",
        "{\"default\":".repeat(5_000),
        "}".repeat(5_000)
    );
    let build = place.package_of(&[
        ("package.json", package(&deep).as_str()),
        ("index.js", "export {};"),
    ]);
    assert_eq!(
        problems(build.run()),
        "package.json: is nested too deep: at most 127 levels are read"
    );
    let parentheses = format!(
        "export const x = {}1{};",
        "(".repeat(5_000),
        ")".repeat(5_000)
    );
    let build = place.package_of(&[
        ("package.json", package("\"./index.js\"").as_str()),
        ("index.js", parentheses.as_str()),
    ]);
    // Whether the parser takes it or not: an answer, and no overflow.
    if let Err(error) = build.run() {
        assert_eq!(error.kind(), ErrorKind::Source);
    }
}

#[test]
fn output_where_there_can_be_none() {
    let place = Place::new();
    place.write("", &[("file", "x")]);
    let build = place.package("p", "1.0.0").out(place.path().join("file"));
    assert!(
        problems(build.run()).ends_with("file is a file"),
        "a file in place of the folder"
    );
    let build = place
        .package("p", "1.0.0")
        .out(place.path().join("file/below"));
    assert!(
        problems(build.run()).starts_with("cannot use the output folder "),
        "a file in place of a folder above"
    );
    let build = place
        .package("p", "1.0.0")
        .out(place.path().join("packages"));
    let message = problems(build.run());
    assert!(
        message.ends_with("which holds the package itself: choose another output folder"),
        "{message}"
    );
    assert_eq!(fs::read_to_string(place.path().join("file")).unwrap(), "x");
    place.write(
        "out",
        &[("p", "a file where the package's folder would be")],
    );
    let before = tree(&place.out());
    let error = place.package("p", "1.0.0").run().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert_eq!(tree(&place.out()), before);
}

#[test]
fn a_folder_built_into_itself_is_built_again() {
    let place = Place::new();
    let folder = place.path().join("packages/p");
    for _ in 0..2 {
        let report = place.package("p", "1.0.0").out(&folder).run().unwrap();
        assert!(!report.prebuilt);
    }
    assert!(folder.join("radpack.json").is_file());
}

#[test]
fn thousands_of_packages_that_import_each_other_in_a_circle() {
    let place = Place::new();
    let count = 1_000;
    let mut manifest = String::from(r#"{"exports":{"#);
    for number in 0..count {
        let next = (number + 1) % count;
        let comma = if number == 0 { "" } else { "," };
        manifest += &format!(
            r#"{comma}"p{number}":{{"v":[[1]],"d":[["index",[{{"v":[0],"f":"i.js","s":[1]}}]],"p{next}@^1"]}}"#
        );
    }
    place.write("out", &[("radpack.json", manifest + "}}")]);
    let report = place
        .package_of(&[
            (
                "package.json",
                r#"{"name":"p7","version":"1.0.1","exports":"./index.js"}"#,
            ),
            ("index.js", "import 'p8'; export {};"),
        ])
        .run()
        .unwrap();
    assert_eq!(report.pins[0].id, "p8@^1");
    assert_eq!(place.manifest().exports.len(), count);
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn linked(place: &Place) -> Build {
        place.write("outside", &[("secret.js", "export const secret = 1;")]);
        place.package_of(&[
            (
                "package.json",
                r#"{"name":"p","version":"1.0.0","exports":"./index.js"}"#,
            ),
            (
                "index.js",
                "import './link.js'; import './real/a.js'; export {};",
            ),
            ("real/a.js", "export {};"),
        ])
    }

    #[test]
    fn links_inside_the_package_are_their_targets() {
        let place = Place::new();
        let build = linked(&place);
        symlink("real/a.js", place.path().join("package/link.js")).unwrap();
        symlink(place.path().join("package"), place.path().join("alias")).unwrap();
        let report = build.run().unwrap();
        let names: Vec<&str> = report
            .entries
            .iter()
            .map(|entry| entry.name.as_str())
            .collect();
        assert_eq!(names, ["index", "c/real/a"]);
        let through_link = Build::new(place.path().join("alias"))
            .out(place.path().join("out-2"))
            .run()
            .unwrap();
        assert_eq!(through_link.manifest, report.manifest);
    }

    #[test]
    fn links_that_lead_out_are_errors() {
        let place = Place::new();
        let build = linked(&place);
        let link = place.path().join("package/link.js");
        for (target, message) in [
            (
                "../outside/secret.js",
                "\"./link.js\" is a symbolic link that leads out of the package, to ",
            ),
            (
                "link.js",
                "\"./link.js\" is a symbolic link that leads to itself",
            ),
            ("nowhere.js", "\"./link.js\" leads nowhere: "),
        ] {
            symlink(target, &link).unwrap();
            let found = problems(build.run());
            assert!(
                found.starts_with(&format!("index.js:1:8: {message}")),
                "{found}"
            );
            fs::remove_file(&link).unwrap();
        }
        fs::create_dir(place.path().join("package/sub")).unwrap();
        symlink("../../outside", place.path().join("package/sub/out")).unwrap();
        symlink("real/a.js", &link).unwrap();
        let found = problems(build.entry("*", "./sub/*.js").run());
        assert!(
            found.contains("sub/out/secret.js\" is a symbolic link that leads out of the package"),
            "{found}"
        );
    }

    #[test]
    fn links_in_the_output_folder_lead_to_nothing_of_the_package() {
        let place = Place::new();
        let build = linked(&place);
        symlink("real/a.js", place.path().join("package/link.js")).unwrap();
        fs::create_dir_all(place.out().join("p/c")).unwrap();
        fs::create_dir_all(place.out().join("elsewhere")).unwrap();
        let link = place.out().join("p/c/real");
        symlink("../../../package/real", &link).unwrap();
        let before = tree(place.path());
        let found = problems(build.run());
        let message = "the files would go to ";
        assert!(found.starts_with(message), "{found}");
        assert!(found.contains("p/c/real, which holds files of the package by a link"));
        assert_eq!(tree(place.path()), before);
        // One that leads to where nothing of the package is, is someone's own business.
        fs::remove_file(&link).unwrap();
        symlink("../../elsewhere", &link).unwrap();
        build.run().unwrap();
        assert_eq!(
            fs::read_dir(place.out().join("elsewhere")).unwrap().count(),
            1
        );
    }

    #[test]
    fn a_read_only_output_folder() {
        let place = Place::new();
        place.package("p", "1.0.0").run().unwrap();
        let before = tree(&place.out());
        let readable = fs::Permissions::from_mode(0o555);
        fs::set_permissions(place.out(), readable).unwrap();
        let refused = fs::write(place.out().join("probe"), "").is_err();
        let result = place.package("p", "1.0.1").run();
        fs::set_permissions(place.out(), fs::Permissions::from_mode(0o755)).unwrap();
        if !refused {
            // Not by `eprintln!`, which nobody sees of a test that passes.
            let _ = std::io::Write::write_all(
                &mut std::io::stderr(),
                b"a read-only folder was not tested, for this user may write into it\n",
            );
            return;
        }
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(
            error
                .to_string()
                .starts_with("cannot lock the output folder "),
            "{error}"
        );
        assert_eq!(tree(&place.out()), before);
    }

    #[test]
    fn files_get_the_permissions_that_new_files_get() {
        let place = Place::new();
        place.package("p", "1.0.0").run().unwrap();
        place.write("", &[("new", "x")]);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(
            mode(&place.out().join("radpack.json")),
            mode(&place.path().join("new"))
        );
    }
}
