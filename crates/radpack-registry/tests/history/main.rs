//! Committing: many writers, stores that fail in the middle, processes that are killed.
//!
//! The state is a bank that counts what each command of each writer did, so that a lost or doubled effect shows.

mod faults;
mod killed;
mod many;
mod reading;
mod support;
