//! The package folder: which files are in it, by real path, and nothing outside it.
//!
//! A file is known by its path relative to the folder, with `/`, after symbolic links are followed: a module reached
//! through two links is one module. A link inside the folder is as good as its target; one that leads out is an error, for
//! what is built must not depend on what happens to lie beside the package. Nothing here knows what files mean.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use walkdir::{DirEntry, WalkDir};

/// A package folder, opened once per build. Answers are remembered: the folder is taken to stay as it is meanwhile.
#[derive(Debug)]
pub(crate) struct Folder {
    /// Absolute and free of links.
    root: PathBuf,
    /// What [`Folder::file`] found, by lexical path.
    known: Mutex<HashMap<String, Result<Option<String>, FolderError>>>,
    /// The folders that patterns were looked for in, absolute.
    searched: Mutex<BTreeSet<PathBuf>>,
}

/// What keeps a path in the folder from being used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FolderError {
    #[error("leads out of the package")]
    Outside,
    #[error("is a symbolic link that leads out of the package, to {}", .0.display())]
    LinkOutside(PathBuf),
    #[error("is a symbolic link that leads to itself")]
    LinkLoop,
    #[error("has a name that is not UTF-8")]
    NotUtf8,
    #[error("cannot be read: {0}")]
    Unreadable(String),
}

impl Folder {
    /// Opens the folder.
    pub(crate) fn open(folder: &Path) -> io::Result<Folder> {
        let root = fs::canonicalize(folder)?;
        if !root.is_dir() {
            return Err(io::Error::from(io::ErrorKind::NotADirectory));
        }
        Ok(Folder {
            root,
            known: Mutex::default(),
            searched: Mutex::default(),
        })
    }

    /// The folder itself, absolute and free of links.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The folders that patterns were looked for in, absolute: a file that is new there may be an entry.
    pub(crate) fn searched(&self) -> BTreeSet<PathBuf> {
        self.searched
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Where a file of the folder lies.
    pub(crate) fn absolute(&self, path: &str) -> PathBuf {
        let mut absolute = self.root.clone();
        absolute.extend(path.split('/'));
        absolute
    }

    /// The real path of the file that a normalized path names; `None` where there is no file of this name.
    pub(crate) fn file(&self, path: &str) -> Result<Option<String>, FolderError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = known.get(path) {
            return answer.clone();
        }
        let answer = self.look_up(path);
        known.insert(path.to_owned(), answer.clone());
        answer
    }

    fn look_up(&self, path: &str) -> Result<Option<String>, FolderError> {
        let absolute = self.absolute(path);
        match fs::metadata(&absolute) {
            Ok(found) if found.is_file() => self.real(&absolute).map(Some),
            Ok(_) => Ok(None),
            Err(error) if is_absent(&error) => Ok(None),
            // A path that the file system refuses names no file.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::InvalidInput | io::ErrorKind::InvalidFilename
                ) =>
            {
                Ok(None)
            }
            Err(error) if is_link_loop(&absolute, &error) => Err(FolderError::LinkLoop),
            Err(error) => Err(FolderError::Unreadable(error.to_string())),
        }
    }

    /// Whether a normalized path names a folder inside the package.
    pub(crate) fn is_folder(&self, path: &str) -> bool {
        self.absolute(path).is_dir()
    }

    /// The path relative to the folder of something that exists.
    fn real(&self, absolute: &Path) -> Result<String, FolderError> {
        let real = fs::canonicalize(absolute)
            .map_err(|error| FolderError::Unreadable(error.to_string()))?;
        match real.strip_prefix(&self.root) {
            Ok(relative) => with_slashes(relative).ok_or(FolderError::NotUtf8),
            Err(_) => Err(FolderError::LinkOutside(real)),
        }
    }

    /// Every file that a pattern with one or more `*` names, as what `*` stands for. A `*` also stands for `/`.
    ///
    /// Skips `node_modules`, names that begin with a dot, and the folders `skip` (absolute). Links to folders are followed,
    /// except to one that holds the link.
    pub(crate) fn matching(
        &self,
        pattern: &str,
        skip: &[PathBuf],
    ) -> Result<BTreeSet<String>, (String, FolderError)> {
        let literal = pattern.split('*').next().unwrap_or_default();
        let base = literal.rsplit_once('/').map_or("", |(folder, _)| folder);
        let start = self.absolute(base);
        let mut found = BTreeSet::new();
        self.searched
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(start.clone());
        if !start.is_dir() {
            return Ok(found);
        }
        if !base.is_empty() {
            self.real(&start)
                .map_err(|error| (base.to_owned(), error))?;
        }
        let wanted = |entry: &DirEntry| {
            let name = entry.file_name().to_string_lossy();
            let hidden = name.starts_with('.') || name == "node_modules";
            entry.depth() == 0 || !(hidden || skip.iter().any(|folder| folder == entry.path()))
        };
        let walk = WalkDir::new(&start)
            .follow_links(true)
            .sort_by_file_name()
            .into_iter()
            .filter_entry(wanted);
        for entry in walk {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) if error.loop_ancestor().is_some() => continue,
                Err(error) => {
                    let path = error.path().unwrap_or(&start).to_owned();
                    let shown = path.strip_prefix(&self.root).ok().and_then(with_slashes);
                    let broken_link =
                        fs::symlink_metadata(&path).is_ok_and(|found| found.is_symlink());
                    let shown = shown.unwrap_or_else(|| path.display().to_string());
                    if broken_link && star_of(pattern, &shown).is_none() {
                        continue;
                    }
                    let error = error
                        .io_error()
                        .map_or_else(|| error.to_string(), ToString::to_string);
                    return Err((shown, FolderError::Unreadable(error)));
                }
            };
            if !entry.file_type().is_file() {
                continue;
            }
            let lexical = entry
                .path()
                .strip_prefix(&self.root)
                .unwrap_or(entry.path());
            let Some(path) = with_slashes(lexical) else {
                let shown = lexical.to_string_lossy().replace('\\', "/");
                if star_of(pattern, &shown).is_some() {
                    return Err((shown, FolderError::NotUtf8));
                }
                continue;
            };
            if let Some(star) = star_of(pattern, &path) {
                found.insert(star.to_owned());
            }
        }
        Ok(found)
    }
}

/// What every `*` of a pattern stands for in a path, the same text for each; `None` where the path does not fit.
pub(crate) fn star_of<'p>(pattern: &str, path: &'p str) -> Option<&'p str> {
    let stars = pattern.matches('*').count();
    let literal = pattern.len() - stars;
    let length = path.len().checked_sub(literal)?.checked_div(stars)?;
    let start = pattern.find('*')?;
    let star = path.get(start..start + length)?;
    (!star.is_empty() && pattern.replace('*', star) == path).then_some(star)
}

/// Joins a relative specifier to the folder it is written in and resolves `.` and `..`; `None` where it climbs out.
///
/// Both are relative to the package folder; the result has no `.`, no empty segments and no leading `./`.
pub(crate) fn join(folder: &str, relative: &str) -> Option<String> {
    let mut segments: Vec<&str> = folder
        .split('/')
        .filter(|segment| !segment.is_empty())
        .collect();
    for segment in relative.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop()?;
            }
            segment => segments.push(segment),
        }
    }
    Some(segments.join("/"))
}

/// The folder that a file is in, `""` for one at the top.
pub(crate) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The last extension of a path, lower case, without the dot; `""` where the file name has none.
pub(crate) fn extension(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => extension.to_ascii_lowercase(),
        _ => String::new(),
    }
}

/// A relative path with `/` between its parts; `None` where it is not UTF-8.
pub(crate) fn with_slashes(path: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> = path.iter().map(|part| part.to_str()).collect();
    Some(parts?.join("/"))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Whether looking up a path failed because links lead in a circle, which the standard library does not tell by kind.
fn is_link_loop(path: &Path, error: &io::Error) -> bool {
    !matches!(error.kind(), io::ErrorKind::PermissionDenied)
        && path
            .ancestors()
            .any(|part| fs::symlink_metadata(part).is_ok_and(|found| found.is_symlink()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_like_a_url() {
        for (folder, relative, joined) in [
            ("", "./a.js", Some("a.js")),
            ("src", "../a.js", Some("a.js")),
            ("src/deep", "./../b/./c.js", Some("src/b/c.js")),
            ("src", "..", Some("")),
            ("src", "../..", None),
            ("", "../a.js", None),
            ("src", "../../src/a.js", None),
        ] {
            assert_eq!(
                join(folder, relative).as_deref(),
                joined,
                "{folder} + {relative}"
            );
        }
    }

    #[test]
    fn stars_stand_for_the_same_text_everywhere() {
        for (pattern, path, star) in [
            ("*.js", "a.js", Some("a")),
            ("*.js", "a/b.js", Some("a/b")),
            ("src/*.js", "src/a.js", Some("a")),
            ("src/*.js", "lib/a.js", None),
            ("src/*.js", "src/.js", None),
            ("src/*/*.js", "src/a/a.js", Some("a")),
            ("src/*/*.js", "src/a/b.js", None),
            ("*", "ä/b", Some("ä/b")),
            ("a.js", "a.js", None),
        ] {
            assert_eq!(star_of(pattern, path), star, "{pattern} on {path}");
        }
    }

    #[test]
    fn extensions_belong_to_the_file_name() {
        for (path, expected) in [
            ("a.js", "js"),
            ("a.d.TS", "ts"),
            ("a.b/c", ""),
            (".hidden", ""),
            ("x/.hidden.json", "json"),
        ] {
            assert_eq!(extension(path), expected, "{path}");
        }
    }

    #[cfg(unix)]
    mod links {
        use std::os::unix::fs::symlink;

        use super::*;

        #[test]
        fn one_inside_is_its_target_and_one_that_leads_out_is_an_error() {
            let place = tempfile::tempdir().unwrap();
            let root = place.path().join("package");
            fs::create_dir_all(root.join("src")).unwrap();
            fs::write(place.path().join("secret.js"), "").unwrap();
            fs::write(root.join("src/a.js"), "").unwrap();
            symlink("src/a.js", root.join("b.js")).unwrap();
            symlink("../secret.js", root.join("out.js")).unwrap();
            symlink("loop.js", root.join("loop.js")).unwrap();
            symlink("nowhere.js", root.join("broken.js")).unwrap();
            let folder = Folder::open(&root).unwrap();
            assert_eq!(folder.file("b.js"), Ok(Some("src/a.js".to_owned())));
            assert!(matches!(
                folder.file("out.js"),
                Err(FolderError::LinkOutside(_))
            ));
            assert_eq!(folder.file("loop.js"), Err(FolderError::LinkLoop));
            assert_eq!(folder.file("broken.js"), Ok(None));
        }

        #[test]
        fn a_pattern_follows_folders_but_not_in_circles() {
            let place = tempfile::tempdir().unwrap();
            let root = place.path().join("package");
            fs::create_dir_all(root.join("src/deep")).unwrap();
            fs::create_dir_all(root.join("node_modules/x")).unwrap();
            fs::create_dir_all(root.join("out")).unwrap();
            for file in [
                "src/a.js",
                "src/deep/b.js",
                ".hidden.js",
                "node_modules/x/c.js",
                "out/d.js",
                "e.css",
            ] {
                fs::write(root.join(file), "").unwrap();
            }
            symlink("..", root.join("src/up")).unwrap();
            symlink("src/deep", root.join("alias")).unwrap();
            symlink("nowhere", root.join("broken.css")).unwrap();
            let folder = Folder::open(&root).unwrap();
            let skip = folder.absolute("out");
            let found: Vec<String> = folder
                .matching("*.js", std::slice::from_ref(&skip))
                .unwrap()
                .into_iter()
                .collect();
            assert_eq!(found, ["alias/b", "src/a", "src/deep/b"]);
            assert!(
                folder.matching("*.css", &[skip]).is_err(),
                "a broken link that fits is told of"
            );
        }
    }
}
