//! What all copies of a loader share: connections, files in memory and on disk, fetches under way, graphs that were loaded.

use std::sync::Arc;

use bytes::Bytes;
use radpack_manifest::Limits;

use crate::cache::{Cache, Weigh};
use crate::disk::Disk;
use crate::error::{LoadError, LoadErrorKind};
use crate::fetch::{Answer, Ask, Fetcher, What};
use crate::flight::{Flights, Start};
use crate::graph::GraphId;
use crate::integrity::{Digest, Integrity, Stated, digest, text_of};
use crate::names;
use crate::overrides::Overrides;
use crate::record::Record;
use crate::register::Document;

/// How much memory the records of loaded graphs may take.
const GRAPH_BYTES: usize = 16 << 20;

/// What goes with an entry of a cache beside its own bytes, about.
const OVERHEAD: usize = 256;

/// A file that was verified.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) bytes: Bytes,
    pub(crate) digest: Digest,
    /// The digest as a text.
    pub(crate) integrity: String,
}

impl File {
    /// `digest` is that of the bytes.
    pub(crate) fn new(bytes: Bytes, digest: Digest) -> Self {
        File {
            bytes,
            digest,
            integrity: text_of(&digest),
        }
    }
}

impl Weigh for Arc<File> {
    fn weight(&self) -> usize {
        self.bytes.len() + OVERHEAD
    }
}

impl Weigh for Arc<Record> {
    fn weight(&self) -> usize {
        OVERHEAD + self.size()
    }
}

/// What tells files apart: a URL, and what its manifest states of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FileKey {
    pub(crate) url: Arc<str>,
    pub(crate) integrity: Option<Arc<str>>,
}

/// A file that is wanted.
#[derive(Clone, Debug)]
pub(crate) struct Want {
    pub(crate) key: FileKey,
    /// The URL and its mirrors.
    pub(crate) urls: Vec<String>,
    /// What its bytes are held to.
    pub(crate) stated: Option<Stated>,
}

impl Want {
    /// The same file, told apart by what it is held to.
    pub(crate) fn held_to(&self, stated: &Stated) -> Self {
        let mut want = self.clone();
        want.key.integrity = stated.digest().map(|digest| Arc::from(text_of(&digest)));
        want
    }
}

pub(crate) struct Engine {
    pub(crate) fetcher: Fetcher,
    pub(crate) integrity: Integrity,
    pub(crate) overrides: Overrides,
    disk: Option<Disk>,
    files: Cache<FileKey, Arc<File>>,
    flights: Flights<FileKey, Result<Arc<File>, LoadError>>,
    graphs: Cache<GraphId, Arc<Record>>,
}

impl Engine {
    pub(crate) fn new(
        fetcher: Fetcher,
        integrity: Integrity,
        cache_bytes: usize,
        disk: Option<Disk>,
    ) -> Self {
        Engine {
            fetcher,
            integrity,
            overrides: Overrides::default(),
            disk,
            files: Cache::new(cache_bytes),
            flights: Flights::new(),
            graphs: Cache::new(GRAPH_BYTES),
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            bytes: self.fetcher.options().manifest_bytes,
            ..Limits::default()
        }
    }

    /// A file that is in memory.
    pub(crate) fn cached(&self, key: &FileKey) -> Option<Arc<File>> {
        self.files.get(key)
    }

    /// How many bytes of files are in memory, and how many fetches of files are under way.
    pub(crate) fn load(&self) -> (usize, usize) {
        (self.files.weight(), self.flights.len())
    }

    /// A file: from memory, from disk, or fetched; verified in any case. Whoever wants it meanwhile gets the same one.
    pub(crate) async fn file(self: &Arc<Self>, want: &Want) -> Result<Arc<File>, LoadError> {
        let start = || match self.cached(&want.key) {
            Some(file) => {
                names::file_from("memory");
                Start::Ready(Ok(file))
            }
            None => {
                let (engine, want) = (Arc::clone(self), want.clone());
                Start::Work(async move { engine.get(&want).await })
            }
        };
        if let Start::Ready(file) = start() {
            return file;
        }
        let (file, joined) = self.flights.run(want.key.clone(), start).await;
        if joined {
            names::file_from("flight");
        }
        file.unwrap_or_else(|| Err(LoadError::interrupted()))
    }

    /// The work for one file that is not in memory.
    async fn get(&self, want: &Want) -> Result<Arc<File>, LoadError> {
        let known = want.stated.as_ref().and_then(Stated::digest);
        let stored = match &self.disk {
            Some(disk) => disk.file(known, &want.key.url).await,
            None => None,
        };
        let sound = stored.filter(|file| match &want.stated {
            // Bytes that were stored under another statement.
            Some(stated) => stated
                .verify(&file.bytes, &file.digest, &want.key.url)
                .is_ok(),
            None => true,
        });
        let file = match sound {
            Some(file) => {
                names::file_from("disk");
                Arc::new(file)
            }
            None => {
                let file = Arc::new(self.fetch(want).await?);
                names::file_from("network");
                if let Some(disk) = &self.disk
                    && !want.key.url.starts_with("file:")
                {
                    let url = known.is_none().then(|| want.key.url.clone());
                    disk.store_file(Arc::clone(&file), url).await;
                    self.tidy(disk).await;
                }
                file
            }
        };
        let (held, evicted) = self.files.put(want.key.clone(), Arc::clone(&file));
        names::cache_holds(held);
        names::evicted(evicted);
        Ok(file)
    }

    async fn fetch(&self, want: &Want) -> Result<File, LoadError> {
        let ask = Ask {
            what: What::Module,
            urls: &want.urls,
            validators: None,
        };
        let check = |bytes: &Bytes, url: &str| match &want.stated {
            Some(stated) => stated.verify(bytes, &digest(bytes), url),
            None => Ok(()),
        };
        match self.fetcher.fetch(&ask, check).await? {
            Answer::Bytes(bytes, _) => {
                let digest = digest(&bytes);
                Ok(File::new(bytes, digest))
            }
            // Nothing was asked that this could answer.
            Answer::NotModified => Err(LoadError::new(
                LoadErrorKind::Fetch,
                format!("{} was answered as not modified", want.key.url),
            )),
        }
    }

    /// Whether a graph is remembered, in memory.
    pub(crate) fn knows(&self, id: &GraphId) -> bool {
        self.graphs.get(id).is_some()
    }

    /// Remembers a graph that was loaded.
    pub(crate) async fn remember(&self, id: GraphId, record: Record) {
        let record = Arc::new(record);
        self.graphs.put(id, Arc::clone(&record));
        if let Some(disk) = &self.disk {
            disk.store_graph(id, record).await;
        }
    }

    /// A graph that was loaded once, by this process or another one that shares the disk cache.
    pub(crate) async fn remembered(&self, id: GraphId) -> Option<Arc<Record>> {
        if let Some(record) = self.graphs.get(&id) {
            return Some(record);
        }
        let record = Arc::new(self.disk.as_ref()?.graph(id).await?);
        self.graphs.put(id, Arc::clone(&record));
        Some(record)
    }

    pub(crate) fn has_disk(&self) -> bool {
        self.disk.is_some()
    }

    /// A manifest as it was stored last.
    pub(crate) async fn stored_document(&self, url: &str) -> Option<Arc<Document>> {
        let disk = self.disk.as_ref()?;
        disk.document(url).await.map(Arc::new)
    }

    /// Notes that a manifest still is the one that was stored.
    pub(crate) async fn keep_document(&self, url: &str, document: &Arc<Document>) {
        if let Some(disk) = &self.disk
            && !disk.keep_document(url).await
        {
            disk.store_document(url, Arc::clone(document)).await;
        }
    }

    /// Stores a manifest, if it came over the network.
    pub(crate) async fn store_document(&self, url: &str, document: &Arc<Document>) {
        if let Some(disk) = &self.disk
            && !url.starts_with("file:")
        {
            disk.store_document(url, Arc::clone(document)).await;
            self.tidy(disk).await;
        }
    }

    /// Brings the disk within its bounds, if much was written.
    async fn tidy(&self, disk: &Disk) {
        if disk.has_grown() {
            let files = self.files.all().into_iter();
            let graphs = self.graphs.all().into_iter();
            let files = files.map(|(_, file)| file.digest).collect();
            disk.tidy(files, graphs.map(|(id, _)| id).collect()).await;
        }
    }
}
