//! A package as it stands in the text: versions, entries with their variants, dependencies, tags.

use std::borrow::Cow;

use semver::Version;
use serde::de::{MapAccess, SeqAccess};
use serde_json::{Map, Value};

use super::version::VersionList;
use super::{Seen, Text, UNREADABLE, keep_unknown, place};
use crate::check;
use crate::model::{Entry, Package, Variant};
use crate::problem::ProblemKind;
use crate::read::{As, At, Number, Shape, next_key};

/// A package as it stands in the text; what could not be read, and was reported, is `None`.
#[derive(Default)]
pub(crate) struct WirePackage {
    pub(crate) versions: Option<Vec<Option<Version>>>,
    pub(crate) items: Option<Vec<Option<Item>>>,
    pub(crate) tags: Vec<(String, usize)>,
    pub(crate) unknown: Map<String, Value>,
}

/// What stands in a package's `d`.
pub(crate) enum Item {
    Entry(Entry),
    Dependency(String),
}

/// A package; with its name.
pub(super) struct PackageAt<'p>(pub(super) At<'p>, pub(super) &'p str);

impl<'de> Shape<'de> for PackageAt<'_> {
    type Output = Package;
    const EXPECTED: &'static str = "a package (an object)";
    place!();

    fn object<A: MapAccess<'de>>(self, mut object: A) -> Result<Option<Package>, A::Error> {
        let at = self.0;
        let mut package = WirePackage::default();
        let mut seen = Seen::default();
        while let Some(key) = next_key(&mut object)? {
            match &*key {
                "v" => {
                    seen.note(&at, "v");
                    package.versions = object.next_value_seed(As(VersionList(at.field("v"))))?;
                }
                "d" => {
                    seen.note(&at, "d");
                    package.items = object.next_value_seed(As(Items(at.field("d"))))?;
                }
                "t" => {
                    seen.note(&at, "t");
                    package.tags = object
                        .next_value_seed(As(Tags(at.field("t"))))?
                        .unwrap_or_default();
                }
                _ => keep_unknown(&at, &mut package.unknown, key, &mut object)?,
            }
        }
        for (key, what) in [("v", "its versions"), ("d", "its entries and dependencies")] {
            if !seen.0.contains(&key) {
                at.report(
                    ProblemKind::Missing,
                    format_args!("the package has no `{key}` ({what})"),
                );
            }
        }
        Ok(check::package(package, self.1, &at))
    }
}

/// `d` of a package.
struct Items<'p>(At<'p>);

impl<'de> Shape<'de> for Items<'_> {
    type Output = Vec<Option<Item>>;
    const EXPECTED: &'static str = "an array of entries and dependencies";
    place!();

    fn array<A: SeqAccess<'de>>(self, mut array: A) -> Result<Option<Self::Output>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = array.next_element_seed(As(ItemAt(self.0.index(items.len()))))? {
            items.push(item);
        }
        Ok(Some(items))
    }
}

/// An entry, `[name, variants]`, or a dependency, an id.
struct ItemAt<'p>(At<'p>);

impl<'de> Shape<'de> for ItemAt<'_> {
    type Output = Item;
    const EXPECTED: &'static str = "an entry (an array) or a dependency (a string)";
    place!();

    fn string(self, value: Cow<'de, str>) -> Option<Item> {
        Some(Item::Dependency(value.into_owned()))
    }

    fn array<A: SeqAccess<'de>>(self, mut array: A) -> Result<Option<Item>, A::Error> {
        self.0.count_export()?;
        let name = array.next_element_seed(As(Text(self.0.index(0))))?;
        let variants = match name {
            Some(_) => array.next_element_seed(As(Variants(self.0.index(1))))?,
            None => None,
        };
        let mut length = usize::from(name.is_some()) + usize::from(variants.is_some());
        if length == 2 {
            while array.next_element::<serde::de::IgnoredAny>()?.is_some() {
                length += 1;
            }
        }
        if length != 2 {
            self.0.wrong_type(
                "an entry of 2 elements, name and variants",
                format_args!("{length}"),
            );
            return Ok(None);
        }
        let entry = name.flatten().zip(variants.flatten());
        Ok(entry.map(|(name, variants)| Item::Entry(Entry { name, variants })))
    }
}

/// The variants of an entry. One that cannot be read stands as an empty one, which claims nothing.
struct Variants<'p>(At<'p>);

impl<'de> Shape<'de> for Variants<'_> {
    type Output = Vec<Variant>;
    const EXPECTED: &'static str = "an array of variants";
    place!();

    fn array<A: SeqAccess<'de>>(self, mut array: A) -> Result<Option<Self::Output>, A::Error> {
        let mut variants = Vec::new();
        while let Some(variant) =
            array.next_element_seed(As(VariantAt(self.0.index(variants.len()))))?
        {
            variants.push(variant.unwrap_or_default());
        }
        Ok(Some(variants))
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
        let mut seen = Seen::default();
        while let Some(key) = next_key(&mut object)? {
            match &*key {
                "v" => {
                    seen.note(&at, "v");
                    variant.versions = object
                        .next_value_seed(As(Indices(at.field("v"))))?
                        .unwrap_or_default();
                }
                "f" => {
                    seen.note(&at, "f");
                    variant.file = object.next_value_seed(As(Text(at.field("f"))))?;
                }
                "u" => {
                    seen.note(&at, "u");
                    variant.url = object.next_value_seed(As(Text(at.field("u"))))?;
                }
                "s" => {
                    seen.note(&at, "s");
                    variant.statics = object
                        .next_value_seed(As(Indices(at.field("s"))))?
                        .unwrap_or_default();
                }
                "d" => {
                    seen.note(&at, "d");
                    variant.dynamics = object
                        .next_value_seed(As(Indices(at.field("d"))))?
                        .unwrap_or_default();
                }
                "i" => {
                    seen.note(&at, "i");
                    variant.integrity = object.next_value_seed(As(Text(at.field("i"))))?;
                }
                _ => keep_unknown(&at, &mut variant.unknown, key, &mut object)?,
            }
        }
        if !seen.0.contains(&"v") {
            at.report(
                ProblemKind::Missing,
                "the variant has no `v` (the versions it stands for)",
            );
        }
        Ok(Some(variant))
    }
}

/// An array of indices.
struct Indices<'p>(At<'p>);

impl<'de> Shape<'de> for Indices<'_> {
    type Output = Vec<usize>;
    const EXPECTED: &'static str = "an array of indices";
    place!();

    fn array<A: SeqAccess<'de>>(self, mut array: A) -> Result<Option<Self::Output>, A::Error> {
        let mut indices = Vec::new();
        while let Some(index) = array.next_element_seed(As(IndexAt(self.0.index(indices.len()))))? {
            indices.push(index.unwrap_or(UNREADABLE));
        }
        Ok(Some(indices))
    }
}

/// An index.
struct IndexAt<'p>(At<'p>);

impl<'de> Shape<'de> for IndexAt<'_> {
    type Output = usize;
    const EXPECTED: &'static str = "an index (a whole number)";
    place!();

    fn number(self, value: Number) -> Option<usize> {
        let index = value
            .whole()
            .and_then(|whole| usize::try_from(whole).ok())
            .filter(|&index| index != UNREADABLE);
        if index.is_none() {
            self.0.report(
                ProblemKind::Index,
                format_args!("an index is a whole number from 0, not {value}"),
            );
        }
        index
    }
}

/// `t` of a package.
struct Tags<'p>(At<'p>);

impl<'de> Shape<'de> for Tags<'_> {
    type Output = Vec<(String, usize)>;
    const EXPECTED: &'static str = "an object of tags";
    place!();

    fn object<A: MapAccess<'de>>(self, mut object: A) -> Result<Option<Self::Output>, A::Error> {
        let mut tags = Vec::new();
        while let Some(name) = next_key(&mut object)? {
            let index = object.next_value_seed(As(IndexAt(self.0.name(&name))))?;
            tags.push((name.into_owned(), index.unwrap_or(UNREADABLE)));
        }
        Ok(Some(tags))
    }
}
