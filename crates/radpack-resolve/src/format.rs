//! The index format: what the bytes of an index mean.
//!
//! One header, then sections of fixed-size rows, then the strings. All numbers are little-endian. Nothing in it is a
//! pointer, so the same bytes work in a `Vec`, in a mapped file and in a `static`.
//!
//! ```text
//! header     256 bytes, below
//! records    128 bytes each: one export (package × entry × layer), two cache lines: its key; its versions as text, which
//!            nearly every spec is matched against; see [`Record`]
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
use crate::split::{KeyWords, load, tail_offset};
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
/// Where a record's name stands, and its entry.
pub(crate) const NAME: usize = 16;
pub(crate) const ENTRY: usize = NAME + NAME_ROOM;
/// Where a record's texts, ordinals and package stand.
pub(crate) const TEXTS: usize = 64;
pub(crate) const ORDINALS: usize = 112;
pub(crate) const PACKAGE: usize = 124;

/// Where the record of the layer below stands.
pub(crate) const NEXT: usize = 8;
/// The longest name that a record holds itself, in bytes.
pub(crate) const NAME_ROOM: usize = 32;
/// The longest entry that a record holds itself, in bytes. The entry `index` is empty.
pub(crate) const ENTRY_ROOM: usize = 16;
/// Versions that a record holds itself.
pub(crate) const INLINE_VERSIONS: usize = 12;

/// Where the length of the entry stands in a record's first word, above that of the name.
pub(crate) const ENTRY_LENGTH_SHIFT: u32 = 6;
/// Record flag: name and entry stand in the strings, not in the record.
pub(crate) const LONG_KEY: u16 = 1 << 11;
/// Record flag: the versions are none, too many for the record, or not exact: they stand in `keys` and `longs` alone.
pub(crate) const LONG_VERSIONS: u16 = 1 << 12;
/// Record flag: the layer offers its exports to no other (`register: false`).
pub(crate) const INTERNAL: u16 = 1 << 13;
/// Record flag: no text of a version is cut off, so that eight characters are all of it. One that lacks it is read the longer way.
pub(crate) const WHOLE_TEXTS: u16 = 1 << 14;
/// Record flag: the package has tags.
pub(crate) const TAGGED: u16 = 1 << 15;

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
///
/// ```text
///   0  u16       length of the name (6 bits), of the entry (5 bits), flags
///   2  u16       layer
///   4  u32       its first row of `variants`
///   8  u32       the record of the same export in the layer below
///  12  u32       its first row of `keys`
///  16  32 bytes  name, zeros behind it    } LONG_KEY: u32, u32 offsets of name and entry in the strings,
///  48  16 bytes  entry, zeros before it   }           u16, u16 their lengths
///  64  12 u32    versions as text, newest first, u32::MAX where there is none (LONG_VERSIONS: count, first row of `longs`)
/// 112  12 bytes  for each version its variant, counted from the first
/// 124  u32       package
/// ```
#[derive(Clone, Copy)]
pub(crate) struct Record<'a>(pub(crate) &'a [u8; RECORD]);

impl<'a> Record<'a> {
    pub(crate) fn name_len(self) -> usize {
        match self.flags() & LONG_KEY {
            0 => usize::from(self.flags() & 63).min(NAME_ROOM),
            _ => read_u16(self.0, NAME + 8).into(),
        }
    }
    pub(crate) fn entry_len(self) -> usize {
        match self.flags() & LONG_KEY {
            0 => usize::from(self.flags() >> ENTRY_LENGTH_SHIFT & 31).min(ENTRY_ROOM),
            _ => read_u16(self.0, NAME + 10).into(),
        }
    }
    /// The flags, with the lengths below them.
    #[inline(always)]
    pub(crate) fn flags(self) -> u16 {
        read_u16(self.0, 0)
    }
    pub(crate) fn layer(self) -> u16 {
        read_u16(self.0, 2)
    }
    pub(crate) fn package(self) -> u32 {
        read_u32(self.0, PACKAGE)
    }
    #[inline(always)]
    pub(crate) fn variants(self) -> u32 {
        read_u32(self.0, 4)
    }
    #[inline(always)]
    pub(crate) fn next(self) -> u32 {
        read_u32(self.0, NEXT)
    }
    /// Its first row of `keys`.
    pub(crate) fn keys(self) -> u32 {
        read_u32(self.0, 12)
    }
    /// Count and first row of `longs`, of a `LONG_VERSIONS` record.
    pub(crate) fn longs(self) -> (u32, u32) {
        (read_u32(self.0, TEXTS), read_u32(self.0, TEXTS + 4))
    }
    /// The name, where the record holds it itself.
    pub(crate) fn inline_name(self) -> Option<&'a [u8]> {
        self.0.get(NAME..NAME + self.name_len())
    }
    /// The entry, where the record holds it itself.
    pub(crate) fn inline_entry(self) -> Option<&'a [u8]> {
        self.0
            .get(ENTRY + ENTRY_ROOM - self.entry_len()..ENTRY + ENTRY_ROOM)
    }
    /// Offsets of name and entry in the strings, of a `LONG_KEY` record.
    pub(crate) fn long_key(self) -> (u32, u32) {
        (read_u32(self.0, NAME), read_u32(self.0, NAME + 4))
    }
    /// Whether the record holds this very key itself, and versions that may be chosen by their texts.
    ///
    /// One sum of differences, no branch on any.
    #[inline(always)]
    pub(crate) fn is_plain(self, key: &KeyWords, name_length: usize, entry_length: usize) -> bool {
        let words = |at: usize| [load(self.0, at), load(self.0, at + 8)];
        // Lengths of ids that the hot lane takes reach into the flags at most, which then differ.
        let lengths = (name_length | entry_length << ENTRY_LENGTH_SHIFT) as u64;
        // A tail lies within the record whatever the length; the mask only lets the compiler see it.
        let (head, tail, entry) = (
            words(NAME),
            words(NAME + (tail_offset(name_length) & 63)),
            words(ENTRY),
        );
        let different = (u64::from(self.flags() & !(TAGGED | WHOLE_TEXTS)) ^ lengths)
            | (head[0] ^ key.head[0])
            | (head[1] ^ key.head[1])
            | (tail[0] ^ key.tail[0])
            | (tail[1] ^ key.tail[1])
            | (entry[0] ^ key.entry[0])
            | (entry[1] ^ key.entry[1]);
        different == 0
    }
    /// The first version whose text is `value` under `mask`; [`INLINE_VERSIONS`] if none is.
    #[inline(always)]
    pub(crate) fn match_text(self, value: u32, mask: u32) -> usize {
        (self.matches(value, mask) | 1 << INLINE_VERSIONS).trailing_zeros() as usize
    }
    /// One bit for each version whose text is `value` under `mask`.
    #[inline(always)]
    pub(crate) fn matches(self, value: u32, mask: u32) -> u32 {
        let (value, mask) = (u32x4::splat(value), u32x4::splat(mask));
        let quarter = |quarter: usize| {
            let texts: [u32; 4] =
                std::array::from_fn(|lane| read_u32(self.0, TEXTS + quarter * 16 + lane * 4));
            (u32x4::from(texts) & mask).simd_eq(value).to_bitmask()
        };
        quarter(0) | quarter(1) << 4 | quarter(2) << 8
    }
    #[inline(always)]
    pub(crate) fn ordinal(self, position: usize) -> u8 {
        self.0.get(ORDINALS + position).copied().unwrap_or(0)
    }
    /// How many versions it holds itself.
    pub(crate) fn inline_count(self) -> usize {
        (0..INLINE_VERSIONS)
            .position(|position| read_u32(self.0, TEXTS + position * 4) == u32::MAX)
            .unwrap_or(INLINE_VERSIONS)
    }
}

/// A version's text and the dot that ends it, four bits a character, the first lowest: `1.2.3.` is `0xffe3e2e1`. What
/// is longer than eight characters is cut off, what is shorter is filled up with ones. With it comes whether all of the
/// text is there, be it without the dot.
pub(crate) fn version_text(major: u64, minor: u64, patch: u64) -> (u32, bool) {
    let text = format!("{major}.{minor}.{patch}.");
    let nibbles = text
        .bytes()
        .map(|byte| u32::from(byte & 0xf))
        .chain(std::iter::repeat(0xf));
    let word = nibbles
        .take(8)
        .enumerate()
        .fold(0, |word, (at, nibble)| word | nibble << (at * 4));
    (word, text.len() <= 9)
}

/// What may be the beginning of a version, from up to eight bytes with zeros behind them.
#[derive(Clone, Copy)]
pub(crate) struct SpecText {
    /// The bytes as in [`version_text`], zeros behind them.
    pub(crate) text: u32,
    /// A one in the lowest bit of each byte that is a dot, if the rest holds.
    pub(crate) dots: u64,
    /// Whether each byte is a digit or a dot, if the text is that of a version: some others have the same four bits, but
    /// those of no digit.
    pub(crate) is_valid: bool,
}

impl SpecText {
    #[inline(always)]
    pub(crate) fn of(body: u64, length: usize) -> Self {
        const ONES: u64 = 0x0101_0101_0101_0101;
        // Digits are 0x30 to 0x39, the dot is 0x2e: of those only it has both middle bits of 0b1110.
        let dots = body >> 3 & body >> 2 & ONES;
        let highs = (body >> 4 & (ONES * 0xf)) + dots;
        let nibbles = body & (ONES * 0xf);
        let bytes = (nibbles | nibbles >> 4) & 0x00ff_00ff_00ff_00ff;
        let halves = (bytes | bytes >> 8) & 0x0000_ffff_0000_ffff;
        SpecText {
            text: (halves | halves >> 16) as u32,
            dots,
            // An empty spec has no length once a sign is taken off it; what comes of that is not used.
            is_valid: highs
                == (ONES * 3).wrapping_shr(64u32.wrapping_sub((length as u32).wrapping_mul(8))),
        }
    }
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
