//! `radpack merge`.

use std::fs;

use crate::program::{radpack, radpack_in};
use crate::registers::{SHAPES, folder};

const LOCAL: &str = r#"{"vars":{"baseUrl":"https://local"},"exports":{"shapes":{"v":[[2,5]],"d":[["index",[{"v":[0],"f":"local.js"}]]]}}}"#;

#[test]
fn each_package_comes_wholly_from_the_last_that_has_it() {
    let folder = folder([("live.json", SHAPES), ("local.json", LOCAL)]);
    let merged = concat!(
        r#"{"vars":{"baseUrl":"https://local"},"exports":{"#,
        r#""colors":{"v":[[3,1],[2]],"d":[["index",[{"v":[0],"f":"colors-3.js","u":"https://cdn.example/colors-3.js","i":"sha384-c3"},{"v":[1],"f":"colors-2.js","u":"https://cdn.example/colors-2.js"}]]]},"#,
        r#""shapes":{"v":[[2,5]],"d":[["index",[{"v":[0],"f":"local.js"}]]]}}}"#,
    );
    radpack_in(folder.path(), ["merge", "live.json", "local.json"])
        .run()
        .prints(&format!("{merged}\n"));
    radpack_in(
        folder.path(),
        ["merge", "live.json", "local.json", "--out", "all.json"],
    )
    .run()
    .prints("all.json: 2 packages, 3 versions, 2 entries\n");
    assert_eq!(
        fs::read_to_string(folder.path().join("all.json")).unwrap(),
        merged
    );
    radpack_in(
        folder.path(),
        [
            "merge",
            "--json",
            "live.json",
            "local.json",
            "--out",
            "all.json",
        ],
    )
    .run()
    .prints("{\"out\":\"all.json\",\"packages\":2,\"versions\":3,\"entries\":2}\n");
}

#[test]
fn one_register_comes_out_canonical() {
    radpack(["merge", "-"])
        .input(r#" { "exports" : { "x" : { "d" : [["index",[{"f":"x.js","v":[0]}]]], "v" : [[1,0,0]] } }, "vars": {} } "#)
        .run()
        .prints("{\"exports\":{\"x\":{\"v\":[[1]],\"d\":[[\"index\",[{\"v\":[0],\"f\":\"x.js\"}]]]}}}\n");
}

#[test]
fn nothing_is_written_where_one_is_wrong() {
    let folder = folder([
        ("live.json", SHAPES),
        ("bad.json", "[1]"),
        ("all.json", "as it was"),
    ]);
    let ran = radpack_in(
        folder.path(),
        ["merge", "live.json", "bad.json", "--out", "all.json"],
    )
    .run();
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert!(
        ran.stderr
            .starts_with("error: bad.json is not valid\ncaused by: $[0]: "),
        "{}",
        ran.stderr
    );
    assert_eq!(
        fs::read_to_string(folder.path().join("all.json")).unwrap(),
        "as it was"
    );
}
