//! A registry as those see it who use it: a state to read, and commands to carry out.

mod checkpoints;
mod past;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::blobs::{self, Uploads};
use crate::checkpoint::Checkpoint;
use crate::commit::{Command, CommitError, Committed, Ledger, Place, Refusal, RefusalKind};
use crate::event::Hash;
use crate::history::{History, HistoryError, Position, now};
use crate::publishing::Builder;
use crate::rules::{Decided, Effect, Rule, Sender};
use crate::state::State;
use crate::state::fact::{Fact, NewContents, SourceFile, TokenCreated};
use crate::state::package::RELEASE;
use crate::state::token::{Right, Token};
use crate::store::Store;

/// A registry in a store. Cheap to clone; clones share what was read.
#[derive(Clone, Debug)]
pub struct Registry {
    history: History,
    ledger: Arc<tokio::sync::Mutex<Open>>,
    /// The state as it was read last, for those who do not wait for a commit.
    seen: Arc<Mutex<Option<Moment>>>,
    background: Arc<Mutex<Option<JoinHandle<()>>>>,
    builder: Builder,
    bounds: Arc<Bounds>,
}

/// What those are held to who come with a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How many drafts there may be of the packages that a token is for, and the one that it comes from. By default 1,000.
    pub drafts: usize,
    /// The channels whose releases everybody may see. Of other versions, and of consumers, that depend on something only those are told whose
    /// token shows them. By default `release`.
    pub public_channels: Vec<String>,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            drafts: 1_000,
            public_channels: vec![RELEASE.to_owned()],
        }
    }
}

/// A state, and the point of the history that it is of. A copy costs nothing.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The state.
    pub state: State,
    /// The point of the history.
    pub position: Position,
}

#[derive(Debug, Default)]
struct Open {
    ledger: Ledger<State>,
    /// The checkpoint that it was opened at, or that was written since.
    checkpoint: Option<Checkpoint>,
    /// Whether the ledger knows all commands that were ever carried out, or only those since the checkpoint.
    knows_commands: bool,
}

impl Open {
    /// The ledger that a fold of the whole history begins with.
    fn anew() -> Open {
        Open {
            knows_commands: true,
            ..Open::default()
        }
    }

    /// Takes over what another one knows of the commands that were carried out.
    fn take_commands(&mut self, other: &Open) {
        self.ledger.learn(other.ledger.carried_out());
        // Which is all, unless it had not come so far.
        let begun = self.checkpoint.as_ref().map(|it| it.position.seq);
        let come = other.ledger.position().map(|position| position.seq);
        self.knows_commands |= other.knows_commands && come >= begun;
    }
}

/// Who a command is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Their name, unless a token says another.
    pub name: String,
    /// The secret of a token; without one, everything is allowed, as on one's own disk.
    pub token: Option<String>,
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq)]
pub enum Carried {
    /// It is in the history.
    Done(Box<Committed>),
    /// There was nothing to do, and this says why.
    Nothing(String),
}

impl Caller {
    /// Someone without a token.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Caller {
        Caller {
            name: name.into(),
            token: None,
        }
    }
}

impl Moment {
    /// The time that rollouts are seen at: now, unless the history is ahead of this clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        now().max(self.position.at)
    }
}

impl Registry {
    /// Makes a registry in a store, or opens the one that is there; says which.
    ///
    /// # Errors
    ///
    /// As [`History::init`].
    pub async fn init(store: Store) -> Result<(Registry, bool), HistoryError> {
        let initialized = History::init(store).await?;
        Ok((Registry::of(initialized.history), initialized.is_new))
    }

    /// Opens the registry in a store.
    ///
    /// # Errors
    ///
    /// As [`History::open`].
    pub async fn open(store: Store) -> Result<Registry, HistoryError> {
        Ok(Registry::of(History::open(store).await?))
    }

    /// The registry of a history.
    #[must_use]
    pub fn of(history: History) -> Registry {
        Registry {
            history,
            ledger: Arc::default(),
            seen: Arc::default(),
            background: Arc::default(),
            builder: Builder::default(),
            bounds: Arc::default(),
        }
    }

    /// Has this handle, and its clones, build what is published where a builder says.
    #[must_use]
    pub fn built_by(self, builder: Builder) -> Registry {
        Registry { builder, ..self }
    }

    /// Has this handle, and its clones, hold those to bounds who come with a token.
    #[must_use]
    pub fn bounded(self, bounds: Bounds) -> Registry {
        Registry {
            bounds: Arc::new(bounds),
            ..self
        }
    }

    pub(crate) fn builder(&self) -> &Builder {
        &self.builder
    }

    /// Its history.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The store that it lies in.
    #[must_use]
    pub fn store(&self) -> &Store {
        self.history.store()
    }

    /// The state at the newest event.
    ///
    /// # Errors
    ///
    /// If the history cannot be read.
    pub async fn refresh(&self) -> Result<Moment, HistoryError> {
        let mut open = self.ledger.lock().await;
        self.catch_up(&mut open).await
    }

    /// The state as it was read last, without asking the store; `None` before it was read for the first time.
    #[must_use]
    pub fn seen(&self) -> Option<Moment> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What a command would come to, and what that would change; nothing is recorded.
    ///
    /// # Errors
    ///
    /// If it would be refused, or the history cannot be read.
    pub async fn preview(
        &self,
        caller: &Caller,
        rule: &impl Rule,
    ) -> Result<(Decided, Effect), CommitError> {
        let moment = self.refresh().await?;
        let place = Place {
            seq: moment.position.seq + 1,
            id: Uuid::now_v7(),
            at: moment.now(),
        };
        let answer = self
            .ask(&moment, |state| {
                let sender = self.authorize(state, &place, caller, rule)?;
                let decided = decide(rule, state, &place, sender.as_ref())?;
                let effect = match &decided {
                    Decided::Fact(fact) => state
                        .effect(fact, &place)
                        .map_err(|error| Refusal::new("it cannot be").caused_by(error))?,
                    Decided::Nothing(_) => Effect::default(),
                };
                let effect = match &sender {
                    Some(sender) => effect.shown_to(sender),
                    None => effect,
                };
                Ok::<_, Refusal>((decided, effect))
            })
            .await?;
        Ok(answer?)
    }

    /// Whether a caller may send a command, as things stand.
    ///
    /// # Errors
    ///
    /// If they may not, or the history cannot be read.
    pub async fn check_rights(&self, caller: &Caller, rule: &impl Rule) -> Result<(), CommitError> {
        let moment = self.refresh().await?;
        let place = Place {
            seq: moment.position.seq + 1,
            id: Uuid::nil(),
            at: moment.now(),
        };
        let answer = self
            .ask(&moment, |state| {
                self.authorize(state, &place, caller, rule).map(|_| ())
            })
            .await?;
        Ok(answer?)
    }

    /// Whether a caller has rights for packages, as things stand: before anything is done for them, or told to them.
    pub(crate) async fn check_may(
        &self,
        caller: &Caller,
        rights: &[Right],
        packages: &BTreeSet<String>,
    ) -> Result<(), CommitError> {
        let Some(secret) = &caller.token else {
            return Ok(());
        };
        let moment = self.refresh().await?;
        let answer = self
            .ask(&moment, |state| {
                check_grants(state.standing(secret, moment.now())?, rights, packages)
            })
            .await?;
        Ok(answer?)
    }

    /// What a command came to that was carried out before: who sends it again is told, however things have changed since.
    pub(crate) async fn carried_before(
        &self,
        caller: &Caller,
        command: &Command,
    ) -> Result<Option<Committed>, CommitError> {
        if !command.may_be_old() {
            return Ok(None);
        }
        let mut open = self.ledger.lock().await;
        let mut moment = self.catch_up(&mut open).await?;
        if !open.knows_commands {
            self.learn_commands(&mut open).await?;
            moment = self.catch_up(&mut open).await?;
        }
        let before = self.history.carried_before(&open.ledger, command).await?;
        drop(open);
        if let (Some(committed), Some(secret)) = (&before, &caller.token) {
            let state = &moment.state;
            let by = state.actor(state.standing(secret, moment.now())?);
            let id = command.id;
            check_own(committed, &Command::again(id, by))?;
        }
        Ok(before)
    }

    /// Carries out a command that names no new bytes.
    ///
    /// # Errors
    ///
    /// As [`carry_out_with`](Registry::carry_out_with).
    pub async fn carry_out(
        &self,
        caller: &Caller,
        command: &Command,
        rule: &impl Rule,
    ) -> Result<Carried, CommitError> {
        self.carry_out_with(caller, command, rule, &Uploads::default())
            .await
    }

    /// Carries out a command: what it comes to is decided on the newest state, the bytes that it names are sent if they are not
    /// there, and the event is committed. Once this says that it is done, it is done for good.
    ///
    /// # Errors
    ///
    /// If it is refused, or the store fails; [`CommitError`] says whether anything can have happened.
    pub async fn carry_out_with(
        &self,
        caller: &Caller,
        command: &Command,
        rule: &impl Rule,
        uploads: &Uploads,
    ) -> Result<Carried, CommitError> {
        let may_be_old = command.send();
        let mut open = self.ledger.lock().await;
        let moment = self.catch_up(&mut open).await?;
        let by = match &caller.token {
            // Also who sends a command again, and then is only told what it came to.
            Some(secret) => {
                let state = &moment.state;
                state.actor(state.standing(secret, moment.now())?)
            }
            None => caller.name.clone(),
        };
        let command = Command {
            by,
            ..command.clone()
        };
        loop {
            // Also after the ledger has left its checkpoint for another one.
            if may_be_old && !open.knows_commands {
                self.learn_commands(&mut open).await?;
            }
            let mut nothing = None;
            let mut missing = Vec::new();
            let committed = self
                .history
                .commit(&mut open.ledger, &command, |state, place| {
                    nothing = None;
                    let sender = self.authorize(state, place, caller, rule)?;
                    let fact = match decide(rule, state, place, sender.as_ref())? {
                        Decided::Fact(fact) => fact,
                        Decided::Nothing(why) => {
                            nothing = Some(why);
                            return Err(Refusal::new("there is nothing to do"));
                        }
                    };
                    if state.wants() {
                        return Err(Refusal::of(
                            RefusalKind::Stale,
                            "a package has not been read",
                        ));
                    }
                    missing = uploads.missing(state, &fact.blobs());
                    if !missing.is_empty() {
                        return Err(Refusal::of(
                            RefusalKind::Stale,
                            "bytes that it names are not there",
                        ));
                    }
                    Ok(fact.decision())
                })
                .await;
            if self.page(&mut open, u64::MAX).await? {
                continue;
            }
            if !missing.is_empty() {
                let state = open.ledger.state().reader();
                // Others go on meanwhile; what they commit is looked at before it is decided again.
                drop(open);
                uploads
                    .send(self.store(), &state, std::mem::take(&mut missing))
                    .await?;
                open = self.ledger.lock().await;
                continue;
            }
            if let Some(why) = nothing {
                return Ok(Carried::Nothing(why));
            }
            let committed = committed?;
            self.see(&open);
            if committed.repeated && caller.token.is_some() {
                check_own(&committed, &command)?;
            }
            self.keep_checkpoint(&open, committed.recorded.event.seq);
            return Ok(Carried::Done(Box::new(committed)));
        }
    }

    /// Bytes that the history names.
    ///
    /// # Errors
    ///
    /// If they are not there, or not what they were.
    pub async fn blob(&self, moment: &Moment, hash: &Hash) -> Result<Bytes, HistoryError> {
        blobs::read(self.store(), &moment.state, hash).await
    }

    /// The sources of a version, by path, as the event lists them that published it first.
    ///
    /// # Errors
    ///
    /// If the event cannot be read.
    pub async fn sources(
        &self,
        package: &str,
        contents: &crate::state::package::Contents,
    ) -> Result<BTreeMap<String, SourceFile>, HistoryError> {
        let seq = contents.listed;
        let broken = |what| HistoryError::Broken { seq, what };
        let recorded = self
            .history
            .event(seq)
            .await?
            .ok_or_else(|| broken("it is no longer there"))?;
        let fact =
            Fact::of(&recorded.event).map_err(|source| HistoryError::Fold { seq, source })?;
        let is_it = |name: &str, version: &semver::Version| {
            name == package && Some(version) == contents.listed_as.as_ref()
        };
        let listed: Option<NewContents> = match fact {
            Fact::Published(published) => {
                let mut versions = published.versions.into_iter();
                versions
                    .find(|new| is_it(&new.package, &new.version))
                    .and_then(|new| new.contents)
            }
            Fact::Imported(imported) => {
                let mut versions = imported
                    .packages
                    .into_iter()
                    .flat_map(|package| package.versions);
                versions
                    .find(|it| is_it(&it.version.package, &it.version.version))
                    .and_then(|it| it.version.contents)
            }
            _ => None,
        };
        listed
            .map(|listed| listed.sources)
            .ok_or_else(|| broken("it does not list the sources that it should"))
    }

    /// Whether whoever sends a command may, on the very state that it would be committed onto; and who that is, if they have a token.
    fn authorize<'s>(
        &'s self,
        state: &'s State,
        place: &Place,
        caller: &Caller,
        rule: &impl Rule,
    ) -> Result<Option<Sender<'s>>, Refusal> {
        let Some(secret) = &caller.token else {
            return Ok(None);
        };
        let token = state.standing(secret, place.at)?;
        let sender = Sender {
            token,
            state,
            bounds: &self.bounds,
        };
        rule.check_within(&sender)?;
        check_grants(token, &rule.rights(), &rule.concerns(state))?;
        Ok(Some(sender))
    }

    async fn catch_up(&self, open: &mut Open) -> Result<Moment, HistoryError> {
        if open.ledger.position().is_none() {
            *open = self.opened(u64::MAX).await?;
        }
        loop {
            let result = self.history.catch_up(&mut open.ledger).await;
            if self.page(open, u64::MAX).await? {
                continue;
            }
            result?;
            let moment = self.see(open).ok_or(HistoryError::Broken {
                seq: 0,
                what: "nothing was read",
            })?;
            return Ok(moment);
        }
    }

    fn see(&self, open: &Open) -> Option<Moment> {
        let moment = Moment {
            state: open.ledger.state().reader(),
            position: open.ledger.position()?,
        };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(moment.clone());
        Some(moment)
    }
}

/// Whether a command that had been carried out was the caller's own: what others did is not told to whoever knows its id.
fn check_own(committed: &Committed, command: &Command) -> Result<(), Refusal> {
    if committed.recorded.event.by == command.by {
        return Ok(());
    }
    Err(Refusal::of(
        RefusalKind::Denied,
        format!("the command {} was another's", command.id),
    ))
}

/// What a command comes to for whoever sends it with a token, if they have one.
fn decide(
    rule: &impl Rule,
    state: &State,
    place: &Place,
    sender: Option<&Sender<'_>>,
) -> Result<Decided, Refusal> {
    let decided = rule.decide(state, place);
    let Some(sender) = sender else {
        return decided;
    };
    match decided {
        // Nobody says with which token they make another: it is the one that they send.
        Ok(Decided::Fact(Fact::TokenCreated(created))) => Ok(TokenCreated {
            maker: Some(sender.token.id),
            ..created
        }
        .into()),
        Ok(decided) => Ok(decided),
        Err(refusal) => Err(sender.shown(refusal)),
    }
}

/// Whether a token has rights for packages; for none: for the whole registry.
fn check_grants(
    token: &Token,
    rights: &[Right],
    packages: &BTreeSet<String>,
) -> Result<(), Refusal> {
    for &right in rights {
        let lacking = match packages.is_empty() {
            true if !token.grants(right, None) => "the whole registry",
            true => continue,
            false => match packages
                .iter()
                .find(|name| !token.grants_pattern(right, name))
            {
                Some(name) => name,
                None => continue,
            },
        };
        let message = format!(
            "the token of {} has not the right to {right} for {lacking}: who has admin rights makes one that has, with `radpack token create`",
            token.holder
        );
        return Err(Refusal::of(RefusalKind::Denied, message));
    }
    Ok(())
}
