//! A tower layer: a snapshot for each request, overrides where they are allowed, and `Link` headers on responses.
//!
//! It knows HTTP's types and nothing of a framework, so axum and whatever else is made of tower services take it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{HeaderName, HeaderValue, LINK, VARY};
use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::error::LoadError;
use crate::radpack::Radpack;
use crate::snapshot::Snapshot;

/// Gives each request its own moment of the registers.
///
/// Handlers find a [`Snapshot`] among the extensions of the request: all they ask of it fits together, and with the `Link` headers that
/// the response gets for the ids of [`preload`](Self::preload) and those that the handler puts among its extensions as [`Preloads`].
///
/// Where [`override_query`](Self::override_query) or [`override_header`](Self::override_header) name one, a request may ask for a
/// register on top by its URL; only hosts of [`FetchOptions::allowed_hosts`](crate::FetchOptions::allowed_hosts) are taken. One that is not
/// taken, or cannot be read, changes nothing, and is an event: a preview that is gone must not break a page.
///
/// ```
/// use radpack_loader::{Radpack, RadpackLayer};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let radpack = Radpack::builder().build().await?;
/// let layer = RadpackLayer::new(radpack).override_query("radpack").preload("shop@^2");
/// // let app = axum::Router::new().route("/", get(page)).layer(layer);
/// # let _ = layer;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RadpackLayer(Arc<Settings>);

#[derive(Clone)]
struct Settings {
    radpack: Radpack,
    query: Option<String>,
    header: Option<HeaderName>,
    preloads: Vec<String>,
}

/// The ids whose closures a page loads at once: a handler puts them among the extensions of its response, and the layer makes `Link`
/// headers of them. One that has no answer is left out, and is an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preloads(pub Vec<String>);

impl RadpackLayer {
    /// A layer that gives snapshots of this loader, and no more.
    #[must_use]
    pub fn new(radpack: Radpack) -> Self {
        RadpackLayer(Arc::new(Settings {
            radpack,
            query: None,
            header: None,
            preloads: Vec::new(),
        }))
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// Takes the URL of an override from a parameter of the query, such as `?radpack=https://preview.example/radpack.json`.
    #[must_use]
    pub fn override_query(self, parameter: impl Into<String>) -> Self {
        self.with(|settings| settings.query = Some(parameter.into()))
    }

    /// Takes the URL of an override from a header. The query goes before it. Responses vary by the header, and say so to caches.
    #[must_use]
    pub fn override_header(self, header: HeaderName) -> Self {
        self.with(|settings| settings.header = Some(header))
    }

    /// Preloads an id with every response.
    #[must_use]
    pub fn preload(self, id: impl Into<String>) -> Self {
        self.with(|settings| settings.preloads.push(id.into()))
    }
}

impl fmt::Debug for RadpackLayer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RadpackLayer")
            .field("query", &self.0.query)
            .field("header", &self.0.header)
            .field("preloads", &self.0.preloads)
            .finish_non_exhaustive()
    }
}

impl<S> Layer<S> for RadpackLayer {
    type Service = RadpackService<S>;

    fn layer(&self, inner: S) -> RadpackService<S> {
        RadpackService {
            settings: Arc::clone(&self.0),
            inner,
        }
    }
}

/// A service within a [`RadpackLayer`].
#[derive(Clone)]
pub struct RadpackService<S> {
    settings: Arc<Settings>,
    inner: S,
}

impl<S> fmt::Debug for RadpackService<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RadpackService")
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// The URL of the override that a request asks for.
    fn requested<B>(&self, request: &Request<B>) -> Option<String> {
        let from_query = || {
            let parameter = self.query.as_deref()?;
            let query = request.uri().query()?.as_bytes();
            let mut pairs = url::form_urlencoded::parse(query);
            let (_, value) = pairs.find(|(name, _)| name == parameter)?;
            Some(value.into_owned())
        };
        let from_header = || {
            let value = request.headers().get(self.header.as_ref()?)?;
            Some(value.to_str().ok()?.to_owned())
        };
        from_query().or_else(from_header)
    }

    /// The snapshot for a request.
    async fn snapshot(&self, requested: Option<String>) -> Snapshot {
        let Some(url) = requested else {
            return self.radpack.snapshot();
        };
        match self.radpack.with_requested_override(&url).await {
            Ok(copy) => copy.snapshot(),
            Err(error) => {
                tracing::warn!(
                    name: "radpack.override.refused",
                    url,
                    kind = error.kind().as_str(),
                    error = error.report(),
                    "a request asked for an override that it does not get"
                );
                self.radpack.snapshot()
            }
        }
    }
}

/// The values of `Link` headers for one id.
fn links(snapshot: &Snapshot, id: &str) -> Result<Vec<HeaderValue>, LoadError> {
    let values = snapshot.link_headers(id)?;
    // What a header cannot hold, none of these has.
    Ok(values
        .iter()
        .filter_map(|value| HeaderValue::from_str(value).ok())
        .collect())
}

impl<S, B, C> Service<Request<B>> for RadpackService<S>
where
    S: Service<Request<B>, Response = Response<C>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response<C>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<C>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The one that was found ready is the one that is called.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let settings = Arc::clone(&self.settings);
        Box::pin(async move {
            let requested = settings.requested(&request);
            let snapshot = settings.snapshot(requested).await;
            request.extensions_mut().insert(snapshot.clone());
            let mut response = inner.call(request).await?;
            let own = response
                .extensions_mut()
                .remove::<Preloads>()
                .unwrap_or_default();
            if let Some(header) = &settings.header {
                response.headers_mut().append(VARY, header.clone().into());
            }
            let mut sent: Vec<HeaderValue> = Vec::new();
            for id in settings.preloads.iter().chain(&own.0) {
                match links(&snapshot, id) {
                    // Closures overlap.
                    Ok(values) => {
                        for value in values {
                            if !sent.contains(&value) {
                                response.headers_mut().append(LINK, value.clone());
                                sent.push(value);
                            }
                        }
                    }
                    Err(error) => tracing::warn!(
                        name: "radpack.preload.failed",
                        id,
                        kind = error.kind().as_str(),
                        error = error.report(),
                        "an id that was to be preloaded is left out"
                    ),
                }
            }
            Ok(response)
        })
    }
}
