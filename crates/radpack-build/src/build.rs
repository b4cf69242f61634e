//! The builder: options gathered, then the phases of a build in order.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use radpack_manifest::Id;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::entries;
use crate::error::{BuildError, ErrorKind, Problem, Problems};
use crate::folder::Folder;
use crate::graph;
use crate::locate::Locator;
use crate::options::{EntryOption, Location, Options, Source};
use crate::output::{Hook, Session};
use crate::package_json::{PACKAGE_JSON, PackageJson};
use crate::pins::Pinner;
use crate::plan::{self, Input, Plan};
use crate::prebuilt;
use crate::registers::{RADPACK_JSON, Registers};
use crate::report::{LeftOutReason, OutputFile, Pin, Report, Timings, Warning};
use crate::setup::{self, Setup};
use crate::source::Reader;

/// Stands where no version is stated, and none is needed.
const UNSTATED: Version = Version::new(0, 0, 0);

/// A build of one package folder.
///
/// ```no_run
/// use radpack_build::Build;
///
/// let report = Build::new("packages/shapes").out("public").keep_minors(true).run()?;
/// for version in &report.versions {
///     println!("{} {:?}: {}", version.version, version.change, version.reason.as_str());
/// }
/// # Ok::<(), radpack_build::BuildError>(())
/// ```
///
/// This crate speaks no network protocol. Registers that `package.json` names by URL are asked for by [`wanted`](Build::wanted)
/// and handed in by [`supply`](Build::supply) before [`run`](Build::run).
#[derive(Clone, Debug)]
pub struct Build {
    folder: PathBuf,
    options: Options,
    supplied: BTreeMap<String, Vec<u8>>,
}

/// What the dependencies in `package.json` are pinned to, and what is wrong with the others.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Pins {
    /// The pins, by name.
    pub pins: Vec<Pin>,
    /// What deserves attention: pins of what no register serves.
    pub warnings: Vec<Warning>,
    /// Dependencies that have no pin, and why; empty if all is well.
    pub problems: Vec<Problem>,
}

/// What a package folder says of itself, before it is built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Description {
    /// The package.
    pub name: String,
    /// The version, where one is stated.
    pub version: Option<Version>,
    /// Whether the folder is taken as built.
    pub prebuilt: bool,
    /// The other packages that its modules import: those that pins are needed for.
    pub imports: BTreeSet<String>,
    /// The files that were read for that, absolute: those that a build of the folder reads.
    pub inputs: BTreeSet<PathBuf>,
}

impl Build {
    /// A build of the package in this folder, with nothing asked for yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Build {
            folder: folder.into(),
            options: Options::default(),
            supplied: BTreeMap::new(),
        }
    }

    /// The package folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Everything asked for so far, to be changed in place.
    pub fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }

    /// Sets all options at once.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// The version to build, in place of the one in `package.json`.
    #[must_use]
    pub fn version(mut self, version: Version) -> Self {
        self.options.version = Some(version);
        self
    }

    /// Where files and `radpack.json` go; by default `dist-radpack` in the package folder.
    #[must_use]
    pub fn out(mut self, out: impl Into<PathBuf>) -> Self {
        self.options.out = Some(out.into());
        self
    }

    /// Lays a register on top of those given before.
    #[must_use]
    pub fn register(mut self, source: Source) -> Self {
        self.options.registers.push(source);
        self
    }

    /// Adds an entry, or all entries of a pattern.
    #[must_use]
    pub fn entry(mut self, name: impl Into<String>, path: impl Into<String>) -> Self {
        self.options.entries.push(EntryOption::new(name, path));
        self
    }

    /// Declares a package, or an id without a version, as nobody's business here: its imports stay as they are.
    #[must_use]
    pub fn external(mut self, name: impl Into<String>) -> Self {
        self.options.external.push(name.into());
        self
    }

    /// Sets one of the manifest's `vars`.
    #[must_use]
    pub fn var(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.vars.insert(name.into(), value.into());
        self
    }

    /// Whether other minors of the same major are retained; by default only those of 0.x.
    #[must_use]
    pub fn keep_minors(mut self, keep: bool) -> Self {
        self.options.keep_minors = Some(keep);
        self
    }

    /// Whether other majors are retained; by default they are.
    #[must_use]
    pub fn keep_majors(mut self, keep: bool) -> Self {
        self.options.keep_majors = Some(keep);
        self
    }

    /// Whether the newest prerelease of each triple is retained until it is released; by default it is.
    #[must_use]
    pub fn keep_prereleases(mut self, keep: bool) -> Self {
        self.options.keep_prereleases = Some(keep);
        self
    }

    /// Whether this version may displace a newer one; by default that is refused.
    #[must_use]
    pub fn allow_downgrade(mut self, allow: bool) -> Self {
        self.options.allow_downgrade = Some(allow);
        self
    }

    /// Whether files that the new manifest no longer names are deleted; by default they stay.
    #[must_use]
    pub fn delete_unreferenced(mut self, delete: bool) -> Self {
        self.options.delete_unreferenced = Some(delete);
        self
    }

    /// Whether to do everything but write.
    #[must_use]
    pub fn dry_run(mut self, dry: bool) -> Self {
        self.options.dry_run = dry;
        self
    }

    /// The URLs whose contents [`run`](Build::run) and [`pins`](Build::pins) still need: registers named in `package.json`,
    /// and registers nested in these. Fetch each, hand it to [`supply`](Build::supply), and ask again until none is left.
    ///
    /// # Errors
    ///
    /// When `package.json` or a register in it cannot be read.
    pub fn wanted(&self) -> Result<Vec<String>, BuildError> {
        let mut problems = Problems::default();
        let (folder, package) = setup::open(&self.folder, &mut problems)?;
        let package = package.unwrap_or_default();
        let registers = self.read_registers(&folder, &package, &mut problems);
        problems.check()?;
        Ok(registers.wanted)
    }

    /// Hands in what a [`wanted`](Build::wanted) URL holds.
    pub fn supply(&mut self, url: impl Into<String>, contents: impl Into<Vec<u8>>) {
        self.supplied.insert(url.into(), contents.into());
    }

    /// What each dependency in `package.json` would be pinned to (what `radpack pin` shows), without reading any module. The
    /// package needs no name, version or entry for that.
    ///
    /// # Errors
    ///
    /// When `package.json` or a register cannot be read. A dependency that has no pin is no error of the whole, but listed.
    pub fn pins(&self) -> Result<Pins, BuildError> {
        let mut problems = Problems::default();
        let (folder, package) = setup::open(&self.folder, &mut problems)?;
        problems.check()?;
        let Some(package) = package else {
            return Err(setup::no_package(&folder).into());
        };
        let registers = self.sources(&folder, &package)?;
        let out = setup::out_folder(&folder, &package, &self.options)?;
        let external = setup::external(&package, &self.options);
        let existing = plan::existing(&out)?;
        let existing = existing
            .as_ref()
            .map(|(manifest, _)| (manifest, out.as_path()));
        let labelled = plan::labelled(&registers.sources, existing);
        let pinner = Pinner::new(labelled, &package.dependencies);
        let mut pins = Pins::default();
        for name in package
            .dependencies
            .keys()
            .filter(|name| !external.contains(*name))
        {
            match pinner.pin_dependency(name) {
                Ok(pinned) => {
                    pins.pins.push(pinned.pin);
                    pins.warnings
                        .extend(pinned.warning.map(Warning::of_package));
                }
                Err(message) => pins.problems.push(
                    Problem::new(ErrorKind::Unserved, format!("{name:?} {message}"))
                        .in_file(PACKAGE_JSON),
                ),
            }
        }
        Ok(pins)
    }

    /// What the folder says of itself: its modules are read, and nothing is pinned or written.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with `package.json` and the modules, as far as it can be found at once.
    pub fn describe(&self) -> Result<Description, BuildError> {
        let mut problems = Problems::default();
        let (_, package) = setup::open(&self.folder, &mut problems)?;
        problems.check()?;
        let package = package.unwrap_or_default();
        let stated = package
            .settings
            .version
            .as_ref()
            .or(package.version.as_ref());
        let mut options = self.options.clone();
        let is_stated = options.version.is_some() || stated.is_some();
        if !is_stated {
            options.version = Some(UNSTATED);
        }
        let setup = Setup::new(&self.folder, &options)?;
        let input = read(&setup)?;
        let mut imports = BTreeSet::new();
        // What is wrong with registers is for those to say who pin by them.
        let problems = &mut Problems::default();
        let registers = self.read_registers(&setup.folder, &setup.package, problems);
        let mut inputs = registers.inputs;
        inputs.insert(setup.folder.root().join(PACKAGE_JSON));
        match &input {
            Input::Graph(graph) => inputs.extend(graph.inputs.iter().cloned()),
            Input::Prebuilt(prebuilt) => inputs.extend(prebuilt.inputs.iter().cloned()),
        }
        if let Input::Graph(graph) = &input {
            let named = graph
                .outside
                .iter()
                .filter_map(|outside| Id::parse(&outside.specifier).ok());
            for id in named {
                imports.insert(id.name.to_owned());
                // A name that stands for another package is pinned as that.
                let alias = setup
                    .package
                    .dependencies
                    .get(id.name)
                    .and_then(|spec| spec.strip_prefix("npm:"));
                imports.extend(
                    alias
                        .and_then(|alias| Id::parse(alias).ok())
                        .map(|id| id.name.to_owned()),
                );
            }
        }
        Ok(Description {
            name: setup.name,
            version: is_stated.then_some(setup.version),
            prebuilt: matches!(input, Input::Prebuilt(_)),
            imports,
            inputs,
        })
    }

    /// Builds: reads the package, writes its files and the new `radpack.json`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, as far as it can be found at once. Nothing was written then, and what was in the output
    /// folder is whole.
    pub fn run(&self) -> Result<Report, BuildError> {
        self.run_with(&|_, _| Ok(())).map(|(report, _)| report)
    }

    /// As [`run`](Build::run), with something called before each step that changes the disk. Gives the registers, too.
    pub(crate) fn run_with(&self, hook: &Hook<'_>) -> Result<(Report, Vec<Source>), BuildError> {
        let began = Instant::now();
        let setup = Setup::new(&self.folder, &self.options)?;
        let registers = self.sources(&setup.folder, &setup.package)?;
        let input = read(&setup)?;
        let mut timings = Timings {
            reading: began.elapsed(),
            ..Timings::default()
        };
        if let Input::Graph(graph) = &input {
            timings.parsing = graph.parsing;
        }
        let mut planned = plan::plan(&setup, &registers.sources, &input)?;
        let mut files = Vec::new();
        timings.hashing = began.elapsed() - timings.reading;
        if setup.dry_run {
            files = planned.output_files(&setup.out);
        } else {
            let session = Session::begin(&setup.out, hook)?;
            if !session.is_current(planned.existing.as_deref())? {
                // Another builder came first: what it wrote is now part of what this one starts from.
                planned = plan::plan(&setup, &registers.sources, &input)?;
            }
            files.extend(planned.output_files(&setup.out));
            session.write(&planned.contents())?;
        }
        timings.writing = began.elapsed() - timings.reading - timings.hashing;
        timings.total = began.elapsed();
        let Registers {
            sources, inputs, ..
        } = registers;
        Ok((
            report(setup, inputs, input, planned, files, timings),
            sources,
        ))
    }

    fn read_registers(
        &self,
        folder: &Folder,
        package: &PackageJson,
        problems: &mut Problems,
    ) -> Registers {
        Registers::read(
            package.settings.register.as_ref(),
            folder.root(),
            self.options.confined,
            &self.supplied,
            problems,
        )
    }

    /// All registers of the build, those of `package.json` at the bottom.
    fn sources(&self, folder: &Folder, package: &PackageJson) -> Result<Registers, BuildError> {
        let mut problems = Problems::default();
        let mut registers = self.read_registers(folder, package, &mut problems);
        for url in &registers.wanted {
            problems.push(
                Problem::new(
                    ErrorKind::Register,
                    format!("the register {url} has not been supplied"),
                )
                .in_file(PACKAGE_JSON),
            );
        }
        problems.check()?;
        for source in &self.options.registers {
            if let Location::Folder(folder) = &source.location
                && let Ok(path) = std::path::absolute(folder.join(RADPACK_JSON))
            {
                registers.inputs.insert(path);
            }
            registers.sources.push(source.clone());
        }
        Ok(registers)
    }
}

/// Takes the folder as built, or reads its modules.
fn read(setup: &Setup) -> Result<Input, BuildError> {
    let mut problems = Problems::default();
    // A folder that is built into itself is not taken as built: its sources would never be looked at again.
    if setup.out != setup.folder.root() {
        let prebuilt = prebuilt::find(&setup.folder, &setup.name, &setup.version, &mut problems);
        problems.check()?;
        if let Some(prebuilt) = prebuilt {
            check_target(setup, &prebuilt.inputs)?;
            return Ok(Input::Prebuilt(prebuilt));
        }
    }
    let locator = Locator::new(&setup.folder, &setup.package, &setup.name, &setup.external);
    let reader = Reader::new(&setup.folder, setup.package.is_module);
    let candidates = entries::find(
        &setup.folder,
        &setup.package,
        &setup.entries,
        &locator,
        &setup.skipped(),
        &mut problems,
    );
    let graph = graph::read(&setup.folder, &reader, &locator, candidates, &mut problems);
    problems.check()?;
    check_target(setup, &graph.inputs)?;
    let left_out = graph
        .left_out
        .iter()
        .filter(|left_out| left_out.reason != LeftOutReason::Missing);
    let left_out = left_out
        .filter_map(|left_out| Some(setup.folder.absolute(left_out.path.as_deref()?)))
        .collect();
    check_target(setup, &left_out)?;
    Ok(Input::Graph(graph))
}

/// Refuses to write, and perhaps to delete, where the package's own files lie.
fn check_target(setup: &Setup, files: &BTreeSet<PathBuf>) -> Result<(), Problem> {
    match files.iter().find(|file| file.starts_with(&setup.target)) {
        None => Ok(()),
        Some(file) => {
            let held = file.strip_prefix(setup.folder.root()).unwrap_or(file);
            Err(setup::would_overwrite(
                &setup.target,
                &held.display().to_string(),
            ))
        }
    }
}

fn report(
    setup: Setup,
    mut inputs: BTreeSet<PathBuf>,
    input: Input,
    planned: Plan,
    files: Vec<OutputFile>,
    timings: Timings,
) -> Report {
    inputs.insert(setup.folder.root().join(PACKAGE_JSON));
    inputs.extend(setup.folder.searched());
    let mut warnings = setup.warnings;
    warnings.extend(planned.warnings);
    let mut left_out = Vec::new();
    let prebuilt = matches!(input, Input::Prebuilt(_));
    match input {
        Input::Graph(graph) => {
            inputs.extend(graph.inputs);
            warnings.extend(graph.warnings);
            left_out = graph.left_out;
        }
        Input::Prebuilt(prebuilt) => inputs.extend(prebuilt.inputs),
    }
    warnings.sort();
    warnings.dedup();
    Report {
        name: setup.name,
        version: setup.version,
        out: setup.out,
        dry_run: setup.dry_run,
        prebuilt,
        entries: planned.entries,
        left_out,
        versions: planned.changes,
        moved_tags: planned.moved_tags,
        pins: planned.pins,
        warnings,
        files,
        timings,
        manifest: planned.manifest,
        inputs,
    }
}
