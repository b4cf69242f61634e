//! The sections of an index as they grow, package by package.

use std::collections::BTreeMap;

use radpack_version::VersionRef;

use crate::error::IndexError;
use crate::format::{
    ENTRY, ENTRY_LENGTH_SHIFT, ENTRY_ROOM, HAS_BASE_URL, INLINE_VERSIONS, INTERNAL, LONG_KEY,
    LONG_VERSIONS, MAX_TEXT, NAME, NAME_ROOM, NEXT, NONE, OFFERED, ORDINALS, OUTSIDE, PACKAGE,
    RECORD, TAGGED, TEXTS, VariantRow, WHOLE_TEXTS, read_u16, version_text, write_u16, write_u32,
    write_u64,
};
use crate::index::Index;
use crate::split::stored_entry;
use crate::storage::{Parts, RecordLines};

/// A text that stands in the strings.
pub(crate) type Text = (u32, u32);

/// A version of the package being written.
#[derive(Clone, Copy)]
pub(crate) struct PackageVersion {
    pub(crate) key: u64,
    /// What specs are matched against.
    text: u32,
    /// Whether all of it is there.
    is_whole: bool,
    /// Row of `details`, where the key is not exact.
    pub(crate) detail: u32,
}

/// Writes sections. Calls come in this order, per layer: `begin_layer`, (`begin_package`, (`begin_entry`, (`dependency`…,
/// `variant`)…, `end_entry`)…, `outside`…, `tag`…, `end_package`)…, `vars`.
#[derive(Default)]
pub(crate) struct Writer {
    pub(crate) parts: Parts,
    pub(crate) versions: Vec<PackageVersion>,
    /// Position and ordinal of each version of the entry being written, newest first.
    entry_versions: Vec<(u32, u32)>,
    package: Package,
    pub(super) layer: u16,
    pub(super) layer_flags: u16,
}

#[derive(Default)]
struct Package {
    name: Text,
    first_record: u32,
    first_dependency: usize,
    first_outside: u32,
    first_tag: u32,
}

/// Where a writer stood, to return to when a scan has to be given up.
pub(crate) struct Mark {
    lengths: [usize; 11],
}

impl Writer {
    pub(crate) fn mark(&self) -> Mark {
        let parts = &self.parts;
        Mark {
            lengths: [
                parts.records.len(),
                parts.variants.len(),
                parts.dependencies.len(),
                parts.outsides.len(),
                parts.keys.len(),
                parts.longs.len(),
                parts.details.len(),
                parts.packages.len(),
                parts.tags.len(),
                parts.vars.len(),
                parts.strings.len(),
            ],
        }
    }

    /// Forgets all that was written since; the strings may have been taken out meanwhile.
    pub(crate) fn reset(&mut self, mark: &Mark) {
        let parts = &mut self.parts;
        parts.records.truncate(mark.lengths[0]);
        parts.variants.truncate(mark.lengths[1]);
        parts.dependencies.truncate(mark.lengths[2]);
        parts.outsides.truncate(mark.lengths[3]);
        parts.keys.truncate(mark.lengths[4]);
        parts.longs.truncate(mark.lengths[5]);
        parts.details.truncate(mark.lengths[6]);
        parts.packages.truncate(mark.lengths[7]);
        parts.tags.truncate(mark.lengths[8]);
        parts.vars.truncate(mark.lengths[9]);
        parts.strings.truncate(mark.lengths[10]);
    }

    /// Makes room for what a canonical text of that many bytes usually holds, so that growing seldom moves anything.
    ///
    /// A variant with its file, dependencies and integrity takes about 135 bytes of text, an export about 500.
    pub(crate) fn reserve(&mut self, bytes: usize) {
        let parts = &mut self.parts;
        parts.records.reserve(bytes / 500);
        parts.variants.reserve(bytes / 130);
        parts.keys.reserve(bytes / 130);
        parts.dependencies.reserve(bytes / 50);
        parts.outsides.reserve(bytes / 400);
        parts.packages.reserve(bytes / 2_500);
    }

    /// Makes room for what some of an index's packages hold, about.
    pub(super) fn reserve_share(&mut self, index: &Index, packages: usize) {
        let (parts, storage) = (&mut self.parts, &index.storage);
        let share = packages as f64 / storage.packages().max(1) as f64;
        let of = |rows: usize| (rows as f64 * share).ceil() as usize;
        parts.records.reserve(of(storage.records()));
        parts.variants.reserve(of(storage.variants()));
        parts.dependencies.reserve(of(storage.dependencies()));
        parts.outsides.reserve(of(storage.outsides()));
        parts.keys.reserve(of(storage.key_rows()));
        parts.packages.reserve(packages);
        parts.strings.reserve(of(storage.string_bytes()));
    }

    /// Begins the next manifest; later ones lie on top.
    pub(crate) fn begin_layer(&mut self) -> Result<(), IndexError> {
        self.layer = u16::try_from(self.parts.layers.len())
            .ok()
            .filter(|layer| *layer < u16::MAX)
            .ok_or_else(|| IndexError::too_large("layers", u16::MAX.into()))?;
        self.layer_flags = 0;
        let mut row = [0; 16];
        write_u32(&mut row, 0, number(self.parts.vars.len(), "vars")?);
        write_u32(&mut row, 8, OFFERED);
        write_u32(&mut row, 12, number(self.parts.packages.len(), "packages")?);
        self.parts.layers.push(row);
        Ok(())
    }

    /// Whether others may use this layer's exports; said before its packages.
    pub(crate) fn offered(&mut self, offered: bool) {
        self.layer_flags = if offered { 0 } else { INTERNAL };
        if let Some(row) = self.parts.layers.last_mut() {
            let flags = crate::format::read_u32(row, 8) & !OFFERED;
            write_u32(row, 8, if offered { flags | OFFERED } else { flags });
        }
    }

    /// The layer's variables, each once.
    pub(crate) fn vars(&mut self, vars: &BTreeMap<&str, &str>) -> Result<(), IndexError> {
        // The strings may be a whole manifest by now, which must not be doubled for a few words more.
        self.parts.strings.reserve_exact(
            vars.iter()
                .map(|(name, value)| name.len() + value.len())
                .sum(),
        );
        for (name, value) in vars {
            let (name, value) = (self.push_text(name)?, self.push_text(value)?);
            let mut row = [0; 16];
            write_text(&mut row, 0, name);
            write_text(&mut row, 8, value);
            self.parts.vars.push(row);
        }
        let total = number(self.parts.vars.len(), "vars")?;
        if let Some(row) = self.parts.layers.last_mut() {
            let start = crate::format::read_u32(row, 0);
            write_u32(row, 4, total - start);
            if vars.contains_key("baseUrl") {
                let flags = crate::format::read_u32(row, 8);
                write_u32(row, 8, flags | HAS_BASE_URL);
            }
        }
        Ok(())
    }

    /// Copies a text into the strings.
    pub(crate) fn push_text(&mut self, text: &str) -> Result<Text, IndexError> {
        if text.len() > MAX_TEXT {
            return Err(IndexError::too_large("bytes in one text", MAX_TEXT as u64));
        }
        let offset = number(self.parts.strings.len(), "bytes of text")?;
        self.parts.strings.extend_from_slice(text.as_bytes());
        number(self.parts.strings.len(), "bytes of text")?;
        Ok((offset, text.len() as u32))
    }

    /// A version of the package, in descending order.
    pub(crate) fn version(
        &mut self,
        version: VersionRef<'_>,
        pre: Option<Text>,
    ) -> Result<(), IndexError> {
        let key = version.key();
        let mut detail = NONE;
        if !key.is_exact() {
            let mut row = [0; 32];
            write_u64(&mut row, 0, version.major);
            write_u64(&mut row, 8, version.minor);
            write_u64(&mut row, 16, version.patch);
            let pre = match pre {
                Some(pre) => pre,
                None => self.push_text(version.pre)?,
            };
            write_text(&mut row, 24, pre);
            detail = number(self.parts.details.len(), "prerelease versions")?;
            self.parts.details.push(row);
        }
        let (text, is_whole) = version_text(version.major, version.minor, version.patch);
        self.versions.push(PackageVersion {
            key: key.bits(),
            text,
            is_whole,
            detail,
        });
        Ok(())
    }

    pub(crate) fn begin_package(&mut self, name: Text) -> Result<(), IndexError> {
        self.versions.clear();
        self.package = Package {
            name,
            first_record: number(self.parts.records.len(), "exports")?,
            first_dependency: self.parts.dependencies.len(),
            first_outside: number(self.parts.outsides.len(), "outside dependencies")?,
            first_tag: number(self.parts.tags.len(), "tags")?,
        };
        Ok(())
    }

    pub(crate) fn begin_entry(&mut self) {
        self.entry_versions.clear();
    }

    /// A version of the variant that comes next, as an index into the package's versions. Descending over an entry.
    #[inline]
    pub(crate) fn entry_version(&mut self, version: u32, ordinal: u32) {
        self.entry_versions.push((version, ordinal));
    }

    /// A dependency of the variant that comes next, as an index into the package's `d`.
    #[inline]
    pub(crate) fn dependency(&mut self, index: u32) {
        self.parts.dependencies.push(index.to_le_bytes());
    }

    /// A variant whose dependencies were written since `dependencies`.
    #[inline]
    pub(crate) fn variant(&mut self, row: VariantRow) {
        self.parts.variants.push(row.write());
    }

    /// Ends an entry whose first variant is `variants`.
    pub(crate) fn end_entry(
        &mut self,
        name: &str,
        entry: Text,
        entry_name: &str,
        variants: u32,
    ) -> Result<(), IndexError> {
        let entry_name = stored_entry(entry_name);
        let mut row = [0; RECORD];
        let mut flags = self.layer_flags;
        write_u16(&mut row, 2, self.layer);
        write_u32(&mut row, 4, variants);
        write_u32(&mut row, NEXT, NONE);
        write_u32(&mut row, 12, number(self.parts.keys.len(), "versions")?);
        write_u32(
            &mut row,
            PACKAGE,
            number(self.parts.packages.len(), "packages")?,
        );
        if name.len() <= NAME_ROOM && entry_name.len() <= ENTRY_ROOM {
            flags |= (name.len() | entry_name.len() << ENTRY_LENGTH_SHIFT) as u16;
            row[NAME..NAME + name.len()].copy_from_slice(name.as_bytes());
            row[ENTRY + ENTRY_ROOM - entry_name.len()..ENTRY + ENTRY_ROOM]
                .copy_from_slice(entry_name.as_bytes());
        } else {
            flags |= LONG_KEY;
            write_u32(&mut row, NAME, self.package.name.0);
            write_u32(&mut row, NAME + 4, entry.0);
            // Names and entries are parts of ids, which are at most 4,096 bytes long.
            write_u16(&mut row, NAME + 8, name.len() as u16);
            write_u16(&mut row, NAME + 10, entry_name.len() as u16);
        }
        let inline = (1..=INLINE_VERSIONS).contains(&self.entry_versions.len())
            && self.entry_versions.iter().all(|(version, ordinal)| {
                *ordinal <= u8::MAX.into()
                    && self
                        .versions
                        .get(*version as usize)
                        .is_some_and(|v| v.detail == NONE)
            });
        for (version, _) in &self.entry_versions {
            let key = self
                .versions
                .get(*version as usize)
                .map_or(0, |version| version.key);
            self.parts.keys.push(key.to_le_bytes());
        }
        if inline {
            row[TEXTS..ORDINALS].fill(0xff);
            flags |= WHOLE_TEXTS;
            for (position, (version, ordinal)) in self.entry_versions.iter().enumerate() {
                let version = &self.versions[*version as usize];
                write_u32(&mut row, TEXTS + position * 4, version.text);
                if !version.is_whole {
                    flags &= !WHOLE_TEXTS;
                }
                row[ORDINALS + position] = *ordinal as u8;
            }
        } else {
            flags |= LONG_VERSIONS;
            write_u32(
                &mut row,
                TEXTS,
                number(self.entry_versions.len(), "versions")?,
            );
            write_u32(
                &mut row,
                TEXTS + 4,
                number(self.parts.longs.len(), "versions")?,
            );
            for (version, ordinal) in &self.entry_versions {
                let detail = self
                    .versions
                    .get(*version as usize)
                    .map_or(NONE, |version| version.detail);
                let mut row = [0; 8];
                write_u32(&mut row, 0, *ordinal);
                write_u32(&mut row, 4, detail);
                self.parts.longs.push(row);
            }
        }
        write_u16(&mut row, 0, flags);
        self.parts.records.push(RecordLines(row));
        Ok(())
    }

    /// An outside dependency, in the order of `d`. The record is filled in by linking.
    pub(crate) fn outside(&mut self, id: Text) -> Result<(), IndexError> {
        let mut row = [0; 16];
        write_u32(&mut row, 0, id.0);
        write_u32(&mut row, 4, NONE);
        write_u16(&mut row, 8, id.1 as u16);
        number(self.parts.outsides.len(), "outside dependencies")?;
        self.parts.outsides.push(row);
        Ok(())
    }

    /// A tag of the package on one of its versions.
    pub(crate) fn tag(&mut self, name: Text, version: usize) -> Result<(), IndexError> {
        let Some(version) = self.versions.get(version) else {
            return Ok(());
        };
        let mut row = [0; 24];
        write_text(&mut row, 0, name);
        write_u64(&mut row, 8, version.key);
        write_u32(&mut row, 16, version.detail);
        number(self.parts.tags.len(), "tags")?;
        self.parts.tags.push(row);
        Ok(())
    }

    /// Ends a package: turns the indices of its dependencies into records and outside rows.
    pub(crate) fn end_package(&mut self) -> Result<(), IndexError> {
        let package = &self.package;
        let parts = &mut self.parts;
        let records = number(parts.records.len(), "exports")?;
        let entries = records - package.first_record;
        for code in &mut parts.dependencies[package.first_dependency..] {
            let index = u32::from_le_bytes(*code);
            *code = match index.checked_sub(entries) {
                None => package.first_record + index,
                Some(outside) => OUTSIDE | (package.first_outside + outside),
            }
            .to_le_bytes();
        }
        let tags = number(parts.tags.len(), "tags")? - package.first_tag;
        if tags > 0 {
            for record in &mut parts.records[package.first_record as usize..] {
                let flags = read_u16(&record.0, 0) | TAGGED;
                write_u16(&mut record.0, 0, flags);
            }
        }
        let mut row = [0; 32];
        write_text(&mut row, 0, package.name);
        write_u32(&mut row, 8, package.first_record);
        write_u32(&mut row, 12, entries);
        write_u32(&mut row, 16, package.first_tag);
        write_u32(&mut row, 20, tags);
        write_u32(&mut row, 24, self.layer.into());
        parts.packages.push(row);
        Ok(())
    }

    /// The next variant's number, and where its dependencies begin.
    #[inline]
    pub(crate) fn next_variant(&self) -> Result<(u32, u32), IndexError> {
        Ok((
            number(self.parts.variants.len(), "variants")?,
            number(self.parts.dependencies.len(), "dependencies")?,
        ))
    }
}

/// A count as the format holds it; the highest bit is kept free.
#[inline]
pub(crate) fn number(count: usize, what: &str) -> Result<u32, IndexError> {
    u32::try_from(count)
        .ok()
        .filter(|count| *count < OUTSIDE || what == "bytes of text")
        .ok_or_else(|| IndexError::too_large(what, (OUTSIDE - 1).into()))
}

#[inline]
pub(super) fn write_text(row: &mut [u8], at: usize, text: Text) {
    write_u32(row, at, text.0);
    write_u32(row, at + 4, text.1);
}
