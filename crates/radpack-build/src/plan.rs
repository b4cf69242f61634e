//! Working out what a build writes, without writing it: prune, pin, name, merge.
//!
//! Everything here depends on the output folder as it is now. Where another builder changes it before this one can write, it
//! is all worked out again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

use radpack_manifest::Manifest;
use semver::Version;

use crate::chunks::{Names, canonical};
use crate::error::{BuildError, ErrorKind, Problem, Problems};
use crate::graph::{Graph, Link};
use crate::maps::map_of;
use crate::merge::{self, Copy, EntryAt, Layer, Needed, Origin, Retained, VersionEntries};
use crate::module::ImportKind;
use crate::names::{self, FinalFile};
use crate::options::Source;
use crate::output::{self, Contents};
use crate::pins::Pinner;
use crate::prebuilt::Prebuilt;
use crate::prune;
use crate::registers::RADPACK_JSON;
use crate::report::{BuiltEntry, FileAction, MovedTag, OutputFile, Pin, VersionChange, Warning};
use crate::setup::Setup;
use crate::source::Kind;
use crate::sweep;

/// What is built.
#[derive(Debug)]
pub(crate) enum Input {
    /// Modules that were read.
    Graph(Graph),
    /// A folder that is built already.
    Prebuilt(Prebuilt),
}

/// What a build writes, and what it reports.
#[derive(Debug)]
pub(crate) struct Plan {
    /// By path relative to the output folder.
    pub(crate) files: BTreeMap<String, PlannedFile>,
    pub(crate) manifest: Manifest,
    pub(crate) json: String,
    /// The manifest that was there, byte by byte.
    pub(crate) existing: Option<Vec<u8>>,
    pub(crate) delete: BTreeSet<String>,
    pub(crate) changes: Vec<VersionChange>,
    pub(crate) moved_tags: Vec<MovedTag>,
    pub(crate) pins: Vec<Pin>,
    pub(crate) entries: Vec<BuiltEntry>,
    pub(crate) warnings: Vec<Warning>,
}

/// One file to write.
#[derive(Debug)]
pub(crate) struct PlannedFile {
    pub(crate) contents: Vec<u8>,
    /// Whether it comes from another register.
    pub(crate) copied: bool,
}

impl Plan {
    /// What is to be written.
    pub(crate) fn contents(&self) -> Contents<'_> {
        Contents {
            files: self
                .files
                .iter()
                .map(|(path, file)| (path.as_str(), file.contents.as_slice()))
                .collect(),
            manifest: self.json.as_bytes(),
            delete: &self.delete,
        }
    }

    /// The files as the report has them, given what is there now.
    pub(crate) fn output_files(&self, out: &Path) -> Vec<OutputFile> {
        let written = self
            .files
            .iter()
            .map(|(path, file)| (path.as_str(), file.contents.as_slice(), file.copied));
        let manifest = std::iter::once((RADPACK_JSON, self.json.as_bytes(), false));
        let mut files: Vec<OutputFile> = written
            .chain(manifest)
            .map(|(path, contents, copied)| OutputFile {
                path: path.to_owned(),
                bytes: contents.len() as u64,
                action: output::action(&out.join(path), contents, copied),
            })
            .collect();
        files.extend(self.delete.iter().map(|path| OutputFile {
            path: path.clone(),
            bytes: fs::metadata(out.join(path)).map_or(0, |found| found.len()),
            action: FileAction::Deleted,
        }));
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files
    }
}

/// The manifest in the output folder, and its bytes.
pub(crate) fn existing(out: &Path) -> Result<Option<(Manifest, Vec<u8>)>, Problem> {
    let path = out.join(RADPACK_JSON);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Problem::io("read", &path, error)),
    };
    match Manifest::from_slice(&bytes) {
        Ok(manifest) => Ok(Some((manifest, bytes))),
        Err(errors) => {
            let message = format!(
                "{} is no valid manifest, and would be lost: mend it, move it away, or choose another output folder",
                path.display()
            );
            Err(Problem::new(ErrorKind::Register, message).caused_by(errors))
        }
    }
}

/// The registers of a build with the names that messages have for them, bottom to top.
pub(crate) fn labelled<'s>(
    sources: &'s [Source],
    existing: Option<(&'s Manifest, &Path)>,
) -> Vec<(&'s Manifest, String)> {
    let mut registers: Vec<(&Manifest, String)> = sources
        .iter()
        .map(|source| (&source.manifest, source.location.to_string()))
        .collect();
    registers.extend(
        existing.map(|(manifest, out)| (manifest, out.join(RADPACK_JSON).display().to_string())),
    );
    registers
}

/// Works it all out.
pub(crate) fn plan(setup: &Setup, sources: &[Source], input: &Input) -> Result<Plan, BuildError> {
    let existing = existing(&setup.out)?;
    let existing_manifest = existing.as_ref().map(|(manifest, _)| manifest);
    let mut registers: Vec<Layer<'_>> = sources
        .iter()
        .map(|source| Layer {
            manifest: &source.manifest,
            origin: Origin::Elsewhere(&source.location),
        })
        .collect();
    registers.extend(existing_manifest.map(|manifest| Layer {
        manifest,
        origin: Origin::Out,
    }));
    let mut problems = Problems::default();
    let changes = prune(setup, &registers, &mut problems);
    let pins = match input {
        Input::Graph(graph) => {
            let labelled = labelled(
                sources,
                existing_manifest.map(|manifest| (manifest, setup.out.as_path())),
            );
            pin(setup, graph, labelled, &mut problems)
        }
        Input::Prebuilt(_) => Vec::new(),
    };
    problems.check()?;
    let vars = merge::vars(existing_manifest, &setup.vars);
    let retained = merge::retain(&setup.name, &changes, &registers, &vars, &mut problems);
    let mut files = read_copies(&retained, &mut problems);
    problems.check()?;
    check_copies(&setup.out, &files, &mut problems);
    problems.check()?;

    let mut warnings: Vec<Warning> = Vec::new();
    let ids: Vec<String> = pins.iter().map(|(pin, _)| pin.id.clone()).collect();
    let taken = |name: &str, contents: &[u8]| {
        let path = format!("{}/{name}", setup.name);
        let absolute = setup.out.join(&path);
        files
            .get(&path)
            .is_some_and(|file| file.contents != contents)
            || (fs::symlink_metadata(&absolute).is_ok() && !output::is_there(&absolute, contents))
    };
    let (version, built, entries) = match input {
        Input::Graph(graph) => {
            let names = Names::new(graph);
            let finished = names::finish(graph, &names, &ids, &taken)?;
            warnings.extend(
                finished
                    .iter()
                    .flat_map(|file| file.warnings.iter().cloned()),
            );
            let entries = describe(graph, &names, &finished);
            (
                version_of(graph, &names, &finished, &ids),
                contents_of(finished),
                entries,
            )
        }
        Input::Prebuilt(prebuilt) => {
            let mut prebuilt = prebuilt.clone();
            warnings.extend(prebuilt.settle_names(&taken, &mut problems));
            let entries = describe_prebuilt(&prebuilt);
            (prebuilt.version, prebuilt.files, entries)
        }
    };
    problems.check()?;
    let paths = built.keys().map(|name| format!("{}/{name}", setup.name));
    setup.check_links(paths)?;
    for (name, contents) in built {
        files.insert(
            format!("{}/{name}", setup.name),
            PlannedFile {
                contents,
                copied: false,
            },
        );
    }
    let mut versions: BTreeMap<Version, VersionEntries> = retained.versions;
    versions.insert(setup.version.clone(), version);
    let (manifest, moved_tags) = merge::assemble(
        &setup.name,
        &versions,
        &changes,
        &registers,
        &vars,
        &mut problems,
    );
    problems.check()?;
    let delete = if setup.delete_unreferenced {
        let mut named = merge::files_of(&manifest);
        named.extend(files.keys().cloned());
        sweep::unreferenced(&setup.out, &setup.name, &named)
    } else {
        BTreeSet::new()
    };
    let mut written = Vec::new();
    for (pin, warning) in pins {
        written.push(pin);
        warnings.extend(warning);
    }
    Ok(Plan {
        files,
        json: manifest.to_json(),
        manifest,
        existing: existing.map(|(_, bytes)| bytes),
        delete,
        changes,
        moved_tags,
        pins: written,
        entries,
        warnings,
    })
}

/// What becomes of each version that there is.
fn prune(setup: &Setup, registers: &[Layer<'_>], problems: &mut Problems) -> Vec<VersionChange> {
    let packages = registers
        .iter()
        .filter_map(|from| from.manifest.exports.get(&setup.name));
    let existing: Vec<Version> = packages
        .flat_map(|package| package.versions.iter().cloned())
        .collect();
    match prune::prune(&existing, &setup.version, setup.retention) {
        Ok(changes) => changes,
        Err(downgrade) => {
            let newer: Vec<String> = downgrade.newer.iter().map(ToString::to_string).collect();
            let advice: Vec<&str> = downgrade.keeping.iter().map(|keep| keep.advice()).collect();
            let keeping = match advice.as_slice() {
                [] => String::new(),
                advice => format!(", {} where that is meant,", advice.join(" and ")),
            };
            let message = format!(
                "{}@{} would displace the newer {}: build a higher version{keeping} or allow the downgrade (`allowDowngrade`, \
                 --allow-downgrade)",
                setup.name,
                setup.version,
                newer.join(", ")
            );
            problems.push(Problem::new(ErrorKind::Refused, message));
            Vec::new()
        }
    }
}

/// The pin of each outside import of the graph, in its order.
fn pin(
    setup: &Setup,
    graph: &Graph,
    registers: Vec<(&Manifest, String)>,
    problems: &mut Problems,
) -> Vec<(Pin, Option<Warning>)> {
    let pinner = Pinner::new(registers, &setup.package.dependencies);
    let mut pins = Vec::new();
    for outside in &graph.outside {
        match pinner.pin(&outside.specifier) {
            Ok(pinned) => {
                let warning = pinned.warning.map(|message| Warning {
                    file: Some(outside.file.clone()),
                    line: Some(outside.position.line),
                    column: Some(outside.position.column),
                    message,
                });
                pins.push((pinned.pin, warning));
            }
            Err(message) => problems.push(
                Problem::new(
                    ErrorKind::Unserved,
                    format!("{:?} {message}", outside.specifier),
                )
                .in_file(outside.file.as_str())
                .at(outside.position),
            ),
        }
    }
    pins
}

/// The files of retained versions that come from other registers, with their source maps.
fn read_copies(retained: &Retained, problems: &mut Problems) -> BTreeMap<String, PlannedFile> {
    let mut files = BTreeMap::new();
    for (path, Copy { from, integrity }) in &retained.copies {
        let contents = match fs::read(from) {
            Ok(contents) => contents,
            Err(error) => {
                problems.push(Problem::io("read", from, error));
                continue;
            }
        };
        let found = names::integrity(&contents);
        if let Some(stated) = integrity
            .as_ref()
            .filter(|stated| stated.starts_with("sha384-") && **stated != found)
        {
            let from = from.display();
            let message = format!(
                "{from} is not the file that its register means: its integrity is {found}, not {stated}"
            );
            problems.push(Problem::new(ErrorKind::Register, message));
        }
        // The map lies beside the file, there as here.
        let map = map_of(path, &contents).and_then(|map| {
            let beside = from.parent()?.join(map_of("x", &contents)?);
            Some((map, fs::read(beside).ok()?))
        });
        let copied = true;
        files.extend(map.map(|(map, contents)| (map, PlannedFile { contents, copied })));
        files.insert(path.clone(), PlannedFile { contents, copied });
    }
    files
}

fn check_copies(out: &Path, files: &BTreeMap<String, PlannedFile>, problems: &mut Problems) {
    for (path, file) in files {
        let absolute = out.join(path);
        if fs::symlink_metadata(&absolute).is_ok() && !output::is_there(&absolute, &file.contents) {
            let message = format!(
                "{} is to be copied from another register, but stands for other contents here: build into another folder",
                absolute.display()
            );
            problems.push(Problem::new(ErrorKind::Register, message));
        }
    }
}

/// The version that was built, as the manifest has it.
fn version_of(
    graph: &Graph,
    names: &Names,
    finished: &[FinalFile],
    ids: &[String],
) -> VersionEntries {
    let entry = |node: usize| {
        let file = &finished[node];
        let mut at = EntryAt {
            file: Some(file.name.clone()),
            integrity: Some(file.integrity.clone()),
            ..EntryAt::default()
        };
        let imports = graph.nodes[node]
            .source
            .module
            .imports
            .iter()
            .zip(&graph.nodes[node].links);
        for (import, link) in imports {
            let needed = match link {
                Link::Stays => continue,
                Link::Node { node: other, .. } if *other == node => continue,
                Link::Node { node, .. } => Needed::Own(names.holders[*node].clone()),
                Link::Outside(outside) => Needed::Outside(ids[*outside].clone()),
            };
            match import.kind {
                ImportKind::Static => at.statics.insert(needed),
                ImportKind::Dynamic | ImportKind::Url => at.dynamics.insert(needed),
            };
        }
        at
    };
    VersionEntries {
        entries: names
            .entries
            .iter()
            .map(|(name, &node)| (name.clone(), entry(node)))
            .collect(),
    }
}

/// Files and source maps by name.
fn contents_of(finished: Vec<FinalFile>) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for file in finished {
        files.extend(file.map);
        files.insert(file.name, file.contents);
    }
    files
}

fn describe(graph: &Graph, names: &Names, finished: &[FinalFile]) -> Vec<BuiltEntry> {
    let mut entries: Vec<BuiltEntry> = names
        .entries
        .iter()
        .map(|(name, &node)| {
            let (exports, export_stars) = graph.exports(node);
            BuiltEntry {
                name: name.clone(),
                source: Some(graph.nodes[node].path.clone()),
                file: Some(finished[node].name.clone()),
                bytes: finished[node].contents.len() as u64,
                integrity: Some(finished[node].integrity.clone()),
                is_module: graph.nodes[node].kind == Kind::Module,
                exports,
                export_stars,
            }
        })
        .collect();
    entries.sort_by(|a, b| canonical(&a.name).cmp(&canonical(&b.name)));
    entries
}

fn describe_prebuilt(prebuilt: &Prebuilt) -> Vec<BuiltEntry> {
    let describe = |(name, at): (&String, &EntryAt)| {
        let file = at.file.as_ref().filter(|_| at.url.is_none());
        let contents = file.and_then(|file| prebuilt.files.get(file));
        let (exports, export_stars) = file.map(|file| prebuilt.exports(file)).unwrap_or_default();
        BuiltEntry {
            name: name.clone(),
            source: None,
            file: file.cloned(),
            bytes: contents.map_or(0, |contents| contents.len() as u64),
            integrity: at.integrity.clone(),
            is_module: file.is_some_and(|file| prebuilt.is_module(file)),
            exports,
            export_stars,
        }
    };
    let mut entries: Vec<BuiltEntry> = prebuilt.version.entries.iter().map(describe).collect();
    entries.sort_by(|a, b| canonical(&a.name).cmp(&canonical(&b.name)));
    entries
}
