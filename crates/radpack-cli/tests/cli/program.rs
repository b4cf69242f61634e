//! Running the program: its arguments, what comes in, what comes out.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// One run of the program, prepared.
pub(crate) struct Program {
    command: Command,
    input: Option<Vec<u8>>,
}

/// What came of it.
#[derive(Debug, PartialEq)]
pub(crate) struct Ran {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: i32,
}

/// The program with these arguments, in this folder.
pub(crate) fn radpack_in<A: AsRef<std::ffi::OsStr>>(
    folder: &Path,
    arguments: impl IntoIterator<Item = A>,
) -> Program {
    let mut command = Command::new(env!("CARGO_BIN_EXE_radpack"));
    command.args(arguments).current_dir(folder);
    // what the machine is set up with must not change what is seen, nor send requests elsewhere
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    for name in ["RADPACK_STORE", "RADPACK_TOKEN", "RADPACK_AUTHOR"] {
        command.env_remove(name);
    }
    command.env_remove("RUST_BACKTRACE");
    Program {
        command,
        input: None,
    }
}

/// The program with these arguments, in a folder where it finds nothing.
pub(crate) fn radpack<A: AsRef<std::ffi::OsStr>>(
    arguments: impl IntoIterator<Item = A>,
) -> Program {
    radpack_in(Path::new(env!("CARGO_MANIFEST_DIR")), arguments)
}

impl Program {
    /// Gives it this on standard input; without, that is empty.
    pub(crate) fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = Some(input.into());
        self
    }

    /// Sets a variable of its environment.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// The command as it is, to be started and watched.
    pub(crate) fn command(self) -> Command {
        self.command
    }

    /// Runs it to its end.
    pub(crate) fn run(mut self) -> Ran {
        self.command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .stdin(if self.input.is_some() {
                Stdio::piped()
            } else {
                Stdio::null()
            });
        let mut child = self.command.spawn().unwrap();
        let stdin = child.stdin.take();
        let input = self.input.unwrap_or_default();
        // it may print while it reads, so somebody else writes
        let writer = std::thread::spawn(move || {
            if let Some(mut stdin) = stdin {
                // it may end before it has read everything
                let _ = stdin.write_all(&input);
            }
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        Ran {
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            code: output.status.code().expect("ended by a signal"),
        }
    }
}

impl Ran {
    /// Everything as expected.
    #[track_caller]
    pub(crate) fn is(&self, code: i32, stdout: &str, stderr: &str) {
        assert_eq!(
            (self.stdout.as_str(), self.stderr.as_str(), self.code),
            (stdout, stderr, code)
        );
    }

    /// The JSON values on standard output, one a line.
    #[track_caller]
    pub(crate) fn values(&self) -> Vec<serde_json::Value> {
        let lines = self.stdout.lines();
        let values = lines.map(|line| serde_json::from_str(line).unwrap());
        values.collect()
    }

    /// Done, with this on standard output and nothing said.
    #[track_caller]
    pub(crate) fn prints(&self, stdout: &str) {
        self.is(0, stdout, "");
    }

    /// Wrong usage: nothing printed, and this as the first line of what is said.
    #[track_caller]
    pub(crate) fn is_wrong_usage(&self, first_line: &str) {
        let said = self.stderr.lines().next().unwrap_or_default();
        assert_eq!(
            (said, self.stdout.as_str(), self.code),
            (first_line, "", 2),
            "{}",
            self.stderr
        );
    }
}
