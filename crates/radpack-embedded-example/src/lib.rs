//! A program whose register of modules is part of it: no file, no network, no parsing and no allocation at start.
//!
//! `build.rs` builds the small packages in `packages/`, as a deployment would, and compiles what comes out to an index. The
//! program embeds its bytes; opening them reads the header, and looking something up borrows from them.
//!
//! What is embedded is what was known when the program was compiled: right for a program that ships with its modules, and as the
//! ground under registers that are fetched later.
#![forbid(unsafe_code)]

use radpack::{Index, IndexError};

/// The bytes of the index that the build script left.
pub static SHAPES: &[u8] = radpack::include_index!(concat!(env!("OUT_DIR"), "/shapes.index"));

/// The index, opened.
///
/// # Errors
///
/// If the bytes were written by a build of another format, which one and the same version of the crates rules out.
pub fn shapes() -> Result<Index, IndexError> {
    Index::from_static(SHAPES)
}

// The page about embedding shows this program. Here is the index that its examples look into.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/embedding.md")]
mod page {}
