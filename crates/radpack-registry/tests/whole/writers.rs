//! Sixteen at once, each publishing and releasing: every effect once.

use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::time::Instant;

use radpack_registry::{Command, CommitError, Registry, Store};

use crate::work::{kinds, newest, publish, release, verified};

/// The folder and the name of a child process.
const CHILD: &str = "RADPACK_TEST_WRITER";

/// How many versions each publishes and releases, if not few.
const VERSIONS: &str = "RADPACK_WRITERS";

const WRITERS: usize = 16;

fn versions() -> usize {
    std::env::var(VERSIONS).map_or(3, |versions| versions.parse().unwrap())
}

/// Publishes and releases, again and again. The place of an event may be taken by another for longer than a writer waits.
async fn write(registry: &Registry, package: &str) {
    for version in 0..versions() {
        let text = format!("{package} {version}");
        let work = publish(package, &[&text, "the same in all"]);
        let command = Command::new(package);
        while let Err(CommitError::Contended(_)) = work.send(registry, &command).await {}
        let version = newest(registry, package).await;
        let work = release(package, version, None);
        let command = Command::new(package);
        while let Err(CommitError::Contended(_)) = work.send(registry, &command).await {}
    }
    registry.settle().await;
}

/// Whether everybody has done everything, once.
async fn check(store: Store) {
    let versions = versions();
    let registry = Registry::open(store.clone()).await.unwrap();
    let kinds = kinds(&registry).await;
    assert_eq!(kinds.len(), 2 * WRITERS * versions);
    for kind in ["published", "released"] {
        let there = kinds.iter().filter(|there| *there == kind).count();
        assert_eq!(there, WRITERS * versions);
    }
    let moment = registry.refresh().await.unwrap();
    registry.read_all(&moment).await.unwrap();
    for writer in 0..WRITERS {
        let package = moment.state.package(&format!("w{writer}")).unwrap();
        assert_eq!(package.versions.len(), versions);
        assert_eq!(package.channel("release").unwrap().releases.len(), versions);
    }
    verified(store).await;
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
                write(&registry, &format!("w{writer}")).await;
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    check(store).await;
}

/// What a child does. Nothing, where it is run as a test.
#[tokio::test]
async fn child() {
    let Ok(task) = std::env::var(CHILD) else {
        return;
    };
    let (package, folder) = task.split_once(' ').unwrap();
    let store = Store::folder(Path::new(folder)).unwrap();
    write(&Registry::open(store).await.unwrap(), package).await;
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
                .env(CHILD, format!("w{writer} {}", folder.path().display()))
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
    check(store).await;
}
