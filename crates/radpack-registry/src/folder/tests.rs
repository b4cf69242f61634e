use tempfile::TempDir;
use uuid::Uuid;

use super::*;

/// A folder with files; what a file holds is its name, where nothing else is said.
fn folder(files: &[&str]) -> TempDir {
    let place = tempfile::tempdir().unwrap();
    for file in files {
        let (name, contents) = file.split_once('=').unwrap_or((file, file));
        let path = place.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }
    place
}

fn read(place: &TempDir, extra: &[&str]) -> Result<Sources, FolderError> {
    Sources::read(place.path(), &extra.iter().map(PathBuf::from).collect())
}

fn names(sources: &Sources) -> Vec<&str> {
    sources.files().map(|(name, _)| name).collect()
}

fn bytes(files: &[(&str, &str)]) -> BTreeMap<String, Bytes> {
    let owned = files.iter().map(|(name, contents)| {
        (
            (*name).to_owned(),
            Bytes::copy_from_slice(contents.as_bytes()),
        )
    });
    owned.collect()
}

#[test]
fn sources_are_what_somebody_wrote() {
    let place = folder(&[
        "package.json",
        "src/index.js",
        "src/deep/er/x.ts",
        "empty=",
        ".env",
        ".vscode/settings.json",
        "src/.hidden.js",
        "node_modules/a/index.js",
        "src/node_modules/b/index.js",
        "dist-radpack/radpack.json",
        ".git/config",
    ]);
    let sources = read(&place, &[]).unwrap();
    assert_eq!(
        names(&sources),
        ["empty", "package.json", "src/deep/er/x.ts", "src/index.js"]
    );
    let file = sources.get("package.json").unwrap();
    assert_eq!((file.hash, file.length), (Hash::of(b"package.json"), 12));
    assert_eq!(sources.contents("package.json").unwrap(), "package.json");
    assert_eq!(sources.contents("empty").unwrap(), "");
    assert_eq!(sources.get(".env"), None);
    assert!(sources.contents(".env").is_err());
    assert_eq!(sources.left_out(), []);
}

#[test]
fn ignore_files_of_the_folder_count_and_no_others() {
    let outer = folder(&[
        ".gitignore=*.js\n",
        "in/a.js",
        "in/b.log",
        "in/build/c.js",
        "in/sub/d.tmp",
        "in/sub/e.js",
        "in/sub/keep.log",
        "in/.gitignore=*.log\n/build\n",
        "in/.npmignore=!keep.log\n",
        "in/sub/.gitignore=*.tmp\n!.secret\n",
        "in/sub/.secret",
        "in/.ignore=*\n",
    ]);
    fs::create_dir(outer.path().join(".git")).unwrap();
    fs::write(outer.path().join(".ignore"), "*").unwrap();
    let sources = Sources::read(&outer.path().join("in"), &BTreeSet::new()).unwrap();
    assert_eq!(names(&sources), ["a.js", "sub/e.js", "sub/keep.log"]);
}

#[test]
fn rules_that_are_not_understood_stop_it() {
    let place = folder(&["a.js", ".gitignore=[z-a]\n"]);
    assert!(matches!(read(&place, &[]), Err(FolderError::List { .. })));
}

#[test]
fn what_a_build_has_read_is_among_them() {
    let place = folder(&[
        "a.js",
        "gen/b.js",
        ".dot.js",
        "node_modules/x/c.js",
        ".gitignore=gen\n",
    ]);
    let whole = place.path().join(".dot.js");
    let extra = [
        "gen/b.js",
        "a.js",
        "node_modules/x/c.js",
        whole.to_str().unwrap(),
    ];
    let sources = read(&place, &extra).unwrap();
    assert_eq!(
        names(&sources),
        [".dot.js", "a.js", "gen/b.js", "node_modules/x/c.js"]
    );
    for (extra, is_expected) in [
        (
            "../x.js",
            (|error| matches!(error, FolderError::Outside { .. })) as fn(_) -> bool,
        ),
        ("/etc/hostname", |error| {
            matches!(error, FolderError::Outside { .. })
        }),
        ("none.js", |error| matches!(error, FolderError::Read { .. })),
        ("gen", |error| {
            matches!(
                error,
                FolderError::Unfit {
                    reason: LeftOutReason::Kind,
                    ..
                }
            )
        }),
    ] {
        assert!(is_expected(read(&place, &[extra]).unwrap_err()), "{extra}");
    }
}

#[test]
fn files_with_other_names_are_left_out_and_told() {
    let place = folder(&["a.js", "with space.js", "sub/ä.js", "end."]);
    let sources = read(&place, &[]).unwrap();
    assert_eq!(names(&sources), ["a.js"]);
    let left_out = |path: &str, error| LeftOut {
        path: path.into(),
        reason: LeftOutReason::Name(error),
    };
    assert_eq!(
        sources.left_out(),
        [
            left_out("end.", FileNameError::Part),
            left_out("sub/ä.js", FileNameError::Characters),
            left_out("with space.js", FileNameError::Characters),
        ]
    );
    let error = read(&place, &["with space.js"]).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("with space.js cannot be among the sources: names have"),
        "{error}"
    );
}

#[cfg(unix)]
#[test]
fn links_and_pipes_are_not_followed() {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    let outside = folder(&["secret.js"]);
    let place = folder(&["a.js"]);
    symlink(
        outside.path().join("secret.js"),
        place.path().join("file.js"),
    )
    .unwrap();
    symlink(outside.path(), place.path().join("folder")).unwrap();
    symlink("nowhere", place.path().join("dangling")).unwrap();
    let _socket = UnixListener::bind(place.path().join("socket")).unwrap();
    let sources = read(&place, &[]).unwrap();
    assert_eq!(names(&sources), ["a.js"]);
    let left_out: Vec<_> = sources
        .left_out()
        .iter()
        .map(|left_out| (left_out.path.to_str().unwrap(), left_out.reason))
        .collect();
    assert_eq!(
        left_out,
        [
            ("dangling", LeftOutReason::Link),
            ("file.js", LeftOutReason::Link),
            ("folder", LeftOutReason::Link),
            ("socket", LeftOutReason::Kind),
        ]
    );
    for extra in ["file.js", "folder/secret.js"] {
        let error = read(&place, &[extra]).unwrap_err();
        assert!(
            matches!(
                error,
                FolderError::Unfit {
                    reason: LeftOutReason::Link,
                    ..
                }
            ),
            "{extra}: {error}"
        );
    }
    // The folder itself may be reached by one.
    let link = outside.path().join("link");
    symlink(place.path(), &link).unwrap();
    let linked = Sources::read(&link, &BTreeSet::from([link.join("a.js")])).unwrap();
    assert_eq!(linked, sources);
}

#[cfg(unix)]
#[test]
fn what_cannot_be_read_stops_it() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = folder(&["a.js", "b.js"]);
    let path = place.path().join("b.js");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    // To whoever may read everything it is a file as any other.
    let is_readable = fs::read(&path).is_ok();
    assert_eq!(read(&place, &[]).is_ok(), is_readable);
    let nowhere = Sources::read(&place.path().join("none"), &BTreeSet::new());
    assert!(matches!(nowhere, Err(FolderError::Read { .. })));
}

#[test]
fn there_may_be_so_many_of_such_a_size() {
    let place = folder(&["a.js", "b.js"]);
    let within = |files, bytes| {
        Sources::read_within(place.path(), &BTreeSet::new(), Limits { files, bytes })
    };
    assert!(within(2, 4).is_ok());
    assert!(matches!(
        within(1, 4),
        Err(FolderError::TooMany { most: 1, .. })
    ));
    assert!(matches!(
        within(2, 3),
        Err(FolderError::TooLarge { most: 3, .. })
    ));
}

#[test]
fn a_change_while_reading_is_seen() {
    let place = folder(&["a.js"]);
    let sources = read(&place, &[]).unwrap();
    fs::write(place.path().join("a.js"), "other").unwrap();
    assert!(matches!(
        sources.contents("a.js"),
        Err(FolderError::Changed { .. })
    ));
    fs::remove_file(place.path().join("a.js")).unwrap();
    assert!(matches!(
        sources.contents("a.js"),
        Err(FolderError::Read { .. })
    ));
}

/// Versions remember it: it must never change.
#[test]
fn the_digest_is_this() {
    let place = folder(&["b.js=2", "a/a.js=1"]);
    let listing = format!("{} a/a.js\n{} b.js\n", Hash::of(b"1"), Hash::of(b"2"));
    assert_eq!(
        read(&place, &[]).unwrap().digest(),
        Hash::of(listing.as_bytes())
    );
    let other = folder(&["a/a.js=2", "b.js=1"]);
    assert_ne!(
        read(&place, &[]).unwrap().digest(),
        read(&other, &[]).unwrap().digest()
    );
}

#[test]
fn what_is_written_is_read_again() {
    let place = tempfile::tempdir().unwrap();
    let target = place.path().join("new/folder");
    let files = bytes(&[("a.js", "1"), ("src/b.js", "2"), ("src/c/d.js", "")]);
    write_files(&target, &files).unwrap();
    fs::write(target.join("mine.js"), "mine").unwrap();
    write_files(&target, &bytes(&[("a.js", "3")])).unwrap();
    let sources = Sources::read(&target, &BTreeSet::new()).unwrap();
    assert_eq!(
        names(&sources),
        ["a.js", "mine.js", "src/b.js", "src/c/d.js"]
    );
    assert_eq!(sources.contents("a.js").unwrap(), "3");
    let dots = fs::read_dir(&target).unwrap().flatten();
    assert_eq!(dots.count(), 3, "nothing else stays");
}

#[test]
fn hostile_names_write_nothing() {
    for name in [
        "../x",
        "/x",
        "a/../../x",
        "a\\..\\x",
        "",
        "a//b",
        ".git/hooks/x",
        ".radpack-draft.json",
        "c:x",
    ] {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("in");
        let error = write_files(&target, &bytes(&[("!good.js", "1"), (name, "2")])).unwrap_err();
        assert!(matches!(error, FolderError::Name { .. }), "{name}: {error}");
        let error = write_files(&target, &bytes(&[("good.js", "1"), (name, "2")])).unwrap_err();
        assert!(matches!(error, FolderError::Name { .. }), "{name}: {error}");
        assert!(!target.exists() && !place.path().join("x").exists());
    }
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_link() {
    use std::os::unix::fs::symlink;

    let outside = folder(&["x.js=old"]);
    let place = tempfile::tempdir().unwrap();
    symlink(outside.path(), place.path().join("sub")).unwrap();
    symlink(outside.path().join("x.js"), place.path().join("x.js")).unwrap();
    fs::create_dir(place.path().join("folder")).unwrap();
    fs::write(place.path().join("file"), "").unwrap();
    for name in ["sub/x.js", "x.js", "folder", "file/x.js"] {
        let error = write_files(place.path(), &bytes(&[(name, "new")])).unwrap_err();
        assert!(
            matches!(error, FolderError::InTheWay { .. }),
            "{name}: {error}"
        );
    }
    assert_eq!(fs::read(outside.path().join("x.js")).unwrap(), b"old");
}

#[test]
fn a_checkout_knows_what_has_changed() {
    let place = tempfile::tempdir().unwrap();
    let files = bytes(&[
        ("a.js", "1"),
        ("b.js", "2"),
        ("c.js", "3"),
        (".dot.js", "4"),
        (".gitignore", "*.log\n"),
        ("x.log", "5"),
    ]);
    write_files(place.path(), &files).unwrap();
    let checkout = Checkout {
        registry: Uuid::from_u128(1),
        store: "s3://bucket".to_owned(),
        draft: "mine".to_owned(),
        opened: 3,
        revision: 7,
        files: files
            .iter()
            .map(|(name, contents)| (name.clone(), Hash::of(contents)))
            .collect(),
    };
    assert_eq!(Checkout::read(place.path()).unwrap(), None);
    checkout.write(place.path()).unwrap();
    assert_eq!(
        Checkout::read(place.path()).unwrap().as_ref(),
        Some(&checkout)
    );
    let (sources, changes) = checkout.changes(place.path()).unwrap();
    assert!(changes.is_empty(), "{changes:?}");
    assert_eq!(sources.files().len(), 6);

    fs::write(place.path().join("a.js"), "other").unwrap();
    fs::write(place.path().join("x.log"), "other").unwrap();
    fs::remove_file(place.path().join("b.js")).unwrap();
    fs::create_dir(place.path().join("sub")).unwrap();
    fs::write(place.path().join("sub/new.js"), "new").unwrap();
    fs::write(place.path().join("new.log"), "ignored").unwrap();
    let (_, changes) = checkout.changes(place.path()).unwrap();
    assert_eq!(changes.changed, ["a.js", "x.log"]);
    assert_eq!(changes.added, ["sub/new.js"]);
    assert_eq!(changes.removed, ["b.js"]);

    for path in ["", "sub", "sub/new.js", "sub/none.js"] {
        let found = Checkout::around(&place.path().join(path)).unwrap();
        let (folder, found) = found.unwrap();
        assert_eq!(
            (folder.canonicalize().unwrap(), &found),
            (place.path().canonicalize().unwrap(), &checkout)
        );
    }
}

#[test]
fn what_a_checkout_does_not_understand_it_says() {
    for contents in [
        "",
        "{}",
        r#"{"format":2,"checkout":{}}"#,
        r#"{"format":1,"checkout":{}}"#,
        r#"{"format":1,"checkout":{"registry":"00000000-0000-0000-0000-000000000001","store":"s","draft":"d","revision":1,"files":{"../x":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}}"#,
    ] {
        let place = folder(&[&format!(".radpack-draft.json={contents}")]);
        let error = Checkout::read(place.path()).unwrap_err();
        assert!(
            matches!(error, FolderError::Checkout { .. }),
            "{contents}: {error}"
        );
    }
}
