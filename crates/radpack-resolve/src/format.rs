//! The index format: what the bytes of an index mean.
//!
//! One header, then sections of fixed-size rows, then the strings. All numbers are little-endian. Nothing in it is a
//! pointer, so the same bytes work in a `Vec`, in a mapped file and in a `static`.
//!
//! ```text
//! header     256 bytes, below
//! records    128 bytes each: one export (package × entry × layer), two cache lines: its key; its versions as text, which
//!            nearly every spec is matched against
//! slots        8 bytes each: a hash table of records: high 32 bits of the key's hash, low 32 bits record + 1
//! variants    24 bytes each: file or URL, integrity, where its dependencies begin; one more row closes the last
//! dependencies 4 bytes each: a record (own entry), or OUTSIDE | row of `outsides`
//! outsides    16 bytes each: an outside dependency's id, and the record that it names where it is known
//! keys         8 bytes each: the versions of every record as packed keys, newest first
//! longs        8 bytes each: beside the keys of lists that do not fit into their record: variant and detail
//! details     32 bytes each: the versions that a packed key does not hold exactly (prereleases, huge numbers)
//! packages    32 bytes each: sorted by name within a layer
//! tags        24 bytes each
//! layers      16 bytes each: the manifests, bottom first
//! vars        16 bytes each
//! strings    text that the rows name by offset and length
//! ```
//!
//! Sections start at multiples of 64 bytes. The header's section table holds offset and row count of each.

use crate::error::IndexError;
use crate::split::{KeyWords, offset, ones};
use wide::u32x4;

/// The first eight bytes of an index file.
pub(crate) const MAGIC: [u8; 8] = *b"RADPACK\x1a";
/// The format that this build reads and writes.
pub(crate) const FORMAT: u32 = 1;
/// Written little-endian; reads back as something else from a file whose bytes were swapped.
pub(crate) const ENDIAN: u32 = 0x0102_0304;
/// Bytes before the first section.
pub(crate) const HEADER_BYTES: usize = 256;
/// Where the checksum stands; it covers all bytes after itself.
pub(crate) const CHECKSUM_AT: usize = 24;
/// What the checksum covers begins here.
pub(crate) const CHECKED_FROM: usize = CHECKSUM_AT + 8;

/// No row: the end of a chain, or a dependency that no record serves.
pub(crate) const NONE: u32 = u32::MAX;
/// Marks a dependency on another package.
pub(crate) const OUTSIDE: u32 = 1 << 31;

/// Bytes of a record: two cache lines.
pub(crate) const RECORD: usize = 128;
/// A record of nothing.
pub(crate) const NO_RECORD: &[u8; RECORD] = &[0; RECORD];
/// Where a record's name begins; its entry follows.
pub(crate) const KEY: usize = 24;
/// Where a record's texts, ordinals and count stand.
pub(crate) const TEXTS: usize = 64;
pub(crate) const ORDINALS: usize = 112;
pub(crate) const COUNT: usize = 127;

/// Bytes of name and entry that a record holds itself, each within what the hot lane takes. The entry `index` is empty.
pub(crate) const INLINE_KEY: usize = 40;
/// Versions that a record holds itself.
pub(crate) const INLINE_VERSIONS: usize = 12;

/// Record flag: name and entry stand in the strings, not in the record.
pub(crate) const LONG_KEY: u8 = 1;
/// Record flag: the versions are too many for the record, or not exact: they stand in `keys` and `longs` alone.
pub(crate) const LONG_VERSIONS: u8 = 2;
/// Record flag: the package has tags.
pub(crate) const TAGGED: u8 = 4;
/// Record flag: the layer offers its exports to no other (`register: false`).
pub(crate) const INTERNAL: u8 = 8;

/// Variant kind, in the two high bits of the text length.
pub(crate) const KIND_SHIFT: u32 = 30;
/// The longest text that a row can name.
pub(crate) const MAX_TEXT: usize = (1 << KIND_SHIFT) - 1;
/// The variant has no code of its own.
pub(crate) const KIND_NONE: u32 = 0;
/// The variant's text is a file, put into the layer's URL template.
pub(crate) const KIND_FILE: u32 = 1;
/// The variant's text is a whole URL template.
pub(crate) const KIND_URL: u32 = 2;

/// Layer flag: offered to others.
pub(crate) const OFFERED: u32 = 1;
/// Layer flag: the manifest states a `baseUrl`.
pub(crate) const HAS_BASE_URL: u32 = 2;

/// The sections in the order of the header's table.
#[derive(Clone, Copy)]
pub(crate) enum Section {
    Records,
    Slots,
    Variants,
    Dependencies,
    Outsides,
    Keys,
    Longs,
    Details,
    Packages,
    Tags,
    Layers,
    Vars,
    Strings,
}

pub(crate) const SECTIONS: usize = 13;

/// Bytes of one row of each section.
pub(crate) const ROW_BYTES: [usize; SECTIONS] = [128, 8, 24, 4, 16, 8, 8, 32, 32, 24, 16, 16, 1];

/// Where the section table begins in the header.
const TABLE_AT: usize = 40;

/// Where each section lies, checked against the length of the bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Layout {
    /// Offset in bytes and number of rows.
    pub(crate) sections: [(usize, usize); SECTIONS],
    pub(crate) seed: u64,
}

impl Layout {
    /// Reads and checks a header: constant time, whatever the size.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, IndexError> {
        let Some(header) = bytes.get(..HEADER_BYTES) else {
            return Err(IndexError::truncated(bytes.len(), HEADER_BYTES));
        };
        if header[..8] != MAGIC {
            return Err(IndexError::not_an_index());
        }
        let endian = read_u32(header, 12);
        if endian == ENDIAN.swap_bytes() {
            return Err(IndexError::wrong_endian());
        }
        let format = read_u32(header, 8);
        if format != FORMAT || endian != ENDIAN {
            return Err(IndexError::unknown_format(format));
        }
        let length = read_u64(header, 16);
        if length != bytes.len() as u64 {
            return Err(IndexError::wrong_length(bytes.len(), length));
        }
        let mut layout = Layout {
            seed: read_u64(header, 32),
            ..Layout::default()
        };
        for (index, section) in layout.sections.iter_mut().enumerate() {
            let offset = read_u64(header, TABLE_AT + index * 16);
            let rows = read_u64(header, TABLE_AT + index * 16 + 8);
            let end = rows
                .checked_mul(ROW_BYTES[index] as u64)
                .and_then(|size| size.checked_add(offset));
            match end {
                Some(end) if offset >= HEADER_BYTES as u64 && end <= length => {
                    // Both are at most `length`, which equals a usize.
                    *section = (offset as usize, rows as usize);
                }
                _ => return Err(IndexError::section_out_of_bounds(index, offset, rows)),
            }
        }
        Ok(layout)
    }

    /// The header for sections of these row counts, and the offset of each section.
    pub(crate) fn write(rows: [usize; SECTIONS], seed: u64) -> ([u8; HEADER_BYTES], Layout, usize) {
        let mut layout = Layout {
            seed,
            ..Layout::default()
        };
        let mut end = HEADER_BYTES;
        for (index, section) in layout.sections.iter_mut().enumerate() {
            let offset = end.next_multiple_of(64);
            *section = (offset, rows[index]);
            end = offset + rows[index] * ROW_BYTES[index];
        }
        let mut header = [0; HEADER_BYTES];
        header[..8].copy_from_slice(&MAGIC);
        write_u32(&mut header, 8, FORMAT);
        write_u32(&mut header, 12, ENDIAN);
        write_u64(&mut header, 16, end as u64);
        write_u64(&mut header, 32, seed);
        for (index, (offset, rows)) in layout.sections.iter().enumerate() {
            write_u64(&mut header, TABLE_AT + index * 16, *offset as u64);
            write_u64(&mut header, TABLE_AT + index * 16 + 8, *rows as u64);
        }
        (header, layout, end)
    }
}

/// The checksum that a header holds.
pub(crate) fn stated_checksum(bytes: &[u8]) -> u64 {
    read_u64(bytes, CHECKSUM_AT)
}

/// XXH3 of all that a checksum covers.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes.get(CHECKED_FROM..).unwrap_or_default())
}

#[inline(always)]
pub(crate) fn read_u16(row: &[u8], at: usize) -> u16 {
    match row.get(at..at + 2).and_then(|slice| slice.try_into().ok()) {
        Some(array) => u16::from_le_bytes(array),
        None => 0,
    }
}

#[inline(always)]
pub(crate) fn read_u32(row: &[u8], at: usize) -> u32 {
    match row.get(at..at + 4).and_then(|slice| slice.try_into().ok()) {
        Some(array) => u32::from_le_bytes(array),
        None => 0,
    }
}

#[inline(always)]
pub(crate) fn read_u64(row: &[u8], at: usize) -> u64 {
    match row.get(at..at + 8).and_then(|slice| slice.try_into().ok()) {
        Some(array) => u64::from_le_bytes(array),
        None => 0,
    }
}

#[inline(always)]
pub(crate) fn write_u16(row: &mut [u8], at: usize, value: u16) {
    row[at..at + 2].copy_from_slice(&value.to_le_bytes());
}

#[inline(always)]
pub(crate) fn write_u32(row: &mut [u8], at: usize, value: u32) {
    row[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

#[inline(always)]
pub(crate) fn write_u64(row: &mut [u8], at: usize, value: u64) {
    row[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

/// One export's row, read field by field.
#[derive(Clone, Copy)]
pub(crate) struct Record<'a>(pub(crate) &'a [u8; RECORD]);

impl<'a> Record<'a> {
    #[inline(always)]
    pub(crate) fn name_len(self) -> usize {
        read_u16(self.0, 0).into()
    }
    #[inline(always)]
    pub(crate) fn entry_len(self) -> usize {
        read_u16(self.0, 2).into()
    }
    #[inline(always)]
    pub(crate) fn flags(self) -> u8 {
        self.0[4]
    }
    pub(crate) fn layer(self) -> u16 {
        read_u16(self.0, 6)
    }
    pub(crate) fn package(self) -> u32 {
        read_u32(self.0, 8)
    }
    #[inline(always)]
    pub(crate) fn variants(self) -> u32 {
        read_u32(self.0, 12)
    }
    #[inline(always)]
    pub(crate) fn next(self) -> u32 {
        read_u32(self.0, 16)
    }
    /// Its first row of `keys`.
    pub(crate) fn keys(self) -> u32 {
        read_u32(self.0, 20)
    }
    /// Count and first row of `longs`, of a `LONG_VERSIONS` record.
    pub(crate) fn longs(self) -> (u32, u32) {
        (read_u32(self.0, TEXTS), read_u32(self.0, TEXTS + 4))
    }
    #[inline(always)]
    pub(crate) fn inline_key(self) -> &'a [u8; INLINE_KEY] {
        // The range has the array's length, so this cannot fail.
        self.0[KEY..KEY + INLINE_KEY]
            .first_chunk()
            .unwrap_or(&[0; INLINE_KEY])
    }
    /// Offsets of name and entry in the strings, of a `LONG_KEY` record.
    pub(crate) fn long_key(self) -> (u32, u32) {
        (read_u32(self.0, KEY), read_u32(self.0, KEY + 4))
    }
    /// Both lengths in one word: the name's, and the entry's above it.
    #[inline(always)]
    pub(crate) fn lengths(self) -> u32 {
        read_u32(self.0, 0)
    }
    /// Whether these are name and entry, which the record holds itself.
    #[inline(always)]
    pub(crate) fn has_key(self, key: &KeyWords, name_length: usize, entry_length: usize) -> bool {
        if name_length + entry_length > INLINE_KEY {
            return false;
        }
        // One sum of differences, no branch on any; behind a short text stand others, so they are masked.
        let (name, entry) = (KEY, KEY + name_length);
        let mut names = 0;
        for (word, value) in key.name.iter().enumerate() {
            names |= read_u64(self.0, name + offset(word, name_length)) ^ value;
        }
        let mut entries = 0;
        for (word, value) in key.entry.iter().enumerate() {
            entries |= read_u64(self.0, entry + offset(word, entry_length)) ^ value;
        }
        (names & ones(name_length)) | (entries & ones(entry_length)) == 0
    }
    /// The first version whose text begins with `value` under `mask`; [`INLINE_VERSIONS`] or more if none does.
    #[inline(always)]
    pub(crate) fn match_text(self, value: u32, mask: u32) -> usize {
        let (value, mask) = (u32x4::splat(value), u32x4::splat(mask));
        let mut found = 1 << INLINE_VERSIONS;
        for quarter in 0..INLINE_VERSIONS / 4 {
            let texts: [u32; 4] =
                std::array::from_fn(|lane| read_u32(self.0, TEXTS + quarter * 16 + lane * 4));
            let equal = ((u32x4::from(texts) ^ value) & mask).simd_eq(u32x4::ZERO);
            found |= equal.to_bitmask() << (quarter * 4);
        }
        found.trailing_zeros() as usize
    }
    #[inline(always)]
    pub(crate) fn ordinal(self, position: usize) -> u8 {
        self.0.get(ORDINALS + position).copied().unwrap_or(0)
    }
    #[inline(always)]
    pub(crate) fn inline_count(self) -> usize {
        usize::from(self.0[COUNT]).min(INLINE_VERSIONS)
    }
}

/// A version's text and the dot that ends it, four bits a character, the first lowest: `1.2.3.` is `0xffe3e2e1`. What
/// is longer than eight characters is cut off, what is shorter is filled up with ones.
pub(crate) fn version_text(major: u64, minor: u64, patch: u64) -> u32 {
    let text = format!("{major}.{minor}.{patch}.");
    let nibbles = text
        .bytes()
        .map(|byte| u32::from(byte & 0xf))
        .chain(std::iter::repeat(0xf));
    nibbles
        .take(8)
        .enumerate()
        .fold(0, |word, (at, nibble)| word | nibble << (at * 4))
}

/// Digits and dots as in [`version_text`], from up to eight bytes and zeros behind them; whether there is a dot, and a
/// second; and whether there is nothing else.
#[inline(always)]
pub(crate) fn spec_text(body: u64, length: usize) -> (u32, [bool; 2], bool) {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = ONES << 7;
    let all = ones(length);
    let is_dot = body ^ (ONES * 0x2e);
    let dots = !(((is_dot & !HIGHS) + !HIGHS) | is_dot) & HIGHS & all;
    let digit = body ^ (ONES * 0x30);
    let no_digits = (((digit & !HIGHS) + ONES * 0x76) | digit) & HIGHS & all;
    let nibbles = body & (ONES * 0xf);
    let bytes = (nibbles | nibbles >> 4) & 0x00ff_00ff_00ff_00ff;
    let halves = (bytes | bytes >> 8) & 0x0000_ffff_0000_ffff;
    let dotted = [dots != 0, dots & dots.wrapping_sub(1) != 0];
    ((halves | halves >> 16) as u32, dotted, no_digits == dots)
}

/// One variant's row.
#[derive(Clone, Copy)]
pub(crate) struct VariantRow {
    pub(crate) text: (u32, u32),
    pub(crate) kind: u32,
    pub(crate) integrity: (u32, u32),
    pub(crate) dependencies: u32,
    pub(crate) statics: u32,
}

impl VariantRow {
    #[inline]
    pub(crate) fn read(row: &[u8; 24]) -> Self {
        let length = read_u32(row, 4);
        VariantRow {
            text: (read_u32(row, 0), length & MAX_TEXT as u32),
            kind: length >> KIND_SHIFT,
            integrity: (read_u32(row, 8), read_u32(row, 12)),
            dependencies: read_u32(row, 16),
            statics: read_u32(row, 20),
        }
    }

    #[inline]
    pub(crate) fn write(self) -> [u8; 24] {
        let mut row = [0; 24];
        write_u32(&mut row, 0, self.text.0);
        write_u32(&mut row, 4, self.text.1 | (self.kind << KIND_SHIFT));
        write_u32(&mut row, 8, self.integrity.0);
        write_u32(&mut row, 12, self.integrity.1);
        write_u32(&mut row, 16, self.dependencies);
        write_u32(&mut row, 20, self.statics);
        row
    }
}
