//! Getting everything that a register leads to.

use std::collections::{BTreeMap, HashSet};
use std::error::Error as _;
use std::sync::Arc;

use bytes::Bytes;
use radpack_manifest::{Flatten, RegisterError, RegisterErrorKind, base_url};
use serde::de::IgnoredAny;
use tokio::task::JoinSet;

use super::mirrors::Mirrors;
use super::{Document, Documents, Input, is_plain};
use crate::engine::Engine;
use crate::error::{LoadError, LoadErrorKind};
use crate::fetch::{Answer, Ask, What};
use crate::names;
use crate::source::Part;
use crate::work::blocking;

/// Names the register that could not be read.
fn named(part: &Part) -> impl Fn(RegisterError) -> LoadError + '_ {
    move |error| {
        let cause = error
            .source()
            .and_then(|cause| cause.downcast_ref::<LoadError>());
        let kind = match (error.kind(), cause) {
            (_, Some(cause)) => cause.kind(),
            (RegisterErrorKind::TooLarge, _) => LoadErrorKind::TooLarge,
            (RegisterErrorKind::FileFromNetwork, _) => LoadErrorKind::Refused,
            _ => LoadErrorKind::Register,
        };
        let retry_after = cause.and_then(LoadError::retry_after);
        let message = format!("cannot read the register {part}");
        let failure = LoadError::new(kind, message).retry_in(retry_after);
        let failure = match error.url() {
            Some(url) => failure.at(url),
            None => failure,
        };
        failure.because(error)
    }
}

/// What a register was read from, and what came of it.
pub(super) struct Gathered {
    pub(super) inputs: Vec<Input>,
    pub(super) documents: Documents,
    /// The URLs of those that were fetched, and are not on disk.
    pub(super) fetched: Vec<String>,
    pub(super) stale: Option<LoadError>,
}

/// Where a document is from.
enum Whence {
    Network,
    /// It is as it was.
    Known,
    /// From disk, because it could not be fetched.
    Disk(LoadError),
}

/// Hands a [`Flatten`] what it wants.
pub(super) struct Reader {
    pub(super) engine: Arc<Engine>,
    pub(super) known: Documents,
    pub(super) fallbacks: Vec<String>,
    /// The base URL of the register.
    pub(super) root: Option<String>,
    pub(super) context: BTreeMap<String, String>,
    pub(super) is_first: bool,
    pub(super) only_stored: bool,
}

impl Reader {
    pub(super) async fn read(
        self,
        mut flatten: Flatten,
        part: &Part,
    ) -> Result<Gathered, LoadError> {
        let mut documents = Documents::new();
        let (mut fetched, mut stale) = (Vec::new(), None);
        let mut asked = HashSet::new();
        let mut running = JoinSet::new();
        let limits = self.engine.limits();
        let reader = Arc::new(self);
        loop {
            for wanted in flatten.wanted() {
                if asked.insert(wanted.id) {
                    let (reader, wanted) = (Arc::clone(&reader), wanted.clone());
                    running.spawn(async move {
                        let answer = reader.document(&wanted.url).await;
                        (wanted.id, (wanted.url, answer))
                    });
                }
            }
            if running.is_empty() {
                break;
            }
            let Some(Ok((id, (url, answer)))) = running.join_next().await else {
                // The runtime is going away, or the task panicked: what is missing is told by `finish`.
                break;
            };
            match answer {
                Ok((document, from)) => {
                    match from {
                        Whence::Network => fetched.push(url.clone()),
                        Whence::Known => {}
                        Whence::Disk(error) => stale = stale.or(Some(error)),
                    }
                    documents.insert(url.clone(), Arc::clone(&document));
                    let is_root = asked.len() == 1 && documents.len() == 1;
                    let bytes = document.bytes.clone();
                    let supplied = blocking(move || {
                        // A register given by its URL that is a plain manifest: the index reads its text itself.
                        if is_root && flatten.wanted().len() == 1 && is_plain(&bytes, &limits) {
                            let base_url = base_url(&url).map(str::to_owned);
                            return Err(Input::Text(bytes, base_url));
                        }
                        flatten.supply(id, &bytes);
                        Ok(flatten)
                    });
                    match supplied.await? {
                        Ok(next) => flatten = next,
                        Err(input) => {
                            return Ok(Gathered {
                                inputs: vec![input],
                                documents,
                                fetched,
                                stale,
                            });
                        }
                    }
                }
                Err(error) => {
                    flatten.fail(id, error);
                    break;
                }
            }
        }
        let manifests = flatten.finish().map_err(named(part))?;
        let inputs = manifests
            .into_iter()
            .map(|manifest| Input::Manifest(Arc::new(manifest)));
        Ok(Gathered {
            inputs: inputs.collect(),
            documents,
            fetched,
            stale,
        })
    }

    /// A document: as it is there now, or as it was stored.
    async fn document(&self, url: &str) -> Result<(Arc<Document>, Whence), LoadError> {
        let stored = match self.known.get(url) {
            Some(document) => Some(Arc::clone(document)),
            None => self.engine.stored_document(url).await,
        };
        let is_file = url.starts_with("file:");
        if self.only_stored && !is_file {
            let missing = || {
                let message = format!("{url} is not in the disk cache");
                LoadError::new(LoadErrorKind::Fetch, message).at(url)
            };
            return Ok((stored.ok_or_else(missing)?, Whence::Known));
        }
        let mirrors = Mirrors {
            bases: self.root.clone().into_iter().collect(),
            fallbacks: self.fallbacks.clone(),
        };
        let ask = Ask {
            what: What::Manifest,
            urls: &mirrors.of(url, &self.context),
            validators: stored.as_ref().map(|document| &document.validators),
        };
        match (self.engine.fetcher.fetch(&ask, is_json).await, stored) {
            (Ok(Answer::NotModified), Some(document)) => {
                self.engine.keep_document(url, &document).await;
                Ok((document, Whence::Known))
            }
            (Ok(Answer::NotModified), None) => {
                let message = format!(
                    "{url} was answered as not modified, without having been asked whether it is"
                );
                Err(LoadError::new(LoadErrorKind::Fetch, message).at(url))
            }
            (Ok(Answer::Bytes(bytes, validators)), _) => {
                Ok((Arc::new(Document { bytes, validators }), Whence::Network))
            }
            (Err(error), Some(document)) if self.is_first && !is_file => {
                names::from_disk(url, &error);
                Ok((document, Whence::Disk(error)))
            }
            (Err(error), _) => Err(error),
        }
    }
}

/// Whether bytes may be JSON at all, so that a mirror is asked where a server answers with a page for people. It looks only at both
/// ends: whether they are a register, its reader finds out.
fn is_json(bytes: &Bytes, url: &str) -> Result<(), LoadError> {
    let text = bytes.trim_ascii();
    let may_be = matches!(
        (text.first(), text.last()),
        (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']')) | (Some(b'"'), Some(b'"'))
    );
    match serde_json::from_slice::<IgnoredAny>(if may_be { b"null" } else { bytes }) {
        Ok(_) if may_be => Ok(()),
        read => {
            let message = format!("{url} is no register");
            let failure = LoadError::new(LoadErrorKind::Register, message).at(url);
            Err(match read {
                Ok(_) => failure,
                Err(error) => failure.because(error),
            })
        }
    }
}
