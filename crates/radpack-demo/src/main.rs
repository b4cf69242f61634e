//! `cargo run --release -p radpack-demo`: the main job on real packages, with an account of it.
//!
//! Everything has a default, so no argument is needed. Exit codes: 0 all is as it should be; 1 something is not; 2 wrong usage.
#![forbid(unsafe_code)]

use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "\
usage: radpack-demo [--out DIR]

Builds the real packages that fixtures/npm names into one register, resolves ids of every kind from it, and verifies every
file. npm fetches the packages on the first run. DIR must be empty; by default the register goes to a folder below cargo's
target folder, in place of that of the run before.
";

fn main() -> ExitCode {
    let out = match arguments(std::env::args_os().skip(1)) {
        Ok(Some(out)) => out,
        Ok(None) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprint!("{message}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let out = match out.map_or_else(default_out, Ok) {
        Ok(out) => out,
        Err(error) => return failed(&error),
    };
    match radpack_demo::run(out, &mut io::stdout().lock()) {
        Ok(outcome) if outcome.mismatches.is_empty() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => failed(&error),
    }
}

/// The output folder, where one is given; `None` where help is asked for.
fn arguments(
    mut arguments: impl Iterator<Item = OsString>,
) -> Result<Option<Option<PathBuf>>, String> {
    let mut out = None;
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("-h" | "--help") => return Ok(None),
            Some("--out") if out.is_none() => match arguments.next() {
                Some(folder) => out = Some(PathBuf::from(folder)),
                None => return Err("--out needs a folder".to_owned()),
            },
            _ => return Err(format!("{} is not understood", argument.display())),
        }
    }
    Ok(Some(out))
}

/// A folder of this program's own, emptied of what an earlier run has left.
fn default_out() -> io::Result<PathBuf> {
    let out = radpack_testkit::cache_folder().join("demo");
    match fs::remove_dir_all(&out) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(out),
    }
}

fn failed(error: &dyn Error) -> ExitCode {
    eprintln!("{error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("caused by: {error}");
        cause = error.source();
    }
    ExitCode::FAILURE
}
