//! `radpack graph`: what ids load, dependencies first, each module once.

use std::collections::BTreeSet;
use std::fmt::Write;

use radpack_resolve::{Found, Query};

use crate::arguments::{Graph, GraphFormat};
use crate::commands::fit_words;
use crate::commands::resolve::{answer, line, say_failed, unresolved};
use crate::failure::{Outcome, Stop};
use crate::output::{Output, Table};
use crate::read::Reader;

/// A module of the closure, and what it is called here: the id that was asked for, or `name@version/entry`.
struct Node<'i> {
    id: String,
    found: Found<'i>,
}

pub(crate) fn run(arguments: &Graph, output: &mut Output) -> Result<Outcome, Stop> {
    let index = Reader::new(&arguments.lookup.access).index(&arguments.lookup)?;
    let context = arguments.lookup.context();
    let query = arguments.lookup.query(&index, &context);
    let format = match arguments.format {
        None if output.json() => Some(GraphFormat::Json),
        format => format,
    };
    if format == Some(GraphFormat::Json) {
        output.set_json();
    }

    let mut outcome = Outcome::Done;
    let mut nodes: Vec<Node<'_>> = Vec::new();
    let mut seen = BTreeSet::new();
    for id in &arguments.ids {
        let closure = answer(&query, id).and_then(|root| {
            let closure = query.closure_of([root]);
            Ok((root, closure.map_err(|error| unresolved(&query, error))?))
        });
        match closure {
            Ok((root, closure)) => {
                for found in closure {
                    if seen.insert(found.pinned_id()) {
                        let id = if found == root {
                            id.clone()
                        } else {
                            found.pinned_id()
                        };
                        nodes.push(Node { id, found });
                    }
                }
            }
            Err(failure) => {
                outcome = Outcome::Incomplete;
                say_failed(id, &failure, output)?;
            }
        }
    }
    match format {
        None => people(&query, &nodes, output)?,
        Some(GraphFormat::Json) => {
            for node in &nodes {
                output.value(&line(&query, &node.id, &node.found)?)?;
            }
        }
        Some(GraphFormat::Urls) => {
            for node in &nodes {
                if let Some(url) = line(&query, &node.id, &node.found)?.url {
                    output.line(&url)?;
                }
            }
        }
        Some(GraphFormat::Dot) => output.bytes(dot(&query, &nodes)?.as_bytes())?,
    }
    Ok(outcome)
}

fn people(query: &Query<'_, '_>, nodes: &[Node<'_>], output: &mut Output) -> Result<(), Stop> {
    let mut table = Table::default();
    for Node { id, found } in nodes {
        let line = line(query, id, found)?;
        let url = line.url.as_deref().unwrap_or("no code of its own");
        table.row([
            found.pinned_id().as_str(),
            &fit_words(found.fit(), found.drift()),
            url,
        ]);
    }
    output.table(&table)
}

/// The graph for Graphviz: an arrow to each dependency, dashed where it is loaded on demand. What only dashed arrows lead to is no
/// part of the closure, and dashed as well.
fn dot(query: &Query<'_, '_>, nodes: &[Node<'_>]) -> Result<String, Stop> {
    let inside: BTreeSet<String> = nodes.iter().map(|node| node.found.pinned_id()).collect();
    let mut outside = BTreeSet::new();
    let mut edges = String::new();
    for Node { found, .. } in nodes {
        let from = found.pinned_id();
        for (dependencies, style) in [(found.statics(), ""), (found.dynamics(), " [style=dashed]")]
        {
            for dependency in dependencies {
                // a dynamic dependency that has no answer is nobody's error until it is loaded
                let to = match query.dependency(&dependency) {
                    Ok(found) => found.pinned_id(),
                    Err(_) => dependency.id().into_owned(),
                };
                let _ = writeln!(edges, "  {} -> {}{style};", quoted(&from), quoted(&to));
                if !inside.contains(&to) {
                    outside.insert(to);
                }
            }
        }
    }
    let mut text = String::from("digraph radpack {\n  rankdir=LR;\n  node [shape=box];\n");
    for id in &inside {
        let _ = writeln!(text, "  {};", quoted(id));
    }
    for id in &outside {
        let _ = writeln!(text, "  {} [style=dashed];", quoted(id));
    }
    text.push_str(&edges);
    text.push_str("}\n");
    Ok(text)
}

/// A string of the DOT language.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
