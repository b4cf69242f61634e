//! Builds the real packages, each after those that it depends on, into one output folder.
//!
//! No register is given to any build: what was built before lies in the output folder, and that is register enough.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use radpack::build::module::{self, ModuleError};
use radpack::build::{Build, Change, FileAction, Report};
use radpack_testkit::{BUILD_ORDER, NpmPackage, NpmPackages};

use crate::account::{Account, count};
use crate::failure::Failure;

/// What a built module was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Origin {
    /// The entry's name; chunks are below `c/`.
    pub entry: String,
    /// What the written file imports, as it stands there: relative paths and pins.
    pub imports: BTreeSet<String>,
}

/// One package, built.
#[derive(Debug)]
#[non_exhaustive]
pub struct Built {
    /// What the build says of itself.
    pub report: Report,
    /// Its modules and what each of them imports after the build.
    pub modules: Vec<Origin>,
}

pub(crate) fn build(
    packages: &NpmPackages,
    out: &Path,
    account: &mut Account<'_>,
) -> Result<Vec<Built>, Failure> {
    fs::create_dir_all(out).map_err(Failure::io("create", out))?;
    let mut there = fs::read_dir(out).map_err(Failure::io("read", out))?;
    if there.next().is_some() {
        return Err(Failure::NotEmpty(out.to_path_buf()));
    }
    let mut built = Vec::new();
    for package in BUILD_ORDER {
        let mut build = Build::new(packages.folder(package)).out(out);
        if package.name == "lodash-es" {
            // It has no `exports`: people import its files one by one.
            build = build.entry("*", "./*.js");
        }
        let report = build.run().map_err(|source| Failure::Build {
            package: name_of(package),
            source,
        })?;
        tell(&report, account)?;
        built.push(Built {
            modules: modules_of(&report)?,
            report,
        });
    }
    Ok(built)
}

fn name_of(package: &NpmPackage) -> String {
    format!("{} {}", package.name, package.version)
}

fn tell(report: &Report, account: &mut Account<'_>) -> Result<(), Failure> {
    let is_chunk = |name: &str| name.starts_with("c/");
    let entries = report.entries.iter();
    let entries = entries.filter(|entry| !is_chunk(&entry.name)).count();
    let chunks = report.entries.len() - entries;
    let written = report.files.iter();
    let written = written
        .filter(|file| file.action == FileAction::Written)
        .count();
    let mut notes: Vec<String> = Vec::new();
    for change in &report.versions {
        if change.change == Change::Dropped {
            notes.push(format!(
                "{} is dropped: {}",
                change.version,
                change.reason.as_str()
            ));
        }
    }
    let kept: Vec<String> = report
        .versions
        .iter()
        .filter(|change| change.change == Change::Kept)
        .map(|change| change.version.to_string())
        .collect();
    if !kept.is_empty() {
        notes.push(format!("beside {}", kept.join(", ")));
    }
    account.row(
        [24, 8, 12, 12, 14, 10, 0],
        [
            &report.name,
            &report.version.to_string(),
            &count(entries, "entry", "entries"),
            &if chunks == 0 {
                String::new()
            } else {
                count(chunks, "chunk", "chunks")
            },
            &count(written, "new file", "new files"),
            &format!("{:.0} ms", report.timings.total.as_secs_f64() * 1000.0),
            &notes.join("; "),
        ],
    )?;
    for warning in &report.warnings {
        account.line(&format!("    note: {warning}"))?;
    }
    Ok(())
}

/// Reads what was written, for what it imports now.
fn modules_of(report: &Report) -> Result<Vec<Origin>, Failure> {
    let mut modules = Vec::new();
    for entry in &report.entries {
        let Some(file) = entry.file.as_deref().filter(|file| file.ends_with(".js")) else {
            continue; // JSON, or an asset
        };
        let path = report.out.join(&report.name).join(file);
        let text = fs::read_to_string(&path).map_err(Failure::io("read", &path))?;
        let module = module::read(&text, file).map_err(|error: ModuleError| {
            Failure::io("parse", &path)(std::io::Error::other(error))
        })?;
        modules.push(Origin {
            entry: entry.name.clone(),
            imports: module
                .imports
                .into_iter()
                .map(|import| import.specifier)
                .collect(),
        });
    }
    Ok(modules)
}
