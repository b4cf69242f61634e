//! `radpack draft` and `radpack restore`: working copies that nobody's save overwrites.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use radpack_manifest::Manifest;
use radpack_registry::rules::{DiscardDraft, Origin, ResetDraft, SaveDraft};
use radpack_registry::state::draft::{Change, Draft as RegistryDraft};
use radpack_registry::state::fact::{DraftFrom, SourceFile};
use radpack_registry::{Checkout, Hash, Moment, OpenDraft, Sources};

use super::publish::{options, say_report, say_sent};
use super::time;
use super::versions::{compare, say_changes};
use crate::arguments::{
    Draft, DraftAction, DraftCheckout, DraftDiff, DraftList, DraftPublish, DraftPut, DraftRm,
    DraftShow, Restore,
};
use crate::commands::of;
use crate::failure::{Failure, Outcome, Stop, Word};
use crate::output::{Output, Table, visible};
use crate::session::{Session, command, of_publish, say as say_carried, warn};

pub(crate) fn run(arguments: Draft, output: &mut Output) -> Result<Outcome, Stop> {
    match arguments.action {
        DraftAction::Create(it) => {
            let open = OpenDraft {
                draft: it.draft,
                package: Some(it.name),
                from: it.from,
            };
            Session::open(&it.writing.access)?.carry_out(&it.writing, open, output)
        }
        DraftAction::List(it) => list(&it, output),
        DraftAction::Show(it) => show(&it, output),
        DraftAction::Checkout(it) => checkout(it, output),
        DraftAction::Put(it) => put(it, output),
        DraftAction::Rm(it) => rm(it, output),
        DraftAction::Diff(it) => diff(&it, output),
        DraftAction::Reset(it) => {
            let session = Session::open(&it.writing.access)?;
            let reset = ResetDraft {
                draft: it.draft,
                to: it.to,
                based_on: None,
            };
            session.carry_out(&it.writing, reset, output)
        }
        DraftAction::Discard(it) => {
            let session = Session::open(&it.writing.access)?;
            session.carry_out(
                &it.writing,
                DiscardDraft {
                    draft: it.draft,
                    based_on: None,
                },
                output,
            )
        }
        DraftAction::Publish(it) => publish(it, output),
    }
}

pub(crate) fn restore(arguments: Restore, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.writing.access)?;
    let open = OpenDraft {
        draft: arguments.draft,
        package: Some(arguments.package.package.clone()),
        from: Some(Origin::Version(arguments.package)),
    };
    session.carry_out(&arguments.writing, open, output)
}

fn known(
    session: &Session,
    moment: &Moment,
    name: &str,
) -> Result<(String, RegistryDraft), Failure> {
    session.answer(moment, |state| {
        let (package, draft) = state.known_draft(name)?;
        Ok((package.to_owned(), draft.clone()))
    })
}

fn files_of(
    name: &str,
    draft: &RegistryDraft,
    revision: u64,
) -> Result<BTreeMap<String, SourceFile>, Failure> {
    draft.files(revision).ok_or_else(|| {
        let message = format!(
            "{name} has no revision {revision}; the newest is {}",
            draft.revision()
        );
        Failure::new(Word::UnknownEntry, message)
    })
}

fn from_words(from: Option<&DraftFrom>) -> String {
    match from {
        None => "from nothing".to_owned(),
        Some(DraftFrom::Version(version)) => format!("from {version}"),
        Some(DraftFrom::Draft(of)) => {
            format!("from the draft {} at revision {}", of.draft, of.revision)
        }
    }
}

fn list(arguments: &DraftList, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.access)?;
    let moment = session.moment()?;
    let names: Vec<String> = moment
        .state
        .drafts()
        .filter(|(_, package)| {
            arguments
                .name
                .as_deref()
                .is_none_or(|name| name == *package)
        })
        .map(|(draft, _)| draft.to_owned())
        .collect();
    let mut table = Table::default();
    for name in names {
        let (package, draft) = known(&session, &moment, &name)?;
        let revision = draft.revision();
        let files = draft.files(revision).unwrap_or_default().len();
        if output.json() {
            output.value(&serde_json::json!({ "draft": name, "package": package, "revision": revision, "files": files, "from": draft.from }))?;
            continue;
        }
        let newest = draft
            .at(revision)
            .map(|newest| format!("{} by {}", time(newest.at), newest.by));
        table.row([
            name,
            package,
            from_words(draft.from.as_ref()),
            format!("revision {revision}"),
            of(files, "file", "files"),
            newest.unwrap_or_default(),
        ]);
    }
    output.table(&table)?;
    Ok(Outcome::Done)
}

fn show(arguments: &DraftShow, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.access)?;
    let moment = session.moment()?;
    let (package, draft) = known(&session, &moment, &arguments.draft)?;
    let revision = arguments.revision.unwrap_or(draft.revision());
    let files = files_of(&arguments.draft, &draft, revision)?;
    if output.json() {
        output.value(&serde_json::json!({
            "draft": arguments.draft, "package": package, "revision": revision, "from": draft.from, "files": files, "revisions": draft.revisions,
        }))?;
        return Ok(Outcome::Done);
    }
    output.line(&visible(&format!(
        "{}, a draft of {package} {}, at revision {revision} of {}",
        arguments.draft,
        from_words(draft.from.as_ref()),
        draft.revision()
    )))?;
    let mut table = Table::default();
    for (index, revision) in draft.revisions.iter().enumerate() {
        let what = match &revision.change {
            Change::Reset(to) => format!("the files of revision {to}"),
            Change::Saved { put, removed } if removed.is_empty() => format!("{} saved", put.len()),
            Change::Saved { put, removed } => {
                format!("{} saved, {} removed", put.len(), removed.len())
            }
        };
        let message = revision.message.clone().unwrap_or_default();
        table.row([
            format!("{}", index + 1),
            time(revision.at),
            revision.by.clone(),
            what,
            message,
        ]);
    }
    output.table(&table)?;
    let mut table = Table::default();
    for (path, file) in &files {
        table.row([path.clone(), format!("{} bytes", file.bytes)]);
    }
    output.table(&table)?;
    Ok(Outcome::Done)
}

fn checkout(arguments: DraftCheckout, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.access)?;
    let moment = session.moment()?;
    let (_, draft) = known(&session, &moment, &arguments.draft)?;
    let revision = arguments.revision.unwrap_or(draft.revision());
    let files = files_of(&arguments.draft, &draft, revision)?;
    let folder = arguments.folder;
    let before = check_free(&folder)?;
    session
        .wait(session.registry.write_sources(&moment, &files, &folder))
        .map_err(|error| of_publish(&error))?;
    for (path, hash) in before.iter().flat_map(|before| &before.files) {
        if !files.contains_key(path) {
            remove_unchanged(&folder.join(path), *hash)?;
        }
    }
    let checkout = Checkout {
        registry: session.registry.history().id(),
        store: session.registry.store().location().to_owned(),
        draft: arguments.draft.clone(),
        opened: draft.opened().unwrap_or_default(),
        revision,
        files: files
            .iter()
            .map(|(path, file)| (path.clone(), file.sha256))
            .collect(),
    };
    checkout
        .write(&folder)
        .map_err(|error| Failure::of(Word::Io, &error))?;
    if output.json() {
        output.value(&serde_json::json!({ "draft": arguments.draft, "revision": revision, "out": folder, "files": files.len() }))?;
    } else {
        let line = format!(
            "{} at revision {revision}: {} in {folder}; `radpack draft put {} {folder}` saves what you change",
            arguments.draft,
            of(files.len(), "file", "files"),
            arguments.draft,
            folder = folder.display()
        );
        output.line(&visible(&line))?;
    }
    Ok(Outcome::Done)
}

/// Removes a file that is as it was checked out; says whether it is gone.
fn remove_unchanged(path: &Path, hash: Hash) -> Result<bool, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Word::Io, format!("cannot remove {}", path.display())).caused_by(&error)
    };
    match std::fs::read(path) {
        Ok(contents) if Hash::of(&contents) == hash => {
            std::fs::remove_file(path).map_err(failed)?;
            Ok(true)
        }
        Ok(_) => Ok(false),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(failed(error)),
    }
}

/// Nothing that somebody has changed is written over. What the folder is a checkout of now, if it is one.
fn check_free(folder: &Path) -> Result<Option<Checkout>, Failure> {
    let failed = |error: &radpack_registry::FolderError| Failure::of(Word::Io, error);
    if let Some(there) = Checkout::read(folder).map_err(|error| failed(&error))? {
        let (_, changes) = there.changes(folder).map_err(|error| failed(&error))?;
        if changes.is_empty() {
            return Ok(Some(there));
        }
        let message = format!(
            "{} has changes that are not saved in {}: save them with `radpack draft put {} {0}`, or check out into another folder",
            folder.display(),
            there.draft,
            there.draft
        );
        return Err(Failure::new(Word::Unavailable, message));
    }
    let is_empty = std::fs::read_dir(folder)
        .map(|mut entries| entries.next().is_none())
        .unwrap_or(true);
    if is_empty {
        return Ok(None);
    }
    let message = format!(
        "{} is not empty: check out into a new folder",
        folder.display()
    );
    Err(Failure::new(Word::Unavailable, message))
}

/// The checkout that paths are in, with its folder, if it is one of this draft.
fn checkout_of(
    session: &Session,
    draft: &str,
    paths: &[PathBuf],
) -> Result<Option<(PathBuf, Checkout)>, Failure> {
    for path in paths {
        let around = Checkout::around(path).map_err(|error| Failure::of(Word::Io, &error))?;
        if let Some((folder, checkout)) = around
            && checkout.registry == session.registry.history().id()
        {
            if checkout.draft == draft {
                return Ok(Some((folder, checkout)));
            }
            let message = format!(
                "{} is a checkout of {}, not of {draft}",
                folder.display(),
                checkout.draft
            );
            return Err(Failure::new(Word::Unavailable, message));
        }
    }
    Ok(None)
}

fn base_of(base: Option<u64>, checkout: Option<&(PathBuf, Checkout)>) -> Result<u64, Failure> {
    base.or_else(|| checkout.map(|(_, checkout)| checkout.revision)).ok_or_else(|| {
        let message = "which revision is this based on? say it with --base REV, or work in a folder that `radpack draft checkout` made";
        Failure::new(Word::Unavailable, message)
    })
}

/// The name of a path in the draft: below the checkout, or as it is written.
fn name_in(path: &Path, checkout: Option<&(PathBuf, Checkout)>) -> Result<String, Failure> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let inside = checkout
        .and_then(|(folder, _)| absolute.strip_prefix(folder).ok())
        .unwrap_or(path);
    let parts: Option<Vec<&str>> = inside
        .components()
        .filter(|part| !matches!(part, Component::CurDir))
        .map(|part| match part {
            Component::Normal(part) => part.to_str(),
            _ => None,
        })
        .collect();
    parts
        .filter(|parts| !parts.is_empty())
        .map(|parts| parts.join("/"))
        .ok_or_else(|| {
            let message = format!(
                "{} is no path in the draft: write it relative to the package",
                path.display()
            );
            Failure::new(Word::InvalidId, message)
        })
}

fn put(arguments: DraftPut, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.writing.access)?;
    let failed = |error: radpack_registry::FolderError| Failure::of(Word::Io, &error);
    let checkout = checkout_of(&session, &arguments.draft, &arguments.paths)?;
    let mut files = BTreeMap::new();
    let mut put = BTreeMap::new();
    let mut remove = BTreeSet::new();
    let mut add = |name: String, hash: Hash, bytes: u64, path: PathBuf| {
        files.insert(name.clone(), path);
        put.insert(
            name,
            SourceFile {
                sha256: hash,
                bytes,
            },
        );
    };
    for path in &arguments.paths {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        match &checkout {
            // The whole checkout: what is new, other, or gone.
            Some((folder, it)) if absolute == *folder => {
                let (sources, changes) = it.changes(folder).map_err(failed)?;
                for name in changes.added.iter().chain(&changes.changed) {
                    if let Some(file) = sources.get(name) {
                        add(name.clone(), file.hash, file.length, folder.join(name));
                    }
                }
                remove.extend(changes.removed);
            }
            _ if absolute.is_dir() => {
                let sources = Sources::read(&absolute, &BTreeSet::new()).map_err(failed)?;
                let inside = checkout.is_some();
                for (name, file) in sources.files() {
                    let whole = absolute.join(name);
                    // Of a folder that is no checkout, the names begin at it.
                    let name = if inside {
                        name_in(&whole, checkout.as_ref())?
                    } else {
                        name.to_owned()
                    };
                    add(name, file.hash, file.length, whole);
                }
            }
            _ => {
                if absolute.is_symlink() {
                    let message = format!(
                        "{} is a symbolic link, and drafts hold files: give the file that it leads to",
                        path.display()
                    );
                    return Err(Failure::new(Word::InvalidId, message).into());
                }
                let contents = std::fs::read(path).map_err(|error| {
                    Failure::new(Word::Io, format!("cannot read {}", path.display()))
                        .caused_by(&error)
                })?;
                add(
                    name_in(path, checkout.as_ref())?,
                    Hash::of(&contents),
                    contents.len() as u64,
                    absolute,
                );
            }
        }
    }
    let rule = SaveDraft {
        draft: arguments.draft,
        opened: checkout.as_ref().map(|(_, checkout)| checkout.opened),
        base: base_of(arguments.base, checkout.as_ref())?,
        put,
        remove,
        message: arguments.message,
    };
    let carried = session.save(&command(&arguments.writing), &rule, &files)?;
    let outcome = say_carried(&carried, output)?;
    remember(&session, checkout, &rule)?;
    Ok(outcome)
}

fn rm(arguments: DraftRm, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.writing.access)?;
    let checkout = checkout_of(&session, &arguments.draft, &arguments.paths)?;
    let names = arguments
        .paths
        .iter()
        .map(|path| name_in(path, checkout.as_ref()));
    let rule = SaveDraft {
        draft: arguments.draft,
        opened: checkout.as_ref().map(|(_, checkout)| checkout.opened),
        base: base_of(arguments.base, checkout.as_ref())?,
        put: BTreeMap::new(),
        remove: names.collect::<Result<_, _>>()?,
        message: None,
    };
    let command = command(&arguments.writing);
    let carried = session.save(&command, &rule, &BTreeMap::new())?;
    let outcome = say_carried(&carried, output)?;
    // In a checkout they go as well, or the next save would bring them back.
    for name in &rule.remove {
        if let Some((folder, checkout)) = &checkout
            && let Some(hash) = checkout.files.get(name)
            && !remove_unchanged(&folder.join(name), *hash)?
        {
            warn(&format!(
                "{} was changed since it was checked out, and stays there",
                folder.join(name).display()
            ));
        }
    }
    remember(&session, checkout, &rule)?;
    Ok(outcome)
}

/// The checkout is now one of the revision that was saved.
fn remember(
    session: &Session,
    checkout: Option<(PathBuf, Checkout)>,
    saved: &SaveDraft,
) -> Result<(), Failure> {
    let Some((folder, checkout)) = checkout.filter(|(_, checkout)| checkout.revision == saved.base)
    else {
        return Ok(());
    };
    let read = session
        .moment()
        .and_then(|moment| known(session, &moment, &saved.draft));
    let Some((_, draft)) = session.if_readable(read)? else {
        warn(&format!(
            "it is saved, and {} is still a checkout of revision {}: what is newer cannot be read with this token",
            folder.display(),
            checkout.revision
        ));
        return Ok(());
    };
    // If another one had saved before, the base would have been refused; so the next revision is this one. Where none was needed, the
    // next may be another's by now, and is not what the folder holds.
    let before = files_of(&saved.draft, &draft, saved.base)?;
    let is_there = |(path, file): (&String, &SourceFile)| before.get(path) == Some(file);
    let needs_none = saved.remove.is_empty() && saved.put.iter().all(is_there);
    let revision = saved.base + u64::from(!needs_none);
    let files = files_of(&saved.draft, &draft, revision)?;
    let now = Checkout {
        revision,
        files: files
            .iter()
            .map(|(path, file)| (path.clone(), file.sha256))
            .collect(),
        ..checkout
    };
    now.write(&folder)
        .map_err(|error| Failure::of(Word::Io, &error))
}

fn diff(arguments: &DraftDiff, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.access)?;
    let moment = session.moment()?;
    let (_, draft) = known(&session, &moment, &arguments.draft)?;
    let hashes = |revision: u64| -> Result<BTreeMap<String, Hash>, Failure> {
        let files = files_of(&arguments.draft, &draft, revision)?;
        Ok(files
            .into_iter()
            .map(|(path, file)| (path, file.sha256))
            .collect())
    };
    let from = hashes(arguments.from.unwrap_or(1))?;
    let to = hashes(arguments.to.unwrap_or(draft.revision()))?;
    let changes = compare(&from, &to);
    if output.json() {
        for (change, path) in changes {
            output.value(&serde_json::json!({ "change": change, "path": path }))?;
        }
    } else if changes.is_empty() {
        output.line("they are the same")?;
    } else {
        say_changes(changes.into_iter(), output)?;
    }
    Ok(Outcome::Done)
}

fn publish(arguments: DraftPublish, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.writing.access)?;
    let options = options(arguments.publishing, &arguments.writing.access)?;
    let command = command(&arguments.writing);
    if let Some(remote) = &session.remote {
        let published = session.wait(remote.publish_draft(&command, &arguments.draft, &options));
        return say_sent(published, output);
    }
    let published = session.wait(async {
        let published = session
            .registry
            .publish_draft(&session.caller, &command, &arguments.draft, &options)
            .await;
        session.registry.settle().await;
        published
    });
    say_report(published, output)
}

/// Lays a draft on top of a manifest: built into a folder of this machine, and served from there.
pub(super) fn lay_on_top(
    session: &Session,
    manifest: &mut Manifest,
    draft: &str,
) -> Result<(), Failure> {
    let moment = session.moment()?;
    let folder = crate::store::cache()?.join("drafts");
    let laid = session.wait(session.registry.try_draft(&moment, draft, &folder));
    let (name, tried) = laid.map_err(|error| of_publish(&error))?;
    radpack_registry::lay_on_top(manifest, &name, tried);
    Ok(())
}
