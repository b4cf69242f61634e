//! Listing what an index holds, and the closest known name on a miss.

use crate::error::{ResolveError, ResolveErrorKind};
use crate::format::{INTERNAL, OFFERED, Record, read_u32};
use crate::found::{Found, Place};
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

    /// Its entries in canonical order, chunks last.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'i>> + use<'i> {
        let (first, count) = (read_u32(self.row, 8), read_u32(self.row, 12));
        let index = self.index;
        (first..first.saturating_add(count)).map_while(move |number| {
            let record = Record(index.storage.record(number)?);
            Some(Entry {
                index,
                number,
                record,
            })
        })
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
        let layers = (0..self.layers() as u32).rev();
        let row = layers
            .filter(|layer| self.is_offering(*layer))
            .find_map(|layer| self.find_package(name, layer))?;
        Some(Package {
            index: self,
            row: self.storage.package(row)?,
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
    /// Adds the closest known id to an error about an unknown package or entry.
    ///
    /// This walks all names: about a millisecond for a hundred thousand packages. That is why resolving does not do it
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
                    .map(|name| id.replacen(asked, name, 1))
            }
            (Detail::Entry { package, entry }, ResolveErrorKind::UnknownEntry) => {
                let entries = self
                    .index
                    .package(package)
                    .into_iter()
                    .flat_map(|package| package.entries().collect::<Vec<_>>());
                let offered = entries
                    .filter(|entry| entry.record.flags() & INTERNAL == 0)
                    .map(|entry| entry.name());
                // Chunks are no entries that anyone should ask for by name.
                let offered =
                    offered.filter(|name| !name.starts_with("c/") || entry.starts_with("c/"));
                closest(entry, offered).map(|name| with_entry(&id, entry, name))
            }
            _ => None,
        };
        error.set_suggestion(suggestion);
        error
    }
}

/// The id with another entry.
fn with_entry(id: &str, entry: &str, other: &str) -> String {
    let stem = id
        .strip_suffix(entry)
        .map_or(id, |stem| stem.trim_end_matches('/'));
    if other == "index" {
        stem.to_owned()
    } else {
        format!("{stem}/{other}")
    }
}

/// The closest of some names, if it is close: at most a third of it is different, two characters swapped count as one.
fn closest<'n>(asked: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let length = asked.chars().count();
    let limit = (length / 3).clamp(2, 8);
    let mut best: Option<(usize, &'n str)> = None;
    for name in names {
        // The lengths' difference is a lower bound, and cheap.
        let bound = best.map_or(limit, |(distance, _)| distance.saturating_sub(1));
        if name.len().abs_diff(asked.len()) > bound * 4
            || name.chars().count().abs_diff(length) > bound
        {
            continue;
        }
        let distance = strsim::osa_distance(asked, name);
        if distance <= bound && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, name));
        }
    }
    best.filter(|(distance, name)| *distance < name.chars().count())
        .map(|(_, name)| name)
}
