//! What the benchmarks share: generated workloads, and comparing two ways within one run.
#![deny(unsafe_code)]

pub mod memory;
pub mod registry;
pub mod workload;

use std::time::Instant;

/// Whether the benchmarks are only to be run briefly, as a test that they work.
pub fn quick() -> bool {
    std::env::args().any(|argument| argument == "--test" || argument == "--quick")
}

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
    compare_with_setup(question, claim, rounds, || (), |()| ours(), |()| theirs())
}

/// As [`compare`], with input that is made anew for each run and not timed.
pub fn compare_with_setup<T>(
    question: &str,
    claim: &str,
    rounds: usize,
    mut setup: impl FnMut() -> T,
    mut ours: impl FnMut(T),
    mut theirs: impl FnMut(T),
) -> f64 {
    let mut times = [Vec::new(), Vec::new()];
    ours(setup());
    theirs(setup());
    for _ in 0..rounds {
        let input = setup();
        let start = Instant::now();
        ours(input);
        times[0].push(start.elapsed());
        let input = setup();
        let start = Instant::now();
        theirs(input);
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
