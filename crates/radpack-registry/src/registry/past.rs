//! What a registry was at a moment, and what lies in its checkpoints.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Moment, Open, Registry};
use crate::checkpoint;
use crate::commit::{CommitError, Refusal, RefusalKind};
use crate::history::{HistoryError, Position};
use crate::moment::MomentToken;
use crate::state::State;

impl Registry {
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
        self.folded(&mut open, seq).await
    }

    /// The state at an event that a ledger has not come to yet.
    async fn folded(&self, open: &mut Open, seq: u64) -> Result<Moment, HistoryError> {
        let position = self.fold_on(open, seq).await?;
        if position.seq < seq {
            return Err(HistoryError::NotYet {
                seq,
                newest: position.seq,
            });
        }
        Ok(Moment {
            state: open.ledger.state().reader(),
            position,
        })
    }

    /// Takes in the events that a ledger has not come to yet, up to one. Gives the point that it has come to.
    pub(super) async fn fold_on(
        &self,
        open: &mut Open,
        up_to: u64,
    ) -> Result<Position, HistoryError> {
        loop {
            let from = *open.ledger.position_or(self.history.beginning());
            let result = self
                .history
                .follow_up_to(from, up_to, |recorded| open.ledger.apply(&recorded))
                .await;
            if !self.page(open, up_to).await? {
                return result;
            }
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
                // Before anything is folded for what may be nothing.
                if *at > newest.now() {
                    return Err(refuse(format!("{token} has not come")));
                }
                let moment = self.at(*seq).await?;
                if !moment.position.hash.to_string().starts_with(hash.as_str())
                    || *at < moment.position.at
                {
                    return Err(refuse(format!("{token} is no moment of this registry")));
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

    /// Reads packages of a state that are only known by name. What its checkpoint no longer has, another one has, or the events.
    async fn read(
        &self,
        state: &State,
        position: Position,
        names: impl IntoIterator<Item = Arc<str>> + Clone,
    ) -> Result<(), HistoryError> {
        let mut lost = None;
        let mut read = checkpoint::load(self.store(), state, names.clone()).await;
        while let Err(HistoryError::Checkpoint { .. }) = read {
            let mut open = match &lost {
                None => self.opened(position.seq).await?,
                Some(lost) => self.reopened(lost, position.seq).await?,
            };
            let other = self.folded(&mut open, position.seq).await?.state;
            read = checkpoint::load(self.store(), &other, names.clone()).await;
            state.read_from(&other);
            lost = Some(open);
        }
        read?;
        // A package that only the checkpoint knows has never been.
        match names.into_iter().find(|name| !state.has_read(name)) {
            Some(name) => Err(HistoryError::Checkpoint {
                seq: position.seq,
                what: format!("the history knows no package {name}"),
            }),
            None => Ok(()),
        }
    }
}
