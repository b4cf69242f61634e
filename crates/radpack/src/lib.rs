//! Which file serves `name@spec/entry`: build, resolve and embed module registers.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "build")]
#[doc(inline)]
pub use radpack_build as build;
#[cfg(feature = "manifest")]
#[doc(inline)]
pub use radpack_manifest as manifest;
#[cfg(feature = "resolve")]
pub use radpack_resolve::{
    Dependencies, Dependency, Entry, Found, Index, IndexError, IndexErrorKind, Layer, Memo,
    Package, Query, ResolveError, ResolveErrorKind, include_index,
};
#[doc(inline)]
pub use radpack_version as version;
pub use radpack_version::{Drift, Fallback, Fit, Spec, VersionRef};
