//! What is counted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use radpack_loader::names;

use crate::server::{Reply, Server};
use crate::{builder, manifest};

#[derive(Default)]
struct Counts {
    counters: Mutex<BTreeMap<String, Arc<Count>>>,
}

#[derive(Default)]
struct Count(AtomicU64);

impl CounterFn for Count {
    fn increment(&self, value: u64) {
        self.0.fetch_add(value, Ordering::Relaxed);
    }

    fn absolute(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

impl Recorder for Counts {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let labels: Vec<_> = key
            .labels()
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        let name = format!("{}{{{}}}", key.name(), labels.join(","));
        let mut counters = self.counters.lock().unwrap();
        Counter::from_arc(Arc::clone(counters.entry(name).or_default()))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[test]
fn what_happens_is_counted() {
    let counts = Counts::default();
    // One thread: the recorder is that of the thread.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    metrics::with_local_recorder(&counts, || {
        runtime.block_on(async {
            let server = Server::start().await;
            server.on(
                "/radpack.json",
                Reply::ok(manifest("a", "[1]", b"contents")).etag("\"1\""),
            );
            server.on_each("/a.js", vec![Reply::status(500), Reply::ok("contents")]);
            let radpack = builder()
                .register(server.url("/radpack.json"))
                .build()
                .await
                .unwrap();
            radpack.load("a").await.unwrap();
            radpack.load("a").await.unwrap();
            radpack.load("nope").await.unwrap_err();
            radpack.refresh().await.unwrap();
        });
    });
    let count = |name: &str, labels: &str| {
        let counters = counts.counters.lock().unwrap();
        counters
            .get(&format!("{name}{{{labels}}}"))
            .map_or(0, |count| count.0.load(Ordering::Relaxed))
    };
    assert_eq!(count(names::FETCHES, "what=manifest,outcome=fetched"), 1);
    assert_eq!(
        count(names::FETCHES, "what=manifest,outcome=not-modified"),
        1
    );
    assert_eq!(count(names::FETCHES, "what=module,outcome=fetched"), 1);
    assert_eq!(count(names::FETCH_FAILURES, "what=module,kind=fetch"), 1);
    assert_eq!(count(names::FETCHED_BYTES, "what=module"), 8);
    assert_eq!(count(names::FILES, "from=network"), 1);
    assert_eq!(count(names::FILES, "from=memory"), 1);
    assert_eq!(count(names::LOADS, "outcome=loaded"), 2);
    assert_eq!(count(names::LOADS, "outcome=resolve"), 1);
    assert_eq!(count(names::REFRESHES, "outcome=changed"), 1);
    assert_eq!(count(names::REFRESHES, "outcome=unchanged"), 1);
    assert_eq!(count(names::SWAPS, ""), 1);
}
