//! The commands, a file each: what they read, do and print.

pub(crate) mod build;
pub(crate) mod check;
pub(crate) mod compile;
pub(crate) mod completions;
pub(crate) mod graph;
pub(crate) mod import_map;
pub(crate) mod local;
pub(crate) mod man;
pub(crate) mod merge;
pub(crate) mod pin;
pub(crate) mod register;
pub(crate) mod registry;
pub(crate) mod resolve;
pub(crate) mod select;

use std::fmt::{self, Display};
use std::path::Path;

use radpack_manifest::Manifest;
use radpack_version::{Drift, Fit};
use serde::Serialize;

use crate::failure::{Outcome, Stop};
use crate::output::{Output, visible};
use crate::write::write_file;

/// How a version fits, for people.
pub(crate) fn fit_words(fit: Fit, drift: Option<Drift>) -> String {
    match drift {
        Some(drift) => format!("{fit}, {drift} differs"),
        None => fit.to_string(),
    }
}

/// A number of things in words.
pub(crate) fn of(count: usize, one: &str, more: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {more}"),
    }
}

/// How much manifests hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    packages: usize,
    versions: usize,
    entries: usize,
}

/// Counts what manifests hold, each for itself.
pub(crate) fn count<'m>(manifests: impl IntoIterator<Item = &'m Manifest>) -> Counts {
    let mut counts = Counts {
        packages: 0,
        versions: 0,
        entries: 0,
    };
    for package in manifests
        .into_iter()
        .flat_map(|manifest| manifest.exports.values())
    {
        counts.packages += 1;
        counts.versions += package.versions.len();
        counts.entries += package.entries.len();
    }
    counts
}

impl Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}, {}, {}",
            of(self.packages, "package", "packages"),
            of(self.versions, "version", "versions"),
            of(self.entries, "entry", "entries"),
        )
    }
}

#[derive(Serialize)]
struct WrittenLine<'a> {
    out: &'a str,
    #[serde(flatten)]
    counts: Counts,
}

/// Hands out a register as JSON: to a file, and a line about it to standard output; or to standard output itself.
fn written(
    out: Option<&Path>,
    mut json: String,
    manifests: &[Manifest],
    output: &mut Output,
) -> Result<Outcome, Stop> {
    let Some(path) = out else {
        json.push('\n');
        output.bytes(json.as_bytes())?;
        return Ok(Outcome::Done);
    };
    write_file(path, json.as_bytes())?;
    let counts = count(manifests);
    let out = path.display().to_string();
    if output.json() {
        output.value(&WrittenLine { out: &out, counts })?;
    } else {
        output.line(&visible(&format!("{out}: {counts}")))?;
    }
    Ok(Outcome::Done)
}
