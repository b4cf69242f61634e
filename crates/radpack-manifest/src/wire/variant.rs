//! The variants of an entry as they stand in the text.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::{MapAccess, SeqAccess};

use super::package::{Indices, WireVariant};
use super::{Seen, Text, UNREADABLE, keep_unknown, place};
use crate::check;
use crate::model::Variant;
use crate::problem::ProblemKind;
use crate::read::{As, At, Shape, next_key};

/// The variants of an entry, those that claim a version.
pub(super) struct Variants<'p>(pub(super) At<'p>);

impl<'de> Shape<'de> for Variants<'_> {
    type Output = Vec<WireVariant>;
    const EXPECTED: &'static str = "an array of variants";
    place!();

    fn array<A: SeqAccess<'de>>(self, mut array: A) -> Result<Option<Self::Output>, A::Error> {
        let mut variants = Vec::new();
        let mut claims = BTreeMap::new();
        let mut place = 0;
        loop {
            let at = self.0.index(place);
            let Some(variant) = array.next_element_seed(As(VariantAt(at)))? else {
                break;
            };
            if let Some(variant) = variant {
                claim(&variant.versions, place, &mut claims, &at.field("v"));
                if !variant.versions.is_empty() && !at.is_full() {
                    variants.push(WireVariant { place, variant });
                }
            }
            place += 1;
        }
        Ok(Some(variants))
    }
}

/// Notes the versions that a variant claims; no two variants may claim one.
fn claim(versions: &[usize], place: usize, claims: &mut BTreeMap<usize, usize>, at: &At<'_>) {
    for (position, &version) in versions.iter().enumerate() {
        if version == UNREADABLE {
            continue;
        }
        let first = *claims.entry(version).or_insert(place);
        if first != place {
            at.index(position).report(
                ProblemKind::Duplicate,
                format_args!("version {version} of `v` is claimed by two variants, also by that at index {first}"),
            );
        }
    }
}

/// A variant.
struct VariantAt<'p>(At<'p>);

impl<'de> Shape<'de> for VariantAt<'_> {
    type Output = Variant;
    const EXPECTED: &'static str = "a variant (an object)";
    place!();

    fn object<A: MapAccess<'de>>(self, mut object: A) -> Result<Option<Variant>, A::Error> {
        let at = self.0;
        let mut variant = Variant::default();
        let mut seen = Seen::of(&["v", "f", "u", "s", "d", "i"]);
        while let Some(key) = next_key(&mut object)? {
            let Some(known) = seen.note(&at, &key) else {
                keep_unknown(&at, &mut variant.unknown, key, &mut object)?;
                continue;
            };
            let at = at.field(known);
            match known {
                "v" | "s" | "d" => {
                    let indices = object.next_value_seed(As(Indices(at)))?.unwrap_or_default();
                    match known {
                        "v" => variant.versions = indices,
                        "s" => variant.statics = indices,
                        _ => variant.dynamics = indices,
                    }
                }
                "f" => variant.file = object.next_value_seed(As(FileAt(at)))?,
                "u" => variant.url = object.next_value_seed(As(UrlAt(at)))?,
                _ => variant.integrity = object.next_value_seed(As(Text(at)))?,
            }
        }
        if !seen.has("v") {
            at.report(
                ProblemKind::Missing,
                "the variant has no `v` (the versions it stands for)",
            );
        }
        Ok(Some(variant))
    }
}

/// `f` of a variant.
struct FileAt<'p>(At<'p>);

impl<'de> Shape<'de> for FileAt<'_> {
    type Output = String;
    const EXPECTED: &'static str = Text::EXPECTED;
    place!();

    fn string(self, value: Cow<'de, str>) -> Option<String> {
        check::file(&value, &self.0);
        Some(value.into_owned())
    }
}

/// `u` of a variant.
struct UrlAt<'p>(At<'p>);

impl<'de> Shape<'de> for UrlAt<'_> {
    type Output = String;
    const EXPECTED: &'static str = Text::EXPECTED;
    place!();

    fn string(self, value: Cow<'de, str>) -> Option<String> {
        check::url(&value, &self.0);
        Some(value.into_owned())
    }
}
