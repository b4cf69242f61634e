//! Entry names and file names, before hashes: what each file of the graph is called.
//!
//! Declared entries have their names; every other file is a chunk `c/<path>`. A file with several names is written under the
//! first of them in canonical order. Nothing here depends on contents.

use std::collections::{BTreeMap, BTreeSet};

use crate::folder::extension;
use crate::graph::Graph;
use crate::source::Kind;

/// What the files of a graph are called.
#[derive(Debug)]
pub(crate) struct Names {
    /// By node: the entry that holds the file, its first name in canonical order.
    pub(crate) holders: Vec<String>,
    /// By node: the file's name without hash and extension.
    pub(crate) stems: Vec<String>,
    /// By node: the file's extension, with its dot, or nothing.
    pub(crate) extensions: Vec<String>,
    /// Every entry and its node.
    pub(crate) entries: BTreeMap<String, usize>,
}

/// The order of entries in a manifest: by depth, then by code point.
pub(crate) fn canonical(name: &str) -> (usize, &str) {
    (name.matches('/').count(), name)
}

impl Names {
    pub(crate) fn new(graph: &Graph) -> Names {
        let mut entries = graph.entries.clone();
        let mut holders: Vec<Option<String>> = vec![None; graph.nodes.len()];
        let mut declared: Vec<(&String, &usize)> = graph.entries.iter().collect();
        declared.sort_by_key(|(name, _)| canonical(name));
        for (name, &node) in declared {
            holders[node].get_or_insert_with(|| name.clone());
        }
        // By path, so that who gets a contested name does not depend on who imports it first.
        let mut chunks: Vec<usize> = (0..graph.nodes.len())
            .filter(|&node| holders[node].is_none())
            .collect();
        chunks.sort_by_key(|&node| (&graph.nodes[node].path, graph.nodes[node].kind));
        for node in chunks {
            let name = unused(&graph.nodes[node].path, graph.nodes[node].kind, &entries);
            entries.insert(name.clone(), node);
            holders[node] = Some(name);
        }
        let holders: Vec<String> = holders.into_iter().flatten().collect();
        let extensions: Vec<String> = graph
            .nodes
            .iter()
            .map(|node| match (node.kind, extension(&node.path).len()) {
                (Kind::Module | Kind::Empty, _) => ".js".to_owned(),
                (_, 0) => String::new(),
                (_, length) => safe(&node.path[node.path.len() - length - 1..]),
            })
            .collect();
        // In canonical order, for the same reason.
        let mut order: Vec<usize> = (0..holders.len()).collect();
        order.sort_by_key(|&node| canonical(&holders[node]));
        let mut stems = vec![String::new(); holders.len()];
        let mut taken = BTreeSet::new();
        for node in order {
            let extension = extensions[node].as_str();
            let stem = safe(&holders[node]);
            let bare = stem
                .strip_suffix(extension)
                .filter(|bare| !bare.is_empty() && !bare.ends_with('/'));
            let stem = numbered(bare.unwrap_or(&stem), |stem| {
                !taken.contains(&format!("{stem}{extension}"))
            });
            taken.insert(format!("{stem}{extension}"));
            stems[node] = stem;
        }
        Names {
            holders,
            stems,
            extensions,
            entries,
        }
    }
}

/// A chunk's entry name: of a module without extension, of all else with it; where that is taken, with it or with a number.
fn unused(path: &str, kind: Kind, taken: &BTreeMap<String, usize>) -> String {
    let path = safe(path);
    let name = format!("c/{path}");
    let is_free = |name: &str| !taken.contains_key(name);
    if matches!(kind, Kind::Module | Kind::Empty) {
        let length = name.len() - extension(&path).len();
        let bare = name[..length].trim_end_matches('.');
        if is_free(bare) {
            return bare.to_owned();
        }
    }
    numbered(&name, is_free)
}

/// The name, or with the lowest number behind it that makes it free.
fn numbered(name: &str, is_free: impl Fn(&str) -> bool) -> String {
    if is_free(name) {
        return name.to_owned();
    }
    (2_u64..)
        .map(|number| format!("{name}-{number}"))
        .find(|name| is_free(name))
        .unwrap_or_else(|| name.to_owned())
}

/// A name as it can stand in file names, URLs and ids everywhere: what means something there, or cannot be there, becomes `_`.
fn safe(name: &str) -> String {
    let means_something = |character: char| {
        character.is_control()
            || character.is_whitespace()
            || matches!(
                character,
                '\\' | '?'
                    | '#'
                    | '%'
                    | '$'
                    | '{'
                    | '}'
                    | ':'
                    | '*'
                    | '"'
                    | '\''
                    | '`'
                    | '<'
                    | '>'
                    | '|'
                    | '^'
                    | '['
                    | ']'
            )
    };
    name.chars()
        .map(|character| {
            if means_something(character) {
                '_'
            } else {
                character
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Node;
    use crate::source::Source;

    fn names(files: &[(&str, Kind)], entries: &[(&str, usize)]) -> Names {
        Names::new(&Graph {
            nodes: files
                .iter()
                .map(|(path, kind)| Node {
                    path: (*path).to_owned(),
                    kind: *kind,
                    source: Source::default(),
                    links: Vec::new(),
                })
                .collect(),
            entries: entries
                .iter()
                .map(|(name, node)| ((*name).to_owned(), *node))
                .collect(),
            ..Graph::default()
        })
    }

    #[test]
    fn the_first_name_in_canonical_order_holds_the_file() {
        let files = [("src/a.js", Kind::Module), ("src/b.mjs", Kind::Module)];
        let names = names(&files, &[("locale/a", 0), ("zebra", 0), ("apple", 1)]);
        assert_eq!(names.holders, ["zebra", "apple"]);
        assert_eq!(names.stems, ["zebra", "apple"]);
        assert_eq!(names.extensions, [".js", ".js"]);
        assert_eq!(names.entries["locale/a"], 0);
    }

    #[test]
    fn chunks_are_called_by_their_paths() {
        let files = [
            ("index.js", Kind::Module),
            ("src/util.js", Kind::Module),
            ("data.json", Kind::Json),
            ("img/😀 a.PNG", Kind::Asset),
            ("LICENSE", Kind::Asset),
            ("empty.js", Kind::Empty),
        ];
        let names = names(&files, &[("index", 0)]);
        assert_eq!(
            names.holders,
            [
                "index",
                "c/src/util",
                "c/data.json",
                "c/img/😀_a.PNG",
                "c/LICENSE",
                "c/empty"
            ]
        );
        assert_eq!(
            names.stems,
            [
                "index",
                "c/src/util",
                "c/data",
                "c/img/😀_a",
                "c/LICENSE",
                "c/empty"
            ]
        );
        assert_eq!(names.extensions, [".js", ".js", ".json", ".PNG", "", ".js"]);
    }

    #[test]
    fn contested_names_go_by_path() {
        let files = [
            ("a.mjs", Kind::Module),
            ("a.js", Kind::Module),
            ("x.js", Kind::Module),
            ("odd?.js", Kind::Module),
            ("odd#.js", Kind::Module),
        ];
        let names = names(&files, &[("c/x", 0)]);
        assert_eq!(
            names.holders,
            ["c/x", "c/a", "c/x.js", "c/odd_.js", "c/odd_"]
        );
        assert_eq!(names.stems, ["c/x", "c/a", "c/x-2", "c/odd_-2", "c/odd_"]);
    }
}
