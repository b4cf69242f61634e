//! What the registers said at one moment: immutable, shared, and all that one page view needs.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use radpack_manifest::Limits;
use radpack_resolve::{Found, Index, IndexError, Located, Query, ResolveError};
use radpack_version::{Drift, Fallback, Fit, VersionRef};
use tokio::time::Instant;

use crate::current::{Current, Held};
use crate::engine::Engine;
use crate::plan::Plans;
use crate::register::{self, RegisterState};

/// The index of one moment, and what it was made from.
pub(crate) struct Moment {
    /// Tells it from every other of this process.
    pub(crate) number: u64,
    pub(crate) index: Arc<Index>,
    pub(crate) states: Vec<Arc<RegisterState>>,
    /// Which of the states each layer of the index is from.
    layers: Vec<usize>,
    pub(crate) since: Instant,
}

impl Moment {
    /// Compiles registers, the last on top. Takes time; less where `base` has some of them.
    pub(crate) fn compile(
        states: Vec<Arc<RegisterState>>,
        limits: &Limits,
        base: Option<&Moment>,
    ) -> Result<Self, IndexError> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let index = register::compile(&states, limits, base)?;
        let layers = states
            .iter()
            .enumerate()
            .flat_map(|(position, state)| std::iter::repeat_n(position, state.layers()))
            .collect();
        Ok(Moment {
            number,
            index,
            states,
            layers,
            since: Instant::now(),
        })
    }

    /// The numbers of the registers that it was made from.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        register::numbers(&self.states)
    }

    /// The layers of the index that are from a register.
    pub(crate) fn layers_of(&self, number: u64) -> Option<(&Index, Range<usize>)> {
        let state = self
            .states
            .iter()
            .position(|state| state.number == number)?;
        let start = self.layers.partition_point(|from| *from < state);
        let end = self.layers.partition_point(|from| *from <= state);
        Some((&self.index, start..end))
    }

    /// The register that a layer of the index is from.
    pub(crate) fn register(&self, layer: usize) -> Option<&RegisterState> {
        self.states
            .get(*self.layers.get(layer)?)
            .map(|state| &**state)
    }
}

/// What is known about who asks.
#[derive(Default)]
pub(crate) struct View {
    pub(crate) scope: Option<String>,
    pub(crate) context: BTreeMap<String, String>,
    pub(crate) fallback: Fallback,
    /// Of this very view.
    pub(crate) plans: Plans,
}

impl Clone for View {
    /// To be changed: without the plans, which are for the one it is made from.
    fn clone(&self) -> Self {
        View {
            scope: self.scope.clone(),
            context: self.context.clone(),
            fallback: self.fallback,
            plans: Plans::default(),
        }
    }
}

impl fmt::Debug for View {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("View")
            .field("scope", &self.scope)
            .field("context", &self.context)
            .field("fallback", &self.fallback)
            .finish_non_exhaustive()
    }
}

impl View {
    /// An id, answered from here. A query is made only for those that need one.
    #[inline(always)]
    pub(crate) fn resolve<'a>(
        &'a self,
        index: &'a Index,
        id: &str,
    ) -> Result<Found<'a>, ResolveError> {
        match index.resolve_hot(id, self.fallback) {
            Some(found) => Ok(found),
            None => self.resolve_cold(index, id),
        }
    }

    #[inline(never)]
    fn resolve_cold<'a>(&'a self, index: &'a Index, id: &str) -> Result<Found<'a>, ResolveError> {
        self.query(index).resolve(id)
    }

    /// The index, asked from here.
    #[inline]
    pub(crate) fn query<'a>(&'a self, index: &'a Index) -> Query<'a, 'a> {
        let query = index.query().fallback(self.fallback);
        let query = match &self.scope {
            Some(scope) => query.scope(scope),
            None => query,
        };
        if self.context.is_empty() {
            query
        } else {
            query.context(&self.context)
        }
    }
}

/// The registers as they were at one moment, asked in the way of the loader that gave it.
///
/// A request that holds one gets all its answers from the same moment, whatever changes meanwhile; that costs nothing but the
/// memory of an index that others have left behind. Cheap to clone.
///
/// ```
/// # async fn handle(radpack: &radpack_loader::Radpack) -> Result<(), Box<dyn std::error::Error>> {
/// let page = radpack.snapshot();
/// let header = page.link_headers("shop")?;
/// let modules = page.load("shop").await?; // what the header names, even if a register changed in between
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Snapshot {
    pub(crate) moment: Arc<Moment>,
    pub(crate) view: Arc<View>,
    pub(crate) engine: Arc<Engine>,
}

impl Snapshot {
    /// A number that tells it from other snapshots of the process that were made earlier (lower) or later (higher).
    #[must_use]
    pub fn number(&self) -> u64 {
        self.moment.number
    }

    /// How long ago it was made.
    #[must_use]
    pub fn age(&self) -> std::time::Duration {
        self.moment.since.elapsed()
    }

    /// The index. It knows nothing of this snapshot's scope and context; [`query`](Self::query) does.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.moment.index
    }

    /// The index, asked with this snapshot's scope, context and fallback.
    #[must_use]
    #[inline]
    pub fn query(&self) -> Query<'_, '_> {
        self.view.query(&self.moment.index)
    }

    /// Resolves an id: without waiting, from memory.
    ///
    /// # Errors
    ///
    /// See [`ResolveErrorKind`](radpack_resolve::ResolveErrorKind).
    #[inline]
    pub fn resolve(&self, id: &str) -> Result<Found<'_>, ResolveError> {
        self.view.resolve(&self.moment.index, id)
    }

    /// The closure of an id: everything that is loaded with it, dependencies first.
    ///
    /// # Errors
    ///
    /// If the id or one of its dependencies has no answer.
    pub fn closure(&self, id: &str) -> Result<Vec<Found<'_>>, ResolveError> {
        self.query().closure(id)
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Snapshot")
            .field("number", &self.moment.number)
            .field("index", &self.moment.index)
            .finish_non_exhaustive()
    }
}

/// Resolves for one thread or task that does so again and again: it looks whether there is a new snapshot, which costs less than
/// taking hold of one, and its answers borrow from the index.
///
/// ```
/// use radpack_loader::{Radpack, Source};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let json = r#"{"exports":{"d3":{"v":[[4,2]],"d":[["index",[{"v":[0],"f":"d3.js"}]]]}}}"#;
/// let radpack = Radpack::builder().register(Source::json(json)).build().await?;
/// let mut reader = radpack.reader();
/// for id in ["d3@^4", "d3"] {
///     assert_eq!(reader.resolve(id)?.version().to_string(), "4.2.0");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Reader {
    pub(crate) current: Arc<Current>,
    pub(crate) moment: Arc<Moment>,
    pub(crate) view: Arc<View>,
}

impl Reader {
    /// Resolves an id from the newest snapshot.
    ///
    /// # Errors
    ///
    /// See [`ResolveErrorKind`](radpack_resolve::ResolveErrorKind).
    #[inline]
    pub fn resolve(&mut self, id: &str) -> Result<Found<'_>, ResolveError> {
        self.current.renew(&mut self.moment);
        self.view.resolve(&self.moment.index, id)
    }

    /// The index of the newest snapshot, asked with scope, context and fallback: for several answers from the same one.
    #[inline]
    pub fn query(&mut self) -> Query<'_, '_> {
        self.current.renew(&mut self.moment);
        self.view.query(&self.moment.index)
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Reader")
            .field("view", &self.view)
            .finish_non_exhaustive()
    }
}

/// An answer that holds the moment it is from.
///
/// It is made to be read and let go: it delays nothing, but keeps its index alive. To keep answers, keep a [`Snapshot`].
pub struct Resolved<'r> {
    pub(crate) moment: Held,
    pub(crate) view: &'r View,
    pub(crate) located: Located,
}

impl Resolved<'_> {
    /// The answer as the index gives it.
    #[must_use]
    #[inline]
    pub fn found(&self) -> Found<'_> {
        self.moment.index.at(self.located)
    }

    /// The package's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.found().name()
    }

    /// The version that serves.
    #[must_use]
    pub fn version(&self) -> VersionRef<'_> {
        self.found().version()
    }

    /// The entry's name; `index` for a bare id.
    #[must_use]
    pub fn entry(&self) -> &str {
        self.found().entry()
    }

    /// How the version relates to the spec.
    #[must_use]
    pub fn fit(&self) -> Fit {
        self.found().fit()
    }

    /// What differs from what was asked for, where the fit is [`Fit::Nearest`].
    #[must_use]
    pub fn drift(&self) -> Option<Drift> {
        self.found().drift()
    }

    /// `name@version/entry`, which names exactly this.
    #[must_use]
    pub fn pinned_id(&self) -> String {
        self.found().pinned_id()
    }

    /// The URL, filled in from the register and the context; `None` for an export without code of its own.
    ///
    /// # Errors
    ///
    /// If the index is damaged.
    pub fn url(&self) -> Result<Option<String>, ResolveError> {
        self.view.query(&self.moment.index).url(&self.found())
    }

    /// Subresource Integrity of the file, where the manifest states it.
    ///
    /// # Errors
    ///
    /// If the index is damaged.
    pub fn integrity(&self) -> Result<Option<&str>, ResolveError> {
        self.found().integrity()
    }

    /// The number of the snapshot that it is from.
    #[must_use]
    pub fn snapshot(&self) -> u64 {
        self.moment.number
    }
}

impl fmt::Debug for Resolved<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.found().fmt(formatter)
    }
}
