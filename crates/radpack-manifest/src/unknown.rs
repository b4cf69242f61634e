//! Keys that this version of the format does not know: kept, not understood.
//!
//! Their values stay JSON text. So a rewrite gives back every digit of a number and every key twice, and what is not
//! understood costs no more memory than it has bytes.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;

/// Keys that are not known, and their values as JSON without whitespace; ordered by key.
///
/// ```
/// use radpack_manifest::Unknown;
///
/// let mut unknown = Unknown::default();
/// unknown.insert("size", "[ 1.0, 2e400 ]")?;
/// assert_eq!(unknown.get("size"), Some("[1.0,2e400]"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unknown(BTreeMap<String, Box<str>>);

impl Unknown {
    /// Whether there is no such key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The JSON of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(|json| &**json)
    }

    /// The keys in order, each with its JSON.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, json)| (key.as_str(), &**json))
    }

    /// Gives a key a value, in place of the one it has.
    ///
    /// # Errors
    ///
    /// Where `json` is not JSON.
    pub fn insert(&mut self, key: impl Into<String>, json: &str) -> Result<(), serde_json::Error> {
        serde_json::from_str::<IgnoredAny>(json)?;
        self.insert_valid(key.into(), json);
        Ok(())
    }

    /// As [`insert`](Self::insert), of what is known to be JSON; tells whether the key is new.
    pub(crate) fn insert_valid(&mut self, key: String, json: &str) -> bool {
        self.0.insert(key, compact(json)).is_none()
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &str) {
        self.0.remove(key);
    }

    /// Takes over all keys of another; its values count.
    pub fn extend(&mut self, other: Unknown) {
        self.0.extend(other.0);
    }
}

/// JSON without the whitespace around its tokens.
fn compact(json: &str) -> Box<str> {
    let mut text = String::with_capacity(json.len());
    let mut in_string = false;
    let mut escaped = false;
    for character in json.chars() {
        if in_string {
            in_string = escaped || character != '"';
            escaped = !escaped && character == '\\';
        } else if matches!(character, ' ' | '\t' | '\n' | '\r') {
            continue;
        } else {
            in_string = character == '"';
        }
        text.push(character);
    }
    text.into_boxed_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn compacts(json: &str, expected: &str) {
        let mut unknown = Unknown::default();
        unknown.insert("x", json).unwrap();
        assert_eq!(unknown.get("x"), Some(expected));
    }

    #[test]
    fn values_stay_but_for_whitespace() {
        compacts(" [ 1 , 2 ]\r\n", "[1,2]");
        compacts(
            "{\t\"a b\" : \" c\\\" , \\\\\" , \"d\" : \" \" }",
            "{\"a b\":\" c\\\" , \\\\\",\"d\":\" \"}",
        );
        compacts(
            "123456789012345678901234567890.10",
            "123456789012345678901234567890.10",
        );
        compacts("{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":2}");
        compacts("\"\\ud800 é 😀\"", "\"\\ud800 é 😀\"");
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in ["", "[", "1 2", "nope", "{a:1}"] {
            assert!(Unknown::default().insert("x", text).is_err(), "{text}");
        }
    }
}
