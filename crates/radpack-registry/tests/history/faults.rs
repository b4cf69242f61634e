//! A store whose answers get lost: before a write has happened, after it, or long before it happens.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use fastrand::Rng;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use radpack_registry::{
    Command, CommitError, History, HistoryError, Ledger, Store, StoreErrorKind,
};
use tokio::time::sleep;

use crate::support::{Bank, add, read_anew};

/// What becomes of a write.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// It takes a while.
    Slow,
    /// It never reaches the store.
    Lost,
    /// It is done, and the answer lost.
    AnswerLost,
    /// The answer is lost at once, and it is done later.
    DoneLater,
    /// It is done, and there is no answer.
    Hangs,
    /// It is refused.
    Denied,
}

#[derive(Debug)]
struct Faulty {
    inner: Arc<InMemory>,
    random: Mutex<Rng>,
    /// How many of a hundred writes and reads go wrong.
    percent: u32,
    /// The faults of the next writes of events, which then are not by chance.
    planned: Arc<Mutex<Vec<Fault>>>,
    faults: Arc<AtomicU64>,
}

impl fmt::Display for Faulty {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a faulty store")
    }
}

fn lost() -> Error {
    Error::Generic {
        store: "a faulty store",
        source: "connection reset".into(),
    }
}

fn denied(location: &Path) -> Error {
    Error::PermissionDenied {
        path: location.to_string(),
        source: "the token has expired".into(),
    }
}

impl Faulty {
    fn fault(&self, location: &Path) -> (Fault, Duration) {
        let mut random = self.random.lock().unwrap();
        let pause = Duration::from_millis(random.u64(..200));
        let mut planned = self.planned.lock().unwrap();
        if location.as_ref().starts_with("events/") && !planned.is_empty() {
            return (planned.remove(0), pause);
        }
        let fault = match random.u32(..100) {
            number if number >= self.percent => Fault::None,
            number => [
                Fault::Slow,
                Fault::Lost,
                Fault::AnswerLost,
                Fault::DoneLater,
                Fault::Hangs,
            ][number as usize % 5],
        };
        if fault != Fault::None {
            self.faults.fetch_add(1, Ordering::Relaxed);
        }
        (fault, pause)
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let (fault, pause) = self.fault(location);
        match fault {
            Fault::None => {}
            Fault::Slow => sleep(pause).await,
            Fault::Lost => return Err(lost()),
            Fault::Denied => return Err(denied(location)),
            Fault::DoneLater => {
                let (inner, location) = (Arc::clone(&self.inner), location.clone());
                tokio::spawn(async move {
                    sleep(pause).await;
                    // That another one has been faster is no matter.
                    let _ = inner.put_opts(&location, payload, options).await;
                });
                return Err(lost());
            }
            Fault::AnswerLost | Fault::Hangs => {
                // That it exists is an answer like any other: lost.
                let _ = self.inner.put_opts(location, payload, options).await;
                if fault == Fault::Hangs {
                    sleep(Duration::from_secs(3_600)).await;
                }
                return Err(lost());
            }
        }
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if matches!(
            self.fault(&Path::from("reads")),
            (Fault::Lost | Fault::AnswerLost, _)
        ) {
            return Err(lost());
        }
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

struct Place {
    planned: Arc<Mutex<Vec<Fault>>>,
    faults: Arc<AtomicU64>,
    /// The registry on the faulty store, and the same without faults.
    history: History,
    sound: History,
}

async fn place(seed: u64, percent: u32) -> Place {
    let inner = Arc::new(InMemory::new());
    let sound = Store::new(Arc::clone(&inner), "a sound store");
    let sound = History::init(sound).await.unwrap().history;
    let planned = Arc::default();
    let faults = Arc::default();
    let faulty = Faulty {
        inner,
        random: Mutex::new(Rng::with_seed(seed)),
        percent,
        planned: Arc::clone(&planned),
        faults: Arc::clone(&faults),
    };
    let store = Store::new(faulty, "a faulty store");
    // What is in the way of opening is not what is asked about here.
    let history = loop {
        if let Ok(history) = History::open(store.clone()).await {
            break history;
        }
    };
    Place {
        planned,
        faults,
        history,
        sound,
    }
}

/// Sends a command until it is known to have been carried out; gives how often it was.
async fn insist(history: &History, ledger: &mut Ledger<Bank>, account: &str) -> u32 {
    let command = Command::new(account);
    let mut sent = 0;
    loop {
        sent += 1;
        assert!(sent < 1_000, "it is never carried out");
        match add(history, ledger, &command, account).await {
            Ok(_) => return sent,
            Err(CommitError::Unknown { command: id, .. }) => assert_eq!(id, command.id),
            Err(CommitError::Contended(_)) => {}
            Err(CommitError::History(HistoryError::Store(error))) => {
                assert_eq!(error.kind(), StoreErrorKind::Unclear);
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_every_effect_is_there_once() {
    const WRITERS: u64 = 6;
    const COMMITS: u64 = 15;
    let (mut faults, mut resent) = (0, 0);
    for seed in 0..20 {
        let place = place(seed, 30).await;
        let history = place.history.clone().patience(Duration::from_secs(2));
        let tasks: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let history = history.clone();
                tokio::spawn(async move {
                    let mut ledger = Ledger::default();
                    let mut sent = 0;
                    for _ in 0..COMMITS {
                        sent += insist(&history, &mut ledger, &format!("w{writer}")).await;
                    }
                    sent
                })
            })
            .collect();
        for task in tasks {
            resent += task.await.unwrap() - COMMITS as u32;
        }
        // What was sent long ago arrives at last, and comes too late.
        sleep(Duration::from_secs(1)).await;
        let bank = read_anew(&place.sound).await.state().clone();
        for writer in 0..WRITERS {
            assert_eq!(bank.0[&format!("w{writer}")], COMMITS, "seed {seed}");
        }
        faults += place.faults.load(Ordering::Relaxed);
    }
    assert!(faults > 1_000 && resent > 20, "{faults}, {resent}");
}

#[tokio::test(start_paused = true)]
async fn an_unclear_answer_is_settled_by_the_events_id() {
    use Fault::{AnswerLost, DoneLater, Lost};
    for planned in [
        vec![AnswerLost],
        vec![Lost],
        vec![Lost, Lost, AnswerLost],
        vec![DoneLater],
        vec![DoneLater, DoneLater, Lost],
        vec![Lost, AnswerLost, AnswerLost],
    ] {
        let place = place(1, 0).await;
        place.planned.lock().unwrap().extend(&planned);
        let mut ledger = Ledger::default();
        let committed = add(&place.history, &mut ledger, &Command::new("ann"), "a")
            .await
            .unwrap();
        assert!(!committed.repeated, "{planned:?}");
        sleep(Duration::from_secs(1)).await;
        assert_eq!(read_anew(&place.sound).await.state(), ledger.state());
        assert_eq!(place.sound.event(2).await.unwrap(), None, "{planned:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_time_runs_out_the_outcome_is_unknown_and_the_command_may_be_sent_again() {
    let place = place(2, 0).await;
    let history = place.history.clone().patience(Duration::from_millis(150));
    // The answer is lost, and the place is empty for now: it is taken later, when nobody waits any more.
    let held = Fault::DoneLater;
    place.planned.lock().unwrap().extend([held; 40]);
    let command = Command::new("ann");
    let mut ledger = Ledger::<Bank>::default();
    let mut outcomes = Vec::new();
    while outcomes.len() < 40 {
        match add(&history, &mut ledger, &command, "a").await {
            Ok(committed) => {
                outcomes.push(format!("{committed}"));
                break;
            }
            Err(error) => {
                assert!(
                    error.to_string().starts_with(
                        "the outcome is unknown: the store did not say whether it took event 1;"
                    ),
                    "{error}"
                );
                assert!(error.to_string().ends_with(&command.id.to_string()));
                outcomes.push(error.to_string());
            }
        }
    }
    assert_eq!(outcomes.last().unwrap(), "event 1: added");
    sleep(Duration::from_secs(10)).await;
    assert_eq!(read_anew(&place.sound).await.state().0["a"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_nothing_of_the_attempts_before_it() {
    use Fault::{Denied, DoneLater};
    let place = place(4, 0).await;
    let command = Command::new("ann");
    let mut ledger = Ledger::<Bank>::default();
    place.planned.lock().unwrap().push(Denied);
    let refused = add(&place.history, &mut ledger, &command, "a").await;
    assert!(
        matches!(refused, Err(CommitError::Failed(_))),
        "{refused:?}"
    );
    // The first write is on its way when the credentials expire.
    place.planned.lock().unwrap().extend([DoneLater, Denied]);
    let unknown = add(&place.history, &mut ledger, &command, "a").await;
    let is_there = place.sound.event(1).await.unwrap().is_some();
    assert!(
        is_there || matches!(unknown, Err(CommitError::Unknown { seq: 1, .. })),
        "{unknown:?}"
    );
    sleep(Duration::from_secs(1)).await;
    assert!(place.sound.event(1).await.unwrap().is_some());
    let again = add(&place.history, &mut ledger, &command, "a").await;
    assert!(again.unwrap().repeated);
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_was_held_still_looks_again() {
    let place = place(3, 0).await;
    let mut ledger = Ledger::<Bank>::default();
    place.history.catch_up(&mut ledger).await.unwrap();
    // Another one commits between its look and its write.
    let mut other = Ledger::default();
    let sound = place.sound.clone();
    let mut decided = 0;
    add(&sound, &mut other, &Command::new("ben"), "a")
        .await
        .unwrap();
    let committed = place
        .history
        .commit(&mut ledger, &Command::new("ann"), |bank, _| {
            decided += 1;
            let balance = bank.0.get("a").copied().unwrap_or(0) + 1;
            let payload = serde_json::json!({"account": "a", "balance": balance});
            Ok(radpack_registry::Decision::new("added", payload))
        })
        .await
        .unwrap();
    assert_eq!(committed.recorded.event.seq, 2);
    assert_eq!(decided, 1);
    assert_eq!(read_anew(&sound).await.state().0["a"], 2);
}

/// Accepts the condition, and ignores it.
#[derive(Debug)]
struct Careless(InMemory);

impl fmt::Display for Careless {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a careless store")
    }
}

#[async_trait]
impl ObjectStore for Careless {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        _: PutOptions,
    ) -> Result<PutResult> {
        tokio::task::yield_now().await;
        self.0
            .put_opts(location, payload, PutOptions::default())
            .await
    }
    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.0.put_multipart_opts(location, options).await
    }
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.0.get_opts(location, options).await
    }
    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.0.delete_stream(locations)
    }
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.list(prefix)
    }
    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }
    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.0.copy_opts(from, to, options).await
    }
}

#[tokio::test]
async fn a_store_that_ignores_the_condition_is_refused() {
    let store = Store::new(Careless(InMemory::new()), "a careless store");
    let error = History::init(store.clone()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "a careless store cannot hold a registry: it does not refuse to write what exists"
    );
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(
        cause,
        "16 of 16 concurrent writes of one new object were accepted, where one must be"
    );
    assert!(matches!(
        History::open(store).await,
        Err(HistoryError::Missing { .. })
    ));
}
