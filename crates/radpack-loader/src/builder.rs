//! Setting up a loader.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use radpack_version::Fallback;

use crate::change::Change;
use crate::disk::Disk;
use crate::engine::Engine;
use crate::error::LoadError;
use crate::fetch::Fetcher;
use crate::hydrate;
use crate::integrity::Integrity;
use crate::options::{FetchOptions, WatchOptions};
use crate::radpack::Radpack;
use crate::snapshot::View;
use crate::source::Source;
use crate::stack::{Callback, Stack};
use crate::watch;

/// How many bytes of files are held in memory, unless it is said otherwise.
const CACHE_BYTES: usize = 256 << 20;

/// How many bytes the disk cache may have, about, unless it is said otherwise.
const DISK_BYTES: u64 = 4 << 30;

/// Sets up a [`Radpack`]; made by [`Radpack::builder`].
#[must_use = "a builder does nothing until it builds"]
pub struct Builder {
    sources: Vec<Source>,
    hydrated: Vec<String>,
    view: View,
    fetch: FetchOptions,
    watch: WatchOptions,
    integrity: Integrity,
    cache_bytes: usize,
    disk: Option<(PathBuf, u64)>,
    callbacks: Vec<Callback>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Builder {
            sources: Vec::new(),
            hydrated: Vec::new(),
            view: View::default(),
            fetch: FetchOptions::default(),
            watch: WatchOptions::default(),
            integrity: Integrity::default(),
            cache_bytes: CACHE_BYTES,
            disk: None,
            callbacks: Vec::new(),
        }
    }

    /// Registers a source, on top of those before it. [`build`](Self::build) waits for it, and fails with it.
    pub fn register(mut self, source: impl Into<Source>) -> Self {
        self.sources.push(source.into());
        self
    }

    /// Registers a source that may fail: then the others are there without it, and it is tried again in the background.
    pub fn optional(self, source: impl Into<Source>) -> Self {
        self.register(source.into().optional())
    }

    /// A value for `${name}` in ids, in URLs of modules and in URLs of registers.
    pub fn context(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.view.context.insert(name.into(), value.into());
        self
    }

    /// The package that asks, as `name` or `name@spec`: what `~/entry` belongs to.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.view.scope = Some(scope.into());
        self
    }

    /// What may serve where nothing is exact or in range; the same major unless it is said otherwise.
    pub fn fallback(mut self, fallback: Fallback) -> Self {
        self.view.fallback = fallback;
        self
    }

    /// How to fetch.
    pub fn fetch(mut self, options: FetchOptions) -> Self {
        self.fetch = options;
        self
    }

    /// How to watch the registers.
    pub fn watch(mut self, options: WatchOptions) -> Self {
        self.watch = options;
        self
    }

    /// What is asked of modules before anyone sees their bytes; [`Integrity::VerifyIfPresent`] unless it is said otherwise.
    pub fn integrity(mut self, integrity: Integrity) -> Self {
        self.integrity = integrity;
        self
    }

    /// How many bytes of files are held in memory: 256 MiB unless it is said otherwise.
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// Keeps what was fetched in a folder, which is made where it is not there. A start without a network then serves the manifests
    /// and modules that were there last. Processes may share it.
    pub fn disk(self, folder: impl Into<PathBuf>) -> Self {
        let most = self.disk.as_ref().map_or(DISK_BYTES, |(_, most)| *most);
        self.disk_with_bytes(folder, most)
    }

    /// As [`disk`](Self::disk), with the number of bytes at about which the folder is kept: 4 GiB unless it is said otherwise. What was
    /// used longest ago leaves first.
    pub fn disk_with_bytes(mut self, folder: impl Into<PathBuf>, bytes: u64) -> Self {
        self.disk = Some((folder.into(), bytes));
        self
    }

    /// Calls something whenever a snapshot takes the place of another, after it did. Calls come one after another; what takes long
    /// holds up further changes.
    pub fn on_change(mut self, callback: impl Fn(&Change) + Send + Sync + 'static) -> Self {
        self.callbacks.push(Box::new(callback));
        self
    }

    /// Takes over what [`Snapshot::dehydrate`](crate::Snapshot::dehydrate), or Radpack 1.x's `dehydrate()`, gives: scope and context,
    /// unless they are set here, and the manifests, below all that is registered.
    pub fn hydrate(mut self, text: impl Into<String>) -> Self {
        self.hydrated.push(text.into());
        self
    }

    /// Reads all registers, and gives the loader once they are there.
    ///
    /// # Errors
    ///
    /// If a register that is not optional cannot be read, or an option is not what it must be.
    pub async fn build(self) -> Result<Radpack, LoadError> {
        let radpack = self.set_up().await?;
        radpack.stack.read(radpack.stack.entries()).await?;
        radpack.start_watching();
        Ok(radpack)
    }

    /// Gives the loader at once; the registers are read in the background. Until [`Radpack::ready`] says so, ids have no answer.
    ///
    /// # Errors
    ///
    /// If an option is not what it must be.
    pub async fn build_now(self) -> Result<Radpack, LoadError> {
        let radpack = self.set_up().await?;
        radpack.read_in_background(radpack.stack.entries());
        radpack.start_watching();
        Ok(radpack)
    }

    async fn set_up(self) -> Result<Radpack, LoadError> {
        let most_file = self.fetch.manifest_bytes.max(self.fetch.module_bytes);
        let disk = match self.disk {
            Some((folder, bytes)) => Some(Disk::open(folder, bytes, most_file).await?),
            None => None,
        };
        let fetcher = Fetcher::new(self.fetch)?;
        let engine = Arc::new(Engine::new(fetcher, self.integrity, self.cache_bytes, disk));
        let mut view = self.view;
        let mut sources = Vec::new();
        for text in &self.hydrated {
            let hydrated = hydrate::read(text, &engine.limits())?;
            let mut context: BTreeMap<String, String> = hydrated.context;
            context.append(&mut view.context);
            view.context = context;
            view.scope = view.scope.or(hydrated.scope);
            sources.extend(hydrated.manifests.into_iter().map(Source::from));
        }
        sources.extend(self.sources);
        let stack = Stack::new(engine, self.watch, view.context.clone(), self.callbacks)?;
        for source in sources {
            stack.add(source);
        }
        Ok(Radpack::new(stack, view))
    }
}

impl Radpack {
    fn start_watching(&self) {
        if self.stack.watch.in_background {
            watch::start(&self.stack);
        }
    }
}
