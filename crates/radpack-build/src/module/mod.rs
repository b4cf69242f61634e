//! Reading and rewriting one ECMAScript module: text in, facts out; edits in, text and source map out.
//!
//! [`read`] says what a module asks for and what it offers; [`detect`] first asks whether a text is a module at all;
//! [`check`] looks for the errors that reading does not see; [`rewrite`] replaces specifiers and keeps the source map right. Whether a file is well-formed, and what of it is an
//! import, a maintained parser decides (`oxc_parser`). A quick reader goes before it that answers for everyday syntax, and
//! only where it is sure of the parser's answer: three times as fast, for it builds no tree.
//!
//! Nothing here touches the file system, follows an import, or knows packages and pins: that is the graph's business.
//!
//! Spans are byte offsets into the UTF-8 text given in, so that edits need no conversion. [`Position`]s are for people
//! and for source maps.

mod beside;
mod check;
mod depth;
mod error;
mod exact;
mod facts;
mod position;
mod quick;
mod read;
mod rewrite;
mod shift;
mod source_map;
mod stack;
#[cfg(test)]
mod tests;

pub use check::check;
pub use error::{ModuleError, ModuleErrorKind};
pub use facts::{Exports, Import, ImportKind, Module, SourceMapReference, Syntax};
pub use position::Position;
pub(crate) use read::is_script;
pub use read::{detect, read};
pub use rewrite::{Edit, Rewritten, append_source_map_comment, rewrite};
pub use stack::MAX_DEPTH;
