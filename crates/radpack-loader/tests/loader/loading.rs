//! Loading closures: order, sharing, verification, chains, graph ids.

use std::sync::Arc;
use std::time::Duration;

use radpack_loader::{GraphId, Integrity, LoadErrorKind, Radpack, Source};
use serde_json::json;

use crate::server::{Reply, Server};
use crate::{builder, integrity};

fn code(name: &str) -> String {
    format!("export const name = '{name}';")
}

/// A register of packages at 1.0.0 with one entry each, and what they need; their files are on the server.
fn register(server: &Server, packages: &[(&str, &[&str])]) {
    let exports: serde_json::Map<String, serde_json::Value> = packages
        .iter()
        .map(|(name, needs)| {
            let code = code(name);
            server.on(&format!("/{name}.js"), Reply::ok(code.clone()));
            let statics: Vec<usize> = (1..=needs.len()).collect();
            let variant = json!({"v": [0], "f": format!("{name}.js"), "s": statics, "i": integrity(code.as_bytes())});
            let mut dependencies = vec![json!(["index", [variant]])];
            dependencies.extend(needs.iter().map(|need| json!(format!("{need}@^1"))));
            ((*name).to_owned(), json!({"v": [[1]], "d": dependencies}))
        })
        .collect();
    server.on(
        "/radpack.json",
        Reply::ok(json!({ "exports": exports }).to_string()),
    );
}

async fn radpack(server: &Server) -> Radpack {
    builder()
        .register(server.url("/radpack.json"))
        .build()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_closure_comes_in_execution_order() {
    let server = Server::start().await;
    register(
        &server,
        &[
            ("app", &["left", "right"]),
            ("left", &["base"]),
            ("right", &["base"]),
            ("base", &[]),
        ],
    );
    let loaded = radpack(&server).await.load("app@^1").await.unwrap();
    let ids: Vec<_> = loaded
        .modules()
        .iter()
        .map(|module| module.pinned_id())
        .collect();
    assert_eq!(
        ids,
        ["base@1.0.0", "left@1.0.0", "right@1.0.0", "app@1.0.0"]
    );
    for module in loaded.modules() {
        assert_eq!(module.bytes(), code(module.name()).as_bytes());
        assert_eq!(module.integrity(), Some(integrity(module.bytes()).as_str()));
        assert_eq!(
            module.url(),
            Some(server.url(&format!("/{}.js", module.name())).as_str())
        );
    }
    assert_eq!(loaded.root().name(), "app");
    let statics: Vec<_> = loaded.root().statics().collect();
    assert_eq!(statics, [("left@^1", 1), ("right@^1", 2)]);
}

#[tokio::test]
async fn all_files_are_asked_for_at_once() {
    let server = Server::start().await;
    let names: Vec<String> = (0..40).map(|number| format!("m{number}")).collect();
    // A chain of eight, and the others beside: what would be eight round trips one after another.
    let needs: Vec<Vec<&str>> = (0..40)
        .map(|number| {
            (1..=5)
                .map(|next| number / 5 * 5 + 5 + next - 1)
                .filter(|next| *next < 40)
                .map(|next| names[next].as_str())
                .collect()
        })
        .collect();
    let packages: Vec<(&str, &[&str])> = names
        .iter()
        .map(String::as_str)
        .zip(needs.iter().map(Vec::as_slice))
        .collect();
    register(&server, &packages);
    for name in &names {
        server.on(&format!("/{name}.js"), Reply::ok(code(name)).together(36));
    }
    let loaded = radpack(&server).await.load("m0").await.unwrap();
    assert_eq!(loaded.modules().len(), 36);
    assert_eq!(server.most_at_once(), 36, "none waits for another");
}

#[tokio::test]
async fn what_many_want_is_fetched_once() {
    let server = Server::start().await;
    register(
        &server,
        &[("app", &["base"]), ("other", &["base"]), ("base", &[])],
    );
    server.on(
        "/base.js",
        Reply::ok(code("base")).after(Duration::from_millis(20)),
    );
    let radpack = radpack(&server).await;
    let loads: Vec<_> = (0..50)
        .map(|number| {
            let radpack = radpack.clone();
            let id = if number % 2 == 0 { "app" } else { "other" };
            tokio::spawn(async move { radpack.load(id).await.unwrap().modules().len() })
        })
        .collect();
    for load in loads {
        assert_eq!(load.await.unwrap(), 2);
    }
    for name in ["app", "other", "base"] {
        assert_eq!(server.count(&format!("/{name}.js")), 1, "{name}");
    }
    assert_eq!(radpack.status().under_way, 0);
}

#[tokio::test]
async fn who_goes_away_takes_nothing_from_the_others() {
    let server = Server::start().await;
    register(&server, &[("app", &[])]);
    server.on("/app.js", Reply::ok(code("app")).held());
    let radpack = radpack(&server).await;
    let first = tokio::spawn({
        let radpack = radpack.clone();
        async move { radpack.load("app").await }
    });
    while radpack.status().under_way == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let second = tokio::spawn({
        let radpack = radpack.clone();
        async move { radpack.load("app").await }
    });
    tokio::time::sleep(Duration::from_millis(5)).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    server.release();
    assert_eq!(
        second.await.unwrap().unwrap().bytes(),
        code("app").as_bytes()
    );
    assert_eq!(server.count("/app.js"), 1);
    assert_eq!(radpack.status().under_way, 0);
}

#[tokio::test]
async fn a_failing_file_names_who_wanted_it() {
    let server = Server::start().await;
    register(
        &server,
        &[
            ("app", &["left", "right"]),
            ("left", &["base"]),
            ("right", &["base"]),
            ("base", &[]),
        ],
    );
    server.on("/base.js", Reply::status(404));
    let radpack = radpack(&server).await;
    let error = radpack.load("app").await.unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::Fetch);
    assert_eq!(error.chain(), ["app@1.0.0", "left@1.0.0", "base@1.0.0"]);
    assert_eq!(
        error.report(),
        format!(
            "cannot load base@1.0.0 (wanted by app@1.0.0 → left@1.0.0 → base@1.0.0): cannot fetch {}: the server answered 404 Not Found",
            server.url("/base.js")
        )
    );
    // Nothing of the failure is kept.
    server.on("/base.js", Reply::ok(code("base")));
    assert_eq!(radpack.load("app").await.unwrap().modules().len(), 4);
}

#[tokio::test]
async fn an_id_without_an_answer_fetches_nothing() {
    let server = Server::start().await;
    register(&server, &[("app", &["gone"])]);
    let radpack = radpack(&server).await;
    for id in ["nope", "app", "app@^9 ||", ""] {
        let error = radpack.load(id).await.unwrap_err();
        assert_eq!(error.kind(), LoadErrorKind::Resolve, "{id}");
    }
    let error = radpack.load("app").await.unwrap_err();
    assert!(error.report().contains("gone"), "{error:?}");
    assert_eq!(error.chain(), ["app@1.0.0", "gone@^1"]);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn without_integrity_it_depends_on_the_policy() {
    let server = Server::start().await;
    let json = r#"{"exports":{
        "bare":{"v":[[1]],"d":[["index",[{"v":[0],"f":"bare.js"}]]]},
        "odd":{"v":[[1]],"d":[["index",[{"v":[0],"f":"bare.js","i":"md5-AAAA"}]]]},
        "none":{"v":[[1]],"d":[["index",[{"v":[0]}]]]}}}"#;
    server.on("/radpack.json", Reply::ok(json));
    server.on("/bare.js", Reply::ok("bare"));
    let lenient = radpack(&server).await;
    assert_eq!(lenient.load("bare").await.unwrap().bytes(), "bare");
    assert_eq!(lenient.snapshot().graph_id("bare").unwrap(), None);
    let none = lenient.load("none").await.unwrap();
    assert_eq!(
        (
            none.bytes().len(),
            none.root().url(),
            none.root().integrity()
        ),
        (0, None, None)
    );
    assert_eq!(
        lenient.load("odd").await.unwrap_err().kind(),
        LoadErrorKind::Integrity
    );

    let strict = builder()
        .integrity(Integrity::Require)
        .register(server.url("/radpack.json"))
        .build()
        .await
        .unwrap();
    let error = strict.load("bare").await.unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::Integrity);
    assert!(error.to_string().contains("states no integrity"), "{error}");
    assert!(strict.load("none").await.is_ok());
    assert_eq!(server.count("/bare.js"), 1);
}

#[tokio::test]
async fn the_cache_is_bounded() {
    let server = Server::start().await;
    let packages: Vec<String> = (0..10).map(|number| format!("m{number}")).collect();
    let list: Vec<(&str, &[&str])> = packages
        .iter()
        .map(|name| (name.as_str(), &[][..]))
        .collect();
    register(&server, &list);
    let radpack = builder()
        .cache_bytes(1_000)
        .register(server.url("/radpack.json"))
        .build()
        .await
        .unwrap();
    for _ in 0..2 {
        for name in &packages {
            assert_eq!(
                radpack.load(name).await.unwrap().bytes(),
                code(name).as_bytes()
            );
            assert!(radpack.status().cache_bytes <= 1_000);
        }
    }
    assert_eq!(server.count("/m0.js"), 2, "it had to leave meanwhile");
    assert_eq!(
        radpack.load("m9").await.unwrap().bytes(),
        code("m9").as_bytes()
    );
    assert_eq!(server.count("/m9.js"), 2, "it was still there");
}

#[tokio::test]
async fn equal_graphs_have_equal_ids_and_are_loaded_by_them() {
    let server = Server::start().await;
    register(&server, &[("app", &["base"]), ("base", &[])]);
    let radpack = radpack(&server).await;
    let foretold = radpack.snapshot().graph_id("app").unwrap().unwrap();
    let loaded = radpack.load("app").await.unwrap();
    assert_eq!(loaded.graph_id(), foretold);
    assert_ne!(radpack.load("base").await.unwrap().graph_id(), foretold);

    // The same bytes from elsewhere.
    let mirror = Server::start().await;
    register(&mirror, &[("app", &["base"]), ("base", &[])]);
    let elsewhere = builder()
        .register(mirror.url("/radpack.json"))
        .build()
        .await
        .unwrap();
    assert_eq!(elsewhere.load("app").await.unwrap().graph_id(), foretold);

    // The register forgets; the graph is still there.
    server.on("/radpack.json", Reply::ok(r#"{"exports":{}}"#));
    radpack.refresh().await.unwrap();
    assert!(radpack.resolve("app").is_err());
    let again = radpack.load_graph(foretold).await.unwrap();
    assert_eq!(again.graph_id(), foretold);
    let show = |loaded: &radpack_loader::Loaded| -> Vec<_> {
        let modules = loaded.modules().iter();
        modules
            .map(|module| {
                (
                    module.pinned_id(),
                    module.bytes().clone(),
                    module
                        .statics()
                        .map(|(id, at)| (id.to_owned(), at))
                        .collect::<Vec<_>>(),
                )
            })
            .collect()
    };
    assert_eq!(show(&again), show(&loaded));
    assert_eq!(server.count("/app.js"), 1);

    let unknown: GraphId = "00".repeat(32).parse().unwrap();
    assert_eq!(
        radpack.load_graph(unknown).await.unwrap_err().kind(),
        LoadErrorKind::UnknownGraph
    );
}

#[tokio::test]
async fn a_graph_whose_files_have_left_is_fetched_and_held_to_its_bytes() {
    let server = Server::start().await;
    server.on(
        "/radpack.json",
        Reply::ok(r#"{"exports":{"a":{"v":[[1]],"d":[["index",[{"v":[0],"f":"a.js"}]]]}}}"#),
    );
    server.on("/a.js", Reply::ok("as it was"));
    let radpack = builder()
        .cache_bytes(0)
        .register(server.url("/radpack.json"))
        .build()
        .await
        .unwrap();
    let graph = radpack.load("a").await.unwrap().graph_id();
    assert_eq!(
        radpack.load_graph(graph).await.unwrap().bytes(),
        "as it was"
    );
    assert_eq!(server.count("/a.js"), 2);
    server.on("/a.js", Reply::ok("something else"));
    assert_eq!(
        radpack.load_graph(graph).await.unwrap_err().kind(),
        LoadErrorKind::Integrity
    );
}

#[tokio::test]
async fn modules_come_from_files_where_the_register_does() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.js"), "local").unwrap();
    let json = crate::manifest("a", "[1]", b"local");
    std::fs::write(folder.path().join("radpack.json"), &json).unwrap();
    let radpack = builder()
        .register(folder.path().join("radpack.json"))
        .build()
        .await
        .unwrap();
    assert_eq!(radpack.load("a").await.unwrap().bytes(), "local");

    // A register from the network may not make us read files.
    let server = Server::start().await;
    let file = url::Url::from_file_path(folder.path().join("a.js")).unwrap();
    for json in [
        format!(
            r#"{{"exports":{{"a":{{"v":[[1]],"d":[["index",[{{"v":[0],"u":"{file}"}}]]]}}}}}}"#
        ),
        format!(
            r#"{{"vars":{{"baseUrl":"{}"}},"exports":{{"a":{{"v":[[1]],"d":[["index",[{{"v":[0],"f":"a.js"}}]]]}}}}}}"#,
            file.as_str().trim_end_matches("/a.js")
        ),
    ] {
        server.on("/radpack.json", Reply::ok(json));
        let radpack = self::radpack(&server).await;
        let error = radpack.load("a").await.unwrap_err();
        assert_eq!(error.kind(), LoadErrorKind::Refused, "{error:?}");
    }

    // Not even one that a file leads to, beside the folders of those files.
    server.on("/radpack.json", Reply::ok(r#"{"exports":{"b":{"v":[[1]],"d":[["index",[{"v":[0],"u":"file:///etc/hostname"}]]]}}}"#));
    let list = format!("[{json}, \"{}\"]", server.url("/radpack.json"));
    std::fs::write(folder.path().join("list.json"), list).unwrap();
    let radpack = builder()
        .register(folder.path().join("list.json"))
        .build()
        .await
        .unwrap();
    assert_eq!(radpack.load("a").await.unwrap().bytes(), "local");
    assert_eq!(
        radpack.load("b").await.unwrap_err().kind(),
        LoadErrorKind::Refused
    );
}

#[tokio::test]
async fn a_url_with_something_left_to_fill_in_is_an_error() {
    let json = r#"{"exports":{"a":{"v":[[1]],"d":[["index",[{"v":[0],"f":"a.js"}]]]}}}"#;
    let radpack = builder()
        .register(Source::json(json))
        .build()
        .await
        .unwrap();
    let error = radpack.load("a").await.unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::Url);
    assert!(error.to_string().contains("${baseUrl}"), "{error}");
    assert_eq!(radpack.urls("a").unwrap_err().kind(), LoadErrorKind::Url);
}

#[tokio::test]
async fn a_snapshot_stays_as_it_is() {
    let server = Server::start().await;
    let manifest = |file: &str| {
        format!(r#"{{"exports":{{"a":{{"v":[[1]],"d":[["index",[{{"v":[0],"f":"{file}"}}]]]}}}}}}"#)
    };
    server.on("/radpack.json", Reply::ok(manifest("old.js")));
    server.on("/old.js", Reply::ok("old"));
    server.on("/new.js", Reply::ok("new"));
    let radpack = radpack(&server).await;
    let page = radpack.snapshot();
    let answer = radpack.resolve("a").unwrap();
    server.on("/radpack.json", Reply::ok(manifest("new.js")));
    radpack.refresh().await.unwrap();
    assert_eq!(page.load("a").await.unwrap().bytes(), "old");
    assert_eq!(answer.url().unwrap(), Some(server.url("/old.js")));
    assert_eq!(radpack.load("a").await.unwrap().bytes(), "new");
    assert!(radpack.snapshot().number() > page.number());
    assert_eq!(answer.snapshot(), page.number());
}

#[test]
fn a_runtime_that_is_shut_down_in_the_middle_leaves_the_loader_usable() {
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap()
    };
    let (serving, first, second) = (runtime(), runtime(), runtime());
    let server = serving.block_on(Server::start());
    serving.block_on(async { register(&server, &[("app", &[])]) });
    server.on_each(
        "/app.js",
        vec![
            Reply::ok("").fault(crate::server::Fault::Hang),
            Reply::ok(code("app")),
        ],
    );
    let radpack = Arc::new(first.block_on(radpack(&server)));
    let loading = Arc::clone(&radpack);
    first.spawn(async move { loading.load("app").await });
    serving.block_on(async {
        while radpack.status().under_way == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    first.shutdown_background();
    let loaded = second.block_on(radpack.load("app")).unwrap();
    assert_eq!(loaded.bytes(), code("app").as_bytes());
}

#[tokio::test]
async fn what_is_loaded_again_is_the_same_without_copies() {
    let server = Server::start().await;
    register(&server, &[("app", &["base"]), ("base", &[])]);
    let radpack = radpack(&server).await;
    let (one, other) = (
        radpack.load("app").await.unwrap(),
        radpack.load("app").await.unwrap(),
    );
    assert_eq!(one.graph_id(), other.graph_id());
    for (one, other) in one.modules().iter().zip(other.modules()) {
        assert!(std::ptr::eq(one.bytes().as_ptr(), other.bytes().as_ptr()));
    }
    // Another view may see another thing under the same id.
    let top = Source::json(r#"{"exports":{"base":{"v":[[1,1]],"d":[["index",[{"v":[0]}]]]}}}"#);
    let copy = radpack.with_overrides(top).await.unwrap();
    let overridden = copy.load("app").await.unwrap();
    assert_eq!(overridden.modules()[0].pinned_id(), "base@1.1.0");
    assert_eq!(
        radpack.load("app").await.unwrap().graph_id(),
        one.graph_id()
    );
    assert_ne!(overridden.graph_id(), one.graph_id());
}
