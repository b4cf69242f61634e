//! What programs may see: without a token what was released, and nothing else by any way.

use std::collections::{BTreeMap, BTreeSet};

use radpack_registry::Command;
use radpack_registry::rules::RecordConsumer;
use radpack_registry::state::token::Right;
use serde_json::{Value, json};

use super::{filled, get, reader};
use crate::running::{Asked, ann, header};

#[tokio::test]
async fn without_a_token_only_what_was_released_is_there() {
    let running = filled().await;
    let all = reader(&running).await;
    let some = running.token(&[Right::Read], &["shapes"]).await;
    let names = |listed: &Value| -> Vec<String> {
        let names = listed.as_array().unwrap().iter();
        names
            .map(|it| it["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        names(&get(&running, "/api/packages", "").await.1),
        ["shapes"]
    );
    assert_eq!(
        names(&get(&running, "/api/packages", &some).await.1),
        ["shapes"]
    );
    assert_eq!(
        names(&get(&running, "/api/packages", &all).await.1),
        ["secret", "shapes"]
    );
    let (_, public) = get(&running, "/api/packages/shapes", "").await;
    assert_eq!(public["versions"].as_array().unwrap().len(), 1, "{public}");
    assert!(public["versions"][0]["by"].is_null(), "{public}");
    let (_, whole) = get(&running, "/api/packages/shapes", &some).await;
    assert_eq!(whole["versions"].as_array().unwrap().len(), 2, "{whole}");
    for (path, token, status) in [
        ("/api/packages/secret", "", 404),
        ("/api/packages/secret", &*some, 404),
        ("/api/packages/secret", &*all, 200),
        ("/api/packages/shapes/versions/1.0.0", "", 200),
        ("/api/packages/shapes/versions/1.1.0", "", 404),
        ("/api/packages/shapes/versions/%232", "", 404),
        ("/api/packages/shapes/versions/%232", &*some, 200),
        ("/api/packages/shapes/versions/1.1.0", &*some, 200),
        (
            "/api/packages/shapes/versions/1.0.0/sources/index.js",
            "",
            401,
        ),
        (
            "/api/packages/shapes/versions/1.0.0/sources/index.js",
            &*some,
            200,
        ),
        (
            "/api/packages/shapes/versions/1.0.0/sources/none.js",
            &*some,
            404,
        ),
        ("/api/diff?from=shapes@1.0.0&to=shapes@1.1.0", "", 404),
        ("/api/diff?from=shapes@1.0.0&to=shapes@1.1.0", &*some, 200),
        ("/api/diff?from=shapes@1.0.0", &*some, 400),
        ("/api/tokens", "", 401),
        ("/api/packages/Not a name", "", 404),
    ] {
        let (said, answer) = get(&running, &path.replace(' ', "%20"), token).await;
        assert_eq!(said, status, "{path}: {answer}");
    }
    let (_, version) = get(&running, "/api/packages/shapes/versions/1.0.0", "").await;
    assert!(
        version["sources"].is_null() && version["files"].is_object(),
        "{version}"
    );
    let (_, diff) = get(
        &running,
        "/api/diff?from=shapes@1.0.0&to=shapes@1.1.0",
        &some,
    )
    .await;
    assert_eq!(
        diff["sources"]["changed"],
        json!(["index.js", "package.json"]),
        "{diff}"
    );
}

#[tokio::test]
async fn the_history_is_told_as_far_as_it_may_be() {
    let running = filled().await;
    let all = reader(&running).await;
    let (_, public) = get(&running, "/api/history", "").await;
    let events = public["events"].as_array().unwrap();
    assert_eq!(events.len(), 1, "{public}");
    assert_eq!(
        (&events[0]["kind"], &events[0]["seq"]),
        (&json!("released"), &json!(2))
    );
    assert!(
        !public.to_string().contains("secret") && !public.to_string().contains("\"ann\""),
        "{public}"
    );
    let (_, whole) = get(&running, "/api/history", &all).await;
    assert_eq!(whole["events"].as_array().unwrap().len(), 5, "{whole}");
    let (_, of_one) = get(&running, "/api/history?package=secret", &all).await;
    assert_eq!(of_one["events"].as_array().unwrap().len(), 1, "{of_one}");
    // In pages, each event once.
    let mut seqs = Vec::new();
    let mut since = 0;
    loop {
        let (_, page) = get(
            &running,
            &format!("/api/history?limit=2&since={since}"),
            &all,
        )
        .await;
        let events = page["events"].as_array().unwrap();
        assert!(events.len() <= 2);
        seqs.extend(events.iter().map(|event| event["seq"].as_u64().unwrap()));
        match page["next"].as_u64() {
            Some(next) => since = next,
            None => break,
        }
    }
    assert_eq!(seqs, [1, 2, 3, 4, 5]);
    for (path, token, status) in [
        ("/api/events/1", "", 404),
        ("/api/events/2", "", 200),
        ("/api/events/4", &*all, 200),
        ("/api/events/99", &*all, 404),
        ("/api/events/0", &*all, 404),
        ("/api/events/x", &*all, 404),
        ("/api/history?since=99", &*all, 404),
    ] {
        assert_eq!(get(&running, path, token).await.0, status, "{path}");
    }
    let (_, event) = get(&running, "/api/events/2", "").await;
    assert!(event["facts"].is_null() && event["by"].is_null(), "{event}");
    let (_, event) = get(&running, "/api/events/2", &all).await;
    assert!(
        event["facts"].is_object() && event["by"] == "ann",
        "{event}"
    );
}

#[tokio::test]
async fn the_store_is_read_by_those_who_may_read_everything() {
    let running = filled().await;
    let all = reader(&running).await;
    let some = running
        .token(&[Right::Read, Right::Release], &["shapes"])
        .await;
    for (path, token, status) in [
        ("/api/store/format.json", "", 401),
        ("/api/store/format.json", &*some, 200),
        ("/api/store/events/00000000000000000001.json", "", 401),
        ("/api/store/events/00000000000000000001.json", &*some, 403),
        ("/api/store/events/00000000000000000001.json", &*all, 200),
        ("/api/store/events/00000000000000000999.json", &*all, 404),
        ("/api/store/events/..%2f..%2fformat.json", &*all, 404),
        ("/api/store/etc/passwd", &*all, 404),
        ("/api/store?list=events", &*some, 403),
        ("/api/store?list=..", &*all, 400),
        ("/api/store", &*all, 400),
    ] {
        let (said, answer) = get(&running, path, token).await;
        assert_eq!(said, status, "{path}: {answer}");
    }
    let (_, listed) = get(&running, "/api/store?list=events", &all).await;
    assert_eq!(listed.as_array().unwrap().len(), 6, "{listed}");
    let object = running
        .ask(Asked {
            method: "GET",
            path: "/api/store/events/00000000000000000001.json",
            token: &all,
            ..Asked::default()
        })
        .await;
    let (size, kind) = (object.content_length(), header(&object, "content-type"));
    assert_eq!(kind, "application/octet-stream");
    assert_eq!(size, Some(object.bytes().await.unwrap().len() as u64));
    let (_, folders) = get(&running, "/api/store?folders=blobs", &all).await;
    assert_eq!(folders, json!(["sha256"]));
}

/// Anybody has little of the history looked at for one answer, and comes to its end all the same.
#[tokio::test]
async fn anybody_reads_the_history_in_pages() {
    let running = filled().await;
    for number in 0..1_000 {
        let record = RecordConsumer {
            consumer: "shop".to_owned(),
            pins: Some(BTreeSet::from([format!("shapes@{number}")])),
            follow: BTreeMap::new(),
            production: None,
        };
        let (ann, command) = (ann(), Command::new("ann"));
        let carried = running.registry.carry_out(&ann, &command, &record);
        carried.await.unwrap();
    }
    running.release(&["shapes@1.1.0"]).await;
    let newest = running.json("/readyz").await["seq"].as_u64().unwrap();
    let (_, first) = get(&running, "/api/history", "").await;
    assert_eq!(first["events"].as_array().unwrap().len(), 1, "{first}");
    assert_eq!(first["next"], json!(1_000), "{first}");
    let (_, second) = get(&running, "/api/history?since=1000", "").await;
    assert_eq!(second["events"][0]["seq"], json!(newest), "{second}");
    assert_eq!(second["next"], json!(null), "{second}");
    let (_, one) = get(&running, "/api/history?limit=1", "").await;
    assert_eq!(one["next"], json!(2), "{one}");
    let all = reader(&running).await;
    let (_, whole) = get(&running, "/api/history?package=secret&limit=1", &all).await;
    assert_eq!(whole["events"].as_array().unwrap().len(), 1, "{whole}");
}

/// Whether a line returns to an earlier release or gets a new one, whoever follows is told what it has now.
#[tokio::test]
async fn a_rollback_says_what_is_served_now() {
    let running = filled().await;
    let publisher = running.token(&[Right::Admin, Right::Release], &["*"]).await;
    let versions = json!({ "versions": ["shapes@1.1.0"] });
    let policy = json!({ "package": "shapes", "change": { "releases": "free" } });
    let line = json!({ "line": "shapes" });
    for (path, body) in [
        ("/api/policy", policy),
        ("/api/release", versions),
        ("/api/rollback", line),
    ] {
        let (status, done) = running.command(path, &publisher, body).await;
        assert_eq!(status, 200, "{path}: {done}");
    }
    let (_, public) = get(&running, "/api/history", "").await;
    let last = public["events"].as_array().unwrap().last().unwrap();
    let back = &last["releases"][0];
    assert_eq!(
        (&back["change"], &back["version"]),
        (&json!("rolled-back"), &json!("1.0.0")),
        "{public}"
    );
    let mut events = running
        .get(&format!(
            "/events?since={}",
            last["seq"].as_u64().unwrap() - 1
        ))
        .await;
    let mut text = String::new();
    while !text.contains("\n\n") || !text.contains("data:") {
        let piece = events.chunk().await.unwrap().unwrap();
        text.push_str(std::str::from_utf8(&piece).unwrap());
    }
    assert!(text.contains(r#""version":"1.0.0""#), "{text}");
}
