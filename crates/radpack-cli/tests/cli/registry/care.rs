//! Care for a registry as a whole: backups, verifying, sweeping, and what is said of bytes that have changed.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use super::support::{Place, files_below};

/// Changes one byte of a file.
fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn what_was_backed_up_is_restored_and_imported() {
    let place = Place::with_shapes();
    place
        .run("backup first")
        .prints("first: the history up to event 1, 1 event and 2 blobs of it\n");
    place.done("release shapes@1.0.0");
    place.done("token create ci --right publish --json");
    place
        .run("backup second --base first")
        .prints("second: the history up to event 3, 2 events and 0 blobs of it\n");
    // What is there may be the base of another.
    for line in ["backup first", "backup second --base second"] {
        let said = place.refused(line);
        assert!(
            said.ends_with(" is there already: a backup is written to a new file\n"),
            "{said}"
        );
    }
    place
        .run("restore-backup first second --store there")
        .prints("a registry in there: 3 events and 2 blobs; all tokens of it are revoked\n");
    let there = place.done("history --store there");
    let here = place.done("history");
    assert!(there.starts_with(&here), "{there}");
    assert_eq!(there.lines().count(), 4);
    assert!(
        there.ends_with(
            "ann  restored the registry from a backup up to event 3, and revoked all tokens\n"
        ),
        "{there}"
    );
    let manifest = |store: &str| place.run(&format!("manifest --at 3 --store {store}"));
    assert_eq!(manifest("store").stdout, manifest("there").stdout);
    place.done("verify --store there");

    let said = place.refused("restore-backup first --store there");
    assert!(said.contains("restore into an empty store"), "{said}");
    place.run("restore-backup second --store other").is(
        1,
        "",
        "error: second does not go on from where an empty registry ends: give the backups in their order, none left out\n",
    );
    let missing = place.refused("versions --store other");
    assert!(missing.contains("`radpack init`"), "{missing}");

    place.done("init --store other");
    place
        .run("import first shapes --store other")
        .prints("event 1: imported shapes (1 version) from the registry ID at its event 1\n");
    place.run("import first --store other").is(
        1,
        "",
        "error: there is shapes already, and a version is never replaced: name those packages of the backup that are not here\n",
    );
    place.run("import first nope --store other").is(
        1,
        "",
        "error: first has no package \"nope\"\n",
    );
    place.run("import nowhere --store other").is(
        1,
        "",
        "error: the backup nowhere cannot be used\n\
         caused by: cannot open nowhere\n\
         caused by: No such file or directory (os error 2)\n",
    );
    place.run("import shapes/index.js --store other").is(
        1,
        "",
        "error: the backup shapes/index.js cannot be used\n\
         caused by: it is no backup of a registry\n",
    );
    // A changed backup is refused, wherever the change is.
    flip(&place.path("first"));
    let said = place.refused("restore-backup first --store third");
    assert!(said.contains("the backup first cannot be used"), "{said}");
}

#[test]
fn a_changed_blob_is_found_and_never_handed_out() {
    let place = Place::with_shapes();
    place.run("verify").prints(
        "everything is as it must be; 1 event, 2 blobs with 116 bytes, and 0 checkpoints were read\n",
    );
    let blob = files_below(&place.path("store/blobs"))
        .into_iter()
        .find(|blob| fs::read(blob).unwrap() == b"export const circle = 1;")
        .unwrap();
    flip(&blob);
    let name = blob.file_name().unwrap().to_str().unwrap();
    let ran = place.run("verify");
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    assert_eq!(
        ran.stdout.lines().next().unwrap(),
        format!(
            "blobs/sha256/{name}: its bytes are others than those that event 1 names: put it back from a backup"
        )
    );
    let values = place.run("--json verify").values();
    assert_eq!(values.len(), 2);
    assert_eq!(values[1]["clean"], false);
    let said = place.refused("download shapes@1.0.0 out --sources");
    assert!(said.contains("`radpack verify`"), "{said}");
    assert!(!place.path("out").exists());
}

#[test]
fn a_changed_event_is_found_by_everything_that_reads() {
    let place = Place::with_shapes();
    for version in ["1.0.1", "1.0.2", "1.0.3"] {
        place.write("shapes/note.txt", version);
        place.done(&format!("publish shapes --version {version}"));
    }
    let event = place.path("store/events/00000000000000000002.json");
    let text = fs::read_to_string(&event).unwrap();
    // Nothing that a reader of JSON would notice.
    fs::write(&event, text.replace("\"by\":\"ann\"", "\"by\":\"eve\"")).unwrap();
    let ran = place.run("verify");
    assert_eq!(ran.code, 1);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(
        lines[0]
            .starts_with("events/00000000000000000003.json: the history is broken at event 3: "),
        "{}",
        lines[0]
    );
    assert!(
        lines[1].starts_with("events/00000000000000000004.json: event 4 comes after event 3, which is missing or broken"),
        "{}",
        lines[1]
    );
    fs::write(&event, "{").unwrap();
    let ran = place.run("verify");
    assert!(
        ran.stdout
            .starts_with("events/00000000000000000002.json: event 2 cannot be read: "),
        "{}",
        ran.stdout
    );
    for line in [
        "versions",
        "history",
        "release shapes@1.0.1",
        "publish shapes",
    ] {
        let ran = place.run(line);
        assert_eq!(ran.code, 1, "{line}");
        assert!(
            ran.stderr.starts_with(
                "error: event 2 cannot be read: put it back from a backup; `radpack verify` says what else is wrong\n"
            ),
            "{line}: {}",
            ran.stderr
        );
    }
}

#[test]
fn what_nothing_names_is_swept_when_it_is_old() {
    let place = Place::with_shapes();
    place
        .run("gc")
        .prints("the history names everything that is over a day old\n");
    let hex = "0123456789abcdef".repeat(4);
    let path = place.path(&format!("store/blobs/sha256/{hex}"));
    let mut file = fs::File::create(&path).unwrap();
    file.write_all(b"nobody's").unwrap();
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(3 * 86_400);
    file.set_modified(old).unwrap();
    drop(file);
    place
        .run("gc")
        .prints("event 2: swept 1 object with 8 bytes\n");
    assert!(!path.exists());
    place
        .run("--json gc")
        .prints("{\"seq\":null,\"objects\":0,\"bytes\":0,\"leftOver\":0,\"checkpoints\":0}\n");
    place.done("verify");
}

#[test]
fn settings_are_shown_and_changed() {
    let place = Place::with_shapes();
    place.run("setting").prints("base-url=\n");
    place
        .run("setting base-url=https://cdn.example/")
        .prints("event 2: set base-url to https://cdn.example\n");
    place
        .run("setting base-url=https://cdn.example/")
        .prints("nothing to do: it is so already\n");
    place.done("release shapes@1.0.0");
    let urls = place.done("graph shapes --manifest registry: --format urls");
    assert!(
        urls.starts_with("https://cdn.example/m/shapes/index-"),
        "{urls}"
    );
    place
        .run("setting base-url=")
        .prints("event 4: unset base-url\n");
    place.run("--json setting").prints("{\"baseUrl\":null}\n");
}
