//! Lists for browsers: URLs, preloads, link headers, import maps. Nothing is fetched for them.

use std::collections::{BTreeMap, BTreeSet};

use radpack_resolve::{Found, ResolveError};
use serde::Serialize;

use crate::error::{LoadError, LoadErrorKind};
use crate::snapshot::Snapshot;

/// A module that a page loads at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Preload {
    /// Where it is.
    pub url: String,
    /// What its manifest states of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integrity: Option<String>,
}

impl Preload {
    /// The value of a `Link` header.
    ///
    /// ```
    /// use radpack_loader::Preload;
    ///
    /// let preload = Preload { url: "https://h/a.js".into(), integrity: Some("sha384-AAAA".into()) };
    /// assert_eq!(preload.link_header(), r#"<https://h/a.js>; rel=modulepreload; integrity="sha384-AAAA""#);
    /// ```
    #[must_use]
    pub fn link_header(&self) -> String {
        // What would end the URL, or the header, cannot stand in a URL as it is.
        let mut header = String::from("<");
        for character in self.url.chars() {
            match character {
                '<' | '>' | '"' | ' ' | '\\' | '\0'..='\x1f' | '\x7f'.. => {
                    let mut bytes = [0; 4];
                    for byte in character.encode_utf8(&mut bytes).bytes() {
                        header.push_str(&format!("%{byte:02X}"));
                    }
                }
                plain => header.push(plain),
            }
        }
        header.push_str(">; rel=modulepreload");
        let plain = |text: &&String| {
            text.bytes()
                .all(|byte| matches!(byte, b' ' | b'!' | b'#'..=b'[' | b']'..=b'~'))
        };
        if let Some(integrity) = self.integrity.as_ref().filter(plain) {
            header.push_str("; integrity=\"");
            header.push_str(integrity);
            header.push('"');
        }
        header
    }
}

/// An import map, as HTML defines it: what a browser needs to find every module that ids lead to, dynamic ones included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImportMap {
    /// From what code imports to URLs.
    pub imports: BTreeMap<String, String>,
    /// From URLs to their integrity.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub integrity: BTreeMap<String, String>,
}

impl ImportMap {
    /// The JSON text. It can stand in a `<script type="importmap">`: nothing in it ends the element.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Maps of texts are always JSON.
        let json = serde_json::to_string(self).unwrap_or_default();
        json.replace('<', "\\u003c")
    }
}

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
        let closure = self.closure(id).map_err(|error| unresolved(id, error))?;
        let mut preloads = Vec::with_capacity(closure.len());
        for found in closure
            .iter()
            .filter(|found| !found.entry().ends_with(".json"))
        {
            if let Some(url) = self.url_to_fetch(found)? {
                let integrity = found.integrity().map_err(|error| unresolved(id, error))?;
                preloads.push(Preload {
                    url,
                    integrity: integrity.map(str::to_owned),
                });
            }
        }
        Ok(preloads)
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
        let mut gathering = Gathering {
            snapshot: self,
            map: ImportMap::default(),
            seen: BTreeSet::new(),
            open: Vec::new(),
        };
        for id in ids {
            let id = id.as_ref();
            let found = self.resolve(id).map_err(|error| unresolved(id, error))?;
            gathering.name(id, &found)?;
        }
        gathering.follow()?;
        Ok(gathering.map)
    }
}

/// Gathers modules, each once.
struct Gathering<'s> {
    snapshot: &'s Snapshot,
    map: ImportMap,
    seen: BTreeSet<(u32, String)>,
    /// What is still to be looked into.
    open: Vec<Found<'s>>,
}

impl<'s> Gathering<'s> {
    /// Maps what code imports to what serves it.
    fn name(&mut self, id: &str, found: &Found<'s>) -> Result<(), LoadError> {
        self.meet(found)?;
        let Some(url) = self.snapshot.url_to_fetch(found)? else {
            return Ok(());
        };
        match self.map.imports.get(id) {
            Some(known) if *known != url => {
                let message = format!(
                    "{id} means {known} for some and {url} for others, which an import map cannot say; offer it from one register \
                     only"
                );
                Err(LoadError::new(LoadErrorKind::Resolve, message))
            }
            Some(_) => Ok(()),
            None => {
                self.map.imports.insert(id.to_owned(), url);
                Ok(())
            }
        }
    }

    /// Takes note of a module: its integrity, and that its dependencies are to be looked into.
    fn meet(&mut self, found: &Found<'s>) -> Result<(), LoadError> {
        // Versions share a variant; what is relative to the package is not the same for them.
        if !self.seen.insert((found.variant(), found.pinned_id())) {
            return Ok(());
        }
        self.open.push(*found);
        let integrity = found
            .integrity()
            .map_err(|error| unresolved(&found.pinned_id(), error))?;
        if let (Some(integrity), Some(url)) = (integrity, self.snapshot.url_to_fetch(found)?) {
            self.map.integrity.insert(url, integrity.to_owned());
        }
        Ok(())
    }

    /// Follows dependencies, dynamic ones too. Own entries are met, not named: code reaches them by relative URLs.
    fn follow(&mut self) -> Result<(), LoadError> {
        let query = self.snapshot.query();
        while let Some(found) = self.open.pop() {
            for dependency in found.statics().chain(found.dynamics()) {
                let target = query.dependency(&dependency).map_err(|error| {
                    let message = format!("{} needs {}", found.pinned_id(), dependency.id());
                    LoadError::new(LoadErrorKind::Resolve, message).because(error)
                })?;
                if dependency.is_own() {
                    self.meet(&target)?;
                } else {
                    self.name(&dependency.id(), &target)?;
                }
            }
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_url_breaks_out_of_a_header_or_a_script() {
        let preload = Preload {
            url: "https://h/a>; rel=x,\r\nSet-Cookie: \"ü.js".into(),
            integrity: Some("sha384-\"; x=y".into()),
        };
        assert_eq!(
            preload.link_header(),
            "<https://h/a%3E;%20rel=x,%0D%0ASet-Cookie:%20%22%C3%BC.js>; rel=modulepreload"
        );
        let mut map = ImportMap::default();
        map.imports.insert("a".into(), "https://h/</script>".into());
        assert_eq!(
            map.to_json(),
            r#"{"imports":{"a":"https://h/\u003c/script>"}}"#
        );
    }
}
