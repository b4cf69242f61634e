//! What an id resolved to.

use std::borrow::Cow;

use radpack_version::{Drift, Fit, Key, VersionRef};

use crate::error::ResolveError;
use crate::format::{
    INTERNAL, KIND_FILE, KIND_NONE, KIND_URL, LONG_KEY, LONG_VERSIONS, NO_RECORD, NONE, OUTSIDE,
    Record, VariantRow, read_u32, read_u64,
};
use crate::index::Index;
use crate::split::INDEX;

/// The variant that serves an id: a handle of a few words that borrows from the index.
///
/// ```
/// use radpack_resolve::Index;
/// use radpack_version::{Drift, Fit};
///
/// let index = Index::from_json(
///     br#"{"vars":{"baseUrl":"https://cdn.example"},"exports":{"shapes":{"v":[[2,0,1]],"d":[["index",[{"v":[0],"f":"index-9d81c2f0.js"}]]]}}}"#.to_vec(),
/// )?;
/// let found = index.resolve("shapes@2.0.0")?;
/// assert_eq!(found.version().to_string(), "2.0.1");
/// assert_eq!((found.fit(), found.drift()), (Fit::Nearest, Some(Drift::Patch)));
/// assert_eq!(found.url()?.as_deref(), Some("https://cdn.example/index-9d81c2f0.js"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Found<'i> {
    pub(crate) index: &'i Index,
    pub(crate) place: Place,
}

/// A [`Found`] without its index: what the memo keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) record: u32,
    /// Which of the record's versions.
    pub(crate) position: u32,
    pub(crate) variant: u32,
    pub(crate) fit: Fit,
    pub(crate) drift: Option<Drift>,
}

/// Where in its index a [`Found`] is: a few words that borrow nothing, for those who keep the index and the answer together.
///
/// ```
/// use radpack_resolve::Index;
///
/// let index = Index::from_json(br#"{"exports":{"d3":{"v":[[4]],"d":[["index",[{"v":[0],"f":"d3.js"}]]]}}}"#.to_vec())?;
/// let located = index.resolve("d3@^4")?.locate();
/// assert_eq!(index.at(located).pinned_id(), "d3@4.0.0");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located(pub(crate) Place);

impl<'i> Found<'i> {
    /// Where it is in its index; [`Index::at`] leads back.
    #[inline]
    pub fn locate(&self) -> Located {
        Located(self.place)
    }

    fn record(&self) -> Record<'i> {
        // A place is made only from records that were read.
        Record(
            self.index
                .storage
                .record(self.place.record)
                .unwrap_or(NO_RECORD),
        )
    }

    /// The package's name.
    pub fn name(&self) -> &'i str {
        self.index.name_of(self.record()).unwrap_or_default()
    }

    /// The entry's name; `index` for a bare id.
    pub fn entry(&self) -> &'i str {
        self.index.entry_of(self.record()).unwrap_or_default()
    }

    /// The version that serves.
    pub fn version(&self) -> VersionRef<'i> {
        self.index
            .version_at(self.record(), self.place.position)
            .unwrap_or(VersionRef::new(0, 0, 0))
    }

    /// How the version relates to the spec.
    pub fn fit(&self) -> Fit {
        self.place.fit
    }

    /// What differs from what was asked for, where the fit is [`Fit::Nearest`].
    pub fn drift(&self) -> Option<Drift> {
        self.place.drift
    }

    /// A number for the variant, unique within the index: equal numbers are the same file.
    pub fn variant(&self) -> u32 {
        self.place.variant
    }

    /// The register that serves, counted from the bottom.
    pub fn layer(&self) -> usize {
        self.record().layer().into()
    }

    /// `name@version/entry`, which names exactly this.
    pub fn pinned_id(&self) -> String {
        match self.entry() {
            "index" => format!("{}@{}", self.name(), self.version()),
            entry => format!("{}@{}/{entry}", self.name(), self.version()),
        }
    }

    fn row(&self) -> Result<VariantRow, ResolveError> {
        self.index
            .storage
            .variant(self.place.variant)
            .ok_or_else(|| self.damaged())
    }

    fn damaged(&self) -> ResolveError {
        ResolveError::damaged(&self.pinned_id())
    }

    /// The file, relative to the register's URL template; `None` where the variant has a URL of its own or no code.
    ///
    /// # Errors
    ///
    /// If the index is damaged; so for all that follow.
    pub fn file(&self) -> Result<Option<&'i str>, ResolveError> {
        let row = self.row()?;
        match row.kind {
            KIND_FILE => Ok(Some(
                self.index
                    .storage
                    .text(row.text)
                    .ok_or_else(|| self.damaged())?,
            )),
            _ => Ok(None),
        }
    }

    /// Subresource Integrity of the file, where the manifest states it.
    ///
    /// # Errors
    ///
    /// If the index is damaged.
    pub fn integrity(&self) -> Result<Option<&'i str>, ResolveError> {
        let row = self.row()?;
        if row.integrity.1 == 0 {
            return Ok(None);
        }
        Ok(Some(
            self.index
                .storage
                .text(row.integrity)
                .ok_or_else(|| self.damaged())?,
        ))
    }

    /// The URL, its template filled in from the register's `vars`; `None` for an export without code of its own.
    ///
    /// Variables that nothing gives a value stay in it as `${name}`.
    ///
    /// # Errors
    ///
    /// If the index is damaged.
    pub fn url(&self) -> Result<Option<String>, ResolveError> {
        self.url_with(|_| None)
    }

    /// The URL with a context: values for variables that the register does not give.
    ///
    /// # Errors
    ///
    /// If the index is damaged.
    pub fn url_with<'c>(
        &self,
        context: impl Fn(&str) -> Option<Cow<'c, str>>,
    ) -> Result<Option<String>, ResolveError> {
        let mut url = String::new();
        Ok(self.write_url(&mut url, context)?.then_some(url))
    }

    /// Appends the URL to a buffer; says whether there is one.
    ///
    /// # Errors
    ///
    /// If the index is damaged.
    pub fn write_url<'c>(
        &self,
        buffer: &mut String,
        context: impl Fn(&str) -> Option<Cow<'c, str>>,
    ) -> Result<bool, ResolveError> {
        let row = self.row()?;
        let (file, url) = match row.kind {
            KIND_NONE => return Ok(false),
            KIND_URL => (
                None,
                Some(
                    self.index
                        .storage
                        .text(row.text)
                        .ok_or_else(|| self.damaged())?,
                ),
            ),
            _ => (
                Some(
                    self.index
                        .storage
                        .text(row.text)
                        .ok_or_else(|| self.damaged())?,
                ),
                None,
            ),
        };
        self.index
            .write_url(buffer, self.record(), file, url, context)
            .ok_or_else(|| self.damaged())?;
        Ok(true)
    }

    /// The static dependencies: needed before the module runs.
    pub fn statics(&self) -> Dependencies<'i> {
        self.dependencies(true)
    }

    /// The dynamic dependencies: loaded on demand.
    pub fn dynamics(&self) -> Dependencies<'i> {
        self.dependencies(false)
    }

    fn dependencies(&self, statics: bool) -> Dependencies<'i> {
        let storage = &self.index.storage;
        let range = || {
            let row = storage.variant(self.place.variant)?;
            let end = storage
                .variant(self.place.variant.checked_add(1)?)?
                .dependencies;
            let middle = row.dependencies.checked_add(row.statics)?;
            let sound = middle <= end && end as usize <= storage.dependencies();
            sound.then_some(if statics {
                row.dependencies..middle
            } else {
                middle..end
            })
        };
        Dependencies {
            of: *self,
            range: range().unwrap_or(0..0),
        }
    }

    /// The same entry's place among others of the package, at the same version.
    pub(crate) fn own(&self, record: u32) -> Option<Found<'i>> {
        let own = Record(self.index.storage.record(record)?);
        let this = self.record();
        let position = if (this.flags() | own.flags()) & LONG_VERSIONS == 0 {
            let key = self.index.key_at(this, self.place.position)?;
            (0..own.inline_count() as u32)
                .find(|position| self.index.key_at(own, *position) == Some(key))?
        } else {
            let version = self.version();
            (0..self.index.version_count(own)).find(|position| {
                self.index
                    .version_at(own, *position)
                    .is_some_and(|other| other == version)
            })?
        };
        let variant = self.index.variant_at(own, position)?;
        Some(Found {
            index: self.index,
            place: Place {
                record,
                position,
                variant,
                fit: Fit::Exact,
                drift: None,
            },
        })
    }
}

impl std::fmt::Debug for Found<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "Found({} {})",
            self.pinned_id(),
            self.fit().as_str()
        )
    }
}

/// Equal if the same export of the same index at the same version, however it was asked for.
impl PartialEq for Found<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.index, other.index)
            && self.place.record == other.place.record
            && self.place.position == other.place.position
    }
}

impl Eq for Found<'_> {}

/// The dependencies of a variant, in the manifest's order.
#[derive(Clone)]
pub struct Dependencies<'i> {
    of: Found<'i>,
    range: std::ops::Range<u32>,
}

impl<'i> Iterator for Dependencies<'i> {
    type Item = Dependency<'i>;

    fn next(&mut self) -> Option<Self::Item> {
        let code = self.of.index.storage.dependency(self.range.next()?)?;
        Some(Dependency { of: self.of, code })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let length = self.range.len();
        (length, Some(length))
    }
}

impl ExactSizeIterator for Dependencies<'_> {}

/// One dependency of a variant.
#[derive(Clone, Copy)]
pub struct Dependency<'i> {
    pub(crate) of: Found<'i>,
    pub(crate) code: u32,
}

/// An outside dependency's row.
#[derive(Clone, Copy)]
pub(crate) struct Outside<'i> {
    pub(crate) id: &'i str,
    /// Byte range of the spec within the id.
    pub(crate) spec: (usize, usize),
    pub(crate) record: u32,
}

impl<'i> Outside<'i> {
    pub(crate) fn read(index: &'i Index, code: u32) -> Option<Self> {
        let row = index.storage.outside(code & !OUTSIDE)?;
        let id = index
            .storage
            .text((read_u32(row, 0), crate::format::read_u16(row, 8).into()))?;
        let (start, length) = (
            crate::format::read_u16(row, 10),
            crate::format::read_u16(row, 12),
        );
        Some(Outside {
            id,
            spec: (start.into(), usize::from(start) + usize::from(length)),
            record: read_u32(row, 4),
        })
    }
}

impl<'i> Dependency<'i> {
    /// Whether it is an entry of the same package, at the same version.
    pub fn is_own(&self) -> bool {
        self.code & OUTSIDE == 0
    }

    /// The id: `name@version/entry` of an own entry, else as the manifest has it.
    pub fn id(&self) -> Cow<'i, str> {
        if self.is_own() {
            let record = self.of.index.storage.record(self.code).map(Record);
            let entry = record
                .and_then(|record| self.of.index.entry_of(record))
                .unwrap_or_default();
            let (name, version) = (self.of.name(), self.of.version());
            Cow::Owned(match entry {
                "index" => format!("{name}@{version}"),
                entry => format!("{name}@{version}/{entry}"),
            })
        } else {
            Cow::Borrowed(
                Outside::read(self.of.index, self.code)
                    .map(|outside| outside.id)
                    .unwrap_or_default(),
            )
        }
    }
}

impl Index {
    /// Name of a record.
    #[inline]
    pub(crate) fn name_bytes<'i>(&'i self, record: Record<'i>) -> Option<&'i [u8]> {
        if record.flags() & LONG_KEY == 0 {
            record.inline_name()
        } else {
            let start = record.long_key().0 as usize;
            self.storage
                .text_bytes(start..start.checked_add(record.name_len())?)
        }
    }

    #[inline]
    pub(crate) fn entry_bytes<'i>(&'i self, record: Record<'i>) -> Option<&'i [u8]> {
        if record.flags() & LONG_KEY == 0 {
            record.inline_entry()
        } else {
            let start = record.long_key().1 as usize;
            self.storage
                .text_bytes(start..start.checked_add(record.entry_len())?)
        }
    }

    pub(crate) fn name_of<'i>(&'i self, record: Record<'i>) -> Option<&'i str> {
        str::from_utf8(self.name_bytes(record)?).ok()
    }

    pub(crate) fn entry_of<'i>(&'i self, record: Record<'i>) -> Option<&'i str> {
        match self.entry_bytes(record)? {
            b"" => Some(INDEX),
            entry => str::from_utf8(entry).ok(),
        }
    }

    /// How many versions an export has.
    pub(crate) fn version_count(&self, record: Record<'_>) -> u32 {
        let count = match record.flags() & LONG_VERSIONS {
            0 => record.inline_count() as u32,
            _ => record.longs().0,
        };
        let rows = u32::try_from(self.storage.key_rows()).unwrap_or(u32::MAX);
        count.min(rows.saturating_sub(record.keys()))
    }

    /// The packed key of one of an export's versions.
    pub(crate) fn key_at(&self, record: Record<'_>, position: u32) -> Option<u64> {
        self.storage
            .key_row(record.keys().checked_add(position)?)
            .map(|row| u64::from_le_bytes(*row))
    }

    /// One of an export's versions, newest first.
    pub(crate) fn version_at<'i>(
        &'i self,
        record: Record<'i>,
        position: u32,
    ) -> Option<VersionRef<'i>> {
        let key = self.key_at(record, position)?;
        if record.flags() & LONG_VERSIONS == 0 {
            return self.version_from(key, NONE);
        }
        let row = self
            .storage
            .long_row(record.longs().1.checked_add(position)?)?;
        self.version_from(key, read_u32(row, 4))
    }

    /// A version from its key, or from its detail where the key is not exact.
    pub(crate) fn version_from(&self, key: u64, detail: u32) -> Option<VersionRef<'_>> {
        if detail == NONE {
            let (major, minor, patch) = Key::from_bits(key).triple()?;
            return Some(VersionRef::new(major, minor, patch));
        }
        let row = self.storage.detail(detail)?;
        let pre = self.storage.text((read_u32(row, 24), read_u32(row, 28)))?;
        Some(VersionRef {
            pre,
            ..VersionRef::new(read_u64(row, 0), read_u64(row, 8), read_u64(row, 16))
        })
    }

    /// The variant of an export at one of its versions.
    #[inline]
    pub(crate) fn variant_at(&self, record: Record<'_>, position: u32) -> Option<u32> {
        let ordinal = if record.flags() & LONG_VERSIONS == 0 {
            record.ordinal(position as usize).into()
        } else {
            read_u32(
                self.storage
                    .long_row(record.longs().1.checked_add(position)?)?,
                0,
            )
        };
        record.variants().checked_add(ordinal)
    }

    /// Whether an export may be given to who asks from `layer` (`None`: from outside).
    pub(crate) fn is_offered(&self, record: Record<'_>, asking: Option<u16>) -> bool {
        record.flags() & INTERNAL == 0 || asking == Some(record.layer())
    }
}
