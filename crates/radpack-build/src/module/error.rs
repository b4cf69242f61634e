//! Why a module could not be read or rewritten.

use std::fmt;

use super::Position;

/// Why a module could not be read or rewritten: the kind, the file, the place and what is wrong there.
///
/// Shown as `file:line:column: message`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleError {
    kind: ModuleErrorKind,
    file: String,
    position: Position,
    message: String,
    others: usize,
}

/// What can be done about a [`ModuleError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ModuleErrorKind {
    /// The text is no well-formed module.
    Syntax,
    /// Well-formed, but it asks for what a built package cannot give: an import attribute other than `type: "json"`, or
    /// an import phase.
    Unsupported,
    /// Nested deeper, or longer, than is read.
    TooLarge,
    /// Edits that overlap, or do not lie on the text: a mistake of the caller.
    Edit,
}

impl ModuleError {
    pub(super) fn new(
        kind: ModuleErrorKind,
        file: &str,
        position: Position,
        message: impl Into<String>,
    ) -> Self {
        ModuleError {
            kind,
            file: file.to_owned(),
            position,
            message: message.into(),
            others: 0,
        }
    }

    pub(super) fn with_others(mut self, others: usize) -> Self {
        self.others = others;
        self
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ModuleErrorKind {
        self.kind
    }

    /// The file's name, as given to [`read`](super::read) or [`rewrite`](super::rewrite).
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Where in the file.
    pub fn position(&self) -> Position {
        self.position
    }

    /// What is wrong, without file and place.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// How many more errors of the same kind the file has.
    pub fn others(&self) -> usize {
        self.others
    }
}

impl fmt::Display for ModuleError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}:{}: {}",
            self.file, self.position, self.message
        )?;
        match self.others {
            0 => Ok(()),
            1 => formatter.write_str(" (and one more error)"),
            others => write!(formatter, " (and {others} more errors)"),
        }
    }
}

impl std::error::Error for ModuleError {}
