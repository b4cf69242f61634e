//! What `embed` leaves behind and prints, in folders that stand for cargo's.

use super::*;

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (path, contents) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }
}

#[test]
fn packages_find_each_other_and_resolve_in_the_index() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().canonicalize().unwrap();
    write(
        &root,
        &[
            (
                "live/radpack.json",
                r#"{"exports":{"colors":{"v":[[3,4]],"d":[["index",[{"v":[0],"f":"c.js"}]]]}}}"#,
            ),
            (
                "shapes/package.json",
                r#"{"name":"shapes","version":"1.0.0","exports":{"./*":"./src/*.js"}}"#,
            ),
            ("shapes/src/index.js", "import './deep/part.js'; export {};"),
            ("shapes/src/deep/part.js", "export {};"),
            (
                "charts/package.json",
                r#"{"name":"charts","version":"2.0.0","exports":"./index.js","radpack":{"register":"../live"}}"#,
            ),
            (
                "charts/index.js",
                "import 'shapes'; import 'colors'; export {};",
            ),
        ],
    );
    let out = root.join("cargo");
    fs::create_dir(&out).unwrap();
    let builds = || {
        vec![
            Build::new(root.join("shapes")),
            Build::new(root.join("charts")),
        ]
    };
    let mut orders = Vec::new();
    let reports = embed_in(&out, builds(), Path::new("web.index"), &mut orders).unwrap();
    assert_eq!(
        reports[1]
            .pins
            .iter()
            .map(|pin| pin.id.as_str())
            .collect::<Vec<_>>(),
        ["shapes@^1", "colors@^3"]
    );
    assert!(out.join("web.index.files/radpack.json").is_file());

    let bytes = fs::read(out.join("web.index")).unwrap();
    let index = Index::from_bytes(bytes.clone()).unwrap();
    let closure = index.query().closure("charts").unwrap();
    let ids: Vec<String> = closure
        .iter()
        .map(radpack_resolve::Found::pinned_id)
        .collect();
    assert_eq!(
        ids,
        [
            "colors@3.4.0",
            "shapes@1.0.0/deep/part",
            "shapes@1.0.0",
            "charts@2.0.0"
        ]
    );

    let orders = String::from_utf8(orders).unwrap();
    let watched: Vec<&str> = orders
        .lines()
        .map(|line| line.strip_prefix("cargo:rerun-if-changed=").unwrap())
        .map(|path| path.strip_prefix(root.to_str().unwrap()).unwrap())
        .collect();
    assert_eq!(
        watched,
        [
            "/charts/index.js",
            "/charts/package.json",
            "/live/radpack.json",
            "/shapes/package.json",
            "/shapes/src",
            "/shapes/src/deep/part.js",
            "/shapes/src/index.js",
        ]
    );

    // Once more: the same index, untouched.
    let before = fs::metadata(out.join("web.index"))
        .unwrap()
        .modified()
        .unwrap();
    embed_in(&out, builds(), Path::new("web.index"), &mut Vec::new()).unwrap();
    assert_eq!(
        fs::metadata(out.join("web.index"))
            .unwrap()
            .modified()
            .unwrap(),
        before
    );
    assert_eq!(fs::read(out.join("web.index")).unwrap(), bytes);
}

/// A place with packages of these names, each with its version, and a folder that stands for `OUT_DIR`.
fn packages(packages: &[(&str, &str)]) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    for (name, version) in packages {
        let json = format!(r#"{{"name":"{name}","version":"{version}","exports":"./index.js"}}"#);
        write(
            &place.path().join(name),
            &[("package.json", &json), ("index.js", "export {};")],
        );
    }
    fs::create_dir(place.path().join("cargo")).unwrap();
    place
}

/// Embeds packages of a place as `web.index`.
fn embed_packages(place: &Path, names: &[&str]) -> Result<Vec<Report>, EmbedError> {
    let builds = names.iter().map(|name| Build::new(place.join(name)));
    let index = Path::new("web.index");
    embed_in(
        &place.join("cargo"),
        builds.collect(),
        index,
        &mut Vec::new(),
    )
}

fn version_of(place: &Path, id: &str) -> Option<String> {
    let index = Index::open(place.join("cargo/web.index")).unwrap();
    let found = index.resolve(id).ok()?;
    Some(found.version().to_string())
}

#[test]
fn a_version_may_be_lowered_from_one_run_to_the_next() {
    let place = packages(&[("shapes", "1.4.0")]);
    embed_packages(place.path(), &["shapes"]).unwrap();
    let json = r#"{"name":"shapes","version":"1.3.0","exports":"./index.js"}"#;
    write(place.path(), &[("shapes/package.json", json)]);
    let reports = embed_packages(place.path(), &["shapes"]).unwrap();
    assert_eq!(
        reports[0].versions.len(),
        1,
        "1.4.0 is not there to be displaced"
    );
    assert_eq!(version_of(place.path(), "shapes").as_deref(), Some("1.3.0"));
}

#[test]
fn a_package_that_is_no_longer_built_is_gone() {
    let place = packages(&[("shapes", "1.0.0"), ("charts", "2.0.0")]);
    embed_packages(place.path(), &["shapes", "charts"]).unwrap();
    assert_eq!(version_of(place.path(), "charts").as_deref(), Some("2.0.0"));
    embed_packages(place.path(), &["shapes"]).unwrap();
    assert_eq!(version_of(place.path(), "charts"), None);
    assert_eq!(version_of(place.path(), "shapes").as_deref(), Some("1.0.0"));
    let files = place.path().join("cargo/web.index.files");
    assert!(files.join("shapes").is_dir());
    assert!(!files.join("charts").exists());
}

#[test]
fn what_a_killed_run_left_does_not_count() {
    let place = packages(&[("shapes", "1.0.0")]);
    write(
        place.path(),
        &[
            ("cargo/web.index.files/radpack.json", "{"),
            ("cargo/web.index.files/.radpack.tmp/0", ""),
            ("cargo/web.index", "half of an in"),
        ],
    );
    embed_packages(place.path(), &["shapes"]).unwrap();
    assert_eq!(version_of(place.path(), "shapes").as_deref(), Some("1.0.0"));
}

/// Only what `embed` made itself is taken away: an output folder of somebody's choice goes on as any does.
#[test]
fn a_folder_that_was_named_stays() {
    let place = packages(&[("shapes", "1.0.0"), ("charts", "2.0.0")]);
    let out = place.path().join("public");
    let run = |name: &str| {
        let build = Build::new(place.path().join(name)).out(&out);
        let cargo = place.path().join("cargo");
        embed_in(&cargo, vec![build], Path::new("web.index"), &mut Vec::new()).unwrap();
    };
    write(place.path(), &[("cargo/web.index.files/other", "")]);
    run("shapes");
    run("charts");
    assert_eq!(version_of(place.path(), "shapes").as_deref(), Some("1.0.0"));
    assert!(place.path().join("cargo/web.index.files/other").is_file());
}

#[test]
fn two_indexes_of_one_script_have_each_their_own_files() {
    let place = packages(&[("shapes", "1.0.0"), ("charts", "2.0.0")]);
    for (name, index) in [("shapes", "pages.index"), ("charts", "deep/tools.index")] {
        let build = Build::new(place.path().join(name));
        let cargo = place.path().join("cargo");
        embed_in(&cargo, vec![build], Path::new(index), &mut Vec::new()).unwrap();
    }
    for path in [
        "pages.index",
        "pages.index.files/shapes",
        "deep/tools.index",
        "deep/tools.index.files/charts",
    ] {
        assert!(place.path().join("cargo").join(path).exists(), "{path}");
    }
}

#[test]
fn an_index_stays_in_cargos_folder() {
    let place = packages(&[("shapes", "1.0.0")]);
    let cargo = place.path().join("cargo");
    let absolute = place.path().join("x.index");
    for index in ["", ".", "..", "../x.index", absolute.to_str().unwrap()] {
        let error = embed_in(&cargo, Vec::new(), Path::new(index), &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Options, "{index}");
        assert_eq!(
            format!("{error:?}"),
            format!(
                "the index {index:?} does not name a file in OUT_DIR: give a name, as in `web.index`"
            )
        );
    }
    assert_eq!(fs::read_dir(&cargo).unwrap().count(), 0);
}

#[test]
fn a_warning_is_one_line_for_cargo() {
    let place = packages(&[("shapes", "1.0.0")]);
    let code = "const later = (name) => import(name);\nexport { later };";
    write(place.path(), &[("shapes/index.js", code)]);
    let folder = place.path().join("shapes");
    let mut orders = Vec::new();
    let reports = embed_in(
        &place.path().join("cargo"),
        vec![Build::new(&folder)],
        Path::new("web.index"),
        &mut orders,
    )
    .unwrap();
    let orders = String::from_utf8(orders).unwrap();
    let warnings: Vec<&str> = orders
        .lines()
        .filter_map(|line| line.strip_prefix("cargo:warning="))
        .collect();
    let [warning] = &reports[0].warnings[..] else {
        panic!("{:?}", reports[0].warnings)
    };
    assert_eq!(warnings, [format!("{}: {warning}", folder.display())]);
    assert!(warnings[0].contains(": index.js:1:25: "), "{warnings:?}");

    let mut orders = Vec::new();
    let lines = "a\r\nb\ncargo:rustc-cfg=c";
    warn(Path::new("web/shapes"), &lines, &mut orders).unwrap();
    assert_eq!(
        String::from_utf8(orders).unwrap(),
        "cargo:warning=web/shapes: a\\r\\nb\\ncargo:rustc-cfg=c\n"
    );
}

#[cfg(unix)]
#[test]
fn of_a_path_with_a_line_end_the_folder_is_watched() {
    let place = tempfile::tempdir().unwrap();
    write(place.path(), &[("a/b\ncargo:rustc-cfg=c/d.js", "")]);
    let watched = BTreeSet::from([place.path().join("a/b\ncargo:rustc-cfg=c/d.js")]);
    let mut orders = Vec::new();
    watch(&watched, &mut orders).unwrap();
    assert_eq!(
        String::from_utf8(orders).unwrap(),
        format!(
            "cargo:rerun-if-changed={}\n",
            place.path().join("a").display()
        )
    );
}

/// As a build script prints it whose `main` returns the error.
#[test]
fn what_was_refused_is_told_in_words() {
    let place = packages(&[("shapes", "1.4.0"), ("older", "1.3.0"), ("broken", "1.0.0")]);
    let json = r#"{"name":"shapes","version":"1.3.0","exports":"./index.js"}"#;
    write(
        place.path(),
        &[
            ("older/package.json", json),
            ("broken/index.js", "import './no.js';\nimport './nor.js';"),
        ],
    );
    let at = |name: &str| place.path().join(name).display().to_string();

    let error = embed_packages(place.path(), &["shapes", "older"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(error.package(), Some(place.path().join("older").as_path()));
    let begin = format!(
        "cannot build {}: shapes@1.3.0 would displace the newer 1.4.0: ",
        at("older")
    );
    assert!(format!("{error:?}").starts_with(&begin), "{error:?}");
    assert_eq!(format!("{error:?}"), error.to_string());

    let error = embed_packages(place.path(), &["broken"]).unwrap_err();
    let lines: Vec<String> = format!("{error:?}").lines().map(str::to_owned).collect();
    assert_eq!(lines[0], format!("cannot build {}:", at("broken")));
    assert!(lines[1].starts_with("  index.js:1:8: "), "{lines:?}");
    assert!(lines[2].starts_with("  index.js:2:8: "), "{lines:?}");
    assert_eq!(lines.len(), 3);

    // A cause is told once, below what it caused.
    fs::remove_dir_all(place.path().join("cargo")).unwrap();
    write(place.path(), &[("cargo", "a file")]);
    let build = Build::new(place.path().join("shapes")).out(place.path().join("public"));
    let error = embed_in(
        &place.path().join("cargo"),
        vec![build],
        Path::new("web.index"),
        &mut Vec::new(),
    )
    .unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    let index = at("cargo/web.index");
    assert_eq!(error.to_string(), format!("cannot write the index {index}"));
    assert_eq!(
        format!("{error:?}"),
        format!("cannot write the index {index}\ncaused by: {cause}")
    );
}
