//! Which of the available versions a spec gets.
//!
//! The rules, with the numbers by which they are called elsewhere, too:
//!
//! 1. *pinned*: the version itself, if it is available.
//! 2. *range*: the highest that it admits.
//! 3. *any*: the highest stable one; if there is none, the highest.
//! 4. *tag*: the tagged one; `latest`, where no tag says otherwise, is as *any*.
//! 5. Nothing yet: the nearest that the fallback allows.
//! 6. Still nothing: an error, with what a looser fallback would have given.
//!
//! [`select_direct`] is rules 1 to 4 and [`select_nearest`] rule 5, for those who ask several registers one after
//! another; [`select`] is all of them over one list.

use core::ops::Range as Indices;

use crate::fallback::Fallback;
use crate::outcome::{Direct, Drift, Fit, Selected, TagTarget, Unavailable, UnavailableKind};
use crate::range::{Alternative, Bound, Range};
use crate::spec::Spec;
use crate::version::VersionRef;
use crate::versions::{Depth, Versions, count_above, is_stable, sharing};

/// Rules 1 to 4: what the spec asks for, if it is there. Rule 3 is here whole, which is why the fallback matters.
///
/// `tag` is asked only for a [`Spec::Tag`].
pub fn select_direct<V: Versions + ?Sized>(
    versions: &V,
    spec: &Spec<'_>,
    fallback: Fallback,
    tag: impl FnOnce(&str) -> TagTarget,
) -> Direct {
    let found = match spec {
        Spec::Pinned(version) => exactly(versions, *version).map(|index| (index, Fit::Exact)),
        Spec::Range(range) => highest(versions, range).map(|index| (index, Fit::InRange)),
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

/// Rule 1.
fn exactly<V: Versions + ?Sized>(versions: &V, version: VersionRef<'_>) -> Option<usize> {
    let index = count_above(versions, version, false);
    (index < versions.len() && versions.version(index) == version).then_some(index)
}

/// Rule 2.
fn highest<V: Versions + ?Sized>(versions: &V, range: &Range<'_>) -> Option<usize> {
    let mut best = None;
    for alternative in range.alternatives() {
        let end = best.unwrap_or(versions.len());
        best = highest_before(versions, &alternative, end).or(best);
    }
    best
}

/// The highest that an alternative admits, of those before `end`.
fn highest_before<V: Versions + ?Sized>(
    versions: &V,
    alternative: &Alternative<'_>,
    end: usize,
) -> Option<usize> {
    let start = match alternative.high() {
        Some(high) => count_above(versions, high.version, !high.is_inclusive),
        None => 0,
    };
    for index in start..end {
        let version = versions.version(index);
        if alternative.contains(version) {
            return Some(index);
        }
        if !alternative.is_above_low(version) {
            return None;
        }
    }
    None
}

/// Rule 3.
fn any<V: Versions + ?Sized>(versions: &V, fallback: Fallback) -> Direct {
    let selected = match (0..versions.len()).find(|&index| is_stable(versions, index)) {
        Some(index) => Selected {
            index,
            fit: Fit::InRange,
            drift: None,
        },
        None if versions.is_empty() || fallback == Fallback::None => return Direct::NotFound,
        None => Selected {
            index: 0,
            fit: Fit::Nearest,
            drift: Some(Drift::Prerelease),
        },
    };
    Direct::Selected(selected)
}

/// Rule 5: the nearest that the fallback allows, for a spec for which [`select_direct`] found nothing.
///
/// Nothing for *any* and for tags: rules 3 and 4 say all there is to say about those.
pub fn select_nearest<V: Versions + ?Sized>(
    versions: &V,
    spec: &Spec<'_>,
    fallback: Fallback,
) -> Option<Selected> {
    let base = match spec {
        Spec::Any | Spec::Tag(_) => return None,
        Spec::Pinned(version) => Bound {
            version: *version,
            is_inclusive: true,
        },
        // The highest base first, until one yields something: so the highest of those that do.
        Spec::Range(range) => range
            .alternatives()
            .filter_map(|alternative| alternative.base())
            .filter(|base| !allowed(versions, base.version, fallback).is_empty())
            .max_by(Bound::compare_low)?,
    };
    nearest(versions, base, fallback)
}

/// Those that the fallback allows from a base. They stand together.
fn allowed<V: Versions + ?Sized>(
    versions: &V,
    base: VersionRef<'_>,
    fallback: Fallback,
) -> Indices<usize> {
    let depth = match fallback {
        Fallback::None => return 0..0,
        Fallback::Compatible if base.major == 0 => Depth::Minor,
        Fallback::Compatible | Fallback::SameMajor => Depth::Major,
        Fallback::Any => Depth::Nothing,
    };
    sharing(versions, base, depth)
}

/// The nearest to one base.
fn nearest<V: Versions + ?Sized>(
    versions: &V,
    base: Bound<'_>,
    fallback: Fallback,
) -> Option<Selected> {
    let allowed = allowed(versions, base.version, fallback);
    let stable_only =
        base.version.is_stable() && allowed.clone().any(|index| is_stable(versions, index));
    let is_candidate = |index: &usize| !stable_only || is_stable(versions, *index);
    let below_base = count_above(versions, base.version, base.is_inclusive);
    let index = Depth::DEEPEST_FIRST.into_iter().find_map(|depth| {
        let block = sharing(versions, base.version, depth);
        let (start, end) = (block.start.max(allowed.start), block.end.min(allowed.end));
        // The closest at or above is the last before the base's place, the closest below the first behind it.
        let mut above = (start..below_base.min(end)).rev();
        let mut below = below_base.max(start)..end;
        above
            .find(is_candidate)
            .or_else(|| below.find(is_candidate))
    })?;
    let version = versions.version(index);
    Some(Selected {
        // Of equal versions the first.
        index: exactly(versions, version).unwrap_or(index),
        fit: Fit::Nearest,
        drift: Some(Drift::between(base.version, version)),
    })
}

/// Rules 1 to 6 over one list, which has its newest version first.
///
/// `tag` is asked only for a [`Spec::Tag`].
///
/// ```
/// use radpack_version::{Drift, Fallback, Fit, Spec, TagTarget, VersionRef, select};
///
/// let available = [VersionRef::new(2, 0, 0), VersionRef::new(1, 1, 5)];
/// let no_tags = |_: &str| TagTarget::Unknown;
///
/// // The floor of the range is above all that is left of its major.
/// let selected = select(&available, &Spec::parse("^1.2.0")?, Fallback::SameMajor, no_tags)?;
/// assert_eq!((selected.index, selected.fit, selected.drift), (1, Fit::Nearest, Some(Drift::Minor)));
///
/// // Another major is given only to those who ask for it.
/// let error = select(&available, &Spec::parse("^3")?, Fallback::SameMajor, no_tags).unwrap_err();
/// assert_eq!(error.to_string(), "no available version fits; fallback 'any' gives one");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// Where there is no version for the spec, with what a looser fallback would have given.
pub fn select<V: Versions + ?Sized>(
    versions: &V,
    spec: &Spec<'_>,
    fallback: Fallback,
    tag: impl FnOnce(&str) -> TagTarget,
) -> Result<Selected, Unavailable> {
    let kind = match select_direct(versions, spec, fallback, tag) {
        Direct::Selected(selected) => return Ok(selected),
        Direct::UnknownTag => UnavailableKind::UnknownTag,
        Direct::TagLacksEntry => UnavailableKind::TagLacksEntry,
        Direct::NotFound => match select_nearest(versions, spec, fallback) {
            Some(selected) => return Ok(selected),
            None => UnavailableKind::Nothing,
        },
    };
    if kind != UnavailableKind::Nothing {
        return Err(Unavailable { kind, looser: None });
    }
    let looser = Fallback::ALL
        .into_iter()
        .filter(|looser| *looser > fallback)
        .find_map(|looser| {
            let selected = match spec {
                // A tag that gets here is `latest`, as any.
                Spec::Any | Spec::Tag(_) => match any(versions, looser) {
                    Direct::Selected(selected) => Some(selected),
                    _ => None,
                },
                Spec::Pinned(_) | Spec::Range(_) => select_nearest(versions, spec, looser),
            };
            Some((looser, selected?))
        });
    Err(Unavailable { kind, looser })
}
