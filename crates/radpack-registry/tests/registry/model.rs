//! A registry as its rules read, in plain vectors and without a thought for speed. It knows percentages, but no time.

mod package;

use std::collections::{BTreeMap, BTreeSet};

use radpack_registry::Line;
use radpack_registry::state::fact::{Follows, RolloutAction};
use radpack_registry::state::package::Standing;
use radpack_registry::state::policy::{PolicyChange, Releasing};
use semver::Version;
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
