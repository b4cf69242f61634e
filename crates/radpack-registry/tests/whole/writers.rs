//! Sixteen at once, each publishing and releasing: every effect once.

use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::time::Instant;

use radpack_registry::{Registry, Store};

use crate::writing::{check, write};

/// The folder and the name of a child process.
const CHILD: &str = "RADPACK_TEST_WRITER";

/// How many versions each publishes and releases, if not few.
const VERSIONS: &str = "RADPACK_WRITERS";

const WRITERS: usize = 16;

fn versions() -> usize {
    std::env::var(VERSIONS).map_or(3, |versions| versions.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_memory() {
    let store = Store::in_memory();
    Registry::init(store.clone()).await.unwrap();
    let tasks: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                let registry = Registry::open(store).await.unwrap();
                write(&registry, writer, versions()).await;
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    check(store, WRITERS, versions()).await;
}

/// What a child does. Nothing, where it is run as a test.
#[tokio::test]
async fn child() {
    let Ok(task) = std::env::var(CHILD) else {
        return;
    };
    let (writer, folder) = task.split_once(' ').unwrap();
    let store = Store::folder(Path::new(folder)).unwrap();
    let registry = Registry::open(store).await.unwrap();
    write(&registry, writer.parse().unwrap(), versions()).await;
}

#[tokio::test]
async fn processes_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::folder(folder.path()).unwrap();
    Registry::init(store.clone()).await.unwrap();
    let began = Instant::now();
    let children: Vec<_> = (0..WRITERS)
        .map(|writer| {
            Process::new(std::env::current_exe().unwrap())
                .args(["--exact", "writers::child", "--nocapture"])
                .env(CHILD, format!("{writer} {}", folder.path().display()))
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let events = 2 * WRITERS * versions();
    eprintln!(
        "{WRITERS} processes, {events} events in {:.1?}",
        began.elapsed()
    );
    check(store, WRITERS, versions()).await;
}
