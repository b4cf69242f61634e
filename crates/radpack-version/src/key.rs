//! A version in eight bytes.

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

/// A version packed into 64 bits, weakly order-preserving.
///
/// | bits | what |
/// |---|---|
/// | 63–45 | major, 19 bits |
/// | 44–26 | minor, 19 bits |
/// | 25–1 | patch, 25 bits |
/// | 0 | *exact*: stable, and every number fits |
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
