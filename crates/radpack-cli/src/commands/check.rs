//! `radpack check`: everything that is wrong with registers and index files, not only the first thing.
//!
//! It looks at what it is given and fetches nothing that is nested in it.

use radpack_manifest::{Limits, Manifest, Problem, Register};
use radpack_resolve::Index;
use serde::Serialize;

use crate::arguments::Check;
use crate::commands::{Counts, count, of};
use crate::failure::{Failure, Outcome, Stop, Word};
use crate::output::{Output, note, visible};
use crate::read::{Content, Reader};

#[derive(Serialize)]
struct ValidLine<'a> {
    source: &'a str,
    valid: bool,
    #[serde(flatten)]
    counts: Counts,
    /// URLs of registers that it leads to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    registers: Vec<&'a str>,
}

#[derive(Serialize)]
struct ValidIndexLine<'a> {
    source: &'a str,
    valid: bool,
    layers: usize,
    entries: usize,
}

#[derive(Serialize)]
struct ProblemLine<'a> {
    source: &'a str,
    error: Word,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    message: &'a str,
}

pub(crate) fn run(arguments: &Check, output: &mut Output) -> Result<Outcome, Stop> {
    let mut reader = Reader::new(&arguments.access);
    let mut outcome = Outcome::Done;
    for source in &arguments.sources {
        let name = source.to_string();
        let one = match reader.content(source) {
            Ok(Content::Register(bytes)) => check_register(&name, &bytes, output)?,
            Ok(Content::Index(index)) => check_index(&name, &index, output)?,
            Err(failure) => failed(&name, &failure, output)?,
        };
        outcome = outcome.and(one);
    }
    Ok(outcome)
}

fn check_register(name: &str, bytes: &[u8], output: &mut Output) -> Result<Outcome, Stop> {
    let register = match Register::from_slice_with(bytes, &Limits::default()) {
        Ok(register) => register,
        Err(errors) => {
            for problem in errors.problems() {
                say_problem(name, problem, output)?;
            }
            if errors.omitted() > 0 {
                let message = format!("{} more problems", errors.omitted());
                say(name, None, &message, output)?;
            }
            return Ok(Outcome::Incomplete);
        }
    };
    let mut manifests = Vec::new();
    let mut registers = Vec::new();
    gather(&register, &mut manifests, &mut registers);
    let counts = count(manifests);
    if output.json() {
        output.value(&ValidLine {
            source: name,
            valid: true,
            counts,
            registers,
        })?;
    } else {
        let nested = match registers.len() {
            0 => String::new(),
            count => {
                let registers = of(count, "other register", "other registers");
                format!("; leads to {registers}, not read here")
            }
        };
        output.line(&visible(&format!("{name}: valid; {counts}{nested}")))?;
    }
    Ok(Outcome::Done)
}

fn check_index(name: &str, index: &Index, output: &mut Output) -> Result<Outcome, Stop> {
    if let Err(error) = index.verify() {
        return failed(name, &Failure::of(Word::InvalidManifest, &error), output);
    }
    let line = ValidIndexLine {
        source: name,
        valid: true,
        layers: index.layers(),
        entries: index.len(),
    };
    if output.json() {
        output.value(&line)?;
    } else {
        output.line(&visible(&format!(
            "{name}: a valid index file; {} in {}",
            of(line.entries, "entry", "entries"),
            of(line.layers, "layer", "layers")
        )))?;
    }
    Ok(Outcome::Done)
}

fn say_problem(name: &str, problem: &Problem, output: &mut Output) -> Result<(), Stop> {
    say(name, Some(&problem.path), &problem.message, output)
}

fn say(name: &str, path: Option<&str>, message: &str, output: &mut Output) -> Result<(), Stop> {
    if output.json() {
        return output.value(&ProblemLine {
            source: name,
            error: Word::InvalidManifest,
            path,
            message,
        });
    }
    let place = path.map(|path| format!(" {path}:")).unwrap_or_default();
    output.line(&visible(&format!("{name}:{place} {message}")))
}

/// A source that could not be checked at all.
fn failed(name: &str, failure: &Failure, output: &mut Output) -> Result<Outcome, Stop> {
    if output.json() {
        output.value(&ProblemLine {
            source: name,
            error: failure.word,
            path: None,
            message: &failure.one_line(),
        })?;
    } else {
        note(&failure.lines());
    }
    Ok(Outcome::Incomplete)
}

/// The manifests in a register, and the URLs that it leads to. A register nests no deeper than JSON may.
fn gather<'r>(register: &'r Register, manifests: &mut Vec<&'r Manifest>, urls: &mut Vec<&'r str>) {
    match register {
        Register::Manifest(manifest) => {
            manifests.push(manifest);
            urls.extend(manifest.url.as_deref());
        }
        Register::Url(url) => urls.push(url),
        Register::List(list) => {
            for register in list {
                gather(register, manifests, urls);
            }
        }
    }
}
