//! A folder to be published, and what building it comes to, wherever it is built.

use std::collections::BTreeSet;
use std::path::PathBuf;

use radpack_build::{Description, Location, Options, Source};
use radpack_manifest::Manifest;
use semver::Version;

use super::builder::Heard;
use super::made::{Made, Task, What};
use super::{Builder, PublishError, PublishOptions, UNKNOWN};
use crate::blobs::Uploads;
use crate::rules::DraftBase;
use crate::state::fact::OfDraft;
use crate::work_folder::WorkFolder;

/// A folder to be published.
#[derive(Clone)]
pub(super) struct Job {
    pub(super) folder: PathBuf,
    pub(super) description: Description,
    pub(super) of: Option<OfDraft>,
    pub(super) based_on: Option<DraftBase>,
    pub(super) after: Option<Version>,
}

/// A folder that was built.
pub(super) struct Built {
    pub(super) job: Job,
    pub(super) made: Made,
    /// Where the built files lie; gone with this.
    out: WorkFolder,
}

impl Built {
    /// Where a built file lies, by the name that it is served under.
    pub(super) fn path_of(&self, file: &str) -> PathBuf {
        let mut path = out_folder(&self.out).join(&self.job.description.name);
        path.extend(file.split('/'));
        path
    }

    /// Notes the bytes of sources and files to be sent.
    pub(super) fn upload(&self, uploads: &mut Uploads) {
        let contents = &self.made.contents;
        for (path, file) in &contents.sources {
            uploads.add_file(file.sha256, self.made.root.join(path));
        }
        for (name, file) in &contents.files {
            uploads.add_file(file.sha256, self.path_of(name));
        }
    }

    /// The package as others of its event see it.
    pub(super) fn exports(&self, number: &Version) -> Option<(String, radpack_manifest::Package)> {
        let name = &self.job.description.name;
        let mut package = self.made.package.exports.get(name)?.clone();
        package.versions = vec![number.clone()];
        Some((name.clone(), package))
    }
}

fn out_folder(out: &WorkFolder) -> PathBuf {
    out.path().join("out")
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, PublishError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| PublishError::Io {
            what: "the work was broken off".to_owned(),
            source: std::io::Error::other(error),
        })
}

/// What the caller says of how folders are built.
fn settings(options: &PublishOptions) -> Options {
    let mut settings = Options::default();
    settings.version.clone_from(&options.version);
    settings.external.clone_from(&options.external);
    settings.entries.clone_from(&options.entries);
    settings
}

pub(super) async fn describe(
    builder: &Builder,
    folders: &[PathBuf],
    options: &PublishOptions,
) -> Result<Vec<Job>, PublishError> {
    let mut jobs = Vec::new();
    let heard = Heard::default();
    for folder in folders {
        let task = Task {
            folder: folder.clone(),
            options: settings(options),
            what: What::Describe,
        };
        jobs.push(Job {
            folder: folder.clone(),
            description: builder.describe(task, &heard).await?,
            of: None,
            based_on: None,
            after: None,
        });
    }
    Ok(jobs)
}

/// What packages are pinned against: what is released, and the others of their event as far as they are known.
pub(super) struct Against<'m> {
    pub(super) released: &'m Manifest,
    pub(super) together: &'m Manifest,
}

/// What of a manifest a package can be pinned against: of many that are published together, each needs few of the others.
fn imported(manifest: &Manifest, description: &Description) -> Manifest {
    let names = description.imports.iter();
    let names = names.filter(|name| **name != description.name);
    let packages = names.filter_map(|name| manifest.exports.get_key_value(name));
    Manifest {
        vars: manifest.vars.clone(),
        exports: packages
            .map(|(name, package)| (name.clone(), package.clone()))
            .collect(),
        offered: manifest.offered,
        url: manifest.url.clone(),
        unknown: manifest.unknown.clone(),
    }
}

/// Builds a folder into one of its own.
pub(super) async fn run(
    builder: &Builder,
    heard: &Heard,
    job: Job,
    options: &PublishOptions,
    against: &Against<'_>,
    external: BTreeSet<String>,
) -> Result<Built, PublishError> {
    let description = &job.description;
    let out = blocking(WorkFolder::new).await?;
    let out = out.map_err(|source| PublishError::Io {
        what: "no temporary folder can be made to build in".to_owned(),
        source,
    })?;
    let mut settings = settings(options);
    settings.out = Some(out_folder(&out));
    settings.version = Some(description.version.clone().unwrap_or(UNKNOWN));
    settings.external.extend(external);
    for register in &options.registers {
        settings.registers.push(Source::new(
            imported(&register.manifest, description),
            register.location.clone(),
        ));
    }
    for manifest in [against.released, against.together] {
        let location = Location::Url("registry:".to_owned());
        settings
            .registers
            .push(Source::new(imported(manifest, description), location));
    }
    let task = Task {
        folder: job.folder.clone(),
        options: settings,
        what: What::Build,
    };
    let made = builder.build(task, &description.name, heard).await?;
    Ok(Built { job, made, out })
}
