//! Tokens: white space and comments, words, and literals.

use std::ops::Range;

use memchr::{memchr, memchr2, memchr3};

use super::word::{
    Word, any_of, eight_at, end_and_key, end_of_spaces, end_of_word, is_part, is_start, key,
};
use super::{Flags, Quick, SourceMapReference, VALUE};

impl<'a> Quick<'a> {
    /// The byte at `at`, or 0 at the end.
    #[inline]
    pub(super) fn byte(&self) -> u8 {
        self.byte_at(self.at)
    }

    #[inline]
    pub(super) fn byte_at(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    /// The byte behind `at`.
    #[inline]
    pub(super) fn next(&self) -> u8 {
        self.byte_at(self.at + 1)
    }

    /// Steps over a token of `length` bytes, to the next one.
    #[inline]
    pub(super) fn bump(&mut self, length: usize) {
        self.skip_from(self.at + length);
    }

    /// Steps over `byte`, if it comes next.
    #[inline]
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.byte() == byte;
        if found {
            self.bump(1);
        }
        found
    }

    /// Steps over `byte`, which must come next.
    #[inline]
    pub(super) fn expect(&mut self, byte: u8) -> Option<()> {
        self.eat(byte).then_some(())
    }

    /// Steps over `...`, if it comes next.
    #[inline]
    pub(super) fn eat_dots(&mut self) -> bool {
        let found = self.byte() == b'.' && self.next() == b'.' && self.byte_at(self.at + 2) == b'.';
        if found {
            self.bump(3);
        }
        found
    }

    /// Skips white space and comments.
    #[inline]
    pub(super) fn skip(&mut self) {
        self.skip_from(self.at);
    }

    /// Goes to the first token at or behind `at`.
    #[inline]
    pub(super) fn skip_from(&mut self, at: usize) {
        self.at = at;
        self.line_ended = false;
        let byte = self.byte();
        if byte <= b' ' || byte == b'/' {
            self.skip_more();
        }
    }

    fn skip_more(&mut self) {
        let mut at = self.at;
        // Mostly it is one space.
        if self.byte() == b' ' {
            at += 1;
            let byte = self.byte_at(at);
            if byte > b' ' && byte != b'/' {
                self.at = at;
                return;
            }
        }
        let mut line_ended = false;
        loop {
            match self.byte_at(at) {
                b' ' | b'\t' => at = end_of_spaces(self.bytes, at + 1),
                0x0B | 0x0C => at += 1,
                b'\n' | b'\r' => {
                    line_ended = true;
                    at = end_of_spaces(self.bytes, at + 1);
                }
                b'/' => {
                    let end = match self.byte_at(at + 1) {
                        b'/' => self.line_comment_end(at + 2),
                        b'*' => self.block_comment_end(at + 2, &mut line_ended),
                        _ => break,
                    };
                    // Whoever reads on stops at the end, and then learns that it was too far.
                    let end = end.unwrap_or_else(|| {
                        self.unsure = true;
                        self.bytes.len()
                    });
                    if matches!(self.byte_at(at + 2), b'#' | b'@') {
                        self.map_comment(at..end);
                    }
                    at = end;
                }
                _ => break,
            }
        }
        if at < self.bytes.len() {
            // Only behind all code it counts.
            self.map_comment = None;
        }
        self.at = at;
        self.line_ended = line_ended;
    }

    /// Where the line ends that holds `at`, if it is sure how.
    pub(super) fn line_comment_end(&self, at: usize) -> Option<usize> {
        let mut at = at;
        loop {
            let Some(found) = memchr3(b'\n', b'\r', 0xE2, &self.bytes[at..]) else {
                return Some(self.bytes.len());
            };
            at += found;
            if self.bytes[at] != 0xE2 {
                return Some(at);
            }
            if self.is_separator(at) {
                return None;
            }
            at += 1;
        }
    }

    /// Where the block comment ends whose inside begins at `from`.
    fn block_comment_end(&self, from: usize, line_ended: &mut bool) -> Option<usize> {
        let mut at = from;
        let end = loop {
            at += memchr(b'/', &self.bytes[at..])?;
            if at > from && self.bytes[at - 1] == b'*' {
                break at + 1;
            }
            at += 1;
        };
        let inside = &self.bytes[from..end];
        *line_ended |= memchr2(b'\n', b'\r', inside).is_some();
        let mut at = 0;
        while let Some(found) = memchr(0xE2, &inside[at..]) {
            at += found;
            if self.is_separator(from + at) {
                return None;
            }
            at += 1;
        }
        Some(end)
    }

    /// Whether U+2028 or U+2029 begins at `at`.
    fn is_separator(&self, at: usize) -> bool {
        self.byte_at(at + 1) == 0x80 && matches!(self.byte_at(at + 2), 0xA8 | 0xA9)
    }

    #[cold]
    fn map_comment(&mut self, comment: Range<usize>) {
        if SourceMapReference::in_comment(&self.text[comment.clone()], 0).is_some() {
            self.map_comment = Some(comment);
        }
    }

    /// The word that comes next, [`Word::None`] if none does.
    #[inline]
    pub(super) fn word(&mut self) -> Word {
        if self.word_at == self.at {
            return self.word;
        }
        if is_start(self.byte()) {
            self.look_at_word()
        } else {
            Word::None
        }
    }

    /// The word that comes next, where one does. Where it goes on beyond ASCII, or with an escape, no token fits behind it:
    /// so that is left to the parser.
    #[inline]
    pub(super) fn look_at_word(&mut self) -> Word {
        let at = self.at;
        let (end, key) = end_and_key(self.bytes, at);
        self.word_at = at;
        self.word_key = key;
        self.word_end = end;
        self.word = match end - at {
            1 => Word::Name,
            2..=8 => Word::of_short(key),
            _ => Word::of_long(&self.bytes[at..end]),
        };
        self.word
    }

    /// Steps over the name that comes next, if one does. Of those that are names everywhere: no keyword, none that is reserved.
    #[inline]
    pub(super) fn eat_name(&mut self) -> bool {
        if !is_start(self.byte()) {
            return false;
        }
        // Where code is minified, half of all words have one letter, and no keyword has.
        let end = if !is_part(self.next()) {
            self.at + 1
        } else if self.word() == Word::Name {
            self.word_end
        } else {
            return false;
        };
        self.skip_from(end);
        true
    }

    /// The text of the word that [`word`](Self::word) found.
    #[inline]
    pub(super) fn word_text(&self) -> &'a str {
        &self.text[self.word_at..self.word_end]
    }

    /// Steps over the word that [`word`](Self::word) found.
    #[inline]
    pub(super) fn bump_word(&mut self) {
        self.skip_from(self.word_end);
    }

    /// Whether the word that comes next is this one, of at most eight bytes.
    #[inline]
    pub(super) fn is_word(&mut self, word: &[u8]) -> bool {
        self.word() != Word::None && self.word_is(word)
    }

    /// Whether the word that [`word`](Self::word) found is this one, of at most eight bytes.
    #[inline]
    pub(super) fn word_is(&self, word: &[u8]) -> bool {
        self.word_key == key(word) && self.word_end - self.word_at == word.len()
    }

    /// Steps over a name in a place where keywords are names as well.
    #[inline]
    pub(super) fn any_name(&mut self) -> Option<()> {
        if !is_start(self.byte()) {
            return None;
        }
        let end = end_of_word(self.bytes, self.at);
        self.skip_from(end);
        Some(())
    }

    /// The end of the string that begins here, and whether it has escapes.
    pub(super) fn string_end(&self) -> Option<(usize, bool)> {
        let quote = self.byte();
        let mut at = self.at + 1;
        let mut escapes = false;
        loop {
            while let Some(chunk) = eight_at(self.bytes, at) {
                let found = any_of(chunk, [quote, b'\\', b'\n', b'\r']);
                if found != 0 {
                    at += found.trailing_zeros() as usize / 8;
                    break;
                }
                at += 8;
            }
            match *self.bytes.get(at)? {
                byte if byte == quote => return Some((at + 1, escapes)),
                b'\\' => {
                    at = self.escape_end(at)?;
                    escapes = true;
                }
                b'\n' | b'\r' => return None,
                // Near the end of the text.
                _ => at += 1,
            }
        }
    }

    /// Steps over a string.
    pub(super) fn string(&mut self) -> Option<()> {
        (self.at, _) = self.string_end()?;
        self.skip();
        Some(())
    }

    /// The end of the escape that begins at `at`, if it is fine wherever it stands.
    fn escape_end(&self, at: usize) -> Option<usize> {
        let hex = |range: Range<usize>| {
            self.bytes
                .get(range)
                .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        };
        match self.byte_at(at + 1) {
            b'0' if !self.byte_at(at + 2).is_ascii_digit() => Some(at + 2),
            b'0'..=b'9' => None,
            b'x' => hex(at + 2..at + 4).then_some(at + 4),
            b'u' if self.byte_at(at + 2) == b'{' => {
                let length = self.bytes[at + 3..]
                    .iter()
                    .take(7)
                    .position(|&byte| byte == b'}')?;
                let digits = self.text.get(at + 3..at + 3 + length)?;
                let point = u32::from_str_radix(digits, 16).ok()?;
                (point <= 0x0010_FFFF && hex(at + 3..at + 3 + length)).then_some(at + 4 + length)
            }
            b'u' => hex(at + 2..at + 6).then_some(at + 6),
            b'\r' if self.byte_at(at + 2) == b'\n' => Some(at + 3),
            0 => None,
            // Of a longer character, the rest follows as itself.
            _ => Some(at + 2),
        }
    }

    /// Steps over a template, with its substitutions.
    pub(super) fn template(&mut self) -> Option<()> {
        let mut at = self.at + 1;
        loop {
            at += memchr3(b'`', b'$', b'\\', self.bytes.get(at..)?)?;
            match self.bytes[at] {
                b'`' => {
                    self.at = at + 1;
                    self.skip();
                    return Some(());
                }
                b'\\' => at = self.escape_end(at)?,
                _ if self.byte_at(at + 1) == b'{' => {
                    self.at = at + 2;
                    self.skip();
                    self.bracketed_expression()?;
                    // What follows the brace is the template's text.
                    if self.byte() != b'}' {
                        return None;
                    }
                    at = self.at + 1;
                }
                _ => at += 1,
            }
        }
    }

    /// The end of the template without substitutions and escapes that begins here.
    pub(super) fn plain_template_end(&self) -> Option<usize> {
        let found = memchr3(b'`', b'$', b'\\', &self.bytes[self.at + 1..])?;
        let end = self.at + 1 + found;
        (self.bytes[end] == b'`').then_some(end + 1)
    }

    /// Whether a substitution is the first in the template that begins here that is not plain text.
    pub(super) fn has_substitution_first(&self) -> bool {
        let found = memchr3(b'`', b'$', b'\\', &self.bytes[self.at + 1..]);
        found.is_some_and(|found| self.bytes[self.at + 1 + found..].starts_with(b"${"))
    }

    /// Steps over a number. Separators, and zeros in front, are left to the parser.
    pub(super) fn number(&mut self) -> Option<Flags> {
        let start = self.at;
        let digits = |quick: &mut Self| {
            while quick.byte().is_ascii_digit() {
                quick.at += 1;
            }
        };
        if self.byte() == b'0' && self.next().is_ascii_alphanumeric() {
            let is_digit: fn(u8) -> bool = match self.next() {
                b'x' | b'X' => |byte| byte.is_ascii_hexdigit(),
                b'o' | b'O' => |byte| matches!(byte, b'0'..=b'7'),
                b'b' | b'B' => |byte| matches!(byte, b'0' | b'1'),
                // Rare, or wrong.
                _ => return None,
            };
            self.at += 2;
            if !is_digit(self.byte()) {
                return None;
            }
            while is_digit(self.byte()) {
                self.at += 1;
            }
            if self.byte() == b'n' {
                self.at += 1;
            }
        } else {
            digits(self);
            let mut whole = true;
            if self.byte() == b'.' {
                whole = false;
                self.at += 1;
                digits(self);
            }
            if matches!(self.byte(), b'e' | b'E') {
                whole = false;
                self.at += 1 + usize::from(matches!(self.next(), b'+' | b'-'));
                if !self.byte().is_ascii_digit() {
                    return None;
                }
                digits(self);
            }
            if self.byte() == b'n' && whole {
                self.at += 1;
            }
        }
        debug_assert!(self.at > start);
        if is_part(self.byte()) || self.byte() >= 0x80 || self.byte() == b'\\' {
            return None;
        }
        self.skip();
        Some(VALUE)
    }

    /// Steps over a regular expression. What it holds, the parser does not ask either.
    pub(super) fn regular_expression(&mut self) -> Option<()> {
        let mut at = self.at + 1;
        let mut class = false;
        loop {
            match *self.bytes.get(at)? {
                b'\n' | b'\r' => return None,
                // In a pair with the backslash, so that it is looked at here.
                b'\\' if matches!(self.byte_at(at + 1), b'\n' | b'\r' | 0x80..) => return None,
                b'\\' => at += 1,
                b'[' => class = true,
                b']' => class = false,
                b'/' if !class => break,
                0xE2 if self.is_separator(at) => return None,
                _ => {}
            }
            at += 1;
        }
        self.at = at + 1;
        let mut seen = 0_u32;
        while is_part(self.byte()) {
            let flag = 1 << b"dgimsuvy".iter().position(|&flag| flag == self.byte())?;
            if seen & flag != 0 {
                return None;
            }
            seen |= flag;
            self.at += 1;
        }
        // `u` and `v` exclude each other.
        if seen & 0b0110_0000 == 0b0110_0000 || self.byte() >= 0x80 || self.byte() == b'\\' {
            return None;
        }
        self.skip();
        Some(())
    }
}
