//! Where an index's bytes live, and reading rows from them.
//!
//! One set of accessors serves bytes of any origin. Every access is checked against the section's bounds, so damaged
//! or hostile bytes give `None`, never a panic.

use memmap2::Mmap;

use crate::format::{
    HEADER_BYTES, Layout, NO_RECORD, NONE, RECORD, ROW_BYTES, Record, SECTIONS, Section,
    VariantRow, read_u32,
};
use crate::hash;
use crate::index::slot_at;
use crate::pages::LargePages;

/// A record on cache lines of its own.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct RecordLines(pub(crate) [u8; RECORD]);

/// The sections of an index that was compiled in memory: no copy is made to join them.
#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) records: Vec<RecordLines>,
    pub(crate) slots: Vec<[u8; 8]>,
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
    pub(crate) seed: u64,
    /// Records and slots of a large index, which are then empty above.
    pub(crate) large: Option<LargePages>,
}

impl Parts {
    /// Moves records and slots to large pages where that helps. Neither may change any more.
    pub(crate) fn settle(&mut self) {
        self.large = LargePages::of(&self.records, &self.slots);
        if self.large.is_some() {
            (self.records, self.slots) = (Vec::new(), Vec::new());
        }
    }

    #[inline(always)]
    fn record(&self, index: usize) -> Option<&[u8; RECORD]> {
        match &self.large {
            Some(large) => large.records().get(index),
            None => self.records.get(index).map(|lines| &lines.0),
        }
    }

    fn record_count(&self) -> usize {
        match &self.large {
            Some(large) => large.records().len(),
            None => self.records.len(),
        }
    }

    fn slots(&self) -> &[[u8; 8]] {
        match &self.large {
            Some(large) => large.slots(),
            None => &self.slots,
        }
    }

    /// The bytes of an index file, the checksum still to be filled in.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let rows: [usize; SECTIONS] = [
            self.record_count(),
            self.slots().len(),
            self.variants.len(),
            self.dependencies.len(),
            self.outsides.len(),
            self.keys.len(),
            self.longs.len(),
            self.details.len(),
            self.packages.len(),
            self.tags.len(),
            self.layers.len(),
            self.vars.len(),
            self.strings.len(),
        ];
        let (header, layout, length) = Layout::write(rows, self.seed);
        let mut bytes = Vec::with_capacity(length);
        bytes.extend_from_slice(&header);
        debug_assert_eq!(bytes.len(), HEADER_BYTES);
        let begin = |section: Section, bytes: &mut Vec<u8>| {
            bytes.resize(layout.sections[section as usize].0, 0);
        };
        begin(Section::Records, &mut bytes);
        for number in 0..self.record_count() {
            bytes.extend_from_slice(self.record(number).unwrap_or(NO_RECORD));
        }
        for (section, rows) in [
            (Section::Slots, self.slots().as_flattened()),
            (Section::Variants, self.variants.as_flattened()),
            (Section::Dependencies, self.dependencies.as_flattened()),
            (Section::Outsides, self.outsides.as_flattened()),
            (Section::Keys, self.keys.as_flattened()),
            (Section::Longs, self.longs.as_flattened()),
            (Section::Details, self.details.as_flattened()),
            (Section::Packages, self.packages.as_flattened()),
            (Section::Tags, self.tags.as_flattened()),
            (Section::Layers, self.layers.as_flattened()),
            (Section::Vars, self.vars.as_flattened()),
            (Section::Strings, self.strings.as_slice()),
        ] {
            begin(section, &mut bytes);
            bytes.extend_from_slice(rows);
        }
        bytes
    }
}

/// The bytes of an index, wherever they are.
pub(crate) enum Storage {
    Parts(Box<Parts>),
    Owned(Vec<u8>, Layout),
    Static(&'static [u8], Layout),
    Mapped(Mmap, Layout),
}

impl Storage {
    /// The bytes as a file has them, where they are in one piece.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Storage::Parts(_) => None,
            Storage::Owned(bytes, _) => Some(bytes),
            Storage::Static(bytes, _) => Some(bytes),
            Storage::Mapped(map, _) => Some(map),
        }
    }

    #[inline(always)]
    fn row<const N: usize>(&self, section: Section, index: usize) -> Option<&[u8; N]> {
        let (bytes, layout): (&[u8], &Layout) = match self {
            Storage::Parts(_) => return None,
            Storage::Owned(bytes, layout) => (bytes, layout),
            Storage::Static(bytes, layout) => (bytes, layout),
            Storage::Mapped(map, layout) => (map, layout),
        };
        let (offset, rows) = layout.sections[section as usize];
        if index >= rows {
            return None;
        }
        debug_assert_eq!(N, ROW_BYTES[section as usize]);
        // No overflow: the section was seen to lie within the bytes.
        bytes.get(offset + index * N..)?.first_chunk()
    }

    fn rows(&self, section: Section) -> usize {
        match self {
            Storage::Parts(parts) => match section {
                Section::Records => parts.record_count(),
                Section::Slots => parts.slots().len(),
                Section::Variants => parts.variants.len(),
                Section::Dependencies => parts.dependencies.len(),
                Section::Outsides => parts.outsides.len(),
                Section::Keys => parts.keys.len(),
                Section::Longs => parts.longs.len(),
                Section::Details => parts.details.len(),
                Section::Packages => parts.packages.len(),
                Section::Tags => parts.tags.len(),
                Section::Layers => parts.layers.len(),
                Section::Vars => parts.vars.len(),
                Section::Strings => parts.strings.len(),
            },
            Storage::Owned(_, layout) | Storage::Static(_, layout) | Storage::Mapped(_, layout) => {
                layout.sections[section as usize].1
            }
        }
    }

    #[inline(always)]
    pub(crate) fn seed(&self) -> u64 {
        match self {
            Storage::Parts(parts) => parts.seed,
            Storage::Owned(_, layout) | Storage::Static(_, layout) | Storage::Mapped(_, layout) => {
                layout.seed
            }
        }
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
                    match self {
                        Storage::Parts(parts) => parts.$field.get(index as usize),
                        _ => self.row(Section::$section, index as usize),
                    }
                }

                #[allow(dead_code, reason = "made for every section alike")]
                pub(crate) fn $count(&self) -> usize {
                    self.rows(Section::$section)
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
        match self {
            Storage::Parts(parts) => parts.record(index as usize),
            _ => self.row(Section::Records, index as usize),
        }
    }

    pub(crate) fn records(&self) -> usize {
        self.rows(Section::Records)
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
    pub(crate) fn text(&self, (offset, length): (u32, u32)) -> Option<&str> {
        let range = offset as usize..(offset as usize).checked_add(length as usize)?;
        str::from_utf8(self.text_bytes(range)?).ok()
    }

    /// Bytes of the strings section.
    #[inline]
    pub(crate) fn text_bytes(&self, range: std::ops::Range<usize>) -> Option<&[u8]> {
        match self {
            Storage::Parts(parts) => parts.strings.get(range),
            Storage::Owned(bytes, layout) => strings(bytes, layout, range),
            Storage::Static(bytes, layout) => strings(bytes, layout, range),
            Storage::Mapped(map, layout) => strings(map, layout, range),
        }
    }
}

fn strings<'a>(
    bytes: &'a [u8],
    layout: &Layout,
    range: std::ops::Range<usize>,
) -> Option<&'a [u8]> {
    let (offset, length) = layout.sections[Section::Strings as usize];
    bytes.get(offset..offset + length)?.get(range)
}

impl Storage {
    /// What the hot lane reads.
    #[inline]
    pub(crate) fn view(&self) -> View<'_> {
        let records = match self {
            Storage::Parts(parts) => match &parts.large {
                Some(large) => Records::Bytes(large.records()),
                None => Records::Lines(&parts.records),
            },
            _ => Records::Bytes(self.section(Section::Records).as_chunks().0),
        };
        let slots = self.slot_table();
        View {
            slots,
            // The search never begins at the last slot.
            slot_range: (slots.len() as u64).saturating_sub(1),
            records,
            seed_key: hash::seed_key(self.seed()),
        }
    }

    /// The bytes of a section, of an index in one piece.
    fn section(&self, section: Section) -> &[u8] {
        let (bytes, layout): (&[u8], &Layout) = match self {
            Storage::Parts(_) => return &[],
            Storage::Owned(bytes, layout) => (bytes, layout),
            Storage::Static(bytes, layout) => (bytes, layout),
            Storage::Mapped(map, layout) => (map, layout),
        };
        let (offset, rows) = layout.sections[section as usize];
        // No overflow: the section was seen to lie within the bytes.
        bytes
            .get(offset..offset + rows * ROW_BYTES[section as usize])
            .unwrap_or_default()
    }

    /// All slots at once, for probing.
    pub(crate) fn slot_table(&self) -> &[[u8; 8]] {
        match self {
            Storage::Parts(parts) => parts.slots(),
            _ => self.section(Section::Slots).as_chunks().0,
        }
    }
}

/// What the hot lane reads of an index, looked up once for many ids.
#[derive(Clone, Copy)]
pub(crate) struct View<'i> {
    slots: &'i [[u8; 8]],
    slot_range: u64,
    records: Records<'i>,
    pub(crate) seed_key: u64,
}

#[derive(Clone, Copy)]
enum Records<'i> {
    Lines(&'i [RecordLines]),
    Bytes(&'i [[u8; RECORD]]),
}

impl<'i> View<'i> {
    /// The number of the record that a hash leads to, as most do: they stand in the very slot where their search
    /// begins, or in the next. Both are looked at without a branch between them.
    #[inline(always)]
    pub(crate) fn probe(&self, hash: u64) -> u32 {
        let at = slot_at(hash, self.slot_range);
        let (Some(_), Some(first)) = (self.slots.get(at + 1), self.slots.get(at)) else {
            return NONE;
        };
        // By address, as the compiler makes a branch of a choice between two values.
        let displaced = u64::from_le_bytes(*first) >> 32 != hash >> 32;
        match self.slots.get(at + usize::from(displaced)) {
            Some(slot) => (u64::from_le_bytes(*slot) as u32).wrapping_sub(1),
            None => NONE,
        }
    }

    #[inline(always)]
    pub(crate) fn record(&self, number: u32) -> Option<Record<'i>> {
        match self.records {
            Records::Lines(records) => records.get(number as usize).map(|lines| Record(&lines.0)),
            Records::Bytes(records) => records.get(number as usize).map(Record),
        }
    }
}
