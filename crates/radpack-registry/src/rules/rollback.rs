//! Taking back: a line returns to an earlier release, or all lines do.

use std::collections::{BTreeMap, BTreeSet};

use semver::{Prerelease, Version};
use serde::{Deserialize, Serialize};

use super::effect::check_effect;
use super::lines::{made_name, next_number};
use super::publish::check_components;
use super::release::check_channel;
use super::{Decided, LinePick, Rule, set};
use crate::commit::{Place, Refusal, RefusalKind};
use crate::number::Line;
use crate::state::State;
use crate::state::fact::{LineReturn, NewRelease, NewVersion, Reverted, RolledBack};
use crate::state::package::{Channel, LineState, Package, Release, Standing};
use crate::state::policy::Releasing;
use crate::state::token::Right;

/// Returns a line to its previous good release, or to one that is named. While one is on its way, that is ended.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Rollback {
    /// The line.
    pub line: LinePick,
    /// The channel.
    #[serde(default = "super::release")]
    pub channel: String,
    /// The release to return to, by its number or its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Why, though it leaves something unresolvable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force: Option<String>,
}

/// Makes the releases those of an earlier event.
#[derive(Clone, Debug)]
pub struct Revert {
    /// The event.
    pub to: u64,
    /// The only package to do it for.
    pub package: Option<String>,
    /// The state that the history had come to at that event.
    pub past: State,
    /// The time of that event.
    pub past_at: jiff::Timestamp,
    /// Why, though it leaves something unresolvable.
    pub force: Option<String>,
}

/// What is made for a package while its lines return: each new version and release has its number.
struct Making<'s> {
    name: &'s str,
    package: &'s Package,
    versions: Vec<NewVersion>,
    releases: BTreeMap<String, usize>,
}

impl<'s> Making<'s> {
    fn new(name: &'s str, package: &'s Package) -> Self {
        Making {
            name,
            package,
            versions: Vec::new(),
            releases: BTreeMap::new(),
        }
    }

    /// A version with the contents of an earlier one, above another: the lowest free patch above those of its minor.
    fn restoring(&mut self, restored: &Version, above: &Version) -> Result<Version, Refusal> {
        let made = self.versions.iter().find(|new| {
            new.restores.as_ref() == Some(restored)
                && (new.version.major, new.version.minor) == (above.major, above.minor)
                && new.version > *above
                && new.version.pre.is_empty() == above.pre.is_empty()
        });
        if let Some(made) = made {
            return Ok(made.version.clone());
        }
        let is_taken = |version: &Version| {
            self.package.versions.contains_key(version)
                || self.versions.iter().any(|new| new.version == *version)
        };
        let mut version = if above.pre.is_empty() {
            let of_minor = self
                .package
                .versions
                .keys()
                .filter(|version| (version.major, version.minor) == (above.major, above.minor));
            let highest = of_minor
                .map(|version| version.patch)
                .max()
                .unwrap_or(above.patch)
                .max(above.patch);
            Version::new(above.major, above.minor, highest + 1)
        } else {
            Version {
                pre: after(&above.pre),
                ..above.clone()
            }
        };
        while is_taken(&version) {
            if above.pre.is_empty() {
                version.patch += 1;
            } else {
                version.pre = after(&version.pre);
            }
        }
        check_components(&version).map_err(|error| {
            Refusal::new(format!(
                "no number is left above {above} for what {}@{restored} was: publish it again as another minor, from a draft that \
                 `radpack restore {0}@{restored} --draft NAME` opens",
                self.name
            ))
            .caused_by(error)
        })?;
        let made = self.versions.len();
        self.versions.push(NewVersion {
            package: self.name.to_owned(),
            version: version.clone(),
            build: self.package.builds() + u32::try_from(made).unwrap_or(u32::MAX) + 1,
            contents: None,
            restores: Some(restored.clone()),
            of: None,
            breaking: None,
        });
        Ok(version)
    }

    fn release(&mut self, channel: &str, line: Line, version: Version) -> NewRelease {
        let made = self.releases.entry(channel.to_owned()).or_default();
        let number = next_number(self.package.channel(channel), *made);
        *made += 1;
        NewRelease {
            package: self.name.to_owned(),
            line,
            number,
            name: made_name(number),
            version,
        }
    }

    /// How a line that serves one release, or none, comes to serve an earlier one.
    fn returning(
        &mut self,
        channel_name: &str,
        line: Line,
        state: &LineState,
        to: u32,
    ) -> Result<LineReturn, Refusal> {
        let (name, package) = (self.name, self.package);
        let channel = package.channel(channel_name);
        let target = channel
            .and_then(|channel| channel.release(to))
            .ok_or_else(|| {
                Refusal::of(
                    RefusalKind::Unknown,
                    format!("{name} has no release {to} in {channel_name}"),
                )
            })?;
        check_not_yanked(name, package, target)?;
        let mut back = LineReturn {
            package: name.to_owned(),
            line,
            left: Vec::new(),
            aborted: state.rolling.as_ref().map(|rolling| rolling.release),
            to: Some(to),
            by: None,
        };
        let current = state.stable.and_then(|number| channel?.release(number));
        if let (Some(channel), Some(current)) = (channel, state.stable) {
            // Going on to a later one takes nothing back, as when what reverted is itself reverted.
            back.left = chain(channel, current)
                .into_iter()
                .filter(|&number| number > to)
                .collect();
        }
        if package.policy.releases == Releasing::Free {
            return Ok(back);
        }
        // Where nothing is served any more, what the line served last is what clients have seen.
        let seen = current.map(|current| &current.version).or_else(|| {
            let of_line = channel?
                .releases
                .iter()
                .filter(|release| package.line_of(&release.version) == line);
            of_line.map(|release| &release.version).max()
        });
        let version = match seen {
            Some(seen) if current.is_some() || *seen > target.version => {
                self.restoring(&target.version, seen)?
            }
            _ => target.version.clone(),
        };
        back.by = Some(self.release(channel_name, line, version));
        Ok(back)
    }
}

fn check_not_yanked(name: &str, package: &Package, release: &Release) -> Result<(), Refusal> {
    match package
        .versions
        .get(&release.version)
        .map(|published| &published.yanked)
    {
        Some(None) => Ok(()),
        Some(Some(yank)) => Err(Refusal::new(format!(
            "{name}@{} was yanked by event {} and is not served again: {}",
            release.version, yank.seq, yank.reason
        ))),
        None => Err(Refusal::of(
            RefusalKind::Unknown,
            format!("there is no {name}@{}", release.version),
        )),
    }
}

/// The prerelease after another: its last number, one higher.
fn after(pre: &Prerelease) -> Prerelease {
    let text = pre.as_str();
    let (head, last) = text
        .rsplit_once('.')
        .map_or(("", text), |(head, last)| (head, last));
    let next = match last.parse::<u64>().ok().and_then(|it| it.checked_add(1)) {
        Some(next) => {
            if head.is_empty() {
                next.to_string()
            } else {
                format!("{head}.{next}")
            }
        }
        None => format!("{text}.1"),
    };
    Prerelease::new(&next).unwrap_or_else(|_| pre.clone())
}

/// A release, and those whose contents it has again.
fn chain(channel: &Channel, number: u32) -> Vec<u32> {
    let mut chain = vec![number];
    let mut current = number;
    while let Some(before) = channel
        .release(current)
        .and_then(|release| release.restores)
    {
        // They are earlier, so that this ends.
        if before >= current {
            break;
        }
        chain.push(before);
        current = before;
    }
    chain
}

/// The newest earlier release of a line that can be returned to.
fn previous(package: &Package, channel: &Channel, line: Line, current: u32) -> Option<u32> {
    // What has the contents of an earlier one again stands where that one stood.
    let root = chain(channel, current).into_iter().min()?;
    (1..root).rev().find(|&number| {
        channel.release(number).is_some_and(|release| {
            let version = package.versions.get(&release.version);
            package.line_of(&release.version) == line
                && release.standing == Standing::Good
                && version.is_some_and(|published| published.yanked.is_none())
        })
    })
}

impl Rule for Rollback {
    fn decide(&self, state: &State, place: &Place) -> Result<Decided, Refusal> {
        let name = &self.line.package;
        check_channel(&self.channel)?;
        let package = state.known(name)?;
        let what = "serves anything";
        let Some(channel) = package.channel(&self.channel) else {
            return Err(Refusal::new(format!(
                "{name} has no release in {}",
                self.channel
            )));
        };
        // Where several lines serve something, but one release is on its way, that is what is meant.
        let rolling = self.line.find(package, channel, place.at, what, |line| {
            line.rolling.is_some()
        });
        let (line, lines) = match rolling {
            Ok(found) if self.line.line.is_none() => found,
            _ => self.line.find(package, channel, place.at, what, |_| true)?,
        };
        let mut making = Making::new(name, package);
        let back = match (&self.to, &lines.rolling, lines.stable) {
            (Some(to), ..) => {
                let to = named(name, package, channel, line, to)?;
                if lines.stable == Some(to) {
                    return Err(Refusal::new(format!(
                        "the release {to} is what the line {line} of {name} serves"
                    )));
                }
                if lines.rolling.as_ref().is_some_and(|it| it.release == to) {
                    return Err(Refusal::new(format!(
                        "the release {to} is on its way in the line {line} of {name}: `radpack rollout promote {name}@{line}` gives it to everybody"
                    )));
                }
                making.returning(&self.channel, line, &lines, to)?
            }
            (None, Some(rolling), stable) => LineReturn {
                package: name.clone(),
                line,
                left: Vec::new(),
                aborted: Some(rolling.release),
                to: stable,
                by: None,
            },
            (None, None, Some(current)) => match previous(package, channel, line, current) {
                Some(to) => making.returning(&self.channel, line, &lines, to)?,
                None => LineReturn {
                    package: name.clone(),
                    line,
                    left: chain(channel, current),
                    aborted: None,
                    to: None,
                    by: None,
                },
            },
            (None, None, None) => {
                return Err(Refusal::new(format!(
                    "the line {line} of {name} serves nothing"
                )));
            }
        };
        let back = RolledBack {
            channel: self.channel.clone(),
            returns: vec![back],
            versions: making.versions,
            forced: self.force.clone(),
        };
        check_effect(state, place, back, self.force.as_deref())
    }

    fn rights(&self) -> Vec<Right> {
        vec![Right::Release]
    }

    fn concerns(&self, _: &State) -> BTreeSet<String> {
        set([&self.line.package])
    }
}

/// The release of a line that a number or a name means.
fn named(
    name: &str,
    package: &Package,
    channel: &Channel,
    line: Line,
    text: &str,
) -> Result<u32, Refusal> {
    let rposition = |is_it: &dyn Fn(&Release) -> bool| channel.releases.iter().rposition(is_it);
    // What was released together may have one name in several lines.
    let by_name = rposition(&|it| it.name == text && package.line_of(&it.version) == line)
        .or_else(|| rposition(&|it| it.name == text));
    let by_name = by_name.and_then(|index| u32::try_from(index + 1).ok());
    let number = by_name.or_else(|| text.parse().ok());
    let Some((number, release)) =
        number.and_then(|number| Some((number, channel.release(number)?)))
    else {
        return Err(Refusal::of(
            RefusalKind::Unknown,
            format!(
                "{name} has no release {text:?}; `radpack versions {name} --released` lists those that there are"
            ),
        ));
    };
    if package.line_of(&release.version) != line {
        return Err(Refusal::of(
            RefusalKind::Invalid,
            format!(
                "the release {text} of {name} is {}, which is not of the line {line}",
                release.version
            ),
        ));
    }
    Ok(number)
}

impl Revert {
    /// How the lines of a package become those of the past; nothing, where they are.
    fn lines<'s>(
        &self,
        making: &mut Making<'s>,
        package: &'s Package,
        place: &Place,
    ) -> Result<BTreeMap<String, Vec<LineReturn>>, Refusal> {
        // What it does not find there, it would take away.
        if !self.past.has_read(making.name) {
            return Err(Refusal::of(
                RefusalKind::Stale,
                format!(
                    "what {} was at event {} has not been read",
                    making.name, self.to
                ),
            ));
        }
        let past = self.past.package(making.name);
        let mut channels = BTreeMap::new();
        for (channel_name, channel) in &package.channels {
            // What each line served to everybody; of two that are now one, the higher.
            let mut targets: BTreeMap<Line, u32> = BTreeMap::new();
            if let Some(past) = past.and_then(|past| past.channel(channel_name)) {
                for &line in past.lines.keys() {
                    let Some(number) = past.line(line, self.past_at).stable else {
                        continue;
                    };
                    let Some(release) = channel.release(number) else {
                        continue;
                    };
                    let target = targets
                        .entry(package.line_of(&release.version))
                        .or_insert(number);
                    if channel
                        .release(*target)
                        .is_some_and(|other| other.version < release.version)
                    {
                        *target = number;
                    }
                }
            }
            let lines: BTreeSet<Line> = targets
                .keys()
                .chain(channel.lines.keys())
                .copied()
                .collect();
            let mut returns = Vec::new();
            for line in lines {
                let state = channel.line(line, place.at);
                let contents_of = |number: u32| {
                    let version = &channel.release(number)?.version;
                    Some(&package.versions.get(version)?.contents)
                };
                let target = targets.get(&line).copied();
                let is_so = match (state.stable, target) {
                    (None, None) => true,
                    (Some(now), Some(then)) => now == then || contents_of(now) == contents_of(then),
                    _ => false,
                };
                if is_so {
                    if let Some(rolling) = &state.rolling {
                        returns.push(LineReturn {
                            package: making.name.to_owned(),
                            line,
                            left: Vec::new(),
                            aborted: Some(rolling.release),
                            to: state.stable,
                            by: None,
                        });
                    }
                    continue;
                }
                returns.push(match target {
                    Some(to) => making.returning(channel_name, line, &state, to)?,
                    None => LineReturn {
                        package: making.name.to_owned(),
                        line,
                        left: state
                            .stable
                            .map(|current| chain(channel, current))
                            .unwrap_or_default(),
                        aborted: state.rolling.map(|rolling| rolling.release),
                        to: None,
                        by: None,
                    },
                });
            }
            if !returns.is_empty() {
                channels.insert(channel_name.clone(), returns);
            }
        }
        Ok(channels)
    }
}

impl Rule for Revert {
    fn decide(&self, state: &State, place: &Place) -> Result<Decided, Refusal> {
        if self.to >= place.seq {
            return Err(Refusal::of(
                RefusalKind::Invalid,
                format!("event {} has not happened", self.to),
            ));
        }
        let names: Vec<&str> = match &self.package {
            Some(name) => {
                state.known(name)?;
                vec![name]
            }
            None => state.names().collect(),
        };
        let mut reverted = Reverted {
            to: self.to,
            package: self.package.clone(),
            channels: BTreeMap::new(),
            versions: Vec::new(),
            forced: self.force.clone(),
        };
        for name in names {
            let Some(package) = state.package(name) else {
                continue;
            };
            let mut making = Making::new(name, package);
            for (channel, returns) in self.lines(&mut making, package, place)? {
                reverted
                    .channels
                    .entry(channel)
                    .or_default()
                    .extend(returns);
            }
            reverted.versions.append(&mut making.versions);
        }
        if reverted.channels.is_empty() {
            return Ok(Decided::Nothing(format!(
                "the releases are those of event {} already",
                self.to
            )));
        }
        check_effect(state, place, reverted, self.force.as_deref())
    }

    fn rights(&self) -> Vec<Right> {
        vec![Right::Release]
    }

    fn concerns(&self, _: &State) -> BTreeSet<String> {
        self.package.iter().cloned().collect()
    }
}
