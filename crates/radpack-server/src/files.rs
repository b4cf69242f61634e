//! What a package serves, by name: to anybody what was ever released, to those who see the package all that was published.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::HeaderValue;
use radpack_registry::Hash;
use radpack_registry::state::package::Package;

/// What a package serves by which name.
#[derive(Debug)]
pub(crate) struct Files {
    /// The package that this is of.
    pub(crate) package: Arc<Package>,
    pub(crate) files: HashMap<Box<str>, File>,
}

#[derive(Debug)]
pub(crate) struct File {
    pub(crate) hash: Hash,
    pub(crate) integrity: Option<HeaderValue>,
    pub(crate) digest: Option<HeaderValue>,
    /// To anybody.
    pub(crate) released: Serving,
    /// To those who see the package.
    pub(crate) published: Serving,
}

/// Whether a file is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Serving {
    /// No version that counts has it.
    No,
    /// One does.
    Yes,
    /// Only versions have it that were yanked; the reason of the newest.
    Gone(String),
}

impl Serving {
    fn and(&mut self, yanked: Option<String>) {
        match (&*self, yanked) {
            (_, None) => *self = Serving::Yes,
            (Serving::Yes, Some(_)) => {}
            (_, Some(reason)) => *self = Serving::Gone(reason),
        }
    }
}

impl Files {
    pub(crate) fn of(name: &str, package: &Arc<Package>, public: &[String]) -> Files {
        let mut files: HashMap<Box<str>, File> = HashMap::new();
        for (version, published) in &package.versions {
            let was_released = package.was_released(version, public);
            let yanked = published.yanked.as_ref().map(|yank| {
                format!(
                    "{name}@{version} was yanked by event {}: {}",
                    yank.seq, yank.reason
                )
            });
            for (file, built) in &published.contents.files {
                let known = files.entry(file.as_str().into()).or_insert_with(|| File {
                    hash: built.sha256,
                    integrity: built
                        .integrity
                        .as_ref()
                        .and_then(|integrity| HeaderValue::from_str(integrity).ok()),
                    digest: digest(&built.sha256),
                    released: Serving::No,
                    published: Serving::No,
                });
                known.published.and(yanked.clone());
                if was_released {
                    known.released.and(yanked.clone());
                }
            }
        }
        Files {
            package: Arc::clone(package),
            files,
        }
    }
}

fn digest(hash: &Hash) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("sha-256=:{}:", STANDARD.encode(hash.as_bytes()))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_version_serves_is_served() {
        let mut serving = Serving::No;
        serving.and(Some("bad".into()));
        assert_eq!(serving, Serving::Gone("bad".into()));
        serving.and(None);
        serving.and(Some("bad".into()));
        assert_eq!(serving, Serving::Yes);
    }
}
