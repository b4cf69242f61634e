//! Numbers that are JSON and larger than a float can be, `1e400`: so that they are problems like others, with path and value.
//!
//! serde_json ends at such a number. Its `arbitrary_precision` would not, but is a matter of all that is built with it, and slower
//! everywhere. So a text in which one was met is read a second time, with a string of the same length in the place of each: all
//! else stays where it was. What such a string stands for is known by where it is, so it is never taken for one of the text's own.
//! Only texts that are wrong come here: no place of the format takes such a number, and what unknown keys hold is not looked at.

use serde::de::IgnoredAny;

/// The numbers of a text that are beyond a float.
pub(crate) struct Beyond<'t> {
    /// The text that is read in place of the original.
    replaced: &'t str,
    /// Where each begins, ascending, and how it stood in the text.
    numbers: &'t [(usize, Box<str>)],
}

/// The numbers that were replaced in a text.
pub(crate) struct Replaced(Vec<(usize, Box<str>)>);

impl Beyond<'_> {
    /// The text with strings in the place of the numbers that are beyond a float, byte for byte as long.
    pub(crate) fn replace(text: &str) -> (String, Replaced) {
        let mut replaced = String::with_capacity(text.len());
        let mut numbers = Vec::new();
        let mut kept = 0;
        let mut place = 0;
        let bytes = text.as_bytes();
        while let Some(&byte) = bytes.get(place) {
            match byte {
                b'"' => place = string_end(bytes, place),
                b'-' | b'0'..=b'9' => {
                    let end = number_end(bytes, place);
                    let number = &text[place..end];
                    if is_beyond(number) && !is_key(bytes, end) {
                        replaced.push_str(&text[kept..place]);
                        replaced.push('"');
                        replaced.extend(std::iter::repeat_n('0', number.len() - 2));
                        replaced.push('"');
                        numbers.push((place, number.into()));
                        kept = end;
                    }
                    place = end;
                }
                _ => place += 1,
            }
        }
        replaced.push_str(&text[kept..]);
        (replaced, Replaced(numbers))
    }

    /// The number that a string of the replaced text stands for, if it stands for one.
    pub(crate) fn number(&self, string: &str) -> Option<&str> {
        // The quote before it counts.
        let begins = (string.as_ptr() as usize).checked_sub(1)?;
        let place = begins.checked_sub(self.replaced.as_ptr() as usize)?;
        let index = self
            .numbers
            .binary_search_by_key(&place, |(place, _)| *place);
        Some(&self.numbers[index.ok()?].1)
    }
}

impl Replaced {
    /// The numbers as they are found in the replaced text.
    pub(crate) fn at<'t>(&'t self, replaced: &'t str) -> Beyond<'t> {
        Beyond {
            replaced,
            numbers: &self.0,
        }
    }
}

/// Where a string ends that begins at `place`, behind its last quote.
fn string_end(bytes: &[u8], place: usize) -> usize {
    let mut next = place + 1;
    while let Some(&byte) = bytes.get(next) {
        match byte {
            b'"' => return next + 1,
            b'\\' => next += 2,
            _ => next += 1,
        }
    }
    bytes.len()
}

/// Where what looks like a number ends.
fn number_end(bytes: &[u8], place: usize) -> usize {
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    let length = bytes[place..].iter().take_while(|byte| is_part(byte));
    place + length.count()
}

/// Whether this is a number to which serde_json knows no value: then it says so.
fn is_beyond(number: &str) -> bool {
    // Nothing shorter than `1e309` is.
    number.len() >= 5
        && serde_json::from_str::<IgnoredAny>(number).is_ok()
        && serde_json::from_str::<f64>(number)
            .is_err_and(|error| error.to_string().starts_with("number out of range"))
}

/// Whether what ended here stands where a key does: there a number is not JSON, and must not become so.
fn is_key(bytes: &[u8], end: usize) -> bool {
    let mut rest = bytes[end..].iter();
    rest.find(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn replaces(text: &str, expected: &str, numbers: &[&str]) {
        let (replaced, found) = Beyond::replace(text);
        assert_eq!(replaced, expected);
        assert_eq!(replaced.len(), text.len());
        let found: Vec<&str> = found.0.iter().map(|(_, number)| &**number).collect();
        assert_eq!(found, numbers);
    }

    #[test]
    fn only_numbers_beyond_a_float_are_replaced() {
        replaces("[1e400]", "[\"000\"]", &["1e400"]);
        replaces("-1.5E+999 ", "\"0000000\" ", &["-1.5E+999"]);
        replaces("[1e309,1e308,2]", "[\"000\",1e308,2]", &["1e309"]);
        replaces("[1e-400,0e999,12345]", "[1e-400,0e999,12345]", &[]);
        replaces(r#"["1e400\"1e400",1e40]"#, r#"["1e400\"1e400",1e40]"#, &[]);
        let digits = "9".repeat(400);
        replaces(&digits, &format!("\"{}\"", "0".repeat(398)), &[&digits]);
    }

    #[test]
    fn what_is_not_json_does_not_become_so() {
        for text in [
            "{1e400:1}",
            "{1e400 \n:1}",
            "1e400e1",
            "--1e400",
            "\"1e400",
            "\"\\",
        ] {
            replaces(text, text, &[]);
        }
    }

    #[test]
    fn a_string_is_known_by_its_place() {
        let (text, replaced) = Beyond::replace(r#"["000",1e400]"#);
        let beyond = replaced.at(&text);
        assert_eq!(text, r#"["000","000"]"#);
        assert_eq!(beyond.number(&text[2..5]), None);
        assert_eq!(beyond.number(&text[8..11]), Some("1e400"));
        assert_eq!(beyond.number("000"), None);
    }
}
