//! Random sequences of faults, by seed: every load ends in the right bytes or in an error, and nothing is left under way.

use std::collections::BTreeMap;
use std::time::Duration;

use radpack_loader::{FetchOptions, LoadErrorKind, Source};
use serde_json::json;

use crate::server::{Fault, Reply, Server};
use crate::{builder, integrity};

/// How many sequences; `RADPACK_FAULTS` says otherwise, such as 10000, which takes a quarter of an hour.
const SEQUENCES: u64 = 200;

fn code(name: usize) -> Vec<u8> {
    format!("export const name = {name}; // {}", "x".repeat(name * 37)).into_bytes()
}

fn fault(random: &mut fastrand::Rng, right: &[u8]) -> Reply {
    let right = Reply::ok(right);
    match random.u8(..16) {
        0 => Reply::status(500),
        1 => Reply::status(503).header("Retry-After", "0"),
        2 => Reply::status(429).header("Retry-After", "60"),
        3 => Reply::status(404),
        4 => right.fault(Fault::Reset),
        5 => right.fault(Fault::Truncate),
        6 => right.fault(Fault::ShortLength),
        7 => right.fault(Fault::UnendedChunks),
        8 => right.fault(Fault::NotHttp),
        9 => Reply::ok("something else"),
        10 => Reply::redirect("/loop"),
        11 => Reply::redirect("https://127.0.0.1:1/"),
        12 => Reply::status(304),
        13 => Reply::ok(vec![b'x'; 4_000]),
        14 => right.after(Duration::from_millis(2)),
        _ => right.fault(if random.u8(..8) == 0 {
            Fault::Hang
        } else {
            Fault::Nothing
        }),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_load_ends_in_the_right_bytes_or_an_error() {
    let sequences = std::env::var("RADPACK_FAULTS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(SEQUENCES);
    let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
    let open_files = || std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let open_before = open_files();
    let folder = tempfile::tempdir().unwrap();
    for seed in 0..sequences {
        let mut random = fastrand::Rng::with_seed(seed);
        let (server, mirror) = (Server::start().await, Server::start().await);
        server.on("/loop", Reply::redirect("/loop"));
        mirror.on("/loop", Reply::redirect("/loop"));
        let count = random.usize(1..8);
        let exports: serde_json::Map<String, serde_json::Value> = (0..count)
            .map(|name| {
                let code = code(name);
                for (server, base) in [(&server, "/live"), (&mirror, "/copy")] {
                    let faults = (0..random.usize(..3)).map(|_| fault(&mut random, &code));
                    let mut replies: Vec<Reply> = faults.collect();
                    replies.push(if random.u8(..5) == 0 { fault(&mut random, &code) } else { Reply::ok(code.clone()) });
                    server.on_each(&format!("{base}/{name}.js"), replies);
                }
                // Each needs some of those before it; now and then a cycle.
                let needs: Vec<usize> = (0..count).filter(|other| *other != name && random.u8(..3) == 0).collect();
                let statics: Vec<usize> = (1..=needs.len()).collect();
                let variant = json!({"v": [0], "f": format!("{name}.js"), "s": statics, "i": integrity(&code)});
                let mut dependencies = vec![json!(["index", [variant]])];
                dependencies.extend(needs.iter().map(|need| json!(format!("p{need}"))));
                (format!("p{name}"), json!({"v": [[1]], "d": dependencies}))
            })
            .collect();
        let json = json!({ "exports": exports }).to_string();
        let mut replies: Vec<Reply> = (0..random.usize(..2))
            .map(|_| fault(&mut random, json.as_bytes()))
            .collect();
        replies.push(Reply::ok(json.clone()));
        server.on_each("/live/radpack.json", replies);
        mirror.on("/copy/radpack.json", Reply::ok(json));
        let options = FetchOptions {
            backoff: Duration::from_micros(100),
            longest_backoff: Duration::from_millis(1),
            silence_timeout: Duration::from_millis(150),
            module_bytes: 3_000,
            ..FetchOptions::default()
        };
        let source = Source::from(server.url("/live/radpack.json"));
        let source = if random.bool() {
            source.fallback(mirror.url("/copy"))
        } else {
            source
        };
        // A part of them share a disk cache, which is too small for all of them.
        let builder = match random.u8(..4) {
            0 => builder().disk_with_bytes(folder.path(), 20_000),
            _ => builder(),
        };
        let Ok(radpack) = builder.fetch(options).register(source).build().await else {
            *outcomes.entry("no register").or_default() += 1;
            continue;
        };
        let loads: Vec<_> = (0..random.usize(1..6))
            .map(|_| {
                let (radpack, id) = (radpack.clone(), format!("p{}", random.usize(..count)));
                (
                    random.u8(..6) == 0,
                    tokio::spawn(async move { radpack.load(&id).await }),
                )
            })
            .collect();
        for (leaves, load) in loads {
            if leaves {
                load.abort();
            }
            match load.await {
                Ok(Ok(loaded)) => {
                    for module in loaded.modules() {
                        let name: usize = module.name()[1..].parse().unwrap();
                        assert_eq!(module.bytes(), &code(name), "seed {seed}: wrong bytes");
                    }
                    *outcomes.entry("loaded").or_default() += 1;
                }
                Ok(Err(error)) => {
                    assert!(
                        matches!(
                            error.kind(),
                            LoadErrorKind::Fetch
                                | LoadErrorKind::Integrity
                                | LoadErrorKind::Refused
                                | LoadErrorKind::TooLarge
                        ),
                        "seed {seed}: {error:?}"
                    );
                    assert!(!error.chain().is_empty(), "seed {seed}: {error:?}");
                    *outcomes.entry(error.kind().as_str()).or_default() += 1;
                }
                Err(cancelled) => {
                    assert!(cancelled.is_cancelled(), "seed {seed}: {cancelled:?}");
                    *outcomes.entry("left").or_default() += 1;
                }
            }
        }
        // What goes on without anyone waiting ends, too.
        while radpack.status().under_way > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    println!("{outcomes:?}");
    // With the loaders, all that they began is gone: tasks, connections, files that were half written.
    while tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks()
        > 0
    {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let unfinished = crate::disk::files(folder.path());
    let unfinished = unfinished
        .iter()
        .filter(|path| path.to_string_lossy().contains(".new-"));
    assert_eq!(unfinished.count(), 0);
    // Other tests of this program open files of their own meanwhile; what each sequence left open would be more.
    if sequences > SEQUENCES {
        let most = open_before + usize::try_from(sequences / 4).unwrap();
        assert!(open_files() < most, "{} files are open", open_files());
    }
    for outcome in ["loaded", "fetch"] {
        assert!(
            sequences < SEQUENCES || outcomes.contains_key(outcome),
            "{outcome} never came: {outcomes:?}"
        );
    }
}
