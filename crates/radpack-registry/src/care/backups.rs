//! Copies of a whole registry in one file, and a registry from such copies.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use tokio::sync::mpsc;

use super::verify::Named;
use crate::backup::{BackupError, BackupHeader, BackupItem, BackupReader, BackupWriter, Point};
use crate::commit::{Command, CommitError, Ledger, Refusal, RefusalKind};
use crate::event::Hash;
use crate::history::{FORMAT_JSON, History, HistoryError, Position, name_of, now};
use crate::registry::{Caller, Registry};
use crate::state::fact::{Fact, Restored};
use crate::state::{State, blob_name};
use crate::store::{Put, Store, StoreError};

/// How many items wait between the store and the disk, and how many are read at once.
const WAITING: usize = 8;

/// What a backup holds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BackupReport {
    /// The newest event in it.
    pub to: u64,
    /// How many events.
    pub events: u64,
    /// How many blobs.
    pub blobs: usize,
}

/// What was restored.
#[derive(Debug)]
#[non_exhaustive]
pub struct RestoreReport {
    /// The registry.
    pub registry: Registry,
    /// How many events.
    pub events: u64,
    /// How many blobs.
    pub blobs: usize,
}

/// Why a backup was not written, or nothing restored or imported from one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CareError {
    /// A backup is not as it must be.
    #[error("the backup {} cannot be used", path.display())]
    Backup {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: BackupError,
    },
    /// Backups do not follow one another.
    #[error("{} does not go on from where {before} ends: give the backups in their order, none left out", path.display())]
    Order {
        /// The file.
        path: PathBuf,
        /// What comes before it.
        before: String,
    },
    /// A backup is of another registry.
    #[error("{} is of the registry {found}, not of {expected}", path.display())]
    Registry {
        /// The file.
        path: PathBuf,
        /// The registry that it is of.
        found: uuid::Uuid,
        /// The registry that is meant.
        expected: uuid::Uuid,
    },
    /// The store is not empty.
    #[error(
        "{location} is not empty: {name} is there, and is not of this backup; restore into an empty store"
    )]
    NotEmpty {
        /// The store.
        location: String,
        /// What is there.
        name: String,
    },
    /// Bytes that events name are in no backup.
    #[error(
        "{missing} objects that the events name are in none of the backups, the first is {first}: was one left out?"
    )]
    Missing {
        /// How many.
        missing: usize,
        /// One of them.
        first: String,
    },
    /// The history cannot be read, or the store failed.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl From<HistoryError> for CareError {
    fn from(error: HistoryError) -> Self {
        CareError::Commit(error.into())
    }
}

impl From<StoreError> for CareError {
    fn from(error: StoreError) -> Self {
        HistoryError::from(error).into()
    }
}

impl From<Refusal> for CareError {
    fn from(refusal: Refusal) -> Self {
        CareError::Commit(refusal.into())
    }
}

/// What goes into a backup, in its order.
enum Item {
    Event(Bytes),
    Blob(Bytes),
    /// That was all. Without it, nobody is there any more who knows the rest.
    End,
}

fn of_backup(path: &Path) -> impl Fn(BackupError) -> CareError {
    move |source| CareError::Backup {
        path: path.to_owned(),
        source,
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, CareError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| StoreError::local("the backup", error.into()).into())
}

impl Registry {
    /// Writes a backup: the history up to now, and all bytes that it names. With an earlier one as base, only what has come since.
    ///
    /// # Errors
    ///
    /// If anything that belongs into it is missing, or not what it was; there is no file then.
    pub async fn backup(
        &self,
        file: &Path,
        base: Option<&Path>,
    ) -> Result<BackupReport, CareError> {
        // What a backup is based on is needed with it for good.
        if base.is_some_and(|base| is_same(base, file)) {
            return Err(Refusal::of(
                RefusalKind::Invalid,
                format!(
                    "{} is what the backup is to be based on, and would be written over: give it another name",
                    file.display()
                ),
            )
            .into());
        }
        let history = self.history();
        let moment = self.refresh().await?;
        let end = moment.position;
        let from = match base {
            None => history.beginning(),
            Some(base) => self.end_of(base).await?,
        };
        let header = BackupHeader {
            registry: history.id(),
            from: point(&from),
            to: point(&end),
            created: now(),
        };
        let format = self.store().get(FORMAT_JSON).await?.unwrap_or_default();
        let (sender, mut receiver) = mpsc::channel::<Item>(WAITING);
        let path = file.to_owned();
        let writing = tokio::task::spawn_blocking(move || {
            BackupWriter::create::<BackupError>(
                &path,
                &header,
                &format,
                |writer: &mut BackupWriter<BufWriter<&mut File>>| {
                    loop {
                        match receiver.blocking_recv() {
                            Some(Item::Event(contents)) => writer.event(&contents)?,
                            Some(Item::Blob(contents)) => {
                                writer.blob(&contents)?;
                            }
                            Some(Item::End) => return Ok(()),
                            None => return Err(BackupError::stopped()),
                        }
                    }
                },
            )
        });
        let sent = self.send(&sender, from, end).await;
        drop(sender);
        let written = writing
            .await
            .map_err(|error| CareError::from(StoreError::local("the backup", error.into())))?;
        let report = sent?;
        written.map_err(of_backup(file))?;
        Ok(report)
    }

    async fn send(
        &self,
        sender: &mpsc::Sender<Item>,
        from: Position,
        end: Position,
    ) -> Result<BackupReport, CareError> {
        let history = self.history();
        let mut before = Named::default();
        if from.seq > 0 {
            history
                .follow_up_to(history.beginning(), from.seq, |recorded| {
                    before.add(&recorded);
                    Ok(())
                })
                .await?;
        }
        let mut named = Named::default();
        let mut events = stream::iter(from.seq + 1..=end.seq)
            .map(|seq| async move { (seq, self.store().get(&name_of(seq)).await) })
            .buffered(WAITING);
        while let Some((seq, contents)) = events.next().await {
            let contents = contents?.ok_or(HistoryError::Broken {
                seq,
                what: "it is no longer there",
            })?;
            named.add(&crate::history::read(seq, &contents)?);
            // If nobody receives, writing has failed, and says why.
            if sender.send(Item::Event(contents)).await.is_err() {
                break;
            }
        }
        let moment = self.at(end.seq).await?;
        let hashes: Vec<Hash> = named
            .0
            .keys()
            .filter(|hash| !before.0.contains_key(hash))
            .copied()
            .collect();
        let moment = &moment;
        let mut blobs = stream::iter(hashes.clone())
            .map(|hash| async move { self.blob(moment, &hash).await })
            .buffered(WAITING);
        while let Some(contents) = blobs.next().await {
            if sender.send(Item::Blob(contents?)).await.is_err() {
                break;
            }
        }
        // If nobody receives it, writing has failed, and says why.
        let _ = sender.send(Item::End).await;
        Ok(BackupReport {
            to: end.seq,
            events: end.seq - from.seq,
            blobs: hashes.len(),
        })
    }

    /// Where a backup of this registry ends.
    async fn end_of(&self, base: &Path) -> Result<Position, CareError> {
        let path = base.to_owned();
        let header =
            blocking(move || BackupReader::open(&path).map(|reader| *reader.header())).await?;
        let header = header.map_err(of_backup(base))?;
        let history = self.history();
        if header.registry != history.id() {
            return Err(CareError::Registry {
                path: base.to_owned(),
                found: header.registry,
                expected: history.id(),
            });
        }
        let end = match header.to.seq {
            0 => history.beginning(),
            seq => match history.event(seq).await? {
                Some(recorded) => Position::of(&recorded),
                None => history.beginning(),
            },
        };
        if end.seq != header.to.seq || end.hash != header.to.hash {
            return Err(Refusal::of(
                RefusalKind::Conflict,
                format!(
                    "{} ends at an event {} that this history has not",
                    base.display(),
                    header.to.seq
                ),
            )
            .into());
        }
        Ok(end)
    }

    /// Makes a registry of backups in an empty store. The history is the same, event for event; one more event revokes all tokens, and is
    /// there before the registry is. What was cut short can be done again.
    ///
    /// # Errors
    ///
    /// If a backup is not as it must be, or the store is not empty; there is no registry then.
    pub async fn restore(
        store: Store,
        files: &[PathBuf],
        caller: &Caller,
    ) -> Result<RestoreReport, CareError> {
        History::check_store(&store).await?;
        if store.has(FORMAT_JSON).await? {
            return Err(CareError::NotEmpty {
                location: store.location().to_owned(),
                name: FORMAT_JSON.to_owned(),
            });
        }
        // All of them are read and checked before the first object is written, and then again.
        let end = check_order(files).await?;
        let mut format = Bytes::new();
        let mut state = Ledger::<State>::default();
        let mut named = Named::default();
        let mut blobs = BTreeSet::new();
        let mut events = 0;
        for file in files {
            let mut reader = Items::open(file.clone());
            while let Some(item) = reader.next().await? {
                match item {
                    Read::Format(contents) => format = contents,
                    Read::Item(BackupItem::Event { recorded, contents }) => {
                        state.apply(&recorded)?;
                        named.add(&recorded);
                        events += 1;
                        put_same(&store, &name_of(recorded.event.seq), contents).await?;
                    }
                    Read::Item(BackupItem::Blob { hash, contents }) => {
                        blobs.insert(hash);
                        // As the whole history names it, which is known only once all events have been read: those of later files
                        // may have swept it, and it is under that name that it is looked for.
                        put_same(
                            &store,
                            &blob_name(&hash, end.swept.get(&hash).copied()),
                            contents,
                        )
                        .await?;
                    }
                }
            }
        }
        let missing: Vec<&Hash> = named
            .0
            .keys()
            .filter(|hash| !blobs.contains(*hash))
            .collect();
        if let Some(first) = missing.first() {
            return Err(CareError::Missing {
                missing: missing.len(),
                first: first.to_string(),
            });
        }
        let history = History::described(store.clone(), &format)?;
        revoke_tokens(&history, state, caller, end.seq).await?;
        put_same(&store, FORMAT_JSON, format).await?;
        let registry = Registry::of(history);
        Ok(RestoreReport {
            registry,
            events,
            blobs: blobs.len(),
        })
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| std::fs::canonicalize(path).ok();
    whole(one).is_some_and(|one| Some(one) == whole(other))
}

fn point(position: &Position) -> Point {
    Point {
        seq: position.seq,
        hash: position.hash,
    }
}

/// The end of backups, one after another.
struct End {
    seq: u64,
    swept: std::collections::BTreeMap<Hash, u64>,
}

/// Reads all backups once, to their ends.
async fn check_order(files: &[PathBuf]) -> Result<End, CareError> {
    let mut end = End {
        seq: 0,
        swept: Default::default(),
    };
    let mut last: Option<(PathBuf, Point, uuid::Uuid)> = None;
    for file in files {
        let mut reader = Items::open(file.clone());
        let mut is_first = true;
        while let Some(item) = reader.next().await? {
            if std::mem::take(&mut is_first) {
                let Some(header) = reader.header else {
                    continue;
                };
                match &last {
                    None if header.from.seq != 0 => {
                        return Err(CareError::Order {
                            path: file.clone(),
                            before: "an empty registry".to_owned(),
                        });
                    }
                    Some((_, _, registry)) if *registry != header.registry => {
                        return Err(CareError::Registry {
                            path: file.clone(),
                            found: header.registry,
                            expected: *registry,
                        });
                    }
                    Some((before, to, _)) if *to != header.from => {
                        return Err(CareError::Order {
                            path: file.clone(),
                            before: before.display().to_string(),
                        });
                    }
                    _ => {}
                }
                last = Some((file.clone(), header.to, header.registry));
                end.seq = header.to.seq;
            }
            if let Read::Item(BackupItem::Event { recorded, .. }) = item
                && let Ok(Fact::BlobsSwept(swept)) = Fact::of(&recorded.event)
            {
                let hashes = swept
                    .blobs
                    .iter()
                    .filter_map(|name| crate::state::blob_of(name));
                end.swept
                    .extend(hashes.map(|(hash, _)| (hash, recorded.event.seq)));
            }
        }
    }
    Ok(end)
}

/// Writes an object; the same may be there from a run that was cut short.
async fn put_same(store: &Store, name: &str, contents: Bytes) -> Result<(), CareError> {
    if store.put_new(name, contents.clone()).await? == Put::Taken
        && store.get(name).await?.as_ref() != Some(&contents)
    {
        return Err(CareError::NotEmpty {
            location: store.location().to_owned(),
            name: name.to_owned(),
        });
    }
    Ok(())
}

/// What is read of a backup, in its order.
pub(super) enum Read {
    Format(Bytes),
    Item(BackupItem),
}

/// The items of a backup, read beside.
pub(super) struct Items {
    receiver: mpsc::Receiver<Result<(Option<BackupHeader>, Read), CareError>>,
    pub(super) header: Option<BackupHeader>,
}

impl Items {
    pub(super) fn open(path: PathBuf) -> Items {
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::task::spawn_blocking(move || {
            let failed = of_backup(&path);
            let mut reader = match BackupReader::open(&path) {
                Ok(reader) => reader,
                Err(error) => {
                    let _ = sender.blocking_send(Err(failed(error)));
                    return;
                }
            };
            let first = (
                Some(*reader.header()),
                Read::Format(reader.format().clone()),
            );
            if sender.blocking_send(Ok(first)).is_err() {
                return;
            }
            for item in &mut reader {
                let item = item.map(|item| (None, Read::Item(item))).map_err(&failed);
                let is_over = item.is_err();
                if sender.blocking_send(item).is_err() || is_over {
                    return;
                }
            }
        });
        Items {
            receiver,
            header: None,
        }
    }

    pub(super) async fn next(&mut self) -> Result<Option<Read>, CareError> {
        let Some(read) = self.receiver.recv().await else {
            return Ok(None);
        };
        let (header, read) = read?;
        if header.is_some() {
            self.header = header;
        }
        Ok(Some(read))
    }
}

/// Revokes all tokens of a history that is being restored: whoever had one may not be who has the registry now. What was cut short may
/// have done so.
async fn revoke_tokens(
    history: &History,
    mut ledger: Ledger<State>,
    caller: &Caller,
    to: u64,
) -> Result<(), CareError> {
    let restored = Fact::from(Restored { to });
    if let Some(there) = history.event(to + 1).await? {
        if Fact::of(&there.event).is_ok_and(|fact| fact == restored)
            && history.event(to + 2).await?.is_none()
        {
            return Ok(());
        }
        return Err(CareError::NotEmpty {
            location: history.store().location().to_owned(),
            name: name_of(to + 1),
        });
    }
    let command = Command::new(&caller.name);
    history
        .commit(&mut ledger, &command, |_, place| {
            if place.seq != to + 1 {
                return Err(Refusal::of(
                    RefusalKind::Stale,
                    "another restores into the same store",
                ));
            }
            Ok(restored.decision())
        })
        .await?;
    Ok(())
}
