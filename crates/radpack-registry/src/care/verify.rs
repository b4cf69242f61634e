//! Verifying: everything is read again, and compared with what it must be.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};

use crate::checkpoint;
use crate::commit::Ledger;
use crate::event::{Hash, Recorded};
use crate::history::{History, HistoryError, Position, name_of};
use crate::registry::Registry;
use crate::state::State;
use crate::state::fact::Fact;

/// How many objects are read at once.
const AT_ONCE: usize = 16;

/// What was read, and what is wrong with it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct VerifyReport {
    /// The newest event that could be read.
    pub events: u64,
    /// How many blobs the history names.
    pub blobs: usize,
    /// How many bytes these are.
    pub bytes: u64,
    /// How many checkpoints there are.
    pub checkpoints: usize,
    /// Everything that is wrong.
    pub findings: Vec<Finding>,
}

/// Something that is wrong, in words: what, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The object.
    pub object: String,
    /// What is wrong with it.
    pub what: String,
}

/// The bytes that a history names, and where each is first named.
#[derive(Debug, Default)]
pub(super) struct Named(pub(super) BTreeMap<Hash, u64>);

impl Named {
    pub(super) fn add(&mut self, recorded: &Recorded) {
        if let Ok(fact) = Fact::of(&recorded.event) {
            for hash in fact.blobs() {
                self.0.entry(hash).or_insert(recorded.event.seq);
            }
        }
    }
}

impl Registry {
    /// Reads everything again: whether the store keeps its word, the chain of events, every blob against its hash, every checkpoint
    /// against a fresh fold.
    ///
    /// # Errors
    ///
    /// If the store fails. Whatever is wrong with what is in it is found, and reported.
    pub async fn verify(&self) -> Result<VerifyReport, HistoryError> {
        let mut report = VerifyReport::default();
        let history = self.history();
        let mut find =
            |object: String, what: String| report.findings.push(Finding { object, what });
        match History::check_store(self.store()).await {
            Ok(()) => {}
            // One that takes nothing, a full disk say, can still be read; one that gives nothing fails below.
            Err(HistoryError::Store(error)) => find(
                self.store().location().to_owned(),
                format!(
                    "whether it keeps its word could not be tried: {}",
                    with_causes(&error)
                ),
            ),
            Err(error) => find(self.store().location().to_owned(), with_causes(&error)),
        }
        let mut seqs: BTreeSet<u64> = checkpoint::list(self.store()).await?.into_iter().collect();
        report.checkpoints = seqs.len();
        let mut ledger = Ledger::<State>::default();
        let mut named = Named::default();
        let mut position = history.beginning();
        loop {
            // Up to the next checkpoint, which is compared, and so on to the end.
            let stop = seqs.pop_first();
            let followed = history
                .follow_up_to(position, stop.unwrap_or(u64::MAX), |recorded| {
                    named.add(&recorded);
                    ledger.apply(&recorded)
                })
                .await;
            let reached = match followed {
                Ok(reached) => reached,
                Err(HistoryError::Store(error)) => return Err(error.into()),
                Err(error) => {
                    let object = match &error {
                        HistoryError::Event { seq, .. }
                        | HistoryError::Broken { seq, .. }
                        | HistoryError::Fold { seq, .. } => name_of(*seq),
                        _ => "events".to_owned(),
                    };
                    let mut what = with_causes(&error);
                    if error.is_damage() {
                        what.push_str(": put it back from a backup");
                    }
                    find(object, what);
                    break;
                }
            };
            position = reached;
            let Some(seq) = stop else {
                break;
            };
            if let Err(what) = self.compare(&ledger, reached, seq).await? {
                find(
                    format!("checkpoints/{seq:020}"),
                    format!("{what}: delete it, another will be made"),
                );
            }
        }
        report.events = ledger.position().map_or(0, |position| position.seq);
        self.find_after_gap(report.events, &mut report.findings)
            .await?;
        report.blobs = named.0.len();
        let state = ledger.state();
        let mut reads = stream::iter(named.0.iter().map(|(hash, seq)| {
            let name = state.blob_name(hash);
            async move {
                let contents = self.store().get(&name).await;
                (name, *hash, *seq, contents)
            }
        }))
        .buffer_unordered(AT_ONCE);
        while let Some((name, hash, seq, contents)) = reads.next().await {
            let what = match contents? {
                Some(contents) if Hash::of(&contents) == hash => {
                    report.bytes += contents.len() as u64;
                    continue;
                }
                Some(_) => "its bytes are others than those that event",
                None => "it is not there, and event",
            };
            let what = format!("{what} {seq} names: put it back from a backup");
            report.findings.push(Finding { object: name, what });
        }
        report.findings.sort_by(|a, b| a.object.cmp(&b.object));
        Ok(report)
    }

    /// What a checkpoint says otherwise than a fresh fold up to its event.
    async fn compare(
        &self,
        fresh: &Ledger<State>,
        reached: Position,
        seq: u64,
    ) -> Result<Result<(), String>, HistoryError> {
        if reached.seq < seq {
            return Ok(Err("it is of an event that has not happened".to_owned()));
        }
        let (there, commands) = match checkpoint::read(self.history(), seq).await {
            Ok((ledger, checkpoint)) => {
                let all = ledger.state().packages.keys().cloned().collect::<Vec<_>>();
                let loaded = checkpoint::load(self.store(), ledger.state(), all).await;
                let commands = match loaded {
                    Ok(()) => checkpoint::commands(self.store(), &checkpoint).await,
                    Err(error) => Err(error),
                };
                match commands {
                    Ok(commands) => (ledger, commands),
                    Err(HistoryError::Checkpoint { what, .. }) => return Ok(Err(what)),
                    Err(error) => return Err(error),
                }
            }
            // One that was not finished does no harm.
            Err(HistoryError::Checkpoint { .. })
                if !self.store().has(&checkpoint::root_name(seq)).await? =>
            {
                return Ok(Ok(()));
            }
            Err(HistoryError::Checkpoint { what, .. }) => return Ok(Err(what)),
            Err(error) => return Err(error),
        };
        let carried_out: BTreeMap<_, _> = commands.into_iter().collect();
        if carried_out != fresh.carried_out().collect::<BTreeMap<_, _>>() {
            return Ok(Err(
                "it has other commands carried out than the history".to_owned()
            ));
        }
        if let Some(what) = there.state().differs(fresh.state()) {
            return Ok(Err(format!("{what} is another there than in the history")));
        }
        Ok(Ok(()))
    }

    /// Events behind one that is missing.
    async fn find_after_gap(
        &self,
        newest: u64,
        findings: &mut Vec<Finding>,
    ) -> Result<(), HistoryError> {
        let listed = self.store().list("events").await?;
        let seqs = listed.iter().filter_map(|object| {
            let name = object.name.strip_prefix("events/")?.strip_suffix(".json")?;
            name.parse().ok()
        });
        let behind: BTreeSet<u64> = seqs.filter(|&seq| seq > newest + 1).collect();
        if let (Some(&first), Some(&last)) = (behind.first(), behind.last()) {
            let missing = newest + 1;
            let what = match behind.len() {
                1 => format!("event {first} comes"),
                count => format!("{count} events up to {last} come"),
            };
            findings.push(Finding {
                object: name_of(first),
                what: format!("{what} after event {missing}, which is missing or broken: with that put back from a backup, they can be read"),
            });
        }
        Ok(())
    }
}

/// An error and what caused it, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let cause = error.to_string();
        // Some errors say their cause's words again.
        if !text.ends_with(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        next = error.source();
    }
    text
}
