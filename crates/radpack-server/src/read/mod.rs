//! What is read: without a token what was released, with one what its holder may see.

mod at;
mod events;
pub(crate) mod health;
pub(crate) mod import_map;
pub(crate) mod manifest;
pub(crate) mod modules;
mod place;
mod reply;
pub(crate) mod resolve;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Router, middleware};
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode, Uri};
use percent_encoding::percent_decode_str;

use crate::caller::reached_from;
use crate::metrics::count;
use crate::problem::Problem;
use crate::service::Shared;
use place::{Elsewhere, Target};
pub(crate) use reply::ForAWhile;

/// The moment that an answer is of.
const MOMENT: HeaderName = HeaderName::from_static("radpack-moment");

/// The integrity of a module, as import maps and elements state it.
const INTEGRITY: HeaderName = HeaderName::from_static("radpack-integrity");

/// What every page of every origin may see: nothing here depends on who a browser's user is.
const EXPOSED: &str = "ETag, Radpack-Moment, Radpack-Integrity, Repr-Digest";

/// How long a browser may remember what it may send (seconds).
const PREFLIGHT: &str = "86400";

/// An answer of what is in memory.
pub(crate) type Answer = http::Response<Bytes>;

/// What is asked.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'r> {
    pub(crate) method: &'r Method,
    pub(crate) uri: &'r Uri,
    pub(crate) headers: &'r HeaderMap,
    /// The other end of the connection.
    pub(crate) reached_from: Option<IpAddr>,
}

/// The routes of what is read, as the API's description has them. Theirs is the order of [`Read::number`].
pub(crate) const ROUTES: [&str; 10] = [
    "/radpack.json",
    "/m/{*path}",
    "/import-map.json",
    "/import-map.html",
    "/resolve/{*id}",
    "/at/{moment}/{*rest}",
    "/events",
    "/healthz",
    "/readyz",
    "/metrics",
];

/// What everybody reads, now or as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read<'p> {
    Manifest,
    Module(&'p str),
    ImportMap { is_html: bool },
    Resolve(&'p str),
}

impl<'p> Read<'p> {
    fn of(path: &'p str) -> Option<Read<'p>> {
        Some(match path {
            "/radpack.json" => Read::Manifest,
            "/import-map.json" => Read::ImportMap { is_html: false },
            "/import-map.html" => Read::ImportMap { is_html: true },
            _ => {
                let (read, rest): (fn(&'p str) -> Read<'p>, _) = match path.strip_prefix("/m/") {
                    Some(rest) => (Read::Module, rest),
                    None => (Read::Resolve, path.strip_prefix("/resolve/")?),
                };
                Some(rest).filter(|rest| !rest.is_empty()).map(read)?
            }
        })
    }

    /// Which of the routes it is.
    fn number(self) -> usize {
        match self {
            Read::Manifest => 0,
            Read::Module(_) => 1,
            Read::ImportMap { is_html: false } => 2,
            Read::ImportMap { is_html: true } => 3,
            Read::Resolve(_) => 4,
        }
    }
}

/// The route of what was at a moment.
const AT: usize = 5;

/// All of them.
pub(crate) fn routes(shared: Arc<Shared>) -> Router {
    crate::api::routes()
        .route("/events", get(events::get).options(preflight))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .method_not_allowed_fallback(not_so)
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), count))
        .fallback(any)
        .with_state(shared)
}

/// What is not one of the others.
async fn any(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let asking = Asking {
        method: request.method(),
        uri: request.uri(),
        headers: request.headers(),
        reached_from: reached_from(request.extensions()),
    };
    let since = Instant::now();
    match answer(&shared, asking).await {
        Some(answer) => answer.map(Body::from),
        None => {
            let nothing = nothing();
            shared.metrics.count("none", nothing.status, since);
            nothing.into_response()
        }
    }
}

/// The answer to a request for what everybody reads; to others none. Without a way through the routes, for it is what a service does nearly
/// always.
pub(crate) async fn answer(shared: &Shared, asking: Asking<'_>) -> Option<Answer> {
    let path = asking.uri.path();
    let (moment, path) = match path.strip_prefix("/at/") {
        Some(rest) => {
            let slash = rest.find('/').filter(|slash| slash + 1 < rest.len())?;
            (Some(rest.get(..slash)?), rest.get(slash..)?)
        }
        None => (None, path),
    };
    let number = match moment {
        Some(_) => AT,
        None => Read::of(path)?.number(),
    };
    let since = Instant::now();
    let is_head = *asking.method == Method::HEAD;
    let mut answer = if *asking.method == Method::OPTIONS {
        let mut answer = Answer::default();
        let (status, headers) = preflight().await;
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        answer
    } else if is_head || *asking.method == Method::GET {
        let answered =
            match shared.check_guess(asking.uri.path(), asking.headers, asking.reached_from) {
                Ok(()) => give(shared, asking, moment, path).await,
                Err(problem) => Err(problem.into()),
            };
        answered.unwrap_or_else(Elsewhere::into_answer)
    } else {
        let allow = HeaderValue::from_static("GET, HEAD, OPTIONS");
        not_so().await.with(header::ALLOW, allow).into_answer()
    };
    if is_head && !answer.body().is_empty() {
        let length = HeaderValue::from(answer.body().len());
        answer.headers_mut().insert(header::CONTENT_LENGTH, length);
        answer.body_mut().clear();
    }
    shared.metrics.count_read(number, answer.status(), since);
    Some(answer)
}

async fn give(
    shared: &Shared,
    asking: Asking<'_>,
    moment: Option<&str>,
    path: &str,
) -> Result<Answer, Elsewhere> {
    let moment = moment.map(decoded).transpose()?;
    let target = Target {
        moment: moment.as_deref(),
        path,
        query: asking.uri.query().unwrap_or_default(),
        headers: asking.headers,
    };
    let Some(read) = Read::of(path) else {
        return Err(Problem::unknown(format!(
            "there is nothing at a moment under {path:?}: radpack.json, import-map.json, import-map.html, resolve/… and m/… are"
        ))
        .into());
    };
    match read {
        Read::Manifest => manifest::answer(shared, target).await,
        Read::ImportMap { is_html } => Box::pin(import_map::answer(shared, target, is_html)).await,
        Read::Resolve(id) => resolve::answer(shared, target, &decoded(id)?).await,
        Read::Module(path) => {
            if target.moment.is_some() {
                Box::pin(at::check(shared, target)).await?;
            }
            Ok(modules::answer(shared, target.headers, &decoded(path)?).await?)
        }
    }
}

/// A part of a path, as it was meant.
fn decoded(path: &str) -> Result<Cow<'_, str>, Problem> {
    percent_decode_str(path).decode_utf8().map_err(|_| {
        Problem::invalid(format!(
            "{path:?} is no UTF-8, once its escapes are resolved"
        ))
    })
}

async fn preflight() -> (StatusCode, HeaderMap) {
    let mut headers = HeaderMap::new();
    let mut say = |name, value| headers.insert(name, HeaderValue::from_static(value));
    say(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    say(header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, OPTIONS");
    say(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        "Authorization, If-None-Match, If-Range, Last-Event-ID, Range",
    );
    say(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT);
    (StatusCode::NO_CONTENT, headers)
}

fn nothing() -> Problem {
    Problem::unknown(
        "there is nothing here: /radpack.json is the manifest, /api/openapi.json describes all there is",
    )
}

async fn not_so() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "invalid",
        "this is not done here: /api/openapi.json says what is",
    )
}
