//! Rules that hold for every manifest, tried on many made at random; serde_json is the oracle.

mod support;

use proptest::prelude::*;
use radpack_manifest::{Manifest, Register};
use serde_json::Value;
use support::{manifest, meaning, plain};

/// What canonical writing promises, looked up in the JSON as serde_json reads it.
fn assert_canonical(json: &str) {
    let value: Value = serde_json::from_str(json).unwrap();
    assert_eq!(
        serde_json::to_string(&value).unwrap(),
        json,
        "minimal whitespace, plain escapes"
    );
    let keys = |value: &Value, known: &[&str]| {
        let keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        let rank = |key: &String| {
            (
                known
                    .iter()
                    .position(|known| known == key)
                    .unwrap_or(known.len()),
                key.clone(),
            )
        };
        assert!(keys.is_sorted_by_key(rank), "{keys:?}");
    };
    keys(&value, &["vars", "exports", "register", "url"]);
    assert_ne!(
        value
            .get("vars")
            .and_then(Value::as_object)
            .map(serde_json::Map::len),
        Some(0)
    );
    let exports = value["exports"].as_object().unwrap();
    assert!(exports.keys().is_sorted());
    for package in exports.values() {
        keys(package, &["v", "d", "t"]);
        for version in package["v"].as_array().unwrap() {
            let version = version.as_array().unwrap();
            assert!(
                version.len() == 1 || version.last() != Some(&0.into()),
                "{version:?}"
            );
        }
        let items = package["d"].as_array().unwrap();
        let (entries, dependencies) =
            items.split_at(items.iter().take_while(|item| item.is_array()).count());
        let depth = |entry: &Value| {
            let name = entry[0].as_str().unwrap();
            (name.matches('/').count(), name.chars().collect::<Vec<_>>())
        };
        assert!(entries.is_sorted_by_key(depth));
        assert!(dependencies.is_sorted_by(|a, b| a.as_str().unwrap() < b.as_str().unwrap()));
        for variants in entries.iter().map(|entry| entry[1].as_array().unwrap()) {
            for variant in variants {
                keys(variant, &["v", "f", "u", "s", "d", "i"]);
                let versions: Vec<u64> = variant["v"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|v| v.as_u64().unwrap())
                    .collect();
                assert!(
                    versions.is_sorted_by(|a, b| a + 1 == *b) && !versions.is_empty(),
                    "{versions:?}"
                );
                for key in ["s", "d"] {
                    let Some(indices) = variant.get(key) else {
                        continue;
                    };
                    let indices: Vec<_> = indices
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|v| v.as_u64().unwrap())
                        .collect();
                    assert!(
                        indices.is_sorted_by(|a, b| a < b) && !indices.is_empty(),
                        "{indices:?}"
                    );
                }
            }
            for pair in variants.windows(2) {
                let (mut newer, mut older) = (pair[0].clone(), pair[1].clone());
                let end = newer["v"]
                    .as_array()
                    .unwrap()
                    .last()
                    .unwrap()
                    .as_u64()
                    .unwrap();
                let start = older["v"][0].as_u64().unwrap();
                newer.as_object_mut().unwrap().remove("v");
                older.as_object_mut().unwrap().remove("v");
                assert!(
                    end < start && (end + 1 < start || newer != older),
                    "{pair:?}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn writing_is_canonical_and_reading_gives_it_back(manifest in manifest()) {
        let json = manifest.to_json();
        assert_canonical(&json);
        let read = Manifest::from_slice(json.as_bytes()).unwrap();
        prop_assert_eq!(read.to_json(), json);
        let mut normalized = manifest.clone();
        normalized.normalize();
        prop_assert_eq!(&read, &normalized);
        prop_assert_eq!(meaning(&read), meaning(&manifest));
        manifest.validate().unwrap();
    }

    #[test]
    fn any_order_on_the_wire_reads_the_same(manifest in manifest()) {
        let plain = plain(&manifest);
        let canonical = manifest.to_json();
        for text in [serde_json::to_string(&plain).unwrap(), serde_json::to_string_pretty(&plain).unwrap()] {
            let read = Manifest::from_slice(text.as_bytes()).unwrap();
            prop_assert_eq!(read.to_json(), canonical.as_str());
            let windows = format!("\u{feff}{}\r\n", text.replace('\n', "\r\n"));
            prop_assert_eq!(&Manifest::from_slice(windows.as_bytes()).unwrap(), &read);
            prop_assert_eq!(Register::from_slice(text.as_bytes()).unwrap(), Register::Manifest(read));
        }
    }

    #[test]
    fn damaged_manifests_are_judged_without_a_panic(
        manifest in manifest(),
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3), 1..6),
    ) {
        let mut json = manifest.to_json().into_bytes();
        for (at, byte, what) in cuts {
            if json.is_empty() {
                break;
            }
            let at = at.index(json.len());
            match what {
                0 => json[at] = byte,
                1 => drop(json.remove(at)),
                _ => json.truncate(at),
            }
        }
        match Manifest::from_slice(&json) {
            Ok(read) => prop_assert!(Manifest::from_slice(read.to_json().as_bytes()).is_ok()),
            Err(errors) => {
                prop_assert!(!errors.problems().is_empty());
                prop_assert!(errors.to_string().lines().count() >= errors.problems().len());
            }
        }
        drop(Register::from_slice(&json));
    }

    #[test]
    fn what_serde_json_refuses_is_refused(bytes in proptest::collection::vec(select_byte(), 0..40)) {
        let json = serde_json::from_slice::<Value>(&bytes);
        let read = Register::from_slice(&bytes);
        if json.is_err() {
            prop_assert!(read.is_err(), "{:?}", String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn wrong_manifests_built_in_code_are_found_and_survive_everything(
        manifest in manifest(),
        index in prop_oneof![Just(usize::MAX), 20_usize..40],
        place in 0..4_usize,
    ) {
        let mut manifest = manifest;
        let mut changed = false;
        for package in manifest.exports.values_mut() {
            if place == 3 {
                package.tags.insert("broken".to_owned(), index);
                changed = true;
            }
            let variants = package.entries.iter_mut().flat_map(|entry| &mut entry.variants);
            // One without versions counts for nothing.
            for variant in variants.filter(|variant| !variant.versions.is_empty()) {
                [&mut variant.versions, &mut variant.statics, &mut variant.dynamics][place % 3].push(index);
                changed = true;
            }
        }
        prop_assert_eq!(manifest.validate().is_err(), changed);
        prop_assert_eq!(Manifest::from_slice(manifest.to_json().as_bytes()).is_err(), changed);
        manifest.normalize();
        prop_assert_eq!(manifest.validate().is_err(), changed);
        let normalized = manifest.clone();
        manifest.normalize();
        prop_assert_eq!(&manifest, &normalized);
        for package in manifest.exports.values_mut() {
            package.retain_versions(|version| version.major > 0);
        }
    }

    #[test]
    fn retained_versions_keep_all_they_had(manifest in manifest(), keep in any::<u16>()) {
        let before = meaning(&manifest);
        let mut after = manifest.clone();
        let kept = |version: &semver::Version| (keep >> ((version.major + version.minor) % 16)) & 1 == 1;
        for package in after.exports.values_mut() {
            package.retain_versions(kept);
            prop_assert!(package.versions.iter().all(kept));
            prop_assert!(package.entries.iter().flat_map(|entry| &entry.variants).all(|variant| !variant.versions.is_empty()));
        }
        after.validate().unwrap();
        let after = meaning(&after);
        for (key, fact) in before {
            let Ok(version) = semver::Version::parse(&key.2) else { continue };
            let expected = kept(&version).then_some(fact);
            prop_assert_eq!(after.get(&key), expected.as_ref());
        }
    }
}

/// Bytes that make JSON, or nearly.
fn select_byte() -> impl Strategy<Value = u8> {
    proptest::sample::select(br#"[]{}"":,0129-.eE vdtfus\unl/true"#.to_vec())
}
