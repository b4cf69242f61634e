//! Subresource Integrity: reading what a manifest states, and holding bytes to it.
//!
//! As the W3C's "Subresource Integrity" has it: hashes separated by blanks, the strongest algorithm counts, any of its hashes will
//! do. Other than there, a text that states no hash that is known is not taken for none: it is an error.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use crate::error::{LoadError, LoadErrorKind};

/// What is asked of modules before anyone sees their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Integrity {
    /// A module whose manifest states no integrity is not loaded.
    Require,
    /// What is stated is verified; a module without is taken as it comes, and as unchanging under its URL.
    #[default]
    VerifyIfPresent,
}

/// The SHA-384 of a file's bytes: what files are stored under, and what graph ids are made from.
pub(crate) type Digest = [u8; 48];

pub(crate) fn digest(bytes: &[u8]) -> Digest {
    Sha384::digest(bytes).into()
}

/// The integrity text of a digest.
pub(crate) fn text_of(digest: &Digest) -> String {
    format!("sha384-{}", BASE64_STANDARD.encode(digest))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Algorithm {
    Sha256,
    Sha384,
    Sha512,
}

impl Algorithm {
    fn named(name: &str) -> Option<Self> {
        match name {
            "sha256" => Some(Algorithm::Sha256),
            "sha384" => Some(Algorithm::Sha384),
            "sha512" => Some(Algorithm::Sha512),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha384 => "sha384",
            Algorithm::Sha512 => "sha512",
        }
    }

    fn length(self) -> usize {
        match self {
            Algorithm::Sha256 => 32,
            Algorithm::Sha384 => 48,
            Algorithm::Sha512 => 64,
        }
    }

    fn hash(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Algorithm::Sha256 => Sha256::digest(bytes).to_vec(),
            Algorithm::Sha384 => Sha384::digest(bytes).to_vec(),
            Algorithm::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }
}

/// Integrity that a manifest states, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stated {
    algorithm: Algorithm,
    /// At least one, all of them of the algorithm's length.
    hashes: Vec<Vec<u8>>,
}

impl Stated {
    /// Nothing where no hash in the text is known.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut best: Option<Stated> = None;
        for token in text.split_ascii_whitespace() {
            let token = token.split('?').next().unwrap_or_default();
            let Some((name, value)) = token.split_once('-') else {
                continue;
            };
            let Some(algorithm) = Algorithm::named(name) else {
                continue;
            };
            let Ok(hash) = BASE64_STANDARD.decode(value) else {
                continue;
            };
            if hash.len() != algorithm.length() {
                continue;
            }
            match &mut best {
                Some(stated) if stated.algorithm > algorithm => {}
                Some(stated) if stated.algorithm == algorithm => stated.hashes.push(hash),
                _ => {
                    best = Some(Stated {
                        algorithm,
                        hashes: vec![hash],
                    });
                }
            }
        }
        best
    }

    /// What is stated of a digest.
    pub(crate) fn of(digest: &Digest) -> Self {
        Stated {
            algorithm: Algorithm::Sha384,
            hashes: vec![digest.to_vec()],
        }
    }

    /// The one SHA-384 that the bytes must have, where that is what is stated.
    pub(crate) fn digest(&self) -> Option<Digest> {
        match (self.algorithm, self.hashes.as_slice()) {
            (Algorithm::Sha384, [hash]) => hash.as_slice().try_into().ok(),
            _ => None,
        }
    }

    /// Holds bytes to it; `digest` is theirs.
    pub(crate) fn verify(&self, bytes: &[u8], digest: &Digest, url: &str) -> Result<(), LoadError> {
        let found = match self.algorithm {
            Algorithm::Sha384 => digest.to_vec(),
            algorithm => algorithm.hash(bytes),
        };
        if self.hashes.contains(&found) {
            return Ok(());
        }
        let show =
            |hash: &[u8]| format!("{}-{}", self.algorithm.name(), BASE64_STANDARD.encode(hash));
        let expected: Vec<String> = self.hashes.iter().map(|hash| show(hash)).collect();
        let (expected, found) = (expected.join(" "), show(&found));
        Err(LoadError::new(
            LoadErrorKind::Integrity,
            format!(
                "the bytes of {url} are not what the manifest states: expected {expected}, found {found}"
            ),
        )
        .at(url)
        .with_hashes(expected, found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_algorithm_counts_and_any_of_its_hashes_will_do() {
        let bytes = b"export {};";
        let right = text_of(&digest(bytes));
        let other = text_of(&digest(b"other"));
        let weak = format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(bytes)));
        let verify = |text: &str| {
            let stated = Stated::parse(text).unwrap();
            stated.verify(bytes, &digest(bytes), "https://h/a.js")
        };
        assert!(verify(&right).is_ok());
        assert!(verify(&weak).is_ok());
        assert!(verify(&format!("{other} {right}?option")).is_ok());
        let error = verify(&format!("{weak} {other}")).unwrap_err();
        assert_eq!(error.kind(), LoadErrorKind::Integrity);
        assert_eq!(error.hashes(), Some((other.as_str(), right.as_str())));
    }

    #[test]
    fn what_states_no_known_hash_is_told_apart() {
        for text in [
            "",
            "md5-AAAA",
            "sha384-AAAA",
            "sha384",
            "sha384-!",
            "sha999-AAAA",
        ] {
            assert_eq!(Stated::parse(text), None, "{text}");
        }
        let text = text_of(&digest(b"x"));
        assert_eq!(Stated::parse(&text).unwrap().digest(), Some(digest(b"x")));
        assert_eq!(
            Stated::parse(&format!("{text} {text}")).unwrap().digest(),
            None
        );
    }
}
