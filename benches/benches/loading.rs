//! The loader, warm and on the way: what `resolve` costs through it, what loading a closure costs that is there already, how long a
//! swap takes, and what fetching all files at once gains over walking the graph.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::collections::BTreeSet;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use radpack_benches::workload::{SIZES, Workload};
use radpack_benches::{compare, quick};
use radpack_loader::{FetchOptions, Loaded, Radpack, Source};
use radpack_resolve::{Index, Layer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// What each response waits for.
const LATENCY: Duration = Duration::from_millis(50);

/// The graph that is fetched: so many levels of modules, each importing all of the next.
const DEPTH: usize = 8;
const WIDTH: usize = 5;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be started")
}

fn index(json: String) -> Index {
    let limits = radpack_manifest::Limits {
        bytes: usize::MAX,
        ..Default::default()
    };
    Index::from_layers([Layer::json(json).limits(limits)]).expect("the workload is valid")
}

fn resolving(_: &mut Criterion) {
    let runtime = runtime();
    let sizes = if quick() { &SIZES[..1] } else { &SIZES[1..3] };
    for size in sizes {
        let workload = Workload::new(*size);
        let ids = workload.draw();
        let bare = index(workload.json.clone());
        let radpack = runtime
            .block_on(Radpack::builder().register(index(workload.json)).build())
            .expect("an index is there at once");
        let query = bare.query();
        let rounds = if quick() { 5 } else { 101 };
        let by_index = || {
            for id in &ids {
                black_box(query.resolve(id).is_ok());
            }
        };
        let mut reader = radpack.reader();
        compare(
            &format!("resolve by a reader / by the index, {size}"),
            "must 1.2",
            rounds,
            || {
                for id in &ids {
                    black_box(reader.resolve(id).is_ok());
                }
            },
            by_index,
        );
        let snapshot = radpack.snapshot();
        let query_of_snapshot = snapshot.query();
        compare(
            &format!("resolve by a snapshot / by the index, {size}"),
            "must 1.2",
            rounds,
            || {
                for id in &ids {
                    black_box(query_of_snapshot.resolve(id).is_ok());
                }
            },
            by_index,
        );
        compare(
            &format!("resolve by the loader / by the index, {size}"),
            "must 1.2",
            rounds,
            || {
                for id in &ids {
                    black_box(radpack.resolve(id).is_ok());
                }
            },
            by_index,
        );
    }
}

/// A register of [`DEPTH`] levels by [`WIDTH`] modules, each a package of its own.
fn graph(base_url: &str) -> String {
    let mut exports = Vec::new();
    for level in 0..DEPTH {
        for number in 0..WIDTH {
            let ids: Vec<String> = (0..WIDTH)
                .filter(|_| level + 1 < DEPTH)
                .map(|next| format!("\"l{}-{next}@^1\"", level + 1))
                .collect();
            let statics: Vec<String> = (1..=ids.len()).map(|id| id.to_string()).collect();
            let statics = if ids.is_empty() {
                String::new()
            } else {
                format!(",\"s\":[{}]", statics.join(","))
            };
            let ids: String = ids.iter().map(|id| format!(",{id}")).collect();
            exports.push(format!(
                "\"l{level}-{number}\":{{\"v\":[[1]],\"d\":[[\"index\",[{{\"v\":[0],\"f\":\"l{level}-{number}.js\"{statics}}}]]{ids}]}}"
            ));
        }
    }
    format!(
        "{{\"vars\":{{\"baseUrl\":\"{base_url}\"}},\"exports\":{{{}}}}}",
        exports.join(",")
    )
}

/// Answers each request with a small module, after [`LATENCY`].
async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut request = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        request.extend_from_slice(&buffer[..count]);
        while let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") {
            request.drain(..end + 4);
            tokio::time::sleep(LATENCY).await;
            let body = "export {};\n".repeat(400);
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/javascript\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all((head + &body).as_bytes()).await?;
        }
    }
}

async fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("loopback is there");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    format!("http://{address}")
}

async fn fresh(base_url: &str) -> Radpack {
    let radpack = Radpack::builder()
        .register(Source::json(graph(base_url)))
        .build();
    radpack.await.expect("the register is valid")
}

/// One after the other, or level by level: what a loader does that learns of imports from the files.
async fn walk(base_url: &str, at_once: bool) -> Duration {
    let radpack = fresh(base_url).await;
    let urls = radpack.urls("l0-0").expect("the graph is whole");
    let client = reqwest::Client::new();
    let get = |url: String| {
        let client = client.clone();
        async move {
            let response = client.get(url).send().await.expect("it answers");
            response.bytes().await.expect("it answers whole")
        }
    };
    let began = Instant::now();
    if at_once {
        // The root alone, then each level together.
        for level in 0..DEPTH {
            let mark = format!("/l{level}-");
            let here: Vec<_> = urls
                .iter()
                .filter(|url| url.contains(&mark))
                .map(|url| tokio::spawn(get(url.clone())))
                .collect();
            for file in here {
                black_box(file.await.expect("it does not panic"));
            }
        }
    } else {
        for url in urls {
            black_box(get(url).await);
        }
    }
    began.elapsed()
}

fn fetching(_: &mut Criterion) {
    let runtime = runtime();
    runtime.block_on(async {
        let base_url = serve().await;
        let mut times = Vec::new();
        for _ in 0..if quick() { 1 } else { 5 } {
            let radpack = fresh(&base_url).await;
            let began = Instant::now();
            let loaded = radpack.load("l0-0").await.expect("all files are there");
            times.push(began.elapsed());
            assert_eq!(loaded.modules().len(), (DEPTH - 1) * WIDTH + 1);
            let files: BTreeSet<_> = loaded.modules().iter().map(|module| module.url()).collect();
            assert_eq!(files.len(), loaded.modules().len());
        }
        times.sort();
        let ours = times[times.len() / 2];
        let levels = walk(&base_url, true).await;
        let sequential = walk(&base_url, false).await;
        let ratio = |theirs: Duration| ours.as_secs_f64() / theirs.as_secs_f64();
        println!(
            "fetch  {} files, {DEPTH} deep, {LATENCY:?} each: {ours:.0?}, {:.1} round trips",
            (DEPTH - 1) * WIDTH + 1,
            ours.as_secs_f64() / LATENCY.as_secs_f64()
        );
        println!(
            "ratio  load / level by level                        {:6.2}   ({levels:.0?})",
            ratio(levels)
        );
        println!(
            "ratio  load / one after the other                   {:6.2}   ({sequential:.0?})",
            ratio(sequential)
        );
    });
}

fn warm(criterion: &mut Criterion) {
    let runtime = runtime();
    let (radpack, loaded) = runtime.block_on(async {
        let radpack = fresh(&serve().await).await;
        let loaded = radpack.load("l0-0").await.expect("all files are there");
        (radpack, loaded)
    });
    let modules = loaded.modules().len() as u64;
    let mut group = criterion.benchmark_group("loading");
    group.throughput(criterion::Throughput::Elements(modules));
    group.bench_function("a closure that is there already, by module", |bencher| {
        bencher.iter(|| -> Loaded {
            let loading = radpack.load(black_box("l0-0"));
            runtime.block_on(loading).expect("all files are there")
        });
    });
    group.finish();
}

fn swapping(_: &mut Criterion) {
    let runtime = runtime();
    let size = if quick() { SIZES[0] } else { SIZES[3] };
    let json = Workload::new(size).json;
    let large = FetchOptions {
        manifest_bytes: usize::MAX,
        ..FetchOptions::default()
    };
    let small = r#"{"exports":{"zz-last":{"v":[[1]],"d":[["index",[{"v":[0],"f":"z.js"}]]]}}}"#;
    for (what, source) in [
        ("text", Source::json(json.clone())),
        ("an index", Source::from(index(json))),
    ] {
        runtime.block_on(async {
            let building = Radpack::builder().fetch(large.clone()).register(source);
            let radpack = building.build().await.expect("the register is valid");
            let first = radpack.snapshot();
            let began = Instant::now();
            radpack.register(Source::json(small));
            while radpack.snapshot().number() == first.number() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let took = began.elapsed();
            radpack.ready().await.expect("the register is valid");
            let told = began.elapsed();
            assert!(radpack.resolve("zz-last").is_ok() && first.resolve("zz-last").is_err());
            println!("swap   {size} packages from {what}, one more register on top: {took:.1?} to the new snapshot, {told:.1?} until it is said what changed");
        });
    }
}

/// How often something took how long, within a sixteenth.
struct Times {
    counts: Vec<u64>,
    longest: Duration,
}

impl Times {
    fn new() -> Self {
        Times {
            counts: vec![0; 64 * 16],
            longest: Duration::ZERO,
        }
    }

    fn add(&mut self, time: Duration) {
        let nanos = (time.as_nanos() as u64).max(16);
        let power = nanos.ilog2();
        let sixteenth = (nanos >> (power - 4)) as usize & 15;
        self.counts[power as usize * 16 + sixteenth] += 1;
        self.longest = self.longest.max(time);
    }

    fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// What so great a share of all did not exceed.
    fn within(&self, share: f64) -> Duration {
        let mut left = (self.total() as f64 * share).ceil() as u64;
        for (bucket, count) in self.counts.iter().enumerate() {
            left = left.saturating_sub(*count);
            if left == 0 {
                let (power, sixteenth) = (bucket / 16, bucket as u64 % 16);
                return Duration::from_nanos((17 + sixteenth) << power >> 4);
            }
        }
        self.longest
    }
}

/// Each answer timed alone, as long as `goes_on`: the clock itself is in all of them.
fn answer_times(
    ids: &[String],
    goes_on: &AtomicBool,
    mut is_found: impl FnMut(&str) -> bool,
) -> Times {
    let mut times = Times::new();
    for id in ids.iter().cycle() {
        let began = Instant::now();
        let found = black_box(is_found(id));
        times.add(began.elapsed());
        assert!(found);
        if !goes_on.load(Ordering::Relaxed) {
            break;
        }
    }
    times
}

/// Answers until it is told to stop, and says how long each took.
type Answering<'a> = dyn Fn(&AtomicBool) -> Times + Sync + 'a;

/// What swaps do to those who resolve meanwhile: one thread asks as fast as it can, another one reads a register that is
/// different each time and swaps to it.
fn swapping_under_load(_: &mut Criterion) {
    let runtime = runtime();
    let swaps = if quick() { 20 } else { 1_000 };
    let workload = Workload::new(SIZES[1]);
    let ids = workload.draw();
    let folder = tempfile::tempdir().expect("there is room");
    let path = folder.path().join("radpack.json");
    let write = |number: usize| {
        let others = workload.json.strip_suffix("}}").expect("it is canonical");
        let text = format!(
            r#"{others},"zz-last":{{"v":[[1,{number}]],"d":[["index",[{{"v":[0],"f":"z.js"}}]]]}}}}}}"#
        );
        std::fs::write(&path, text).expect("there is room");
    };
    write(0);
    let building = Radpack::builder().register(path.as_path()).build();
    let radpack = runtime.block_on(building).expect("the register is valid");
    let first = radpack.snapshot().number();
    let ways: [(&str, &Answering<'_>); 2] = [
        ("the loader", &|goes_on| {
            answer_times(&ids, goes_on, |id| radpack.resolve(id).is_ok())
        }),
        ("a reader", &|goes_on| {
            let mut reader = radpack.reader();
            answer_times(&ids, goes_on, |id| reader.resolve(id).is_ok())
        }),
    ];
    let mut number = 0;
    for (way, answer) in ways {
        let mut swap_all = || {
            for _ in 0..swaps {
                number += 1;
                write(number);
                runtime
                    .block_on(radpack.refresh())
                    .expect("the register is valid");
            }
        };
        let mut took = Duration::from_secs(1);
        for swapped in [true, false] {
            let goes_on = AtomicBool::new(true);
            let times = std::thread::scope(|scope| {
                let answering = scope.spawn(|| answer(&goes_on));
                if swapped {
                    let began = Instant::now();
                    swap_all();
                    took = began.elapsed();
                } else {
                    // As long as with swaps, for the machine to do the same to both.
                    std::thread::sleep(took);
                }
                goes_on.store(false, Ordering::Relaxed);
                answering.join().expect("all ids are found")
            });
            let count = if swapped { swaps } else { 0 };
            println!(
                "swap: {count:4} swaps in {took:.1?}, {:.1} million answers by {way}: p50 {:?}, p99 {:?}, p99.9 {:?}, max {:?}",
                times.total() as f64 / 1e6,
                times.within(0.5),
                times.within(0.99),
                times.within(0.999),
                times.longest
            );
        }
    }
    assert!(radpack.snapshot().number() >= first + 2 * swaps as u64);
}

criterion_group!(
    benches,
    resolving,
    fetching,
    warm,
    swapping,
    swapping_under_load
);
criterion_main!(benches);
