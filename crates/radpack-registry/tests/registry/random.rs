//! Commands at random, carried out on a registry and on the model of one, and all that can be seen compared.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use radpack_registry::rules::{
    ChangeRollout, CreateDraft, DiscardDraft, DraftSource, LinePick, NewBuild, Promote, Publish,
    RecordConsumer, ReleaseVersions, ResetDraft, Revert, Rollback, Rule, SaveDraft, SetPolicy,
    VersionPick, Which, Yank,
};
use radpack_registry::state::State;
use radpack_registry::state::fact::{Follows, RolloutAction};
use radpack_registry::state::package::Package;
use radpack_registry::state::policy::{PolicyChange, Releasing};
use radpack_registry::{
    Caller, Carried, Cohort, Command, CommitError, Follow, Ledger, Line, ManifestQuery, Moment,
    Plan, Registry, Stage,
};
use semver::Version;
use uuid::Uuid;

use crate::model::{Do, From, Verdict, World};
use crate::support::{Bench, contents, source};

const PACKAGES: [&str; 2] = ["shapes", "@acme/colors"];
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
struct Step {
    kind: u8,
    package: usize,
    picks: [usize; 5],
    flags: [bool; 3],
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
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
    fn command(&self, world: &World, seq: u64) -> Do {
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

/// A plan that stays where it is while a test runs.
fn plan(percent: u8) -> Plan {
    const LONG: u64 = 1_000_000_000;
    match percent {
        0 => Plan::Over(LONG),
        10 => Plan::Stages(vec![Stage {
            percent,
            seconds: LONG,
        }]),
        _ => Plan::Percent(percent),
    }
}

/// Insists, for what is needed of what is not asked here.
fn insisted() -> Option<String> {
    Some("it is only a test".to_owned())
}

fn pick(package: &str, version: &Version) -> VersionPick {
    VersionPick {
        package: package.to_owned(),
        which: Which::Number(version.clone()),
    }
}

async fn carry_out(
    registry: &Registry,
    command: &Command,
    what: &Do,
    world: &World,
    moments: &[Moment],
) -> Result<Carried, CommitError> {
    async fn go(
        registry: &Registry,
        command: &Command,
        rule: impl Rule,
    ) -> Result<Carried, CommitError> {
        registry
            .carry_out(&Caller::new("ann"), command, &rule)
            .await
    }
    let line_pick = |package: &String, line: &Line| LinePick {
        package: package.clone(),
        line: Some(line.to_string()),
    };
    match what.clone() {
        Do::Publish {
            package,
            number,
            text,
            names,
            after,
            release,
            insist,
        } => {
            let build = NewBuild {
                contents: contents(&text, &names, &[]),
                package,
                number,
                of: None,
                after,
                assumed: None,
            };
            let rule = Publish {
                builds: vec![build],
                message: None,
                allow_breaking: insist.then(|| "it had to be".to_owned()),
                release,
                force: insisted(),
            };
            go(registry, command, rule).await
        }
        Do::Release {
            package,
            version,
            channel,
            percent,
        } => {
            let rule = ReleaseVersions {
                versions: vec![pick(&package, &version)],
                channel,
                name: None,
                plan: percent.map(plan),
                force: insisted(),
            };
            go(registry, command, rule).await
        }
        Do::Rollout {
            package,
            channel,
            line,
            action,
        } => {
            let rule = ChangeRollout {
                line: line_pick(&package, &line),
                channel,
                action,
                force: insisted(),
            };
            go(registry, command, rule).await
        }
        Do::Rollback {
            package,
            channel,
            line,
            to,
        } => {
            let rule = Rollback {
                line: line_pick(&package, &line),
                channel,
                to: to.map(|to| to.to_string()),
                force: insisted(),
            };
            go(registry, command, rule).await
        }
        Do::Revert { package, to } => {
            let past = moments.get(to as usize).unwrap_or(&moments[0]);
            let rule = Revert {
                to,
                package,
                past: past.state.clone(),
                past_at: past.position.at,
                force: insisted(),
            };
            go(registry, command, rule).await
        }
        Do::Yank { package, version } => {
            let rule = Yank {
                version: pick(&package, &version),
                reason: "it is broken".to_owned(),
                force: insisted(),
            };
            go(registry, command, rule).await
        }
        Do::Policy { package, change } => {
            let rule = SetPolicy {
                package,
                change,
                force: insisted(),
            };
            go(registry, command, rule).await
        }
        Do::Promote {
            packages,
            from,
            to,
            percent,
        } => {
            let rule = Promote {
                packages: packages.into_iter().collect(),
                from,
                to,
                plan: percent.map(plan),
                force: insisted(),
            };
            go(registry, command, rule).await
        }
        Do::Create {
            draft,
            package,
            from,
        } => {
            let from = match from {
                From::Nothing => DraftSource::Empty,
                From::Version(version) => {
                    let text = world
                        .packages
                        .get(&package)
                        .and_then(|it| it.version(&version));
                    let files = text.map(|it| ("index.js".to_owned(), source(&it.text)));
                    DraftSource::Version(pick(&package, &version), files.into_iter().collect())
                }
                From::Draft(other) => DraftSource::Draft(other),
            };
            let rule = CreateDraft {
                draft,
                package,
                from,
            };
            go(registry, command, rule).await
        }
        Do::Save {
            draft,
            base,
            put,
            remove,
        } => {
            let put = put.iter().map(|(path, text)| (path.clone(), source(text)));
            let rule = SaveDraft {
                draft,
                base,
                put: put.collect(),
                remove,
                message: None,
            };
            go(registry, command, rule).await
        }
        Do::Reset { draft, to } => go(registry, command, ResetDraft { draft, to }).await,
        Do::Discard { draft } => go(registry, command, DiscardDraft { draft }).await,
        Do::Consume {
            consumer,
            packages,
            follow,
            production,
        } => {
            let pins = packages.map(|it| it.iter().map(|name| format!("{name}@^1")).collect());
            let rule = RecordConsumer {
                consumer,
                pins,
                follow,
                production,
            };
            go(registry, command, rule).await
        }
    }
}

/// What a manifest offers: of each package, its versions, and of each version its file.
fn offered(
    state: &State,
    moment: &Moment,
    query: &ManifestQuery,
) -> BTreeMap<String, BTreeMap<Version, String>> {
    let manifest = state.manifest(query, moment.position.at).unwrap();
    let packages = manifest.exports.iter().map(|(name, package)| {
        let mut files = BTreeMap::new();
        for variant in &package.entries[0].variants {
            for &index in &variant.versions {
                let file = variant.file.clone().unwrap_or_default();
                let before = files.insert(package.versions[index].clone(), file);
                assert_eq!(before, None);
            }
        }
        assert_eq!(files.len(), package.versions.len());
        (name.clone(), files)
    });
    packages.collect()
}

fn compare_package(package: &Package, model: &crate::model::Package, moment: &Moment) {
    let mut versions: Vec<_> = package
        .versions
        .iter()
        .map(|(number, it)| (it.build, number, it.yanked.is_some()))
        .collect();
    versions.sort_unstable();
    let builds = 1..;
    let expected: Vec<_> = builds
        .zip(&model.versions)
        .map(|(build, it)| (build, &it.number, it.yanked))
        .collect();
    assert_eq!(versions, expected);
    let names: Vec<_> = package.channels.keys().collect();
    assert_eq!(names, model.channels.keys().collect::<Vec<_>>());
    for (name, channel) in &package.channels {
        let there = &model.channels[name];
        let releases: Vec<_> = channel
            .releases
            .iter()
            .map(|it| (&it.version, it.restores, it.standing))
            .collect();
        let expected: Vec<_> = there
            .releases
            .iter()
            .map(|it| (&it.version, it.restores, it.standing))
            .collect();
        assert_eq!(releases, expected, "the releases of {name}");
        let lines: Vec<_> = channel
            .lines
            .keys()
            .map(|&line| {
                let state = channel.line(line, moment.position.at);
                let rolling = state.rolling.map(|it| {
                    let percent = it.rollout.percent(moment.position.at);
                    (it.release, it.rollout.id, percent, it.rollout.is_paused())
                });
                (line, state.stable, rolling)
            })
            .collect();
        let expected: Vec<_> = there
            .lines
            .iter()
            .map(|(&line, it)| {
                let rolling = it.rolling.as_ref();
                let rolling = rolling.map(|it| (it.release, it.id, it.percent, it.paused));
                (line, it.stable, rolling)
            })
            .collect();
        assert_eq!(lines, expected, "the lines of {name}");
    }
}

/// Compares all that can be seen of a state.
fn compare(state: &State, moment: &Moment, world: &World, cohorts: &[u8]) {
    for (name, model) in &world.packages {
        let none = Package::default();
        compare_package(state.package(name).unwrap_or(&none), model, moment);
    }
    let cohorts = [None].into_iter().chain(cohorts.iter().copied().map(Some));
    for cohort in cohorts {
        let given = cohort.map(|it| it.to_string().parse::<Cohort>().unwrap());
        let query = |of: Follow| ManifestQuery {
            of,
            cohort: given,
            with: Vec::new(),
        };
        let with_files = |versions: &dyn Fn(&str) -> Vec<Version>| {
            let packages = world.packages.iter().map(|(name, package)| {
                let file = |it: &Version| format!("index-{}.js", package.version(it).unwrap().text);
                let versions = versions(name).into_iter();
                let files: BTreeMap<_, _> = versions.map(|it| (it.clone(), file(&it))).collect();
                (name.clone(), files)
            });
            let mut packages: BTreeMap<_, _> = packages.collect();
            packages.retain(|_, files| !files.is_empty());
            packages
        };
        for channel in ["release", "staging", "none"] {
            assert_eq!(
                offered(state, moment, &query(Follow::from(channel))),
                with_files(&|name| world.packages[name].served(channel, cohort)),
                "{channel} for {cohort:?}"
            );
        }
        assert_eq!(
            offered(state, moment, &query(Follow::from("latest"))),
            with_files(&|name| world.packages[name].latest()),
        );
        for consumer in world.consumers.keys() {
            assert_eq!(
                offered(state, moment, &query(Follow::Consumer(consumer.clone()))),
                with_files(&|name| world.consumed(consumer, name, cohort)),
            );
        }
    }
    let consumers: Vec<_> = state.consumers().map(|(name, _)| name).collect();
    assert_eq!(consumers, world.consumers.keys().collect::<Vec<_>>());
    for (name, model) in &world.consumers {
        let consumer = state.consumer(name).unwrap();
        let pins: BTreeSet<_> = model.packages.iter().map(|it| format!("{it}@^1")).collect();
        assert_eq!(
            (&consumer.pins, &consumer.follows, consumer.production),
            (&pins, &model.follows, model.production)
        );
    }
    let drafts: Vec<_> = state.drafts().map(|(name, _)| name).collect();
    assert_eq!(drafts, world.drafts.keys().collect::<Vec<_>>());
    for (name, model) in &world.drafts {
        let (package, draft) = state.draft(name).unwrap();
        assert_eq!(package, model.package);
        assert_eq!(draft.revision(), model.revisions.len() as u64);
        for (revision, files) in (1..).zip(&model.revisions) {
            let expected: BTreeMap<_, _> = files
                .iter()
                .map(|(path, text)| (path.clone(), source(text)))
                .collect();
            assert_eq!(
                draft.files(revision).unwrap(),
                expected,
                "{name} at {revision}"
            );
        }
    }
}

async fn look(registry: &Registry, moment: &Moment, world: &World, cohorts: &[u8]) {
    registry
        .ask(moment, |state| {
            // What is not read yet is asked for first, all of it.
            let is_read = PACKAGES
                .iter()
                .filter(|name| state.names().any(|it| it == **name))
                .all(|name| state.package(name).is_some());
            if is_read {
                compare(state, moment, world, cohorts);
            }
        })
        .await
        .unwrap();
}

/// Carries out all steps, and compares after each.
async fn play(steps: Vec<Step>, cohorts: Vec<u8>) {
    let bench = Bench::new().await;
    let mut registry = bench.registry.clone();
    let mut world = World::default();
    let mut worlds = vec![world.clone()];
    let mut moments = vec![registry.refresh().await.unwrap()];
    let mut last = None;
    for step in steps {
        let seq = moments.len() as u64 - 1;
        let what = step.command(&world, seq);
        let command = Command::new("ann");
        let carried = carry_out(&registry, &command, &what, &world, &moments).await;
        let (verdict, id) = match &carried {
            Ok(Carried::Done(committed)) => {
                assert!(!committed.repeated);
                assert_eq!(committed.recorded.event.seq, seq + 1);
                (Verdict::Done, committed.recorded.event.id)
            }
            Ok(Carried::Nothing(_)) => (Verdict::Nothing, Uuid::nil()),
            Err(CommitError::Refused(_)) => (Verdict::Refused, Uuid::nil()),
            Err(error) => panic!("{what:?}: {error}"),
        };
        let expected = world.carry_out(&what, id, &worlds);
        assert_eq!(verdict, expected, "{what:?}: {carried:?}");
        let moment = registry.refresh().await.unwrap();
        if verdict == Verdict::Done {
            worlds.push(world.clone());
            moments.push(moment.clone());
            last = Some((command.id, what));
        }
        look(&registry, &moment, &world, &cohorts).await;
        // The past stays as it was.
        let then = step.picks[4] % moments.len();
        let past = registry.at(then as u64).await.unwrap();
        assert_eq!(past.position, moments[then].position);
        look(&registry, &past, &worlds[then], &cohorts).await;
        match step.picks[3] % 16 {
            0 => {
                registry.checkpoint().await.unwrap();
            }
            1 => registry = Registry::open(bench.store.clone()).await.unwrap(),
            2 => {
                if let Some((id, what)) = &last {
                    let again = Command::again(*id, "ann");
                    let carried = carry_out(&registry, &again, what, &world, &moments).await;
                    let repeated =
                        matches!(&carried, Ok(Carried::Done(committed)) if committed.repeated);
                    assert!(repeated, "{what:?}: {carried:?}");
                }
            }
            _ => {}
        }
    }
    // All of it folded anew, without a checkpoint.
    let mut ledger = Ledger::<State>::default();
    registry.history().catch_up(&mut ledger).await.unwrap();
    let moment = registry.refresh().await.unwrap();
    compare(ledger.state(), &moment, &world, &cohorts);
    registry
        .ask(&moment, |state| {
            for name in PACKAGES {
                let package = state.package(name);
                if package.is_some() {
                    assert_eq!(package, ledger.state().package(name));
                }
            }
        })
        .await
        .unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2_000, ..ProptestConfig::with_cases(cases()) })]

    #[test]
    fn it_does_what_the_model_does(
        steps in steps(),
        cohorts in prop::collection::vec(0..100u8, 3),
    ) {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(play(steps, cohorts));
    }
}

/// A few, unless more are asked for.
fn cases() -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok();
    asked.and_then(|it| it.parse().ok()).unwrap_or(64)
}
