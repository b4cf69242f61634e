//! The ways into reading: from a text to its facts.

use super::exact::{self, Failure};
use super::{Module, ModuleError, ModuleErrorKind, Position, Syntax, quick, stack};

/// Longer texts (bytes) are not read: spans are 32 bits wide, and so are their sums.
const MAX_BYTES: usize = 1 << 30;

/// Reads a module: what it imports and what it exports.
///
/// `name` is the file's name for messages. A byte order mark, a `#!` line and every kind of line end are fine. The calling
/// thread needs no more than 1 MiB of stack left: deeply nested texts are read on a thread of their own.
///
/// ```
/// use radpack_build::module::{ImportKind, read};
///
/// let module = read(r#"export { scale } from "d3-scale"; import("./lazy.js");"#, "index.js")?;
/// assert_eq!(module.imports[0].specifier, "d3-scale");
/// assert_eq!(module.imports[1].kind, ImportKind::Dynamic);
/// assert!(module.exports.names.contains("scale"));
/// # Ok::<(), radpack_build::module::ModuleError>(())
/// ```
///
/// # Errors
///
/// - the text does not follow a module's grammar: a script with sloppy syntax does not, nor do JSX and TypeScript. What
///   is wrong beyond that, [`check`](super::check) finds;
/// - it asks for what cannot be served: an import attribute other than `type: "json"`, a source phase import
///   (`import source x from …`, for WebAssembly). A deferred import (`import defer`) is read as the plain one: what it
///   names must be there all the same;
/// - it is longer than 1 GiB, or nested deeper than [`MAX_DEPTH`](super::MAX_DEPTH) levels.
pub fn read(source: &str, name: &str) -> Result<Module, ModuleError> {
    read_exactly(source, name).map_err(|failure| failure.error)
}

/// Says what a text is by its syntax: a module, something that could be one, or none.
///
/// Meant for files that may be anything, as the targets of `exports` in a `package.json`.
///
/// # Errors
///
/// As [`read`], for texts that are modules by their `import` or `export`: such a file is broken, not something else.
pub fn detect(source: &str, name: &str) -> Result<Syntax, ModuleError> {
    match read_exactly(source, name) {
        Ok(module) if module.has_module_syntax => Ok(Syntax::Module(module)),
        Ok(module) => Ok(Syntax::Undecided(module)),
        Err(Failure {
            error,
            has_module_syntax,
        }) => {
            let module = error.kind() != ModuleErrorKind::Syntax
                || has_module_syntax
                || (!is_script(source, name)? && announces_module(without_mark(source).0));
            if module {
                Err(error)
            } else {
                Ok(Syntax::Other(error))
            }
        }
    }
}

/// Whether a text parses as a script or as CommonJS, sloppy ones too.
///
/// # Errors
///
/// Where it is nested too deep to be read.
pub(crate) fn is_script(source: &str, name: &str) -> Result<bool, ModuleError> {
    let (body, _) = without_mark(source);
    stack::with_enough(body, name, || exact::is_script(body))
}

fn read_exactly(source: &str, name: &str) -> Result<Module, Failure> {
    if source.len() > MAX_BYTES {
        let error = ModuleError::new(
            ModuleErrorKind::TooLarge,
            name,
            Position::START,
            format!(
                "the file has {} bytes; at most {MAX_BYTES} are read",
                source.len()
            ),
        );
        return Err(Failure {
            error,
            has_module_syntax: false,
        });
    }
    let (body, mark) = without_mark(source);
    if let Some(module) = quick::read(body, mark) {
        return Ok(module);
    }
    stack::with_enough(body, name, || exact::read(body, mark, name)).unwrap_or_else(|error| {
        Err(Failure {
            error,
            has_module_syntax: false,
        })
    })
}

/// The text without byte order mark, and the mark's length. Decoding strips the mark before a browser or Node.js parse
/// (so that it counts in no column, and `#!` may follow it), and so do we.
pub(super) fn without_mark(source: &str) -> (&str, u32) {
    match source.strip_prefix('\u{FEFF}') {
        Some(body) => (body, 3),
        None => (source, 0),
    }
}

/// Whether a text that parses neither as module nor as script looks as if it were meant to be a module: `import` or
/// `export` where a statement could begin.
fn announces_module(body: &str) -> bool {
    ["import", "export"].iter().any(|keyword| {
        body.match_indices(keyword).any(|(at, _)| {
            let before = body[..at].trim_end_matches([' ', '\t']);
            let after = body[at + keyword.len()..].trim_start_matches([' ', '\t']);
            let spaced = body[at + keyword.len()..].starts_with([' ', '\t']);
            (before.is_empty() || before.ends_with(['\n', '\r', ';', '}']))
                && (after.starts_with(['{', '*', '"', '\''])
                    || (spaced && after.starts_with(char::is_alphabetic)))
        })
    })
}
