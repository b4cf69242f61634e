//! Sweeps while others upload and commit: nothing that a commit counts on is deleted, and what nothing names is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use object_store::ObjectStore;
use radpack_registry::{Carried, Command, CommitError, GcReport, Registry, Store};
use tokio::task::JoinHandle;

use crate::store::{Fate, Hold, Plans, memory, sound, steered};
use crate::work::{ann, hash, kinds, publish, seq, verified};

/// A registry that one sees as it is, and another through a store that is steered.
struct Two {
    objects: Arc<dyn ObjectStore>,
    sound: Registry,
    writer: Registry,
    plans: Arc<Plans>,
}

impl Two {
    async fn new() -> Two {
        let objects = memory();
        let (registry, _) = Registry::init(sound(&objects)).await.unwrap();
        publish("first", &["first"]).run(&registry).await;
        let (store, plans) = steered(&objects);
        let writer = Registry::open(store).await.unwrap();
        Two {
            objects,
            sound: registry,
            writer,
            plans,
        }
    }

    fn store(&self) -> Store {
        sound(&self.objects)
    }

    /// Publishes in the background; what becomes of it is planned.
    fn publishing(&self, command: &Command) -> JoinHandle<Result<Carried, CommitError>> {
        let (writer, command) = (self.writer.clone(), command.clone());
        tokio::spawn(async move {
            publish("shapes", &["one", "two"])
                .send(&writer, &command)
                .await
        })
    }

    async fn sweep(&self) -> GcReport {
        sweep(&self.sound).await
    }

    async fn has(&self, name: &str) -> bool {
        self.store().get(name).await.unwrap().is_some()
    }
}

async fn sweep(registry: &Registry) -> GcReport {
    registry
        .gc_older_than(&ann(), Duration::ZERO)
        .await
        .unwrap()
}

fn blob(text: &str) -> String {
    format!("blobs/sha256/{}", hash(text))
}

/// Bytes that nothing names.
async fn orphan(store: &Store, name: &str, text: &str) {
    store.put_new(name, text.to_owned().into()).await.unwrap();
}

#[tokio::test]
async fn what_was_swept_before_its_commit_is_stored_again() {
    let two = Two::new().await;
    let hold = two.plans.hold("put", "events/");
    let writing = two.publishing(&Command::new("ben"));
    hold.reached().await;
    assert!(two.has(&blob("one")).await);
    let swept = two.sweep().await.swept.unwrap();
    assert_eq!((swept.seq, swept.objects), (2, 4));
    assert!(!two.has(&blob("one")).await);
    hold.release();
    assert_eq!(seq(writing.await.unwrap().unwrap()), 3);
    assert!(two.has(&format!("{}.2", blob("one"))).await);
    assert!(!two.has(&blob("one")).await);
    // What is needed is not swept now.
    assert_eq!(two.sweep().await.swept, None);
    assert_eq!(verified(two.store()).await.blobs, 6);
}

#[tokio::test]
async fn what_was_swept_while_it_was_uploaded_is_stored_again() {
    let two = Two::new().await;
    // The first is there, and the second on its way, when everything is swept.
    let hold = two.plans.hold("put", &blob("two"));
    let writing = two.publishing(&Command::new("ben"));
    hold.reached().await;
    while !two.has(&blob("one")).await {
        tokio::task::yield_now().await;
    }
    assert_eq!(two.sweep().await.swept.unwrap().seq, 2);
    hold.release();
    assert_eq!(seq(writing.await.unwrap().unwrap()), 3);
    assert!(two.has(&format!("{}.2", blob("one"))).await);
    // Nobody had seen this one, so nobody has swept it.
    assert!(two.has(&blob("two")).await);
    assert_eq!(two.sweep().await.swept, None);
    verified(two.store()).await;
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_seen_by_a_sweep() {
    let two = Two::new().await;
    orphan(&two.store(), &blob("nobody's"), "nobody's").await;
    two.plans.plan("put", "events/", Fate::AnswerLost);
    let hold = two.plans.hold("put", "events/");
    let writing = two.publishing(&Command::new("ben"));
    hold.reached().await;
    let swept = two.sweep().await.swept.unwrap();
    assert_eq!((swept.seq, swept.objects), (3, 1));
    hold.release();
    assert_eq!(seq(writing.await.unwrap().unwrap()), 2);
    verified(two.store()).await;
}

#[tokio::test]
async fn a_commit_that_comes_after_the_sweep_finds_its_place_taken() {
    let two = Two::new().await;
    let (late, retry) = (Arc::new(Hold::default()), Arc::new(Hold::default()));
    two.plans.plan("put", "events/", Fate::Late(late.clone()));
    two.plans.plan("put", "events/", Fate::Held(retry.clone()));
    let writing = two.publishing(&Command::new("ben"));
    retry.reached().await;
    assert_eq!(two.sweep().await.swept.unwrap().seq, 2);
    late.release();
    late.done().await;
    retry.release();
    assert_eq!(seq(writing.await.unwrap().unwrap()), 3);
    verified(two.store()).await;
}

#[tokio::test]
async fn a_sweep_whose_place_is_taken_by_a_late_commit_looks_again() {
    let two = Two::new().await;
    let (late, retry) = (Arc::new(Hold::default()), Arc::new(Hold::default()));
    two.plans.plan("put", "events/", Fate::Late(late.clone()));
    two.plans.plan("put", "events/", Fate::Held(retry.clone()));
    let writing = two.publishing(&Command::new("ben"));
    retry.reached().await;
    // The sweep has decided on a history without it.
    let (store, plans) = steered(&two.objects);
    let sweeper = Registry::open(store).await.unwrap();
    let hold = plans.hold("put", "events/");
    let sweeping = tokio::spawn(async move { sweep(&sweeper).await });
    hold.reached().await;
    late.release();
    late.done().await;
    hold.release();
    assert_eq!(sweeping.await.unwrap().swept, None);
    retry.release();
    assert_eq!(seq(writing.await.unwrap().unwrap()), 2);
    verified(two.store()).await;
}

#[tokio::test]
async fn a_command_of_unknown_outcome_is_carried_out_once_after_a_sweep() {
    for comes_before_the_sweep in [false, true] {
        let two = Two::new().await;
        let history = two.writer.history().clone();
        let impatient = Registry::of(history.patience(Duration::from_millis(20)));
        let late = Arc::new(Hold::default());
        two.plans.plan("put", "events/", Fate::Late(late.clone()));
        let command = Command::new("ben");
        let work = publish("shapes", &["one", "two"]);
        let outcome = work.send(&impatient, &command).await;
        assert!(
            matches!(outcome, Err(CommitError::Unknown { seq: 2, .. })),
            "{outcome:?}"
        );
        if comes_before_the_sweep {
            late.release();
            late.done().await;
        }
        let swept = two.sweep().await.swept.map(|swept| swept.seq);
        assert_eq!(swept, (!comes_before_the_sweep).then_some(2));
        late.release();
        let again = Command::again(command.id, "ben");
        let Carried::Done(done) = work.send(&two.sound, &again).await.unwrap() else {
            panic!("it came to nothing");
        };
        assert_eq!(done.repeated, comes_before_the_sweep);
        let kinds = kinds(&two.sound).await;
        assert_eq!(kinds.iter().filter(|kind| *kind == "published").count(), 2);
        verified(two.store()).await;
    }
}

#[tokio::test]
async fn a_sweep_that_was_cut_short_is_finished_by_the_next() {
    let two = Two::new().await;
    for text in ["one", "two", "three"] {
        orphan(&two.store(), &blob(text), text).await;
    }
    // The first is deleted, and then the sweeper is gone.
    let hold = two.plans.hold("delete", "blobs/");
    let sweeper = two.writer.clone();
    let sweeping = tokio::spawn(async move { sweep(&sweeper).await });
    hold.reached().await;
    let rest = two.plans.hold("delete", "blobs/");
    hold.release();
    rest.reached().await;
    sweeping.abort();
    assert!(sweeping.await.unwrap_err().is_cancelled());
    assert_eq!(two.store().list("blobs").await.unwrap().len(), 4);
    // Somebody needs them all again.
    publish("shapes", &["one", "two", "three"])
        .run(&two.sound)
        .await;
    let report = two.sweep().await;
    assert_eq!((report.swept, report.left_over), (None, 2));
    let report = verified(two.store()).await;
    let left = two.store().list("blobs").await.unwrap();
    assert_eq!((report.blobs, left.len()), (8, 8));
}

#[tokio::test]
async fn bytes_are_swept_again_and_again() {
    let two = Two::new().await;
    let name = blob("one");
    let mut names = vec![name.clone()];
    for _ in 0..3 {
        orphan(&two.store(), names.last().unwrap(), "one").await;
        let swept = two.sweep().await.swept.unwrap();
        assert_eq!(swept.objects, 1);
        names.push(format!("{name}.{}", swept.seq));
    }
    assert_eq!(publish("shapes", &["one"]).run(&two.sound).await, 5);
    assert!(two.has(&names[3]).await);
    // Uploads that arrive only now, under every name that it ever had.
    for late in &names[..3] {
        orphan(&two.store(), late, "one").await;
    }
    let report = two.sweep().await;
    assert_eq!((report.swept, report.left_over), (None, 3));
    assert!(two.has(&names[3]).await);
    verified(two.store()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sweeps_race_publishers() {
    const PUBLISHERS: usize = 8;
    const VERSIONS: usize = 12;
    let objects = memory();
    let (registry, _) = Registry::init(sound(&objects)).await.unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let sweeping = {
        let (is_over, store) = (Arc::clone(&is_over), sound(&objects));
        let sweeper = Registry::open(store.clone()).await.unwrap();
        tokio::spawn(async move {
            let mut sweeps = 0;
            while !is_over.load(Ordering::Relaxed) {
                let text = format!("text {}", fastrand::usize(..40));
                orphan(&store, &blob(&text), &text).await;
                match sweeper.gc_older_than(&ann(), Duration::ZERO).await {
                    Ok(report) => sweeps += usize::from(report.swept.is_some()),
                    Err(CommitError::Contended(_)) => {}
                    Err(error) => panic!("{error}: {error:?}"),
                }
                tokio::task::yield_now().await;
            }
            sweeps
        })
    };
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|publisher| {
            let store = sound(&objects);
            tokio::spawn(async move {
                let registry = Registry::open(store).await.unwrap();
                for version in 0..VERSIONS {
                    let own = format!("{publisher} {version}");
                    // Bytes that others have too, that were swept, and that are there and named by nothing.
                    let shared = [(); 3].map(|()| format!("text {}", fastrand::usize(..40)));
                    let [a, b, c] = &shared;
                    publish(&format!("p{publisher}"), &[&own, a, b, c])
                        .run(&registry)
                        .await;
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for publisher in publishers {
        publisher.await.unwrap();
    }
    is_over.store(true, Ordering::Relaxed);
    let sweeps = sweeping.await.unwrap();
    assert!(sweeps > 0);
    // The last bytes that nothing names.
    sweep(&registry).await;
    let report = verified(sound(&objects)).await;
    assert_eq!(report.events as usize, kinds(&registry).await.len());
    let there = sound(&objects).list("blobs").await.unwrap();
    assert_eq!(there.len(), report.blobs);
}
