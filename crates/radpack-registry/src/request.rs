//! What callers ask for, as data that travels: the commands that bring no bytes with them.
//!
//! Most are their own rule. What a rule needs beside, only the registry's side knows: it is read there.

use std::collections::BTreeSet;

use jiff::Timestamp;
use radpack_build::{EntryOption, Location, Source};
use radpack_manifest::Manifest;
use serde::{Deserialize, Serialize};

use crate::commit::{Command, CommitError, Refusal, RefusalKind};
use crate::event::Hash;
use crate::number::read_number;
use crate::publishing::PublishOptions;
use crate::registry::{Caller, Carried, Registry};
use crate::rules::{
    ChangeRollout, ChangeSetting, CreateDraft, CreateToken, Decided, DiscardDraft, DraftSource,
    Effect, Origin, Promote, RecordConsumer, ReleaseVersions, ResetDraft, Revert, RevokeToken,
    Rollback, Rule, SetPolicy, VersionPick, Which, Yank, not_of,
};
use crate::state::State;
use crate::state::package::{Audience, RELEASE};
use crate::state::token::Right;

/// A command that brings no bytes with it.
///
/// ```
/// use radpack_registry::{Caller, Command, Registry, Request, Store, rules::ReleaseVersions};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (registry, _) = Registry::init(Store::in_memory()).await?;
/// let release: ReleaseVersions = serde_json::from_str(r#"{"versions":["shapes@1.1.0"]}"#)?;
/// let ann = Caller::new("ann");
/// let refused = registry.request(&ann, &Command::new("ann"), release.into()).await.unwrap_err();
/// assert_eq!(refused.to_string(), "there is no package \"shapes\"; `radpack versions` lists those that there are");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Request {
    /// Versions are released.
    Release(ReleaseVersions),
    /// One channel gets what another has.
    Promote(Promote),
    /// A release on its way is changed.
    Rollout(ChangeRollout),
    /// A line returns to an earlier release.
    Rollback(Rollback),
    /// Releases become those of an earlier event.
    Revert(RevertTo),
    /// A version is yanked.
    Yank(Yank),
    /// The policy of a package is changed.
    Policy(SetPolicy),
    /// A setting of the registry is changed.
    Setting(ChangeSetting),
    /// A draft is opened.
    OpenDraft(OpenDraft),
    /// A draft is set back.
    ResetDraft(ResetDraft),
    /// A draft is given up.
    DiscardDraft(DiscardDraft),
    /// An application records its pins.
    Consumer(RecordConsumer),
    /// A token is made.
    Token(NewToken),
    /// A token becomes worth nothing.
    RevokeToken(RevokeToken),
}

/// Makes the releases those of an earlier event.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RevertTo {
    /// The event.
    pub to: u64,
    /// The only package to do it for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// Why, though it leaves something unresolvable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force: Option<String>,
}

/// Opens a draft.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct OpenDraft {
    /// Its name.
    pub draft: String,
    /// The package that it is to be a version of; by default that of what it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// What it comes from; without this it is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Origin>,
}

/// Makes a token, whose id is that of the command: whoever sends it again makes the same one.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewToken {
    /// Who gets it.
    pub holder: String,
    /// What it is good for.
    pub rights: BTreeSet<Right>,
    /// The packages that it is good for; `*` stands for any number of characters.
    #[serde(default = "all")]
    pub packages: BTreeSet<String>,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// The SHA-256 of its secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Hash>,
}

/// How folders, or a draft, are published.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct PublishRequest {
    /// What the folders are called in messages, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub folders: Vec<String>,
    /// The number; by default what `package.json` says, and where that says nothing, what the change asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What is said about the versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Why a number may promise more than its version keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_breaking: Option<String>,
    /// Whether they are released at once.
    pub release: bool,
    /// Why, though it leaves something unresolvable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub force: Option<String>,
    /// Registers that imports are pinned against where the registry has nothing, later ones on top.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub registers: Vec<GivenRegister>,
    /// Packages whose imports stay as they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub external: Vec<String>,
    /// Entries that are added to those of `package.json`: a name and a path each, or a pattern.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<(String, String)>,
}

/// A register as data.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenRegister {
    /// The manifest.
    pub manifest: serde_json::Value,
    /// Where it was read from, if that is a URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl PublishRequest {
    /// How large one may be as JSON (bytes), with its registers.
    pub const MOST_BYTES: usize = 16 << 20;

    /// What is asked for by these options.
    #[must_use]
    pub fn of(options: &PublishOptions) -> PublishRequest {
        let registers = options.registers.iter().map(|source| GivenRegister {
            // What a manifest writes is JSON.
            manifest: serde_json::from_str(&source.manifest.to_json()).unwrap_or_default(),
            url: match &source.location {
                Location::Url(url) => Some(url.clone()),
                _ => None,
            },
        });
        let entries = options.entries.iter();
        PublishRequest {
            folders: Vec::new(),
            version: options.version.as_ref().map(ToString::to_string),
            message: options.message.clone(),
            allow_breaking: options.allow_breaking.clone(),
            release: options.release,
            force: options.force.clone(),
            registers: registers.collect(),
            external: options.external.clone(),
            entries: entries
                .map(|entry| (entry.name.clone(), entry.path.clone()))
                .collect(),
        }
    }

    /// The options that are meant.
    ///
    /// # Errors
    ///
    /// If the version is none, or a register no manifest.
    pub fn options(self) -> Result<PublishOptions, Refusal> {
        let invalid = |what: String, error: Box<dyn std::error::Error + Send + Sync>| {
            Refusal::of(RefusalKind::Invalid, format!("{what}: {error}"))
        };
        let mut registers = Vec::new();
        for (place, register) in self.registers.into_iter().enumerate() {
            let text = register.manifest.to_string();
            let manifest = Manifest::from_slice(text.as_bytes()).map_err(|error| {
                invalid(
                    format!("register {} is no manifest", place + 1),
                    error.into(),
                )
            })?;
            registers.push(Source::new(
                manifest,
                register.url.map_or(Location::Data, Location::Url),
            ));
        }
        let version = self.version.as_deref().map(read_number).transpose();
        Ok(PublishOptions {
            version: version
                .map_err(|error| invalid("the version cannot be".to_owned(), error.into()))?,
            message: self.message,
            allow_breaking: self.allow_breaking,
            release: self.release,
            force: self.force,
            registers,
            external: self.external,
            entries: self
                .entries
                .into_iter()
                .map(|(name, path)| EntryOption::new(name, path))
                .collect(),
            ..PublishOptions::default()
        })
    }
}

fn all() -> BTreeSet<String> {
    BTreeSet::from(["*".to_owned()])
}

macro_rules! from {
    ($($kind:ident($request:ty)),* $(,)?) => {$(
        impl From<$request> for Request {
            fn from(request: $request) -> Request {
                Request::$kind(request)
            }
        }
    )*};
}

from! {
    Release(ReleaseVersions),
    Promote(Promote),
    Rollout(ChangeRollout),
    Rollback(Rollback),
    Revert(RevertTo),
    Yank(Yank),
    Policy(SetPolicy),
    Setting(ChangeSetting),
    OpenDraft(OpenDraft),
    ResetDraft(ResetDraft),
    DiscardDraft(DiscardDraft),
    Consumer(RecordConsumer),
    Token(NewToken),
    RevokeToken(RevokeToken),
}

impl Request {
    /// The same, insisting where it would be refused for what it breaks.
    fn insisting(mut self) -> Request {
        let force = match &mut self {
            Request::Release(it) => &mut it.force,
            Request::Promote(it) => &mut it.force,
            Request::Rollout(it) => &mut it.force,
            Request::Rollback(it) => &mut it.force,
            Request::Revert(it) => &mut it.force,
            Request::Yank(it) => &mut it.force,
            Request::Policy(it) => &mut it.force,
            _ => return self,
        };
        *force = Some("a trial".to_owned());
        self
    }
}

impl Registry {
    /// Carries out what a caller asks for.
    ///
    /// # Errors
    ///
    /// As [`carry_out`](Registry::carry_out).
    pub async fn request(
        &self,
        caller: &Caller,
        command: &Command,
        request: Request,
    ) -> Result<Carried, CommitError> {
        // What it needs may be gone since, as the draft that it came from.
        if let Some(before) = self.carried_before(caller, command).await? {
            return Ok(Carried::Done(Box::new(before)));
        }
        let rule = self.rule(caller, command, request).await?;
        self.carry_out(caller, command, &rule).await
    }

    /// What a request would come to, and what that would change, also where it would be refused for what it breaks. Nothing is recorded.
    ///
    /// # Errors
    ///
    /// As [`preview`](Registry::preview).
    pub async fn preview_request(
        &self,
        caller: &Caller,
        request: Request,
    ) -> Result<(Decided, Effect), CommitError> {
        let rule = self
            .rule(caller, &Command::new(""), request.insisting())
            .await?;
        self.preview(caller, &rule).await
    }

    /// The rule for a request, with all that it needs.
    async fn rule(
        &self,
        caller: &Caller,
        command: &Command,
        request: Request,
    ) -> Result<Box<dyn Rule + Send + Sync>, CommitError> {
        Ok(match request {
            Request::Release(rule) => Box::new(rule),
            Request::Promote(rule) => Box::new(rule),
            Request::Rollout(rule) => Box::new(rule),
            Request::Rollback(rule) => Box::new(rule),
            Request::Revert(request) => Box::new(self.revert(caller, request).await?),
            Request::Yank(rule) => Box::new(rule),
            Request::Policy(rule) => Box::new(rule),
            Request::Setting(rule) => Box::new(rule),
            Request::OpenDraft(request) => Box::new(self.open_draft(caller, request).await?),
            Request::ResetDraft(rule) => Box::new(rule),
            Request::DiscardDraft(rule) => Box::new(rule),
            Request::Consumer(rule) => Box::new(rule),
            Request::Token(request) => Box::new(CreateToken {
                token: command.id,
                secret: request.digest.ok_or_else(|| {
                    Refusal::of(
                        RefusalKind::Invalid,
                        "a token needs a secret: give the SHA-256 of one",
                    )
                })?,
                holder: request.holder,
                rights: request.rights,
                packages: request.packages,
                expires: request.expires,
            }),
            Request::RevokeToken(rule) => Box::new(rule),
        })
    }

    async fn revert(&self, caller: &Caller, request: RevertTo) -> Result<Revert, CommitError> {
        let mut rule = Revert {
            to: request.to,
            package: request.package,
            past: State::default(),
            past_at: Timestamp::UNIX_EPOCH,
            force: request.force,
        };
        // Reading the past may take long: nobody has it done who may not go on.
        self.check_rights(caller, &rule).await?;
        let moment = self.at(rule.to).await?;
        // The rule asks it as one asks a state in memory.
        match &rule.package {
            Some(name) => {
                self.ask(&moment, |state| state.package(name).is_some())
                    .await?;
            }
            None => self.read_all(&moment).await?,
        }
        rule.past_at = moment.position.at;
        rule.past = moment.state;
        Ok(rule)
    }

    async fn open_draft(
        &self,
        caller: &Caller,
        request: OpenDraft,
    ) -> Result<CreateDraft, CommitError> {
        let moment = self.refresh().await?;
        let package = match (request.package, &request.from) {
            (Some(package), _) => package,
            (None, Some(Origin::Version(pick))) => pick.package.clone(),
            (None, Some(Origin::Draft(other))) => {
                let package = |state: &State| {
                    state
                        .draft_shown(other, caller, moment.now())
                        .map(|(package, _)| package.to_owned())
                };
                self.ask(&moment, package).await??
            }
            (None, None) => {
                return Err(Refusal::of(
                    RefusalKind::Invalid,
                    "a draft needs a package that it is to be a version of",
                )
                .into());
            }
        };
        let mut rule = CreateDraft {
            draft: request.draft,
            package,
            from: DraftSource::Empty,
        };
        self.check_rights(caller, &rule).await?;
        rule.from = match request.from {
            None => DraftSource::Empty,
            Some(Origin::Draft(other)) => DraftSource::Draft(other),
            // Whether there is such a version is not said: it would not do.
            Some(Origin::Version(pick)) if pick.package != rule.package => {
                return Err(not_of(&rule.package, &pick.package).into());
            }
            Some(Origin::Version(pick)) => {
                let found = self.ask(&moment, |state| {
                    let pick = released(state, &pick, moment.now())?;
                    let contents = state.pick(&pick)?.1.contents.clone();
                    Ok::<_, Refusal>((pick, contents))
                });
                let (pick, contents) = found.await??;
                let sources = self.sources(&pick.package, &contents).await?;
                DraftSource::Version(pick, sources)
            }
        };
        Ok(rule)
    }
}

/// A bare name means what users get: the highest release, and where there is none, the newest version.
fn released(state: &State, pick: &VersionPick, at: Timestamp) -> Result<VersionPick, Refusal> {
    if pick.which != Which::Newest {
        return Ok(pick.clone());
    }
    let package = state.known(&pick.package)?;
    let served = package.served(RELEASE, Audience::Everybody, at);
    let stable = served
        .iter()
        .rev()
        .find(|(_, version)| version.pre.is_empty());
    let version = stable
        .or(served.last())
        .map(|&(_, version)| version.clone());
    Ok(VersionPick {
        package: pick.package.clone(),
        which: version.map_or(Which::Newest, Which::Number),
    })
}
