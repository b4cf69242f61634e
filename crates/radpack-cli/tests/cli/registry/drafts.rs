//! `radpack draft` and `radpack restore`: nobody's save overwrites another's.

use super::support::Place;

fn with_draft() -> Place {
    let place = Place::with_shapes();
    place.done("release shapes@1.0.0");
    place
        .run("draft create mine shapes --from shapes")
        .prints("event 3: opened the draft mine of shapes from 1.0.0\n");
    place
}

#[test]
fn of_two_who_save_the_second_is_told_and_loses_nothing() {
    let place = with_draft();
    place.run("draft checkout mine one").prints(
        "mine at revision 1: 2 files in one; `radpack draft put mine one` saves what you change\n",
    );
    place.done("draft checkout mine two");
    place.write("one/index.js", "export const circle = 1, square = 2;");
    place.write("one/more.js", "export {};");
    place.write("two/index.js", "export const circle = 1, triangle = 3;");
    place
        .run("draft put mine one --message \"a square\"")
        .prints("event 4: saved the draft mine as revision 2: index.js and more.js\n");
    place.run_as("bea", "draft put mine two").is(
        1,
        "",
        "error: revision 1 of mine is not the newest: ann saved revision 2 at TIME, changing index.js and more.js since. Your \
         files are where they were: `radpack draft checkout mine DIR` writes revision 2 into another folder; bring your changes \
         over, and save that folder\n",
    );
    assert_eq!(
        place.read("two/index.js"),
        "export const circle = 1, triangle = 3;"
    );
    let said = place.refused("draft checkout mine two");
    assert_eq!(
        said,
        "error: two has changes that are not saved in mine: save them with `radpack draft put mine two`, or check out into another \
         folder\n"
    );
    // As it was told.
    place.done("draft checkout mine three");
    place.write(
        "three/index.js",
        "export const circle = 1, square = 2, triangle = 3;",
    );
    place
        .run_as("bea", "draft put mine three")
        .prints("event 5: saved the draft mine as revision 3: index.js\n");
    // The first one's folder has no changes of its own: it can be brought up to date.
    place.done("draft checkout mine one");
    assert_eq!(place.read("one/index.js"), place.read("three/index.js"));
    place
        .run("draft put mine one")
        .prints("nothing to do: mine has these files already, at revision 3\n");
    place.run("draft show mine").prints(
        "mine, a draft of shapes from 1.0.0, at revision 3 of 3\n\
         1  TIME  ann  2 saved\n\
         2  TIME  ann  2 saved  a square\n\
         3  TIME  bea  1 saved\n\
         index.js      50 bytes\n\
         more.js       10 bytes\n\
         package.json  92 bytes\n",
    );
}

#[test]
fn files_are_put_removed_compared_and_set_back() {
    let place = with_draft();
    place.write("notes.txt", "to do");
    place.run("draft put mine notes.txt").is(
        1,
        "",
        "error: which revision is this based on? say it with --base REV, or work in a folder that `radpack draft checkout` made\n",
    );
    place
        .run("draft put mine notes.txt --base 1")
        .prints("event 4: saved the draft mine as revision 2: notes.txt\n");
    place.run("draft put mine notes.txt --base 9").is(
        1,
        "",
        "error: mine has no revision 9; the newest is 2\n",
    );
    for path in ["../notes.txt", "/etc/hostname"] {
        place.run(&format!("draft put mine {path} --base 2")).is(
            1,
            "",
            &match path {
                "../notes.txt" => "error: cannot read ../notes.txt\ncaused by: No such file or directory (os error 2)\n".to_owned(),
                _ => format!("error: {path} is no path in the draft: write it relative to the package\n"),
            },
        );
    }
    place.done("draft checkout mine co");
    place
        .run("draft rm mine co/notes.txt")
        .prints("event 5: saved the draft mine as revision 3: without notes.txt\n");
    assert!(!place.path("co/notes.txt").exists());
    place
        .run("draft put mine co")
        .prints("nothing to do: mine has these files already, at revision 3\n");
    place
        .run("draft rm mine nope --base 3")
        .is(1, "", "error: mine has no file \"nope\"\n");
    place
        .run("draft diff mine 2")
        .prints("removed  notes.txt\n");
    place
        .run("draft diff mine 1 2")
        .prints("added  notes.txt\n");
    place.run("draft diff mine").prints("they are the same\n");
    place
        .run("--json draft diff mine 1 2")
        .prints("{\"change\":\"added\",\"path\":\"notes.txt\"}\n");
    place
        .run("draft reset mine 2")
        .prints("event 6: set the draft mine back to revision 2, as revision 4\n");
    place
        .run("draft reset mine 9")
        .is(1, "", "error: mine has no revision 9; the newest is 4\n");
    // A checkout follows, also where files have gone.
    place.done("draft checkout mine co");
    assert_eq!(place.read("co/notes.txt"), "to do");
    place.done("draft checkout mine co --revision 3");
    assert!(!place.path("co/notes.txt").exists());
}

#[test]
fn a_draft_becomes_a_version() {
    let place = with_draft();
    place.done("draft checkout mine co");
    place.write("co/index.js", "export const circle = 1, square = 2;");
    place.done("draft put mine co");
    // It can be tried before it is published.
    let tried = place.run("manifest --with draft:mine");
    assert!(
        tried.stdout.contains(r#""shapes":{"v":[[1,1]]"#) && tried.stdout.contains("file://"),
        "{}",
        tried.stdout
    );
    place
        .run("draft publish mine --message \"with a square\" --release")
        .prints(
            "shapes@1.1.0 published: build 2, 1 entry, and released as release 2 of the line 1\n",
        );
    assert_eq!(
        place.history()[4],
        "ann  published shapes@1.1.0 (build 2) from the draft mine at revision 2, and released – with a square"
    );
    let shown = place.done("show shapes@1.1.0");
    assert!(
        shown.contains("\n  with a square\n  from the draft mine at revision 2\n"),
        "{shown}"
    );
    place
        .run("draft discard mine")
        .prints("event 6: discarded the draft mine\n");
    place.run("draft discard mine").is(
        1,
        "",
        "error: there is no draft \"mine\"; `radpack draft list` lists those that there are\n",
    );
}

#[test]
fn drafts_come_from_anything() {
    let place = with_draft();
    for (line, printed) in [
        (
            "draft create empty new",
            "event 4: opened the draft empty of new",
        ),
        (
            "draft create copy shapes --from draft:mine",
            "event 5: opened the draft copy of shapes from the draft mine at revision 1",
        ),
        (
            "restore shapes@1.0.0 --draft old",
            "event 6: opened the draft old of shapes from 1.0.0",
        ),
        (
            "draft create first shapes --from shapes#1",
            "event 7: opened the draft first of shapes from 1.0.0",
        ),
    ] {
        place.run(line).prints(&format!("{printed}\n"));
    }
    place.run("draft list").prints(
        "copy   shapes  from the draft mine at revision 1  revision 1  2 files  TIME by ann\n\
         empty  new     from nothing                       revision 1  0 files  TIME by ann\n\
         first  shapes  from 1.0.0                         revision 1  2 files  TIME by ann\n\
         mine   shapes  from 1.0.0                         revision 1  2 files  TIME by ann\n\
         old    shapes  from 1.0.0                         revision 1  2 files  TIME by ann\n",
    );
    let listed = place.run("--json draft list new").values();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["draft"], "empty");
    for (line, said) in [
        (
            "draft create mine shapes",
            "there is a draft \"mine\" of shapes already: choose another name, or look at it with `radpack draft show mine`",
        ),
        (
            "draft create x shapes --from draft:nope",
            "there is no draft \"nope\"; `radpack draft list` lists those that there are",
        ),
        (
            "draft create x shapes --from shapes@7",
            "there is no shapes@7.0.0; `radpack versions shapes` lists those that there are",
        ),
        (
            "draft show nope",
            "there is no draft \"nope\"; `radpack draft list` lists those that there are",
        ),
        (
            "draft show mine --revision 4",
            "mine has no revision 4; the newest is 1",
        ),
    ] {
        place.run(line).is(1, "", &format!("error: {said}\n"));
    }
    for name in ["../x", "a/../../x", "a//b", ".x", "a b", "ü", "-"] {
        let said = place
            .run(&format!("draft create -- \"{name}\" shapes"))
            .stderr;
        assert!(said.contains("cannot name a draft"), "{name}: {said}");
    }
}
