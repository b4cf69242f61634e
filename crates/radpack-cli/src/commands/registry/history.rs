//! `radpack history`: who did what, when and why, a line each.

use std::time::Duration;

use radpack_registry::{HistoryError, Position, Recorded};

use super::time;
use crate::arguments::History;
use crate::failure::{Failure, Outcome, Stop};
use crate::output::{Output, visible};
use crate::session::{Session, event_line, of_history};

/// How often is looked whether more has happened.
const LOOK: Duration = Duration::from_millis(500);

pub(crate) fn run(arguments: &History, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.access)?;
    let history = session.registry.history();
    let mut position = match arguments.since {
        None | Some(0) => history.beginning(),
        Some(seq) => {
            let recorded = session
                .wait(history.event(seq))
                .map_err(|error| of_history(&error))?;
            let Some(recorded) = recorded else {
                return Err(not_yet(seq).into());
            };
            Position::of(&recorded)
        }
    };
    loop {
        let mut stopped = None;
        let followed = session.wait(history.follow(position, |recorded| {
            if stopped.is_none() {
                stopped = say(&recorded, arguments.name.as_deref(), output).err();
            }
            Ok::<(), HistoryError>(())
        }));
        if let Some(stop) = stopped {
            return Err(stop);
        }
        position = followed.map_err(|error| of_history(&error))?;
        if !arguments.follow {
            return Ok(Outcome::Done);
        }
        output.flush()?;
        session.wait(tokio::time::sleep(LOOK));
    }
}

fn not_yet(seq: u64) -> Failure {
    Failure::new(
        crate::failure::Word::Unavailable,
        format!("event {seq} has not happened"),
    )
}

fn say(recorded: &Recorded, package: Option<&str>, output: &mut Output) -> Result<(), Stop> {
    let event = &recorded.event;
    let described = event
        .describe()
        .map_err(|error| Failure::of(crate::failure::Word::Io, &error))?;
    if package.is_some_and(|name| !described.packages.iter().any(|other| other == name)) {
        return Ok(());
    }
    if output.json() {
        return output.value(&event_line(event, false));
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
    )))
}
