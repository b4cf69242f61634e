//! Which registry is meant, and what proves the rights of whoever asks.

use std::path::PathBuf;

use etcetera::BaseStrategy as _;
use url::{Host, Url};

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

/// The address of a server, if it is one.
///
/// A token and what it may do are everybody's who listens, where there is no TLS: that is for this machine only, unless somebody insists.
pub(crate) fn address_of_server(address: &str, plain_http: bool) -> Result<Option<Url>, Failure> {
    let Ok(url) = Url::parse(address) else {
        return Ok(None);
    };
    if !matches!(url.scheme(), "http" | "https") {
        return Ok(None);
    }
    // It would be shown, and kept, wherever the address is.
    if !url.username().is_empty() || url.password().is_some() {
        let message = "the server's address holds a name or password, which is no way in: leave it out, and give a token with --token or RADPACK_TOKEN";
        return Err(Failure::new(Word::Fetch, message));
    }
    match url.scheme() {
        "https" => Ok(Some(url)),
        "http" if plain_http || is_here(&url) => Ok(Some(url)),
        _ => Err(Failure::new(
            Word::Fetch,
            format!(
                "{address} is not reached by TLS, and what is sent could be read on its way: use https, or insist with --plain-http"
            ),
        )),
    }
}

/// Whether a URL leads to this machine.
pub(crate) fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
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
    fn servers_are_reached_by_tls_or_on_this_machine() {
        let is_server =
            |address: &str, plain| address_of_server(address, plain).map(|it| it.is_some());
        for address in [
            "https://host/x",
            "http://localhost:1",
            "http://127.0.0.2",
            "http://[::1]:2",
        ] {
            assert!(is_server(address, false).unwrap(), "{address}");
        }
        for address in ["a/folder", "s3://bucket", "memory://", "file:///x"] {
            assert!(!is_server(address, false).unwrap(), "{address}");
        }
        let refused = is_server("http://localhost.example", false).unwrap_err();
        assert!(refused.message.contains("--plain-http"), "{refused}");
        assert!(is_server("http://10.0.0.1", true).unwrap());
        for address in ["https://me:hidden@host", "http://hidden@localhost"] {
            let refused = is_server(address, true).unwrap_err();
            assert!(refused.message.contains("--token"), "{refused}");
            assert!(!refused.message.contains("hidden"), "{refused}");
        }
    }

    #[test]
    fn what_is_not_set_is_none() {
        assert_eq!(variable("RADPACK_NO_SUCH_VARIABLE").unwrap(), None);
        assert!(variable("PATH").unwrap().is_some());
    }
}
