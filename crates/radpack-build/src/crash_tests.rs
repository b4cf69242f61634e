//! What is left of an output folder when a build fails, or is killed, at every single step that changes the disk.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use radpack_manifest::{Location as Place, Manifest};
use walkdir::WalkDir;

use crate::Build;
use crate::folder::with_slashes;
use crate::merge::local_file;
use crate::names::integrity;
use crate::output::Step;

/// Says in the child process at which step to die, in which folder.
const CHILD: &str = "RADPACK_BUILD_TEST_DIES_AT";

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (path, contents) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }
}

fn old_package(folder: &Path) {
    write(
        folder,
        &[
            (
                "package.json",
                r#"{"name":"@acme/shapes","version":"1.0.0","exports":{".":"./index.js","./b":"./b.js"}}"#,
            ),
            ("index.js", "import './deep/a.js'; export const one = 1;"),
            ("deep/a.js", "export {};"),
            ("b.js", "export const b = 1;"),
        ],
    );
}

fn new_package(folder: &Path) {
    write(
        folder,
        &[
            (
                "package.json",
                r#"{"name":"@acme/shapes","version":"1.1.0","exports":{".":"./index.js","./b":"./b.js"}}"#,
            ),
            ("index.js", "import './deep/a.js'; export const two = 2;"),
            ("deep/a.js", "export { two } from '../new/c.js';"),
            ("new/c.js", "export const two = 2;"),
        ],
    );
}

fn build(root: &Path) -> Build {
    Build::new(root.join("package"))
        .out(root.join("out"))
        .delete_unreferenced(true)
}

/// A package built at its old version, with another beside it, and changed to the new one.
fn before(root: &Path) {
    let other = root.join("other");
    write(
        &other,
        &[
            (
                "package.json",
                r#"{"name":"other","version":"1.0.0","exports":"./index.js"}"#,
            ),
            ("index.js", "export {};"),
        ],
    );
    Build::new(other).out(root.join("out")).run().unwrap();
    old_package(&root.join("package"));
    build(root).run().unwrap();
    new_package(&root.join("package"));
}

/// Every file below a folder, with its contents; folders end with a slash.
fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut tree = BTreeMap::new();
    for entry in WalkDir::new(folder) {
        let entry = entry.unwrap();
        let path = with_slashes(entry.path().strip_prefix(folder).unwrap()).unwrap();
        if entry.file_type().is_dir() {
            tree.insert(format!("{path}/"), Vec::new());
        } else {
            tree.insert(path, fs::read(entry.path()).unwrap());
        }
    }
    tree
}

/// Checks that every file that the manifest names is there and is what it says.
#[track_caller]
fn assert_whole(out: &Path) {
    let manifest = Manifest::from_slice(&fs::read(out.join("radpack.json")).unwrap()).unwrap();
    let mut files = 0;
    for (name, package) in &manifest.exports {
        for entry in &package.entries {
            for variant in &entry.variants {
                let place = Place {
                    name,
                    entry: &entry.name,
                    file: variant.file.as_deref(),
                    url: None,
                };
                let path = out.join(local_file(&place, &manifest.vars).unwrap());
                let contents = fs::read(&path).unwrap();
                assert_eq!(
                    Some(integrity(&contents)),
                    variant.integrity,
                    "{}",
                    path.display()
                );
                files += 1;
            }
        }
    }
    assert!(files >= 3);
}

/// How many steps the build takes, and what it leaves.
fn steps_and_result() -> (usize, BTreeMap<String, Vec<u8>>) {
    let place = tempfile::tempdir().unwrap();
    before(place.path());
    let steps = AtomicUsize::new(0);
    build(place.path())
        .run_with(&|_, _| {
            steps.fetch_add(1, Ordering::SeqCst);
            Ok(())
        })
        .unwrap();
    (steps.into_inner(), tree(&place.path().join("out")))
}

#[test]
fn a_failure_at_any_step_leaves_the_previous_build_whole() {
    let (steps, result) = steps_and_result();
    assert!(steps >= 20, "only {steps} steps were seen");
    for failing in 0..steps {
        let place = tempfile::tempdir().unwrap();
        before(place.path());
        let out = place.path().join("out");
        let old = tree(&out);
        let step = AtomicUsize::new(0);
        let committed = AtomicUsize::new(0);
        let (kind, said) = match failing % 2 {
            0 => (io::ErrorKind::StorageFull, "no storage space"),
            _ => (io::ErrorKind::PermissionDenied, "permission denied"),
        };
        let error = build(place.path())
            .run_with(&|what, path| {
                if what == Step::Rename && path.ends_with("radpack.json") {
                    committed.fetch_add(1, Ordering::SeqCst);
                }
                if step.fetch_add(1, Ordering::SeqCst) == failing {
                    committed.fetch_add(10, Ordering::SeqCst);
                    return Err(io::Error::from(kind));
                }
                Ok(())
            })
            .unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(cause, said, "{error}");
        assert!(error.to_string().starts_with("cannot "), "{error}");
        assert_whole(&out);
        // 11: the rename of the manifest was itself what failed, or something after it did.
        let renamed = fs::read(out.join("radpack.json")).unwrap() == result["radpack.json"];
        if renamed {
            assert_eq!(committed.into_inner(), 11, "step {failing}");
        } else {
            assert_eq!(tree(&out), old, "step {failing}");
        }
        build(place.path()).run().unwrap();
        assert_eq!(tree(&out), result, "step {failing}");
    }
}

#[test]
fn a_failed_first_build_leaves_nothing() {
    for failing in 0..10 {
        let place = tempfile::tempdir().unwrap();
        old_package(&place.path().join("package"));
        let step = AtomicUsize::new(0);
        let failed =
            build(place.path()).run_with(&|_, _| match step.fetch_add(1, Ordering::SeqCst)
                == failing
            {
                true => Err(io::Error::from(io::ErrorKind::StorageFull)),
                false => Ok(()),
            });
        assert!(failed.is_err());
        assert!(!place.path().join("out").exists(), "step {failing}");
    }
}

#[test]
fn a_kill_at_any_step_leaves_a_whole_build_and_the_next_one_clears_up() {
    let (steps, result) = steps_and_result();
    for dying in 0..steps {
        let place = tempfile::tempdir().unwrap();
        before(place.path());
        let out = place.path().join("out");
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash_tests::child", "--nocapture"])
            .env(CHILD, format!("{dying} {}", place.path().display()))
            .output()
            .unwrap()
            .status;
        assert!(!status.success(), "the child lived through step {dying}");
        assert_whole(&out);
        build(place.path()).run().unwrap();
        assert_eq!(tree(&out), result, "step {dying}");
    }
}

/// Run as a child process only.
#[test]
fn child() {
    let Ok(order) = std::env::var(CHILD) else {
        return;
    };
    let (dying, folder) = order.split_once(' ').unwrap();
    let dying: usize = dying.parse().unwrap();
    let step = AtomicUsize::new(0);
    let _ = build(Path::new(folder)).run_with(&|_, _| {
        if step.fetch_add(1, Ordering::SeqCst) == dying {
            std::process::abort();
        }
        Ok(())
    });
}
