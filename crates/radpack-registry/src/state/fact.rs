//! The facts that events carry: what has happened, as outcomes.
//!
//! Which number a version got, which release a line returned to: whatever a rule decided stands in the event, so that folding it in
//! applies no rule that a later build may have another opinion on. Events of format 1 are read for ever; a new kind, or a new field
//! that changes what an event means, says which version of Radpack it needs.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::policy::PolicyChange;
use super::token::Right;
use crate::commit::{Decision, FoldError};
use crate::event::{Event, Hash};
use crate::number::Line;
use crate::rollout::Plan;

/// Declares the kinds: a variant, its name in events, its facts.
macro_rules! facts {
    ($($(#[$doc:meta])* $kind:ident = $name:literal),* $(,)?) => {
        /// What an event says has happened.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Fact {
            $($(#[$doc])* $kind($kind)),*
        }

        impl Fact {
            /// Reads the facts of an event.
            ///
            /// # Errors
            ///
            /// If its kind is not known here, or its facts are not those of its kind.
            pub fn of(event: &Event) -> Result<Fact, FoldError> {
                let malformed = |error| {
                    FoldError::new(format!("the facts are not those of the kind {:?}", event.kind)).caused_by(error)
                };
                let read = Fact::read(&event.kind, &event.payload);
                read.ok_or_else(|| FoldError::unknown(event))?.map_err(malformed)
            }

            /// Reads the facts of a kind, if that is known here.
            pub(crate) fn read(kind: &str, payload: &Value) -> Option<serde_json::Result<Fact>> {
                match kind {
                    $($name => Some($kind::deserialize(payload).map(Fact::$kind)),)*
                    _ => None,
                }
            }

            /// The kind of event that carries them.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Fact::$kind(_) => $name),*
                }
            }

            pub(crate) fn payload(&self) -> serde_json::Result<Value> {
                match self {
                    $(Fact::$kind(facts) => serde_json::to_value(facts)),*
                }
            }
        }

        $(impl From<$kind> for Fact {
            fn from(facts: $kind) -> Fact {
                Fact::$kind(facts)
            }
        })*
    };
}

facts! {
    /// Versions came into being, and perhaps were released at once.
    Published = "published",
    /// Lines of a channel got newer releases.
    Released = "released",
    /// A release on its way was set, paused, resumed, promoted or aborted.
    RolloutChanged = "rollout-changed",
    /// Lines returned to earlier releases.
    RolledBack = "rolled-back",
    /// The releases became those of an earlier event.
    Reverted = "reverted",
    /// A version is not to be served again.
    Yanked = "yanked",
    /// How a package is released and numbered was changed.
    PolicySet = "policy-set",
    /// A setting of the registry was changed.
    SettingChanged = "setting-changed",
    /// A draft was opened.
    DraftCreated = "draft-created",
    /// Files of a draft were saved or removed.
    DraftSaved = "draft-saved",
    /// A draft was set back to an earlier revision.
    DraftReset = "draft-reset",
    /// A draft was given up.
    DraftDiscarded = "draft-discarded",
    /// An application said which pins it uses.
    ConsumerRecorded = "consumer-recorded",
    /// A token was made.
    TokenCreated = "token-created",
    /// A token is worth nothing any more.
    TokenRevoked = "token-revoked",
    /// Bytes that nothing named are about to be deleted.
    BlobsSwept = "blobs-swept",
    /// The registry was restored from a backup: no token is worth anything any more.
    Restored = "restored",
    /// Packages came from a backup of another registry.
    Imported = "imported",
}

impl Fact {
    /// The decision to record them.
    pub(crate) fn decision(&self) -> Decision {
        // Facts are plain data with text keys: nothing in them is beyond JSON.
        Decision::new(self.kind(), self.payload().unwrap_or_default())
    }

    /// The packages that they change.
    pub(crate) fn packages(&self) -> BTreeSet<&str> {
        fn returning<'f>(returns: impl IntoIterator<Item = &'f LineReturn>) -> Vec<&'f str> {
            returns.into_iter().map(|line| &*line.package).collect()
        }
        let packages: Vec<&str> = match self {
            Fact::Published(published) => {
                let versions = published.versions.iter().map(|new| &*new.package);
                let releases = published.releases.iter().map(|release| &*release.package);
                versions.chain(releases).collect()
            }
            Fact::Released(released) => released.releases.iter().map(|new| &*new.package).collect(),
            Fact::RolloutChanged(changed) => vec![&changed.package],
            Fact::RolledBack(back) => returning(&back.returns),
            Fact::Reverted(reverted) => returning(reverted.channels.values().flatten()),
            Fact::Yanked(yanked) => vec![&yanked.package],
            Fact::PolicySet(set) => vec![&set.package],
            Fact::Imported(imported) => imported.packages.iter().map(|it| &*it.package).collect(),
            _ => Vec::new(),
        };
        packages.into_iter().collect()
    }

    /// Whether they change what somebody gets of a package.
    #[must_use]
    pub fn changes_releases_of(&self, package: &str) -> bool {
        match self {
            Fact::Published(published) => {
                published.releases.iter().any(|new| new.package == package)
            }
            _ => self.packages().contains(package),
        }
    }

    /// The bytes that they name.
    pub(crate) fn blobs(&self) -> BTreeSet<Hash> {
        fn of_versions<'f>(versions: impl IntoIterator<Item = &'f NewVersion>) -> BTreeSet<Hash> {
            let contents = versions.into_iter().filter_map(|new| new.contents.as_ref());
            contents
                .flat_map(|contents| {
                    let sources = contents.sources.values().map(|file| file.sha256);
                    let files = contents.files.values().map(|file| file.sha256);
                    sources.chain(files)
                })
                .collect()
        }
        match self {
            Fact::Published(published) => of_versions(&published.versions),
            Fact::Imported(imported) => of_versions(
                imported
                    .packages
                    .iter()
                    .flat_map(|package| package.versions.iter().map(|it| &it.version)),
            ),
            Fact::DraftCreated(created) => created.files.values().map(|file| file.sha256).collect(),
            Fact::DraftSaved(saved) => saved.put.values().map(|file| file.sha256).collect(),
            _ => BTreeSet::new(),
        }
    }
}

/// Some bytes, by their hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceFile {
    /// Their SHA-256.
    pub sha256: Hash,
    /// How many they are.
    pub bytes: u64,
}

/// A file as it is served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuiltFile {
    /// The SHA-256 of its bytes.
    pub sha256: Hash,
    /// How many they are.
    pub bytes: u64,
    /// What browsers check them against; files beside the modules, such as source maps, have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integrity: Option<String>,
}

/// An entry, or a chunk, of a version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuiltEntry {
    /// Its file; none where it has only dependencies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Ids of what must be there before it runs: `~/entry` of its own package, pins of others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statics: Vec<String>,
    /// Ids of what it loads on demand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dynamics: Vec<String>,
    /// The names that it exports; of what is no ES module, and of chunks, none are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exports: Option<BTreeSet<String>>,
}

/// What a version consists of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewContents {
    /// What it was built from, by path.
    pub sources: BTreeMap<String, SourceFile>,
    /// What is served, by name.
    pub files: BTreeMap<String, BuiltFile>,
    /// What it offers, and its chunks.
    pub entries: BTreeMap<String, BuiltEntry>,
}

/// Where a version was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfDraft {
    /// The draft.
    pub draft: String,
    /// Its revision.
    pub revision: u64,
}

/// A version that comes into being.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewVersion {
    /// The package.
    pub package: String,
    /// Its number.
    pub version: Version,
    /// Its build.
    pub build: u32,
    /// What it consists of; of one that restores another, that is the other's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contents: Option<NewContents>,
    /// The version whose contents it has again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restores: Option<Version>,
    /// The draft that it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<OfDraft>,
    /// Why its number promises more than it keeps, where somebody insisted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaking: Option<String>,
}

/// A release that comes into being.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRelease {
    /// The package.
    pub package: String,
    /// The line that it serves.
    pub line: Line,
    /// Its number in the package and channel.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// The version that it serves.
    pub version: Version,
}

/// Versions came into being.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// These.
    pub versions: Vec<NewVersion>,
    /// The releases of the channel `release` that they became at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub releases: Vec<NewRelease>,
    /// What their maker says about them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Why it was done though it leaves something unresolvable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forced: Option<String>,
}

/// Lines of a channel got newer releases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Released {
    /// The channel.
    pub channel: String,
    /// The releases; where there is a rollout, it is one for all of them.
    pub releases: Vec<NewRelease>,
    /// How they reach everybody, where that is not at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Plan>,
    /// The channel that had them before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promoted_from: Option<String>,
    /// Why it was done though it leaves something unresolvable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forced: Option<String>,
}

/// What can be done with a release on its way.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RolloutAction {
    /// It goes to this percentage, and stays there.
    Set(u8),
    /// It stays where it is.
    Pause,
    /// It goes on.
    Resume,
    /// Everybody gets it.
    Promote,
    /// Nobody gets it any more.
    Abort,
}

/// A release on its way was changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolloutChanged {
    /// The package.
    pub package: String,
    /// The channel.
    pub channel: String,
    /// The line.
    pub line: Line,
    /// The release on its way.
    pub release: u32,
    /// What was done.
    pub action: RolloutAction,
    /// Why it was done though it leaves something unresolvable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forced: Option<String>,
}

/// A line returned to an earlier release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineReturn {
    /// The package.
    pub package: String,
    /// The line.
    pub line: Line,
    /// The releases that it left: they are not returned to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<u32>,
    /// The release on its way that ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aborted: Option<u32>,
    /// The earlier release that users have again; where there is none, the line serves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u32>,
    /// The new release that has the contents of the earlier one, where a line may only go forward, or where there is no earlier one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<NewRelease>,
}

/// Lines returned to earlier releases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolledBack {
    /// The channel.
    pub channel: String,
    /// What became of the lines.
    pub returns: Vec<LineReturn>,
    /// The versions that were made for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<NewVersion>,
    /// Why it was done though it leaves something unresolvable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forced: Option<String>,
}

/// The releases became those of an earlier event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reverted {
    /// The event.
    pub to: u64,
    /// The only package that it was done for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// What became of the lines, by channel.
    pub channels: BTreeMap<String, Vec<LineReturn>>,
    /// The versions that were made for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<NewVersion>,
    /// Why it was done though it leaves something unresolvable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forced: Option<String>,
}

/// A version is not to be served again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Yanked {
    /// The package.
    pub package: String,
    /// The version.
    pub version: Version,
    /// Why.
    pub reason: String,
    /// Why it was done though it leaves something unresolvable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forced: Option<String>,
}

/// How a package is released and numbered was changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySet {
    /// The package.
    pub package: String,
    /// What is other than before.
    pub change: PolicyChange,
    /// The lines of each channel as they are from now on, where that changed them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lines: BTreeMap<String, BTreeMap<Line, LineHolds>>,
    /// Why it was done though it leaves something unresolvable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forced: Option<String>,
}

/// What a line holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineHolds {
    /// The release that everybody gets who does not get the one on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable: Option<u32>,
    /// The release on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolling: Option<u32>,
}

/// A setting of the registry was changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SettingChanged {
    /// Where readers find the files; none: where they found the manifest.
    pub base_url: Option<String>,
}

/// Where the files of a new draft are from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DraftFrom {
    /// A version.
    Version(Version),
    /// Another draft, at a revision.
    Draft(OfDraft),
}

/// A draft was opened. That is its revision 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DraftCreated {
    /// Its name.
    pub draft: String,
    /// The package that it is to be a version of.
    pub package: String,
    /// Where its files are from; none where it is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<DraftFrom>,
    /// Its files.
    pub files: BTreeMap<String, SourceFile>,
}

/// Files of a draft were saved or removed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DraftSaved {
    /// The draft.
    pub draft: String,
    /// The revision that this makes.
    pub revision: u64,
    /// Files that are new, or other than before.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub put: BTreeMap<String, SourceFile>,
    /// Files that are gone.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub removed: BTreeSet<String>,
    /// What their maker says about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// A draft was set back to an earlier revision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DraftReset {
    /// The draft.
    pub draft: String,
    /// The revision that this makes.
    pub revision: u64,
    /// The revision whose files it has again.
    pub to: u64,
}

/// A draft was given up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DraftDiscarded {
    /// The draft.
    pub draft: String,
}

/// What a consumer gets of a package.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Follows {
    /// What users get.
    Release,
    /// Each line's newest version, released or not.
    Latest,
}

/// An application said which pins it uses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsumerRecorded {
    /// The application.
    pub consumer: String,
    /// Its pins: ids.
    pub pins: BTreeSet<String>,
    /// What it gets of each package.
    pub follows: BTreeMap<String, Follows>,
    /// Whether users have it.
    #[serde(default)]
    pub production: bool,
}

/// A token was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenCreated {
    /// Its id, which is no secret.
    pub token: Uuid,
    /// The SHA-256 of the secret.
    pub secret: Hash,
    /// Who has it.
    pub holder: String,
    /// What it is good for.
    pub rights: BTreeSet<Right>,
    /// The packages that it is good for; `*` stands for any number of characters.
    pub packages: BTreeSet<String>,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// The token that it was made with, if it was made with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maker: Option<Uuid>,
}

/// A token is worth nothing any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRevoked {
    /// The token.
    pub token: Uuid,
}

/// Bytes that nothing named are about to be deleted: who needs them again stores them under a name with this event's number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlobsSwept {
    /// The objects, as they were named.
    pub blobs: BTreeSet<String>,
}

/// The registry was restored from a backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restored {
    /// The newest event of the backup.
    pub to: u64,
}

/// A version that came from another registry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportedVersion {
    /// The version.
    pub version: NewVersion,
    /// Who published it there.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What they said about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Why it had been yanked there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yanked: Option<String>,
}

/// A package that came from another registry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportedPackage {
    /// The package.
    pub package: String,
    /// Its versions, in the order of their builds.
    pub versions: Vec<ImportedVersion>,
    /// The releases that its lines had there, by channel.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub releases: BTreeMap<String, Vec<NewRelease>>,
    /// How it is released and numbered.
    #[serde(default)]
    pub policy: PolicyChange,
}

/// Packages came from a backup of another registry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Imported {
    /// The registry that they are from.
    pub registry: Uuid,
    /// The newest event of it that was known.
    pub seq: u64,
    /// The packages.
    pub packages: Vec<ImportedPackage>,
}
