//! From package folders to versions: built, pinned against what is released, stored and committed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use radpack_build::{
    Build, BuildError, Description, EntryOption, FileAction, Location, Report, Source, Warning,
};
use radpack_manifest::{Dependency, Manifest};
use semver::Version;
use sha2::{Digest as _, Sha384};
use tempfile::TempDir;

use crate::blobs::Uploads;
use crate::commit::{Command, CommitError, Committed, Place, Refusal, RefusalKind};
use crate::folder::{FolderError, LeftOut, Sources, write_files};
use crate::history::HistoryError;
use crate::registry::{Caller, Carried, Moment, Registry};
use crate::rules::{NewBuild, Publish};
use crate::state::fact::{BuiltEntry, BuiltFile, NewContents, OfDraft, SourceFile};
use crate::view::ManifestQuery;

/// The version that is built where none is known yet: what a version is called is not in its files.
const UNKNOWN: Version = Version::new(0, 0, 0);

/// Entries below this are chunks, of which nobody asks what they export.
const CHUNKS: &str = "c/";

/// How often folders are built again because another writer took the number that they were built for.
const ATTEMPTS: usize = 5;

/// What the URL template of a folder's manifest may be, if it was built elsewhere: where files are, the registry says.
const URLS: [&str; 2] = ["${baseUrl}/${name}/${file}", "${baseUrl}/${file}"];

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

/// A folder to be published.
#[derive(Clone)]
struct Job {
    folder: PathBuf,
    build: Build,
    description: Description,
    of: Option<OfDraft>,
    after: Option<Version>,
}

/// A folder that was built.
struct Built {
    job: Job,
    report: Report,
    /// The built files; gone with this.
    out: Arc<TempDir>,
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
        let jobs = describe(folders.to_vec(), options.clone()).await?;
        self.publish_jobs(caller, command, jobs, options).await
    }

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
        let (jobs, sources) = self.draft_jobs(draft, options).await?;
        let report = self.publish_jobs(caller, command, jobs, options).await;
        drop(sources);
        report
    }

    /// A draft as it is now, in a folder that lasts as long as what is given with it.
    async fn draft_jobs(
        &self,
        draft: &str,
        options: &PublishOptions,
    ) -> Result<(Vec<Job>, TempDir), PublishError> {
        let moment = self.refresh().await?;
        let found = self
            .ask(&moment, |state| {
                let (package, draft) = state.known_draft(draft)?;
                let revision = draft.revision();
                Ok::<_, Refusal>((
                    package.to_owned(),
                    revision,
                    draft.base.clone(),
                    draft.files(revision).unwrap_or_default(),
                ))
            })
            .await?;
        let (package, revision, after, files) = found?;
        let folder = TempDir::new().map_err(|source| PublishError::Io {
            what: "no temporary folder can be made for the draft".to_owned(),
            source,
        })?;
        self.write_sources(&moment, &files, folder.path()).await?;
        let mut jobs = describe(vec![folder.path().to_owned()], options.clone()).await?;
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
            job.after.clone_from(&after);
            // What it came from has the number that its package.json states; the new one is the change's affair.
            if options.version.is_none() && job.description.version == after {
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
        let (jobs, sources) = self.draft_jobs(draft, &options).await?;
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
        for file in &built.report.files {
            let path = built.out.path().join("out").join(&file.path);
            let contents = fs::read(&path).map_err(|source| PublishError::Io {
                what: format!("the built file {} cannot be read", file.path),
                source,
            })?;
            files.insert(file.path.clone(), contents.into());
        }
        let into = folder.clone();
        blocking(move || write_files(&into, &files))
            .await?
            .map_err(|source| PublishError::Folder {
                folder: folder.clone(),
                source,
            })?;
        let number = numbers.get(&name).cloned().unwrap_or(UNKNOWN);
        let (_, mut package) = exports_of(&built, &number).unwrap_or_default();
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
        let mut contents = BTreeMap::new();
        for (path, file) in files {
            contents.insert(path.clone(), self.blob(moment, &file.sha256).await?);
        }
        let folder = folder.to_owned();
        let into = folder.clone();
        blocking(move || write_files(&into, &contents))
            .await?
            .map_err(|source| PublishError::Folder { folder, source })
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
            let (built, numbers) = self.build_all(&moment, jobs.clone(), options).await?;
            let together = built.len() > 1;
            let mut report = PublishReport {
                committed: None,
                nothing: None,
                warnings: Vec::new(),
                left_out: Vec::new(),
            };
            let mut uploads = Uploads::default();
            let mut builds = Vec::new();
            for built in &built {
                let folder = &built.job.folder;
                report.warnings.extend(
                    built
                        .report
                        .warnings
                        .iter()
                        .map(|warning| (folder.clone(), warning.clone())),
                );
                let (contents, left_out) = collect(built, &mut uploads)?;
                report.left_out.extend(
                    left_out
                        .into_iter()
                        .map(|left_out| (folder.clone(), left_out)),
                );
                let assumed = numbers
                    .get(&built.job.description.name)
                    .filter(|_| together)
                    .cloned();
                builds.push(new_build(built, contents, assumed));
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
                    let stub = run(
                        job.clone(),
                        options,
                        &released,
                        &together,
                        unknown.iter().cloned().collect(),
                    )
                    .await?;
                    let number = self.number(moment, &stub, options).await?;
                    together.exports.extend(exports_of(&stub, &number));
                    numbers.insert(job.description.name.clone(), number);
                }
                ready = std::mem::take(&mut later);
            }
            for job in ready {
                let done = run(job, options, &released, &together, Vec::new()).await?;
                let number = self.number(moment, &done, options).await?;
                together.exports.extend(exports_of(&done, &number));
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
        let (contents, _) = collect(built, &mut Uploads::default())?;
        let rule = publish_rule(vec![new_build(built, contents, None)], options);
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

fn new_build(built: &Built, contents: NewContents, assumed: Option<Version>) -> NewBuild {
    NewBuild {
        package: built.job.description.name.clone(),
        number: built.job.description.version.clone(),
        contents,
        of: built.job.of.clone(),
        after: built.job.after.clone(),
        assumed,
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, PublishError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| PublishError::Io {
            what: "the work was broken off".to_owned(),
            source: std::io::Error::other(error),
        })
}

async fn describe(
    folders: Vec<PathBuf>,
    options: PublishOptions,
) -> Result<Vec<Job>, PublishError> {
    blocking(move || {
        let jobs = folders.into_iter().map(|folder| {
            let mut build = Build::new(&folder);
            let settings = build.options_mut();
            settings.version.clone_from(&options.version);
            settings.external.clone_from(&options.external);
            settings.entries.clone_from(&options.entries);
            match build.describe() {
                Ok(description) => Ok(Job {
                    folder,
                    build,
                    description,
                    of: None,
                    after: None,
                }),
                Err(source) => Err(PublishError::Build { folder, source }),
            }
        });
        jobs.collect()
    })
    .await?
}

/// Builds a folder into one of its own.
async fn run(
    job: Job,
    options: &PublishOptions,
    released: &Manifest,
    together: &Manifest,
    external: Vec<String>,
) -> Result<Built, PublishError> {
    let mut job_build = job.build.clone();
    let name = &job.description.name;
    let others = |manifest: &Manifest| {
        let mut manifest = manifest.clone();
        manifest.exports.remove(name);
        manifest
    };
    let out = TempDir::new().map_err(|source| PublishError::Io {
        what: "no temporary folder can be made to build in".to_owned(),
        source,
    })?;
    let settings = job_build.options_mut();
    settings.out = Some(out.path().join("out"));
    settings.version = Some(job.description.version.clone().unwrap_or(UNKNOWN));
    settings.external.extend(external);
    for register in &options.registers {
        settings.registers.push(Source::new(
            others(&register.manifest),
            register.location.clone(),
        ));
    }
    for manifest in [released, together] {
        let location = Location::Url("registry:".to_owned());
        settings
            .registers
            .push(Source::new(others(manifest), location));
    }
    let result = blocking(move || job_build.run()).await?;
    match result {
        Ok(report) => {
            check_prebuilt(&job, &report)?;
            Ok(Built {
                job,
                report,
                out: Arc::new(out),
            })
        }
        Err(source) => Err(PublishError::Build {
            folder: job.folder,
            source,
        }),
    }
}

/// Of a folder built elsewhere, only what the package is may come in: where it is served, the registry says.
fn check_prebuilt(job: &Job, report: &Report) -> Result<(), Refusal> {
    if !report.prebuilt {
        return Ok(());
    }
    let refuse = |what: String| {
        let message = format!(
            "{} was built elsewhere, and its radpack.json {what}: the registry says where files are served; build it without that",
            job.folder.display()
        );
        Err(Refusal::of(RefusalKind::Invalid, message))
    };
    let text = fs::read(job.folder.join("radpack.json")).unwrap_or_default();
    if let Ok(manifest) = Manifest::from_slice(&text) {
        for (name, value) in &manifest.vars {
            if name != "url" || !URLS.contains(&value.as_str()) {
                return refuse(format!("states the variable {name:?}"));
            }
        }
        if manifest.url.is_some() {
            return refuse("leads to another one by `url`".to_owned());
        }
    }
    let package = report.manifest.exports.get(&report.name);
    let mut entries = package.into_iter().flat_map(|package| &package.entries);
    if let Some(entry) =
        entries.find(|entry| entry.variants.iter().any(|variant| variant.url.is_some()))
    {
        return refuse(format!("gives the entry {:?} a URL of its own", entry.name));
    }
    Ok(())
}

/// What was built as others of its event see it.
fn exports_of(built: &Built, number: &Version) -> Option<(String, radpack_manifest::Package)> {
    let name = &built.report.name;
    let mut package = built.report.manifest.exports.get(name)?.clone();
    package.retain_versions(|version| *version == built.report.version);
    package.versions = vec![number.clone()];
    Some((name.clone(), package))
}

/// What a version consists of; its bytes are noted to be sent.
fn collect(
    built: &Built,
    uploads: &mut Uploads,
) -> Result<(NewContents, Vec<LeftOut>), PublishError> {
    let Built { job, report, out } = built;
    let name = &report.name;
    let mut contents = NewContents::default();
    let inputs = report.inputs.iter().filter(|path| path.is_file());
    let root = fs::canonicalize(&job.folder).unwrap_or_else(|_| job.folder.clone());
    let inputs: BTreeSet<PathBuf> = inputs
        .filter(|path| path.starts_with(&root) || path.starts_with(&job.folder))
        .cloned()
        .collect();
    let sources = Sources::read(&job.folder, &inputs).map_err(|source| PublishError::Folder {
        folder: job.folder.clone(),
        source,
    })?;
    for (path, file) in sources.files() {
        uploads.add_file(file.hash, root.join(path));
        contents.sources.insert(
            path.to_owned(),
            SourceFile {
                sha256: file.hash,
                bytes: file.length,
            },
        );
    }
    let modules: BTreeSet<&str> = report
        .entries
        .iter()
        .filter_map(|entry| entry.file.as_deref())
        .collect();
    let prefix = format!("{name}/");
    let files = report
        .files
        .iter()
        .filter(|file| matches!(file.action, FileAction::Written | FileAction::Reused));
    for file in files.filter_map(|file| Some((file, file.path.strip_prefix(&prefix)?))) {
        let (file, served) = file;
        let path = out.path().join("out").join(&file.path);
        let bytes = fs::read(&path).map_err(|source| PublishError::Io {
            what: format!("the built file {} cannot be read", file.path),
            source,
        })?;
        let integrity = modules.contains(served).then(|| {
            let hash = STANDARD.encode(Sha384::digest(&bytes));
            format!("sha384-{hash}")
        });
        let length = bytes.len() as u64;
        contents.files.insert(
            served.to_owned(),
            BuiltFile {
                sha256: uploads.add(bytes),
                bytes: length,
                integrity,
            },
        );
    }
    let package = report.manifest.exports.get(name);
    for entry in &report.entries {
        let position = package.and_then(|package| {
            package
                .versions
                .iter()
                .position(|version| *version == report.version)
        });
        let variant = package
            .zip(position)
            .and_then(|(package, position)| package.entry(&entry.name)?.variant_at(position));
        let ids = |indices: &[usize]| -> Vec<String> {
            let ids = indices
                .iter()
                .filter_map(|&index| match package?.dependency(index)? {
                    Dependency::Own(entry) => Some(format!("~/{}", entry.name)),
                    Dependency::Outside(id) => Some(id.to_owned()),
                });
            ids.collect()
        };
        let exports = (entry.is_module && !entry.name.starts_with(CHUNKS)).then(|| {
            // Where all that another package exports is exported too, that package stands for the names.
            let stars = entry.export_stars.iter().map(|id| format!("* from {id}"));
            entry.exports.iter().cloned().chain(stars).collect()
        });
        contents.entries.insert(
            entry.name.clone(),
            BuiltEntry {
                file: entry.file.clone(),
                statics: variant
                    .map(|variant| ids(&variant.statics))
                    .unwrap_or_default(),
                dynamics: variant
                    .map(|variant| ids(&variant.dynamics))
                    .unwrap_or_default(),
                exports,
            },
        );
    }
    Ok((contents, sources.left_out().to_vec()))
}
