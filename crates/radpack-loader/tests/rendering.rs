//! Running what was loaded: real packages, in QuickJS.

use std::collections::BTreeMap;

use radpack_build::Build;
use radpack_loader::Radpack;
use radpack_loader::quickjs::Modules;
use rquickjs::{CatchResultExt as _, Context, Module, Runtime, Value};

#[path = "../examples/render_preact.rs"]
#[allow(dead_code, reason = "its main is the example's")]
mod example;

#[tokio::test]
async fn renders_real_preact() {
    let scratch = tempfile::tempdir().unwrap();
    let register = example::build(scratch.path()).unwrap();
    assert_eq!(
        example::render(&register).await.unwrap(),
        "<section class=\"cart\"><h1>Your cart</h1><ul><li>lamp: 40</li><li>chair &amp; table: 260</li></ul>\
         <p>Total: <b>300</b></p></section>"
    );
}

/// Builds small packages into one register and loads some ids of it.
async fn loaded(packages: &[&[(&str, &str)]], ids: &[&str]) -> Modules {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("out");
    for (number, files) in packages.iter().enumerate() {
        let folder = scratch.path().join(number.to_string());
        for (file, text) in *files {
            let path = folder.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Build::new(folder).out(&out).run().unwrap();
    }
    let register = out.join("radpack.json");
    let radpack = Radpack::builder()
        .register(register.as_path())
        .build()
        .await
        .unwrap();
    let mut modules = Modules::new();
    for id in ids {
        modules.add(*id, &radpack.load(id).await.unwrap());
    }
    modules
}

/// Runs a module; what it leaves as `globalThis.result`, as text, or what it throws.
fn run(modules: &Modules, source: &str) -> Result<String, String> {
    let runtime = Runtime::new().unwrap();
    runtime.set_loader(modules.clone(), modules.clone());
    let context = Context::full(&runtime).unwrap();
    context.with(|context| {
        let run = || -> rquickjs::Result<String> {
            Module::evaluate(context.clone(), "test", source)?.finish::<()>()?;
            let result: Value<'_> = context.globals().get("result")?;
            let text = context.json_stringify(result)?;
            text.map_or(Ok(String::new()), |text| text.to_string())
        };
        run().catch(&context).map_err(|error| error.to_string())
    })
}

const COLORS_1: &[(&str, &str)] = &[
    (
        "package.json",
        r#"{"name":"colors","version":"1.0.0","type":"module","exports":"./index.js"}"#,
    ),
    (
        "index.js",
        "export const name = 'one'; export const count = { value: 0 };",
    ),
];
const COLORS_2: &[(&str, &str)] = &[
    (
        "package.json",
        r#"{"name":"colors","version":"2.0.0","type":"module","exports":"./index.js"}"#,
    ),
    ("index.js", "export const name = 'two';"),
];
const OLD: &[(&str, &str)] = &[
    (
        "package.json",
        r#"{"name":"old","version":"1.0.0","type":"module","exports":{".":"./index.js","./data":"./data.js","./cycle":"./a.js"},
            "dependencies":{"colors":"^1.0.0"}}"#,
    ),
    (
        "index.js",
        "import { name, count } from 'colors'; import { part } from './lib/part.js'; count.value += 1; \
         export default `${name} ${part} ${count.value}`; export const later = () => import('./later.js');",
    ),
    (
        "lib/part.js",
        "import { suffix } from '../suffix.js'; export const part = 'part' + suffix;",
    ),
    ("suffix.js", "export const suffix = '!';"),
    ("later.js", "export default 'later';"),
    (
        "data.js",
        "import data from './data.json' with { type: 'json' }; export default data;",
    ),
    (
        "data.json",
        r#"{"quote":"\" + throw \u2028","__proto__":{"x":1}}"#,
    ),
    (
        "a.js",
        "import { b } from './b.js'; export const a = () => 'a' + b(); export const end = () => '.';",
    ),
    (
        "b.js",
        "import { end } from './a.js'; export const b = () => 'b' + end();",
    ),
];

#[tokio::test]
async fn imports_lead_where_their_graph_says() {
    let modules = loaded(
        &[COLORS_1, OLD, COLORS_2],
        &["old", "colors@^2", "colors@^1"],
    )
    .await;
    let source = "import old from 'old'; import * as two from 'colors@^2'; import * as one from 'colors@1.0.0'; \
                  globalThis.result = [old, two.name, one.name, one.count.value];";
    // `old` has colors 1, and so has everyone who asks for it: one module, one count.
    assert_eq!(
        run(&modules, source).unwrap(),
        r#"["one part! 1","two","one",1]"#
    );
}

#[tokio::test]
async fn cycles_and_json_work() {
    let modules = loaded(&[COLORS_1, OLD], &["old/cycle", "old/data"]).await;
    let source = "import { a } from 'old/cycle'; import data from 'old/data'; \
                  globalThis.result = [a(), data.quote, Object.keys(data).length];";
    assert_eq!(
        run(&modules, source).unwrap(),
        "[\"ab.\",\"\\\" + throw \u{2028}\",2]"
    );
}

#[tokio::test]
async fn what_was_not_loaded_says_so() {
    let modules = loaded(&[COLORS_1, OLD], &["old"]).await;
    let expected = BTreeMap::from([
        ("import 'nowhere';", "nowhere"),
        ("import 'colors@^7';", "colors@^7"),
        ("import './suffix.js';", "./suffix.js"),
    ]);
    for (source, name) in expected {
        let error = run(&modules, source).unwrap_err();
        assert!(
            error.contains(name) && error.contains("it was not loaded"),
            "{error}"
        );
    }
    // A dynamic import is refused when it runs, and only then.
    let source = "import { later } from 'old'; globalThis.result = 'none'; \
                  await later().catch((error) => { globalThis.result = String(error).includes('it was not loaded'); });";
    assert_eq!(run(&modules, source).unwrap(), "true");
}

#[test]
fn nothing_is_there_at_first() {
    let modules = Modules::new();
    assert!(modules.is_empty());
    assert!(run(&modules, "import 'preact';").is_err());
}
