//! What the tests of builds share: packages written for one test, and looking at what a build left.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use radpack_build::{Build, BuildError, Report};
use radpack_manifest::{Location, Manifest, url_of};
use tempfile::TempDir;

/// A folder for one test, with an output folder in it.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Place {
        Place {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.path().join("out")
    }

    /// Writes files below a folder of the place, and gives that folder.
    pub(crate) fn write<P: AsRef<str>, C: AsRef<[u8]>>(
        &self,
        folder: &str,
        files: &[(P, C)],
    ) -> PathBuf {
        let folder = self.path().join(folder);
        for (path, contents) in files {
            let path = folder.join(path.as_ref());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, contents).unwrap();
        }
        folder
    }

    /// A package with one module, of this name and version.
    pub(crate) fn package(&self, name: &str, version: &str) -> Build {
        let package =
            format!(r#"{{"name":"{name}","version":"{version}","exports":"./index.js"}}"#);
        let module = format!("export const version = {version:?};\n");
        let folder = self.write(
            &format!("packages/{name}"),
            &[
                ("package.json", package.as_str()),
                ("index.js", module.as_str()),
            ],
        );
        Build::new(folder).out(self.out())
    }

    /// A package with these files, to be built into the place's output folder.
    pub(crate) fn package_of<P: AsRef<str>, C: AsRef<[u8]>>(&self, files: &[(P, C)]) -> Build {
        Build::new(self.write("package", files)).out(self.out())
    }

    pub(crate) fn manifest(&self) -> Manifest {
        manifest_in(&self.out())
    }
}

pub(crate) fn manifest_in(out: &Path) -> Manifest {
    Manifest::from_slice(&fs::read(out.join("radpack.json")).unwrap()).unwrap()
}

/// The versions that a manifest has of a package, newest first.
pub(crate) fn versions(manifest: &Manifest, name: &str) -> String {
    let versions: Vec<String> = manifest.exports[name]
        .versions
        .iter()
        .map(ToString::to_string)
        .collect();
    versions.join(" ")
}

/// The URLs of a package's entries, by `entry@version`, with `baseUrl` left open.
pub(crate) fn urls(manifest: &Manifest, name: &str) -> BTreeMap<String, String> {
    let package = &manifest.exports[name];
    let mut urls = BTreeMap::new();
    for entry in &package.entries {
        for variant in &entry.variants {
            let location = Location {
                name,
                entry: &entry.name,
                file: variant.file.as_deref(),
                url: variant.url.as_deref(),
            };
            let url = url_of(&location, &manifest.vars, |_| None).unwrap();
            for &version in &variant.versions {
                urls.insert(
                    format!("{}@{}", entry.name, package.versions[version]),
                    url.to_string(),
                );
            }
        }
    }
    urls
}

/// Every file below a folder, by path with `/`.
pub(crate) fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut tree = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        for entry in fs::read_dir(&current).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let relative: Vec<&str> = path
                    .strip_prefix(folder)
                    .unwrap()
                    .iter()
                    .map(|part| part.to_str().unwrap())
                    .collect();
                tree.insert(relative.join("/"), fs::read(&path).unwrap());
            }
        }
    }
    tree
}

/// What a build wrote for an entry of the version it built.
pub(crate) fn code(report: &Report, entry: &str) -> String {
    let entry = report
        .entries
        .iter()
        .find(|found| found.name == entry)
        .unwrap();
    let path = report
        .out
        .join(&report.name)
        .join(entry.file.as_ref().unwrap());
    fs::read_to_string(path).unwrap()
}

/// The problems of a failed build, one a line.
#[track_caller]
pub(crate) fn problems(result: Result<Report, BuildError>) -> String {
    match result {
        Ok(report) => panic!("the build did not fail: {:?}", report.entries),
        Err(error) => error.to_string(),
    }
}
