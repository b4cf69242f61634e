//! The program runs from its embedded index alone, and what it embeds is what its packages are.

use std::process::Command;

use radpack::ResolveErrorKind;

/// From an empty folder, with an empty environment: there is nothing to read, and it counts its own allocations.
#[test]
fn the_program_needs_nothing_and_allocates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_radpack-embedded-example"))
        .current_dir(folder.path())
        .env_clear()
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "shapes@1.3.0 is shapes 1.4.2 now");
    assert!(lines[1].starts_with("  file        index-"), "{text}");
    assert!(lines[2].starts_with("  integrity   sha384-"), "{text}");
    assert_eq!(lines[3], "  allocations until here: 0");

    let urls: Vec<&str> = lines[5..].iter().map(|line| line.trim()).collect();
    let begin = [
        "https://static.example/modules/shapes/c/src/attributes-",
        "https://static.example/modules/colors/index-",
        "https://static.example/modules/shapes/round-",
        "https://static.example/modules/shapes/index-",
    ];
    assert_eq!(urls.len(), begin.len(), "{text}");
    for (url, begin) in urls.iter().zip(begin) {
        assert!(url.starts_with(begin) && url.ends_with(".js"), "{url}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn both_majors_answer_each_with_its_own_files() {
    let index = radpack_embedded_example::shapes().unwrap();
    index.verify().unwrap();
    let version = |id: &str| index.resolve(id).unwrap().version().to_string();
    for (id, expected) in [
        ("shapes", "2.0.1"),
        ("shapes@^1", "1.4.2"),
        ("shapes@1.4.2", "1.4.2"),
        ("shapes@~2.0", "2.0.1"),
        ("shapes@2.0.0/round", "2.0.1"),
        ("colors@^3", "3.1.0"),
    ] {
        assert_eq!(version(id), expected, "{id}");
    }
    let error = index.resolve("shapes@^3").unwrap_err();
    assert_eq!(error.kind(), ResolveErrorKind::Unavailable);

    let first = index.closure("shapes@^1").unwrap();
    let ids: Vec<String> = first.iter().map(|found| found.pinned_id()).collect();
    assert_eq!(ids, ["colors@3.1.0", "shapes@1.4.2"]);
    let second = index.resolve("shapes@^2").unwrap();
    let later: Vec<String> = second
        .dynamics()
        .map(|dependency| dependency.id().into_owned())
        .collect();
    assert_eq!(later, ["shapes@2.0.1/c/src/export"]);
}

/// Records lie on cache lines of their own only if the bytes begin on one.
#[test]
fn the_embedded_bytes_are_aligned() {
    assert_eq!(radpack_embedded_example::SHAPES.as_ptr() as usize % 64, 0);
}
