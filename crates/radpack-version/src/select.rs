//! Which of the available versions a spec gets: rules 1 to 6 of the resolution page.

use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;
use core::ops::Range as Indices;
use core::str::FromStr;

use crate::key::Key;
use crate::range::Bound;
use crate::spec::Spec;
use crate::version::VersionRef;

/// How far from what was asked for an answer may be, when that is not available.
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
    const ALL: [Fallback; 4] = [
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

/// The first part in which a *nearest* version differs from what was asked for.
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

    fn between(base: VersionRef<'_>, selected: VersionRef<'_>) -> Self {
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
    /// How far it is from what was asked for; only for [`Fit::Nearest`].
    pub drift: Option<Drift>,
}

/// A list of versions, newest first; duplicates are allowed.
///
/// The order is the caller's to keep ([`sort_newest_first`] makes it). In a list that is not sorted a selection finds
/// some version or none, but never fails in another way.
pub trait Versions {
    /// How many there are.
    fn len(&self) -> usize;

    /// The one at `index`, which is less than [`len`](Versions::len).
    fn version(&self, index: usize) -> VersionRef<'_>;

    /// The key of the one at `index`. Lists that keep keys override this.
    fn key(&self, index: usize) -> Key {
        self.version(index).key()
    }

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Versions for [VersionRef<'_>] {
    fn len(&self) -> usize {
        <[VersionRef<'_>]>::len(self)
    }

    fn version(&self, index: usize) -> VersionRef<'_> {
        self[index]
    }
}

impl Versions for [semver::Version] {
    fn len(&self) -> usize {
        <[semver::Version]>::len(self)
    }

    fn version(&self, index: usize) -> VersionRef<'_> {
        VersionRef::from(&self[index])
    }
}

impl<T> Versions for Vec<T>
where
    [T]: Versions,
{
    fn len(&self) -> usize {
        Versions::len(self.as_slice())
    }

    fn version(&self, index: usize) -> VersionRef<'_> {
        self.as_slice().version(index)
    }

    fn key(&self, index: usize) -> Key {
        self.as_slice().key(index)
    }
}

impl<V: Versions + ?Sized> Versions for &V {
    fn len(&self) -> usize {
        (**self).len()
    }

    fn version(&self, index: usize) -> VersionRef<'_> {
        (**self).version(index)
    }

    fn key(&self, index: usize) -> Key {
        (**self).key(index)
    }
}

/// Sorts versions as [`Versions`] wants them.
pub fn sort_newest_first(versions: &mut [VersionRef<'_>]) {
    versions.sort_unstable_by(|left, right| right.cmp(left));
}

/// Where a tag points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// None; [`select_nearest`] may find one.
    NotFound,
    /// There is no such tag.
    UnknownTag,
    /// The version of the tag lacks the entry.
    TagLacksEntry,
}

/// Why there is no version for a spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnavailableKind {
    /// No version fits that the fallback allows.
    Nothing,
    /// There is no such tag.
    UnknownTag,
    /// The version of the tag lacks the entry.
    TagLacksEntry,
}

/// No version for a spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unavailable {
    /// Why.
    pub kind: UnavailableKind,
    /// The least loose of the looser policies that would have given a version, and that version.
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
            Some((fallback, _)) => write!(formatter, "; the fallback '{fallback}' would give one"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for Unavailable {}

/// Rules 1 to 4: what the spec asks for, as far as it is there. Rule 3 whole, which is why it takes the fallback.
///
/// `tag` is asked only for [`Spec::Tag`].
pub fn select_direct<V: Versions + ?Sized>(
    versions: &V,
    spec: &Spec<'_>,
    fallback: Fallback,
    tag: impl FnOnce(&str) -> TagTarget,
) -> Direct {
    let found = match spec {
        Spec::Pinned(version) => pinned(versions, *version).map(|index| (index, Fit::Exact)),
        Spec::Range(range) => range
            .alternatives()
            .filter_map(|alternative| {
                let below = match alternative.high() {
                    Some(high) => lower_than(versions, high.version, high.inclusive),
                    None => 0,
                };
                (below..versions.len())
                    .take_while(|&index| alternative.is_above_low(versions.version(index)))
                    .find(|&index| alternative.contains(versions.version(index)))
            })
            .min()
            .map(|index| (index, Fit::InRange)),
        Spec::Any => return any(versions, fallback),
        Spec::Tag(name) => match tag(name) {
            TagTarget::At(index) => Some((index, Fit::InRange)),
            TagTarget::Missing => return Direct::TagLacksEntry,
            TagTarget::Unknown if *name == "latest" => return any(versions, fallback),
            TagTarget::Unknown => return Direct::UnknownTag,
        },
    };
    match found {
        Some((index, fit)) => Direct::Selected(Selected {
            index,
            fit,
            drift: None,
        }),
        None => Direct::NotFound,
    }
}

fn any<V: Versions + ?Sized>(versions: &V, fallback: Fallback) -> Direct {
    let stable = (0..versions.len()).find(|&index| is_stable(versions, index));
    match stable {
        Some(index) => Direct::Selected(Selected {
            index,
            fit: Fit::InRange,
            drift: None,
        }),
        None if versions.is_empty() || fallback == Fallback::None => Direct::NotFound,
        None => Direct::Selected(Selected {
            index: 0,
            fit: Fit::Nearest,
            drift: Some(Drift::Prerelease),
        }),
    }
}

fn is_stable<V: Versions + ?Sized>(versions: &V, index: usize) -> bool {
    versions.key(index).is_exact() || versions.version(index).is_stable()
}

fn compare<V: Versions + ?Sized>(
    versions: &V,
    index: usize,
    version: VersionRef<'_>,
    key: Key,
) -> Ordering {
    let own = versions.key(index);
    match own.cmp(&key) {
        Ordering::Equal if !key.is_exact() => versions.version(index).cmp(&version),
        order => order,
    }
}

/// How many of the list stand before the first that is below `version`, or, where `inclusive`, at or below it.
fn lower_than<V: Versions + ?Sized>(
    versions: &V,
    version: VersionRef<'_>,
    inclusive: bool,
) -> usize {
    let key = version.key();
    partition(0..versions.len(), |index| {
        let order = compare(versions, index, version, key);
        if inclusive {
            order.is_gt()
        } else {
            order.is_ge()
        }
    })
}

/// The first of `indices` for which `before` does not hold; it holds for a beginning of them.
fn partition(indices: Indices<usize>, before: impl Fn(usize) -> bool) -> usize {
    let Indices { mut start, mut end } = indices;
    while start < end {
        let middle = start + (end - start) / 2;
        if before(middle) {
            start = middle + 1
        } else {
            end = middle
        }
    }
    start
}

fn pinned<V: Versions + ?Sized>(versions: &V, version: VersionRef<'_>) -> Option<usize> {
    let index = lower_than(versions, version, true);
    (index < versions.len() && versions.version(index) == version).then_some(index)
}

/// Rule 5: the nearest that the fallback allows.
pub fn select_nearest<V: Versions + ?Sized>(
    versions: &V,
    spec: &Spec<'_>,
    fallback: Fallback,
) -> Option<Selected> {
    if fallback == Fallback::None {
        return None;
    }
    let base = match spec {
        Spec::Any | Spec::Tag(_) => return None,
        Spec::Pinned(version) => Bound {
            version: *version,
            inclusive: true,
        },
        Spec::Range(range) => range
            .alternatives()
            .filter_map(|alternative| alternative.base())
            .filter(|base| !allowed(versions, base.version, fallback).is_empty())
            .max_by(|left, right| {
                left.version
                    .cmp(&right.version)
                    .then_with(|| right.inclusive.cmp(&left.inclusive))
            })?,
    };
    nearest(versions, base, fallback)
}

/// Those of the list whose leading numbers, as many as `depth` says, are `version`'s.
fn sharing<V: Versions + ?Sized>(
    versions: &V,
    version: VersionRef<'_>,
    depth: usize,
) -> Indices<usize> {
    let numbers = |version: VersionRef<'_>| {
        let all = [version.major, version.minor, version.patch];
        [
            all[0],
            if depth > 1 { all[1] } else { 0 },
            if depth > 2 { all[2] } else { 0 },
        ]
    };
    if depth == 0 {
        return 0..versions.len();
    }
    let wanted = numbers(version);
    let start = partition(0..versions.len(), |index| {
        numbers(versions.version(index)) > wanted
    });
    let end = partition(start..versions.len(), |index| {
        numbers(versions.version(index)) == wanted
    });
    start..end
}

fn allowed<V: Versions + ?Sized>(
    versions: &V,
    base: VersionRef<'_>,
    fallback: Fallback,
) -> Indices<usize> {
    match fallback {
        Fallback::None => 0..0,
        Fallback::Compatible => sharing(versions, base, if base.major == 0 { 2 } else { 1 }),
        Fallback::SameMajor => sharing(versions, base, 1),
        Fallback::Any => sharing(versions, base, 0),
    }
}

fn nearest<V: Versions + ?Sized>(
    versions: &V,
    base: Bound<'_>,
    fallback: Fallback,
) -> Option<Selected> {
    let allowed = allowed(versions, base.version, fallback);
    let stable_only =
        base.version.is_stable() && allowed.clone().any(|index| is_stable(versions, index));
    let is_candidate = |index: &usize| !stable_only || is_stable(versions, *index);
    let below = lower_than(versions, base.version, !base.inclusive);
    let index = (0..=3).rev().find_map(|depth| {
        let block = sharing(versions, base.version, depth);
        let block = block.start.max(allowed.start)..block.end.min(allowed.end);
        let middle = below.clamp(block.start, block.end.max(block.start));
        let above = (block.start..middle).rev().find(is_candidate);
        above.or_else(|| (middle..block.end).find(is_candidate))
    })?;
    let selected = versions.version(index);
    Some(Selected {
        index: lower_than(versions, selected, true).min(index),
        fit: Fit::Nearest,
        drift: Some(Drift::between(base.version, selected)),
    })
}

/// Rules 1 to 6 over one list.
///
/// # Errors
///
/// Where there is no version for the spec.
pub fn select<V: Versions + ?Sized>(
    versions: &V,
    spec: &Spec<'_>,
    fallback: Fallback,
    tag: impl FnOnce(&str) -> TagTarget,
) -> Result<Selected, Unavailable> {
    let kind = match select_direct(versions, spec, fallback, tag) {
        Direct::Selected(selected) => return Ok(selected),
        Direct::NotFound => UnavailableKind::Nothing,
        Direct::UnknownTag => UnavailableKind::UnknownTag,
        Direct::TagLacksEntry => UnavailableKind::TagLacksEntry,
    };
    if kind != UnavailableKind::Nothing {
        return Err(Unavailable { kind, looser: None });
    }
    if let Some(selected) = select_nearest(versions, spec, fallback) {
        return Ok(selected);
    }
    let looser = Fallback::ALL
        .into_iter()
        .filter(|&looser| looser > fallback)
        .find_map(|looser| {
            let selected = match spec {
                Spec::Any | Spec::Tag(_) => match any(versions, looser) {
                    Direct::Selected(selected) => Some(selected),
                    _ => None,
                },
                _ => select_nearest(versions, spec, looser),
            };
            Some((looser, selected?))
        });
    Err(Unavailable { kind, looser })
}
