//! Folders that others have sent are built by child processes: what brings one down is a refusal in words, and nothing else happens.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use radpack_build::EntryOption;
use radpack_registry::state::State;
use radpack_registry::{
    BuildLimits, Builder, Command, PublishError, PublishOptions, PublishReport, Registry, Store,
    build_child,
};
use radpack_testkit::{BUILD_ORDER, NpmPackage, npm_packages};
use tempfile::TempDir;

use crate::work::ann;

const CHILD: &str = "children::child";

/// What is killed while it waits for a child.
const ASKING: &str = "children::asking";

/// What the child does. Nothing, where it is not asked for by its very name.
#[test]
fn child() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if ["--exact", CHILD, "--nocapture"].map(String::from) == arguments[1..] {
        return build_child();
    }
    ExitCode::SUCCESS
}

fn limits() -> BuildLimits {
    let mut limits = BuildLimits::default();
    // Generous: what is slow here is a busy machine.
    limits.time = Duration::from_secs(600);
    limits.processor = Duration::from_secs(300);
    limits
}

fn children(limits: BuildLimits) -> Builder {
    let program = std::env::current_exe().unwrap();
    Builder::child(program, ["--exact", CHILD, "--nocapture"], limits)
}

async fn registry(builder: Builder) -> Registry {
    let (registry, _) = Registry::init(Store::in_memory()).await.unwrap();
    registry.built_by(builder)
}

/// A package of these files.
fn package(name: &str, files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let json = format!(r#"{{"name":"{name}","type":"module","exports":"./index.js"}}"#);
    fs::write(folder.path().join("package.json"), json).unwrap();
    for (path, contents) in files {
        fs::write(folder.path().join(path), contents).unwrap();
    }
    folder
}

async fn publish(registry: &Registry, folders: &[&Path]) -> Result<PublishReport, PublishError> {
    let folders: Vec<PathBuf> = folders.iter().map(|&folder| folder.to_owned()).collect();
    let options = PublishOptions::default();
    registry
        .publish(&ann(), &Command::new("ann"), &folders, &options)
        .await
}

/// An error with its causes.
fn told(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}

/// The words that publishing a folder ends in, after which the registry goes on as before.
async fn refused(builder: Builder, folder: &Path) -> String {
    let registry = registry(builder.clone()).await;
    let error = publish(&registry, &[folder]).await.unwrap_err();
    assert_eq!(registry.refresh().await.unwrap().position.seq, 0);
    told(&error)
}

#[tokio::test]
async fn a_child_builds_what_this_process_would() {
    let shapes = package(
        "shapes",
        &[
            (
                "index.js",
                "import { red } from 'colors';\nexport { area } from './area.js';\nexport const it = red;\n",
            ),
            (
                "area.js",
                "export const area = (a) => import('./far.js');\n",
            ),
            (
                "far.js",
                "export * from 'colors';\n//# sourceMappingURL=none.map\n",
            ),
            (".npmignore", "left-out.txt\n"),
            ("left-out.txt", ""),
            ("spaced name.txt", ""),
        ],
    );
    let colors = package(
        "colors",
        &[("index.js", "import 'shapes';\nexport const red = 'red';\n")],
    );
    let mut published = Vec::new();
    for builder in [Builder::default(), children(limits())] {
        let registry = registry(builder).await;
        let report = publish(&registry, &[shapes.path(), colors.path()])
            .await
            .unwrap();
        let payload = report.committed.unwrap().recorded.event.payload;
        let draft = (report.warnings, report.left_out);
        assert_eq!(draft.1.len(), 1);
        assert!(!draft.0.is_empty());
        let moment = registry.refresh().await.unwrap();
        let findings = registry.verify().await.unwrap().findings;
        assert_eq!(findings, [], "at {}", moment.position);
        published.push((payload, draft));
    }
    assert_eq!(published[0], published[1]);
    // And what it cannot build, it says in the same words.
    let broken = package("broken", &[("index.js", "export const = 1;\n")]);
    let here = refused(Builder::default(), broken.path()).await;
    assert_eq!(refused(children(limits()), broken.path()).await, here);
    assert!(here.contains("index.js:1:14: "), "{here}");
}

/// A large package passes with the memory that is granted by default.
#[tokio::test]
async fn real_packages_pass() {
    let packages = npm_packages().unwrap_or_else(|error| panic!("{error}"));
    let is_it = |package: &&NpmPackage| package.name == "lodash-es";
    let lodash = packages.folder(BUILD_ORDER.iter().find(is_it).unwrap());
    let registry = registry(children(limits())).await;
    let mut options = PublishOptions::default();
    options.entries = vec![EntryOption::new("*", "./*.js")];
    let report = registry
        .publish(&ann(), &Command::new("ann"), &[lodash], &options)
        .await
        .unwrap();
    assert!(report.committed.is_some());
    let moment = registry.refresh().await.unwrap();
    let contents = |state: &State| {
        state
            .package("lodash-es")?
            .versions
            .values()
            .next()
            .map(|it| it.contents.entries.len())
    };
    assert!(registry.ask(&moment, contents).await.unwrap() > Some(600));
}

#[tokio::test]
async fn nested_so_deep_that_a_parser_would_overflow() {
    let nested = |open: &str, close: &str, levels: usize| {
        format!(
            "export default {}1{};\n",
            open.repeat(levels),
            close.repeat(levels)
        )
    };
    let registry = registry(children(limits())).await;
    for (open, close) in [("(", ")"), ("[", "]"), ("`${", "}`")] {
        let folder = package("deep", &[("index.js", &nested(open, close, 5_000))]);
        publish(&registry, &[folder.path()]).await.unwrap();
        let folder = package("deep", &[("index.js", &nested(open, close, 5_000_000))]);
        let error = told(&publish(&registry, &[folder.path()]).await.unwrap_err());
        assert!(
            error.contains("nested deeper than 100000 levels"),
            "{error}"
        );
    }
    // Read by whoever has the memory, and here nobody has.
    let folder = package("deep", &[("index.js", &nested("(", ")", 99_000))]);
    let error = told(&publish(&registry, &[folder.path()]).await.unwrap_err());
    assert!(
        error.contains("MiB of stack, and the system gives none"),
        "{error}"
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn one_that_takes_too_much_memory() {
    let mut limits = limits();
    limits.memory = 96 << 20;
    let module = format!("export default [{}];\n", "{},".repeat(2 << 20));
    let folder = package("large", &[("index.js", &module)]);
    let error = refused(children(limits), folder.path()).await;
    let said = format!(
        "{} is not built: it takes more than 96 MiB of memory; split it",
        folder.path().display()
    );
    assert!(error.starts_with(&said), "{error}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn one_that_takes_too_long() {
    let mut short = limits();
    short.processor = Duration::from_secs(1);
    let module = format!("export default [{}];\n", "/a/.b`${c}`,".repeat(4 << 20));
    let folder = package("slow", &[("index.js", &module)]);
    let error = refused(children(short), folder.path()).await;
    assert!(
        error.contains("it takes more than 1 s of the processor"),
        "{error}"
    );
    // One that waits for somebody who never writes.
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("package.json");
    let made = std::process::Command::new("mkfifo").arg(pipe).status();
    assert!(made.unwrap().success());
    let mut short = limits();
    short.time = Duration::from_secs(2);
    let error = refused(children(short), folder.path()).await;
    assert!(error.contains("it takes more than 2 s;"), "{error}");
}

#[tokio::test]
async fn one_that_has_more_to_tell_than_anybody_hears() {
    let names: String = (0..5_000)
        .map(|number| format!("export const name_{number} = 1;\n"))
        .collect();
    let folder = package("many", &[("index.js", &names)]);
    let mut limits = limits();
    limits.answer = 4 << 10;
    let error = refused(children(limits), folder.path()).await;
    assert!(
        error.contains("so many files and names that they take more than 0 MiB"),
        "{error}"
    );
}

#[tokio::test]
async fn source_maps_and_package_descriptions_that_are_bombs() {
    let sections = format!(
        "{}{}",
        "[{\"map\":{\"version\":3,\"sections\":".repeat(50_000),
        "1"
    );
    let maps = [
        format!(
            r#"{{"version":3,"sources":[],"names":[],"mappings":"{}"}}"#,
            ";".repeat(1 << 20)
        ),
        format!(
            r#"{{"version":3,"sources":[{}""],"names":[],"mappings":"A"}}"#,
            "\"\",".repeat(1 << 18)
        ),
        format!(r#"{{"version":3,"sections":{sections}"#),
        r#"{"version":3,"sources":["a"],"names":[],"mappings":"//////////////////////8B"}"#
            .to_owned(),
    ];
    let registry = registry(children(limits())).await;
    for map in &maps {
        let module = "import './b.js';\nexport const it = 1;\n//# sourceMappingURL=index.js.map\n";
        let folder = package(
            "mapped",
            &[
                ("index.js", module),
                ("b.js", "export {};"),
                ("index.js.map", map),
            ],
        );
        // What cannot be read is left out, and said.
        publish(&registry, &[folder.path()]).await.unwrap();
    }
    let deep = format!(
        r#"{{"name":"a","exports":{}{}}}"#,
        "[".repeat(1 << 20),
        "]".repeat(1 << 20)
    );
    let wide: String = (0..20_000)
        .map(|number| format!(r#""./e{number}":"./{number}.js","#))
        .collect();
    let wide = format!(r#"{{"name":"a","exports":{{{wide}".":"./index.js"}}}}"#);
    let stars: String = (0..1_000)
        .map(|number| format!(r#""./{number}/*":"./*.js","#))
        .collect();
    let stars = format!(r#"{{"name":"a","type":"module","exports":{{{stars}".":"./index.js"}}}}"#);
    let folder = package("a", &[("index.js", "export {};\n")]);
    for (json, words) in [(deep, "recursion limit"), (wide, "0.js"), (stars, "")] {
        fs::write(folder.path().join("package.json"), json).unwrap();
        if let Err(error) = publish(&registry, &[folder.path()]).await {
            assert!(told(&error).contains(words), "{}", &told(&error)[..500]);
        }
    }
    let good = package("good", &[("index.js", "export {};\n")]);
    publish(&registry, &[good.path()]).await.unwrap();
}

/// Neither links nor registers lead out of what was sent.
#[cfg(unix)]
#[tokio::test]
async fn files_of_this_machine_are_not_read() {
    use std::os::unix::fs::symlink;

    let secret = tempfile::tempdir().unwrap();
    let file = secret.path().join("radpack.json");
    let text = r#"{"exports":{"secret":{"v":["1.0.0"],"d":[],"index":[["a.js"]]}}}"#;
    fs::write(&file, text).unwrap();
    let module = "export {};\n";
    let linked = package("a", &[]);
    symlink(&file, linked.path().join("index.js")).unwrap();
    let described = package("a", &[("index.js", module)]);
    fs::remove_file(described.path().join("package.json")).unwrap();
    symlink(&file, described.path().join("package.json")).unwrap();
    let registered = package("a", &[("index.js", module)]);
    let json = format!(
        r#"{{"name":"a","type":"module","exports":"./index.js","radpack":{{"register":{:?}}}}}"#,
        file.display().to_string()
    );
    fs::write(registered.path().join("package.json"), json).unwrap();
    for (folder, words) in [
        (linked, "is a symbolic link that leads out of the package"),
        (described, "has no name"),
        (registered, "there is no such file in the package"),
    ] {
        let error = refused(children(limits()), folder.path()).await;
        assert!(error.contains(words), "{error}");
        assert!(!error.contains("1.0.0"), "{error}");
    }
}

/// A child is handed nothing but what it needs, and ends with whoever wants it no more.
#[cfg(unix)]
#[tokio::test]
async fn children_know_nothing_and_do_not_outlive_who_asks() {
    let folder = package("a", &[("index.js", "export {};\n")]);
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("said");
    let shell = |script: &str| {
        let arguments = [
            "-c".to_owned(),
            script.to_owned(),
            file.display().to_string(),
        ];
        Builder::child("/bin/sh", arguments, limits())
    };
    let error = refused(shell(r#"export -p > "$0""#), folder.path()).await;
    assert!(error.contains("not understood"), "{error}");
    let environment = fs::read_to_string(&file).unwrap();
    assert!(environment.contains("RAYON_NUM_THREADS"), "{environment}");
    // What every test is run with.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert!(!environment.contains("CARGO_MANIFEST_DIR"), "{environment}");
    let error = refused(shell("kill -9 $$"), folder.path()).await;
    assert!(error.contains("fails (signal: 9"), "{error}");
    let error = refused(
        Builder::child(place.path().join("none"), [""], limits()),
        folder.path(),
    )
    .await;
    assert!(error.contains("cannot be started"), "{error}");
    fs::remove_file(&file).unwrap();
    let waiting = refused(
        shell(r#"echo $$ > "$0.new"; mv "$0.new" "$0"; exec sleep 10000"#),
        folder.path(),
    );
    let begun = async {
        while !file.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        error = waiting => panic!("{error}"),
        () = begun => {}
    }
    let stat = format!("/proc/{}/stat", fs::read_to_string(&file).unwrap().trim());
    // Gone, or dead and not yet buried.
    while fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A child that says whatever is to be believed of the package `a`, having done something before.
#[cfg(unix)]
fn saying(place: &Path, before: &str, made: &serde_json::Value) -> Builder {
    saying_of("a", place, before, made)
}

/// The same of a package that is called otherwise.
#[cfg(unix)]
fn saying_of(name: &str, place: &Path, before: &str, made: &serde_json::Value) -> Builder {
    let said = place.join("said");
    fs::write(&said, format!("{made}\n")).unwrap();
    let described = serde_json::json!({
        "Described": { "name": name, "version": null, "prebuilt": false, "imports": [], "inputs": [] },
    });
    let script = format!(
        r#"task=$(cat); case "$task" in *'"what":"Describe"'*) echo '{described}';; *) {before} cat "$0";; esac"#
    );
    let arguments = ["-c".to_owned(), script, said.display().to_string()];
    Builder::child("/bin/sh", arguments, limits())
}

/// What a child says is believed as far as it is seen: whatever rules it names no other package, and no file of this machine.
#[cfg(unix)]
#[tokio::test]
async fn one_that_lies_is_refused() {
    use serde_json::json;

    let source = "export const it = 1;\n";
    let folder = package("a", &[("index.js", source)]);
    let place = tempfile::tempdir().unwrap();
    let secret = place.path().join("secret");
    fs::write(&secret, "a secret of this machine").unwrap();
    let secret = secret.canonicalize().unwrap().display().to_string();
    let file = |contents: &str| {
        let hash = radpack_registry::Hash::of(contents.as_bytes());
        json!({ "sha256": hash, "bytes": contents.len() })
    };
    let made = |name: &str, version: &str| {
        let manifest = format!(
            r#"{{"exports":{{"{name}":{{"v":[[{version}]],"d":[["index",[{{"v":[0],"f":"index.js"}}]]]}}}}}}"#
        );
        json!({ "Made": {
            "contents": { "sources": {}, "files": {}, "entries": {} },
            "root": "/", "package": manifest, "warnings": [], "left_out": [],
        } })
    };
    let with = |kind: &str, name: &str, contents: &str| {
        let mut made = made("b", "0");
        made["Made"]["package"] = "{}".into();
        made["Made"]["contents"][kind][name] = file(contents);
        made
    };
    let up = format!("{}{}", "../".repeat(20), &secret[1..]);
    let link = format!("ln -s '{secret}' '{}/link';", folder.path().display());
    let hidden = "a secret of this machine";
    let built = format!(
        r#"out=$(printf %s "$task" | sed -n 's/.*"out":"\([^"]*\)".*/\1/p'); mkdir -p "$out"; ln -s '{}' "$out/a";"#,
        place.path().display()
    );
    let mut entry = with("sources", "index.js", source);
    entry["Made"]["contents"]["entries"]["index"] =
        json!({ "file": "/etc/passwd", "statics": [], "dynamics": [] });
    for (what, before, made, words) in [
        (
            "another package",
            "",
            made("b", "0"),
            "it built another package than a",
        ),
        (
            "another version",
            "",
            made("a", "7"),
            "it built another version",
        ),
        (
            "a module that is no file",
            "",
            made("a", "0"),
            "it built \"index.js\"",
        ),
        (
            "an entry that is no file",
            "",
            entry,
            "it built \"/etc/passwd\"",
        ),
        (
            "other bytes",
            "",
            with("sources", "index.js", "others"),
            "what \"index.js\" is",
        ),
        (
            "no file",
            "",
            with("sources", "none.js", ""),
            "what \"none.js\" is",
        ),
        ("a folder", "", with("sources", "", ""), "what \"\" is"),
        ("a way out", "", with("sources", &up, hidden), "what \"../"),
        (
            "a whole path",
            "",
            with("sources", &secret, hidden),
            "secret\" is",
        ),
        (
            "a link",
            &*link,
            with("sources", "link", hidden),
            "what \"link\" is",
        ),
        (
            "nothing built",
            "",
            with("files", "index.js", source),
            "what the output is",
        ),
        (
            "something built elsewhere",
            &*built,
            with("files", "secret", hidden),
            "what the output is",
        ),
    ] {
        let error = refused(saying(place.path(), before, &made), folder.path()).await;
        assert!(
            error.contains("is not built: whatever reads its modules fails (it says ")
                && error.contains(words),
            "{what}: {error}"
        );
    }
    let up = format!("{}{}", "../".repeat(20), place.path().display());
    let made = with("files", "secret", hidden);
    let error = refused(saying_of(&up, place.path(), "", &made), folder.path()).await;
    assert!(
        error.contains("it says that the package is called \"../"),
        "{error}"
    );
    // What is so is believed, said by the same child.
    fs::remove_file(folder.path().join("link")).unwrap();
    let honest = with("sources", "index.js", source);
    let registry = registry(saying(place.path(), "", &honest)).await;
    publish(&registry, &[folder.path()]).await.unwrap();
    assert_eq!(registry.verify().await.unwrap().findings, []);
}

/// Many packages are held together until all of them are published.
#[tokio::test]
async fn together_they_may_say_only_so_much() {
    let names: String = (0..200)
        .map(|number| format!("export const name_{number} = 1;\n"))
        .collect();
    let folders: Vec<TempDir> = (0..4)
        .map(|number| package(&format!("many-{number}"), &[("index.js", &names)]))
        .collect();
    let folders: Vec<&Path> = folders.iter().map(TempDir::path).collect();
    let mut limits = limits();
    limits.answers = 6 << 10;
    let registry = registry(children(limits)).await;
    let error = told(&publish(&registry, &folders).await.unwrap_err());
    assert!(error.contains("publish fewer packages at once"), "{error}");
    for folder in folders {
        publish(&registry, &[folder]).await.unwrap();
    }
}

/// Whoever asks may be killed; nobody else ends the child then.
#[cfg(target_os = "linux")]
#[test]
fn children_end_with_whoever_asked() {
    use std::io::{ErrorKind, Write as _};
    use std::process::Stdio;

    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("package.json");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let program = std::env::current_exe().unwrap();
    let mut asking = std::process::Command::new(program)
        .args(["--exact", ASKING, "--nocapture"])
        .env("FOLDER_TO_ASK_FOR", folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // Once it reads what nobody writes, it has begun.
    let mut writer = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    asking.kill().unwrap();
    asking.wait().unwrap();
    // Soon nobody reads any more. Until then it waits for the rest, having heard a space or two.
    let is_heard = |writer: &mut fs::File| {
        let written = writer.write(b" ");
        written.map_err(|error| error.kind()) != Err(ErrorKind::BrokenPipe)
    };
    while is_heard(&mut writer) {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Publishes a folder that it is told of by its environment, and else nothing.
#[tokio::test]
async fn asking() {
    if let Some(folder) = std::env::var_os("FOLDER_TO_ASK_FOR") {
        let registry = registry(children(limits())).await;
        let _ = publish(&registry, &[Path::new(&folder)]).await;
    }
}
