//! Which file serves an id: first seen, seen before, and in batches, against a bare hash look-up of the same id.
//!
//! The bare look-up (*B*) is one `hashbrown` map with foldhash that holds every id that may be asked for: the least
//! that any answer by full id can cost, in time; it knows nothing of ids that it was not told in advance.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use radpack_benches::workload::{DRAWN, SIZES, Workload};
use radpack_benches::{compare, quick};
use radpack_resolve::{Index, Layer, Memo};

type Bare = hashbrown::HashMap<Box<str>, u32, foldhash::fast::FixedState>;

fn resolve(criterion: &mut Criterion) {
    let sizes = if quick() { &SIZES[..2] } else { &SIZES[..] };
    let rounds = if quick() { 5 } else { 101 };
    let mut group = criterion.benchmark_group("resolve");
    group.throughput(Throughput::Elements(DRAWN as u64));
    for (step, size) in sizes.iter().enumerate() {
        let workload = Workload::new(*size);
        let ids = workload.draw();
        let bare: Bare = workload
            .all_ids()
            .zip(0..)
            .map(|(id, number)| (id.into_boxed_str(), number))
            .collect();
        let limits = radpack_manifest::Limits {
            bytes: usize::MAX,
            ..Default::default()
        };
        let index = Index::from_layers([Layer::json(workload.json).limits(limits)])
            .expect("the workload is valid");
        let query = index.query();
        let mut memo = Memo::new(DRAWN);

        let first_seen = || {
            for id in &ids {
                black_box(query.resolve(id).is_ok());
            }
        };
        let bare_look_up = || {
            for id in &ids {
                black_box(bare.get(id.as_str()));
            }
        };
        let batch = || {
            query.resolve_batch(&ids, |_, found| {
                black_box(found.is_ok());
            });
        };
        assert!(
            ids.iter()
                .all(|id| query.resolve(id).is_ok() && bare.contains_key(id.as_str()))
        );

        let must = [
            "must 5, aim 3.5",
            "must 3, aim 2.5",
            "must 1.2, aim 0.8",
            "must 1.2, aim 0.8",
        ][step];
        compare(
            &format!("first-seen id / bare, {size}"),
            must,
            rounds,
            first_seen,
            bare_look_up,
        );
        let must = [
            "must 1.0, aim 0.7",
            "must 0.7, aim 0.5",
            "must 0.3, aim 0.15",
            "must 0.3, aim 0.15",
        ][step];
        let repeated = || {
            for id in &ids {
                black_box(memo.resolve(&query, id).is_ok());
            }
        };
        compare(
            &format!("repeated id / bare, {size}"),
            must,
            rounds,
            repeated,
            bare_look_up,
        );
        let must = ["", "", "", "must 0.75, aim 0.55"][step];
        compare(
            &format!("batch / bare one by one, {size}"),
            must,
            rounds,
            batch,
            bare_look_up,
        );

        group.bench_function(BenchmarkId::new("first-seen", size), |bencher| {
            bencher.iter(first_seen);
        });
        group.bench_function(BenchmarkId::new("bare", size), |bencher| {
            bencher.iter(bare_look_up);
        });
        group.bench_function(BenchmarkId::new("batch", size), |bencher| {
            bencher.iter(batch);
        });
        group.bench_function(BenchmarkId::new("repeated", size), |bencher| {
            bencher.iter(|| {
                for id in &ids {
                    black_box(memo.resolve(&query, id).is_ok());
                }
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).warm_up_time(std::time::Duration::from_millis(500))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = resolve
}
criterion_main!(benches);
