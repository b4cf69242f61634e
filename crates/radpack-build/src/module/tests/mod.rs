//! Tests of the module readers and of rewriting, by area.

mod agreeing;
mod checking;
mod depth;
mod detecting;
mod reading;
mod rewriting;
