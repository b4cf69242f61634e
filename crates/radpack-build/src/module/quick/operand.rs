//! What stands between operators: literals, names, members and calls.

use super::word::Word;
use super::{ARROW, BINDING, COVER, DEFAULTED, Flags, IN, LITERAL, NAME, Quick, TARGET, VALUE};

impl Quick<'_> {
    /// An operand with its members and calls.
    pub(super) fn left_hand_side(&mut self, first: bool) -> Option<Flags> {
        let flags = self.primary(first)?;
        if flags & ARROW != 0 {
            return Some(flags);
        }
        self.members(flags, true)
    }

    /// Members and calls of what was just read. `calls`: not in the operand of a `new`.
    #[inline]
    pub(super) fn members(&mut self, flags: Flags, calls: bool) -> Option<Flags> {
        match self.byte() {
            b'.' | b'(' | b'[' | b'`' | b'?' => self.some_members(flags, calls),
            _ => Some(flags),
        }
    }

    fn some_members(&mut self, mut flags: Flags, calls: bool) -> Option<Flags> {
        if flags & COVER != 0 && self.byte() != b'?' {
            return None;
        }
        loop {
            match self.byte() {
                b'.' => {
                    self.bump(1);
                    self.member_name()?;
                    flags = TARGET;
                }
                b'(' if calls => {
                    self.arguments()?;
                    flags = VALUE;
                }
                b'[' => {
                    self.computed_member()?;
                    flags = TARGET;
                }
                b'`' => {
                    self.template()?;
                    flags = VALUE;
                }
                b'?' if self.next() == b'.' && !self.byte_at(self.at + 2).is_ascii_digit() => {
                    return if calls && flags & COVER == 0 {
                        self.optional_members()
                    } else {
                        None
                    };
                }
                _ => return Some(flags),
            }
        }
    }

    /// From the first `?.` on: nothing of it can be assigned to, and no template may follow.
    fn optional_members(&mut self) -> Option<Flags> {
        loop {
            match self.byte() {
                b'.' => {
                    self.bump(1);
                    self.member_name()?;
                }
                b'(' => self.arguments()?,
                b'[' => self.computed_member()?,
                b'`' => return None,
                b'?' if self.next() == b'.' && !self.byte_at(self.at + 2).is_ascii_digit() => {
                    self.bump(2);
                    match self.byte() {
                        b'(' => self.arguments()?,
                        b'[' => self.computed_member()?,
                        _ => self.any_name()?,
                    }
                }
                _ => return Some(VALUE),
            }
        }
    }

    #[inline]
    fn member_name(&mut self) -> Option<()> {
        if self.byte() == b'#' {
            self.at += 1;
        }
        self.any_name()
    }

    fn computed_member(&mut self) -> Option<()> {
        self.bump(1);
        self.bracketed_expression()?;
        self.expect(b']')
    }

    /// `(a, ...b)`
    pub(super) fn arguments(&mut self) -> Option<()> {
        self.bump(1);
        self.within(self.context | IN, |quick| {
            while quick.byte() != b')' {
                quick.eat_dots();
                quick.assignment()?;
                if quick.byte() != b')' {
                    quick.expect(b',')?;
                }
            }
            quick.bump(1);
            Some(())
        })
    }

    pub(super) fn primary(&mut self, first: bool) -> Option<Flags> {
        match self.byte() {
            b'(' => self.parenthesized(first),
            b'[' => self.array(),
            b'{' => self.object(),
            b'"' | b'\'' => {
                self.string()?;
                Some(VALUE)
            }
            b'`' => {
                self.template()?;
                Some(VALUE)
            }
            b'0'..=b'9' => self.number(),
            b'.' if self.next().is_ascii_digit() => self.number(),
            b'/' => {
                self.regular_expression()?;
                Some(VALUE)
            }
            _ => self.primary_word(first),
        }
    }

    fn primary_word(&mut self, first: bool) -> Option<Flags> {
        let word = self.word();
        match word {
            Word::Name | Word::Using => {
                self.bump_word();
                if self.byte() == b'=' && self.next() == b'>' {
                    return self.arrow(first, false);
                }
                Some(TARGET | BINDING | NAME)
            }
            // Assigning to them is an error, so they are no targets.
            Word::Restricted | Word::This | Word::Null | Word::True | Word::False => {
                self.bump_word();
                Some(VALUE)
            }
            Word::Function => {
                self.bump_word();
                self.function_rest(false, false)?;
                Some(VALUE)
            }
            Word::Class => {
                self.class(false)?;
                Some(VALUE)
            }
            Word::New => {
                self.new_expression()?;
                Some(VALUE)
            }
            Word::Async => self.async_expression(first),
            Word::Super => {
                self.bump_word();
                match self.byte() {
                    // A private name is an error.
                    b'.' if self.next() == b'#' => None,
                    b'(' | b'[' | b'.' => Some(VALUE),
                    _ => None,
                }
            }
            Word::Import => self.import_expression(),
            _ => None,
        }
    }

    /// `[a, , ...b]`
    fn array(&mut self) -> Option<Flags> {
        self.bump(1);
        let context = self.context | IN;
        self.within(context, |quick| {
            let mut flags = LITERAL | BINDING;
            let mut cover = VALUE;
            loop {
                match quick.byte() {
                    b']' => break,
                    b',' => {
                        quick.bump(1);
                        continue;
                    }
                    b'.' if quick.eat_dots() => {
                        let rest = quick.assignment_or_pattern()?;
                        // In a pattern it is the last, without default.
                        flags &= if rest & DEFAULTED != 0 || quick.byte() == b',' {
                            VALUE
                        } else {
                            as_element(rest)
                        };
                        cover |= rest & COVER;
                    }
                    _ => {
                        let element = quick.assignment_or_pattern()?;
                        flags &= as_element(element);
                        cover |= element & COVER;
                    }
                }
                if quick.byte() != b']' {
                    quick.expect(b',')?;
                }
            }
            quick.bump(1);
            Some(flags | cover)
        })
    }
}

/// What a literal with this element could be: `LITERAL`, `BINDING`.
pub(super) fn as_element(flags: Flags) -> Flags {
    let target = if flags & (TARGET | LITERAL) != 0 {
        LITERAL
    } else {
        VALUE
    };
    target | (flags & BINDING)
}
