//! The final contents of every file, and its name: imports rewritten, contents hashed, names made of the hashes.
//!
//! A file's contents hold the names of what it imports, so files are done after those: level by level, each in parallel.
//! Files in an import cycle are named together: from their joint contents, in which their own names have a placeholder of the
//! same length. A name that would get other contents than it has already is lengthened by more of the hash.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rayon::prelude::*;
use sha2::{Digest, Sha256, Sha384};

use crate::chunks::Names;
use crate::components;
use crate::error::{BuildError, ErrorKind, Problem, Problems};
use crate::folder::parent;
use crate::graph::{Graph, Link, Node};
use crate::module::{self, Edit};
use crate::report::Warning;
use crate::source::{Flaw, Kind};

/// How many hexadecimal digits of a hash a name gets: the first that gives it to nothing else.
const DIGITS: [usize; 5] = [16, 24, 32, 48, 64];

/// A file as it goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FinalFile {
    /// Relative to the package's folder in the output.
    pub(crate) name: String,
    pub(crate) contents: Vec<u8>,
    pub(crate) integrity: String,
    /// The source map: its name, likewise, and its contents.
    pub(crate) map: Option<(String, Vec<u8>)>,
    pub(crate) warnings: Vec<Warning>,
}

/// Whether a name (relative to the package's folder in the output) stands for other contents already.
pub(crate) type Taken<'t> = dyn Fn(&str, &[u8]) -> bool + Sync + 't;

/// Finishes every file of a graph. `pins` are the ids to write, by index into [`Graph::outside`].
///
/// # Errors
///
/// Where every length of a name is taken, which takes someone who tries.
pub(crate) fn finish(
    graph: &Graph,
    names: &Names,
    pins: &[String],
    taken: &Taken<'_>,
) -> Result<Vec<FinalFile>, BuildError> {
    let edges: Vec<Vec<usize>> = graph.nodes.iter().map(links_to).collect();
    let mut namer = Namer {
        graph,
        names,
        pins,
        taken,
        done: vec![None; graph.nodes.len()],
    };
    let mut problems = Problems::default();
    for level in components::levels(&edges) {
        let finished: Vec<Result<Vec<FinalFile>, Problem>> = level
            .par_iter()
            .map(|members| match members.as_slice() {
                [node] if !edges[*node].contains(node) => {
                    namer.single(*node).map(|file| vec![file])
                }
                members => namer.cycle(members),
            })
            .collect();
        for (members, files) in level.iter().zip(finished) {
            match files {
                Ok(files) => {
                    for (&node, file) in members.iter().zip(files) {
                        namer.done[node] = Some(file);
                    }
                }
                Err(problem) => problems.push(problem),
            }
        }
        problems.check()?;
    }
    Ok(namer.done.into_iter().flatten().collect())
}

/// The integrity of contents, as Subresource Integrity has it.
pub(crate) fn integrity(contents: &[u8]) -> String {
    format!("sha384-{}", STANDARD.encode(Sha384::digest(contents)))
}

/// The whole SHA-256 of contents in hexadecimal.
pub(crate) fn hash(contents: &[u8]) -> String {
    hexadecimal(&Sha256::digest(contents))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn links_to(node: &Node) -> Vec<usize> {
    let nodes = node.links.iter().filter_map(|link| match link {
        Link::Node { node, .. } => Some(*node),
        _ => None,
    });
    nodes.collect()
}

struct Namer<'g> {
    graph: &'g Graph,
    names: &'g Names,
    pins: &'g [String],
    taken: &'g Taken<'g>,
    done: Vec<Option<FinalFile>>,
}

/// A file whose name is not known yet.
struct Unnamed {
    contents: Vec<u8>,
    map: Option<(String, Vec<u8>)>,
    warnings: Vec<Warning>,
}

impl Namer<'_> {
    /// A file that does not depend on its own name.
    fn single(&self, node: usize) -> Result<FinalFile, Problem> {
        let unnamed = self.contents(node, &|_| None)?;
        let hash = hash(&unnamed.contents);
        let name = DIGITS
            .iter()
            .map(|&digits| self.name(node, &hash[..digits]))
            .find(|name| !(self.taken)(name, &unnamed.contents))
            .ok_or_else(|| self.all_taken(node))?;
        Ok(unnamed.named(name))
    }

    /// The files of a cycle, in the order of their nodes.
    fn cycle(&self, members: &[usize]) -> Result<Vec<FinalFile>, Problem> {
        let mut order = members.to_vec();
        order.sort_by_key(|&node| crate::chunks::canonical(&self.names.holders[node]));
        for digits in DIGITS {
            let placeholder = "0".repeat(digits);
            let own = |other: usize| {
                let is_member = members.binary_search(&other).is_ok();
                is_member.then(|| self.name(other, &placeholder))
            };
            let contents: Vec<Unnamed> = order
                .par_iter()
                .map(|&node| self.contents(node, &own))
                .collect::<Result<_, Problem>>()?;
            let mut joint = Sha256::new();
            for (&node, unnamed) in order.iter().zip(&contents) {
                for part in [self.names.holders[node].as_bytes(), &unnamed.contents] {
                    joint.update((part.len() as u64).to_le_bytes());
                    joint.update(part);
                }
            }
            let hash = hexadecimal(&joint.finalize());
            let own = |other: usize| {
                let is_member = members.binary_search(&other).is_ok();
                is_member.then(|| self.name(other, &hash[..digits]))
            };
            let files: Vec<FinalFile> = members
                .par_iter()
                .map(|&node| {
                    let unnamed = self.contents(node, &own)?;
                    Ok(unnamed.named(self.name(node, &hash[..digits])))
                })
                .collect::<Result<_, Problem>>()?;
            if !files
                .iter()
                .any(|file| (self.taken)(&file.name, &file.contents))
            {
                return Ok(files);
            }
        }
        Err(self.all_taken(members[0]))
    }

    fn name(&self, node: usize, hash: &str) -> String {
        format!(
            "{}-{hash}{}",
            self.names.stems[node], self.names.extensions[node]
        )
    }

    fn all_taken(&self, node: usize) -> Problem {
        let stem = &self.names.stems[node];
        Problem::new(
            ErrorKind::Io,
            format!(
                "every name that {stem} could get stands for other contents in the output folder: clear it"
            ),
        )
    }

    /// The contents of a file with its imports rewritten. `own` gives the names of files that are done together with it.
    fn contents(
        &self,
        index: usize,
        own: &(dyn Fn(usize) -> Option<String> + Sync),
    ) -> Result<Unnamed, Problem> {
        let node = &self.graph.nodes[index];
        let source = &node.source;
        // What is no module can only have been named by `new URL`, and is run or fetched as it is.
        let is_as_it_is = matches!(source.flaw, Some(Flaw::Syntax(_) | Flaw::NotUtf8(_)));
        if node.kind != Kind::Module || is_as_it_is {
            return Ok(Unnamed {
                contents: source.contents.clone(),
                map: None,
                warnings: Vec::new(),
            });
        }
        let text = str::from_utf8(&source.contents).unwrap_or_default();
        let mut edits = Vec::new();
        for (import, link) in source.module.imports.iter().zip(&node.links) {
            let specifier = match link {
                Link::Stays => continue,
                Link::Outside(outside) => {
                    let pin = &self.pins[*outside];
                    if *pin == import.specifier {
                        continue;
                    }
                    pin.clone()
                }
                Link::Node { node, suffix } => {
                    let done = self.done[*node].as_ref().map(|file| file.name.clone());
                    let target = own(*node).or(done).unwrap_or_default();
                    relative(&self.names.stems[index], &target) + suffix
                }
            };
            let quote = match source.contents.get(import.span.start as usize) {
                Some(b'\'') => '\'',
                _ => '"',
            };
            edits.push(Edit {
                span: import.span.clone(),
                text: quoted(&specifier, quote),
            });
        }
        let rewritten = module::rewrite(
            text,
            &source.module,
            &edits,
            source.map.as_deref(),
            &node.path,
        )?;
        let warnings = rewritten.warnings.iter().map(|message| Warning {
            file: Some(node.path.clone()),
            line: None,
            column: None,
            message: message.clone(),
        });
        let mut code = rewritten.code;
        let mut map = None;
        if let Some(json) = rewritten.map {
            let json = json.into_bytes();
            let hash = hash(&json);
            let name = DIGITS
                .iter()
                .map(|&digits| format!("{}.map", self.name(index, &hash[..digits])))
                .find(|name| !(self.taken)(name, &json))
                .ok_or_else(|| self.all_taken(index))?;
            module::append_source_map_comment(&mut code, name.rsplit('/').next().unwrap_or(&name));
            map = Some((name, json));
        }
        Ok(Unnamed {
            contents: code.into_bytes(),
            map,
            warnings: warnings.collect(),
        })
    }
}

impl Unnamed {
    fn named(self, name: String) -> FinalFile {
        FinalFile {
            name,
            integrity: integrity(&self.contents),
            contents: self.contents,
            map: self.map,
            warnings: self.warnings,
        }
    }
}

/// The way from one file to another, both relative to the same folder: `./x`, `../x`.
fn relative(from: &str, to: &str) -> String {
    let folders: Vec<&str> = parent(from)
        .split('/')
        .filter(|folder| !folder.is_empty())
        .collect();
    let target: Vec<&str> = to.split('/').collect();
    let common = folders
        .iter()
        .zip(&target[..target.len() - 1])
        .take_while(|(a, b)| a == b)
        .count();
    let up = "../".repeat(folders.len() - common);
    let rest = target[common..].join("/");
    if up.is_empty() {
        format!("./{rest}")
    } else {
        up + &rest
    }
}

/// A string literal.
fn quoted(text: &str, quote: char) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push(quote);
    for character in text.chars() {
        match character {
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            character if character == quote => {
                literal.push('\\');
                literal.push(character);
            }
            character => literal.push(character),
        }
    }
    literal.push(quote);
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_between_files() {
        for (from, to, way) in [
            ("index", "a-1.js", "./a-1.js"),
            ("index", "c/a-1.js", "./c/a-1.js"),
            ("c/a", "index-1.js", "../index-1.js"),
            ("c/a", "c/b-1.js", "./b-1.js"),
            ("c/x/a", "c/y/b-1.js", "../y/b-1.js"),
            ("c/x/a", "c/x-1.js", "../x-1.js"),
            ("c/x", "c/x/a-1.js", "./x/a-1.js"),
        ] {
            assert_eq!(relative(from, to), way, "{from} to {to}");
        }
    }

    #[test]
    fn literals_are_escaped() {
        assert_eq!(quoted("a", '\''), "'a'");
        assert_eq!(quoted("it's \"x\"\\\n", '\''), r#"'it\'s "x"\\\n'"#);
        assert_eq!(quoted("it's \"x\"", '"'), r#""it's \"x\"""#);
    }

    #[test]
    fn hashes_are_what_they_say() {
        assert_eq!(&hash(b"")[..16], "e3b0c44298fc1c14");
        assert_eq!(
            integrity(b""),
            "sha384-OLBgp1GsljhM2TJ+sbHjaiH9txEUvgdDTAzHv2P24donTt6/529l+9Ua0vFImLlb"
        );
    }
}
