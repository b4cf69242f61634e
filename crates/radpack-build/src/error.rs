//! What can go wrong in a build: one error that holds every problem found, each with its place and its cause.
//!
//! A build collects problems as far as it sensibly can (all modules are read before it gives up), so that they are mended in
//! one go. What a caller can do about a problem, its [`ErrorKind`] says; the rest is for people.

mod told;

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::module::{ModuleError, Position};

/// What can be done about a [`Problem`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// An option, or a setting under `radpack` in `package.json`, means nothing: mend it.
    Options,
    /// `package.json` is missing, cannot be read, or says something that cannot be.
    Package,
    /// An entry that was asked for cannot be one.
    Entry,
    /// A module cannot be read: a syntax error, CommonJS among the modules, an unknown import attribute.
    Source,
    /// An import inside the package leads nowhere, or out of it.
    Import,
    /// No register serves an import, and nothing says which version is meant.
    Unserved,
    /// A register cannot be read, or has not been supplied.
    Register,
    /// The build would drop something newer than itself.
    Refused,
    /// A folder or file cannot be read or written.
    Io,
}

impl ErrorKind {
    /// The kind as one word, as machine-readable output states it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorKind::Options => "options",
            ErrorKind::Package => "package",
            ErrorKind::Entry => "entry",
            ErrorKind::Source => "source",
            ErrorKind::Import => "import",
            ErrorKind::Unserved => "unserved",
            ErrorKind::Register => "register",
            ErrorKind::Refused => "refused",
            ErrorKind::Io => "io",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// One thing that is wrong: what, where, and what to do about it.
///
/// Shown as `file:line:column: message`, as far as these are known. Its cause, if it has one, is its
/// [`source`](Error::source) and not part of the message.
#[derive(Debug)]
pub struct Problem {
    kind: ErrorKind,
    file: Option<PathBuf>,
    position: Option<Position>,
    message: String,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Problem {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Problem {
            kind,
            file: None,
            position: None,
            message: message.into(),
            cause: None,
        }
    }

    /// What the system said when a file was touched: `action` and the path make the message.
    pub(crate) fn io(action: &str, path: &Path, cause: std::io::Error) -> Self {
        Problem::new(ErrorKind::Io, format!("cannot {action} {}", path.display())).caused_by(cause)
    }

    pub(crate) fn in_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.file = Some(file.into());
        self
    }

    pub(crate) fn at(mut self, position: Position) -> Self {
        self.position = Some(position);
        self
    }

    pub(crate) fn caused_by(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// What can be done about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The file it is about, relative to the package folder where it is a module of it.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Where in the file.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.position
    }

    /// What is wrong and what to do, without file and place.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl From<ModuleError> for Problem {
    fn from(error: ModuleError) -> Self {
        let mut message = error.message().to_owned();
        match error.others() {
            0 => {}
            1 => message.push_str(" (and one more error in this file)"),
            others => message.push_str(&format!(" (and {others} more errors in this file)")),
        }
        Problem::new(ErrorKind::Source, message)
            .in_file(error.file())
            .at(error.position())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(formatter, "{}:", file.display())?;
            if let Some(position) = self.position {
                write!(formatter, "{position}:")?;
            }
            formatter.write_str(" ")?;
        }
        formatter.write_str(&self.message)
    }
}

impl Error for Problem {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause
            .as_deref()
            .map(|cause| cause as &(dyn Error + 'static))
    }
}

/// Why a build did not happen: at least one [`Problem`]. Nothing was written, and what was there is whole.
///
/// Shown with `{}` as one problem a line. The cause of a single problem is this error's [`source`](Error::source); of several, each
/// problem has its own. With `{:?}`, which is what is printed where `main` returns it, causes follow as `caused by:` lines.
pub struct BuildError {
    /// Never empty; in the order of files, then places.
    problems: Vec<Problem>,
}

impl BuildError {
    /// What can be done about the first problem.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.problems[0].kind
    }

    /// Everything that is wrong, at least one.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Its problems, each on a line of its own, with what comes between lines.
    pub(crate) fn write(
        &self,
        formatter: &mut fmt::Formatter<'_>,
        line: &str,
        with_causes: bool,
    ) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                formatter.write_str(line)?;
            }
            write!(formatter, "{problem}")?;
            let mut cause = problem.source().filter(|_| with_causes);
            while let Some(error) = cause {
                let text = error.to_string().replace('\n', line);
                write!(formatter, "{line}caused by: {text}")?;
                cause = error.source();
            }
        }
        Ok(())
    }
}

impl From<Problem> for BuildError {
    fn from(problem: Problem) -> Self {
        BuildError {
            problems: vec![problem],
        }
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(formatter, "\n", false)
    }
}

impl fmt::Debug for BuildError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(formatter, "\n", true)
    }
}

impl Error for BuildError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self.problems.as_slice() {
            [problem] => problem.source(),
            _ => None,
        }
    }
}

/// Problems as they are found; a phase ends with [`Problems::check`].
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    pub(crate) fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Ends a phase: an error if anything was found, sorted by file and place so that it does not depend on threads.
    pub(crate) fn check(&mut self) -> Result<(), BuildError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut problems = std::mem::take(&mut self.0);
        problems.sort_by(|a, b| (&a.file, a.position).cmp(&(&b.file, b.position)));
        // A file may be read for more than one reason.
        problems.dedup_by(|a, b| {
            a.position.is_some()
                && (a.kind, &a.file, a.position, &a.message)
                    == (b.kind, &b.file, b.position, &b.message)
        });
        Err(BuildError { problems })
    }
}
