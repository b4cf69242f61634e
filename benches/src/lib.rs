//! What the benchmarks share: generated workloads, and comparing two ways within one run.
#![forbid(unsafe_code)]

pub mod workload;

use std::time::Instant;

/// Times two ways of the same work in turn, and prints the ratio of their medians beside what is claimed.
///
/// Both run `rounds` times, one after the other, so that a machine that is slow for a while is slow for both.
pub fn compare(
    question: &str,
    claim: &str,
    rounds: usize,
    mut ours: impl FnMut(),
    mut theirs: impl FnMut(),
) -> f64 {
    let mut times = [Vec::new(), Vec::new()];
    ours();
    theirs();
    for _ in 0..rounds {
        let start = Instant::now();
        ours();
        times[0].push(start.elapsed());
        let start = Instant::now();
        theirs();
        times[1].push(start.elapsed());
    }
    let [ours, theirs] = times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    });
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    println!("ratio  {question:<44} {ratio:6.2}   ({claim}; {ours:.2?} against {theirs:.2?})");
    ratio
}
