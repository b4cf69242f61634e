//! Releasing and taking back: `release`, `promote`, `rollout`, `rollback`, `revert`, `yank`, `policy`.

use radpack_registry::rules::{
    ChangeRollout, Effect, Promote as PromoteRule, ReleaseVersions, Rollback as RollbackRule,
    SetPolicy, Yank as YankRule,
};
use radpack_registry::state::fact::RolloutAction as Action;
use radpack_registry::state::policy::PolicyChange;
use radpack_registry::{Fact, RevertTo};

use crate::arguments::{
    Policy, Promote, Release, Revert, Rollback, Rollout, RolloutAction, RolloutOf, Yank,
};
use crate::failure::{Outcome, Stop};
use crate::output::{Output, Table, note, visible};
use crate::session::{Session, channel, say_nothing};

pub(crate) fn release(arguments: Release, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.writing.access)?;
    let release = ReleaseVersions {
        versions: arguments.packages,
        channel: channel(arguments.channel),
        name: arguments.name,
        plan: arguments.rise.plan(),
        force: arguments.force.force,
    };
    if !arguments.dry_run {
        return session.carry_out(&arguments.writing, release, output);
    }
    let preview = session.preview(release)?;
    let Some(fact) = preview.fact() else {
        say_nothing(preview.why.as_deref().unwrap_or_default(), output)?;
        return Ok(Outcome::Done);
    };
    say_effect(&fact, &preview.effect, output)
}

/// Says what would change.
fn say_effect(fact: &Fact, effect: &Effect, output: &mut Output) -> Result<Outcome, Stop> {
    if output.json() {
        output.value(&effect)?;
        return Ok(outcome(effect));
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
    for (number, what) in [
        (effect.moved_unseen, "get another version"),
        (effect.broken_unseen, "find nothing"),
    ] {
        if number > 0 {
            output.line(&format!(
                "{number} that your token does not show would {what}"
            ))?;
        }
    }
    let shown = effect.moved.len() + effect.broken.len();
    if shown + effect.moved_unseen + effect.broken_unseen == 0 {
        output.line("nobody would get anything else than now")?;
    }
    Ok(outcome(effect))
}

fn outcome(effect: &Effect) -> Outcome {
    match effect.broken.len() + effect.broken_unseen {
        0 => Outcome::Done,
        _ => Outcome::Incomplete,
    }
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
    session.carry_out(&arguments.writing, rule, output)
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
        line: of.package,
        channel: channel(of.channel),
        action,
        force: of.force.force,
    };
    session.carry_out(&of.writing, rule, output)
}

pub(crate) fn rollback(arguments: Rollback, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.writing.access)?;
    let rule = RollbackRule {
        line: arguments.package,
        channel: channel(arguments.channel),
        to: arguments.to,
        force: arguments.force.force,
    };
    session.carry_out(&arguments.writing, rule, output)
}

pub(crate) fn revert(arguments: Revert, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.writing.access)?;
    let revert = RevertTo {
        to: arguments.to,
        package: arguments.name,
        force: arguments.force.force,
    };
    session.carry_out(&arguments.writing, revert, output)
}

pub(crate) fn yank(arguments: Yank, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.writing.access)?;
    let rule = YankRule {
        version: arguments.package,
        reason: arguments.reason,
        force: arguments.force.force,
    };
    session.carry_out(&arguments.writing, rule, output)
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
    session.carry_out(&arguments.writing, rule, output)
}
