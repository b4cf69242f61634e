//! How a package is released and numbered.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::number::Numbering;

/// When a version may be released.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Releasing {
    /// When it is newer than what its line has.
    #[default]
    ForwardOnly,
    /// Always.
    Free,
    /// At once, when it is published.
    Live,
}

/// The policy of a package.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Policy {
    /// Whether each minor is a line of its own. Those of 0.x always are.
    #[serde(default)]
    pub keep_minors: bool,
    /// When a version may be released.
    #[serde(default)]
    pub releases: Releasing,
    /// Whether a number must be higher than all others of the package.
    #[serde(default)]
    pub increasing: bool,
}

/// What a policy is to be, as far as it is said: `keep-minors=on`, `releases=free`, `numbering=increasing`.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PolicyChange {
    /// Whether each minor is a line of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_minors: Option<bool>,
    /// When a version may be released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub releases: Option<Releasing>,
    /// Whether a number must be higher than all others of the package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub increasing: Option<bool>,
}

/// Why a text says nothing of a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no policy: write keep-minors=on, keep-minors=off, releases=forward-only, releases=free, releases=live, \
     numbering=per-major or numbering=increasing"
)]
pub struct PolicyError {
    text: String,
}

impl Policy {
    /// How the package counts.
    #[must_use]
    pub fn numbering(self) -> Numbering {
        Numbering {
            keep_minors: self.keep_minors,
            increasing: self.increasing,
        }
    }

    /// The policy with a change.
    #[must_use]
    pub fn with(self, change: PolicyChange) -> Policy {
        Policy {
            keep_minors: change.keep_minors.unwrap_or(self.keep_minors),
            releases: change.releases.unwrap_or(self.releases),
            increasing: change.increasing.unwrap_or(self.increasing),
        }
    }

    /// What is other in this one than in another.
    #[must_use]
    pub fn since(self, before: Policy) -> PolicyChange {
        PolicyChange {
            keep_minors: (self.keep_minors != before.keep_minors).then_some(self.keep_minors),
            releases: (self.releases != before.releases).then_some(self.releases),
            increasing: (self.increasing != before.increasing).then_some(self.increasing),
        }
    }
}

impl PolicyChange {
    /// Both; where both say something, the other one counts.
    #[must_use]
    pub fn and(self, other: PolicyChange) -> PolicyChange {
        PolicyChange {
            keep_minors: other.keep_minors.or(self.keep_minors),
            releases: other.releases.or(self.releases),
            increasing: other.increasing.or(self.increasing),
        }
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == PolicyChange::default()
    }
}

impl FromStr for PolicyChange {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<PolicyChange, PolicyError> {
        let mut change = PolicyChange::default();
        match text {
            "keep-minors=on" => change.keep_minors = Some(true),
            "keep-minors=off" => change.keep_minors = Some(false),
            "releases=forward-only" => change.releases = Some(Releasing::ForwardOnly),
            "releases=free" => change.releases = Some(Releasing::Free),
            "releases=live" => change.releases = Some(Releasing::Live),
            "numbering=per-major" => change.increasing = Some(false),
            "numbering=increasing" => change.increasing = Some(true),
            _ => {
                return Err(PolicyError {
                    text: text.to_owned(),
                });
            }
        }
        Ok(change)
    }
}

impl fmt::Display for Releasing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Releasing::ForwardOnly => "forward-only",
            Releasing::Free => "free",
            Releasing::Live => "live",
        })
    }
}

/// As it is written for a command.
impl fmt::Display for PolicyChange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some(keep) = self.keep_minors {
            parts.push(format!("keep-minors={}", if keep { "on" } else { "off" }));
        }
        if let Some(releases) = self.releases {
            parts.push(format!("releases={releases}"));
        }
        if let Some(increasing) = self.increasing {
            let how = if increasing {
                "increasing"
            } else {
                "per-major"
            };
            parts.push(format!("numbering={how}"));
        }
        formatter.write_str(&parts.join(" "))
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        PolicyChange {
            keep_minors: Some(self.keep_minors),
            releases: Some(self.releases),
            increasing: Some(self.increasing),
        }
        .fmt(formatter)
    }
}
