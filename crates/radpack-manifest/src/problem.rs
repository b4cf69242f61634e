//! What is wrong with a manifest: problems, each with its place and the offending value, and the list of them.
//!
//! A reader finds all that is wrong, not only the first thing, so that `check` can list it. Nothing here decides what is wrong.

use std::cell::{Cell, RefCell};
use std::fmt::{self, Display, Write as _};

/// How many problems are kept; the rest is counted. See [`ManifestErrors::omitted`].
pub const MAX_PROBLEMS: usize = 1_000;

/// One thing that is wrong with a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// Where, as a JSON path: `$.exports["d3"].d[0][1][0].s[2]`. Names out of the manifest are in brackets and quoted.
    pub path: String,
    /// What sort of problem it is.
    pub kind: ProblemKind,
    /// What is wrong, with the offending value.
    pub message: String,
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// The sorts of problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProblemKind {
    /// The bytes are not JSON; the message has line and column.
    NotJson,
    /// A limit is exceeded; see [`Limits`](crate::Limits).
    Limit,
    /// Something is of another JSON type than it must be.
    WrongType,
    /// Something that must be there is not.
    Missing,
    /// A key, version, entry or claim on a version that stands twice.
    Duplicate,
    /// An array that is no version, or a number that is no version component.
    Version,
    /// An index that leads nowhere.
    Index,
    /// An entry after a dependency.
    Order,
    /// A name, entry or dependency that is no id, or whose spec is none.
    Id,
    /// A file that would climb out of its folder.
    File,
    /// A URL of a scheme that is not loaded.
    Url,
}

/// A non-empty list of [`Problem`]s, in the order of the text.
///
/// [`Display`] shows one a line:
///
/// ```
/// use radpack_manifest::Manifest;
///
/// let errors = Manifest::from_slice(br#"{"vars":{"a":1},"exports":{"x":{"v":[[]],"d":[]}}}"#).unwrap_err();
/// assert_eq!(errors.to_string(), "\
/// $.vars[\"a\"]: expected a string, found 1\n\
/// $.exports[\"x\"].v[0]: expected a version of 1 to 4 elements, found an empty array");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestErrors {
    problems: Vec<Problem>,
    omitted: usize,
}

impl ManifestErrors {
    /// The problems, the first [`MAX_PROBLEMS`] of them; at least one.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How many more there are, as far as they were counted: after so many, what needs the whole package in memory is no more
    /// looked for.
    #[must_use]
    pub fn omitted(&self) -> usize {
        self.omitted
    }
}

impl<'a> IntoIterator for &'a ManifestErrors {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.problems.iter()
    }
}

impl Display for ManifestErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_char('\n')?;
            }
            problem.fmt(f)?;
        }
        match self.omitted {
            0 => Ok(()),
            1 => f.write_str("\nand 1 more problem"),
            more => write!(f, "\nand {more} more problems"),
        }
    }
}

impl std::error::Error for ManifestErrors {}

/// A position in a text: line and column, both from 1, the column in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Place {
    /// The place of a byte.
    pub(crate) fn of(text: &[u8], offset: usize) -> Self {
        let before = &text[..offset.min(text.len())];
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        let column = before
            .iter()
            .rev()
            .take_while(|&&byte| byte != b'\n')
            .count()
            + 1;
        Place { line, column }
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} column {}", self.line, self.column)
    }
}

/// The way to a value, as a list that lives on the reader's stack: nothing is allocated until a problem is reported.
#[derive(Clone, Copy)]
pub(crate) enum Path<'p> {
    /// The whole document.
    Root,
    /// A key of the format, shown as `.key`.
    Field(&'p Path<'p>, &'static str),
    /// A name out of the document, shown as `["name"]`.
    Name(&'p Path<'p>, &'p str),
    /// An array's element.
    Index(&'p Path<'p>, usize),
}

impl Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => f.write_char('$'),
            Path::Field(parent, key) => write!(f, "{parent}.{key}"),
            Path::Name(parent, name) => write!(f, "{parent}[{}]", Shown(name)),
            Path::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// How many characters of a text out of the document a message shows.
pub(crate) const SHOWN_CHARACTERS: usize = 120;

/// A text out of the document as a message shows it: quoted and escaped as JSON, shortened where it is long.
pub(crate) struct Shown<'t>(pub(crate) &'t str);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for (count, character) in self.0.chars().enumerate() {
            if count == SHOWN_CHARACTERS {
                f.write_char('…')?;
                break;
            }
            match character {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                control if control.is_control() => write!(f, "\\u{:04x}", u32::from(control))?,
                other => f.write_char(other)?,
            }
        }
        f.write_char('"')
    }
}

/// Where a reader puts the problems it finds.
#[derive(Default)]
pub(crate) struct Problems {
    found: RefCell<Vec<Problem>>,
    omitted: Cell<usize>,
}

impl Problems {
    /// Notes a problem.
    pub(crate) fn report(&self, path: &Path<'_>, kind: ProblemKind, message: impl Display) {
        let mut found = self.found.borrow_mut();
        if found.len() < MAX_PROBLEMS {
            found.push(Problem {
                path: path.to_string(),
                kind,
                message: message.to_string(),
            });
        } else {
            self.omitted.set(self.omitted.get() + 1);
        }
    }

    /// How many problems there are.
    pub(crate) fn count(&self) -> usize {
        self.found.borrow().len() + self.omitted.get()
    }

    /// The problems as an error, or the value where there are none.
    pub(crate) fn or<T>(self, value: Option<T>) -> Result<T, ManifestErrors> {
        let problems = self.found.into_inner();
        match value {
            Some(value) if problems.is_empty() => Ok(value),
            _ => Err(ManifestErrors {
                problems,
                omitted: self.omitted.get(),
            }),
        }
    }
}
