//! What a service counts, for Prometheus.

use std::fmt::Write as _;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::sync::Arc;

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
    seq: Gauge,
    packages: Gauge,
    age: Gauge<f64, AtomicU64>,
    memory: Family<Kept, Gauge>,
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
        metrics
    }

    fn count(&self, route: &str, status: u16, since: Instant) {
        let answered = Answered {
            route: route.to_owned(),
            status,
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
    let response = match shared.check_guess(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    shared
        .metrics
        .count(route, response.status().as_u16(), since);
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
