//! How a loader is: what its registers are, how old, and what is wrong with them.

use std::time::Duration;

use crate::error::LoadError;

/// How a loader is at this moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// The number of the snapshot in place.
    pub snapshot: u64,
    /// How many exports (package × entry) its index has.
    pub exports: usize,
    /// The registers, bottom first.
    pub registers: Vec<RegisterStatus>,
    /// How many bytes of files are held in memory.
    pub cache_bytes: usize,
    /// How many fetches of files are under way.
    pub under_way: usize,
}

/// How a register is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RegisterStatus {
    /// Where it comes from.
    pub source: String,
    /// Whether it may fail.
    pub optional: bool,
    /// Whether it is there.
    pub standing: Standing,
    /// How long ago it was last seen to be as it is; nothing if it never was, such as one that comes from disk.
    pub age: Option<Duration>,
    /// Why it could not be read the last time, where it could not.
    pub error: Option<LoadError>,
    /// How often in a row it could not be read.
    pub failures: u32,
    /// How long until it is read again in the background.
    pub next_in: Duration,
}

/// Whether a register is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Standing {
    /// It is being read for the first time.
    Pending,
    /// It is there, and was the last time somebody looked.
    Fresh,
    /// It is there as it was once: the last attempt to read it failed.
    Stale,
    /// It never could be read.
    Missing,
}
