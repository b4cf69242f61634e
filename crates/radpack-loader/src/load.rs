//! Loading: a whole closure at once, verified, in execution order.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use radpack_version::Fit;
use tracing::Instrument as _;

use crate::engine::{Engine, File, Want};
use crate::error::{LoadError, LoadErrorKind};
use crate::graph::GraphId;
use crate::names;
use crate::plan::{Plan, Planned};
use crate::record::{Record, RecordFile, RecordModule, semver_text};
use crate::snapshot::Snapshot;

/// A module and all that it needs to run, every byte of it verified. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Loaded {
    graph: GraphId,
    modules: Arc<[Module]>,
}

/// One module of a [`Loaded`] graph. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Module {
    plan: Arc<Plan>,
    number: usize,
    /// Nothing for a module without code of its own.
    file: Option<Arc<File>>,
}

impl Module {
    fn planned(&self) -> &Planned {
        // Made with numbers of modules of the plan.
        &self.plan.modules[self.number]
    }

    /// The package's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.planned().name
    }

    /// The version that serves.
    #[must_use]
    pub fn version(&self) -> &semver::Version {
        &self.planned().version
    }

    /// The entry's name; `index` for a bare id.
    #[must_use]
    pub fn entry(&self) -> &str {
        &self.planned().entry
    }

    /// How the version relates to what was asked for; of a graph that was loaded by its id nobody knows.
    #[must_use]
    pub fn fit(&self) -> Option<Fit> {
        self.planned().fit
    }

    /// `name@version/entry`, which names exactly this.
    #[must_use]
    pub fn pinned_id(&self) -> String {
        self.planned().pinned_id()
    }

    /// Where the file is; nothing for a module without code of its own.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.planned().want.as_ref().map(|want| &*want.key.url)
    }

    /// The SHA-384 of the bytes as Subresource Integrity, whether the manifest states one or not; nothing for a module without code
    /// of its own.
    #[must_use]
    pub fn integrity(&self) -> Option<&str> {
        self.file.as_ref().map(|file| file.integrity.as_str())
    }

    /// The file's contents; empty for a module without code of its own.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        static NONE: Bytes = Bytes::new();
        self.file.as_ref().map_or(&NONE, |file| &file.bytes)
    }

    /// The ids of its static dependencies as the manifest has them, and where in [`Loaded::modules`] the module is that serves each.
    pub fn statics(&self) -> impl ExactSizeIterator<Item = (&str, usize)> {
        let statics = self.planned().statics.iter();
        statics.map(|(id, number)| (id.as_str(), *number))
    }
}

impl Loaded {
    /// The hash of the contents: the same id is the same bytes, for ever.
    #[must_use]
    pub fn graph_id(&self) -> GraphId {
        self.graph
    }

    /// All modules in execution order: dependencies before what needs them, the one that was asked for last.
    #[must_use]
    pub fn modules(&self) -> &[Module] {
        &self.modules
    }

    /// The module that was asked for.
    #[must_use]
    pub fn root(&self) -> &Module {
        // A graph has at least one module.
        &self.modules[self.modules.len() - 1]
    }

    /// The contents of the module that was asked for.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        self.root().bytes()
    }
}

impl Snapshot {
    /// Loads a module and all its static dependencies: all files at once, each verified before anyone sees a byte of it, each fetched
    /// once however many ask for it at the same time.
    ///
    /// It can be cancelled by dropping it; what others wait for goes on.
    ///
    /// # Errors
    ///
    /// The first thing that goes wrong: an id without an answer, a file that cannot be had or is not what the manifest states. Its
    /// [`chain`](LoadError::chain) says who wanted it.
    pub async fn load(&self, id: &str) -> Result<Loaded, LoadError> {
        let span = tracing::debug_span!("radpack.load", id, snapshot = self.moment.number);
        let began = Instant::now();
        let result = async {
            let plan = self.plan(id)?;
            let files = fetch_all(&self.engine, &plan).await?;
            assemble(&self.engine, plan, files).await
        }
        .instrument(span)
        .await;
        let outcome = result.as_ref().map(|loaded: &Loaded| loaded.modules.len());
        names::loaded(id, outcome, began.elapsed());
        result
    }

    /// The id of the graph that [`load`](Self::load) gives, without fetching anything; nothing where a manifest does not state the
    /// SHA-384 of one of its files.
    ///
    /// # Errors
    ///
    /// As for [`load`](Self::load), as far as it can be told from the manifests.
    pub fn graph_id(&self, id: &str) -> Result<Option<GraphId>, LoadError> {
        self.plan(id).map(|plan| plan.graph_id())
    }
}

/// The files of all modules, in their order.
async fn fetch_all(engine: &Arc<Engine>, plan: &Plan) -> Result<Vec<Option<Arc<File>>>, LoadError> {
    let mut files: Vec<Option<Arc<File>>> = Vec::with_capacity(plan.modules.len());
    let mut waiting = FuturesUnordered::new();
    for (number, module) in plan.modules.iter().enumerate() {
        let here = module
            .want
            .as_ref()
            .and_then(|want| engine.cached(&want.key));
        match (&module.want, &here) {
            (Some(want), None) => {
                waiting.push(async move { (number, engine.file(want).await) });
            }
            (Some(_), Some(_)) => names::file_from("memory"),
            (None, _) => {}
        }
        files.push(here);
    }
    while let Some((number, file)) = waiting.next().await {
        let file = file.map_err(|error| {
            let module = &plan.modules[number];
            let message = format!("cannot load {}", module.pinned_id());
            let failure = LoadError::new(error.kind(), message).wanted_by(plan.chain_to(number));
            let failure = match error.url() {
                Some(url) => failure.at(url),
                None => failure,
            };
            let failure = match error.hashes() {
                Some((expected, found)) => {
                    failure.with_hashes(expected.to_owned(), found.to_owned())
                }
                None => failure,
            };
            failure.retry_in(error.retry_after()).because(error)
        })?;
        files[number] = Some(file);
    }
    Ok(files)
}

async fn assemble(
    engine: &Engine,
    plan: Arc<Plan>,
    files: Vec<Option<Arc<File>>>,
) -> Result<Loaded, LoadError> {
    let digest = |module: usize| files[module].as_ref().map(|file| file.digest);
    // What is stated was verified, so both come to the same.
    let graph = plan.graph_id().or_else(|| plan.graph_id_with(digest));
    // Without a file that is wanted, fetching them would have failed.
    let graph = graph.ok_or_else(LoadError::interrupted)?;
    if !engine.knows(&graph) {
        engine.remember(graph, record(&plan, &files)).await;
    }
    Ok(loaded(graph, &plan, files))
}

fn loaded(graph: GraphId, plan: &Arc<Plan>, files: Vec<Option<Arc<File>>>) -> Loaded {
    let modules = files.into_iter().enumerate().map(|(number, file)| Module {
        plan: Arc::clone(plan),
        number,
        file,
    });
    Loaded {
        graph,
        modules: modules.collect(),
    }
}

fn record(plan: &Plan, files: &[Option<Arc<File>>]) -> Record {
    let file = |want: &Want, file: &File| RecordFile {
        url: want.key.url.to_string(),
        mirrors: want.urls.get(1..).unwrap_or_default().to_vec(),
        integrity: want.key.integrity.as_deref().map(str::to_owned),
        digest: file.integrity.clone(),
    };
    let modules = plan.modules.iter().zip(files);
    let modules = modules.map(|(module, found)| RecordModule {
        name: module.name.clone(),
        version: semver_text::Version(module.version.clone()),
        entry: module.entry.clone(),
        file: module
            .want
            .as_ref()
            .zip(found.as_deref())
            .map(|(want, found)| file(want, found)),
        statics: module.statics.clone(),
    });
    Record {
        modules: modules.collect(),
    }
}

/// Loads a graph that was loaded before, by its id.
pub(crate) async fn load_graph(engine: &Arc<Engine>, id: GraphId) -> Result<Loaded, LoadError> {
    let Some(record) = engine.remembered(id).await else {
        let message = format!("no graph {id} is remembered: load one of its modules by its id");
        return Err(LoadError::new(LoadErrorKind::UnknownGraph, message));
    };
    let plan = Arc::new(record.plan());
    let mut files = fetch_all(engine, &plan).await?;
    // A file in memory was held to what its manifest states, which may be nothing; it must be the very file that was loaded.
    for (module, file) in plan.modules.iter().zip(&mut files) {
        if let (Some(want), Some(file)) = (&module.want, file)
            && let Some(stated) = &want.stated
            && stated
                .verify(&file.bytes, &file.digest, &want.key.url)
                .is_err()
        {
            // Its URL serves others by now. The disk may have them, or a mirror.
            *file = engine.file(&want.held_to(stated)).await?;
        }
    }
    Ok(loaded(id, &plan, files))
}
