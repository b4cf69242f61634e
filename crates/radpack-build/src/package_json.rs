//! Reading `package.json`: the fields that a build looks at, checked for their types.
//!
//! What `exports`, `imports` and `browser` mean is `exports.rs`' and `locate.rs`' business; here they are only known to be of
//! the right shape. A byte order mark and Windows line ends are as good as none.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Map, Value};

use crate::error::{ErrorKind, Problem, Problems};
use crate::options::EntryOption;

/// The file's name.
pub(crate) const PACKAGE_JSON: &str = "package.json";

/// How many objects and arrays within each other the JSON reader takes.
const MAX_DEPTH: usize = 127;

/// What `package.json` says, as far as a build looks at it.
#[derive(Clone, Debug, Default)]
pub(crate) struct PackageJson {
    pub(crate) name: Option<String>,
    pub(crate) version: Option<String>,
    /// Whether `type` is `module`.
    pub(crate) is_module: bool,
    pub(crate) exports: Option<Value>,
    pub(crate) imports: Map<String, Value>,
    pub(crate) module: Option<String>,
    pub(crate) main: Option<String>,
    /// `browser` where it is one file, which stands for `main`.
    pub(crate) browser_main: Option<String>,
    /// `browser` where it is a map: what to load in place of a file or package, `None` for nothing at all.
    pub(crate) browser: BTreeMap<String, Option<String>>,
    /// The spec of each dependency: peer over normal (and optional) over dev.
    pub(crate) dependencies: BTreeMap<String, String>,
    pub(crate) settings: Settings,
}

/// What stands under `radpack`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) name: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) out: Option<String>,
    /// As written: a path, a URL, a manifest, or an array of these.
    pub(crate) register: Option<Value>,
    /// `None` where the key is not there at all.
    pub(crate) entries: Option<Vec<EntryOption>>,
    pub(crate) external: Vec<String>,
    pub(crate) vars: BTreeMap<String, String>,
    pub(crate) keep_minors: Option<bool>,
    pub(crate) keep_majors: Option<bool>,
    pub(crate) keep_prereleases: Option<bool>,
    pub(crate) allow_downgrade: Option<bool>,
    pub(crate) delete_unreferenced: Option<bool>,
    pub(crate) dry_run: Option<bool>,
    /// Keys under `radpack` that mean nothing here.
    pub(crate) unknown: Vec<String>,
}

impl PackageJson {
    /// Reads the file in a package folder; `None` where there is none.
    pub(crate) fn read(folder: &Path, problems: &mut Problems) -> Option<PackageJson> {
        let path = folder.join(PACKAGE_JSON);
        match fs::read(&path) {
            Ok(bytes) => Some(PackageJson::parse(&bytes, problems)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                problems.push(Problem::io("read", &path, error));
                None
            }
        }
    }

    /// Reads the file's contents. What is wrong is told to `problems`, and taken as not there.
    pub(crate) fn parse(bytes: &[u8], problems: &mut Problems) -> PackageJson {
        let mut reader = Reader {
            problems,
            prefix: "",
        };
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let object = match serde_json::from_slice(bytes) {
            Ok(Value::Object(object)) => object,
            Ok(other) => {
                reader.problem(format!(
                    "must hold a JSON object, found {}",
                    kind_of(&other)
                ));
                return PackageJson::default();
            }
            Err(error) => {
                let message = if error.to_string().starts_with("recursion limit exceeded") {
                    format!("is nested too deep: at most {MAX_DEPTH} levels are read")
                } else {
                    "is not valid JSON".to_owned()
                };
                let problem = Problem::new(ErrorKind::Package, message).caused_by(error);
                reader.problems.push(problem.in_file(PACKAGE_JSON));
                return PackageJson::default();
            }
        };
        let mut package = PackageJson {
            name: reader.text(&object, "name"),
            version: reader.text(&object, "version"),
            is_module: object.get("type").and_then(Value::as_str) == Some("module"),
            exports: object
                .get("exports")
                .filter(|exports| !exports.is_null())
                .cloned(),
            imports: reader
                .object(&object, "imports")
                .cloned()
                .unwrap_or_default(),
            module: reader.text(&object, "module"),
            main: object
                .get("main")
                .and_then(Value::as_str)
                .map(str::to_owned),
            ..PackageJson::default()
        };
        match object.get("browser") {
            None | Some(Value::Null | Value::Bool(_)) => {}
            Some(Value::String(main)) => package.browser_main = Some(main.clone()),
            Some(Value::Object(map)) => package.browser = reader.browser(map),
            Some(other) => reader.mismatch("browser", "a path or an object", other),
        }
        // Later tables win: peer over normal over dev. npm lets an optional dependency win over a normal one.
        for table in [
            "devDependencies",
            "dependencies",
            "optionalDependencies",
            "peerDependencies",
        ] {
            let specs = reader.texts(&object, table);
            package.dependencies.extend(specs);
        }
        match object.get("radpack") {
            None | Some(Value::Null) => {}
            Some(Value::Object(settings)) => {
                package.settings = Settings::read(settings, reader.problems);
            }
            Some(other) => reader.mismatch("radpack", "an object", other),
        }
        package
    }
}

impl Settings {
    const KEYS: [&str; 13] = [
        "allowDowngrade",
        "deleteUnreferenced",
        "dryRun",
        "entries",
        "external",
        "keepMajors",
        "keepMinors",
        "keepPrereleases",
        "name",
        "out",
        "register",
        "vars",
        "version",
    ];

    fn read(object: &Map<String, Value>, problems: &mut Problems) -> Settings {
        let mut reader = Reader {
            problems,
            prefix: "radpack.",
        };
        let entries = object.contains_key("entries").then(|| {
            let entries = reader.texts(object, "entries");
            entries
                .into_iter()
                .map(|(name, path)| EntryOption::new(name, path))
                .collect()
        });
        let external = match object.get("external") {
            Some(Value::String(name)) => vec![name.clone()],
            _ => reader.list(object, "external"),
        };
        Settings {
            name: reader.text(object, "name"),
            version: reader.text(object, "version"),
            out: reader.text(object, "out"),
            register: object
                .get("register")
                .filter(|register| !register.is_null())
                .cloned(),
            entries,
            external,
            vars: reader.texts(object, "vars").into_iter().collect(),
            keep_minors: reader.flag(object, "keepMinors"),
            keep_majors: reader.flag(object, "keepMajors"),
            keep_prereleases: reader.flag(object, "keepPrereleases"),
            allow_downgrade: reader.flag(object, "allowDowngrade"),
            delete_unreferenced: reader.flag(object, "deleteUnreferenced"),
            dry_run: reader.flag(object, "dryRun"),
            unknown: object
                .keys()
                .filter(|key| !Self::KEYS.contains(&key.as_str()))
                .cloned()
                .collect(),
        }
    }

    /// The keys that mean something, for a message about one that does not.
    pub(crate) fn known_keys() -> String {
        Self::KEYS.join(", ")
    }
}

/// Takes fields of the right type out of an object, and says which are not.
struct Reader<'p> {
    problems: &'p mut Problems,
    prefix: &'static str,
}

impl Reader<'_> {
    fn problem(&mut self, message: String) {
        self.problems
            .push(Problem::new(ErrorKind::Package, message).in_file(PACKAGE_JSON));
    }

    fn mismatch(&mut self, key: &str, expected: &str, found: &Value) {
        let prefix = self.prefix;
        self.problem(format!(
            "{prefix}{key} must be {expected}, found {}",
            kind_of(found)
        ));
    }

    fn text(&mut self, object: &Map<String, Value>, key: &str) -> Option<String> {
        match object.get(key)? {
            Value::String(text) => return Some(text.clone()),
            Value::Null => {}
            other => self.mismatch(key, "a string", other),
        }
        None
    }

    fn flag(&mut self, object: &Map<String, Value>, key: &str) -> Option<bool> {
        match object.get(key)? {
            Value::Bool(flag) => return Some(*flag),
            Value::Null => {}
            other => self.mismatch(key, "true or false", other),
        }
        None
    }

    fn object<'o>(
        &mut self,
        object: &'o Map<String, Value>,
        key: &str,
    ) -> Option<&'o Map<String, Value>> {
        match object.get(key)? {
            Value::Object(found) => return Some(found),
            Value::Null => {}
            other => self.mismatch(key, "an object", other),
        }
        None
    }

    /// An object of strings, in its own order.
    fn texts(&mut self, object: &Map<String, Value>, key: &str) -> Vec<(String, String)> {
        let mut texts = Vec::new();
        for (name, value) in self.object(object, key).into_iter().flatten() {
            match value {
                Value::String(text) => texts.push((name.clone(), text.clone())),
                other => self.mismatch(&format!("{key}[{name:?}]"), "a string", other),
            }
        }
        texts
    }

    fn list(&mut self, object: &Map<String, Value>, key: &str) -> Vec<String> {
        let mut list = Vec::new();
        match object.get(key) {
            None | Some(Value::Null) => {}
            Some(Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    match item {
                        Value::String(text) => list.push(text.clone()),
                        other => self.mismatch(&format!("{key}[{index}]"), "a string", other),
                    }
                }
            }
            Some(other) => self.mismatch(key, "a string or an array of strings", other),
        }
        list
    }

    fn browser(&mut self, map: &Map<String, Value>) -> BTreeMap<String, Option<String>> {
        let mut browser = BTreeMap::new();
        for (key, value) in map {
            match value {
                Value::String(replacement) => {
                    browser.insert(key.clone(), Some(replacement.clone()));
                }
                Value::Bool(false) => {
                    browser.insert(key.clone(), None);
                }
                // `true` would mean "as it is".
                Value::Bool(true) | Value::Null => {}
                other => self.mismatch(&format!("browser[{key:?}]"), "a string or false", other),
            }
        }
        browser
    }
}

/// A value as a message shows it: short ones whole, others by their type.
fn kind_of(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.chars().count() <= 40 => format!("{text:?}"),
        Value::String(_) => "a string".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn read(text: &str) -> PackageJson {
        let mut problems = Problems::default();
        let package = PackageJson::parse(text.as_bytes(), &mut problems);
        problems.check().unwrap();
        package
    }

    #[track_caller]
    fn refused(text: &str, messages: &[&str]) {
        let mut problems = Problems::default();
        PackageJson::parse(text.as_bytes(), &mut problems);
        let error = problems.check().unwrap_err();
        let shown: Vec<String> = error.problems().iter().map(ToString::to_string).collect();
        assert_eq!(shown, messages);
    }

    #[test]
    fn a_byte_order_mark_and_windows_line_ends_do_not_matter() {
        let package =
            read("\u{FEFF}{\r\n  \"name\": \"shapes\",\r\n  \"type\": \"module\"\r\n}\r\n");
        assert_eq!(package.name.as_deref(), Some("shapes"));
        assert!(package.is_module);
    }

    #[test]
    fn peer_wins_over_normal_over_dev() {
        let package = read(
            r#"{"peerDependencies":{"a":"1"},"dependencies":{"a":"2","b":"2","d":"2"},"optionalDependencies":{"d":"4"},
                "devDependencies":{"a":"3","b":"3","c":"3"}}"#,
        );
        let found: Vec<(&str, &str)> = package
            .dependencies
            .iter()
            .map(|(name, spec)| (name.as_str(), spec.as_str()))
            .collect();
        assert_eq!(found, [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]);
    }

    #[test]
    fn browser_is_a_file_or_a_map() {
        assert_eq!(
            read(r#"{"browser":"./b.js"}"#).browser_main.as_deref(),
            Some("./b.js")
        );
        let map = read(r#"{"browser":{"./a.js":"./b.js","fs":false,"x":true}}"#).browser;
        assert_eq!(map["./a.js"].as_deref(), Some("./b.js"));
        assert_eq!(map["fs"], None);
        assert_eq!(map.len(), 2);
    }

    #[test]
    fn settings_are_read_and_unknown_ones_listed() {
        let settings = read(
            r#"{"radpack":{"keepMinors":true,"external":"react","entries":{"index":"./a.js"},"vars":{"x":"y"},"keepMinor":1}}"#,
        )
        .settings;
        assert_eq!(settings.keep_minors, Some(true));
        assert_eq!(settings.external, ["react"]);
        assert_eq!(
            settings.entries,
            Some(vec![EntryOption::new("index", "./a.js")])
        );
        assert_eq!(settings.vars["x"], "y");
        assert_eq!(settings.unknown, ["keepMinor"]);
    }

    #[test]
    fn nesting_has_a_limit_that_is_told() {
        // The outermost object is a level, too.
        let nested = |depth: usize| {
            format!(
                r#"{{"name":"deep","exports":{}"./a.js"{}}}"#,
                "[".repeat(depth - 1),
                "]".repeat(depth - 1)
            )
        };
        assert_eq!(read(&nested(MAX_DEPTH)).name.as_deref(), Some("deep"));
        let message = "package.json: is nested too deep: at most 127 levels are read";
        refused(&nested(MAX_DEPTH + 1), &[message]);
    }

    #[test]
    fn wrong_types_are_all_told() {
        refused(
            r#"{"name":1,"module":[],"dependencies":{"a":{}},"radpack":{"keepMinors":"yes","external":[1]},"browser":7}"#,
            &[
                "package.json: name must be a string, found 1",
                "package.json: module must be a string, found an array",
                "package.json: browser must be a path or an object, found 7",
                "package.json: dependencies[\"a\"] must be a string, found an object",
                "package.json: radpack.external[0] must be a string, found 1",
                "package.json: radpack.keepMinors must be true or false, found \"yes\"",
            ],
        );
        refused(
            "[]",
            &["package.json: must hold a JSON object, found an array"],
        );
        refused("{", &["package.json: is not valid JSON"]);
    }
}
