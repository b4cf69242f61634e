//! `radpack manifest`: the radpack.json that somebody gets, now or at any moment.

use jiff::Timestamp;
use radpack_manifest::Manifest;
use radpack_registry::rules::Origin;
use radpack_registry::state::package::RELEASE;
use radpack_registry::{Cohort, Follow, ManifestQuery, Moment, MomentToken};

use crate::arguments::{Access, Manifest as Arguments};
use crate::commands::written;
use crate::failure::{Failure, Outcome, Stop, Word};
use crate::output::{Output, note};
use crate::session::{Session, of_commit};

pub(crate) fn run(arguments: Arguments, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.access)?;
    let (moment, at) = at(&session, arguments.at.as_deref())?;
    let of = match (arguments.consumer, arguments.channel) {
        (Some(consumer), _) => Follow::Consumer(consumer),
        (None, Some(channel)) => Follow::from(&*channel),
        (None, None) => Follow::default(),
    };
    let cohort = arguments
        .cohort
        .or_else(|| arguments.key.as_deref().map(Cohort::of_key));
    let mut with = Vec::new();
    let mut drafts = Vec::new();
    for origin in arguments.with {
        match origin {
            Origin::Version(pick) => with.push(pick),
            Origin::Draft(draft) => drafts.push(draft),
        }
    }
    let query = ManifestQuery { of, cohort, with };
    let mut manifest = session.answer(&moment, |state| state.manifest(&query, at))?;
    warn_of_empty(&query.of, &manifest);
    for draft in drafts {
        super::draft::lay_on_top(&session, &mut manifest, &draft)?;
    }
    if let Follow::Consumer(name) = &query.of {
        warn_of_latest(&session, &moment, name)?;
    }
    manifest.vars.extend(arguments.vars);
    if manifest.vars.contains_key("baseUrl") {
        manifest.normalize();
    }
    if !output.json() {
        note(&format!("moment {}", MomentToken::of(&moment.position, at)));
    }
    let json = manifest.to_json();
    written(arguments.out.as_deref(), json, &[manifest], output)
}

/// The state that a text means, and the time; without one, now.
pub(super) fn at(session: &Session, text: Option<&str>) -> Result<(Moment, Timestamp), Failure> {
    let Some(text) = text else {
        let moment = session.moment()?;
        let now = moment.now();
        return Ok((moment, now));
    };
    let token: MomentToken = text
        .parse()
        .map_err(|error| Failure::of(Word::InvalidSpec, &error))?;
    session
        .wait(session.registry.at_moment(&token))
        .map_err(|error| of_commit(&error))
}

/// A channel that has nothing may be one that was not meant.
fn warn_of_empty(of: &Follow, manifest: &Manifest) {
    if let Follow::Channel(channel) = of
        && channel != RELEASE
        && manifest.exports.is_empty()
    {
        crate::session::warn(&format!(
            "nothing is released in the channel {channel}; `radpack release NAME@V --channel {channel}` does"
        ));
    }
}

/// Who runs what is not released for users should know.
pub(super) fn warn_of_latest(
    session: &Session,
    moment: &Moment,
    consumer: &str,
) -> Result<(), Failure> {
    let latest = session.ask(moment, |state| {
        let consumer = state.consumer(consumer)?;
        consumer.production.then(|| {
            consumer
                .follows_latest()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
    })?;
    if let Some(latest) = latest.filter(|latest| !latest.is_empty()) {
        crate::session::warn(&format!(
            "{consumer} is in production and follows latest for {}: what is published reaches users at once; \
             `radpack consumer put {consumer} --follow NAME=release` changes that",
            latest.join(", ")
        ));
    }
    Ok(())
}

/// The manifest of a channel, for commands that read registers.
pub(crate) fn of_channel(channel: &str, access: &Access) -> Result<Manifest, Failure> {
    let session = Session::open(access)?;
    let moment = session.moment()?;
    let query = ManifestQuery {
        of: Follow::from(channel),
        ..ManifestQuery::default()
    };
    let manifest = session.answer(&moment, |state| state.manifest(&query, moment.now()))?;
    warn_of_empty(&query.of, &manifest);
    Ok(manifest)
}
