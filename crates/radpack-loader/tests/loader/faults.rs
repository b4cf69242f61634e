//! One fault at a time, and what becomes of it.

use std::time::Duration;

use radpack_loader::{FetchOptions, LoadError, LoadErrorKind, Radpack, Source};

use crate::server::{Fault, Reply, Server};
use crate::{builder, integrity, manifest, quick};

const CODE: &[u8] = b"export const answer = 42; // long enough to be cut in two";

/// A server with a register of one package, `a`, of which the file is answered like this.
async fn with_module(replies: Vec<Reply>) -> (Server, Radpack) {
    let server = Server::start().await;
    server.on("/radpack.json", Reply::ok(manifest("a", "[1]", CODE)));
    server.on_each("/a.js", replies);
    let radpack = builder()
        .register(server.url("/radpack.json"))
        .build()
        .await
        .unwrap();
    (server, radpack)
}

/// What comes of a register that is answered like this.
async fn with_register(
    replies: Vec<Reply>,
    options: FetchOptions,
) -> (Server, Result<Radpack, LoadError>) {
    let server = Server::start().await;
    server.on_each("/radpack.json", replies);
    let radpack = builder()
        .fetch(options)
        .register(server.url("/radpack.json"))
        .build()
        .await;
    (server, radpack)
}

#[tokio::test]
async fn faults_that_pass_are_got_over() {
    let ok = || Reply::ok(CODE);
    let passing = [
        Reply::status(500),
        Reply::status(502),
        Reply::status(503),
        Reply::status(504),
        Reply::status(408),
        Reply::status(429).header("Retry-After", "0"),
        ok().fault(Fault::Reset),
        ok().fault(Fault::Truncate),
        ok().fault(Fault::UnendedChunks),
        ok().fault(Fault::NotHttp),
    ];
    for fault in passing {
        let (server, radpack) = with_module(vec![fault.clone(), ok()]).await;
        let loaded = radpack
            .load("a")
            .await
            .unwrap_or_else(|error| panic!("{fault:?}: {error:?}"));
        assert_eq!(loaded.bytes(), CODE, "{fault:?}");
        assert_eq!(server.count("/a.js"), 2, "{fault:?}");
    }
}

#[tokio::test]
async fn what_hangs_is_given_up() {
    let server = Server::start().await;
    for fault in [Fault::Hang, Fault::HangInBody] {
        for (silence, whole) in [(100, 60_000), (60_000, 100)] {
            let ok = || Reply::ok(CODE);
            server.on_each("/a.js", vec![ok().fault(fault)]);
            let options = FetchOptions {
                silence_timeout: Duration::from_millis(silence),
                timeout: Duration::from_millis(whole),
                ..quick()
            };
            let before = server.count("/a.js");
            let source = Source::json(manifest("a", "[1]", CODE));
            let radpack = builder()
                .fetch(options)
                .register(source)
                .context("baseUrl", server.url(""));
            let radpack = radpack.build().await.unwrap();
            let error = radpack.load("a").await.unwrap_err();
            assert_eq!(error.kind(), LoadErrorKind::Fetch, "{fault:?}");
            assert!(server.count("/a.js") <= before + 3, "{fault:?}");
            assert_eq!(radpack.status().under_way, 0);
            // However slow this machine is, one of many attempts gets through.
            server.on("/a.js", ok());
            let mut loaded = radpack.load("a").await;
            for _ in 0..100 {
                if loaded.is_err() {
                    loaded = radpack.load("a").await;
                }
            }
            assert_eq!(loaded.unwrap().bytes(), CODE);
        }
    }
}

#[tokio::test]
async fn a_slow_answer_is_waited_for() {
    let (server, radpack) =
        with_module(vec![Reply::ok(CODE).after(Duration::from_millis(100))]).await;
    assert_eq!(radpack.load("a").await.unwrap().bytes(), CODE);
    assert_eq!(server.count("/a.js"), 1);
}

#[tokio::test]
async fn faults_that_stay_are_errors_after_the_last_attempt() {
    let ok = || Reply::ok(CODE);
    for (fault, words) in [
        (Reply::status(500), "500"),
        (ok().fault(Fault::Reset), "cannot fetch"),
        (ok().fault(Fault::Truncate), "cannot fetch"),
        (ok().fault(Fault::NotHttp), "cannot fetch"),
    ] {
        let (server, radpack) = with_module(vec![fault.clone()]).await;
        let error = radpack.load("a").await.unwrap_err();
        assert_eq!(error.kind(), LoadErrorKind::Fetch, "{fault:?}");
        assert!(error.report().contains(words), "{fault:?}: {error:?}");
        assert_eq!(error.url(), Some(server.url("/a.js").as_str()));
        assert_eq!(server.count("/a.js"), 3, "{fault:?}");
    }
}

#[tokio::test]
async fn what_does_not_pass_is_not_tried_again() {
    for status in [400, 401, 403, 404, 410, 206, 304] {
        let (server, radpack) = with_module(vec![Reply::status(status)]).await;
        let error = radpack.load("a").await.unwrap_err();
        assert_eq!(error.kind(), LoadErrorKind::Fetch);
        assert!(error.report().contains(&status.to_string()), "{error:?}");
        assert_eq!(server.count("/a.js"), 1, "{status}");
    }
}

#[tokio::test]
async fn wrong_bytes_are_never_seen() {
    for wrong in [
        Reply::ok("export const answer = 43;"),
        Reply::ok(""),
        Reply::ok(CODE).fault(Fault::ShortLength),
    ] {
        let (server, radpack) = with_module(vec![wrong.clone(), Reply::ok(CODE)]).await;
        let error = radpack.load("a").await.unwrap_err();
        assert_eq!(
            error.kind(),
            LoadErrorKind::Integrity,
            "{wrong:?}: {error:?}"
        );
        let (expected, found) = error.hashes().unwrap();
        assert_eq!(expected, integrity(CODE));
        assert_ne!(found, expected);
        assert!(error.report().contains(expected) && error.report().contains(found));
        // It was not kept, either: the next load asks again.
        assert_eq!(radpack.load("a").await.unwrap().bytes(), CODE);
        assert_eq!(server.count("/a.js"), 2);
    }
}

#[tokio::test]
async fn a_server_that_asks_for_more_time_than_there_is_is_left_alone() {
    let (server, radpack) =
        with_module(vec![Reply::status(429).header("Retry-After", "120")]).await;
    let error = radpack.load("a").await.unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::Fetch);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(120)));
    assert_eq!(server.count("/a.js"), 1);
}

#[tokio::test]
async fn redirects_are_followed_within_limits() {
    let (server, radpack) = with_module(vec![Reply::redirect("/moved/a.js")]).await;
    server.on("/moved/a.js", Reply::ok(CODE));
    assert_eq!(radpack.load("a").await.unwrap().bytes(), CODE);

    let (server, radpack) = with_module(vec![Reply::redirect("/a.js")]).await;
    let error = radpack.load("a").await.unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::Refused);
    assert!(
        error.report().contains("redirects more than 5 times"),
        "{error:?}"
    );
    assert_eq!(server.count("/a.js"), 6);
}

#[tokio::test]
async fn a_redirect_to_another_scheme_is_refused() {
    for target in [
        "https://127.0.0.1:1/a.js",
        "file:///etc/hostname",
        "ftp://127.0.0.1/a.js",
    ] {
        let (server, radpack) = with_module(vec![Reply::redirect(target)]).await;
        let error = radpack.load("a").await.unwrap_err();
        assert!(
            matches!(error.kind(), LoadErrorKind::Refused | LoadErrorKind::Fetch),
            "{error:?}"
        );
        if target.starts_with("https") {
            assert_eq!(error.kind(), LoadErrorKind::Refused);
            assert!(
                error.report().contains("redirects from http to https"),
                "{error:?}"
            );
        }
        assert_eq!(server.count("/a.js"), 1, "{target}");
    }
}

#[tokio::test]
async fn hosts_that_are_not_allowed_are_not_asked_and_not_followed_to() {
    let server = Server::start().await;
    let other = Server::start().await;
    let listed = server.url("").trim_start_matches("http://").to_owned();
    server.on("/radpack.json", Reply::ok(manifest("a", "[1]", CODE)));
    server.on("/a.js", Reply::redirect(&other.url("/a.js")));
    other.on("/a.js", Reply::ok(CODE));
    other.on("/radpack.json", Reply::ok(manifest("a", "[1]", CODE)));
    let options = FetchOptions {
        allowed_hosts: Some(vec![listed]),
        ..quick()
    };
    let radpack = builder()
        .fetch(options.clone())
        .register(server.url("/radpack.json"))
        .build()
        .await
        .unwrap();
    let error = radpack.load("a").await.unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::Refused, "{error:?}");
    let refused = builder()
        .fetch(options)
        .register(other.url("/radpack.json"))
        .build()
        .await;
    assert_eq!(refused.unwrap_err().kind(), LoadErrorKind::Refused);
    assert!(other.requests().is_empty());

    let wrong = FetchOptions {
        allowed_hosts: Some(vec!["https://h".into()]),
        ..quick()
    };
    assert_eq!(
        builder().fetch(wrong).build().await.unwrap_err().kind(),
        LoadErrorKind::Setup
    );
}

#[tokio::test]
async fn what_is_too_large_is_given_up() {
    let most = CODE.len();
    for (limit, chunked, fits) in [
        (most, false, true),
        (most - 1, false, false),
        (most - 1, true, false),
    ] {
        let server = Server::start().await;
        server.on("/radpack.json", Reply::ok(manifest("a", "[1]", CODE)));
        let fault = if chunked {
            Fault::UnendedChunks
        } else {
            Fault::Nothing
        };
        let twice = [CODE, CODE, CODE].concat();
        server.on(
            "/a.js",
            Reply::ok(if chunked { &twice } else { CODE }).fault(fault),
        );
        let options = FetchOptions {
            module_bytes: limit,
            ..quick()
        };
        let radpack = builder()
            .fetch(options)
            .register(server.url("/radpack.json"))
            .build()
            .await
            .unwrap();
        match radpack.load("a").await {
            Ok(loaded) => assert!(fits && loaded.bytes() == CODE),
            Err(error) => {
                assert!(!fits, "{error:?}");
                assert_eq!(error.kind(), LoadErrorKind::TooLarge, "{error:?}");
                assert_eq!(server.count("/a.js"), 1);
            }
        }
    }
}

#[tokio::test]
async fn compressed_answers_are_read_and_bounded_by_what_they_come_to() {
    let read = |name: &str| {
        let text = match name {
            "gzip" => include_str!("compressed/gzip"),
            "br" => include_str!("compressed/br"),
            "zstd" => include_str!("compressed/zstd"),
            "bomb-gzip" => include_str!("compressed/bomb-gzip"),
            "bomb-br" => include_str!("compressed/bomb-br"),
            _ => include_str!("compressed/bomb-zstd"),
        };
        let digits = text.trim().as_bytes().as_chunks::<2>().0.iter();
        let bytes =
            digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap());
        bytes.collect::<Vec<u8>>()
    };
    for encoding in ["gzip", "br", "zstd"] {
        let reply = Reply::ok(read(encoding)).header("Content-Encoding", encoding);
        let (server, radpack) = with_register(vec![reply], quick()).await;
        let radpack = radpack.unwrap_or_else(|error| panic!("{encoding}: {error:?}"));
        assert_eq!(
            radpack.resolve("packed").unwrap().version().to_string(),
            "1.2.3",
            "{encoding}"
        );
        let accepted = &server.requests()[0].headers["accept-encoding"];
        assert!(accepted.contains(encoding), "{accepted}");
    }
    for encoding in ["gzip", "br", "zstd"] {
        let bomb = read(&format!("bomb-{encoding}"));
        assert!(bomb.len() < 10_000, "it is small as it comes");
        let reply = Reply::ok(bomb).header("Content-Encoding", encoding);
        let options = FetchOptions {
            manifest_bytes: 100_000,
            ..quick()
        };
        let (_, radpack) = with_register(vec![reply], options).await;
        let error = radpack.unwrap_err();
        assert_eq!(
            error.kind(),
            LoadErrorKind::TooLarge,
            "{encoding}: {error:?}"
        );
    }
}

#[tokio::test]
async fn the_limits_that_nobody_set_are_32_and_64_mebibytes() {
    let options = FetchOptions::default();
    assert_eq!(
        (options.module_bytes, options.manifest_bytes),
        (32 << 20, 64 << 20)
    );
    // Its length is believed, so that not a byte of the body is waited for.
    let too_long = |bytes: usize| Reply::status(200).fault(Fault::StatesLength(bytes));
    let (server, radpack) = with_module(vec![too_long((32 << 20) + 1)]).await;
    let error = radpack.load("a").await.unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::TooLarge, "{error:?}");
    assert_eq!(server.count("/a.js"), 1);
    let (_, radpack) = with_register(vec![too_long((64 << 20) + 1)], quick()).await;
    assert_eq!(radpack.unwrap_err().kind(), LoadErrorKind::TooLarge);
}

#[tokio::test]
async fn a_register_that_is_none_is_an_error_that_says_what_is_wrong() {
    for (text, words) in [
        ("<html>Service Unavailable</html>", "expected value"),
        (
            "{\"exports\":{\"a\":{\"v\":[[]],\"d\":[]}}}",
            "$.exports[\"a\"].v[0]",
        ),
        ("", "EOF"),
        (
            "{\"exports\":{\"a\":{\"v\":[[1]],\"d\":[[\"index\",[{\"v\":[0],\"f\":\"../x.js\"}]]]}}}",
            "../x.js",
        ),
    ] {
        let (server, radpack) = with_register(vec![Reply::ok(text)], quick()).await;
        let error = radpack.unwrap_err();
        assert_eq!(error.kind(), LoadErrorKind::Register, "{text}: {error:?}");
        assert!(error.report().contains(words), "{text}: {error:?}");
        assert!(
            error.report().contains(&server.url("/radpack.json")),
            "{error:?}"
        );
        assert_eq!(server.count("/radpack.json"), 1);
    }
}

#[tokio::test]
async fn a_register_that_is_too_large_is_an_error() {
    let json = manifest("a", "[1]", CODE);
    let options = FetchOptions {
        manifest_bytes: json.len() - 1,
        ..quick()
    };
    let (_, radpack) = with_register(vec![Reply::ok(json.clone())], options.clone()).await;
    assert_eq!(radpack.unwrap_err().kind(), LoadErrorKind::TooLarge);
    let options = FetchOptions {
        manifest_bytes: json.len(),
        ..options
    };
    let (_, radpack) = with_register(vec![Reply::ok(json)], options).await;
    assert!(radpack.is_ok());
}

#[tokio::test]
async fn mirrors_are_asked_for_manifests_and_modules() {
    let mirror = Server::start().await;
    mirror.on("/copy/radpack.json", Reply::ok(manifest("a", "[1]", CODE)));
    mirror.on("/copy/a.js", Reply::ok(CODE));
    let source = |server: &Server| {
        radpack_loader::Source::from(server.url("/live/radpack.json"))
            .fallback(mirror.url("/copy/"))
    };
    // One that is down, one that has nothing, one that has the wrong bytes.
    let server = Server::start().await;
    server.on("/live/a.js", Reply::ok("wrong"));
    server.on("/live/radpack.json", Reply::status(500));
    let radpack = builder().register(source(&server)).build().await.unwrap();
    let loaded = radpack.load("a").await.unwrap();
    assert_eq!(loaded.bytes(), CODE);
    // The URL stays that of the register, whoever gave the bytes.
    assert_eq!(loaded.root().url(), Some(server.url("/live/a.js").as_str()));
    assert_eq!(
        (
            mirror.count("/copy/radpack.json"),
            mirror.count("/copy/a.js")
        ),
        (1, 1)
    );
    assert_eq!(
        (
            server.count("/live/radpack.json"),
            server.count("/live/a.js")
        ),
        (1, 1)
    );

    let nowhere = Server::start().await;
    let radpack = builder().register(source(&nowhere)).build().await.unwrap();
    drop(nowhere);
    assert_eq!(radpack.load("a").await.unwrap().bytes(), CODE);

    // Where nobody has it, the error is that of the first.
    mirror.on("/copy/a.js", Reply::status(403));
    let server = Server::start().await;
    let radpack = builder().register(source(&server)).build().await.unwrap();
    let error = radpack.load("a").await.unwrap_err();
    assert!(error.report().contains("404"), "{error:?}");
}

#[tokio::test]
async fn a_mirror_is_asked_where_a_server_answers_with_a_page_for_people() {
    let (server, mirror) = (Server::start().await, Server::start().await);
    server.on("/live/radpack.json", Reply::ok("<html>Sorry!</html>"));
    server.on("/live/a.js", Reply::ok("<html>Sorry!</html>"));
    let register = manifest("a", "[1]", CODE);
    let register = register.replacen('{', r#"{"vars":{"baseUrl":"${host}/live"},"#, 1);
    mirror.on("/eu/radpack.json", Reply::ok(register));
    mirror.on("/eu/a.js", Reply::ok(CODE));
    let source = Source::from(server.url("/live/radpack.json")).fallback(mirror.url("/${region}"));
    let radpack = builder()
        .register(source)
        .context("region", "eu")
        .context("host", server.url(""));
    let radpack = radpack.build().await.unwrap();
    assert_eq!(radpack.load("a").await.unwrap().bytes(), CODE);
    assert_eq!(
        (server.count("/live/a.js"), mirror.count("/eu/a.js")),
        (1, 1)
    );
}

#[tokio::test]
async fn a_tag_of_one_mirror_is_told_to_no_other() {
    let (server, mirror) = (Server::start().await, Server::start().await);
    let reply = || Reply::ok(manifest("a", "[1]", CODE));
    server.on("/radpack.json", reply().etag("\"live\""));
    mirror.on("/radpack.json", reply().etag("\"mirror\""));
    let source = Source::from(server.url("/radpack.json")).fallback(mirror.url(""));
    let radpack = builder().register(source).build().await.unwrap();
    let down = || Reply::status(404);
    server.on("/radpack.json", down());
    radpack.refresh().await.unwrap();
    radpack.refresh().await.unwrap();
    server.on("/radpack.json", reply().etag("\"live\""));
    radpack.refresh().await.unwrap();
    let tags = |server: &Server| -> Vec<Option<String>> {
        let requests = server.requests();
        let tags = requests
            .iter()
            .map(|request| request.headers.get("if-none-match").cloned());
        tags.collect()
    };
    let (live, other) = (Some("\"live\"".to_owned()), Some("\"mirror\"".to_owned()));
    assert_eq!(tags(&server), [None, live, None, None]);
    assert_eq!(tags(&mirror), [None, other]);
}

#[tokio::test]
async fn who_was_not_asked_for_changes_cannot_say_that_there_are_none() {
    // It gives neither tag nor date, and then answers 304.
    let replies = vec![Reply::ok(manifest("a", "[1]", CODE)), Reply::status(304)];
    let (_server, radpack) = with_register(replies, quick()).await;
    let radpack = radpack.unwrap();
    let error = radpack.refresh().await.unwrap_err();
    assert!(error.report().contains("304"), "{error:?}");
    assert!(radpack.resolve("a").is_ok());
}

#[tokio::test]
async fn a_redirect_does_not_tell_where_it_came_from() {
    let (server, radpack) = with_module(vec![Reply::redirect("/elsewhere.js")]).await;
    server.on("/elsewhere.js", Reply::ok(CODE));
    radpack.load("a").await.unwrap();
    let last = server.requests().pop().unwrap();
    assert_eq!(last.path, "/elsewhere.js");
    assert!(!last.headers.contains_key("referer"), "{last:?}");
}
