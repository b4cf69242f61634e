//! What is said when something cannot be done: `application/problem+json` (RFC 9457), in the words of the command line.

use std::error::Error;
use std::ops::{Deref, DerefMut};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{HeaderMap, StatusCode};
use radpack_registry::{CommitError, HistoryError, PublishError, Refusal, RefusalKind};
use radpack_resolve::{ImportMapError, ResolveError, ResolveErrorKind};
use serde::Serialize;
use uuid::Uuid;

/// The media type.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request was not carried out.
#[derive(Clone, Debug)]
pub(crate) struct Problem(Box<Said>);

/// What is said of it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Said {
    #[serde(serialize_with = "as_number")]
    pub(crate) status: StatusCode,
    /// The kind, for people.
    title: &'static str,
    /// The kind, for programs.
    pub(crate) kind: &'static str,
    /// What, where, and what to do.
    pub(crate) detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) causes: Vec<String>,
    /// The closest name that there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) suggestion: Option<String>,
    /// The command whose outcome is unknown: sent again under this id, it is carried out once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) command: Option<Uuid>,
    /// What keeps a package from being built, one by one, each with its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problems: Option<serde_json::Value>,
    #[serde(skip)]
    pub(crate) headers: HeaderMap,
}

fn as_number<S: serde::Serializer>(status: &StatusCode, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u16(status.as_u16())
}

impl Deref for Problem {
    type Target = Said;

    fn deref(&self) -> &Said {
        &self.0
    }
}

impl DerefMut for Problem {
    fn deref_mut(&mut self) -> &mut Said {
        &mut self.0
    }
}

impl Problem {
    pub(crate) fn new(
        status: StatusCode,
        kind: &'static str,
        detail: impl Into<String>,
    ) -> Problem {
        Problem(Box::new(Said {
            status,
            title: status.canonical_reason().unwrap_or("Problem"),
            kind,
            detail: detail.into(),
            causes: Vec::new(),
            suggestion: None,
            command: None,
            problems: None,
            headers: HeaderMap::new(),
        }))
    }

    /// The request cannot mean anything.
    pub(crate) fn invalid(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "invalid", detail)
    }

    /// There is no such thing.
    pub(crate) fn unknown(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "unknown", detail)
    }

    /// It takes a token, or a better one.
    pub(crate) fn denied(detail: impl Into<String>, has_token: bool) -> Problem {
        if has_token {
            return Problem::new(StatusCode::FORBIDDEN, "denied", detail);
        }
        let mut problem = Problem::new(StatusCode::UNAUTHORIZED, "denied", detail);
        let scheme = HeaderValue::from_static("Bearer realm=\"radpack\"");
        problem.headers.insert(header::WWW_AUTHENTICATE, scheme);
        problem
    }

    /// This service failed in a way that it should not.
    pub(crate) fn broken() -> Problem {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "broken",
            "the service failed at this; its log says more",
        )
    }

    /// This service, or what it needs, failed; trying again may help. Where its store lies, and what that says, is for its log.
    pub(crate) fn of_failure(error: &(dyn Error + 'static)) -> Problem {
        tracing::error!(error = chain(error).join(": "), "a request failed");
        let mut problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "io", error.to_string());
        problem
            .headers
            .insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        problem
    }

    /// An id that has no answer.
    pub(crate) fn unresolved(error: &ResolveError) -> Problem {
        let (status, kind) = match error.kind() {
            ResolveErrorKind::InvalidId => (StatusCode::BAD_REQUEST, "invalid-id"),
            ResolveErrorKind::InvalidSpec => (StatusCode::BAD_REQUEST, "invalid-spec"),
            ResolveErrorKind::UnknownPackage => (StatusCode::NOT_FOUND, "unknown-package"),
            ResolveErrorKind::UnknownEntry => (StatusCode::NOT_FOUND, "unknown-entry"),
            ResolveErrorKind::UnknownTag => (StatusCode::NOT_FOUND, "unknown-tag"),
            ResolveErrorKind::Unavailable => (StatusCode::NOT_FOUND, "unavailable"),
            ResolveErrorKind::UnresolvedDependency => {
                (StatusCode::NOT_FOUND, "unresolved-dependency")
            }
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "invalid-manifest"),
        };
        let mut problem = Problem::new(status, kind, error.to_string());
        problem.causes = causes(error);
        problem.suggestion = error.suggestion().map(str::to_owned);
        problem
    }

    /// An id that an import map cannot have.
    pub(crate) fn unmapped(error: &ImportMapError) -> Problem {
        let mut problem = match error {
            ImportMapError::Unresolved(error) => return Problem::unresolved(error),
            ImportMapError::Dependency { source, .. } => Problem::unresolved(source),
            _ => Problem::new(StatusCode::CONFLICT, "invalid-manifest", ""),
        };
        problem.detail = error.to_string();
        problem.causes = causes(error);
        problem
    }

    /// The same, where the request said what it is based on.
    pub(crate) fn of_precondition(mut self) -> Problem {
        self.status = StatusCode::PRECONDITION_FAILED;
        self.title = "Precondition Failed";
        self
    }

    /// A header of the answer.
    pub(crate) fn with(mut self, name: header::HeaderName, value: HeaderValue) -> Problem {
        self.headers.insert(name, value);
        self
    }
}

fn chain(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut words = vec![error.to_string()];
    let mut source = error.source();
    while let Some(cause) = source {
        words.push(cause.to_string());
        source = cause.source();
    }
    words
}

fn causes(error: &(dyn Error + 'static)) -> Vec<String> {
    chain(error).split_off(1)
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        let (status, kind) = match refusal.kind() {
            RefusalKind::Invalid => (StatusCode::BAD_REQUEST, "invalid"),
            RefusalKind::Unknown => (StatusCode::NOT_FOUND, "unknown"),
            RefusalKind::Stale => (StatusCode::CONFLICT, "stale"),
            RefusalKind::Unresolvable => (StatusCode::CONFLICT, "unresolvable"),
            RefusalKind::Denied => (StatusCode::FORBIDDEN, "denied"),
            _ => (StatusCode::CONFLICT, "conflict"),
        };
        let mut problem = Problem::new(status, kind, refusal.to_string());
        problem.causes = causes(&refusal);
        problem
    }
}

impl From<HistoryError> for Problem {
    fn from(error: HistoryError) -> Problem {
        match &error {
            HistoryError::NotYet { .. } => Problem::unknown(error.to_string()),
            _ => Problem::of_failure(&error),
        }
    }
}

impl From<CommitError> for Problem {
    fn from(error: CommitError) -> Problem {
        match error {
            CommitError::Refused(refusal) => refusal.into(),
            CommitError::History(error) => error.into(),
            CommitError::Unknown { command, .. } => {
                let mut problem = Problem::of_failure(&error);
                problem.kind = "outcome-unknown";
                problem.command = Some(command);
                problem
            }
            _ => Problem::of_failure(&error),
        }
    }
}

impl From<PublishError> for Problem {
    fn from(error: PublishError) -> Problem {
        match error {
            PublishError::Commit(error) => error.into(),
            PublishError::Build { .. }
            | PublishError::Folder { .. }
            | PublishError::Limit { .. } => {
                let mut problem = Problem::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "invalid",
                    error.to_string(),
                );
                problem.causes = causes(&error);
                problem
            }
            _ => Problem::of_failure(&error),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.into_answer().map(Body::from)
    }
}

impl Problem {
    /// What is sent of it.
    pub(crate) fn into_answer(self) -> http::Response<Bytes> {
        let Problem(said) = self;
        let body = serde_json::to_vec(&said).unwrap_or_default();
        let mut response = http::Response::new(Bytes::from(body));
        *response.status_mut() = said.status;
        let headers = response.headers_mut();
        headers.extend(said.headers);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        // Pages of other origins are told as well.
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_ORIGIN,
            HeaderValue::from_static("*"),
        );
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
        response
    }
}
