//! Back from an index to the manifests that it was compiled from: to all of them, or to what some roots need.

use std::collections::{BTreeMap, BTreeSet};

use radpack_manifest::{Entry, Manifest, Package, Variant};

use crate::error::{IndexError, ResolveError};
use crate::format::{KIND_FILE, KIND_URL, OUTSIDE, Record, VariantRow, read_u32, read_u64};
use crate::found::Outside;
use crate::index::Index;
use crate::query::Query;

/// What of a package is kept: records, with the positions of their versions.
type Kept = BTreeSet<(u32, u32)>;

impl Index {
    /// The manifests of this index, bottom first, as they were but for unknown keys, which an index does not keep, and
    /// versions that no entry has.
    ///
    /// # Errors
    ///
    /// If the index is damaged.
    ///
    /// ```
    /// use radpack_resolve::Index;
    ///
    /// let json = r#"{"exports":{"d3":{"v":[[4]],"d":[["index",[{"v":[0],"f":"d3.js"}]]]}}}"#;
    /// let manifests = Index::from_json(json)?.to_manifests()?;
    /// assert_eq!(manifests[0].to_json(), json);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_manifests(&self) -> Result<Vec<Manifest>, IndexError> {
        (0..self.layers() as u32)
            .map(|layer| {
                let (first, end) = self.packages_of(layer)?;
                self.manifest(layer, (first..end).map(|row| (row, None)))
            })
            .map(|manifest| manifest.ok_or_else(IndexError::inconsistent))
            .collect()
    }

    /// As [`to_manifests`](Self::to_manifests), of some packages only.
    ///
    /// # Errors
    ///
    /// If the index is damaged.
    pub fn manifests_of<S: AsRef<str>>(&self, names: &[S]) -> Result<Vec<Manifest>, IndexError> {
        (0..self.layers() as u32)
            .map(|layer| {
                let rows = names
                    .iter()
                    .filter_map(|name| self.find_package(name.as_ref(), layer));
                self.manifest(layer, rows.map(|row| (row, None)))
            })
            .map(|manifest| manifest.ok_or_else(IndexError::inconsistent))
            .collect()
    }

    /// The manifest of a layer, with some packages of it, and of these all, or what is kept.
    fn manifest<'k>(
        &self,
        layer: u32,
        packages: impl Iterator<Item = (u32, Option<&'k Kept>)>,
    ) -> Option<Manifest> {
        let vars = self.vars(layer as usize);
        let mut manifest = Manifest {
            vars: vars
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            offered: self.is_offering(layer),
            ..Manifest::default()
        };
        for (row, kept) in packages {
            let row = self.storage.package(row)?;
            let name = self.storage.text((read_u32(row, 0), read_u32(row, 4)))?;
            let package = self.package_of_row(row, kept)?;
            manifest.exports.insert(name.to_owned(), package);
        }
        manifest.normalize();
        manifest.validate().ok()?;
        Some(manifest)
    }

    fn package_of_row(&self, row: &[u8; 32], kept: Option<&Kept>) -> Option<Package> {
        let positions = |number: u32, record: Record<'_>| {
            (0..self.version_count(record))
                .filter(move |position| kept.is_none_or(|kept| kept.contains(&(number, *position))))
        };
        let (first, count) = (read_u32(row, 8), read_u32(row, 12));
        let records = first..first.checked_add(count)?;
        // The package's versions are those of its entries and tags.
        let mut versions: BTreeMap<semver::Version, usize> = BTreeMap::new();
        for number in records.clone() {
            let record = Record(self.storage.record(number)?);
            for position in positions(number, record) {
                versions.insert(self.version_at(record, position)?.to_semver(), 0);
            }
        }
        let mut tags = Vec::new();
        let (start, count) = (read_u32(row, 16), read_u32(row, 20));
        for tag in start..start.checked_add(count)? {
            let row = self.storage.tag(tag)?;
            let name = self.storage.text((read_u32(row, 0), read_u32(row, 4)))?;
            let version = self
                .version_from(read_u64(row, 8), read_u32(row, 16))?
                .to_semver();
            versions.insert(version.clone(), 0);
            tags.push((name.to_owned(), version));
        }
        for (position, index) in versions.values_mut().rev().enumerate() {
            *index = position;
        }
        let mut outside = Outsides {
            entries: records.len(),
            ids: BTreeMap::new(),
        };
        let mut package = Package::default();
        for number in records.clone() {
            let record = Record(self.storage.record(number)?);
            let mut variants: BTreeMap<u32, Variant> = BTreeMap::new();
            for position in positions(number, record) {
                let variant = self.variant_at(record, position)?;
                let version = *versions.get(&self.version_at(record, position)?.to_semver())?;
                if let Some(known) = variants.get_mut(&variant) {
                    known.versions.push(version);
                } else {
                    let row = self.storage.variant(variant)?;
                    let end = self.storage.variant(variant.checked_add(1)?)?.dependencies;
                    variants.insert(
                        variant,
                        self.variant_of_row(row, end, version, first, &mut outside)?,
                    );
                }
            }
            let name = self.entry_of(record)?.to_owned();
            package.entries.push(Entry {
                name,
                variants: variants.into_values().collect(),
            });
        }
        let mut ids: Vec<_> = outside.ids.into_iter().collect();
        ids.sort_by_key(|(_, index)| *index);
        package.dependencies = ids.into_iter().map(|(id, _)| id).collect();
        for (name, version) in tags {
            package.tags.insert(name, *versions.get(&version)?);
        }
        package.versions = versions.into_keys().rev().collect();
        if kept.is_some() {
            // Its entries are all there so far, for dependencies count through them.
            package.retain_versions(|_| true);
        }
        Some(package)
    }

    fn variant_of_row(
        &self,
        row: VariantRow,
        end: u32,
        version: usize,
        first_record: u32,
        outside: &mut Outsides,
    ) -> Option<Variant> {
        let text = |text| self.storage.text(text).map(str::to_owned);
        let middle = row.dependencies.checked_add(row.statics)?;
        let mut indices = |range: std::ops::Range<u32>| -> Option<Vec<usize>> {
            range
                .map(|at| {
                    let code = self.storage.dependency(at)?;
                    if code & OUTSIDE == 0 {
                        return Some(code.checked_sub(first_record)? as usize);
                    }
                    outside.index(Outside::read(self, code)?.id)
                })
                .collect()
        };
        Some(Variant {
            versions: vec![version],
            file: if row.kind == KIND_FILE {
                Some(text(row.text)?)
            } else {
                None
            },
            url: if row.kind == KIND_URL {
                Some(text(row.text)?)
            } else {
                None
            },
            statics: indices(row.dependencies..middle)?,
            dynamics: indices(middle..end)?,
            integrity: if row.integrity.1 > 0 {
                Some(text(row.integrity)?)
            } else {
                None
            },
            ..Variant::default()
        })
    }
}

impl Query<'_, '_> {
    /// The manifests of the index, bottom first, with only what some ids lead to: the packages, versions and entries of their
    /// closures, and of what these load on demand. Tags stay, with their versions, where their package does.
    ///
    /// The roots themselves, the ids that stand in what they lead to, and closures, all get from it the answers that they get here, asked
    /// with the same fallback and context; but versions that become neighbours share a variant where they have the same, and a closure has a
    /// variant once. What is loaded on demand and has no answer here is left out, as is what only it leads to.
    ///
    /// # Errors
    ///
    /// If a root, or something that loads with it, has no answer; or if the index is damaged.
    ///
    /// ```
    /// use radpack_resolve::Index;
    ///
    /// let index = Index::from_json(br#"{"exports":{
    ///     "app":{"v":[[2],[1]],"d":[["index",[{"v":[0],"f":"app-2.js"},{"v":[1],"f":"app-1.js","s":[1]}]],"d3@^4"]},
    ///     "d3":{"v":[[4,2],[3]],"d":[["index",[{"v":[0],"f":"d3-4.js"},{"v":[1],"f":"d3-3.js"}]],["map",[{"v":[0],"f":"map.js"}]]]}}}"#.to_vec())?;
    /// let manifests = index.query().closure_manifests(&["app@^1"])?;
    /// assert_eq!(
    ///     manifests[0].to_json(),
    ///     r#"{"exports":{"app":{"v":[[1]],"d":[["index",[{"v":[0],"f":"app-1.js","s":[1]}]],"d3@^4"]},"d3":{"v":[[4,2]],"d":[["index",[{"v":[0],"f":"d3-4.js"}]]]}}}"#
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn closure_manifests<S: AsRef<str>>(
        &self,
        roots: &[S],
    ) -> Result<Vec<Manifest>, ResolveError> {
        let roots: Vec<_> = roots
            .iter()
            .map(|id| self.resolve(id.as_ref()))
            .collect::<Result<_, _>>()?;
        self.closure_of(roots.iter().copied())?;
        let damaged = || ResolveError::damaged("radpack.json");
        let mut kept: BTreeMap<u32, Kept> = BTreeMap::new();
        let mut open = roots;
        while let Some(found) = open.pop() {
            let record = self.index.storage.record(found.place.record);
            let package = Record(record.ok_or_else(damaged)?).package();
            let module = (found.place.record, found.place.position);
            if kept.entry(package).or_default().insert(module) {
                let dependencies = found.statics().chain(found.dynamics());
                open.extend(dependencies.filter_map(|one| self.dependency(&one).ok()));
            }
        }
        (0..self.index.layers() as u32)
            .map(|layer| {
                let (first, end) = self.index.packages_of(layer)?;
                let packages = kept.range(first..end);
                self.index
                    .manifest(layer, packages.map(|(row, kept)| (*row, Some(kept))))
            })
            .map(|manifest| manifest.ok_or_else(damaged))
            .collect()
    }
}

/// The outside dependencies of a package as they are met, numbered behind its entries.
struct Outsides {
    entries: usize,
    ids: BTreeMap<String, usize>,
}

impl Outsides {
    fn index(&mut self, id: &str) -> Option<usize> {
        let next = self.entries + self.ids.len();
        Some(*self.ids.entry(id.to_owned()).or_insert(next))
    }
}
