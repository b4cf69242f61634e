//! What tests, benches and the demo share: real packages from npm, fetched once and kept below the cargo target folder.
//!
//! A development dependency only; nothing that is shipped uses it. `fixtures/npm/README.md` says what the packages are and why.
//!
//! ```no_run
//! let packages = radpack_testkit::npm_packages()?;
//! for package in radpack_testkit::BUILD_ORDER {
//!     println!("{}@{} is in {}", package.name, package.version, packages.folder(package).display());
//! }
//! # Ok::<(), radpack_testkit::FetchError>(())
//! ```
#![forbid(unsafe_code)]

mod npm;
mod place;

pub use npm::{BUILD_ORDER, FetchError, NpmPackage, NpmPackages, npm_packages, npm_packages_in};
pub use place::{cache_folder, workspace_folder};
