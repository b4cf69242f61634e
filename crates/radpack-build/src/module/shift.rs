//! Where places of a text come to lie when parts of it are replaced, in the terms of source maps: lines and columns from
//! 0, columns in UTF-16 code units.

use std::ops::Range;

use super::position::Positions;

/// A place in a text: line and column from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) line: u32,
    pub(super) column: u32,
}

impl Place {
    /// Where every text begins.
    pub(super) const START: Place = Place { line: 0, column: 0 };
}

/// What became of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moved {
    To(Place),
    /// It lay within a replaced part; after it, the text goes on at `end` (old) and `moved_end` (new).
    Replaced {
        end: Place,
        moved_end: Place,
    },
}

/// Where a replaced part lay, and where what replaces it lies.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) old: Range<Place>,
    pub(super) new: Range<Place>,
}

/// Replaced parts of a text, in order.
#[derive(Debug)]
pub(super) struct Shift {
    parts: Vec<Part>,
    /// The last line of the old text.
    last_line: u32,
}

impl Shift {
    /// `replacements` of `old` are in order and do not overlap; `new` is what they lead to.
    pub(super) fn new(old: &str, new: &str, replacements: &[(Range<usize>, &str)]) -> Self {
        let mut old_places = Places(Positions::new(old));
        let mut new_places = Places(Positions::new(new));
        let (mut old_end, mut new_end) = (0, 0);
        let mut parts = Vec::with_capacity(replacements.len());
        for (span, replacement) in replacements {
            let new_start = new_end + (span.start - old_end);
            (old_end, new_end) = (span.end, new_start + replacement.len());
            parts.push(Part {
                old: old_places.at(span.start)..old_places.at(old_end),
                new: new_places.at(new_start)..new_places.at(new_end),
            });
        }
        Shift {
            parts,
            last_line: old_places.at(old.len()).line,
        }
    }

    /// The replaced parts, in order.
    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The last line of the old text, from 0.
    pub(super) fn last_line(&self) -> u32 {
        self.last_line
    }

    /// Where a place comes to lie.
    pub(super) fn moved(&self, place: Place) -> Moved {
        // The last part that begins before the place; what is inserted at the place comes before it.
        let count = self.parts.partition_point(|part| {
            part.old.start < place || (part.old.is_empty() && part.old.start == place)
        });
        match self.parts[..count].last() {
            Some(part) if place < part.old.end => Moved::Replaced {
                end: part.old.end,
                moved_end: part.new.end,
            },
            Some(part) => Moved::To(after(part, place)),
            None => Moved::To(place),
        }
    }
}

/// Where a place at or behind the end of a replaced part comes to lie.
fn after(part: &Part, place: Place) -> Place {
    let (old, new) = (part.old.end, part.new.end);
    // Whatever a map says, lines and columns saturate: they are but numbers to a reader.
    let line = (place.line - old.line).saturating_add(new.line);
    if place.line == old.line {
        Place {
            line,
            column: (place.column - old.column).saturating_add(new.column),
        }
    } else {
        Place {
            line,
            column: place.column,
        }
    }
}

struct Places<'a>(Positions<'a>);

impl Places<'_> {
    fn at(&mut self, offset: usize) -> Place {
        let position = self.0.at(offset);
        Place {
            line: position.line - 1,
            column: position.column - 1,
        }
    }
}
