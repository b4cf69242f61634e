//! Server-side rendering: a Rust service loads a page with all it needs from a register, and runs it.
//!
//! ```sh
//! cargo run -p radpack-loader --example render_preact --features quickjs
//! ```
//!
//! preact and its renderer are the real packages from npm, fetched when this runs; the page is a package of two small modules, written
//! here. All three are built into one register. What the page imports as `preact` and `preact/hooks` is what the renderer imports, for
//! both lead to the same files: state would be lost otherwise, and the output shows that it is not.

use std::error::Error;
use std::fs;
use std::path::Path;

use radpack_build::Build;
use radpack_loader::quickjs::Modules;
use radpack_loader::{Integrity, Radpack};
use rquickjs::{CatchResultExt as _, Context, Function, Module, Object, Runtime};

const PACKAGE: &str = r#"{
  "name": "shop",
  "version": "2.0.0",
  "type": "module",
  "exports": { "./page": "./page.js" },
  "dependencies": { "preact": "^11.0.0", "preact-render-to-string": "^6.0.0" }
}"#;

const PAGE: &str = r#"
import { h } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { renderToString } from 'preact-render-to-string';
import { total } from './total.js';

function Cart({ items }) {
  const [title] = useState('Your cart');
  const sum = useMemo(() => total(items), [items]);
  return h('section', { class: 'cart' },
    h('h1', null, title),
    h('ul', null, items.map(({ name, price }) => h('li', { key: name }, `${name}: ${price}`))),
    h('p', null, 'Total: ', h('b', null, sum)));
}

export const render = (items) => renderToString(h(Cart, { items }));
"#;

const TOTAL: &str =
    "export const total = (items) => items.reduce((sum, { price }) => sum + price, 0);\n";

fn main() -> Result<(), Box<dyn Error>> {
    let scratch = tempfile::tempdir()?;
    let register = build(scratch.path())?;
    let html = tokio::runtime::Runtime::new()?.block_on(render(&register))?;
    println!("{html}");
    Ok(())
}

/// Builds the packages into one folder, and gives its manifest: what a pipeline does.
pub(crate) fn build(scratch: &Path) -> Result<std::path::PathBuf, Box<dyn Error>> {
    let shop = scratch.join("shop");
    fs::create_dir(&shop)?;
    for (file, text) in [
        ("package.json", PACKAGE),
        ("page.js", PAGE),
        ("total.js", TOTAL),
    ] {
        fs::write(shop.join(file), text)?;
    }
    let packages = radpack_testkit::npm_packages()?;
    let out = scratch.join("out");
    for folder in [
        packages.named("preact"),
        packages.named("preact-render-to-string"),
        shop,
    ] {
        Build::new(folder).out(&out).run()?;
    }
    Ok(out.join("radpack.json"))
}

/// Loads the page and runs it: what a service does.
pub(crate) async fn render(register: &Path) -> Result<String, Box<dyn Error>> {
    // Once, when the service starts.
    let radpack = Radpack::builder()
        .register(register)
        .integrity(Integrity::Require)
        .build()
        .await?;

    // With each request, or once for each snapshot.
    let page = radpack.load("shop@^2/page").await?;
    let mut modules = Modules::new();
    modules.add("shop@^2/page", &page);

    let runtime = Runtime::new()?;
    // What runs was verified, but it may still be wrong.
    runtime.set_memory_limit(64 << 20);
    runtime.set_max_stack_size(1 << 20);
    runtime.set_loader(modules.clone(), modules);
    let context = Context::full(&runtime)?;
    let html = context.with(|context| {
        let run = || -> rquickjs::Result<String> {
            let page: Object<'_> = Module::import(&context, "shop@^2/page")?.finish()?;
            let render: Function<'_> = page.get("render")?;
            let items = context.json_parse(
                r#"[{"name":"lamp","price":40},{"name":"chair & table","price":260}]"#,
            )?;
            render.call((items,))
        };
        run().catch(&context).map_err(|error| error.to_string())
    })?;
    Ok(html)
}
