//! Real packages: which ones, in which order they can be built, and `npm ci` into a cache folder.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fetch::{FetchError, failed, key_of, last_lines, once};
use crate::place::{cache_folder, workspace_folder};

/// The files of `fixtures/npm` that `npm ci` works from.
const INPUTS: [&str; 3] = [".npmrc", "package-lock.json", "package.json"];

/// One package that is installed, at the one version that the lock file names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NpmPackage {
    /// The name that its own `package.json` states.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Its folder below `node_modules`: the name, an alias where several versions are installed, or a nested one.
    pub folder: &'static str,
}

const fn package(name: &'static str, version: &'static str, folder: &'static str) -> NpmPackage {
    NpmPackage {
        name,
        version,
        folder,
    }
}

/// Every installed package, each after those that it depends on: built in this order into one register, each finds them. The
/// exception is preact, which may import preact-render-to-string, which needs preact.
pub const BUILD_ORDER: &[NpmPackage] = &[
    package("internmap", "1.0.1", "d3-array-2/node_modules/internmap"),
    package("internmap", "2.0.3", "internmap"),
    package("d3-array", "1.2.4", "d3-array-1"),
    package("d3-array", "2.12.1", "d3-array-2"),
    package("d3-array", "3.2.4", "d3-array-3.2.4"),
    package("d3-array", "3.2.5", "d3-array"),
    package("d3-color", "3.1.1", "d3-color"),
    package("d3-dispatch", "3.0.2", "d3-dispatch"),
    package("d3-ease", "3.0.2", "d3-ease"),
    package("d3-format", "3.1.3", "d3-format"),
    package("d3-path", "3.1.1", "d3-path"),
    package("d3-selection", "3.0.1", "d3-selection"),
    package("d3-timer", "3.0.2", "d3-timer"),
    package("d3-interpolate", "3.0.2", "d3-interpolate"),
    package("d3-time", "3.1.1", "d3-time"),
    package("d3-time-format", "4.1.1", "d3-time-format"),
    package("d3-drag", "3.0.1", "d3-drag"),
    package("d3-transition", "3.0.2", "d3-transition"),
    package("d3-scale", "4.0.3", "d3-scale"),
    package("d3-shape", "3.2.1", "d3-shape"),
    package("d3-zoom", "3.0.1", "d3-zoom"),
    package("lodash-es", "4.18.1", "lodash-es"),
    package("preact", "11.2.0", "preact"),
    package(
        "preact-render-to-string",
        "6.8.2",
        "preact-render-to-string",
    ),
];

/// The packages, on disk. They stay there from run to run: read them, do not change them.
#[derive(Clone, Debug)]
pub struct NpmPackages {
    root: PathBuf,
}

impl NpmPackages {
    /// The folder that holds `node_modules`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of one package.
    pub fn folder(&self, package: &NpmPackage) -> PathBuf {
        self.root.join("node_modules").join(package.folder)
    }

    /// The folder of the package that is installed as this name, alias or nested folder, such as `d3-array-1`.
    pub fn named(&self, folder: &str) -> PathBuf {
        self.root.join("node_modules").join(folder)
    }
}

/// The packages of `fixtures/npm`, fetched with `npm ci` unless an earlier run has done so.
///
/// Any number of tests and processes may ask at once: one fetches, the others wait for it.
///
/// # Errors
/// Where `npm` is missing or fails, or the disk does: the message says what to do.
pub fn npm_packages() -> Result<NpmPackages, FetchError> {
    npm_packages_in(&workspace_folder().join("fixtures/npm"), &cache_folder())
}

/// As [`npm_packages`], from another fixture folder and into another cache folder.
///
/// # Errors
/// As [`npm_packages`].
pub fn npm_packages_in(fixture: &Path, cache: &Path) -> Result<NpmPackages, FetchError> {
    let key = key_of(fixture, &INPUTS, "")?;
    let root = once(cache, &format!("npm-{key}"), |fresh| {
        for name in INPUTS {
            let from = fixture.join(name);
            fs::copy(&from, fresh.join(name)).map_err(failed("copy", &from))?;
        }
        install(fixture, fresh)
    })?;
    Ok(NpmPackages { root })
}

fn install(fixture: &Path, folder: &Path) -> Result<(), FetchError> {
    let mut command = Command::new(npm_program());
    command
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(folder);
    let output = command.output().map_err(FetchError::NoNpm)?;
    if output.status.success() {
        return Ok(());
    }
    Err(FetchError::Npm {
        fixture: fixture.to_path_buf(),
        status: output.status,
        output: last_lines(&output.stderr),
    })
}

fn npm_program() -> OsString {
    OsString::from(if cfg!(windows) { "npm.cmd" } else { "npm" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn json(path: &Path) -> Value {
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn the_list_is_what_the_lock_file_holds() {
        let lock = json(&workspace_folder().join("fixtures/npm/package-lock.json"));
        let mut locked: Vec<(String, String)> = lock["packages"]
            .as_object()
            .unwrap()
            .iter()
            .filter_map(|(place, package)| {
                let folder = place.strip_prefix("node_modules/")?;
                Some((folder.to_owned(), package["version"].as_str()?.to_owned()))
            })
            .collect();
        locked.sort();
        let mut listed: Vec<(String, String)> = BUILD_ORDER
            .iter()
            .map(|package| (package.folder.to_owned(), package.version.to_owned()))
            .collect();
        listed.sort();
        assert!(locked.len() >= 24);
        assert_eq!(listed, locked);
    }

    #[test]
    fn the_lock_file_names_no_address_to_fetch_from() {
        let lock = json(&workspace_folder().join("fixtures/npm/package-lock.json"));
        for (place, package) in lock["packages"].as_object().unwrap() {
            assert_eq!(package.get("resolved"), None, "{place}");
            assert!(
                place.is_empty() || package["integrity"].is_string(),
                "{place}"
            );
        }
    }

    #[test]
    fn every_package_is_there_and_comes_after_its_dependencies() {
        let packages = npm_packages().unwrap_or_else(|error| panic!("{error}"));
        for (position, package) in BUILD_ORDER.iter().enumerate() {
            let own = json(&packages.folder(package).join("package.json"));
            assert_eq!(own["name"], package.name);
            assert_eq!(own["version"], package.version);
            for kind in ["dependencies", "peerDependencies"] {
                let needed = own[kind].as_object();
                for name in needed.iter().flat_map(|object| object.keys()) {
                    let first = BUILD_ORDER.iter().position(|other| other.name == name);
                    let optional = own["peerDependenciesMeta"][name]["optional"] == true;
                    assert!(
                        optional || first.is_some_and(|first| first < position),
                        "{} needs {name}",
                        package.name
                    );
                }
            }
        }
    }

    #[test]
    fn a_lock_file_that_npm_refuses_is_told() {
        let fixture = tempfile::tempdir().unwrap();
        let cache = tempfile::tempdir().unwrap();
        fs::write(fixture.path().join(".npmrc"), "").unwrap();
        fs::write(fixture.path().join("package.json"), "{}").unwrap();
        fs::write(fixture.path().join("package-lock.json"), "not JSON").unwrap();
        let error = npm_packages_in(fixture.path(), cache.path()).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with(&format!(
                "`npm ci` failed in a copy of {}",
                fixture.path().display()
            )),
            "{text}"
        );
        let left: Vec<_> = fs::read_dir(cache.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with("npm-") && !name.contains('.'))
            .collect();
        assert_eq!(left, Vec::<String>::new());
    }

    #[test]
    fn a_missing_fixture_is_told() {
        let empty = tempfile::tempdir().unwrap();
        let error = npm_packages_in(empty.path(), empty.path()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot read {}", empty.path().join(".npmrc").display())
        );
    }
}
