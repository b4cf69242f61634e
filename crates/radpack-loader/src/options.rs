//! How the loader fetches: times, sizes, retries, hosts.

use std::time::Duration;

/// How registers and modules are fetched. The defaults suit a service near its content delivery network.
///
/// ```
/// use std::time::Duration;
/// use radpack_loader::FetchOptions;
///
/// let options = FetchOptions {
///     attempts: 5,
///     allowed_hosts: Some(vec!["cdn.example".into(), "*.modules.example".into()]),
///     ..FetchOptions::default()
/// };
/// assert_eq!(options.timeout, Duration::from_secs(60));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchOptions {
    /// Until a connection stands: 5 s.
    pub connect_timeout: Duration,
    /// Between two pieces of an answer: 10 s.
    pub silence_timeout: Duration,
    /// For one attempt, redirects and body included: 60 s.
    pub timeout: Duration,
    /// How often each is tried before it is given up, the first time included: 3. Only what may pass is tried again: connections that
    /// fail or break off, time-outs, and the statuses 408, 425, 429, 500, 502, 503 and 504.
    pub attempts: u32,
    /// Before the second attempt, at most; doubled for each further one, and a random part of it taken: 100 ms.
    pub backoff: Duration,
    /// The longest wait between two attempts: 5 s. Where a server asks for more by `Retry-After`, it is given up at once, and the
    /// watch waits as long as the server asks.
    pub longest_backoff: Duration,
    /// How many redirects are followed: 5. None leads to another scheme.
    pub redirects: usize,
    /// The only hosts that are asked, redirects included: `host`, `host:port`, or `*.domain` for all below it. `None`, the default,
    /// allows all. Files and what is in memory are not concerned.
    pub allowed_hosts: Option<Vec<String>>,
    /// Certificates of authorities that are trusted for https beside those of this machine, such as that of a company: texts in PEM,
    /// each with one certificate or more. None, unless it is said otherwise.
    pub root_certificates: Vec<String>,
    /// The largest manifest, in bytes, uncompressed: 64 MiB. It bounds all that one register leads to, together.
    pub manifest_bytes: usize,
    /// The largest module, in bytes, uncompressed: 32 MiB.
    pub module_bytes: usize,
    /// How many fetches run at once: 64. Over HTTP/2 they share connections.
    pub at_once: usize,
}

impl Default for FetchOptions {
    fn default() -> Self {
        FetchOptions {
            connect_timeout: Duration::from_secs(5),
            silence_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(60),
            attempts: 3,
            backoff: Duration::from_millis(100),
            longest_backoff: Duration::from_secs(5),
            redirects: 5,
            allowed_hosts: None,
            root_certificates: Vec::new(),
            manifest_bytes: 64 << 20,
            module_bytes: 32 << 20,
            at_once: 64,
        }
    }
}

/// How registers are watched.
///
/// ```
/// use std::time::Duration;
/// use radpack_loader::WatchOptions;
///
/// assert_eq!(WatchOptions::default().time_to_stale, Duration::from_secs(300));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchOptions {
    /// How old a register may get before it is asked for again: 5 min. Up to a tenth is added or taken away at random, so that many
    /// processes do not ask at the same moment. To ask never again by itself, turn [`in_background`](Self::in_background) off.
    pub time_to_stale: Duration,
    /// After a failure, doubled for each further one, up to the time to stale; half of it is random: 1 s.
    pub backoff: Duration,
    /// Whether a task in the background does it: yes. Without, [`Radpack::refresh`](crate::Radpack::refresh) does.
    pub in_background: bool,
}

impl Default for WatchOptions {
    fn default() -> Self {
        WatchOptions {
            time_to_stale: Duration::from_secs(300),
            backoff: Duration::from_secs(1),
            in_background: true,
        }
    }
}

/// The longest wait. A runtime's clock cannot tell longer ones, such as `Duration::MAX`, from now.
const LONGEST: Duration = Duration::from_secs(30 * 365 * 86_400);

/// The shortest wait between two looks at a register: without any, a machine would do nothing else.
const SHORTEST: Duration = Duration::from_millis(1);

impl WatchOptions {
    /// The same, with waits that can be waited.
    pub(crate) fn bounded(self) -> Self {
        WatchOptions {
            time_to_stale: self.time_to_stale.clamp(SHORTEST, LONGEST),
            backoff: self.backoff.clamp(SHORTEST, LONGEST),
            ..self
        }
    }
}

impl FetchOptions {
    /// The same, with waits that can be waited.
    pub(crate) fn bounded(self) -> Self {
        FetchOptions {
            connect_timeout: self.connect_timeout.min(LONGEST),
            silence_timeout: self.silence_timeout.min(LONGEST),
            timeout: self.timeout.min(LONGEST),
            backoff: self.backoff.min(LONGEST),
            longest_backoff: self.longest_backoff.min(LONGEST),
            ..self
        }
    }
}
