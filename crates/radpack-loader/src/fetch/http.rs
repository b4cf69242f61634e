//! One GET over http(s): conditional, redirects by policy, the body within a limit.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use reqwest::header::{
    ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use reqwest::redirect::{Action, Attempt, Policy};
use reqwest::{Certificate, Client, ClientBuilder, Response, StatusCode};
use url::Url;

use super::hosts::Hosts;
use super::{Answer, Validators, refused, retry, too_large};
use crate::error::{LoadError, LoadErrorKind};
use crate::options::FetchOptions;

/// A client by the options; and why it cannot do https, where it cannot.
pub(crate) fn client(
    options: &FetchOptions,
    allowed: Option<&Arc<Hosts>>,
) -> Result<(Client, Option<LoadError>), LoadError> {
    // Where the program has chosen one already, that one stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let roots = root_certificates(&options.root_certificates)?;
    let settings = || -> ClientBuilder {
        let redirects = options.redirects;
        let hosts = allowed.cloned();
        Client::builder()
            .user_agent(concat!("radpack-loader/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::custom(move |attempt| {
                follow(attempt, redirects, hosts.as_deref())
            }))
            // Where one host redirects to another, the other need not know what was asked of the first.
            .referer(false)
            .connect_timeout(options.connect_timeout)
            .read_timeout(options.silence_timeout)
            .timeout(options.timeout)
    };
    match settings().tls_certs_merge(roots.clone()).build() {
        Ok(client) => Ok((client, None)),
        Err(error) => {
            let message = "cannot fetch over https; see that this machine has its certificates (such as the package \
                ca-certificates)";
            // With certificates of its own, it needs none of the machine.
            let without_https = roots
                .is_empty()
                .then(|| LoadError::new(LoadErrorKind::Fetch, message).because(error));
            let client = settings().tls_certs_only(roots).build().map_err(|error| {
                LoadError::new(LoadErrorKind::Setup, "cannot set up fetching over http(s)")
                    .because(error)
            })?;
            Ok((client, without_https))
        }
    }
}

/// Certificates as PEM texts have them.
fn root_certificates(texts: &[String]) -> Result<Vec<Certificate>, LoadError> {
    let none = || {
        let message = "a text among the root certificates holds no certificate; give them as PEM";
        LoadError::new(LoadErrorKind::Setup, message)
    };
    let mut roots = Vec::new();
    for text in texts {
        let read = Certificate::from_pem_bundle(text.as_bytes());
        let read = read.map_err(|error| none().because(error))?;
        if read.is_empty() {
            return Err(none());
        }
        roots.extend(read);
    }
    Ok(roots)
}

/// Gets a URL.
pub(crate) async fn get(
    client: &Client,
    url: Url,
    limit: usize,
    validators: Option<&Validators>,
) -> Result<Answer, LoadError> {
    let text = url.as_str().to_owned();
    let conditions = validators.map(conditions).unwrap_or_default();
    let is_conditional = !conditions.is_empty();
    let request = client.get(url).headers(conditions);
    let response = request.send().await.map_err(|error| failed(&text, error))?;
    let status = response.status();
    // Who was not asked whether something changed cannot say that it did not.
    if status == StatusCode::NOT_MODIFIED && is_conditional {
        return Ok(Answer::NotModified);
    }
    if status != StatusCode::OK {
        return Err(status_error(&text, &response));
    }
    let header = |name: HeaderName| -> Option<String> {
        Some(response.headers().get(name)?.to_str().ok()?.to_owned())
    };
    let validators = Validators {
        url: text.clone(),
        etag: header(ETAG),
        last_modified: header(LAST_MODIFIED),
    };
    let bytes = body(response, limit, &text).await?;
    Ok(Answer::Bytes(bytes, validators))
}

fn conditions(validators: &Validators) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut add = |name: HeaderName, value: &Option<String>| {
        let value = value.as_deref().map(HeaderValue::from_str);
        if let Some(Ok(value)) = value {
            headers.insert(name, value);
        }
    };
    add(IF_NONE_MATCH, &validators.etag);
    add(IF_MODIFIED_SINCE, &validators.last_modified);
    headers
}

/// How much room is made for a body on the word of its server alone.
const ROOM: u64 = 1 << 20;

/// The body, uncompressed; given up as soon as it is too large.
///
/// It is copied together even where it comes in one piece: a piece may be a part of a much larger buffer, which a file that is kept
/// would keep with it.
async fn body(mut response: Response, limit: usize, url: &str) -> Result<Bytes, LoadError> {
    let stated = response.content_length();
    if stated.is_some_and(|length| length > limit as u64) {
        return Err(too_large(url, limit));
    }
    let room = stated.unwrap_or_default().min(ROOM) as usize;
    let mut bytes = Vec::with_capacity(room);
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(url, error))? {
        if chunk.len() > limit - bytes.len() {
            return Err(too_large(url, limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.into_boxed_slice().into())
}

fn status_error(url: &str, response: &Response) -> LoadError {
    let status = response.status();
    let error = LoadError::new(
        LoadErrorKind::Fetch,
        format!("cannot fetch {url}: the server answered {status}"),
    )
    .at(url)
    .retry_in(retry::retry_after(response.headers(), SystemTime::now()));
    match status.as_u16() {
        408 | 425 | 429 | 500 | 502 | 503 | 504 => error.transient(),
        _ => error,
    }
}

fn failed(url: &str, error: reqwest::Error) -> LoadError {
    let mut next: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(cause) = next {
        if let Some(Refused(why)) = cause.downcast_ref() {
            return refused(url, why);
        }
        next = cause.source();
    }
    let builder = error.is_builder();
    // The URL stands in the message.
    let failure = LoadError::new(LoadErrorKind::Fetch, format!("cannot fetch {url}"))
        .at(url)
        .because(error.without_url());
    if builder {
        failure
    } else {
        failure.transient()
    }
}

fn follow(attempt: Attempt<'_>, most: usize, allowed: Option<&Hosts>) -> Action {
    let why = if attempt.previous().len() > most {
        Some(format!("it redirects more than {most} times"))
    } else {
        let before = attempt.previous().last().map(Url::scheme);
        let scheme = attempt.url().scheme();
        if before.is_some_and(|before| before != scheme) {
            Some(format!(
                "it redirects from {} to {scheme}; give the URL that it leads to",
                before.unwrap_or_default()
            ))
        } else if allowed.is_some_and(|hosts| !hosts.allow(attempt.url())) {
            Some(format!(
                "it redirects to {}, whose host is not among the allowed ones",
                attempt.url()
            ))
        } else {
            None
        }
    };
    match why {
        Some(why) => attempt.error(Refused(why)),
        None => attempt.follow(),
    }
}

/// A redirect that is not followed.
#[derive(Debug)]
struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Error for Refused {}
