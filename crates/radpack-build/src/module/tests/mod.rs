//! Tests of the module readers and of rewriting, by area.

mod agreeing;
mod depth;
mod detecting;
mod reading;
mod rewriting;
