//! Files of a package in the output folder that the manifest no longer names.
//!
//! They stay by default, for pages that are open still load them. Only the package's own folder is looked into, and source maps
//! live as long as the files that name them. Symbolic links were put there by someone else, a build makes none: they stay, what
//! lies behind them is not looked at, and what a named file is reached through is kept. What is found here is deleted by
//! `output.rs`, after the manifest is written.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::folder::with_slashes;
use crate::maps::map_of;

/// The files below `<out>/<name>` that are neither `named` nor source maps of such, relative to `out`.
///
/// None, where `<out>/<name>` lies behind a link. `named` holds the files of every package in the manifest.
pub(crate) fn unreferenced(out: &Path, name: &str, named: &BTreeSet<String>) -> BTreeSet<String> {
    let folder = out.join(name);
    let behind_link = folder
        .ancestors()
        .take_while(|ancestor| *ancestor != out)
        .any(|ancestor| fs::symlink_metadata(ancestor).is_ok_and(|found| found.is_symlink()));
    if behind_link {
        return BTreeSet::new();
    }
    let mut found: Vec<(String, PathBuf)> = WalkDir::new(&folder)
        .into_iter()
        .flatten()
        .filter(|entry| entry.file_type().is_file())
        .filter_map(|entry| {
            let path = entry.path().strip_prefix(out).ok().and_then(with_slashes)?;
            Some((path, entry.into_path()))
        })
        .filter(|(path, _)| !named.contains(path))
        .collect();
    if !found.is_empty() {
        let reached = reached(out, &folder, named);
        // A file whose real path is unknown is left alone.
        found.retain(|(_, path)| {
            path.canonicalize()
                .is_ok_and(|real| !reached.contains(&real))
        });
    }
    found.into_iter().map(|(path, _)| path).collect()
}

/// The real paths of the named files, and of their source maps, that lie in the folder or are called by a path in it.
fn reached(out: &Path, folder: &Path, named: &BTreeSet<String>) -> HashSet<PathBuf> {
    let real_folder = folder.canonicalize();
    let mut reached = HashSet::new();
    for path in named {
        let absolute = out.join(path);
        let Ok(real) = absolute.canonicalize() else {
            continue;
        };
        let inside = real_folder
            .as_ref()
            .is_ok_and(|folder| real.starts_with(folder));
        if !inside && !absolute.starts_with(folder) {
            continue;
        }
        let map = fs::read(&real)
            .ok()
            .and_then(|contents| map_of(path, &contents));
        reached.extend(map.and_then(|map| out.join(map).canonicalize().ok()));
        reached.insert(real);
    }
    reached
}
