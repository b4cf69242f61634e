//! What a build must not touch: files that are reached through links, and the package's own sources.

mod common;

use common::{Place, tree};
use radpack_build::{Build, ErrorKind};

#[cfg(unix)]
mod links {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use radpack_build::FileAction;

    use super::*;
    use crate::common::{code, problems};

    /// Every file of the manifest is there, whichever links it is reached through.
    #[track_caller]
    fn all_named_files_are_there(place: &Place) {
        let manifest = place.manifest();
        for (name, package) in &manifest.exports {
            for variant in package.entries.iter().flat_map(|entry| &entry.variants) {
                let file = variant.file.as_deref().unwrap();
                assert!(place.out().join(name).join(file).is_file(), "{name}/{file}");
            }
        }
    }

    fn link(target: &Path, place: &Place, path: &str) {
        let link = place.out().join(path);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        fs::create_dir_all(target).unwrap();
        symlink(target, link).unwrap();
    }

    #[test]
    fn a_package_folder_that_is_a_link_is_not_swept() {
        for name in ["p", "@scope/p"] {
            let place = Place::new();
            let elsewhere = place.path().join("elsewhere");
            // The package's folder itself, or the one of its scope.
            let linked = name.split('/').next().unwrap();
            link(&elsewhere, &place, linked);
            place.write("elsewhere", &[("other.js", "not ours")]);
            place.write("elsewhere/p", &[("other.js", "not ours")]);
            for version in ["1.0.0", "1.0.1"] {
                let report = place
                    .package(name, version)
                    .delete_unreferenced(true)
                    .run()
                    .unwrap();
                assert!(code(&report, "index").contains(version));
            }
            assert!(place.out().join(linked).is_symlink());
            assert!(elsewhere.join("other.js").is_file());
            assert!(elsewhere.join("p/other.js").is_file());
            all_named_files_are_there(&place);
        }
    }

    #[test]
    fn folders_and_files_that_links_lead_to_are_kept() {
        let place = Place::new();
        let build = |version: &str| {
            let package = format!(r#"{{"name":"p","version":"{version}","exports":"./index.js"}}"#);
            let chunk = format!("export const chunk = {version:?};\n");
            place
                .package_of(&[
                    ("package.json", package.as_str()),
                    ("index.js", "export * from './deep/chunk.js';\n"),
                    ("deep/chunk.js", chunk.as_str()),
                ])
                .keep_minors(true)
                .delete_unreferenced(true)
                .run()
                .unwrap()
        };
        // Chunks go to `p/c/deep`, which lies elsewhere by way of a second link in the folder that is swept.
        let elsewhere = place.path().join("elsewhere");
        place.write("elsewhere", &[("other.js", "not ours")]);
        fs::create_dir_all(place.out().join("p/c")).unwrap();
        symlink(&elsewhere, place.out().join("p/hop")).unwrap();
        symlink("../hop", place.out().join("p/c/deep")).unwrap();
        let first = build("1.0.0");
        all_named_files_are_there(&place);
        // A named file that has become a link to one beside it, which nothing names.
        let index = first.entries[0].file.clone().unwrap();
        let index = place.out().join("p").join(index);
        fs::rename(&index, place.out().join("p/moved.js")).unwrap();
        symlink("moved.js", &index).unwrap();
        place.write("out/p", &[("stale.js", "stale")]);
        let second = build("1.1.0");
        let deleted: Vec<&str> = second
            .files
            .iter()
            .filter(|file| file.action == FileAction::Deleted)
            .map(|file| file.path.as_str())
            .collect();
        assert_eq!(deleted, ["p/stale.js"]);
        assert!(!place.out().join("p/stale.js").exists());
        assert!(elsewhere.join("other.js").is_file());
        assert!(place.out().join("p/c/deep").is_symlink());
        all_named_files_are_there(&place);
    }

    #[test]
    fn a_source_folder_behind_a_link_is_refused() {
        let place = Place::new();
        let build = place
            .package_of(&[
                (
                    "package.json",
                    r#"{"name":"p","version":"1.0.0","exports":"./src/i.js"}"#,
                ),
                ("src/i.js", "export {};\n"),
            ])
            .delete_unreferenced(true);
        link(&place.path().join("package/src"), &place, "p");
        let before = tree(&place.path().join("package"));
        let message = problems(build.run());
        assert!(message.contains("which holds src/i.js"), "{message}");
        assert_eq!(tree(&place.path().join("package")), before);
        assert!(!place.out().join("radpack.json").exists());
    }
}

#[test]
fn sources_are_not_built_over() {
    for (exports, named) in [
        (r#""./src/i.js""#, "src/i.js"),
        (r#""./index.js""#, "src/chunk.js"),
        (r#"{".":"./main.js","./*":"./*.js"}"#, "src/chunk.js"),
        (r#"{".":"./main.js","./*":"./src/*.js"}"#, "src/chunk.js"),
        (
            r#"{".":"./main.js","./style.css":"./src/style.css"}"#,
            "src/style.css",
        ),
    ] {
        let place = Place::new();
        let package = format!(r#"{{"name":"src","version":"1.0.0","exports":{exports}}}"#);
        let folder = place.write(
            "package",
            &[
                ("package.json", package.as_str()),
                ("index.js", "export * from './src/chunk.js';\n"),
                ("main.js", "export {};\n"),
                ("src/i.js", "export {};\n"),
                ("src/chunk.js", "export const chunk = 1;\n"),
                ("src/style.css", "a {}\n"),
            ],
        );
        let before = tree(&folder);
        let build = Build::new(&folder).delete_unreferenced(true);
        let error = build.clone().out(&folder).run().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Options);
        let message = error.to_string();
        assert!(
            message.contains(&format!("which holds {named}")),
            "{exports}: {message}"
        );
        assert_eq!(tree(&folder), before, "{exports}");
        // Anywhere else is fine, the default in the package folder included.
        let report = build.run().unwrap();
        assert!(report.out.ends_with("dist-radpack"));
        for (path, contents) in before {
            assert_eq!(
                std::fs::read(folder.join(&path)).unwrap(),
                contents,
                "{path}"
            );
        }
    }
}

#[test]
fn patterns_do_not_find_what_was_built_into_the_package_folder() {
    let place = Place::new();
    let folder = place.write(
        "package",
        &[
            (
                "package.json",
                r#"{"name":"p","version":"1.0.0","exports":{"./*":"./*.js"}}"#,
            ),
            ("a.js", "export {};\n"),
            ("src/b.js", "export {};\n"),
        ],
    );
    for _ in 0..2 {
        let report = Build::new(&folder).out(&folder).run().unwrap();
        let names: Vec<&str> = report
            .entries
            .iter()
            .map(|entry| entry.name.as_str())
            .collect();
        assert_eq!(names, ["a", "src/b"]);
    }
}
