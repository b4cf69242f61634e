//! Who asks: the bearer of a token, or anybody.

use http::header::{self, HeaderMap};
use radpack_registry::Moment;
use radpack_registry::state::token::Token;

use crate::problem::Problem;

/// The secret that a request carries.
pub(crate) fn secret(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return Ok(None);
    };
    let bearer = value.to_str().ok().and_then(|value| {
        let (scheme, secret) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
    });
    match bearer {
        Some(secret) if !secret.is_empty() => Ok(Some(secret)),
        _ => Err(Problem::denied(
            "the Authorization header carries no token: write it as `Bearer radpack_…`",
            false,
        )),
    }
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) enum Reader {
    /// Anybody: who gets what was released.
    Anybody,
    /// The holder of a token.
    Holder(Box<Token>),
}

impl Reader {
    /// Who sends these headers, as things stand at a moment. A token that is worth nothing is no way to be anybody.
    pub(crate) fn of(headers: &HeaderMap, moment: &Moment) -> Result<Reader, Problem> {
        match secret(headers)? {
            None => Ok(Reader::Anybody),
            Some(secret) => match moment.state.standing(secret, moment.now()) {
                Ok(token) => Ok(Reader::Holder(Box::new(token.clone()))),
                Err(refusal) => Err(Problem::denied(refusal.to_string(), false)),
            },
        }
    }

    pub(crate) fn is_anybody(&self) -> bool {
        matches!(self, Reader::Anybody)
    }

    /// Whether they see what is not released of a package.
    pub(crate) fn sees(&self, package: &str) -> bool {
        match self {
            Reader::Anybody => false,
            Reader::Holder(token) => token.sees(package),
        }
    }

    /// Whether they see everything.
    pub(crate) fn sees_all(&self) -> bool {
        match self {
            Reader::Anybody => false,
            Reader::Holder(token) => token.sees_all(),
        }
    }
}
