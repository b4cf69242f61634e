//! Writing: manifests as JSON, canonical byte for byte.
//!
//! What the canonical *order* is, [`normalize`](crate::normalize) knows; here is the canonical *text*: minimal whitespace, keys
//! in the order of manifest.md (unknown ones after the known), empties and trailing zeros left out, strings escaped as
//! `JSON.stringify` does.

use std::borrow::Cow;
use std::fmt::Write as _;

use semver::Version;

use crate::model::{Entry, Manifest, Package, Variant};
use crate::normalize;
use crate::register::Register;
use crate::unknown::Unknown;

impl Manifest {
    /// The manifest as canonical JSON: the same manifest gives the same bytes, in whatever order it was built.
    ///
    /// ```
    /// use radpack_manifest::Manifest;
    ///
    /// let json = r#"{"exports":{"a":{"d":[["c/x",[{"v":[1]}]],["index",[{"s":[0],"v":[1]},{"v":[0]}]]],"v":[[1,0,0],[2]]}}}"#;
    /// let manifest = Manifest::from_slice(json.as_bytes())?;
    /// assert_eq!(
    ///     manifest.to_json(),
    ///     r#"{"exports":{"a":{"v":[[2],[1]],"d":[["index",[{"v":[0],"s":[1]},{"v":[1]}]],["c/x",[{"v":[0]}]]]}}}"#
    /// );
    /// # Ok::<(), radpack_manifest::ManifestErrors>(())
    /// ```
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = String::new();
        manifest(self, Order::Canonical, &mut json);
        json
    }
}

impl Register {
    /// The register as JSON, each manifest canonical.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = String::new();
        register(self, &mut json);
        json
    }
}

/// A manifest as it stands, in its own order, right or wrong.
pub(crate) fn verbatim(value: &Manifest) -> String {
    let mut json = String::new();
    manifest(value, Order::AsItIs, &mut json);
    json
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Canonical,
    AsItIs,
}

fn register(register_: &Register, json: &mut String) {
    match register_ {
        Register::Manifest(value) => manifest(value, Order::Canonical, json),
        Register::Url(url) => string(url, json),
        Register::List(list) => array(list, json, register),
    }
}

fn manifest(manifest: &Manifest, order: Order, json: &mut String) {
    let mut object = Object::open(json);
    if !manifest.vars.is_empty() {
        let mut vars = Object::open(object.key("vars"));
        for (name, value) in &manifest.vars {
            string(value, vars.key(name));
        }
        vars.close();
    }
    let mut exports = Object::open(object.key("exports"));
    for (name, value) in &manifest.exports {
        let value = match order {
            Order::Canonical => normalize::canonical(value),
            Order::AsItIs => Cow::Borrowed(value),
        };
        package(&value, exports.key(name));
    }
    exports.close();
    if !manifest.offered {
        object.key("register").push_str("false");
    }
    if let Some(url) = manifest.url.as_deref().filter(|url| !url.is_empty()) {
        string(url, object.key("url"));
    }
    object.unknown(&manifest.unknown);
    object.close();
}

fn package(package: &Package, json: &mut String) {
    let mut object = Object::open(json);
    array(&package.versions, object.key("v"), version);
    let items = object.key("d");
    items.push('[');
    let mut separate = "";
    for value in &package.entries {
        items.push_str(separate);
        entry(value, items);
        separate = ",";
    }
    for id in &package.dependencies {
        items.push_str(separate);
        string(id, items);
        separate = ",";
    }
    items.push(']');
    if !package.tags.is_empty() {
        let mut tags = Object::open(object.key("t"));
        for (tag, index) in &package.tags {
            number(*index as u64, tags.key(tag));
        }
        tags.close();
    }
    object.unknown(&package.unknown);
    object.close();
}

fn version(version: &Version, json: &mut String) {
    let Version {
        major,
        minor,
        patch,
        ..
    } = *version;
    let prerelease = !version.pre.is_empty();
    json.push('[');
    number(major, json);
    if minor != 0 || patch != 0 || prerelease {
        json.push(',');
        number(minor, json);
    }
    if patch != 0 || prerelease {
        json.push(',');
        number(patch, json);
    }
    if prerelease {
        // Prereleases hold nothing that JSON would escape.
        json.push_str(",\"-");
        json.push_str(&version.pre);
        json.push('"');
    }
    json.push(']');
}

fn entry(entry: &Entry, json: &mut String) {
    json.push('[');
    string(&entry.name, json);
    json.push(',');
    array(&entry.variants, json, variant);
    json.push(']');
}

fn variant(variant: &Variant, json: &mut String) {
    let mut object = Object::open(json);
    array(&variant.versions, object.key("v"), index);
    if let Some(file) = &variant.file {
        string(file, object.key("f"));
    }
    if let Some(url) = &variant.url {
        string(url, object.key("u"));
    }
    for (key, indices) in [("s", &variant.statics), ("d", &variant.dynamics)] {
        if !indices.is_empty() {
            array(indices, object.key(key), index);
        }
    }
    if let Some(integrity) = &variant.integrity {
        string(integrity, object.key("i"));
    }
    object.unknown(&variant.unknown);
    object.close();
}

/// An object being written.
struct Object<'j> {
    json: &'j mut String,
    separate: bool,
}

impl<'j> Object<'j> {
    fn open(json: &'j mut String) -> Self {
        json.push('{');
        Object {
            json,
            separate: false,
        }
    }

    /// Writes a key; its value comes next.
    fn key(&mut self, key: &str) -> &mut String {
        if self.separate {
            self.json.push(',');
        }
        self.separate = true;
        string(key, self.json);
        self.json.push(':');
        self.json
    }

    fn unknown(&mut self, unknown: &Unknown) {
        for (key, json) in unknown.iter() {
            self.key(key).push_str(json);
        }
    }

    fn close(self) {
        self.json.push('}');
    }
}

fn array<T>(values: &[T], json: &mut String, mut write: impl FnMut(&T, &mut String)) {
    json.push('[');
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        write(value, json);
    }
    json.push(']');
}

fn index(index: &usize, json: &mut String) {
    number(*index as u64, json);
}

fn number(number: u64, json: &mut String) {
    let _ = write!(json, "{number}");
}

/// A string with JSON's escapes: two-character ones where they exist, `\u00xx` for the other control characters.
fn string(text: &str, json: &mut String) {
    json.push('"');
    let mut rest = text;
    while let Some(position) =
        rest.find(|character| matches!(character, '"' | '\\' | '\0'..='\x1f'))
    {
        json.push_str(&rest[..position]);
        match rest.as_bytes()[position] {
            b'"' => json.push_str("\\\""),
            b'\\' => json.push_str("\\\\"),
            b'\n' => json.push_str("\\n"),
            b'\r' => json.push_str("\\r"),
            b'\t' => json.push_str("\\t"),
            0x08 => json.push_str("\\b"),
            0x0c => json.push_str("\\f"),
            control => {
                let _ = write!(json, "\\u{control:04x}");
            }
        }
        rest = &rest[position + 1..];
    }
    json.push_str(rest);
    json.push('"');
}
