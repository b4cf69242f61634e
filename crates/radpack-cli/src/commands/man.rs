//! `radpack man`: the manual page, made from the same definitions as the help.

use clap::CommandFactory;
use clap_mangen::Man as Page;

use crate::arguments::{Arguments, Man};
use crate::failure::{Failure, Outcome, Stop, Word};
use crate::output::Output;

pub(crate) fn run(arguments: &Man, output: &mut Output) -> Result<Outcome, Stop> {
    let mut command = Arguments::command();
    // fills in what the page shows of each command: its whole name, and the options that all share
    command.build();
    let page = match &arguments.command {
        Some(name) => command.find_subcommand(name).cloned().unwrap_or(command),
        None => command,
    };
    let mut text = Vec::new();
    Page::new(page)
        .source(concat!("radpack ", env!("CARGO_PKG_VERSION")))
        .manual("Radpack")
        .render(&mut text)
        .map_err(|error| Failure::new(Word::Io, "cannot write the page").caused_by(&error))?;
    output.bytes(&text)?;
    Ok(Outcome::Done)
}
