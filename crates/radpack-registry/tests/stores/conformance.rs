//! What every store must do.

use futures_util::future::join_all;
use radpack_registry::{
    Command, CommitError, History, HistoryError, Ledger, Put, Store, StoreErrorKind,
};

use crate::places::{self, Place};
use crate::support::{Bank, add, read_anew};

const WRITERS: usize = 16;

/// Objects are written once, read, listed and deleted.
async fn objects(store: Store, _: u64) {
    assert_eq!(store.get("a/1").await.unwrap(), None);
    assert_eq!(store.list("a").await.unwrap(), []);
    store.delete("a/1").await.unwrap();
    let large = vec![7; 3_000_000];
    for (name, contents) in [
        ("a/1", b"one".to_vec()),
        ("a/b/2", large.clone()),
        ("a/b.c/3", Vec::new()),
        ("ab/4", b"four".to_vec()),
    ] {
        let put = store.put_new(name, contents.into()).await.unwrap();
        assert_eq!(put, Put::Written, "{name}");
    }
    let again = store.put_new("a/1", "another".into()).await.unwrap();
    assert_eq!(again, Put::Taken);
    assert_eq!(store.get("a/1").await.unwrap().unwrap(), "one");
    assert_eq!(store.get("a/b/2").await.unwrap().unwrap(), large);
    assert_eq!(store.get("a/b.c/3").await.unwrap().unwrap(), "");
    let listed = store.list("a").await.unwrap();
    let listed: Vec<_> = listed
        .iter()
        .map(|object| (object.name.as_str(), object.size))
        .collect();
    assert_eq!(listed, [("a/1", 3), ("a/b.c/3", 0), ("a/b/2", 3_000_000)]);
    store.delete("a/1").await.unwrap();
    assert_eq!(store.get("a/1").await.unwrap(), None);
    let anew = store.put_new("a/1", "anew".into()).await.unwrap();
    assert_eq!(anew, Put::Written);
}

/// Of all that begin a registry at once, one does.
async fn beginning(store: Store, _: u64) {
    let error = History::open(store.clone()).await.unwrap_err();
    assert!(matches!(error, HistoryError::Missing { .. }), "{error}");
    let begun = join_all((0..2).map(|_| History::init(store.clone()))).await;
    let begun: Vec<_> = begun.into_iter().map(Result::unwrap).collect();
    assert!(begun.iter().filter(|one| one.is_new).count() <= 1);
    let id = History::open(store.clone()).await.unwrap().id();
    assert!(begun.iter().all(|one| one.history.id() == id));
    let again = History::init(store.clone()).await.unwrap();
    assert!(!again.is_new && again.history.id() == id);
    assert_eq!(store.list("probes").await.unwrap(), []);
}

/// Sends a command until it is carried out.
pub(crate) async fn insist(history: &History, ledger: &mut Ledger<Bank>, account: &str) {
    let command = Command::new(account);
    for sent in 0.. {
        match add(history, ledger, &command, account).await {
            // Its own event is known for its own, whatever the answers were.
            Ok(committed) => return assert!(sent > 0 || !committed.repeated),
            Err(CommitError::Unknown { command: id, .. }) => assert_eq!(id, command.id),
            Err(CommitError::Contended(_)) => {}
            Err(CommitError::History(HistoryError::Store(error)))
                if error.kind() == StoreErrorKind::Unclear => {}
            Err(error) => panic!("{error}: {error:?}"),
        }
    }
}

/// Whether each of so many writers has done so much, and nothing else has been done.
pub(crate) async fn check(store: &Store, writers: usize, commits: u64) {
    let history = History::open(store.clone()).await.unwrap();
    let ledger = read_anew(&history).await;
    let bank = &ledger.state().0;
    assert_eq!(bank.len(), writers);
    for writer in 0..writers {
        assert_eq!(bank[&format!("w{writer}")], commits);
    }
    assert_eq!(ledger.position().unwrap().seq, writers as u64 * commits);
    let events = store.list("events").await.unwrap();
    assert_eq!(events.len() as u64, writers as u64 * commits);
}

/// Sixteen commit at once, and every effect is there once.
async fn writers(store: Store, commits: u64) {
    let history = History::init(store.clone()).await.unwrap().history;
    let tasks: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let history = history.clone();
            tokio::spawn(async move {
                let mut ledger = Ledger::default();
                for _ in 0..commits {
                    insist(&history, &mut ledger, &format!("w{writer}")).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    check(&store, WRITERS, commits).await;
}

async fn run<F: Future<Output = ()>>(
    place: Option<&Place>,
    commits: u64,
    test: impl FnOnce(Store, u64) -> F,
) {
    if let Some(place) = place {
        let store = place.open(&place.fresh());
        test(store.clone(), commits).await;
        clear(&store).await;
    }
}

/// Leaves nothing behind in a store that is not ours.
pub(crate) async fn clear(store: &Store) {
    for some in store.list("").await.unwrap().chunks(32) {
        for deleted in join_all(some.iter().map(|object| store.delete(&object.name))).await {
            deleted.unwrap();
        }
    }
    assert_eq!(store.list("").await.unwrap(), []);
}

macro_rules! on {
    ($kind:ident, $place:expr, $($test:ident $commits:literal),*) => {
        mod $kind {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    run($place, $commits, super::$test).await;
                }
            )*
        }
    };
}

on!(a_folder, Some(&places::folder()), objects 0, beginning 0, writers 10);
on!(s3, places::s3(), objects 0, beginning 0, writers 2);
on!(azure, places::azure(), objects 0, beginning 0, writers 2);
on!(gcs, places::gcs(), objects 0, beginning 0, writers 1);
on!(the_named_one, places::named(), objects 0, beginning 0, writers 2);
// Whose an object is that is there after a lost answer, only those know who wrote something of their own.
on!(s3_that_loses_answers, places::losing_s3(), writers 1);

mod memory {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn all() {
        objects(Store::in_memory(), 0).await;
        beginning(Store::in_memory(), 0).await;
        writers(Store::in_memory(), 10).await;
    }
}
