//! Versions, specs and which version a spec gets.
//!
//! Three ideas, one module each for the public part of them:
//!
//! - [`VersionRef`]: a SemVer version that borrows its text, and [`Key`], the same in eight bytes, which decides nearly
//!   every comparison.
//! - [`Spec`]: what stands behind the `@` of an id: pinned, a [`Range`] in npm's grammar, any, or a tag.
//! - [`select`]: which of the available versions a spec gets, and what happens when the one that was asked for is gone.
//!
//! ```
//! use radpack_version::{Fallback, Fit, Spec, TagTarget, VersionRef, select};
//!
//! // 1.0.0 was dropped when 1.0.1 came out; whoever pinned it gets its successor.
//! let available = [VersionRef::new(2, 0, 0), VersionRef::new(1, 0, 1)];
//! let spec = Spec::parse("1.0.0")?;
//! let selected = select(&available[..], &spec, Fallback::SameMajor, |_| TagTarget::Unknown)?;
//! assert_eq!(available[selected.index].to_string(), "1.0.1");
//! assert_eq!(selected.fit, Fit::Nearest);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The crate knows nothing of manifests, registers, files or networks. It is `no_std` with `alloc`, and only
//! [`pin_spec`], [`pin_tilde`] and [`VersionRef::to_semver`] allocate: parsing, matching and selecting do not.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod cursor;
mod error;
mod fallback;
mod grammar;
mod key;
mod outcome;
mod pin;
mod range;
mod select;
mod simple;
mod spec;
mod version;
mod versions;

pub use error::{ErrorKind, SpecError, VersionError};
pub use fallback::{Fallback, FallbackError};
pub use key::Key;
pub use outcome::{Direct, Drift, Fit, Selected, TagTarget, Unavailable, UnavailableKind};
pub use pin::{pin_spec, pin_tilde};
pub use range::{Alternative, Alternatives, Range};
pub use select::{select, select_direct, select_nearest};
pub use simple::Simple;
pub use spec::Spec;
pub use version::{MAX_COMPONENT, VersionRef};
pub use versions::{Versions, sort_newest_first};
