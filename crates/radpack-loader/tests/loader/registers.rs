//! What can be registered, and how registers lie on top of each other.

use std::sync::Arc;
use std::time::Duration;

use radpack_loader::{FetchOptions, LoadErrorKind, Source, Standing};
use radpack_manifest::{Manifest, Register};
use radpack_resolve::{Index, ResolveErrorKind};

use crate::server::{Fault, Reply, Server};
use crate::{builder, manifest, quick};

/// A manifest of one package without integrity.
fn plain(name: &str, version: &str) -> String {
    format!(
        r#"{{"exports":{{"{name}":{{"v":[{version}],"d":[["index",[{{"v":[0],"f":"{name}.js"}}]]]}}}}}}"#
    )
}

#[tokio::test]
async fn every_kind_of_source_is_read() {
    let server = Server::start().await;
    server.on("/x/radpack.json", Reply::ok(plain("from-url", "[1]")));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("radpack.json");
    std::fs::write(&path, plain("from-path", "[1]")).unwrap();
    let index = Arc::new(
        Index::from_json(plain("from-index", "[1]"))
            .unwrap()
            .with_base_url("https://i.example"),
    );
    let radpack = builder()
        .register(server.url("/x/radpack.json"))
        .register(path.clone())
        .register(path.to_str().unwrap())
        .register(url::Url::from_file_path(&path).unwrap())
        .register(Arc::clone(&index))
        .register(Index::from_json(plain("from-own-index", "[1]")).unwrap())
        .register(Manifest::from_slice(plain("from-manifest", "[1]").as_bytes()).unwrap())
        .register(
            Register::from_slice(format!("[{}]", plain("from-register", "[1]")).as_bytes())
                .unwrap(),
        )
        .register(Source::json(plain("from-json", "[1]")))
        .register([
            Source::json(plain("from-list", "[1]")),
            Source::from(vec![Source::json(plain("from-nested-list", "[1]"))]),
        ])
        .context("baseUrl", "https://context.example")
        .build()
        .await
        .unwrap();
    let url = |id: &str| radpack.resolve(id).unwrap().url().unwrap().unwrap();
    assert_eq!(url("from-url"), server.url("/x/from-url.js"));
    assert_eq!(
        url("from-path"),
        url::Url::from_file_path(folder.path().join("from-path.js"))
            .unwrap()
            .as_str()
    );
    assert_eq!(url("from-index"), "https://i.example/from-index.js");
    for name in [
        "own-index",
        "manifest",
        "register",
        "json",
        "list",
        "nested-list",
    ] {
        assert_eq!(
            url(&format!("from-{name}")),
            format!("https://context.example/from-{name}.js")
        );
    }
    assert_eq!(radpack.status().registers.len(), 11);
}

#[tokio::test]
async fn an_index_alone_is_used_as_it_is() {
    let index = Arc::new(Index::from_json(plain("a", "[1]")).unwrap());
    let radpack = builder()
        .register(Arc::clone(&index))
        .build()
        .await
        .unwrap();
    assert!(std::ptr::eq(radpack.snapshot().index(), &*index));
}

#[tokio::test]
async fn later_ones_lie_on_top() {
    let radpack = builder()
        .register(Source::json(r#"{"vars":{"baseUrl":"https://low"},"exports":{"a":{"v":[[1,1]],"d":[["index",[{"v":[0],"f":"a.js"}]]]}}}"#))
        .register(Source::json(r#"{"vars":{"baseUrl":"https://high"},"exports":{"a":{"v":[[1]],"d":[["index",[{"v":[0],"f":"a.js"}]]]}}}"#))
        .build()
        .await
        .unwrap();
    let found = radpack.resolve("a@^1").unwrap();
    assert_eq!(found.url().unwrap().unwrap(), "https://high/a.js");
    assert_eq!(
        radpack.resolve("a@1.1.0").unwrap().url().unwrap().unwrap(),
        "https://low/a.js"
    );
}

#[tokio::test]
async fn nested_registers_are_read_at_once_and_inherit() {
    let server = Server::start().await;
    server.on(
        "/all.json",
        Reply::ok(r#"["one/radpack.json", {"vars":{"url":"${baseUrl}/v/${file}","stage":"live"},"url":"two/radpack.json"}]"#),
    );
    server.on(
        "/one/radpack.json",
        Reply::ok(plain("one", "[1]")).together(2),
    );
    server.on(
        "/two/radpack.json",
        Reply::ok(r#"{"vars":{"url":"inner","stage":"inner"},"exports":{"two":{"v":[[1]],"d":[["index",[{"v":[0],"f":"${stage}.js"}]]]}}}"#)
            .together(2),
    );
    let radpack = builder()
        .register(server.url("/all.json"))
        .build()
        .await
        .unwrap();
    assert_eq!(
        radpack.resolve("one").unwrap().url().unwrap().unwrap(),
        server.url("/one/one.js")
    );
    assert_eq!(
        radpack.resolve("two").unwrap().url().unwrap().unwrap(),
        server.url("/two/v/live.js")
    );
    assert_eq!(server.most_at_once(), 2);
}

#[tokio::test]
async fn cycles_depth_and_files_behind_the_network_are_errors() {
    let server = Server::start().await;
    server.on("/a.json", Reply::ok(r#""b.json""#));
    server.on("/b.json", Reply::ok(r#"[{"url":"a.json"}]"#));
    let error = builder()
        .register(server.url("/a.json"))
        .build()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::Register);
    assert!(error.report().contains("leads back to itself"), "{error:?}");

    for depth in 0..20 {
        server.on(
            &format!("/deep{depth}.json"),
            Reply::ok(format!("\"deep{}.json\"", depth + 1)),
        );
    }
    let error = builder()
        .register(server.url("/deep0.json"))
        .build()
        .await
        .unwrap_err();
    assert!(
        error.report().contains("nested deeper than 16"),
        "{error:?}"
    );
    assert_eq!(server.count("/deep16.json"), 0);

    server.on("/file.json", Reply::ok(r#""file:///etc/radpack.json""#));
    let error = builder()
        .register(server.url("/file.json"))
        .build()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::Refused, "{error:?}");

    server.on(
        "/missing.json",
        Reply::ok(r#"["there.json", "not-there.json"]"#),
    );
    server.on("/there.json", Reply::ok(plain("there", "[1]")));
    let error = builder()
        .register(server.url("/missing.json"))
        .build()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::Fetch);
    assert_eq!(error.url(), Some(server.url("/not-there.json").as_str()));
}

#[tokio::test]
async fn what_names_no_register_is_an_error() {
    for source in [
        Source::from("/not/there/radpack.json"),
        Source::from(""),
        Source::from("ftp://h/radpack.json"),
        Source::from("http://"),
        Source::from("https://${region}.example/radpack.json"),
        Source::json("{"),
        Source::from(std::env::current_dir().unwrap()),
    ] {
        let error = builder()
            .register(source.clone())
            .build()
            .await
            .unwrap_err();
        assert!(!error.to_string().is_empty(), "{source}");
        assert!(
            matches!(
                error.kind(),
                LoadErrorKind::Fetch | LoadErrorKind::Register | LoadErrorKind::Setup
            ),
            "{source}: {error:?}"
        );
    }
}

#[tokio::test]
async fn the_context_fills_in_urls_of_registers() {
    let server = Server::start().await;
    server.on("/eu/radpack.json", Reply::ok(plain("a", "[1]")));
    let radpack = builder()
        .register(server.url("/${region}/radpack.json"))
        .context("region", "eu")
        .build()
        .await
        .unwrap();
    assert_eq!(radpack.urls("a").unwrap(), [server.url("/eu/a.js")]);
}

#[tokio::test]
async fn optional_ones_may_fail_and_come_later() {
    let server = Server::start().await;
    server.on("/radpack.json", Reply::ok(plain("a", "[1]")));
    let radpack = builder()
        .register(server.url("/radpack.json"))
        .optional(server.url("/later.json"))
        .build()
        .await
        .unwrap();
    assert!(radpack.resolve("later").is_err());
    let status = radpack.status();
    assert_eq!(status.registers[0].standing, Standing::Fresh);
    assert_eq!(
        (status.registers[1].standing, status.registers[1].optional),
        (Standing::Missing, true)
    );
    assert!(
        status.registers[1]
            .error
            .as_ref()
            .is_some_and(|error| error.report().contains("404"))
    );
    radpack.ready().await.unwrap();
    server.on("/later.json", Reply::ok(plain("later", "[1]")));
    radpack.refresh().await.unwrap();
    assert!(radpack.resolve("later").is_ok());
    assert_eq!(radpack.status().registers[1].standing, Standing::Fresh);
}

#[tokio::test]
async fn registering_does_not_wait_and_ready_does() {
    let server = Server::start().await;
    server.on("/radpack.json", Reply::ok(plain("a", "[1]")).held());
    let radpack = builder()
        .register(server.url("/radpack.json"))
        .build_now()
        .await
        .unwrap();
    assert_eq!(
        radpack.resolve("a").unwrap_err().kind(),
        ResolveErrorKind::UnknownPackage
    );
    assert_eq!(radpack.status().registers[0].standing, Standing::Pending);
    server.release();
    radpack.ready().await.unwrap();
    assert!(radpack.resolve("a").is_ok());

    server.on("/more.json", Reply::ok(plain("more", "[1]")));
    radpack.register(server.url("/more.json"));
    radpack.ready().await.unwrap();
    assert!(radpack.resolve("more").is_ok());
    assert!(radpack.resolve("a").is_ok());

    radpack.register(server.url("/not-there.json"));
    let error = radpack.ready().await.unwrap_err();
    assert_eq!(error.url(), Some(server.url("/not-there.json").as_str()));
    assert!(radpack.resolve("a").is_ok(), "the others stay");
}

#[tokio::test]
async fn one_that_hangs_holds_up_no_other() {
    let server = Server::start().await;
    server.on("/hang.json", Reply::ok("").fault(Fault::Hang));
    let options = FetchOptions {
        silence_timeout: Duration::from_secs(60),
        ..quick()
    };
    let radpack = builder()
        .fetch(options)
        .register(server.url("/hang.json"))
        .build_now()
        .await
        .unwrap();
    server.on("/radpack.json", Reply::ok(manifest("a", "[1]", b"x")));
    radpack.register(server.url("/radpack.json"));
    while radpack.resolve("a").is_err() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(radpack.status().registers[0].standing, Standing::Pending);
}
