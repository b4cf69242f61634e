//! Bytes, named by their hash, and there before the event that names them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::event::Hash;
use crate::history::HistoryError;
use crate::state::State;
use crate::store::{Store, StoreError};

/// How many are sent at once.
const AT_ONCE: usize = 16;

/// How many bytes there may be under one name: those who read them hold them at once.
pub(crate) const LARGEST: u64 = 1 << 30;

/// Bytes that a command is going to name.
#[derive(Debug, Default)]
pub struct Uploads {
    blobs: BTreeMap<Hash, Blob>,
    /// What is in the store, and under the name of which sweep.
    stored: Mutex<BTreeMap<Hash, Option<u64>>>,
}

#[derive(Debug)]
enum Blob {
    Bytes(Bytes),
    File(PathBuf),
}

impl Uploads {
    /// Bytes at hand. Gives their hash.
    pub fn add(&mut self, contents: impl Into<Bytes>) -> Hash {
        let contents = contents.into();
        let hash = Hash::of(&contents);
        self.blobs.insert(hash, Blob::Bytes(contents));
        hash
    }

    /// The bytes of a file, which was found to have this hash.
    pub fn add_file(&mut self, hash: Hash, path: PathBuf) {
        self.blobs.entry(hash).or_insert(Blob::File(path));
    }

    /// Those of some bytes that are not in the store as things stand: never sent, or swept since.
    pub(crate) fn missing(&self, state: &State, named: &BTreeSet<Hash>) -> Vec<Hash> {
        let stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        let is_missing = |hash: &&Hash| {
            self.blobs.contains_key(*hash)
                && stored.get(*hash) != Some(&state.swept.get(*hash).copied())
        };
        named.iter().filter(is_missing).copied().collect()
    }

    /// Sends bytes to the store, under the names that they have as things stand.
    pub(crate) async fn send(
        &self,
        store: &Store,
        state: &State,
        hashes: Vec<Hash>,
    ) -> Result<(), HistoryError> {
        let sends = hashes.into_iter().filter_map(|hash| {
            let blob = self.blobs.get(&hash)?;
            let swept = state.swept.get(&hash).copied();
            let name = state.blob_name(&hash);
            Some(async move {
                // What is there is not deleted unless an event says so first, which whoever commits then sees.
                if !store.has(&name).await? {
                    let contents = blob.read(hash).await?;
                    if contents.len() as u64 > LARGEST {
                        let large = format!("there are {} bytes of it, and {LARGEST} are the most that a registry holds under one name", contents.len());
                        return Err(StoreError::local(&name, large.into()).into());
                    }
                    store.put_new(&name, contents).await?;
                }
                self.stored
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(hash, swept);
                Ok::<_, HistoryError>(())
            })
        });
        stream::iter(sends)
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }
}

impl Blob {
    async fn read(&self, hash: Hash) -> Result<Bytes, HistoryError> {
        let path = match self {
            Blob::Bytes(contents) => return Ok(contents.clone()),
            Blob::File(path) => path.clone(),
        };
        let name = path.display().to_string();
        let read = tokio::task::spawn_blocking(move || std::fs::read(path)).await;
        match read {
            Ok(Ok(contents)) if Hash::of(&contents) == hash => Ok(contents.into()),
            Ok(Ok(_)) => {
                let changed = "it was changed while it was being sent: try again";
                Err(StoreError::local(&name, changed.into()).into())
            }
            Ok(Err(error)) => Err(StoreError::local(&name, error.into()).into()),
            Err(error) => Err(StoreError::local(&name, error.into()).into()),
        }
    }
}

/// Bytes that the history names.
pub(crate) async fn read(store: &Store, state: &State, hash: &Hash) -> Result<Bytes, HistoryError> {
    let name = state.blob_name(hash);
    let wrong = |what| HistoryError::Blob {
        name: name.clone(),
        what,
    };
    let contents = store.get(&name).await?.ok_or_else(|| wrong("not there"))?;
    if Hash::of(&contents) != *hash {
        return Err(wrong("not what it was"));
    }
    Ok(contents)
}
