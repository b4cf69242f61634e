//! Which packages a development register has: those of the workspace, and those that are linked into `node_modules`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use radpack_manifest::{Manifest, Register};
use semver::Version;
use serde::Deserialize;
use serde_json::Value;

/// How deep folders are looked through, for packages and for what is built already.
const DEEPEST: usize = 5;

/// Of `package.json` what is looked at here.
#[derive(Debug, Default, Deserialize)]
pub(super) struct PackageJson {
    pub(super) name: Option<String>,
    pub(super) version: Option<Version>,
    workspaces: Option<Workspaces>,
    exports: Option<Value>,
    module: Option<Value>,
    radpack: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Workspaces {
    Patterns(Vec<String>),
    Object {
        #[serde(default)]
        packages: Vec<String>,
    },
}

impl PackageJson {
    /// Reads one.
    pub(super) fn read(folder: &Path) -> Result<PackageJson, String> {
        let path = folder.join("package.json");
        let bytes =
            fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// A manifest that another tool built, such as the plugins of Radpack 1.x: served as it is, from where it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AsBuilt {
    /// The folder of the manifest.
    pub(super) folder: PathBuf,
    pub(super) manifest: Manifest,
}

/// The folders of all packages, each once, and the folders that tell when there are others.
pub(super) fn find(root: &Path, dist: &Path) -> (BTreeSet<PathBuf>, BTreeSet<PathBuf>) {
    let mut packages = BTreeSet::new();
    let mut telling = BTreeSet::from([root.to_path_buf()]);
    let package = PackageJson::read(root).unwrap_or_default();
    let patterns = match package.workspaces {
        Some(Workspaces::Patterns(patterns) | Workspaces::Object { packages: patterns }) => {
            patterns
        }
        None => pnpm(root),
    };
    let is_for_radpack =
        package.radpack.is_some() || package.exports.is_some() || package.module.is_some();
    // What is at the root is an application, as a rule, or holds a workspace together.
    if package.name.is_some() && (is_for_radpack || !manifests_below(&root.join(dist)).is_empty()) {
        packages.insert(root.to_path_buf());
    }
    let (not, wanted): (Vec<_>, Vec<_>) = patterns.iter().partition(|one| one.starts_with('!'));
    let mut listed = BTreeSet::new();
    for pattern in wanted {
        expand(root, pattern, &mut listed, &mut telling);
    }
    for pattern in not {
        let mut left_out = BTreeSet::new();
        expand(
            root,
            pattern.trim_start_matches('!'),
            &mut left_out,
            &mut BTreeSet::new(),
        );
        listed.retain(|folder| !left_out.contains(folder));
    }
    listed.retain(|folder| folder.join("package.json").is_file());
    packages.extend(
        listed
            .iter()
            .filter_map(|folder| fs::canonicalize(folder).ok()),
    );
    linked(&root.join("node_modules"), &mut packages, &mut telling);
    (packages, telling)
}

/// The packages that are linked into `node_modules`: links, to folders that have a `package.json`.
fn linked(modules: &Path, packages: &mut BTreeSet<PathBuf>, telling: &mut BTreeSet<PathBuf>) {
    for entry in entries(modules) {
        let name = entry.file_name();
        let path = entry.path();
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        if !is_link && name.to_string_lossy().starts_with('@') {
            linked(&path, packages, telling);
        } else if is_link
            && path.join("package.json").is_file()
            && let Ok(folder) = fs::canonicalize(&path)
            // The stores of some package managers are full of links to what was installed.
            && !folder.components().any(|part| part.as_os_str() == "node_modules")
        {
            packages.insert(folder);
        }
    }
    if modules.is_dir() {
        telling.insert(modules.to_path_buf());
    }
}

/// The patterns of `pnpm-workspace.yaml`: the items below `packages:`, which is all of YAML that these files use.
fn pnpm(root: &Path) -> Vec<String> {
    let text = fs::read_to_string(root.join("pnpm-workspace.yaml")).unwrap_or_default();
    let lines = text
        .lines()
        .skip_while(|line| line.trim_end() != "packages:");
    lines
        .skip(1)
        .map_while(|line| line.trim().strip_prefix('-'))
        .map(|item| item.trim().trim_matches(['\'', '"']).to_owned())
        .collect()
}

/// The folders that a pattern of workspaces means: `packages/*`, `packages/**`, or a folder.
fn expand(
    folder: &Path,
    pattern: &str,
    found: &mut BTreeSet<PathBuf>,
    telling: &mut BTreeSet<PathBuf>,
) {
    let pattern = pattern.trim_start_matches("./").trim_matches('/');
    let (first, rest) = match pattern.split_once('/') {
        Some((first, rest)) => (first, Some(rest)),
        None => (pattern, None),
    };
    let below: Vec<PathBuf> = match first.split_once('*') {
        None if matches!(first, "" | "." | "..") => return,
        None => vec![folder.join(first)],
        Some(_) if first == "**" => {
            let mut all = Vec::new();
            walk(folder, DEEPEST, &mut |folder| {
                all.push(folder.to_path_buf());
            });
            telling.extend(all.iter().cloned());
            all
        }
        Some((start, end)) => {
            telling.insert(folder.to_path_buf());
            subfolders(folder)
                .filter(|path| {
                    let name = path.file_name().unwrap_or_default().to_string_lossy();
                    name.len() >= start.len() + end.len()
                        && name.starts_with(start)
                        && name.ends_with(end)
                })
                .collect()
        }
    };
    for path in below {
        match rest {
            Some(rest) => expand(&path, rest, found, telling),
            None => {
                found.insert(path);
            }
        }
    }
}

/// Every folder of sources at and below one: none that is hidden, installed or written by a build.
pub(super) fn walk(folder: &Path, deepest: usize, visit: &mut impl FnMut(&Path)) {
    visit(folder);
    if deepest > 0 {
        for below in subfolders(folder) {
            walk(&below, deepest - 1, visit);
        }
    }
}

fn subfolders(folder: &Path) -> impl Iterator<Item = PathBuf> {
    entries(folder)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            !name.starts_with('.') && name != "node_modules" && name != "dist-radpack"
        })
        .map(|entry| entry.path())
}

fn entries(folder: &Path) -> impl Iterator<Item = fs::DirEntry> {
    fs::read_dir(folder).into_iter().flatten().flatten()
}

fn manifests_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if folder.is_dir() {
        walk(folder, DEEPEST, &mut |folder| {
            let path = folder.join("radpack.json");
            if path.is_file() {
                found.push(path);
            }
        });
    }
    found.sort();
    found
}

/// What another tool built of a package.
pub(super) fn as_built(folder: &Path, dist: &Path) -> Result<Vec<AsBuilt>, String> {
    manifests_below(&folder.join(dist))
        .into_iter()
        .map(|path| {
            let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
            let bytes = fs::read(&path).map_err(|error| wrong(&error))?;
            match Register::from_slice(&bytes).map_err(|error| wrong(&error))? {
                Register::Manifest(manifest) => Ok(AsBuilt {
                    folder: path.parent().map(Path::to_path_buf).unwrap_or_default(),
                    manifest,
                }),
                _ => Err(wrong(&"holds no manifest but leads to others")),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(folder: &Path, json: &str) {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("package.json"), json).unwrap();
    }

    #[test]
    fn workspaces_and_links_are_found_each_once() {
        let root = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(root.path()).unwrap();
        package(
            &root,
            r#"{"name":"app","workspaces":["packages/*","tools/*-lib","!packages/old","apps/**"]}"#,
        );
        for folder in [
            "packages/a",
            "packages/old",
            "packages/.hidden",
            "tools/x-lib",
            "tools/x",
            "apps/web/ui",
            "apps/node_modules/no",
            "elsewhere/linked",
            "node_modules/installed",
        ] {
            package(&root.join(folder), "{}");
        }
        fs::create_dir_all(root.join("packages/empty")).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::symlink;
            fs::create_dir_all(root.join("node_modules/@acme")).unwrap();
            symlink(root.join("packages/a"), root.join("node_modules/a")).unwrap();
            symlink(
                root.join("elsewhere/linked"),
                root.join("node_modules/@acme/linked"),
            )
            .unwrap();
            symlink(
                root.join("node_modules/installed"),
                root.join("node_modules/alias"),
            )
            .unwrap();
            let (found, telling) = find(&root, Path::new("dist"));
            let found: Vec<_> = found
                .iter()
                .map(|path| path.strip_prefix(&root).unwrap().to_str().unwrap())
                .collect();
            assert_eq!(
                found,
                [
                    "apps/web/ui",
                    "elsewhere/linked",
                    "packages/a",
                    "tools/x-lib"
                ]
            );
            assert!(telling.contains(&root.join("packages")));
            assert!(telling.contains(&root.join("node_modules/@acme")));
        }
        fs::write(
            root.join("pnpm-workspace.yaml"),
            "packages:\n  - 'packages/*'\n  - \"tools/x\"\nother: 1\n",
        )
        .unwrap();
        assert_eq!(pnpm(&root), ["packages/*", "tools/x"]);
    }
}
