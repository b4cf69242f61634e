//! What is asked of whoever builds a folder, and what comes of it: plain data, for it may be another process that builds.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use radpack_build::{Build, Description, FileAction, Options, Report, Warning};
use radpack_manifest::{Dependency, Id, Manifest};
use semver::Version;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha384};

use super::PublishError;
use crate::commit::{Refusal, RefusalKind};
use crate::event::Hash;
use crate::folder::{LeftOut, Sources};
use crate::state::fact::{BuiltEntry, BuiltFile, NewContents, SourceFile};

/// Entries below this are chunks, of which nobody asks what they export.
const CHUNKS: &str = "c/";

/// What the URL template of a folder's manifest may be, if it was built elsewhere: where files are, the registry says.
const URLS: [&str; 2] = ["${baseUrl}/${name}/${file}", "${baseUrl}/${file}"];

/// What is to be done with a folder.
#[derive(Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) folder: PathBuf,
    pub(super) options: Options,
    pub(super) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum What {
    /// To say what it is.
    Describe,
    /// To build it into the output folder of the options.
    Build,
}

/// What building a folder came to; files lie where the options said.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Made {
    pub(super) contents: NewContents,
    /// The folder that the sources lie in, absolute and free of links.
    pub(super) root: PathBuf,
    /// A manifest of the package, with this version alone.
    #[serde(serialize_with = "write_manifest", deserialize_with = "read_manifest")]
    pub(super) package: Manifest,
    pub(super) warnings: Vec<Warning>,
    pub(super) left_out: Vec<LeftOut>,
}

fn write_manifest<S: Serializer>(manifest: &Manifest, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&manifest.to_json())
}

fn read_manifest<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Manifest, D::Error> {
    let text = String::deserialize(deserializer)?;
    Manifest::from_slice(text.as_bytes()).map_err(de::Error::custom)
}

impl Task {
    /// Says what the folder is.
    pub(super) fn describe(self) -> Result<Description, PublishError> {
        let Task {
            folder, options, ..
        } = self;
        Build::new(&folder)
            .options(options)
            .describe()
            .map_err(|source| PublishError::Build { folder, source })
    }

    /// Builds the folder.
    pub(super) fn build(self) -> Result<Made, PublishError> {
        let Task {
            folder, options, ..
        } = self;
        let report = match Build::new(&folder).options(options).run() {
            Ok(report) => report,
            Err(source) => return Err(PublishError::Build { folder, source }),
        };
        check_prebuilt(&folder, &report)?;
        if report.dry_run {
            let message = format!(
                "the package.json in {} asks for a dry run, of which nothing can be published",
                folder.display()
            );
            return Err(Refusal::of(RefusalKind::Invalid, message).into());
        }
        Made::of(folder, report)
    }
}

/// Of a folder built elsewhere, only what the package is may come in: where it is served, the registry says.
fn check_prebuilt(folder: &Path, report: &Report) -> Result<(), Refusal> {
    if !report.prebuilt {
        return Ok(());
    }
    let refuse = |what: String| {
        let message = format!(
            "{} was built elsewhere, and its radpack.json {what}: the registry says where files are served; build it without that",
            folder.display()
        );
        Err(Refusal::of(RefusalKind::Invalid, message))
    };
    let text = fs::read(folder.join("radpack.json")).unwrap_or_default();
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

impl Made {
    /// What a version consists of.
    fn of(folder: PathBuf, mut report: Report) -> Result<Made, PublishError> {
        let unreadable = |source| PublishError::Folder {
            folder: folder.clone(),
            source,
        };
        let root = fs::canonicalize(&folder).unwrap_or_else(|_| folder.clone());
        let inputs = report.inputs.iter().filter(|path| path.is_file());
        let inputs: BTreeSet<PathBuf> = inputs
            .filter(|path| path.starts_with(&root) || path.starts_with(&folder))
            .cloned()
            .collect();
        let sources = Sources::read(&folder, &inputs).map_err(unreadable)?;
        let mut contents = NewContents::default();
        for (path, file) in sources.files() {
            contents.sources.insert(
                path.to_owned(),
                SourceFile {
                    sha256: file.hash,
                    bytes: file.length,
                },
            );
        }
        add_files(&report, &mut contents)?;
        add_entries(&report, &mut contents);
        let mut package = Manifest::default();
        if let Some(mut built) = report.manifest.exports.remove(&report.name) {
            built.retain_versions(|version| *version == report.version);
            package.exports.insert(report.name, built);
        }
        Ok(Made {
            contents,
            root,
            package,
            warnings: report.warnings,
            left_out: sources.left_out().to_vec(),
        })
    }

    /// Holds what somebody says of a folder against what was asked for and what lies there: whatever came to rule them, the rest of
    /// the registry believes nothing that was not seen. The error completes the sentence "it says … and that is not so".
    pub(super) fn check(mut self, asked: &Asked) -> Result<Made, String> {
        if self.package.exports.keys().any(|name| *name != asked.name) {
            return Err(format!("that it built another package than {}", asked.name));
        }
        let package = self.package.exports.get(&asked.name);
        if package.is_some_and(|it| {
            it.versions
                .iter()
                .any(|it| Some(it) != asked.version.as_ref())
        }) {
            return Err("that it built another version than was asked for".to_owned());
        }
        let files = &self.contents.files;
        let entries = self.contents.entries.values();
        let variants = package.into_iter().flat_map(|package| &package.entries);
        let variants = variants.flat_map(|entry| &entry.variants);
        let named = entries.filter_map(|entry| entry.file.as_ref());
        let mut named = named.chain(variants.filter_map(|variant| variant.file.as_ref()));
        if let Some(name) = named.find(|name| !files.contains_key(*name)) {
            return Err(format!("that it built {name:?}"));
        }
        let unseen = |name: &str| format!("what {name:?} is");
        let root = fs::canonicalize(&asked.folder);
        self.root = root.map_err(|_| "what the folder is".to_owned())?;
        for (name, file) in &self.contents.sources {
            let path = within(&self.root, name).ok_or_else(|| unseen(name))?;
            check_file(&path, file.sha256, file.bytes, None).ok_or_else(|| unseen(name))?;
        }
        if files.is_empty() {
            return Ok(self);
        }
        let built = fs::canonicalize(&asked.out);
        let own = fs::canonicalize(asked.out.join(&asked.name));
        let own = built.and_then(|built| Ok((built, own?)));
        let own = own.ok().filter(|(built, own)| own.starts_with(built));
        let (_, out) = own.ok_or("what the output is")?;
        for (name, file) in files {
            let path = within(&out, name).ok_or_else(|| unseen(name))?;
            let integrity = file.integrity.as_deref();
            check_file(&path, file.sha256, file.bytes, integrity).ok_or_else(|| unseen(name))?;
        }
        Ok(self)
    }
}

/// What was to be built, and where.
pub(super) struct Asked {
    pub(super) name: String,
    pub(super) version: Option<Version>,
    pub(super) folder: PathBuf,
    pub(super) out: PathBuf,
}

/// The file that a name in a folder means, if it is a file and lies there, whatever leads to it.
fn within(folder: &Path, name: &str) -> Option<PathBuf> {
    let mut parts = Path::new(name).components();
    if name.is_empty() || !parts.all(|part| matches!(part, Component::Normal(_))) {
        return None;
    }
    let path = fs::canonicalize(folder.join(name)).ok()?;
    (path.starts_with(folder) && path.is_file()).then_some(path)
}

/// Whether a file has these bytes.
fn check_file(path: &Path, sha256: Hash, bytes: u64, integrity: Option<&str>) -> Option<()> {
    let open = || File::open(path).ok();
    if Hash::of_reader(open()?, u64::MAX).ok()? != (sha256, bytes) {
        return None;
    }
    let Some(integrity) = integrity else {
        return Some(());
    };
    let mut digest = Sha384::new();
    let mut file = open()?;
    let mut piece = vec![0; 64 << 10];
    loop {
        match file.read(&mut piece).ok()? {
            0 => break,
            read => digest.update(&piece[..read]),
        }
    }
    (integrity == told_integrity(&digest.finalize())).then_some(())
}

fn told_integrity(digest: &[u8]) -> String {
    format!("sha384-{}", STANDARD.encode(digest))
}

/// The files that are served.
fn add_files(report: &Report, contents: &mut NewContents) -> Result<(), PublishError> {
    let modules: BTreeSet<&str> = report
        .entries
        .iter()
        .filter_map(|entry| entry.file.as_deref())
        .collect();
    let prefix = format!("{}/", report.name);
    let files = report
        .files
        .iter()
        .filter(|file| matches!(file.action, FileAction::Written | FileAction::Reused));
    for file in files {
        let Some(served) = file.path.strip_prefix(&prefix) else {
            continue;
        };
        let bytes = fs::read(report.out.join(&file.path)).map_err(|source| PublishError::Io {
            what: format!("the built file {} cannot be read", file.path),
            source,
        })?;
        let integrity = modules
            .contains(served)
            .then(|| told_integrity(&Sha384::digest(&bytes)));
        contents.files.insert(
            served.to_owned(),
            BuiltFile {
                sha256: Hash::of(&bytes),
                bytes: bytes.len() as u64,
                integrity,
            },
        );
    }
    Ok(())
}

/// What is offered.
fn add_entries(report: &Report, contents: &mut NewContents) {
    let package = report.manifest.exports.get(&report.name);
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
