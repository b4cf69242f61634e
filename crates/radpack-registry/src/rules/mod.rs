//! What a command comes to: pure rules over the state that it would be committed onto.
//!
//! Each command is plain data with one rule, [`Rule::decide`]: it gives the facts to record, or says that there is nothing to do, or
//! refuses and says what to do instead. A rule is asked again where another writer was faster.

mod drafts;
mod effect;
mod lines;
mod people;
mod policy;
mod publish;
mod release;
mod rollback;
mod yank;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use semver::Version;

use crate::commit::{Place, Refusal, RefusalKind};
use crate::number::read_number;
use crate::state::State;
use crate::state::fact::Fact;
use crate::state::package::{Package, PublishedVersion};
use crate::state::token::{Right, Token};

pub(crate) use drafts::check_source_path;
pub use drafts::{CreateDraft, DiscardDraft, DraftSource, ResetDraft, SaveDraft};
pub use effect::{Effect, Moved, Who};
pub use lines::LinePick;
pub(crate) use lines::{is_made, made_name};
pub use people::{ChangeSetting, CreateToken, RecordConsumer, RevokeToken};
pub use policy::SetPolicy;
pub(crate) use publish::check_path;
pub use publish::{NewBuild, Publish};
pub use release::{ChangeRollout, Promote, ReleaseVersions};
pub use rollback::{Revert, Rollback};
pub use yank::Yank;

/// What a command comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Decided {
    /// These facts are recorded.
    Fact(Fact),
    /// There is nothing to do, and this says why.
    Nothing(String),
}

/// A command, and the rule for it.
pub trait Rule {
    /// What it comes to, given the state that it would be committed onto and the place of its event.
    ///
    /// # Errors
    ///
    /// If it may not be as things stand; the refusal says what to do.
    fn decide(&self, state: &State, place: &Place) -> Result<Decided, Refusal>;

    /// The rights that it takes.
    fn rights(&self) -> Vec<Right>;

    /// The packages that it takes them for; none: for the whole registry.
    fn concerns(&self, state: &State) -> BTreeSet<String>;

    /// Whether it stays within the token that it is sent with, where its rights alone do not say so.
    ///
    /// # Errors
    ///
    /// If it goes beyond.
    fn check_within(&self, token: &Token) -> Result<(), Refusal> {
        let _ = token;
        Ok(())
    }
}

impl<F: Into<Fact>> From<F> for Decided {
    fn from(fact: F) -> Decided {
        Decided::Fact(fact.into())
    }
}

/// A version as people name it: `shapes@1.1.0`, `shapes@1.1`, `shapes#7` for a build, `shapes` for the newest.
///
/// ```
/// use radpack_registry::rules::VersionPick;
///
/// let pick: VersionPick = "@acme/shapes@1.1".parse()?;
/// assert_eq!(pick.to_string(), "@acme/shapes@1.1.0");
/// assert_eq!("shapes#7".parse::<VersionPick>()?.package, "shapes");
/// # Ok::<(), radpack_registry::Refusal>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionPick {
    /// The package.
    pub package: String,
    /// Which of its versions.
    pub which: Which,
}

/// One of a package's versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// By its number.
    Number(Version),
    /// By its build.
    Build(u32),
    /// The highest that was not yanked, a stable one if there is any.
    Newest,
}

impl FromStr for VersionPick {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<VersionPick, Refusal> {
        let invalid = |message: String| Refusal::of(RefusalKind::Invalid, message);
        // A name with a scope begins with @.
        let at = text
            .char_indices()
            .skip(1)
            .find(|(_, character)| matches!(character, '@' | '#'));
        let (package, which) = match at {
            None => (text, Which::Newest),
            Some((at, '#')) => {
                let build = text[at + 1..].parse().map_err(|_| {
                    invalid(format!("{text:?} names no build: write it as shapes#7"))
                })?;
                (&text[..at], Which::Build(build))
            }
            Some((at, _)) => {
                let number = read_number(&text[at + 1..]).map_err(|error| {
                    invalid(format!("{text:?} names no version")).caused_by(error)
                })?;
                (&text[..at], Which::Number(number))
            }
        };
        check_package_name(package)?;
        Ok(VersionPick {
            package: package.to_owned(),
            which,
        })
    }
}

impl fmt::Display for VersionPick {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.which {
            Which::Number(version) => write!(formatter, "{}@{version}", self.package),
            Which::Build(build) => write!(formatter, "{}#{build}", self.package),
            Which::Newest => formatter.write_str(&self.package),
        }
    }
}

impl State {
    /// A package that must be there.
    ///
    /// # Errors
    ///
    /// If there is none of this name.
    pub fn known(&self, name: &str) -> Result<&Package, Refusal> {
        self.package(name)
            .filter(|package| !package.versions.is_empty())
            .ok_or_else(|| {
                Refusal::of(
                    RefusalKind::Unknown,
                    format!("there is no package {name:?}; `radpack versions` lists those that there are"),
                )
            })
    }

    /// A version that must be there.
    ///
    /// # Errors
    ///
    /// If there is none that is meant.
    pub fn pick(&self, pick: &VersionPick) -> Result<(&Version, &PublishedVersion), Refusal> {
        let package = self.known(&pick.package)?;
        let found = match &pick.which {
            Which::Number(version) => package.versions.get_key_value(version),
            Which::Build(build) => package
                .build(*build)
                .and_then(|version| package.versions.get_key_value(version)),
            Which::Newest => package
                .versions
                .iter()
                .filter(|(_, published)| published.yanked.is_none())
                .max_by_key(|(version, _)| (version.pre.is_empty(), *version)),
        };
        found.ok_or_else(|| {
            Refusal::of(
                RefusalKind::Unknown,
                format!(
                    "there is no {pick}; `radpack versions {}` lists those that there are",
                    pick.package
                ),
            )
        })
    }
}

/// Whether a name can be a package's.
pub(crate) fn check_package_name(name: &str) -> Result<(), Refusal> {
    radpack_build::check_package_name(name).map_err(|why| {
        Refusal::of(
            RefusalKind::Invalid,
            format!("the package name {name:?} {why}"),
        )
    })
}

/// Whether a word can name a channel, a draft or a consumer.
pub(crate) fn check_name(what: &str, name: &str) -> Result<(), Refusal> {
    let is_one =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@' | b'/');
    let begins = name
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'@');
    // Names become parts of paths and URLs, where `..` would lead elsewhere.
    let climbs = name.split('/').any(|part| matches!(part, "" | "." | ".."));
    if begins && !climbs && name.len() <= 214 && name.bytes().all(is_one) {
        Ok(())
    } else {
        Err(Refusal::of(
            RefusalKind::Invalid,
            format!(
                "{name:?} cannot name a {what}: use letters, digits and - _ . @, with / between parts and a letter or digit first"
            ),
        ))
    }
}

/// A list for people: `a, b and c`.
pub(crate) fn listed<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let mut items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    match items.pop() {
        None => String::new(),
        Some(last) if items.is_empty() => last,
        Some(last) => format!("{} and {last}", items.join(", ")),
    }
}

fn set<'s>(names: impl IntoIterator<Item = &'s String>) -> BTreeSet<String> {
    names.into_iter().cloned().collect()
}
