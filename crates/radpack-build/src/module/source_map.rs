//! Source maps: the module's own, moved along with its text; or one from nothing.
//!
//! Mappings are decoded and encoded by a maintained crate. Of the JSON around them only what must change is touched, so
//! that everything a map says of its sources survives.

use std::ops::Range;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use oxc_sourcemap::{JSONSourceMap, SourceMap, SourceMapParts, Token};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::shift::{Moved, Place, Shift};

/// A module's own source map.
pub(super) struct InputMap {
    /// The JSON object, whose `mappings` are stale.
    fields: Map<String, Value>,
    /// In the order of the generated text.
    tokens: Vec<Token>,
}

impl InputMap {
    /// Reads a map; an indexed one comes out flat. The error says what is wrong with it.
    pub(super) fn parse(json: &str) -> Result<Self, String> {
        // Servers may put a line before the JSON that keeps it from being run as a script.
        let json = if json.starts_with(")]}") {
            json.split_once('\n').map_or("", |(_, rest)| rest)
        } else {
            json
        };
        let value: Value = serde_json::from_str(json.trim_start_matches('\u{FEFF}'))
            .map_err(|error| error.to_string())?;
        let Value::Object(fields) = value else {
            return Err("it is no JSON object".to_owned());
        };
        if fields.get("version").and_then(Value::as_u64) != Some(3) {
            return Err("its version is not 3".to_owned());
        }
        let mut map = match fields.get("sections") {
            Some(Value::Array(sections)) => flattened(sections)?,
            Some(_) => return Err("`sections` is no list".to_owned()),
            None => InputMap {
                tokens: tokens(&fields)?,
                fields,
            },
        };
        map.tokens.sort_by_key(place_of);
        Ok(map)
    }

    /// The map's JSON after `shift` of the text it belongs to.
    pub(super) fn shifted(mut self, shift: &Shift) -> String {
        // Nothing is mapped beyond the text; a map that does it all the same would take a sign for each such line.
        self.tokens
            .retain(|token| token.get_dst_line() <= shift.last_line());
        let mut moved: Vec<Token> = Vec::with_capacity(self.tokens.len());
        let mut last = None;
        for (index, token) in self.tokens.iter().enumerate() {
            let old = place_of(token);
            let place = match shift.moved(old) {
                Moved::To(place) => place,
                // What a replaced part's last mapping says holds on behind it, until the next mapping.
                Moved::Replaced { end, moved_end } => match self.tokens.get(index + 1) {
                    Some(next) if place_of(next) <= end => continue,
                    _ => moved_end,
                },
            };
            // Two that come to lie at one place, because nothing is left between them: the latter counts.
            if last.is_some_and(|last| last != old)
                && moved.last().is_some_and(|token| place_of(token) == place)
            {
                moved.pop();
            }
            last = Some(old);
            moved.push(Token::new(
                place.line,
                place.column,
                token.get_src_line(),
                token.get_src_col(),
                token.get_source_id(),
                token.get_name_id(),
            ));
        }
        self.fields
            .insert("mappings".to_owned(), Value::String(mappings(moved)));
        self.fields.shift_remove("file");
        Value::Object(self.fields).to_string()
    }
}

fn place_of(token: &Token) -> Place {
    Place {
        line: token.get_dst_line(),
        column: token.get_dst_col(),
    }
}

/// A map from a text with replaced parts to the text itself, with a mapping for every word and sign.
pub(super) fn to_source(
    text: &str,
    replacements: &[(Range<usize>, &str)],
    shift: &Shift,
    name: &str,
) -> String {
    let mut tokens = Vec::new();
    let (mut at, mut old, mut new) = (0, Place::START, Place::START);
    for ((span, _), part) in replacements.iter().zip(shift.parts()) {
        map_words(&text[at..span.start], old, new, &mut tokens);
        if !part.new.is_empty() {
            tokens.push(to_old(part.new.start, part.old.start));
        }
        (at, old, new) = (span.end, part.old.end, part.new.end);
    }
    map_words(&text[at..], old, new, &mut tokens);
    let map = json!({
        "version": 3,
        "sources": [name],
        "sourcesContent": [text],
        "names": [],
        "mappings": mappings(tokens),
    });
    map.to_string()
}

/// Maps a stretch that stayed as it was, from where it lies now to where it lay.
fn map_words(text: &str, mut old: Place, mut new: Place, tokens: &mut Vec<Token>) {
    let mut in_word = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let word = character.is_alphanumeric() || matches!(character, '_' | '$');
        let goes_on = character.is_whitespace() || (word && in_word);
        if !goes_on {
            tokens.push(to_old(new, old));
        }
        in_word = word;
        let line_ends = match character {
            '\r' => characters.peek() != Some(&'\n'),
            character => matches!(character, '\n' | '\u{2028}' | '\u{2029}'),
        };
        for place in [&mut old, &mut new] {
            *place = if line_ends {
                Place {
                    line: place.line + 1,
                    column: 0,
                }
            } else {
                Place {
                    line: place.line,
                    column: place.column + character.len_utf16() as u32,
                }
            };
        }
    }
}

fn to_old(new: Place, old: Place) -> Token {
    Token::new(new.line, new.column, old.line, old.column, Some(0), None)
}

/// Decodes what an object that is a plain map says.
fn tokens(fields: &Map<String, Value>) -> Result<Vec<Token>, String> {
    let Some(Value::String(mappings)) = fields.get("mappings") else {
        return Err("`mappings` is no string".to_owned());
    };
    let map = SourceMap::from_json(JSONSourceMap {
        version: 3,
        file: None,
        mappings: mappings.clone(),
        source_root: None,
        // Only their counts matter: mappings refer to them.
        sources: vec![String::new(); list(fields, "sources")?.len()],
        sources_content: None,
        names: vec![String::new(); list(fields, "names")?.len()],
        debug_id: None,
        ignore_list: None,
    });
    Ok(map
        .map_err(|error| error.to_string())?
        .into_parts()
        .tokens
        .into_vec())
}

/// Encodes mappings, which are in the order of the generated text.
fn mappings(tokens: Vec<Token>) -> String {
    let parts = SourceMapParts {
        tokens: tokens.into_boxed_slice(),
        ..SourceMapParts::default()
    };
    SourceMap::from_parts(parts).to_json().mappings
}

fn list<'f>(fields: &'f Map<String, Value>, name: &str) -> Result<&'f [Value], String> {
    match fields.get(name) {
        Some(Value::Array(values)) => Ok(values),
        None | Some(Value::Null) => Ok(&[]),
        Some(_) => Err(format!("`{name}` is no list")),
    }
}

/// Joins the sections of an indexed map (<https://tc39.es/ecma426/#sec-index-source-map>).
fn flattened(sections: &[Value]) -> Result<InputMap, String> {
    let mut all = Vec::new();
    let (mut sources, mut contents, mut names, mut ignored) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (index, section) in sections.iter().enumerate() {
        let begin = offset(section)?;
        let end = sections.get(index + 1).map(offset).transpose()?;
        if end.is_some_and(|end| end < begin) {
            return Err("its sections are out of order".to_owned());
        }
        let Some(Value::Object(map)) = section.get("map") else {
            return Err("a section has no `map`".to_owned());
        };
        let (first_source, first_name) = (sources.len() as u32, names.len() as u32);
        for token in tokens(map)? {
            let line = token.get_dst_line().saturating_add(begin.line);
            let column = if token.get_dst_line() == 0 {
                begin.column
            } else {
                0
            };
            let place = Place {
                line,
                column: token.get_dst_col().saturating_add(column),
            };
            if end.is_none_or(|end| place < end) {
                all.push(Token::new(
                    place.line,
                    place.column,
                    token.get_src_line(),
                    token.get_src_col(),
                    token.get_source_id().map(|id| id + first_source),
                    token.get_name_id().map(|id| id + first_name),
                ));
            }
        }
        let root = map
            .get("sourceRoot")
            .and_then(Value::as_str)
            .unwrap_or_default();
        sources.extend(list(map, "sources")?.iter().map(|source| match source {
            Value::String(source) if !root.is_empty() => {
                format!("{}/{source}", root.trim_end_matches('/')).into()
            }
            source => source.clone(),
        }));
        contents.extend_from_slice(list(map, "sourcesContent")?);
        contents.resize(sources.len(), Value::Null);
        names.extend_from_slice(list(map, "names")?);
        let list_of_ignored = if map.contains_key("ignoreList") {
            "ignoreList"
        } else {
            "x_google_ignoreList"
        };
        let indices = list(map, list_of_ignored)?.iter().filter_map(Value::as_u64);
        ignored.extend(
            indices.map(|index| Value::from(index.saturating_add(u64::from(first_source)))),
        );
    }
    let mut fields = Map::new();
    fields.insert("version".to_owned(), 3.into());
    fields.insert("sources".to_owned(), sources.into());
    fields.insert("sourcesContent".to_owned(), contents.into());
    fields.insert("names".to_owned(), names.into());
    if !ignored.is_empty() {
        fields.insert("ignoreList".to_owned(), ignored.into());
    }
    Ok(InputMap {
        fields,
        tokens: all,
    })
}

/// Where a section begins.
fn offset(section: &Value) -> Result<Place, String> {
    let number = |name| {
        section
            .get("offset")?
            .get(name)?
            .as_u64()
            .and_then(|number| u32::try_from(number).ok())
    };
    match (number("line"), number("column")) {
        (Some(line), Some(column)) => Ok(Place { line, column }),
        _ => Err("a section has no `offset` of a line and a column".to_owned()),
    }
}

/// Base64 as it is found in the wild: with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The text of a `data:` URL; `None` for other URLs. The error says what is wrong with it.
pub(super) fn in_data_url(url: &str) -> Option<Result<String, String>> {
    let rest = url
        .get(5..)
        .filter(|_| url[..5].eq_ignore_ascii_case("data:"))?;
    let Some((kind, data)) = rest.split_once(',') else {
        return Some(Err("its data: URL has no comma".to_owned()));
    };
    let bytes: Vec<u8> = percent_decode_str(data).collect();
    let bytes = if kind.trim_end().to_ascii_lowercase().ends_with(";base64") {
        match BASE64.decode(bytes) {
            Ok(bytes) => bytes,
            Err(error) => return Some(Err(error.to_string())),
        }
    } else {
        bytes
    };
    Some(String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned()))
}
