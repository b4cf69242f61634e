//! Other places of the same files.

use std::borrow::Cow;
use std::collections::BTreeMap;

use radpack_manifest::expand;
use url::Url;

/// Base URLs, and others that hold the same files.
#[derive(Debug, Default)]
pub(super) struct Mirrors {
    pub(super) bases: Vec<String>,
    pub(super) fallbacks: Vec<String>,
}

impl Mirrors {
    /// A URL and its mirrors; what is still open in base URLs is filled in from the context.
    pub(super) fn of(&self, url: &str, context: &BTreeMap<String, String>) -> Vec<String> {
        let mut urls = vec![url.to_owned()];
        if self.fallbacks.is_empty() {
            return urls;
        }
        let fill_in = |text: &str| {
            let value = |name: &str| Some(Cow::Borrowed(context.get(name)?.as_str()));
            expand(text, value).into_owned()
        };
        // As URLs are written, so that two spellings of one are the same.
        let plain = |text: &str| match Url::parse(text) {
            Ok(url) => String::from(url),
            Err(_) => text.to_owned(),
        };
        let whole = plain(url);
        // The longest base says most exactly what is mirrored.
        let below = |base: &String| {
            let base = plain(&fill_in(base));
            whole
                .strip_prefix(base.trim_end_matches('/'))
                .filter(|rest| rest.starts_with('/'))
        };
        if let Some(rest) = self
            .bases
            .iter()
            .filter_map(below)
            .min_by_key(|rest| rest.len())
        {
            let mirrors = self.fallbacks.iter();
            urls.extend(mirrors.map(|fallback| format!("{}{rest}", fill_in(fallback))));
        }
        urls
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_hold_what_is_below_a_base() {
        let none = BTreeMap::new();
        let mirrors = Mirrors {
            bases: vec![
                "https://a.example/x".into(),
                "https://a.example/x/deep".into(),
            ],
            fallbacks: vec!["https://b.example".into(), "https://c.example/y".into()],
        };
        assert_eq!(
            mirrors.of("https://a.example/x/i.js", &none),
            [
                "https://a.example/x/i.js",
                "https://b.example/i.js",
                "https://c.example/y/i.js"
            ]
        );
        assert_eq!(
            mirrors.of("https://a.example/x/deep/i.js", &none)[1],
            "https://b.example/i.js"
        );
        assert_eq!(
            mirrors.of("https://a.example/xx/i.js", &none),
            ["https://a.example/xx/i.js"]
        );
    }

    #[test]
    fn what_is_open_in_bases_is_filled_in() {
        let mirrors = Mirrors {
            bases: vec!["https://${region}.A.example:443/x/".into()],
            fallbacks: vec!["https://b.example/${region}".into()],
        };
        let context = BTreeMap::from([("region".to_owned(), "eu".to_owned())]);
        let of = |context| mirrors.of("https://eu.a.example/x/i.js", context);
        assert_eq!(of(&context)[1..], ["https://b.example/eu/i.js"]);
        assert_eq!(of(&BTreeMap::new()).len(), 1);
    }
}
