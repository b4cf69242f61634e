//! The arguments of the commands that make versions and hand them out, and what all commands of a registry share.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use radpack_registry::Plan;
use radpack_registry::rules::{LinePick, VersionPick};
use radpack_registry::state::policy::PolicyChange;
use uuid::Uuid;

use super::name_and_path;
use super::values::{
    Secret, command_id, line, number, over, package_name, percent, secret, stages, version,
    version_or_name, words,
};
use crate::source::Source;

/// Which registry, and who asks: for every command of a registry, and those that read `registry:`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Access {
    /// The registry: a folder, or the URL of a store or a server [default: RADPACK_STORE, else a folder in the user's data directory]
    #[arg(long, value_name = "URL")]
    pub(crate) store: Option<String>,
    /// What proves your rights [default: RADPACK_TOKEN]
    #[arg(long, value_name = "TOKEN", value_parser = secret)]
    pub(crate) token: Option<Secret>,
    /// Talk to a server on another machine by http, without TLS
    #[arg(long)]
    pub(crate) plain_http: bool,
}

/// What the commands that write take as well.
#[derive(Debug, Args)]
pub(crate) struct Writing {
    #[command(flatten)]
    pub(crate) access: Access,
    /// Send a command again whose outcome was unknown: it is carried out once
    #[arg(long = "command", value_name = "ID", value_parser = command_id)]
    pub(crate) id: Option<Uuid>,
}

/// How an answer that would break others is overridden.
#[derive(Debug, Args)]
pub(crate) struct Force {
    /// Do it although something that is in use could no longer be resolved, and record why
    #[arg(long, value_name = "REASON", value_parser = words)]
    pub(crate) force: Option<String>,
}

/// `radpack init`
#[derive(Debug, Args)]
pub(crate) struct Init {
    #[command(flatten)]
    pub(crate) access: Access,
}

/// How versions are made; shared by publishing folders and drafts.
#[derive(Debug, Args)]
pub(crate) struct Publishing {
    /// The number: 1.2.3, or shorter [default: what package.json says, else what the changes ask for]
    #[arg(long, value_name = "V", value_parser = number)]
    pub(crate) version: Option<semver::Version>,
    /// What has changed, in words
    #[arg(long, value_name = "M", value_parser = words)]
    pub(crate) message: Option<String>,
    /// Take the number although the changes ask for a higher one, and record why
    #[arg(long, value_name = "REASON", value_parser = words)]
    pub(crate) allow_breaking: Option<String>,
    /// Release it at once
    #[arg(long)]
    pub(crate) release: bool,
    #[command(flatten)]
    pub(crate) force: Force,
    /// A further register that serves imports of other packages; later ones lie on top
    #[arg(long = "register", value_name = "SRC", value_parser = Source::parse)]
    pub(crate) registers: Vec<Source>,
    /// One more entry, such as legacy=./src/legacy.js, or a pattern: '*=./*.js'
    #[arg(long = "entry", value_name = "NAME=PATH", value_parser = name_and_path)]
    pub(crate) entries: Vec<(String, String)>,
    /// Leave imports of this package as they are where no register serves it
    #[arg(long = "external", value_name = "NAME")]
    pub(crate) externals: Vec<String>,
}

/// `radpack publish`
#[derive(Debug, Args)]
pub(crate) struct Publish {
    /// The package folders, each with its package.json
    #[arg(value_name = "DIR", required = true)]
    pub(crate) folders: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) publishing: Publishing,
    #[command(flatten)]
    pub(crate) writing: Writing,
}

/// `radpack versions`
#[derive(Debug, Args)]
pub(crate) struct Versions {
    /// The package [default: all packages]
    #[arg(value_name = "NAME", value_parser = package_name)]
    pub(crate) name: Option<String>,
    /// Only those that are or were released
    #[arg(long)]
    pub(crate) released: bool,
    #[command(flatten)]
    pub(crate) access: Access,
}

/// `radpack show`
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The package, or a version or build of it
    #[arg(value_name = "NAME[@V]", value_parser = version_or_name)]
    pub(crate) package: VersionPick,
    #[command(flatten)]
    pub(crate) access: Access,
}

/// `radpack diff`
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The version that is compared
    #[arg(value_name = "NAME@A", value_parser = version)]
    pub(crate) from: VersionPick,
    /// The version that it is compared with
    #[arg(value_name = "NAME@B", value_parser = version)]
    pub(crate) to: VersionPick,
    #[command(flatten)]
    pub(crate) access: Access,
}

/// `radpack download`
#[derive(Debug, Args)]
pub(crate) struct Download {
    /// The version
    #[arg(value_name = "NAME@V", value_parser = version)]
    pub(crate) package: VersionPick,
    /// The folder that it is written to
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// Its sources instead of what was built from them
    #[arg(long)]
    pub(crate) sources: bool,
    #[command(flatten)]
    pub(crate) access: Access,
}

/// How a release reaches people.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct Rise {
    /// Only so many of a hundred get it, until it is raised
    #[arg(long, value_name = "P", value_parser = percent)]
    percent: Option<u8>,
    /// All get it in the end: it rises evenly over a time, such as 2h
    #[arg(long, value_name = "TIME", value_parser = over)]
    over: Option<Plan>,
    /// All get it in the end: it rises in stages, such as 10%:30m,50%:1h
    #[arg(long, value_name = "STAGES", value_parser = stages)]
    stages: Option<Plan>,
}

impl Rise {
    /// The plan, where it is not for all at once.
    pub(crate) fn plan(self) -> Option<Plan> {
        let percent = self.percent.map(Plan::Percent);
        percent.or(self.over).or(self.stages)
    }
}

/// `radpack release`
#[derive(Debug, Args)]
pub(crate) struct Release {
    /// The versions, or builds as NAME#7; several make one rollout
    #[arg(value_name = "NAME@V", value_parser = version, required = true)]
    pub(crate) packages: Vec<VersionPick>,
    /// The channel [default: release]
    #[arg(long, value_name = "C")]
    pub(crate) channel: Option<String>,
    /// What to call it [default: a name is made]
    #[arg(long, value_name = "N", value_parser = words)]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) rise: Rise,
    /// Say what would be released, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) force: Force,
    #[command(flatten)]
    pub(crate) writing: Writing,
}

/// `radpack promote`
#[derive(Debug, Args)]
pub(crate) struct Promote {
    /// The packages
    #[arg(value_name = "NAME", value_parser = package_name, required = true)]
    pub(crate) names: Vec<String>,
    /// The channel that has it
    #[arg(long, value_name = "C")]
    pub(crate) from: String,
    /// The channel that gets it [default: release]
    #[arg(long, value_name = "C")]
    pub(crate) to: Option<String>,
    #[command(flatten)]
    pub(crate) force: Force,
    #[command(flatten)]
    pub(crate) writing: Writing,
}

/// `radpack rollout`
#[derive(Debug, Args)]
pub(crate) struct Rollout {
    /// What becomes of it.
    #[command(subcommand)]
    pub(crate) action: RolloutAction,
}

/// What becomes of a rollout.
#[derive(Debug, Subcommand)]
pub(crate) enum RolloutAction {
    /// Raise it to a percentage, by hand from now on
    Set {
        /// How many of a hundred get it
        #[arg(value_name = "PERCENT", value_parser = percent)]
        percent: u8,
        #[command(flatten)]
        of: RolloutOf,
    },
    /// Let it stay where it is
    Pause(RolloutOf),
    /// Let it go on where it was paused
    Resume(RolloutOf),
    /// Release to everybody
    Promote(RolloutOf),
    /// Take it back from everybody
    Abort(RolloutOf),
}

/// Which rollout.
#[derive(Debug, Args)]
pub(crate) struct RolloutOf {
    /// The package; the line may be left out where one has a rollout
    #[arg(value_name = "NAME[@LINE]", value_parser = line)]
    pub(crate) package: LinePick,
    /// The channel [default: release]
    #[arg(long, value_name = "C")]
    pub(crate) channel: Option<String>,
    #[command(flatten)]
    pub(crate) force: Force,
    #[command(flatten)]
    pub(crate) writing: Writing,
}

/// `radpack rollback`
#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// The package; the line may be left out where one is released
    #[arg(value_name = "NAME[@LINE]", value_parser = line)]
    pub(crate) package: LinePick,
    /// The release to go back to, by number or name [default: the last good one]
    #[arg(long, value_name = "RELEASE", value_parser = words)]
    pub(crate) to: Option<String>,
    /// The channel [default: release]
    #[arg(long, value_name = "C")]
    pub(crate) channel: Option<String>,
    #[command(flatten)]
    pub(crate) force: Force,
    #[command(flatten)]
    pub(crate) writing: Writing,
}

/// `radpack restore`
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The version
    #[arg(value_name = "NAME@V", value_parser = version)]
    pub(crate) package: VersionPick,
    /// The new draft that gets its sources
    #[arg(long, value_name = "D")]
    pub(crate) draft: String,
    #[command(flatten)]
    pub(crate) writing: Writing,
}

/// `radpack revert`
#[derive(Debug, Args)]
pub(crate) struct Revert {
    /// The event after which releases were as they shall be
    #[arg(long, value_name = "SEQ")]
    pub(crate) to: u64,
    /// The package [default: all of them]
    #[arg(value_name = "NAME", value_parser = package_name)]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) force: Force,
    #[command(flatten)]
    pub(crate) writing: Writing,
}

/// `radpack yank`
#[derive(Debug, Args)]
pub(crate) struct Yank {
    /// The version
    #[arg(value_name = "NAME@V", value_parser = version)]
    pub(crate) package: VersionPick,
    /// Why
    #[arg(long, value_name = "R", value_parser = words)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) force: Force,
    #[command(flatten)]
    pub(crate) writing: Writing,
}

/// `radpack policy`
#[derive(Debug, Args)]
pub(crate) struct Policy {
    /// The package
    #[arg(value_name = "NAME", value_parser = package_name)]
    pub(crate) name: String,
    /// keep-minors=on|off, releases=forward-only|free|live, numbering=per-major|increasing; without any, it is shown
    #[arg(value_name = "KEY=VALUE", value_parser = policy_change)]
    pub(crate) changes: Vec<PolicyChange>,
    #[command(flatten)]
    pub(crate) force: Force,
    #[command(flatten)]
    pub(crate) writing: Writing,
}

fn policy_change(text: &str) -> Result<PolicyChange, String> {
    text.parse::<PolicyChange>()
        .map_err(|error| error.to_string())
}
