//! The allow-list of hosts: which URLs may be asked for at all.

use url::Url;

/// Hosts that may be asked. Names are compared as URLs have them: in lower case, internationalized ones in Punycode.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    allowed: Vec<Pattern>,
}

#[derive(Clone, Debug)]
struct Pattern {
    host: String,
    /// Whether it stands for what is below the host, and not for the host itself.
    below: bool,
    port: Option<u16>,
}

impl Hosts {
    /// Reads an allow-list; the error is the entry that is no host.
    pub(crate) fn parse(texts: &[String]) -> Result<Self, String> {
        let allowed = texts
            .iter()
            .map(|text| Pattern::parse(text).ok_or_else(|| text.clone()))
            .collect::<Result<_, _>>()?;
        Ok(Hosts { allowed })
    }

    pub(crate) fn allow(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else {
            return false;
        };
        self.allowed.iter().any(|pattern| {
            let is_host = if pattern.below {
                host.strip_suffix(pattern.host.as_str())
                    .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            } else {
                host == pattern.host
            };
            is_host
                && pattern
                    .port
                    .is_none_or(|port| url.port_or_known_default() == Some(port))
        })
    }
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        let (below, rest) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        // As part of a URL, so that it is spelled as hosts of URLs are.
        let url = Url::parse(&format!("https://{rest}/")).ok()?;
        let plain = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        let has_port = rest.rsplit_once(':').is_some_and(|(_, port)| {
            !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
        });
        plain.then(|| Pattern {
            host: url.host_str().unwrap_or_default().to_owned(),
            below,
            port: has_port.then(|| url.port_or_known_default()).flatten(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_compared_whole() {
        let hosts = Hosts::parse(&[
            "cdn.example".into(),
            "*.Modules.example".into(),
            "127.0.0.1:8080".into(),
            "[::1]".into(),
        ])
        .unwrap();
        let allow = |url: &str| hosts.allow(&Url::parse(url).unwrap());
        assert!(allow("https://cdn.example/a"));
        assert!(allow("http://CDN.example:81/a"));
        assert!(allow("https://a.b.modules.example/"));
        assert!(allow("http://127.0.0.1:8080/"));
        assert!(allow("http://[::1]:3/"));
        assert!(!allow("http://127.0.0.1:8081/"));
        assert!(!allow("https://modules.example/"));
        assert!(!allow("https://evilmodules.example/"));
        assert!(!allow("https://evil.example/cdn.example"));
        assert!(!allow("https://cdn.example.evil.example/"));
        assert!(!allow("https://cdn.example@evil.example/"));
        assert!(!allow("file:///etc/hosts"));
    }

    #[test]
    fn an_entry_that_is_no_host_is_an_error() {
        for text in ["", "https://h", "h/path", "user@h", "*."] {
            assert_eq!(Hosts::parse(&[text.into()]).unwrap_err(), text);
        }
    }
}
