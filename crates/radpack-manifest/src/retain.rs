//! Taking versions out of a package, with all that only they had.
//!
//! Which versions stay is the pruning's business, in radpack-build; here is what must follow for the package to stay right.

use semver::Version;

use crate::model::{Package, Variant};
use crate::wire::UNREADABLE;

impl Package {
    /// Keeps the versions for which `keep` says so, and drops what only others had: their variants, entries without variants that
    /// no variant depends on, outside dependencies that none depends on, and tags on them (move a tag before, if it is to stay).
    ///
    /// The package is in canonical order afterwards.
    ///
    /// ```
    /// use radpack_manifest::Manifest;
    ///
    /// let json = br#"{"exports":{"a":{"v":[[2],[1]],"d":[["index",[{"v":[0]},{"v":[1],"s":[1]}]],"b@^1"],"t":{"old":1}}}}"#;
    /// let mut manifest = Manifest::from_slice(json)?;
    /// manifest.exports.get_mut("a").unwrap().retain_versions(|version| version.major == 2);
    /// assert_eq!(manifest.to_json(), r#"{"exports":{"a":{"v":[[2]],"d":[["index",[{"v":[0]}]]]}}}"#);
    /// # Ok::<(), radpack_manifest::ManifestErrors>(())
    /// ```
    pub fn retain_versions(&mut self, mut keep: impl FnMut(&Version) -> bool) {
        let kept: Vec<bool> = self.versions.iter().map(&mut keep).collect();
        let versions = compacted(&kept);
        retain(&mut self.versions, &kept);
        self.tags.retain(|_, index| moved(index, &versions));
        for entry in &mut self.entries {
            for variant in &mut entry.variants {
                variant.versions.retain_mut(|index| moved(index, &versions));
            }
            entry
                .variants
                .retain(|variant| !variant.versions.is_empty());
        }
        self.drop_unused();
        self.normalize();
    }

    /// Drops entries and outside dependencies that nothing uses.
    fn drop_unused(&mut self) {
        let mut used: Vec<bool> = self
            .entries
            .iter()
            .map(|entry| !entry.variants.is_empty())
            .collect();
        used.resize(self.entries.len() + self.dependencies.len(), false);
        let variants = || self.entries.iter().flat_map(|entry| &entry.variants);
        for index in variants().flat_map(
            |Variant {
                 statics, dynamics, ..
             }| statics.iter().chain(dynamics),
        ) {
            if let Some(used) = used.get_mut(*index) {
                *used = true;
            }
        }
        let items = compacted(&used);
        let (used_entries, used_dependencies) = used.split_at(self.entries.len());
        retain(&mut self.entries, used_entries);
        retain(&mut self.dependencies, used_dependencies);
        for variant in self
            .entries
            .iter_mut()
            .flat_map(|entry| &mut entry.variants)
        {
            for index in variant.statics.iter_mut().chain(&mut variant.dynamics) {
                moved(index, &items);
            }
        }
    }
}

/// Where each index leads once only the kept ones are there.
fn compacted(kept: &[bool]) -> Vec<Option<usize>> {
    let mut next = 0;
    let place = |&kept: &bool| {
        let place = kept.then_some(next);
        next += usize::from(kept);
        place
    };
    kept.iter().map(place).collect()
}

/// Moves an index; tells whether it leads anywhere. One that led nowhere before still does.
fn moved(index: &mut usize, places: &[Option<usize>]) -> bool {
    let place = places.get(*index).copied().flatten();
    *index = place.unwrap_or(UNREADABLE);
    place.is_some()
}

fn retain<T>(values: &mut Vec<T>, kept: &[bool]) {
    let mut kept = kept.iter();
    values.retain(|_| kept.next().copied().unwrap_or(true));
}
