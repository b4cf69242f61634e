//! Which number a version may have, and which it gets where nobody says.
//!
//! Pure rules over the numbers that a package has: no store, no history. A line is what one release serves: a major; a minor where
//! minors are kept, and always below 1.0.

use std::fmt;
use std::str::FromStr;

use radpack_version::VersionRef;
use semver::{BuildMetadata, Prerelease, Version};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::surface::{Difference, Step};

/// A release line: the versions that displace one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Line {
    /// All of a major.
    Major(u64),
    /// All of a minor.
    Minor(u64, u64),
    /// All prereleases of a version.
    Prerelease(u64, u64, u64),
}

/// A number that a package has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The number.
    pub version: Version,
    /// Whether it was yanked: it stays taken, and nothing has to be higher.
    pub yanked: bool,
}

/// How a package counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbering {
    /// Whether each minor is a line of its own.
    pub keep_minors: bool,
    /// Whether a number must be higher than all others, not only those of its line.
    pub increasing: bool,
}

/// Why a version may not have a number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NumberError {
    /// It is no number.
    #[error(
        "{text:?} is no version: write one to three numbers with dots between them, or a whole version such as 1.2.0-beta.1"
    )]
    Malformed {
        /// What was written.
        text: String,
    },
    /// There is such a version.
    #[error("{version} is taken: a version is never replaced")]
    Taken {
        /// The number.
        version: Version,
        /// What can be had.
        next: Version,
    },
    /// There is a higher one.
    #[error("{version} is not higher than {highest}, the highest of {}", .line.map_or("the package".to_owned(), |line| format!("the line {line}")))]
    Behind {
        /// The number.
        version: Version,
        /// The one that is higher.
        highest: Box<Version>,
        /// The line that both are of; of the whole package where numbers must increase.
        line: Option<Line>,
        /// What can be had.
        next: Box<Version>,
    },
    /// It promises more than the version keeps.
    #[error(
        "{version} is too small a step from {from}: {difference}, so it must be {smallest} or higher"
    )]
    TooSmall {
        /// The number.
        version: Version,
        /// The version that it was compared with.
        from: Box<Version>,
        /// What has changed.
        difference: Box<Difference>,
        /// The smallest number that is allowed.
        smallest: Box<Version>,
    },
}

impl Line {
    /// The line that a version is of. A prerelease is of the line of the version that it comes before.
    #[must_use]
    pub fn of(version: &Version, keep_minors: bool) -> Line {
        if keep_minors || version.major == 0 {
            Line::Minor(version.major, version.minor)
        } else {
            Line::Major(version.major)
        }
    }
}

impl Line {
    /// The line that a release of a version serves: of a prerelease, one of its own.
    #[must_use]
    pub fn of_release(version: &Version, keep_minors: bool) -> Line {
        if version.pre.is_empty() {
            Line::of(version, keep_minors)
        } else {
            Line::Prerelease(version.major, version.minor, version.patch)
        }
    }
}

/// Why a text is no line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no release line: these are majors (2), minors (2.1), and prereleases of a version (2.1.0-)"
)]
pub struct LineError {
    text: String,
}

impl FromStr for Line {
    type Err = LineError;

    fn from_str(text: &str) -> Result<Line, LineError> {
        let wrong = || LineError {
            text: text.to_owned(),
        };
        let numbers = text.strip_suffix('-').unwrap_or(text);
        let numbers: Option<Vec<u64>> = numbers
            .split('.')
            .map(|part| {
                part.parse()
                    .ok()
                    .filter(|number: &u64| number.to_string() == part)
            })
            .collect();
        match (numbers.as_deref(), text.ends_with('-')) {
            (Some(&[major]), false) => Ok(Line::Major(major)),
            (Some(&[major, minor]), false) => Ok(Line::Minor(major, minor)),
            (Some(&[major, minor, patch]), true) => Ok(Line::Prerelease(major, minor, patch)),
            _ => Err(wrong()),
        }
    }
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Line, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Line::Major(major) => write!(formatter, "{major}"),
            Line::Minor(major, minor) => write!(formatter, "{major}.{minor}"),
            Line::Prerelease(major, minor, patch) => write!(formatter, "{major}.{minor}.{patch}-"),
        }
    }
}

/// Reads a number as people write it: `1`, `1.2`, `1.2.3`, or a whole version. Build metadata is left off, for it tells no two
/// versions apart.
///
/// ```
/// use radpack_registry::read_number;
///
/// assert_eq!(read_number("2")?.to_string(), "2.0.0");
/// assert_eq!(read_number("2.1-beta.3").unwrap_err().to_string(),
///     "\"2.1-beta.3\" is no version: write one to three numbers with dots between them, or a whole version such as 1.2.0-beta.1");
/// # Ok::<(), radpack_registry::NumberError>(())
/// ```
///
/// # Errors
///
/// If it is none of these.
pub fn read_number(text: &str) -> Result<Version, NumberError> {
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let whole = match text.matches('.').count() {
        0 if is_plain => format!("{text}.0.0"),
        1 if is_plain => format!("{text}.0"),
        _ => text.to_owned(),
    };
    match VersionRef::parse(&whole) {
        Ok(version) => Ok(Version {
            build: BuildMetadata::EMPTY,
            ..version.to_semver()
        }),
        Err(_) => Err(NumberError::Malformed {
            text: text.to_owned(),
        }),
    }
}

impl Numbering {
    /// Whether a version may have a number, given those that the package has and what has changed since [`base`](Self::base).
    ///
    /// # Errors
    ///
    /// If the number is taken, too low, or too small a step.
    pub fn check(
        self,
        taken: &[Taken],
        version: &Version,
        since_base: &Difference,
    ) -> Result<(), NumberError> {
        let next = || self.free(taken, beside(version));
        if taken.iter().any(|taken| taken.version == *version) {
            return Err(NumberError::Taken {
                version: version.clone(),
                next: next(),
            });
        }
        let line = Line::of(version, self.keep_minors);
        let highest = stable(taken)
            .filter(|other| self.increasing || Line::of(other, self.keep_minors) == line)
            .max();
        if let Some(highest) = highest.filter(|highest| *highest > version) {
            return Err(NumberError::Behind {
                version: version.clone(),
                highest: Box::new(highest.clone()),
                line: (!self.increasing).then_some(line),
                next: Box::new(next()),
            });
        }
        let Some(from) = Self::base(taken, version) else {
            return Ok(());
        };
        let smallest = step(from, since_base.step());
        if beside(version) >= smallest {
            return Ok(());
        }
        Err(NumberError::TooSmall {
            version: version.clone(),
            from: Box::new(from.clone()),
            difference: Box::new(since_base.clone()),
            smallest: Box::new(self.free(taken, smallest)),
        })
    }

    /// The version that one with this number is compared with: the newest stable one below it that was not yanked.
    #[must_use]
    pub fn base<'t>(taken: &'t [Taken], version: &Version) -> Option<&'t Version> {
        stable(taken).filter(|other| *other < version).max()
    }

    /// The version that one without a number is compared with: the newest of the highest line, or of the line that it came from;
    /// `None` where there is none, and so nothing to compare.
    #[must_use]
    pub fn newest(self, taken: &[Taken], line: Option<Line>) -> Option<&Version> {
        stable(taken)
            .filter(|other| line.is_none_or(|line| Line::of(other, self.keep_minors) == line))
            .max()
    }

    /// The number of a version for which nobody has said one: the next after [`newest`](Self::newest), as far on as what has
    /// changed since asks for, and then the next that is free. The first of all is 1.0.0.
    ///
    /// Where that leads into another line, there may be a version in it that more has changed since: [`check`](Self::check) tells.
    #[must_use]
    pub fn next(self, taken: &[Taken], line: Option<Line>, since_newest: &Difference) -> Version {
        let from = self
            .newest(taken, line)
            .or_else(|| self.newest(taken, None));
        let number = match from {
            Some(newest) => step(newest, since_newest.step()),
            // Prereleases alone come before what they announce.
            None => taken
                .iter()
                .filter(|taken| !taken.yanked)
                .map(|taken| beside(&taken.version))
                .max()
                .unwrap_or(Version::new(1, 0, 0)),
        };
        self.free(taken, number)
    }

    /// The first number from here on that is free, and high enough.
    fn free(self, taken: &[Taken], from: Version) -> Version {
        let mut number = from;
        loop {
            let line = Line::of(&number, self.keep_minors);
            let above = stable(taken)
                .filter(|other| self.increasing || Line::of(other, self.keep_minors) == line)
                .filter(|other| **other >= number)
                .max();
            if let Some(above) = above {
                number = step(above, Step::Patch);
            } else if taken.iter().any(|taken| taken.version == number) {
                number.patch += 1;
            } else {
                return number;
            }
        }
    }
}

/// The numbers that are to be reckoned with.
fn stable(taken: &[Taken]) -> impl Iterator<Item = &Version> {
    taken
        .iter()
        .filter(|taken| !taken.yanked && taken.version.pre.is_empty())
        .map(|taken| &taken.version)
}

/// The version that a prerelease comes before; a stable one itself.
fn beside(version: &Version) -> Version {
    Version {
        pre: Prerelease::EMPTY,
        ..version.clone()
    }
}

/// The smallest number that is so far on. Below 1.0, minors are what majors are elsewhere.
fn step(from: &Version, step: Step) -> Version {
    let Version {
        major,
        minor,
        patch,
        ..
    } = *from;
    match (step, major) {
        (Step::Major, 0) => Version::new(0, minor + 1, 0),
        (Step::Major, _) => Version::new(major + 1, 0, 0),
        (Step::Minor, 1..) => Version::new(major, minor + 1, 0),
        (Step::Minor, 0) | (Step::Patch, _) => Version::new(major, minor, patch + 1),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::surface::Item;

    /// `1.0.0 1.1.0! 2.0.0`: with `!`, yanked.
    fn taken(text: &str) -> Vec<Taken> {
        text.split_whitespace()
            .map(|text| Taken {
                version: text.trim_end_matches('!').parse().unwrap(),
                yanked: text.ends_with('!'),
            })
            .collect()
    }

    fn changed(step: Step) -> Difference {
        let item = || {
            vec![Item {
                entry: "index".to_owned(),
                name: Some("a".to_owned()),
            }]
        };
        match step {
            Step::Patch => Difference::default(),
            Step::Minor => Difference {
                added: item(),
                ..Difference::default()
            },
            Step::Major => Difference {
                removed: item(),
                added: item(),
            },
        }
    }

    const PLAIN: Numbering = Numbering {
        keep_minors: false,
        increasing: false,
    };
    const MINORS: Numbering = Numbering {
        keep_minors: true,
        increasing: false,
    };
    const INCREASING: Numbering = Numbering {
        keep_minors: false,
        increasing: true,
    };

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (text, number) in [
            ("1", "1.0.0"),
            ("1.2", "1.2.0"),
            ("1.2.3", "1.2.3"),
            ("1.2.3-rc.1", "1.2.3-rc.1"),
            ("1.2.3+build", "1.2.3"),
        ] {
            assert_eq!(read_number(text).unwrap().to_string(), number);
        }
        for text in [
            "",
            ".",
            "1.",
            "1.2.",
            "01",
            "1.2.3.4",
            "^1",
            "v1",
            "1.2-rc.1",
            "x",
            "1 ",
            "99999999999999999999",
        ] {
            assert!(read_number(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_change_decides_the_next_number() {
        use Step::{Major, Minor, Patch};
        for (has, numbering, line, step, next) in [
            ("", PLAIN, None, Patch, "1.0.0"),
            ("1.0.0", PLAIN, None, Patch, "1.0.1"),
            ("1.0.0", PLAIN, None, Minor, "1.1.0"),
            ("1.0.0", PLAIN, None, Major, "2.0.0"),
            ("0.3.1", PLAIN, None, Patch, "0.3.2"),
            ("0.3.1", PLAIN, None, Minor, "0.3.2"),
            ("0.3.1", PLAIN, None, Major, "0.4.0"),
            ("1.4.2 2.0.0", PLAIN, None, Minor, "2.1.0"),
            // A draft goes on from the line that it came from.
            ("1.4.2 2.0.0", PLAIN, Some(Line::Major(1)), Minor, "1.5.0"),
            ("1.4.2 2.0.0", PLAIN, Some(Line::Major(1)), Major, "2.0.1"),
            (
                "1.3.5 1.4.2",
                MINORS,
                Some(Line::Minor(1, 3)),
                Patch,
                "1.3.6",
            ),
            (
                "1.3.5 1.4.2",
                MINORS,
                Some(Line::Minor(1, 3)),
                Minor,
                "1.4.3",
            ),
            (
                "1.4.2 2.0.0",
                INCREASING,
                Some(Line::Major(1)),
                Patch,
                "2.0.1",
            ),
            // What was yanked stays taken.
            ("1.0.0 1.0.1!", PLAIN, None, Patch, "1.0.2"),
            ("1.0.0 1.1.0!", PLAIN, None, Minor, "1.1.1"),
            ("1.0.0!", PLAIN, None, Patch, "1.0.1"),
            ("1.0.0-rc.1", PLAIN, None, Patch, "1.0.0"),
            ("2.0.0-rc.1 1.5.0", PLAIN, None, Patch, "1.5.1"),
            ("2.0.0-rc.1 1.5.0", PLAIN, None, Major, "2.0.0"),
        ] {
            let found = numbering.next(&taken(has), line, &changed(step));
            assert_eq!(found.to_string(), next, "{has}, {line:?}, {step:?}");
        }
    }

    #[test]
    fn a_number_is_checked() {
        use Step::{Major, Minor, Patch};
        for (has, numbering, number, step, message) in [
            ("", PLAIN, "0.1.0", Patch, ""),
            ("1.0.0", PLAIN, "1.0.1", Patch, ""),
            ("1.0.0", PLAIN, "4.0.0", Patch, ""),
            ("1.5.0 2.0.0", PLAIN, "1.5.1", Patch, ""),
            ("1.3.0 1.5.0", MINORS, "1.3.1", Patch, ""),
            ("1.0.0", PLAIN, "2.0.0-rc.1", Major, ""),
            ("1.0.0 1.1.0!", PLAIN, "1.0.1", Patch, ""),
            ("0.3.0", PLAIN, "0.3.1", Minor, ""),
            ("0.3.0", PLAIN, "0.4.0", Major, ""),
            (
                "1.0.0",
                PLAIN,
                "1.0.0",
                Patch,
                "1.0.0 is taken: a version is never replaced",
            ),
            (
                "1.0.0 1.0.1!",
                PLAIN,
                "1.0.1",
                Patch,
                "1.0.1 is taken: a version is never replaced",
            ),
            (
                "1.3.0 1.5.0",
                PLAIN,
                "1.3.1",
                Patch,
                "1.3.1 is not higher than 1.5.0, the highest of the line 1",
            ),
            (
                "1.5.0 2.0.0",
                INCREASING,
                "1.5.1",
                Patch,
                "1.5.1 is not higher than 2.0.0, the highest of the package",
            ),
            (
                "1.2.0",
                PLAIN,
                "1.2.0-rc.1",
                Patch,
                "1.2.0-rc.1 is not higher than 1.2.0, the highest of the line 1",
            ),
            (
                "1.0.0",
                PLAIN,
                "1.0.1",
                Minor,
                "1.0.1 is too small a step from 1.0.0: `a` of index is added, so it must be 1.1.0 or higher",
            ),
            (
                "1.0.0",
                PLAIN,
                "1.1.0-rc.1",
                Major,
                "1.1.0-rc.1 is too small a step from 1.0.0: `a` of index is removed, so it must be 2.0.0 or higher",
            ),
            (
                "0.3.0",
                PLAIN,
                "0.3.1",
                Major,
                "0.3.1 is too small a step from 0.3.0: `a` of index is removed, so it must be 0.4.0 or higher",
            ),
            (
                "1.0.0 2.0.0!",
                PLAIN,
                "1.1.0",
                Major,
                "1.1.0 is too small a step from 1.0.0: `a` of index is removed, so it must be 2.0.1 or higher",
            ),
        ] {
            let version = read_number(number).unwrap();
            let found = numbering.check(&taken(has), &version, &changed(step));
            let found = found.map_or_else(|error| error.to_string(), |()| String::new());
            assert_eq!(found, message, "{number} beside {has}");
        }
    }

    fn versions() -> impl Strategy<Value = Vec<Taken>> {
        let version = (0..3u64, 0..3u64, 0..4u64, any::<bool>(), 0..5u8);
        prop::collection::vec(version, 0..12).prop_map(|versions| {
            let taken = |(major, minor, patch, yanked, pre)| Taken {
                version: Version {
                    pre: match pre {
                        0 => Prerelease::new("rc.1").unwrap(),
                        _ => Prerelease::EMPTY,
                    },
                    ..Version::new(major, minor, patch)
                },
                yanked,
            };
            versions.into_iter().map(taken).collect()
        })
    }

    proptest! {
        /// What is advised, and what is given where nobody says, is accepted.
        #[test]
        fn every_number_that_is_proposed_is_allowed(
            taken in versions(),
            keep_minors in any::<bool>(),
            increasing in any::<bool>(),
            step in prop::sample::select(vec![Step::Patch, Step::Minor, Step::Major]),
            asked in (0..4u64, 0..4u64, 0..5u64),
        ) {
            let numbering = Numbering { keep_minors, increasing };
            let change = changed(step);
            let next = numbering.next(&taken, None, &change);
            prop_assert_eq!(numbering.check(&taken, &next, &change), Ok(()), "{}", next);
            let asked = Version::new(asked.0, asked.1, asked.2);
            match numbering.check(&taken, &asked, &change) {
                Ok(()) => prop_assert!(taken.iter().all(|taken| taken.version != asked)),
                Err(NumberError::TooSmall { smallest, .. }) => {
                    prop_assert!(*smallest > asked);
                    prop_assert!(taken.iter().all(|taken| taken.version != *smallest));
                }
                // These are free and high enough; what has changed may ask for more.
                Err(error @ (NumberError::Taken { .. } | NumberError::Behind { .. })) => {
                    let next = match error {
                        NumberError::Behind { next, .. } => *next,
                        NumberError::Taken { next, .. } => next,
                        _ => unreachable!(),
                    };
                    let found = numbering.check(&taken, &next, &Difference::default());
                    prop_assert_eq!(found, Ok(()), "{}", next);
                }
                Err(error) => prop_assert!(false, "{}", error),
            }
        }
    }
}
