//! Releasing: a line of a channel gets a newer version, at once or on its way.

use std::collections::BTreeSet;

use jiff::Timestamp;
use semver::Version;
use serde::{Deserialize, Serialize};

use super::effect::check_effect;
use super::lines::{is_made, made_name, next_number, outdated};
use super::{Decided, LinePick, Rule, VersionPick, check_name, set};
use crate::commit::{Place, Refusal, RefusalKind};
use crate::number::Line;
use crate::rollout::Plan;
use crate::state::State;
use crate::state::fact::{NewRelease, Released, RolloutAction, RolloutChanged};
use crate::state::package::{Audience, Package, RELEASE};
use crate::state::policy::Releasing;
use crate::state::token::Right;

/// Releases versions, all in one event and with one rollout.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ReleaseVersions {
    /// The versions.
    pub versions: Vec<VersionPick>,
    /// The channel.
    #[serde(default = "super::release")]
    pub channel: String,
    /// What the releases are called; they are numbered in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How they reach everybody, where that is not at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// Why, though it leaves something unresolvable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force: Option<String>,
}

/// Releases in one channel what another one has.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Promote {
    /// The packages.
    pub packages: Vec<String>,
    /// The channel that has it.
    pub from: String,
    /// The channel that gets it.
    #[serde(default = "super::release")]
    pub to: String,
    /// How it reaches everybody, where that is not at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// Why, though it leaves something unresolvable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force: Option<String>,
}

/// Changes a release on its way.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ChangeRollout {
    /// The line.
    pub line: LinePick,
    /// The channel.
    #[serde(default = "super::release")]
    pub channel: String,
    /// What to do.
    pub action: RolloutAction,
    /// Why, though it leaves something unresolvable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force: Option<String>,
}

/// Whether a channel may be released into.
pub(super) fn check_channel(channel: &str) -> Result<(), Refusal> {
    check_name("channel", channel)?;
    if channel == "latest" {
        return Err(Refusal::of(
            RefusalKind::Invalid,
            "the channel `latest` is computed from what is published; nothing is released in it",
        ));
    }
    Ok(())
}

/// Whether a plan is one that people could have written.
fn check_plan(plan: Option<&Plan>) -> Result<(), Refusal> {
    plan.map_or(Ok(()), |plan| {
        plan.check().map_err(|error| {
            Refusal::of(RefusalKind::Invalid, "it cannot be rolled out so").caused_by(error)
        })
    })
}

/// The line that a version would serve, if its line may have it.
pub(super) fn check_release(
    name: &str,
    package: &Package,
    channel: &str,
    version: &Version,
    at: Timestamp,
) -> Result<Line, Refusal> {
    let line = package.line_of(version);
    let Some(there) = package.channel(channel) else {
        return Ok(line);
    };
    if let Some(out) = outdated(package, Some(there), version, at) {
        return Err(Refusal::new(format!(
            "{name}@{version} would reach nobody: {out} is out"
        )));
    }
    let state = there.line(line, at);
    let version_of = |number: Option<u32>| {
        number
            .and_then(|number| there.release(number))
            .map(|it| &it.version)
    };
    let stable = version_of(state.stable);
    let rolling = version_of(state.rolling.as_ref().map(|rolling| rolling.release));
    if rolling == Some(version) {
        let percent = state
            .rolling
            .map_or(0, |rolling| rolling.rollout.percent(at));
        return Err(Refusal::new(format!(
            "{name}@{version} is on its way already, at {percent} %: `radpack rollout promote {name}@{line}` gives it to everybody"
        )));
    }
    if stable == Some(version) && rolling.is_none() {
        return Err(Refusal::new(format!(
            "{name}@{version} is what {channel} has in the line {line} already"
        )));
    }
    if package.policy.releases == Releasing::Free {
        return Ok(line);
    }
    if let Some(rolling) = rolling.filter(|rolling| *rolling >= version) {
        return Err(Refusal::new(format!(
            "{rolling} is on its way in the line {line} of {name}, and {version} is older: end that first, with `radpack rollout abort {name}@{line}`"
        )));
    }
    if let Some(stable) = stable.filter(|stable| *stable >= version) {
        return Err(Refusal::new(format!(
            "{name}@{version} is not newer than {stable}, the release of the line {line}, and releases of {name} only go forward: \
             `radpack rollback {name}@{line}` takes back a release, and `radpack policy {name} releases=free` allows any"
        )));
    }
    Ok(line)
}

impl ReleaseVersions {
    pub(super) fn releases(
        &self,
        state: &State,
        at: Timestamp,
    ) -> Result<Vec<NewRelease>, Refusal> {
        check_channel(&self.channel)?;
        let mut releases: Vec<NewRelease> = Vec::new();
        for pick in &self.versions {
            let package = state.known(&pick.package)?;
            let (version, published) = state.pick(pick)?;
            if let Some(yank) = &published.yanked {
                return Err(Refusal::new(format!(
                    "{}@{version} was yanked by event {}: {}",
                    pick.package, yank.seq, yank.reason
                )));
            }
            let line = check_release(&pick.package, package, &self.channel, version, at)?;
            let of_package = || releases.iter().filter(|new| new.package == pick.package);
            if let Some(other) = of_package().find(|new| new.line == line) {
                return Err(Refusal::of(
                    RefusalKind::Invalid,
                    format!(
                        "{} and {version} of {} are of one line, {line}: release one of them",
                        other.version, pick.package
                    ),
                ));
            }
            let channel = package.channel(&self.channel);
            let number = next_number(channel, of_package().count());
            if let (Some(name), Some(channel)) = (&self.name, channel)
                && channel.releases.iter().any(|release| release.name == *name)
            {
                return Err(Refusal::new(format!(
                    "{} has had a release called {name:?}: choose another name",
                    pick.package
                )));
            }
            releases.push(NewRelease {
                package: pick.package.clone(),
                line,
                number,
                name: self.name.clone().unwrap_or_else(|| made_name(number)),
                version: version.clone(),
            });
        }
        Ok(releases)
    }
}

impl Rule for ReleaseVersions {
    fn decide(&self, state: &State, place: &Place) -> Result<Decided, Refusal> {
        if let Some(name) = &self.name {
            check_name("release", name)?;
            if is_made(name) {
                return Err(Refusal::of(
                    RefusalKind::Invalid,
                    format!(
                        "a release cannot be called {name:?}: that is what those are called that nobody has named"
                    ),
                ));
            }
        }
        check_plan(self.plan.as_ref())?;
        let releases = self.releases(state, place.at)?;
        if releases.is_empty() {
            return Ok(Decided::Nothing("nothing was named".to_owned()));
        }
        let released = Released {
            channel: self.channel.clone(),
            releases,
            rollout: self.plan.clone(),
            promoted_from: None,
            forced: self.force.clone(),
        };
        check_effect(state, place, released, self.force.as_deref())
    }

    fn rights(&self) -> Vec<Right> {
        vec![Right::Release]
    }

    fn concerns(&self, _: &State) -> BTreeSet<String> {
        set(self.versions.iter().map(|pick| &pick.package))
    }
}

impl Rule for Promote {
    fn decide(&self, state: &State, place: &Place) -> Result<Decided, Refusal> {
        check_channel(&self.from)?;
        check_channel(&self.to)?;
        check_plan(self.plan.as_ref())?;
        if self.from == self.to {
            return Err(Refusal::of(
                RefusalKind::Invalid,
                format!("{} is the same channel", self.to),
            ));
        }
        let mut releases: Vec<NewRelease> = Vec::new();
        for name in self.packages.iter().collect::<BTreeSet<_>>() {
            let package = state.known(name)?;
            let Some(from) = package
                .channel(&self.from)
                .filter(|channel| !channel.lines.is_empty())
            else {
                return Err(Refusal::new(format!(
                    "{name} has no release in {0}: `radpack release {name}@V --channel {0}` makes one",
                    self.from
                )));
            };
            let to = package.channel(&self.to);
            let before = releases.len();
            // What is on its way there is not yet what that channel has, and a prerelease that is out no longer.
            for (number, version) in package.served(&self.from, Audience::Everybody, place.at) {
                let Some(release) = from.release(number) else {
                    continue;
                };
                let line = package.line_of(version);
                let is_named = release.name != made_name(number);
                let has = to.map(|to| to.line(line, place.at));
                let version_of = |number: Option<u32>| {
                    number
                        .and_then(|number| to?.release(number))
                        .map(|it| &it.version)
                };
                let rolling = has
                    .as_ref()
                    .and_then(|has| has.rolling.as_ref())
                    .map(|rolling| rolling.release);
                if [
                    version_of(has.as_ref().and_then(|has| has.stable)),
                    version_of(rolling),
                ]
                .contains(&Some(&release.version))
                {
                    continue;
                }
                check_release(name, package, &self.to, &release.version, place.at)?;
                let number = next_number(to, releases.len() - before);
                let called =
                    to.is_some_and(|to| to.releases.iter().any(|it| it.name == release.name));
                releases.push(NewRelease {
                    package: name.clone(),
                    line,
                    number,
                    name: if is_named && !called {
                        release.name.clone()
                    } else {
                        made_name(number)
                    },
                    version: release.version.clone(),
                });
            }
        }
        if releases.is_empty() {
            return Ok(Decided::Nothing(format!(
                "{} has all that {} has",
                self.to, self.from
            )));
        }
        let released = Released {
            channel: self.to.clone(),
            releases,
            rollout: self.plan.clone(),
            promoted_from: Some(self.from.clone()),
            forced: self.force.clone(),
        };
        check_effect(state, place, released, self.force.as_deref())
    }

    fn rights(&self) -> Vec<Right> {
        vec![Right::Release]
    }

    fn concerns(&self, _: &State) -> BTreeSet<String> {
        set(&self.packages)
    }
}

impl Rule for ChangeRollout {
    fn decide(&self, state: &State, place: &Place) -> Result<Decided, Refusal> {
        let name = &self.line.package;
        let package = state.known(name)?;
        let what = "has a release on its way";
        let Some(channel) = package.channel(&self.channel) else {
            return Err(Refusal::new(format!(
                "no line of {name} {what} in {}; `radpack show {name}` says what is released",
                self.channel
            )));
        };
        let (line, lines) = self.line.find(package, channel, place.at, what, |line| {
            line.rolling.is_some()
        })?;
        let Some(rolling) = lines.rolling else {
            return Err(Refusal::new(format!("no line of {name} {what}")));
        };
        match self.action {
            RolloutAction::Set(percent) => {
                rolling
                    .rollout
                    .clone()
                    .set(percent, place.at)
                    .map_err(|error| {
                        Refusal::new(format!("the rollout of {name}@{line} stays as it is"))
                            .caused_by(error)
                    })?;
            }
            RolloutAction::Pause if rolling.rollout.is_paused() => {
                return Ok(Decided::Nothing(format!(
                    "the rollout of {name}@{line} is paused already"
                )));
            }
            RolloutAction::Resume if !rolling.rollout.is_paused() => {
                return Ok(Decided::Nothing(format!(
                    "the rollout of {name}@{line} is under way already"
                )));
            }
            _ => {}
        }
        let changed = RolloutChanged {
            package: name.clone(),
            channel: self.channel.clone(),
            line,
            release: rolling.release,
            action: self.action,
            forced: self.force.clone(),
        };
        check_effect(state, place, changed, self.force.as_deref())
    }

    fn rights(&self) -> Vec<Right> {
        vec![Right::Release]
    }

    fn concerns(&self, _: &State) -> BTreeSet<String> {
        set([&self.line.package])
    }
}

/// The releases of the channel `release` that new versions become at once.
pub(super) fn released_at_once(
    package: &Package,
    name: &str,
    version: &Version,
    made: usize,
    at: Timestamp,
) -> Result<NewRelease, Refusal> {
    let line = check_release(name, package, RELEASE, version, at)?;
    let number = next_number(package.channel(RELEASE), made);
    Ok(NewRelease {
        package: name.to_owned(),
        line,
        number,
        name: made_name(number),
        version: version.clone(),
    })
}
