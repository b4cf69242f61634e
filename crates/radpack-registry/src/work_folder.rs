//! Folders for work that is going on: what a process that was killed leaves behind, the next one sweeps.
//!
//! Each process has a place of its own among the temporary files, with a file in it that is locked as long as the process lives. However it
//! ends, the system gives the lock back: what is not locked, nobody uses any more.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tempfile::{Builder, TempDir};

/// How the places of all processes are called.
const PREFIX: &str = "radpack-work-";

/// The file that is locked. It has this name once it is.
const LOCK: &str = "lock";
const UNLOCKED: &str = "lock.new";

/// How old a place without a lock is before it is one that nobody is just making.
const MADE_BY_THEN: Duration = Duration::from_secs(3_600);

/// The place of this process, while anything lies in it.
static PLACE: Mutex<Weak<Place>> = Mutex::new(Weak::new());

/// A folder for work that is going on, gone with this; and where this process is killed first, with the next one that makes one.
///
/// ```
/// use radpack_registry::WorkFolder;
///
/// # fn main() -> std::io::Result<()> {
/// let folder = WorkFolder::new()?;
/// std::fs::write(folder.path().join("upload"), "…")?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct WorkFolder {
    folder: TempDir,
    // Behind what lies in it.
    _place: Arc<Place>,
}

impl WorkFolder {
    /// A new folder, which nobody else may look into. While this process has none, what others have left is swept first.
    ///
    /// # Errors
    ///
    /// If the system gives none.
    pub fn new() -> io::Result<WorkFolder> {
        let place = Place::of_process()?;
        Ok(WorkFolder {
            folder: private().tempdir_in(place.folder.path())?,
            _place: place,
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

fn private() -> Builder<'static, 'static> {
    #[allow(unused_mut)]
    let mut builder = Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder
}

/// Where the folders of a process lie.
#[derive(Debug)]
struct Place {
    // Not every system removes a file that is open.
    _lock: File,
    folder: TempDir,
}

impl Place {
    fn of_process() -> io::Result<Arc<Place>> {
        let mut known = PLACE.lock().unwrap_or_else(PoisonError::into_inner);
        // Some systems clean up among the temporary files on their own.
        let place = known.upgrade();
        if let Some(place) = place.filter(|place| place.folder.path().exists()) {
            return Ok(place);
        }
        let among = tempfile::env::temp_dir();
        sweep(&among);
        let place = Arc::new(Place::new(&among)?);
        *known = Arc::downgrade(&place);
        Ok(place)
    }

    fn new(among: &Path) -> io::Result<Place> {
        let folder = private().prefix(PREFIX).tempdir_in(among)?;
        let unlocked = folder.path().join(UNLOCKED);
        let lock = File::create_new(&unlocked)?;
        // Where there are no locks, it keeps this name, and what a process leaves is for its keeper to sweep.
        if lock.try_lock().is_ok() {
            fs::rename(&unlocked, folder.path().join(LOCK))?;
        }
        Ok(Place {
            _lock: lock,
            folder,
        })
    }
}

/// Removes the places of processes that are no more. What cannot be removed is left: it is no reason not to work.
fn sweep(among: &Path) {
    for entry in fs::read_dir(among).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let place = entry.path();
        if name.to_string_lossy().starts_with(PREFIX) && is_own(&place) && is_left(&place) {
            let _ = fs::remove_dir_all(&place);
        }
    }
}

/// Whether it is a folder of whoever runs this: others may call theirs, and links, as they like.
fn is_own(place: &Path) -> bool {
    let Ok(found) = fs::symlink_metadata(place) else {
        return false;
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        found.is_dir() && found.uid() == rustix::process::geteuid().as_raw()
    }
    #[cfg(not(unix))]
    found.is_dir()
}

/// Whether nobody uses it any more.
fn is_left(place: &Path) -> bool {
    let lock = File::options()
        .read(true)
        .write(true)
        .open(place.join(LOCK));
    match lock {
        Ok(lock) => lock.try_lock().is_ok(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if place.join(UNLOCKED).exists() {
                return false;
            }
            let made = fs::symlink_metadata(place).and_then(|found| found.modified());
            let age = made.ok().and_then(|made| made.elapsed().ok());
            age.is_some_and(|age| age > MADE_BY_THEN)
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn what_the_dead_have_left_is_swept_and_nothing_else() {
        let among = tempfile::tempdir().unwrap();
        let living = Place::new(among.path()).unwrap();
        fs::write(living.folder.path().join("work"), "").unwrap();
        let make = |name: &str, lock: bool| {
            let place = among.path().join(name);
            fs::create_dir_all(place.join("deep/er")).unwrap();
            fs::write(place.join("deep/er/file"), "").unwrap();
            if lock {
                fs::write(place.join(LOCK), "").unwrap();
            }
            place
        };
        let dead = make("radpack-work-dead", true);
        let being_made = make("radpack-work-new", false);
        let never_made = make("radpack-work-old", false);
        let long_ago = SystemTime::now() - 2 * MADE_BY_THEN;
        let folder = File::open(&never_made).unwrap();
        folder.set_modified(long_ago).unwrap();
        let others = make("something-else", true);
        #[cfg(unix)]
        std::os::unix::fs::symlink(&others, among.path().join("radpack-work-link")).unwrap();
        sweep(among.path());
        assert!(!dead.exists());
        assert!(!never_made.exists());
        assert!(being_made.exists());
        assert!(others.join("deep/er/file").exists());
        assert!(living.folder.path().join("work").exists());
        let place = living.folder.path().to_owned();
        drop(living);
        assert!(!place.exists());
    }

    #[test]
    fn folders_are_made_in_one_place_and_gone_with_it() {
        let first = WorkFolder::new().unwrap();
        let second = WorkFolder::new().unwrap();
        assert_eq!(first.path().parent(), second.path().parent());
        let place = first.path().parent().unwrap().to_owned();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&place).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
        }
        drop(first);
        assert!(second.path().exists());
    }
}
