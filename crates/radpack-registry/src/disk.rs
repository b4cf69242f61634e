//! Files of this machine, written whole or not at all.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use tempfile::Builder;

/// Whether what was written must survive a power cut once it is said to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Whoever needs it can have it written again.
    Plain,
    /// The file is synced, and so is the folder that has its name.
    Synced,
}

/// Writes aside and renames, so that whoever reads the file sees the old contents or the new ones. Of a failure nothing stays.
pub(crate) fn replace<T, E>(
    path: &Path,
    durability: Durability,
    failed: impl Fn(io::Error) -> E,
    write: impl FnOnce(&mut File) -> Result<T, E>,
) -> Result<T, E> {
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let mut builder = Builder::new();
    builder.prefix(".radpack-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As any new file: what the umask leaves of it.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder).map_err(&failed)?;
    let written = write(file.as_file_mut())?;
    if durability == Durability::Synced {
        file.as_file().sync_all().map_err(&failed)?;
    }
    file.persist(path).map_err(|error| failed(error.error))?;
    // Only Unix lets folders be synced, or needs it.
    if durability == Durability::Synced && cfg!(unix) {
        let folder = File::open(folder).map_err(&failed)?;
        folder.sync_all().map_err(&failed)?;
    }
    Ok(written)
}
