//! `radpack graph`.

use crate::program::radpack_in;
use crate::registers::{folder, shapes};

#[test]
fn people_get_the_closure_dependencies_first() {
    let folder = shapes();
    radpack_in(folder.path(), ["graph", "shapes"]).run().prints(
        "shapes@2.0.1/c/common  exact     https://cdn.example/c/common.js\n\
         colors@3.1.0           in-range  https://cdn.example/colors-3.js\n\
         shapes@2.0.1           in-range  https://cdn.example/index-2.js\n",
    );
}

#[test]
fn programs_get_the_lines_of_resolve() {
    let folder = shapes();
    let expected = concat!(
        r#"{"id":"shapes@1.4.0/c/common","name":"shapes","version":"1.4.0","entry":"c/common","url":"https://cdn.example/c/common.js","fit":"exact","statics":[],"dynamics":[]}"#,
        "\n",
        r#"{"id":"shapes@^1","name":"shapes","version":"1.4.0","entry":"index","url":"https://cdn.example/index-1.js","fit":"in-range","statics":["shapes@1.4.0/c/common"],"dynamics":[]}"#,
        "\n",
    );
    radpack_in(folder.path(), ["graph", "--format", "json", "shapes@^1"])
        .run()
        .prints(expected);
    radpack_in(folder.path(), ["graph", "--json", "shapes@^1"])
        .run()
        .prints(expected);
    radpack_in(
        folder.path(),
        ["graph", "--json", "--format", "json", "shapes@^1"],
    )
    .run()
    .prints(expected);
}

#[test]
fn each_module_stands_once_for_several_ids() {
    let folder = shapes();
    radpack_in(
        folder.path(),
        [
            "graph",
            "--format",
            "urls",
            "colors",
            "shapes/legacy",
            "shapes@2",
        ],
    )
    .run()
    .prints(
        "https://cdn.example/colors-3.js\n\
             https://cdn.example/c/common.js\n\
             https://cdn.example/index-2.js\n",
    );
}

#[test]
fn graphviz_gets_dashed_lines_for_what_loads_on_demand() {
    let folder = shapes();
    radpack_in(folder.path(), ["graph", "--format", "dot", "shapes"])
        .run()
        .prints(
            "digraph radpack {\n\
             \x20 rankdir=LR;\n\
             \x20 node [shape=box];\n\
             \x20 \"colors@3.1.0\";\n\
             \x20 \"shapes@2.0.1\";\n\
             \x20 \"shapes@2.0.1/c/common\";\n\
             \x20 \"shapes@2.0.1/legacy\" [style=dashed];\n\
             \x20 \"shapes@2.0.1\" -> \"shapes@2.0.1/c/common\";\n\
             \x20 \"shapes@2.0.1\" -> \"colors@3.1.0\";\n\
             \x20 \"shapes@2.0.1\" -> \"shapes@2.0.1/legacy\" [style=dashed];\n\
             }\n",
        );
}

#[test]
fn a_dependency_without_an_answer_is_told_with_the_whole_chain() {
    let folder = folder([(
        "radpack.json",
        r#"{"vars":{"baseUrl":"https://h"},"exports":{
            "a":{"v":[[1]],"d":[["index",[{"v":[0],"f":"a.js","s":[1]}]],"b@^1"]},
            "b":{"v":[[1]],"d":[["index",[{"v":[0],"f":"b.js","s":[1]}]],"gone@^2"]},
            "c":{"v":[[1]],"d":[["index",[{"v":[0],"f":"c.js"}]]]}}}"#,
    )]);
    radpack_in(folder.path(), ["graph", "a", "c", "nope"]).run().is(
        1,
        "c@1.0.0  in-range  https://h/c.js\n",
        "error: `a@1.0.0` needs a dependency that cannot be resolved: a@1.0.0 → b@1.0.0 → gone@^2\n\
         caused by: no register has the package `gone` of `gone@^2`; did you mean `a@^2`?\n\
         error: no register has the package `nope` of `nope`; did you mean `a`?\n",
    );
    let ran = radpack_in(folder.path(), ["graph", "--json", "a", "c"]).run();
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    let mut lines = ran.stdout.lines();
    assert_eq!(
        lines.next().unwrap(),
        "{\"id\":\"a\",\"error\":\"unresolved-dependency\",\"message\":\"`a@1.0.0` needs a dependency that cannot be resolved: \
         a@1.0.0 → b@1.0.0 → gone@^2: no register has the package `gone` of `gone@^2`; did you mean `a@^2`?\"}"
    );
    assert!(
        lines
            .next()
            .unwrap()
            .starts_with("{\"id\":\"c\",\"name\":\"c\"")
    );
    assert_eq!(lines.next(), None);
}

#[test]
fn cycles_end() {
    let folder = folder([(
        "radpack.json",
        r#"{"vars":{"baseUrl":"https://h"},"exports":{
            "a":{"v":[[1]],"d":[["index",[{"v":[0],"f":"a.js","s":[1]}]],"b"]},
            "b":{"v":[[1]],"d":[["index",[{"v":[0],"f":"b.js","s":[1]}]],"a"]}}}"#,
    )]);
    radpack_in(folder.path(), ["graph", "--format", "urls", "a"])
        .run()
        .prints("https://h/b.js\nhttps://h/a.js\n");
}
