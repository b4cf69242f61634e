//! A byte cursor over a version or a spec: numbers, identifiers, white space.
//!
//! It only ever stops between ASCII characters, so the slices it cuts are on character boundaries.

use crate::error::{Detail, Fault, Part};
use crate::version::MAX_COMPONENT;

/// Reads `text` from `at` on.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    pub(crate) text: &'a str,
    pub(crate) at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Cursor { text, at: 0 }
    }

    #[inline]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    pub(crate) fn is_at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    /// Steps over `byte` if it is next.
    #[inline]
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Steps over white space; whether there was any.
    #[inline]
    pub(crate) fn eat_space(&mut self) -> bool {
        let start = self.at;
        loop {
            match space_length(self.text.as_bytes(), self.at) {
                0 => return self.at > start,
                length => self.at += length,
            }
        }
    }

    /// The character at the cursor, or nothing at the end.
    pub(crate) fn character(&self) -> Option<char> {
        self.text
            .get(self.at..)
            .and_then(|rest| rest.chars().next())
    }

    pub(crate) fn fault(&self, detail: Detail) -> Fault {
        Fault {
            detail,
            offset: self.at,
        }
    }

    /// The fault of standing before something that `part` cannot have.
    pub(crate) fn unexpected(&self, part: Part) -> Fault {
        self.fault(match self.character() {
            Some(character) => Detail::Within(part, character),
            None => Detail::End(part),
        })
    }

    /// Reads `0` or a number that does not start with `0`, up to [`MAX_COMPONENT`].
    #[inline]
    pub(crate) fn number(&mut self, part: Part) -> Result<u64, Fault> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut at = start;
        let mut value = 0u64;
        while let Some(&byte) = bytes.get(at) {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            // At most ten times MAX_COMPONENT and nine: far from overflow.
            value = value * 10 + u64::from(digit);
            if value > MAX_COMPONENT {
                return Err(self.fault(Detail::TooLarge(part)));
            }
            at += 1;
        }
        if at == start {
            return Err(self.unexpected(part));
        }
        if at - start > 1 && bytes[start] == b'0' {
            return Err(self.fault(Detail::LeadingZero(part)));
        }
        self.at = at;
        Ok(value)
    }

    /// Reads `.` between two numbers: `before` and `after` name them.
    #[inline]
    pub(crate) fn dot(&mut self, before: Part) -> Result<(), Fault> {
        if self.eat(b'.') {
            return Ok(());
        }
        Err(self.after(before))
    }

    /// The fault of standing before something that cannot follow `part`.
    pub(crate) fn after(&self, part: Part) -> Fault {
        self.fault(match self.character() {
            Some(character) => Detail::After(part, character),
            None => Detail::End(match part {
                Part::Major => Part::Minor,
                Part::Minor => Part::Patch,
                other => other,
            }),
        })
    }

    /// Reads dot-separated identifiers, the `-` or `+` before them already read.
    pub(crate) fn identifiers(&mut self, part: Part) -> Result<&'a str, Fault> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut at = start;
        loop {
            let segment = at;
            let mut numeric = true;
            while let Some(&byte) = bytes.get(at) {
                match byte {
                    b'0'..=b'9' => {}
                    b'a'..=b'z' | b'A'..=b'Z' | b'-' => numeric = false,
                    _ => break,
                }
                at += 1;
            }
            if at == segment {
                self.at = at;
                return Err(match bytes.get(at) {
                    None | Some(b'.' | b'+') => self.fault(Detail::EmptySegment(part)),
                    Some(_) => self.unexpected(part),
                });
            }
            if part == Part::Prerelease && numeric && at - segment > 1 && bytes[segment] == b'0' {
                self.at = segment;
                return Err(self.fault(Detail::LeadingZero(part)));
            }
            if bytes.get(at) != Some(&b'.') {
                break;
            }
            at += 1;
        }
        self.at = at;
        Ok(&self.text[start..at])
    }
}

/// The length in bytes of the white space character at `at`; 0 where there is none.
///
/// White space is what JavaScript's `\s` takes for it, as npm does: a no-break space pasted into a `package.json` is some.
#[inline]
pub(crate) fn space_length(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at..).unwrap_or_default() {
        [b'!'..=b'~', ..] => 0,
        [b' ' | b'\t'..=b'\r', ..] => 1,
        [0xC2, 0xA0, ..] => 2,
        [0xE1, 0x9A, 0x80, ..]
        | [0xE2, 0x80, 0x80..=0x8A | 0xA8 | 0xA9 | 0xAF, ..]
        | [0xE2, 0x81, 0x9F, ..]
        | [0xE3, 0x80, 0x80, ..]
        | [0xEF, 0xBB, 0xBF, ..] => 3,
        _ => 0,
    }
}

/// Where `text` begins and ends without the white space around it.
pub(crate) fn trimmed(text: &str) -> (usize, usize) {
    let bytes = text.as_bytes();
    if let ([b'!'..=b'~', ..], [.., b'!'..=b'~']) = (bytes, bytes) {
        return (0, bytes.len());
    }
    let mut start = 0;
    loop {
        match space_length(bytes, start) {
            0 => break,
            length => start += length,
        }
    }
    let mut end = text.len();
    while end > start {
        let Some(length) = (1..=3)
            .find(|&length| end - start >= length && space_length(bytes, end - length) == length)
        else {
            break;
        };
        end -= length;
    }
    (start, end)
}
