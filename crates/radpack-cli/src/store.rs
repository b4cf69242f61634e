//! Which registry is meant, and what proves the rights of whoever asks.

use std::path::PathBuf;

use etcetera::BaseStrategy as _;

use crate::arguments::Secret;
use crate::failure::{Failure, Word};

/// The address of the store: as given, else `RADPACK_STORE`, else a folder in the user's data directory.
pub(crate) fn address(option: Option<&str>) -> Result<String, Failure> {
    let data = || {
        let strategy = etcetera::choose_base_strategy().ok()?;
        Some(strategy.data_dir())
    };
    choose(option, variable("RADPACK_STORE")?, data)
}

/// A folder for what can be made again, in the user's cache directory.
pub(crate) fn cache() -> Result<PathBuf, Failure> {
    let strategy = etcetera::choose_base_strategy().ok();
    let folder = strategy.map(|strategy| strategy.cache_dir().join("radpack"));
    folder.ok_or_else(|| {
        Failure::new(
            Word::Io,
            "the system names no folder for caches of yours: set HOME",
        )
    })
}

/// The token: as given, else `RADPACK_TOKEN`.
pub(crate) fn token(option: Option<Secret>) -> Result<Option<Secret>, Failure> {
    match option {
        Some(token) => Ok(Some(token)),
        None => Ok(variable("RADPACK_TOKEN")?.map(Secret)),
    }
}

/// A variable of the environment. An empty one is none.
pub(crate) fn variable(name: &str) -> Result<Option<String>, Failure> {
    match std::env::var_os(name).map(|value| value.into_string()) {
        None => Ok(None),
        Some(Ok(value)) => Ok(Some(value).filter(|value| !value.is_empty())),
        Some(Err(_)) => Err(Failure::new(
            Word::Io,
            format!("{name} is no text in UTF-8"),
        )),
    }
}

fn choose(
    option: Option<&str>,
    variable: Option<String>,
    data: impl FnOnce() -> Option<PathBuf>,
) -> Result<String, Failure> {
    let given = option.map(str::to_owned).or(variable);
    let found = given.or_else(|| data()?.join("radpack").into_os_string().into_string().ok());
    found.ok_or_else(|| {
        let message = "cannot tell where the registry is, for there is no home directory whose path is text in UTF-8; say \
                       where with --store URL or RADPACK_STORE";
        Failure::new(Word::Io, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_comes_first() {
        let data = || Some(PathBuf::from("data"));
        let variable = || Some("s3://bucket".to_owned());
        let folder = PathBuf::from("data").join("radpack");
        assert_eq!(choose(Some("here"), variable(), data).unwrap(), "here");
        assert_eq!(choose(None, variable(), data).unwrap(), "s3://bucket");
        assert_eq!(choose(None, None, data).unwrap(), folder.to_str().unwrap());
        assert!(
            choose(None, None, || None)
                .unwrap_err()
                .message
                .contains("--store")
        );
    }

    #[test]
    fn a_token_that_is_given_comes_first() {
        let given = Secret("abc".to_owned());
        assert_eq!(token(Some(given.clone())).unwrap(), Some(given));
    }

    #[test]
    fn an_address_that_is_given_is_taken_as_it_is() {
        assert_eq!(address(Some("memory://")).unwrap(), "memory://");
    }

    #[test]
    fn what_is_not_set_is_none() {
        assert_eq!(variable("RADPACK_NO_SUCH_VARIABLE").unwrap(), None);
        assert!(variable("PATH").unwrap().is_some());
    }
}
