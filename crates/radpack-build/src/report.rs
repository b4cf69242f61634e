//! What a build did, and why: for people, for scripts, and for whoever carries the result on.
//!
//! Plain data that serializes in camel case. Paths of sources are relative to the package folder, those of written files
//! relative to the output folder; both with `/`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use radpack_manifest::Manifest;
use semver::Version;
use serde::{Deserialize, Serialize, Serializer};

use crate::package_json::PACKAGE_JSON;

/// What a build did.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Report {
    /// The package.
    pub name: String,
    /// The version that was built.
    pub version: Version,
    /// The output folder; its `radpack.json` is the result.
    pub out: PathBuf,
    /// Whether nothing was written because that was asked for.
    pub dry_run: bool,
    /// Whether the folder was taken as built, rather than its modules read.
    pub prebuilt: bool,
    /// The entries and chunks of the version, in canonical order.
    pub entries: Vec<BuiltEntry>,
    /// What `package.json` lists and the build has left out.
    pub left_out: Vec<LeftOut>,
    /// What became of each version, newest first: the one built and all that the registers had of this package.
    pub versions: Vec<VersionChange>,
    /// Tags that stood on a dropped version.
    pub moved_tags: Vec<MovedTag>,
    /// The outside dependencies: what each import became, by id.
    pub pins: Vec<Pin>,
    /// What deserves attention though it stops nothing.
    pub warnings: Vec<Warning>,
    /// The files of the output folder that the build touched or relied on, by path.
    pub files: Vec<OutputFile>,
    /// Where the time went.
    pub timings: Timings,
    /// The manifest as it now stands in the output folder.
    #[serde(skip)]
    pub manifest: Manifest,
    /// Every file and folder outside the output folder that the result depends on, absolute; for build scripts and watchers.
    #[serde(skip)]
    pub inputs: BTreeSet<PathBuf>,
}

/// One entry or chunk of the version that was built.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct BuiltEntry {
    /// Its name.
    pub name: String,
    /// The module it was built from; absent where the folder was taken as built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The file, as the manifest names it; absent where the entry has a URL of its own, or only dependencies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The file's length in bytes.
    pub bytes: u64,
    /// The file's integrity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integrity: Option<String>,
    /// Whether it is an ES module; of anything else, no exports are known.
    pub is_module: bool,
    /// Names that the module exports, those of `export *` within the package included.
    pub exports: BTreeSet<String>,
    /// Ids and URLs whose names it exports too (`export *` from outside the package).
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub export_stars: BTreeSet<String>,
}

/// Something that `package.json` lists and that is no entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LeftOut {
    /// The name it would have as an entry.
    pub entry: String,
    /// The file it leads to, where it leads anywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Why.
    pub reason: LeftOutReason,
}

/// Why something that `package.json` lists is no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LeftOutReason {
    /// JSON.
    Json,
    /// A style sheet.
    StyleSheet,
    /// Types only.
    Types,
    /// CommonJS, or a script without module syntax.
    CommonJs,
    /// Some other kind of file.
    NoModule,
    /// The file is not there.
    Missing,
    /// None of the conditions that a build looks at leads anywhere.
    NoCondition,
    /// Another file has the same entry name and comes first.
    SameName,
    /// Its name cannot stand in an id.
    Name,
}

impl LeftOutReason {
    /// The reason as people read it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            LeftOutReason::Json => "JSON, not an ES module",
            LeftOutReason::StyleSheet => "a style sheet, not an ES module",
            LeftOutReason::Types => "types, not an ES module",
            LeftOutReason::CommonJs => "CommonJS, not an ES module",
            LeftOutReason::NoModule => "not an ES module",
            LeftOutReason::Missing => "the file is not there",
            LeftOutReason::NoCondition => {
                "none of the conditions radpack, browser, import, module and default leads anywhere"
            }
            LeftOutReason::SameName => "another file has this entry name and comes first",
            LeftOutReason::Name => "the name cannot stand in an id",
        }
    }
}

/// What became of one version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct VersionChange {
    /// The version.
    pub version: Version,
    /// What became of it.
    pub change: Change,
    /// Why.
    pub reason: Reason,
    /// The version that took its place, of a dropped one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub displaced_by: Option<Version>,
}

/// What became of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Built, and no register had it.
    Added,
    /// An older build of the version that was built.
    Replaced,
    /// Retained.
    Kept,
    /// No longer in the manifest.
    Dropped,
}

/// Why a version is kept or dropped; the rows of the prune table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Reason {
    /// It is what was built.
    Built,
    /// Another patch of the same minor was built.
    OtherPatch,
    /// Another minor of the same major was built, and minors are not kept.
    OtherMinor,
    /// It is another minor, and minors are kept.
    MinorsKept,
    /// It is another major, and majors are kept.
    MajorsKept,
    /// It is another major, and majors are not kept.
    MajorsNotKept,
    /// It is the newest prerelease of a version that is not out.
    NewestPrerelease,
    /// It is a prerelease of a version that is out, or of a line that has gone past it.
    Released,
    /// It is a prerelease, and there is a newer one of the same version.
    OlderPrerelease,
    /// It is a prerelease, and these are not kept.
    PrereleasesNotKept,
    /// A prerelease was built, which displaces only older ones of its own version.
    PrereleaseBuilt,
}

impl Reason {
    /// The reason as people read it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Built => "it is the version built",
            Reason::OtherPatch => "another patch of the same minor was built",
            Reason::OtherMinor => "another minor of the same major was built",
            Reason::MinorsKept => "another minor, and minors are kept",
            Reason::MajorsKept => "another major, and majors are kept",
            Reason::MajorsNotKept => "another major, and majors are not kept",
            Reason::NewestPrerelease => "the newest prerelease of a version that is not out",
            Reason::Released => {
                "a prerelease of a version that is out, or of a line that has gone past it"
            }
            Reason::OlderPrerelease => "there is a newer prerelease of the same version",
            Reason::PrereleasesNotKept => "prereleases are not kept",
            Reason::PrereleaseBuilt => "a prerelease displaces only older ones of its own version",
        }
    }
}

/// A tag that stood on a dropped version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MovedTag {
    /// The tag.
    pub tag: String,
    /// Where it stood.
    pub from: Version,
    /// Where it stands now.
    pub to: Version,
}

/// What a bare import, or a dependency in `package.json`, is pinned to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Pin {
    /// What the code imports.
    pub import: String,
    /// The id written in its place.
    pub id: String,
    /// What `package.json` says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec: Option<String>,
    /// The version that a register gave; absent where none serves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selected: Option<Version>,
    /// The register that gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub register: Option<String>,
}

/// What deserves attention though it stops nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Warning {
    /// The file, relative to the package folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The column, from 1, in UTF-16 code units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// What, and what to do.
    pub message: String,
}

impl Warning {
    /// A warning about what `package.json` says.
    pub(crate) fn of_package(message: String) -> Warning {
        Warning {
            file: Some(PACKAGE_JSON.to_owned()),
            line: None,
            column: None,
            message,
        }
    }
}

impl std::fmt::Display for Warning {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(file) = &self.file {
            write!(formatter, "{file}:")?;
            if let (Some(line), Some(column)) = (self.line, self.column) {
                write!(formatter, "{line}:{column}:")?;
            }
            formatter.write_str(" ")?;
        }
        formatter.write_str(&self.message)
    }
}

/// One file of the output folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct OutputFile {
    /// Relative to the output folder, with `/`.
    pub path: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// What the build did with it.
    pub action: FileAction,
}

/// What a build did with a file of the output folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileAction {
    /// Written.
    Written,
    /// Needed, and there already with the same contents.
    Reused,
    /// Copied from another register.
    Copied,
    /// Deleted, for the manifest no longer names it.
    Deleted,
}

/// Where the time of a build went. Phases follow one another on the clock, unless said otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Timings {
    /// Finding the entries and reading all modules that they lead to, parsing included.
    #[serde(serialize_with = "as_milliseconds", rename = "readingMs")]
    pub reading: Duration,
    /// The part of it that the parser took, summed over threads.
    #[serde(serialize_with = "as_milliseconds", rename = "parsingMs")]
    pub parsing: Duration,
    /// Reading registers, pinning, rewriting, hashing and naming.
    #[serde(serialize_with = "as_milliseconds", rename = "hashingMs")]
    pub hashing: Duration,
    /// Writing files and `radpack.json`, syncing included.
    #[serde(serialize_with = "as_milliseconds", rename = "writingMs")]
    pub writing: Duration,
    /// Everything.
    #[serde(serialize_with = "as_milliseconds", rename = "totalMs")]
    pub total: Duration,
}

fn as_milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_micros() as f64 / 1000.0)
}
