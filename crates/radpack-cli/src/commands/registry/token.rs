//! `radpack token`: who may do what.

use std::collections::BTreeSet;

use jiff::Timestamp;
use radpack_registry::rules::RevokeToken;
use radpack_registry::state::token::Token as RegistryToken;
use radpack_registry::{Answer, Done, Fact, NewToken};
use uuid::Uuid;

use super::time;
use crate::arguments::{Token, TokenAction, TokenCreate};
use crate::failure::{Failure, Outcome, Stop, Word};
use crate::output::{Output, Table, note};
use crate::session::{Session, command, say_nothing};

pub(crate) fn run(arguments: Token, output: &mut Output) -> Result<Outcome, Stop> {
    match arguments.action {
        TokenAction::Create(arguments) => create(arguments, output),
        TokenAction::List(arguments) => list(&Session::open(&arguments.access)?, output),
        TokenAction::Revoke(arguments) => {
            let token = Uuid::try_parse(&arguments.token_id).map_err(|error| {
                let message = format!(
                    "{:?} is no token's id: `radpack token list` shows them",
                    arguments.token_id
                );
                Failure::new(Word::InvalidId, message).caused_by(&error)
            })?;
            let session = Session::open(&arguments.writing.access)?;
            session.carry_out(&arguments.writing, RevokeToken { token }, output)
        }
    }
}

fn create(arguments: TokenCreate, output: &mut Output) -> Result<Outcome, Stop> {
    let session = Session::open(&arguments.writing.access)?;
    let expires =
        match arguments.expires {
            Some(lifetime) => {
                let lifetime = jiff::SignedDuration::try_from(lifetime);
                let expires = lifetime
                    .ok()
                    .and_then(|lifetime| Timestamp::now().checked_add(lifetime).ok());
                Some(expires.ok_or_else(|| {
                    Failure::new(Word::InvalidSpec, "nothing is good for so long")
                })?)
            }
            None => None,
        };
    let command = command(&arguments.writing);
    let secret = RegistryToken::new_secret();
    let packages: BTreeSet<String> = arguments.packages.into_iter().collect();
    let request = NewToken {
        holder: arguments.holder.clone(),
        rights: arguments.rights.into_iter().collect(),
        packages: if packages.is_empty() {
            BTreeSet::from(["*".to_owned()])
        } else {
            packages
        },
        expires,
        digest: Some(RegistryToken::digest(&secret)),
    };
    match session.request(&command, request)? {
        // The answer to its first request may have been lost on its way.
        Answer::Done(done) if done.repeated && !is_of(&done, &secret) => {
            say_nothing(
                "the token was made when this command was first sent, and its secret is shown once: revoke it and make another",
                output,
            )?;
        }
        Answer::Done(_) if output.json() => {
            output.value(&serde_json::json!({ "token": command.id, "secret": secret }))?;
        }
        Answer::Done(_) => {
            note(&format!(
                "the token {} of {}; it is shown this once:",
                command.id, arguments.holder
            ));
            output.line(&secret)?;
        }
        Answer::Nothing(nothing) => say_nothing(&nothing.why, output)?,
    }
    Ok(Outcome::Done)
}

/// Whether it is the token with this secret that was made.
fn is_of(done: &Done, secret: &str) -> bool {
    match done.fact() {
        Some(Fact::TokenCreated(made)) => made.secret == RegistryToken::digest(secret),
        _ => false,
    }
}

fn list(session: &Session, output: &mut Output) -> Result<Outcome, Stop> {
    let moment = session.moment()?;
    let now = moment.now();
    let mut table = Table::default();
    for token in moment.state.tokens() {
        if output.json() {
            output.value(token)?;
            continue;
        }
        let standing = match (token.revoked, token.expires) {
            (Some(seq), _) => format!("revoked by event {seq}"),
            (None, Some(expires)) if expires <= now => format!("expired {}", time(expires)),
            (None, Some(expires)) => format!("until {}", time(expires)),
            (None, None) => "until it is revoked".to_owned(),
        };
        let rights: Vec<String> = token.rights.iter().map(ToString::to_string).collect();
        let packages: Vec<&str> = token.packages.iter().map(String::as_str).collect();
        table.row([
            token.id.to_string(),
            token.holder.clone(),
            rights.join(","),
            packages.join(","),
            standing,
        ]);
    }
    output.table(&table)?;
    Ok(Outcome::Done)
}
