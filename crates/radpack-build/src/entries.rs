//! Which entries a package declares: candidates out of `package.json` and the options, in order of preference.
//!
//! Whether a candidate is an ES module is not known yet: its syntax decides, once it is read (`graph.rs`). Candidates that
//! cannot be modules whatever they hold (JSON, style sheets, types, `.cjs`) are sorted out here.

use std::collections::hash_map::Entry::{Occupied, Vacant};
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use radpack_manifest::Id;
use serde_json::Value;

use crate::error::{ErrorKind, Problem, Problems};
use crate::exports::{self, Lead};
use crate::folder::{Folder, extension, join};
use crate::locate::Locator;
use crate::options::EntryOption;
use crate::package_json::{PACKAGE_JSON, PackageJson};
use crate::report::{LeftOut, LeftOutReason};

/// The entry that an id without one means.
pub(crate) const INDEX: &str = "index";

/// Something that may become an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// The entry's name, without extension.
    pub(crate) name: String,
    /// The file, by its real path in the package folder.
    pub(crate) path: String,
    /// Whether it was asked for by name, so that leaving it out is an error.
    pub(crate) asked: bool,
    /// Where it is declared, for messages: `exports["./x"]`.
    pub(crate) declared: String,
}

/// What [`find`] found.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    /// Of several with one name, better ones first.
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) left_out: Vec<LeftOut>,
    /// Where in `candidates` a name with a file stands.
    known: HashMap<(String, String), usize>,
}

/// Finds the candidates. `skip` are the folders that patterns do not look into.
pub(crate) fn find(
    folder: &Folder,
    package: &PackageJson,
    options: &[EntryOption],
    locator: &Locator<'_>,
    skip: &[PathBuf],
    problems: &mut Problems,
) -> Candidates {
    let mut finder = Finder {
        folder,
        locator,
        skip,
        problems,
        found: Candidates::default(),
    };
    for option in options {
        finder.asked(
            option,
            &format!("the entry option {}={}", option.name, option.path),
            None,
        );
    }
    if let Some(entries) = &package.settings.entries {
        for entry in entries {
            finder.asked(
                entry,
                &format!("radpack.entries[{:?}]", entry.name),
                Some(PACKAGE_JSON),
            );
        }
    } else if let Some(exports) = &package.exports {
        finder.exports(exports);
    } else if let Some(module) = &package.module {
        finder.field("module", module);
    } else {
        // A `browser` that is one file stands for `main`; where it is no ES module, `main` may be one.
        if let Some(browser) = &package.browser_main {
            finder.field("browser", browser);
        }
        match &package.main {
            Some(main) => finder.field("main", main),
            None => finder.default_main(),
        }
    }
    let asked: BTreeSet<String> = finder
        .found
        .candidates
        .iter()
        .filter(|candidate| candidate.asked && candidate.declared.starts_with("the entry option"))
        .map(|candidate| candidate.name.clone())
        .collect();
    // An entry option stands in place of whatever is declared under its name.
    finder.found.candidates.retain(|candidate| {
        !asked.contains(&candidate.name) || candidate.declared.starts_with("the entry option")
    });
    finder.found
}

/// Why a file can be no module whatever it holds; `None` where its syntax decides.
pub(crate) fn never_a_module(path: &str) -> Option<LeftOutReason> {
    match extension(path).as_str() {
        "json" | "json5" | "map" => Some(LeftOutReason::Json),
        "css" | "scss" | "sass" | "less" | "styl" => Some(LeftOutReason::StyleSheet),
        "ts" | "tsx" | "mts" | "cts" | "flow" => Some(LeftOutReason::Types),
        "cjs" => Some(LeftOutReason::CommonJs),
        _ => None,
    }
}

/// Whether the extension is one that JavaScript has.
pub(crate) fn is_javascript(path: &str) -> bool {
    matches!(
        extension(path).as_str(),
        "js" | "mjs" | "es" | "es6" | "esm" | "jsm"
    )
}

/// An entry's name as it is asked for: `.` is the index, `./` and a module's extension are not part of it.
fn entry_name(written: &str) -> &str {
    match written.strip_prefix("./").unwrap_or(written) {
        "." | "" => INDEX,
        name => [".js", ".mjs", ".cjs"]
            .iter()
            .find_map(|extension| name.strip_suffix(extension))
            .filter(|name| !name.is_empty() && !name.ends_with('/'))
            .unwrap_or(name),
    }
}

/// Of several ways to write an entry's name, the better one first: without extension, `.js`, `.mjs`, anything else.
fn rank(written: &str) -> u8 {
    match extension(written).as_str() {
        "js" => 1,
        "mjs" => 2,
        "cjs" => 3,
        _ => 0,
    }
}

struct Finder<'f> {
    folder: &'f Folder,
    locator: &'f Locator<'f>,
    skip: &'f [PathBuf],
    problems: &'f mut Problems,
    found: Candidates,
}

impl Finder<'_> {
    /// `exports`: every subpath and every file of every pattern.
    fn exports(&mut self, exports: &Value) {
        let mut subpaths = match exports::subpaths(exports) {
            Ok(subpaths) => subpaths,
            Err(message) => {
                let problem = Problem::new(ErrorKind::Package, format!("exports {message}"));
                self.problems.push(problem.in_file(PACKAGE_JSON));
                return;
            }
        };
        let keys: Vec<&str> = subpaths.iter().map(|(key, _)| *key).collect();
        subpaths.sort_by_key(|(key, _)| rank(key));
        for (key, target) in subpaths {
            if !key.contains('*') {
                self.listed(key, target, None, key);
                continue;
            }
            let mut stars = BTreeSet::new();
            for pattern in exports::patterns(target) {
                let Some(pattern) = join("", pattern) else {
                    continue;
                };
                stars.extend(self.stars(&pattern, &format!("exports[{key:?}]")));
            }
            let mut stars: Vec<String> = stars.into_iter().collect();
            stars.sort_by_key(|star| rank(&key.replace('*', star)));
            for star in stars {
                let subpath = key.replace('*', &star);
                if exports::best_match(keys.iter().copied(), &subpath) == Some((key, Some(&star))) {
                    self.listed(key, target, Some(&star), &subpath);
                }
            }
        }
    }

    /// One subpath of `exports`.
    fn listed(&mut self, key: &str, target: &Value, star: Option<&str>, subpath: &str) {
        let name = entry_name(subpath);
        let lead = exports::follow(target, star, &mut |path| {
            // A path that leads out leads somewhere, but not where it may: that is told below.
            !matches!(self.locator.published(path), Ok(None))
        });
        let declared = format!("exports[{key:?}]");
        match lead {
            Lead::To(path) => {
                let Some(path) = self.inside(&path, &declared) else {
                    return;
                };
                if !is_javascript(&path) {
                    let reason = never_a_module(&path).unwrap_or(LeftOutReason::NoModule);
                    self.leave_out(subpath, Some(path), reason);
                } else {
                    self.candidate(name, path, false, declared);
                }
            }
            Lead::Closed => {}
            Lead::Missing(path) => self.leave_out(subpath, Some(path), LeftOutReason::Missing),
            Lead::NoCondition => self.leave_out(subpath, None, LeftOutReason::NoCondition),
        }
    }

    /// `module` or `main`.
    fn field(&mut self, field: &str, written: &str) {
        match self.locator.file_at_root(written) {
            Ok(Some(path)) => self.candidate(INDEX, path, false, field.to_owned()),
            Ok(None) => self.problem(
                Some(PACKAGE_JSON),
                format!(
                    "{field} names {written:?}, which is not there: build the package's files first, or say where they are"
                ),
            ),
            Err(error) => self.problem(Some(PACKAGE_JSON), format!("{field} names {written:?}, which {error}")),
        }
    }

    /// npm's meaning of a `main` that is not given.
    fn default_main(&mut self) {
        if let Ok(Some(path)) = self.locator.file_at_root("./index.js") {
            self.candidate(INDEX, path, false, "main".to_owned());
        }
    }

    /// An entry, or a pattern of entries, that was asked for.
    fn asked(&mut self, entry: &EntryOption, declared: &str, file: Option<&str>) {
        if entry.path.is_empty() {
            self.problem(file, format!("{declared}: names no file"));
            return;
        }
        let stars = (entry.name.matches('*').count(), entry.path.contains('*'));
        match stars {
            (0, false) => {}
            (1, true) => {
                let Some(pattern) = join("", &entry.path) else {
                    self.problem(
                        file,
                        format!("{declared}: the path leads out of the package"),
                    );
                    return;
                };
                let mut found: Vec<String> = self.stars(&pattern, declared).into_iter().collect();
                if found.is_empty() {
                    self.problem(
                        file,
                        format!("{declared}: no file fits the pattern {:?}", entry.path),
                    );
                }
                found.sort_by_key(|star| rank(&pattern.replace('*', star)));
                for star in found {
                    let Some(path) = self.inside(&pattern.replace('*', &star), declared) else {
                        continue;
                    };
                    let written = entry.name.replace('*', &star);
                    match never_a_module(&path) {
                        Some(reason) => self.leave_out(&written, Some(path), reason),
                        None if !is_javascript(&path) => {
                            self.leave_out(&written, Some(path), LeftOutReason::NoModule);
                        }
                        None => {
                            self.candidate(entry_name(&written), path, false, declared.to_owned());
                        }
                    }
                }
                return;
            }
            _ => {
                self.problem(
                    file,
                    format!("{declared}: a pattern has one \"*\" in its name and one in its path"),
                );
                return;
            }
        }
        let path = match self.locator.file_at_root(&entry.path) {
            Ok(Some(path)) => path,
            Ok(None) => {
                self.problem(file, format!("{declared}: {:?} is not there", entry.path));
                return;
            }
            Err(error) => {
                self.problem(file, format!("{declared}: {:?} {error}", entry.path));
                return;
            }
        };
        if let Some(reason) = never_a_module(&path) {
            self.problem(file, format!("{declared}: {path} is {}", reason.as_str()));
            return;
        }
        let name = entry_name(&entry.name);
        if let Err(error) = Id::check_entry(name) {
            self.problem(file, format!("{declared}: {error}"));
            return;
        }
        self.candidate(name, path, true, declared.to_owned());
    }

    fn stars(&mut self, pattern: &str, declared: &str) -> BTreeSet<String> {
        match self.folder.matching(pattern, self.skip) {
            Ok(stars) => stars,
            Err((path, error)) => {
                self.problem(Some(&path), format!("{error} (found through {declared})"));
                BTreeSet::new()
            }
        }
    }

    /// The real path of a file that is there, or of what the `browser` map has in its place.
    fn inside(&mut self, path: &str, declared: &str) -> Option<String> {
        match self.locator.published(path) {
            Ok(found) => found,
            Err(error) => {
                self.problem(Some(PACKAGE_JSON), format!("{declared}: {path:?} {error}"));
                None
            }
        }
    }

    fn candidate(&mut self, name: &str, path: String, asked: bool, declared: String) {
        if Id::check_entry(name).is_err() {
            self.leave_out(name, Some(path), LeftOutReason::Name);
            return;
        }
        let found = &mut self.found;
        match found.known.entry((name.to_owned(), path)) {
            Occupied(known) => found.candidates[*known.get()].asked |= asked,
            Vacant(vacant) => {
                let (name, path) = vacant.key().clone();
                vacant.insert(found.candidates.len());
                found.candidates.push(Candidate {
                    name,
                    path,
                    asked,
                    declared,
                });
            }
        }
    }

    fn leave_out(&mut self, written: &str, path: Option<String>, reason: LeftOutReason) {
        self.found.left_out.push(LeftOut {
            entry: entry_name(written).to_owned(),
            path,
            reason,
        });
    }

    fn problem(&mut self, file: Option<&str>, message: String) {
        let problem = Problem::new(ErrorKind::Entry, message);
        self.problems.push(match file {
            Some(file) => problem.in_file(file),
            None => problem,
        });
    }
}
