//! The hash of an export's key, part of the index format: files are read by builds to come.
//!
//! A key is hashed as words (see [`KeyWords`]) through 64 × 64 → 128 bit multiplications whose halves are joined, as
//! wyhash and foldhash do; they do not wait for each other, and of a long name only both ends count. It need not resist an attacker: a
//! table's probes are bounded when it is built (another seed is tried), and an index that comes from elsewhere can only
//! make its own answers slow, by at most that bound.

use crate::split::KeyWords;

/// Digits of π, as others use them: numbers without a pattern.
const KEYS: [u64; 8] = [
    0x243f_6a88_85a3_08d3,
    0x1319_8a2e_0370_7344,
    0xa409_3822_299f_31d0,
    0x082e_fa98_ec4e_6c89,
    0x4528_21e6_38d0_1377,
    0xbe54_66cf_34e9_0c6c,
    0xc0ac_29b7_c97c_50dd,
    0x3f84_d5b5_b547_0917,
];

#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    wide as u64 ^ (wide >> 64) as u64
}

/// What a table's seed is hashed with: of all numbers only one is zero, and that seed is never tried.
#[inline(always)]
pub(crate) fn seed_key(seed: u64) -> u64 {
    seed ^ KEYS[3]
}

/// The hash of a key's words under a table's [`seed_key`].
#[inline(always)]
pub(crate) fn words(seed_key: u64, key: &KeyWords) -> u64 {
    fold(key.head[0] ^ KEYS[0], key.head[1] ^ seed_key)
        ^ fold(key.tail[0] ^ seed_key, key.tail[1] ^ KEYS[1])
        ^ fold(key.entry[0] ^ KEYS[2], key.entry[1] ^ seed_key)
}

/// The hash of a key of any length.
pub(crate) fn key(seed: u64, name: &[u8], entry: &[u8]) -> u64 {
    match KeyWords::of(name, entry) {
        Some(key) => words(seed_key(seed), &key),
        None => {
            let name = text(seed ^ KEYS[0], name);
            text(name ^ KEYS[1], entry)
        }
    }
}

/// The hash of a long text, eight bytes at a time.
fn text(seed: u64, text: &[u8]) -> u64 {
    let mut state = seed ^ text.len() as u64;
    for chunk in text.chunks(8) {
        let mut bytes = [0; 8];
        bytes[..chunk.len()].copy_from_slice(chunk);
        state = fold(state ^ KEYS[2], u64::from_le_bytes(bytes) ^ KEYS[3]);
    }
    fold(state ^ KEYS[4], KEYS[5])
}

/// The hash of both ends of an id, for the memo (not part of the format).
#[inline(always)]
pub(crate) fn ends(words: [u64; 4], length: usize) -> u64 {
    fold(words[0] ^ KEYS[0], words[1] ^ KEYS[1])
        ^ fold(words[2] ^ KEYS[2] ^ length as u64, words[3] ^ KEYS[3])
}

/// The same, of an id that has more between its ends.
pub(crate) fn middle(ends: u64, words: [u64; 2]) -> u64 {
    ends ^ fold(words[0] ^ KEYS[4], words[1] ^ KEYS[5])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The format rests on these values: a change here is a new format.
    #[test]
    fn is_stable() {
        let values = [
            key(0, b"", b""),
            key(0, b"d3", b""),
            key(7, b"d3-array", b"c/src/ascending"),
            key(
                0,
                b"@acme/a-package-name-of-some-length",
                b"an/entry/with/a/long/path",
            ),
        ];
        assert_eq!(values, EXPECTED);
    }

    const EXPECTED: [u64; 4] = [
        16273506464133525287,
        1515018939780928796,
        11682149240439528969,
        7619317077888421904,
    ];

    #[test]
    fn tells_name_and_entry_apart() {
        assert_ne!(key(0, b"ab", b"c"), key(0, b"a", b"bc"));
        assert_ne!(key(0, b"a", b"b"), key(0, b"b", b"a"));
        assert_ne!(key(0, b"a", b"b"), key(1, b"a", b"b"));
    }

    #[test]
    fn spreads_numbered_names() {
        for (prefix, entry) in [
            ("package-", ""),
            ("@team/", "button"),
            ("a-package-with-a-very-long-name-indeed-", "x"),
        ] {
            let (mut low, mut high) = (
                std::collections::HashSet::new(),
                std::collections::HashSet::new(),
            );
            for number in 0..20_000 {
                let hash = key(0, format!("{prefix}{number}").as_bytes(), entry.as_bytes());
                low.insert(hash as u32 >> 4);
                high.insert(hash >> 36);
            }
            // 20,000 numbers drawn from 2^28 collide less than once.
            assert!(
                low.len() > 19_990 && high.len() > 19_990,
                "{prefix}: {} and {}",
                low.len(),
                high.len()
            );
        }
    }
}
