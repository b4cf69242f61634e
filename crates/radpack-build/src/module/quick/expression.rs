//! Expressions: operators, and what is assigned.

use super::word::{Word, ends_expression};
use super::{
    ARROW, AWAIT, BINDING, COVER, DEFAULTED, Flags, IN, LITERAL, NAME, Quick, TARGET, UNARY, VALUE,
    YIELD,
};

/// Operators between two operands, as far as parsing differs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    None,
    Plain,
    /// `&&`, `||`
    Logical,
    /// `??`
    Coalescing,
    /// `**`
    Power,
    /// `=`
    Assignment,
    /// `+=` and such
    Compound,
}

impl Quick<'_> {
    /// Expressions with commas between them.
    pub(super) fn expression(&mut self) -> Option<Flags> {
        let flags = self.assignment()?;
        if self.byte() != b',' {
            return Some(flags);
        }
        while self.eat(b',') {
            self.assignment()?;
        }
        Some(VALUE)
    }

    /// An expression within brackets, up to the closing one.
    pub(super) fn bracketed_expression(&mut self) -> Option<Flags> {
        self.within(self.context | IN, Self::expression)
    }

    /// One expression without commas at its top.
    #[inline]
    pub(super) fn assignment(&mut self) -> Option<Flags> {
        self.assignment_or_pattern()
            .filter(|flags| flags & COVER == 0)
    }

    /// One expression without commas at its top, or what will turn out to be a pattern.
    #[inline]
    pub(super) fn assignment_or_pattern(&mut self) -> Option<Flags> {
        // Most are a name and nothing else.
        if self.eat_name() {
            if ends_expression(self.byte()) {
                return Some(TARGET | BINDING | NAME);
            }
            self.enter()?;
            let flags = self.named(true)?;
            let flags = self.assignment_rest(flags);
            self.leave();
            return flags;
        }
        self.enter()?;
        let flags = if self.word() == Word::Yield {
            self.yield_expression()?;
            Some(VALUE)
        } else {
            let flags = self.unary(true)?;
            self.assignment_rest(flags)
        };
        self.leave();
        flags
    }

    /// What follows the first operand.
    fn assignment_rest(&mut self, mut flags: Flags) -> Option<Flags> {
        if flags & ARROW != 0 {
            return Some(VALUE);
        }
        if ends_expression(self.byte()) {
            return Some(flags);
        }
        let (mut operator, mut length) = self.operator();
        match operator {
            Operator::None => {}
            Operator::Assignment => {
                if flags & (TARGET | LITERAL) == 0 {
                    return None;
                }
                self.bump(length);
                self.assignment()?;
                return Some(flags & !(NAME | COVER) | DEFAULTED);
            }
            Operator::Compound => {
                if flags & TARGET == 0 {
                    return None;
                }
                self.bump(length);
                self.assignment()?;
                return Some(VALUE);
            }
            _ => {
                let (mut logical, mut coalescing) = (false, false);
                while operator != Operator::None {
                    match operator {
                        Operator::Assignment | Operator::Compound => return None,
                        Operator::Power if flags & UNARY != 0 => return None,
                        Operator::Logical => logical = true,
                        Operator::Coalescing => coalescing = true,
                        _ => {}
                    }
                    if flags & COVER != 0 {
                        return None;
                    }
                    self.bump(length);
                    flags = self.unary(false)?;
                    (operator, length) = self.operator();
                }
                if (logical && coalescing) || flags & COVER != 0 {
                    return None;
                }
                flags = VALUE;
            }
        }
        if self.byte() == b'?' {
            if flags & COVER != 0 {
                return None;
            }
            self.bump(1);
            self.within(self.context | IN, Self::assignment)?;
            self.expect(b':')?;
            self.assignment()?;
            flags = VALUE;
        }
        Some(flags)
    }

    /// The operator that comes next, and its length.
    #[inline]
    fn operator(&mut self) -> (Operator, usize) {
        use Operator::{Assignment, Coalescing, Compound, Logical, None, Plain, Power};
        let next = self.next();
        let third = || self.byte_at(self.at + 2);
        let assigns = |at: usize| self.byte_at(self.at + at) == b'=';
        let or_compound = |operator, length| {
            if assigns(length) {
                (Compound, length + 1)
            } else {
                (operator, length)
            }
        };
        match self.byte() {
            b')' | b',' | b';' | b'}' | b']' | b':' => (None, 0),
            b'=' if next == b'=' => (Plain, if third() == b'=' { 3 } else { 2 }),
            // An arrow where none may be.
            b'=' if next == b'>' => (None, 0),
            b'=' => (Assignment, 1),
            b'!' if next == b'=' => (Plain, if third() == b'=' { 3 } else { 2 }),
            // After a line end they belong to what follows; else they are an error here.
            b'+' | b'-' if next == self.byte() => (None, 0),
            b'+' | b'-' | b'/' | b'%' | b'^' => or_compound(Plain, 1),
            b'*' if next == b'*' => or_compound(Power, 2),
            b'*' => or_compound(Plain, 1),
            b'&' if next == b'&' => or_compound(Logical, 2),
            b'|' if next == b'|' => or_compound(Logical, 2),
            b'&' | b'|' => or_compound(Plain, 1),
            b'?' if next == b'?' => or_compound(Coalescing, 2),
            b'<' if next == b'!' => (None, 0),
            b'<' if next == b'<' => or_compound(Plain, 2),
            b'<' => (Plain, if next == b'=' { 2 } else { 1 }),
            b'>' if next == b'>' => or_compound(Plain, if third() == b'>' { 3 } else { 2 }),
            b'>' => (Plain, if next == b'=' { 2 } else { 1 }),
            b'i' => match self.word() {
                Word::In if self.context & IN != 0 => (Plain, 2),
                Word::Instanceof => (Plain, 10),
                _ => (None, 0),
            },
            _ => (None, 0),
        }
    }

    fn yield_expression(&mut self) -> Option<()> {
        if self.context & YIELD == 0 {
            return None;
        }
        self.suspensions += 1;
        self.bump_word();
        if self.line_ended || matches!(self.byte(), b')' | b']' | b'}' | b',' | b';' | b':' | 0) {
            return Some(());
        }
        if matches!(self.word(), Word::In) {
            return None;
        }
        self.eat(b'*');
        self.assignment()?;
        Some(())
    }

    /// An operand with its prefixes and suffixes. `first`: it begins an expression, so it may be an arrow function.
    fn unary(&mut self, first: bool) -> Option<Flags> {
        if self.eat_name() {
            return self.named(first);
        }
        let byte = self.byte();
        let prefix = match byte {
            b'!' | b'~' => 1,
            b'+' | b'-' if self.next() == byte => {
                self.bump(2);
                self.enter()?;
                let flags = self.unary(false)?;
                self.leave();
                return (flags & TARGET != 0).then_some(VALUE);
            }
            b'+' | b'-' => 1,
            b'a' | b'd' | b't' | b'v' => match self.word() {
                Word::Typeof | Word::Void | Word::Delete => self.word_end - self.at,
                Word::Await => {
                    if self.context & AWAIT == 0 {
                        return None;
                    }
                    self.suspensions += 1;
                    5
                }
                _ => 0,
            },
            _ => 0,
        };
        if prefix > 0 {
            self.bump(prefix);
            self.enter()?;
            let flags = self.unary(false)?;
            self.leave();
            return (flags & COVER == 0).then_some(UNARY);
        }
        let flags = self.left_hand_side(first)?;
        self.suffix(flags)
    }

    /// `++` and `--` behind an operand.
    #[inline]
    fn suffix(&mut self, flags: Flags) -> Option<Flags> {
        if !self.line_ended && matches!(self.byte(), b'+' | b'-') && self.next() == self.byte() {
            self.bump(2);
            return (flags & TARGET != 0).then_some(VALUE);
        }
        Some(flags)
    }

    /// An operand that begins with a name, which has been read.
    #[inline]
    fn named(&mut self, first: bool) -> Option<Flags> {
        if self.byte() == b'=' && self.next() == b'>' {
            return self.arrow(first, false);
        }
        let flags = self.members(TARGET | BINDING | NAME, true)?;
        self.suffix(flags)
    }
}
