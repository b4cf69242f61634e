//! `radpack publish`: numbers, refusals, several at once, and folders that were built elsewhere.

use super::support::{Place, files_below};

#[test]
fn a_number_that_is_used_is_refused_and_the_next_one_named() {
    let place = Place::with_shapes();
    place.write("shapes/index.js", "export const circle = 1, square = 2;");
    place.run("publish shapes").is(
        1,
        "",
        "error: shapes@1.0.0 cannot be published: `square` of index is added since 1.0.0, so publish it as 1.1.0 (say so in \
         package.json, or with --version); or go on from 1.0.0 in a draft: `radpack restore shapes@1.0.0 --draft NAME`\n\
         caused by: 1.0.0 is taken: a version is never replaced\n",
    );
    place.run("publish shapes --version 1.0.1").is(
        1,
        "",
        "error: shapes@1.0.1 cannot be published: publish it as 1.1.0 (say so in package.json, or with --version); \
         --allow-breaking REASON insists and is recorded\n\
         caused by: 1.0.1 is too small a step from 1.0.0: `square` of index is added, so it must be 1.1.0 or higher\n",
    );
    place
        .run("publish shapes --version 1.1")
        .prints("shapes@1.1.0 published: build 2, 1 entry\n");
    place.write("shapes/index.js", "export const square = 2;");
    place.run("publish shapes --version 1.0.5").is(
        1,
        "",
        "error: shapes@1.0.5 cannot be published: `circle` of index is removed since 1.1.0, so publish it as 2.0.0 (say so in \
         package.json, or with --version)\n\
         caused by: 1.0.5 is not higher than 1.1.0, the highest of the line 1\n",
    );
    place
        .run("publish shapes --version 1.1.1 --allow-breaking \"nobody has it\" --message smaller")
        .prints("shapes@1.1.1 published: build 3, 1 entry\n");
    assert_eq!(
        place.history()[2],
        "ann  published shapes@1.1.1 (build 3) – smaller; nobody has it"
    );
    let shown = place.done("show shapes@1.1.1");
    assert!(
        shown.contains("\n  promises more than it keeps, by intent: nobody has it\n"),
        "{shown}"
    );
    // Another major may follow what it likes.
    place
        .run("publish shapes --version 3")
        .prints("shapes@3.0.0 published: build 4, 1 entry\n");
}

#[test]
fn without_a_number_the_change_decides() {
    let place = Place::new();
    for (code, published) in [
        ("export const a = 1;", "1.0.0 published: build 1"),
        ("export const a = 2;", "1.0.1 published: build 2"),
        ("export const a = 2, b = 1;", "1.1.0 published: build 3"),
        ("export const b = 1;", "2.0.0 published: build 4"),
    ] {
        place.package("shapes", "", code, "");
        place
            .run("publish shapes")
            .prints(&format!("shapes@{published}, 1 entry\n"));
    }
}

#[test]
fn the_same_again_is_nothing_to_do() {
    let place = Place::with_shapes();
    place
        .run("publish shapes")
        .prints("nothing to do: shapes@1.0.0 has these very sources already\n");
    place
        .run("--json publish shapes")
        .prints("{\"done\":false,\"why\":\"shapes@1.0.0 has these very sources already\"}\n");
    place
        .run("publish shapes --release")
        .prints("shapes@1.0.0, which was there, released as release 1 of the line 1\n");
    place
        .run("publish shapes --release")
        .prints("nothing to do: shapes@1.0.0 has these very sources already\n");
}

#[test]
fn a_prerelease_is_of_a_line_of_its_own() {
    let place = Place::with_shapes();
    place.write("shapes/index.js", "export const other = 1;");
    place
        .run("publish shapes --version 2.0.0-beta.1 --release")
        .prints("shapes@2.0.0-beta.1 published: build 2, 1 entry, and released as release 1 of the line 2.0.0-\n");
    place
        .run("publish shapes --version 2")
        .prints("shapes@2.0.0 published: build 3, 1 entry\n");
}

#[test]
fn several_are_published_in_one_event_or_not_at_all() {
    let place = Place::with_shapes();
    // The app needs what shapes will offer in the same event, under its new major.
    place.package("shapes", "2.0.0", "export const square = 1;", "");
    place.package(
        "app",
        "1.0.0",
        "import { square } from \"shapes\";\nexport default square;",
        r#""shapes":"^2.0.0""#,
    );
    place.write(
        "broken/package.json",
        r#"{"name":"broken","version":"1.0.0","type":"module","exports":"./gone.js"}"#,
    );
    let ran = place.run("publish app shapes broken");
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("gone.js"), "{}", ran.stderr);
    assert_eq!(place.history().len(), 1);

    let ran = place.run("publish app shapes --release");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let mut lines: Vec<&str> = ran.stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "app@1.0.0 published: build 1, 1 entry, and released as release 1 of the line 1",
            "shapes@2.0.0 published: build 2, 1 entry, and released as release 1 of the line 2",
        ]
    );
    assert_eq!(place.history().len(), 2);
    let resolved = place.done("resolve app --manifest registry: --json");
    assert!(
        resolved.contains(r#""statics":["shapes@^2"]"#),
        "{resolved}"
    );

    place.run("publish app shapes --version 3").is(
        1,
        "",
        "error: one number is not for several packages: leave out --version, or publish them one by one\n",
    );
    place
        .run("publish shapes shapes")
        .is(1, "", "error: shapes was given twice\n");
}

#[test]
fn those_that_import_one_another_are_published_together() {
    let place = Place::new();
    place.package(
        "even",
        "1.0.0",
        "import { odd } from \"odd\";\nexport const even = (n) => n === 0 || odd(n - 1);",
        r#""odd":"^1""#,
    );
    place.package(
        "odd",
        "1.0.0",
        "import { even } from \"even\";\nexport const odd = (n) => n !== 0 && even(n - 1);",
        r#""even":"^1""#,
    );
    place.done("publish even odd --release");
    assert_eq!(place.history().len(), 1);
    let graph = place.run("graph odd --manifest registry: --json").values();
    let names: Vec<_> = graph.iter().map(|line| line["name"].clone()).collect();
    assert_eq!(names, ["even", "odd"]);
}

#[test]
fn an_import_that_nothing_serves_is_told_with_its_file() {
    let place = Place::new();
    place.package("app", "1.0.0", "import \"nowhere\";", "");
    let said = place.refused("publish app");
    assert!(
        said.contains("nowhere") && said.contains("index.js"),
        "{said}"
    );
    place
        .run("publish app --external nowhere")
        .prints("app@1.0.0 published: build 1, 1 entry\n");
    let ran = place.run("--json publish app2");
    assert_eq!(ran.code, 1);
    assert_eq!(ran.values()[0]["error"], "invalid-manifest");
}

#[test]
fn what_radpack_1_built_is_taken_as_built() {
    let place = Place::new();
    place.write("old/package.json", r#"{"name":"old","version":"1.4.2"}"#);
    place.write("old/old-abc123.js", "export default 1;\n");
    place.write(
        "old/radpack.json",
        r#"{"vars":{"url":"${baseUrl}/${file}"},"exports":{"old":{"v":[[1,4,2]],"d":[["index",[{"v":[0],"f":"old-abc123.js"}]]]}}}"#,
    );
    place
        .run("publish old --release")
        .prints("old@1.4.2 published: build 1, 1 entry, and released as release 1 of the line 1\n");
    let resolved = place.done("resolve old --manifest registry: --json");
    assert!(
        resolved.contains("/m/old/old-abc123.js\",\"integrity\":\"sha384-"),
        "{resolved}"
    );
}

#[test]
fn what_was_downloaded_can_be_published_elsewhere() {
    let place = Place::with_shapes();
    place.package(
        "app",
        "1.0.0",
        "import { circle } from \"shapes\";\nexport default circle;",
        r#""shapes":"^1""#,
    );
    place.done("release shapes@1.0.0");
    place.done("publish app --release");
    place
        .run("download app@1 built")
        .prints("app@1.0.0: 2 files in built\n");
    place
        .run("download app@1.0.0 sources --sources")
        .prints("app@1.0.0: 2 files in sources\n");
    assert_eq!(place.read("sources/index.js"), place.read("app/index.js"));
    // The same again changes nothing; what is somebody's own stays.
    place
        .run("download app#1 sources --sources")
        .prints("app@1.0.0: 2 files in sources\n");
    place.write("sources/index.js", "export default 2;");
    let said = place.refused("download app@1.0.0 sources --sources");
    assert!(
        said.ends_with("is there with other contents: download into another folder\n"),
        "{said}"
    );
    assert_eq!(place.read("sources/index.js"), "export default 2;");

    place
        .run("resolve app --manifest built/radpack.json --var baseUrl=https://cdn.example")
        .prints(&format!(
            "app  app@1.0.0  in-range  https://cdn.example/app/{}\n",
            file_of(&place, "built/app")
        ));
    place.write("built/package.json", r#"{"name":"app","version":"1.0.0"}"#);
    place
        .run("init --store other")
        .prints("a new registry in other\n");
    place
        .run("publish built --store other --release --force \"shapes comes later\"")
        .prints("app@1.0.0 published: build 1, 1 entry, and released as release 1 of the line 1\n");
    let there = place.done("resolve app --manifest registry: --json --store other");
    let here = place.done("resolve app --manifest registry: --json");
    assert_eq!(there, here);
}

/// The module that a folder has.
fn file_of(place: &Place, folder: &str) -> String {
    let files = files_below(&place.path(folder));
    let code = files
        .iter()
        .find(|file| file.extension().is_some_and(|end| end == "js"));
    code.unwrap()
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned()
}

#[test]
fn a_register_of_the_registry_serves_builds_and_publishing() {
    let place = Place::with_shapes();
    place.package(
        "app",
        "1.0.0",
        "import { circle } from \"shapes\";\nexport default circle;",
        r#""shapes":"^1""#,
    );
    // Nothing is released: users get nothing, makers do.
    let said = place.run("build app --register registry:").stderr;
    assert!(said.contains("no register"), "{said}");
    let built = place.run("build app --register registry:latest");
    assert!(
        built
            .stdout
            .contains("pin      shapes → shapes@^1  now 1.0.0, of registry:latest\n"),
        "{}",
        built.stdout
    );
    place
        .run("pin app --register registry:latest")
        .prints("shapes  ^1  shapes@^1  now 1.0.0\n");
    let elsewhere = place
        .program("pin app --register registry:latest --store store")
        .variable("RADPACK_STORE", "nowhere")
        .run();
    elsewhere.prints("shapes  ^1  shapes@^1  now 1.0.0\n");
    let said = place.refused("pin app --register registry:latest --store nowhere");
    assert_eq!(
        said,
        "error: there is no registry in nowhere: make one with `radpack init`\n"
    );
}

#[test]
fn a_command_that_is_sent_again_is_carried_out_once() {
    let place = Place::with_shapes();
    let id = "--command 0198a000-0000-7000-8000-000000000001";
    place
        .run(&format!("release shapes@1.0.0 {id}"))
        .prints("event 2: released shapes@1.0.0 (release 1)\n");
    place.run(&format!("release shapes@1.0.0 {id}")).prints(
        "event 2: released shapes@1.0.0 (release 1); this command had been carried out before\n",
    );
    assert_eq!(place.history().len(), 2);
}
