//! `radpack pin`: the pin that a build would write for each dependency in package.json.

use radpack_build::Build;
use serde::Serialize;

use crate::arguments::Pin;
use crate::commands::build::{say_problem, say_problems, supply};
use crate::failure::{Outcome, Stop};
use crate::output::{Output, Table};
use crate::read::Reader;

#[derive(Serialize)]
struct PinLine<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    spec: Option<&'a str>,
    pin: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    register: Option<&'a str>,
}

pub(crate) fn run(arguments: &Pin, output: &mut Output) -> Result<Outcome, Stop> {
    let mut reader = Reader::new(&arguments.access);
    let mut build = Build::new(&arguments.folder);
    for source in &arguments.registers {
        for register in reader.located(source)? {
            build = build.register(register);
        }
    }
    if let Err(error) = supply(&mut build, &mut reader)? {
        return say_problems(&error, output);
    }
    let pins = match build.pins() {
        Ok(pins) => pins,
        Err(error) => return say_problems(&error, output),
    };
    let mut table = Table::default();
    for pin in &pins.pins {
        let line = PinLine {
            name: &pin.import,
            spec: pin.spec.as_deref(),
            pin: &pin.id,
            version: pin.selected.as_ref().map(ToString::to_string),
            register: pin.register.as_deref(),
        };
        if output.json() {
            output.value(&line)?;
        } else {
            let spec = line
                .spec
                .map_or("-", |spec| if spec.is_empty() { "''" } else { spec });
            let version = match &line.version {
                Some(version) => format!("now {version}"),
                None => "no register serves it".to_owned(),
            };
            table.row([line.name, spec, line.pin, &version]);
        }
    }
    output.table(&table)?;
    for problem in &pins.problems {
        say_problem(problem, output)?;
    }
    Ok(if pins.problems.is_empty() {
        Outcome::Done
    } else {
        Outcome::Incomplete
    })
}
