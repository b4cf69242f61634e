//! Modules at run time: registers read and watched, ids resolved, whole closures fetched and verified.
//!
//! A [`Radpack`] is what a service keeps for its whole life. It reads registers and swaps to new ones without a request noticing;
//! answers ids from memory, without waiting; and fetches a module with everything that it needs, all at once.
//!
//! ```no_run
//! use radpack_loader::Radpack;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let radpack = Radpack::builder()
//!     .register("https://cdn.example/design-system/radpack.json")
//!     .context("region", "eu")
//!     .build()
//!     .await?;
//!
//! // Which file serves this now? No waiting, no lock, no network.
//! let found = radpack.resolve("buttons@^2/primary")?;
//! println!("{} is at {:?}", found.pinned_id(), found.url()?);
//!
//! // The module with all it needs, in the order in which it runs, verified.
//! let loaded = radpack.load("buttons@^2/primary").await?;
//! for module in loaded.modules() {
//!     println!("{}: {} bytes", module.pinned_id(), module.bytes().len());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! | for | there is |
//! |---|---|
//! | what can be registered | [`Source`]; [`Builder::register`], [`Builder::optional`], [`Radpack::register`], [`Radpack::ready`] |
//! | answers | [`Radpack::resolve`]; [`Radpack::snapshot`] for those that belong together, [`Radpack::reader`] for very many |
//! | bytes | [`Radpack::load`], [`Loaded`], [`Radpack::load_graph`], [`Integrity`] |
//! | lists for browsers | [`Radpack::urls`], [`Radpack::preload`], [`Radpack::link_headers`], [`Radpack::import_map`] |
//! | handing over to Radpack 1.x in a browser | [`Radpack::dehydrate`], [`Builder::hydrate`] |
//! | views | [`Radpack::with_scope`], [`Radpack::with_context`], [`Radpack::with_overrides`] |
//! | noticing changes | [`WatchOptions`], [`Radpack::changes`], [`Builder::on_change`], [`Radpack::refresh`], [`Radpack::status`] |
//! | fetching | [`FetchOptions`], [`Source::fallback`], [`Builder::disk`] |
//! | what it reports | [`names`] |
#![cfg_attr(
    feature = "tower",
    doc = "| a snapshot for each request | [`RadpackLayer`] |"
)]
#![cfg_attr(
    feature = "quickjs",
    doc = "| running what was loaded | [`quickjs::Modules`] |"
)]
//!
//! Which version a spec gets is the index's business ([`radpack_resolve`]), what a manifest means `radpack-manifest`'s. This crate runs
//! on tokio; whoever has no use for that resolves with an index alone.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod cache;
mod change;
mod current;
mod disk;
mod engine;
mod error;
mod fetch;
mod flight;
#[cfg(test)]
mod flight_model;
mod graph;
mod hydrate;
mod integrity;
mod lists;
mod load;
pub mod names;
mod options;
mod overrides;
mod plan;
#[cfg(feature = "quickjs")]
pub mod quickjs;
mod radpack;
mod record;
mod register;
mod snapshot;
mod source;
mod stack;
mod status;
#[cfg(test)]
mod swap_model;
#[cfg(feature = "tower")]
mod tower;
mod watch;
mod work;

pub use builder::Builder;
pub use change::{Change, Moved, PackageVersion};
pub use error::{LoadError, LoadErrorKind};
pub use graph::{GraphId, NoGraphId};
pub use integrity::Integrity;
pub use load::{Loaded, Module};
pub use options::{FetchOptions, WatchOptions};
pub use radpack::Radpack;
pub use radpack_resolve::{ImportMap, Preload};
pub use snapshot::{Reader, Resolved, Snapshot};
pub use source::Source;
pub use status::{RegisterStatus, Standing, Status};
#[cfg(feature = "tower")]
pub use tower::{Preloads, RadpackLayer, RadpackService};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_can_be_sent_and_shared() {
        fn check<T: Send + Sync>() {}
        check::<Radpack>();
        check::<Builder>();
        check::<Snapshot>();
        check::<Resolved<'_>>();
        check::<Reader>();
        check::<Loaded>();
        check::<LoadError>();
        check::<Source>();
        check::<Change>();
        check::<Status>();
    }
}
