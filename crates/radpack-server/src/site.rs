//! A registry as a folder of files, for those who want no server at all: any host of files serves it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use radpack_registry::state::package::RELEASE;
use radpack_registry::{
    Cohort, FolderError, Follow, Hash, HistoryError, ManifestQuery, Moment, Refusal, RefusalKind,
    Registry, write_files,
};
use radpack_resolve::{Gathering, ImportMapError, Index, IndexError};

use crate::encoded::Coding;
use crate::files::{Files, Serving};

/// What is compressed beside itself, for hosts that send what lies there.
const COMPRESSED: [(Coding, &str); 2] = [(Coding::Gzip, "gz"), (Coding::Brotli, "br")];

/// What compressing is worth it for.
const TEXTS: [&str; 6] = ["js", "mjs", "json", "map", "css", "svg"];

/// What a site has.
#[derive(Clone, Debug)]
pub struct SiteOptions {
    /// The channel whose pointers `radpack.json` follows.
    pub channel: String,
    /// The cohort whose answers everybody gets; without, the stable releases.
    pub cohort: Option<Cohort>,
    /// What pages begin with: for these ids there are import maps.
    pub roots: Vec<String>,
    /// Where the files will be, if that is not where `radpack.json` and pages are.
    pub base_url: Option<String>,
    /// Whether texts lie there compressed, too (`.gz`, `.br`).
    pub compressed: bool,
}

impl Default for SiteOptions {
    fn default() -> SiteOptions {
        SiteOptions {
            channel: RELEASE.to_owned(),
            cohort: None,
            roots: Vec::new(),
            base_url: None,
            compressed: false,
        }
    }
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SiteReport {
    /// The packages that the manifest has.
    pub packages: usize,
    /// Files of packages that are new in the folder.
    pub written: usize,
    /// Files of packages that were there.
    pub kept: usize,
    /// Files that only yanked versions have: they are gone.
    pub removed: usize,
    /// Whether a rollout is on its way, which a folder cannot follow.
    pub is_rolling: bool,
}

/// Why a site was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SiteError {
    /// The registry cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// What is asked for is not there.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The manifest cannot be read back.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// There is no import map for an id.
    #[error("there is no import map for {root}")]
    ImportMap {
        /// The id.
        root: String,
        /// Why.
        #[source]
        source: ImportMapError,
    },
    /// The folder cannot be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A file that is to go cannot be removed.
    #[error("{} cannot be removed", path.display())]
    Remove {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Writes what a registry gives everybody into a folder: all files that were ever released and not yanked, so that open pages go on working,
/// then import maps, and `radpack.json` last: whoever sees it finds what it names. What else is in the folder stays.
///
/// # Errors
///
/// If the registry cannot be read, a root has no answer, or the folder cannot be written; then some files may have been.
pub async fn write_site(
    registry: &Registry,
    folder: &Path,
    options: &SiteOptions,
) -> Result<SiteReport, SiteError> {
    let channel = &options.channel;
    if channel == "latest" {
        let message = "the channel latest has what is not released, and a folder is for everybody: name a channel that things are released in";
        return Err(Refusal::of(RefusalKind::Invalid, message).into());
    }
    let moment = registry.refresh().await?;
    registry.read_all(&moment).await?;
    let at = moment.now();
    let query = ManifestQuery {
        of: Follow::from(&*options.channel),
        cohort: options.cohort,
        ..ManifestQuery::default()
    };
    let manifest = registry
        .ask(&moment, |state| state.manifest(&query, at))
        .await?;
    let mut manifest = manifest?;
    if channel != RELEASE && manifest.exports.is_empty() {
        // A site is not emptied by a name that was mistyped.
        let message = format!("nothing is released in the channel {channel}");
        return Err(Refusal::of(RefusalKind::Unknown, message).into());
    }
    if let Some(base_url) = &options.base_url {
        manifest.vars.insert("baseUrl".to_owned(), base_url.clone());
        manifest.normalize();
    }
    let pages = pages(&manifest, options)?;
    let mut rollouts = moment.state.rollouts(&options.channel);
    let mut report = SiteReport {
        packages: manifest.exports.len(),
        is_rolling: rollouts.any(|rollout| !rollout.is_complete(at)),
        ..SiteReport::default()
    };
    drop(rollouts);
    let channels = [options.channel.clone()];
    for name in moment.state.names() {
        let Some(package) = moment.state.shared(name) else {
            continue;
        };
        let files = Files::of(name, package, &channels);
        write_package(
            registry,
            &moment,
            folder,
            name,
            &files,
            options,
            &mut report,
        )
        .await?;
    }
    write(folder, pages, options)?;
    let json = BTreeMap::from([("radpack.json".to_owned(), Bytes::from(manifest.to_json()))]);
    write(folder, json, options)?;
    Ok(report)
}

/// The import maps.
fn pages(
    manifest: &radpack_manifest::Manifest,
    options: &SiteOptions,
) -> Result<BTreeMap<String, Bytes>, SiteError> {
    if options.roots.is_empty() {
        return Ok(BTreeMap::new());
    }
    let index = Index::from_manifest(manifest)?.with_base_url("");
    let mut gathering = Gathering::new(index.query());
    for root in &options.roots {
        gathering.add(root).map_err(|source| SiteError::ImportMap {
            root: root.clone(),
            source,
        })?;
    }
    let (map, preloads) = gathering.finish();
    Ok(BTreeMap::from([
        ("import-map.json".to_owned(), Bytes::from(map.to_json())),
        (
            "import-map.html".to_owned(),
            Bytes::from(map.to_html(&preloads)),
        ),
    ]))
}

async fn write_package(
    registry: &Registry,
    moment: &Moment,
    folder: &Path,
    name: &str,
    files: &Files,
    options: &SiteOptions,
    report: &mut SiteReport,
) -> Result<(), SiteError> {
    for (file, served) in &files.files {
        let path = format!("m/{name}/{file}");
        let there = folder.join(&path);
        match &served.released {
            Serving::No => {}
            Serving::Gone(_) => {
                report.removed += usize::from(remove(&there)?);
                for (_, extension) in COMPRESSED {
                    remove(&with_extension(&there, extension))?;
                }
            }
            Serving::Yes => {
                // A name means one content for ever; what somebody else has put there is put right.
                let known = fs::read(&there).is_ok_and(|known| Hash::of(&known) == served.hash);
                if known && !options.compressed {
                    report.kept += 1;
                    continue;
                }
                let bytes = registry.blob(moment, &served.hash).await?;
                write(folder, BTreeMap::from([(path, bytes)]), options)?;
                report.kept += usize::from(known);
                report.written += usize::from(!known);
            }
        }
    }
    Ok(())
}

fn write(
    folder: &Path,
    mut files: BTreeMap<String, Bytes>,
    options: &SiteOptions,
) -> Result<(), SiteError> {
    if options.compressed {
        let mut more = BTreeMap::new();
        for (name, bytes) in &files {
            let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
            if !TEXTS.contains(&extension) {
                continue;
            }
            for (coding, extension) in COMPRESSED {
                if let Some(encoded) = coding.encode(bytes) {
                    more.insert(format!("{name}.{extension}"), Bytes::from(encoded));
                }
            }
        }
        // Whoever finds the file finds it compressed.
        write_files(folder, &more)?;
    }
    write_files(folder, &std::mem::take(&mut files))?;
    Ok(())
}

fn with_extension(path: &Path, extension: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(".");
    path.push(extension);
    path.into()
}

fn remove(path: &Path) -> Result<bool, SiteError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(SiteError::Remove {
            path: path.to_owned(),
            source,
        }),
    }
}
