//! How deep a text is nested, before any parser sees it.
//!
//! One pass over the tokens, without recursion. What it yields is an upper bound of the levels that a recursive descent
//! parser can be in at once, for *any* text: parsers stop at the first token that fits no grammar, and up to there the
//! tokens told apart here are the parser's. Where a slash cannot be told (division or regular expression, after a brace,
//! `yield`, `await` or `of`) and it matters, the bound takes everything in the rest of the text for nested.
//!
//! A syntax tree can be deeper than the parser that made it: chains (`a + b + c`, `a.b.c`, `a()()`) are parsed in loops, but
//! each link is a level of the tree. They are counted beside the levels, for whoever walks the tree.
//!
//! The bounds err upwards: what ends without a sign to be seen here (an `if` whose statement ends at a line end) counts
//! on until the bracket around it closes. It is no parser: it says nothing about well-formedness.

mod nesting;

use super::Position;
use super::position::Positions;
use nesting::{Bracket, GROUP, Nesting, linking, starters};

/// What the scan found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Depth {
    /// The deepest nesting counted.
    pub(super) levels: usize,
    /// No parser can be deeper than this. More than `levels` only where slashes, or `<!--`, cannot be told.
    pub(super) bound: usize,
    /// No path in the syntax tree has more links of chains than this.
    pub(super) links: usize,
    /// Where the deepest nesting was met (byte offset).
    at: usize,
}

impl Depth {
    /// The place of the deepest nesting.
    pub(super) fn position(&self, text: &str) -> Position {
        Positions::new(text).at(self.at)
    }
}

/// Bounds the nesting of a text. Beyond `limit` levels it is not counted on.
pub(super) fn of(text: &str, limit: usize) -> Depth {
    let mut scan = Scan::new(text);
    scan.run(limit);
    let (mut bound, mut links) = (scan.nesting.deepest, scan.nesting.links());
    if let Some(unclear) = scan.unclear {
        let rest = &text.as_bytes()[unclear.at..];
        bound = bound.max(unclear.levels + starters(rest));
        links = links.max(unclear.links + linking(rest));
    }
    Depth {
        levels: scan.nesting.deepest,
        bound,
        links,
        at: scan.nesting.deepest_at,
    }
}

/// What the previous token means for a slash, and for a sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// An operand ended: a slash divides.
    Operand,
    /// An operand must come: a slash begins a regular expression.
    Operator,
    /// Either.
    Unknown,
}

/// Where slashes could no longer be told apart, and what was open there.
#[derive(Debug, Clone, Copy)]
struct Unclear {
    at: usize,
    levels: usize,
    links: usize,
}

/// How much is looked through in vain for the ends of regular expressions (bytes). In a module that parses, few slashes
/// are in doubt and have no end to be found; a text made of them alone would take time by the square of its length. Beyond
/// this, slashes count as those that cannot be told.
const MAX_FUTILE: usize = 16 << 20;

struct Scan<'a> {
    source: &'a str,
    text: &'a [u8],
    at: usize,
    nesting: Nesting,
    before: Before,
    /// Whether a line ended since the previous token.
    line_ended: bool,
    /// Whether the previous token was `}`, and not that of a template.
    after_curly: bool,
    /// Whether the previous token was `;`.
    after_semicolon: bool,
    /// Whether the previous token may want an operand, be it on the next line.
    wants_operand: bool,
    /// Whether the next word is a property's name.
    property: bool,
    /// Whether the next `(` belongs to `if`, `for`, `while` or `with`.
    control: bool,
    unclear: Option<Unclear>,
    /// Bytes looked through for the ends of regular expressions that have none.
    futile: usize,
}

impl<'a> Scan<'a> {
    fn new(source: &'a str) -> Self {
        let text = source.as_bytes();
        let shebang = if text.starts_with(b"#!") {
            line_end(text, 0)
        } else {
            0
        };
        Scan {
            source,
            text,
            at: shebang,
            nesting: Nesting::default(),
            before: Before::Operator,
            line_ended: true,
            after_curly: false,
            after_semicolon: false,
            wants_operand: false,
            property: false,
            control: false,
            unclear: None,
            futile: 0,
        }
    }

    fn byte(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    /// From `at` on, slashes are not told apart.
    fn unclear(&mut self, at: usize) {
        if self.unclear.is_none() {
            let (levels, links) = (self.nesting.total(), self.nesting.links());
            self.unclear = Some(Unclear { at, levels, links });
        }
    }

    fn run(&mut self, limit: usize) {
        while self.at < self.text.len() && self.nesting.deepest <= limit {
            if self.trivia() {
                continue;
            }
            let byte = self.byte(0);
            if is_word(byte) && !byte.is_ascii_digit() {
                self.word();
            } else {
                if self.after_semicolon {
                    self.statement_ended();
                }
                self.wants_operand = false;
                self.punctuator(byte);
                self.after_curly = byte == b'}' && self.before == Before::Unknown;
                self.after_semicolon = byte == b';';
                self.control = false;
            }
            self.line_ended = false;
        }
    }

    /// Steps over white space or one comment.
    fn trivia(&mut self) -> bool {
        let Some(&byte) = self.text.get(self.at) else {
            return false;
        };
        match (byte, self.byte(1)) {
            (b'\n' | b'\r', _) => {
                self.line_ended = true;
                self.at += 1;
            }
            (0..=b' ', _) => self.at += 1,
            (b'/', b'/') => self.at = line_end(self.text, self.at),
            (b'/', b'*') => {
                let rest = &self.text[self.at + 2..];
                let length = find(rest, b"*/").map_or(rest.len(), |end| end + 2);
                self.line_ended |= line_end(&rest[..length], 0) < length;
                self.at += 2 + length;
            }
            (b'<', b'!') if self.text[self.at..].starts_with(b"<!--") => {
                // A comment to scripts; to modules, operators.
                self.unclear(self.at);
                self.at = line_end(self.text, self.at);
            }
            (b'-', b'-') if self.line_ended && self.byte(2) == b'>' => {
                self.at = line_end(self.text, self.at);
            }
            (0x80.., _) => {
                let space = self.space();
                self.line_ended |= is_separator(&self.text[self.at..]);
                self.at += space;
                return space > 0;
            }
            _ => return false,
        }
        true
    }

    /// The length of the white space beyond ASCII that begins here, or 0.
    fn space(&self) -> usize {
        let character = self
            .source
            .get(self.at..)
            .and_then(|rest| rest.chars().next());
        character
            // The parser forgives U+200B.
            .filter(|&character| {
                character.is_whitespace() || matches!(character, '\u{FEFF}' | '\u{200B}')
            })
            .map_or(0, char::len_utf8)
    }

    fn skip_word(&mut self) {
        loop {
            match self.byte(0) {
                byte if byte < 0x80 && is_word(byte) => self.at += 1,
                0x80.. if self.space() == 0 => self.at += 1,
                _ => return,
            }
        }
    }

    fn word(&mut self) {
        let start = self.at;
        self.skip_word();
        let word = &self.text[start..self.at];
        let wanted = std::mem::replace(&mut self.wants_operand, false);
        let follows = std::mem::replace(&mut self.after_curly, false)
            || (self.line_ended && self.before != Before::Operator && !wanted);
        let ended = std::mem::replace(&mut self.after_semicolon, false);
        if std::mem::replace(&mut self.property, false) {
            self.before = Before::Operand;
            self.control = false;
            return;
        }
        // Two operands in a row: a statement ended between them, unless the word continues it.
        let continues: &[&[u8]] = if ended {
            &[b"else", b"while"]
        } else {
            &[
                b"else",
                b"while",
                b"catch",
                b"finally",
                b"in",
                b"instanceof",
                b"of",
                b"extends",
                b"as",
                b"from",
            ]
        };
        if (ended || follows) && !continues.contains(&word) {
            self.statement_ended();
        }
        self.keyword(word);
        self.nesting.deeper(self.at);
    }

    fn keyword(&mut self, word: &[u8]) {
        if word.contains(&b'\\') {
            // A keyword in disguise is an error, but one that a parser may forgive.
            self.unclear(self.at - word.len());
        }
        let control = matches!(word, b"if" | b"for" | b"while" | b"with");
        // `for await (`
        self.control = control || (self.control && word == b"await");
        match word {
            b"typeof" | b"void" | b"delete" | b"new" | b"extends" => {
                self.nesting.pending.expressions += 1;
            }
            b"await" | b"yield" | b"async" => self.nesting.pending.expressions += 1,
            b"if" | b"for" | b"while" | b"with" | b"else" | b"do" => {
                self.nesting.pending.statements += 1;
            }
            b"in" | b"instanceof" => self.nesting.pending.chains.links += 1,
            _ => {}
        }
        self.before = match word {
            b"typeof" | b"void" | b"delete" | b"new" | b"extends" | b"if" | b"for" | b"while"
            | b"with" | b"else" | b"do" | b"in" | b"instanceof" | b"return" | b"throw"
            | b"case" | b"default" | b"var" | b"const" | b"export" | b"function" | b"class"
            | b"try" | b"finally" => Before::Operator,
            b"await" | b"yield" | b"of" | b"break" | b"continue" | b"debugger" => Before::Unknown,
            _ => Before::Operand,
        };
        self.wants_operand = matches!(word, b"await" | b"of");
    }

    fn statement_ended(&mut self) {
        self.after_semicolon = false;
        self.nesting.statement_ended();
    }

    fn punctuator(&mut self, byte: u8) {
        match byte {
            b'0'..=b'9' => {
                // `1..a`: the second dot is before a property. So is the first behind `0x1`, `1n` and `1e3`.
                let start = self.at;
                self.skip_word();
                let is_plain = |byte: &u8| byte.is_ascii_digit() || *byte == b'_';
                if self.byte(0) == b'.' && self.text[start..self.at].iter().all(is_plain) {
                    self.at += 1;
                    self.skip_word();
                }
                self.before = Before::Operand;
            }
            b'"' | b'\'' => self.string(byte),
            b'`' => {
                self.at += 1;
                self.template();
            }
            b'(' => self.push(Bracket::Round {
                control: self.control,
            }),
            b'[' => self.push(Bracket::Square),
            b'{' => self.push(Bracket::Curly),
            b')' | b']' | b'}' => self.pop(byte),
            b'/' => self.slash(),
            b';' | b',' | b':' => self.separator(byte),
            _ => self.operator(byte),
        }
    }

    fn push(&mut self, bracket: Bracket) {
        self.nesting.push(bracket, self.at);
        self.before = Before::Operator;
        self.at += 1;
    }

    fn pop(&mut self, byte: u8) {
        self.at += 1;
        self.before = match (self.nesting.pop(byte), byte) {
            (Some(Bracket::Substitution), _) => return self.template(),
            (Some(Bracket::Round { control: true }), _) => Before::Operator,
            (_, b'}') => Before::Unknown,
            _ => Before::Operand,
        };
    }

    fn separator(&mut self, byte: u8) {
        self.at += 1;
        self.before = Before::Operator;
        self.nesting.separator(byte, self.at);
    }

    /// Operators; those before an operand nest, and so do assignments, conditions and powers. Others are parsed in loops.
    fn operator(&mut self, byte: u8) {
        let next = self.byte(1);
        let mut nests = false;
        let mut length = 1;
        let mut before = Before::Operator;
        match byte {
            b'=' | b'!' if next == b'=' => length = 2 + usize::from(self.byte(2) == b'='),
            b'=' => {
                nests = true;
                length = 1 + usize::from(next == b'>');
            }
            b'!' | b'~' | b'@' => nests = true,
            b'?' if next == b'?' => length = 2,
            b'?' if next == b'.' && !self.byte(2).is_ascii_digit() => {
                length = 2;
                self.property = true;
            }
            b'?' => {
                nests = true;
                self.nesting.pending.questions += 1;
            }
            b'+' | b'-' if next == byte => {
                length = 2;
                match self.before {
                    Before::Operand if !self.line_ended => before = Before::Operand,
                    Before::Unknown => {
                        (nests, before) = (true, Before::Unknown);
                        self.wants_operand = true;
                    }
                    _ => nests = true,
                }
            }
            b'+' | b'-' => nests = self.before != Before::Operand,
            b'*' if next == b'*' => (nests, length) = (true, 2),
            b'.' if next == b'.' => length = 3,
            b'.' => self.property = true,
            b'#' => self.property = true,
            b'<' | b'>' if next == b'=' => length = 2,
            // What follows a shift's `=` is assigned.
            b'<' | b'>' => {
                while self.byte(length) == byte {
                    length += 1;
                }
            }
            _ => {}
        }
        self.at = (self.at + length).min(self.text.len());
        self.nesting.pending.expressions += usize::from(nests);
        self.nesting.deeper(self.at);
        self.nesting.pending.chains.links += 1;
        self.before = before;
        if matches!(byte, b'.' | b'#') || (byte == b'?' && self.property) {
            // `property` outlives this token only.
            self.name();
        }
    }

    /// Steps over the name of a property, which is no keyword whatever it is.
    fn name(&mut self) {
        while self.trivia() {}
        if is_word(self.byte(0)) {
            self.property = true;
            self.word();
        }
        self.property = false;
    }

    fn string(&mut self, quote: u8) {
        self.at += 1;
        self.before = Before::Operand;
        while self.at < self.text.len() {
            match self.byte(0) {
                b'\\' => {
                    // A line continuation; CR LF is one.
                    self.at += 1 + usize::from(self.byte(1) == b'\r' && self.byte(2) == b'\n');
                }
                b'\n' | b'\r' => return,
                byte if byte == quote => {
                    self.at += 1;
                    return;
                }
                _ => {}
            }
            self.at += 1;
        }
        self.at = self.text.len();
    }

    /// The text of a template up to its end, or up to a substitution.
    fn template(&mut self) {
        while self.at < self.text.len() {
            match (self.byte(0), self.byte(1)) {
                (b'\\', _) => self.at += 2,
                (b'`', _) => {
                    self.at += 1;
                    self.before = Before::Operand;
                    self.nesting.pending.chains.links += 1;
                    return;
                }
                (b'$', b'{') => {
                    self.at += 1;
                    return self.push(Bracket::Substitution);
                }
                _ => self.at += 1,
            }
        }
        self.at = self.text.len();
    }

    fn slash(&mut self) {
        if self.before == Before::Operand {
            return self.operator(b'/');
        }
        if self.futile > MAX_FUTILE {
            self.unclear(self.at);
            return self.operator(b'/');
        }
        let end = match self.regular_expression() {
            Ok(end) => end,
            Err(searched_to) => {
                self.futile += searched_to - self.at;
                return self.operator(b'/');
            }
        };
        if self.before == Before::Unknown {
            let body = &self.text[self.at + 1..end - 1];
            if body.iter().all(|&byte| {
                is_word(byte)
                    || matches!(byte, b' ' | b',' | b'|' | b'^' | b'<' | b'>' | b'&' | b'%')
            }) {
                // Both ways lead on from its end; if it is no regular expression, its words may nest.
                self.nesting.pending.expressions += starters(body);
                self.nesting.deeper(self.at);
            } else {
                self.unclear(self.at);
            }
        } else {
            let body = &self.text[self.at..end];
            let groups = body.iter().filter(|byte| matches!(byte, b'(' | b'['));
            let levels = self.nesting.total() + GROUP * groups.count();
            self.nesting.reached(levels, self.at);
            self.before = Before::Operand;
        }
        self.at = end;
        self.skip_word();
    }

    /// The end of the regular expression that begins here, without its flags. The error is how far there is none.
    fn regular_expression(&self) -> Result<usize, usize> {
        let mut at = self.at + 1;
        let mut class = false;
        loop {
            match *self.text.get(at).ok_or(self.text.len())? {
                b'\n' | b'\r' => return Err(at),
                b'\\' => at += 1,
                b'[' => class = true,
                b']' => class = false,
                b'/' if !class => return Ok(at + 1),
                _ => {}
            }
            at += 1;
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'\\') || byte >= 0x80
}

/// Where the line that holds `at` ends.
fn line_end(text: &[u8], at: usize) -> usize {
    let ends = |&at: &usize| matches!(text[at], b'\n' | b'\r') || is_separator(&text[at..]);
    (at..text.len()).find(ends).unwrap_or(text.len())
}

/// Whether a text begins with U+2028 or U+2029, which end lines.
fn is_separator(text: &[u8]) -> bool {
    matches!(text, [0xE2, 0x80, 0xA8 | 0xA9, ..])
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
