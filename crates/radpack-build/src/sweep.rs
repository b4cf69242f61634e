//! Files of a package in the output folder that the manifest no longer names.
//!
//! They stay by default, for pages that are open still load them. Only the package's own folder is looked into, and source maps
//! live as long as the files that name them. What is found here is deleted by `output.rs`, after the manifest is written.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use walkdir::WalkDir;

use crate::folder::with_slashes;
use crate::maps::map_of;

/// The files below `<out>/<name>` that are neither `named` nor source maps of such, relative to `out`.
pub(crate) fn unreferenced(out: &Path, name: &str, named: &BTreeSet<String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut maps = BTreeSet::new();
    for entry in WalkDir::new(out.join(name)).into_iter().flatten() {
        if entry.file_type().is_dir() {
            continue;
        }
        let Some(path) = entry.path().strip_prefix(out).ok().and_then(with_slashes) else {
            continue;
        };
        if named.contains(&path) {
            maps.extend(
                fs::read(entry.path())
                    .ok()
                    .and_then(|contents| map_of(&path, &contents)),
            );
        } else {
            found.insert(path);
        }
    }
    found.retain(|path| !maps.contains(path));
    found
}
