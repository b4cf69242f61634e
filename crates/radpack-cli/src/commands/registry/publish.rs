//! `radpack init` and `radpack publish`: from an empty folder to versions.

use radpack_build::EntryOption;
use radpack_registry::{
    Answer, Fact, PublishError, PublishOptions, PublishReport, Published, Registry,
};

use crate::arguments::{Access, Init, Publish, Publishing};
use crate::commands::build::say_problems;
use crate::failure::{Failure, Outcome, Stop, Word};
use crate::output::{Output, visible};
use crate::progress::Progress;
use crate::read::Reader;
use crate::remote::Refused;
use crate::session::{
    Session, command, done_line, of_history, of_publish, runtime, say_nothing, store_of, warn,
};

pub(crate) fn init(arguments: &Init, output: &mut Output) -> Result<Outcome, Stop> {
    let store = store_of(&arguments.access)?;
    let location = store.location().to_owned();
    let runtime = runtime()?;
    let (registry, is_new) = runtime
        .block_on(Registry::init(store))
        .map_err(|error| of_history(&error))?;
    let id = registry.history().id();
    if output.json() {
        output.value(&serde_json::json!({ "store": location, "registry": id, "new": is_new }))?;
    } else if is_new {
        output.line(&visible(&format!("a new registry in {location}")))?;
    } else {
        output.line(&visible(&format!(
            "there is a registry in {location} already; nothing was changed"
        )))?;
    }
    Ok(Outcome::Done)
}

pub(crate) fn publish(arguments: Publish, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.writing.access)?;
    let options = options(arguments.publishing, &arguments.writing.access)?;
    let command = command(&arguments.writing);
    let progress = Progress::new("publishing");
    if let Some(remote) = &session.remote {
        let published = session.wait(remote.publish(&command, &arguments.folders, &options));
        drop(progress);
        return say_sent(published, output);
    }
    let published = session.wait(async {
        let published = session
            .registry
            .publish(&session.caller, &command, &arguments.folders, &options)
            .await;
        session.registry.settle().await;
        published
    });
    drop(progress);
    say_report(published, output)
}

/// What is asked for, with the registers read.
pub(super) fn options(publishing: Publishing, access: &Access) -> Result<PublishOptions, Failure> {
    let mut reader = Reader::new(access);
    let mut options = PublishOptions::default();
    for source in &publishing.registers {
        options.registers.extend(reader.located(source)?);
    }
    options.version = publishing.version;
    options.message = publishing.message;
    options.allow_breaking = publishing.allow_breaking;
    options.release = publishing.release;
    options.force = publishing.force.force;
    options.external = publishing.externals;
    let entries = publishing.entries.into_iter();
    options.entries = entries
        .map(|(name, path)| EntryOption::new(name, path))
        .collect();
    Ok(options)
}

/// Says what came of publishing, or of trying to.
pub(super) fn say_report(
    published: Result<PublishReport, PublishError>,
    output: &mut Output,
) -> Result<Outcome, Stop> {
    let report = match published {
        Ok(report) => report,
        Err(PublishError::Build { source, .. }) => return say_problems(&source, output),
        Err(error) => return Err(of_publish(&error).into()),
    };
    let published = Published::of(&report, |path| path.display().to_string());
    say(
        &published.map_err(|error| Failure::of(Word::Io, &error))?,
        output,
    )
}

/// Says what came of publishing through a server: what cannot be built, in the words in which it is said here.
pub(super) fn say_sent(
    published: Result<Published, Refused>,
    output: &mut Output,
) -> Result<Outcome, Stop> {
    match published {
        Ok(published) => say(&published, output),
        Err(Refused {
            build: Some(error), ..
        }) => say_problems(&error, output),
        Err(refused) => Err(refused.failure.into()),
    }
}

/// Says what came of publishing.
fn say(published: &Published, output: &mut Output) -> Result<Outcome, Stop> {
    for warning in &published.warnings {
        warn(warning);
    }
    let done = match &published.answer {
        Answer::Done(done) => done,
        Answer::Nothing(nothing) => {
            say_nothing(&nothing.why, output)?;
            return Ok(Outcome::Done);
        }
    };
    if output.json() {
        output.value(&done_line(done))?;
        return Ok(Outcome::Done);
    }
    if let Some(Fact::Published(published)) = done.fact() {
        for new in &published.versions {
            let release = published
                .releases
                .iter()
                .find(|release| release.package == new.package);
            let released = match release {
                Some(release) => format!(
                    ", and released as release {} of the line {}",
                    release.number, release.line
                ),
                None => String::new(),
            };
            let entries = new.contents.as_ref().map_or(0, |contents| {
                contents
                    .entries
                    .keys()
                    .filter(|name| !name.starts_with("c/"))
                    .count()
            });
            let line = format!(
                "{}@{} published: build {}, {}{released}",
                new.package,
                new.version,
                new.build,
                crate::commands::of(entries, "entry", "entries"),
            );
            output.line(&visible(&line))?;
        }
        for release in &published.releases {
            if !published
                .versions
                .iter()
                .any(|new| new.package == release.package)
            {
                let (package, version, number, line) = (
                    &release.package,
                    &release.version,
                    release.number,
                    release.line,
                );
                output.line(&visible(&format!("{package}@{version}, which was there, released as release {number} of the line {line}")))?;
            }
        }
    }
    Ok(Outcome::Done)
}
