//! Listing what an index holds, and the closest known name on a miss.

use std::ops::Range;

use crate::closest::closest;
use crate::error::{ResolveError, ResolveErrorKind};
use crate::format::{LONG_VERSIONS, OFFERED, OUTSIDE, Record, read_u32};
use crate::found::{Found, Outside, Place};
use crate::index::Index;
use crate::query::Query;

use radpack_version::{Fit, VersionRef};

/// A package of one layer.
#[derive(Clone, Copy)]
pub struct Package<'i> {
    index: &'i Index,
    row: &'i [u8; 32],
}

impl<'i> Package<'i> {
    /// Its name.
    pub fn name(&self) -> &'i str {
        self.index
            .storage
            .text((read_u32(self.row, 0), read_u32(self.row, 4)))
            .unwrap_or_default()
    }

    /// The register it is in, counted from the bottom.
    pub fn layer(&self) -> usize {
        read_u32(self.row, 24) as usize
    }

    /// Its records.
    fn records(&self) -> Range<u32> {
        let (first, count) = (read_u32(self.row, 8), read_u32(self.row, 12));
        first..first.saturating_add(count)
    }

    /// Its entries in canonical order, chunks last.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'i>> + use<'i> {
        let index = self.index;
        self.records().map_while(move |number| {
            let record = Record(index.storage.record(number)?);
            Some(Entry {
                index,
                number,
                record,
            })
        })
    }
}

impl Package<'_> {
    /// Whether another package, such as the same one in a newer index, has the same entries, with the same versions, files, integrity and
    /// dependencies. Names, tags, and what the layers' `vars` make of the files are not compared.
    ///
    /// ```
    /// use radpack_resolve::Index;
    ///
    /// let index = |file| {
    ///     Index::from_json(format!(r#"{{"exports":{{"d3":{{"v":[[4]],"d":[["index",[{{"v":[0],"f":"{file}"}}]]]}}}}}}"#))
    /// };
    /// let (old, same, other) = (index("a.js")?, index("a.js")?, index("b.js")?);
    /// let d3 = old.package("d3").unwrap();
    /// assert!(d3.has_same_contents(&same.package("d3").unwrap()));
    /// assert!(!d3.has_same_contents(&other.package("d3").unwrap()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn has_same_contents(&self, other: &Package<'_>) -> bool {
        let records = (self.records(), other.records());
        records.0.len() == records.1.len()
            && std::iter::zip(records.0, records.1)
                .all(|(one, two)| self.has_same_entry(one, other, two).unwrap_or(false))
    }

    /// Whether two records hold the same. `None`: an index is damaged.
    fn has_same_entry(&self, one: u32, other: &Package<'_>, two: u32) -> Option<bool> {
        let (index, others) = (self.index, other.index);
        let one = Record(index.storage.record(one)?);
        let two = Record(others.storage.record(two)?);
        let count = index.version_count(one);
        if count != others.version_count(two)
            || index.entry_bytes(one)? != others.entry_bytes(two)?
        {
            return Some(false);
        }
        let are_long = (one.flags() | two.flags()) & LONG_VERSIONS != 0;
        let mut variants = 0;
        for position in 0..count {
            let ordinal = index
                .variant_at(one, position)?
                .checked_sub(one.variants())?;
            let same = others
                .variant_at(two, position)?
                .checked_sub(two.variants())?
                == ordinal
                && index.key_at(one, position)? == others.key_at(two, position)?
                && (!are_long
                    || index.version_at(one, position)? == others.version_at(two, position)?);
            if !same {
                return Some(false);
            }
            variants = variants.max(ordinal.checked_add(1)?);
        }
        for ordinal in 0..variants {
            let numbers = (
                one.variants().checked_add(ordinal)?,
                two.variants().checked_add(ordinal)?,
            );
            if !self.has_same_variant(numbers.0, other, numbers.1)? {
                return Some(false);
            }
        }
        Some(true)
    }

    fn has_same_variant(&self, one: u32, other: &Package<'_>, two: u32) -> Option<bool> {
        let (storage, others) = (&self.index.storage, &other.index.storage);
        let rows = (storage.variant(one)?, others.variant(two)?);
        let ends = (
            storage.variant(one.checked_add(1)?)?.dependencies,
            others.variant(two.checked_add(1)?)?.dependencies,
        );
        let codes = (rows.0.dependencies..ends.0, rows.1.dependencies..ends.1);
        if (rows.0.kind, rows.0.statics, codes.0.len())
            != (rows.1.kind, rows.1.statics, codes.1.len())
            || storage.raw_text(rows.0.text)? != others.raw_text(rows.1.text)?
            || storage.raw_text(rows.0.integrity)? != others.raw_text(rows.1.integrity)?
        {
            return Some(false);
        }
        for (one, two) in std::iter::zip(codes.0, codes.1) {
            let (one, two) = (storage.dependency(one)?, others.dependency(two)?);
            let same = match (one & OUTSIDE, two & OUTSIDE) {
                (0, 0) => {
                    one.checked_sub(self.records().start)?
                        == two.checked_sub(other.records().start)?
                }
                (OUTSIDE, OUTSIDE) => {
                    Outside::read(self.index, one)?.id == Outside::read(other.index, two)?.id
                }
                _ => false,
            };
            if !same {
                return Some(false);
            }
        }
        Some(true)
    }
}

/// An entry of a package, with every version of it.
#[derive(Clone, Copy)]
pub struct Entry<'i> {
    index: &'i Index,
    number: u32,
    record: Record<'i>,
}

impl<'i> Entry<'i> {
    /// Its name.
    pub fn name(&self) -> &'i str {
        self.index.entry_of(self.record).unwrap_or_default()
    }

    /// Its versions, newest first.
    pub fn versions(&self) -> impl Iterator<Item = VersionRef<'i>> + use<'i> {
        self.variants().map(|found| found.version())
    }

    /// What serves each of its versions, newest first.
    pub fn variants(&self) -> impl Iterator<Item = Found<'i>> + use<'i> {
        let Entry {
            index,
            number,
            record,
        } = *self;
        (0..index.version_count(record)).map_while(move |position| {
            let variant = index.variant_at(record, position)?;
            index.version_at(record, position)?;
            Some(Found {
                index,
                place: Place {
                    record: number,
                    position,
                    variant,
                    fit: Fit::Exact,
                    drift: None,
                },
            })
        })
    }
}

impl Index {
    /// All packages, layer by layer from the bottom, sorted by name within each.
    pub fn packages(&self) -> impl Iterator<Item = Package<'_>> {
        let rows = self.storage.packages() as u32;
        (0..rows).map_while(|row| {
            Some(Package {
                index: self,
                row: self.storage.package(row)?,
            })
        })
    }

    /// A package in the topmost layer that offers it.
    ///
    /// ```
    /// use radpack_resolve::Index;
    ///
    /// let index = Index::from_json(br#"{"exports":{"d3":{"v":[[4,2],[3]],"d":[["index",[{"v":[0,1],"f":"d3.js"}]]]}}}"#.to_vec())?;
    /// let package = index.package("d3").unwrap();
    /// let entry = package.entries().next().unwrap();
    /// let versions: Vec<_> = entry.versions().map(|version| version.to_string()).collect();
    /// assert_eq!(versions, ["4.2.0", "3.0.0"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn package(&self, name: &str) -> Option<Package<'_>> {
        self.offered_packages(name).next()
    }

    /// A package in every layer that offers it, the topmost first.
    fn offered_packages(&self, name: &str) -> impl Iterator<Item = Package<'_>> {
        let layers = (0..self.layers() as u32).rev();
        layers
            .filter(|layer| self.is_offering(*layer))
            .filter_map(|layer| self.package_in(name, layer))
    }

    fn package_in(&self, name: &str, layer: u32) -> Option<Package<'_>> {
        Some(Package {
            index: self,
            row: self.storage.package(self.find_package(name, layer)?)?,
        })
    }

    /// Whether a layer offers its exports to others.
    pub(crate) fn is_offering(&self, layer: u32) -> bool {
        self.storage
            .layer(layer)
            .is_some_and(|row| read_u32(row, 8) & OFFERED != 0)
    }
}

impl Query<'_, '_> {
    /// Adds the closest known id to an error about an unknown package or entry: however far it is, where any is known.
    ///
    /// The closest is what the fewest characters make of the one asked for, inserted, left out, replaced, or swapped with their
    /// neighbour; of several, the one that begins alike for longer, then the first by code point.
    ///
    /// This walks all names: a few milliseconds for a hundred thousand packages. That is why resolving does not do it
    /// by itself, where a flood of unknown ids would make a service slow.
    ///
    /// ```
    /// use radpack_resolve::Index;
    ///
    /// let index = Index::from_json(br#"{"exports":{"lodash":{"v":[[4]],"d":[["index",[{"v":[0],"f":"l.js"}]]]}}}"#.to_vec())?;
    /// let query = index.query();
    /// let error = query.suggest(query.resolve("lodahs@^4").unwrap_err());
    /// assert_eq!(error.suggestion(), Some("lodash@^4"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn suggest(&self, mut error: ResolveError) -> ResolveError {
        use crate::error::Detail;
        if let Detail::Dependency { source, .. } = error.detail_mut() {
            let inner = std::mem::replace(source.as_mut(), ResolveError::damaged(""));
            **source = self.suggest(inner);
            return error;
        }
        let (kind, id) = (error.kind(), error.id().to_owned());
        let suggestion = match (&*error.detail_mut(), kind) {
            (Detail::Package(asked), ResolveErrorKind::UnknownPackage) => {
                let names = self
                    .index
                    .packages()
                    .filter(|package| self.index.is_offering(package.layer() as u32));
                closest(asked, names.map(|package| package.name()))
                    .map(|name| with_package(&id, asked, name))
            }
            (Detail::Entry { package, entry }, ResolveErrorKind::UnknownEntry) => {
                let mut packages: Vec<_> = self.index.offered_packages(package).collect();
                if packages.is_empty() {
                    // Only an internal register can have asked, and has it itself.
                    let layers = 0..self.index.layers() as u32;
                    packages
                        .extend(layers.filter_map(|layer| self.index.package_in(package, layer)));
                }
                let entries = packages.iter().flat_map(Package::entries);
                let entries: Vec<_> = entries.map(|entry| entry.name()).collect();
                // Chunks are no entries that anyone should ask for by name.
                let is_chunk = |name: &str| name.starts_with("c/");
                let offered = entries
                    .into_iter()
                    .filter(|name| !is_chunk(name) || is_chunk(entry));
                closest(entry, offered).map(|name| with_entry(&id, package, name))
            }
            _ => None,
        };
        error.set_suggestion(suggestion);
        error
    }
}

/// The id with another name for the package; the plain name where the id got its own from the context.
fn with_package(id: &str, asked: &str, name: &str) -> String {
    match id.strip_prefix(asked) {
        Some(rest) => format!("{name}{rest}"),
        None => name.to_owned(),
    }
}

/// The id with another entry; without its spec where the id got its package from the context.
fn with_entry(id: &str, package: &str, other: &str) -> String {
    let head = match id.strip_prefix(package) {
        Some(rest) => &id[..package.len() + rest.find('/').unwrap_or(rest.len())],
        None if id.starts_with("~/") => return format!("~/{other}"),
        None => package,
    };
    if other == "index" {
        head.to_owned()
    } else {
        format!("{head}/{other}")
    }
}
