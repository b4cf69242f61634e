//! Random manifests.

use proptest::prelude::*;
use radpack_manifest::Manifest;

fn component() -> impl Strategy<Value = u64> {
    prop_oneof![6 => 0u64..3, 1 => 0u64..1_000_000]
}

/// Manifests in canonical form, valid or nearly so.
pub(crate) fn manifest() -> impl Strategy<Value = String> {
    let version = (
        component(),
        component(),
        component(),
        prop_oneof![4 => Just(""), 1 => Just("-rc.1"), 1 => Just("-beta.2")],
    );
    let package = (
        prop::collection::btree_set(version, 1..12),
        1usize..5,
        0usize..4,
        any::<u64>(),
    );
    prop::collection::btree_map("(@[a-z]{1,8}/)?[a-z]{1,9}(-[a-z]{1,20})?", package, 1..6).prop_map(
        |packages| {
            let names: Vec<&String> = packages.keys().collect();
            let mut manifest = Manifest::default();
            for (name, (versions, entries, outsides, seed)) in &packages {
                let mut random = *seed;
                let mut next = |limit: usize| {
                    random = random
                        .wrapping_mul(6364136223846793005)
                        .wrapping_add(1442695040888963407);
                    (random >> 33) as usize % limit
                };
                let mut package = radpack_manifest::Package::default();
                let mut parsed: Vec<semver::Version> = versions
                    .iter()
                    .map(|(major, minor, patch, pre)| {
                        format!("{major}.{minor}.{patch}{pre}").parse().unwrap()
                    })
                    .collect();
                parsed.sort_by(|one, other| other.cmp(one));
                for outside in 0..*outsides {
                    let spec = match next(8) {
                        0 => format!("@0.{outside}.1"),
                        1 => format!("@>={outside} || ~0.{outside}"),
                        2 => "@next".to_owned(),
                        3 => "@latest".to_owned(),
                        4 => String::new(),
                        _ => format!("@^{outside}"),
                    };
                    let entry = ["", "", "/a"][next(3)];
                    let id = format!("{}{spec}{entry}", names[next(names.len())]);
                    if !package.dependencies.contains(&id) {
                        package.dependencies.push(id);
                    }
                }
                for entry in 0..*entries {
                    let outsides = package.dependencies.len();
                    let variants = (0..parsed.len())
                        .map(|version| {
                            let file = Some(format!("{entry}-{}.js", next(3)));
                            let (mut statics, mut dynamics) = (Vec::new(), Vec::new());
                            for index in 0..entries + outsides {
                                match next(9) {
                                    0..=2 => statics.push(index),
                                    3 => dynamics.push(index),
                                    _ => {}
                                }
                            }
                            radpack_manifest::Variant {
                                versions: vec![version],
                                file,
                                statics,
                                dynamics,
                                integrity: (next(2) == 0).then(|| "sha384-x".to_owned()),
                                ..Default::default()
                            }
                        })
                        .collect();
                    let entry = ["index", "a", "c/b", "a-long-entry/in/a/folder"][entry].to_owned();
                    package.entries.push(radpack_manifest::Entry {
                        name: entry,
                        variants,
                    });
                }
                for tag in ["next", "latest"] {
                    if next(3) == 0 {
                        package.tags.insert(tag.to_owned(), next(parsed.len()));
                    }
                }
                package.versions = parsed;
                manifest.exports.insert(name.clone(), package);
            }
            manifest.normalize();
            manifest.to_json()
        },
    )
}
