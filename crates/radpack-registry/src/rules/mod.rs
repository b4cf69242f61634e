//! What a command comes to: pure rules over the state that it would be committed onto.
//!
//! Each command is plain data with one rule, [`Rule::decide`]: it gives the facts to record, or says that there is nothing to do, or
//! refuses and says what to do instead. A rule is asked again where another writer was faster.

mod drafts;
mod effect;
mod lines;
mod people;
mod pick;
mod policy;
mod publish;
mod release;
mod rollback;
mod yank;

use std::collections::BTreeSet;
use std::fmt;

use semver::Version;

use crate::commit::{Place, Refusal, RefusalKind};
use crate::registry::Bounds;
use crate::state::State;
use crate::state::fact::Fact;
use crate::state::package::{Package, PublishedVersion, RELEASE};
use crate::state::token::{Right, Token};

pub use drafts::{CreateDraft, DiscardDraft, DraftBase, DraftSource, ResetDraft, SaveDraft};
pub(crate) use drafts::{check_draft_base, check_size, check_source_path, no_draft, not_of};
pub use effect::{Broken, Effect, Moved, Who};
pub use lines::LinePick;
pub(crate) use lines::{is_made, made_name};
pub use people::{ChangeSetting, CreateToken, RecordConsumer, RevokeToken};
pub use pick::{Origin, VersionPick, Which};
pub use policy::SetPolicy;
pub use publish::{NewBuild, Publish};
pub(crate) use publish::{check_path, rights_to_publish};
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

/// Who sends a command with a token, and what there is.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Sender<'s> {
    /// The token.
    pub token: &'s Token,
    /// The state that the command would be committed onto.
    pub state: &'s State,
    /// What whoever has a token is held to.
    pub bounds: &'s Bounds,
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

    /// Whether it stays within the token that it is sent with, where its rights alone do not say so. Asked before its rights are looked at,
    /// which may tell more than the sender may know.
    ///
    /// # Errors
    ///
    /// If it goes beyond.
    fn check_within(&self, sender: &Sender<'_>) -> Result<(), Refusal> {
        let _ = sender;
        Ok(())
    }
}

impl Rule for Box<dyn Rule + Send + Sync> {
    fn decide(&self, state: &State, place: &Place) -> Result<Decided, Refusal> {
        (**self).decide(state, place)
    }

    fn rights(&self) -> Vec<Right> {
        (**self).rights()
    }

    fn concerns(&self, state: &State) -> BTreeSet<String> {
        (**self).concerns(state)
    }

    fn check_within(&self, sender: &Sender<'_>) -> Result<(), Refusal> {
        (**self).check_within(sender)
    }
}

impl<F: Into<Fact>> From<F> for Decided {
    fn from(fact: F) -> Decided {
        Decided::Fact(fact.into())
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
        let found = found.map(|(version, published)| (version, &**published));
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

/// The channel that is meant, where none is named.
fn release() -> String {
    RELEASE.to_owned()
}

fn set<'s>(names: impl IntoIterator<Item = &'s String>) -> BTreeSet<String> {
    names.into_iter().cloned().collect()
}
