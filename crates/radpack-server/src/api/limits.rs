//! How much is too much of one caller.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};
use http::StatusCode;
use http::header::{self, HeaderValue};
use tokio::sync::{Semaphore, SemaphorePermit};
use uuid::Uuid;

use crate::problem::Problem;

/// After how many requests those are forgotten who have been quiet.
const FORGET: u32 = 4_096;

/// How many read the history at once; others wait.
const HISTORIES: usize = 4;

/// How much of `/api` one caller may use, and how large what they send may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests a second of one token, and those that it made, over time. By default 50.
    pub token_rate: NonZeroU32,
    /// Requests of one token at once. By default 500.
    pub token_burst: NonZeroU32,
    /// Requests a second that read, of one token that sees everything, over time: whoever reads the history reads it one object at a time.
    /// By default 1,000.
    pub reader_rate: NonZeroU32,
    /// Those at once. By default 10,000.
    pub reader_burst: NonZeroU32,
    /// Requests a second of one address whose token is worth nothing, or that has none. By default 10.
    pub address_rate: NonZeroU32,
    /// Those at once. By default 100.
    pub address_burst: NonZeroU32,
    /// How large a command may be (bytes). By default 1 MiB.
    pub command_bytes: usize,
    /// How large an upload may be as it is sent (bytes). By default 256 MiB.
    pub upload_bytes: u64,
    /// How large what was uploaded may be once it is unpacked (bytes). By default 1 GiB.
    pub unpacked_bytes: u64,
    /// How many files and folders an upload may have. By default 20,000.
    pub upload_files: usize,
    /// How many packages may be in one upload. By default 100.
    pub upload_packages: usize,
    /// How many uploads are worked on at once; others wait. By default eight.
    pub uploads_at_once: usize,
    /// How many uploads of one token, and those that it made, there may be at once. By default four.
    pub uploads_of_one: usize,
    /// How many drafts there may be of the packages that a token is for, and the one that it comes from. By default 1,000.
    pub drafts: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        let number = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Limits {
            token_rate: number(50),
            token_burst: number(500),
            reader_rate: number(1_000),
            reader_burst: number(10_000),
            address_rate: number(10),
            address_burst: number(100),
            command_bytes: 1 << 20,
            upload_bytes: 256 << 20,
            unpacked_bytes: 1 << 30,
            upload_files: 20_000,
            upload_packages: 100,
            uploads_at_once: 8,
            uploads_of_one: 4,
            drafts: 1_000,
        }
    }
}

/// What callers have used of their limits.
#[derive(Debug)]
pub(crate) struct Rates {
    tokens: DefaultKeyedRateLimiter<Uuid>,
    readers: DefaultKeyedRateLimiter<Uuid>,
    addresses: DefaultKeyedRateLimiter<Option<IpAddr>>,
    asked: AtomicU32,
    histories: Semaphore,
}

impl Rates {
    pub(crate) fn new(limits: &Limits) -> Rates {
        let quota = |rate, burst| Quota::per_second(rate).allow_burst(burst);
        Rates {
            tokens: DefaultKeyedRateLimiter::keyed(quota(limits.token_rate, limits.token_burst)),
            readers: DefaultKeyedRateLimiter::keyed(quota(limits.reader_rate, limits.reader_burst)),
            addresses: DefaultKeyedRateLimiter::keyed(quota(
                limits.address_rate,
                limits.address_burst,
            )),
            asked: AtomicU32::new(0),
            histories: Semaphore::new(HISTORIES),
        }
    }

    /// A request with a token of an account.
    pub(crate) fn of_token(&self, token: Uuid) -> Result<(), Problem> {
        self.check(&self.tokens, token)
    }

    /// A request that reads, with a token that sees everything.
    pub(crate) fn of_reader(&self, token: Uuid) -> Result<(), Problem> {
        self.check(&self.readers, token)
    }

    fn check(&self, used: &DefaultKeyedRateLimiter<Uuid>, token: Uuid) -> Result<(), Problem> {
        self.forget();
        used.check_key(&token).map_err(|until| {
            too_many(
                "this token, and those that it comes from or made",
                until.wait_time_from(DefaultClock::default().now()),
            )
        })
    }

    /// A request from an address, as far as that is known.
    pub(crate) fn of_address(&self, address: Option<IpAddr>) -> Result<(), Problem> {
        self.forget();
        self.addresses
            .check_key(&address.map(network))
            .map_err(|until| {
                too_many(
                    "this address",
                    until.wait_time_from(DefaultClock::default().now()),
                )
            })
    }

    /// A turn to read the history.
    pub(crate) async fn history(&self) -> Result<SemaphorePermit<'_>, Problem> {
        let turn = self.histories.acquire().await;
        turn.map_err(|_| Problem::broken())
    }

    fn forget(&self) {
        if self
            .asked
            .fetch_add(1, Ordering::Relaxed)
            .is_multiple_of(FORGET)
        {
            self.tokens.retain_recent();
            self.readers.retain_recent();
            self.addresses.retain_recent();
        }
    }
}

/// Whoever has one address of version 6 has as many as they like of its network.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => IpAddr::V4(address),
            None => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        },
    }
}

fn too_many(whose: &str, wait: std::time::Duration) -> Problem {
    let seconds = wait.as_secs() + 1;
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too-many",
        format!("there are too many requests of {whose}: come again in {seconds} s"),
    )
    .with(header::RETRY_AFTER, HeaderValue::from(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_version_6_are_one() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(
            network(address("2001:db8:1:2::3")),
            network(address("2001:db8:1:2:ffff::9"))
        );
        assert_ne!(
            network(address("2001:db8:1:2::3")),
            network(address("2001:db8:1:3::3"))
        );
        assert_eq!(network(address("::ffff:10.0.0.1")), address("10.0.0.1"));
    }

    #[test]
    fn who_asks_too_often_waits_and_others_do_not() {
        let one = NonZeroU32::MIN;
        let rates = Rates::new(&Limits {
            token_rate: one,
            token_burst: one,
            address_rate: one,
            address_burst: one,
            ..Limits::default()
        });
        assert!(rates.of_token(Uuid::nil()).is_ok());
        let problem = rates.of_token(Uuid::nil()).unwrap_err();
        assert_eq!(problem.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(problem.headers.contains_key(header::RETRY_AFTER));
        assert!(rates.of_token(Uuid::max()).is_ok());
        assert!(rates.of_address(None).is_ok());
        assert!(rates.of_address(None).is_err());
        assert!(rates.of_address(Some([10, 0, 0, 1].into())).is_ok());
    }
}
