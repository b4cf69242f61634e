//! The ids or specs that a command answers: its arguments, or the lines of standard input where there are none.

use std::io::{self, BufRead, BufReader, IsTerminal, StdinLock};

use crate::failure::{Failure, Word};
use crate::output::note;

/// What is kept of a line; enough to say that an id is too long.
const MOST_BYTES: usize = 8 * 1024;

/// One question.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// A line, without its end.
    Text(String),
    /// A line that is not UTF-8, as far as it can be shown.
    NotText(String),
}

/// The questions in order.
pub(crate) enum Questions {
    Arguments(std::vec::IntoIter<String>),
    Lines(Lines<BufReader<StdinLock<'static>>>),
}

/// Lines that come in.
pub(crate) struct Lines<R> {
    reader: R,
    /// Whether nothing has been read yet.
    at_start: bool,
}

/// What some programs put before UTF-8 text, and means nothing.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Questions {
    /// The arguments; where there are none, the lines that come in. A person at a terminal is told what is awaited.
    pub(crate) fn new(arguments: Vec<String>, what: &str) -> Self {
        if !arguments.is_empty() {
            return Self::Arguments(arguments.into_iter());
        }
        let stdin = io::stdin();
        if stdin.is_terminal() {
            note(&format!(
                "reading {what} from the terminal, one a line; end with Ctrl-D"
            ));
        }
        Self::Lines(Lines::new(BufReader::with_capacity(
            64 * 1024,
            stdin.lock(),
        )))
    }

    /// Whether the next question is not there yet: the moment to hand out the answers so far.
    pub(crate) fn would_wait(&self) -> bool {
        match self {
            Self::Arguments(arguments) => arguments.len() == 0,
            Self::Lines(lines) => lines.reader.buffer().is_empty(),
        }
    }

    /// The next question; blank lines are passed over.
    pub(crate) fn next(&mut self) -> Result<Option<Question>, Failure> {
        match self {
            Self::Arguments(arguments) => Ok(arguments.next().map(Question::Text)),
            Self::Lines(lines) => lines.next().map_err(|error| {
                Failure::new(Word::Io, "cannot read standard input").caused_by(&error)
            }),
        }
    }
}

impl<R: BufRead> Lines<R> {
    fn new(reader: R) -> Self {
        Lines {
            reader,
            at_start: true,
        }
    }

    fn next(&mut self) -> io::Result<Option<Question>> {
        loop {
            let mut line = Vec::new();
            if !read_line(&mut self.reader, &mut line)? {
                return Ok(None);
            }
            if std::mem::take(&mut self.at_start) && line.starts_with(BYTE_ORDER_MARK) {
                line.drain(..BYTE_ORDER_MARK.len());
            }
            let blank = line.iter().all(u8::is_ascii_whitespace);
            if !blank {
                let cut = line.len() > MOST_BYTES;
                line.truncate(MOST_BYTES);
                return Ok(Some(match String::from_utf8(line) {
                    Ok(text) => Question::Text(text.trim_ascii().to_owned()),
                    // a line that was cut may end within a character; it is too long in any case
                    Err(error) if cut && error.utf8_error().error_len().is_none() => {
                        let valid = error.utf8_error().valid_up_to();
                        Question::Text(
                            String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned(),
                        )
                    }
                    Err(error) => {
                        Question::NotText(String::from_utf8_lossy(error.as_bytes()).into_owned())
                    }
                }));
            }
        }
    }
}

/// Reads up to a line end, of which nothing is kept; of a longer line one byte more than [`MOST_BYTES`]. False at the end of the input.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    let mut any = false;
    loop {
        let buffer = match reader.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            buffer => buffer?,
        };
        if buffer.is_empty() {
            return Ok(any);
        }
        any = true;
        let end = buffer.iter().position(|&byte| byte == b'\n');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        let room = (MOST_BYTES + 1).saturating_sub(line.len());
        line.extend_from_slice(&part[..part.len().min(room)]);
        let used = end.map_or(buffer.len(), |end| end + 1);
        reader.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(input: &[u8]) -> Vec<Question> {
        let mut lines = Lines::new(BufReader::with_capacity(7, input));
        std::iter::from_fn(|| lines.next().unwrap()).collect()
    }

    #[test]
    fn lines_end_in_either_way() {
        let text = |text: &str| Question::Text(text.to_owned());
        assert_eq!(
            all(b"a@^1\r\n\n  \nb\n c@1 - 2 \nlast"),
            [text("a@^1"), text("b"), text("c@1 - 2"), text("last")]
        );
        assert_eq!(all(b""), []);
        assert_eq!(all(b"\n\r\n"), []);
    }

    #[test]
    fn a_long_line_is_cut_and_the_next_one_is_whole() {
        let mut input = "é".repeat(MOST_BYTES).into_bytes();
        input.insert(0, b'x');
        input.extend_from_slice(b"\nnext\n");
        let questions = all(&input);
        assert_eq!(questions.len(), 2);
        assert!(
            matches!(&questions[0], Question::Text(text) if text.len() == MOST_BYTES - 1),
            "the last character was cut in two"
        );
        assert_eq!(questions[1], Question::Text("next".to_owned()));
    }

    #[test]
    fn a_byte_order_mark_at_the_start_means_nothing() {
        let text = |text: &str| Question::Text(text.to_owned());
        assert_eq!(all(b"\xef\xbb\xbfa\r\nb\n"), [text("a"), text("b")]);
        assert_eq!(all(b"\xef\xbb\xbf\r\nb\n"), [text("b")]);
        assert_eq!(all(b"\xef\xbb\xbf"), []);
        assert_eq!(all(b"a\n\xef\xbb\xbfb"), [text("a"), text("\u{feff}b")]);
    }

    #[test]
    fn what_is_no_text_is_told_apart() {
        assert_eq!(
            all(b"a\xffb\n"),
            [Question::NotText("a\u{fffd}b".to_owned())]
        );
    }
}
