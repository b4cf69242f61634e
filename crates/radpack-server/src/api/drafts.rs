//! Drafts: what they hold, and saving it, each save based on a revision that its sender has seen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;
use http::header::{self, HeaderValue};
use radpack_registry::rules::{DraftBase, SaveDraft};
use radpack_registry::state::draft::Draft;
use radpack_registry::state::fact::SourceFile;
use radpack_registry::state::token::Right;
use radpack_registry::{Answer, Fact, Moment, Uploads};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::asking::{Asked, Asker, Writer};
use super::commands::{finish, no_store, said};
use super::publish::Archived;
use super::{Answers, Sent, upload};
use crate::caller::Reader;
use crate::problem::Problem;
use crate::service::Shared;

/// What an archive of a draft's files may say about itself, beside them.
const SAVE_JSON: &str = "save.json";

/// The folder in that archive that the files lie in.
const FILES: &str = "files";

/// A draft that a reader may see; others are none.
fn known<'m>(
    reader: &Reader,
    moment: &'m Moment,
    name: &str,
) -> Result<(&'m str, &'m Draft), Problem> {
    match moment.state.known_draft(name) {
        Ok((package, draft)) if reader.sees(package) => Ok((package, draft)),
        Err(refusal) if reader.sees_all() => Err(refusal.into()),
        _ if reader.is_anybody() => Err(Problem::denied("drafts take a token", false)),
        _ => Err(Problem::unknown(format!(
            "there is no draft {name:?}; `radpack draft list` lists those that there are"
        ))),
    }
}

fn files_of(
    name: &str,
    draft: &Draft,
    revision: u64,
) -> Result<BTreeMap<String, SourceFile>, Problem> {
    draft.files(revision).ok_or_else(|| {
        Problem::unknown(format!(
            "{name} has no revision {revision}; the newest is {}",
            draft.revision()
        ))
    })
}

fn with_revision(mut response: Response, opened: Option<u64>, revision: u64) -> Response {
    let tag = opened.map(|opened| HeaderValue::from_str(&format!("\"{opened}-{revision}\"")));
    if let Some(Ok(tag)) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// List the drafts of packages that the token is for
#[utoipa::path(get, path = "/api/drafts", tag = "drafts", security(("token" = [])), responses((status = 200, description = "The drafts", body = Vec<Object>), Answers))]
pub(super) async fn list(asker: Asker) -> Sent {
    let state = &asker.moment.state;
    let drafts = state
        .drafts()
        .filter(|(_, package)| asker.reader.sees(package));
    let drafts: Vec<Value> = drafts
        .filter_map(|(name, package)| {
            let (_, draft) = state.known_draft(name).ok()?;
            let revision = draft.revision();
            let files = draft.files(revision).unwrap_or_default().len();
            Some(json!({ "draft": name, "package": package, "revision": revision, "files": files, "from": draft.from }))
        })
        .collect();
    Ok(no_store(Json(drafts)))
}

/// A revision.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct At {
    /// The revision; without this, the newest.
    revision: Option<u64>,
}

/// Show a draft: its files and its revisions; `ETag` names its revision
#[utoipa::path(get, path = "/api/drafts/{draft}", tag = "drafts", security(("token" = [])), params(("draft" = String, Path), At), responses((status = 200, description = "The draft", body = Object), Answers))]
pub(super) async fn show(asker: Asker, Path(name): Path<String>, Asked(at): Asked<At>) -> Sent {
    let (package, draft) = known(&asker.reader, &asker.moment, &name)?;
    let revision = at.revision.unwrap_or(draft.revision());
    let files = files_of(&name, draft, revision)?;
    let shown = json!({
        "draft": name, "package": package, "revision": revision, "from": draft.from, "files": files, "revisions": draft.revisions,
    });
    Ok(with_revision(
        no_store(Json(shown)),
        draft.opened(),
        revision,
    ))
}

/// Two revisions.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Between {
    /// The earlier one; without this, the first.
    from: Option<u64>,
    /// The later one; without this, the newest.
    to: Option<u64>,
}

/// What two revisions of a draft differ in
#[utoipa::path(get, path = "/api/drafts/{draft}/diff", tag = "drafts", security(("token" = [])), params(("draft" = String, Path), Between), responses((status = 200, description = "What was added, changed and removed", body = Object), Answers))]
pub(super) async fn diff(
    asker: Asker,
    Path(name): Path<String>,
    Asked(between): Asked<Between>,
) -> Sent {
    let (_, draft) = known(&asker.reader, &asker.moment, &name)?;
    let from = files_of(&name, draft, between.from.unwrap_or(1))?;
    let to = files_of(&name, draft, between.to.unwrap_or(draft.revision()))?;
    Ok(no_store(Json(changes(&from, &to))))
}

/// What was added, changed and removed.
pub(super) fn changes(
    from: &BTreeMap<String, SourceFile>,
    to: &BTreeMap<String, SourceFile>,
) -> Value {
    let added: Vec<_> = to.keys().filter(|path| !from.contains_key(*path)).collect();
    let removed: Vec<_> = from.keys().filter(|path| !to.contains_key(*path)).collect();
    let changed: Vec<_> = from
        .iter()
        .filter(|(path, file)| to.get(*path).is_some_and(|other| other != *file))
        .map(|(path, _)| path)
        .collect();
    json!({ "added": added, "changed": changed, "removed": removed })
}

/// Read a file of a draft; `ETag` names the revision
#[utoipa::path(get, path = "/api/drafts/{draft}/files/{*path}", tag = "drafts", security(("token" = [])), params(("draft" = String, Path), ("path" = String, Path), At), responses((status = 200, description = "The file", body = String, content_type = "application/octet-stream"), Answers))]
pub(super) async fn file(
    State(shared): State<Arc<Shared>>,
    asker: Asker,
    Path((name, path)): Path<(String, String)>,
    Asked(at): Asked<At>,
) -> Sent {
    let (_, draft) = known(&asker.reader, &asker.moment, &name)?;
    let revision = at.revision.unwrap_or(draft.revision());
    let files = files_of(&name, draft, revision)?;
    let file = files.get(&path).ok_or_else(|| {
        Problem::unknown(format!(
            "{name} has no file {path:?} at revision {revision}"
        ))
    })?;
    let contents = shared.registry.blob(&asker.moment, &file.sha256).await?;
    Ok(with_revision(
        super::store::bytes(contents),
        draft.opened(),
        revision,
    ))
}

fn based(base: Option<DraftBase>) -> Result<DraftBase, Problem> {
    base.ok_or_else(|| {
        Problem::new(
            StatusCode::PRECONDITION_REQUIRED,
            "invalid",
            "which revision is this based on? send it as If-Match, as ETag said it",
        )
    })
}

/// Saves, and says what came of it, with the new revision. Whoever calls this keeps what the uploads lie in until then.
async fn save(
    shared: &Shared,
    writer: &Writer,
    save: SaveDraft,
    uploads: &Uploads,
) -> Result<Response, Problem> {
    let saved = shared
        .registry
        .carry_out_with(&writer.caller, &writer.command, &save, uploads)
        .await;
    let answer = match saved {
        Ok(carried) => said(shared, &carried).await?,
        Err(error) => return Err(writer.told(error.into())),
    };
    let (revision, seq) = match &answer {
        Answer::Done(done) => match done.fact() {
            Some(Fact::DraftSaved(saved)) => (saved.revision, Some(done.seq)),
            _ => (save.base, Some(done.seq)),
        },
        Answer::Nothing(_) => (save.base, None),
    };
    // That of the draft that was saved, which another of its name may have followed.
    let now = shared.live.now();
    let draft = now.moment.state.known_draft(&save.draft).ok();
    let opened = draft.and_then(|(_, draft)| {
        let is_it = seq.is_none() || draft.at(revision).map(|it| it.seq) == seq;
        draft.opened().filter(|_| is_it)
    });
    Ok(with_revision(no_store(Json(answer)), opened, revision))
}

/// Save a file of a draft; `If-Match` is the revision that it is based on (right: publish)
#[utoipa::path(put, path = "/api/drafts/{draft}/files/{*path}", tag = "drafts", security(("token" = [])), params(("draft" = String, Path), ("path" = String, Path), ("If-Match" = String, Header, description = "The revision that this is based on")), request_body(content = inline(Archived), content_type = "application/octet-stream", description = "The file"), responses(Answers))]
pub(super) async fn put(
    State(shared): State<Arc<Shared>>,
    writer: Writer,
    Path((draft, path)): Path<(String, String)>,
    request: Request,
) -> Sent {
    shared.check_has(&writer, Right::Publish, false)?;
    let base = based(writer.base)?;
    finish(async move {
        let _room = shared.room(&writer)?;
        let folder = upload::work_folder().await?;
        let place = folder.path().join("file");
        upload::save(request, &place, shared.settings.limits.upload_bytes).await?;
        let _turn = shared.turn().await?;
        let file = upload::source_file(place.clone()).await?;
        let mut uploads = Uploads::default();
        uploads.add_file(file.sha256, place);
        let change = SaveDraft {
            draft,
            opened: base.opened,
            base: base.revision,
            put: BTreeMap::from([(path, file)]),
            remove: BTreeSet::new(),
            message: None,
        };
        save(&shared, &writer, change, &uploads).await
    })
    .await
}

/// Remove a file of a draft; `If-Match` is the revision that this is based on (right: publish)
#[utoipa::path(delete, path = "/api/drafts/{draft}/files/{*path}", tag = "drafts", security(("token" = [])), params(("draft" = String, Path), ("path" = String, Path), ("If-Match" = String, Header, description = "The revision that this is based on")), responses(Answers))]
pub(super) async fn remove(
    State(shared): State<Arc<Shared>>,
    writer: Writer,
    Path((draft, path)): Path<(String, String)>,
) -> Sent {
    let base = based(writer.base)?;
    let change = SaveDraft {
        draft,
        opened: base.opened,
        base: base.revision,
        put: BTreeMap::new(),
        remove: BTreeSet::from([path]),
        message: None,
    };
    finish(async move { save(&shared, &writer, change, &Uploads::default()).await }).await
}

/// What is saved, besides the files.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Save {
    /// The revision that it is based on, unless If-Match says it.
    base: Option<u64>,
    /// The event that opened the draft, where that is known.
    opened: Option<u64>,
    /// Files that go.
    remove: BTreeSet<String>,
    /// What their maker says about it.
    message: Option<String>,
}

/// Save several files of a draft in one revision (right: publish)
///
/// The body is a tar archive, which may be packed with zstd or gzip: the files in a folder `files/`, and beside it a file `save.json`: see the
/// schema `Save`.
#[utoipa::path(post, path = "/api/drafts/{draft}/save", tag = "drafts", security(("token" = [])), params(("draft" = String, Path)), request_body(content = inline(Archived), content_type = "application/x-tar", description = "The archive"), responses(Answers))]
pub(super) async fn save_all(
    State(shared): State<Arc<Shared>>,
    writer: Writer,
    Path(draft): Path<String>,
    request: Request,
) -> Sent {
    shared.check_has(&writer, Right::Publish, false)?;
    finish(async move {
        let _room = shared.room(&writer)?;
        let received = upload::receive(request, &shared.settings.limits).await?;
        let _turn = shared.turn().await?;
        let unpacked = received.unpack(&shared.settings.limits).await?;
        let folder = unpacked.folder();
        let asked: Save = match upload::read_small(&folder.join(SAVE_JSON)).await? {
            Some(text) => super::asking::read(&text)?,
            None => Save::default(),
        };
        let mut uploads = Uploads::default();
        let mut put = BTreeMap::new();
        for path in &unpacked.files {
            let Ok(inside) = path.strip_prefix(FILES) else {
                continue;
            };
            let whole = folder.join(path);
            let file = upload::source_file(whole.clone()).await?;
            uploads.add_file(file.sha256, whole);
            put.insert(upload::source_path(inside)?, file);
        }
        let told = asked.base.map(|revision| DraftBase {
            opened: asked.opened,
            revision,
        });
        let base = based(writer.base.or(told))?;
        let change = SaveDraft {
            draft,
            opened: base.opened.or(asked.opened),
            base: base.revision,
            put,
            remove: asked.remove,
            message: asked.message,
        };
        save(&shared, &writer, change, &uploads).await
    })
    .await
}
