//! What readers get: a manifest, as a pure function of the state, the time and the cohort.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use radpack_manifest::{Entry, Manifest, Package as ManifestPackage, Variant};
use semver::Version;

use crate::cohort::Cohort;
use crate::commit::{Refusal, RefusalKind};
use crate::number::Line;
use crate::rules::VersionPick;
use crate::state::State;
use crate::state::fact::Follows;
use crate::state::package::{Audience, Contents, Package, RELEASE};

/// How own entries are written among the dependencies of a version.
const OWN: &str = "~/";

/// Where readers find the files, given where the registry is.
const URL: &str = "${baseUrl}/m/${name}/${file}";

/// What is asked of a registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManifestQuery {
    /// Whose pointers are followed.
    pub of: Follow,
    /// Who asks; without, the stable releases.
    pub cohort: Option<Cohort>,
    /// Versions laid on top: each takes the place of what its line serves.
    pub with: Vec<VersionPick>,
}

/// Whose pointers a manifest follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Follow {
    /// A channel's.
    Channel(String),
    /// Each line's newest version, released or not.
    Latest,
    /// A consumer's: of each package what it follows.
    Consumer(String),
}

impl Default for Follow {
    /// What users get.
    fn default() -> Follow {
        Follow::Channel(RELEASE.to_owned())
    }
}

impl From<&str> for Follow {
    /// The channel of this name; `latest` is computed.
    fn from(channel: &str) -> Follow {
        match channel {
            "latest" => Follow::Latest,
            _ => Follow::Channel(channel.to_owned()),
        }
    }
}

impl State {
    /// The manifest that answers a query at a time.
    ///
    /// # Errors
    ///
    /// If it names a consumer or a version that is not there, or one that was yanked.
    pub fn manifest(&self, query: &ManifestQuery, at: Timestamp) -> Result<Manifest, Refusal> {
        self.manifest_of(query, at, None)
    }

    /// As [`manifest`](State::manifest), with some of the packages only.
    ///
    /// # Errors
    ///
    /// As [`manifest`](State::manifest).
    pub fn manifest_of(
        &self,
        query: &ManifestQuery,
        at: Timestamp,
        only: Option<&BTreeSet<String>>,
    ) -> Result<Manifest, Refusal> {
        let consumer = match &query.of {
            Follow::Consumer(name) => Some(self.consumer(name).ok_or_else(|| {
                Refusal::of(
                    RefusalKind::Unknown,
                    format!("there is no consumer {name:?}; `radpack consumer list` lists those that there are"),
                )
            })?),
            _ => None,
        };
        let mut with: BTreeMap<&str, Vec<&Version>> = BTreeMap::new();
        for pick in &query.with {
            let (version, published) = self.pick(pick)?;
            if let Some(yank) = &published.yanked {
                return Err(Refusal::new(format!(
                    "{}@{version} was yanked by event {}: {}",
                    pick.package, yank.seq, yank.reason
                )));
            }
            with.entry(&pick.package).or_default().push(version);
        }
        let mut manifest = Manifest::default();
        manifest.vars.insert("url".to_owned(), URL.to_owned());
        if let Some(base_url) = self.base_url() {
            manifest
                .vars
                .insert("baseUrl".to_owned(), base_url.to_owned());
        }
        let audience = query.cohort.map_or(Audience::Everybody, Audience::Cohort);
        let names: Vec<&str> = match only {
            Some(only) => only.iter().map(|name| &**name).collect(),
            None => self.names().collect(),
        };
        for name in names {
            let Some(package) = self.package(name) else {
                continue;
            };
            let served = |channel: &str| -> Vec<&Version> {
                package
                    .served(channel, audience, at)
                    .into_iter()
                    .map(|(_, version)| version)
                    .collect()
            };
            let follows = consumer.map(|consumer| {
                consumer
                    .follows
                    .get(name)
                    .copied()
                    .unwrap_or(Follows::Release)
            });
            let mut versions = match (&query.of, follows) {
                (Follow::Latest, _) | (_, Some(Follows::Latest)) => package.latest(),
                (Follow::Channel(channel), _) => served(channel),
                (Follow::Consumer(_), _) => served(RELEASE),
            };
            for &version in with.get(name).into_iter().flatten() {
                let line = package.line_of(version);
                let base = Line::of(version, package.policy.keep_minors);
                versions.retain(|other| {
                    // Whoever tries a prerelease wants to see it, and not what its line has gone past it with.
                    package.line_of(other) != line
                        && (version.pre.is_empty()
                            || Line::of(other, package.policy.keep_minors) != base
                            || **other < *version)
                });
                versions.push(version);
            }
            if !versions.is_empty() {
                manifest
                    .exports
                    .insert(name.to_owned(), package.to_manifest(versions));
            }
        }
        Ok(manifest)
    }
}

/// The manifest of a version alone, for a folder that holds its files as a build leaves them.
#[must_use]
pub fn built_manifest(name: &str, version: &Version, contents: &Contents) -> Manifest {
    let mut manifest = Manifest::default();
    manifest
        .vars
        .insert("url".to_owned(), "${baseUrl}/${name}/${file}".to_owned());
    manifest
        .exports
        .insert(name.to_owned(), to_manifest(&[(version, contents)]));
    manifest
}

/// Lays a package that somebody tries on top of a manifest: each of its versions takes the place of what is of its major there; of 0.x,
/// of its minor.
pub fn lay_on_top(manifest: &mut Manifest, name: &str, tried: ManifestPackage) {
    let there = manifest.exports.entry(name.to_owned()).or_default();
    let line = |version: &Version| Line::of(version, false);
    there.retain_versions(|version| {
        !tried
            .versions
            .iter()
            .any(|other| line(other) == line(version))
    });
    // As versions of one package: their own dependencies stay their own.
    let mut names: Vec<String> = Vec::new();
    for entry in there.entries.iter().chain(&tried.entries) {
        if !names.contains(&entry.name) {
            names.push(entry.name.clone());
        }
    }
    let position = |name: &str| names.iter().position(|other| other == name);
    let mut entries: Vec<Entry> = names
        .iter()
        .map(|name| Entry {
            name: name.clone(),
            variants: Vec::new(),
        })
        .collect();
    let mut versions = Vec::new();
    let mut dependencies = Vec::new();
    for package in [&*there, &tried] {
        let outside = names.len() + dependencies.len();
        let index = |indices: &[usize]| -> Vec<usize> {
            let index = |&index: &usize| match package.entries.get(index) {
                Some(entry) => position(&entry.name),
                None => Some(outside + (index - package.entries.len())),
            };
            indices.iter().filter_map(index).collect()
        };
        for entry in &package.entries {
            let variants = entry.variants.iter().map(|variant| Variant {
                versions: variant
                    .versions
                    .iter()
                    .map(|version| version + versions.len())
                    .collect(),
                statics: index(&variant.statics),
                dynamics: index(&variant.dynamics),
                ..variant.clone()
            });
            if let Some(merged) = position(&entry.name).and_then(|at| entries.get_mut(at)) {
                merged.variants.extend(variants);
            }
        }
        versions.extend(package.versions.iter().cloned());
        dependencies.extend(package.dependencies.iter().cloned());
    }
    there.versions = versions;
    there.entries = entries;
    there.dependencies = dependencies;
    there.normalize();
}

impl Package {
    /// The package with some of its versions, as manifests have it.
    fn to_manifest(&self, mut versions: Vec<&Version>) -> ManifestPackage {
        versions.sort_by(|a, b| b.cmp(a));
        versions.dedup();
        let contents = versions
            .iter()
            .filter_map(|version| Some((*version, &*self.versions.get(*version)?.contents)));
        to_manifest(&contents.collect::<Vec<_>>())
    }
}

/// Versions of a package, newest first, as manifests have them.
fn to_manifest(versions: &[(&Version, &Contents)]) -> ManifestPackage {
    let contents: Vec<&Contents> = versions.iter().map(|(_, contents)| *contents).collect();
    let mut entries: BTreeMap<&str, Entry> = BTreeMap::new();
    let mut outside: BTreeSet<&str> = BTreeSet::new();
    for contents in &contents {
        for (name, entry) in &contents.entries {
            entries.entry(name).or_insert_with(|| Entry {
                name: name.clone(),
                variants: Vec::new(),
            });
            outside.extend(
                entry
                    .statics
                    .iter()
                    .chain(&entry.dynamics)
                    .map(|id| &**id)
                    .filter(|id| !id.starts_with(OWN)),
            );
        }
    }
    let own: BTreeMap<&str, usize> = entries
        .keys()
        .enumerate()
        .map(|(index, name)| (*name, index))
        .collect();
    let others: BTreeMap<&str, usize> = outside
        .iter()
        .enumerate()
        .map(|(index, id)| (*id, own.len() + index))
        .collect();
    let index = |ids: &[String]| -> Vec<usize> {
        let index = |id: &String| match id.strip_prefix(OWN) {
            Some(entry) => own.get(entry).copied(),
            None => others.get(&**id).copied(),
        };
        let mut indices: Vec<usize> = ids.iter().filter_map(index).collect();
        indices.sort_unstable();
        indices
    };
    for (position, contents) in contents.iter().enumerate() {
        for (name, built) in &contents.entries {
            let file = built.file.as_ref();
            let variant = Variant {
                versions: vec![position],
                file: file.cloned(),
                statics: index(&built.statics),
                dynamics: index(&built.dynamics),
                integrity: file.and_then(|file| contents.files.get(file)?.integrity.clone()),
                ..Variant::default()
            };
            if let Some(entry) = entries.get_mut(&**name) {
                entry.variants.push(variant);
            }
        }
    }
    let mut package = ManifestPackage {
        versions: versions
            .iter()
            .map(|(version, _)| (*version).clone())
            .collect(),
        entries: entries.into_values().collect(),
        dependencies: outside.into_iter().map(str::to_owned).collect(),
        ..ManifestPackage::default()
    };
    package.normalize();
    package
}
