//! Which names a package's files may have.

use serde::{Deserialize, Serialize};

/// The file that a checkout remembers its draft in.
pub(super) const MARKER: &str = ".radpack-draft.json";

/// Why a file may not be called so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FileNameError {
    /// It has other characters.
    #[error("names have letters, digits and . _ ~ @ - only, with / between folders")]
    Characters,
    /// It leads elsewhere, or is not the only way to write what it means.
    #[error("a part of it is empty, or ends in a dot")]
    Part,
    /// Tools take such a file for their own.
    #[error("files of this name are not a package's own")]
    Reserved,
}

/// Checks the name of a package's file: its path below the package's folder, with `/` between its parts. No name that passes leads
/// out of that folder, on any system.
///
/// ```
/// use radpack_registry::{FileNameError, check_file_name};
///
/// assert_eq!(check_file_name("src/index.js"), Ok(()));
/// assert_eq!(check_file_name("../index.js"), Err(FileNameError::Part));
/// ```
///
/// # Errors
///
/// If no file may be called so.
pub fn check_file_name(name: &str) -> Result<(), FileNameError> {
    let is_good = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'~' | b'@' | b'-' | b'/')
    };
    if !name.bytes().all(is_good) {
        return Err(FileNameError::Characters);
    }
    // Windows drops dots at the end, so that this covers `..`, too.
    if name
        .split('/')
        .any(|part| part.is_empty() || part.ends_with('.'))
    {
        return Err(FileNameError::Part);
    }
    // What is checked out must not become a repository's hooks: `git~1` is the short name of `.git` on Windows.
    let is_reserved = |part: &str| {
        [".git", "git~1", MARKER]
            .iter()
            .any(|name| part.eq_ignore_ascii_case(name))
    };
    if name.split('/').any(is_reserved) {
        return Err(FileNameError::Reserved);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_below_their_folder() {
        use FileNameError::{Characters, Part, Reserved};
        for name in [
            "a",
            "a.js",
            "src/a-b_c~1.d.ts",
            "@x/y.js",
            ".hidden/x",
            "...a",
            ".gitignore",
            "c/0a1b.js",
        ] {
            assert_eq!(check_file_name(name), Ok(()), "{name}");
        }
        for (name, error) in [
            ("", Part),
            ("/", Part),
            ("/etc/passwd", Part),
            ("a/", Part),
            ("a//b", Part),
            (".", Part),
            ("..", Part),
            ("a/../b", Part),
            ("a/./b", Part),
            ("a./b", Part),
            ("c:/x", Characters),
            ("a\\b", Characters),
            ("a b", Characters),
            ("a\0", Characters),
            ("ä", Characters),
            ("a\n", Characters),
            ("a%2e", Characters),
            (".git/hooks/post-checkout", Reserved),
            ("x/.GIT/config", Reserved),
            ("GIT~1/config", Reserved),
            (".radpack-draft.json", Reserved),
        ] {
            assert_eq!(check_file_name(name), Err(error), "{name:?}");
        }
    }
}
