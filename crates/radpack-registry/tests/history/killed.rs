//! A process that is killed at any moment: what it was told is done, is done.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command as Process, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use radpack_registry::{Command, History, Ledger, Store};

use crate::support::{Bank, add, read_anew};

/// The folder that a child process writes to.
const FOLDER: &str = "RADPACK_TEST_REGISTRY";

/// How often a process is killed, if not as often as usual.
const KILLS: &str = "RADPACK_KILLS";

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// What the child does: commits until it is killed, and says what is done. Nothing, where it is run as a test.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    runtime().block_on(async {
        let store = Store::folder(Path::new(&folder)).unwrap();
        let history = History::init(store).await.unwrap().history;
        let mut ledger = Ledger::<Bank>::default();
        loop {
            let committed = add(&history, &mut ledger, &Command::new("child"), "a")
                .await
                .unwrap();
            println!("done {}", committed.recorded.event.seq);
        }
    });
}

/// Starts a child that writes to a folder. What it was told is done comes through the channel, until it is killed.
fn start(folder: &Path) -> (Child, Receiver<u64>) {
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
            // The last line may have been cut off.
            let seq = line
                .split_once("done ")
                .and_then(|(_, seq)| seq.parse().ok());
            if seq.is_some_and(|seq| sender.send(seq).is_err()) {
                return;
            }
        }
    });
    (child, receiver)
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let kills: u32 = std::env::var(KILLS).map_or(12, |kills| kills.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("registry");
    let mut acknowledged = 0;
    for round in 0..kills {
        let children = [start(&place), start(&place)];
        // Every other time once they are at work; else they may be killed while they begin.
        if round % 2 == 0 {
            let first = children[0].1.recv().expect("it is done at some time");
            acknowledged = acknowledged.max(first);
        }
        std::thread::sleep(Duration::from_millis(fastrand::u64(..100)));
        for (mut child, done) in children {
            child.kill().unwrap();
            child.wait().unwrap();
            acknowledged = done.iter().fold(acknowledged, u64::max);
        }
    }
    let ledger = runtime().block_on(async {
        let store = Store::folder(&place).unwrap();
        let history = History::init(store).await.unwrap().history;
        let mut ledger = read_anew(&history).await;
        // It goes on from there.
        add(&history, &mut ledger, &Command::new("after"), "a")
            .await
            .unwrap();
        ledger
    });
    let seq = ledger.position().unwrap().seq;
    assert!(seq > acknowledged, "{seq}, {acknowledged}");
    assert_eq!(ledger.state().0["a"], seq);
    assert!(acknowledged > 0, "nothing was done between the kills");
}
