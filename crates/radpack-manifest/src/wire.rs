//! The wire format, read: which JSON stands where, by manifest.md.
//!
//! Each type here is one place of the format and says what it becomes. What is right only in the light of the rest (indices,
//! names that stand twice) is checked by [`check`](crate::check), package by package, before anything is reordered: so paths are
//! those of the text.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::{DeserializeSeed as _, MapAccess, SeqAccess};
use serde_json::value::RawValue;

use crate::id::Id;
use crate::limits::Limits;
use crate::model::{Manifest, Package};
use crate::problem::{ManifestErrors, ProblemKind};
use crate::read::{self, As, At, Json, Read, Shape, next_key};
use crate::register::Register;
use crate::unknown::Unknown;

mod package;
mod variant;
mod version;

pub(crate) use package::{Item, WireEntry, WirePackage};

use package::PackageAt;

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
    /// too; the values of unknown keys are kept as they are.
    pub fn from_slice(json: &[u8]) -> Result<Self, ManifestErrors> {
        Self::from_slice_with(json, &Limits::default())
    }

    /// Reads a manifest within the given limits; else as [`from_slice`](Self::from_slice).
    ///
    /// # Errors
    ///
    /// As for [`from_slice`](Self::from_slice).
    pub fn from_slice_with(json: &[u8], limits: &Limits) -> Result<Self, ManifestErrors> {
        read::document(json, limits, &ManifestReader)
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
        read::document(json, limits, &RegisterReader)
    }
}

struct ManifestReader;

impl Read<Manifest> for ManifestReader {
    fn read(
        &self,
        parser: &mut Json<'_>,
        at: At<'_>,
    ) -> Result<Option<Manifest>, serde_json::Error> {
        As(ManifestAt(at)).deserialize(parser)
    }
}

struct RegisterReader;

impl Read<Register> for RegisterReader {
    fn read(
        &self,
        parser: &mut Json<'_>,
        at: At<'_>,
    ) -> Result<Option<Register>, serde_json::Error> {
        As(RegisterAt(at)).deserialize(parser)
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
use place;

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
struct Seen {
    known: &'static [&'static str],
    bits: u8,
}

impl Seen {
    /// Of an object with these keys, eight at most.
    fn of(known: &'static [&'static str]) -> Self {
        Seen { known, bits: 0 }
    }

    /// The key, if it is known; one that stands twice is a problem.
    fn note(&mut self, at: &At<'_>, key: &str) -> Option<&'static str> {
        let index = self.known.iter().position(|known| *known == key)?;
        if self.bits & 1 << index != 0 {
            at.field(self.known[index])
                .report(ProblemKind::Duplicate, TWICE);
        }
        self.bits |= 1 << index;
        Some(self.known[index])
    }

    /// Whether a key has been seen.
    fn has(&self, key: &str) -> bool {
        let index = self.known.iter().position(|known| *known == key);
        index.is_some_and(|index| self.bits & 1 << index != 0)
    }
}

/// What is said of a key that stands twice.
const TWICE: &str = "the key stands twice";

/// Keeps the value of a key that is not known.
fn keep_unknown<'de, A: MapAccess<'de>>(
    at: &At<'_>,
    unknown: &mut Unknown,
    key: Cow<'de, str>,
    object: &mut A,
) -> Result<(), A::Error> {
    let value = object.next_value::<&RawValue>()?;
    if unknown.get(&key).is_some() {
        at.name(&key).report(ProblemKind::Duplicate, TWICE);
    } else {
        unknown.insert_valid(key.into_owned(), value.get());
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
        let mut seen = Seen::of(&["vars", "exports", "register", "url"]);
        while let Some(key) = next_key(&mut object)? {
            let Some(known) = seen.note(&at, &key) else {
                keep_unknown(&at, &mut manifest.unknown, key, &mut object)?;
                continue;
            };
            let at = at.field(known);
            match known {
                "vars" => {
                    manifest.vars = object.next_value_seed(As(Vars(at)))?.unwrap_or_default();
                }
                "exports" => {
                    manifest.exports = object.next_value_seed(As(Exports(at)))?.unwrap_or_default();
                }
                "register" => {
                    manifest.offered = object.next_value_seed(As(Flag(at)))?.unwrap_or(true);
                }
                _ => manifest.url = object.next_value_seed(As(RegisterUrl(at)))?.flatten(),
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
                at.report(ProblemKind::Duplicate, TWICE);
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
