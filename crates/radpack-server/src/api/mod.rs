//! The API for programs: the commands of the registry one to one, what there is as JSON, and the objects of the store.

mod asking;
mod commands;
mod drafts;
mod limits;
mod look;
mod openapi;
mod publish;
mod store;
mod under_way;
mod upload;

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use limits::Limits;
pub(crate) use limits::Rates;
pub(crate) use under_way::UnderWay;

use crate::problem::Problem;
use crate::service::Shared;

/// What handlers give.
type Sent = Result<Response, Problem>;

/// What every request may be answered with. Answers of commands are told apart by `done`.
#[derive(utoipa::IntoResponses)]
#[allow(dead_code)]
enum Answers {
    /// What came of it
    #[response(status = 200)]
    Answer(#[to_schema] radpack_registry::Answer),
    /// Why it was not done, in the words of the command line
    #[response(status = "default", content_type = "application/problem+json")]
    Problem(#[to_schema] ProblemJson),
}

/// A problem as RFC 9457 has it.
#[derive(ToSchema)]
#[schema(as = Problem)]
#[allow(dead_code)]
struct ProblemJson {
    /// The status of the answer.
    status: u16,
    /// The kind of the status, for people.
    title: String,
    /// The kind, for programs: invalid, unknown, conflict, stale, unresolvable, denied, too-many, too-large, outcome-unknown, io and others.
    kind: String,
    /// What is wrong, and what to do about it.
    detail: String,
    /// What it was caused by.
    causes: Option<Vec<String>>,
    /// The closest name that there is.
    suggestion: Option<String>,
    /// The command whose outcome is unknown: sent again under this id, as Idempotency-Key, it is carried out once.
    command: Option<uuid::Uuid>,
    /// What keeps a package from being built: each with a `kind`, a `message`, and as far as they are known its `file`, its `position` (line and
    /// column) and its `causes`.
    #[schema(value_type = Option<Vec<Object>>)]
    problems: Option<serde_json::Value>,
}

/// The routes, each with its description.
fn described() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(commands::release))
        .routes(routes!(commands::promote))
        .routes(routes!(commands::rollout))
        .routes(routes!(commands::rollback))
        .routes(routes!(commands::revert))
        .routes(routes!(commands::yank))
        .routes(routes!(commands::policy))
        .routes(routes!(publish::publish))
        .routes(routes!(publish::import))
        .routes(routes!(publish::gc))
        .routes(routes!(look::settings, commands::settings))
        .routes(routes!(look::consumers))
        .routes(routes!(look::consumer, commands::consumer))
        .routes(routes!(look::tokens, commands::new_token))
        .routes(routes!(commands::revoke_token))
        .routes(routes!(drafts::list, commands::open_draft))
        .routes(routes!(drafts::show, commands::discard_draft))
        .routes(routes!(drafts::diff))
        .routes(routes!(commands::reset_draft))
        .routes(routes!(drafts::save_all))
        .routes(routes!(publish::publish_draft))
        .routes(routes!(drafts::file, drafts::put, drafts::remove))
        .routes(routes!(look::packages))
        .routes(routes!(look::package))
        .routes(routes!(look::version))
        .routes(routes!(look::source))
        .routes(routes!(look::diff))
        .routes(routes!(look::history))
        .routes(routes!(look::event))
        .routes(routes!(store::list))
        .routes(routes!(store::object))
        .routes(routes!(openapi::get))
}

/// All of them.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    described().split_for_parts().0
}
