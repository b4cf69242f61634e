//! A registry as its rules read, in plain vectors and without a thought for speed. It knows percentages, but no time.

use std::collections::{BTreeMap, BTreeSet};

use radpack_registry::Line;
use radpack_registry::state::fact::{Follows, RolloutAction};
use radpack_registry::state::package::Standing;
use radpack_registry::state::policy::{PolicyChange, Releasing};
use semver::{Prerelease, Version};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// A command, with everything said that there is to say.
#[derive(Clone, Debug)]
pub(crate) enum Do {
    Publish {
        package: String,
        number: Option<Version>,
        /// What tells its sources from others.
        text: String,
        names: Vec<&'static str>,
        after: Option<Version>,
        release: bool,
        insist: bool,
    },
    Release {
        package: String,
        version: Version,
        channel: String,
        percent: Option<u8>,
    },
    Rollout {
        package: String,
        channel: String,
        line: Line,
        action: RolloutAction,
    },
    Rollback {
        package: String,
        channel: String,
        line: Line,
        to: Option<u32>,
    },
    Revert {
        package: Option<String>,
        to: u64,
    },
    Yank {
        package: String,
        version: Version,
    },
    Policy {
        package: String,
        change: PolicyChange,
    },
    Promote {
        packages: BTreeSet<String>,
        from: String,
        to: String,
        percent: Option<u8>,
    },
    Create {
        draft: String,
        package: String,
        from: From,
    },
    Save {
        draft: String,
        base: u64,
        put: BTreeMap<String, String>,
        remove: BTreeSet<String>,
    },
    Reset {
        draft: String,
        to: u64,
    },
    Discard {
        draft: String,
    },
    Consume {
        consumer: String,
        packages: Option<BTreeSet<String>>,
        follow: BTreeMap<String, Follows>,
        production: Option<bool>,
    },
}

#[derive(Clone, Debug)]
pub(crate) enum From {
    Nothing,
    Version(Version),
    Draft(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Done,
    Nothing,
    Refused,
}

use Verdict::{Done, Nothing, Refused};

/// All that there is.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) packages: BTreeMap<String, Package>,
    pub(crate) drafts: BTreeMap<String, Draft>,
    pub(crate) consumers: BTreeMap<String, Consumer>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Package {
    pub(crate) keep_minors: bool,
    pub(crate) increasing: bool,
    pub(crate) releasing: Releasing,
    /// In the order of their builds.
    pub(crate) versions: Vec<Published>,
    pub(crate) channels: BTreeMap<String, Channel>,
}

#[derive(Clone, Debug)]
pub(crate) struct Published {
    pub(crate) number: Version,
    pub(crate) text: String,
    pub(crate) names: Vec<&'static str>,
    pub(crate) yanked: bool,
    /// The version whose contents it has: itself, unless it restores one.
    origin: Version,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Channel {
    pub(crate) releases: Vec<Release>,
    pub(crate) lines: BTreeMap<Line, Pointers>,
}

#[derive(Clone, Debug)]
pub(crate) struct Release {
    pub(crate) version: Version,
    pub(crate) restores: Option<u32>,
    pub(crate) standing: Standing,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Pointers {
    pub(crate) stable: Option<u32>,
    pub(crate) rolling: Option<Rolling>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rolling {
    pub(crate) release: u32,
    pub(crate) id: Uuid,
    pub(crate) percent: u8,
    pub(crate) paused: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) package: String,
    /// The files of each revision.
    pub(crate) revisions: Vec<BTreeMap<String, String>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Consumer {
    pub(crate) packages: BTreeSet<String>,
    pub(crate) follows: BTreeMap<String, Follows>,
    pub(crate) production: bool,
}

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

    fn line(&self, version: &Version) -> Line {
        line_of(version, self.keep_minors)
    }

    fn base(&self, version: &Version) -> Line {
        base_line(version, self.keep_minors)
    }

    /// The stable versions that were not yanked, lowest first.
    fn stable(&self) -> Vec<&Published> {
        let mut stable: Vec<_> = self
            .versions
            .iter()
            .filter(|it| !it.yanked && it.number.pre.is_empty())
            .collect();
        stable.sort_by_key(|it| it.number.clone());
        stable
    }

    /// Whether a version with these names may have a number.
    fn admits(&self, number: &Version, names: &[&str], insist: bool) -> bool {
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
    fn next(&self, from: Option<&Published>, names: &[&str]) -> Version {
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

    fn is_out(&self, version: &Version, among: &[Version]) -> bool {
        !version.pre.is_empty()
            && among.iter().any(|other| {
                other.pre.is_empty() && other > version && self.base(other) == self.base(version)
            })
    }

    fn visible(&self, mut versions: Vec<Version>) -> Vec<Version> {
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

    fn may_release(&self, channel: &str, version: &Version) -> bool {
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

    fn release(&mut self, channel: &str, version: &Version, percent: Option<u8>, id: Uuid) {
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
    fn previous(&self, channel: &Channel, line: Line, current: u32) -> Option<u32> {
        let root = *channel.chain(current).last().unwrap();
        (1..root).rev().find(|&number| {
            let version = channel.version(number);
            self.line(version) == line
                && channel.release(number).standing == Standing::Good
                && !self.version(version).unwrap().yanked
        })
    }

    /// A line returns to a release, or to none; `made` are the versions that the same event has made.
    fn turn(
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
    fn restore(
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
    fn rearrange(&self, channel: &Channel) -> BTreeMap<Line, Pointers> {
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

    fn version(&self, number: u32) -> &Version {
        &self.release(number).version
    }

    fn pointers(&self, line: Line) -> Pointers {
        self.lines.get(&line).cloned().unwrap_or_default()
    }

    fn add(&mut self, version: &Version, restores: Option<u32>) -> u32 {
        self.releases.push(Release {
            version: version.clone(),
            restores,
            standing: Standing::Good,
        });
        self.releases.len() as u32
    }

    fn set(&mut self, line: Line, mut pointers: Pointers) {
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
    fn chain(&self, number: u32) -> Vec<u32> {
        let mut chain = vec![number];
        while let Some(before) = self.release(chain[chain.len() - 1]).restores {
            chain.push(before);
        }
        chain
    }
}

impl World {
    /// What comes of a command; if it is an event, this is its id. `past`: the worlds after each event so far, the first before all.
    pub(crate) fn carry_out(&mut self, what: &Do, id: Uuid, past: &[World]) -> Verdict {
        let mut next = self.clone();
        let verdict = next.go(what, id, past);
        if verdict == Done {
            *self = next;
        }
        verdict
    }

    fn known(&mut self, name: &str) -> Option<&mut Package> {
        self.packages
            .get_mut(name)
            .filter(|package| !package.versions.is_empty())
    }

    fn go(&mut self, what: &Do, id: Uuid, past: &[World]) -> Verdict {
        match what {
            Do::Publish {
                package,
                number,
                text,
                names,
                after,
                release,
                insist,
            } => {
                let package = self.packages.entry(package.clone()).or_default();
                let compared = match number {
                    Some(number) => package.version(number),
                    None => {
                        let stable = package.stable();
                        let line = after.as_ref().map(|it| package.base(it));
                        let of_line = stable.iter().rev();
                        let of_line = of_line
                            .copied()
                            .find(|it| line.is_none_or(|line| package.base(&it.number) == line));
                        of_line.or(stable.last().copied())
                    }
                };
                let is_there = compared.is_some_and(|it| it.text == *text && !it.yanked);
                let (version, at_once) = match (is_there, number) {
                    (true, _) => (compared.unwrap().number.clone(), *release),
                    (false, Some(number)) if !package.admits(number, names, *insist) => {
                        return Refused;
                    }
                    (false, number) => {
                        let next = || package.next(compared, names);
                        let number = number.clone().unwrap_or_else(next);
                        package.versions.push(Published {
                            number: number.clone(),
                            text: text.clone(),
                            names: names.clone(),
                            yanked: false,
                            origin: number.clone(),
                        });
                        (number, *release || package.releasing == Releasing::Live)
                    }
                };
                let has_it = |channel: &Channel| {
                    channel.lines.values().any(|it| {
                        let rolling = it.rolling.as_ref().map(|it| it.release);
                        let mut both = it.stable.into_iter().chain(rolling);
                        both.any(|it| *channel.version(it) == version)
                    })
                };
                let is_released = package.channels.get("release").is_some_and(has_it);
                match (at_once && !is_released, is_there) {
                    (false, true) => Nothing,
                    (false, false) => Done,
                    (true, _) if !package.may_release("release", &version) => Refused,
                    (true, _) => {
                        package.release("release", &version, None, id);
                        Done
                    }
                }
            }
            Do::Release {
                package,
                version,
                channel,
                percent,
            } => {
                let Some(package) = self.known(package) else {
                    return Refused;
                };
                let is_good = package.version(version).is_some_and(|it| !it.yanked);
                if !is_good || !package.may_release(channel, version) {
                    return Refused;
                }
                package.release(channel, version, *percent, id);
                Done
            }
            Do::Rollout {
                package,
                channel,
                line,
                action,
            } => {
                let channel = self
                    .known(package)
                    .and_then(|package| package.channels.get_mut(channel));
                let Some(channel) = channel else {
                    return Refused;
                };
                let mut pointers = channel.pointers(*line);
                let Some(mut rolling) = pointers.rolling.take() else {
                    return Refused;
                };
                match *action {
                    RolloutAction::Set(percent) if percent < rolling.percent || percent > 100 => {
                        return Refused;
                    }
                    RolloutAction::Set(percent) => rolling.percent = percent,
                    RolloutAction::Pause if rolling.paused => return Nothing,
                    RolloutAction::Pause => rolling.paused = true,
                    RolloutAction::Resume if !rolling.paused => return Nothing,
                    RolloutAction::Resume => rolling.paused = false,
                    RolloutAction::Promote => rolling.percent = 100,
                    RolloutAction::Abort => {
                        channel.releases[rolling.release as usize - 1].standing = Standing::Aborted;
                        channel.set(*line, pointers);
                        return Done;
                    }
                }
                pointers.rolling = Some(rolling);
                channel.set(*line, pointers);
                Done
            }
            Do::Rollback {
                package,
                channel: name,
                line,
                to,
            } => {
                let Some(package) = self.known(package) else {
                    return Refused;
                };
                let Some(channel) = package.channels.get_mut(name) else {
                    return Refused;
                };
                let Some(mut pointers) = channel.lines.get(line).cloned() else {
                    return Refused;
                };
                if let (None, Some(rolling)) = (to, &pointers.rolling) {
                    channel.releases[rolling.release as usize - 1].standing = Standing::Aborted;
                    pointers.rolling = None;
                    channel.set(*line, pointers);
                    return Done;
                }
                let channel = &package.channels[name];
                let to = match *to {
                    Some(to) => {
                        let serves = [pointers.stable, pointers.rolling.map(|it| it.release)];
                        if to == 0 || to as usize > channel.releases.len() {
                            return Refused;
                        }
                        let version = channel.version(to);
                        let yanked = package.version(version).unwrap().yanked;
                        if package.line(version) != *line || yanked || serves.contains(&Some(to)) {
                            return Refused;
                        }
                        Some(to)
                    }
                    None => package.previous(channel, *line, pointers.stable.unwrap()),
                };
                package.turn(name, *line, to, &mut Vec::new());
                Done
            }
            Do::Revert { package, to } => {
                let Some(past) = past.get(*to as usize) else {
                    return Refused;
                };
                let names: Vec<String> = match package {
                    Some(name) if self.known(name).is_none() => return Refused,
                    Some(name) => vec![name.clone()],
                    None => self.packages.keys().cloned().collect(),
                };
                let mut verdict = Nothing;
                for name in names {
                    let package = self.packages.get_mut(&name).unwrap();
                    match package.revert(past.packages.get(&name)) {
                        Refused => return Refused,
                        Done => verdict = Done,
                        Nothing => {}
                    }
                }
                verdict
            }
            Do::Yank { package, version } => {
                let Some(package) = self.known(package) else {
                    return Refused;
                };
                let is_released = package.channels.values().any(|channel| {
                    channel.lines.values().any(|it| {
                        let rolling = it.rolling.as_ref().map(|it| it.release);
                        let mut both = it.stable.into_iter().chain(rolling);
                        both.any(|it| channel.version(it) == version)
                    })
                });
                let mut versions = package.versions.iter_mut();
                match versions.find(|it| it.number == *version) {
                    None => Refused,
                    Some(it) if it.yanked => Nothing,
                    Some(_) if is_released => Refused,
                    Some(it) => {
                        it.yanked = true;
                        Done
                    }
                }
            }
            Do::Policy { package, change } => {
                let package = self.packages.entry(package.clone()).or_default();
                let before = (package.keep_minors, package.increasing, package.releasing);
                package.keep_minors = change.keep_minors.unwrap_or(before.0);
                package.increasing = change.increasing.unwrap_or(before.1);
                package.releasing = change.releases.unwrap_or(before.2);
                if (package.keep_minors, package.increasing, package.releasing) == before {
                    return Nothing;
                }
                if package.keep_minors != before.0 {
                    let channels = package.channels.iter();
                    let lines: Vec<_> = channels
                        .map(|(_, channel)| package.rearrange(channel))
                        .collect();
                    for (channel, lines) in package.channels.values_mut().zip(lines) {
                        channel.lines = lines;
                    }
                }
                Done
            }
            Do::Promote {
                packages,
                from,
                to,
                percent,
            } => {
                if from == to {
                    return Refused;
                }
                let mut verdict = Nothing;
                for name in packages {
                    let Some(package) = self.known(name) else {
                        return Refused;
                    };
                    if package
                        .channels
                        .get(from)
                        .is_none_or(|it| it.lines.is_empty())
                    {
                        return Refused;
                    }
                    for version in package.served(from, None) {
                        let has_it = package.channels.get(to).is_some_and(|channel| {
                            let pointers = channel.pointers(package.line(&version));
                            let rolling = pointers.rolling.map(|it| it.release);
                            let mut both = pointers.stable.into_iter().chain(rolling);
                            both.any(|it| *channel.version(it) == version)
                        });
                        if has_it {
                            continue;
                        }
                        verdict = Done;
                        // Whether it may be is asked of what was there before.
                        if !past[past.len() - 1].packages[name].may_release(to, &version) {
                            return Refused;
                        }
                        package.release(to, &version, *percent, id);
                    }
                }
                verdict
            }
            Do::Create {
                draft,
                package,
                from,
            } => {
                if self.drafts.contains_key(draft) {
                    return Refused;
                }
                let files = match from {
                    From::Nothing => BTreeMap::new(),
                    From::Version(version) => match self
                        .known(package)
                        .and_then(|package| package.version(version))
                    {
                        Some(it) => BTreeMap::from([("index.js".to_owned(), it.text.clone())]),
                        None => return Refused,
                    },
                    From::Draft(other) => match self.drafts.get(other) {
                        Some(other) if other.package == *package => {
                            other.revisions[other.revisions.len() - 1].clone()
                        }
                        _ => return Refused,
                    },
                };
                self.packages.entry(package.clone()).or_default();
                let made = Draft {
                    package: package.clone(),
                    revisions: vec![files],
                };
                self.drafts.insert(draft.clone(), made);
                Done
            }
            Do::Save {
                draft,
                base,
                put,
                remove,
            } => {
                let Some(draft) = self.drafts.get_mut(draft) else {
                    return Refused;
                };
                let files = &draft.revisions[draft.revisions.len() - 1];
                let is_wrong = |path: &String| put.contains_key(path) || !files.contains_key(path);
                if *base != draft.revisions.len() as u64 || remove.iter().any(is_wrong) {
                    return Refused;
                }
                let mut after = files.clone();
                after.extend(put.clone());
                after.retain(|path, _| !remove.contains(path));
                if after == *files {
                    return Nothing;
                }
                draft.revisions.push(after);
                Done
            }
            Do::Reset { draft, to } => {
                let Some(draft) = self.drafts.get_mut(draft) else {
                    return Refused;
                };
                let files = (*to as usize)
                    .checked_sub(1)
                    .and_then(|index| draft.revisions.get(index));
                match files.cloned() {
                    None => Refused,
                    Some(files) if draft.revisions.last() == Some(&files) => Nothing,
                    Some(files) => {
                        draft.revisions.push(files);
                        Done
                    }
                }
            }
            Do::Discard { draft } => match self.drafts.remove(draft) {
                Some(_) => Done,
                None => Refused,
            },
            Do::Consume {
                consumer,
                packages,
                follow,
                production,
            } => {
                let before = self.consumers.get(consumer);
                let Some(packages) = packages.clone().or_else(|| Some(before?.packages.clone()))
                else {
                    return Refused;
                };
                let mut after = Consumer {
                    follows: before.map(|it| it.follows.clone()).unwrap_or_default(),
                    production: production
                        .or(before.map(|it| it.production))
                        .unwrap_or_default(),
                    packages,
                };
                for name in &after.packages {
                    let package = self.packages.get(name);
                    let was_released = package
                        .and_then(|package| package.channels.get("release"))
                        .is_some_and(|channel| !channel.releases.is_empty());
                    let follows = match was_released {
                        true => Follows::Release,
                        false => Follows::Latest,
                    };
                    after.follows.entry(name.clone()).or_insert(follows);
                }
                for (name, follows) in follow {
                    match after.follows.get_mut(name) {
                        Some(there) => *there = *follows,
                        None => return Refused,
                    }
                }
                if before == Some(&after) {
                    return Nothing;
                }
                self.consumers.insert(consumer.clone(), after);
                Done
            }
        }
    }

    /// The versions that a consumer gets of a package.
    pub(crate) fn consumed(&self, consumer: &str, name: &str, cohort: Option<u8>) -> Vec<Version> {
        let package = &self.packages[name];
        match self.consumers[consumer].follows.get(name) {
            Some(Follows::Latest) => package.latest(),
            _ => package.served("release", cohort),
        }
    }
}

impl Package {
    /// The releases become those of the past.
    fn revert(&mut self, past: Option<&Package>) -> Verdict {
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
