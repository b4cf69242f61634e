//! `radpack register`.

use std::fs;

use crate::program::radpack_in;
use crate::registers::{file_url, folder};
use crate::server::{Answer, Server};

const X: &str = r#"{"exports":{"x":{"v":[[1]],"d":[["index",[{"v":[0],"f":"x.js"}]]]}}}"#;

#[test]
fn what_is_nested_is_fetched_and_flattened() {
    let server = Server::new([
        (
            "/a/radpack.json",
            Answer::ok(
                r#"["../b/radpack.json",{"vars":{"baseUrl":"https://given"},"exports":{}}]"#,
            ),
        ),
        ("/b/radpack.json", Answer::ok(X)),
    ]);
    let here = folder([]);
    let b = format!(
        r#"{{"vars":{{"baseUrl":"{}/b"}},"exports":{{"x":{{"v":[[1]],"d":[["index",[{{"v":[0],"f":"x.js"}}]]]}}}}}}"#,
        server.url
    );
    let flat = format!(r#"[{b},{{"vars":{{"baseUrl":"https://given"}},"exports":{{}}}}]"#);
    let url = format!("{}/a/radpack.json", server.url);
    radpack_in(here.path(), ["register", &url])
        .run()
        .prints(&format!("{flat}\n"));
    assert_eq!(server.asked(), ["/a/radpack.json", "/b/radpack.json"]);
    radpack_in(here.path(), ["register", &url, "--out", "flat.json"])
        .run()
        .prints("flat.json: 1 package, 1 version, 1 entry\n");
    assert_eq!(
        fs::read_to_string(here.path().join("flat.json")).unwrap(),
        flat
    );
    // and what comes out is a register that leads nowhere else
    radpack_in(here.path(), ["resolve", "--manifest", "flat.json", "x"])
        .run()
        .prints(&format!("x  x@1.0.0  in-range  {}/b/x.js\n", server.url));
    radpack_in(
        here.path(),
        ["register", &format!("{}/b/radpack.json", server.url)],
    )
    .run()
    .prints(&format!("{b}\n"));
}

#[test]
fn files_lead_to_files() {
    let folder = folder([("all.json", r#"["sub/one.json"]"#), ("sub/one.json", X)]);
    radpack_in(folder.path(), ["register", "all.json"])
        .run()
        .prints(&format!(
            "{{\"vars\":{{\"baseUrl\":\"{}/sub\"}},\"exports\":{{\"x\":{{\"v\":[[1]],\"d\":[[\"index\",[{{\"v\":[0],\"f\":\"x.js\"}}]]]}}}}}}\n",
            file_url(folder.path())
        ));
}

#[test]
fn what_is_optional_may_be_missing() {
    let server = Server::new([(
        "/all.json",
        Answer::ok(format!(
            r#"["gone.json",{}]"#,
            X.replace(
                "{\"exports\"",
                "{\"vars\":{\"baseUrl\":\"https://h\"},\"exports\""
            )
        )),
    )]);
    let here = folder([]);
    let url = format!("{}/all.json", server.url);
    let gone = format!(
        "cannot fetch {}/gone.json: the server answered 404 Not Found",
        server.url
    );
    radpack_in(here.path(), ["register", "--optional", &url]).run().is(
        0,
        "{\"vars\":{\"baseUrl\":\"https://h\"},\"exports\":{\"x\":{\"v\":[[1]],\"d\":[[\"index\",[{\"v\":[0],\"f\":\"x.js\"}]]]}}}\n",
        &format!("warning: left out: {gone}\n"),
    );
    radpack_in(here.path(), ["register", &url]).run().is(
        1,
        "",
        &format!(
            "error: the register {0}/gone.json could not be read (reached from {0}/all.json)\ncaused by: {gone}\n",
            server.url
        ),
    );
    radpack_in(here.path(), ["register", "--optional", "missing.json"])
        .run()
        .is(
            0,
            "[]\n",
            "warning: left out: cannot read missing.json: No such file or directory (os error 2)\n",
        );
}

#[test]
fn what_is_wrong_is_no_absence() {
    let folder = folder([("bad.json", "[1]"), ("all.json", r#"["bad.json"]"#)]);
    for source in ["bad.json", "all.json"] {
        let ran = radpack_in(folder.path(), ["register", "--optional", source]).run();
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{source}");
        assert!(ran.stderr.contains("caused by: $[0]: "), "{}", ran.stderr);
    }
}
