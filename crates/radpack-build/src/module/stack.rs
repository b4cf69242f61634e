//! Room for recursion over a text's syntax: on the calling thread where that surely suffices, else on a thread of its own.
//!
//! The parser takes stack for every level of nesting, and a program that runs out of stack is killed, not told. So the
//! depth is bounded from above before the parser runs (see [`depth`](super::depth)), and the stack made to measure. It
//! is only reserved; pages that nesting does not reach cost nothing.

use std::thread;

use super::depth::{self, Depth};
use super::{ModuleError, ModuleErrorKind};

/// Stack that one level may take (bytes). Measured with oxc_parser 0.146 over 70 ways to nest: at most 3.5 KiB optimized
/// (methods in object literals) and 8.2 KiB unoptimized (a class in a private method's default); of groups in regular
/// expressions, which count for two, 7.9 KiB. The analysis takes less: it never took more than the parser had.
const PER_LEVEL: usize = 12 << 10;

/// Stack that the analysis may take for one link of a chain (bytes). Measured with oxc_semantic 0.146: at most 370 bytes
/// (`?.a`).
const PER_LINK: usize = 1 << 10;

/// Stack that the parser may take without any nesting (bytes).
const BASE: usize = 256 << 10;

/// The calling thread is trusted to have this much left (bytes): half of what threads get by default.
const CALLER_HAS: usize = 1 << 20;

/// Texts that are nested deeper than this are not read, see [`read`](super::read).
///
/// What counts as a level: each open bracket, each operator or keyword before an operand (`!`, `new`, `a =`, `a =>`,
/// `a ? b :`), and each statement within another (`if (a) …`, `else`, a label).
pub const MAX_DEPTH: usize = 100_000;

/// Where the depth can only be bounded, not counted, the bound may be this high: 24 GiB of address space.
const MAX_BOUND: usize = 2_000_000;

/// Texts nested deeper than this are not analysed: some of its questions go through all that is around a place, for each
/// such place. What people and bundlers write is nested a few dozen levels deep.
const MAX_ANALYSED: usize = 5_000;

/// Nor those with longer chains.
const MAX_LINKS: usize = 1_000_000;

/// Runs `work` with stack enough to parse `body`.
///
/// # Errors
///
/// When the text is nested too deep, or the system grants no thread with a stack for it.
pub(super) fn with_enough<T: Send>(
    body: &str,
    name: &str,
    work: impl FnOnce() -> T + Send,
) -> Result<T, ModuleError> {
    let depth = depth::of(body, MAX_DEPTH);
    let too_large = |message| {
        Err(ModuleError::new(
            ModuleErrorKind::TooLarge,
            name,
            depth.position(body),
            message,
        ))
    };
    if depth.levels > MAX_DEPTH || depth.bound > MAX_BOUND {
        return too_large(format!("nested deeper than {MAX_DEPTH} levels"));
    }
    let Some(needed) = needed(&depth) else {
        return too_large("nested deeper than this system's address space allows".to_owned());
    };
    with(needed, work).or_else(|error| {
        too_large(format!(
            "parsing this takes up to {} MiB of stack, and the system gives none: {error}",
            needed >> 20
        ))
    })
}

/// Runs `work` with stack enough to parse `body` and to walk its syntax tree. `None`: the text is nested too deep, its
/// chains are too long, or the system grants no thread with a stack for it.
pub(super) fn with_enough_for_tree<T: Send>(
    body: &str,
    work: impl FnOnce() -> T + Send,
) -> Option<T> {
    let depth = depth::of(body, MAX_ANALYSED);
    if depth.levels > MAX_ANALYSED || depth.bound > MAX_BOUND || depth.links > MAX_LINKS {
        return None;
    }
    let needed = needed(&depth)?.checked_add(depth.links.checked_mul(PER_LINK)?)?;
    with(needed, work).ok()
}

/// Runs `work` with so much stack (bytes).
fn with<T: Send>(needed: usize, work: impl FnOnce() -> T + Send) -> std::io::Result<T> {
    if needed <= CALLER_HAS {
        return Ok(work());
    }
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .name("radpack-deep".to_owned())
            .stack_size(needed)
            .spawn_scoped(scope, work)?;
        // A panic in the thread is a panic here, as if there were no thread.
        Ok(thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// The stack that parsing takes at most (bytes).
fn needed(depth: &Depth) -> Option<usize> {
    depth
        .bound
        .checked_mul(PER_LEVEL)?
        .checked_add(BASE)
        .filter(|&bytes| bytes < isize::MAX as usize / 4)
}
