//! What else is done to a registry here.

use std::collections::{BTreeMap, BTreeSet};

use radpack_registry::rules::{CreateDraft, DraftSource, LinePick, Rollback, Rule, SaveDraft};
use radpack_registry::{Caller, Carried, Command, Hash, Registry, Uploads};

use crate::writing::source;
pub(crate) use crate::writing::{Work, kinds, newest, publish, release, verified};

pub(crate) fn ann() -> Caller {
    Caller::new("ann")
}

pub(crate) fn rollback(package: &str) -> Work<Rollback> {
    plain(Rollback {
        line: LinePick {
            package: package.to_owned(),
            line: None,
        },
        channel: "release".to_owned(),
        to: None,
        force: None,
    })
}

pub(crate) fn create_draft(draft: &str, package: &str) -> Work<CreateDraft> {
    plain(CreateDraft {
        draft: draft.to_owned(),
        package: package.to_owned(),
        from: DraftSource::Empty,
    })
}

pub(crate) fn save_draft(draft: &str, base: u64, text: &str) -> Work<SaveDraft> {
    let mut uploads = Uploads::default();
    let put = BTreeMap::from([("a.js".to_owned(), source(&mut uploads, text))]);
    Work {
        rule: SaveDraft {
            draft: draft.to_owned(),
            opened: None,
            base,
            put,
            remove: BTreeSet::new(),
            message: None,
        },
        uploads,
    }
}

/// A command that names no bytes.
pub(crate) fn plain<R>(rule: R) -> Work<R> {
    Work {
        rule,
        uploads: Uploads::default(),
    }
}

impl<R: Rule> Work<R> {
    /// Carries it out; gives the number of the event.
    pub(crate) async fn run(&self, registry: &Registry) -> u64 {
        seq(self.send(registry, &Command::new("ann")).await.unwrap())
    }
}

/// The event that a command came to.
pub(crate) fn seq(carried: Carried) -> u64 {
    match carried {
        Carried::Done(committed) => committed.recorded.event.seq,
        Carried::Nothing(why) => panic!("{why}"),
    }
}

/// The hash of a text.
pub(crate) fn hash(text: &str) -> Hash {
    Hash::of(text.as_bytes())
}
