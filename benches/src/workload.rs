//! Generated manifests and ids, the same on every machine.
//!
//! Packages × 5 entries × up to 3 majors × up to 3 minors, each entry with one dependency of its own package and two
//! outside ones; files and integrity as `radpack build` writes them. Ids are drawn Zipf-like over the exports: half
//! caret, 15 % tilde, 15 % pinned (half of them patches that were dropped), 10 % bare, 5 % `*`, 5 % `latest`.

use std::fmt::Write as _;

/// The sizes that the questions are asked at, in packages.
pub const SIZES: [usize; 4] = [100, 1_000, 10_000, 100_000];

/// How many ids are drawn.
pub const DRAWN: usize = 10_000;

const ENTRIES: [&str; 5] = ["index", "button", "c/shared", "c/vendor", "locale/fr"];

/// A small generator of random numbers (splitmix64): the same on every machine.
pub struct Random(u64);

impl Random {
    /// A generator with a seed.
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// The next number.
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.word() % limit
    }

    /// A number from 0 to 1.
    pub fn unit(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A package of the workload: its name and versions, newest first.
pub struct Package {
    /// The name.
    pub name: String,
    /// Major, minor, patch.
    pub versions: Vec<(u64, u64, u64)>,
}

/// A manifest, and what may be asked of it.
pub struct Workload {
    /// The canonical text of the manifest.
    pub json: String,
    /// Its packages, sorted by name.
    pub packages: Vec<Package>,
}

impl Workload {
    /// Generates a manifest of that many packages.
    pub fn new(size: usize) -> Self {
        let mut random = Random::new(size as u64);
        let mut packages: Vec<Package> = (0..size)
            .map(|number| package(&mut random, number))
            .collect();
        packages.sort_by(|one, other| one.name.cmp(&other.name));
        let mut json = String::from(
            r#"{"vars":{"baseUrl":"https://cdn.example/acme","url":"${baseUrl}/${name}/${file}"},"exports":{"#,
        );
        for number in 0..packages.len() {
            if number > 0 {
                json.push(',');
            }
            write_package(&mut json, &mut random, &packages, number);
        }
        json.push_str("}}");
        Workload { json, packages }
    }

    /// Every id that may be drawn.
    pub fn all_ids(&self) -> impl Iterator<Item = String> + '_ {
        self.packages.iter().flat_map(|package| {
            let mut specs: Vec<String> = ["", "@*", "@latest"].map(str::to_owned).to_vec();
            for (major, minor, patch) in &package.versions {
                specs.push(format!("@^{major}"));
                specs.push(format!("@~{major}.{minor}"));
                specs.push(format!("@{major}.{minor}.{patch}"));
                specs.push(format!("@{major}.{minor}.{}", dropped(*patch)));
            }
            specs.sort();
            specs.dedup();
            ENTRIES.into_iter().flat_map(move |entry| {
                let specs = specs.clone();
                specs
                    .into_iter()
                    .map(move |spec| id(&package.name, &spec, entry))
            })
        })
    }

    /// The ids that are asked for.
    pub fn draw(&self) -> Vec<String> {
        let mut random = Random::new(7);
        let exports = (self.packages.len() * ENTRIES.len()) as u64;
        (0..DRAWN)
            .map(|_| {
                // Rank r with a probability of about 1/r; then spread, so that neighbours in rank are none in memory.
                let rank = (exports as f64).powf(random.unit()) as u64 - 1;
                let export = (rank.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) % exports;
                let package = &self.packages[export as usize / ENTRIES.len()];
                let entry = ENTRIES[export as usize % ENTRIES.len()];
                let (major, minor, patch) =
                    package.versions[random.below(package.versions.len() as u64) as usize];
                let spec = match random.below(200) {
                    0..100 => format!("@^{major}"),
                    100..130 => format!("@~{major}.{minor}"),
                    130..145 => format!("@{major}.{minor}.{patch}"),
                    145..160 => format!("@{major}.{minor}.{}", dropped(patch)),
                    160..180 => String::new(),
                    180..190 => "@*".to_owned(),
                    _ => "@latest".to_owned(),
                };
                id(&package.name, &spec, entry)
            })
            .collect()
    }
}

/// A patch of the same minor that is not retained.
fn dropped(patch: u64) -> u64 {
    if patch > 0 { patch - 1 } else { patch + 1 }
}

fn id(name: &str, spec: &str, entry: &str) -> String {
    if entry == "index" {
        format!("{name}{spec}")
    } else {
        format!("{name}{spec}/{entry}")
    }
}

fn package(random: &mut Random, number: usize) -> Package {
    const WORDS: [&str; 12] = [
        "scale",
        "button",
        "checkout",
        "array",
        "design-tokens",
        "form",
        "chart",
        "router",
        "i18n",
        "store",
        "media",
        "cart",
    ];
    let word = WORDS[random.below(WORDS.len() as u64) as usize];
    let name = match random.below(4) {
        0 => format!("@team-{}/{word}-{number}", random.below(40)),
        _ => format!("{word}-{number}"),
    };
    let newest = 1 + random.below(20);
    let majors = 1 + random.below(3);
    let mut versions = Vec::new();
    for major in (newest.saturating_sub(majors - 1)..=newest).rev() {
        let highest = 2 + random.below(20);
        for minor in (highest - random.below(3)..=highest).rev() {
            versions.push((major, minor, random.below(15)));
        }
    }
    Package { name, versions }
}

fn write_package(json: &mut String, random: &mut Random, packages: &[Package], number: usize) {
    let package = &packages[number];
    // Writing to a String cannot fail.
    let _ = write!(json, "\"{}\":{{\"v\":[", package.name);
    for (index, (major, minor, patch)) in package.versions.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let _ = match patch {
            0 => write!(json, "{comma}[{major},{minor}]"),
            patch => write!(json, "{comma}[{major},{minor},{patch}]"),
        };
    }
    let mut outside: Vec<String> = (0..6)
        .map(|_| &packages[random.below(packages.len() as u64) as usize])
        .map(|other| format!("{}@^{}", other.name, other.versions[0].0))
        .collect();
    outside.sort();
    outside.dedup();
    json.push_str("],\"d\":[");
    // Canonical order: by depth, then by code point.
    let entries = ["button", "index", "c/shared", "c/vendor", "locale/fr"];
    for (position, entry) in entries.iter().enumerate() {
        let _ = write!(
            json,
            "{}[\"{entry}\",[",
            if position > 0 { "," } else { "" }
        );
        for version in 0..package.versions.len() {
            let comma = if version > 0 { "," } else { "" };
            let _ = write!(
                json,
                "{comma}{{\"v\":[{version}],\"f\":\"{entry}-{:016x}.js\",\"s\":[",
                random.word()
            );
            // The vendor chunk needs nothing of its own package; all others need the shared or the vendor chunk.
            let own = if position == 2 {
                Some(3)
            } else {
                (position != 3).then_some(2 + random.below(2))
            };
            if let Some(own) = own.filter(|own| *own != position as u64) {
                let _ = write!(json, "{own},");
            }
            let first = random.below(outside.len() as u64);
            let second = random.below(outside.len() as u64);
            let (low, high) = (first.min(second) + 5, first.max(second) + 5);
            let _ = if low == high {
                write!(json, "{low}")
            } else {
                write!(json, "{low},{high}")
            };
            json.push_str("],\"i\":\"sha384-");
            for _ in 0..8 {
                let mut word = random.word();
                for _ in 0..8 {
                    const ALPHABET: &[u8; 64] =
                        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
                    json.push(ALPHABET[(word & 63) as usize].into());
                    word >>= 6;
                }
            }
            json.push_str("\"}");
        }
        json.push_str("]]");
    }
    for id in &outside {
        let _ = write!(json, ",\"{id}\"");
    }
    json.push_str("]}");
}

/// A manifest of packages `p000000` and so on, in chains of a hundred: each needs the next, the last of a chain nothing.
pub fn chains(size: usize) -> String {
    let mut json = String::from(
        r#"{"vars":{"baseUrl":"https://cdn.example/acme","url":"${baseUrl}/${name}/${file}"},"exports":{"#,
    );
    for number in 0..size {
        let comma = if number > 0 { "," } else { "" };
        let last = number % 100 == 99;
        let needs = if last { "" } else { r#","s":[1]"# };
        // Writing to a String cannot fail.
        let _ = write!(
            json,
            r#"{comma}"p{number:06}":{{"v":[[1]],"d":[["index",[{{"v":[0],"f":"index-{number:016x}.js"{needs}}}]]"#
        );
        if !last {
            let _ = write!(json, r#","p{:06}@^1""#, number + 1);
        }
        json.push_str("]}");
    }
    json.push_str("}}");
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use radpack_manifest::Manifest;

    /// What is measured must be what `radpack build` writes.
    #[test]
    fn manifests_are_canonical() {
        for json in [Workload::new(100).json, chains(200)] {
            let manifest = Manifest::from_slice(json.as_bytes()).expect("the workload is valid");
            assert_eq!(manifest.to_json(), json);
        }
    }

    #[test]
    fn every_drawn_id_is_among_all() {
        let workload = Workload::new(100);
        let all: std::collections::HashSet<String> = workload.all_ids().collect();
        assert!(workload.draw().iter().all(|id| all.contains(id)));
    }
}
