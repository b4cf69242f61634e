//! `GET /events`: what happens, as it happens: server-sent events, taken up again where a reader left off.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream, StreamExt as _};
use http::header::{self, HeaderValue};
use http::{HeaderMap, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, watch};
use url::form_urlencoded;

use crate::caller::Reader;
use crate::problem::Problem;
use crate::service::Shared;

/// The last event that a reader has had.
const LAST_EVENT_ID: &str = "last-event-id";

/// After how many events that a reader is not told of it is told how far it is.
const PASSED: u64 = 100;

/// How often a quiet stream says that it is alive, so that nobody between takes it for dead.
const ALIVE: Duration = Duration::from_secs(15);

pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    match follow(&shared, query.as_deref().unwrap_or_default(), &headers) {
        Ok(events) => {
            let alive = KeepAlive::new().interval(ALIVE);
            let mut response = Sse::new(events).keep_alive(alive).into_response();
            let answer = response.headers_mut();
            super::reply::open_to_all(answer);
            let no_store = HeaderValue::from_static("no-store");
            answer.insert(header::CACHE_CONTROL, no_store);
            // Some proxies keep what they are sent until they have enough of it.
            answer.insert("x-accel-buffering", HeaderValue::from_static("no"));
            response
        }
        Err(problem) => problem.into_response(),
    }
}

/// From which event on: what the browser says that it had, or the query, or what comes next.
fn since(query: &str, headers: &HeaderMap, newest: u64) -> Result<u64, Problem> {
    let sent = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok());
    let is_again = sent.is_some();
    let asked = form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "since")
        .map(|(_, value)| value.into_owned());
    let Some(text) = sent.map(str::to_owned).or(asked) else {
        return Ok(newest);
    };
    let seq: u64 = text.trim().parse().map_err(|_| {
        Problem::invalid(format!("{text:?} is no event: these are numbers, from 1"))
    })?;
    // A browser that was with another service, which was ahead of this one, waits here for what it has not had: told that there is
    // nothing, it would never come again.
    if seq > newest && !is_again {
        return Err(Problem::unknown(format!(
            "event {seq} has not happened: the newest is {newest}"
        )));
    }
    Ok(seq)
}

fn follow(
    shared: &Arc<Shared>,
    query: &str,
    headers: &HeaderMap,
) -> Result<impl Stream<Item = Result<Sent, Infallible>> + use<>, Problem> {
    let now = shared.live.now();
    let newest = now.moment.position.seq;
    let place = Arc::clone(&shared.listeners).try_acquire_owned();
    let place = place.map_err(|_| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too-many",
            "as many listen as this service has places for: come again later",
        )
        .with(header::RETRY_AFTER, HeaderValue::from_static("30"))
    })?;
    let following = Following {
        reader: Reader::of(headers, &now.moment)?,
        secret: crate::caller::secret(headers)?.map(str::to_owned),
        last: since(query, headers, newest)?,
        newest: shared.live.watch(),
        shared: Arc::downgrade(shared),
        stopping: shared.stopping.subscribe(),
        passed: 0,
        _place: place,
    };
    // Who is told of nothing for a while is to come again to where it was.
    let here = Sent::default().id(following.last.to_string());
    let here = stream::once(async move { Ok(here) });
    Ok(
        here.chain(stream::unfold(following, |mut following| async move {
            let sent = following.next().await?;
            Some((Ok(sent), following))
        })),
    )
}

struct Following {
    reader: Reader,
    secret: Option<String>,
    last: u64,
    newest: watch::Receiver<u64>,
    shared: std::sync::Weak<Shared>,
    stopping: watch::Receiver<bool>,
    /// How many events the reader was not told of.
    passed: u64,
    _place: OwnedSemaphorePermit,
}

impl Following {
    /// The next event that the reader may see; nothing, when the service stops, fails, or the token is worth nothing any more: the reader
    /// comes again, and is told.
    async fn next(&mut self) -> Option<Sent> {
        loop {
            if *self.stopping.borrow() {
                return None;
            }
            let newest = *self.newest.borrow_and_update();
            if self.last >= newest {
                tokio::select! {
                    changed = self.newest.changed() => changed.ok()?,
                    _ = self.stopping.wait_for(|stopping| *stopping) => return None,
                }
                continue;
            }
            let shared = self.shared.upgrade()?;
            if let Some(secret) = &self.secret {
                let moment = &shared.live.now().moment;
                moment.state.standing(secret, moment.now()).ok()?;
            }
            let seq = self.last + 1;
            let recounted = shared.recounted(seq).await?;
            self.last = seq;
            let public = &shared.settings.public_channels;
            let Some(happened) = recounted.to(&self.reader, public) else {
                self.passed += 1;
                // Whoever comes again need not be led past all of these once more.
                if self.passed.is_multiple_of(PASSED) {
                    return Some(Sent::default().id(seq.to_string()));
                }
                continue;
            };
            let sent = Sent::default().id(seq.to_string()).event(&happened.kind);
            return sent.json_data(&happened).ok();
        }
    }
}
