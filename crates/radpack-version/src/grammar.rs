//! npm's range grammar: reads what stands between two `||` and narrows an [`Alternative`] by it.
//!
//! The source is node-semver 7, `classes/range.js` and `internal/re.js`, without loose mode. There, a chain of regular
//! expressions rewrites the text until only comparators are left; here, one pass over it gives the same bounds. Every
//! range that is accepted means what it means there, `fixtures/select/npm-ranges.json` holds npm's own answers.
//!
//! What that rewriting also lets through by accident is refused here: a wildcard glued to a whole version (`1.2.3*`,
//! which is read as `1.2.3`), and build metadata that stands alone or twice (`+a`, `1.2.3+a+b`).
//!
//! What is npm's and may surprise is marked with the word *npm* where it is done.

use crate::cursor::{Cursor, space_length};
use crate::error::{Detail, Fault, Part};
use crate::range::Alternative;
use crate::version::{MAX_COMPONENT, VersionRef};

/// Reads up to the next `||` or the end, and narrows `found` by what stands there. Gives the version, where that is one
/// whole version and nothing else.
pub(crate) fn read<'a>(
    cursor: &mut Cursor<'a>,
    found: &mut Alternative<'a>,
) -> Result<Option<VersionRef<'a>>, Fault> {
    cursor.eat_space();
    if has_lone_hyphen(*cursor) {
        hyphen_range(cursor, found)?;
        return Ok(None);
    }
    let mut pinned = None;
    let mut is_first = true;
    while !is_at_stop(cursor) {
        let version = comparator(cursor, found)?;
        pinned = if is_first { version } else { None };
        is_first = false;
        cursor.eat_space();
    }
    Ok(pinned)
}

/// Whether the cursor stands before a `||` or at the end.
fn is_at_stop(cursor: &Cursor<'_>) -> bool {
    match cursor.text.as_bytes().get(cursor.at..) {
        None | Some([]) => true,
        Some(rest) => rest.starts_with(b"||"),
    }
}

/// Whether a `-` between white space comes before the next `||`. Nothing but a hyphen range has one.
fn has_lone_hyphen(mut cursor: Cursor<'_>) -> bool {
    if matches!(cursor.peek(), Some(b'^' | b'~' | b'<' | b'>')) {
        return false;
    }
    while !is_at_stop(&cursor) {
        if !cursor.eat_space() {
            cursor.at += 1;
        } else if cursor.eat(b'-') && cursor.eat_space() {
            return true;
        }
    }
    false
}

/// Reads `from - to`, which is all there is up to the next `||`.
fn hyphen_range<'a>(cursor: &mut Cursor<'a>, found: &mut Alternative<'a>) -> Result<(), Fault> {
    let prefix = Prefix::read(cursor, true);
    let from = Partial::read(cursor)?;
    let has_v = prefix.check(cursor, &from)?;
    cursor.eat_space();
    if !cursor.eat(b'-') || !cursor.eat_space() {
        return Err(cursor.unexpected(Part::Hyphen));
    }
    let prefix = Prefix::read(cursor, true);
    let to = Partial::read(cursor)?;
    if to.pre.is_empty() {
        prefix.check(cursor, &to)?;
    }
    cursor.eat_space();
    if !is_at_stop(cursor) {
        return Err(cursor.after(Part::Hyphen));
    }
    at_least(found, from.floor(), has_v);
    at_most(found, &to)
}

enum Operator {
    Caret,
    Tilde,
    Equal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Operator {
    /// Reads an operator and the white space behind it; none is [`Equal`](Operator::Equal).
    ///
    /// *npm*: `~>` is `~`, with or without a `=`; white space may also stand within `> =` and `~ >`.
    fn read(cursor: &mut Cursor<'_>) -> Self {
        if cursor.eat(b'^') {
            cursor.eat_space();
            if cursor.eat(b'=') {
                cursor.eat_space();
            }
            return Operator::Caret;
        }
        if cursor.eat(b'~') {
            cursor.eat_space();
            if cursor.eat(b'>') | cursor.eat(b'=') {
                cursor.eat_space();
            }
            return Operator::Tilde;
        }
        let (alone, with_equal) = match cursor.peek() {
            Some(b'<') => (Operator::Less, Operator::AtMost),
            Some(b'>') => (Operator::Greater, Operator::AtLeast),
            _ => {
                if cursor.eat(b'=') {
                    cursor.eat_space();
                }
                return Operator::Equal;
            }
        };
        cursor.at += 1;
        if cursor.eat(b'=') {
            cursor.eat_space();
            return with_equal;
        }
        if cursor.eat_space() && cursor.eat(b'=') {
            return with_equal;
        }
        alone
    }
}

/// Reads one comparator and narrows `found` by it. Gives the version where it admits one version only.
fn comparator<'a>(
    cursor: &mut Cursor<'a>,
    found: &mut Alternative<'a>,
) -> Result<Option<VersionRef<'a>>, Fault> {
    let operator = Operator::read(cursor);
    let prefix = Prefix::read(cursor, false);
    let partial = Partial::read(cursor)?;
    match operator {
        // *npm*: behind these two, any prefix and a number after a wildcard will do: `^1.x.2` is `^1`.
        Operator::Caret => {
            at_least(found, partial.floor(), false);
            below(found, partial.after_caret()?);
            return Ok(None);
        }
        Operator::Tilde => {
            at_least(found, partial.floor(), false);
            below(found, partial.after_tilde()?);
            return Ok(None);
        }
        _ => {}
    }
    let has_v = prefix.check(cursor, &partial)?;
    partial.check_order()?;
    match (operator, partial.full()) {
        (Operator::AtLeast, _) => at_least(found, partial.floor(), has_v),
        (Operator::AtMost, _) => at_most(found, &partial)?,
        (Operator::Greater, Some(version)) => found.raise(version, false),
        (Operator::Greater, None) => match partial.after_last()? {
            Some(after) => found.raise(VersionRef { pre: "", ..after }, true),
            None => found.lower(LOWEST, false),
        },
        (Operator::Less, Some(version)) => found.lower(version, false),
        (Operator::Less, None) => {
            let floor = partial
                .floor()
                .map_or(LOWEST, |floor| VersionRef { pre: "0", ..floor });
            found.lower(floor, false);
        }
        (_, Some(version)) => {
            found.raise(version, true);
            found.lower(version, true);
            return Ok(Some(version));
        }
        (_, None) => {
            at_least(found, partial.floor(), false);
            below(found, partial.after_last()?);
        }
    }
    Ok(None)
}

/// The lowest version of all.
const LOWEST: VersionRef<'static> = VersionRef { pre: "0", ..ZERO };

const ZERO: VersionRef<'static> = VersionRef::new(0, 0, 0);

/// `>=version`; of `*`, nothing.
///
/// *npm*: `>=0.0.0`, written or derived, is `*` and so no bound; but not if a `v` stands before the zeros.
fn at_least<'a>(found: &mut Alternative<'a>, version: Option<VersionRef<'a>>, has_v: bool) {
    if let Some(version) = version
        && (has_v || version != ZERO)
    {
        found.raise(version, true);
    }
}

/// `<=version`, where a partial one includes all that it stands for.
fn at_most<'a>(found: &mut Alternative<'a>, partial: &Partial<'a>) -> Result<(), Fault> {
    match partial.full() {
        Some(version) => found.lower(version, true),
        None => below(found, partial.after_last()?),
    }
    Ok(())
}

/// `<version`; of `*`, nothing.
fn below<'a>(found: &mut Alternative<'a>, version: Option<VersionRef<'a>>) {
    if let Some(version) = version {
        found.lower(version, false);
    }
}

/// The `v` and `=` before a version.
struct Prefix {
    start: usize,
    end: usize,
}

impl Prefix {
    /// *npm*: in a hyphen range, white space may stand among them.
    fn read(cursor: &mut Cursor<'_>, spaces: bool) -> Self {
        let start = cursor.at;
        while cursor.eat(b'v') || cursor.eat(b'=') || (spaces && cursor.eat_space()) {}
        Prefix {
            start,
            end: cursor.at,
        }
    }

    /// Whether it is one `v`.
    ///
    /// *npm*: before a partial version, any number of `v` and `=` will do; before a whole one, one `v` at most.
    fn check(&self, cursor: &Cursor<'_>, partial: &Partial<'_>) -> Result<bool, Fault> {
        let prefix = &cursor.text[self.start..self.end];
        if partial.full().is_none() {
            return Ok(false);
        }
        match prefix {
            "" => Ok(false),
            "v" => Ok(true),
            _ => {
                let offset = self.start + usize::from(prefix.starts_with('v'));
                let at_fault = Cursor {
                    at: offset,
                    ..*cursor
                };
                let character = at_fault.character().unwrap_or('v');
                Err(at_fault.fault(Detail::Before(Part::Major, character)))
            }
        }
    }
}

/// A version or the beginning of one: `1.2.3-beta`, `1.2`, `1.x`, `*`. A number that was left out or is a wildcard is
/// missing.
struct Partial<'a> {
    major: Option<u64>,
    minor: Option<u64>,
    patch: Option<u64>,
    pre: &'a str,
    /// Where the three begin.
    offsets: [usize; 3],
}

impl<'a> Partial<'a> {
    /// Reads one, up to white space, `||` or the end. Build metadata is dropped.
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, Fault> {
        let offsets = [cursor.at; 3];
        let major = component(cursor, Part::Major)?;
        let mut partial = Partial {
            major,
            minor: None,
            patch: None,
            pre: "",
            offsets,
        };
        let mut last = Part::Major;
        if cursor.eat(b'.') {
            partial.offsets[1] = cursor.at;
            partial.minor = component(cursor, Part::Minor)?;
            last = Part::Minor;
            if cursor.eat(b'.') {
                partial.offsets[2] = cursor.at;
                partial.patch = component(cursor, Part::Patch)?;
                last = Part::Patch;
                if cursor.eat(b'-') {
                    partial.pre = cursor.identifiers(Part::Prerelease)?;
                    last = Part::Prerelease;
                }
            }
        }
        if cursor.eat(b'+') {
            cursor.identifiers(Part::Build)?;
            last = Part::Build;
        }
        if is_at_stop(cursor) || space_length(cursor.text.as_bytes(), cursor.at) > 0 {
            return Ok(partial);
        }
        Err(cursor.after(last))
    }

    /// The version, where nothing is missing.
    fn full(&self) -> Option<VersionRef<'a>> {
        Some(VersionRef {
            major: self.major?,
            minor: self.minor?,
            patch: self.patch?,
            pre: self.pre,
        })
    }

    /// The lowest version that it stands for; of `*`, nothing.
    ///
    /// *npm*: what follows a wildcard does not count, nor does a prerelease behind one.
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

    /// What comes after the last version that a partial one stands for; of `*`, nothing.
    fn after_last(&self) -> Result<Option<VersionRef<'static>>, Fault> {
        self.after_tilde()
    }

    /// Where `~` ends; of `*`, nowhere.
    fn after_tilde(&self) -> Result<Option<VersionRef<'static>>, Fault> {
        match (self.major, self.minor) {
            (None, _) => Ok(None),
            (Some(major), None) => self.next_major(major).map(Some),
            (Some(major), Some(minor)) => self.next_minor(major, minor).map(Some),
        }
    }

    /// Where `^` ends: at the next change of the first number that is not zero; of `*`, nowhere.
    fn after_caret(&self) -> Result<Option<VersionRef<'static>>, Fault> {
        match (self.major, self.minor, self.patch) {
            (None, _, _) => Ok(None),
            (Some(0), Some(0), Some(patch)) => {
                let patch = self.next(patch, Part::Patch)?;
                Ok(Some(VersionRef { patch, ..LOWEST }))
            }
            (Some(0), Some(minor), _) => self.next_minor(0, minor).map(Some),
            (Some(major), _, _) => self.next_major(major).map(Some),
        }
    }

    fn next_major(&self, major: u64) -> Result<VersionRef<'static>, Fault> {
        Ok(VersionRef {
            major: self.next(major, Part::Major)?,
            ..LOWEST
        })
    }

    fn next_minor(&self, major: u64, minor: u64) -> Result<VersionRef<'static>, Fault> {
        Ok(VersionRef {
            major,
            minor: self.next(minor, Part::Minor)?,
            ..LOWEST
        })
    }

    /// *npm*: the end of a range must be a valid version itself.
    fn next(&self, number: u64, part: Part) -> Result<u64, Fault> {
        if number < MAX_COMPONENT {
            return Ok(number + 1);
        }
        Err(self.fault(part, Detail::NoSuccessor(part)))
    }

    fn check_order(&self) -> Result<(), Fault> {
        let part = match (self.major, self.minor, self.patch) {
            (None, Some(_), _) => Part::Minor,
            (_, None, Some(_)) => Part::Patch,
            _ => return Ok(()),
        };
        Err(self.fault(part, Detail::NumberAfterWildcard(part)))
    }

    fn fault(&self, part: Part, detail: Detail) -> Fault {
        let [major, minor, patch] = self.offsets;
        let offset = match part {
            Part::Minor => minor,
            Part::Patch => patch,
            _ => major,
        };
        Fault { detail, offset }
    }
}

/// Reads a number or a wildcard, which is none.
fn component(cursor: &mut Cursor<'_>, part: Part) -> Result<Option<u64>, Fault> {
    if matches!(cursor.peek(), Some(b'x' | b'X' | b'*')) {
        cursor.at += 1;
        return Ok(None);
    }
    cursor.number(part).map(Some)
}
