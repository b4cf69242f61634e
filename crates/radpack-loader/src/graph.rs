//! Graph ids: equal ids mean equal bytes, module by module, in the same order.

use std::fmt::{self, Display};
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::integrity::Digest;

/// The hash of a closure's contents.
///
/// SHA-256 over each module's name, version, entry, and the SHA-384 of its bytes, in execution order. Where the manifest states the
/// SHA-384 of all modules, as those that Radpack builds do, the id is known before anything is fetched
/// ([`Snapshot::graph_id`](crate::Snapshot::graph_id)); else once the bytes are there. Written in hexadecimal:
///
/// ```
/// use radpack_loader::GraphId;
///
/// let text = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
/// let id: GraphId = text.parse()?;
/// assert_eq!(id.to_string(), text);
/// assert!("0011".parse::<GraphId>().is_err());
/// # Ok::<(), radpack_loader::NoGraphId>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GraphId([u8; 32]);

/// A text that is no graph id: not 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoGraphId;

impl Display for NoGraphId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a graph id has 64 hexadecimal digits")
    }
}

impl std::error::Error for NoGraphId {}

impl Display for GraphId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for GraphId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GraphId({self})")
    }
}

impl FromStr for GraphId {
    type Err = NoGraphId;

    fn from_str(text: &str) -> Result<Self, NoGraphId> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(NoGraphId);
        }
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            b'A'..=b'F' => Ok(byte - b'A' + 10),
            _ => Err(NoGraphId),
        };
        let mut id = [0; 32];
        for (byte, pair) in id.iter_mut().zip(digits.as_chunks::<2>().0) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(GraphId(id))
    }
}

/// Makes a graph id, module by module.
pub(crate) struct Hasher(Sha256);

impl Hasher {
    pub(crate) fn new() -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"radpack graph 1\n");
        Hasher(hasher)
    }

    /// Takes in a module; `digest` is that of its bytes, or none where it has no code of its own.
    pub(crate) fn module(
        &mut self,
        name: &str,
        version: &str,
        entry: &str,
        digest: Option<&Digest>,
    ) {
        // Each with its length, so that no two lists of modules come to the same bytes.
        for text in [name, version, entry] {
            self.0.update((text.len() as u64).to_le_bytes());
            self.0.update(text);
        }
        match digest {
            Some(digest) => {
                self.0.update([1]);
                self.0.update(digest);
            }
            None => self.0.update([0]),
        }
    }

    pub(crate) fn finish(self) -> GraphId {
        GraphId(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(modules: &[(&str, &str, &str, Option<Digest>)]) -> GraphId {
        let mut hasher = Hasher::new();
        for (name, version, entry, digest) in modules {
            hasher.module(name, version, entry, digest.as_ref());
        }
        hasher.finish()
    }

    #[test]
    fn every_part_counts_and_so_does_the_order() {
        let one = ("a", "1.0.0", "index", Some([1; 48]));
        let other = ("b", "1.0.0", "index", Some([2; 48]));
        let base = id(&[one, other]);
        assert_eq!(base, id(&[one, other]));
        for different in [
            id(&[other, one]),
            id(&[one]),
            id(&[("c", "1.0.0", "index", Some([1; 48])), other]),
            id(&[("a", "1.0.1", "index", Some([1; 48])), other]),
            id(&[("a", "1.0.0", "x", Some([1; 48])), other]),
            id(&[("a", "1.0.0", "index", Some([3; 48])), other]),
            id(&[("a", "1.0.0", "index", None), other]),
            id(&[("a1", ".0.0", "index", Some([1; 48])), other]),
        ] {
            assert_ne!(base, different);
        }
    }

    #[test]
    fn the_id_is_what_it_was_when_others_stored_it() {
        assert_eq!(
            id(&[("a", "1.0.0", "index", Some([7; 48]))]).to_string(),
            "8187e158e80c850d5fadc5da77e95b572ff142b5293bf836e890dd8d650373a1"
        );
    }
}
