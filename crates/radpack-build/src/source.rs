//! One file of the package, read: what it is and what it holds.
//!
//! Whether JavaScript is an ES module its syntax decides; where that leaves it open, the extension and the nearest
//! `package.json`. What follows from it (an error, an entry left out, a plain script for a worker) is `graph.rs`' business.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use percent_encoding::percent_decode_str;
use serde::de::IgnoredAny;

use crate::entries::is_javascript;
use crate::error::{ErrorKind, Problem};
use crate::folder::{Folder, extension, join, parent};
use crate::module::{self, Module, Position, Syntax};
use crate::package_json::PACKAGE_JSON;
use crate::report::Warning;

/// What a file is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// JavaScript, rewritten on its way out.
    Module,
    /// JSON, copied as it is.
    Json,
    /// Anything else, copied as it is.
    Asset,
    /// The module without contents that the `browser` map puts in place of others. No file.
    Empty,
}

/// A file that has been read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source {
    /// The contents; of a module without byte order mark.
    pub(crate) contents: Vec<u8>,
    /// What a module holds; empty for all else.
    pub(crate) module: Module,
    /// Why it cannot be imported; empty if it can.
    pub(crate) flaw: Option<Flaw>,
    /// The source map that a module names, as JSON.
    pub(crate) map: Option<String>,
    pub(crate) warnings: Vec<Warning>,
}

/// Why a file that was read cannot be imported.
#[derive(Clone, Debug)]
pub(crate) enum Flaw {
    /// JavaScript without module syntax, where nothing says that it is a module.
    Script,
    /// A script that is no well-formed module, though its name or `package.json` says that it is one.
    Sloppy(module::ModuleError),
    /// Neither; this is what the parser says.
    Syntax(module::ModuleError),
    /// Not text.
    NotUtf8(Position),
    /// Not JSON.
    NotJson { position: Position, message: String },
}

/// The contents of the empty module. The default export is what bundlers give, too.
const EMPTY: &str = "export default {};\n";

/// Reads the files of one package.
#[derive(Debug)]
pub(crate) struct Reader<'f> {
    folder: &'f Folder,
    /// Whether the package's own `package.json` says `type: module`.
    is_module: bool,
    /// What the nested `package.json` files say, by folder.
    nested: Mutex<HashMap<String, bool>>,
    /// Files read besides those that were asked for.
    others: Mutex<BTreeSet<PathBuf>>,
    /// Time spent parsing, summed over threads, in nanoseconds.
    parsing: AtomicU64,
}

impl<'f> Reader<'f> {
    pub(crate) fn new(folder: &'f Folder, is_module: bool) -> Self {
        Reader {
            folder,
            is_module,
            nested: Mutex::default(),
            others: Mutex::default(),
            parsing: AtomicU64::new(0),
        }
    }

    /// Time spent parsing so far, summed over threads.
    pub(crate) fn parsing(&self) -> Duration {
        Duration::from_nanos(self.parsing.load(Ordering::Relaxed))
    }

    /// Files read besides those that were asked for: source maps, nested `package.json`s.
    pub(crate) fn others(&self) -> BTreeSet<PathBuf> {
        self.others
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Reads one file.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or is a module (by its syntax, its name or `package.json`) but no well-formed one. A plain
    /// script is no error yet, whatever is said of it: a worker may be one.
    pub(crate) fn read(&self, path: &str, kind: Kind) -> Result<Source, Problem> {
        let mut source = Source::default();
        if kind == Kind::Empty {
            source.contents = EMPTY.as_bytes().to_vec();
            source.module.exports.names.insert("default".to_owned());
            return Ok(source);
        }
        let absolute = self.folder.absolute(path);
        source.contents =
            fs::read(&absolute).map_err(|error| Problem::io("read", &absolute, error))?;
        match kind {
            Kind::Module => self.read_module(path, source),
            Kind::Json => {
                source.flaw = json_flaw(&source.contents);
                Ok(source)
            }
            Kind::Asset | Kind::Empty => Ok(source),
        }
    }

    fn read_module(&self, path: &str, mut source: Source) -> Result<Source, Problem> {
        if source.contents.starts_with(b"\xEF\xBB\xBF") {
            source.contents.drain(..3);
        }
        let text = match str::from_utf8(&source.contents) {
            Ok(text) => text,
            Err(error) => {
                let valid = &source.contents[..error.valid_up_to()];
                let flaw = Flaw::NotUtf8(end_of(&String::from_utf8_lossy(valid)));
                if self.declares_module(path) {
                    return Err(flaw.problem(path, path, Position::START, path));
                }
                source.flaw = Some(flaw);
                return Ok(source);
            }
        };
        let began = Instant::now();
        let syntax = module::detect(text, path);
        match syntax? {
            // Whatever it holds, everyone else takes it for CommonJS.
            Syntax::Module(module) if extension(path) == "cjs" => {
                source.module = module;
                source.flaw = Some(Flaw::Script);
            }
            Syntax::Module(module) => {
                source.module = module;
                module::check(text, path)?;
            }
            Syntax::Undecided(module) => {
                source.module = module;
                source.flaw = match self.says_module(path) {
                    false => Some(Flaw::Script),
                    // What a module must not hold, a script for a worker may.
                    true => module::check(text, path).err().map(Flaw::Sloppy),
                };
            }
            Syntax::Other(error) => {
                source.flaw = Some(match self.declares_module(path) {
                    false => Flaw::Syntax(error),
                    true if module::is_script(text, path)? => Flaw::Sloppy(error),
                    true => return Err(error.into()),
                });
            }
        }
        let took = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.parsing.fetch_add(took, Ordering::Relaxed);
        self.read_map(path, &mut source);
        Ok(source)
    }

    /// Whether file name or `package.json` say that JavaScript without module syntax is a module.
    fn says_module(&self, path: &str) -> bool {
        match extension(path).as_str() {
            "mjs" => return true,
            "cjs" => return false,
            _ => {}
        }
        let mut folder = parent(path);
        while !folder.is_empty() {
            if let Some(says) = self.nested_type(folder) {
                return says;
            }
            folder = parent(folder);
        }
        self.is_module
    }

    /// Whether JavaScript is said to be a module, so that one that cannot be read as such is broken, not something else.
    fn declares_module(&self, path: &str) -> bool {
        is_javascript(path) && self.says_module(path)
    }

    /// What a `package.json` in a folder below the package's says; `None` where there is none.
    fn nested_type(&self, folder: &str) -> Option<bool> {
        let mut nested = self.nested.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&says) = nested.get(folder) {
            return Some(says);
        }
        let path = self
            .folder
            .file(&format!("{folder}/{PACKAGE_JSON}"))
            .ok()
            .flatten()?;
        let absolute = self.folder.absolute(&path);
        let bytes = fs::read(&absolute).ok()?;
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
        let says = serde_json::from_slice::<serde_json::Value>(bytes)
            .is_ok_and(|value| value.get("type").and_then(|kind| kind.as_str()) == Some("module"));
        self.note(absolute);
        nested.insert(folder.to_owned(), says);
        Some(says)
    }

    /// Reads the source map that a module names. One inside a `data:` URL is part of the module.
    fn read_map(&self, path: &str, source: &mut Source) {
        let Some(reference) = &source.module.source_map else {
            return;
        };
        let url = reference.url.as_str();
        if url.starts_with("data:") {
            return;
        }
        let plain = url.split(['?', '#']).next().unwrap_or_default();
        let decoded = percent_decode_str(plain).decode_utf8_lossy();
        let found =
            join(parent(path), &decoded).and_then(|path| self.folder.file(&path).ok().flatten());
        let read = found.map(|map| {
            let absolute = self.folder.absolute(&map);
            let text = fs::read_to_string(&absolute);
            self.note(absolute);
            text
        });
        let message = match read {
            Some(Ok(text)) => {
                source.map = Some(text);
                return;
            }
            Some(Err(error)) => {
                format!("its source map {url:?} cannot be read ({error}) and is left out")
            }
            None => format!("its source map {url:?} is not in the package and is left out"),
        };
        source.warnings.push(Warning {
            file: Some(path.to_owned()),
            line: None,
            column: None,
            message,
        });
    }

    fn note(&self, path: PathBuf) {
        self.others
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(path);
    }
}

impl Flaw {
    /// The problem that a file with this flaw is for a module that imports it.
    pub(crate) fn problem(
        &self,
        path: &str,
        importer: &str,
        position: Position,
        specifier: &str,
    ) -> Problem {
        match self {
            Flaw::Script => Problem::new(
                ErrorKind::Source,
                format!(
                    "{specifier:?} leads to {path}, which is CommonJS or a plain script, not an ES module: convert it, or \
                     declare it a module by its extension .mjs or by \"type\": \"module\""
                ),
            )
            .in_file(importer)
            .at(position),
            Flaw::Sloppy(error) | Flaw::Syntax(error) => Problem::from(error.clone()),
            Flaw::NotUtf8(place) => Problem::new(ErrorKind::Source, "is not UTF-8 text").in_file(path).at(*place),
            Flaw::NotJson { position, message } => {
                Problem::new(ErrorKind::Source, format!("is not valid JSON: {message}")).in_file(path).at(*position)
            }
        }
    }
}

/// What keeps a file from being a JSON module.
fn json_flaw(contents: &[u8]) -> Option<Flaw> {
    let contents = contents.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(contents);
    let error = serde_json::from_slice::<IgnoredAny>(contents).err()?;
    let position = Position {
        line: u32::try_from(error.line()).unwrap_or(u32::MAX),
        column: u32::try_from(error.column()).unwrap_or(u32::MAX).max(1),
    };
    let whole = error.to_string();
    let message = whole.split(" at line ").next().unwrap_or(&whole).to_owned();
    Some(Flaw::NotJson { position, message })
}

/// The position behind a text.
fn end_of(text: &str) -> Position {
    let line_start = text.rfind('\n').map_or(0, |end| end + 1);
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Position {
        line: count(text.matches('\n').count()).saturating_add(1),
        column: count(text[line_start..].encode_utf16().count()).saturating_add(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Files<'f> = &'f [(&'f str, &'f [u8])];

    fn read(files: Files<'_>, path: &str, kind: Kind) -> Result<Source, Problem> {
        let place = tempfile::tempdir().unwrap();
        for (name, contents) in files {
            let file = place.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, contents).unwrap();
        }
        let folder = Folder::open(place.path()).unwrap();
        Reader::new(&folder, false).read(path, kind)
    }

    #[test]
    fn syntax_decides_then_the_name_then_the_nearest_package() {
        let module = br#"{"type":"module"}"#.as_slice();
        let cases: &[(Files<'_>, &str, bool)] = &[
            (&[("a.js", b"export {};")], "a.js", true),
            (&[("a.js", b"import.meta.url")], "a.js", true),
            (&[("a.js", b"side.effect()")], "a.js", false),
            (&[("a.js", b"module.exports = 1")], "a.js", false),
            (&[("a.mjs", b"side.effect()")], "a.mjs", true),
            (&[("a.cjs", b"export {};")], "a.cjs", false),
            (
                &[("esm/a.cjs", b"1"), ("esm/package.json", module)],
                "esm/a.cjs",
                false,
            ),
            (
                &[("esm/a.js", b"1"), ("esm/package.json", module)],
                "esm/a.js",
                true,
            ),
            (
                &[("esm/deep/a.js", b"1"), ("esm/package.json", module)],
                "esm/deep/a.js",
                true,
            ),
            (
                &[
                    ("esm/cjs/a.js", b"1"),
                    ("esm/package.json", module),
                    ("esm/cjs/package.json", b"{}"),
                ],
                "esm/cjs/a.js",
                false,
            ),
            (&[("a.js", b"with (a) b")], "a.js", false),
            (&[("a.js", b"\xFF")], "a.js", false),
        ];
        for (files, path, is_module) in cases {
            let source = read(files, path, Kind::Module).unwrap();
            assert_eq!(source.flaw.is_none(), *is_module, "{files:?}");
        }
    }

    #[test]
    fn a_declared_module_that_is_not_well_formed_is_broken() {
        let module = br#"{"type":"module"}"#.as_slice();
        let broken = b"const a = 1;\nconst = 2;".as_slice();
        for (files, path) in [
            (vec![("a.mjs", broken)], "a.mjs"),
            (
                vec![("esm/a.js", broken), ("esm/package.json", module)],
                "esm/a.js",
            ),
        ] {
            let problem = read(&files, path, Kind::Module).unwrap_err();
            assert!(
                problem.to_string().starts_with(&format!("{path}:2:7: ")),
                "{problem}"
            );
        }
        let problem = read(&[("a.mjs", b"1;\xFF")], "a.mjs", Kind::Module).unwrap_err();
        assert_eq!(problem.to_string(), "a.mjs:1:3: is not UTF-8 text");
        let flaw = |files: Files<'_>, path: &str| read(files, path, Kind::Module).unwrap().flaw;
        assert!(matches!(
            flaw(&[("a.mjs", b"return 1")], "a.mjs"),
            Some(Flaw::Sloppy(_))
        ));
        assert!(matches!(
            flaw(&[("a.js", broken)], "a.js"),
            Some(Flaw::Syntax(_))
        ));
        assert!(matches!(
            flaw(&[("a.css", b"a {}"), ("package.json", module)], "a.css"),
            Some(Flaw::Syntax(_))
        ));
    }

    #[test]
    fn a_byte_order_mark_goes() {
        let source = read(
            &[("a.js", b"\xEF\xBB\xBFexport {};\r\n")],
            "a.js",
            Kind::Module,
        )
        .unwrap();
        assert_eq!(source.contents, b"export {};\r\n");
        let data = read(&[("a.json", b"\xEF\xBB\xBF{}")], "a.json", Kind::Json).unwrap();
        assert!(data.flaw.is_none());
        assert_eq!(data.contents, b"\xEF\xBB\xBF{}");
    }

    #[test]
    fn flaws_have_their_place() {
        let flaw = |files: Files<'_>, path: &str, kind| {
            let flaw = read(files, path, kind).unwrap().flaw.unwrap();
            flaw.problem(path, "index.js", Position { line: 7, column: 3 }, "./x")
                .to_string()
        };
        assert_eq!(
            flaw(&[("a.js", b"one\nt\xC3\xA4o\xFF")], "a.js", Kind::Module),
            "a.js:2:4: is not UTF-8 text"
        );
        assert_eq!(
            flaw(&[("a.json", b"{\n  \"a\": tru\n}")], "a.json", Kind::Json),
            "a.json:3:0: is not valid JSON: expected ident".replace(":0:", ":1:")
        );
        assert_eq!(
            flaw(&[("a.js", b"1")], "a.js", Kind::Module),
            "index.js:7:3: \"./x\" leads to a.js, which is CommonJS or a plain script, not an ES module: convert it, or \
             declare it a module by its extension .mjs or by \"type\": \"module\""
        );
    }

    #[test]
    fn a_source_map_is_read_or_told_of() {
        let code = b"export {};\n//# sourceMappingURL=a%20b.js.map".as_slice();
        let source = read(
            &[("a.js", code), ("a b.js.map", b"{}")],
            "a.js",
            Kind::Module,
        )
        .unwrap();
        assert_eq!(source.map.as_deref(), Some("{}"));
        let source = read(&[("a.js", code)], "a.js", Kind::Module).unwrap();
        assert_eq!(
            source.warnings[0].to_string(),
            "a.js: its source map \"a%20b.js.map\" is not in the package and is left out"
        );
    }
}
