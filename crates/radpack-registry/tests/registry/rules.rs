//! What the rules say, one test for each thing that they say, with the answers known.

mod channels;
mod numbers;
mod people;
mod returns;

use radpack_registry::rules::{ChangeRollout, Revert};
use radpack_registry::state::fact::RolloutAction;
use radpack_registry::state::package::{RELEASE, Standing};
use radpack_registry::{Cohort, ManifestQuery, Moment};

use crate::support::{Bench, version};

async fn revert(bench: &Bench, to: u64) -> Revert {
    let past = bench.registry.at(to).await.unwrap();
    Revert {
        to,
        package: None,
        past_at: past.position.at,
        past: past.state,
        force: None,
    }
}

fn rollout(line: &str, action: RolloutAction) -> ChangeRollout {
    ChangeRollout {
        line: line.parse().unwrap(),
        channel: RELEASE.to_owned(),
        action,
        force: None,
    }
}

fn standings(moment: &Moment, package: &str) -> Vec<Standing> {
    let channel = moment.state.package(package).unwrap();
    let channel = channel.channel(RELEASE).unwrap();
    channel.releases.iter().map(|it| it.standing).collect()
}

/// The cohorts that are served a version, so many seconds from a moment on.
fn getting(moment: &Moment, package: &str, number: &str, seconds: i64) -> Vec<u8> {
    let at = moment.position.at + jiff::SignedDuration::from_secs(seconds);
    let gets = |cohort: &Cohort| {
        let query = ManifestQuery {
            cohort: Some(*cohort),
            ..ManifestQuery::default()
        };
        let manifest = moment.state.manifest(&query, at).unwrap();
        let package = manifest.exports.get(package);
        package.is_some_and(|it| it.versions.contains(&version(number)))
    };
    Cohort::all().filter(gets).map(Cohort::number).collect()
}
