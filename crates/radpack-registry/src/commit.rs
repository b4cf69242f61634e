//! Committing: an event is decided on against the newest state, and written behind it if nobody was faster.
//!
//! The write of the next name, if absent, is the commit, so of all that compete for a place one wins, and the others look at what it
//! did and decide again. Where the answer to a write is lost, the same bytes are written again until the place is taken, by
//! whomever: the event's id then tells. So an effect is neither lost nor doubled, wherever the answer went missing; and where time
//! runs out first, the command may be sent again, for each is carried out once.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};
use uuid::Uuid;

use crate::event::{Event, FORMAT, Hash, LARGEST, Recorded};
use crate::history::{History, HistoryError, Position, now};
use crate::rules::Broken;
use crate::store::{Put, StoreError, StoreErrorKind};

/// The first pause after an unclear answer; it doubles up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A state that events make, one after another. A pure function of them: no clock, no chance, nothing from elsewhere.
pub trait Fold {
    /// Takes one event in. Whoever decides on events makes none that this refuses: one that is written stays, and stops all who read
    /// on. So an error means that a later version has written it, or that the history was not written by Radpack.
    ///
    /// # Errors
    ///
    /// If it means nothing here, or nothing that can be.
    fn apply(&mut self, recorded: &Recorded) -> Result<(), FoldError>;

    /// Whether [`apply`](Fold::apply) would take an event in. Asked before the event is written, so that one that stops all readers
    /// is not.
    ///
    /// # Errors
    ///
    /// If it would not.
    fn check(&self, recorded: &Recorded) -> Result<(), FoldError> {
        let _ = recorded;
        Ok(())
    }
}

/// What an event will be, should the decision become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// Its number.
    pub seq: u64,
    /// Its id.
    pub id: Uuid,
    /// Its time.
    pub at: Timestamp,
}

/// Why an event means nothing.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct FoldError {
    message: String,
    is_unknown: bool,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What is to be done, and by whom.
#[derive(Clone, Debug)]
pub struct Command {
    /// Its id: a command that is sent again under the same one is not carried out again.
    pub id: Uuid,
    /// Who it is from.
    pub by: String,
    /// Whether it may have been sent before, from here or elsewhere.
    pub(crate) sent: Arc<AtomicBool>,
}

/// What a command comes to: the kind of event and its facts.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    kind: &'static str,
    needs: &'static str,
    payload: Value,
}

/// Why a command is not carried out, in the words of whoever decided.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    kind: RefusalKind,
    message: String,
    /// What it would leave unresolvable.
    breaks: Vec<Broken>,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What can be done about a [`Refusal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalKind {
    /// What was asked for makes no sense, however things stand.
    Invalid,
    /// It names something that is not there.
    Unknown,
    /// As things stand, it may not be.
    Conflict,
    /// It was decided on a state that has changed since: look again.
    Stale,
    /// It would leave something unresolvable; it may be forced, with a reason.
    Unresolvable,
    /// Whoever asks may not.
    Denied,
}

/// A command that has been carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Committed {
    /// The event.
    pub recorded: Recorded,
    /// Whether that was before: the command was sent again.
    pub repeated: bool,
}

/// Why a command was not carried out, or nobody knows whether it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// It may not be, as things stand.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The history cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The store did not take it; nothing has happened.
    #[error("nothing was committed")]
    Failed(#[source] StoreError),
    /// Others were faster, again and again; nothing has happened.
    #[error("nothing was committed: for {} s, others were faster each time; try again", .0.as_secs())]
    Contended(Duration),
    /// The store did not say whether it took it.
    #[error(
        "the outcome is unknown: the store did not say whether it took event {seq}; the same command may be sent again safely, its id is {command}"
    )]
    Unknown {
        /// The command's id.
        command: Uuid,
        /// The place that was to be taken.
        seq: u64,
        /// The last answer.
        #[source]
        source: StoreError,
    },
}

/// A state, and the point of the history that it is of.
#[derive(Clone, Debug, Default)]
pub struct Ledger<S> {
    state: S,
    position: Option<Position>,
    /// The events that carried out commands, by the commands' ids: all of them, or those since a checkpoint.
    carried_out: HashMap<Uuid, u64>,
}

impl<S> Ledger<S> {
    /// The state.
    #[must_use]
    pub fn state(&self) -> &S {
        &self.state
    }

    pub(crate) fn at(state: S, position: Position) -> Ledger<S> {
        Ledger {
            state,
            position: Some(position),
            carried_out: HashMap::new(),
        }
    }

    /// The commands that are known to have been carried out, and the events that did.
    pub(crate) fn carried_out(&self) -> impl Iterator<Item = (Uuid, u64)> {
        self.carried_out.iter().map(|(id, seq)| (*id, *seq))
    }

    /// Learns of commands that were carried out.
    pub(crate) fn learn(&mut self, commands: impl IntoIterator<Item = (Uuid, u64)>) {
        self.carried_out.extend(commands);
    }

    /// The newest event in it; `None` before it has been read for the first time.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.position
    }
}

impl<S> Ledger<S> {
    pub(crate) fn state_mut(&mut self) -> &mut S {
        &mut self.state
    }

    pub(crate) fn position_or(&mut self, beginning: Position) -> &Position {
        self.position.get_or_insert(beginning)
    }
}

impl<S: Fold> Ledger<S> {
    pub(crate) fn apply(&mut self, recorded: &Recorded) -> Result<(), HistoryError> {
        let event = &recorded.event;
        self.state
            .apply(recorded)
            .map_err(|source| HistoryError::Fold {
                seq: event.seq,
                source,
            })?;
        self.carried_out.insert(event.command, event.seq);
        self.position = Some(Position::of(recorded));
        Ok(())
    }
}

impl History {
    /// Brings a ledger up to the newest event.
    ///
    /// # Errors
    ///
    /// If the history cannot be read. What could be read is in the ledger.
    pub async fn catch_up<S: Fold>(
        &self,
        ledger: &mut Ledger<S>,
    ) -> Result<Position, HistoryError> {
        let from = *ledger.position.get_or_insert(self.beginning());
        self.follow(from, |recorded| ledger.apply(&recorded)).await
    }

    /// What a command came to that is known to have been carried out.
    pub(crate) async fn carried_before<S>(
        &self,
        ledger: &Ledger<S>,
        command: &Command,
    ) -> Result<Option<Committed>, HistoryError> {
        let Some(&seq) = ledger.carried_out.get(&command.id) else {
            return Ok(None);
        };
        let recorded = self.event(seq).await?.ok_or(HistoryError::Broken {
            seq,
            what: "it is no longer there",
        })?;
        Ok(Some(Committed {
            recorded,
            repeated: true,
        }))
    }

    /// Carries out a command: `decide` says what it comes to, given the newest state and the place of the event, and is asked again where another writer was
    /// faster. Once this gives the event, it is in the store for good.
    ///
    /// # Errors
    ///
    /// If `decide` refuses, the history cannot be read, or the store does not take the event.
    pub async fn commit<S: Fold>(
        &self,
        ledger: &mut Ledger<S>,
        command: &Command,
        mut decide: impl FnMut(&S, &Place) -> Result<Decision, Refusal>,
    ) -> Result<Committed, CommitError> {
        let deadline = Instant::now() + self.patience;
        loop {
            let position = self.catch_up(ledger).await?;
            if let Some(before) = self.carried_before(ledger, command).await? {
                return Ok(before);
            }
            let place = Place {
                seq: position.seq + 1,
                id: Uuid::now_v7(),
                at: now().max(position.at),
            };
            let decision = decide(ledger.state(), &place)?;
            let event = Event {
                format: FORMAT,
                needs: decision.needs.to_owned(),
                seq: place.seq,
                id: place.id,
                command: command.id,
                at: place.at,
                by: command.by.clone(),
                prev: position.hash,
                kind: decision.kind.to_owned(),
                payload: decision.payload,
            };
            let contents = Bytes::from(event.to_bytes());
            // No backup could take it in, and it could never be taken back.
            if contents.len() as u64 > LARGEST {
                let message = format!(
                    "its event would have {} bytes, and one may have {LARGEST}: do it in parts",
                    contents.len()
                );
                return Err(Refusal::of(RefusalKind::Invalid, message).into());
            }
            let recorded = Recorded {
                hash: Hash::of(&contents),
                event,
            };
            ledger
                .state()
                .check(&recorded)
                .map_err(|source| HistoryError::Fold {
                    seq: place.seq,
                    source,
                })?;
            if let Some(recorded) = self.write(recorded, contents, deadline).await? {
                ledger.apply(&recorded)?;
                return Ok(Committed {
                    recorded,
                    repeated: false,
                });
            }
            if Instant::now() >= deadline {
                return Err(CommitError::Contended(self.patience));
            }
        }
    }

    /// Writes an event to its place. `None`: another one has it.
    async fn write(
        &self,
        recorded: Recorded,
        contents: Bytes,
        deadline: Instant,
    ) -> Result<Option<Recorded>, CommitError> {
        let event = &recorded.event;
        let mut pause = PAUSE;
        // The last answer that left open whether a write was done, or will be.
        let mut unclear = None;
        loop {
            let put = timeout_at(deadline, self.put(event.seq, contents.clone())).await;
            match put.unwrap_or_else(|_| Err(self.store().timed_out())) {
                Ok(Put::Written) => return Ok(Some(recorded)),
                Ok(Put::Taken) => match self.event(event.seq).await {
                    // An earlier attempt of ours, whose answer was lost, has it; or another event.
                    Ok(Some(found)) => return Ok((found.event.id == event.id).then_some(found)),
                    // Taken by what is not there: a write is under way, and it may be ours, sent again by the client.
                    Ok(None) => {
                        unclear.get_or_insert_with(|| self.store().timed_out());
                    }
                    Err(HistoryError::Store(error)) => unclear = Some(error),
                    Err(error) => return Err(error.into()),
                },
                Err(error) if error.kind() == StoreErrorKind::Unclear => unclear = Some(error),
                // Nothing of it can happen later, but it may have happened before it failed.
                Err(error) => {
                    let there = self.event(event.seq).await;
                    let is_nothing = unclear.is_none()
                        && (is_refusal(&error) || (there.is_ok() && self.store().is_settled()));
                    return match there {
                        Ok(Some(found)) => Ok((found.event.id == event.id).then_some(found)),
                        Ok(None) | Err(_) if is_nothing => Err(CommitError::Failed(error)),
                        Ok(None) | Err(_) => Err(unknown(event, error)),
                    };
                }
            }
            let waited = timeout_at(deadline, sleep(jittered(pause))).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            if waited.is_err() {
                return Err(match unclear {
                    Some(error) => unknown(event, error),
                    None => CommitError::Contended(self.patience),
                });
            }
        }
    }
}

/// Whether a store says no: by that request, it has done nothing. One before it may still be under way.
fn is_refusal(error: &StoreError) -> bool {
    matches!(
        error.kind(),
        StoreErrorKind::Denied | StoreErrorKind::Unsupported | StoreErrorKind::Address
    )
}

fn unknown(event: &Event, source: StoreError) -> CommitError {
    CommitError::Unknown {
        command: event.command,
        seq: event.seq,
        source,
    }
}

impl Command {
    /// A command of someone, under a new id.
    #[must_use]
    pub fn new(by: impl Into<String>) -> Command {
        Command {
            id: Uuid::now_v7(),
            by: by.into(),
            sent: Arc::default(),
        }
    }

    /// A command that may have been sent before, under its id.
    #[must_use]
    pub fn again(id: Uuid, by: impl Into<String>) -> Command {
        Command {
            id,
            by: by.into(),
            sent: Arc::new(AtomicBool::new(true)),
        }
    }

    /// Whether it may have been sent before.
    pub(crate) fn may_be_old(&self) -> bool {
        self.sent.load(Ordering::Relaxed)
    }

    /// Notes that it is being sent; says whether that may have been so before.
    pub(crate) fn send(&self) -> bool {
        self.sent.swap(true, Ordering::Relaxed)
    }
}

impl Decision {
    /// An event of a kind that every version of Radpack knows that has registries.
    #[must_use]
    pub fn new(kind: &'static str, payload: Value) -> Decision {
        Decision {
            kind,
            needs: "0.1.0",
            payload,
        }
    }

    pub(crate) fn into_payload(self) -> Value {
        self.payload
    }

    /// Says which version was the first to know this kind of event.
    #[must_use]
    pub fn needs(self, needs: &'static str) -> Decision {
        Decision { needs, ..self }
    }
}

impl FoldError {
    /// An event of a kind, or in a form, that is not known here.
    #[must_use]
    pub fn unknown(event: &Event) -> FoldError {
        FoldError {
            message: format!(
                "events of the kind {:?} are not known here: use Radpack {} or later",
                event.kind, event.needs
            ),
            is_unknown: true,
            source: None,
        }
    }

    /// An event that cannot be.
    #[must_use]
    pub fn new(message: impl Into<String>) -> FoldError {
        FoldError {
            message: message.into(),
            is_unknown: false,
            source: None,
        }
    }

    /// Whether a later version of Radpack knows what the event means.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.is_unknown
    }

    /// With what caused it.
    #[must_use]
    pub fn caused_by(self, source: impl std::error::Error + Send + Sync + 'static) -> FoldError {
        FoldError {
            source: Some(Box::new(source)),
            ..self
        }
    }
}

impl Refusal {
    /// A refusal in these words: what, and what to do about it.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Refusal {
        Refusal::of(RefusalKind::Conflict, message)
    }

    /// A refusal of a kind.
    #[must_use]
    pub fn of(kind: RefusalKind, message: impl Into<String>) -> Refusal {
        Refusal {
            kind,
            message: message.into(),
            breaks: Vec::new(),
            source: None,
        }
    }

    /// With what it would leave unresolvable.
    pub(crate) fn breaking(self, breaks: Vec<Broken>) -> Refusal {
        Refusal { breaks, ..self }
    }

    /// What it would leave unresolvable.
    pub(crate) fn breaks(&self) -> &[Broken] {
        &self.breaks
    }

    /// What can be done about it.
    #[must_use]
    pub fn kind(&self) -> RefusalKind {
        self.kind
    }

    /// What it says, and what caused it, in one line.
    #[must_use]
    pub fn in_full(&self) -> String {
        let mut line = self.message.clone();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            line.push_str(": ");
            line.push_str(&error.to_string());
            cause = error.source();
        }
        line
    }

    /// With what caused it.
    #[must_use]
    pub fn caused_by(self, source: impl std::error::Error + Send + Sync + 'static) -> Refusal {
        Refusal {
            source: Some(Box::new(source)),
            ..self
        }
    }
}

impl fmt::Display for Committed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let event = &self.recorded.event;
        write!(formatter, "event {}: {}", event.seq, event.kind)
    }
}

/// A pause of half as long to as long, so that writers that were stopped together do not go on together.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + fastrand::f64() / 2.0)
}
