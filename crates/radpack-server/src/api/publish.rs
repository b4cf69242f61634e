//! Publishing what was uploaded, importing backups, and sweeping.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path as InPath, Request, State};
use http::StatusCode;
use http::header::{self, HeaderValue};
use radpack_registry::state::token::Right;
use radpack_registry::{
    Answer, CareError, PublishError, PublishReport, PublishRequest, Published, WorkFolder,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use utoipa::{IntoParams, ToSchema};

use super::asking::{Asked, Writer, json};
use super::commands::{finish, no_store};
use super::under_way::{Key, Place};
use super::upload::{self, Received};
use super::{Answers, Sent};
use crate::problem::Problem;
use crate::service::Shared;

/// What an archive of packages may say about itself, beside them.
const PUBLISH_JSON: &str = "publish.json";

impl Shared {
    /// Whether a caller has a right for anything at all: others need not send what would be refused.
    pub(super) fn check_has(
        &self,
        writer: &Writer,
        right: Right,
        all: bool,
    ) -> Result<(), Problem> {
        let Some(secret) = &writer.caller.token else {
            return Ok(());
        };
        let now = self.live.now();
        let token = now.moment.state.standing(secret, now.moment.now())?;
        let has = match all {
            true => token.grants(right, None),
            false => token.rights.contains(&right) || token.rights.contains(&Right::Admin),
        };
        match has {
            true => Ok(()),
            false => Err(Problem::denied(
                format!(
                    "the token of {} has not the right to {right}{}: who has admin rights makes one that has, with `radpack token create`",
                    token.holder,
                    if all { " for the whole registry" } else { "" }
                ),
                true,
            )),
        }
    }

    /// Room for something that is uploaded: who sends slowly, or much at once, takes none of others'.
    pub(super) fn room(&self, writer: &Writer) -> Result<OwnedSemaphorePermit, Problem> {
        let most = self.settings.limits.uploads_of_one;
        let room = self
            .uploading
            .get_with_by_ref(&writer.account, || Arc::new(Semaphore::new(most)));
        room.try_acquire_owned().map_err(|_| {
            Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too-many",
                format!("there are {most} uploads with this token already: send one after another"),
            )
            .with(header::RETRY_AFTER, HeaderValue::from_static("5"))
        })
    }

    /// A turn to work on what was uploaded.
    pub(super) async fn turn(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Problem> {
        self.uploads.acquire().await.map_err(|_| Problem::broken())
    }
}

/// Publish package folders, all in one event (right: publish; with `release`, release)
///
/// The body is a tar archive, which may be packed with zstd or gzip. Each folder at its top is a package with its `package.json`. A file
/// `publish.json` at its top says how: see the schema `PublishRequest`. Links are not taken.
#[utoipa::path(
    post, path = "/api/publish", tag = "commands", security(("token" = [])),
    request_body(content_type = "application/x-tar", content = inline(Archived), description = "The archive"),
    responses((status = 200, description = "Published, or there was nothing to do", body = Published), Answers),
)]
pub(super) async fn publish(
    State(shared): State<Arc<Shared>>,
    writer: Writer,
    request: Request,
) -> Sent {
    shared.check_has(&writer, Right::Publish, false)?;
    writer.check_unconditional()?;
    let key = Key::of(&writer, "publish");
    let limits = &shared.settings.limits;
    let published = if let Some(again) = shared.publishing.again(&key) {
        upload::pass_over(request, limits.upload_bytes).await?;
        again.outcome().await?
    } else {
        // One that is sent again takes no room: the first may have the last there is.
        let room = shared.room(&writer)?;
        let received = upload::receive(request, limits).await?;
        match shared.publishing.begin(key) {
            Place::Again(again) => {
                drop(received);
                again.outcome().await?
            }
            Place::First(first) => {
                finish(async move {
                    let _room = room;
                    first.end(publish_received(&shared, &writer, received).await)
                })
                .await?
            }
        }
    };
    Ok(no_store(Json(published)))
}

/// Publishes what an archive has.
async fn publish_received(
    shared: &Shared,
    writer: &Writer,
    received: Received,
) -> Result<Published, Problem> {
    let limits = &shared.settings.limits;
    let _turn = shared.turn().await?;
    let unpacked = received.unpack(limits).await?;
    let said = upload::read_small(&unpacked.folder().join(PUBLISH_JSON)).await;
    let asked: PublishRequest = match said.map_err(told_too_much)? {
        Some(text) => super::asking::read(&text)?,
        None => PublishRequest::default(),
    };
    let folders = upload::folders(&unpacked);
    if folders.is_empty() {
        return Err(Problem::invalid(
            "the archive has no folder at its top: each package is one, with its package.json",
        ));
    }
    let most = limits.upload_packages;
    if folders.len() > most {
        return Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            format!(
                "the archive has {} packages, and {most} may be published at once: publish them in parts",
                folders.len()
            ),
        ));
    }
    for folder in &folders {
        check_registers(folder).await?;
    }
    let mut names = Names {
        called: asked.folders.clone(),
        folders: folders.clone(),
    };
    let given = names.called.len();
    let own = folders.iter().skip(given);
    names.called.extend(own.map(|folder| {
        let name = folder.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }));
    let options = asked.options()?;
    let published = shared
        .registry
        .publish(&writer.caller, &writer.command, &folders, &options)
        .await;
    said_of(shared, published, &names).await
}

/// Where too much is said of how to publish, it is the registers that are large.
fn told_too_much(mut problem: Problem) -> Problem {
    if problem.status == StatusCode::PAYLOAD_TOO_LARGE {
        problem.detail = format!(
            "what is said of how to publish, with the registers that imports are pinned against, is larger than {} MiB: give registers that have no more than what is imported",
            PublishRequest::MOST_BYTES >> 20
        );
    }
    problem
}

/// A tar archive.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub(crate) struct Archived(#[allow(dead_code)] String);

/// Publish a draft as it is now; with `If-Match`, if it still is at this revision (right: publish; with `release`, release)
#[utoipa::path(
    post, path = "/api/drafts/{draft}/publish", tag = "drafts", security(("token" = [])),
    params(("draft" = String, Path), ("If-Match" = Option<String>, Header, description = "The revision that this is based on")), request_body = PublishRequest,
    responses((status = 200, description = "Published, or there was nothing to do", body = Published), Answers),
)]
pub(super) async fn publish_draft(
    State(shared): State<Arc<Shared>>,
    writer: Writer,
    InPath(draft): InPath<String>,
    request: Request,
) -> Sent {
    shared.check_has(&writer, Right::Publish, false)?;
    // Registers are as large here as in an archive.
    let asked = json(request, PublishRequest::MOST_BYTES).await;
    let asked: PublishRequest = asked.map_err(told_too_much)?;
    let published = match shared
        .publishing
        .begin(Key::of(&writer, &format!("draft {draft}")))
    {
        Place::Again(again) => again.outcome().await?,
        Place::First(first) => {
            let room = shared.room(&writer)?;
            finish(async move {
                let _room = room;
                first.end(publish_one_draft(&shared, &writer, &draft, asked).await)
            })
            .await?
        }
    };
    Ok(no_store(Json(published)))
}

/// Publishes a draft as it is now.
async fn publish_one_draft(
    shared: &Shared,
    writer: &Writer,
    draft: &str,
    asked: PublishRequest,
) -> Result<Published, Problem> {
    let _turn = shared.turn().await?;
    let mut names = Names {
        called: vec![format!("draft:{draft}")],
        folders: Vec::new(),
    };
    let mut options = asked.options()?;
    options.based_on = writer.base;
    let published = shared
        .registry
        .publish_draft(&writer.caller, &writer.command, draft, &options)
        .await;
    // Where it was built, only what came of it says.
    names.folders.extend(match &published {
        Ok(report) => {
            let warnings = report.warnings.iter().map(|(folder, _)| folder);
            let left_out = report.left_out.iter().map(|(folder, _)| folder);
            warnings.chain(left_out).next().cloned()
        }
        Err(
            PublishError::Build { folder, .. }
            | PublishError::Folder { folder, .. }
            | PublishError::Limit { folder, .. },
        ) => Some(folder.clone()),
        Err(_) => None,
    });
    let said = said_of(shared, published, &names).await;
    said.map_err(|problem| writer.told(problem))
}

/// A path of this machine means nothing to whoever sends a package, and is not theirs to have read.
async fn check_registers(folder: &Path) -> Result<(), Problem> {
    fn has_path(register: &Value) -> bool {
        match register {
            Value::String(_) => true,
            Value::Array(several) => several.iter().any(has_path),
            _ => false,
        }
    }
    let Some(text) = upload::read_small(&folder.join("package.json")).await? else {
        return Ok(());
    };
    // What cannot be read, the build will say.
    let package: Value = serde_json::from_slice(text.trim_ascii_start()).unwrap_or_default();
    if has_path(&package["radpack"]["register"]) {
        return Err(Problem::invalid(
            "the package.json names a register by a path or a URL, which is not read here: give its manifest in publish.json, or leave it out",
        ));
    }
    Ok(())
}

/// What folders are called by whoever sent them: where they lie here is nobody's business.
struct Names {
    called: Vec<String>,
    folders: Vec<PathBuf>,
}

impl Names {
    fn of(&self, path: &Path) -> String {
        self.told(&path.display().to_string())
    }

    /// All texts of some data.
    fn tell(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.told(text),
            Value::Array(values) => values.iter_mut().for_each(|value| self.tell(value)),
            Value::Object(values) => values.values_mut().for_each(|value| self.tell(value)),
            _ => {}
        }
    }

    fn told(&self, text: &str) -> String {
        // Later ones may begin as earlier ones do: `10` as `1`.
        let both = self.folders.iter().zip(&self.called).rev();
        both.fold(text.to_owned(), |text, (folder, name)| {
            text.replace(&folder.display().to_string(), name)
        })
    }
}

async fn said_of(
    shared: &Shared,
    published: Result<PublishReport, PublishError>,
    names: &Names,
) -> Result<Published, Problem> {
    let report = match published {
        Ok(report) => report,
        Err(error) => {
            let problems = match &error {
                PublishError::Build { source, .. } => {
                    let words = source.problems().iter().map(ToString::to_string).collect();
                    Some((words, serde_json::to_value(source).unwrap_or_default()))
                }
                _ => None,
            };
            let mut problem = Problem::from(error);
            if let Some((words, mut problems)) = problems {
                problem.causes = words;
                names.tell(&mut problems);
                problem.problems = Some(problems);
            }
            problem.detail = names.told(&problem.detail);
            for cause in &mut problem.causes {
                *cause = names.told(cause);
            }
            return Err(problem);
        }
    };
    if report.committed.is_some() {
        shared.live.look(&shared.registry).await;
    }
    Published::of(&report, |path| names.of(path)).map_err(|error| Problem::of_failure(&error))
}

/// What is imported.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Imported {
    /// The packages, separated by commas; without this, all of them.
    packages: Option<String>,
}

/// Bring packages of a backup into this registry, as new events (right: admin, for `*`)
#[utoipa::path(
    post, path = "/api/import", tag = "care", security(("token" = [])), params(Imported),
    request_body(content_type = "application/octet-stream", content = inline(Archived), description = "What `radpack backup` wrote"),
    responses(Answers),
)]
pub(super) async fn import(
    State(shared): State<Arc<Shared>>,
    writer: Writer,
    Asked(asked): Asked<Imported>,
    request: Request,
) -> Sent {
    shared.check_has(&writer, Right::Admin, true)?;
    writer.check_unconditional()?;
    let key = Key::of(&writer, "import");
    let most = shared.settings.limits.upload_bytes;
    let answer = if let Some(again) = shared.importing.again(&key) {
        upload::pass_over(request, most).await?;
        again.outcome().await?
    } else {
        let room = shared.room(&writer)?;
        let backup = Backup::receive(request, most).await?;
        match shared.importing.begin(key) {
            Place::Again(again) => {
                drop(backup);
                again.outcome().await?
            }
            Place::First(first) => {
                finish(async move {
                    let _room = room;
                    first.end(import_received(&shared, &writer, &backup, &asked).await)
                })
                .await?
            }
        }
    };
    Ok(no_store(Json(answer)))
}

/// A backup as it came, gone with this.
struct Backup(WorkFolder);

impl Backup {
    fn path(&self) -> PathBuf {
        self.0.path().join("backup")
    }

    async fn receive(request: Request, most: u64) -> Result<Backup, Problem> {
        let backup = Backup(upload::work_folder().await?);
        upload::save(request, &backup.path(), most).await?;
        Ok(backup)
    }
}

/// Imports what a backup has.
async fn import_received(
    shared: &Shared,
    writer: &Writer,
    backup: &Backup,
    asked: &Imported,
) -> Result<Answer, Problem> {
    let _turn = shared.turn().await?;
    let names = asked.packages.as_deref().unwrap_or_default().split(',');
    let names: Vec<String> = names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    let path = backup.path();
    let imported = shared
        .registry
        .import(&writer.caller, &writer.command, &path, &names);
    let report = match imported.await {
        Ok(report) => report,
        Err(CareError::Commit(error)) => return Err(error.into()),
        Err(error) => {
            let mut problem = Problem::invalid("the backup cannot be used");
            problem.causes =
                std::iter::successors(Some(&error as &dyn std::error::Error), |error| {
                    error.source()
                })
                .skip(1)
                .map(ToString::to_string)
                .collect();
            return Err(problem);
        }
    };
    match &report.committed {
        Some(committed) => {
            shared.live.look(&shared.registry).await;
            Answer::of_event(committed).map_err(|error| Problem::of_failure(&error))
        }
        None => Ok(Answer::nothing(report.nothing.unwrap_or_default())),
    }
}

/// What was deleted.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Swept {
    /// The event, if there was anything that nothing names.
    seq: Option<u64>,
    /// How many objects it lists.
    objects: usize,
    /// How many bytes.
    bytes: u64,
    /// Objects that an earlier run had left.
    left_over: usize,
    /// Checkpoints that others have taken the place of.
    checkpoints: usize,
}

/// Delete what the history does not name, if it is over a day old (right: admin, for `*`)
#[utoipa::path(post, path = "/api/gc", tag = "care", security(("token" = [])), responses((status = 200, description = "Done", body = Swept), Answers))]
pub(super) async fn gc(State(shared): State<Arc<Shared>>, writer: Writer) -> Sent {
    shared.check_has(&writer, Right::Admin, true)?;
    writer.check_unconditional()?;
    let report = finish(async move {
        let report = shared.registry.gc(&writer.caller).await?;
        shared.live.look(&shared.registry).await;
        Ok(report)
    })
    .await?;
    let swept = report.swept;
    Ok(no_store(Json(Swept {
        seq: swept.map(|swept| swept.seq),
        objects: swept.map_or(0, |swept| swept.objects),
        bytes: swept.map_or(0, |swept| swept.bytes),
        left_over: report.left_over,
        checkpoints: report.checkpoints,
    })))
}
