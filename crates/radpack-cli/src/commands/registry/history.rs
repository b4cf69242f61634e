//! `radpack history`: who did what, when and why, a line each.

use std::time::Duration;

use radpack_registry::{HistoryError, Position, Recorded};

use super::time;
use crate::arguments::History;
use crate::failure::{Failure, Outcome, Stop};
use crate::output::{Output, note, visible};
use crate::session::{Session, event_line, of_history};

/// How often is looked whether more has happened.
const LOOK: Duration = Duration::from_millis(500);

pub(crate) fn run(arguments: &History, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.access)?;
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
            if let Some(name) = arguments.name.as_ref().filter(|_| said == 0) {
                note(&format!(
                    "no event is about {name}; `radpack versions` lists the packages that there are"
                ));
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
    let why = described
        .why
        .map(|why| format!(" – {why}"))
        .unwrap_or_default();
    output.line(&visible(&format!(
        "{:>5}  {}  {}  {}{why}",
        event.seq,
        time(event.at),
        event.by,
        described.what
    )))?;
    Ok(true)
}
