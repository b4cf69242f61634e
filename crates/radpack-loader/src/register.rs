//! Reading one register: from its source over all that it leads to, to layers of an index.
//!
//! The rules (order, inherited vars, cycles, depth) are [`radpack_manifest::Flatten`]'s; what it wants is fetched here, as much at once
//! as is wanted at once. A plain manifest, which is what nearly every register is, goes to the index as text, the quick way.

mod gather;
mod mirrors;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Component, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use radpack_manifest::{Flatten, FlattenOptions, Limits, Manifest, Register, base_url};
use radpack_resolve::{Index, IndexError, Layer};
use serde::Deserialize;
use serde::de::IgnoredAny;
use url::Url;

use crate::engine::Engine;
use crate::error::{LoadError, LoadErrorKind};
use crate::fetch::Validators;
use crate::names;
use crate::snapshot::Moment;
use crate::source::{Origin, Part};
use crate::work::{blocking, lock};
use gather::{Gathered, Reader};
use mirrors::Mirrors;

/// A register as it was read.
pub(crate) struct RegisterState {
    /// Tells it from every other of this process.
    pub(crate) number: u64,
    layers: Vec<Input>,
    mirrors: Mirrors,
    /// Where it was read over http(s): the folders of files that are its own all the same. Modules are read from no others.
    only_files_below: Option<Vec<PathBuf>>,
    /// The register alone, compiled, until someone takes it.
    alone: Mutex<Option<Arc<Index>>>,
}

/// What a layer of an index is compiled from.
pub(crate) enum Input {
    /// A plain manifest in text, and the `baseUrl` where it states none.
    Text(Bytes, Option<String>),
    Manifest(Arc<Manifest>),
    Index(Arc<Index>),
}

/// A manifest's text as it was fetched.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) bytes: Bytes,
    pub(crate) validators: Validators,
}

/// The documents that a register was read from, by URL.
pub(crate) type Documents = BTreeMap<String, Arc<Document>>;

/// What came of reading a register.
pub(crate) struct Reading {
    /// Nothing where all is as it was.
    pub(crate) changed: Option<Arc<RegisterState>>,
    pub(crate) documents: Documents,
    /// Why what was stored on disk had to do, where it had to.
    pub(crate) stale: Option<LoadError>,
}

impl Reading {
    /// What was in memory from the beginning stays as it is.
    fn unchanged() -> Self {
        Reading {
            changed: None,
            documents: Documents::new(),
            stale: None,
        }
    }
}

impl RegisterState {
    /// A module's URL and its mirrors.
    pub(crate) fn mirrors(&self, url: &str, context: &BTreeMap<String, String>) -> Vec<String> {
        self.mirrors.of(url, context)
    }

    /// Whether a module's `file:` URL may be read for it.
    pub(crate) fn may_read(&self, url: &Url) -> bool {
        match &self.only_files_below {
            None => true,
            // As paths, not as texts: `%2e%2e%2f` is a way out, too.
            Some(folders) => url.to_file_path().is_ok_and(|path| {
                let climbs = path.components().any(|part| part == Component::ParentDir);
                !climbs && folders.iter().any(|folder| path.starts_with(folder))
            }),
        }
    }

    /// How many layers it has.
    pub(crate) fn layers(&self) -> usize {
        self.layers
            .iter()
            .map(|input| match input {
                Input::Index(index) => index.layers(),
                _ => 1,
            })
            .sum()
    }
}

/// The numbers of some registers: equal ones make equal indexes.
pub(crate) fn numbers(states: &[Arc<RegisterState>]) -> Vec<u64> {
    states.iter().map(|state| state.number).collect()
}

/// Compiles registers into one index, the last on top. What `base` holds of them already is copied from there.
pub(crate) fn compile(
    states: &[Arc<RegisterState>],
    limits: &Limits,
    base: Option<&Moment>,
) -> Result<Arc<Index>, IndexError> {
    // What was compiled for one alone is used once; after that, it would lie there for nothing.
    let alone: Vec<_> = states
        .iter()
        .map(|state| lock(&state.alone).take())
        .collect();
    if let ([state], [alone]) = (states, alone.as_slice()) {
        if let Some(index) = alone {
            return Ok(Arc::clone(index));
        }
        if let [Input::Index(index)] = state.layers.as_slice() {
            return Ok(Arc::clone(index));
        }
    }
    let mut layers = Vec::new();
    for (state, alone) in states.iter().zip(&alone) {
        match (alone, base.and_then(|base| base.layers_of(state.number))) {
            (Some(index), _) => layers.extend(layers_of(index, 0..index.layers())),
            (None, Some((index, range))) => layers.extend(layers_of(index, range)),
            (None, None) => layers_from(&state.layers, limits, &mut layers),
        }
    }
    Index::from_layers(layers).map(Arc::new)
}

fn layers_of(index: &Index, range: Range<usize>) -> impl Iterator<Item = Layer<'_>> {
    range.map(|layer| Layer::of(index, layer))
}

/// Layers from what they were read from.
fn layers_from<'i>(inputs: &'i [Input], limits: &Limits, layers: &mut Vec<Layer<'i>>) {
    for input in inputs {
        match input {
            Input::Text(text, base_url) => {
                let layer = Layer::json(text.to_vec()).limits(*limits);
                layers.push(match base_url {
                    Some(base_url) => layer.default_var("baseUrl", base_url),
                    None => layer,
                });
            }
            Input::Manifest(manifest) => layers.push(Layer::manifest(manifest)),
            Input::Index(index) => layers.extend(layers_of(index, 0..index.layers())),
        }
    }
}

fn compile_inputs(inputs: &[Input], limits: &Limits) -> Result<Arc<Index>, IndexError> {
    let mut layers = Vec::new();
    layers_from(inputs, limits, &mut layers);
    Index::from_layers(layers).map(Arc::new)
}

/// Reads a register; `known` is what it was read from before.
///
/// Where it was never read (`is_first`) and cannot be fetched, or is no register, what is stored on disk has to do.
pub(crate) async fn read(
    engine: &Arc<Engine>,
    part: &Part,
    context: &BTreeMap<String, String>,
    known: &Documents,
    is_first: bool,
) -> Result<Reading, LoadError> {
    let now = read_with(engine, part, context, known, is_first, false).await;
    let Err(error) = now else { return now };
    if !is_first || !engine.has_disk() {
        return Err(error);
    }
    match read_with(engine, part, context, known, true, true).await {
        Ok(reading) => {
            names::from_disk(&part.to_string(), &error);
            Ok(Reading {
                stale: Some(error),
                ..reading
            })
        }
        Err(_) => Err(error),
    }
}

/// As [`read`]; with `only_stored`, nothing is asked of the network.
async fn read_with(
    engine: &Arc<Engine>,
    part: &Part,
    context: &BTreeMap<String, String>,
    known: &Documents,
    is_first: bool,
    only_stored: bool,
) -> Result<Reading, LoadError> {
    let (url, register) = match &part.origin {
        Origin::Index(index) => {
            if !is_first {
                return Ok(Reading::unchanged());
            }
            let inputs = vec![Input::Index(Arc::clone(index))];
            let state = RegisterState::new(
                inputs,
                part,
                None,
                &Documents::new(),
                Some(Arc::clone(index)),
            );
            return Ok(Reading {
                changed: Some(Arc::new(state)),
                documents: Documents::new(),
                stale: None,
            });
        }
        Origin::Url(url) => (Some(url.clone()), Register::Url(url.clone())),
        Origin::Path(path) => {
            let url = std::path::absolute(path)
                .ok()
                .and_then(|path| Url::from_file_path(path).ok());
            let Some(url) = url else {
                let message = format!(
                    "{:?} names no file: give a path or a URL",
                    path.display().to_string()
                );
                return Err(LoadError::new(LoadErrorKind::Setup, message));
            };
            (Some(url.to_string()), Register::Url(url.into()))
        }
        Origin::Register(register) => (None, Register::clone(register)),
        Origin::Text(text) => {
            let limits = engine.limits();
            let copy = text.clone();
            let read = blocking(move || {
                // Nothing to follow: the index reads it, many times faster.
                match is_plain(&copy, &limits) {
                    true => Ok(None),
                    false => Register::from_slice_with(&copy, &limits).map(Some),
                }
            });
            let register = read.await?.map_err(|errors| {
                let message = "cannot read the register in a JSON text";
                LoadError::new(LoadErrorKind::Register, message).because(errors)
            })?;
            let Some(register) = register else {
                if !is_first {
                    return Ok(Reading::unchanged());
                }
                let inputs = vec![Input::Text(text.clone(), None)];
                return compiled(inputs, part, None, Documents::new(), None, limits).await;
            };
            (None, register)
        }
    };
    let options = FlattenOptions {
        limits: engine.limits(),
        context: context.clone(),
        leave_base_url_open: false,
    };
    let reader = Reader {
        engine: Arc::clone(engine),
        known: known.clone(),
        fallbacks: part.fallbacks.clone(),
        root: url.as_deref().and_then(base_url).map(str::to_owned),
        context: context.clone(),
        is_first,
        only_stored,
    };
    let flatten = Flatten::with_options(None, register, options);
    let Gathered {
        inputs,
        documents,
        fetched,
        stale,
    } = reader.read(flatten, part).await?;
    let unchanged = !is_first && are_same(known, &documents);
    let reading = if unchanged {
        Reading {
            changed: None,
            documents,
            stale,
        }
    } else {
        let limits = engine.limits();
        compiled(inputs, part, url.as_deref(), documents, stale, limits).await?
    };
    // Only now: what turned out to be no register must not take the place of one on disk.
    for url in &fetched {
        if let Some(document) = reading.documents.get(url) {
            engine.store_document(url, document).await;
        }
    }
    Ok(reading)
}

/// What was read, compiled by itself: so that what is wrong with it is said of it.
async fn compiled(
    inputs: Vec<Input>,
    part: &Part,
    url: Option<&str>,
    documents: Documents,
    stale: Option<LoadError>,
    limits: Limits,
) -> Result<Reading, LoadError> {
    let compiled = blocking(move || {
        let index = compile_inputs(&inputs, &limits)?;
        Ok::<_, IndexError>((inputs, index))
    });
    let (inputs, index) = compiled.await?.map_err(|error| {
        let message = format!("cannot compile the register {part}");
        LoadError::new(LoadErrorKind::Register, message).because(error)
    })?;
    let state = RegisterState::new(inputs, part, url, &documents, Some(index));
    Ok(Reading {
        changed: Some(Arc::new(state)),
        documents,
        stale,
    })
}

/// Whether these are the same URLs with the same bytes.
fn are_same(some: &Documents, others: &Documents) -> bool {
    some.len() == others.len()
        && some.iter().all(|(url, document)| {
            others
                .get(url)
                .is_some_and(|other| other.bytes == document.bytes)
        })
}

impl RegisterState {
    fn new(
        layers: Vec<Input>,
        part: &Part,
        url: Option<&str>,
        documents: &Documents,
        alone: Option<Arc<Index>>,
    ) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let mut bases: Vec<String> = url
            .and_then(base_url)
            .map(str::to_owned)
            .into_iter()
            .collect();
        if let (false, Some(index)) = (part.fallbacks.is_empty(), &alone) {
            for layer in 0..index.layers() {
                let stated = index
                    .vars(layer)
                    .get("baseUrl")
                    .map(|base| base.trim_end_matches('/'));
                let stated = stated.or(index.base_url());
                bases.extend(stated.map(str::to_owned));
            }
        }
        let is_file = |url: &&String| url.starts_with("file:");
        let from_network = documents.keys().any(|url| !is_file(&url));
        let folders = || {
            let files = documents.keys().filter(is_file);
            let folder = |url: &String| {
                let path = Url::parse(url).ok()?.to_file_path().ok()?;
                Some(path.parent()?.to_owned())
            };
            files.filter_map(folder).collect()
        };
        RegisterState {
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            layers,
            mirrors: Mirrors {
                bases,
                fallbacks: part.fallbacks.clone(),
            },
            only_files_below: from_network.then(folders),
            alone: Mutex::new(alone),
        }
    }
}

/// The top of a manifest: enough to tell a plain one.
#[derive(Deserialize)]
struct Top {
    #[serde(default)]
    vars: BTreeMap<String, String>,
    url: Option<IgnoredAny>,
    exports: Option<IgnoredAny>,
}

/// Whether a text is a manifest that leads nowhere else and is read by the index just as [`Flatten`] would have it read. Where this
/// says no, nothing is lost but time.
fn is_plain(text: &[u8], limits: &Limits) -> bool {
    text.len() <= limits.bytes
        && text.first() == Some(&b'{')
        && serde_json::from_slice::<Top>(text).is_ok_and(|top| {
            // As with 1.x, an empty base URL is none.
            let base_url = top.vars.get("baseUrl").map(String::as_str);
            top.url.is_none() && top.exports.is_some() && base_url != Some("")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_way_leads_out_of_the_folders_whose_files_may_be_read() {
        let state = RegisterState {
            number: 1,
            layers: Vec::new(),
            mirrors: Mirrors::default(),
            only_files_below: Some(vec![PathBuf::from("/srv/app")]),
            alone: Mutex::new(None),
        };
        let may_read = |url: &str| state.may_read(&Url::parse(url).unwrap());
        if cfg!(unix) {
            assert!(may_read("file:///srv/app/c/a.js"));
            assert!(may_read("file:///srv/app/..a.js"));
        }
        for url in [
            "file:///srv/application/a.js",
            "file:///srv/app/../a.js",
            "file:///srv/app/%2e%2e/a.js",
            "file:///srv/app/..%2f..%2fetc/hosts",
            "file:///srv/app/%2e%2e%2fa.js",
            "file:///etc/hosts",
        ] {
            assert!(!may_read(url), "{url}");
        }
    }

    #[test]
    fn plain_manifests_read_as_text_are_what_flattening_gives() {
        let url = "https://h.example/a/radpack.json";
        let texts = [
            r#"{"exports":{"d3":{"v":[[4]],"d":[["index",[{"v":[0],"f":"d3.js"}]]]}}}"#,
            r#"{"vars":{"baseUrl":"https://cdn","x":"y"},"exports":{"d3":{"v":[[4]],"d":[["index",[{"v":[0],"f":"d3.js"}]]]}}}"#,
            r#"{"register":false,"exports":{"d3":{"v":[[4]],"d":[["index",[{"v":[0],"f":"d3.js"}]]]}}}"#,
            r#"{"vars":{"url":"${baseUrl}/z/${file}"}, "unknown":[1], "exports": {"b":{"v":[[1],[2]],"d":[["index",[{"v":[1],"f":"b.js"}]]]}}}"#,
        ];
        for text in texts {
            assert!(is_plain(text.as_bytes(), &Limits::default()), "{text}");
            let mut flatten = Flatten::new(None, Register::Url(url.into()));
            let wanted = flatten.wanted()[0].id;
            flatten.supply(wanted, text.as_bytes());
            let manifests = flatten.finish().unwrap();
            let slow = manifests
                .into_iter()
                .map(|manifest| Input::Manifest(Arc::new(manifest)));
            let slow = compile_inputs(&slow.collect::<Vec<_>>(), &Limits::default()).unwrap();
            let quick = Input::Text(
                Bytes::from_static(text.as_bytes()),
                base_url(url).map(str::to_owned),
            );
            let quick = compile_inputs(&[quick], &Limits::default()).unwrap();
            assert_eq!(
                slow.to_manifests().unwrap(),
                quick.to_manifests().unwrap(),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_not_plain_is_told_apart() {
        let limits = Limits::default();
        for text in [
            r#""https://h/other.json""#,
            "[]",
            r#"{"url":"other.json","exports":{}}"#,
            r#"{"vars":{"baseUrl":""},"exports":{}}"#,
            r#"{"vars":{}}"#,
            "{",
            "garbage",
        ] {
            assert!(!is_plain(text.as_bytes(), &limits), "{text}");
        }
    }
}
