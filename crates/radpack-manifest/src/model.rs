//! The manifest in memory: what `radpack.json` holds, as plain data.
//!
//! These types are what readers get and builders fill in. They keep the wire's indices, so that reading and writing move
//! little, and they keep unknown keys, so that a rewrite loses nothing. They are not made for look-up: the resolver's index is.

use std::collections::BTreeMap;

use semver::Version;

use crate::unknown::Unknown;

/// One manifest: every retained export of its packages, compactly.
///
/// Read with [`Manifest::from_slice`], written with [`Manifest::to_json`]. A manifest built in code need not be in canonical
/// order: [`Manifest::normalize`] brings it there, [`Manifest::validate`] checks it by the rules that readers apply.
///
/// ```
/// use radpack_manifest::Manifest;
///
/// let manifest = Manifest::from_slice(br#"{"exports":{"shapes":{"v":[[2,0,1],[1,4]],"d":[["index",[{"v":[0,1],"f":"i.js"}]]]}}}"#)?;
/// let shapes = &manifest.exports["shapes"];
/// assert_eq!(shapes.versions[1].to_string(), "1.4.0");
/// assert_eq!(shapes.entries[0].variants[0].file.as_deref(), Some("i.js"));
/// # Ok::<(), radpack_manifest::ManifestErrors>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Values for URL templates. `url` stands for `${baseUrl}/${file}` where it is not given; `baseUrl` is the manifest's own
    /// URL up to the last `/` where it is not given, which reading a register fills in.
    pub vars: BTreeMap<String, String>,
    /// The packages by name, `name` or `@scope/name`.
    pub exports: BTreeMap<String, Package>,
    /// Whether the exports are offered to others. `"register": false` on the wire makes them internal.
    pub offered: bool,
    /// Another register to read in this one's place, relative to the one this stands in.
    pub url: Option<String>,
    /// Keys that this version does not know, kept for rewriting.
    pub unknown: Unknown,
}

impl Default for Manifest {
    /// An empty manifest that offers what it will hold.
    fn default() -> Self {
        Manifest {
            vars: BTreeMap::new(),
            exports: BTreeMap::new(),
            offered: true,
            url: None,
            unknown: Unknown::default(),
        }
    }
}

impl Manifest {
    /// How many exports there are: the entries of all packages.
    #[must_use]
    pub fn export_count(&self) -> usize {
        self.exports
            .values()
            .map(|package| package.entries.len())
            .sum()
    }
}

/// One package: its retained versions, what it offers at each, and what these depend on.
///
/// Indices into its dependencies count through the entries first, then through the outside ones: an index below
/// `entries.len()` is *that entry at the same version as the depending variant*, any other is
/// `dependencies[index - entries.len()]`; see [`Package::dependency`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Package {
    /// Retained versions without build metadata; newest first in canonical order.
    pub versions: Vec<Version>,
    /// The entries; in canonical order by depth (number of `/`), then by Unicode code point.
    pub entries: Vec<Entry>,
    /// Outside dependencies, as ids; sorted by Unicode code point in canonical order.
    pub dependencies: Vec<String>,
    /// Tags and the versions they stand for, as indices into `versions`.
    pub tags: BTreeMap<String, usize>,
    /// Keys that this version does not know, kept for rewriting.
    pub unknown: Unknown,
}

/// What an index among a variant's dependencies stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dependency<'a> {
    /// An entry of the same package, at the version of the depending variant.
    Own(&'a Entry),
    /// An id to be resolved like any other.
    Outside(&'a str),
}

impl Package {
    /// What the dependency `index` of a variant stands for; nothing where it is out of range.
    #[must_use]
    pub fn dependency(&self, index: usize) -> Option<Dependency<'_>> {
        match self.entries.get(index) {
            Some(entry) => Some(Dependency::Own(entry)),
            None => self
                .dependencies
                .get(index - self.entries.len())
                .map(|id| Dependency::Outside(id)),
        }
    }

    /// The entry of this name.
    #[must_use]
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }
}

/// One thing that a package offers, at every retained version that has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// `index`, or a path such as `locale/fr`; internal chunks are under `c/`.
    pub name: String,
    /// What the entry is at its versions; newest first in canonical order. No two claim the same version.
    pub variants: Vec<Variant>,
}

impl Entry {
    /// The variant that the entry is at a version, given as index into [`Package::versions`].
    #[must_use]
    pub fn variant_at(&self, version: usize) -> Option<&Variant> {
        self.variants
            .iter()
            .find(|variant| variant.versions.contains(&version))
    }
}

/// What an entry is at one or more versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variant {
    /// Indices into [`Package::versions`]; ascending and without gaps in canonical order.
    pub versions: Vec<usize>,
    /// The file, which the `url` template of the manifest's `vars` places.
    pub file: Option<String>,
    /// A whole URL template, which wins over `file`. With neither, the entry has no code of its own, only dependencies.
    pub url: Option<String>,
    /// Static dependencies, loaded with the entry: indices as in [`Package::dependency`]; ascending in canonical order.
    pub statics: Vec<usize>,
    /// Dynamic dependencies, loaded on demand: indices as in [`Package::dependency`]; ascending in canonical order.
    pub dynamics: Vec<usize>,
    /// Subresource Integrity of the file, `sha384-…` by default.
    pub integrity: Option<String>,
    /// Keys that this version does not know, kept for rewriting.
    pub unknown: Unknown,
}
