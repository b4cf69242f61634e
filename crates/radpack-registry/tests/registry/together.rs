//! What would leave something unresolvable for somebody is refused; what is released together is met together.

use radpack_registry::rules::{ChangeRollout, Publish, RecordConsumer, ReleaseVersions};
use radpack_registry::state::fact::RolloutAction;
use radpack_registry::state::package::RELEASE;
use radpack_registry::{Cohort, Follow, ManifestQuery, Plan, Stage};

use crate::support::{Bench, contents, publish, release, rollback, set, yank};

/// `chart` needs `shapes` of its own major; both have 1 released, and 2 not yet.
async fn two_majors() -> Bench {
    let bench = Bench::new().await;
    for major in [1, 2] {
        let number = format!("{major}.0.0");
        bench.publish("shapes", Some(&number)).await;
        let pin = format!("shapes@^{major}");
        let chart = contents(&format!("chart-{major}"), &["a"], &[&pin]);
        bench.publish_as("chart", Some(&number), chart).await;
        if major == 1 {
            bench.release(&["shapes@1.0.0", "chart@1.0.0"]).await;
        }
    }
    bench
}

fn change(package: &str, action: RolloutAction) -> ChangeRollout {
    ChangeRollout {
        line: package.parse().unwrap(),
        channel: RELEASE.to_owned(),
        action,
        force: None,
    }
}

const ALONE: &str = "it would leave without a version what has one now or comes with it: shapes@^2 of chart@2.0.0; \
     release what they need first, or insist with --force REASON";

#[tokio::test]
async fn what_needs_something_unreleased_is_not_released_alone() {
    let bench = two_majors().await;
    let alone = release(&["chart@2.0.0"], RELEASE, None);
    assert_eq!(bench.refused(&alone).await, ALONE);
    let few = release(&["chart@2.0.0"], RELEASE, Some(Plan::Percent(1)));
    assert_eq!(bench.refused(&few).await, ALONE);
    // One after the other, each on its own way: some would get the one and not the other.
    bench
        .done(&release(
            &["shapes@2.0.0"],
            RELEASE,
            Some(Plan::Percent(90)),
        ))
        .await;
    assert_eq!(bench.refused(&few).await, ALONE);
    let forced = |reason: &str| ReleaseVersions {
        force: Some(reason.to_owned()),
        ..release(&["chart@2.0.0"], RELEASE, None)
    };
    assert_eq!(
        bench.refused(&forced(" ")).await,
        "--force needs a reason: people will ask"
    );
    bench.done(&forced("it is known")).await;
}

#[tokio::test]
async fn what_is_released_together_reaches_the_same_clients() {
    let stages = Plan::Stages(vec![Stage {
        percent: 10,
        seconds: 3_600,
    }]);
    for plan in [Plan::Percent(10), Plan::Over(3_600), stages] {
        let bench = two_majors().await;
        let both = release(
            &["chart@2.0.0", "shapes@2.0.0"],
            RELEASE,
            Some(plan.clone()),
        );
        bench.done(&both).await;
        let moment = bench.moment().await;
        for seconds in [0, 360, 3_600] {
            let at = moment.position.at + jiff::SignedDuration::from_secs(seconds);
            for cohort in Cohort::all() {
                let query = ManifestQuery {
                    cohort: Some(cohort),
                    ..ManifestQuery::default()
                };
                let manifest = moment.state.manifest(&query, at).unwrap();
                let versions = |name: &str| &manifest.exports[name].versions;
                assert_eq!(versions("chart"), versions("shapes"), "{plan:?}, {cohort}");
            }
        }
    }
}

#[tokio::test]
async fn what_was_released_together_is_raised_what_is_needed_first() {
    let bench = two_majors().await;
    let both = release(
        &["chart@2.0.0", "shapes@2.0.0"],
        RELEASE,
        Some(Plan::Percent(10)),
    );
    bench.done(&both).await;
    let refused = bench
        .refused(&change("chart", RolloutAction::Set(50)))
        .await;
    assert_eq!(refused, ALONE);
    bench.done(&change("shapes", RolloutAction::Set(50))).await;
    bench.done(&change("chart", RolloutAction::Set(50))).await;
    assert_eq!(
        bench
            .refused(&change("chart", RolloutAction::Promote))
            .await,
        ALONE
    );
    assert_eq!(
        bench.refused(&change("shapes", RolloutAction::Abort)).await,
        ALONE
    );
    bench.done(&change("shapes", RolloutAction::Promote)).await;
    bench.done(&change("chart", RolloutAction::Promote)).await;
    assert_eq!(bench.serves(RELEASE, "chart").await, "1.0.0 2.0.0");
}

#[tokio::test]
async fn on_a_timed_way_what_needs_is_paused_first_and_resumed_last() {
    let bench = two_majors().await;
    let both = release(
        &["chart@2.0.0", "shapes@2.0.0"],
        RELEASE,
        Some(Plan::Over(100_000)),
    );
    bench.done(&both).await;
    assert_eq!(
        bench.refused(&change("shapes", RolloutAction::Pause)).await,
        ALONE
    );
    for (package, action) in [
        ("chart", RolloutAction::Pause),
        ("shapes", RolloutAction::Pause),
    ] {
        bench.done(&change(package, action)).await;
    }
    assert_eq!(
        bench.refused(&change("chart", RolloutAction::Resume)).await,
        ALONE
    );
    bench.done(&change("shapes", RolloutAction::Resume)).await;
    bench.done(&change("chart", RolloutAction::Resume)).await;
}

/// Those who still have the old one, and so not the new one of what it needs, lose nothing by it.
#[tokio::test]
async fn what_the_old_needs_may_go_with_it() {
    let bench = Bench::new().await;
    let mut shapes = contents("shapes-1", &["a"], &[]);
    let index = shapes.entries["index"].clone();
    shapes.entries.insert("old".to_owned(), index);
    bench.publish_as("shapes", Some("1.0.0"), shapes).await;
    let chart = contents("chart-1", &["a"], &["shapes@^1/old"]);
    bench.publish_as("chart", Some("1.0.0"), chart).await;
    bench.release(&["shapes@1.0.0", "chart@1.0.0"]).await;
    let breaking = Publish {
        allow_breaking: Some("nobody else used it".to_owned()),
        ..publish("shapes", Some("1.1.0"), contents("shapes-2", &["a"], &[]))
    };
    bench.done(&breaking).await;
    let chart = contents("chart-2", &["a"], &["shapes@^1"]);
    bench.publish_as("chart", Some("1.1.0"), chart).await;
    let alone = release(&["shapes@1.1.0"], RELEASE, Some(Plan::Percent(20)));
    assert!(
        bench
            .refused(&alone)
            .await
            .contains("shapes@^1/old of chart@1.0.0")
    );
    let both = release(
        &["shapes@1.1.0", "chart@1.1.0"],
        RELEASE,
        Some(Plan::Percent(20)),
    );
    bench.done(&both).await;
    // The other way round: first those that no longer need it.
    let first = bench
        .refused(&change("shapes", RolloutAction::Promote))
        .await;
    assert!(first.contains("shapes@^1/old of chart@1.0.0"), "{first}");
    bench.done(&change("chart", RolloutAction::Promote)).await;
    bench.done(&change("shapes", RolloutAction::Promote)).await;
}

#[tokio::test]
async fn a_consumers_pin_is_not_left_without_a_version() {
    let bench = Bench::new().await;
    bench.release_each("shapes", &["1.0.0"]).await;
    bench.publish("colors", Some("1.0.0")).await;
    bench
        .done(&RecordConsumer {
            consumer: "shop".to_owned(),
            pins: Some(set(["shapes@^1", "colors@^1", "elsewhere@^3"])),
            follow: [].into(),
            production: None,
        })
        .await;
    let refused = bench.refused(&rollback("shapes@1", None)).await;
    assert!(
        refused.contains("shapes@^1 of the consumer shop"),
        "{refused}"
    );
    // It follows the latest of what was never released when it began.
    let refused = bench.refused(&yank("colors@1.0.0")).await;
    assert!(
        refused.contains("colors@^1 of the consumer shop"),
        "{refused}"
    );
    bench.publish("colors", Some("1.0.1")).await;
    bench.yank("colors@1.0.0").await;
    let query = ManifestQuery {
        of: Follow::Consumer("shop".to_owned()),
        ..ManifestQuery::default()
    };
    let moment = bench.moment().await;
    let manifest = moment.state.manifest(&query, moment.now()).unwrap();
    assert_eq!(manifest.exports["colors"].versions[0].to_string(), "1.0.1");
}

#[tokio::test]
async fn what_has_changed_between_two_states_is_known() {
    let bench = two_majors().await;
    let before = bench.moment().await;
    bench.release(&["shapes@2.0.0"]).await;
    bench.publish("new", Some("1.0.0")).await;
    let after = bench.moment().await;
    for (one, other) in [(&before, &after), (&after, &before)] {
        assert_eq!(one.state.changed(&other.state), set(["new", "shapes"]));
        assert_eq!(one.state.changed(&one.state), set([]));
    }
}
