//! The wire format, read: which JSON stands where, by manifest.md.
//!
//! Each type here is one place of the format and says what it becomes. What is right only in the light of the rest (indices,
//! names that stand twice) is checked by [`check`](crate::check), package by package, before anything is reordered: so paths are
//! those of the text.

use std::borrow::Cow;
use std::collections::BTreeMap;

use semver::{BuildMetadata, Prerelease, Version};
use serde::de::{DeserializeSeed as _, MapAccess, SeqAccess};
use serde_json::{Map, Value};

use crate::check;
use crate::id::Id;
use crate::limits::Limits;
use crate::model::{Entry, Manifest, Package, Variant};
use crate::problem::{ManifestErrors, ProblemKind, Shown};
use crate::read::{self, As, At, MAX_NUMBER, Number, Shape, next_key};
use crate::register::Register;

/// Stands among indices for one that could not be read, and was reported. No index that can be read is as large.
pub(crate) const UNREADABLE: usize = usize::MAX;

impl Manifest {
    /// Reads a manifest, with the format's [`Limits`].
    ///
    /// A byte order mark and whitespace are skipped; versions, variants and dependencies may stand in any order, and are in
    /// canonical order afterwards, as by [`normalize`](Self::normalize).
    ///
    /// # Errors
    ///
    /// Everything that manifest.md calls an error, all of it that can be found. Keys that stand twice in an object are errors,
    /// too; within the values of unknown keys, the last one counts, as everywhere in JSON.
    pub fn from_slice(json: &[u8]) -> Result<Self, ManifestErrors> {
        Self::from_slice_with(json, &Limits::default())
    }

    /// Reads a manifest within the given limits; else as [`from_slice`](Self::from_slice).
    ///
    /// # Errors
    ///
    /// As for [`from_slice`](Self::from_slice).
    pub fn from_slice_with(json: &[u8], limits: &Limits) -> Result<Self, ManifestErrors> {
        let mut manifest = read::document(json, limits, |parser, at| {
            As(ManifestAt(at)).deserialize(parser)
        })?;
        manifest.normalize();
        Ok(manifest)
    }
}

impl Register {
    /// Reads what may stand where a manifest is expected: a manifest, a URL in a string, or an array of these.
    ///
    /// # Errors
    ///
    /// As for [`Manifest::from_slice`].
    pub fn from_slice(json: &[u8]) -> Result<Self, ManifestErrors> {
        Self::from_slice_with(json, &Limits::default())
    }

    /// Reads a register within the given limits, which hold for the whole document.
    ///
    /// # Errors
    ///
    /// As for [`Manifest::from_slice`].
    pub fn from_slice_with(json: &[u8], limits: &Limits) -> Result<Self, ManifestErrors> {
        let mut register = read::document(json, limits, |parser, at| {
            As(RegisterAt(at)).deserialize(parser)
        })?;
        register.normalize();
        Ok(register)
    }
}

/// Gives a shape its place.
macro_rules! place {
    () => {
        fn at(&self) -> &At<'_> {
            &self.0
        }
    };
}

/// A register. The recursion is bounded by the document's depth.
struct RegisterAt<'p>(At<'p>);

impl<'de> Shape<'de> for RegisterAt<'_> {
    type Output = Register;
    const EXPECTED: &'static str = "a register (a manifest, a URL, or an array of registers)";
    place!();

    fn string(self, url: Cow<'de, str>) -> Option<Register> {
        Some(Register::Url(url.into_owned()))
    }

    fn array<A: SeqAccess<'de>>(self, mut array: A) -> Result<Option<Register>, A::Error> {
        let mut list = Vec::new();
        let mut index = 0;
        while let Some(register) = array.next_element_seed(As(RegisterAt(self.0.index(index))))? {
            list.extend(register);
            index += 1;
        }
        Ok(Some(Register::List(list)))
    }

    fn object<A: MapAccess<'de>>(self, object: A) -> Result<Option<Register>, A::Error> {
        Ok(ManifestAt(self.0).object(object)?.map(Register::Manifest))
    }
}

/// Which of an object's known keys have been seen.
#[derive(Default)]
struct Seen(Vec<&'static str>);

impl Seen {
    /// Notes a key; one that stands twice is a problem.
    fn note(&mut self, at: &At<'_>, key: &'static str) {
        if self.0.contains(&key) {
            at.field(key)
                .report(ProblemKind::Duplicate, "the key stands twice");
        } else {
            self.0.push(key);
        }
    }
}

/// Keeps the value of a key that is not known.
fn keep_unknown<'de, A: MapAccess<'de>>(
    at: &At<'_>,
    unknown: &mut Map<String, Value>,
    key: Cow<'de, str>,
    object: &mut A,
) -> Result<(), A::Error> {
    let value = object.next_value::<Value>()?;
    if unknown.contains_key(&*key) {
        at.name(&key)
            .report(ProblemKind::Duplicate, "the key stands twice");
    } else {
        unknown.insert(key.into_owned(), value);
    }
    Ok(())
}

/// A manifest.
struct ManifestAt<'p>(At<'p>);

impl<'de> Shape<'de> for ManifestAt<'_> {
    type Output = Manifest;
    const EXPECTED: &'static str = "a manifest (an object)";
    place!();

    fn object<A: MapAccess<'de>>(self, mut object: A) -> Result<Option<Manifest>, A::Error> {
        let at = self.0;
        let mut manifest = Manifest::default();
        let mut seen = Seen::default();
        while let Some(key) = next_key(&mut object)? {
            match &*key {
                "vars" => {
                    seen.note(&at, "vars");
                    let vars = object.next_value_seed(As(Vars(at.field("vars"))))?;
                    manifest.vars = vars.unwrap_or_default();
                }
                "exports" => {
                    seen.note(&at, "exports");
                    let exports = object.next_value_seed(As(Exports(at.field("exports"))))?;
                    manifest.exports = exports.unwrap_or_default();
                }
                "register" => {
                    seen.note(&at, "register");
                    let offered = object.next_value_seed(As(Flag(at.field("register"))))?;
                    manifest.offered = offered.unwrap_or(true);
                }
                "url" => {
                    seen.note(&at, "url");
                    let url = object.next_value_seed(As(RegisterUrl(at.field("url"))))?;
                    manifest.url = url.flatten();
                }
                _ => keep_unknown(&at, &mut manifest.unknown, key, &mut object)?,
            }
        }
        Ok(Some(manifest))
    }
}

/// `vars`.
struct Vars<'p>(At<'p>);

impl<'de> Shape<'de> for Vars<'_> {
    type Output = BTreeMap<String, String>;
    const EXPECTED: &'static str = "an object of strings";
    place!();

    fn object<A: MapAccess<'de>>(self, mut object: A) -> Result<Option<Self::Output>, A::Error> {
        let mut vars = BTreeMap::new();
        while let Some(name) = next_key(&mut object)? {
            let at = self.0.name(&name);
            let value = object.next_value_seed(As(Text(at)))?;
            // A value that is no string has been reported; the name counts all the same.
            if vars
                .insert(name.clone().into_owned(), value.unwrap_or_default())
                .is_some()
            {
                at.report(ProblemKind::Duplicate, "the key stands twice");
            }
        }
        Ok(Some(vars))
    }
}

/// A flag.
struct Flag<'p>(At<'p>);

impl<'de> Shape<'de> for Flag<'_> {
    type Output = bool;
    const EXPECTED: &'static str = "true or false";
    place!();

    fn boolean(self, value: bool) -> Option<bool> {
        Some(value)
    }
}

/// `url` of a manifest. Radpack 1.x's `register` command writes `false` where there is none.
struct RegisterUrl<'p>(At<'p>);

impl<'de> Shape<'de> for RegisterUrl<'_> {
    type Output = Option<String>;
    const EXPECTED: &'static str = "a URL or false";
    place!();

    fn boolean(self, value: bool) -> Option<Self::Output> {
        if value {
            self.0.wrong_type(Self::EXPECTED, value);
        }
        Some(None)
    }

    fn string(self, value: Cow<'de, str>) -> Option<Self::Output> {
        Some((!value.is_empty()).then(|| value.into_owned()))
    }
}

/// Any string.
struct Text<'p>(At<'p>);

impl<'de> Shape<'de> for Text<'_> {
    type Output = String;
    const EXPECTED: &'static str = "a string";
    place!();

    fn string(self, value: Cow<'de, str>) -> Option<String> {
        Some(value.into_owned())
    }
}

/// `exports`.
struct Exports<'p>(At<'p>);

impl<'de> Shape<'de> for Exports<'_> {
    type Output = BTreeMap<String, Package>;
    const EXPECTED: &'static str = "an object of packages";
    place!();

    fn object<A: MapAccess<'de>>(self, mut object: A) -> Result<Option<Self::Output>, A::Error> {
        let mut exports = BTreeMap::new();
        while let Some(name) = next_key(&mut object)? {
            let at = self.0.name(&name);
            if let Err(error) = Id::check_name(&name) {
                at.report(ProblemKind::Id, error);
            }
            let package = object.next_value_seed(As(PackageAt(at, &name)))?;
            // A package that is none has been reported; the name counts all the same.
            if exports
                .insert(name.clone().into_owned(), package.unwrap_or_default())
                .is_some()
            {
                at.report(ProblemKind::Duplicate, "the package stands twice");
            }
        }
        Ok(Some(exports))
    }
}

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
struct PackageAt<'p>(At<'p>, &'p str);

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

/// `v` of a package.
struct VersionList<'p>(At<'p>);

impl<'de> Shape<'de> for VersionList<'_> {
    type Output = Vec<Option<Version>>;
    const EXPECTED: &'static str = "an array of versions";
    place!();

    fn array<A: SeqAccess<'de>>(self, mut array: A) -> Result<Option<Self::Output>, A::Error> {
        let mut versions = Vec::new();
        while let Some(version) =
            array.next_element_seed(As(VersionAt(self.0.index(versions.len()))))?
        {
            versions.push(version);
        }
        Ok(Some(versions))
    }
}

/// A version: `[major, minor, patch, "-prerelease"]`, its end left out where it is zero.
struct VersionAt<'p>(At<'p>);

impl<'de> Shape<'de> for VersionAt<'_> {
    type Output = Version;
    const EXPECTED: &'static str = "a version (an array)";
    place!();

    fn array<A: SeqAccess<'de>>(self, mut array: A) -> Result<Option<Version>, A::Error> {
        let mut numbers = [0; 3];
        let mut prerelease = Prerelease::EMPTY;
        let mut right = true;
        let mut length = 0;
        loop {
            let at = self.0.index(length);
            let more = match numbers.get_mut(length) {
                Some(number) => {
                    array
                        .next_element_seed(As(Component(at)))?
                        .map(|read| match read {
                            Some(read) => *number = read,
                            None => right = false,
                        })
                }
                None if length == 3 => {
                    array
                        .next_element_seed(As(PrereleaseAt(at)))?
                        .map(|read| match read {
                            Some(read) => prerelease = read,
                            None => right = false,
                        })
                }
                None => array.next_element::<serde::de::IgnoredAny>()?.map(|_| ()),
            };
            if more.is_none() {
                break;
            }
            length += 1;
        }
        if !(1..=4).contains(&length) {
            let expected = "expected a version of 1 to 4 elements";
            match length {
                0 => self.0.report(
                    ProblemKind::Version,
                    format_args!("{expected}, found an empty array"),
                ),
                more => self.0.report(
                    ProblemKind::Version,
                    format_args!("{expected}, found {more}"),
                ),
            }
            return Ok(None);
        }
        let [major, minor, patch] = numbers;
        Ok(right.then_some(Version {
            major,
            minor,
            patch,
            pre: prerelease,
            build: BuildMetadata::EMPTY,
        }))
    }
}

/// A component of a version.
struct Component<'p>(At<'p>);

impl<'de> Shape<'de> for Component<'_> {
    type Output = u64;
    const EXPECTED: &'static str = "a version component (a number)";
    place!();

    fn number(self, value: Number) -> Option<u64> {
        let whole = value.whole();
        if whole.is_none() {
            self.0.report(
                ProblemKind::Version,
                format_args!(
                    "a version component is a whole number from 0 to {MAX_NUMBER}, not {value}"
                ),
            );
        }
        whole
    }
}

/// The prerelease of a version, with its hyphen.
struct PrereleaseAt<'p>(At<'p>);

impl<'de> Shape<'de> for PrereleaseAt<'_> {
    type Output = Prerelease;
    const EXPECTED: &'static str = "a prerelease (a string)";
    place!();

    fn string(self, value: Cow<'de, str>) -> Option<Prerelease> {
        let Some(identifiers) = value.strip_prefix('-') else {
            let shown = Shown(&value);
            self.0.report(
                ProblemKind::Version,
                format_args!("a prerelease begins with `-`, unlike {shown}"),
            );
            return None;
        };
        match Prerelease::new(identifiers) {
            Ok(prerelease) if !prerelease.is_empty() => Some(prerelease),
            Ok(_) => {
                self.0
                    .report(ProblemKind::Version, "a prerelease is more than its `-`");
                None
            }
            Err(error) => {
                let shown = Shown(&value);
                self.0.report(
                    ProblemKind::Version,
                    format_args!("{shown} is no prerelease: {error}"),
                );
                None
            }
        }
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
