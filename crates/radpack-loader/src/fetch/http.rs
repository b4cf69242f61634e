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
use reqwest::{Client, ClientBuilder, Response, StatusCode};
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
    let settings = || -> ClientBuilder {
        let redirects = options.redirects;
        let hosts = allowed.cloned();
        Client::builder()
            .user_agent(concat!("radpack-loader/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::custom(move |attempt| {
                follow(attempt, redirects, hosts.as_deref())
            }))
            .connect_timeout(options.connect_timeout)
            .read_timeout(options.silence_timeout)
            .timeout(options.timeout)
    };
    match settings().build() {
        Ok(client) => Ok((client, None)),
        Err(error) => {
            let message = "cannot fetch over https; see that this machine has its certificates (such as the package \
                ca-certificates)";
            let without_https = LoadError::new(LoadErrorKind::Fetch, message).because(error);
            let client = settings().tls_certs_only([]).build().map_err(|error| {
                LoadError::new(LoadErrorKind::Setup, "cannot set up fetching over http(s)")
                    .because(error)
            })?;
            Ok((client, Some(without_https)))
        }
    }
}

/// Gets a URL.
pub(crate) async fn get(
    client: &Client,
    url: Url,
    limit: usize,
    validators: Option<&Validators>,
) -> Result<Answer, LoadError> {
    let text = url.as_str().to_owned();
    let mut request = client.get(url);
    if let Some(validators) = validators {
        request = request.headers(conditions(validators));
    }
    let response = request.send().await.map_err(|error| failed(&text, error))?;
    let status = response.status();
    if status == StatusCode::NOT_MODIFIED && validators.is_some() {
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
