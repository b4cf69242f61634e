//! Back from an index to the manifests that it was compiled from.

use std::collections::BTreeMap;

use radpack_manifest::{Entry, Manifest, Package, Variant};

use crate::error::IndexError;
use crate::format::{KIND_FILE, KIND_URL, OUTSIDE, Record, VariantRow, read_u32, read_u64};
use crate::found::Outside;
use crate::index::Index;

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
            .map(|layer| self.manifest(layer).ok_or_else(IndexError::inconsistent))
            .collect()
    }

    fn manifest(&self, layer: u32) -> Option<Manifest> {
        let vars = self.vars(layer as usize);
        let mut manifest = Manifest {
            vars: vars
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            offered: self.is_offering(layer),
            ..Manifest::default()
        };
        let (first, end) = self.packages_of(layer)?;
        for number in first..end {
            let row = self.storage.package(number)?;
            let name = self.storage.text((read_u32(row, 0), read_u32(row, 4)))?;
            manifest
                .exports
                .insert(name.to_owned(), self.package_of_row(row)?);
        }
        manifest.normalize();
        manifest.validate().ok()?;
        Some(manifest)
    }

    fn package_of_row(&self, row: &[u8; 32]) -> Option<Package> {
        let (first, count) = (read_u32(row, 8), read_u32(row, 12));
        let records = first..first.checked_add(count)?;
        // The package's versions are those of its entries and tags.
        let mut versions: BTreeMap<semver::Version, usize> = BTreeMap::new();
        for number in records.clone() {
            let record = Record(self.storage.record(number)?);
            for position in 0..self.version_count(record) {
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
            for position in 0..self.version_count(record) {
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
