//! A registry over HTTP: manifests, modules and import maps for services and browsers, and commands for people and their tools.
//!
//! [`Service`] follows a [`Registry`](radpack_registry::Registry) and answers from memory: what everybody asks for is made once per release, in
//! every encoding, and sent from then on. It holds no state of its own. Any number of services may run over one store.
//!
//! What an answer was made from stands in its header `Radpack-Moment` ([`ServedMoment`]), and `/at/{moment}/…` gives the same answer for ever.
#![forbid(unsafe_code)]

mod api;
mod caller;
mod encoded;
mod files;
mod happened;
mod listen;
mod live;
mod local;
mod metrics;
mod moment;
mod past;
mod problem;
mod read;
mod scene;
mod service;
mod settings;
mod site;

pub use api::Limits;
pub use listen::{ListenError, Listening, Tls, TlsError, serve};
pub use local::{Fetch, LocalError, LocalRegister, LocalSettings};
pub use moment::ServedMoment;
pub use service::Service;
pub use settings::Settings;
pub use site::{SiteError, SiteOptions, SiteReport, write_site};
