//! What a build is asked for, by its caller and by `package.json`.
//!
//! Every option may also stand in `package.json` under `radpack`, in camel case; what the caller says wins. Lists add up:
//! the caller's registers lie on top of those named there, its entries replace those of the same name.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use radpack_manifest::Manifest;
use semver::Version;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What the caller of a build asks for. `None` and empty leave it to `package.json`, then to the default.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Options {
    /// The package's name, in place of the one in `package.json`.
    pub name: Option<String>,
    /// The version to build, in place of the one in `package.json`.
    pub version: Option<Version>,
    /// Where files and `radpack.json` go; by default `dist-radpack` in the package folder.
    pub out: Option<PathBuf>,
    /// Registers already read, later ones on top of earlier ones and all of them on top of those named in `package.json`.
    /// A `radpack.json` in the output folder lies above them all.
    pub registers: Vec<Source>,
    /// Entries to add to those that `package.json` declares, or in place of one of the same name.
    pub entries: Vec<EntryOption>,
    /// Packages, or ids without a version, whose imports stay as they are and are nobody's business here.
    pub external: Vec<String>,
    /// Values for the manifest's `vars`.
    pub vars: BTreeMap<String, String>,
    /// Whether other minors of the same major are retained; by default only those of 0.x.
    pub keep_minors: Option<bool>,
    /// Whether other majors are retained; by default they are.
    pub keep_majors: Option<bool>,
    /// Whether the newest prerelease of each triple is retained until it is released; by default it is.
    pub keep_prereleases: Option<bool>,
    /// Whether a version may displace a newer one; by default that is refused.
    pub allow_downgrade: Option<bool>,
    /// Whether files that the new manifest no longer names are deleted; by default they stay for pages that are open.
    pub delete_unreferenced: Option<bool>,
    /// Whether to do everything but write.
    pub dry_run: bool,
    /// Whether registers that `package.json` names must lie in the package folder. For folders that somebody else has sent, who may
    /// name any file of this machine.
    pub confined: bool,
}

/// A register that has been read and flattened, and where it came from.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Source {
    /// What it holds.
    #[serde(serialize_with = "write_manifest", deserialize_with = "read_manifest")]
    pub manifest: Manifest,
    /// Where it came from, which says whether its files can be copied.
    pub location: Location,
}

/// Where a register came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Location {
    /// A folder that holds `radpack.json` and the files it names: what of them is retained is copied.
    Folder(PathBuf),
    /// The URL it was read from: what of it is retained keeps its place there.
    Url(String),
    /// Given as data, without a place of its own.
    Data,
}

/// A manifest within other data is a text: what may be in one, its own reader checks.
fn write_manifest<S: Serializer>(manifest: &Manifest, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&manifest.to_json())
}

fn read_manifest<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Manifest, D::Error> {
    let text = String::deserialize(deserializer)?;
    Manifest::from_slice(text.as_bytes()).map_err(de::Error::custom)
}

impl Source {
    /// A register and where it came from.
    #[must_use]
    pub fn new(manifest: Manifest, location: Location) -> Self {
        Source { manifest, location }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Folder(folder) => {
                write!(formatter, "{}", folder.join("radpack.json").display())
            }
            Location::Url(url) => formatter.write_str(url),
            Location::Data => formatter.write_str("the register given as data"),
        }
    }
}

/// One entry asked for: `NAME=PATH`, or with `*` on both sides for every file that fits (`*=./*.js`).
///
/// ```
/// use radpack_build::EntryOption;
///
/// let entry: EntryOption = "locale/*=./src/locale/*.js".parse()?;
/// assert_eq!(entry.name, "locale/*");
/// assert_eq!(entry.path, "./src/locale/*.js");
/// # Ok::<(), radpack_build::EntryOptionError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryOption {
    /// The entry's name, without extension.
    pub name: String,
    /// The module, relative to the package folder.
    pub path: String,
}

impl EntryOption {
    /// An entry of this name from this file.
    pub fn new(name: impl Into<String>, path: impl Into<String>) -> Self {
        EntryOption {
            name: name.into(),
            path: path.into(),
        }
    }
}

impl FromStr for EntryOption {
    type Err = EntryOptionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((name, path)) if !name.is_empty() && !path.is_empty() => {
                Ok(EntryOption::new(name, path))
            }
            _ => Err(EntryOptionError {
                text: text.to_owned(),
            }),
        }
    }
}

/// A text that is no `NAME=PATH`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the entry {text:?} is not of the form NAME=PATH, as in `index=./src/index.js` or `*=./*.js`"
)]
pub struct EntryOptionError {
    text: String,
}
