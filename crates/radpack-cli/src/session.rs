//! A command's way to its registry: where it is, who asks, and what is said when it refuses.

use std::future::Future;

use radpack_registry::rules::{LinePick, Rule, VersionPick, Which};
use radpack_registry::state::State;
use radpack_registry::state::package::RELEASE;
use radpack_registry::{
    Caller, Carried, Command, CommitError, Event, HistoryError, Moment, PublishError, Recorded,
    Refusal, RefusalKind, Registry, Store, StoreError, Uploads, read_number,
};
use tokio::runtime::{Builder, Runtime};

use crate::arguments::{Access, PackageRef, Writing};
use crate::author::author;
use crate::failure::{Failure, Outcome, Stop, Word};
use crate::output::{Output, note, visible};
use crate::store;

/// An open registry.
pub(crate) struct Session {
    runtime: Runtime,
    pub(crate) registry: Registry,
    pub(crate) caller: Caller,
}

/// A runtime for a registry: one thread, and others for the disk.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::new(Word::Io, "the system gives no means to wait for input").caused_by(&error)
        })
}

/// The store that is meant.
pub(crate) fn store_of(access: &Access) -> Result<Store, Failure> {
    let address = store::address(access.store.as_deref())?;
    Store::open(&address).map_err(|error| of_store(&error))
}

impl Session {
    /// Opens the registry that is meant.
    pub(crate) fn open(access: &Access) -> Result<Session, Failure> {
        let address = store::address(access.store.as_deref())?;
        // Opening a store makes its folder, and a name that was mistyped is to leave none.
        if let Some(folder) = Store::folder_of(&address).filter(|folder| !folder.exists()) {
            let location = folder.display().to_string();
            return Err(of_history(&HistoryError::Missing { location }));
        }
        let runtime = runtime()?;
        let store = store_of(access)?;
        let registry = runtime
            .block_on(Registry::open(store))
            .map_err(|error| of_history(&error))?;
        Session::of(runtime, registry, access)
    }

    /// A session with a registry.
    pub(crate) fn of(
        runtime: Runtime,
        registry: Registry,
        access: &Access,
    ) -> Result<Session, Failure> {
        let token = store::token(access.token.clone())?;
        Ok(Session {
            runtime,
            registry,
            caller: Caller {
                name: author()?,
                token: token.map(|token| token.0),
            },
        })
    }

    /// Waits for something.
    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// The newest state.
    pub(crate) fn moment(&self) -> Result<Moment, Failure> {
        self.wait(self.registry.refresh())
            .map_err(|error| of_history(&error))
    }

    /// Asks something of a state.
    pub(crate) fn ask<T>(
        &self,
        moment: &Moment,
        question: impl FnMut(&State) -> T,
    ) -> Result<T, Failure> {
        self.wait(self.registry.ask(moment, question))
            .map_err(|error| of_history(&error))
    }

    /// Asks something of a state that may refuse to answer.
    pub(crate) fn answer<T>(
        &self,
        moment: &Moment,
        question: impl FnMut(&State) -> Result<T, Refusal>,
    ) -> Result<T, Failure> {
        self.ask(moment, question)?
            .map_err(|refusal| of_refusal(&refusal))
    }

    /// Carries out a command, and says what came of it.
    pub(crate) fn carry_out(
        &self,
        writing: &Writing,
        rule: &impl Rule,
        output: &mut Output,
    ) -> Result<Outcome, Stop> {
        self.carry_out_with(writing, rule, &Uploads::default(), output)
    }

    /// Carries out a command that names new bytes, and says what came of it.
    pub(crate) fn carry_out_with(
        &self,
        writing: &Writing,
        rule: &impl Rule,
        uploads: &Uploads,
        output: &mut Output,
    ) -> Result<Outcome, Stop> {
        let command = command(writing);
        let carried = self.wait(async {
            let carried = self
                .registry
                .carry_out_with(&self.caller, &command, rule, uploads)
                .await;
            self.registry.settle().await;
            carried
        });
        match carried.map_err(|error| of_commit(&error))? {
            Carried::Done(committed) => say_event(&committed.recorded, committed.repeated, output)?,
            Carried::Nothing(why) => say_nothing(&why, output)?,
        }
        Ok(Outcome::Done)
    }
}

/// The command that is sent: a new one, or one that was sent before.
pub(crate) fn command(writing: &Writing) -> Command {
    match writing.id {
        Some(id) => Command::again(id, ""),
        None => Command::new(""),
    }
}

/// Says that there was nothing to do.
pub(crate) fn say_nothing(why: &str, output: &mut Output) -> Result<(), Stop> {
    if output.json() {
        output.value(&serde_json::json!({ "done": false, "why": why }))
    } else {
        output.line(&visible(&format!("nothing to do: {why}")))
    }
}

/// Says what is in the history now.
pub(crate) fn say_event(
    recorded: &Recorded,
    repeated: bool,
    output: &mut Output,
) -> Result<(), Stop> {
    let event = &recorded.event;
    if output.json() {
        return output.value(&event_line(event, repeated));
    }
    let described = event
        .describe()
        .map_err(|error| Failure::of(Word::Io, &error))?;
    let again = if repeated {
        "; this command had been carried out before"
    } else {
        ""
    };
    output.line(&visible(&format!(
        "event {}: {}{again}",
        event.seq, described.what
    )))
}

/// The line for programs about an event.
pub(crate) fn event_line(event: &Event, repeated: bool) -> serde_json::Value {
    let mut line = serde_json::json!({
        "seq": event.seq,
        "at": event.at,
        "by": event.by,
        "kind": event.kind,
        "command": event.command,
        "facts": event.payload,
    });
    if repeated {
        line["repeated"] = true.into();
    }
    line
}

/// A version as the rules name it.
pub(crate) fn version_pick(package: &PackageRef) -> Result<VersionPick, Failure> {
    let which = match (&package.at, package.build) {
        (Some(at), _) => {
            let number = read_number(at).map_err(|error| Failure::of(Word::InvalidSpec, &error))?;
            Which::Number(number)
        }
        (None, Some(build)) => Which::Build(build),
        (None, None) => Which::Newest,
    };
    Ok(VersionPick {
        package: package.name.clone(),
        which,
    })
}

/// A line as the rules name it.
pub(crate) fn line_pick(package: &PackageRef) -> LinePick {
    LinePick {
        package: package.name.clone(),
        line: package.at.clone(),
    }
}

/// The channel that is meant, where none is named.
pub(crate) fn channel(named: Option<String>) -> String {
    named.unwrap_or_else(|| RELEASE.to_owned())
}

pub(crate) fn of_refusal(refusal: &Refusal) -> Failure {
    let word = match refusal.kind() {
        RefusalKind::Unknown => Word::UnknownPackage,
        RefusalKind::Invalid => Word::InvalidId,
        RefusalKind::Unresolvable => Word::UnresolvedDependency,
        _ => Word::Unavailable,
    };
    Failure::of(word, refusal)
}

pub(crate) fn of_store(error: &StoreError) -> Failure {
    Failure::of(Word::Io, error)
}

pub(crate) fn of_history(error: &HistoryError) -> Failure {
    let mut failure = Failure::of(Word::Io, error);
    match error {
        HistoryError::NotYet { .. } => failure.word = Word::Unavailable,
        error if error.is_damage() => {
            failure
                .message
                .push_str(": put it back from a backup; `radpack verify` says what else is wrong");
        }
        _ => {}
    }
    failure
}

pub(crate) fn of_commit(error: &CommitError) -> Failure {
    match error {
        CommitError::Refused(refusal) => of_refusal(refusal),
        CommitError::Unknown { command, .. } => {
            let mut failure = Failure::of(Word::Io, error);
            failure
                .message
                .push_str(&format!(" with --command {command}"));
            failure
        }
        CommitError::History(error) => of_history(error),
        _ => Failure::of(Word::Io, error),
    }
}

pub(crate) fn of_publish(error: &PublishError) -> Failure {
    match error {
        PublishError::Commit(error) => of_commit(error),
        PublishError::Build { .. } => Failure::of(Word::InvalidManifest, error),
        _ => Failure::of(Word::Io, error),
    }
}

/// Says what deserves attention.
pub(crate) fn warn(text: &str) {
    note(&format!("warning: {text}"));
}
