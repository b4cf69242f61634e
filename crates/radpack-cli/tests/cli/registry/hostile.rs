//! What nobody should type, disks that fail, and two at once.

use std::fs;
use std::process::{Command, Stdio};

use super::support::Place;
use crate::program::radpack;

/// A line for every command of a registry, each as it should be typed.
const LINES: [&str; 38] = [
    "publish shapes",
    "versions",
    "versions shapes",
    "show shapes",
    "show shapes@1.0.0",
    "diff shapes@1 shapes#1",
    "download shapes@1 out",
    "release shapes@1.0.0",
    "release shapes@1.0.0 --dry-run",
    "promote shapes --from staging",
    "rollout set 50 shapes",
    "rollout pause shapes",
    "rollout resume shapes",
    "rollout promote shapes",
    "rollout abort shapes",
    "rollback shapes",
    "restore shapes@1.0.0 --draft d",
    "revert --to 1",
    "yank shapes@1.0.0 --reason bad",
    "draft create d shapes",
    "draft list",
    "draft show d",
    "draft checkout d out",
    "draft put d shapes/index.js --base 1",
    "draft rm d index.js --base 1",
    "draft diff d",
    "draft reset d 1",
    "draft discard d",
    "draft publish d",
    "consumer list",
    "consumer show shop",
    "token list",
    "token create ci --right read",
    "history",
    "manifest",
    "policy shapes",
    "verify",
    "gc",
];

#[test]
fn without_a_registry_every_command_says_how_to_make_one() {
    let place = Place::empty();
    place.package("shapes", "1.0.0", "export default 1;", "");
    for line in LINES {
        place.run(line).is(
            1,
            "",
            "error: there is no registry in store: make one with `radpack init`\n",
        );
    }
    let values = place.run("--json versions").values();
    assert_eq!(
        values,
        [
            serde_json::json!({"error": "io", "message": "there is no registry in store: make one with `radpack init`"})
        ]
    );
    assert!(!place.path("store").exists());
}

#[test]
fn with_json_every_line_is_a_value() {
    let place = Place::with_shapes();
    for line in LINES {
        let ran = place.run(&format!("--json {line}"));
        assert!(ran.code < 2, "{line}: {}", ran.stderr);
        let values = ran.values();
        // A command that lists may have nothing to list.
        let lists = line.contains("list") || line.starts_with("history");
        assert!(lists || !values.is_empty(), "{line}");
        if ran.code == 1 {
            let last = values.last().unwrap();
            let word = last["error"]
                .as_str()
                .unwrap_or_else(|| panic!("{line}: {last}"));
            assert!(
                [
                    "unknown-package",
                    "unavailable",
                    "invalid-id",
                    "unresolved-dependency",
                    "unknown-entry"
                ]
                .contains(&word),
                "{line}: {word}"
            );
            assert!(ran.stderr.starts_with("error: "), "{line}");
        }
    }
}

#[test]
fn every_command_explains_itself() {
    let leaves = [
        "init",
        "publish",
        "versions",
        "show",
        "diff",
        "download",
        "release",
        "promote",
        "rollout set",
        "rollout pause",
        "rollout resume",
        "rollout promote",
        "rollout abort",
        "rollback",
        "restore",
        "revert",
        "yank",
        "draft create",
        "draft list",
        "draft show",
        "draft checkout",
        "draft put",
        "draft rm",
        "draft diff",
        "draft reset",
        "draft discard",
        "draft publish",
        "consumer put",
        "consumer list",
        "consumer show",
        "token create",
        "token list",
        "token revoke",
        "history",
        "manifest",
        "bisect",
        "policy",
        "setting",
        "backup",
        "restore-backup",
        "import",
        "verify",
        "gc",
    ];
    for leaf in leaves {
        let help = radpack(leaf.split(' ').chain(["--help"])).run();
        assert_eq!((help.code, help.stderr.as_str()), (0, ""), "{leaf}");
        assert!(
            help.stdout.contains(&format!("Usage: radpack {leaf}")),
            "{}",
            help.stdout
        );
        assert!(help.stdout.contains("--store <URL>"), "{leaf}");
    }
}

#[test]
fn what_makes_no_sense_is_wrong_usage() {
    let place = Place::with_shapes();
    for line in [
        "publish",
        "release shapes",
        "release shapes@1.0.0 --percent 101",
        "release shapes@1.0.0 --percent -1",
        "release shapes@1.0.0 --percent 99999999999999999999",
        "release shapes@1.0.0 --percent 1e9",
        "release shapes@1.0.0 --over 99999999999999999999w",
        "release shapes@1.0.0 --stages 50%:1h,10%:1h",
        "release shapes@1.0.0 --stages ,",
        "rollout set shapes",
        "yank shapes@1.0.0",
        "yank shapes@1.0.0 --reason \" \"",
        "show ../shapes",
        "show shapes@../../etc/passwd",
        "show shapes#0",
        "show shapes#4294967296",
        "show @@@",
        "history --since -1",
        "manifest --cohort 100",
        "token create ci --right everything",
        "token create ci --right read --expires 0d",
        "revert --to 18446744073709551616",
        "setting base-url=file:///etc",
        "policy shapes colour=red",
    ] {
        let ran = place.run(line);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{line}");
        assert!(ran.stderr.starts_with("error: "), "{line}: {}", ran.stderr);
    }
    for line in [
        "revert --to 18446744073709551615",
        "history --since 18446744073709551615",
        "show shapes#4294967295",
    ] {
        place.refused(line);
    }
    assert_eq!(place.history().len(), 1);
}

#[test]
fn odd_names_are_refused_and_nothing_is_written_elsewhere() {
    let place = Place::new();
    for name in [
        "..",
        ".hidden",
        "a b",
        "a/b/c",
        "@/x",
        "node_modules",
        "ü",
        "\\u001b[31mred",
    ] {
        place.write(
            "odd/package.json",
            &format!(
                r#"{{"name":"{name}","version":"1.0.0","type":"module","exports":"./index.js"}}"#
            ),
        );
        place.write("odd/index.js", "export default 1;");
        let said = place.refused("publish odd");
        assert!(!said.contains('\u{1b}'), "{said:?}");
        assert!(said.contains("name"), "{name}: {said}");
    }
    place.write(
        "odd/package.json",
        r#"{"name":"odd","version":"1.0.0","type":"module","exports":{".":"./index.js","./../up":"./index.js"}}"#,
    );
    let ran = place.run("publish odd");
    let below: Vec<_> = fs::read_dir(place.path("."))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(ran.code < 2, "{}", ran.stderr);
    assert_eq!(below.len(), 2, "{below:?}");
}

#[cfg(unix)]
#[test]
fn links_are_not_followed_out_of_a_folder() {
    let place = Place::with_shapes();
    place.write("secret", "nobody's business");
    std::os::unix::fs::symlink(place.path("secret"), place.path("shapes/link.txt")).unwrap();
    place.write("shapes/index.js", "export const circle = 2;");
    let ran = place.run("publish shapes --version 1.0.1");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains("shapes/link.txt is not among the sources"),
        "{}",
        ran.stderr
    );
    place.done("download shapes@1.0.1 out --sources");
    assert!(!place.path("out/link.txt").exists());
    // A folder that is a link is the folder that it leads to.
    std::os::unix::fs::symlink(place.path("shapes"), place.path("linked")).unwrap();
    let ran = place.run("publish linked --version 1.0.1");
    assert_eq!(
        ran.stdout,
        "nothing to do: shapes@1.0.1 has these very sources already\n"
    );
    place.done("draft create d shapes");
    place.run("draft put d shapes/link.txt --base 1").is(
        1,
        "",
        "error: shapes/link.txt is a symbolic link, and drafts hold files: give the file that it leads to\n",
    );
    // Nothing is written through a link in a folder.
    place.write("outside/keep", "");
    fs::create_dir_all(place.path("target")).unwrap();
    std::os::unix::fs::symlink(place.path("outside"), place.path("target/shapes")).unwrap();
    place.refused("download shapes@1.0.1 target");
    assert_eq!(fs::read_dir(place.path("outside")).unwrap().count(), 1);
}

#[test]
fn a_store_that_cannot_be_written_is_told() {
    let place = Place::empty();
    place.write("file", "");
    let said = place.refused("init --store file/store");
    assert!(said.contains("file/store"), "{said}");
    for (store, part) in [
        ("nowhere://x", "nowhere"),
        ("s3://", "s3://"),
        ("http://example.org/store", "http"),
    ] {
        let said = place.refused(&format!("init --store {store}"));
        assert!(said.contains(part), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn a_read_only_store_is_read_and_not_written() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = Place::with_shapes();
    let folders = ["store/events", "store/blobs/sha256", "store"];
    let set = |mode: u32| {
        for folder in folders {
            fs::set_permissions(place.path(folder), fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    set(0o555);
    // Whoever may do everything may write here too.
    let ignored = fs::write(place.path("store/probe"), "").is_ok();
    let read = place.run("versions");
    let wrote = place.run("release shapes@1.0.0");
    set(0o755);
    read.prints("shapes  1 version  nothing released\n");
    if ignored {
        wrote.prints("event 2: released shapes@1.0.0 (release 1)\n");
    } else {
        assert_eq!((wrote.code, wrote.stdout.as_str()), (1, ""));
        assert!(
            wrote.stderr.starts_with("error: nothing was committed\n"),
            "{}",
            wrote.stderr
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_behind_standard_output_is_told() {
    let place = Place::with_shapes();
    for line in [
        "versions",
        "history",
        "manifest",
        "--json show shapes",
        "release shapes@1.0.0",
    ] {
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let output = place
            .program(line)
            .command()
            .stdin(Stdio::null())
            .stdout(full)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{line}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.ends_with("error: cannot write to standard output\ncaused by: No space left on device (os error 28)\n"),
            "{line}: {said}"
        );
    }
    // What was done is done, though it could not be said.
    assert_eq!(place.history().len(), 2);
}

#[test]
fn who_writes_is_who_says_so() {
    let place = Place::with_shapes();
    place.run_as("Bea B.", "release shapes@1.0.0");
    assert_eq!(
        place.history()[1],
        "Bea B.  released shapes@1.0.0 (release 1)"
    );
    let ran = place.run_as("a\nb", "rollback shapes");
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("RADPACK_AUTHOR"), "{}", ran.stderr);
}

#[test]
fn several_at_once_lose_nothing() {
    let place = Place::new();
    let names: Vec<String> = (0..6).map(|number| format!("p{number}")).collect();
    for name in &names {
        place.package(name, "1.0.0", "export default 1;", "");
    }
    let place = &place;
    std::thread::scope(|scope| {
        for name in &names {
            scope.spawn(move || place.done(&format!("publish {name} --release")));
        }
    });
    let listed = place.done("versions");
    assert_eq!(listed.lines().count(), names.len(), "{listed}");
    // Of those who want one number, one gets it.
    for folder in ["x/one", "x/two"] {
        place.write(
            &format!("{folder}/package.json"),
            r#"{"name":"same","version":"1.0.0","type":"module","exports":"./index.js"}"#,
        );
        place.write(
            &format!("{folder}/index.js"),
            &format!("export default {folder:?};"),
        );
    }
    let mut codes: Vec<i32> = std::thread::scope(|scope| {
        let runs = ["x/one", "x/two"]
            .map(|folder| scope.spawn(move || place.run(&format!("publish {folder}")).code));
        runs.map(|run| run.join().unwrap()).into()
    });
    codes.sort_unstable();
    assert_eq!(codes, [0, 1]);
    place.done("verify");
}

/// Killed anywhere, a publish has happened or has not; whatever is left of it harms nobody.
#[cfg(unix)]
#[test]
fn a_killed_publish_is_whole_or_nothing() {
    let place = Place::new();
    let mut kept = 0;
    for round in 0..6_u64 {
        place.package(
            "shapes",
            &format!("1.0.{round}"),
            &format!("export const circle = {round};"),
            "",
        );
        let mut child: std::process::Child = spawn(place.program("publish shapes").command());
        std::thread::sleep(std::time::Duration::from_millis(round * 8));
        child.kill().unwrap();
        child.wait().unwrap();
        let events = place.history().len();
        assert!(events == kept || events == kept + 1, "{events}");
        kept = events;
        let verified = place.done("verify");
        assert!(
            verified.starts_with("everything is as it must be; "),
            "{verified}"
        );
    }
    place.package("shapes", "1.1.0", "export const circle = 100;", "");
    place.done("publish shapes --release");
    let resolved = place.done("resolve shapes --manifest registry:");
    assert!(
        resolved.starts_with("shapes  shapes@1.1.0  in-range  "),
        "{resolved}"
    );
}

#[cfg(unix)]
fn spawn(mut command: Command) -> std::process::Child {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}
