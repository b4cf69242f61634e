//! An event as a reader may see it: in full for who sees all that it is about, what it released for everybody else.

use radpack_registry::state::State;
use radpack_registry::state::fact::{LineReturn, NewRelease, RolloutAction};
use radpack_registry::{Event, Fact, Timestamp, Uuid};
use serde::Serialize;

use crate::caller::Reader;

/// What has happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Happened {
    pub(crate) seq: u64,
    pub(crate) at: Timestamp,
    pub(crate) kind: String,
    /// What it changed of what users get.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) releases: Vec<Change>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) told: Option<Told>,
}

/// What only those see who see all that an event is about.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Told {
    by: String,
    command: Uuid,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    packages: Vec<String>,
}

/// What became of a line in a channel.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Change {
    pub(crate) package: String,
    pub(crate) channel: String,
    pub(crate) line: String,
    /// released, rolling, rollout-set, …
    pub(crate) change: &'static str,
    /// The version that is released, or returned to; of what came before it, nothing is said here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
}

/// An event, read once for all who are told of it.
#[derive(Clone, Debug)]
pub(crate) struct Recounted {
    seq: u64,
    at: Timestamp,
    kind: String,
    releases: Vec<Change>,
    told: Told,
}

impl Recounted {
    /// The state may be any that has come to the event: what a release is never changes.
    pub(crate) fn of(event: &Event, state: &State) -> Option<Recounted> {
        let fact = Fact::of(event).ok()?;
        let description = event.describe().ok()?;
        Some(Recounted {
            seq: event.seq,
            at: event.at,
            kind: event.kind.clone(),
            releases: changes(&fact, state),
            told: Told {
                by: event.by.clone(),
                command: event.command,
                text: description.what,
                why: description.why,
                packages: description.packages,
            },
        })
    }

    /// What a reader may see of it; nothing, if that is nothing.
    pub(crate) fn to(&self, reader: &Reader, public: &[String]) -> Option<Happened> {
        let packages = &self.told.packages;
        let sees = reader.sees_all()
            || !packages.is_empty() && packages.iter().all(|package| reader.sees(package));
        let may =
            |change: &&Change| public.contains(&change.channel) || reader.sees(&change.package);
        let releases: Vec<Change> = self.releases.iter().filter(may).cloned().collect();
        if !sees && releases.is_empty() {
            return None;
        }
        Some(Happened {
            seq: self.seq,
            at: self.at,
            kind: self.kind.clone(),
            releases,
            told: sees.then(|| self.told.clone()),
        })
    }
}

impl Happened {
    /// Whether what is told here is about a package.
    pub(crate) fn concerns(&self, package: &str) -> bool {
        let told = self.told.as_ref().map(|told| &told.packages);
        told.is_some_and(|packages| packages.iter().any(|name| name == package))
            || self.releases.iter().any(|change| change.package == package)
    }

    /// What a reader may see of an event; nothing, if that is nothing.
    pub(crate) fn of(
        event: &Event,
        state: &State,
        reader: &Reader,
        public: &[String],
    ) -> Option<Happened> {
        Recounted::of(event, state)?.to(reader, public)
    }
}

/// What a fact changes of what channels give.
fn changes(fact: &Fact, state: &State) -> Vec<Change> {
    let released = |channel: &str, release: &NewRelease, change| Change {
        package: release.package.clone(),
        channel: channel.to_owned(),
        line: release.line.to_string(),
        change,
        version: Some(release.version.to_string()),
    };
    // A line that may go back has the earlier release again; one that may only go forward, a new one.
    let version = |channel: &str, line: &LineReturn| match (&line.by, line.to) {
        (Some(new), _) => Some(new.version.to_string()),
        (None, Some(to)) => {
            let earlier = state
                .package(&line.package)?
                .channel(channel)?
                .release(to)?;
            Some(earlier.version.to_string())
        }
        (None, None) => None,
    };
    let returned = |channel: &str, returns: &[LineReturn]| -> Vec<Change> {
        let changes = returns.iter().map(|line| Change {
            package: line.package.clone(),
            channel: channel.to_owned(),
            line: line.line.to_string(),
            change: match line.aborted {
                Some(_) => "aborted",
                None => "rolled-back",
            },
            version: version(channel, line),
        });
        changes.collect()
    };
    let release = radpack_registry::state::package::RELEASE;
    match fact {
        Fact::Published(published) => {
            let releases = published.releases.iter();
            releases
                .map(|it| released(release, it, "released"))
                .collect()
        }
        Fact::Released(fact) => {
            let change = if fact.rollout.is_some() {
                "rolling"
            } else {
                "released"
            };
            let releases = fact.releases.iter();
            releases
                .map(|it| released(&fact.channel, it, change))
                .collect()
        }
        Fact::RolloutChanged(changed) => vec![Change {
            package: changed.package.clone(),
            channel: changed.channel.clone(),
            line: changed.line.to_string(),
            change: match changed.action {
                RolloutAction::Set(_) => "rollout-set",
                RolloutAction::Pause => "paused",
                RolloutAction::Resume => "resumed",
                RolloutAction::Promote => "promoted",
                RolloutAction::Abort => "aborted",
            },
            version: None,
        }],
        Fact::RolledBack(back) => returned(&back.channel, &back.returns),
        Fact::Reverted(reverted) => {
            let channels = reverted.channels.iter();
            channels
                .flat_map(|(channel, returns)| returned(channel, returns))
                .collect()
        }
        Fact::Imported(imported) => {
            let packages = imported.packages.iter();
            let releases = packages.flat_map(|package| &package.releases);
            releases
                .flat_map(|(channel, releases)| {
                    releases.iter().map(|it| released(channel, it, "released"))
                })
                .collect()
        }
        _ => Vec::new(),
    }
}
