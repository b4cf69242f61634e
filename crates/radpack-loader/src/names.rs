//! The names of spans, events and counters, and the places that write them: stable, as the page on observability lists them.

use std::time::Duration;

use metrics::{counter, gauge, histogram};

use crate::error::LoadError;
use crate::fetch::{Answer, What};

/// Counter: fetches that ended well. Labels: `what` (`manifest`, `module`), `outcome` (`fetched`, `not-modified`).
pub const FETCHES: &str = "radpack_loader_fetches_total";
/// Counter: attempts that failed. Labels: `what`, `kind` (as [`LoadErrorKind::as_str`](crate::LoadErrorKind::as_str)).
pub const FETCH_FAILURES: &str = "radpack_loader_fetch_failures_total";
/// Counter: bytes that were fetched, uncompressed. Label: `what`.
pub const FETCHED_BYTES: &str = "radpack_loader_fetched_bytes_total";
/// Counter: files that were asked for. Label: `from` (`memory`, `disk`, `network`, `flight` for those that joined a fetch under way).
pub const FILES: &str = "radpack_loader_files_total";
/// Gauge: bytes of files held in memory.
pub const CACHE_BYTES: &str = "radpack_loader_cache_bytes";
/// Counter: files that left the memory for others.
pub const CACHE_EVICTIONS: &str = "radpack_loader_cache_evictions_total";
/// Counter: loads. Label: `outcome` (`loaded`, or the error's kind).
pub const LOADS: &str = "radpack_loader_loads_total";
/// Histogram: seconds that a load took.
pub const LOAD_SECONDS: &str = "radpack_loader_load_seconds";
/// Counter: registers that were asked for. Label: `outcome` (`changed`, `unchanged`, `failed`).
pub const REFRESHES: &str = "radpack_loader_refreshes_total";
/// Counter: snapshots that took another one's place.
pub const SWAPS: &str = "radpack_loader_swaps_total";
/// Histogram: seconds from changed manifests to the new snapshot in place.
pub const SWAP_SECONDS: &str = "radpack_loader_swap_seconds";
/// Counter: entries of the disk cache that were damaged, and dropped.
pub const DISK_DAMAGED: &str = "radpack_loader_disk_damaged_total";

pub(crate) fn fetched(what: What, answer: &Answer) {
    let outcome = match answer {
        Answer::Bytes(bytes, _) => {
            counter!(FETCHED_BYTES, "what" => what.as_str()).increment(bytes.len() as u64);
            "fetched"
        }
        Answer::NotModified => "not-modified",
    };
    counter!(FETCHES, "what" => what.as_str(), "outcome" => outcome).increment(1);
}

pub(crate) fn fetch_failed(what: What, url: &str, attempt: u32, error: &LoadError) {
    counter!(FETCH_FAILURES, "what" => what.as_str(), "kind" => error.kind().as_str()).increment(1);
    tracing::warn!(
        name: "radpack.fetch.failed",
        what = what.as_str(),
        url,
        attempt,
        kind = error.kind().as_str(),
        error = error.report(),
        "an attempt to fetch failed"
    );
}

/// Where a file was found.
pub(crate) fn file_from(place: &'static str) {
    counter!(FILES, "from" => place).increment(1);
}

pub(crate) fn cache_holds(bytes: usize) {
    gauge!(CACHE_BYTES).set(bytes as f64);
}

pub(crate) fn evicted(files: u64) {
    counter!(CACHE_EVICTIONS).increment(files);
}

pub(crate) fn loaded(id: &str, result: Result<usize, &LoadError>, took: Duration) {
    let outcome = match result {
        Ok(modules) => {
            tracing::debug!(name: "radpack.load.done", id, modules, "a closure was loaded");
            "loaded"
        }
        Err(error) => {
            tracing::warn!(
                name: "radpack.load.failed",
                id,
                kind = error.kind().as_str(),
                error = error.report(),
                "a closure could not be loaded"
            );
            error.kind().as_str()
        }
    };
    counter!(LOADS, "outcome" => outcome).increment(1);
    histogram!(LOAD_SECONDS).record(took.as_secs_f64());
}

pub(crate) fn refreshed(source: &str, result: Result<bool, &LoadError>) {
    let outcome = match result {
        Ok(true) => {
            tracing::info!(name: "radpack.register.changed", source, "a register was read");
            "changed"
        }
        Ok(false) => {
            tracing::debug!(name: "radpack.register.unchanged", source, "a register is as it was");
            "unchanged"
        }
        Err(error) => {
            tracing::warn!(
                name: "radpack.register.failed",
                source,
                kind = error.kind().as_str(),
                error = error.report(),
                "a register could not be read; what was read last stays"
            );
            "failed"
        }
    };
    counter!(REFRESHES, "outcome" => outcome).increment(1);
}

pub(crate) fn swapped(snapshot: u64, exports: usize, took: Duration) {
    counter!(SWAPS).increment(1);
    histogram!(SWAP_SECONDS).record(took.as_secs_f64());
    tracing::info!(name: "radpack.snapshot.swapped", snapshot, exports, "a new snapshot is in place");
}

pub(crate) fn from_disk(source: &str, error: &LoadError) {
    tracing::warn!(
        name: "radpack.register.from-disk",
        source,
        error = error.report(),
        "a register could not be read; the one that was stored last serves"
    );
}

pub(crate) fn disk_damaged(path: &std::path::Path) {
    counter!(DISK_DAMAGED).increment(1);
    tracing::warn!(name: "radpack.disk.damaged", path = %path.display(), "a stored file was damaged, and is fetched again");
}

pub(crate) fn disk_failed(path: &std::path::Path, error: &std::io::Error) {
    tracing::warn!(name: "radpack.disk.failed", path = %path.display(), %error, "the disk cache could not be written");
}
