//! What stands at the top of a module: imports, exports, and statements.

use super::word::Word;
use super::{ImportKind, Quick};

impl Quick<'_> {
    pub(super) fn module_item(&mut self) -> Option<()> {
        match self.word() {
            Word::Import if !matches!(self.byte_after_word(), b'(' | b'.') => {
                self.import_declaration()
            }
            Word::Export => self.export_declaration(),
            _ => self.statement(true),
        }
    }

    /// The byte behind the word that comes next, and what may be skipped.
    fn byte_after_word(&mut self) -> u8 {
        let from = (self.at, self.line_ended);
        self.bump_word();
        let byte = self.byte();
        (self.at, self.line_ended) = from;
        byte
    }

    /// `import a, { b as c } from "d"`
    fn import_declaration(&mut self) -> Option<()> {
        self.has_module_syntax = true;
        self.bump_word();
        if matches!(self.byte(), b'"' | b'\'') {
            return self.specifier();
        }
        let mut more = true;
        if self.word() != Word::None {
            if !self.word().is_binding() {
                return None;
            }
            let phase = self.word_is(b"defer") || self.word_is(b"source");
            self.bump_word();
            // `import defer * as a`, `import source a` and such are other things.
            if phase && !self.is_word(b"from") {
                return None;
            }
            more = self.eat(b',');
        }
        match self.byte() {
            _ if !more => {}
            b'*' => {
                self.bump(1);
                self.expect_word(b"as")?;
                self.imported_name()?;
            }
            b'{' => {
                self.bump(1);
                while self.byte() != b'}' {
                    self.import_specifier()?;
                    if self.byte() != b'}' {
                        self.expect(b',')?;
                    }
                }
                self.bump(1);
            }
            _ => return None,
        }
        self.expect_word(b"from")?;
        self.specifier()
    }

    /// `a`, `a as b`, `"a" as b`
    fn import_specifier(&mut self) -> Option<()> {
        let string = matches!(self.byte(), b'"' | b'\'');
        let binding = self.word().is_binding();
        if string {
            self.plain_string()?;
        } else {
            self.any_name()?;
        }
        if self.is_word(b"as") {
            self.bump_word();
            return self.imported_name();
        }
        (binding && !string).then_some(())
    }

    fn imported_name(&mut self) -> Option<()> {
        if !self.word().is_binding() {
            return None;
        }
        self.bump_word();
        Some(())
    }

    fn expect_word(&mut self, word: &[u8]) -> Option<()> {
        if !self.is_word(word) {
            return None;
        }
        self.bump_word();
        Some(())
    }

    /// A string without escapes: its inside.
    fn plain_string(&mut self) -> Option<std::ops::Range<usize>> {
        let start = self.at;
        let (end, escapes) = self.string_end()?;
        self.at = end;
        self.skip();
        (!escapes).then_some(start + 1..end - 1)
    }

    /// The specifier of a static import, and the end of its statement. Attributes are left to the parser.
    fn specifier(&mut self) -> Option<()> {
        if !matches!(self.byte(), b'"' | b'\'') {
            return None;
        }
        let inside = self.plain_string()?;
        self.imports
            .push((ImportKind::Static, inside.start - 1..inside.end + 1));
        // After a line end `assert` begins a statement, but `with` does not.
        if self.word() == Word::Reserved {
            return None;
        }
        self.semicolon()
    }

    fn export_declaration(&mut self) -> Option<()> {
        self.has_module_syntax = true;
        self.bump_word();
        match self.byte() {
            b'{' => return self.export_list(),
            b'*' => return self.export_star(),
            _ => {}
        }
        match self.word() {
            Word::Default => {
                self.names.push("default");
                self.bump_word();
                return self.default_export();
            }
            Word::Var | Word::Let | Word::Const => {
                self.exporting = true;
                self.declaration()?;
            }
            Word::Function => {
                self.exporting = true;
                self.bump_word();
                self.function_rest(false, true)?;
            }
            Word::Async => {
                self.bump_word();
                if self.line_ended || self.word() != Word::Function {
                    return None;
                }
                self.exporting = true;
                self.bump_word();
                self.function_rest(true, true)?;
            }
            Word::Class => {
                self.exporting = true;
                self.class(true)?;
            }
            _ => return None,
        }
        self.exporting = false;
        Some(())
    }

    /// What follows `export default`.
    fn default_export(&mut self) -> Option<()> {
        match self.word() {
            Word::Function => {
                self.bump_word();
                self.function_rest(false, false)
            }
            Word::Class => self.class(false),
            Word::Async => {
                let from = (self.at, self.line_ended);
                self.bump_word();
                if self.word() == Word::Function && !self.line_ended {
                    self.bump_word();
                    return self.function_rest(true, false);
                }
                (self.at, self.line_ended) = from;
                self.assignment()?;
                self.semicolon()
            }
            _ => {
                self.assignment()?;
                self.semicolon()
            }
        }
    }

    /// `export { a, b as c, d as "e" }`, also with `from`.
    fn export_list(&mut self) -> Option<()> {
        let mut local = true;
        self.bump(1);
        while self.byte() != b'}' {
            // What is exported from elsewhere may have any name there.
            local &= self.word().is_binding() || self.word() == Word::Restricted;
            let mut name = self.exported_name()?;
            if self.is_word(b"as") {
                self.bump_word();
                name = self.exported_name()?;
            }
            self.names.push(&self.text[name]);
            if self.byte() != b'}' {
                self.expect(b',')?;
            }
        }
        self.bump(1);
        if self.is_word(b"from") {
            self.bump_word();
            return self.specifier();
        }
        if !local {
            return None;
        }
        self.semicolon()
    }

    fn exported_name(&mut self) -> Option<std::ops::Range<usize>> {
        if matches!(self.byte(), b'"' | b'\'') {
            return self.plain_string();
        }
        if self.word() == Word::None {
            return None;
        }
        let name = self.word_at..self.word_end;
        self.bump_word();
        Some(name)
    }

    /// `export * from "a"`, `export * as b from "a"`
    fn export_star(&mut self) -> Option<()> {
        self.bump(1);
        let star = !self.is_word(b"as");
        if !star {
            self.bump_word();
            let name = self.exported_name()?;
            self.names.push(&self.text[name]);
        }
        self.expect_word(b"from")?;
        self.specifier()?;
        if star && let Some((_, literal)) = self.imports.last() {
            self.stars
                .push(self.text[literal.start + 1..literal.end - 1].to_owned());
        }
        Some(())
    }
}
