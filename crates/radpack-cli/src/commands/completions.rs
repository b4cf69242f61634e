//! `radpack completions`: a script that completes the command in a shell.

use clap::CommandFactory;

use crate::arguments::{Arguments, Completions};
use crate::failure::{Outcome, Stop};
use crate::output::Output;

pub(crate) fn run(arguments: &Completions, output: &mut Output) -> Result<Outcome, Stop> {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut Arguments::command(),
        "radpack",
        &mut script,
    );
    output.bytes(&script)?;
    Ok(Outcome::Done)
}
