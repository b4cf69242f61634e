//! `radpack import-map`: what a browser needs to load ids: an import map with `integrity`, and links that preload.
//!
//! The format is HTML's, "Import maps": `imports` from specifiers to URLs, `integrity` from URLs to metadata.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use radpack_manifest::unexpanded;
use radpack_resolve::{Found, Query};
use serde::Serialize;

use crate::arguments::ImportMap;
use crate::commands::resolve::{answer, say_failed, unresolved};
use crate::failure::{Failure, Outcome, Stop, Word};
use crate::output::{Output, note};
use crate::read::Reader;

/// The import map. Sorted, so that the same registers give the same text.
#[derive(Debug, Default, Serialize)]
struct Map {
    imports: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    integrity: BTreeMap<String, String>,
}

/// A module that is loaded at once.
struct Preload {
    url: String,
    integrity: Option<String>,
}

/// Gathers modules, each once. What an id brought is taken back where the id cannot be answered whole.
struct Gathering<'i, 'q> {
    query: Query<'i, 'q>,
    map: Map,
    seen: BTreeSet<String>,
    preloads: Vec<Preload>,
    preloaded: BTreeSet<String>,
    /// What the id at hand has brought so far.
    brought: Brought<'i>,
}

/// What one id brings.
#[derive(Default)]
struct Brought<'i> {
    imports: Vec<String>,
    integrity: Vec<String>,
    seen: Vec<String>,
    warnings: Vec<String>,
    /// What is still to be looked into.
    open: Vec<Found<'i>>,
}

pub(crate) fn run(arguments: &ImportMap, output: &mut Output) -> Result<Outcome, Stop> {
    let index = Reader::new(&arguments.lookup.access).index(&arguments.lookup)?;
    let context = arguments.lookup.context();
    let query = arguments.lookup.query(&index, &context);

    let mut outcome = Outcome::Done;
    let mut answered = 0;
    let mut gathering = Gathering {
        query,
        map: Map::default(),
        seen: BTreeSet::new(),
        preloads: Vec::new(),
        preloaded: BTreeSet::new(),
        brought: Brought::default(),
    };
    for id in &arguments.ids {
        match gathering.add(id) {
            Ok(()) => answered += 1,
            Err(failure) => {
                outcome = Outcome::Incomplete;
                say_failed(id, &failure, output)?;
            }
        }
    }
    if answered == 0 {
        return Ok(outcome);
    }
    let map = gathering.map;
    if arguments.html {
        output.bytes(html(&map, &gathering.preloads)?.as_bytes())?;
    } else if output.json() {
        output.value(&map)?;
    } else {
        output.line(&pretty(&map)?)?;
    }
    Ok(outcome)
}

impl<'i> Gathering<'i, '_> {
    /// Adds an id and all that it leads to, or nothing.
    fn add(&mut self, id: &str) -> Result<(), Failure> {
        let gathered = self.gather(id);
        let brought = std::mem::take(&mut self.brought);
        match gathered {
            Ok(preloads) => {
                for preload in preloads {
                    if self.preloaded.insert(preload.url.clone()) {
                        self.preloads.push(preload);
                    }
                }
                for warning in brought.warnings {
                    note(&warning);
                }
                Ok(())
            }
            Err(failure) => {
                for specifier in &brought.imports {
                    self.map.imports.remove(specifier);
                }
                for url in &brought.integrity {
                    self.map.integrity.remove(url);
                }
                for module in &brought.seen {
                    self.seen.remove(module);
                }
                Err(failure)
            }
        }
    }

    /// Gathers what an id leads to; gives what loads at once.
    fn gather(&mut self, id: &str) -> Result<Vec<Preload>, Failure> {
        let root = answer(&self.query, id)?;
        let statics = self
            .query
            .closure_of([root])
            .map_err(|error| unresolved(&self.query, error))?;
        self.name(id, &root)?;
        self.follow()?;
        preloads(&self.query, &statics)
    }

    /// Maps a specifier that code imports to what serves it.
    fn name(&mut self, specifier: &str, found: &Found<'i>) -> Result<(), Failure> {
        self.meet(found)?;
        let Some(url) = url_of(&self.query, found)? else {
            self.brought.warnings.push(format!(
                "warning: {specifier} is not in the map: {} has no code of its own, only dependencies",
                found.pinned_id()
            ));
            return Ok(());
        };
        match self.map.imports.get(specifier) {
            None => {
                self.map.imports.insert(specifier.to_owned(), url);
                self.brought.imports.push(specifier.to_owned());
            }
            Some(known) if *known == url => {}
            Some(known) => {
                let message = format!(
                    "{specifier} means {known} for some and {url} for others, which an import map cannot say; \
                     offer it from one register only"
                );
                return Err(Failure::new(Word::InvalidManifest, message));
            }
        }
        Ok(())
    }

    /// Takes note of a module: its integrity, and that its dependencies are to be looked into.
    fn meet(&mut self, found: &Found<'i>) -> Result<(), Failure> {
        let module = format!("{}:{}", found.layer(), found.pinned_id());
        if !self.seen.insert(module.clone()) {
            return Ok(());
        }
        self.brought.seen.push(module);
        self.brought.open.push(*found);
        let integrity = found
            .integrity()
            .map_err(|error| unresolved(&self.query, error))?;
        if let (Some(integrity), Some(url)) = (integrity, url_of(&self.query, found)?) {
            let new = self
                .map
                .integrity
                .insert(url.clone(), integrity.to_owned())
                .is_none();
            if new {
                self.brought.integrity.push(url);
            }
        }
        Ok(())
    }

    /// Follows dependencies, dynamic ones too. Own entries are met, not named: code reaches them by relative URLs.
    fn follow(&mut self) -> Result<(), Failure> {
        while let Some(found) = self.brought.open.pop() {
            for dependency in found.statics().chain(found.dynamics()) {
                let answer = self.query.dependency(&dependency);
                let target = answer.map_err(|error| {
                    let message = format!("{} needs {}", found.pinned_id(), dependency.id());
                    let cause = unresolved(&self.query, error);
                    Failure::new(Word::UnresolvedDependency, message).caused_by(&cause)
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

/// The URL of a module, which a browser must be able to fetch.
fn url_of(query: &Query<'_, '_>, found: &Found<'_>) -> Result<Option<String>, Failure> {
    let url = query.url(found).map_err(|error| unresolved(query, error))?;
    match url.as_deref().and_then(unexpanded) {
        None => Ok(url),
        Some(name) => {
            let message = format!(
                "the URL of {} has no value for ${{{name}}}; give one with --var {name}=…",
                found.pinned_id()
            );
            Err(Failure::new(Word::InvalidManifest, message))
        }
    }
}

/// The links for what loads at once. JSON is fetched in another way than modules are preloaded.
fn preloads(query: &Query<'_, '_>, statics: &[Found<'_>]) -> Result<Vec<Preload>, Failure> {
    let mut preloads = Vec::new();
    for found in statics
        .iter()
        .filter(|found| !found.entry().ends_with(".json"))
    {
        let integrity = found
            .integrity()
            .map_err(|error| unresolved(query, error))?;
        if let Some(url) = url_of(query, found)? {
            preloads.push(Preload {
                url,
                integrity: integrity.map(str::to_owned),
            });
        }
    }
    Ok(preloads)
}

fn pretty(map: &Map) -> Result<String, Failure> {
    serde_json::to_string_pretty(map)
        .map_err(|error| Failure::new(Word::Io, "cannot write the import map").caused_by(&error))
}

/// The elements for a page's head. The map comes first: browsers ignore one that comes after the first module.
fn html(map: &Map, preloads: &[Preload]) -> Result<String, Failure> {
    // In a script element nothing is escaped but by JSON itself: `</script` and `<!--` must not occur.
    let json = pretty(map)?.replace('<', "\\u003c");
    let mut html = format!("<script type=\"importmap\">\n{json}\n</script>\n");
    for Preload { url, integrity } in preloads {
        let _ = write!(
            html,
            "<link rel=\"modulepreload\" href=\"{}\"",
            escaped(url)
        );
        if let Some(integrity) = integrity {
            let _ = write!(html, " integrity=\"{}\"", escaped(integrity));
        }
        html.push_str(">\n");
    }
    Ok(html)
}

/// A text within a quoted HTML attribute.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_the_script_or_the_attribute() {
        let mut map = Map::default();
        map.imports
            .insert("a".into(), "https://h/</script><!--.js".into());
        let preload = Preload {
            url: "https://h/\"><script>'&.js".into(),
            integrity: Some("sha384-\"".into()),
        };
        assert_eq!(
            html(&map, &[preload]).unwrap(),
            "<script type=\"importmap\">\n{\n  \"imports\": {\n    \"a\": \"https://h/\\u003c/script>\\u003c!--.js\"\n  }\n}\n</script>\n\
             <link rel=\"modulepreload\" href=\"https://h/&quot;&gt;&lt;script&gt;&#39;&amp;.js\" integrity=\"sha384-&quot;\">\n"
        );
    }
}
