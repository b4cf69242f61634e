//! Where an import leads: a file of the package, an entry of it, another package, or a URL that stays.
//!
//! Relative specifiers are tried as written, then as `.js`, `.mjs` and `/index.js`; `#x` goes through the `imports` of
//! `package.json`; its `browser` map replaces files and packages. Which version of another package is meant is not decided
//! here (`pins.rs`), nor whether a file is what the import needs (`graph.rs`).

use std::collections::{BTreeSet, HashMap};

use percent_encoding::percent_decode_str;
use radpack_manifest::Id;

use crate::exports::{self, Lead};
use crate::folder::{Folder, FolderError, join, parent};
use crate::module::ImportKind;
use crate::package_json::PackageJson;

/// Where an import leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// To a file of the package, by its real path. `suffix` is the `?query#hash` after it.
    File { path: String, suffix: String },
    /// To a module without contents: the `browser` map says so.
    Empty,
    /// To an entry of the package itself.
    Own(String),
    /// To another package: an id, with or without a version.
    Outside(String),
    /// Nowhere that a build looks at: a URL, or declared external.
    Stays,
    /// To a folder of the package, which only `new URL` can name.
    Folder,
}

/// Resolves the imports of one package.
#[derive(Debug)]
pub(crate) struct Locator<'f> {
    folder: &'f Folder,
    package: &'f PackageJson,
    name: &'f str,
    external: &'f BTreeSet<String>,
    /// The `browser` map's files, by real path, and where there is no such file by the path written.
    browser_files: HashMap<String, Option<String>>,
}

impl<'f> Locator<'f> {
    pub(crate) fn new(
        folder: &'f Folder,
        package: &'f PackageJson,
        name: &'f str,
        external: &'f BTreeSet<String>,
    ) -> Self {
        let mut locator = Locator {
            folder,
            package,
            name,
            external,
            browser_files: HashMap::new(),
        };
        for (key, replacement) in &package.browser {
            let Some(path) = key.starts_with('.').then(|| join("", key)).flatten() else {
                continue;
            };
            let real = locator.try_path(&path, key).ok().flatten();
            locator
                .browser_files
                .insert(real.unwrap_or(path), replacement.clone());
        }
        locator
    }

    /// The file that a path in `package.json` or an option names, with or without `./` and extension; the `browser` map applies.
    ///
    /// The error completes the sentence "`x`, which … ".
    pub(crate) fn file_at_root(&self, written: &str) -> Result<Option<String>, FolderError> {
        let path = join("", written).ok_or(FolderError::Outside)?;
        let found = self.try_path(&path, written)?;
        self.replaced(found, &path)
    }

    /// The file that stands for a target of `exports`, or for what a pattern found: exactly that, and the `browser` map applies.
    ///
    /// The error completes the sentence "`x` … ".
    pub(crate) fn published(&self, path: &str) -> Result<Option<String>, FolderError> {
        let path = join("", path).ok_or(FolderError::Outside)?;
        let found = self.folder.file(&path)?;
        self.replaced(found, &path)
    }

    /// The file that the `browser` map has in place of one. An entry is never replaced with nothing, or with another package.
    fn replaced(&self, found: Option<String>, path: &str) -> Result<Option<String>, FolderError> {
        let known = self.browser_files.get(found.as_deref().unwrap_or(path));
        match known {
            Some(Some(replacement)) if is_relative(replacement) => {
                let path = join("", replacement).ok_or(FolderError::Outside)?;
                self.try_path(&path, replacement)
            }
            _ => Ok(found),
        }
    }

    /// Where an import in the module `from` leads.
    ///
    /// The error completes the sentence "the import `x` … ".
    pub(crate) fn locate(
        &self,
        from: &str,
        specifier: &str,
        kind: ImportKind,
    ) -> Result<Target, String> {
        if stays(specifier) || self.external.contains(specifier) {
            return Ok(Target::Stays);
        }
        if kind == ImportKind::Url || is_relative(specifier) {
            return self.relative(parent(from), specifier, kind);
        }
        if specifier.starts_with('#') {
            return self.private(specifier);
        }
        match self.package.browser.get(specifier) {
            Some(None) => Ok(Target::Empty),
            Some(Some(replacement)) if is_relative(replacement) => {
                self.relative("", replacement, kind)
            }
            Some(Some(replacement)) => self.bare(replacement),
            None => self.bare(specifier),
        }
    }

    /// A specifier that names a package, or an entry of this one.
    fn bare(&self, specifier: &str) -> Result<Target, String> {
        if stays(specifier) || self.external.contains(specifier) {
            return Ok(Target::Stays);
        }
        let id = Id::parse_in(specifier, Some(self.name))
            .map_err(|error| format!("is no id: {error}"))?;
        if id.spec.is_none() && self.external.contains(id.name) {
            return Ok(Target::Stays);
        }
        if id.spec.is_none() && id.name == self.name {
            return Ok(Target::Own(id.entry.to_owned()));
        }
        Ok(Target::Outside(specifier.to_owned()))
    }

    /// A `#x` specifier, by the `imports` of `package.json`.
    fn private(&self, specifier: &str) -> Result<Target, String> {
        let imports = &self.package.imports;
        let Some((key, star)) = exports::best_match(imports.keys().map(String::as_str), specifier)
        else {
            return Err("is not among the imports of package.json".to_owned());
        };
        let lead = exports::follow(&imports[key], star, &mut |target| {
            !is_relative(target)
                || join("", target).is_none_or(|path| !matches!(self.folder.file(&path), Ok(None)))
        });
        match lead {
            Lead::To(target) if is_relative(&target) => {
                self.relative("", &target, ImportKind::Static)
            }
            Lead::To(target) => self.bare(&target),
            Lead::Closed => Err(format!("is closed by imports[{key:?}] of package.json")),
            Lead::Missing(path) => Err(format!(
                "leads to {path} by imports[{key:?}] of package.json, which is not there"
            )),
            Lead::NoCondition => Err(format!(
                "leads nowhere by imports[{key:?}] of package.json under the conditions {}",
                exports::CONDITIONS.join(", ")
            )),
        }
    }

    fn relative(&self, folder: &str, specifier: &str, kind: ImportKind) -> Result<Target, String> {
        let mut wanted = None;
        for (written, suffix) in spellings(specifier) {
            let Some(path) = join(folder, &written) else {
                return Err("leads out of the package".to_owned());
            };
            if kind == ImportKind::Url && self.folder.is_folder(&path) {
                return Ok(Target::Folder);
            }
            let found = self
                .try_path(&path, &written)
                .map_err(|error| error.to_string())?;
            let replacement = self.browser_files.get(found.as_ref().unwrap_or(&path));
            match (found, replacement) {
                (_, Some(None)) => return Ok(Target::Empty),
                (_, Some(Some(replacement))) if is_relative(replacement) => {
                    return match join("", replacement) {
                        None => Err(format!(
                            "leads to {replacement} by the browser map, out of the package"
                        )),
                        Some(path) => match self.try_path(&path, replacement) {
                            Ok(Some(path)) => Ok(Target::File {
                                path,
                                suffix: suffix.to_owned(),
                            }),
                            Ok(None) => Err(format!(
                                "leads to {replacement} by the browser map, which is not there"
                            )),
                            Err(error) => Err(format!(
                                "leads to {replacement} by the browser map, which {error}"
                            )),
                        },
                    };
                }
                (_, Some(Some(replacement))) => return self.bare(replacement),
                (Some(path), None) => {
                    return Ok(Target::File {
                        path,
                        suffix: suffix.to_owned(),
                    });
                }
                (None, None) => {
                    wanted.get_or_insert(path);
                }
            }
        }
        let path = wanted.unwrap_or_default();
        Err(format!(
            "leads nowhere: there is no {}",
            attempts(&path, specifier).join(", no ")
        ))
    }

    /// The first of the attempts for a path that is a file.
    fn try_path(&self, path: &str, written: &str) -> Result<Option<String>, FolderError> {
        for attempt in attempts(path, written) {
            if let Some(found) = self.folder.file(&attempt)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// What a path is tried as: as written, then with `.js`, `.mjs` and `/index.js`. One that is written as a folder is only that.
fn attempts(path: &str, written: &str) -> Vec<String> {
    let index = if path.is_empty() {
        "index.js".to_owned()
    } else {
        format!("{path}/index.js")
    };
    let last = written.rsplit('/').next().unwrap_or(written);
    if path.is_empty() || matches!(last, "" | "." | "..") {
        return vec![index];
    }
    vec![
        path.to_owned(),
        format!("{path}.js"),
        format!("{path}.mjs"),
        index,
    ]
}

/// The ways to read a specifier as a path and a suffix: as a file name, without its query and hash, and percent-decoded.
fn spellings(specifier: &str) -> Vec<(String, &str)> {
    let mut spellings = vec![(specifier.to_owned(), "")];
    let end = specifier.find(['?', '#']).unwrap_or(specifier.len());
    let (path, suffix) = specifier.split_at(end);
    if !suffix.is_empty() {
        spellings.push((path.to_owned(), suffix));
    }
    if path.contains('%')
        && let Ok(decoded) = percent_decode_str(path).decode_utf8()
    {
        spellings.push((decoded.into_owned(), suffix));
    }
    spellings
}

fn is_relative(specifier: &str) -> bool {
    matches!(specifier, "." | "..") || specifier.starts_with("./") || specifier.starts_with("../")
}

/// Whether a specifier is a URL: with a scheme, or relative to a host.
fn stays(specifier: &str) -> bool {
    if specifier.starts_with('/') {
        return true;
    }
    let Some((scheme, _)) = specifier.split_once(':') else {
        return false;
    };
    let mut characters = scheme.chars();
    characters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
        && characters.all(|character| {
            character.is_ascii_alphanumeric() || matches!(character, '+' | '-' | '.')
        })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;
    use crate::error::Problems;

    const FILES: &[&str] = &[
        "index.js",
        "a.js",
        "b.mjs",
        "both.js",
        "both.mjs",
        "dir/index.js",
        "dir/x.js",
        "with space.js",
        "query.js",
        "odd?name.js",
        "node.js",
        "browser.js",
        "😀.js",
        "image.png",
    ];

    #[track_caller]
    fn check(package: &serde_json::Value, cases: &[(&str, &str, Result<Target, &str>)]) {
        let place = tempfile::tempdir().unwrap();
        for file in FILES {
            let path = place.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let mut problems = Problems::default();
        let package = PackageJson::parse(package.to_string().as_bytes(), &mut problems);
        problems.check().unwrap();
        let folder = Folder::open(place.path()).unwrap();
        let external = BTreeSet::from(["react".to_owned(), "vue/dist".to_owned()]);
        let locator = Locator::new(&folder, &package, "shapes", &external);
        for (from, specifier, expected) in cases {
            let (specifier, kind) = match specifier.strip_prefix("url:") {
                Some(specifier) => (specifier, ImportKind::Url),
                None => (*specifier, ImportKind::Static),
            };
            let found = locator.locate(from, specifier, kind);
            let expected = expected.clone().map_err(str::to_owned);
            assert_eq!(found, expected, "{specifier} from {from}");
        }
    }

    fn file(path: &str) -> Result<Target, &'static str> {
        Ok(Target::File {
            path: path.to_owned(),
            suffix: String::new(),
        })
    }

    fn suffixed(path: &str, suffix: &str) -> Result<Target, &'static str> {
        Ok(Target::File {
            path: path.to_owned(),
            suffix: suffix.to_owned(),
        })
    }

    fn outside(id: &str) -> Result<Target, &'static str> {
        Ok(Target::Outside(id.to_owned()))
    }

    fn own(entry: &str) -> Result<Target, &'static str> {
        Ok(Target::Own(entry.to_owned()))
    }

    #[test]
    fn relative_specifiers() {
        check(
            &json!({}),
            &[
                ("index.js", "./a.js", file("a.js")),
                ("index.js", "./a", file("a.js")),
                ("index.js", "./b", file("b.mjs")),
                ("index.js", "./both", file("both.js")),
                ("index.js", "./dir", file("dir/index.js")),
                ("index.js", "./dir/", file("dir/index.js")),
                ("dir/x.js", ".", file("dir/index.js")),
                ("dir/x.js", "..", file("index.js")),
                ("dir/x.js", "../a.js", file("a.js")),
                ("dir/x.js", "./../dir/./x.js", file("dir/x.js")),
                ("index.js", "./😀.js", file("😀.js")),
                ("index.js", "./%F0%9F%98%80.js", file("😀.js")),
                ("index.js", "./with%20space.js", file("with space.js")),
                (
                    "index.js",
                    "./query.js?raw#x",
                    suffixed("query.js", "?raw#x"),
                ),
                ("index.js", "./odd?name.js", file("odd?name.js")),
                (
                    "index.js",
                    "./no",
                    Err("leads nowhere: there is no no, no no.js, no no.mjs, no no/index.js"),
                ),
                ("index.js", "../a.js", Err("leads out of the package")),
                ("dir/x.js", "../../a.js", Err("leads out of the package")),
            ],
        );
    }

    #[test]
    fn urls_stay_and_new_url_is_relative_without_a_dot() {
        check(
            &json!({}),
            &[
                ("index.js", "https://cdn.example/x.js", Ok(Target::Stays)),
                ("index.js", "data:text/javascript,1", Ok(Target::Stays)),
                ("index.js", "//cdn.example/x.js", Ok(Target::Stays)),
                ("index.js", "/x.js", Ok(Target::Stays)),
                ("index.js", "node:fs", Ok(Target::Stays)),
                ("index.js", "url:image.png", file("image.png")),
                ("index.js", "url:./image.png?x", suffixed("image.png", "?x")),
                ("index.js", "url:.", Ok(Target::Folder)),
                ("index.js", "url:./dir/", Ok(Target::Folder)),
                (
                    "index.js",
                    "url:https://cdn.example/x.png",
                    Ok(Target::Stays),
                ),
                (
                    "index.js",
                    "url:no.png",
                    Err(
                        "leads nowhere: there is no no.png, no no.png.js, no no.png.mjs, no no.png/index.js",
                    ),
                ),
            ],
        );
    }

    #[test]
    fn bare_specifiers_and_the_package_itself() {
        check(
            &json!({}),
            &[
                ("a.js", "d3-array", outside("d3-array")),
                ("a.js", "@acme/x/y.js", outside("@acme/x/y.js")),
                ("a.js", "d3-array@^2", outside("d3-array@^2")),
                ("a.js", "shapes", own("index")),
                ("a.js", "shapes/locale/fr", own("locale/fr")),
                ("a.js", "~/locale/fr", own("locale/fr")),
                ("a.js", "shapes@^1/x", outside("shapes@^1/x")),
                ("a.js", "react", Ok(Target::Stays)),
                ("a.js", "react/jsx-runtime", Ok(Target::Stays)),
                ("a.js", "vue/dist", Ok(Target::Stays)),
                ("a.js", "vue", outside("vue")),
                ("a.js", "", Err("is no id: invalid id \"\": it is empty")),
            ],
        );
    }

    #[test]
    fn private_imports() {
        check(
            &json!({"imports": {
                "#a": "./a.js",
                "#env": {"node": "./node.js", "browser": "./browser.js"},
                "#dir/*": "./dir/*.js",
                "#dir/secret": null,
                "#dep": {"browser": "d3-array", "default": "./a.js"},
                "#no": "./no.js",
                "#node": {"node": "./node.js"},
            }}),
            &[
                ("dir/x.js", "#a", file("a.js")),
                ("a.js", "#env", file("browser.js")),
                ("a.js", "#dir/x", file("dir/x.js")),
                (
                    "a.js",
                    "#dir/secret",
                    Err("is closed by imports[\"#dir/secret\"] of package.json"),
                ),
                ("a.js", "#dep", outside("d3-array")),
                (
                    "a.js",
                    "#other",
                    Err("is not among the imports of package.json"),
                ),
                (
                    "a.js",
                    "#no",
                    Err("leads to ./no.js by imports[\"#no\"] of package.json, which is not there"),
                ),
                (
                    "a.js",
                    "#node",
                    Err(
                        "leads nowhere by imports[\"#node\"] of package.json under the conditions \
                         radpack, browser, import, module, default",
                    ),
                ),
            ],
        );
    }

    #[test]
    fn the_browser_map() {
        check(
            &json!({"browser": {
                "./node.js": "./browser.js",
                "./a": false,
                "./b.mjs": "d3-array",
                "./dir/x.js": "./no.js",
                "./gone.js": "./browser.js",
                "fs": false,
                "path": "./dir",
                "stream": "readable-stream",
            }}),
            &[
                ("index.js", "./node.js", file("browser.js")),
                ("dir/x.js", "../node", file("browser.js")),
                ("index.js", "./a.js", Ok(Target::Empty)),
                ("index.js", "./b", outside("d3-array")),
                (
                    "index.js",
                    "./dir/x.js",
                    Err("leads to ./no.js by the browser map, which is not there"),
                ),
                ("index.js", "./gone.js", file("browser.js")),
                ("index.js", "fs", Ok(Target::Empty)),
                ("index.js", "path", file("dir/index.js")),
                ("index.js", "stream", outside("readable-stream")),
                ("index.js", "fs/promises", outside("fs/promises")),
            ],
        );
    }
}
