//! The objects of a registry, wherever they lie: read, listed, and written if absent.
//!
//! Nothing is ever overwritten, so these few operations are all that the registry asks of a store. Whether a store keeps its word
//! on the last of them, [`probe`](crate::probe) finds out.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{Error, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions};
use tokio::time::timeout;
use url::Url;

use crate::cloud;

/// How long a store elsewhere may take to answer. The client's own attempts are over by then, unless one hangs.
const PATIENCE: Duration = Duration::from_secs(15);

/// How many bytes a second are sent or received at least, when there are many.
const SLOWEST: u64 = 64 * 1024;

/// Where a registry's objects lie. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    location: Arc<str>,
    settled: bool,
    /// Where its objects are files, the folder that they lie in.
    folder: Option<Arc<FilePath>>,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Put {
    /// It was written.
    Written,
    /// There is something of this name.
    Taken,
}

/// An object that is there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// How many bytes it has.
    pub size: u64,
    /// When it was written, by the clock of the store.
    pub written: Timestamp,
}

impl Store {
    /// The store at an address: the path of a folder, which is made if it is not there, or a `file://` URL of one; `memory://`
    /// for one that ends with the process; `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`, if this build has
    /// the feature `aws`, `gcp` or `azure`. Credentials, endpoints and the like are read from the environment, from the variables
    /// that each provider's own tools read.
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
    /// If the address is none, the folder cannot be made, or the settings cannot be. Whether a store elsewhere can be reached
    /// shows when it is used.
    pub fn open(address: &str) -> Result<Store, StoreError> {
        let is_text = |(name, value): (OsString, OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Store::open_with(address, std::env::vars_os().filter_map(is_text))
    }

    /// The folder of this machine that an address names, whether it is there or not; `None` for any other store.
    ///
    /// ```
    /// use radpack_registry::Store;
    ///
    /// assert_eq!(Store::folder_of("a/store"), Some("a/store".into()));
    /// assert_eq!(Store::folder_of("memory://"), None);
    /// ```
    #[must_use]
    pub fn folder_of(address: &str) -> Option<PathBuf> {
        match url_of(address) {
            None => Some(PathBuf::from(address)),
            Some(url) if url.scheme() == "file" => url.to_file_path().ok(),
            Some(_) => None,
        }
    }

    /// As [`open`](Store::open), with the variables given instead of the environment's.
    ///
    /// # Errors
    ///
    /// As [`open`](Store::open).
    pub fn open_with(
        address: &str,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Store, StoreError> {
        let Some(url) = url_of(address) else {
            return Store::folder(FilePath::new(address));
        };
        let failed = |address: &str, source| {
            StoreError::new(
                StoreErrorKind::Address,
                "open",
                "the store",
                address,
                source,
            )
        };
        // Addresses are shown. A container of Azure's stands where others have a name.
        let is_named = !url.username().is_empty() && !url.scheme().starts_with("abfs");
        if is_named || url.password().is_some() {
            let shown = format!("{}://…", url.scheme());
            let why = "the address holds a name or password: variables of the environment hold credentials";
            return Err(failed(&shown, why.into()));
        }
        match url.scheme() {
            "memory" => Ok(Store::in_memory()),
            "file" => match url.to_file_path() {
                Ok(path) => Store::folder(&path),
                Err(()) => Err(failed(address, "it is no path of this machine".into())),
            },
            _ => {
                let (objects, prefix) =
                    cloud::open(&url, variables).map_err(|source| failed(address, source))?;
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
            folder: Some(folder.into()),
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
            folder: None,
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
    ///
    /// ```
    /// use radpack_registry::{Put, Store};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), radpack_registry::StoreError> {
    /// let store = Store::in_memory();
    /// assert_eq!(store.put_new("a/b", "first".into()).await?, Put::Written);
    /// assert_eq!(store.put_new("a/b", "second".into()).await?, Put::Taken);
    /// assert_eq!(store.get("a/b").await?, Some("first".into()));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the store fails, or its answer is lost: then the object may be there, or come to be there later.
    pub async fn put_new(&self, name: &str, contents: Bytes) -> Result<Put, StoreError> {
        let path = Path::from(name);
        let size = contents.len() as u64;
        let options = PutOptions::from(PutMode::Create);
        let put = self.objects.put_opts(&path, contents.into(), options);
        match self.within(size, put).await {
            Ok(_) => Ok(Put::Written),
            // Of a request that was sent again, the first may have done it: whoever asks looks what is there.
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(Put::Taken),
            Err(error) => Err(self.failed("write", name, error)),
        }
    }

    /// Reads an object, if there is one of this name.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub async fn get(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        let path = Path::from(name);
        let read = async {
            let found = self.within(0, self.objects.get(&path)).await?;
            self.within(found.meta.size, found.bytes()).await
        };
        match read.await {
            Ok(contents) => Ok(Some(contents)),
            Err(error @ Error::NotFound { .. }) if cloud::kind(&error).is_none() => Ok(None),
            Err(error) => Err(self.failed("read", name, error)),
        }
    }

    /// Reads an object piece by piece, if there is one of this name: how many bytes it has, and they, which end with an error where the
    /// store fails.
    ///
    /// ```
    /// use futures_util::TryStreamExt as _;
    /// use radpack_registry::Store;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), radpack_registry::StoreError> {
    /// let store = Store::in_memory();
    /// store.put_new("a/b", "contents".into()).await?;
    /// let Some((size, pieces)) = store.stream("a/b").await? else { panic!("it was put there") };
    /// let pieces: Vec<_> = pieces.try_collect().await?;
    /// assert_eq!((size, pieces.concat()), (8, b"contents".to_vec()));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the store fails before the first of them.
    pub async fn stream(
        &self,
        name: &str,
    ) -> Result<Option<(u64, impl Stream<Item = Result<Bytes, StoreError>> + use<>)>, StoreError>
    {
        let path = Path::from(name);
        let found = match self.within(0, self.objects.get(&path)).await {
            Ok(found) => found,
            Err(error @ Error::NotFound { .. }) if cloud::kind(&error).is_none() => {
                return Ok(None);
            }
            Err(error) => return Err(self.failed("read", name, error)),
        };
        let size = found.meta.size;
        let reading = (self.clone(), name.to_owned(), found.into_stream());
        let pieces = stream::try_unfold(reading, |(store, name, mut pieces)| async move {
            match store.within(0, pieces.try_next()).await {
                Ok(piece) => Ok(piece.map(|piece| (piece, (store, name, pieces)))),
                Err(error) => Err(store.failed("read", &name, error)),
            }
        });
        Ok(Some((size, pieces)))
    }

    /// Reads some objects, at once where that is faster, up to the first that is not there or cannot be read. Also says whether that is
    /// how it ended: with one that is not there.
    pub(crate) async fn get_run(
        &self,
        names: Vec<String>,
    ) -> (Vec<Bytes>, Result<bool, StoreError>) {
        if let Some(folder) = &self.folder {
            // As many turns as there are files would take longer than reading them.
            let folder = Arc::clone(folder);
            let read = tokio::task::spawn_blocking(move || read_run(&folder, &names)).await;
            let (run, end) =
                read.unwrap_or_else(|error| (Vec::new(), Err((String::new(), error.into()))));
            let end = end.map_err(|(name, error)| {
                let kind = match error.kind() {
                    io::ErrorKind::PermissionDenied => StoreErrorKind::Denied,
                    _ => StoreErrorKind::Failed,
                };
                StoreError::new(kind, "read", &name, &self.location, error.into())
            });
            return (run, end);
        }
        let at_once = names.len().max(1);
        let reads = stream::iter(names).map(|name| async move { self.get(&name).await });
        let mut reads = reads.buffered(at_once);
        let mut run = Vec::new();
        while let Some(contents) = reads.next().await {
            match contents {
                Ok(Some(contents)) => run.push(contents),
                Ok(None) => return (run, Ok(true)),
                Err(error) => return (run, Err(error)),
            }
        }
        (run, Ok(false))
    }

    /// Whether there is an object of this name.
    pub(crate) async fn has(&self, name: &str) -> Result<bool, StoreError> {
        let path = Path::from(name);
        match self.within(0, self.objects.head(&path)).await {
            Ok(_) => Ok(true),
            Err(error @ Error::NotFound { .. }) if cloud::kind(&error).is_none() => Ok(false),
            Err(error) => Err(self.failed("look for", name, error)),
        }
    }

    /// The names of the folders in a folder, in order.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub async fn folders(&self, name: &str) -> Result<Vec<String>, StoreError> {
        let path = Path::from(name);
        let listed = self.objects.list_with_delimiter(Some(&path));
        match self.within(0, listed).await {
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
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub async fn delete(&self, name: &str) -> Result<(), StoreError> {
        let path = Path::from(name);
        match self.within(0, self.objects.delete(&path)).await {
            Ok(()) => Ok(()),
            Err(error @ Error::NotFound { .. }) if cloud::kind(&error).is_none() => Ok(()),
            Err(error) => Err(self.failed("delete", name, error)),
        }
    }

    /// The objects in a folder and those below it, in the order of their names. What is being written is not among them.
    ///
    /// ```
    /// use radpack_registry::Store;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), radpack_registry::StoreError> {
    /// let store = Store::in_memory();
    /// store.put_new("a/b", "contents".into()).await?;
    /// store.put_new("ab/c", "contents".into()).await?;
    /// let listed = store.list("a").await?;
    /// assert_eq!((listed.len(), listed[0].name.as_str(), listed[0].size), (1, "a/b", 8));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub async fn list(&self, folder: &str) -> Result<Vec<Listed>, StoreError> {
        let failed = |error| self.failed("list", folder, error);
        let mut objects = self.objects.list(Some(&Path::from(folder)));
        let mut listed = Vec::new();
        while let Some(object) = self.within(0, objects.try_next()).await.map_err(failed)? {
            listed.push(Listed {
                name: object.location.into(),
                size: object.size,
                written: Timestamp::from_millisecond(object.last_modified.timestamp_millis())
                    .unwrap_or_default(),
            });
        }
        listed.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(listed)
    }

    /// Waits for a store that lies elsewhere no longer than its answer can take, which carries so many bytes.
    async fn within<T>(
        &self,
        bytes: u64,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        if self.settled {
            return answer.await;
        }
        let patience = PATIENCE + Duration::from_secs(bytes / SLOWEST);
        timeout(patience, answer).await.unwrap_or_else(|_| {
            Err(Error::Generic {
                store: "object store",
                source: format!("there was no answer in {} s", patience.as_secs()).into(),
            })
        })
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
            error if let Some(kind) = cloud::kind(error) => kind,
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
        let source = if self.settled {
            error.into()
        } else {
            cloud::cause(&error)
        };
        StoreError::new(kind, action, name, &self.location, source)
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

/// The URL that an address is, unless it is a path. A Windows path begins with a letter and a colon; schemes are longer.
fn url_of(address: &str) -> Option<Url> {
    Url::parse(address)
        .ok()
        .filter(|url| url.scheme().len() > 1)
}

/// Reads files up to the first that is not there, or cannot be read; says which.
fn read_run(
    folder: &FilePath,
    names: &[String],
) -> (Vec<Bytes>, Result<bool, (String, io::Error)>) {
    let mut run = Vec::with_capacity(names.len());
    for name in names {
        match fs::read(folder.join(name)) {
            Ok(contents) => run.push(contents.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return (run, Ok(true)),
            Err(error) => return (run, Err((name.clone(), error))),
        }
    }
    (run, Ok(false))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn names(listed: &[Listed]) -> Vec<&str> {
        listed.iter().map(|object| object.name.as_str()).collect()
    }

    /// What a write that was cut off leaves in a folder is no object.
    #[tokio::test]
    async fn what_is_left_of_a_write_is_not_listed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::folder(folder.path()).unwrap();
        assert_eq!(store.list("a").await.unwrap(), []);
        store.put_new("a/b/1", "one".into()).await.unwrap();
        store.put_new("a/2", "two!".into()).await.unwrap();
        fs::write(folder.path().join("a/b/3#1"), "cut o").unwrap();
        let listed = store.list("a").await.unwrap();
        assert_eq!(names(&listed), ["a/2", "a/b/1"]);
        assert_eq!(listed[0].size, 4);
        let now = Timestamp::now();
        assert!(listed[0].written <= now && now.as_second() - listed[0].written.as_second() < 600);
    }

    #[test]
    fn an_address_is_a_folder_or_a_url_of_a_known_kind() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("x/y");
        assert!(Store::open(place.to_str().unwrap()).unwrap().is_settled());
        let url = Url::from_file_path(&place).unwrap();
        assert!(Store::open(url.as_str()).unwrap().is_settled());
        for address in [
            "file://host/x",
            "gopher://host/x",
            "https://host/x",
            "s3:///x",
        ] {
            let error = Store::open(address).unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Address, "{error}");
            assert_eq!(error.to_string(), format!("open the store in {address}"));
            assert!(std::error::Error::source(&error).is_some());
        }
    }

    #[cfg(not(feature = "aws"))]
    #[test]
    fn what_this_build_lacks_is_told() {
        let error = Store::open("s3://bucket/prefix").unwrap_err();
        assert_eq!(
            std::error::Error::source(&error).unwrap().to_string(),
            "this build knows no s3:// stores: build radpack-registry with its feature `aws`"
        );
    }

    /// A store that never answers.
    #[tokio::test(start_paused = true)]
    async fn silence_is_an_unclear_answer() {
        let store = Store::new(InMemory::new(), "a silent store");
        let silent = std::future::pending::<Result<(), Error>>();
        let error = store.within(2 * SLOWEST, silent).await.unwrap_err();
        let error = store.failed("write", "x", error);
        assert_eq!(error.kind(), StoreErrorKind::Unclear);
        assert_eq!(
            std::error::Error::source(&error).unwrap().to_string(),
            "Generic object store error: there was no answer in 17 s"
        );
    }
}
