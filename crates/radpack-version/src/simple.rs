//! The hot lane: the specs that nearly every id carries (`^4`, `~4.1`, `4.1.12`, `*`, nothing), read straight into an
//! interval of packed keys, and selection from a list of exact keys by comparing integers.
//!
//! It answers only what it can answer exactly as [`Spec`](crate::Spec) and [`select`](crate::select) would: for
//! anything else [`Simple::parse`] gives `None` and the caller takes the full path. Both are compared on random input.

use crate::{Drift, Fallback, Fit, Key, Selected};

/// A spec as a half-open interval of stable keys.
///
/// ```
/// use radpack_version::{Fallback, Fit, Simple, VersionRef};
///
/// let keys: Vec<u64> = ["2.0.0", "1.4.1", "1.2.0"]
///     .iter()
///     .map(|text| VersionRef::parse(text).unwrap().key().bits())
///     .collect();
/// let caret = Simple::parse(b"^1.2").unwrap();
/// let found = caret.select(&keys, Fallback::SameMajor).unwrap();
/// assert_eq!((found.index, found.fit), (1, Fit::InRange));
/// assert!(Simple::parse(b">=1 <3").is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Simple {
    low: u64,
    high: u64,
    pinned: bool,
}

/// Components at or above these are left to the full path, so that `component + 1` never carries into its neighbour.
const MAJOR_LIMIT: u64 = (1 << 19) - 2;
const MINOR_LIMIT: u64 = (1 << 19) - 2;
const PATCH_LIMIT: u64 = (1 << 25) - 2;

const fn stable(major: u64, minor: u64, patch: u64) -> u64 {
    major << 45 | minor << 26 | patch << 1 | 1
}

impl Simple {
    /// Any stable version: the specs `*`, nothing, and `latest` where no tag says otherwise.
    pub const ANY: Simple = Simple {
        low: 1,
        high: u64::MAX,
        pinned: false,
    };

    /// Reads `^`, `~` or nothing, then one to three plain numbers; or `*`, or nothing at all.
    ///
    /// `None` means only that the spec needs [`Spec::parse`](crate::Spec::parse), which also finds what is wrong with it.
    #[inline]
    pub fn parse(spec: &[u8]) -> Option<Simple> {
        let (&first, rest) = match spec.split_first() {
            None => return Some(Simple::ANY),
            Some(parts) => parts,
        };
        let numbers = match first {
            b'^' | b'~' => rest,
            b'*' if rest.is_empty() => return Some(Simple::ANY),
            _ => spec,
        };
        let (major, rest) = number(numbers, MAJOR_LIMIT)?;
        let Some(rest) = dot(rest) else {
            return rest
                .is_empty()
                .then(|| Simple::range(stable(major, 0, 0), stable(major + 1, 0, 0)));
        };
        let (minor, rest) = number(rest, MINOR_LIMIT)?;
        let Some(rest) = dot(rest) else {
            let next = if first == b'^' && major > 0 {
                stable(major + 1, 0, 0)
            } else {
                stable(major, minor + 1, 0)
            };
            return rest
                .is_empty()
                .then(|| Simple::range(stable(major, minor, 0), next));
        };
        let (patch, rest) = number(rest, PATCH_LIMIT)?;
        if !rest.is_empty() {
            return None;
        }
        let low = stable(major, minor, patch);
        let high = match first {
            b'^' if major > 0 => stable(major + 1, 0, 0),
            b'^' if minor == 0 => stable(0, 0, patch + 1),
            b'^' | b'~' => stable(major, minor + 1, 0),
            _ => {
                return Some(Simple {
                    low,
                    high: low + 1,
                    pinned: true,
                });
            }
        };
        Some(Simple::range(low, high))
    }

    const fn range(low: u64, high: u64) -> Simple {
        Simple {
            low,
            high,
            pinned: false,
        }
    }

    /// Rules 1 to 5 of selection over exact keys (see [`Key::is_exact`]), newest first.
    ///
    /// The caller vouches that all keys are exact and descending; from others the answer is merely some index.
    #[inline]
    pub fn select(self, keys: &[u64], fallback: Fallback) -> Option<Selected> {
        match self.select_direct(keys) {
            Some(found) => Some(found),
            None => self.select_nearest(keys, fallback),
        }
    }

    /// Rules 1 to 4: a version that is exact or in range.
    #[inline]
    pub fn select_direct(self, keys: &[u64]) -> Option<Selected> {
        // The list is descending and short: counting beats searching, having no branch to mispredict.
        let above: usize = keys.iter().map(|key| usize::from(*key >= self.high)).sum();
        let key = *keys.get(above)?;
        let fit = if self.pinned {
            Fit::Exact
        } else {
            Fit::InRange
        };
        (key >= self.low).then_some(Selected {
            index: above,
            fit,
            drift: None,
        })
    }

    /// Rule 5: the nearest available, where nothing was exact or in range.
    pub fn select_nearest(self, keys: &[u64], fallback: Fallback) -> Option<Selected> {
        if keys.is_empty() || self.high == u64::MAX {
            return None;
        }
        let base = Key::from_bits(self.low).triple()?;
        let not_below: usize = keys.iter().map(|key| usize::from(*key >= self.low)).sum();
        let triple = |index: usize| {
            keys.get(index)
                .and_then(|bits| Key::from_bits(*bits).triple())
        };
        let above = not_below
            .checked_sub(1)
            .and_then(|index| Some((index, triple(index)?)));
        let below = triple(not_below).map(|found| (not_below, found));
        // The closest above overall is the closest above within whatever prefix it shares with the base.
        let shares_minor =
            |found: &(usize, (u64, u64, u64))| found.1.0 == base.0 && found.1.1 == base.1;
        let shares_major = |found: &(usize, (u64, u64, u64))| found.1.0 == base.0;
        let (index, found) = above
            .filter(shares_minor)
            .or(below.filter(shares_minor))
            .or(above.filter(shares_major))
            .or(below.filter(shares_major))
            .or(above)
            .or(below)?;
        let drift = if found.0 != base.0 {
            Drift::Major
        } else if found.1 != base.1 {
            Drift::Minor
        } else {
            Drift::Patch
        };
        let allowed = match fallback {
            Fallback::None => false,
            Fallback::Compatible => drift == Drift::Patch || (drift == Drift::Minor && base.0 > 0),
            Fallback::SameMajor => drift != Drift::Major,
            Fallback::Any => true,
        };
        allowed.then_some(Selected {
            index,
            fit: Fit::Nearest,
            drift: Some(drift),
        })
    }
}

/// A number without leading zeros below `limit`, and what follows it.
#[inline(always)]
fn number(text: &[u8], limit: u64) -> Option<(u64, &[u8])> {
    let mut value = 0;
    let mut length = 0;
    while let Some(digit) = text
        .get(length)
        .map(|byte| byte.wrapping_sub(b'0'))
        .filter(|digit| *digit < 10)
    {
        value = value * 10 + u64::from(digit);
        length += 1;
        if length > 8 {
            return None;
        }
    }
    let leading_zero = length > 1 && text[0] == b'0';
    (length > 0 && value < limit && !leading_zero).then(|| (value, &text[length..]))
}

#[inline(always)]
fn dot(text: &[u8]) -> Option<&[u8]> {
    match text.split_first() {
        Some((b'.', rest)) => Some(rest),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::format;
    use std::string::String;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::{Spec, TagTarget, VersionRef, select, sort_newest_first};

    #[test]
    fn leaves_the_rest_to_the_full_path() {
        for spec in [
            "^", "^1.", "1.x", "^1.2.3.4", "01.0.0", "v1.2.3", "=1.2.3", " ^1", "^1 ", ">=1",
            "^1 || ^2", "latest",
        ] {
            assert_eq!(Simple::parse(spec.as_bytes()), None, "{spec}");
        }
        for spec in [
            "1.2.3-beta",
            "^600000",
            "1.600000.0",
            "1.1.99999999",
            "1.20240101123456.0",
            "x",
            "^1.2.3-rc.1",
        ] {
            assert_eq!(Simple::parse(spec.as_bytes()), None, "{spec}");
        }
    }

    fn component() -> impl Strategy<Value = u64> {
        prop_oneof![4 => 0u64..4, 1 => 0u64..40, 1 => Just(MINOR_LIMIT - 1)]
    }

    fn spec() -> impl Strategy<Value = String> {
        let numbers = prop_oneof![
            component().prop_map(|major| format!("{major}")),
            (component(), component()).prop_map(|(major, minor)| format!("{major}.{minor}")),
            (component(), component(), component())
                .prop_map(|(major, minor, patch)| format!("{major}.{minor}.{patch}")),
        ];
        prop_oneof![
            8 => ("[~^]?", numbers).prop_map(|(sign, numbers)| format!("{sign}{numbers}")),
            1 => prop_oneof![Just(String::new()), Just(String::from("*"))],
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        /// The fast path against the slow one, under every policy.
        #[test]
        fn agrees_with_the_full_path(
            spec in spec(),
            triples in prop::collection::vec((component(), component(), component()), 0..8),
        ) {
            let mut versions: Vec<VersionRef<'_>> =
                triples.iter().map(|(major, minor, patch)| VersionRef::new(*major, *minor, *patch)).collect();
            sort_newest_first(&mut versions);
            let keys: Vec<u64> = versions.iter().map(|version| version.key().bits()).collect();
            let simple = Simple::parse(spec.as_bytes()).expect("these specs are simple");
            let full = Spec::parse(&spec).expect("these specs are valid");
            for fallback in [Fallback::None, Fallback::Compatible, Fallback::SameMajor, Fallback::Any] {
                let expected = select(&versions[..], &full, fallback, |_| TagTarget::Unknown).ok();
                let found = simple.select(&keys, fallback);
                prop_assert_eq!(
                    found.map(|found| (keys[found.index], found.fit, found.drift)),
                    expected.map(|found| (keys[found.index], found.fit, found.drift))
                );
            }
        }
    }
}
