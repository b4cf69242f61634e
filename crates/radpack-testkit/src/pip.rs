//! Packages of Python: `pip install` into a cache folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::fetch::{FetchError, key_of, last_lines, once};

/// The file of a fixture folder that says what is installed, each at one version.
const REQUIREMENTS: &str = "requirements.txt";

/// Packages of Python, on disk. They stay there from run to run: read them, do not change them.
#[derive(Clone, Debug)]
pub struct PipPackages {
    site: PathBuf,
}

impl PipPackages {
    /// Python, seeing the packages.
    pub fn python(&self) -> Command {
        let mut python = python();
        python.env("PYTHONPATH", &self.site);
        python
    }
}

/// The packages that `requirements.txt` in a folder names, fetched with pip into a cache folder unless an earlier run has done so.
///
/// Any number of tests and processes may ask at once: one fetches, the others wait for it.
///
/// # Errors
/// Where Python or pip is missing or fails, or the disk does: the message says what to do.
pub fn pip_packages_in(fixture: &Path, cache: &Path) -> Result<PipPackages, FetchError> {
    let version = python()
        .arg("--version")
        .output()
        .map_err(FetchError::NoPython)?;
    // What is compiled fits one version only.
    let key = key_of(fixture, &[REQUIREMENTS], &last_lines(&version.stdout))?;
    let site = once(cache, &format!("pip-{key}"), |fresh| {
        let requirements = fixture.join(REQUIREMENTS);
        let output = pip(fresh)?
            .args([
                "install",
                "--quiet",
                "--no-deps",
                "--disable-pip-version-check",
            ])
            .arg("--target")
            .arg(fresh)
            .arg("--requirement")
            .arg(&requirements)
            .output()
            .map_err(FetchError::NoPython)?;
        if output.status.success() {
            return Ok(());
        }
        Err(FetchError::Pip {
            requirements,
            status: output.status,
            output: last_lines(&output.stderr),
        })
    })?;
    Ok(PipPackages { site })
}

/// Python's own pip, or that of an environment made below a folder.
fn pip(folder: &Path) -> Result<Command, FetchError> {
    let run = |mut command: Command| -> Result<Output, FetchError> {
        command.output().map_err(FetchError::NoPython)
    };
    let with_pip = |mut python: Command| {
        python.args(["-m", "pip"]);
        python
    };
    let mut asked = with_pip(python());
    asked.arg("--version");
    if run(asked)?.status.success() {
        return Ok(with_pip(python()));
    }
    let environment = folder.join(".venv");
    let mut make = python();
    make.args(["-m", "venv"]).arg(&environment);
    let made = run(make)?;
    if !made.status.success() {
        // Where ensurepip is missing, this is said on stdout.
        return Err(FetchError::NoPip {
            output: last_lines(&[made.stdout, made.stderr].concat()),
        });
    }
    let program = if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python3"
    };
    Ok(with_pip(Command::new(environment.join(program))))
}

fn python() -> Command {
    Command::new(if cfg!(windows) { "python" } else { "python3" })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_pip_refuses_is_told() {
        let fixture = tempfile::tempdir().unwrap();
        let cache = tempfile::tempdir().unwrap();
        fs::write(fixture.path().join(REQUIREMENTS), "no requirement at all\n").unwrap();
        let error = pip_packages_in(fixture.path(), cache.path()).unwrap_err();
        assert!(
            error.is_missing_program() || matches!(error, FetchError::Pip { .. }),
            "{error}"
        );
    }

    #[test]
    fn missing_requirements_are_told() {
        let empty = tempfile::tempdir().unwrap();
        let error = pip_packages_in(empty.path(), empty.path()).unwrap_err();
        let expected = format!("cannot read {}", empty.path().join(REQUIREMENTS).display());
        assert!(
            error.is_missing_program() || error.to_string() == expected,
            "{error}"
        );
    }
}
