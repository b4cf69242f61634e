//! The disk cache: a start without a network, damage, two at once.

use std::path::Path;

use radpack_loader::{LoadErrorKind, Radpack, Standing};

use crate::server::{Reply, Server};
use crate::{builder, manifest};

async fn radpack(server: &Server, folder: &Path) -> Radpack {
    builder()
        .disk(folder)
        .register(server.url("/radpack.json"))
        .build()
        .await
        .unwrap()
}

pub(crate) fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn a_start_without_a_network_serves_what_was_there_last() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    server.on(
        "/radpack.json",
        Reply::ok(manifest("a", "[1]", b"contents")).etag("\"one\""),
    );
    server.on("/a.js", Reply::ok("contents"));
    let graph = radpack(&server, folder.path())
        .await
        .load("a")
        .await
        .unwrap()
        .graph_id();

    server.on("/radpack.json", Reply::status(503));
    server.on("/a.js", Reply::status(503));
    let cold = radpack(&server, folder.path()).await;
    let status = &cold.status().registers[0];
    assert_eq!((status.standing, status.age), (Standing::Stale, None));
    assert!(status.error.as_ref().unwrap().report().contains("503"));
    let loaded = cold.load("a").await.unwrap();
    assert_eq!(
        (loaded.bytes().as_ref(), loaded.graph_id()),
        (&b"contents"[..], graph)
    );
    assert_eq!(server.count("/a.js"), 1);

    // The network is back: what is stored is asked for by its tag.
    server.on(
        "/radpack.json",
        Reply::ok(manifest("a", "[1]", b"contents")).etag("\"one\""),
    );
    cold.refresh().await.unwrap();
    assert_eq!(cold.status().registers[0].standing, Standing::Fresh);
    assert_eq!(
        server.requests().pop().unwrap().headers["if-none-match"],
        "\"one\""
    );
    let warm = radpack(&server, folder.path()).await;
    assert_eq!(
        server.requests().pop().unwrap().headers["if-none-match"],
        "\"one\""
    );
    assert_eq!(warm.load("a").await.unwrap().graph_id(), graph);

    // A graph needs no register at all.
    let bare = builder().disk(folder.path()).build().await.unwrap();
    assert_eq!(bare.load_graph(graph).await.unwrap().bytes(), "contents");
    assert_eq!(server.count("/a.js"), 1);
}

#[tokio::test]
async fn files_without_integrity_are_found_by_their_url() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    server.on(
        "/radpack.json",
        Reply::ok(r#"{"exports":{"a":{"v":[[1]],"d":[["index",[{"v":[0],"f":"a.js"}]]]}}}"#),
    );
    server.on("/a.js", Reply::ok("contents"));
    radpack(&server, folder.path())
        .await
        .load("a")
        .await
        .unwrap();
    let cold = radpack(&server, folder.path()).await;
    assert_eq!(cold.load("a").await.unwrap().bytes(), "contents");
    assert_eq!(server.count("/a.js"), 1);
}

#[tokio::test]
async fn whatever_is_damaged_is_fetched_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    server.on(
        "/radpack.json",
        Reply::ok(manifest("a", "[1]", b"contents")).etag("\"one\""),
    );
    server.on("/a.js", Reply::ok("contents"));
    let graph = radpack(&server, folder.path())
        .await
        .load("a")
        .await
        .unwrap()
        .graph_id();
    let stored = files(folder.path());
    assert_eq!(
        stored.len(),
        4,
        "two contents, a manifest, a graph: {stored:?}"
    );
    for damage in [&b""[..], b"{}", b"garbage", b"\0"] {
        for path in &stored {
            std::fs::write(path, damage).unwrap();
            let radpack = radpack(&server, folder.path()).await;
            assert_eq!(
                radpack.load("a").await.unwrap().bytes(),
                "contents",
                "{path:?}"
            );
            assert_eq!(radpack.load_graph(graph).await.unwrap().bytes(), "contents");
        }
        assert_eq!(files(folder.path()), stored, "all is as it was");
    }
}

#[tokio::test]
async fn damage_without_a_network_is_an_error_not_wrong_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    server.on(
        "/radpack.json",
        Reply::ok(manifest("a", "[1]", b"contents")),
    );
    server.on("/a.js", Reply::ok("contents"));
    radpack(&server, folder.path())
        .await
        .load("a")
        .await
        .unwrap();
    server.on("/a.js", Reply::status(404));
    for path in files(folder.path()) {
        if std::fs::read(&path).unwrap() == b"contents" {
            std::fs::write(&path, "CONTENTS").unwrap();
        }
    }
    let error = radpack(&server, folder.path())
        .await
        .load("a")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::Fetch);
}

#[tokio::test]
async fn several_may_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    server.on(
        "/radpack.json",
        Reply::ok(manifest("a", "[1]", b"contents")),
    );
    server.on("/a.js", Reply::ok("contents"));
    let mut loads = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let source = server.url("/radpack.json");
        let folder = folder.path().to_owned();
        loads.spawn(async move {
            let radpack = builder()
                .disk(folder)
                .register(source)
                .build()
                .await
                .unwrap();
            radpack.load("a").await.unwrap().bytes().clone()
        });
    }
    for bytes in loads.join_all().await {
        assert_eq!(bytes, "contents");
    }
    assert_eq!(files(folder.path()).len(), 4);
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "in the way").unwrap();
    let error = builder().disk(&path).build().await.unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::Setup);
}

#[tokio::test]
async fn what_is_no_register_takes_the_place_of_none_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    let good = || Reply::ok(manifest("a", "[1]", b"contents")).etag("\"one\"");
    server.on("/radpack.json", good());
    server.on("/a.js", Reply::ok("contents"));
    let warm = radpack(&server, folder.path()).await;
    for bad in [
        "<html>We will be back soon</html>",
        "",
        "{\"exports\":{\"a\":{\"v\":[[]],\"d\":[]}}}",
        "{\"url\":\"radpack.json\"}",
    ] {
        server.on("/radpack.json", Reply::ok(bad).etag("\"bad\""));
        assert_eq!(
            warm.refresh().await.unwrap_err().kind(),
            LoadErrorKind::Register,
            "{bad}"
        );
        // A start while it lasts has what was there last, and says what is wrong.
        let cold = radpack(&server, folder.path()).await;
        let status = &cold.status().registers[0];
        assert_eq!(status.standing, Standing::Stale, "{bad}");
        assert_eq!(
            status.error.as_ref().unwrap().kind(),
            LoadErrorKind::Register
        );
        assert_eq!(cold.load("a").await.unwrap().bytes(), "contents");
        server.on("/radpack.json", good());
        cold.refresh().await.unwrap();
        assert_eq!(cold.status().registers[0].standing, Standing::Fresh);
        let last = server.requests().pop().unwrap();
        assert_eq!(last.headers["if-none-match"], "\"one\"", "{bad}");
    }
}

#[tokio::test]
async fn a_graph_is_found_though_its_url_serves_others_by_now() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    let without_integrity =
        r#"{"exports":{"a":{"v":[[1]],"d":[["index",[{"v":[0],"f":"a.js"}]]]}}}"#;
    server.on("/radpack.json", Reply::ok(without_integrity));
    server.on("/a.js", Reply::ok("old"));
    let old = radpack(&server, folder.path()).await;
    let old = old.load("a").await.unwrap().graph_id();
    // Another process finds no trace of the URL, but of the graph.
    std::fs::remove_dir_all(folder.path().join("urls")).unwrap();
    server.on("/a.js", Reply::ok("new"));
    let radpack = radpack(&server, folder.path()).await;
    assert_eq!(radpack.load("a").await.unwrap().bytes(), "new");
    assert_eq!(radpack.load_graph(old).await.unwrap().bytes(), "old");
    assert_eq!(radpack.load("a").await.unwrap().bytes(), "new");
}

#[tokio::test]
async fn a_folder_that_can_no_longer_be_written_keeps_nothing_from_being_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    server.on(
        "/radpack.json",
        Reply::ok(manifest("a", "[1]", b"contents")),
    );
    server.on("/a.js", Reply::ok("contents"));
    let radpack = radpack(&server, folder.path()).await;
    for part in ["files", "graphs", "manifests"] {
        std::fs::remove_dir_all(folder.path().join(part)).unwrap();
        std::fs::write(folder.path().join(part), "in the way").unwrap();
    }
    let loaded = radpack.load("a").await.unwrap();
    assert_eq!(loaded.bytes(), "contents");
    radpack.refresh().await.unwrap();
    let again = radpack.load_graph(loaded.graph_id()).await.unwrap();
    assert_eq!(again.bytes(), "contents");
}

#[tokio::test]
async fn it_is_kept_within_its_bounds_while_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    let serve = |number: usize| {
        let contents = format!("{number:0>1000}");
        let register = manifest("a", "[1]", contents.as_bytes());
        server.on("/radpack.json", Reply::ok(register));
        server.on("/a.js", Reply::ok(contents));
    };
    serve(0);
    let builder = builder().disk_with_bytes(folder.path(), 8_000);
    let radpack = builder
        .cache_bytes(0)
        .register(server.url("/radpack.json"))
        .build()
        .await
        .unwrap();
    for number in 1..40 {
        radpack.load("a").await.unwrap();
        let stored = files(folder.path());
        let held: u64 = stored
            .iter()
            .map(|path| path.metadata().unwrap().len())
            .sum();
        // What it may have, an eighth more, and what one load writes.
        assert!(held <= 8_000 + 1_000 + 3_000, "{held} before {number}");
        serve(number);
        radpack.refresh().await.unwrap();
    }
    // What was there last is still there.
    drop(server);
    let source = radpack.status().registers[0].source.clone();
    let cold = crate::builder().disk(folder.path()).register(source);
    let cold = cold.build().await.unwrap();
    assert_eq!(cold.status().registers[0].standing, Standing::Stale);
}

/// What the process does that `one_that_is_killed_leaves_nothing_that_is_wrong` starts and kills; by itself, nothing.
#[tokio::test]
async fn writes_until_it_is_killed() {
    let (Ok(folder), Ok(url)) = (
        std::env::var("RADPACK_KILLED_FOLDER"),
        std::env::var("RADPACK_KILLED_URL"),
    ) else {
        assert!(std::env::var_os("RADPACK_KILLED_FOLDER").is_none());
        return;
    };
    loop {
        let builder = builder().disk(&folder).cache_bytes(0);
        let radpack = builder.register(url.as_str()).build().await.unwrap();
        radpack.load("a").await.unwrap();
        // Nothing is there again, so that it is written again.
        let _ = std::fs::remove_dir_all(Path::new(&folder).join("files"));
    }
}

#[tokio::test]
async fn one_that_is_killed_leaves_nothing_that_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    let contents = "x".repeat(256 << 10);
    let register = manifest("a", "[1]", contents.as_bytes());
    server.on("/radpack.json", Reply::ok(register));
    server.on("/a.js", Reply::ok(contents.clone()));
    for round in 0..5 {
        let mut process = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "disk::writes_until_it_is_killed"])
            .env("RADPACK_KILLED_FOLDER", folder.path())
            .env("RADPACK_KILLED_URL", server.url("/radpack.json"))
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // It is in the middle of it, while others use the folder, too.
        let before = server.count("/a.js");
        while server.count("/a.js") < before + 2 {
            let radpack = radpack(&server, folder.path()).await;
            assert_eq!(*radpack.load("a").await.unwrap().bytes(), contents);
            tokio::time::sleep(std::time::Duration::from_millis(round)).await;
        }
        process.kill().unwrap();
        process.wait().unwrap();
        let radpack = radpack(&server, folder.path()).await;
        assert_eq!(*radpack.load("a").await.unwrap().bytes(), contents);
    }
    // Without a network, it is all there, and right.
    server.on("/radpack.json", Reply::status(503));
    server.on("/a.js", Reply::status(503));
    let cold = radpack(&server, folder.path()).await;
    assert_eq!(*cold.load("a").await.unwrap().bytes(), contents);
}

#[tokio::test]
async fn an_override_that_is_gone_is_not_brought_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    server.on("/radpack.json", Reply::ok(manifest("a", "[1]", b"live")));
    let preview = server.url("/preview.json");
    server.on("/preview.json", Reply::ok(manifest("a", "[2]", b"mine")));
    let warm = radpack(&server, folder.path()).await;
    let copy = warm.with_overrides(preview.as_str()).await.unwrap();
    assert_eq!(copy.resolve("a").unwrap().version().to_string(), "2.0.0");
    server.on("/preview.json", Reply::status(404));
    let cold = radpack(&server, folder.path()).await;
    let error = cold.with_overrides(preview.as_str()).await.unwrap_err();
    assert!(error.report().contains("404"), "{error:?}");
}
