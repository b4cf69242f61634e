//! `radpack import-map`: what a browser needs to load ids: an import map with `integrity`, and links that preload.

use radpack_resolve::{Gathering, ImportMapError, Query};

use crate::arguments::ImportMap;
use crate::commands::resolve::{say_failed, unresolved};
use crate::failure::{Failure, Outcome, Stop, Word};
use crate::output::{Output, note};
use crate::read::Reader;

pub(crate) fn run(arguments: &ImportMap, output: &mut Output) -> Result<Outcome, Stop> {
    let index = Reader::new(&arguments.lookup.access).index(&arguments.lookup)?;
    let context = arguments.lookup.context();
    let query = arguments.lookup.query(&index, &context);

    let mut outcome = Outcome::Done;
    let mut answered = 0;
    let mut gathering = Gathering::new(query);
    for id in &arguments.ids {
        match gathering.add(id) {
            Ok(unmapped) => {
                answered += 1;
                for one in unmapped {
                    note(&format!("warning: {one}"));
                }
            }
            Err(error) => {
                outcome = Outcome::Incomplete;
                say_failed(id, &ungathered(&query, error), output)?;
            }
        }
    }
    if answered == 0 {
        return Ok(outcome);
    }
    let (map, preloads) = gathering.finish();
    if arguments.html {
        output.bytes(map.to_html(&preloads).as_bytes())?;
    } else if output.json() {
        output.value(&map)?;
    } else {
        let text = serde_json::to_string_pretty(&map).map_err(|error| {
            Failure::new(Word::Io, "cannot write the import map").caused_by(&error)
        })?;
        output.line(&text)?;
    }
    Ok(outcome)
}

/// Why an id is not in the map, with the closest known name where there is one.
fn ungathered(query: &Query<'_, '_>, error: ImportMapError) -> Failure {
    let message = error.to_string();
    match error {
        ImportMapError::Unresolved(error) => unresolved(query, error),
        ImportMapError::Dependency { source, .. } => {
            Failure::new(Word::UnresolvedDependency, message).caused_by(&query.suggest(source))
        }
        ImportMapError::OpenUrl { variable, .. } => Failure::new(
            Word::InvalidManifest,
            format!("{message}; give one with --var {variable}=…"),
        ),
        _ => Failure::new(Word::InvalidManifest, message),
    }
}
