//! The objects of a registry, wherever they lie: read, listed, and written if absent.
//!
//! Nothing is ever overwritten, so these few operations are all that the registry asks of a store. Whether a store keeps its word
//! on the last of them, [`probe`](crate::probe) finds out.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path as FilePath;
use std::sync::Arc;

use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{Error, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions};
use url::Url;

/// Where a registry's objects lie. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    location: Arc<str>,
    settled: bool,
}

/// Why a store could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[error("{action} {name} in {location}")]
pub struct StoreError {
    kind: StoreErrorKind,
    action: &'static str,
    name: String,
    location: Arc<str>,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// What can be done about a [`StoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The address of the store is none, or of a kind that is not known here.
    Address,
    /// Whoever asks may not.
    Denied,
    /// The store cannot do what a registry needs.
    Unsupported,
    /// It did not happen, and asking again may help: the disk is full, a folder cannot be written.
    Failed,
    /// It may have happened: the answer was lost, or was none.
    Unclear,
}

/// What became of a write of something new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// It was written.
    Written,
    /// There is something of this name.
    Taken,
}

impl Store {
    /// The store at an address: the path of a folder, which is made if it is not there, or a `file://` URL of one; `memory://`
    /// for one that ends with the process; and the URLs that `object_store` knows in this build.
    ///
    /// ```
    /// use radpack_registry::Store;
    ///
    /// let store = Store::open("memory://")?;
    /// assert_eq!(store.location(), "memory://");
    /// assert!(Store::open("gopher://host/x").is_err());
    /// # Ok::<(), radpack_registry::StoreError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the address is none, or the folder cannot be made.
    pub fn open(address: &str) -> Result<Store, StoreError> {
        // A Windows path begins with a letter and a colon; schemes are longer.
        let url = Url::parse(address)
            .ok()
            .filter(|url| url.scheme().len() > 1);
        let Some(url) = url else {
            return Store::folder(FilePath::new(address));
        };
        let failed = |kind, source| StoreError::new(kind, "open", "the store", address, source);
        match url.scheme() {
            "memory" => Ok(Store::in_memory()),
            "file" => match url.to_file_path() {
                Ok(path) => Store::folder(&path),
                Err(()) => Err(failed(
                    StoreErrorKind::Address,
                    "it is no path of this machine".into(),
                )),
            },
            _ => {
                // Credentials and the like, as each provider's own tools read them.
                let settings = std::env::vars().filter_map(|(name, value)| {
                    let name = name.to_ascii_lowercase();
                    ["aws_", "azure_", "google_"]
                        .iter()
                        .any(|prefix| name.starts_with(prefix))
                        .then_some((name, value))
                });
                let (objects, prefix) = object_store::parse_url_opts(&url, settings)
                    .map_err(|error| failed(StoreErrorKind::Address, error.into()))?;
                Ok(Store::new(PrefixStore::new(objects, prefix), address))
            }
        }
    }

    /// A store in a folder of this machine. What it says is written is synced, the folders included.
    ///
    /// # Errors
    ///
    /// If the folder cannot be made or opened.
    pub fn folder(folder: &FilePath) -> Result<Store, StoreError> {
        let location = folder.display().to_string();
        let failed = |source| {
            StoreError::new(
                StoreErrorKind::Failed,
                "open",
                "the folder",
                &location,
                source,
            )
        };
        make_durably(folder).map_err(|error| failed(error.into()))?;
        let objects =
            LocalFileSystem::new_with_prefix(folder).map_err(|error| failed(error.into()))?;
        Ok(Store {
            settled: true,
            ..Store::new(objects.with_fsync(true), &location)
        })
    }

    /// A store that ends with its last clone.
    #[must_use]
    pub fn in_memory() -> Store {
        Store {
            settled: true,
            ..Store::new(InMemory::new(), "memory://")
        }
    }

    /// A store of any other kind. `location` names it in messages.
    #[must_use]
    pub fn new(objects: impl ObjectStore, location: &str) -> Store {
        Store {
            objects: Arc::new(objects),
            location: location.into(),
            settled: false,
        }
    }

    /// Where it is, for messages.
    #[must_use]
    pub fn location(&self) -> &str {
        &self.location
    }

    /// Whether an operation that failed is over: nothing of it can take effect later, as it can where a network lies between.
    pub(crate) fn is_settled(&self) -> bool {
        self.settled
    }

    /// Writes an object if there is none of this name.
    pub(crate) async fn put_new(&self, name: &str, contents: Bytes) -> Result<Put, StoreError> {
        let options = PutOptions::from(PutMode::Create);
        match self
            .objects
            .put_opts(&Path::from(name), contents.into(), options)
            .await
        {
            Ok(_) => Ok(Put::Written),
            // Of a request that was sent again, the first may have done it: whoever asks looks what is there.
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(Put::Taken),
            Err(error) => Err(self.failed("write", name, error)),
        }
    }

    /// Reads an object, if there is one of this name.
    pub(crate) async fn get(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        let read = async { self.objects.get(&Path::from(name)).await?.bytes().await };
        match read.await {
            Ok(contents) => Ok(Some(contents)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("read", name, error)),
        }
    }

    /// Whether there is an object of this name.
    pub(crate) async fn has(&self, name: &str) -> Result<bool, StoreError> {
        match self.objects.head(&Path::from(name)).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(self.failed("look for", name, error)),
        }
    }

    /// The names of the folders in a folder, in order.
    pub(crate) async fn folders(&self, name: &str) -> Result<Vec<String>, StoreError> {
        let listed = self
            .objects
            .list_with_delimiter(Some(&Path::from(name)))
            .await;
        match listed {
            Ok(listed) => {
                let mut names: Vec<String> = listed
                    .common_prefixes
                    .iter()
                    .filter_map(|path| path.filename().map(str::to_owned))
                    .collect();
                names.sort();
                Ok(names)
            }
            Err(Error::NotFound { .. }) => Ok(Vec::new()),
            Err(error) => Err(self.failed("list", name, error)),
        }
    }

    /// Deletes an object; one that is not there is deleted already.
    pub(crate) async fn delete(&self, name: &str) -> Result<(), StoreError> {
        match self.objects.delete(&Path::from(name)).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("delete", name, error)),
        }
    }

    /// The answer to a write that has not come.
    pub(crate) fn timed_out(&self) -> StoreError {
        let source = "there was no answer in time".into();
        StoreError::new(
            StoreErrorKind::Unclear,
            "write",
            "an event",
            &self.location,
            source,
        )
    }

    fn failed(&self, action: &'static str, name: &str, error: Error) -> StoreError {
        let kind = match &error {
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
                StoreErrorKind::Denied
            }
            Error::NotSupported { .. } | Error::NotImplemented { .. } => {
                StoreErrorKind::Unsupported
            }
            Error::InvalidPath { .. } | Error::UnknownConfigurationKey { .. } => {
                StoreErrorKind::Address
            }
            _ if self.settled => StoreErrorKind::Failed,
            _ => StoreErrorKind::Unclear,
        };
        StoreError::new(kind, action, name, &self.location, error.into())
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Store")
            .field(&self.location)
            .finish()
    }
}

impl StoreError {
    fn new(
        kind: StoreErrorKind,
        action: &'static str,
        name: &str,
        location: &str,
        source: Box<dyn std::error::Error + Send + Sync>,
    ) -> StoreError {
        StoreError {
            kind,
            action,
            name: name.to_owned(),
            location: location.into(),
            source,
        }
    }

    /// A file of this machine that was to be stored could not be read.
    pub(crate) fn local(
        name: &str,
        source: Box<dyn std::error::Error + Send + Sync>,
    ) -> StoreError {
        StoreError::new(
            StoreErrorKind::Failed,
            "read what is to be",
            name,
            "the store",
            source,
        )
    }

    /// What can be done about it.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

/// Makes a folder and those around it, and syncs the ones that then have a new name in them.
fn make_durably(folder: &FilePath) -> io::Result<()> {
    let missing: Vec<&FilePath> = folder
        .ancestors()
        .take_while(|folder| !folder.as_os_str().is_empty() && !folder.is_dir())
        .collect();
    for folder in missing.into_iter().rev() {
        match fs::create_dir(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let parent = folder
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        // Only Unix lets folders be synced, or needs it.
        if cfg!(unix) {
            fs::File::open(parent.unwrap_or(FilePath::new(".")))?.sync_all()?;
        }
    }
    Ok(())
}
