//! What can go wrong at run time, and what it was about.
//!
//! One error type for reading registers and loading modules. It is cheap to clone, because everyone who waits for the same fetch
//! gets the same error. It does not cover resolving: [`Radpack::resolve`](crate::Radpack::resolve) gives the index's own error.

use std::error::Error;
use std::fmt::{self, Display};
use std::sync::Arc;
use std::time::Duration;

/// What sort of thing went wrong; what a caller can do differs by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LoadErrorKind {
    /// The loader could not be set up: an option, a source or a folder is not what it must be.
    Setup,
    /// Something could not be fetched or read: no connection, an error status, a time-out, a body that broke off. It may work later.
    Fetch,
    /// Something is larger than its limit.
    TooLarge,
    /// Something was not even tried, or not followed: a host that is not allowed, a redirect to another scheme, too many redirects,
    /// a file where only the network may be read.
    Refused,
    /// A register was read, and is none: not JSON, not valid, a cycle, too deep. The sources tell what is wrong.
    Register,
    /// An id has no answer; the source is a [`ResolveError`](radpack_resolve::ResolveError).
    Resolve,
    /// A module has no URL that could be fetched, such as one with a placeholder that nothing fills in.
    Url,
    /// The bytes of a module are not what the manifest states, or the manifest states nothing where it must; see
    /// [`LoadError::hashes`].
    Integrity,
    /// No graph of this id is remembered.
    UnknownGraph,
    /// The runtime on which the work was done was shut down.
    Interrupted,
}

impl LoadErrorKind {
    /// The word for it in events and counters.
    ///
    /// ```
    /// assert_eq!(radpack_loader::LoadErrorKind::TooLarge.as_str(), "too-large");
    /// ```
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            LoadErrorKind::Setup => "setup",
            LoadErrorKind::Fetch => "fetch",
            LoadErrorKind::TooLarge => "too-large",
            LoadErrorKind::Refused => "refused",
            LoadErrorKind::Register => "register",
            LoadErrorKind::Resolve => "resolve",
            LoadErrorKind::Url => "url",
            LoadErrorKind::Integrity => "integrity",
            LoadErrorKind::UnknownGraph => "unknown-graph",
            LoadErrorKind::Interrupted => "interrupted",
        }
    }
}

/// A register could not be read, or a module not be loaded.
///
/// The message says what and where; causes are in [`source`](Error::source), not in the message. [`Self::report`] joins them.
#[derive(Clone)]
pub struct LoadError(Arc<Failure>);

#[derive(Clone)]
struct Failure {
    kind: LoadErrorKind,
    message: String,
    url: Option<String>,
    chain: Vec<String>,
    hashes: Option<(String, String)>,
    retry_after: Option<Duration>,
    transient: bool,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

impl LoadError {
    pub(crate) fn new(kind: LoadErrorKind, message: impl Into<String>) -> Self {
        LoadError(Arc::new(Failure {
            kind,
            message: message.into(),
            url: None,
            chain: Vec::new(),
            hashes: None,
            retry_after: None,
            transient: false,
            cause: None,
        }))
    }

    fn with(mut self, change: impl FnOnce(&mut Failure)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    pub(crate) fn because(self, cause: impl Error + Send + Sync + 'static) -> Self {
        self.with(|failure| failure.cause = Some(Arc::new(cause)))
    }

    pub(crate) fn at(self, url: &str) -> Self {
        self.with(|failure| failure.url = Some(url.to_owned()))
    }

    pub(crate) fn wanted_by(self, chain: Vec<String>) -> Self {
        self.with(|failure| failure.chain = chain)
    }

    pub(crate) fn with_hashes(self, expected: String, found: String) -> Self {
        self.with(|failure| failure.hashes = Some((expected, found)))
    }

    pub(crate) fn retry_in(self, after: Option<Duration>) -> Self {
        self.with(|failure| failure.retry_after = after)
    }

    /// Says that trying again may help.
    pub(crate) fn transient(self) -> Self {
        self.with(|failure| failure.transient = true)
    }

    pub(crate) fn is_transient(&self) -> bool {
        self.0.transient
    }

    pub(crate) fn interrupted() -> Self {
        Self::new(
            LoadErrorKind::Interrupted,
            "the runtime was shut down before the work was done",
        )
    }

    /// What sort of thing went wrong.
    #[must_use]
    pub fn kind(&self) -> LoadErrorKind {
        self.0.kind
    }

    /// The URL that it is about, where it is about one.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.0.url.as_deref()
    }

    /// The pinned ids that lead to the module that could not be loaded: from the one that was asked for to itself.
    #[must_use]
    pub fn chain(&self) -> &[String] {
        &self.0.chain
    }

    /// Of bytes that are not what they should be: the integrity that was stated, and the one that was found.
    #[must_use]
    pub fn hashes(&self) -> Option<(&str, &str)> {
        self.0
            .hashes
            .as_ref()
            .map(|(expected, found)| (expected.as_str(), found.as_str()))
    }

    /// How long the server asks to be left alone, where it said so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The message and those of all causes, joined by colons: for a log line.
    #[must_use]
    pub fn report(&self) -> String {
        let mut text = self.to_string();
        let mut next = self.source();
        while let Some(cause) = next {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            next = cause.source();
        }
        text
    }
}

impl Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if self.0.chain.len() > 1 {
            write!(f, " (wanted by {})", self.0.chain.join(" → "))?;
        }
        Ok(())
    }
}

impl fmt::Debug for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadError")
            .field("kind", &self.0.kind)
            .field("report", &self.report())
            .finish_non_exhaustive()
    }
}

impl Error for LoadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0
            .cause
            .as_deref()
            .map(|cause| cause as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_everything_once() {
        let cause = LoadError::new(LoadErrorKind::Fetch, "cannot fetch https://h/a.js")
            .because(std::io::Error::other("connection reset"));
        let error = LoadError::new(LoadErrorKind::Fetch, "cannot load a@1.0.0")
            .because(cause)
            .wanted_by(vec!["app@1.0.0".into(), "a@1.0.0".into()]);
        assert_eq!(
            error.report(),
            "cannot load a@1.0.0 (wanted by app@1.0.0 → a@1.0.0): cannot fetch https://h/a.js: connection reset"
        );
        assert_eq!(error.clone().chain(), ["app@1.0.0", "a@1.0.0"]);
    }
}
