//! What a development register answers. Nothing of it is to be kept: the next moment it may be another.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path as UrlPath, Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{body::Body, middleware};
use futures_util::{Stream, StreamExt as _, stream};
use http::HeaderMap;
use http::header::{self, HeaderName, HeaderValue};
use http::uri::Authority;
use radpack_manifest::Manifest;
use radpack_resolve::{Gathering, ImportMapError};
use serde::Deserialize;

use super::{Shared, Shown, context, page};
use crate::problem::Problem;
use crate::read::modules::content_type;
use crate::scene::blocking;

pub(super) fn routes(shared: Arc<Shared>) -> Router {
    let register = shared.route.clone();
    let files = format!("{}/{{*path}}", register.trim_end_matches('/'));
    let mut router = Router::new();
    if register != "/" {
        router = router
            .route("/", get(show))
            .route("/radpack.json", get(everything));
    }
    router
        .route(&register, get(here))
        .route(&files, get(file))
        .route("/-/page", get(show))
        .route("/-/events", get(events))
        .route("/import-map.json", get(import_map))
        .route("/import-map.html", get(import_page))
        .route("/statics/{*path}", get(statics))
        .fallback(nothing)
        .layer(middleware::map_response(as_of_now))
        .with_state(shared)
}

/// Pages of all origins may use it, as with 1.x; nobody keeps it.
async fn as_of_now(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let mut say = |name: HeaderName, value| headers.insert(name, HeaderValue::from_static(value));
    say(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    say(header::CACHE_CONTROL, "no-store");
    say(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    response
}

async fn nothing() -> Problem {
    Problem::unknown("there is nothing here: / says what there is")
}

/// What there is now.
fn shown(shared: &Shared) -> Arc<Shown> {
    shared.shown.borrow().clone()
}

/// Where the asker reaches the register.
fn address(shared: &Shared, headers: &HeaderMap) -> Result<String, Problem> {
    let host = headers.get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let host = host.filter(|host| !host.as_str().contains('@'));
    let host = host.ok_or_else(|| Problem::invalid("the header `Host` is missing, or is none"))?;
    Ok(format!(
        "http://{host}{}",
        shared.route.trim_end_matches('/')
    ))
}

async fn show(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Result<Html<String>, Problem> {
    let address = address(&shared, &headers)?;
    Ok(Html(page::html(&shown(&shared), &shared, &address)))
}

fn json(manifests: &[Manifest]) -> Response {
    let texts: Vec<String> = manifests.iter().map(Manifest::to_json).collect();
    let json = HeaderValue::from_static("application/json");
    (
        [(header::CONTENT_TYPE, json)],
        format!("[{}]", texts.join(",")),
    )
        .into_response()
}

/// The packages here, as Radpack 1.x lists them: a manifest for each. For those who have what is live from elsewhere.
async fn here(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Result<Response, Problem> {
    let address = address(&shared, &headers)?;
    let shown = shown(&shared);
    let manifests: Vec<_> = shown
        .parts()
        .map(|part| part.manifest_at(&address))
        .collect();
    Ok(json(&manifests))
}

/// What is live, with the packages here on top.
async fn everything(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let address = address(&shared, &headers)?;
    let made = blocking(move || {
        let shown = shown(&shared);
        let mut manifests = shared
            .live
            .to_manifests()
            .map_err(|error| Problem::of_failure(&error))?;
        manifests.extend(shown.parts().map(|part| part.manifest_at(&address)));
        Ok::<_, Problem>(json(&manifests))
    });
    made.await?
}

#[derive(Deserialize)]
struct Roots {
    #[serde(default)]
    roots: String,
}

async fn import_map(
    State(shared): State<Arc<Shared>>,
    Query(roots): Query<Roots>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    gathered(shared, roots, &headers, false).await
}

async fn import_page(
    State(shared): State<Arc<Shared>>,
    Query(roots): Query<Roots>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    gathered(shared, roots, &headers, true).await
}

async fn gathered(
    shared: Arc<Shared>,
    roots: Roots,
    headers: &HeaderMap,
    is_html: bool,
) -> Result<Response, Problem> {
    let address = address(&shared, headers)?;
    let made = blocking(move || {
        let shown = shown(&shared);
        let index = shown.index(&shared.live).map_err(Problem::invalid)?;
        let context = context(&address);
        let query = index.query().context(&context);
        let mut gathering = Gathering::new(query);
        for root in roots
            .roots
            .split(',')
            .map(str::trim)
            .filter(|root| !root.is_empty())
        {
            gathering.add(root).map_err(|error| match error {
                ImportMapError::Unresolved(error) => Problem::unresolved(&query.suggest(error)),
                other => Problem::unmapped(&other),
            })?;
        }
        let (map, preloads) = gathering.finish();
        Ok::<_, Problem>(match is_html {
            true => Html(map.to_html(&preloads)).into_response(),
            false => {
                let json = HeaderValue::from_static("application/importmap+json");
                ([(header::CONTENT_TYPE, json)], map.to_json()).into_response()
            }
        })
    });
    made.await?
}

async fn file(
    State(shared): State<Arc<Shared>>,
    UrlPath(path): UrlPath<String>,
) -> Result<Response, Problem> {
    let found = shown(&shared)
        .parts()
        .filter_map(|part| {
            let rest = path.strip_prefix(part.place.as_str())?.strip_prefix('/')?;
            Some((part.place.len(), part.folder.clone(), rest.to_owned()))
        })
        // A package's name may begin as another's place does.
        .max_by_key(|(length, ..)| *length);
    match found {
        Some((_, folder, rest)) => sent(folder, &rest, content_type(&rest)).await,
        None => Err(Problem::unknown("no package here has this file")),
    }
}

async fn statics(
    State(shared): State<Arc<Shared>>,
    UrlPath(path): UrlPath<String>,
) -> Result<Response, Problem> {
    match &shared.statics {
        Some(folder) => sent(folder.clone(), &path, type_of_static(&path)).await,
        None => Err(Problem::unknown(
            "there are no statics: --statics names a folder",
        )),
    }
}

/// The type of a file beside the packages: pages, too, and what they show.
fn type_of_static(path: &str) -> &'static str {
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "xhtml" => "application/xhtml+xml",
        "xml" => "application/xml",
        "csv" => "text/csv; charset=utf-8",
        "webmanifest" => "application/manifest+json",
        "pdf" => "application/pdf",
        "ico" => "image/vnd.microsoft.icon",
        "bmp" => "image/bmp",
        "apng" => "image/apng",
        "ttf" => "font/ttf",
        "otf" => "font/otf",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "oga" | "ogg" | "opus" => "audio/ogg",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "ogv" => "video/ogg",
        "vtt" => "text/vtt; charset=utf-8",
        _ => content_type(path),
    }
}

/// A file of a folder, and of nowhere else.
async fn sent(
    folder: PathBuf,
    path: &str,
    content_type: &'static str,
) -> Result<Response, Problem> {
    let unknown = || Problem::unknown("there is no such file");
    let mut parts = path.split('/');
    if parts
        .any(|part| part.starts_with('.') || part.is_empty() || part.contains(['\\', '\0', ':']))
    {
        return Err(unknown());
    }
    let path = path.to_owned();
    let bytes = blocking(move || read_within(&folder, &path)).await?;
    let bytes = bytes.ok_or_else(unknown)?;
    let content_type = HeaderValue::from_static(content_type);
    Ok(([(header::CONTENT_TYPE, content_type)], Body::from(bytes)).into_response())
}

/// `None`: there is no such file, or a link leads out of the folder.
fn read_within(folder: &Path, path: &str) -> Option<Vec<u8>> {
    let folder = std::fs::canonicalize(folder).ok()?;
    let file = std::fs::canonicalize(folder.join(path)).ok()?;
    if !file.starts_with(&folder) || !file.is_file() {
        return None;
    }
    std::fs::read(file).ok()
}

/// Tells which number there is, as `now`, and then when something is another than it was, as `built`: for pages that load themselves anew.
async fn events(
    State(shared): State<Arc<Shared>>,
) -> Sse<impl Stream<Item = Result<Event, std::convert::Infallible>>> {
    let mut shown = shared.shown.clone();
    let number = shown.borrow_and_update().number;
    let changes = stream::unfold(shown, |mut shown| async move {
        shown.changed().await.ok()?;
        let number = shown.borrow_and_update().number;
        Some((("built", number), shown))
    });
    let all = stream::once(async move { ("now", number) }).chain(changes);
    let events = all.map(|(event, number)| {
        Ok(Event::default()
            .event(event)
            .id(number.to_string())
            .data(number.to_string()))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}
