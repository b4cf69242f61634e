//! npm's ranges, without loose mode.

use core::cmp::Ordering;

use crate::cursor::{Cursor, trimmed};
use crate::error::{Detail, Fault, Part, SpecError};
use crate::version::{MAX_COMPONENT, VersionRef};

/// One end of an [`Alternative`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bound<'a> {
    pub(crate) version: VersionRef<'a>,
    pub(crate) inclusive: bool,
}

/// What a range admits between two `||`: the versions between two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alternative<'a> {
    low: Option<Bound<'a>>,
    high: Option<Bound<'a>>,
}

/// A range in npm's grammar. It borrows its text, which is validated, and is `Copy`.
#[derive(Clone, Copy, Debug)]
pub struct Range<'a> {
    text: &'a str,
    /// The first alternative; the one that admits everything if any of them does.
    first: Alternative<'a>,
    /// The text after the first `||`.
    rest: Option<&'a str>,
}

impl PartialEq for Range<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Range<'_> {}

/// What a text in the grammar is.
pub(crate) enum Parsed<'a> {
    Pinned(VersionRef<'a>),
    Range(Range<'a>),
}

/// Parses `text[start..end]`, which has no white space around it.
pub(crate) fn parse(text: &str, start: usize, end: usize) -> Result<Parsed<'_>, Fault> {
    let mut cursor = Cursor {
        text: &text[..end],
        at: start,
    };
    let (first, pinned) = alternative(&mut cursor)?;
    let mut range = Range {
        text: &text[start..end],
        first,
        rest: None,
    };
    if cursor.is_at_end() {
        return Ok(match pinned {
            Some(version) => Parsed::Pinned(version),
            None => Parsed::Range(range),
        });
    }
    range.rest = Some(&text[cursor.at + 2..end]);
    let mut any = first.is_any();
    while !cursor.is_at_end() {
        cursor.at += 2;
        any |= alternative(&mut cursor)?.0.is_any();
    }
    if any {
        // As npm has it: `*` beside other alternatives is all that counts, also for prereleases.
        range.first = Alternative::ANY;
        range.rest = None;
    }
    Ok(Parsed::Range(range))
}

impl<'a> Range<'a> {
    /// Parses a range in npm's grammar; a single version is one too.
    ///
    /// # Errors
    ///
    /// Where the text is not a range.
    pub fn parse(text: &'a str) -> Result<Self, SpecError> {
        let (start, end) = trimmed(text);
        Ok(match parse(text, start, end).map_err(SpecError)? {
            Parsed::Range(range) => range,
            Parsed::Pinned(version) => Range {
                text: &text[start..end],
                first: Alternative::exactly(version),
                rest: None,
            },
        })
    }

    /// The text, without the white space around it.
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// Whether the range admits `version`, by npm's rules.
    pub fn contains(&self, version: VersionRef<'_>) -> bool {
        self.alternatives()
            .any(|alternative| alternative.contains(version))
    }

    /// What stands between the `||`.
    pub fn alternatives(&self) -> Alternatives<'a> {
        Alternatives {
            first: Some(self.first),
            rest: self.rest,
        }
    }

    /// The lowest version that the range admits.
    pub fn lowest(&self) -> Option<VersionRef<'a>> {
        self.alternatives()
            .filter_map(|alternative| alternative.lowest())
            .min()
    }
}

/// The alternatives of a [`Range`], as they stand in it.
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
        // It was validated when the range was parsed.
        let (found, _) = alternative(&mut cursor).ok()?;
        self.rest = cursor.text.get(cursor.at + 2..);
        Some(found)
    }
}

impl<'a> Alternative<'a> {
    const ANY: Self = Alternative {
        low: None,
        high: None,
    };

    fn exactly(version: VersionRef<'a>) -> Self {
        let bound = Some(Bound {
            version,
            inclusive: true,
        });
        Alternative {
            low: bound,
            high: bound,
        }
    }

    fn is_any(&self) -> bool {
        self.low.is_none() && self.high.is_none()
    }

    /// Whether the alternative admits `version`, by npm's rules.
    pub fn contains(&self, version: VersionRef<'_>) -> bool {
        self.is_above_low(version)
            && self.is_below_high(version)
            && self.permits_prerelease(version)
    }

    pub(crate) fn high(&self) -> Option<Bound<'a>> {
        self.high
    }

    pub(crate) fn is_above_low(&self, version: VersionRef<'_>) -> bool {
        self.low.is_none_or(|low| match version.cmp(&low.version) {
            Ordering::Less => false,
            Ordering::Equal => low.inclusive,
            Ordering::Greater => true,
        })
    }

    fn is_below_high(&self, version: VersionRef<'_>) -> bool {
        self.high
            .is_none_or(|high| match version.cmp(&high.version) {
                Ordering::Less => true,
                Ordering::Equal => high.inclusive,
                Ordering::Greater => false,
            })
    }

    fn permits_prerelease(&self, version: VersionRef<'_>) -> bool {
        version.is_stable()
            || [self.low, self.high]
                .into_iter()
                .flatten()
                .any(|bound| !bound.version.is_stable() && bound.version.same_triple(&version))
    }

    /// The lowest version that the alternative admits; nothing where it admits none, as `>2 <1`.
    pub fn lowest(&self) -> Option<VersionRef<'a>> {
        self.base().map(|base| base.version)
    }

    /// The lowest version, as a bound: above an exclusive one is nothing else that could come first.
    pub(crate) fn base(&self) -> Option<Bound<'a>> {
        let stable = match self.low {
            None => Some(VersionRef::new(0, 0, 0)),
            Some(Bound {
                version,
                inclusive: true,
            }) => Some(version),
            Some(Bound {
                version,
                inclusive: false,
            }) if version.is_stable() => successor(version),
            Some(low) => {
                let nothing_between = self.high.is_some_and(|high| {
                    !high.inclusive
                        && high.version.same_triple(&low.version)
                        && high.version.pre.strip_prefix(low.version.pre) == Some(".0")
                });
                let above = self.high.is_none_or(|high| low.version < high.version);
                return (above && !nothing_between).then_some(low);
            }
        };
        let prerelease = self.high.map(|high| VersionRef {
            pre: "0",
            ..high.version
        });
        [stable, prerelease]
            .into_iter()
            .flatten()
            .filter(|&version| self.contains(version))
            .min()
            .map(|version| Bound {
                version,
                inclusive: true,
            })
    }

    fn raise(&mut self, low: Bound<'a>) {
        let rises = self.low.is_none_or(|old| {
            low.version
                .cmp(&old.version)
                .then_with(|| old.inclusive.cmp(&low.inclusive))
                .is_gt()
        });
        if rises {
            self.low = Some(low);
        }
    }

    fn lower(&mut self, high: Bound<'a>) {
        let falls = self.high.is_none_or(|old| {
            high.version
                .cmp(&old.version)
                .then_with(|| high.inclusive.cmp(&old.inclusive))
                .is_lt()
        });
        if falls {
            self.high = Some(high);
        }
    }
}

/// The lowest stable version above a stable one, within [`MAX_COMPONENT`].
fn successor(version: VersionRef<'_>) -> Option<VersionRef<'static>> {
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Tilde,
    Caret,
}

/// A version, or its beginning: `1`, `1.2`, `1.x`, `*`. A number is missing where it was left out or is a wildcard.
#[derive(Clone, Copy)]
struct Partial<'a> {
    major: Option<u64>,
    minor: Option<u64>,
    patch: Option<u64>,
    pre: &'a str,
    /// Where it begins.
    offset: usize,
}

/// Reads up to the next `||` or the end. The version is given too where it is all there is.
fn alternative<'a>(
    cursor: &mut Cursor<'a>,
) -> Result<(Alternative<'a>, Option<VersionRef<'a>>), Fault> {
    let mut found = Alternative::ANY;
    cursor.eat_space();
    if has_lone_hyphen(cursor) {
        hyphen(cursor, &mut found)?;
        return Ok((found, None));
    }
    let mut pinned = None;
    let mut count = 0;
    while !is_at_stop(cursor) {
        let version = comparator(cursor, &mut found)?;
        pinned = if count == 0 { version } else { None };
        count += 1;
        if !cursor.eat_space() && !is_at_stop(cursor) {
            return Err(cursor.after(Part::Patch));
        }
    }
    Ok((found, pinned))
}

fn is_at_stop(cursor: &Cursor<'_>) -> bool {
    match cursor.peek() {
        None => true,
        Some(byte) => byte == b'|' && cursor.text.as_bytes().get(cursor.at + 1) == Some(&b'|'),
    }
}

/// Whether a `-` between white space comes before the next `||`.
fn has_lone_hyphen(cursor: &Cursor<'_>) -> bool {
    let mut ahead = *cursor;
    while !is_at_stop(&ahead) {
        if ahead.eat_space() {
            if ahead.eat(b'-') && ahead.eat_space() {
                return true;
            }
        } else {
            ahead.at += 1;
        }
    }
    false
}

fn prefix(cursor: &mut Cursor<'_>, spaces: bool) -> (usize, usize) {
    let start = cursor.at;
    while matches!(cursor.peek(), Some(b'v' | b'=')) || (spaces && cursor.eat_space()) {
        cursor.at += usize::from(matches!(cursor.peek(), Some(b'v' | b'=')));
    }
    (start, cursor.at)
}

fn hyphen<'a>(cursor: &mut Cursor<'a>, found: &mut Alternative<'a>) -> Result<(), Fault> {
    let before = prefix(cursor, true);
    let from = partial(cursor)?;
    check_prefix(cursor, before, &from)?;
    let spaced = cursor.eat_space();
    if !spaced || !cursor.eat(b'-') || !cursor.eat_space() {
        return Err(cursor.after(Part::Patch));
    }
    let before = prefix(cursor, true);
    let to = partial(cursor)?;
    if to.pre.is_empty() {
        check_prefix(cursor, before, &to)?;
    }
    cursor.eat_space();
    if !is_at_stop(cursor) {
        return Err(cursor.after(Part::Hyphen));
    }
    if let Some(version) = from.floor() {
        found.raise(Bound {
            version,
            inclusive: true,
        });
    }
    match to.full() {
        Some(version) => found.lower(Bound {
            version,
            inclusive: true,
        }),
        None => {
            if let Some(version) = to.next()? {
                found.lower(Bound {
                    version,
                    inclusive: false,
                });
            }
        }
    }
    Ok(())
}

/// A whole version takes no prefix but one `v`; npm lets a partial one have any number of `v` and `=`.
fn check_prefix(
    cursor: &Cursor<'_>,
    (start, end): (usize, usize),
    partial: &Partial<'_>,
) -> Result<(), Fault> {
    let prefix = &cursor.text[start..end];
    if partial.full().is_none() || matches!(prefix, "" | "v") {
        return Ok(());
    }
    let character = prefix.chars().next().unwrap_or('v');
    Err(Fault {
        detail: Detail::Before(character),
        offset: start,
    })
}

/// Reads one comparator and narrows `found` by it. A version is given where it is `1.2.3`, `v1.2.3`, `=1.2.3`.
fn comparator<'a>(
    cursor: &mut Cursor<'a>,
    found: &mut Alternative<'a>,
) -> Result<Option<VersionRef<'a>>, Fault> {
    let operator = operator(cursor);
    let before = prefix(cursor, false);
    let partial = partial(cursor)?;
    if !matches!(operator, Operator::Tilde | Operator::Caret) {
        check_prefix(cursor, before, &partial)?;
        partial.check_order()?;
    }
    let inclusive = true;
    match operator {
        Operator::Tilde | Operator::Caret => {
            let Some(version) = partial.floor() else {
                return Ok(None);
            };
            found.raise(Bound { version, inclusive });
            let next = if operator == Operator::Tilde {
                partial.tilde()?
            } else {
                partial.caret()?
            };
            found.lower(Bound {
                version: next,
                inclusive: false,
            });
        }
        Operator::Equal => match partial.full() {
            Some(version) => {
                found.raise(Bound { version, inclusive });
                found.lower(Bound { version, inclusive });
                return Ok(Some(version));
            }
            None => {
                let Some(version) = partial.floor() else {
                    return Ok(None);
                };
                found.raise(Bound { version, inclusive });
                if let Some(version) = partial.next()? {
                    found.lower(Bound {
                        version,
                        inclusive: false,
                    });
                }
            }
        },
        Operator::GreaterEqual => {
            if let Some(version) = partial.floor() {
                found.raise(Bound { version, inclusive });
            }
        }
        Operator::LessEqual => match partial.full() {
            Some(version) => found.lower(Bound { version, inclusive }),
            None => {
                if let Some(version) = partial.next()? {
                    found.lower(Bound {
                        version,
                        inclusive: false,
                    });
                }
            }
        },
        Operator::Less => {
            let version = match (partial.full(), partial.floor()) {
                (Some(version), _) => version,
                (None, Some(floor)) => VersionRef { pre: "0", ..floor },
                (None, None) => NOTHING,
            };
            found.lower(Bound {
                version,
                inclusive: false,
            });
        }
        Operator::Greater => match partial.full() {
            Some(version) => found.raise(Bound {
                version,
                inclusive: false,
            }),
            None => match partial.next()? {
                Some(next) => found.raise(Bound {
                    version: VersionRef { pre: "", ..next },
                    inclusive,
                }),
                None => found.lower(Bound {
                    version: NOTHING,
                    inclusive: false,
                }),
            },
        },
    }
    Ok(None)
}

/// The lowest version of all: below it is nothing.
const NOTHING: VersionRef<'static> = VersionRef {
    major: 0,
    minor: 0,
    patch: 0,
    pre: "0",
};

fn operator(cursor: &mut Cursor<'_>) -> Operator {
    let sign = if cursor.eat(b'^') {
        cursor.eat_space();
        Some(Operator::Caret)
    } else if cursor.eat(b'~') {
        cursor.eat_space();
        if cursor.eat(b'>') {
            cursor.eat_space();
        }
        Some(Operator::Tilde)
    } else if cursor.eat(b'>') {
        Some(Operator::Greater)
    } else if cursor.eat(b'<') {
        Some(Operator::Less)
    } else {
        None
    };
    let equal = cursor.eat(b'=');
    if sign.is_some() || equal {
        cursor.eat_space();
    }
    let equal =
        equal || (matches!(sign, Some(Operator::Greater | Operator::Less)) && cursor.eat(b'='));
    match (sign, equal) {
        (None, _) => Operator::Equal,
        (Some(Operator::Greater), true) => Operator::GreaterEqual,
        (Some(Operator::Less), true) => Operator::LessEqual,
        (Some(operator), _) => operator,
    }
}

/// Reads a number or a wildcard.
fn component(cursor: &mut Cursor<'_>, part: Part) -> Result<Option<u64>, Fault> {
    if matches!(cursor.peek(), Some(b'x' | b'X' | b'*')) {
        cursor.at += 1;
        return Ok(None);
    }
    cursor.number(part).map(Some)
}

fn partial<'a>(cursor: &mut Cursor<'a>) -> Result<Partial<'a>, Fault> {
    let offset = cursor.at;
    let mut partial = Partial {
        major: component(cursor, Part::Major)?,
        minor: None,
        patch: None,
        pre: "",
        offset,
    };
    let mut last = Part::Major;
    if cursor.eat(b'.') {
        partial.minor = component(cursor, Part::Minor)?;
        last = Part::Minor;
        if cursor.eat(b'.') {
            partial.patch = component(cursor, Part::Patch)?;
            last = Part::Patch;
            if cursor.eat(b'-') {
                partial.pre = cursor.identifiers(Part::Prerelease)?;
                last = Part::Prerelease;
            }
        }
    }
    if cursor.peek() == Some(b'+') {
        cursor.build()?;
        last = Part::Build;
    }
    if is_at_stop(cursor) || crate::cursor::space_length(cursor.text.as_bytes(), cursor.at) > 0 {
        return Ok(partial);
    }
    Err(cursor.after(last))
}

impl<'a> Partial<'a> {
    /// The version, where nothing is missing.
    fn full(&self) -> Option<VersionRef<'a>> {
        match (self.major, self.minor, self.patch) {
            (Some(major), Some(minor), Some(patch)) => Some(VersionRef {
                major,
                minor,
                patch,
                pre: self.pre,
            }),
            _ => None,
        }
    }

    /// The lowest version it stands for; nothing for `*`.
    fn floor(&self) -> Option<VersionRef<'a>> {
        let major = self.major?;
        Some(match (self.minor, self.patch) {
            (None, _) => VersionRef::new(major, 0, 0),
            (Some(minor), None) => VersionRef::new(major, minor, 0),
            (Some(minor), Some(patch)) => VersionRef {
                major,
                minor,
                patch,
                pre: self.pre,
            },
        })
    }

    /// The version after the last that a partial one stands for; nothing for `*`.
    fn next(&self) -> Result<Option<VersionRef<'static>>, Fault> {
        Ok(match (self.major, self.minor) {
            (None, _) => None,
            (Some(_), None) => Some(self.next_major()?),
            (Some(_), Some(_)) => Some(self.next_minor()?),
        })
    }

    fn tilde(&self) -> Result<VersionRef<'static>, Fault> {
        if self.minor.is_some() {
            self.next_minor()
        } else {
            self.next_major()
        }
    }

    fn caret(&self) -> Result<VersionRef<'static>, Fault> {
        match (self.major, self.minor, self.patch) {
            (Some(0), Some(0), Some(patch)) => Ok(VersionRef {
                pre: "0",
                ..VersionRef::new(0, 0, self.after(patch, Part::Patch)?)
            }),
            (Some(0), Some(_), _) => self.next_minor(),
            _ => self.next_major(),
        }
    }

    fn next_major(&self) -> Result<VersionRef<'static>, Fault> {
        let major = self.after(self.major.unwrap_or(0), Part::Major)?;
        Ok(VersionRef {
            pre: "0",
            ..VersionRef::new(major, 0, 0)
        })
    }

    fn next_minor(&self) -> Result<VersionRef<'static>, Fault> {
        let minor = self.after(self.minor.unwrap_or(0), Part::Minor)?;
        Ok(VersionRef {
            pre: "0",
            ..VersionRef::new(self.major.unwrap_or(0), minor, 0)
        })
    }

    fn after(&self, number: u64, part: Part) -> Result<u64, Fault> {
        if number < MAX_COMPONENT {
            return Ok(number + 1);
        }
        Err(Fault {
            detail: Detail::NoSuccessor(part),
            offset: self.offset,
        })
    }

    /// `1.x.2` and `x.1` mean nothing, except behind `^` and `~` and in a hyphen range, where npm takes them.
    fn check_order(&self) -> Result<(), Fault> {
        let detail = match (self.major, self.minor, self.patch) {
            (None, Some(_), _) => Detail::NumberAfterWildcard(Part::Minor),
            (_, None, Some(_)) => Detail::NumberAfterWildcard(Part::Patch),
            _ => return Ok(()),
        };
        Err(Fault {
            detail,
            offset: self.offset,
        })
    }
}
