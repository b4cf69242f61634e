//! What is read: without a token what was released, with one what its holder may see.

mod at;
mod events;
mod health;
mod import_map;
mod manifest;
pub(crate) mod modules;
mod place;
mod reply;
mod resolve;

use std::sync::Arc;

use axum::routing::{MethodRouter, get};
use axum::{Router, middleware};
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};

use crate::metrics::count;
use crate::problem::Problem;
use crate::service::Shared;

/// The moment that an answer is of.
const MOMENT: HeaderName = HeaderName::from_static("radpack-moment");

/// The integrity of a module, as import maps and elements state it.
const INTEGRITY: HeaderName = HeaderName::from_static("radpack-integrity");

/// What every page of every origin may see: nothing here depends on who a browser's user is.
const EXPOSED: &str = "ETag, Radpack-Moment, Radpack-Integrity, Repr-Digest";

/// How long a browser may remember what it may send (seconds).
const PREFLIGHT: &str = "86400";

/// All of them.
pub(crate) fn routes(shared: Arc<Shared>) -> Router {
    let reads = table().into_iter();
    reads
        .fold(crate::api::routes(), |router, (path, route)| {
            router.route(path, route)
        })
        .fallback(nothing)
        .method_not_allowed_fallback(not_so)
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), count))
        .with_state(shared)
}

/// What is not below `/api`; its description is beside that of the rest.
pub(crate) fn table() -> [(&'static str, MethodRouter<Arc<Shared>>); 10] {
    [
        ("/radpack.json", open(get(manifest::get))),
        ("/m/{*path}", open(get(modules::get))),
        ("/import-map.json", open(get(import_map::get))),
        ("/import-map.html", open(get(import_map::get))),
        ("/resolve/{*id}", open(get(resolve::get))),
        ("/at/{moment}/{*rest}", open(get(at::get))),
        ("/events", open(get(events::get))),
        ("/healthz", get(health::healthz)),
        ("/readyz", get(health::readyz)),
        ("/metrics", get(health::metrics)),
    ]
}

/// A route that pages of other origins may use.
fn open(route: MethodRouter<Arc<Shared>>) -> MethodRouter<Arc<Shared>> {
    route.options(preflight)
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

async fn nothing() -> Problem {
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
