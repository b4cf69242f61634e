//! The arguments of the commands that care for a registry as a whole: rights, settings, backups.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use radpack_registry::state::token::Right;
use url::Url;

use super::registry::{Access, Writing};
use super::values::{lifetime, package_name, words};

/// `radpack token`
#[derive(Debug, Args)]
pub(crate) struct Token {
    /// What to do.
    #[command(subcommand)]
    pub(crate) action: TokenAction,
}

/// What can be done with tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenAction {
    /// Make a token; it is shown once
    Create(TokenCreate),
    /// List the tokens
    List(TokenList),
    /// End a token's rights
    Revoke(TokenRevoke),
}

/// `radpack token create`
#[derive(Debug, Args)]
pub(crate) struct TokenCreate {
    /// Who is to have it
    #[arg(value_name = "HOLDER", value_parser = words)]
    pub(crate) holder: String,
    /// What it allows: read, publish, release or admin; may be given more than once
    #[arg(long = "right", value_name = "R", value_parser = right, required = true)]
    pub(crate) rights: Vec<Right>,
    /// The packages that it is for, such as '@shop/*' [default: all]
    #[arg(long = "package", value_name = "PATTERN", value_parser = words)]
    pub(crate) packages: Vec<String>,
    /// How long it is good for, such as 90d [default: until it is revoked]
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    pub(crate) expires: Option<Duration>,
    #[command(flatten)]
    pub(crate) writing: Writing,
}

/// `radpack token list`
#[derive(Debug, Args)]
pub(crate) struct TokenList {
    #[command(flatten)]
    pub(crate) access: Access,
}

/// `radpack token revoke`
#[derive(Debug, Args)]
pub(crate) struct TokenRevoke {
    /// The token's id, as `radpack token list` shows it
    #[arg(value_name = "ID", value_parser = words)]
    pub(crate) token_id: String,
    #[command(flatten)]
    pub(crate) writing: Writing,
}

/// `radpack setting`
#[derive(Debug, Args)]
pub(crate) struct Setting {
    /// base-url=URL, or base-url= for none; without any, the settings are shown
    #[arg(value_name = "KEY=VALUE", value_parser = SettingChange::parse)]
    pub(crate) changes: Vec<SettingChange>,
    #[command(flatten)]
    pub(crate) writing: Writing,
}

/// A setting as it shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SettingChange {
    /// Where readers find files, where that is not where they read the manifest from.
    BaseUrl(Option<Url>),
}

impl SettingChange {
    fn parse(text: &str) -> Result<Self, String> {
        let Some(value) = text.strip_prefix("base-url=") else {
            return Err("expected base-url=URL".to_owned());
        };
        if value.is_empty() {
            return Ok(Self::BaseUrl(None));
        }
        let url = Url::parse(value).map_err(|error| format!("not a URL: {error}"))?;
        match url.scheme() {
            "http" | "https" => Ok(Self::BaseUrl(Some(url))),
            scheme => Err(format!("expected an http(s):// URL, not {scheme}:")),
        }
    }
}

/// `radpack backup`
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The file to write
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// An earlier backup: only what came after it is written
    #[arg(long, value_name = "FILE")]
    pub(crate) base: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) access: Access,
}

/// `radpack restore-backup`
#[derive(Debug, Args)]
pub(crate) struct RestoreBackup {
    /// A backup, and those that were based on it, in their order
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) access: Access,
}

/// `radpack import`
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The backup
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The packages [default: all of them]
    #[arg(value_name = "NAME", value_parser = package_name)]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) writing: Writing,
}

/// `radpack verify`
#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) access: Access,
}

/// `radpack gc`
#[derive(Debug, Args)]
pub(crate) struct Gc {
    #[command(flatten)]
    pub(crate) writing: Writing,
}

fn right(text: &str) -> Result<Right, String> {
    text.parse::<Right>().map_err(|error| error.to_string())
}
