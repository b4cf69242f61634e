//! Numbers, and what may be published.

use radpack_registry::Plan;
use radpack_registry::rules::Publish;
use radpack_registry::state::fact::BuiltEntry;

use crate::support::{Bench, contents, publish, release, rollback, source, version};

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
    let taken = refused("1.2.0").await;
    assert!(
        taken.ends_with("1.2.0 is taken: a version is never replaced"),
        "{taken}"
    );
    assert!(taken.contains("publish it as 1.2.1"), "{taken}");
    let behind = refused("1.1.0").await;
    assert!(
        behind.ends_with("1.1.0 is not higher than 1.2.0, the highest of the line 1"),
        "{behind}"
    );
    assert!(behind.contains("publish it as 1.2.1"), "{behind}");
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
    let behind = refused("1.2.2").await;
    assert!(
        behind.ends_with("not higher than 2.0.1, the highest of the package"),
        "{behind}"
    );
    assert!(behind.contains("publish it as 2.0.2"), "{behind}");
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
    // Nor one that a rollback makes.
    bench
        .release_each("lines", &["1.0.0", "1.0.9007199254740991"])
        .await;
    let refused = bench.refused(&rollback("lines", None)).await;
    assert!(
        refused.starts_with("no number is left above 1.0.9007199254740991"),
        "{refused}"
    );
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
async fn sources_that_are_there_are_released_where_that_is_asked_for() {
    let bench = Bench::new().await;
    let one = contents("one", &["a"], &[]);
    bench.done(&publish("shapes", None, one.clone())).await;
    let released = Publish {
        release: true,
        ..publish("shapes", None, one)
    };
    bench.done(&released).await;
    assert_eq!(bench.serves("release", "shapes").await, "1.0.0");
    bench.nothing(&released).await;
    // On its way, it is not what everybody has.
    let two = contents("two", &["a"], &[]);
    bench.done(&publish("shapes", None, two.clone())).await;
    let percent = Some(Plan::Percent(10));
    bench
        .done(&release(&["shapes@1.0.1"], "release", percent))
        .await;
    let refused = bench
        .refused(&Publish {
            release: true,
            ..publish("shapes", None, two)
        })
        .await;
    assert!(
        refused.contains("radpack rollout promote shapes@1"),
        "{refused}"
    );
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
