//! `radpack consumer`: the applications that record the pins they use.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use radpack_registry::rules::RecordConsumer;
use radpack_registry::state::fact::Follows;
use serde_json::Value;

use super::manifest::warn_of_latest;
use super::time;
use crate::arguments::{Consumer, ConsumerAction, ConsumerPut, ConsumerShow};
use crate::failure::{Failure, Outcome, Stop, Word};
use crate::output::{Output, Table, visible};
use crate::session::Session;

pub(crate) fn run(arguments: Consumer, output: &mut Output) -> Result<Outcome, Stop> {
    match arguments.action {
        ConsumerAction::Put(arguments) => put(arguments, output),
        ConsumerAction::List(arguments) => list(&Session::open(&arguments.access)?, output),
        ConsumerAction::Show(arguments) => show(&arguments, output),
    }
}

fn put(arguments: ConsumerPut, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.writing.access)?;
    let rule = RecordConsumer {
        consumer: arguments.name.clone(),
        pins: arguments.file.as_deref().map(pins).transpose()?,
        follow: arguments.follows.into_iter().collect(),
        production: arguments.production.then_some(true),
    };
    let outcome = session.carry_out(&arguments.writing, rule, output)?;
    if let Some(moment) = session.if_readable(session.moment())? {
        warn_of_latest(&session, &moment, &arguments.name)?;
    }
    Ok(outcome)
}

/// The pins that a file states: the dependencies of a package.json, a JSON array of ids, or an id a line.
fn pins(path: &Path) -> Result<BTreeSet<String>, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::new(Word::Io, format!("cannot read {}", path.display())).caused_by(&error)
    };
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(unreadable)?;
        text
    } else {
        fs::read_to_string(path).map_err(unreadable)?
    };
    let wrong = || {
        let message = format!(
            "{} states no pins: expected a package.json with dependencies, a JSON array of ids, or an id a line",
            if path == Path::new("-") {
                "standard input".to_owned()
            } else {
                path.display().to_string()
            }
        );
        Failure::new(Word::InvalidManifest, message)
    };
    match serde_json::from_str(&text) {
        Ok(Value::Array(ids)) => {
            let ids = ids
                .iter()
                .map(|id| id.as_str().map(str::to_owned).ok_or_else(wrong));
            ids.collect()
        }
        Ok(Value::Object(package)) => {
            let mut pins = BTreeSet::new();
            for kind in ["dependencies", "peerDependencies"] {
                let Some(dependencies) = package.get(kind).and_then(Value::as_object) else {
                    continue;
                };
                for (name, spec) in dependencies {
                    let spec = spec.as_str().ok_or_else(wrong)?;
                    // What is no range (workspace:, file:, a git URL) says nothing of versions.
                    let is_range = spec != "*" && radpack_version::Spec::parse(spec).is_ok();
                    let id = if is_range {
                        format!("{name}@{spec}")
                    } else {
                        name.clone()
                    };
                    pins.insert(if radpack_manifest::Id::parse(&id).is_ok() {
                        id
                    } else {
                        name.clone()
                    });
                }
            }
            if pins.is_empty() {
                Err(wrong())
            } else {
                Ok(pins)
            }
        }
        _ => {
            let lines = text
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty() && !line.starts_with('#'));
            let pins: BTreeSet<String> = lines.map(str::to_owned).collect();
            if pins.is_empty() {
                Err(wrong())
            } else {
                Ok(pins)
            }
        }
    }
}

fn list(session: &Session, output: &mut Output) -> Result<Outcome, Stop> {
    let moment = session.moment()?;
    let mut table = Table::default();
    for (name, consumer) in moment.state.consumers() {
        if output.json() {
            output.value(&serde_json::json!({ "consumer": name, "pins": consumer.pins, "follows": consumer.follows, "production": consumer.production }))?;
            continue;
        }
        let production = if consumer.production {
            "production"
        } else {
            ""
        };
        table.row([
            name.to_owned(),
            crate::commands::of(consumer.pins.len(), "pin", "pins"),
            format!("recorded {} by {}", time(consumer.at), consumer.by),
            production.to_owned(),
        ]);
    }
    output.table(&table)?;
    Ok(Outcome::Done)
}

fn show(arguments: &ConsumerShow, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.access)?;
    let moment = session.moment()?;
    let Some(consumer) = moment.state.consumer(&arguments.name) else {
        let message = format!(
            "there is no consumer {:?}; `radpack consumer list` lists those that there are",
            arguments.name
        );
        return Err(Failure::new(Word::UnknownPackage, message).into());
    };
    if output.json() {
        output.value(&consumer)?;
        return Ok(Outcome::Done);
    }
    output.line(&visible(&format!(
        "{}{}, recorded {} by {}",
        arguments.name,
        if consumer.production {
            ", in production"
        } else {
            ""
        },
        time(consumer.at),
        consumer.by
    )))?;
    let mut table = Table::default();
    for pin in &consumer.pins {
        let name = radpack_manifest::Id::parse(pin)
            .map(|id| id.name)
            .unwrap_or_default();
        let follows = match consumer.follows.get(name) {
            Some(Follows::Latest) => "follows latest",
            _ => "follows release",
        };
        table.row([pin.as_str(), follows]);
    }
    output.table(&table)?;
    warn_of_latest(&session, &moment, &arguments.name)?;
    Ok(Outcome::Done)
}
