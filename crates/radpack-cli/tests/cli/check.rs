//! `radpack check`.

use std::fs;

use crate::program::{radpack, radpack_in};
use crate::registers::{SHAPES, folder};

#[test]
fn what_is_valid_is_counted() {
    let folder = folder([
        ("radpack.json", SHAPES),
        (
            "nested.json",
            r#"["a.json",{"exports":{},"url":"https://h/b.json"},{"exports":{"x":{"v":[[1]],"d":[]}}}]"#,
        ),
    ]);
    radpack_in(folder.path(), ["check", "radpack.json", "nested.json"])
        .run()
        .prints(
            "radpack.json: valid; 2 packages, 4 versions, 4 entries\n\
             nested.json: valid; 1 package, 1 version, 0 entries; leads to 2 other registers, not read here\n",
        );
    radpack_in(folder.path(), ["check", "--json", "radpack.json", "nested.json"])
        .run()
        .prints(concat!(
            r#"{"source":"radpack.json","valid":true,"packages":2,"versions":4,"entries":4}"#,
            "\n",
            r#"{"source":"nested.json","valid":true,"packages":1,"versions":1,"entries":0,"registers":["a.json","https://h/b.json"]}"#,
            "\n"
        ));
    radpack(["check", "-"])
        .input("\u{feff}\"https://h/r.json\"")
        .run()
        .prints("standard input: valid; 0 packages, 0 versions, 0 entries; leads to 1 other register, not read here\n");
}

#[test]
fn everything_that_is_wrong_is_said() {
    let bad = r#"{"exports":{"x":{"v":[[1,2,3,4,5],[-1]],"d":[["index",[{"v":[9],"f":"../x.js"}]]]},"a//b":{"v":[[1]],"d":[]}}}"#;
    let folder = folder([("bad.json", bad), ("good.json", SHAPES), ("no.json", "{")]);
    let ran = radpack_in(
        folder.path(),
        ["check", "bad.json", "missing.json", "good.json", "no.json"],
    )
    .run();
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.stderr,
        "error: cannot read missing.json\ncaused by: No such file or directory (os error 2)\n"
    );
    for place in [
        "bad.json: $.exports[\"x\"].v[0]: ",
        "bad.json: $.exports[\"x\"].v[1][0]: ",
        "bad.json: $.exports[\"x\"].d[0][1][0].f: ",
        "bad.json: $.exports[\"a//b\"]: ",
        "no.json: $: ",
    ] {
        assert!(
            ran.stdout.lines().any(|line| line.starts_with(place)),
            "{place}\n{}",
            ran.stdout
        );
    }
    assert!(ran.stdout.contains("\ngood.json: valid; "));

    let ran = radpack_in(
        folder.path(),
        ["check", "--json", "bad.json", "missing.json"],
    )
    .run();
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    let lines = ran.values();
    assert!(lines.len() >= 5, "{}", ran.stdout);
    let (last, problems) = lines.split_last().unwrap();
    for problem in problems {
        let keys: Vec<_> = problem.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["source", "error", "path", "message"]);
        assert_eq!(problem["error"], "invalid-manifest");
    }
    assert_eq!(
        last.to_string(),
        r#"{"source":"missing.json","error":"io","message":"cannot read missing.json: No such file or directory (os error 2)"}"#
    );
}

#[test]
fn an_index_file_is_verified() {
    let folder = folder([("radpack.json", SHAPES)]);
    radpack_in(
        folder.path(),
        ["compile", "radpack.json", "--out", "r.index"],
    )
    .run();
    radpack_in(folder.path(), ["check", "r.index"])
        .run()
        .prints("r.index: a valid index file; 4 entries in 1 layer\n");
    radpack_in(folder.path(), ["check", "--json", "r.index"])
        .run()
        .prints("{\"source\":\"r.index\",\"valid\":true,\"layers\":1,\"entries\":4}\n");
    let path = folder.path().join("r.index");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let ran = radpack_in(folder.path(), ["check", "--json", "r.index"]).run();
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    assert!(ran.stdout.starts_with("{\"source\":\"r.index\",\"error\":\"invalid-manifest\",\"message\":\"the index is damaged"), "{}", ran.stdout);
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let ran = radpack_in(folder.path(), ["check", "r.index"]).run();
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr
            .starts_with("error: cannot use the index file r.index\ncaused by: "),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_number_beyond_a_float_ends_nothing() {
    let folder = folder([(
        "bad.json",
        r#"{"exports":{"a":{"v":[[1e400]],"d":[]},"b":{"v":[[-1]],"d":[]}}}"#,
    )]);
    radpack_in(folder.path(), ["check", "bad.json"]).run().is(
        1,
        "bad.json: $.exports[\"a\"].v[0][0]: a version component is a whole number from 0 to 9007199254740991, not 1e400\n\
         bad.json: $.exports[\"b\"].v[0][0]: a version component is a whole number from 0 to 9007199254740991, not -1\n",
        "",
    );
}

#[test]
fn of_what_is_too_large_no_size_is_said_that_it_has_not() {
    let folder = folder([("large.json", "{}")]);
    let large = fs::File::options()
        .write(true)
        .open(folder.path().join("large.json"))
        .unwrap();
    large.set_len((64 << 20) + 1_048_653).unwrap();
    radpack_in(folder.path(), ["check", "large.json"]).run().is(
        1,
        "large.json: $: the JSON has more than 67108864 bytes, which is the limit\n",
        "",
    );
}
