//! What there is: `versions`, `show`, `diff`, `download`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::{Path, PathBuf};

use radpack_registry::rules::{VersionPick, Which};
use radpack_registry::state::State;
use radpack_registry::state::package::{Package, PublishedVersion, RELEASE, Standing};
use radpack_registry::{Hash, Moment, Refusal, write_files};
use semver::Version;

use super::time;
use crate::arguments::{Diff, Download, Show, Versions};
use crate::commands::of;
use crate::failure::{Failure, Outcome, Stop, Word};
use crate::output::{Output, Table, visible};
use crate::remote::{Remote, Shown};
use crate::session::{Session, of_history};

pub(crate) fn versions(arguments: &Versions, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.access)?;
    let moment = match session.moment() {
        Ok(moment) => moment,
        Err(failure) => match session.narrow() {
            Some(remote) => return shown_versions(&session, remote, arguments, output),
            None => return Err(failure.into()),
        },
    };
    let Some(name) = &arguments.name else {
        return packages(&session, &moment, output);
    };
    let package = session.answer(&moment, |state| state.known(name).cloned())?;
    let released = released(&package, &moment);
    let mut table = Table::default();
    for (version, published) in &package.versions {
        let places = released.get(version).map(Vec::as_slice).unwrap_or_default();
        let ever = ever_released(&package, version);
        if arguments.released && ever.is_empty() {
            continue;
        }
        if output.json() {
            output.value(&serde_json::json!({
                "name": name,
                "version": version,
                "build": published.build,
                "seq": published.seq,
                "at": published.at,
                "by": published.by,
                "message": published.message,
                "restores": published.restores,
                "yanked": published.yanked.as_ref().map(|yank| &yank.reason),
                "serves": places,
                "releases": ever,
            }))?;
            continue;
        }
        let mut notes: Vec<String> = places.to_vec();
        if arguments.released {
            notes.extend(ever);
        }
        if let Some(restored) = &published.restores {
            notes.push(format!("{restored} again"));
        }
        if let Some(yank) = &published.yanked {
            notes.push(format!("yanked: {}", yank.reason));
        }
        notes.extend(published.message.clone());
        table.row([
            version.to_string(),
            format!("#{}", published.build),
            time(published.at),
            published.by.clone(),
            notes.join("; "),
        ]);
    }
    output.table(&table)?;
    Ok(Outcome::Done)
}

/// The same, as a server shows it to those who may not read everything.
fn shown_versions(
    session: &Session,
    remote: &Remote,
    arguments: &Versions,
    output: &mut Output,
) -> Result<Outcome, Stop> {
    let mut table = Table::default();
    let Some(name) = &arguments.name else {
        let listed = session.wait(remote.packages())?;
        for package in listed.iter().filter(|package| package.versions > 0) {
            say_package(
                &package.name,
                package.versions,
                &package.released,
                &mut table,
                output,
            )?;
        }
        output.table(&table)?;
        return Ok(Outcome::Done);
    };
    // Which releases a version ever was, only the history tells.
    if arguments.released || output.json() {
        return Err(remote.denied().into());
    }
    let package = session.wait(remote.package(name))?;
    let serves = shown_released(&package);
    for published in &package.versions {
        let Some(by) = &published.by else {
            return Err(remote.denied().into());
        };
        let mut notes = serves.get(&published.version).cloned().unwrap_or_default();
        if let Some(restored) = &published.restores {
            notes.push(format!("{restored} again"));
        }
        if let Some(reason) = &published.yanked {
            notes.push(format!("yanked: {reason}"));
        }
        notes.extend(published.message.clone());
        table.row([
            published.version.to_string(),
            format!("#{}", published.build),
            time(published.at),
            by.clone(),
            notes.join("; "),
        ]);
    }
    output.table(&table)?;
    Ok(Outcome::Done)
}

fn shown_released(package: &Shown) -> BTreeMap<Version, Vec<String>> {
    let mut released: BTreeMap<Version, Vec<String>> = BTreeMap::new();
    for (channel, lines) in &package.channels {
        for (line, serves) in lines {
            let stable = serves.version.as_ref().zip(serves.release);
            let stable = stable.map(|(version, number)| (version, number, String::new()));
            let rolling = serves.rolling.as_ref().and_then(|rolling| {
                let how = on_its_way(&rolling.percent, rolling.paused);
                Some((rolling.version.as_ref()?, rolling.release, how))
            });
            for (version, number, how) in stable.into_iter().chain(rolling) {
                let words = serving(number, line, channel, &how);
                released.entry(version.clone()).or_default().push(words);
            }
        }
    }
    released
}

/// How a release on its way is told.
fn on_its_way(percent: &impl Display, is_paused: bool) -> String {
    let paused = if is_paused { ", paused" } else { "" };
    format!(", on its way at {percent} %{paused}")
}

/// What a release serves, in words.
fn serving(number: u32, line: &impl Display, channel: &str, how: &str) -> String {
    let place = match channel {
        RELEASE => String::new(),
        channel => format!(" in {channel}"),
    };
    format!("release {number} of line {line}{place}{how}")
}

/// A line about a package.
fn say_package(
    name: &str,
    versions: usize,
    released: &[String],
    table: &mut Table,
    output: &mut Output,
) -> Result<(), Stop> {
    if output.json() {
        return output.value(
            &serde_json::json!({ "name": name, "versions": versions, "released": released }),
        );
    }
    let released = match released.is_empty() {
        true => "nothing released".to_owned(),
        false => released.join(", "),
    };
    table.row([
        name.to_owned(),
        of(versions, "version", "versions"),
        released,
    ]);
    Ok(())
}

/// All packages, with what users get of each.
fn packages(session: &Session, moment: &Moment, output: &mut Output) -> Result<Outcome, Stop> {
    session
        .wait(session.registry.read_all(moment))
        .map_err(|error| of_history(&error))?;
    let mut table = Table::default();
    for name in moment.state.names() {
        let Some(package) = moment
            .state
            .package(name)
            .filter(|package| !package.versions.is_empty())
        else {
            continue;
        };
        let served = package.served(
            RELEASE,
            radpack_registry::state::package::Audience::Everybody,
            moment.now(),
        );
        let served: Vec<String> = served
            .iter()
            .rev()
            .map(|(_, version)| version.to_string())
            .collect();
        say_package(name, package.versions.len(), &served, &mut table, output)?;
    }
    output.table(&table)?;
    Ok(Outcome::Done)
}

/// What serves a version now, by version, in words.
fn released(package: &Package, moment: &Moment) -> BTreeMap<Version, Vec<String>> {
    let at = moment.now();
    let mut released: BTreeMap<Version, Vec<String>> = BTreeMap::new();
    for (name, channel) in &package.channels {
        for &line in channel.lines.keys() {
            let state = channel.line(line, at);
            let rolling = state.rolling.as_ref().map(|rolling| {
                let percent = rolling.rollout.percent(at);
                let how = on_its_way(&percent, rolling.rollout.is_paused());
                (rolling.release, how)
            });
            let stable = state.stable.map(|number| (number, String::new()));
            for (number, how) in stable.into_iter().chain(rolling) {
                if let Some(release) = channel.release(number) {
                    let words = serving(number, &line, name, &how);
                    released
                        .entry(release.version.clone())
                        .or_default()
                        .push(words);
                }
            }
        }
    }
    released
}

/// The releases that a version ever was, in words.
fn ever_released(package: &Package, version: &Version) -> Vec<String> {
    let mut ever = Vec::new();
    for (name, channel) in &package.channels {
        for (index, release) in channel.releases.iter().enumerate() {
            if release.version == *version {
                let place = if name == RELEASE {
                    String::new()
                } else {
                    format!(" in {name}")
                };
                let standing = match release.standing {
                    Standing::Good => "",
                    Standing::Aborted => ", aborted",
                    Standing::RolledBack => ", rolled back",
                };
                ever.push(format!(
                    "{} ({}){place} {}{standing}",
                    release.name,
                    index + 1,
                    time(release.at)
                ));
            }
        }
    }
    ever
}

pub(crate) fn show(arguments: &Show, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.access)?;
    let moment = session.moment()?;
    let pick = arguments.package.clone();
    let package = session.answer(&moment, |state| state.known(&pick.package).cloned())?;
    if pick.which == Which::Newest {
        return show_package(&pick.package, &package, &moment, output);
    }
    let (version, published) = picked(&session, &moment, &pick)?;
    show_version(
        &session,
        &moment,
        &pick.package,
        &package,
        &version,
        &published,
        output,
    )
}

fn picked(
    session: &Session,
    moment: &Moment,
    pick: &VersionPick,
) -> Result<(Version, PublishedVersion), Failure> {
    session.answer(moment, |state: &State| {
        let (version, published) = state.pick(pick)?;
        Ok::<_, Refusal>((version.clone(), published.clone()))
    })
}

fn show_package(
    name: &str,
    package: &Package,
    moment: &Moment,
    output: &mut Output,
) -> Result<Outcome, Stop> {
    let at = moment.now();
    if output.json() {
        let dependents: Vec<&str> = moment.state.dependents(name).collect();
        let drafts: Vec<&String> = package.drafts.keys().collect();
        output.value(&serde_json::json!({
            "name": name,
            "policy": package.policy,
            "versions": package.versions.keys().collect::<Vec<_>>(),
            "channels": package.channels,
            "drafts": drafts,
            "dependents": dependents,
        }))?;
        return Ok(Outcome::Done);
    }
    let latest: Vec<String> = package
        .latest()
        .iter()
        .rev()
        .map(ToString::to_string)
        .collect();
    output.line(&visible(&format!(
        "{name}: {}, newest {}",
        of(package.versions.len(), "version", "versions"),
        latest.join(", ")
    )))?;
    output.line(&format!("policy: {}", package.policy))?;
    let mut table = Table::default();
    for (channel_name, channel) in &package.channels {
        for &line in channel.lines.keys() {
            let state = channel.line(line, at);
            let told = |number: u32| {
                let release = channel.release(number);
                release.map_or(String::new(), |release| {
                    format!(
                        "{} (release {number}, {} by {})",
                        release.version,
                        time(release.at),
                        release.by
                    )
                })
            };
            let stable = state.stable.map_or("nothing".to_owned(), told);
            let rolling = state.rolling.as_ref().map(|rolling| {
                let paused = if rolling.rollout.is_paused() {
                    "paused "
                } else {
                    ""
                };
                let plan = &rolling.rollout.plan;
                format!(
                    "{} {paused}at {} % ({plan})",
                    told(rolling.release),
                    rolling.rollout.percent(at)
                )
            });
            table.row([
                channel_name.clone(),
                format!("line {line}"),
                stable,
                rolling.unwrap_or_default(),
            ]);
        }
    }
    output.table(&table)?;
    for (draft_name, draft) in &package.drafts {
        let newest = draft.at(draft.revision());
        let by = newest.map_or(String::new(), |revision| {
            format!(", {} by {}", time(revision.at), revision.by)
        });
        output.line(&visible(&format!(
            "draft {draft_name}: revision {}{by}",
            draft.revision()
        )))?;
    }
    let dependents: Vec<&str> = moment.state.dependents(name).collect();
    if !dependents.is_empty() {
        output.line(&visible(&format!("needed by {}", dependents.join(", "))))?;
    }
    output.line(&format!("`radpack versions {name}` lists the versions, `radpack history {name}` says how it came about"))?;
    Ok(Outcome::Done)
}

fn show_version(
    session: &Session,
    moment: &Moment,
    name: &str,
    package: &Package,
    version: &Version,
    published: &PublishedVersion,
    output: &mut Output,
) -> Result<Outcome, Stop> {
    let contents = &published.contents;
    let sources = session
        .wait(session.registry.sources(name, contents))
        .map_err(|error| of_history(&error))?;
    let serves = released(package, moment)
        .remove(version)
        .unwrap_or_default();
    if output.json() {
        output.value(&serde_json::json!({
            "name": name,
            "version": version,
            "build": published.build,
            "seq": published.seq,
            "at": published.at,
            "by": published.by,
            "message": published.message,
            "of": published.of,
            "restores": published.restores,
            "breaking": published.breaking,
            "yanked": published.yanked,
            "serves": serves,
            "entries": contents.entries,
            "files": contents.files,
            "sources": sources,
        }))?;
        return Ok(Outcome::Done);
    }
    output.line(&visible(&format!(
        "{name}@{version}, build {}, published {} by {} (event {})",
        published.build,
        time(published.at),
        published.by,
        published.seq
    )))?;
    let mut notes = Vec::new();
    notes.extend(published.message.clone());
    if let Some(of) = &published.of {
        notes.push(format!(
            "from the draft {} at revision {}",
            of.draft, of.revision
        ));
    }
    if let Some(restored) = &published.restores {
        notes.push(format!("has the contents of {restored} again"));
    }
    if let Some(reason) = &published.breaking {
        notes.push(format!("promises more than it keeps, by intent: {reason}"));
    }
    if let Some(yank) = &published.yanked {
        notes.push(format!("yanked by event {}: {}", yank.seq, yank.reason));
    }
    notes.extend(serves);
    for note in notes {
        output.line(&visible(&format!("  {note}")))?;
    }
    let mut table = Table::default();
    for (entry, built) in &contents.entries {
        let exports = match &built.exports {
            Some(names) => names.iter().cloned().collect::<Vec<_>>().join(" "),
            None => String::new(),
        };
        let outside: Vec<&str> = built
            .statics
            .iter()
            .chain(&built.dynamics)
            .map(String::as_str)
            .filter(|id| !id.starts_with("~/"))
            .collect();
        let needs = if outside.is_empty() {
            String::new()
        } else {
            format!("needs {}", outside.join(" "))
        };
        table.row([
            entry.clone(),
            built.file.clone().unwrap_or_default(),
            exports,
            needs,
        ]);
    }
    output.table(&table)?;
    let bytes: u64 = contents.files.values().map(|file| file.bytes).sum();
    output.line(&format!(
        "{}, {bytes} bytes; {}",
        of(contents.files.len(), "file", "files"),
        of(sources.len(), "source", "sources")
    ))?;
    Ok(Outcome::Done)
}

pub(crate) fn diff(arguments: &Diff, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.access)?;
    let moment = session.moment()?;
    let mut sides = Vec::new();
    for package in [&arguments.from, &arguments.to] {
        let pick = package.clone();
        let (version, published) = picked(&session, &moment, &pick)?;
        let sources = session
            .wait(session.registry.sources(&pick.package, &published.contents))
            .map_err(|error| of_history(&error))?;
        sides.push((pick.package, version, published, sources));
    }
    let (from, to) = (&sides[0], &sides[1]);
    let surface = from
        .2
        .contents
        .surface()
        .difference(&to.2.contents.surface());
    let files = |side: &(
        String,
        Version,
        PublishedVersion,
        BTreeMap<String, radpack_registry::state::fact::SourceFile>,
    )|
     -> BTreeMap<String, Hash> {
        side.3
            .iter()
            .map(|(path, file)| (path.clone(), file.sha256))
            .collect()
    };
    let changes = compare(&files(from), &files(to));
    if output.json() {
        let items = |items: &[radpack_registry::Item]| -> Vec<serde_json::Value> {
            items
                .iter()
                .map(|item| serde_json::json!({ "entry": item.entry, "name": item.name }))
                .collect()
        };
        output.value(&serde_json::json!({
            "from": format!("{}@{}", from.0, from.1),
            "to": format!("{}@{}", to.0, to.1),
            "added": items(&surface.added),
            "removed": items(&surface.removed),
            "sources": changes.iter().map(|(change, path)| serde_json::json!({ "change": change, "path": path })).collect::<Vec<_>>(),
        }))?;
        return Ok(Outcome::Done);
    }
    say_changes(
        surface
            .removed
            .iter()
            .map(|item| ("removed", item.to_string()))
            .chain(surface.added.iter().map(|item| ("added", item.to_string())))
            .chain(changes.iter().map(|(change, path)| (*change, path.clone()))),
        output,
    )?;
    if changes.is_empty() && surface == radpack_registry::Difference::default() {
        output.line("they are the same")?;
    }
    Ok(Outcome::Done)
}

/// How files differ: what became of each that is not the same.
pub(super) fn compare(
    from: &BTreeMap<String, Hash>,
    to: &BTreeMap<String, Hash>,
) -> Vec<(&'static str, String)> {
    let paths: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    let changes = paths.into_iter().filter_map(|path| {
        let change = match (from.get(path), to.get(path)) {
            (None, Some(_)) => "added",
            (Some(_), None) => "removed",
            (one, other) if one != other => "changed",
            _ => return None,
        };
        Some((change, path.clone()))
    });
    changes.collect()
}

pub(super) fn say_changes(
    changes: impl Iterator<Item = (&'static str, String)>,
    output: &mut Output,
) -> Result<(), Stop> {
    let mut table = Table::default();
    for (change, what) in changes {
        table.row([change.to_owned(), what]);
    }
    output.table(&table)
}

/// Nothing that somebody has in the folder is written over.
fn check_same(folder: &Path, files: &BTreeMap<String, impl AsRef<[u8]>>) -> Result<(), Failure> {
    for (name, contents) in files {
        let path = folder.join(name);
        if std::fs::read(&path).is_ok_and(|there| there != contents.as_ref()) {
            let message = format!(
                "{} is there with other contents: download into another folder",
                path.display()
            );
            return Err(Failure::new(Word::Unavailable, message));
        }
    }
    Ok(())
}

pub(crate) fn download(arguments: Download, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.access)?;
    let moment = session.moment()?;
    let pick = arguments.package.clone();
    let (version, published) = picked(&session, &moment, &pick)?;
    let folder: PathBuf = arguments.folder;
    let wanted: BTreeMap<String, Hash> = if arguments.sources {
        let sources = session
            .wait(session.registry.sources(&pick.package, &published.contents))
            .map_err(|error| of_history(&error))?;
        let sources = sources.into_iter();
        sources.map(|(path, file)| (path, file.sha256)).collect()
    } else {
        let files = published.contents.files.iter();
        files
            .map(|(name, file)| (format!("{}/{name}", pick.package), file.sha256))
            .collect()
    };
    let count = wanted.len();
    let mut files = BTreeMap::new();
    for (path, hash) in wanted {
        let contents = session
            .wait(session.registry.blob(&moment, &hash))
            .map_err(|error| of_history(&error))?;
        files.insert(path, contents);
    }
    if !arguments.sources {
        // As a build leaves it, so that the folder can be served, or published elsewhere.
        let manifest =
            radpack_registry::built_manifest(&pick.package, &version, &published.contents);
        files.insert(
            "radpack.json".to_owned(),
            manifest.to_json().into_bytes().into(),
        );
    }
    check_same(&folder, &files)?;
    write_files(&folder, &files).map_err(|error| Failure::of(Word::Io, &error))?;
    if output.json() {
        output.value(&serde_json::json!({ "name": pick.package, "version": version, "out": folder, "files": count }))?;
    } else {
        let line = format!(
            "{}@{version}: {} in {}",
            pick.package,
            of(count, "file", "files"),
            folder.display()
        );
        output.line(&visible(&line))?;
    }
    Ok(Outcome::Done)
}
