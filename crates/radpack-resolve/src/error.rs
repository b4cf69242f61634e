//! What can go wrong: opening or compiling an index, and resolving an id.

use std::fmt;

use radpack_manifest::ManifestErrors;
use radpack_version::Fallback;

/// What kind of thing went wrong with an index; what a caller can do differs by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IndexErrorKind {
    /// The bytes are no index, or of a format that this build does not read: compile the manifest again.
    Format,
    /// The bytes are an index that was cut short or changed.
    Damaged,
    /// The manifest is invalid; the source lists every problem.
    Manifest,
    /// More of something than the format can number.
    TooLarge,
    /// The file could not be read or mapped.
    Io,
}

/// An index could not be opened, verified or compiled.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct IndexError {
    kind: IndexErrorKind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl IndexError {
    /// What kind of thing went wrong.
    pub fn kind(&self) -> IndexErrorKind {
        self.kind
    }

    /// The problems of an invalid manifest.
    pub fn manifest_errors(&self) -> Option<&ManifestErrors> {
        self.source.as_ref()?.downcast_ref()
    }

    fn new(kind: IndexErrorKind, message: String) -> Self {
        IndexError {
            kind,
            message,
            source: None,
        }
    }

    pub(crate) fn truncated(length: usize, needed: usize) -> Self {
        Self::new(
            IndexErrorKind::Damaged,
            format!("not an index: {length} bytes, where the header alone takes {needed}"),
        )
    }

    pub(crate) fn not_an_index() -> Self {
        Self::new(
            IndexErrorKind::Format,
            "not an index: it does not begin with `RADPACK`; `radpack compile` makes one from a manifest".to_owned(),
        )
    }

    pub(crate) fn wrong_endian() -> Self {
        Self::new(
            IndexErrorKind::Format,
            "the index has its bytes in big-endian order; compile it again".to_owned(),
        )
    }

    pub(crate) fn unknown_format(format: u32) -> Self {
        Self::new(
            IndexErrorKind::Format,
            format!(
                "the index has format {format}, this build reads format {}; compile the manifest again",
                crate::format::FORMAT
            ),
        )
    }

    pub(crate) fn wrong_length(length: usize, stated: u64) -> Self {
        Self::new(
            IndexErrorKind::Damaged,
            format!(
                "the index has {length} bytes where its header says {stated}: it was cut short or added to"
            ),
        )
    }

    pub(crate) fn section_out_of_bounds(section: usize, offset: u64, rows: u64) -> Self {
        Self::new(
            IndexErrorKind::Damaged,
            format!(
                "section {section} of the index ({rows} rows at byte {offset}) lies outside of it"
            ),
        )
    }

    pub(crate) fn checksum(stated: u64, found: u64) -> Self {
        Self::new(
            IndexErrorKind::Damaged,
            format!(
                "the index is damaged: its checksum is {found:016x} where its header says {stated:016x}"
            ),
        )
    }

    pub(crate) fn inconsistent() -> Self {
        Self::new(
            IndexErrorKind::Damaged,
            "the index is damaged: its sections contradict each other; compile it again".to_owned(),
        )
    }

    pub(crate) fn too_large(what: &str, limit: u64) -> Self {
        Self::new(
            IndexErrorKind::TooLarge,
            format!("more than {limit} {what}: more than an index can number"),
        )
    }

    pub(crate) fn manifest(errors: ManifestErrors) -> Self {
        IndexError {
            kind: IndexErrorKind::Manifest,
            message: "the manifest is invalid".to_owned(),
            source: Some(Box::new(errors)),
        }
    }

    pub(crate) fn io(path: &std::path::Path, error: std::io::Error) -> Self {
        IndexError {
            kind: IndexErrorKind::Io,
            message: format!("cannot open the index {}", path.display()),
            source: Some(Box::new(error)),
        }
    }
}

/// Why an id has no answer. The words of [`as_str`](Self::as_str) are those of `radpack resolve --json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResolveErrorKind {
    /// The id does not parse.
    InvalidId,
    /// The id's spec does not parse.
    InvalidSpec,
    /// No register has the package.
    UnknownPackage,
    /// The package has no such entry.
    UnknownEntry,
    /// No register has the tag, or its version lacks the entry.
    UnknownTag,
    /// The entry exists, and no version of it serves the spec under the policy.
    Unavailable,
    /// A dependency in the closure has no answer.
    UnresolvedDependency,
    /// The index contradicts itself; verify it.
    Damaged,
}

impl ResolveErrorKind {
    /// The word for it in machine-readable output.
    pub fn as_str(self) -> &'static str {
        match self {
            ResolveErrorKind::InvalidId => "invalid-id",
            ResolveErrorKind::InvalidSpec => "invalid-spec",
            ResolveErrorKind::UnknownPackage => "unknown-package",
            ResolveErrorKind::UnknownEntry => "unknown-entry",
            ResolveErrorKind::UnknownTag => "unknown-tag",
            ResolveErrorKind::Unavailable => "unavailable",
            ResolveErrorKind::UnresolvedDependency => "unresolved-dependency",
            ResolveErrorKind::Damaged => "invalid-manifest",
        }
    }
}

/// An id has no answer.
///
/// The message names the id, the versions that are available and, where there is one, the version that a looser
/// policy would have given. The closest known name costs a walk over all names, so it is looked for only when asked:
/// [`Query::suggest`](crate::Query::suggest) adds it.
#[derive(Clone, Debug)]
pub struct ResolveError(Box<Failure>);

/// What a [`ResolveError`] holds; behind a pointer, so that answers stay small.
#[derive(Clone, Debug)]
struct Failure {
    kind: ResolveErrorKind,
    id: String,
    detail: Detail,
    suggestion: Option<String>,
}

/// What a message needs beyond kind and id.
#[derive(Clone, Debug)]
pub(crate) enum Detail {
    None,
    Id(radpack_manifest::IdError),
    Spec(radpack_version::SpecError),
    Package(String),
    Entry {
        package: String,
        entry: String,
    },
    Tag {
        tag: String,
        lacks_entry: bool,
    },
    Unavailable {
        available: Vec<semver::Version>,
        more: usize,
        looser: Option<(Fallback, semver::Version)>,
    },
    Dependency {
        chain: Vec<String>,
        source: Box<ResolveError>,
    },
}

impl ResolveError {
    pub(crate) fn new(kind: ResolveErrorKind, id: &str, detail: Detail) -> Self {
        ResolveError(Box::new(Failure {
            kind,
            id: id.to_owned(),
            detail,
            suggestion: None,
        }))
    }

    pub(crate) fn damaged(id: &str) -> Self {
        Self::new(ResolveErrorKind::Damaged, id, Detail::None)
    }

    pub(crate) fn detail_mut(&mut self) -> &mut Detail {
        &mut self.0.detail
    }

    pub(crate) fn set_suggestion(&mut self, suggestion: Option<String>) {
        self.0.suggestion = suggestion;
    }

    /// Why there is no answer.
    pub fn kind(&self) -> ResolveErrorKind {
        self.0.kind
    }

    /// The id that was asked for, as it was given.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The closest known id, once [`Query::suggest`](crate::Query::suggest) has looked for it.
    pub fn suggestion(&self) -> Option<&str> {
        self.0.suggestion.as_deref()
    }

    /// The ids that lead to an unresolved dependency, outermost first; empty for other kinds.
    pub fn chain(&self) -> &[String] {
        match &self.0.detail {
            Detail::Dependency { chain, .. } => chain,
            _ => &[],
        }
    }

    /// The versions that are available where none of them serves, newest first (at most ten).
    pub fn available(&self) -> &[semver::Version] {
        match &self.0.detail {
            Detail::Unavailable { available, .. } => available,
            _ => &[],
        }
    }

    /// The least loose policy that would have given a version, and that version.
    pub fn looser(&self) -> Option<(Fallback, &semver::Version)> {
        match &self.0.detail {
            Detail::Unavailable {
                looser: Some((fallback, version)),
                ..
            } => Some((*fallback, version)),
            _ => None,
        }
    }
}

impl fmt::Display for ResolveError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = &self.0.id;
        match &self.0.detail {
            Detail::None => {
                write!(
                    formatter,
                    "the index is damaged: cannot resolve `{id}`; verify the index or compile it again"
                )?;
            }
            Detail::Id(error) => write!(formatter, "{error}")?,
            Detail::Spec(_) => write!(formatter, "`{}` has an invalid spec", Shortened(id))?,
            Detail::Package(package) => write!(
                formatter,
                "no register has the package `{package}` of `{id}`"
            )?,
            Detail::Entry { package, entry } => {
                write!(
                    formatter,
                    "`{package}` has no entry `{entry}` (asked for as `{id}`)"
                )?;
            }
            Detail::Tag {
                tag,
                lacks_entry: false,
            } => write!(formatter, "no register has the tag `{tag}` of `{id}`")?,
            Detail::Tag {
                tag,
                lacks_entry: true,
            } => {
                write!(
                    formatter,
                    "the version tagged `{tag}` lacks the entry that `{id}` asks for"
                )?;
            }
            Detail::Unavailable {
                available,
                more,
                looser,
            } => {
                write!(formatter, "no version serves `{id}`")?;
                if available.is_empty() {
                    write!(formatter, ": none is available")?;
                } else {
                    write!(formatter, "; available: ")?;
                    for (index, version) in available.iter().enumerate() {
                        write!(formatter, "{}{version}", if index > 0 { ", " } else { "" })?;
                    }
                    if *more > 0 {
                        write!(formatter, " and {more} more")?;
                    }
                }
                if let Some((fallback, version)) = looser {
                    write!(formatter, "; fallback `{fallback}` would give {version}")?;
                }
            }
            Detail::Dependency { chain, .. } => {
                write!(
                    formatter,
                    "`{id}` needs a dependency that cannot be resolved: "
                )?;
                for (index, link) in chain.iter().enumerate() {
                    write!(formatter, "{}{link}", if index > 0 { " → " } else { "" })?;
                }
            }
        }
        match &self.0.suggestion {
            Some(suggestion) => write!(formatter, "; did you mean `{suggestion}`?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ResolveError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.detail {
            Detail::Spec(error) => Some(error),
            Detail::Dependency { source, .. } => Some(source.as_ref()),
            _ => None,
        }
    }
}

/// An id in a message: ids may be long, and hold control characters, exactly when they are wrong.
struct Shortened<'a>(&'a str);

impl fmt::Display for Shortened<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars().take(200) {
            if character.is_control() {
                write!(formatter, "{}", character.escape_default())?;
            } else {
                write!(formatter, "{character}")?;
            }
        }
        if self.0.chars().nth(200).is_some() {
            write!(formatter, "…")
        } else {
            Ok(())
        }
    }
}
