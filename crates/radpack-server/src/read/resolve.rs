//! `GET /resolve/{id}`: what serves an id, said in JSON or by leading there.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{HeaderMap, StatusCode};
use radpack_resolve::{Found, Query};
use radpack_version::Fallback;
use serde::Serialize;
use utoipa::ToSchema;

use super::place::{Asked, Elsewhere, Target};
use super::reply::{HEADERS, Keeping, open_to_all, vary};
use super::{Answer, MOMENT};
use crate::problem::Problem;
use crate::scene::View;
use crate::service::Shared;

/// What serves an id.
// What the command prints with `--json`, and where the file is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Resolved<'a> {
    /// As it was asked for.
    id: &'a str,
    /// The package.
    name: &'a str,
    /// The version.
    version: String,
    /// The entry.
    entry: &'a str,
    /// Where the file is; without one, the entry has only dependencies.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// What the file must be.
    #[serde(skip_serializing_if = "Option::is_none")]
    integrity: Option<&'a str>,
    /// How the version relates to what was asked for: exact, in-range or nearest.
    fit: &'static str,
    /// What differs, where it is the nearest.
    #[serde(skip_serializing_if = "Option::is_none")]
    drift: Option<&'static str>,
    /// The ids that load with it.
    statics: Vec<String>,
    /// The ids that it may load later.
    dynamics: Vec<String>,
}

/// The parameters of these requests.
pub(crate) const TAKES: [&str; 8] = [
    "channel", "at", "cohort", "key", "urls", "scope", "fallback", "redirect",
];

pub(super) async fn answer(
    shared: &Shared,
    target: Target<'_>,
    id: &str,
) -> Result<Answer, Elsewhere> {
    let asked = target.asked(&TAKES)?;
    let mut placed = target.place(shared, &asked).await?;
    let view = placed.view(shared).await?;
    let index = view.index().await?;
    let base = base_of(shared, &target, &asked, &view, &mut placed.keeping)?;
    let context = BTreeMap::from([("baseUrl".to_owned(), base)]);
    let mut query = index.query().context(&context);
    if let Some(scope) = &asked.scope {
        query = query.scope(scope);
    }
    if let Some(fallback) = &asked.fallback {
        query = query.fallback(fallback_of(fallback)?);
    }
    let found = query
        .resolve(id)
        .map_err(|error| Problem::unresolved(&query.suggest(error)))?;
    let resolved = resolved(&query, id, &found).map_err(|error| Problem::unresolved(&error))?;
    let mut response = match leads(target.headers, &asked) {
        true => {
            let url = resolved.url.ok_or_else(|| {
                Problem::unknown(format!(
                    "{} has no code of its own, only dependencies",
                    found.pinned_id()
                ))
            })?;
            let location = HeaderValue::from_str(&url).map_err(|_| Problem::broken())?;
            let mut response = Answer::default();
            *response.status_mut() = StatusCode::FOUND;
            response.headers_mut().insert(header::LOCATION, location);
            response
        }
        false => {
            let json = serde_json::to_vec(&resolved).map_err(|_| Problem::broken())?;
            let mut response = Answer::new(Bytes::from(json));
            response.headers_mut().reserve(HEADERS);
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(header::CONTENT_TYPE, json);
            response
        }
    };
    let answer = response.headers_mut();
    vary(answer, "Accept", &placed.keeping);
    answer.insert(header::CACHE_CONTROL, placed.keeping.value());
    open_to_all(answer);
    answer.insert(MOMENT, placed.scene.said(placed.cohort));
    Ok(response)
}

fn resolved<'a>(
    query: &Query<'a, '_>,
    id: &'a str,
    found: &Found<'a>,
) -> Result<Resolved<'a>, radpack_resolve::ResolveError> {
    Ok(Resolved {
        id,
        name: found.name(),
        version: found.version().to_string(),
        entry: found.entry(),
        url: query.url(found)?,
        integrity: found.integrity()?,
        fit: found.fit().as_str(),
        drift: found.drift().map(|drift| drift.as_str()),
        statics: found.statics().map(|it| it.id().into_owned()).collect(),
        dynamics: found.dynamics().map(|it| it.id().into_owned()).collect(),
    })
}

/// Whether a reader wants the file rather than to be told of it: who imports a module, or says so.
fn leads(headers: &HeaderMap, asked: &Asked) -> bool {
    asked.redirect.is_some()
        || headers
            .get(header::ACCEPT)
            .is_some_and(|accept| accept.as_bytes().trim_ascii() == b"*/*")
}

fn fallback_of(text: &str) -> Result<Fallback, Problem> {
    match text {
        "none" => Ok(Fallback::None),
        "compatible" => Ok(Fallback::Compatible),
        "same-major" => Ok(Fallback::SameMajor),
        "any" => Ok(Fallback::Any),
        _ => Err(Problem::invalid(format!(
            "{text:?} is no fallback: these are none, compatible, same-major and any"
        ))),
    }
}

/// What URLs begin with: where the registry says that its files are; else here.
pub(super) fn base_of(
    shared: &Shared,
    target: &Target<'_>,
    asked: &Asked,
    view: &View,
    keeping: &mut Keeping,
) -> Result<String, Problem> {
    let mut absolute = || {
        if shared.settings.public_url.is_none() {
            // It is the reader's word where this service is found, and nobody else is to be led there.
            *keeping = Keeping::never();
        }
        shared.origin(target.headers)
    };
    match asked.urls.as_deref() {
        None => Ok(view.base_url.clone().unwrap_or_default()),
        Some("same-origin") => Ok(String::new()),
        Some("absolute") => match &view.base_url {
            Some(base) => Ok(base.clone()),
            None => absolute(),
        },
        Some(other) => Err(Problem::invalid(format!(
            "{other:?} are no URLs: these are same-origin and absolute"
        ))),
    }
}

impl Shared {
    /// Where the reader says that it found this service.
    fn origin(&self, headers: &HeaderMap) -> Result<String, Problem> {
        if let Some(public) = &self.settings.public_url {
            return Ok(public.as_str().trim_end_matches('/').to_owned());
        }
        let host = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        let is_host = |host: &&str| {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
        };
        let host = host.filter(is_host).ok_or_else(|| {
            Problem::invalid("the request names no host, and an absolute URL needs one")
        })?;
        let scheme = if self.settings.tls { "https" } else { "http" };
        Ok(format!("{scheme}://{host}"))
    }
}
