//! A quick reader for the JavaScript that nearly every file is, without a syntax tree.
//!
//! It recognises modules of everyday syntax, and finds their imports and exports on the way. Whatever else it meets — an
//! error, a rarely used form, a character beyond ASCII in a name, nesting deeper than [`MAX_DEPTH`] — it leaves the whole
//! file to the parser, which alone judges ([`exact`](super::exact)). So it holds no rule of its own: where it answers, the
//! parser accepts the text and finds the same facts. That is what its tests are about; they compare the two on real
//! packages, on texts broken at random, and on a table of forms.
//!
//! It is here for speed: it allocates nothing but the facts. `benches/` says what that brings.
//!
//! How it works: recursive descent straight over the bytes. [`Quick::at`] always stands at the next token, with white
//! space and comments skipped. A method that returns `None` gives up for good, so nothing is undone. Arrow functions and
//! destructuring are told from expressions when they end: each expression says in [`Flags`] what it could be as well.

mod arrow;
mod class;
mod expression;
mod function;
mod lexer;
mod loading;
mod module_items;
mod operand;
mod statement;
mod word;

use std::collections::BTreeSet;
use std::ops::Range;

use super::position::Positions;
use super::{Exports, Import, ImportKind, Module, Position, SourceMapReference};

use word::Word;

/// Texts that are nested deeper are left to the parser. One level takes at most 3 KiB of stack, unoptimized.
const MAX_DEPTH: u32 = 100;

/// Reads a module, or leaves it to the parser. `body` comes without byte order mark, whose length is `base`: it is added
/// to all spans.
pub(super) fn read(body: &str, base: u32) -> Option<Module> {
    let mut quick = Quick::new(body);
    quick.module()?;
    quick.into_module(base)
}

/// What an expression could be besides a value: bits of [`Flags`].
type Flags = u8;

/// Something that can be assigned to: a name, a member, either in parentheses.
const TARGET: Flags = 1;
/// An array or object that is a well-formed assignment pattern.
const LITERAL: Flags = 2;
/// A name, array or object that is a well-formed parameter.
const BINDING: Flags = 4;
/// `= value` follows what the bits above speak of.
const DEFAULTED: Flags = 8;
/// A name alone.
const NAME: Flags = 16;
/// An arrow function: no operator may follow.
const ARROW: Flags = 32;
/// A prefix operator and its operand: no `**` may follow.
const UNARY: Flags = 64;
/// `{ a = 1 }` somewhere inside, which makes it an error unless it turns out to be a pattern.
const COVER: Flags = 128;
/// No more than a value.
const VALUE: Flags = 0;

/// What the code at hand may use: bits.
type Context = u8;

const AWAIT: Context = 1;
const YIELD: Context = 2;
const RETURN: Context = 4;
/// `new.target`
const NEW_TARGET: Context = 8;
/// `in` as an operator, as everywhere but in the head of a `for`.
const IN: Context = 16;
/// The inside of a function that is neither asynchronous nor a generator.
const FUNCTION: Context = RETURN | NEW_TARGET | IN;

struct Quick<'a> {
    text: &'a str,
    bytes: &'a [u8],
    /// Where the next token begins.
    at: usize,
    /// Whether a line ended before the next token.
    line_ended: bool,
    /// Whether something was skipped that should not have been.
    unsure: bool,
    context: Context,
    depth: u32,
    /// How many `await` and `yield` there were; parameters may hold none.
    suspensions: u32,
    /// The word at `word_at`: what it is, its key, and where it ends.
    word_at: usize,
    word: Word,
    word_key: u64,
    word_end: usize,
    /// Whether names that are bound are exported.
    exporting: bool,

    imports: Vec<(ImportKind, Range<usize>)>,
    computed: Vec<usize>,
    /// Exported names, in the order of the text.
    names: Vec<&'a str>,
    stars: Vec<String>,
    has_module_syntax: bool,
    /// The last comment that could name a source map, of those before the next token.
    map_comment: Option<Range<usize>>,
}

impl<'a> Quick<'a> {
    fn new(text: &'a str) -> Self {
        Quick {
            text,
            bytes: text.as_bytes(),
            at: 0,
            line_ended: true,
            unsure: false,
            context: AWAIT | IN,
            depth: 0,
            suspensions: 0,
            word_at: usize::MAX,
            word: Word::None,
            word_key: 0,
            word_end: 0,
            exporting: false,
            imports: Vec::new(),
            computed: Vec::new(),
            names: Vec::new(),
            stars: Vec::new(),
            has_module_syntax: false,
            map_comment: None,
        }
    }

    fn module(&mut self) -> Option<()> {
        if self.text.starts_with("#!") {
            self.at = self.line_comment_end(0)?;
        }
        self.skip();
        while self.at < self.bytes.len() {
            self.module_item()?;
        }
        (!self.unsure).then_some(())
    }

    /// Counts a level of nesting; whoever enters leaves, unless it gives up.
    #[inline]
    fn enter(&mut self) -> Option<()> {
        self.depth += 1;
        (self.depth <= MAX_DEPTH).then_some(())
    }

    #[inline]
    fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Runs `work` in another context.
    #[inline]
    fn within<T>(
        &mut self,
        context: Context,
        work: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        let outer = std::mem::replace(&mut self.context, context);
        let result = work(self)?;
        self.context = outer;
        Some(result)
    }

    fn into_module(self, base: u32) -> Option<Module> {
        let text = self.text;
        let exported = self.names.len();
        let names: BTreeSet<String> = self.names.into_iter().map(str::to_owned).collect();
        if names.len() < exported {
            // What is exported twice is an error.
            return None;
        }
        let mut positions = Positions::new(text);
        let imports = self.imports.into_iter().map(|(kind, literal)| Import {
            kind,
            specifier: text[literal.start + 1..literal.end - 1].to_owned(),
            span: literal.start as u32 + base..literal.end as u32 + base,
            attribute_json: false,
            position: positions.at(literal.start),
        });
        let imports = imports.collect();
        let mut positions = Positions::new(text);
        let computed: Vec<Position> = self
            .computed
            .into_iter()
            .map(|at| positions.at(at))
            .collect();
        Some(Module {
            imports,
            exports: Exports {
                names,
                stars: self.stars,
            },
            has_module_syntax: self.has_module_syntax,
            computed_imports: computed,
            source_map: self.map_comment.and_then(|span| {
                SourceMapReference::in_comment(&text[span.clone()], span.start as u32 + base)
            }),
        })
    }
}
