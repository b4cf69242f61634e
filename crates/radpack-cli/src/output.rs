//! Standard output: lines for people in aligned columns, or one JSON value per line. Notes and errors go to standard error.

use std::io::{self, BufWriter, StdoutLock, Write};

use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use crate::failure::{Failure, Stop, Word};

/// Where results go.
pub(crate) struct Output {
    out: BufWriter<StdoutLock<'static>>,
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self {
            out: BufWriter::with_capacity(64 * 1024, io::stdout().lock()),
            json,
        }
    }

    /// Whether programs read the results.
    pub(crate) fn json(&self) -> bool {
        self.json
    }

    /// From now on programs read the results.
    pub(crate) fn set_json(&mut self) {
        self.json = true;
    }

    /// Writes one JSON value and a line end.
    pub(crate) fn value(&mut self, value: &impl Serialize) -> Result<(), Stop> {
        match serde_json::to_writer(&mut self.out, value) {
            Ok(()) => self.bytes(b"\n"),
            Err(error) => Err(Stop::of_output(&error.into())),
        }
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), Stop> {
        self.bytes(line.as_bytes())?;
        self.bytes(b"\n")
    }

    /// Writes bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.out
            .write_all(bytes)
            .map_err(|error| Stop::of_output(&error))
    }

    /// Writes a table: columns two spaces apart, each as wide as its widest cell.
    pub(crate) fn table(&mut self, table: &Table) -> Result<(), Stop> {
        let text = table.to_text();
        self.bytes(text.as_bytes())
    }

    /// Hands everything that was written to whoever reads it.
    pub(crate) fn flush(&mut self) -> Result<(), Stop> {
        self.out.flush().map_err(|error| Stop::of_output(&error))
    }
}

/// Rows of cells for people.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn row<C: Into<String>>(&mut self, cells: impl IntoIterator<Item = C>) {
        let cells = cells.into_iter().map(|cell| visible(&cell.into()));
        self.rows.push(cells.collect());
    }

    /// The rows as lines; no line ends in spaces.
    pub(crate) fn to_text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                cells.map(|cell| cell.width()).max().unwrap_or(0)
            })
            .collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', width - cell.width() + 2));
            }
            text.push_str(line.trim_end_matches(' '));
            text.push('\n');
        }
        text
    }
}

/// The text with control characters shown instead of obeyed: a register's words must not steer a terminal.
pub(crate) fn visible(text: &str) -> String {
    if text.chars().any(char::is_control) {
        let shown = |character: char| {
            if character.is_control() {
                character.escape_default().collect()
            } else {
                String::from(character)
            }
        };
        text.chars().map(shown).collect()
    } else {
        text.to_owned()
    }
}

/// Says something on standard error, a line at a time. That nobody can read it is no reason to fail.
pub(crate) fn note(text: &str) {
    let mut stderr = io::stderr().lock();
    for line in text.split('\n') {
        if writeln!(stderr, "{}", visible(line)).is_err() {
            return;
        }
    }
}

/// The line for programs when a whole command fails.
#[derive(Serialize)]
struct FailedLine<'a> {
    error: Word,
    message: &'a str,
}

/// Says why a whole command failed: to people always, and to programs that read the results.
pub(crate) fn report(output: &mut Output, failure: &Failure) {
    note(&failure.lines());
    if output.json() {
        let line = FailedLine {
            error: failure.word,
            message: &failure.one_line(),
        };
        // Where standard output is what failed, standard error has said so already.
        if output.value(&line).is_ok() {
            let _ = output.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_by_what_is_seen() {
        let mut table = Table::default();
        table.row(["a", "one", "x"]);
        table.row(["日本", "three"]);
        table.row(["bcde", "", "y"]);
        assert_eq!(
            table.to_text(),
            "a     one    x\n日本  three\nbcde         y\n"
        );
    }

    #[test]
    fn control_characters_are_shown() {
        assert_eq!(visible("plain é 😀"), "plain é 😀");
        assert_eq!(visible("a\u{1b}[31mb\tc\u{7f}"), "a\\u{1b}[31mb\\tc\\u{7f}");
    }
}
