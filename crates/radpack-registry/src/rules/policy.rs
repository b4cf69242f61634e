//! How a package is released and numbered, and what becomes of its lines when that changes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use semver::Version;

use super::effect::check_effect;
use super::{Decided, Rule, check_package_name, set};
use crate::commit::{Place, Refusal};
use crate::number::Line;
use crate::state::State;
use crate::state::fact::{LineHolds, PolicySet};
use crate::state::package::Channel;
use crate::state::policy::PolicyChange;
use crate::state::token::Right;

/// Changes the policy of a package. It need not be there yet.
#[derive(Clone, Debug, PartialEq)]
pub struct SetPolicy {
    /// The package.
    pub package: String,
    /// What is to be other.
    pub change: PolicyChange,
    /// Why, though it leaves something unresolvable.
    pub force: Option<String>,
}

impl Rule for SetPolicy {
    fn decide(&self, state: &State, place: &Place) -> Result<Decided, Refusal> {
        check_package_name(&self.package)?;
        let package = state.package(&self.package).cloned().unwrap_or_default();
        let policy = package.policy.with(self.change);
        let change = policy.since(package.policy);
        if change.is_empty() {
            return Ok(Decided::Nothing(format!(
                "the policy of {} is so already: {policy}",
                self.package
            )));
        }
        let mut lines = BTreeMap::new();
        if change.keep_minors.is_some() {
            for (name, channel) in &package.channels {
                let before = holds(channel, place.at);
                let after = rearranged(channel, policy.keep_minors, place.at);
                if before != after {
                    lines.insert(name.clone(), after);
                }
            }
        }
        let set = PolicySet {
            package: self.package.clone(),
            change,
            lines,
            forced: self.force.clone(),
        };
        check_effect(state, place, set, self.force.as_deref())
    }

    fn rights(&self) -> Vec<Right> {
        vec![Right::Admin]
    }

    fn concerns(&self, _: &State) -> BTreeSet<String> {
        set([&self.package])
    }
}

fn holds(channel: &Channel, at: Timestamp) -> BTreeMap<Line, LineHolds> {
    let lines = channel.lines.keys().map(|&line| {
        let state = channel.line(line, at);
        let rolling = state.rolling.map(|rolling| rolling.release);
        (
            line,
            LineHolds {
                stable: state.stable,
                rolling,
            },
        )
    });
    lines.collect()
}

/// The lines as they are once minors are kept, or no longer: a major's release becomes its minor's; the highest minor's stays.
fn rearranged(channel: &Channel, keep_minors: bool, at: Timestamp) -> BTreeMap<Line, LineHolds> {
    let version_of = |number: u32| channel.release(number).map(|release| &release.version);
    let higher = |one: Option<u32>, other: u32| match one {
        Some(one) if version_of(one) >= version_of(other) => Some(one),
        _ => Some(other),
    };
    let mut lines: BTreeMap<Line, LineHolds> = BTreeMap::new();
    for holds in holds(channel, at).into_values() {
        let line_of = |version: &Version| Line::of_release(version, keep_minors);
        if let Some((number, version)) = holds
            .stable
            .and_then(|number| Some((number, version_of(number)?)))
        {
            let line = lines.entry(line_of(version)).or_default();
            line.stable = higher(line.stable, number);
        }
        if let Some((number, version)) = holds
            .rolling
            .and_then(|number| Some((number, version_of(number)?)))
        {
            let line = lines.entry(line_of(version)).or_default();
            line.rolling = higher(line.rolling, number);
        }
    }
    // A release on its way that is lower than what a line now has for everybody has been overtaken.
    for holds in lines.values_mut() {
        let stable = holds.stable.and_then(version_of);
        holds.rolling = holds.rolling.filter(|&number| {
            version_of(number) > stable || !is_lower(channel, holds.stable, number)
        });
    }
    lines
}

/// Whether a release on its way comes from another line than the stable one, and is lower.
fn is_lower(channel: &Channel, stable: Option<u32>, rolling: u32) -> bool {
    let (Some(stable), Some(rolling)) = (
        stable.and_then(|number| channel.release(number)),
        channel.release(rolling),
    ) else {
        return false;
    };
    rolling.version < stable.version && rolling.line != stable.line
}
