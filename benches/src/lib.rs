//! What the benchmarks share: generated manifests and ids.
#![forbid(unsafe_code)]
