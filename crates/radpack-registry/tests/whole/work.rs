//! What is done to a registry here: versions with contents that are made by hand.

use std::collections::{BTreeMap, BTreeSet};

use radpack_registry::rules::{
    CreateDraft, DraftSource, LinePick, NewBuild, Publish, ReleaseVersions, Rollback, Rule,
    SaveDraft, VersionPick, Which,
};
use radpack_registry::state::State;
use radpack_registry::state::fact::{BuiltEntry, BuiltFile, NewContents, SourceFile};
use radpack_registry::{
    Caller, Carried, Command, CommitError, Hash, Plan, Registry, Store, Uploads, VerifyReport,
};
use semver::Version;

/// A command: its rule, and the bytes that it names.
pub(crate) struct Work<R> {
    pub(crate) rule: R,
    pub(crate) uploads: Uploads,
}

pub(crate) fn ann() -> Caller {
    Caller::new("ann")
}

/// A version of a package, of these source files and one built file for each.
pub(crate) fn publish(package: &str, sources: &[&str]) -> Work<Publish> {
    let mut uploads = Uploads::default();
    let mut contents = NewContents::default();
    for (number, &text) in sources.iter().enumerate() {
        let source = source(&mut uploads, text);
        contents.sources.insert(format!("src/{number}.js"), source);
        let built = format!("export const it = {text:?};\n");
        let bytes = built.len() as u64;
        let sha256 = uploads.add(built);
        let file = format!("e{number}-{}.js", &sha256.to_string()[..16]);
        let entry = BuiltEntry {
            file: Some(file.clone()),
            exports: Some(BTreeSet::from(["it".to_owned()])),
            ..BuiltEntry::default()
        };
        contents.entries.insert(format!("e{number}"), entry);
        let file_of = BuiltFile {
            sha256,
            bytes,
            integrity: None,
        };
        contents.files.insert(file, file_of);
    }
    let build = NewBuild {
        package: package.to_owned(),
        number: None,
        contents,
        of: None,
        after: None,
        assumed: None,
    };
    Work {
        rule: Publish {
            builds: vec![build],
            message: None,
            allow_breaking: None,
            release: false,
            force: None,
        },
        uploads,
    }
}

fn source(uploads: &mut Uploads, text: &str) -> SourceFile {
    let sha256 = uploads.add(text.to_owned());
    SourceFile {
        sha256,
        bytes: text.len() as u64,
    }
}

pub(crate) fn release(
    package: &str,
    version: Version,
    plan: Option<Plan>,
) -> Work<ReleaseVersions> {
    let pick = VersionPick {
        package: package.to_owned(),
        which: Which::Number(version),
    };
    plain(ReleaseVersions {
        versions: vec![pick],
        channel: "release".to_owned(),
        name: None,
        plan,
        force: None,
    })
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

pub(crate) fn plain<R>(rule: R) -> Work<R> {
    Work {
        rule,
        uploads: Uploads::default(),
    }
}

impl<R: Rule> Work<R> {
    pub(crate) async fn send(
        &self,
        registry: &Registry,
        command: &Command,
    ) -> Result<Carried, CommitError> {
        registry
            .carry_out_with(&ann(), command, &self.rule, &self.uploads)
            .await
    }

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

/// Verifies a registry as someone new sees it; nothing may be wrong.
pub(crate) async fn verified(store: Store) -> VerifyReport {
    let report = Registry::open(store).await.unwrap().verify().await.unwrap();
    assert_eq!(report.findings, []);
    report
}

/// The events of a registry: their kinds, in order.
pub(crate) async fn kinds(registry: &Registry) -> Vec<String> {
    let mut kinds = Vec::new();
    let history = registry.history();
    history
        .follow(history.beginning(), |recorded| {
            kinds.push(recorded.event.kind);
            Ok(())
        })
        .await
        .unwrap();
    kinds
}

/// The hash of a version's source, as [`publish`] has it.
pub(crate) fn hash(text: &str) -> Hash {
    Hash::of(text.as_bytes())
}

/// The highest version of a package.
pub(crate) async fn newest(registry: &Registry, package: &str) -> Version {
    let moment = registry.refresh().await.unwrap();
    let newest = |state: &State| state.package(package)?.versions.keys().next_back().cloned();
    registry.ask(&moment, newest).await.unwrap().unwrap()
}
