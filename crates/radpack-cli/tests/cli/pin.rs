//! `radpack pin`.

use crate::program::radpack_in;
use crate::registers::{SHAPES, folder};

#[test]
fn the_pins_are_those_of_a_build() {
    let package = folder([
        (
            "package.json",
            r#"{"name":"app","version":"1.0.0","dependencies":{"colors":"^3.0.0","shapes":"~2.0.0"},"devDependencies":{"other":"^6.5.0"}}"#,
        ),
        ("radpack.json", SHAPES),
    ]);
    radpack_in(package.path(), ["pin", "--register", "radpack.json"])
        .run()
        .prints(
            "colors  ^3.0.0  colors@^3    now 3.1.0\n\
             other   ^6.5.0  other@^6     no register serves it\n\
             shapes  ~2.0.0  shapes@~2.0  now 2.0.1\n",
        );
    radpack_in(package.path(), ["pin", "--json", ".", "--register", "radpack.json"])
        .run()
        .prints(concat!(
            r#"{"name":"colors","spec":"^3.0.0","pin":"colors@^3","version":"3.1.0","register":"radpack.json"}"#,
            "\n",
            r#"{"name":"other","spec":"^6.5.0","pin":"other@^6"}"#,
            "\n",
            r#"{"name":"shapes","spec":"~2.0.0","pin":"shapes@~2.0","version":"2.0.1","register":"radpack.json"}"#,
            "\n",
        ));
}

#[test]
fn a_dependency_without_a_pin_is_told_and_the_others_get_theirs() {
    let package = folder([
        (
            "package.json",
            r#"{"name":"app","version":"1.0.0","dependencies":{"colors":"^3.0.0","gone":"workspace:*"}}"#,
        ),
        ("radpack.json", SHAPES),
    ]);
    let ran = radpack_in(package.path(), ["pin", "--register", "radpack.json"]).run();
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (1, "colors  ^3.0.0  colors@^3  now 3.1.0\n")
    );
    assert!(
        ran.stderr.starts_with("error: ") && ran.stderr.contains("gone"),
        "{}",
        ran.stderr
    );
    let ran = radpack_in(
        package.path(),
        ["pin", "--json", "--register", "radpack.json"],
    )
    .run();
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    let last = ran.stdout.lines().last().unwrap();
    assert!(
        last.starts_with("{\"error\":\"unresolved-dependency\",\"problem\":\"unserved\","),
        "{last}"
    );
}

#[test]
fn a_folder_without_package_json_is_told() {
    let empty = folder([("radpack.json", SHAPES)]);
    let ran = radpack_in(empty.path(), ["pin", "--register", "radpack.json"]).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
}
