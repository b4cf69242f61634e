//! Nested registers made flat, without fetching: a machine that says what it wants and is handed it.
//!
//! Registers lead to registers, by URL or as manifests with a `url`. Following them takes a network or a file system, which this
//! crate has not; so [`Flatten`] keeps the tree and the rules (order, inherited vars, cycles, depth), and its caller, blocking or
//! async, one at a time or all at once, does the reading.

use std::collections::BTreeMap;
use std::error::Error;

use url::Url;

use crate::limits::Limits;
use crate::model::Manifest;
use crate::register::Register;
use crate::register_error::{RegisterError, RegisterErrorKind as Kind};
use crate::template::{expand, unexpanded};
use crate::unknown::Unknown;

/// How many URLs may lead from one to the next.
pub const MAX_REGISTER_DEPTH: usize = 16;

/// How many registers and manifests one register may come to: a few small ones could otherwise multiply without end.
pub const MAX_REGISTERS: usize = 1_000;

/// How to flatten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlattenOptions {
    /// Bounds for all that is read together.
    pub limits: Limits,
    /// Values for `${name}` in the URLs of registers, after the vars of the manifest that a URL stands in.
    pub context: BTreeMap<String, String>,
    /// Leaves `baseUrl` unstated in the manifests of the register that one starts with (not in those it leads to), as a compiled
    /// index wants it.
    pub leave_base_url_open: bool,
}

/// A register that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What to hand it over by.
    pub id: WantedId,
    /// Where it is: an `http:`, `https:` or `file:` URL.
    pub url: String,
}

/// Stands for one wanted register of one [`Flatten`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WantedId(usize);

/// Flattens a register into manifests, bottom to top.
///
/// While [`wanted`](Self::wanted) is not empty, hand over any of these with [`supply`](Self::supply), or say that it could not
/// be had with [`fail`](Self::fail) or [`skip`](Self::skip); then [`finish`](Self::finish). The order of handing over does not
/// count. After something went wrong nothing is wanted any more, and `finish` says what it was.
///
/// What one register hands down to those its URL leads to, is as with Radpack 1.x: its vars go over theirs, its packages over
/// theirs of the same name. `register: false` anywhere on the way makes a manifest internal (1.x lets an outer `true` undo it).
/// `baseUrl` is, where nobody on the way gives it, the innermost URL's.
///
/// ```
/// use radpack_manifest::{Flatten, Register};
///
/// let register = Register::from_slice(br#"["shapes/radpack.json", {"vars": {"baseUrl": "https://b.example"}}]"#)?;
/// let mut flatten = Flatten::new(Some("https://a.example/all.json"), register);
/// while let Some(wanted) = flatten.wanted().first().cloned() {
///     assert_eq!(wanted.url, "https://a.example/shapes/radpack.json");
///     flatten.supply(wanted.id, br#"{"exports": {}}"#);
/// }
/// let manifests = flatten.finish()?;
/// assert_eq!(manifests[0].vars["baseUrl"], "https://a.example/shapes");
/// assert_eq!(manifests[1].vars["baseUrl"], "https://b.example");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Flatten {
    options: FlattenOptions,
    /// The first is the register that all began with.
    nodes: Vec<Node>,
    wanted: Vec<Wanted>,
    failed: bool,
    /// How many bytes, exports, and registers with manifests there have been.
    bytes: usize,
    exports: usize,
    registers: usize,
}

/// A register, and what led to it.
#[derive(Debug)]
struct Node {
    /// The register in which this one's URL stood.
    parent: Option<usize>,
    /// Nothing for a register that was handed in without one.
    url: Option<Url>,
    /// The manifest whose `url` led here; what it has goes over what is found. An empty one where a plain URL did.
    outer: Manifest,
    state: State,
}

#[derive(Debug)]
enum State {
    Wanted,
    Skipped,
    Failed(RegisterError),
    Read(Vec<Part>),
}

/// What a register holds, lists dissolved.
#[derive(Debug)]
enum Part {
    Manifest(Manifest),
    Register(usize),
    Failed(RegisterError),
}

impl Flatten {
    /// Begins with a register; `origin` is the URL it was read from, if it was read.
    #[must_use]
    pub fn new(origin: Option<&str>, register: Register) -> Self {
        Self::with_options(origin, register, FlattenOptions::default())
    }

    /// Begins with a register, with options; else as [`new`](Self::new).
    #[must_use]
    pub fn with_options(origin: Option<&str>, register: Register, options: FlattenOptions) -> Self {
        let url = origin.map(Url::parse).transpose().map(|url| {
            url.map(|mut url| {
                url.set_fragment(None);
                url
            })
        });
        let root = Node {
            parent: None,
            url: url.as_ref().ok().and_then(Clone::clone),
            outer: Manifest::default(),
            state: State::Wanted,
        };
        let mut flatten = Flatten {
            options,
            nodes: vec![root],
            wanted: Vec::new(),
            failed: false,
            bytes: 0,
            exports: 0,
            registers: 0,
        };
        match url {
            Ok(_) => flatten.read(0, register),
            Err(error) => {
                let url = origin.unwrap_or_default();
                flatten.set_failed(
                    0,
                    RegisterError::new(Kind::Url, vec![url.to_owned()]).because(error),
                );
            }
        }
        flatten
    }

    /// The registers that can be read now, in any order, or all at once. Nothing once all are there, or something went wrong.
    #[must_use]
    pub fn wanted(&self) -> &[Wanted] {
        &self.wanted
    }

    /// Hands over the bytes of a wanted register. An `id` that is not wanted (any more) changes nothing.
    pub fn supply(&mut self, id: WantedId, bytes: &[u8]) {
        let Some(node) = self.take(id) else { return };
        self.bytes = self.bytes.saturating_add(bytes.len());
        if self.bytes > self.options.limits.bytes {
            return self.set_failed(node, self.error(Kind::TooLarge, node));
        }
        match Register::from_slice_with(bytes, &self.options.limits) {
            Ok(register) => self.read(node, register),
            Err(errors) => self.set_failed(node, self.error(Kind::Invalid, node).because(errors)),
        }
    }

    /// Hands over a wanted register that was read elsewhere. An `id` that is not wanted (any more) changes nothing.
    pub fn supply_register(&mut self, id: WantedId, register: Register) {
        if let Some(node) = self.take(id) {
            self.read(node, register);
        }
    }

    /// Says why a wanted register could not be read; [`finish`](Self::finish) gives it as the cause. An `id` that is not wanted
    /// (any more) changes nothing.
    pub fn fail(&mut self, id: WantedId, cause: impl Into<Box<dyn Error + Send + Sync>>) {
        if let Some(node) = self.take(id) {
            self.set_failed(node, self.error(Kind::Fetch, node).because(cause));
        }
    }

    /// Goes on without a wanted register that could not be read and is optional: it holds nothing. An `id` that is not wanted
    /// (any more) changes nothing.
    pub fn skip(&mut self, id: WantedId) {
        if let Some(node) = self.take(id) {
            self.nodes[node].state = State::Skipped;
        }
    }

    /// The manifests, bottom to top, each with the vars it inherits and without `url`.
    ///
    /// # Errors
    ///
    /// The first thing that went wrong, in the order of the registers; also where registers are still wanted.
    pub fn finish(self) -> Result<Vec<Manifest>, RegisterError> {
        let missing = self
            .wanted
            .first()
            .map(|wanted| self.error(Kind::Unread, wanted.id.0));
        let mut collector = Collector {
            nodes: self.nodes.into_iter().map(Some).collect(),
            leave_base_url_open: self.options.leave_base_url_open,
            bytes_left: self.options.limits.bytes,
        };
        let manifests = collector.collect(0)?;
        missing.map_or(Ok(manifests), Err)
    }

    /// The node of a wanted register, which is wanted no more.
    fn take(&mut self, id: WantedId) -> Option<usize> {
        let position = self.wanted.iter().position(|wanted| wanted.id == id)?;
        self.wanted.remove(position);
        Some(id.0)
    }

    fn set_failed(&mut self, node: usize, error: RegisterError) {
        self.nodes[node].state = State::Failed(error);
        self.stop();
    }

    fn stop(&mut self) {
        self.failed = true;
        self.wanted.clear();
    }

    /// Takes in what a register holds.
    fn read(&mut self, node: usize, register: Register) {
        let mut parts = Vec::new();
        let mut rest = vec![register];
        while let Some(register) = rest.pop() {
            let part = match register {
                Register::List(list) => {
                    rest.extend(list.into_iter().rev());
                    continue;
                }
                Register::Url(url) => self.follow(
                    node,
                    Manifest {
                        url: Some(url),
                        ..Manifest::default()
                    },
                ),
                Register::Manifest(manifest) if manifest.url.is_some() => {
                    self.follow(node, manifest)
                }
                Register::Manifest(manifest) => self
                    .count_exports(node, &manifest)
                    .map(|()| Part::Manifest(manifest)),
            };
            self.registers += 1;
            let too_many = self.registers > MAX_REGISTERS;
            let part = part.and_then(|part| {
                if too_many {
                    Err(self.error(Kind::TooMany, node))
                } else {
                    Ok(part)
                }
            });
            match part {
                Ok(part) => parts.push(part),
                Err(error) => {
                    parts.push(Part::Failed(error));
                    self.stop();
                    break;
                }
            }
        }
        self.nodes[node].state = State::Read(parts);
    }

    /// Makes a register wanted that a manifest of register `parent` leads to.
    fn follow(&mut self, parent: usize, mut outer: Manifest) -> Result<Part, RegisterError> {
        let template = outer.url.take().unwrap_or_default();
        let context = &self.options.context;
        let text = expand(&template, |name| {
            let value = outer.vars.get(name).or_else(|| context.get(name))?;
            Some(value.as_str().into())
        });
        let fail = |kind, url: &str| {
            let mut chain = self.chain(parent);
            chain.push(url.to_owned());
            RegisterError::new(kind, chain)
        };
        if unexpanded(&text).is_some() {
            return Err(fail(Kind::Unexpanded, &text));
        }
        let base = self.nodes[parent].url.as_ref();
        let mut url = match Url::options().base_url(base).parse(&text) {
            Ok(url) => url,
            Err(url::ParseError::RelativeUrlWithoutBase) => {
                return Err(fail(Kind::Relative, &text));
            }
            Err(error) => return Err(fail(Kind::Url, &text).because(error)),
        };
        url.set_fragment(None);
        match url.scheme() {
            "http" | "https" => {}
            "file" if base.is_some_and(|base| matches!(base.scheme(), "http" | "https")) => {
                return Err(fail(Kind::FileFromNetwork, url.as_str()));
            }
            "file" => {}
            _ => return Err(fail(Kind::Scheme, url.as_str())),
        }
        let chain = self.chain(parent);
        if chain.iter().any(|earlier| earlier == url.as_str()) {
            return Err(fail(Kind::Cycle, url.as_str()));
        }
        let steps = chain.len() - usize::from(self.nodes[0].url.is_some());
        if steps >= MAX_REGISTER_DEPTH {
            return Err(fail(Kind::TooDeep, url.as_str()));
        }
        self.count_exports(parent, &outer)?;
        let id = self.nodes.len();
        if !self.failed {
            self.wanted.push(Wanted {
                id: WantedId(id),
                url: url.as_str().to_owned(),
            });
        }
        self.nodes.push(Node {
            parent: Some(parent),
            url: Some(url),
            outer,
            state: State::Wanted,
        });
        Ok(Part::Register(id))
    }

    fn count_exports(&mut self, node: usize, manifest: &Manifest) -> Result<(), RegisterError> {
        self.exports = self.exports.saturating_add(manifest.export_count());
        if self.exports > self.options.limits.exports {
            return Err(self.error(Kind::TooLarge, node));
        }
        Ok(())
    }

    /// The URLs that lead to a register, its own last.
    fn chain(&self, node: usize) -> Vec<String> {
        let mut chain = Vec::new();
        let mut next = Some(node);
        while let Some(index) = next {
            chain.extend(self.nodes[index].url.as_ref().map(Url::to_string));
            next = self.nodes[index].parent;
        }
        chain.reverse();
        chain
    }

    fn error(&self, kind: Kind, node: usize) -> RegisterError {
        RegisterError::new(kind, self.chain(node))
    }
}

/// Takes the manifests out of a tree that has been read.
struct Collector {
    nodes: Vec<Option<Node>>,
    leave_base_url_open: bool,
    /// How many more bytes of vars may be handed down: each goes to many, so that little could become much.
    bytes_left: usize,
}

impl Collector {
    /// The manifests of a register, with what it hands down. The recursion is bounded by [`MAX_REGISTER_DEPTH`].
    fn collect(&mut self, index: usize) -> Result<Vec<Manifest>, RegisterError> {
        let Some(Node {
            url, outer, state, ..
        }) = self.nodes[index].take()
        else {
            return Ok(Vec::new());
        };
        let parts = match state {
            State::Failed(error) => return Err(error),
            State::Wanted | State::Skipped => Vec::new(),
            State::Read(parts) => parts,
        };
        let mut manifests = Vec::new();
        for part in parts {
            match part {
                Part::Manifest(manifest) => manifests.push(manifest),
                Part::Register(index) => manifests.append(&mut self.collect(index)?),
                Part::Failed(error) => return Err(error),
            }
        }
        let bytes: usize = outer
            .vars
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        match self
            .bytes_left
            .checked_sub(bytes.saturating_mul(manifests.len()))
        {
            Some(left) => self.bytes_left = left,
            None => {
                let chain = url.map(|url| url.to_string()).into_iter().collect();
                return Err(RegisterError::new(Kind::TooLarge, chain));
            }
        }
        hand_down(outer, &mut manifests);
        let leave_open = index == 0 && self.leave_base_url_open;
        if let Some(url) = url.filter(|_| !leave_open)
            && let Some(base_url) = base_url(url.as_str())
        {
            for manifest in &mut manifests {
                let value = manifest.vars.entry("baseUrl".to_owned()).or_default();
                // As with 1.x, an empty one is none.
                if value.is_empty() {
                    base_url.clone_into(value);
                }
            }
        }
        Ok(manifests)
    }
}

/// Gives the manifests that an outer one's `url` led to what it has: it goes over them.
fn hand_down(outer: Manifest, manifests: &mut Vec<Manifest>) {
    for manifest in manifests.iter_mut() {
        manifest.vars.extend(outer.vars.clone());
        manifest.offered &= outer.offered;
        manifest
            .exports
            .retain(|name, _| !outer.exports.contains_key(name));
    }
    if outer.exports.is_empty() {
        return;
    }
    // 1.x puts the packages into each manifest; on top they answer for all.
    match manifests.last_mut() {
        Some(top) => top.exports.extend(outer.exports),
        None => manifests.push(Manifest {
            unknown: Unknown::default(),
            ..outer
        }),
    }
}

/// What `baseUrl` is for a manifest that was read from `url` and does not give one: the URL up to the last `/`, without query.
///
/// Nothing where there is no `/`.
///
/// ```
/// use radpack_manifest::base_url;
///
/// assert_eq!(base_url("https://cdn.example/acme/radpack.json?v=a/b"), Some("https://cdn.example/acme"));
/// assert_eq!(base_url("file:///srv/radpack.json"), Some("file:///srv"));
/// ```
#[must_use]
pub fn base_url(url: &str) -> Option<&str> {
    let path = url.split(['?', '#']).next()?;
    path.rfind('/').map(|end| &path[..end])
}
