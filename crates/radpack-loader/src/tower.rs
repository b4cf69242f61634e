//! A layer for tower services, axum's among them (feature `tower`): each request gets a loader that stands on one snapshot.
//!
//! ```
//! use axum::{Extension, Router, routing::get};
//! use radpack_loader::Radpack;
//! use radpack_loader::tower::{Preloads, RadpackLayer};
//!
//! async fn page(Extension(radpack): Extension<Radpack>) -> (Extension<Preloads>, String) {
//!     // All answers of this request are from the same moment, this one and the preloads.
//!     let version = radpack.resolve("shop@^2").map(|found| found.version().to_string());
//!     (Extension(Preloads::of(["shop@^2"])), version.unwrap_or_default())
//! }
//!
//! # fn routes(radpack: Radpack) -> Router {
//! Router::new()
//!     .route("/", get(page))
//!     .layer(RadpackLayer::new(radpack).override_query("radpack").preload("shop@^2/styles"))
//! # }
//! ```

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, LINK, VARY};
use http::{Request, Response, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

use crate::error::{LoadError, LoadErrorKind};
use crate::radpack::Radpack;

/// Gives each request a [`Radpack`] that stands on the snapshot of the moment when the request came (an extension; a
/// [`Snapshot`](crate::Snapshot) likewise), and adds `Link: rel=modulepreload` headers to responses.
#[derive(Clone, Debug)]
pub struct RadpackLayer {
    radpack: Radpack,
    rules: Rules,
}

#[derive(Clone, Debug, Default)]
struct Rules {
    query: Option<String>,
    header: Option<HeaderName>,
    preloads: Vec<String>,
}

impl RadpackLayer {
    /// A layer that allows no overrides and preloads nothing.
    #[must_use]
    pub fn new(radpack: Radpack) -> Self {
        RadpackLayer {
            radpack,
            rules: Rules::default(),
        }
    }

    /// Takes an override register's URL from this key of the query: `?radpack=https%3A%2F%2Fpreview.example%2Fradpack.json`. Only hosts of
    /// [`FetchOptions::allowed_hosts`](crate::FetchOptions::allowed_hosts) are taken; for any other the response is 403.
    #[must_use]
    pub fn override_query(mut self, key: impl Into<String>) -> Self {
        self.rules.query = Some(key.into());
        self
    }

    /// Takes an override register's URL from this header, likewise. Responses vary by it, which they say.
    #[must_use]
    pub fn override_header(mut self, name: HeaderName) -> Self {
        self.rules.header = Some(name);
        self
    }

    /// Preloads an id with each HTML response that succeeds; a handler preloads others by [`Preloads`].
    #[must_use]
    pub fn preload(mut self, id: impl Into<String>) -> Self {
        self.rules.preloads.push(id.into());
        self
    }
}

/// Ids that a handler wants preloaded: an extension of its response, of any type and status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preloads(pub Vec<String>);

impl Preloads {
    /// Some ids.
    pub fn of<S: Into<String>>(ids: impl IntoIterator<Item = S>) -> Self {
        Preloads(ids.into_iter().map(Into::into).collect())
    }
}

impl<S> Layer<S> for RadpackLayer {
    type Service = RadpackService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RadpackService {
            inner,
            layer: self.clone(),
        }
    }
}

/// A service with a [`RadpackLayer`].
#[derive(Clone, Debug)]
pub struct RadpackService<S> {
    inner: S,
    layer: RadpackLayer,
}

impl<S, Asked, Answered> Service<Request<Asked>> for RadpackService<S>
where
    S: Service<Request<Asked>, Response = Response<Answered>> + Clone + Send + 'static,
    S::Future: Send,
    Asked: Send + 'static,
    Answered: From<String>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Asked>) -> Self::Future {
        // The one that was found to be ready is the one that is called.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let RadpackLayer { radpack, rules } = self.layer.clone();
        // Now, not when it is polled: this is when the request came.
        let here = radpack.standing();
        Box::pin(async move {
            let view = match rules.override_of(&request) {
                None => here,
                Some(url) => match here.with_requested_override(&url).await {
                    Ok(view) => view,
                    Err(error) => return Ok(rules.refusal(&error)),
                },
            };
            request.extensions_mut().insert(view.snapshot());
            request.extensions_mut().insert(view.clone());
            let mut response = inner.call(request).await?;
            rules.finish(&view, &mut response);
            Ok(response)
        })
    }
}

impl Rules {
    /// The URL of the override that a request asks for, where that is allowed: the header's before the query's.
    fn override_of<B>(&self, request: &Request<B>) -> Option<String> {
        let in_header = self
            .header
            .as_ref()
            .and_then(|name| request.headers().get(name));
        if let Some(value) = in_header {
            // What is no text is no URL either, and is refused as such.
            return Some(String::from_utf8_lossy(value.as_bytes()).into_owned());
        }
        let (key, query) = (self.query.as_ref()?, request.uri().query()?);
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.into_owned())
    }

    /// The response to a request whose override cannot be had.
    fn refusal<B: From<String>>(&self, error: &LoadError) -> Response<B> {
        let status = match error.kind() {
            LoadErrorKind::Refused => StatusCode::FORBIDDEN,
            _ => StatusCode::BAD_GATEWAY,
        };
        // The causes are for the log: they may tell of the inside of a network.
        tracing::info!(
            name: "radpack.override.refused",
            kind = error.kind().as_str(),
            error = error.report(),
            "a request's override cannot be had"
        );
        let mut response = Response::new(B::from(format!("{error}\n")));
        *response.status_mut() = status;
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, text);
        self.vary(&mut response);
        response
    }

    fn finish<B>(&self, view: &Radpack, response: &mut Response<B>) {
        let wanted = response.extensions_mut().remove::<Preloads>();
        let is_page = response.status().is_success()
            && response
                .headers()
                .get(CONTENT_TYPE)
                .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        let own = if is_page { &self.preloads[..] } else { &[] };
        let mut added: Vec<String> = Vec::new();
        for id in wanted.iter().flat_map(|wanted| &wanted.0).chain(own) {
            match view.link_headers(id) {
                Ok(links) => {
                    for link in links {
                        if !added.contains(&link) {
                            added.push(link);
                        }
                    }
                }
                // A page without its preloads is slower, not wrong.
                Err(error) => {
                    tracing::warn!(
                        name: "radpack.preload.failed",
                        id,
                        kind = error.kind().as_str(),
                        error = error.report(),
                        "a response goes without its preloads"
                    );
                }
            }
        }
        for link in added {
            // They hold nothing that a header may not.
            if let Ok(value) = HeaderValue::from_str(&link) {
                response.headers_mut().append(LINK, value);
            }
        }
        self.vary(response);
    }

    fn vary<B>(&self, response: &mut Response<B>) {
        if let Some(name) = &self.header {
            response.headers_mut().append(VARY, name.clone().into());
        }
    }
}
