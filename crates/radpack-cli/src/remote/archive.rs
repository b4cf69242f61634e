//! What is sent of folders: a tar archive, packed with zstd.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use radpack_build::Build;
use radpack_registry::{LeftOut, PublishError, PublishOptions, Sources};
use tar::{Builder, Header};

use super::{most_sent, too_large};
use crate::failure::{Failure, Word};
use crate::session::of_publish;

/// How strongly it is packed: most of the time is the network's.
const LEVEL: i32 = 3;

/// An archive that is being written.
pub(super) struct Archive(Builder<zstd::Encoder<'static, Vec<u8>>>);

fn failed(error: std::io::Error) -> Failure {
    Failure::new(Word::Io, "what is to be sent cannot be packed").caused_by(&error)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Word::Io, format!("cannot read {}", path.display())).caused_by(error)
}

impl Archive {
    pub(super) fn new() -> Result<Archive, Failure> {
        let encoder = zstd::Encoder::new(Vec::new(), LEVEL).map_err(failed)?;
        Ok(Archive(Builder::new(encoder)))
    }

    fn append(&mut self, name: &str, size: u64, contents: impl Read) -> Result<(), Failure> {
        let mut header = Header::new_gnu();
        header.set_size(size);
        header.set_mode(0o644);
        self.0
            .append_data(&mut header, name, contents)
            .map_err(failed)?;
        // It is held until it is sent.
        match self.0.get_ref().get_ref().len() as u64 > most_sent() {
            true => Err(too_large(
                "what is to be sent",
                most_sent(),
                "send it in parts, or do it where the store is, with the store's own address",
            )),
            false => Ok(()),
        }
    }

    pub(super) fn add(&mut self, name: &str, contents: &[u8]) -> Result<(), Failure> {
        self.append(name, contents.len() as u64, contents)
    }

    pub(super) fn add_file(&mut self, name: &str, path: &Path) -> Result<(), Failure> {
        let open = || {
            let file = File::open(path)?;
            let size = file.metadata()?.len();
            Ok((file, size))
        };
        let (file, size) = open().map_err(|error| unreadable(path, &error))?;
        // A file that grows meanwhile is sent as long as it was.
        self.append(name, size, file.take(size))
    }

    /// Adds what of a package folder a registry stores; says what of it is not sent that one might miss.
    pub(super) fn add_folder(
        &mut self,
        name: &str,
        folder: &Path,
        options: &PublishOptions,
    ) -> Result<Vec<String>, Failure> {
        let failed = |source| {
            of_publish(&PublishError::Folder {
                folder: folder.to_owned(),
                source,
            })
        };
        let sources = Sources::read(folder, &inputs(folder, options)).map_err(failed)?;
        for (file, _) in sources.files() {
            let contents = sources.contents(file).map_err(failed)?;
            self.add(&format!("{name}/{file}"), &contents)?;
        }
        let missed = |left_out: &LeftOut| {
            let path = folder.join(&left_out.path);
            format!(
                "{} is not among the sources: {}",
                path.display(),
                left_out.reason
            )
        };
        Ok(sources.left_out().iter().map(missed).collect())
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, Failure> {
        self.0
            .into_inner()
            .and_then(zstd::Encoder::finish)
            .map_err(failed)
    }
}

/// The files of a folder that its build reads: they are sent even where they are ignored, as what another tool made is. What cannot be
/// read is sent without, for the server to say what is wrong with it.
fn inputs(folder: &Path, options: &PublishOptions) -> BTreeSet<PathBuf> {
    let mut build = Build::new(folder);
    let asked = build.options_mut();
    asked.version.clone_from(&options.version);
    asked.external.clone_from(&options.external);
    asked.entries.clone_from(&options.entries);
    let Ok(description) = build.describe() else {
        return BTreeSet::new();
    };
    let root = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let inputs = description.inputs.into_iter();
    inputs
        .filter(|path| path.starts_with(&root) && path.is_file())
        .collect()
}
