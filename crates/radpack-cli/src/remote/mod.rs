//! A registry behind a server: commands are requests, and what is read is its history.

mod archive;
mod look;
mod objects;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use radpack_build::BuildError;
use radpack_registry::rules::SaveDraft;
use radpack_registry::{
    Answer, Command, Preview, PublishOptions, PublishRequest, Published, Request, Store,
};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::failure::{Failure, Word};
use crate::store::{address_of_server, is_here};
use archive::Archive;
pub(crate) use look::Shown;

/// How often a request is sent again that was not answered, or not by the server itself.
const ATTEMPTS: u32 = 5;

const CONNECT_TIME: Duration = Duration::from_secs(10);
/// Between two pieces of an answer: a large package takes a while to be built.
const SILENCE_TIME: Duration = Duration::from_secs(300);

/// A server.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    client: Client,
    base: Url,
    token: Option<String>,
}

/// What a server says when it refuses.
#[derive(Debug, Deserialize)]
struct Problem {
    kind: String,
    detail: String,
    #[serde(default)]
    causes: Vec<String>,
    #[serde(default)]
    problems: Option<Value>,
}

/// Why something did not come of a request.
pub(crate) struct Refused {
    pub(crate) failure: Failure,
    /// What is wrong with a package, where that is it.
    pub(crate) build: Option<BuildError>,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Refused {
        Refused {
            failure,
            build: None,
        }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Failure {
        refused.failure
    }
}

/// How much a server takes at once (bytes).
fn most_sent() -> u64 {
    radpack_server::Limits::default().upload_bytes
}

/// What cannot be sent, for no server takes as much.
fn too_large(what: &str, most: u64, instead: &str) -> Failure {
    let message = format!(
        "{what} is larger than {} MiB, which is the most that is sent to a server: {instead}",
        most >> 20
    );
    Failure::new(Word::Unavailable, message)
}

/// How to publish, as it is sent.
fn asked(options: &PublishOptions, folders: Vec<String>) -> Result<Vec<u8>, Failure> {
    let mut asked = PublishRequest::of(options);
    asked.folders = folders;
    let text = serde_json::to_vec(&asked).unwrap_or_default();
    match text.len() > PublishRequest::MOST_BYTES {
        true => Err(too_large(
            "what is said of how to publish, with the registers that imports are pinned against,",
            PublishRequest::MOST_BYTES as u64,
            "give registers that have no more than what is imported",
        )),
        false => Ok(text),
    }
}

/// What is sent.
enum Body {
    None,
    Json(Bytes),
    /// A tar archive, packed with zstd.
    Archive(Bytes),
    Bytes(Bytes),
}

impl Remote {
    /// The server at an address; nothing, if it is no server's.
    pub(crate) fn at(
        address: &str,
        token: Option<String>,
        plain_http: bool,
    ) -> Result<Option<Remote>, Failure> {
        let Some(mut base) = address_of_server(address, plain_http)? else {
            return Ok(None);
        };
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        // Whoever came first has installed the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let settings = Client::builder()
            .user_agent(concat!("radpack/", env!("CARGO_PKG_VERSION")))
            // A token is for this server, and for none that it names.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIME)
            .read_timeout(SILENCE_TIME);
        let settings = match base.scheme() {
            // A machine may have no certificates, and still be served over http.
            "http" => settings.tls_certs_only([]),
            _ => settings,
        };
        let settings = match is_here(&base) {
            // What is for this machine, a token too, goes by way of no other.
            true => settings.no_proxy(),
            false => settings,
        };
        let client = settings.build().map_err(|error| {
            Failure::new(Word::Fetch, "cannot set up talking to a server").caused_by(&error)
        })?;
        Ok(Some(Remote {
            client,
            base,
            token,
        }))
    }

    /// Its store, to be read.
    pub(crate) fn store(&self) -> Store {
        Store::new(objects::Objects(self.clone()), self.base.as_str())
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("api").extend(path);
        }
        url
    }

    fn request_for(&self, method: &Method, url: &Url) -> RequestBuilder {
        let request = self.client.request(method.clone(), url.clone());
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request, again where nothing came of it; a command's id lets it be carried out once.
    async fn send(
        &self,
        method: Method,
        url: Url,
        command: Option<&Command>,
        body: Body,
    ) -> Result<Response, Refused> {
        for attempt in 1.. {
            let mut request = self.request_for(&method, &url);
            if let Some(command) = command {
                request = request.header("idempotency-key", command.id.to_string());
            }
            request = match &body {
                Body::None => request,
                Body::Json(bytes) => request
                    .header("content-type", "application/json")
                    .body(bytes.clone()),
                Body::Archive(bytes) => request
                    .header("content-type", "application/x-tar")
                    .header("content-encoding", "zstd")
                    .body(bytes.clone()),
                Body::Bytes(bytes) => request
                    .header("content-type", "application/octet-stream")
                    .body(bytes.clone()),
            };
            let failure = match request.send().await {
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) => {
                    let again = matches!(
                        response.status(),
                        StatusCode::TOO_MANY_REQUESTS
                            | StatusCode::BAD_GATEWAY
                            | StatusCode::SERVICE_UNAVAILABLE
                            | StatusCode::GATEWAY_TIMEOUT
                    );
                    let wait = response.headers().get("retry-after");
                    let wait = wait.and_then(|wait| wait.to_str().ok()?.parse().ok());
                    let refused = self.refused(response, command).await;
                    if !again || attempt == ATTEMPTS {
                        return Err(refused);
                    }
                    tokio::time::sleep(Duration::from_secs(wait.unwrap_or(1).min(30))).await;
                    continue;
                }
                Err(error) => self.unreached(error, command),
            };
            if attempt == ATTEMPTS {
                return Err(failure.into());
            }
            tokio::time::sleep(Duration::from_millis(200 << attempt)).await;
        }
        Err(Failure::new(Word::Io, "nothing was sent").into())
    }

    fn unreached(&self, error: reqwest::Error, command: Option<&Command>) -> Failure {
        let again = match command {
            Some(command) if !error.is_connect() => format!(
                "; whether the command was carried out is unknown: it may be sent again safely, with --command {}",
                command.id
            ),
            _ => String::new(),
        };
        let message = format!("{} does not answer{again}", self.base);
        Failure::new(Word::Fetch, message).caused_by(&error.without_url())
    }

    async fn refused(&self, response: Response, command: Option<&Command>) -> Refused {
        let status = response.status();
        let text = response.text().await.unwrap_or_default();
        let Ok(problem) = serde_json::from_str::<Problem>(&text) else {
            let message = format!(
                "{} answers {status}, and not as a server of Radpack does: see that the address is right",
                self.base
            );
            return Failure::new(Word::Fetch, message).into();
        };
        let word = match problem.kind.as_str() {
            "unknown" => Word::UnknownPackage,
            "invalid" => Word::InvalidId,
            "unresolvable" => Word::UnresolvedDependency,
            "io" | "outcome-unknown" | "broken" => Word::Io,
            _ => Word::Unavailable,
        };
        let mut failure = Failure::new(word, problem.detail);
        failure.causes = problem.causes;
        if problem.kind == "outcome-unknown"
            && let Some(command) = command
        {
            failure
                .message
                .push_str(&format!(" with --command {}", command.id));
        }
        Refused {
            failure,
            // Of a server that says more than is known here, the words are enough.
            build: problem
                .problems
                .and_then(|problems| serde_json::from_value(problems).ok()),
        }
    }

    async fn read<T: DeserializeOwned>(&self, response: Response) -> Result<T, Failure> {
        let unreadable = |error: &(dyn std::error::Error + 'static)| {
            let message = format!("the answer of {} cannot be read", self.base);
            Failure::new(Word::Fetch, message).caused_by(error)
        };
        let bytes = response.bytes().await.map_err(|error| unreadable(&error))?;
        serde_json::from_slice(&bytes).map_err(|error| unreadable(&error))
    }

    /// Where a request goes, and what of it is not in the address.
    fn place(&self, request: &Request) -> (Method, Url, Option<Value>) {
        let mut body = serde_json::to_value(request).unwrap_or_default();
        let without = |mut body: Value, name: &str| {
            if let Some(object) = body.as_object_mut() {
                object.remove(name);
            }
            Some(body)
        };
        let post = |path: &str| (Method::POST, self.url(&[path]));
        let (method, url) = match request {
            Request::Release(_) => post("release"),
            Request::Promote(_) => post("promote"),
            Request::Rollout(_) => post("rollout"),
            Request::Rollback(_) => post("rollback"),
            Request::Revert(_) => post("revert"),
            Request::Yank(_) => post("yank"),
            Request::Policy(_) => post("policy"),
            Request::Setting(_) => post("settings"),
            Request::OpenDraft(_) => post("drafts"),
            Request::Token(_) => post("tokens"),
            Request::ResetDraft(reset) => {
                let url = self.url(&["drafts", &reset.draft, "reset"]);
                return (Method::POST, url, without(body, "draft"));
            }
            Request::DiscardDraft(discard) => {
                let url = self.url(&["drafts", &discard.draft]);
                return (Method::DELETE, url, None);
            }
            Request::Consumer(record) => {
                let url = self.url(&["consumers", &record.consumer]);
                return (Method::PUT, url, without(body, "consumer"));
            }
            Request::RevokeToken(revoke) => {
                let url = self.url(&["tokens", &revoke.token.to_string()]);
                return (Method::DELETE, url, None);
            }
        };
        (method, url, Some(body.take()))
    }

    /// Has a command carried out.
    pub(crate) async fn carry_out(
        &self,
        command: &Command,
        request: &Request,
    ) -> Result<Answer, Failure> {
        let (method, url, body) = self.place(request);
        let body = body.map_or(Body::None, |body| Body::Json(body.to_string().into()));
        let response = self.send(method, url, Some(command), body).await?;
        self.read(response).await
    }

    /// What a command would come to.
    pub(crate) async fn preview(&self, request: &Request) -> Result<Preview, Failure> {
        let (method, mut url, body) = self.place(request);
        url.set_query(Some("dry-run=true"));
        let body = body.map_or(Body::None, |body| Body::Json(body.to_string().into()));
        let response = self.send(method, url, None, body).await?;
        self.read(response).await
    }

    /// Saves files of a draft, which lie at these paths.
    pub(crate) async fn save(
        &self,
        command: &Command,
        save: &SaveDraft,
        files: &BTreeMap<String, PathBuf>,
    ) -> Result<Answer, Failure> {
        let mut archive = Archive::new()?;
        let how = json!({
            "base": save.base, "opened": save.opened, "remove": save.remove, "message": save.message,
        });
        archive.add("save.json", how.to_string().as_bytes())?;
        for name in save.put.keys() {
            if let Some(path) = files.get(name) {
                archive.add_file(&format!("files/{name}"), path)?;
            }
        }
        let bytes = archive.finish()?;
        let url = self.url(&["drafts", &save.draft, "save"]);
        let sent = self.send(
            Method::POST,
            url,
            Some(command),
            Body::Archive(bytes.into()),
        );
        self.read(sent.await?).await
    }

    /// Publishes folders.
    pub(crate) async fn publish(
        &self,
        command: &Command,
        folders: &[PathBuf],
        options: &PublishOptions,
    ) -> Result<Published, Refused> {
        let mut archive = Archive::new()?;
        let mut called = Vec::new();
        let mut warnings = Vec::new();
        for (place, folder) in folders.iter().enumerate() {
            called.push(folder.display().to_string());
            warnings.extend(archive.add_folder(&place.to_string(), folder, options)?);
        }
        archive.add("publish.json", &asked(options, called)?)?;
        let bytes = archive.finish()?;
        let url = self.url(&["publish"]);
        let sent = self.send(
            Method::POST,
            url,
            Some(command),
            Body::Archive(bytes.into()),
        );
        let mut published: Published = self.read(sent.await?).await?;
        published.warnings.extend(warnings);
        Ok(published)
    }

    /// Publishes a draft.
    pub(crate) async fn publish_draft(
        &self,
        command: &Command,
        draft: &str,
        options: &PublishOptions,
    ) -> Result<Published, Refused> {
        let asked = asked(options, Vec::new())?;
        let url = self.url(&["drafts", draft, "publish"]);
        let sent = self.send(Method::POST, url, Some(command), Body::Json(asked.into()));
        Ok(self.read(sent.await?).await?)
    }

    /// Imports packages of a backup.
    pub(crate) async fn import(
        &self,
        command: &Command,
        file: &Path,
        names: &[String],
    ) -> Result<Answer, Failure> {
        let read = || {
            let mut backup = Vec::new();
            let file = File::open(file)?;
            file.take(most_sent() + 1).read_to_end(&mut backup)?;
            Ok(backup)
        };
        let backup = read().map_err(|error: std::io::Error| {
            Failure::new(Word::Io, format!("cannot read {}", file.display())).caused_by(&error)
        })?;
        if backup.len() as u64 > most_sent() {
            let what = format!("the backup {}", file.display());
            let instead = "import it where the store is, with the store's own address";
            return Err(too_large(&what, most_sent(), instead));
        }
        let mut url = self.url(&["import"]);
        if !names.is_empty() {
            url.query_pairs_mut()
                .append_pair("packages", &names.join(","));
        }
        let sent = self.send(Method::POST, url, Some(command), Body::Bytes(backup.into()));
        self.read(sent.await?).await
    }

    /// Sweeps.
    pub(crate) async fn gc(&self) -> Result<Value, Failure> {
        let sent = self.send(Method::POST, self.url(&["gc"]), None, Body::None);
        self.read(sent.await?).await
    }
}
