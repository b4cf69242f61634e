//! The builder: options gathered, then the phases of a build in order.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use semver::Version;

use crate::error::{BuildError, ErrorKind, Problem};
use crate::options::{EntryOption, Options, Source};
use crate::report::{Pin, Report};

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
    /// Dependencies that have no pin, and why; empty if all is well.
    pub problems: Vec<Problem>,
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
        Ok(Vec::new())
    }

    /// Hands in what a [`wanted`](Build::wanted) URL holds.
    pub fn supply(&mut self, url: impl Into<String>, contents: impl Into<Vec<u8>>) {
        self.supplied.insert(url.into(), contents.into());
    }

    /// What each dependency in `package.json` would be pinned to (what `radpack pin` shows), without reading any module.
    ///
    /// # Errors
    ///
    /// When `package.json` or a register cannot be read. A dependency that has no pin is no error of the whole, but listed.
    pub fn pins(&self) -> Result<Pins, BuildError> {
        Ok(Pins::default())
    }

    /// Builds: reads the package, writes its files and the new `radpack.json`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, as far as it can be found at once. Nothing was written then, and what was in the output
    /// folder is whole.
    pub fn run(&self) -> Result<Report, BuildError> {
        Err(Problem::new(ErrorKind::Package, "not built yet").into())
    }
}
