//! Objects, functions, and the patterns that bind names.

use super::operand::as_element;
use super::word::Word;
use super::{
    AWAIT, BINDING, COVER, Context, DEFAULTED, FUNCTION, Flags, IN, LITERAL, NAME, Quick, TARGET,
    VALUE, YIELD,
};

/// What kind of method it is.
#[derive(Clone, Copy, Default)]
pub(super) struct Kind {
    pub(super) is_async: bool,
    pub(super) generates: bool,
    pub(super) getter: bool,
    pub(super) setter: bool,
}

impl Quick<'_> {
    /// `{ a: b, c, d() {} }`
    pub(super) fn object(&mut self) -> Option<Flags> {
        self.bump(1);
        let context = self.context | IN;
        self.within(context, |quick| {
            let mut flags = LITERAL | BINDING;
            let mut cover = VALUE;
            while quick.byte() != b'}' {
                let property = quick.property()?;
                flags &= property;
                cover |= property & COVER;
                if quick.byte() != b'}' {
                    quick.expect(b',')?;
                }
            }
            quick.bump(1);
            Some(flags | cover)
        })
    }

    /// One property: what an object with it could be.
    fn property(&mut self) -> Option<Flags> {
        if self.eat_dots() {
            let rest = self.assignment()?;
            if rest & DEFAULTED != 0 || self.byte() == b',' {
                return Some(VALUE);
            }
            let target = if rest & TARGET != 0 { LITERAL } else { VALUE };
            let binding = if rest & NAME != 0 { BINDING } else { VALUE };
            return Some(target | (binding & rest));
        }
        let mut kind = Kind::default();
        let word = self.word();
        if word == Word::None {
            kind.generates = self.eat(b'*');
            self.key()?;
        } else {
            let (get, set) = (self.word_is(b"get"), self.word_is(b"set"));
            self.bump_word();
            let alone = matches!(self.byte(), b',' | b':' | b'(' | b'}' | b'=');
            if alone {
                match self.byte() {
                    b':' | b'(' => {}
                    _ => return self.shorthand(word),
                }
            } else {
                (kind.getter, kind.setter) = (get, set);
                kind.is_async = word == Word::Async && !self.line_ended;
                if !(get || set || kind.is_async) {
                    return None;
                }
                kind.generates = kind.is_async && self.eat(b'*');
                self.key()?;
                self.method(kind)?;
                return Some(VALUE);
            }
        }
        if self.byte() == b'(' {
            self.method(kind)?;
            return Some(VALUE);
        }
        if kind.generates {
            return None;
        }
        self.expect(b':')?;
        let value = self.assignment_or_pattern()?;
        Some(as_element(value) | (value & COVER))
    }

    /// `{ a }`, or `{ a = 1 }` as patterns have it; the name has been read.
    fn shorthand(&mut self, word: Word) -> Option<Flags> {
        let flags = match word {
            Word::Restricted => VALUE,
            word if word.is_binding() => LITERAL | BINDING,
            _ => return None,
        };
        if self.eat(b'=') {
            self.assignment()?;
            return Some(flags | COVER);
        }
        Some(flags)
    }

    /// A property's key, but for private names.
    pub(super) fn key(&mut self) -> Option<()> {
        match self.byte() {
            b'"' | b'\'' => self.string(),
            b'0'..=b'9' => self.number().map(|_| ()),
            b'.' if self.next().is_ascii_digit() => self.number().map(|_| ()),
            b'[' => {
                self.bump(1);
                let context = self.context | IN;
                self.within(context, Self::assignment)?;
                self.expect(b']')
            }
            _ => self.any_name(),
        }
    }

    /// A method's parameters and body.
    pub(super) fn method(&mut self, kind: Kind) -> Option<()> {
        if self.byte() != b'(' {
            return None;
        }
        if kind.getter {
            self.bump(1);
            self.expect(b')')?;
        } else if kind.setter {
            self.bump(1);
            self.within(FUNCTION, Self::binding)?;
            self.expect(b')')?;
        } else {
            self.parameters()?;
        }
        self.body(kind)
    }

    fn body(&mut self, kind: Kind) -> Option<()> {
        let mut context: Context = FUNCTION;
        if kind.is_async {
            context |= AWAIT;
        }
        if kind.generates {
            context |= YIELD;
        }
        self.within(context, Self::function_body)
    }

    /// What follows `function`. `declares`: it is a statement, so it has a name.
    pub(super) fn function_rest(&mut self, is_async: bool, declares: bool) -> Option<()> {
        let generates = self.eat(b'*');
        match self.word() {
            Word::None if !declares => {}
            word if word.is_binding() => self.bound_word(),
            _ => return None,
        }
        if self.byte() != b'(' {
            return None;
        }
        self.parameters()?;
        self.body(Kind {
            is_async,
            generates,
            ..Kind::default()
        })
    }

    /// `(a, b = 1, ...c)`
    fn parameters(&mut self) -> Option<()> {
        let exporting = std::mem::replace(&mut self.exporting, false);
        self.bump(1);
        // In parameters nothing awaits or yields, whatever the function.
        self.within(FUNCTION, |quick| {
            while quick.byte() != b')' {
                if quick.eat_dots() {
                    quick.binding()?;
                    if quick.byte() != b')' {
                        return None;
                    }
                    break;
                }
                quick.binding_element()?;
                if quick.byte() != b')' {
                    quick.expect(b',')?;
                }
            }
            Some(())
        })?;
        self.bump(1);
        self.exporting = exporting;
        Some(())
    }

    /// A function's statements in their braces.
    pub(super) fn function_body(&mut self) -> Option<()> {
        let exporting = std::mem::replace(&mut self.exporting, false);
        if self.byte() != b'{' {
            return None;
        }
        self.block()?;
        self.exporting = exporting;
        Some(())
    }

    /// Binds the name that [`word`](Self::word) found, and steps over it.
    pub(super) fn bound_word(&mut self) {
        if self.exporting {
            self.names.push(self.word_text());
        }
        self.bump_word();
    }

    /// A pattern and its default.
    fn binding_element(&mut self) -> Option<()> {
        self.binding()?;
        if self.byte() == b'=' {
            self.bump(1);
            let exporting = std::mem::replace(&mut self.exporting, false);
            self.within(self.context | IN, Self::assignment)?;
            self.exporting = exporting;
        }
        Some(())
    }

    /// A name, or a pattern of names.
    pub(super) fn binding(&mut self) -> Option<()> {
        match self.byte() {
            b'[' => {
                self.enter()?;
                self.bump(1);
                while self.byte() != b']' {
                    if self.eat(b',') {
                        continue;
                    }
                    if self.eat_dots() {
                        self.binding()?;
                        if self.byte() != b']' {
                            return None;
                        }
                        break;
                    }
                    self.binding_element()?;
                    if self.byte() != b']' {
                        self.expect(b',')?;
                    }
                }
                self.bump(1);
                self.leave();
                Some(())
            }
            b'{' => {
                self.enter()?;
                self.bump(1);
                while self.byte() != b'}' {
                    if self.eat_dots() {
                        if !self.word().is_binding() {
                            return None;
                        }
                        self.bound_word();
                        if self.byte() != b'}' {
                            return None;
                        }
                        break;
                    }
                    self.bound_property()?;
                    if self.byte() != b'}' {
                        self.expect(b',')?;
                    }
                }
                self.bump(1);
                self.leave();
                Some(())
            }
            _ => {
                if !self.word().is_binding() {
                    return None;
                }
                self.bound_word();
                Some(())
            }
        }
    }

    /// `a: b`, `a`, `a = 1` in a pattern.
    fn bound_property(&mut self) -> Option<()> {
        let word = self.word();
        if word == Word::None {
            let exporting = std::mem::replace(&mut self.exporting, false);
            self.key()?;
            self.exporting = exporting;
            self.expect(b':')?;
            return self.binding_element();
        }
        let name = self.exporting.then(|| self.word_text());
        self.bump_word();
        if self.eat(b':') {
            return self.binding_element();
        }
        if !word.is_binding() {
            return None;
        }
        if let Some(name) = name {
            self.names.push(name);
        }
        if self.byte() == b'=' {
            self.bump(1);
            let exporting = std::mem::replace(&mut self.exporting, false);
            self.within(self.context | IN, Self::assignment)?;
            self.exporting = exporting;
        }
        Some(())
    }
}
