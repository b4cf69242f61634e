//! From package folders to versions: built, pinned against what is released, stored and committed.

mod build;
mod builder;
mod drafts;
mod made;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use radpack_build::{BuildError, EntryOption, Source, Warning};
use radpack_manifest::Manifest;
use semver::Version;

use crate::blobs::Uploads;
use crate::commit::{Command, CommitError, Committed, Place, Refusal, RefusalKind};
use crate::folder::{FolderError, LeftOut};
use crate::history::HistoryError;
use crate::registry::{Caller, Carried, Moment, Registry};
use crate::rules::{DraftBase, NewBuild, Publish, rights_to_publish};
use crate::state::fact::NewContents;
use crate::view::ManifestQuery;
use build::{Against, Built, Job, describe, run};
use builder::Heard;

pub use builder::{BuildLimits, Builder, build_child};

/// The version that is built where none is known yet: what a version is called is not in its files.
const UNKNOWN: Version = Version::new(0, 0, 0);

/// How often folders are built again because another writer took the number that they were built for.
const ATTEMPTS: usize = 5;

/// What is to be published, and how.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PublishOptions {
    /// The number; by default what `package.json` says, and where that says nothing, what the change asks for.
    pub version: Option<Version>,
    /// What is said about the versions.
    pub message: Option<String>,
    /// Why a number may promise more than its version keeps.
    pub allow_breaking: Option<String>,
    /// Whether they are released at once.
    pub release: bool,
    /// Why, though it leaves something unresolvable.
    pub force: Option<String>,
    /// Registers that imports are pinned against where the registry has nothing, later ones on top.
    pub registers: Vec<Source>,
    /// Packages whose imports stay as they are.
    pub external: Vec<String>,
    /// Entries that are added to those of `package.json`.
    pub entries: Vec<EntryOption>,
    /// What a draft must still be like, if one is published.
    pub based_on: Option<DraftBase>,
}

/// What was published.
#[derive(Debug)]
#[non_exhaustive]
pub struct PublishReport {
    /// The event, unless there was nothing to do.
    pub committed: Option<Committed>,
    /// Why there was nothing to do.
    pub nothing: Option<String>,
    /// What deserves attention, each with the folder that it is about.
    pub warnings: Vec<(PathBuf, Warning)>,
    /// Files that are not among the sources, though no rule leaves them out.
    pub left_out: Vec<(PathBuf, LeftOut)>,
}

/// Why folders were not published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// A folder cannot be built.
    #[error("{} cannot be built", folder.display())]
    Build {
        /// The folder.
        folder: PathBuf,
        /// Everything that is wrong.
        #[source]
        source: BuildError,
    },
    /// A folder cannot be read.
    #[error("the sources in {} cannot be read", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: FolderError,
    },
    /// A folder takes more than a [`Builder`] grants, or brings down what builds it.
    #[error(
        "{} is not built: {what}; split it, or build it with `radpack build` and publish what comes of that",
        folder.display()
    )]
    Limit {
        /// The folder.
        folder: PathBuf,
        /// What it takes too much of, or what happened.
        what: String,
    },
    /// This machine failed.
    #[error("{what}")]
    Io {
        /// What was to be done.
        what: String,
        /// Why it was not.
        #[source]
        source: std::io::Error,
    },
    /// It was refused, or the store failed.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl From<HistoryError> for PublishError {
    fn from(error: HistoryError) -> Self {
        PublishError::Commit(error.into())
    }
}

impl From<Refusal> for PublishError {
    fn from(refusal: Refusal) -> Self {
        PublishError::Commit(refusal.into())
    }
}

impl PublishReport {
    fn of(committed: Option<Committed>) -> PublishReport {
        PublishReport {
            committed,
            nothing: None,
            warnings: Vec::new(),
            left_out: Vec::new(),
        }
    }
}

impl Registry {
    /// Publishes package folders, all in one event: each is built, unless it is built already, and becomes a version.
    ///
    /// # Errors
    ///
    /// If one cannot be built, or it is refused; nothing is published then.
    pub async fn publish(
        &self,
        caller: &Caller,
        command: &Command,
        folders: &[PathBuf],
        options: &PublishOptions,
    ) -> Result<PublishReport, PublishError> {
        if let Some(before) = self.carried_before(caller, command).await? {
            return Ok(PublishReport::of(Some(before)));
        }
        let jobs = describe(self.builder(), folders, options).await?;
        let packages = jobs.iter().map(|job| job.description.name.clone());
        self.check_may(
            caller,
            &rights_to_publish(options.release),
            &packages.collect(),
        )
        .await?;
        self.publish_jobs(caller, command, jobs, options).await
    }

    async fn publish_jobs(
        &self,
        caller: &Caller,
        command: &Command,
        jobs: Vec<Job>,
        options: &PublishOptions,
    ) -> Result<PublishReport, PublishError> {
        if options.version.is_some() && jobs.len() > 1 {
            return Err(Refusal::of(RefusalKind::Invalid, "one number is not for several packages: leave out --version, or publish them one by one").into());
        }
        for attempt in 1.. {
            let moment = self.refresh().await?;
            let (mut built, numbers) = self.build_all(&moment, jobs.clone(), options).await?;
            let together = built.len() > 1;
            let mut report = PublishReport::of(None);
            let mut uploads = Uploads::default();
            let mut builds = Vec::new();
            for built in &mut built {
                built.upload(&mut uploads);
                let folder = built.job.folder.clone();
                let made = &mut built.made;
                let warnings = std::mem::take(&mut made.warnings).into_iter();
                report
                    .warnings
                    .extend(warnings.map(|warning| (folder.clone(), warning)));
                let left_out = std::mem::take(&mut made.left_out).into_iter();
                report
                    .left_out
                    .extend(left_out.map(|left_out| (folder.clone(), left_out)));
                let assumed = numbers
                    .get(&built.job.description.name)
                    .filter(|_| together)
                    .cloned();
                // Once is enough to hold it.
                let contents = std::mem::take(&mut built.made.contents);
                builds.push(new_build(&built.job, contents, assumed));
            }
            let rule = publish_rule(builds, options);
            match self.carry_out_with(caller, command, &rule, &uploads).await {
                Ok(Carried::Done(committed)) => report.committed = Some(*committed),
                Ok(Carried::Nothing(why)) => report.nothing = Some(why),
                Err(CommitError::Refused(refusal))
                    if refusal.kind() == RefusalKind::Stale && attempt < ATTEMPTS =>
                {
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
            return Ok(report);
        }
        Err(Refusal::of(
            RefusalKind::Stale,
            "others were faster each time; try again",
        )
        .into())
    }

    /// Builds folders so that each is pinned against what is released, and against the others as they will be.
    async fn build_all(
        &self,
        moment: &Moment,
        jobs: Vec<Job>,
        options: &PublishOptions,
    ) -> Result<(Vec<Built>, BTreeMap<String, Version>), PublishError> {
        let own: BTreeSet<String> = jobs
            .iter()
            .map(|job| job.description.name.clone())
            .collect();
        let imports: BTreeSet<String> = jobs
            .iter()
            .flat_map(|job| &job.description.imports)
            .cloned()
            .collect();
        let query = ManifestQuery::default();
        let released = self
            .ask(moment, |state| {
                state.manifest_of(&query, moment.now(), Some(&imports))
            })
            .await??;
        let mut waiting = jobs;
        let heard = Heard::default();
        let mut built: Vec<Built> = Vec::new();
        let mut numbers = BTreeMap::new();
        // What the others of this event are, once that is known.
        let mut together = Manifest::default();
        while !waiting.is_empty() {
            let unknown: BTreeSet<String> = own
                .iter()
                .filter(|name| !together.exports.contains_key(*name))
                .cloned()
                .collect();
            let waits = |job: &Job| {
                job.description
                    .imports
                    .iter()
                    .any(|name| unknown.contains(name) && *name != job.description.name)
            };
            let (mut ready, mut later): (Vec<Job>, Vec<Job>) =
                waiting.into_iter().partition(|job| !waits(job));
            if ready.is_empty() {
                // They import one another. What each offers is known when it is built without the others' pins; then again with them.
                for job in &later {
                    let (job, unknown) = (job.clone(), unknown.clone());
                    let against = Against {
                        released: &released,
                        together: &together,
                    };
                    let stub = run(self.builder(), &heard, job, options, &against, unknown).await?;
                    let number = self.number(moment, &stub, options).await?;
                    together.exports.extend(stub.exports(&number));
                    numbers.insert(stub.job.description.name, number);
                }
                ready = std::mem::take(&mut later);
            }
            for job in ready {
                let against = Against {
                    released: &released,
                    together: &together,
                };
                let pinned = BTreeSet::new();
                let done = run(self.builder(), &heard, job, options, &against, pinned).await?;
                let number = self.number(moment, &done, options).await?;
                together.exports.extend(done.exports(&number));
                numbers.insert(done.job.description.name.clone(), number);
                built.push(done);
            }
            waiting = later;
        }
        Ok((built, numbers))
    }

    /// The number that what was built would get as things stand.
    async fn number(
        &self,
        moment: &Moment,
        built: &Built,
        options: &PublishOptions,
    ) -> Result<Version, PublishError> {
        let rule = publish_rule(
            vec![new_build(&built.job, built.made.contents.clone(), None)],
            options,
        );
        let place = Place {
            seq: moment.position.seq + 1,
            id: command_id(),
            at: moment.now(),
        };
        let numbers = self
            .ask(moment, |state| rule.numbers(state, &place))
            .await??;
        Ok(numbers.into_values().next().unwrap_or(UNKNOWN))
    }
}

fn command_id() -> uuid::Uuid {
    uuid::Uuid::now_v7()
}

fn publish_rule(builds: Vec<NewBuild>, options: &PublishOptions) -> Publish {
    Publish {
        builds,
        message: options.message.clone(),
        allow_breaking: options.allow_breaking.clone(),
        release: options.release,
        force: options.force.clone(),
    }
}

fn new_build(job: &Job, contents: NewContents, assumed: Option<Version>) -> NewBuild {
    NewBuild {
        package: job.description.name.clone(),
        number: job.description.version.clone(),
        contents,
        of: job.of.clone(),
        based_on: job.based_on,
        after: job.after.clone(),
        assumed,
    }
}
