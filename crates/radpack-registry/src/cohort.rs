//! Which clients get a release that is on its way.
//!
//! A client keeps a key, and the key gives its cohort, a number below a hundred. Each rollout turns the cohorts by a number of its own,
//! so that no client is first for everything; what is released together has one rollout, and reaches the same clients. A rise
//! takes nobody back. Other programs may compute the same from the same key: the numbers below are fixed for ever.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// How many cohorts there are.
const COHORTS: u64 = 100;

/// What is hashed before a client's key.
const PREFIX: &str = "radpack-cohort:";

/// A number below a hundred that a client keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cohort(u8);

/// Why a text names no cohort.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no cohort: these are the numbers from 0 to 99")]
pub struct CohortError {
    text: String,
}

impl Cohort {
    /// The cohort of the client that keeps this key, whatever it is.
    ///
    /// ```
    /// use radpack_registry::Cohort;
    ///
    /// assert_eq!(Cohort::of_key("a client").number(), Cohort::of_key("a client").number());
    /// ```
    #[must_use]
    pub fn of_key(key: &str) -> Cohort {
        let mut hash = Sha256::new();
        hash.update(PREFIX);
        hash.update(key);
        let hash: [u8; 32] = hash.finalize().into();
        let number = u64::from_be_bytes(*hash.first_chunk().unwrap_or(&[0; 8]));
        Cohort((number % COHORTS) as u8)
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Cohort> {
        (0..COHORTS as u8).map(Cohort)
    }

    /// The number.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }

    /// Whether this cohort gets what a rollout brings, at a percentage.
    ///
    /// `rollout` is the id of the event that began it.
    #[must_use]
    pub fn gets(self, rollout: Uuid, percent: u8) -> bool {
        let hash: [u8; 32] = Sha256::digest(rollout.hyphenated().to_string()).into();
        let turned = u64::from(u32::from_be_bytes(*hash.first_chunk().unwrap_or(&[0; 4])));
        (u64::from(self.0) + turned) % COHORTS < u64::from(percent)
    }
}

impl FromStr for Cohort {
    type Err = CohortError;

    fn from_str(text: &str) -> Result<Cohort, CohortError> {
        let number = text
            .parse()
            .ok()
            .filter(|&number| u64::from(number) < COHORTS && !text.starts_with('+'));
        number.map(Cohort).ok_or_else(|| CohortError {
            text: text.to_owned(),
        })
    }
}

impl fmt::Display for Cohort {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clients keep their keys for years: who is in which cohort must never change.
    #[test]
    fn cohorts_are_these() {
        let numbers = ["", "a", "client-1", "\u{1F600}"].map(|key| Cohort::of_key(key).number());
        assert_eq!(numbers, EXPECTED);
        let rollout = Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0001);
        let getting: Vec<u8> = Cohort::all()
            .filter(|cohort| cohort.gets(rollout, 3))
            .map(Cohort::number)
            .collect();
        assert_eq!(getting, GETTING);
    }

    const EXPECTED: [u8; 4] = [68, 74, 14, 84];
    const GETTING: [u8; 3] = [18, 19, 20];

    #[test]
    fn exactly_so_many_cohorts_get_it_and_a_rise_takes_nobody_back() {
        for number in 0..50 {
            let rollout = Uuid::from_u128(number);
            for percent in 0..=100 {
                let count = Cohort::all()
                    .filter(|cohort| cohort.gets(rollout, percent))
                    .count();
                assert_eq!(count, usize::from(percent));
                assert!(Cohort::all().all(|cohort| {
                    !cohort.gets(rollout, percent)
                        || cohort.gets(rollout, percent.saturating_add(1))
                }));
            }
        }
    }

    #[test]
    fn no_cohort_is_always_first() {
        let mut first = [0; COHORTS as usize];
        for number in 0..5_000 {
            for cohort in Cohort::all().filter(|cohort| cohort.gets(Uuid::from_u128(number), 1)) {
                first[usize::from(cohort.number())] += 1;
            }
        }
        assert!(
            first.iter().all(|&count| (20..90).contains(&count)),
            "{first:?}"
        );
    }

    #[test]
    fn keys_spread_evenly() {
        let mut counts = [0; COHORTS as usize];
        for number in 0..100_000 {
            counts[usize::from(Cohort::of_key(&format!("key {number}")).number())] += 1;
        }
        assert!(
            counts.iter().all(|&count| (800..1_200).contains(&count)),
            "{counts:?}"
        );
    }

    #[test]
    fn cohorts_are_read_from_text() {
        assert_eq!("7".parse(), Ok(Cohort(7)));
        assert_eq!("99".parse(), Ok(Cohort(99)));
        for text in ["100", "256", "-1", "+7", "", "x", "7.0"] {
            let error = text.parse::<Cohort>().unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("{text:?} is no cohort: these are the numbers from 0 to 99")
            );
        }
    }
}
