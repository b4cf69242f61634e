//! `radpack resolve`: which file serves each id.

use radpack_resolve::{Dependency, Found, Query, ResolveError, ResolveErrorKind};
use serde::Serialize;

use crate::arguments::Resolve;
use crate::commands::fit_words;
use crate::failure::{Failure, Outcome, Stop, Word};
use crate::output::{Output, Table, note};
use crate::questions::{Question, Questions};
use crate::read::Reader;

/// The line for programs about an id that has an answer.
#[derive(Debug, Serialize)]
pub(crate) struct ResolvedLine<'a> {
    pub(crate) id: &'a str,
    name: &'a str,
    version: String,
    entry: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    integrity: Option<&'a str>,
    fit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    drift: Option<&'static str>,
    statics: Vec<String>,
    dynamics: Vec<String>,
}

/// The line for programs about an id that has none.
#[derive(Debug, Serialize)]
struct FailedLine<'a> {
    id: &'a str,
    error: Word,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    suggestion: Option<&'a str>,
}

pub(crate) fn run(arguments: Resolve, output: &mut Output) -> Result<Outcome, Stop> {
    let index = Reader::new(&arguments.lookup.access).index(&arguments.lookup)?;
    let context = arguments.lookup.context();
    let query = arguments.lookup.query(&index, &context);
    let mut outcome = Outcome::Done;
    let mut table = Table::default();
    let mut questions = Questions::new(arguments.ids, "ids");
    while let Some(question) = questions.next()? {
        let (id, answer) = match question {
            Question::Text(id) => {
                let answer = answer(&query, &id);
                (id, answer)
            }
            Question::NotText(id) => {
                let message = format!("`{id}` is not UTF-8; ids are text");
                (id, Err(Failure::new(Word::InvalidId, message)))
            }
        };
        match answer {
            Ok(found) if output.json() => output.value(&line(&query, &id, &found)?)?,
            Ok(found) => table.row(cells(&query, &id, &found)?),
            Err(failure) => {
                outcome = Outcome::Incomplete;
                say_failed(&id, &failure, output)?;
            }
        }
        if questions.would_wait() {
            output.table(&std::mem::take(&mut table))?;
            output.flush()?;
        }
    }
    output.table(&table)?;
    Ok(outcome)
}

/// What serves an id, or why nothing does.
pub(crate) fn answer<'i>(query: &Query<'i, '_>, id: &str) -> Result<Found<'i>, Failure> {
    query.resolve(id).map_err(|error| unresolved(query, error))
}

/// An error of the index, with the closest known name where there is one.
pub(crate) fn unresolved(query: &Query<'_, '_>, error: ResolveError) -> Failure {
    let error = query.suggest(error);
    let word = match error.kind() {
        ResolveErrorKind::InvalidId => Word::InvalidId,
        ResolveErrorKind::InvalidSpec => Word::InvalidSpec,
        ResolveErrorKind::UnknownPackage => Word::UnknownPackage,
        ResolveErrorKind::UnknownEntry => Word::UnknownEntry,
        ResolveErrorKind::UnknownTag => Word::UnknownTag,
        ResolveErrorKind::Unavailable => Word::Unavailable,
        ResolveErrorKind::UnresolvedDependency => Word::UnresolvedDependency,
        _ => Word::InvalidManifest,
    };
    Failure {
        suggestion: error.suggestion().map(str::to_owned),
        ..Failure::of(word, &error)
    }
}

/// Says that an id has no answer; the others still get theirs.
pub(crate) fn say_failed(id: &str, failure: &Failure, output: &mut Output) -> Result<(), Stop> {
    if output.json() {
        return output.value(&FailedLine {
            id,
            error: failure.word,
            message: &failure.one_line(),
            suggestion: failure.suggestion.as_deref(),
        });
    }
    note(&failure.lines());
    Ok(())
}

/// The line for programs.
pub(crate) fn line<'a>(
    query: &Query<'a, '_>,
    id: &'a str,
    found: &Found<'a>,
) -> Result<ResolvedLine<'a>, Failure> {
    let damaged = |error: ResolveError| unresolved(query, error);
    Ok(ResolvedLine {
        id,
        name: found.name(),
        version: found.version().to_string(),
        entry: found.entry(),
        url: query.url(found).map_err(damaged)?,
        integrity: found.integrity().map_err(damaged)?,
        fit: found.fit().as_str(),
        drift: found.drift().map(|drift| drift.as_str()),
        statics: found.statics().map(id_of).collect(),
        dynamics: found.dynamics().map(id_of).collect(),
    })
}

fn id_of(dependency: Dependency<'_>) -> String {
    dependency.id().into_owned()
}

/// The columns for people.
fn cells(query: &Query<'_, '_>, id: &str, found: &Found<'_>) -> Result<[String; 4], Failure> {
    let url = query.url(found).map_err(|error| unresolved(query, error))?;
    Ok([
        id.to_owned(),
        found.pinned_id(),
        fit_words(found.fit(), found.drift()),
        url.unwrap_or_else(|| "no code of its own".to_owned()),
    ])
}
