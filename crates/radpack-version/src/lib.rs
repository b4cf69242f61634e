//! Versions, specs and which version a spec gets.
#![forbid(unsafe_code)]
