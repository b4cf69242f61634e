//! What people read while the main job is done: headings, lines, and tables whose columns line up.

use std::io::Write;

use crate::failure::Failure;

/// Where the account goes.
pub struct Account<'w> {
    writer: &'w mut dyn Write,
    begun: bool,
}

impl<'w> Account<'w> {
    /// An account that is written as it goes.
    pub fn new(writer: &'w mut dyn Write) -> Self {
        Account {
            writer,
            begun: false,
        }
    }

    pub(crate) fn title(&mut self, title: &str) -> Result<(), Failure> {
        let space = if self.begun { "\n" } else { "" };
        self.begun = true;
        writeln!(self.writer, "{space}{title}").map_err(Failure::Account)
    }

    pub(crate) fn line(&mut self, line: &str) -> Result<(), Failure> {
        writeln!(self.writer, "  {}", line.trim_end())
            .and_then(|()| self.writer.flush())
            .map_err(Failure::Account)
    }

    /// A line of cells, each as wide as its column; the last may be as long as it likes.
    pub(crate) fn row<const CELLS: usize>(
        &mut self,
        widths: [usize; CELLS],
        cells: [&str; CELLS],
    ) -> Result<(), Failure> {
        let mut line = String::new();
        for (width, cell) in widths.into_iter().zip(cells) {
            line.push_str(&format!("{cell:width$}  "));
        }
        self.line(&line)
    }
}

/// A number and what it counts.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {many}"),
    }
}
