//! What is being published now: the same command, sent again because its answer was lost, waits for the first.
//!
//! Only this service knows, and only while it works on it. What was done before, or elsewhere, the history tells.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use radpack_registry::state::token::Token;
use radpack_registry::{Hash, Uuid};
use tokio::sync::watch;

use super::asking::Writer;
use crate::problem::Problem;

type Outcome<T> = Option<Result<T, Problem>>;

/// A command, its sender, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    sender: Hash,
    command: Uuid,
    what: String,
}

impl Key {
    pub(super) fn of(writer: &Writer, what: &str) -> Key {
        Key {
            sender: Token::digest(writer.caller.token.as_deref().unwrap_or_default()),
            command: writer.command.id,
            what: what.to_owned(),
        }
    }
}

/// Commands that are being carried out, each with whoever waits for what comes of it.
#[derive(Debug)]
pub(crate) struct UnderWay<T>(Arc<Mutex<HashMap<Key, watch::Receiver<Outcome<T>>>>>);

impl<T> Default for UnderWay<T> {
    fn default() -> UnderWay<T> {
        UnderWay(Arc::default())
    }
}

/// Whether a command is the first of its kind.
pub(super) enum Place<T> {
    First(First<T>),
    Again(Again<T>),
}

/// The one that is carried out. Whatever becomes of it, it is under way no more once this is gone.
pub(super) struct First<T> {
    under_way: UnderWay<T>,
    key: Key,
    told: watch::Sender<Outcome<T>>,
}

/// One that waits.
pub(super) struct Again<T>(watch::Receiver<Outcome<T>>);

impl<T: Clone> UnderWay<T> {
    fn all(&self) -> MutexGuard<'_, HashMap<Key, watch::Receiver<Outcome<T>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one that is being carried out, if it is.
    pub(super) fn again(&self, key: &Key) -> Option<Again<T>> {
        self.all().get(key).cloned().map(Again)
    }

    /// Begins, unless it was begun.
    pub(super) fn begin(&self, key: Key) -> Place<T> {
        let mut all = self.all();
        if let Some(first) = all.get(&key) {
            return Place::Again(Again(first.clone()));
        }
        let (told, hears) = watch::channel(None);
        all.insert(key.clone(), hears);
        Place::First(First {
            under_way: UnderWay(Arc::clone(&self.0)),
            key,
            told,
        })
    }
}

impl<T: Clone> First<T> {
    /// Tells those who wait what came of it.
    pub(super) fn end(self, outcome: Result<T, Problem>) -> Result<T, Problem> {
        self.told.send_replace(Some(outcome.clone()));
        outcome
    }
}

impl<T> Drop for First<T> {
    fn drop(&mut self) {
        let mut all = self.under_way.0.lock();
        if let Ok(all) = &mut all {
            all.remove(&self.key);
        }
    }
}

impl<T: Clone> Again<T> {
    /// What came of the first.
    pub(super) async fn outcome(mut self) -> Result<T, Problem> {
        let told = self.0.wait_for(Option::is_some).await;
        // It broke off, and its own sender is told so.
        let outcome = told.ok().and_then(|outcome| outcome.clone());
        outcome.unwrap_or_else(|| Err(Problem::broken()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(command: u128) -> Key {
        Key {
            sender: Hash::of(b"somebody"),
            command: Uuid::from_u128(command),
            what: "publish".to_owned(),
        }
    }

    #[tokio::test]
    async fn whoever_comes_second_gets_what_the_first_gets() {
        let under_way: UnderWay<u32> = UnderWay::default();
        let Place::First(first) = under_way.begin(key(1)) else {
            panic!("nothing was begun");
        };
        let Place::Again(again) = under_way.begin(key(1)) else {
            panic!("it is carried out twice");
        };
        let third = under_way.again(&key(1)).unwrap();
        assert!(matches!(under_way.begin(key(2)), Place::First(_)));
        let (ended, again, third) =
            tokio::join!(async { first.end(Ok(7)) }, again.outcome(), third.outcome());
        for outcome in [ended, again, third] {
            assert_eq!(outcome.unwrap(), 7);
        }
        // What comes later asks the history.
        assert!(under_way.again(&key(1)).is_none());
        assert!(matches!(under_way.begin(key(1)), Place::First(_)));
    }

    #[tokio::test]
    async fn one_that_breaks_off_leaves_nobody_waiting() {
        let under_way: UnderWay<u32> = UnderWay::default();
        let first = under_way.begin(key(1));
        let again = under_way.again(&key(1)).unwrap();
        drop(first);
        assert_eq!(again.outcome().await.unwrap_err().kind, "broken");
        assert!(under_way.again(&key(1)).is_none());
    }
}
