//! The loader against a server on this machine that misbehaves on demand.

mod browsers;
mod changes;
mod counters;
mod disk;
mod faults;
#[cfg(feature = "tower")]
mod layer;
mod loading;
mod random;
mod registers;
mod server;
mod tls;
mod views;
mod watching;

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use radpack_loader::{Builder, FetchOptions, Radpack, WatchOptions};
use sha2::Digest as _;

/// Waits of a few milliseconds between attempts, and none that a busy machine could exceed.
pub(crate) fn quick() -> FetchOptions {
    FetchOptions {
        backoff: Duration::from_millis(1),
        longest_backoff: Duration::from_millis(50),
        connect_timeout: Duration::from_secs(30),
        silence_timeout: Duration::from_secs(30),
        timeout: Duration::from_secs(60),
        ..FetchOptions::default()
    }
}

/// A builder that fetches without long waits and watches nothing.
pub(crate) fn builder() -> Builder {
    Radpack::builder().fetch(quick()).watch(WatchOptions {
        in_background: false,
        ..WatchOptions::default()
    })
}

/// The integrity of some bytes.
pub(crate) fn integrity(bytes: &[u8]) -> String {
    format!(
        "sha384-{}",
        BASE64_STANDARD.encode(sha2::Sha384::digest(bytes))
    )
}

/// A manifest of one package with one version, whose file is `NAME.js` with those contents.
pub(crate) fn manifest(name: &str, version: &str, contents: &[u8]) -> String {
    let integrity = integrity(contents);
    format!(
        r#"{{"exports":{{"{name}":{{"v":[{version}],"d":[["index",[{{"v":[0],"f":"{name}.js","i":"{integrity}"}}]]]}}}}}}"#
    )
}
