//! Templates: `${name}` in URLs and ids, filled in from what a caller knows.
//!
//! Text only. Which values there are and which go first, the format says for URLs ([`url_of`]); ids take theirs from the context.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// What stands for `url` in a manifest's vars where it is not given.
pub const DEFAULT_URL: &str = "${baseUrl}/${file}";

/// How deep values may hold templates that hold templates.
const MAX_NESTING: usize = 16;

/// How many bytes of values one template takes in.
const MAX_VALUE_BYTES: usize = 64 << 10;

/// Fills in `${name}` wherever `value` knows the name; what it does not know stays as it is.
///
/// A name is of letters, digits and underscores, with blanks around it or none, as in Radpack 1.x; anything else in braces is
/// text. Values may hold templates, which are filled in likewise, up to 16 deep. A value that leads back to itself is left where
/// it would do so: `${a}` with `a` = `x${a}` gives `x${a}`. Values of more than 64 KiB together are left, too. So it always ends
/// soon, and what stays can be found with [`unexpanded`]. Without anything to fill in, the template itself is given back.
///
/// ```
/// use radpack_manifest::expand;
///
/// let value = |name: &str| match name {
///     "baseUrl" => Some("https://${host}/acme".into()),
///     "host" => Some("cdn.example".into()),
///     _ => None,
/// };
/// assert_eq!(expand("${baseUrl}/${ lang }.js", value), "https://cdn.example/acme/${ lang }.js");
/// ```
pub fn expand<'t, 'v>(
    template: &'t str,
    value: impl Fn(&str) -> Option<Cow<'v, str>>,
) -> Cow<'t, str> {
    if next_placeholder(template).is_none() {
        return Cow::Borrowed(template);
    }
    let mut expansion = Expansion {
        value,
        bytes: 0,
        text: String::with_capacity(template.len()),
    };
    expansion.run(template, None);
    Cow::Owned(expansion.text)
}

/// The first name in a template, of those that [`expand`] would look up: after an expansion, the first that nobody knew.
///
/// ```
/// assert_eq!(radpack_manifest::unexpanded("https://cdn.example/${ lang }.js"), Some("lang"));
/// assert_eq!(radpack_manifest::unexpanded("https://cdn.example/$lang.js"), None);
/// ```
#[must_use]
pub fn unexpanded(text: &str) -> Option<&str> {
    next_placeholder(text).map(|placeholder| placeholder.name)
}

/// The names in a template, in order.
pub(crate) fn names(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let placeholder = next_placeholder(text)?;
        text = &text[placeholder.end..];
        Some(placeholder.name)
    })
}

/// What tells where an export's code is: of a package, an entry and a variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location<'a> {
    /// The package's name.
    pub name: &'a str,
    /// The entry's name, `index` too.
    pub entry: &'a str,
    /// The variant's file.
    pub file: Option<&'a str>,
    /// The variant's own URL template.
    pub url: Option<&'a str>,
}

/// The URL of an export, as far as it can be filled in: from name, entry and file, then the manifest's vars, then the context.
///
/// The variant's own URL wins over its file, which `vars.url` places, by default [`DEFAULT_URL`]. Nothing where it has neither,
/// or comes to an empty text: as with 1.x, what is empty is not there.
/// Names that nobody knows stay; see [`unexpanded`].
///
/// ```
/// use radpack_manifest::{Location, url_of};
///
/// let vars = [("baseUrl".to_owned(), "https://cdn.example/${stage}".to_owned())].into();
/// let location = Location { name: "shapes", entry: "index", file: Some("index-9d81.js"), url: None };
/// let live = |name: &str| (name == "stage").then(|| "live".into());
/// assert_eq!(url_of(&location, &vars, live).as_deref(), Some("https://cdn.example/live/index-9d81.js"));
/// ```
pub fn url_of<'a, 'v>(
    location: &Location<'a>,
    vars: &'a BTreeMap<String, String>,
    context: impl Fn(&str) -> Option<Cow<'v, str>>,
) -> Option<Cow<'a, str>>
where
    'a: 'v,
{
    let some = |text: Option<&'a str>| text.filter(|text| !text.is_empty());
    let (file, url) = (some(location.file), some(location.url));
    let placed = || file.map(|_| vars.get("url").map_or(DEFAULT_URL, String::as_str));
    let url = expand(url.or_else(placed)?, |name| {
        let own = match name {
            "name" => Some(location.name),
            "entry" => Some(location.entry),
            "file" => file,
            _ => None,
        };
        match own.or_else(|| vars.get(name).map(String::as_str)) {
            Some(value) => Some(Cow::Borrowed(value)),
            None => context(name),
        }
    });
    (!url.is_empty()).then_some(url)
}

/// A `${name}`; from `start` to `end` of the text.
struct Placeholder<'t> {
    start: usize,
    end: usize,
    name: &'t str,
}

fn next_placeholder(text: &str) -> Option<Placeholder<'_>> {
    let mut from = 0;
    loop {
        let start = from + text[from..].find("${")?;
        let inner = &text[start + 2..];
        let name = inner.trim_start();
        let length = name
            .find(|character: char| !character.is_ascii_alphanumeric() && character != '_')
            .unwrap_or(name.len());
        let (name, after) = name.split_at(length);
        if let Some(rest) = after.trim_start().strip_prefix('}')
            && !name.is_empty()
        {
            return Some(Placeholder {
                start,
                end: text.len() - rest.len(),
                name,
            });
        }
        from = start + 2;
    }
}

/// The names being filled in, inside out.
struct Active<'a> {
    name: &'a str,
    depth: usize,
    outer: Option<&'a Active<'a>>,
}

impl Active<'_> {
    fn has(&self, name: &str) -> bool {
        self.name == name || self.outer.is_some_and(|outer| outer.has(name))
    }
}

/// An expansion under way. The bytes taken in bound all work, for every placeholder in a value has been counted as its bytes.
struct Expansion<F> {
    value: F,
    bytes: usize,
    text: String,
}

impl<'v, F: Fn(&str) -> Option<Cow<'v, str>>> Expansion<F> {
    fn run(&mut self, mut template: &str, active: Option<&Active<'_>>) {
        while let Some(Placeholder { start, end, name }) = next_placeholder(template) {
            self.text.push_str(&template[..start]);
            match self.take(name, active) {
                Some(value) => {
                    let depth = active.map_or(1, |active| active.depth + 1);
                    self.run(
                        &value,
                        Some(&Active {
                            name,
                            depth,
                            outer: active,
                        }),
                    );
                }
                None => self.text.push_str(&template[start..end]),
            }
            template = &template[end..];
        }
        self.text.push_str(template);
    }

    /// The value of a name, where it may be filled in.
    fn take(&mut self, name: &str, active: Option<&Active<'_>>) -> Option<Cow<'v, str>> {
        if active.is_some_and(|active| active.depth >= MAX_NESTING || active.has(name)) {
            return None;
        }
        let value = (self.value)(name)?;
        let bytes = self.bytes.saturating_add(value.len());
        (bytes <= MAX_VALUE_BYTES).then(|| self.bytes = bytes)?;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn expands(template: &str, values: &[(&str, &str)], expected: &str) {
        let value = |name: &str| {
            let found = values.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| Cow::Borrowed(*value))
        };
        assert_eq!(expand(template, value), expected);
    }

    #[test]
    fn fills_in_what_is_known() {
        expands("url", &[], "url");
        expands("url${VAR}", &[], "url${VAR}");
        expands("url${VAR}", &[("VAR", "1")], "url1");
        expands("url${VAR}_${VAR}", &[("VAR", "2")], "url2_2");
        expands("url${a}_${b}", &[("a", "3"), ("b", "4")], "url3_4");
        expands("url${     VAR}", &[("VAR", "!")], "url!");
        expands("url${VAR_123}", &[("VAR_123", "123")], "url123");
        expands("${a}${b}${a}", &[("b", "")], "${a}${a}");
        expands("😀${a}😀", &[("a", "é")], "😀é😀");
    }

    #[test]
    fn what_is_no_name_is_text() {
        for text in [
            "${", "${}", "${ }", "$", "$a", "{a}", "${a b}", "${a-b}", "${é}", "${a", "$ {a}", "a}",
        ] {
            expands(text, &[("a", "1"), ("b", "2"), ("é", "3"), ("", "4")], text);
        }
        expands("${${a}}", &[("a", "b"), ("b", "2")], "${b}");
        expands("${a-${a}", &[("a", "1")], "${a-1");
        expands("$${a}", &[("a", "1")], "$1");
    }

    #[test]
    fn values_may_hold_templates_and_cycles_end() {
        expands("${a}", &[("a", "1${b}"), ("b", "2${c}"), ("c", "3")], "123");
        expands("${a}", &[("a", "x${a}")], "x${a}");
        expands("${a}", &[("a", "1${b}"), ("b", "2${a}")], "12${a}");
        expands("${a}${b}", &[("a", "${b}"), ("b", "${a}")], "${a}${b}");
        expands("${a}${a}", &[("a", "1")], "11");
    }

    #[test]
    fn depth_is_bounded() {
        let names: Vec<String> = (0..40).map(|number| format!("n{number}")).collect();
        let values: Vec<String> = (1..41).map(|number| format!("${{n{number}}}")).collect();
        let value = |name: &str| {
            let index = names.iter().position(|known| known == name)?;
            Some(Cow::Borrowed(values[index].as_str()))
        };
        assert_eq!(expand("${n0}", value), "${n16}");
        assert_eq!(expand("${n30}", value), "${n40}");
    }

    #[test]
    fn work_is_bounded_although_values_multiply() {
        // Sixteen levels of a thousand each would be 10^48 replacements, even if the last is empty.
        let level = |name: &str| {
            let number: usize = name[1..].parse().ok()?;
            Some(Cow::Owned(if number == 12 {
                String::new()
            } else {
                format!("${{n{}}}", number + 1).repeat(1000)
            }))
        };
        let text = expand("${n0}", level);
        assert!(text.len() <= 2 * MAX_VALUE_BYTES, "{}", text.len());
        assert_eq!(
            expand("${a}${b}", |name: &str| Some(Cow::Owned(
                name.repeat(40_000)
            )))
            .len(),
            40_004
        );
    }

    #[test]
    fn urls_see_the_export_then_vars_then_the_context() {
        let vars: BTreeMap<String, String> = [
            ("name", "no"),
            ("cdn", "c"),
            ("url", "${cdn}|${name}|${entry}|${file}|${x}"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        let context =
            |name: &str| matches!(name, "cdn" | "x").then(|| format!("context {name}").into());
        let location = Location {
            name: "n",
            entry: "e",
            file: Some("f"),
            url: None,
        };
        assert_eq!(
            url_of(&location, &vars, context).unwrap(),
            "c|n|e|f|context x"
        );
        let own = Location {
            url: Some("u:${cdn}:${file}"),
            ..location
        };
        assert_eq!(url_of(&own, &vars, context).unwrap(), "u:c:f");
        assert_eq!(
            url_of(&Location { file: None, ..own }, &vars, context).unwrap(),
            "u:c:${file}"
        );
        assert_eq!(
            url_of(
                &Location {
                    file: None,
                    ..location
                },
                &vars,
                context
            ),
            None
        );
        let none = |_: &str| None;
        assert_eq!(
            url_of(&location, &BTreeMap::new(), none).unwrap(),
            "${baseUrl}/f"
        );
    }

    #[test]
    fn names_are_listed_in_order() {
        assert_eq!(
            names("${a}/${ b }/${}/${a}").collect::<Vec<_>>(),
            ["a", "b", "a"]
        );
        assert_eq!(unexpanded("x"), None);
    }
}
