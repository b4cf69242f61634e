//! What an event would change for those who depend on what it concerns, before it is one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use radpack_manifest::Id;
use radpack_version::{Fallback, Spec, TagTarget, VersionRef, pin_spec, select};
use semver::Version;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Decided, Sender, listed};
use crate::cohort::Cohort;
use crate::commit::{Fold as _, FoldError, Place, Refusal, RefusalKind};
use crate::event::{Event, FORMAT, Hash, Recorded};
use crate::rollout::Rollout;
use crate::state::fact::{Fact, Follows};
use crate::state::package::{Audience, Package, RELEASE};
use crate::state::{State, outside};

/// How many things that would break a refusal names.
const NAMED: usize = 8;

/// What an event would change.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Effect {
    /// What would get another version than it gets now.
    pub moved: Vec<Moved>,
    /// What gets a version now, and would get none.
    pub broken: Vec<Broken>,
    /// How many more would get another version, of those whom whoever asks may not see.
    #[serde(default, skip_serializing_if = "is_none")]
    pub moved_unseen: usize,
    /// How many more would get none, of those.
    #[serde(default, skip_serializing_if = "is_none")]
    pub broken_unseen: usize,
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_none(number: &usize) -> bool {
    *number == 0
}

impl Effect {
    /// What whoever sends a command may see of it.
    pub(crate) fn shown_to(mut self, sender: &Sender<'_>) -> Effect {
        let (moved, broken) = (self.moved.len(), self.broken.len());
        self.moved.retain(|it| sender.sees(&it.who));
        self.broken.retain(|it| sender.sees(&it.who));
        self.moved_unseen += moved - self.moved.len();
        self.broken_unseen += broken - self.broken.len();
        self
    }
}

impl Sender<'_> {
    /// Whether they may know of somebody who asks for something: one that their token shows, or that was released where everybody sees it.
    fn sees(&self, who: &Who) -> bool {
        match who {
            Who::Anyone => true,
            Who::Consumer(name) => self.token.sees(name),
            Who::Version(name, version) => {
                self.token.sees(name)
                    || self.state.package(name).is_some_and(|package| {
                        let published = package.versions.get(version);
                        published.is_some_and(|it| it.yanked.is_none())
                            && package.was_released(version, &self.bounds.public_channels)
                    })
            }
        }
    }

    /// A refusal as whoever sends a command may see it: of those who depend on something, it names whom they may know of.
    pub(crate) fn shown(&self, refusal: Refusal) -> Refusal {
        let breaks = refusal.breaks();
        let shown: Vec<Broken> = breaks
            .iter()
            .filter(|it| self.sees(&it.who))
            .cloned()
            .collect();
        match breaks.len() - shown.len() {
            0 => refusal,
            unseen => would_break(shown, unseen),
        }
    }
}

/// An id that gets another version.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Moved {
    /// Who asks for it.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub who: Who,
    /// What is asked for.
    pub id: String,
    /// What it gets now.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub from: Option<Version>,
    /// What it would get.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub to: Option<Version>,
    /// How many of a hundred cohorts that is so for, at once.
    pub percent: u8,
}

/// An id that would get nothing.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Broken {
    /// Who asks for it.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub who: Who,
    /// What is asked for.
    pub id: String,
}

/// Who asks for something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Whoever writes this id.
    Anyone,
    /// A recorded consumer.
    Consumer(String),
    /// A released version of a package.
    Version(String, Version),
}

impl fmt::Display for Who {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::Anyone => formatter.write_str("anyone"),
            Who::Consumer(name) => write!(formatter, "the consumer {name}"),
            Who::Version(name, version) => write!(formatter, "{name}@{version}"),
        }
    }
}

impl<'de> Deserialize<'de> for Who {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Who, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "anyone" {
            return Ok(Who::Anyone);
        }
        if let Some(name) = text.strip_prefix("consumer:") {
            return Ok(Who::Consumer(name.to_owned()));
        }
        let version = text
            .rsplit_once('@')
            .and_then(|(name, version)| Some((name, version.parse().ok()?)));
        let (name, version) =
            version.ok_or_else(|| D::Error::custom(format!("{text:?} names nobody")))?;
        Ok(Who::Version(name.to_owned(), version))
    }
}

impl Serialize for Who {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Who::Anyone => serializer.serialize_str("anyone"),
            Who::Consumer(name) => serializer.collect_str(&format_args!("consumer:{name}")),
            Who::Version(name, version) => {
                serializer.collect_str(&format_args!("{name}@{version}"))
            }
        }
    }
}

/// A state, before an event or after it.
#[derive(Clone, Copy)]
struct View<'s>(&'s State);

impl<'s> View<'s> {
    fn package(self, name: &str) -> Option<&'s Package> {
        self.0
            .package(name)
            .filter(|package| !package.versions.is_empty())
    }

    /// The versions that somebody is served of a package.
    fn served(
        self,
        name: &str,
        follows: Follows,
        audience: Audience,
        at: Timestamp,
    ) -> Vec<&'s Version> {
        let Some(package) = self.package(name) else {
            return Vec::new();
        };
        match follows {
            Follows::Latest => package.latest(),
            Follows::Release => package
                .served(RELEASE, audience, at)
                .into_iter()
                .map(|(_, version)| version)
                .collect(),
        }
    }

    /// The version that an id gets, of those that are served.
    fn resolve(self, id: &Id<'_>, served: &[&'s Version]) -> Option<&'s Version> {
        let package = self.package(id.name)?;
        let bare = id
            .entry
            .strip_suffix(".js")
            .or_else(|| id.entry.strip_suffix(".mjs"));
        let with = |entry: &str| -> Vec<&'s Version> {
            let has = |version: &&&Version| {
                package
                    .versions
                    .get(**version)
                    .is_some_and(|published| published.contents.entries.contains_key(entry))
            };
            let mut versions: Vec<&Version> = served.iter().filter(has).copied().collect();
            versions.sort_by(|a, b| b.cmp(a));
            versions
        };
        let mut versions = with(id.entry);
        if versions.is_empty() {
            versions = with(bare?);
        }
        let spec = match id.spec {
            None => Spec::Any,
            Some(spec) => Spec::parse(spec).ok()?,
        };
        let available: Vec<VersionRef<'_>> = versions
            .iter()
            .map(|version| VersionRef::from(*version))
            .collect();
        let selected = select(&available[..], &spec, Fallback::default(), |_| {
            TagTarget::Unknown
        })
        .ok()?;
        versions.get(selected.index).copied()
    }

    /// The released versions of some packages, and of those that need others.
    fn asking(
        self,
        names: &BTreeSet<&'s str>,
        needed: &BTreeSet<&'s str>,
        audience: Audience,
        at: Timestamp,
    ) -> BTreeSet<(&'s str, &'s Version, u32)> {
        let dependents = needed.iter().flat_map(|name| self.0.dependents(name));
        let all: BTreeSet<&str> = names.iter().copied().chain(dependents).collect();
        let mut asking = BTreeSet::new();
        for name in all {
            let served = self
                .package(name)
                .map(|package| package.served(RELEASE, audience, at));
            let served = served.into_iter().flatten();
            asking.extend(served.map(|(number, version)| (name, version, number)));
        }
        asking
    }

    /// What these packages, as they are released, ask for and do not get; and what others ask of those of them that may have lost something.
    fn broken(
        self,
        names: &BTreeSet<&'s str>,
        lessened: &BTreeSet<&'s str>,
        at: Timestamp,
    ) -> BTreeSet<Broken> {
        let mut broken = BTreeSet::new();
        let mut check = |who: &dyn Fn() -> Who, text: &str, follows, beside| {
            // What the registry has never had is served from elsewhere.
            let id = Id::parse(text).ok();
            let Some((id, package)) = id.and_then(|id| Some((id, self.package(id.name)?))) else {
                return;
            };
            let lacks = |others| {
                let served = match follows {
                    Follows::Latest => package.latest(),
                    Follows::Release => met(package, beside, others, at),
                };
                self.resolve(&id, &served).is_none()
            };
            if lacks(false) || lacks(true) {
                broken.insert(Broken {
                    who: who(),
                    id: text.to_owned(),
                });
            }
        };
        for audience in [Audience::Everybody, Audience::First] {
            for (name, version, number) in self.asking(names, lessened, audience, at) {
                let Some(package) = self.package(name) else {
                    continue;
                };
                let Some(published) = package.versions.get(version) else {
                    continue;
                };
                let channel = package.channel(RELEASE);
                let beside = channel.and_then(|channel| channel.rollout_beside(number));
                let statics = published
                    .contents
                    .entries
                    .values()
                    .flat_map(|entry| &entry.statics);
                for id in statics {
                    let Some(of) = outside(id) else { continue };
                    if names.contains(name) || lessened.contains(of) {
                        let who = || Who::Version(name.to_owned(), version.clone());
                        check(&who, id, Follows::Release, beside);
                    }
                }
            }
        }
        for (name, consumer) in self.0.consumers() {
            for pin in &consumer.pins {
                if let Some(of) = outside(pin).filter(|of| lessened.contains(of)) {
                    let follows = consumer
                        .follows
                        .get(of)
                        .copied()
                        .unwrap_or(Follows::Release);
                    let who = || Who::Consumer(name.to_owned());
                    check(&who, pin, follows, None);
                }
            }
        }
        broken
    }

    /// Whether an id may have found a version of a package before, and find none now. It cannot where whatever is served of a major has all
    /// entries that anything of that major had: a spec gets the nearest version of its major.
    fn is_less_than(self, before: View<'s>, name: &str, at: Timestamp) -> bool {
        let offered = |view: View<'_>, audience| -> BTreeMap<(u64, bool), Vec<BTreeSet<String>>> {
            let mut offered: BTreeMap<_, Vec<_>> = BTreeMap::new();
            let Some(package) = view.package(name) else {
                return offered;
            };
            let versions = match audience {
                Some(audience) => view.served(name, Follows::Release, audience, at),
                None => package.latest(),
            };
            for version in versions {
                if let Some(published) = package.versions.get(version) {
                    // Nobody else asks for chunks, and each version has its own.
                    let entries = published.contents.entries.keys();
                    let entries = entries
                        .filter(|name| !name.starts_with("c/"))
                        .cloned()
                        .collect();
                    let key = (version.major, version.pre.is_empty());
                    offered.entry(key).or_default().push(entries);
                }
            }
            offered
        };
        // Of what is on its way otherwise than before, others may get what goes with it.
        let rollouts = |view: View<'s>| {
            let channel = view.package(name).and_then(|it| it.channel(RELEASE));
            let lines = channel.into_iter().flat_map(|channel| &channel.lines);
            lines
                .filter_map(|(line, it)| Some((*line, &it.rolling.as_ref()?.rollout)))
                .collect::<BTreeMap<_, _>>()
        };
        let after = rollouts(self);
        let is_other = |(line, rollout)| after.get(line).is_some_and(|it| it != rollout);
        if rollouts(before).iter().any(is_other) {
            return true;
        }
        let audiences = [Some(Audience::Everybody), Some(Audience::First), None];
        let had = audiences.map(|audience| offered(before, audience));
        let has = audiences.map(|audience| offered(self, audience));
        let all = had.iter().flatten();
        let mut needed: BTreeMap<&(u64, bool), BTreeSet<&String>> = BTreeMap::new();
        for (key, entries) in all {
            needed
                .entry(key)
                .or_default()
                .extend(entries.iter().flatten());
        }
        audiences.iter().enumerate().any(|(index, _)| {
            had[index].keys().any(|key| {
                // A prerelease is answered for by a version that is out, too.
                let answers = has[index]
                    .get(key)
                    .or_else(|| has[index].get(&(key.0, true)));
                let needed = &needed[key];
                answers.is_none_or(|versions| {
                    !versions
                        .iter()
                        .all(|has| needed.iter().all(|entry| has.contains(*entry)))
                })
            })
        })
    }

    /// All that is asked of these packages.
    fn asked(self, names: &BTreeSet<&'s str>, at: Timestamp) -> BTreeSet<(Who, String, Follows)> {
        let mut asked = BTreeSet::new();
        for &name in names {
            for audience in [Audience::Everybody, Audience::First] {
                for version in self.served(name, Follows::Release, audience, at) {
                    let id = format!("{name}@{}", pin_spec(VersionRef::from(version)));
                    asked.insert((Who::Anyone, id, Follows::Release));
                }
            }
        }
        for audience in [Audience::Everybody, Audience::First] {
            for (name, version, _) in self.asking(names, names, audience, at) {
                let Some(published) = self
                    .package(name)
                    .and_then(|package| package.versions.get(version))
                else {
                    continue;
                };
                let ids = published
                    .contents
                    .entries
                    .values()
                    .flat_map(|entry| entry.statics.iter().chain(&entry.dynamics));
                for id in ids.filter(|id| outside(id).is_some_and(|of| names.contains(of))) {
                    asked.insert((
                        Who::Version(name.to_owned(), version.clone()),
                        id.clone(),
                        Follows::Release,
                    ));
                }
            }
        }
        for (name, consumer) in self.0.consumers() {
            for pin in &consumer.pins {
                if let Some(of) = outside(pin).filter(|of| names.contains(of)) {
                    let follows = consumer
                        .follows
                        .get(of)
                        .copied()
                        .unwrap_or(Follows::Release);
                    asked.insert((Who::Consumer(name.to_owned()), pin.clone(), follows));
                }
            }
        }
        asked
    }
}

/// What the dependencies of a version can meet of a package: what is on its way comes to some and not to others, but to those who get
/// the version where both have one rollout, and not to those who do not. `others`: whether they get what is on its way apart from that.
fn met<'s>(
    package: &'s Package,
    beside: Option<(&Rollout, bool)>,
    others: bool,
    at: Timestamp,
) -> Vec<&'s Version> {
    let served = package.served_to(RELEASE, at, |rollout| match beside {
        Some((own, true)) => others || rollout.leads(own, at),
        Some((own, false)) => others && !own.leads(rollout, at),
        None => others,
    });
    served.into_iter().map(|(_, version)| version).collect()
}

impl State {
    /// What a fact would change for those who depend on what it concerns.
    ///
    /// # Errors
    ///
    /// If the fact cannot be.
    pub fn effect(&self, fact: &Fact, place: &Place) -> Result<Effect, FoldError> {
        let after = self.after(fact, place)?;
        let names: BTreeSet<&str> = fact.packages();
        let before = View(self);
        let after = View(&after);
        let at = place.at;
        let was_broken = before.broken(&names, &names, at);
        let broken = after
            .broken(&names, &names, at)
            .into_iter()
            .filter(|it| !was_broken.contains(it))
            .collect();
        let mut asked = before.asked(&names, at);
        asked.extend(after.asked(&names, at));
        let mut served: BTreeMap<(&str, Follows, u8), [Vec<&Version>; 2]> = BTreeMap::new();
        let mut moved = Vec::new();
        for (who, text, follows) in &asked {
            let Ok(id) = Id::parse(text) else {
                continue;
            };
            let mut percent = 0;
            let mut change = None;
            for cohort in Cohort::all() {
                let versions = served
                    .entry((
                        names.get(id.name).copied().unwrap_or_default(),
                        *follows,
                        cohort.number(),
                    ))
                    .or_insert_with(|| {
                        [before, after].map(|view| {
                            view.served(id.name, *follows, Audience::Cohort(cohort), at)
                        })
                    });
                let (from, to) = (
                    before.resolve(&id, &versions[0]),
                    after.resolve(&id, &versions[1]),
                );
                if from != to {
                    percent += 1;
                    change.get_or_insert((from, to));
                }
            }
            // One that begins with nobody still says where it leads.
            let (from, to) = change.unwrap_or_else(|| {
                let from = before.served(id.name, *follows, Audience::Everybody, at);
                let to = after.served(id.name, *follows, Audience::First, at);
                (before.resolve(&id, &from), after.resolve(&id, &to))
            });
            if from != to {
                moved.push(Moved {
                    who: who.clone(),
                    id: text.clone(),
                    from: from.cloned(),
                    to: to.cloned(),
                    percent,
                });
            }
        }
        Ok(Effect {
            moved,
            broken,
            ..Effect::default()
        })
    }

    /// The state as it would be.
    fn after(&self, fact: &Fact, place: &Place) -> Result<State, FoldError> {
        let decision = fact.decision();
        let recorded = Recorded {
            event: Event {
                format: FORMAT,
                needs: String::new(),
                seq: place.seq,
                id: place.id,
                command: place.id,
                at: place.at,
                by: String::new(),
                prev: Hash::of(b""),
                kind: fact.kind().to_owned(),
                payload: decision.into_payload(),
            },
            hash: Hash::of(b""),
        };
        let mut after = self.clone();
        after.apply(&recorded)?;
        Ok(after)
    }
}

/// The fact, unless it would leave something unresolvable that is not now; with a reason, it may.
pub(super) fn check_effect(
    state: &State,
    place: &Place,
    fact: impl Into<Fact>,
    force: Option<&str>,
) -> Result<Decided, Refusal> {
    let fact = fact.into();
    if force.is_some_and(|reason| !reason.trim().is_empty()) {
        return Ok(Decided::Fact(fact));
    }
    if force.is_some() {
        return Err(Refusal::of(
            RefusalKind::Invalid,
            "--force needs a reason: people will ask",
        ));
    }
    let after = state
        .after(&fact, place)
        .map_err(|error| Refusal::new("it cannot be").caused_by(error))?;
    let names = fact.packages();
    let before = View(state);
    let after = View(&after);
    // Whether a dependent of a thousand finds what it needs is asked only where something may be gone.
    let lessened: BTreeSet<&str> = names
        .iter()
        .copied()
        .filter(|name| after.is_less_than(before, name, place.at))
        .collect();
    let released: BTreeSet<&str> = names
        .iter()
        .copied()
        .filter(|name| fact.changes_releases_of(name))
        .collect();
    let broken = after.broken(&released, &lessened, place.at);
    if broken.is_empty() {
        return Ok(Decided::Fact(fact));
    }
    let was_broken = before.broken(&released, &lessened, place.at);
    let newly: Vec<Broken> = broken
        .into_iter()
        .filter(|it| !was_broken.contains(it))
        .collect();
    if newly.is_empty() {
        return Ok(Decided::Fact(fact));
    }
    Err(would_break(newly, 0))
}

/// Why it may not be: these would find nothing, and so many of whom nobody is told.
fn would_break(newly: Vec<Broken>, unseen: usize) -> Refusal {
    let mut named: Vec<String> = newly
        .iter()
        .take(NAMED)
        .map(|it| format!("{} of {}", it.id, it.who))
        .collect();
    if newly.len() > NAMED {
        named.push(format!("{} more", newly.len() - NAMED));
    }
    if unseen > 0 {
        named.push(format!("{unseen} that your token does not show"));
    }
    Refusal::of(
        RefusalKind::Unresolvable,
        format!(
            "it would leave without a version what has one now or comes with it: {}; release what they need first, or insist with --force REASON",
            listed(named)
        ),
    )
    .breaking(newly)
}
