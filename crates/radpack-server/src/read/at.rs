//! `GET /at/{moment}/…`: any of the others, as it was.

use std::sync::Arc;

use axum::extract::{OriginalUri, Path, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;

use super::place::{Elsewhere, Target, redirect};
use super::{import_map, manifest, modules, resolve};
use crate::moment::ServedMoment;
use crate::problem::Problem;
use crate::service::Shared;

pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    Path((moment, rest)): Path<(String, String)>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Response {
    // As it was sent: an id may hold what a path may not.
    let raw = uri
        .path()
        .strip_prefix("/at/")
        .and_then(|path| path.split_once('/'));
    let path = format!("/{}", raw.map_or("", |(_, rest)| rest));
    let target = Target {
        moment: Some(&moment),
        path: &path,
        query: uri.query().unwrap_or_default(),
        headers: &headers,
    };
    answer(&shared, target, &rest).await.into_response()
}

async fn answer(shared: &Shared, target: Target<'_>, rest: &str) -> Result<Response, Elsewhere> {
    match rest.split_once('/') {
        None if rest == "radpack.json" => manifest::answer(shared, target).await,
        None if rest == "import-map.json" => import_map::answer(shared, target, false).await,
        None if rest == "import-map.html" => import_map::answer(shared, target, true).await,
        Some(("resolve", id)) => resolve::answer(shared, target, id).await,
        Some(("m", path)) => {
            // What a file holds is in its name: it is the same at all moments.
            let moment = target.moment.unwrap_or_default().parse::<ServedMoment>();
            match moment {
                Ok(moment) if moment.is_full() => {
                    shared.check_moment(&moment.moment).await?;
                    Ok(modules::answer(shared, target.headers, path).await?)
                }
                Ok(_) => Err(redirect(target.path, "no-store")?),
                Err(error) => Err(Problem::invalid(error.to_string()).into()),
            }
        }
        _ => Err(Problem::unknown(format!(
            "there is nothing at a moment under {rest:?}: radpack.json, import-map.json, import-map.html, resolve/… and m/… are"
        ))
        .into()),
    }
}
