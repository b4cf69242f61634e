//! Commands carried out on a registry.

use radpack_registry::rules::{
    ChangeRollout, CreateDraft, DiscardDraft, DraftSource, LinePick, NewBuild, Promote, Publish,
    RecordConsumer, ReleaseVersions, ResetDraft, Revert, Rollback, Rule, SaveDraft, SetPolicy,
    VersionPick, Which, Yank,
};
use radpack_registry::{
    Caller, Carried, Command, CommitError, Line, Moment, Plan, Registry, Stage,
};
use semver::Version;

use crate::model::{Do, From, World};
use crate::support::{contents, source};

/// A plan that stays where it is while a test runs.
fn plan(percent: u8) -> Plan {
    const LONG: u64 = 1_000_000_000;
    match percent {
        0 => Plan::Over(LONG),
        10 => Plan::Stages(vec![Stage {
            percent,
            seconds: LONG,
        }]),
        _ => Plan::Percent(percent),
    }
}

/// Insists, for what is needed of what is not asked here.
fn insisted() -> Option<String> {
    Some("it is only a test".to_owned())
}

fn pick(package: &str, version: &Version) -> VersionPick {
    VersionPick {
        package: package.to_owned(),
        which: Which::Number(version.clone()),
    }
}

pub(super) async fn carry_out(
    registry: &Registry,
    command: &Command,
    what: &Do,
    world: &World,
    moments: &[Moment],
) -> Result<Carried, CommitError> {
    async fn go(
        registry: &Registry,
        command: &Command,
        rule: impl Rule,
    ) -> Result<Carried, CommitError> {
        registry
            .carry_out(&Caller::new("ann"), command, &rule)
            .await
    }
    let line_pick = |package: &String, line: &Line| LinePick {
        package: package.clone(),
        line: Some(line.to_string()),
    };
    match what.clone() {
        Do::Publish {
            package,
            number,
            text,
            names,
            after,
            release,
            insist,
        } => {
            let build = NewBuild {
                contents: contents(&text, &names, &[]),
                package,
                number,
                based_on: None,
                of: None,
                after,
                assumed: None,
            };
            let rule = Publish {
                builds: vec![build],
                message: None,
                allow_breaking: insist.then(|| "it had to be".to_owned()),
                release,
                force: insisted(),
            };
            go(registry, command, rule).await
        }
        Do::Release {
            package,
            version,
            channel,
            percent,
        } => {
            let rule = ReleaseVersions {
                versions: vec![pick(&package, &version)],
                channel,
                name: None,
                plan: percent.map(plan),
                force: insisted(),
            };
            go(registry, command, rule).await
        }
        Do::Rollout {
            package,
            channel,
            line,
            action,
        } => {
            let rule = ChangeRollout {
                line: line_pick(&package, &line),
                channel,
                action,
                force: insisted(),
            };
            go(registry, command, rule).await
        }
        Do::Rollback {
            package,
            channel,
            line,
            to,
        } => {
            let rule = Rollback {
                line: line_pick(&package, &line),
                channel,
                to: to.map(|to| to.to_string()),
                force: insisted(),
            };
            go(registry, command, rule).await
        }
        Do::Revert { package, to } => {
            let past = moments.get(to as usize).unwrap_or(&moments[0]);
            let rule = Revert {
                to,
                package,
                past: past.state.clone(),
                past_at: past.position.at,
                force: insisted(),
            };
            go(registry, command, rule).await
        }
        Do::Yank { package, version } => {
            let rule = Yank {
                version: pick(&package, &version),
                reason: "it is broken".to_owned(),
                force: insisted(),
            };
            go(registry, command, rule).await
        }
        Do::Policy { package, change } => {
            let rule = SetPolicy {
                package,
                change,
                force: insisted(),
            };
            go(registry, command, rule).await
        }
        Do::Promote {
            packages,
            from,
            to,
            percent,
        } => {
            let rule = Promote {
                packages: packages.into_iter().collect(),
                from,
                to,
                plan: percent.map(plan),
                force: insisted(),
            };
            go(registry, command, rule).await
        }
        Do::Create {
            draft,
            package,
            from,
        } => {
            let from = match from {
                From::Nothing => DraftSource::Empty,
                From::Version(version) => {
                    let text = world
                        .packages
                        .get(&package)
                        .and_then(|it| it.version(&version));
                    let files = text.map(|it| ("index.js".to_owned(), source(&it.text)));
                    DraftSource::Version(pick(&package, &version), files.into_iter().collect())
                }
                From::Draft(other) => DraftSource::Draft(other),
            };
            let rule = CreateDraft {
                draft,
                package,
                from,
            };
            go(registry, command, rule).await
        }
        Do::Save {
            draft,
            base,
            put,
            remove,
        } => {
            let put = put.iter().map(|(path, text)| (path.clone(), source(text)));
            let rule = SaveDraft {
                draft,
                opened: None,
                base,
                put: put.collect(),
                remove,
                message: None,
            };
            go(registry, command, rule).await
        }
        Do::Reset { draft, to } => {
            go(
                registry,
                command,
                ResetDraft {
                    draft,
                    to,
                    based_on: None,
                },
            )
            .await
        }
        Do::Discard { draft } => {
            go(
                registry,
                command,
                DiscardDraft {
                    draft,
                    based_on: None,
                },
            )
            .await
        }
        Do::Consume {
            consumer,
            packages,
            follow,
            production,
        } => {
            let pins = packages.map(|it| it.iter().map(|name| format!("{name}@^1")).collect());
            let rule = RecordConsumer {
                consumer,
                pins,
                follow,
                production,
            };
            go(registry, command, rule).await
        }
    }
}
