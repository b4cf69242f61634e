//! Drafts over HTTP: nobody's save overwrites another's.

use std::time::Duration;

use radpack_registry::state::token::Right;
use radpack_registry::{Registry, Store, Uuid};
use radpack_server::{Limits, Settings};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::{filled, get, tar, upload, upload_as};
use crate::running::{Asked, Running, header, settings};

async fn put(
    running: &Running,
    token: &str,
    path: &str,
    base: Option<&str>,
    text: &str,
) -> (u16, String, serde_json::Value) {
    let base = base.map(|base| [("if-match", base)]);
    let headers = base.as_ref().map_or(&[][..], |base| &base[..]);
    let path = format!("/api/drafts/mine/files/{path}");
    let asked = Asked {
        method: "PUT",
        path: &path,
        token,
        headers,
        body: text.into(),
    };
    let response = running.ask(asked).await;
    let (status, tag) = (
        response.status().as_u16(),
        header(&response, "etag").to_owned(),
    );
    let json = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    (status, tag, json)
}

#[tokio::test]
async fn files_are_saved_on_the_revision_that_was_seen() {
    let running = filled().await;
    let token = running.token(&[Right::Publish], &["shapes"]).await;
    let open = json!({ "draft": "mine", "from": "shapes@1.0.0" });
    let (status, opened) = running.command("/api/drafts", &token, open).await;
    assert_eq!(
        (status, &opened["facts"]["package"]),
        (200, &json!("shapes")),
        "{opened}"
    );
    let (status, _, problem) = put(&running, &token, "index.js", None, "x").await;
    assert_eq!(status, 428, "{problem}");
    let (status, tag, done) = put(
        &running,
        &token,
        "index.js",
        Some("\"1\""),
        "export const a = 2;",
    )
    .await;
    let opened_at = opened["seq"].as_u64().unwrap();
    let second = format!("\"{opened_at}-2\"");
    assert_eq!((status, &tag), (200, &second), "{done}");
    // The same again is based on what is no longer the newest.
    let (status, _, problem) = put(
        &running,
        &token,
        "index.js",
        Some("\"1\""),
        "export const a = 3;",
    )
    .await;
    assert_eq!(
        (status, &problem["kind"]),
        (412, &json!("stale")),
        "{problem}"
    );
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("bob saved revision 2"),
        "{problem}"
    );
    let (status, _, _) = put(&running, &token, "a%2F..%2Fx", Some("\"2\""), "x").await;
    assert_eq!(status, 400);
    let (_, shown) = get(&running, "/api/drafts/mine", &token).await;
    assert_eq!(
        (
            &shown["revision"],
            shown["files"].as_object().unwrap().len()
        ),
        (&json!(2), 2),
        "{shown}"
    );
    let read = Asked {
        method: "GET",
        path: "/api/drafts/mine/files/index.js",
        token: &token,
        ..Asked::default()
    };
    let read = running.ask(read).await;
    assert_eq!(
        (
            header(&read, "etag"),
            header(&read, "x-content-type-options")
        ),
        (&*second, "nosniff")
    );
    assert_eq!(read.text().await.unwrap(), "export const a = 2;");
    let (_, diff) = get(&running, "/api/drafts/mine/diff", &token).await;
    assert_eq!(
        diff,
        json!({ "added": [], "changed": ["index.js"], "removed": [] })
    );
    let archive = tar(&[
        ("files/lib/more.js", "export const m = 1;"),
        (
            "save.json",
            &json!({ "remove": ["index.js"], "message": "moved" }).to_string(),
        ),
    ]);
    let (status, saved) = upload_as(
        &running,
        "/api/drafts/mine/save",
        &token,
        &[("if-match", "\"2\"")],
        archive.clone(),
    )
    .await;
    assert_eq!(
        (status, &saved["facts"]["revision"]),
        (200, &json!(3)),
        "{saved}"
    );
    let (status, stale) = upload_as(
        &running,
        "/api/drafts/mine/save",
        &token,
        &[("if-match", "\"2\"")],
        archive,
    )
    .await;
    assert_eq!((status, &stale["kind"]), (412, &json!("stale")), "{stale}");
    let (status, reset) = running
        .command("/api/drafts/mine/reset", &token, json!({ "to": 2 }))
        .await;
    assert_eq!(
        (status, &reset["facts"]["revision"]),
        (200, &json!(4)),
        "{reset}"
    );
    let (status, published) = running
        .command(
            "/api/drafts/mine/publish",
            &token,
            json!({ "message": "by hand" }),
        )
        .await;
    assert_eq!(
        (status, &published["facts"]["versions"][0]["version"]),
        (200, &json!("2.0.0")),
        "{published}"
    );
    let discard = Asked {
        method: "DELETE",
        path: "/api/drafts/mine",
        token: &token,
        ..Asked::default()
    };
    assert_eq!(running.send(discard).await.0, 200);
    assert_eq!(get(&running, "/api/drafts/mine", &token).await.0, 404);
}

#[tokio::test]
async fn drafts_of_others_are_not_there() {
    let running = filled().await;
    let mine = running.token(&[Right::Publish], &["shapes"]).await;
    let other = running.token(&[Right::Publish], &["secret"]).await;
    running
        .command(
            "/api/drafts",
            &mine,
            json!({ "draft": "mine", "package": "shapes" }),
        )
        .await;
    assert_eq!(get(&running, "/api/drafts/mine", &other).await.0, 404);
    assert_eq!(get(&running, "/api/drafts/mine", "").await.0, 401);
    assert_eq!(get(&running, "/api/drafts", &other).await.1, json!([]));
    assert_eq!(get(&running, "/api/drafts", "").await.1, json!([]));
    let (status, _, _) = put(&running, &other, "x.js", Some("\"1\""), "x").await;
    assert_eq!(status, 404);
    let (status, _) = upload(
        &running,
        "/api/drafts/mine/save",
        &other,
        tar(&[("files/x.js", "x")]),
    )
    .await;
    assert_eq!(status, 428);
}

/// Whatever is asked about a draft that one may not see is answered as if there were none.
#[tokio::test]
async fn whether_there_is_a_draft_of_others_is_not_told() {
    let running = filled().await;
    let mine = running.token(&[Right::Publish], &["shapes"]).await;
    let other = running.token(&[Right::Admin], &["secret"]).await;
    let open = json!({ "draft": "mine", "package": "shapes" });
    running.command("/api/drafts", &mine, open.clone()).await;
    let json_headers = [("content-type", "application/json"), ("if-match", "\"1\"")];
    for (method, path, body) in [
        ("GET", "/api/drafts/NAME", ""),
        ("GET", "/api/drafts/NAME/files/index.js", ""),
        ("GET", "/api/drafts/NAME/diff", ""),
        ("PUT", "/api/drafts/NAME/files/index.js", "x"),
        ("DELETE", "/api/drafts/NAME/files/index.js", ""),
        ("DELETE", "/api/drafts/NAME", ""),
        ("POST", "/api/drafts/NAME/reset", r#"{"to":1}"#),
        ("POST", "/api/drafts/NAME/publish", "{}"),
    ] {
        let said = async |name: &str| {
            let asked = Asked {
                method,
                path: &path.replace("NAME", name),
                token: &other,
                headers: &json_headers,
                body: body.into(),
            };
            let (status, said) = running.send(asked).await;
            (status, said.to_string().replace(name, "NAME"))
        };
        let there = said("mine").await;
        assert_eq!(there.0, 404, "{method} {path}: {}", there.1);
        assert_eq!(there, said("none").await, "{method} {path}");
    }
    for package in [None, Some("secret")] {
        let said = async |name: &str| {
            let open =
                json!({ "draft": "ours", "from": format!("draft:{name}"), "package": package });
            let (status, said) = running.command("/api/drafts", &other, open).await;
            (status, said.to_string().replace(name, "NAME"))
        };
        let there = said("mine").await;
        assert_eq!(there.0, 404, "{}", there.1);
        assert_eq!(there, said("none").await);
    }
    // Two drafts cannot have one name. Whose it is, is not told.
    let open = json!({ "draft": "mine", "package": "secret" });
    let (status, said) = running.command("/api/drafts", &other, open).await;
    assert_eq!(status, 409, "{said}");
    assert!(!said.to_string().contains("shapes"), "{said}");
    // Nor is whether there is a version.
    let from = async |version: &str| {
        let open = json!({ "draft": "ours", "package": "shapes", "from": version });
        let (status, said) = running.command("/api/drafts", &mine, open).await;
        (status, said["detail"].clone())
    };
    assert_eq!(from("secret@1.0.0").await, from("secret@7.0.0").await);
}

#[tokio::test]
async fn there_are_as_many_drafts_as_there_may_be() {
    let limits = Limits {
        drafts: 2,
        ..Limits::default()
    };
    let (registry, _) = Registry::init(Store::in_memory()).await.unwrap();
    let settings = Settings {
        limits,
        ..settings()
    };
    let running = Running::over(registry, settings).await;
    let ours = running.token(&[Right::Publish], &["our-*"]).await;
    let theirs = running.token(&[Right::Publish], &["their-*"]).await;
    let narrower = json!({ "holder": "x", "rights": ["publish"], "packages": ["our-c"] });
    let (_, made) = running.command("/api/tokens", &ours, narrower).await;
    let narrower = made["secret"].as_str().unwrap();
    let open = async |token: &str, draft: &str, package: &str| {
        let open = json!({ "draft": draft, "package": package });
        running.command("/api/drafts", token, open).await
    };
    assert_eq!(open(&ours, "one", "our-a").await.0, 200);
    assert_eq!(open(&ours, "two", "our-b").await.0, 200);
    for (token, package) in [(&*ours, "our-a"), (narrower, "our-c")] {
        let (status, refused) = open(token, "three", package).await;
        assert_eq!(status, 409, "{refused}");
        let why = refused["detail"].as_str().unwrap();
        assert!(
            why.contains("there may be 2") && why.contains("draft discard"),
            "{why}"
        );
    }
    assert_eq!(open(&theirs, "three", "their-a").await.0, 200);
    let discard = Asked {
        method: "DELETE",
        path: "/api/drafts/one",
        token: &ours,
        ..Asked::default()
    };
    assert_eq!(running.send(discard).await.0, 200);
    assert_eq!(open(narrower, "four", "our-c").await.0, 200);
}

/// A service that takes one upload of each at once.
async fn cramped() -> Running {
    let limits = Limits {
        uploads_of_one: 1,
        ..Limits::default()
    };
    let (registry, _) = Registry::init(Store::in_memory()).await.unwrap();
    let settings = Settings {
        limits,
        ..settings()
    };
    Running::over(registry, settings).await
}

/// Sends as much of a file as there is, and says that it has a length.
async fn begin(running: &Running, token: &str, path: &str, length: usize, body: &str) -> TcpStream {
    let host = running.address.trim_start_matches("http://");
    let mut connection = TcpStream::connect(host).await.unwrap();
    let request = format!(
        "PUT /api/drafts/mine/files/{path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\nif-match: \"1\"\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    connection
}

/// What was received is saved to its end, in the room that it has; what breaks off gives its room back.
#[tokio::test]
async fn who_goes_away_leaves_no_room_taken_and_nothing_half_saved() {
    let running = cramped().await;
    let token = running.token(&[Right::Publish], &["shapes"]).await;
    let open = json!({ "draft": "mine", "package": "shapes" });
    assert_eq!(running.command("/api/drafts", &token, open).await.0, 200);
    for (body, length) in [("whole", 5), ("half", 8)] {
        let connection = begin(&running, &token, &format!("{body}.js"), length, body).await;
        if body == "whole" {
            // It has come when there is no more room.
            while get(&running, "/api/drafts/mine", &token).await.1["revision"] != json!(2) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        drop(connection);
    }
    let (_, shown) = get(&running, "/api/drafts/mine", &token).await;
    let files: Vec<&String> = shown["files"].as_object().unwrap().keys().collect();
    assert_eq!(files, ["whole.js"], "{shown}");
    let (mut status, mut problem) = (429, json!(null));
    while status == 429 {
        (status, _, problem) = put(&running, &token, "more.js", Some("\"2\""), "x").await;
    }
    assert_eq!(status, 200, "{problem}");
}

/// Who lost an answer gets it, also where what the command was about has gone meanwhile.
#[tokio::test]
async fn what_was_done_is_told_again_though_the_draft_is_gone() {
    let running = filled().await;
    let token = running.token(&[Right::Publish], &["*"]).await;
    let send = async |path: &str, method: &str, id: &str, body: serde_json::Value| {
        running
            .send(Asked {
                method,
                path,
                token: &token,
                headers: &[
                    ("content-type", "application/json"),
                    ("idempotency-key", id),
                ],
                body: body.to_string().into(),
            })
            .await
    };
    let ids: Vec<String> = (0..3).map(|_| Uuid::now_v7().to_string()).collect();
    let open = json!({ "draft": "first", "from": "shapes@1.0.0" });
    running.command("/api/drafts", &token, open).await;
    let copy = json!({ "draft": "mine", "from": "draft:first" });
    let (status, opened) = send("/api/drafts", "POST", &ids[0], copy.clone()).await;
    assert_eq!(status, 200, "{opened}");
    let (status, published) = send(
        "/api/drafts/mine/publish",
        "POST",
        &ids[1],
        json!({ "version": "3.0.0" }),
    )
    .await;
    assert_eq!(
        (status, &published["done"]),
        (200, &json!(true)),
        "{published}"
    );
    for draft in ["first", "mine"] {
        let (status, gone) = send(
            &format!("/api/drafts/{draft}"),
            "DELETE",
            &Uuid::now_v7().to_string(),
            json!({}),
        )
        .await;
        assert_eq!(status, 200, "{gone}");
    }
    let (status, again) = send("/api/drafts", "POST", &ids[0], copy.clone()).await;
    assert_eq!(
        (status, &again["repeated"], &again["seq"]),
        (200, &json!(true), &opened["seq"]),
        "{again}"
    );
    let (status, again) = send(
        "/api/drafts/mine/publish",
        "POST",
        &ids[1],
        json!({ "version": "3.0.0" }),
    )
    .await;
    assert_eq!(
        (status, &again["repeated"], &again["seq"]),
        (200, &json!(true), &published["seq"]),
        "{again}"
    );
    // Under a key of its own it is another command.
    assert_eq!(send("/api/drafts", "POST", &ids[2], copy).await.0, 404);
}

/// A draft is built as an upload is, and so takes of the room that its sender has.
#[tokio::test]
async fn drafts_are_published_in_the_room_of_uploads() {
    let running = cramped().await;
    let token = running.token(&[Right::Publish], &["shapes"]).await;
    let mut connection = begin(&running, &token, "some.js", 8, "half").await;
    // One that it made has no other.
    let made = json!({ "holder": "x", "rights": ["publish"], "packages": ["shapes"] });
    let (_, made) = running.command("/api/tokens", &token, made).await;
    let token = made["secret"].as_str().unwrap();
    let path = "/api/drafts/none/publish";
    let mut status = 404;
    while status == 404 {
        // Until the upload has begun.
        tokio::time::sleep(Duration::from_millis(5)).await;
        (status, _) = running.command(path, token, json!({})).await;
    }
    assert_eq!(status, 429);
    connection.shutdown().await.unwrap();
    drop(connection);
    while status == 429 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        (status, _) = running.command(path, token, json!({})).await;
    }
    assert_eq!(status, 404);
}

/// What was based on a draft that is gone is not done to another one of its name.
#[tokio::test]
async fn a_condition_is_for_one_draft() {
    let running = filled().await;
    let token = running.token(&[Right::Publish], &["shapes"]).await;
    let open = json!({ "draft": "mine", "from": "shapes@1.0.0" });
    running.command("/api/drafts", &token, open.clone()).await;
    let shown = Asked {
        method: "GET",
        path: "/api/drafts/mine",
        token: &token,
        ..Asked::default()
    };
    let response = running.ask(shown).await;
    let first = header(&response, "etag").to_owned();
    let discard = Asked {
        method: "DELETE",
        path: "/api/drafts/mine",
        token: &token,
        ..Asked::default()
    };
    assert_eq!(running.send(discard).await.0, 200);
    running.command("/api/drafts", &token, open).await;
    let (status, _, problem) = put(&running, &token, "index.js", Some(&first), "x").await;
    assert_eq!(
        (status, &problem["kind"]),
        (412, &json!("stale")),
        "{problem}"
    );
}

/// What is decided on a draft is done to what was seen of it, where that is said.
#[tokio::test]
async fn a_draft_is_given_up_set_back_and_published_as_it_was_seen() {
    let running = filled().await;
    let token = running.token(&[Right::Publish], &["shapes"]).await;
    let open = json!({ "draft": "mine", "from": "shapes@1.0.0" });
    let (_, opened) = running.command("/api/drafts", &token, open).await;
    let mut tags = vec![format!("\"{}-1\"", opened["seq"])];
    for text in ["export const a = 2;", "export const a = 3;"] {
        let base = tags.last().map(String::as_str);
        let (status, tag, said) = put(&running, &token, "index.js", base, text).await;
        assert_eq!(status, 200, "{said}");
        tags.push(tag);
    }
    let send = async |method: &str, path: &str, body: &str, tag: &str| {
        let headers = [("if-match", tag), ("content-type", "application/json")];
        let asked = Asked {
            method,
            path,
            token: &token,
            headers: &headers,
            body: body.into(),
        };
        running.send(asked).await
    };
    let all = [
        ("POST", "/api/drafts/mine/publish", "{}"),
        ("POST", "/api/drafts/mine/reset", r#"{"to":1}"#),
        ("DELETE", "/api/drafts/mine", ""),
    ];
    for (method, path, body) in all {
        for old in [&*tags[1], "\"1-3\""] {
            let (status, refused) = send(method, path, body, old).await;
            assert_eq!(
                (status, &refused["kind"]),
                (412, &json!("stale")),
                "{path}: {refused}"
            );
        }
    }
    let mut tag = tags[2].clone();
    for (method, path, body) in all {
        let (status, done) = send(method, path, body, &tag).await;
        assert_eq!(
            (status, &done["done"]),
            (200, &json!(true)),
            "{path}: {done}"
        );
        if path.ends_with("reset") {
            tag = format!("\"{}-4\"", opened["seq"]);
        }
    }
}
