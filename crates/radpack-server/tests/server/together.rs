//! What services do together: with each other, and with those who load from them.

use radpack_loader::Radpack;
use radpack_registry::{Registry, Store};
use radpack_server::Settings;

use crate::running::{Running, header, settings};

const APP: &[(&str, &str)] = &[
    (
        "index.js",
        "import { x } from 'lib'; export const app = x; export const later = () => import('./later.js');",
    ),
    ("later.js", "export const later = 1;"),
];

/// lib 1.0.0 and app 1.0.0, which needs it, are released.
async fn released() -> Running {
    let running = Running::new().await;
    running
        .publish("lib", "1.0.0", &[("index.js", "export const x = 1;")])
        .await;
    running.release(&["lib@1.0.0"]).await;
    running.publish("app", "1.0.0", APP).await;
    running.release(&["app@1.0.0"]).await;
    running
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_loads_what_a_service_serves() {
    let running = released().await;
    let first = running.get("/radpack.json").await;
    let moment = header(&first, "radpack-moment").to_owned();
    let newer = [("index.js", "export const x = 2;")];
    running.publish("lib", "1.1.0", &newer).await;
    running.release(&["lib@1.1.0"]).await;

    let expect = async |path: &str, version: &str| {
        let url = format!("{}{path}", running.address);
        let radpack = Radpack::builder().register(url).build().await.unwrap();
        assert_eq!(
            radpack.resolve("lib").unwrap().pinned_id(),
            format!("lib@{version}")
        );
        let loaded = radpack.load("app@^1").await.unwrap();
        assert_eq!(loaded.modules().len(), 2, "{path}");
        let again = radpack.load_graph(loaded.graph_id()).await.unwrap();
        assert_eq!(again.bytes(), loaded.bytes());
    };
    expect("/radpack.json", "1.1.0").await;
    expect("/radpack.json?roots=app@^1", "1.1.0").await;
    expect(&format!("/at/{moment}/radpack.json"), "1.0.0").await;
}

#[tokio::test]
async fn services_over_one_store_see_what_each_other_commits() {
    let folder = tempfile::TempDir::new().unwrap();
    let store = || Store::folder(folder.path()).unwrap();
    Registry::init(store()).await.unwrap();
    let open = async || Registry::open(store()).await.unwrap();
    let one = Running::over(open().await, settings()).await;
    let other = Running::over(open().await, Settings::default()).await;
    one.publish("lib", "1.0.0", &[("index.js", "export const x = 1;")])
        .await;
    one.release(&["lib@1.0.0"]).await;
    let here = one.get("/radpack.json").await;
    // The other one is told by nobody: it looks.
    other.seen().await;
    let there = other.get("/radpack.json").await;
    assert_eq!(
        header(&there, "radpack-moment"),
        header(&here, "radpack-moment")
    );
    assert_eq!(header(&there, "etag"), header(&here, "etag"));
    let url = other.json("/resolve/lib").await["url"]
        .as_str()
        .unwrap()
        .to_owned();
    let module = other.get(&url).await.text().await.unwrap();
    assert_eq!(module, one.get(&url).await.text().await.unwrap());
}
