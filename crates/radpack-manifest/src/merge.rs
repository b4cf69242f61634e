//! Several manifests as one: each package wholly from the last that has it, each URL as it was.
//!
//! A manifest's vars hold for all of its packages, so packages that come together from different manifests cannot all keep
//! theirs. Where the common vars would place a variant elsewhere, it gets its URL written out. Layering for look-up, where every
//! manifest keeps its vars, is the resolver's.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Manifest, Package};
use crate::template::{Location, names, url_of};

/// Merges manifests left to right: each package wholly from the last that has it.
///
/// The vars are merged name by name, the last value counting; `url` is that of the last manifest, also where it is the default
/// one. A name that some package's URLs leave to the context is given by none, so that the context still gives it. Where the
/// merged vars would give another URL than the package's own manifest does, the variant gets that one as `u`, with what that
/// manifest's vars fill in, and placeholders for what they leave to the context; its file stays named beside it.
///
/// The exports are internal only if those of all manifests are. Unknown keys are merged name by name. Nothing is fetched: a
/// `url` that leads to another register is dropped; see [`Flatten`](crate::Flatten). The result is in canonical order; of no
/// manifests it is the empty one.
///
/// ```
/// use radpack_manifest::{Manifest, merge};
///
/// let live = br#"{"vars":{"baseUrl":"https://live.example"},"exports":{"a":{"v":[[1]],"d":[["index",[{"v":[0],"f":"a.js"}]]]}}}"#;
/// let test = br#"{"vars":{"baseUrl":"https://test.example"},"exports":{"b":{"v":[[1]],"d":[["index",[{"v":[0],"f":"b.js"}]]]}}}"#;
/// let merged = merge([Manifest::from_slice(live)?, Manifest::from_slice(test)?]);
/// assert_eq!(merged.vars["baseUrl"], "https://test.example");
/// let url = |name: &str| merged.exports[name].entries[0].variants[0].url.clone();
/// assert_eq!(url("a").as_deref(), Some("https://live.example/a.js"));
/// assert_eq!(url("b"), None);
/// # Ok::<(), radpack_manifest::ManifestErrors>(())
/// ```
#[must_use]
pub fn merge(manifests: impl IntoIterator<Item = Manifest>) -> Manifest {
    let mut manifests: Vec<Manifest> = manifests.into_iter().collect();
    keep_last_of_each_package(&mut manifests);
    let vars = common_vars(&manifests);
    let mut merged = Manifest {
        offered: manifests.is_empty(),
        ..Manifest::default()
    };
    for mut manifest in manifests {
        manifest.rebase(&vars);
        merged.exports.append(&mut manifest.exports);
        merged.unknown.extend(manifest.unknown);
        merged.offered |= manifest.offered;
    }
    merged.vars = vars;
    merged.normalize();
    merged
}

impl Manifest {
    /// Gives the manifest other vars without moving anything: variants that `vars` would place elsewhere get their URL as `u`,
    /// with what the old vars fill in. A name that they leave to the context, and that `vars` gives, is from now on given by
    /// `vars`.
    ///
    /// This is what [`merge`] does with each manifest; for those who choose the vars themselves.
    pub fn rebase(&mut self, vars: &BTreeMap<String, String>) {
        if self.vars == *vars {
            return;
        }
        for (name, package) in &mut self.exports {
            rebase_package(name, package, &self.vars, vars);
        }
        self.vars.clone_from(vars);
    }
}

fn rebase_package(
    name: &str,
    package: &mut Package,
    from: &BTreeMap<String, String>,
    to: &BTreeMap<String, String>,
) {
    for entry in &mut package.entries {
        for variant in &mut entry.variants {
            let location = Location {
                name,
                entry: &entry.name,
                file: variant.file.as_deref(),
                url: variant.url.as_deref(),
            };
            let url = url_of(&location, from, |_| None);
            if url != url_of(&location, to, |_| None) {
                variant.url = url.map(Cow::into_owned);
                if variant.url.is_none() {
                    // It had no code, and gets none.
                    variant.file = None;
                }
            }
        }
    }
}

fn keep_last_of_each_package(manifests: &mut [Manifest]) {
    let mut taken = BTreeSet::new();
    for manifest in manifests.iter_mut().rev() {
        manifest
            .exports
            .retain(|name, _| taken.insert(name.clone()));
    }
}

/// The vars that all the manifests' packages can live with.
fn common_vars(manifests: &[Manifest]) -> BTreeMap<String, String> {
    let mut vars = BTreeMap::new();
    for manifest in manifests {
        // Not giving `url` is giving the default one.
        vars.remove("url");
        vars.extend(manifest.vars.clone());
    }
    for manifest in manifests
        .iter()
        .filter(|manifest| manifest.vars != vars)
        .collect::<Vec<_>>()
    {
        for name in left_to_the_context(manifest) {
            vars.remove(&name);
        }
    }
    vars
}

/// The names that the URLs of a manifest's exports leave open.
fn left_to_the_context(manifest: &Manifest) -> BTreeSet<String> {
    let mut open = BTreeSet::new();
    for (name, package) in &manifest.exports {
        for entry in &package.entries {
            for variant in &entry.variants {
                let location = Location {
                    name,
                    entry: &entry.name,
                    file: variant.file.as_deref(),
                    url: variant.url.as_deref(),
                };
                if let Some(url) = url_of(&location, &manifest.vars, |_| None) {
                    open.extend(names(&url).map(str::to_owned));
                }
            }
        }
    }
    open
}
