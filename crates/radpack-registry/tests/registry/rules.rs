//! What the rules say, one test for each thing that they say, with the answers known.

use std::collections::{BTreeMap, BTreeSet};

use radpack_registry::rules::{
    ChangeRollout, CreateDraft, DraftSource, Publish, RecordConsumer, ReleaseVersions, Revert,
    SaveDraft, VersionPick,
};
use radpack_registry::state::fact::{BuiltEntry, Follows, RolloutAction};
use radpack_registry::state::package::{RELEASE, Standing};
use radpack_registry::{Cohort, Follow, ManifestQuery, Moment, Plan, Stage};

use crate::support::{
    Bench, contents, promote, publish, release, rollback, served, served_to, set, source, version,
    yank,
};

async fn revert(bench: &Bench, to: u64) -> Revert {
    let past = bench.registry.at(to).await.unwrap();
    Revert {
        to,
        package: None,
        past_at: past.position.at,
        past: past.state,
        force: None,
    }
}

fn rollout(line: &str, action: RolloutAction) -> ChangeRollout {
    ChangeRollout {
        line: line.parse().unwrap(),
        channel: RELEASE.to_owned(),
        action,
        force: None,
    }
}

fn standings(moment: &Moment, package: &str) -> Vec<Standing> {
    let channel = moment.state.package(package).unwrap();
    let channel = channel.channel(RELEASE).unwrap();
    channel.releases.iter().map(|it| it.standing).collect()
}

/// The cohorts that are served a version, so many seconds from a moment on.
fn getting(moment: &Moment, package: &str, number: &str, seconds: i64) -> Vec<u8> {
    let at = moment.position.at + jiff::SignedDuration::from_secs(seconds);
    let gets = |cohort: &Cohort| {
        let query = ManifestQuery {
            cohort: Some(*cohort),
            ..ManifestQuery::default()
        };
        let manifest = moment.state.manifest(&query, at).unwrap();
        let package = manifest.exports.get(package);
        package.is_some_and(|it| it.versions.contains(&version(number)))
    };
    Cohort::all().filter(gets).map(Cohort::number).collect()
}

#[tokio::test]
async fn the_change_decides_the_number_where_none_is_said() {
    // What is there, in the order of publishing; whether minors are kept; the line that it goes on from; the names that it exports.
    let ab = &["a", "b"][..];
    let abc = &["a", "b", "c"][..];
    let a = &["a"][..];
    for (there, policy, after, names, expected) in [
        (&[][..], None, None, ab, "1.0.0"),
        (&["1.0.0"], None, None, ab, "1.0.1"),
        (&["1.0.0"], None, None, abc, "1.1.0"),
        (&["1.0.0"], None, None, a, "2.0.0"),
        (&["0.3.1"], None, None, ab, "0.3.2"),
        (&["0.3.1"], None, None, abc, "0.3.2"),
        (&["0.3.1"], None, None, a, "0.4.0"),
        (&["2.0.0", "1.4.2"], None, None, abc, "2.1.0"),
        (&["2.0.0", "1.4.2"], None, Some("1.4.2"), abc, "1.5.0"),
        // Then the next that is free.
        (&["2.0.0", "1.4.2"], None, Some("1.4.2"), a, "3.0.0"),
        (
            &["1.3.5", "1.4.2"],
            Some("keep-minors=on"),
            Some("1.3.5"),
            ab,
            "1.3.6",
        ),
        (
            &["1.3.5", "1.4.2"],
            Some("keep-minors=on"),
            Some("1.3.5"),
            abc,
            "1.5.0",
        ),
        (
            &["1.0.0", "2.0.0"],
            Some("numbering=increasing"),
            Some("1.0.0"),
            ab,
            "2.0.1",
        ),
        // Prereleases come before what they announce.
        (&["2.0.0-rc.1"], None, None, ab, "2.0.0"),
        (&["1.0.0", "1.1.0-rc.1"], None, None, ab, "1.0.1"),
    ] {
        let bench = Bench::new().await;
        if let Some(policy) = policy {
            bench.policy("shapes", policy).await;
        }
        for number in there {
            let contents = contents(number, ab, &[]);
            bench.publish_as("shapes", Some(number), contents).await;
        }
        let mut command = publish("shapes", None, contents("new", names, &[]));
        command.builds[0].after = after.map(version);
        let seq = bench.done(&command).await.recorded.event.seq;
        let moment = bench.moment().await;
        let versions = &moment.state.package("shapes").unwrap().versions;
        let made = versions.iter().find(|(_, it)| it.seq == seq).unwrap();
        assert_eq!(made.0.to_string(), expected, "after {there:?}, {names:?}");
        assert_eq!(made.1.build as usize, there.len() + 1);
    }
}

#[tokio::test]
async fn a_number_is_new_and_higher_than_its_line() {
    let bench = Bench::new().await;
    for number in ["1.0.0", "1.2.0", "2.0.0", "2.1.0-beta.1"] {
        bench.publish("shapes", Some(number)).await;
    }
    let refused = async |number: &str| {
        let contents = contents(&format!("other {number}"), &["a"], &[]);
        bench
            .refused(&publish("shapes", Some(number), contents))
            .await
    };
    assert_eq!(
        refused("1.2.0").await,
        "shapes@1.2.0 cannot be published: shapes has that number with other sources; a draft opened with `radpack restore` \
         goes on from it: 1.2.0 is taken: a version is never replaced; the next free one is 1.2.1"
    );
    assert!(refused("1.1.0").await.contains(
        "1.1.0 is not higher than 1.2.0, the highest of the line 1: the next free one is 1.2.1"
    ));
    // Not even a prerelease.
    assert!(
        refused("1.2.0-rc.1")
            .await
            .contains("not higher than 1.2.0")
    );
    // Prereleases and what was yanked hold nobody up.
    bench.publish("shapes", Some("2.0.5")).await;
    bench.yank("shapes@2.0.5").await;
    bench.publish("shapes", Some("2.0.1")).await;
    assert!(refused("2.0.5").await.contains("2.0.5 is taken"));
    // Where numbers increase, the whole package counts.
    bench.publish("shapes", Some("1.2.1")).await;
    bench.policy("shapes", "numbering=increasing").await;
    assert!(
        refused("1.2.2").await.contains(
            "not higher than 2.0.1, the highest of the package: the next free one is 2.0.2"
        )
    );
}

#[tokio::test]
async fn no_number_is_beyond_what_manifests_can_hold() {
    let bench = Bench::new().await;
    bench.publish("shapes", Some("1.0.9007199254740991")).await;
    let more = contents("more", &["a"], &[]);
    assert!(
        bench
            .refused(&publish("shapes", None, more.clone()))
            .await
            .contains("9007199254740992"),
    );
    let beyond = publish("colors", Some("9007199254740992.0.0"), more);
    assert!(bench.refused(&beyond).await.contains("9007199254740992"));
}

#[tokio::test]
async fn too_small_a_step_names_the_changes_and_the_smallest_number() {
    let bench = Bench::new().await;
    bench
        .publish_as("shapes", Some("1.0.0"), contents("one", &["a", "b"], &[]))
        .await;
    // Another major is there already, from which yet more is gone.
    bench
        .publish_as("shapes", Some("2.0.0"), contents("two", &["a", "c"], &[]))
        .await;
    let less = contents("less", &["a"], &[]);
    let refused = bench
        .refused(&publish("shapes", Some("1.0.1"), less.clone()))
        .await;
    assert!(refused.contains("1.0.1 is too small a step from 1.0.0: `b` of index is removed, so it must be 3.0.0 or higher"), "{refused}");
    let insisting = Publish {
        allow_breaking: Some("nobody used it".to_owned()),
        ..publish("shapes", Some("1.0.1"), less.clone())
    };
    bench.done(&insisting).await;
    let state = bench.moment().await.state;
    let package = state.package("shapes").unwrap();
    let reason = |number: &str| package.versions[&version(number)].breaking.as_deref();
    assert_eq!(reason("1.0.1"), Some("nobody used it"));
    // The number that was named is one.
    bench
        .publish_as("shapes", Some("3.0.0"), contents("less-too", &["a"], &[]))
        .await;
    // Chunks don't count, and modules of which no names are known compare by entries.
    let mut chunks = contents("chunks", &["a"], &[]);
    chunks
        .entries
        .insert("c/x".to_owned(), BuiltEntry::default());
    chunks.entries.get_mut("index").unwrap().exports = None;
    bench.publish_as("shapes", Some("3.0.1"), chunks).await;
}

#[tokio::test]
async fn the_same_sources_again_are_nothing_to_do() {
    for policy in ["releases=forward-only", "releases=free", "releases=live"] {
        let bench = Bench::new().await;
        if policy != "releases=forward-only" {
            bench.policy("shapes", policy).await;
        }
        let one = contents("one", &["a"], &[]);
        bench
            .done(&publish("shapes", Some("1.0.0"), one.clone()))
            .await;
        bench
            .nothing(&publish("shapes", Some("1.0.0"), one.clone()))
            .await;
        bench.nothing(&publish("shapes", None, one.clone())).await;
        bench.publish("shapes", Some("1.0.1")).await;
        // Under the same number also when there are newer ones, released or not.
        let why = bench
            .nothing(&publish("shapes", Some("1.0.0"), one.clone()))
            .await;
        assert_eq!(why, "shapes@1.0.0 has these very sources already");
        let other = contents("other", &["a"], &[]);
        bench
            .refused(&publish("shapes", Some("1.0.0"), other))
            .await;
    }
}

#[tokio::test]
async fn a_file_name_means_one_content_for_ever() {
    let bench = Bench::new().await;
    bench
        .publish_as("shapes", None, contents("one", &["a"], &[]))
        .await;
    let mut other = contents("two", &["a"], &[]);
    let mut file = other.files.remove("index-two.js").unwrap();
    file.sha256 = source("yet another").sha256;
    other.files.insert("index-one.js".to_owned(), file);
    let refused = bench.refused(&publish("shapes", None, other)).await;
    assert!(
        refused.starts_with("the file index-one.js of shapes has other contents in 1.0.0"),
        "{refused}"
    );
    for bad in ["a b.js", "ä.js", "../x.js", "/x.js", "a//b.js", "", "x?.js"] {
        let mut other = contents("two", &["a"], &[]);
        let entry = other.entries.remove("index").unwrap();
        other.entries.insert(bad.to_owned(), entry);
        let refused = bench.refused(&publish("shapes", None, other)).await;
        assert!(refused.starts_with("the entry "), "{refused}");
    }
    for bad in ["_x", ".x", "a b", "node_modules", "@acme", ""] {
        let named = publish(bad, None, contents("two", &["a"], &[]));
        assert!(bench.refused(&named).await.contains("package name"));
    }
}

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

#[tokio::test]
async fn a_consumer_follows_latest_where_nothing_was_released_when_it_began() {
    let bench = Bench::new().await;
    bench.publish("shapes", Some("1.0.0")).await;
    bench.release_each("colors", &["1.0.0"]).await;
    let record = |pins: Option<BTreeSet<String>>, follow: &[(&str, Follows)]| RecordConsumer {
        consumer: "shop".to_owned(),
        pins,
        follow: follow
            .iter()
            .map(|(name, it)| ((*name).to_owned(), *it))
            .collect(),
        production: None,
    };
    bench
        .done(&record(Some(set(["shapes@^1", "colors@^1"])), &[]))
        .await;
    bench.nothing(&record(None, &[])).await;
    bench.release(&["shapes@1.0.0"]).await;
    bench.publish("shapes", Some("1.0.1")).await;
    bench.publish("colors", Some("1.0.1")).await;
    let query = ManifestQuery {
        of: Follow::Consumer("shop".to_owned()),
        ..ManifestQuery::default()
    };
    let both = async || {
        let moment = bench.moment().await;
        let [one, other] = ["shapes", "colors"].map(|it| served_to(&moment, &query, it));
        format!("{one} {other}")
    };
    assert_eq!(both().await, "1.0.1 1.0.0");
    // It stays so, also while it uses it no longer, until it is changed.
    bench.done(&record(Some(set(["colors@^1"])), &[])).await;
    bench
        .done(&record(Some(set(["colors@^1", "shapes@^1"])), &[]))
        .await;
    assert_eq!(both().await, "1.0.1 1.0.0");
    bench
        .done(&record(None, &[("shapes", Follows::Release)]))
        .await;
    assert_eq!(both().await, "1.0.0 1.0.0");
    bench
        .refused(&record(None, &[("lines", Follows::Latest)]))
        .await;
    bench.refused(&record(Some(set(["@"])), &[])).await;
}

#[tokio::test]
async fn a_save_based_on_an_older_revision_is_refused() {
    let bench = Bench::new().await;
    let save = |base: u64, put: &[(&str, &str)], remove: &[&str]| SaveDraft {
        draft: "mine".to_owned(),
        base,
        put: put
            .iter()
            .map(|(path, text)| ((*path).to_owned(), source(text)))
            .collect(),
        remove: remove.iter().map(|path| (*path).to_owned()).collect(),
        message: None,
    };
    bench.publish("shapes", None).await;
    let pick: VersionPick = "shapes@1.0.0".parse().unwrap();
    let files = BTreeMap::from([("index.js".to_owned(), source("one"))]);
    let create = CreateDraft {
        draft: "mine".to_owned(),
        package: "shapes".to_owned(),
        from: DraftSource::Version(pick, files),
    };
    bench.done(&create).await;
    bench.refused(&create).await;
    bench.done(&save(1, &[("a.js", "a")], &[])).await;
    let refused = bench.refused(&save(1, &[("b.js", "b")], &[])).await;
    assert!(
        refused.starts_with("revision 1 of mine is not the newest: ann at "),
        "{refused}"
    );
    assert!(
        refused.contains("(revision 2) saved since, changing a.js."),
        "{refused}"
    );
    for (base, put, remove) in [
        (0, &[("b.js", "b")][..], &[][..]),
        (3, &[("b.js", "b")], &[]),
        (2, &[], &["none.js"]),
        (2, &[("../b.js", "b")], &[]),
        // Both to be there and not.
        (2, &[("a.js", "a")], &["a.js"]),
    ] {
        bench.refused(&save(base, put, remove)).await;
    }
    bench.nothing(&save(2, &[("a.js", "a")], &[])).await;
    bench.done(&save(2, &[], &["index.js"])).await;
    let state = bench.moment().await.state;
    let (_, draft) = state.draft("mine").unwrap();
    let files: Vec<Vec<String>> = (1..=3)
        .map(|it| draft.files(it).unwrap().into_keys().collect())
        .collect();
    assert_eq!(
        files,
        [vec!["index.js"], vec!["a.js", "index.js"], vec!["a.js"]]
    );
    assert_eq!(draft.base, Some(version("1.0.0")));
}
