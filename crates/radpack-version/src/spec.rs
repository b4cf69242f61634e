//! What stands behind the `@` of an id: which kind of spec a text is.
//!
//! What a range means is in the modules `range` and `grammar`, which version a spec gets in `select`.

use core::fmt;

use crate::cursor::trimmed;
use crate::error::{Detail, Fault, Part, SpecError};
use crate::range::Range;
use crate::version::VersionRef;

/// A spec: which version is asked for. It borrows its text and is `Copy`.
///
/// | text | spec |
/// |---|---|
/// | `1.2.3`, `v1.2.3`, `=1.2.3`, `=v1.2.3`, `1.2.3-beta.1`, `= 1.2.3` | [`Pinned`](Spec::Pinned) |
/// | nothing, `*`, `x`, `X` | [`Any`](Spec::Any) |
/// | all else in npm's range grammar: `^1.2`, `~1.2`, `1`, `1.2.x`, `>=1 <3`, `1.2 - 2`, `^17 \|\| ^18` | [`Range`](Spec::Range) |
/// | another word, `[A-Za-z][A-Za-z0-9_.-]*`: `latest`, `next` | [`Tag`](Spec::Tag) |
///
/// What is both, as `v1` or `x.x`, is a range.
///
/// ```
/// use radpack_version::{Spec, VersionRef};
///
/// assert_eq!(Spec::parse("=v1.2.3")?, Spec::Pinned(VersionRef::new(1, 2, 3)));
/// assert_eq!(Spec::parse("")?, Spec::Any);
/// assert_eq!(Spec::parse("next")?, Spec::Tag("next"));
/// assert!(matches!(Spec::parse("^1.2")?, Spec::Range(range) if range.as_str() == "^1.2"));
/// # Ok::<(), radpack_version::SpecError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spec<'a> {
    /// One version.
    Pinned(VersionRef<'a>),
    /// Whatever is newest.
    Any,
    /// The version that a tag points at.
    Tag(&'a str),
    /// Any version within a range.
    Range(Range<'a>),
}

impl<'a> Spec<'a> {
    /// Parses a spec. White space around it does not count.
    ///
    /// # Errors
    ///
    /// Where the text is none of the above, and where a number in it exceeds
    /// [`MAX_COMPONENT`](crate::MAX_COMPONENT).
    pub fn parse(text: &'a str) -> Result<Self, SpecError> {
        let (start, end) = trimmed(text);
        match text.as_bytes()[start..end] {
            [] | [b'*' | b'x' | b'X'] => Ok(Spec::Any),
            [b'0'..=b'9', ..] => match VersionRef::parse(&text[start..end]) {
                Ok(version) => Ok(Spec::Pinned(version)),
                Err(_) => ranged(text, start, end),
            },
            [b'a'..=b'z' | b'A'..=b'Z', ..] => word(text, start, end),
            _ => ranged(text, start, end),
        }
        .map_err(SpecError)
    }
}

/// A text that parses to the same spec.
impl fmt::Display for Spec<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Spec::Pinned(version) => version.fmt(formatter),
            Spec::Any => formatter.write_str("*"),
            Spec::Tag(name) => formatter.write_str(name),
            Spec::Range(range) => range.fmt(formatter),
        }
    }
}

fn ranged(text: &str, start: usize, end: usize) -> Result<Spec<'_>, Fault> {
    let mut range = Range::ANY;
    Ok(match range.read(text, start, end)? {
        Some(version) => Spec::Pinned(version),
        None => Spec::Range(range),
    })
}

/// A text that begins with a letter: a range that begins with `v` or `x`, or a tag.
fn word(text: &str, start: usize, end: usize) -> Result<Spec<'_>, Fault> {
    let word = &text[start..end];
    let range = match word.as_bytes()[0] {
        b'v' | b'x' | b'X' => match ranged(text, start, end) {
            Ok(spec) => return Ok(spec),
            Err(fault) => Some(fault),
        },
        _ => None,
    };
    let foreign = word.char_indices().find(|(_, character)| {
        !(character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | '-'))
    });
    match (foreign, range) {
        (None, _) => Ok(Spec::Tag(word)),
        (Some(_), Some(fault)) => Err(fault),
        (Some((at, character)), None) => Err(Fault {
            detail: Detail::Within(Part::Tag, character),
            offset: start + at,
        }),
    }
}
