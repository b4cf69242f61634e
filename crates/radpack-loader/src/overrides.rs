//! Overrides: a view with other registers on top, for one request or one test, that leaves the loader as it is.
//!
//! Both the registers and the indexes made with them are remembered for a while, because the same override comes with every request
//! of a session.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use futures_util::stream::{FuturesOrdered, StreamExt as _};
use tokio::sync::Mutex as AsyncMutex;
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

/// What is remembered of overrides.
#[derive(Default)]
pub(crate) struct Overrides {
    registers: Mutex<VecDeque<(Key, Slot)>>,
    moments: Mutex<VecDeque<(Vec<u64>, Arc<Moment>)>>,
}

/// Where an override register is kept; held while it is read.
type Slot = Arc<AsyncMutex<Option<Known>>>;

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
    /// registers (until they are stale) and the indexes made with them are shared.
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
        let known = lock(&overrides.moments)
            .iter()
            .find(|(key, _)| *key == numbers)
            .map(|(_, moment)| Arc::clone(moment));
        if let Some(moment) = known {
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
        let stale = self.stack.watch.time_to_stale;
        if let Some(known) = slot
            .as_ref()
            .filter(|known| known.confirmed.elapsed() < stale)
        {
            return Ok(Arc::clone(&known.state));
        }
        let nothing = Documents::new();
        let documents = slot.as_ref().map_or(&nothing, |known| &known.documents);
        let reading = register::read(engine, part, context, documents, slot.is_none()).await?;
        let state = match (reading.changed, slot.as_ref()) {
            (Some(state), _) => state,
            (None, Some(known)) => Arc::clone(&known.state),
            (None, None) => return Err(LoadError::interrupted()),
        };
        *slot = Some(Known {
            state: Arc::clone(&state),
            documents: reading.documents,
            confirmed: Instant::now(),
        });
        Ok(state)
    }
}

impl Overrides {
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
