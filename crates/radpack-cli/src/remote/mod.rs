//! A registry behind a server: commands are requests, and what is read is its history.

mod archive;
mod objects;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

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
}

/// What is sent.
enum Body<'a> {
    None,
    Json(&'a Value),
    /// A tar archive, packed with zstd.
    Archive(&'a [u8]),
    Bytes(&'a [u8]),
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
        body: Body<'_>,
    ) -> Result<Response, Failure> {
        for attempt in 1.. {
            let mut request = self.request_for(&method, &url);
            if let Some(command) = command {
                request = request.header("idempotency-key", command.id.to_string());
            }
            request = match body {
                Body::None => request,
                Body::Json(json) => request
                    .header("content-type", "application/json")
                    .body(json.to_string()),
                Body::Archive(bytes) => request
                    .header("content-type", "application/x-tar")
                    .header("content-encoding", "zstd")
                    .body(bytes.to_vec()),
                Body::Bytes(bytes) => request
                    .header("content-type", "application/octet-stream")
                    .body(bytes.to_vec()),
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
                    let failure = self.refused(response, command).await;
                    if !again || attempt == ATTEMPTS {
                        return Err(failure);
                    }
                    tokio::time::sleep(Duration::from_secs(wait.unwrap_or(1).min(30))).await;
                    continue;
                }
                Err(error) => self.unreached(error, command),
            };
            if attempt == ATTEMPTS {
                return Err(failure);
            }
            tokio::time::sleep(Duration::from_millis(200 << attempt)).await;
        }
        Err(Failure::new(Word::Io, "nothing was sent"))
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

    async fn refused(&self, response: Response, command: Option<&Command>) -> Failure {
        let status = response.status();
        let text = response.text().await.unwrap_or_default();
        let Ok(problem) = serde_json::from_str::<Problem>(&text) else {
            let message = format!(
                "{} answers {status}, and not as a server of Radpack does: see that the address is right",
                self.base
            );
            return Failure::new(Word::Fetch, message);
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
        failure
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
        let body = body.as_ref().map_or(Body::None, Body::Json);
        let response = self.send(method, url, Some(command), body).await?;
        self.read(response).await
    }

    /// What a command would come to.
    pub(crate) async fn preview(&self, request: &Request) -> Result<Preview, Failure> {
        let (method, mut url, body) = self.place(request);
        url.set_query(Some("dry-run=true"));
        let body = body.as_ref().map_or(Body::None, Body::Json);
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
        let sent = self.send(Method::POST, url, Some(command), Body::Archive(&bytes));
        self.read(sent.await?).await
    }

    /// Publishes folders.
    pub(crate) async fn publish(
        &self,
        command: &Command,
        folders: &[PathBuf],
        options: &PublishOptions,
    ) -> Result<Published, Failure> {
        let mut archive = Archive::new()?;
        let mut asked = PublishRequest::of(options);
        let mut warnings = Vec::new();
        for (place, folder) in folders.iter().enumerate() {
            asked.folders.push(folder.display().to_string());
            warnings.extend(archive.add_folder(&place.to_string(), folder, options)?);
        }
        let asked = serde_json::to_vec(&asked).unwrap_or_default();
        archive.add("publish.json", &asked)?;
        let bytes = archive.finish()?;
        let url = self.url(&["publish"]);
        let sent = self.send(Method::POST, url, Some(command), Body::Archive(&bytes));
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
    ) -> Result<Published, Failure> {
        let asked = serde_json::to_value(PublishRequest::of(options)).unwrap_or_default();
        let url = self.url(&["drafts", draft, "publish"]);
        let sent = self.send(Method::POST, url, Some(command), Body::Json(&asked));
        self.read(sent.await?).await
    }

    /// Imports packages of a backup.
    pub(crate) async fn import(
        &self,
        command: &Command,
        backup: &[u8],
        names: &[String],
    ) -> Result<Answer, Failure> {
        let mut url = self.url(&["import"]);
        if !names.is_empty() {
            url.query_pairs_mut()
                .append_pair("packages", &names.join(","));
        }
        let sent = self.send(Method::POST, url, Some(command), Body::Bytes(backup));
        self.read(sent.await?).await
    }

    /// Sweeps.
    pub(crate) async fn gc(&self) -> Result<Value, Failure> {
        let sent = self.send(Method::POST, self.url(&["gc"]), None, Body::None);
        self.read(sent.await?).await
    }
}
