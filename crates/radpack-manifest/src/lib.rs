//! `radpack.json`: reading, checking and writing it, and the ids, templates and nested registers around it.
//!
//! The crate is pure: bytes and texts in, values and texts out. Nothing is fetched, opened or resolved here. Registers can be
//! read from, and written for, Radpack 1.x.
//!
//! | for | there is |
//! |---|---|
//! | reading a manifest, with everything that is wrong with it | [`Manifest::from_slice`], [`ManifestErrors`], [`Limits`] |
//! | building one | [`Manifest`] and its parts, [`Manifest::validate`], [`Package::retain_versions`] |
//! | the same bytes for the same manifest | [`Manifest::to_json`], [`Manifest::normalize`] |
//! | what stands for a manifest: URLs, lists, nesting | [`Register`], [`Flatten`] |
//! | several manifests in one file | [`merge`], [`Manifest::rebase`] |
//! | `[@scope/]name[@spec][/entry…]` | [`Id`] |
//! | `${name}` in URLs and ids | [`expand`], [`url_of`] |
//!
//! From bytes to the URL of an entry, the long way; which version a spec gets, and all that has to be fast, is the resolver's:
//!
//! ```
//! use radpack_manifest::{Flatten, Location, Register, url_of};
//!
//! let json = br#"{"exports": {"shapes": {"v": [[2, 0, 1]], "d": [["index", [{"v": [0], "f": "index-9d81.js"}]]]}}}"#;
//! let register = Register::from_slice(json)?;
//! let manifests = Flatten::new(Some("https://cdn.example/acme/radpack.json"), register).finish()?;
//!
//! let manifest = &manifests[0];
//! let entry = manifest.exports["shapes"].entry("index").expect("it is there");
//! let variant = entry.variant_at(0).expect("it has the newest version");
//! let location = Location { name: "shapes", entry: "index", file: variant.file.as_deref(), url: variant.url.as_deref() };
//! let url = url_of(&location, &manifest.vars, |_| None);
//! assert_eq!(url.as_deref(), Some("https://cdn.example/acme/index-9d81.js"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod beyond;
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
