//! Canonical order: versions newest first, entries by depth and name, dependencies sorted, every index following.
//!
//! Order and sharing only; the text is [`write`](crate::write)'s. It takes any package, also one that is wrong, and never
//! panics: an index that leads nowhere still leads nowhere afterwards.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;

use semver::{BuildMetadata, Version};

use crate::model::{Entry, Manifest, Package, Variant};
use crate::register::Register;
use crate::wire::UNREADABLE;

impl Manifest {
    /// Brings the manifest into canonical order, in which it is written and in which readers give it.
    ///
    /// Versions newest first, without build metadata; entries by depth, then code point; outside dependencies sorted, each once;
    /// a variant for each run of neighbouring versions with the same contents, newest first, indices ascending; empty files and
    /// URLs become none, and so do variants without versions. Entries stay, even without variants.
    pub fn normalize(&mut self) {
        self.url.take_if(|url| url.is_empty());
        self.exports.values_mut().for_each(Package::normalize);
    }
}

impl Package {
    /// Brings the package into canonical order; see [`Manifest::normalize`].
    pub fn normalize(&mut self) {
        let mut budget = usize::MAX;
        self.normalize_within(&mut budget);
    }

    /// Brings the package into canonical order, or stops, and leaves it in none, where splitting variants would copy more than
    /// `budget` bytes. What is copied is taken off.
    pub(crate) fn normalize_within(&mut self, budget: &mut usize) -> bool {
        is_canonical(self) || normalize(self, budget)
    }
}

impl Register {
    /// Brings every manifest of the register into canonical order.
    pub fn normalize(&mut self) {
        match self {
            Register::Manifest(manifest) => manifest.normalize(),
            Register::Url(_) => {}
            Register::List(list) => list.iter_mut().for_each(Register::normalize),
        }
    }
}

/// The package in canonical order.
pub(crate) fn canonical(package: &Package) -> Cow<'_, Package> {
    if is_canonical(package) {
        return Cow::Borrowed(package);
    }
    let mut package = package.clone();
    package.normalize();
    Cow::Owned(package)
}

/// Entries by depth (number of `/`), then code point, which is the order of UTF-8's bytes.
fn compare_entries(a: &str, b: &str) -> Ordering {
    let depth = |name: &str| name.bytes().filter(|&byte| byte == b'/').count();
    depth(a).cmp(&depth(b)).then_with(|| a.cmp(b))
}

/// Whether [`normalize`] would change nothing; so what is in order already, which is most, costs one look.
fn is_canonical(package: &Package) -> bool {
    let Package {
        versions,
        entries,
        dependencies,
        tags: _,
        unknown: _,
    } = package;
    let items = entries.len() + dependencies.len();
    versions.iter().all(|version| version.build.is_empty())
        && versions.is_sorted_by(|newer, older| newer > older)
        && entries.is_sorted_by(|a, b| compare_entries(&a.name, &b.name).is_lt())
        && dependencies.is_sorted_by(|a, b| a < b)
        && entries
            .iter()
            .all(|entry| are_canonical(&entry.variants, versions.len(), items))
}

fn are_canonical(variants: &[Variant], versions: usize, items: usize) -> bool {
    let in_order = |indices: &[usize]| {
        indices.is_sorted_by(|a, b| a < b) && indices.last().is_none_or(|&last| last < items)
    };
    variants.iter().all(|variant| {
        variant.versions.last().is_some_and(|&last| last < versions)
            && variant
                .versions
                .is_sorted_by(|&a, &b| a.checked_add(1) == Some(b))
            && in_order(&variant.statics)
            && in_order(&variant.dynamics)
            && ![&variant.file, &variant.url]
                .iter()
                .any(|text| text.as_deref() == Some(""))
    }) && variants.windows(2).all(|pair| {
        let (end, start) = (
            pair[0].versions[pair[0].versions.len() - 1],
            pair[1].versions[0],
        );
        start > end && (start > end + 1 || !same_contents(&pair[0], &pair[1]))
    })
}

/// Whether two variants are the same but for their versions.
fn same_contents(a: &Variant, b: &Variant) -> bool {
    a.file == b.file
        && a.url == b.url
        && a.statics == b.statics
        && a.dynamics == b.dynamics
        && a.integrity == b.integrity
        && a.unknown == b.unknown
}

fn normalize(package: &mut Package, budget: &mut usize) -> bool {
    let versions = sort_versions(&mut package.versions);
    for index in package.tags.values_mut() {
        *index = moved(*index, &versions);
    }
    let mut items = sort_entries(&mut package.entries);
    sort_dependencies(&mut package.dependencies, package.entries.len(), &mut items);
    for entry in &mut package.entries {
        for variant in &mut entry.variants {
            for index in &mut variant.versions {
                *index = moved(*index, &versions);
            }
            for indices in [&mut variant.statics, &mut variant.dynamics] {
                for index in indices.iter_mut() {
                    *index = moved(*index, &items);
                }
                indices.sort_unstable();
                indices.dedup();
            }
            variant.file.take_if(|file| file.is_empty());
            variant.url.take_if(|url| url.is_empty());
        }
        if !share_variants(&mut entry.variants, budget) {
            return false;
        }
    }
    true
}

/// Where an index leads after a reordering.
fn moved(index: usize, map: &[usize]) -> usize {
    map.get(index).copied().unwrap_or(UNREADABLE)
}

/// Sorts by `compare`, and tells for each old index the new one.
fn sort_by<T>(values: &mut Vec<T>, compare: impl Fn(&T, &T) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| compare(&values[a], &values[b]));
    let mut map = vec![0; values.len()];
    for (new, &old) in order.iter().enumerate() {
        map[old] = new;
    }
    let mut taken: Vec<Option<T>> = values.drain(..).map(Some).collect();
    values.extend(order.into_iter().filter_map(|old| taken[old].take()));
    map
}

fn sort_versions(versions: &mut Vec<Version>) -> Vec<usize> {
    for version in versions.iter_mut() {
        version.build = BuildMetadata::EMPTY;
    }
    sort_by(versions, |a, b| b.cmp(a))
}

fn sort_entries(entries: &mut Vec<Entry>) -> Vec<usize> {
    sort_by(entries, |a, b| compare_entries(&a.name, &b.name))
}

/// Sorts the outside dependencies, each once; `items` gets where each goes, after the entries.
fn sort_dependencies(dependencies: &mut Vec<String>, entries: usize, items: &mut Vec<usize>) {
    let map = sort_by(dependencies, |a, b| a.cmp(b));
    // How many before each are repetitions of their predecessor.
    let mut repeated = 0;
    let shifts: Vec<usize> = (0..dependencies.len())
        .map(|index| {
            repeated += usize::from(index > 0 && dependencies[index] == dependencies[index - 1]);
            repeated
        })
        .collect();
    items.extend(map.into_iter().map(|new| entries + new - shifts[new]));
    dependencies.dedup();
}

/// Shares a variant among neighbouring versions of the same contents, and only among such. Stops where that would copy more than
/// `budget` bytes.
fn share_variants(variants: &mut Vec<Variant>, budget: &mut usize) -> bool {
    let first_of = firsts_of_same_contents(variants);
    let mut claims: Vec<(usize, usize)> = Vec::new();
    for (number, variant) in variants.iter().enumerate() {
        claims.extend(variant.versions.iter().map(|&version| (version, number)));
    }
    claims.sort_unstable();
    let mut shared: Vec<Variant> = Vec::with_capacity(variants.len());
    // Where the contents of each variant have gone.
    let mut placed: Vec<Option<usize>> = vec![None; variants.len()];
    let mut last = None;
    for (version, number) in claims {
        let first = first_of[number];
        let before = last.replace((version, first));
        if before == last {
            continue;
        }
        let neighbour =
            before.is_some_and(|(end, of)| of == first && end.checked_add(1) == Some(version));
        if neighbour && let Some(variant) = shared.last_mut() {
            variant.versions.push(version);
            continue;
        }
        let contents = match placed[first] {
            None => {
                placed[first] = Some(shared.len());
                std::mem::take(&mut variants[first])
            }
            Some(place) => {
                let Some(left) = budget.checked_sub(size(&shared[place])) else {
                    return false;
                };
                *budget = left;
                shared[place].clone()
            }
        };
        shared.push(Variant {
            versions: vec![version],
            ..contents
        });
    }
    *variants = shared;
    true
}

/// For each variant the first one of the same contents.
fn firsts_of_same_contents(variants: &[Variant]) -> Vec<usize> {
    let mut firsts = HashMap::with_capacity(variants.len());
    let mut first_of = Vec::with_capacity(variants.len());
    for (number, variant) in variants.iter().enumerate() {
        let Variant {
            versions: _,
            file,
            url,
            statics,
            dynamics,
            integrity,
            unknown,
        } = variant;
        let contents = (file, url, statics, dynamics, integrity, unknown);
        first_of.push(*firsts.entry(contents).or_insert(number));
    }
    first_of
}

/// What a copy of a variant's contents takes, in bytes, roughly.
fn size(variant: &Variant) -> usize {
    let Variant {
        versions: _,
        file,
        url,
        statics,
        dynamics,
        integrity,
        unknown,
    } = variant;
    let texts = [file, url, integrity]
        .into_iter()
        .flatten()
        .map(String::len);
    let unknown = unknown.iter().map(|(key, json)| key.len() + json.len());
    size_of::<Variant>()
        + size_of::<usize>() * (statics.len() + dynamics.len())
        + texts.chain(unknown).sum::<usize>()
}
