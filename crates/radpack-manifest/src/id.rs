//! Ids, `[@scope/]name[@spec][/entry…]`: what code asks for, taken apart and put together again.
//!
//! Syntax only. What a spec means is radpack-version's, whether a package exists the index's, and
//! `${x}` in an id is replaced before it comes here ([`expand`](crate::expand)); one that stays is text like any other.

use std::fmt::{self, Display};

use crate::problem::Shown;

/// The longest id, in bytes.
pub const MAX_ID_BYTES: usize = 4096;

/// The entry that an id without one means.
const INDEX: &str = "index";

/// An id taken apart; borrowed from its text.
///
/// * `name` is `name` or `@scope/name`, without empty segments;
/// * `spec` is what stands between the name's `@` and the next `/` (specs never hold one), as written; it may be empty;
/// * `entry` is never empty: an id without one has `index`.
///
/// [`Display`] gives the canonical id, which `parse` takes apart into the same again: `shapes/index` is `shapes`.
///
/// ```
/// use radpack_manifest::Id;
///
/// let id = Id::parse("@acme/shapes@>=1 <3/locale/fr")?;
/// assert_eq!((id.name, id.spec, id.entry), ("@acme/shapes", Some(">=1 <3"), "locale/fr"));
/// assert_eq!(Id::parse("shapes/index")?.to_string(), "shapes");
/// # Ok::<(), radpack_manifest::IdError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id<'a> {
    /// The package's name, with its scope.
    pub name: &'a str,
    /// The spec, where the id has an `@` after the name.
    pub spec: Option<&'a str>,
    /// The entry.
    pub entry: &'a str,
}

impl<'a> Id<'a> {
    /// Takes an id apart that does not depend on a scope.
    ///
    /// # Errors
    ///
    /// The first thing that keeps `text` from being an id; also for `~/entry`, which needs [`parse_in`](Self::parse_in).
    pub fn parse(text: &'a str) -> Result<Self, IdError> {
        Self::parse_in(text, None)
    }

    /// Takes an id apart; `~/entry` is an entry of `scope`, the asking package, given as `name` or `name@spec`.
    ///
    /// # Errors
    ///
    /// The first thing that keeps `text` from being an id, or, where the scope is needed, `scope` from being one.
    ///
    /// ```
    /// use radpack_manifest::Id;
    ///
    /// let id = Id::parse_in("~/locale/fr", Some("shapes@2.0.1"))?;
    /// assert_eq!(id.to_string(), "shapes@2.0.1/locale/fr");
    /// # Ok::<(), radpack_manifest::IdError>(())
    /// ```
    pub fn parse_in(text: &'a str, scope: Option<&'a str>) -> Result<Self, IdError> {
        let fail = |kind, position| Err(IdError::new(kind, position, text));
        if text.is_empty() {
            return fail(IdErrorKind::Empty, 0);
        }
        if text.len() > MAX_ID_BYTES {
            return fail(IdErrorKind::TooLong, MAX_ID_BYTES);
        }
        if let Some(position) =
            text.find(|character: char| character == '\\' || character.is_control())
        {
            let kind = if text.as_bytes()[position] == b'\\' {
                IdErrorKind::Backslash
            } else {
                IdErrorKind::ControlCharacter
            };
            return fail(kind, position);
        }
        if let Some(entry) = text.strip_prefix("~/") {
            check_segments(entry, 2, text)?;
            let Some(scope) = scope else {
                return fail(IdErrorKind::NeedsScope, 0);
            };
            let asking = Self::parse(scope)?;
            if asking.entry != INDEX || scope.starts_with("~/") {
                return Err(IdError::new(
                    IdErrorKind::ScopeIsNoPackage,
                    scope.find('/').unwrap_or(0),
                    scope,
                ));
            }
            return Ok(Id { entry, ..asking });
        }
        let head = match text.strip_prefix('@') {
            None => 0,
            Some(scoped) => match scoped.find('/') {
                Some(0) => return fail(IdErrorKind::EmptySegment, 1),
                Some(slash) => slash + 2,
                None => return fail(IdErrorKind::ScopeWithoutName, text.len()),
            },
        };
        let name_end = text[head..]
            .find(['@', '/'])
            .map_or(text.len(), |end| head + end);
        let name = &text[..name_end];
        if name_end == head {
            return fail(IdErrorKind::MissingName, head);
        }
        if head > 0
            && let Some(at) = name[1..].find('@')
        {
            return fail(IdErrorKind::AtInScope, 1 + at);
        }
        // A scope's own dots count without its `@`.
        let unscoped = usize::from(head > 0);
        check_segments(&name[unscoped..], unscoped, text)?;
        if name == "~" {
            return fail(IdErrorKind::Tilde, 0);
        }
        let rest = &text[name_end..];
        let (spec, slash) = match rest.strip_prefix('@') {
            None => (None, name_end),
            Some(after) => {
                let end = after.find('/').unwrap_or(after.len());
                (Some(&after[..end]), name_end + 1 + end)
            }
        };
        if slash == text.len() {
            return Ok(Id {
                name,
                spec,
                entry: INDEX,
            });
        }
        let entry = &text[slash + 1..];
        check_segments(entry, slash + 1, text)?;
        Ok(Id { name, spec, entry })
    }

    /// Whether `name` can be a package's name: `name` or `@scope/name`.
    ///
    /// # Errors
    ///
    /// What keeps it from being one.
    pub fn check_name(name: &str) -> Result<(), IdError> {
        let id = Id::parse(name)?;
        if id.name.len() == name.len() {
            return Ok(());
        }
        Err(IdError::new(IdErrorKind::NotOnlyAName, id.name.len(), name))
    }

    /// Whether `entry` can be an entry's name.
    ///
    /// # Errors
    ///
    /// What keeps it from being one.
    pub fn check_entry(entry: &str) -> Result<(), IdError> {
        if entry.len() > MAX_ID_BYTES {
            return Err(IdError::new(IdErrorKind::TooLong, MAX_ID_BYTES, entry));
        }
        if let Some((position, character)) = entry
            .char_indices()
            .find(|(_, character)| *character == '\\' || character.is_control())
        {
            let kind = if character == '\\' {
                IdErrorKind::Backslash
            } else {
                IdErrorKind::ControlCharacter
            };
            return Err(IdError::new(kind, position, entry));
        }
        check_segments(entry, 0, entry)
    }
}

/// Whether none of the segments of `path`, which starts at `offset` of `text`, is empty, `.` or `..`.
fn check_segments(path: &str, offset: usize, text: &str) -> Result<(), IdError> {
    let mut start = offset;
    for segment in path.split('/') {
        match segment {
            "" => return Err(IdError::new(IdErrorKind::EmptySegment, start, text)),
            "." | ".." => return Err(IdError::new(IdErrorKind::DotSegment, start, text)),
            _ => start += segment.len() + 1,
        }
    }
    Ok(())
}

impl Display for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if let Some(spec) = self.spec {
            write!(f, "@{spec}")?;
        }
        if self.entry != INDEX {
            write!(f, "/{}", self.entry)?;
        }
        Ok(())
    }
}

/// What keeps a text from being an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IdErrorKind {
    /// There is no text.
    Empty,
    /// Longer than [`MAX_ID_BYTES`].
    TooLong,
    /// `a//b`, `/a`, `a/`, `@/a`.
    EmptySegment,
    /// A segment `.` or `..`.
    DotSegment,
    /// A backslash.
    Backslash,
    /// A control character.
    ControlCharacter,
    /// `@scope` without `/name`.
    ScopeWithoutName,
    /// `@sc@ope/name`.
    AtInScope,
    /// No name before the `@` of a spec or the `/` of an entry.
    MissingName,
    /// `~` without `/entry`.
    Tilde,
    /// `~/entry` where no package asks.
    NeedsScope,
    /// The scope given for `~/entry` has an entry, or is itself relative.
    ScopeIsNoPackage,
    /// A spec or an entry where only a name may stand.
    NotOnlyAName,
}

/// A text is no id; says why and where.
///
/// ```
/// use radpack_manifest::Id;
///
/// let error = Id::parse("shapes//fr").unwrap_err();
/// assert_eq!(error.to_string(), "invalid id \"shapes//fr\": empty segment at byte 7");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdError {
    kind: IdErrorKind,
    position: usize,
    id: String,
}

impl IdError {
    fn new(kind: IdErrorKind, position: usize, id: &str) -> Self {
        // Messages show the start; keeping more of a hostile text would only cost.
        let mut end = id.len().min(MAX_ID_BYTES);
        while !id.is_char_boundary(end) {
            end -= 1;
        }
        IdError {
            kind,
            position,
            id: id[..end].to_owned(),
        }
    }

    /// Whether the error is about this id, rather than about a scope that it needs.
    pub(crate) fn is_about(&self, id: &str) -> bool {
        self.kind == IdErrorKind::TooLong || self.id == id
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> IdErrorKind {
        self.kind
    }

    /// Where, in bytes from the start of the id.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }
}

impl Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let position = self.position;
        write!(f, "invalid id {}: ", Shown(&self.id))?;
        match self.kind {
            IdErrorKind::Empty => f.write_str("it is empty"),
            IdErrorKind::TooLong => write!(f, "it is longer than {MAX_ID_BYTES} bytes"),
            IdErrorKind::EmptySegment => write!(f, "empty segment at byte {position}"),
            IdErrorKind::DotSegment => write!(f, "a segment of only dots at byte {position}"),
            IdErrorKind::Backslash => write!(f, "backslash at byte {position}"),
            IdErrorKind::ControlCharacter => write!(f, "control character at byte {position}"),
            IdErrorKind::ScopeWithoutName => f.write_str("a scope must be followed by `/name`"),
            IdErrorKind::AtInScope => write!(f, "`@` within the scope at byte {position}"),
            IdErrorKind::MissingName => write!(f, "expected a package name at byte {position}"),
            IdErrorKind::Tilde => f.write_str("`~` must be followed by `/entry`"),
            IdErrorKind::NeedsScope => {
                f.write_str("`~/` stands for the asking package, and none was given")
            }
            IdErrorKind::ScopeIsNoPackage => {
                f.write_str("a scope is a package, `name` or `name@spec`")
            }
            IdErrorKind::NotOnlyAName => write!(
                f,
                "expected only a package name, which ends at byte {position}"
            ),
        }
    }
}

impl std::error::Error for IdError {}
