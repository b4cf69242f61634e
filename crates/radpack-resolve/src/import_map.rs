//! What a browser needs to load ids without a client library: an import map with `integrity`, and what it loads at once.
//!
//! The format is HTML's, "Import maps": `imports` from specifiers to URLs, `integrity` from URLs to metadata.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

use radpack_manifest::unexpanded;
use serde::Serialize;

use crate::error::ResolveError;
use crate::found::{Found, Place};
use crate::query::Query;

/// An import map, as HTML defines it: what a browser needs to find every module that ids lead to, dynamic ones included.
///
/// Sorted, so that the same registers give the same text. [`Gathering`] makes one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImportMap {
    /// From what code imports to URLs.
    pub imports: BTreeMap<String, String>,
    /// From URLs to their integrity.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub integrity: BTreeMap<String, String>,
}

impl ImportMap {
    /// The JSON text, on one line. It can stand in a `<script type="importmap">`: nothing in it ends the element.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Maps of texts are always JSON.
        for_html(&serde_json::to_string(self).unwrap_or_default())
    }

    /// The elements for a page's head: the map, then links that preload. The map comes first: browsers ignore one that comes
    /// after the first module.
    ///
    /// ```
    /// use radpack_resolve::{Gathering, Index};
    ///
    /// let index = Index::from_json(br#"{"exports":{"d3":{"v":[[4]],"d":[["index",[{"v":[0],"u":"/d3.js","i":"sha384-x"}]]]}}}"#.to_vec())?;
    /// let mut gathering = Gathering::new(index.query());
    /// gathering.add("d3@^4")?;
    /// let (map, preloads) = gathering.finish();
    /// let html = map.to_html(&preloads);
    /// assert!(html.starts_with("<script type=\"importmap\">\n"));
    /// assert!(html.ends_with("<link rel=\"modulepreload\" href=\"/d3.js\" integrity=\"sha384-x\">\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn to_html(&self, preloads: &[Preload]) -> String {
        let json = for_html(&serde_json::to_string_pretty(self).unwrap_or_default());
        let mut html = format!("<script type=\"importmap\">\n{json}\n</script>\n");
        for Preload { url, integrity } in preloads {
            html.push_str("<link rel=\"modulepreload\" href=\"");
            push_escaped(&mut html, url);
            if let Some(integrity) = integrity {
                html.push_str("\" integrity=\"");
                push_escaped(&mut html, integrity);
            }
            html.push_str("\">\n");
        }
        html
    }
}

/// JSON that can stand in HTML. In a script element nothing is escaped but by JSON itself; none of these stands outside of its texts.
fn for_html(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

/// A text within a quoted HTML attribute.
fn push_escaped(html: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ => html.push(character),
        }
    }
}

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
    /// use radpack_resolve::Preload;
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
                        let _ = write!(header, "%{byte:02X}");
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
            let _ = write!(header, "; integrity=\"{integrity}\"");
        }
        header
    }
}

/// Why an id, with all that it leads to, cannot be in an import map.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportMapError {
    /// The id, or what loads with it, has no answer.
    #[error(transparent)]
    Unresolved(ResolveError),
    /// What loads on demand has no answer.
    #[error("{module} needs {dependency}")]
    Dependency {
        /// What depends on it.
        module: String,
        /// The id that has no answer.
        dependency: String,
        /// Why it has none.
        source: ResolveError,
    },
    /// A URL has a placeholder that neither its register nor the query's context fills in.
    #[error("the URL of {module} has no value for ${{{variable}}}")]
    OpenUrl {
        /// The module whose URL it is.
        module: String,
        /// What has no value.
        variable: String,
        /// The URL as far as it is known.
        url: String,
    },
    /// One specifier means different modules to different registers.
    #[error(
        "{specifier} means {one} for some and {other} for others, which an import map cannot say; offer it from one register only"
    )]
    Ambiguous {
        /// What code imports.
        specifier: String,
        /// One URL that it means.
        one: String,
        /// Another.
        other: String,
    },
}

/// A specifier that is not in the map: what serves it has no code of its own, only dependencies. These are in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmapped {
    /// What code imports.
    pub specifier: String,
    /// What serves it, as `name@version/entry`.
    pub module: String,
}

impl fmt::Display for Unmapped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unmapped { specifier, module } = self;
        write!(
            formatter,
            "{specifier} is not in the map: {module} has no code of its own, only dependencies"
        )
    }
}

/// Gathers an import map for ids, and what loads at once with them; each module once.
///
/// Which URLs it has is the query's business: `baseUrl` in its context is the place of all whose register names none.
pub struct Gathering<'i, 'q> {
    query: Query<'i, 'q>,
    map: ImportMap,
    seen: BTreeSet<Module>,
    preloads: Vec<Preload>,
    preloaded: BTreeSet<String>,
}

/// What an id brings. It becomes part of the whole only once all of it has an answer.
#[derive(Default)]
struct Brought<'i> {
    map: ImportMap,
    seen: BTreeSet<Module>,
    unmapped: Vec<Unmapped>,
    /// What is still to be looked into.
    open: Vec<Found<'i>>,
}

/// A record and which of its versions: versions share variants, but what is relative to the package is not the same for them.
type Module = (u32, u32);

impl<'i, 'q> Gathering<'i, 'q> {
    /// Nothing yet.
    #[must_use]
    pub fn new(query: Query<'i, 'q>) -> Self {
        Gathering {
            query,
            map: ImportMap::default(),
            seen: BTreeSet::new(),
            preloads: Vec::new(),
            preloaded: BTreeSet::new(),
        }
    }

    /// Adds an id and all that it leads to, or nothing. Tells what could not be mapped.
    ///
    /// # Errors
    ///
    /// If the id or anything that it leads to has no answer, no whole URL, or means something else to another register.
    pub fn add(&mut self, id: &str) -> Result<Vec<Unmapped>, ImportMapError> {
        let root = self.query.resolve(id);
        let root = root.map_err(ImportMapError::Unresolved)?;
        let preloads = self.query.preloads([root])?;
        let mut brought = Brought::default();
        self.name(&mut brought, id, &root)?;
        self.follow(&mut brought)?;
        self.map.imports.append(&mut brought.map.imports);
        self.map.integrity.append(&mut brought.map.integrity);
        self.seen.append(&mut brought.seen);
        for preload in preloads {
            if self.preloaded.insert(preload.url.clone()) {
                self.preloads.push(preload);
            }
        }
        Ok(brought.unmapped)
    }

    /// What was gathered.
    #[must_use]
    pub fn finish(self) -> (ImportMap, Vec<Preload>) {
        (self.map, self.preloads)
    }

    /// Maps a specifier that code imports to what serves it.
    fn name(
        &self,
        brought: &mut Brought<'i>,
        specifier: &str,
        found: &Found<'i>,
    ) -> Result<(), ImportMapError> {
        self.meet(brought, found)?;
        let Some(url) = self.query.whole_url(found)? else {
            brought.unmapped.push(Unmapped {
                specifier: specifier.to_owned(),
                module: found.pinned_id(),
            });
            return Ok(());
        };
        let known = [&self.map, &brought.map]
            .into_iter()
            .find_map(|map| map.imports.get(specifier));
        match known {
            None => {
                brought.map.imports.insert(specifier.to_owned(), url);
                Ok(())
            }
            Some(known) if *known == url => Ok(()),
            Some(known) => Err(ImportMapError::Ambiguous {
                specifier: specifier.to_owned(),
                one: known.clone(),
                other: url,
            }),
        }
    }

    /// Takes note of a module: its integrity, and that its dependencies are to be looked into.
    fn meet(&self, brought: &mut Brought<'i>, found: &Found<'i>) -> Result<(), ImportMapError> {
        let Place {
            record, position, ..
        } = found.place;
        let module = (record, position);
        if self.seen.contains(&module) || !brought.seen.insert(module) {
            return Ok(());
        }
        brought.open.push(*found);
        let integrity = found.integrity().map_err(ImportMapError::Unresolved)?;
        if let (Some(integrity), Some(url)) = (integrity, self.query.whole_url(found)?) {
            brought.map.integrity.insert(url, integrity.to_owned());
        }
        Ok(())
    }

    /// Follows dependencies, dynamic ones too. Own entries are met, not named: code reaches them by relative URLs.
    fn follow(&self, brought: &mut Brought<'i>) -> Result<(), ImportMapError> {
        while let Some(found) = brought.open.pop() {
            for dependency in found.statics().chain(found.dynamics()) {
                let target = self.query.dependency(&dependency);
                let target = target.map_err(|source| ImportMapError::Dependency {
                    module: found.pinned_id(),
                    dependency: dependency.id().into_owned(),
                    source,
                })?;
                if dependency.is_own() {
                    self.meet(brought, &target)?;
                } else {
                    self.name(brought, &dependency.id(), &target)?;
                }
            }
        }
        Ok(())
    }
}

impl<'i> Query<'i, '_> {
    /// What a page preloads for some modules, dependencies first. JSON is left out: browsers fetch it in another way than modules.
    ///
    /// # Errors
    ///
    /// If a dependency has no answer, or a URL has a placeholder that nothing fills in.
    pub fn preloads(
        &self,
        roots: impl IntoIterator<Item = Found<'i>>,
    ) -> Result<Vec<Preload>, ImportMapError> {
        let closure = self.closure_of(roots);
        let mut preloads = Vec::new();
        for found in closure.map_err(ImportMapError::Unresolved)? {
            if found.entry().ends_with(".json") {
                continue;
            }
            if let Some(url) = self.whole_url(&found)? {
                let integrity = found.integrity().map_err(ImportMapError::Unresolved)?;
                preloads.push(Preload {
                    url,
                    integrity: integrity.map(str::to_owned),
                });
            }
        }
        Ok(preloads)
    }

    /// The URL of a module as a browser can fetch it: with nothing in it that is still to be filled in. `None` where it has no code
    /// of its own; as with 1.x, what is empty is not there.
    ///
    /// # Errors
    ///
    /// If a placeholder has no value.
    pub fn whole_url(&self, found: &Found<'i>) -> Result<Option<String>, ImportMapError> {
        let url = self.url(found).map_err(ImportMapError::Unresolved)?;
        let Some(url) = url.filter(|url| !url.is_empty()) else {
            return Ok(None);
        };
        match unexpanded(&url) {
            None => Ok(Some(url)),
            Some(variable) => Err(ImportMapError::OpenUrl {
                module: found.pinned_id(),
                variable: variable.to_owned(),
                url,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_the_script_the_attribute_or_the_header() {
        let mut map = ImportMap::default();
        map.imports
            .insert("a".into(), "https://h/</script><!--.js?a&b".into());
        let preload = Preload {
            url: "https://h/\"><script>'&.js".into(),
            integrity: Some("sha384-\"".into()),
        };
        assert_eq!(
            map.to_html(&[preload]),
            "<script type=\"importmap\">\n{\n  \"imports\": {\n    \
             \"a\": \"https://h/\\u003c/script\\u003e\\u003c!--.js?a\\u0026b\"\n  }\n}\n</script>\n\
             <link rel=\"modulepreload\" href=\"https://h/&quot;&gt;&lt;script&gt;&#39;&amp;.js\" integrity=\"sha384-&quot;\">\n"
        );
        assert_eq!(
            map.to_json(),
            r#"{"imports":{"a":"https://h/\u003c/script\u003e\u003c!--.js?a\u0026b"}}"#
        );
        let preload = Preload {
            url: "https://h/a>; rel=x,\r\nSet-Cookie: \"ü.js".into(),
            integrity: Some("sha384-\"; x=y".into()),
        };
        assert_eq!(
            preload.link_header(),
            "<https://h/a%3E;%20rel=x,%0D%0ASet-Cookie:%20%22%C3%BC.js>; rel=modulepreload"
        );
    }
}
