//! What is right only in the light of the whole package: indices, names that stand twice; and what files, URLs and dependencies
//! may be.
//!
//! It works on packages as they stand in the text, before anything is reordered, so paths are those of the text.

use std::collections::{BTreeMap, HashMap};

use radpack_version::Spec;
use semver::Version;

use crate::id::{Id, MAX_ID_BYTES};
use crate::limits::Limits;
use crate::model::{Entry, Manifest, Package};
use crate::problem::{ManifestErrors, ProblemKind, Shown};
use crate::read::At;
use crate::wire::{Item, UNREADABLE, WireEntry, WirePackage};
use crate::write;

impl Manifest {
    /// Whether the manifest, built in code, is one that readers accept, whatever its order.
    ///
    /// It is judged as it would be read, so by the same rules; paths count in the manifest's own order.
    ///
    /// # Errors
    ///
    /// As for [`Manifest::from_slice`], but for the limits on size and number.
    ///
    /// ```
    /// use radpack_manifest::{Manifest, Package};
    ///
    /// let mut manifest = Manifest::default();
    /// let package = Package { tags: [("next".into(), 3)].into(), ..Package::default() };
    /// manifest.exports.insert("shapes".into(), package);
    /// assert_eq!(
    ///     manifest.validate().unwrap_err().to_string(),
    ///     "$.exports[\"shapes\"].t[\"next\"]: index 3 is out of range (versions: 0)"
    /// );
    /// ```
    pub fn validate(&self) -> Result<(), ManifestErrors> {
        let limits = Limits {
            bytes: usize::MAX,
            exports: usize::MAX,
            ..Limits::default()
        };
        Manifest::from_slice_with(write::verbatim(self).as_bytes(), &limits).map(drop)
    }
}

/// Checks a package and makes it one, in canonical order; nothing where there are more problems than there were `before` it.
pub(crate) fn package(wire: WirePackage, before: usize, at: &At<'_>) -> Option<Package> {
    let count = wire.versions.as_ref().map(Vec::len);
    if let Some(versions) = &wire.versions {
        check_versions(versions, &at.field("v"));
    }
    if let Some(items) = &wire.items {
        check_items(items, count, &at.field("d"));
    }
    let mut tags = BTreeMap::new();
    for (tag, index) in wire.tags {
        let at = at.field("t");
        let at = at.name(&tag);
        check_index(index, count, "versions", &at);
        if tags.contains_key(&tag) {
            at.report(ProblemKind::Duplicate, "the tag stands twice");
        }
        tags.insert(tag.clone(), index);
    }
    let mut package = Package {
        tags,
        unknown: wire.unknown,
        ..Package::default()
    };
    package.versions = wire.versions?.into_iter().collect::<Option<_>>()?;
    for item in wire.items? {
        match item? {
            Item::Entry(entry) => {
                let WireEntry { name, variants } = *entry;
                let variants = variants.into_iter().map(|wire| wire.variant).collect();
                package.entries.push(Entry { name, variants });
            }
            Item::Dependency(id) => package.dependencies.push(id.into()),
        }
    }
    if at.problem_count() > before {
        return None;
    }
    at.normalize(&mut package).then_some(package)
}

/// A version twice in one package would leave two answers.
fn check_versions(versions: &[Option<Version>], at: &At<'_>) {
    let mut first = HashMap::with_capacity(versions.len());
    for (index, version) in versions.iter().enumerate() {
        let Some(version) = version else { continue };
        if let Some(earlier) = first.insert(version, index) {
            at.index(index).report(
                ProblemKind::Duplicate,
                format_args!("version {version} stands twice, also at index {earlier}"),
            );
        }
    }
}

fn check_items(items: &[Option<Item>], versions: Option<usize>, at: &At<'_>) {
    let mut entries = HashMap::with_capacity(items.len());
    for (place, item) in items.iter().enumerate() {
        let Some(Item::Entry(entry)) = item else {
            continue;
        };
        let at = at.index(place);
        if let Some(earlier) = entries.insert(entry.name.as_str(), place) {
            let shown = Shown(&entry.name);
            at.index(0).report(
                ProblemKind::Duplicate,
                format_args!("the entry {shown} stands twice, also at index {earlier}"),
            );
        }
        for wire in &entry.variants {
            let at = at.index(1);
            let at = at.index(wire.place);
            let variant = &wire.variant;
            check_indices(&variant.versions, versions, "versions", &at.field("v"));
            for (key, indices) in [("s", &variant.statics), ("d", &variant.dynamics)] {
                check_indices(
                    indices,
                    Some(items.len()),
                    "entries and dependencies",
                    &at.field(key),
                );
            }
        }
    }
}

fn check_indices(indices: &[usize], count: Option<usize>, what: &str, at: &At<'_>) {
    for (position, &index) in indices.iter().enumerate() {
        check_index(index, count, what, &at.index(position));
    }
}

/// Whether an index leads anywhere, as far as it is known how many there are.
fn check_index(index: usize, count: Option<usize>, what: &str, at: &At<'_>) {
    if let Some(count) = count
        && index >= count
        && index != UNREADABLE
    {
        at.report(
            ProblemKind::Index,
            format_args!("index {index} is out of range ({what}: {count})"),
        );
    }
}

/// Checks an outside dependency: it is an id; with a template in it, that shows only once it is filled in.
pub(crate) fn dependency(id: &str, asking: &str, at: &At<'_>) {
    if id.contains("${") && id.len() <= MAX_ID_BYTES {
        return;
    }
    match Id::parse_in(id, Some(asking)) {
        // Of the asking package's name there is a problem already, if there is one.
        Err(error) if !error.is_about(id) => {}
        Err(error) => at.report(ProblemKind::Id, error),
        Ok(parsed) => {
            if let Some(Err(error)) = parsed.spec.map(Spec::parse) {
                let shown = Shown(id);
                at.report(
                    ProblemKind::Id,
                    format_args!("invalid spec in the id {shown}: {error}"),
                );
            }
        }
    }
}

/// Checks a file: it stays in its folder.
pub(crate) fn file(file: &str, at: &At<'_>) {
    if let Err(why) = stays_in_folder(file) {
        at.report(
            ProblemKind::File,
            format_args!("the file {} {why}", Shown(file)),
        );
    }
}

/// Whether a file stays in its folder; what is wrong with it where it does not.
///
/// URLs take `%2e` for a dot, so it is one here.
fn stays_in_folder(file: &str) -> Result<(), &'static str> {
    if file.starts_with('/') {
        return Err("begins with `/`");
    }
    if file.contains('\\') {
        return Err("has a backslash");
    }
    if file.contains(char::is_control) {
        return Err("has a control character");
    }
    let climbs = |segment: &str| {
        let dots = segment.len() <= 6 && segment.to_ascii_lowercase().replace("%2e", ".") == "..";
        dots && !segment.is_empty()
    };
    if file.split('/').any(climbs) {
        return Err("climbs out with `..`");
    }
    Ok(())
}

/// Checks a URL template: it is of a scheme that is loaded, has none (a relative one), or hides it in a template.
///
/// Browsers drop leading blanks and any tabs and line ends, so they don't hide a scheme here.
pub(crate) fn url(url: &str, at: &At<'_>) {
    let mut scheme = String::new();
    for character in url.trim_start_matches(|character| character <= ' ').chars() {
        match character {
            '\t' | '\n' | '\r' => {}
            'a'..='z' | 'A'..='Z' => scheme.push(character.to_ascii_lowercase()),
            '0'..='9' | '+' | '-' | '.' if !scheme.is_empty() => scheme.push(character),
            ':' if !matches!(&*scheme, "http" | "https" | "file" | "") => {
                let (url, scheme) = (Shown(url), Shown(&scheme));
                at.report(
                    ProblemKind::Url,
                    format_args!("the URL {url} has the scheme {scheme}; it may be http, https, file or a template"),
                );
                return;
            }
            _ => return,
        }
    }
}
