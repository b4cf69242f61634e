//! The checkpoint that a ledger stands on: read where something is asked, written behind the commits, and left for another where a sweep
//! has deleted it.

use std::sync::PoisonError;

use super::{Open, Registry};
use crate::checkpoint::{self, Checkpoint, NewShard, Taken, Written};
use crate::history::{HistoryError, Position};

impl Registry {
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
        let (written, shards) = loop {
            match self.write_checkpoint(&open).await {
                Err(HistoryError::Checkpoint { .. }) if open.checkpoint.is_some() => {
                    *open = self.reopened(&open, u64::MAX).await?;
                    self.catch_up(&mut open).await?;
                }
                written => break written?,
            }
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
    pub(super) async fn opened(&self, up_to: u64) -> Result<Open, HistoryError> {
        Ok(match checkpoint::newest(&self.history, up_to).await? {
            Some((ledger, checkpoint)) => Open {
                ledger,
                checkpoint: Some(checkpoint),
                knows_commands: false,
            },
            None => Open::anew(),
        })
    }

    /// As [`opened`](Registry::opened), at another checkpoint than the one that turned out to be worth nothing. What was known of commands
    /// stays known.
    pub(super) async fn reopened(&self, lost: &Open, up_to: u64) -> Result<Open, HistoryError> {
        let seq = |open: &Open| Some(open.checkpoint.as_ref()?.position.seq);
        let mut open = self.opened(up_to).await?;
        if seq(&open) == seq(lost) {
            open = Open::anew();
            open.ledger.position_or(self.history.beginning());
        }
        open.take_commands(lost);
        Ok(open)
    }

    /// Learns which commands had been carried out up to the checkpoint.
    pub(super) async fn learn_commands(&self, open: &mut Open) -> Result<(), HistoryError> {
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
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Reads what was wanted of the checkpoint; says whether there was anything. Where the checkpoint turns out to be worth nothing,
    /// the ledger is at an earlier point, that of another or the beginning: whoever asks goes on from there.
    pub(super) async fn page(&self, open: &mut Open, up_to: u64) -> Result<bool, HistoryError> {
        let wanted = open.ledger.state().take_wanted();
        if wanted.is_empty() {
            return Ok(false);
        }
        match checkpoint::load(self.store(), open.ledger.state(), wanted).await {
            Ok(()) => {}
            Err(HistoryError::Checkpoint { .. }) => *open = self.reopened(open, up_to).await?,
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// Whoever commits the event that a checkpoint is due at writes it, while others go on.
    pub(super) fn keep_checkpoint(&self, open: &Open, seq: u64) {
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
        let registry = self.clone();
        // Whatever else stops this stops commits, too, and they say so.
        *background = Some(tokio::spawn(async move {
            if let Err(HistoryError::Checkpoint { .. }) = registry.write_behind(taken).await
                && let Ok(Some(taken)) = registry.stand_elsewhere().await
            {
                let _ = registry.write_behind(taken).await;
            }
        }));
    }

    async fn write_behind(&self, taken: Taken) -> Result<(), HistoryError> {
        let (checkpoint, shards) = taken.write(&self.history).await?;
        note_shards(&mut *self.ledger.lock().await, checkpoint, shards);
        Ok(())
    }

    /// Leaves a checkpoint that a sweep has deleted, and takes the next one anew. Others go on while the events behind another one are
    /// folded.
    async fn stand_elsewhere(&self) -> Result<Option<Taken>, HistoryError> {
        let lost = Open {
            checkpoint: self.ledger.lock().await.checkpoint.clone(),
            ..Open::default()
        };
        let mut other = self.reopened(&lost, u64::MAX).await?;
        self.fold_on(&mut other, u64::MAX).await?;
        let mut open = self.ledger.lock().await;
        other.take_commands(&open);
        *open = other;
        self.catch_up(&mut open).await?;
        Ok(Taken::from(&open.ledger, open.checkpoint.as_ref()))
    }
}

/// A checkpoint was written: what has not changed since lies there.
fn note_shards(open: &mut Open, checkpoint: Checkpoint, shards: Vec<NewShard>) {
    open.ledger.state_mut().note_shards(shards);
    open.checkpoint = Some(checkpoint);
}
