//! SRC: where a register comes from. Parsing only; reading is `read.rs`.

use std::fmt;
use std::path::PathBuf;

use url::Url;

/// A file, a URL, standard input, or a channel of the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// `-`
    Stdin,
    /// A path, or a `file://` URL.
    File(PathBuf),
    /// An `http://` or `https://` URL.
    Http(Url),
    /// `registry:` and a channel, which is `release` where none is named.
    Registry(String),
}

impl Source {
    /// Reads what was typed.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text == "-" {
            return Ok(Self::Stdin);
        }
        if let Some(channel) = text.strip_prefix("registry:") {
            return registry(channel);
        }
        let Some((scheme, _)) = text.split_once("://") else {
            return if text.is_empty() {
                Err("expected a file, a URL, or -".to_owned())
            } else {
                Ok(Self::File(PathBuf::from(text)))
            };
        };
        let url = Url::parse(text).map_err(|error| format!("not a URL: {error}"))?;
        match url.scheme() {
            "http" | "https" => Ok(Self::Http(url)),
            "file" => match url.to_file_path() {
                Ok(path) => Ok(Self::File(path)),
                Err(()) => Err("a file:// URL names an absolute path on this machine".to_owned()),
            },
            _ => Err(format!(
                "cannot read {scheme}:// URLs; use a file, http://, https://, file://, or -"
            )),
        }
    }
}

fn registry(channel: &str) -> Result<Source, String> {
    let is_name = channel
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    match channel {
        "" => Ok(Source::Registry("release".to_owned())),
        _ if is_name => Ok(Source::Registry(channel.to_owned())),
        _ => Err(format!(
            "{channel:?} is no channel; use registry:, registry:latest, or registry: and a channel's name"
        )),
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => formatter.write_str("standard input"),
            Self::File(path) => path.display().fmt(formatter),
            Self::Http(url) => url.fmt(formatter),
            Self::Registry(channel) => write!(formatter, "registry:{channel}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_names_a_source() {
        let file = |path: &str| Ok(Source::File(PathBuf::from(path)));
        let http = |url: &str| Ok(Source::Http(Url::parse(url).unwrap()));
        assert_eq!(Source::parse("-"), Ok(Source::Stdin));
        assert_eq!(Source::parse("radpack.json"), file("radpack.json"));
        assert_eq!(Source::parse("./-"), file("./-"));
        assert_eq!(Source::parse("C:\\x.json"), file("C:\\x.json"));
        assert_eq!(Source::parse("http://h/a.json"), http("http://h/a.json"));
        assert_eq!(Source::parse("HTTPS://h/a.json"), http("https://h/a.json"));
        if cfg!(unix) {
            assert_eq!(Source::parse("file:///a%20b/r.json"), file("/a b/r.json"));
        }
    }

    #[test]
    fn a_channel_of_the_registry_is_a_source() {
        for (text, channel) in [
            ("registry:", "release"),
            ("registry:release", "release"),
            ("registry:latest", "latest"),
            ("registry:beta-2.x", "beta-2.x"),
        ] {
            let source = Source::parse(text).unwrap();
            assert_eq!(source, Source::Registry(channel.to_owned()));
            assert_eq!(source.to_string(), format!("registry:{channel}"));
        }
        let file = Ok(Source::File(PathBuf::from("./registry:latest")));
        assert_eq!(Source::parse("./registry:latest"), file);
    }

    #[test]
    fn what_names_none_is_refused() {
        for text in [
            "",
            "s3://bucket/r.json",
            "http://",
            "file://host/x",
            "https://[",
            "registry://host/r",
            "registry:a b",
            "registry:../x",
        ] {
            assert!(Source::parse(text).is_err(), "{text}");
        }
    }
}
