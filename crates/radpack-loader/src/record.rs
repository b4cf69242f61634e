//! What is remembered of a graph that was loaded: enough to load it again without a register.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::engine::{FileKey, Want};
use crate::graph::{GraphId, Hasher};
use crate::integrity::{Digest, Stated};
use crate::plan::{Plan, Planned};

/// A graph: its modules in execution order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) modules: Vec<RecordModule>,
}

/// A module of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecordModule {
    pub(crate) name: String,
    pub(crate) version: semver_text::Version,
    pub(crate) entry: String,
    /// Nothing for a module without code of its own.
    pub(crate) file: Option<RecordFile>,
    /// The ids of static dependencies, and which of the modules serve them.
    pub(crate) statics: Vec<(String, usize)>,
}

/// Where its bytes are, and which they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecordFile {
    pub(crate) url: String,
    pub(crate) mirrors: Vec<String>,
    pub(crate) integrity: Option<String>,
    /// Of the bytes, as integrity.
    pub(crate) digest: String,
}

/// Versions as texts: serde does not read semver's without a feature that everything else would get, too.
pub(crate) mod semver_text {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct Version(pub(crate) semver::Version);

    impl Serialize for Version {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(&self.0)
        }
    }

    impl<'de> Deserialize<'de> for Version {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            semver::Version::parse(&text)
                .map(Version)
                .map_err(serde::de::Error::custom)
        }
    }
}

impl RecordFile {
    pub(crate) fn digest(&self) -> Option<Digest> {
        Stated::parse(&self.digest)?.digest()
    }

    /// The file, held to the bytes that were loaded, whatever the manifest stated.
    pub(crate) fn want(&self) -> Option<Want> {
        let stated = Stated::of(&self.digest()?);
        let mut urls = vec![self.url.clone()];
        urls.extend_from_slice(&self.mirrors);
        Some(Want {
            key: FileKey {
                url: Arc::from(self.url.as_str()),
                integrity: self.integrity.as_deref().map(Arc::from),
            },
            urls,
            stated: Some(stated),
        })
    }
}

impl Record {
    /// What loading it again takes.
    pub(crate) fn plan(&self) -> Plan {
        let modules = self.modules.iter().map(|module| Planned {
            name: module.name.clone(),
            version: module.version.0.clone(),
            entry: module.entry.clone(),
            fit: None,
            want: module.file.as_ref().and_then(RecordFile::want),
            statics: module.statics.clone(),
        });
        Plan::new(modules.collect())
    }

    /// The id of the graph; nothing where a digest is none.
    pub(crate) fn id(&self) -> Option<GraphId> {
        let mut hasher = Hasher::new();
        for module in &self.modules {
            let digest = match &module.file {
                Some(file) => Some(file.digest()?),
                None => None,
            };
            let version = module.version.0.to_string();
            hasher.module(&module.name, &version, &module.entry, digest.as_ref());
        }
        Some(hasher.finish())
    }

    /// Whether a record that was read makes sense, and is the one of this id.
    pub(crate) fn is_sound(&self, id: GraphId) -> bool {
        let modules = self.modules.len();
        let statics =
            |module: &RecordModule| module.statics.iter().all(|(_, target)| *target < modules);
        modules > 0 && self.modules.iter().all(statics) && self.id() == Some(id)
    }

    /// About how much memory it takes.
    pub(crate) fn size(&self) -> usize {
        let of = |module: &RecordModule| {
            let file = module.file.as_ref().map_or(0, |file| {
                let mirrors: usize = file.mirrors.iter().map(String::len).sum();
                file.url.len()
                    + file.digest.len()
                    + mirrors
                    + file.integrity.as_ref().map_or(0, String::len)
            });
            let statics: usize = module.statics.iter().map(|(id, _)| id.len() + 32).sum();
            size_of::<RecordModule>() + module.name.len() + module.entry.len() + file + statics
        };
        self.modules.iter().map(of).sum()
    }
}
