//! Packages of a backup in a registry that is in use.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use radpack_manifest::Manifest;
use semver::Version;

use super::backups::{CareError, Items, Read, blocking};
use crate::backup::BackupItem;
use crate::blobs::Uploads;
use crate::commit::{Command, Committed, Ledger, Place, Refusal, RefusalKind};
use crate::event::Hash;
use crate::registry::{Caller, Carried, Registry};
use crate::rules::{
    Decided, Rule, check_name, check_package_name, check_path, check_source_path, is_made,
    made_name,
};
use crate::state::State;
use crate::state::fact::{
    Fact, Imported, ImportedPackage, ImportedVersion, NewContents, NewRelease, NewVersion,
};
use crate::state::package::Package;
use crate::state::policy::Policy;
use crate::state::token::Right;
use crate::store::StoreError;
use crate::view::built_manifest;
use crate::work_folder::WorkFolder;

/// What was imported.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImportReport {
    /// The event, unless there was nothing to do.
    pub committed: Option<Committed>,
    /// Why there was nothing to do.
    pub nothing: Option<String>,
}

/// Imports packages.
struct Import {
    imported: Imported,
}

impl Rule for Import {
    fn decide(&self, state: &State, _: &Place) -> Result<Decided, Refusal> {
        let taken: Vec<&str> = self
            .imported
            .packages
            .iter()
            .map(|package| &*package.package)
            .filter(|name| {
                state
                    .package(name)
                    .is_some_and(|package| !package.versions.is_empty())
            })
            .collect();
        if !taken.is_empty() {
            return Err(Refusal::of(
                RefusalKind::Conflict,
                format!(
                    "there is {} already, and a version is never replaced: name those packages of the backup that are not here",
                    crate::rules::listed(taken)
                ),
            ));
        }
        if self.imported.packages.is_empty() {
            return Ok(Decided::Nothing("the backup has no packages".to_owned()));
        }
        Ok(self.imported.clone().into())
    }

    fn rights(&self) -> Vec<Right> {
        vec![Right::Admin]
    }

    fn concerns(&self, _: &State) -> BTreeSet<String> {
        self.imported
            .packages
            .iter()
            .map(|package| package.package.clone())
            .collect()
    }
}

impl Registry {
    /// Brings packages of a backup into this registry, as one new event: all their versions, with who made them when, their policies,
    /// and what their lines serve. Without names, all packages.
    ///
    /// # Errors
    ///
    /// If the backup is not as it must be, has no such package, or one is here already; nothing is imported then.
    pub async fn import(
        &self,
        caller: &Caller,
        command: &Command,
        file: &Path,
        names: &[String],
    ) -> Result<ImportReport, CareError> {
        let mut ledger = Ledger::<State>::default();
        // The contents of each version where they came into being.
        let mut contents: BTreeMap<(String, Version), NewContents> = BTreeMap::new();
        // Its bytes may be more than there is memory.
        let mut blobs: BTreeMap<Hash, PathBuf> = BTreeMap::new();
        let failed = |error: std::io::Error| StoreError::local("the backup", error.into());
        let spool = WorkFolder::new().map_err(failed)?;
        let mut wanted: Option<BTreeSet<Hash>> = None;
        let mut items = Items::open(file.to_owned());
        while let Some(item) = items.next().await? {
            match item {
                Read::Format(_) => {
                    if items.header.is_some_and(|header| header.from.seq > 0) {
                        let message = format!(
                            "{} holds only what came after another backup: import from a whole one",
                            file.display()
                        );
                        return Err(Refusal::of(RefusalKind::Invalid, message).into());
                    }
                }
                Read::Item(BackupItem::Event { recorded, .. }) => {
                    ledger.apply(&recorded)?;
                    let versions = match Fact::of(&recorded.event) {
                        Ok(Fact::Published(published)) => published.versions,
                        Ok(Fact::Imported(imported)) => imported
                            .packages
                            .into_iter()
                            .flat_map(|package| package.versions)
                            .map(|it| it.version)
                            .collect(),
                        _ => Vec::new(),
                    };
                    for new in versions {
                        if let Some(listed) = new.contents {
                            contents.insert((new.package, new.version), listed);
                        }
                    }
                }
                Read::Item(BackupItem::Blob {
                    hash,
                    contents: bytes,
                }) => {
                    let wanted = wanted.get_or_insert_with(|| named(&contents, names));
                    if wanted.contains(&hash) {
                        let path = spool.path().join(hash.to_string());
                        blobs.insert(hash, path.clone());
                        blocking(move || std::fs::write(path, bytes))
                            .await?
                            .map_err(failed)?;
                    }
                }
            }
        }
        let Some(header) = items.header else {
            return Err(Refusal::of(RefusalKind::Invalid, "the backup is empty").into());
        };
        // An event that names what is not there could never be taken back.
        let wanted = wanted.unwrap_or_else(|| named(&contents, names));
        let missing: Vec<&Hash> = wanted
            .iter()
            .filter(|hash| !blobs.contains_key(*hash))
            .collect();
        if let Some(first) = missing.first() {
            return Err(CareError::Missing {
                missing: missing.len(),
                first: first.to_string(),
            });
        }
        let state = ledger.state();
        let chosen: Vec<String> = match names.is_empty() {
            true => state
                .names()
                .filter(|name| state.known(name).is_ok())
                .map(str::to_owned)
                .collect(),
            false => names.to_vec(),
        };
        let mut packages = Vec::new();
        for name in chosen {
            let package = state
                .package(&name)
                .filter(|package| !package.versions.is_empty());
            let Some(package) = package else {
                let message = format!("{} has no package {name:?}", file.display());
                return Err(Refusal::of(RefusalKind::Unknown, message).into());
            };
            check(&name, package, &contents)?;
            packages.push(imported(&name, package, &contents, header.created));
        }
        let mut uploads = Uploads::default();
        for (hash, path) in blobs {
            uploads.add_file(hash, path);
        }
        let rule = Import {
            imported: Imported {
                registry: header.registry,
                seq: header.to.seq,
                packages,
            },
        };
        let carried = self
            .carry_out_with(caller, command, &rule, &uploads)
            .await?;
        Ok(match carried {
            Carried::Done(committed) => ImportReport {
                committed: Some(*committed),
                nothing: None,
            },
            Carried::Nothing(why) => ImportReport {
                committed: None,
                nothing: Some(why),
            },
        })
    }
}

/// The bytes that packages consist of; without names, all packages.
fn named(contents: &BTreeMap<(String, Version), NewContents>, names: &[String]) -> BTreeSet<Hash> {
    let of_wanted = contents
        .iter()
        .filter(|((name, _), _)| names.is_empty() || names.contains(name));
    of_wanted
        .flat_map(|(_, contents)| {
            let sources = contents.sources.values().map(|file| file.sha256);
            sources.chain(contents.files.values().map(|file| file.sha256))
        })
        .collect()
}

/// Whether a package is one that could have been published here: a backup may have been made by anyone, and what it says is served.
fn check(
    name: &str,
    package: &Package,
    contents: &BTreeMap<(String, Version), NewContents>,
) -> Result<(), Refusal> {
    check_package_name(name)?;
    for channel in package.channels.keys() {
        check_name("channel", channel)?;
    }
    for (version, published) in &package.versions {
        let built = &published.contents;
        for file in built.files.keys() {
            check_path("file", name, file)?;
        }
        for entry in built.entries.keys() {
            check_path("entry", name, entry)?;
        }
        let listed = contents.get(&(name.to_owned(), version.clone()));
        for path in listed.iter().flat_map(|listed| listed.sources.keys()) {
            check_source_path(path)?;
        }
        let manifest = built_manifest(name, version, built).to_json();
        Manifest::from_slice(manifest.as_bytes()).map_err(|error| {
            Refusal::of(
                RefusalKind::Invalid,
                format!("no manifest could have {name}@{version}"),
            )
            .caused_by(error)
        })?;
    }
    Ok(())
}

/// A package as an import brings it.
fn imported(
    name: &str,
    package: &Package,
    contents: &BTreeMap<(String, Version), NewContents>,
    at: jiff::Timestamp,
) -> ImportedPackage {
    let mut versions: Vec<_> = package.versions.iter().collect();
    versions.sort_by_key(|(_, published)| published.build);
    let versions = versions
        .into_iter()
        .map(|(version, published)| ImportedVersion {
            version: NewVersion {
                package: name.to_owned(),
                version: version.clone(),
                build: published.build,
                contents: contents.get(&(name.to_owned(), version.clone())).cloned(),
                restores: published.restores.clone(),
                // The draft stays where it was.
                of: None,
                breaking: published.breaking.clone(),
            },
            by: published.by.clone(),
            at: published.at,
            message: published.message.clone(),
            yanked: published.yanked.as_ref().map(|yank| yank.reason.clone()),
        });
    let mut releases: BTreeMap<String, Vec<NewRelease>> = BTreeMap::new();
    for (channel_name, channel) in &package.channels {
        for &line in channel.lines.keys() {
            // What is on its way stays on its way there; here, what everybody has counts.
            let stable = channel
                .line(line, at)
                .stable
                .and_then(|number| channel.release(number));
            if let Some(release) = stable {
                let of_channel = releases.entry(channel_name.clone()).or_default();
                let number = u32::try_from(of_channel.len() + 1).unwrap_or(u32::MAX);
                of_channel.push(NewRelease {
                    package: name.to_owned(),
                    line,
                    number,
                    // One that nobody has named would be called as another one will be.
                    name: match is_made(&release.name) {
                        true => made_name(number),
                        false => release.name.clone(),
                    },
                    version: release.version.clone(),
                });
            }
        }
    }
    ImportedPackage {
        package: name.to_owned(),
        versions: versions.collect(),
        releases,
        policy: package.policy.since(Policy::default()),
    }
}
