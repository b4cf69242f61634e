//! Overrides: a view with other registers on top, for one request or one test, that leaves the loader as it is.
//!
//! Both the registers and the indexes made with them are remembered for a while, because the same override comes with every request
//! of a session.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use futures_util::stream::{FuturesOrdered, StreamExt as _};
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tokio::time::Instant;
use url::Url;

use crate::error::{LoadError, LoadErrorKind};
use crate::radpack::Radpack;
use crate::register::{self, Documents, RegisterState};
use crate::snapshot::Moment;
use crate::source::{Origin, Part, Source};
use crate::work::{blocking, lock};

/// How many override registers, and how many indexes made with them, are remembered.
const REMEMBERED: usize = 32;

/// How many override registers are read at once: whoever asks for them, most of what may be fetched at once is left for the others.
const AT_ONCE: usize = 8;

/// What is remembered of overrides.
pub(crate) struct Overrides {
    registers: Mutex<VecDeque<(Key, Slot)>>,
    moments: Mutex<VecDeque<(Vec<u64>, Arc<Moment>)>>,
    reading: Semaphore,
    /// Held while an index is made: it takes time and memory, and those who want the same one get it from who was first.
    compiling: AsyncMutex<()>,
}

/// Where an override register is kept; held while it is read.
type Slot = Arc<AsyncMutex<Remembered>>;

/// What came of reading an override register.
#[derive(Default)]
struct Remembered {
    known: Option<Known>,
    /// When it could not be read last, and why. All who ask soon after get the same error: they would wait one after the other for
    /// what hangs.
    failed: Option<(Instant, LoadError)>,
}

/// A register that is read from a URL or path is the same for the same values in its URL.
#[derive(Clone, PartialEq, Eq)]
struct Key {
    source: String,
    fallbacks: Vec<String>,
    context: BTreeMap<String, String>,
}

struct Known {
    state: Arc<RegisterState>,
    documents: Documents,
    confirmed: Instant,
}

impl Radpack {
    /// A copy with other registers on top: a local build, a preview of somebody's changes. The loader itself stays as it is.
    ///
    /// The copy stands on the snapshot of now, as a request wants it; make one for each. That is cheap: connections, files, override
    /// registers (until they are stale) and the indexes made with them are shared. So are failures, for as long as
    /// [`WatchOptions::backoff`](crate::WatchOptions::backoff).
    ///
    /// # Errors
    ///
    /// If one of them, that is not optional, cannot be read.
    pub async fn with_overrides(&self, source: impl Into<Source>) -> Result<Self, LoadError> {
        let source = source.into();
        let optional = source.is_optional();
        let parts = source.into_parts();
        let mut reading: FuturesOrdered<_> =
            parts.iter().map(|part| self.read_override(part)).collect();
        let base = self.moment();
        let mut states = base.states.clone();
        while let Some(state) = reading.next().await {
            match state {
                Ok(state) => states.push(state),
                Err(_) if optional => {}
                Err(error) => return Err(error),
            }
        }
        let numbers = register::numbers(&states);
        let overrides = &self.stack.engine.overrides;
        if let Some(moment) = overrides.moment(&numbers) {
            return Ok(self.at(moment));
        }
        let _one_at_a_time = overrides.compiling.lock().await;
        if let Some(moment) = overrides.moment(&numbers) {
            return Ok(self.at(moment));
        }
        let limits = self.stack.engine.limits();
        let compiled = blocking(move || Moment::compile(states, &limits, Some(&base))).await?;
        let moment = Arc::new(compiled.map_err(|error| {
            let message = "cannot put the overrides on top of the registers";
            LoadError::new(LoadErrorKind::Register, message).because(error)
        })?);
        overrides.forget_but(&self.stack.current.load().numbers());
        let mut moments = lock(&overrides.moments);
        moments.truncate(REMEMBERED - 1);
        moments.push_front((numbers, Arc::clone(&moment)));
        drop(moments);
        Ok(self.at(moment))
    }

    /// A copy with a register on top whose URL comes from a stranger, such as the query of a request: only http(s), and only from hosts
    /// of [`FetchOptions::allowed_hosts`](crate::FetchOptions::allowed_hosts), which must be given.
    ///
    /// ```
    /// # async fn handle(radpack: radpack_loader::Radpack, query: Option<&str>) -> Result<(), radpack_loader::LoadError> {
    /// let radpack = match query {
    ///     Some(url) => radpack.with_requested_override(url).await?,
    ///     None => radpack,
    /// };
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`LoadErrorKind::Refused`] for any other URL; else as [`with_overrides`](Self::with_overrides).
    pub async fn with_requested_override(&self, url: &str) -> Result<Self, LoadError> {
        let refused = || {
            let message = format!(
                "{url:?} is not taken as an override: its host is not among the allowed ones"
            );
            LoadError::new(LoadErrorKind::Refused, message).at(url)
        };
        let parsed = Url::parse(url).map_err(|error| refused().because(error))?;
        let is_network = matches!(parsed.scheme(), "http" | "https");
        // Nothing in it is filled in: what is looked at is what is fetched.
        let is_plain = radpack_manifest::unexpanded(url).is_none();
        if !is_network || !is_plain || !self.stack.engine.fetcher.is_listed(&parsed) {
            return Err(refused());
        }
        self.with_overrides(parsed).await
    }

    async fn read_override(&self, part: &Part) -> Result<Arc<RegisterState>, LoadError> {
        let engine = &self.stack.engine;
        let context = &self.view().context;
        if !matches!(part.origin, Origin::Url(_) | Origin::Path(_)) {
            let reading = register::read(engine, part, context, &Documents::new(), true).await?;
            return reading.changed.ok_or_else(LoadError::interrupted);
        }
        let key = Key {
            source: part.to_string(),
            fallbacks: part.fallbacks.clone(),
            context: context.clone(),
        };
        let slot = engine.overrides.slot(key);
        let mut slot = slot.lock().await;
        let watch = &self.stack.watch;
        if let Some(known) = &slot.known
            && known.confirmed.elapsed() < watch.time_to_stale
        {
            return Ok(Arc::clone(&known.state));
        }
        if let Some((when, error)) = &slot.failed
            && when.elapsed() < watch.backoff
        {
            return Err(error.clone());
        }
        let _permit = engine.overrides.reading.acquire().await;
        let nothing = Documents::new();
        let documents = slot
            .known
            .as_ref()
            .map_or(&nothing, |known| &known.documents);
        let is_first = slot.known.is_none();
        let reading = register::read(engine, part, context, documents, is_first).await;
        // A preview that is gone is not brought back from disk, as a register would be.
        let reading = reading.and_then(|reading| match reading.stale {
            Some(error) => Err(error),
            None => Ok(reading),
        });
        if let Err(error) = &reading {
            slot.failed = Some((Instant::now(), error.clone()));
        }
        let reading = reading?;
        let state = match (reading.changed, &slot.known) {
            (Some(state), _) => state,
            (None, Some(known)) => Arc::clone(&known.state),
            (None, None) => return Err(LoadError::interrupted()),
        };
        *slot = Remembered {
            known: Some(Known {
                state: Arc::clone(&state),
                documents: reading.documents,
                confirmed: Instant::now(),
            }),
            failed: None,
        };
        Ok(state)
    }
}

impl Default for Overrides {
    fn default() -> Self {
        Overrides {
            registers: Mutex::default(),
            moments: Mutex::default(),
            reading: Semaphore::new(AT_ONCE),
            compiling: AsyncMutex::default(),
        }
    }
}

impl Overrides {
    /// The index of these registers, if it is remembered.
    fn moment(&self, numbers: &[u64]) -> Option<Arc<Moment>> {
        let moments = lock(&self.moments);
        let mut moments = moments.iter();
        let (_, moment) = moments.find(|(key, _)| key == numbers)?;
        Some(Arc::clone(moment))
    }

    /// Forgets the indexes that stand on others than these registers: nobody asks for them again.
    pub(crate) fn forget_but(&self, base: &[u64]) {
        lock(&self.moments).retain(|(numbers, _)| numbers.starts_with(base));
    }

    /// The place of a register, by its key; those used longest ago leave.
    fn slot(&self, key: Key) -> Slot {
        let mut registers = lock(&self.registers);
        let position = registers.iter().position(|(other, _)| *other == key);
        let entry = match position.and_then(|position| registers.remove(position)) {
            Some(entry) => entry,
            None => (key, Arc::default()),
        };
        let slot = Arc::clone(&entry.1);
        registers.truncate(REMEMBERED - 1);
        registers.push_front(entry);
        slot
    }
}
