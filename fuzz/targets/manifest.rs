//! Reading a manifest: any bytes. What reads is written and read again, and compiled to an index by both of its readers,
//! which must agree with each other and with the manifest itself.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use radpack_fuzz::selected;
use radpack_manifest::{Location, Manifest, Package, Register, merge, url_of};
use radpack_resolve::{Found, Index};
use radpack_version::VersionRef;

/// Of how many entries and versions everything is asked.
const ASKED: usize = 20;

fuzz_target!(|bytes: &[u8]| {
    let register = Register::from_slice(bytes);
    if let Ok(register) = &register {
        let json = register.to_json();
        let again = Register::from_slice(json.as_bytes()).expect("what is written can be read");
        assert_eq!(again, *register);
        assert_eq!(again.to_json(), json);
    }
    let read = Manifest::from_slice(bytes);
    let scanned = Index::from_json(bytes.to_vec());
    let manifest = match read {
        Ok(manifest) => manifest,
        Err(errors) => {
            assert!(!errors.problems().is_empty());
            let error = scanned.expect_err("the index is no more tolerant");
            let same = error.manifest_errors().map(ToString::to_string);
            assert_eq!(same.expect("the manifest is the cause"), errors.to_string());
            return;
        }
    };
    assert!(register.is_ok(), "a manifest is a register");
    check_written(&manifest);
    let scanned = scanned.expect("the index is no less tolerant");
    let canonical = Index::from_json(manifest.to_json()).expect("it is valid");
    let compiled = Index::from_manifest(&manifest).expect("it is valid");
    let stored = Index::from_bytes(scanned.to_bytes().into_owned()).expect("it is sound");
    for index in [&scanned, &canonical, &compiled, &stored] {
        assert_eq!(index.len(), manifest.export_count());
    }
    for (name, package) in &manifest.exports {
        for index in [&canonical, &compiled, &stored] {
            let list = |index: &Index| {
                let package = index.package(name).map(|package| {
                    let entries = package.entries().take(ASKED);
                    entries
                        .map(|entry| {
                            let found: Vec<_> = entry.variants().take(ASKED).map(answer).collect();
                            format!("{} {found:?}", entry.name())
                        })
                        .collect::<Vec<_>>()
                });
                format!("{package:?}")
            };
            assert_eq!(list(index), list(&scanned), "{name:?}");
        }
        check_answers(
            &manifest,
            name,
            package,
            [&scanned, &canonical, &compiled, &stored],
        );
    }
});

fn check_written(manifest: &Manifest) {
    assert_eq!(manifest.validate(), Ok(()));
    let json = manifest.to_json();
    let again = Manifest::from_slice(json.as_bytes()).expect("what is written can be read");
    assert_eq!(again, *manifest);
    assert_eq!(again.to_json(), json);
    let mut normal = manifest.clone();
    normal.normalize();
    assert_eq!(normal, *manifest, "what is read is in order");
    // Merged with itself it holds the same exports.
    let merged = merge([manifest.clone(), manifest.clone()]);
    assert!(merged.exports.keys().eq(manifest.exports.keys()));
    assert_eq!(merged.validate(), Ok(()));
}

/// Every entry at every version, and ids that lead there on other ways.
fn check_answers(manifest: &Manifest, name: &str, package: &Package, indexes: [&Index; 4]) {
    for entry in package.entries.iter().take(ASKED) {
        let available = entry.variants.iter().flat_map(|variant| &variant.versions);
        let mut available: Vec<usize> = available.copied().collect();
        available.sort_unstable();
        let versions = available
            .iter()
            .take(ASKED)
            .map(|at| &package.versions[*at]);
        let mut specs: Vec<String> = versions
            .flat_map(|version| {
                let (major, minor) = (version.major, version.minor);
                [
                    version.to_string(),
                    format!("^{major}"),
                    format!("~{major}.{minor}"),
                ]
            })
            .collect();
        specs.extend(["", "latest", ">=1 <3"].map(str::to_owned));
        specs.extend(package.tags.keys().take(ASKED).cloned());
        for spec in specs {
            let id = match spec.as_str() {
                "" => format!("{name}/{}", entry.name),
                spec => format!("{name}@{spec}/{}", entry.name),
            };
            let answers = indexes.map(|index| match index.query().resolve(&id) {
                Ok(found) => Ok(answer(found)),
                Err(error) => Err(error.to_string()),
            });
            for other in &answers[1..] {
                assert_eq!(*other, answers[0], "{id:?}");
            }
            if !manifest.offered {
                assert!(answers[0].is_err());
                continue;
            }
            let expected = selected(manifest, &id, Default::default());
            let found = indexes[0].resolve(&id).ok();
            assert_eq!(
                found.map(|found| (found.version(), found.fit(), found.drift())),
                expected,
                "{id:?}"
            );
            if let Some(found) = found {
                check_url(manifest, package, &found);
            }
        }
        let id = format!("{name}/{}", entry.name);
        let closures = indexes.map(|index| match index.closure(&id) {
            Ok(closure) => Ok(closure.into_iter().map(answer).collect::<Vec<_>>()),
            Err(error) => Err(format!("{error} {:?}", error.chain())),
        });
        for other in &closures[1..] {
            assert_eq!(*other, closures[0], "{id:?}");
        }
    }
}

/// File, URL and integrity of an answer are what the manifest says.
fn check_url(manifest: &Manifest, package: &Package, found: &Found<'_>) {
    let entry = package.entry(found.entry()).expect("the entry is there");
    let is_it = |version: &semver::Version| VersionRef::from(version) == found.version();
    let at = package
        .versions
        .iter()
        .position(is_it)
        .expect("the version is there");
    let variant = entry.variant_at(at).expect("the entry has that version");
    let location = Location {
        name: found.name(),
        entry: found.entry(),
        file: variant.file.as_deref(),
        url: variant.url.as_deref(),
    };
    let url = url_of(&location, &manifest.vars, |_| None).map(|url| url.into_owned());
    assert_eq!(found.url().expect("it is sound"), url);
    let integrity = found.integrity().expect("it is sound").unwrap_or_default();
    assert_eq!(integrity, variant.integrity.as_deref().unwrap_or_default());
    let dependency = |index: &usize| match package.dependency(*index) {
        Some(radpack_manifest::Dependency::Own(entry)) => (true, entry.name.as_str()),
        Some(radpack_manifest::Dependency::Outside(id)) => (false, id),
        None => panic!("a valid manifest has no index out of range"),
    };
    for (found, stated) in [
        (found.statics(), &variant.statics),
        (found.dynamics(), &variant.dynamics),
    ] {
        assert_eq!(found.len(), stated.len());
        for (found, stated) in found.zip(stated) {
            let (is_own, id) = dependency(stated);
            assert_eq!(found.is_own(), is_own);
            if !is_own {
                assert_eq!(found.id(), id);
            }
        }
    }
}

/// All that is known of a file, as text: indexes of the same manifest must not differ in it.
fn answer(found: Found<'_>) -> String {
    let context = BTreeMap::from([("lang", "fr")]);
    let url = found.url_with(|name| context.get(name).map(|value| (*value).into()));
    let ids = |dependencies: radpack_resolve::Dependencies<'_>| -> Vec<String> {
        dependencies
            .map(|dependency| dependency.id().into_owned())
            .collect()
    };
    format!(
        "{found:?} {:?} {:?} {url:?} {:?} {:?} {:?}",
        found.drift(),
        found.file(),
        found.integrity(),
        ids(found.statics()),
        ids(found.dynamics()),
    )
}
