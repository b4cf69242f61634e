//! The command as users run it: the real program, what it prints on each stream, and its exit code, all of it exactly.

mod program;
mod registers;
mod server;

mod build;
mod check;
mod compile;
mod fetching;
mod general;
mod graph;
mod import_map;
mod local;
mod main_job;
mod merge;
mod pin;
mod register;
mod registry;
mod resolve;
mod select;
mod soak;
