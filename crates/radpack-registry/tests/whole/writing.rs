//! Publishing and releasing: versions with contents that are made by hand, by as many writers as there are.

use std::collections::BTreeSet;

use radpack_registry::rules::{NewBuild, Publish, ReleaseVersions, Rule, VersionPick, Which};
use radpack_registry::state::State;
use radpack_registry::state::fact::{BuiltEntry, BuiltFile, NewContents, SourceFile};
use radpack_registry::{
    Caller, Carried, Command, CommitError, HistoryError, Plan, Registry, Store, StoreErrorKind,
    Uploads, VerifyReport,
};
use semver::Version;

/// A command: its rule, and the bytes that it names.
pub(crate) struct Work<R> {
    pub(crate) rule: R,
    pub(crate) uploads: Uploads,
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
        let built = BuiltFile {
            sha256,
            bytes,
            integrity: None,
        };
        contents.files.insert(file, built);
    }
    let build = NewBuild {
        package: package.to_owned(),
        number: None,
        contents,
        of: None,
        based_on: None,
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

pub(crate) fn source(uploads: &mut Uploads, text: &str) -> SourceFile {
    SourceFile {
        sha256: uploads.add(text.to_owned()),
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
    Work {
        rule: ReleaseVersions {
            versions: vec![pick],
            channel: "release".to_owned(),
            name: None,
            plan,
            force: None,
        },
        uploads: Uploads::default(),
    }
}

impl<R: Rule> Work<R> {
    pub(crate) async fn send(
        &self,
        registry: &Registry,
        command: &Command,
    ) -> Result<Carried, CommitError> {
        let caller = Caller::new("ann");
        registry
            .carry_out_with(&caller, command, &self.rule, &self.uploads)
            .await
    }

    /// Sends it, under one id, until it is carried out.
    async fn insist(&self, registry: &Registry) {
        let command = Command::new("ann");
        loop {
            match self.send(registry, &command).await {
                Ok(Carried::Done(_)) => return,
                Err(CommitError::Contended(_) | CommitError::Unknown { .. }) => {}
                Err(CommitError::History(HistoryError::Store(error)))
                    if error.kind() == StoreErrorKind::Unclear => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

/// The highest version of a package.
pub(crate) async fn newest(registry: &Registry, package: &str) -> Version {
    let moment = registry.refresh().await.unwrap();
    let newest = |state: &State| state.package(package)?.versions.keys().next_back().cloned();
    registry.ask(&moment, newest).await.unwrap().unwrap()
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

/// Verifies a registry as someone new sees it; nothing may be wrong.
pub(crate) async fn verified(store: Store) -> VerifyReport {
    let report = Registry::open(store).await.unwrap().verify().await.unwrap();
    assert_eq!(report.findings, []);
    report
}

/// Publishes so many versions of a package of the writer's own, and releases each.
pub(crate) async fn write(registry: &Registry, writer: usize, versions: usize) {
    let package = format!("w{writer}");
    for version in 0..versions {
        let text = format!("{package} {version}");
        let work = publish(&package, &[&text, "the same in all"]);
        work.insist(registry).await;
        let version = newest(registry, &package).await;
        release(&package, version, None).insist(registry).await;
    }
    registry.settle().await;
}

/// Whether each of so many writers has done all that, once, and nothing else was done.
pub(crate) async fn check(store: Store, writers: usize, versions: usize) {
    let registry = Registry::open(store.clone()).await.unwrap();
    let kinds = kinds(&registry).await;
    assert_eq!(kinds.len(), 2 * writers * versions);
    for kind in ["published", "released"] {
        let there = kinds.iter().filter(|there| *there == kind).count();
        assert_eq!(there, writers * versions);
    }
    let moment = registry.refresh().await.unwrap();
    registry.read_all(&moment).await.unwrap();
    for writer in 0..writers {
        let package = moment.state.package(&format!("w{writer}")).unwrap();
        assert_eq!(package.versions.len(), versions);
        assert_eq!(package.channel("release").unwrap().releases.len(), versions);
    }
    verified(store).await;
}
