//! `radpack merge`: several registers as one manifest, each package wholly from the last that has it.

use radpack_manifest::merge;

use crate::arguments::Merge;
use crate::commands::written;
use crate::failure::{Outcome, Stop};
use crate::output::Output;
use crate::read::Reader;

pub(crate) fn run(arguments: &Merge, output: &mut Output) -> Result<Outcome, Stop> {
    let mut reader = Reader::new(&arguments.access);
    let mut manifests = Vec::new();
    for source in &arguments.sources {
        manifests.extend(reader.flat(source)?.manifests);
    }
    let merged = merge(manifests);
    let json = merged.to_json();
    written(arguments.out.as_deref(), json, &[merged], output)
}
