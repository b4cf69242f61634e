//! A registry in a folder: commits against the disk's own synced writes, folding against reading and parsing the same files, and a
//! manifest of everything.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::fs::{self, File};
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use radpack_benches::registry::write_events;
use radpack_benches::{compare, compare_with_setup, quick};
use radpack_manifest::Manifest;
use radpack_registry::rules::ChangeSetting;
use radpack_registry::{Caller, Command, Event, Hash, ManifestQuery, Moment, Registry, Store};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const WRITERS: usize = 16;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

fn open(folder: &Path) -> Registry {
    let opened = async { Registry::init(Store::folder(folder)?).await };
    runtime().block_on(opened).expect("a folder to write to").0
}

/// Commits events that differ in a number, and nothing else.
async fn commit(registry: &Registry, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let rule = ChangeSetting {
            base_url: Some(format!("https://cdn.example/{number:08}")),
        };
        let done = registry
            .carry_out(&Caller::new("ann"), &Command::new("ann"), &rule)
            .await;
        done.expect("nothing is in its way");
    }
}

/// What a disk can do at best, one after another: an object is written aside, synced, named, and its name synced.
fn write_synced(folder: &Path, contents: &[u8], numbers: std::ops::Range<usize>) {
    let write = |number: usize| -> std::io::Result<()> {
        let aside = folder.join("aside");
        let mut file = File::create(&aside)?;
        file.write_all(contents)?;
        file.sync_all()?;
        fs::rename(&aside, folder.join(format!("{number:020}.json")))?;
        File::open(folder)?.sync_all()
    };
    for number in numbers {
        write(number).expect("a folder to write to");
    }
}

fn commits(_: &mut Criterion) {
    let (commits, rounds) = if quick() { (16, 1) } else { (160, 9) };
    let runtime = runtime();
    for writers in [1, WRITERS] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let first = open(folder.path());
        runtime.block_on(commit(&first, 0..1));
        let name = folder.path().join("events/00000000000000000001.json");
        let event = fs::read(name).expect("the event that was committed");
        let registries: Vec<Registry> = (0..writers).map(|_| open(folder.path())).collect();
        let plain = tempfile::tempdir().expect("a temporary folder");
        let (mut committed, mut written) = (1, 0);
        let question = format!("{commits} commits, writers at once: {writers}");
        let mut times = Vec::new();
        compare(
            &question,
            "must 2 with one, 8 with sixteen",
            rounds,
            || {
                let each = commits / writers;
                let began = Instant::now();
                runtime.block_on(async {
                    let tasks = registries.iter().enumerate().map(|(writer, registry)| {
                        let registry = registry.clone();
                        let from = committed + writer * each;
                        tokio::spawn(async move { commit(&registry, from..from + each).await })
                    });
                    for task in tasks.collect::<Vec<_>>() {
                        task.await.expect("all are committed");
                    }
                });
                times.push(began.elapsed());
                committed += commits;
            },
            || {
                write_synced(plain.path(), &event, written..written + commits);
                written += commits;
            },
        );
        times.sort();
        let each = commits as f64 / times[times.len() / 2].as_secs_f64();
        println!("commit  {each:.0} a second, writers at once: {writers}");
    }
}

/// A registry in a folder, of so many events.
fn made(events: usize, packages: usize) -> (TempDir, Registry) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let registry = open(folder.path());
    write_events(registry.history(), folder.path(), packages, events).expect("room for events");
    (folder, registry)
}

/// What folding comes down to: all events are read, hashed and parsed.
fn read_and_parse(folder: &Path, events: usize) {
    for seq in 1..=events {
        let name = folder.join(format!("events/{seq:020}.json"));
        let contents = fs::read(name).expect("an event");
        black_box(Hash::of(&contents));
        black_box(serde_json::from_slice::<Event>(&contents).expect("an event"));
    }
}

fn fold(_: &mut Criterion) {
    let (events, packages, rounds) = if quick() {
        (1_000, 100, 1)
    } else {
        (20_000, 2_000, 5)
    };
    let (folder, registry) = made(events, packages);
    let runtime = runtime();
    let history = registry.history().clone();
    let mut times = Vec::new();
    compare_with_setup(
        &format!("folding {events} events"),
        "must 3",
        rounds,
        || Registry::of(history.clone()),
        |fresh| {
            let began = Instant::now();
            let moment: Moment = runtime.block_on(fresh.refresh()).expect("a history");
            assert_eq!(moment.position.seq, events as u64);
            times.push(began.elapsed());
        },
        |_| read_and_parse(folder.path(), events),
    );
    times.sort();
    let each = events as f64 / times[times.len() / 2].as_secs_f64();
    println!("fold    {each:.0} events a second");
}

fn manifest(criterion: &mut Criterion) {
    let packages = if quick() { 100 } else { 10_000 };
    let (_folder, registry) = made(2 * packages, packages);
    let moment = runtime().block_on(registry.refresh()).expect("a history");
    let query = ManifestQuery::default();
    let make = || {
        moment
            .state
            .manifest(&query, moment.now())
            .expect("it is the channel's")
    };
    let json = make().to_json();
    compare(
        &format!("a manifest of {packages} packages"),
        "must 2, against reading its JSON",
        if quick() { 1 } else { 15 },
        || drop(black_box(make())),
        || {
            drop(black_box(
                Manifest::from_slice(json.as_bytes()).expect("it was just made"),
            ));
        },
    );
    let mut group = criterion.benchmark_group("registry");
    group
        .sample_size(10)
        .bench_function("manifest", |bencher| bencher.iter(make));
    group.finish();
}

criterion_group!(benches, commits, fold, manifest);
criterion_main!(benches);
