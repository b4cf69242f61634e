//! Checkpoints: the state as it was at an event, so that nobody has to fold a million events to ask one question.
//!
//! A root names every package with the hash of its shard, which is read when the package is asked for; a shard that has not changed
//! since an earlier checkpoint stays where that one put it. Checkpoints are derived from the history and may be deleted at any time.
//! They are not trusted: one counts only if it is whole, was made by a build that folds as this one does, and stands on the very event
//! that the history has in that place. `verify` compares them with a fresh fold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::commit::Ledger;
use crate::event::Hash;
use crate::history::{History, HistoryError, Position};
use crate::state::package::Package;
use crate::state::token::Token;
use crate::state::{Consumer, Map, Shard, Slot, State};
use crate::store::{Store, StoreError};

const CHECKPOINTS: &str = "checkpoints";

/// How events are folded. To be raised whenever a build makes another state of the same events.
const FOLD: u32 = 1;

/// How many objects are read or written at once.
const AT_ONCE: usize = 32;

/// How many events there are from one checkpoint to the next, at least. With more packages it is more, for a root names them all.
const INTERVAL: u64 = 512;

/// How long a command's entry is: its id, and its event.
const COMMAND: usize = 24;

/// The state but for the packages' own.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Root {
    fold: u32,
    registry: Uuid,
    position: Position,
    packages: BTreeMap<Arc<str>, Shard>,
    dependents: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    drafts: BTreeMap<String, Arc<str>>,
    consumers: BTreeMap<String, Arc<Consumer>>,
    tokens: BTreeMap<Uuid, Arc<Token>>,
    secrets: BTreeMap<Hash, Uuid>,
    swept: BTreeMap<Hash, u64>,
    base_url: Option<Arc<str>>,
    /// Where the commands lie that were carried out, from checkpoint to checkpoint.
    commands: Vec<Shard>,
}

/// A checkpoint that was read or written.
#[derive(Clone, Debug)]
pub(crate) struct Checkpoint {
    pub(crate) position: Position,
    /// Where the commands lie that were carried out up to it.
    pub(crate) commands: Vec<Shard>,
}

/// After how many events another checkpoint is due.
pub(crate) fn interval(state: &State) -> u64 {
    let packages = state.packages.size() as u64;
    INTERVAL.max((packages / 8).next_power_of_two())
}

pub(crate) fn folder(seq: u64) -> String {
    format!("{CHECKPOINTS}/{seq:020}")
}

pub(crate) fn root_name(seq: u64) -> String {
    format!("{}/root.json", folder(seq))
}

fn shard_name(shard: &Shard) -> String {
    format!("{}/{}.json", folder(shard.seq), shard.sha256)
}

fn wrong(seq: u64, what: impl Into<String>) -> HistoryError {
    HistoryError::Checkpoint {
        seq,
        what: what.into(),
    }
}

/// The checkpoints that there are, oldest first; some may be unfinished.
pub(crate) async fn list(store: &Store) -> Result<Vec<u64>, StoreError> {
    let names = store.folders(CHECKPOINTS).await?;
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}

/// The newest checkpoint that counts, of those no newer than an event.
pub(crate) async fn newest(
    history: &History,
    up_to: u64,
) -> Result<Option<(Ledger<State>, Checkpoint)>, HistoryError> {
    let mut seqs = list(history.store()).await?;
    seqs.retain(|&seq| seq <= up_to);
    for seq in seqs.into_iter().rev() {
        match read(history, seq).await {
            Ok(found) => return Ok(Some(found)),
            // One that does not count is as good as none.
            Err(HistoryError::Checkpoint { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Reads a checkpoint. Its packages are read when they are asked for.
pub(crate) async fn read(
    history: &History,
    seq: u64,
) -> Result<(Ledger<State>, Checkpoint), HistoryError> {
    let Some(contents) = history.store().get(&root_name(seq)).await? else {
        return Err(wrong(seq, "it was not finished"));
    };
    let text = str::from_utf8(&contents).map_err(|_| wrong(seq, "it is no text"))?;
    let Some((hash, json)) = text.split_once('\n') else {
        return Err(wrong(seq, "it is cut off"));
    };
    if hash != Hash::of(json.as_bytes()).to_string() {
        return Err(wrong(seq, "its hash is another"));
    }
    #[derive(Deserialize)]
    struct Outline {
        fold: u32,
    }
    let malformed = |error: serde_json::Error| wrong(seq, error.to_string());
    let Outline { fold } = serde_json::from_str(json).map_err(malformed)?;
    if fold != FOLD {
        return Err(wrong(seq, "it was made by a build that folds otherwise"));
    }
    let root: Root = serde_json::from_str(json).map_err(malformed)?;
    let position = root.position;
    let event = history.event(position.seq).await?;
    if root.registry != history.id()
        || position.seq != seq
        || event.is_none_or(|event| event.hash != position.hash || event.event.at != position.at)
    {
        return Err(wrong(seq, "the history has another event in its place"));
    }
    let slot = |shard| {
        Arc::new(Slot {
            shard: Some(shard),
            package: OnceLock::new(),
        })
    };
    let names = |names: BTreeSet<Arc<str>>| {
        names
            .into_iter()
            .map(|name| (name, ()))
            .collect::<Map<_, _>>()
    };
    let state = State {
        packages: root
            .packages
            .into_iter()
            .map(|(name, shard)| (name, slot(shard)))
            .collect(),
        dependents: root
            .dependents
            .into_iter()
            .map(|(name, others)| (name, names(others)))
            .collect(),
        drafts: root.drafts.into_iter().collect(),
        consumers: root.consumers.into_iter().collect(),
        tokens: root.tokens.into_iter().collect(),
        secrets: root.secrets.into_iter().collect(),
        swept: root.swept.into_iter().collect(),
        base_url: root.base_url,
        ..State::default()
    };
    let checkpoint = Checkpoint {
        position,
        commands: root.commands,
    };
    Ok((Ledger::at(state, position), checkpoint))
}

/// The names of the objects that a checkpoint needs, its own and those of earlier ones.
pub(crate) async fn objects(history: &History, seq: u64) -> Result<Vec<String>, HistoryError> {
    let (ledger, checkpoint) = read(history, seq).await?;
    let shards = ledger
        .state()
        .packages
        .values()
        .filter_map(|slot| slot.shard.as_ref());
    let mut names: Vec<String> = shards.chain(&checkpoint.commands).map(shard_name).collect();
    names.push(root_name(seq));
    Ok(names)
}

/// Whether a checkpoint names objects that are not there.
pub(crate) async fn lacks(history: &History, seq: u64) -> Result<bool, HistoryError> {
    let needed = match objects(history, seq).await {
        Ok(needed) => needed,
        // One that cannot be read, or another build's, names nothing.
        Err(HistoryError::Checkpoint { .. }) => return Ok(false),
        Err(error) => return Err(error),
    };
    let folders: BTreeSet<&str> = needed
        .iter()
        .filter_map(|name| name.rsplit_once('/'))
        .map(|(folder, _)| folder)
        .collect();
    let mut there = BTreeSet::new();
    for folder in folders {
        let listed = history.store().list(folder).await?;
        there.extend(listed.into_iter().map(|object| object.name));
    }
    Ok(!needed.iter().all(|name| there.contains(name)))
}

/// Reads packages that are only known by name.
pub(crate) async fn load(
    store: &Store,
    state: &State,
    names: impl IntoIterator<Item = Arc<str>>,
) -> Result<(), HistoryError> {
    let slots = names
        .into_iter()
        .filter_map(|name| state.packages.get(&name).cloned());
    let loads = slots
        .filter(|slot| slot.package.get().is_none())
        .map(|slot| async move {
            let Some(shard) = &slot.shard else {
                return Ok(());
            };
            let package = read_shard(store, shard).await?;
            let _ = slot.package.set(Arc::new(package));
            Ok::<_, HistoryError>(())
        });
    stream::iter(loads)
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

async fn read_shard(store: &Store, shard: &Shard) -> Result<Package, HistoryError> {
    let contents = read_hashed(store, shard, &shard_name(shard)).await?;
    serde_json::from_slice(&contents).map_err(|error| wrong(shard.seq, error.to_string()))
}

async fn read_hashed(store: &Store, shard: &Shard, name: &str) -> Result<Bytes, HistoryError> {
    let Some(contents) = store.get(name).await? else {
        return Err(wrong(shard.seq, format!("{name} is not there")));
    };
    if Hash::of(&contents) != shard.sha256 {
        return Err(wrong(shard.seq, format!("{name} is not what it was")));
    }
    Ok(contents)
}

/// The commands that had been carried out by a checkpoint.
pub(crate) async fn commands(
    store: &Store,
    checkpoint: &Checkpoint,
) -> Result<Vec<(Uuid, u64)>, HistoryError> {
    let mut commands = Vec::new();
    let mut reads = stream::iter(checkpoint.commands.clone())
        .map(|shard| async move {
            let contents = read_hashed(store, &shard, &shard_name(&shard)).await;
            (shard, contents)
        })
        .buffered(AT_ONCE);
    while let Some((shard, contents)) = reads.next().await {
        let contents = contents?;
        let (entries, rest) = contents.as_chunks::<COMMAND>();
        if !rest.is_empty() {
            return Err(wrong(shard.seq, "its commands are cut off"));
        }
        commands.extend(entries.iter().map(|entry| {
            let (id, seq) = entry.split_at(16);
            let id = Uuid::from_slice(id).unwrap_or_default();
            (
                id,
                seq.iter().fold(0, |seq, byte| seq << 8 | u64::from(*byte)),
            )
        }));
    }
    Ok(commands)
}

/// A package that changed, as it was written, and where.
pub(crate) type NewShard = (Arc<str>, Arc<Slot>, Shard);

/// A checkpoint that was written, and what is new in it.
pub(crate) type Written = (Checkpoint, Vec<NewShard>);

/// What a checkpoint is made of, taken while a state was at its event.
pub(crate) struct Taken {
    state: State,
    position: Position,
    commands: Vec<(Uuid, u64)>,
    before: Option<Checkpoint>,
}

impl Taken {
    /// Takes what a checkpoint is made of. `before` is the checkpoint that the ledger was opened at.
    pub(crate) fn from(ledger: &Ledger<State>, before: Option<&Checkpoint>) -> Option<Taken> {
        let since = before.map_or(0, |before| before.position.seq);
        let mut commands: Vec<(Uuid, u64)> = ledger
            .carried_out()
            .filter(|(_, seq)| *seq > since)
            .collect();
        commands.sort_unstable_by_key(|(_, seq)| *seq);
        Some(Taken {
            state: ledger.state().reader(),
            position: ledger.position()?,
            commands,
            before: before.cloned(),
        })
    }

    /// Writes the checkpoint, its root last. Gives it, and the packages whose shards are new.
    ///
    /// What it shares with earlier checkpoints may have been deleted with them; then it is taken back.
    pub(crate) async fn write(self, history: &History) -> Result<Written, HistoryError> {
        let store = history.store();
        let seq = self.position.seq;
        let put = |contents: Vec<u8>| async move {
            let shard = Shard {
                seq,
                sha256: Hash::of(&contents),
            };
            store.put_new(&shard_name(&shard), contents.into()).await?;
            Ok::<_, StoreError>(shard)
        };
        let malformed = |error: serde_json::Error| wrong(seq, error.to_string());
        let mut packages = BTreeMap::new();
        let mut changed = Vec::new();
        for (name, slot) in &self.state.packages {
            match &slot.shard {
                Some(shard) => {
                    packages.insert(Arc::clone(name), shard.clone());
                }
                None => changed.push((Arc::clone(name), Arc::clone(slot))),
            }
        }
        let writes = changed.into_iter().map(|(name, slot)| async move {
            let package = slot
                .package
                .get()
                .ok_or_else(|| wrong(seq, format!("{name} has not been read")))?;
            let contents = serde_json::to_vec(package).map_err(malformed)?;
            let shard = put(contents).await?;
            Ok::<_, HistoryError>((name, slot, shard))
        });
        let written: Vec<_> = stream::iter(writes)
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        packages.extend(
            written
                .iter()
                .map(|(name, _, shard)| (Arc::clone(name), shard.clone())),
        );
        let mut commands = self
            .before
            .map(|before| before.commands)
            .unwrap_or_default();
        if !self.commands.is_empty() {
            let mut contents = Vec::with_capacity(self.commands.len() * COMMAND);
            for (id, seq) in &self.commands {
                contents.extend_from_slice(id.as_bytes());
                contents.extend_from_slice(&seq.to_be_bytes());
            }
            commands.push(put(contents).await?);
        }
        fn tree<K: Ord + Clone, V: Clone>(map: &Map<K, V>) -> BTreeMap<K, V> {
            map.iter()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        }
        let state = &self.state;
        let dependents = state.dependents.iter();
        let root = Root {
            fold: FOLD,
            registry: history.id(),
            position: self.position,
            packages,
            dependents: dependents
                .map(|(name, others)| (Arc::clone(name), others.keys().cloned().collect()))
                .collect(),
            drafts: tree(&state.drafts),
            consumers: tree(&state.consumers),
            tokens: tree(&state.tokens),
            secrets: tree(&state.secrets),
            swept: tree(&state.swept),
            base_url: state.base_url.clone(),
            commands: commands.clone(),
        };
        let json = serde_json::to_string(&root).map_err(malformed)?;
        let contents = format!("{}\n{json}", Hash::of(json.as_bytes()));
        store.put_new(&root_name(seq), contents.into()).await?;
        if lacks(history, seq).await? {
            store.delete(&root_name(seq)).await?;
            return Err(wrong(seq, "what it shares with others was deleted"));
        }
        let checkpoint = Checkpoint {
            position: self.position,
            commands,
        };
        Ok((checkpoint, written))
    }
}
