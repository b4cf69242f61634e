//! Swapping in the long run: nothing is left behind.

use std::sync::Arc;
use std::time::Duration;

use radpack_loader::{FetchOptions, LoadErrorKind, Radpack, Source, WatchOptions};
use radpack_resolve::Index;

use crate::builder;
use crate::server::{Reply, Server};

#[tokio::test]
async fn what_nobody_holds_is_gone_after_a_swap() {
    let server = Server::start().await;
    let json = |number: u32| {
        format!(
            r#"{{"exports":{{"a":{{"v":[[1,{number}]],"d":[["index",[{{"v":[0],"f":"a.js"}}]]]}}}}}}"#
        )
    };
    let fixed = Arc::new(Index::from_json(json(0)).unwrap());
    server.on("/radpack.json", Reply::ok(json(1)));
    let radpack = builder()
        .register(Arc::clone(&fixed))
        .register(server.url("/radpack.json"))
        .build()
        .await
        .unwrap();
    let held = Arc::strong_count(&fixed);
    for number in 2..50 {
        server.on("/radpack.json", Reply::ok(json(number)));
        radpack.refresh().await.unwrap();
        assert_eq!(
            radpack.resolve("a").unwrap().version().minor,
            u64::from(number)
        );
    }
    assert_eq!(Arc::strong_count(&fixed), held);
    drop(radpack);
    assert_eq!(Arc::strong_count(&fixed), 1);
}

#[tokio::test]
async fn files_that_did_not_change_are_not_fetched_again() {
    let server = Server::start().await;
    let json = |number: u32| {
        format!(
            r#"{{"exports":{{"a":{{"v":[[1,{number}]],"d":[["index",[{{"v":[0],"f":"a.js"}}]]]}}}}}}"#
        )
    };
    server.on("/a.js", Reply::ok("a"));
    server.on("/radpack.json", Reply::ok(json(1)));
    let radpack = builder()
        .register(server.url("/radpack.json"))
        .build()
        .await
        .unwrap();
    radpack.load("a").await.unwrap();
    server.on("/radpack.json", Reply::ok(json(2)));
    radpack.refresh().await.unwrap();
    assert_eq!(radpack.load("a").await.unwrap().root().version().minor, 2);
    assert_eq!(server.count("/a.js"), 1);
}

#[tokio::test]
async fn registers_in_memory_need_no_refresh() {
    let json = r#"{"exports":{"a":{"v":[[1]],"d":[["index",[{"v":[0],"f":"a.js"}]]]}}}"#;
    let radpack = builder()
        .register(Source::json(json))
        .build()
        .await
        .unwrap();
    let before = radpack.snapshot().number();
    radpack.refresh().await.unwrap();
    assert_eq!(radpack.snapshot().number(), before);
}

#[tokio::test]
async fn overrides_of_registers_that_have_changed_are_let_go() {
    let server = Server::start().await;
    let json = |number: u32| {
        format!(
            r#"{{"exports":{{"a":{{"v":[[1,{number}]],"d":[["index",[{{"v":[0],"f":"a.js"}}]]]}}}}}}"#
        )
    };
    server.on("/radpack.json", Reply::ok(json(1)));
    let radpack = builder()
        .register(server.url("/radpack.json"))
        .build()
        .await
        .unwrap();
    let top = Arc::new(Index::from_json(r#"{"exports":{}}"#).unwrap());
    for number in 2..10 {
        let copy = radpack.with_overrides(Arc::clone(&top)).await.unwrap();
        assert_eq!(
            copy.resolve("a").unwrap().version().minor,
            u64::from(number) - 1
        );
        drop(copy);
        assert!(
            Arc::strong_count(&top) > 1,
            "it is remembered for the next request"
        );
        server.on("/radpack.json", Reply::ok(json(number)));
        radpack.refresh().await.unwrap();
        assert_eq!(Arc::strong_count(&top), 1);
    }
}

#[test]
fn a_runtime_that_goes_away_keeps_nobody_waiting() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let (one, other) = (runtime(), runtime());
    let (_server, radpack) = one.block_on(async {
        let server = Server::start().await;
        server.on(
            "/radpack.json",
            Reply::ok("").fault(crate::server::Fault::Hang),
        );
        let radpack = builder()
            .register(server.url("/radpack.json"))
            .build_now()
            .await
            .unwrap();
        tokio::task::yield_now().await;
        (server, radpack)
    });
    one.shutdown_background();
    let error = other.block_on(radpack.ready()).unwrap_err();
    assert!(
        matches!(
            error.kind(),
            LoadErrorKind::Interrupted | LoadErrorKind::Fetch
        ),
        "{error:?}"
    );
}

#[test]
fn what_was_never_begun_keeps_nobody_waiting() {
    let runtime = || tokio::runtime::Builder::new_current_thread().build();
    let (one, other) = (runtime().unwrap(), runtime().unwrap());
    // Its task never gets a turn.
    let radpack = one.block_on(async {
        let radpack = builder().build().await.unwrap();
        radpack.register(Source::json("{}"));
        radpack
    });
    drop(one);
    let error = other.block_on(radpack.ready()).unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::Interrupted);
}

#[tokio::test]
async fn a_refresh_that_nobody_waits_for_is_put_into_place() {
    let server = Server::start().await;
    let json = |version: u32| {
        format!(
            r#"{{"exports":{{"a":{{"v":[[{version}]],"d":[["index",[{{"v":[0],"f":"a.js"}}]]]}}}}}}"#
        )
    };
    server.on("/radpack.json", Reply::ok(json(1)));
    let radpack = builder()
        .register(server.url("/radpack.json"))
        .build()
        .await
        .unwrap();
    let mut changes = radpack.changes();
    changes.mark_unchanged();
    server.on("/radpack.json", Reply::ok(json(2)).held());
    let refreshing = tokio::spawn({
        let radpack = radpack.clone();
        async move { radpack.refresh().await }
    });
    while server.count("/radpack.json") < 2 {
        tokio::task::yield_now().await;
    }
    refreshing.abort();
    assert!(refreshing.await.unwrap_err().is_cancelled());
    server.release();
    changes.changed().await.unwrap();
    assert_eq!(radpack.resolve("a").unwrap().version().to_string(), "2.0.0");
}

#[tokio::test]
async fn waits_without_end_and_without_length_are_waited() {
    for wait in [Duration::MAX, Duration::ZERO] {
        let watch = WatchOptions {
            time_to_stale: wait,
            backoff: wait,
            in_background: true,
        };
        let fetch = FetchOptions {
            connect_timeout: Duration::MAX,
            silence_timeout: Duration::MAX,
            timeout: Duration::MAX,
            backoff: wait,
            ..FetchOptions::default()
        };
        let server = Server::start().await;
        server.on_each(
            "/radpack.json",
            vec![
                Reply::ok(r#"{"exports":{}}"#),
                Reply::status(404),
                Reply::ok(r#"{"exports":{}}"#),
            ],
        );
        let radpack = Radpack::builder()
            .fetch(fetch)
            .watch(watch)
            .register(server.url("/radpack.json"))
            .build()
            .await
            .unwrap();
        // The watch may have met the failure by itself.
        let _ = radpack.refresh().await;
        radpack.refresh().await.unwrap();
        assert!(server.count("/radpack.json") >= 3);
    }
}
