//! npm's ranges: which versions one admits, and the lowest of them.
//!
//! A range is kept as its text, validated once. Between two `||` all comparators hold together, so whatever their
//! number they come to one lower and one upper bound: an [`Alternative`] has a fixed size, and nothing here allocates.
//! That also keeps npm's rule for prereleases (a prerelease is admitted only where a comparator names one of the same
//! major.minor.patch): if a comparator does so and the version satisfies all, the tightest bound on that side lies
//! between the two and names one too.
//!
//! The grammar itself is in the module `grammar`.

use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};

use crate::cursor::{Cursor, trimmed};
use crate::error::{Fault, SpecError};
use crate::grammar;
use crate::version::{MAX_COMPONENT, VersionRef};

/// A range in npm's grammar. It borrows its text and is `Copy`.
///
/// It means what `new Range(text)` of node-semver 7 means, without its options:
///
/// | text | admits |
/// |---|---|
/// | `^1.2.3`, `^0.2.3`, `^0.0.3` | `>=1.2.3 <2.0.0`, `>=0.2.3 <0.3.0`, `>=0.0.3 <0.0.4` |
/// | `~1.2.3`, `~1.2`, `~1`; also with `~>` | `>=1.2.3 <1.3.0`, `1.2.x`, `1.x` |
/// | `1.2.x`, `1.2`, `1.*`, `1`, `*`, nothing | what begins so |
/// | `1.2 - 2.3.4`, `1.2 - 2.3` | `>=1.2.0 <=2.3.4`, `>=1.2.0 <2.4.0` |
/// | `>1.2.3`, `>=1.2`, `<2`, `<=1.2`, `=1.2.3` | as it says; `>1.2` begins with 1.3.0, `<=1.2` ends before it |
/// | comparators with white space between | what all of them admit |
/// | alternatives with `\|\|` between | what any of them admits |
///
/// A prerelease is admitted only by an alternative in which it lies between the bounds *and* a comparator names a
/// prerelease of the same major.minor.patch. Beside an alternative that is `*`, the others do not count.
///
/// ```
/// use radpack_version::{Range, VersionRef};
///
/// let range = Range::parse("^1.2.3-beta.2 || >=3 <5")?;
/// assert!(range.contains(VersionRef::new(1, 9, 0)));
/// assert!(range.contains(VersionRef::parse("1.2.3-beta.10").unwrap()));
/// assert!(!range.contains(VersionRef::parse("1.9.0-beta.10").unwrap()));
/// assert_eq!(range.lowest().unwrap().to_string(), "1.2.3-beta.2");
/// # Ok::<(), radpack_version::SpecError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Range<'a> {
    text: &'a str,
    /// The first alternative, or, where one of them admits everything, that.
    first: Alternative<'a>,
    /// What follows the first `||`, validated.
    rest: Option<&'a str>,
}

impl<'a> Range<'a> {
    /// A range that admits everything, to be read into.
    pub(crate) const ANY: Self = Range {
        text: "",
        first: Alternative::ANY,
        rest: None,
    };

    /// Reads `text[start..end]`, which has no white space around it, into [`ANY`](Range::ANY). Gives the version, where
    /// the text is one whole version. Offsets in errors are those in `text`.
    ///
    /// It fills in what its caller has, for moving a range costs more than reading one.
    pub(crate) fn read(
        &mut self,
        text: &'a str,
        start: usize,
        end: usize,
    ) -> Result<Option<VersionRef<'a>>, Fault> {
        let mut cursor = Cursor {
            text: &text[..end],
            at: start,
        };
        self.text = &text[start..end];
        let pinned = grammar::read(&mut cursor, &mut self.first)?;
        if cursor.is_at_end() {
            return Ok(pinned);
        }
        self.rest = Some(&cursor.text[cursor.at + 2..]);
        let mut is_any = self.first.is_any();
        while !cursor.is_at_end() {
            cursor.at += 2;
            let mut other = Alternative::ANY;
            grammar::read(&mut cursor, &mut other)?;
            is_any |= other.is_any();
        }
        if is_any {
            self.first = Alternative::ANY;
            self.rest = None;
        }
        Ok(None)
    }
}

impl<'a> Range<'a> {
    /// Parses a range. White space around it does not count. A single version is a range too, and so is nothing.
    ///
    /// # Errors
    ///
    /// Where the text is not a range, and where a number in it, or the end of the range, exceeds
    /// [`MAX_COMPONENT`].
    pub fn parse(text: &'a str) -> Result<Self, SpecError> {
        let (start, end) = trimmed(text);
        let mut range = Range::ANY;
        range.read(text, start, end).map_err(SpecError)?;
        Ok(range)
    }

    /// The text, without the white space around it.
    pub const fn as_str(&self) -> &'a str {
        self.text
    }

    /// Whether the range admits `version`.
    pub fn contains(&self, version: VersionRef<'_>) -> bool {
        self.alternatives()
            .any(|alternative| alternative.contains(version))
    }

    /// What stands between the `||`, in this order; at least one. Where one of them is `*`, only that.
    pub const fn alternatives(&self) -> Alternatives<'a> {
        Alternatives {
            first: Some(self.first),
            rest: self.rest,
        }
    }

    /// The lowest version that the range admits; nothing where it admits none. See [`Alternative::lowest`].
    pub fn lowest(&self) -> Option<VersionRef<'a>> {
        let bases = self
            .alternatives()
            .filter_map(|alternative| alternative.base());
        bases.min_by(Bound::compare_low).map(|base| base.version)
    }
}

impl fmt::Debug for Range<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Range").field(&self.text).finish()
    }
}

impl fmt::Display for Range<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.text)
    }
}

/// Two ranges are equal if their texts are.
impl PartialEq for Range<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Range<'_> {}

impl Hash for Range<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

/// The alternatives of a [`Range`]; from [`Range::alternatives`].
#[derive(Clone, Debug)]
pub struct Alternatives<'a> {
    first: Option<Alternative<'a>>,
    rest: Option<&'a str>,
}

impl<'a> Iterator for Alternatives<'a> {
    type Item = Alternative<'a>;

    fn next(&mut self) -> Option<Alternative<'a>> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let mut cursor = Cursor::new(self.rest?);
        let mut found = Alternative::ANY;
        // It was read before, when the range was parsed, so it can be read.
        grammar::read(&mut cursor, &mut found).ok()?;
        self.rest = cursor.text.get(cursor.at + 2..);
        Some(found)
    }
}

/// One end of an [`Alternative`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bound<'a> {
    pub(crate) version: VersionRef<'a>,
    pub(crate) is_inclusive: bool,
}

impl Bound<'_> {
    /// Orders lower bounds: of the same version, the exclusive one is higher.
    pub(crate) fn compare_low(&self, other: &Bound<'_>) -> Ordering {
        self.version
            .cmp(&other.version)
            .then(other.is_inclusive.cmp(&self.is_inclusive))
    }

    /// Orders upper bounds: of the same version, the exclusive one is lower.
    fn compare_high(&self, other: &Bound<'_>) -> Ordering {
        self.version
            .cmp(&other.version)
            .then(self.is_inclusive.cmp(&other.is_inclusive))
    }
}

/// What a [`Range`] has between two `||`: the versions between two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alternative<'a> {
    low: Option<Bound<'a>>,
    high: Option<Bound<'a>>,
}

impl<'a> Alternative<'a> {
    pub(crate) const ANY: Self = Alternative {
        low: None,
        high: None,
    };

    fn is_any(&self) -> bool {
        self.low.is_none() && self.high.is_none()
    }

    /// Raises the lower bound to this one, unless it is higher already.
    pub(crate) fn raise(&mut self, version: VersionRef<'a>, is_inclusive: bool) {
        let bound = Bound {
            version,
            is_inclusive,
        };
        if self.low.is_none_or(|low| bound.compare_low(&low).is_gt()) {
            self.low = Some(bound);
        }
    }

    /// Lowers the upper bound to this one, unless it is lower already.
    pub(crate) fn lower(&mut self, version: VersionRef<'a>, is_inclusive: bool) {
        let bound = Bound {
            version,
            is_inclusive,
        };
        if self
            .high
            .is_none_or(|high| bound.compare_high(&high).is_lt())
        {
            self.high = Some(bound);
        }
    }

    pub(crate) fn high(&self) -> Option<Bound<'a>> {
        self.high
    }

    /// Whether the alternative admits `version`.
    pub fn contains(&self, version: VersionRef<'_>) -> bool {
        self.is_above_low(version) && self.is_below_high(version) && self.admits_prerelease(version)
    }

    pub(crate) fn is_above_low(&self, version: VersionRef<'_>) -> bool {
        self.low.is_none_or(|low| match version.cmp(&low.version) {
            Ordering::Less => false,
            Ordering::Equal => low.is_inclusive,
            Ordering::Greater => true,
        })
    }

    fn is_below_high(&self, version: VersionRef<'_>) -> bool {
        self.high
            .is_none_or(|high| match version.cmp(&high.version) {
                Ordering::Less => true,
                Ordering::Equal => high.is_inclusive,
                Ordering::Greater => false,
            })
    }

    /// Whether the version is stable or a bound names a prerelease of the same triple.
    fn admits_prerelease(&self, version: VersionRef<'_>) -> bool {
        let names_one = |bound: Option<Bound<'_>>| {
            bound.is_some_and(|Bound { version: named, .. }| {
                !named.is_stable() && named.same_triple(&version)
            })
        };
        version.is_stable() || names_one(self.low) || names_one(self.high)
    }

    /// The lowest version that the alternative admits; nothing where it admits none, as `>2 <1`.
    ///
    /// `>1.2.3` gives 1.2.4 and `<2` gives 0.0.0. One case cannot be borrowed: the version next to
    /// `>1.2.3-beta.1` is 1.2.3-beta.1.0. There the bound itself is given, 1.2.3-beta.1, and nothing lies between the
    /// two. (Unlike npm's `minVersion`, a prerelease of 0.0.0 that is admitted is lower than 0.0.0.)
    pub fn lowest(&self) -> Option<VersionRef<'a>> {
        self.base().map(|base| base.version)
    }

    /// The lowest version that the alternative admits, as a lower bound: exclusive only in the case that cannot be
    /// borrowed, see [`lowest`](Alternative::lowest).
    pub(crate) fn base(&self) -> Option<Bound<'a>> {
        let from_low = match self.low {
            None => Some(VersionRef::new(0, 0, 0)),
            Some(low) if low.is_inclusive => Some(low.version),
            Some(low) if low.version.is_stable() => next_stable(low.version),
            Some(low) => return self.admits_more_than(low.version).then_some(low),
        };
        // Where the upper bound names a prerelease, those of its triple are admitted, and may come first: `>1.2.3 <1.2.4-rc`.
        let from_high = self.high.map(|high| VersionRef {
            pre: "0",
            ..high.version
        });
        let admitted = |version: &VersionRef<'_>| self.contains(*version);
        let version = [from_low, from_high]
            .into_iter()
            .flatten()
            .filter(admitted)
            .min()?;
        Some(Bound {
            version,
            is_inclusive: true,
        })
    }

    /// Whether the version next to `prerelease`, the exclusive lower bound, is admitted: the same with `.0` appended.
    fn admits_more_than(&self, prerelease: VersionRef<'_>) -> bool {
        self.high.is_none_or(|high| {
            let is_next = high.version.same_triple(&prerelease)
                && high.version.pre.strip_prefix(prerelease.pre) == Some(".0");
            high.version > prerelease && (high.is_inclusive || !is_next)
        })
    }
}

/// The stable version next to a stable one, with no number above [`MAX_COMPONENT`].
fn next_stable(version: VersionRef<'_>) -> Option<VersionRef<'static>> {
    let VersionRef {
        major,
        minor,
        patch,
        ..
    } = version;
    if patch < MAX_COMPONENT {
        Some(VersionRef::new(major, minor, patch + 1))
    } else if minor < MAX_COMPONENT {
        Some(VersionRef::new(major, minor + 1, 0))
    } else if major < MAX_COMPONENT {
        Some(VersionRef::new(major + 1, 0, 0))
    } else {
        None
    }
}
