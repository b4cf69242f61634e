//! What reading a module yields: its imports, its exports, and what a reader should be warned about.
//!
//! Plain owned data, independent of the parser, so that it can be kept for thousands of files.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{ModuleError, Position};

/// The facts about one module, as [`read`](super::read) finds them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Module {
    /// Every import with a literal specifier, in the order of the text.
    pub imports: Vec<Import>,
    /// The names the module exports.
    pub exports: Exports,
    /// Whether the text holds `import` or `export` declarations or `import.meta`. `import()` alone is not module syntax,
    /// scripts may use it too.
    pub has_module_syntax: bool,
    /// Where `import()` is called with something else than a literal. Such a call stays as it is and deserves a warning.
    pub computed_imports: Vec<Position>,
    /// The last `sourceMappingURL` comment, if there is one and no code follows it.
    pub source_map: Option<SourceMapReference>,
}

/// One literal that names another module or file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// How the literal is used.
    pub kind: ImportKind,
    /// What it names, unescaped.
    pub specifier: String,
    /// The literal's bytes in the source, *including* the quotes (or backticks).
    pub span: Range<u32>,
    /// Whether it is imported `with { type: "json" }`.
    pub attribute_json: bool,
    /// Where the literal begins.
    pub position: Position,
}

/// How a literal names another file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImportKind {
    /// `import … from "x"`, `import "x"`, `export … from "x"`: loaded before the module runs.
    Static,
    /// `import("x")`: loaded when the module asks for it.
    Dynamic,
    /// `new URL("x", import.meta.url)`: an asset, or a worker.
    Url,
}

/// The names a module exports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exports {
    /// Names spelled out in the module, `default` among them.
    pub names: BTreeSet<String>,
    /// Specifiers of `export * from "x"`, in the order of the text; what these add (all but `default`), their modules
    /// say.
    pub stars: Vec<String>,
}

/// A `//# sourceMappingURL=…` comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceMapReference {
    /// The whole comment's bytes in the source.
    pub span: Range<u32>,
    /// What it names: a `data:` URL, or a URL relative to the module.
    pub url: String,
}

impl SourceMapReference {
    /// Reads a whole comment that begins at `start`: `//# sourceMappingURL=…` or `/*# sourceMappingURL=… */`, also with
    /// the older `@`.
    pub(super) fn in_comment(comment: &str, start: u32) -> Option<Self> {
        let inside = comment
            .strip_prefix("//")
            .or_else(|| comment.strip_prefix("/*")?.strip_suffix("*/"))?;
        let url = inside
            .strip_prefix(['#', '@'])?
            .trim_start()
            .strip_prefix("sourceMappingURL=")?
            .trim_end();
        let plain = !url.is_empty() && !url.contains(char::is_whitespace);
        plain.then(|| SourceMapReference {
            span: start..start + comment.len() as u32,
            url: url.to_owned(),
        })
    }
}

/// What a text is by its syntax, as [`detect`](super::detect) finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Syntax {
    /// An ECMAScript module: it has `import`, `export` or `import.meta`.
    Module(Module),
    /// It parses as a module but has no module syntax: its file name and its package decide what it is.
    Undecided(Module),
    /// No module: it has no module syntax and does not parse as a module, as a sloppy script or JSON. The error says
    /// what a parser for modules makes of it.
    Other(ModuleError),
}
