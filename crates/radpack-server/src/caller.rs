//! Who asks: the bearer of a token, or anybody; and from where.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use http::Extensions;
use http::header::{self, HeaderMap, HeaderName};
use radpack_registry::Moment;
use radpack_registry::state::token::Token;

use crate::problem::Problem;
use crate::service::Shared;

/// What proxies say about whom they pass on: each adds the address that it was reached from behind those that it was told.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Where nobody looks at a token.
const NOT_LOOKED_AT: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

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

/// The address that a request comes from, as far as that is known. Of what it says itself only that counts which the outermost of so many
/// trusted proxies has added: anybody may have written what stands before that.
pub(crate) fn address(
    headers: &HeaderMap,
    reached_from: Option<IpAddr>,
    trusted_proxies: usize,
) -> Option<IpAddr> {
    let Some(others) = trusted_proxies.checked_sub(1) else {
        return reached_from;
    };
    let lines: Vec<_> = headers.get_all(FORWARDED_FOR).iter().collect();
    // Each by itself: what a sender wrote into one must not change how the others are counted.
    let mut passed_on = lines
        .iter()
        .rev()
        .flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    passed_on
        .nth(others)
        .and_then(|text| read_address(std::str::from_utf8(text).ok()?))
        .or(reached_from)
}

/// The address at the other end of the connection.
pub(crate) fn reached_from(extensions: &Extensions) -> Option<IpAddr> {
    let reached_from = extensions.get::<ConnectInfo<SocketAddr>>();
    reached_from.map(|ConnectInfo(address)| address.ip())
}

/// An address as proxies write it, some with a port.
fn read_address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.trim_start_matches('[').trim_end_matches(']').parse();
    bare.ok()
        .or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()))
}

impl Shared {
    /// Counts a token that is worth nothing against the address that it comes from, and refuses it once there were too many. Below `/api`,
    /// where more is done for such a one, that is done with it.
    pub(crate) fn check_guess(
        &self,
        path: &str,
        headers: &HeaderMap,
        reached_from: Option<IpAddr>,
    ) -> Result<(), Problem> {
        if !headers.contains_key(header::AUTHORIZATION) {
            return Ok(());
        }
        if path.starts_with("/api/") || NOT_LOOKED_AT.contains(&path) {
            return Ok(());
        }
        // One that is not written as a token is no guess, and refused where it is read.
        let Ok(Some(secret)) = secret(headers) else {
            return Ok(());
        };
        let now = self.live.now();
        match now.moment.state.standing(secret, now.moment.now()) {
            Ok(_) => Ok(()),
            Err(_) => self.rates.of_address(self.address(headers, reached_from)),
        }
    }

    /// The address that a request comes from, reached over a connection from one that may be a proxy's.
    pub(crate) fn address(
        &self,
        headers: &HeaderMap,
        reached_from: Option<IpAddr>,
    ) -> Option<IpAddr> {
        address(headers, reached_from, self.settings.trusted_proxies)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_trusted_proxies_add_is_believed() {
        let reached_from = "10.0.0.9";
        for (lines, proxies, from) in [
            (&["1.1.1.1, 2.2.2.2, 3.3.3.3"][..], 0, reached_from),
            (&["1.1.1.1, 2.2.2.2, 3.3.3.3"], 1, "3.3.3.3"),
            (&["1.1.1.1, 2.2.2.2, 3.3.3.3"], 2, "2.2.2.2"),
            // As many lines as were sent are one list.
            (&["1.1.1.1, 2.2.2.2", "3.3.3.3"], 2, "2.2.2.2"),
            (&["1.1.1.1"], 2, reached_from),
            (&[], 1, reached_from),
            (&["1.1.1.1, unknown"], 1, reached_from),
            (&["1.1.1.1, "], 1, reached_from),
            (&["1.1.1.1", "\u{ff}, 2.2.2.2, 3.3.3.3"], 2, "2.2.2.2"),
            (&["2.2.2.2:4711"], 1, "2.2.2.2"),
            (&["[2001:db8::1]:4711"], 1, "2001:db8::1"),
            (&["[2001:db8::1]"], 1, "2001:db8::1"),
            (&["2001:db8::1"], 1, "2001:db8::1"),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(FORWARDED_FOR, line.as_bytes().try_into().unwrap());
            }
            let found = address(&headers, Some(reached_from.parse().unwrap()), proxies);
            assert_eq!(
                found,
                Some(from.parse().unwrap()),
                "{lines:?} behind {proxies}"
            );
        }
    }
}
