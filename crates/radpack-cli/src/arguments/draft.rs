//! The arguments of `radpack draft`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use radpack_registry::rules::Origin;

use super::registry::{Access, Publishing, Writing};
use super::values::{origin, package_name, words};

/// `radpack draft`
#[derive(Debug, Args)]
pub(crate) struct Draft {
    /// What to do.
    #[command(subcommand)]
    pub(crate) action: DraftAction,
}

/// What can be done with drafts.
#[derive(Debug, Subcommand)]
pub(crate) enum DraftAction {
    /// Open a new draft of a package
    Create(DraftCreate),
    /// List the drafts
    List(DraftList),
    /// Show a draft in full
    Show(DraftShow),
    /// Write a draft's files to a folder
    Checkout(DraftCheckout),
    /// Save files
    Put(DraftPut),
    /// Remove files
    Rm(DraftRm),
    /// Compare a draft with what it came from, or two of its revisions
    Diff(DraftDiff),
    /// Set a draft back to an earlier revision
    Reset(DraftReset),
    /// Close a draft without publishing it
    Discard(DraftDiscard),
    /// Make a version of a draft
    Publish(DraftPublish),
}

/// `radpack draft create`
#[derive(Debug, Args)]
pub(crate) struct DraftCreate {
    /// The draft's name
    #[arg(value_name = "D")]
    pub(crate) draft: String,
    /// The package
    #[arg(value_name = "NAME", value_parser = package_name)]
    pub(crate) name: String,
    /// What to begin with: NAME@V, NAME (what is released), or draft:OTHER [default: nothing]
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    pub(crate) from: Option<Origin>,
    #[command(flatten)]
    pub(crate) writing: Writing,
}

/// `radpack draft list`
#[derive(Debug, Args)]
pub(crate) struct DraftList {
    /// Only those of this package
    #[arg(value_name = "NAME", value_parser = package_name)]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) access: Access,
}

/// `radpack draft show`
#[derive(Debug, Args)]
pub(crate) struct DraftShow {
    /// The draft
    #[arg(value_name = "D")]
    pub(crate) draft: String,
    /// As it was [default: as it is]
    #[arg(long, value_name = "N")]
    pub(crate) revision: Option<u64>,
    #[command(flatten)]
    pub(crate) access: Access,
}

/// `radpack draft checkout`
#[derive(Debug, Args)]
pub(crate) struct DraftCheckout {
    /// The draft
    #[arg(value_name = "D")]
    pub(crate) draft: String,
    /// The folder; it remembers the revision
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// As it was [default: as it is]
    #[arg(long, value_name = "N")]
    pub(crate) revision: Option<u64>,
    #[command(flatten)]
    pub(crate) access: Access,
}

/// `radpack draft put`
#[derive(Debug, Args)]
pub(crate) struct DraftPut {
    /// The draft
    #[arg(value_name = "D")]
    pub(crate) draft: String,
    /// The files; of a folder that was checked out, everything that has changed in it
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// The revision that this is based on [default: what the checkout remembers]
    #[arg(long, value_name = "REV")]
    pub(crate) base: Option<u64>,
    /// What has changed, in words
    #[arg(long, value_name = "M", value_parser = words)]
    pub(crate) message: Option<String>,
    #[command(flatten)]
    pub(crate) writing: Writing,
}

/// `radpack draft rm`
#[derive(Debug, Args)]
pub(crate) struct DraftRm {
    /// The draft
    #[arg(value_name = "D")]
    pub(crate) draft: String,
    /// The files
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// The revision that this is based on [default: what the checkout remembers]
    #[arg(long, value_name = "REV")]
    pub(crate) base: Option<u64>,
    #[command(flatten)]
    pub(crate) writing: Writing,
}

/// `radpack draft diff`
#[derive(Debug, Args)]
pub(crate) struct DraftDiff {
    /// The draft
    #[arg(value_name = "D")]
    pub(crate) draft: String,
    /// The revision that is compared [default: what the draft began with]
    #[arg(value_name = "REV")]
    pub(crate) from: Option<u64>,
    /// The revision that it is compared with [default: the newest]
    #[arg(value_name = "REV")]
    pub(crate) to: Option<u64>,
    #[command(flatten)]
    pub(crate) access: Access,
}

/// `radpack draft reset`
#[derive(Debug, Args)]
pub(crate) struct DraftReset {
    /// The draft
    #[arg(value_name = "D")]
    pub(crate) draft: String,
    /// The revision that it is set back to
    #[arg(value_name = "REV")]
    pub(crate) to: u64,
    #[command(flatten)]
    pub(crate) writing: Writing,
}

/// `radpack draft discard`
#[derive(Debug, Args)]
pub(crate) struct DraftDiscard {
    /// The draft
    #[arg(value_name = "D")]
    pub(crate) draft: String,
    #[command(flatten)]
    pub(crate) writing: Writing,
}

/// `radpack draft publish`
#[derive(Debug, Args)]
pub(crate) struct DraftPublish {
    /// The draft
    #[arg(value_name = "D")]
    pub(crate) draft: String,
    #[command(flatten)]
    pub(crate) publishing: Publishing,
    #[command(flatten)]
    pub(crate) writing: Writing,
}
