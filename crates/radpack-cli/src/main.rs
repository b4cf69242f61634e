//! The `radpack` command.
#![forbid(unsafe_code)]
fn main() {}
