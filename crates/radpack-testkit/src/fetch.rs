//! Fetching something once, whoever asks, and keeping it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Why the packages are not there, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// A file or folder could not be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was to be done, such as `read`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// `npm` could not be started.
    #[error(
        "cannot run npm; install Node.js with npm 10 or newer, and see that `npm --version` answers"
    )]
    NoNpm(#[source] io::Error),
    /// `npm ci` ended with an error.
    #[error(
        "`npm ci` failed in a copy of {} ({status}); see that npm can reach its registry, or run it there yourself to see more:\n{output}",
        fixture.display()
    )]
    Npm {
        /// The folder of the lock file.
        fixture: PathBuf,
        /// How the process ended.
        status: std::process::ExitStatus,
        /// What npm wrote last.
        output: String,
    },
    /// Python could not be started.
    #[error(
        "cannot run python3; install Python 3.10 or newer, and see that `python3 --version` answers"
    )]
    NoPython(#[source] io::Error),
    /// Python has no pip, and cannot make an environment that has.
    #[error("python3 has neither pip nor a venv with ensurepip; install one of them:\n{output}")]
    NoPip {
        /// What Python wrote last.
        output: String,
    },
    /// `pip install` ended with an error.
    #[error(
        "`pip install` of {} failed ({status}); see that pip can reach its index:\n{output}",
        requirements.display()
    )]
    Pip {
        /// The file that says what was to be installed.
        requirements: PathBuf,
        /// How the process ended.
        status: std::process::ExitStatus,
        /// What pip wrote last.
        output: String,
    },
}

impl FetchError {
    /// Whether it is only that this machine lacks a program.
    pub fn is_missing_program(&self) -> bool {
        use FetchError::{NoNpm, NoPip, NoPython};
        matches!(self, NoNpm(_) | NoPython(_) | NoPip { .. })
    }
}

/// A folder below the cache folder, filled unless an earlier run has done so. One process fills it, the others wait for it.
///
/// It is filled under another name, and must work under its own.
pub(crate) fn once(
    cache: &Path,
    name: &str,
    fill: impl FnOnce(&Path) -> Result<(), FetchError>,
) -> Result<PathBuf, FetchError> {
    let done = cache.join(name);
    if done.is_dir() {
        return Ok(done);
    }
    fs::create_dir_all(cache).map_err(failed("create", cache))?;
    let lock_path = cache.join(format!("{name}.lock"));
    let lock = File::create(&lock_path).map_err(failed("create", &lock_path))?;
    lock.lock().map_err(failed("lock", &lock_path))?;
    if done.is_dir() {
        return Ok(done); // another process fetched while this one waited
    }
    let fresh = cache.join(format!("{name}.part"));
    if fresh.exists() {
        // an earlier run was killed while it fetched
        fs::remove_dir_all(&fresh).map_err(failed("remove", &fresh))?;
    }
    fs::create_dir(&fresh).map_err(failed("create", &fresh))?;
    fill(&fresh)?;
    fs::rename(&fresh, &done).map_err(failed("rename", &fresh))?;
    Ok(done)
}

/// 16 hex digits over the names and contents of the files of a folder that decide what is fetched, and over what else does.
pub(crate) fn key_of(folder: &Path, files: &[&str], other: &str) -> Result<String, FetchError> {
    let mut hash = Sha256::new();
    for name in files {
        let path = folder.join(name);
        let bytes = fs::read(&path).map_err(failed("read", &path))?;
        hash.update(name.as_bytes());
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(&bytes);
    }
    hash.update(other);
    Ok(hash.finalize()[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// The end of what a program wrote.
pub(crate) fn last_lines(written: &[u8]) -> String {
    const MOST: usize = 20;
    let text = String::from_utf8_lossy(written);
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(MOST)..].join("\n")
}

pub(crate) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FetchError {
    move |source| FetchError::Io {
        action,
        path: path.to_path_buf(),
        source,
    }
}
