//! Committing: many writers, stores that fail in the middle.
//!
//! The state is a bank that counts what each command of each writer did, so that a lost or doubled effect shows.

mod faults;
mod many;
mod reading;
mod support;
