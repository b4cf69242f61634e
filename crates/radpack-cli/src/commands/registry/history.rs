//! `radpack history`: who did what, when and why, a line each.

use std::time::Duration;

use radpack_registry::{HistoryError, Position, Recorded, Timestamp};

use super::time;
use crate::arguments::History;
use crate::failure::{Failure, Outcome, Stop};
use crate::output::{Output, note, visible};
use crate::remote::Remote;
use crate::session::{Session, event_line, of_history};

/// How often is looked whether more has happened.
const LOOK: Duration = Duration::from_millis(500);

pub(crate) fn run(arguments: &History, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.access)?;
    if let Some(remote) = session.narrow() {
        return of_server(&session, remote, arguments, output);
    }
    let mut said = 0_u64;
    let history = session.registry.history();
    let mut position = match arguments.since {
        None | Some(0) => history.beginning(),
        Some(seq) => {
            let recorded = session
                .wait(history.event(seq))
                .map_err(|error| of_history(&error))?;
            let Some(recorded) = recorded else {
                let newest = session.moment()?.position.seq;
                return Err(of_history(&HistoryError::NotYet { seq, newest }).into());
            };
            Position::of(&recorded)
        }
    };
    loop {
        let mut stopped = None;
        let followed = session.wait(history.follow(position, |recorded| {
            if stopped.is_none() {
                match say(&recorded, arguments.name.as_deref(), output) {
                    Ok(true) => said += 1,
                    Ok(false) => {}
                    Err(stop) => stopped = Some(stop),
                }
            }
            Ok::<(), HistoryError>(())
        }));
        if let Some(stop) = stopped {
            return Err(stop);
        }
        position = followed.map_err(|error| of_history(&error))?;
        if !arguments.follow {
            if said == 0 {
                note_nothing(arguments);
            }
            return Ok(Outcome::Done);
        }
        output.flush()?;
        session.wait(async { tokio::time::sleep(LOOK).await });
    }
}

/// Says what an event was, unless it is about other packages; whether it did.
fn say(recorded: &Recorded, package: Option<&str>, output: &mut Output) -> Result<bool, Stop> {
    let event = &recorded.event;
    let described = event
        .describe()
        .map_err(|error| Failure::of(crate::failure::Word::Io, &error))?;
    if package.is_some_and(|name| !described.packages.iter().any(|other| other == name)) {
        return Ok(false);
    }
    if output.json() {
        output.value(&event_line(event))?;
        return Ok(true);
    }
    output.line(&line(
        event.seq,
        event.at,
        &event.by,
        &described.what,
        described.why.as_deref(),
    ))?;
    Ok(true)
}

/// The events that a server tells those of who may not read all of them.
fn of_server(
    session: &Session,
    remote: &Remote,
    arguments: &History,
    output: &mut Output,
) -> Result<Outcome, Stop> {
    // Facts, and what comes, only the whole history has.
    if output.json() || arguments.follow {
        return Err(remote.denied().into());
    }
    let since = arguments.since.unwrap_or(0);
    let events = session.wait(remote.events(since, arguments.name.as_deref()))?;
    let mut said = false;
    for event in &events {
        if let Some((by, text)) = event.by.as_ref().zip(event.text.as_ref()) {
            output.line(&line(event.seq, event.at, by, text, event.why.as_deref()))?;
            said = true;
        }
    }
    if !said {
        note_nothing(arguments);
    }
    Ok(Outcome::Done)
}

fn note_nothing(arguments: &History) {
    if let Some(name) = &arguments.name {
        note(&format!(
            "no event is about {name}; `radpack versions` lists the packages that there are"
        ));
    }
}

fn line(seq: u64, at: Timestamp, by: &str, what: &str, why: Option<&str>) -> String {
    let why = why.map(|why| format!(" – {why}")).unwrap_or_default();
    visible(&format!("{seq:>5}  {}  {by}  {what}{why}", time(at)))
}
