//! The same on every kind of store: a folder, memory, and servers of S3 and Azure Blob Storage that are started for it; and on any other,
//! where `RADPACK_STORE` names one.
//!
//! A server that this machine cannot run is left out, aloud; unless `RADPACK_STORES` is `required`.

mod conformance;
mod failing;
mod places;
mod processes;
#[path = "../history/support.rs"]
mod support;
#[path = "../whole/writing.rs"]
mod writing;
