//! The registers of a loader, and the snapshot that is made from them: reading, compiling aside, swapping, telling.
//!
//! Each register is read on its own, so that none waits for a slow one; what was read is put together under one lock. A snapshot is
//! whole before anyone sees it. When to read is [`crate::watch`]'s business.
//!
//! That this holds whatever comes between what, `swap_model.rs` goes through.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, Notify, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use crate::change::Change;
use crate::current::Current;
use crate::engine::Engine;
use crate::error::{LoadError, LoadErrorKind};
use crate::fetch::backoff;
use crate::names;
use crate::options::WatchOptions;
use crate::register::{self, Documents, RegisterState, numbers};
use crate::snapshot::Moment;
use crate::source::{Part, Source};
use crate::status::{RegisterStatus, Standing, Status};
use crate::work::{blocking, lock};

/// What is called on a change.
pub(crate) type Callback = Box<dyn Fn(&Change) + Send + Sync>;

pub(crate) struct Stack {
    pub(crate) engine: Arc<Engine>,
    pub(crate) current: Arc<Current>,
    pub(crate) watch: WatchOptions,
    /// For URLs of registers.
    context: BTreeMap<String, String>,
    /// Bottom first. Only ever added to.
    entries: Mutex<Vec<Arc<Entry>>>,
    /// The snapshot that was told of last. Held while one is made and told of.
    swapping: AsyncMutex<Arc<Moment>>,
    /// Counts whatever happens to the standing of a register.
    events: watch::Sender<u64>,
    changes: watch::Sender<Option<Arc<Change>>>,
    callbacks: Vec<Callback>,
    /// Tells the watch that there is another time to wake up at.
    pub(crate) wake: Arc<Notify>,
    pub(crate) watcher: Mutex<Option<AbortHandle>>,
}

/// A register.
pub(crate) struct Entry {
    part: Part,
    optional: bool,
    /// What it was read from last. Held while it is read.
    documents: AsyncMutex<Documents>,
    known: Mutex<Known>,
}

/// What is known of a register.
struct Known {
    state: Option<Arc<RegisterState>>,
    /// When it was last seen to be as it is.
    confirmed: Option<Instant>,
    error: Option<LoadError>,
    /// How often it could not be read since it last could.
    failures: u32,
    /// When to read it again.
    due: Instant,
    /// How many are reading it, or wait for those that do.
    readers: usize,
}

/// Someone who reads a register, or is about to: as long as there is one, it is not due.
pub(crate) struct Reader {
    entry: Arc<Entry>,
    stack: Arc<Stack>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut known = lock(&self.entry.known);
        known.readers -= 1;
        if known.state.is_none() && known.error.is_none() && known.readers == 0 {
            // It was given up in the middle. Nobody waits for it any longer.
            known.error = Some(LoadError::interrupted());
        }
        drop(known);
        // However it ended, there is another time to wake up at.
        self.stack.wake.notify_one();
        self.stack.events.send_modify(|count| *count += 1);
    }
}

impl Stack {
    pub(crate) fn new(
        engine: Arc<Engine>,
        watch: WatchOptions,
        context: BTreeMap<String, String>,
        callbacks: Vec<Callback>,
    ) -> Result<Arc<Self>, LoadError> {
        let empty = Moment::compile(Vec::new(), &engine.limits(), None);
        let empty = Arc::new(empty.map_err(|error| {
            LoadError::new(LoadErrorKind::Setup, "cannot make an empty index").because(error)
        })?);
        Ok(Arc::new(Stack {
            current: Arc::new(Current::new(Arc::clone(&empty))),
            engine,
            watch: watch.bounded(),
            context,
            entries: Mutex::new(Vec::new()),
            swapping: AsyncMutex::new(empty),
            events: watch::Sender::new(0),
            changes: watch::Sender::new(None),
            callbacks,
            wake: Arc::new(Notify::new()),
            watcher: Mutex::new(None),
        }))
    }

    /// Puts a source on top, without reading it.
    pub(crate) fn add(&self, source: Source) -> Vec<Arc<Entry>> {
        let optional = source.is_optional();
        let added: Vec<Arc<Entry>> = source
            .into_parts()
            .into_iter()
            .map(|part| {
                Arc::new(Entry {
                    part,
                    optional,
                    documents: AsyncMutex::new(Documents::new()),
                    known: Mutex::new(Known {
                        state: None,
                        confirmed: None,
                        error: None,
                        failures: 0,
                        // Whoever adds it reads it.
                        due: Instant::now() + self.watch.time_to_stale,
                        readers: 0,
                    }),
                })
            })
            .collect();
        lock(&self.entries).extend(added.iter().cloned());
        added
    }

    pub(crate) fn entries(&self) -> Vec<Arc<Entry>> {
        lock(&self.entries).clone()
    }

    /// Reads some registers, all at once, and swaps to what comes of it.
    ///
    /// The error is that of the first one that could not be read and is not optional. The others are there all the same.
    pub(crate) async fn read(self: &Arc<Self>, entries: Vec<Arc<Entry>>) -> Result<(), LoadError> {
        self.read_by(self.readers(entries)).await
    }

    /// Those who are to read some registers. Where they never come to it, nobody waits for them.
    pub(crate) fn readers(self: &Arc<Self>, entries: Vec<Arc<Entry>>) -> Vec<Reader> {
        let reader = |entry: Arc<Entry>| {
            lock(&entry.known).readers += 1;
            Reader {
                entry,
                stack: Arc::clone(self),
            }
        };
        entries.into_iter().map(reader).collect()
    }

    /// As [`read`](Self::read).
    pub(crate) async fn read_by(&self, readers: Vec<Reader>) -> Result<(), LoadError> {
        let mut reading = JoinSet::new();
        let count = readers.len();
        for (position, reader) in readers.into_iter().enumerate() {
            reading.spawn(async move { (position, reader.stack.read_entry(&reader.entry).await) });
        }
        let mut failed = Vec::new();
        let mut ended = 0;
        while let Some(end) = reading.join_next().await {
            if let Ok((position, result)) = end {
                ended += 1;
                failed.extend(result.err().map(|error| (position, error)));
            }
        }
        let swapped = self.swap().await;
        self.events.send_modify(|count| *count += 1);
        failed.sort_by_key(|(position, _)| *position);
        match failed.into_iter().next() {
            Some((_, error)) => Err(error),
            None if ended < count => Err(LoadError::interrupted()),
            None => swapped,
        }
    }

    /// Reads one register and notes what came of it. The error is given only of one that is not optional.
    async fn read_entry(&self, entry: &Entry) -> Result<(), LoadError> {
        let mut documents = entry.documents.lock().await;
        let is_first = lock(&entry.known).state.is_none();
        let reading = register::read(
            &self.engine,
            &entry.part,
            &self.context,
            &documents,
            is_first,
        );
        let reading = reading.await;
        let source = entry.part.to_string();
        names::refreshed(
            &source,
            reading.as_ref().map(|reading| reading.changed.is_some()),
        );
        let now = Instant::now();
        let (error, is_there) = match reading {
            Ok(reading) => {
                *documents = reading.documents;
                let mut known = lock(&entry.known);
                if let Some(state) = reading.changed {
                    known.state = Some(state);
                }
                if reading.stale.is_none() {
                    known.confirmed = Some(now);
                }
                (reading.stale, true)
            }
            Err(error) => (Some(error), false),
        };
        let mut known = lock(&entry.known);
        known.failures = match error {
            Some(_) => known.failures.saturating_add(1),
            None => 0,
        };
        known.due = now + self.until_next(known.failures, error.as_ref());
        known.error.clone_from(&error);
        match error {
            Some(error) if !is_there && !entry.optional => Err(error),
            _ => Ok(()),
        }
    }

    /// How long a register is left alone.
    fn until_next(&self, failures: u32, error: Option<&LoadError>) -> Duration {
        let stale = self.watch.time_to_stale;
        let random = fastrand::f64();
        if failures == 0 {
            return stale.mul_f64(0.9 + random / 5.0);
        }
        let asked = error.and_then(LoadError::retry_after).unwrap_or_default();
        // Nobody is waited for longer than a day, whatever a server says.
        asked.min(Duration::from_secs(86_400)).max(backoff(
            failures,
            self.watch.backoff,
            stale,
            random,
        ))
    }

    /// Makes a snapshot of what was read, if that is other than what is there, puts it in place, and tells what changed.
    ///
    /// It may be given up wherever it waits; whoever comes next tells what was not told.
    async fn swap(&self) -> Result<(), LoadError> {
        let mut told = self.swapping.lock().await;
        let began = std::time::Instant::now();
        let states: Vec<Arc<RegisterState>> = self
            .entries()
            .iter()
            .filter_map(|entry| lock(&entry.known).state.clone())
            .collect();
        let mut new = self.current.load();
        if numbers(&states) != new.numbers() {
            let limits = self.engine.limits();
            let base = Arc::clone(&new);
            let compiled = blocking(move || Moment::compile(states, &limits, Some(&base))).await?;
            new = Arc::new(compiled.map_err(|error| {
                let message = "cannot put the registers together into one index";
                LoadError::new(LoadErrorKind::Register, message).because(error)
            })?);
            self.current.store(Arc::clone(&new));
            self.engine.overrides.forget_but(&new.numbers());
            names::swapped(new.number, new.index.len(), began.elapsed());
        }
        if new.number == told.number {
            return Ok(());
        }
        let (old, next) = (Arc::clone(&told), Arc::clone(&new));
        let change =
            blocking(move || Change::between(old.number, &old.index, next.number, &next.index));
        self.tell(Arc::new(change.await?));
        *told = new;
        Ok(())
    }

    fn tell(&self, change: Arc<Change>) {
        for callback in &self.callbacks {
            // Whoever listens must not end the watch.
            if catch_unwind(AssertUnwindSafe(|| callback(&change))).is_err() {
                tracing::error!(name: "radpack.callback.panicked", snapshot = change.to, "a callback on changes panicked");
            }
        }
        self.changes.send_replace(Some(change));
    }

    pub(crate) fn changes(&self) -> watch::Receiver<Option<Arc<Change>>> {
        self.changes.subscribe()
    }

    /// Waits until every register was read, or could not be.
    pub(crate) async fn ready(&self) -> Result<(), LoadError> {
        let mut events = self.events.subscribe();
        loop {
            events.mark_unchanged();
            let mut pending = false;
            let mut failed = None;
            for entry in self.entries() {
                let known = lock(&entry.known);
                match (&known.state, &known.error) {
                    (Some(_), _) => {}
                    (None, None) => pending = true,
                    (None, Some(error)) if !entry.optional => {
                        failed.get_or_insert_with(|| error.clone());
                    }
                    (None, Some(_)) => {}
                }
            }
            match (pending, failed) {
                (false, None) => {
                    // What was read may still be on its way into place.
                    drop(self.swapping.lock().await);
                    return self.swap().await;
                }
                (false, Some(error)) => return Err(error),
                (true, _) => {
                    if events.changed().await.is_err() {
                        return Err(LoadError::interrupted());
                    }
                }
            }
        }
    }

    pub(crate) fn status(&self) -> Status {
        let now = Instant::now();
        let of = |entry: &Arc<Entry>| {
            let known = lock(&entry.known);
            RegisterStatus {
                source: entry.part.to_string(),
                optional: entry.optional,
                standing: match (&known.state, &known.error) {
                    (Some(_), None) => Standing::Fresh,
                    (Some(_), Some(_)) => Standing::Stale,
                    (None, None) => Standing::Pending,
                    (None, Some(_)) => Standing::Missing,
                },
                age: known
                    .confirmed
                    .map(|confirmed| now.saturating_duration_since(confirmed)),
                error: known.error.clone(),
                failures: known.failures,
                next_in: known.due.saturating_duration_since(now),
            }
        };
        let moment = self.current.load();
        let (cache_bytes, under_way) = self.engine.load();
        Status {
            snapshot: moment.number,
            exports: moment.index.len(),
            registers: self.entries().iter().map(of).collect(),
            cache_bytes,
            under_way,
        }
    }

    /// The registers that are due, which are not due again for a while; and when the next one is of those that nobody reads.
    pub(crate) fn take_due(&self, now: Instant) -> (Vec<Arc<Entry>>, Option<Instant>) {
        let mut due = Vec::new();
        let mut next: Option<Instant> = None;
        for entry in self.entries() {
            let mut known = lock(&entry.known);
            if known.readers > 0 {
                continue;
            }
            if known.due <= now {
                // Whoever reads it sets the time anew; this is for the case that it comes to no end.
                known.due = now + self.watch.time_to_stale.max(Duration::from_millis(1));
                due.push(Arc::clone(&entry));
            }
            next = Some(next.map_or(known.due, |next| next.min(known.due)));
        }
        (due, next)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if let Some(watcher) = lock(&self.watcher).take() {
            watcher.abort();
        }
    }
}
