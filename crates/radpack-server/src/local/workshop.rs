//! Builds packages into a folder of its own, again when they change, and keeps the last good build of each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use radpack_build::{Build, BuildError, Location, Source};
use radpack_manifest::{Manifest, Package};
use radpack_resolve::Index;
use semver::Version;
use tempfile::TempDir;

use super::packages::{self, AsBuilt, PackageJson};
use super::{Fetch, LocalSettings};

/// A manifest that is served, and where its files are.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    /// What its URLs begin with, below the route: the package's name, and where in it the manifest was found.
    pub(super) place: String,
    /// The folder that they lead to.
    pub(super) folder: PathBuf,
    /// Without a `baseUrl`: that depends on who asks.
    pub(super) manifest: Manifest,
}

/// A package as it is now.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Local {
    /// Its name; before it was read for the first time, its folder.
    pub(super) name: String,
    pub(super) folder: PathBuf,
    /// What is served of it: its last good build. Nothing as long as there was none.
    pub(super) parts: Vec<Arc<Part>>,
    /// The version that is served.
    pub(super) version: Option<Version>,
    /// What keeps its sources, as they are now, from being served.
    pub(super) problem: Option<String>,
    pub(super) warnings: Vec<String>,
    /// The packages that it imports.
    imports: BTreeSet<String>,
    /// Where it is built.
    number: usize,
}

/// Everything that is looked after.
pub(super) struct Workshop {
    root: PathBuf,
    dist: PathBuf,
    live: Arc<Index>,
    fetch: Option<Arc<Fetch>>,
    fetched: BTreeMap<String, Vec<u8>>,
    packages: BTreeMap<PathBuf, Local>,
    /// What is built goes here; gone when this is dropped.
    out: TempDir,
    next: usize,
}

impl Workshop {
    pub(super) fn new(
        settings: &LocalSettings,
        root: PathBuf,
        out: TempDir,
        live: Arc<Index>,
    ) -> Workshop {
        Workshop {
            root,
            dist: settings.dist.clone(),
            live,
            fetch: settings.fetch.clone(),
            fetched: BTreeMap::new(),
            packages: BTreeMap::new(),
            out,
            next: 0,
        }
    }

    /// The folders of the packages, and those to watch.
    pub(super) fn folders(&self) -> (BTreeSet<PathBuf>, BTreeSet<PathBuf>) {
        let (found, mut watched) = packages::find(&self.root, &self.dist);
        for folder in &found {
            packages::walk(folder, usize::MAX, &mut |below| {
                watched.insert(below.to_path_buf());
            });
        }
        (found, watched)
    }

    /// Looks for packages, and builds those in which something changed. Gives all packages, and the folders to watch.
    pub(super) fn round(&mut self, changed: &BTreeSet<PathBuf>) -> (Vec<Local>, BTreeSet<PathBuf>) {
        let (found, watched) = self.folders();
        let count = self.packages.len();
        self.packages.retain(|folder, _| found.contains(folder));
        let mut due = BTreeSet::new();
        if self.packages.len() < count {
            // What is gone may have been what was wrong.
            let wrong = self.packages.values();
            let wrong = wrong.filter(|local| local.problem.is_some());
            due.extend(wrong.map(|local| local.folder.clone()));
        }
        for folder in found {
            let is_new = !self.packages.contains_key(&folder);
            if is_new {
                self.next += 1;
                let local = Local {
                    name: folder.display().to_string(),
                    folder: folder.clone(),
                    number: self.next,
                    ..Local::default()
                };
                self.packages.insert(folder.clone(), local);
            }
            if is_new || changed.iter().any(|path| path.starts_with(&folder)) {
                due.insert(folder);
            }
        }
        self.build_all(due);
        let mut packages: Vec<_> = self.packages.values().cloned().collect();
        packages.sort_by(|one, other| one.name.cmp(&other.name));
        (packages, watched)
    }

    /// Builds packages, those first that others of them import; then those that import what is another version now.
    fn build_all(&mut self, mut due: BTreeSet<PathBuf>) {
        let mut done = BTreeSet::new();
        for folder in &due {
            self.look_into(folder);
        }
        while let Some(folder) = self.next_of(&due) {
            due.remove(&folder);
            let before = self.offered(&folder);
            self.build_one(&folder);
            done.insert(folder.clone());
            if self.offered(&folder) != before {
                let name = self.packages.get(&folder).map(|local| local.name.clone());
                let name = name.unwrap_or_default();
                for (other, local) in &self.packages {
                    if local.imports.contains(&name) && !done.contains(other) {
                        due.insert(other.clone());
                    }
                }
            }
        }
    }

    /// One that imports none of the others that are due; where they lead in circles, any.
    fn next_of(&self, due: &BTreeSet<PathBuf>) -> Option<PathBuf> {
        let names: BTreeSet<&str> = due
            .iter()
            .filter_map(|folder| Some(self.packages.get(folder)?.name.as_str()))
            .collect();
        let is_free = |folder: &&PathBuf| {
            self.packages.get(*folder).is_some_and(|local| {
                let mut imports = local.imports.iter();
                !imports.any(|name| *name != local.name && names.contains(name.as_str()))
            })
        };
        due.iter().find(is_free).or_else(|| due.first()).cloned()
    }

    /// Which versions and entries of a package others can import.
    fn offered(&self, folder: &Path) -> Vec<(Vec<Version>, Vec<String>)> {
        let parts = self.packages.get(folder).into_iter();
        let parts = parts.flat_map(|local| &local.parts);
        parts
            .flat_map(|part| part.manifest.exports.values())
            .map(|package| {
                let entries = package.entries.iter().map(|entry| entry.name.clone());
                (package.versions.clone(), entries.collect())
            })
            .collect()
    }

    /// Reads what a package is called and imports, so that those can be built before it.
    fn look_into(&mut self, folder: &Path) {
        let Some(local) = self.packages.get_mut(folder) else {
            return;
        };
        if let Ok(PackageJson {
            name: Some(name), ..
        }) = PackageJson::read(folder)
        {
            local.name = name;
        }
        if let Ok(description) = Build::new(folder).describe() {
            local.imports = description.imports;
        }
    }

    fn build_one(&mut self, folder: &Path) {
        let Some(mut local) = self.packages.get(folder).cloned() else {
            return;
        };
        local.warnings.clear();
        local.problem = self.make(&mut local).err();
        self.packages.insert(folder.to_path_buf(), local);
    }

    /// Makes a package anew. What it was stays if that cannot be done.
    fn make(&mut self, local: &mut Local) -> Result<(), String> {
        let package = PackageJson::read(&local.folder)?;
        local.name = package.name.ok_or("package.json states no name")?;
        radpack_build::check_package_name(&local.name)
            .map_err(|error| format!("the package name {error}"))?;
        let is_taken = self
            .packages
            .values()
            .find(|other| other.name == local.name && other.folder < local.folder);
        if let Some(other) = is_taken {
            local.parts.clear();
            return Err(format!("{} is the same package", other.folder.display()));
        }
        let as_built = packages::as_built(&local.folder, &self.dist)?;
        if !as_built.is_empty() {
            self.take(local, as_built);
            return Ok(());
        }
        let mut build = Build::new(&local.folder);
        let description = build.describe().map_err(|error| told(&error))?;
        local.imports = description.imports;
        self.supply(&mut build)?;
        let version = match package.version.or(description.version) {
            Some(version) => version,
            None => self.live_version(&local.name),
        };
        let out = self.out.path().join(local.number.to_string());
        let registers = self.registers(local);
        let options = build.options_mut();
        options.version = Some(version.clone());
        options.out = Some(out.clone());
        options.registers = registers;
        options.allow_downgrade = Some(true);
        options.keep_majors = Some(false);
        options.keep_minors = Some(false);
        options.keep_prereleases = Some(false);
        let report = build.run().map_err(|error| told(&error))?;
        local.warnings = report.warnings.iter().map(ToString::to_string).collect();
        let mut manifest = report.manifest;
        manifest.vars.remove("baseUrl");
        manifest.exports.retain(|name, _| *name == local.name);
        if let Some(package) = manifest.exports.get_mut(&local.name) {
            package.retain_versions(|one| *one == version);
        }
        local.version = Some(version);
        local.parts = vec![Arc::new(Part {
            place: local.name.clone(),
            folder: out,
            manifest,
        })];
        Ok(())
    }

    /// Takes over what another tool built.
    fn take(&self, local: &mut Local, as_built: Vec<AsBuilt>) {
        local.parts.clear();
        local.version = None;
        for AsBuilt {
            folder,
            mut manifest,
        } in as_built
        {
            manifest.vars.remove("baseUrl");
            let newest = manifest
                .exports
                .get(&local.name)
                .and_then(|package| package.versions.first());
            if local.version.as_ref() < newest {
                local.version = newest.cloned();
            }
            let below = folder.strip_prefix(&local.folder).unwrap_or(Path::new(""));
            let mut place = local.name.clone();
            for part in below.components() {
                place.push('/');
                place.push_str(&part.as_os_str().to_string_lossy());
            }
            local.parts.push(Arc::new(Part {
                place,
                folder,
                manifest,
            }));
        }
    }

    /// The newest live version of a package that does not say which it is: so it takes the place of just that one.
    fn live_version(&self, name: &str) -> Version {
        let found = self.live.resolve(name).ok();
        found.map_or(Version::new(0, 0, 0), |found| found.version().to_semver())
    }

    /// What a package may import: of the live registers, then of the other packages here.
    fn registers(&self, local: &Local) -> Vec<Source> {
        let imported = |name: &String| *name != local.name && local.imports.contains(name);
        let wanted: Vec<&String> = local.imports.iter().filter(|name| imported(name)).collect();
        let mut sources: Vec<Manifest> = Vec::new();
        if let Ok(live) = self.live.manifests_of(&wanted) {
            sources.extend(live);
        }
        for other in self.packages.values() {
            for part in &other.parts {
                let exports = part.manifest.exports.iter();
                let exports: BTreeMap<String, Package> = exports
                    .filter(|(name, _)| imported(name))
                    .map(|(name, package)| (name.clone(), package.clone()))
                    .collect();
                if !exports.is_empty() {
                    sources.push(Manifest {
                        exports,
                        ..Manifest::default()
                    });
                }
            }
        }
        let located = sources
            .into_iter()
            .map(|manifest| Source::new(manifest, Location::Data));
        located.collect()
    }

    /// Hands a build the registers that its `package.json` names by URL. What was fetched once is not fetched again.
    fn supply(&mut self, build: &mut Build) -> Result<(), String> {
        loop {
            let wanted = build.wanted().map_err(|error| told(&error))?;
            if wanted.is_empty() {
                return Ok(());
            }
            for url in wanted {
                let bytes = match (self.fetched.get(&url), &self.fetch) {
                    (Some(bytes), _) => bytes.clone(),
                    (None, Some(fetch)) => fetch(&url)?,
                    (None, None) => return Err(format!("cannot fetch the register {url}")),
                };
                self.fetched.insert(url.clone(), bytes.clone());
                build.supply(url, bytes);
            }
        }
    }
}

/// Everything that is wrong, a line each.
fn told(error: &BuildError) -> String {
    let mut lines = Vec::new();
    for problem in error.problems() {
        lines.push(problem.to_string());
        let mut cause = std::error::Error::source(problem);
        while let Some(error) = cause {
            lines.push(format!("  caused by: {error}"));
            cause = error.source();
        }
    }
    lines.join("\n")
}
