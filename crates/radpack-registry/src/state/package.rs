//! A package: its versions, its channels, its drafts, and what readers of a channel get of it.

mod changes;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use semver::Version;
use serde::{Deserialize, Serialize};

use super::draft::Draft;
use super::fact::{BuiltEntry, BuiltFile, NewContents, OfDraft};
use super::policy::Policy;
use crate::cohort::Cohort;
use crate::event::Hash;
use crate::folder::digest_files;
use crate::number::{Line, Taken};
use crate::rollout::Rollout;
use crate::surface::Surface;

/// The channel of what users get.
pub const RELEASE: &str = "release";

/// Everything that the registry knows of a package.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Package {
    /// How it is released and numbered.
    pub policy: Policy,
    /// Its versions, yanked ones too.
    pub versions: BTreeMap<Version, Arc<PublishedVersion>>,
    /// Its channels, by name. The channel `latest` is computed, and not here.
    pub channels: BTreeMap<String, Channel>,
    /// Its drafts, by name.
    pub drafts: BTreeMap<String, Draft>,
}

/// A version that was published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PublishedVersion {
    /// Its build: 1, 2, 3, … in the order in which they came into being.
    pub build: u32,
    /// What it consists of.
    pub contents: Arc<Contents>,
    /// The event that made it.
    pub seq: u64,
    /// When it was published.
    pub at: Timestamp,
    /// Who published it.
    pub by: String,
    /// What they said about it.
    pub message: Option<String>,
    /// The draft that it was.
    pub of: Option<OfDraft>,
    /// The version whose contents it has again.
    pub restores: Option<Version>,
    /// Why its number promises more than it keeps, where somebody insisted.
    pub breaking: Option<String>,
    /// Why, and by which event, it was yanked.
    pub yanked: Option<Yank>,
}

/// Why a version is not served again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Yank {
    /// The event.
    pub seq: u64,
    /// The reason.
    pub reason: String,
}

/// What a version consists of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Contents {
    /// The event that lists the sources.
    pub listed: u64,
    /// The number under which they were listed there.
    pub listed_as: Option<Version>,
    /// The hash of the list of the sources: the same sources have the same.
    pub sources: Option<Hash>,
    /// What is served, by name.
    pub files: BTreeMap<String, BuiltFile>,
    /// What it offers, and its chunks.
    pub entries: BTreeMap<String, BuiltEntry>,
}

/// A set of pointers that readers follow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Channel {
    /// What each line serves.
    pub lines: BTreeMap<Line, LineState>,
    /// All releases, in the order of their numbers, from 1.
    pub releases: Vec<Release>,
}

/// What a line serves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LineState {
    /// The release that everybody gets who does not get the one on its way.
    pub stable: Option<u32>,
    /// The release on its way.
    pub rolling: Option<Rolling>,
}

/// A release on its way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Rolling {
    /// Its number.
    pub release: u32,
    /// How far it is.
    pub rollout: Rollout,
}

/// A pointer from a line to a version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Release {
    /// Its name.
    pub name: String,
    /// The line.
    pub line: Line,
    /// The version.
    pub version: Version,
    /// The event that made it.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// The earlier release whose contents it has again.
    pub restores: Option<u32>,
    /// Whether it can be returned to.
    pub standing: Standing,
}

/// Whether a release can be returned to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It can.
    Good,
    /// It was given up on its way.
    Aborted,
    /// It was rolled back from.
    RolledBack,
}

/// Who asks what a line serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Who sends no cohort: the stable release.
    Everybody,
    /// A cohort.
    Cohort(Cohort),
    /// Who gets whatever is on its way, however few these are.
    First,
}

impl Channel {
    /// A release by its number.
    #[must_use]
    pub fn release(&self, number: u32) -> Option<&Release> {
        self.releases
            .get(usize::try_from(number).ok()?.checked_sub(1)?)
    }

    /// The number of the next release.
    #[must_use]
    pub fn next_number(&self) -> u32 {
        u32::try_from(self.releases.len()).map_or(u32::MAX, |count| count.saturating_add(1))
    }

    /// The line as it is at a time: a rollout that everybody has by then is none.
    #[must_use]
    pub fn line(&self, line: Line, at: Timestamp) -> LineState {
        let mut state = self.lines.get(&line).cloned().unwrap_or_default();
        state.settle(at);
        state
    }

    /// The release that a line serves to somebody at a time.
    fn serving(
        &self,
        line: &LineState,
        gets: &impl Fn(&Rollout) -> bool,
        at: Timestamp,
    ) -> Option<u32> {
        line.rolling
            .as_ref()
            .filter(|rolling| rolling.rollout.is_complete(at) || gets(&rolling.rollout))
            .map(|rolling| rolling.release)
            .or(line.stable)
    }

    /// The rollout of the line that serves a release, if there is one, and whether it is this release that is on its way.
    pub(crate) fn rollout_beside(&self, number: u32) -> Option<(&Rollout, bool)> {
        self.lines.values().find_map(|line| {
            let rolling = line.rolling.as_ref()?;
            let is_rolling = rolling.release == number;
            (is_rolling || line.stable == Some(number)).then_some((&rolling.rollout, is_rolling))
        })
    }
}

impl LineState {
    /// A rollout that everybody has by now is none any more.
    fn settle(&mut self, at: Timestamp) {
        if let Some(rolling) = self
            .rolling
            .take_if(|rolling| rolling.rollout.is_complete(at))
        {
            self.stable = Some(rolling.release);
        }
    }
}

impl Contents {
    pub(crate) fn of(new: &NewContents, version: &Version, seq: u64) -> Contents {
        let sources = new
            .sources
            .iter()
            .map(|(path, file)| (&**path, file.sha256));
        Contents {
            listed: seq,
            listed_as: Some(version.clone()),
            sources: Some(digest_files(sources)),
            files: new.files.clone(),
            entries: new.entries.clone(),
        }
    }

    /// What it offers to those who import it.
    #[must_use]
    pub fn surface(&self) -> Surface {
        let mut surface = Surface::default();
        for (name, entry) in &self.entries {
            surface.insert(
                name,
                entry.exports.as_ref().map(|names| names.iter().cloned()),
            );
        }
        surface
    }
}

impl Package {
    /// A channel, if anything was ever released in it.
    #[must_use]
    pub fn channel(&self, name: &str) -> Option<&Channel> {
        self.channels.get(name)
    }

    /// Whether a version was ever released in one of these channels.
    #[must_use]
    pub fn was_released(&self, version: &Version, channels: &[String]) -> bool {
        channels
            .iter()
            .filter_map(|name| self.channel(name))
            .any(|channel| {
                let mut releases = channel.releases.iter();
                releases.any(|release| release.version == *version)
            })
    }

    /// How many versions there have been.
    #[must_use]
    pub fn builds(&self) -> u32 {
        u32::try_from(self.versions.len()).unwrap_or(u32::MAX)
    }

    /// The numbers that it has.
    #[must_use]
    pub fn taken(&self) -> Vec<Taken> {
        self.versions
            .iter()
            .map(|(version, published)| Taken {
                version: version.clone(),
                yanked: published.yanked.is_some(),
            })
            .collect()
    }

    /// The version that is a build.
    #[must_use]
    pub fn build(&self, build: u32) -> Option<&Version> {
        self.versions
            .iter()
            .find(|(_, published)| published.build == build)
            .map(|(version, _)| version)
    }

    /// The versions that a channel serves to somebody at a time, lowest first, each with its release.
    #[must_use]
    pub fn served(&self, channel: &str, audience: Audience, at: Timestamp) -> Vec<(u32, &Version)> {
        self.served_to(channel, at, |rollout| match audience {
            Audience::First => true,
            Audience::Everybody => false,
            Audience::Cohort(cohort) => cohort.gets(rollout.id, rollout.percent(at)),
        })
    }

    /// The versions that a channel serves to whoever gets what these rollouts bring.
    pub(crate) fn served_to(
        &self,
        channel: &str,
        at: Timestamp,
        gets: impl Fn(&Rollout) -> bool,
    ) -> Vec<(u32, &Version)> {
        let Some(channel) = self.channel(channel) else {
            return Vec::new();
        };
        let served = channel.lines.values().filter_map(|line| {
            let number = channel.serving(line, &gets, at)?;
            let version = &channel.release(number)?.version;
            // What was yanked is never served again, also where it was insisted on while it was released.
            let published = self.versions.get(version)?;
            published.yanked.is_none().then_some((number, version))
        });
        let mut served: Vec<_> = served.collect();
        served.sort_by_key(|(_, version)| *version);
        let versions: Vec<&Version> = served.iter().map(|(_, version)| *version).collect();
        let out: Vec<bool> = versions
            .iter()
            .map(|version| self.is_out(version, &versions))
            .collect();
        let mut out = out.into_iter();
        served.retain(|_| !out.next().unwrap_or(false));
        served
    }

    /// Each line's newest version, released or not, lowest first.
    #[must_use]
    pub fn latest(&self) -> Vec<&Version> {
        let mut newest: BTreeMap<Line, &Version> = BTreeMap::new();
        for (version, published) in &self.versions {
            if published.yanked.is_none() {
                // Versions come in ascending order.
                newest.insert(self.line_of(version), version);
            }
        }
        let mut versions: Vec<&Version> = newest.into_values().collect();
        versions.sort();
        let all = versions.clone();
        versions.retain(|version| !self.is_out(version, &all));
        versions
    }

    /// The line that a release of a version serves.
    #[must_use]
    pub fn line_of(&self, version: &Version) -> Line {
        Line::of_release(version, self.policy.keep_minors)
    }

    /// Whether a prerelease is one of a version that is among these, or that one of its line has gone past.
    fn is_out(&self, version: &Version, among: &[&Version]) -> bool {
        if version.pre.is_empty() {
            return false;
        }
        let line = Line::of(version, self.policy.keep_minors);
        among.iter().any(|other| {
            other.pre.is_empty()
                && *other > version
                && Line::of(other, self.policy.keep_minors) == line
        })
    }

    /// Whether a version is what its line in a channel serves to everybody.
    pub(crate) fn is_stable(&self, channel: &str, version: &Version, at: Timestamp) -> bool {
        self.channel(channel).is_some_and(|channel| {
            let stable = channel.line(self.line_of(version), at).stable;
            let release = stable.and_then(|number| channel.release(number));
            release.is_some_and(|release| release.version == *version)
        })
    }

    /// The channels and lines whose release, stable or on its way, is a version.
    pub(crate) fn releases_of(&self, version: &Version, at: Timestamp) -> Vec<(&str, Line)> {
        let mut found = Vec::new();
        for (name, channel) in &self.channels {
            for &line in channel.lines.keys() {
                let state = channel.line(line, at);
                let rolling = state.rolling.map(|rolling| rolling.release);
                let numbers = [state.stable, rolling];
                let mut releases = numbers.into_iter().flatten();
                if releases.any(|number| {
                    channel
                        .release(number)
                        .is_some_and(|it| it.version == *version)
                }) {
                    found.push((&**name, line));
                }
            }
        }
        found
    }
}
