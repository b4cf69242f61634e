//! A closure, taken out of the index: what to fetch, in which order it runs, and what needs what.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, OnceLock};

use radpack_resolve::{Found, ImportMapError, ResolveError};
use radpack_version::Fit;
use url::Url;

use crate::cache::{Cache, Weigh};
use crate::engine::{FileKey, Want};
use crate::error::{LoadError, LoadErrorKind};
use crate::graph::{GraphId, Hasher};
use crate::integrity::{Digest, Integrity, Stated};
use crate::lists::unlisted;
use crate::snapshot::Snapshot;

/// A module that is to be loaded.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) name: String,
    pub(crate) version: semver::Version,
    pub(crate) entry: String,
    /// Nothing for a graph that was loaded by its id.
    pub(crate) fit: Option<Fit>,
    /// Nothing for a module without code of its own.
    pub(crate) want: Option<Want>,
    /// The ids of static dependencies, and which of the modules serve them.
    pub(crate) statics: Vec<(String, usize)>,
}

impl Planned {
    pub(crate) fn pinned_id(&self) -> String {
        match self.entry.as_str() {
            "index" => format!("{}@{}", self.name, self.version),
            entry => format!("{}@{}/{entry}", self.name, self.version),
        }
    }
}

/// Modules in execution order; the one that was asked for is the last.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) modules: Vec<Planned>,
    graph: OnceLock<Option<GraphId>>,
}

/// How much memory the plans of one view may take.
const PLAN_BYTES: usize = 8 << 20;

/// The plans that were made last, by snapshot and id.
pub(crate) struct Plans(Cache<(u64, String), Arc<Plan>>);

impl Default for Plans {
    fn default() -> Self {
        Plans(Cache::new(PLAN_BYTES))
    }
}

impl Weigh for Arc<Plan> {
    fn weight(&self) -> usize {
        let of = |module: &Planned| {
            let want = module.want.as_ref().map_or(0, |want| {
                let urls: usize = want.urls.iter().map(String::len).sum();
                2 * want.key.url.len() + urls + size_of::<Want>()
            });
            let statics: usize = module.statics.iter().map(|(id, _)| id.len() + 32).sum();
            size_of::<Planned>() + module.name.len() + module.entry.len() + want + statics
        };
        self.modules.iter().map(of).sum()
    }
}

impl Plan {
    pub(crate) fn new(modules: Vec<Planned>) -> Self {
        Plan {
            modules,
            graph: OnceLock::new(),
        }
    }

    /// The pinned ids on the shortest way from the module that was asked for to another one.
    pub(crate) fn chain_to(&self, target: usize) -> Vec<String> {
        let Some(root) = self.modules.len().checked_sub(1) else {
            return Vec::new();
        };
        let mut from: Vec<Option<usize>> = vec![None; self.modules.len()];
        let mut open = VecDeque::from([root]);
        while let Some(module) = open.pop_front() {
            if module == target {
                break;
            }
            for (_, next) in &self.modules[module].statics {
                if *next != root && from[*next].is_none() {
                    from[*next] = Some(module);
                    open.push_back(*next);
                }
            }
        }
        let way = std::iter::successors(Some(target), |module| from[*module]);
        let mut chain: Vec<String> = way.map(|module| self.modules[module].pinned_id()).collect();
        chain.reverse();
        chain
    }

    /// The graph's id, where the manifests state the SHA-384 of all files.
    pub(crate) fn graph_id(&self) -> Option<GraphId> {
        *self.graph.get_or_init(|| {
            self.graph_id_with(|module| {
                let want = self.modules[module].want.as_ref()?;
                want.stated.as_ref()?.digest()
            })
        })
    }

    /// The graph's id, from the digest of each module that has a file; nothing where one is not known.
    pub(crate) fn graph_id_with(
        &self,
        digest: impl Fn(usize) -> Option<Digest>,
    ) -> Option<GraphId> {
        let mut hasher = Hasher::new();
        for (number, module) in self.modules.iter().enumerate() {
            let digest = match module.want {
                Some(_) => Some(digest(number)?),
                None => None,
            };
            let version = module.version.to_string();
            hasher.module(&module.name, &version, &module.entry, digest.as_ref());
        }
        Some(hasher.finish())
    }
}

impl Snapshot {
    /// What loading an id takes; remembered, because a service loads the same few ids again and again.
    pub(crate) fn plan(&self, id: &str) -> Result<Arc<Plan>, LoadError> {
        let key = (self.moment.number, id.to_owned());
        let plans = &self.view.plans.0;
        if let Some(plan) = plans.get(&key) {
            return Ok(plan);
        }
        let plan = Arc::new(self.make_plan(id)?);
        plans.put(key, Arc::clone(&plan));
        Ok(plan)
    }

    fn make_plan(&self, id: &str) -> Result<Plan, LoadError> {
        let unresolved = |error: ResolveError| {
            let chain = error.chain().to_vec();
            LoadError::new(LoadErrorKind::Resolve, format!("cannot load {id}"))
                .because(error)
                .wanted_by(chain)
        };
        let query = self.query();
        let closure = query.closure(id).map_err(unresolved)?;
        let numbers: HashMap<u32, usize> = closure
            .iter()
            .enumerate()
            .map(|(number, found)| (found.variant(), number))
            .collect();
        let mut modules = Vec::with_capacity(closure.len());
        for found in &closure {
            let mut statics = Vec::with_capacity(found.statics().len());
            for dependency in found.statics() {
                let target = query.dependency(&dependency).map_err(unresolved)?;
                if let Some(number) = numbers.get(&target.variant()) {
                    statics.push((dependency.id().into_owned(), *number));
                }
            }
            modules.push(Planned {
                name: found.name().to_owned(),
                version: found.version().to_semver(),
                entry: found.entry().to_owned(),
                fit: Some(found.fit()),
                want: None,
                statics,
            });
        }
        let mut plan = Plan::new(modules);
        for (number, found) in closure.iter().enumerate() {
            let want = self.want(found);
            plan.modules[number].want =
                want.map_err(|error| error.wanted_by(plan.chain_to(number)))?;
        }
        Ok(plan)
    }

    /// Where a module's file is, and what it is held to.
    fn want(&self, found: &Found<'_>) -> Result<Option<Want>, LoadError> {
        let Some(url) = self.url_to_fetch(found)? else {
            return Ok(None);
        };
        let damaged = |error: ResolveError| {
            let message = format!("cannot load {}", found.pinned_id());
            LoadError::new(LoadErrorKind::Resolve, message).because(error)
        };
        let parsed = Url::parse(&url).map_err(|error| {
            let message = format!("the URL of {} is none: {url:?}", found.pinned_id());
            LoadError::new(LoadErrorKind::Url, message)
                .at(&url)
                .because(error)
        })?;
        let register = self.moment.register(found.layer());
        if parsed.scheme() == "file" && !register.is_some_and(|register| register.may_read(&parsed))
        {
            let message = format!(
                "{} is not read for {}: its register came over the network, and may not lead to files",
                url,
                found.pinned_id()
            );
            return Err(LoadError::new(LoadErrorKind::Refused, message).at(&url));
        }
        // As URLs are written: `..` and the like are gone, so that what is looked at is what is fetched.
        let url: Arc<str> = Arc::from(parsed.as_str());
        let text = found.integrity().map_err(damaged)?;
        let unsound = |what: &str| {
            let message = format!("{what} for {} ({url})", found.pinned_id());
            LoadError::new(LoadErrorKind::Integrity, message).at(&url)
        };
        let stated = match (text, self.engine.integrity) {
            (Some(text), _) => match Stated::parse(text) {
                Some(stated) => Some(stated),
                None => {
                    return Err(unsound(&format!(
                        "the manifest states an integrity that is none, {text:?},"
                    )));
                }
            },
            (None, Integrity::Require) => {
                return Err(unsound(
                    "the manifest states no integrity, which is required,",
                ));
            }
            (None, Integrity::VerifyIfPresent) => None,
        };
        let urls = match register {
            Some(register) => register.mirrors(&url, &self.view.context),
            None => vec![url.to_string()],
        };
        let integrity = text.map(Arc::from);
        Ok(Some(Want {
            key: FileKey { url, integrity },
            urls,
            stated,
        }))
    }

    /// A module's URL, with nothing in it that is still to be filled in.
    pub(crate) fn url_to_fetch(&self, found: &Found<'_>) -> Result<Option<String>, LoadError> {
        self.query().whole_url(found).map_err(|error| match error {
            ImportMapError::Unresolved(error) => {
                let message = format!("cannot load {}", found.pinned_id());
                LoadError::new(LoadErrorKind::Resolve, message).because(error)
            }
            other => unlisted(&found.pinned_id(), other),
        })
    }
}
