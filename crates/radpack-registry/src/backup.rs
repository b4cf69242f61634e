//! Backups: one file that holds a history, or a part of one, and the bytes that it names.
//!
//! It is a tar archive compressed with zstd, so that it can be unpacked without Radpack:
//!
//! ```text
//! backup.json                         which registry, and from which point of its history to which
//! format.json                         as it is in the store
//! events/00000000000000000002.json    likewise; one after the other
//! blobs/sha256/<hex>                  in the order of their names
//! end.json                            how much came before, and a hash of all of it
//! ```
//!
//! Behind it, in a frame that zstd passes over, stands a hash of all these bytes.
//!
//! There is one way to write each entry, and nothing else is read. What a [`BackupWriter`] takes and a [`BackupReader`] gives has been checked:
//! events against each other and against what `backup.json` says, blobs against their names. What events mean, and which blobs
//! they name, is not looked at here.

mod entries;
mod read;
mod seal;
#[cfg(test)]
mod tests;
mod write;

use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::{Event, EventError, Hash};
use crate::history::{HistoryError, Position, check, name_of};

pub use read::{BackupItem, BackupReader};
pub use write::BackupWriter;

/// The format of backups that this build writes, and the newest that it reads.
const FORMAT: u32 = 1;

/// The first version of Radpack that reads it.
const NEEDS: &str = "0.1.0";

const BACKUP_JSON: &str = "backup.json";
const FORMAT_JSON: &str = "format.json";
const END_JSON: &str = "end.json";
const BLOBS: &str = "blobs/sha256/";

/// What a backup is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupHeader {
    /// The registry's id.
    pub registry: Uuid,
    /// The point that the first event follows: the beginning, or the end of the backup that this one is based on.
    pub from: Point,
    /// The last event.
    pub to: Point,
    /// When it was made.
    pub created: Timestamp,
}

/// A point of a history: an event, and its hash; of the beginning, 0 and the hash of `format.json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// The event's number.
    pub seq: u64,
    /// The hash of its bytes.
    pub hash: Hash,
}

impl From<Position> for Point {
    fn from(position: Position) -> Point {
        Point {
            seq: position.seq,
            hash: position.hash,
        }
    }
}

/// Why a backup cannot be read, or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// It is something else.
    #[error("it is no backup of a registry")]
    NoBackup,
    /// It is of a format that is not known here.
    #[error(
        "it is of format {format}; this build reads formats up to {FORMAT}: use Radpack {needs} or later"
    )]
    Newer {
        /// The format.
        format: u32,
        /// The first version that reads it.
        needs: String,
    },
    /// It is damaged, cut off, or the disk fails.
    #[error("cannot read {item}")]
    Read {
        /// What was being read.
        item: String,
        /// What the system said, or what cannot be decompressed.
        #[source]
        source: io::Error,
    },
    /// Something is there that no backup has, or not there.
    #[error("{item}: {what}")]
    Entry {
        /// What it is about.
        item: String,
        /// What is wrong.
        what: String,
    },
    /// The bytes are not those that the name says.
    #[error("{item}: it has other contents than its name says")]
    Contents {
        /// The blob.
        item: String,
    },
    /// An event cannot be read.
    #[error("{item}: it cannot be read")]
    Event {
        /// The event.
        item: String,
        /// Why.
        #[source]
        source: EventError,
    },
    /// An event does not follow the one before it.
    #[error("{item}: it does not follow what comes before it")]
    Chain {
        /// The event.
        item: String,
        /// Why.
        #[source]
        source: HistoryError,
    },
    /// It cannot be written.
    #[error("cannot write {item}")]
    Write {
        /// What was being written.
        item: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file cannot be opened, or made.
    #[error("cannot open {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl BackupError {
    /// What was to be written could not be read.
    pub(crate) fn stopped() -> BackupError {
        BackupError::entry(END_JSON, "what comes before it could not be read")
    }

    fn entry(item: &str, what: impl Into<String>) -> BackupError {
        BackupError::Entry {
            item: item.to_owned(),
            what: what.into(),
        }
    }
}

/// How far a backup has come: what both sides check and count alike.
#[derive(Debug)]
struct Progress {
    /// The last event.
    position: Position,
    /// The last event that there is to be.
    to: Point,
    /// The last blob.
    blob: Option<Hash>,
    end: End,
}

/// The contents of `end.json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct End {
    events: u64,
    blobs: u64,
    /// Of every entry before it: of the hash so far, and then the entry's hash and name.
    hash: Hash,
}

impl Progress {
    /// Begins with the entries that stand before the events.
    fn begin(header: &BackupHeader, json: &[u8], format: &[u8]) -> Result<Progress, BackupError> {
        #[derive(Deserialize)]
        struct Registry {
            id: Uuid,
        }
        let registry: Result<Registry, _> = serde_json::from_slice(format);
        if !registry.is_ok_and(|registry| registry.id == header.registry) {
            return Err(BackupError::entry(FORMAT_JSON, "it is of another registry"));
        }
        let BackupHeader { from, to, .. } = *header;
        let is_sound = match from.seq {
            _ if from.seq > to.seq => false,
            seq if seq == to.seq && from.hash != to.hash => false,
            0 => from.hash == Hash::of(format),
            _ => true,
        };
        if !is_sound {
            return Err(BackupError::entry(
                BACKUP_JSON,
                "there is no history between such points",
            ));
        }
        let mut progress = Progress {
            position: Position {
                seq: from.seq,
                hash: from.hash,
                at: Timestamp::MIN,
            },
            to,
            blob: None,
            end: End {
                events: 0,
                blobs: 0,
                hash: Hash::of(b""),
            },
        };
        progress.count(BACKUP_JSON, Hash::of(json));
        progress.count(FORMAT_JSON, Hash::of(format));
        Ok(progress)
    }

    fn count(&mut self, name: &str, hash: Hash) {
        self.end.hash = Hash::of(format!("{} {hash} {name}\n", self.end.hash).as_bytes());
    }

    /// The next event.
    fn event(&mut self, contents: &[u8]) -> Result<Event, BackupError> {
        let seq = self.position.seq.saturating_add(1);
        let item = name_of(seq);
        if seq > self.to.seq || self.blob.is_some() {
            return Err(BackupError::entry(&item, "no event is to be here"));
        }
        let event = match Event::from_bytes(contents) {
            Ok(event) => event,
            Err(source) => return Err(BackupError::Event { item, source }),
        };
        if let Err(source) = check(self.position, seq, &event) {
            return Err(BackupError::Chain { item, source });
        }
        let hash = Hash::of(contents);
        if seq == self.to.seq && hash != self.to.hash {
            return Err(BackupError::entry(
                &item,
                format!("{BACKUP_JSON} says that the last event is another"),
            ));
        }
        self.position = Position {
            seq,
            hash,
            at: event.at,
        };
        self.end.events += 1;
        self.count(&item, hash);
        Ok(event)
    }

    /// The next blob.
    fn blob(&mut self, hash: Hash) -> Result<(), BackupError> {
        self.events_are_complete()?;
        let item = format!("{BLOBS}{hash}");
        if self.blob.is_some_and(|last| last >= hash) {
            return Err(BackupError::entry(
                &item,
                "it comes after a blob that it should come before",
            ));
        }
        self.blob = Some(hash);
        self.end.blobs += 1;
        self.count(&item, hash);
        Ok(())
    }

    /// The contents of `end.json`.
    fn end(&self) -> Result<Vec<u8>, BackupError> {
        self.events_are_complete()?;
        let mut json = serde_json::to_vec(&self.end).map_err(|error| BackupError::Write {
            item: END_JSON.to_owned(),
            source: error.into(),
        })?;
        json.push(b'\n');
        Ok(json)
    }

    /// The name of the last event.
    fn last_event(&self) -> String {
        name_of(self.position.seq)
    }

    fn events_are_complete(&self) -> Result<(), BackupError> {
        match self.position.seq == self.to.seq {
            true => Ok(()),
            false => Err(BackupError::entry(
                &name_of(self.position.seq.saturating_add(1)),
                "it is missing",
            )),
        }
    }
}
