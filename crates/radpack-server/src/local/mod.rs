//! A development register: what lies in a workspace and is linked into its `node_modules`, built as files change, on top of what is live.
//!
//! Its packages have the numbers that they state, be these lower than what is live: registers lie on top of each other, and the upper one
//! answers wherever it has anything that a spec admits. So nothing live is touched, and everybody who adds the register gets what is here.

mod packages;
mod page;
mod routes;
mod watch;
mod workshop;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use axum::Router;
use radpack_manifest::Manifest;
use radpack_resolve::{Index, IndexError, Layer};
use tokio::sync::watch as channel;

use workshop::{Local, Part};

/// Gets what a URL holds, or says why it cannot.
pub type Fetch = dyn Fn(&str) -> Result<Vec<u8>, String> + Send + Sync;

/// Stands in the index for what URLs of this register begin with: each asker has an address of its own for it.
const PLACE: &str = "radpackLocal";

/// What a development register is made of.
#[derive(Clone)]
pub struct LocalSettings {
    /// The folder whose workspace and links are served.
    pub folder: PathBuf,
    /// Where the register is, and below it its files: `/radpack`.
    pub route: String,
    /// The folder in a package that another tool, such as Radpack 1.x, builds into: what is there is served as it is.
    pub dist: PathBuf,
    /// A folder to serve at `/statics`.
    pub statics: Option<PathBuf>,
    /// What is live, the topmost last: what lies beneath, and what imports are pinned to.
    pub live: Vec<Manifest>,
    /// Gets the registers that a `package.json` names by URL.
    pub fetch: Option<Arc<Fetch>>,
}

impl LocalSettings {
    /// A folder, and everything else as Radpack 1.x has it: the register at `/radpack`, what is built already in `dist`.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> LocalSettings {
        LocalSettings {
            folder: folder.into(),
            route: "/radpack".to_owned(),
            dist: PathBuf::from("dist"),
            statics: None,
            live: Vec::new(),
            fetch: None,
        }
    }
}

impl fmt::Debug for LocalSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LocalSettings")
            .field("folder", &self.folder)
            .field("route", &self.route)
            .field("dist", &self.dist)
            .field("statics", &self.statics)
            .finish_non_exhaustive()
    }
}

/// A development register cannot be begun.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalError {
    /// The folder cannot be read, or there is no room for builds.
    #[error("cannot serve {}", folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The register cannot be there.
    #[error("the register cannot be at {route}: {why}")]
    Route {
        /// Where.
        route: String,
        /// Why.
        why: &'static str,
    },
    /// What is live cannot be compiled.
    #[error("what is live cannot be used")]
    Live(#[source] IndexError),
}

/// A development register, kept up to date until it is dropped. Clones share everything.
#[derive(Clone, Debug)]
pub struct LocalRegister {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    route: String,
    root: PathBuf,
    statics: Option<PathBuf>,
    live: Arc<Index>,
    shown: channel::Receiver<Arc<Shown>>,
    /// Ends the work when it is dropped.
    _watching: watch::Watching,
}

/// What there is at one moment.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// Counts up.
    number: u64,
    packages: Vec<Local>,
    /// Why changes go unnoticed, if they do.
    notice: Option<String>,
    /// All of it on top of what is live, once somebody asked.
    index: OnceLock<Result<Index, String>>,
}

impl Shown {
    fn parts(&self) -> impl Iterator<Item = &Part> {
        self.packages
            .iter()
            .flat_map(|local| local.parts.iter().map(|part| &**part))
    }

    /// What is live with what is here on top. Takes time for the first who asks.
    fn index(&self, live: &Index) -> Result<&Index, String> {
        let make = || {
            let parts: Vec<Manifest> = self
                .parts()
                .map(|part| part.manifest_at(&format!("${{{PLACE}}}")))
                .collect();
            let live = (0..live.layers()).map(|layer| Layer::of(live, layer));
            Index::from_layers(live.chain(parts.iter().map(Layer::manifest)))
                .map_err(|error| error.to_string())
        };
        self.index.get_or_init(make).as_ref().map_err(Clone::clone)
    }
}

impl Part {
    /// Its manifest for those who reach the register at this address.
    fn manifest_at(&self, address: &str) -> Manifest {
        let base = format!("{address}/{}", self.place);
        let mut manifest = self.manifest.clone();
        manifest.vars.insert("baseUrl".to_owned(), base);
        manifest
    }
}

impl LocalRegister {
    /// Builds everything once, then begins to watch. Takes as long as the builds take: call it where blocking is allowed.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read, or what is live is no register. Packages that cannot be built are no error: the page says so.
    pub fn start(settings: LocalSettings) -> Result<LocalRegister, LocalError> {
        let cannot = |source| LocalError::Folder {
            folder: settings.folder.clone(),
            source,
        };
        let route = format!("/{}", settings.route.trim_matches('/'));
        check_route(&route)?;
        let statics = settings.statics.as_ref().map(|folder| {
            std::fs::canonicalize(folder).map_err(|source| LocalError::Folder {
                folder: folder.clone(),
                source,
            })
        });
        let statics = statics.transpose()?;
        let root = std::fs::canonicalize(&settings.folder).map_err(cannot)?;
        std::fs::read_dir(&root).map_err(cannot)?;
        let out = tempfile::Builder::new()
            // Hidden: wherever it is, nobody takes it for sources.
            .prefix(".radpack-local-")
            .tempdir()
            .map_err(cannot)?;
        let live = Index::from_layers(settings.live.iter().map(Layer::manifest));
        let live = Arc::new(live.map_err(LocalError::Live)?);
        let workshop = workshop::Workshop::new(&settings, root.clone(), out, Arc::clone(&live));
        let (watching, shown) = watch::begin(workshop);
        Ok(LocalRegister {
            shared: Arc::new(Shared {
                route,
                root,
                statics,
                live,
                shown,
                _watching: watching,
            }),
        })
    }

    /// Where the register is on its host, as `/radpack`.
    #[must_use]
    pub fn route(&self) -> &str {
        &self.shared.route
    }

    /// The page, the register, its files, import maps, and events.
    pub fn router(&self) -> Router {
        routes::routes(Arc::clone(&self.shared))
    }

    /// What is served of each package, and what keeps others from it: a line each, sorted.
    #[must_use]
    pub fn summary(&self) -> Vec<String> {
        let shown = self.shared.shown.borrow().clone();
        let lines = shown.packages.iter().map(|local| match &local.problem {
            None => local.title(),
            Some(problem) => format!("{}: {problem}", local.title()),
        });
        lines.collect()
    }
}

impl Local {
    fn title(&self) -> String {
        match &self.version {
            Some(version) => format!("{} {version}", self.name),
            None => self.name.clone(),
        }
    }

    /// A folder as it is shown: from the workspace's, where it is in there.
    fn shown_folder(&self, root: &Path) -> String {
        let folder = self.folder.strip_prefix(root).unwrap_or(&self.folder);
        match folder.as_os_str().is_empty() {
            true => ".".to_owned(),
            false => folder.display().to_string(),
        }
    }
}

/// A route that nothing else has, of what may stand in a path.
fn check_route(route: &str) -> Result<(), LocalError> {
    let refuse = |why| {
        Err(LocalError::Route {
            route: route.to_owned(),
            why,
        })
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~@".contains(&byte);
    if !route.bytes().all(is_plain) || route.contains("//") {
        return refuse("letters, digits, and -._~@ between single slashes can stand in it");
    }
    let first = route.split('/').nth(1).unwrap_or_default();
    if [
        "-",
        "import-map.html",
        "import-map.json",
        "radpack.json",
        "statics",
    ]
    .contains(&first)
    {
        return refuse("something else is there");
    }
    Ok(())
}

/// What ids are filled in with, for those who reach the register at this address.
fn context(address: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(PLACE.to_owned(), address.to_owned())])
}
