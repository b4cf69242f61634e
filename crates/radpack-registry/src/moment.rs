//! A point of the history that fixes every answer for ever: an event, its hash, and a time.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::history::Position;

/// How much of an event's hash a token carries: enough that nobody finds another history with the same.
const HASH: usize = 16;

/// A moment as it is passed on: `12-9f86d081884c7d65-1kq2m3n4o`.
///
/// A number alone means that event's own time; a time alone means what was newest then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MomentToken {
    /// An event, at its own time.
    Seq(u64),
    /// A time.
    Time(Timestamp),
    /// An event with its hash, and a time no earlier than the event's.
    Full {
        /// The event.
        seq: u64,
        /// How its hash begins.
        hash: String,
        /// The time.
        at: Timestamp,
    },
}

/// Why a text is no moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no moment: write the number of an event (12), a time (2026-11-21T14:00Z), or what a reader was told (12-9f86…)"
)]
pub struct MomentError {
    text: String,
}

impl MomentToken {
    /// The token of a point of the history, at a time.
    #[must_use]
    pub fn of(position: &Position, at: Timestamp) -> MomentToken {
        MomentToken::Full {
            seq: position.seq,
            hash: position.hash.to_string()[..HASH].to_owned(),
            at: at.max(position.at),
        }
    }
}

impl MomentToken {
    /// The time that it means at a point of the history, if it means that point, and the time has come.
    #[must_use]
    pub fn time_at(&self, position: &Position, now: Timestamp) -> Option<Timestamp> {
        match self {
            MomentToken::Full { seq, hash, at } => (*seq == position.seq
                && position.hash.to_string().starts_with(hash.as_str())
                && (position.at.as_millisecond()..=now.as_millisecond())
                    .contains(&at.as_millisecond()))
            .then_some(*at),
            MomentToken::Seq(seq) => (*seq == position.seq).then_some(position.at),
            MomentToken::Time(_) => None,
        }
    }
}

impl fmt::Display for MomentToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MomentToken::Seq(seq) => write!(formatter, "{seq}"),
            MomentToken::Time(at) => write!(formatter, "{at}"),
            MomentToken::Full { seq, hash, at } => {
                write!(formatter, "{seq}-{hash}-{}", base36(at.as_millisecond()))
            }
        }
    }
}

impl FromStr for MomentToken {
    type Err = MomentError;

    fn from_str(text: &str) -> Result<MomentToken, MomentError> {
        let wrong = || MomentError {
            text: text.to_owned(),
        };
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().map(MomentToken::Seq).map_err(|_| wrong());
        }
        if let Some((seq, hash, at)) = split(text) {
            let seq = seq.parse().map_err(|_| wrong())?;
            let at = i64::from_str_radix(at, 36)
                .ok()
                .and_then(|at| Timestamp::from_millisecond(at).ok());
            return Ok(MomentToken::Full {
                seq,
                hash: hash.to_owned(),
                at: at.ok_or_else(wrong)?,
            });
        }
        let time = text.parse().or_else(|_| {
            // Minutes are enough for people, and a zone that they leave out is UTC.
            let civil: jiff::civil::DateTime = text.trim_end_matches('Z').parse()?;
            civil
                .to_zoned(jiff::tz::TimeZone::UTC)
                .map(|zoned| zoned.timestamp())
        });
        time.map(MomentToken::Time).map_err(|_| wrong())
    }
}

/// The parts of a full token.
fn split(text: &str) -> Option<(&str, &str, &str)> {
    let (seq, rest) = text.split_once('-')?;
    let (hash, at) = rest.split_once('-')?;
    let is_hash = hash.len() == HASH
        && hash
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_at = !at.is_empty()
        && at.len() <= 12
        && at
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'z'));
    let is_seq = !seq.is_empty() && seq.bytes().all(|byte| byte.is_ascii_digit());
    (is_hash && is_at && is_seq).then_some((seq, hash, at))
}

fn base36(number: i64) -> String {
    let mut rest = u64::try_from(number).unwrap_or_default();
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit((rest % 36) as u32, 36).unwrap_or('0'));
        rest /= 36;
        if rest == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Hash;

    #[test]
    fn a_token_says_all_that_it_was_made_of() {
        let position = Position {
            seq: 12,
            hash: Hash::of(b"x"),
            at: "2026-11-21T14:00:00Z".parse().unwrap(),
        };
        let at = "2026-11-21T14:03:07.123Z".parse().unwrap();
        let token = MomentToken::of(&position, at);
        let text = token.to_string();
        assert_eq!(text.parse(), Ok(token));
        assert!(text.len() < 40, "{text}");
        // Never before its own event.
        assert_eq!(
            MomentToken::of(&position, Timestamp::UNIX_EPOCH),
            MomentToken::of(&position, position.at)
        );
    }

    #[test]
    fn people_write_numbers_and_times() {
        assert_eq!("12".parse(), Ok(MomentToken::Seq(12)));
        let time: Timestamp = "2026-11-21T14:00:00Z".parse().unwrap();
        for text in [
            "2026-11-21T14:00Z",
            "2026-11-21T14:00:00Z",
            "2026-11-21 14:00",
            "2026-11-21T15:00:00+01:00",
        ] {
            assert_eq!(text.parse(), Ok(MomentToken::Time(time)), "{text}");
        }
        for text in [
            "",
            "x",
            "12-",
            "12-zz-1",
            "-1",
            "99999999999999999999",
            "12-9f86d081884c7d65-",
            "12-9f86d081884c7d6-1",
        ] {
            assert!(text.parse::<MomentToken>().is_err(), "{text:?}");
        }
    }
}
