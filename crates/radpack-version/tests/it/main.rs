//! The crate from outside: each module tries one part, most of it on tables and on random input.

mod keys;
mod pins;
mod ranges;
mod selection;
mod specs;
mod support;
mod versions;
