//! What fixes an answer for ever, in one short token: a moment of the history, the channel, and the cohort.

use std::fmt;
use std::str::FromStr;

use radpack_registry::state::package::RELEASE;
use radpack_registry::{Cohort, MomentError, MomentToken};

/// How a missing cohort is written where a channel follows.
const NO_COHORT: &str = "x";

/// What an answer was made from, and is made from again: `12-9f86d081884c7d65-1kq2m3n4o`, for the cohort 37 `…-37`, in the channel
/// `staging` `…-x-staging`.
///
/// ```
/// use radpack_server::ServedMoment;
///
/// let moment: ServedMoment = "12-9f86d081884c7d65-1kq2m3n4o-37".parse()?;
/// assert_eq!(moment.cohort.map(|cohort| cohort.number()), Some(37));
/// assert_eq!(moment.channel, "release");
/// assert_eq!(moment.to_string(), "12-9f86d081884c7d65-1kq2m3n4o-37");
/// # Ok::<(), radpack_registry::MomentError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedMoment {
    /// The moment of the history.
    pub moment: MomentToken,
    /// Who asked; nobody in particular gets the stable releases.
    pub cohort: Option<Cohort>,
    /// The channel.
    pub channel: String,
}

impl ServedMoment {
    /// Whether it fixes the answer: an event's number or a time alone do not, for the history could have been another.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self.moment, MomentToken::Full { .. })
    }
}

impl fmt::Display for ServedMoment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.moment)?;
        match (self.cohort, &*self.channel) {
            (None, RELEASE) => return Ok(()),
            (Some(cohort), _) => write!(formatter, "-{cohort}")?,
            (None, _) => write!(formatter, "-{NO_COHORT}")?,
        }
        match &*self.channel {
            RELEASE => Ok(()),
            // A slash would end the token in a path; no name has a tilde.
            channel => write!(formatter, "-{}", channel.replace('/', "~")),
        }
    }
}

impl FromStr for ServedMoment {
    type Err = MomentError;

    fn from_str(text: &str) -> Result<ServedMoment, MomentError> {
        let plain = |moment| ServedMoment {
            moment,
            cohort: None,
            channel: RELEASE.to_owned(),
        };
        let wrong = match text.parse() {
            Ok(moment) => return Ok(plain(moment)),
            Err(wrong) => wrong,
        };
        let mut parts = text.splitn(5, '-');
        let moment: Vec<&str> = parts.by_ref().take(3).collect();
        let moment: MomentToken = moment.join("-").parse().map_err(|_| wrong.clone())?;
        if !matches!(moment, MomentToken::Full { .. }) {
            return Err(wrong);
        }
        let cohort = match parts.next() {
            None | Some(NO_COHORT) => None,
            Some(cohort) => Some(cohort.parse().map_err(|_| wrong.clone())?),
        };
        let channel = match parts.next() {
            None => RELEASE.to_owned(),
            Some(channel) => channel.replace('~', "/"),
        };
        let served = ServedMoment {
            moment,
            cohort,
            channel,
        };
        // One moment has one token, or caches hold what is the same twice.
        if served.to_string() == text {
            Ok(served)
        } else {
            Err(wrong)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_is_written() {
        for text in [
            "12",
            "12-9f86d081884c7d65-1kq2m3n4o",
            "12-9f86d081884c7d65-1kq2m3n4o-0",
            "12-9f86d081884c7d65-1kq2m3n4o-99",
            "12-9f86d081884c7d65-1kq2m3n4o-x-staging",
            "12-9f86d081884c7d65-1kq2m3n4o-7-team~next-one",
        ] {
            let moment: ServedMoment = text.parse().unwrap();
            assert_eq!(moment.to_string(), text);
        }
        for text in [
            "12-9f86d081884c7d65-1kq2m3n4o-",
            "12-9f86d081884c7d65-1kq2m3n4o-100",
            "12-9f86d081884c7d65-1kq2m3n4o-07",
            "12-9f86d081884c7d65-1kq2m3n4o-x",
            "12-9f86d081884c7d65-1kq2m3n4o-7-release",
            "12-9f86d081884c7d65-1kq2m3n4o-x-release",
            "12-7",
        ] {
            assert!(text.parse::<ServedMoment>().is_err(), "{text}");
        }
        let staging: ServedMoment = "12-9f86d081884c7d65-1kq2m3n4o-7-team~next".parse().unwrap();
        assert_eq!(staging.channel, "team/next");
    }
}
