//! A draft: a named working copy of a package's sources, with every state that it ever had.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use semver::Version;
use serde::{Deserialize, Serialize};

use super::fact::{DraftFrom, SourceFile};

/// A working copy of a package's sources.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Draft {
    /// Where its first files are from.
    pub from: Option<DraftFrom>,
    /// The version that it goes on from, also by way of other drafts.
    pub base: Option<Version>,
    /// Its revisions, from 1.
    pub revisions: Vec<Revision>,
}

/// A state of a draft, and how it came about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Revision {
    /// The event.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// What they said about it.
    pub message: Option<String>,
    /// What it changed.
    pub change: Change,
}

/// How a revision differs from the one before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Files are new or other, or gone.
    Saved {
        /// New or other.
        put: BTreeMap<String, SourceFile>,
        /// Gone.
        removed: BTreeSet<String>,
    },
    /// The files are those of an earlier revision.
    Reset(u64),
}

impl Draft {
    /// The newest revision.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revisions.len() as u64
    }

    /// The event that opened it.
    #[must_use]
    pub fn opened(&self) -> Option<u64> {
        self.revisions.first().map(|revision| revision.seq)
    }

    /// What a revision is.
    #[must_use]
    pub fn at(&self, revision: u64) -> Option<&Revision> {
        self.revisions
            .get(usize::try_from(revision).ok()?.checked_sub(1)?)
    }

    /// The files of a revision.
    #[must_use]
    pub fn files(&self, revision: u64) -> Option<BTreeMap<String, SourceFile>> {
        self.at(revision)?;
        // Backwards to where all is known, then forwards through what was saved since.
        let mut saved = Vec::new();
        let mut current = revision;
        while let Some(revision) = self.at(current) {
            match &revision.change {
                Change::Saved { put, removed } => {
                    saved.push((put, removed));
                    current -= 1;
                }
                // An earlier one, so that this ends.
                Change::Reset(to) if *to < current => current = *to,
                Change::Reset(_) => return None,
            }
        }
        let mut files = BTreeMap::new();
        for (put, removed) in saved.into_iter().rev() {
            files.retain(|path, _| !removed.contains(path));
            files.extend(put.iter().map(|(path, file)| (path.clone(), *file)));
        }
        Some(files)
    }

    /// Which of these files others than one have changed since a revision, each with the revision that did so last.
    #[must_use]
    pub fn changed_since(&self, revision: u64) -> BTreeMap<String, u64> {
        let (Some(before), Some(after)) = (self.files(revision), self.files(self.revision()))
        else {
            return BTreeMap::new();
        };
        let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let changed = paths
            .into_iter()
            .filter(|path| before.get(*path) != after.get(*path));
        changed
            .map(|path| {
                let newest = (revision + 1..=self.revision()).rev().find(|&number| {
                    self.at(number)
                        .is_some_and(|revision| match &revision.change {
                            Change::Saved { put, removed } => {
                                put.contains_key(path) || removed.contains(path)
                            }
                            Change::Reset(_) => true,
                        })
                });
                (path.clone(), newest.unwrap_or(self.revision()))
            })
            .collect()
    }
}
