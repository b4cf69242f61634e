//! `radpack local`, as it is used: files are changed, and what it serves is asked for.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::program::radpack_in;
use crate::server::{Answer, Server};

/// How long something may take that happens at all.
const PATIENCE: Duration = Duration::from_secs(60);

/// A workspace of two packages, the second imported by the first, and a third that is linked.
fn workspace() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(
        root,
        "shop/package.json",
        r#"{"name":"shop","private":true,"workspaces":["packages/*"]}"#,
    );
    write(
        root,
        "shop/packages/cart/package.json",
        r#"{"name":"@acme/cart","version":"1.0.0","type":"module","exports":"./index.js","dependencies":{"shapes":"workspace:*","linked":"*"}}"#,
    );
    write(
        root,
        "shop/packages/cart/index.js",
        "import { area } from 'shapes';\nimport 'linked';\nexport const cart = () => area(2);\n",
    );
    write(
        root,
        "shop/packages/shapes/package.json",
        r#"{"name":"shapes","version":"1.1.0","type":"module","exports":"./index.js"}"#,
    );
    write(
        root,
        "shop/packages/shapes/index.js",
        "export const area = (x) => x * x;\n",
    );
    write(
        root,
        "elsewhere/linked/package.json",
        r#"{"name":"linked","type":"module","exports":"./index.js"}"#,
    );
    write(
        root,
        "elsewhere/linked/index.js",
        "export default 'linked';\n",
    );
    folder
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[cfg(unix)]
fn link(root: &Path) {
    fs::create_dir_all(root.join("shop/node_modules")).unwrap();
    std::os::unix::fs::symlink(
        root.join("elsewhere/linked"),
        root.join("shop/node_modules/linked"),
    )
    .unwrap();
}

/// The program while it runs.
struct Running {
    child: Child,
    host: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn local(folder: &Path, arguments: &[&str]) -> Command {
    let all = ["local", "--port", "0"].iter().chain(arguments);
    let mut command = radpack_in(folder, all).command();
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .stdin(Stdio::null());
    command
}

fn begin(mut command: Command) -> Running {
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    // It must never wait for somebody to read.
    std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
    let host = line
        .trim()
        .strip_prefix("http://")
        .expect("it says where it is");
    Running {
        host: host.to_owned(),
        child,
    }
}

impl Running {
    /// Status and body.
    fn get(&self, path: &str) -> (u16, String) {
        let (head, body) = self.answer(path);
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body)
    }

    /// Head and body.
    fn answer(&self, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.host).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("access-control-allow-origin: *"), "{head}");
        assert!(head.contains("cache-control: no-store"), "{head}");
        (format!("{head}\r\n"), body.to_owned())
    }

    /// The events that are told from now on, each by its name, with its number.
    fn events(&self) -> impl Iterator<Item = (String, u64)> + use<> {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        let host = &self.host;
        write!(stream, "GET /-/events HTTP/1.0\r\nHost: {host}\r\n\r\n").unwrap();
        let mut name = String::new();
        let lines = BufReader::new(stream).lines().map(Result::unwrap);
        lines.filter_map(move |line| {
            if let Some(event) = line.strip_prefix("event: ") {
                name = event.to_owned();
            }
            let number = line.strip_prefix("data: ")?.parse().unwrap();
            Some((name.clone(), number))
        })
    }

    fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path);
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// What a package's modules hold, by following the import map.
    fn module(&self, id: &str) -> String {
        let map = self.json(&format!("/import-map.json?roots={id}"));
        let url = map["imports"][id].as_str().unwrap();
        let path = url.strip_prefix(&format!("http://{}", self.host)).unwrap();
        let (status, body) = self.get(path);
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// Waits until it is so.
    #[track_caller]
    fn until(&self, what: &str, is_so: impl Fn(&Running) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            assert!(began.elapsed() < PATIENCE, "{what}: {}", self.get("/").1);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[cfg(unix)]
    fn stop(mut self) -> i32 {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .unwrap()
                .success()
        );
        self.child
            .wait()
            .unwrap()
            .code()
            .expect("it ends by itself")
    }
}

/// The manifest of a package among those of a list.
fn manifest_of<'v>(list: &'v Value, name: &str) -> Option<&'v Value> {
    let manifests = list.as_array().unwrap().iter();
    manifests
        .rev()
        .find_map(|manifest| manifest["exports"].get(name))
}

#[cfg(unix)]
#[test]
fn what_changes_is_built_and_served() {
    let folder = workspace();
    let root = folder.path();
    link(root);
    let running = begin(local(&root.join("shop"), &[]));
    let list = running.json("/radpack");
    assert_eq!(
        manifest_of(&list, "shapes").unwrap()["v"],
        serde_json::json!([[1, 1]])
    );
    assert_eq!(
        manifest_of(&list, "linked").unwrap()["v"],
        serde_json::json!([[0]])
    );
    assert_eq!(
        list[0]["vars"]["baseUrl"],
        format!("http://{}/radpack/@acme/cart", running.host)
    );
    let cart = running.module("@acme/cart");
    assert!(
        cart.contains("'shapes@^1'") || cart.contains("\"shapes@^1\""),
        "{cart}"
    );
    assert!(running.module("shapes").contains("x * x"));

    // A file changes; then a version, and with it what others import.
    write(
        root,
        "shop/packages/shapes/index.js",
        "export const area = (x) => 3 * x;\n",
    );
    running.until("the change", |running| {
        running.module("shapes").contains("3 * x")
    });
    write(
        root,
        "shop/packages/shapes/package.json",
        r#"{"name":"shapes","version":"2.0.0","type":"module","exports":"./index.js"}"#,
    );
    running.until("the version", |running| {
        running.module("@acme/cart").contains("shapes@^2")
            && running.module("shapes@^2").contains("3 * x")
    });
    assert_eq!(running.get("/import-map.json?roots=shapes@%3D1.1.0").0, 404);

    // A package comes, another one goes.
    write(
        root,
        "shop/packages/new/package.json",
        r#"{"name":"new","version":"0.1.0","type":"module","exports":"./index.js"}"#,
    );
    write(root, "shop/packages/new/index.js", "export default 1;\n");
    running.until("the new package", |running| {
        manifest_of(&running.json("/radpack"), "new").is_some()
    });
    fs::remove_file(root.join("shop/node_modules/linked")).unwrap();
    running.until("the end of the link", |running| {
        manifest_of(&running.json("/radpack"), "linked").is_none()
    });
    assert_eq!(running.stop(), 0);
}

#[cfg(unix)]
#[test]
fn what_is_broken_keeps_the_last_good_build_and_the_page_says_so() {
    let folder = workspace();
    let root = folder.path();
    link(root);
    let running = begin(local(&root.join("shop"), &[]));
    let good = running.json("/radpack");
    assert!(!running.get("/").1.contains("last good build"));
    write(
        root,
        "shop/packages/shapes/index.js",
        "export const area = <b>;\n",
    );
    running.until("the problem", |running| {
        running.get("/").1.contains("last good build")
    });
    let page = running.get("/").1;
    assert!(page.contains("index.js:1:"), "{page}");
    assert!(!page.contains("<b>"), "{page}");
    assert_eq!(running.json("/radpack"), good);
    assert!(running.module("shapes").contains("x * x"));
    write(
        root,
        "shop/packages/shapes/index.js",
        "export const area = (x) => x + x;\n",
    );
    running.until("the end of the problem", |running| {
        !running.get("/").1.contains("last good build")
            && running.module("shapes").contains("x + x")
    });
}

#[cfg(unix)]
#[test]
fn it_lies_on_top_of_what_is_live_though_its_numbers_are_lower() {
    let folder = workspace();
    let root = folder.path();
    link(root);
    let live = r#"{"vars":{"baseUrl":"https://cdn.example"},"exports":{
        "linked":{"v":[[3,2,1]],"d":[["index",[{"v":[0],"f":"linked.js"}]]]},
        "other":{"v":[[1]],"d":[["index",[{"v":[0],"f":"other.js","s":[1]}]],"shapes@^1"]},
        "shapes":{"v":[[2,0],[1,9,4]],"d":[["index",[{"v":[0],"f":"shapes-2.js"},{"v":[1],"f":"shapes-1.js"}]]]}}}"#;
    let server = Server::new([("/radpack.json", Answer::ok(live))]);
    let register = format!("{}/radpack.json", server.url);
    let running = begin(local(&root.join("shop"), &["--register", &register]));
    let map = running.json("/import-map.json?roots=other,shapes@%5E2,shapes@1.9.4");
    let shapes = map["imports"]["shapes@^1"].as_str().unwrap();
    assert!(
        shapes.starts_with(&format!("http://{}/radpack/shapes/", running.host)),
        "{map}"
    );
    assert_eq!(
        map["imports"]["shapes@^2"],
        "https://cdn.example/shapes-2.js"
    );
    // Who asks for just that one gets it.
    assert_eq!(
        map["imports"]["shapes@1.9.4"],
        "https://cdn.example/shapes-1.js"
    );
    assert_eq!(map["imports"]["other"], "https://cdn.example/other.js");
    // What states no version takes the place of the newest one; the register alone has only what is here.
    let list = running.json("/radpack");
    assert_eq!(
        manifest_of(&list, "linked").unwrap()["v"],
        serde_json::json!([[3, 2, 1]])
    );
    assert!(manifest_of(&list, "other").is_none());
    let whole = running.json("/radpack.json");
    assert!(manifest_of(&whole, "other").is_some());
    let page = running.get("/").1;
    assert!(page.contains("over 2.0.0, 1.9.4"), "{page}");
}

#[test]
fn what_radpack_1_built_is_served_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(
        root,
        "package.json",
        r#"{"name":"widgets","version":"1.0.0"}"#,
    );
    write(
        root,
        "dist/web/radpack.json",
        r#"{"vars":{"baseUrl":"https://cdn.example"},"exports":{"widgets":{"v":[[1]],"d":[["index",[{"v":[0],"f":"index.js"}]]]}}}"#,
    );
    write(root, "dist/web/index.js", "define([], () => 1);\n");
    write(root, "dist/web/.secret", "no");
    for name in ["index.HTML", "favicon.ico", "unknown.xyz", "web/page.html"] {
        write(root, &format!("dist/{name}"), "");
    }
    write(root, "secret.js", "no");
    let running = begin(local(root, &["--route", "/dev/", "--statics", "dist"]));
    let list = running.json("/dev");
    assert_eq!(
        list[0]["vars"]["baseUrl"],
        format!("http://{}/dev/widgets/dist/web", running.host)
    );
    assert_eq!(running.module("widgets"), "define([], () => 1);\n");
    assert_eq!(running.get("/statics/web/index.js").0, 200);
    for (path, kind) in [
        ("/statics/index.HTML", "text/html; charset=utf-8"),
        ("/statics/favicon.ico", "image/vnd.microsoft.icon"),
        ("/statics/web/index.js", "text/javascript; charset=utf-8"),
        ("/statics/unknown.xyz", "application/octet-stream"),
        // What is in packages is no page.
        (
            "/dev/widgets/dist/web/page.html",
            "application/octet-stream",
        ),
    ] {
        let (head, _) = running.answer(path);
        let expected = format!("content-type: {kind}\r\n");
        assert!(head.contains(&expected), "{path}: {head}");
    }
    for path in [
        "/dev/widgets/dist/web/.secret",
        "/dev/widgets/dist/web/../../secret.js",
        "/dev/widgets/dist/web/%2e%2e/%2e%2e/secret.js",
        "/dev/widgets/dist/web/..%2f..%2fsecret.js",
        "/dev/widgets/dist/web//index.js",
        "/dev/widgets/dist/web/%00",
        "/dev/widgets/secret.js",
        "/dev/nope/index.js",
        "/statics/../secret.js",
        "/nothing",
    ] {
        assert_eq!(running.get(path).0, 404, "{path}");
    }
    // A build of another tool removes its folder first.
    fs::remove_dir_all(root.join("dist")).unwrap();
    write(
        root,
        "dist/radpack.json",
        r#"{"exports":{"widgets":{"v":[[2]],"d":[["index",[{"v":[0],"f":"index.js"}]]]}}}"#,
    );
    write(root, "dist/index.js", "define([], () => 2);\n");
    running.until("the other build", |running| {
        manifest_of(&running.json("/dev"), "widgets")
            .is_some_and(|widgets| widgets["v"] == serde_json::json!([[2]]))
    });
    assert_eq!(running.module("widgets"), "define([], () => 2);\n");
}

#[cfg(unix)]
#[test]
fn programs_get_its_address_and_their_exit_code_is_passed_on() {
    let folder = workspace();
    let root = folder.path();
    link(root);
    let shop = root.join("shop");
    let run = |commands: &[&str]| {
        let runs = commands.iter().flat_map(|command| ["--run", command]);
        let arguments: Vec<_> = ["local", "--port", "0"].into_iter().chain(runs).collect();
        radpack_in(&shop, arguments).run()
    };
    let ran = run(&["echo \"local $RADPACK_LOCAL\"; exit 7", "exit 3"]);
    assert_eq!(ran.code, 7, "{}", ran.stderr);
    let host = ran.stdout.lines().next().unwrap();
    assert!(
        ran.stdout.contains(&format!("local {host}/radpack\n")),
        "{}",
        ran.stdout
    );
    assert!(ran.stderr.contains("shapes 1.1.0\n"), "{}", ran.stderr);
    let ran = run(&["true"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let ran = run(&["kill -9 $$"]);
    assert_eq!(ran.code, 137, "{}", ran.stderr);
}

#[cfg(unix)]
#[test]
fn stopping_ends_what_it_runs_and_leaves_nothing() {
    let folder = workspace();
    let root = folder.path();
    link(root);
    let temporary = root.join("temporary");
    fs::create_dir(&temporary).unwrap();
    let ended = root.join("ended");
    let command = format!(
        "trap 'echo yes > {0}; exit 0' TERM; echo ready > {0}.ready; while :; do sleep 0.05; done",
        ended.display()
    );
    let opened = root.join("opened");
    let browser = root.join("browser");
    write(
        root,
        "browser",
        &format!(
            "#!/bin/sh\necho \"$1\" > {0}.new; mv {0}.new {0}\n",
            opened.display()
        ),
    );
    let mut permissions = fs::metadata(&browser).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
    fs::set_permissions(&browser, permissions).unwrap();
    let mut command = local(
        &root.join("shop"),
        &["--run", &command, "--open", "${RADPACK_LOCAL}?x"],
    );
    command.env("TMPDIR", &temporary).env("BROWSER", &browser);
    let running = begin(command);
    running.until("what it runs", |_| {
        root.join("ended.ready").exists() && opened.exists()
    });
    assert_eq!(
        fs::read_to_string(&opened).unwrap(),
        format!("http://{}/radpack?x\n", running.host)
    );
    assert_eq!(running.stop(), 0);
    assert_eq!(fs::read_to_string(&ended).unwrap(), "yes\n");
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
}

#[test]
fn what_cannot_be_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let ran = radpack_in(folder.path(), ["local", "nowhere", "--port", "0"]).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert!(
        ran.stderr
            .starts_with("error: cannot serve nowhere\ncaused by: "),
        "{}",
        ran.stderr
    );
    for (route, why) in [
        (
            "/a{b",
            "letters, digits, and -._~@ between single slashes can stand in it",
        ),
        ("/statics/x", "something else is there"),
        ("radpack.json", "something else is there"),
    ] {
        let ran = radpack_in(folder.path(), ["local", "--port", "0", "--route", route]).run();
        assert_eq!(ran.code, 1);
        let route = route.trim_matches('/');
        assert_eq!(
            ran.stderr,
            format!("error: the register cannot be at /{route}: {why}\n")
        );
    }
    let ran = radpack_in(folder.path(), ["local", "--port", "0", "--statics", "no"]).run();
    assert!(
        ran.stderr.starts_with("error: cannot serve no\n"),
        "{}",
        ran.stderr
    );
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ran = radpack_in(folder.path(), ["local", "--port", &port]).run();
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.starts_with(&format!(
            "error: cannot listen on localhost:{port}; --port takes another one"
        )),
        "{}",
        ran.stderr
    );
}

#[test]
fn who_loads_anew_whenever_something_is_built_does_so_once() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(
        root,
        "package.json",
        r#"{"name":"shapes","version":"1.0.0","type":"module","exports":"./index.js"}"#,
    );
    write(root, "index.js", "export const shown = 1;\n");
    let running = begin(local(root, &[]));
    let mut events = running.events();
    assert_eq!(events.next().unwrap(), ("now".to_owned(), 1));
    write(root, "index.js", "export const shown = 2;\n");
    assert_eq!(events.next().unwrap().0, "built");
    // Who comes again is told of nothing that was before.
    let mut events = running.events();
    let (event, now) = events.next().unwrap();
    assert_eq!(event, "now");
    write(root, "index.js", "export const shown = 3;\n");
    let (event, built) = events.next().unwrap();
    assert_eq!(event, "built");
    assert!(built > now, "{built} after {now}");
}
