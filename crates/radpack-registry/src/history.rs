//! The history as a whole: begun once, read from any point on, and checked while it is read.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::commit::FoldError;
use crate::event::{Event, EventError, FORMAT, Hash, Recorded};
use crate::probe::probe;
use crate::store::{Put, Store, StoreError};

/// The object that makes a folder a registry.
pub(crate) const FORMAT_JSON: &str = "format.json";

/// Where the events lie.
const EVENTS: &str = "events";

/// How many events are read at once, at most.
const READ_AHEAD: u64 = 32;

/// How long a commit tries, where nobody has said.
const PATIENCE: Duration = Duration::from_secs(30);

/// The history of a registry. Cheap to clone.
#[derive(Clone, Debug)]
pub struct History {
    store: Store,
    id: Uuid,
    beginning: Position,
    pub(crate) patience: Duration,
}

/// A point of a history: behind an event, or before the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// The event's number; 0 before the first.
    pub seq: u64,
    /// The event's hash; that of `format.json` before the first.
    pub hash: Hash,
    /// The event's time; when the registry was made before the first.
    pub at: Timestamp,
}

/// A registry that is there now.
#[derive(Clone, Debug)]
pub struct Initialized {
    /// Its history.
    pub history: History,
    /// Whether it was made just now; it may have been there.
    pub is_new: bool,
}

/// Why a history could not be begun or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// There is no registry.
    #[error("there is no registry in {location}: make one with `radpack init`")]
    Missing {
        /// The store.
        location: String,
    },
    /// The registry is of a format that is not known here.
    #[error(
        "the registry in {location} is of format {format}; this build knows formats up to {FORMAT}: use Radpack {needs} or later"
    )]
    Newer {
        /// The store.
        location: String,
        /// The format.
        format: u32,
        /// The first version that knows it.
        needs: String,
    },
    /// What makes a folder a registry is not readable.
    #[error("{FORMAT_JSON} in {location} is none")]
    Format {
        /// The store.
        location: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The store breaks its word, so that commits would be lost on it.
    #[error("{location} cannot hold a registry: it does not refuse to write what exists")]
    Unfit {
        /// The store.
        location: String,
        /// What it did.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An event cannot be read.
    #[error("event {seq} cannot be read")]
    Event {
        /// Its place.
        seq: u64,
        /// Why.
        #[source]
        source: EventError,
    },
    /// An event does not stand where it must: the history has been changed.
    #[error("the history is broken at event {seq}: {what}")]
    Broken {
        /// The event's place.
        seq: u64,
        /// What does not fit.
        what: &'static str,
    },
    /// An event is asked for that is not in the history.
    #[error("event {seq} has not happened: the newest is {newest}")]
    NotYet {
        /// The event.
        seq: u64,
        /// The newest one.
        newest: u64,
    },
    /// An event means nothing, or nothing that can be.
    #[error("event {seq} cannot be applied")]
    Fold {
        /// Its place.
        seq: u64,
        /// Why.
        #[source]
        source: FoldError,
    },
    /// A checkpoint is not what it says.
    #[error("the checkpoint of event {seq} cannot be used: {what}")]
    Checkpoint {
        /// The event.
        seq: u64,
        /// What is wrong with it.
        what: String,
    },
    /// Bytes that the history names are not there, or others.
    #[error("{name} is {what}: `radpack verify` says what else is, and a backup has it")]
    Blob {
        /// The object.
        name: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The store failed.
    #[error("the registry's store failed")]
    Store(#[from] StoreError),
}

/// The contents of `format.json`.
#[derive(Serialize, Deserialize)]
struct Format {
    format: u32,
    id: Uuid,
    created: Timestamp,
}

impl History {
    /// Begins a registry in a store, or opens the one that is there. Before it makes one, it looks whether the store keeps its word:
    /// sixteen writers race for one name, several times, and one may win.
    ///
    /// # Errors
    ///
    /// If the store breaks its word or fails, or what is there is no registry that can be read here.
    pub async fn init(store: Store) -> Result<Initialized, HistoryError> {
        if store.get(FORMAT_JSON).await?.is_none() {
            History::check_store(&store).await?;
            let created = now();
            let format = Format {
                format: FORMAT,
                id: Uuid::now_v7(),
                created,
            };
            let mut contents =
                serde_json::to_vec(&format).map_err(|source| HistoryError::Format {
                    location: store.location().to_owned(),
                    source,
                })?;
            contents.push(b'\n');
            let put = store.put_new(FORMAT_JSON, contents.into()).await;
            // Whoever came first, there is one now; if the answer was lost, its id tells whose it is.
            let history = History::open(store).await;
            return match (put, history) {
                (Ok(put), history) => Ok(Initialized {
                    is_new: put == Put::Written,
                    history: history?,
                }),
                (Err(_), Ok(history)) => Ok(Initialized {
                    is_new: history.id == format.id,
                    history,
                }),
                (Err(error), Err(_)) => Err(error.into()),
            };
        }
        let history = History::open(store).await?;
        Ok(Initialized {
            history,
            is_new: false,
        })
    }

    /// Opens the registry in a store.
    ///
    /// # Errors
    ///
    /// If there is none, it is of a later format, or the store fails.
    pub async fn open(store: Store) -> Result<History, HistoryError> {
        let Some(contents) = store.get(FORMAT_JSON).await? else {
            return Err(HistoryError::Missing {
                location: store.location().to_owned(),
            });
        };
        History::described(store, &contents)
    }

    /// The history that a `format.json` describes.
    pub(crate) fn described(store: Store, contents: &[u8]) -> Result<History, HistoryError> {
        let location = || store.location().to_owned();
        /// What every format will have.
        #[derive(Deserialize)]
        struct Outline {
            format: u32,
            #[serde(default)]
            needs: Option<String>,
        }
        let malformed = |source| HistoryError::Format {
            location: location(),
            source,
        };
        let outline: Outline = serde_json::from_slice(contents).map_err(malformed)?;
        if outline.format > FORMAT {
            return Err(HistoryError::Newer {
                location: location(),
                format: outline.format,
                needs: outline
                    .needs
                    .unwrap_or_else(|| "a newer version".to_owned()),
            });
        }
        let format: Format = serde_json::from_slice(contents).map_err(malformed)?;
        Ok(History {
            store,
            id: format.id,
            beginning: Position {
                seq: 0,
                hash: Hash::of(contents),
                at: format.created,
            },
            patience: PATIENCE,
        })
    }

    /// Looks whether a store keeps its word, as [`init`](History::init) does.
    ///
    /// # Errors
    ///
    /// If it does not, or fails.
    pub async fn check_store(store: &Store) -> Result<(), HistoryError> {
        probe(store).await?.map_err(|broken| HistoryError::Unfit {
            location: store.location().to_owned(),
            source: Box::new(broken),
        })
    }

    /// How long a commit tries before it gives up; half a minute, if nobody says.
    #[must_use]
    pub fn patience(self, patience: Duration) -> History {
        History { patience, ..self }
    }

    /// The registry's id.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// The point before the first event.
    #[must_use]
    pub fn beginning(&self) -> Position {
        self.beginning
    }

    /// The store that it lies in.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The event at a place, if there is one; what stands around it is not looked at.
    ///
    /// # Errors
    ///
    /// If the store fails, or what is there is no event that can be read here.
    pub async fn event(&self, seq: u64) -> Result<Option<Recorded>, HistoryError> {
        let contents = self.store.get(&name_of(seq)).await?;
        contents.map(|contents| read(seq, &contents)).transpose()
    }

    /// Gives every event behind a point to a function, in order and each checked against the one before it, up to the newest.
    /// Gives the point that it has come to.
    ///
    /// The more there are, the more are read at once.
    ///
    /// # Errors
    ///
    /// If the store fails, the history has been changed, or the function says so. What came before has been given.
    pub async fn follow(
        &self,
        from: Position,
        each: impl FnMut(Recorded) -> Result<(), HistoryError>,
    ) -> Result<Position, HistoryError> {
        self.follow_up_to(from, u64::MAX, each).await
    }

    /// As [`follow`](History::follow), up to an event at most.
    ///
    /// # Errors
    ///
    /// As [`follow`](History::follow).
    pub async fn follow_up_to(
        &self,
        from: Position,
        last: u64,
        mut each: impl FnMut(Recorded) -> Result<(), HistoryError>,
    ) -> Result<Position, HistoryError> {
        let mut position = from;
        let mut ahead = 1;
        loop {
            let next = position.seq + 1;
            if position.seq >= last {
                return Ok(position);
            }
            let until = next.saturating_add(ahead).min(last.saturating_add(1));
            let names = (next..until).map(name_of).collect();
            let (run, is_end) = self.store.get_run(names).await;
            for (seq, contents) in (next..).zip(run) {
                let recorded = read(seq, &contents)?;
                check(position, seq, &recorded.event)?;
                position = Position {
                    seq,
                    hash: recorded.hash,
                    at: recorded.event.at,
                };
                each(recorded)?;
            }
            if is_end? {
                return Ok(position);
            }
            ahead = (ahead * 2).min(READ_AHEAD);
        }
    }

    /// Writes an event's object if its place is free.
    pub(crate) async fn put(&self, seq: u64, contents: Bytes) -> Result<Put, StoreError> {
        self.store.put_new(&name_of(seq), contents).await
    }
}

impl HistoryError {
    /// Whether an event is not as it must be, so that it must be put back; of one that a later version wrote, nothing is wrong.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            HistoryError::Event { source, .. } => !matches!(source, EventError::Newer { .. }),
            HistoryError::Fold { source, .. } => !source.is_unknown(),
            HistoryError::Broken { .. } => true,
            _ => false,
        }
    }
}

impl Position {
    /// The point behind an event.
    #[must_use]
    pub fn of(recorded: &Recorded) -> Position {
        Position {
            seq: recorded.event.seq,
            hash: recorded.hash,
            at: recorded.event.at,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "event {} of {}", self.seq, self.at)
    }
}

/// The time, as precisely as events have it.
pub(crate) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// The name of an event's object. Twenty digits hold every number, so names sort as numbers do.
pub(crate) fn name_of(seq: u64) -> String {
    format!("{EVENTS}/{seq:020}.json")
}

pub(crate) fn read(seq: u64, contents: &[u8]) -> Result<Recorded, HistoryError> {
    let event =
        Event::from_bytes(contents).map_err(|source| HistoryError::Event { seq, source })?;
    Ok(Recorded {
        event,
        hash: Hash::of(contents),
    })
}

/// Whether an event may stand at a place, behind another.
pub(crate) fn check(before: Position, seq: u64, event: &Event) -> Result<(), HistoryError> {
    let what = if event.seq != seq {
        "it says that its number is another"
    } else if event.prev != before.hash {
        "what is before it is not what was there when it was written"
    } else if event.at < before.at {
        "it is older than the one before it"
    } else {
        return Ok(());
    };
    Err(HistoryError::Broken { seq, what })
}
