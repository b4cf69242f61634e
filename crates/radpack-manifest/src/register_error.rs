//! What can go wrong while registers are flattened.

use std::error::Error;
use std::fmt::{self, Display};

/// The sorts of errors of [`Flatten`](crate::Flatten).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RegisterErrorKind {
    /// A URL that is none.
    Url,
    /// A relative URL in a register that has no URL of its own.
    Relative,
    /// A URL with a `${name}` that neither vars nor context give.
    Unexpanded,
    /// A URL of a scheme other than http, https and file.
    Scheme,
    /// A register read over http(s) that leads to a `file:` URL.
    FileFromNetwork,
    /// A register that leads back to itself.
    Cycle,
    /// More than [`MAX_REGISTER_DEPTH`](crate::MAX_REGISTER_DEPTH) URLs that lead one to the next.
    TooDeep,
    /// More than [`MAX_REGISTERS`](crate::MAX_REGISTERS).
    TooMany,
    /// Registers that together exceed the [`Limits`](crate::Limits) on bytes or exports.
    TooLarge,
    /// A register that the caller could not read; the cause is the caller's.
    Fetch,
    /// A register that could be read, and is none; the cause is a [`ManifestErrors`](crate::ManifestErrors).
    Invalid,
    /// A register that is still wanted.
    Unread,
}

/// A register could not be flattened; says which one, how one got there, and why.
#[derive(Debug)]
pub struct RegisterError {
    kind: RegisterErrorKind,
    chain: Vec<String>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl RegisterError {
    pub(crate) fn new(kind: RegisterErrorKind, chain: Vec<String>) -> Self {
        RegisterError {
            kind,
            chain,
            cause: None,
        }
    }

    pub(crate) fn because(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// What sort of error it is.
    #[must_use]
    pub fn kind(&self) -> RegisterErrorKind {
        self.kind
    }

    /// The URL that it is about, as far as it could be made one.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.chain.last().map(String::as_str)
    }

    /// The URLs that lead to the place, from the first register's to [`url`](Self::url).
    #[must_use]
    pub fn chain(&self) -> &[String] {
        &self.chain
    }
}

impl Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (url, before) = match self.chain.split_last() {
            Some((url, before)) => (url.as_str(), before),
            None => ("that was handed in", &[][..]),
        };
        match self.kind {
            RegisterErrorKind::Url => write!(f, "the register's URL {url} is none")?,
            RegisterErrorKind::Relative => {
                write!(
                    f,
                    "the register {url} is relative to one without a URL; give a whole URL"
                )?;
            }
            RegisterErrorKind::Unexpanded => {
                write!(
                    f,
                    "the register {url} has a placeholder that no var and no context fills in"
                )?;
            }
            RegisterErrorKind::Scheme => {
                write!(
                    f,
                    "the register {url} cannot be read: only http, https and file URLs can"
                )?;
            }
            RegisterErrorKind::FileFromNetwork => {
                write!(
                    f,
                    "the register {url} is a file, and one read over http(s) may not lead to files"
                )?;
            }
            RegisterErrorKind::Cycle => write!(f, "the register {url} leads back to itself")?,
            RegisterErrorKind::TooDeep => {
                write!(
                    f,
                    "the register {url} is nested deeper than {} URLs",
                    crate::MAX_REGISTER_DEPTH
                )?;
            }
            RegisterErrorKind::TooMany => {
                write!(
                    f,
                    "the register {url} leads to more than {} registers and manifests",
                    crate::MAX_REGISTERS
                )?;
            }
            RegisterErrorKind::TooLarge => {
                write!(
                    f,
                    "with the register {url}, the limit on the size of all registers is exceeded"
                )?;
            }
            RegisterErrorKind::Fetch => write!(f, "the register {url} could not be read")?,
            RegisterErrorKind::Invalid => write!(f, "the register {url} is not valid")?,
            RegisterErrorKind::Unread => write!(f, "the register {url} has not been read")?,
        }
        if !before.is_empty() {
            f.write_str(" (reached from ")?;
            for (index, url) in before.iter().enumerate() {
                let arrow = if index == 0 { "" } else { " → " };
                write!(f, "{arrow}{url}")?;
            }
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl Error for RegisterError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause
            .as_deref()
            .map(|cause| cause as &(dyn Error + 'static))
    }
}
