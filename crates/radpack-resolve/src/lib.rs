//! A manifest compiled for look-up: which file serves `name@spec/entry`, in nanoseconds.
#![deny(unsafe_code)]

mod batch;
mod closest;
mod closure;
mod compile;
mod error;
mod format;
mod found;
mod hash;
mod hot;
mod import_map;
mod index;
mod list;
mod manifests;
mod map;
mod memo;
mod pages;
mod query;
mod split;
mod storage;

pub use compile::Layer;
pub use error::{IndexError, IndexErrorKind, ResolveError, ResolveErrorKind};
pub use found::{Dependencies, Dependency, Found, Located};
pub use import_map::{Gathering, ImportMap, ImportMapError, Preload, Unmapped};
pub use index::Index;
pub use list::{Entry, Package};
pub use memo::Memo;
pub use query::Query;
