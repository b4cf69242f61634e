//! Arrow functions, and what looks like their parameters until no arrow follows.

use super::word::Word;
use super::{
    ARROW, AWAIT, BINDING, COVER, DEFAULTED, Flags, IN, NAME, Quick, RETURN, TARGET, VALUE, YIELD,
};

impl Quick<'_> {
    /// What follows parameters: `=> …`. `async`: awaiting is fine inside.
    pub(super) fn arrow(&mut self, allowed: bool, is_async: bool) -> Option<Flags> {
        if !allowed || self.line_ended {
            return None;
        }
        self.bump(2);
        let mut context = self.context & !(AWAIT | YIELD);
        if is_async {
            context |= AWAIT;
        }
        if self.byte() == b'{' {
            // In the head of a `for`, the parser takes no `in` here.
            if context & IN == 0 {
                return None;
            }
            self.within(context | RETURN, Self::function_body)?;
        } else {
            self.within(context, Self::assignment)?;
        }
        Some(ARROW)
    }

    /// `(a, b)`, or the parameters of an arrow function.
    pub(super) fn parenthesized(&mut self, first: bool) -> Option<Flags> {
        let suspensions = self.suspensions;
        self.bump(1);
        let context = self.context | IN;
        let (flags, count, expression) =
            self.within(context, |quick| quick.parameters_or_expressions())?;
        if self.byte() == b'=' && self.next() == b'>' {
            if flags & BINDING == 0 || self.suspensions != suspensions {
                return None;
            }
            return self.arrow(first, false);
        }
        if !expression || flags & COVER != 0 {
            return None;
        }
        let target = count == 1 && flags & DEFAULTED == 0;
        Some(if target { flags & TARGET } else { VALUE })
    }

    /// Up to and with the closing parenthesis: what all of it could be, how many there are, and whether they could be
    /// expressions.
    fn parameters_or_expressions(&mut self) -> Option<(Flags, u32, bool)> {
        let mut all = BINDING | TARGET;
        let mut any = VALUE;
        let mut count = 0;
        let mut expression = true;
        loop {
            if self.byte() == b')' {
                // Nothing at all, or a comma in front: parameters.
                expression = false;
                break;
            }
            if self.eat_dots() {
                self.binding()?;
                expression = false;
                if self.byte() != b')' {
                    return None;
                }
                break;
            }
            let flags = self.assignment_or_pattern()?;
            all &= flags;
            any |= flags & (DEFAULTED | COVER);
            count += 1;
            if !self.eat(b',') {
                break;
            }
        }
        self.expect(b')')?;
        Some((all | any, count, expression))
    }

    /// `async` as a name, before a function, or before the parameters of an arrow function.
    pub(super) fn async_expression(&mut self, first: bool) -> Option<Flags> {
        self.bump_word();
        if self.byte() == b'=' && self.next() == b'>' {
            return self.arrow(first, false);
        }
        if self.line_ended {
            return Some(TARGET | BINDING | NAME);
        }
        match self.word() {
            Word::None => {}
            Word::Function => {
                self.bump_word();
                self.function_rest(true, false)?;
                return Some(VALUE);
            }
            Word::In | Word::Instanceof => return Some(TARGET | BINDING | NAME),
            word => {
                if !word.is_binding() {
                    return None;
                }
                self.bump_word();
                if self.byte() != b'=' || self.next() != b'>' {
                    return None;
                }
                return self.arrow(first, true);
            }
        }
        if self.byte() != b'(' || !first {
            return Some(TARGET | BINDING | NAME);
        }
        let suspensions = self.suspensions;
        self.bump(1);
        let context = self.context | IN;
        let (flags, _, expression) =
            self.within(context, |quick| quick.parameters_or_expressions())?;
        if self.byte() == b'=' && self.next() == b'>' {
            if flags & BINDING == 0 || self.suspensions != suspensions {
                return None;
            }
            return self.arrow(first, true);
        }
        // A call of something named `async`; its spread arguments are left to the parser.
        (expression && flags & COVER == 0).then_some(VALUE)
    }
}
