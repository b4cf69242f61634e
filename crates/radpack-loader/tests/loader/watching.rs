//! Noticing changes: conditional requests, failures, back-off, and when it ends.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use radpack_loader::{Change, Radpack, Standing, WatchOptions};
use tokio::time::sleep;

use crate::server::{Fault, Reply, Server};
use crate::{builder, quick};

fn version(version: &str) -> String {
    format!(r#"{{"exports":{{"a":{{"v":[{version}],"d":[["index",[{{"v":[0],"f":"a.js"}}]]]}}}}}}"#)
}

fn newest(radpack: &Radpack) -> String {
    radpack.resolve("a").unwrap().version().to_string()
}

/// A loader that looks every few milliseconds.
async fn watching(server: &Server) -> Radpack {
    let watch = WatchOptions {
        time_to_stale: Duration::from_millis(10),
        backoff: Duration::from_millis(2),
        in_background: true,
    };
    let builder = Radpack::builder().fetch(quick()).watch(watch);
    builder
        .register(server.url("/radpack.json"))
        .build()
        .await
        .unwrap()
}

#[tokio::test]
async fn what_did_not_change_is_not_sent_again() {
    let server = Server::start().await;
    server.on("/radpack.json", Reply::ok(version("[1]")).etag("\"one\""));
    let radpack = builder()
        .register(server.url("/radpack.json"))
        .build()
        .await
        .unwrap();
    let before = radpack.snapshot().number();
    for _ in 0..3 {
        radpack.refresh().await.unwrap();
    }
    assert_eq!(radpack.snapshot().number(), before, "nothing to swap");
    let asked: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.headers.get("if-none-match").cloned())
        .collect();
    let known = Some("\"one\"".to_owned());
    assert_eq!(asked, [None, known.clone(), known.clone(), known]);

    server.on(
        "/radpack.json",
        Reply::ok(version("[2]")).header("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
    );
    radpack.refresh().await.unwrap();
    assert_eq!(newest(&radpack), "2.0.0");
    radpack.refresh().await.unwrap();
    let last = server.requests().pop().unwrap();
    assert_eq!(
        last.headers["if-modified-since"],
        "Sun, 06 Nov 1994 08:49:37 GMT"
    );
    assert!(!last.headers.contains_key("if-none-match"));
}

#[tokio::test]
async fn the_same_bytes_under_another_tag_swap_nothing() {
    let server = Server::start().await;
    server.on("/radpack.json", Reply::ok(version("[1]")).etag("\"one\""));
    let radpack = builder()
        .register(server.url("/radpack.json"))
        .build()
        .await
        .unwrap();
    let before = radpack.snapshot().number();
    server.on("/radpack.json", Reply::ok(version("[1]")).etag("\"two\""));
    radpack.refresh().await.unwrap();
    radpack.refresh().await.unwrap();
    assert_eq!(radpack.snapshot().number(), before);
    assert_eq!(server.requests()[2].headers["if-none-match"], "\"two\"");
}

#[tokio::test]
async fn a_part_that_changes_is_put_together_with_those_that_did_not() {
    let server = Server::start().await;
    server.on(
        "/radpack.json",
        Reply::ok(r#"["one.json","two.json"]"#).etag("\"l\""),
    );
    server.on("/one.json", Reply::ok(version("[1]")).etag("\"1\""));
    let two = |version: u32| {
        let json = format!(
            r#"{{"exports":{{"b":{{"v":[[{version}]],"d":[["index",[{{"v":[0],"f":"b.js"}}]]]}}}}}}"#
        );
        Reply::ok(json).etag(&format!("\"2.{version}\""))
    };
    server.on("/two.json", two(1));
    let radpack = builder()
        .register(server.url("/radpack.json"))
        .build()
        .await
        .unwrap();
    server.on("/two.json", two(2));
    radpack.refresh().await.unwrap();
    assert_eq!(newest(&radpack), "1.0.0");
    assert_eq!(radpack.resolve("b").unwrap().version().to_string(), "2.0.0");
}

#[tokio::test]
async fn changes_are_noticed_in_the_background_and_told() {
    let server = Server::start().await;
    server.on("/radpack.json", Reply::ok(version("[1]")));
    let told: Arc<Mutex<Vec<Change>>> = Arc::default();
    let watch = WatchOptions {
        time_to_stale: Duration::from_millis(10),
        ..WatchOptions::default()
    };
    let note = Arc::clone(&told);
    let radpack = Radpack::builder()
        .fetch(quick())
        .watch(watch)
        .register(server.url("/radpack.json"))
        .on_change(|_| panic!("as the test wants it: others are told all the same"))
        .on_change(move |change| note.lock().unwrap().push(change.clone()))
        .build()
        .await
        .unwrap();
    let mut changes = radpack.changes();
    let first = changes.borrow_and_update().clone().unwrap();
    assert_eq!(first.added[0].to_string(), "a@1.0.0");
    server.on("/radpack.json", Reply::ok(version("[1,0,1]")));
    changes.changed().await.unwrap();
    let change = changes.borrow_and_update().clone().unwrap();
    assert_eq!(change.added[0].to_string(), "a@1.0.1");
    assert_eq!(change.removed[0].to_string(), "a@1.0.0");
    assert_eq!(
        (
            change.moved[0].from.to_string(),
            change.moved[0].to.to_string()
        ),
        ("1.0.0".into(), "1.0.1".into())
    );
    assert_eq!(
        (change.from, change.to),
        (first.to, radpack.snapshot().number())
    );
    assert_eq!(newest(&radpack), "1.0.1");
    assert_eq!(*told.lock().unwrap(), [(*first).clone(), (*change).clone()]);
}

#[tokio::test]
async fn the_last_good_one_stays_whatever_comes() {
    let server = Server::start().await;
    server.on("/radpack.json", Reply::ok(version("[1]")));
    let radpack = builder()
        .register(server.url("/radpack.json"))
        .build()
        .await
        .unwrap();
    let big = format!("{}{}", version("[9]"), " ".repeat(100));
    for bad in [
        Reply::status(500),
        Reply::status(404),
        Reply::ok("<html>"),
        Reply::ok("{\"exports\":{\"a\":{\"v\":[[1]],\"d\":[\"b\",[\"index\",[]]]}}}"),
        Reply::ok(version("[9]")).fault(Fault::Truncate),
        Reply::ok(version("[9]")).fault(Fault::ShortLength),
        Reply::redirect("/radpack.json"),
        Reply::ok(format!("[\"radpack.json\",{big}]")),
    ] {
        server.on("/radpack.json", bad.clone());
        let error = radpack.refresh().await.unwrap_err();
        assert_eq!(newest(&radpack), "1.0.0", "{bad:?}");
        let status = &radpack.status().registers[0];
        assert_eq!(status.standing, Standing::Stale);
        assert_eq!(status.error.as_ref().unwrap().report(), error.report());
        assert!(status.age.is_some() && status.failures > 0);
    }
    assert_eq!(radpack.status().registers[0].failures, 8);
    server.on("/radpack.json", Reply::ok(version("[2]")));
    radpack.refresh().await.unwrap();
    assert_eq!(newest(&radpack), "2.0.0");
    let status = &radpack.status().registers[0];
    assert!(status.standing == Standing::Fresh && status.error.is_none() && status.failures == 0);
}

#[tokio::test]
async fn one_that_grows_past_the_limit_is_not_taken() {
    let server = Server::start().await;
    server.on("/radpack.json", Reply::ok(version("[1]")));
    let options = radpack_loader::FetchOptions {
        manifest_bytes: 100,
        ..quick()
    };
    let radpack = builder()
        .fetch(options)
        .register(server.url("/radpack.json"))
        .build()
        .await
        .unwrap();
    server.on(
        "/radpack.json",
        Reply::ok(format!("{}{}", version("[2]"), " ".repeat(100))),
    );
    assert_eq!(
        radpack.refresh().await.unwrap_err().kind(),
        radpack_loader::LoadErrorKind::TooLarge
    );
    assert_eq!(newest(&radpack), "1.0.0");
}

#[tokio::test]
async fn after_failures_it_is_tried_again_until_it_works() {
    let server = Server::start().await;
    server.on("/radpack.json", Reply::ok(version("[1]")));
    let radpack = watching(&server).await;
    server.on("/radpack.json", Reply::status(404));
    while radpack.status().registers[0].failures < 3 {
        sleep(Duration::from_millis(1)).await;
    }
    server.on("/radpack.json", Reply::ok(version("[2]")));
    while newest(&radpack) != "2.0.0" {
        sleep(Duration::from_millis(1)).await;
    }
    while radpack.status().registers[0].standing != Standing::Fresh {
        sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn one_that_takes_longer_than_the_time_to_stale_is_read_by_one_at_a_time() {
    let server = Server::start().await;
    let slow = Reply::ok(version("[1]")).after(Duration::from_millis(40));
    server.on("/radpack.json", slow);
    let radpack = watching(&server).await;
    while server.requests().len() < 5 {
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(server.most_at_once(), 1);
    assert_eq!(newest(&radpack), "1.0.0");
}

#[tokio::test]
async fn a_server_that_asks_for_time_gets_it() {
    let server = Server::start().await;
    server.on("/radpack.json", Reply::ok(version("[1]")));
    let radpack = builder()
        .register(server.url("/radpack.json"))
        .build()
        .await
        .unwrap();
    let usual = radpack.status().registers[0].next_in;
    assert!(
        usual > Duration::from_secs(200) && usual <= Duration::from_secs(330),
        "{usual:?}"
    );
    server.on(
        "/radpack.json",
        Reply::status(503).header("Retry-After", "1000"),
    );
    radpack.refresh().await.unwrap_err();
    let next = radpack.status().registers[0].next_in;
    assert!(
        next > Duration::from_secs(900) && next <= Duration::from_secs(1_000),
        "{next:?}"
    );
    server.on("/radpack.json", Reply::status(503));
    radpack.refresh().await.unwrap_err();
    let next = radpack.status().registers[0].next_in;
    assert!(
        next <= Duration::from_secs(2),
        "back-off, not the time to stale: {next:?}"
    );
}

#[tokio::test]
async fn the_watch_ends_with_the_last_handle() {
    let server = Server::start().await;
    server.on("/radpack.json", Reply::ok(version("[1]")));
    let radpack = watching(&server).await;
    let copy = radpack.with_scope("a");
    drop(radpack);
    let count = server.requests().len();
    while server.requests().len() < count + 3 {
        sleep(Duration::from_millis(1)).await;
    }
    let page = copy.snapshot();
    let mut changes = copy.changes();
    drop(copy);
    // The sender is gone once the last read that was under way has ended.
    while changes.changed().await.is_ok() {}
    let count = server.requests().len();
    sleep(Duration::from_millis(100)).await;
    assert_eq!(server.requests().len(), count);
    assert!(page.resolve("a").is_ok(), "what was held stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_never_see_a_mixture() {
    let rounds: u32 = std::env::var("RADPACK_SWAPS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1_000);
    let server = Server::start().await;
    // Two packages that are always at the same version.
    let both = |number: u32| {
        format!(
            r#"{{"exports":{{"a":{{"v":[[1,{number}]],"d":[["index",[{{"v":[0],"f":"a{number}.js","s":[1]}}]],"b@^1"]}},"b":{{"v":[[1,{number}]],"d":[["index",[{{"v":[0],"f":"b{number}.js"}}]]]}}}}}}"#
        )
    };
    server.on("/radpack.json", Reply::ok(both(0)));
    let radpack = builder()
        .register(server.url("/radpack.json"))
        .build()
        .await
        .unwrap();
    let (ended, answers) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (radpack, ended, answers) =
                (radpack.clone(), Arc::clone(&ended), Arc::clone(&answers));
            tokio::task::spawn_blocking(move || {
                let mut seen = 0;
                let mut reader = radpack.reader();
                while ended.load(Ordering::SeqCst) == 0 {
                    let page = radpack.snapshot();
                    let closure = page.closure("a").unwrap();
                    assert_eq!(closure.len(), 2);
                    assert_eq!(closure[0].version().minor, closure[1].version().minor);
                    let answer = radpack.resolve("a").unwrap();
                    let file = format!("a{}.js", answer.version().minor);
                    assert_eq!(answer.found().file().unwrap(), Some(file.as_str()));
                    assert!(answer.version().minor >= seen, "time goes on");
                    seen = answer.version().minor;
                    // Held together with the one before: of the same snapshot or of a later one, never of half of each.
                    let other = radpack.resolve("b").unwrap();
                    let file = format!("b{}.js", other.version().minor);
                    assert_eq!(other.found().file().unwrap(), Some(file.as_str()));
                    assert_eq!(
                        answer.snapshot().cmp(&other.snapshot()),
                        seen.cmp(&other.version().minor)
                    );
                    assert!(answer.snapshot() >= page.number() && other.version().minor >= seen);
                    seen = other.version().minor;
                    let query = reader.query();
                    let (a, b) = (query.resolve("a").unwrap(), query.resolve("b").unwrap());
                    assert_eq!(a.version().minor, b.version().minor);
                    assert!(a.version().minor >= seen, "a reader is not behind");
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for number in 1..=rounds {
        server.on("/radpack.json", Reply::ok(both(number)));
        radpack.refresh().await.unwrap();
    }
    ended.store(1, Ordering::SeqCst);
    for reader in readers {
        reader.await.unwrap();
    }
    assert_eq!(
        radpack.resolve("a").unwrap().version().minor,
        u64::from(rounds)
    );
    assert!(answers.load(Ordering::Relaxed) > 0);
}

/// What `swap_model.rs` goes through, with the code itself, as far as chance leads.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_swap_is_told_whoever_comes_and_goes() {
    let server = Server::start().await;
    server.on("/radpack.json", Reply::ok(version("[1,0]")));
    let told: Arc<Mutex<Vec<(u64, u64)>>> = Arc::default();
    let note = Arc::clone(&told);
    let watch = WatchOptions {
        time_to_stale: Duration::from_millis(3),
        ..WatchOptions::default()
    };
    let builder = Radpack::builder().fetch(quick()).watch(watch);
    let radpack = builder
        .register(server.url("/radpack.json"))
        .on_change(move |change| note.lock().unwrap().push((change.from, change.to)))
        .build_now()
        .await
        .unwrap();
    let mut random = fastrand::Rng::with_seed(3);
    for number in 1..=60 {
        server.on(
            "/radpack.json",
            Reply::ok(version(&format!("[1,{number}]"))),
        );
        if number % 20 == 0 {
            let name = format!("p{number}");
            let json = version("[1]").replacen("\"a\"", &format!("\"{name}\""), 1);
            radpack.register(radpack_loader::Source::json(json));
        }
        let copy = radpack.clone();
        let waiting = tokio::spawn(async move { copy.ready().await });
        let copy = radpack.clone();
        let refreshing = tokio::spawn(async move { copy.refresh().await });
        for _ in 0..random.usize(..200) {
            tokio::task::yield_now().await;
        }
        waiting.abort();
        refreshing.abort();
    }
    while !radpack
        .resolve("a")
        .is_ok_and(|found| found.version().minor == 60)
    {
        sleep(Duration::from_millis(1)).await;
    }
    radpack.ready().await.unwrap();
    for name in ["p20", "p40", "p60"] {
        assert!(radpack.resolve(name).is_ok(), "{name}");
    }
    let told = told.lock().unwrap();
    assert!(told.iter().all(|(from, to)| from < to));
    assert!(
        told.windows(2).all(|pair| pair[0].1 == pair[1].0),
        "{told:?}"
    );
    assert_eq!(told.last().unwrap().1, radpack.snapshot().number());
}
