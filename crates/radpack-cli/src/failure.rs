//! How a command fails: a word for programs, a message for people, and what it was caused by.

use std::error::Error;
use std::fmt::{self, Display};
use std::io;

use radpack_manifest::ManifestErrors;
use serde::Serialize;

/// The words that `error` may be in a JSON line; no others are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Word {
    InvalidId,
    InvalidSpec,
    UnknownPackage,
    UnknownEntry,
    UnknownTag,
    Unavailable,
    UnresolvedDependency,
    InvalidManifest,
    Io,
    Fetch,
}

/// Something that could not be done.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// The word for programs.
    pub(crate) word: Word,
    /// What failed, where, and what to do.
    pub(crate) message: String,
    /// Why, outermost first; none repeats the message.
    pub(crate) causes: Vec<String>,
    /// The closest thing that is known, where a name was not.
    pub(crate) suggestion: Option<String>,
}

impl Failure {
    pub(crate) fn new(word: Word, message: impl Into<String>) -> Self {
        Self {
            word,
            message: message.into(),
            causes: Vec::new(),
            suggestion: None,
        }
    }

    /// Adds an error and its sources as causes. One that ends in the words of its own cause, as those of some libraries do, leaves
    /// them to it.
    pub(crate) fn caused_by(mut self, error: &(dyn Error + 'static)) -> Self {
        let first = self.causes.len();
        let mut next = Some(error);
        while let Some(error) = next {
            match error.downcast_ref::<ManifestErrors>() {
                Some(errors) => self.causes.extend(problems(errors)),
                None => self.causes.push(error.to_string()),
            }
            next = error.source();
        }
        for index in first + 1..self.causes.len() {
            let (before, rest) = self.causes.split_at_mut(index);
            if let Some((last, cause)) = before.last_mut().zip(rest.first())
                && let Some(own) = last.strip_suffix(cause.as_str())
                && let Some(own) = own.strip_suffix(": ")
            {
                *last = own.to_owned();
            }
        }
        self
    }

    /// An error of a library, whose own message stands in front and whose sources become the causes.
    pub(crate) fn of(word: Word, error: &(dyn Error + 'static)) -> Self {
        let failure = Self::new(word, error.to_string());
        match error.source() {
            Some(source) => failure.caused_by(source),
            None => failure,
        }
    }

    /// Message and causes in one line, for programs.
    pub(crate) fn one_line(&self) -> String {
        let mut line = self.message.clone();
        for cause in &self.causes {
            line.push_str(": ");
            line.push_str(cause);
        }
        line
    }

    /// The lines for people, below an `error: `.
    pub(crate) fn lines(&self) -> String {
        let mut lines = format!("error: {}", self.message);
        for cause in &self.causes {
            lines.push_str("\ncaused by: ");
            lines.push_str(cause);
        }
        lines
    }
}

/// As a cause of something else, the failure says all it has in one line.
impl Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.one_line())
    }
}

impl Error for Failure {}

/// The problems of a register, one cause each, and not too many: `radpack check` is there for all of them.
fn problems(errors: &ManifestErrors) -> Vec<String> {
    const MOST: usize = 10;
    let count = errors.problems().len() + errors.omitted();
    let mut lines: Vec<String> = errors
        .problems()
        .iter()
        .take(MOST)
        .map(ToString::to_string)
        .collect();
    match count.saturating_sub(MOST) {
        0 => {}
        1 => lines.push("1 more problem; `radpack check` lists them all".to_owned()),
        more => lines.push(format!(
            "{more} more problems; `radpack check` lists them all"
        )),
    }
    lines
}

/// Why a command stops before its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Whoever read standard output has gone: nothing is wrong, and nothing is said.
    ClosedPipe,
    /// It cannot be done.
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Stop {
    /// What became of a write to standard output.
    pub(crate) fn of_output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::ClosedPipe
        } else {
            Failure::new(Word::Io, "cannot write to standard output")
                .caused_by(error)
                .into()
        }
    }
}

/// How a command that came to its end did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Everything was done.
    Done,
    /// Something could not be done, and has been said.
    Incomplete,
    /// A program that was to be run ended with another code than 0, which is passed on.
    Exited(u8),
}

impl Outcome {
    /// The worse of the two.
    pub(crate) fn and(self, other: Self) -> Self {
        if self == Self::Done { other } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An error that says its cause's words again, as some do.
    #[derive(Debug)]
    struct Wordy(String, Option<Box<Wordy>>);

    impl Display for Wordy {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str(&self.0)
        }
    }

    impl Error for Wordy {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            let cause = self.1.as_deref();
            cause.map(|cause| cause as &(dyn Error + 'static))
        }
    }

    #[test]
    fn what_a_cause_says_is_said_once() {
        let chain = [
            "no space",
            "cannot copy: no space",
            "store: cannot copy: no space",
        ];
        let error = chain.into_iter().fold(None, |cause, words| {
            Some(Box::new(Wordy(words.to_owned(), cause)))
        });
        let failure = Failure::new(Word::Io, "nothing was committed").caused_by(&*error.unwrap());
        assert_eq!(failure.causes, ["store", "cannot copy", "no space"]);
        assert_eq!(
            failure.one_line(),
            "nothing was committed: store: cannot copy: no space"
        );
    }
}
