//! What can be registered: URLs, files, texts, manifests, indexes, and lists of these.
//!
//! Data only. Reading is [`crate::register`]'s.

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use radpack_manifest::{Manifest, Register};
use radpack_resolve::Index;
use url::Url;

/// Where a register comes from, and what to do where that fails.
///
/// Texts with `://` are URLs (`http`, `https`, `file`; `${name}` is filled in from the context), other texts are paths. JSON in hand
/// goes through [`Source::json`]. Of a list, the last lies on top; it may hold lists.
///
/// ```
/// use radpack_loader::Source;
///
/// let source = Source::from("https://cdn.example/design-system/radpack.json")
///     .fallback("https://mirror.example/design-system")
///     .optional();
/// assert!(source.is_optional());
/// assert_eq!(source.to_string(), "https://cdn.example/design-system/radpack.json");
/// assert_eq!(Source::from(["a/radpack.json", "b/radpack.json"]).to_string(), "a/radpack.json, b/radpack.json");
/// ```
#[derive(Clone, Debug)]
pub struct Source {
    parts: Vec<Part>,
    optional: bool,
}

/// One register of a source.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) origin: Origin,
    /// Base URLs that hold the same files.
    pub(crate) fallbacks: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) enum Origin {
    Url(String),
    Path(PathBuf),
    Text(Bytes),
    Register(Arc<Register>),
    Index(Arc<Index>),
}

impl Source {
    /// A register as JSON text: a manifest, a URL in a string, or an array of these. What is wrong with it is found when it is
    /// read.
    ///
    /// It has no URL of its own, so the URLs in it are whole ones, and its `baseUrl`, where it gives none, comes from the context.
    #[must_use]
    pub fn json(text: impl Into<Bytes>) -> Self {
        Self::of(Origin::Text(text.into()))
    }

    /// Another base URL at which the same files are, manifest and modules: it takes the place of the register's URL up to the last
    /// `/`, and of the `baseUrl` that its manifests state. Several are tried in the order given.
    #[must_use]
    pub fn fallback(mut self, base_url: impl Into<String>) -> Self {
        let base_url = base_url.into();
        for part in &mut self.parts {
            part.fallbacks
                .push(base_url.trim_end_matches('/').to_owned());
        }
        self
    }

    /// Lets this one fail: then the others are there without it, and it is tried again in the background.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Whether it may fail.
    #[must_use]
    pub fn is_optional(&self) -> bool {
        self.optional
    }

    fn of(origin: Origin) -> Self {
        Source {
            parts: vec![Part {
                origin,
                fallbacks: Vec::new(),
            }],
            optional: false,
        }
    }

    /// The registers, bottom first.
    pub(crate) fn into_parts(self) -> Vec<Part> {
        self.parts
    }
}

impl Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, part) in self.parts.iter().enumerate() {
            if position > 0 {
                f.write_str(", ")?;
            }
            part.fmt(f)?;
        }
        Ok(())
    }
}

impl Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Url(url) => f.write_str(url),
            Origin::Path(path) => path.display().fmt(f),
            Origin::Text(_) => f.write_str("a JSON text"),
            Origin::Register(_) => f.write_str("a manifest in memory"),
            Origin::Index(_) => f.write_str("an index"),
        }
    }
}

impl From<&str> for Source {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<String> for Source {
    fn from(text: String) -> Self {
        if text.contains("://") {
            Self::of(Origin::Url(text))
        } else {
            Self::of(Origin::Path(PathBuf::from(text)))
        }
    }
}

impl From<&String> for Source {
    fn from(text: &String) -> Self {
        Self::from(text.clone())
    }
}

impl From<Url> for Source {
    fn from(url: Url) -> Self {
        Self::of(Origin::Url(url.into()))
    }
}

impl From<PathBuf> for Source {
    fn from(path: PathBuf) -> Self {
        Self::of(Origin::Path(path))
    }
}

impl From<&Path> for Source {
    fn from(path: &Path) -> Self {
        Self::of(Origin::Path(path.to_owned()))
    }
}

impl From<Manifest> for Source {
    fn from(manifest: Manifest) -> Self {
        Self::from(Register::Manifest(manifest))
    }
}

impl From<Register> for Source {
    fn from(register: Register) -> Self {
        Self::of(Origin::Register(Arc::new(register)))
    }
}

impl From<Index> for Source {
    fn from(index: Index) -> Self {
        Self::from(Arc::new(index))
    }
}

impl From<Arc<Index>> for Source {
    fn from(index: Arc<Index>) -> Self {
        Self::of(Origin::Index(index))
    }
}

impl<S: Into<Source>> From<Vec<S>> for Source {
    fn from(sources: Vec<S>) -> Self {
        let mut all = Source {
            parts: Vec::new(),
            optional: false,
        };
        for source in sources {
            let source = source.into();
            all.optional |= source.optional;
            all.parts.extend(source.parts);
        }
        all
    }
}

impl<S: Into<Source>, const N: usize> From<[S; N]> for Source {
    fn from(sources: [S; N]) -> Self {
        Self::from(Vec::from(sources))
    }
}
