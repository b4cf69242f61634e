//! Commands: rights, outcomes, trials, and the same command again.

use std::collections::{BTreeMap, BTreeSet};

use radpack_registry::rules::RecordConsumer;
use radpack_registry::state::token::Right;
use radpack_registry::{Registry, Store, Uuid};
use radpack_server::{Limits, Settings};
use serde_json::json;

use super::{filled, get, reader};
use crate::running::{Asked, Running, settings};

#[tokio::test]
async fn each_command_takes_its_right() {
    let running = filled().await;
    let tokens = [
        (Right::Read, running.token(&[Right::Read], &["*"]).await),
        (
            Right::Publish,
            running.token(&[Right::Publish], &["*"]).await,
        ),
        (
            Right::Release,
            running.token(&[Right::Release], &["*"]).await,
        ),
        (Right::Admin, running.token(&[Right::Admin], &["*"]).await),
    ];
    let release = json!({ "versions": ["shapes@1.1.0"] });
    for (path, command, right) in [
        ("/api/release", release, Right::Release),
        ("/api/rollback", json!({ "line": "shapes" }), Right::Release),
        (
            "/api/yank",
            json!({ "version": "secret@1", "reason": "leaks" }),
            Right::Release,
        ),
        ("/api/revert", json!({ "to": 1 }), Right::Release),
        (
            "/api/policy",
            json!({ "package": "shapes", "change": { "releases": "free" } }),
            Right::Admin,
        ),
        (
            "/api/settings",
            json!({ "baseUrl": "https://cdn.example" }),
            Right::Admin,
        ),
        (
            "/api/drafts",
            json!({ "draft": "mine", "from": "shapes@1.0.0" }),
            Right::Publish,
        ),
    ] {
        let (status, refused) = running.command(path, "", command.clone()).await;
        assert_eq!(
            (status, &refused["kind"]),
            (401, &json!("denied")),
            "{path}"
        );
        for (has, token) in &tokens {
            if *has == right || *has == Right::Admin {
                continue;
            }
            let (status, refused) = running.command(path, token, command.clone()).await;
            assert_eq!(
                (status, &refused["kind"]),
                (403, &json!("denied")),
                "{path} {has}: {refused}"
            );
            assert!(
                refused["detail"]
                    .as_str()
                    .unwrap()
                    .contains(&right.to_string()),
                "{refused}"
            );
        }
        let (_, token) = tokens.iter().find(|(has, _)| *has == right).unwrap();
        let (status, done) = running.command(path, token, command).await;
        assert_eq!(
            (status, &done["done"]),
            (200, &json!(true)),
            "{path}: {done}"
        );
        assert_eq!(done["by"], "bob");
        assert!(done["seq"].is_u64() && done["text"].is_string(), "{done}");
    }
    let (status, refused) = running
        .command("/api/policy", "radpack_no", json!({}))
        .await;
    assert_eq!((status, &refused["kind"]), (401, &json!("denied")));
}

#[tokio::test]
async fn rights_are_for_packages() {
    let running = filled().await;
    let token = running.token(&[Right::Release], &["sec*"]).await;
    let release = json!({ "versions": ["shapes@1.1.0"] });
    let (status, refused) = running.command("/api/release", &token, release).await;
    assert_eq!(status, 403, "{refused}");
    let release = json!({ "versions": ["secret@1.0.0"] });
    let (status, done) = running.command("/api/release", &token, release).await;
    assert_eq!((status, &done["kind"]), (200, &json!("released")), "{done}");
    // Whoever asked sees it at once.
    let (_, shown) = get(&running, "/api/packages/secret", "").await;
    assert_eq!(
        shown["channels"]["release"]["1"]["version"], "1.0.0",
        "{shown}"
    );
}

#[tokio::test]
async fn a_command_is_carried_out_once() {
    let running = filled().await;
    let token = running.token(&[Right::Release], &["*"]).await;
    let id = Uuid::now_v7().to_string();
    let mut answers = Vec::new();
    for _ in 0..2 {
        let asked = Asked {
            method: "POST",
            path: "/api/release",
            token: &token,
            headers: &[
                ("content-type", "application/json"),
                ("idempotency-key", &id),
            ],
            body: json!({ "versions": ["shapes@1.1.0"] }).to_string().into(),
        };
        answers.push(running.send(asked).await);
    }
    assert_eq!((answers[0].0, answers[1].0), (200, 200), "{answers:?}");
    assert_eq!(answers[0].1["command"], json!(id));
    assert_eq!(answers[0].1["seq"], answers[1].1["seq"]);
    assert_eq!(
        (&answers[0].1["repeated"], &answers[1].1["repeated"]),
        (&json!(false), &json!(true))
    );
    let asked = Asked {
        method: "POST",
        path: "/api/release",
        token: &token,
        headers: &[
            ("content-type", "application/json"),
            ("idempotency-key", "once"),
        ],
        body: b"{}".to_vec(),
    };
    assert_eq!(running.send(asked).await.0, 400);
}

#[tokio::test]
async fn a_trial_changes_nothing_and_takes_the_right() {
    let running = filled().await;
    let token = running.token(&[Right::Release], &["*"]).await;
    let before = running.registry.refresh().await.unwrap().position;
    let release = json!({ "versions": ["shapes@1.1.0"] });
    let (status, preview) = running
        .command("/api/release?dry-run=true", &token, release.clone())
        .await;
    assert_eq!(
        (status, &preview["kind"]),
        (200, &json!("released")),
        "{preview}"
    );
    assert_eq!(preview["effect"]["moved"][0]["to"], "1.1.0", "{preview}");
    let other = reader(&running).await;
    let (status, _) = running
        .command("/api/release?dry-run=true", &other, release.clone())
        .await;
    assert_eq!(status, 403);
    let (status, _) = running
        .command("/api/release?dryrun=true", &token, release)
        .await;
    assert_eq!(status, 400);
    let after = running.registry.refresh().await.unwrap().position;
    // The one more is the reader's token.
    assert_eq!(after.seq, before.seq + 1);
}

#[tokio::test]
async fn what_cannot_be_is_told_in_the_words_of_the_command_line() {
    let running = filled().await;
    let token = running.token(&[Right::Admin], &["*"]).await;
    for (path, command, status, kind, words) in [
        (
            "/api/release",
            json!({ "versions": ["nope@1"] }),
            404,
            "unknown",
            "there is no package \"nope\"",
        ),
        (
            "/api/release",
            json!({ "versions": ["shapes@1.0.0"] }),
            409,
            "conflict",
            "is what release has",
        ),
        (
            "/api/release",
            json!({ "versions": ["shapes@^1"] }),
            422,
            "invalid",
            "names no version",
        ),
        (
            "/api/release",
            json!({ "versions": [], "foo": 1 }),
            422,
            "invalid",
            "foo",
        ),
        (
            "/api/yank",
            json!({ "version": "shapes@1.0.0", "reason": "x" }),
            409,
            "conflict",
            "radpack rollback",
        ),
        (
            "/api/rollback",
            json!({ "line": "shapes@9" }),
            409,
            "conflict",
            "no line of",
        ),
        (
            "/api/drafts/none/reset",
            json!({ "to": 1 }),
            404,
            "unknown",
            "there is no draft",
        ),
    ] {
        let (said, problem) = running.command(path, &token, command).await;
        assert_eq!(
            (said, &problem["kind"], &problem["status"]),
            (status, &json!(kind), &json!(status)),
            "{problem}"
        );
        assert!(
            problem["detail"].as_str().unwrap().contains(words),
            "{problem}"
        );
    }
    let nothing = json!({ "package": "shapes", "change": { "releases": "forward-only" } });
    let (status, nothing) = running.command("/api/policy", &token, nothing).await;
    assert_eq!(
        (status, &nothing["done"]),
        (200, &json!(false)),
        "{nothing}"
    );
    assert!(nothing["why"].as_str().unwrap().contains("is so already"));
    let plain = Asked {
        method: "POST",
        path: "/api/release",
        token: &token,
        headers: &[],
        body: b"{}".to_vec(),
    };
    assert_eq!(running.send(plain).await.0, 415);
    let broken = Asked {
        method: "POST",
        path: "/api/release",
        token: &token,
        headers: &[("content-type", "application/json")],
        body: b"{".to_vec(),
    };
    assert_eq!(running.send(broken).await.0, 400);
    let large = Asked {
        body: vec![b' '; 2 << 20],
        method: "POST",
        path: "/api/release",
        token: &token,
        headers: &[("content-type", "application/json")],
    };
    assert_eq!(running.send(large).await.0, 413);
}

#[tokio::test]
async fn tokens_are_made_shown_once_and_revoked() {
    let running = filled().await;
    let admin = running.token(&[Right::Admin], &["*"]).await;
    let id = Uuid::now_v7().to_string();
    let ask = |token: String| {
        let (running, id) = (&running, id.clone());
        async move {
            running
                .send(Asked {
                    method: "POST",
                    path: "/api/tokens",
                    token: &token,
                    headers: &[
                        ("content-type", "application/json"),
                        ("idempotency-key", &id),
                    ],
                    body: json!({ "holder": "ci", "rights": ["publish"], "packages": ["shapes"] })
                        .to_string()
                        .into(),
                })
                .await
        }
    };
    let (status, made) = ask(admin.clone()).await;
    assert_eq!((status, &made["token"]), (200, &json!(id)), "{made}");
    let secret = made["secret"].as_str().unwrap().to_owned();
    let (_, again) = ask(admin.clone()).await;
    assert!(
        again["repeated"] == json!(true) && again["secret"].is_null(),
        "{again}"
    );
    let (_, listed) = get(&running, "/api/tokens", &secret).await;
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed[0]["holder"], "ci");
    assert!(!listed.to_string().contains(&secret));
    let beyond = json!({ "holder": "x", "rights": ["admin"] });
    let (status, refused) = running.command("/api/tokens", &secret, beyond).await;
    assert_eq!(status, 403, "{refused}");
    let long = json!({ "holder": "x".repeat(201), "rights": ["publish"] });
    assert_eq!(running.command("/api/tokens", &admin, long).await.0, 400);
    // Whose packages are others', is not there.
    let other = running.token(&[Right::Admin], &["secret"]).await;
    for id in [&*id, "0198a000-0000-7000-8000-000000000001"] {
        let revoke = Asked {
            method: "DELETE",
            path: &format!("/api/tokens/{id}"),
            token: &other,
            ..Asked::default()
        };
        let (status, refused) = running.send(revoke).await;
        assert_eq!(
            (status, &refused["kind"]),
            (404, &json!("unknown")),
            "{refused}"
        );
    }
    let revoke = Asked {
        method: "DELETE",
        path: &format!("/api/tokens/{id}"),
        token: &admin,
        ..Asked::default()
    };
    let (status, done) = running.send(revoke).await;
    assert_eq!(
        (status, &done["kind"]),
        (200, &json!("token-revoked")),
        "{done}"
    );
    assert_eq!(get(&running, "/api/tokens", &secret).await.0, 401);
}

#[tokio::test]
async fn consumers_record_their_pins() {
    let running = filled().await;
    let token = running.token(&[Right::Publish], &["shop"]).await;
    let put = |path: &'static str, token: String| {
        let running = &running;
        async move {
            let body = json!({ "pins": ["shapes@1"], "production": true })
                .to_string()
                .into();
            let headers = &[("content-type", "application/json")];
            running
                .send(Asked {
                    method: "PUT",
                    path,
                    token: &token,
                    headers,
                    body,
                })
                .await
        }
    };
    let (status, done) = put("/api/consumers/shop", token.clone()).await;
    assert_eq!((status, &done["done"]), (200, &json!(true)), "{done}");
    assert_eq!(put("/api/consumers/other", token.clone()).await.0, 403);
    let (_, shown) = get(&running, "/api/consumers/shop", &token).await;
    assert_eq!(
        (&shown["pins"], &shown["production"]),
        (&json!(["shapes@1"]), &json!(true))
    );
    assert_eq!(get(&running, "/api/consumers/shop", "").await.0, 404);
}

/// A service that grants little, behind so many proxies.
async fn tight(trusted_proxies: usize) -> Running {
    let few = |number: u32| number.try_into().unwrap();
    let limits = Limits {
        token_rate: few(1),
        token_burst: few(3),
        reader_rate: few(1),
        reader_burst: few(3),
        address_rate: few(1),
        address_burst: few(3),
        ..Limits::default()
    };
    let (registry, _) = Registry::init(Store::in_memory()).await.unwrap();
    let settings = Settings {
        limits,
        trusted_proxies,
        ..settings()
    };
    Running::over(registry, settings).await
}

/// How some requests of one kind are answered.
async fn answers(running: &Running, path: &str, headers: &[(&str, &str)]) -> Vec<u16> {
    let mut answers = Vec::new();
    for _ in 0..12 {
        answers.push(running.get_with(path, headers).await.status().as_u16());
    }
    answers
}

#[tokio::test]
async fn guesses_count_wherever_they_are_made() {
    let worthless = ("authorization", "Bearer radpack_guess");
    for path in [
        "/radpack.json",
        "/m/shapes/index.js",
        "/resolve/shapes",
        "/import-map.json?roots=shapes",
        "/at/1/radpack.json",
        "/events",
        "/api/packages",
    ] {
        let running = tight(0).await;
        let guessed = answers(&running, path, &[worthless]).await;
        assert!(
            guessed.contains(&401) && guessed.contains(&429),
            "{path}: {guessed:?}"
        );
    }
    let running = tight(0).await;
    let token = running.token(&[Right::Read], &["shapes"]).await;
    answers(&running, "/radpack.json", &[worthless]).await;
    let good = ("authorization", &*format!("Bearer {token}"));
    for headers in [&[][..], &[good]] {
        let read = answers(&running, "/radpack.json", headers).await;
        assert!(read.iter().all(|status| *status == 200), "{read:?}");
    }
    let healthy = answers(&running, "/healthz", &[worthless]).await;
    assert!(healthy.iter().all(|status| *status == 200), "{healthy:?}");
}

#[tokio::test]
async fn behind_proxies_each_address_has_limits_of_its_own() {
    let worthless = ("authorization", "Bearer radpack_guess");
    let running = tight(1).await;
    let one = ("x-forwarded-for", "192.0.2.1");
    let guessed = answers(&running, "/radpack.json", &[worthless, one]).await;
    assert!(guessed.contains(&429), "{guessed:?}");
    // Whatever they say of themselves, the proxy adds who they are.
    let forged = ("x-forwarded-for", "192.0.2.2, 192.0.2.1");
    let guessed = answers(&running, "/api/packages", &[worthless, forged]).await;
    assert!(guessed.contains(&429), "{guessed:?}");
    let other = ("x-forwarded-for", "192.0.2.1, 192.0.2.2");
    let first = running.get_with("/radpack.json", &[worthless, other]).await;
    assert_eq!(first.status().as_u16(), 401);
    // Where no proxy is trusted, all of this says nothing.
    let running = tight(0).await;
    answers(&running, "/radpack.json", &[worthless, one]).await;
    let guessed = answers(&running, "/radpack.json", &[worthless, other]).await;
    assert!(guessed.contains(&429), "{guessed:?}");
}

#[tokio::test]
async fn who_may_read_everything_reads_much_and_not_without_end() {
    let running = tight(0).await;
    let token = running.token(&[Right::Read], &["*"]).await;
    let good = ("authorization", &*format!("Bearer {token}"));
    let read = answers(&running, "/api/store/format.json", &[good]).await;
    assert!(read[0] == 200 && read.contains(&429), "{read:?}");
}

/// Who has one token has one budget, however many they make with it.
#[tokio::test]
async fn tokens_are_on_the_account_of_who_made_them() {
    let running = tight(0).await;
    let token = running.token(&[Right::Publish], &["shapes"]).await;
    let child = made_with(&running, &token, "child").await;
    let grandchild = made_with(&running, &child, "grandchild").await;
    let mut used = Vec::new();
    for token in [&token, &child, &grandchild].iter().cycle().take(12) {
        used.push(get(&running, "/api/drafts", token).await.0);
    }
    assert!(used.contains(&429), "{used:?}");
    let other = running.token(&[Right::Publish], &["shapes"]).await;
    assert_eq!(get(&running, "/api/drafts", &other).await.0, 200);
    // Those whom an administrator gives tokens do not use up what each other may.
    let admin = running.token(&[Right::Admin], &["*"]).await;
    let (one, other) = (
        made_with(&running, &admin, "one").await,
        made_with(&running, &admin, "other").await,
    );
    while get(&running, "/api/drafts", &one).await.0 == 200 {}
    assert_eq!(get(&running, "/api/drafts", &other).await.0, 200);
}

/// A token of somebody's for the package shapes that another one made.
async fn made_with(running: &Running, maker: &str, holder: &str) -> String {
    let token = json!({ "holder": holder, "rights": ["publish"], "packages": ["shapes"] });
    let (status, made) = running.command("/api/tokens", maker, token).await;
    assert_eq!(status, 200, "{made}");
    made["secret"].as_str().unwrap().to_owned()
}

/// Whoever makes a token says whose it is. The history says who that was.
#[tokio::test]
async fn nobody_goes_down_in_the_history_as_another() {
    let running = filled().await;
    let bob = running.token(&[Right::Publish], &["shapes"]).await;
    let opens = async |token: &str, draft: &str| {
        let open = json!({ "draft": draft, "package": "shapes" });
        let (_, done) = running.command("/api/drafts", token, open).await;
        done["by"].as_str().unwrap_or_default().to_owned()
    };
    let ann = made_with(&running, &bob, "ann").await;
    let eve = made_with(&running, &ann, "eve").await;
    let own = made_with(&running, &bob, "bob").await;
    assert_eq!(opens(&bob, "1").await, "bob");
    assert_eq!(opens(&own, "2").await, "bob");
    assert_eq!(opens(&ann, "3").await, "bob → ann");
    assert_eq!(opens(&eve, "4").await, "bob → eve");
    let again = json!({ "holder": "bob", "rights": ["publish"], "packages": ["shapes"] });
    assert_eq!(
        running.command("/api/tokens", &ann, again).await.0,
        403,
        "whom bob gave a token would do things as bob"
    );
    let admin = running.token(&[Right::Admin], &["*"]).await;
    let dan = made_with(&running, &admin, "dan").await;
    assert_eq!(opens(&dan, "5").await, "dan");
    let forged = json!({ "holder": "ann → eve", "rights": ["publish"], "packages": ["shapes"] });
    assert_eq!(
        running.command("/api/tokens", &bob, forged).await.0,
        400,
        "an arrow in a name would say that another made it"
    );
    let state = running.registry.refresh().await.unwrap().state;
    let token = |secret| state.token_with(secret).unwrap();
    assert_eq!(token(&eve).maker, Some(token(&ann).id));
    assert_eq!(token(&eve).root, Some(token(&bob).id));
    assert_eq!(token(&bob).maker, None);
    assert_eq!(token(&dan).maker, Some(token(&admin).id));
    assert_eq!(token(&dan).root, None);
}

/// Of those who depend on something, whoever changes it is told whom they may know of, and how many more there are.
#[tokio::test]
async fn dependents_that_a_token_does_not_show_are_only_counted() {
    let running = filled().await;
    for (name, dependent) in [("shop", true), ("hidden-shop", false)] {
        running
            .do_it(&RecordConsumer {
                consumer: name.to_owned(),
                pins: Some(BTreeSet::from(["shapes@^1".to_owned()])),
                follow: BTreeMap::new(),
                production: Some(dependent),
            })
            .await;
    }
    let token = running.token(&[Right::Release], &["shapes", "shop"]).await;
    let all = running.token(&[Right::Release], &["*"]).await;
    let release = json!({ "versions": ["shapes@1.1.0"] });
    let back = json!({ "line": "shapes@1" });
    let try_it = async |path: &str, token: &str, command: &serde_json::Value| {
        let path = format!("{path}?dry-run=true");
        let (status, said) = running.command(&path, token, command.clone()).await;
        assert_eq!(status, 200, "{said}");
        said["effect"].clone()
    };
    let effect = try_it("/api/release", &token, &release).await;
    assert_eq!(effect["movedUnseen"], 1, "{effect}");
    assert!(effect.to_string().contains("consumer:shop"), "{effect}");
    assert!(!effect.to_string().contains("hidden"), "{effect}");
    let effect = try_it("/api/release", &all, &release).await;
    assert!(effect["movedUnseen"].is_null(), "{effect}");
    assert!(effect.to_string().contains("hidden-shop"), "{effect}");
    let effect = try_it("/api/rollback", &token, &back).await;
    assert_eq!(effect["brokenUnseen"], 1, "{effect}");
    assert!(!effect.to_string().contains("hidden"), "{effect}");
    let (status, refused) = running.command("/api/rollback", &token, back.clone()).await;
    let why = refused["detail"].as_str().unwrap();
    assert_eq!(status, 409, "{why}");
    assert!(
        why.contains("the consumer shop and 1 that your token does not show"),
        "{why}"
    );
    assert!(!why.contains("hidden"), "{why}");
    let (_, refused) = running.command("/api/rollback", &all, back).await;
    assert!(refused.to_string().contains("hidden-shop"), "{refused}");
}

#[tokio::test]
async fn too_much_is_too_much() {
    let running = tight(0).await;
    let token = running.token(&[Right::Read], &["shapes"]).await;
    let other = running.token(&[Right::Read], &["shapes"]).await;
    let mut last = 200;
    for _ in 0..20 {
        let response = running
            .ask(Asked {
                method: "GET",
                path: "/api/drafts",
                token: &token,
                ..Asked::default()
            })
            .await;
        last = response.status().as_u16();
        if last == 429 {
            assert!(response.headers().contains_key("retry-after"));
            break;
        }
    }
    assert_eq!(last, 429);
    assert_eq!(get(&running, "/api/drafts", &other).await.0, 200);
    let mut guesses = Vec::new();
    for guess in 0..20 {
        guesses.push(
            get(&running, "/api/drafts", &format!("radpack_{guess}"))
                .await
                .0,
        );
    }
    assert!(
        guesses.contains(&401) && guesses.contains(&429),
        "{guesses:?}"
    );
}

#[tokio::test]
async fn whoever_is_trusted_needs_no_token_and_pages_do() {
    let (registry, _) = Registry::init(Store::in_memory()).await.unwrap();
    let trusted = Some("dev".to_owned());
    let running = Running::over(
        registry,
        Settings {
            trusted,
            ..settings()
        },
    )
    .await;
    let policy = json!({ "package": "shapes", "change": { "releases": "live" } });
    let (status, done) = running.command("/api/policy", "", policy.clone()).await;
    assert_eq!((status, &done["by"]), (200, &json!("dev")), "{done}");
    let page = Asked {
        method: "POST",
        path: "/api/policy",
        headers: &[
            ("content-type", "application/json"),
            ("origin", "https://elsewhere.example"),
        ],
        body: policy.to_string().into(),
        ..Asked::default()
    };
    assert_eq!(running.send(page).await.0, 401);
    for (name, value, expected) in [
        ("host", "localhost:3723", 200),
        ("host", "[::1]:3723", 200),
        ("host", "rebound.example", 401),
        ("x-forwarded-for", "203.0.113.1", 401),
        ("forwarded", "for=203.0.113.1", 401),
        ("via", "1.1 proxy", 401),
        ("sec-fetch-site", "same-origin", 401),
    ] {
        let command = Asked {
            method: "POST",
            path: "/api/policy",
            headers: &[("content-type", "application/json"), (name, value)],
            body: policy.to_string().into(),
            ..Asked::default()
        };
        assert_eq!(running.send(command).await.0, expected, "{name}: {value}");
        let history = Asked {
            method: "GET",
            path: "/api/store?list=events",
            headers: &[(name, value)],
            ..Asked::default()
        };
        assert_eq!(running.send(history).await.0, expected, "{name}: {value}");
    }
}

/// Each takes a turn to read the past, of which there may be one only, and gives it back.
#[tokio::test]
async fn releases_are_returned_to_an_earlier_event_in_turns() {
    let (registry, _) = Registry::init(Store::in_memory()).await.unwrap();
    let settings = Settings {
        past_at_once: 1,
        ..settings()
    };
    let running = Running::over(registry, settings).await;
    for version in ["1.0.0", "1.1.0"] {
        running
            .publish(
                "shapes",
                version,
                &[("index.js", &format!("export const a = {version:?};"))],
            )
            .await;
        running.release(&[&format!("shapes@{version}")]).await;
    }
    let token = running.token(&[Right::Release], &["*"]).await;
    let other = running.token(&[Right::Publish], &["*"]).await;
    let revert = json!({ "to": 2 });
    for (path, token, status) in [
        ("/api/revert", &other, 403),
        ("/api/revert?dry-run=true", &other, 403),
        ("/api/revert?dry-run=true", &token, 200),
        ("/api/revert?dry-run=true", &token, 200),
        ("/api/revert", &token, 200),
        ("/api/revert", &token, 200),
    ] {
        let (said, answer) = running.command(path, token, revert.clone()).await;
        assert_eq!(said, status, "{path}: {answer}");
    }
    // As a new version, for releases go forward only.
    let (_, shown) = get(&running, "/api/packages/shapes", "").await;
    assert_eq!(
        shown["channels"]["release"]["1"]["version"],
        json!("1.1.1"),
        "{shown}"
    );
}
