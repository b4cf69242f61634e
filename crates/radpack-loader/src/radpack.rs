//! The loader itself: a handle that a service keeps for its whole life.

use std::fmt;
use std::sync::Arc;

use radpack_resolve::{ImportMap, Preload, ResolveError};
use radpack_version::Fallback;
use tokio::sync::watch;

use crate::builder::Builder;
use crate::change::Change;
use crate::current::Current;
use crate::error::LoadError;
use crate::graph::GraphId;
use crate::load::{self, Loaded};
use crate::snapshot::{Moment, Reader, Resolved, Snapshot, View};
use crate::source::Source;
use crate::stack::{Entry, Stack};
use crate::status::Status;

/// Registers, resolves and loads: the runtime of a service.
///
/// Cheap to clone; all clones are the same loader. Copies by [`with_scope`](Self::with_scope), [`with_context`](Self::with_context)
/// and [`with_overrides`](Self::with_overrides) share its connections, caches and watch. The watch ends with the last of them.
///
/// ```
/// use radpack_loader::{Radpack, Source};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let radpack = Radpack::builder()
///     .register(Source::json(
///         r#"{"vars":{"baseUrl":"https://${region}.cdn.example"},
///             "exports":{"buttons":{"v":[[2,1]],"d":[["primary",[{"v":[0],"f":"primary-5a0e.js"}]]]}}}"#,
///     ))
///     .context("region", "eu")
///     .build()
///     .await?;
/// let found = radpack.resolve("buttons@^2/primary")?;
/// assert_eq!(found.url()?.as_deref(), Some("https://eu.cdn.example/primary-5a0e.js"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Radpack {
    pub(crate) stack: Arc<Stack>,
    /// The stack's own, or one that nobody swaps.
    current: Arc<Current>,
    view: Arc<View>,
}

impl Radpack {
    /// Sets up a loader.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn new(stack: Arc<Stack>, view: View) -> Self {
        Radpack {
            current: Arc::clone(&stack.current),
            stack,
            view: Arc::new(view),
        }
    }

    /// Resolves an id: without waiting, without a lock, and never from the network.
    ///
    /// The snapshot of a thread's last answer stays in memory until that thread asks again, or ends.
    ///
    /// # Errors
    ///
    /// See [`ResolveErrorKind`](radpack_resolve::ResolveErrorKind).
    #[inline]
    pub fn resolve(&self, id: &str) -> Result<Resolved<'_>, ResolveError> {
        let moment = self.current.hold();
        let located = self.view.resolve(&moment.index, id)?.locate();
        Ok(Resolved {
            moment,
            view: &self.view,
            located,
        })
    }

    /// For one thread or task that resolves again and again; see [`Reader`].
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader {
            current: Arc::clone(&self.current),
            moment: self.current.load(),
            view: Arc::clone(&self.view),
        }
    }

    /// The registers as they are at this moment, to get several answers from the same one.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            moment: self.current.load(),
            view: Arc::clone(&self.view),
            engine: Arc::clone(&self.stack.engine),
        }
    }

    /// Loads a module and all its static dependencies; see [`Snapshot::load`].
    ///
    /// # Errors
    ///
    /// The first thing that goes wrong, with the chain of who wanted it.
    pub async fn load(&self, id: &str) -> Result<Loaded, LoadError> {
        self.snapshot().load(id).await
    }

    /// Loads a graph that was loaded before, by its id: by this process, or by another that shares the disk cache. No register is
    /// needed for it; files that are no longer cached are fetched, and held to the bytes that they had.
    ///
    /// # Errors
    ///
    /// If the graph is not remembered, or a file of it can no longer be had.
    pub async fn load_graph(&self, id: GraphId) -> Result<Loaded, LoadError> {
        load::load_graph(&self.stack.engine, id).await
    }

    /// The URLs of everything that is loaded with an id; see [`Snapshot::urls`].
    ///
    /// # Errors
    ///
    /// If the id or a dependency has no answer, or a URL has a placeholder that nothing fills in; so for the other lists.
    pub fn urls(&self, id: &str) -> Result<Vec<String>, LoadError> {
        self.snapshot().urls(id)
    }

    /// What a page preloads for an id; see [`Snapshot::preload`].
    ///
    /// # Errors
    ///
    /// As [`urls`](Self::urls).
    pub fn preload(&self, id: &str) -> Result<Vec<Preload>, LoadError> {
        self.snapshot().preload(id)
    }

    /// The values of `Link` headers that preload an id; see [`Snapshot::link_headers`].
    ///
    /// # Errors
    ///
    /// As [`urls`](Self::urls).
    pub fn link_headers(&self, id: &str) -> Result<Vec<String>, LoadError> {
        self.snapshot().link_headers(id)
    }

    /// An import map for some ids and all they lead to; see [`Snapshot::import_map`].
    ///
    /// # Errors
    ///
    /// As [`urls`](Self::urls).
    pub fn import_map<S: AsRef<str>>(&self, ids: &[S]) -> Result<ImportMap, LoadError> {
        self.snapshot().import_map(ids)
    }

    /// What Radpack 1.x's `hydrate()` takes; see [`Snapshot::dehydrate`].
    ///
    /// # Errors
    ///
    /// If the index is damaged.
    pub fn dehydrate(&self) -> Result<String, LoadError> {
        self.snapshot().dehydrate()
    }

    /// Registers a source on top, without waiting: it is read in the background. [`ready`](Self::ready) waits for it,
    /// [`status`](Self::status) says how it went. Copies with overrides, which stand on a snapshot, do not see it.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn register(&self, source: impl Into<Source>) {
        let added = self.stack.add(source.into());
        self.read_in_background(added);
    }

    pub(crate) fn read_in_background(&self, entries: Vec<Arc<Entry>>) {
        let readers = self.stack.readers(entries);
        let stack = Arc::clone(&self.stack);
        // What goes wrong is in the status, and in an event.
        tokio::spawn(async move { stack.read_by(readers).await });
    }

    /// Waits until every register was read for the first time, or could not be.
    ///
    /// # Errors
    ///
    /// That of the first register, from the bottom, that is not optional and is not there.
    pub async fn ready(&self) -> Result<(), LoadError> {
        self.stack.ready().await
    }

    /// Asks for all registers again, now, and swaps to what changed. The watch does it by itself when they get stale. What was begun
    /// goes on where nobody waits for it any longer.
    ///
    /// # Errors
    ///
    /// That of the first register, from the bottom, that is not optional and could not be read. What was read last stays.
    pub async fn refresh(&self) -> Result<(), LoadError> {
        let stack = Arc::clone(&self.stack);
        // A register that was read, but not put into place, would have to wait for its next time.
        let refreshed = tokio::spawn(async move { stack.read(stack.entries()).await });
        refreshed
            .await
            .unwrap_or_else(|error| Err(LoadError::interrupted().because(error)))
    }

    /// What changed last, and a way to wait for what changes next. `None` until something did. Changes that come faster than they are
    /// looked at are skipped: [`Change::from`] says which snapshot one is compared with.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<Option<Arc<Change>>> {
        self.stack.changes()
    }

    /// How the registers are: how old, and what is wrong with them.
    #[must_use]
    pub fn status(&self) -> Status {
        self.stack.status()
    }

    /// A copy for a package that asks, as `name` or `name@spec`: what `~/entry` belongs to.
    #[must_use]
    pub fn with_scope(&self, scope: impl Into<String>) -> Self {
        self.with_view(|view| view.scope = Some(scope.into()))
    }

    /// A copy with another value for `${name}` in ids and in URLs of modules. (URLs of registers were filled in when they were read.)
    #[must_use]
    pub fn with_context(&self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.with_view(|view| {
            view.context.insert(name.into(), value.into());
        })
    }

    /// A copy with another policy for what may serve where nothing is exact or in range.
    #[must_use]
    pub fn with_fallback(&self, fallback: Fallback) -> Self {
        self.with_view(|view| view.fallback = fallback)
    }

    fn with_view(&self, change: impl FnOnce(&mut View)) -> Self {
        let mut view = View::clone(&self.view);
        change(&mut view);
        Radpack {
            stack: Arc::clone(&self.stack),
            current: Arc::clone(&self.current),
            view: Arc::new(view),
        }
    }

    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    /// A copy that stands on a moment of its own.
    pub(crate) fn at(&self, moment: Arc<Moment>) -> Self {
        Radpack {
            stack: Arc::clone(&self.stack),
            current: Arc::new(Current::new(moment)),
            view: Arc::clone(&self.view),
        }
    }

    pub(crate) fn moment(&self) -> Arc<Moment> {
        self.current.load()
    }
}

impl fmt::Debug for Radpack {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Radpack")
            .field("snapshot", &self.snapshot())
            .field("view", &self.view)
            .finish_non_exhaustive()
    }
}
