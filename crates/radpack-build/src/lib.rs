//! From package folders to hashed files and a pruned `radpack.json`.
//!
//! [`Build`] takes a folder with a `package.json` and ES modules, finds its entries and every module they lead to, pins what
//! they import from other packages against registers, and writes files named by their contents together with a manifest in
//! which older versions are pruned. [`module`] reads and rewrites a single module and may be used without the rest.
#![forbid(unsafe_code)]

mod build;
mod chunks;
mod components;
#[cfg(test)]
mod crash_tests;
#[cfg(feature = "embed")]
mod embed;
mod entries;
mod error;
mod exports;
mod folder;
mod graph;
mod locate;
mod lock;
mod maps;
mod merge;
pub mod module;
mod names;
mod options;
mod output;
mod package_json;
mod package_name;
mod pins;
mod plan;
mod prebuilt;
mod prune;
mod registers;
mod report;
mod setup;
mod source;
mod sweep;

pub use build::{Build, Description, Pins};
#[cfg(feature = "embed")]
pub use embed::{EmbedError, embed};
pub use error::{BuildError, ErrorKind, Problem};
pub use options::{EntryOption, EntryOptionError, Location, Options, Source};
pub use package_name::check_package_name;
pub use report::{
    BuiltEntry, Change, FileAction, LeftOut, LeftOutReason, MovedTag, OutputFile, Pin, Reason,
    Report, Timings, VersionChange, Warning,
};
