//! What a server shows to those who may not read all of its history: packages, versions and events that their token is for.

use std::collections::BTreeMap;

use radpack_registry::Timestamp;
use reqwest::{Method, StatusCode};
use semver::Version;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Body, Remote};
use crate::failure::{Failure, Word};

/// How many events are asked for at once.
const EVENTS: &str = "1000";

/// A package in the list of all.
#[derive(Debug, Deserialize)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) versions: usize,
    pub(crate) released: Vec<String>,
}

/// A package.
#[derive(Debug, Deserialize)]
pub(crate) struct Shown {
    pub(crate) versions: Vec<ShownVersion>,
    /// What each line of each channel serves.
    pub(crate) channels: BTreeMap<String, BTreeMap<String, Line>>,
}

/// A version of it. Who may not read the package is not told by whom it is.
#[derive(Debug, Deserialize)]
pub(crate) struct ShownVersion {
    pub(crate) version: Version,
    pub(crate) build: u32,
    pub(crate) at: Timestamp,
    pub(crate) by: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) restores: Option<Version>,
    pub(crate) yanked: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Line {
    pub(crate) version: Option<Version>,
    pub(crate) release: Option<u32>,
    pub(crate) rolling: Option<Rolling>,
}

/// A release on its way.
#[derive(Debug, Deserialize)]
pub(crate) struct Rolling {
    pub(crate) version: Option<Version>,
    pub(crate) release: u32,
    pub(crate) percent: serde_json::Value,
    pub(crate) paused: bool,
}

/// What has happened. Who may not read all that it is about is told no words.
#[derive(Debug, Deserialize)]
pub(crate) struct Happened {
    pub(crate) seq: u64,
    pub(crate) at: Timestamp,
    pub(crate) by: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) why: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Page {
    events: Vec<Happened>,
    next: Option<u64>,
}

impl Remote {
    async fn look<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, Failure> {
        let mut url = self.url(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let sent = self.send(Method::GET, url, None, Body::None).await?;
        self.read(sent).await
    }

    /// Whether there is a token, and it is not for reading everything.
    pub(crate) async fn reads_only_some(&self) -> bool {
        let mut url = self.url(&["store"]);
        url.query_pairs_mut().append_pair("folders", "events");
        let sent = self.request_for(&Method::GET, &url).send().await;
        sent.is_ok_and(|response| response.status() == StatusCode::FORBIDDEN)
    }

    /// Why something is not shown to those who may not read everything, and what is.
    pub(crate) fn denied(&self) -> Failure {
        let message = format!(
            "this reads the whole history, and the token is not for that: who has admin rights makes one that is with `radpack token create NAME --right read`; with this one, \
             `radpack versions [NAME]` and `radpack history [NAME]` show the packages that it is for, and `--manifest {}radpack.json` in place of `registry:` is what is released",
            self.base
        );
        Failure::new(Word::Unavailable, message)
    }

    pub(crate) async fn packages(&self) -> Result<Vec<Listed>, Failure> {
        self.look(&["packages"], &[]).await
    }

    pub(crate) async fn package(&self, name: &str) -> Result<Shown, Failure> {
        self.look(&["packages", name], &[]).await
    }

    /// What has happened after an event, as far as there are words for it.
    pub(crate) async fn events(
        &self,
        since: u64,
        package: Option<&str>,
    ) -> Result<Vec<Happened>, Failure> {
        let mut events = Vec::new();
        let mut next = Some(since);
        while let Some(since) = next {
            let since = since.to_string();
            let mut query = vec![("since", &*since), ("limit", EVENTS)];
            query.extend(package.map(|name| ("package", name)));
            let page: Page = self.look(&["history"], &query).await?;
            events.extend(page.events);
            next = page.next;
        }
        Ok(events)
    }
}
