//! `radpack compile`, and index files in the place of manifests.

use std::fs;

use crate::program::{radpack, radpack_in};
use crate::registers::{SHAPES, file_url, folder, shapes};

#[test]
fn an_index_file_answers_as_the_manifest_does() {
    let folder = shapes();
    let ran = radpack_in(
        folder.path(),
        ["compile", "radpack.json", "--out", "r.index"],
    )
    .run();
    let bytes = fs::metadata(folder.path().join("r.index")).unwrap().len();
    ran.prints(&format!("r.index: 2 packages, 4 entries, {bytes} bytes\n"));
    for arguments in [
        vec!["resolve", "--json", "shapes@2.0.0", "colors@2", "shaeps"],
        vec!["graph", "--format", "dot", "shapes"],
        vec!["import-map", "--html", "shapes"],
    ] {
        let from_manifest = radpack_in(folder.path(), &arguments).run();
        let mut with_index = arguments.clone();
        with_index.extend(["--manifest", "r.index"]);
        let from_index = radpack_in(folder.path(), &with_index).run();
        from_index.is(
            from_manifest.code,
            &from_manifest.stdout,
            &from_manifest.stderr,
        );
    }
    radpack_in(
        folder.path(),
        ["compile", "--json", "radpack.json", "--out", "r.index"],
    )
    .run()
    .prints(&format!(
        "{{\"out\":\"r.index\",\"bytes\":{bytes},\"layers\":1,\"packages\":2,\"entries\":4}}\n"
    ));
}

#[test]
fn a_base_url_that_is_not_stated_is_filled_in_on_loading() {
    let json = r#"{"exports":{"x":{"v":[[1]],"d":[["index",[{"v":[0],"f":"x.js"}]]]}}}"#;
    let folder = folder([("in/radpack.json", json), ("out/keep", "")]);
    radpack_in(
        folder.path(),
        ["compile", "in/radpack.json", "--out", "out/r.index"],
    )
    .run();
    radpack_in(folder.path(), ["resolve", "--manifest", "out/r.index", "x"])
        .run()
        .prints(&format!(
            "x  x@1.0.0  in-range  {}/out/x.js\n",
            file_url(folder.path())
        ));
    radpack_in(
        folder.path(),
        [
            "resolve",
            "--manifest",
            "out/r.index",
            "--var",
            "baseUrl=https://h",
            "x",
        ],
    )
    .run()
    .prints("x  x@1.0.0  in-range  https://h/x.js\n");
    let bytes = fs::read(folder.path().join("out/r.index")).unwrap();
    radpack(["resolve", "--manifest", "-", "x"])
        .input(bytes)
        .run()
        .prints("x  x@1.0.0  in-range  ${baseUrl}/x.js\n");
}

#[test]
fn layers_stay_layers() {
    let local = r#"{"vars":{"baseUrl":"https://local"},"exports":{"shapes":{"v":[[2,5]],"d":[["index",[{"v":[0],"f":"local.js"}]]]}}}"#;
    let folder = folder([("live.json", SHAPES), ("local.json", local)]);
    let ran = radpack_in(
        folder.path(),
        [
            "compile",
            "--json",
            "live.json",
            "local.json",
            "--out",
            "r.index",
        ],
    )
    .run();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stdout.contains("\"layers\":2,\"packages\":3,"),
        "{}",
        ran.stdout
    );
    radpack_in(
        folder.path(),
        ["resolve", "--manifest", "r.index", "shapes@2", "shapes@1"],
    )
    .run()
    .prints(
        "shapes@2  shapes@2.5.0  in-range  https://local/local.js\n\
             shapes@1  shapes@1.4.0  in-range  https://cdn.example/index-1.js\n",
    );
}

/// An index file may lie among manifests, as the manifests that it was compiled from would.
#[test]
fn an_index_file_lies_among_other_manifests() {
    let local =
        r#"{"exports":{"shapes":{"v":[[2,5]],"d":[["index",[{"v":[0],"f":"local.js"}]]]}}}"#;
    let folder = folder([("live.json", SHAPES), ("local.json", local)]);
    radpack_in(
        folder.path(),
        ["compile", "local.json", "--out", "local.index"],
    )
    .run();
    let url = |file: &str| url::Url::from_file_path(folder.path().join(file)).unwrap();
    let expected = format!(
        "shapes@2  shapes@2.5.0  in-range  {}\nshapes@1  shapes@1.4.0  in-range  https://cdn.example/index-1.js\n",
        url("local.js")
    );
    let manifests = ["--manifest", "live.json", "--manifest", "local.index"];
    radpack_in(
        folder.path(),
        ["resolve"]
            .iter()
            .chain(&manifests)
            .chain(&["shapes@2", "shapes@1"]),
    )
    .run()
    .prints(&expected);
    radpack_in(
        folder.path(),
        ["compile", "live.json", "local.index", "--out", "both.index"],
    )
    .run();
    radpack_in(
        folder.path(),
        [
            "resolve",
            "--manifest",
            "both.index",
            "shapes@2",
            "shapes@1",
        ],
    )
    .run()
    .prints(&expected);
}

#[test]
fn what_cannot_be_compiled_or_written_is_told() {
    let folder = shapes();
    radpack_in(
        folder.path(),
        ["compile", "radpack.json", "--out", "missing/r.index"],
    )
    .run()
    .is(
        1,
        "",
        "error: cannot write missing/r.index\ncaused by: No such file or directory (os error 2)\n",
    );
    radpack_in(
        folder.path(),
        ["compile", "radpack.json", "--out", "r.index"],
    )
    .run();
    radpack_in(folder.path(), ["merge", "r.index"]).run().is(
        1,
        "",
        "error: r.index is an index file; give the register it was compiled from\n",
    );
}

/// An empty `baseUrl` is none, as for Radpack 1.x; and what leads elsewhere is followed, wherever its `url` stands.
#[test]
fn unusual_manifests_are_read_as_usual_ones() {
    let exports = r#""exports":{"x":{"v":[[1]],"d":[["index",[{"v":[0],"f":"x.js"}]]]}}"#;
    let empty = format!(r#"{{"vars":{{"baseUrl":""}},{exports}}}"#);
    let leads = r#"{"exports":{},"url":"sub/radpack.json"}"#;
    let marked = format!("\u{feff}{{{exports}}}");
    let plain = format!("{{{exports}}}");
    let folder = folder([
        ("empty.json", empty.as_str()),
        ("leads.json", leads),
        ("marked.json", &marked),
        ("sub/radpack.json", &plain),
    ]);
    let url = file_url(folder.path());
    for (manifest, place) in [
        ("empty.json", ""),
        ("leads.json", "/sub"),
        ("marked.json", ""),
    ] {
        radpack_in(folder.path(), ["resolve", "--manifest", manifest, "x"])
            .run()
            .prints(&format!("x  x@1.0.0  in-range  {url}{place}/x.js\n"));
    }
}
