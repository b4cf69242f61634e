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
pub(crate) fn replace<T, E: From<io::Error>>(
    path: &Path,
    durability: Durability,
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
    let mut file = builder.tempfile_in(folder)?;
    let written = write(file.as_file_mut())?;
    if durability == Durability::Synced {
        file.as_file().sync_all()?;
    }
    file.persist(path).map_err(|error| error.error)?;
    // Only Unix lets folders be synced, or needs it.
    if durability == Durability::Synced && cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(written)
}
