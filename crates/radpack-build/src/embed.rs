//! For build scripts: build packages, compile what came out to an index that the program embeds, and tell cargo what to watch.
//!
//! What a build script prints is all that cargo and its users see of it, so warnings are printed as cargo's, and an error
//! (`embed/error.rs`) reads well when `main` returns it. The builds themselves are those of `build.rs`, one after another.

mod error;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Display;
use std::fs;
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use radpack_manifest::Manifest;
use radpack_resolve::{Index, Layer};

pub use self::error::EmbedError;
use crate::build::Build;
use crate::error::{BuildError, ErrorKind, Problem, Problems};
use crate::options::Source;
use crate::output::is_there;
use crate::report::Report;
use crate::setup;

/// What the folder of the files has behind the name of the index.
const FILES: &str = ".files";

/// Builds packages in this order, compiles the registers and what came out to one index, and writes it to `index` in the
/// `OUT_DIR` that cargo gives to build scripts. Tells cargo to run the script again when something changes that it read, and
/// prints the builds' warnings as cargo's.
///
/// In the index, the output's manifest lies on top and the builds' registers below it, in the order of the builds; so every pin
/// that was written resolves in it as it did here. Builds that name no output folder share one beside the index, named as it is with
/// `.files` behind; so builds after one another find each other there. It begins empty each time: what the index holds follows from
/// the builds given here, not from what the script did when it last ran. A folder that a build, or its `package.json`, names, goes on
/// from the `radpack.json` in it, as in any [`Build::run`].
///
/// ```no_run
/// // build.rs
/// use radpack_build::{Build, EmbedError, embed};
///
/// fn main() -> Result<(), EmbedError> {
///     embed([Build::new("web/shapes"), Build::new("web/charts").keep_minors(true)], "web.index")?;
///     Ok(())
/// }
/// ```
///
/// The program then has it without reading, parsing or allocating anything: `radpack_resolve::include_index!` on
/// `concat!(env!("OUT_DIR"), "/web.index")`.
///
/// # Errors
///
/// What [`Build::run`] fails on; where `OUT_DIR` is not set, for then this is no build script; where `index` leads out of it; where the
/// index cannot be compiled or written. An index that was there stays as it is.
pub fn embed(
    builds: impl IntoIterator<Item = Build>,
    index: impl AsRef<Path>,
) -> Result<Vec<Report>, EmbedError> {
    let Some(folder) = std::env::var_os("OUT_DIR").map(PathBuf::from) else {
        let message = "OUT_DIR is not set: call `embed` from a build script, which cargo runs";
        return Err(Problem::new(ErrorKind::Options, message).into());
    };
    let builds = builds.into_iter().collect();
    embed_in(&folder, builds, index.as_ref(), &mut io::stdout().lock())
}

/// As [`embed`], in a given folder and with cargo's orders to a given place.
fn embed_in(
    folder: &Path,
    mut builds: Vec<Build>,
    index: &Path,
    cargo: &mut dyn Write,
) -> Result<Vec<Report>, EmbedError> {
    let (path, files) = places(folder, index)?;
    let mut chosen = false;
    for build in &mut builds {
        let chooses = settle_out(build, &files)
            .map_err(|error| EmbedError::of_package(build.folder(), error))?;
        chosen |= chooses;
    }
    if chosen {
        clear(&files)?;
    }
    let tell = |error| Problem::io("tell cargo about", &path, error);
    let mut reports: Vec<Report> = Vec::new();
    let mut sources: Vec<Source> = Vec::new();
    let mut watched = BTreeSet::new();
    for build in builds {
        let (report, registers) = build
            .run_with(&|_, _| Ok(()))
            .map_err(|error| EmbedError::of_package(build.folder(), error))?;
        for warning in &report.warnings {
            warn(build.folder(), warning, cargo).map_err(tell)?;
        }
        watched.extend(report.inputs.iter().cloned());
        for source in registers {
            let is_known = |known: &Source| {
                known.location == source.location && known.manifest == source.manifest
            };
            if !sources.iter().any(is_known) {
                sources.push(source);
            }
        }
        reports.push(report);
    }
    let bytes = compile(&sources, &reports)?;
    // An index that is the same stays as it is, or cargo would compile the program anew.
    if !is_there(&path, &bytes) {
        write(&path, &bytes).map_err(|error| Problem::io("write the index", &path, error))?;
    }
    watch(&watched, cargo).map_err(tell)?;
    Ok(reports)
}

/// Where the index goes, and where the files go that no build has a folder for.
fn places(folder: &Path, index: &Path) -> Result<(PathBuf, PathBuf), Problem> {
    let stays = index
        .components()
        .all(|component| matches!(component, Component::Normal(_)));
    match index.file_name() {
        Some(name) if stays => {
            let path = folder.join(index);
            let mut files = OsString::from(name);
            files.push(FILES);
            let files = path.with_file_name(files);
            Ok((path, files))
        }
        _ => {
            let message = format!(
                "the index {:?} does not name a file in OUT_DIR: give a name, as in `web.index`",
                index.display()
            );
            Err(Problem::new(ErrorKind::Options, message))
        }
    }
}

/// Lets a build go to `files`, where nothing else is said, and tells whether it does.
fn settle_out(build: &mut Build, files: &Path) -> Result<bool, BuildError> {
    let mut problems = Problems::default();
    let (_, package) = setup::open(build.folder(), &mut problems)?;
    problems.check()?;
    let says = build.options_mut().out.is_some()
        || package.is_some_and(|package| package.settings.out.is_some());
    if !says {
        build.options_mut().out = Some(files.to_owned());
    }
    Ok(!says)
}

/// Takes away what an earlier run left. One that was ended in the middle of this, or later, left no more than the next takes away.
fn clear(files: &Path) -> Result<(), Problem> {
    match fs::remove_dir_all(files) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Problem::io("clear the folder", files, error))
        }
        _ => Ok(()),
    }
}

/// The registers and, on top of them, the last manifest of each output folder.
fn compile(sources: &[Source], reports: &[Report]) -> Result<Vec<u8>, Problem> {
    let is_last = |index: usize, report: &Report| {
        !reports[index + 1..]
            .iter()
            .any(|later| later.out == report.out)
    };
    let outputs = reports
        .iter()
        .enumerate()
        .filter(|(index, report)| is_last(*index, report))
        .map(|(_, report)| &report.manifest);
    let manifests: Vec<&Manifest> = sources
        .iter()
        .map(|source| &source.manifest)
        .chain(outputs)
        .collect();
    let compiled = Index::from_layers(manifests.into_iter().map(Layer::manifest));
    match compiled {
        Ok(index) => Ok(index.to_bytes().into_owned()),
        Err(error) => {
            let message = "what was built cannot be compiled to an index";
            Err(Problem::new(ErrorKind::Register, message).caused_by(error))
        }
    }
}

/// Writes a file, in a folder that is made where it is missing.
fn write(path: &Path, contents: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, contents)
}

/// Has cargo show a warning. An order to cargo is one line, so what is more than that is written as in source code.
fn warn(package: &Path, warning: &dyn Display, cargo: &mut dyn Write) -> io::Result<()> {
    let text = format!("{}: {warning}", package.display());
    let line = text.replace('\n', "\\n").replace('\r', "\\r");
    writeln!(cargo, "cargo:warning={line}")
}

/// Tells cargo what to watch. It runs a script anew each time for something that is not there, so only what is counts; and for a
/// path that no line can hold, its folder is watched.
fn watch(watched: &BTreeSet<PathBuf>, cargo: &mut dyn Write) -> io::Result<()> {
    let lines: BTreeSet<&str> = watched
        .iter()
        .filter(|path| path.exists())
        .filter_map(|path| path.ancestors().find_map(as_line))
        .collect();
    for line in lines {
        writeln!(cargo, "cargo:rerun-if-changed={line}")?;
    }
    cargo.flush()
}

fn as_line(path: &Path) -> Option<&str> {
    path.to_str().filter(|text| !text.contains(['\n', '\r']))
}
