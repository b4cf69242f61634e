//! Values that commands of a registry take, read as they are typed.

use std::fmt;
use std::time::Duration;

use radpack_registry::rules::{LinePick, Origin, VersionPick, Which};
use radpack_registry::{Plan, Refusal, read_number, read_percent};
use uuid::Uuid;

/// What nobody should read over a shoulder, or in a log.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

/// Reads `NAME`, `NAME@V` or `NAME#7`.
pub(crate) fn version_or_name(text: &str) -> Result<VersionPick, String> {
    text.parse().map_err(|refusal: Refusal| refusal.in_full())
}

/// Reads `NAME@V` or `NAME#7`.
pub(crate) fn version(text: &str) -> Result<VersionPick, String> {
    match version_or_name(text)? {
        pick if pick.which == Which::Newest => {
            Err("expected a version, as NAME@1.2.3, or a build, as NAME#7".to_owned())
        }
        pick => Ok(pick),
    }
}

/// Reads `NAME` or `NAME@LINE`.
pub(crate) fn line(text: &str) -> Result<LinePick, String> {
    text.parse().map_err(|refusal: Refusal| refusal.in_full())
}

/// Reads `NAME`, `NAME@V`, `NAME#7` or `draft:NAME`.
pub(crate) fn origin(text: &str) -> Result<Origin, String> {
    text.parse().map_err(|refusal: Refusal| refusal.in_full())
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

    #[test]
    fn a_version_is_more_than_a_name() {
        assert!(version("a").unwrap_err().contains("NAME@1.2.3"));
        assert_eq!(version("a#1"), version_or_name("a#1"));
        assert_eq!(version("@s/a@1.2"), version_or_name("@s/a@1.2.0"));
        assert_eq!(version_or_name("a").unwrap().which, Which::Newest);
        assert!(
            version("a@^1")
                .unwrap_err()
                .contains("\"^1\" is no version")
        );
        assert!(line("a#1").is_err());
        assert_eq!(line("a@1").unwrap().line.as_deref(), Some("1"));
        assert_eq!(origin("draft:mine"), Ok(Origin::Draft("mine".to_owned())));
        assert_eq!(origin("a#1"), version("a#1").map(Origin::Version));
        assert!(package_name("a@1").is_err());
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
