//! Where an index's bytes live, and reading rows from them.
//!
//! One set of accessors serves bytes of any origin. Every access is checked against the section's bounds, so damaged
//! or hostile bytes give `None`, never a panic.

use std::borrow::Cow;

use memmap2::{Mmap, MmapMut};

use crate::error::IndexError;
use crate::format::{
    HEADER_BYTES, Layout, NONE, RECORD, ROW_BYTES, Record, SECTIONS, Section, VariantRow, read_u32,
};
use crate::hash;
use crate::index::slot_at;
use crate::pages;

/// Bytes of a cache line.
const LINE: usize = 64;

/// A record on cache lines of its own.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct RecordLines(pub(crate) [u8; RECORD]);

/// The sections of an index that was compiled in memory: no copy is made to join them, but of those that the hot lane reads.
#[derive(Default)]
pub(crate) struct Parts {
    /// Until they are settled.
    pub(crate) records: Vec<RecordLines>,
    pub(crate) variants: Vec<[u8; 24]>,
    pub(crate) dependencies: Vec<[u8; 4]>,
    pub(crate) outsides: Vec<[u8; 16]>,
    pub(crate) keys: Vec<[u8; 8]>,
    pub(crate) longs: Vec<[u8; 8]>,
    pub(crate) details: Vec<[u8; 32]>,
    pub(crate) packages: Vec<[u8; 32]>,
    pub(crate) tags: Vec<[u8; 24]>,
    pub(crate) layers: Vec<[u8; 16]>,
    pub(crate) vars: Vec<[u8; 16]>,
    pub(crate) strings: Vec<u8>,
}

/// The bytes of an index, wherever they are.
pub(crate) struct Storage {
    /// All sections, or records and slots alone, where the others are parts.
    bytes: Bytes,
    lane: Lane,
    rows: Rows,
}

enum Bytes {
    Owned(Vec<u8>),
    Static(&'static [u8]),
    Mapped(Mmap),
    Large(MmapMut),
}

enum Rows {
    Parts(Parts),
    InOnePiece(Layout),
}

impl Bytes {
    #[inline(always)]
    fn get(&self) -> &[u8] {
        match self {
            Bytes::Owned(bytes) => bytes,
            Bytes::Static(bytes) => bytes,
            Bytes::Mapped(map) => map,
            Bytes::Large(map) => map,
        }
    }
}

/// Where in the bytes of an index the hot lane finds its way. As numbers, so that they can be kept beside the bytes.
#[derive(Clone, Copy, Default)]
struct Lane {
    records_at: u64,
    records: usize,
    slots_at: u64,
    slots: usize,
    /// The number of slots less one: the search never begins at the last.
    slot_range: u64,
    seed: u64,
}

impl Lane {
    fn new(records: (usize, usize), slots: (usize, usize), seed: u64) -> Self {
        Lane {
            records_at: records.0 as u64,
            records: records.1,
            slots_at: slots.0 as u64,
            slots: slots.1,
            slot_range: (slots.1 as u64).saturating_sub(1),
            seed,
        }
    }
}

impl Storage {
    pub(crate) fn compiled(parts: Parts) -> Self {
        Storage {
            bytes: Bytes::Static(&[]),
            lane: Lane::default(),
            rows: Rows::Parts(parts),
        }
    }

    pub(crate) fn owned(bytes: Vec<u8>) -> Result<Self, IndexError> {
        Self::in_one_piece(Bytes::Owned(bytes))
    }

    pub(crate) fn of_static(bytes: &'static [u8]) -> Result<Self, IndexError> {
        Self::in_one_piece(Bytes::Static(bytes))
    }

    pub(crate) fn mapped(map: Mmap) -> Result<Self, IndexError> {
        Self::in_one_piece(Bytes::Mapped(map))
    }

    fn in_one_piece(bytes: Bytes) -> Result<Self, IndexError> {
        let layout = Layout::read(bytes.get())?;
        let section = |section: Section| layout.sections[section as usize];
        Ok(Storage {
            lane: Lane::new(
                section(Section::Records),
                section(Section::Slots),
                layout.seed,
            ),
            bytes,
            rows: Rows::InOnePiece(layout),
        })
    }

    /// Puts records and slots of what was compiled where they stay: on large pages where that helps, on cache lines of their own in
    /// any case. Neither can change any more.
    pub(crate) fn settle(&mut self, slots: &[[u8; 8]], seed: u64) {
        let Rows::Parts(parts) = &mut self.rows else {
            return;
        };
        let records = std::mem::take(&mut parts.records);
        let record_bytes = size_of_val(&*records);
        let length = record_bytes + size_of_val(slots);
        let mut start = 0;
        self.bytes = match pages::large(length) {
            Some(map) => Bytes::Large(map),
            None => {
                let bytes = vec![0; length + LINE];
                start = bytes.as_ptr().align_offset(LINE).min(LINE);
                Bytes::Owned(bytes)
            }
        };
        let bytes: &mut [u8] = match &mut self.bytes {
            Bytes::Owned(bytes) => bytes,
            Bytes::Large(map) => map,
            Bytes::Static(_) | Bytes::Mapped(_) => return,
        };
        let (to_records, to_slots) = bytes[start..start + length].split_at_mut(record_bytes);
        for (to, record) in to_records.as_chunks_mut().0.iter_mut().zip(&records) {
            *to = record.0;
        }
        to_slots.copy_from_slice(slots.as_flattened());
        self.lane = Lane::new(
            (start, records.len()),
            (start + record_bytes, slots.len()),
            seed,
        );
    }

    /// What was compiled, to be changed.
    pub(crate) fn parts_mut(&mut self) -> Option<&mut Parts> {
        match &mut self.rows {
            Rows::Parts(parts) => Some(parts),
            Rows::InOnePiece(_) => None,
        }
    }

    /// The bytes as a file has them, where they are in one piece.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match &self.rows {
            Rows::Parts(_) => None,
            Rows::InOnePiece(_) => Some(self.bytes.get()),
        }
    }

    /// The bytes of an index file; of what was compiled, the checksum is still to be filled in.
    pub(crate) fn to_bytes(&self) -> Cow<'_, [u8]> {
        let parts = match &self.rows {
            Rows::InOnePiece(_) => return Cow::Borrowed(self.bytes.get()),
            Rows::Parts(parts) => parts,
        };
        let rows: [usize; SECTIONS] = [
            self.records(),
            self.lane.slots,
            parts.variants.len(),
            parts.dependencies.len(),
            parts.outsides.len(),
            parts.keys.len(),
            parts.longs.len(),
            parts.details.len(),
            parts.packages.len(),
            parts.tags.len(),
            parts.layers.len(),
            parts.vars.len(),
            parts.strings.len(),
        ];
        let (header, layout, length) = Layout::write(rows, self.lane.seed);
        let mut bytes = Vec::with_capacity(length);
        bytes.extend_from_slice(&header);
        debug_assert_eq!(bytes.len(), HEADER_BYTES);
        for (section, rows) in [
            (Section::Records, self.record_table().as_flattened()),
            (Section::Slots, self.slot_table().as_flattened()),
            (Section::Variants, parts.variants.as_flattened()),
            (Section::Dependencies, parts.dependencies.as_flattened()),
            (Section::Outsides, parts.outsides.as_flattened()),
            (Section::Keys, parts.keys.as_flattened()),
            (Section::Longs, parts.longs.as_flattened()),
            (Section::Details, parts.details.as_flattened()),
            (Section::Packages, parts.packages.as_flattened()),
            (Section::Tags, parts.tags.as_flattened()),
            (Section::Layers, parts.layers.as_flattened()),
            (Section::Vars, parts.vars.as_flattened()),
            (Section::Strings, parts.strings.as_slice()),
        ] {
            bytes.resize(layout.sections[section as usize].0, 0);
            bytes.extend_from_slice(rows);
        }
        Cow::Owned(bytes)
    }

    /// A row of an index in one piece.
    #[inline(always)]
    fn row<const N: usize>(
        &self,
        layout: &Layout,
        section: Section,
        index: usize,
    ) -> Option<&[u8; N]> {
        let (offset, rows) = layout.sections[section as usize];
        if index >= rows {
            return None;
        }
        debug_assert_eq!(N, ROW_BYTES[section as usize]);
        // No overflow: the section was seen to lie within the bytes.
        self.bytes.get().get(offset + index * N..)?.first_chunk()
    }

    #[inline(always)]
    pub(crate) fn seed(&self) -> u64 {
        self.lane.seed
    }
}

/// Row accessors: the same for sections in vectors and for sections in one piece.
macro_rules! accessors {
    ($($(#[$doc:meta])* $name:ident, $count:ident: $section:ident in $field:ident, $size:literal;)*) => {
        impl Storage {
            $(
                $(#[$doc])*
                #[inline(always)]
                pub(crate) fn $name(&self, index: u32) -> Option<&[u8; $size]> {
                    match &self.rows {
                        Rows::Parts(parts) => parts.$field.get(index as usize),
                        Rows::InOnePiece(layout) => self.row(layout, Section::$section, index as usize),
                    }
                }

                #[allow(dead_code, reason = "made for every section alike")]
                pub(crate) fn $count(&self) -> usize {
                    match &self.rows {
                        Rows::Parts(parts) => parts.$field.len(),
                        Rows::InOnePiece(layout) => layout.sections[Section::$section as usize].1,
                    }
                }
            )*
        }
    };
}

accessors! {
    variant_row, variants: Variants in variants, 24;
    dependency_row, dependencies: Dependencies in dependencies, 4;
    outside, outsides: Outsides in outsides, 16;
    key_row, key_rows: Keys in keys, 8;
    long_row, long_rows: Longs in longs, 8;
    detail, details: Details in details, 32;
    package, packages: Packages in packages, 32;
    tag, tags: Tags in tags, 24;
    layer, layers: Layers in layers, 16;
    var, vars: Vars in vars, 16;
}

impl Storage {
    #[inline(always)]
    pub(crate) fn record(&self, index: u32) -> Option<&[u8; RECORD]> {
        match &self.rows {
            Rows::Parts(parts) if !parts.records.is_empty() => {
                parts.records.get(index as usize).map(|lines| &lines.0)
            }
            _ if index as usize >= self.lane.records => None,
            _ => self.view().record(index).map(|record| record.0),
        }
    }

    pub(crate) fn records(&self) -> usize {
        match &self.rows {
            Rows::Parts(parts) if !parts.records.is_empty() => parts.records.len(),
            _ => self.lane.records,
        }
    }

    /// All records, once they are settled.
    fn record_table(&self) -> &[[u8; RECORD]] {
        self.table(self.lane.records_at, self.lane.records)
    }

    /// All slots at once, for probing.
    pub(crate) fn slot_table(&self) -> &[[u8; 8]] {
        self.table(self.lane.slots_at, self.lane.slots)
    }

    fn table<const N: usize>(&self, at: u64, rows: usize) -> &[[u8; N]] {
        let bytes = self.bytes.get().get(at as usize..).unwrap_or_default();
        bytes.as_chunks().0.get(..rows).unwrap_or_default()
    }

    pub(crate) fn string_bytes(&self) -> usize {
        match &self.rows {
            Rows::Parts(parts) => parts.strings.len(),
            Rows::InOnePiece(layout) => layout.sections[Section::Strings as usize].1,
        }
    }

    #[inline]
    pub(crate) fn variant(&self, index: u32) -> Option<VariantRow> {
        self.variant_row(index).map(VariantRow::read)
    }

    #[inline]
    pub(crate) fn dependency(&self, index: u32) -> Option<u32> {
        self.dependency_row(index).map(|row| read_u32(row, 0))
    }

    /// A text of the strings section; `None` if it lies outside or is not UTF-8.
    #[inline]
    pub(crate) fn text(&self, text: (u32, u32)) -> Option<&str> {
        str::from_utf8(self.raw_text(text)?).ok()
    }

    /// A text, whatever its bytes are.
    #[inline]
    pub(crate) fn raw_text(&self, (offset, length): (u32, u32)) -> Option<&[u8]> {
        let start = offset as usize;
        self.text_bytes(start..start.checked_add(length as usize)?)
    }

    /// Bytes of the strings section.
    #[inline]
    pub(crate) fn text_bytes(&self, range: std::ops::Range<usize>) -> Option<&[u8]> {
        match &self.rows {
            Rows::Parts(parts) => parts.strings.get(range),
            Rows::InOnePiece(layout) => {
                let (offset, length) = layout.sections[Section::Strings as usize];
                self.bytes.get().get(offset..offset + length)?.get(range)
            }
        }
    }

    /// What the hot lane reads. Always inlined: what is made for one id alone costs less than writing it to memory would.
    #[inline(always)]
    pub(crate) fn view(&self) -> View<'_> {
        View {
            bytes: self.bytes.get(),
            lane: self.lane,
            seed_key: hash::seed_key(self.lane.seed),
        }
    }
}

/// What the hot lane reads of an index. Of a hostile one it may read what is no slot and no record, but nothing beyond its bytes.
#[derive(Clone, Copy)]
pub(crate) struct View<'i> {
    bytes: &'i [u8],
    lane: Lane,
    pub(crate) seed_key: u64,
}

impl<'i> View<'i> {
    /// The number of the record that a hash leads to, as most do: they stand in the very slot where their search
    /// begins, or in the next. Both are looked at without a branch between them.
    #[inline(always)]
    pub(crate) fn probe(&self, hash: u64) -> u32 {
        let at = self.lane.slots_at + slot_at(hash, self.lane.slot_range) as u64 * 8;
        let Some(slots) = self.chunk::<16>(at) else {
            return NONE;
        };
        let slots: &[[u8; 8]] = slots.as_chunks().0;
        let Some(first) = slots.first() else {
            return NONE;
        };
        // By address, as the compiler makes a branch of a choice between two values.
        let displaced = u64::from_le_bytes(*first) >> 32 != hash >> 32;
        match slots.get(usize::from(displaced)) {
            Some(slot) => (u64::from_le_bytes(*slot) as u32).wrapping_sub(1),
            None => NONE,
        }
    }

    #[inline(always)]
    pub(crate) fn record(&self, number: u32) -> Option<Record<'i>> {
        self.chunk(self.lane.records_at + u64::from(number) * RECORD as u64)
            .map(Record)
    }

    #[inline(always)]
    fn chunk<const N: usize>(&self, at: u64) -> Option<&'i [u8; N]> {
        self.bytes.get(usize::try_from(at).ok()?..)?.first_chunk()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_settled_is_as_it_was_on_lines_of_its_own() {
        for count in [0, 100, 40_000u32] {
            let records: Vec<RecordLines> = (0..count)
                .map(|number| {
                    let mut record = [0; RECORD];
                    record[..4].copy_from_slice(&number.to_le_bytes());
                    RecordLines(record)
                })
                .collect();
            let slots: Vec<[u8; 8]> = (0..u64::from(count) * 3 + 8)
                .map(u64::to_le_bytes)
                .collect();
            let mut storage = Storage::compiled(Parts {
                records: records.clone(),
                ..Parts::default()
            });
            assert_eq!(storage.records(), records.len());
            storage.settle(&slots, 7);
            assert_eq!(storage.records(), records.len());
            assert_eq!(storage.slot_table(), slots);
            assert!(
                storage
                    .record_table()
                    .iter()
                    .eq(records.iter().map(|record| &record.0))
            );
            assert!(storage.record(count).is_none());
            assert_eq!(storage.record_table().as_ptr().align_offset(LINE), 0);
            assert_eq!(storage.seed(), 7);
        }
    }
}
