//! What is to be built, settled: the options of the caller over those of `package.json` over the defaults, and checked.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use radpack_version::VersionRef;
use semver::Version;

use crate::error::{BuildError, ErrorKind, Problem, Problems};
use crate::folder::{Folder, parent};
use crate::options::{EntryOption, Options};
use crate::package_json::{PACKAGE_JSON, PackageJson, Settings};
use crate::package_name;
use crate::prune::Retention;
use crate::registers::RADPACK_JSON;
use crate::report::Warning;

/// The output folder where none is given.
const DEFAULT_OUT: &str = "dist-radpack";

/// Everything about a build that is known before any module is read.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) folder: Folder,
    pub(crate) package: PackageJson,
    pub(crate) name: String,
    /// Without build metadata.
    pub(crate) version: Version,
    /// Absolute; of what exists of it, links are followed.
    pub(crate) out: PathBuf,
    /// Where the files go, `<out>/<name>`, with links followed.
    pub(crate) target: PathBuf,
    pub(crate) entries: Vec<EntryOption>,
    pub(crate) external: BTreeSet<String>,
    /// What the caller and `package.json` say of the manifest's vars.
    pub(crate) vars: BTreeMap<String, String>,
    pub(crate) retention: Retention,
    pub(crate) delete_unreferenced: bool,
    pub(crate) dry_run: bool,
    pub(crate) warnings: Vec<Warning>,
}

/// The package folder and its `package.json`.
pub(crate) fn open(
    folder: &Path,
    problems: &mut Problems,
) -> Result<(Folder, Option<PackageJson>), BuildError> {
    let opened = Folder::open(folder).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Problem::new(
            ErrorKind::Package,
            format!("there is no folder {}", folder.display()),
        ),
        _ => Problem::io("open the folder", folder, error),
    })?;
    let package = PackageJson::read(opened.root(), problems);
    Ok((opened, package))
}

impl Setup {
    /// Settles a build.
    pub(crate) fn new(folder: &Path, options: &Options) -> Result<Setup, BuildError> {
        let mut problems = Problems::default();
        let (opened, package) = open(folder, &mut problems)?;
        problems.check()?;
        let described = package.is_some();
        let package = package.unwrap_or_default();
        let Settings {
            name,
            version,
            vars,
            keep_minors,
            keep_majors,
            keep_prereleases,
            allow_downgrade,
            delete_unreferenced,
            dry_run,
            unknown,
            ..
        } = &package.settings;
        let name = options
            .name
            .as_ref()
            .or(name.as_ref())
            .or(package.name.as_ref());
        let version_text = version.as_ref().or(package.version.as_ref());
        if !described && (name.is_none() || options.version.is_none()) {
            return Err(no_package(&opened).into());
        }
        let name = settle_name(name.map(String::as_str), &mut problems);
        let version = match (&options.version, version_text) {
            (Some(version), _) => Some(crate::prune::without_metadata(version)),
            (None, text) => settle_version(text.map(String::as_str), &mut problems),
        };
        let out = match out_folder(&opened, &package, options) {
            Ok(out) => Some(out),
            Err(problem) => {
                problems.push(problem);
                None
            }
        };
        problems.check()?;
        let (Some(name), Some(version), Some(out)) = (name, version, out) else {
            return Err(
                Problem::new(ErrorKind::Package, "names no package to build")
                    .in_file(PACKAGE_JSON)
                    .into(),
            );
        };
        let target = settle_out(&out.join(&name))?;
        if opened.root().starts_with(&target) {
            return Err(would_overwrite(&target, "the package itself").into());
        }
        let retention = Retention {
            keep_minors: options.keep_minors.or(*keep_minors),
            keep_majors: options.keep_majors.or(*keep_majors).unwrap_or(true),
            keep_prereleases: options
                .keep_prereleases
                .or(*keep_prereleases)
                .unwrap_or(true),
            allow_downgrade: options
                .allow_downgrade
                .or(*allow_downgrade)
                .unwrap_or(false),
        };
        let mut all_vars = vars.clone();
        all_vars.extend(options.vars.clone());
        let warnings = unknown
            .iter()
            .map(|key| {
                Warning::of_package(format!(
                    "radpack.{key} means nothing; there are {}",
                    Settings::known_keys()
                ))
            })
            .collect();
        Ok(Setup {
            name,
            version,
            out,
            target,
            entries: options.entries.clone(),
            external: external(&package, options),
            vars: all_vars,
            retention,
            delete_unreferenced: options
                .delete_unreferenced
                .or(*delete_unreferenced)
                .unwrap_or(false),
            dry_run: options.dry_run || dry_run.unwrap_or(false),
            warnings,
            folder: opened,
            package,
        })
    }
}

impl Setup {
    /// Refuses to write files (relative to the output folder) that links in that folder would lead among those of the package.
    pub(crate) fn check_links(&self, files: impl Iterator<Item = String>) -> Result<(), Problem> {
        let folders: BTreeSet<String> = files.map(|file| parent(&file).to_owned()).collect();
        for folder in folders {
            let folder = self.out.join(folder);
            let Ok(real) = folder.canonicalize() else {
                continue; // not there, so it will be made
            };
            if real.starts_with(self.folder.root()) && !real.starts_with(&self.out) {
                return Err(would_overwrite(&folder, "files of the package by a link"));
            }
        }
        Ok(())
    }

    /// The folders that patterns do not look into: the output folder, where builds go that are not told where to, and where
    /// the package was built into its own folder, what that left. Without a manifest nothing was built, and what lies there
    /// is the package's own.
    pub(crate) fn skipped(&self) -> Vec<PathBuf> {
        let built = |folder: &Path| folder.join(RADPACK_JSON).is_file();
        let mut skipped = vec![self.out.clone()];
        if built(&self.out) {
            skipped.push(self.target.clone());
        }
        let usual = self.folder.root().join(DEFAULT_OUT);
        if built(&usual) {
            skipped.push(usual);
        }
        skipped
    }
}

/// The problem that files would be written, and perhaps deleted, among those of the package.
pub(crate) fn would_overwrite(target: &Path, held: &str) -> Problem {
    let message = format!(
        "the files would go to {}, which holds {held}: choose another output folder",
        target.display()
    );
    Problem::new(ErrorKind::Options, message)
}

/// The problem that a folder without `package.json` is.
pub(crate) fn no_package(folder: &Folder) -> Problem {
    let message = format!("there is no {PACKAGE_JSON} in {}", folder.root().display());
    Problem::new(ErrorKind::Package, message)
}

/// What is nobody's business here.
pub(crate) fn external(package: &PackageJson, options: &Options) -> BTreeSet<String> {
    package
        .settings
        .external
        .iter()
        .chain(&options.external)
        .cloned()
        .collect()
}

/// The output folder, absolute; it need not exist.
pub(crate) fn out_folder(
    folder: &Folder,
    package: &PackageJson,
    options: &Options,
) -> Result<PathBuf, Problem> {
    settle_out(&match (&options.out, &package.settings.out) {
        (Some(out), _) => out.clone(),
        (None, Some(out)) => folder.root().join(out),
        (None, None) => folder.root().join(DEFAULT_OUT),
    })
}

fn settle_name(name: Option<&str>, problems: &mut Problems) -> Option<String> {
    let problem = match name {
        None => "has no name: add one, or give it as an option".to_owned(),
        Some(name) => match package_name::check_package_name(name) {
            Ok(()) => return Some(name.to_owned()),
            Err(message) => format!("the package name {name:?} {message}"),
        },
    };
    problems.push(Problem::new(ErrorKind::Package, problem).in_file(PACKAGE_JSON));
    None
}

fn settle_version(text: Option<&str>, problems: &mut Problems) -> Option<Version> {
    let problem = match text {
        None => Problem::new(
            ErrorKind::Package,
            "has no version: add one, or give it as an option",
        ),
        // npm lets a version begin with `v` or `=`.
        Some(text) => match VersionRef::parse(text.trim().trim_start_matches(['v', '='])) {
            Ok(version) => return Some(version.to_semver()),
            Err(error) => Problem::new(
                ErrorKind::Package,
                format!("the version {text:?} is not one"),
            )
            .caused_by(error),
        },
    };
    problems.push(problem.in_file(PACKAGE_JSON));
    None
}

/// The output folder, absolute. It need not exist; of what does, links are followed, so that two builds agree on its name.
fn settle_out(out: &Path) -> Result<PathBuf, Problem> {
    let cannot = |error| Problem::io("use the output folder", out, error);
    let absolute = std::path::absolute(out).map_err(cannot)?;
    let mut missing = Vec::new();
    let mut exists = absolute.as_path();
    loop {
        match exists.canonicalize() {
            Ok(mut real) => {
                if !real.is_dir() {
                    let message = format!("the output folder {} is a file", real.display());
                    return Err(Problem::new(ErrorKind::Io, message));
                }
                real.extend(missing.into_iter().rev());
                return Ok(real);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(cannot(error)),
        }
        match (exists.parent(), exists.file_name()) {
            (Some(parent), Some(name)) => {
                missing.push(name);
                exists = parent;
            }
            _ => return Ok(absolute.clone()),
        }
    }
}
