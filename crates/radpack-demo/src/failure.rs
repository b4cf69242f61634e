//! Why the main job could not be done at all.

use std::io;
use std::path::{Path, PathBuf};

use radpack::build::BuildError;
use radpack::{IndexError, ResolveError};
use radpack_testkit::FetchError;

/// Why the main job could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The packages could not be fetched.
    #[error("the packages are not there")]
    Fetch(#[from] FetchError),
    /// A package could not be built.
    #[error("{package} could not be built")]
    Build {
        /// Its name and version.
        package: String,
        /// Everything that is wrong with it.
        #[source]
        source: BuildError,
    },
    /// The register could not be compiled, or its index not be opened.
    #[error("the register gives no index")]
    Index(#[from] IndexError),
    /// The index contradicts itself.
    #[error("the index cannot be read")]
    Damaged(#[from] ResolveError),
    /// The output folder holds something already.
    #[error("{} is not empty: the register must grow from nothing; name another folder", .0.display())]
    NotEmpty(PathBuf),
    /// A file or folder could not be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was to be done, such as `read`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The registry could not do what it was asked to.
    #[error("the registry could not do what it was asked to")]
    Registry(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The account could not be written.
    #[error("cannot write the account")]
    Account(#[source] io::Error),
    /// Node.js could not be run.
    #[error("cannot run Node.js; install it, 20 or newer, and see that `node --version` answers")]
    NoNode(#[source] io::Error),
}

impl Failure {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Failure {
        let path = path.to_path_buf();
        move |source| Failure::Io {
            action,
            path,
            source,
        }
    }
}
