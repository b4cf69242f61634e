//! What can be done with a package.

use std::collections::{BTreeMap, BTreeSet};

use radpack_registry::Line;
use radpack_registry::state::package::Standing;
use radpack_registry::state::policy::Releasing;
use semver::{Prerelease, Version};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::Verdict::{self, Done, Nothing, Refused};
use super::{Channel, Package, Pointers, Published, Release, Rolling};

fn bare(version: &Version) -> Version {
    Version::new(version.major, version.minor, version.patch)
}

/// The line of a version's base.
pub(crate) fn base_line(version: &Version, keep_minors: bool) -> Line {
    match version.major == 0 || keep_minors {
        true => Line::Minor(version.major, version.minor),
        false => Line::Major(version.major),
    }
}

pub(crate) fn line_of(version: &Version, keep_minors: bool) -> Line {
    match version.pre.is_empty() {
        true => base_line(version, keep_minors),
        false => Line::Prerelease(version.major, version.minor, version.patch),
    }
}

/// The smallest number that may follow a version, given the names before and after.
fn least(from: &Published, names: &[&str]) -> Version {
    let Version {
        major,
        minor,
        patch,
        ..
    } = from.number;
    let removed = from.names.iter().any(|name| !names.contains(name));
    let added = names.iter().any(|name| !from.names.contains(name));
    match (removed, added, major) {
        (true, _, 0) => Version::new(0, minor + 1, 0),
        (true, _, _) => Version::new(major + 1, 0, 0),
        (false, true, 1..) => Version::new(major, minor + 1, 0),
        _ => Version::new(major, minor, patch + 1),
    }
}

/// Whether a cohort gets what a rollout brings.
pub(crate) fn gets(cohort: u8, id: Uuid, percent: u8) -> bool {
    let hash = Sha256::digest(id.to_string());
    let turn = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
    (u64::from(cohort) + u64::from(turn)) % 100 < u64::from(percent)
}

impl Package {
    pub(crate) fn version(&self, number: &Version) -> Option<&Published> {
        self.versions.iter().find(|it| it.number == *number)
    }

    pub(super) fn line(&self, version: &Version) -> Line {
        line_of(version, self.keep_minors)
    }

    pub(super) fn base(&self, version: &Version) -> Line {
        base_line(version, self.keep_minors)
    }

    /// The stable versions that were not yanked, lowest first.
    pub(super) fn stable(&self) -> Vec<&Published> {
        let mut stable: Vec<_> = self
            .versions
            .iter()
            .filter(|it| !it.yanked && it.number.pre.is_empty())
            .collect();
        stable.sort_by_key(|it| it.number.clone());
        stable
    }

    /// Whether a version with these names may have a number.
    pub(super) fn admits(&self, number: &Version, names: &[&str], insist: bool) -> bool {
        let stable = self.stable();
        let is_new = self.version(number).is_none();
        let is_higher = stable
            .iter()
            .filter(|it| self.increasing || self.base(&it.number) == self.base(number))
            .all(|it| it.number < *number);
        let before = stable.iter().rev().find(|it| it.number < *number);
        let goes_far = before.is_none_or(|it| least(it, names) <= bare(number));
        is_new && is_higher && (goes_far || insist)
    }

    /// The number that a version gets for which none is said.
    pub(super) fn next(&self, from: Option<&Published>, names: &[&str]) -> Version {
        let start = match from {
            Some(from) => least(from, names),
            None => {
                let announced = self.versions.iter().filter(|it| !it.yanked);
                let announced = announced.map(|it| bare(&it.number)).max();
                announced.unwrap_or(Version::new(1, 0, 0))
            }
        };
        // The lowest of all that could come into question.
        let mut candidates = vec![start.clone()];
        for Published { number, .. } in &self.versions {
            candidates.push(bare(number));
            candidates.push(Version::new(number.major, number.minor + 1, 0));
            candidates.push(Version::new(number.major + 1, 0, 0));
        }
        let patches = 0..=self.versions.len() as u64;
        let numbers = candidates.iter().flat_map(|it| {
            let patches = patches.clone();
            patches.map(|more| Version::new(it.major, it.minor, it.patch + more))
        });
        numbers
            .filter(|number| *number >= start && self.admits(number, names, false))
            .min()
            .unwrap()
    }

    pub(super) fn is_out(&self, version: &Version, among: &[Version]) -> bool {
        !version.pre.is_empty()
            && among.iter().any(|other| {
                other.pre.is_empty() && other > version && self.base(other) == self.base(version)
            })
    }

    pub(super) fn visible(&self, mut versions: Vec<Version>) -> Vec<Version> {
        versions.retain(|it| !self.version(it).unwrap().yanked);
        let all = versions.clone();
        versions.retain(|it| !self.is_out(it, &all));
        versions.sort();
        versions
    }

    pub(crate) fn latest(&self) -> Vec<Version> {
        let unyanked = || self.versions.iter().filter(|it| !it.yanked);
        let newest = unyanked().filter(|it| {
            !unyanked().any(|other| {
                other.number > it.number && self.line(&other.number) == self.line(&it.number)
            })
        });
        self.visible(newest.map(|it| it.number.clone()).collect())
    }

    pub(crate) fn served(&self, channel: &str, cohort: Option<u8>) -> Vec<Version> {
        let Some(channel) = self.channels.get(channel) else {
            return Vec::new();
        };
        let release = |line: &Pointers| {
            let rolling = line.rolling.as_ref();
            let rolling =
                rolling.filter(|it| cohort.is_some_and(|cohort| gets(cohort, it.id, it.percent)));
            rolling.map(|it| it.release).or(line.stable)
        };
        let numbers = channel.lines.values().filter_map(release);
        self.visible(
            numbers
                .map(|number| channel.version(number).clone())
                .collect(),
        )
    }

    pub(super) fn may_release(&self, channel: &str, version: &Version) -> bool {
        let Some(channel) = self.channels.get(channel) else {
            return true;
        };
        let stable_of = |line: Line| channel.lines.get(&line)?.stable;
        if !version.pre.is_empty()
            && stable_of(self.base(version)).is_some_and(|it| channel.version(it) > version)
        {
            return false;
        }
        let pointers = channel.pointers(self.line(version));
        let stable = pointers.stable.map(|it| channel.version(it));
        let rolling = pointers.rolling.map(|it| channel.version(it.release));
        let has_it = rolling == Some(version) || rolling.is_none() && stable == Some(version);
        let is_newer =
            stable.is_none_or(|it| it < version) && rolling.is_none_or(|it| it < version);
        !has_it && (is_newer || self.releasing == Releasing::Free)
    }

    pub(super) fn release(
        &mut self,
        channel: &str,
        version: &Version,
        percent: Option<u8>,
        id: Uuid,
    ) {
        let line = self.line(version);
        let channel = self.channels.entry(channel.to_owned()).or_default();
        let number = channel.add(version, None);
        let mut pointers = channel.pointers(line);
        match percent {
            None => {
                pointers.stable = Some(number);
                pointers.rolling = None;
            }
            Some(percent) => {
                let (id, floor) = match &pointers.rolling {
                    Some(before) => (before.id, before.percent),
                    None => (id, 0),
                };
                pointers.rolling = Some(Rolling {
                    release: number,
                    id,
                    percent: percent.max(floor),
                    paused: false,
                });
            }
        }
        channel.set(line, pointers);
    }

    /// The newest good release before what a line serves.
    pub(super) fn previous(&self, channel: &Channel, line: Line, current: u32) -> Option<u32> {
        let root = *channel.chain(current).last().unwrap();
        (1..root).rev().find(|&number| {
            let version = channel.version(number);
            self.line(version) == line
                && channel.release(number).standing == Standing::Good
                && !self.version(version).unwrap().yanked
        })
    }

    /// A line returns to a release, or to none; `made` are the versions that the same event has made.
    pub(super) fn turn(
        &mut self,
        name: &str,
        line: Line,
        to: Option<u32>,
        made: &mut Vec<(Version, Version)>,
    ) {
        let channel = self.channels.get_mut(name).unwrap();
        let pointers = channel.pointers(line);
        if let Some(rolling) = &pointers.rolling {
            channel.releases[rolling.release as usize - 1].standing = Standing::Aborted;
        }
        if let Some(current) = pointers.stable {
            for number in channel.chain(current) {
                if to.is_none_or(|to| number > to) {
                    channel.releases[number as usize - 1].standing = Standing::RolledBack;
                }
            }
        }
        let Some(to) = to else {
            channel.set(line, Pointers::default());
            return;
        };
        channel.releases[to as usize - 1].standing = Standing::Good;
        let at = |stable| Pointers {
            stable: Some(stable),
            rolling: None,
        };
        if self.releasing == Releasing::Free {
            channel.set(line, at(to));
            return;
        }
        let target = channel.version(to).clone();
        let current = pointers.stable.map(|it| channel.version(it).clone());
        let seen = current.clone().or_else(|| {
            let versions = channel.releases.iter().map(|it| &it.version);
            let of_line = versions.filter(|it| line_of(it, self.keep_minors) == line);
            of_line.max().cloned()
        });
        let version = match seen {
            Some(seen) if current.is_some() || seen > target => self.restore(&target, &seen, made),
            _ => target,
        };
        let channel = self.channels.get_mut(name).unwrap();
        let number = channel.add(&version, Some(to));
        channel.set(line, at(number));
    }

    /// A new version with the contents of an old one.
    pub(super) fn restore(
        &mut self,
        old: &Version,
        above: &Version,
        made: &mut Vec<(Version, Version)>,
    ) -> Version {
        let of_minor = |it: &Version| (it.major, it.minor) == (above.major, above.minor);
        // One for all channels.
        if let Some((_, it)) = made.iter().find(|(of, it)| {
            of == old && of_minor(it) && it > above && it.pre.is_empty() == above.pre.is_empty()
        }) {
            return it.clone();
        }
        let number = if above.pre.is_empty() {
            let patches = self.versions.iter().filter(|it| of_minor(&it.number));
            let highest = patches.map(|it| it.number.patch).max().unwrap();
            Version::new(above.major, above.minor, highest + 1)
        } else {
            // They are all called beta.N.
            let after = |count: u64| Version {
                pre: Prerelease::new(&format!("beta.{count}")).unwrap(),
                ..above.clone()
            };
            let free = (1..).map(after);
            free.into_iter()
                .find(|it| it > above && self.version(it).is_none())
                .unwrap()
        };
        made.push((old.clone(), number.clone()));
        let restored = self.version(old).unwrap().clone();
        self.versions.push(Published {
            number: number.clone(),
            yanked: false,
            ..restored
        });
        number
    }

    /// The lines of a channel, when minors are kept from now on or no longer.
    pub(super) fn rearrange(&self, channel: &Channel) -> BTreeMap<Line, Pointers> {
        let mut lines: BTreeMap<Line, Pointers> = BTreeMap::new();
        let mut from = BTreeMap::new();
        let version = |number: u32| channel.version(number);
        for (&before, pointers) in &channel.lines {
            if let Some(number) = pointers.stable {
                from.insert(number, before);
                let line = lines.entry(self.line(version(number))).or_default();
                if line.stable.is_none_or(|it| version(it) < version(number)) {
                    line.stable = Some(number);
                }
            }
            if let Some(rolling) = &pointers.rolling {
                from.insert(rolling.release, before);
                let line = lines
                    .entry(self.line(version(rolling.release)))
                    .or_default();
                let there = line.rolling.as_ref().map(|it| version(it.release));
                if there.is_none_or(|it| it < version(rolling.release)) {
                    line.rolling = Some(rolling.clone());
                }
            }
        }
        for line in lines.values_mut() {
            if let (Some(stable), Some(rolling)) = (line.stable, &line.rolling)
                && version(rolling.release) < version(stable)
                && from[&stable] != from[&rolling.release]
            {
                line.rolling = None;
            }
        }
        lines
    }
}

impl Channel {
    pub(crate) fn release(&self, number: u32) -> &Release {
        &self.releases[number as usize - 1]
    }

    pub(super) fn version(&self, number: u32) -> &Version {
        &self.release(number).version
    }

    pub(super) fn pointers(&self, line: Line) -> Pointers {
        self.lines.get(&line).cloned().unwrap_or_default()
    }

    pub(super) fn add(&mut self, version: &Version, restores: Option<u32>) -> u32 {
        self.releases.push(Release {
            version: version.clone(),
            restores,
            standing: Standing::Good,
        });
        self.releases.len() as u32
    }

    pub(super) fn set(&mut self, line: Line, mut pointers: Pointers) {
        if let Some(rolling) = pointers.rolling.take_if(|it| it.percent >= 100) {
            pointers.stable = Some(rolling.release);
        }
        if pointers == Pointers::default() {
            self.lines.remove(&line);
        } else {
            self.lines.insert(line, pointers);
        }
    }

    /// A release, the one whose contents it has again, and so on.
    pub(super) fn chain(&self, number: u32) -> Vec<u32> {
        let mut chain = vec![number];
        while let Some(before) = self.release(chain[chain.len() - 1]).restores {
            chain.push(before);
        }
        chain
    }
}

impl Package {
    /// The releases become those of the past.
    pub(super) fn revert(&mut self, past: Option<&Package>) -> Verdict {
        let mut verdict = Nothing;
        let mut made = Vec::new();
        let names: Vec<String> = self.channels.keys().cloned().collect();
        for name in names {
            let channel = &self.channels[&name];
            let mut targets: BTreeMap<Line, u32> = BTreeMap::new();
            let then = past.and_then(|past| past.channels.get(&name));
            for number in then.iter().flat_map(|it| it.lines.values()) {
                let Some(number) = number.stable else {
                    continue;
                };
                let version = channel.version(number);
                let target = targets.entry(self.line(version)).or_insert(number);
                if channel.version(*target) < version {
                    *target = number;
                }
            }
            let lines: BTreeSet<Line> = targets
                .keys()
                .chain(channel.lines.keys())
                .copied()
                .collect();
            for line in lines {
                let channel = &self.channels[&name];
                let mut pointers = channel.pointers(line);
                let origin = |number: u32| &self.version(channel.version(number)).unwrap().origin;
                let to = targets.get(&line).copied();
                if pointers.stable.map(origin) == to.map(origin) {
                    if let Some(rolling) = pointers.rolling.take() {
                        let channel = self.channels.get_mut(&name).unwrap();
                        channel.releases[rolling.release as usize - 1].standing = Standing::Aborted;
                        channel.set(line, pointers);
                        verdict = Done;
                    }
                    continue;
                }
                if to.is_some_and(|to| self.version(channel.version(to)).unwrap().yanked) {
                    return Refused;
                }
                self.turn(&name, line, to, &mut made);
                verdict = Done;
            }
        }
        verdict
    }
}
