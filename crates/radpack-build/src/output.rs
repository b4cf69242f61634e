//! Writing: files first, `radpack.json` last, so that a crash at any point leaves the previous build whole.
//!
//! Every file is written and synced in a work folder inside the output folder, then renamed into place; the folders are synced
//! before `radpack.json` follows in the same way. Its rename is the one moment at which the new build counts. A work folder
//! left by a build that was killed is cleared by the next. What is written is decided elsewhere (`plan.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use tempfile::TempPath;

use crate::error::{ErrorKind, Problem};
use crate::folder::parent;
use crate::lock::Lock;
use crate::registers::RADPACK_JSON;
use crate::report::FileAction;

/// How many threads write and sync. They wait for the disk, not for a processor, and a file system syncs many files at once nearly
/// as fast as one.
const WRITERS: usize = 16;

/// The work folder's name.
pub(crate) const WORK: &str = ".radpack.tmp";

/// Called before each step that changes the disk, with the path it is about, so that tests can make it fail, or kill the process
/// there.
pub(crate) type Hook<'h> = dyn Fn(Step, &Path) -> io::Result<()> + Sync + 'h;

/// A step that changes the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A folder is made.
    MakeFolder,
    /// A file that is to go to the path is written in the work folder.
    Write,
    /// It is synced.
    Sync,
    /// It is renamed into place.
    Rename,
    /// A folder is synced.
    SyncFolder,
    /// A file is deleted.
    Delete,
}

/// What is to be written.
#[derive(Debug)]
pub(crate) struct Contents<'c> {
    /// By path relative to the output folder.
    pub(crate) files: BTreeMap<&'c str, &'c [u8]>,
    pub(crate) manifest: &'c [u8],
    /// Files to delete once the manifest no longer names them.
    pub(crate) delete: &'c BTreeSet<String>,
}

/// Whether a file is there already, with these contents.
pub(crate) fn is_there(path: &Path, contents: &[u8]) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| {
        found.is_file() && usize::try_from(found.len()).is_ok_and(|length| length == contents.len())
    }) && fs::read(path).is_ok_and(|found| found == contents)
}

/// What writing a file of these contents will do.
pub(crate) fn action(path: &Path, contents: &[u8], copied: bool) -> FileAction {
    match (is_there(path, contents), copied) {
        (true, _) => FileAction::Reused,
        (false, true) => FileAction::Copied,
        (false, false) => FileAction::Written,
    }
}

/// The output folder, locked against other builders until this is dropped. What was made and does not count yet goes with it.
pub(crate) struct Session<'s> {
    out: &'s Path,
    hook: &'s Hook<'s>,
    made: Made,
    lock: Option<Lock>,
}

impl<'s> Session<'s> {
    /// Makes and locks the output folder.
    pub(crate) fn begin(out: &'s Path, hook: &'s Hook<'s>) -> Result<Session<'s>, Problem> {
        let mut session = Session {
            out,
            hook,
            made: Made::default(),
            lock: None,
        };
        // Another builder that fails takes back the folder that it made, perhaps just before this one uses it.
        let mut attempts = 0;
        let lock = loop {
            session.made.folder(out, hook)?;
            match Lock::take(out) {
                Ok(lock) => break lock,
                Err(error) if error.kind() == io::ErrorKind::NotFound && attempts < 100 => {
                    attempts += 1;
                }
                Err(error) => return Err(Problem::io("lock the output folder", out, error)),
            }
        };
        session.lock = Some(lock);
        Ok(session)
    }

    /// Whether the manifest is still the one that a plan was made from.
    pub(crate) fn is_current(&self, existing: Option<&[u8]>) -> Result<bool, Problem> {
        let path = self.out.join(RADPACK_JSON);
        match fs::read(&path) {
            Ok(found) => Ok(existing == Some(&found)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(existing.is_none()),
            Err(error) => Err(Problem::io("read", &path, error)),
        }
    }

    /// Writes everything, or, as far as anyone can see, nothing.
    pub(crate) fn write(mut self, contents: &Contents<'_>) -> Result<(), Problem> {
        let Session {
            out, hook, made, ..
        } = &mut self;
        match rayon::ThreadPoolBuilder::new().num_threads(WRITERS).build() {
            Ok(writers) => writers.install(|| write(out, contents, hook, made)),
            // Where so many threads cannot be had, those that there are will do.
            Err(_) => write(out, contents, hook, made),
        }
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.made.undo_files();
        self.lock = None;
        self.made.undo_folders();
    }
}

fn write(
    out: &Path,
    contents: &Contents<'_>,
    hook: &Hook<'_>,
    made: &mut Made,
) -> Result<(), Problem> {
    let manifest_path = out.join(RADPACK_JSON);
    let work = Work::new(out, hook)?;
    let missing: Vec<(PathBuf, &str, &[u8])> = contents
        .files
        .par_iter()
        .map(|(&path, &bytes)| (out.join(path), path, bytes))
        .filter(|(absolute, _, bytes)| !is_there(absolute, bytes))
        .collect();
    if let Some((absolute, ..)) = missing
        .iter()
        .find(|(absolute, ..)| fs::symlink_metadata(absolute).is_ok())
    {
        // Names were chosen so that this cannot be, unless someone has written past the lock.
        let message = format!(
            "{} has changed while this was built: build again",
            absolute.display()
        );
        return Err(Problem::new(ErrorKind::Io, message));
    }
    let staged: Vec<(PathBuf, &str, TempPath)> = missing
        .into_par_iter()
        .map(|(absolute, path, bytes)| {
            Ok((absolute.clone(), path, work.stage(&absolute, bytes, hook)?))
        })
        .collect::<Result<_, Problem>>()?;
    let folders: BTreeSet<&str> = staged.iter().map(|(_, path, _)| parent(path)).collect();
    for folder in &folders {
        made.folder(&out.join(folder), hook)?;
    }
    for (absolute, _, file) in staged {
        rename(file, &absolute, hook)?;
        made.files.push(absolute);
    }
    let mut changed: BTreeSet<PathBuf> = folders.iter().map(|folder| out.join(folder)).collect();
    changed.extend(
        made.folders
            .iter()
            .filter_map(|folder| folder.parent())
            .map(Path::to_owned),
    );
    changed.extend(made.folders.iter().cloned());
    changed
        .into_par_iter()
        .try_for_each(|folder| sync_folder(&folder, hook))?;
    if !is_there(&manifest_path, contents.manifest) {
        let file = work.stage(&manifest_path, contents.manifest, hook)?;
        rename(file, &manifest_path, hook)?;
        // From here on the new build counts.
        made.keep();
        sync_folder(out, hook)?;
    }
    made.keep();
    for path in contents.delete {
        let absolute = out.join(path);
        step(hook, Step::Delete, "delete", &absolute)?;
        match fs::remove_file(&absolute) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Problem::io("delete", &absolute, error)),
        }
        remove_empty_folders(&absolute, out);
    }
    Ok(())
}

/// Removes the folders that a deleted file leaves empty.
fn remove_empty_folders(deleted: &Path, out: &Path) {
    for folder in deleted
        .ancestors()
        .skip(1)
        .take_while(|folder| *folder != out && folder.starts_with(out))
    {
        if fs::remove_dir(folder).is_err() {
            return;
        }
    }
}

/// What a write has made so far, to be taken back if it fails.
#[derive(Debug, Default)]
struct Made {
    files: Vec<PathBuf>,
    /// Outer ones first.
    folders: Vec<PathBuf>,
}

impl Made {
    /// Makes a folder and those around it.
    fn folder(&mut self, folder: &Path, hook: &Hook<'_>) -> Result<(), Problem> {
        let missing: Vec<&Path> = folder
            .ancestors()
            .take_while(|folder| !folder.is_dir())
            .collect();
        for folder in missing.into_iter().rev() {
            step(hook, Step::MakeFolder, "make the folder", folder)?;
            match fs::create_dir(folder) {
                Ok(()) => self.folders.push(folder.to_owned()),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
                Err(error) => return Err(Problem::io("make the folder", folder, error)),
            }
        }
        Ok(())
    }

    /// What was made stays.
    fn keep(&mut self) {
        self.files.clear();
        self.folders.clear();
    }

    fn undo_files(&mut self) {
        for file in self.files.drain(..) {
            let _ = fs::remove_file(file);
        }
    }

    fn undo_folders(&mut self) {
        for folder in self.folders.drain(..).rev() {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// The work folder; gone when dropped.
struct Work {
    folder: PathBuf,
}

impl Work {
    fn new(out: &Path, hook: &Hook<'_>) -> Result<Work, Problem> {
        let folder = out.join(WORK);
        match fs::remove_dir_all(&folder) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(Problem::io(
                    "clear what a killed build left in",
                    &folder,
                    error,
                ));
            }
        }
        step(hook, Step::MakeFolder, "make the folder", &folder)?;
        fs::create_dir(&folder).map_err(|error| Problem::io("make the folder", &folder, error))?;
        Ok(Work { folder })
    }

    /// Writes and syncs a file that is to go to `target`.
    fn stage(&self, target: &Path, bytes: &[u8], hook: &Hook<'_>) -> Result<TempPath, Problem> {
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            // As any new file: what the umask leaves of it.
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        let write = || {
            hook(Step::Write, target)?;
            let mut file = builder.tempfile_in(&self.folder)?;
            file.write_all(bytes)?;
            hook(Step::Sync, target)?;
            file.as_file().sync_all()?;
            // Closed: there may be more files than a process may hold open.
            Ok(file.into_temp_path())
        };
        write().map_err(|error| Problem::io("write", target, error))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn rename(file: TempPath, target: &Path, hook: &Hook<'_>) -> Result<(), Problem> {
    step(hook, Step::Rename, "write", target)?;
    file.persist(target)
        .map(drop)
        .map_err(|error| Problem::io("write", target, error.error))
}

/// Syncs a folder, so that the names in it survive a crash, too.
fn sync_folder(folder: &Path, hook: &Hook<'_>) -> Result<(), Problem> {
    step(hook, Step::SyncFolder, "sync the folder", folder)?;
    // Only Unix lets folders be synced, or needs it.
    if cfg!(unix) {
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| Problem::io("sync the folder", folder, error))?;
    }
    Ok(())
}

fn step(hook: &Hook<'_>, step: Step, action: &str, path: &Path) -> Result<(), Problem> {
    hook(step, path).map_err(|error| Problem::io(action, path, error))
}
