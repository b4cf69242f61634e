//! From byte offsets to lines and columns.
//!
//! Lines end as in ECMAScript: at LF, CR, CR LF, U+2028 and U+2029. Columns count UTF-16 code units, which is what source
//! maps, browsers and editors with a language server count.

use std::fmt;

use memchr::memchr3;

/// A place in a text: line and column, both from 1. Columns count UTF-16 code units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line, from 1. Lines end at LF, CR, CR LF, U+2028 and U+2029.
    pub line: u32,
    /// The column, from 1, in UTF-16 code units. A byte order mark counts as none, for decoding drops it.
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

/// Walks forward over a text (without byte order mark) and counts lines and columns. Asking for an offset before the last
/// one starts anew, so callers ask in ascending order.
#[derive(Debug)]
pub(super) struct Positions<'a> {
    text: &'a str,
    /// The offset that was asked for last, and its place, counted from 0.
    at: usize,
    line: u32,
    column: u32,
}

impl<'a> Positions<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Positions {
            text,
            at: 0,
            line: 0,
            column: 0,
        }
    }

    /// The position of a byte offset; one beyond the end, or within a character, counts as the next lower that is none.
    pub(super) fn at(&mut self, offset: usize) -> Position {
        let offset = self.text.floor_char_boundary(offset);
        if offset < self.at {
            *self = Positions::new(self.text);
        }
        while let Some(next) = line_after(self.text.as_bytes(), self.at, offset) {
            self.line += 1;
            (self.at, self.column) = (next, 0);
        }
        self.column += utf16_length(&self.text[self.at..offset]);
        self.at = offset;
        Position {
            line: self.line + 1,
            column: self.column + 1,
        }
    }
}

/// Where the line after the one that holds `at` begins, if that is no later than `limit`.
pub(super) fn line_after(text: &[u8], mut at: usize, limit: usize) -> Option<usize> {
    loop {
        at += memchr3(b'\n', b'\r', 0xE2, text.get(at..limit)?)?;
        let length = match text[at] {
            b'\n' => 1,
            b'\r' => 1 + usize::from(text.get(at + 1) == Some(&b'\n')),
            _ if matches!(text.get(at + 1..at + 3), Some([0x80, 0xA8 | 0xA9])) => 3,
            _ => {
                at += 1;
                continue;
            }
        };
        // Between CR and LF the line has not ended yet.
        return (at + length <= limit).then_some(at + length);
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
