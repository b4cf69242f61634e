//! Consumers, tokens and settings.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use radpack_manifest::Id;
use radpack_version::Spec;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Decided, Rule, Sender, check_name, listed};
use crate::commit::{Place, Refusal, RefusalKind};
use crate::event::Hash;
use crate::state::State;
use crate::state::fact::{ConsumerRecorded, Follows, SettingChanged, TokenCreated, TokenRevoked};
use crate::state::package::RELEASE;
use crate::state::token::{ON_BEHALF, Right, Token};

/// How many characters a holder's name may have.
const LONGEST: usize = 200;

/// Records which pins an application uses.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RecordConsumer {
    /// The application.
    pub consumer: String,
    /// Its pins; where none are said, those that it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pins: Option<BTreeSet<String>>,
    /// What it is to get of packages from now on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub follow: BTreeMap<String, Follows>,
    /// Whether users have it; as it was, where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub production: Option<bool>,
}

/// Makes a token.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateToken {
    /// Its id.
    pub token: Uuid,
    /// The hash of its secret.
    pub secret: Hash,
    /// Who gets it.
    pub holder: String,
    /// What it is good for.
    pub rights: BTreeSet<Right>,
    /// The packages that it is good for.
    pub packages: BTreeSet<String>,
    /// Until when.
    pub expires: Option<Timestamp>,
}

/// Makes a token worth nothing.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RevokeToken {
    /// The token.
    pub token: Uuid,
}

/// Changes a setting of the registry.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ChangeSetting {
    /// Where readers find the files; none: where they found the manifest.
    // None must be said: what says nothing changes nothing.
    #[serde(deserialize_with = "Option::deserialize")]
    pub base_url: Option<String>,
}

impl Rule for RecordConsumer {
    fn decide(&self, state: &State, place: &Place) -> Result<Decided, Refusal> {
        check_name("consumer", &self.consumer)?;
        let before = state.consumer(&self.consumer);
        let pins = match (&self.pins, before) {
            (Some(pins), _) => pins.clone(),
            (None, Some(before)) => before.pins.clone(),
            (None, None) => {
                return Err(Refusal::of(
                    RefusalKind::Invalid,
                    format!(
                        "{} has recorded no pins yet: give them in a file, one id a line, or as JSON",
                        self.consumer
                    ),
                ));
            }
        };
        let mut follows = before
            .map(|before| before.follows.clone())
            .unwrap_or_default();
        for pin in &pins {
            let id = Id::parse(pin).map_err(|error| {
                Refusal::of(RefusalKind::Invalid, format!("{pin:?} is no pin")).caused_by(error)
            })?;
            if let Some(Err(error)) = id.spec.map(Spec::parse) {
                return Err(
                    Refusal::of(RefusalKind::Invalid, format!("{pin:?} is no pin"))
                        .caused_by(error),
                );
            }
            if !follows.contains_key(id.name) {
                // What it gets stays what it was when it first used the package.
                let channel = state
                    .package(id.name)
                    .and_then(|package| package.channel(RELEASE));
                let was_released = channel.is_some_and(|channel| !channel.releases.is_empty());
                let follow = if was_released {
                    Follows::Release
                } else {
                    Follows::Latest
                };
                follows.insert(id.name.to_owned(), follow);
            }
        }
        for (package, follow) in &self.follow {
            if !follows.contains_key(package) {
                return Err(Refusal::of(
                    RefusalKind::Unknown,
                    format!(
                        "{} uses nothing of {package}; it uses {}",
                        self.consumer,
                        listed(follows.keys())
                    ),
                ));
            }
            follows.insert(package.clone(), *follow);
        }
        let production = self
            .production
            .or(before.map(|before| before.production))
            .unwrap_or_default();
        let _ = place;
        if before.is_some_and(|before| {
            before.pins == pins && before.follows == follows && before.production == production
        }) {
            return Ok(Decided::Nothing(format!(
                "{} has recorded these pins already",
                self.consumer
            )));
        }
        Ok(ConsumerRecorded {
            consumer: self.consumer.clone(),
            pins,
            follows,
            production,
        }
        .into())
    }

    fn rights(&self) -> Vec<Right> {
        vec![Right::Publish]
    }

    fn concerns(&self, _: &State) -> BTreeSet<String> {
        BTreeSet::from([self.consumer.clone()])
    }
}

impl Rule for CreateToken {
    fn decide(&self, state: &State, place: &Place) -> Result<Decided, Refusal> {
        let invalid = |message: String| Refusal::of(RefusalKind::Invalid, message);
        if self.holder.trim().is_empty() || self.holder.chars().any(char::is_control) {
            return Err(invalid(
                "a token needs a holder: whose name is to stand in the history?".to_owned(),
            ));
        }
        // It stands in every event that the token makes.
        let length = self.holder.chars().count();
        if length > LONGEST {
            return Err(invalid(format!(
                "a holder's name of {length} characters is too long: it may have {LONGEST}"
            )));
        }
        if self.holder.contains(ON_BEHALF) {
            return Err(invalid(format!(
                "{:?} cannot be a holder's name: in the history, {ON_BEHALF} stands between who made a token and who has it",
                self.holder
            )));
        }
        if self.rights.is_empty() || self.packages.is_empty() {
            return Err(invalid(
                "a token needs a right, and packages to have it for".to_owned(),
            ));
        }
        if self.expires.is_some_and(|expires| expires <= place.at) {
            return Err(invalid("the token would have expired already".to_owned()));
        }
        // A token that took another's place would bring its holder down, or a revoked one back.
        if state.token(self.token).is_some() || state.secrets.contains_key(&self.secret) {
            return Err(Refusal::of(
                RefusalKind::Conflict,
                format!(
                    "there is a token {} already, or one with this secret: make another",
                    self.token
                ),
            ));
        }
        Ok(TokenCreated {
            token: self.token,
            secret: self.secret,
            holder: self.holder.clone(),
            rights: self.rights.clone(),
            packages: self.packages.clone(),
            expires: self.expires,
            // That, whoever sends it need not say.
            maker: None,
        }
        .into())
    }

    fn rights(&self) -> Vec<Right> {
        // Whoever has any right may pass a part of it on.
        Vec::new()
    }

    fn concerns(&self, _: &State) -> BTreeSet<String> {
        self.packages.clone()
    }

    fn check_within(&self, sender: &Sender<'_>) -> Result<(), Refusal> {
        let maker = sender.token;
        let root = sender.state.root(maker);
        // Else what is done with it would stand in the history as done by the token that it all comes from.
        if self.holder == root.holder && maker.holder != root.holder {
            return Err(Refusal::of(
                RefusalKind::Denied,
                format!(
                    "the holder cannot be called {}, as the holder of the token is that yours comes from: choose another name",
                    self.holder
                ),
            ));
        }
        let denied = |what: String| {
            Err(Refusal::of(
                RefusalKind::Denied,
                format!("a token grants nothing that its maker's does not: {what}"),
            ))
        };
        let has =
            |right: &Right| maker.rights.contains(right) || maker.rights.contains(&Right::Admin);
        if let Some(right) = self.rights.iter().find(|right| !has(right)) {
            return denied(format!("yours has not the right to {right}"));
        }
        if let Some(pattern) = self.packages.iter().find(|pattern| !maker.covers(pattern)) {
            return denied(format!("yours is not for all of {pattern}"));
        }
        match maker.expires {
            Some(until) if self.expires.is_none_or(|expires| expires > until) => {
                denied(format!("yours ends at {until}"))
            }
            _ => Ok(()),
        }
    }
}

impl Rule for RevokeToken {
    fn decide(&self, state: &State, _: &Place) -> Result<Decided, Refusal> {
        let Some(token) = state.token(self.token) else {
            return Err(self.unknown());
        };
        if let Some(seq) = token.revoked {
            return Ok(Decided::Nothing(format!(
                "the token was revoked by event {seq}"
            )));
        }
        Ok(TokenRevoked { token: self.token }.into())
    }

    fn rights(&self) -> Vec<Right> {
        vec![Right::Admin]
    }

    fn concerns(&self, state: &State) -> BTreeSet<String> {
        state
            .token(self.token)
            .map(|token: &Token| token.packages.clone())
            .unwrap_or_default()
    }

    fn check_within(&self, sender: &Sender<'_>) -> Result<(), Refusal> {
        // Nor is one listed that is for others' packages.
        let token = sender.state.token(self.token);
        let is_shown = |token: &Token| token.packages.iter().all(|it| sender.token.covers(it));
        match token.is_some_and(is_shown) {
            true => Ok(()),
            false => Err(self.unknown()),
        }
    }
}

impl RevokeToken {
    fn unknown(&self) -> Refusal {
        Refusal::of(
            RefusalKind::Unknown,
            format!(
                "there is no token {}; `radpack token list` lists those that there are",
                self.token
            ),
        )
    }
}

impl Rule for ChangeSetting {
    fn decide(&self, state: &State, _: &Place) -> Result<Decided, Refusal> {
        let base_url = self
            .base_url
            .as_deref()
            .map(|url| url.trim_end_matches('/'));
        if state.base_url() == base_url {
            return Ok(Decided::Nothing("it is so already".to_owned()));
        }
        if let Some(url) = &self.base_url {
            let parsed = url::Url::parse(url).map_err(|error| {
                Refusal::of(RefusalKind::Invalid, format!("{url:?} is no URL")).caused_by(error)
            })?;
            if !matches!(parsed.scheme(), "http" | "https" | "file") {
                return Err(Refusal::of(
                    RefusalKind::Invalid,
                    format!("{url} is not of http, https or file"),
                ));
            }
        }
        Ok(SettingChanged {
            base_url: base_url.map(str::to_owned),
        }
        .into())
    }

    fn rights(&self) -> Vec<Right> {
        vec![Right::Admin]
    }

    fn concerns(&self, _: &State) -> BTreeSet<String> {
        BTreeSet::new()
    }
}
