//! What programs are told of a command.

use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::commit::{Committed, FoldError};
use crate::publishing::PublishReport;
use crate::registry::Carried;
use crate::rules::{Decided, Effect};
use crate::state::fact::Fact;

/// What became of a command, as programs are told.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Answer {
    /// It is in the history.
    Done(Box<Done>),
    /// There was nothing to do.
    Nothing(Nothing),
}

/// The event of a command.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Done {
    /// That it is.
    pub done: bool,
    /// The place of the event in the history.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// What has happened.
    pub kind: String,
    /// The command's id.
    pub command: Uuid,
    /// The facts, as the kind has them.
    pub facts: Value,
    /// What has happened, in words.
    pub text: String,
    /// Whether that was before: the command was sent again.
    pub repeated: bool,
}

/// Why there was nothing to do.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Nothing {
    /// That nothing was.
    pub done: bool,
    /// Why.
    pub why: String,
}

/// What became of what was to be published.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Published {
    /// What became of the command.
    #[serde(flatten)]
    pub answer: Answer,
    /// What deserves attention.
    pub warnings: Vec<String>,
}

/// What a command would come to.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    /// What would have happened; nothing, if there were nothing to do.
    pub kind: Option<String>,
    /// The facts, as the kind has them.
    pub facts: Option<Value>,
    /// Why there were nothing to do.
    pub why: Option<String>,
    /// Who would get another version, or none.
    pub effect: Effect,
}

impl Preview {
    /// What is said of a command that was not carried out.
    #[must_use]
    pub fn of(decided: &Decided, effect: Effect) -> Preview {
        let (kind, facts, why) = match decided {
            Decided::Fact(fact) => (Some(fact.kind().to_owned()), fact.payload().ok(), None),
            Decided::Nothing(why) => (None, None, Some(why.clone())),
        };
        Preview {
            kind,
            facts,
            why,
            effect,
        }
    }

    /// What the event would carry, if its kind is known here.
    #[must_use]
    pub fn fact(&self) -> Option<Fact> {
        Fact::read(self.kind.as_deref()?, self.facts.as_ref()?)?.ok()
    }
}

impl Published {
    /// What is said of what was published. `name` says what a folder is called.
    ///
    /// # Errors
    ///
    /// If the event is of a kind that is not known here.
    pub fn of(
        report: &PublishReport,
        name: impl Fn(&Path) -> String,
    ) -> Result<Published, FoldError> {
        let warnings = report.warnings.iter();
        let warnings = warnings.map(|(folder, warning)| format!("{}: {warning}", name(folder)));
        let left_out = report.left_out.iter().map(|(folder, left_out)| {
            let path = name(&folder.join(&left_out.path));
            format!("{path} is not among the sources: {}", left_out.reason)
        });
        Ok(Published {
            answer: match &report.committed {
                Some(committed) => Answer::of_event(committed)?,
                None => Answer::nothing(report.nothing.clone().unwrap_or_default()),
            },
            warnings: warnings.chain(left_out).collect(),
        })
    }
}

impl Answer {
    /// What is said of a command.
    ///
    /// # Errors
    ///
    /// If the event is of a kind that is not known here.
    pub fn of(carried: &Carried) -> Result<Answer, FoldError> {
        match carried {
            Carried::Done(committed) => Answer::of_event(committed),
            Carried::Nothing(why) => Ok(Answer::nothing(why.clone())),
        }
    }

    /// What is said of an event.
    ///
    /// # Errors
    ///
    /// If it is of a kind that is not known here.
    pub fn of_event(committed: &Committed) -> Result<Answer, FoldError> {
        let event = &committed.recorded.event;
        Ok(Answer::Done(Box::new(Done {
            done: true,
            seq: event.seq,
            at: event.at,
            by: event.by.clone(),
            kind: event.kind.clone(),
            command: event.command,
            facts: event.payload.clone(),
            text: event.describe()?.what,
            repeated: committed.repeated,
        })))
    }

    /// There was nothing to do.
    #[must_use]
    pub fn nothing(why: impl Into<String>) -> Answer {
        Answer::Nothing(Nothing {
            done: false,
            why: why.into(),
        })
    }
}

impl Done {
    /// What the event carries, if its kind is known here.
    #[must_use]
    pub fn fact(&self) -> Option<Fact> {
        Fact::read(&self.kind, &self.facts)?.ok()
    }
}
