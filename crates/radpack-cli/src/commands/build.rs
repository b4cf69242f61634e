//! `radpack build`: a package folder into hashed files and a pruned radpack.json, and a report of what became of what.

use std::time::Duration;

use radpack_build::{
    Build as Builder, BuildError, Change, EntryOption, ErrorKind, FileAction, Problem, Report,
};
use serde::Serialize;

use crate::arguments::Build;
use crate::failure::{Failure, Outcome, Stop, Word};
use crate::output::{Output, Table, note, visible};
use crate::progress::Progress;
use crate::read::Reader;

/// How many left-out entries are listed; a package may have thousands of type files.
const MOST_LISTED: usize = 20;

/// The line for programs about one thing that keeps a build from happening.
#[derive(Serialize)]
struct ProblemLine<'a> {
    error: Word,
    /// The library's own word, which is more exact.
    problem: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
    message: &'a str,
}

pub(crate) fn run(arguments: Build, output: &mut Output) -> Result<Outcome, Stop> {
    let folder = arguments.folder.clone();
    let mut reader = Reader::new(&arguments.access);
    let mut build = prepare(arguments, &mut reader)?;
    if let Err(error) = supply(&mut build, &mut reader)? {
        return say_problems(&error, output);
    }
    let progress = Progress::new(&format!("building {}", folder.display()));
    let result = build.run();
    drop(progress);
    let report = match result {
        Ok(report) => report,
        Err(error) => return say_problems(&error, output),
    };
    if output.json() {
        output.value(&report)?;
    } else {
        for warning in &report.warnings {
            note(&format!("warning: {warning}"));
        }
        people(&report, output)?;
    }
    Ok(Outcome::Done)
}

fn prepare(arguments: Build, reader: &mut Reader) -> Result<Builder, Failure> {
    let mut build = Builder::new(arguments.folder);
    let mut registers = Vec::new();
    for source in &arguments.registers {
        registers.extend(reader.located(source)?);
    }
    let options = build.options_mut();
    options.registers = registers;
    options.version = arguments.version;
    options.out = arguments.out;
    let entries = arguments.entries.into_iter();
    options.entries = entries
        .map(|(name, path)| EntryOption::new(name, path))
        .collect();
    options.external = arguments.externals;
    options.vars = arguments.vars.into_iter().collect();
    options.keep_minors = arguments.keep_minors.then_some(true);
    options.keep_majors = arguments.no_keep_majors.then_some(false);
    options.keep_prereleases = arguments.no_keep_prereleases.then_some(false);
    options.allow_downgrade = arguments.allow_downgrade.then_some(true);
    options.delete_unreferenced = arguments.delete_unreferenced.then_some(true);
    options.dry_run = arguments.dry_run;
    Ok(build)
}

/// Fetches the registers that package.json names by URL, and what is nested in them.
pub(crate) fn supply(
    build: &mut Builder,
    reader: &mut Reader,
) -> Result<Result<(), BuildError>, Failure> {
    loop {
        let wanted = match build.wanted() {
            Ok(wanted) => wanted,
            Err(error) => return Ok(Err(error)),
        };
        if wanted.is_empty() {
            return Ok(Ok(()));
        }
        let contents = reader.contents_of(&wanted)?;
        for (url, bytes) in wanted.into_iter().zip(contents) {
            build.supply(url, bytes);
        }
    }
}

/// Says everything that keeps a build from happening.
pub(crate) fn say_problems(error: &BuildError, output: &mut Output) -> Result<Outcome, Stop> {
    for problem in error.problems() {
        say_problem(problem, output)?;
    }
    Ok(Outcome::Incomplete)
}

/// Says one thing that went wrong.
pub(crate) fn say_problem(problem: &Problem, output: &mut Output) -> Result<(), Stop> {
    let failure = Failure::of(word_of(problem.kind()), problem);
    if !output.json() {
        note(&failure.lines());
        return Ok(());
    }
    let position = problem.position();
    let message = Failure {
        message: problem.message().to_owned(),
        ..failure
    };
    output.value(&ProblemLine {
        error: message.word,
        problem: problem.kind().as_str(),
        file: problem.file().map(|file| file.display().to_string()),
        line: position.map(|position| position.line),
        column: position.map(|position| position.column),
        message: &message.one_line(),
    })
}

/// The closest of the words that programs know.
fn word_of(kind: ErrorKind) -> Word {
    match kind {
        ErrorKind::Entry => Word::UnknownEntry,
        ErrorKind::Import | ErrorKind::Unserved => Word::UnresolvedDependency,
        ErrorKind::Refused => Word::Unavailable,
        ErrorKind::Io | ErrorKind::Source => Word::Io,
        // a register, or the package's own manifest: package.json and what the command line adds to it
        _ => Word::InvalidManifest,
    }
}

/// The report for people: what was built, what became of the other versions, where the imports lead, what was left out.
fn people(report: &Report, output: &mut Output) -> Result<(), Stop> {
    let (name, version, out) = (&report.name, &report.version, report.out.display());
    let how = if report.prebuilt {
        "taken as built"
    } else {
        "built"
    };
    let timings = &report.timings;
    let headline = if report.dry_run {
        format!("{name} {version} would be {how} into {out}; nothing was written")
    } else {
        format!(
            "{name} {version} {how} into {out} in {} (reading {}, hashing {}, writing {})",
            time(timings.total),
            time(timings.reading),
            time(timings.hashing),
            time(timings.writing),
        )
    };
    output.line(&visible(&headline))?;
    output.line("")?;

    let mut table = Table::default();
    for change in &report.versions {
        let reason = match &change.displaced_by {
            Some(by) => format!("{} ({by})", change.reason.as_str()),
            None => change.reason.as_str().to_owned(),
        };
        let word = match change.change {
            Change::Added => "added",
            Change::Replaced => "replaced",
            Change::Kept => "kept",
            Change::Dropped => "dropped",
        };
        table.row([word, &change.version.to_string(), &reason]);
    }
    for moved in &report.moved_tags {
        let reason = format!("the tag {} moved to {}", moved.tag, moved.to);
        table.row(["moved", &moved.from.to_string(), &reason]);
    }
    output.table(&table)?;
    output.line("")?;

    let mut table = Table::default();
    let chunks = report
        .entries
        .iter()
        .filter(|entry| entry.name.starts_with("c/"));
    let chunks = chunks.count();
    let bytes: u64 = report.entries.iter().map(|entry| entry.bytes).sum();
    let own = report.entries.len() - chunks;
    let counted = match chunks {
        0 => own.to_string(),
        1 => format!("{own}, and 1 chunk"),
        _ => format!("{own}, and {chunks} chunks"),
    };
    table.row(["entries".to_owned(), counted, size(bytes)]);
    table.row(["files".to_owned(), files(report)]);
    for pin in &report.pins {
        let selected = match (&pin.selected, &pin.register) {
            (Some(version), Some(register)) => format!("now {version}, of {register}"),
            (Some(version), None) => format!("now {version}"),
            (None, _) => "no register serves it".to_owned(),
        };
        table.row([
            "pin".to_owned(),
            format!("{} → {}", pin.import, pin.id),
            selected,
        ]);
    }
    for left_out in report.left_out.iter().take(MOST_LISTED) {
        table.row(["left out", &left_out.entry, left_out.reason.as_str()]);
    }
    if let Some(more @ 1..) = report.left_out.len().checked_sub(MOST_LISTED) {
        table.row([
            "left out".to_owned(),
            format!("{more} more, which --json lists"),
        ]);
    }
    output.table(&table)
}

/// What was done with how many files.
fn files(report: &Report) -> String {
    let to_be = if report.dry_run { "to be " } else { "" };
    let actions = [
        (FileAction::Written, format!("{to_be}written")),
        (FileAction::Reused, "there already".to_owned()),
        (FileAction::Copied, format!("{to_be}copied")),
        (FileAction::Deleted, format!("{to_be}deleted")),
    ];
    let counts = actions.iter().filter_map(|(action, word)| {
        let files = report.files.iter().filter(|file| file.action == *action);
        match files.count() {
            0 => None,
            count => Some(format!("{count} {word}")),
        }
    });
    let counts: Vec<String> = counts.collect();
    if counts.is_empty() {
        "none".to_owned()
    } else {
        counts.join(", ")
    }
}

/// A duration as people read it.
fn time(duration: Duration) -> String {
    let milliseconds = duration.as_secs_f64() * 1000.0;
    match milliseconds {
        ..10.0 => format!("{milliseconds:.1} ms"),
        ..10_000.0 => format!("{milliseconds:.0} ms"),
        _ => format!("{:.1} s", duration.as_secs_f64()),
    }
}

/// A number of bytes as people read it, in decimal units.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} bytes");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_read_well() {
        let sizes = [0, 999, 1000, 83_417, 999_949, 999_950, 5_000_000_000];
        let words = [
            "0 bytes",
            "999 bytes",
            "1.0 kB",
            "83.4 kB",
            "999.9 kB",
            "1.0 MB",
            "5.0 GB",
        ];
        assert_eq!(sizes.map(size), words);
        let times = [40, 9_940, 23_400, 9_999_000, 12_340_000].map(Duration::from_micros);
        assert_eq!(
            times.map(time),
            ["0.0 ms", "9.9 ms", "23 ms", "9999 ms", "12.3 s"]
        );
    }
}
