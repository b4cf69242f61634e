//! Values that commands of a registry take, read as they are typed.

use std::fmt;
use std::time::Duration;

use radpack_registry::{Plan, read_number, read_percent};
use uuid::Uuid;

/// A package, or a version, a build or a line of it: `NAME`, `NAME@V`, `NAME#7`. What is behind the sign is well-formed, and kept as
/// it was typed: whether `1.2` is a number or a line is the command's affair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PackageRef {
    /// The package's name.
    pub(crate) name: String,
    /// What is behind the `@`.
    pub(crate) at: Option<String>,
    /// What is behind the `#`. Never with `at`.
    pub(crate) build: Option<u32>,
}

/// Where sources come from: a version (of a bare name the newest), or a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `NAME`, `NAME@V` or `NAME#7`
    Package(PackageRef),
    /// `draft:NAME`
    Draft(String),
}

/// What nobody should read over a shoulder, or in a log.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) String);

impl PackageRef {
    /// Reads any of the forms.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        // The `@` of a scope is the first character, or none is.
        let from = usize::from(text.starts_with('@'));
        let end = text.get(from..).and_then(|rest| rest.find(['@', '#']));
        let (name, rest) = text.split_at(end.map_or(text.len(), |end| from + end));
        let mut package = Self {
            name: package_name(name)?,
            at: None,
            build: None,
        };
        if let Some(at) = rest.strip_prefix('@') {
            read_number(at).map_err(|error| error.to_string())?;
            package.at = Some(at.to_owned());
        } else if let Some(build) = rest.strip_prefix('#') {
            let number = build.parse().ok().filter(|&number| number > 0);
            package.build = Some(
                number
                    .filter(|_| !build.starts_with('+'))
                    .ok_or_else(|| format!("{build:?} is no build: these count from 1"))?,
            );
        }
        Ok(package)
    }

    /// Reads `NAME@V` or `NAME#7`.
    pub(crate) fn parse_version(text: &str) -> Result<Self, String> {
        let package = Self::parse(text)?;
        if package.at.is_none() && package.build.is_none() {
            return Err("expected a version, as NAME@1.2.3, or a build, as NAME#7".to_owned());
        }
        Ok(package)
    }

    /// Reads `NAME` or `NAME@LINE`.
    pub(crate) fn parse_line(text: &str) -> Result<Self, String> {
        let package = Self::parse(text)?;
        if package.build.is_some() {
            return Err("expected a name, or a line of it, as NAME@1".to_owned());
        }
        Ok(package)
    }
}

impl fmt::Display for PackageRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)?;
        match (&self.at, self.build) {
            (Some(at), _) => write!(formatter, "@{at}"),
            (None, Some(build)) => write!(formatter, "#{build}"),
            (None, None) => Ok(()),
        }
    }
}

impl Origin {
    /// Reads any of the forms.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix("draft:") {
            Some("") => Err("expected the name of a draft behind `draft:`".to_owned()),
            Some(draft) => Ok(Self::Draft(draft.to_owned())),
            None => PackageRef::parse(text).map(Self::Package),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

/// Reads the name of a package, without anything behind it. Whether one may be called so is the registry's affair.
pub(crate) fn package_name(text: &str) -> Result<String, String> {
    let parts = match text.strip_prefix('@') {
        Some(scoped) => scoped.split_once('/'),
        None => Some(("-", text)),
    };
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.contains(|character: char| {
                matches!(character, '@' | '#' | '/' | '\\')
                    || character.is_whitespace()
                    || character.is_control()
            })
    };
    match parts {
        Some((scope, name)) if is_part(scope) && is_part(name) => Ok(text.to_owned()),
        _ => Err(format!(
            "{text:?} is no name of a package: expected one such as shapes or @scope/shapes"
        )),
    }
}

/// Reads what a secret is. An empty one is none.
pub(crate) fn secret(text: &str) -> Result<Secret, String> {
    match text {
        "" => Err("expected a token".to_owned()),
        _ => Ok(Secret(text.to_owned())),
    }
}

/// Reads a number of a version.
pub(crate) fn number(text: &str) -> Result<semver::Version, String> {
    read_number(text).map_err(|error| error.to_string())
}

/// Reads a percentage.
pub(crate) fn percent(text: &str) -> Result<u8, String> {
    read_percent(text).map_err(|error| error.to_string())
}

/// Reads the time of an even rollout.
pub(crate) fn over(text: &str) -> Result<Plan, String> {
    Plan::read_over(text).map_err(|error| error.to_string())
}

/// Reads the stages of a rollout.
pub(crate) fn stages(text: &str) -> Result<Plan, String> {
    Plan::read_stages(text).map_err(|error| error.to_string())
}

/// Reads the id of a command.
pub(crate) fn command_id(text: &str) -> Result<Uuid, String> {
    Uuid::try_parse(text).map_err(|error| error.to_string())
}

/// Reads how long something is good for: `90d`, `12h`.
pub(crate) fn lifetime(text: &str) -> Result<Duration, String> {
    const UNITS: [(char, u64); 5] = [
        ('s', 1),
        ('m', 60),
        ('h', 3_600),
        ('d', 86_400),
        ('w', 604_800),
    ];
    let read = || {
        let (unit, length) = UNITS.into_iter().find(|(unit, _)| text.ends_with(*unit))?;
        let count = text.strip_suffix(unit)?;
        let is_plain = count.bytes().all(|byte| byte.is_ascii_digit());
        let count: u64 = count.parse().ok().filter(|&count| is_plain && count > 0)?;
        count.checked_mul(length).map(Duration::from_secs)
    };
    read().ok_or_else(|| format!("{text:?} is no time: write it as 90d or 12h"))
}

/// Reads a reason, a message: something must be said.
pub(crate) fn words(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("expected some words".to_owned()),
        words => Ok(words.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, at: Option<&str>, build: Option<u32>) -> Result<PackageRef, String> {
        Ok(PackageRef {
            name: name.to_owned(),
            at: at.map(str::to_owned),
            build,
        })
    }

    #[test]
    fn packages_are_named_with_and_without_a_version() {
        for (text, expected) in [
            ("shapes", package("shapes", None, None)),
            ("shapes@1.2.3", package("shapes", Some("1.2.3"), None)),
            ("shapes@1", package("shapes", Some("1"), None)),
            (
                "shapes@1.2.0-beta.1+b",
                package("shapes", Some("1.2.0-beta.1+b"), None),
            ),
            ("shapes#7", package("shapes", None, Some(7))),
            ("@s/shapes", package("@s/shapes", None, None)),
            ("@s/shapes@0.1", package("@s/shapes", Some("0.1"), None)),
            ("@s/shapes#12", package("@s/shapes", None, Some(12))),
        ] {
            assert_eq!(PackageRef::parse(text), expected, "{text}");
            assert_eq!(PackageRef::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_names_none_is_refused() {
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
            assert!(PackageRef::parse(text).is_err(), "{text:?}");
        }
        assert!(PackageRef::parse_version("a").is_err());
        assert!(PackageRef::parse_version("a#1").is_ok());
        assert!(PackageRef::parse_line("a#1").is_err());
        assert!(PackageRef::parse_line("a@1").is_ok());
        assert!(package_name("a@1").is_err());
    }

    #[test]
    fn an_origin_may_be_a_draft() {
        assert_eq!(
            Origin::parse("draft:mine"),
            Ok(Origin::Draft("mine".to_owned()))
        );
        assert_eq!(
            Origin::parse("a#1"),
            PackageRef::parse("a#1").map(Origin::Package)
        );
        assert!(Origin::parse("draft:").is_err());
    }

    #[test]
    fn times_have_a_unit() {
        assert_eq!(lifetime("90d"), Ok(Duration::from_secs(90 * 86_400)));
        assert_eq!(lifetime("2w"), lifetime("14d"));
        assert_eq!(lifetime("12h"), lifetime("720m"));
        for text in [
            "",
            "d",
            "90",
            "0d",
            "-1d",
            "+1d",
            "1.5d",
            "1 d",
            "1y",
            "9999999999999999999w",
            "99999999999999999w",
            "ß",
        ] {
            assert!(lifetime(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let secret = secret("opensesame").unwrap();
        assert_eq!(format!("{secret:?}"), "Secret");
        assert_eq!(secret.0, "opensesame");
    }
}
