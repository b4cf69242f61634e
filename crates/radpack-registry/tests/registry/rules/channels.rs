//! Channels, lines and releases.

use radpack_registry::rules::ReleaseVersions;
use radpack_registry::state::package::RELEASE;
use radpack_registry::{ManifestQuery, Plan};

use super::getting;
use crate::support::{Bench, promote, release, rollback, served, served_to, yank};

#[tokio::test]
async fn what_was_yanked_is_never_served_again() {
    let bench = Bench::new().await;
    bench.release_each("shapes", &["1.0.0", "1.0.1"]).await;
    let refused = bench.refused(&yank("shapes@1.0.1")).await;
    assert_eq!(
        refused,
        "shapes@1.0.1 is what the line 1 of release serves: take that back first, with `radpack rollback shapes@1`"
    );
    bench.yank("shapes@1.0.0").await;
    assert!(
        bench
            .nothing(&yank("shapes@1.0.0"))
            .await
            .contains("it is broken")
    );
    assert!(
        bench
            .refused(&release(&["shapes@1.0.0"], "staging", None))
            .await
            .contains("yanked")
    );
    let with = ManifestQuery {
        with: vec!["shapes@1.0.0".parse().unwrap()],
        ..ManifestQuery::default()
    };
    let moment = bench.moment().await;
    assert!(moment.state.manifest(&with, moment.now()).is_err());
    // It was the only one to return to.
    bench.rollback("shapes@1").await;
    assert_eq!(bench.serves("release", "shapes").await, "");
    assert_eq!(bench.serves("latest", "shapes").await, "1.0.1");
    bench.yank("shapes#2").await;
    assert_eq!(bench.serves("latest", "shapes").await, "");
    // It is still in the history, and at moments before, all is as it was.
    let then = bench.registry.at(4).await.unwrap();
    assert_eq!(served(&then, "release", "shapes"), "1.0.1");
    assert_eq!(moment.state.package("shapes").unwrap().builds(), 2);
}

#[tokio::test]
async fn releases_go_forward_unless_they_are_free_or_live() {
    let bench = Bench::new().await;
    bench
        .release_each("shapes", &["1.0.0", "1.0.1", "2.0.0"])
        .await;
    let back = release(&["shapes@1.0.0"], "release", None);
    let refused = bench.refused(&back).await;
    assert!(
        refused.starts_with("shapes@1.0.0 is not newer than 1.0.1, the release of the line 1"),
        "{refused}"
    );
    bench
        .refused(&release(&["shapes@1.0.1"], "release", None))
        .await;
    bench.policy("shapes", "releases=free").await;
    bench.done(&back).await;
    assert_eq!(bench.serves("release", "shapes").await, "1.0.0 2.0.0");
    bench.policy("shapes", "releases=live").await;
    bench.publish("shapes", None).await;
    bench.publish("shapes", Some("3.0.0-beta.1")).await;
    assert_eq!(
        bench.serves("release", "shapes").await,
        "1.0.0 2.0.1 3.0.0-beta.1"
    );
}

#[tokio::test]
async fn a_prerelease_is_a_line_of_its_own_until_its_base_is_out() {
    let bench = Bench::new().await;
    bench
        .release_each(
            "shapes",
            &["1.0.0", "1.1.0-beta.1", "1.1.0-beta.2", "2.0.0-rc.1"],
        )
        .await;
    assert_eq!(
        bench.serves("release", "shapes").await,
        "1.0.0 1.1.0-beta.2 2.0.0-rc.1"
    );
    assert_eq!(
        bench.serves("latest", "shapes").await,
        "1.0.0 1.1.0-beta.2 2.0.0-rc.1"
    );
    bench
        .refused(&release(&["shapes@1.1.0-beta.1"], "release", None))
        .await;
    // A lower version of the line, and then a later one.
    bench.release_each("shapes", &["1.0.1"]).await;
    assert_eq!(
        bench.serves("release", "shapes").await,
        "1.0.1 1.1.0-beta.2 2.0.0-rc.1"
    );
    bench.release_each("shapes", &["1.2.0"]).await;
    assert_eq!(bench.serves("release", "shapes").await, "1.2.0 2.0.0-rc.1");
    bench.publish("shapes", Some("2.0.0")).await;
    assert_eq!(bench.serves("latest", "shapes").await, "1.2.0 2.0.0");
    assert_eq!(bench.serves("release", "shapes").await, "1.2.0 2.0.0-rc.1");
    bench.release(&["shapes@2.0.0"]).await;
    assert_eq!(bench.serves("release", "shapes").await, "1.2.0 2.0.0");
    let late = release(&["shapes@2.0.0-rc.1"], "release", None);
    assert!(
        bench
            .refused(&late)
            .await
            .contains("would reach nobody: 2.0.0 is out")
    );
    // Whoever tries a prerelease sees it.
    let with = ManifestQuery {
        with: vec!["shapes@2.0.0-rc.1".parse().unwrap()],
        ..ManifestQuery::default()
    };
    assert_eq!(
        served_to(&bench.moment().await, &with, "shapes"),
        "1.2.0 2.0.0-rc.1"
    );
}

#[tokio::test]
async fn keeping_minors_makes_the_majors_release_its_minors() {
    let bench = Bench::new().await;
    bench
        .release_each("shapes", &["0.1.0", "0.2.0", "1.0.0", "1.1.0"])
        .await;
    let before = bench.moment().await;
    assert_eq!(bench.serves("release", "shapes").await, "0.1.0 0.2.0 1.1.0");
    bench.policy("shapes", "keep-minors=on").await;
    assert_eq!(bench.serves("release", "shapes").await, "0.1.0 0.2.0 1.1.0");
    bench.release_each("shapes", &["1.2.0", "1.1.1"]).await;
    assert_eq!(
        bench.serves("release", "shapes").await,
        "0.1.0 0.2.0 1.1.1 1.2.0"
    );
    bench.policy("shapes", "keep-minors=off").await;
    assert_eq!(bench.serves("release", "shapes").await, "0.1.0 0.2.0 1.2.0");
    // Past moments don't change.
    let then = bench.registry.at(before.position.seq).await.unwrap();
    assert_eq!(served(&then, "release", "shapes"), "0.1.0 0.2.0 1.1.0");
}

#[tokio::test]
async fn a_release_on_its_way_in_a_lower_minor_is_overtaken() {
    for toggled in [false, true] {
        let bench = Bench::new().await;
        bench.policy("shapes", "releases=free").await;
        if !toggled {
            bench.policy("shapes", "keep-minors=on").await;
        }
        bench.publish("shapes", Some("1.1.0")).await;
        bench.publish("shapes", Some("1.2.0")).await;
        bench.release(&["shapes@1.2.0"]).await;
        bench
            .done(&release(
                &["shapes@1.1.0"],
                "release",
                Some(Plan::Percent(50)),
            ))
            .await;
        if toggled {
            // Both were once of one line; now they are of two.
            bench.policy("shapes", "keep-minors=on").await;
        }
        bench.policy("shapes", "keep-minors=off").await;
        let moment = bench.moment().await;
        assert_eq!(
            getting(&moment, "shapes", "1.2.0", 0).len(),
            100,
            "{toggled}"
        );
    }
}

#[tokio::test]
async fn a_channel_is_promoted_as_it_serves() {
    let bench = Bench::new().await;
    let named = |pick: &str, name: &str| ReleaseVersions {
        name: Some(name.to_owned()),
        ..release(&[pick], "staging", None)
    };
    for number in ["1.0.0-beta.1", "1.0.0", "2.0.0"] {
        bench.publish("shapes", Some(number)).await;
    }
    bench
        .done(&release(&["shapes@1.0.0-beta.1"], "staging", None))
        .await;
    bench.done(&named("shapes@1.0.0", "spring")).await;
    // What is on its way there is not yet what that channel has.
    bench
        .done(&release(
            &["shapes@2.0.0"],
            "staging",
            Some(Plan::Percent(50)),
        ))
        .await;
    bench.release(&["shapes@1.0.0"]).await;
    bench
        .nothing(&promote("shapes", "staging", "release"))
        .await;
    bench.publish("shapes", Some("1.0.1")).await;
    bench.done(&named("shapes@1.0.1", "summer")).await;
    bench.done(&promote("shapes", "staging", "release")).await;
    assert_eq!(bench.serves("release", "shapes").await, "1.0.1");
    let state = bench.moment().await.state;
    let channel = state.package("shapes").unwrap().channel(RELEASE).unwrap();
    let names: Vec<&str> = channel.releases.iter().map(|it| &*it.name).collect();
    assert_eq!(names, ["r1", "summer"]);
    bench
        .nothing(&promote("shapes", "staging", "release"))
        .await;
    bench
        .refused(&promote("shapes", "release", "release"))
        .await;
    bench.refused(&promote("shapes", "latest", "release")).await;
    bench.refused(&promote("shapes", "none", "release")).await;
}

#[tokio::test]
async fn a_name_means_one_release_of_a_line() {
    let bench = Bench::new().await;
    for number in ["1.0.0", "2.0.0", "1.0.1", "2.0.1"] {
        bench.publish("shapes", Some(number)).await;
    }
    let named = |picks: &[&str], name: &str| ReleaseVersions {
        name: Some(name.to_owned()),
        ..release(picks, "release", None)
    };
    // What those are called that nobody has named, and numbers, are no names.
    for name in ["r1", "r77", "3"] {
        bench.refused(&named(&["shapes@1.0.0"], name)).await;
    }
    bench
        .done(&named(&["shapes@1.0.0", "shapes@2.0.0"], "spring"))
        .await;
    bench.refused(&named(&["shapes@1.0.1"], "spring")).await;
    bench
        .done(&named(&["shapes@1.0.1", "shapes@2.0.1"], "summer"))
        .await;
    bench.policy("shapes", "releases=free").await;
    bench.done(&rollback("shapes@1", Some("spring"))).await;
    assert_eq!(bench.serves("release", "shapes").await, "1.0.0 2.0.1");
    bench.done(&rollback("shapes@2", Some("2"))).await;
    assert_eq!(bench.serves("release", "shapes").await, "1.0.0 2.0.0");
    let other = bench.refused(&rollback("shapes@1", Some("2"))).await;
    assert!(
        other.contains("is 2.0.0, which is not of the line 1"),
        "{other}"
    );
    let unknown = bench.refused(&rollback("shapes@1", Some("autumn"))).await;
    assert!(unknown.contains("has no release \"autumn\""), "{unknown}");
}
