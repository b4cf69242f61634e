//! `radpack site`: what the registry gives everybody, as a folder of files.

use radpack_registry::state::package::RELEASE;
use radpack_server::{SiteError, SiteOptions, write_site};

use crate::arguments::Site;
use crate::failure::{Failure, Outcome, Stop, Word};
use crate::output::{Output, visible};
use crate::session::{Session, of_history, of_refusal, warn};

pub(crate) fn run(arguments: Site, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.access)?;
    let has_cohort = arguments.cohort.is_some();
    let options = SiteOptions {
        channel: arguments.channel.unwrap_or_else(|| RELEASE.to_owned()),
        cohort: arguments.cohort,
        roots: arguments.roots,
        base_url: arguments.base_url,
        compressed: arguments.compressed,
    };
    let written = session.wait(write_site(&session.registry, &arguments.out, &options));
    let report = written.map_err(|error| of_site(&error))?;
    if report.is_rolling && !has_cohort {
        warn(
            "a rollout is on its way, which files cannot follow: everybody gets the stable releases; --cohort N gives them what one cohort gets",
        );
    }
    if output.json() {
        output.value(&serde_json::json!({
            "packages": report.packages,
            "written": report.written,
            "kept": report.kept,
            "removed": report.removed,
        }))?;
    } else {
        output.line(&visible(&format!(
            "{}: {} packages; {} files written, {} kept, {} removed",
            arguments.out.display(),
            report.packages,
            report.written,
            report.kept,
            report.removed
        )))?;
    }
    Ok(Outcome::Done)
}

fn of_site(error: &SiteError) -> Failure {
    match error {
        SiteError::History(error) => of_history(error),
        SiteError::Refused(refusal) => of_refusal(refusal),
        SiteError::ImportMap { .. } => Failure::of(Word::UnresolvedDependency, error),
        _ => Failure::of(Word::Io, error),
    }
}
