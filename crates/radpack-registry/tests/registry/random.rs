//! Commands at random, carried out on a registry and on the model of one, and all that can be seen compared.

mod carry;
mod steps;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use radpack_registry::state::State;
use radpack_registry::state::package::Package;
use radpack_registry::{
    Carried, Cohort, Command, CommitError, Follow, Ledger, ManifestQuery, Moment, Registry,
};
use semver::Version;
use uuid::Uuid;

use crate::model::{Verdict, World};
use crate::support::{Bench, source};
use carry::carry_out;
use steps::{PACKAGES, Step, steps};

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
