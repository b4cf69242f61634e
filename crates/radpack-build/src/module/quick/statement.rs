//! Statements.

use super::word::Word;
use super::{AWAIT, COVER, DEFAULTED, IN, LITERAL, NAME, Quick, RETURN, TARGET};

impl Quick<'_> {
    /// `{ … }`
    pub(super) fn block(&mut self) -> Option<()> {
        self.expect(b'{')?;
        self.statements()?;
        self.expect(b'}')
    }

    /// Statements up to a closing brace.
    fn statements(&mut self) -> Option<()> {
        while self.byte() != b'}' {
            self.statement(true)?;
        }
        Some(())
    }

    /// The end of a statement that wants a semicolon, or a place where none is needed.
    pub(super) fn semicolon(&mut self) -> Option<()> {
        match self.byte() {
            b';' => {
                self.bump(1);
                Some(())
            }
            b'}' => Some(()),
            _ if self.line_ended || self.at >= self.bytes.len() => Some(()),
            _ => None,
        }
    }

    /// One statement. `listed`: in a list of statements, where declarations may stand.
    pub(super) fn statement(&mut self, listed: bool) -> Option<()> {
        self.enter()?;
        let result = self.statement_inside(listed);
        self.leave();
        result
    }

    fn statement_inside(&mut self, listed: bool) -> Option<()> {
        match self.byte() {
            b'{' => return self.block(),
            b';' => {
                self.bump(1);
                return Some(());
            }
            _ => {}
        }
        match self.word() {
            Word::Var => {
                self.bump_word();
                self.declarators(true, false)?;
                self.semicolon()
            }
            Word::Let | Word::Const => {
                let constant = self.word() == Word::Const;
                self.bump_word();
                if !listed {
                    return None;
                }
                self.declarators(!constant, false)?;
                self.semicolon()
            }
            Word::Function => {
                self.bump_word();
                if listed {
                    self.function_rest(false, true)
                } else {
                    None
                }
            }
            Word::Class => {
                if listed {
                    self.class(true)
                } else {
                    None
                }
            }
            Word::If => self.if_statement(),
            Word::For => self.for_statement(),
            Word::While => {
                self.bump_word();
                self.condition()?;
                self.statement(false)
            }
            Word::Do => {
                self.bump_word();
                self.statement(false)?;
                if self.word() != Word::While {
                    return None;
                }
                self.bump_word();
                self.condition()?;
                self.semicolon()
            }
            Word::Return => {
                if self.context & RETURN == 0 {
                    return None;
                }
                self.bump_word();
                if !self.line_ended && !matches!(self.byte(), b';' | b'}') {
                    self.expression()?;
                }
                self.semicolon()
            }
            Word::Break | Word::Continue => {
                self.bump_word();
                if !self.line_ended && self.word() != Word::None {
                    if !self.word().is_binding() {
                        return None;
                    }
                    self.bump_word();
                }
                self.semicolon()
            }
            Word::Throw => {
                self.bump_word();
                if self.line_ended {
                    return None;
                }
                self.expression()?;
                self.semicolon()
            }
            Word::Try => self.try_statement(),
            Word::Switch => self.switch_statement(),
            Word::Debugger => {
                self.bump_word();
                self.semicolon()
            }
            Word::Async => self.async_statement(listed),
            Word::Using => None,
            _ => self.expression_statement(),
        }
    }

    fn expression_statement(&mut self) -> Option<()> {
        let flags = self.expression()?;
        if flags & NAME != 0 && self.byte() == b':' {
            self.bump(1);
            if matches!(self.word(), Word::Function | Word::Async) {
                return None;
            }
            return self.statement(false);
        }
        self.semicolon()
    }

    fn async_statement(&mut self, listed: bool) -> Option<()> {
        // A function, if the next word says so and stands on the same line.
        let from = (self.at, self.line_ended);
        self.bump_word();
        if self.word() == Word::Function && !self.line_ended {
            self.bump_word();
            return if listed {
                self.function_rest(true, true)
            } else {
                None
            };
        }
        (self.at, self.line_ended) = from;
        self.expression_statement()
    }

    /// `(a)` of `if`, `while` and `switch`.
    fn condition(&mut self) -> Option<()> {
        self.expect(b'(')?;
        self.bracketed_expression()?;
        self.expect(b')')
    }

    fn if_statement(&mut self) -> Option<()> {
        loop {
            self.bump_word();
            self.condition()?;
            self.statement(false)?;
            if self.word() != Word::Else {
                return Some(());
            }
            self.bump_word();
            if self.word() != Word::If {
                return self.statement(false);
            }
        }
    }

    /// `a = 1, [b] = c`. `in_head`: in the head of a `for`, where the first may go without value; then what comes next
    /// decides, and the result says whether it went without.
    fn declarators(&mut self, may_lack_value: bool, in_head: bool) -> Option<bool> {
        let mut first = true;
        loop {
            let pattern = matches!(self.byte(), b'[' | b'{');
            // `let of of a`, and `let` in front of another name that is a word of the language.
            if in_head && (self.is_word(b"of") || self.word() == Word::Async) {
                return None;
            }
            self.binding()?;
            if self.byte() == b'=' {
                self.bump(1);
                let exporting = std::mem::replace(&mut self.exporting, false);
                self.assignment()?;
                self.exporting = exporting;
            } else if in_head && first && (self.word() == Word::In || self.is_word(b"of")) {
                return Some(true);
            } else if pattern || !may_lack_value {
                return None;
            }
            first = false;
            if !self.eat(b',') {
                return Some(false);
            }
        }
    }

    /// The declarations of a statement, of which all constants and patterns need values.
    pub(super) fn declaration(&mut self) -> Option<()> {
        let constant = self.word() == Word::Const;
        self.bump_word();
        self.declarators(!constant, false)?;
        self.semicolon()
    }

    fn for_statement(&mut self) -> Option<()> {
        self.bump_word();
        let mut only_of = false;
        if self.word() == Word::Await {
            if self.context & AWAIT == 0 {
                return None;
            }
            self.suspensions += 1;
            only_of = true;
            self.bump_word();
        }
        self.expect(b'(')?;
        let loops = self.within(self.context & !IN, Self::for_head)?;
        let loops = if loops {
            let of = self.is_word(b"of");
            let inside = self.word() == Word::In && !only_of;
            if !of && !inside {
                return None;
            }
            self.bump_word();
            let context = self.context | IN;
            if of {
                self.within(context, Self::assignment)?;
            } else {
                self.within(context, Self::expression)?;
            }
            true
        } else {
            false
        };
        if !loops {
            if only_of {
                return None;
            }
            self.expect(b';')?;
            if self.byte() != b';' {
                self.bracketed_expression()?;
            }
            self.expect(b';')?;
            if self.byte() != b')' {
                self.bracketed_expression()?;
            }
        }
        self.expect(b')')?;
        self.statement(false)
    }

    /// What stands before the first semicolon, or before `of` or `in`: whether it is the latter.
    fn for_head(&mut self) -> Option<bool> {
        match self.word() {
            Word::Var => {
                self.bump_word();
                self.declarators(true, true)
            }
            Word::Let | Word::Const => {
                let constant = self.word() == Word::Const;
                self.bump_word();
                self.declarators(!constant, true)
            }
            // `for (async of …`, `for (using of …`
            Word::Async | Word::Using => None,
            _ => {
                if self.byte() == b';' {
                    return Some(false);
                }
                let mut flags = self.assignment_or_pattern()?;
                if self.byte() == b',' {
                    self.bump(1);
                    self.expression()?;
                    flags &= COVER;
                }
                if self.word() != Word::In && !self.is_word(b"of") {
                    return (flags & COVER == 0).then_some(false);
                }
                if flags & DEFAULTED != 0 || flags & (TARGET | LITERAL) == 0 {
                    return None;
                }
                Some(true)
            }
        }
    }

    fn try_statement(&mut self) -> Option<()> {
        self.bump_word();
        self.block()?;
        let mut complete = false;
        if self.word() == Word::Catch {
            complete = true;
            self.bump_word();
            if self.eat(b'(') {
                self.binding()?;
                self.expect(b')')?;
            }
            self.block()?;
        }
        if self.word() == Word::Finally {
            complete = true;
            self.bump_word();
            self.block()?;
        }
        complete.then_some(())
    }

    fn switch_statement(&mut self) -> Option<()> {
        self.bump_word();
        self.condition()?;
        self.expect(b'{')?;
        let mut default = false;
        loop {
            match self.word() {
                Word::Case => {
                    self.bump_word();
                    self.bracketed_expression()?;
                }
                Word::Default if !default => {
                    default = true;
                    self.bump_word();
                }
                Word::None => return self.expect(b'}'),
                _ => return None,
            }
            self.expect(b':')?;
            while self.byte() != b'}' && !matches!(self.word(), Word::Case | Word::Default) {
                self.statement(true)?;
            }
        }
    }
}
