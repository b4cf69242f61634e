//! What the build takes for a well-formed module, against `test262-parser-tests`.

use std::error::Error;
use std::fs;
use std::path::Path;

use radpack_build::module::{ModuleErrorKind, check, read};
use radpack_testkit::{cache_folder, npm_packages_in, workspace_folder};

/// Refused when the tests were made: legal by later editions of the specification, or in modules but not in scripts.
const LEGAL: [(&str, &str); 11] = [
    (
        "0f5f47108da5c34e.js",
        "try {} catch(a) { for(var a of 1); }",
    ),
    ("0f8806b7b4358487.js", "import foo from \"foo\";"),
    ("4554c00dbb28cad8.js", "export default function () {}"),
    ("647e21f8f157c338.js", "('\u{2029}')"),
    ("7fdf990c6f42edcd.js", "export * from \"a\""),
    ("80da22a7d2a15fc5.js", "import 'a'"),
    ("8af69d8f15295ed2.js", "('\u{2028}')"),
    ("975d02f132c05a98.js", "export { if } from 'foo'"),
    ("98204d734f8c72b3.js", "(class {a})"),
    ("c060a3014ad24dfd.js", "var \u{2B81E}_ = 12;"),
    ("ef81b93cf9bdb4ec.js", "(class {a=0})"),
];

/// A program: the name of its file, and its text.
type Program = (String, String);

/// Asks about each program of a folder; gives those on which the answer is not `accept`, and how many there are.
fn disagreeing(
    folder: &Path,
    of: impl Fn(&str) -> bool,
    accept: bool,
) -> Result<(Vec<Program>, usize), Box<dyn Error>> {
    let mut count = 0;
    let mut wrong = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !of(&name) {
            continue;
        }
        count += 1;
        let text = fs::read_to_string(&path)?;
        let answer = read(&text, &name).and_then(|_| check(&text, &name));
        if let Err(error) = &answer {
            assert_eq!(error.kind(), ModuleErrorKind::Syntax, "{error}");
        }
        if answer.is_ok() != accept {
            wrong.push((name.into_owned(), text.trim_end().to_owned()));
        }
    }
    wrong.sort();
    Ok((wrong, count))
}

#[test]
fn modules_are_told_from_what_is_none() -> Result<(), Box<dyn Error>> {
    let fixture = workspace_folder().join("fixtures/npm-syntax");
    let tests = npm_packages_in(&fixture, &cache_folder())?.named("test262-parser-tests");
    // The others are scripts, which modules need not be.
    let is_module = |name: &str| name.ends_with(".module.js");
    for folder in ["pass", "pass-explicit"] {
        let (refused, count) = disagreeing(&tests.join(folder), is_module, true)?;
        assert_eq!(refused, [], "{folder}");
        assert_eq!(count, 76, "{folder}");
    }
    // What is wrong in a script is wrong in a module, too.
    let (mut accepted, refused) = disagreeing(&tests.join("fail"), |_| true, false)?;
    let (early, early_count) = disagreeing(&tests.join("early"), |_| true, false)?;
    assert_eq!((refused, early_count), (731, 668));
    accepted.extend(early);
    accepted.sort();
    let legal = LEGAL.map(|(name, text)| (name.to_owned(), text.to_owned()));
    assert_eq!(accepted, legal);
    Ok(())
}
