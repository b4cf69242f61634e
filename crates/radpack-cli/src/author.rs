//! Who does what is done.

use crate::failure::{Failure, Word};
use crate::store::variable;

/// The name that events carry: `RADPACK_AUTHOR`, else the system's name of the user.
pub(crate) fn author() -> Result<String, Failure> {
    choose(variable("RADPACK_AUTHOR")?, || whoami::username().ok())
}

fn choose(
    variable: Option<String>,
    user: impl FnOnce() -> Option<String>,
) -> Result<String, Failure> {
    let author = variable.or_else(user).unwrap_or_default();
    match author.trim() {
        "" => Err(Failure::new(
            Word::Io,
            "the system does not say who you are; say it with RADPACK_AUTHOR",
        )),
        author if author.contains(char::is_control) => Err(Failure::new(
            Word::Io,
            format!(
                "{author:?} is no name of an author: give one without control characters in RADPACK_AUTHOR"
            ),
        )),
        author => Ok(author.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_says_a_name_has_it() {
        let user = || Some("ann".to_owned());
        assert_eq!(choose(Some(" Bea B. ".to_owned()), user).unwrap(), "Bea B.");
        assert_eq!(choose(None, user).unwrap(), "ann");
    }

    #[test]
    fn nobody_is_an_error() {
        for (variable, user) in [(None, None), (Some(" "), Some("ann")), (Some("a\nb"), None)] {
            let failure = choose(variable.map(str::to_owned), || user.map(str::to_owned));
            assert!(failure.unwrap_err().message.contains("RADPACK_AUTHOR"));
        }
    }

    #[test]
    fn whoever_runs_this_is_told_or_asked() {
        let said = author().unwrap_or_else(|failure| failure.message);
        assert!(!said.is_empty());
    }
}
