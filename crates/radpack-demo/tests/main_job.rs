//! The main job, as a test: the same run that `cargo run -p radpack-demo` gives an account of, held to what it must come to.

use std::collections::BTreeSet;

use radpack::build::{Change, Reason};
use radpack_demo::{Built, Expected, Given, Outcome, PROGRAMS, QUESTIONS};

#[test]
fn real_packages_are_built_resolved_verified_and_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut account = Vec::new();
    let outcome = radpack_demo::run(folder.path().join("register"), &mut account)
        .unwrap_or_else(|error| panic!("{error}: {:?}", std::error::Error::source(&error)));
    let account = String::from_utf8(account).unwrap();
    assert_eq!(outcome.mismatches, Vec::<String>::new(), "{account}");

    the_right_versions_are_retained(&outcome);
    lodash_has_its_modules(&outcome);
    preact_imports_itself_by_paths(&outcome);
    pins_stand_where_packages_were_named(&outcome);
    every_question_is_answered(&outcome);

    assert!(outcome.closures.taken >= 700, "{:?}", outcome.closures);
    assert!(outcome.closures.verified >= 700, "{:?}", outcome.closures);
    assert!(outcome.closures.largest.1 > 600, "{:?}", outcome.closures);

    assert!(PROGRAMS.len() >= 4);
    assert_eq!(outcome.ran.len(), PROGRAMS.len());

    let released = &outcome.released;
    assert_eq!(released.reached, 10);
    // Each package, then the release, its promotion, and the rollback.
    assert!(released.published >= 20, "{released:?}");
    assert_eq!(released.events, released.published as u64 + 3);
    assert!(released.verified > 700, "{released:?}");

    let headings = [
        "Packages", "Build", "Resolve", "Closures", "Run", "Registry", "Outcome",
    ];
    for heading in headings {
        assert!(
            account.lines().any(|line| line.starts_with(heading)),
            "{account}"
        );
    }
    assert!(
        account.contains("everything is as it should be"),
        "{account}"
    );
}

#[test]
fn a_folder_that_holds_something_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("radpack.json");
    std::fs::write(&file, "mine").unwrap();
    let error = radpack_demo::run(folder.path().to_path_buf(), &mut Vec::new()).unwrap_err();
    assert!(matches!(error, radpack_demo::Failure::NotEmpty(_)));
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
}

fn built<'o>(outcome: &'o Outcome, name: &str, version: &str) -> &'o Built {
    let found = outcome
        .built
        .iter()
        .find(|built| built.report.name == name && built.report.version.to_string() == version);
    found.unwrap_or_else(|| panic!("{name} {version} was not built"))
}

fn the_right_versions_are_retained(outcome: &Outcome) {
    let last = built(outcome, "d3-array", "3.2.5");
    let changes: Vec<_> = last
        .report
        .versions
        .iter()
        .map(|change| (change.version.to_string(), change.change, change.reason))
        .collect();
    assert_eq!(
        changes,
        [
            ("3.2.5".to_owned(), Change::Added, Reason::Built),
            ("3.2.4".to_owned(), Change::Dropped, Reason::OtherPatch),
            ("2.12.1".to_owned(), Change::Kept, Reason::MajorsKept),
            ("1.2.4".to_owned(), Change::Kept, Reason::MajorsKept),
        ]
    );
    let register = &outcome.built.last().unwrap().report.manifest;
    let versions = |name: &str| -> Vec<String> {
        let versions = &register.exports[name].versions;
        versions.iter().map(ToString::to_string).collect()
    };
    assert_eq!(versions("d3-array"), ["3.2.5", "2.12.1", "1.2.4"]);
    assert_eq!(versions("internmap"), ["2.0.3", "1.0.1"]);
    assert_eq!(register.exports.len(), 20);
    // The folder of modules and the single bundle.
    let modules = |version| built(outcome, "d3-array", version).modules.len();
    assert!(modules("3.2.4") > 50);
    assert_eq!(modules("3.2.5"), 1);
}

fn lodash_has_its_modules(outcome: &Outcome) {
    let lodash = built(outcome, "lodash-es", "4.18.1");
    assert!(lodash.modules.len() >= 600, "{}", lodash.modules.len());
    let entries: BTreeSet<&str> = lodash
        .modules
        .iter()
        .map(|module| module.entry.as_str())
        .collect();
    for entry in ["index", "map", "debounce", "camelCase", "_baseEach"] {
        assert!(entries.contains(entry), "{entry}");
    }
    let imports = lodash.modules.iter().flat_map(|module| &module.imports);
    for import in imports {
        assert!(import.starts_with("./"), "{import}");
    }
}

/// preact names itself in its imports; what is written names files of its own, so that versions can never mix.
fn preact_imports_itself_by_paths(outcome: &Outcome) {
    let preact = built(outcome, "preact", "11.2.0");
    assert!(preact.modules.len() >= 15, "{}", preact.modules.len());
    let is_own_name = |import: &&String| *import == "preact" || import.starts_with("preact/");
    for module in &preact.modules {
        let named = module.imports.iter().find(is_own_name);
        assert_eq!(named, None, "{} imports it", module.entry);
        let pinned = module
            .imports
            .iter()
            .find(|import| import.starts_with("preact@"));
        assert_eq!(pinned, None, "{} imports it", module.entry);
    }
    let hooks = preact
        .modules
        .iter()
        .find(|module| module.entry == "hooks")
        .unwrap();
    assert!(
        hooks
            .imports
            .iter()
            .any(|import| import.starts_with("./index-") || import.starts_with("./c/")),
        "{:?}",
        hooks.imports
    );
    // Another package does name it, and gets a pin.
    let renderer = built(outcome, "preact-render-to-string", "6.8.2");
    assert!(
        renderer
            .modules
            .iter()
            .any(|module| module.imports.contains("preact@^11"))
    );
}

fn pins_stand_where_packages_were_named(outcome: &Outcome) {
    let scale = built(outcome, "d3-scale", "4.0.3");
    let index = &scale.modules[0];
    let pins: Vec<&str> = index.imports.iter().map(String::as_str).collect();
    assert_eq!(
        pins,
        [
            "d3-array@^3",
            "d3-format@^3",
            "d3-interpolate@^3",
            "d3-time-format@^4",
            "d3-time@^3",
        ]
    );
    let second = built(outcome, "d3-array", "2.12.1");
    assert!(
        second
            .modules
            .iter()
            .any(|module| module.imports.contains("internmap@^1"))
    );
}

fn every_question_is_answered(outcome: &Outcome) {
    assert!(QUESTIONS.len() >= 25);
    assert_eq!(outcome.answers.len(), QUESTIONS.len());
    for answer in &outcome.answers {
        assert!(answer.is_expected(), "{answer:?}");
    }
    // The table itself: every kind is in it.
    let fits: BTreeSet<&str> = QUESTIONS
        .iter()
        .filter_map(|question| match question.expected {
            Expected::Version(_, fit, _) => Some(fit.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(
        fits.into_iter().collect::<Vec<_>>(),
        ["exact", "in-range", "nearest"]
    );
    let errors: BTreeSet<&str> = outcome
        .answers
        .iter()
        .filter_map(|answer| match &answer.given {
            Given::Error { kind, .. } => Some(kind.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(
        errors.into_iter().collect::<Vec<_>>(),
        [
            "invalid-id",
            "invalid-spec",
            "unavailable",
            "unknown-entry",
            "unknown-package",
            "unknown-tag",
        ]
    );
}
