//! The commands of a registry that bring no bytes with them, one to one.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderValue};
use radpack_registry::rules::{
    ChangeRollout, ChangeSetting, DiscardDraft, Promote, RecordConsumer, ReleaseVersions,
    ResetDraft, RevokeToken, Rollback, SetPolicy, Yank,
};
use radpack_registry::state::fact::Follows;
use radpack_registry::state::token::Token;
use radpack_registry::{Answer, Carried, NewToken, OpenDraft, Preview, Request, RevertTo};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::SemaphorePermit;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::asking::{Asked, Told, Writer};
use super::{Answers, Sent};
use crate::problem::Problem;
use crate::service::Shared;

/// Whether anything is to be done.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[into_params(parameter_in = Query)]
pub(crate) struct Trial {
    /// Say what would change, and change nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Does something to its end, also when whoever asked for it does not wait.
pub(super) async fn finish<T: Send + 'static>(
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    tokio::spawn(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a command broke off");
        Err(Problem::broken())
    })
}

/// What is never kept.
pub(super) fn no_store(answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    response.headers_mut().insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-store"),
    );
    response
}

/// What came of a command; this service shows it from now on.
pub(super) async fn said(shared: &Shared, carried: &Carried) -> Result<Answer, Problem> {
    if let Carried::Done(_) = carried {
        shared.live.look(&shared.registry).await;
    }
    Answer::of(carried).map_err(|error| Problem::of_failure(&error))
}

/// A turn to read the past, for what takes that.
async fn past_turn<'s>(
    shared: &'s Shared,
    request: &Request,
) -> Result<Option<SemaphorePermit<'s>>, Problem> {
    if !matches!(request, Request::Revert(_)) {
        return Ok(None);
    }
    shared.turn_to_fold().await.map(Some)
}

/// Carries out a request, and says what came of it.
pub(super) async fn carry_out(
    shared: Arc<Shared>,
    writer: Writer,
    request: impl Into<Request>,
) -> Result<Answer, Problem> {
    writer.check_unconditional()?;
    carry_out_based(shared, writer, request).await
}

/// The same of one that looks at what it is based on.
async fn carry_out_based(
    shared: Arc<Shared>,
    writer: Writer,
    request: impl Into<Request>,
) -> Result<Answer, Problem> {
    let request = request.into();
    finish(async move {
        let _turn = past_turn(&shared, &request).await?;
        let registry = &shared.registry;
        let carried = registry.request(&writer.caller, &writer.command, request);
        let carried = carried.await.map_err(|error| writer.told(error.into()))?;
        said(&shared, &carried).await
    })
    .await
}

async fn command(
    shared: Arc<Shared>,
    writer: Writer,
    trial: Trial,
    request: impl Into<Request>,
) -> Sent {
    if !trial.dry_run {
        return Ok(no_store(Json(carry_out(shared, writer, request).await?)));
    }
    writer.check_unconditional()?;
    let request = request.into();
    let _turn = past_turn(&shared, &request).await?;
    let preview = shared.registry.preview_request(&writer.caller, request);
    let (decided, effect) = preview.await?;
    Ok(no_store(Json(Preview::of(&decided, effect))))
}

macro_rules! commands {
    ($($(#[doc = $words:literal])* $name:ident: $path:literal, $request:ident;)*) => {$(
        $(#[doc = $words])*
        #[utoipa::path(post, path = $path, params(Trial), request_body = $request, responses(Answers), tag = "commands", security(("token" = [])))]
        pub(super) async fn $name(
            State(shared): State<Arc<Shared>>,
            writer: Writer,
            Asked(trial): Asked<Trial>,
            Told(request): Told<$request>,
        ) -> Sent {
            command(shared, writer, trial, request).await
        }
    )*};
}

commands! {
    /// Release versions, all in one event and with one rollout (right: release)
    release: "/api/release", ReleaseVersions;
    /// Release in one channel what another has (right: release)
    promote: "/api/promote", Promote;
    /// Change a release on its way (right: release)
    rollout: "/api/rollout", ChangeRollout;
    /// Return a line to its previous good release, or to a named one (right: release)
    rollback: "/api/rollback", Rollback;
    /// Make the releases those of an earlier event (right: release)
    revert: "/api/revert", RevertTo;
    /// Yank a version (right: release)
    yank: "/api/yank", Yank;
    /// Change the policy of a package (right: admin)
    policy: "/api/policy", SetPolicy;
}

/// Change a setting of the registry (right: admin, for `*`)
#[utoipa::path(post, path = "/api/settings", request_body = ChangeSetting, responses(Answers), tag = "commands", security(("token" = [])))]
pub(super) async fn settings(
    State(shared): State<Arc<Shared>>,
    writer: Writer,
    Told(request): Told<ChangeSetting>,
) -> Sent {
    Ok(no_store(Json(carry_out(shared, writer, request).await?)))
}

/// Open a draft: empty, from a version, or from another draft (right: publish)
#[utoipa::path(post, path = "/api/drafts", request_body = OpenDraft, responses(Answers), tag = "drafts", security(("token" = [])))]
pub(super) async fn open_draft(
    State(shared): State<Arc<Shared>>,
    writer: Writer,
    Told(request): Told<OpenDraft>,
) -> Sent {
    Ok(no_store(Json(carry_out(shared, writer, request).await?)))
}

/// Give a draft up; with `If-Match`, if it still is at this revision (right: publish)
#[utoipa::path(delete, path = "/api/drafts/{draft}", params(("draft" = String, Path), ("If-Match" = Option<String>, Header, description = "The revision that this is based on")), responses(Answers), tag = "drafts", security(("token" = [])))]
pub(super) async fn discard_draft(
    State(shared): State<Arc<Shared>>,
    writer: Writer,
    Path(draft): Path<String>,
) -> Sent {
    let discard = DiscardDraft {
        draft,
        based_on: writer.base,
    };
    Ok(no_store(Json(
        carry_out_based(shared, writer, discard).await?,
    )))
}

/// The revision that a draft is set back to.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Back {
    /// The revision.
    to: u64,
}

/// Set a draft back to an earlier revision, as a new one; with `If-Match`, if it still is at this one (right: publish)
#[utoipa::path(post, path = "/api/drafts/{draft}/reset", params(("draft" = String, Path), ("If-Match" = Option<String>, Header, description = "The revision that this is based on")), request_body = Back, responses(Answers), tag = "drafts", security(("token" = [])))]
pub(super) async fn reset_draft(
    State(shared): State<Arc<Shared>>,
    writer: Writer,
    Path(draft): Path<String>,
    Told(Back { to }): Told<Back>,
) -> Sent {
    let reset = ResetDraft {
        draft,
        to,
        based_on: writer.base,
    };
    Ok(no_store(Json(
        carry_out_based(shared, writer, reset).await?,
    )))
}

/// What an application uses.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Uses {
    /// Its pins; where none are said, those that it has.
    pins: Option<BTreeSet<String>>,
    /// What it is to get of packages from now on.
    #[serde(default)]
    follow: BTreeMap<String, Follows>,
    /// Whether users have it; as it was, where it is not said.
    production: Option<bool>,
}

/// Record which pins an application uses (right: publish, for its name)
#[utoipa::path(put, path = "/api/consumers/{consumer}", params(("consumer" = String, Path)), request_body = Uses, responses(Answers), tag = "commands", security(("token" = [])))]
pub(super) async fn consumer(
    State(shared): State<Arc<Shared>>,
    writer: Writer,
    Path(consumer): Path<String>,
    Told(uses): Told<Uses>,
) -> Sent {
    let record = RecordConsumer {
        consumer,
        pins: uses.pins,
        follow: uses.follow,
        production: uses.production,
    };
    Ok(no_store(Json(carry_out(shared, writer, record).await?)))
}

/// A token that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Made {
    #[serde(flatten)]
    answer: Answer,
    /// Its id.
    token: Uuid,
    /// Its secret, shown this once, unless the request had the digest of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// Make a token; it grants nothing beyond that of its maker
#[utoipa::path(post, path = "/api/tokens", request_body = NewToken, responses((status = 200, description = "Made", body = Made), Answers), tag = "tokens", security(("token" = [])))]
pub(super) async fn new_token(
    State(shared): State<Arc<Shared>>,
    writer: Writer,
    Told(mut request): Told<NewToken>,
) -> Sent {
    let token = writer.command.id;
    let mut secret = None;
    if request.digest.is_none() {
        let new = Token::new_secret();
        request.digest = Some(Token::digest(&new));
        secret = Some(new);
    }
    let answer = carry_out(shared, writer, request).await?;
    // That of the first time is gone.
    if matches!(&answer, Answer::Done(done) if done.repeated) {
        secret = None;
    }
    Ok(no_store(Json(Made {
        answer,
        token,
        secret,
    })))
}

/// Make a token worth nothing (right: admin, for its packages)
#[utoipa::path(delete, path = "/api/tokens/{token}", params(("token" = Uuid, Path)), responses(Answers), tag = "tokens", security(("token" = [])))]
pub(super) async fn revoke_token(
    State(shared): State<Arc<Shared>>,
    writer: Writer,
    Path(token): Path<String>,
) -> Sent {
    let token = Uuid::try_parse(&token)
        .map_err(|error| Problem::invalid(format!("{token:?} is no token's id: {error}")))?;
    let revoke = RevokeToken { token };
    Ok(no_store(Json(carry_out(shared, writer, revoke).await?)))
}
