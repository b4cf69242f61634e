//! What is wrong with a text that should be a version or a spec.
//!
//! The wording follows the `semver` crate's: it names the part of the version that was being read. One private
//! [`Detail`] serves both public errors; neither keeps the text, which the caller has.

use core::fmt;

use crate::version::MAX_COMPONENT;

/// What kind of mistake a version or a spec has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text does not follow the grammar: it must be corrected.
    Syntax,
    /// The text follows the grammar, but a number in it is larger than [`MAX_COMPONENT`].
    TooLarge,
}

/// The part of a version, or of a spec, that an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Major,
    Minor,
    Patch,
    Prerelease,
    Build,
    Tag,
    Hyphen,
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Part::Major => "major version number",
            Part::Minor => "minor version number",
            Part::Patch => "patch version number",
            Part::Prerelease => "pre-release identifier",
            Part::Build => "build metadata",
            Part::Tag => "tag",
            Part::Hyphen => "hyphen range",
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// There is no text.
    Empty,
    /// The text ends where this part should be.
    End(Part),
    /// A character that cannot be in this part.
    Within(Part, char),
    /// A character that cannot follow this part.
    After(Part, char),
    /// A character that cannot precede a whole version, as the second `=` of `==1.2.3`.
    Before(Part, char),
    LeadingZero(Part),
    TooLarge(Part),
    /// The number is allowed, but its successor, where the range ends, is not.
    NoSuccessor(Part),
    EmptySegment(Part),
    /// A number after a wildcard, as in `1.x.2`.
    NumberAfterWildcard(Part),
}

/// A [`Detail`] and the byte offset in the text that was to be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) detail: Detail,
    pub(crate) offset: usize,
}

impl Fault {
    fn kind(self) -> ErrorKind {
        match self.detail {
            Detail::TooLarge(_) | Detail::NoSuccessor(_) => ErrorKind::TooLarge,
            _ => ErrorKind::Syntax,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.detail {
            Detail::Empty => formatter.write_str("empty string, expected a version"),
            Detail::End(part) => write!(formatter, "unexpected end of input while parsing {part}"),
            Detail::Within(part, character) => {
                write!(
                    formatter,
                    "unexpected character {character:?} while parsing {part}"
                )
            }
            Detail::After(part, character) => {
                write!(formatter, "unexpected character {character:?} after {part}")
            }
            Detail::Before(part, character) => {
                write!(
                    formatter,
                    "unexpected character {character:?} before {part}"
                )
            }
            Detail::LeadingZero(part) => write!(formatter, "invalid leading zero in {part}"),
            Detail::TooLarge(part) => write!(formatter, "value of {part} exceeds {MAX_COMPONENT}"),
            Detail::NoSuccessor(part) => {
                write!(
                    formatter,
                    "value of {part} is too large for a range: the next one exceeds {MAX_COMPONENT}"
                )
            }
            Detail::EmptySegment(part) => write!(formatter, "empty identifier segment in {part}"),
            Detail::NumberAfterWildcard(part) => {
                write!(formatter, "{part} after a wildcard must be a wildcard too")
            }
        }
    }
}

/// Why a text is not a version.
///
/// ```
/// use radpack_version::VersionRef;
///
/// let error = VersionRef::parse("1.x.0").unwrap_err();
/// assert_eq!(error.to_string(), "unexpected character 'x' while parsing minor version number");
/// assert_eq!(error.offset(), 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionError(pub(crate) Fault);

/// Why a text is not a spec.
///
/// ```
/// use radpack_version::Spec;
///
/// let error = Spec::parse("^1.2.3.4").unwrap_err();
/// assert_eq!(error.to_string(), "unexpected character '.' after patch version number");
/// assert_eq!(error.offset(), 6);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpecError(pub(crate) Fault);

macro_rules! text_error {
    ($name:ident) => {
        impl $name {
            /// What kind of mistake it is.
            pub fn kind(&self) -> ErrorKind {
                self.0.kind()
            }

            /// Where it is: a byte offset in the text that was given, at most its length.
            pub fn offset(&self) -> usize {
                self.0.offset
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl core::error::Error for $name {}
    };
}

text_error!(VersionError);
text_error!(SpecError);
