//! A draft in a folder: what was checked out, and what has been changed since.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::name::MARKER;
use super::{FolderError, Sources, check_file_name};
use crate::disk::{Durability, replace};
use crate::event::Hash;

/// The format of the file that this build writes, and the only one that it reads.
const FORMAT: u32 = 1;

/// What a checkout remembers, in `.radpack-draft.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkout {
    /// The registry's id.
    pub registry: Uuid,
    /// Where it was.
    pub store: String,
    /// The draft.
    pub draft: String,
    /// The event that opened it: tells it from another of its name.
    pub opened: u64,
    /// Its revision that was checked out.
    pub revision: u64,
    /// The files of that revision.
    pub files: BTreeMap<String, Hash>,
}

/// What is different in a folder from what was checked out. Names, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Files that have other contents.
    pub changed: Vec<String>,
    /// Files that are new.
    pub added: Vec<String>,
    /// Files that are no longer there.
    pub removed: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Marker<C> {
    format: u32,
    checkout: C,
}

impl Checkout {
    /// What was checked out into a folder, if anything was.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is not understood.
    pub fn read(folder: &Path) -> Result<Option<Checkout>, FolderError> {
        let path = folder.join(MARKER);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(FolderError::Read { path, source }),
        };
        let malformed = |source| FolderError::Checkout {
            path: path.clone(),
            source,
        };
        let marker: Marker<serde_json::Value> =
            serde_json::from_slice(&bytes).map_err(|error| malformed(error.into()))?;
        if marker.format != FORMAT {
            let message = format!(
                "it is of format {}; this build reads {FORMAT}",
                marker.format
            );
            return Err(malformed(message.into()));
        }
        let checkout: Checkout =
            serde_json::from_value(marker.checkout).map_err(|error| malformed(error.into()))?;
        for name in checkout.files.keys() {
            check_file_name(name)
                .map_err(|error| malformed(format!("{name:?}: {error}").into()))?;
        }
        Ok(Some(checkout))
    }

    /// The checkout that a file or folder is in, or is: the nearest folder that has one.
    ///
    /// # Errors
    ///
    /// If the path is none, or what the checkout remembers cannot be read.
    pub fn around(path: &Path) -> Result<Option<(PathBuf, Checkout)>, FolderError> {
        let whole = std::path::absolute(path).map_err(|source| FolderError::Read {
            path: path.to_path_buf(),
            source,
        })?;
        for folder in whole.ancestors().filter(|folder| folder.is_dir()) {
            if let Some(checkout) = Checkout::read(folder)? {
                return Ok(Some((folder.to_path_buf(), checkout)));
            }
        }
        Ok(None)
    }

    /// Remembers it in the folder.
    ///
    /// # Errors
    ///
    /// If the disk fails.
    pub fn write(&self, folder: &Path) -> Result<(), FolderError> {
        let path = folder.join(MARKER);
        let marker = Marker {
            format: FORMAT,
            checkout: self,
        };
        let failed = |source| FolderError::Write {
            path: path.clone(),
            source,
        };
        let mut bytes = serde_json::to_vec_pretty(&marker).map_err(|error| failed(error.into()))?;
        bytes.push(b'\n');
        replace(&path, Durability::Synced, failed, |file| {
            file.write_all(&bytes).map_err(failed)
        })
    }

    /// What the folder holds now, and what of it is different. Files that were checked out count whatever the ignore rules say.
    ///
    /// # Errors
    ///
    /// As [`Sources::read`].
    pub fn changes(&self, folder: &Path) -> Result<(Sources, Changes), FolderError> {
        let kept = self.files.keys().map(PathBuf::from);
        let kept = kept.filter(|name| fs::symlink_metadata(folder.join(name)).is_ok());
        let sources = Sources::read(folder, &kept.collect::<BTreeSet<_>>())?;
        let mut changes = Changes::default();
        for (name, file) in sources.files() {
            match self.files.get(name) {
                None => changes.added.push(name.to_owned()),
                Some(hash) if *hash != file.hash => changes.changed.push(name.to_owned()),
                Some(_) => {}
            }
        }
        let removed = self.files.keys().filter(|name| sources.get(name).is_none());
        changes.removed = removed.cloned().collect();
        Ok((sources, changes))
    }
}

impl Changes {
    /// Whether the folder holds what was checked out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.added.is_empty() && self.removed.is_empty()
    }
}
