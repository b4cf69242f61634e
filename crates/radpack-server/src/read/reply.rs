//! How answers are sent: what may be kept how long, by whom, and what a reader has already.

use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;

use super::{Answer, EXPOSED, MOMENT};
use crate::caller::Reader;
use crate::encoded::{Variant, has};

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

    fn seconds(is_public: bool, kept: Duration) -> Keeping {
        let whose = if is_public { "public" } else { "private" };
        // Whoever stands between may go on when no service answers: yesterday's release is better than none.
        let text = format!("{whose}, max-age={}, stale-if-error=86400", kept.as_secs());
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

/// How long what changes with the next release may be kept.
#[derive(Clone, Debug)]
pub(crate) struct ForAWhile {
    most: Duration,
    public: Keeping,
    private: Keeping,
}

impl ForAWhile {
    pub(crate) fn new(most: Duration) -> ForAWhile {
        ForAWhile {
            most,
            public: Keeping::seconds(true, most),
            private: Keeping::seconds(false, most),
        }
    }

    /// Until something may be released, and no longer than until a rollout takes its next step.
    pub(crate) fn keeping(&self, reader: &Reader, next: Option<Timestamp>) -> Keeping {
        if let Some(next) = next {
            let until = next.duration_since(Timestamp::now());
            let until = Duration::try_from(until).unwrap_or_default();
            return Keeping::seconds(reader.is_anybody(), until.min(self.most));
        }
        match reader.is_anybody() {
            true => self.public.clone(),
            false => self.private.clone(),
        }
    }
}

/// Pages of all origins.
fn anybody() -> HeaderValue {
    HeaderValue::from_static("*")
}

/// Room for the headers of most answers.
pub(super) const HEADERS: usize = 14;

/// Room for those of an answer that the reader has.
const HEADERS_OF_KNOWN: usize = 7;

/// Sends a text in an encoding that the reader likes, unless they have it.
pub(crate) fn text(
    headers: &HeaderMap,
    variant: &Variant,
    content_type: &'static str,
    keeping: Keeping,
    moment: HeaderValue,
) -> Answer {
    let known = has(headers, &variant.etag);
    let (bytes, room) = match known {
        true => (Bytes::new(), HEADERS_OF_KNOWN),
        false => (variant.bytes.clone(), HEADERS),
    };
    let mut response = Answer::new(bytes);
    let answer = response.headers_mut();
    answer.reserve(room);
    answer.insert(header::ETAG, variant.etag.clone());
    vary(answer, "Accept-Encoding", &keeping);
    answer.insert(header::CACHE_CONTROL, keeping.value());
    answer.insert(MOMENT, moment);
    if known {
        // What else is said of it was said before, and stays (RFC 9110, 15.4.5); but pages that asked with what they have read this themselves.
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, anybody());
        let exposed = HeaderValue::from_static(EXPOSED);
        answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    open_to_all(answer);
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
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
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, anybody());
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(EXPOSED),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
}
