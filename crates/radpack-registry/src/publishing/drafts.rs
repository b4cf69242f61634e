//! Drafts: published, or built to be tried.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::Semaphore;

use super::build::{Job, blocking, describe};
use super::{PublishError, PublishOptions, PublishReport, UNKNOWN};
use crate::commit::{Command, Refusal, RefusalKind};
use crate::folder::write_files;
use crate::registry::{Caller, Moment, Registry};
use crate::rules::{check_draft_base, check_size, no_draft, rights_to_publish};
use crate::state::State;
use crate::state::fact::{OfDraft, SourceFile};
use crate::work_folder::WorkFolder;

/// How many files are read at once.
const AT_ONCE: usize = 16;

/// How much of them is in memory until it is written (KiB), unless one is larger.
const IN_MEMORY: u32 = 64 << 10;

impl Registry {
    /// Publishes a draft as it is now.
    ///
    /// # Errors
    ///
    /// As [`publish`](Registry::publish).
    pub async fn publish_draft(
        &self,
        caller: &Caller,
        command: &Command,
        draft: &str,
        options: &PublishOptions,
    ) -> Result<PublishReport, PublishError> {
        if let Some(before) = self.carried_before(caller, command).await? {
            return Ok(PublishReport::of(Some(before)));
        }
        let moment = self.refresh().await?;
        let package = |state: &State| {
            let shown = state.draft_shown(draft, caller, moment.now());
            shown.map(|(name, _)| name.to_owned())
        };
        let package = self.ask(&moment, package).await??;
        let rights = rights_to_publish(options.release);
        self.check_may(caller, &rights, &BTreeSet::from([package.clone()]))
            .await?;
        let (jobs, sources) = self.draft_jobs(draft, Some(&package), options).await?;
        let report = self.publish_jobs(caller, command, jobs, options).await;
        drop(sources);
        report
    }

    /// A draft as it is now, in a folder that lasts as long as what is given with it. It must be of the package that somebody was found to have
    /// a right to, if one is given: meanwhile it may have been given up, and its name taken for another's.
    async fn draft_jobs(
        &self,
        draft: &str,
        of: Option<&str>,
        options: &PublishOptions,
    ) -> Result<(Vec<Job>, WorkFolder), PublishError> {
        let moment = self.refresh().await?;
        let found = self
            .ask(&moment, |state| {
                let name = draft;
                let (package, draft) = state.known_draft(name)?;
                if of.is_some_and(|of| of != package) {
                    return Err(no_draft(name));
                }
                check_draft_base(name, draft, options.based_on)?;
                let revision = draft.revision();
                // What a rollback made has the sources of another version, whose number their package.json states.
                let base = draft.base.as_ref();
                let published = base.and_then(|base| state.package(package)?.versions.get(base));
                let listed = published.and_then(|it| it.contents.listed_as.clone());
                Ok::<_, Refusal>((
                    package.to_owned(),
                    revision,
                    draft.base.clone(),
                    listed,
                    draft.files(revision).unwrap_or_default(),
                ))
            })
            .await?;
        let (package, revision, after, listed, files) = found?;
        check_size(files.values())?;
        let folder = WorkFolder::new().map_err(|source| PublishError::Io {
            what: "no temporary folder can be made for the draft".to_owned(),
            source,
        })?;
        self.write_sources(&moment, &files, folder.path()).await?;
        let mut jobs = describe(self.builder(), &[folder.path().to_owned()], options).await?;
        for job in &mut jobs {
            if job.description.name != package {
                let message = format!(
                    "the package.json of the draft names {:?}, and it is a draft of {package:?}",
                    job.description.name
                );
                return Err(Refusal::of(RefusalKind::Invalid, message).into());
            }
            job.of = Some(OfDraft {
                draft: draft.to_owned(),
                revision,
            });
            job.based_on = options.based_on;
            job.after.clone_from(&after);
            // What it came from has the number that its package.json states; the new one is the change's affair.
            let stated = &job.description.version;
            if options.version.is_none() && (*stated == after || *stated == listed) {
                job.description.version = None;
            }
        }
        Ok((jobs, folder))
    }

    /// Builds a draft as it is now into a folder of this machine, and gives the package as a manifest has it, with URLs that lead there:
    /// for those who try it before it is published. Nothing is recorded.
    ///
    /// # Errors
    ///
    /// If it cannot be built.
    pub async fn try_draft(
        &self,
        moment: &Moment,
        draft: &str,
        folder: &Path,
    ) -> Result<(String, radpack_manifest::Package), PublishError> {
        let options = PublishOptions::default();
        let (jobs, sources) = self.draft_jobs(draft, None, &options).await?;
        let (mut built, numbers) = self.build_all(moment, jobs, &options).await?;
        drop(sources);
        let Some(built) = built.pop() else {
            return Err(
                Refusal::of(RefusalKind::Unknown, format!("there is no draft {draft:?}")).into(),
            );
        };
        let name = built.job.description.name.clone();
        let revision = built.job.of.as_ref().map_or(0, |of| of.revision);
        let folder = folder.join(format!("{draft}-{revision}"));
        let mut files = BTreeMap::new();
        for file in built.made.contents.files.keys() {
            let contents = fs::read(built.path_of(file)).map_err(|source| PublishError::Io {
                what: format!("the built file {file} cannot be read"),
                source,
            })?;
            files.insert(format!("{name}/{file}"), contents.into());
        }
        let into = folder.clone();
        blocking(move || write_files(&into, &files))
            .await?
            .map_err(|source| PublishError::Folder {
                folder: folder.clone(),
                source,
            })?;
        let number = numbers.get(&name).cloned().unwrap_or(UNKNOWN);
        let (_, mut package) = built.exports(&number).unwrap_or_default();
        for variant in package
            .entries
            .iter_mut()
            .flat_map(|entry| &mut entry.variants)
        {
            if let Some(file) = variant.file.take() {
                let path = folder.join(&name).join(file);
                variant.url = url::Url::from_file_path(path).ok().map(String::from);
            }
        }
        Ok((name, package))
    }

    /// Writes files that the history names into a folder.
    ///
    /// # Errors
    ///
    /// If bytes are missing, or the disk fails.
    pub async fn write_sources(
        &self,
        moment: &Moment,
        files: &BTreeMap<String, SourceFile>,
        folder: &Path,
    ) -> Result<(), PublishError> {
        let files: Vec<(String, SourceFile)> = files
            .iter()
            .map(|(path, file)| (path.clone(), *file))
            .collect();
        // A large one is read alone.
        let memory = Semaphore::new(IN_MEMORY as usize);
        let memory = &memory;
        stream::iter(files)
            .map(|(path, file)| async move {
                let share = (file.bytes >> 10).clamp(1, u64::from(IN_MEMORY));
                let taken = memory.acquire_many(u32::try_from(share).unwrap_or(IN_MEMORY));
                // It is never closed.
                let taken = taken.await.ok();
                let contents = self.blob(moment, &file.sha256).await?;
                Ok::<_, PublishError>((BTreeMap::from([(path, contents)]), taken))
            })
            .buffer_unordered(AT_ONCE)
            .try_for_each(|(file, taken)| async move {
                let into = folder.to_owned();
                blocking(move || write_files(&into, &file))
                    .await?
                    .map_err(|source| PublishError::Folder {
                        folder: folder.to_owned(),
                        source,
                    })?;
                drop(taken);
                Ok(())
            })
            .await
    }
}
