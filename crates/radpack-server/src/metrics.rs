//! What a service counts, for Prometheus.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::caller::reached_from;
use crate::read::ROUTES;
use crate::service::Shared;

/// The bounds of the histogram of times (seconds).
const TIMES: [f64; 10] = [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// A kind of request, and how it was answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: String,
    status: u16,
}

/// A kind of request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    route: String,
}

/// All counters of a service.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    times: Family<Asked, Histogram>,
    /// Of what everybody reads, found without a look at names.
    reads: Vec<Counted>,
    seq: Gauge,
    packages: Gauge,
    age: Gauge<f64, AtomicU64>,
    memory: Family<Kept, Gauge>,
}

/// What is counted of a route.
#[derive(Debug)]
struct Counted {
    route: &'static str,
    times: Histogram,
    ok: Counter,
    not_modified: Counter,
}

/// What memory is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kept {
    of: &'static str,
}

impl Metrics {
    pub(crate) fn new() -> Metrics {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("radpack"),
            requests: Family::default(),
            times: Family::new_with_constructor(|| Histogram::new(TIMES)),
            reads: Vec::new(),
            seq: Gauge::default(),
            packages: Gauge::default(),
            age: Gauge::default(),
            memory: Family::default(),
        };
        let registry = &mut metrics.registry;
        registry.register(
            "http_requests",
            "Requests, by route and status",
            metrics.requests.clone(),
        );
        registry.register_with_unit(
            "http_request_duration",
            "Until the head of the answer was ready, by route",
            Unit::Seconds,
            metrics.times.clone(),
        );
        registry.register(
            "event",
            "The newest event that is shown",
            metrics.seq.clone(),
        );
        registry.register(
            "packages",
            "Packages of the registry",
            metrics.packages.clone(),
        );
        registry.register_with_unit(
            "registry_age",
            "Since the store was last read with success",
            Unit::Seconds,
            metrics.age.clone(),
        );
        registry.register_with_unit(
            "kept",
            "What is kept in memory, by what it is",
            Unit::Bytes,
            metrics.memory.clone(),
        );
        let reads = ROUTES.iter().map(|route| {
            let requests = |status: StatusCode| {
                let (route, status) = ((*route).to_owned(), status.as_u16());
                let answered = Answered { route, status };
                metrics.requests.get_or_create_owned(&answered)
            };
            let asked = Asked {
                route: (*route).to_owned(),
            };
            Counted {
                route,
                times: metrics.times.get_or_create_owned(&asked),
                ok: requests(StatusCode::OK),
                not_modified: requests(StatusCode::NOT_MODIFIED),
            }
        });
        metrics.reads = reads.collect();
        metrics
    }

    /// Counts what was answered on one of [`ROUTES`].
    pub(crate) fn count_read(&self, route: usize, status: StatusCode, since: Instant) {
        let Some(counted) = self.reads.get(route) else {
            return;
        };
        let known = match status {
            StatusCode::OK => &counted.ok,
            StatusCode::NOT_MODIFIED => &counted.not_modified,
            _ => return self.count(counted.route, status, since),
        };
        known.inc();
        counted.times.observe(since.elapsed().as_secs_f64());
    }

    pub(crate) fn count(&self, route: &str, status: StatusCode, since: Instant) {
        let answered = Answered {
            route: route.to_owned(),
            status: status.as_u16(),
        };
        self.requests.get_or_create(&answered).inc();
        let asked = Asked {
            route: answered.route,
        };
        self.times
            .get_or_create(&asked)
            .observe(since.elapsed().as_secs_f64());
    }
}

/// Counts a request when its answer is ready.
pub(crate) async fn count(
    State(shared): State<Arc<Shared>>,
    route: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let since = Instant::now();
    let from = reached_from(request.extensions());
    let checked = shared.check_guess(request.uri().path(), request.headers(), from);
    let response = match checked {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    shared.metrics.count(route, response.status(), since);
    response
}

impl Shared {
    pub(crate) fn metrics_text(&self) -> String {
        let metrics = &self.metrics;
        let now = self.live.now();
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        metrics.seq.set(number(now.moment.position.seq));
        metrics
            .packages
            .set(number(now.moment.state.names().count() as u64));
        metrics
            .age
            .set(self.live.looked().at.elapsed().as_secs_f64());
        let kept = |of, bytes| {
            metrics
                .memory
                .get_or_create(&Kept { of })
                .set(number(bytes))
        };
        kept("modules", self.blobs.weighted_size());
        kept("pages", self.pages.weighted_size());
        kept(
            "past",
            self.past.weighted_size() + self.scenes.weighted_size(),
        );
        kept("files", self.files.weighted_size());
        let mut text = String::new();
        if prometheus_client::encoding::text::encode(&mut text, &metrics.registry).is_err() {
            let _ = write!(text, "# not everything could be written");
        }
        text
    }
}
