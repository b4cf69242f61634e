//! A service at full load while packages are released: nothing goes wrong, and it takes no more memory than at first.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::radpack_in;

/// How many seconds it takes, if not as few as usual. What it takes in memory is compared in the long form only.
const SOAK: &str = "RADPACK_SOAK";

const READERS: usize = 4;

/// From how many seconds on memory has had the time to show what it does.
const LONG: u64 = 60;

/// A service, until it is dropped.
struct Served {
    child: Child,
    address: String,
    _said: BufReader<ChildStdout>,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(folder: &Path) -> Served {
    // What is remembered of the past has room for a minute's releases, so that whatever grows beyond that shows.
    let arguments = [
        "serve",
        "--store=store",
        "--listen=127.0.0.1:0",
        "--manifest-memory=4",
        "--module-memory=4",
    ];
    let mut child = radpack_in(folder, arguments)
        .command()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    Served {
        child,
        address: line.trim().strip_prefix("http://").unwrap().to_owned(),
        _said: said,
    }
}

impl Served {
    /// What it has of this machine's memory, in KiB; 0 where the system does not say.
    fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let words = line.unwrap_or_default().split_whitespace().next();
        words.map_or(0, |kib| kib.parse().unwrap())
    }
}

/// A connection that is kept.
struct Client {
    reading: BufReader<TcpStream>,
    tag: String,
}

impl Client {
    fn to(address: &str) -> Client {
        Client {
            reading: BufReader::new(TcpStream::connect(address).unwrap()),
            tag: String::new(),
        }
    }

    /// The status and the body.
    fn get(&mut self, path: &str, headers: &str) -> (u16, Vec<u8>) {
        let request = format!("GET {path} HTTP/1.1\r\nhost: radpack\r\n{headers}\r\n");
        self.reading
            .get_mut()
            .write_all(request.as_bytes())
            .unwrap();
        let mut line = String::new();
        self.reading.read_line(&mut line).unwrap();
        let status = line
            .get(9..12)
            .unwrap_or_else(|| panic!("{path}: {line:?}"))
            .parse()
            .unwrap();
        let mut length = 0;
        loop {
            line.clear();
            self.reading.read_line(&mut line).unwrap();
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(": ").unwrap();
            match name {
                "content-length" => length = value.parse().unwrap(),
                "etag" => self.tag = value.to_owned(),
                _ => {}
            }
        }
        let mut body = vec![0; if status == 304 { 0 } else { length }];
        self.reading.read_exact(&mut body).unwrap();
        (status, body)
    }

    fn whole(&mut self, path: &str) -> Vec<u8> {
        let (status, body) = self.get(path, "");
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
        body
    }
}

/// What a page does, again and again. Gives how many requests that were.
fn read(address: &str, is_over: &AtomicBool) -> u64 {
    let mut client = Client::to(address);
    let mut requests = 0;
    while !is_over.load(Ordering::Relaxed) {
        let manifest: Value = serde_json::from_slice(&client.whole("/radpack.json")).unwrap();
        let tag = format!("if-none-match: {}\r\n", client.tag);
        let (status, _) = client.get("/radpack.json", &tag);
        assert!(matches!(status, 200 | 304), "{status}");
        let (status, body) = client.get("/radpack.json", "accept-encoding: br\r\n");
        assert!(status == 200 && !body.is_empty());
        client.whole("/radpack.json?roots=app");
        client.whole("/import-map.json?roots=app,shapes");
        client.whole("/import-map.html?roots=app");
        let found: Value = serde_json::from_slice(&client.whole("/resolve/shapes")).unwrap();
        let url = found["url"].as_str().unwrap_or_else(|| panic!("{found}"));
        let text = String::from_utf8(client.whole(url)).unwrap();
        assert!(text.starts_with("export const area"), "{text}");
        assert!(manifest["exports"]["shapes"].is_object(), "{manifest}");
        assert_eq!(client.get("/m/shapes/none.js", "").0, 404);
        requests += 9;
    }
    requests
}

fn publish(folder: &Path, package: &str, number: u64) {
    let write = |file: &str, text: &str| {
        fs::create_dir_all(folder.join(package)).unwrap();
        fs::write(folder.join(package).join(file), text).unwrap();
    };
    let json = format!(
        r#"{{"name":"{package}","version":"1.0.{number}","type":"module","exports":"./index.js"}}"#
    );
    write("package.json", &json);
    let text = match package {
        "app" => "import { area } from 'shapes';\nexport default area;\n".to_owned(),
        _ => format!("export const area = (x) => x * {number};\n"),
    };
    write("index.js", &text);
    let arguments = ["publish", package, "--release", "--store", "store"];
    let ran = radpack_in(folder, arguments).run();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

#[test]
fn under_load_and_releases_nothing_goes_wrong() {
    let seconds: u64 = std::env::var(SOAK).map_or(5, |seconds| seconds.parse().unwrap());
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    radpack_in(folder, ["init", "--store", "store"]).run();
    publish(folder, "shapes", 0);
    publish(folder, "app", 0);
    let served = serve(folder);
    let is_over = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let (address, is_over) = (served.address.clone(), Arc::clone(&is_over));
            thread::spawn(move || read(&address, &is_over))
        })
        .collect();
    let (began, mut number) = (Instant::now(), 0);
    let mut warm = 0;
    let mut memory = Vec::new();
    while began.elapsed() < Duration::from_secs(seconds) || number < 3 {
        assert!(readers.iter().all(|reader| !reader.is_finished()));
        number += 1;
        publish(folder, "shapes", number);
        thread::sleep(Duration::from_millis(500));
        memory.push(served.memory());
        if warm == 0 && began.elapsed() > Duration::from_secs(seconds / 3) {
            warm = served.memory();
        }
    }
    is_over.store(true, Ordering::Relaxed);
    let requests: u64 = readers
        .into_iter()
        .map(|reader| reader.join().unwrap())
        .sum();
    let end = served.memory();
    eprintln!(
        "{requests} requests and {number} releases in {} s; memory {warm} KiB after a third, {end} KiB in the end, {} KiB at most",
        began.elapsed().as_secs(),
        memory.iter().max().unwrap()
    );
    assert!(requests > 0);
    if seconds >= LONG {
        // A few hundred versions more are known.
        assert!(end <= warm + warm / 4 + (8 << 10), "{memory:?}");
    }
}
