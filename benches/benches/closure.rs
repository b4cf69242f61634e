//! A closure with its URLs, per id, against resolving that id: it must grow with the closure's size only, not the index's.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::hint::black_box;
use std::time::Instant;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use radpack_benches::quick;
use radpack_benches::workload::{Random, chains};
use radpack_resolve::{Index, Layer};

fn closure(criterion: &mut Criterion) {
    let sizes: &[usize] = if quick() {
        &[100, 1_000]
    } else {
        &[100, 1_000, 10_000, 100_000]
    };
    let mut group = criterion.benchmark_group("closure");
    for size in sizes {
        let limits = radpack_manifest::Limits {
            bytes: usize::MAX,
            ..Default::default()
        };
        let index = Index::from_layers([Layer::json(chains(*size)).limits(limits)])
            .expect("the workload is valid");
        let query = index.query();
        for length in [1, 10, 100] {
            let mut random = Random::new(3);
            // Packages stand in chains of 100: what is `length` from a chain's end has a closure of that length.
            let ids: Vec<String> = (0..1_000)
                .map(|_| {
                    format!(
                        "p{:06}@^1",
                        (random.below(*size as u64 / 100) + 1) * 100 - length
                    )
                })
                .collect();
            let mut url = String::new();
            let mut run = |id: &str| {
                for found in query.closure(id).expect("every dependency is there") {
                    url.clear();
                    black_box(
                        query
                            .write_url(&found, &mut url)
                            .expect("the index is sound"),
                    );
                }
            };
            assert_eq!(
                query
                    .closure(&ids[0])
                    .map(|closure| closure.len())
                    .unwrap_or(0) as u64,
                length
            );
            let rounds = if quick() { 2 } else { 20 };
            let mut best = [f64::MAX; 2];
            for _ in 0..rounds {
                let start = Instant::now();
                ids.iter().for_each(|id| run(id));
                best[0] = best[0].min(start.elapsed().as_secs_f64());
                let start = Instant::now();
                ids.iter().for_each(|id| drop(black_box(query.resolve(id))));
                best[1] = best[1].min(start.elapsed().as_secs_f64());
            }
            let [closure, resolve] = best.map(|seconds| seconds * 1e9 / ids.len() as f64);
            println!(
                "closure {size:>7} packages, {length:>3} in the closure: {closure:8.0} ns, {:6.0} ns each ({resolve:4.0} ns to resolve)",
                closure / length as f64
            );
            if length == 10 {
                group.bench_function(BenchmarkId::new("of ten, with URLs", size), |bencher| {
                    let mut next = ids.iter().cycle();
                    bencher.iter(|| next.next().map(|id| run(id)));
                });
            }
        }
    }
    group.finish();
}

criterion_group!(benches, closure);
criterion_main!(benches);
