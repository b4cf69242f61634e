//! What the tests share: reading fixtures, and versions to try things with.

use std::path::PathBuf;

use proptest::prelude::*;
use radpack_version::VersionRef;
use serde::de::DeserializeOwned;

/// Reads a JSON file of `fixtures/`.
#[track_caller]
pub(crate) fn fixture<T: DeserializeOwned>(path: &str) -> T {
    let whole = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures")
        .join(path);
    let text = std::fs::read_to_string(&whole)
        .unwrap_or_else(|error| panic!("{}: {error}", whole.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", whole.display()))
}

/// Parses a version that must be one.
#[track_caller]
pub(crate) fn version(text: &str) -> VersionRef<'_> {
    VersionRef::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Components: mostly small, so that versions collide, and those at which a field of the key ends.
pub(crate) fn component() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => 0u64..4,
        2 => 0u64..200,
        1 => (1u64 << 19) - 4..(1 << 19) + 3,
        1 => (1u64 << 25) - 4..(1 << 25) + 3,
        1 => (1u64 << 53) - 4..(1 << 53),
    ]
}

/// Prereleases, more than half of them none.
pub(crate) fn prerelease() -> impl Strategy<Value = String> {
    let identifier = prop_oneof![
        3 => "0|[1-9][0-9]{0,2}",
        1 => "[1-9][0-9]{18,22}",
        3 => "alpha|beta|rc",
        1 => "[0-9]{0,2}[A-Za-z-][0-9A-Za-z-]{0,3}",
    ];
    let identifiers = proptest::collection::vec(identifier, 1..4);
    prop_oneof![
        3 => Just(String::new()),
        2 => identifiers.prop_map(|identifiers| identifiers.join(".")),
    ]
}

/// The text of a version without build metadata.
pub(crate) fn version_text() -> impl Strategy<Value = String> {
    (component(), component(), component(), prerelease()).prop_map(
        |(major, minor, patch, prerelease)| {
            let dash = if prerelease.is_empty() { "" } else { "-" };
            format!("{major}.{minor}.{patch}{dash}{prerelease}")
        },
    )
}
