//! Compiles the register to an index file, maps it, and puts the questions to it.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Instant;

use radpack::{Drift, Fit, Index, ResolveErrorKind};
use url::Url;

use crate::account::{Account, count};
use crate::failure::Failure;
use crate::questions::{Expected, QUESTIONS, Question};

/// What an id got.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Given {
    /// A version.
    Version {
        /// The version.
        version: String,
        /// How it fits.
        fit: Fit,
        /// What differs, where it only is near.
        drift: Option<Drift>,
        /// The file that serves it, below the folder of its package.
        file: Option<String>,
    },
    /// An error.
    Error {
        /// Its kind.
        kind: ResolveErrorKind,
        /// The whole message, causes included.
        message: String,
        /// The closest known id.
        suggestion: Option<String>,
    },
}

/// A question and what it got.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Answer {
    /// The question.
    pub question: Question,
    /// The answer.
    pub given: Given,
}

impl Answer {
    /// Whether it is the answer that the question must get.
    #[must_use]
    pub fn is_expected(&self) -> bool {
        match (&self.given, self.question.expected) {
            (
                Given::Version {
                    version,
                    fit,
                    drift,
                    file,
                },
                Expected::Version(expected, expected_fit, expected_drift),
            ) => {
                version == expected
                    && *fit == expected_fit
                    && *drift == expected_drift
                    && file.is_some()
            }
            (
                Given::Error {
                    kind, suggestion, ..
                },
                Expected::Error(expected, expected_suggestion),
            ) => *kind == expected && suggestion.as_deref() == expected_suggestion,
            _ => false,
        }
    }
}

/// The index of a register: compiled, written, and mapped from the file as any later run would.
pub(crate) fn compile(out: &Path, account: &mut Account<'_>) -> Result<Index, Failure> {
    let manifest = out.join("radpack.json");
    let json = fs::read(&manifest).map_err(Failure::io("read", &manifest))?;
    let length = json.len();
    let began = Instant::now();
    let compiled = Index::from_json(json)?;
    let compiling = began.elapsed();
    let file = out.join("radpack.index");
    let bytes = compiled.to_bytes();
    fs::write(&file, &bytes).map_err(Failure::io("write", &file))?;

    // A manifest that names no `baseUrl` is served from where it lies; the index leaves that open until now.
    let folder = std::path::absolute(out).map_err(Failure::io("find", out))?;
    let base = Url::from_directory_path(&folder)
        .map(|url| url.as_str().trim_end_matches('/').to_owned())
        .unwrap_or_default();
    let index = Index::open(&file)?.with_base_url(base);
    account.line(&format!(
        "{length} bytes of radpack.json compiled in {:.1} ms to {} bytes: {}, {}",
        compiling.as_secs_f64() * 1000.0,
        bytes.len(),
        count(index.packages().count(), "package", "packages"),
        count(index.len(), "entry", "entries"),
    ))?;
    Ok(index)
}

/// Puts the questions.
pub(crate) fn ask(
    index: &Index,
    account: &mut Account<'_>,
    mismatches: &mut Vec<String>,
) -> Result<Vec<Answer>, Failure> {
    let mut answers = Vec::new();
    for question in QUESTIONS {
        let answer = Answer {
            question: *question,
            given: answer(index, question.id)?,
        };
        let told = match &answer.given {
            Given::Version {
                version,
                fit,
                drift,
                file,
            } => {
                let fit = match drift {
                    Some(drift) => format!("{fit} ({drift})"),
                    None => fit.to_string(),
                };
                let file = file.as_deref().unwrap_or("no file");
                format!("{version:8} {fit:16} {file}")
            }
            Given::Error { message, .. } => message.clone(),
        };
        account.row([22, 28, 0], [question.kind, question.id, &told])?;
        if !answer.is_expected() {
            mismatches.push(format!(
                "{} must give {:?}, and gives {:?}",
                question.id, question.expected, answer.given
            ));
        }
        answers.push(answer);
    }
    Ok(answers)
}

fn answer(index: &Index, id: &str) -> Result<Given, Failure> {
    let query = index.query();
    Ok(match query.resolve(id) {
        Ok(found) => Given::Version {
            version: found.version().to_string(),
            fit: found.fit(),
            drift: found.drift(),
            file: found.file()?.map(str::to_owned),
        },
        Err(error) => {
            let error = query.suggest(error);
            Given::Error {
                kind: error.kind(),
                message: with_causes(&error),
                suggestion: error.suggestion().map(str::to_owned),
            }
        }
    })
}

fn with_causes(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message.push_str(&format!(": {error}"));
        cause = error.source();
    }
    message
}
