//! One folder: what it says of itself, what is built of it, and what of that becomes a version.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use radpack_build::{Build, Description, FileAction, Location, Report, Source};
use radpack_manifest::{Dependency, Id, Manifest};
use semver::Version;
use sha2::{Digest as _, Sha384};
use tempfile::TempDir;

use super::{PublishError, PublishOptions, UNKNOWN};
use crate::blobs::Uploads;
use crate::commit::{Refusal, RefusalKind};
use crate::folder::{LeftOut, Sources};
use crate::state::fact::{BuiltEntry, BuiltFile, NewContents, OfDraft, SourceFile};

/// Entries below this are chunks, of which nobody asks what they export.
const CHUNKS: &str = "c/";

/// What the URL template of a folder's manifest may be, if it was built elsewhere: where files are, the registry says.
const URLS: [&str; 2] = ["${baseUrl}/${name}/${file}", "${baseUrl}/${file}"];

/// A folder to be published.
#[derive(Clone)]
pub(super) struct Job {
    pub(super) folder: PathBuf,
    pub(super) build: Build,
    pub(super) description: Description,
    pub(super) of: Option<OfDraft>,
    pub(super) after: Option<Version>,
}

/// A folder that was built.
pub(super) struct Built {
    pub(super) job: Job,
    pub(super) report: Report,
    /// The built files; gone with this.
    pub(super) out: Arc<TempDir>,
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

pub(super) async fn describe(
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
pub(super) async fn run(
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
pub(super) fn check_prebuilt(job: &Job, report: &Report) -> Result<(), Refusal> {
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
pub(super) fn exports_of(
    built: &Built,
    number: &Version,
) -> Option<(String, radpack_manifest::Package)> {
    let name = &built.report.name;
    let mut package = built.report.manifest.exports.get(name)?.clone();
    package.retain_versions(|version| *version == built.report.version);
    package.versions = vec![number.clone()];
    Some((name.clone(), package))
}

/// What a version consists of; its bytes are noted to be sent.
pub(super) fn collect(
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
            let stars = entry
                .export_stars
                .iter()
                .map(|id| format!("* from {}", unpinned(id)));
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

/// An id as it is imported where nothing is pinned: a folder that was built elsewhere has pins, and another pin is no other name.
fn unpinned(id: &str) -> String {
    match Id::parse(id) {
        Ok(pinned) => match id[pinned.name.len()..].split_once('/') {
            Some((_, entry)) => format!("{}/{entry}", pinned.name),
            None => pinned.name.to_owned(),
        },
        // A URL.
        Err(_) => id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::unpinned;

    #[test]
    fn another_pin_is_no_other_name() {
        for (id, bare) in [
            ("d3", "d3"),
            ("d3@7.8", "d3"),
            ("d3@7.8/scale", "d3/scale"),
            ("@acme/shapes/round", "@acme/shapes/round"),
            ("@acme/shapes@1.0.0-rc.1/round", "@acme/shapes/round"),
            ("https://x.example/y@1.js", "https://x.example/y@1.js"),
        ] {
            assert_eq!(unpinned(id), bare);
        }
    }
}
