//! Single flight: of several that want the same thing at once, one does the work, and all get what comes of it.
//!
//! The work runs in a task of its own, so that it goes on when whoever asked first goes away. What is under way is forgotten as soon
//! as it ends, in whatever way: well, with an error, by a panic, or because its runtime is shut down. Keeping results is not done here.
//!
//! That this holds whatever comes between what, `flight_model.rs` goes through.

use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::watch;

/// What is under way, by key.
pub(crate) struct Flights<K: Eq + Hash, V> {
    under_way: Arc<DashMap<K, watch::Receiver<Option<V>>>>,
}

/// How to get a value.
pub(crate) enum Start<V, F> {
    /// It is there already.
    Ready(V),
    /// This work gives it.
    Work(F),
}

/// The way of the work's end to those who wait for it. However it ends, the key leaves the map first: who is told of the end does not
/// find the work still under way.
struct Landing<K: Eq + Hash, V> {
    under_way: Arc<DashMap<K, watch::Receiver<Option<V>>>>,
    key: K,
    /// Dropped after the key has left, as fields are.
    sender: watch::Sender<Option<V>>,
}

impl<K: Eq + Hash, V> Landing<K, V> {
    fn land(self, value: V) {
        let sender = self.sender.clone();
        drop(self);
        sender.send_replace(Some(value));
    }
}

impl<K: Eq + Hash, V> Drop for Landing<K, V> {
    fn drop(&mut self) {
        self.under_way.remove(&self.key);
    }
}

impl<K, V> Flights<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(crate) fn new() -> Self {
        Flights {
            under_way: Arc::new(DashMap::new()),
        }
    }

    /// How many are under way.
    pub(crate) fn len(&self) -> usize {
        self.under_way.len()
    }

    /// Gives what comes of the work for a key: of the one that is under way, or of the one that `start` begins. `start` is called
    /// only where none is, and nobody else begins one meanwhile; so it can look whether the last one has left its result. It must not
    /// come back here.
    ///
    /// The second value tells whether work of someone else was joined. `None`: the runtime on which the work was done is gone.
    pub(crate) async fn run<F>(&self, key: K, start: impl Fn() -> Start<V, F>) -> (Option<V>, bool)
    where
        F: Future<Output = V> + Send + 'static,
    {
        // The work may have been on the runtime of someone else, which was shut down; then it is done on ours.
        for _ in 0..2 {
            let (mut landed, joined) = match self.under_way.entry(key.clone()) {
                Entry::Occupied(entry) => (entry.get().clone(), true),
                Entry::Vacant(entry) => match start() {
                    Start::Ready(value) => return (Some(value), false),
                    Start::Work(work) => {
                        let (sender, receiver) = watch::channel(None);
                        entry.insert(receiver.clone());
                        let landing = Landing {
                            under_way: Arc::clone(&self.under_way),
                            key: key.clone(),
                            sender,
                        };
                        // Moved in: dropped with the task, even if it never runs.
                        tokio::spawn(async move {
                            let landing = landing;
                            landing.land(work.await);
                        });
                        (receiver, false)
                    }
                },
            };
            let value = match landed.wait_for(Option::is_some).await {
                Ok(value) => value.clone(),
                Err(_) => None,
            };
            if value.is_some() {
                return (value, joined);
            }
        }
        (None, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::time::sleep;

    /// Work that counts how often it was begun.
    fn counted(
        count: &Arc<AtomicUsize>,
        milliseconds: u64,
    ) -> impl Fn() -> Start<usize, std::pin::Pin<Box<dyn Future<Output = usize> + Send>>> + use<>
    {
        let count = Arc::clone(count);
        move || {
            let number = count.fetch_add(1, Ordering::SeqCst) + 1;
            Start::Work(Box::pin(async move {
                sleep(Duration::from_millis(milliseconds)).await;
                number
            }))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn many_that_ask_at_once_share_one() {
        let flights = Arc::new(Flights::new());
        let count = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let (flights, work) = (Arc::clone(&flights), counted(&count, 10));
                tokio::spawn(async move { flights.run("key", work).await.0 })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), Some(1));
        }
        assert_eq!(count.load(Ordering::SeqCst), 1);
        assert_eq!(flights.len(), 0);
        assert_eq!(
            flights.run("key", counted(&count, 10)).await,
            (Some(2), false)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn it_goes_on_when_the_first_one_leaves() {
        let flights = Arc::new(Flights::new());
        let count = Arc::new(AtomicUsize::new(0));
        let first = {
            let (flights, work) = (Arc::clone(&flights), counted(&count, 10));
            tokio::spawn(async move { flights.run("key", work).await })
        };
        sleep(Duration::from_millis(1)).await;
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        assert_eq!(flights.len(), 1);
        assert_eq!(
            flights.run("key", counted(&count, 10)).await,
            (Some(1), true)
        );
        assert_eq!(flights.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_panics_leaves_nothing_behind() {
        let flights: Flights<&str, usize> = Flights::new();
        let (value, _) = flights
            .run("key", || {
                Start::Work(async { panic!("as the test wants it") })
            })
            .await;
        assert_eq!(value, None);
        assert_eq!(flights.len(), 0);
        assert_eq!(
            flights.run("key", || Start::Work(async { 7 })).await.0,
            Some(7)
        );
    }

    #[test]
    fn a_runtime_that_is_shut_down_leaves_nothing_behind() {
        let flights = Arc::new(Flights::new());
        let runtime = || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
        };
        let (one, other) = (runtime(), runtime());
        let count = Arc::new(AtomicUsize::new(0));
        one.block_on(async {
            let (flights, work) = (Arc::clone(&flights), counted(&count, 1_000_000));
            tokio::spawn(async move { flights.run("key", work).await });
            sleep(Duration::from_millis(1)).await;
        });
        assert_eq!(flights.len(), 1);
        let answer = other.block_on(async {
            let waiting = tokio::spawn({
                let (flights, work) = (Arc::clone(&flights), counted(&count, 0));
                async move { flights.run("key", work).await.0 }
            });
            sleep(Duration::from_millis(1)).await;
            one.shutdown_background();
            waiting.await.unwrap()
        });
        assert_eq!(answer, Some(2));
        assert_eq!(flights.len(), 0);
    }

    #[tokio::test]
    async fn what_is_ready_starts_nothing() {
        let flights: Flights<&str, usize> = Flights::new();
        let start = || -> Start<usize, std::future::Ready<usize>> { Start::Ready(3) };
        assert_eq!(flights.run("key", start).await, (Some(3), false));
        assert_eq!(flights.len(), 0);
    }

    /// Threads that ask, join and leave at random: no two do the same work at once, what was left is not done again, all is right.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn no_two_ever_do_the_same_work() {
        const KEYS: usize = 5;
        let flights: Arc<Flights<usize, usize>> = Arc::new(Flights::new());
        let results: Arc<[AtomicUsize; KEYS]> = Arc::default();
        let running: Arc<[AtomicUsize; KEYS]> = Arc::default();
        let begun: Arc<AtomicUsize> = Arc::default();
        let mut expected = 0;
        for round in 0..200 {
            let tasks: Vec<_> = (0..24)
                .map(|number| {
                    let key = number % KEYS;
                    let (flights, results) = (Arc::clone(&flights), Arc::clone(&results));
                    let (running, begun) = (Arc::clone(&running), Arc::clone(&begun));
                    tokio::spawn(async move {
                        for _ in 0..fastrand::usize(..4) {
                            tokio::task::yield_now().await;
                        }
                        let start = || match results[key].load(Ordering::SeqCst) {
                            0 => {
                                let (results, running) =
                                    (Arc::clone(&results), Arc::clone(&running));
                                begun.fetch_add(1, Ordering::SeqCst);
                                Start::Work(async move {
                                    assert_eq!(running[key].fetch_add(1, Ordering::SeqCst), 0);
                                    for _ in 0..fastrand::usize(..6) {
                                        tokio::task::yield_now().await;
                                    }
                                    running[key].fetch_sub(1, Ordering::SeqCst);
                                    results[key].store(key + 1, Ordering::SeqCst);
                                    key + 1
                                })
                            }
                            value => Start::Ready(value),
                        };
                        flights.run(key, start).await.0
                    })
                })
                .collect();
            for (number, task) in tasks.into_iter().enumerate() {
                if fastrand::u8(..4) == 0 {
                    task.abort();
                }
                match task.await {
                    Ok(value) => assert_eq!(value, Some(number % KEYS + 1)),
                    Err(error) => assert!(error.is_cancelled(), "{error:?}"),
                }
            }
            while flights.len() > 0 {
                tokio::task::yield_now().await;
            }
            // Every key was worked on once, unless all who wanted it had left before.
            let done = results
                .iter()
                .filter(|result| result.swap(0, Ordering::SeqCst) > 0)
                .count();
            expected += done;
            assert_eq!(begun.load(Ordering::SeqCst), expected, "round {round}");
        }
    }
}
