//! Taking back, and releases on their way.

use radpack_registry::rules::Revert;
use radpack_registry::state::fact::RolloutAction;
use radpack_registry::state::package::{RELEASE, Standing};
use radpack_registry::{Plan, Stage};

use super::{getting, revert, rollout, standings};
use crate::support::{Bench, release, rollback, served, version};

#[tokio::test]
async fn rollback_restores_as_a_new_version_where_releases_go_forward() {
    let bench = Bench::new().await;
    bench
        .release_each("shapes", &["1.0.0", "1.1.0", "1.2.0"])
        .await;
    // Not released, and so not to be collided with.
    bench.publish("shapes", Some("1.2.1")).await;
    bench.publish("shapes", Some("1.3.0")).await;
    bench.publish("shapes", Some("2.0.0")).await;
    bench.policy("shapes", "numbering=increasing").await;
    bench.rollback("shapes@1").await;
    assert_eq!(bench.serves("release", "shapes").await, "1.2.2");
    // Again and again walks back, to nothing in the end.
    bench.rollback("shapes").await;
    assert_eq!(bench.serves("release", "shapes").await, "1.2.3");
    let state = bench.moment().await.state;
    let package = state.package("shapes").unwrap();
    for (number, restored) in [("1.2.2", "1.1.0"), ("1.2.3", "1.0.0")] {
        let (made, old) = (
            &package.versions[&version(number)],
            &package.versions[&version(restored)],
        );
        assert_eq!(made.restores, Some(version(restored)));
        assert_eq!(made.contents, old.contents, "byte for byte");
    }
    bench.rollback("shapes@1").await;
    assert_eq!(bench.serves("release", "shapes").await, "");
    bench.refused(&rollback("shapes@1", None)).await;
    // A newer release is not one of those that were taken back.
    bench.release(&["shapes@1.3.0"]).await;
    bench.rollback("shapes@1").await;
    assert_eq!(bench.serves("release", "shapes").await, "");
}

#[tokio::test]
async fn rollback_moves_the_pointer_where_releases_are_free() {
    let bench = Bench::new().await;
    bench.policy("shapes", "releases=free").await;
    bench
        .release_each("shapes", &["1.0.0", "1.1.0", "1.2.0"])
        .await;
    for expected in ["1.1.0", "1.0.0", ""] {
        bench.rollback("shapes@1").await;
        assert_eq!(bench.serves("release", "shapes").await, expected);
    }
    assert_eq!(
        bench
            .moment()
            .await
            .state
            .package("shapes")
            .unwrap()
            .builds(),
        3
    );
}

#[tokio::test]
async fn what_users_have_again_is_good_again() {
    for policy in ["releases=free", "releases=live"] {
        let bench = Bench::new().await;
        bench.release_each("shapes", &["1.0.0", "1.1.0"]).await;
        bench.policy("shapes", policy).await;
        bench.rollback("shapes@1").await;
        // It was a mistake.
        bench.done(&rollback("shapes@1", Some("2"))).await;
        bench.publish("shapes", Some("1.3.0")).await;
        if policy == "releases=free" {
            bench.release(&["shapes@1.3.0"]).await;
        }
        bench.rollback("shapes@1").await;
        let state = bench.moment().await.state;
        let package = state.package("shapes").unwrap();
        let now = bench.serves("release", "shapes").await;
        let contents = |number: &str| &package.versions[&version(number)].contents;
        assert_eq!(contents(&now), contents("1.1.0"), "{policy}");
        // And what was there before that one is there still.
        bench.rollback("shapes@1").await;
        assert_ne!(bench.serves("release", "shapes").await, "", "{policy}");
    }
}

#[tokio::test]
async fn rollback_of_a_prerelease_makes_the_next_one() {
    let bench = Bench::new().await;
    bench
        .release_each("shapes", &["2.0.0-beta.1", "2.0.0-beta.2"])
        .await;
    bench.publish("shapes", Some("2.0.0-beta.3")).await;
    bench.rollback("shapes@2.0.0-").await;
    assert_eq!(bench.serves("release", "shapes").await, "2.0.0-beta.4");
    // Names without a number get one, and the highest number is none to count on from.
    bench
        .release_each("colors", &["1.0.0-alpha", "1.0.0-rc"])
        .await;
    bench.rollback("colors").await;
    assert_eq!(bench.serves("release", "colors").await, "1.0.0-rc.1");
    bench
        .release_each("lines", &["1.0.0-1", "1.0.0-18446744073709551615"])
        .await;
    bench.rollback("lines").await;
    assert_eq!(
        bench.serves("release", "lines").await,
        "1.0.0-18446744073709551615.1"
    );
}

#[tokio::test]
async fn during_a_rollout_rollback_is_abort() {
    let bench = Bench::new().await;
    bench.release_each("shapes", &["1.0.0"]).await;
    bench.publish("shapes", Some("1.0.1")).await;
    bench
        .done(&release(
            &["shapes@1.0.1"],
            "release",
            Some(Plan::Percent(40)),
        ))
        .await;
    assert_eq!(
        getting(&bench.moment().await, "shapes", "1.0.1", 0).len(),
        40
    );
    let to = bench.refused(&rollback("shapes@1", Some("2"))).await;
    assert!(to.contains("the release 2 is on its way"), "{to}");
    bench.rollback("shapes").await;
    let moment = bench.moment().await;
    assert_eq!(getting(&moment, "shapes", "1.0.0", 0).len(), 100);
    assert_eq!(
        standings(&moment, "shapes"),
        [Standing::Good, Standing::Aborted]
    );
    // Nothing was made for it.
    assert_eq!(moment.state.package("shapes").unwrap().builds(), 2);
}

#[tokio::test]
async fn a_rollout_rises_as_planned() {
    let bench = Bench::new().await;
    bench.release_each("shapes", &["1.0.0"]).await;
    bench.publish("shapes", Some("1.0.1")).await;
    let stages = |pairs: &[(u8, u64)]| {
        let stage = |&(percent, seconds): &(u8, u64)| Stage { percent, seconds };
        Some(Plan::Stages(pairs.iter().map(stage).collect()))
    };
    for bad in [
        Some(Plan::Percent(101)),
        Some(Plan::Over(0)),
        stages(&[]),
        stages(&[(50, 60), (10, 60)]),
        stages(&[(50, 60), (50, 60)]),
        stages(&[(10, 0)]),
    ] {
        let refused = bench
            .refused(&release(&["shapes@1.0.1"], "release", bad))
            .await;
        assert!(
            refused.starts_with("it cannot be rolled out so: "),
            "{refused}"
        );
    }
    let plan = stages(&[(10, 600), (50, 600)]);
    bench
        .done(&release(&["shapes@1.0.1"], "release", plan))
        .await;
    let moment = bench.moment().await;
    let mut before = Vec::new();
    for (seconds, expected) in [(0, 10), (599, 10), (600, 50), (1_199, 50), (1_200, 100)] {
        let now = getting(&moment, "shapes", "1.0.1", seconds);
        assert_eq!(now.len(), expected, "after {seconds} s");
        assert!(
            before.iter().all(|it| now.contains(it)),
            "a rise takes nobody back"
        );
        before = now;
    }
    // Who sends no cohort gets the stable release.
    assert_eq!(bench.serves("release", "shapes").await, "1.0.0");
    bench.done(&rollout("shapes", RolloutAction::Pause)).await;
    bench
        .nothing(&rollout("shapes", RolloutAction::Pause))
        .await;
    assert_eq!(
        getting(&bench.moment().await, "shapes", "1.0.1", 5_000).len(),
        10
    );
    bench.done(&rollout("shapes", RolloutAction::Resume)).await;
    bench.done(&rollout("shapes", RolloutAction::Set(30))).await;
    let falls = bench
        .refused(&rollout("shapes", RolloutAction::Set(29)))
        .await;
    assert!(
        falls.contains("it is at 30 % and cannot fall to 29 %"),
        "{falls}"
    );
    bench
        .refused(&rollout("shapes", RolloutAction::Set(101)))
        .await;
    assert_eq!(
        getting(&bench.moment().await, "shapes", "1.0.1", 5_000).len(),
        30
    );
    bench.done(&rollout("shapes", RolloutAction::Promote)).await;
    assert_eq!(bench.serves("release", "shapes").await, "1.0.1");
    bench
        .refused(&rollout("shapes", RolloutAction::Promote))
        .await;
}

#[tokio::test]
async fn what_supersedes_a_rolling_release_goes_to_the_same_clients() {
    let bench = Bench::new().await;
    bench.release_each("shapes", &["1.0.0"]).await;
    for number in ["1.0.1", "1.0.2"] {
        bench.publish("shapes", Some(number)).await;
    }
    let begun = bench
        .done(&release(
            &["shapes@1.0.1"],
            "release",
            Some(Plan::Percent(30)),
        ))
        .await;
    let before = getting(&bench.moment().await, "shapes", "1.0.1", 0);
    bench
        .done(&release(
            &["shapes@1.0.2"],
            "release",
            Some(Plan::Percent(5)),
        ))
        .await;
    let moment = bench.moment().await;
    assert_eq!(getting(&moment, "shapes", "1.0.2", 0), before);
    let channel = moment
        .state
        .package("shapes")
        .unwrap()
        .channel(RELEASE)
        .unwrap();
    let line = channel.lines.values().next().unwrap();
    let rollout = &line.rolling.as_ref().unwrap().rollout;
    assert_eq!(rollout.id, begun.recorded.event.id);
    let older = release(&["shapes@1.0.1"], "release", None);
    assert!(
        bench
            .refused(&older)
            .await
            .contains("is on its way in the line 1")
    );
}

#[tokio::test]
async fn a_revert_brings_back_the_releases_of_a_moment() {
    for policy in ["releases=free", "releases=forward-only"] {
        let bench = Bench::new().await;
        if policy == "releases=free" {
            bench.policy("shapes", policy).await;
        }
        bench.release_each("shapes", &["1.0.0", "1.0.1"]).await;
        bench.release_each("colors", &["1.0.0"]).await;
        let then = bench.moment().await.position.seq;
        bench.release_each("shapes", &["1.1.0", "2.0.0"]).await;
        bench.release_each("lines", &["1.0.0"]).await;
        bench.publish("colors", Some("1.0.1")).await;
        bench
            .done(&release(
                &["colors@1.0.1"],
                "release",
                Some(Plan::Percent(50)),
            ))
            .await;
        let later = bench.moment().await.position.seq;
        let of = async |package: &str| {
            let moment = bench.moment().await;
            let served = served(&moment, "release", package);
            let package = moment.state.package(package).unwrap();
            let restored = served.split_whitespace().map(|number| {
                let published = &package.versions[&version(number)];
                let listed = published.contents.listed_as.clone();
                listed.unwrap().to_string()
            });
            restored.collect::<Vec<_>>().join(" ")
        };
        bench.done(&revert(&bench, then).await).await;
        assert_eq!((&*of("shapes").await, &*of("lines").await), ("1.0.1", ""));
        // Rollouts then unfinished, and those since, count as not begun.
        assert_eq!(
            getting(&bench.moment().await, "colors", "1.0.0", 0).len(),
            100
        );
        bench.nothing(&revert(&bench, then).await).await;
        // It can itself be reverted, and then things can be rolled back as before.
        bench.done(&revert(&bench, later).await).await;
        assert_eq!(
            (&*of("shapes").await, &*of("lines").await),
            ("1.1.0 2.0.0", "1.0.0")
        );
        bench.rollback("shapes@1").await;
        assert_eq!(of("shapes").await, "1.0.1 2.0.0");
        bench.rollback("shapes@1").await;
        assert_eq!(of("shapes").await, "1.0.0 2.0.0");
        let future = revert(&bench, 1).await;
        let future = Revert { to: 99, ..future };
        assert_eq!(bench.refused(&future).await, "event 99 has not happened");
    }
}

#[tokio::test]
async fn a_revert_to_what_was_yanked_is_refused() {
    let bench = Bench::new().await;
    bench.release_each("shapes", &["1.0.0", "1.0.1"]).await;
    bench.yank("shapes@1.0.0").await;
    let refused = bench.refused(&revert(&bench, 2).await).await;
    assert_eq!(
        refused,
        "shapes@1.0.0 was yanked by event 5 and is not served again: it is broken"
    );
    assert!(
        bench
            .refused(&rollback("shapes@1", Some("1")))
            .await
            .contains("was yanked by event 5")
    );
}

/// A past of which nothing was read looks as if there had been nothing.
#[tokio::test]
async fn a_revert_to_what_was_not_read_is_refused() {
    let bench = Bench::new().await;
    bench.release_each("shapes", &["1.0.0"]).await;
    bench.registry.checkpoint().await.unwrap();
    bench.release_each("shapes", &["1.0.1"]).await;
    let bench = Bench {
        registry: radpack_registry::Registry::open(bench.store.clone())
            .await
            .unwrap(),
        store: bench.store,
    };
    let unread = revert(&bench, 2).await;
    let refused = bench.refused(&unread).await;
    assert_eq!(refused, "what shapes was at event 2 has not been read");
    assert_eq!(bench.serves("release", "shapes").await, "1.0.1");
}
