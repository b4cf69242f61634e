//! `radpack bisect`: the release after which a command began to fail.

use std::process::Command;

use radpack_registry::{Fact, ManifestQuery};

use crate::arguments::Bisect;
use crate::failure::{Failure, Outcome, Stop, Word};
use crate::output::{Output, note, visible};
use crate::session::{Session, event_line, of_history};

pub(crate) fn run(arguments: &Bisect, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.access)?;
    let newest = session.moment()?.position.seq;
    let wrong = |message: String| Stop::from(Failure::new(Word::InvalidSpec, message));
    if arguments.good >= arguments.bad {
        return Err(wrong(format!(
            "event {} does not come before event {}: --good must",
            arguments.good, arguments.bad
        )));
    }
    if arguments.bad > newest {
        return Err(wrong(format!(
            "event {} has not happened: the newest is {newest}",
            arguments.bad
        )));
    }
    // The events that change what users get of the package.
    let mut changes = Vec::new();
    let history = session.registry.history();
    let from = session
        .wait(session.registry.at(arguments.good))
        .map_err(|error| of_history(&error))?;
    let followed = session.wait(
        history.follow_up_to(from.position, arguments.bad, |recorded| {
            if let Ok(fact) = Fact::of(&recorded.event)
                && fact.changes_releases_of(&arguments.name)
            {
                changes.push(recorded);
            }
            Ok(())
        }),
    );
    followed.map_err(|error| of_history(&error))?;
    if changes.is_empty() {
        return Err(wrong(format!(
            "no release of {} changed between the events {} and {}",
            arguments.name, arguments.good, arguments.bad
        )));
    }
    for (seq, fails) in [(arguments.good, false), (arguments.bad, true)] {
        if fails_at(&session, arguments, seq)? != fails {
            let what = if fails { "does well" } else { "fails" };
            return Err(wrong(format!(
                "the command {what} at event {seq} already: nothing to look for between"
            )));
        }
    }
    // Before the first of them all is well, after the last nothing is.
    let (mut good, mut bad) = (0, changes.len());
    while good + 1 < bad {
        let middle = good + (bad - good) / 2;
        if fails_at(&session, arguments, changes[middle - 1].event.seq)? {
            bad = middle;
        } else {
            good = middle;
        }
    }
    let found = &changes[bad - 1].event;
    if output.json() {
        output.value(&event_line(found))?;
    } else {
        let described = found
            .describe()
            .map_err(|error| Failure::of(Word::Io, &error))?;
        output.line(&visible(&format!(
            "event {} began it: {} {}",
            found.seq, found.by, described.what
        )))?;
    }
    Ok(Outcome::Done)
}

/// Whether the command fails with the manifest of an event.
fn fails_at(session: &Session, arguments: &Bisect, seq: u64) -> Result<bool, Failure> {
    let moment = session
        .wait(session.registry.at(seq))
        .map_err(|error| of_history(&error))?;
    let manifest = session.answer(&moment, |state| {
        state.manifest(&ManifestQuery::default(), moment.position.at)
    })?;
    let io = |what: &str, error: &std::io::Error| Failure::new(Word::Io, what).caused_by(error);
    let folder =
        tempfile::tempdir().map_err(|error| io("no temporary folder can be made", &error))?;
    let file = folder.path().join("radpack.json");
    std::fs::write(&file, manifest.to_json())
        .map_err(|error| io("the manifest cannot be written", &error))?;
    let mut shell = if cfg!(windows) {
        let mut shell = Command::new("cmd");
        shell.arg("/C");
        shell
    } else {
        let mut shell = Command::new("sh");
        shell.arg("-c");
        shell
    };
    let status = shell
        .arg(&arguments.run)
        .env("RADPACK_MANIFEST", &file)
        .env("RADPACK_SEQ", seq.to_string())
        // What it prints is no result of this command.
        .stdout(std::io::stderr())
        .status()
        .map_err(|error| io("the command cannot be run", &error))?;
    // As in other bisections: 125 and what the shell itself says are no answer.
    if matches!(status.code(), None | Some(125..=127)) {
        let message = format!(
            "the command gave no answer at event {seq} ({status}): 0 is good, 1 to 124 are bad"
        );
        return Err(Failure::new(Word::Io, message));
    }
    note(&format!(
        "event {seq}: {}",
        if status.success() { "good" } else { "bad" }
    ));
    Ok(!status.success())
}
