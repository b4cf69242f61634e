//! The first quarter of an hour: from an empty folder to versions that users have, and back.

use std::fs;

use radpack_testkit::npm_packages;

use super::support::Place;

/// `shapes`, which leaves its number to the registry and needs `d3-array`.
fn shapes(place: &Place) {
    place.package(
        "shapes",
        "",
        "import { max } from \"d3-array\";\nexport const circle = max;\n",
        r#""d3-array":"^3""#,
    );
}

/// From the first version to the second, a release to some, to all, and back.
fn session(place: &Place) {
    place
        .run("publish ./shapes")
        .prints("shapes@1.0.0 published: build 1, 1 entry\n");
    let code = place.read("shapes/index.js");
    place.write("shapes/index.js", &(code + "export const square = 1;\n"));
    place
        .run("publish ./shapes --message squares")
        .prints("shapes@1.1.0 published: build 2, 1 entry\n");
    place
        .run("publish ./shapes")
        .prints("nothing to do: shapes@1.1.0 has these very sources already\n");
    place
        .run("release shapes@1.0.0")
        .prints("event 4: released shapes@1.0.0 (release 1)\n");
    place
        .run("release shapes@1.1.0 --percent 10 --dry-run")
        .prints(
            "shapes@1.1.0 would be release 2 of the line 1 in release\n\
             anyone  shapes@^1  1.0.0 → 1.1.0  10 % of cohorts\n",
        );
    place
        .run("release shapes@1.1.0 --percent 10")
        .prints("event 5: released shapes@1.1.0 (release 2), to 10 %\n");
    place.run("show shapes").prints(
        "shapes: 2 versions, newest 1.1.0\n\
         policy: keep-minors=off releases=forward-only numbering=per-major\n\
         release  line 1  1.0.0 (release 1, TIME by ann)  1.1.0 (release 2, TIME by ann) at 10 % (10 %)\n\
         `radpack versions shapes` lists the versions, `radpack history shapes` says how it came about\n",
    );
    place
        .run("rollout promote shapes")
        .prints("event 6: gave everybody the release 2 of shapes@1\n");
    place
        .run("rollback shapes")
        .prints("event 7: rolled back shapes@1 to 1.1.1 (release 3, which is 1.0.0 again)\n");
    place.run("versions shapes").prints(
        "1.0.0  #1  TIME  ann\n\
         1.1.0  #2  TIME  ann  squares\n\
         1.1.1  #3  TIME  ann  release 3 of line 1; 1.0.0 again\n",
    );
}

#[test]
fn a_package_comes_to_its_users_and_back() {
    let place = Place::new();
    place
        .run("init")
        .prints("there is a registry in store already; nothing was changed\n");
    place.package("internmap", "2.0.3", "export class InternMap {}\n", "");
    place.package(
        "d3-array",
        "3.2.4",
        "import { InternMap } from \"internmap\";\nexport const max = InternMap;\n",
        r#""internmap":"1 - 2""#,
    );
    shapes(&place);
    place.run("publish internmap d3-array --release").prints(
        "internmap@2.0.3 published: build 1, 1 entry, and released as release 1 of the line 2\n\
         d3-array@3.2.4 published: build 1, 1 entry, and released as release 1 of the line 3\n",
    );
    session(&place);

    let resolved = place.done("resolve shapes@^1 d3-array --manifest registry: --json");
    let lines: Vec<&str> = resolved.lines().collect();
    assert!(lines[0].contains(r#""version":"1.1.1","entry":"index","url":"${baseUrl}/m/shapes/"#));
    assert!(lines[0].contains(r#""statics":["d3-array@^3"]"#));
    assert!(lines[1].contains(r#""statics":["internmap@^2"]"#));
    assert_eq!(
        place.history(),
        [
            "ann  published internmap@2.0.3 (build 1) and d3-array@3.2.4 (build 1), and released",
            "ann  published shapes@1.0.0 (build 1)",
            "ann  published shapes@1.1.0 (build 2) – squares",
            "ann  released shapes@1.0.0 (release 1)",
            "ann  released shapes@1.1.0 (release 2), to 10 %",
            "ann  gave everybody the release 2 of shapes@1",
            "ann  rolled back shapes@1 to 1.1.1 (release 3, which is 1.0.0 again)",
        ]
    );
    place.run("diff shapes@1.0.0 shapes@1.1.0").prints(
        "added    `square` of index\n\
         changed  index.js\n",
    );
    place
        .run("diff shapes@1.0.0 shapes#3")
        .prints("they are the same\n");
    let verified = place.done("verify");
    assert!(
        verified.starts_with("everything is as it must be; 7 events, "),
        "{verified}"
    );
}

/// The same, with what npm has.
#[test]
fn real_packages_come_to_their_users() {
    let packages = npm_packages().unwrap_or_else(|error| panic!("{error}"));
    let place = Place::new();
    let modules = [("internmap", "internmap"), ("d3-array-3.2.4", "d3-array")];
    let folders = modules.map(|(folder, _)| packages.named(folder).display().to_string());
    place
        .run(&format!("publish {} --release", folders.join(" ")))
        .prints(
            "internmap@2.0.3 published: build 1, 1 entry, and released as release 1 of the line 2\n\
             d3-array@3.2.4 published: build 1, 1 entry, and released as release 1 of the line 3\n",
        );
    shapes(&place);
    session(&place);

    // What it names is there, under the hash that it states.
    let graph = place
        .run("graph shapes --manifest registry: --json")
        .values();
    assert!(graph.len() > 40, "{} modules", graph.len());
    place.done("download d3-array@3.2.4 built");
    for line in graph.iter().filter(|line| line["name"] == "d3-array") {
        let file = line["url"].as_str().unwrap();
        let file = file.strip_prefix("${baseUrl}/m/").unwrap();
        let built = fs::read(place.path("built").join(file)).unwrap();
        assert_eq!(line["integrity"], crate::main_job::integrity(&built));
    }
}
