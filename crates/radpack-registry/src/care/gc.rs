//! Deleting what nothing names, so that nothing that a commit counts on is ever deleted.
//!
//! The event comes first: it lists what will be deleted. Whoever commits after it sees that, and stores such bytes anew, under a name
//! with that event's number; whoever committed before it has named them, and they are not listed. Only then is anything deleted, and
//! what was listed once is deleted again by later runs, should one be cut short.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::verify::Named;
use crate::checkpoint;
use crate::commit::{Command, CommitError, Place, Refusal};
use crate::history::{HistoryError, Position};
use crate::registry::{Caller, Carried, Registry};
use crate::rules::{Decided, Rule};
use crate::state::fact::BlobsSwept;
use crate::state::token::Right;
use crate::state::{State, blob_of};

/// How old an object must be before it may be deleted: nobody uploads for so long before they commit.
const AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// How many of the newest checkpoints are kept; of older ones, fewer the older they are.
const CHECKPOINTS: usize = 4;

/// What was deleted.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct GcReport {
    /// What nothing named.
    pub swept: Option<Swept>,
    /// Objects that an earlier run had listed and not deleted.
    pub left_over: usize,
    /// Checkpoints that others have taken the place of.
    pub checkpoints: usize,
}

/// What one event listed and was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Swept {
    /// The event.
    pub seq: u64,
    /// How many objects.
    pub objects: usize,
    /// How many bytes.
    pub bytes: u64,
}

/// Lists what will be deleted.
struct Sweep {
    /// The objects that were old enough when they were looked at.
    candidates: BTreeSet<String>,
    /// What the history named up to an event.
    named: Named,
    up_to: u64,
}

impl Rule for Sweep {
    fn decide(&self, state: &State, place: &Place) -> Result<Decided, Refusal> {
        // What was committed since it was looked at may name one of them: then it is looked at again.
        if place.seq != self.up_to + 1 {
            return Err(Refusal::of(
                crate::commit::RefusalKind::Stale,
                "others have committed since",
            ));
        }
        // Of bytes that are named nothing is listed, whatever else may lie under their hash: from then on they would be looked for under
        // another name. What was listed before needs no new event, only to be deleted.
        let is_named =
            |name: &String| blob_of(name).is_none_or(|(hash, _)| self.named.0.contains_key(&hash));
        let candidates = self
            .candidates
            .iter()
            .filter(|name| !is_named(name) && !was_swept(state, name));
        let blobs: BTreeSet<String> = candidates.cloned().collect();
        if blobs.is_empty() {
            return Ok(Decided::Nothing(
                "the history names everything that is old enough to be deleted".to_owned(),
            ));
        }
        Ok(BlobsSwept { blobs }.into())
    }

    fn rights(&self) -> Vec<Right> {
        vec![Right::Admin]
    }

    fn concerns(&self, _: &State) -> BTreeSet<String> {
        BTreeSet::new()
    }
}

/// Whether an event has listed this very object.
fn was_swept(state: &State, name: &str) -> bool {
    blob_of(name).is_some_and(|(hash, of)| {
        state
            .swept
            .get(&hash)
            .is_some_and(|swept| of.is_none_or(|of| of < *swept))
    })
}

impl Registry {
    /// Deletes what is over a day old and no event names, and checkpoints that are no longer needed.
    ///
    /// # Errors
    ///
    /// If the store fails, or it is refused. What was deleted was listed by an event before.
    pub async fn gc(&self, caller: &Caller) -> Result<GcReport, CommitError> {
        self.gc_older_than(caller, AGE).await
    }

    /// As [`gc`](Registry::gc), with what is older than some time. Less than it takes to upload the largest version is dangerous only for
    /// those who upload: they would have to do it again.
    ///
    /// # Errors
    ///
    /// As [`gc`](Registry::gc).
    pub async fn gc_older_than(
        &self,
        caller: &Caller,
        age: Duration,
    ) -> Result<GcReport, CommitError> {
        let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
        let before = Timestamp::now().checked_sub(age).unwrap_or(Timestamp::MIN);
        let listed = self
            .store()
            .list("blobs")
            .await
            .map_err(HistoryError::from)?;
        let old: Vec<_> = listed
            .into_iter()
            .filter(|object| object.written <= before && blob_of(&object.name).is_some())
            .collect();
        let mut named = Named::default();
        let mut position = self.history().beginning();
        let mut report = GcReport::default();
        let mut sweep = Sweep {
            candidates: old.iter().map(|object| object.name.clone()).collect(),
            named: Named::default(),
            up_to: 0,
        };
        loop {
            position = self.name_up_to_date(position, &mut named).await?;
            std::mem::swap(&mut sweep.named, &mut named);
            sweep.up_to = position.seq;
            let carried = self.carry_out(caller, &Command::new(""), &sweep).await;
            match carried {
                Ok(Carried::Done(committed)) => {
                    let seq = committed.recorded.event.seq;
                    let moment = self.refresh().await?;
                    let swept: Vec<_> = old
                        .iter()
                        .filter(|object| moment.state.is_swept_by(&object.name, seq))
                        .collect();
                    for object in &swept {
                        self.store()
                            .delete(&object.name)
                            .await
                            .map_err(HistoryError::from)?;
                    }
                    report.swept = Some(Swept {
                        seq,
                        objects: swept.len(),
                        bytes: swept.iter().map(|object| object.size).sum(),
                    });
                    break;
                }
                Ok(Carried::Nothing(_)) => break,
                Err(CommitError::Refused(refusal))
                    if refusal.kind() == crate::commit::RefusalKind::Stale =>
                {
                    std::mem::swap(&mut sweep.named, &mut named);
                }
                Err(error) => return Err(error),
            }
        }
        report.left_over = self.delete_left_over(&old).await?;
        report.checkpoints = self.delete_checkpoints().await?;
        Ok(report)
    }

    async fn name_up_to_date(
        &self,
        from: Position,
        named: &mut Named,
    ) -> Result<Position, HistoryError> {
        self.history()
            .follow(from, |recorded| {
                named.add(&recorded);
                Ok(())
            })
            .await
    }

    /// Deletes what an event has listed, and a run that was cut short has left.
    async fn delete_left_over(&self, old: &[crate::store::Listed]) -> Result<usize, HistoryError> {
        let moment = self.refresh().await?;
        let mut deleted = 0;
        for object in old
            .iter()
            .filter(|object| was_swept(&moment.state, &object.name))
        {
            if self.store().has(&object.name).await? {
                self.store().delete(&object.name).await?;
                deleted += 1;
            }
        }
        Ok(deleted)
    }

    /// Deletes checkpoints, so that the newest few remain, and of older ones fewer the older they are. A shard goes when no root that
    /// remains names it.
    async fn delete_checkpoints(&self) -> Result<usize, HistoryError> {
        let seqs = checkpoint::list(self.store()).await?;
        let newest = seqs.last().copied().unwrap_or_default();
        let mut kept: BTreeSet<u64> = seqs.iter().rev().take(CHECKPOINTS).copied().collect();
        // Of older ones, the newest of each distance: twice as far, and again twice.
        let mut distances = BTreeSet::new();
        for &seq in seqs.iter().rev() {
            if distances.insert((newest - seq).checked_ilog2()) {
                kept.insert(seq);
            }
        }
        let mut needed = BTreeSet::new();
        for &seq in &kept {
            match checkpoint::objects(self.history(), seq).await {
                Ok(objects) => needed.extend(objects),
                // One that cannot be read needs nothing.
                Err(HistoryError::Checkpoint { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let mut deleted = 0;
        for &seq in seqs.iter().filter(|seq| !kept.contains(seq)) {
            // The root first: what is left of it is unfinished, and does not count.
            let root = checkpoint::root_name(seq);
            deleted += usize::from(self.store().has(&root).await?);
            self.store().delete(&root).await?;
            for object in self.store().list(&checkpoint::folder(seq)).await? {
                if !needed.contains(&object.name) {
                    self.store().delete(&object.name).await?;
                }
            }
        }
        // One that was written meanwhile may share what was just deleted. It is made again from the events.
        for seq in checkpoint::list(self.store()).await? {
            if checkpoint::lacks(self.history(), seq).await? {
                self.store().delete(&checkpoint::root_name(seq)).await?;
                deleted += 1;
            }
        }
        Ok(deleted)
    }
}

impl State {
    /// Whether this very object was listed by an event.
    fn is_swept_by(&self, name: &str, seq: u64) -> bool {
        blob_of(name)
            .is_some_and(|(hash, of)| self.swept.get(&hash) == Some(&seq) && of != Some(seq))
    }
}
