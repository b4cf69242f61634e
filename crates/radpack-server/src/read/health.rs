//! Whether a service lives, whether it may be sent requests, and what it has counted.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{self, HeaderValue};
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::service::Shared;

/// A service that has not followed its registry for so long tells yesterday's news: whoever balances the load should prefer another.
const LATE: Duration = Duration::from_secs(30);

/// The text format of Prometheus.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A service that is ready.
#[derive(Serialize, ToSchema)]
pub(crate) struct Ready {
    /// The newest event that it shows.
    seq: u64,
    /// How long ago the store was last read (milliseconds).
    read: u64,
}

/// It lives.
pub(super) async fn healthz() -> Response {
    let no_store = HeaderValue::from_static("no-store");
    ([(header::CACHE_CONTROL, no_store)], "ok\n").into_response()
}

/// It follows its registry.
pub(super) async fn readyz(State(shared): State<Arc<Shared>>) -> Response {
    let looked = shared.live.looked();
    let read = looked.at.elapsed();
    if *shared.stopping.borrow() {
        return not_ready("this service is stopping".to_owned(), None);
    }
    if read > LATE {
        let message = format!("the registry was last read {} s ago", read.as_secs());
        return not_ready(message, looked.wrong);
    }
    let ready = Ready {
        seq: shared.live.now().moment.position.seq,
        read: u64::try_from(read.as_millis()).unwrap_or(u64::MAX),
    };
    let mut response = axum::Json(ready).into_response();
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    response
}

fn not_ready(message: String, cause: Option<String>) -> Response {
    let mut problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "io", message);
    problem.causes.extend(cause);
    problem.into_response()
}

/// What it has counted.
pub(super) async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(OPEN_METRICS)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, shared.metrics_text()).into_response()
}
