//! Many ids at once: the look-ups go through their steps side by side, so that their waits for memory overlap.

use crate::error::ResolveError;
use crate::format::{NONE, TEXTS};
use crate::found::Found;
use crate::hash;
use crate::hot;
use crate::query::Query;
use crate::split::{Long, Parts, Short, parts};

/// Ids under way at once: more than a core can have cache misses outstanding, few enough for the stack.
const WIDTH: usize = 16;

impl<'i> Query<'i, '_> {
    /// Resolves many ids and hands each answer over with its position, in order.
    ///
    /// The same answers as one by one; faster where the index is larger than the processor's caches.
    ///
    /// ```
    /// use radpack_resolve::Index;
    ///
    /// let index = Index::from_json(br#"{"exports":{"d3":{"v":[[4]],"d":[["index",[{"v":[0],"f":"d3.js"}]]]}}}"#.to_vec())?;
    /// let mut answers = Vec::new();
    /// index.query().resolve_batch(&["d3@^4", "nope"], |_, answer| answers.push(answer.is_ok()));
    /// assert_eq!(answers, [true, false]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resolve_batch<S: AsRef<str>>(
        &self,
        ids: &[S],
        mut answer: impl FnMut(usize, Result<Found<'i>, ResolveError>),
    ) {
        let view = &self.view;
        let mut lanes = [Parts::default(); WIDTH];
        for (chunk_number, chunk) in ids.chunks(WIDTH).enumerate() {
            let mut hashes = [None; WIDTH];
            for ((id, lane), hash) in chunk.iter().zip(&mut lanes).zip(&mut hashes) {
                let id = id.as_ref().as_bytes();
                let parts = if id.len() >= 16 {
                    Long::new(id).and_then(parts)
                } else {
                    Short::new(id).and_then(parts)
                };
                if let Some(parts) = parts {
                    *lane = parts;
                    *hash = Some(hash::words(view.seed_key, &parts.key));
                }
            }
            // The slots: loads that wait for nothing but memory, so close together that all are under way at once.
            let numbers = hashes.map(|hash| hash.map_or(NONE, |hash| view.probe(hash)));
            // Both lines of each record, likewise.
            let mut touched = 0;
            for number in numbers {
                if let Some(record) = view.record(number) {
                    touched ^= record.0[0] ^ record.0[TEXTS];
                }
            }
            std::hint::black_box(touched);
            for (lane, id) in chunk.iter().enumerate() {
                let found = match hot::select(view, numbers[lane], &lanes[lane], self.fallback) {
                    Some(place) => Ok(Found {
                        index: self.index,
                        place,
                    }),
                    None => self.resolve_cold(id.as_ref()),
                };
                answer(chunk_number * WIDTH + lane, found);
            }
        }
    }
}
