//! Mapping an index file and taking the first answer from it: the same at any size.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::hint::black_box;
use std::time::Instant;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use radpack_benches::quick;
use radpack_benches::workload::{SIZES, Workload};
use radpack_resolve::{Index, Layer};

fn open(criterion: &mut Criterion) {
    let sizes = if quick() { &SIZES[..2] } else { &SIZES[..] };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut group = criterion.benchmark_group("open");
    for size in sizes {
        let workload = Workload::new(*size);
        let ids = workload.draw();
        let limits = radpack_manifest::Limits {
            bytes: usize::MAX,
            ..Default::default()
        };
        let index = Index::from_layers([Layer::json(workload.json).limits(limits)])
            .expect("the workload is valid");
        let path = folder.path().join(format!("{size}.index"));
        std::fs::write(&path, index.to_bytes()).expect("room for an index");
        let length = std::fs::metadata(&path)
            .map(|metadata| metadata.len())
            .unwrap_or(0);
        drop(index);
        let first_answer = |id: &str| {
            let index = Index::open_unverified(&path).expect("the index was just written");
            black_box(index.resolve(id).is_ok());
        };
        let mut times: Vec<_> = ids[..101]
            .iter()
            .map(|id| {
                let start = Instant::now();
                first_answer(id);
                start.elapsed()
            })
            .collect();
        times.sort();
        println!(
            "open    {size:>7} packages, {:7.1} MB: map and first answer {:?} (median of 101; must 100µs at any size)",
            length as f64 / 1e6,
            times[50]
        );
        group.sample_size(20).bench_function(
            BenchmarkId::new("map and first answer", size),
            |bencher| {
                let mut next = ids.iter().cycle();
                bencher.iter(|| next.next().map(|id| first_answer(id)));
            },
        );
    }
    group.finish();
}

criterion_group!(benches, open);
criterion_main!(benches);
