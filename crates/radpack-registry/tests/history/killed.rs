//! A process that is killed at any moment: what it was told is done, is done.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command as Process, Stdio};
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

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let kills = std::env::var(KILLS).map_or(12, |kills| kills.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("registry");
    let mut acknowledged = 0;
    for _ in 0..kills {
        let mut children: Vec<_> = (0..2)
            .map(|_| {
                Process::new(std::env::current_exe().unwrap())
                    .args(["--exact", "killed::child", "--nocapture"])
                    .env(FOLDER, &place)
                    .stdout(Stdio::piped())
                    .spawn()
                    .unwrap()
            })
            .collect();
        std::thread::sleep(Duration::from_millis(fastrand::u64(10..150)));
        for child in &mut children {
            child.kill().unwrap();
        }
        for mut child in children {
            let said = BufReader::new(child.stdout.take().unwrap()).lines();
            for line in said.map_while(Result::ok) {
                // The last line may have been cut off.
                let Some((_, seq)) = line.split_once("done ") else {
                    continue;
                };
                acknowledged = acknowledged.max(seq.parse().unwrap_or(0));
            }
            child.wait().unwrap();
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
