//! The graph of a package: every file that its entries lead to, and what each import of it means.
//!
//! Files are read in rounds, each in parallel: first the candidates for entries, whose syntax decides which of them are
//! entries, then what these import, and so on. No recursion, so that a chain of thousands of modules is as good as a short
//! one. All problems of all files are collected. The order of nodes depends on the input alone.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::time::Duration;

use rayon::prelude::*;

use crate::entries::{Candidate, Candidates, is_javascript, never_a_module};
use crate::error::{ErrorKind, Problem, Problems};
use crate::folder::{Folder, extension};
use crate::locate::{Locator, Target};
use crate::module::{Import, ImportKind, Position};
use crate::package_json::PACKAGE_JSON;
use crate::report::{LeftOut, LeftOutReason, Warning};
use crate::source::{Flaw, Kind, Reader, Source};

/// Every file that the entries lead to.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
    /// The declared entries and their nodes.
    pub(crate) entries: BTreeMap<String, usize>,
    /// What the modules import from other packages, as written, in order of text.
    pub(crate) outside: Vec<Outside>,
    pub(crate) left_out: Vec<LeftOut>,
    pub(crate) warnings: Vec<Warning>,
    /// The files that were read.
    pub(crate) inputs: BTreeSet<PathBuf>,
    /// Time spent parsing, summed over threads.
    pub(crate) parsing: Duration,
}

/// One file.
#[derive(Debug)]
pub(crate) struct Node {
    /// Its real path in the package folder; of the empty module, `empty.js`.
    pub(crate) path: String,
    pub(crate) kind: Kind,
    pub(crate) source: Source,
    /// What each of the module's imports means, in the same order.
    pub(crate) links: Vec<Link>,
}

/// What an import means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// A node of the graph; `suffix` is the `?query#hash` after it.
    Node { node: usize, suffix: String },
    /// Another package: an index into [`Graph::outside`].
    Outside(usize),
    /// Stays as it is.
    Stays,
}

/// An import from another package.
#[derive(Debug)]
pub(crate) struct Outside {
    /// As written.
    pub(crate) specifier: String,
    /// Where it is written first.
    pub(crate) file: String,
    pub(crate) position: Position,
}

/// Reads the graph. What is wrong goes to `problems`; the graph is then incomplete.
pub(crate) fn read(
    folder: &Folder,
    reader: &Reader<'_>,
    locator: &Locator<'_>,
    candidates: Candidates,
    problems: &mut Problems,
) -> Graph {
    let mut growing = Growing {
        graph: Graph::default(),
        known: HashMap::new(),
        outside: HashMap::new(),
        round: Vec::new(),
        problems,
    };
    growing.graph.left_out = candidates.left_out;
    let mut sources = growing.settle_entries(&candidates.candidates, reader);
    while !growing.round.is_empty() {
        let round = std::mem::take(&mut growing.round);
        let read: Vec<Result<Source, Problem>> = round
            .iter()
            .map(|&index| sources.remove(&growing.graph.nodes[index].path))
            .zip(&round)
            .collect::<Vec<_>>()
            .into_par_iter()
            .map(|(source, &index)| {
                let node = &growing.graph.nodes[index];
                match source.filter(|_| node.kind == Kind::Module) {
                    Some(source) => Ok(source),
                    None => reader.read(&node.path, node.kind),
                }
            })
            .collect();
        let mut arrived = Vec::new();
        for (&index, source) in round.iter().zip(read) {
            match source {
                Ok(source) => {
                    growing.graph.nodes[index].source = source;
                    arrived.push(index);
                }
                Err(problem) => growing.problems.push(problem),
            }
        }
        let targets: Vec<Vec<Result<Target, String>>> = arrived
            .par_iter()
            .map(|&index| {
                let node = &growing.graph.nodes[index];
                let imports = &node.source.module.imports;
                imports
                    .iter()
                    .map(|import| locator.locate(&node.path, &import.specifier, import.kind))
                    .collect()
            })
            .collect();
        for (&index, targets) in arrived.iter().zip(targets) {
            growing.link(index, targets);
        }
    }
    growing.check_imports();
    growing.warn();
    let mut graph = growing.graph;
    graph.parsing = reader.parsing();
    graph.inputs = graph
        .nodes
        .iter()
        .filter(|node| node.kind != Kind::Empty)
        .map(|node| folder.absolute(&node.path))
        .chain(
            candidates
                .candidates
                .iter()
                .map(|candidate| folder.absolute(&candidate.path)),
        )
        .chain(reader.others())
        .collect();
    graph
}

/// A graph under construction.
struct Growing<'p> {
    graph: Graph,
    known: HashMap<(String, Kind), usize>,
    outside: HashMap<String, usize>,
    /// Nodes whose files are still to be read.
    round: Vec<usize>,
    problems: &'p mut Problems,
}

impl Growing<'_> {
    /// Decides which candidates are entries. Gives what was read of them, so that nothing is read twice.
    fn settle_entries(
        &mut self,
        candidates: &[Candidate],
        reader: &Reader<'_>,
    ) -> HashMap<String, Source> {
        let paths: BTreeSet<&str> = candidates
            .iter()
            .map(|candidate| candidate.path.as_str())
            .collect();
        let read: Vec<(&str, Result<Source, Problem>)> = paths
            .into_par_iter()
            .map(|path| (path, reader.read(path, Kind::Module)))
            .collect();
        let mut sources = HashMap::new();
        let mut broken = HashSet::new();
        for (path, source) in read {
            let problem = match source {
                Ok(source) => match &source.flaw {
                    Some(Flaw::Sloppy(error)) => Problem::from(error.clone()),
                    _ => {
                        sources.insert(path.to_owned(), source);
                        continue;
                    }
                },
                Err(problem) => problem,
            };
            self.problems.push(problem);
            broken.insert(path);
        }
        let mut settled: BTreeMap<&str, &str> = BTreeMap::new();
        for candidate in candidates {
            let Some(source) = sources.get(&candidate.path) else {
                continue;
            };
            let reason = match (&source.flaw, settled.get(candidate.name.as_str())) {
                (None, None) => {
                    settled.insert(&candidate.name, &candidate.path);
                    continue;
                }
                (None, Some(_)) if candidate.declared == "main" => continue,
                (None, Some(_)) => LeftOutReason::SameName,
                (Some(flaw), _) if candidate.asked => {
                    self.problems.push(not_an_entry(candidate, flaw));
                    continue;
                }
                (Some(Flaw::Script), _) => LeftOutReason::CommonJs,
                (Some(_), _) => LeftOutReason::NoModule,
            };
            self.graph.left_out.push(LeftOut {
                entry: candidate.name.clone(),
                path: Some(candidate.path.clone()),
                reason,
            });
        }
        if settled.is_empty() && broken.is_empty() && self.problems.is_empty() {
            self.problems.push(no_entry(&self.graph.left_out));
        }
        for (name, path) in settled {
            let node = self.node(path.to_owned(), Kind::Module);
            self.graph.entries.insert(name.to_owned(), node);
        }
        sources
    }

    /// The node of a file, to be read in the next round if it is new.
    fn node(&mut self, path: String, kind: Kind) -> usize {
        let nodes = &mut self.graph.nodes;
        *self
            .known
            .entry((path, kind))
            .or_insert_with_key(|(path, kind)| {
                nodes.push(Node {
                    path: path.clone(),
                    kind: *kind,
                    source: Source::default(),
                    links: Vec::new(),
                });
                self.round.push(nodes.len() - 1);
                nodes.len() - 1
            })
    }

    /// Turns the targets of a node's imports into links.
    fn link(&mut self, index: usize, targets: Vec<Result<Target, String>>) {
        let imports = self.graph.nodes[index].source.module.imports.clone();
        let file = self.graph.nodes[index].path.clone();
        let links = imports
            .iter()
            .zip(targets)
            .map(|(import, target)| self.link_one(&file, import, target))
            .collect();
        self.graph.nodes[index].links = links;
    }

    fn link_one(&mut self, file: &str, import: &Import, target: Result<Target, String>) -> Link {
        let specifier = &import.specifier;
        match target {
            Ok(Target::Stays) => Link::Stays,
            Ok(Target::Folder) => {
                self.warn_at(
                    file,
                    import.position,
                    format!(
                        "new URL({specifier:?}, import.meta.url) names a folder and stays as it is: where the built file lies, \
                         there may be none"
                    ),
                );
                Link::Stays
            }
            Ok(Target::Empty) => Link::Node {
                node: self.node("empty.js".to_owned(), Kind::Empty),
                suffix: String::new(),
            },
            Ok(Target::Outside(specifier)) => {
                Link::Outside(self.outside(specifier, file, import.position))
            }
            Ok(Target::Own(entry)) => self.own(file, import, &entry),
            Ok(Target::File { path, suffix }) => match kind_for(&path, import) {
                Ok(kind) => Link::Node {
                    node: self.node(path, kind),
                    suffix,
                },
                Err(message) => {
                    let message = format!("{specifier:?} leads to {path}, which {message}");
                    self.problem(ErrorKind::Source, file, import.position, message);
                    Link::Stays
                }
            },
            Err(message) => {
                self.problem(
                    ErrorKind::Import,
                    file,
                    import.position,
                    format!("{specifier:?} {message}"),
                );
                Link::Stays
            }
        }
    }

    /// An import of an entry of the package itself.
    fn own(&mut self, file: &str, import: &Import, entry: &str) -> Link {
        let entries = &self.graph.entries;
        let found = entries.get(entry).or_else(|| {
            let bare = entry
                .strip_suffix(".js")
                .or_else(|| entry.strip_suffix(".mjs"))?;
            entries.get(bare)
        });
        if let Some(&node) = found {
            return Link::Node {
                node,
                suffix: String::new(),
            };
        }
        let left_out = self
            .graph
            .left_out
            .iter()
            .find(|left_out| left_out.entry == entry);
        let message = match left_out {
            Some(left_out) => format!(
                "{:?} names the entry {entry:?} of this package, which is left out: {}",
                import.specifier,
                left_out.reason.as_str()
            ),
            None => {
                let mut names: Vec<&str> = entries.keys().map(String::as_str).take(11).collect();
                if names.len() > 10 {
                    names[10] = "…";
                }
                format!(
                    "{:?} names no entry of this package, whose entries are {}",
                    import.specifier,
                    names.join(", ")
                )
            }
        };
        self.problem(ErrorKind::Import, file, import.position, message);
        Link::Stays
    }

    fn outside(&mut self, specifier: String, file: &str, position: Position) -> usize {
        let outside = &mut self.graph.outside;
        *self
            .outside
            .entry(specifier)
            .or_insert_with_key(|specifier| {
                outside.push(Outside {
                    specifier: specifier.clone(),
                    file: file.to_owned(),
                    position,
                });
                outside.len() - 1
            })
    }

    /// Checks that what is imported can be: that a module is one, and JSON is valid.
    fn check_imports(&mut self) {
        for node in &self.graph.nodes {
            for (import, link) in node.source.module.imports.iter().zip(&node.links) {
                let Link::Node { node: target, .. } = link else {
                    continue;
                };
                let target = &self.graph.nodes[*target];
                // What `new URL` names is run or fetched, not imported: a plain script is as good there.
                let Some(flaw) = target
                    .source
                    .flaw
                    .as_ref()
                    .filter(|_| import.kind != ImportKind::Url)
                else {
                    continue;
                };
                let problem =
                    flaw.problem(&target.path, &node.path, import.position, &import.specifier);
                self.problems.push(problem);
            }
        }
    }

    fn warn(&mut self) {
        let mut warnings = Vec::new();
        for (index, node) in self.graph.nodes.iter().enumerate() {
            warnings.extend(node.source.warnings.iter().cloned());
            for position in &node.source.module.computed_imports {
                warnings.push(warning(
                    &node.path,
                    *position,
                    "import() of something computed stays as it is: what it loads is neither found nor pinned here".to_owned(),
                ));
            }
            for (import, link) in node.source.module.imports.iter().zip(&node.links) {
                let Link::Node { node: target, .. } = link else {
                    continue;
                };
                if import.kind != ImportKind::Url
                    || self.graph.nodes[*target].kind != Kind::Module
                    || *target == index
                {
                    continue;
                }
                if let Some(outside) = self.graph.reaches_outside(*target) {
                    warnings.push(warning(
                        &node.path,
                        import.position,
                        format!(
                            "{:?} may run as a worker, where import maps do not reach, and it needs {:?}",
                            import.specifier, outside.specifier
                        ),
                    ));
                }
            }
        }
        self.graph.warnings.append(&mut warnings);
    }

    fn warn_at(&mut self, file: &str, position: Position, message: String) {
        self.graph.warnings.push(warning(file, position, message));
    }

    fn problem(&mut self, kind: ErrorKind, file: &str, position: Position, message: String) {
        self.problems
            .push(Problem::new(kind, message).in_file(file).at(position));
    }
}

impl Graph {
    /// An import of another package that a module, or anything it imports, holds.
    fn reaches_outside(&self, start: usize) -> Option<&Outside> {
        let mut seen = HashSet::from([start]);
        let mut queue = VecDeque::from([start]);
        while let Some(index) = queue.pop_front() {
            for link in &self.nodes[index].links {
                match link {
                    Link::Outside(outside) => return Some(&self.outside[*outside]),
                    Link::Node { node, .. } if seen.insert(*node) => queue.push_back(*node),
                    _ => {}
                }
            }
        }
        None
    }

    /// The names that a node exports, `export *` within the package included, and the specifiers of those outside of it.
    pub(crate) fn exports(&self, start: usize) -> (BTreeSet<String>, BTreeSet<String>) {
        let mut names = self.nodes[start].source.module.exports.names.clone();
        let mut outside = BTreeSet::new();
        let mut seen = HashSet::from([start]);
        let mut queue = VecDeque::from([start]);
        while let Some(index) = queue.pop_front() {
            let node = &self.nodes[index];
            let exports = &node.source.module.exports;
            if index != start {
                names.extend(
                    exports
                        .names
                        .iter()
                        .filter(|name| *name != "default")
                        .cloned(),
                );
            }
            for star in &exports.stars {
                let imports = node.source.module.imports.iter().zip(&node.links);
                let link = imports
                    .filter(|(import, _)| {
                        import.kind == ImportKind::Static && import.specifier == *star
                    })
                    .map(|(_, link)| link)
                    .next();
                match link {
                    Some(Link::Node { node, .. }) if seen.insert(*node) => queue.push_back(*node),
                    Some(Link::Node { .. }) => {}
                    _ => {
                        outside.insert(star.clone());
                    }
                }
            }
        }
        (names, outside)
    }
}

/// What a file is read as, given how it is named. The error completes the sentence "`x` leads to `y`, which … ".
fn kind_for(path: &str, import: &Import) -> Result<Kind, String> {
    let is_json = extension(path) == "json";
    if import.kind == ImportKind::Url {
        return Ok(match (is_javascript(path), is_json) {
            (true, _) => Kind::Module,
            (_, true) => Kind::Json,
            _ => Kind::Asset,
        });
    }
    if import.attribute_json {
        return Ok(Kind::Json);
    }
    if is_json {
        return Err("is JSON: import it `with { type: \"json\" }`".to_owned());
    }
    match never_a_module(path) {
        Some(reason) => Err(format!("is {}", reason.as_str())),
        None => Ok(Kind::Module),
    }
}

fn not_an_entry(candidate: &Candidate, flaw: &Flaw) -> Problem {
    let Candidate { path, declared, .. } = candidate;
    match flaw {
        Flaw::Script => Problem::new(
            ErrorKind::Entry,
            format!(
                "{declared} names {path}, which is no ES module: it has neither import nor export, and neither its extension \
                 .mjs nor \"type\": \"module\" says that it is one"
            ),
        )
        .in_file(path.as_str())
        .at(Position::START),
        other => other.problem(path, path, Position::START, path),
    }
}

fn no_entry(left_out: &[LeftOut]) -> Problem {
    let mut message = "leads to no ES module".to_owned();
    for (index, left) in left_out.iter().enumerate().take(10) {
        message.push_str(if index == 0 { ": " } else { "; " });
        message.push_str(left.path.as_deref().unwrap_or(&left.entry));
        message.push_str(" (");
        message.push_str(left.reason.as_str());
        message.push(')');
    }
    message.push_str(
        ". Name one under radpack.entries, or as an entry option such as index=./src/index.js",
    );
    Problem::new(ErrorKind::Entry, message).in_file(PACKAGE_JSON)
}

fn warning(file: &str, position: Position, message: String) -> Warning {
    Warning {
        file: Some(file.to_owned()),
        line: Some(position.line),
        column: Some(position.column),
        message,
    }
}
