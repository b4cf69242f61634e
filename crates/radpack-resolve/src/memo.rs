//! A bounded memo for ids that come again and again: one cache line holds an id and its answer.
//!
//! On top of the index and optional: a memo belongs to one thread or task, so that it needs no lock. It forgets all
//! when it is used with another index or another policy, and keeps nothing that depends on scope or context.
//!
//! Lines stand in the order in which their ids came first, so that what is asked for together lies together, as dense
//! as can be; a small table leads to them. Nothing on the way is a branch that could go either way, and the processor is
//! at the next ids while this one's line is on its way.

use radpack_version::{Drift, Fit};
use wide::u32x4;

use crate::error::ResolveError;
use crate::found::{Found, Place};
use crate::hash;
use crate::query::{Query, Stamp};

/// The longest id that is remembered, in bytes.
const LONGEST: usize = 47;

/// The longest id whose words are its ends alone.
const SHORT: usize = 32;

/// One id and its answer.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line {
    words: Words,
    // The place, field by field: as a whole it would be padded.
    record: u32,
    position: u32,
    variant: u32,
    fit: Fit,
    drift: Option<Drift>,
    length: u8,
}

/// Remembers the answers to the ids that were asked for last.
///
/// ```
/// use radpack_resolve::{Index, Memo};
///
/// let index = Index::from_json(br#"{"exports":{"d3":{"v":[[4]],"d":[["index",[{"v":[0],"f":"d3.js"}]]]}}}"#.to_vec())?;
/// let mut memo = Memo::new(1_000);
/// let first = memo.resolve(&index.query(), "d3@^4")?;
/// assert_eq!(memo.resolve(&index.query(), "d3@^4")?, first);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Memo {
    /// A ring, once it is full.
    lines: Vec<Line>,
    /// As many as there may be.
    room: usize,
    /// The line that the next id gets.
    next: usize,
    buckets: Vec<Bucket>,
    /// What the answers depend on besides the id.
    stamp: Stamp,
}

/// Slots, the newest first: a mark in the high bits, below it the number of a line, from 1. No two marks of a bucket are
/// the same. The line may hold another id by now, which shows there.
#[derive(Clone, Copy, Default)]
#[repr(C, align(16))]
struct Bucket([u32; SLOTS]);

/// Slots of a bucket.
const SLOTS: usize = 4;

/// Bits of a line's number.
const NUMBER_BITS: u32 = 20;

/// Ones for a line's number.
const NUMBER: u32 = (1 << NUMBER_BITS) - 1;

impl Bucket {
    /// The number of the line that may hold an id of this hash.
    #[inline(always)]
    fn line(&self, hash: u64) -> Option<usize> {
        let marks = u32x4::new(self.0) & u32x4::splat(!NUMBER);
        let same = marks.simd_eq(u32x4::splat(mark(hash))).to_bitmask();
        let slot = self.0.get(same.trailing_zeros() as usize)?;
        Some((slot & NUMBER).wrapping_sub(1) as usize)
    }

    fn insert(&mut self, hash: u64, line: usize) {
        let same = |slot: &u32| slot & !NUMBER == mark(hash);
        let last = self.0.iter().position(same).unwrap_or(SLOTS - 1);
        self.0[..=last].rotate_right(1);
        self.0[0] = mark(hash) | (line as u32 + 1);
    }
}

/// What tells the ids of a bucket apart; never 0, as that of an empty slot.
#[inline(always)]
fn mark(hash: u64) -> u32 {
    hash as u32 & !NUMBER | 1 << NUMBER_BITS
}

impl Memo {
    /// A memo with room for that many ids, a million at most, at 64 bytes each and 8 to 16 more for the way to them.
    pub fn new(ids: usize) -> Self {
        let room = ids.clamp(1, NUMBER as usize - 1);
        Memo {
            lines: Vec::with_capacity(room),
            room,
            next: 0,
            buckets: vec![Bucket::default(); (room.next_power_of_two() * 2).div_ceil(SLOTS)],
            stamp: Stamp::NONE,
        }
    }

    /// As [`Query::resolve`], from memory where the id was asked for before.
    ///
    /// # Errors
    ///
    /// As [`Query::resolve`]. Errors are not remembered.
    #[inline]
    pub fn resolve<'i>(
        &mut self,
        query: &Query<'i, '_>,
        id: &str,
    ) -> Result<Found<'i>, ResolveError> {
        if self.stamp == query.stamp
            && let Some(ends) = ends(id.as_bytes())
            && let Some(line) = self.line(hash::ends(ends, id.len()))
            && line.is(&ends, id.len())
        {
            return Ok(Found {
                index: query.index,
                place: line.place(),
            });
        }
        self.resolve_apart(query, id)
    }

    /// The line that holds an id of this hash, if one does.
    #[inline(always)]
    fn line(&self, hash: u64) -> Option<&Line> {
        let bucket = self.buckets.get(self.bucket(hash))?;
        self.lines.get(bucket.line(hash)?)
    }

    #[inline(always)]
    fn bucket(&self, hash: u64) -> usize {
        // The multiplication's high bits are the better ones.
        (hash >> 32) as usize & (self.buckets.len() - 1)
    }

    /// Ids that are long, or asked for the first time.
    #[inline(never)]
    fn resolve_apart<'i>(
        &mut self,
        query: &Query<'i, '_>,
        id: &str,
    ) -> Result<Found<'i>, ResolveError> {
        let Some(words) = Words::of(id.as_bytes()) else {
            return query.resolve(id);
        };
        let hash = words.hash(id.len());
        if self.stamp == query.stamp
            && let Some(line) = self.line(hash)
            && line.words == words
            && usize::from(line.length) == id.len()
        {
            return Ok(Found {
                index: query.index,
                place: line.place(),
            });
        }
        let found = query.resolve(id)?;
        if query.stamp == Stamp::OTHER {
            return Ok(found);
        }
        if self.stamp != query.stamp {
            self.buckets.fill(Bucket::default());
            self.lines.clear();
            self.next = 0;
            self.stamp = query.stamp;
        }
        let line = Line {
            words,
            record: found.place.record,
            position: found.place.position,
            variant: found.place.variant,
            fit: found.place.fit,
            drift: found.place.drift,
            length: id.len() as u8,
        };
        match self.lines.get_mut(self.next) {
            Some(former) => *former = line,
            None => self.lines.push(line),
        }
        let bucket = self.bucket(hash);
        if let Some(bucket) = self.buckets.get_mut(bucket) {
            bucket.insert(hash, self.next);
        }
        self.next = (self.next + 1) % self.room;
        Ok(found)
    }
}

impl std::fmt::Debug for Memo {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Memo")
            .field("ids", &self.lines.len())
            .field("room", &self.room)
            .finish_non_exhaustive()
    }
}

/// All bytes of an id, as words that overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Words {
    /// Of an id of sixteen bytes or more the first and the last sixteen, of a shorter one the first and the last eight,
    /// twice.
    ends: [u64; 4],
    /// What lies between those, of the few ids that have it.
    middle: [u64; 2],
}

impl Words {
    /// The words of an id; `None` if it is not remembered.
    fn of(id: &[u8]) -> Option<Self> {
        if id.len() <= SHORT {
            return Some(Words {
                ends: ends(id)?,
                middle: [0; 2],
            });
        }
        if id.len() > LONGEST {
            return None;
        }
        Some(Words {
            ends: [
                word(id, 0)?,
                word(id, 8)?,
                word(id, id.len() - 16)?,
                word(id, id.len() - 8)?,
            ],
            middle: [word(id, 16)?, word(id, 24)?],
        })
    }

    fn hash(&self, length: usize) -> u64 {
        let hash = hash::ends(self.ends, length);
        if length <= SHORT {
            hash
        } else {
            hash::middle(hash, self.middle)
        }
    }
}

/// The words of an id of eight to 32 bytes. No branch on its length, which differs from one id to the next.
#[inline(always)]
fn ends(id: &[u8]) -> Option<[u64; 4]> {
    if id.len() > SHORT {
        return None;
    }
    let last = id.len().checked_sub(8)?;
    let step = usize::from(id.len() >= 16) * 8;
    Some([
        word(id, 0)?,
        word(id, step)?,
        word(id, last - step)?,
        word(id, last)?,
    ])
}

#[inline(always)]
fn word(text: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*text.get(at..)?.first_chunk()?))
}

impl Line {
    /// Whether this line holds an id of these words, and no middle.
    #[inline(always)]
    fn is(&self, words: &[u64; 4], length: usize) -> bool {
        let own = &self.words.ends;
        let different = (own[0] ^ words[0])
            | (own[1] ^ words[1])
            | (own[2] ^ words[2])
            | (own[3] ^ words[3])
            | (usize::from(self.length) ^ length) as u64;
        different == 0
    }

    #[inline(always)]
    fn place(&self) -> Place {
        Place {
            record: self.record,
            position: self.position,
            variant: self.variant,
            fit: self.fit,
            drift: self.drift,
        }
    }
}

#[cfg(test)]
mod tests {
    use radpack_version::Fallback;

    use super::*;
    use crate::Index;

    #[test]
    fn a_line_is_a_cache_line() {
        assert_eq!((size_of::<Line>(), align_of::<Line>()), (64, 64));
    }

    #[test]
    fn every_byte_counts() {
        let text: [u8; LONGEST] = std::array::from_fn(|at| b'a' + at as u8 % 26);
        for length in 8..=LONGEST {
            let words = Words::of(&text[..length]).unwrap();
            for at in 0..length {
                let mut other = text[..length].to_vec();
                other[at] ^= 1;
                let other = Words::of(&other).unwrap();
                assert_ne!(words, other, "length {length}, byte {at}");
                assert_ne!(
                    words.hash(length),
                    other.hash(length),
                    "length {length}, byte {at}"
                );
            }
        }
        assert_eq!(
            (Words::of(b"seven77"), Words::of(&[b'x'; LONGEST + 1])),
            (None, None)
        );
    }

    #[test]
    fn length_counts() {
        // Of one letter, so that the words of all lengths are the same.
        let id = "a".repeat(LONGEST);
        let ids: Vec<&str> = (8..=LONGEST).map(|length| &id[..length]).collect();
        let exports: Vec<String> = ids
            .iter()
            .map(|id| {
                format!(
                    r#""{id}":{{"v":[[{}]],"d":[["index",[{{"v":[0],"f":"a.js"}}]]]}}"#,
                    id.len()
                )
            })
            .collect();
        let index =
            Index::from_json(format!(r#"{{"exports":{{{}}}}}"#, exports.join(","))).unwrap();
        let mut memo = Memo::new(1);
        for _ in 0..3 {
            for id in ids.iter().flat_map(|id| [id, id, ids.first().unwrap()]) {
                let found = memo.resolve(&index.query(), id).unwrap();
                assert_eq!(found.version().major, id.len() as u64);
            }
        }
    }

    #[test]
    fn forgets_another_index_and_another_policy() {
        let json = |version: u32| {
            format!(
                r#"{{"exports":{{"d3":{{"v":[[4,{version}]],"d":[["index",[{{"v":[0],"f":"d3.js"}}]]]}}}}}}"#
            )
        };
        let (old, new) = (
            Index::from_json(json(1)).unwrap(),
            Index::from_json(json(2)).unwrap(),
        );
        let mut memo = Memo::new(8);
        for _ in 0..2 {
            assert_eq!(
                memo.resolve(&old.query(), "d3@4.3.0")
                    .unwrap()
                    .version()
                    .minor,
                1
            );
        }
        for _ in 0..2 {
            assert_eq!(
                memo.resolve(&new.query(), "d3@4.3.0")
                    .unwrap()
                    .version()
                    .minor,
                2
            );
        }
        for _ in 0..2 {
            assert!(
                memo.resolve(&new.query().fallback(Fallback::None), "d3@4.3.0")
                    .is_err()
            );
        }
        assert!(memo.resolve(&new.query(), "d3@4.3.0").is_ok());
    }

    #[test]
    fn keeps_nothing_that_depends_on_scope() {
        let index = Index::from_json(
            r#"{"exports":{"a":{"v":[[1]],"d":[["x",[{"v":[0],"f":"a.js"}]]]},"b":{"v":[[1]],"d":[["x",[{"v":[0],"f":"b.js"}]]]}}}"#,
        )
        .unwrap();
        let mut memo = Memo::new(8);
        for _ in 0..2 {
            for scope in ["a", "b"] {
                assert_eq!(
                    memo.resolve(&index.query().scope(scope), "~/x")
                        .unwrap()
                        .name(),
                    scope
                );
            }
            assert!(memo.resolve(&index.query(), "~/x").is_err());
        }
    }

    #[test]
    fn stays_right_when_ids_displace_each_other() {
        let packages: Vec<String> = (0..500)
            .map(|number| format!(r#""p{number:03}":{{"v":[[1]],"d":[["index",[{{"v":[0],"f":"{number}.js"}}]]]}}"#))
            .collect();
        let index =
            Index::from_json(format!(r#"{{"exports":{{{}}}}}"#, packages.join(","))).unwrap();
        let mut memo = Memo::new(4);
        for round in 0..2_000 {
            let number = round * 7 % 500;
            let found = memo
                .resolve(&index.query(), &format!("p{number:03}"))
                .unwrap();
            assert_eq!(found.file().unwrap().unwrap(), format!("{number}.js"));
        }
    }
}
