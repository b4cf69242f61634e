//! Writing an index from a manifest that was read.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;

use radpack_manifest::{Manifest, expand};
use radpack_version::VersionRef;

use super::writer::Writer;
use crate::error::IndexError;
use crate::format::{KIND_FILE, KIND_NONE, KIND_URL, VariantRow};

impl Writer {
    /// Writes one manifest, valid and normalized, as the current layer.
    pub(crate) fn manifest(
        &mut self,
        manifest: &Manifest,
        default_vars: &BTreeMap<String, String>,
    ) -> Result<(), IndexError> {
        self.offered(manifest.offered);
        for (name, package) in &manifest.exports {
            let package_name = self.push_text(name)?;
            self.begin_package(package_name)?;
            for version in &package.versions {
                self.version(VersionRef::from(version), None)?;
            }
            for entry in &package.entries {
                self.begin_entry();
                let entry_name = self.push_text(&entry.name)?;
                let (first, _) = self.next_variant()?;
                for (ordinal, variant) in entry.variants.iter().enumerate() {
                    let (_, dependencies) = self.next_variant()?;
                    for version in &variant.versions {
                        self.entry_version(*version as u32, ordinal as u32);
                    }
                    for index in variant.statics.iter().chain(&variant.dynamics) {
                        self.dependency(*index as u32);
                    }
                    let (kind, text) = match (&variant.url, &variant.file) {
                        (Some(url), Some(file)) => {
                            let location = [
                                ("name", name.as_str()),
                                ("entry", entry.name.as_str()),
                                ("file", file.as_str()),
                            ];
                            let vars = [&manifest.vars, default_vars];
                            (KIND_URL, self.push_text(&with_file(url, location, vars))?)
                        }
                        (Some(url), None) => (KIND_URL, self.push_text(url)?),
                        (None, Some(file)) => (KIND_FILE, self.push_text(file)?),
                        (None, None) => (KIND_NONE, (0, 0)),
                    };
                    let integrity = match &variant.integrity {
                        Some(integrity) => self.push_text(integrity)?,
                        None => (0, 0),
                    };
                    let statics = variant.statics.len() as u32;
                    self.variant(VariantRow {
                        text,
                        kind,
                        integrity,
                        dependencies,
                        statics,
                    });
                }
                self.end_entry(name, entry_name, &entry.name, first)?;
            }
            for id in &package.dependencies {
                let id = self.push_text(id)?;
                self.outside(id)?;
            }
            for (tag, version) in &package.tags {
                let tag = self.push_text(tag)?;
                self.tag(tag, *version)?;
            }
            self.end_package()?;
        }
        let mut vars: BTreeMap<&str, &str> = default_vars
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        vars.extend(
            manifest
                .vars
                .iter()
                .map(|(name, value)| (&**name, &**value)),
        );
        self.vars(&vars)
    }
}

/// A URL with the variant's file in it, where it names the file: a variant has room for one text only. What is not known here stays to be
/// filled in.
fn with_file<'t>(
    url: &'t str,
    location: [(&str, &str); 3],
    vars: [&BTreeMap<String, String>; 2],
) -> Cow<'t, str> {
    let names_file = Cell::new(false);
    let expanded = expand(url, |name| {
        if name == "file" {
            names_file.set(true);
        }
        let own = location.iter().find(|(known, _)| *known == name);
        let var = || vars.iter().find_map(|vars| vars.get(name));
        own.map(|(_, value)| *value)
            .or_else(|| var().map(String::as_str))
            .map(Cow::Borrowed)
    });
    if names_file.get() {
        expanded
    } else {
        Cow::Borrowed(url)
    }
}
