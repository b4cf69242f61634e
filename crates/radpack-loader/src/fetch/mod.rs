//! Fetching one thing by policy: from its URL or a mirror, with retries, within limits, over http(s) or from a file.
//!
//! What comes is checked by the caller before it counts as come: bytes that are not the right ones are like a failure of that URL, and
//! the next mirror is asked. What is kept, and who waits for it together, is not decided here.

mod file;
mod hosts;
mod http;
mod retry;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Client;
use tokio::sync::Semaphore;
use url::Url;

use crate::error::{LoadError, LoadErrorKind};
use crate::names;
use crate::options::FetchOptions;

pub(crate) use retry::backoff;

use hosts::Hosts;

/// What is fetched: their limits differ, and counters tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Manifest,
    Module,
}

impl What {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            What::Manifest => "manifest",
            What::Module => "module",
        }
    }
}

/// What a server says about a version of a file, to ask later whether it still is that one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Validators {
    /// The URL that said so: mirrors may number their files differently.
    pub(crate) url: String,
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
}

/// What to fetch.
pub(crate) struct Ask<'a> {
    pub(crate) what: What,
    /// The URL and its mirrors, in the order in which they are asked.
    pub(crate) urls: &'a [String],
    /// Of the version that is there already.
    pub(crate) validators: Option<&'a Validators>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Answer {
    Bytes(Bytes, Validators),
    /// The version that is there already still is the one.
    NotModified,
}

/// Fetches. One for all copies of a loader: it holds the connections.
pub(crate) struct Fetcher {
    client: Client,
    /// Why https cannot be had, where it cannot: a machine may have no certificates, and still be served over http.
    without_https: Option<LoadError>,
    options: FetchOptions,
    allowed: Option<Arc<Hosts>>,
    permits: Semaphore,
}

impl Fetcher {
    pub(crate) fn new(options: FetchOptions) -> Result<Self, LoadError> {
        let options = options.bounded();
        let allowed = match options.allowed_hosts.as_deref().map(Hosts::parse) {
            None => None,
            Some(Ok(hosts)) => Some(Arc::new(hosts)),
            Some(Err(text)) => {
                let message = format!(
                    "{text:?} among the allowed hosts is no host; write `host`, `host:port` or `*.domain`"
                );
                return Err(LoadError::new(LoadErrorKind::Setup, message));
            }
        };
        let (client, without_https) = http::client(&options, allowed.as_ref())?;
        Ok(Fetcher {
            client,
            without_https,
            allowed,
            permits: Semaphore::new(options.at_once.clamp(1, Semaphore::MAX_PERMITS)),
            options,
        })
    }

    pub(crate) fn options(&self) -> &FetchOptions {
        &self.options
    }

    /// Whether there is an allow-list, and the URL is on it.
    pub(crate) fn is_listed(&self, url: &Url) -> bool {
        self.allowed.as_ref().is_some_and(|hosts| hosts.allow(url))
    }

    /// Fetches, and has the bytes checked. All URLs are asked in turn; then, where one of them may get better, again after a while.
    ///
    /// The error is that of the first URL: mirrors are expected to hold less.
    pub(crate) async fn fetch(
        &self,
        ask: &Ask<'_>,
        check: impl Fn(&Bytes, &str) -> Result<(), LoadError>,
    ) -> Result<Answer, LoadError> {
        let mut left: Vec<&String> = ask.urls.iter().collect();
        let mut attempt = 1;
        let mut first: Option<LoadError> = None;
        loop {
            let mut wait: Option<Duration> = None;
            let mut again = Vec::new();
            for url in left {
                let answer = self.once(ask, url).await.and_then(|answer| {
                    if let Answer::Bytes(bytes, _) = &answer {
                        check(bytes, url)?;
                    }
                    Ok(answer)
                });
                let error = match answer {
                    Ok(answer) => {
                        names::fetched(ask.what, &answer);
                        return Ok(answer);
                    }
                    Err(error) => error,
                };
                names::fetch_failed(ask.what, url, attempt, &error);
                if error.is_transient() {
                    again.push(url);
                    let asked = error.retry_after().unwrap_or_default();
                    wait = Some(wait.map_or(asked, |least| least.min(asked)));
                }
                if first.is_none() || ask.urls.first() == Some(url) {
                    first = Some(error);
                }
            }
            let pause = wait.map(|asked| {
                let options = &self.options;
                let own = backoff(
                    attempt,
                    options.backoff,
                    options.longest_backoff,
                    fastrand::f64(),
                );
                asked.max(own)
            });
            match pause {
                Some(pause)
                    if attempt < self.options.attempts && pause <= self.options.longest_backoff =>
                {
                    tokio::time::sleep(pause).await;
                }
                _ => {
                    let nothing = || LoadError::new(LoadErrorKind::Url, "there is no URL to fetch");
                    return Err(first.unwrap_or_else(nothing));
                }
            }
            attempt += 1;
            left = again;
        }
    }

    /// One attempt at one URL.
    async fn once(&self, ask: &Ask<'_>, text: &str) -> Result<Answer, LoadError> {
        let url = Url::parse(text).map_err(|error| {
            LoadError::new(LoadErrorKind::Url, format!("{text:?} is no URL"))
                .at(text)
                .because(error)
        })?;
        let limit = match ask.what {
            What::Manifest => self.options.manifest_bytes,
            What::Module => self.options.module_bytes,
        };
        let validators = ask.validators.filter(|validators| validators.url == text);
        match url.scheme() {
            "file" => {
                let bytes = file::read(&url, limit).await?;
                Ok(Answer::Bytes(bytes, Validators::default()))
            }
            "http" | "https" => {
                if let (Some(error), "https") = (&self.without_https, url.scheme()) {
                    return Err(error.clone());
                }
                if let Some(hosts) = &self.allowed
                    && !hosts.allow(&url)
                {
                    return Err(refused(text, "its host is not among the allowed ones"));
                }
                let _permit = self.permits.acquire().await;
                http::get(&self.client, url, limit, validators).await
            }
            _ => Err(refused(text, "only http, https and file URLs are fetched")),
        }
    }
}

fn refused(url: &str, why: &str) -> LoadError {
    LoadError::new(
        LoadErrorKind::Refused,
        format!("{url} is not fetched: {why}"),
    )
    .at(url)
}

fn too_large(url: &str, limit: usize) -> LoadError {
    LoadError::new(
        LoadErrorKind::TooLarge,
        format!("{url} has more than {limit} bytes; the limit can be set"),
    )
    .at(url)
}
