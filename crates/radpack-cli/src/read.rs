//! From SRC to registers: reading bytes, following what is nested, telling index files apart.
//!
//! What a register means is radpack-manifest's; over http(s), `fetch.rs` gets it.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use radpack_build::{Location, Source as BuildSource};
use radpack_manifest::{
    Flatten, FlattenOptions, Limits, Manifest, ManifestErrors, Register, RegisterError,
    RegisterErrorKind, base_url,
};
use radpack_resolve::{Index, IndexError, IndexErrorKind, Layer};
use serde::Deserialize;
use serde::de::IgnoredAny;
use url::Url;

use crate::arguments::{Access, Lookup};
use crate::commands::registry::manifest::of_channel;
use crate::failure::{Failure, Word};
use crate::fetch::Fetcher;
use crate::output::note;
use crate::progress::Progress;
use crate::source::Source;

/// How index files begin.
const INDEX_MARK: &[u8] = b"RADPACK";

/// Reads sources. Makes what fetching needs only when something is fetched, and once.
pub(crate) struct Reader {
    limits: Limits,
    /// The registry that `registry:` means.
    access: Access,
    fetcher: Option<Fetcher>,
    /// Go on, with a warning, where something cannot be read.
    optional: bool,
}

/// What a source holds.
pub(crate) enum Content {
    /// The bytes of a register, which may be valid or not.
    Register(Vec<u8>),
    /// An index file.
    Index(Box<Index>),
}

/// A register that was read and flattened.
pub(crate) struct Flat {
    /// Bottom to top.
    pub(crate) manifests: Vec<Manifest>,
    /// Whether it led to others by URL.
    pub(crate) nested: bool,
}

impl Reader {
    /// A reader; `registry:` means the registry that the access leads to.
    pub(crate) fn new(access: &Access) -> Self {
        Self {
            limits: Limits::default(),
            access: access.clone(),
            fetcher: None,
            optional: false,
        }
    }

    /// A reader that goes on, with a warning, where something cannot be read or fetched.
    pub(crate) fn optional(access: &Access) -> Self {
        Self {
            optional: true,
            ..Self::new(access)
        }
    }

    /// What a source holds, as it is.
    pub(crate) fn content(&mut self, source: &Source) -> Result<Content, Failure> {
        let bytes = match source {
            Source::File(path) => {
                let mut file = File::open(path).map_err(|error| unreadable(path, &error))?;
                let mut start = Vec::new();
                file.by_ref()
                    .take(INDEX_MARK.len() as u64)
                    .read_to_end(&mut start)
                    .map_err(|error| unreadable(path, &error))?;
                if start == INDEX_MARK {
                    let index =
                        Index::open_unverified(path).map_err(|error| bad_index(source, &error))?;
                    return Ok(Content::Index(Box::new(index)));
                }
                self.read_all(file, start)
                    .map_err(|error| unreadable(path, &error))?
            }
            Source::Stdin => self
                .read_all(io::stdin().lock(), Vec::new())
                .map_err(|error| {
                    Failure::new(Word::Io, "cannot read standard input").caused_by(&error)
                })?,
            Source::Http(url) => {
                let answer = self.fetch(std::slice::from_ref(url)).pop();
                answer.unwrap_or_else(|| {
                    Err(Failure::new(Word::Fetch, format!("cannot fetch {url}")))
                })?
            }
            Source::Registry(channel) => of_channel(channel, &self.access)?.to_json().into_bytes(),
        };
        if bytes.starts_with(INDEX_MARK) {
            let index = Index::from_bytes(bytes).map_err(|error| bad_index(source, &error))?;
            return Ok(Content::Index(Box::new(index)));
        }
        Ok(Content::Register(bytes))
    }

    /// A register with everything that is nested in it. An index file is none.
    pub(crate) fn flat(&mut self, source: &Source) -> Result<Flat, Failure> {
        match self.content(source)? {
            Content::Register(bytes) => self.flatten(source, &bytes, FlattenOptions::default()),
            Content::Index(_) => {
                let message =
                    format!("{source} is an index file; give the register it was compiled from");
                Err(Failure::new(Word::InvalidManifest, message))
            }
        }
    }

    /// The index of registers, the last on top. A `baseUrl` that they do not state stays open, to be filled in on loading.
    pub(crate) fn open_index(&mut self, sources: &[Source]) -> Result<Index, Failure> {
        let options = FlattenOptions {
            leave_base_url_open: true,
            ..FlattenOptions::default()
        };
        let mut manifests = Vec::new();
        for source in sources {
            match self.content(source)? {
                Content::Register(bytes) if sources.len() == 1 && is_plain(&bytes) => {
                    return compile_text(source, bytes, None);
                }
                Content::Register(bytes) => {
                    manifests.extend(self.flatten(source, &bytes, options.clone())?.manifests);
                }
                Content::Index(index) => manifests.extend(manifests_of(source, &index)?),
            }
        }
        compile(&manifests)
    }

    /// A register with everything that is nested in it, for a build: each manifest with the place that its files are at.
    pub(crate) fn located(&mut self, source: &Source) -> Result<Vec<BuildSource>, Failure> {
        let Flat { manifests, nested } = self.flat(source)?;
        let folder = match source {
            Source::File(path) if !nested => path.parent().map(Path::to_path_buf),
            _ => None,
        };
        let located = manifests.into_iter().map(|manifest| {
            let location = match (&folder, source) {
                (Some(folder), _) => Location::Folder(folder.clone()),
                // Its files are wherever it will be served; what is said of it names the channel.
                (None, Source::Registry(_)) => Location::Url(source.to_string()),
                (None, _) => place_of(&manifest),
            };
            BuildSource::new(manifest, location)
        });
        Ok(located.collect())
    }

    /// What URLs hold, as it is, in their order.
    pub(crate) fn contents_of(&mut self, urls: &[String]) -> Result<Vec<Vec<u8>>, Failure> {
        let mut remote = Vec::new();
        for url in urls {
            match Source::parse(url) {
                Ok(Source::Http(url)) => remote.push(url),
                _ => {
                    let message = format!("cannot read {url}: not an http(s) URL");
                    return Err(Failure::new(Word::Fetch, message));
                }
            }
        }
        self.fetch(&remote).into_iter().collect()
    }

    /// The index that ids are looked up in: the manifests, the last on top; without any, the `radpack.json` of this folder.
    ///
    /// A `baseUrl` that a manifest does not state is where it was read from, unless one is given: then it stays open, for the
    /// query to fill in.
    pub(crate) fn index(&mut self, lookup: &Lookup) -> Result<Index, Failure> {
        let usual = [Source::File(PathBuf::from("radpack.json"))];
        let sources = if lookup.manifests.is_empty() {
            &usual[..]
        } else {
            &lookup.manifests
        };
        let open = lookup.has_var("baseUrl");
        let options = FlattenOptions {
            context: lookup.context(),
            leave_base_url_open: open,
            ..FlattenOptions::default()
        };
        let mut manifests = Vec::new();
        for source in sources {
            let base = base_of(source).filter(|_| !open);
            match self.content(source) {
                Ok(Content::Register(bytes)) if sources.len() == 1 && is_plain(&bytes) => {
                    return compile_text(source, bytes, base);
                }
                Ok(Content::Register(bytes)) => {
                    manifests.extend(self.flatten(source, &bytes, options.clone())?.manifests);
                }
                Ok(Content::Index(index)) if sources.len() == 1 => {
                    return Ok(match base {
                        Some(base) => index.with_base_url(base),
                        None => *index,
                    });
                }
                Ok(Content::Index(index)) => {
                    for mut manifest in manifests_of(source, &index)? {
                        if let Some(base) = &base {
                            let vars = &mut manifest.vars;
                            vars.entry("baseUrl".to_owned())
                                .or_insert_with(|| base.clone());
                        }
                        manifests.push(manifest);
                    }
                }
                Err(mut failure) => {
                    if lookup.manifests.is_empty() {
                        failure.message.push_str(
                            "; say which manifest to look in with --manifest SRC, or make one with `radpack build`",
                        );
                    }
                    return Err(failure);
                }
            }
        }
        compile(&manifests)
    }

    fn flatten(
        &mut self,
        source: &Source,
        bytes: &[u8],
        options: FlattenOptions,
    ) -> Result<Flat, Failure> {
        let register = Register::from_slice_with(bytes, &self.limits)
            .map_err(|errors| invalid(source, &errors))?;
        let options = FlattenOptions {
            limits: self.limits,
            ..options
        };
        let origin = url_of(source);
        let mut flatten =
            Flatten::with_options(origin.as_ref().map(Url::as_str), register, options);
        let nested = !flatten.wanted().is_empty();
        while !flatten.wanted().is_empty() {
            self.supply(&mut flatten);
        }
        let manifests = flatten.finish().map_err(|error| unflattened(&error))?;
        Ok(Flat { manifests, nested })
    }

    /// Reads everything that is wanted now.
    fn supply(&mut self, flatten: &mut Flatten) {
        let wanted = flatten.wanted().to_vec();
        let mut remote = Vec::new();
        let mut urls = Vec::new();
        let mut answers = Vec::new();
        for one in wanted {
            match Source::parse(&one.url) {
                Ok(Source::Http(url)) => {
                    urls.push(url);
                    remote.push(one.id);
                }
                Ok(Source::File(path)) => {
                    let bytes = File::open(&path).and_then(|file| self.read_all(file, Vec::new()));
                    let bytes = bytes.map_err(|error| unreadable(&path, &error));
                    answers.push((one.id, bytes));
                }
                Ok(Source::Stdin | Source::Registry(_)) | Err(_) => {
                    let message = format!("{} names no file on this machine", one.url);
                    answers.push((one.id, Err(Failure::new(Word::Io, message))));
                }
            }
        }
        if !urls.is_empty() {
            answers.extend(remote.into_iter().zip(self.fetch(&urls)));
        }
        for (id, bytes) in answers {
            match bytes {
                Ok(bytes) => flatten.supply(id, &bytes),
                Err(failure) if self.optional => {
                    note(&format!("warning: left out: {}", failure.one_line()));
                    flatten.skip(id);
                }
                Err(failure) => flatten.fail(id, failure),
            }
        }
    }

    fn fetch(&mut self, urls: &[Url]) -> Vec<Result<Vec<u8>, Failure>> {
        let _progress = Progress::new(&match urls {
            [url] => format!("fetching {url}"),
            more => format!("fetching {} registers", more.len()),
        });
        let fetcher = match &self.fetcher {
            Some(fetcher) => fetcher,
            None => match Fetcher::new(self.limits.bytes) {
                Ok(fetcher) => self.fetcher.insert(fetcher),
                Err(failure) => return urls.iter().map(|_| Err(failure.clone())).collect(),
            },
        };
        fetcher.fetch_all(urls)
    }

    /// Reads to the end, but no further than it takes to see that the limit is exceeded.
    fn read_all(&self, from: impl Read, mut start: Vec<u8>) -> io::Result<Vec<u8>> {
        let most = (self.limits.bytes as u64).saturating_add(1);
        from.take(most.saturating_sub(start.len() as u64))
            .read_to_end(&mut start)?;
        Ok(start)
    }
}

/// Compiles the text of one manifest that leads nowhere else: the fast way, for most are so and some are large.
fn compile_text(source: &Source, json: Vec<u8>, base: Option<String>) -> Result<Index, Failure> {
    let mut layer = Layer::json(json);
    if let Some(base) = base {
        layer = layer.default_var("baseUrl", base);
    }
    Index::from_layers([layer]).map_err(|error| match error.manifest_errors() {
        Some(errors) => invalid(source, errors),
        None => Failure::of(Word::InvalidManifest, &error),
    })
}

/// Whether this is one manifest that leads to no other register, and states a usable `baseUrl` or none. Anything else, and
/// whatever is no manifest at all, takes the way that knows what to do with it.
fn is_plain(json: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Head {
        url: Option<IgnoredAny>,
        vars: Option<Vars>,
    }
    #[derive(Deserialize)]
    struct Vars {
        #[serde(rename = "baseUrl")]
        base_url: Option<String>,
    }
    match serde_json::from_slice::<Head>(json) {
        Ok(Head { url: None, vars }) => {
            let base_url = vars.and_then(|vars| vars.base_url);
            // an empty one is none, which the fast way does not know
            base_url.is_none_or(|base_url| !base_url.is_empty())
        }
        _ => false,
    }
}

/// Compiles manifests that were read, the last on top.
fn compile(manifests: &[Manifest]) -> Result<Index, Failure> {
    Index::from_layers(manifests.iter().map(Layer::manifest))
        .map_err(|error| Failure::of(Word::InvalidManifest, &error))
}

/// Where the files of a manifest are that another register led to: where its `baseUrl` says.
fn place_of(manifest: &Manifest) -> Location {
    let base = manifest
        .vars
        .get("baseUrl")
        .map(String::as_str)
        .unwrap_or_default();
    match Source::parse(base) {
        Ok(Source::Http(url)) => Location::Url(url.into()),
        Ok(Source::File(path)) if base.starts_with("file:") => Location::Folder(path),
        _ => Location::Data,
    }
}

/// The URL that a source was read from; standard input has none.
pub(crate) fn url_of(source: &Source) -> Option<Url> {
    match source {
        Source::Stdin | Source::Registry(_) => None,
        Source::Http(url) => Some(url.clone()),
        Source::File(path) => Url::from_file_path(std::path::absolute(path).ok()?).ok(),
    }
}

fn base_of(source: &Source) -> Option<String> {
    base_url(url_of(source)?.as_str()).map(str::to_owned)
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Word::Io, format!("cannot read {}", path.display())).caused_by(error)
}

/// The manifests of an index file, to lay others on top or below.
fn manifests_of(source: &Source, index: &Index) -> Result<Vec<Manifest>, Failure> {
    index
        .to_manifests()
        .map_err(|error| bad_index(source, &error))
}

fn bad_index(source: &Source, error: &IndexError) -> Failure {
    let word = match error.kind() {
        IndexErrorKind::Io => Word::Io,
        _ => Word::InvalidManifest,
    };
    Failure::new(word, format!("cannot use the index file {source}")).caused_by(error)
}

/// A register that is not valid.
pub(crate) fn invalid(source: &Source, errors: &ManifestErrors) -> Failure {
    Failure::new(Word::InvalidManifest, format!("{source} is not valid")).caused_by(errors)
}

fn unflattened(error: &RegisterError) -> Failure {
    let word = match (error.kind(), error.url()) {
        (RegisterErrorKind::Fetch, Some(url)) if url.starts_with("file:") => Word::Io,
        (RegisterErrorKind::Fetch, _) => Word::Fetch,
        _ => Word::InvalidManifest,
    };
    Failure::of(word, error)
}
