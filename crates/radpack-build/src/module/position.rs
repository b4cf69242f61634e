//! From byte offsets to lines and columns.
//!
//! Lines end as in ECMAScript: at LF, CR, CR LF, U+2028 and U+2029. Columns count UTF-16 code units, which is what source
//! maps, browsers and editors with a language server count. A byte order mark counts as a column, for it is part of the
//! text that browsers are served.

use std::fmt;

/// A place in a text: line and column, both from 1. Columns count UTF-16 code units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line, from 1. Lines end at LF, CR, CR LF, U+2028 and U+2029.
    pub line: u32,
    /// The column, from 1, in UTF-16 code units.
    pub column: u32,
}

impl Position {
    /// The first column of the first line.
    pub const START: Position = Position { line: 1, column: 1 };
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.line, self.column)
    }
}

/// Walks forward over a text and counts lines. Asking for an offset before the last one starts anew, so callers ask in
/// ascending order.
#[derive(Debug)]
pub(super) struct Positions<'a> {
    source: &'a str,
    /// Everything before this offset is counted.
    at: usize,
    /// Complete lines before `at`.
    lines: u32,
    /// Where the line that holds `at` begins.
    line_start: usize,
}

impl<'a> Positions<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Positions {
            source,
            at: 0,
            lines: 0,
            line_start: 0,
        }
    }

    /// The position of a byte offset; one beyond the end, or within a character, counts as the next lower that is none.
    pub(super) fn at(&mut self, offset: usize) -> Position {
        let offset = self.source.floor_char_boundary(offset);
        if offset < self.at {
            *self = Positions::new(self.source);
        }
        let bytes = self.source.as_bytes();
        let mut at = self.at;
        while at < offset {
            let next = match bytes[at] {
                b'\n' => at + 1,
                // CR LF is one line end; between its halves the line has not ended yet.
                b'\r' if bytes.get(at + 1) == Some(&b'\n') => {
                    at += 1;
                    continue;
                }
                b'\r' => at + 1,
                0xE2 if matches!(bytes.get(at + 1..at + 3), Some([0x80, 0xA8 | 0xA9])) => at + 3,
                _ => {
                    at += 1;
                    continue;
                }
            };
            self.lines += 1;
            self.line_start = next;
            at = next;
        }
        self.at = offset;
        let column = utf16_length(&self.source[self.line_start..offset]);
        Position {
            line: self.lines + 1,
            column: column + 1,
        }
    }
}

/// The length of a text in UTF-16 code units.
pub(super) fn utf16_length(text: &str) -> u32 {
    if text.is_ascii() {
        return text.len() as u32;
    }
    text.chars()
        .map(|character| character.len_utf16() as u32)
        .sum()
}
