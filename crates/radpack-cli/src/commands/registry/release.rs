//! Releasing and taking back: `release`, `promote`, `rollout`, `rollback`, `revert`, `yank`, `policy`.

use radpack_registry::rules::{
    ChangeRollout, Decided, Effect, Promote as PromoteRule, ReleaseVersions, Revert as RevertRule,
    Rollback as RollbackRule, SetPolicy, Yank as YankRule,
};
use radpack_registry::state::fact::RolloutAction as Action;
use radpack_registry::state::policy::PolicyChange;
use radpack_registry::{Fact, Moment};

use crate::arguments::{
    Policy, Promote, Release, Revert, Rollback, Rollout, RolloutAction, RolloutOf, Yank,
};
use crate::failure::{Failure, Outcome, Stop};
use crate::output::{Output, Table, note, visible};
use crate::session::{
    Session, channel, line_pick, of_commit, of_history, say_nothing, version_pick,
};

pub(crate) fn release(arguments: Release, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.writing.access)?;
    let versions = arguments
        .packages
        .iter()
        .map(version_pick)
        .collect::<Result<_, Failure>>()?;
    let rule = ReleaseVersions {
        versions,
        channel: channel(arguments.channel),
        name: arguments.name,
        plan: arguments.rise.plan(),
        force: arguments.force.force,
    };
    if !arguments.dry_run {
        return session.carry_out(&arguments.writing, &rule, output);
    }
    // What is asked is what it would do, also where it would be refused for what it breaks.
    let insisting = ReleaseVersions {
        force: Some("a trial".to_owned()),
        ..rule.clone()
    };
    let (decided, effect) = session
        .wait(session.registry.preview(&insisting))
        .map_err(|error| of_commit(&error))?;
    let Decided::Fact(fact) = decided else {
        say_nothing("nothing was named", output)?;
        return Ok(Outcome::Done);
    };
    say_effect(&fact, &effect, output)
}

/// Says what would change.
fn say_effect(fact: &Fact, effect: &Effect, output: &mut Output) -> Result<Outcome, Stop> {
    if output.json() {
        output.value(&effect)?;
        return Ok(if effect.broken.is_empty() {
            Outcome::Done
        } else {
            Outcome::Incomplete
        });
    }
    if let Fact::Released(released) = fact {
        for new in &released.releases {
            let line = format!(
                "{}@{} would be release {} of the line {} in {}",
                new.package, new.version, new.number, new.line, released.channel
            );
            output.line(&visible(&line))?;
        }
    }
    let mut table = Table::default();
    for moved in &effect.moved {
        let version = |version: &Option<semver::Version>| {
            version
                .as_ref()
                .map_or("nothing".to_owned(), ToString::to_string)
        };
        table.row([
            moved.who.to_string(),
            moved.id.clone(),
            format!("{} → {}", version(&moved.from), version(&moved.to)),
            format!("{} % of cohorts", moved.percent),
        ]);
    }
    output.table(&table)?;
    for broken in &effect.broken {
        output.line(&visible(&format!(
            "{} would find nothing for {}",
            broken.who, broken.id
        )))?;
    }
    if effect.moved.is_empty() && effect.broken.is_empty() {
        output.line("nobody would get anything else than now")?;
    }
    Ok(if effect.broken.is_empty() {
        Outcome::Done
    } else {
        Outcome::Incomplete
    })
}

pub(crate) fn promote(arguments: Promote, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.writing.access)?;
    let rule = PromoteRule {
        packages: arguments.names,
        from: arguments.from,
        to: channel(arguments.to),
        plan: None,
        force: arguments.force.force,
    };
    session.carry_out(&arguments.writing, &rule, output)
}

pub(crate) fn rollout(arguments: Rollout, output: &mut Output) -> Result<Outcome, Stop> {
    let (action, of): (Action, RolloutOf) = match arguments.action {
        RolloutAction::Set { percent, of } => (Action::Set(percent), of),
        RolloutAction::Pause(of) => (Action::Pause, of),
        RolloutAction::Resume(of) => (Action::Resume, of),
        RolloutAction::Promote(of) => (Action::Promote, of),
        RolloutAction::Abort(of) => (Action::Abort, of),
    };
    let session = Session::open(&of.writing.access)?;
    let rule = ChangeRollout {
        line: line_pick(&of.package),
        channel: channel(of.channel),
        action,
        force: of.force.force,
    };
    session.carry_out(&of.writing, &rule, output)
}

pub(crate) fn rollback(arguments: Rollback, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.writing.access)?;
    let rule = RollbackRule {
        line: line_pick(&arguments.package),
        channel: channel(arguments.channel),
        to: arguments.to,
        force: arguments.force.force,
    };
    session.carry_out(&arguments.writing, &rule, output)
}

pub(crate) fn revert(arguments: Revert, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.writing.access)?;
    let moment: Moment = session
        .wait(session.registry.at(arguments.to))
        .map_err(|error| of_history(&error))?;
    // The rule asks it as one asks a state in memory.
    match &arguments.name {
        Some(name) => {
            session.ask(&moment, |state| state.package(name).is_some())?;
        }
        None => session
            .wait(session.registry.read_all(&moment))
            .map_err(|error| of_history(&error))?,
    }
    let rule = RevertRule {
        to: arguments.to,
        package: arguments.name,
        past: moment.state,
        past_at: moment.position.at,
        force: arguments.force.force,
    };
    session.carry_out(&arguments.writing, &rule, output)
}

pub(crate) fn yank(arguments: Yank, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.writing.access)?;
    let rule = YankRule {
        version: version_pick(&arguments.package)?,
        reason: arguments.reason,
        force: arguments.force.force,
    };
    session.carry_out(&arguments.writing, &rule, output)
}

pub(crate) fn policy(arguments: Policy, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.writing.access)?;
    if arguments.changes.is_empty() {
        let moment = session.moment()?;
        let name = &arguments.name;
        let package = session.ask(&moment, |state| state.package(name).cloned())?;
        if package.is_none() {
            note(&format!(
                "there is no package {name} yet; this is what holds for its first version"
            ));
        }
        let policy = package.unwrap_or_default().policy;
        if output.json() {
            output.value(&policy)?;
        } else {
            output.line(&policy.to_string())?;
        }
        return Ok(Outcome::Done);
    }
    let changes = arguments.changes.into_iter();
    let rule = SetPolicy {
        package: arguments.name,
        change: changes.fold(PolicyChange::default(), PolicyChange::and),
        force: arguments.force.force,
    };
    session.carry_out(&arguments.writing, &rule, output)
}
