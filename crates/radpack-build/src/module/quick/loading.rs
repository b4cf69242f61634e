//! Expressions that name other files: `import(…)`, and `new URL(…, import.meta.url)` among all that is made with `new`.

use super::word::Word;
use super::{ARROW, COVER, Flags, IN, ImportKind, NEW_TARGET, Quick, VALUE};

impl Quick<'_> {
    /// `new a.b(c)`
    pub(super) fn new_expression(&mut self) -> Option<()> {
        self.bump_word();
        if self.eat(b'.') {
            let known = self.context & NEW_TARGET != 0 && self.is_word(b"target");
            self.bump_word();
            return known.then_some(());
        }
        let mut url = false;
        match self.word() {
            Word::New => {
                self.enter()?;
                self.new_expression()?;
                self.leave();
            }
            Word::Import | Word::Super => return None,
            Word::Name => {
                url = self.word_is(b"URL");
                self.bump_word();
                url &= self.byte() == b'(';
            }
            _ => {
                if self.primary(false)? & (ARROW | COVER) != 0 {
                    return None;
                }
            }
        }
        self.members(VALUE, false)?;
        if self.byte() == b'(' {
            if url {
                self.url_argument()?;
            }
            self.arguments()?;
        }
        Some(())
    }

    /// Looks whether the arguments that begin here are `("…", import.meta.url)`.
    fn url_argument(&mut self) -> Option<()> {
        let start = (self.at, self.line_ended);
        self.bump(1);
        let literal = self.at;
        let found = self.plain_literal()?.and_then(|end| {
            self.expect(b',')?;
            for word in [b"import".as_slice(), b".", b"meta", b".", b"url"] {
                if word == b"." {
                    self.expect(b'.')?;
                } else {
                    self.is_word(word).then_some(())?;
                    self.bump_word();
                }
            }
            self.eat(b',');
            (self.byte() == b')').then_some(literal..end)
        });
        if let Some(literal) = found {
            self.imports.push((ImportKind::Url, literal));
        }
        (self.at, self.line_ended) = start;
        Some(())
    }

    /// Steps over a string or template, if one comes next that means what it says; its end.
    fn plain_literal(&mut self) -> Option<Option<usize>> {
        let end = match self.byte() {
            b'"' | b'\'' => {
                let (end, escapes) = self.string_end()?;
                if escapes {
                    return None;
                }
                end
            }
            b'`' => match self.plain_template_end() {
                // In a template, line ends and braces are left to the parser.
                Some(end)
                    if !self.bytes[self.at..end]
                        .iter()
                        .any(|byte| matches!(byte, b'\r' | b'}')) =>
                {
                    end
                }
                None if self.has_substitution_first() => return Some(None),
                _ => return None,
            },
            _ => return Some(None),
        };
        self.at = end;
        self.skip();
        Some(Some(end))
    }

    /// `import(…)` or `import.meta`
    pub(super) fn import_expression(&mut self) -> Option<Flags> {
        let start = self.at;
        self.bump_word();
        if self.eat(b'.') {
            if !self.is_word(b"meta") {
                return None;
            }
            self.bump_word();
            self.has_module_syntax = true;
            return Some(VALUE);
        }
        self.expect(b'(')?;
        let literal = self.at;
        let context = self.context | IN;
        if let Some(end) = self.plain_literal()? {
            self.imports.push((ImportKind::Dynamic, literal..end));
        } else if self.byte() == b'(' {
            // What is in parentheses may still be a literal.
            return None;
        } else {
            self.computed.push(start);
            self.within(context, Self::assignment)?;
        }
        self.eat(b',');
        self.expect(b')')?;
        Some(VALUE)
    }
}
