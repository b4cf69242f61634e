//! Executing what was loaded, in QuickJS: a module resolver and loader for `rquickjs` (feature `quickjs`).
//!
//! A service that renders on its own side loads a module with all it needs, and hands it over: from there on nothing is fetched and
//! nothing is awaited. Which file an import means is answered from the graph that was loaded, so what runs is what was verified,
//! in the versions of one snapshot, whatever is released meanwhile.

use std::collections::HashMap;
use std::sync::Arc;

use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::{Ctx, Error, Module};
use url::Url;

use crate::load::{self, Loaded};

/// The modules that code may import: a resolver and a loader for a `rquickjs` runtime. Cheap to clone.
///
/// ```no_run
/// use radpack_loader::Radpack;
/// use radpack_loader::quickjs::Modules;
/// use rquickjs::{Context, Runtime};
///
/// # async fn example(radpack: &Radpack) -> Result<(), Box<dyn std::error::Error>> {
/// let page = radpack.snapshot();
/// let mut modules = Modules::new();
/// for id in ["preact@^11", "shop@^2/page"] {
///     modules.add(id, &page.load(id).await?);
/// }
/// let runtime = Runtime::new()?;
/// runtime.set_loader(modules.clone(), modules);
/// Context::full(&runtime)?.with(|context| -> rquickjs::Result<()> {
///     let source = r#"import { render } from "shop@^2/page"; globalThis.html = render();"#;
///     rquickjs::Module::evaluate(context, "render", source)?.finish::<()>()
/// })?;
/// # Ok(())
/// # }
/// ```
///
/// - Ids that were [`add`](Self::add)ed can be imported from anywhere, also pinned (`name@1.2.3/entry`).
/// - A module's own imports lead to what its graph says, even where another graph has another version of the same package: each file is
///   one module, as in a browser.
/// - A dynamic `import()` finds what is there; what was not loaded is an error that says so, for nothing is fetched here.
/// - An export without code of its own is an empty module; an entry that ends in `.json` has its value as its default export.
#[derive(Clone, Debug, Default)]
pub struct Modules {
    graphs: Arc<Graphs>,
}

#[derive(Clone, Debug, Default)]
struct Graphs {
    /// By key: the file's URL, or the pinned id of a module without one.
    modules: HashMap<Arc<str>, Item>,
    /// Ids that anyone may import, to keys.
    ids: HashMap<String, Arc<str>>,
}

#[derive(Clone, Debug)]
struct Item {
    module: load::Module,
    /// What it imports by id, to keys.
    imports: HashMap<String, Arc<str>>,
}

impl Modules {
    /// No modules yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a graph under the id by which it was asked for. An id that is there already leads to the new graph from now on; copies
    /// that a runtime has already stay as they are.
    pub fn add(&mut self, id: impl Into<String>, loaded: &Loaded) -> &mut Self {
        let graphs = Arc::make_mut(&mut self.graphs);
        let keys: Vec<Arc<str>> = loaded.modules().iter().map(key).collect();
        for (module, key) in loaded.modules().iter().zip(&keys) {
            graphs
                .ids
                .entry(module.pinned_id())
                .or_insert_with(|| Arc::clone(key));
            let imports = module
                .statics()
                .filter_map(|(id, number)| Some((id.to_owned(), Arc::clone(keys.get(number)?))));
            let imports: HashMap<String, Arc<str>> = imports.collect();
            graphs
                .modules
                .entry(Arc::clone(key))
                .or_insert_with(|| Item {
                    module: module.clone(),
                    imports,
                });
        }
        if let Some(root) = keys.last() {
            graphs.ids.insert(id.into(), Arc::clone(root));
        }
        self
    }

    /// How many modules there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.graphs.modules.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.graphs.modules.is_empty()
    }

    /// The key of what an import means.
    fn key_of(&self, base: &str, specifier: &str) -> Option<&Arc<str>> {
        let importing = self.graphs.modules.get(base);
        if let Some(key) = importing.and_then(|item| item.imports.get(specifier)) {
            return Some(key);
        }
        if specifier.starts_with("./") || specifier.starts_with("../") || specifier.starts_with('/')
        {
            let url = Url::parse(base).ok()?.join(specifier).ok()?;
            return self.known(url.as_str());
        }
        self.graphs
            .ids
            .get(specifier)
            .or_else(|| self.known(Url::parse(specifier).ok()?.as_str()))
    }

    fn known(&self, key: &str) -> Option<&Arc<str>> {
        self.graphs.modules.get_key_value(key).map(|(key, _)| key)
    }
}

/// A file is one module, by whichever ids it is reached.
fn key(module: &load::Module) -> Arc<str> {
    match module.url() {
        Some(url) => Arc::from(url),
        None => Arc::from(module.pinned_id()),
    }
}

impl Resolver for Modules {
    fn resolve<'js>(
        &mut self,
        _: &Ctx<'js>,
        base: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> rquickjs::Result<String> {
        match self.key_of(base, name) {
            Some(key) => Ok(key.to_string()),
            None => Err(Error::new_resolving_message(
                base,
                name,
                "it was not loaded: add its graph before, nothing is fetched while code runs",
            )),
        }
    }
}

impl Loader for Modules {
    fn load<'js>(
        &mut self,
        context: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> rquickjs::Result<Module<'js, Declared>> {
        let Some(item) = self.graphs.modules.get(name) else {
            return Err(Error::new_loading_message(name, "it was not loaded"));
        };
        let bytes = item.module.bytes();
        if item.module.entry().ends_with(".json") {
            let text = str::from_utf8(bytes)
                .map_err(|error| Error::new_loading_message(name, error.to_string()))?;
            // A text in which JSON can stand: whatever it holds, it is read as JSON, not run.
            let literal = serde_json::to_string(text)
                .map_err(|error| Error::new_loading_message(name, error.to_string()))?;
            return Module::declare(
                context.clone(),
                name,
                format!("export default JSON.parse({literal});"),
            );
        }
        Module::declare(context.clone(), name, bytes.as_ref())
    }
}
