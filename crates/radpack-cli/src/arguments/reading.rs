//! The arguments of the commands that say what a registry holds, or held.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use radpack_registry::Cohort;
use radpack_registry::rules::Origin;
use radpack_registry::state::fact::Follows;

use super::key_and_value;
use super::registry::{Access, Writing};
use super::values::{origin, package_name, words};

/// `radpack history`
#[derive(Debug, Args)]
pub(crate) struct History {
    /// Only what concerns this package
    #[arg(value_name = "NAME", value_parser = package_name)]
    pub(crate) name: Option<String>,
    /// Only what came after this event
    #[arg(long, value_name = "SEQ")]
    pub(crate) since: Option<u64>,
    /// Go on as more happens
    #[arg(long)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) access: Access,
}

/// `radpack manifest`
#[derive(Debug, Args)]
pub(crate) struct Manifest {
    /// What of [default: release]; latest is every line's newest version
    #[arg(long, value_name = "C", conflicts_with = "consumer")]
    pub(crate) channel: Option<String>,
    /// What this application gets
    #[arg(long, value_name = "NAME")]
    pub(crate) consumer: Option<String>,
    /// As it was: after an event, at a time such as 2026-11-21T14:00Z, or at a moment that a reader was told
    #[arg(long, value_name = "SEQ|TIME|MOMENT", value_parser = words)]
    pub(crate) at: Option<String>,
    /// As this cohort of clients gets it: 0 to 99
    #[arg(long, value_name = "N", conflicts_with = "key")]
    pub(crate) cohort: Option<Cohort>,
    /// As the client with this key gets it
    #[arg(long, value_name = "K")]
    pub(crate) key: Option<String>,
    /// A version, build or draft (draft:D) to lay on top; later ones lie on top
    #[arg(long = "with", value_name = "NAME@V", value_parser = origin)]
    pub(crate) with: Vec<Origin>,
    /// A value for the URL templates, such as baseUrl=https://cdn.example
    #[arg(long = "var", value_name = "K=V", value_parser = key_and_value)]
    pub(crate) vars: Vec<(String, String)>,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) access: Access,
}

/// `radpack bisect`
#[derive(Debug, Args)]
pub(crate) struct Bisect {
    /// The package
    #[arg(value_name = "NAME", value_parser = package_name)]
    pub(crate) name: String,
    /// An event after which CMD did well
    #[arg(long, value_name = "SEQ")]
    pub(crate) good: u64,
    /// A later event after which CMD failed
    #[arg(long, value_name = "SEQ")]
    pub(crate) bad: u64,
    /// What to run in a shell for each release, with its manifest in the file $RADPACK_MANIFEST: exit code 0 is good
    #[arg(long, value_name = "CMD", value_parser = words)]
    pub(crate) run: String,
    #[command(flatten)]
    pub(crate) access: Access,
}

/// `radpack consumer`
#[derive(Debug, Args)]
pub(crate) struct Consumer {
    /// What to do.
    #[command(subcommand)]
    pub(crate) action: ConsumerAction,
}

/// What can be done with the applications that record their pins.
#[derive(Debug, Subcommand)]
pub(crate) enum ConsumerAction {
    /// Record what an application uses
    Put(ConsumerPut),
    /// List the applications
    List(ConsumerList),
    /// Show what an application uses, and what it follows
    Show(ConsumerShow),
}

/// `radpack consumer put`
#[derive(Debug, Args)]
pub(crate) struct ConsumerPut {
    /// The application
    #[arg(value_name = "NAME", value_parser = words)]
    pub(crate) name: String,
    /// What states its pins: a package.json, a JSON array of ids, or an id a line; - for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// People depend on it: warn where it follows what is not released
    #[arg(long)]
    pub(crate) production: bool,
    /// What it gets of a package from now on: NAME=release or NAME=latest
    #[arg(long = "follow", value_name = "NAME=CHANNEL", value_parser = follow)]
    pub(crate) follows: Vec<(String, Follows)>,
    #[command(flatten)]
    pub(crate) writing: Writing,
}

/// `radpack consumer list`
#[derive(Debug, Args)]
pub(crate) struct ConsumerList {
    #[command(flatten)]
    pub(crate) access: Access,
}

/// `radpack consumer show`
#[derive(Debug, Args)]
pub(crate) struct ConsumerShow {
    /// The application
    #[arg(value_name = "NAME", value_parser = words)]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) access: Access,
}

fn follow(text: &str) -> Result<(String, Follows), String> {
    let wrong = || "expected NAME=release or NAME=latest".to_owned();
    let (name, word) = text.split_once('=').ok_or_else(wrong)?;
    let follows = match word {
        "release" => Follows::Release,
        "latest" => Follows::Latest,
        _ => return Err(wrong()),
    };
    Ok((package_name(name)?, follows))
}
