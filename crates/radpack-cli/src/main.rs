//! The `radpack` command.
//!
//! Three stages, each in its own place: [`arguments`] parses what was typed and touches nothing else; a command resolves what
//! that means (which registers, which folder); then it runs. Pure commands start no threads and no runtime: one is made only when
//! something is fetched.
#![forbid(unsafe_code)]

mod arguments;
mod author;
mod commands;
mod failure;
mod fetch;
mod output;
mod progress;
mod questions;
mod read;
mod remote;
mod session;
mod source;
mod store;
mod write;

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use arguments::Command;
use commands::registry;
use failure::{Outcome, Stop};
use output::Output;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What this program is started with to build what somebody has sent to a service: not a command for people.
pub(crate) const BUILD_CHILD: &str = "build-child";

fn main() -> ExitCode {
    if env::args_os().nth(1).is_some_and(|it| it == BUILD_CHILD) {
        return radpack_registry::build_child();
    }
    let arguments = match arguments::parse(env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => return print(&error),
    };
    let mut output = Output::new(arguments.json);
    let result = run(arguments.command, &mut output).and_then(|outcome| {
        output.flush()?;
        Ok(outcome)
    });
    match result {
        Ok(Outcome::Done) | Err(Stop::ClosedPipe) => ExitCode::SUCCESS,
        Ok(Outcome::Incomplete) => ExitCode::FAILURE,
        Ok(Outcome::Exited(code)) => ExitCode::from(code),
        Err(Stop::Failed(failure)) => {
            // what came of it before is said before; that it cannot be said is another failure, and not the first
            let _ = output.flush();
            output::report(&mut output, &failure);
            ExitCode::FAILURE
        }
    }
}

/// Prints what the parsing of arguments ends in: help and version as results, wrong usage on standard error.
fn print(error: &clap::Error) -> ExitCode {
    let printed = error.print().and_then(|()| io::stdout().flush());
    match printed.map_err(|error| Stop::of_output(&error)) {
        Err(Stop::Failed(failure)) if !error.use_stderr() => {
            output::note(&failure.lines());
            ExitCode::FAILURE
        }
        // where wrong usage cannot be told, the exit code still says so
        _ => ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2)),
    }
}

fn run(command: Command, output: &mut Output) -> Result<Outcome, Stop> {
    match command {
        Command::Build(arguments) => commands::build::run(arguments, output),
        Command::Resolve(arguments) => commands::resolve::run(arguments, output),
        Command::Graph(arguments) => commands::graph::run(&arguments, output),
        Command::Select(arguments) => commands::select::run(arguments, output),
        Command::Pin(arguments) => commands::pin::run(&arguments, output),
        Command::Merge(arguments) => commands::merge::run(&arguments, output),
        Command::Register(arguments) => commands::register::run(&arguments, output),
        Command::Check(arguments) => commands::check::run(&arguments, output),
        Command::Compile(arguments) => commands::compile::run(&arguments, output),
        Command::ImportMap(arguments) => commands::import_map::run(&arguments, output),
        Command::Init(arguments) => registry::publish::init(&arguments, output),
        Command::Publish(arguments) => registry::publish::publish(*arguments, output),
        Command::Versions(arguments) => registry::versions::versions(&arguments, output),
        Command::Show(arguments) => registry::versions::show(&arguments, output),
        Command::Diff(arguments) => registry::versions::diff(&arguments, output),
        Command::Download(arguments) => registry::versions::download(arguments, output),
        Command::Release(arguments) => registry::release::release(arguments, output),
        Command::Promote(arguments) => registry::release::promote(arguments, output),
        Command::Rollout(arguments) => registry::release::rollout(arguments, output),
        Command::Rollback(arguments) => registry::release::rollback(arguments, output),
        Command::Restore(arguments) => registry::draft::restore(arguments, output),
        Command::Revert(arguments) => registry::release::revert(arguments, output),
        Command::Yank(arguments) => registry::release::yank(arguments, output),
        Command::Draft(arguments) => registry::draft::run(*arguments, output),
        Command::Consumer(arguments) => registry::consumer::run(arguments, output),
        Command::Token(arguments) => registry::token::run(arguments, output),
        Command::History(arguments) => registry::history::run(&arguments, output),
        Command::Manifest(arguments) => registry::manifest::run(arguments, output),
        Command::Bisect(arguments) => registry::bisect::run(&arguments, output),
        Command::Policy(arguments) => registry::release::policy(arguments, output),
        Command::Setting(arguments) => registry::care::setting(&arguments, output),
        Command::Backup(arguments) => registry::care::backup(&arguments, output),
        Command::RestoreBackup(arguments) => registry::care::restore_backup(&arguments, output),
        Command::Import(arguments) => registry::care::import(&arguments, output),
        Command::Verify(arguments) => registry::care::verify(&arguments, output),
        Command::Gc(arguments) => registry::care::gc(&arguments, output),
        Command::Serve(arguments) => registry::serve::run(arguments, output),
        Command::Local(arguments) => commands::local::run(*arguments, output),
        Command::Site(arguments) => registry::site::run(arguments, output),
        Command::Completions(arguments) => commands::completions::run(&arguments, output),
        Command::Man(arguments) => commands::man::run(&arguments, output),
    }
}
