//! Swapping in the long run: nothing is left behind.

use std::sync::Arc;

use radpack_loader::Source;
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
