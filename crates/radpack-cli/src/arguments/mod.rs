//! What can be typed: the arguments of every command, as pure data.
//!
//! Parsing touches nothing outside: no file, no environment, no network. Defaults that depend on the world (whether
//! `radpack.json` is there, whether standard input is a terminal) are the commands' own affair.

mod care;
mod draft;
mod reading;
mod registry;
#[cfg(test)]
mod registry_tests;
mod serving;
mod values;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use radpack_resolve::{Index, Query};
use radpack_version::{Fallback, VersionRef};

use crate::source::Source;

pub(crate) use care::{
    Backup, Gc, Import, RestoreBackup, Setting, SettingChange, Token, TokenAction, TokenCreate,
    Verify,
};
pub(crate) use draft::{
    Draft, DraftAction, DraftCheckout, DraftDiff, DraftList, DraftPublish, DraftPut, DraftRm,
    DraftShow,
};
pub(crate) use reading::{
    Bisect, Consumer, ConsumerAction, ConsumerPut, ConsumerShow, History, Manifest,
};
pub(crate) use registry::{
    Access, Diff, Download, Init, Policy, Promote, Publish, Publishing, Release, Restore, Revert,
    Rollback, Rollout, RolloutAction, RolloutOf, Show, Versions, Writing, Yank,
};
pub(crate) use serving::{Local, Serve, ServeLimits, Site};
pub(crate) use values::Secret;

/// Which file serves `name@spec/entry`: build packages into registers, and ask them.
#[derive(Debug, Parser)]
#[command(
    name = "radpack",
    version,
    arg_required_else_help = true,
    max_term_width = 100
)]
#[command(
    after_help = "SRC is a file, an http(s):// or file:// URL, - for standard input, or registry: for what the registry gives its users\n\
    (registry:latest for what is published, registry:CHANNEL for a channel).\n\
    Exit codes: 0 done; 1 it could not be done; 2 wrong usage."
)]
pub(crate) struct Arguments {
    /// Print one JSON value per line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build a package folder into hashed files and a pruned radpack.json
    Build(Build),
    /// Say which file serves each id
    Resolve(Resolve),
    /// List what ids load: themselves and all their static dependencies, dependencies first
    Graph(Graph),
    /// Say which of the given versions each spec gets
    Select(Select),
    /// Say which pin a build would write for each dependency in package.json
    Pin(Pin),
    /// Merge registers left to right, each package wholly from the last that has it
    Merge(Merge),
    /// Fetch a register with everything nested in it, flattened
    Register(Register),
    /// Validate registers and say everything that is wrong with them
    Check(Check),
    /// Compile registers to an index file
    Compile(Compile),
    /// Print an import map for ids and everything they load
    ImportMap(ImportMap),
    /// Make a registry
    Init(Init),
    /// Publish package folders as versions, in one event
    Publish(Box<Publish>),
    /// List the versions of a package, or all packages
    Versions(Versions),
    /// Show a package, or one of its versions, in full
    Show(Show),
    /// Compare two versions: exported names and sources
    Diff(Diff),
    /// Write a version to a folder
    Download(Download),
    /// Give users versions, at once or bit by bit
    Release(Release),
    /// Release in one channel what another one has
    Promote(Promote),
    /// Change a release on its way
    Rollout(Rollout),
    /// Return a line to an earlier release
    Rollback(Rollback),
    /// Open a draft with the sources of a version
    Restore(Restore),
    /// Make the releases those of an earlier event
    Revert(Revert),
    /// Never serve a version again
    Yank(Yank),
    /// Work on drafts
    Draft(Box<Draft>),
    /// Record and show what applications use
    Consumer(Consumer),
    /// Make, list and revoke tokens
    Token(Token),
    /// Say who did what, when and why
    History(History),
    /// Print the radpack.json that somebody gets, now or at any moment
    Manifest(Manifest),
    /// Find the release after which a command began to fail
    Bisect(Bisect),
    /// Show or change how a package is released and numbered
    Policy(Policy),
    /// Show or change settings of the registry
    Setting(Setting),
    /// Write the whole registry to a file
    Backup(Backup),
    /// Make a registry of backups
    RestoreBackup(RestoreBackup),
    /// Bring packages of a backup into this registry
    Import(Import),
    /// Read everything again, and say what is wrong
    Verify(Verify),
    /// Delete what nothing names
    Gc(Gc),
    /// Serve the registry over HTTP
    Serve(Serve),
    /// Serve the packages of a workspace and its links as they change, on top of what is live
    Local(Box<Local>),
    /// Write what the registry gives everybody to a folder, for hosts of files
    Site(Site),
    /// Print a script that completes the command in a shell
    Completions(Completions),
    /// Print the manual page of the command, or of one of its commands
    Man(Man),
}

/// `radpack build`
#[derive(Debug, Args)]
pub(crate) struct Build {
    /// The package folder, with its package.json
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
    /// A register that serves imports of other packages; later ones lie on top
    #[arg(long = "register", value_name = "SRC", value_parser = Source::parse)]
    pub(crate) registers: Vec<Source>,
    /// Where to write [default: DIR/dist-radpack]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Build as this version instead of the one in package.json
    #[arg(long, value_name = "V")]
    pub(crate) version: Option<semver::Version>,
    /// One more entry, such as legacy=./src/legacy.js, or a pattern: '*=./*.js'
    #[arg(long = "entry", value_name = "NAME=PATH", value_parser = name_and_path)]
    pub(crate) entries: Vec<(String, String)>,
    /// Keep older minors of the same major (always so for 0.x, unless package.json says otherwise)
    #[arg(long)]
    pub(crate) keep_minors: bool,
    /// Drop the other majors
    #[arg(long)]
    pub(crate) no_keep_majors: bool,
    /// Drop the prereleases
    #[arg(long)]
    pub(crate) no_keep_prereleases: bool,
    /// Let a lower version take the place of a higher one
    #[arg(long)]
    pub(crate) allow_downgrade: bool,
    /// Remove files that the new radpack.json no longer names
    #[arg(long)]
    pub(crate) delete_unreferenced: bool,
    /// Leave imports of this package as they are where no register serves it
    #[arg(long = "external", value_name = "NAME")]
    pub(crate) externals: Vec<String>,
    /// A value for the URL templates, such as baseUrl=https://cdn.example
    #[arg(long = "var", value_name = "K=V", value_parser = key_and_value)]
    pub(crate) vars: Vec<(String, String)>,
    /// Say what would be built, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) access: Access,
}

/// How ids are looked up; shared by the commands that take ids.
#[derive(Debug, Args)]
pub(crate) struct Lookup {
    /// A register or index file to look in; later ones lie on top [default: radpack.json]
    #[arg(long = "manifest", value_name = "SRC", value_parser = Source::parse)]
    pub(crate) manifests: Vec<Source>,
    /// The asking package, for ids such as ~/entry: a name, or name@spec
    #[arg(long, value_name = "NAME")]
    pub(crate) scope: Option<String>,
    /// A value for ${K} in ids, and in URLs where the manifest states none, such as baseUrl=https://cdn.example
    #[arg(long = "var", value_name = "K=V", value_parser = key_and_value)]
    pub(crate) vars: Vec<(String, String)>,
    /// How far from the spec a version may be where none fits
    #[arg(long, value_enum, value_name = "POLICY", default_value_t)]
    pub(crate) fallback: FallbackPolicy,
    #[command(flatten)]
    pub(crate) access: Access,
}

impl Lookup {
    /// Whether a value is given for this name.
    pub(crate) fn has_var(&self, name: &str) -> bool {
        self.vars.iter().any(|(key, _)| key == name)
    }

    /// The query that asks an index so. The context is [`context`](Self::context)'s.
    pub(crate) fn query<'i: 'q, 'q>(
        &'q self,
        index: &'i Index,
        context: &'q BTreeMap<String, String>,
    ) -> Query<'i, 'q> {
        let query = index
            .query()
            .fallback(self.fallback.into())
            .context(context);
        match &self.scope {
            Some(scope) => query.scope(scope),
            None => query,
        }
    }

    /// The values by name; of two for one name, the later.
    pub(crate) fn context(&self) -> BTreeMap<String, String> {
        self.vars.iter().cloned().collect()
    }
}

/// `radpack resolve`
#[derive(Debug, Args)]
pub(crate) struct Resolve {
    #[command(flatten)]
    pub(crate) lookup: Lookup,
    /// What to resolve: [@scope/]name[@spec][/entry…]; from standard input, one a line, where none is given
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<String>,
}

/// `radpack graph`
#[derive(Debug, Args)]
pub(crate) struct Graph {
    #[command(flatten)]
    pub(crate) lookup: Lookup,
    /// Print for a program: the lines of `resolve --json`, a graph for Graphviz, or only the URLs
    #[arg(long, value_enum)]
    pub(crate) format: Option<GraphFormat>,
    /// What to load
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<String>,
}

/// What `radpack graph` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// The lines of `resolve --json`
    Json,
    /// A directed graph for Graphviz
    Dot,
    /// One URL a line
    Urls,
}

/// `radpack select`
#[derive(Debug, Args)]
pub(crate) struct Select {
    /// The versions to choose from, separated by commas
    #[arg(long, value_name = "V,V,…", required = true, value_parser = versions)]
    pub(crate) available: Vec<VersionList>,
    /// How far from the spec a version may be where none fits
    #[arg(long, value_enum, value_name = "POLICY", default_value_t)]
    pub(crate) fallback: FallbackPolicy,
    /// What is asked for: 1.2.3, ^1.2, '>=1 <3', latest, …; from standard input, one a line, where none is given
    #[arg(value_name = "SPEC")]
    pub(crate) specs: Vec<String>,
}

/// Versions as they were typed; each one is valid. None at all is a list too.
#[derive(Clone, Debug)]
pub(crate) struct VersionList(pub(crate) Vec<String>);

/// `radpack pin`
#[derive(Debug, Args)]
pub(crate) struct Pin {
    /// The package folder, with its package.json
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
    /// A register that serves the dependencies; later ones lie on top
    #[arg(long = "register", value_name = "SRC", value_parser = Source::parse, required = true)]
    pub(crate) registers: Vec<Source>,
    #[command(flatten)]
    pub(crate) access: Access,
}

/// `radpack merge`
#[derive(Debug, Args)]
pub(crate) struct Merge {
    /// The registers, the lowest first
    #[arg(value_name = "SRC", value_parser = Source::parse, required = true)]
    pub(crate) sources: Vec<Source>,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) access: Access,
}

/// `radpack register`
#[derive(Debug, Args)]
pub(crate) struct Register {
    /// The register
    #[arg(value_name = "SRC", value_parser = Source::parse)]
    pub(crate) source: Source,
    /// Leave out, with a warning, what cannot be read or fetched
    #[arg(long)]
    pub(crate) optional: bool,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) access: Access,
}

/// `radpack check`
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The registers or index files
    #[arg(value_name = "SRC", value_parser = Source::parse, required = true)]
    pub(crate) sources: Vec<Source>,
    #[command(flatten)]
    pub(crate) access: Access,
}

/// `radpack compile`
#[derive(Debug, Args)]
pub(crate) struct Compile {
    /// The registers, the lowest first
    #[arg(value_name = "SRC", value_parser = Source::parse, required = true)]
    pub(crate) sources: Vec<Source>,
    /// The index file to write
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) access: Access,
}

/// `radpack import-map`
#[derive(Debug, Args)]
pub(crate) struct ImportMap {
    #[command(flatten)]
    pub(crate) lookup: Lookup,
    /// What pages import
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<String>,
    /// Print script and link elements for a page's head, with modulepreload links for what loads at once
    #[arg(long)]
    pub(crate) html: bool,
}

/// `radpack completions`
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

/// The commands that have a page of their own.
const PAGES: [&str; 41] = [
    "build",
    "resolve",
    "graph",
    "select",
    "pin",
    "merge",
    "register",
    "check",
    "compile",
    "import-map",
    "init",
    "publish",
    "versions",
    "show",
    "diff",
    "download",
    "release",
    "promote",
    "rollout",
    "rollback",
    "restore",
    "revert",
    "yank",
    "draft",
    "consumer",
    "token",
    "history",
    "manifest",
    "bisect",
    "policy",
    "setting",
    "backup",
    "restore-backup",
    "import",
    "verify",
    "gc",
    "serve",
    "local",
    "site",
    "completions",
    "man",
];

/// `radpack man`
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The command whose page it is, instead of the page of radpack itself
    #[arg(value_name = "COMMAND", value_parser = PAGES)]
    pub(crate) command: Option<String>,
}

/// The fallback policies, by the words of the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum FallbackPolicy {
    /// Nothing but what the spec admits
    None,
    /// Within the same major, and for 0.x the same minor
    Compatible,
    /// Within the same major
    #[default]
    SameMajor,
    /// Any version
    Any,
}

impl From<FallbackPolicy> for Fallback {
    fn from(policy: FallbackPolicy) -> Self {
        match policy {
            FallbackPolicy::None => Fallback::None,
            FallbackPolicy::Compatible => Fallback::Compatible,
            FallbackPolicy::SameMajor => Fallback::SameMajor,
            FallbackPolicy::Any => Fallback::Any,
        }
    }
}

/// Parses the arguments, and refuses what the grammar alone cannot: standard input wanted twice, formats that contradict.
pub(crate) fn parse(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Arguments, clap::Error> {
    let arguments = Arguments::try_parse_from(arguments)?;
    match contradiction(&arguments) {
        Some(message) => {
            let mut command = Arguments::command();
            Err(command.error(ErrorKind::ArgumentConflict, message))
        }
        None => Ok(arguments),
    }
}

fn contradiction(arguments: &Arguments) -> Option<String> {
    let mut stdin_uses = arguments
        .command
        .sources()
        .iter()
        .filter(|source| matches!(source, Source::Stdin))
        .count();
    let reads_lines = match &arguments.command {
        Command::Resolve(resolve) => resolve.ids.is_empty(),
        _ => false,
    };
    if reads_lines && stdin_uses > 0 {
        return Some(
            "standard input cannot be both a manifest and the ids; give the ids as arguments"
                .to_owned(),
        );
    }
    stdin_uses += usize::from(reads_lines);
    if stdin_uses > 1 {
        return Some("`-` may be given only once: standard input is read only once".to_owned());
    }
    match &arguments.command {
        Command::Graph(Graph {
            format: Some(format @ (GraphFormat::Dot | GraphFormat::Urls)),
            ..
        }) if arguments.json => {
            let word = format.to_possible_value()?.get_name().to_owned();
            Some(format!(
                "--json and --format {word} contradict; give one of them"
            ))
        }
        Command::ImportMap(ImportMap { html: true, .. }) if arguments.json => {
            Some("--json and --html contradict; give one of them".to_owned())
        }
        _ => None,
    }
}

impl Command {
    fn sources(&self) -> &[Source] {
        match self {
            Self::Build(build) => &build.registers,
            Self::Resolve(resolve) => &resolve.lookup.manifests,
            Self::Graph(graph) => &graph.lookup.manifests,
            Self::ImportMap(import_map) => &import_map.lookup.manifests,
            Self::Pin(pin) => &pin.registers,
            Self::Merge(merge) => &merge.sources,
            Self::Register(register) => std::slice::from_ref(&register.source),
            Self::Check(check) => &check.sources,
            Self::Compile(compile) => &compile.sources,
            Self::Local(local) => &local.registers,
            Self::Publish(publish) => &publish.publishing.registers,
            _ => &[],
        }
    }
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected a name, `=` and a value".to_owned()),
    }
}

fn name_and_path(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => {
            Ok((name.to_owned(), path.to_owned()))
        }
        _ => Err("expected a name, `=` and a path".to_owned()),
    }
}

fn versions(text: &str) -> Result<VersionList, String> {
    let texts = text.split(',').map(str::trim);
    let texts: Vec<&str> = if text.trim().is_empty() {
        Vec::new()
    } else {
        texts.collect()
    };
    for text in &texts {
        VersionRef::parse(text).map_err(|error| format!("{text:?}: {error}"))?;
    }
    Ok(VersionList(texts.into_iter().map(str::to_owned).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_has_a_page() {
        let command = Arguments::command();
        let names: Vec<&str> = command
            .get_subcommands()
            .map(clap::Command::get_name)
            .collect();
        assert_eq!(names, PAGES);
    }
}
