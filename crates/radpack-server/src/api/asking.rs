//! Who asks what: the token, the command's id, the revision, and the body, each checked before anything is done.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};
use http::uri::Authority;
use radpack_registry::rules::DraftBase;
use radpack_registry::state::token::Token;
use radpack_registry::{Caller, Command, Moment};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::caller::{Reader, reached_from, secret};
use crate::problem::Problem;
use crate::service::Shared;

/// The id of a command, so that it is carried out once however often it is sent.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// What requests carry that somebody else has passed on; beside these, whatever begins with `x-forwarded-`.
const PASSED_ON: [&str; 4] = ["forwarded", "via", "x-real-ip", "cf-connecting-ip"];

/// Who sends a command.
pub(crate) struct Writer {
    pub(crate) caller: Caller,
    pub(crate) command: Command,
    /// On whose account it is; nobody's, of one who needs no token.
    pub(crate) account: Uuid,
    /// The revision of a draft that it is based on, as `ETag` names it: `"12-3"`, or `"3"` of whichever draft has its name now.
    pub(crate) base: Option<DraftBase>,
}

impl Writer {
    /// Refuses a condition where none is looked at: whoever sends one means it.
    pub(crate) fn check_unconditional(&self) -> Result<(), Problem> {
        match self.base {
            None => Ok(()),
            Some(_) => Err(Problem::invalid(
                "If-Match is for what is done with a draft, and not looked at here: leave it out",
            )),
        }
    }

    /// Why it was not carried out, where that may be what it is based on.
    pub(crate) fn told(&self, problem: Problem) -> Problem {
        match self.base.is_some() && problem.kind == "stale" {
            true => problem.of_precondition(),
            false => problem,
        }
    }
}

/// Who reads, and the newest state.
pub(crate) struct Asker {
    pub(crate) reader: Reader,
    pub(crate) moment: Moment,
}

/// A command as JSON.
pub(crate) struct Told<T>(pub(crate) T);

/// What stands in the query.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<Arc<Shared>> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shared>) -> Result<Asked<T>, Problem> {
        let query: Result<Query<T>, _> = Query::try_from_uri(&parts.uri);
        query
            .map(|Query(asked)| Asked(asked))
            .map_err(|error| Problem::invalid(error.body_text()))
    }
}

impl Shared {
    /// The token with a secret. One that is worth nothing costs its sender.
    async fn holder(&self, secret: &str, from: Option<IpAddr>) -> Result<Token, Problem> {
        let standing = |moment: &Moment| moment.state.standing(secret, moment.now()).cloned();
        let known = standing(&self.live.now().moment);
        let token = match known {
            Ok(token) => token,
            Err(_) => {
                self.rates.of_address(from)?;
                // It may have been made a moment ago, by another.
                self.live.look(&self.registry).await;
                standing(&self.live.now().moment)
                    .map_err(|refusal| Problem::denied(refusal.to_string(), false))?
            }
        };
        Ok(token)
    }

    /// Who sends a command, and on whose account.
    async fn caller(
        &self,
        headers: &HeaderMap,
        from: Option<IpAddr>,
    ) -> Result<(Caller, Uuid), Problem> {
        if let Some(secret) = secret(headers)? {
            let token = self.holder(secret, from).await?;
            self.rates.of_token(token.account())?;
            let account = token.account();
            let caller = Caller {
                name: token.holder,
                token: Some(secret.to_owned()),
            };
            return Ok((caller, account));
        }
        self.rates.of_address(from)?;
        match self.trusted(headers)? {
            Some(name) => Ok((Caller::new(name), Uuid::nil())),
            None => Err(Problem::denied(
                "this takes a token: send it as `Authorization: Bearer radpack_…`; who has admin rights makes one with `radpack token create`",
                false,
            )),
        }
    }

    /// In whose name somebody is served who has no token, if anybody is; an error, if not this one.
    fn trusted(&self, headers: &HeaderMap) -> Result<Option<&str>, Problem> {
        let Some(name) = &self.settings.trusted else {
            return Ok(None);
        };
        // Whoever reaches this service is trusted. The pages that their browser shows are not, nor are those whom something in between
        // lets reach it.
        let is_of_page = headers.contains_key(header::ORIGIN)
            || headers.get("sec-fetch-site").is_some_and(|it| it != "none");
        if is_of_page {
            return Err(Problem::denied(
                "a page in a browser needs a token for this",
                false,
            ));
        }
        let is_passed_on = headers.keys().any(|name| {
            PASSED_ON.contains(&name.as_str()) || name.as_str().starts_with("x-forwarded-")
        });
        let is_elsewhere = headers.get(header::HOST).is_some_and(|host| !is_here(host));
        match is_passed_on || is_elsewhere {
            true => Err(Problem::denied(
                "only who asks this machine itself, by its own address, needs no token",
                false,
            )),
            false => Ok(Some(name)),
        }
    }
}

/// Whether a Host is this machine's own.
fn is_here(host: &HeaderValue) -> bool {
    let host = host.to_str().ok();
    let Some(authority) = host.and_then(|host| host.parse::<Authority>().ok()) else {
        return false;
    };
    let host = authority.host().trim_matches(['[', ']']);
    let address = host.parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

impl FromRequestParts<Arc<Shared>> for Writer {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Arc<Shared>,
    ) -> Result<Writer, Problem> {
        let (caller, account) = shared
            .caller(
                &parts.headers,
                shared.address(&parts.headers, reached_from(&parts.extensions)),
            )
            .await?;
        Ok(Writer {
            caller,
            account,
            command: command(&parts.headers)?,
            base: base(&parts.headers)?,
        })
    }
}

impl FromRequestParts<Arc<Shared>> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Asker, Problem> {
        let from = shared.address(&parts.headers, reached_from(&parts.extensions));
        let reader = match secret(&parts.headers)? {
            None => match shared.trusted(&parts.headers) {
                Ok(Some(name)) => Reader::Holder(Box::new(Token::needless(name))),
                _ => {
                    shared.rates.of_address(from)?;
                    Reader::Anybody
                }
            },
            Some(secret) => {
                let token = shared.holder(secret, from).await?;
                // Who sees everything may read everything, one object at a time.
                match token.sees_all() {
                    true => shared.rates.of_reader(token.account())?,
                    false => shared.rates.of_token(token.account())?,
                }
                Reader::Holder(Box::new(token))
            }
        };
        let moment = shared.live.now().moment.clone();
        Ok(Asker { reader, moment })
    }
}

fn command(headers: &HeaderMap) -> Result<Command, Problem> {
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(Command::new(""));
    };
    let text = key.to_str().unwrap_or_default().trim().trim_matches('"');
    let id = Uuid::try_parse(text).map_err(|error| {
        Problem::invalid(format!("the Idempotency-Key {text:?} is no UUID: {error}"))
    })?;
    Ok(Command::again(id, ""))
}

fn base(headers: &HeaderMap) -> Result<Option<DraftBase>, Problem> {
    let Some(tag) = headers.get(header::IF_MATCH) else {
        return Ok(None);
    };
    let base = tag.to_str().ok().and_then(|tag| {
        let tag = tag.trim().strip_prefix('"')?.strip_suffix('"')?;
        let (opened, revision) = match tag.split_once('-') {
            Some((opened, revision)) => (Some(opened.parse().ok()?), revision),
            None => (None, tag),
        };
        let revision = revision.parse().ok()?;
        Some(DraftBase { opened, revision })
    });
    base.map(Some).ok_or_else(|| {
        Problem::invalid("If-Match names no revision: send what ETag said, such as \"12-3\"")
    })
}

impl<T: DeserializeOwned> FromRequest<Arc<Shared>> for Told<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Told<T>, Problem> {
        json(request, shared.settings.limits.command_bytes)
            .await
            .map(Told)
    }
}

/// What a body says that is JSON, and no larger than it may be.
pub(crate) async fn json<T: DeserializeOwned>(request: Request, most: usize) -> Result<T, Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "invalid",
            "commands are JSON: send them with `Content-Type: application/json`",
        ));
    }
    read(&bytes(request, most).await?)
}

/// A body that is no larger than it may be.
pub(crate) async fn bytes(request: Request, most: usize) -> Result<Bytes, Problem> {
    axum::body::to_bytes(request.into_body(), most)
        .await
        .map_err(|error| {
            let mut source = Some(&error as &dyn std::error::Error);
            while let Some(cause) = source {
                if cause.is::<http_body_util::LengthLimitError>() {
                    return too_large(most as u64);
                }
                source = cause.source();
            }
            Problem::invalid(format!("the body could not be read: {error}"))
        })
}

pub(crate) fn too_large(most: u64) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too-large",
        format!("this is larger than {most} bytes"),
    )
}

/// What JSON says. What is no JSON is told apart from what says nothing that can be meant.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        let status = match error.is_data() {
            true => StatusCode::UNPROCESSABLE_ENTITY,
            false => StatusCode::BAD_REQUEST,
        };
        Problem::new(
            status,
            "invalid",
            format!("the body cannot be read: {error}"),
        )
    })
}
