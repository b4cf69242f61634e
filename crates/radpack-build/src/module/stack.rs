//! Room for the parser's recursion: on the calling thread where that surely suffices, else on a thread of its own.
//!
//! The parser takes stack for every level of nesting, and a program that runs out of stack is killed, not told. So the
//! depth is bounded from above before the parser runs (see [`depth`](super::depth)), and the stack made to measure. It
//! is only reserved; pages that nesting does not reach cost nothing.

use std::thread;

use super::depth::{self, Depth};
use super::{ModuleError, ModuleErrorKind};

/// Stack that one level may take (bytes). Measured with oxc_parser 0.146 over 70 ways to nest: at most 3.5 KiB optimized
/// (methods in object literals) and 7.8 KiB unoptimized (methods in classes).
const PER_LEVEL: usize = 12 << 10;

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
    if needed <= CALLER_HAS {
        return Ok(work());
    }
    let spawned = thread::scope(|scope| {
        let thread = thread::Builder::new()
            .name("radpack-deep".to_owned())
            .stack_size(needed)
            .spawn_scoped(scope, work)?;
        // A panic in the thread is a panic here, as if there were no thread.
        Ok(thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    spawned.or_else(|error: std::io::Error| {
        too_large(format!(
            "parsing this takes up to {} MiB of stack, and the system gives none: {error}",
            needed >> 20
        ))
    })
}

/// The stack that a depth takes at most (bytes).
fn needed(depth: &Depth) -> Option<usize> {
    depth
        .bound
        .checked_mul(PER_LEVEL)?
        .checked_add(BASE)
        .filter(|&bytes| bytes < isize::MAX as usize / 4)
}
