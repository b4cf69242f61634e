//! Registries of any size, written event by event without a rule being asked: what is measured is what comes after.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use radpack_registry::state::fact::{
    BuiltEntry, BuiltFile, Fact, NewContents, NewRelease, NewVersion, Published, Released,
    SourceFile,
};
use radpack_registry::{Event, Hash, History, Line};
use semver::Version;
use uuid::Uuid;

/// How many packages each needs.
const NEEDS: usize = 2;

/// How many files a version has, and how many entries.
const FILES: usize = 3;

/// The name of a package.
pub fn name(package: usize) -> String {
    format!("@team-{}/package-{package}", package % 40)
}

/// What a version of a package consists of: three entries in files of their own, and needs of packages before it.
pub fn contents(package: usize, version: u64) -> NewContents {
    let mut contents = NewContents::default();
    for file in 0..FILES {
        // A file is another in each version, but for the last.
        let text = match file + 1 {
            FILES => format!("{package} {file}"),
            _ => format!("{package} {file} {version}"),
        };
        let sha256 = Hash::of(text.as_bytes());
        let hex = sha256.to_string();
        let source = SourceFile {
            sha256,
            bytes: 1_000,
        };
        contents.sources.insert(format!("src/{file}.ts"), source);
        let built = BuiltFile {
            sha256,
            bytes: 700,
            integrity: Some(format!("sha384-{hex}")),
        };
        let built_name = format!("entry{file}-{}.js", &hex[..16]);
        let needs = (1..=NEEDS).filter_map(|by| package.checked_sub(by * (file + 1)));
        let entry = BuiltEntry {
            file: Some(built_name.clone()),
            statics: needs
                .map(|needed| format!("{}@^1/entry0", name(needed)))
                .collect(),
            exports: Some(BTreeSet::from(["one".to_owned(), "two".to_owned()])),
            ..BuiltEntry::default()
        };
        contents.files.insert(built_name, built);
        contents.entries.insert(format!("entry{file}"), entry);
    }
    contents
}

/// The facts of the events of a registry: each package gets a version, each of these is released, and so on.
pub fn facts(packages: usize) -> impl Iterator<Item = Fact> {
    (0..).flat_map(move |round: u64| {
        let published = (0..packages).map(move |package| published(package, round));
        published.chain((0..packages).map(move |package| released(package, round)))
    })
}

fn version(round: u64) -> Version {
    Version::new(1, 0, round)
}

fn published(package: usize, round: u64) -> Fact {
    let new = NewVersion {
        package: name(package),
        version: version(round),
        build: round as u32 + 1,
        contents: Some(contents(package, round)),
        restores: None,
        of: None,
        breaking: None,
    };
    Published {
        versions: vec![new],
        ..Published::default()
    }
    .into()
}

fn released(package: usize, round: u64) -> Fact {
    let new = NewRelease {
        package: name(package),
        line: Line::of(&version(round), false),
        number: round as u32 + 1,
        name: format!("release {}", round + 1),
        version: version(round),
    };
    Released {
        channel: "release".to_owned(),
        releases: vec![new],
        rollout: None,
        promoted_from: None,
        forced: None,
    }
    .into()
}

/// The events of a history, one after another, as bytes.
pub fn events(history: &History, packages: usize) -> impl Iterator<Item = (u64, Vec<u8>)> {
    let beginning = history.beginning();
    let mut prev = beginning.hash;
    (1..).zip(facts(packages)).map(move |(seq, fact)| {
        let event = Event {
            format: 1,
            needs: "0.1.0".to_owned(),
            seq,
            id: Uuid::from_u64_pair(1, seq),
            command: Uuid::from_u64_pair(2, seq),
            at: beginning.at,
            by: "ann".to_owned(),
            prev,
            kind: fact.kind().to_owned(),
            payload: payload(&fact),
        };
        // Plain data: it is always JSON.
        let mut contents = serde_json::to_vec(&event).unwrap_or_default();
        contents.push(b'\n');
        prev = Hash::of(&contents);
        (seq, contents)
    })
}

fn payload(fact: &Fact) -> serde_json::Value {
    let payload = match fact {
        Fact::Published(facts) => serde_json::to_value(facts),
        Fact::Released(facts) => serde_json::to_value(facts),
        _ => Ok(serde_json::Value::default()),
    };
    payload.unwrap_or_default()
}

/// Writes so many events into the folder that a history lies in. Gives their bytes in all.
pub fn write_events(
    history: &History,
    folder: &Path,
    packages: usize,
    count: usize,
) -> io::Result<u64> {
    std::fs::create_dir_all(folder.join("events"))?;
    let mut bytes = 0;
    for (seq, contents) in events(history, packages).take(count) {
        bytes += contents.len() as u64;
        std::fs::write(folder.join(format!("events/{seq:020}.json")), contents)?;
    }
    Ok(bytes)
}
