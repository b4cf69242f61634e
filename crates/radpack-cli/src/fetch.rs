//! Fetching registers over http(s). The only place that starts a runtime, and only once something is to be fetched.
//!
//! Bounds: so many bytes, a few redirects, none of them from https to http or to another scheme, and times after which it is
//! given up. What a register means, and what is nested in it, is no concern of this file.

use std::error::Error;
use std::time::Duration;

use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, ClientBuilder, Url};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::failure::{Failure, Word};

/// How many fetches run at once.
const AT_ONCE: usize = 16;
const MOST_REDIRECTS: usize = 5;
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// Between two pieces of an answer.
const SILENCE_TIME: Duration = Duration::from_secs(30);
const WHOLE_TIME: Duration = Duration::from_secs(300);

/// Fetches with one connection pool, on this thread.
pub(crate) struct Fetcher {
    runtime: Runtime,
    client: Client,
    /// Why https cannot be had, where it cannot: a machine may have no certificates, and still be served over http.
    without_https: Option<Failure>,
    most_bytes: usize,
}

impl Fetcher {
    /// A fetcher that takes answers of up to `most_bytes`.
    pub(crate) fn new(most_bytes: usize) -> Result<Self, Failure> {
        // Whoever came first has installed the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let failed = |error: &(dyn Error + 'static)| {
            Failure::new(Word::Fetch, "cannot set up fetching over http(s)").caused_by(error)
        };
        let (client, without_https) = match settings().build() {
            Ok(client) => (client, None),
            Err(error) => {
                let message = "cannot fetch over https; see that this machine has its certificates \
                    (such as the package ca-certificates)";
                let failure = Failure::new(Word::Fetch, message).caused_by(&error);
                let client = settings().tls_certs_only([]).build();
                (client.map_err(|error| failed(&error))?, Some(failure))
            }
        };
        let runtime = Builder::new_current_thread().enable_all().build();
        Ok(Self {
            runtime: runtime.map_err(|error| failed(&error))?,
            client,
            without_https,
            most_bytes,
        })
    }

    /// Fetches several URLs, many at once; the answers stand in the order of the URLs.
    pub(crate) fn fetch_all(&self, urls: &[Url]) -> Vec<Result<Vec<u8>, Failure>> {
        let mut answers = Vec::with_capacity(urls.len());
        for some in urls.chunks(AT_ONCE) {
            answers.extend(self.runtime.block_on(self.fetch_some(some)));
        }
        answers
    }

    async fn fetch_some(&self, urls: &[Url]) -> Vec<Result<Vec<u8>, Failure>> {
        let mut running = JoinSet::new();
        for (position, url) in urls.iter().enumerate() {
            let (client, url, most_bytes) = (self.client.clone(), url.clone(), self.most_bytes);
            let refused = self.without_https.clone();
            running.spawn(async move {
                let answer = match refused {
                    Some(failure) if url.scheme() == "https" => Err(failure),
                    _ => fetch(&client, url, most_bytes).await,
                };
                (position, answer)
            });
        }
        let mut answers: Vec<_> = running.join_all().await;
        answers.sort_by_key(|(position, _)| *position);
        answers.into_iter().map(|(_, answer)| answer).collect()
    }
}

fn settings() -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("radpack/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::custom(follow))
        .connect_timeout(CONNECT_TIME)
        .read_timeout(SILENCE_TIME)
        .timeout(WHOLE_TIME)
}

async fn fetch(client: &Client, url: Url, most_bytes: usize) -> Result<Vec<u8>, Failure> {
    let failed = |error: reqwest::Error| {
        // the URL stands in the message; the client's own "error sending request for url (…)" says nothing more
        let error = error.without_url();
        let failure = Failure::new(Word::Fetch, format!("cannot fetch {url}"));
        match error.source() {
            Some(source) => failure.caused_by(source),
            None => failure.caused_by(&error),
        }
    };
    let mut response = client.get(url.clone()).send().await.map_err(failed)?;
    let status = response.status();
    if !status.is_success() {
        return Err(Failure::new(
            Word::Fetch,
            format!("cannot fetch {url}: the server answered {status}"),
        ));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if bytes.len() + chunk.len() > most_bytes {
            return Err(Failure::new(
                Word::Fetch,
                format!("cannot fetch {url}: the answer has more than {most_bytes} bytes"),
            ));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn follow(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    if attempt.previous().len() > MOST_REDIRECTS {
        return attempt.error(Refused("redirected more than 5 times"));
    }
    let was_secure = attempt
        .previous()
        .last()
        .is_some_and(|url| url.scheme() == "https");
    match attempt.url().scheme() {
        "https" => attempt.follow(),
        "http" if was_secure => attempt.error(Refused("redirected from https to http")),
        "http" => attempt.follow(),
        _ => attempt.error(Refused("redirected to something else than http or https")),
    }
}

/// A redirect that is not followed.
#[derive(Debug)]
struct Refused(&'static str);

impl std::fmt::Display for Refused {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.0)
    }
}

impl Error for Refused {}
