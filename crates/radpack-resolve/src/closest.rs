//! The closest of many names to one that is not known. What is asked for, and of whom, is `list.rs`'s business.
//!
//! Closeness is the optimal string alignment distance: characters inserted, left out, replaced, or swapped with their neighbour.
//! There is always a closest name, however far it is. Most names are never compared: their length, and then which characters
//! they have at all, tell cheaply that they are no closer than what was found.

/// The closest of some names to the one asked for; nothing only where there are none.
///
/// Of names that are equally far, the one that begins alike for longer; of these, the first by code point.
pub(crate) fn closest<'n>(asked: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let mut comparison = Comparison::with(asked);
    let mut best: Option<Candidate<'n>> = None;
    for name in names {
        let Some(known) = &best else {
            best = Some(comparison.candidate(name, usize::MAX).unwrap_or(Candidate {
                name,
                distance: usize::MAX,
                prefix: 0,
            }));
            continue;
        };
        // A tie is worth comparing only where the rest of the order is in the name's favour.
        let prefix = common_prefix(asked, name);
        let wins_ties = (prefix, known.name) > (known.prefix, name);
        let most = match known.distance {
            0 if !wins_ties => continue,
            distance if wins_ties => distance,
            distance => distance - 1,
        };
        if let Some(candidate) = comparison.candidate(name, most) {
            best = Some(candidate);
        }
    }
    best.map(|candidate| candidate.name)
}

/// A name, and how close it is.
struct Candidate<'n> {
    name: &'n str,
    distance: usize,
    /// How many bytes it begins alike.
    prefix: usize,
}

/// How many kinds of characters are told apart when they are counted; ASCII's are, others may share one, which only makes the
/// bound less sharp.
const KINDS: usize = 128;

/// The name asked for, ready to be compared, and the room that comparing takes.
struct Comparison<'a> {
    asked: &'a str,
    characters: Vec<char>,
    counts: [u16; KINDS],
    name: Vec<char>,
    rows: [Vec<usize>; 3],
}

impl<'a> Comparison<'a> {
    fn with(asked: &'a str) -> Self {
        let characters: Vec<char> = asked.chars().collect();
        let mut counts = [0_u16; KINDS];
        for &character in &characters {
            let count = &mut counts[kind(character)];
            *count = count.saturating_add(1);
        }
        Comparison {
            asked,
            characters,
            counts,
            name: Vec::new(),
            rows: Default::default(),
        }
    }

    /// The name with its distance, unless that is more than `most`.
    fn candidate<'n>(&mut self, name: &'n str, most: usize) -> Option<Candidate<'n>> {
        // A character takes one to four bytes.
        let (length, shortest) = (self.characters.len(), name.len().div_ceil(4));
        if length.saturating_sub(name.len()) > most || shortest.saturating_sub(length) > most {
            return None;
        }
        self.name.clear();
        self.name.extend(name.chars());
        // Each step adds or takes away at most one character that both do not have.
        let mut left = self.counts;
        let mut shared = 0;
        for &character in &self.name {
            let count = &mut left[kind(character)];
            shared += usize::from(*count > 0);
            *count = count.saturating_sub(1);
        }
        if length.max(self.name.len()) - shared > most {
            return None;
        }
        let distance = self.distance(most)?;
        Some(Candidate {
            name,
            distance,
            prefix: common_prefix(self.asked, name),
        })
    }

    /// The distance to `self.name`, unless it is more than `most`.
    fn distance(&mut self, most: usize) -> Option<usize> {
        let (asked, name) = (&self.characters, &self.name);
        let [before, above, row] = &mut self.rows;
        above.clear();
        above.extend(0..=asked.len());
        before.clear();
        before.extend(0..=asked.len());
        row.clear();
        row.resize(asked.len() + 1, 0);
        let mut least_above = 0;
        for (down, &character) in name.iter().enumerate() {
            row[0] = down + 1;
            let mut least = row[0];
            for (across, &other) in asked.iter().enumerate() {
                let mut cell = (above[across] + usize::from(character != other))
                    .min(above[across + 1] + 1)
                    .min(row[across] + 1);
                let swapped = down > 0
                    && across > 0
                    && character == asked[across - 1]
                    && name[down - 1] == other;
                if swapped {
                    cell = cell.min(before[across - 1] + 1);
                }
                row[across + 1] = cell;
                least = least.min(cell);
            }
            // What follows comes from one of the last two rows, and never becomes less.
            if least > most && least_above > most {
                return None;
            }
            least_above = least;
            std::mem::swap(before, above);
            std::mem::swap(above, row);
        }
        above.last().copied().filter(|&distance| distance <= most)
    }
}

fn kind(character: char) -> usize {
    character as usize % KINDS
}

/// How many bytes two names begin alike.
fn common_prefix(left: &str, right: &str) -> usize {
    let pairs = left.bytes().zip(right.bytes());
    pairs.take_while(|(left, right)| left == right).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is_closest(asked: &str, names: &[&str], expected: &str) {
        assert_eq!(
            closest(asked, names.iter().copied()),
            Some(expected),
            "{asked}"
        );
        let reversed = names.iter().rev().copied();
        assert_eq!(
            closest(asked, reversed),
            Some(expected),
            "{asked}, reversed"
        );
    }

    #[test]
    fn there_is_one_however_far_it_is() {
        is_closest("nope", &["node-pe"], "node-pe");
        is_closest("d3-array", &["d3"], "d3");
        is_closest("x", &["entirely-different"], "entirely-different");
        is_closest("", &["abc"], "abc");
        is_closest("日本", &["é"], "é");
        assert_eq!(closest("x", std::iter::empty()), None);
    }

    #[test]
    fn of_several_the_least_changed_one() {
        is_closest("lodahs", &["lodash", "lodge", "hash"], "lodash");
        is_closest("nope", &["lodash", "node-pe", "underscore"], "node-pe");
        is_closest("ca", &["abc", "ac"], "ac");
        is_closest("größe", &["grosse", "größen"], "größen");
    }

    #[test]
    fn of_equally_far_ones_that_which_begins_alike_then_the_first() {
        is_closest("abcd", &["xbcd", "abcx", "axcd"], "abcx");
        is_closest("abcd", &["abcz", "abcy", "abcx"], "abcx");
        is_closest("q", &["c", "a", "b"], "a");
    }

    /// The shortcuts leave nothing out: every pair of short words over three letters, against the distance without any.
    #[test]
    fn the_shortcuts_change_nothing() {
        let mut words = vec![String::new()];
        let mut first = 0;
        for _ in 0..4 {
            let end = words.len();
            for index in first..end {
                for letter in ["a", "b", "é"] {
                    words.push(format!("{}{letter}", words[index]));
                }
            }
            first = end;
        }
        let words: Vec<&str> = words.iter().map(String::as_str).step_by(3).collect();
        for asked in &words {
            let others = || words.iter().copied().filter(|word| word != asked);
            let mut comparison = Comparison::with(asked);
            let expected = others()
                .map(|name| comparison.candidate(name, usize::MAX).unwrap())
                .min_by(|left, right| {
                    (left.distance, right.prefix, left.name).cmp(&(
                        right.distance,
                        left.prefix,
                        right.name,
                    ))
                });
            assert_eq!(
                closest(asked, others()),
                expected.map(|candidate| candidate.name)
            );
        }
    }
}
