//! Which names a package can have: npm's rules, as far as they matter for ids, folders and URLs.
//!
//! The rules are those of npm's `validate-npm-package-name` for names that npm has ever accepted: capital letters pass, since
//! such packages exist, but nothing that would have to be escaped in a URL or a folder.

/// The longest name that npm accepts, scope included.
const MAX_LENGTH: usize = 214;

/// Checks a package's name.
///
/// ```
/// use radpack_build::check_package_name;
///
/// assert!(check_package_name("@acme/shapes").is_ok());
/// assert_eq!(check_package_name("@acme").unwrap_err(), "has a scope but no name after it: write @scope/name");
/// ```
///
/// # Errors
///
/// If it cannot be one; the error completes the sentence "the package name … ".
pub fn check_package_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("is empty".to_owned());
    }
    if name.len() > MAX_LENGTH {
        return Err(format!("is longer than {MAX_LENGTH} bytes"));
    }
    let bare = match name.strip_prefix('@') {
        None => name,
        Some(scoped) => match scoped.split_once('/') {
            None => return Err("has a scope but no name after it: write @scope/name".to_owned()),
            Some((scope, bare)) => {
                check_part("scope", scope)?;
                bare
            }
        },
    };
    check_part("name", bare)?;
    match bare.to_ascii_lowercase().as_str() {
        "node_modules" | "favicon.ico" => Err(format!("is {bare:?}, which npm does not allow")),
        // The output folder holds a file of this name.
        "radpack.json" => {
            Err("is \"radpack.json\", which the output folder needs for itself".to_owned())
        }
        _ => Ok(()),
    }
}

fn check_part(what: &str, part: &str) -> Result<(), String> {
    if part.is_empty() {
        return Err(format!("has an empty {what}"));
    }
    if let Some(first @ ('.' | '_')) = part.chars().next() {
        return Err(format!("has a {what} that begins with {first:?}"));
    }
    let allowed =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '.' | '_');
    match part.chars().find(|&character| !allowed(character)) {
        None => Ok(()),
        Some('/') => Err("has more than one slash".to_owned()),
        Some(other) => Err(format!(
            "has {other:?} in its {what}, where npm allows letters a to z, digits, hyphens, dots and underscores"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::check_package_name;

    #[test]
    fn names_that_npm_accepts() {
        for name in [
            "d3",
            "lodash-es",
            "@acme/checkout",
            "JSONStream",
            "@widget/LAYOUT",
            "a.b",
            "a_b",
            "-",
            "0",
            "c",
        ] {
            assert_eq!(check_package_name(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn others_are_told_why() {
        for (name, message) in [
            ("", "is empty"),
            (
                "@acme",
                "has a scope but no name after it: write @scope/name",
            ),
            ("@/a", "has an empty scope"),
            ("@acme/", "has an empty name"),
            (".a", "has a name that begins with '.'"),
            ("@_a/b", "has a scope that begins with '_'"),
            ("a/b", "has more than one slash"),
            ("@a/b/c", "has more than one slash"),
            (
                "node_modules",
                "is \"node_modules\", which npm does not allow",
            ),
            (
                "radpack.json",
                "is \"radpack.json\", which the output folder needs for itself",
            ),
            (
                "a b",
                "has ' ' in its name, where npm allows letters a to z, digits, hyphens, dots and underscores",
            ),
            (
                "😀",
                "has '😀' in its name, where npm allows letters a to z, digits, hyphens, dots and underscores",
            ),
        ] {
            assert_eq!(check_package_name(name), Err(message.to_owned()), "{name}");
        }
        assert_eq!(
            check_package_name(&"a".repeat(215)),
            Err("is longer than 214 bytes".to_owned())
        );
    }
}
