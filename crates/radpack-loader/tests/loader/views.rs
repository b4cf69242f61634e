//! Scope, context, overrides: views that share what is behind them.

use std::collections::BTreeSet;
use std::time::Duration;

use radpack_loader::{FetchOptions, LoadErrorKind, Source, WatchOptions};
use radpack_version::Fallback;

use crate::server::{Fault, Reply, Server};
use crate::{builder, manifest, quick};

#[tokio::test]
async fn scope_context_and_fallback_are_those_of_the_copy() {
    let json = r#"{"vars":{"baseUrl":"https://${region}.example"},"exports":{
        "a":{"v":[[1,1]],"d":[["index",[{"v":[0],"f":"a.js"}]],["fr",[{"v":[0],"f":"fr.js"}]]]}}}"#;
    let radpack = builder()
        .register(Source::json(json))
        .context("region", "eu")
        .scope("a")
        .build()
        .await
        .unwrap();
    let url = |radpack: &radpack_loader::Radpack, id: &str| {
        radpack.resolve(id).unwrap().url().unwrap().unwrap()
    };
    assert_eq!(url(&radpack, "~/fr"), "https://eu.example/fr.js");
    let copy = radpack
        .with_context("region", "us")
        .with_context("locale", "fr");
    assert_eq!(url(&copy, "~/${locale}"), "https://us.example/fr.js");
    assert_eq!(url(&radpack, "a"), "https://eu.example/a.js");
    assert!(radpack.with_scope("b").resolve("~/fr").is_err());
    assert!(radpack.resolve("a@1.1.9").is_ok());
    assert!(
        radpack
            .with_fallback(Fallback::None)
            .resolve("a@1.1.9")
            .is_err()
    );
    // Copies see what the loader sees.
    radpack.register(Source::json(
        r#"{"exports":{"b":{"v":[[1]],"d":[["index",[{"v":[0],"f":"b.js"}]]]}}}"#,
    ));
    radpack.ready().await.unwrap();
    assert!(copy.resolve("b").is_ok());
}

#[tokio::test]
async fn overrides_lie_on_top_of_a_copy_and_share_caches() {
    let server = Server::start().await;
    server.on("/radpack.json", Reply::ok(manifest("a", "[1]", b"live")));
    server.on("/a.js", Reply::ok("live"));
    let mine = r#"{"exports":{"a":{"v":[[1,0,1]],"d":[["index",[{"v":[0],"f":"mine.js","s":[1]}]],"b"]}}}"#;
    server.on("/mine/radpack.json", Reply::ok(mine).etag("\"m\""));
    server.on("/mine/mine.js", Reply::ok("mine"));
    server.on(
        "/b/radpack.json",
        Reply::ok(manifest("b", "[1]", b"live b")),
    );
    server.on("/b/b.js", Reply::ok("live b"));
    let radpack = builder()
        .register(server.url("/b/radpack.json"))
        .register(server.url("/radpack.json"))
        .build()
        .await
        .unwrap();
    let live = radpack.load("a").await.unwrap();
    let copy = radpack
        .with_overrides(server.url("/mine/radpack.json"))
        .await
        .unwrap();
    let loaded = copy.load("a@^1").await.unwrap();
    assert_eq!(loaded.bytes(), "mine");
    assert_eq!(loaded.modules()[0].bytes(), "live b");
    assert_eq!(
        radpack.load("a@^1").await.unwrap().graph_id(),
        live.graph_id()
    );
    assert_eq!(radpack.status().registers.len(), 2);

    // The next request: nothing is read or compiled again.
    let again = radpack
        .with_overrides(server.url("/mine/radpack.json"))
        .await
        .unwrap();
    assert_eq!(again.snapshot().number(), copy.snapshot().number());
    assert_eq!(server.count("/mine/radpack.json"), 1);
    again.load("a").await.unwrap();
    assert_eq!(server.count("/mine/mine.js"), 1);

    // After a change below, the next copy stands on it.
    server.on(
        "/b/radpack.json",
        Reply::ok(manifest("b", "[2]", b"live b")),
    );
    radpack.refresh().await.unwrap();
    let next = radpack
        .with_overrides(server.url("/mine/radpack.json"))
        .await
        .unwrap();
    assert_eq!(next.resolve("b").unwrap().version().to_string(), "2.0.0");
    assert_eq!(copy.resolve("b").unwrap().version().to_string(), "1.0.0");
    // Overrides on overrides.
    let both = next
        .with_overrides(Source::json(
            r#"{"exports":{"b":{"v":[[3]],"d":[["index",[{"v":[0]}]]]}}}"#,
        ))
        .await
        .unwrap();
    assert_eq!(both.resolve("b").unwrap().version().to_string(), "3.0.0");
    assert_eq!(both.resolve("a").unwrap().version().to_string(), "1.0.1");

    let error = radpack
        .with_overrides(server.url("/not-there.json"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::Fetch);
    let without = radpack
        .with_overrides(Source::from(server.url("/not-there.json")).optional())
        .await
        .unwrap();
    assert_eq!(without.resolve("a").unwrap().version().to_string(), "1.0.0");
}

#[tokio::test]
async fn strangers_may_override_from_listed_hosts_only() {
    let server = Server::start().await;
    let listed = server.url("").trim_start_matches("http://").to_owned();
    server.on("/radpack.json", Reply::ok(manifest("a", "[1]", b"live")));
    server.on("/mine.json", Reply::ok(manifest("a", "[2]", b"mine")));
    let open = builder()
        .register(server.url("/radpack.json"))
        .build()
        .await
        .unwrap();
    let error = open
        .with_requested_override(&server.url("/mine.json"))
        .await
        .unwrap_err();
    assert_eq!(
        error.kind(),
        LoadErrorKind::Refused,
        "without a list nobody is on it"
    );

    let options = FetchOptions {
        allowed_hosts: Some(vec![listed.clone()]),
        ..quick()
    };
    let radpack = builder()
        .fetch(options)
        .register(server.url("/radpack.json"))
        .build()
        .await
        .unwrap();
    let copy = radpack
        .with_requested_override(&server.url("/mine.json"))
        .await
        .unwrap();
    assert_eq!(copy.resolve("a").unwrap().version().to_string(), "2.0.0");
    for url in [
        "http://127.0.0.1:1/mine.json",
        "file:///etc/hostname",
        "radpack.json",
        "/etc/hostname",
        "http://${host}/mine.json",
        &format!("http://{listed}@evil.example/mine.json"),
        "",
    ] {
        let error = radpack.with_requested_override(url).await.unwrap_err();
        assert_eq!(error.kind(), LoadErrorKind::Refused, "{url}: {error:?}");
    }
}

#[tokio::test]
async fn what_many_requests_override_with_is_read_and_compiled_once() {
    let server = Server::start().await;
    server.on("/radpack.json", Reply::ok(manifest("a", "[1]", b"live")));
    server.on("/mine.json", Reply::ok(manifest("a", "[2]", b"mine")));
    server.on("/broken.json", Reply::status(404));
    let watch = WatchOptions {
        backoff: Duration::from_secs(3_600),
        in_background: false,
        ..WatchOptions::default()
    };
    let radpack = builder()
        .watch(watch)
        .register(server.url("/radpack.json"))
        .build()
        .await
        .unwrap();
    let ask = |path: &str| {
        let requests = (0..20).map(|_| {
            let (radpack, url) = (radpack.clone(), server.url(path));
            async move { radpack.with_overrides(url).await }
        });
        requests.collect::<tokio::task::JoinSet<_>>().join_all()
    };
    let numbers: BTreeSet<u64> = ask("/mine.json")
        .await
        .into_iter()
        .map(|copy| copy.unwrap().snapshot().number())
        .collect();
    assert_eq!(numbers.len(), 1);
    assert_eq!(server.count("/mine.json"), 1);
    for failed in ask("/broken.json").await {
        assert_eq!(failed.unwrap_err().kind(), LoadErrorKind::Fetch);
    }
    assert_eq!(server.count("/broken.json"), 1);
}

#[tokio::test]
async fn overrides_that_hang_leave_room_for_others() {
    let server = Server::start().await;
    server.on("/radpack.json", Reply::ok(manifest("a", "[1]", b"live")));
    server.on("/a.js", Reply::ok("live"));
    let fetch = FetchOptions {
        at_once: 16,
        ..quick()
    };
    let radpack = builder()
        .fetch(fetch)
        .register(server.url("/radpack.json"))
        .build()
        .await
        .unwrap();
    for number in 0..40 {
        let path = format!("/hangs.json?{number}");
        server.on(&path, Reply::ok("").fault(Fault::Hang));
        let (radpack, url) = (radpack.clone(), server.url(&path));
        tokio::spawn(async move { radpack.with_overrides(url).await.map(drop) });
    }
    let hanging = || {
        server
            .requests()
            .iter()
            .filter(|request| request.path.contains("hangs"))
            .count()
    };
    while hanging() < 8 {
        tokio::task::yield_now().await;
    }
    assert_eq!(radpack.load("a").await.unwrap().bytes(), "live");
    assert_eq!(hanging(), 8);
}
