//! The text beside what the parser found, read token by token.
//!
//! Spans of comments come from the parser, so stepping over white space and comments is exact in both directions; and
//! what is matched begins or ends at a span that the parser knows to be code, so what looks alike within a string, a
//! template or a regular expression is never taken for code.

use std::ops::Range;

use oxc_ast::ast::Comment;

/// A text and its comments, in order.
pub(super) struct Beside<'a> {
    text: &'a str,
    comments: &'a [Comment],
}

impl<'a> Beside<'a> {
    pub(super) fn new(text: &'a str, comments: &'a [Comment]) -> Self {
        debug_assert!(comments.is_sorted_by_key(|comment| comment.span.start));
        Beside { text, comments }
    }

    /// Where the next token begins, at or after `at`.
    fn after(&self, mut at: usize) -> usize {
        loop {
            at = self.text.len() - self.text[at..].trim_start_matches(is_space).len();
            match self
                .comments
                .binary_search_by_key(&at, |comment| comment.span.start as usize)
            {
                Ok(found) => at = self.comments[found].span.end as usize,
                Err(_) => return at,
            }
        }
    }

    /// Where the previous token ends, at or before `at`.
    fn before(&self, mut at: usize) -> usize {
        loop {
            let trimmed = self.text[..at].trim_end_matches(is_space).len();
            // A comment may end in white space itself.
            let earlier = self
                .comments
                .partition_point(|comment| (comment.span.start as usize) < at);
            match self.comments[..earlier].last() {
                Some(comment) if comment.span.end as usize >= trimmed => {
                    at = comment.span.start as usize;
                }
                _ => return trimmed,
            }
        }
    }

    /// The end of `token`, if it comes next.
    fn token(&self, at: usize, token: &str) -> Option<usize> {
        let at = self.after(at);
        let rest = self.text[at..].strip_prefix(token)?;
        let word = token.ends_with(is_word);
        (!word || !rest.starts_with(is_word)).then_some(at + token.len())
    }

    /// The start of `token`, if it comes right before.
    fn token_before(&self, at: usize, token: &str) -> Option<usize> {
        let at = self.before(at);
        let rest = self.text[..at].strip_suffix(token)?;
        let word = token.starts_with(is_word);
        (!word || !rest.ends_with(is_word)).then_some(rest.len())
    }

    /// The end of the string or template literal without substitutions that begins at `at`.
    pub(super) fn literal(&self, at: usize) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let quote = *bytes.get(at)?;
        if !matches!(quote, b'"' | b'\'' | b'`') {
            return None;
        }
        let mut end = at + 1;
        loop {
            match *bytes.get(end)? {
                byte if byte == quote => return Some(end + 1),
                b'\\' => end += 2,
                b'$' if quote == b'`' && bytes.get(end + 1) == Some(&b'{') => return None,
                b'\n' | b'\r' if quote != b'`' => return None,
                _ => end += 1,
            }
        }
    }

    /// The start of the string or template literal without substitutions that ends at `end`, where code ends.
    fn literal_before(&self, end: usize) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let quote = *bytes.get(end.checked_sub(1)?)?;
        if !matches!(quote, b'"' | b'\'' | b'`') {
            return None;
        }
        // Within the literal each quote like its own is escaped, so it begins at the nearest one that is not.
        let mut at = end - 1;
        loop {
            at = bytes[..at].iter().rposition(|&byte| byte == quote)?;
            let backslashes = bytes[..at]
                .iter()
                .rev()
                .take_while(|&&byte| byte == b'\\')
                .count();
            if backslashes % 2 == 0 {
                break;
            }
        }
        // In a template the nearest one may as well end another template within `${…}`; then a brace comes between.
        let braces = quote == b'`' && bytes[at..end].contains(&b'}');
        (!braces && self.literal(at) == Some(end)).then_some(at)
    }

    /// Whether the `import(` that begins at `at` is in fact an `import.source(`.
    pub(super) fn is_source_phase(&self, at: usize) -> bool {
        let dot = self.token(at, "import").and_then(|at| self.token(at, "."));
        dot.is_some_and(|at| self.token(at, "source").is_some())
    }

    /// What follows the specifier of an `import(` that ends at `end`: whether its options ask for JSON. The error is where
    /// something else begins.
    pub(super) fn options(&self, specifier_end: usize, end: usize) -> Result<bool, usize> {
        let mut at = specifier_end;
        // Parentheses around the specifier, or the end of the call.
        while let Some(next) = self.token(at, ")") {
            at = next;
            if at == end {
                return Ok(false);
            }
        }
        let at = self.token(at, ",").ok_or(at)?;
        if self.token(at, ")") == Some(end) {
            return Ok(false);
        }
        let begin = self.after(at);
        self.options_object(at, end).ok_or(begin)
    }

    fn options_object(&self, at: usize, end: usize) -> Option<bool> {
        let mut at = self.token(at, "{")?;
        let mut json = false;
        if let Some(attributes) = self.key(at, "with") {
            at = self.token(attributes, "{")?;
            if let Some(value) = self.key(at, "type") {
                at = self
                    .token(value, "\"json\"")
                    .or_else(|| self.token(value, "'json'"))?;
                at = self.token(at, ",").unwrap_or(at);
                json = true;
            }
            at = self.token(at, "}")?;
            at = self.token(at, ",").unwrap_or(at);
        }
        at = self.token(at, "}")?;
        at = self.token(at, ",").unwrap_or(at);
        (self.token(at, ")")? == end).then_some(json)
    }

    /// The end of `name:`, quoted or not.
    fn key(&self, at: usize, name: &str) -> Option<usize> {
        let key = self
            .token(at, name)
            .or_else(|| self.token(at, &format!("\"{name}\"")))
            .or_else(|| self.token(at, &format!("'{name}'")))?;
        self.token(key, ":")
    }

    /// The literal in `new URL(literal, import.meta.url)` around an `import.meta`.
    pub(super) fn url_argument(&self, meta: Range<usize>) -> Option<Range<usize>> {
        let at = self.token(meta.end, ".")?;
        let at = self.token(at, "url")?;
        self.token(self.token(at, ",").unwrap_or(at), ")")?;
        let end = self.before(self.token_before(meta.start, ",")?);
        let start = self.literal_before(end)?;
        let at = self.token_before(start, "(")?;
        let at = self.token_before(at, "URL")?;
        let at = self.token_before(at, "new")?;
        // `new` may be a property's name (`a.new` and, on the next line, a call of `URL`); but three dots spread.
        let before = &self.text[..self.before(at)];
        let property = before.ends_with(['.', '#']) && !before.ends_with("...");
        (!property).then_some(start..end)
    }
}

fn is_space(character: char) -> bool {
    character.is_whitespace() || character == '\u{FEFF}'
}

/// Whether a character may belong to an identifier; beyond ASCII, that is left open and answered with yes.
fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || matches!(character, '_' | '$' | '\\')
        || (!character.is_ascii() && !is_space(character))
}
