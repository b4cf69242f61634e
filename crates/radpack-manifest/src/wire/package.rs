//! A package as it stands in the text: versions, entries and dependencies, tags.
//!
//! Whatever can be judged by itself is judged while it is read, so that a manifest made to be wrong is not kept in memory first.

use std::borrow::Cow;

use semver::Version;
use serde::de::{IgnoredAny, MapAccess, SeqAccess};

use super::variant::Variants;
use super::version::VersionList;
use super::{Seen, Text, UNREADABLE, keep_unknown, place};
use crate::check;
use crate::id::Id;
use crate::model::{Package, Variant};
use crate::problem::{ProblemKind, Shown};
use crate::read::{As, At, Number, Shape, next_key};
use crate::unknown::Unknown;

/// A package as it stands in the text; what could not be read, and was reported, is `None`.
#[derive(Default)]
pub(crate) struct WirePackage {
    pub(crate) versions: Option<Vec<Option<Version>>>,
    pub(crate) items: Option<Vec<Option<Item>>>,
    pub(crate) tags: Vec<(String, usize)>,
    pub(crate) unknown: Unknown,
}

/// What stands in a package's `d`. Boxed, for there can be many.
pub(crate) enum Item {
    Entry(Box<WireEntry>),
    Dependency(Box<str>),
}

/// An entry as it stands in the text.
pub(crate) struct WireEntry {
    pub(crate) name: String,
    pub(crate) variants: Vec<WireVariant>,
}

/// A variant that claims a version, and its place among those of its entry.
pub(crate) struct WireVariant {
    pub(crate) place: usize,
    pub(crate) variant: Variant,
}

/// A package; with its name.
pub(super) struct PackageAt<'p>(pub(super) At<'p>, pub(super) &'p str);

impl<'de> Shape<'de> for PackageAt<'_> {
    type Output = Package;
    const EXPECTED: &'static str = "a package (an object)";
    place!();

    fn object<A: MapAccess<'de>>(self, mut object: A) -> Result<Option<Package>, A::Error> {
        let PackageAt(at, name) = self;
        let before = at.problem_count();
        let mut package = WirePackage::default();
        let mut seen = Seen::of(&["v", "d", "t"]);
        while let Some(key) = next_key(&mut object)? {
            match seen.note(&at, &key) {
                Some("v") => {
                    package.versions = object.next_value_seed(As(VersionList(at.field("v"))))?;
                }
                Some("d") => {
                    package.items = object.next_value_seed(As(Items(at.field("d"), name)))?;
                }
                Some(_) => {
                    let tags = object.next_value_seed(As(Tags(at.field("t"))))?;
                    package.tags = tags.unwrap_or_default();
                }
                None => keep_unknown(&at, &mut package.unknown, key, &mut object)?,
            }
        }
        for (key, what) in [("v", "its versions"), ("d", "its entries and dependencies")] {
            if !seen.has(key) {
                at.report(
                    ProblemKind::Missing,
                    format_args!("the package has no `{key}` ({what})"),
                );
            }
        }
        if at.is_full() {
            return Ok(None);
        }
        Ok(check::package(package, before, &at))
    }
}

/// `d` of a package; with the package's name.
struct Items<'p>(At<'p>, &'p str);

impl<'de> Shape<'de> for Items<'_> {
    type Output = Vec<Option<Item>>;
    const EXPECTED: &'static str = "an array of entries and dependencies";
    place!();

    fn array<A: SeqAccess<'de>>(self, mut array: A) -> Result<Option<Self::Output>, A::Error> {
        let Items(list, name) = self;
        let mut items = Vec::new();
        let mut seen_dependency = false;
        loop {
            let at = list.index(items.len());
            let Some(item) = array.next_element_seed(As(ItemAt(at, name)))? else {
                break;
            };
            match &item {
                Some(Item::Dependency(_)) => seen_dependency = true,
                Some(Item::Entry(entry)) if seen_dependency => {
                    let shown = Shown(&entry.name);
                    at.report(
                        ProblemKind::Order,
                        format_args!("the entry {shown} stands after a dependency"),
                    );
                }
                _ => {}
            }
            if !list.is_full() {
                items.push(item);
            }
        }
        Ok(Some(items))
    }
}

/// An entry, `[name, variants]`, or a dependency, an id; with the package's name.
struct ItemAt<'p>(At<'p>, &'p str);

impl<'de> Shape<'de> for ItemAt<'_> {
    type Output = Item;
    const EXPECTED: &'static str = "an entry (an array) or a dependency (a string)";
    place!();

    fn string(self, value: Cow<'de, str>) -> Option<Item> {
        check::dependency(&value, self.1, &self.0);
        Some(Item::Dependency(value.into()))
    }

    fn array<A: SeqAccess<'de>>(self, mut array: A) -> Result<Option<Item>, A::Error> {
        let at = self.0;
        at.count_export()?;
        let name = array.next_element_seed(As(EntryName(at.index(0))))?;
        let variants = match name {
            Some(_) => array.next_element_seed(As(Variants(at.index(1))))?,
            None => None,
        };
        let mut length = usize::from(name.is_some()) + usize::from(variants.is_some());
        if length == 2 {
            while array.next_element::<IgnoredAny>()?.is_some() {
                length += 1;
            }
        }
        if length != 2 {
            at.wrong_type(
                "an entry of 2 elements, name and variants",
                format_args!("{length}"),
            );
            return Ok(None);
        }
        let entry = name.flatten().zip(variants.flatten());
        Ok(entry.map(|(name, variants)| Item::Entry(Box::new(WireEntry { name, variants }))))
    }
}

/// An entry's name.
struct EntryName<'p>(At<'p>);

impl<'de> Shape<'de> for EntryName<'_> {
    type Output = String;
    const EXPECTED: &'static str = Text::EXPECTED;
    place!();

    fn string(self, value: Cow<'de, str>) -> Option<String> {
        if let Err(error) = Id::check_entry(&value) {
            self.0.report(ProblemKind::Id, error);
        }
        Some(value.into_owned())
    }
}

/// An array of indices.
pub(super) struct Indices<'p>(pub(super) At<'p>);

impl<'de> Shape<'de> for Indices<'_> {
    type Output = Vec<usize>;
    const EXPECTED: &'static str = "an array of indices";
    place!();

    fn array<A: SeqAccess<'de>>(self, mut array: A) -> Result<Option<Self::Output>, A::Error> {
        let mut indices = Vec::new();
        while let Some(index) = array.next_element_seed(As(IndexAt(self.0.index(indices.len()))))? {
            if !self.0.is_full() {
                indices.push(index.unwrap_or(UNREADABLE));
            }
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

    fn number(self, value: Number<'_>) -> Option<usize> {
        let index = value.whole().and_then(|whole| usize::try_from(whole).ok());
        let index = index.filter(|&index| index != UNREADABLE);
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
