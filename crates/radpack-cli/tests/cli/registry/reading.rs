//! What a registry says of itself: versions, the past, what each reader gets, and where a fault came from.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use super::support::Place;

/// `shapes` 1.0.0 and 1.0.1, released one after the other.
fn two_releases() -> Place {
    let place = Place::with_shapes();
    place.done("release shapes@1.0.0");
    place.package("shapes", "1.0.1", "export const circle = 2;", "");
    place.done("publish shapes --release --message rounder");
    place
}

#[test]
fn versions_are_listed_shown_and_compared() {
    let place = two_releases();
    place.run("versions").prints("shapes  2 versions  1.0.1\n");
    place
        .run("--json versions")
        .prints("{\"name\":\"shapes\",\"versions\":2,\"released\":[\"1.0.1\"]}\n");
    place.run("versions shapes").prints(
        "1.0.0  #1  TIME  ann\n\
         1.0.1  #2  TIME  ann  release 2 of line 1; rounder\n",
    );
    let values = place.run("--json versions shapes --released").values();
    assert_eq!(values.len(), 2);
    assert_eq!(
        (&values[1]["version"], &values[1]["message"]),
        (&"1.0.1".into(), &"rounder".into())
    );
    let shown = place.done("show shapes#2");
    assert!(
        shown.starts_with("shapes@1.0.1, build 2, published TIME by ann (event 3)\n  rounder\n  release 2 of line 1\nindex  index-"),
        "{shown}"
    );
    assert!(
        shown.ends_with(".js  circle\n1 file, 24 bytes; 2 sources\n"),
        "{shown}"
    );
    let value = &place.run("--json show shapes@1.0.1").values()[0];
    assert_eq!(value["entries"]["index"]["exports"][0], "circle");
    let value = &place.run("--json show shapes").values()[0];
    assert_eq!(value["versions"].as_array().unwrap().len(), 2);
    place
        .run("diff shapes@1 shapes@1.0.1")
        .prints("changed  index.js\nchanged  package.json\n");
    let value = &place.run("--json diff shapes@1 shapes#2").values()[0];
    assert_eq!(
        (&value["from"], &value["to"]),
        (&"shapes@1.0.0".into(), &"shapes@1.0.1".into())
    );
    for line in [
        "versions shape",
        "show shape",
        "diff shape@1 shapes@1",
        "download shape@1 out",
    ] {
        place.run(line).is(
            1,
            "",
            "error: there is no package \"shape\"; `radpack versions` lists those that there are\n",
        );
    }
}

#[test]
fn the_history_is_told_from_anywhere() {
    let place = two_releases();
    place.package("other", "1.0.0", "export default 1;", "");
    place.done("publish other");
    place.run("history").prints(
        "    1  TIME  ann  published shapes@1.0.0 (build 1)\n    \
             2  TIME  ann  released shapes@1.0.0 (release 1)\n    \
             3  TIME  ann  published shapes@1.0.1 (build 2), and released – rounder\n    \
             4  TIME  ann  published other@1.0.0 (build 1)\n",
    );
    place
        .run("history other")
        .prints("    4  TIME  ann  published other@1.0.0 (build 1)\n");
    let values = place.run("--json history shapes --since 1").values();
    let kinds: Vec<_> = values.iter().map(|value| value["kind"].clone()).collect();
    assert_eq!(kinds, ["released", "published"]);
    place
        .run("history --since 9")
        .is(1, "", "error: event 9 has not happened: the newest is 4\n");
    place.run("history shape").is(
        0,
        "",
        "no event is about shape; `radpack versions` lists the packages that there are\n",
    );
    place.run("history --since 4").prints("");
}

#[test]
fn who_follows_the_history_is_told_as_it_happens() {
    let place = Place::with_shapes();
    let mut child = place
        .program("history --follow")
        .command()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert!(line.contains("published shapes@1.0.0"), "{line}");
    place.done("release shapes@1.0.0");
    line.clear();
    reader.read_line(&mut line).unwrap();
    assert!(line.contains("released shapes@1.0.0"), "{line}");
    // Once nobody reads, it ends with what it has to say next.
    drop(reader);
    place.done("setting base-url=https://cdn.example");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_manifest_is_that_of_its_moment() {
    let place = two_releases();
    let manifest = |line: &str| {
        let ran = place.program(&format!("manifest {line}")).run();
        assert_eq!(ran.code, 0, "{line}: {}", ran.stderr);
        let moment = ran.stderr.strip_prefix("moment ").unwrap_or_default();
        (ran.stdout, moment.trim_end().to_owned())
    };
    let (now, moment) = manifest("");
    assert!(now.contains(r#""shapes":{"v":[[1,0,1]]"#), "{now}");
    let (before, _) = manifest("--at 2");
    assert!(before.contains(r#""shapes":{"v":[[1]]"#), "{before}");
    assert_eq!(manifest("--at 1").0, manifest("--at 0").0);
    let events = place.program("history --json").run().values();
    let at = |index: usize| events[index]["at"].as_str().unwrap();
    assert_eq!(manifest(&format!("--at {}", at(1))).0, before);
    assert_eq!(manifest(&format!("--at {}", at(2))).0, now);
    place.done("setting base-url=https://cdn.example");
    // What a reader was told means the same for ever.
    assert_eq!(manifest(&format!("--at {moment}")).0, now);
    assert_ne!(manifest("").0, now);

    let (with, _) = manifest("--with shapes@1.0.0");
    assert!(with.contains(r#"{"v":[[1]]"#), "{with}");
    assert_eq!(manifest("--with shapes#1").0, with);
    assert!(manifest("--channel latest").0.contains("[[1,0,1]]"));
    let (vars, _) = manifest("--at 3 --var baseUrl=https://x.example");
    assert!(vars.contains(r#""baseUrl":"https://x.example""#), "{vars}");
    place
        .run("manifest --at 3 --out out.json --json")
        .prints("{\"out\":\"out.json\",\"packages\":1,\"versions\":1,\"entries\":1}\n");
    assert_eq!(place.read("out.json"), now.trim_end());
    for (line, said) in [
        ("--at 99", "event 99 has not happened: the newest is 4"),
        (
            "--at yesterday",
            "\"yesterday\" is no moment: write the number of an event (12), a time (2026-11-21T14:00Z), or what a reader was told (12-9f86…)",
        ),
        (
            "--with nope@1",
            "there is no package \"nope\"; `radpack versions` lists those that there are",
        ),
        (
            "--consumer nope",
            "there is no consumer \"nope\"; `radpack consumer list` lists those that there are",
        ),
    ] {
        place
            .run(&format!("manifest {line}"))
            .is(1, "", &format!("error: {said}\n"));
    }
    let said = place.refused("manifest --at 2000-01-01T00:00Z");
    assert!(
        said.starts_with("error: the registry was made at TIME, after TIME"),
        "{said}"
    );
    let said = place.refused("manifest --at 9000-01-01T00:00Z");
    assert_eq!(said, "error: TIME has not come\n");
}

#[test]
fn a_consumer_follows_what_it_first_used() {
    let place = Place::with_shapes();
    place.package("colors", "1.0.0", "export const red = 1;", "");
    place.done("publish colors --release");
    place.write("pins", "# what the shop has\nshapes@^1\ncolors@^1\n");
    place.run("consumer put shop pins --production").is(
        0,
        "event 3: recorded 2 pins of shop, which follows latest for shapes\n",
        "warning: shop is in production and follows latest for shapes: what is published reaches users at once; \
         `radpack consumer put shop --follow NAME=release` changes that\n",
    );
    let ran = place.run("manifest --consumer shop");
    assert!(ran.stdout.contains("shapes") && ran.stdout.contains("colors"));
    place.done("release shapes@1.0.0");
    place
        .run("consumer put shop --follow shapes=release")
        .prints("event 5: recorded 2 pins of shop\n");
    place.run("consumer show shop").prints(
        "shop, in production, recorded TIME by ann\n\
         colors@^1  follows release\n\
         shapes@^1  follows release\n",
    );
    place.package("app", "1.0.0", "", r#""shapes":"~1.0.0""#);
    place
        .run("consumer put app app/package.json")
        .prints("event 6: recorded 1 pin of app\n");
    let piped = place
        .program("consumer put piped -")
        .input("[\"shapes\"]")
        .run();
    assert_eq!(piped.stdout, "event 7: recorded 1 pin of piped\n");
    place.run("consumer list").prints(
        "app    1 pin   recorded TIME by ann\n\
         piped  1 pin   recorded TIME by ann\n\
         shop   2 pins  recorded TIME by ann  production\n",
    );
    let value = &place.run("--json consumer list").values()[2];
    assert_eq!(value["follows"]["shapes"], "release");
    // What it uses is not taken away from it.
    let said = place.refused("rollback shapes");
    assert!(said.contains("shapes@^1 of the consumer shop"), "{said}");
    for (line, said) in [
        (
            "consumer show nope",
            "there is no consumer \"nope\"; `radpack consumer list` lists those that there are",
        ),
        (
            "consumer put new",
            "new has recorded no pins yet: give them in a file, one id a line, or as JSON",
        ),
        (
            "consumer put new -",
            "standard input states no pins: expected a package.json with dependencies, a JSON array of ids, or an id a line",
        ),
    ] {
        place.run(line).is(1, "", &format!("error: {said}\n"));
    }
    place.write("odd", "a@@@\n");
    let said = place.refused("consumer put new odd");
    assert!(said.starts_with("error: \"a@@@\" is no pin\n"), "{said}");
    let said = place.refused("consumer put new nowhere");
    assert!(said.starts_with("error: cannot read nowhere\n"), "{said}");
}

#[cfg(unix)]
#[test]
fn the_release_that_broke_it_is_found() {
    let place = two_releases();
    for version in ["1.0.2", "1.0.3", "1.0.4", "1.0.5"] {
        place.write(
            "shapes/index.js",
            &format!("export const circle = \"{version}\";"),
        );
        place.done(&format!("publish shapes --version {version} --release"));
    }
    // Everything from 1.0.3 on fails.
    place.write(
        "try",
        "case $(cat $RADPACK_MANIFEST) in *'[[1,0,3]]'*|*'[[1,0,4]]'*|*'[[1,0,5]]'*) exit 1;; esac",
    );
    let ran = place.run("bisect shapes --good 2 --bad 7 --run \"sh try\"");
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (
            0,
            "event 5 began it: ann published shapes@1.0.3 (build 4), and released\n"
        )
    );
    assert!(
        ran.stderr.starts_with("event 2: good\nevent 7: bad\n"),
        "{}",
        ran.stderr
    );
    let value = &place
        .run("--json bisect shapes --good 2 --bad 7 --run \"sh try\"")
        .values()[0];
    assert_eq!(value["seq"], 5);
    for (line, said) in [
        (
            "--good 7 --bad 2 --run true",
            "event 7 does not come before event 2: --good must",
        ),
        (
            "--good 2 --bad 99 --run true",
            "event 99 has not happened: the newest is 7",
        ),
        (
            "--good 2 --bad 7 --run \"exit 127\"",
            "the command gave no answer at event 2 (exit status: 127): 0 is good, 1 to 124 are bad",
        ),
        (
            "--good 0 --bad 1 --run true",
            "no release of shapes changed between the events 0 and 1",
        ),
    ] {
        place
            .run(&format!("bisect shapes {line}"))
            .is(1, "", &format!("error: {said}\n"));
    }
    let ran = place.run("bisect shapes --good 2 --bad 7 --run true");
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.ends_with(
            "error: the command does well at event 7 already: nothing to look for between\n"
        ),
        "{}",
        ran.stderr
    );
}

#[test]
fn every_reader_of_registers_reads_the_registry() {
    let place = two_releases();
    for line in [
        "resolve shapes@^1 --manifest registry: --store store",
        "graph shapes --manifest registry:latest --store store",
        "import-map shapes --manifest registry: --var baseUrl=https://x.example --store store",
        "merge registry: --store store",
        "register registry: --store store",
        "check registry:latest --store store",
        "compile registry: --out index.radpack --store store",
    ] {
        let ran = place
            .program(line)
            .variable("RADPACK_STORE", "nowhere")
            .run();
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{line}");
        assert!(!ran.stdout.is_empty(), "{line}");
        let without = line.replace(" --store store", "");
        let ran = place
            .program(&without)
            .variable("RADPACK_STORE", "nowhere")
            .run();
        assert_eq!(ran.code, 1, "{without}");
        assert!(
            ran.stderr
                .contains("there is no registry in nowhere: make one with `radpack init`"),
            "{without}: {}",
            ran.stderr
        );
    }
}
