//! A command's way to its registry: where it is, who asks, and what is said when it refuses.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;

use radpack_registry::rules::SaveDraft;
use radpack_registry::state::State;
use radpack_registry::state::package::RELEASE;
use radpack_registry::{
    Answer, Caller, Carried, Command, CommitError, Done, Event, HistoryError, Moment, Preview,
    PublishError, Refusal, RefusalKind, Registry, Request, Store, StoreError, Uploads,
};
use tokio::runtime::{Builder, Runtime};

use crate::arguments::{Access, Writing};
use crate::author::author;
use crate::failure::{Failure, Outcome, Stop, Word};
use crate::output::{Output, note, visible};
use crate::remote::Remote;
use crate::store;

/// An open registry.
pub(crate) struct Session {
    runtime: Runtime,
    pub(crate) registry: Registry,
    pub(crate) caller: Caller,
    /// Where it is behind a server, which commands are sent to.
    pub(crate) remote: Option<Remote>,
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
    if store::address_of_server(&address, true)?.is_some() {
        let message = format!(
            "{address} is a server, and this is done where its store is: give the store's own address"
        );
        return Err(Failure::new(Word::Unavailable, message));
    }
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
        let token = store::token(access.token.clone())?.map(|token| token.0);
        let remote = Remote::at(&address, token.clone(), access.plain_http)?;
        let store = match &remote {
            Some(remote) => remote.store(),
            None => store_of(access)?,
        };
        let runtime = runtime()?;
        let registry = runtime
            .block_on(Registry::open(store))
            .map_err(|error| of_history(&error))?;
        let name = match &remote {
            // Who it is, their token says.
            Some(_) => String::new(),
            None => author()?,
        };
        Ok(Session {
            runtime,
            registry,
            caller: Caller { name, token },
            remote,
        })
    }

    /// Waits for something.
    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// The newest state.
    pub(crate) fn moment(&self) -> Result<Moment, Failure> {
        let moment = self.wait(self.registry.refresh());
        moment.map_err(|error| match self.narrow() {
            Some(remote) => remote.denied(),
            None => of_history(&error),
        })
    }

    /// The server whose history the token is not for, where it is a token for some of it.
    pub(crate) fn narrow(&self) -> Option<&Remote> {
        let remote = self.remote.as_ref()?;
        self.wait(remote.reads_only_some()).then_some(remote)
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

    /// Has a command carried out.
    pub(crate) fn request(
        &self,
        command: &Command,
        request: impl Into<Request>,
    ) -> Result<Answer, Failure> {
        let request = request.into();
        if let Some(remote) = &self.remote {
            return self.wait(remote.carry_out(command, &request));
        }
        let carried = self.wait(async {
            let request = self.registry.request(&self.caller, command, request);
            let carried = request.await;
            self.registry.settle().await;
            carried
        });
        answer_of(&carried.map_err(|error| of_commit(&error))?)
    }

    /// Has a command carried out, and says what came of it.
    pub(crate) fn carry_out(
        &self,
        writing: &Writing,
        request: impl Into<Request>,
        output: &mut Output,
    ) -> Result<Outcome, Stop> {
        say(&self.request(&command(writing), request)?, output)
    }

    /// What a command would come to.
    pub(crate) fn preview(&self, request: impl Into<Request>) -> Result<Preview, Failure> {
        let request = request.into();
        if let Some(remote) = &self.remote {
            return self.wait(remote.preview(&request));
        }
        let preview = self.registry.preview_request(&self.caller, request);
        let (decided, effect) = self.wait(preview).map_err(|error| of_commit(&error))?;
        Ok(Preview::of(&decided, effect))
    }

    /// Saves files of a draft, which lie at these paths.
    pub(crate) fn save(
        &self,
        command: &Command,
        save: &SaveDraft,
        files: &BTreeMap<String, PathBuf>,
    ) -> Result<Answer, Failure> {
        if let Some(remote) = &self.remote {
            return self.wait(remote.save(command, save, files));
        }
        let mut uploads = Uploads::default();
        for (name, file) in &save.put {
            if let Some(path) = files.get(name) {
                uploads.add_file(file.sha256, path.clone());
            }
        }
        let carried = self.wait(async {
            let carried = self
                .registry
                .carry_out_with(&self.caller, command, save, &uploads)
                .await;
            self.registry.settle().await;
            carried
        });
        answer_of(&carried.map_err(|error| of_commit(&error))?)
    }

    /// What was read behind a command that is done; nothing, where the token of its sender is not for reading.
    pub(crate) fn if_readable<T>(&self, read: Result<T, Failure>) -> Result<Option<T>, Failure> {
        match read {
            Err(_) if self.remote.is_some() => Ok(None),
            read => read.map(Some),
        }
    }
}

/// What programs are told of a command.
pub(crate) fn answer_of(carried: &Carried) -> Result<Answer, Failure> {
    Answer::of(carried).map_err(|error| Failure::of(Word::Io, &error))
}

/// Says what came of a command.
pub(crate) fn say(answer: &Answer, output: &mut Output) -> Result<Outcome, Stop> {
    match answer {
        Answer::Done(done) => say_done(done, output)?,
        Answer::Nothing(nothing) => say_nothing(&nothing.why, output)?,
    }
    Ok(Outcome::Done)
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
fn say_done(done: &Done, output: &mut Output) -> Result<(), Stop> {
    if output.json() {
        return output.value(&done_line(done));
    }
    let again = if done.repeated {
        "; this command had been carried out before"
    } else {
        ""
    };
    output.line(&visible(&format!(
        "event {}: {}{again}",
        done.seq, done.text
    )))
}

/// The line for programs about what was done.
pub(crate) fn done_line(done: &Done) -> serde_json::Value {
    let mut line = serde_json::json!({
        "seq": done.seq,
        "at": done.at,
        "by": done.by,
        "kind": done.kind,
        "command": done.command,
        "facts": done.facts,
    });
    if done.repeated {
        line["repeated"] = true.into();
    }
    line
}

/// The line for programs about an event.
pub(crate) fn event_line(event: &Event) -> serde_json::Value {
    serde_json::json!({
        "seq": event.seq,
        "at": event.at,
        "by": event.by,
        "kind": event.kind,
        "command": event.command,
        "facts": event.payload,
    })
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
        PublishError::Build { .. } | PublishError::Limit { .. } => {
            Failure::of(Word::InvalidManifest, error)
        }
        _ => Failure::of(Word::Io, error),
    }
}

/// Says what deserves attention.
pub(crate) fn warn(text: &str) {
    note(&format!("warning: {text}"));
}
