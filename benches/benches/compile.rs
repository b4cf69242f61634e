//! From the bytes of a `radpack.json` to an index that answers, against `serde_json` reading them into typed, owned maps.
//!
//! The claim is about what a service does at start and whenever a register changes. The typed maps are what a reader
//! without an index would keep: they answer nothing yet. Memory is counted by an allocator of this program's own, beyond
//! the text itself, at its highest.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::collections::HashMap;
use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use radpack_benches::memory::Counting;
use radpack_benches::workload::Workload;
use radpack_benches::{compare_with_setup, quick};
use radpack_manifest::Limits;
use radpack_resolve::{Index, Layer};
use serde::Deserialize;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A manifest as a reader without an index would keep it.
#[derive(Deserialize)]
#[allow(dead_code, reason = "read, and kept, is all that is asked of it")]
struct Typed {
    vars: HashMap<String, String>,
    exports: HashMap<String, TypedPackage>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "read, and kept, is all that is asked of it")]
struct TypedPackage {
    v: Vec<Vec<u64>>,
    d: Vec<TypedEntry>,
}

#[allow(dead_code, reason = "read, and kept, is all that is asked of it")]
enum TypedEntry {
    Entry(String, Vec<TypedVariant>),
    Outside(String),
}

/// By hand: what derives for an enum without tags reads everything twice.
impl<'de> Deserialize<'de> for TypedEntry {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = TypedEntry;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an entry or an id")
            }

            fn visit_str<E>(self, id: &str) -> Result<TypedEntry, E> {
                Ok(TypedEntry::Outside(id.to_owned()))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut parts: A,
            ) -> Result<TypedEntry, A::Error> {
                let missing = || serde::de::Error::custom("an entry has a name and variants");
                let name = parts.next_element()?.ok_or_else(missing)?;
                Ok(TypedEntry::Entry(
                    name,
                    parts.next_element()?.ok_or_else(missing)?,
                ))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "read, and kept, is all that is asked of it")]
struct TypedVariant {
    v: Vec<u32>,
    f: Option<String>,
    #[serde(default)]
    s: Vec<u32>,
    #[serde(default)]
    d: Vec<u32>,
    i: Option<String>,
}

fn index(json: Vec<u8>) -> Index {
    let limits = Limits {
        bytes: usize::MAX,
        ..Limits::default()
    };
    Index::from_layers([Layer::json(json).limits(limits)]).expect("the workload is valid")
}

fn compile(criterion: &mut Criterion) {
    let sizes: &[(usize, &str)] = &[
        (1_000, "must 0.33, aim 0.22"),
        (10_000, "must 0.50, aim 0.33"),
        (100_000, "must 0.59, aim 0.40"),
    ];
    let sizes = if quick() { &sizes[..1] } else { sizes };
    let mut group = criterion.benchmark_group("compile");
    for (size, claim) in sizes {
        let json = Workload::new(*size).json.into_bytes();
        let rounds = if quick() {
            3
        } else {
            (300_000 / size).clamp(5, 51)
        };
        compare_with_setup(
            &format!("JSON to index / serde_json, {size}"),
            claim,
            rounds,
            || json.clone(),
            |json| drop(black_box(index(json))),
            |json| {
                drop(black_box(
                    serde_json::from_slice::<Typed>(&json).expect("the workload is valid"),
                ));
            },
        );
        let copy = json.clone();
        let before = Counting::begin();
        let ready = index(copy);
        let peak = Counting::peak_since(before);
        assert!(ready.resolve("nothing").is_err());
        println!(
            "memory {:<44} {:6.2}   (must 1.5, aim 1.1; {:.1} MB beyond {:.1} MB of JSON)",
            format!("JSON to index, beyond the JSON, {size}"),
            peak as f64 / json.len() as f64,
            peak as f64 / 1e6,
            json.len() as f64 / 1e6
        );
        if *size <= 10_000 {
            group
                .sample_size(10)
                .throughput(Throughput::Bytes(json.len() as u64));
            group.bench_function(BenchmarkId::new("index", size), |bencher| {
                bencher.iter_batched(|| json.clone(), index, BatchSize::LargeInput);
            });
            group.bench_function(BenchmarkId::new("serde_json", size), |bencher| {
                bencher.iter(|| {
                    serde_json::from_slice::<Typed>(&json).expect("the workload is valid")
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, compile);
criterion_main!(benches);
