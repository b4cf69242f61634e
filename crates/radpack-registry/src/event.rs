//! One entry of the history: who did what when, behind which other.

use std::fmt;
use std::io::{self, BufRead as _, BufReader, Read};
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// The format of events that this build writes, and the newest that it reads.
pub(crate) const FORMAT: u32 = 1;

/// How many bytes an event may have: those who read it hold all of it at once.
pub(crate) const LARGEST: u64 = 64 << 20;

/// A SHA-256. Shown, and written, as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

/// One entry of the history.
///
/// Invariants of a history, checked wherever it is read:
///
/// - `seq` counts from 1 without a gap;
/// - `prev` is the hash of the object before it, so that a changed history shows: of the first, that is the registry's `format.json`;
/// - `at` is never before that of the event before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The format of this object.
    pub format: u32,
    /// The first version of Radpack that knows this kind of event, in this format.
    pub needs: String,
    /// Its place in the history.
    pub seq: u64,
    /// Its own id: tells it from another event that wanted the same place.
    pub id: Uuid,
    /// The command that it carries out. Each is carried out once, however often it is sent.
    pub command: Uuid,
    /// When, by the clock of the writer; no less than the event before it.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// The hash of the object before it.
    pub prev: Hash,
    /// What has happened.
    pub kind: String,
    /// The facts, as its kind has them.
    pub payload: Value,
}

/// An event in its place, with the hash of the very bytes that lie there.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The event.
    pub event: Event,
    /// What the next event's `prev` is.
    pub hash: Hash,
}

/// Why bytes are no event that can be read here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// The bytes are no event at all.
    #[error("it is no event")]
    Malformed(#[source] serde_json::Error),
    /// It is of a format that is not known here.
    #[error(
        "it is of format {format}; this build reads formats up to {FORMAT}: use Radpack {needs} or later"
    )]
    Newer {
        /// The format.
        format: u32,
        /// The first version that reads it.
        needs: String,
    },
}

impl Event {
    /// The object's bytes.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Reads an object.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Event, EventError> {
        /// What every format will have.
        #[derive(Deserialize)]
        struct Outline {
            format: u32,
            needs: String,
        }
        match serde_json::from_slice::<Event>(bytes) {
            Ok(event) if event.format <= FORMAT => Ok(event),
            Ok(Event { format, needs, .. }) => Err(EventError::Newer { format, needs }),
            Err(error) => match serde_json::from_slice(bytes) {
                Ok(Outline { format, needs }) if format > FORMAT => {
                    Err(EventError::Newer { format, needs })
                }
                _ => Err(EventError::Malformed(error)),
            },
        }
    }
}

impl Hash {
    /// The hash of some bytes.
    ///
    /// ```
    /// use radpack_registry::Hash;
    ///
    /// let hash = Hash::of(b"");
    /// assert!(hash.to_string().starts_with("e3b0c44298fc1c14"));
    /// assert_eq!(hash.to_string().parse(), Ok(hash));
    /// ```
    #[must_use]
    pub fn of(bytes: &[u8]) -> Hash {
        Hash(Sha256::digest(bytes).into())
    }

    /// The hash of what a reader has, and how many bytes that is; of more than `most`, only the first so many are read.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn of_reader(reader: impl Read, most: u64) -> io::Result<(Hash, u64)> {
        let mut reader = BufReader::with_capacity(64 << 10, reader.take(most));
        let mut hasher = Sha256::new();
        let mut length = 0;
        loop {
            let part = match reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                part => part?,
            };
            if part.is_empty() {
                return Ok((Hash(hasher.finalize().into()), length));
            }
            hasher.update(part);
            let count = part.len();
            length += count as u64;
            reader.consume(count);
        }
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Why a text is no hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 is written with 64 hexadecimal digits in lower case")]
pub struct HashError;

impl FromStr for Hash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Hash, HashError> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(HashError),
        };
        let mut hash = [0; 32];
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != hash.len() || !rest.is_empty() {
            return Err(HashError);
        }
        for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(Hash(hash))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Hash({self})")
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Event {
        Event {
            format: FORMAT,
            needs: "0.1.0".to_owned(),
            seq: 7,
            id: Uuid::from_u128(1),
            command: Uuid::from_u128(2),
            at: "2026-11-21T14:05:06.789Z".parse().unwrap(),
            by: "ann".to_owned(),
            prev: Hash::of(b"before"),
            kind: "published".to_owned(),
            payload: serde_json::json!({"name": "shapes"}),
        }
    }

    /// Objects of this form will be read for ever.
    #[test]
    fn its_bytes_are_these() {
        let expected = concat!(
            r#"{"format":1,"needs":"0.1.0","seq":7,"id":"00000000-0000-0000-0000-000000000001","#,
            r#""command":"00000000-0000-0000-0000-000000000002","at":"2026-11-21T14:05:06.789Z","by":"ann","#,
            r#""prev":"9ee36ef08157b9a21ad9b8db3c99f50fd7f7c2da9b4e9e0c7b3c5a01c1bd0bd6","kind":"published","#,
            r#""payload":{"name":"shapes"}}"#,
            "\n"
        )
        .replace(
            "9ee36ef08157b9a21ad9b8db3c99f50fd7f7c2da9b4e9e0c7b3c5a01c1bd0bd6",
            &Hash::of(b"before").to_string(),
        );
        assert_eq!(String::from_utf8(event().to_bytes()).unwrap(), expected);
        assert_eq!(Event::from_bytes(expected.as_bytes()).unwrap(), event());
    }

    #[test]
    fn what_a_later_version_wrote_names_that_version() {
        let later = br#"{"format":2,"needs":"3.4.0","something":"else"}"#;
        assert_eq!(
            Event::from_bytes(later).unwrap_err().to_string(),
            "it is of format 2; this build reads formats up to 1: use Radpack 3.4.0 or later"
        );
        for malformed in [
            &b""[..],
            b"{}",
            b"[]",
            b"{\"format\":1,\"needs\":\"0.1.0\"}",
            b"\xFF",
        ] {
            let error = Event::from_bytes(malformed).unwrap_err();
            assert!(matches!(error, EventError::Malformed(_)), "{error:?}");
        }
    }

    #[test]
    fn hashes_are_read_as_they_are_written() {
        let hash = Hash::of(b"x");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        for text in [
            "",
            "ab",
            &"g".repeat(64),
            &"A".repeat(64),
            &"a".repeat(63),
            &"ä".repeat(32),
        ] {
            assert_eq!(text.parse::<Hash>(), Err(HashError), "{text}");
        }
    }
}
