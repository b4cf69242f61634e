//! Processes that are killed at any moment while they publish and release: what they said is done, is done.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command as Process, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use radpack_registry::{Carried, Command, CommitError, Registry, Store};
use uuid::Uuid;

use crate::work::{newest, publish, release, verified};

/// The folder that a child process writes to.
const FOLDER: &str = "RADPACK_TEST_REGISTRY";

/// How often a process is killed, if not as often as usual.
const KILLS: &str = "RADPACK_KILLS";

/// How many events there are between two checkpoints.
const CHECKPOINT: u64 = 128;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// Says what an event did, and keeps checkpoints closer together than usual, for whoever comes after.
async fn say(registry: &Registry, carried: Result<Carried, CommitError>) {
    match carried {
        Ok(Carried::Done(done)) => {
            let event = done.recorded.event;
            println!("done {} {}", event.seq, event.command);
            if event.seq.is_multiple_of(CHECKPOINT) {
                registry.checkpoint().await.unwrap();
            }
        }
        // The other one was faster.
        Ok(Carried::Nothing(_)) | Err(CommitError::Refused(_)) => {}
        Err(error) => panic!("{error}: {error:?}"),
    }
}

/// What the child does: publishes and releases until it is killed. Nothing, where it is run as a test.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    runtime().block_on(async {
        let store = Store::folder(Path::new(&folder)).unwrap();
        let (registry, _) = Registry::init(store).await.unwrap();
        loop {
            let package = format!("p{}", fastrand::u8(..20));
            let text = Uuid::now_v7().to_string();
            let work = publish(&package, &[&text, "the same in all"]);
            let carried = work.send(&registry, &Command::new("child")).await;
            say(&registry, carried).await;
            let version = newest(&registry, &package).await;
            let work = release(&package, version, None);
            let carried = work.send(&registry, &Command::new("child")).await;
            say(&registry, carried).await;
        }
    });
}

/// Starts a child that writes to a folder. What it says is done comes through the channel, until it is killed.
fn start(folder: &Path) -> (Child, Receiver<(u64, Uuid)>) {
    let mut child = Process::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::child", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stdout.take().unwrap()).lines();
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in said.map_while(Result::ok) {
            let done = line.split_once("done ").and_then(|(_, done)| {
                let (seq, command) = done.split_once(' ')?;
                // The last line may have been cut off.
                Some((seq.parse().ok()?, command.parse().ok()?))
            });
            if done.is_some_and(|done| sender.send(done).is_err()) {
                return;
            }
        }
    });
    (child, receiver)
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let kills: u32 = std::env::var(KILLS).map_or(8, |kills| kills.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("registry");
    let mut acknowledged = BTreeSet::new();
    for round in 0..kills {
        let children = [start(&place), start(&place)];
        // Every other time once they are at work; else they may be killed while they begin.
        if round % 2 == 0 {
            let first = children[0].1.recv().expect("it is done at some time");
            acknowledged.insert(first);
        }
        std::thread::sleep(Duration::from_millis(fastrand::u64(..100)));
        for (mut child, done) in children {
            child.kill().unwrap();
            child.wait().unwrap();
            acknowledged.extend(done.iter());
        }
    }
    runtime().block_on(async {
        let store = Store::folder(&place).unwrap();
        let registry = Registry::open(store.clone()).await.unwrap();
        // It goes on from there.
        let after = publish("after", &["after"]).run(&registry).await;
        let mut there = BTreeSet::new();
        let history = registry.history();
        let end = history
            .follow(history.beginning(), |recorded| {
                let event = recorded.event;
                assert!(there.insert((event.seq, event.command)));
                Ok(())
            })
            .await
            .unwrap();
        assert_eq!(end.seq, after);
        assert!(!acknowledged.is_empty() && acknowledged.is_subset(&there));
        let commands: BTreeSet<_> = there.iter().map(|(_, command)| command).collect();
        assert_eq!(commands.len(), there.len());
        let report = verified(store).await;
        eprintln!(
            "{kills} kills, {after} events, {} checkpoints",
            report.checkpoints
        );
    });
}
