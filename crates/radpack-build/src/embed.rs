//! For build scripts: build packages, compile what came out to an index that the program embeds, and tell cargo what to watch.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use radpack_manifest::Manifest;
use radpack_resolve::{Index, Layer};

use crate::build::Build;
use crate::error::{BuildError, ErrorKind, Problem, Problems};
use crate::options::Source;
use crate::output::is_there;
use crate::report::Report;
use crate::setup;

/// Where packages are built to, in cargo's folder, where neither a build nor its `package.json` says.
const OUT: &str = "radpack";

/// Builds packages in this order, compiles the registers and what came out to one index, and writes it to `index` in the
/// `OUT_DIR` that cargo gives to build scripts. Tells cargo to run the script again when something changes that it read.
///
/// In the index, the output's manifest lies on top and the builds' registers below it, in the order of the builds; so every pin
/// that was written resolves in it as it did here. A build that names no output folder goes to `radpack` in `OUT_DIR`, so that
/// builds after one another find each other there.
///
/// ```no_run
/// // build.rs
/// use radpack_build::{Build, embed};
///
/// fn main() -> Result<(), radpack_build::BuildError> {
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
/// What [`Build::run`] fails on; where `OUT_DIR` is not set, for then this is no build script; where the index cannot be compiled
/// or written.
pub fn embed(
    builds: impl IntoIterator<Item = Build>,
    index: impl AsRef<Path>,
) -> Result<Vec<Report>, BuildError> {
    let Some(folder) = std::env::var_os("OUT_DIR").map(PathBuf::from) else {
        let message = "OUT_DIR is not set: only cargo's build scripts can embed";
        return Err(Problem::new(ErrorKind::Options, message).into());
    };
    embed_in(&folder, builds, index.as_ref(), &mut io::stdout().lock())
}

/// As [`embed`], in a given folder and with cargo's orders to a given place.
fn embed_in(
    folder: &Path,
    builds: impl IntoIterator<Item = Build>,
    index: &Path,
    cargo: &mut dyn Write,
) -> Result<Vec<Report>, BuildError> {
    let mut reports: Vec<Report> = Vec::new();
    let mut sources: Vec<Source> = Vec::new();
    let mut watched = BTreeSet::new();
    for mut build in builds {
        settle_out(&mut build, folder)?;
        let (report, registers) = build.run_with(&|_, _| Ok(()))?;
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
    let path = folder.join(index);
    let bytes = compile(&sources, &reports)?;
    // An index that is the same stays as it is, or cargo would compile the program anew.
    if !is_there(&path, &bytes) {
        fs::write(&path, &bytes).map_err(|error| Problem::io("write the index", &path, error))?;
    }
    tell(&watched, cargo).map_err(|error| Problem::io("tell cargo about", &path, error))?;
    Ok(reports)
}

/// Lets a build go to cargo's folder, where nothing else is said.
fn settle_out(build: &mut Build, folder: &Path) -> Result<(), BuildError> {
    let mut problems = Problems::default();
    let (_, package) = setup::open(build.folder(), &mut problems)?;
    problems.check()?;
    let says = package.is_some_and(|package| package.settings.out.is_some());
    if !says {
        build
            .options_mut()
            .out
            .get_or_insert_with(|| folder.join(OUT));
    }
    Ok(())
}

/// The registers and, on top of them, the last manifest of each output folder.
fn compile(sources: &[Source], reports: &[Report]) -> Result<Vec<u8>, BuildError> {
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
            Err(Problem::new(ErrorKind::Register, message)
                .caused_by(error)
                .into())
        }
    }
}

/// Tells cargo what to watch. It runs a script anew each time for something that is not there, so only what is counts.
fn tell(watched: &BTreeSet<PathBuf>, cargo: &mut dyn Write) -> io::Result<()> {
    for path in watched.iter().filter(|path| path.exists()) {
        writeln!(cargo, "cargo:rerun-if-changed={}", path.display())?;
    }
    cargo.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, files: &[(&str, &str)]) {
        for (path, contents) in files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, contents).unwrap();
        }
    }

    #[test]
    fn packages_find_each_other_and_resolve_in_the_index() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        write(
            &root,
            &[
                (
                    "live/radpack.json",
                    r#"{"exports":{"colors":{"v":[[3,4]],"d":[["index",[{"v":[0],"f":"c.js"}]]]}}}"#,
                ),
                (
                    "shapes/package.json",
                    r#"{"name":"shapes","version":"1.0.0","exports":{"./*":"./src/*.js"}}"#,
                ),
                ("shapes/src/index.js", "import './deep/part.js'; export {};"),
                ("shapes/src/deep/part.js", "export {};"),
                (
                    "charts/package.json",
                    r#"{"name":"charts","version":"2.0.0","exports":"./index.js","radpack":{"register":"../live"}}"#,
                ),
                (
                    "charts/index.js",
                    "import 'shapes'; import 'colors'; export {};",
                ),
            ],
        );
        let out = root.join("cargo");
        fs::create_dir(&out).unwrap();
        let builds = || {
            [
                Build::new(root.join("shapes")),
                Build::new(root.join("charts")),
            ]
        };
        let mut orders = Vec::new();
        let reports = embed_in(&out, builds(), Path::new("web.index"), &mut orders).unwrap();
        assert_eq!(
            reports[1]
                .pins
                .iter()
                .map(|pin| pin.id.as_str())
                .collect::<Vec<_>>(),
            ["shapes@^1", "colors@^3"]
        );
        assert!(out.join("radpack/radpack.json").is_file());

        let bytes = fs::read(out.join("web.index")).unwrap();
        let index = Index::from_bytes(bytes.clone()).unwrap();
        let closure = index.query().closure("charts").unwrap();
        let ids: Vec<String> = closure
            .iter()
            .map(radpack_resolve::Found::pinned_id)
            .collect();
        assert_eq!(
            ids,
            [
                "colors@3.4.0",
                "shapes@1.0.0/deep/part",
                "shapes@1.0.0",
                "charts@2.0.0"
            ]
        );

        let orders = String::from_utf8(orders).unwrap();
        let watched: Vec<&str> = orders
            .lines()
            .map(|line| line.strip_prefix("cargo:rerun-if-changed=").unwrap())
            .map(|path| path.strip_prefix(root.to_str().unwrap()).unwrap())
            .collect();
        assert_eq!(
            watched,
            [
                "/charts/index.js",
                "/charts/package.json",
                "/live/radpack.json",
                "/shapes/package.json",
                "/shapes/src",
                "/shapes/src/deep/part.js",
                "/shapes/src/index.js",
            ]
        );

        // Once more: the same index, untouched.
        let before = fs::metadata(out.join("web.index"))
            .unwrap()
            .modified()
            .unwrap();
        embed_in(&out, builds(), Path::new("web.index"), &mut Vec::new()).unwrap();
        assert_eq!(
            fs::metadata(out.join("web.index"))
                .unwrap()
                .modified()
                .unwrap(),
            before
        );
        assert_eq!(fs::read(out.join("web.index")).unwrap(), bytes);
    }
}
