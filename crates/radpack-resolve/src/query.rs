//! The full path from an id to a variant: scope, context, every kind of spec, layers, and why there is no answer.

use std::borrow::Cow;
use std::collections::BTreeMap;

use radpack_manifest::{Id, MAX_ID_BYTES};
use radpack_version::{
    Direct, Fallback, Key, Selected, Spec, TagTarget, VersionRef, Versions, select_direct,
    select_nearest,
};

use crate::error::{Detail, ResolveError, ResolveErrorKind};
use crate::format::{NONE, Record};
use crate::found::{Found, Place};
use crate::hot;
use crate::index::Index;
use crate::split::{self, stored_entry};
use crate::storage::View;

/// How ids are resolved: the index, and what the caller knows about the request. Cheap to make and to copy.
///
/// ```
/// use radpack_resolve::Index;
/// use radpack_version::Fallback;
///
/// let index = Index::from_json(br#"{"exports":{"d3":{"v":[[4]],"d":[["index",[{"v":[0],"f":"d3.js"}]]]}}}"#.to_vec())?;
/// let strict = index.query().fallback(Fallback::None);
/// assert!(strict.resolve("d3@4.0.1").is_err());
/// assert!(index.query().scope("d3").resolve("~/index").is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Query<'i, 'q> {
    pub(crate) index: &'i Index,
    pub(crate) fallback: Fallback,
    scope: Option<&'q str>,
    context: Option<&'q BTreeMap<String, String>>,
    pub(crate) stamp: Stamp,
    pub(crate) view: View<'i>,
}

/// What answers depend on besides the id, in one word: an index and a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(u64);

impl Stamp {
    /// No answers yet.
    pub(crate) const NONE: Stamp = Stamp(0);
    /// Something else too: a scope or a context.
    pub(crate) const OTHER: Stamp = Stamp(1);

    /// `index` is the index's own number, from 1.
    #[inline]
    fn new(index: u64, fallback: Fallback) -> Self {
        Stamp(index << 2 | fallback as u64)
    }
}

impl<'i, 'q> Query<'i, 'q> {
    #[inline(always)]
    pub(crate) fn new(index: &'i Index) -> Self {
        Query {
            index,
            fallback: Fallback::default(),
            scope: None,
            context: None,
            stamp: Stamp::new(index.stamp, Fallback::default()),
            view: index.storage.view(),
        }
    }

    /// The package that asks, as `name` or `name@spec`: what `~/entry` belongs to.
    #[must_use]
    #[inline(always)]
    pub fn scope(self, scope: &'q str) -> Self {
        Query {
            scope: Some(scope),
            stamp: Stamp::OTHER,
            ..self
        }
    }

    /// What may serve where nothing is exact or in range.
    #[must_use]
    #[inline(always)]
    pub fn fallback(self, fallback: Fallback) -> Self {
        let stamp = match self.stamp {
            Stamp::OTHER => Stamp::OTHER,
            _ => Stamp::new(self.index.stamp, fallback),
        };
        Query {
            fallback,
            stamp,
            ..self
        }
    }

    /// Values for `${name}` in ids and URLs.
    #[must_use]
    #[inline(always)]
    pub fn context(self, context: &'q BTreeMap<String, String>) -> Self {
        Query {
            context: Some(context),
            stamp: Stamp::OTHER,
            ..self
        }
    }

    /// Resolves an id. Common ids allocate nothing and take no lock.
    ///
    /// # Errors
    ///
    /// See [`ResolveErrorKind`].
    #[inline]
    pub fn resolve(&self, id: &str) -> Result<Found<'i>, ResolveError> {
        match hot::resolve(&self.view, id.as_bytes(), self.fallback) {
            Some(place) => Ok(Found {
                index: self.index,
                place,
            }),
            None => self.resolve_cold(id),
        }
    }

    /// An id that is not for the hot lane. Never inlined: what the processor has to hold of one look-up must be little,
    /// for it to begin the next while this one waits for memory. By value, so that a query that is made for one id stays in
    /// registers on the hot lane.
    #[inline(never)]
    pub(crate) fn resolve_cold(self, id: &str) -> Result<Found<'i>, ResolveError> {
        if id.ends_with('/') || id.len() > MAX_ID_BYTES {
            // Errors both: an empty entry, which is as empty where it is missing, and what is too long.
            return self.resolve_fully(id, None);
        }
        let parts = split::split(id.as_bytes());
        let place = self.index.find(parts.name, parts.entry);
        match place.and_then(|record| self.index.select_hot(record, parts.spec, self.fallback)) {
            Some(place) => Ok(Found {
                index: self.index,
                place,
            }),
            None => self.resolve_fully(id, None),
        }
    }

    /// The URL of a variant, templates filled in from its register and this query's context.
    ///
    /// # Errors
    ///
    /// If the index is damaged.
    pub fn url(&self, found: &Found<'i>) -> Result<Option<String>, ResolveError> {
        found.url_with(|name| self.variable(name))
    }

    /// Appends the URL of a variant to a buffer; says whether it has one.
    ///
    /// # Errors
    ///
    /// If the index is damaged.
    pub fn write_url(&self, found: &Found<'i>, buffer: &mut String) -> Result<bool, ResolveError> {
        found.write_url(buffer, |name| self.variable(name))
    }

    fn variable(&self, name: &str) -> Option<Cow<'q, str>> {
        self.context?
            .get(name)
            .map(|value| Cow::Borrowed(value.as_str()))
    }

    /// The full path, asked from outside (`None`) or by an export of a layer.
    #[cold]
    pub(crate) fn resolve_fully(
        &self,
        id: &str,
        asking: Option<u16>,
    ) -> Result<Found<'i>, ResolveError> {
        let expanded = radpack_manifest::expand(id, |name| self.variable(name));
        let parsed = Id::parse_in(&expanded, self.scope).map_err(|error| {
            ResolveError::new(ResolveErrorKind::InvalidId, id, Detail::Id(error))
        })?;
        let spec = Spec::parse(parsed.spec.unwrap_or_default()).map_err(|error| {
            ResolveError::new(ResolveErrorKind::InvalidSpec, id, Detail::Spec(error))
        })?;
        let find = |entry: &str| {
            self.index
                .find(parsed.name.as_bytes(), stored_entry(entry).as_bytes())
        };
        let stripped = || {
            parsed
                .entry
                .strip_suffix(".mjs")
                .or_else(|| parsed.entry.strip_suffix(".js"))
                // The entry `.js` is not the empty one, as which `index` is stored.
                .filter(|entry| !entry.is_empty())
        };
        let Some(record) = find(parsed.entry).or_else(|| stripped().and_then(find)) else {
            return Err(self.unknown(id, parsed.name, parsed.entry, asking));
        };
        match self.select(record, &spec, asking) {
            Ok(place) => Ok(Found {
                index: self.index,
                place,
            }),
            Err(Miss::NotOffered) => Err(self.unknown(id, parsed.name, parsed.entry, asking)),
            Err(Miss::Damaged) => Err(ResolveError::damaged(id)),
            Err(Miss::Tag { lacks_entry }) => {
                let tag = parsed.spec.unwrap_or_default().trim().to_owned();
                Err(ResolveError::new(
                    ResolveErrorKind::UnknownTag,
                    id,
                    Detail::Tag { tag, lacks_entry },
                ))
            }
            Err(Miss::Unavailable) => Err(self.unavailable(id, record, &spec, asking)),
        }
    }

    /// A linked dependency: the record is known, the spec is text.
    #[inline]
    pub(crate) fn resolve_linked(
        &self,
        record: u32,
        id: &str,
        spec: &str,
        asking: u16,
    ) -> Result<Found<'i>, ResolveError> {
        if let Some(place) = self
            .index
            .select_hot(record, spec.as_bytes(), self.fallback)
        {
            return Ok(Found {
                index: self.index,
                place,
            });
        }
        if let Ok(spec) = Spec::parse(spec)
            && let Ok(place) = self.select(record, &spec, Some(asking))
        {
            return Ok(Found {
                index: self.index,
                place,
            });
        }
        self.resolve_fully(id, Some(asking))
    }

    /// Selection over the layers of an export: rules 1 to 4 from the top, then rule 5 from the top.
    fn select(&self, top: u32, spec: &Spec<'_>, asking: Option<u16>) -> Result<Place, Miss> {
        let mut offered = false;
        let mut tag_lacks_entry = false;
        for index in self.chain(top) {
            let record = self.record(index)?;
            if !self.index.is_offered(record, asking) {
                continue;
            }
            offered = true;
            let versions = RecordVersions::new(self.index, record);
            match select_direct(&versions, spec, self.fallback, |tag| {
                self.tag(record, &versions, tag)
            }) {
                Direct::Selected(selected) => return self.place(index, record, selected),
                Direct::TagLacksEntry => tag_lacks_entry = true,
                Direct::NotFound | Direct::UnknownTag => {}
            }
        }
        if !offered {
            return Err(Miss::NotOffered);
        }
        if let Spec::Tag(tag) = spec
            && (*tag != "latest" || tag_lacks_entry)
        {
            return Err(Miss::Tag {
                lacks_entry: tag_lacks_entry,
            });
        }
        self.select_nearest(top, spec, self.fallback, asking)?
            .ok_or(Miss::Unavailable)
    }

    fn select_nearest(
        &self,
        top: u32,
        spec: &Spec<'_>,
        fallback: Fallback,
        asking: Option<u16>,
    ) -> Result<Option<Place>, Miss> {
        for index in self.chain(top) {
            let record = self.record(index)?;
            if !self.index.is_offered(record, asking) {
                continue;
            }
            if let Some(selected) =
                select_nearest(&RecordVersions::new(self.index, record), spec, fallback)
            {
                return self.place(index, record, selected).map(Some);
            }
        }
        Ok(None)
    }

    fn record(&self, index: u32) -> Result<Record<'i>, Miss> {
        self.index
            .storage
            .record(index)
            .map(Record)
            .ok_or(Miss::Damaged)
    }

    fn place(&self, index: u32, record: Record<'_>, selected: Selected) -> Result<Place, Miss> {
        let position = u32::try_from(selected.index).map_err(|_| Miss::Damaged)?;
        let variant = self
            .index
            .variant_at(record, position)
            .ok_or(Miss::Damaged)?;
        Ok(Place {
            record: index,
            position,
            variant,
            fit: selected.fit,
            drift: selected.drift,
        })
    }

    /// The records of an export, topmost layer first. They descend, so a hostile chain ends as well.
    pub(crate) fn chain(&self, top: u32) -> impl Iterator<Item = u32> + use<'i> {
        let index = self.index;
        std::iter::successors(Some(top), move |current| {
            let next = Record(index.storage.record(*current)?).next();
            (next != NONE && next < *current).then_some(next)
        })
    }

    fn tag(&self, record: Record<'_>, versions: &RecordVersions<'_>, tag: &str) -> TagTarget {
        let Some((key, detail)) = self.index.tag_version(record.package(), tag) else {
            return TagTarget::Unknown;
        };
        let Some(target) = self.index.version_from(key, detail) else {
            return TagTarget::Missing;
        };
        match (0..versions.len()).find(|position| versions.version(*position) == target) {
            Some(position) => TagTarget::At(position),
            None => TagTarget::Missing,
        }
    }

    fn unknown(&self, id: &str, package: &str, entry: &str, asking: Option<u16>) -> ResolveError {
        if self.offers_package(package, asking) {
            let detail = Detail::Entry {
                package: package.to_owned(),
                entry: entry.to_owned(),
            };
            ResolveError::new(ResolveErrorKind::UnknownEntry, id, detail)
        } else {
            ResolveError::new(
                ResolveErrorKind::UnknownPackage,
                id,
                Detail::Package(package.to_owned()),
            )
        }
    }

    fn offers_package(&self, package: &str, asking: Option<u16>) -> bool {
        (0..self.index.layers() as u32).any(|layer| {
            let may_see = self.index.is_offering(layer)
                || asking.is_some_and(|asking| u32::from(asking) == layer);
            may_see && self.index.find_package(package, layer).is_some()
        })
    }

    fn unavailable(
        &self,
        id: &str,
        top: u32,
        spec: &Spec<'_>,
        asking: Option<u16>,
    ) -> ResolveError {
        const SHOWN: usize = 10;
        let mut available: Vec<semver::Version> = Vec::new();
        for record in self.chain(top).filter_map(|index| self.record(index).ok()) {
            if self.index.is_offered(record, asking) {
                let versions = RecordVersions::new(self.index, record);
                available.extend(
                    (0..versions.len()).map(|position| versions.version(position).to_semver()),
                );
            }
        }
        available.sort_by(|one, other| other.cmp(one));
        available.dedup();
        let more = available.len().saturating_sub(SHOWN);
        available.truncate(SHOWN);
        let policies = [
            Fallback::None,
            Fallback::Compatible,
            Fallback::SameMajor,
            Fallback::Any,
        ];
        let looser = policies
            .into_iter()
            .skip_while(|policy| *policy != self.fallback)
            .skip(1)
            .find_map(|policy| {
                let place = self.select_any(top, spec, policy, asking)?;
                Some((
                    policy,
                    Found {
                        index: self.index,
                        place,
                    }
                    .version()
                    .to_semver(),
                ))
            });
        let detail = Detail::Unavailable {
            available,
            more,
            looser,
        };
        ResolveError::new(ResolveErrorKind::Unavailable, id, detail)
    }

    fn select_any(
        &self,
        top: u32,
        spec: &Spec<'_>,
        fallback: Fallback,
        asking: Option<u16>,
    ) -> Option<Place> {
        self.fallback(fallback).select(top, spec, asking).ok()
    }
}

/// Why a known export gives no variant.
enum Miss {
    NotOffered,
    Tag { lacks_entry: bool },
    Unavailable,
    Damaged,
}

/// An export's versions as the selection rules want them.
struct RecordVersions<'i> {
    index: &'i Index,
    record: Record<'i>,
    count: usize,
}

impl<'i> RecordVersions<'i> {
    fn new(index: &'i Index, record: Record<'i>) -> Self {
        RecordVersions {
            index,
            record,
            count: index.version_count(record) as usize,
        }
    }
}

impl Versions for RecordVersions<'_> {
    fn len(&self) -> usize {
        self.count
    }

    fn version(&self, index: usize) -> VersionRef<'_> {
        let position = u32::try_from(index).unwrap_or(u32::MAX);
        self.index
            .version_at(self.record, position)
            .unwrap_or(VersionRef::new(0, 0, 0))
    }

    fn key(&self, index: usize) -> Key {
        self.version(index).key()
    }
}
