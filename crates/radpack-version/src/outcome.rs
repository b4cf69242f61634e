//! What a selection gives: a version and how it fits, or why there is none.

use core::fmt;

use crate::fallback::Fallback;
use crate::version::VersionRef;

/// How well a selected version fits what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fit {
    /// The pinned version itself.
    Exact,
    /// Within the range, or what the tag points at.
    InRange,
    /// Neither: the nearest one available.
    Nearest,
}

impl Fit {
    /// Its name: `exact`, `in-range` or `nearest`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Fit::Exact => "exact",
            Fit::InRange => "in-range",
            Fit::Nearest => "nearest",
        }
    }
}

impl fmt::Display for Fit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// The first part in which a *nearest* version differs from what was asked for: the pinned version, or the lowest one
/// that the range admits. A prerelease that was selected for *any*, as there is nothing stable, drifts by that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Drift {
    /// Another major.
    Major,
    /// The same major, another minor.
    Minor,
    /// The same major and minor, another patch.
    Patch,
    /// The same three numbers, another prerelease.
    Prerelease,
}

impl Drift {
    /// Its name: `major`, `minor`, `patch` or `prerelease`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Drift::Major => "major",
            Drift::Minor => "minor",
            Drift::Patch => "patch",
            Drift::Prerelease => "prerelease",
        }
    }

    pub(crate) fn between(base: VersionRef<'_>, selected: VersionRef<'_>) -> Self {
        if base.major != selected.major {
            Drift::Major
        } else if base.minor != selected.minor {
            Drift::Minor
        } else if base.patch != selected.patch {
            Drift::Patch
        } else {
            Drift::Prerelease
        }
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// A version of a list, and how it fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Selected {
    /// Where it stands in the list; of equal versions the first.
    pub index: usize,
    /// How well it fits.
    pub fit: Fit,
    /// How far it is from what was asked for; for [`Fit::Nearest`], and only for that.
    pub drift: Option<Drift>,
}

/// Where a tag points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TagTarget {
    /// There is no such tag.
    Unknown,
    /// The tag exists, but its version is not in the list: it lacks the asked entry.
    Missing,
    /// At the version with this index in the list.
    At(usize),
}

/// What rules 1 to 4 give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direct {
    /// A version.
    Selected(Selected),
    /// None; [`select_nearest`](crate::select_nearest) may find one.
    NotFound,
    /// There is no such tag.
    UnknownTag,
    /// The version of the tag lacks the entry.
    TagLacksEntry,
}

/// Why there is no version for a spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UnavailableKind {
    /// No version fits that the fallback allows.
    Nothing,
    /// There is no such tag.
    UnknownTag,
    /// The version of the tag lacks the entry.
    TagLacksEntry,
}

/// No version for a spec, from [`select`](crate::select).
///
/// It knows neither the id nor the list; who reports it adds both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unavailable {
    /// Why.
    pub kind: UnavailableKind,
    /// The strictest of the looser policies that gives a version, and that version; nothing where none does.
    pub looser: Option<(Fallback, Selected)>,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.kind {
            UnavailableKind::Nothing => "no available version fits",
            UnavailableKind::UnknownTag => "unknown tag",
            UnavailableKind::TagLacksEntry => "the tagged version lacks the entry",
        })?;
        match self.looser {
            Some((fallback, _)) => write!(formatter, "; fallback '{fallback}' gives one"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for Unavailable {}
