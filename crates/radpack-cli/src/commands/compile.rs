//! `radpack compile`: registers as an index file, which is opened without being read.

use serde::Serialize;

use crate::arguments::Compile;
use crate::commands::of;
use crate::failure::{Outcome, Stop};
use crate::output::{Output, visible};
use crate::read::Reader;
use crate::write::write_file;

#[derive(Serialize)]
struct CompiledLine<'a> {
    out: &'a str,
    bytes: usize,
    layers: usize,
    packages: usize,
    entries: usize,
}

pub(crate) fn run(arguments: &Compile, output: &mut Output) -> Result<Outcome, Stop> {
    let index = Reader::new(&arguments.access).open_index(&arguments.sources)?;
    let bytes = index.to_bytes();
    write_file(&arguments.out, &bytes)?;
    let line = CompiledLine {
        out: &arguments.out.display().to_string(),
        bytes: bytes.len(),
        layers: index.layers(),
        packages: index.packages().count(),
        entries: index.len(),
    };
    if output.json() {
        output.value(&line)?;
    } else {
        output.line(&visible(&format!(
            "{}: {}, {}, {} bytes",
            line.out,
            of(line.packages, "package", "packages"),
            of(line.entries, "entry", "entries"),
            line.bytes
        )))?;
    }
    Ok(Outcome::Done)
}
