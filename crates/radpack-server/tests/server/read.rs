//! What everybody reads.

use std::collections::BTreeSet;

use radpack_registry::rules::{Rollback, Yank};
use radpack_registry::state::token::Right;
use radpack_registry::{Cohort, Plan};
use reqwest::StatusCode;

use crate::running::{Running, header};

const SHAPES: &[(&str, &str)] = &[
    (
        "index.js",
        "export const round = 1; export { deep } from './inner/deep.js';",
    ),
    ("inner/deep.js", "export const deep = 2;"),
];

/// shapes 1.0.0 and app 1.0.0, which needs it, are released.
async fn two() -> Running {
    let running = Running::new().await;
    running.publish("shapes", "1.0.0", SHAPES).await;
    running.release(&["shapes@1.0.0"]).await;
    let app = [(
        "index.js",
        "import { round } from 'shapes'; export const app = round;",
    )];
    running.publish("app", "1.0.0", &app).await;
    running.release(&["app@1.0.0"]).await;
    running
}

async fn shapes(running: &Running, version: &str) {
    let text = format!("export const round = '{version}'; export const deep = 3;");
    running
        .publish(
            "shapes",
            version,
            &[("index.js", &text), ("inner/deep.js", &text)],
        )
        .await;
}

async fn version_at(running: &Running, path: &str) -> String {
    let manifest = running.json(path).await;
    let version = &manifest["exports"]["shapes"]["v"][0];
    serde_json::to_string(version).unwrap()
}

#[tokio::test]
async fn the_manifest_is_sent_as_readers_want_it_and_not_twice() {
    let running = two().await;
    let plain = running.get("/radpack.json").await;
    assert_eq!(plain.status(), StatusCode::OK);
    assert_eq!(header(&plain, "content-type"), "application/json");
    assert_eq!(
        header(&plain, "cache-control"),
        "public, max-age=5, stale-if-error=86400"
    );
    assert_eq!(header(&plain, "access-control-allow-origin"), "*");
    assert_eq!(header(&plain, "vary"), "Accept-Encoding");
    let moment = header(&plain, "radpack-moment").to_owned();
    let etag = header(&plain, "etag").to_owned();
    let text = plain.text().await.unwrap();
    let state = running.registry.refresh().await.unwrap();
    let expected = running
        .registry
        .ask(&state, |it| it.manifest(&Default::default(), state.now()))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(text, expected.to_json());

    let known = running
        .get_with("/radpack.json", &[("if-none-match", &etag)])
        .await;
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(header(&known, "radpack-moment"), moment);
    assert_eq!(header(&known, "etag"), etag);
    let exposed = header(&known, "access-control-expose-headers");
    assert!(exposed.contains("ETag"), "{exposed}");
    assert!(known.bytes().await.unwrap().is_empty());
    // Some escape what need not be.
    let escaped = format!("/at/{}/radpack.json", moment.replace('-', "%2D"));
    let as_it_was = running.get_with(&escaped, &[]).await;
    assert_eq!(as_it_was.status(), StatusCode::OK, "{escaped}");
    assert_eq!(as_it_was.text().await.unwrap(), text);
    let wrong = reqwest::Client::new()
        .delete(format!("{}/radpack.json", running.address))
        .send();
    let wrong = wrong.await.unwrap();
    assert_eq!(wrong.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(header(&wrong, "allow"), "GET, HEAD, OPTIONS");

    let gone = running
        .get_with("/radpack.json", &[("if-none-match", "\"other\"")])
        .await;
    assert_eq!(gone.status(), StatusCode::OK);
}

#[tokio::test]
async fn each_encoding_has_a_tag_of_its_own() {
    let running = two().await;
    let long: String = (0..300)
        .map(|it| format!("export const name{it} = {it};\n"))
        .collect();
    running
        .publish("long", "1.0.0", &[("index.js", &long)])
        .await;
    running.release(&["long@1.0.0"]).await;
    let resolved = running.json("/resolve/long").await;
    let path = resolved["url"].as_str().unwrap();
    let mut tags = BTreeSet::new();
    for coding in ["identity", "gzip", "br", "zstd"] {
        let response = running.get_with(path, &[("accept-encoding", coding)]).await;
        let encoded = header(&response, "content-encoding").to_owned();
        assert_eq!(encoded, if coding == "identity" { "" } else { coding });
        let etag = header(&response, "etag").to_owned();
        let length: usize = header(&response, "content-length").parse().unwrap();
        assert_eq!(response.bytes().await.unwrap().len(), length);
        assert_eq!(length == long.len(), coding == "identity");
        let headers = [("accept-encoding", coding), ("if-none-match", &*etag)];
        let known = running.get_with(path, &headers).await;
        assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
        tags.insert(etag);
    }
    assert_eq!(tags.len(), 4);
}

#[tokio::test]
async fn a_module_is_served_for_ever_and_says_what_it_is() {
    let running = two().await;
    let resolved = running.json("/resolve/shapes@^1").await;
    let path = resolved["url"].as_str().unwrap();
    let module = running.get(path).await;
    assert_eq!(module.status(), StatusCode::OK);
    assert_eq!(
        header(&module, "content-type"),
        "text/javascript; charset=utf-8"
    );
    assert_eq!(
        header(&module, "cache-control"),
        "public, max-age=31536000, immutable"
    );
    assert_eq!(
        header(&module, "radpack-integrity"),
        resolved["integrity"].as_str().unwrap()
    );
    assert!(header(&module, "repr-digest").starts_with("sha-256=:"));
    assert_eq!(header(&module, "x-content-type-options"), "nosniff");
    assert_eq!(header(&module, "content-security-policy"), "sandbox");
    assert_eq!(header(&module, "access-control-allow-origin"), "*");
    let text = module.text().await.unwrap();

    let part = running.get_with(path, &[("range", "bytes=1-3")]).await;
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(
        header(&part, "content-range"),
        format!("bytes 1-3/{}", text.len())
    );
    assert_eq!(part.text().await.unwrap(), text[1..4]);
    let beyond = running.get_with(path, &[("range", "bytes=99999-")]).await;
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    let other = [("range", "bytes=1-3"), ("if-range", "\"other\"")];
    assert_eq!(
        running.get_with(path, &other).await.status(),
        StatusCode::OK
    );

    let head = reqwest::Client::new().head(format!("{}{path}", running.address));
    let head = head.send().await.unwrap();
    assert_eq!(header(&head, "content-length"), text.len().to_string());
    assert_eq!(head.text().await.unwrap(), "");

    for wrong in [
        "/m/shapes/nothing.js",
        "/m/nothing/index.js",
        "/m/shapes",
        "/m/@a/b",
        "/m/shapes/..%2findex.js",
    ] {
        assert_eq!(
            running.get(wrong).await.status(),
            StatusCode::NOT_FOUND,
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn what_is_not_released_takes_a_token() {
    let running = two().await;
    shapes(&running, "1.1.0").await;
    let reader = running.token(&[Right::Read], &["*"]).await;
    let other = running.token(&[Right::Publish], &["app"]).await;
    let bearer = format!("Bearer {reader}");
    let headers: [(&str, &str); 2] = [("authorization", &bearer), ("accept", "application/json")];

    assert_eq!(version_at(&running, "/radpack.json").await, "[1]");
    let denied = running.get("/radpack.json?channel=latest").await;
    assert_eq!(denied.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        header(&denied, "www-authenticate"),
        "Bearer realm=\"radpack\""
    );
    assert_eq!(header(&denied, "content-type"), "application/problem+json");
    let latest = running
        .get_with("/resolve/shapes?channel=latest", &headers)
        .await;
    assert!(
        header(&latest, "cache-control").starts_with("private, "),
        "{latest:?}"
    );
    let latest: serde_json::Value = serde_json::from_str(&latest.text().await.unwrap()).unwrap();
    assert_eq!(latest["version"], "1.1.0");

    let path = latest["url"].as_str().unwrap();
    assert_eq!(running.get(path).await.status(), StatusCode::NOT_FOUND);
    let module = running.get_with(path, &headers).await;
    assert_eq!(module.status(), StatusCode::OK);
    assert_eq!(
        header(&module, "cache-control"),
        "private, max-age=31536000, immutable"
    );

    // Who sees some packages gets those of them, and of others what everybody gets.
    let bearer = format!("Bearer {other}");
    let partial = running
        .get_with(
            "/radpack.json?channel=latest",
            &[("authorization", &bearer)],
        )
        .await;
    let partial: serde_json::Value = serde_json::from_str(&partial.text().await.unwrap()).unwrap();
    let names: Vec<&String> = partial["exports"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["app", "shapes"]);
    assert_eq!(partial["exports"]["shapes"]["v"].to_string(), "[[1]]");
    assert_eq!(
        running
            .get_with(path, &[("authorization", &bearer)])
            .await
            .status(),
        StatusCode::NOT_FOUND
    );
    // A token that is none is not the same as none.
    let wrong = running
        .get_with("/radpack.json", &[("authorization", "Bearer x")])
        .await;
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_moment_stays_what_it_was() {
    let running = two().await;
    let first = running.get("/radpack.json").await;
    let moment = header(&first, "radpack-moment").to_owned();
    let first = first.text().await.unwrap();
    let path = running.json("/resolve/shapes").await["url"]
        .as_str()
        .unwrap()
        .to_owned();
    shapes(&running, "1.1.0").await;
    running.release(&["shapes@1.1.0"]).await;
    assert_eq!(version_at(&running, "/radpack.json").await, "[1,1]");

    let at = format!("/at/{moment}/radpack.json");
    let then = running.get(&at).await;
    assert_eq!(
        header(&then, "cache-control"),
        "public, max-age=31536000, immutable"
    );
    assert_eq!(header(&then, "radpack-moment"), moment);
    assert_eq!(then.text().await.unwrap(), first);
    let resolved = running
        .json(&format!("/at/{moment}/resolve/shapes@^1"))
        .await;
    assert_eq!(resolved["version"], "1.0.0");
    assert_eq!(
        running.get(&format!("/at/{moment}{path}")).await.status(),
        StatusCode::OK
    );
    assert_eq!(running.get(&path).await.status(), StatusCode::OK);

    // What is no full token leads to one, and is not remembered.
    let seq = moment.split('-').next().unwrap();
    for asked in [
        format!("/at/{seq}/radpack.json?roots=app"),
        format!("/radpack.json?at={seq}&roots=app"),
        format!("/radpack.json?roots=app&at={moment}"),
    ] {
        let redirect = running.get(&asked).await;
        assert_eq!(redirect.status(), StatusCode::FOUND, "{asked}");
        assert_eq!(header(&redirect, "cache-control"), "no-store");
        assert_eq!(
            header(&redirect, "location"),
            format!("/at/{moment}/radpack.json?roots=app")
        );
    }
    // Between two steps nothing changes: what was a millisecond later is the same, and has one address.
    let (rest, last) = moment.split_at(moment.len() - 1);
    let next = u32::from_str_radix(last, 36).unwrap() + 1;
    if let Some(next) = char::from_digit(next, 36) {
        let redirect = running.get(&format!("/at/{rest}{next}/radpack.json")).await;
        let location = header(&redirect, "location");
        assert_eq!(location, format!("/at/{moment}/radpack.json"));
    }
    let cohort = running
        .get(&format!("/at/{moment}/radpack.json?cohort=7"))
        .await;
    assert_eq!(
        header(&cohort, "location"),
        format!("/at/{moment}-7/radpack.json")
    );
    for (wrong, status) in [
        ("/at/999/radpack.json".to_owned(), StatusCode::NOT_FOUND),
        (
            "/at/2999-01-01T00:00Z/radpack.json".to_owned(),
            StatusCode::NOT_FOUND,
        ),
        (
            format!("/at/{seq}-0000000000000000-zzzzzzzz/radpack.json"),
            StatusCode::NOT_FOUND,
        ),
        (
            format!("/at/{moment}-x/radpack.json"),
            StatusCode::BAD_REQUEST,
        ),
        (
            format!("/at/{moment}-x-latest/radpack.json"),
            StatusCode::UNAUTHORIZED,
        ),
        (
            format!("/at/{seq}-0000000000000000-zzzzzzzz{path}"),
            StatusCode::NOT_FOUND,
        ),
        (
            format!("/at/999-0000000000000000-1{path}"),
            StatusCode::NOT_FOUND,
        ),
        (format!("/at/{moment}/nothing"), StatusCode::NOT_FOUND),
    ] {
        assert_eq!(running.get(&wrong).await.status(), status, "{wrong}");
    }
}

#[tokio::test]
async fn what_was_yanked_is_gone_and_says_why() {
    let running = two().await;
    shapes(&running, "1.1.0").await;
    running.release(&["shapes@1.1.0"]).await;
    let path = running.json("/resolve/shapes").await["url"]
        .as_str()
        .unwrap()
        .to_owned();
    running
        .do_it(&Rollback {
            line: "shapes@1".parse().unwrap(),
            channel: "release".to_owned(),
            to: None,
            force: None,
        })
        .await;
    assert_eq!(running.get(&path).await.status(), StatusCode::OK);
    running
        .do_it(&Yank {
            version: "shapes@1.1.0".parse().unwrap(),
            reason: "it draws squares".to_owned(),
            force: None,
        })
        .await;
    let gone = running.get(&path).await;
    assert_eq!(gone.status(), StatusCode::GONE);
    assert_eq!(header(&gone, "cache-control"), "no-store");
    assert!(gone.text().await.unwrap().contains("it draws squares"));
}

#[tokio::test]
async fn a_rollout_reaches_the_same_clients_each_time_and_then_more() {
    let running = two().await;
    shapes(&running, "1.1.0").await;
    running
        .roll(&["shapes@1.1.0"], Some(Plan::Percent(10)))
        .await;
    let reached = async |running: &Running| {
        let mut reached = BTreeSet::new();
        for cohort in Cohort::all() {
            let path = format!("/radpack.json?cohort={cohort}");
            if version_at(running, &path).await == "[1,1]" {
                reached.insert(cohort.number());
            }
        }
        reached
    };
    let ten = reached(&running).await;
    assert_eq!(ten.len(), 10);
    assert_eq!(version_at(&running, "/radpack.json").await, "[1]");
    let key = running.get("/radpack.json?roots=app&key=a+client").await;
    let cohort = Cohort::of_key("a client");
    assert_eq!(
        header(&key, "location"),
        format!("/radpack.json?roots=app&cohort={cohort}")
    );
    assert_eq!(header(&key, "cache-control"), "public, max-age=86400");
    // Few different manifests for all.
    let one = running
        .get(&format!("/radpack.json?cohort={}", ten.first().unwrap()))
        .await;
    let other = running
        .get(&format!("/radpack.json?cohort={}", ten.last().unwrap()))
        .await;
    assert_eq!(header(&one, "etag"), header(&other, "etag"));

    running
        .do_it(&radpack_registry::rules::ChangeRollout {
            line: "shapes@1".parse().unwrap(),
            channel: "release".to_owned(),
            action: radpack_registry::state::fact::RolloutAction::Set(20),
            force: None,
        })
        .await;
    let twenty = reached(&running).await;
    assert_eq!(twenty.len(), 20);
    assert!(ten.is_subset(&twenty));
    for wrong in ["cohort=100", "cohort=x", "cohort=1&key=a", "chanel=latest"] {
        let response = running.get(&format!("/radpack.json?{wrong}")).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test]
async fn a_rollout_rises_by_itself_and_its_moments_stay() {
    let running = two().await;
    shapes(&running, "1.1.0").await;
    running.roll(&["shapes@1.1.0"], Some(Plan::Over(1))).await;
    let mut moments = BTreeSet::new();
    let mut seen = Vec::new();
    loop {
        let response = running.get("/radpack.json?cohort=5").await;
        let moment = header(&response, "radpack-moment").to_owned();
        let text = response.text().await.unwrap();
        if moments.insert(moment.clone()) {
            seen.push((moment, text.clone()));
        }
        if version_at(&running, "/radpack.json").await == "[1,1]" {
            break;
        }
    }
    assert!(seen.len() > 2, "{seen:?}");
    for (moment, text) in seen {
        let at = running.get(&format!("/at/{moment}/radpack.json")).await;
        assert_eq!(at.text().await.unwrap(), text, "{moment}");
    }
}

#[tokio::test]
async fn an_id_is_answered_or_led_to() {
    let running = two().await;
    let resolved = running.json("/resolve/app@*/").await;
    assert_eq!(resolved["kind"], "invalid-id", "{resolved}");
    let resolved = running.json("/resolve/app").await;
    assert_eq!(resolved["version"], "1.0.0");
    assert_eq!(resolved["statics"][0], "shapes@^1");
    let led = running.get_with("/resolve/app", &[("accept", "*/*")]).await;
    assert_eq!(led.status(), StatusCode::FOUND);
    assert_eq!(header(&led, "location"), resolved["url"].as_str().unwrap());
    let led = running
        .get_with("/resolve/app?redirect", &[("accept", "text/html")])
        .await;
    assert_eq!(led.status(), StatusCode::FOUND);
    let unknown = running.json("/resolve/shape").await;
    assert_eq!(unknown["kind"], "unknown-package");
    assert_eq!(unknown["suggestion"], "shapes");
    assert_eq!(unknown["status"], 404);
    let absolute = running.json("/resolve/app?urls=absolute").await;
    assert!(
        absolute["url"]
            .as_str()
            .unwrap()
            .starts_with(&running.address)
    );
    let absolute = running.get("/resolve/app?urls=absolute").await;
    assert_eq!(header(&absolute, "cache-control"), "no-store");
    let nearest = running.json("/resolve/shapes@1.0.7").await;
    assert_eq!(nearest["fit"], "nearest");
    let none = running.json("/resolve/shapes@1.0.7?fallback=none").await;
    assert_eq!(none["kind"], "unavailable");
}

#[tokio::test]
async fn a_page_gets_what_its_roots_need() {
    let running = two().await;
    running
        .publish("other", "1.0.0", &[("index.js", "export const x = 1;")])
        .await;
    running.release(&["other@1.0.0"]).await;
    let closure = running.json("/radpack.json?roots=app@^1").await;
    let names: Vec<&String> = closure["exports"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["app", "shapes"]);
    let map = running.get("/import-map.json?roots=app@^1").await;
    assert_eq!(header(&map, "content-type"), "application/importmap+json");
    let map: serde_json::Value = serde_json::from_str(&map.text().await.unwrap()).unwrap();
    let app = map["imports"]["app@^1"].as_str().unwrap();
    assert!(app.starts_with("/m/app/"), "{app}");
    assert!(
        map["integrity"][app]
            .as_str()
            .unwrap()
            .starts_with("sha384-")
    );
    assert_eq!(running.get(app).await.status(), StatusCode::OK);
    let html = running
        .get("/import-map.html?roots=app@^1&urls=absolute")
        .await;
    assert_eq!(header(&html, "content-type"), "text/html; charset=utf-8");
    let html = html.text().await.unwrap();
    assert_eq!(
        html.matches("<link rel=\"modulepreload\"").count(),
        3,
        "{html}"
    );
    assert!(html.contains(&running.address));
    let none = running.get("/import-map.json").await;
    assert_eq!(none.status(), StatusCode::BAD_REQUEST);
    let unknown = running.json("/import-map.json?roots=app,nope").await;
    assert_eq!(unknown["kind"], "unknown-package");
}

#[tokio::test]
async fn events_are_told_as_they_happen_and_taken_up_again() {
    let running = two().await;
    let mut events = running.get("/events?since=0").await;
    assert_eq!(header(&events, "content-type"), "text/event-stream");
    let mut text = String::new();
    // Of four events two are releases; the others are nobody's business.
    while text.matches("data:").count() < 2 {
        text.push_str(std::str::from_utf8(&events.chunk().await.unwrap().unwrap()).unwrap());
    }
    assert!(text.contains("id: 2\n"), "{text}");
    assert!(text.contains("id: 4\n"), "{text}");
    assert!(!text.contains("\"by\""), "{text}");
    shapes(&running, "1.1.0").await;
    let seq = running.release(&["shapes@1.1.0"]).await;
    while text.matches("data:").count() < 3 {
        text.push_str(std::str::from_utf8(&events.chunk().await.unwrap().unwrap()).unwrap());
    }
    assert!(text.contains(&format!("id: {seq}\n")), "{text}");
    assert!(text.contains(r#""version":"1.1.0""#), "{text}");
    let mut again = running.get_with("/events", &[("last-event-id", "4")]).await;
    let mut text = String::new();
    while !text.contains("data:") {
        text.push_str(std::str::from_utf8(&again.chunk().await.unwrap().unwrap()).unwrap());
    }
    assert!(text.starts_with("id: 4\n\n"), "{text}");
    assert!(text.contains(&format!("id: {seq}\n")), "{text}");
    // Another service may have been ahead: whoever comes from there is let wait.
    let ahead = running
        .get_with("/events", &[("last-event-id", "99")])
        .await;
    assert_eq!(ahead.status(), StatusCode::OK);
    assert_eq!(
        running.get("/events?since=99").await.status(),
        StatusCode::NOT_FOUND
    );

    let token = running.token(&[Right::Read], &["*"]).await;
    let bearer = format!("Bearer {token}");
    let mut all = running
        .get_with("/events?since=0", &[("authorization", &bearer)])
        .await;
    let mut first = String::new();
    while !first.contains("data:") {
        first.push_str(std::str::from_utf8(&all.chunk().await.unwrap().unwrap()).unwrap());
    }
    assert!(first.contains("\"by\":\"ann\""), "{first}");
    running.service.stop();
    while let Some(_more) = all.chunk().await.unwrap() {}
}

#[tokio::test]
async fn its_health_is_told() {
    let running = two().await;
    assert_eq!(running.get("/healthz").await.text().await.unwrap(), "ok\n");
    assert_eq!(running.json("/readyz").await["seq"], 4);
    let metrics = running.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("radpack_event 4\n"), "{metrics}");
    assert!(
        metrics.contains("radpack_http_requests_total{route=\"/healthz\",status=\"200\"} 1\n"),
        "{metrics}"
    );
    running.service.stop();
    assert_eq!(
        running.get("/readyz").await.status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(
        running.get("/nothing").await.status(),
        StatusCode::NOT_FOUND
    );
}
