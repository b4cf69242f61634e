//! Sources and the facts that reading finds in them.

use crate::module::{ImportKind, Module, ModuleErrorKind, read};

/// One line per fact, in the order imports, exports, stars, computed imports, source map.
fn facts(source: &str) -> Vec<String> {
    let module = read(source, "m.js").unwrap_or_else(|error| panic!("{source:?}: {error}"));
    check_spans(source, &module);
    let mut facts = Vec::new();
    for import in &module.imports {
        let kind = match import.kind {
            ImportKind::Static => "static",
            ImportKind::Dynamic => "dynamic",
            ImportKind::Url => "url",
        };
        let json = if import.attribute_json { " json" } else { "" };
        facts.push(format!("{kind} {}{json}", import.specifier));
    }
    facts.extend(
        module
            .exports
            .names
            .iter()
            .map(|name| format!("export {name}")),
    );
    facts.extend(
        module
            .exports
            .stars
            .iter()
            .map(|specifier| format!("star {specifier}")),
    );
    facts.extend(
        module
            .computed_imports
            .iter()
            .map(|position| format!("computed {position}")),
    );
    facts.extend(
        module
            .source_map
            .iter()
            .map(|reference| format!("map {}", reference.url)),
    );
    if !module.has_module_syntax {
        facts.push("no module syntax".to_owned());
    }
    facts
}

/// Spans are of whole literals, positions are theirs, and imports come in order.
fn check_spans(source: &str, module: &Module) {
    let mut last = 0;
    for import in &module.imports {
        let literal = &source[import.span.start as usize..import.span.end as usize];
        let quote = literal.chars().next().unwrap();
        assert!(
            "\"'`".contains(quote) && literal.len() >= 2 && literal.ends_with(quote),
            "{source:?}: {literal:?}"
        );
        assert!(import.span.start >= last, "{source:?}: out of order");
        last = import.span.end;
        let before = source[..import.span.start as usize].trim_start_matches('\u{FEFF}');
        let before = before.replace("\r\n", "\n");
        let lines: Vec<&str> = before.split(['\n', '\r', '\u{2028}', '\u{2029}']).collect();
        let column = lines.last().unwrap().encode_utf16().count() + 1;
        assert_eq!(
            (
                import.position.line as usize,
                import.position.column as usize
            ),
            (lines.len(), column),
            "{source:?}"
        );
    }
}

#[test]
fn facts_of_sources() {
    let table: &[(&str, &[&str])] = &[
        ("", &["no module syntax"]),
        ("import 'a'", &["static a"]),
        ("import a from 'a'", &["static a"]),
        ("import * as a from \"a\";", &["static a"]),
        (
            "import a, { b as c, default as d, 'e f' as g } from 'a'",
            &["static a"],
        ),
        ("import a, * as b from 'a'", &["static a"]),
        ("import {} from 'a'", &["static a"]),
        ("import{a}from'a'", &["static a"]),
        (
            "import 'a';import 'a';import 'b'",
            &["static a", "static a", "static b"],
        ),
        ("import defer * as a from 'a'", &["static a"]),
        ("import defer from 'a'", &["static a"]),
        ("import source from 'a'", &["static a"]),
        ("import from from 'a'", &["static a"]),
        ("import/**/'a'/**/;", &["static a"]),
        ("import // 'x'\n'a'", &["static a"]),
        ("/* import 'x' */ import 'a' // import 'y'", &["static a"]),
        ("'import \"x\"'; import 'a'", &["static a"]),
        ("`import 'x'`; import 'a'", &["static a"]),
        ("/import 'x'/; import 'a'", &["static a"]),
        // re-exports
        ("export * from 'a'", &["static a", "star a"]),
        ("export * as ns from 'a'", &["static a", "export ns"]),
        ("export * as 'n s' from 'a'", &["static a", "export n s"]),
        (
            "export * as default from 'a'",
            &["static a", "export default"],
        ),
        ("export { a } from 'a'", &["static a", "export a"]),
        (
            "export { default } from 'a'",
            &["static a", "export default"],
        ),
        (
            "export { default as b, c as 'd e', 'f' as g } from 'a'",
            &["static a", "export b", "export d e", "export g"],
        ),
        ("export {} from 'a'", &["static a"]),
        ("export { if } from 'a'", &["static a", "export if"]),
        (
            "import { a } from 'a'; export { a, a as b }",
            &["static a", "export a", "export b"],
        ),
        (
            "export { a }; import { a } from 'a'",
            &["static a", "export a"],
        ),
        (
            "import * as a from 'a'; export { a }",
            &["static a", "export a"],
        ),
        (
            "import a from 'a'; export default a",
            &["static a", "export default"],
        ),
        (
            "export * from 'b'; export * from 'a'",
            &["static b", "static a", "star b", "star a"],
        ),
        // local exports
        ("export {}", &[]),
        ("export default 1", &["export default"]),
        ("export default function () {}", &["export default"]),
        ("export default function f() {}", &["export default"]),
        ("export default async function* f() {}", &["export default"]),
        ("export default class {}", &["export default"]),
        ("export default class A extends B {}", &["export default"]),
        ("export default async () => {}", &["export default"]),
        ("export default { a: 1 }", &["export default"]),
        ("export default [1]", &["export default"]),
        ("export default (a, b)", &["export default"]),
        ("export const a = 1, b = 2", &["export a", "export b"]),
        (
            "export let { a, b: c, d: { e }, ...f } = g, [h, , i = 1, ...j] = k",
            &[
                "export a", "export c", "export e", "export f", "export h", "export i", "export j",
            ],
        ),
        ("export var a", &["export a"]),
        ("export function f() {}", &["export f"]),
        ("export async function f() {}", &["export f"]),
        ("export function* f() {}", &["export f"]),
        ("export class A {}", &["export A"]),
        ("let a; export { a as default }", &["export default"]),
        ("let a; export { a as 'b c' }", &["export b c"]),
        ("let \u{e9}; export { \u{e9} }", &["export \u{e9}"]),
        ("export { \\u0061 }; var a", &["export a"]),
        // import attributes
        (
            "import a from './a.json' with { type: 'json' }",
            &["static ./a.json json"],
        ),
        (
            "import a from './a.json' with { 'type': \"json\", }",
            &["static ./a.json json"],
        ),
        (
            "import a from './a.json'with{type:'json'};",
            &["static ./a.json json"],
        ),
        (
            "import a from './a.json' assert { type: 'json' }",
            &["static ./a.json json"],
        ),
        ("import a from './a.js' with {}", &["static ./a.js"]),
        (
            "export { default } from './a.json' with { type: 'json' }",
            &["static ./a.json json", "export default"],
        ),
        (
            "export * from './a.json' with { type: 'json' }",
            &["static ./a.json json", "star ./a.json"],
        ),
        // dynamic imports
        ("import('a')", &["dynamic a", "no module syntax"]),
        (
            "import(\"a\").then(a => a)",
            &["dynamic a", "no module syntax"],
        ),
        ("import(`a`)", &["dynamic a", "no module syntax"]),
        ("import ( 'a' , )", &["dynamic a", "no module syntax"]),
        ("import(('a'))", &["dynamic a", "no module syntax"]),
        ("import((('a')),)", &["dynamic a", "no module syntax"]),
        (
            "import(/* webpackIgnore: true */ 'a')",
            &["dynamic a", "no module syntax"],
        ),
        (
            "import(/* ) */ 'a' /* , { */)",
            &["dynamic a", "no module syntax"],
        ),
        (
            "import( // (\n 'a' // )\n)",
            &["dynamic a", "no module syntax"],
        ),
        ("import.defer('a')", &["dynamic a", "no module syntax"]),
        ("import('a', {})", &["dynamic a", "no module syntax"]),
        (
            "import('a', { with: {} })",
            &["dynamic a", "no module syntax"],
        ),
        (
            "import('./a.json', { with: { type: 'json' } })",
            &["dynamic ./a.json json", "no module syntax"],
        ),
        (
            "import('./a.json', { 'with': { \"type\": \"json\", }, }, )",
            &["dynamic ./a.json json", "no module syntax"],
        ),
        (
            "import(('./a.json'),{with:{type:'json'}})",
            &["dynamic ./a.json json", "no module syntax"],
        ),
        ("import(a)", &["computed 1:1", "no module syntax"]),
        (
            "x;\n import('a' + b)",
            &["computed 2:2", "no module syntax"],
        ),
        ("import('a' + 'b')", &["computed 1:1", "no module syntax"]),
        ("import(`a${b}`)", &["computed 1:1", "no module syntax"]),
        ("import(`${`a`}`)", &["computed 1:1", "no module syntax"]),
        ("import(b`a`)", &["computed 1:1", "no module syntax"]),
        ("import('a'.b)", &["computed 1:1", "no module syntax"]),
        (
            "import('a', ) + import(b, c)",
            &["dynamic a", "computed 1:17", "no module syntax"],
        ),
        (
            "import(import('a'))",
            &["dynamic a", "computed 1:1", "no module syntax"],
        ),
        (
            "(a = import('a')) => 1; (import('b')); async (c = import('d')) => e",
            &["dynamic a", "dynamic b", "dynamic d", "no module syntax"],
        ),
        (
            "a ? (import('b')) : c => import('d')",
            &["dynamic b", "dynamic d", "no module syntax"],
        ),
        (
            "({ [import('a')]: import('b').c } = d)",
            &["dynamic a", "dynamic b", "no module syntax"],
        ),
        (
            "`${import('a')}`; /import('x')/; 'import(\"y\")'; a.import('z')",
            &["dynamic a", "no module syntax"],
        ),
        (
            "({ import() {} }); class A { import(a) {} #import(b) { this.#import('c') } }",
            &["no module syntax"],
        ),
        // import.meta and new URL
        ("import.meta", &[]),
        ("new URL('./a.png', import.meta.url)", &["url ./a.png"]),
        ("new URL(`./a.png`, import.meta.url).href", &["url ./a.png"]),
        (
            "new URL ( \"./a.png\" , import.meta.url , )",
            &["url ./a.png"],
        ),
        (
            "new/* ( */URL/**/(/*'x',*/'./a.png'/**/,/**/import/**/./**/meta/**/./**/url/**/)",
            &["url ./a.png"],
        ),
        (
            "new // x  \n URL( // \"  \n './a.png', // ,  \n import.meta.url)",
            &["url ./a.png"],
        ),
        (
            "new Worker(new URL('./w.js', import.meta.url), { type: 'module' })",
            &["url ./w.js"],
        ),
        ("f(...new URL('a', import.meta.url))", &["url a"]),
        ("x = a => new URL('a', import.meta.url)", &["url a"]),
        ("(a = new URL('a', import.meta.url)) => 1", &["url a"]),
        ("`${new URL(`a`, import.meta.url)}`", &["url a"]),
        ("new URL('it\\'s', import.meta.url)", &["url it's"]),
        ("new URL('\\\\', import.meta.url)", &["url \\"]),
        ("new URL('a', import.meta.url, 1)", &[]),
        ("new URL(b, import.meta.url)", &[]),
        ("new URL('a' + 'b', import.meta.url)", &[]),
        ("new URL(`a${b}`, import.meta.url)", &[]),
        ("new URL(`${`a`}`, import.meta.url)", &[]),
        ("`${`new URL(`}`, import.meta.url", &[]),
        ("new URL('a', import.meta.url + 'b')", &[]),
        ("new URL('a', import.meta.urls)", &[]),
        ("new URL('a', import.meta.env)", &[]),
        ("new URL('a', import.meta)", &[]),
        ("new URL('a', b, import.meta.url)", &[]),
        ("new URL(('a', import.meta.url))", &[]),
        ("URL('a', import.meta.url)", &[]),
        ("renew\nURL('a', import.meta.url)", &[]),
        ("a.new\nURL('a', import.meta.url)", &[]),
        ("a?.new\nURL('a', import.meta.url)", &[]),
        ("new a.URL('a', import.meta.url)", &[]),
        ("new MyURL('a', import.meta.url)", &[]),
        ("// new URL('a',\nimport.meta.url", &[]),
        ("f(// new URL(\n'a', import.meta.url)", &[]),
        ("f(\"new URL('a',\", import.meta.url)", &[]),
        ("f('new URL(\"', '\",', import.meta.url)", &[]),
        ("f(/new URL('a',/, import.meta.url)", &[]),
        ("f(`new URL('a',`, import.meta.url)", &[]),
        ("f(\"\\\"new URL(\\\"\", import.meta.url)", &[]),
        // escapes
        ("import '\\x61\\u0062\\u{63}\\\nd'", &["static abcd"]),
        ("import('\\x61')", &["dynamic a", "no module syntax"]),
        (
            "import(`\\x61\r\nb\\`c`)",
            &["dynamic a\nb`c", "no module syntax"],
        ),
        ("import(`a\\\r\nb`)", &["dynamic ab", "no module syntax"]),
        ("import 'a\u{2028}b'", &["static a\u{2028}b"]),
        ("import ''", &["static "]),
        ("import('')", &["dynamic ", "no module syntax"]),
        // places
        ("\u{FEFF}import 'a'", &["static a"]),
        (
            "\u{FEFF}#!/usr/bin/env node\nimport 'a'; import('b')",
            &["static a", "dynamic b"],
        ),
        ("#!/usr/bin/env node\nimport 'a'", &["static a"]),
        ("#!import 'x'", &["no module syntax"]),
        ("a\r\nb\rc\nd\u{2028}e\u{2029}import 'a'", &["static a"]),
        (
            "/* \u{1F600} */ import 'a'; '\u{1F600}\u{e9}'; import 'b'; import(c)",
            &["static a", "static b", "computed 1:41"],
        ),
        ("// \u{1F600}\r\n\r\n\timport 'a'\r\n", &["static a"]),
        // source maps
        (
            "a //# sourceMappingURL=a.js.map",
            &["map a.js.map", "no module syntax"],
        ),
        (
            "a\n//# sourceMappingURL=a.js.map\n",
            &["map a.js.map", "no module syntax"],
        ),
        (
            "a\n//@ sourceMappingURL=a.js.map",
            &["map a.js.map", "no module syntax"],
        ),
        (
            "a /*# sourceMappingURL=a.js.map */",
            &["map a.js.map", "no module syntax"],
        ),
        (
            "a /*# sourceMappingURL=a.js.map */ /* b */ // c",
            &["map a.js.map", "no module syntax"],
        ),
        (
            "//# sourceMappingURL=a.js.map\n//# sourceMappingURL=b.js.map",
            &["map b.js.map", "no module syntax"],
        ),
        (
            "a\n//#   sourceMappingURL=data:application/json;base64,e30=  ",
            &["map data:application/json;base64,e30=", "no module syntax"],
        ),
        ("//# sourceMappingURL=a.js.map\na", &["no module syntax"]),
        (
            "'use strict' //# sourceMappingURL=a.js.map",
            &["map a.js.map", "no module syntax"],
        ),
        (
            "//# sourceMappingURL=a.js.map\n'use strict'",
            &["no module syntax"],
        ),
        ("a\n//# sourceMappingURL=", &["no module syntax"]),
        ("a\n//# sourceMappingURL=a b", &["no module syntax"]),
        ("a\n// # sourceMappingURL=a", &["no module syntax"]),
        ("'//# sourceMappingURL=a.js.map'", &["no module syntax"]),
        ("`\n//# sourceMappingURL=a.js.map\n`", &["no module syntax"]),
        // what is plain and parses
        ("module.exports = require('a')", &["no module syntax"]),
        ("await a", &["no module syntax"]),
        (
            "for await (const a of b) import('c')",
            &["dynamic c", "no module syntax"],
        ),
        ("using a = b;", &["no module syntax"]),
        (
            "@a class A { @b c; static { this.d } #e = 1; static async *f() { yield* import('g') } }",
            &["dynamic g", "no module syntax"],
        ),
    ];
    assert!(table.len() > 150, "{}", table.len());
    for (source, expected) in table {
        assert_eq!(facts(source), *expected, "{source:?}");
    }
}

/// `file:line:column: message` of what reading a source ends with.
#[track_caller]
fn error(source: &str) -> (ModuleErrorKind, String) {
    let error = read(source, "m.js").expect_err(source);
    (error.kind(), error.to_string())
}

#[test]
fn errors_say_what_and_where() {
    use ModuleErrorKind::{Syntax, Unsupported};
    let table: &[(&str, ModuleErrorKind, &str)] = &[
        ("(", Syntax, "m.js:1:2: Expected `)` but found `EOF`"),
        (
            "a b",
            Syntax,
            "m.js:1:2: Expected a semicolon or an implicit semicolon after a statement, but found none",
        ),
        (
            "\u{FEFF}\u{1F600}",
            Syntax,
            "m.js:1:1: Invalid Character `\u{1F600}`",
        ),
        (
            "/* \u{1F600} */ '' =",
            Syntax,
            "m.js:1:10: Cannot assign to this expression",
        ),
        (
            "import a from './a.css' with { type: 'css' }",
            Unsupported,
            "m.js:1:32: the import attribute `type: \"css\"` is not supported, only `type: \"json\"` is",
        ),
        (
            "import a from './a' with { type: 'json', b: 'c' }",
            Unsupported,
            "m.js:1:42: the import attribute `b: \"c\"` is not supported, only `type: \"json\"` is",
        ),
        (
            "export * from './a' with { b: 'c' }",
            Unsupported,
            "m.js:1:28: the import attribute `b: \"c\"` is not supported, only `type: \"json\"` is",
        ),
        (
            "\nimport('a', { with: { type: 'css' } })",
            Unsupported,
            "m.js:2:13: the only options of import() that are supported are `{ with: { type: \"json\" } }`",
        ),
        (
            "import('a', b)",
            Unsupported,
            "m.js:1:13: the only options of import() that are supported are `{ with: { type: \"json\" } }`",
        ),
        (
            "import('a', { with: { type: 'json' }, b: c })",
            Unsupported,
            "m.js:1:13: the only options of import() that are supported are `{ with: { type: \"json\" } }`",
        ),
        (
            "import source a from 'a'",
            Unsupported,
            "m.js:1:1: source phase imports are not supported: what they name is no ES module",
        ),
        (
            "a; import/**/.source('a')",
            Unsupported,
            "m.js:1:4: source phase imports are not supported: what they name is no ES module",
        ),
        (
            "import '\\ud800'",
            Unsupported,
            "m.js:1:8: this specifier holds a lone surrogate, so no file can be meant",
        ),
        (
            "import('\\ud800')",
            Unsupported,
            "m.js:1:8: this specifier holds a lone surrogate, so no file can be meant",
        ),
        (
            "let a: string = 1",
            Syntax,
            "m.js:1:6: Expected a semicolon or an implicit semicolon after a statement, but found none",
        ),
        (
            "a = <b>c</b>",
            Syntax,
            "m.js:1:5: Unexpected JSX expression",
        ),
        (
            "<!-- a",
            Syntax,
            "m.js:1:1: HTML comments are not allowed in modules",
        ),
        (
            "var await",
            Syntax,
            "m.js:1:5: Cannot use `await` as an identifier in an async context",
        ),
        (
            "export { a, a }; var a",
            Syntax,
            "m.js:1:10: Duplicated export 'a'",
        ),
        (
            "export default 1; export default 2",
            Syntax,
            "m.js:1:8: A module cannot have multiple default exports.",
        ),
        (
            "return 1",
            Syntax,
            "m.js:1:1: A 'return' statement can only be used within a function body.",
        ),
    ];
    for (source, kind, message) in table {
        let (found_kind, found) = error(source);
        assert_eq!(found_kind, *kind, "{source:?}: {found}");
        assert_eq!(found, *message, "{source:?}");
    }
}

#[test]
fn the_first_error_is_told_and_the_others_counted() {
    let found = read("\nvar await;\nvar await\nvar await", "m.js").unwrap_err();
    assert_eq!(found.others(), 2);
    assert_eq!(
        found.to_string(),
        "m.js:2:5: Cannot use `await` as an identifier in an async context (and 2 more errors)"
    );
}

#[test]
fn line_ends_do_not_change_what_is_read() {
    let source = "/* a\n*/ import 'a';\n\nexport * from 'b' // c\nexport {\n  d\n} from 'd'\nimport('e',\n)\n";
    let read = |end: &str| {
        let module = read(&source.replace('\n', end), "m.js").unwrap();
        let imports: Vec<_> = module
            .imports
            .into_iter()
            .map(|import| (import.kind, import.specifier, import.position))
            .collect();
        (imports, module.exports)
    };
    for end in ["\r\n", "\r", "\u{2028}", "\u{2029}"] {
        assert_eq!(read("\n"), read(end), "{end:?}");
    }
}
