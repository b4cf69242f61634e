//! Sixteen writers on one store, each committing again and again: every effect once, the chain intact.

use radpack_registry::{Command, History, Ledger, Store};

use crate::support::{Bank, add, read_anew};

const WRITERS: usize = 16;

async fn write(history: History, account: String, commits: u64) {
    let mut ledger = Ledger::<Bank>::default();
    for _ in 0..commits {
        let account = account.as_str();
        add(&history, &mut ledger, &Command::new(account), account)
            .await
            .unwrap();
        add(&history, &mut ledger, &Command::new(account), "all")
            .await
            .unwrap();
    }
}

async fn many_write(store: Store, commits: u64) {
    let history = History::init(store).await.unwrap().history;
    let tasks: Vec<_> = (0..WRITERS)
        .map(|writer| tokio::spawn(write(history.clone(), format!("w{writer}"), commits)))
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let ledger = read_anew(&history).await;
    let bank = &ledger.state().0;
    assert_eq!(bank["all"], WRITERS as u64 * commits);
    for writer in 0..WRITERS {
        assert_eq!(bank[&format!("w{writer}")], commits);
    }
    assert_eq!(ledger.position().unwrap().seq, 2 * WRITERS as u64 * commits);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_memory() {
    many_write(Store::in_memory(), 100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    many_write(Store::folder(folder.path()).unwrap(), 20).await;
}
