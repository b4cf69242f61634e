//! A bounded memo for ids that come again and again: one cache line holds an id and its answer.
//!
//! On top of the index and optional: a memo belongs to one thread or task, so that it needs no lock. It forgets all
//! when it is used with another index or another policy, and keeps nothing that depends on scope or context.

use radpack_version::{Drift, Fit};

use crate::error::ResolveError;
use crate::found::{Found, Place};
use crate::hash;
use crate::query::Query;
use crate::split::{Short, Text, halves};

/// The longest id that is remembered, in bytes.
const LONGEST: usize = 48;

/// What an id is kept as: the first sixteen bytes, the next, and the last, which overlap in most.
type Words = [u64; 6];

/// One id and its answer.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line {
    words: Words,
    /// Bits of the id's hash, and its length below them; 0: nothing is here.
    tag: u32,
    record: u32,
    variant: u32,
    position: u16,
    fit: Fit,
    drift: Option<Drift>,
}

const EMPTY: Line = Line {
    words: [0; 6],
    tag: 0,
    record: 0,
    variant: 0,
    position: 0,
    fit: Fit::Exact,
    drift: None,
};

/// Of no query.
const NO_KEY: u64 = 1;

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
    /// Of the queries that the answers are for: their [`Query::memo_key`].
    key: u64,
}

impl Memo {
    /// A memo with room for about that many ids, at 128 bytes each: twice the lines, so that few ids displace others.
    pub fn new(ids: usize) -> Self {
        let pairs = ids.clamp(1, 1 << 26).next_power_of_two();
        Memo {
            lines: vec![[EMPTY; 2]; pairs],
            key: NO_KEY,
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
        let hash = hash::id(&words);
        let tag = tag(hash, id.len());
        let pair = hash as usize & (self.lines.len() - 1);
        if self.key == query.memo_key
            && let Some(lines) = self.lines.get(pair)
        {
            // No branch between the two: which of them holds an id is as good as random.
            let line = &lines[usize::from(lines[0].tag != tag)];
            if line.tag == tag && line.words == words {
                return Ok(Found {
                    index: query.index,
                    place: Place {
                        record: line.record,
                        position: line.position.into(),
                        variant: line.variant,
                        fit: line.fit,
                        drift: line.drift,
                    },
                });
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
        let (Some(words), Ok(position)) = (words(id.as_bytes()), found.place.position.try_into())
        else {
            return Ok(found);
        };
        if query.memo_key == Query::NO_MEMO {
            return Ok(found);
        }
        if self.key != query.memo_key {
            self.lines.fill([EMPTY; 2]);
            self.key = query.memo_key;
        }
        if let Some(lines) = self.lines.get_mut(pair) {
            lines[1] = lines[0];
            lines[0] = Line {
                words,
                tag: tag(hash::id(&words), id.len()),
                record: found.place.record,
                variant: found.place.variant,
                position,
                fit: found.place.fit,
                drift: found.place.drift,
            };
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

/// What an id is kept as; `None` if it is not remembered. Together with the length this is the whole id.
#[inline(always)]
fn words(id: &[u8]) -> Option<Words> {
    if id.len() < 16 {
        let [low, high] = Short::new(id)?.head();
        return Some([low, high, 0, 0, 0, 0]);
    }
    if id.len() > LONGEST {
        return None;
    }
    let middle = id.get((id.len() - 16).min(16)..)?.first_chunk()?;
    let [head, middle, end] = [id.first_chunk()?, middle, id.last_chunk()?]
        .map(|bytes: &[u8; 16]| halves(u128::from_le_bytes(*bytes)));
    Some([head[0], head[1], middle[0], middle[1], end[0], end[1]])
}

/// Tells the lines of a pair apart. The pair is chosen by lower bits of the hash.
#[inline(always)]
fn tag(hash: u64, length: usize) -> u32 {
    (hash >> 32) as u32 & !63 | length as u32
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
    fn keeps_the_whole_id() {
        let text: [u8; LONGEST] = std::array::from_fn(|at| b'a' + at as u8 % 26);
        for length in 1..=LONGEST {
            let kept = words(&text[..length]).unwrap();
            for at in 0..length {
                let mut other = text[..length].to_vec();
                other[at] ^= 1;
                assert_ne!(words(&other).unwrap(), kept, "length {length}, byte {at}");
            }
        }
        assert_eq!((words(b""), words(&[b'x'; LONGEST + 1])), (None, None));
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
