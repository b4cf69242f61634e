//! Reading and rewriting a module: any text, and any source map of its own behind a byte that no UTF-8 text has.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use oxc_sourcemap::{JSONSourceMap, SourceMap};
use radpack_build::module::{
    Edit, Import, Module, ModuleError, Rewritten, Syntax, check, detect, read, rewrite,
};
use serde_json::Value;

/// Between the module and its map.
const SEPARATOR: u8 = 0xff;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let mut parts = bytes.splitn(2, |byte| *byte == SEPARATOR);
    let Ok(source) = str::from_utf8(parts.next().unwrap_or_default()) else {
        return Corpus::Reject;
    };
    let map = parts.next().map(String::from_utf8_lossy);
    let module = read(source, "module.js");
    check_detected(source, &module);
    let Ok(module) = module else {
        return Corpus::Keep;
    };
    check_exact(source, &module);
    check_imports(source, &module);
    check_unedited(source, &module);
    let edited = check_edited(source, &module, map.as_deref());
    if check(source, "module.js").is_ok() {
        assert_eq!(check(&edited, "module.js"), Ok(()));
    }
    Corpus::Keep
});

fn check_detected(source: &str, read: &Result<Module, ModuleError>) {
    match (read, detect(source, "module.js")) {
        (Ok(module), Ok(Syntax::Module(detected))) => {
            assert!(module.has_module_syntax);
            assert_eq!(*module, detected);
        }
        (Ok(module), Ok(Syntax::Undecided(detected))) => {
            assert!(!module.has_module_syntax);
            assert_eq!(*module, detected);
        }
        (Err(error), Ok(Syntax::Other(other)) | Err(other)) => assert_eq!(*error, other),
        (read, detected) => panic!("read as {read:?}, detected as {detected:?}"),
    }
}

/// The quick reader leaves every text with a letter like this to the parser: so here the two are compared.
fn check_exact(source: &str, module: &Module) {
    let exact = read(&format!("{source}\n;é;"), "module.js").expect("the parser takes it as well");
    assert_eq!(exact.imports, module.imports);
    assert_eq!(exact.exports, module.exports);
    assert_eq!(exact.has_module_syntax, module.has_module_syntax);
    assert_eq!(exact.computed_imports, module.computed_imports);
}

/// Every import is a literal of the text, and each stands behind the one before.
fn check_imports(source: &str, module: &Module) {
    let mut free_from = 0;
    for import in &module.imports {
        assert!(import.span.start as usize >= free_from, "{import:?}");
        free_from = import.span.end as usize;
        let literal = source
            .get(import.span.start as usize..free_from)
            .expect("a span lies on the text");
        let quote = &literal[..1];
        assert!(literal.len() > 1 && literal.ends_with(quote) && "\"'`".contains(quote));
        if !literal.contains(['\\', '\r']) {
            assert_eq!(literal[1..literal.len() - 1], import.specifier);
        }
    }
}

/// Nothing but the comment that names a map goes where nothing is edited.
fn check_unedited(source: &str, module: &Module) {
    let Rewritten { code, map, .. } =
        rewrite(source, module, &[], None, "module.js").expect("no edit overlaps");
    if module.source_map.is_none() {
        assert_eq!(code, source);
        assert_eq!(map, None);
    } else {
        assert!(code.len() < source.len());
    }
    if let Some(map) = map {
        check_map(&map, &code, &[]);
    }
    let again = read(&code, "module.js").expect("a module stays one");
    assert_eq!(specifiers(&again), specifiers(module));
    assert_eq!(again.exports, module.exports);
}

/// With every specifier replaced the text still reads, and has those specifiers and nothing else that is new.
fn check_edited(source: &str, module: &Module, own_map: Option<&str>) -> String {
    let edits: Vec<Edit> = module
        .imports
        .iter()
        .enumerate()
        .map(|(number, import)| Edit {
            span: import.span.clone(),
            text: format!("\"{}\"", edited(number)),
        })
        .collect();
    let rewritten =
        rewrite(source, module, &edits, own_map, "module.js").expect("no imports overlap");
    let again = read(&rewritten.code, "module.js").expect("a module stays one");
    assert_eq!(again.imports.len(), module.imports.len());
    for (number, (new, old)) in again.imports.iter().zip(&module.imports).enumerate() {
        assert_eq!(new.specifier, edited(number));
        assert_eq!(
            (new.kind, new.attribute_json),
            (old.kind, old.attribute_json)
        );
    }
    assert_eq!(again.exports.names, module.exports.names);
    assert_eq!(again.exports.stars.len(), module.exports.stars.len());
    assert_eq!(again.has_module_syntax, module.has_module_syntax);
    assert_eq!(again.computed_imports.len(), module.computed_imports.len());
    let had_map = own_map.is_some() || module.source_map.is_some();
    match rewritten.map {
        Some(map) if had_map => check_map(&map, &rewritten.code, &[]),
        Some(map) => {
            let places: Vec<_> = again.imports.iter().zip(&module.imports).collect();
            check_map(&map, &rewritten.code, &places);
        }
        None => assert!(edits.is_empty()),
    }
    rewritten.code
}

fn edited(number: usize) -> String {
    format!("edited-{number}@^{number}/é")
}

fn specifiers(module: &Module) -> Vec<(&str, bool)> {
    module
        .imports
        .iter()
        .map(|import| (import.specifier.as_str(), import.attribute_json))
        .collect()
}

/// The map decodes, and leads from each of `places` to where it was.
fn check_map(map: &str, code: &str, places: &[(&Import, &Import)]) {
    let map = decoded(map);
    if places.is_empty() {
        return;
    }
    let body = code.strip_prefix('\u{feff}').unwrap_or(code);
    let lines: Vec<u32> = lines(body)
        .map(|line| line.encode_utf16().count() as u32)
        .collect();
    let mut previous = (0, 0);
    for token in map.get_tokens() {
        let (line, column) = (token.get_dst_line(), token.get_dst_col());
        assert!((line, column) >= previous, "the mappings are in order");
        previous = (line, column);
        assert!(
            column <= lines[line as usize],
            "line {line} has no column {column}"
        );
    }
    for (new, old) in places {
        let (line, column) = (new.position.line - 1, new.position.column - 1);
        let token = map
            .get_tokens()
            .find(|token| (token.get_dst_line(), token.get_dst_col()) == (line, column))
            .unwrap_or_else(|| panic!("nothing leads from {:?}", new.position));
        assert_eq!(
            (token.get_src_line() + 1, token.get_src_col() + 1),
            (old.position.line, old.position.column)
        );
    }
}

/// What a map says. Sources may be unknown (null), names be left out; the decoder knows neither.
fn decoded(map: &str) -> SourceMap<'_> {
    let map: Value = serde_json::from_str(map).expect("a map is JSON");
    assert_eq!(map["version"], 3);
    let count = |list: &str| map[list].as_array().map_or(0, Vec::len);
    let json = JSONSourceMap {
        version: 3,
        file: None,
        mappings: map["mappings"]
            .as_str()
            .expect("mappings are text")
            .to_owned(),
        source_root: None,
        sources: vec![String::new(); count("sources")],
        sources_content: None,
        names: vec![String::new(); count("names")],
        debug_id: None,
        ignore_list: None,
    };
    SourceMap::from_json(json).expect("the mappings decode, and name sources that there are")
}

/// The lines of a text as ECMAScript ends them.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let line = rest?;
        let Some(at) = line.find(['\n', '\r', '\u{2028}', '\u{2029}']) else {
            return rest.take();
        };
        let end = &line[at..];
        let length = if end.starts_with("\r\n") {
            2
        } else {
            end.chars().next().map_or(1, char::len_utf8)
        };
        rest = Some(&line[at + length..]);
        Some(&line[..at])
    })
}
