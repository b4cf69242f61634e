//! How a package is released and numbered, and what becomes of its lines when that changes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use semver::Version;
use serde::{Deserialize, Serialize};

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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SetPolicy {
    /// The package.
    pub package: String,
    /// What is to be other.
    pub change: PolicyChange,
    /// Why, though it leaves something unresolvable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
    // The lines that they come from.
    let mut origins = BTreeMap::new();
    for (before, holds) in holds(channel, at) {
        let line_of = |version: &Version| Line::of_release(version, keep_minors);
        for (number, is_rolling) in [(holds.stable, false), (holds.rolling, true)] {
            let Some((number, version)) =
                number.and_then(|number| Some((number, version_of(number)?)))
            else {
                continue;
            };
            origins.insert(number, before);
            let line = lines.entry(line_of(version)).or_default();
            let place = if is_rolling {
                &mut line.rolling
            } else {
                &mut line.stable
            };
            *place = higher(*place, number);
        }
    }
    // A release on its way that is lower than what a line now has from another for everybody has been overtaken.
    for holds in lines.values_mut() {
        let LineHolds { stable, rolling } = *holds;
        holds.rolling = rolling.filter(|&number| {
            stable.is_none_or(|stable| {
                version_of(number) > version_of(stable)
                    || origins.get(&number) == origins.get(&stable)
            })
        });
    }
    lines
}
