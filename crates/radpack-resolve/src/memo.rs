//! A bounded memo for ids that come again and again: one cache line holds an id and its answer.
//!
//! On top of the index and optional: a memo belongs to one thread or task, so that it needs no lock. It forgets all
//! when it is used with another index or another policy, and keeps nothing that depends on scope or context.

use radpack_version::{Fallback, Fit};

use crate::error::ResolveError;
use crate::found::{Found, Place};
use crate::hash;
use crate::query::Query;

/// The longest id that is remembered, in bytes.
const LONGEST: usize = 47;

/// One id and its answer.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line {
    place: Place,
    /// 0: nothing is here.
    length: u8,
    id: [u8; LONGEST],
}

const EMPTY: Line = Line {
    place: Place {
        record: 0,
        position: 0,
        variant: 0,
        fit: Fit::Exact,
        drift: None,
    },
    length: 0,
    id: [0; LONGEST],
};

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
    /// Pairs of lines: the newer answer first.
    lines: Vec<[Line; 2]>,
    /// The index that the answers are from; 0: none yet.
    stamp: u64,
    fallback: Fallback,
}

impl Memo {
    /// A memo with room for about that many ids, at 128 bytes each: twice the lines, so that few ids displace others.
    pub fn new(ids: usize) -> Self {
        let pairs = ids.clamp(1, 1 << 26).next_power_of_two();
        Memo {
            lines: vec![[EMPTY; 2]; pairs],
            stamp: 0,
            fallback: Fallback::default(),
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
        let Some(words) = words(id.as_bytes()) else {
            return query.resolve(id);
        };
        // The multiplication's high bits are the better ones.
        let pair = (hash::id(words, id.len()) >> 32) as usize & (self.lines.len() - 1);
        if self.stamp == query.index.stamp
            && self.fallback == query.fallback
            && query.is_plain()
            && let Some(lines) = self.lines.get(pair)
        {
            for line in lines {
                if line.is(&words, id.as_bytes()) {
                    return Ok(Found {
                        index: query.index,
                        place: line.place,
                    });
                }
            }
        }
        self.resolve_first(query, id, pair)
    }

    #[inline(never)]
    fn resolve_first<'i>(
        &mut self,
        query: &Query<'i, '_>,
        id: &str,
        pair: usize,
    ) -> Result<Found<'i>, ResolveError> {
        let found = query.resolve(id)?;
        if !query.is_plain() {
            return Ok(found);
        }
        if self.stamp != query.index.stamp || self.fallback != query.fallback {
            self.lines.fill([EMPTY; 2]);
            self.stamp = query.index.stamp;
            self.fallback = query.fallback;
        }
        if let Some(lines) = self.lines.get_mut(pair) {
            lines[1] = lines[0];
            let mut line = Line {
                place: found.place,
                length: id.len() as u8,
                ..EMPTY
            };
            line.id[..id.len()].copy_from_slice(id.as_bytes());
            lines[0] = line;
        }
        Ok(found)
    }
}

impl std::fmt::Debug for Memo {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Memo")
            .field("lines", &(self.lines.len() * 2))
            .finish_non_exhaustive()
    }
}

/// Four words that hold the first 32 bytes of an id, the last ones overlapping; `None` if it is not remembered.
#[inline(always)]
fn words(id: &[u8]) -> Option<[u64; 4]> {
    if !(8..=LONGEST).contains(&id.len()) {
        return None;
    }
    Some(std::array::from_fn(|word| overlapping(id, id.len(), word)))
}

/// The word at a multiple of eight, moved back where the id has ended before it.
#[inline(always)]
fn overlapping(text: &[u8], length: usize, word: usize) -> u64 {
    let at = (word * 8).min(length.wrapping_sub(8));
    text.get(at..at.wrapping_add(8))
        .and_then(|slice| slice.try_into().ok())
        .map_or(0, u64::from_le_bytes)
}

impl Line {
    /// Whether this line holds an id, of which the caller has read the first words.
    #[inline(always)]
    fn is(&self, words: &[u64; 4], id: &[u8]) -> bool {
        if usize::from(self.length) != id.len() {
            return false;
        }
        let mut different = 0;
        for (number, word) in words.iter().enumerate() {
            different |= overlapping(&self.id, id.len(), number) ^ word;
        }
        different == 0 && (id.len() <= 32 || self.id.get(32..id.len()) == id.get(32..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Index;

    #[test]
    fn a_line_is_a_cache_line() {
        assert_eq!((size_of::<Line>(), align_of::<Line>()), (64, 64));
    }

    #[test]
    fn compares_every_length() {
        let text: [u8; LONGEST] = std::array::from_fn(|at| b'a' + at as u8 % 26);
        for length in 8..=LONGEST {
            let mut line = Line {
                length: length as u8,
                ..EMPTY
            };
            line.id[..length].copy_from_slice(&text[..length]);
            assert!(line.is(&words(&text[..length]).unwrap(), &text[..length]));
            for at in 0..length {
                let mut other = text[..length].to_vec();
                other[at] ^= 1;
                assert!(
                    !line.is(&words(&other).unwrap(), &other),
                    "length {length}, byte {at}"
                );
            }
        }
        assert_eq!(
            (words(b"seven77"), words(&[b'x'; LONGEST + 1])),
            (None, None)
        );
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
