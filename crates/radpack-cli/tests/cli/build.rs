//! `radpack build`.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Ran, radpack_in};
use crate::registers::{SHAPES, folder};
use crate::server::{Answer, Server};

/// A package that imports `colors`, has a chunk, and a computed import.
fn package(version: &str) -> TempDir {
    let package_json = format!(
        r#"{{"name":"app","version":"{version}","type":"module","exports":{{".":"./src/index.js","./style.css":"./style.css"}},"dependencies":{{"colors":"^3.0.0"}}}}"#
    );
    folder([
        ("package.json", package_json.as_str()),
        (
            "src/index.js",
            "import { red } from \"colors\";\nimport { twice } from \"./util.js\";\nexport const reds = twice(red);\n",
        ),
        (
            "src/util.js",
            "export const twice = (x) => [x, x];\nexport const load = (x) => import(x);\n",
        ),
        ("src/extra.js", "export default 1;\n"),
        ("style.css", "a {}\n"),
        ("colors/radpack.json", SHAPES),
    ])
}

fn build<'a>(folder: &Path, arguments: impl IntoIterator<Item = &'a str>) -> Ran {
    let mut all = vec!["build"];
    all.extend(arguments);
    radpack_in(folder, all).run()
}

/// The report without what differs from run to run, the folder and the times, and without numbers that are the library's affair:
/// how many bytes and files.
fn timeless(report: &str, folder: &Path) -> String {
    let lines = report.lines().enumerate().map(|(number, line)| {
        if number == 0 {
            line.split(" in ").next().unwrap().to_owned()
        } else if line.starts_with("entries ") {
            assert!(line.ends_with(" bytes"), "{line}");
            line.rsplitn(3, ' ').last().unwrap().trim_end().to_owned()
        } else if line.starts_with("files ") {
            line.replace(|character: char| character.is_ascii_digit(), "#")
        } else {
            line.to_owned()
        }
    });
    let lines: Vec<String> = lines.collect();
    lines
        .join("\n")
        .replace(&folder.display().to_string(), "FOLDER")
}

fn manifest(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

const WARNING: &str = "warning: src/util.js:2:28: ";

#[test]
fn people_get_a_report() {
    let package = package("1.0.0");
    let ran = build(package.path(), ["--register", "colors/radpack.json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stderr.starts_with(WARNING) && ran.stderr.lines().count() == 1,
        "{}",
        ran.stderr
    );
    assert_eq!(
        timeless(&ran.stdout, package.path()),
        "app 1.0.0 built into FOLDER/dist-radpack\n\
         \n\
         added  1.0.0  it is the version built\n\
         \n\
         entries   1, and 1 chunk\n\
         files     # written\n\
         pin       colors → colors@^3  now 3.1.0, of colors/radpack.json\n\
         left out  style.css           a style sheet, not an ES module"
    );
    let out = package.path().join("dist-radpack");
    let manifest = manifest(&out.join("radpack.json"));
    let file = manifest["exports"]["app"]["d"][0][1][0]["f"]
        .as_str()
        .unwrap();
    let code = fs::read_to_string(out.join("app").join(file)).unwrap();
    assert!(
        code.starts_with(
            "import { red } from \"colors@^3\";\nimport { twice } from \"./c/src/util-"
        ),
        "{code}"
    );

    let again = build(package.path(), ["--register", "colors/radpack.json"]);
    assert_eq!(
        timeless(&again.stdout, package.path()),
        "app 1.0.0 built into FOLDER/dist-radpack\n\
         \n\
         replaced  1.0.0  it is the version built\n\
         \n\
         entries   1, and 1 chunk\n\
         files     # there already\n\
         pin       colors → colors@^3  now 3.1.0, of colors/radpack.json\n\
         left out  style.css           a style sheet, not an ES module"
    );
}

#[test]
fn programs_get_one_line() {
    let package = package("1.0.0");
    let ran = build(
        package.path(),
        [
            "--json",
            "--register",
            "colors/radpack.json",
            "--out",
            "out",
        ],
    );
    assert_eq!(
        (ran.code, ran.stderr.as_str(), ran.stdout.lines().count()),
        (0, "", 1)
    );
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["name"], "app");
    assert_eq!(report["versions"][0]["change"], "added");
    assert_eq!(report["pins"][0]["id"], "colors@^3");
    assert_eq!(report["warnings"].as_array().unwrap().len(), 1);
    assert!(package.path().join("out/radpack.json").is_file());
}

#[test]
fn older_versions_are_pruned_as_asked() {
    let package = package("1.0.0");
    let path = package.path();
    let common = ["--register", "colors/radpack.json", "--json"];
    let with = |arguments: &[&str]| {
        let mut all = common.to_vec();
        all.extend(arguments);
        let ran = build(path, all);
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        let report: Value = serde_json::from_str(&ran.stdout).unwrap();
        let changes = report["versions"].as_array().unwrap().iter();
        let changes: Vec<String> = changes
            .map(|change| {
                let text = |key: &str| change[key].as_str().unwrap().to_owned();
                text("change") + " " + &text("version")
            })
            .collect();
        changes.join(", ")
    };
    assert_eq!(with(&[]), "added 1.0.0");
    assert_eq!(with(&["--version", "1.0.1"]), "added 1.0.1, dropped 1.0.0");
    assert_eq!(
        with(&["--version", "1.1.0", "--keep-minors"]),
        "added 1.1.0, kept 1.0.1"
    );
    assert_eq!(
        with(&["--version", "2.0.0-beta.1"]),
        "added 2.0.0-beta.1, kept 1.1.0, kept 1.0.1"
    );
    assert_eq!(
        with(&[
            "--version",
            "1.1.1",
            "--no-keep-prereleases",
            "--allow-downgrade",
            "--dry-run"
        ]),
        "dropped 2.0.0-beta.1, added 1.1.1, dropped 1.1.0, dropped 1.0.1"
    );
    assert_eq!(
        with(&["--version", "2.0.0", "--no-keep-majors"]),
        "added 2.0.0, dropped 2.0.0-beta.1, dropped 1.1.0, dropped 1.0.1"
    );
    let refused = build(
        path,
        [
            "--register",
            "colors/radpack.json",
            "--version",
            "1.9.0",
            "--no-keep-majors",
        ],
    );
    assert_eq!(refused.code, 1);
    assert!(
        refused
            .stderr
            .starts_with("error: app@1.9.0 would displace the newer 2.0.0: "),
        "{}",
        refused.stderr
    );
    assert_eq!(
        with(&[
            "--version",
            "1.9.0",
            "--no-keep-majors",
            "--allow-downgrade",
            "--delete-unreferenced"
        ]),
        "dropped 2.0.0, added 1.9.0"
    );
}

#[test]
fn entries_externals_and_vars_are_taken() {
    let package = folder([
        (
            "package.json",
            r#"{"name":"app","version":"1.0.0","module":"./index.js"}"#,
        ),
        ("index.js", "import \"outside\";\nexport {};\n"),
        ("lib/a.js", "export const a = 1;\n"),
        ("lib/b.js", "export const b = 1;\n"),
    ]);
    let ran = build(
        package.path(),
        [
            "--external",
            "outside",
            "--entry",
            "lib/*=./lib/*.js",
            "--entry",
            "second=./lib/b.js",
            "--var",
            "baseUrl=https://cdn.example/acme",
        ],
    );
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
    let manifest_path = package.path().join("dist-radpack/radpack.json");
    let ids = ["app", "app/lib/a", "app/lib/b", "app/second"];
    let mut arguments = vec!["resolve", "--manifest", manifest_path.to_str().unwrap()];
    arguments.extend(ids);
    let ran = radpack_in(package.path(), arguments).run();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for line in ran.stdout.lines() {
        assert!(line.contains("  https://cdn.example/acme/app/"), "{line}");
    }
    assert_eq!(ran.stdout.lines().count(), ids.len());
}

#[test]
fn a_dry_run_writes_nothing() {
    let package = package("1.0.0");
    let ran = build(
        package.path(),
        ["--dry-run", "--register", "colors/radpack.json"],
    );
    assert_eq!(ran.code, 0);
    assert_eq!(
        timeless(&ran.stdout, package.path()),
        "app 1.0.0 would be built into FOLDER/dist-radpack; nothing was written\n\
         \n\
         added  1.0.0  it is the version built\n\
         \n\
         entries   1, and 1 chunk\n\
         files     # to be written\n\
         pin       colors → colors@^3  now 3.1.0, of colors/radpack.json\n\
         left out  style.css           a style sheet, not an ES module"
    );
    assert!(!package.path().join("dist-radpack").is_dir());
}

#[test]
fn registers_come_over_http_from_the_command_line_and_from_package_json() {
    let package = package("1.0.0");
    let server = Server::new([
        ("/all.json", Answer::ok(r#"["r.json"]"#)),
        ("/r.json", Answer::ok(SHAPES)),
    ]);
    let url = format!("{}/all.json", server.url);
    let ran = build(
        package.path(),
        ["--json", "--register", &url, "--out", "one"],
    );
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["pins"][0]["selected"], "3.1.0");

    let path = package.path().join("package.json");
    let mut package_json = manifest(&path);
    package_json["radpack"] = serde_json::json!({ "register": url });
    fs::write(&path, package_json.to_string()).unwrap();
    let ran = build(package.path(), ["--json", "--out", "two"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["pins"][0]["selected"], "3.1.0");

    let gone = format!("{}/gone.json", server.url);
    build(package.path(), ["--register", &gone]).is(
        1,
        "",
        &format!("error: cannot fetch {gone}: the server answered 404 Not Found\n"),
    );
}

#[test]
fn what_is_retained_of_a_local_register_is_copied() {
    let package = package("1.0.0");
    let path = package.path();
    let first = build(path, ["--register", "colors/radpack.json", "--out", "live"]);
    assert_eq!(first.code, 0, "{}", first.stderr);
    fs::write(path.join("src/index.js"), "export const other = 2;\n").unwrap();
    let second = build(
        path,
        [
            "--register",
            "colors/radpack.json",
            "--register",
            "live/radpack.json",
            "--version",
            "2.0.0",
            "--out",
            "next",
        ],
    );
    assert_eq!(second.code, 0, "{}", second.stderr);
    assert!(
        second
            .stdout
            .contains("\nkept   1.0.0  another major, and majors are kept\n"),
        "{}",
        second.stdout
    );
    assert!(second.stdout.contains(" copied"), "{}", second.stdout);
    let manifest = manifest(&path.join("next/radpack.json"));
    let variants = manifest["exports"]["app"]["d"][0][1].as_array().unwrap();
    for variant in variants {
        let file = variant["f"].as_str().unwrap();
        assert!(path.join("next/app").join(file).is_file(), "{file}");
    }
}

#[test]
fn everything_that_is_wrong_is_said_and_nothing_is_written() {
    let package = folder([
        (
            "package.json",
            r#"{"name":"app","version":"1.0.0","exports":"./index.js"}"#,
        ),
        (
            "index.js",
            "import \"./gone.js\";\nimport \"./broken.js\";\n",
        ),
        ("broken.js", "export const = 1;\n"),
    ]);
    let ran = build(package.path(), []);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert!(
        ran.stderr
            .lines()
            .any(|line| line.starts_with("error: broken.js:1:14: ")),
        "{}",
        ran.stderr
    );

    let ran = build(package.path(), ["--json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    let problem: Value = serde_json::from_str(ran.stdout.lines().next().unwrap()).unwrap();
    let keys: Vec<_> = problem.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        ["error", "problem", "file", "line", "column", "message"]
    );
    assert_eq!(problem["problem"], "source");
    assert!(!package.path().join("dist-radpack").is_dir());

    fs::write(package.path().join("broken.js"), "export {};\n").unwrap();
    let ran = build(package.path(), []);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert!(
        ran.stderr.starts_with("error: index.js:1:8: "),
        "{}",
        ran.stderr
    );

    fs::write(package.path().join("index.js"), "import \"unheard-of\";\n").unwrap();
    let ran = build(package.path(), ["--json"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stdout.starts_with(
            "{\"error\":\"unresolved-dependency\",\"problem\":\"unserved\",\"file\":\"index.js\","
        ),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_folder_that_is_no_package_is_told() {
    let empty = folder([]);
    for arguments in [vec![], vec!["missing"]] {
        let ran = build(empty.path(), arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
        assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
    }
}
