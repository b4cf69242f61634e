//! What tests, benches and the demo share: real packages from npm and for Python, fetched once and kept below the cargo target folder.
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

mod fetch;
mod npm;
mod pip;
mod place;

pub use fetch::FetchError;
pub use npm::{BUILD_ORDER, NpmPackage, NpmPackages, npm_packages, npm_packages_in};
pub use pip::{PipPackages, pip_packages_in};
pub use place::{cache_folder, workspace_folder};
