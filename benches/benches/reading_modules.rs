//! Reading modules: what they import and export, and that they are well-formed; against es-module-lexer, which looks for imports and
//! exports alone. On lists of imports, and on bundles as they are written and minified.
//!
//! The peer is JavaScript and WebAssembly, so it runs in a Node.js process of its own (`reading_modules.mjs`), warm, and the two take
//! turns. Both get the text in memory, each in the form it takes: UTF-8 here, a JavaScript string there.
//!
//! Beside it, the parser that judges what the quick reader leaves to it, alone: what all files would take without that.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::fs;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use oxc_allocator::Allocator;
use oxc_parser::Parser;
use oxc_span::SourceType;
use radpack_benches::quick;
use radpack_build::module::{ImportKind, read};
use radpack_testkit::{cache_folder, npm_packages, npm_packages_in, workspace_folder};

/// How long one side works before it is the other's turn.
const TURN: Duration = Duration::from_millis(4);

const FASTER: &str = "must < 1";

/// What is read: a package's folder, a file in it, what is claimed, and what it is an example of.
const FILES: &[(&str, &str, &str, &str)] = &[
    ("lodash-es", "lodash.js", FASTER, "list of imports"),
    ("lodash-es", "lodash.default.js", FASTER, "list, and code"),
    ("three", "build/three.module.js", FASTER, "bundle"),
    ("three", "build/three.core.js", FASTER, "bundle"),
    ("three", "build/three.webgpu.js", FASTER, "bundle"),
    ("d3-array", "dist/d3-array.mjs", FASTER, "bundle"),
    ("d3-array", "dist/d3-array.min.mjs", FASTER, "minified"),
    ("alpinejs", "dist/module.esm.js", FASTER, "bundle"),
    ("alpinejs", "dist/module.esm.min.js", FASTER, "minified"),
    ("preact", "dist/preact.mjs", FASTER, "minified"),
];

/// The Node.js process that runs the peer.
struct Peer {
    process: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    fn start(package: &Path) -> Self {
        let script = workspace_folder().join("benches/benches/reading_modules.mjs");
        let mut process = Command::new("node")
            .arg(script)
            .arg(package)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node can be started; install Node.js");
        let requests = process.stdin.take().expect("it is piped");
        let answers = BufReader::new(process.stdout.take().expect("it is piped"));
        Peer {
            process,
            requests,
            answers,
        }
    }

    /// Parses a file so many times: the time that one took, in seconds, and how many imports were found.
    fn parse(&mut self, file: &Path, count: u32) -> (f64, usize) {
        writeln!(self.requests, "{count} {}", file.display()).expect("node takes requests");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("node answers");
        let (took, imports) = answer.trim().split_once(' ').unwrap_or_else(|| {
            panic!(
                "node failed on {}; its message is above this",
                file.display()
            )
        });
        let took: f64 = took.parse().expect("nanoseconds");
        (
            took / 1e9 / f64::from(count),
            imports.parse().expect("a count"),
        )
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It ends with its input; until then it does nothing.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Works so many times: the time that one took, in seconds.
fn time(count: u32, mut work: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..count {
        work();
    }
    start.elapsed().as_secs_f64() / f64::from(count)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// How often something is done in a turn that takes so long once, in seconds.
fn in_a_turn(once: f64) -> u32 {
    (TURN.as_secs_f64() / once).clamp(1.0, 10_000.0) as u32
}

fn report(question: &str, claim: &str, ours: f64, theirs: f64) {
    let [shown, against] = [ours, theirs].map(Duration::from_secs_f64);
    let ratio = ours / theirs;
    println!("ratio  {question:<56} {ratio:6.2}   ({claim}; {shown:.2?} against {against:.2?})");
}

fn files() -> (Vec<(PathBuf, &'static str, String)>, PathBuf) {
    let packages = npm_packages().unwrap_or_else(|error| panic!("{error}"));
    let fixture = workspace_folder().join("fixtures/npm-reading");
    let bundles =
        npm_packages_in(&fixture, &cache_folder()).unwrap_or_else(|error| panic!("{error}"));
    let found = FILES.iter().map(|&(package, file, claim, kind)| {
        let own = packages.named(package).join(file);
        let path = if own.is_file() {
            own
        } else {
            bundles.named(package).join(file)
        };
        (path, claim, format!("{package}/{file} ({kind})"))
    });
    (found.collect(), bundles.named("es-module-lexer"))
}

fn reading(criterion: &mut Criterion) {
    let (files, lexer) = files();
    let mut peer = Peer::start(&lexer);
    let rounds = if quick() { 3 } else { 101 };
    let mut arena = Allocator::default();
    let mut group = criterion.benchmark_group("reading");
    for (path, claim, name) in &files {
        let text = fs::read_to_string(path)
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        let ours = || {
            black_box(read(black_box(&text), name)).expect("real modules are well-formed");
        };
        let mut parse = || {
            let parsed = Parser::new(&arena, black_box(&text), SourceType::mjs()).parse();
            assert!(parsed.diagnostics.is_empty());
            drop(parsed);
            arena.reset();
        };

        // Both find the same; and both get warm.
        let module = read(&text, name).expect("real modules are well-formed");
        let requests = module
            .imports
            .iter()
            .filter(|import| import.kind != ImportKind::Url);
        let (_, found) = peer.parse(path, if quick() { 1 } else { 200 });
        assert!(
            found >= requests.count(),
            "{name}: es-module-lexer misses imports"
        );
        let counts = [
            in_a_turn(time(3, ours)),
            in_a_turn(peer.parse(path, 3).0),
            in_a_turn(time(3, &mut parse)),
        ];

        let mut times = [const { Vec::new() }; 3];
        for _ in 0..rounds {
            times[0].push(time(counts[0], ours));
            times[1].push(peer.parse(path, counts[1]).0);
            times[2].push(time(counts[2], &mut parse));
        }
        let [ours_once, theirs_once, parser_once] = times.map(median);
        report(
            &format!("{name} / es-module-lexer"),
            claim,
            ours_once,
            theirs_once,
        );
        report(
            "   the parser alone / es-module-lexer",
            "-",
            parser_once,
            theirs_once,
        );

        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name.as_str(), |bencher| bencher.iter(ours));
    }
    group.finish();
}

criterion_group!(benches, reading);
criterion_main!(benches);
