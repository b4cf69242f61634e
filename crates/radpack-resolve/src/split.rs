//! Where an id's name, spec and entry lie, and their bytes as words: the first step of the hot lane.
//!
//! What makes a look-up slow is not arithmetic but branches that the processor cannot predict, since ids differ in
//! length and form from one to the next. So nothing here branches on either, for ids of at least eight and at most
//! sixty-four bytes with a name of at most [`NAME_WORDS`] words and an entry of at most [`ENTRY_WORDS`]: all others take
//! the plain way. Whether the parts are well-formed shows by itself when they match an export, whose name and entry are;
//! otherwise `radpack_manifest::Id` says what is wrong.

use wide::u8x16;

/// Words of a name that the hot lane takes.
pub(crate) const NAME_WORDS: usize = 4;
/// Words of an entry that the hot lane takes.
pub(crate) const ENTRY_WORDS: usize = 2;

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
///
/// A text of at least eight bytes is read at 0, 8, 16 and 24, moved back to its last eight bytes where it ends before
/// that; the words of a shorter one are all alike, with zeros behind it. So one mask serves all words of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyWords {
    pub(crate) name: [u64; NAME_WORDS],
    pub(crate) entry: [u64; ENTRY_WORDS],
}

impl KeyWords {
    /// The words of a key; `None` if it is too long for the hot lane.
    pub(crate) fn of(name: &[u8], entry: &[u8]) -> Option<Self> {
        fn words<const N: usize>(text: &[u8]) -> Option<[u64; N]> {
            if text.len() >= 8 {
                return (text.len() <= N * 8)
                    .then(|| std::array::from_fn(|word| load(text, offset(word, text.len()))));
            }
            let mut bytes = [0; 8];
            bytes.get_mut(..text.len())?.copy_from_slice(text);
            Some([u64::from_le_bytes(bytes); N])
        }
        Some(KeyWords {
            name: words(name)?,
            entry: words(entry)?,
        })
    }
}

/// An id taken apart for the hot lane.
#[derive(Clone, Copy, Default)]
pub(crate) struct Parts {
    pub(crate) key: KeyWords,
    pub(crate) name_length: usize,
    pub(crate) entry_length: usize,
    /// Where the spec stands; empty where the id has none.
    pub(crate) spec: (usize, usize),
    /// The spec's first byte.
    pub(crate) sign: u8,
    /// What follows a `^` or `~`, up to eight bytes; the spec's first eight where it has neither.
    pub(crate) body: u64,
    pub(crate) body_length: usize,
}

/// Takes an id apart; `None` if it is not for the hot lane.
#[inline(always)]
pub(crate) fn parts(id: &[u8]) -> Option<Parts> {
    let length = id.len();
    if !(8..=64).contains(&length) {
        return None;
    }
    let mut marks = marks(id);
    if length > 32 {
        // The last 32 bytes; those that were seen before are seen to be the same.
        let start = length - 32;
        marks |= self::marks(id.get(start..)?) << start;
    }
    // A scope begins with an `@` and ends at the next mark, a slash; the name's own end is behind it.
    let behind = marks & marks.wrapping_sub(1);
    let behind = behind & behind.wrapping_sub(1);
    let marks = if id[0] == b'@' { behind } else { marks };
    let first = (marks.trailing_zeros() as usize).min(length);
    let second = ((marks & marks.wrapping_sub(1)).trailing_zeros() as usize).min(length);
    let byte_at = |at: usize| id.get(at.min(length - 1)).copied().unwrap_or(0);
    let has_spec = (first < length) & (byte_at(first) == b'@');
    let (at, slash) = (first, if has_spec { second } else { first });
    // What follows a spec is a slash; a second `@` before it is nothing that the hot lane knows.
    if (slash < length) & (byte_at(slash) != b'/') {
        return None;
    }
    let name_length = at;
    let entry_start = (slash + 1).min(length);
    let entry_length = length - entry_start;
    if (name_length > NAME_WORDS * 8) | (entry_length > ENTRY_WORDS * 8) {
        return None;
    }
    // Without an `@` there is no spec: an empty range, wherever it stands.
    let spec_start = (at + 1).min(slash);
    let spec_length = slash - spec_start;
    let sign = byte_at(spec_start) & u8::from(spec_length > 0).wrapping_neg();
    let signed = usize::from((sign == b'^') | (sign == b'~'));
    let body_length = spec_length - signed;
    let body_start = spec_start + signed;
    let body_from = body_start.min(length - 8);
    let body = load(id, body_from)
        .checked_shr(((body_start - body_from) * 8) as u32)
        .unwrap_or(0)
        & ones(body_length);
    let name_mask = ones(name_length);
    let entry_mask = if entry_length > 0 { u64::MAX } else { 0 };
    let entry_shift = 64 - 8 * entry_length.min(8) as u32;
    // An entry is the end of its id, so its last word is the id's, and a short one is the end of that.
    let last = load(id, length - 8);
    let first = load(id, entry_start.min(length - 8));
    let key = KeyWords {
        name: std::array::from_fn(|word| load(id, offset(word, name_length)) & name_mask),
        entry: [first, last].map(|word| word.wrapping_shr(entry_shift) & entry_mask),
    };
    Some(Parts {
        key,
        name_length,
        entry_length,
        spec: (spec_start, slash),
        sign,
        body,
        body_length,
    })
}

/// Where a word of a text of `length` bytes is read: see [`KeyWords`].
#[inline(always)]
pub(crate) fn offset(word: usize, length: usize) -> usize {
    (word * 8).min(length.max(8) - 8)
}

/// The eight bytes at `at`.
#[inline(always)]
pub(crate) fn load(text: &[u8], at: usize) -> u64 {
    text.get(at..at.wrapping_add(8))
        .and_then(|slice| slice.try_into().ok())
        .map_or(0, u64::from_le_bytes)
}

/// Ones in the lowest `count` bytes.
#[inline(always)]
pub(crate) fn ones(count: usize) -> u64 {
    const MASKS: [u64; 9] = {
        let mut masks = [u64::MAX; 9];
        let mut count = 0;
        while count < 8 {
            masks[count] = (1 << (count * 8)) - 1;
            count += 1;
        }
        masks
    };
    MASKS[count.min(8)]
}

/// One bit for each of the first 32 bytes: is it an `@` or a slash.
#[inline(always)]
fn marks(id: &[u8]) -> u64 {
    let offsets: [usize; 4] = std::array::from_fn(|word| offset(word, id.len()));
    let words = offsets.map(|at| load(id, at));
    let bits = |low: u64, high: u64| {
        let bytes = u8x16::from((u128::from(low) | u128::from(high) << 64).to_le_bytes());
        u64::from(
            (bytes.simd_eq(u8x16::splat(b'@')) | bytes.simd_eq(u8x16::splat(b'/'))).to_bitmask(),
        )
    };
    let (low, high) = (bits(words[0], words[1]), bits(words[2], words[3]));
    // Words overlap where the id is shorter; then they agree.
    (low & 0xff)
        | (low >> 8) << offsets[1]
        | (high & 0xff) << offsets[2]
        | (high >> 8) << offsets[3]
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
        let plain = split(id);
        let Some(parts) = parts(id) else {
            let hot =
                (8..=64).contains(&id.len()) && KeyWords::of(plain.name, plain.entry).is_some();
            let odd =
                plain.name.iter().skip(1).any(|byte| *byte == b'@') || plain.spec.contains(&b'@');
            prop_assert!(!hot || odd);
            return Ok(());
        };
        if plain.name.get(1..).is_some_and(|name| name.contains(&b'@')) {
            // Not a name: whatever it is taken for, it must not be one either.
            prop_assert!(
                id[..parts.name_length]
                    .iter()
                    .skip(1)
                    .any(|byte| *byte == b'@')
                    || parts.name_length <= 1
            );
            return Ok(());
        }
        prop_assert_eq!(parts.name_length, plain.name.len());
        prop_assert_eq!(parts.entry_length, plain.entry.len());
        prop_assert_eq!(Some(parts.key), KeyWords::of(plain.name, plain.entry));
        prop_assert_eq!(&id[parts.spec.0..parts.spec.1], plain.spec);
        let body = match plain.spec {
            [b'^' | b'~', body @ ..] => body,
            spec => spec,
        };
        prop_assert_eq!(parts.sign, plain.spec.first().copied().unwrap_or(0));
        prop_assert_eq!(parts.body_length, body.len());
        let mut bytes = [0; 8];
        let length = body.len().min(8);
        bytes[..length].copy_from_slice(&body[..length]);
        prop_assert_eq!(parts.body, u64::from_le_bytes(bytes));
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn hot_lane_agrees_with_the_plain_way(id in "[@/a.~\u{80}\u{1f600}^]{0,40}") {
            check(id.as_bytes())?;
        }

        #[test]
        fn hot_lane_agrees_on_ids(id in "(@[a-z]{1,9}/)?[a-z]{1,28}(@[~^]?[0-9]{1,2}(\\.[0-9]{1,3}){0,2})?(/[a-z]{1,12}){0,3}") {
            check(id.as_bytes())?;
        }
    }
}
