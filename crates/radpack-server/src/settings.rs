//! What a service is told when it is made: limits, and what everybody may see.

use std::time::Duration;

use radpack_registry::state::package::RELEASE;

use crate::api::Limits;

/// How a service behaves.
///
/// ```
/// use radpack_server::Settings;
///
/// let settings = Settings { public_channels: vec!["release".into(), "staging".into()], ..Settings::default() };
/// assert!(settings.is_public("staging"));
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    /// The channels that need no token. By default `release`: what users get.
    pub public_channels: Vec<String>,
    /// How often is looked for what others have committed. By default twice a second.
    pub look: Duration,
    /// How long what changes with the next release may be kept by browsers and others in between. By default five seconds.
    pub max_age: Duration,
    /// Whether browsers reach it by HTTPS: for absolute URLs, where `public_url` does not say.
    pub tls: bool,
    /// Where browsers reach this service, if that is not where they say that they do: for absolute URLs.
    pub public_url: Option<url::Url>,
    /// How much of modules is kept in memory (bytes). By default 256 MiB.
    pub module_memory: u64,
    /// How much of manifests, import maps and indexes of the past, and of closures, is kept in memory (bytes). By default 256 MiB.
    pub manifest_memory: u64,
    /// How many may listen to `/events` at once. By default 4,096.
    pub listeners: usize,
    /// How many moments of the past are read at once, for each takes a fold. By default two.
    pub past_at_once: usize,
    /// In whose name `/api` serves those who have no token. By default nobody's: commands, and what is not released, take a token. Only for
    /// a service that nobody else reaches, for everything is allowed then; what a browser's page asks, or a proxy passes on, takes one
    /// nevertheless.
    pub trusted: Option<String>,
    /// How many proxies stand in front, one behind the other, each of which adds to `X-Forwarded-For` whom it was reached from: limits are
    /// for the address that the outermost one adds. By default none: what that header says is not looked at, for anybody may send it.
    pub trusted_proxies: usize,
    /// How much of `/api` one caller may use.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            public_channels: vec![RELEASE.to_owned()],
            look: Duration::from_millis(500),
            max_age: Duration::from_secs(5),
            tls: false,
            public_url: None,
            module_memory: 256 << 20,
            manifest_memory: 256 << 20,
            listeners: 4_096,
            past_at_once: 2,
            trusted: None,
            trusted_proxies: 0,
            limits: Limits::default(),
        }
    }
}

impl Settings {
    /// Whether a channel needs no token.
    #[must_use]
    pub fn is_public(&self, channel: &str) -> bool {
        self.public_channels.iter().any(|public| public == channel)
    }
}
