//! A registry with packages in it, and a service over it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use radpack_registry::rules::{CreateToken, ReleaseVersions, Rule};
use radpack_registry::state::token::{Right, Token};
use radpack_registry::{
    Caller, Carried, Command, Plan, PublishOptions, Registry, Store, Timestamp, Uuid,
};
use radpack_server::{Listening, Service, Settings};
use reqwest::{Client, Response};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A service over a registry in memory, on a port of its own, until it is dropped.
pub(crate) struct Running {
    pub(crate) registry: Registry,
    pub(crate) service: Service,
    pub(crate) address: String,
    client: Client,
    work: TempDir,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) token: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: Vec<u8>,
}

/// As quick as tests want to be.
pub(crate) fn settings() -> Settings {
    Settings {
        look: Duration::from_millis(20),
        ..Settings::default()
    }
}

pub(crate) fn ann() -> Caller {
    Caller::new("ann")
}

impl Running {
    pub(crate) async fn new() -> Running {
        let (registry, _) = Registry::init(Store::in_memory()).await.unwrap();
        Running::over(registry, settings()).await
    }

    /// A service over a registry that there is.
    pub(crate) async fn over(registry: Registry, settings: Settings) -> Running {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let service = Service::start(registry.clone(), settings).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let serving = service.clone();
        let task = tokio::spawn(async move {
            let never = std::future::pending();
            serving.serve(listener, Listening::default(), never).await;
        });
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .build()
            .unwrap();
        Running {
            registry,
            service,
            address,
            client,
            work: TempDir::new().unwrap(),
            task,
        }
    }

    /// Publishes a package of some files; its `package.json` is made.
    pub(crate) async fn publish(&self, name: &str, version: &str, files: &[(&str, &str)]) {
        let folder = self.work.path().join(format!("{name}@{version}"));
        write(&folder, "package.json", &package_json(name, version, files));
        for (path, contents) in files {
            write(&folder, path, contents);
        }
        let options = PublishOptions::default();
        let report = self
            .registry
            .publish(&ann(), &Command::new("ann"), &[folder], &options)
            .await
            .unwrap();
        assert!(report.committed.is_some(), "{:?}", report.nothing);
        self.seen().await;
    }

    pub(crate) async fn do_it(&self, rule: &impl Rule) -> u64 {
        let carried = self
            .registry
            .carry_out(&ann(), &Command::new("ann"), rule)
            .await
            .unwrap();
        let Carried::Done(committed) = carried else {
            panic!("there was nothing to do");
        };
        self.seen().await;
        committed.recorded.event.seq
    }

    pub(crate) async fn release(&self, versions: &[&str]) -> u64 {
        self.roll(versions, None).await
    }

    pub(crate) async fn roll(&self, versions: &[&str], plan: Option<Plan>) -> u64 {
        self.do_it(&ReleaseVersions {
            versions: versions.iter().map(|it| it.parse().unwrap()).collect(),
            channel: "release".to_owned(),
            name: None,
            plan,
            force: None,
        })
        .await
    }

    pub(crate) async fn token(&self, rights: &[Right], packages: &[&str]) -> String {
        self.token_until(rights, packages, None).await
    }

    pub(crate) async fn token_until(
        &self,
        rights: &[Right],
        packages: &[&str],
        expires: Option<Timestamp>,
    ) -> String {
        let secret = Token::new_secret();
        let rule = CreateToken {
            token: Uuid::now_v7(),
            secret: Token::digest(&secret),
            holder: "bob".to_owned(),
            rights: rights.iter().copied().collect(),
            packages: packages
                .iter()
                .map(|&it| it.to_owned())
                .collect::<BTreeSet<_>>(),
            expires,
        };
        self.do_it(&rule).await;
        secret
    }

    /// Waits until the service shows what the registry has.
    pub(crate) async fn seen(&self) {
        let newest = self.registry.refresh().await.unwrap().position.seq;
        loop {
            let ready = self.get("/readyz").await.text().await.unwrap();
            let ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
            if ready["seq"].as_u64() >= Some(newest) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.get_with(path, &[]).await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = self.client.get(format!("{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    /// A request with a token and a body, and its answer.
    pub(crate) async fn send(&self, asked: Asked<'_>) -> (u16, serde_json::Value) {
        let response = self.ask(asked).await;
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        let json = serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text));
        (status, json)
    }

    pub(crate) async fn ask(&self, asked: Asked<'_>) -> Response {
        let url = format!("{}{}", self.address, asked.path);
        let mut request = self.client.request(asked.method.parse().unwrap(), url);
        if !asked.token.is_empty() {
            request = request.bearer_auth(asked.token);
        }
        for (name, value) in asked.headers {
            request = request.header(*name, *value);
        }
        request.body(asked.body).send().await.unwrap()
    }

    /// A command as JSON.
    pub(crate) async fn command(
        &self,
        path: &str,
        token: &str,
        command: serde_json::Value,
    ) -> (u16, serde_json::Value) {
        self.send(Asked {
            method: "POST",
            path,
            token,
            headers: &[("content-type", "application/json")],
            body: command.to_string().into(),
        })
        .await
    }

    pub(crate) async fn json(&self, path: &str) -> serde_json::Value {
        let response = self.get_with(path, &[("accept", "application/json")]).await;
        let text = response.text().await.unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"))
    }
}

pub(crate) fn header<'r>(response: &'r Response, name: &str) -> &'r str {
    match response.headers().get(name) {
        Some(value) => value.to_str().unwrap(),
        None => "",
    }
}

fn write(folder: &Path, path: &str, contents: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, contents).unwrap();
}

fn package_json(name: &str, version: &str, files: &[(&str, &str)]) -> String {
    let modules = files.iter().filter(|(path, _)| path.ends_with(".js"));
    let exports: serde_json::Map<String, serde_json::Value> = modules
        .map(|(path, _)| {
            let entry = path.trim_end_matches(".js");
            let entry = if entry == "index" {
                ".".to_owned()
            } else {
                format!("./{entry}")
            };
            (entry, format!("./{path}").into())
        })
        .collect();
    serde_json::json!({ "name": name, "version": version, "type": "module", "exports": exports })
        .to_string()
}
