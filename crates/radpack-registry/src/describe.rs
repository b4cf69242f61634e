//! The history as people read it: what happened, and why, in one line.

use std::fmt::Write as _;

use crate::commit::FoldError;
use crate::event::Event;
use crate::rollout::Plan;
use crate::rules::listed;
use crate::state::fact::{
    DraftFrom, Fact, Follows, LineReturn, NewRelease, NewVersion, RolloutAction,
};
use crate::state::package::RELEASE;

/// How many things of a kind a line names before it counts the others.
const NAMED: usize = 6;

/// What an event says, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Description {
    /// What has happened.
    pub what: String,
    /// Why, where somebody said.
    pub why: Option<String>,
    /// The packages that it is about; of a draft, the draft's own events name none.
    pub packages: Vec<String>,
}

impl Event {
    /// What it says, for people.
    ///
    /// # Errors
    ///
    /// If it is of a kind that is not known here.
    pub fn describe(&self) -> Result<Description, FoldError> {
        let fact = Fact::of(self)?;
        let (what, why) = tell(&fact);
        let mut packages: Vec<String> = fact.packages().into_iter().map(str::to_owned).collect();
        if let Fact::DraftCreated(created) = &fact {
            packages.push(created.package.clone());
        }
        Ok(Description {
            what,
            why,
            packages,
        })
    }
}

fn tell(fact: &Fact) -> (String, Option<String>) {
    match fact {
        Fact::Published(published) => {
            let mut what = if published.versions.is_empty() {
                String::new()
            } else {
                let drafts = published.versions.iter().find_map(|new| new.of.as_ref());
                let of = drafts
                    .map(|of| format!(" from the draft {} at revision {}", of.draft, of.revision));
                format!(
                    "published {}{}",
                    few(published.versions.iter().map(versioned)),
                    of.unwrap_or_default()
                )
            };
            if !published.releases.is_empty() {
                let all = published.releases.len() == published.versions.len();
                let released = few(published.releases.iter().map(released));
                match what.is_empty() {
                    true => what = format!("released {released}"),
                    false if all => what.push_str(", and released"),
                    false => {
                        let _ = write!(what, ", and released {released}");
                    }
                }
            }
            let insisted = published
                .versions
                .iter()
                .find_map(|new| new.breaking.clone());
            (
                what,
                reasons([
                    published.message.clone(),
                    insisted,
                    published.forced.clone(),
                ]),
            )
        }
        Fact::Released(release) => {
            let mut what = format!("released {}", few(release.releases.iter().map(released)));
            if release.channel != RELEASE {
                let _ = write!(what, " in {}", release.channel);
            }
            if let Some(from) = &release.promoted_from {
                let _ = write!(what, ", promoted from {from}");
            }
            match &release.rollout {
                Some(plan @ Plan::Percent(_)) => {
                    let _ = write!(what, ", to {plan}");
                }
                Some(plan) => {
                    let _ = write!(what, ", {plan}");
                }
                None => {}
            }
            (what, release.forced.clone())
        }
        Fact::RolloutChanged(changed) => {
            let line = format!("{}@{}", changed.package, changed.line);
            let release = changed.release;
            let what = match changed.action {
                RolloutAction::Set(percent) => {
                    format!("set the rollout of {line} (release {release}) to {percent} %")
                }
                RolloutAction::Pause => format!("paused the rollout of {line} (release {release})"),
                RolloutAction::Resume => {
                    format!("resumed the rollout of {line} (release {release})")
                }
                RolloutAction::Promote => format!("gave everybody the release {release} of {line}"),
                RolloutAction::Abort => {
                    format!("aborted the rollout of {line} (release {release})")
                }
            };
            (in_channel(what, &changed.channel), changed.forced.clone())
        }
        Fact::RolledBack(back) => {
            let what = format!(
                "rolled back {}",
                few(back
                    .returns
                    .iter()
                    .map(|line| returned(line, &back.versions)))
            );
            (in_channel(what, &back.channel), back.forced.clone())
        }
        Fact::Reverted(reverted) => {
            let of = reverted
                .package
                .as_ref()
                .map_or("all releases".to_owned(), |name| {
                    format!("the releases of {name}")
                });
            let lines: Vec<&LineReturn> = reverted.channels.values().flatten().collect();
            let lines = few(lines
                .into_iter()
                .map(|line| returned(line, &reverted.versions)));
            (
                format!("reverted {of} to event {}: {lines}", reverted.to),
                reverted.forced.clone(),
            )
        }
        Fact::Yanked(yanked) => {
            let why = reasons([Some(yanked.reason.clone()), yanked.forced.clone()]);
            (format!("yanked {}@{}", yanked.package, yanked.version), why)
        }
        Fact::PolicySet(set) => (
            format!("set the policy of {}: {}", set.package, set.change),
            set.forced.clone(),
        ),
        Fact::SettingChanged(changed) => {
            let what = match &changed.base_url {
                Some(url) => format!("set base-url to {url}"),
                None => "unset base-url".to_owned(),
            };
            (what, None)
        }
        Fact::DraftCreated(created) => {
            let from = match &created.from {
                None => String::new(),
                Some(DraftFrom::Version(version)) => format!(" from {version}"),
                Some(DraftFrom::Draft(of)) => {
                    format!(" from the draft {} at revision {}", of.draft, of.revision)
                }
            };
            (
                format!(
                    "opened the draft {} of {}{from}",
                    created.draft, created.package
                ),
                None,
            )
        }
        Fact::DraftSaved(saved) => {
            let mut parts = Vec::new();
            if !saved.put.is_empty() {
                parts.push(few(saved.put.keys()));
            }
            if !saved.removed.is_empty() {
                parts.push(format!("without {}", few(&saved.removed)));
            }
            let what = format!(
                "saved the draft {} as revision {}: {}",
                saved.draft,
                saved.revision,
                parts.join(", ")
            );
            (what, saved.message.clone())
        }
        Fact::DraftReset(reset) => {
            let what = format!(
                "set the draft {} back to revision {}, as revision {}",
                reset.draft, reset.to, reset.revision
            );
            (what, None)
        }
        Fact::DraftDiscarded(discarded) => {
            (format!("discarded the draft {}", discarded.draft), None)
        }
        Fact::ConsumerRecorded(recorded) => {
            let latest: Vec<&String> = recorded
                .follows
                .iter()
                .filter(|(_, follows)| **follows == Follows::Latest)
                .map(|(package, _)| package)
                .collect();
            let mut what = format!(
                "recorded {} of {}",
                counted(recorded.pins.len(), "pin"),
                recorded.consumer
            );
            if !latest.is_empty() {
                let _ = write!(what, ", which follows latest for {}", few(latest));
            }
            (what, None)
        }
        Fact::TokenCreated(created) => {
            let what = format!(
                "made the token {} for {}: {} of {}",
                created.token,
                created.holder,
                listed(&created.rights),
                listed(&created.packages)
            );
            (what, None)
        }
        Fact::TokenRevoked(revoked) => (format!("revoked the token {}", revoked.token), None),
        Fact::BlobsSwept(swept) => (
            format!(
                "swept {} that nothing named",
                counted(swept.blobs.len(), "object")
            ),
            None,
        ),
        Fact::Restored(restored) => (
            format!(
                "restored the registry from a backup up to event {}, and revoked all tokens",
                restored.to
            ),
            None,
        ),
        Fact::Imported(imported) => {
            let packages = few(imported.packages.iter().map(|package| {
                let versions = counted(package.versions.len(), "version");
                format!("{} ({versions})", package.package)
            }));
            (
                format!(
                    "imported {packages} from the registry {} at its event {}",
                    imported.registry, imported.seq
                ),
                None,
            )
        }
    }
}

fn versioned(new: &NewVersion) -> String {
    format!("{}@{} (build {})", new.package, new.version, new.build)
}

fn released(new: &NewRelease) -> String {
    let name = if new.name == format!("r{}", new.number) {
        String::new()
    } else {
        format!(" {:?}", new.name)
    };
    format!(
        "{}@{} (release {}{name})",
        new.package, new.version, new.number
    )
}

fn returned(line: &LineReturn, versions: &[NewVersion]) -> String {
    let name = format!("{}@{}", line.package, line.line);
    match (&line.by, line.to, line.aborted) {
        (Some(by), ..) => {
            let made = versions
                .iter()
                .find(|new| new.package == by.package && new.version == by.version);
            let again = made
                .and_then(|made| made.restores.as_ref())
                .map(|restored| format!(", which is {restored} again"));
            format!(
                "{name} to {} (release {}{})",
                by.version,
                by.number,
                again.unwrap_or_default()
            )
        }
        (None, to, Some(aborted)) if line.left.is_empty() => {
            let to = to.map_or("nothing".to_owned(), |to| format!("release {to}"));
            format!("{name} to {to}, ending the rollout of release {aborted}")
        }
        (None, Some(to), _) => format!("{name} to release {to}"),
        (None, None, _) => format!("{name} to nothing"),
    }
}

fn in_channel(what: String, channel: &str) -> String {
    match channel {
        RELEASE => what,
        _ => format!("{what} in {channel}"),
    }
}

/// A list that stays short.
fn few<T: std::fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let mut items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    let more = items.len().saturating_sub(NAMED);
    if more > 0 {
        items.truncate(NAMED);
        items.push(format!("{more} more"));
    }
    listed(items)
}

/// A number of things.
fn counted(count: usize, one: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {one}s"),
    }
}

fn reasons<const N: usize>(reasons: [Option<String>; N]) -> Option<String> {
    let reasons: Vec<String> = reasons.into_iter().flatten().collect();
    (!reasons.is_empty()).then(|| reasons.join("; "))
}
