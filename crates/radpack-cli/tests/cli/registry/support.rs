//! A place with a store and packages, and output without what differs from run to run.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::program::{Program, Ran, radpack_in};

/// A folder that has everything a test needs: the store, packages, and what the system knows of the user.
pub(super) struct Place {
    folder: TempDir,
}

impl Place {
    /// A folder without a registry.
    pub(super) fn empty() -> Place {
        Place {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A folder with a registry in which nothing has happened.
    pub(super) fn new() -> Place {
        let place = Place::empty();
        place.run("init").prints("a new registry in store\n");
        place
    }

    /// A registry with `shapes` 1.0.0, which offers `circle`.
    pub(super) fn with_shapes() -> Place {
        let place = Place::new();
        place.package("shapes", "1.0.0", "export const circle = 1;", "");
        place.done("publish shapes");
        place
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn write(&self, name: &str, contents: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Writes a package of one module. An empty version is none; dependencies are written as in JSON, without the braces.
    pub(super) fn package(&self, name: &str, version: &str, code: &str, dependencies: &str) {
        let version = match version {
            "" => String::new(),
            version => format!(r#""version":"{version}","#),
        };
        let package = format!(
            r#"{{"name":"{name}",{version}"type":"module","exports":"./index.js","dependencies":{{{dependencies}}}}}"#
        );
        self.write(&format!("{name}/package.json"), &package);
        self.write(&format!("{name}/index.js"), code);
    }

    /// The program with what is typed; a part in quotes may have spaces.
    pub(super) fn program(&self, line: &str) -> Program {
        let parts = line.split('"').enumerate();
        let words = parts.flat_map(|(index, part)| match index % 2 {
            0 => part.split_whitespace().collect::<Vec<_>>(),
            _ => vec![part],
        });
        radpack_in(self.folder.path(), words)
            .variable("RADPACK_STORE", "store")
            .variable("RADPACK_AUTHOR", "ann")
            .variable("HOME", self.folder.path().to_str().unwrap())
            .variable("XDG_CACHE_HOME", self.path("cache").to_str().unwrap())
    }

    /// Runs it; what it says is without times, ids and secrets.
    pub(super) fn run(&self, line: &str) -> Ran {
        masked(self.program(line).run())
    }

    /// Runs it as somebody else.
    pub(super) fn run_as(&self, author: &str, line: &str) -> Ran {
        masked(self.program(line).variable("RADPACK_AUTHOR", author).run())
    }

    /// Runs it with a token.
    pub(super) fn run_with(&self, token: &str, line: &str) -> Ran {
        masked(self.program(line).variable("RADPACK_TOKEN", token).run())
    }

    /// Runs what must be done; what it prints.
    #[track_caller]
    pub(super) fn done(&self, line: &str) -> String {
        let ran = self.run(line);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{line}");
        ran.stdout
    }

    /// Runs what must be refused: nothing printed; what is said.
    #[track_caller]
    pub(super) fn refused(&self, line: &str) -> String {
        let ran = self.run(line);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{line}");
        assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
        ran.stderr
    }

    /// The history, a line an event: without numbers, times and names.
    pub(super) fn history(&self) -> Vec<String> {
        let history = self.done("history");
        let lines = history.lines();
        lines
            .map(|line| line.split_once("  TIME  ").unwrap().1.to_owned())
            .collect()
    }
}

/// What came of a run, with what differs from run to run written as words.
pub(super) fn masked(ran: Ran) -> Ran {
    Ran {
        stdout: mask(&ran.stdout),
        stderr: mask(&ran.stderr),
        ..ran
    }
}

/// What a pattern matches of a text, from its start: `9` is a digit, `x` one of sixteen, everything else itself.
fn matched(pattern: &str, text: &str) -> Option<usize> {
    let mut bytes = text.bytes();
    let fits = pattern.bytes().all(|wanted| {
        let byte = bytes.next().unwrap_or_default();
        match wanted {
            b'9' => byte.is_ascii_digit(),
            b'x' => byte.is_ascii_hexdigit(),
            _ => byte == wanted,
        }
    });
    fits.then_some(pattern.len())
}

fn mask(text: &str) -> String {
    let secret = format!("radpack_{}", "x".repeat(64));
    let patterns = [
        ("9999-99-99 99:99:99Z", "TIME"),
        ("9999-99-99T99:99:99", "TIME"),
        ("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", "ID"),
        (secret.as_str(), "SECRET"),
    ];
    let mut masked = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let found = patterns
            .iter()
            .find_map(|(pattern, word)| Some((matched(pattern, rest)?, *word)));
        let (length, word) = found.unwrap_or((first.len_utf8(), &rest[..first.len_utf8()]));
        masked.push_str(word);
        rest = &rest[length..];
        if word == "TIME" {
            rest = rest.trim_start_matches(|next: char| next == '.' || next.is_ascii_digit());
            rest = rest.strip_prefix('Z').unwrap_or(rest);
        }
    }
    masked
}

/// The files below a folder, with their paths, in order.
pub(super) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
