//! Where an id's name, spec and entry lie, and their bytes as words: the first step of the hot lane.
//!
//! What makes a look-up slow is mostly branches that the processor cannot foresee, since ids differ in length and form
//! from one to the next. So little here branches on either, for ids of at most [`LONGEST`] bytes: those with longer
//! parts than a record holds itself match nothing in the hot lane, and take the plain way. Whether the parts are
//! well-formed shows by itself when they match an export, whose name and entry are; otherwise `radpack_manifest::Id`
//! says what is wrong.

use wide::u8x16;

use crate::format::{ENTRY_ROOM, NAME_ROOM};

/// The longest id that the hot lane takes, in bytes.
const LONGEST: usize = 48;

/// What a bare name asks for. It is stored, hashed and compared as the empty entry.
pub(crate) const INDEX: &str = "index";

/// The entry as it is stored.
#[inline]
pub(crate) fn stored_entry(entry: &str) -> &str {
    if entry == INDEX { "" } else { entry }
}

/// The parts of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Split<'a> {
    pub(crate) name: &'a [u8],
    /// Empty where the id has none.
    pub(crate) spec: &'a [u8],
    /// Empty where the id has none, that is for `index`.
    pub(crate) entry: &'a [u8],
}

/// Name and entry as little-endian words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyWords {
    /// The first sixteen bytes of the name, zeros behind a shorter one.
    pub(crate) head: [u64; 2],
    /// The last sixteen bytes of the name; its head once more where it has no more.
    pub(crate) tail: [u64; 2],
    /// The entry, zeros before it: it ends an id.
    pub(crate) entry: [u64; 2],
}

impl KeyWords {
    /// The words of a key; `None` if a record cannot hold it.
    pub(crate) fn of(name: &[u8], entry: &[u8]) -> Option<Self> {
        fn words(text: &[u8], from: usize) -> [u64; 2] {
            let mut bytes = [0; 16];
            for (byte, value) in bytes.iter_mut().skip(from).zip(text) {
                *byte = *value;
            }
            halves(u128::from_le_bytes(bytes))
        }
        (name.len() <= NAME_ROOM && entry.len() <= ENTRY_ROOM).then(|| KeyWords {
            head: words(name, 0),
            tail: words(&name[tail_offset(name.len())..], 0),
            entry: words(entry, ENTRY_ROOM - entry.len()),
        })
    }
}

/// Where the tail of a name begins.
#[inline(always)]
pub(crate) fn tail_offset(name_length: usize) -> usize {
    name_length.max(16) - 16
}

/// An id taken apart for the hot lane.
#[derive(Clone, Copy, Default)]
pub(crate) struct Parts {
    pub(crate) key: KeyWords,
    pub(crate) name_length: usize,
    pub(crate) entry_length: usize,
    /// The spec with zeros behind it; something else if it is empty or longer than eight bytes.
    pub(crate) spec: u64,
    pub(crate) spec_length: usize,
}

/// An id as words.
pub(crate) trait Text: Copy {
    /// Its length in bytes.
    fn length(self) -> usize;
    /// One bit for each slash, and for each `@`.
    fn marks(self) -> Option<(u64, u64)>;
    /// Its first sixteen bytes, zeros behind them.
    fn head(self) -> [u64; 2];
    /// Sixteen bytes from `at`, which is at most sixteen less than the length, or zero.
    fn words(self, at: usize) -> Option<[u64; 2]>;
    /// The last sixteen bytes, zeros before them.
    fn end(self) -> [u64; 2];
    /// The eight bytes before `at`, zeros before them.
    fn before(self, at: usize) -> Option<u64>;
}

/// An id of sixteen bytes or more: its words are loaded where they stand.
#[derive(Clone, Copy)]
pub(crate) struct Long<'a> {
    id: &'a [u8],
    head: &'a [u8; 16],
    end: &'a [u8; 16],
}

/// An id of up to sixteen bytes: it is held in a register, for loads would lead beyond its end.
#[derive(Clone, Copy)]
pub(crate) struct Short {
    text: u128,
    length: usize,
}

impl<'a> Long<'a> {
    #[inline(always)]
    pub(crate) fn new(id: &'a [u8]) -> Option<Self> {
        if id.len() > LONGEST {
            return None;
        }
        Some(Long {
            id,
            head: id.first_chunk()?,
            end: id.last_chunk()?,
        })
    }
}

impl Short {
    #[inline(always)]
    pub(crate) fn new(id: &[u8]) -> Option<Self> {
        let length = id.len();
        let text = if let (Some(head), Some(end)) = (id.first_chunk(), id.last_chunk()) {
            let shift = (length.wrapping_sub(8) * 8) as u32;
            // Both agree where they overlap.
            u128::from(u64::from_le_bytes(*head))
                | u128::from(u64::from_le_bytes(*end)).checked_shl(shift)?
        } else if let (Some(head), Some(end)) = (id.first_chunk(), id.last_chunk()) {
            let shift = (length.wrapping_sub(4) * 8) as u32;
            u128::from(u32::from_le_bytes(*head))
                | u128::from(u32::from_le_bytes(*end)).checked_shl(shift)?
        } else {
            let (first, middle, last) = (id.first()?, id.get(length / 2)?, id.last()?);
            u128::from(*first)
                | u128::from(*middle) << (length / 2 * 8)
                | u128::from(*last) << ((length - 1) * 8)
        };
        Some(Short { text, length })
    }
}

impl Text for Long<'_> {
    #[inline(always)]
    fn length(self) -> usize {
        self.id.len()
    }
    #[inline(always)]
    fn marks(self) -> Option<(u64, u64)> {
        let next = (self.id.len() - 16).min(16);
        let (mut slashes, mut ats) = marks(*self.head);
        let (more_slashes, more_ats) = marks(*self.id.get(next..)?.first_chunk()?);
        slashes |= more_slashes << next;
        ats |= more_ats << next;
        if self.id.len() > 32 {
            let (more_slashes, more_ats) = marks(*self.end);
            slashes |= more_slashes << (self.id.len() - 16);
            ats |= more_ats << (self.id.len() - 16);
        }
        Some((slashes, ats))
    }
    #[inline(always)]
    fn head(self) -> [u64; 2] {
        halves(u128::from_le_bytes(*self.head))
    }
    #[inline(always)]
    fn words(self, at: usize) -> Option<[u64; 2]> {
        Some(halves(u128::from_le_bytes(
            *self.id.get(at..)?.first_chunk()?,
        )))
    }
    #[inline(always)]
    fn end(self) -> [u64; 2] {
        halves(u128::from_le_bytes(*self.end))
    }
    #[inline(always)]
    fn before(self, at: usize) -> Option<u64> {
        let from = at.max(8) - 8;
        let word = u64::from_le_bytes(*self.id.get(from..)?.first_chunk()?);
        Some(word << (((from + 8 - at) * 8) & 63))
    }
}

impl Text for Short {
    #[inline(always)]
    fn length(self) -> usize {
        self.length
    }
    #[inline(always)]
    fn marks(self) -> Option<(u64, u64)> {
        Some(marks(self.text.to_le_bytes()))
    }
    #[inline(always)]
    fn head(self) -> [u64; 2] {
        halves(self.text)
    }
    #[inline(always)]
    fn words(self, _: usize) -> Option<[u64; 2]> {
        Some(halves(self.text))
    }
    #[inline(always)]
    fn end(self) -> [u64; 2] {
        halves(self.text << ((128 - self.length * 8) & 127))
    }
    #[inline(always)]
    fn before(self, at: usize) -> Option<u64> {
        Some((self.text << ((128 - at * 8) & 127) >> 64) as u64)
    }
}

/// Takes an id apart; `None` if it is not for the hot lane.
#[inline(always)]
pub(crate) fn parts(id: impl Text) -> Option<Parts> {
    let (slashes, ats) = id.marks()?;
    let length = id.length();
    // A scope begins with an `@` and ends at the first slash; neither is a mark.
    let scope = slashes ^ slashes.wrapping_sub(1);
    let behind = if ats & 1 != 0 { !scope } else { u64::MAX };
    let end = 1 << length;
    let slashes = slashes & behind | end;
    let name_length = (slashes | ats & behind).trailing_zeros() as usize;
    // What follows a spec is a slash; without a spec this is the end of the name.
    let slash = slashes.trailing_zeros() as usize;
    if slash + 1 == length {
        // An empty entry, which is an error.
        return None;
    }
    let entry_length = length.saturating_sub(slash + 1);
    let spec_length = slash.saturating_sub(name_length + 1);
    let spec = id
        .before(slash)?
        .wrapping_shr(64u32.wrapping_sub(8 * spec_length as u32));
    let name = FIRST[name_length.min(16)];
    let entry = LAST[entry_length.min(16)];
    let (head, tail, last) = (id.head(), id.words(tail_offset(name_length))?, id.end());
    Some(Parts {
        key: KeyWords {
            head: [head[0] & name[0], head[1] & name[1]],
            tail: [tail[0] & name[0], tail[1] & name[1]],
            entry: [last[0] & entry[0], last[1] & entry[1]],
        },
        name_length,
        entry_length,
        spec,
        spec_length,
    })
}

/// Ones in the first so many of sixteen bytes.
static FIRST: [[u64; 2]; 17] = {
    let mut masks = [[u64::MAX; 2]; 17];
    let mut count = 0;
    while count < 16 {
        masks[count] = halves((1 << (count * 8)) - 1);
        count += 1;
    }
    masks
};

/// Ones in the last so many of sixteen bytes.
static LAST: [[u64; 2]; 17] = {
    let mut masks = [[0; 2]; 17];
    let mut count = 1;
    while count <= 16 {
        masks[count] = halves(u128::MAX << ((16 - count) * 8));
        count += 1;
    }
    masks
};

/// A text's two words.
#[inline(always)]
pub(crate) const fn halves(text: u128) -> [u64; 2] {
    [text as u64, (text >> 64) as u64]
}

/// The eight bytes at `at`.
#[inline(always)]
pub(crate) fn load(text: &[u8], at: usize) -> u64 {
    text.get(at..at.wrapping_add(8))
        .and_then(|slice| slice.try_into().ok())
        .map_or(0, u64::from_le_bytes)
}

/// One bit for each slash, and for each `@`.
#[inline(always)]
fn marks(bytes: [u8; 16]) -> (u64, u64) {
    let bytes = u8x16::from(bytes);
    let bits = |byte| u64::from(bytes.simd_eq(u8x16::splat(byte)).to_bitmask());
    (bits(b'/'), bits(b'@'))
}

/// Finds the parts of any text, the plain way. Malformed ids have parts too: they simply match nothing.
pub(crate) fn split(id: &[u8]) -> Split<'_> {
    let from = match id.first() {
        Some(b'@') => id
            .iter()
            .position(|byte| *byte == b'/')
            .map_or(id.len(), |at| at + 1),
        _ => 0,
    };
    let end = (from..id.len())
        .find(|at| matches!(id[*at], b'@' | b'/'))
        .unwrap_or(id.len());
    let (name, rest) = id.split_at(end);
    match rest.split_first() {
        None => Split {
            name,
            spec: &[],
            entry: &[],
        },
        Some((b'@', rest)) => match rest.iter().position(|byte| *byte == b'/') {
            Some(slash) => Split {
                name,
                spec: &rest[..slash],
                entry: &rest[slash + 1..],
            },
            None => Split {
                name,
                spec: rest,
                entry: &[],
            },
        },
        Some((_, entry)) => Split {
            name,
            spec: &[],
            entry,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn finds_the_parts() {
        let cases: [(&str, &str, &str, &str); 10] = [
            ("d3", "d3", "", ""),
            ("d3@^4", "d3", "^4", ""),
            ("d3@^4/locale/fr", "d3", "^4", "locale/fr"),
            ("d3/locale/fr", "d3", "", "locale/fr"),
            ("@acme/shop", "@acme/shop", "", ""),
            ("@acme/shop@1.2.3/cart", "@acme/shop", "1.2.3", "cart"),
            ("@acme/shop/a@b", "@acme/shop", "", "a@b"),
            ("@acme", "@acme", "", ""),
            ("", "", "", ""),
            (
                "a-long-package-name@>=1 <3/an/entry@x",
                "a-long-package-name",
                ">=1 <3",
                "an/entry@x",
            ),
        ];
        for (id, name, spec, entry) in cases {
            let expected = Split {
                name: name.as_bytes(),
                spec: spec.as_bytes(),
                entry: entry.as_bytes(),
            };
            assert_eq!(split(id.as_bytes()), expected, "{id}");
        }
    }

    fn check(id: &[u8]) -> Result<(), TestCaseError> {
        let parts = match Short::new(id) {
            Some(id) if id.length < 16 => parts(id),
            _ => Long::new(id).and_then(parts),
        };
        let plain = split(id);
        let Some(parts) = parts else {
            prop_assert!(id.is_empty() || id.len() > LONGEST || id.ends_with(b"/"));
            return Ok(());
        };
        prop_assert_eq!(parts.name_length, plain.name.len());
        prop_assert_eq!(parts.entry_length, plain.entry.len());
        prop_assert_eq!(parts.spec_length, plain.spec.len());
        if let Some(key) = KeyWords::of(plain.name, plain.entry) {
            prop_assert_eq!(parts.key, key);
        }
        if (1..=8).contains(&plain.spec.len()) {
            let mut bytes = [0; 8];
            bytes[..plain.spec.len()].copy_from_slice(plain.spec);
            prop_assert_eq!(parts.spec, u64::from_le_bytes(bytes));
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn hot_lane_agrees_with_the_plain_way(id in "[@/a.~\u{80}\u{1f600}^]{0,52}") {
            check(id.as_bytes())?;
        }

        #[test]
        fn hot_lane_agrees_on_ids(id in "(@[a-z]{1,9}/)?[a-z]{1,28}(@[~^]?[0-9]{1,2}(\\.[0-9]{1,3}){0,2})?(/[a-z]{1,12}){0,3}") {
            check(id.as_bytes())?;
        }
    }
}
