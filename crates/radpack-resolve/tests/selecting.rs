//! Resolution through an index: specs, layers, tags, scope, context, and the messages where there is no answer.

use std::collections::BTreeMap;

use radpack_resolve::{Index, Layer, ResolveErrorKind};
use radpack_version::{Drift, Fallback, Fit};

fn index(json: &str) -> Index {
    Index::from_json(json).expect("the manifest is valid")
}

fn layers(bottom_first: &[&str]) -> Index {
    Index::from_layers(bottom_first.iter().map(|json| Layer::json(*json)))
        .expect("the manifests are valid")
}

#[track_caller]
fn assert_version(index: &Index, id: &str, version: &str, fit: Fit) {
    let found = index
        .resolve(id)
        .unwrap_or_else(|error| panic!("{id}: {error}"));
    assert_eq!(
        (found.version().to_string().as_str(), found.fit()),
        (version, fit),
        "{id}"
    );
}

#[track_caller]
fn assert_error(index: &Index, id: &str, kind: ResolveErrorKind, message: &str) {
    let query = index.query();
    let error = query.suggest(query.resolve(id).expect_err(id));
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (kind, message),
        "{id}"
    );
}

const SHAPES: &str = r#"{"vars":{"baseUrl":"https://cdn.example/acme"},"exports":{"shapes":{"v":[[3,0,0,"-beta.2"],[2,0,1],[1,4]],"d":[["index",[{"v":[1],"f":"index-2.js","s":[2,3],"d":[1],"i":"sha384-x"},{"v":[2],"f":"index-1.js","s":[2]}]],["legacy",[{"v":[1,2],"u":"https://old.example/${lang}/legacy.js"}]],["c/common",[{"v":[1],"f":"c/common-2.js"},{"v":[2],"f":"c/common-1.js"}]],"colors@^3"],"t":{"next":1}},"colors":{"v":[[3,1]],"d":[["index",[{"v":[0],"f":"colors.js"}]]]}}}"#;

#[test]
fn every_kind_of_spec() {
    let index = index(SHAPES);
    for (id, version, fit) in [
        ("shapes", "2.0.1", Fit::InRange),
        ("shapes@*", "2.0.1", Fit::InRange),
        ("shapes@latest", "2.0.1", Fit::InRange),
        ("shapes@next", "2.0.1", Fit::InRange),
        ("shapes@^1", "1.4.0", Fit::InRange),
        ("shapes@~1.4", "1.4.0", Fit::InRange),
        ("shapes@1.4.0", "1.4.0", Fit::Exact),
        ("shapes@v1.4.0", "1.4.0", Fit::Exact),
        ("shapes@2.0.0", "2.0.1", Fit::Nearest),
        ("shapes@>=1 <2 || ^2", "2.0.1", Fit::InRange),
        ("shapes/index", "2.0.1", Fit::InRange),
        ("shapes@^2/legacy", "2.0.1", Fit::InRange),
        ("shapes@^2/legacy.js", "2.0.1", Fit::InRange),
        ("shapes/legacy.mjs", "2.0.1", Fit::InRange),
    ] {
        assert_version(&index, id, version, fit);
    }
    assert_eq!(
        index.resolve("shapes@2.0.0").unwrap().drift(),
        Some(Drift::Patch)
    );
    assert_eq!(index.resolve("shapes@^2").unwrap().drift(), None);
}

#[test]
fn files_urls_integrity_and_dependencies() {
    let index = index(SHAPES);
    let found = index.resolve("shapes@^2").unwrap();
    assert_eq!(found.file().unwrap(), Some("index-2.js"));
    assert_eq!(
        found.url().unwrap().as_deref(),
        Some("https://cdn.example/acme/index-2.js")
    );
    assert_eq!(found.integrity().unwrap(), Some("sha384-x"));
    let ids = |dependencies: radpack_resolve::Dependencies<'_>| -> Vec<String> {
        dependencies
            .map(|dependency| dependency.id().into_owned())
            .collect()
    };
    assert_eq!(ids(found.statics()), ["shapes@2.0.1/c/common", "colors@^3"]);
    assert_eq!(ids(found.dynamics()), ["shapes@2.0.1/legacy"]);

    let legacy = index.resolve("shapes@^1/legacy").unwrap();
    assert_eq!(
        (legacy.file().unwrap(), legacy.integrity().unwrap()),
        (None, None)
    );
    assert_eq!(
        legacy.url().unwrap().as_deref(),
        Some("https://old.example/${lang}/legacy.js")
    );
    let context = BTreeMap::from([("lang".to_owned(), "fr".to_owned())]);
    let query = index.query().context(&context);
    assert_eq!(
        query.url(&legacy).unwrap().as_deref(),
        Some("https://old.example/fr/legacy.js")
    );
}

#[test]
fn scope_and_context_in_ids() {
    let index = index(SHAPES);
    let query = index.query();
    assert_eq!(
        query
            .scope("shapes")
            .resolve("~/legacy")
            .unwrap()
            .version()
            .to_string(),
        "2.0.1"
    );
    assert_eq!(
        query
            .scope("shapes@^1")
            .resolve("~/legacy")
            .unwrap()
            .version()
            .to_string(),
        "1.4.0"
    );
    assert_eq!(
        query.resolve("~/legacy").unwrap_err().kind(),
        ResolveErrorKind::InvalidId
    );
    let context = BTreeMap::from([
        ("major".to_owned(), "1".to_owned()),
        ("what".to_owned(), "shapes".to_owned()),
    ]);
    let query = query.context(&context);
    assert_eq!(
        query
            .resolve("${what}@^${major}")
            .unwrap()
            .version()
            .to_string(),
        "1.4.0"
    );
    assert_eq!(
        query.resolve("shapes@^${nothing}").unwrap_err().kind(),
        ResolveErrorKind::InvalidSpec
    );
}

#[test]
fn the_top_layer_that_serves_by_the_spec_wins() {
    let bottom = r#"{"exports":{"a":{"v":[[2],[1,5]],"d":[["index",[{"v":[0],"f":"a2.js"},{"v":[1],"f":"a15.js"}]]]}}}"#;
    let top = r#"{"exports":{"a":{"v":[[2,1,0,"-rc.1"],[1,2]],"d":[["index",[{"v":[0],"f":"rc.js"},{"v":[1],"f":"a12.js"}]]]}}}"#;
    let index = layers(&[bottom, top]);
    let file = |id: &str| {
        index
            .resolve(id)
            .unwrap()
            .file()
            .unwrap()
            .unwrap()
            .to_owned()
    };
    assert_eq!(file("a@^1"), "a12.js", "in range on top beats newer below");
    assert_eq!(
        file("a@1.5.0"),
        "a15.js",
        "exact below beats nearest on top"
    );
    assert_eq!(file("a@1.3.0"), "a12.js", "nearest is tried from the top");
    assert_eq!(
        file("a@^2"),
        "a2.js",
        "a prerelease on top does not serve a stable range"
    );
    assert_eq!(
        file("a"),
        "a12.js",
        "the highest stable of the topmost that has one"
    );
    assert_eq!(index.resolve("a@^1").unwrap().layer(), 1);
    assert_eq!(index.resolve("a@^2").unwrap().layer(), 0);
}

#[test]
fn rule_three_is_whole_on_top() {
    let bottom = r#"{"exports":{"a":{"v":[[1]],"d":[["index",[{"v":[0],"f":"stable.js"}]]]}}}"#;
    let top =
        r#"{"exports":{"a":{"v":[[1,1,0,"-beta"]],"d":[["index",[{"v":[0],"f":"beta.js"}]]]}}}"#;
    let index = layers(&[bottom, top]);
    assert_version(&index, "a", "1.1.0-beta", Fit::Nearest);
    assert_eq!(
        index
            .query()
            .fallback(Fallback::None)
            .resolve("a")
            .unwrap()
            .version()
            .to_string(),
        "1.0.0"
    );
    assert_version(&index, "a@^1", "1.0.0", Fit::InRange);
}

#[test]
fn tags_are_looked_for_in_every_layer() {
    let bottom = r#"{"exports":{"a":{"v":[[2],[1]],"d":[["index",[{"v":[0,1],"f":"a.js"}]],["only",[{"v":[0],"f":"only.js"}]]],"t":{"latest":1,"next":0}}}}"#;
    let top = r#"{"exports":{"a":{"v":[[3]],"d":[["index",[{"v":[0],"f":"three.js"}]]]}}}"#;
    let index = layers(&[bottom, top]);
    assert_version(&index, "a@next", "2.0.0", Fit::InRange);
    assert_version(&index, "a@latest", "3.0.0", Fit::InRange);
    let index = layers(&[bottom]);
    assert_version(&index, "a@latest", "1.0.0", Fit::InRange);
    assert_version(&index, "a@next/only", "2.0.0", Fit::InRange);
    assert_error(
        &index,
        "a@latest/only",
        ResolveErrorKind::UnknownTag,
        "the version tagged `latest` lacks the entry that `a@latest/only` asks for",
    );
    assert_error(
        &index,
        "a@canary",
        ResolveErrorKind::UnknownTag,
        "no register has the tag `canary` of `a@canary`",
    );
}

#[test]
fn internal_registers_serve_only_themselves() {
    let hidden = r#"{"exports":{"app":{"v":[[1]],"d":[["index",[{"v":[0],"f":"app.js","s":[1]}]],"util@^1"]},"util":{"v":[[1]],"d":[["index",[{"v":[0],"f":"util.js"}]]]}},"register":false}"#;
    let open = r#"{"exports":{"page":{"v":[[1]],"d":[["index",[{"v":[0],"f":"page.js","s":[1]}]],"util@^1"]}}}"#;
    let index = layers(&[hidden, open]);
    assert_eq!(
        index.resolve("app").unwrap_err().kind(),
        ResolveErrorKind::UnknownPackage
    );
    assert!(index.package("util").is_none());
    let error = index.closure("page").unwrap_err();
    assert_eq!(error.kind(), ResolveErrorKind::UnresolvedDependency);
    assert_eq!(error.chain(), ["page@1.0.0", "util@^1"]);
    let app = index
        .packages()
        .find(|package| package.name() == "app")
        .unwrap();
    let entry = app.entries().next().unwrap().variants().next().unwrap();
    let closure = index.query().closure_of([entry]).unwrap();
    assert_eq!(closure.len(), 2);
}

#[test]
fn own_entries_come_at_the_same_version_from_the_same_register() {
    let bottom = r#"{"exports":{"a":{"v":[[2],[1]],"d":[["index",[{"v":[0],"f":"i2.js","s":[1]},{"v":[1],"f":"i1.js","s":[1]}]],["c/x",[{"v":[0],"f":"x2.js"},{"v":[1],"f":"x1.js"}]]]}}}"#;
    let top = r#"{"exports":{"a":{"v":[[1]],"d":[["c/x",[{"v":[0],"f":"other.js"}]]]}}}"#;
    let index = layers(&[bottom, top]);
    let files = |id: &str| -> Vec<String> {
        let closure = index.closure(id).unwrap();
        closure
            .iter()
            .map(|found| found.file().unwrap().unwrap().to_owned())
            .collect()
    };
    assert_eq!(files("a@^1"), ["x1.js", "i1.js"]);
    assert_eq!(files("a@^2"), ["x2.js", "i2.js"]);
}

#[test]
fn closures_take_cycles_and_long_chains() {
    let packages: Vec<String> = (0..1_000)
        .map(|number| {
            let next = (number + 1) % 1_000;
            format!(r#""p{number:04}":{{"v":[[1]],"d":[["index",[{{"v":[0],"f":"{number}.js","s":[1]}}]],"p{next:04}@^1"]}}"#)
        })
        .collect();
    let index = index(&format!(r#"{{"exports":{{{}}}}}"#, packages.join(",")));
    let closure = index.closure("p0500").unwrap();
    assert_eq!(closure.len(), 1_000);
    assert_eq!(
        closure.last().unwrap().name(),
        "p0500",
        "what was asked for comes last"
    );
    assert_eq!(
        closure.first().unwrap().name(),
        "p0499",
        "the deepest dependency comes first"
    );
}

#[test]
fn a_shared_variant_is_in_a_closure_once() {
    let index = index(
        r#"{"exports":{"app":{"v":[[1]],"d":[["index",[{"v":[0],"f":"app.js","s":[1,2]}]],"d@1.0.0","d@1.1.0"]},"d":{"v":[[1,1],[1]],"d":[["index",[{"v":[0,1],"f":"d.js"}]]]}}}"#,
    );
    assert_eq!(index.closure("app").unwrap().len(), 2);
}

#[test]
fn messages_say_what_is_known() {
    let index = index(SHAPES);
    use ResolveErrorKind::*;
    assert_error(
        &index,
        "shape@^1",
        UnknownPackage,
        "no register has the package `shape` of `shape@^1`; did you mean `shapes@^1`?",
    );
    assert_error(
        &index,
        "shapes@^1/legcay",
        UnknownEntry,
        "`shapes` has no entry `legcay` (asked for as `shapes@^1/legcay`); did you mean `shapes@^1/legacy`?",
    );
    assert_error(
        &index,
        "shapes@^9",
        Unavailable,
        "no version serves `shapes@^9`; available: 2.0.1, 1.4.0; fallback `any` would give 2.0.1",
    );
    assert_error(
        &index,
        "zzzzzz",
        UnknownPackage,
        "no register has the package `zzzzzz` of `zzzzzz`; did you mean `colors`?",
    );
    assert_error(
        &index,
        "shapes@^1.2.3.4",
        InvalidSpec,
        "`shapes@^1.2.3.4` has an invalid spec",
    );
    assert_error(
        &index,
        "a//b",
        InvalidId,
        &radpack_manifest::Id::parse("a//b").unwrap_err().to_string(),
    );
    let strict = index.query().fallback(Fallback::None);
    let error = strict.resolve("shapes@2.0.0").unwrap_err();
    assert_eq!(
        error
            .looser()
            .map(|(fallback, version)| (fallback, version.to_string())),
        Some((Fallback::Compatible, "2.0.1".to_owned()))
    );
}

#[test]
fn an_unresolved_dependency_names_the_chain() {
    let index = index(
        r#"{"exports":{"a":{"v":[[1]],"d":[["index",[{"v":[0],"f":"a.js","s":[1]}]],"b@^1"]},"b":{"v":[[1]],"d":[["index",[{"v":[0],"f":"b.js","s":[1]}]],"missing@^3/x"]}}}"#,
    );
    let error = index.closure("a").unwrap_err();
    assert_eq!(
        error.to_string(),
        "`a@1.0.0` needs a dependency that cannot be resolved: a@1.0.0 → b@1.0.0 → missing@^3/x"
    );
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(
        source,
        "no register has the package `missing` of `missing@^3/x`"
    );
}

#[test]
fn long_ids_and_many_versions_take_the_full_path() {
    let name = format!("@a-scope-of-some-length/{}", "n".repeat(60));
    let entry = format!("{}/{}", "e".repeat(50), "f".repeat(50));
    let versions: Vec<String> = (0..40).rev().map(|minor| format!("[1,{minor}]")).collect();
    let variants: Vec<String> = (0..40)
        .map(|at| format!(r#"{{"v":[{at}],"f":"{at}.js"}}"#))
        .collect();
    let json = format!(
        r#"{{"exports":{{"{name}":{{"v":[{}],"d":[["{entry}",[{}]]]}}}}}}"#,
        versions.join(","),
        variants.join(",")
    );
    let index = index(&json);
    for (spec, version, fit) in [
        ("@^1", "1.39.0", Fit::InRange),
        ("@~1.17", "1.17.0", Fit::InRange),
        ("@1.5.0", "1.5.0", Fit::Exact),
        ("@1.5.7", "1.5.0", Fit::Nearest),
        ("", "1.39.0", Fit::InRange),
    ] {
        assert_version(&index, &format!("{name}{spec}/{entry}"), version, fit);
    }
}

#[test]
fn the_closest_known_one_is_named_however_far_it_is() {
    let one = |name: &str, entry: &str| {
        index(&format!(
            r#"{{"exports":{{"{name}":{{"v":[[1]],"d":[["{entry}",[{{"v":[0],"f":"x.js"}}]]]}}}}}}"#
        ))
    };
    for (name, entry, asked, suggestion) in [
        ("node-pe", "index", "nope", "node-pe"),
        ("d3", "index", "d3-array@^3", "d3@^3"),
        ("d3", "index", "d3/array", "d3"),
        ("d3", "index", "d3@^1/array.js", "d3@^1"),
        ("d3", "scale", "d3", "d3/scale"),
        ("d3", "scale", "d3@^1", "d3@^1/scale"),
        ("d3", "scale", "d3/index", "d3/scale"),
        ("d3", "array", "d3/x", "d3/array"),
        ("index", "array", "index", "index/array"),
        ("@a/index", "array", "@a/index@1", "@a/index@1/array"),
        ("@a/index", "array", "@a/index", "@a/index/array"),
        ("my-index", "array", "my-index", "my-index/array"),
    ] {
        let index = one(name, entry);
        let query = index.query();
        let error = query.suggest(query.resolve(asked).unwrap_err());
        assert_eq!(error.suggestion(), Some(suggestion), "{asked}");
        assert!(
            error
                .to_string()
                .ends_with(&format!("; did you mean `{suggestion}`?")),
            "{error}"
        );
    }
    // Where nothing is known, nothing is named; and what only chunks are offered of has no entry to name.
    let empty = index(r#"{"exports":{}}"#);
    let query = empty.query();
    let error = query.suggest(query.resolve("d3").unwrap_err());
    assert_eq!(error.suggestion(), None);
    let chunks = one("d3", "c/x");
    let query = chunks.query();
    let error = query.suggest(query.resolve("d3/x").unwrap_err());
    assert_eq!(error.suggestion(), None);
    let error = query.suggest(query.resolve("d3/c/y").unwrap_err());
    assert_eq!(error.suggestion(), Some("d3/c/x"));
}

#[test]
fn the_closest_known_entry_may_be_in_any_layer() {
    let layer = |entry: &str| {
        format!(
            r#"{{"exports":{{"d3":{{"v":[[1]],"d":[["{entry}",[{{"v":[0],"f":"x.js"}}]]]}}}}}}"#
        )
    };
    let index = layers(&[&layer("array"), &layer("scale")]);
    let query = index.query();
    let error = query.suggest(query.resolve("d3/aray").unwrap_err());
    assert_eq!(error.suggestion(), Some("d3/array"));
}

#[test]
fn a_suggestion_stands_in_for_what_the_context_gave() {
    let index = index(SHAPES);
    let context = BTreeMap::from([
        ("package".to_owned(), "shape".to_owned()),
        ("entry".to_owned(), "legcay".to_owned()),
    ]);
    let query = index.query().context(&context);
    let error = query.suggest(query.resolve("${package}@^1").unwrap_err());
    assert_eq!(error.suggestion(), Some("shapes"));
    let error = query.suggest(query.resolve("shapes@^1/${entry}").unwrap_err());
    assert_eq!(error.suggestion(), Some("shapes@^1/legacy"));
}

#[test]
fn of_an_own_entry_the_closest_own_one_is_named() {
    let index = index(SHAPES);
    let query = index.query().scope("shapes");
    let error = query.suggest(query.resolve("~/legcay").unwrap_err());
    assert_eq!(error.suggestion(), Some("~/legacy"));
}

/// What stands where a spec would be may look like a sign; arithmetic on that must not end a program with overflow checks.
#[test]
fn an_empty_spec_behind_what_looks_like_a_sign() {
    let index = Index::from_json(
        r#"{"exports":{"~axp😀":{"v":[[1]],"d":[["x/y",[{"v":[0],"f":"a.js"}]]]},"d3":{"v":[[4]],"d":[["index",[{"v":[0],"f":"d3.js"}]]]}}}"#,
    )
    .unwrap();
    for id in [
        "~axp😀/x/y",
        "~axp😀/🎉/é",
        "d3@/~",
        "~/x",
        "^d3",
        "~d3",
        "d~3/^x",
        "~axp/~x",
    ] {
        // Found or not: it answers.
        let _ = index.resolve(id).map(|found| found.pinned_id());
    }
    let found = index.resolve("~axp😀/x/y").unwrap();
    assert_eq!(found.file().unwrap(), Some("a.js"));
}

#[test]
fn packages_are_the_same_or_not() {
    let json = |package: &str| {
        format!(
            r#"{{"exports":{{"a":{{"v":[[1]],"d":[["index",[{{"v":[0],"f":"a.js"}}]]]}},"p":{package}}}}}"#
        )
    };
    let long = "a-name-that-does-not-fit-into-the-record";
    let base = format!(
        r#"{{"v":[[2,0,0,"-rc.1"],[1,2],[1]],"d":[["index",[{{"v":[0],"f":"rc.js","s":[1,2],"i":"sha384-abc"}},{{"v":[1,2],"f":"i.js","d":[1]}}]],["{long}",[{{"v":[1,2],"u":"https://x.example/x.js"}}]],"d3@^4"]}}"#
    );
    let old = Index::from_json(json(&base)).unwrap();
    // Of other numbers: another layer below, and a package before it.
    let moved = Index::from_layers([
        Layer::json(json(&base)),
        Layer::json(json(&base).replacen(
            "\"a\":",
            "\"a\":{\"v\":[[1]],\"d\":[[\"x\",[{\"v\":[0],\"f\":\"b.js\"}]]]},\"b\":",
            1,
        )),
    ])
    .unwrap();
    let package = old.package("p").unwrap();
    assert!(package.has_same_contents(&moved.package("p").unwrap()));
    assert!(moved.package("p").unwrap().has_same_contents(&package));
    assert!(!package.has_same_contents(&moved.package("a").unwrap()));
    for (from, to) in [
        ("-rc.1", "-rc.2"),
        ("[1,2],[1]", "[1,3],[1]"),
        ("rc.js", "rd.js"),
        ("sha384-abc", "sha384-abd"),
        (r#","i":"sha384-abc""#, ""),
        (r#""s":[1,2]"#, r#""s":[1],"d":[2]"#),
        (r#""d":[1]"#, r#""d":[2]"#),
        ("d3@^4", "d3@^5"),
        (long, "another-name-that-does-not-fit-into-it"),
        (r#""u":"https://x.example/x.js""#, r#""f":"x.js""#),
        (r#"[{"v":[1,2],"u":"#, r#"[{"v":[1],"u":"#),
    ] {
        assert!(base.contains(from), "{from}");
        let other = Index::from_json(json(&base.replacen(from, to, 1))).unwrap();
        let other = other.package("p").unwrap();
        assert!(!package.has_same_contents(&other), "{from} and {to}");
        assert!(!other.has_same_contents(&package), "{from} and {to}");
    }
}
