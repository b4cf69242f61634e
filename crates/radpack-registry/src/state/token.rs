//! Who may do what: tokens, their rights, and the packages that these are for.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::State;
use crate::commit::{Refusal, RefusalKind};
use crate::event::Hash;

/// How secrets begin, so that people and scanners know them.
const PREFIX: &str = "radpack_";

/// What a token is good for.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Right {
    /// Seeing what is not released.
    Read,
    /// Drafts and versions.
    Publish,
    /// Releases, rollouts, and taking them back.
    Release,
    /// Everything else, and all of the above.
    Admin,
}

/// Why a text is no right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no right: these are read, publish, release and admin")]
pub struct RightError {
    text: String,
}

/// A token, without its secret.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Token {
    /// Its id.
    pub id: Uuid,
    /// Who has it.
    pub holder: String,
    /// What it is good for.
    pub rights: BTreeSet<Right>,
    /// The packages that it is good for; `*` stands for any number of characters.
    pub packages: BTreeSet<String>,
    /// Until when.
    pub expires: Option<Timestamp>,
    /// The event that made it.
    pub seq: u64,
    /// When it was made.
    pub at: Timestamp,
    /// Who made it.
    pub by: String,
    /// The token that it was made with, if it was made with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maker: Option<Uuid>,
    /// The first of those that made one another, the last of which made this one; those that administer everything not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<Uuid>,
    /// The event that made it worth nothing.
    pub revoked: Option<u64>,
}

/// What stands between two names in the history where a token of one has made that of the other: so no holder's name has it.
pub(crate) const ON_BEHALF: char = '→';

impl Token {
    /// A new secret: shown to its holder once, and kept by nobody else.
    #[must_use]
    pub fn new_secret() -> String {
        // Two random UUIDs: 244 random bits, from the system's own source.
        format!(
            "{PREFIX}{}{}",
            Uuid::new_v4().simple(),
            Uuid::new_v4().simple()
        )
    }

    /// What somebody has who needs no token and may do everything: it is of no registry, and no secret leads to it.
    #[must_use]
    pub fn needless(holder: impl Into<String>) -> Token {
        let holder = holder.into();
        Token {
            id: Uuid::nil(),
            by: holder.clone(),
            holder,
            rights: BTreeSet::from([Right::Admin]),
            packages: BTreeSet::from(["*".to_owned()]),
            expires: None,
            seq: 0,
            at: Timestamp::UNIX_EPOCH,
            maker: None,
            root: None,
            revoked: None,
        }
    }

    /// On whose account its use is: that of the token at the root of those that made it, so that making tokens gains nobody anything. What those
    /// make who administer everything is a root itself.
    #[must_use]
    pub fn account(&self) -> Uuid {
        self.root.unwrap_or(self.id)
    }

    /// What is kept of a secret.
    #[must_use]
    pub fn digest(secret: &str) -> Hash {
        Hash::of(secret.as_bytes())
    }

    /// Whether it grants a right for a package; for the whole registry, where none is named.
    #[must_use]
    pub fn grants(&self, right: Right, package: Option<&str>) -> bool {
        let has_right = self.rights.contains(&right) || self.rights.contains(&Right::Admin);
        has_right
            && match package {
                Some(package) => self
                    .packages
                    .iter()
                    .any(|pattern| matches(pattern, package)),
                None => self.packages.contains("*"),
            }
    }

    /// Whether its holder may see what is not released of a package: whoever may change a thing may see it.
    #[must_use]
    pub fn sees(&self, package: &str) -> bool {
        !self.rights.is_empty() && self.covers(package)
    }

    /// Whether its holder may see everything.
    #[must_use]
    pub fn sees_all(&self) -> bool {
        !self.rights.is_empty() && self.packages.contains("*")
    }

    /// Whether it grants a right for everything that a pattern matches.
    pub(crate) fn grants_pattern(&self, right: Right, pattern: &str) -> bool {
        (self.rights.contains(&right) || self.rights.contains(&Right::Admin))
            && self.covers(pattern)
    }

    /// Whether everything that a pattern matches is matched by one of its own.
    pub(crate) fn covers(&self, pattern: &str) -> bool {
        // Each `*` of the narrower one stands for what the wider one's must take in whole: taken as a character of its own, it does.
        self.packages.iter().any(|own| matches(own, pattern))
    }
}

impl State {
    /// In whose name stands in the history what is done with a token: its holder's. Whoever makes a token says what its holder is called,
    /// so before it stands the holder of the token that it all comes from.
    #[must_use]
    pub fn actor(&self, token: &Token) -> String {
        let root = self.root(token);
        match root.holder == token.holder {
            true => token.holder.clone(),
            false => format!("{} {ON_BEHALF} {}", root.holder, token.holder),
        }
    }

    /// The token that a token comes from, which may be itself.
    pub(crate) fn root<'s>(&'s self, token: &'s Token) -> &'s Token {
        token
            .root
            .and_then(|root| self.token(root))
            .unwrap_or(token)
    }

    /// The token with a secret, if it is worth anything at a time.
    ///
    /// # Errors
    ///
    /// If there is none, it was revoked, or it has expired.
    pub fn standing(&self, secret: &str, at: Timestamp) -> Result<&Token, Refusal> {
        let denied = |message: String| Refusal::of(RefusalKind::Denied, message);
        let Some(token) = self.token_with(secret) else {
            return Err(denied("the token is none of this registry's".to_owned()));
        };
        let holder = &token.holder;
        if let Some(seq) = token.revoked {
            return Err(denied(format!(
                "the token of {holder} was revoked by event {seq}"
            )));
        }
        if let Some(expires) = token.expires.filter(|expires| *expires <= at) {
            return Err(denied(format!(
                "the token of {holder} expired at {expires}"
            )));
        }
        Ok(token)
    }
}

/// Whether a pattern matches a name: `*` stands for any number of characters, also none.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

impl FromStr for Right {
    type Err = RightError;

    fn from_str(text: &str) -> Result<Right, RightError> {
        match text {
            "read" => Ok(Right::Read),
            "publish" => Ok(Right::Publish),
            "release" => Ok(Right::Release),
            "admin" => Ok(Right::Admin),
            _ => Err(RightError {
                text: text.to_owned(),
            }),
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Right::Read => "read",
            Right::Publish => "publish",
            Right::Release => "release",
            Right::Admin => "admin",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(patterns: &[&str], rights: &[Right]) -> Token {
        Token {
            id: Uuid::nil(),
            holder: "ci".to_owned(),
            rights: rights.iter().copied().collect(),
            packages: patterns
                .iter()
                .map(|pattern| (*pattern).to_owned())
                .collect(),
            expires: None,
            seq: 1,
            at: Timestamp::UNIX_EPOCH,
            by: "ann".to_owned(),
            maker: None,
            root: None,
            revoked: None,
        }
    }

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, name, is) in [
            ("*", "anything", true),
            ("*", "", true),
            ("shapes", "shapes", true),
            ("shapes", "shapes2", false),
            ("@acme/*", "@acme/checkout", true),
            ("@acme/*", "@acme2/checkout", false),
            ("d3-*", "d3-array", true),
            ("*-array", "d3-array", true),
            ("d*-*y", "d3-array", true),
            ("a*a", "a", false),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxcyyb", false),
        ] {
            assert_eq!(matches(pattern, name), is, "{pattern} {name}");
        }
    }

    #[test]
    fn rights_are_for_packages() {
        let ci = token(&["@acme/*"], &[Right::Publish]);
        assert!(ci.grants(Right::Publish, Some("@acme/checkout")));
        assert!(!ci.grants(Right::Publish, Some("other")));
        assert!(!ci.grants(Right::Release, Some("@acme/checkout")));
        assert!(!ci.grants(Right::Publish, None));
        let admin = token(&["*"], &[Right::Admin]);
        assert!(admin.grants(Right::Release, None));
    }

    #[test]
    fn a_pattern_is_covered_by_a_wider_one() {
        let ci = token(&["@acme/*", "d3-array"], &[Right::Publish]);
        for (pattern, is) in [
            ("@acme/*", true),
            ("@acme/check*", true),
            ("@acme/checkout", true),
            ("d3-array", true),
            ("d3-*", false),
            ("*", false),
        ] {
            assert_eq!(ci.covers(pattern), is, "{pattern}");
        }
    }
}
