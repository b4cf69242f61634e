//! Yanking: a version is not to be served again.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::effect::check_effect;
use super::{Decided, Rule, VersionPick, listed, set};
use crate::commit::{Place, Refusal, RefusalKind};
use crate::state::State;
use crate::state::fact::Yanked;
use crate::state::package::RELEASE;
use crate::state::token::Right;

/// Yanks a version.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Yank {
    /// The version.
    pub version: VersionPick,
    /// Why.
    pub reason: String,
    /// Why, though it leaves something unresolvable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force: Option<String>,
}

impl Rule for Yank {
    fn decide(&self, state: &State, place: &Place) -> Result<Decided, Refusal> {
        let name = &self.version.package;
        if self.reason.trim().is_empty() {
            return Err(Refusal::of(
                RefusalKind::Invalid,
                "a yank needs a reason: people will ask",
            ));
        }
        let package = state.known(name)?;
        let (version, published) = state.pick(&self.version)?;
        if let Some(yank) = &published.yanked {
            return Ok(Decided::Nothing(format!(
                "{name}@{version} was yanked by event {}: {}",
                yank.seq, yank.reason
            )));
        }
        let releases = package.releases_of(version, place.at);
        if !releases.is_empty() {
            let lines = releases
                .iter()
                .map(|(channel, line)| format!("the line {line} of {channel}"));
            let channel = match releases[0].0 {
                RELEASE => String::new(),
                other => format!(" --channel {other}"),
            };
            return Err(Refusal::new(format!(
                "{name}@{version} is what {} serves: take that back first, with `radpack rollback {name}@{}{channel}`",
                listed(lines),
                releases[0].1
            )));
        }
        let yanked = Yanked {
            package: name.clone(),
            version: version.clone(),
            reason: self.reason.clone(),
            forced: self.force.clone(),
        };
        check_effect(state, place, yanked, self.force.as_deref())
    }

    fn rights(&self) -> Vec<Right> {
        vec![Right::Release]
    }

    fn concerns(&self, _: &State) -> BTreeSet<String> {
        set([&self.version.package])
    }
}
