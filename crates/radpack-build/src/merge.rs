//! The new manifest: what is in the output folder already, the version that was built, and what is retained of older ones.
//!
//! Every retained version is whole: all its entries come from the topmost register that has it. Where a register's URLs would
//! not come out the same under the new manifest's vars, its variants get URLs of their own; files of local registers are
//! copied instead. What is retained, `prune.rs` says; nothing is written here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use radpack_manifest::{
    Dependency, Entry, Location as Place, Manifest, Package, Unknown, Variant, url_of,
};
use semver::Version;

use crate::error::{ErrorKind, Problem, Problems};
use crate::folder::join;
use crate::options::Location;
use crate::report::{Change, MovedTag, VersionChange};

/// Where files go in the output folder: what a new manifest has as `url` in its vars.
pub(crate) const OUT_URL: &str = "${baseUrl}/${name}/${file}";

/// A variable that stands for the folder of a manifest. Nobody has it in a URL.
const HERE: &str = "\u{1}";

/// One version of a package, taken out of the indices.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct VersionEntries {
    pub(crate) entries: BTreeMap<String, EntryAt>,
}

/// What one entry is at one version.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct EntryAt {
    pub(crate) file: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) statics: BTreeSet<Needed>,
    pub(crate) dynamics: BTreeSet<Needed>,
    pub(crate) integrity: Option<String>,
    pub(crate) unknown: Unknown,
}

/// A dependency.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Needed {
    /// Another entry of the same version.
    Own(String),
    /// An id.
    Outside(String),
}

/// A register that older versions are taken from, and where its files lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layer<'s> {
    pub(crate) manifest: &'s Manifest,
    pub(crate) origin: Origin<'s>,
}

/// Where the files of a register lie.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin<'s> {
    /// In the output folder.
    Out,
    /// Elsewhere.
    Elsewhere(&'s Location),
}

/// Versions that are retained, and what must be copied for them.
#[derive(Debug, Default)]
pub(crate) struct Retained {
    pub(crate) versions: BTreeMap<Version, VersionEntries>,
    /// Files to copy, by where to, relative to the output folder.
    pub(crate) copies: BTreeMap<String, Copy>,
}

/// A file of another register.
#[derive(Debug)]
pub(crate) struct Copy {
    pub(crate) from: PathBuf,
    /// What the register says that it is.
    pub(crate) integrity: Option<String>,
}

/// The vars of the new manifest.
pub(crate) fn vars(
    existing: Option<&Manifest>,
    given: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut vars = existing
        .map(|manifest| manifest.vars.clone())
        .unwrap_or_default();
    vars.insert("url".to_owned(), OUT_URL.to_owned());
    vars.extend(given.clone());
    vars
}

/// What a package is at one of its versions, given as index.
pub(crate) fn entries_at(package: &Package, version: usize) -> VersionEntries {
    let needed = |indices: &[usize]| -> BTreeSet<Needed> {
        let named = |&index: &usize| {
            Some(match package.dependency(index)? {
                Dependency::Own(entry) => Needed::Own(entry.name.clone()),
                Dependency::Outside(id) => Needed::Outside(id.to_owned()),
            })
        };
        indices.iter().filter_map(named).collect()
    };
    let at = |entry: &Entry| {
        let variant = entry.variant_at(version)?;
        let at = EntryAt {
            file: variant.file.clone(),
            url: variant.url.clone(),
            statics: needed(&variant.statics),
            dynamics: needed(&variant.dynamics),
            integrity: variant.integrity.clone(),
            unknown: variant.unknown.clone(),
        };
        Some((entry.name.clone(), at))
    };
    VersionEntries {
        entries: package.entries.iter().filter_map(at).collect(),
    }
}

/// Takes the versions that are kept out of the registers, each out of the topmost that has it.
///
/// `registers` lie bottom to top, the output folder's own last if there is one.
pub(crate) fn retain(
    name: &str,
    changes: &[VersionChange],
    registers: &[Layer<'_>],
    vars: &BTreeMap<String, String>,
    problems: &mut Problems,
) -> Retained {
    let mut retained = Retained::default();
    for change in changes
        .iter()
        .filter(|change| change.change == Change::Kept)
    {
        let entries = take(
            name,
            &change.version,
            registers,
            vars,
            &mut retained.copies,
            problems,
        );
        retained.versions.insert(change.version.clone(), entries);
    }
    retained
}

/// Makes the new manifest out of the output folder's own, if there is one, and the versions of one package.
pub(crate) fn assemble(
    name: &str,
    versions: &BTreeMap<Version, VersionEntries>,
    changes: &[VersionChange],
    registers: &[Layer<'_>],
    vars: &BTreeMap<String, String>,
    problems: &mut Problems,
) -> (Manifest, Vec<MovedTag>) {
    let existing = registers
        .iter()
        .find(|from| matches!(from.origin, Origin::Out));
    let mut manifest = match existing {
        Some(from) => stay(from.manifest, vars),
        None => Manifest::default(),
    };
    manifest.vars.clone_from(vars);
    let (tags, moved_tags) = settle_tags(name, changes, registers);
    let mut package = package_of(versions, &tags);
    let topmost = registers
        .iter()
        .rev()
        .find_map(|from| from.manifest.exports.get(name));
    package.unknown = topmost
        .map(|package| package.unknown.clone())
        .unwrap_or_default();
    manifest.exports.insert(name.to_owned(), package);
    manifest.normalize();
    if let Err(errors) = manifest.validate() {
        problems.push(
            Problem::new(ErrorKind::Register, "the new manifest would not be valid")
                .caused_by(errors),
        );
    }
    (manifest, moved_tags)
}

/// The output folder's own manifest under new vars. Its files stay where they are, so `baseUrl` does not count.
fn stay(manifest: &Manifest, vars: &BTreeMap<String, String>) -> Manifest {
    let mut manifest = manifest.clone();
    manifest.vars.remove("baseUrl");
    let mut open = vars.clone();
    open.remove("baseUrl");
    manifest.rebase(&open);
    manifest
}

/// A retained version out of the topmost register that has it.
fn take(
    name: &str,
    version: &Version,
    registers: &[Layer<'_>],
    vars: &BTreeMap<String, String>,
    copies: &mut BTreeMap<String, Copy>,
    problems: &mut Problems,
) -> VersionEntries {
    let found = registers.iter().rev().find_map(|from| {
        let package = from.manifest.exports.get(name)?;
        let index = package.versions.iter().position(|other| other == version)?;
        Some((from, package, index))
    });
    let Some((from, package, index)) = found else {
        return VersionEntries::default();
    };
    let mut entries = entries_at(package, index);
    for (entry, at) in &mut entries.entries {
        let place = Place {
            name,
            entry,
            file: at.file.as_deref(),
            url: at.url.as_deref(),
        };
        match from.origin {
            Origin::Out => {
                let (before, after) = (without_base(&from.manifest.vars), without_base(vars));
                rebase(at, entry, name, &before, &after);
            }
            Origin::Elsewhere(Location::Folder(folder)) => {
                match local_file(&place, &from.manifest.vars) {
                    Some(path) if folder.join(&path).is_file() => {
                        let file =
                            at.file
                                .clone()
                                .filter(|_| at.url.is_none())
                                .unwrap_or_else(|| {
                                    path.strip_prefix(&format!("{name}/"))
                                        .unwrap_or(&path)
                                        .to_owned()
                                });
                        let copy = Copy {
                            from: folder.join(&path),
                            integrity: at.integrity.clone(),
                        };
                        copies.insert(format!("{name}/{file}"), copy);
                        at.file = Some(file);
                        at.url = None;
                    }
                    Some(path) if !is_on_the_network(&from.manifest.vars) => {
                        problems.push(Problem::new(
                        ErrorKind::Register,
                        format!(
                            "{}: {path} of {name}@{version} is to be retained, but is not there",
                            folder.join(crate::registers::RADPACK_JSON).display()
                        ),
                    ));
                    }
                    _ => rebase(at, entry, name, &from.manifest.vars, vars),
                }
            }
            Origin::Elsewhere(_) => rebase(at, entry, name, &from.manifest.vars, vars),
        }
    }
    entries
}

/// Gives an entry a URL of its own where it would not come out the same under other vars.
fn rebase(
    at: &mut EntryAt,
    entry: &str,
    name: &str,
    from: &BTreeMap<String, String>,
    to: &BTreeMap<String, String>,
) {
    let place = Place {
        name,
        entry,
        file: at.file.as_deref(),
        url: at.url.as_deref(),
    };
    let url = url_of(&place, from, |_| None);
    if url != url_of(&place, to, |_| None) {
        at.url = url.map(|url| url.into_owned());
    }
}

/// Where the code of an export lies in the folder of its manifest, as far as that is inside it.
pub(crate) fn local_file(place: &Place<'_>, vars: &BTreeMap<String, String>) -> Option<String> {
    let vars = without_base(vars);
    let url = url_of(place, &vars, |name| {
        (name == "baseUrl").then(|| HERE.into())
    })?;
    let path = url.strip_prefix(HERE)?.strip_prefix('/')?;
    // What is left open, or goes through a query, is nothing that a folder has.
    if path.is_empty() || path.contains(['\u{1}', '?', '#', '\\']) || path.contains("${") {
        return None;
    }
    join("", path)
}

fn without_base(vars: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut vars = vars.clone();
    vars.remove("baseUrl");
    vars
}

fn is_on_the_network(vars: &BTreeMap<String, String>) -> bool {
    vars.get("baseUrl")
        .is_some_and(|base| base.starts_with("http:") || base.starts_with("https:"))
}

/// The tags with the versions they stand on now, and those that had to move.
fn settle_tags(
    name: &str,
    changes: &[VersionChange],
    registers: &[Layer<'_>],
) -> (BTreeMap<String, Version>, Vec<MovedTag>) {
    let mut tags: BTreeMap<String, Version> = BTreeMap::new();
    for from in registers {
        let Some(package) = from.manifest.exports.get(name) else {
            continue;
        };
        for (tag, &index) in &package.tags {
            if let Some(version) = package.versions.get(index) {
                tags.insert(tag.clone(), version.clone());
            }
        }
    }
    let mut moved = Vec::new();
    for (tag, version) in &mut tags {
        let change = changes.iter().find(|change| change.version == *version);
        if let Some(displacer) = change.and_then(|change| change.displaced_by.as_ref()) {
            moved.push(MovedTag {
                tag: tag.clone(),
                from: version.clone(),
                to: displacer.clone(),
            });
            version.clone_from(displacer);
        }
    }
    (tags, moved)
}

/// A package with the indices that the format has.
fn package_of(
    retained: &BTreeMap<Version, VersionEntries>,
    tags: &BTreeMap<String, Version>,
) -> Package {
    let versions: Vec<Version> = retained.keys().rev().cloned().collect();
    let names: BTreeSet<&str> = retained
        .values()
        .flat_map(|version| version.entries.keys())
        .map(String::as_str)
        .collect();
    let needed = || {
        retained
            .values()
            .flat_map(|version| version.entries.values())
            .flat_map(EntryAt::needed)
    };
    let outside: BTreeSet<&str> = needed()
        .filter_map(|needed| match needed {
            Needed::Outside(id) => Some(id.as_str()),
            Needed::Own(_) => None,
        })
        .collect();
    let own_index: BTreeMap<&str, usize> = names
        .iter()
        .enumerate()
        .map(|(index, name)| (*name, index))
        .collect();
    let outside_index: BTreeMap<&str, usize> = outside
        .iter()
        .enumerate()
        .map(|(index, id)| (*id, names.len() + index))
        .collect();
    let indices = |needed: &BTreeSet<Needed>| -> Vec<usize> {
        let index = |needed: &Needed| match needed {
            Needed::Own(name) => own_index.get(name.as_str()).copied(),
            Needed::Outside(id) => outside_index.get(id.as_str()).copied(),
        };
        needed.iter().filter_map(index).collect()
    };
    let variants = |name: &str| -> Vec<Variant> {
        let at = |(index, version): (usize, &Version)| {
            let at = retained.get(version)?.entries.get(name)?;
            Some(Variant {
                versions: vec![index],
                file: at.file.clone(),
                url: at.url.clone(),
                statics: indices(&at.statics),
                dynamics: indices(&at.dynamics),
                integrity: at.integrity.clone(),
                unknown: at.unknown.clone(),
            })
        };
        versions.iter().enumerate().filter_map(at).collect()
    };
    Package {
        entries: names
            .iter()
            .map(|name| Entry {
                name: (*name).to_owned(),
                variants: variants(name),
            })
            .collect(),
        dependencies: outside.into_iter().map(str::to_owned).collect(),
        tags: tags
            .iter()
            .filter_map(|(tag, version)| {
                let index = versions.iter().position(|other| other == version)?;
                Some((tag.clone(), index))
            })
            .collect(),
        versions,
        unknown: Unknown::default(),
    }
}

impl EntryAt {
    fn needed(&self) -> impl Iterator<Item = &Needed> {
        self.statics.iter().chain(&self.dynamics)
    }
}

/// The files of a manifest that lie in its own folder, relative to it.
pub(crate) fn files_of(manifest: &Manifest) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    for (name, package) in &manifest.exports {
        for entry in &package.entries {
            for variant in &entry.variants {
                let place = Place {
                    name,
                    entry: &entry.name,
                    file: variant.file.as_deref(),
                    url: variant.url.as_deref(),
                };
                files.extend(local_file(&place, &manifest.vars));
            }
        }
    }
    files
}
