//! Why nothing was embedded, written for those who see it: users of cargo whose build script ended with it.
//!
//! A `main` that returns an error prints its `Debug` form. So that form is what people read here: what is wrong, where, what to
//! do, and what it was caused by. Which problems there are is `crate::error`'s.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::{BuildError, ErrorKind, Problem};

/// Why [`embed`](crate::embed) did not embed anything: a package that cannot be built, or an index that cannot be written.
///
/// Shown with `{}` it is what is wrong, one problem a line where there are several. With `{:?}` causes follow as `caused by:`
/// lines; that is what a build script prints whose `main` returns it.
///
/// ```text
/// Error: cannot build web/charts: index.js:4:8: "./axis.js" leads nowhere: there is no axis.js, no axis.js.js, …
/// ```
///
/// ```no_run
/// use radpack_build::{Build, ErrorKind, embed};
///
/// // A script that goes without the modules where they are not checked out.
/// match embed([Build::new("web/charts")], "web.index") {
///     Err(error) if error.kind() == ErrorKind::Package => println!("cargo:warning={}", error.problems()[0]),
///     embedded => drop(embedded?),
/// }
/// # Ok::<(), radpack_build::EmbedError>(())
/// ```
pub struct EmbedError {
    /// The package's folder, as it was given, where the problem is one of a package.
    package: Option<PathBuf>,
    error: BuildError,
}

impl EmbedError {
    pub(super) fn of_package(folder: &Path, error: BuildError) -> Self {
        EmbedError {
            package: Some(folder.to_owned()),
            error,
        }
    }

    /// What can be done about the first problem.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.error.kind()
    }

    /// The folder of the package that could not be built, as it was given; `None` where it is not about one package.
    #[must_use]
    pub fn package(&self) -> Option<&Path> {
        self.package.as_deref()
    }

    /// Everything that is wrong, at least one.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        self.error.problems()
    }

    fn write(&self, formatter: &mut fmt::Formatter<'_>, with_causes: bool) -> fmt::Result {
        let mut line = "\n";
        if let Some(package) = &self.package {
            write!(formatter, "cannot build {}:", package.display())?;
            if let [_] = self.problems() {
                formatter.write_str(" ")?;
            } else {
                line = "\n  ";
                formatter.write_str(line)?;
            }
        }
        self.error.write(formatter, line, with_causes)
    }
}

/// So that a script may ask a build for other things, too, such as what it [wants](crate::Build::wanted).
impl From<BuildError> for EmbedError {
    fn from(error: BuildError) -> Self {
        EmbedError {
            package: None,
            error,
        }
    }
}

impl From<Problem> for EmbedError {
    fn from(problem: Problem) -> Self {
        BuildError::from(problem).into()
    }
}

impl fmt::Display for EmbedError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(formatter, false)
    }
}

impl fmt::Debug for EmbedError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(formatter, true)
    }
}

impl Error for EmbedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}
