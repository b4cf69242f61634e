//! Publishing by archive, and archives that mean harm.

use std::io::Write as _;

use radpack_registry::state::token::Right;
use radpack_registry::{BuildLimits, Builder, Registry, Store, Uuid};
use radpack_server::{Limits, Settings};
use serde_json::{Value, json};

use super::{filled, get, package, tar, upload, upload_as};
use crate::running::{Running, settings};

async fn small() -> (Running, String) {
    let limits = Limits {
        upload_bytes: 1 << 20,
        unpacked_bytes: 4 << 20,
        upload_files: 50,
        upload_packages: 3,
        ..Limits::default()
    };
    let (registry, _) = Registry::init(Store::in_memory()).await.unwrap();
    let running = Running::over(
        registry,
        Settings {
            limits,
            ..settings()
        },
    )
    .await;
    let token = running
        .token(&[Right::Publish, Right::Release], &["*"])
        .await;
    (running, token)
}

fn packed(archive: &[u8]) -> Vec<u8> {
    zstd::encode_all(archive, 3).unwrap()
}

#[tokio::test]
async fn folders_are_published_together_and_once() {
    let running = filled().await;
    let token = running
        .token(&[Right::Publish, Right::Release], &["*"])
        .await;
    let json =
        |name: &str| json!({ "name": name, "type": "module", "exports": "./index.js" }).to_string();
    let archive = tar(&[
        (
            "publish.json",
            &json!({ "release": true, "message": "both", "folders": ["libs/one"] }).to_string(),
        ),
        ("0/package.json", &json("one")),
        (
            "0/index.js",
            "import { two } from 'two'; export const one = two;",
        ),
        ("1/package.json", &json("two")),
        ("1/index.js", "export const two = 2;"),
    ]);
    let id = Uuid::now_v7().to_string();
    let headers = [("idempotency-key", &*id), ("content-encoding", "zstd")];
    let (status, done) =
        upload_as(&running, "/api/publish", &token, &headers, packed(&archive)).await;
    assert_eq!(
        (status, &done["kind"]),
        (200, &json!("published")),
        "{done}"
    );
    assert_eq!(
        done["facts"]["versions"].as_array().unwrap().len(),
        2,
        "{done}"
    );
    assert_eq!(
        done["facts"]["releases"].as_array().unwrap().len(),
        2,
        "{done}"
    );
    let (status, again) =
        upload_as(&running, "/api/publish", &token, &headers, packed(&archive)).await;
    assert_eq!(
        (status, &again["repeated"], &again["seq"]),
        (200, &json!(true), &done["seq"]),
        "{again}"
    );
    assert_eq!(get(&running, "/api/packages/one", "").await.0, 200);
    // The same sources under a new command are nothing to do.
    let (status, nothing) = upload(&running, "/api/publish", &token, archive).await;
    assert_eq!(
        (status, &nothing["done"]),
        (200, &json!(false)),
        "{nothing}"
    );
}

#[tokio::test]
async fn what_cannot_be_built_is_told_with_the_senders_names() {
    let running = filled().await;
    let token = running.token(&[Right::Publish], &["*"]).await;
    let archive = tar(&[
        ("publish.json", r#"{"folders":["libs/bad"]}"#),
        (
            "0/package.json",
            r#"{"name":"bad","type":"module","exports":"./index.js"}"#,
        ),
        ("0/index.js", "import './missing.js'; export const x = ;"),
    ]);
    let (status, problem) = upload(&running, "/api/publish", &token, archive).await;
    assert_eq!(status, 422, "{problem}");
    assert!(
        problem["detail"].as_str().unwrap().contains("libs/bad"),
        "{problem}"
    );
    assert!(
        problem["causes"][0].as_str().unwrap().contains("index.js"),
        "{problem}"
    );
    assert!(!problem.to_string().contains("/in/"), "{problem}");
    let (status, refused) = upload(
        &running,
        "/api/publish",
        &token,
        tar(&[("publish.json", r#"{"foo":1}"#), ("0/x", "")]),
    )
    .await;
    assert_eq!(status, 422, "{refused}");
    let register = tar(&[(
        "0/package.json",
        r#"{"name":"a","radpack":{"register":["/etc/passwd"]}}"#,
    )]);
    let (status, refused) = upload(&running, "/api/publish", &token, register).await;
    assert!(
        status == 400 && refused["detail"].as_str().unwrap().contains("register"),
        "{refused}"
    );
}

#[tokio::test]
async fn publishing_takes_the_right_before_anything_is_read() {
    let running = filled().await;
    let archive = package("shapes", "2.0.0", "export const a = 1;");
    assert_eq!(
        upload(&running, "/api/publish", "", archive.clone())
            .await
            .0,
        401
    );
    let reader = running.token(&[Right::Read], &["*"]).await;
    let (status, refused) = upload(&running, "/api/publish", &reader, b"no archive".to_vec()).await;
    assert_eq!(
        (status, &refused["kind"]),
        (403, &json!("denied")),
        "{refused}"
    );
    let other = running.token(&[Right::Publish], &["secret"]).await;
    let (status, refused) = upload(&running, "/api/publish", &other, archive.clone()).await;
    assert_eq!(status, 403, "{refused}");
    let right = running.token(&[Right::Publish], &["shapes"]).await;
    let (status, done) = upload(&running, "/api/publish", &right, archive).await;
    assert_eq!(status, 200, "{done}");
    for path in ["/api/gc", "/api/import"] {
        assert_eq!(
            upload(&running, path, &right, Vec::new()).await.0,
            403,
            "{path}"
        );
    }
    let admin = running.token(&[Right::Admin], &["*"]).await;
    let (status, swept) = upload(&running, "/api/gc", &admin, Vec::new()).await;
    assert_eq!((status, &swept["objects"]), (200, &json!(0)), "{swept}");
    let (status, refused) = upload(&running, "/api/import", &admin, b"no backup".to_vec()).await;
    assert_eq!(
        (status, &refused["kind"]),
        (400, &json!("invalid")),
        "{refused}"
    );
}

#[tokio::test]
async fn a_backup_is_imported() {
    let running = filled().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup");
    running.registry.backup(&file, None).await.unwrap();
    let backup = std::fs::read(&file).unwrap();
    let (other, _) = Registry::init(Store::in_memory()).await.unwrap();
    let other = Running::over(other, settings()).await;
    let admin = other.token(&[Right::Admin], &["*"]).await;
    let (status, done) = upload(&other, "/api/import?packages=shapes", &admin, backup).await;
    assert_eq!((status, &done["kind"]), (200, &json!("imported")), "{done}");
    let (_, packages) = get(&other, "/api/packages", &admin).await;
    assert_eq!(packages.as_array().unwrap().len(), 1, "{packages}");
}

/// An entry as its sender wrote it, whatever that is.
fn raw(path: &str, kind: tar::EntryType, link: &str, size: u64, contents: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    let name = &mut header.as_old_mut().name;
    name[..path.len()].copy_from_slice(path.as_bytes());
    let to = &mut header.as_old_mut().linkname;
    to[..link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o777);
    header.set_cksum();
    let mut archive = header.as_bytes().to_vec();
    archive.extend(contents);
    archive.resize(archive.len().div_ceil(512) * 512, 0);
    archive.extend([0; 1024]);
    archive
}

/// What is said of a file beside its header, as PAX has it.
fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let mut said = String::new();
    for (key, value) in records {
        // The length counts itself.
        let rest = key.len() + value.len() + 3;
        let mut length = rest;
        while rest + length.to_string().len() != length {
            length = rest + length.to_string().len();
        }
        said += &format!("{length} {key}={value}\n");
    }
    said.into_bytes()
}

/// Entries one after another, without the ends that they have alone.
fn together(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut archive: Vec<u8> = entries
        .iter()
        .flat_map(|entry| entry[..entry.len() - 1_024].to_vec())
        .collect();
    archive.extend([0; 1_024]);
    archive
}

/// What one reader of an archive takes for bytes of a file, another may take for a link, a bomb, or nothing at all.
#[tokio::test]
async fn no_file_has_two_sizes() {
    let (running, token) = small().await;
    let regular = tar::EntryType::Regular;
    let link = raw("0/link", tar::EntryType::Symlink, "/", 0, b"");
    let package = br#"{"name":"a","version":"1.0.0","type":"module","exports":"./index.js"}"#;
    let json = raw("0/package.json", regular, "", package.len() as u64, package);
    for kind in [tar::EntryType::XHeader, tar::EntryType::XGlobalHeader] {
        for (what, records, file) in [
            // Larger than its header says: it swallows what was checked.
            (
                "larger",
                pax(&[("size", "1048576")]),
                raw("0/a", regular, "", 0, b""),
            ),
            // Smaller: what was taken for its bytes is a link.
            (
                "smaller",
                pax(&[("size", "0")]),
                raw("0/a", regular, "", link.len() as u64, &link),
            ),
            (
                "larger than anything",
                pax(&[("size", "99999999999999")]),
                raw("0/a", regular, "", 0, b""),
            ),
            (
                "after others",
                pax(&[("mtime", "1.5"), ("path", "0/b"), ("size", "7")]),
                raw("0/a", regular, "", 1, b"x"),
            ),
            (
                "a hole",
                pax(&[
                    ("GNU.sparse.major", "1"),
                    ("GNU.sparse.realsize", "99999999999"),
                ]),
                raw("0/a", regular, "", 1, b"x"),
            ),
            (
                "noise",
                b"7 size=\n\xff".to_vec(),
                raw("0/a", regular, "", 1, b"x"),
            ),
        ] {
            let header = raw("x", kind, "", records.len() as u64, &records);
            let archive = together(&[json.clone(), header, file]);
            let (status, problem) = upload(&running, "/api/publish", &token, archive).await;
            assert_eq!(
                (status, &problem["kind"]),
                (400, &json!("invalid")),
                "{what}: {problem}"
            );
            let detail = problem["detail"].as_str().unwrap();
            assert!(
                detail.starts_with("the archive has a header") || detail.contains("no archive"),
                "{what}: {problem}"
            );
        }
    }
    // What else is said so is taken: longer paths, and times.
    let records = pax(&[("path", "0/index.js"), ("mtime", "1.5")]);
    let comment = pax(&[("comment", "of a commit")]);
    let archive = together(&[
        raw(
            "pax_global_header",
            tar::EntryType::XGlobalHeader,
            "",
            comment.len() as u64,
            &comment,
        ),
        json,
        raw(
            "x",
            tar::EntryType::XHeader,
            "",
            records.len() as u64,
            &records,
        ),
        raw("0/i", regular, "", 19, b"export const a = 1;"),
    ]);
    let (status, done) = upload(&running, "/api/publish", &token, archive).await;
    assert_eq!(
        (status, &done["kind"]),
        (200, &json!("published")),
        "{done}"
    );
}

#[tokio::test]
async fn hostile_archives_are_refused_and_leave_nothing() {
    let (running, token) = small().await;
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().join("x").display().to_string();
    let many: Vec<String> = (0..1_000).map(|index| format!("0/{index}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|path| (&**path, "")).collect();
    // A path brings its folders with it.
    let folders: Vec<String> = (0..5)
        .map(|index| format!("0/{index}/{}x", "d/".repeat(20)))
        .collect();
    let folders: Vec<(&str, &str)> = folders.iter().map(|path| (&**path, "")).collect();
    let deep = format!("0/{}x", "d/".repeat(80));
    let regular = tar::EntryType::Regular;
    for (what, archive, status) in [
        (
            "a link",
            raw("0/a", tar::EntryType::Symlink, &target, 0, b""),
            400,
        ),
        (
            "a hard link",
            raw("0/a", tar::EntryType::Link, &target, 0, b""),
            400,
        ),
        (
            "a device",
            raw("0/a", tar::EntryType::Char, "", 0, b""),
            400,
        ),
        ("a pipe", raw("0/a", tar::EntryType::Fifo, "", 0, b""), 400),
        (
            "a hole",
            raw("0/a", tar::EntryType::GNUSparse, "", 0, b""),
            400,
        ),
        ("a climb", raw("0/../../x", regular, "", 1, b"x"), 400),
        ("a way out", raw(&target, regular, "", 1, b"x"), 400),
        ("a backslash", raw("0\\x", regular, "", 1, b"x"), 400),
        ("twice", tar(&[("0/a", "1"), ("0/a", "2")]), 400),
        (
            "a file as a folder",
            tar(&[("0/a", "1"), ("0/a/b", "2")]),
            400,
        ),
        ("too deep", tar(&[(&deep, "1")]), 400),
        ("too many", tar(&many), 413),
        ("too many that are only folders", tar(&folders), 413),
        ("a lie", raw("0/a", regular, "", 1 << 40, b"x"), 413),
        (
            "cut off",
            raw("0/a", regular, "", 3_000, b"x")[..700].to_vec(),
            400,
        ),
        (
            "a huge name",
            raw(
                "0/a",
                tar::EntryType::GNULongName,
                "",
                200_000,
                &[b'x'; 200_000],
            ),
            400,
        ),
        (
            "a huge header",
            raw(
                "0/a",
                tar::EntryType::XHeader,
                "",
                200_000,
                &[b'x'; 200_000],
            ),
            400,
        ),
        ("noise", vec![7; 10_000], 400),
        ("nothing", Vec::new(), 400),
        ("no folder", tar(&[("package.json", "{}")]), 400),
        (
            "too many packages",
            tar(&[("0/a", ""), ("1/a", ""), ("2/a", ""), ("3/a", "")]),
            413,
        ),
        ("too large", vec![0; 2 << 20], 413),
    ] {
        let (said, problem) = upload(&running, "/api/publish", &token, archive).await;
        assert_eq!(said, status, "{what}: {problem}");
        assert!(problem["detail"].is_string(), "{what}: {problem}");
    }
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    assert_eq!(get(&running, "/api/packages", "").await.1, json!([]));
}

#[tokio::test]
async fn bombs_do_not_go_off() {
    let (running, token) = small().await;
    // A hundred megabytes of nothing in a few kilobytes.
    let zeros = vec![0; 100 << 20];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&raw("0/a", tar::EntryType::Regular, "", 100 << 20, b"")[..512])
        .unwrap();
    gzip.write_all(&zeros).unwrap();
    let file = raw("0/a", tar::EntryType::Regular, "", 100 << 20, b"");
    let zstd_of = |parts: &[&[u8]]| packed(&parts.concat());
    for (encoding, body) in [
        ("gzip", gzip.finish().unwrap()),
        ("zstd", zstd_of(&[&file[..512], &zeros])),
        ("zstd", b"\x28\xb5\x2f\xfd\xff\xff\xff\xff\xff".to_vec()),
        ("gzip", b"\x1f\x8b\x08".to_vec()),
    ] {
        let headers = [("content-encoding", encoding)];
        let (status, problem) = upload_as(&running, "/api/publish", &token, &headers, body).await;
        assert!(matches!(status, 400 | 413), "{status} {problem}");
    }
    let (status, _) = upload_as(
        &running,
        "/api/publish",
        &token,
        &[("content-encoding", "br")],
        Vec::new(),
    )
    .await;
    assert_eq!(status, 415);
    let (_, alive) = get(&running, "/readyz", "").await;
    assert_ne!(alive, Value::Null);
}

/// What would be refused for other reasons as well is refused for the right that is lacking: those reasons say what there is.
#[tokio::test]
async fn who_may_not_publish_learns_nothing_of_a_package() {
    let running = filled().await;
    let other = running.token(&[Right::Publish], &["shapes"]).await;
    // The number is taken.
    let taken = package("secret", "1.0.0", "export const other = 1;");
    let (status, refused) = upload(&running, "/api/publish", &other, taken).await;
    assert_eq!(
        (status, &refused["kind"]),
        (403, &json!("denied")),
        "{refused}"
    );
    let publisher = running.token(&[Right::Publish], &["secret"]).await;
    let open = json!({ "draft": "hidden", "package": "secret" });
    assert_eq!(
        running.command("/api/drafts", &publisher, open).await.0,
        200
    );
    // It cannot be built: it is empty.
    let path = "/api/drafts/hidden/publish";
    let (status, refused) = running.command(path, &other, json!({})).await;
    assert_eq!(
        (status, &refused["kind"]),
        (404, &json!("unknown")),
        "{refused}"
    );
    let (status, refused) = running
        .command(path, &publisher, json!({ "release": true }))
        .await;
    assert_eq!(
        (status, &refused["kind"]),
        (403, &json!("denied")),
        "{refused}"
    );
    assert_eq!(running.command(path, &publisher, json!({})).await.0, 422);
}

/// What is sent again because its answer was lost is not built beside the first.
#[cfg(unix)]
#[tokio::test]
async fn what_is_sent_again_meanwhile_waits_for_the_first() {
    use std::time::Duration;

    let source = "export const a = 1;";
    let hash = radpack_registry::Hash::of(source.as_bytes());
    let made = json!({ "Made": {
        "contents": {
            "sources": { "index.js": { "sha256": hash, "bytes": source.len() } }, "files": {}, "entries": {},
        },
        "root": "/", "package": "{}", "warnings": [], "left_out": [],
    } });
    let described = json!({ "Described": {
        "name": "a", "version": null, "prebuilt": false, "imports": [], "inputs": [],
    } });
    // It builds as long as nobody says that it is enough, and notes how often it was asked to.
    let place = tempfile::tempdir().unwrap();
    let file = |name: &str| place.path().join(name);
    let script = format!(
        r#"cd "$0"
case "$(cat)" in
  *'"what":"Describe"'*) echo '{described}';;
  *) echo >> begun; while [ ! -e enough ]; do sleep 0.02; done; echo '{made}';;
esac"#
    );
    let arguments = ["-c".to_owned(), script, place.path().display().to_string()];
    let builder = Builder::child("/bin/sh", arguments, BuildLimits::default());
    let (registry, _) = Registry::init(Store::in_memory()).await.unwrap();
    let running = Running::over(registry.built_by(builder), settings()).await;
    let token = running.token(&[Right::Publish], &["*"]).await;
    let id = Uuid::now_v7().to_string();
    let headers = [("idempotency-key", &*id)];
    let send = || {
        let archive = package("a", "1.0.0", source);
        upload_as(&running, "/api/publish", &token, &headers, archive)
    };
    let later = async {
        while !file("begun").exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let enough = async {
            // Whoever builds a second time does so by now.
            tokio::time::sleep(Duration::from_millis(300)).await;
            std::fs::write(file("enough"), "").unwrap();
        };
        tokio::join!(send(), send(), enough)
    };
    let (first, (second, third, ())) = tokio::join!(send(), later);
    for (status, done) in [&first, &second, &third] {
        assert_eq!(
            (*status, &done["kind"], &done["seq"]),
            (200, &json!("published"), &first.1["seq"]),
            "{done}"
        );
    }
    let begun = std::fs::read_to_string(file("begun")).unwrap();
    assert_eq!(begun.lines().count(), 1);
    // And later, by the history.
    let (status, again) = send().await;
    assert_eq!((status, &again["repeated"]), (200, &json!(true)), "{again}");
}

/// A draft is pinned against registers as large as those that come with folders.
#[tokio::test]
async fn a_draft_is_published_against_a_large_register() {
    let running = filled().await;
    let token = running.token(&[Right::Publish], &["*"]).await;
    let open = json!({ "draft": "mine", "package": "shapes", "from": "shapes@1.1.0" });
    assert_eq!(running.command("/api/drafts", &token, open).await.0, 200);
    let packages: serde_json::Map<String, Value> = (0..20_000)
        .map(|number| {
            let package =
                json!({ "v": [[1]], "d": [["index", [{ "v": [0], "f": "index-0123456789abcdef.js" }]]] });
            (format!("a-package-{number}"), package)
        })
        .collect();
    let asked = json!({ "registers": [{ "manifest": { "exports": packages } }] });
    assert!(asked.to_string().len() > 1 << 20);
    let path = "/api/drafts/mine/publish";
    let (status, done) = running.command(path, &token, asked).await;
    assert_eq!(status, 200, "{done}");
    let asked = json!({ "message": "x".repeat(16 << 20) });
    let (status, refused) = running.command(path, &token, asked).await;
    assert_eq!(
        (status, &refused["kind"]),
        (413, &json!("too-large")),
        "{refused}"
    );
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("larger than 16 MiB"), "{detail}");
}
