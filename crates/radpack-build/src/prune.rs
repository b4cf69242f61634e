//! Which versions a build retains: the prune table, as a pure function of versions.
//!
//! Given what the registers have of a package and the version that is built, each older version is replaced, kept or dropped,
//! with the reason. Rows about stable versions judge stable ones only; a prerelease follows the row about prereleases. What is
//! built displaces nothing newer than itself unless a downgrade is allowed. How a manifest is made of what is kept, `merge.rs` says.

use std::collections::BTreeMap;

use semver::Version;

use crate::report::{Change, Reason, VersionChange};

/// What is retained besides the version that is built.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retention {
    /// `None`: other minors of 0.x are kept, those of later majors are not.
    pub(crate) keep_minors: Option<bool>,
    pub(crate) keep_majors: bool,
    pub(crate) keep_prereleases: bool,
    pub(crate) allow_downgrade: bool,
}

impl Default for Retention {
    fn default() -> Self {
        Retention {
            keep_minors: None,
            keep_majors: true,
            keep_prereleases: true,
            allow_downgrade: false,
        }
    }
}

/// A build that would displace something newer than itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Downgrade {
    /// What it would displace, newest first; not empty.
    pub(crate) newer: Vec<Version>,
}

/// Judges every version that there is. The result has each once, and the one that is built, newest first.
///
/// Build metadata does not count; `existing` may be in any order.
pub(crate) fn prune(
    existing: &[Version],
    built: &Version,
    retention: Retention,
) -> Result<Vec<VersionChange>, Downgrade> {
    let built = without_metadata(built);
    let mut versions: Vec<Version> = existing.iter().map(without_metadata).collect();
    versions.push(built.clone());
    versions.sort_unstable();
    versions.dedup();
    let judge = Judge {
        versions: &versions,
        built: &built,
        retention,
        existed: existing
            .iter()
            .any(|version| without_metadata(version) == built),
    };
    let mut changes: Vec<VersionChange> = versions
        .iter()
        .rev()
        .map(|version| judge.judge(version))
        .collect();
    let newer: Vec<Version> = changes
        .iter()
        .filter(|change| change.version > built && change.displaced_by.as_ref() == Some(&built))
        .map(|change| change.version.clone())
        .collect();
    if !newer.is_empty() && !retention.allow_downgrade {
        return Err(Downgrade { newer });
    }
    settle_displacers(&mut changes, &built);
    Ok(changes)
}

/// A version without build metadata, which never counts.
pub(crate) fn without_metadata(version: &Version) -> Version {
    Version {
        build: semver::BuildMetadata::EMPTY,
        ..version.clone()
    }
}

struct Judge<'v> {
    /// All versions, the one that is built among them, oldest first.
    versions: &'v [Version],
    built: &'v Version,
    retention: Retention,
    existed: bool,
}

impl Judge<'_> {
    fn judge(&self, version: &Version) -> VersionChange {
        let (change, reason, displaced_by) = if version == self.built {
            let change = if self.existed {
                Change::Replaced
            } else {
                Change::Added
            };
            (change, Reason::Built, None)
        } else if version.pre.is_empty() {
            self.judge_stable(version)
        } else {
            self.judge_prerelease(version)
        };
        VersionChange {
            version: version.clone(),
            change,
            reason,
            displaced_by: displaced_by.cloned(),
        }
    }

    fn judge_stable(&self, version: &Version) -> (Change, Reason, Option<&Version>) {
        let built = self.built;
        let dropped = |reason| (Change::Dropped, reason, Some(built));
        let kept = |reason| (Change::Kept, reason, None);
        if !built.pre.is_empty() {
            kept(Reason::PrereleaseBuilt)
        } else if version.major != built.major {
            if self.retention.keep_majors {
                kept(Reason::MajorsKept)
            } else {
                dropped(Reason::MajorsNotKept)
            }
        } else if version.minor == built.minor {
            dropped(Reason::OtherPatch)
        } else if self.keeps_minors_of(version.major) {
            kept(Reason::MinorsKept)
        } else {
            dropped(Reason::OtherMinor)
        }
    }

    fn judge_prerelease(&self, version: &Version) -> (Change, Reason, Option<&Version>) {
        let built = self.built;
        if !built.pre.is_empty() {
            return if same_triple(version, built) && version < built {
                (Change::Dropped, Reason::OlderPrerelease, Some(built))
            } else {
                (Change::Kept, Reason::PrereleaseBuilt, None)
            };
        }
        if !self.retention.keep_prereleases {
            return (Change::Dropped, Reason::PrereleasesNotKept, Some(built));
        }
        let minors_kept = self.keeps_minors_of(version.major);
        let released = self.versions.iter().rev().find(|other| {
            other.pre.is_empty()
                && *other > version
                && other.major == version.major
                && (other.minor == version.minor || !minors_kept)
        });
        if released.is_some() {
            return (Change::Dropped, Reason::Released, released);
        }
        let newest = self
            .versions
            .iter()
            .rev()
            .find(|other| same_triple(other, version));
        match newest {
            Some(newest) if newest != version => {
                (Change::Dropped, Reason::OlderPrerelease, Some(newest))
            }
            _ => (Change::Kept, Reason::NewestPrerelease, None),
        }
    }

    fn keeps_minors_of(&self, major: u64) -> bool {
        self.retention.keep_minors.unwrap_or(major == 0)
    }
}

fn same_triple(a: &Version, b: &Version) -> bool {
    (a.major, a.minor, a.patch) == (b.major, b.minor, b.patch)
}

/// What displaced a version may itself be dropped: then what displaced that one did. In the end it is a retained one.
fn settle_displacers(changes: &mut [VersionChange], built: &Version) {
    let dropped: BTreeMap<Version, Version> = changes
        .iter()
        .filter_map(|change| Some((change.version.clone(), change.displaced_by.clone()?)))
        .collect();
    for change in changes {
        let Some(displacer) = &mut change.displaced_by else {
            continue;
        };
        // Displacers are newer, or the version that is built, which nothing displaces: so this ends.
        for _ in 0..dropped.len() {
            match dropped.get(displacer) {
                Some(next) => displacer.clone_from(next),
                None => break,
            }
        }
        if dropped.contains_key(displacer) {
            displacer.clone_from(built);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Case {
        existing: &'static str,
        built: &'static str,
        options: &'static str,
        /// What is left, newest first, or `refused: ` and what would be dropped.
        expected: &'static str,
    }

    const fn case(
        existing: &'static str,
        built: &'static str,
        options: &'static str,
        expected: &'static str,
    ) -> Case {
        Case {
            existing,
            built,
            options,
            expected,
        }
    }

    /// The table and the examples of docs/building.md, and what follows from them.
    const CASES: &[Case] = &[
        // The examples.
        case("", "1.0.0", "", "1.0.0"),
        case("1.0.0", "1.0.1", "", "1.0.1"),
        case("1.0.1", "1.1.0", "", "1.1.0"),
        case("1.0.1", "1.1.0", "keepMinors", "1.1.0 1.0.1"),
        case("1.1.0", "2.0.0", "", "2.0.0 1.1.0"),
        case("2.0.0 1.1.0", "1.1.1", "", "2.0.0 1.1.1"),
        // The same version is replaced.
        case("1.0.0", "1.0.0", "", "1.0.0"),
        case("2.0.0 1.0.0", "1.0.0", "", "2.0.0 1.0.0"),
        case("1.0.0+old", "1.0.0+new", "", "1.0.0"),
        // The same minor, another patch: dropped, even if minors are kept.
        case("1.0.0", "1.0.1", "keepMinors", "1.0.1"),
        case("1.0.2", "1.0.1", "", "refused: 1.0.2"),
        case("1.0.2", "1.0.1", "keepMinors", "refused: 1.0.2"),
        case("1.0.2", "1.0.1", "allowDowngrade", "1.0.1"),
        // Another minor.
        case("1.2.0", "1.1.5", "", "refused: 1.2.0"),
        case("1.2.0", "1.1.5", "keepMinors", "1.2.0 1.1.5"),
        case("1.2.0", "1.1.5", "allowDowngrade", "1.1.5"),
        case("1.4.0 1.3.0 1.2.0", "1.3.1", "", "refused: 1.4.0"),
        // 0.x keeps minors by default.
        case("0.1.0", "0.2.0", "", "0.2.0 0.1.0"),
        case("0.1.0", "0.1.1", "", "0.1.1"),
        case("0.1.0", "0.2.0", "noKeepMinors", "0.2.0"),
        case("0.3.0 0.1.0", "0.2.0", "", "0.3.0 0.2.0 0.1.0"),
        case("0.9.0", "1.0.0", "", "1.0.0 0.9.0"),
        // Another major.
        case("3.0.0 1.0.0", "2.0.0", "", "3.0.0 2.0.0 1.0.0"),
        case("1.0.0", "2.0.0", "noKeepMajors", "2.0.0"),
        case("3.0.0", "2.0.0", "noKeepMajors", "refused: 3.0.0"),
        case("3.0.0", "2.0.0", "noKeepMajors allowDowngrade", "2.0.0"),
        // Prereleases are kept until they are out.
        case("2.0.0-beta.1 1.0.0", "1.1.0", "", "2.0.0-beta.1 1.1.0"),
        case("2.0.0-beta.1 1.0.0", "2.0.0", "", "2.0.0 1.0.0"),
        case("2.0.0-beta.1", "2.0.1", "", "2.0.1"),
        case("2.0.0-beta.1", "2.1.0", "", "2.1.0"),
        case("2.1.0-beta.1", "2.0.5", "", "2.1.0-beta.1 2.0.5"),
        case("2.0.0-beta.1", "2.1.0", "keepMinors", "2.1.0 2.0.0-beta.1"),
        case("2.0.0-beta.1", "2.0.3", "keepMinors", "2.0.3"),
        case("0.2.0-beta.1", "0.3.0", "", "0.3.0 0.2.0-beta.1"),
        case("0.2.0-beta.1", "0.2.1", "", "0.2.1"),
        case("2.0.0-beta.1", "3.0.0", "", "3.0.0 2.0.0-beta.1"),
        case("2.0.0-beta.1 2.0.0", "3.0.0", "", "3.0.0 2.0.0"),
        case(
            "2.0.0-beta.1",
            "3.0.0",
            "noKeepMajors",
            "3.0.0 2.0.0-beta.1",
        ),
        // Only the newest of a triple is kept.
        case(
            "2.0.0-beta.2 2.0.0-beta.1 2.0.0-alpha",
            "1.0.0",
            "",
            "2.0.0-beta.2 1.0.0",
        ),
        case(
            "1.0.0-beta.2 1.0.0-beta.1",
            "2.0.0",
            "",
            "2.0.0 1.0.0-beta.2",
        ),
        case("2.0.0-rc.10 2.0.0-rc.9", "3.0.0", "", "3.0.0 2.0.0-rc.10"),
        // Prereleases not kept.
        case("1.1.0-beta 1.0.0", "1.2.0", "noKeepPrereleases", "1.2.0"),
        case("1.0.0-beta", "2.0.0", "noKeepPrereleases", "2.0.0"),
        case(
            "2.0.0-beta",
            "1.0.0",
            "noKeepPrereleases",
            "refused: 2.0.0-beta",
        ),
        case(
            "2.0.0-beta",
            "1.0.0",
            "noKeepPrereleases allowDowngrade",
            "1.0.0",
        ),
        // A prerelease that is built drops only older prereleases of its own triple.
        case("1.0.0", "1.0.1-beta.1", "", "1.0.1-beta.1 1.0.0"),
        case("1.0.0", "1.0.0-beta.1", "", "1.0.0 1.0.0-beta.1"),
        case("1.1.0-beta.1", "1.1.0-beta.2", "", "1.1.0-beta.2"),
        case(
            "1.1.0-beta.3",
            "1.1.0-beta.2",
            "",
            "1.1.0-beta.3 1.1.0-beta.2",
        ),
        case("1.1.0-beta.1", "1.1.0-beta.1", "", "1.1.0-beta.1"),
        case(
            "1.0.0-beta.1",
            "1.1.0-beta.2",
            "",
            "1.1.0-beta.2 1.0.0-beta.1",
        ),
        case(
            "1.0.0 0.9.0-beta",
            "1.1.0-beta.2",
            "noKeepMajors noKeepPrereleases",
            "1.1.0-beta.2 1.0.0 0.9.0-beta",
        ),
    ];

    fn versions(text: &str) -> Vec<Version> {
        text.split_whitespace()
            .map(|text| text.parse().unwrap())
            .collect()
    }

    fn retention(options: &str) -> Retention {
        let mut retention = Retention::default();
        for option in options.split_whitespace() {
            match option {
                "keepMinors" => retention.keep_minors = Some(true),
                "noKeepMinors" => retention.keep_minors = Some(false),
                "noKeepMajors" => retention.keep_majors = false,
                "noKeepPrereleases" => retention.keep_prereleases = false,
                "allowDowngrade" => retention.allow_downgrade = true,
                other => panic!("{other}"),
            }
        }
        retention
    }

    fn show<'v>(versions: impl IntoIterator<Item = &'v Version>) -> String {
        let shown: Vec<String> = versions.into_iter().map(ToString::to_string).collect();
        shown.join(" ")
    }

    #[test]
    fn the_table() {
        assert!(CASES.len() >= 45, "cases were lost");
        for case in CASES {
            let built: Version = case.built.parse().unwrap();
            let found = match prune(&versions(case.existing), &built, retention(case.options)) {
                Ok(changes) => {
                    let left = changes
                        .iter()
                        .filter(|change| change.change != Change::Dropped);
                    show(left.map(|change| &change.version))
                }
                Err(downgrade) => format!("refused: {}", show(&downgrade.newer)),
            };
            let Case {
                existing, options, ..
            } = case;
            assert_eq!(found, case.expected, "[{existing}] + {built} {options}");
        }
    }

    #[test]
    fn every_change_has_its_reason_and_its_displacer() {
        let existing = versions(
            "3.0.0 2.1.0 2.0.9 2.0.0-rc.1 2.1.1-beta.2 2.2.0-beta.2 2.2.0-beta.1 1.0.0-beta.1 2.2.0",
        );
        let changes = prune(&existing, &"2.2.0".parse().unwrap(), Retention::default()).unwrap();
        let shown: Vec<String> = changes
            .iter()
            .map(|change| {
                let displacer = change
                    .displaced_by
                    .as_ref()
                    .map_or_else(String::new, |by| format!(" by {by}"));
                format!(
                    "{} {:?} {:?}{displacer}",
                    change.version, change.change, change.reason
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                "3.0.0 Kept MajorsKept",
                "2.2.0 Replaced Built",
                "2.2.0-beta.2 Dropped Released by 2.2.0",
                "2.2.0-beta.1 Dropped Released by 2.2.0",
                "2.1.1-beta.2 Dropped Released by 2.2.0",
                "2.1.0 Dropped OtherMinor by 2.2.0",
                "2.0.9 Dropped OtherMinor by 2.2.0",
                "2.0.0-rc.1 Dropped Released by 2.2.0",
                "1.0.0-beta.1 Kept NewestPrerelease",
            ]
        );
    }

    #[test]
    fn what_displaced_a_displacer_counts() {
        // 1.0.0 is what 1.0.0-beta.1 waited for, and 2.0.0 drops it.
        let retention = retention("noKeepMajors");
        let changes = prune(
            &versions("1.0.0 1.0.0-beta.1"),
            &"2.0.0".parse().unwrap(),
            retention,
        )
        .unwrap();
        assert_eq!(changes[2].displaced_by, Some("2.0.0".parse().unwrap()));
    }

    fn any_version() -> impl Strategy<Value = Version> {
        (0_u64..3, 0_u64..3, 0_u64..3, prop::option::of(0_u64..3)).prop_map(
            |(major, minor, patch, pre)| Version {
                pre: pre.map_or(semver::Prerelease::EMPTY, |pre| {
                    semver::Prerelease::new(&format!("rc.{pre}")).unwrap()
                }),
                ..Version::new(major, minor, patch)
            },
        )
    }

    proptest! {
        #[test]
        fn nothing_newer_is_lost_and_displacers_are_retained(
            existing in prop::collection::vec(any_version(), 0..12),
            built in any_version(),
            keep_minors in prop::option::of(any::<bool>()),
            keep_majors: bool,
            keep_prereleases: bool,
            allow_downgrade: bool,
        ) {
            let retention = Retention { keep_minors, keep_majors, keep_prereleases, allow_downgrade };
            let Ok(changes) = prune(&existing, &built, retention) else {
                prop_assert!(!allow_downgrade);
                return Ok(());
            };
            for version in &existing {
                prop_assert_eq!(changes.iter().filter(|change| change.version == *version).count(), 1);
            }
            for change in &changes {
                prop_assert_eq!(change.change == Change::Dropped, change.displaced_by.is_some());
                if change.change == Change::Dropped {
                    let by = change.displaced_by.as_ref().unwrap();
                    prop_assert!(allow_downgrade || change.version < *by);
                    prop_assert!(changes.iter().any(|other| other.version == *by && other.change != Change::Dropped));
                }
            }
            // Building the same once more changes nothing further.
            let left: Vec<Version> = changes.iter().filter(|change| change.change != Change::Dropped).map(|change| change.version.clone()).collect();
            let again = prune(&left, &built, retention).unwrap();
            prop_assert!(again.iter().all(|change| change.change != Change::Dropped));
        }
    }
}
