//! What is nested at a place of a text, and the most that was at any before it.

use super::is_word;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bracket {
    /// `control`: of `if`, `for`, `while` or `with`, after which a statement comes, no operator.
    Round {
        control: bool,
    },
    Square,
    Curly,
    /// `${`, whose end resumes a template.
    Substitution,
}

/// What is nested within one pair of brackets without brackets of its own.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pending {
    /// Operators and keywords whose operand has not ended.
    pub(super) expressions: usize,
    /// Of these, `?` that wait for their `:`.
    pub(super) questions: usize,
    /// Statements whose inner statement has not ended.
    pub(super) statements: usize,
    /// Colons of labels, cases and properties.
    colons: usize,
    pub(super) chains: Chains,
}

/// Links of chains within one pair of brackets: operators between operands, and what follows an operand (`.a`, `[a]`, `(a)`,
/// a template). The last link is the outermost level, so what a bracket holds is below all links, also those behind it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Chains {
    /// Of the chain that has not ended.
    pub(super) links: usize,
    /// The most that any bracket in it holds.
    within: usize,
    /// The most that lie above one another in the chains that have ended.
    most: usize,
}

impl Chains {
    fn open(&self) -> usize {
        self.links + self.within
    }

    fn end(&mut self) {
        self.most = self.most.max(self.open());
        (self.links, self.within) = (0, 0);
    }
}

/// Levels that a group or a class in a regular expression counts for: the parser of these takes more stack.
pub(super) const GROUP: usize = 2;

/// Counts what the tokens say.
#[derive(Debug, Default)]
pub(super) struct Nesting {
    /// Open brackets, with what was pending when they opened.
    open: Vec<(Bracket, Pending)>,
    pub(super) pending: Pending,
    /// Levels outside the innermost bracket, itself included.
    outside: usize,
    pub(super) deepest: usize,
    pub(super) deepest_at: usize,
}

impl Nesting {
    pub(super) fn total(&self) -> usize {
        self.outside + self.pending.expressions + self.pending.statements + self.pending.colons
    }

    /// Something has nested by `at`.
    pub(super) fn deeper(&mut self, at: usize) {
        self.reached(self.total(), at);
    }

    pub(super) fn reached(&mut self, levels: usize, at: usize) {
        if levels > self.deepest {
            (self.deepest, self.deepest_at) = (levels, at);
        }
    }

    /// The most links that can lie above one another, as far as the text has been read.
    pub(super) fn links(&self) -> usize {
        let innermost = self.pending.chains;
        let outer = self.open.iter().rev().map(|(_, pending)| pending.chains);
        outer.fold(innermost.open().max(innermost.most), |within, chains| {
            (chains.links + within.max(chains.within)).max(chains.most)
        })
    }

    pub(super) fn statement_ended(&mut self) {
        self.pending.chains.end();
        self.pending = Pending {
            chains: self.pending.chains,
            ..Pending::default()
        };
    }

    pub(super) fn push(&mut self, bracket: Bracket, at: usize) {
        self.outside = self.total() + 1;
        self.open.push((bracket, std::mem::take(&mut self.pending)));
        self.deeper(at);
    }

    /// The bracket that this one closes, if it is the innermost.
    pub(super) fn pop(&mut self, byte: u8) -> Option<Bracket> {
        let matching = match self.open.last() {
            Some((Bracket::Round { .. }, _)) => byte == b')',
            Some((Bracket::Square, _)) => byte == b']',
            Some((Bracket::Curly | Bracket::Substitution, _)) => byte == b'}',
            None => false,
        };
        if !matching {
            return None;
        }
        let (bracket, pending) = self.open.pop()?;
        self.pending.chains.end();
        let held = self.pending.chains.most;
        self.pending = pending;
        self.outside -= 1 + pending.expressions + pending.statements + pending.colons;
        let chains = &mut self.pending.chains;
        chains.within = chains.within.max(held);
        chains.links += usize::from(byte != b'}');
        Some(bracket)
    }

    pub(super) fn separator(&mut self, byte: u8, at: usize) {
        match byte {
            b':' if self.pending.questions > 0 => self.pending.questions -= 1,
            b':' => {
                self.pending.colons += 1;
                self.deeper(at);
            }
            _ => {
                self.pending.expressions = 0;
                self.pending.questions = 0;
                self.pending.chains.end();
                // One colon is a property's, and the property ends here; labels come in rows and go on.
                if self.pending.colons <= 1 {
                    self.pending.colons = 0;
                }
            }
        }
    }
}

/// Whatever could nest in a text, if none of it were strings or comments and nothing ever closed.
pub(super) fn starters(text: &[u8]) -> usize {
    let mut count = words(text);
    for &byte in text {
        count += match byte {
            b'(' | b'[' => GROUP,
            b'{' | b'!' | b'~' | b'+' | b'-' | b'=' | b'?' | b':' | b'*' | b'@' => 1,
            _ => 0,
        };
    }
    count
}

/// Whatever could link, if none of a text were strings or comments and no chain ever ended.
pub(super) fn linking(text: &[u8]) -> usize {
    let signs = |byte: &&u8| !is_word(**byte) && !byte.is_ascii_whitespace();
    words(text) + text.iter().filter(signs).count()
}

fn words(text: &[u8]) -> usize {
    let mut count = 0;
    let mut in_word = false;
    for &byte in text {
        // Beyond ASCII there is white space, too: its first bytes end words.
        let word = is_word(byte) && !matches!(byte, 0xC2 | 0xE1..=0xE3 | 0xEF);
        count += usize::from(word && !in_word);
        in_word = word;
    }
    count
}
