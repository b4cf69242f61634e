//! Folders that are built already: their own `radpack.json` holds the version that is asked for, and every file of it is there.
//!
//! This is what a build here leaves, and what Radpack 1.x's plugins write beside a package's sources. Files are taken as they
//! are, under the names they have; of what they import only what the manifest says is known.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::fs;
use std::io;
use std::path::PathBuf;

use radpack_manifest::{Location as Place, Manifest, Register, url_of};
use semver::Version;

use crate::error::{ErrorKind, Problem, Problems};
use crate::folder::{Folder, extension, join, parent};
use crate::maps::map_of;
use crate::merge::{VersionEntries, entries_at, local_file};
use crate::module::{self, Exports, Syntax};
use crate::names::{Taken, hash, integrity};
use crate::registers::RADPACK_JSON;
use crate::report::Warning;

/// A version that is built already.
#[derive(Clone, Debug)]
pub(crate) struct Prebuilt {
    pub(crate) version: VersionEntries,
    /// Contents by name, relative to the package's folder in the output.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// What each file exports, by name; only ES modules are known.
    exports: BTreeMap<String, Exports>,
    /// The files that were read.
    pub(crate) inputs: BTreeSet<PathBuf>,
}

/// Takes the folder as built, if it is.
pub(crate) fn find(
    folder: &Folder,
    name: &str,
    version: &Version,
    problems: &mut Problems,
) -> Option<Prebuilt> {
    let path = folder.root().join(RADPACK_JSON);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            problems.push(Problem::io("read", &path, error));
            return None;
        }
    };
    let register = match Register::from_slice(&bytes) {
        Ok(register) => register,
        Err(errors) => {
            let message = "is no valid manifest: mend or delete it, or build from another folder";
            problems.push(
                Problem::new(ErrorKind::Register, message)
                    .in_file(RADPACK_JSON)
                    .caused_by(errors),
            );
            return None;
        }
    };
    let mut manifests = Vec::new();
    let mut rest = vec![register];
    while let Some(register) = rest.pop() {
        match register {
            Register::List(list) => rest.extend(list),
            Register::Manifest(manifest) => manifests.push(manifest),
            _ => {}
        }
    }
    // The last of a list lies on top, and comes first here.
    let mut prebuilt = manifests
        .iter()
        .find_map(|manifest| take(folder, manifest, name, version))?;
    prebuilt.inputs.insert(path);
    prebuilt.check_integrity(problems);
    Some(prebuilt)
}

fn take(folder: &Folder, manifest: &Manifest, name: &str, version: &Version) -> Option<Prebuilt> {
    let package = manifest.exports.get(name)?;
    let index = package.versions.iter().position(|other| other == version)?;
    let mut taken = Prebuilt {
        version: entries_at(package, index),
        files: BTreeMap::new(),
        exports: BTreeMap::new(),
        inputs: BTreeSet::new(),
    };
    if taken.version.entries.is_empty() {
        return None;
    }
    let mut version = std::mem::take(&mut taken.version);
    for (entry, at) in &mut version.entries {
        let place = Place {
            name,
            entry,
            file: at.file.as_deref(),
            url: at.url.as_deref(),
        };
        if at.url.is_some() {
            // A URL of its own stays what it is; what of it the manifest's vars say is filled in.
            at.url = url_of(&place, &manifest.vars, |_| None).map(|url| url.into_owned());
            continue;
        }
        let Some(file) = at.file.clone() else {
            continue;
        };
        let path = folder
            .file(&local_file(&place, &manifest.vars)?)
            .ok()
            .flatten()?;
        if taken.files.contains_key(&file) {
            continue;
        }
        let contents = taken.read(folder, &path)?;
        if let Some(map) = map_of(&path, &contents)
            && let Ok(Some(map_path)) = folder.file(&map)
            && let Some(map_contents) = taken.read(folder, &map_path)
            && let Some(map) = map_of(&file, &contents)
        {
            taken.files.insert(map, map_contents);
        }
        if let Ok(text) = str::from_utf8(&contents)
            && extension(&file) == "js"
            && let Ok(Syntax::Module(module)) = module::detect(text, &file)
        {
            taken.exports.insert(file.clone(), module.exports);
        }
        taken.files.insert(file, contents);
    }
    taken.version = version;
    Some(taken)
}

impl Prebuilt {
    fn read(&mut self, folder: &Folder, path: &str) -> Option<Vec<u8>> {
        let absolute = folder.absolute(path);
        let contents = fs::read(&absolute).ok()?;
        self.inputs.insert(absolute);
        Some(contents)
    }

    /// States the integrity of every file, and checks what is stated already.
    fn check_integrity(&mut self, problems: &mut Problems) {
        for at in self.version.entries.values_mut() {
            let Some((file, contents)) = at
                .file
                .as_ref()
                .and_then(|file| self.files.get_key_value(file))
            else {
                continue;
            };
            let found = integrity(contents);
            match &at.integrity {
                Some(stated) if stated.starts_with("sha384-") && *stated != found => {
                    let message = format!(
                        "{file} is not the file that {RADPACK_JSON} means: its integrity is {found}, not {stated}"
                    );
                    problems.push(Problem::new(ErrorKind::Package, message));
                }
                Some(_) => {}
                None => at.integrity = Some(found),
            }
        }
    }

    /// Renames files whose names stand for other contents in the output folder, as names without a hash come to do.
    pub(crate) fn settle_names(
        &mut self,
        taken: &Taken<'_>,
        problems: &mut Problems,
    ) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let clashing: Vec<String> = self
            .files
            .iter()
            .filter(|(name, contents)| taken(name, contents))
            .map(|(name, _)| name.clone())
            .collect();
        for name in clashing {
            let file_name = name.rsplit('/').next().unwrap_or(&name).as_bytes();
            let is_named = self.files.values().any(|contents| {
                contents
                    .windows(file_name.len())
                    .any(|part| part == file_name)
            });
            let is_entry = self
                .version
                .entries
                .values()
                .any(|at| at.file.as_ref() == Some(&name));
            let Some(contents) = self.files.remove(&name) else {
                continue;
            };
            if !is_entry {
                warnings.push(Warning {
                    file: None,
                    line: None,
                    column: None,
                    message: format!(
                        "{name} stands for other contents in the output folder and is left out"
                    ),
                });
                continue;
            }
            let extension = extension(&name).len();
            let (stem, ending) = name.split_at(name.len() - extension - usize::from(extension > 0));
            let hash = hash(&contents);
            let unused = [16, 24, 32, 64]
                .iter()
                .map(|&digits| format!("{stem}-{}{ending}", &hash[..digits]))
                .find(|name| !taken(name, &contents));
            match unused.filter(|_| !is_named) {
                Some(unused) => {
                    for at in self.version.entries.values_mut().filter(|at| at.file.as_ref() == Some(&name)) {
                        at.file = Some(unused.clone());
                    }
                    if let Some(exports) = self.exports.remove(&name) {
                        self.exports.insert(unused.clone(), exports);
                    }
                    self.files.insert(unused, contents);
                }
                None => problems.push(Problem::new(
                    ErrorKind::Package,
                    format!(
                        "{name} stands for other contents in the output folder, and other files call it by that name: build this \
                         version into another folder, or name its files by their contents"
                    ),
                )),
            }
        }
        warnings
    }

    /// Whether a file is an ES module, so that what it exports is known.
    pub(crate) fn is_module(&self, file: &str) -> bool {
        self.exports.contains_key(file)
    }

    /// The names that a file exports, those of `export *` from files beside it included, and where others come from.
    pub(crate) fn exports(&self, file: &str) -> (BTreeSet<String>, BTreeSet<String>) {
        let mut names = BTreeSet::new();
        let mut outside = BTreeSet::new();
        let mut seen = HashSet::from([file.to_owned()]);
        let mut queue = VecDeque::from([file.to_owned()]);
        while let Some(current) = queue.pop_front() {
            let Some(exports) = self.exports.get(&current) else {
                continue;
            };
            names.extend(
                exports
                    .names
                    .iter()
                    .filter(|name| current == file || *name != "default")
                    .cloned(),
            );
            for star in &exports.stars {
                match Some(star)
                    .filter(|star| star.starts_with('.'))
                    .and_then(|star| join(parent(&current), star))
                {
                    Some(next) => {
                        if seen.insert(next.clone()) {
                            queue.push_back(next);
                        }
                    }
                    None => {
                        outside.insert(star.clone());
                    }
                }
            }
        }
        (names, outside)
    }
}
