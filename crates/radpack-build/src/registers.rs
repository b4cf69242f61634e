//! The registers that `package.json` names: files are read here, URLs are asked of the caller.
//!
//! What a register leads to, and what that inherits, is `radpack_manifest`'s business. The result are manifests with their
//! place, bottom to top, as [`Source`]s.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use radpack_manifest::{Flatten, Manifest, Register};
use serde_json::Value;
use url::Url;

use crate::error::{ErrorKind, Problem, Problems};
use crate::options::{Location, Source};
use crate::package_json::PACKAGE_JSON;

/// The name of a manifest in its folder.
pub(crate) const RADPACK_JSON: &str = "radpack.json";

/// What `package.json` names, as far as it can be read.
#[derive(Debug, Default)]
pub(crate) struct Registers {
    /// Bottom to top. Incomplete as long as something is wanted.
    pub(crate) sources: Vec<Source>,
    /// URLs that nobody has supplied yet, in the order they were met.
    pub(crate) wanted: Vec<String>,
    /// The files that were read.
    pub(crate) inputs: BTreeSet<PathBuf>,
    /// The folder that files must lie in, where they must.
    within: Option<PathBuf>,
}

impl Registers {
    /// Reads what stands under `radpack.register`: a path, a URL, a manifest, or an array of these. Files must lie in the folder if that
    /// is `confined`.
    pub(crate) fn read(
        value: Option<&Value>,
        folder: &Path,
        confined: bool,
        supplied: &BTreeMap<String, Vec<u8>>,
        problems: &mut Problems,
    ) -> Registers {
        let mut registers = Registers {
            within: confined.then(|| folder.to_owned()),
            ..Registers::default()
        };
        let mut rest: Vec<&Value> = value.into_iter().collect();
        while let Some(value) = rest.pop() {
            match value {
                Value::Array(items) => rest.extend(items.iter().rev()),
                Value::String(text) => match place_of(text, folder) {
                    Ok(url) => {
                        registers.flatten(text, None, Register::Url(url), supplied, problems);
                    }
                    Err(message) => problems.push(problem(format!("names {text:?}, {message}"))),
                },
                Value::Object(_) => {
                    let bytes = value.to_string();
                    let origin = Url::from_file_path(folder.join(PACKAGE_JSON)).ok();
                    match Register::from_slice(bytes.as_bytes()) {
                        Ok(register) => {
                            registers.flatten(
                                "the manifest in package.json",
                                origin,
                                register,
                                supplied,
                                problems,
                            );
                        }
                        Err(errors) => {
                            problems.push(problem("holds no valid manifest").caused_by(errors));
                        }
                    }
                }
                other => problems.push(problem(format!(
                    "must be a path, a URL, a manifest or an array of these, found {other}"
                ))),
            }
        }
        registers
    }

    fn read_file(&self, path: &Path) -> io::Result<Vec<u8>> {
        if let Some(folder) = &self.within
            // What is not there says nothing of what is.
            && !path.canonicalize().is_ok_and(|real| real.starts_with(folder))
        {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "there is no such file in the package",
            ));
        }
        fs::read(path)
    }

    fn flatten(
        &mut self,
        name: &str,
        origin: Option<Url>,
        register: Register,
        supplied: &BTreeMap<String, Vec<u8>>,
        problems: &mut Problems,
    ) {
        let mut flatten = Flatten::new(origin.as_ref().map(Url::as_str), register);
        let mut read: Vec<String> = origin.iter().map(Url::to_string).collect();
        let mut missing = false;
        let mut passed = BTreeSet::new();
        while let Some(wanted) = flatten
            .wanted()
            .iter()
            .find(|wanted| !passed.contains(&wanted.id))
            .cloned()
        {
            let path = Url::parse(&wanted.url)
                .ok()
                .filter(|url| url.scheme() == "file")
                .and_then(|url| url.to_file_path().ok());
            if let Some(path) = path {
                match self.read_file(&path) {
                    Ok(bytes) => flatten.supply(wanted.id, &bytes),
                    Err(error) => flatten.fail(wanted.id, reading(&path, error)),
                }
                self.inputs.insert(path);
            } else if let Some(bytes) = supplied.get(&wanted.url) {
                flatten.supply(wanted.id, bytes);
            } else {
                missing = true;
                passed.insert(wanted.id);
                if !self.wanted.contains(&wanted.url) {
                    self.wanted.push(wanted.url);
                }
                continue;
            }
            read.push(wanted.url);
        }
        if missing {
            return;
        }
        match flatten.finish() {
            Ok(manifests) => {
                let sole = match read.as_slice() {
                    [url] => Some(url.as_str()),
                    _ => None,
                };
                let is_confined = self.within.is_some();
                let place = |manifest: Manifest| {
                    // A manifest that may say anything names no place to copy files from.
                    let location = match is_confined {
                        true => Location::Data,
                        false => location_of(&manifest, sole),
                    };
                    Source::new(manifest, location)
                };
                self.sources.extend(manifests.into_iter().map(place));
            }
            Err(error) => problems
                .push(problem(format!("names {name:?}, which cannot be read")).caused_by(error)),
        }
    }
}

/// Where a flattened manifest came from. A register that led to no other (`sole`) lies where it was read; for others, what was
/// filled in as `baseUrl` tells.
fn location_of(manifest: &Manifest, sole: Option<&str>) -> Location {
    let base = manifest
        .vars
        .get("baseUrl")
        .map(|base| format!("{base}/{RADPACK_JSON}"));
    let Some(url) = sole.map(str::to_owned).or(base) else {
        return Location::Data;
    };
    let path = Url::parse(&url)
        .ok()
        .filter(|url| url.scheme() == "file")
        .and_then(|url| url.to_file_path().ok());
    match path {
        Some(path) => Location::Folder(path.parent().unwrap_or(&path).to_owned()),
        None => Location::Url(url),
    }
}

/// The URL of a register that `package.json` names: as it is, or of a file relative to the package folder.
///
/// The error completes the sentence "names `x`, … ".
fn place_of(text: &str, folder: &Path) -> Result<String, String> {
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
    // One letter is a drive.
    if scheme.len() > 1
        && scheme
            .chars()
            .all(|character| character.is_ascii_alphanumeric())
    {
        return Ok(text.to_owned());
    }
    let mut path = folder.join(text);
    if path.is_dir() {
        path.push(RADPACK_JSON);
    }
    let absolute =
        std::path::absolute(&path).map_err(|error| format!("which is no path: {error}"))?;
    Url::from_file_path(absolute)
        .map(String::from)
        .map_err(|()| "which is no path".to_owned())
}

fn reading(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("cannot read {}: {error}", path.display()),
    )
}

fn problem(message: impl AsRef<str>) -> Problem {
    Problem::new(
        ErrorKind::Register,
        format!("radpack.register {}", message.as_ref()),
    )
    .in_file(PACKAGE_JSON)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const EMPTY: &[u8] = br#"{"exports":{}}"#;

    #[test]
    fn files_are_read_and_urls_are_wanted() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("local")).unwrap();
        fs::write(place.path().join("local/radpack.json"), EMPTY).unwrap();
        fs::write(
            place.path().join("list.json"),
            br#"["local/radpack.json","https://c.example/x/radpack.json"]"#,
        )
        .unwrap();
        let value = json!([
            "local",
            "https://a.example/radpack.json",
            ["list.json", {"vars": {"baseUrl": "https://b.example"}, "exports": {}}],
            {"exports": {}},
        ]);
        let mut supplied = BTreeMap::new();
        let mut problems = Problems::default();
        let registers =
            Registers::read(Some(&value), place.path(), false, &supplied, &mut problems);
        assert_eq!(
            registers.wanted,
            [
                "https://a.example/radpack.json",
                "https://c.example/x/radpack.json"
            ]
        );
        assert_eq!(registers.inputs.len(), 2);
        for url in registers.wanted {
            supplied.insert(url, EMPTY.to_vec());
        }
        let registers =
            Registers::read(Some(&value), place.path(), false, &supplied, &mut problems);
        problems.check().unwrap();
        assert_eq!(registers.wanted, Vec::<String>::new());
        let local = Location::Folder(place.path().join("local"));
        let places: Vec<Location> = registers
            .sources
            .into_iter()
            .map(|source| source.location)
            .collect();
        assert_eq!(
            places,
            [
                local.clone(),
                Location::Url("https://a.example/radpack.json".to_owned()),
                local,
                Location::Url("https://c.example/x/radpack.json".to_owned()),
                Location::Folder(place.path().to_owned()),
                Location::Folder(place.path().to_owned()),
            ]
        );
    }

    #[test]
    fn where_it_is_confined_nothing_outside_the_folder_is_read() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().canonicalize().unwrap().join("package");
        fs::create_dir(&folder).unwrap();
        let outside = place.path().join("outside.json");
        fs::write(&outside, EMPTY).unwrap();
        fs::write(folder.join("inside.json"), EMPTY).unwrap();
        let url = Url::from_file_path(&outside).unwrap().to_string();
        fs::write(folder.join("on.json"), json!({ "url": url }).to_string()).unwrap();
        let read = |value: Value, confined| {
            let mut problems = Problems::default();
            let registers = Registers::read(
                Some(&value),
                &folder,
                confined,
                &BTreeMap::new(),
                &mut problems,
            );
            problems.check().map(|()| registers.sources)
        };
        for outside in [json!("../outside.json"), json!(url), json!("on.json")] {
            assert!(read(outside.clone(), false).is_ok(), "{outside}");
            let error = read(outside, true).unwrap_err();
            assert!(format!("{error:?}").contains("no such file in the package"));
        }
        let inside = read(json!("inside.json"), true).unwrap();
        assert_eq!(inside[0].location, Location::Data);
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_cause() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("bad.json"), "{").unwrap();
        for (value, message) in [
            (
                json!(7),
                "package.json: radpack.register must be a path, a URL, a manifest or an array of these, found 7",
            ),
            (
                json!("no.json"),
                "package.json: radpack.register names \"no.json\", which cannot be read",
            ),
            (
                json!("bad.json"),
                "package.json: radpack.register names \"bad.json\", which cannot be read",
            ),
            (
                json!({"exports": 1}),
                "package.json: radpack.register holds no valid manifest",
            ),
            (
                json!("ftp://x.example/a"),
                "package.json: radpack.register names \"ftp://x.example/a\", which cannot be read",
            ),
        ] {
            let mut problems = Problems::default();
            Registers::read(
                Some(&value),
                place.path(),
                false,
                &BTreeMap::new(),
                &mut problems,
            );
            assert_eq!(problems.check().unwrap_err().to_string(), message);
        }
    }
}
