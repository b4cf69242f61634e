//! A registry as those see it who use it: a state to read, and commands to carry out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::blobs::{self, Uploads};
use crate::checkpoint::{self, Checkpoint, NewShard, Taken, Written};
use crate::commit::{Command, CommitError, Committed, Ledger, Place, Refusal, RefusalKind};
use crate::event::Hash;
use crate::history::{History, HistoryError, Position, now};
use crate::moment::MomentToken;
use crate::rules::{Decided, Effect, Rule};
use crate::state::State;
use crate::state::fact::{Fact, NewContents, SourceFile};
use crate::state::token::Token;
use crate::store::Store;

/// A registry in a store. Cheap to clone; clones share what was read.
#[derive(Clone, Debug)]
pub struct Registry {
    history: History,
    ledger: Arc<tokio::sync::Mutex<Open>>,
    /// The state as it was read last, for those who do not wait for a commit.
    seen: Arc<Mutex<Option<Moment>>>,
    background: Arc<Mutex<Option<JoinHandle<()>>>>,
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
        }
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

    /// The state at an event: the newest checkpoint before it, and the events since.
    ///
    /// # Errors
    ///
    /// If the history cannot be read, or ends before.
    pub async fn at(&self, seq: u64) -> Result<Moment, HistoryError> {
        if let Some(seen) = self.seen().filter(|seen| seen.position.seq == seq) {
            return Ok(seen);
        }
        let mut open = self.opened(seq).await?;
        loop {
            let from = *open.ledger.position_or(self.history.beginning());
            let result = self
                .history
                .follow_up_to(from, seq, |recorded| open.ledger.apply(&recorded))
                .await;
            if self.page(&mut open).await? {
                continue;
            }
            let position = result?;
            if position.seq < seq {
                return Err(HistoryError::NotYet {
                    seq,
                    newest: position.seq,
                });
            }
            return Ok(Moment {
                state: open.ledger.state().reader(),
                position,
            });
        }
    }

    /// The state that a moment means, and the time that rollouts are seen at.
    ///
    /// # Errors
    ///
    /// If it has not come, the history has another event there, or it cannot be read.
    pub async fn at_moment(&self, token: &MomentToken) -> Result<(Moment, Timestamp), CommitError> {
        let refuse =
            |message: String| CommitError::from(Refusal::of(RefusalKind::Unknown, message));
        let newest = self.refresh().await?;
        let not_yet = |seq: u64| {
            refuse(format!(
                "event {seq} has not happened: the newest is {}",
                newest.position.seq
            ))
        };
        match token {
            MomentToken::Seq(seq) if *seq > newest.position.seq => Err(not_yet(*seq)),
            MomentToken::Seq(seq) => {
                let moment = self.at(*seq).await?;
                let at = moment.position.at;
                Ok((moment, at))
            }
            MomentToken::Full { seq, hash, at } => {
                if *seq > newest.position.seq {
                    return Err(not_yet(*seq));
                }
                let moment = self.at(*seq).await?;
                if !moment.position.hash.to_string().starts_with(hash.as_str())
                    || *at < moment.position.at
                {
                    return Err(refuse(format!("{token} is no moment of this registry")));
                }
                if *at > newest.now() {
                    return Err(refuse(format!("{token} has not come")));
                }
                Ok((moment, *at))
            }
            MomentToken::Time(at) => {
                if *at > newest.now() {
                    return Err(refuse(format!("{at} has not come")));
                }
                let beginning = self.history.beginning();
                if *at < beginning.at {
                    return Err(refuse(format!(
                        "the registry was made at {}, after {at}",
                        beginning.at
                    )));
                }
                // Times never fall, so the newest event of a time is found by halves.
                let (mut low, mut high) = (0, newest.position.seq);
                while low < high {
                    let middle = low + (high - low).div_ceil(2);
                    let event = self
                        .history
                        .event(middle)
                        .await?
                        .ok_or(HistoryError::Broken {
                            seq: middle,
                            what: "it is no longer there",
                        })?;
                    if event.event.at <= *at {
                        low = middle;
                    } else {
                        high = middle - 1;
                    }
                }
                Ok((self.at(low).await?, *at))
            }
        }
    }

    /// Asks something of a state. What is asked for and has not been read is read, and then it is asked again.
    ///
    /// # Errors
    ///
    /// If a checkpoint cannot be read.
    pub async fn ask<T>(
        &self,
        moment: &Moment,
        mut question: impl FnMut(&State) -> T,
    ) -> Result<T, HistoryError> {
        let state = moment.state.reader();
        loop {
            let answer = question(&state);
            let wanted = state.take_wanted();
            if wanted.is_empty() {
                return Ok(answer);
            }
            self.read(&state, moment.position, wanted).await?;
        }
    }

    /// Reads all packages of a state, so that it can be asked without being asked again.
    ///
    /// # Errors
    ///
    /// If a checkpoint cannot be read.
    pub async fn read_all(&self, moment: &Moment) -> Result<(), HistoryError> {
        let names: Vec<Arc<str>> = moment.state.packages.keys().cloned().collect();
        self.read(&moment.state, moment.position, names).await
    }

    /// Reads packages of a state that are only known by name. What a checkpoint no longer has, the events have.
    async fn read(
        &self,
        state: &State,
        position: Position,
        names: impl IntoIterator<Item = Arc<str>> + Clone,
    ) -> Result<(), HistoryError> {
        match checkpoint::load(self.store(), state, names.clone()).await {
            Err(HistoryError::Checkpoint { .. }) => {}
            read => return read,
        }
        let mut fresh = Ledger::<State>::default();
        self.history
            .follow_up_to(self.history.beginning(), position.seq, |recorded| {
                fresh.apply(&recorded)
            })
            .await?;
        state.read_from(fresh.state());
        // A package that only the checkpoint knows has never been.
        match names.into_iter().find(|name| !state.has_read(name)) {
            Some(name) => Err(HistoryError::Checkpoint {
                seq: position.seq,
                what: format!("the history knows no package {name}"),
            }),
            None => Ok(()),
        }
    }

    /// What a command would come to, and what that would change; nothing is recorded.
    ///
    /// # Errors
    ///
    /// If it would be refused, or the history cannot be read.
    pub async fn preview(&self, rule: &impl Rule) -> Result<(Decided, Effect), CommitError> {
        let moment = self.refresh().await?;
        let place = Place {
            seq: moment.position.seq + 1,
            id: Uuid::now_v7(),
            at: moment.now(),
        };
        let answer = self
            .ask(&moment, |state| {
                let decided = rule.decide(state, &place)?;
                let effect = match &decided {
                    Decided::Fact(fact) => state
                        .effect(fact, &place)
                        .map_err(|error| Refusal::new("it cannot be").caused_by(error))?,
                    Decided::Nothing(_) => Effect::default(),
                };
                Ok::<_, Refusal>((decided, effect))
            })
            .await?;
        Ok(answer?)
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
        if may_be_old && !open.knows_commands {
            let commands = match &open.checkpoint {
                Some(checkpoint) => checkpoint::commands(self.store(), checkpoint).await,
                None => Ok(Vec::new()),
            };
            match commands {
                Ok(commands) => {
                    open.ledger.learn(commands);
                    open.knows_commands = true;
                }
                // Folded anew, it knows them all.
                Err(HistoryError::Checkpoint { .. }) => *open = Open::anew(),
                Err(error) => return Err(error.into()),
            }
        }
        let by = match &caller.token {
            // Also who sends a command again, and then is only told what it came to.
            Some(secret) => standing(&moment.state, secret, moment.now())?
                .holder
                .clone(),
            None => caller.name.clone(),
        };
        let command = Command {
            by,
            ..command.clone()
        };
        loop {
            let mut nothing = None;
            let mut missing = Vec::new();
            let committed = self
                .history
                .commit(&mut open.ledger, &command, |state, place| {
                    nothing = None;
                    authorize(state, place, caller, rule)?;
                    let fact = match rule.decide(state, place)? {
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
            if self.page(&mut open).await? {
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

    /// Waits for what goes on behind the commits: a checkpoint being written.
    pub async fn settle(&self) {
        let background = self
            .background
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(background) = background {
            // A checkpoint that was not written will be written by another.
            let _ = background.await;
        }
    }

    /// Writes a checkpoint of the newest event now.
    ///
    /// # Errors
    ///
    /// If the history cannot be read, or the store fails.
    pub async fn checkpoint(&self) -> Result<Position, HistoryError> {
        self.settle().await;
        let mut open = self.ledger.lock().await;
        let moment = self.catch_up(&mut open).await?;
        if moment.position.seq == 0 {
            return Ok(moment.position);
        }
        let (written, shards) = match self.write_checkpoint(&open).await {
            Err(HistoryError::Checkpoint { .. }) => {
                *open = Open::anew();
                self.catch_up(&mut open).await?;
                self.write_checkpoint(&open).await?
            }
            written => written?,
        };
        let position = written.position;
        note_shards(&mut open, written, shards);
        Ok(position)
    }

    async fn write_checkpoint(&self, open: &Open) -> Result<Written, HistoryError> {
        let taken = Taken::from(&open.ledger, open.checkpoint.as_ref());
        let taken = taken.ok_or(HistoryError::Broken {
            seq: 0,
            what: "nothing was read",
        })?;
        taken.write(&self.history).await
    }

    /// The ledger at the newest checkpoint before an event, or at the beginning.
    async fn opened(&self, up_to: u64) -> Result<Open, HistoryError> {
        Ok(match checkpoint::newest(&self.history, up_to).await? {
            Some((ledger, checkpoint)) => Open {
                ledger,
                checkpoint: Some(checkpoint),
                knows_commands: false,
            },
            None => Open::anew(),
        })
    }

    async fn catch_up(&self, open: &mut Open) -> Result<Moment, HistoryError> {
        if open.ledger.position().is_none() {
            *open = self.opened(u64::MAX).await?;
        }
        loop {
            let result = self.history.catch_up(&mut open.ledger).await;
            if self.page(open).await? {
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

    /// Reads what was wanted of the checkpoint; says whether there was anything. Where the checkpoint turns out to be worth nothing,
    /// the ledger is at the beginning again: whoever asks goes on from there.
    async fn page(&self, open: &mut Open) -> Result<bool, HistoryError> {
        let wanted = open.ledger.state().take_wanted();
        if wanted.is_empty() {
            return Ok(false);
        }
        match checkpoint::load(self.store(), open.ledger.state(), wanted).await {
            Ok(()) => {}
            Err(HistoryError::Checkpoint { .. }) => *open = Open::anew(),
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    fn see(&self, open: &Open) -> Option<Moment> {
        let moment = Moment {
            state: open.ledger.state().reader(),
            position: open.ledger.position()?,
        };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(moment.clone());
        Some(moment)
    }

    /// Whoever commits the event that a checkpoint is due at writes it, while others go on.
    fn keep_checkpoint(&self, open: &Open, seq: u64) {
        let interval = checkpoint::interval(open.ledger.state());
        let since = seq
            - open
                .checkpoint
                .as_ref()
                .map_or(0, |checkpoint| checkpoint.position.seq)
                .min(seq);
        // One that was due at another's event was not written, if this many have passed.
        if !(since >= interval && seq.is_multiple_of(interval) || since >= 2 * interval) {
            return;
        }
        let mut background = self
            .background
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if background.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let Some(taken) = Taken::from(&open.ledger, open.checkpoint.as_ref()) else {
            return;
        };
        let (history, ledger) = (self.history.clone(), Arc::clone(&self.ledger));
        *background = Some(tokio::spawn(async move {
            if let Ok((checkpoint, shards)) = taken.write(&history).await {
                note_shards(&mut *ledger.lock().await, checkpoint, shards);
            }
        }));
    }
}

/// A checkpoint was written: what has not changed since lies there.
fn note_shards(open: &mut Open, checkpoint: Checkpoint, shards: Vec<NewShard>) {
    open.ledger.state_mut().note_shards(shards);
    open.checkpoint = Some(checkpoint);
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

fn no_token() -> Refusal {
    Refusal::of(RefusalKind::Denied, "the token is none of this registry's")
}

/// The token with a secret, if it is worth anything at a time.
fn standing<'s>(state: &'s State, secret: &str, at: Timestamp) -> Result<&'s Token, Refusal> {
    let denied = |message: String| Err(Refusal::of(RefusalKind::Denied, message));
    let Some(token) = state.token_with(secret) else {
        return Err(no_token());
    };
    if let Some(seq) = token.revoked {
        return denied(format!(
            "the token of {} was revoked by event {seq}",
            token.holder
        ));
    }
    if let Some(expires) = token.expires.filter(|expires| *expires <= at) {
        return denied(format!(
            "the token of {} expired at {expires}",
            token.holder
        ));
    }
    Ok(token)
}

/// Whether whoever sends a command may, on the very state that it would be committed onto.
fn authorize(
    state: &State,
    place: &Place,
    caller: &Caller,
    rule: &impl Rule,
) -> Result<(), Refusal> {
    let Some(secret) = &caller.token else {
        return Ok(());
    };
    let token = standing(state, secret, place.at)?;
    let denied = |message: String| Err(Refusal::of(RefusalKind::Denied, message));
    rule.check_within(token)?;
    let concerns = rule.concerns(state);
    for right in rule.rights() {
        let lacking = match concerns.is_empty() {
            true if !token.grants(right, None) => "the whole registry".to_owned(),
            true => continue,
            false => match concerns
                .iter()
                .find(|name| !token.grants_pattern(right, name))
            {
                Some(name) => name.clone(),
                None => continue,
            },
        };
        return denied(format!(
            "the token of {} has not the right to {right} for {lacking}: who has admin rights makes one that has, with `radpack token create`",
            token.holder
        ));
    }
    Ok(())
}
