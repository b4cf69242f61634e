//! How answers are sent: what may be kept how long, by whom, and what a reader has already.

use std::fmt::Write as _;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::header::{self, HeaderValue};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;

use super::{EXPOSED, MOMENT};
use crate::caller::Reader;
use crate::encoded::{Encoded, has};
use crate::moment::ServedMoment;

/// How long, and by whom, an answer may be kept.
#[derive(Clone, Debug)]
pub(crate) struct Keeping(HeaderValue);

impl Keeping {
    /// The same for ever.
    pub(crate) fn ever(reader: &Reader) -> Keeping {
        Keeping(HeaderValue::from_static(if reader.is_anybody() {
            "public, max-age=31536000, immutable"
        } else {
            "private, max-age=31536000, immutable"
        }))
    }

    /// Until something may be released, and no longer than until a rollout takes its next step.
    pub(crate) fn for_a_while(
        reader: &Reader,
        max_age: Duration,
        next: Option<Timestamp>,
    ) -> Keeping {
        let until = next.map(|next| next.duration_since(Timestamp::now()));
        let until = until.map(|until| Duration::try_from(until).unwrap_or_default());
        let seconds = until.map_or(max_age, |until| until.min(max_age)).as_secs();
        let mut text = String::from(if reader.is_anybody() {
            "public"
        } else {
            "private"
        });
        let _ = write!(text, ", max-age={seconds}");
        // Whoever stands between may go on when no service answers: yesterday's release is better than none.
        text.push_str(", stale-if-error=86400");
        Keeping(HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("no-cache")))
    }

    /// Not at all.
    pub(crate) fn never() -> Keeping {
        Keeping(HeaderValue::from_static("no-store"))
    }

    fn is_private(&self) -> bool {
        self.0.as_bytes().starts_with(b"private")
    }

    pub(crate) fn value(self) -> HeaderValue {
        self.0
    }
}

/// Sends a text in the encoding that the reader likes best, unless they have it.
pub(crate) async fn text(
    headers: &HeaderMap,
    encoded: &Encoded,
    content_type: &'static str,
    keeping: Keeping,
    moment: &ServedMoment,
) -> Response {
    let variant = encoded.for_reader(headers).await;
    let known = has(headers, &variant.etag);
    let mut response = Response::new(match known {
        true => Body::empty(),
        false => Body::from(variant.bytes.clone()),
    });
    let answer = response.headers_mut();
    answer.reserve(12);
    answer.insert(header::ETAG, variant.etag);
    vary(answer, "Accept-Encoding", &keeping);
    answer.insert(header::CACHE_CONTROL, keeping.value());
    open_to_all(answer);
    say_moment(answer, moment);
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer.insert(
        header::CONTENT_LENGTH,
        HeaderValue::from(variant.bytes.len()),
    );
    if let Some(coding) = variant.coding {
        answer.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    response
}

/// What an answer depends on besides its address. What one token sees is not what another does.
pub(crate) fn vary(headers: &mut HeaderMap, name: &'static str, keeping: &Keeping) {
    headers.insert(header::VARY, HeaderValue::from_static(name));
    if keeping.is_private() {
        headers.append(header::VARY, HeaderValue::from_static("Authorization"));
    }
}

/// Pages of all origins may read it, and nobody guesses what it is.
pub(crate) fn open_to_all(headers: &mut HeaderMap) {
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(EXPOSED),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
}

pub(crate) fn say_moment(headers: &mut HeaderMap, moment: &ServedMoment) {
    if let Ok(moment) = HeaderValue::from_str(&moment.to_string()) {
        headers.insert(MOMENT, moment);
    }
}
