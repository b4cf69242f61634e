//! What a text is by its syntax.

use crate::module::{Syntax, detect};

fn kind(source: &str) -> &'static str {
    match detect(source, "m.js") {
        Ok(Syntax::Module(_)) => "module",
        Ok(Syntax::Undecided(_)) => "undecided",
        Ok(Syntax::Other(_)) => "other",
        Err(_) => "broken",
    }
}

#[test]
fn kinds_of_texts() {
    let table: &[(&str, &str)] = &[
        ("import 'a'", "module"),
        ("export {}", "module"),
        ("import.meta.url", "module"),
        ("\u{FEFF}export {}", "module"),
        ("", "undecided"),
        ("module.exports = 1", "undecided"),
        ("import('a')", "undecided"),
        ("await a", "undecided"),
        ("// import 'a'", "undecided"),
        // what only strict mode forbids, the parser lets pass
        ("with (a) b", "undecided"),
        ("a = 010", "undecided"),
        ("var let = 1, yield = 2", "undecided"),
        ("function f(a, a) { arguments = 1 }", "undecided"),
        // sloppy scripts
        ("var await = 1; await\n(1)", "other"),
        ("<!-- a\nb", "other"),
        ("a\n--> b", "other"),
        ("return 1", "other"),
        // no JavaScript
        ("{ \"a\": 1 }", "other"),
        ("{ \"import\": 1, \"export\": 2 }", "other"),
        ("a { color: red }", "other"),
        ("@import 'a.css';\nb { c: d }", "other"),
        ("\0\u{1}\u{2}", "other"),
        ("<html>export it</html>", "other"),
        ("let a: string = 1", "other"),
        ("a = <b>c</b>", "other"),
        // modules, but broken
        ("import 'a'; (", "broken"),
        ("export {}; var await = 1", "broken"),
        ("(\nexport {}", "broken"),
        ("} import { a } from 'a'", "broken"),
        ("import 'a' with { b: 'c' }", "broken"),
        ("import React from 'react'; export default <a/>", "broken"),
        ("let a: string = 1\nexport default a", "broken"),
    ];
    for (source, expected) in table {
        assert_eq!(kind(source), *expected, "{source:?}");
    }
}
