//! Whether a store keeps its word: of several writes of one name that must not exist, exactly one may win.
//!
//! Some stores that speak the S3 protocol accept the condition and ignore it. A registry on one would lose commits, so it is not
//! made there.

use bytes::Bytes;
use futures_util::future::join_all;
use uuid::Uuid;

use crate::store::{Put, Store, StoreError, StoreErrorKind};

/// How many write at once.
const WRITERS: usize = 16;

/// How many names they write.
const ROUNDS: usize = 8;

/// What a store that does not keep its word has done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// More than one write of a name won.
    #[error(
        "{winners} of {WRITERS} concurrent writes of one new object were accepted, where one must be"
    )]
    Winners { winners: usize },
    /// One won, and its bytes are not there.
    #[error("an object that was written is not there, or is another")]
    Lost,
}

/// Races writers of the same names. What they write is deleted again, as far as that is possible.
pub(crate) async fn probe(store: &Store) -> Result<Result<(), Broken>, StoreError> {
    let folder = format!("probes/{}", Uuid::now_v7());
    let mut verdict = Ok(());
    for round in 0..ROUNDS {
        let name = format!("{folder}/{round}");
        let raced = race(store, &name).await;
        let cleared = store.delete(&name).await;
        verdict = raced?;
        cleared?;
        if verdict.is_err() {
            break;
        }
    }
    Ok(verdict)
}

async fn race(store: &Store, name: &str) -> Result<Result<(), Broken>, StoreError> {
    let writes = (0..WRITERS).map(|writer| async move {
        let contents = Bytes::from(format!("{name} {writer}"));
        let put = store.put_new(name, contents.clone()).await;
        (contents, put)
    });
    let mut winners = Vec::new();
    let mut unclear = None;
    for (contents, put) in join_all(writes).await {
        match put {
            Ok(Put::Written) => winners.push(contents),
            Ok(Put::Taken) => {}
            // It may be this one that won.
            Err(error) if error.kind() == StoreErrorKind::Unclear => unclear = Some(error),
            Err(error) => return Err(error),
        }
    }
    let there = store.get(name).await?;
    if let (None, [], Some(error)) = (&there, winners.as_slice(), unclear) {
        return Err(error);
    }
    Ok(match winners.as_slice() {
        // The winner's answer was lost; or its request was sent again by the client, and found what the first had written.
        [] if there.is_some() => Ok(()),
        [winner] if there.as_ref() == Some(winner) => Ok(()),
        [_] | [] => Err(Broken::Lost),
        winners => Err(Broken::Winners {
            winners: winners.len(),
        }),
    })
}
