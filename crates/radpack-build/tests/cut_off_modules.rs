//! Texts that end where no module ends, and texts in which nothing ends: each is read, or refused, in time by its length.

use radpack_build::module::{ModuleErrorKind, Syntax, detect, read};

/// Between them they have every kind of token.
const TEXTS: [&str; 6] = [
    "import a, { b as c } from \"./a.js\"; export * as d from 'd'; export { x as \"y z\" } from `z`;",
    "a.b?.c.#d; x = a ?. [0]; y = 1.e3 / .5; z = a ?? b ** -c; @e.f class G { static #h = 1; static { } }\n--> i",
    "const r = /[/\\]]\\/(?<n>x)/giu, d = a / b / c; if (r) /x/.test(`t${`n${1}`}\\``); <!-- html",
    "export default async function* f({ a = [1, ...b] } = {}) { for await (const x of y) yield* import.meta.url; }",
    "/* c */ // d\r\nimport data from \"\\u{1F600}\" with { type: 'json' }; new URL(\"./w.js\", import.meta.url)\u{2028}// e",
    "\u{feff}#!/usr/bin/env node\nlabel: do { switch (a) { case 1: break label; default: } } while (0) //# sourceMappingURL=a.map",
];

#[test]
fn every_beginning_of_a_text() {
    let mut modules = 0;
    for text in TEXTS {
        for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
            let text = &text[..end];
            match (read(text, "cut.js"), detect(text, "cut.js")) {
                (Ok(module), Ok(Syntax::Module(same) | Syntax::Undecided(same))) => {
                    assert_eq!(module, same);
                    modules += 1;
                }
                (Err(error), Ok(Syntax::Other(same)) | Err(same)) => assert_eq!(error, same),
                (read, detected) => {
                    panic!("{text:?} is read as {read:?}, detected as {detected:?}")
                }
            }
        }
    }
    assert!(modules > 50, "some beginnings are whole: {modules}");
}

/// The look ahead for the name behind the dot once went on behind the text's end, for ever.
#[test]
fn a_dot_and_a_hash_at_the_end() {
    for text in [
        ".",
        "#",
        "a.",
        "a?.",
        "a.#",
        "...",
        "a. \n/**/",
        "export default a.//",
    ] {
        let error = read(text, "cut.js").expect_err(text);
        assert_eq!(error.kind(), ModuleErrorKind::Syntax, "{text:?}");
    }
}

/// Each slash looks like the beginning of a regular expression, each of which would end at the text's end.
#[test]
fn slashes_without_end() {
    for text in ["/[\\],", "{}/[\\],", "(/[\\])/[\\],", "=/\\/"] {
        let long = text.repeat((1 << 20) / text.len());
        let error = read(&long, "long.js").expect_err(text);
        let kinds = [ModuleErrorKind::Syntax, ModuleErrorKind::TooLarge];
        assert!(kinds.contains(&error.kind()), "{text:?}: {error}");
    }
}
