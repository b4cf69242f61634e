//! Versions and origins as people name them.

use std::fmt;
use std::str::FromStr;

use semver::Version;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{LinePick, check_package_name};
use crate::commit::{Refusal, RefusalKind};
use crate::number::read_number;

/// A version as people name it: `shapes@1.1.0`, `shapes@1.1`, `shapes#7` for a build, `shapes` for the newest.
///
/// ```
/// use radpack_registry::rules::VersionPick;
///
/// let pick: VersionPick = "@acme/shapes@1.1".parse()?;
/// assert_eq!(pick.to_string(), "@acme/shapes@1.1.0");
/// assert_eq!("shapes#7".parse::<VersionPick>()?.package, "shapes");
/// # Ok::<(), radpack_registry::Refusal>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionPick {
    /// The package.
    pub package: String,
    /// Which of its versions.
    pub which: Which,
}

/// One of a package's versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// By its number.
    Number(Version),
    /// By its build.
    Build(u32),
    /// The highest that was not yanked, a stable one if there is any.
    Newest,
}

/// Where sources come from: a version as [`VersionPick`] reads it, or `draft:NAME`.
///
/// ```
/// use radpack_registry::rules::Origin;
///
/// assert_eq!("draft:mine".parse::<Origin>()?, Origin::Draft("mine".to_owned()));
/// assert!(matches!("shapes#7".parse::<Origin>()?, Origin::Version(_)));
/// # Ok::<(), radpack_registry::Refusal>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A version; of a bare name what users get, and where nothing is released, the newest.
    Version(VersionPick),
    /// A draft as it is now.
    Draft(String),
}

impl FromStr for VersionPick {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<VersionPick, Refusal> {
        let invalid = |message: String| Refusal::of(RefusalKind::Invalid, message);
        // A name with a scope begins with @.
        let at = text
            .char_indices()
            .skip(1)
            .find(|(_, character)| matches!(character, '@' | '#'));
        let (package, which) = match at {
            None => (text, Which::Newest),
            Some((at, '#')) => {
                let build = text[at + 1..].parse().ok().filter(|&build| build > 0);
                let build = build.filter(|_| !text[at + 1..].starts_with('+'));
                let build = build.ok_or_else(|| {
                    invalid(format!(
                        "{text:?} names no build: these count from 1, as in shapes#7"
                    ))
                })?;
                (&text[..at], Which::Build(build))
            }
            Some((at, _)) => {
                let number = read_number(&text[at + 1..]).map_err(|error| {
                    invalid(format!("{text:?} names no version")).caused_by(error)
                })?;
                (&text[..at], Which::Number(number))
            }
        };
        check_package_name(package)?;
        Ok(VersionPick {
            package: package.to_owned(),
            which,
        })
    }
}

impl fmt::Display for VersionPick {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.which {
            Which::Number(version) => write!(formatter, "{}@{version}", self.package),
            Which::Build(build) => write!(formatter, "{}#{build}", self.package),
            Which::Newest => formatter.write_str(&self.package),
        }
    }
}

impl FromStr for Origin {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Origin, Refusal> {
        match text.strip_prefix("draft:") {
            Some("") => Err(Refusal::of(
                RefusalKind::Invalid,
                "a draft needs a name behind `draft:`",
            )),
            Some(draft) => Ok(Origin::Draft(draft.to_owned())),
            None => text.parse().map(Origin::Version),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Version(pick) => pick.fmt(formatter),
            Origin::Draft(draft) => write!(formatter, "draft:{draft}"),
        }
    }
}

/// They travel as people write them.
macro_rules! as_text {
    ($($name:ty),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(|refusal: Refusal| D::Error::custom(refusal.in_full()))
            }
        }
    )*};
}

as_text!(VersionPick, LinePick, Origin);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_no_version_is_refused() {
        for text in [
            "",
            "@",
            "#",
            "@s",
            "@/x",
            "@s/",
            "@s@1",
            "a/b",
            "a b",
            "a\n",
            "a@",
            "a@x",
            "a@^1",
            "a@1@2",
            "a#",
            "a#0",
            "a#-1",
            "a#+1",
            "a#x",
            "a#4294967296",
            "a@1#2",
            "a#2@1",
            "@s/a/b",
            "..\\a",
        ] {
            assert!(text.parse::<VersionPick>().is_err(), "{text:?}");
            assert!(text.parse::<Origin>().is_err(), "{text:?}");
        }
        assert!("draft:".parse::<Origin>().is_err());
    }

    #[test]
    fn lines_are_named_as_they_are_written_or_by_a_version() {
        for text in [
            "shapes",
            "shapes@1",
            "@s/shapes@0.1",
            "shapes@1.2.0-beta.1",
            "shapes@1.2.0-",
        ] {
            assert_eq!(text.parse::<LinePick>().unwrap().to_string(), text);
        }
        for text in ["a#1", "a@", "a@x", "a@^1", "a@1@2", "@s", "a/b"] {
            assert!(text.parse::<LinePick>().is_err(), "{text:?}");
        }
    }
}
