//! Runs what was built: small programs that import modules by id, in Node.js, with the index as their import map.
//!
//! Node.js knows no import maps; `node/import-map.mjs` gives it hooks that do the same, and nothing else: an id that is not in
//! the map, and not relative to a built file, is an error there.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use radpack::Index;

use crate::account::Account;
use crate::failure::Failure;

/// A module that is run, and what it must print.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Program {
    /// Its source.
    pub source: &'static str,
    /// What it prints.
    pub expected: &'static str,
}

impl Program {
    /// What it is about: its first line, a comment.
    #[must_use]
    pub fn about(&self) -> &'static str {
        let first = self.source.lines().next().unwrap_or_default();
        first.trim_start_matches("// ")
    }
}

/// What a program did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ran {
    /// What it printed, on standard output.
    pub output: String,
    /// What it said on standard error; empty if all went well.
    pub errors: String,
}

/// What is run.
pub const PROGRAMS: &[Program] = &[
    Program {
        source: include_str!("node/scale.mjs"),
        expected: "200 1.25,2.5 rgb(128, 0, 128) 6",
    },
    Program {
        source: include_str!("node/majors.mjs"),
        expected: "1.x 3 · 2.x 3 · 3.x 3 · groups: undefined function function",
    },
    Program {
        source: include_str!("node/lodash.mjs"),
        expected: "same map: true · 2,4 · userId",
    },
    Program {
        source: include_str!("node/preact.mjs"),
        expected: "<p>0 clicks</p>",
    },
];

/// The script that gives Node.js the import map.
const HOOKS: &str = include_str!("node/import-map.mjs");

pub(crate) fn run(
    index: &Index,
    account: &mut Account<'_>,
    mismatches: &mut Vec<String>,
) -> Result<Vec<Ran>, Failure> {
    let map = import_map(index, mismatches)?;
    let mut ran = Vec::new();
    for program in PROGRAMS {
        let done = run_one(program.source, &map)?;
        let about = program.about();
        account.row([46, 0], [about, &done.output])?;
        if done.output != program.expected || !done.errors.is_empty() {
            mismatches.push(format!(
                "the program about {about} must print {:?}, and prints {:?} {}",
                program.expected, done.output, done.errors
            ));
        }
        ran.push(done);
    }
    Ok(ran)
}

/// Every id that a built module imports, and every entry by its bare id: what a page's import map would hold.
fn import_map(
    index: &Index,
    mismatches: &mut Vec<String>,
) -> Result<BTreeMap<String, String>, Failure> {
    let mut map = BTreeMap::new();
    let query = index.query();
    for package in index.packages() {
        for entry in package.entries() {
            for found in entry.variants() {
                let mut ids = vec![found.pinned_id()];
                let pins = found.statics().chain(found.dynamics());
                ids.extend(
                    pins.filter(|pin| !pin.is_own())
                        .map(|pin| pin.id().into_owned()),
                );
                for id in ids {
                    match query.resolve(&id) {
                        Ok(found) => {
                            map.extend(query.url(&found)?.map(|url| (id, url)));
                        }
                        Err(error) => mismatches.push(error.to_string()),
                    }
                }
            }
        }
    }
    for id in BARE {
        let found = query.resolve(id)?;
        map.extend(query.url(&found)?.map(|url| ((*id).to_owned(), url)));
    }
    Ok(map)
}

/// The ids that the programs themselves import.
const BARE: &[&str] = &[
    "d3-array@^1",
    "d3-array@^2",
    "d3-array@3.2.4",
    "d3-scale@^4",
    "lodash-es",
    "lodash-es@^4/camelCase",
    "lodash-es@^4/map",
    "preact",
    "preact/hooks",
    "preact-render-to-string",
];

fn run_one(source: &str, map: &BTreeMap<String, String>) -> Result<Ran, Failure> {
    let input = serde_json::json!({ "imports": map, "source": source }).to_string();
    let mut child = Command::new("node")
        .args(["--input-type=module", "--eval", HOOKS])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Failure::NoNode)?;
    if let Some(mut pipe) = child.stdin.take() {
        // If it ends before it has read everything, what it says on standard error tells why.
        let _ = pipe.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(Failure::NoNode)?;
    let mut errors = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if !output.status.success() && errors.is_empty() {
        errors = output.status.to_string();
    }
    Ok(Ran {
        output: String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        errors,
    })
}
