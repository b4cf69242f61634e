//! Edits: nothing else changes, and the source map leads back.

use std::ops::Range;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use oxc_sourcemap::SourceMap;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::module::{
    Edit, Module, ModuleErrorKind, Rewritten, append_source_map_comment, read, rewrite,
};

/// Line and column from 0, columns in UTF-16 code units; counted plainly.
fn place(text: &str, offset: usize) -> (u32, u32) {
    let (mut line, mut start) = (0, 0);
    for (at, character) in text.char_indices() {
        let ends = match character {
            '\r' => !text[at..].starts_with("\r\n"),
            '\n' | '\u{2028}' | '\u{2029}' => true,
            _ => false,
        };
        if ends && at + character.len_utf8() <= offset {
            line += 1;
            start = at + character.len_utf8();
        }
    }
    (line, text[start..offset].encode_utf16().count() as u32)
}

/// What a map says of a place: source, line, column and name.
type Origin = Option<(String, u32, u32, Option<String>)>;

struct Decoder(SourceMap<'static>);

impl Decoder {
    fn new(json: &str) -> Self {
        // Its own decoder wants sources to be strings.
        let mut value: Value = serde_json::from_str(json).unwrap();
        for source in value["sources"].as_array_mut().unwrap() {
            if source.is_null() {
                *source = "null".into();
            }
        }
        let owned: oxc_sourcemap::JSONSourceMap = serde_json::from_value(value).unwrap();
        Decoder(SourceMap::from_json(owned).unwrap())
    }

    fn origin(&self, (line, column): (u32, u32)) -> Origin {
        let table = self.0.generate_lookup_table();
        let token = self.0.lookup_token(&table, line, column)?;
        let source = self.0.get_source(token.get_source_id()?)?.to_owned();
        let name = token
            .get_name_id()
            .and_then(|id| self.0.get_name(id))
            .map(str::to_owned);
        Some((source, token.get_src_line(), token.get_src_col(), name))
    }
}

fn edits(module: &Module, texts: &[&str]) -> Vec<Edit> {
    assert_eq!(module.imports.len(), texts.len());
    let edit = |(import, text): (&crate::module::Import, &&str)| Edit {
        span: import.span.clone(),
        text: (*text).to_owned(),
    };
    module.imports.iter().zip(texts).map(edit).collect()
}

/// Replaces all specifiers of a source.
fn rewritten(source: &str, texts: &[&str], map: Option<&str>) -> Rewritten {
    let module = read(source, "m.js").unwrap();
    rewrite(source, &module, &edits(&module, texts), map, "m.js").unwrap()
}

#[test]
fn literals_are_replaced_and_nothing_else() {
    let source =
        "\u{FEFF}/* 'a' */import{a}from'a';\r\nexport*from\"b\"\r\nimport(`c`) // \u{1F600}";
    let result = rewritten(source, &["'a@^1'", "'./b'", "\"\""], None);
    assert_eq!(
        result.code,
        "\u{FEFF}/* 'a' */import{a}from'a@^1';\r\nexport*from'./b'\r\nimport(\"\") // \u{1F600}"
    );
    assert!(result.warnings.is_empty());
}

#[test]
fn without_edits_and_map_there_is_no_map() {
    let result = rewritten("a\n", &[], None);
    assert_eq!(
        result,
        Rewritten {
            code: "a\n".to_owned(),
            map: None,
            warnings: Vec::new()
        }
    );
}

#[test]
fn source_map_comments_are_dropped() {
    let table = [
        ("a;//# sourceMappingURL=a.js.map", "a;"),
        ("a;\n//# sourceMappingURL=a.js.map", "a;\n"),
        ("a;\n//# sourceMappingURL=a.js.map\n", "a;\n"),
        ("a;\r\n//# sourceMappingURL=a.js.map\r\n", "a;\r\n"),
        (
            "a;\n  //# sourceMappingURL=a.js.map  \n\n// b",
            "a;\n\n// b",
        ),
        (
            "a;\n  /*# sourceMappingURL=a.js.map */ // b\n",
            "a;\n   // b\n",
        ),
        ("//# sourceMappingURL=a.js.map\n", ""),
        ("\u{FEFF}//# sourceMappingURL=a.js.map", "\u{FEFF}"),
        (
            "//# sourceMappingURL=a.js.map\na;",
            "//# sourceMappingURL=a.js.map\na;",
        ),
        (
            "'//# sourceMappingURL=a.js.map'",
            "'//# sourceMappingURL=a.js.map'",
        ),
        (
            "`\n//# sourceMappingURL=a.js.map\n`",
            "`\n//# sourceMappingURL=a.js.map\n`",
        ),
        (
            "a;\n//# sourceMappingURL=a.js.map\n//# sourceMappingURL=b.js.map\n",
            "a;\n//# sourceMappingURL=a.js.map\n",
        ),
    ];
    for (source, code) in table {
        assert_eq!(rewritten(source, &[], None).code, code, "{source:?}");
    }
}

#[test]
fn the_comment_is_appended_on_a_line_of_its_own() {
    let table = [
        ("", "a.js.map", "//# sourceMappingURL=a.js.map\n"),
        ("a", "a.js.map", "a\n//# sourceMappingURL=a.js.map\n"),
        (
            "a // b",
            "a.js.map",
            "a // b\n//# sourceMappingURL=a.js.map\n",
        ),
        (
            "a\r\n",
            "c d\u{e9}#%\n.map",
            "a\r\n//# sourceMappingURL=c%20d%C3%A9%23%25%0A.map\n",
        ),
    ];
    for (code, file, expected) in table {
        let mut code = code.to_owned();
        append_source_map_comment(&mut code, file);
        assert_eq!(code, expected);
    }
    let mut code = "a".to_owned();
    append_source_map_comment(&mut code, "a.map");
    assert_eq!(
        read(&code, "m.js").unwrap().source_map.unwrap().url,
        "a.map"
    );
}

#[test]
fn without_a_map_of_its_own_the_source_is_the_origin() {
    let source = "'\u{1F600}'; import('a'); b(c)\nimport 'd'; e";
    let result = rewritten(source, &["'./longer/than/before'", "'f'"], None);
    let map = result.map.unwrap();
    let value: Value = serde_json::from_str(&map).unwrap();
    assert_eq!(value["sources"], json!(["m.js"]));
    assert_eq!(value["sourcesContent"], json!([source]));
    assert!(value.get("file").is_none());
    let decoder = Decoder::new(&map);
    for word in [
        "import(", "; b", "b(c)", "(c)", "c)", "import '", "; e", "e",
    ] {
        let old = source.rfind(word).unwrap();
        let new = result.code.rfind(word).unwrap();
        let (line, column) = place(source, old);
        let expected = Some(("m.js".to_owned(), line, column, None));
        assert_eq!(decoder.origin(place(&result.code, new)), expected, "{word}");
    }
    // `'😀'` takes two columns more than it has characters: 4, not 3.
    assert_eq!(place(source, source.find("; import").unwrap()), (0, 4));
}

#[test]
fn a_byte_order_mark_takes_no_column() {
    let result = rewritten("\u{FEFF}import 'a'; b", &["'cde'"], None);
    let decoder = Decoder::new(&result.map.unwrap());
    assert_eq!(
        decoder.origin((0, 14)),
        Some(("m.js".to_owned(), 0, 12, None))
    );
}

/// A place, the source that it leads to, the place there, and a name.
type Mapping = ((u32, u32), u32, (u32, u32), Option<u32>);

fn map_of(tokens: &[Mapping]) -> Value {
    let tokens = tokens.iter().map(
        |&((line, column), source, (source_line, source_column), name)| {
            oxc_sourcemap::Token::new(line, column, source_line, source_column, Some(source), name)
        },
    );
    let parts = oxc_sourcemap::SourceMapParts {
        tokens: tokens.collect(),
        ..Default::default()
    };
    json!({
        "version": 3,
        "file": "old.js",
        "sourceRoot": "../src",
        "sources": ["a.ts", null],
        "sourcesContent": ["A\n\u{1F600}", null],
        "names": ["n", "m"],
        "mappings": SourceMap::from_parts(parts).to_json().mappings,
        "ignoreList": [1],
        "x_tool": { "anything": ["else"] },
    })
}

#[test]
fn a_map_of_its_own_moves_along() {
    let source = "import'a';f(import('b'));g\nh";
    let input = map_of(&[
        ((0, 0), 0, (5, 0), None),
        ((0, 6), 0, (5, 7), None),
        ((0, 7), 0, (5, 8), Some(0)), // within the literal
        ((0, 10), 0, (6, 0), Some(1)),
        ((0, 19), 1, (7, 3), None),
        ((0, 25), 1, (8, 0), None),
        ((1, 0), 0, (9, 1), Some(0)),
    ]);
    let result = rewritten(source, &["'aaaa'", "''"], Some(&input.to_string()));
    assert_eq!(result.code, "import'aaaa';f(import(''));g\nh");
    assert!(result.warnings.is_empty());
    let map = result.map.unwrap();
    let expected = map_of(&[
        ((0, 0), 0, (5, 0), None),
        ((0, 6), 0, (5, 7), None),
        ((0, 12), 0, (5, 8), Some(0)), // what it said of the text behind the literal, it still says
        ((0, 13), 0, (6, 0), Some(1)),
        ((0, 22), 1, (7, 3), None),
        ((0, 27), 1, (8, 0), None),
        ((1, 0), 0, (9, 1), Some(0)),
    ]);
    let mut expected = expected;
    expected.as_object_mut().unwrap().shift_remove("file");
    assert_eq!(serde_json::from_str::<Value>(&map).unwrap(), expected);
    // Its fields stay in order.
    assert!(
        map.starts_with(r#"{"version":3,"sourceRoot":"../src","sources":["a.ts",null],"#),
        "{map}"
    );
}

#[test]
fn a_map_in_a_data_url_is_found() {
    let input = map_of(&[((0, 11), 0, (5, 0), None)]).to_string();
    let plain = percent_encoding::utf8_percent_encode(&input, percent_encoding::NON_ALPHANUMERIC);
    let urls = [
        format!(
            "data:application/json;base64,{}",
            BASE64_STANDARD.encode(&input)
        ),
        format!(
            "data:application/json;charset=utf-8;base64,{}",
            BASE64_STANDARD.encode(&input).trim_end_matches('=')
        ),
        format!("DATA:application/json,{plain}"),
    ];
    for url in urls {
        let source = format!("import 'a';b\n//# sourceMappingURL={url}\n");
        let result = rewritten(&source, &["'abc'"], None);
        assert_eq!(result.code, "import 'abc';b\n");
        assert_eq!(result.warnings, [""; 0]);
        let decoder = Decoder::new(&result.map.unwrap());
        assert_eq!(decoder.origin((0, 13)).unwrap().0, "a.ts", "{url}");
        // Also where nothing is edited.
        let source = format!("b\n//# sourceMappingURL={url}\n");
        let result = rewritten(&source, &[], None);
        assert_eq!(result.code, "b\n");
        assert!(result.map.unwrap().contains("a.ts"));
    }
}

#[test]
fn an_indexed_map_comes_out_flat() {
    let sections = json!({
        "version": 3,
        "sections": [
            { "offset": { "line": 0, "column": 0 }, "map": map_of(&[((0, 0), 0, (1, 0), None), ((5, 0), 0, (9, 9), None)]) },
            { "offset": { "line": 0, "column": 12 }, "map": map_of(&[((0, 1), 0, (2, 2), Some(1)), ((1, 0), 1, (3, 3), None)]) },
        ],
    });
    let result = rewritten("import 'a'; b\nc", &["'abc'"], Some(&sections.to_string()));
    let map = result.map.unwrap();
    let value: Value = serde_json::from_str(&map).unwrap();
    assert_eq!(
        value["sources"],
        json!(["../src/a.ts", null, "../src/a.ts", null])
    );
    assert_eq!(
        value["sourcesContent"],
        json!(["A\n\u{1F600}", null, "A\n\u{1F600}", null])
    );
    assert_eq!(value["names"], json!(["n", "m", "n", "m"]));
    assert_eq!(value["ignoreList"], json!([1, 3]));
    let decoder = Decoder::new(&map);
    assert_eq!(
        decoder.origin((0, 3)),
        Some(("../src/a.ts".to_owned(), 1, 0, None))
    );
    assert_eq!(
        decoder.origin((0, 15)),
        Some(("../src/a.ts".to_owned(), 2, 2, Some("m".to_owned())))
    );
    assert_eq!(
        decoder.origin((1, 0)),
        Some(("null".to_owned(), 3, 3, None))
    );
}

#[test]
fn a_map_that_cannot_be_read_is_a_warning() {
    let table = [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("[]", "it is no JSON object"),
        ("{}", "its version is not 3"),
        (r#"{"version":2}"#, "its version is not 3"),
        (r#"{"version":3}"#, "`mappings` is no string"),
        (
            r#"{"version":3,"mappings":"A","sources":1}"#,
            "`sources` is no list",
        ),
        (
            r#"{"version":3,"mappings":"AAAA"}"#,
            "Reference to non-existing source at position 0",
        ),
        (
            r#"{"version":3,"mappings":"AAAAA","sources":["a"]}"#,
            "Reference to non-existing name at position 0",
        ),
        (
            r#"{"version":3,"mappings":"g","sources":["a"]}"#,
            "VLQ string was malformed and data was left over",
        ),
        (
            r#"{"version":3,"mappings":"gggggggggggggggggggggA"}"#,
            "The input encoded a number that didn't fit into i64",
        ),
        (r#"{"version":3,"sections":1}"#, "`sections` is no list"),
        (
            r#"{"version":3,"sections":[1]}"#,
            "a section has no `offset` of a line and a column",
        ),
        (
            r#"{"version":3,"sections":[{"offset":{"line":0,"column":0}}]}"#,
            "a section has no `map`",
        ),
        (
            r#"{"version":3,"sections":[{"offset":{"line":1,"column":0},"map":{"mappings":""}},{"offset":{"line":0,"column":0}}]}"#,
            "its sections are out of order",
        ),
    ];
    for (map, why) in table {
        let result = rewritten("import 'a'", &["'b'"], Some(map));
        assert_eq!(
            result.warnings,
            [format!(
                "its source map cannot be read and is left out: {why}"
            )],
            "{map}"
        );
        assert_eq!(result.code, "import 'b'");
        assert!(result.map.unwrap().contains("m.js"), "{map}");
        let unedited = rewritten("a", &[], Some(map));
        assert_eq!((unedited.map, unedited.warnings.len()), (None, 1), "{map}");
    }
    for (url, why) in [
        ("data:x", "its data: URL has no comma"),
        ("data:;base64,\u{e9}", "Invalid symbol 195, offset 0."),
        ("data:,%ff", "it is not UTF-8"),
    ] {
        let result = rewritten(&format!("a //# sourceMappingURL={url}"), &[], None);
        assert_eq!(
            result.warnings,
            [format!(
                "its source map cannot be read and is left out: {why}"
            )],
            "{url}"
        );
    }
}

#[test]
fn a_line_that_guards_the_json_is_skipped() {
    let map = format!(")]}}'\n{}", map_of(&[((0, 0), 0, (1, 1), None)]));
    let result = rewritten("import 'a'", &["'b'"], Some(&map));
    assert!(result.warnings.is_empty() && result.map.unwrap().contains("a.ts"));
}

#[test]
fn mappings_beyond_the_text_are_dropped() {
    let sections = json!({
        "version": 3,
        "sections": [{
            "offset": { "line": 4_000_000_000_u32, "column": 4_000_000_000_u32 },
            "map": map_of(&[((0, 0), 0, (1, 0), None)]),
        }],
    });
    let result = rewritten("import 'a'", &["'b'"], Some(&sections.to_string()));
    let value: Value = serde_json::from_str(&result.map.unwrap()).unwrap();
    assert_eq!(value["mappings"], "");
}

#[test]
fn edits_that_do_not_fit_are_errors() {
    let source = "\u{e9} = 'a'; b //# sourceMappingURL=c";
    let module = read(source, "m.js").unwrap();
    let table: &[(&[(u32, u32)], &str)] = &[
        (
            &[(0, 1)],
            "m.js:1:1: the edit of bytes 0 to 1 overlaps another or misses the text",
        ),
        (
            &[(99, 100)],
            "m.js:1:34: the edit of bytes 99 to 100 overlaps another or misses the text",
        ),
        (
            &[(6, 100)],
            "m.js:1:6: the edit of bytes 6 to 100 overlaps another or misses the text",
        ),
        (
            &[(4, 6), (5, 7)],
            "m.js:1:5: the edit of bytes 5 to 7 overlaps another or misses the text",
        ),
        (
            &[(14, 16)],
            "m.js:1:14: the edit of bytes 14 to 16 overlaps another or misses the text",
        ),
        (
            &[(20, 21)],
            "m.js:1:20: the edit of bytes 20 to 21 overlaps another or misses the text",
        ),
        (
            &[(6, 5)],
            "m.js:1:6: the edit of bytes 6 to 5 overlaps another or misses the text",
        ),
    ];
    for (spans, message) in table {
        let edits: Vec<Edit> = spans
            .iter()
            .map(|&(start, end)| Edit {
                span: start..end,
                text: "x".to_owned(),
            })
            .collect();
        let error = rewrite(source, &module, &edits, None, "m.js").unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ModuleErrorKind::Edit, *message)
        );
    }
    let mark = Edit {
        span: 0..3,
        text: String::new(),
    };
    assert!(rewrite("\u{FEFF}a", &Module::default(), &[mark], None, "m.js").is_err());
}

/// Texts of what matters to places: words, signs, line ends, characters of one to four bytes.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "word",
        "_$1",
        " ",
        "\t",
        "(",
        ")",
        "=>",
        "'",
        "\n",
        "\r",
        "\r\n",
        "\u{2028}",
        "\u{e9}",
        "\u{20AC}",
        "\u{1F600}",
        "\u{A0}",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// A text and edits of it that do not overlap, in any order.
fn texts_and_edits() -> impl Strategy<Value = (String, Vec<Edit>)> {
    (
        texts(),
        prop::collection::vec((any::<prop::sample::Index>(), texts()), 0..12),
    )
        .prop_map(|(text, cuts)| {
            let boundaries: Vec<usize> = (0..=text.len())
                .filter(|&at| text.is_char_boundary(at))
                .collect();
            let mut at: Vec<usize> = cuts
                .iter()
                .map(|(cut, _)| boundaries[cut.index(boundaries.len())])
                .collect();
            at.sort_unstable();
            let edits = at
                .chunks_exact(2)
                .zip(&cuts)
                .map(|(pair, (_, replacement))| Edit {
                    span: pair[0] as u32..pair[1] as u32,
                    text: replacement.chars().take(9).collect(),
                });
            let edits: Vec<Edit> = edits.collect();
            (text, edits)
        })
}

/// Where each byte that stays comes to lie, and the text expected.
fn applied(text: &str, edits: &[Edit]) -> (String, Vec<(usize, usize)>) {
    let (mut code, mut kept, mut done) = (String::new(), Vec::new(), 0);
    let mut keep = |code: &mut String, range: Range<usize>| {
        for (at, character) in text[range.clone()].char_indices() {
            kept.push((range.start + at, code.len()));
            code.push(character);
        }
    };
    for edit in edits {
        keep(&mut code, done..edit.span.start as usize);
        code.push_str(&edit.text);
        done = edit.span.end as usize;
    }
    keep(&mut code, done..text.len());
    (code, kept)
}

proptest! {
    #[test]
    fn other_bytes_stay_and_every_word_leads_back((text, edits) in texts_and_edits()) {
        let result = rewrite(&text, &Module::default(), &edits, None, "m.js").unwrap();
        let (code, kept) = applied(&text, &edits);
        prop_assert_eq!(&result.code, &code);
        let Some(map) = result.map else {
            prop_assert!(edits.is_empty());
            return Ok(());
        };
        let decoder = Decoder::new(&map);
        let mut word_before = None;
        for (old, new) in kept {
            let character = text[old..].chars().next().unwrap();
            let word = character.is_alphanumeric() || character == '_' || character == '$';
            let goes_on = character.is_whitespace() || (word && word_before == Some((old, new)));
            word_before = word.then(|| (old + character.len_utf8(), new + character.len_utf8()));
            if !goes_on {
                let (line, column) = place(&text, old);
                prop_assert_eq!(
                    decoder.origin(place(&code, new)),
                    Some(("m.js".to_owned(), line, column, None)),
                    "{:?} at {} of {:?}", character, new, code
                );
            }
        }
    }

    #[test]
    fn what_a_map_says_of_a_place_moves_with_it(
        (text, edits) in texts_and_edits(),
        marks in prop::collection::vec((any::<prop::sample::Index>(), 0..2_u32, 0..9_u32, prop::option::of(0..2_u32)), 0..20),
    ) {
        let boundaries: Vec<usize> = (0..=text.len()).filter(|&at| text.is_char_boundary(at)).collect();
        let mut tokens: Vec<_> = marks
            .iter()
            .enumerate()
            .map(|(index, (mark, source, column, name))| {
                let at = boundaries[mark.index(boundaries.len())];
                (place(&text, at), *source, (index as u32, *column), *name)
            })
            .collect();
        tokens.sort_unstable();
        tokens.dedup_by_key(|token| token.0);
        let input = map_of(&tokens).to_string();
        let result = rewrite(&text, &Module::default(), &edits, Some(&input), "m.js").unwrap();
        let (code, kept) = applied(&text, &edits);
        prop_assert_eq!(&result.code, &code);
        let (before, after) = (Decoder::new(&input), Decoder::new(&result.map.unwrap()));
        // Mappings hold to the end of a line. So where edits join or split lines, or end in the middle of a CR LF, only
        // what follows a mapping in its own stretch can be compared.
        let line_ends = |text: &str| text.contains(['\n', '\r', '\u{2028}', '\u{2029}']);
        let splits = edits.iter().any(|edit| {
            let (start, end) = (edit.span.start as usize, edit.span.end as usize);
            let amid = |at: usize| text[..at].ends_with('\r') && text[at..].starts_with('\n');
            line_ends(&edit.text) || line_ends(&text[start..end]) || amid(start) || amid(end)
        });
        let splits = splits || place(&text, text.len()).0 != place(&code, code.len()).0;
        for (old, new) in kept {
            let expected = before.origin(place(&text, old));
            let exact = tokens.iter().any(|token| token.0 == place(&text, old));
            if !splits || exact {
                prop_assert_eq!(after.origin(place(&code, new)), expected, "at {} of {:?}", new, code);
            }
        }
    }
}
