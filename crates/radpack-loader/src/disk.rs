//! Files, manifests and graphs on disk, so that a cold start without a network has what was there last.
//!
//! Files lie under the SHA-384 of their bytes, and are held to it when they are read: a damaged one is removed, and as good as not
//! there. Everything is written aside and renamed into place, so processes can share a folder and never see half of a file. Nothing is
//! ever waited for: what cannot be written is an event, not an error.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::engine::File;
use crate::error::{LoadError, LoadErrorKind};
use crate::fetch::Validators;
use crate::graph::GraphId;
use crate::integrity::{Digest, Stated, digest, text_of};
use crate::names;
use crate::record::Record;
use crate::register::Document;
use crate::work::blocking;

/// A folder with what was fetched.
///
/// Below it: `files/` (by hash), `urls/` (hashes of files whose manifest states none), `manifests/`, `graphs/`.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    folder: Arc<PathBuf>,
    /// The largest file that is read: what is larger cannot have been stored by this.
    most: u64,
    /// How many bytes it may have, about.
    most_bytes: u64,
    /// How many bytes were written since somebody looked at how many there are.
    written: Arc<AtomicU64>,
}

/// The folders in it.
const PARTS: [&str; 4] = ["files", "urls", "manifests", "graphs"];

/// What begins the name of a file that is being written.
const UNFINISHED: &str = ".new-";

/// After how long nobody comes back to finish a file.
const GIVEN_UP: Duration = Duration::from_secs(3_600);

/// What is stored of a manifest: where its bytes are, and how to ask whether they still are the ones.
#[derive(Serialize, Deserialize)]
struct StoredDocument {
    url: String,
    digest: String,
    validated_by: String,
    etag: Option<String>,
    last_modified: Option<String>,
}

/// What is stored of a URL whose manifest states no integrity.
#[derive(Serialize, Deserialize)]
struct StoredUrl {
    url: String,
    digest: String,
}

impl Disk {
    /// Opens a folder, which is made where it is not there, and removes what was used longest ago, down to `most_bytes`.
    pub(crate) async fn open(
        folder: PathBuf,
        most_bytes: u64,
        most_file: usize,
    ) -> Result<Self, LoadError> {
        let path = folder.clone();
        let opened = blocking(move || {
            for part in PARTS {
                fs::create_dir_all(path.join(part))?;
            }
            prune(&path, most_bytes);
            Ok::<_, io::Error>(())
        });
        opened.await?.map_err(|error| {
            let message = format!("cannot use {} as the disk cache", folder.display());
            LoadError::new(LoadErrorKind::Setup, message).because(error)
        })?;
        Ok(Disk {
            folder: Arc::new(folder),
            most: most_file as u64,
            most_bytes,
            written: Arc::default(),
        })
    }

    /// Whether so much was written that it is time to [`tidy`](Self::tidy).
    pub(crate) fn has_grown(&self) -> bool {
        self.written.load(Ordering::Relaxed) > self.most_bytes / 8
    }

    /// Removes what was used longest ago, as opening does. What is in memory counts as used now, though nobody asks the disk for it.
    pub(crate) async fn tidy(&self, files: Vec<Digest>, graphs: Vec<GraphId>) {
        self.written.store(0, Ordering::Relaxed);
        let disk = self.clone();
        let tidy = move || {
            for file in &files {
                touch(&disk.of_digest(file));
            }
            for graph in graphs {
                touch(&disk.of_graph(graph));
            }
            prune(&disk.folder, disk.most_bytes);
        };
        let _ = blocking(tidy).await;
    }

    /// A file by its digest, or by its URL.
    pub(crate) async fn file(&self, known: Option<Digest>, url: &Arc<str>) -> Option<File> {
        let (disk, url) = (self.clone(), Arc::clone(url));
        let read = move || {
            let digest = match known {
                Some(digest) => digest,
                None => {
                    let stored: StoredUrl = disk.json(&disk.of_url("urls", &url))?;
                    (*stored.url == *url).then_some(())?;
                    Stated::parse(&stored.digest)?.digest()?
                }
            };
            let bytes = disk.bytes(&digest)?;
            Some(File::new(bytes, digest))
        };
        blocking(read).await.ok()?
    }

    /// Stores a file; under its URL, too, where that is how it will be asked for.
    pub(crate) async fn store_file(&self, file: Arc<File>, url: Option<Arc<str>>) {
        let disk = self.clone();
        let store = move || {
            disk.write(&disk.of_digest(&file.digest), &file.bytes);
            if let Some(url) = url {
                let digest = file.integrity.clone();
                let path = disk.of_url("urls", &url);
                disk.write_json(
                    &path,
                    &StoredUrl {
                        url: url.to_string(),
                        digest,
                    },
                );
            }
        };
        // Only a runtime that goes away hinders it.
        let _ = blocking(store).await;
    }

    /// A manifest, as it was stored last.
    pub(crate) async fn document(&self, url: &str) -> Option<Document> {
        let (disk, url) = (self.clone(), url.to_owned());
        let read = move || {
            let stored: StoredDocument = disk.json(&disk.of_url("manifests", &url))?;
            (stored.url == url).then_some(())?;
            let bytes = disk.bytes(&Stated::parse(&stored.digest)?.digest()?)?;
            let validators = Validators {
                url: stored.validated_by,
                etag: stored.etag,
                last_modified: stored.last_modified,
            };
            Some(Document { bytes, validators })
        };
        blocking(read).await.ok()?
    }

    /// Stores a manifest.
    pub(crate) async fn store_document(&self, url: &str, document: Arc<Document>) {
        let (disk, url) = (self.clone(), url.to_owned());
        let store = move || {
            let digest = digest(&document.bytes);
            disk.write(&disk.of_digest(&digest), &document.bytes);
            let path = disk.of_url("manifests", &url);
            let validators = document.validators.clone();
            let stored = StoredDocument {
                url,
                digest: text_of(&digest),
                validated_by: validators.url,
                etag: validators.etag,
                last_modified: validators.last_modified,
            };
            disk.write_json(&path, &stored);
        };
        let _ = blocking(store).await;
    }

    /// Notes that a manifest still is as it was stored; says whether it is there.
    pub(crate) async fn keep_document(&self, url: &str) -> bool {
        let (disk, url) = (self.clone(), url.to_owned());
        let keep = move || {
            // Reading it is using it.
            let stored: StoredDocument = disk.json(&disk.of_url("manifests", &url))?;
            let digest = Stated::parse(&stored.digest)?.digest()?;
            (stored.url == url && touch(&disk.of_digest(&digest))).then_some(())
        };
        blocking(keep).await.is_ok_and(|kept| kept.is_some())
    }

    /// A graph that was loaded once.
    pub(crate) async fn graph(&self, id: GraphId) -> Option<Record> {
        let disk = self.clone();
        let read = move || {
            let path = disk.of_graph(id);
            let record: Record = disk.json(&path)?;
            if record.is_sound(id) {
                return Some(record);
            }
            disk.drop_damaged(&path);
            None
        };
        blocking(read).await.ok()?
    }

    /// Stores a graph.
    pub(crate) async fn store_graph(&self, id: GraphId, record: Arc<Record>) {
        let disk = self.clone();
        let store = move || disk.write_json(&disk.of_graph(id), &*record);
        let _ = blocking(store).await;
    }

    fn of_digest(&self, digest: &Digest) -> PathBuf {
        let name = hexadecimal(digest);
        // 256 folders, so that none holds very many.
        self.folder.join("files").join(&name[..2]).join(name)
    }

    fn of_url(&self, part: &str, url: &str) -> PathBuf {
        self.folder
            .join(part)
            .join(hexadecimal(&Sha256::digest(url.as_bytes())))
    }

    fn of_graph(&self, id: GraphId) -> PathBuf {
        self.folder.join("graphs").join(id.to_string())
    }

    /// The bytes of a digest, if they are there and have it.
    fn bytes(&self, wanted: &Digest) -> Option<Bytes> {
        let path = self.of_digest(wanted);
        let bytes = self.read(&path)?;
        if digest(&bytes) != *wanted {
            self.drop_damaged(&path);
            return None;
        }
        Some(bytes.into())
    }

    fn json<T: for<'de> Deserialize<'de>>(&self, path: &Path) -> Option<T> {
        let bytes = self.read(path)?;
        let value = serde_json::from_slice(&bytes).ok();
        if value.is_none() {
            self.drop_damaged(path);
        }
        value
    }

    fn read(&self, path: &Path) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = fs::File::open(path).ok()?;
        file.take(self.most.saturating_add(1))
            .read_to_end(&mut bytes)
            .ok()?;
        touch(path);
        (bytes.len() as u64 <= self.most).then_some(bytes)
    }

    fn drop_damaged(&self, path: &Path) {
        names::disk_damaged(path);
        // Someone else may have done it, or written it anew meanwhile; either will do.
        let _ = fs::remove_file(path);
    }

    fn write_json(&self, path: &Path, value: &impl Serialize) {
        match serde_json::to_vec(value) {
            Ok(bytes) => self.write(path, &bytes),
            Err(error) => names::disk_failed(path, &error.into()),
        }
    }

    /// Writes aside and renames. No sync: what a crash of the machine leaves behind is damaged at worst, and found to be.
    fn write(&self, path: &Path, bytes: &[u8]) {
        let write = || -> io::Result<()> {
            let folder = path.parent().unwrap_or(&self.folder);
            fs::create_dir_all(folder)?;
            let mut file = tempfile::Builder::new()
                .prefix(UNFINISHED)
                .tempfile_in(folder)?;
            file.write_all(bytes)?;
            file.persist(path)?;
            self.written
                .fetch_add(bytes.len() as u64, Ordering::Relaxed);
            Ok(())
        };
        if let Err(error) = write() {
            names::disk_failed(path, &error);
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Notes that a file was used: what is, stays longest. Where that cannot be noted, it only leaves earlier. Says whether it is there.
fn touch(path: &Path) -> bool {
    let file = fs::File::options().append(true).open(path);
    file.and_then(|file| file.set_modified(SystemTime::now()))
        .is_ok()
}

/// Removes the files used longest ago until the others have at most so many bytes, and those that were begun and never finished. What
/// vanishes meanwhile, others have removed; what others have put there is not looked at.
fn prune(folder: &Path, most: u64) {
    let mut files = Vec::new();
    for part in PARTS {
        gather(&folder.join(part), &mut files);
    }
    let now = SystemTime::now();
    files.retain(|file| {
        let given_up = file.is_unfinished
            && now
                .duration_since(file.used)
                .is_ok_and(|age| age > GIVEN_UP);
        !(given_up && fs::remove_file(&file.path).is_ok())
    });
    let mut held: u64 = files.iter().map(|file| file.bytes).sum();
    files.sort_by_key(|file| file.used);
    for file in files {
        if held <= most {
            break;
        }
        if fs::remove_file(&file.path).is_ok() {
            held -= file.bytes;
        }
    }
}

/// A file in the cache.
struct Stored {
    path: PathBuf,
    used: SystemTime,
    bytes: u64,
    is_unfinished: bool,
}

/// The files of a folder and those below it, if they have names that are given here.
fn gather(folder: &Path, files: &mut Vec<Stored>) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_str().unwrap_or_default();
        let is_unfinished = name.starts_with(UNFINISHED);
        let is_hash = name
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if metadata.is_dir() && is_hash && name.len() == 2 {
            gather(&entry.path(), files);
        } else if metadata.is_file() && (is_unfinished || is_hash && matches!(name.len(), 64 | 96))
        {
            files.push(Stored {
                path: entry.path(),
                used: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
                bytes: metadata.len(),
                is_unfinished,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &'static str) -> Arc<File> {
        let bytes = Bytes::from_static(text.as_bytes());
        let digest = digest(&bytes);
        Arc::new(File::new(bytes, digest))
    }

    #[tokio::test]
    async fn a_damaged_file_is_as_good_as_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path().to_owned(), 1 << 20, 1 << 20)
            .await
            .unwrap();
        let (file, url) = (file("export {};"), Arc::<str>::from("https://h/a.js"));
        disk.store_file(Arc::clone(&file), Some(Arc::clone(&url)))
            .await;
        assert_eq!(
            disk.file(Some(file.digest), &url).await.unwrap().bytes,
            file.bytes
        );
        assert_eq!(disk.file(None, &url).await.unwrap().bytes, file.bytes);
        let path = disk.of_digest(&file.digest);
        for damage in [&b"export {}"[..], b"", b"export {}; "] {
            fs::write(&path, damage).unwrap();
            assert!(disk.file(Some(file.digest), &url).await.is_none());
            assert!(!path.exists());
            disk.store_file(Arc::clone(&file), None).await;
            assert!(disk.file(None, &url).await.is_some());
        }
        fs::write(disk.of_url("urls", &url), "{").unwrap();
        assert!(disk.file(None, &url).await.is_none());
    }

    #[tokio::test]
    async fn opening_removes_what_was_used_longest_ago() {
        let folder = tempfile::tempdir().unwrap();
        let open = |most| Disk::open(folder.path().to_owned(), most, 1 << 20);
        let disk = open(1 << 20).await.unwrap();
        let (old, new) = (file("the old one"), file("the new one"));
        for (file, age) in [(&old, 1_000), (&new, 10)] {
            disk.store_file(Arc::clone(file), None).await;
            let stored = fs::File::options()
                .append(true)
                .open(disk.of_digest(&file.digest))
                .unwrap();
            stored
                .set_modified(SystemTime::now() - Duration::from_secs(age))
                .unwrap();
        }
        let disk = open(15).await.unwrap();
        let url = Arc::<str>::from("https://h/a.js");
        assert!(disk.file(Some(old.digest), &url).await.is_none());
        assert!(disk.file(Some(new.digest), &url).await.is_some());
    }

    #[tokio::test]
    async fn what_others_have_put_there_stays_and_what_was_never_finished_goes() {
        let folder = tempfile::tempdir().unwrap();
        let foreign = [
            "notes.txt",
            "files/notes.txt",
            "photos/00/0000",
            "files/zz/a",
        ];
        for path in foreign {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x".repeat(1_000)).unwrap();
        }
        let disk = Disk::open(folder.path().to_owned(), 1 << 20, 1 << 20)
            .await
            .unwrap();
        let file = file("export {};");
        disk.store_file(Arc::clone(&file), None).await;
        let parent = disk.of_digest(&file.digest).parent().unwrap().to_owned();
        let (old, new) = (parent.join(".new-old"), parent.join(".new-new"));
        for path in [&old, &new] {
            fs::write(path, "half of").unwrap();
        }
        let days_ago = SystemTime::now() - 48 * GIVEN_UP;
        let opened = fs::File::options().append(true).open(&old).unwrap();
        opened.set_modified(days_ago).unwrap();
        disk.tidy(Vec::new(), Vec::new()).await;
        assert!(!old.exists() && new.exists() && disk.of_digest(&file.digest).exists());
        Disk::open(folder.path().to_owned(), 0, 1 << 20)
            .await
            .unwrap();
        assert!(!new.exists() && !disk.of_digest(&file.digest).exists());
        for path in foreign {
            assert!(folder.path().join(path).exists(), "{path}");
        }
    }

    #[tokio::test]
    async fn what_is_in_use_is_not_removed_before_what_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path().to_owned(), 200, 1 << 20)
            .await
            .unwrap();
        let (used, unused) = (file("in memory for days"), file("used once, not long ago"));
        for (file, age) in [(&used, 1_000), (&unused, 10)] {
            disk.store_file(Arc::clone(file), None).await;
            let stored = fs::File::options()
                .append(true)
                .open(disk.of_digest(&file.digest))
                .unwrap();
            stored
                .set_modified(SystemTime::now() - Duration::from_secs(age))
                .unwrap();
        }
        assert!(disk.has_grown());
        let disk = Disk {
            most_bytes: 30,
            ..disk
        };
        disk.tidy(vec![used.digest], Vec::new()).await;
        assert!(!disk.has_grown());
        assert!(disk.of_digest(&used.digest).exists() && !disk.of_digest(&unused.digest).exists());
    }

    #[tokio::test]
    async fn many_writers_of_one_file_never_show_half_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = Bytes::from(vec![b'x'; 100_000]);
        let digest = digest(&bytes);
        let file = Arc::new(File::new(bytes, digest));
        let url = Arc::<str>::from("https://h/a.js");
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let disk = Disk::open(folder.path().to_owned(), 1 << 30, 1 << 20)
                .await
                .unwrap();
            let (file, url) = (Arc::clone(&file), Arc::clone(&url));
            tasks.spawn(async move {
                disk.store_file(Arc::clone(&file), None).await;
                disk.file(Some(file.digest), &url).await.is_some()
            });
        }
        assert_eq!(tasks.join_all().await, [true; 16]);
        let here = disk_files(&folder.path().join("files"));
        assert_eq!(here, 1, "nothing is left behind");
    }

    fn disk_files(folder: &Path) -> usize {
        let of = |entry: fs::DirEntry| {
            if entry.path().is_dir() {
                disk_files(&entry.path())
            } else {
                1
            }
        };
        fs::read_dir(folder)
            .unwrap()
            .map(|entry| of(entry.unwrap()))
            .sum()
    }
}
