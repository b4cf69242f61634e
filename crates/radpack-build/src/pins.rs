//! Pins: which id is written in place of a bare import.
//!
//! The spec in `package.json` decides, by the table in [`Wish::of`]; the version is selected among the registers as a resolver
//! would, and the pin is loose enough for what is released later. Which imports there are is `graph.rs`' business, what becomes
//! of them in the code `names.rs`'.

use std::collections::BTreeMap;

use radpack_manifest::{Id, Manifest, Package};
use radpack_version::{
    Direct, Fallback, Spec, TagTarget, VersionRef, pin_spec, pin_tilde, select_direct,
    select_nearest,
};
use semver::Version;

use crate::report::Pin;

/// Pins imports against registers.
#[derive(Debug)]
pub(crate) struct Pinner<'r> {
    /// Bottom to top, with what messages call them. Only those that offer their exports.
    registers: Vec<(&'r Manifest, String)>,
    /// The specs in `package.json`.
    specs: &'r BTreeMap<String, String>,
}

/// A pin, and what to warn of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pinned {
    pub(crate) pin: Pin,
    pub(crate) warning: Option<String>,
}

/// What a spec in `package.json` asks a build to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wish<'s> {
    /// The package that it stands for, where that is another.
    name: Option<&'s str>,
    ask: Ask<'s>,
}

/// What to select, and how to write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask<'s> {
    /// Whatever is newest at run time: no version is written.
    Open,
    /// The newest there is, written as `^major`.
    Newest,
    /// The same, for a text that means nothing.
    Nonsense,
    /// What the spec selects, written as `^major`.
    Select(Spec<'s>),
    /// What the spec selects, written as `~major.minor`.
    SelectTilde(Spec<'s>),
}

impl<'s> Wish<'s> {
    /// | spec | asks for |
    /// |---|---|
    /// | nothing, `*` | no version: the newest at run time |
    /// | `latest` | the newest |
    /// | `~…` | what it selects, as `~major.minor` |
    /// | any other range, version or tag | what it selects, as `^major` |
    /// | `workspace:*`, `workspace:^`, `workspace:~`, `file:`, `link:`, `catalog:`, git, a URL, a path, not listed | the newest |
    /// | `npm:other@…`, `workspace:<range>`, `workspace:other@…` | as the package and spec they stand for |
    fn of(spec: Option<&'s str>) -> Wish<'s> {
        let newest = Wish {
            name: None,
            ask: Ask::Newest,
        };
        let Some(spec) = spec.map(str::trim) else {
            return newest;
        };
        if let Some(alias) = spec.strip_prefix("npm:") {
            return Wish::alias(alias, Ask::Open);
        }
        if let Some(rest) = spec.strip_prefix("workspace:") {
            return match rest.trim() {
                "" | "*" | "^" | "~" => newest,
                rest if rest
                    .starts_with(|first: char| first == '@' || first.is_ascii_alphabetic()) =>
                {
                    Wish::alias(rest, Ask::Newest)
                }
                rest => Wish {
                    name: None,
                    ask: Ask::of(rest),
                },
            };
        }
        Wish {
            name: None,
            ask: Ask::of(spec),
        }
    }

    /// `other@spec`, or `other` alone.
    fn alias(text: &'s str, without_spec: Ask<'s>) -> Wish<'s> {
        let split = text
            .char_indices()
            .skip(1)
            .find(|(_, character)| *character == '@');
        let (name, ask) = match split {
            None => (text, without_spec),
            Some((at, _)) => match text[at + 1..].trim() {
                "^" | "~" => (&text[..at], Ask::Newest),
                "*" => (&text[..at], without_spec),
                spec => (&text[..at], Ask::of(spec)),
            },
        };
        match Id::check_name(name) {
            Ok(()) => Wish {
                name: Some(name),
                ask,
            },
            // A path or a URL: whatever lies there.
            Err(_) => Wish {
                name: None,
                ask: Ask::Newest,
            },
        }
    }
}

impl<'s> Ask<'s> {
    fn of(spec: &'s str) -> Ask<'s> {
        match Spec::parse(spec) {
            Ok(Spec::Any) => Ask::Open,
            Ok(Spec::Tag("latest")) => Ask::Newest,
            Ok(Spec::Range(range)) if is_tilde(range.as_str()) => {
                Ask::SelectTilde(Spec::Range(range))
            }
            Ok(spec) => Ask::Select(spec),
            // file:, link:, catalog:, git, URLs, paths: all of them name something that no register knows by this.
            Err(_) if spec.contains([':', '/']) => Ask::Newest,
            Err(_) => Ask::Nonsense,
        }
    }

    /// The lowest version that it admits.
    fn lowest(self) -> Option<VersionRef<'s>> {
        match self {
            Ask::Select(Spec::Pinned(version)) | Ask::SelectTilde(Spec::Pinned(version)) => {
                Some(version)
            }
            Ask::Select(Spec::Range(range)) | Ask::SelectTilde(Spec::Range(range)) => {
                range.lowest()
            }
            _ => None,
        }
    }

    fn write(self, selected: VersionRef<'_>) -> String {
        match self {
            Ask::SelectTilde(_) => pin_tilde(selected),
            _ => pin_spec(selected),
        }
    }
}

/// Whether a range is a single `~…`.
fn is_tilde(range: &str) -> bool {
    let range = range.trim();
    range.strip_prefix('~').is_some_and(|rest| {
        let rest = rest.trim_start_matches(['>', ' ']);
        !rest.contains([' ', '|', '<', '>', ','])
    })
}

/// A version of a package in a register.
struct Found<'r> {
    version: &'r Version,
    /// The entry as the register has it.
    entry: &'r str,
    register: &'r str,
}

impl<'r> Pinner<'r> {
    /// `registers` bottom to top, with what messages call them.
    pub(crate) fn new(
        registers: impl IntoIterator<Item = (&'r Manifest, String)>,
        specs: &'r BTreeMap<String, String>,
    ) -> Self {
        Pinner {
            registers: registers
                .into_iter()
                .filter(|(manifest, _)| manifest.offered)
                .collect(),
            specs,
        }
    }

    /// The pin of an import, which is an id.
    ///
    /// The error completes the sentence "`import` … ".
    pub(crate) fn pin(&self, import: &str) -> Result<Pinned, String> {
        let id = Id::parse(import).map_err(|error| format!("is no id: {error}"))?;
        if let Some(carried) = id.spec {
            Spec::parse(carried)
                .map_err(|error| format!("carries a version that is none: {error}"))?;
            return Ok(Pinned::as_written(import));
        }
        let spec = self.specs.get(id.name).map(String::as_str);
        self.pin_with(id, spec, &[id.entry])
    }

    /// The pin of a dependency in `package.json`, whichever entry of it is imported: by `index`, or else by all its entries.
    ///
    /// The error completes the sentence "`name` … ".
    pub(crate) fn pin_dependency(&self, name: &str) -> Result<Pinned, String> {
        Id::check_name(name).map_err(|error| format!("is no package: {error}"))?;
        let spec = self.specs.get(name).map(String::as_str);
        let id = Id {
            name,
            spec: None,
            entry: "index",
        };
        let target = Wish::of(spec).name.unwrap_or(name);
        let mut entries = vec!["index"];
        let packages = self
            .registers
            .iter()
            .filter_map(|(manifest, _)| manifest.exports.get(target));
        if packages
            .clone()
            .all(|package| package.entry("index").is_none())
        {
            entries = packages
                .flat_map(|package| package.entries.iter().map(|entry| entry.name.as_str()))
                .collect();
        }
        self.pin_with(id, spec, &entries).map(|mut pinned| {
            // The entry only served to find a version.
            if let Ok(id) = Id::parse(&pinned.pin.id) {
                pinned.pin.id = Id {
                    entry: "index",
                    ..id
                }
                .to_string();
            }
            pinned
        })
    }

    fn pin_with(&self, id: Id<'_>, spec: Option<&str>, entries: &[&str]) -> Result<Pinned, String> {
        let wish = Wish::of(spec);
        let name = wish.name.unwrap_or(id.name);
        let asked = match wish.ask {
            Ask::Open | Ask::Newest | Ask::Nonsense => Spec::Any,
            Ask::Select(spec) | Ask::SelectTilde(spec) => spec,
        };
        let found = self.select(name, &asked, entries);
        let written = match (&found, wish.ask) {
            (_, Ask::Open) => None,
            (Some(found), ask) => Some(ask.write(VersionRef::from(found.version))),
            (None, ask) => match ask.lowest() {
                Some(lowest) => Some(ask.write(lowest)),
                None => return Err(self.unserved(id, name, spec)),
            },
        };
        let pinned_to = || {
            written
                .as_ref()
                .map_or_else(|| "no version".to_owned(), |pin| format!("{pin:?}"))
        };
        let said = spec.unwrap_or_default();
        let warning = match found {
            None => Some(format!(
                "no register serves {}; it is pinned to {} by its spec {said:?} in package.json",
                described(name, entries),
                pinned_to()
            )),
            Some(_) if wish.ask == Ask::Nonsense => Some(format!(
                "the spec {said:?} of {} in package.json is no version, range or tag; it is pinned to {}, as if there were none",
                id.name,
                pinned_to()
            )),
            Some(_) => None,
        };
        let pin = Pin {
            import: Id { spec: None, ..id }.to_string(),
            id: Id {
                name,
                spec: written.as_deref(),
                entry: found.as_ref().map_or(id.entry, |found| found.entry),
            }
            .to_string(),
            spec: spec.map(str::to_owned),
            selected: found.as_ref().map(|found| found.version.clone()),
            register: found.as_ref().map(|found| found.register.to_owned()),
        };
        Ok(Pinned { pin, warning })
    }

    /// Selects as a resolver would: the topmost register that has what the spec asks for; else the topmost that has
    /// something near.
    fn select(&self, name: &str, spec: &Spec<'_>, entries: &[&str]) -> Option<Found<'_>> {
        let fallback = Fallback::default();
        let served: Vec<(&Package, Vec<&Version>, &str, &str)> = self
            .registers
            .iter()
            .rev()
            .filter_map(|(manifest, label)| {
                let package = manifest.exports.get(name)?;
                let entry = entries.iter().find_map(|asked| entry_of(package, asked))?;
                Some((
                    package,
                    versions_of(package, entry, entries),
                    entry,
                    label.as_str(),
                ))
            })
            .collect();
        let direct = served
            .iter()
            .find_map(|(package, versions, entry, register)| {
                let refs: Vec<VersionRef<'_>> = versions
                    .iter()
                    .map(|version| VersionRef::from(*version))
                    .collect();
                let tag = |tag: &str| match package
                    .tags
                    .get(tag)
                    .and_then(|&index| package.versions.get(index))
                {
                    None => TagTarget::Unknown,
                    Some(tagged) => match versions.iter().position(|version| *version == tagged) {
                        Some(index) => TagTarget::At(index),
                        None => TagTarget::Missing,
                    },
                };
                match select_direct(&refs, spec, fallback, tag) {
                    Direct::Selected(selected) => {
                        Some((versions[selected.index], *entry, *register))
                    }
                    _ => None,
                }
            });
        let nearest = || {
            served.iter().find_map(|(_, versions, entry, register)| {
                let refs: Vec<VersionRef<'_>> = versions
                    .iter()
                    .map(|version| VersionRef::from(*version))
                    .collect();
                let selected = select_nearest(&refs, spec, fallback)?;
                Some((versions[selected.index], *entry, *register))
            })
        };
        direct
            .or_else(nearest)
            .map(|(version, entry, register)| Found {
                version,
                entry,
                register,
            })
    }

    /// Why an import has no pin.
    fn unserved(&self, id: Id<'_>, name: &str, spec: Option<&str>) -> String {
        let packages: Vec<&Package> = self
            .registers
            .iter()
            .filter_map(|(manifest, _)| manifest.exports.get(name))
            .collect();
        let why = if self.registers.is_empty() {
            "is in no register, for none is given".to_owned()
        } else if packages.is_empty() {
            "is in none of the registers".to_owned()
        } else if packages
            .iter()
            .all(|package| entry_of(package, id.entry).is_none())
        {
            format!("is in a register, but without the entry {:?}", id.entry)
        } else {
            "is in a register, but not in a version that fits".to_owned()
        };
        let said = match spec {
            Some(spec) => format!("its spec {spec:?} in package.json names no version to pin"),
            None => "package.json does not say which version is meant".to_owned(),
        };
        let as_name = if name == id.name {
            String::new()
        } else {
            format!(" (as {name})")
        };
        format!(
            "{why}{as_name}, and {said}: give a register that serves it (--register), add it to the dependencies, or declare it \
             external (--external {})",
            id.name
        )
    }
}

impl Pinned {
    /// An import that carries a version already.
    fn as_written(import: &str) -> Pinned {
        Pinned {
            pin: Pin {
                import: import.to_owned(),
                id: import.to_owned(),
                spec: None,
                selected: None,
                register: None,
            },
            warning: None,
        }
    }
}

/// The entry by its name, or without a trailing `.js` or `.mjs`.
fn entry_of<'p>(package: &'p Package, asked: &str) -> Option<&'p str> {
    let exact = package.entry(asked);
    let found = exact.or_else(|| {
        let bare = asked
            .strip_suffix(".js")
            .or_else(|| asked.strip_suffix(".mjs"))?;
        package.entry(bare)
    })?;
    Some(&found.name)
}

/// The versions, newest first, in which an entry exists; of several entries, any of them.
fn versions_of<'p>(package: &'p Package, entry: &str, entries: &[&str]) -> Vec<&'p Version> {
    let has = |index: usize| {
        let at = |name: &str| {
            package
                .entry(name)
                .is_some_and(|entry| entry.variant_at(index).is_some())
        };
        at(entry) || (entries.len() > 1 && entries.iter().any(|name| at(name)))
    };
    let mut versions: Vec<&Version> = package
        .versions
        .iter()
        .enumerate()
        .filter(|(index, _)| has(*index))
        .map(|(_, version)| version)
        .collect();
    versions.sort_by(|a, b| b.cmp(a));
    versions
}

fn described(name: &str, entries: &[&str]) -> String {
    match entries {
        [entry] => Id {
            name,
            spec: None,
            entry,
        }
        .to_string(),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two registers, the second on top.
    const LOWER: &str = r#"{"exports":{
        "four":{"v":[[4,2],[3,1],[2,0,0,"-beta.1"]],"d":[["index",[{"v":[0,1],"f":"a.js"}]],["extra",[{"v":[1],"f":"b.js"}]],
                ["early",[{"v":[2],"f":"c.js"}]]],"t":{"next":0,"latest":1}},
        "zero":{"v":[[0,3,1],[0,2,9]],"d":[["index",[{"v":[0,1],"f":"a.js"}]]]},
        "pre":{"v":[[5,0,0,"-rc.2"]],"d":[["index",[{"v":[0],"f":"a.js"}]]]},
        "both":{"v":[[2,5],[1,9]],"d":[["index",[{"v":[0,1],"f":"a.js"}]]]},
        "@acme/real":{"v":[[1,1]],"d":[["index",[{"v":[0],"f":"a.js"}]],["sub",[{"v":[0],"f":"b.js"}]]]},
        "parts":{"v":[[7]],"d":[["one",[{"v":[0],"f":"a.js"}]]]}
    }}"#;
    const UPPER: &str =
        r#"{"exports":{"both":{"v":[[1,2]],"d":[["index",[{"v":[0],"f":"a.js"}]]]}}}"#;

    /// Import, its spec in `package.json`, the pin (or `error`), whether it is served.
    const CASES: &[(&str, Option<&str>, &str, bool)] = &[
        // `*`: none.
        ("four", Some("*"), "four", true),
        ("four", Some(""), "four", true),
        ("four/extra", Some("x"), "four/extra", true),
        ("nowhere", Some("*"), "nowhere", false),
        // `latest`: the newest, whatever is tagged so.
        ("four", Some("latest"), "four@^4", true),
        ("zero", Some("latest"), "zero@~0.3", true),
        ("nowhere", Some("latest"), "error", false),
        // `^…` and `~…`.
        ("four", Some("^4.0.0"), "four@^4", true),
        ("four", Some("^3"), "four@^3", true),
        ("four", Some("~4.2.0"), "four@~4.2", true),
        ("four", Some("~3"), "four@~3.1", true),
        ("four", Some("~> 3.1"), "four@~3.1", true),
        // Anything else.
        ("four", Some("4.2.0"), "four@^4", true),
        ("four", Some("4.1.0"), "four@^4", true),
        ("four", Some(">=3 <5"), "four@^4", true),
        ("four", Some("^3 || ^4"), "four@^4", true),
        ("four", Some("~3.1 || ~2"), "four@^3", true),
        ("four", Some("3.x"), "four@^3", true),
        ("four", Some("next"), "four@^4", true),
        ("four", Some("other"), "error", false),
        // Not listed, and what stands for a folder or repository.
        ("four", None, "four@^4", true),
        ("four/extra", None, "four@^3/extra", true),
        ("four", Some("workspace:*"), "four@^4", true),
        ("four", Some("workspace:^"), "four@^4", true),
        ("four", Some("workspace:~"), "four@^4", true),
        ("four", Some("file:../four"), "four@^4", true),
        ("four", Some("link:../four"), "four@^4", true),
        ("four", Some("catalog:"), "four@^4", true),
        ("four", Some("catalog:react18"), "four@^4", true),
        (
            "four",
            Some("git+ssh://git@example.org/four.git#v3"),
            "four@^4",
            true,
        ),
        ("four", Some("git://example.org/four.git"), "four@^4", true),
        ("four", Some("acme/four"), "four@^4", true),
        ("four", Some("github:acme/four"), "four@^4", true),
        (
            "four",
            Some("https://example.org/four.tgz"),
            "four@^4",
            true,
        ),
        ("nowhere", None, "error", false),
        ("nowhere", Some("workspace:*"), "error", false),
        ("nowhere", Some("file:../x"), "error", false),
        // 0.x.
        ("zero", Some("^0.2.0"), "zero@~0.2", true),
        ("zero", Some("~0.3"), "zero@~0.3", true),
        ("zero", None, "zero@~0.3", true),
        ("zero", Some("*"), "zero", true),
        // A prerelease is pinned exactly.
        ("pre", None, "pre@5.0.0-rc.2", true),
        ("pre", Some("^5.0.0-rc.1"), "pre@5.0.0-rc.2", true),
        ("four/early", None, "four@2.0.0-beta.1/early", true),
        // As the package and spec they stand for.
        ("alias", Some("npm:four@^3"), "four@^3", true),
        ("alias", Some("npm:@acme/real@1"), "@acme/real@^1", true),
        (
            "alias/sub",
            Some("npm:@acme/real@~1.1.0"),
            "@acme/real@~1.1/sub",
            true,
        ),
        ("alias", Some("npm:four"), "four", true),
        ("alias", Some("npm:four@latest"), "four@^4", true),
        ("alias", Some("npm:nowhere@^6.5"), "nowhere@^6", false),
        ("four", Some("workspace:^3.0.0"), "four@^3", true),
        ("four", Some("workspace:~3.1"), "four@~3.1", true),
        ("four", Some("workspace:3.1.0"), "four@^3", true),
        ("alias", Some("workspace:four@*"), "four@^4", true),
        (
            "alias",
            Some("workspace:@acme/real@^1"),
            "@acme/real@^1",
            true,
        ),
        ("four", Some("workspace:../four"), "four@^4", true),
        // Several registers: the topmost that serves wins.
        ("both", Some("^1"), "both@^1", true),
        ("both", None, "both@^1", true),
        ("both", Some("^2"), "both@^2", true),
        // A version that carries its own.
        ("four@^2", Some("^4"), "four@^2", false),
        ("four@2.0.0/extra", None, "four@2.0.0/extra", false),
        // Not served: from the lowest version that the spec admits.
        ("nowhere", Some("^6.5.0"), "nowhere@^6", false),
        (
            "nowhere/deep/x.js",
            Some("^6.5.0"),
            "nowhere@^6/deep/x.js",
            false,
        ),
        ("nowhere", Some("~6.5.1"), "nowhere@~6.5", false),
        ("nowhere", Some("6.5.0"), "nowhere@^6", false),
        ("nowhere", Some(">=2.1 <9"), "nowhere@^2", false),
        ("nowhere", Some("^0.4"), "nowhere@~0.4", false),
        (
            "nowhere",
            Some("^1.0.0-beta.3"),
            "nowhere@1.0.0-beta.3",
            false,
        ),
        ("nowhere", Some("next"), "error", false),
        ("four", Some("^9.1"), "four@^9", false),
        ("four/nothing", Some("^4"), "four@^4/nothing", false),
        ("four/nothing", None, "error", false),
        // The nearest of the same major still serves.
        ("four", Some("^4.9.0"), "four@^4", true),
        // An entry with an extension.
        ("four/extra.js", Some("^3"), "four@^3/extra", true),
        ("four/extra.mjs", None, "four@^3/extra", true),
    ];

    fn registers() -> [Manifest; 2] {
        [LOWER, UPPER].map(|text| Manifest::from_slice(text.as_bytes()).unwrap())
    }

    #[test]
    fn the_table() {
        assert!(CASES.len() >= 60, "cases were lost");
        let registers = registers();
        for (import, spec, expected, served) in CASES {
            let name = Id::parse(import).unwrap().name.to_owned();
            let specs = spec
                .map(|spec| (name, spec.to_owned()))
                .into_iter()
                .collect();
            let pinner = Pinner::new(
                registers.iter().map(|register| (register, String::new())),
                &specs,
            );
            let (found, selected, warned) = match pinner.pin(import) {
                Ok(pinned) => (
                    pinned.pin.id,
                    pinned.pin.selected.is_some(),
                    pinned.warning.is_some(),
                ),
                Err(_) => ("error".to_owned(), false, false),
            };
            assert_eq!(
                (found.as_str(), selected),
                (*expected, *served),
                "{import} as {spec:?}"
            );
            let carried = Id::parse(import).unwrap().spec.is_some();
            assert_eq!(
                warned,
                !served && *expected != "error" && !carried,
                "warning for {import} as {spec:?}"
            );
        }
    }

    #[test]
    fn a_spec_that_means_nothing_is_warned_of() {
        let registers = registers();
        for (spec, warned) in [
            ("!!", true),
            ("workspace:!!", true),
            ("npm:four@!!", true),
            ("../four", false),
        ] {
            let specs = BTreeMap::from([("four".to_owned(), spec.to_owned())]);
            let pinner = Pinner::new(
                registers.iter().map(|register| (register, String::new())),
                &specs,
            );
            for pinned in [
                pinner.pin("four").unwrap(),
                pinner.pin_dependency("four").unwrap(),
            ] {
                assert_eq!(pinned.pin.id, "four@^4", "{spec}");
                let warning = format!(
                    "the spec {spec:?} of four in package.json is no version, range or tag; it is pinned to \"^4\", as if there \
                     were none"
                );
                assert_eq!(pinned.warning, warned.then_some(warning));
            }
        }
        let specs = BTreeMap::from([("nowhere".to_owned(), "!!".to_owned())]);
        let pinner = Pinner::new([(&registers[0], String::new())], &specs);
        let message = pinner.pin("nowhere").unwrap_err();
        assert!(
            message.contains("its spec \"!!\" in package.json names no version to pin"),
            "{message}"
        );
    }

    #[test]
    fn a_register_that_is_not_offered_does_not_serve() {
        let mut register = registers()[0].clone();
        register.offered = false;
        let specs = BTreeMap::new();
        let pinner = Pinner::new([(&register, String::new())], &specs);
        assert!(pinner.pin("four").is_err());
    }

    #[test]
    fn dependencies_are_pinned_by_whatever_entry_they_have() {
        let registers = registers();
        let specs = [("parts", "^7"), ("four", "^3")]
            .map(|(name, spec)| (name.to_owned(), spec.to_owned()))
            .into();
        let pinner = Pinner::new(
            registers.iter().map(|register| (register, "r".to_owned())),
            &specs,
        );
        assert_eq!(pinner.pin_dependency("parts").unwrap().pin.id, "parts@^7");
        assert_eq!(pinner.pin_dependency("four").unwrap().pin.id, "four@^3");
    }

    #[test]
    fn messages_say_what_to_do() {
        let registers = registers();
        let specs = [("a", "next"), ("b", "npm:nowhere@next"), ("c", "^6.5.0")]
            .map(|(name, spec)| (name.to_owned(), spec.to_owned()))
            .into();
        let pinner = Pinner::new(
            registers.iter().map(|register| (register, "r".to_owned())),
            &specs,
        );
        assert_eq!(
            pinner.pin("nowhere/x").unwrap_err(),
            "is in none of the registers, and package.json does not say which version is meant: give a register that serves it \
             (--register), add it to the dependencies, or declare it external (--external nowhere)"
        );
        assert_eq!(
            pinner.pin("four/x").unwrap_err(),
            "is in a register, but without the entry \"x\", and package.json does not say which version is meant: give a \
             register that serves it (--register), add it to the dependencies, or declare it external (--external four)"
        );
        assert!(pinner.pin("b").unwrap_err().starts_with(
            "is in none of the registers (as nowhere), and its spec \"npm:nowhere@next\" in package.json names no version to pin"
        ));
        assert!(
            pinner
                .pin("c@^^/x")
                .unwrap_err()
                .starts_with("carries a version that is none: ")
        );
        assert_eq!(
            pinner.pin("c/x").unwrap().warning.unwrap(),
            "no register serves c/x; it is pinned to \"^6\" by its spec \"^6.5.0\" in package.json"
        );
    }
}
