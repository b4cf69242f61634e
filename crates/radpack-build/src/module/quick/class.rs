//! Classes.

use super::function::Kind;
use super::word::Word;
use super::{COVER, IN, NEW_TARGET, Quick};

/// What a member's key says that matters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Plain,
    Constructor,
    Prototype,
    /// A word that may be a modifier elsewhere.
    Modifier,
}

impl Quick<'_> {
    /// `class A extends B { … }`. `declares`: it is a statement, so it has a name.
    pub(super) fn class(&mut self, declares: bool) -> Option<()> {
        self.enter()?;
        self.bump_word();
        match self.word() {
            Word::None | Word::Extends if !declares => {}
            word if word.is_binding() => self.bound_word(),
            _ => return None,
        }
        let exporting = std::mem::replace(&mut self.exporting, false);
        if self.word() == Word::Extends {
            self.bump_word();
            if self.left_hand_side(false)? & COVER != 0 {
                return None;
            }
        }
        self.expect(b'{')?;
        loop {
            match self.byte() {
                b'}' => break,
                b';' => self.bump(1),
                _ => self.member()?,
            }
        }
        self.bump(1);
        self.exporting = exporting;
        self.leave();
        Some(())
    }

    fn member(&mut self) -> Option<()> {
        let mut is_static = false;
        if self.word() == Word::Reserved && self.word_is(b"static") {
            self.bump_word();
            if self.byte() == b'{' {
                return self.within(NEW_TARGET | IN, Self::block);
            }
            if self.is_key_alone() {
                return self.member_rest(Kind::default(), Key::Plain, false);
            }
            is_static = true;
        }
        let mut kind = Kind::default();
        match self.word() {
            Word::Async => {
                self.bump_word();
                if self.is_key_alone() {
                    return self.member_rest(kind, Key::Plain, is_static);
                }
                if self.line_ended {
                    return None;
                }
                kind.is_async = true;
            }
            Word::Name if self.word_is(b"get") || self.word_is(b"set") => {
                let getter = self.word_is(b"get");
                self.bump_word();
                if self.is_key_alone() {
                    return self.member_rest(kind, Key::Plain, is_static);
                }
                if self.line_ended {
                    return None;
                }
                (kind.getter, kind.setter) = (getter, !getter);
            }
            _ => {}
        }
        kind.generates = !(kind.getter || kind.setter) && self.eat(b'*');
        let key = self.member_key()?;
        self.member_rest(kind, key, is_static)
    }

    /// Whether what was just read is a key, not a modifier of one.
    fn is_key_alone(&self) -> bool {
        matches!(self.byte(), b'(' | b'=' | b';' | b'}')
    }

    fn member_key(&mut self) -> Option<Key> {
        let named = |name: &str| match name {
            "constructor" => Key::Constructor,
            "prototype" => Key::Prototype,
            "accessor" | "declare" | "readonly" | "abstract" | "override" | "public"
            | "private" | "protected" | "static" | "const" | "export" | "default" | "in"
            | "out" | "async" => Key::Modifier,
            _ => Key::Plain,
        };
        match self.byte() {
            b'#' => {
                self.at += 1;
                if self.word() == Word::None || self.word_text() == "constructor" {
                    return None;
                }
                self.bump_word();
                Some(Key::Plain)
            }
            b'"' | b'\'' => {
                let (end, escapes) = self.string_end()?;
                let key = named(&self.text[self.at + 1..end - 1]);
                self.at = end;
                self.skip();
                (!escapes).then_some(if key == Key::Modifier {
                    Key::Plain
                } else {
                    key
                })
            }
            _ if self.word() != Word::None => {
                let key = named(self.word_text());
                self.bump_word();
                Some(key)
            }
            _ => {
                self.key()?;
                Some(Key::Plain)
            }
        }
    }

    /// What follows a key: a method, or a field.
    fn member_rest(&mut self, kind: Kind, key: Key, is_static: bool) -> Option<()> {
        let special = kind.is_async || kind.generates || kind.getter || kind.setter;
        match key {
            Key::Constructor if special && !is_static => return None,
            Key::Prototype if is_static => return None,
            _ => {}
        }
        if self.byte() == b'(' {
            return self.method(kind);
        }
        if special || matches!(key, Key::Constructor | Key::Modifier) {
            return None;
        }
        if self.byte() == b'=' {
            self.bump(1);
            // `arguments`, and `await` at the top, mean nothing here; nor does a `return`.
            self.within(NEW_TARGET | IN, Self::assignment)?;
        }
        self.semicolon()
    }
}
