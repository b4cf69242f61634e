//! `radpack resolve`.

use crate::program::{radpack, radpack_in};
use crate::registers::{SHAPES, file_url, folder, shapes};

#[test]
fn people_get_columns() {
    let folder = shapes();
    radpack_in(folder.path(), ["resolve", "shapes", "shapes@1", "shapes@2.0.0", "shapes/legacy"])
        .run()
        .prints(
            "shapes         shapes@2.0.1         in-range                https://cdn.example/index-2.js\n\
             shapes@1       shapes@1.4.0         in-range                https://cdn.example/index-1.js\n\
             shapes@2.0.0   shapes@2.0.1         nearest, patch differs  https://cdn.example/index-2.js\n\
             shapes/legacy  shapes@2.0.1/legacy  in-range                no code of its own\n",
        );
}

#[test]
fn programs_get_a_line_for_each() {
    let folder = shapes();
    radpack_in(
        folder.path(),
        [
            "resolve",
            "--json",
            "shapes@^2",
            "shapes@2.0.0",
            "shapes/legacy",
            "shapes@1.4.0/c/common.js",
            "shapes@next",
        ],
    )
    .run()
    .prints(concat!(
        r#"{"id":"shapes@^2","name":"shapes","version":"2.0.1","entry":"index","url":"https://cdn.example/index-2.js","integrity":"sha384-s2","fit":"in-range","statics":["shapes@2.0.1/c/common","colors@^3"],"dynamics":["shapes@2.0.1/legacy"]}"#,
        "\n",
        r#"{"id":"shapes@2.0.0","name":"shapes","version":"2.0.1","entry":"index","url":"https://cdn.example/index-2.js","integrity":"sha384-s2","fit":"nearest","drift":"patch","statics":["shapes@2.0.1/c/common","colors@^3"],"dynamics":["shapes@2.0.1/legacy"]}"#,
        "\n",
        r#"{"id":"shapes/legacy","name":"shapes","version":"2.0.1","entry":"legacy","fit":"in-range","statics":["shapes@2.0.1"],"dynamics":[]}"#,
        "\n",
        r#"{"id":"shapes@1.4.0/c/common.js","name":"shapes","version":"1.4.0","entry":"c/common","url":"https://cdn.example/c/common.js","fit":"exact","statics":[],"dynamics":[]}"#,
        "\n",
        r#"{"id":"shapes@next","name":"shapes","version":"2.0.1","entry":"index","url":"https://cdn.example/index-2.js","integrity":"sha384-s2","fit":"in-range","statics":["shapes@2.0.1/c/common","colors@^3"],"dynamics":["shapes@2.0.1/legacy"]}"#,
        "\n",
    ));
}

#[test]
fn every_error_has_its_word_and_the_others_are_answered() {
    let folder = shapes();
    let ran = radpack_in(
        folder.path(),
        [
            "resolve",
            "--json",
            "a//b",
            "shapes@^1.2.3.4",
            "shaeps@^2",
            "shapes/legcy",
            "shapes@beta",
            "shapes@3",
            "colors@2",
        ],
    )
    .run();
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    let lines = ran.values();
    let words: Vec<_> = lines
        .iter()
        .map(|line| line["error"].as_str().unwrap_or("none"))
        .collect();
    assert_eq!(
        words,
        [
            "invalid-id",
            "invalid-spec",
            "unknown-package",
            "unknown-entry",
            "unknown-tag",
            "unavailable",
            "none"
        ]
    );
    assert_eq!(lines[2]["suggestion"], "shapes@^2");
    assert_eq!(lines[3]["suggestion"], "shapes/legacy");
    assert!(lines[0].get("suggestion").is_none());
    for line in &lines[..6] {
        let keys: Vec<_> = line.as_object().unwrap().keys().collect();
        assert_eq!(keys[..3], ["id", "error", "message"]);
    }
    assert_eq!(lines[6]["version"], "2.0.0");
}

#[test]
fn people_are_told_on_standard_error() {
    let folder = shapes();
    radpack_in(folder.path(), ["resolve", "shapes@1", "shapes@3", "shapes@1.x.0.0"])
        .run()
        .is(
            1,
            "shapes@1  shapes@1.4.0  in-range  https://cdn.example/index-1.js\n",
            "error: no version serves `shapes@3`; available: 2.0.1, 1.4.0; fallback `any` would give 2.0.1\n\
             error: `shapes@1.x.0.0` has an invalid spec\n\
             caused by: unexpected character '.' after patch version number\n",
        );
}

#[test]
fn ids_come_from_standard_input_too() {
    let folder = shapes();
    radpack_in(folder.path(), ["resolve"])
        .input("colors\r\n\n shapes@old \n")
        .run()
        .prints(
            "colors      colors@3.1.0  in-range  https://cdn.example/colors-3.js\n\
             shapes@old  shapes@1.4.0  in-range  https://cdn.example/index-1.js\n",
        );
    radpack_in(folder.path(), ["resolve", "--json"])
        .input(b"a\xffb\n".to_vec())
        .run()
        .is(
            1,
            "{\"id\":\"a\u{fffd}b\",\"error\":\"invalid-id\",\"message\":\"`a\u{fffd}b` is not UTF-8; ids are text\"}\n",
            "",
        );
    let long = "a".repeat(100_000);
    let ran = radpack_in(folder.path(), ["resolve", "--json"])
        .input(format!("{long}\ncolors\n"))
        .run();
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("\"error\":\"invalid-id\""));
    assert!(
        ran.stdout.lines().last().unwrap().contains("colors@")
            || ran.stdout.contains("colors-3.js")
    );
    radpack_in(folder.path(), ["resolve"]).run().prints("");
}

#[test]
fn scope_vars_and_fallback_count() {
    let folder = folder([(
        "radpack.json",
        r#"{"exports":{"x":{"v":[[2],[1]],"d":[["index",[{"v":[0,1],"u":"${cdn}/${name}.js"}]],["fr",[{"v":[1],"u":"https://h/fr.js"}]]]}}}"#,
    )]);
    radpack_in(
        folder.path(),
        [
            "resolve",
            "--scope",
            "x@1",
            "~/fr",
            "--var",
            "cdn=https://c",
            "x",
        ],
    )
    .run()
    .prints(
        "~/fr  x@1.0.0/fr  in-range  https://h/fr.js\n\
             x     x@2.0.0     in-range  https://c/x.js\n",
    );
    radpack_in(
        folder.path(),
        [
            "resolve",
            "--var",
            "lang=fr",
            "x/${lang}",
            "--var",
            "cdn=",
            "x",
        ],
    )
    .run()
    .prints(
        "x/${lang}  x@1.0.0/fr  in-range  https://h/fr.js\n\
             x          x@2.0.0     in-range  /x.js\n",
    );
    radpack_in(folder.path(), ["resolve", "x@1/${lang}"])
        .run()
        .is(
            1,
            "",
            "error: `x` has no entry `${lang}` (asked for as `x@1/${lang}`)\n",
        );
    radpack_in(folder.path(), ["resolve", "--fallback", "any", "x@5/fr"])
        .run()
        .prints("x@5/fr  x@1.0.0/fr  nearest, major differs  https://h/fr.js\n");
    radpack_in(folder.path(), ["resolve", "--fallback", "none", "x@1.0.1"])
        .run()
        .is(
            1,
            "",
            "error: no version serves `x@1.0.1`; available: 2.0.0, 1.0.0; fallback `compatible` would give 1.0.0\n",
        );
}

#[test]
fn later_manifests_lie_on_top() {
    let local = r#"{"vars":{"baseUrl":"https://local"},"exports":{"shapes":{"v":[[2,5]],"d":[["index",[{"v":[0],"f":"local.js"}]]]}}}"#;
    let folder = folder([("live.json", SHAPES), ("local.json", local)]);
    radpack_in(
        folder.path(),
        [
            "resolve",
            "--manifest",
            "live.json",
            "--manifest",
            "./local.json",
            "shapes@2",
            "shapes@1",
        ],
    )
    .run()
    .prints(
        "shapes@2  shapes@2.5.0  in-range  https://local/local.js\n\
         shapes@1  shapes@1.4.0  in-range  https://cdn.example/index-1.js\n",
    );
}

#[test]
fn a_manifest_without_a_base_url_has_its_own() {
    let json = r#"{"exports":{"x":{"v":[[1]],"d":[["index",[{"v":[0],"f":"x.js"}]]]}}}"#;
    let folder = folder([("sub/radpack.json", json)]);
    let url = file_url(folder.path());
    let expected = format!("x  x@1.0.0  in-range  {url}/sub/x.js\n");
    radpack_in(
        folder.path(),
        ["resolve", "--manifest", "sub/radpack.json", "x"],
    )
    .run()
    .prints(&expected);
    radpack([
        "resolve",
        "--manifest",
        &format!("{url}/sub/radpack.json"),
        "x",
    ])
    .run()
    .prints(&expected);
    radpack(["resolve", "--manifest", "-", "x"])
        .input(json)
        .run()
        .prints("x  x@1.0.0  in-range  ${baseUrl}/x.js\n");
    radpack([
        "resolve",
        "--manifest",
        "-",
        "--var",
        "baseUrl=https://h",
        "x",
    ])
    .input(json)
    .run()
    .prints("x  x@1.0.0  in-range  https://h/x.js\n");
}

#[test]
fn a_base_url_that_is_given_stands_in_for_one_that_is_not_stated() {
    let open = r#"{"exports":{"x":{"v":[[1]],"d":[["index",[{"v":[0],"f":"x.js"}]]]}}}"#;
    let stated = r#"{"vars":{"baseUrl":"https://stated"},"exports":{"y":{"v":[[1]],"d":[["index",[{"v":[0],"f":"y.js"}]]]}}}"#;
    let folder = folder([
        ("open.json", open),
        ("stated.json", stated),
        ("sub/nested.json", open),
        ("list.json", r#"["sub/nested.json"]"#),
    ]);
    let url = file_url(folder.path());
    let given = ["--var", "baseUrl=https://h"];
    let answers = |manifests: &[&str], ids: &[&str], expected: &str| {
        let mut arguments = vec!["resolve"];
        arguments.extend(manifests.iter().flat_map(|name| ["--manifest", *name]));
        arguments.extend(given);
        arguments.extend(ids);
        radpack_in(folder.path(), arguments).run().prints(expected);
    };
    answers(
        &["open.json"],
        &["x"],
        "x  x@1.0.0  in-range  https://h/x.js\n",
    );
    answers(
        &["stated.json"],
        &["y"],
        "y  y@1.0.0  in-range  https://stated/y.js\n",
    );
    answers(
        &["open.json", "stated.json"],
        &["x", "y"],
        "x  x@1.0.0  in-range  https://h/x.js\ny  y@1.0.0  in-range  https://stated/y.js\n",
    );
    // A register that another one leads to is where that one says.
    answers(
        &["list.json"],
        &["x"],
        &format!("x  x@1.0.0  in-range  {url}/sub/x.js\n"),
    );
    // Its URL may ask for values, too.
    let asking = folder.path().join("asking.json");
    std::fs::write(asking, r#"["${where}/nested.json"]"#).unwrap();
    radpack_in(
        folder.path(),
        [
            "resolve",
            "--manifest",
            "asking.json",
            "--var",
            "where=sub",
            "x",
        ],
    )
    .run()
    .prints(&format!("x  x@1.0.0  in-range  {url}/sub/x.js\n"));
    radpack_in(
        folder.path(),
        [
            "graph",
            "--format",
            "urls",
            "--manifest",
            "open.json",
            given[0],
            given[1],
            "x",
        ],
    )
    .run()
    .prints("https://h/x.js\n");
}

#[test]
fn a_manifest_that_is_missing_or_wrong_is_told() {
    let folder = folder([
        ("bad.json", r#"{"exports":{"x":{"v":[[],[-1]],"d":[]}}}"#),
        ("loop.json", r#""loop.json""#),
    ]);
    radpack_in(folder.path(), ["resolve", "x"]).run().is(
        1,
        "",
        "error: cannot read radpack.json; say which manifest to look in with --manifest SRC, or make one with `radpack build`\n\
         caused by: No such file or directory (os error 2)\n",
    );
    radpack_in(folder.path(), ["resolve", "--json", "--manifest", "none.json", "x"])
        .run()
        .is(
            1,
            "{\"error\":\"io\",\"message\":\"cannot read none.json: No such file or directory (os error 2)\"}\n",
            "error: cannot read none.json\ncaused by: No such file or directory (os error 2)\n",
        );
    let ran = radpack_in(
        folder.path(),
        ["resolve", "--json", "--manifest", "bad.json", "x"],
    )
    .run();
    assert_eq!(ran.code, 1);
    assert!(
        ran.stdout.starts_with(
            "{\"error\":\"invalid-manifest\",\"message\":\"bad.json is not valid: $.exports"
        ),
        "{}",
        ran.stdout
    );
    assert_eq!(
        ran.stderr
            .lines()
            .filter(|line| line.starts_with("caused by: $.exports[\"x\"].v["))
            .count(),
        2,
        "{}",
        ran.stderr
    );
    let ran = radpack_in(
        folder.path(),
        ["resolve", "--json", "--manifest", "loop.json", "x"],
    )
    .run();
    assert_eq!(ran.code, 1);
    assert!(
        ran.stdout.starts_with("{\"error\":\"invalid-manifest\","),
        "{}",
        ran.stdout
    );
}
