//! Which line is meant.

use std::fmt;

use jiff::Timestamp;
use semver::Version;

use crate::commit::{Refusal, RefusalKind};
use crate::number::{Line, read_number};
use crate::state::package::{Channel, LineState, Package};

use super::{check_package_name, listed};

/// A line of a package as people name it: `shapes@1`, `shapes@1.2`, `shapes@2.0.0-beta.1` for the line that this is of; `shapes` where
/// only one can be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinePick {
    /// The package.
    pub package: String,
    /// The line.
    pub line: Option<String>,
}

impl std::str::FromStr for LinePick {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<LinePick, Refusal> {
        let at = text
            .char_indices()
            .skip(1)
            .find(|(_, character)| *character == '@');
        let (package, line) = match at {
            None => (text, None),
            Some((at, _)) => (&text[..at], Some(&text[at + 1..])),
        };
        check_package_name(package)?;
        // Which line a version is of, the package says.
        if let Some(line) = line
            && line.parse::<Line>().is_err()
            && read_number(line).is_err()
        {
            return Err(no_line(line));
        }
        Ok(LinePick {
            package: package.to_owned(),
            line: line.map(str::to_owned),
        })
    }
}

impl fmt::Display for LinePick {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.line {
            None => formatter.write_str(&self.package),
            Some(line) => write!(formatter, "{}@{line}", self.package),
        }
    }
}

impl LinePick {
    /// The line that is meant, of those that qualify.
    pub(super) fn find(
        &self,
        package: &Package,
        channel: &Channel,
        at: Timestamp,
        what: &str,
        qualifies: impl Fn(&LineState) -> bool,
    ) -> Result<(Line, LineState), Refusal> {
        let lines: Vec<(Line, LineState)> = channel
            .lines
            .keys()
            .map(|&line| (line, channel.line(line, at)))
            .filter(|(_, state)| qualifies(state))
            .collect();
        let mut meant: Vec<&(Line, LineState)> = match &self.line {
            None => lines.iter().collect(),
            Some(text) => {
                let line = line_of(text, package)?;
                let exact = lines.iter().filter(|(other, _)| *other == line);
                let exact: Vec<_> = exact.collect();
                if exact.is_empty() {
                    // `1` where minors are kept: all of its minors.
                    let major = |other: &Line| matches!((line, other), (Line::Major(major), Line::Minor(of, _)) if major == *of);
                    lines.iter().filter(|(other, _)| major(other)).collect()
                } else {
                    exact
                }
            }
        };
        match (meant.pop(), meant.is_empty()) {
            (Some((line, state)), true) => Ok((*line, state.clone())),
            (Some(_), false) => Err(Refusal::of(
                RefusalKind::Invalid,
                format!(
                    "{self} may mean several lines that {what}: say which, as in {}@{}",
                    self.package, lines[0].0
                ),
            )),
            (None, _) => {
                let others = match lines.is_empty() {
                    true => format!("; `radpack show {}` says what is released", self.package),
                    false => format!(
                        "; of {}, these do: {}",
                        self.package,
                        listed(lines.iter().map(|(line, _)| line))
                    ),
                };
                Err(Refusal::of(
                    RefusalKind::Conflict,
                    format!("no line of {self} {what}{others}"),
                ))
            }
        }
    }
}

/// The line that a text names: as lines are written, or by a version of it.
fn line_of(text: &str, package: &Package) -> Result<Line, Refusal> {
    if let Ok(line) = text.parse() {
        return Ok(line);
    }
    let version = read_number(text).map_err(|_| no_line(text))?;
    Ok(package.line_of(&version))
}

fn no_line(text: &str) -> Refusal {
    Refusal::of(
        RefusalKind::Invalid,
        format!(
            "{text:?} names no line: write a major (2), a minor (2.1) or a version of the line"
        ),
    )
}

/// The next release of a channel, made or to be made in the same event.
pub(super) fn next_number(channel: Option<&Channel>, made: usize) -> u32 {
    let next = channel.map_or(1, Channel::next_number);
    next.saturating_add(u32::try_from(made).unwrap_or(u32::MAX))
}

/// The name of a release that nobody has named.
pub(crate) fn made_name(number: u32) -> String {
    format!("r{number}")
}

/// Whether a name could be made for a release, or be its number.
pub(crate) fn is_made(name: &str) -> bool {
    let digits = name.strip_prefix('r').unwrap_or(name);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Why a prerelease would not be seen in a channel, if it would not.
pub(super) fn outdated(
    package: &Package,
    channel: Option<&Channel>,
    version: &Version,
    at: Timestamp,
) -> Option<Version> {
    if version.pre.is_empty() {
        return None;
    }
    let line = Line::of(version, package.policy.keep_minors);
    let channel = channel?;
    let stable = channel.line(line, at).stable?;
    let stable = &channel.release(stable)?.version;
    (stable > version).then(|| stable.clone())
}
