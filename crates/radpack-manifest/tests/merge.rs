//! Merging: each package wholly from the last that has it, and no URL changes.

mod support;

use std::borrow::Cow;
use std::collections::BTreeMap;

use proptest::prelude::*;
use radpack_manifest::{Location, Manifest, merge, url_of};
use support::manifest;

#[track_caller]
fn merges(sources: &[&str], expected: &str) {
    let sources = sources
        .iter()
        .map(|json| Manifest::from_slice(json.as_bytes()).unwrap());
    let merged = merge(sources);
    assert_eq!(merged.to_json(), expected);
    merged.validate().unwrap();
}

/// A manifest with these vars, and a package for each file.
fn with(vars: &str, packages: &[(&str, &str)]) -> String {
    let package = |(name, file): &(&str, &str)| {
        format!(r#""{name}":{{"v":[[1]],"d":[["index",[{{"v":[0],{file}}}]]]}}"#)
    };
    let packages: Vec<_> = packages.iter().map(package).collect();
    let vars = if vars.is_empty() {
        String::new()
    } else {
        format!(r#""vars":{{{vars}}},"#)
    };
    format!(r#"{{{vars}"exports":{{{}}}}}"#, packages.join(","))
}

#[test]
fn the_last_that_has_a_package_wins_wholly() {
    merges(&[], r#"{"exports":{}}"#);
    let one = with("", &[("a", r#""f":"a.js""#)]);
    merges(&[&one], &one);
    merges(
        &[
            r#"{"exports":{"a":{"v":[[1]],"d":[["old",[{"v":[0]}]]]},"b":{"v":[[1]],"d":[]}}}"#,
            r#"{"exports":{"a":{"v":[[2]],"d":[["new",[{"v":[0]}]]]},"c":{"v":[[1]],"d":[]}}}"#,
        ],
        r#"{"exports":{"a":{"v":[[2]],"d":[["new",[{"v":[0]}]]]},"b":{"v":[[1]],"d":[]},"c":{"v":[[1]],"d":[]}}}"#,
    );
}

#[test]
fn urls_are_written_out_where_vars_differ() {
    let a = (
        r#""f":"a.js""#,
        r#""f":"a.js","u":"https://a.example/a.js""#,
    );
    let vars = |name: &str| format!(r#""baseUrl":"https://{name}.example""#);
    merges(
        &[
            &with(&vars("a"), &[("a", a.0)]),
            &with(&vars("b"), &[("b", r#""f":"b.js""#)]),
        ],
        &with(&vars("b"), &[("a", a.1), ("b", r#""f":"b.js""#)]),
    );
    merges(
        &[
            &with(&vars("a"), &[("a", a.0)]),
            &with(&vars("a"), &[("b", r#""f":"b.js""#)]),
        ],
        &with(&vars("a"), &[("a", a.0), ("b", r#""f":"b.js""#)]),
    );
    // Only what would be placed elsewhere: another value of a var that no URL has is no difference.
    merges(
        &[
            &with(&format!(r#"{},"x":"1""#, vars("a")), &[("a", a.0)]),
            &with(
                &format!(r#"{},"x":"2""#, vars("a")),
                &[("b", r#""f":"b.js","u":"${x}""#)],
            ),
        ],
        &with(
            &format!(r#"{},"x":"2""#, vars("a")),
            &[("a", a.0), ("b", r#""f":"b.js","u":"${x}""#)],
        ),
    );
    // Explicit URLs, too; and what has no code gets none.
    merges(
        &[
            &with(
                r#""cdn":"https://a.example""#,
                &[
                    ("a", r#""u":"${cdn}/${name}/${entry}.js""#),
                    ("n", r#""i":"x""#),
                ],
            ),
            &with(r#""cdn":"https://b.example""#, &[]),
        ],
        &with(
            r#""cdn":"https://b.example""#,
            &[
                ("a", r#""u":"https://a.example/a/index.js""#),
                ("n", r#""i":"x""#),
            ],
        ),
    );
}

#[test]
fn url_is_that_of_the_last_even_if_it_is_the_default() {
    let by_name = r#""url":"${baseUrl}/${name}/${file}""#;
    merges(
        &[
            &with(by_name, &[("a", r#""f":"a.js""#)]),
            &with("", &[("b", r#""f":"b.js""#)]),
        ],
        &with(
            "",
            &[
                ("a", r#""f":"a.js","u":"${baseUrl}/a/a.js""#),
                ("b", r#""f":"b.js""#),
            ],
        ),
    );
    merges(
        &[
            &with("", &[("a", r#""f":"a.js""#)]),
            &with(by_name, &[("b", r#""f":"b.js""#)]),
        ],
        &with(
            by_name,
            &[
                ("a", r#""f":"a.js","u":"${baseUrl}/a.js""#),
                ("b", r#""f":"b.js""#),
            ],
        ),
    );
}

#[test]
fn what_one_leaves_to_the_context_no_other_decides() {
    // The first leaves `baseUrl` open; the second's must not capture it, and keeps its own URLs.
    merges(
        &[
            &with("", &[("a", r#""f":"a.js""#)]),
            &with(
                r#""baseUrl":"https://b.example""#,
                &[("b", r#""f":"b.js""#)],
            ),
        ],
        &with(
            "",
            &[
                ("a", r#""f":"a.js""#),
                ("b", r#""f":"b.js","u":"https://b.example/b.js""#),
            ],
        ),
    );
    merges(
        &[
            &with(
                r#""baseUrl":"https://${stage}.example""#,
                &[("a", r#""f":"a.js""#)],
            ),
            &with(
                r#""baseUrl":"https://b.example","stage":"b""#,
                &[("b", r#""f":"b.js""#)],
            ),
        ],
        &with(
            r#""baseUrl":"https://b.example""#,
            &[
                ("a", r#""f":"a.js","u":"https://${stage}.example/a.js""#),
                ("b", r#""f":"b.js""#),
            ],
        ),
    );
    // A package that is not taken leaves nothing open.
    merges(
        &[
            &with("", &[("b", r#""f":"a.js""#)]),
            &with(
                r#""baseUrl":"https://b.example""#,
                &[("b", r#""f":"b.js""#)],
            ),
        ],
        &with(
            r#""baseUrl":"https://b.example""#,
            &[("b", r#""f":"b.js""#)],
        ),
    );
}

#[test]
fn the_rest_is_merged_by_key() {
    merges(
        &[
            r#"{"register":false,"x":1,"y":{"a":1}}"#,
            r#"{"y":2,"z":3,"register":false,"url":"elsewhere"}"#,
        ],
        r#"{"exports":{},"register":false,"x":1,"y":2,"z":3}"#,
    );
    merges(&[r#"{"register":false}"#, "{}"], r#"{"exports":{}}"#);
}

/// The URL of everything, filled in from a context that knows every name that the manifests use.
fn urls(manifest: &Manifest) -> BTreeMap<(String, String, String), String> {
    let mut urls = BTreeMap::new();
    for (name, package) in &manifest.exports {
        for entry in &package.entries {
            for variant in &entry.variants {
                let location = Location {
                    name,
                    entry: &entry.name,
                    file: variant.file.as_deref(),
                    url: variant.url.as_deref(),
                };
                let context = |name: &str| Some(Cow::Owned(format!("<{name}>")));
                if let Some(url) = url_of(&location, &manifest.vars, context) {
                    for &version in &variant.versions {
                        let version = package.versions[version].to_string();
                        urls.insert(
                            (name.clone(), entry.name.clone(), version),
                            url.clone().into_owned(),
                        );
                    }
                }
            }
        }
    }
    urls
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_url_changes(sources in proptest::collection::vec(manifest(), 0..4)) {
        let mut expected = BTreeMap::new();
        for source in &sources {
            expected.retain(|(name, _, _): &(String, String, String), _| !source.exports.contains_key(name));
            expected.extend(urls(source));
        }
        let merged = merge(sources);
        merged.validate().unwrap();
        prop_assert_eq!(urls(&merged), expected);
    }
}
