//! A package's sources in a folder of this machine, and back.
//!
//! What belongs to them is decided by the folder alone: neither the folders around it nor the settings of whoever asks change it,
//! and no symbolic link is followed. So two people who publish the same folder publish the same files.

mod checkout;
mod name;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use ignore::WalkBuilder;
use serde::{Deserialize, Serialize, Serializer};

use crate::disk::{Durability, replace};
use crate::event::Hash;

pub use checkout::{Changes, Checkout};
pub use name::{FileNameError, check_file_name};

/// Folders that are made of other things, wherever they lie.
const MADE: [&str; 2] = ["node_modules", "dist-radpack"];

/// How much the sources of a package may be.
#[derive(Clone, Copy)]
struct Limits {
    files: usize,
    bytes: u64,
}

const LIMITS: Limits = Limits {
    files: 100_000,
    bytes: 512 << 20,
};

/// The files of a folder that are a package's sources. Their contents are hashed, and read again on demand.
///
/// ```
/// use std::collections::BTreeSet;
///
/// use radpack_registry::{Hash, Sources};
///
/// let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join("index.js"), "export {};")?;
/// std::fs::write(folder.path().join(".env"), "SECRET=1")?;
///
/// let sources = Sources::read(folder.path(), &BTreeSet::new())?;
/// let files: Vec<&str> = sources.files().map(|(name, _)| name).collect();
/// assert_eq!(files, ["index.js"]);
/// assert_eq!(sources.get("index.js").unwrap().hash, Hash::of(b"export {};"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    folder: PathBuf,
    files: BTreeMap<String, SourceFile>,
    left_out: Vec<LeftOut>,
}

/// What is known of a file without reading it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The hash of its contents.
    pub hash: Hash,
    /// How many bytes these are.
    pub length: u64,
}

/// A file that no rule excludes, and that cannot be among the sources nevertheless.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Its path below the folder.
    #[serde(serialize_with = "shown")]
    pub path: PathBuf,
    /// Why.
    pub reason: LeftOutReason,
}

/// Nobody opens what was left out, so its name need only be readable.
fn shown<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

/// Why a file cannot be among the sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LeftOutReason {
    /// What a link leads to may be anything.
    #[error("it is a symbolic link")]
    Link,
    /// It is a pipe, a socket, a device.
    #[error("it is no regular file")]
    Kind,
    /// It may not be called so.
    #[error("{0}")]
    Name(FileNameError),
}

/// Why sources cannot be read from a folder, or written to one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// The folder, or a file in it, cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The folder cannot be listed, or an ignore file in it cannot be understood.
    #[error("cannot list the files of {}", folder.display())]
    List {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A file that must be among the sources cannot be.
    #[error("{} cannot be among the sources: {reason}", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: LeftOutReason,
    },
    /// A file that must be among the sources lies elsewhere.
    #[error("{} cannot be among the sources: it is not in {}", path.display(), folder.display())]
    Outside {
        /// The file.
        path: PathBuf,
        /// The folder.
        folder: PathBuf,
    },
    /// There are too many files.
    #[error("{} has more than {most} files: ignore some in .gitignore or .npmignore", folder.display())]
    TooMany {
        /// The folder.
        folder: PathBuf,
        /// How many there may be.
        most: usize,
    },
    /// A file is too large.
    #[error("{} is larger than {most} bytes: ignore it in .gitignore or .npmignore", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// How large it may be.
        most: u64,
    },
    /// A file is not what it was a moment ago.
    #[error("{} was changed while it was being read: try again", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// No file may be called so.
    #[error("{name:?} is no name of a file: {source}")]
    Name {
        /// The name.
        name: String,
        /// Why.
        source: FileNameError,
    },
    /// Something that is no folder, or no file, is where one is to be.
    #[error("{} is in the way", path.display())]
    InTheWay {
        /// What it is.
        path: PathBuf,
    },
    /// A file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// What a checkout remembers is not readable.
    #[error("{} does not say what was checked out: check the draft out again, into a new folder", path.display())]
    Checkout {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl Sources {
    /// Reads the sources of a package: all files below its folder, but for those whose names begin with a dot, `node_modules`,
    /// `dist-radpack`, and what `.gitignore` and `.npmignore` files in it exclude. `extra` are files that must be among them whatever
    /// the rules say, such as those that a build has read: absolute, or relative to the folder.
    ///
    /// # Errors
    ///
    /// If something cannot be read, is too large or too many, or an extra file cannot be among them.
    pub fn read(folder: &Path, extra: &BTreeSet<PathBuf>) -> Result<Sources, FolderError> {
        Sources::read_within(folder, extra, LIMITS)
    }

    fn read_within(
        folder: &Path,
        extra: &BTreeSet<PathBuf>,
        limits: Limits,
    ) -> Result<Sources, FolderError> {
        let unreadable = |source| FolderError::Read {
            path: folder.to_path_buf(),
            source,
        };
        let mut sources = Sources {
            folder: fs::canonicalize(folder).map_err(unreadable)?,
            files: BTreeMap::new(),
            left_out: Vec::new(),
        };
        let unlisted = |source: ignore::Error| FolderError::List {
            folder: folder.to_path_buf(),
            source: source.into(),
        };
        let mut walk = WalkBuilder::new(&sources.folder);
        walk.standard_filters(false)
            .add_custom_ignore_filename(".gitignore")
            .add_custom_ignore_filename(".npmignore")
            .filter_entry(|entry| entry.depth() == 0 || !is_never_a_source(entry.file_name()));
        for entry in walk.build() {
            let entry = entry.map_err(unlisted)?;
            // Half-understood rules could let out what they were to keep in.
            if let Some(error) = entry.error() {
                return Err(unlisted(error.clone()));
            }
            let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
            if is_folder || entry.depth() == 0 {
                continue;
            }
            let path = relative(entry.path(), &sources.folder)?;
            match sources.add(&path, limits) {
                Err(FolderError::Unfit { path, reason }) => {
                    sources.left_out.push(LeftOut { path, reason });
                }
                result => result?,
            }
        }
        // The folder as it may be called: as it was given, and from the root.
        let absolute = std::path::absolute(folder).map_err(unreadable)?;
        let places = [folder.to_path_buf(), absolute, sources.folder.clone()];
        for path in extra {
            let inside = places
                .iter()
                .find_map(|place| path.strip_prefix(place).ok());
            let inside = inside.unwrap_or(path);
            let is_inside = inside
                .components()
                .all(|part| matches!(part, Component::Normal(_)));
            if !is_inside {
                return Err(FolderError::Outside {
                    path: path.clone(),
                    folder: folder.to_path_buf(),
                });
            }
            sources.add(inside, limits)?;
            sources.left_out.retain(|left_out| left_out.path != inside);
        }
        sources.left_out.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(sources)
    }

    /// Adds a file by its path below the folder.
    fn add(&mut self, path: &Path, limits: Limits) -> Result<(), FolderError> {
        let unfit = |reason| FolderError::Unfit {
            path: path.to_path_buf(),
            reason,
        };
        let name = name_of(path).map_err(|error| unfit(LeftOutReason::Name(error)))?;
        if self.files.contains_key(&name) {
            return Ok(());
        }
        let whole = self.folder.join(path);
        let read = |source| FolderError::Read {
            path: whole.clone(),
            source,
        };
        // No part of the way is a link, so that nothing outside gets in.
        let mut way = self.folder.clone();
        let mut kind = None;
        for part in path {
            way.push(part);
            let data = fs::symlink_metadata(&way).map_err(read)?;
            if data.is_symlink() {
                return Err(unfit(LeftOutReason::Link));
            }
            kind = Some(data);
        }
        if !kind.is_some_and(|data| data.is_file()) {
            return Err(unfit(LeftOutReason::Kind));
        }
        if self.files.len() == limits.files {
            return Err(FolderError::TooMany {
                folder: self.folder.clone(),
                most: limits.files,
            });
        }
        let file = File::open(&whole).map_err(read)?;
        let (hash, length) = Hash::of_reader(file, limits.bytes.saturating_add(1)).map_err(read)?;
        if length > limits.bytes {
            return Err(FolderError::TooLarge {
                path: whole,
                most: limits.bytes,
            });
        }
        self.files.insert(name, SourceFile { hash, length });
        Ok(())
    }

    /// The files by name.
    pub fn files(&self) -> impl ExactSizeIterator<Item = (&str, SourceFile)> {
        self.files.iter().map(|(name, file)| (&**name, *file))
    }

    /// One of the files.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<SourceFile> {
        self.files.get(name).copied()
    }

    /// What no rule excludes and is not among them nevertheless, by path.
    #[must_use]
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// Reads the contents of one of the files: those that were hashed.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is not what it was; or is none of the files.
    pub fn contents(&self, name: &str) -> Result<Bytes, FolderError> {
        let path = self.folder.join(name);
        let file = self.files.get(name).ok_or_else(|| FolderError::Outside {
            path: name.into(),
            folder: self.folder.clone(),
        })?;
        let contents = fs::read(&path).map_err(|source| FolderError::Read {
            path: path.clone(),
            source,
        })?;
        match Hash::of(&contents) == file.hash {
            true => Ok(contents.into()),
            false => Err(FolderError::Changed { path }),
        }
    }

    /// What tells these files from all others: see [`digest_files`].
    #[must_use]
    pub fn digest(&self) -> Hash {
        digest_files(self.files().map(|(name, file)| (name, file.hash)))
    }
}

/// A hash of names and contents: two sets of files have the same one if and only if they are the same, in whatever order they come.
///
/// ```
/// use radpack_registry::{Hash, digest_files};
///
/// let (a, b) = (("a.js", Hash::of(b"1")), ("b.js", Hash::of(b"2")));
/// assert_eq!(digest_files([a, b]), digest_files([b, a]));
/// assert_ne!(digest_files([a, b]), digest_files([a]));
/// ```
#[must_use]
pub fn digest_files<'f>(files: impl IntoIterator<Item = (&'f str, Hash)>) -> Hash {
    let files: BTreeSet<(&str, Hash)> = files.into_iter().collect();
    // The hash comes first: it is of one length, and no name has a line end.
    let lines = files
        .into_iter()
        .map(|(name, hash)| format!("{hash} {name}\n"));
    Hash::of(lines.collect::<String>().as_bytes())
}

/// Writes files below a folder, which is made if it is not there: each whole or not at all, and none if one may not be called as it
/// is. What else is in the folder stays; symbolic links in the way are not followed.
///
/// # Errors
///
/// If a name is none, something is in the way, or the disk fails: then some may have been written.
pub fn write_files(folder: &Path, files: &BTreeMap<String, Bytes>) -> Result<(), FolderError> {
    for name in files.keys() {
        check_file_name(name).map_err(|source| FolderError::Name {
            name: name.clone(),
            source,
        })?;
    }
    let failed = |path: &Path, source| FolderError::Write {
        path: path.to_path_buf(),
        source,
    };
    fs::create_dir_all(folder).map_err(|source| failed(folder, source))?;
    for (name, contents) in files {
        let mut path = folder.to_path_buf();
        let mut parts = name.split('/').peekable();
        while let Some(part) = parts.next() {
            path.push(part);
            let found = match fs::symlink_metadata(&path) {
                Ok(data) => Some(data),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(source) => return Err(failed(&path, source)),
            };
            let is_file = parts.peek().is_none();
            match found {
                Some(data) if is_file && data.is_file() => {}
                Some(data) if !is_file && data.is_dir() => {}
                Some(_) => return Err(FolderError::InTheWay { path }),
                None if is_file => {}
                None => fs::create_dir(&path).map_err(|source| failed(&path, source))?,
            }
        }
        let failed = |source| failed(&path, source);
        replace(&path, Durability::Plain, failed, |file| {
            file.write_all(contents).map_err(failed)
        })?;
    }
    Ok(())
}

fn is_never_a_source(name: &std::ffi::OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".") || MADE.iter().any(|made| name == *made)
}

fn relative(path: &Path, folder: &Path) -> Result<PathBuf, FolderError> {
    let inside = path.strip_prefix(folder).map(Path::to_path_buf);
    inside.map_err(|_| FolderError::Outside {
        path: path.to_path_buf(),
        folder: folder.to_path_buf(),
    })
}

/// The name of a file by its path below the folder.
fn name_of(path: &Path) -> Result<String, FileNameError> {
    let parts: Option<Vec<&str>> = path.iter().map(|part| part.to_str()).collect();
    let name = parts.ok_or(FileNameError::Characters)?.join("/");
    check_file_name(&name)?;
    Ok(name)
}
