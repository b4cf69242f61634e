//! Sixteen processes on one store, with nothing between them but the store, each publishing and releasing.

use std::process::{Command as Process, Stdio};
use std::time::Instant;

use radpack_registry::{Registry, Store};

use crate::conformance::clear;
use crate::places::{self, Place};
use crate::writing::{check, write};

/// The store, the number and the number of versions of a child process.
const CHILD: &str = "RADPACK_TEST_WRITER";

/// How many versions each process publishes and releases, if not one.
const VERSIONS: &str = "RADPACK_WRITERS";

const WRITERS: usize = 16;

/// What a child does. Nothing, where it is run as a test.
#[tokio::test]
async fn child() {
    let Ok(task) = std::env::var(CHILD) else {
        return;
    };
    let [address, writer, versions] = task.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{task:?} is no task");
    };
    let (writer, versions) = (writer.parse().unwrap(), versions.parse().unwrap());
    let registry = Registry::open(Store::open(address).unwrap()).await.unwrap();
    write(&registry, writer, versions).await;
}

async fn many_write(place: Option<&Place>) {
    let Some(place) = place else {
        return;
    };
    let versions = std::env::var(VERSIONS).map_or(1, |versions| versions.parse().unwrap());
    let address = place.fresh();
    let store = place.open(&address);
    Registry::init(store.clone()).await.unwrap();
    let began = Instant::now();
    let children: Vec<_> = (0..WRITERS)
        .map(|writer| {
            Process::new(std::env::current_exe().unwrap())
                .args(["--exact", "processes::child", "--nocapture"])
                .envs(place.variables.iter().cloned())
                .env(CHILD, format!("{address} {writer} {versions}"))
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let (events, taken) = (2 * WRITERS * versions, began.elapsed());
    eprintln!("{WRITERS} processes, {events} events in {taken:.1?} at {address}");
    check(store.clone(), WRITERS, versions).await;
    clear(&store).await;
}

#[tokio::test]
async fn on_a_folder() {
    many_write(Some(&places::folder())).await;
}

#[tokio::test]
async fn on_s3() {
    many_write(places::s3()).await;
}

#[tokio::test]
async fn on_the_named_one() {
    many_write(places::named()).await;
}
