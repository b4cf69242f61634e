//! What a new snapshot changed: versions that came, went, moved, or were built anew.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use radpack_resolve::{Index, Package};
use semver::Version;

/// A version of a package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackageVersion {
    /// The package's name.
    pub package: String,
    /// Its version.
    pub version: Version,
}

impl fmt::Display for PackageVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}@{}", self.package, self.version)
    }
}

/// A release line that ends elsewhere now: ids that got one version get the other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moved {
    /// The package's name.
    pub package: String,
    /// The newest version that the line had.
    pub from: Version,
    /// The newest version that it has.
    pub to: Version,
}

/// What is different in a snapshot from the one before.
///
/// Sorted by package and version. A patch that takes the place of another one is in all three of `added`, `removed` and `moved`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The number of the snapshot before.
    pub from: u64,
    /// The number of the snapshot that took its place.
    pub to: u64,
    /// Versions that were not there.
    pub added: Vec<PackageVersion>,
    /// Versions that are no longer there.
    pub removed: Vec<PackageVersion>,
    /// Lines (a major; of 0.x a minor) whose newest stable version is another one.
    pub moved: Vec<Moved>,
    /// Versions that are still there, with other entries, files or dependencies.
    pub rebuilt: Vec<PackageVersion>,
}

impl Change {
    /// Whether no version is concerned: only vars changed, say, or internal packages of no account.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty()
            && self.removed.is_empty()
            && self.moved.is_empty()
            && self.rebuilt.is_empty()
    }

    /// Compares two indexes. Takes time: it walks both, and looks closer at the packages that are not the same.
    pub(crate) fn between(from: u64, old: &Index, to: u64, new: &Index) -> Self {
        let mut change = Change {
            from,
            to,
            ..Change::default()
        };
        let places = (places(old), places(new));
        let is_same = |one: &Package<'_>, other: &Package<'_>| {
            places.0.get(one.layer()) == places.1.get(other.layer()) && one.has_same_contents(other)
        };
        let (old, new) = (by_name(old), by_name(new));
        let mut old = old
            .chunk_by(|one, other| one.name() == other.name())
            .peekable();
        let mut new = new
            .chunk_by(|one, other| one.name() == other.name())
            .peekable();
        loop {
            let order = match (old.peek(), new.peek()) {
                (Some(before), Some(after)) => name_of(before).cmp(name_of(after)),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return change,
            };
            let before = old.next_if(|_| order.is_le()).unwrap_or_default();
            let after = new.next_if(|_| order.is_ge()).unwrap_or_default();
            let same = before.len() == after.len()
                && before
                    .iter()
                    .zip(after)
                    .all(|(one, other)| is_same(one, other));
            if !same {
                let name = name_of(if before.is_empty() { after } else { before });
                change.add(name, &contents(before), &contents(after));
            }
        }
    }

    /// Adds what is different in one package.
    fn add(
        &mut self,
        package: &str,
        before: &BTreeMap<Version, u64>,
        after: &BTreeMap<Version, u64>,
    ) {
        let named = |version: &Version| PackageVersion {
            package: package.to_owned(),
            version: version.clone(),
        };
        for (version, content) in after {
            match before.get(version) {
                None => self.added.push(named(version)),
                Some(other) if other != content => self.rebuilt.push(named(version)),
                Some(_) => {}
            }
        }
        let gone = before.keys().filter(|version| !after.contains_key(version));
        self.removed.extend(gone.map(named));
        let (before, after) = (newest(before), newest(after));
        for (line, to) in after {
            if let Some(from) = before.get(&line).filter(|from| **from != to) {
                self.moved.push(Moved {
                    package: package.to_owned(),
                    from: Version::clone(from),
                    to: to.clone(),
                });
            }
        }
    }
}

/// Of each layer, what makes URLs of files.
fn places(index: &Index) -> Vec<BTreeMap<&str, &str>> {
    let place = |layer| {
        let mut vars = index.vars(layer);
        if let Some(base_url) = index.base_url() {
            vars.entry("baseUrl").or_insert(base_url);
        }
        vars
    };
    (0..index.layers()).map(place).collect()
}

/// All packages by name; those of the same name from the lowest layer to the topmost.
fn by_name(index: &Index) -> Vec<Package<'_>> {
    let mut packages: Vec<_> = index.packages().collect();
    // Each layer is sorted, which this makes use of.
    packages.sort_by(|one, other| one.name().cmp(other.name()));
    packages
}

/// The name that all of them have.
fn name_of<'i>(packages: &[Package<'i>]) -> &'i str {
    packages.first().map(Package::name).unwrap_or_default()
}

/// The versions of a package, and a hash of what each is: of the topmost layer that has it, as ids would find it.
fn contents(layers: &[Package<'_>]) -> BTreeMap<Version, u64> {
    let mut known = BTreeMap::new();
    for package in layers {
        let mut versions: BTreeMap<Version, DefaultHasher> = BTreeMap::new();
        // The rest of a file's URL is the same for the whole package, so it is filled in once.
        let mut place: Option<String> = None;
        for entry in package.entries() {
            for found in entry.variants() {
                let hasher = versions.entry(found.version().to_semver()).or_default();
                entry.name().hash(hasher);
                // Of a damaged index, nothing is known; comparing has nobody to tell.
                match found.file().unwrap_or_default() {
                    Some(file) => {
                        let place = place.get_or_insert_with(|| {
                            let url = found.url().ok().flatten().unwrap_or_default();
                            url.replacen(file, "", 1)
                        });
                        (file, &*place).hash(hasher);
                    }
                    None => found.url().unwrap_or_default().hash(hasher),
                }
                found.integrity().unwrap_or_default().hash(hasher);
                for (kind, dependency) in (found.statics().map(|own| (0_u8, own)))
                    .chain(found.dynamics().map(|own| (1, own)))
                {
                    (kind, dependency.id()).hash(hasher);
                }
            }
        }
        known.extend(
            versions
                .into_iter()
                .map(|(version, hasher)| (version, hasher.finish())),
        );
    }
    known
}

/// The newest stable version of each line.
fn newest(versions: &BTreeMap<Version, u64>) -> BTreeMap<(u64, u64), &Version> {
    versions
        .keys()
        .filter(|version| version.pre.is_empty())
        .map(|version| {
            let minor = if version.major == 0 { version.minor } else { 0 };
            ((version.major, minor), version)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(json: &str) -> Index {
        Index::from_json(json).unwrap()
    }

    #[test]
    fn every_kind_of_change_is_told() {
        let old = index(
            r#"{"exports":{
                "gone":{"v":[[1]],"d":[["index",[{"v":[0],"f":"gone.js"}]]]},
                "patched":{"v":[[1,2],[0,3,1]],"d":[["index",[{"v":[0],"f":"p2.js"},{"v":[1],"f":"p3.js"}]]]},
                "rebuilt":{"v":[[2],[1]],"d":[["index",[{"v":[0],"f":"r2.js"},{"v":[1],"f":"r1.js"}]]]},
                "same":{"v":[[1]],"d":[["index",[{"v":[0],"f":"same.js","s":[1]}]],"patched@^1"]}}}"#,
        );
        let new = index(
            r#"{"exports":{
                "new":{"v":[[1]],"d":[["index",[{"v":[0],"f":"new.js"}]]]},
                "patched":{"v":[[1,2,1],[0,4],[0,3,1]],"d":[["index",[{"v":[0],"f":"p21.js"},{"v":[1],"f":"p4.js"},{"v":[2],"f":"p3.js"}]]]},
                "rebuilt":{"v":[[2],[1]],"d":[["index",[{"v":[0],"f":"r2b.js"},{"v":[1],"f":"r1.js"}]]]},
                "same":{"v":[[1]],"d":[["index",[{"v":[0],"f":"same.js","s":[1]}]],"patched@^1"]}}}"#,
        );
        let change = Change::between(1, &old, 2, &new);
        let show =
            |list: &[PackageVersion]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            show(&change.added),
            ["new@1.0.0", "patched@0.4.0", "patched@1.2.1"]
        );
        assert_eq!(show(&change.removed), ["gone@1.0.0", "patched@1.2.0"]);
        assert_eq!(show(&change.rebuilt), ["rebuilt@2.0.0"]);
        let moved: Vec<_> = change
            .moved
            .iter()
            .map(|moved| format!("{} {} {}", moved.package, moved.from, moved.to))
            .collect();
        assert_eq!(moved, ["patched 1.2.0 1.2.1"]);
        assert!(!change.is_empty());
        assert!(Change::between(1, &old, 2, &old).is_empty());
    }
}
