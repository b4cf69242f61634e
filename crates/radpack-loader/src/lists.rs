//! Lists for browsers: URLs, preloads, link headers, import maps. Nothing is fetched for them.

use radpack_resolve::{Gathering, ImportMap, ImportMapError, Preload, ResolveError};

use crate::error::{LoadError, LoadErrorKind};
use crate::snapshot::Snapshot;

impl Snapshot {
    /// The URLs of everything that is loaded with an id, dependencies first.
    ///
    /// # Errors
    ///
    /// If the id or a dependency has no answer, or a URL has a placeholder that nothing fills in; so for the other lists.
    pub fn urls(&self, id: &str) -> Result<Vec<String>, LoadError> {
        let closure = self.closure(id).map_err(|error| unresolved(id, error))?;
        let mut urls = Vec::with_capacity(closure.len());
        for found in &closure {
            urls.extend(self.url_to_fetch(found)?);
        }
        Ok(urls)
    }

    /// What a page preloads for an id, dependencies first. JSON is left out: browsers fetch it in another way than modules.
    ///
    /// # Errors
    ///
    /// As [`urls`](Self::urls).
    pub fn preload(&self, id: &str) -> Result<Vec<Preload>, LoadError> {
        let found = self.resolve(id).map_err(|error| unresolved(id, error))?;
        let preloads = self.query().preloads([found]);
        preloads.map_err(|error| unlisted(id, error))
    }

    /// The values of `Link` headers that preload an id.
    ///
    /// # Errors
    ///
    /// As [`urls`](Self::urls).
    pub fn link_headers(&self, id: &str) -> Result<Vec<String>, LoadError> {
        Ok(self.preload(id)?.iter().map(Preload::link_header).collect())
    }

    /// An import map for some ids and all they lead to. A module without code of its own is not in it.
    ///
    /// # Errors
    ///
    /// As [`urls`](Self::urls); also where one id means different modules to different registers, which an import map cannot say.
    pub fn import_map<S: AsRef<str>>(&self, ids: &[S]) -> Result<ImportMap, LoadError> {
        let mut gathering = Gathering::new(self.query());
        for id in ids {
            let id = id.as_ref();
            gathering.add(id).map_err(|error| unlisted(id, error))?;
        }
        Ok(gathering.finish().0)
    }
}

fn unresolved(id: &str, error: ResolveError) -> LoadError {
    let chain = error.chain().to_vec();
    LoadError::new(
        LoadErrorKind::Resolve,
        format!("cannot list what {id} loads"),
    )
    .because(error)
    .wanted_by(chain)
}

pub(crate) fn unlisted(id: &str, error: ImportMapError) -> LoadError {
    let message = error.to_string();
    match error {
        ImportMapError::Unresolved(error) => unresolved(id, error),
        ImportMapError::Dependency { source, .. } => {
            LoadError::new(LoadErrorKind::Resolve, message).because(source)
        }
        ImportMapError::OpenUrl { url, .. } => LoadError::new(
            LoadErrorKind::Url,
            format!("{message}: give one in the context"),
        )
        .at(&url),
        _ => LoadError::new(LoadErrorKind::Resolve, message),
    }
}
