//! The long-form pages of `docs/`, compiled, so that what they show runs.
//!
//! They are part of the documentation only: nothing in here can be used. A page whose examples need a feature is there where that
//! feature is on.

#[cfg_attr(feature = "manifest", doc = include_str!("../docs/manifest.md"))]
#[cfg_attr(
    not(feature = "manifest"),
    doc = "The page comes with the feature `manifest`."
)]
pub mod manifest {}

#[cfg_attr(feature = "build", doc = include_str!("../docs/building.md"))]
#[cfg_attr(
    not(feature = "build"),
    doc = "The page comes with the feature `build`."
)]
pub mod building {}

#[cfg_attr(feature = "resolve", doc = include_str!("../docs/resolving.md"))]
#[cfg_attr(
    not(feature = "resolve"),
    doc = "The page comes with the feature `resolve`."
)]
pub mod resolving {}

// Its program needs what a build script has left, so its examples run where there is one: in radpack-embedded-example.
#[cfg_attr(all(feature = "embed", not(doctest)), doc = include_str!("../docs/embedding.md"))]
#[cfg_attr(
    not(feature = "embed"),
    doc = "The page comes with the feature `embed`."
)]
pub mod embedding {}

#[cfg_attr(feature = "loader", doc = "[observability]: self::observability")]
#[cfg_attr(feature = "loader", doc = include_str!("../docs/loading.md"))]
#[cfg_attr(
    not(feature = "loader"),
    doc = "The page comes with the feature `loader`."
)]
pub mod loading {}

#[cfg_attr(feature = "loader", doc = include_str!("../docs/observability.md"))]
#[cfg_attr(
    not(feature = "loader"),
    doc = "The page comes with the feature `loader`."
)]
pub mod observability {}

#[cfg_attr(
    feature = "registry",
    doc = "[stores]: self::stores\n[building]: self::building"
)]
#[cfg_attr(feature = "registry", doc = include_str!("../docs/registry.md"))]
#[cfg_attr(
    not(feature = "registry"),
    doc = "The page comes with the feature `registry`."
)]
pub mod registry {}

#[cfg_attr(feature = "registry", doc = include_str!("../docs/stores.md"))]
#[cfg_attr(
    not(feature = "registry"),
    doc = "The page comes with the feature `registry`."
)]
pub mod stores {}

// The first definition of a link counts: here it leads to the page, in the file to the file.
#[doc = "[building]: self::building\n[local]: self::local\n[registry]: self::registry\n[serves]: self::http_api"]
#[doc = include_str!("../docs/command-line.md")]
pub mod command_line {}

// What it shows is a service's, which this cannot run.
#[cfg_attr(
    not(doctest),
    doc = "[building]: self::building\n[resolving]: self::resolving"
)]
#[cfg_attr(not(doctest), doc = include_str!("../docs/local.md"))]
pub mod local {}

#[doc = "[command line]: self::command_line\n[limits]: self::security"]
#[doc = include_str!("../docs/http-api.md")]
pub mod http_api {}

#[doc = "[HTTP API]: self::http_api\n[registry]: self::registry\n[security]: self::security\n[stores]: self::stores"]
#[doc = include_str!("../docs/deploying.md")]
pub mod deploying {}

#[doc = "[building]: self::building\n[command line]: self::command_line\n[deploying]: self::deploying"]
#[doc = include_str!("../docs/security.md")]
pub mod security {}
