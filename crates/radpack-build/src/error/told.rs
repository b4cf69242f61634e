//! Errors of a build as data, for a build that runs in a process of its own: kinds, places and words stay; causes become their words.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{BuildError, ErrorKind, Problem};
use crate::module::Position;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Told {
    kind: ErrorKind,
    file: Option<PathBuf>,
    /// Line and column.
    position: Option<(u32, u32)>,
    message: String,
    /// Each of the one before.
    causes: Vec<String>,
}

/// A cause that is known by its words only.
#[derive(Debug)]
struct Cause {
    message: String,
    cause: Option<Box<Cause>>,
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause
            .as_deref()
            .map(|cause| cause as &(dyn Error + 'static))
    }
}

impl From<&Problem> for Told {
    fn from(problem: &Problem) -> Self {
        let causes = std::iter::successors(problem.source(), |&cause| cause.source());
        // Names that are not UTF-8 are only shown.
        let file = problem.file().map(Path::to_string_lossy);
        Told {
            kind: problem.kind(),
            file: file.map(|file| PathBuf::from(&*file)),
            position: problem.position().map(|at| (at.line, at.column)),
            message: problem.message().to_owned(),
            causes: causes.map(ToString::to_string).collect(),
        }
    }
}

impl From<Told> for Problem {
    fn from(told: Told) -> Self {
        let link = |cause, message| Some(Box::new(Cause { message, cause }));
        let cause = told.causes.into_iter().rev().fold(None, link);
        Problem {
            kind: told.kind,
            file: told.file,
            position: told
                .position
                .map(|(line, column)| Position { line, column }),
            message: told.message,
            cause: cause.map(|cause| cause as Box<dyn Error + Send + Sync>),
        }
    }
}

impl Serialize for BuildError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.problems.iter().map(Told::from))
    }
}

impl<'de> Deserialize<'de> for BuildError {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let told = Vec::<Told>::deserialize(deserializer)?;
        if told.is_empty() {
            return Err(de::Error::custom("an error of a build names no problem"));
        }
        let problems = told.into_iter().map(Problem::from).collect();
        Ok(BuildError { problems })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_the_same_as_data() {
        let cause = std::io::Error::other(Cause {
            message: "the disk is on fire".to_owned(),
            cause: None,
        });
        let mut problems = crate::error::Problems::default();
        problems.push(Problem::io("read", Path::new("/src/a.js"), cause));
        problems.push(
            Problem::new(ErrorKind::Source, "is no module")
                .in_file("src/b.js")
                .at(Position { line: 3, column: 7 }),
        );
        let error = problems.check().unwrap_err();
        let json = serde_json::to_string(&error).unwrap();
        let told: BuildError = serde_json::from_str(&json).unwrap();
        assert_eq!(format!("{told:?}"), format!("{error:?}"));
        assert_eq!(told.to_string(), error.to_string());
        let kinds = |error: &BuildError| error.problems().iter().map(Problem::kind).collect();
        let (one, other): (Vec<_>, Vec<_>) = (kinds(&told), kinds(&error));
        assert_eq!(one, other);
        assert!(serde_json::from_str::<BuildError>("[]").is_err());
    }
}
