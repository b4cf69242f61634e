//! What is right only in the light of the whole package: indices, names, claims; and what a file or URL may be.
//!
//! It works on packages as they stand in the text, before anything is reordered.

use std::collections::{BTreeMap, HashMap};

use radpack_version::Spec;
use semver::Version;

use crate::id::{Id, MAX_ID_BYTES};
use crate::model::{Entry, Manifest, Package, Variant};
use crate::problem::{ManifestErrors, ProblemKind, Shown};
use crate::read::At;
use crate::wire::{Item, UNREADABLE, WirePackage};
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
    /// manifest.exports.insert("shapes".into(), Package { tags: [("next".into(), 3)].into(), ..Package::default() });
    /// let errors = manifest.validate().unwrap_err();
    /// assert_eq!(errors.to_string(), "$.exports[\"shapes\"].t[\"next\"]: index 3 is out of range (versions: 0)");
    /// ```
    pub fn validate(&self) -> Result<(), ManifestErrors> {
        let limits = crate::Limits {
            bytes: usize::MAX,
            exports: usize::MAX,
            ..crate::Limits::default()
        };
        Manifest::from_slice_with(write::verbatim(self).as_bytes(), &limits).map(drop)
    }
}

/// Checks a package and makes it one, in the order of the text.
pub(crate) fn package(wire: WirePackage, name: &str, at: &At<'_>) -> Option<Package> {
    let versions = wire.versions.as_deref();
    if let Some(versions) = versions {
        check_versions(versions, &at.field("v"));
    }
    if let Some(items) = &wire.items {
        check_items(items, versions, name, &at.field("d"));
    }
    let mut tags = BTreeMap::new();
    for (tag, index) in wire.tags {
        let at = at.field("t");
        let at = at.name(&tag);
        check_version_index(index, versions, &at);
        if tags.contains_key(&tag) {
            at.report(ProblemKind::Duplicate, "the tag stands twice");
        }
        tags.insert(tag.clone(), index);
    }
    let mut package = Package {
        versions: wire.versions?.into_iter().collect::<Option<_>>()?,
        tags,
        unknown: wire.unknown,
        ..Package::default()
    };
    for item in wire.items? {
        match item? {
            Item::Entry(entry) => package.entries.push(entry),
            Item::Dependency(id) => package.dependencies.push(id),
        }
    }
    Some(package)
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

fn check_items(
    items: &[Option<Item>],
    versions: Option<&[Option<Version>]>,
    name: &str,
    at: &At<'_>,
) {
    let mut entries = HashMap::with_capacity(items.len());
    let mut seen_dependency = false;
    for (index, item) in items.iter().enumerate() {
        let at = at.index(index);
        match item {
            None => {}
            Some(Item::Dependency(id)) => {
                seen_dependency = true;
                check_dependency(id, name, &at);
            }
            Some(Item::Entry(entry)) => {
                let shown = Shown(&entry.name);
                if seen_dependency {
                    at.report(
                        ProblemKind::Order,
                        format_args!("the entry {shown} stands after a dependency"),
                    );
                }
                if let Err(error) = Id::check_entry(&entry.name) {
                    at.index(0).report(ProblemKind::Id, error);
                }
                if let Some(earlier) = entries.insert(entry.name.as_str(), index) {
                    at.index(0).report(
                        ProblemKind::Duplicate,
                        format_args!("the entry {shown} stands twice, also at index {earlier}"),
                    );
                }
                check_variants(entry, versions, items.len(), &at.index(1));
            }
        }
    }
}

/// An outside dependency is an id; with a template in it, that shows only once it is filled in.
fn check_dependency(id: &str, asking: &str, at: &At<'_>) {
    if id.contains("${") && id.len() <= MAX_ID_BYTES {
        return;
    }
    match Id::parse_in(id, Some(asking)) {
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

fn check_variants(entry: &Entry, versions: Option<&[Option<Version>]>, items: usize, at: &At<'_>) {
    let mut claims = HashMap::new();
    for (number, variant) in entry.variants.iter().enumerate() {
        let at = at.index(number);
        for (position, &index) in variant.versions.iter().enumerate() {
            let at = at.field("v");
            let at = at.index(position);
            if !check_version_index(index, versions, &at) {
                continue;
            }
            match claims.insert(index, number) {
                Some(earlier) if earlier != number => {
                    let shown = versions.and_then(|versions| versions.get(index)?.as_ref());
                    let shown =
                        shown.map_or_else(|| format!("at index {index}"), Version::to_string);
                    at.report(
                        ProblemKind::Duplicate,
                        format_args!("version {shown} is claimed by two variants, also by the one at index {earlier}"),
                    );
                }
                _ => {}
            }
        }
        check_variant(variant, items, &at);
    }
}

fn check_variant(variant: &Variant, items: usize, at: &At<'_>) {
    if let Some(file) = &variant.file
        && let Err(why) = check_file(file)
    {
        at.field("f").report(
            ProblemKind::File,
            format_args!("the file {} {why}", Shown(file)),
        );
    }
    if let Some(url) = &variant.url
        && let Err(scheme) = check_url(url)
    {
        let shown = Shown(url);
        at.field("u").report(
            ProblemKind::Url,
            format_args!("the URL {shown} has the scheme `{scheme}`; http, https, file or a template may stand there"),
        );
    }
    for (key, indices) in [("s", &variant.statics), ("d", &variant.dynamics)] {
        for (position, &index) in indices.iter().enumerate() {
            if index >= items && index != UNREADABLE {
                let at = at.field(key);
                let at = at.index(position);
                report_out_of_range(index, items, "entries and dependencies", &at);
            }
        }
    }
}

/// Whether an index leads to a version; reports it where it leads nowhere.
fn check_version_index(index: usize, versions: Option<&[Option<Version>]>, at: &At<'_>) -> bool {
    match versions {
        _ if index == UNREADABLE => false,
        Some(versions) if index >= versions.len() => {
            report_out_of_range(index, versions.len(), "versions", at);
            false
        }
        _ => true,
    }
}

fn report_out_of_range(index: usize, count: usize, what: &str, at: &At<'_>) {
    at.report(
        ProblemKind::Index,
        format_args!("index {index} is out of range ({what}: {count})"),
    );
}

/// Whether a file stays in its folder; what is wrong with it where it does not.
///
/// URLs take `%2e` for a dot, so it is one here.
pub(crate) fn check_file(file: &str) -> Result<(), &'static str> {
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
        segment == ".." || matches!(&*segment.to_ascii_lowercase(), ".%2e" | "%2e." | "%2e%2e")
    };
    if file.split('/').any(climbs) {
        return Err("climbs out with `..`");
    }
    Ok(())
}

/// Whether a URL template is of a scheme that is loaded, has none (a relative one), or hides it in a template; the scheme where
/// it is another.
///
/// Browsers drop leading blanks and any tabs and line ends, so they don't hide a scheme here.
pub(crate) fn check_url(url: &str) -> Result<(), String> {
    let mut scheme = String::new();
    for character in url.trim_start_matches(|character| character <= ' ').chars() {
        match character {
            '\t' | '\n' | '\r' => {}
            ':' => break,
            'a'..='z' | 'A'..='Z' => scheme.push(character.to_ascii_lowercase()),
            '0'..='9' | '+' | '-' | '.' if !scheme.is_empty() => scheme.push(character),
            _ => return Ok(()),
        }
    }
    let ended = url.contains(':');
    if !ended || matches!(&*scheme, "http" | "https" | "file" | "") {
        Ok(())
    } else {
        Err(scheme)
    }
}
