//! `radpack select`: rule-by-rule selection from a list of versions, without a manifest.

use radpack_version::{
    Fallback, Selected, Spec, TagTarget, Unavailable, UnavailableKind, VersionRef, select,
};
use serde::Serialize;

use crate::arguments::Select;
use crate::commands::fit_words;
use crate::failure::{Failure, Outcome, Stop, Word};
use crate::output::{Output, Table, note};
use crate::questions::{Question, Questions};

#[derive(Serialize)]
struct SelectedLine<'a> {
    spec: &'a str,
    version: &'a str,
    fit: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    drift: Option<&'a str>,
}

#[derive(Serialize)]
struct FailedLine<'a> {
    spec: &'a str,
    error: Word,
    message: &'a str,
}

/// A version as it was given, and as it is compared.
struct Available<'a> {
    text: &'a str,
    version: VersionRef<'a>,
}

pub(crate) fn run(arguments: Select, output: &mut Output) -> Result<Outcome, Stop> {
    let mut available: Vec<Available<'_>> = Vec::new();
    for text in arguments.available.iter().flat_map(|list| &list.0) {
        let version = VersionRef::parse(text).map_err(|error| {
            Failure::new(Word::InvalidSpec, format!("{text:?} is not a version")).caused_by(&error)
        })?;
        available.push(Available { text, version });
    }
    available.sort_by(|left, right| right.version.cmp(&left.version));
    let versions: Vec<VersionRef<'_>> = available.iter().map(|one| one.version).collect();
    let fallback = Fallback::from(arguments.fallback);

    let mut outcome = Outcome::Done;
    let mut table = Table::default();
    let mut questions = Questions::new(arguments.specs, "specs");
    while let Some(question) = questions.next()? {
        let (text, answer) = match question {
            Question::Text(text) => {
                let answer = answer(&text, &versions, fallback);
                (text, answer)
            }
            Question::NotText(text) => {
                let message = format!("{text:?} is not UTF-8; specs are text");
                (text, Err(Failure::new(Word::InvalidSpec, message)))
            }
        };
        match answer {
            Ok(selected) => {
                let line = SelectedLine {
                    spec: &text,
                    version: available[selected.index].text,
                    fit: selected.fit.as_str(),
                    drift: selected.drift.map(|drift| drift.as_str()),
                };
                if output.json() {
                    output.value(&line)?;
                } else {
                    let spec = if text.is_empty() { "''" } else { &text };
                    table.row([spec, line.version, &fit_words(selected.fit, selected.drift)]);
                }
            }
            Err(failure) => {
                outcome = Outcome::Incomplete;
                if output.json() {
                    output.value(&FailedLine {
                        spec: &text,
                        error: failure.word,
                        message: &failure.one_line(),
                    })?;
                } else {
                    note(&failure.lines());
                }
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

fn answer(
    text: &str,
    versions: &[VersionRef<'_>],
    fallback: Fallback,
) -> Result<Selected, Failure> {
    let spec = Spec::parse(text).map_err(|error| {
        let message = format!("{text:?} is not a spec (character {})", error.offset() + 1);
        Failure::new(Word::InvalidSpec, message).caused_by(&error)
    })?;
    // A bare list has no tags: `latest` is the newest, every other one is unknown.
    select(versions, &spec, fallback, |_| TagTarget::Unknown)
        .map_err(|unavailable| refused(text, versions, &unavailable))
}

fn refused(text: &str, versions: &[VersionRef<'_>], unavailable: &Unavailable) -> Failure {
    if unavailable.kind == UnavailableKind::UnknownTag {
        let message = format!("unknown tag {text:?}; a list of versions has only `latest`");
        return Failure::new(Word::UnknownTag, message);
    }
    let mut message = format!("no version for {text:?}; {}", listed(versions));
    if let Some((looser, selected)) = unavailable.looser {
        let version = versions[selected.index];
        message.push_str(&format!(
            "; with --fallback {looser} it would get {version}"
        ));
    }
    Failure::new(Word::Unavailable, message)
}

/// The versions in words, the newest first and not too many.
fn listed(versions: &[VersionRef<'_>]) -> String {
    const MOST: usize = 12;
    if versions.is_empty() {
        return "none is available".to_owned();
    }
    let names: Vec<String> = versions
        .iter()
        .take(MOST)
        .map(ToString::to_string)
        .collect();
    let more = match versions.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(" and {more} older"),
    };
    format!("available: {}{more}", names.join(", "))
}
