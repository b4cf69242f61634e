//! Commands thought up.

use std::collections::BTreeSet;

use proptest::prelude::*;
use radpack_registry::Line;
use radpack_registry::state::fact::{Follows, RolloutAction};
use radpack_registry::state::policy::{PolicyChange, Releasing};
use semver::Version;

use crate::model::{Do, From, World};

pub(super) const PACKAGES: [&str; 2] = ["shapes", "@acme/colors"];
const CHANNELS: [&str; 2] = ["release", "staging"];
const NAMES: [&[&str]; 4] = [&["a"], &["a", "b"], &["b"], &["a", "b", "c"]];
const NUMBERS: [&str; 15] = [
    "0.1.0",
    "0.1.1",
    "0.2.0",
    "1.0.0",
    "1.0.1",
    "1.0.5",
    "1.1.0-beta.1",
    "1.1.0-beta.2",
    "1.1.0",
    "1.2.0-beta.1",
    "1.2.0",
    "1.3.0",
    "2.0.0-beta.1",
    "2.0.0",
    "2.1.0",
];

/// A step as it is thought up, before anyone knows what there is: each number picks one of what there is then.
#[derive(Clone, Debug)]
pub(super) struct Step {
    kind: u8,
    package: usize,
    pub(super) picks: [usize; 5],
    flags: [bool; 3],
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let picks = proptest::array::uniform5(0..1_000usize);
    let flags = proptest::array::uniform3(any::<bool>());
    let step = (0..100u8, 0..5usize, picks, flags).prop_map(|(kind, package, picks, flags)| Step {
        kind,
        // Most of it happens to one package, so that something comes of it.
        package: package / 4,
        picks,
        flags,
    });
    prop::collection::vec(step, 1..40)
}

fn one<T: Clone>(items: &[T], pick: usize) -> Option<T> {
    (!items.is_empty()).then(|| items[pick % items.len()].clone())
}

impl Step {
    /// The command that it comes to in a world.
    pub(super) fn command(&self, world: &World, seq: u64) -> Do {
        let [first, second, third, fourth, fifth] = self.picks;
        let package = PACKAGES[self.package].to_owned();
        let there = world.packages.get(&package);
        let numbers: Vec<Version> = there
            .iter()
            .flat_map(|it| &it.versions)
            .map(|it| it.number.clone())
            .collect();
        let some = |pick: usize| one(&numbers, pick).unwrap_or(Version::new(1, 0, 0));
        let channel = CHANNELS[usize::from(second % 4 == 0)].to_owned();
        let lines: Vec<Line> = there
            .and_then(|it| it.channels.get(&channel))
            .map(|it| it.lines.keys().copied().collect())
            .unwrap_or_default();
        let line = one(&lines, third).unwrap_or(Line::Major(7));
        let percent = self.flags[0].then_some([0, 1, 10, 33, 50, 90, 100][fourth % 7]);
        let drafts: Vec<String> = world.drafts.keys().cloned().collect();
        let draft = one(&drafts, first).unwrap_or("none".to_owned());
        let revisions = world
            .drafts
            .get(&draft)
            .map_or(0, |it| it.revisions.len() as u64);
        match self.kind {
            0..26 => Do::Publish {
                package,
                number: match first % 3 {
                    0 => None,
                    1 => Some(some(second)),
                    _ => None,
                }
                .or_else(|| {
                    self.flags[0].then(|| NUMBERS[second % NUMBERS.len()].parse().unwrap())
                }),
                text: format!("t{}", third % 12),
                // The same sources always export the same.
                names: NAMES[[0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 3][third % 12]].to_vec(),
                after: (fourth % 3 == 0).then(|| some(fourth / 3)),
                release: fifth % 5 == 0,
                insist: fifth % 3 == 0,
            },
            26..46 => Do::Release {
                package,
                version: match self.flags[1] {
                    true => numbers.iter().max().cloned().unwrap_or(some(0)),
                    false => some(first),
                },
                channel,
                percent,
            },
            46..56 => Do::Rollout {
                package,
                channel,
                line,
                action: match first % 8 {
                    0..3 => RolloutAction::Set((fourth % 102) as u8),
                    3 => RolloutAction::Pause,
                    4 => RolloutAction::Resume,
                    5 => RolloutAction::Abort,
                    _ => RolloutAction::Promote,
                },
            },
            56..68 => Do::Rollback {
                package,
                channel,
                line,
                to: (first % 4 == 0).then_some((fourth % 9) as u32),
            },
            68..73 => Do::Revert {
                package: self.flags[0].then_some(package),
                to: first as u64 % (seq + 2),
            },
            73..77 => Do::Yank {
                package,
                version: some(first),
            },
            77..82 => Do::Policy {
                package,
                change: PolicyChange {
                    keep_minors: (first % 2 == 0).then_some(self.flags[0]),
                    releases: (second % 2 == 0).then_some(
                        [Releasing::ForwardOnly, Releasing::Free, Releasing::Live][third % 3],
                    ),
                    increasing: (fourth % 3 == 0).then_some(self.flags[1]),
                },
            },
            82..86 => {
                let (from, to) = match self.flags[1] {
                    true => ("staging", "release"),
                    false => ("release", "staging"),
                };
                Do::Promote {
                    packages: match first % 3 {
                        0 => PACKAGES.map(str::to_owned).into(),
                        _ => [package].into(),
                    },
                    from: from.to_owned(),
                    to: if first % 7 == 0 { from } else { to }.to_owned(),
                    percent,
                }
            }
            86..89 => Do::Create {
                draft: ["one", "two", "three"][first % 3].to_owned(),
                package,
                from: match second % 3 {
                    0 => From::Nothing,
                    1 => From::Version(some(third)),
                    _ => From::Draft(one(&drafts, third).unwrap_or("none".to_owned())),
                },
            },
            89..94 => Do::Save {
                draft,
                base: (revisions + 1).saturating_sub([1, 1, 1, 1, 0, 2, 3][second % 7]),
                put: (0..third % 3)
                    .map(|it| {
                        let path = ["index.js", "a/b.js", "c.css"][(fourth + it) % 3];
                        (path.to_owned(), format!("f{}", fifth % 4))
                    })
                    .collect(),
                remove: (fifth % 4 == 0)
                    .then(|| ["index.js", "a/b.js", "c.css"][first % 3].to_owned())
                    .into_iter()
                    .collect(),
            },
            94 => Do::Reset {
                draft,
                to: (second as u64) % (revisions + 2),
            },
            95 => Do::Discard { draft },
            _ => Do::Consume {
                consumer: ["shop", "blog"][first % 2].to_owned(),
                packages: (second % 3 != 0).then(|| match third % 3 {
                    0 => [package.clone()].into(),
                    1 => PACKAGES.map(str::to_owned).into(),
                    _ => BTreeSet::new(),
                }),
                follow: (fourth % 4 == 0)
                    .then_some((package, [Follows::Release, Follows::Latest][fifth % 2]))
                    .into_iter()
                    .collect(),
                production: self.flags[0].then_some(self.flags[1]),
            },
        }
    }
}
