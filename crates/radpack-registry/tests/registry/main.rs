//! What a registry comes to, command for command: as the page of its rules says, and as an independent model of it computes.

mod checkpoints;
mod model;
mod random;
mod recorded;
mod requests;
mod rules;
mod support;
mod together;
