//! Versions as they stand in the text: `[major, minor, patch, "-prerelease"]`, the end left out where it is zero.

use std::borrow::Cow;

use radpack_version::MAX_COMPONENT;
use semver::{BuildMetadata, Prerelease, Version};
use serde::de::SeqAccess;

use super::place;
use crate::problem::{ProblemKind, Shown};
use crate::read::{As, At, Number, Shape};

/// `v` of a package.
pub(super) struct VersionList<'p>(pub(super) At<'p>);

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

    fn number(self, value: Number<'_>) -> Option<u64> {
        let whole = value.whole();
        if whole.is_none() {
            self.0.report(
                ProblemKind::Version,
                format_args!(
                    "a version component is a whole number from 0 to {MAX_COMPONENT}, not {value}"
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
