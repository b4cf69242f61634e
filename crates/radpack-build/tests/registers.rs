//! Registers that `package.json` names, the settings in it, and pins.

mod common;

use common::{Place, code, problems, versions};
use radpack_build::{Build, ErrorKind, Location, Source};
use radpack_manifest::Manifest;

const COLORS: &str =
    r#"{"exports":{"colors":{"v":[[3,4],[2,9]],"d":[["index",[{"v":[0,1],"f":"i.js"}]]]}}}"#;

fn package(radpack: &str) -> [(&'static str, String); 2] {
    [
        (
            "package.json",
            format!(
                r#"{{"name":"p","version":"1.0.0","exports":"./index.js","dependencies":{{"colors":"^2"}},"radpack":{radpack}}}"#
            ),
        ),
        ("index.js", "import 'colors'; export {};".to_owned()),
    ]
}

#[test]
fn urls_are_asked_for_until_none_is_left() {
    let place = Place::new();
    place.write(
        "package/near",
        &[("radpack.json", r#"["https://b.example/radpack.json"]"#)],
    );
    let mut build = place.package_of(&package(
        r#"{"register":["https://a.example/all.json","near"]}"#,
    ));
    assert_eq!(
        build.wanted().unwrap(),
        [
            "https://a.example/all.json",
            "https://b.example/radpack.json"
        ]
    );
    assert_eq!(
        problems(build.run()),
        "package.json: the register https://a.example/all.json has not been supplied\n\
         package.json: the register https://b.example/radpack.json has not been supplied"
    );
    build.supply("https://b.example/radpack.json", r#"{"exports":{}}"#);
    build.supply("https://a.example/all.json", r#"["colors/radpack.json"]"#);
    assert_eq!(
        build.wanted().unwrap(),
        ["https://a.example/colors/radpack.json"]
    );
    build.supply("https://a.example/colors/radpack.json", COLORS);
    assert_eq!(build.wanted().unwrap(), Vec::<String>::new());
    let report = build.run().unwrap();
    assert_eq!(report.pins[0].id, "colors@^2");
    assert_eq!(
        report.pins[0].register.as_deref(),
        Some("https://a.example/colors/radpack.json")
    );
    let mut broken = place.package_of(&package(r#"{"register":"https://a.example/radpack.json"}"#));
    broken.supply("https://a.example/radpack.json", "<html>");
    let error = broken.wanted().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Register);
}

#[test]
fn settings_stand_in_package_json_and_the_caller_wins() {
    let place = Place::new();
    let settings = r#"{"keepMinors":true,"keepMajors":false,"out":"built","vars":{"a":"1","b":"1"},"external":"colors",
        "entries":{"main":"./index.js"},"keepMinor":true}"#;
    let build = || Build::new(place.write("package", &package(settings)));
    let report = build().var("b", "2").run().unwrap();
    assert_eq!(
        report.out,
        place.path().canonicalize().unwrap().join("package/built")
    );
    assert_eq!(report.manifest.vars["a"], "1");
    assert_eq!(report.manifest.vars["b"], "2");
    assert_eq!(report.entries[0].name, "main");
    assert_eq!(code(&report, "main"), "import 'colors'; export {};");
    assert!(report.manifest.exports["p"].dependencies.is_empty());
    assert!(
        report.warnings[0]
            .message
            .starts_with("radpack.keepMinor means nothing; there are allowDowngrade, ")
    );
    let next = |version: &str| build().version(version.parse().unwrap());
    next("1.1.0").run().unwrap();
    let report = next("1.2.0").run().unwrap();
    assert_eq!(versions(&report.manifest, "p"), "1.2.0 1.1.0 1.0.0");
    let report = next("1.3.0").keep_minors(false).run().unwrap();
    assert_eq!(versions(&report.manifest, "p"), "1.3.0");
    let report = next("2.0.0").run().unwrap();
    assert_eq!(versions(&report.manifest, "p"), "2.0.0");
    let report = next("3.0.0").keep_majors(true).run().unwrap();
    assert_eq!(versions(&report.manifest, "p"), "3.0.0 2.0.0");
}

#[test]
fn the_callers_registers_lie_on_top() {
    let place = Place::new();
    place.write("package/near", &[("radpack.json", COLORS)]);
    let upper = COLORS.replace("[2,9]", "[2,1]");
    let source = |text: &str| {
        Source::new(
            Manifest::from_slice(text.as_bytes()).unwrap(),
            Location::Data,
        )
    };
    let build = place.package_of(&package(r#"{"register":"near"}"#));
    let report = build.register(source(&upper)).run().unwrap();
    assert_eq!(report.pins[0].selected, Some("2.1.0".parse().unwrap()));
    assert_eq!(
        report.pins[0].register.as_deref(),
        Some("the register given as data")
    );
    // A register that does not offer its exports is as good as none.
    let build = place
        .package_of(&package(r#"{"register":"near"}"#))
        .out(place.path().join("elsewhere"));
    let hidden = upper.replace(r#"{"exports""#, r#"{"register":false,"exports""#);
    let report = build.register(source(&hidden)).run().unwrap();
    assert_eq!(report.pins[0].selected, Some("2.9.0".parse().unwrap()));
}

#[test]
fn dependencies_of_an_application_are_pinned_without_building_it() {
    let place = Place::new();
    let folder = place.write(
        "application",
        &[(
            "package.json",
            r#"{"private":true,"dependencies":{"colors":"~3.4.0","gone":"^1.5","odd":"next","react":"*"},
                "radpack":{"external":["react"]}}"#,
        )],
    );
    let build = Build::new(folder).register(Source::new(
        Manifest::from_slice(COLORS.as_bytes()).unwrap(),
        Location::Data,
    ));
    let pins = build.pins().unwrap();
    let ids: Vec<&str> = pins.pins.iter().map(|pin| pin.id.as_str()).collect();
    assert_eq!(ids, ["colors@~3.4", "gone@^1"]);
    assert_eq!(pins.warnings.len(), 1);
    assert_eq!(pins.problems.len(), 1);
    assert!(
        pins.problems[0].to_string().starts_with(
            "package.json: \"odd\" is in none of the registers, and its spec \"next\""
        )
    );
    assert!(problems(build.run()).contains("has no name"));
}
