//! Errors that follow the grammar.

use crate::module::{ModuleErrorKind, check, read};

#[test]
fn early_errors_have_their_place() {
    let table = [
        (
            "let a;\nlet a",
            "2:5: Identifier `a` has already been declared",
        ),
        (
            "import a from 'x'; let a",
            "1:24: Identifier `a` has already been declared",
        ),
        (
            "import { a, a } from 'x'",
            "1:13: Identifier `a` has already been declared",
        ),
        (
            "function f(a, a) {}",
            "1:15: Identifier `a` has already been declared",
        ),
        (
            "let a; var a",
            "1:12: Identifier `a` has already been declared",
        ),
        ("export { b };", "1:10: Export 'b' is not defined"),
        (
            "import { eval } from 'x'",
            "1:10: Cannot assign to 'eval' in strict mode",
        ),
        (
            "var a; delete a",
            "1:15: Delete of an unqualified identifier in strict mode.",
        ),
        (
            "010",
            "1:1: '0'-prefixed octal literals and octal escape sequences are deprecated",
        ),
        ("yield = 1", "1:1: The keyword 'yield' is reserved"),
        ("let let = 1", "1:5: The keyword 'let' is reserved"),
        ("a;\nbreak", "2:1: Illegal break statement"),
        (
            "continue",
            "1:1: Illegal continue statement: no surrounding iteration statement",
        ),
        ("for (;;) continue a", "1:19: Use of undefined label"),
        ("a: a: 1", "1:4: Label `a` has already been declared"),
        (
            "class A { constructor() {} constructor() {} }",
            "1:28: Multiple constructor implementations are not allowed.",
        ),
        (
            "class A { #a; #a }",
            "1:15: Identifier `#a` has already been declared",
        ),
        (
            "a.#b",
            "1:3: Private identifier '#b' is not allowed outside class bodies",
        ),
        ("with (a) {}", "1:1: 'with' statements are not allowed"),
        (
            "{ import 'x' }",
            "1:3: 'import statement' declaration can only be used at the top level of a module",
        ),
        (
            "a = /(/",
            "1:6: Invalid regular expression: Unterminated capturing group",
        ),
        (
            "((a)) => 1",
            "1:6: Expected a semicolon or an implicit semicolon after a statement, but found none",
        ),
        (
            "\u{FEFF}/* \u{1F600} */ break",
            "1:10: Illegal break statement",
        ),
    ];
    for (source, message) in table {
        let error = check(source, "m.js").expect_err(source);
        assert_eq!(error.kind(), ModuleErrorKind::Syntax, "{source:?}");
        assert_eq!(error.to_string(), format!("m.js:{message}"), "{source:?}");
    }
    let error = check("let a, a, b;\nbreak;\nlet b", "m.js").unwrap_err();
    assert_eq!(
        error.to_string(),
        "m.js:1:8: Identifier `a` has already been declared (and 2 more errors)"
    );
}

#[test]
fn what_only_looks_wrong_is_none() {
    for source in [
        "",
        "var a; var a",
        "function a() {} { function a() {} let b; { let b } }",
        "try {} catch (a) { var a }",
        "export { a }; var a",
        "export { a as default, a as b }; function a() {}",
        "export { x as default } from 'x'; export * as y from 'x'; import 'x'",
        "undefined = 1; a = undeclared",
        "a: { break a } b: for (;;) continue b",
        "a: 1; a: 1",
        "class A { #a; static b(c) { return #a in c && c.#a } }",
        "class A extends B { constructor() { super() } static { super.x } }",
        "a = { __proto__: 1, ['__proto__']: 2, b: 1, b: 2 }",
        "a = /(?<y>.)|(?<y>.)/v; b = /[[a-z]--[aeiou]]/v; c = /(?<=a)b(?!c)/dgimsuy",
        "await 1; for await (const a of b);",
        "#!/usr/bin/env node\nimport.meta.url",
        "({ a: b, ...c } = d); [e = 1, , ...f] = g",
        "function f(a = 1, { b }, [c]) { 'no directive'; var d }",
        "async function* f() { yield await 1 } label: { }",
    ] {
        assert_eq!(read(source, "m.js").err(), None, "{source:?}");
        assert_eq!(check(source, "m.js"), Ok(()), "{source:?}");
    }
}
