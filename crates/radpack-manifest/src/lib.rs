//! `radpack.json`: reading, checking and writing it, and the ids and templates in it.
//!
//! The crate is pure: bytes and texts in, values and texts out; nothing is fetched, opened or resolved here. The format is
//! manifest.md's, and readable by, and from, the Radpack 1.x clients.

#![forbid(unsafe_code)]

mod check;
mod id;
mod limits;
mod model;
mod normalize;
mod problem;
mod read;
mod register;
mod wire;
mod write;

pub use id::{Id, IdError, IdErrorKind, MAX_ID_BYTES};
pub use limits::{Limits, MAX_DEPTH};
pub use model::{Dependency, Entry, Manifest, Package, Variant};
pub use problem::{MAX_PROBLEMS, ManifestErrors, Problem, ProblemKind};
pub use register::Register;
