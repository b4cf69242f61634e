//! The main job on real packages: build them one after another into one growing register, ask it every kind of question,
//! look whether every file is there with the integrity that the manifest states, and release them from a registry.
//!
//! This is what `cargo run --release -p radpack-demo` runs and what `tests/main_job.rs` runs, so that the account which
//! people read and the one that is tested cannot differ. It uses the libraries as anyone else would, through the crate
//! `radpack`; what it checks, it checks by its own means (its own hash of a file, Node.js for running what was built).
//!
//! | file | what it does |
//! |---|---|
//! | `building.rs` | the packages of `fixtures/npm`, in order, into one output folder |
//! | `questions.rs` | the ids that are asked for, and what each must get |
//! | `asking.rs` | resolves them from the compiled index, mapped from its file |
//! | `closures.rs` | takes every closure and holds its files to their integrity |
//! | `releasing.rs` | publishes the same packages to a registry, releases one bit by bit, and takes it back |
//! | `running.rs` | imports some of the built modules in Node.js and looks at what they compute |
//!
//! Not here: how any of it works.
#![forbid(unsafe_code)]

mod account;
mod asking;
mod building;
mod closures;
mod failure;
mod questions;
mod releasing;
mod running;

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

pub use account::Account;
pub use asking::{Answer, Given};
pub use building::{Built, Origin};
pub use closures::Closures;
pub use failure::Failure;
pub use questions::{Expected, QUESTIONS, Question};
pub use releasing::Released;
pub use running::{PROGRAMS, Program, Ran};

/// What all of it came to.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// The folder that holds the register and its files.
    pub out: PathBuf,
    /// The packages, in the order in which they were built.
    pub built: Vec<Built>,
    /// The answers to [`QUESTIONS`], in their order.
    pub answers: Vec<Answer>,
    /// What the closures came to.
    pub closures: Closures,
    /// What [`PROGRAMS`] printed, in their order.
    pub ran: Vec<Ran>,
    /// What the registry came to.
    pub released: Released,
    /// Everything that is not as it should be, in words; empty if all is well.
    pub mismatches: Vec<String>,
}

/// Does the main job and gives an account of it.
///
/// `out` is where the register goes: it is created, and must be empty.
///
/// # Errors
///
/// If the packages cannot be fetched, a build fails, the disk does, or Node.js is missing: there is nothing to look at then.
/// What went through and came out wrong is no error, but in [`Outcome::mismatches`].
pub fn run(out: PathBuf, writer: &mut dyn Write) -> Result<Outcome, Failure> {
    let began = Instant::now();
    let mut account = Account::new(writer);
    let mut mismatches = Vec::new();

    account.title("Packages")?;
    let packages = radpack_testkit::npm_packages()?;
    account.line(&format!(
        "{} packages of npm, in {}",
        radpack_testkit::BUILD_ORDER.len(),
        packages.root().display()
    ))?;

    account.title("Build, one after another into one register")?;
    let built = building::build(&packages, &out, &mut account)?;
    account.line(&format!("{}/radpack.json", out.display()))?;

    account.title("Index")?;
    let index = asking::compile(&out, &mut account)?;

    account.title("Resolve")?;
    let answers = asking::ask(&index, &mut account, &mut mismatches)?;

    account.title("Closures")?;
    let closures = closures::verify(&index, &mut account, &mut mismatches)?;

    account.title("Run, in Node.js, by the ids that the build wrote")?;
    let ran = running::run(&index, &mut account, &mut mismatches)?;

    account.title("Registry, in a folder")?;
    let released = releasing::release(&packages, &mut account, &mut mismatches)?;

    account.title("Outcome")?;
    for mismatch in &mismatches {
        account.line(&format!("WRONG: {mismatch}"))?;
    }
    let seconds = began.elapsed().as_secs_f64();
    account.line(&match mismatches.len() {
        0 => format!("everything is as it should be; it took {seconds:.1} s"),
        1 => format!("one thing is wrong; it took {seconds:.1} s"),
        count => format!("{count} things are wrong; it took {seconds:.1} s"),
    })?;
    Ok(Outcome {
        out,
        built,
        answers,
        closures,
        ran,
        released,
        mismatches,
    })
}
