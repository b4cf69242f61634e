//! `radpack import-map`.

use crate::program::{radpack, radpack_in};
use crate::registers::{folder, shapes};

/// `app` imports `lib` at once and `lazy` on demand, which in turn imports another major of `lib`.
const APP: &str = r#"{"vars":{"baseUrl":"https://h"},"exports":{
    "app":{"v":[[1]],"d":[
        ["index",[{"v":[0],"f":"app.js","i":"sha384-app","s":[1,3],"d":[2]}]],
        ["c/x",[{"v":[0],"f":"c/x.js","i":"sha384-x"}]],
        "lazy@^1","lib@^2"]},
    "lazy":{"v":[[1]],"d":[["index",[{"v":[0],"f":"lazy.js","i":"sha384-lazy","s":[1]}]],"lib@^1"]},
    "lib":{"v":[[2],[1]],"d":[["index",[{"v":[0],"f":"lib-2.js","i":"sha384-2"},{"v":[1],"f":"lib-1.js"}]]]}}}"#;

#[test]
fn every_pin_of_the_closures_is_in_it() {
    let folder = folder([("radpack.json", APP)]);
    radpack_in(folder.path(), ["import-map", "app"])
        .run()
        .prints(
            r#"{
  "imports": {
    "app": "https://h/app.js",
    "lazy@^1": "https://h/lazy.js",
    "lib@^1": "https://h/lib-1.js",
    "lib@^2": "https://h/lib-2.js"
  },
  "integrity": {
    "https://h/app.js": "sha384-app",
    "https://h/c/x.js": "sha384-x",
    "https://h/lazy.js": "sha384-lazy",
    "https://h/lib-2.js": "sha384-2"
  }
}
"#,
        );
}

#[test]
fn programs_get_one_line_whatever_the_order_of_the_ids() {
    let folder = folder([("radpack.json", APP)]);
    let expected = concat!(
        r#"{"imports":{"lazy":"https://h/lazy.js","lib":"https://h/lib-2.js","lib@^1":"https://h/lib-1.js"},"#,
        r#""integrity":{"https://h/lazy.js":"sha384-lazy","https://h/lib-2.js":"sha384-2"}}"#,
        "\n"
    );
    for ids in [["lazy", "lib"], ["lib", "lazy"]] {
        radpack_in(folder.path(), ["import-map", "--json", ids[0], ids[1]])
            .run()
            .prints(expected);
    }
    let plain = r#"{"exports":{"x":{"v":[[1]],"d":[["index",[{"v":[0],"u":"https://h/x.js"}]]]}}}"#;
    radpack(["import-map", "--json", "--manifest", "-", "x"])
        .input(plain)
        .run()
        .prints("{\"imports\":{\"x\":\"https://h/x.js\"}}\n");
}

#[test]
fn html_preloads_what_loads_at_once() {
    let folder = folder([("radpack.json", APP)]);
    radpack_in(folder.path(), ["import-map", "--html", "app@^1", "lazy"])
        .run()
        .prints(
            r#"<script type="importmap">
{
  "imports": {
    "app@^1": "https://h/app.js",
    "lazy": "https://h/lazy.js",
    "lazy@^1": "https://h/lazy.js",
    "lib@^1": "https://h/lib-1.js",
    "lib@^2": "https://h/lib-2.js"
  },
  "integrity": {
    "https://h/app.js": "sha384-app",
    "https://h/c/x.js": "sha384-x",
    "https://h/lazy.js": "sha384-lazy",
    "https://h/lib-2.js": "sha384-2"
  }
}
</script>
<link rel="modulepreload" href="https://h/c/x.js" integrity="sha384-x">
<link rel="modulepreload" href="https://h/lib-2.js" integrity="sha384-2">
<link rel="modulepreload" href="https://h/app.js" integrity="sha384-app">
<link rel="modulepreload" href="https://h/lib-1.js">
<link rel="modulepreload" href="https://h/lazy.js" integrity="sha384-lazy">
"#,
        );
}

#[test]
fn nothing_in_a_register_ends_the_script() {
    let hostile = r#"{"exports":{"x":{"v":[[1]],"d":[["index",[{"v":[0],"u":"https://h/</script><script>alert(1)//","i":"\"><b>"}]]]}}}"#;
    let ran = radpack(["import-map", "--html", "--manifest", "-", "x"])
        .input(hostile)
        .run();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(ran.stdout.matches("</script").count(), 1);
    assert_eq!(ran.stdout.matches("<script").count(), 1);
    assert!(!ran.stdout.contains("<b>"));
}

#[test]
fn a_module_without_code_is_followed_and_not_named() {
    let folder = shapes();
    radpack_in(folder.path(), ["import-map", "--json", "shapes/legacy"])
        .run()
        .is(
            0,
            concat!(
                r#"{"imports":{"colors@^3":"https://cdn.example/colors-3.js"},"#,
                r#""integrity":{"https://cdn.example/colors-3.js":"sha384-c3","https://cdn.example/index-2.js":"sha384-s2"}}"#,
                "\n"
            ),
            "warning: shapes/legacy is not in the map: shapes@2.0.1/legacy has no code of its own, only dependencies\n",
        );
}

#[test]
fn an_id_that_cannot_be_answered_whole_is_not_in_the_map() {
    let folder = folder([
        ("radpack.json", APP),
        (
            "broken.json",
            r#"{"vars":{"baseUrl":"https://h"},"exports":{"a":{"v":[[1]],"d":[["index",[{"v":[0],"f":"a.js","d":[1]}]],"gone"]}}}"#,
        ),
    ]);
    radpack_in(folder.path(), ["import-map", "ap"]).run().is(
        1,
        "",
        "error: no register has the package `ap` of `ap`; did you mean `app`?\n",
    );
    radpack_in(
        folder.path(),
        ["import-map", "--manifest", "broken.json", "a"],
    )
    .run()
    .is(
        1,
        "",
        "error: a@1.0.0 needs gone\ncaused by: no register has the package `gone` of `gone`; did you mean `a`?\n",
    );
    let open = r#"{"exports":{"x":{"v":[[1]],"d":[["index",[{"v":[0],"f":"x.js"}]]]}}}"#;
    radpack(["import-map", "--manifest", "-", "x"])
        .input(open)
        .run()
        .is(
            1,
            "",
            "error: the URL of x@1.0.0 has no value for ${baseUrl}; give one with --var baseUrl=…\n",
        );
}

#[test]
fn an_id_that_means_two_things_is_refused() {
    let internal = r#"{"vars":{"baseUrl":"https://i"},"register":false,"exports":{
        "app":{"v":[[1]],"d":[["index",[{"v":[0],"f":"app.js","s":[1]}]],"lib@^2"]},
        "lib":{"v":[[2,1]],"d":[["index",[{"v":[0],"f":"lib.js"}]]]}}}"#;
    let folder = folder([("radpack.json", APP), ("internal.json", internal)]);
    // what only the internal register offers is not seen from outside at all
    radpack_in(
        folder.path(),
        ["import-map", "--json", "--manifest", "radpack.json", "--manifest", "internal.json", "lib@^2"],
    )
    .run()
    .prints("{\"imports\":{\"lib@^2\":\"https://h/lib-2.js\"},\"integrity\":{\"https://h/lib-2.js\":\"sha384-2\"}}\n");
}

#[test]
fn where_one_of_several_ids_fails_the_others_are_in_the_map() {
    // `broken` leads to `lib` and `fine`, too, before it turns out that something is missing
    let register = r#"{"vars":{"baseUrl":"https://h"},"exports":{
        "broken":{"v":[[1]],"d":[["index",[{"v":[0],"f":"broken.js","i":"sha384-b","s":[2],"d":[1,3]}]],"gone","lib@^1","fine"]},
        "empty":{"v":[[1]],"d":[["index",[{"v":[0],"d":[1]}]],"gone"]},
        "fine":{"v":[[1]],"d":[["index",[{"v":[0],"f":"fine.js","i":"sha384-f","s":[1]}]],"lib"]},
        "lib":{"v":[[1]],"d":[["index",[{"v":[0],"f":"lib.js","i":"sha384-l"}]]]}}}"#;
    let folder = folder([("radpack.json", register)]);
    let map = concat!(
        r#"{"imports":{"fine":"https://h/fine.js","lib":"https://h/lib.js"},"#,
        r#""integrity":{"https://h/fine.js":"sha384-f","https://h/lib.js":"sha384-l"}}"#,
        "\n"
    );
    for ids in [
        ["broken", "fine", "empty", "fien"],
        ["fine", "fien", "empty", "broken"],
    ] {
        let ran = radpack_in(
            folder.path(),
            ["import-map", "--html"].into_iter().chain(ids),
        )
        .run();
        assert_eq!(ran.code, 1);
        let said: Vec<_> = ran.stderr.lines().collect();
        for line in [
            "error: broken@1.0.0 needs gone",
            "error: empty@1.0.0 needs gone",
            "error: no register has the package `fien` of `fien`; did you mean `fine`?",
        ] {
            assert!(said.contains(&line), "{}", ran.stderr);
        }
        assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
        assert!(!ran.stdout.contains("broken"), "{}", ran.stdout);
        assert!(
            ran.stdout.ends_with(
                "</script>\n\
                 <link rel=\"modulepreload\" href=\"https://h/lib.js\" integrity=\"sha384-l\">\n\
                 <link rel=\"modulepreload\" href=\"https://h/fine.js\" integrity=\"sha384-f\">\n"
            ),
            "{}",
            ran.stdout
        );
        // for programs: a line for each id that fails, then the map
        let ran = radpack_in(
            folder.path(),
            ["import-map", "--json"].into_iter().chain(ids),
        )
        .run();
        assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
        let lines = ran.values();
        let mut failed: Vec<_> = lines[..3]
            .iter()
            .map(|line| {
                (
                    line["id"].as_str().unwrap(),
                    line["error"].as_str().unwrap(),
                )
            })
            .collect();
        failed.sort_unstable();
        assert_eq!(
            failed,
            [
                ("broken", "unresolved-dependency"),
                ("empty", "unresolved-dependency"),
                ("fien", "unknown-package"),
            ]
        );
        assert!(ran.stdout.ends_with(&format!("\n{map}")), "{}", ran.stdout);
    }
}
