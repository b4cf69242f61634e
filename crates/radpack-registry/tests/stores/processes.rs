//! Sixteen processes on one store, with nothing between them but the store.

use std::process::{Command as Process, Stdio};
use std::time::Instant;

use radpack_registry::{History, Ledger, Store};

use crate::conformance::{check, clear, insist};
use crate::places::{self, Place};

/// The store, the account and the number of commits of a child process.
const CHILD: &str = "RADPACK_TEST_WRITER";

/// How many commits each process makes, if not few.
const COMMITS: &str = "RADPACK_WRITERS";

const WRITERS: usize = 16;

/// What a child does. Nothing, where it is run as a test.
#[tokio::test]
async fn child() {
    let Ok(task) = std::env::var(CHILD) else {
        return;
    };
    let [address, account, commits] = task.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{task:?} is no task");
    };
    let commits: u64 = commits.parse().unwrap();
    let store = Store::open(address).unwrap();
    let history = History::open(store).await.unwrap();
    let mut ledger = Ledger::default();
    for _ in 0..commits {
        insist(&history, &mut ledger, account).await;
    }
}

async fn many_write(place: Option<&Place>) {
    let Some(place) = place else {
        return;
    };
    let commits = std::env::var(COMMITS).map_or(2, |commits| commits.parse().unwrap());
    let address = place.fresh();
    let store = place.open(&address);
    History::init(store.clone()).await.unwrap();
    let began = Instant::now();
    let children: Vec<_> = (0..WRITERS)
        .map(|writer| {
            Process::new(std::env::current_exe().unwrap())
                .args(["--exact", "processes::child", "--nocapture"])
                .envs(place.variables.iter().cloned())
                .env(CHILD, format!("{address} w{writer} {commits}"))
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let (events, taken) = (WRITERS as u64 * commits, began.elapsed());
    eprintln!("{WRITERS} processes, {events} events in {taken:.1?} at {address}");
    check(&store, WRITERS, commits).await;
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
