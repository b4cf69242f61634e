//! Care for a registry as a whole: `backup`, `restore-backup`, `import`, `verify`, `gc`, `setting`.

use radpack_registry::rules::ChangeSetting;
use radpack_registry::{Caller, CareError, Carried, Registry};

use crate::arguments::{Backup, Gc, Import, RestoreBackup, Setting, SettingChange, Verify};
use crate::author::author;
use crate::commands::of;
use crate::failure::{Failure, Outcome, Stop, Word};
use crate::output::{Output, visible};
use crate::progress::Progress;
use crate::session::{Session, answer_of, command, of_commit, of_history, runtime, say, store_of};

fn of_care(error: &CareError) -> Failure {
    match error {
        CareError::Commit(error) => of_commit(error),
        _ => Failure::of(Word::Io, error),
    }
}

pub(crate) fn backup(arguments: &Backup, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.access)?;
    // It may be what others are based on, this one too.
    if arguments.file.exists() {
        let message = format!(
            "{} is there already: a backup is written to a new file",
            arguments.file.display()
        );
        return Err(Failure::new(Word::Unavailable, message).into());
    }
    let progress = Progress::new("backing up");
    let report = session.wait(
        session
            .registry
            .backup(&arguments.file, arguments.base.as_deref()),
    );
    drop(progress);
    let report = report.map_err(|error| of_care(&error))?;
    let file = arguments.file.display().to_string();
    if output.json() {
        output.value(&serde_json::json!({ "out": file, "to": report.to, "events": report.events, "blobs": report.blobs }))?;
    } else {
        let line = format!(
            "{file}: the history up to event {}, {} and {} of it",
            report.to,
            of(report.events as usize, "event", "events"),
            of(report.blobs, "blob", "blobs")
        );
        output.line(&visible(&line))?;
    }
    Ok(Outcome::Done)
}

pub(crate) fn restore_backup(
    arguments: &RestoreBackup,
    output: &mut Output,
) -> Result<Outcome, Stop> {
    let store = store_of(&arguments.access)?;
    let location = store.location().to_owned();
    let caller = Caller::new(author()?);
    let runtime = runtime()?;
    let progress = Progress::new("restoring");
    let report = runtime.block_on(Registry::restore(store, &arguments.files, &caller));
    drop(progress);
    let report = report.map_err(|error| of_care(&error))?;
    if output.json() {
        output.value(&serde_json::json!({ "store": location, "events": report.events, "blobs": report.blobs }))?;
    } else {
        let line = format!(
            "a registry in {location}: {} and {}; all tokens of it are revoked",
            of(report.events as usize, "event", "events"),
            of(report.blobs, "blob", "blobs")
        );
        output.line(&visible(&line))?;
    }
    Ok(Outcome::Done)
}

pub(crate) fn import(arguments: &Import, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.writing.access)?;
    let command = command(&arguments.writing);
    let progress = Progress::new("importing");
    if let Some(remote) = &session.remote {
        let answer = session.wait(remote.import(&command, &arguments.file, &arguments.names));
        drop(progress);
        return say(&answer?, output);
    }
    let report = session.wait(async {
        let report = session
            .registry
            .import(&session.caller, &command, &arguments.file, &arguments.names)
            .await;
        session.registry.settle().await;
        report
    });
    drop(progress);
    let report = report.map_err(|error| of_care(&error))?;
    let carried = match report.committed {
        Some(committed) => Carried::Done(Box::new(committed)),
        None => Carried::Nothing(report.nothing.unwrap_or_default()),
    };
    say(&answer_of(&carried)?, output)
}

pub(crate) fn verify(arguments: &Verify, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.access)?;
    if session.remote.is_some() {
        let message =
            "whether a store keeps its word is tried where it is: give the store's own address";
        return Err(Failure::new(Word::Unavailable, message).into());
    }
    let progress = Progress::new("verifying");
    let report = session.wait(session.registry.verify());
    drop(progress);
    let report = report.map_err(|error| of_history(&error))?;
    for finding in &report.findings {
        if output.json() {
            output.value(&serde_json::json!({ "object": finding.object, "what": finding.what }))?;
        } else {
            output.line(&visible(&format!("{}: {}", finding.object, finding.what)))?;
        }
    }
    let is_clean = report.findings.is_empty();
    if output.json() {
        output.value(&serde_json::json!({
            "clean": is_clean, "events": report.events, "blobs": report.blobs, "bytes": report.bytes, "checkpoints": report.checkpoints,
        }))?;
    } else {
        output.line(&format!(
            "{}; {}, {} with {} bytes, and {} were read",
            if is_clean {
                "everything is as it must be".to_owned()
            } else {
                of(report.findings.len(), "finding", "findings")
            },
            of(report.events as usize, "event", "events"),
            of(report.blobs, "blob", "blobs"),
            report.bytes,
            of(report.checkpoints, "checkpoint", "checkpoints"),
        ))?;
    }
    Ok(if is_clean {
        Outcome::Done
    } else {
        Outcome::Incomplete
    })
}

pub(crate) fn gc(arguments: &Gc, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.writing.access)?;
    let progress = Progress::new("looking for what nothing names");
    if let Some(remote) = &session.remote {
        let swept = session.wait(remote.gc());
        drop(progress);
        return say_swept(&swept?, output);
    }
    let report = session.wait(async {
        let report = session.registry.gc(&session.caller).await;
        session.registry.settle().await;
        report
    });
    drop(progress);
    let report = report.map_err(|error| of_commit(&error))?;
    let swept = report.swept;
    let swept = serde_json::json!({
        "seq": swept.map(|swept| swept.seq),
        "objects": swept.map_or(0, |swept| swept.objects),
        "bytes": swept.map_or(0, |swept| swept.bytes),
        "leftOver": report.left_over,
        "checkpoints": report.checkpoints,
    });
    say_swept(&swept, output)
}

fn say_swept(swept: &serde_json::Value, output: &mut Output) -> Result<Outcome, Stop> {
    if output.json() {
        output.value(swept)?;
        return Ok(Outcome::Done);
    }
    let count = |name: &str| swept[name].as_u64().unwrap_or_default();
    let objects = |name: &str| of(count(name) as usize, "object", "objects");
    match swept["seq"].as_u64() {
        Some(seq) => output.line(&format!(
            "event {seq}: swept {} with {} bytes",
            objects("objects"),
            count("bytes")
        ))?,
        None => output.line("the history names everything that is over a day old")?,
    }
    if count("leftOver") > 0 {
        output.line(&format!(
            "deleted {} that an earlier run had left",
            objects("leftOver")
        ))?;
    }
    if count("checkpoints") > 0 {
        output.line(&format!(
            "deleted {} that others have taken the place of",
            of(count("checkpoints") as usize, "checkpoint", "checkpoints")
        ))?;
    }
    Ok(Outcome::Done)
}

pub(crate) fn setting(arguments: &Setting, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.writing.access)?;
    let Some(SettingChange::BaseUrl(url)) = arguments.changes.last() else {
        let moment = session.moment()?;
        let base_url = moment.state.base_url();
        if output.json() {
            output.value(&serde_json::json!({ "baseUrl": base_url }))?;
        } else {
            output.line(&visible(&format!(
                "base-url={}",
                base_url.unwrap_or_default()
            )))?;
        }
        return Ok(Outcome::Done);
    };
    let rule = ChangeSetting {
        base_url: url.as_ref().map(ToString::to_string),
    };
    session.carry_out(&arguments.writing, rule, output)
}
