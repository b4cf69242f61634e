//! The objects of a server's store, read only: what reads a history in a store reads it here.

use std::fmt;

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use reqwest::{Method, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Body, Remote};
use crate::failure::{Failure, Word};

/// Them.
#[derive(Clone, Debug)]
pub(super) struct Objects(pub(super) Remote);

/// One that is listed.
#[derive(Debug, Deserialize)]
struct Listed {
    name: String,
    size: u64,
    written: jiff::Timestamp,
}

impl fmt::Display for Objects {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the store of {}", self.0.base)
    }
}

fn read_only() -> Error {
    Error::NotSupported {
        source: "a server's store is written by its commands only".into(),
    }
}

fn failed(name: &str, failure: Failure) -> Error {
    let (path, denied) = (name.to_owned(), failure.word == Word::Unavailable);
    let source = failure.one_line().into();
    match denied {
        true => Error::PermissionDenied { path, source },
        false => Error::Generic {
            store: "server",
            source,
        },
    }
}

fn meta(name: Path, size: u64, written: jiff::Timestamp) -> ObjectMeta {
    ObjectMeta {
        location: name,
        last_modified: std::time::SystemTime::from(written).into(),
        size,
        e_tag: None,
        version: None,
    }
}

impl Objects {
    fn url(&self, name: &str) -> Url {
        let mut url = self.0.url(&["store"]);
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(name.split('/'));
        }
        url
    }

    async fn listed<T: DeserializeOwned>(&self, how: &str, folder: &str) -> Result<T> {
        let mut url = self.0.url(&["store"]);
        url.query_pairs_mut().append_pair(how, folder);
        let answer = async {
            let response = self.0.send(Method::GET, url, None, Body::None).await?;
            self.0.read(response).await
        };
        answer.await.map_err(|failure| failed(folder, failure))
    }
}

#[async_trait]
impl ObjectStore for Objects {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let method = match options.head {
            true => Method::HEAD,
            false => Method::GET,
        };
        let url = self.url(location.as_ref());
        // Most of what is looked for and is not there is the next event: that is no failure, and not asked for twice.
        let first = self.0.request_for(&method, &url).send().await;
        let response = match first {
            Ok(response) if response.status() == StatusCode::NOT_FOUND => {
                return Err(Error::NotFound {
                    path: location.to_string(),
                    source: "the server has none".into(),
                });
            }
            Ok(response) if response.status().is_success() => response,
            _ => {
                let sent = self.0.send(method, url, None, Body::None).await;
                sent.map_err(|refused| failed(location.as_ref(), refused.failure))?
            }
        };
        let unreadable = |error: reqwest::Error| Error::Generic {
            store: "server",
            source: error.without_url().into(),
        };
        let (size, bytes) = match options.head {
            true => (response.content_length().unwrap_or(0), None),
            false => {
                let bytes = response.bytes().await.map_err(unreadable)?;
                (bytes.len() as u64, Some(bytes))
            }
        };
        Ok(GetResult {
            payload: GetResultPayload::Stream(stream::iter(bytes.map(Ok::<_, Error>)).boxed()),
            meta: meta(location.clone(), size, jiff::Timestamp::UNIX_EPOCH),
            range: 0..size,
            attributes: Default::default(),
            extensions: Default::default(),
        })
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let folder = prefix.map(ToString::to_string).unwrap_or_default();
        let objects = self.clone();
        let listed = async move {
            let listed: Result<Vec<Listed>> = objects.listed("list", &folder).await;
            let all: Vec<Result<ObjectMeta>> = match listed {
                Ok(listed) => listed
                    .into_iter()
                    .map(|it| Ok(meta(Path::from(it.name), it.size, it.written)))
                    .collect(),
                Err(error) => vec![Err(error)],
            };
            stream::iter(all)
        };
        stream::once(listed).flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let folder = prefix.cloned().unwrap_or_default();
        let folders: Vec<String> = self.listed("folders", folder.as_ref()).await?;
        let inside = folders
            .iter()
            .map(|name| folder.clone().join(name.as_str()));
        Ok(ListResult {
            common_prefixes: inside.collect(),
            objects: Vec::new(),
            extensions: Default::default(),
        })
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(read_only())
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(read_only())
    }

    fn delete_stream(
        &self,
        _: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        stream::iter([Err(read_only())]).boxed()
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(read_only())
    }
}
