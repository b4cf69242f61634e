//! The objects of the store, for those who may read everything: `radpack --store https://…` reads the history itself.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::response::Response;
use futures_util::TryStreamExt as _;
use http::header::{self, HeaderValue};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::asking::{Asked, Asker};
use super::commands::no_store;
use super::{Answers, Sent};
use crate::caller::Reader;
use crate::problem::Problem;
use crate::service::Shared;

/// What every holder of a token may read: it says which registry this is.
const FORMAT: &str = "format.json";

/// The folders that there are.
const FOLDERS: [&str; 3] = ["blobs", "checkpoints", "events"];

fn check(reader: &Reader, name: &str) -> Result<(), Problem> {
    match reader {
        Reader::Holder(_) if name == FORMAT => Ok(()),
        reader if reader.sees_all() => Ok(()),
        Reader::Holder(token) => Err(Problem::denied(
            format!(
                "the token of {} has not the right to read for the whole registry, which takes reading its history: who has admin rights makes one that has, with `radpack token create`",
                token.holder
            ),
            true,
        )),
        Reader::Anybody => Err(Problem::denied(
            "reading the history takes a token with the right to read for the whole registry",
            false,
        )),
    }
}

fn is_name(name: &str) -> bool {
    let mut parts = name.split('/');
    let is_part = |part: &str| !matches!(part, "" | "." | "..");
    name == FORMAT
        || parts.next().is_some_and(|first| FOLDERS.contains(&first)) && parts.all(is_part)
}

/// What is listed.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listing {
    /// The folder whose objects are listed: events, blobs or checkpoints.
    list: Option<String>,
    /// The folder whose folders are listed.
    folders: Option<String>,
}

/// An object of the store.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Object {
    /// Its name.
    name: String,
    /// How many bytes it has.
    size: u64,
    /// When it was written.
    written: jiff::Timestamp,
}

/// List objects of the store (right: read, for `*`)
#[utoipa::path(
    get, path = "/api/store", tag = "store", security(("token" = [])), params(Listing),
    responses((status = 200, description = "The objects, or the names of the folders", body = Vec<Object>), Answers),
)]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    asker: Asker,
    Asked(asked): Asked<Listing>,
) -> Sent {
    check(&asker.reader, "")?;
    let store = shared.registry.store();
    let failed = |error| Problem::of_failure(&error);
    match (asked.list, asked.folders) {
        (Some(folder), None) if is_name(&folder) => {
            let listed = store.list(&folder).await.map_err(failed)?;
            let objects: Vec<Object> = listed
                .into_iter()
                .map(|object| Object {
                    name: object.name,
                    size: object.size,
                    written: object.written,
                })
                .collect();
            Ok(no_store(Json(objects)))
        }
        (None, Some(folder)) if is_name(&folder) => Ok(no_store(Json(
            store.folders(&folder).await.map_err(failed)?,
        ))),
        _ => Err(Problem::invalid(
            "say what is to be listed: ?list= or ?folders= with events, blobs or checkpoints",
        )),
    }
}

/// Read an object of the store (right: read, for `*`)
#[utoipa::path(
    get, path = "/api/store/{*name}", tag = "store", security(("token" = [])), params(("name" = String, Path)),
    responses((status = 200, description = "Its bytes", body = String, content_type = "application/octet-stream"), Answers),
)]
pub(super) async fn object(
    State(shared): State<Arc<Shared>>,
    asker: Asker,
    Path(name): Path<String>,
) -> Sent {
    check(&asker.reader, &name)?;
    let unknown = || Problem::unknown(format!("there is no object {name:?}"));
    if !is_name(&name) {
        return Err(unknown());
    }
    let found = shared.registry.store().stream(&name).await;
    let found = found.map_err(|error| Problem::of_failure(&error))?;
    let (size, contents) = found.ok_or_else(unknown)?;
    let contents = contents.inspect_err(|error| {
        tracing::error!(
            error = error as &(dyn std::error::Error + 'static),
            "an object breaks off"
        );
    });
    // Where it breaks off, whoever reads it has less than they were told of.
    let mut response = as_bytes(Body::from_stream(contents));
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    Ok(response)
}

/// Bytes that nobody takes for anything else.
pub(super) fn bytes(contents: Bytes) -> Response {
    as_bytes(Body::from(contents))
}

fn as_bytes(contents: Body) -> Response {
    let mut response = no_store(Response::new(contents));
    let headers = response.headers_mut();
    let mut say = |name, value| headers.insert(name, HeaderValue::from_static(value));
    say(header::CONTENT_TYPE, "application/octet-stream");
    say(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    say(header::CONTENT_DISPOSITION, "attachment");
    say(header::CONTENT_SECURITY_POLICY, "sandbox");
    response
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn only_what_is_of_the_registry_is_named() {
        for name in [
            "format.json",
            "events/1",
            "blobs/sha256/ab",
            "checkpoints/1/root",
            "events",
        ] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "",
            "/",
            "..",
            "events/../x",
            "events//1",
            "other/x",
            "format.json/x",
            "./events",
        ] {
            assert!(!is_name(name), "{name}");
        }
    }
}
