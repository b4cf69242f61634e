//! What the events of a registry come to: a pure fold of them, and all that any reader sees is derived from it.
//!
//! A state may know a package by name only, with its details lying in a checkpoint: asking for such a package finds nothing and is
//! noted down, so that whoever asked reads what was wanted and asks again. That way rules are written as if
//! everything were there, and a registry of a hundred thousand packages opens without reading them all.

pub mod draft;
pub mod fact;
pub mod package;
pub mod policy;
pub mod token;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::Timestamp;
use rpds::RedBlackTreeMapSync;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::commit::{Fold, FoldError};
use crate::event::{Event, Hash, Recorded};
use crate::rollout::Rollout;
use draft::{Change, Draft, Revision};
use fact::{
    ConsumerRecorded, DraftCreated, DraftFrom, DraftSaved, Fact, Follows, Imported, NewVersion,
    Published,
};
use package::{Package, RELEASE};
use token::{Right, Token};

/// A map whose copies share what is alike.
pub(crate) type Map<K, V> = RedBlackTreeMapSync<K, V>;

/// What the events of a registry come to. A copy costs nothing, and stays as it is.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub(crate) packages: Map<Arc<str>, Arc<Slot>>,
    /// The packages whose versions ever needed a package, by the name of the one that they needed.
    pub(crate) dependents: Map<Arc<str>, Map<Arc<str>, ()>>,
    /// The package that each draft is of.
    pub(crate) drafts: Map<String, Arc<str>>,
    pub(crate) consumers: Map<String, Arc<Consumer>>,
    pub(crate) tokens: Map<Uuid, Arc<Token>>,
    /// The tokens by the hashes of their secrets.
    pub(crate) secrets: Map<Hash, Uuid>,
    /// The newest event that swept bytes; they are stored anew under a name with its number.
    pub(crate) swept: Map<Hash, u64>,
    pub(crate) base_url: Option<Arc<str>>,
    pub(crate) wanted: Arc<Mutex<BTreeSet<Arc<str>>>>,
}

/// A package, or where it lies.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slot {
    /// The shard of a checkpoint that holds the package as it is, unless it has changed since.
    pub(crate) shard: Option<Shard>,
    pub(crate) package: OnceLock<Arc<Package>>,
}

/// Where a package lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shard {
    /// The checkpoint.
    pub(crate) seq: u64,
    /// The hash of the object.
    pub(crate) sha256: Hash,
}

/// An application that records the pins it uses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Consumer {
    /// Its pins: ids.
    pub pins: BTreeSet<String>,
    /// What it gets of each package that it ever used.
    pub follows: BTreeMap<String, Follows>,
    /// Whether users have it.
    pub production: bool,
    /// The event that said so last.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
}

impl Consumer {
    /// The packages of which it gets what is not released.
    pub fn follows_latest(&self) -> impl Iterator<Item = &str> {
        let latest = self
            .follows
            .iter()
            .filter(|(_, follows)| **follows == Follows::Latest);
        latest.map(|(name, _)| &**name)
    }
}

impl State {
    /// A package, if there is one.
    #[must_use]
    pub fn package(&self, name: &str) -> Option<&Package> {
        let (name, slot) = self.packages.get_key_value(name)?;
        let package = slot.package.get();
        if package.is_none() {
            self.want(name);
        }
        package.map(Arc::as_ref)
    }

    /// A package as those share it who hold this state: as long as it is the same, nothing of the package has changed.
    #[must_use]
    pub fn shared(&self, name: &str) -> Option<&Arc<Package>> {
        self.package(name)?;
        self.packages.get(name)?.package.get()
    }

    /// The rollouts that the lines of a channel have, also those that everybody has by now; packages released together each have it.
    pub fn rollouts(&self, channel: &str) -> impl Iterator<Item = &Rollout> {
        self.names()
            .filter_map(|name| self.package(name))
            .filter_map(move |package| package.channel(channel))
            .flat_map(|channel| channel.lines.values())
            .filter_map(|line| Some(&line.rolling.as_ref()?.rollout))
    }

    /// What is another here than in another state, if anything is; of what was read of both.
    pub(crate) fn differs(&self, other: &State) -> Option<String> {
        let names: BTreeSet<&Arc<str>> =
            self.packages.keys().chain(other.packages.keys()).collect();
        for name in names {
            if self.package(name) != other.package(name) {
                return Some(format!("the package {name}"));
            }
        }
        let same = [
            ("what packages need", self.dependents == other.dependents),
            ("the list of drafts", self.drafts == other.drafts),
            ("the list of consumers", self.consumers == other.consumers),
            (
                "the list of tokens",
                self.tokens == other.tokens && self.secrets == other.secrets,
            ),
            ("what was swept", self.swept == other.swept),
            ("a setting", self.base_url == other.base_url),
        ];
        same.into_iter()
            .find(|(_, same)| !same)
            .map(|(what, _)| what.to_owned())
    }

    /// The packages that are not the same here as in another state, or only in one of them; of those that were read of both. It takes no
    /// look into what they share, which with states of one history is nearly everything.
    #[must_use]
    pub fn changed(&self, other: &State) -> BTreeSet<String> {
        let mut changed = BTreeSet::new();
        let mut theirs = other.packages.iter().peekable();
        for (name, slot) in &self.packages {
            while let Some((other, _)) = theirs.next_if(|(other, _)| *other < name) {
                changed.insert(other.to_string());
            }
            let other = theirs.next_if(|(other, _)| *other == name);
            let is_same = other.is_some_and(|(_, other)| {
                Arc::ptr_eq(slot, other)
                    || match (slot.package.get(), other.package.get()) {
                        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
                        (one, two) => one.is_none() && two.is_none() && slot.shard == other.shard,
                    }
            });
            if !is_same {
                changed.insert(name.to_string());
            }
        }
        changed.extend(theirs.map(|(name, _)| name.to_string()));
        changed
    }

    /// The names of all packages, in order. Those that there are only drafts of are among them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.packages.keys().map(|name| &**name)
    }

    /// The packages of which a version ever needed this one.
    pub fn dependents(&self, name: &str) -> impl Iterator<Item = &str> {
        let dependents = self.dependents.get(name);
        dependents
            .into_iter()
            .flat_map(|names| names.keys())
            .map(|name| &**name)
    }

    /// A draft and the package that it is of, if there is one.
    #[must_use]
    pub fn draft(&self, name: &str) -> Option<(&str, &Draft)> {
        let package = self.drafts.get(name)?;
        Some((package, self.package(package)?.drafts.get(name)?))
    }

    /// The names of all drafts, each with its package.
    pub fn drafts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.drafts
            .iter()
            .map(|(draft, package)| (&**draft, &**package))
    }

    /// A consumer, if it has recorded anything.
    #[must_use]
    pub fn consumer(&self, name: &str) -> Option<&Consumer> {
        self.consumers.get(name).map(Arc::as_ref)
    }

    /// The consumers by name.
    pub fn consumers(&self) -> impl Iterator<Item = (&str, &Consumer)> {
        self.consumers
            .iter()
            .map(|(name, consumer)| (&**name, &**consumer))
    }

    /// A token by its id.
    #[must_use]
    pub fn token(&self, id: Uuid) -> Option<&Token> {
        self.tokens.get(&id).map(Arc::as_ref)
    }

    /// The token with a secret.
    #[must_use]
    pub fn token_with(&self, secret: &str) -> Option<&Token> {
        self.token(*self.secrets.get(&Token::digest(secret))?)
    }

    /// All tokens that there ever were.
    pub fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.tokens.values().map(Arc::as_ref)
    }

    /// Where readers find the files, if that is said.
    #[must_use]
    pub fn base_url(&self) -> Option<&str> {
        self.base_url.as_deref()
    }

    /// The name of the object that holds some bytes, or is to hold them.
    pub(crate) fn blob_name(&self, hash: &Hash) -> String {
        blob_name(hash, self.swept.get(hash).copied())
    }

    /// Whether anything was asked for that is only known by name.
    pub(crate) fn wants(&self) -> bool {
        !self
            .wanted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_empty()
    }

    /// Packages lie in a checkpoint now, unless they have changed since.
    pub(crate) fn note_shards(&mut self, shards: Vec<(Arc<str>, Arc<Slot>, Shard)>) {
        for (name, written, shard) in shards {
            if let Some(slot) = self.packages.get_mut(&name)
                && Arc::ptr_eq(slot, &written)
            {
                Arc::make_mut(slot).shard = Some(shard);
            }
        }
    }

    /// Takes what has not been read from another state, in which it is the same.
    pub(crate) fn read_from(&self, other: &State) {
        for (name, slot) in &self.packages {
            let package = other.packages.get(name).and_then(|slot| slot.package.get());
            if let (None, Some(package)) = (slot.package.get(), package) {
                let _ = slot.package.set(Arc::clone(package));
            }
        }
    }

    /// A copy with a note of its own of what is wanted.
    pub(crate) fn reader(&self) -> State {
        State {
            wanted: Arc::default(),
            ..self.clone()
        }
    }

    /// The packages that were asked for and are only known by name; what was answered then means nothing.
    pub(crate) fn take_wanted(&self) -> BTreeSet<Arc<str>> {
        std::mem::take(&mut *self.wanted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a package has been read, or there is none; else it is wanted.
    fn is_read(&self, name: &str) -> bool {
        self.package(name).is_some() || !self.packages.contains_key(name)
    }

    /// Whether a package has been read, or there is none. Nothing is wanted.
    pub(crate) fn has_read(&self, name: &str) -> bool {
        let slot = self.packages.get(name);
        slot.is_none_or(|slot| slot.package.get().is_some())
    }

    fn want(&self, name: &Arc<str>) {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.insert(Arc::clone(name));
    }

    /// A package that is about to change; one that is not there comes into being.
    fn change(&mut self, name: &str) -> &mut Package {
        if !self.packages.contains_key(name) {
            self.packages.insert_mut(name.into(), Arc::default());
        }
        match self.packages.get_mut(name) {
            Some(slot) => Arc::make_mut(slot).change(),
            None => unreachable!("it was inserted just now"),
        }
    }

    /// The packages that a fact changes.
    fn touched(&self, fact: &Fact) -> BTreeSet<Arc<str>> {
        let mut names: BTreeSet<Arc<str>> = fact.packages().into_iter().map(Arc::from).collect();
        let draft = match fact {
            Fact::DraftSaved(saved) => Some(&saved.draft),
            Fact::DraftReset(reset) => Some(&reset.draft),
            Fact::DraftDiscarded(discarded) => Some(&discarded.draft),
            Fact::DraftCreated(created) => {
                names.insert(created.package.as_str().into());
                // Which version it goes on from, the other draft knows.
                match &created.from {
                    Some(DraftFrom::Draft(of)) => Some(&of.draft),
                    _ => None,
                }
            }
            _ => None,
        };
        names.extend(draft.and_then(|draft| self.drafts.get(draft)).cloned());
        names
    }

    fn publish(
        &mut self,
        versions: &[NewVersion],
        event: &Event,
        message: Option<&String>,
    ) -> Result<(), FoldError> {
        for new in versions {
            self.change(&new.package).publish(new, event, message)?;
            self.depends(new);
        }
        Ok(())
    }

    /// Notes what a new version needs of others.
    fn depends(&mut self, new: &NewVersion) {
        let entries = new
            .contents
            .iter()
            .flat_map(|contents| contents.entries.values());
        let ids: BTreeSet<&str> = entries
            .flat_map(|entry| entry.statics.iter().chain(&entry.dynamics))
            .filter_map(|id| outside(id))
            .collect();
        for name in ids {
            if !self.dependents.contains_key(name) {
                self.dependents.insert_mut(name.into(), Map::default());
            }
            if let Some(dependents) = self.dependents.get_mut(name)
                && !dependents.contains_key(&*new.package)
            {
                dependents.insert_mut(new.package.as_str().into(), ());
            }
        }
    }

    fn create_draft(&mut self, created: &DraftCreated, event: &Event) -> Result<(), FoldError> {
        if self.drafts.contains_key(&created.draft) {
            return Err(FoldError::new(format!(
                "there is a draft {:?} already",
                created.draft
            )));
        }
        let base = match &created.from {
            None => None,
            Some(DraftFrom::Version(version)) => Some(version.clone()),
            Some(DraftFrom::Draft(of)) => self
                .draft(&of.draft)
                .and_then(|(_, draft)| draft.base.clone()),
        };
        let draft = Draft {
            from: created.from.clone(),
            base,
            revisions: vec![revision(
                event,
                None,
                Change::Saved {
                    put: created.files.clone(),
                    removed: BTreeSet::new(),
                },
            )],
        };
        self.drafts
            .insert_mut(created.draft.clone(), created.package.as_str().into());
        self.change(&created.package)
            .drafts
            .insert(created.draft.clone(), draft);
        Ok(())
    }

    fn revise(&mut self, name: &str, number: u64, revision: Revision) -> Result<(), FoldError> {
        let package = self.drafts.get(name).cloned();
        let draft = package.and_then(|package| self.change(&package).drafts.get_mut(name));
        let Some(draft) = draft else {
            return Err(FoldError::new(format!("there is no draft {name:?}")));
        };
        if number != draft.revision() + 1 {
            return Err(FoldError::new(format!(
                "the revision {number} of {name} comes after {}",
                draft.revision()
            )));
        }
        draft.revisions.push(revision);
        Ok(())
    }

    fn import(&mut self, imported: &Imported, event: &Event) -> Result<(), FoldError> {
        for package in &imported.packages {
            for it in &package.versions {
                let there = self.change(&package.package);
                there.publish(&it.version, event, it.message.as_ref())?;
                if let Some(published) = there.versions.get_mut(&it.version.version) {
                    let published = Arc::make_mut(published);
                    published.by.clone_from(&it.by);
                    published.at = it.at;
                }
                if let Some(reason) = &it.yanked {
                    there.yank(&it.version.version, reason, event.seq)?;
                }
                self.depends(&it.version);
            }
            let there = self.change(&package.package);
            there.policy = there.policy.with(package.policy);
            for (channel, releases) in &package.releases {
                for release in releases {
                    there.release(channel, release, None, event)?;
                }
            }
        }
        Ok(())
    }
}

fn revision(event: &Event, message: Option<&String>, change: Change) -> Revision {
    Revision {
        seq: event.seq,
        at: event.at,
        by: event.by.clone(),
        message: message.cloned(),
        change,
    }
}

/// The package that a dependency of another package's entry is of; none, of an own one.
pub(crate) fn outside(id: &str) -> Option<&str> {
    radpack_manifest::Id::parse(id).ok().map(|id| id.name)
}

/// The name of the object that holds some bytes.
pub(crate) fn blob_name(hash: &Hash, swept: Option<u64>) -> String {
    match swept {
        None => format!("blobs/sha256/{hash}"),
        Some(seq) => format!("blobs/sha256/{hash}.{seq}"),
    }
}

/// The hash that an object is named by.
pub(crate) fn blob_of(name: &str) -> Option<(Hash, Option<u64>)> {
    let name = name.strip_prefix("blobs/sha256/")?;
    match name.split_once('.') {
        None => Some((name.parse().ok()?, None)),
        Some((hash, seq)) => Some((hash.parse().ok()?, Some(seq.parse().ok()?))),
    }
}

impl Slot {
    fn change(&mut self) -> &mut Package {
        self.shard = None;
        self.package.get_or_init(Arc::default);
        match self.package.get_mut() {
            Some(package) => Arc::make_mut(package),
            None => unreachable!("it was set just now"),
        }
    }
}

impl Fold for State {
    fn check(&self, recorded: &Recorded) -> Result<(), FoldError> {
        self.clone().apply(recorded)
    }

    fn apply(&mut self, recorded: &Recorded) -> Result<(), FoldError> {
        let event = &recorded.event;
        let fact = Fact::of(event)?;
        let touched = self.touched(&fact);
        // All that are not are asked for at once, and not one after another.
        let unread = touched.iter().filter(|name| !self.is_read(name)).count();
        if unread > 0 {
            return Err(FoldError::new(
                "a package that it changes has not been read from its checkpoint",
            ));
        }
        match &fact {
            Fact::Published(Published {
                versions,
                releases,
                message,
                forced: _,
            }) => {
                self.publish(versions, event, message.as_ref())?;
                for new in releases {
                    self.change(&new.package)
                        .release(RELEASE, new, None, event)?;
                }
            }
            Fact::Released(released) => {
                for new in &released.releases {
                    let package = self.change(&new.package);
                    package.release(&released.channel, new, released.rollout.as_ref(), event)?;
                }
            }
            Fact::RolloutChanged(changed) => {
                let package = self.change(&changed.package);
                package.change_rollout(&changed.channel, changed.line, changed.action, event)?;
            }
            Fact::RolledBack(back) => {
                self.publish(&back.versions, event, None)?;
                for line in &back.returns {
                    self.change(&line.package)
                        .return_line(&back.channel, line, event)?;
                }
            }
            Fact::Reverted(reverted) => {
                self.publish(&reverted.versions, event, None)?;
                for (channel, returns) in &reverted.channels {
                    for line in returns {
                        self.change(&line.package)
                            .return_line(channel, line, event)?;
                    }
                }
            }
            Fact::Yanked(yanked) => {
                self.change(&yanked.package)
                    .yank(&yanked.version, &yanked.reason, event.seq)?;
            }
            Fact::PolicySet(set) => {
                let package = self.change(&set.package);
                package.policy = package.policy.with(set.change);
                for (channel, lines) in &set.lines {
                    package.hold(channel, lines, event.at)?;
                }
            }
            Fact::SettingChanged(changed) => {
                self.base_url = changed.base_url.as_deref().map(Arc::from);
            }
            Fact::DraftCreated(created) => self.create_draft(created, event)?,
            Fact::DraftSaved(DraftSaved {
                draft,
                revision: number,
                put,
                removed,
                message,
            }) => {
                let change = Change::Saved {
                    put: put.clone(),
                    removed: removed.clone(),
                };
                self.revise(draft, *number, revision(event, message.as_ref(), change))?;
            }
            Fact::DraftReset(reset) => {
                let change = Change::Reset(reset.to);
                self.revise(&reset.draft, reset.revision, revision(event, None, change))?;
            }
            Fact::DraftDiscarded(discarded) => {
                let Some(package) = self.drafts.get(&discarded.draft).cloned() else {
                    return Err(FoldError::new(format!(
                        "there is no draft {:?}",
                        discarded.draft
                    )));
                };
                self.drafts.remove_mut(&discarded.draft);
                self.change(&package).drafts.remove(&discarded.draft);
            }
            Fact::ConsumerRecorded(ConsumerRecorded {
                consumer,
                pins,
                follows,
                production,
            }) => {
                self.consumers.insert_mut(
                    consumer.clone(),
                    Arc::new(Consumer {
                        pins: pins.clone(),
                        follows: follows.clone(),
                        production: *production,
                        seq: event.seq,
                        at: event.at,
                        by: event.by.clone(),
                    }),
                );
            }
            Fact::TokenCreated(created) => {
                let maker = created.maker.and_then(|maker| self.token(maker));
                // Whoever administers everything gives tokens to others, whom nothing else ties together.
                let maker = maker.filter(|maker| !maker.grants_pattern(Right::Admin, "*"));
                let root = maker.map(Token::account);
                self.secrets.insert_mut(created.secret, created.token);
                self.tokens.insert_mut(
                    created.token,
                    Arc::new(Token {
                        id: created.token,
                        holder: created.holder.clone(),
                        rights: created.rights.clone(),
                        packages: created.packages.clone(),
                        expires: created.expires,
                        seq: event.seq,
                        at: event.at,
                        by: event.by.clone(),
                        maker: created.maker,
                        root,
                        revoked: None,
                    }),
                );
            }
            Fact::TokenRevoked(revoked) => {
                let Some(token) = self.tokens.get_mut(&revoked.token) else {
                    return Err(FoldError::new(format!(
                        "there is no token {}",
                        revoked.token
                    )));
                };
                Arc::make_mut(token).revoked.get_or_insert(event.seq);
            }
            Fact::BlobsSwept(swept) => {
                for name in &swept.blobs {
                    let Some((hash, _)) = blob_of(name) else {
                        return Err(FoldError::new(format!("{name:?} is the name of no blob")));
                    };
                    self.swept.insert_mut(hash, event.seq);
                }
            }
            Fact::Restored(_) => {
                let ids: Vec<Uuid> = self.tokens.keys().copied().collect();
                for id in ids {
                    if let Some(token) = self.tokens.get_mut(&id) {
                        Arc::make_mut(token).revoked.get_or_insert(event.seq);
                    }
                }
            }
            Fact::Imported(imported) => self.import(imported, event)?,
        }
        Ok(())
    }
}
