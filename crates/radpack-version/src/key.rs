//! A version in eight bytes.
//!
//! Why these widths: of the 9,669 versions that ten well-known npm packages have published (d3-array, eslint, lodash,
//! preact, react, rxjs, three, typescript, webpack, zod; November 2026) the largest major is 19, the largest minor 187
//! and the largest patch 4,000. The fields leave room for what else is in use: a year as major (`2026.1.15`), and a
//! whole date as minor (`1.202611.0`) or patch (`1.0.20261120`).
//!
//! How far that goes, counted on the same lists:
//!
//! | | |
//! |---|---|
//! | stable versions, all of them exact | 2,338 of 2,338 |
//! | all versions, nightly builds too: exact | 2,338 of 9,669, 24 % |
//! | the same without react, typescript and zod, which publish thousands of nightlies: exact | 1,723 of 2,215, 78 % |
//! | pairs of neighbours in a sorted list decided by the keys alone | 2,578 of 9,659, 27 % |
//! | the same without those three | 1,785 of 2,208, 81 % |
//! | any two versions of a package decided by the keys alone | 10,115,847 of 11,539,206, 88 % |
//! | the same where one of the two is stable | 1,787,453 of 1,787,453 |
//!
//! So what registers keep, stable versions, is decided by keys alone; the slow comparison is for a prerelease beside
//! another one of the same major.minor.patch. Bits for the commonest prereleases, a word and a small number, would not
//! change that: 580 of the 7,331 are such, the others carry a date or a commit.
//!
//! `tests/it/keys.rs` compares the key with the slow comparison on random versions and, where they are present, on those
//! lists, and prints the counts.

use core::fmt;

use crate::version::VersionRef;

const MAJOR_BITS: u32 = 19;
const MINOR_BITS: u32 = 19;
const PATCH_BITS: u32 = 25;

const MAJOR_SHIFT: u32 = MINOR_SHIFT + MINOR_BITS;
const MINOR_SHIFT: u32 = PATCH_SHIFT + PATCH_BITS;
const PATCH_SHIFT: u32 = 1;
const EXACT: u64 = 1;

/// All ones in a field: the number did not fit. So the largest number that does is one less.
const MAJOR_SATURATED: u64 = (1 << MAJOR_BITS) - 1;
const MINOR_SATURATED: u64 = (1 << MINOR_BITS) - 1;
const PATCH_SATURATED: u64 = (1 << PATCH_BITS) - 1;

const _: () = assert!(MAJOR_SHIFT + MAJOR_BITS == u64::BITS);

/// A version packed into 64 bits, in an order that never contradicts SemVer's.
///
/// | bits | what |
/// |---|---|
/// | 63–45 | major, 19 bits |
/// | 44–26 | minor, 19 bits |
/// | 25–1 | patch, 25 bits |
/// | 0 | *exact*: the version is stable and every number fits |
///
/// A number fits if it is less than all ones in its field. One that does not makes its field and all lower ones all
/// ones, and bit 0 zero.
///
/// - `a.key() < b.key()` implies `a < b`.
/// - Equal keys that are exact imply `a == b`.
/// - Equal keys that are not exact decide nothing: the versions themselves must be compared.
/// - A prerelease has the key of its release without bit 0, so it comes right before it.
///
/// ```
/// use radpack_version::{Key, VersionRef};
///
/// let key = VersionRef::new(4, 17, 21).key();
/// assert!(key.is_exact());
/// assert_eq!(key.triple(), Some((4, 17, 21)));
/// assert!(VersionRef::parse("4.17.21-rc.1")?.key() < key);
/// assert_eq!(Key::stable(1, 20240101123456, 0), None);
/// # Ok::<(), radpack_version::VersionError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Key(u64);

impl Key {
    /// The key with these bits, as [`bits`](Key::bits) gave them.
    pub const fn from_bits(bits: u64) -> Self {
        Key(bits)
    }

    /// The 64 bits.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether the key is the whole version: equal exact keys are equal versions.
    pub const fn is_exact(self) -> bool {
        self.0 & EXACT != 0
    }

    /// The key of a version.
    pub const fn of(version: VersionRef<'_>) -> Self {
        if version.major >= MAJOR_SATURATED {
            return Key(!EXACT);
        }
        let major = version.major << MAJOR_SHIFT;
        if version.minor >= MINOR_SATURATED {
            return Key(major | (((1 << MAJOR_SHIFT) - 1) & !EXACT));
        }
        let minor = version.minor << MINOR_SHIFT;
        if version.patch >= PATCH_SATURATED {
            return Key(major | minor | (((1 << MINOR_SHIFT) - 1) & !EXACT));
        }
        Key(major | minor | (version.patch << PATCH_SHIFT) | version.is_stable() as u64)
    }

    /// The exact key of `major.minor.patch`; nothing where a number does not fit.
    pub const fn stable(major: u64, minor: u64, patch: u64) -> Option<Self> {
        let key = Key::of(VersionRef::new(major, minor, patch));
        if key.is_exact() { Some(key) } else { None }
    }

    /// Major, minor and patch of an exact key.
    pub const fn triple(self) -> Option<(u64, u64, u64)> {
        if !self.is_exact() {
            return None;
        }
        Some((
            self.0 >> MAJOR_SHIFT,
            (self.0 >> MINOR_SHIFT) & MINOR_SATURATED,
            (self.0 >> PATCH_SHIFT) & PATCH_SATURATED,
        ))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.triple() {
            Some((major, minor, patch)) => write!(formatter, "Key({major}.{minor}.{patch})"),
            None => write!(formatter, "Key({:#018x}, inexact)", self.0),
        }
    }
}
