//! The quick reader against the parser: where it answers, it finds what the parser finds; and it does answer.

use proptest::prelude::*;

use crate::module::read::without_mark;
use crate::module::{Module, exact, quick, stack};

/// What the quick reader says, which the parser must say too.
#[track_caller]
fn agreed(source: &str) -> Option<Module> {
    let (body, mark) = without_mark(source);
    let quick = quick::read(body, mark)?;
    let exact = stack::with_enough(body, "m.js", || exact::read(body, mark, "m.js")).unwrap();
    match exact {
        Ok(exact) => assert_eq!(quick, exact, "{source:?}"),
        Err(failure) => panic!("{source:?} is no module: {}", failure.error),
    }
    Some(quick)
}

/// Everyday modules, which the quick reader must answer.
const EVERYDAY: &[&str] = &[
    include_str!("everyday/statements.js"),
    include_str!("everyday/expressions.js"),
    include_str!("everyday/classes.js"),
    include_str!("everyday/module.js"),
    include_str!("everyday/minified.js"),
];

#[test]
fn everyday_modules_are_answered() {
    for source in EVERYDAY {
        let line_ends = source.replace('\n', "\r\n");
        for source in [*source, &line_ends, &format!("\u{FEFF}{source}")] {
            assert!(agreed(source).is_some(), "{}", stopped_at(source));
        }
        // Also statement by statement, so that a failure names the one.
        for part in source.split("\n\n") {
            assert!(agreed(part).is_some(), "{part}");
        }
    }
}

/// The longest beginning, in lines, that is answered: what follows it is to blame.
fn stopped_at(source: &str) -> String {
    let mut ends = source.match_indices('\n').map(|(at, _)| at + 1);
    let answered = ends.rfind(|&end| quick::read(&source[..end], 0).is_some());
    source[answered.unwrap_or(0)..].chars().take(300).collect()
}

/// Forms at the borders of the grammar. Whether they are right or wrong, the two agree.
fn borders() -> Vec<String> {
    let lines = include_str!("borders.txt")
        .lines()
        .filter(|line| !line.starts_with('#'));
    lines
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

#[test]
fn borders_of_the_grammar_are_agreed_on() {
    let borders = borders();
    let answered = borders
        .iter()
        .filter(|source| agreed(source).is_some())
        .count();
    assert!(
        borders.len() > 1_000 && answered > 400,
        "{answered} of {}",
        borders.len()
    );
    // In other surroundings, where other things are allowed.
    let around = include_str!("surroundings.txt")
        .lines()
        .filter(|line| !line.starts_with('#'));
    let around: Vec<(String, String)> = around
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    assert!(around.len() > 40, "{}", around.len());
    for (before, after) in around {
        for source in &borders {
            agreed(&[&before, source, &after].map(String::as_str).concat());
        }
    }
}

#[test]
fn the_facts_of_everyday_modules_are_as_written() {
    let module = agreed(EVERYDAY[3]).unwrap();
    assert!(
        module.imports.len() > 10
            && module.exports.names.len() > 20
            && !module.exports.stars.is_empty()
    );
}

/// What is inserted into everyday modules to break them.
const PIECES: &[&str] = &[
    " ",
    "\n",
    "a",
    "b",
    "1",
    "'s'",
    "`t`",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ";",
    ":",
    ".",
    "...",
    "?",
    "?.",
    "=>",
    "=",
    "==",
    "+=",
    "+",
    "-",
    "++",
    "--",
    "!",
    "*",
    "**",
    "/",
    "/a/",
    "//",
    "/*",
    "*/",
    "&&",
    "||",
    "??",
    "<",
    ">>",
    "in",
    "of",
    "instanceof",
    "new",
    "typeof",
    "await",
    "yield",
    "async",
    "function",
    "class",
    "extends",
    "static",
    "get",
    "set",
    "let",
    "const",
    "var",
    "if",
    "else",
    "for",
    "while",
    "do",
    "return",
    "throw",
    "try",
    "catch",
    "switch",
    "case",
    "default",
    "break",
    "import",
    "export",
    "from",
    "as",
    "super",
    "this",
    "null",
    "#a",
    "@a",
    "\\",
    "\u{e9}",
    "\u{2028}",
    "import.meta",
    "import('a')",
    "=> {}",
    "()",
    "{}",
    "[]",
    "= 1",
    "${",
    "`",
    "'",
    "\"",
    "eval",
    "arguments",
    "using",
    "new.target",
    "0",
];

#[derive(Debug, Clone)]
enum Break {
    Remove(prop::sample::Index),
    Insert(prop::sample::Index, usize),
    Replace(prop::sample::Index, usize),
    Swap(prop::sample::Index),
    Cut(prop::sample::Index, prop::sample::Index),
}

fn breaks() -> impl Strategy<Value = Vec<Break>> {
    let index = any::<prop::sample::Index>;
    let piece = 0..PIECES.len();
    let one = prop_oneof![
        index().prop_map(Break::Remove),
        (index(), piece.clone()).prop_map(|(at, piece)| Break::Insert(at, piece)),
        (index(), piece).prop_map(|(at, piece)| Break::Replace(at, piece)),
        index().prop_map(Break::Swap),
        (index(), index()).prop_map(|(from, to)| Break::Cut(from, to)),
    ];
    prop::collection::vec(one, 1..4)
}

/// Roughly the tokens of a source: words, spaces, and single signs.
fn tokens(source: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let class = |character: char| match character {
            character if character.is_alphanumeric() || character == '_' => 0,
            character if character.is_whitespace() => 1,
            _ => 2,
        };
        let length = if class(first) == 2 {
            first.len_utf8()
        } else {
            rest.find(|character| class(character) != class(first))
                .unwrap_or(rest.len())
        };
        tokens.push(&rest[..length]);
        rest = &rest[length..];
    }
    tokens
}

fn broken(source: &str, breaks: &[Break]) -> String {
    let mut tokens = tokens(source);
    for one in breaks {
        let count = tokens.len();
        if count < 2 {
            break;
        }
        match one {
            Break::Remove(at) => {
                tokens.remove(at.index(count));
            }
            Break::Insert(at, piece) => tokens.insert(at.index(count), PIECES[*piece]),
            Break::Replace(at, piece) => tokens[at.index(count)] = PIECES[*piece],
            Break::Swap(at) => {
                let at = at.index(count - 1);
                tokens.swap(at, at + 1);
            }
            Break::Cut(from, to) => {
                let (from, to) = (from.index(count), to.index(count));
                let (from, to) = (from.min(to), from.max(to).min(from.min(to) + 12));
                tokens.drain(from..to);
            }
        }
    }
    tokens.concat()
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn broken_modules_are_agreed_on(file in 0..EVERYDAY.len(), part in any::<prop::sample::Index>(), breaks in breaks()) {
        let parts: Vec<&str> = EVERYDAY[file].split("\n\n").collect();
        agreed(&broken(parts[part.index(parts.len())], &breaks));
    }

    #[test]
    fn pieces_in_a_row_are_agreed_on(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..12)) {
        agreed(&pieces.concat());
        agreed(&pieces.join(" "));
    }
}

/// Every script below a folder, `.min.js` and CommonJS too.
fn scripts(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            scripts(&path, found);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "js" || extension == "mjs")
        {
            found.push(path);
        }
    }
}

#[test]
fn real_packages_are_agreed_on() {
    let packages = radpack_testkit::npm_packages().unwrap();
    let mut files = Vec::new();
    scripts(packages.root(), &mut files);
    let mut answered = 0;
    for file in &files {
        let source = std::fs::read_to_string(file).unwrap();
        answered += usize::from(agreed(&source).is_some());
        // Cut short, and with a piece in the middle.
        let middle = source.floor_char_boundary(source.len() / 2);
        agreed(&source[..middle]);
        let piece = PIECES[source.len() % PIECES.len()];
        agreed(&[&source[..middle], piece, &source[middle..]].concat());
    }
    assert!(files.len() > 900, "{}", files.len());
    assert!(
        answered * 100 >= files.len() * 95,
        "{answered} of {} are answered",
        files.len()
    );
}
