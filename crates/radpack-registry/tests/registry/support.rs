//! A registry in memory, and contents for it made by hand.

use std::collections::{BTreeMap, BTreeSet};

use radpack_registry::rules::{
    NewBuild, Promote, Publish, ReleaseVersions, Rollback, Rule, SetPolicy, Yank,
};
use radpack_registry::state::fact::{BuiltEntry, BuiltFile, NewContents, SourceFile};
use radpack_registry::{
    Caller, Carried, Command, CommitError, Committed, Follow, Hash, ManifestQuery, Moment, Plan,
    Registry, Store,
};
use semver::Version;

pub(crate) fn version(text: &str) -> Version {
    text.parse().unwrap()
}

pub(crate) fn source(text: &str) -> SourceFile {
    SourceFile {
        sha256: Hash::of(text.as_bytes()),
        bytes: text.len() as u64,
    }
}

/// One entry, of one file, whose sources are this text; it exports these names and needs these pins.
pub(crate) fn contents(text: &str, names: &[&str], pins: &[&str]) -> NewContents {
    let file = format!("index-{text}.js");
    let built = BuiltFile {
        sha256: Hash::of(text.as_bytes()),
        bytes: text.len() as u64,
        integrity: None,
    };
    let entry = BuiltEntry {
        file: Some(file.clone()),
        statics: pins.iter().map(|pin| (*pin).to_owned()).collect(),
        dynamics: Vec::new(),
        exports: Some(names.iter().map(|name| (*name).to_owned()).collect()),
    };
    NewContents {
        sources: BTreeMap::from([("index.js".to_owned(), source(text))]),
        files: BTreeMap::from([(file, built)]),
        entries: BTreeMap::from([("index".to_owned(), entry)]),
    }
}

/// An error with its causes.
pub(crate) fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}

pub(crate) fn publish(package: &str, number: Option<&str>, contents: NewContents) -> Publish {
    Publish {
        builds: vec![NewBuild {
            package: package.to_owned(),
            number: number.map(version),
            contents,
            based_on: None,
            of: None,
            after: None,
            assumed: None,
        }],
        message: None,
        allow_breaking: None,
        release: false,
        force: None,
    }
}

pub(crate) fn release(versions: &[&str], channel: &str, plan: Option<Plan>) -> ReleaseVersions {
    ReleaseVersions {
        versions: versions.iter().map(|pick| pick.parse().unwrap()).collect(),
        channel: channel.to_owned(),
        name: None,
        plan,
        force: None,
    }
}

pub(crate) struct Bench {
    pub(crate) registry: Registry,
    pub(crate) store: Store,
}

impl Bench {
    pub(crate) async fn new() -> Bench {
        let store = Store::in_memory();
        let (registry, is_new) = Registry::init(store.clone()).await.unwrap();
        assert!(is_new);
        Bench { registry, store }
    }

    pub(crate) async fn run(&self, rule: &impl Rule) -> Result<Carried, CommitError> {
        self.registry
            .carry_out(&Caller::new("ann"), &Command::new("ann"), rule)
            .await
    }

    pub(crate) async fn done(&self, rule: &impl Rule) -> Committed {
        match self.run(rule).await {
            Ok(Carried::Done(committed)) => *committed,
            other => panic!("it was to be done: {other:?}"),
        }
    }

    pub(crate) async fn nothing(&self, rule: &impl Rule) -> String {
        match self.run(rule).await {
            Ok(Carried::Nothing(why)) => why,
            other => panic!("nothing was to be done: {other:?}"),
        }
    }

    pub(crate) async fn refused(&self, rule: &impl Rule) -> String {
        match self.run(rule).await {
            Err(CommitError::Refused(refusal)) => told(&refusal),
            other => panic!("it was to be refused: {other:?}"),
        }
    }

    /// Publishes contents that are like no others and export `a`; gives the number.
    pub(crate) async fn publish(&self, package: &str, number: Option<&str>) -> Version {
        let seq = self.registry.refresh().await.unwrap().position.seq;
        let contents = contents(&format!("{package}-{seq}"), &["a"], &[]);
        self.publish_as(package, number, contents).await
    }

    pub(crate) async fn publish_as(
        &self,
        package: &str,
        number: Option<&str>,
        contents: NewContents,
    ) -> Version {
        let committed = self.done(&publish(package, number, contents)).await;
        let moment = self.registry.refresh().await.unwrap();
        let package = moment.state.package(package).unwrap();
        let mut versions = package.versions.iter();
        let made = versions.find(|(_, it)| it.seq == committed.recorded.event.seq);
        made.unwrap().0.clone()
    }

    /// Publishes and releases each, one after another.
    pub(crate) async fn release_each(&self, package: &str, numbers: &[&str]) {
        for number in numbers {
            self.publish(package, Some(number)).await;
            self.release(&[&format!("{package}@{number}")]).await;
        }
    }

    pub(crate) async fn release(&self, versions: &[&str]) -> Committed {
        self.done(&release(versions, "release", None)).await
    }

    pub(crate) async fn policy(&self, package: &str, policy: &str) -> Committed {
        let change = policy.parse().unwrap();
        let package = package.to_owned();
        self.done(&SetPolicy {
            package,
            change,
            force: None,
        })
        .await
    }

    pub(crate) async fn yank(&self, pick: &str) -> Committed {
        self.done(&yank(pick)).await
    }

    pub(crate) async fn rollback(&self, line: &str) -> Committed {
        self.done(&rollback(line, None)).await
    }

    pub(crate) async fn moment(&self) -> Moment {
        self.registry.refresh().await.unwrap()
    }

    /// The versions of a package that a channel serves to who sends no cohort, lowest first.
    pub(crate) async fn serves(&self, channel: &str, package: &str) -> String {
        served(&self.moment().await, channel, package)
    }
}

pub(crate) fn served(moment: &Moment, channel: &str, package: &str) -> String {
    let query = ManifestQuery {
        of: Follow::from(channel),
        ..ManifestQuery::default()
    };
    served_to(moment, &query, package)
}

pub(crate) fn served_to(moment: &Moment, query: &ManifestQuery, package: &str) -> String {
    let manifest = moment.state.manifest(query, moment.position.at).unwrap();
    let mut versions = manifest
        .exports
        .get(package)
        .map_or(Vec::new(), |package| package.versions.clone());
    versions.sort();
    let versions: Vec<String> = versions.iter().map(ToString::to_string).collect();
    versions.join(" ")
}

pub(crate) fn rollback(line: &str, to: Option<&str>) -> Rollback {
    Rollback {
        line: line.parse().unwrap(),
        channel: "release".to_owned(),
        to: to.map(str::to_owned),
        force: None,
    }
}

pub(crate) fn yank(pick: &str) -> Yank {
    Yank {
        version: pick.parse().unwrap(),
        reason: "it is broken".to_owned(),
        force: None,
    }
}

pub(crate) fn promote(package: &str, from: &str, to: &str) -> Promote {
    Promote {
        packages: vec![package.to_owned()],
        from: from.to_owned(),
        to: to.to_owned(),
        plan: None,
        force: None,
    }
}

pub(crate) fn set<const N: usize>(texts: [&str; N]) -> BTreeSet<String> {
    texts.map(str::to_owned).into()
}
