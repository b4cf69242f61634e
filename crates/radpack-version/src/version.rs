//! A version that borrows its text.
//!
//! `semver::Version` is what the crates around exchange; inside, versions are compared by the thousand and come from
//! ids and from mapped files, so they are three numbers and a borrowed prerelease. Build metadata never counts and is
//! not kept.

use core::cmp::Ordering;
use core::fmt;

use crate::cursor::Cursor;
use crate::error::{Detail, Fault, Part, VersionError};
use crate::key::Key;

/// The largest major, minor or patch number that is parsed: 2⁵³ − 1.
///
/// It is the largest integer that JavaScript holds exactly, and npm's own limit (`Number.MAX_SAFE_INTEGER` in
/// node-semver).
pub const MAX_COMPONENT: u64 = (1 << 53) - 1;

/// A version without its build metadata, borrowing its prerelease.
///
/// - `Ord` is SemVer's precedence ([section 11](https://semver.org/#spec-item-11)); `Eq` and `Hash` agree with it.
/// - A parsed one has no number above [`MAX_COMPONENT`] and a prerelease that follows the grammar. One built by hand
///   may hold anything; it is still totally ordered.
///
/// ```
/// use radpack_version::VersionRef;
///
/// let version = VersionRef::parse("1.2.3-beta.4+build.5")?;
/// assert_eq!(version.pre, "beta.4");
/// assert_eq!(version.to_string(), "1.2.3-beta.4");
/// assert!(version < VersionRef::new(1, 2, 3));
/// # Ok::<(), radpack_version::VersionError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VersionRef<'a> {
    /// The first number.
    pub major: u64,
    /// The second number.
    pub minor: u64,
    /// The third number.
    pub patch: u64,
    /// The prerelease identifiers, without the `-` before them. Empty: the version is stable.
    pub pre: &'a str,
}

impl<'a> VersionRef<'a> {
    /// The stable version `major.minor.patch`.
    pub const fn new(major: u64, minor: u64, patch: u64) -> Self {
        VersionRef {
            major,
            minor,
            patch,
            pre: "",
        }
    }

    /// Parses a version as SemVer has it: three numbers, perhaps a prerelease, perhaps build metadata (checked and
    /// dropped). No `v`, no white space, nothing left out: those belong to a [`Spec`](crate::Spec).
    ///
    /// # Errors
    ///
    /// Where the text is not a version, and where a number exceeds [`MAX_COMPONENT`].
    pub fn parse(text: &'a str) -> Result<Self, VersionError> {
        read(&mut Cursor::new(text)).map_err(VersionError)
    }

    /// Whether there is no prerelease.
    pub const fn is_stable(&self) -> bool {
        self.pre.is_empty()
    }

    /// The same in eight bytes; see [`Key`].
    pub const fn key(&self) -> Key {
        Key::of(*self)
    }

    /// Whether major, minor and patch are the same.
    pub const fn same_triple(&self, other: &VersionRef<'_>) -> bool {
        self.major == other.major && self.minor == other.minor && self.patch == other.patch
    }

    /// The same as an owned [`semver::Version`], without build metadata.
    ///
    /// A prerelease that does not follow the grammar, which only a `VersionRef` built by hand can have, is dropped.
    pub fn to_semver(&self) -> semver::Version {
        semver::Version {
            major: self.major,
            minor: self.minor,
            patch: self.patch,
            pre: semver::Prerelease::new(self.pre).unwrap_or_default(),
            build: semver::BuildMetadata::EMPTY,
        }
    }
}

/// Reads a version and expects the end behind it.
fn read<'a>(cursor: &mut Cursor<'a>) -> Result<VersionRef<'a>, Fault> {
    if cursor.is_at_end() {
        return Err(cursor.fault(Detail::Empty));
    }
    let major = cursor.number(Part::Major)?;
    cursor.dot(Part::Major)?;
    let minor = cursor.number(Part::Minor)?;
    cursor.dot(Part::Minor)?;
    let patch = cursor.number(Part::Patch)?;
    let mut last = Part::Patch;
    let mut pre = "";
    if cursor.eat(b'-') {
        pre = cursor.identifiers(Part::Prerelease)?;
        last = Part::Prerelease;
    }
    if cursor.eat(b'+') {
        cursor.identifiers(Part::Build)?;
        last = Part::Build;
    }
    if cursor.is_at_end() {
        return Ok(VersionRef {
            major,
            minor,
            patch,
            pre,
        });
    }
    Err(cursor.after(last))
}

impl<'a> From<&'a semver::Version> for VersionRef<'a> {
    fn from(version: &'a semver::Version) -> Self {
        VersionRef {
            major: version.major,
            minor: version.minor,
            patch: version.patch,
            pre: version.pre.as_str(),
        }
    }
}

impl fmt::Display for VersionRef<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if self.is_stable() {
            Ok(())
        } else {
            write!(formatter, "-{}", self.pre)
        }
    }
}

impl Ord for VersionRef<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.major, self.minor, self.patch)
            .cmp(&(other.major, other.minor, other.patch))
            .then_with(|| compare_prereleases(self.pre, other.pre))
    }
}

impl PartialOrd for VersionRef<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// SemVer's precedence of two prereleases, the empty one (stable) above all others.
///
/// Numbers are compared by length, then as text, so they may be of any size; two texts are equal only if they are the
/// same.
fn compare_prereleases(left: &str, right: &str) -> Ordering {
    match (left.is_empty(), right.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let mut rights = right.split('.');
    for left in left.split('.') {
        let Some(right) = rights.next() else {
            return Ordering::Greater;
        };
        let order = match (is_numeric(left), is_numeric(right)) {
            (true, true) => left.len().cmp(&right.len()).then_with(|| left.cmp(right)),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => left.cmp(right),
        };
        if order.is_ne() {
            return order;
        }
    }
    if rights.next().is_some() {
        Ordering::Less
    } else {
        Ordering::Equal
    }
}

fn is_numeric(identifier: &str) -> bool {
    identifier.bytes().all(|byte| byte.is_ascii_digit())
}
