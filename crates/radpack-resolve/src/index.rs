//! The index itself: opening one, and finding exports and packages in it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use radpack_manifest::Manifest;
use radpack_version::{Fallback, Simple};

use crate::compile::{self, Layer};
use crate::error::{IndexError, ResolveError};
use crate::format::{
    self, HAS_BASE_URL, INLINE_VERSIONS, INTERNAL, LONG_VERSIONS, NONE, Record, TAGGED, read_u32,
    read_u64,
};
use crate::found::{Found, Located, Place};
use crate::hash;
use crate::hot;
use crate::query::Query;
use crate::storage::Storage;

/// The longest run of slots that a look-up walks; tables are built so that no key needs more.
pub(crate) const MAX_PROBES: usize = 64;

/// A manifest, or several on top of each other, compiled for look-up: immutable, shareable between threads, and the
/// same bytes whether they were compiled just now, read, mapped or embedded.
///
/// Invariants of an index that this crate compiled (a hostile file may break any of them; then look-ups give wrong
/// answers or errors, never a panic):
///
/// - every export's record is found within 64 slots of its hash;
/// - a record's `next` is a lower record: the same export in the layer below;
/// - an export's versions are descending, and each names a variant of that export;
/// - the packages of a layer are sorted by name.
///
/// ```
/// use radpack_resolve::Index;
///
/// let index = Index::from_json(br#"{"exports":{"d3":{"v":[[4]],"d":[["index",[{"v":[0],"f":"d3.js"}]]]}}}"#.to_vec())?;
/// assert_eq!(index.resolve("d3@^4")?.file()?, Some("d3.js"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Index {
    pub(crate) storage: Storage,
    base_url: Option<String>,
    /// Tells this index from every other of this process, for memos.
    pub(crate) stamp: u64,
}

impl Index {
    pub(crate) fn new(storage: Storage) -> Self {
        static STAMP: AtomicU64 = AtomicU64::new(1);
        Index {
            storage,
            base_url: None,
            stamp: STAMP.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Compiles the text of one manifest. The text is kept as the index's strings, so hand it over.
    ///
    /// # Errors
    ///
    /// If the manifest is invalid; the error's source lists every problem.
    pub fn from_json(json: impl Into<Vec<u8>>) -> Result<Self, IndexError> {
        Self::from_layers([Layer::json(json)])
    }

    /// Compiles one manifest.
    ///
    /// # Errors
    ///
    /// If it is invalid, or larger than an index can number.
    pub fn from_manifest(manifest: &Manifest) -> Result<Self, IndexError> {
        Self::from_layers([Layer::manifest(manifest)])
    }

    /// Compiles several manifests, the last on top.
    ///
    /// # Errors
    ///
    /// If one is invalid, or all together are larger than an index can number.
    pub fn from_layers<'m>(
        layers: impl IntoIterator<Item = Layer<'m>>,
    ) -> Result<Self, IndexError> {
        compile::compile(layers)
    }

    /// Opens bytes from elsewhere and verifies their checksum.
    ///
    /// # Errors
    ///
    /// If they are no index, of another format, or damaged.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, IndexError> {
        let index = Self::from_bytes_unverified(bytes)?;
        index.verify()?;
        Ok(index)
    }

    /// Opens bytes without reading more than their header.
    ///
    /// # Errors
    ///
    /// If they are no index, of another format, or of another length than the header states.
    pub fn from_bytes_unverified(bytes: Vec<u8>) -> Result<Self, IndexError> {
        Storage::owned(bytes).map(Index::new)
    }

    /// Opens bytes that are part of the program: no copy, no allocation, only the header is read.
    ///
    /// [`include_index!`](crate::include_index) embeds a file so that its records lie on cache lines of their own.
    ///
    /// # Errors
    ///
    /// If they are no index, of another format, or of another length than the header states.
    pub fn from_static(bytes: &'static [u8]) -> Result<Self, IndexError> {
        Storage::of_static(bytes).map(Index::new)
    }

    /// Maps an index file and verifies its checksum.
    ///
    /// # Errors
    ///
    /// If it cannot be read, is no index, or is damaged.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, IndexError> {
        let index = Self::open_unverified(path)?;
        index.verify()?;
        Ok(index)
    }

    /// Maps an index file; only its header is read, so this takes the same time at any size.
    ///
    /// # Errors
    ///
    /// If it cannot be mapped, is no index, or is of another length than its header states.
    pub fn open_unverified(path: impl AsRef<Path>) -> Result<Self, IndexError> {
        let path = path.as_ref();
        let map = crate::map::map(path).map_err(|error| IndexError::io(path, error))?;
        Storage::mapped(map).map(Index::new)
    }

    /// Reads every byte and compares the checksum. An index that was compiled in this process is sound as it is.
    ///
    /// # Errors
    ///
    /// If a byte is not what it was when the index was written.
    pub fn verify(&self) -> Result<(), IndexError> {
        let Some(bytes) = self.storage.bytes() else {
            return Ok(());
        };
        let (stated, found) = (format::stated_checksum(bytes), format::checksum(bytes));
        if stated == found {
            Ok(())
        } else {
            Err(IndexError::checksum(stated, found))
        }
    }

    /// The bytes to store or embed.
    pub fn to_bytes(&self) -> Cow<'_, [u8]> {
        let mut bytes = self.storage.to_bytes();
        if let Cow::Owned(bytes) = &mut bytes {
            let checksum = format::checksum(bytes);
            format::write_u64(bytes, format::CHECKSUM_AT, checksum);
        }
        bytes
    }

    /// Gives a `baseUrl` to the layers that state none, as if they stated it: the context's counts only where there is neither.
    #[must_use]
    pub fn with_base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = Some(base_url.into());
        self
    }

    /// The `baseUrl` given with [`with_base_url`](Self::with_base_url).
    pub fn base_url(&self) -> Option<&str> {
        self.base_url.as_deref()
    }

    /// What [`Found::locate`] told, of this same index. Of another one, it is anything that this one has.
    #[inline]
    pub fn at(&self, located: Located) -> Found<'_> {
        Found {
            index: self,
            place: located.0,
        }
    }

    /// A query with everything as it is by default; its methods set scope, context and fallback.
    #[inline(always)]
    pub fn query(&self) -> Query<'_, '_> {
        Query::new(self)
    }

    /// Resolves an id under the default policy, without scope or context.
    ///
    /// # Errors
    ///
    /// See [`ResolveErrorKind`](crate::ResolveErrorKind).
    #[inline]
    pub fn resolve(&self, id: &str) -> Result<Found<'_>, ResolveError> {
        self.query().resolve(id)
    }

    /// The answer to an id, if it is one that takes no look at more than one place: as nearly all have. `None` says nothing but that
    /// [`Query::resolve`] knows. For those who make a query only where one is needed.
    ///
    /// ```
    /// use radpack_resolve::Index;
    /// use radpack_version::Fallback;
    ///
    /// let index = Index::from_json(br#"{"exports":{"d3":{"v":[[4]],"d":[["index",[{"v":[0],"f":"d3.js"}]]]}}}"#.to_vec())?;
    /// assert_eq!(index.resolve_hot("d3@^4", Fallback::None), index.resolve("d3@^4").ok());
    /// assert_eq!(index.resolve_hot("d3@>=3 <5", Fallback::None), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn resolve_hot(&self, id: &str, fallback: Fallback) -> Option<Found<'_>> {
        let place = hot::resolve(&self.storage.view(), id.as_bytes(), fallback)?;
        Some(Found { index: self, place })
    }

    /// The topmost record of an export, `index` being the empty entry.
    pub(crate) fn find(&self, name: &[u8], entry: &[u8]) -> Option<u32> {
        self.probe(hash::key(self.storage.seed(), name, entry), |record| {
            self.is_key_of(record, name, entry)
        })
    }

    /// Walks the slots from where a hash says.
    fn probe(&self, hash: u64, is_it: impl Fn(Record<'_>) -> bool) -> Option<u32> {
        let slots = self.storage.slot_table();
        let mut at = slot_of(hash, slots.len());
        for _ in 0..MAX_PROBES {
            let slot = u64::from_le_bytes(*slots.get(at)?);
            if slot >> 32 == hash >> 32 {
                let record = (slot as u32).wrapping_sub(1);
                if is_it(Record(self.storage.record(record)?)) {
                    return Some(record);
                }
            }
            if slot == 0 {
                return None;
            }
            at = next_slot(at, slots.len());
        }
        None
    }

    pub(crate) fn is_key_of(&self, record: Record<'_>, name: &[u8], entry: &[u8]) -> bool {
        self.name_bytes(record) == Some(name) && self.entry_bytes(record) == Some(entry)
    }

    /// Selection for a spec in text.
    #[inline]
    pub(crate) fn select_hot(&self, index: u32, spec: &[u8], fallback: Fallback) -> Option<Place> {
        let record = Record(self.storage.record(index)?);
        let simple = match Simple::parse(spec) {
            Some(simple) => simple,
            None if spec == b"latest" && record.flags() & TAGGED == 0 => Simple::ANY,
            None => return None,
        };
        self.select_simple(index, record, simple, fallback)
    }

    /// Selection by integers, where the record allows it and one layer decides.
    fn select_simple(
        &self,
        index: u32,
        record: Record<'_>,
        simple: Simple,
        fallback: Fallback,
    ) -> Option<Place> {
        if record.flags() & (LONG_VERSIONS | INTERNAL) != 0 {
            return None;
        }
        let mut keys = [0; INLINE_VERSIONS];
        let keys = keys.get_mut(..record.inline_count())?;
        for (position, key) in (0..).zip(keys.iter_mut()) {
            *key = self.key_at(record, position)?;
        }
        let selected = match simple.select_direct(keys) {
            Some(selected) => selected,
            None if record.next() == NONE => simple.select_nearest(keys, fallback)?,
            None => return None,
        };
        let variant = record
            .variants()
            .checked_add(record.ordinal(selected.index).into())?;
        Some(Place {
            record: index,
            position: selected.index as u32,
            variant,
            fit: selected.fit,
            drift: selected.drift,
        })
    }

    /// Appends a variant's URL. `None`: the index is damaged.
    pub(crate) fn write_url<'c>(
        &self,
        buffer: &mut String,
        record: Record<'_>,
        file: Option<&str>,
        url: Option<&str>,
        context: impl Fn(&str) -> Option<Cow<'c, str>>,
    ) -> Option<()> {
        let layer = self.storage.layer(record.layer().into())?;
        let (start, count) = (read_u32(layer, 0), read_u32(layer, 4));
        let open_base = read_u32(layer, 8) & HAS_BASE_URL == 0;
        let end = start.saturating_add(count).min(self.storage.vars() as u32);
        let var = |name: &str| {
            (start..end).find_map(|row| {
                let row = self.storage.var(row)?;
                let found = self.storage.text((read_u32(row, 0), read_u32(row, 4)))? == name;
                found
                    .then(|| self.storage.text((read_u32(row, 8), read_u32(row, 12))))
                    .flatten()
            })
        };
        let (name, entry) = (self.name_of(record)?, self.entry_of(record)?);
        let template = url.or_else(|| var("url")).unwrap_or("${baseUrl}/${file}");
        buffer.push_str(&radpack_manifest::expand(
            template,
            |variable| match variable {
                "name" => Some(Cow::Borrowed(name)),
                "entry" => Some(Cow::Borrowed(entry)),
                "file" if file.is_some() => file.map(Cow::Borrowed),
                _ => var(variable)
                    .or_else(|| {
                        self.base_url()
                            .filter(|_| open_base && variable == "baseUrl")
                    })
                    .map(Cow::Borrowed)
                    .or_else(|| context(variable)),
            },
        ));
        Some(())
    }

    /// The row of a package in a layer, found by name.
    pub(crate) fn find_package(&self, name: &str, layer: u32) -> Option<u32> {
        let (mut low, mut high) = self.packages_of(layer)?;
        while low < high {
            let middle = low + (high - low) / 2;
            let row = self.storage.package(middle)?;
            match self
                .storage
                .text((read_u32(row, 0), read_u32(row, 4)))?
                .cmp(name)
            {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// The rows of a layer's packages. `None`: there is no such layer, or the index is damaged.
    pub(crate) fn packages_of(&self, layer: u32) -> Option<(u32, u32)> {
        let start = read_u32(self.storage.layer(layer)?, 12);
        let packages = u32::try_from(self.storage.packages()).ok()?;
        let end = match self.storage.layer(layer + 1) {
            Some(row) => read_u32(row, 12),
            None => packages,
        };
        (end <= packages).then_some((start, end))
    }

    /// The `vars` of a layer, bottom first, as the manifest states them.
    pub fn vars(&self, layer: usize) -> BTreeMap<&str, &str> {
        let read = |offset| {
            let row = self.storage.layer(u32::try_from(layer).ok()?)?;
            let (start, count) = (read_u32(row, 0), read_u32(row, 4));
            let row = self
                .storage
                .var(start.checked_add(offset).filter(|_| offset < count)?)?;
            let text = |at| {
                self.storage
                    .text((read_u32(row, at), read_u32(row, at + 4)))
            };
            Some((text(0)?, text(8)?))
        };
        (0..).map_while(read).collect()
    }

    /// How many exports (package × entry) there are, those of lower layers counted too.
    pub fn len(&self) -> usize {
        self.storage.records()
    }

    /// Whether there is no export at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many manifests lie on top of each other.
    pub fn layers(&self) -> usize {
        self.storage.layers()
    }

    pub(crate) fn tag_version(&self, package: u32, tag: &str) -> Option<(u64, u32)> {
        let row = self.storage.package(package)?;
        let (start, count) = (read_u32(row, 16), read_u32(row, 20));
        let end = start.saturating_add(count).min(self.storage.tags() as u32);
        (start..end).find_map(|row| {
            let row = self.storage.tag(row)?;
            let found = self.storage.text((read_u32(row, 0), read_u32(row, 4)))? == tag;
            found.then(|| (read_u64(row, 8), read_u32(row, 16)))
        })
    }
}

impl std::fmt::Debug for Index {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Index")
            .field("exports", &self.len())
            .field("layers", &self.layers())
            .finish_non_exhaustive()
    }
}

/// The slot at which a key's search begins; never the last.
#[inline(always)]
pub(crate) fn slot_of(hash: u64, slots: usize) -> usize {
    slot_at(hash, (slots as u64).saturating_sub(1))
}

/// The same, for a number of slots less one.
#[inline(always)]
pub(crate) fn slot_at(hash: u64, range: u64) -> usize {
    (((hash & 0xffff_ffff) * range) >> 32) as usize
}

/// The slot at which it goes on.
#[inline(always)]
pub(crate) fn next_slot(at: usize, slots: usize) -> usize {
    if at + 1 >= slots { 0 } else { at + 1 }
}

/// Embeds an index file that was compiled at build time, aligned to cache lines, as `&'static [u8]`.
///
/// The path is as for [`include_bytes!`]; build scripts write to `OUT_DIR`:
///
/// ```no_run
/// # // These lines have no build script: any file will do to see that they compile.
/// # macro_rules! concat { ($($_:tt)*) => { core::concat!(core::env!("CARGO_MANIFEST_DIR"), "/Cargo.toml") } }
/// use radpack_resolve::{Index, include_index};
///
/// static SHAPES: &[u8] = include_index!(concat!(env!("OUT_DIR"), "/shapes.index"));
///
/// let index = Index::from_static(SHAPES)?;
/// println!("{}", index.resolve("shapes@^1")?.version());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// `crates/radpack-embedded-example` is a whole program around these lines.
#[macro_export]
macro_rules! include_index {
    ($path:expr $(,)?) => {{
        #[repr(C, align(64))]
        struct Aligned<T: ?Sized>(T);
        static ALIGNED: &Aligned<[u8]> = &Aligned(*include_bytes!($path));
        &ALIGNED.0
    }};
}
