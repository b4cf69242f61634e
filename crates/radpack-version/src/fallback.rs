//! How far an answer may be from what was asked for.

use core::fmt;
use core::str::FromStr;

/// How far an answer may be from what was asked for, when that is not available. They are ordered from the strictest to
/// the loosest.
///
/// ```
/// use radpack_version::Fallback;
///
/// let fallback: Fallback = "same-major".parse()?;
/// assert_eq!(fallback, Fallback::default());
/// assert!(fallback < Fallback::Any);
/// # Ok::<(), radpack_version::FallbackError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fallback {
    /// Not at all.
    None,
    /// The same major, and for 0.x the same minor too.
    Compatible,
    /// The same major.
    #[default]
    SameMajor,
    /// Whatever there is.
    Any,
}

impl Fallback {
    /// From the strictest to the loosest.
    pub(crate) const ALL: [Fallback; 4] = [
        Fallback::None,
        Fallback::Compatible,
        Fallback::SameMajor,
        Fallback::Any,
    ];

    /// Its name: `none`, `compatible`, `same-major` or `any`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Fallback::None => "none",
            Fallback::Compatible => "compatible",
            Fallback::SameMajor => "same-major",
            Fallback::Any => "any",
        }
    }
}

impl fmt::Display for Fallback {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// A text that names no [`Fallback`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FallbackError(());

impl fmt::Display for FallbackError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("unknown fallback, expected none, compatible, same-major or any")
    }
}

impl core::error::Error for FallbackError {}

impl FromStr for Fallback {
    type Err = FallbackError;

    fn from_str(text: &str) -> Result<Self, FallbackError> {
        Fallback::ALL
            .into_iter()
            .find(|fallback| fallback.as_str() == text)
            .ok_or(FallbackError(()))
    }
}
