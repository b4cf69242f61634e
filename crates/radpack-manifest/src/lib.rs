//! `radpack.json`: reading, checking and writing it, and the ids and templates in it.
//!
//! The crate is pure: bytes and texts in, values and texts out; nothing is fetched, opened or resolved here. The format is
//! manifest.md's, and readable by, and from, the Radpack 1.x clients.

#![forbid(unsafe_code)]

mod check;
mod flatten;
mod id;
mod limits;
mod merge;
mod model;
mod normalize;
mod problem;
mod read;
mod register;
mod register_error;
mod retain;
mod template;
mod unknown;
mod wire;
mod write;

pub use flatten::{
    Flatten, FlattenOptions, MAX_REGISTER_DEPTH, MAX_REGISTERS, Wanted, WantedId, base_url,
};
pub use id::{Id, IdError, IdErrorKind, MAX_ID_BYTES};
pub use limits::{Limits, MAX_DEPTH};
pub use merge::merge;
pub use model::{Dependency, Entry, Manifest, Package, Variant};
pub use problem::{MAX_PROBLEMS, ManifestErrors, Problem, ProblemKind};
pub use register::Register;
pub use register_error::{RegisterError, RegisterErrorKind};
pub use template::{DEFAULT_URL, Location, expand, unexpanded, url_of};
pub use unknown::Unknown;
