//! What a store elsewhere says when it cannot be used: at once, and with the cause.

use std::error::Error;
use std::net::TcpListener;

use radpack_registry::{History, HistoryError, Store, StoreError, StoreErrorKind};

use crate::places;

/// An error and its causes, in words.
fn words(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&error| error.source());
    causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}

/// What the store says when a registry is opened, and when one is begun.
async fn refusals(store: Store) -> [StoreError; 2] {
    let opened = History::open(store.clone()).await.map(|_| ());
    let begun = History::init(store).await.map(|_| ());
    [opened, begun].map(|done| match done.unwrap_err() {
        HistoryError::Store(error) => error,
        error => panic!("{}", words(&error)),
    })
}

#[tokio::test]
async fn a_store_that_ignores_conditions_is_unfit() {
    let Some(place) = places::careless_s3() else {
        return;
    };
    let store = place.open(&place.fresh());
    let error = History::init(store.clone()).await.unwrap_err();
    assert!(
        matches!(error, HistoryError::Unfit { .. }),
        "{}",
        words(&error)
    );
    let opened = History::open(store).await;
    assert!(matches!(opened, Err(HistoryError::Missing { .. })));
}

#[tokio::test]
async fn a_bucket_that_is_not_there() {
    for (place, code) in [
        (
            places::s3(),
            "NoSuchBucket: The specified bucket does not exist",
        ),
        (
            places::azure(),
            "ContainerNotFound: The specified container does not exist.",
        ),
        (
            places::gcs(),
            "NoSuchBucket: The specified bucket does not exist",
        ),
    ] {
        let Some(place) = place else { continue };
        let place = place.of_bucket("nowhere");
        for error in refusals(place.open(&place.fresh())).await {
            assert_eq!(error.kind(), StoreErrorKind::Address, "{}", words(&error));
            let expected = format!("{error}: the answer is {code}");
            assert_eq!(words(&error), expected);
        }
    }
}

#[tokio::test]
async fn credentials_that_are_wrong() {
    for (place, variable) in [
        (places::azure(), "AZURE_STORAGE_KEY"),
        // The server of S3 that is started here takes any.
        (places::named(), "AWS_SECRET_ACCESS_KEY"),
    ] {
        let Some(place) = place else { continue };
        let place = place.with(variable, "d3Jvbmc=");
        for error in refusals(place.open(&place.fresh())).await {
            assert_eq!(error.kind(), StoreErrorKind::Denied, "{}", words(&error));
        }
    }
}

/// An address at which nobody listens.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn s3(variables: &[(&str, &str)]) -> Store {
    let variables = variables
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()));
    Store::open_with("s3://bucket/prefix", variables).unwrap()
}

#[tokio::test]
async fn a_server_that_cannot_be_reached() {
    let address = nowhere();
    let store = s3(&[
        ("AWS_ACCESS_KEY_ID", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("AWS_ENDPOINT_URL", &address),
        ("AWS_ALLOW_HTTP", "true"),
    ]);
    for error in refusals(store).await {
        assert_eq!(error.kind(), StoreErrorKind::Unclear);
        assert_eq!(error.to_string(), "read format.json in s3://bucket/prefix");
        assert!(words(&error).contains(&address), "{}", words(&error));
        let last = std::iter::successors(error.source(), |&error| error.source()).last();
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused).to_string();
        let last = last.unwrap().to_string().to_lowercase();
        assert!(last.contains(&refused), "{last}");
    }
}

#[test]
fn addresses_hold_no_credentials() {
    for address in [
        "s3://me:hidden@bucket/prefix",
        "gs://hidden@bucket",
        "https://hidden@bucket.s3.amazonaws.com",
        "abfs://container:hidden@account.dfs.core.windows.net/prefix",
    ] {
        let error = Store::open_with(address, []).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Address);
        assert!(words(&error).contains("environment"), "{}", words(&error));
        assert!(!words(&error).contains("hidden"), "{}", words(&error));
    }
    // That is a container.
    let account = [("AZURE_STORAGE_KEY".to_owned(), "eA==".to_owned())];
    let azure = "abfs://container@account.dfs.core.windows.net/prefix";
    assert!(Store::open_with(azure, account).is_ok());
}

#[tokio::test]
async fn credentials_that_are_nowhere() {
    let address = nowhere();
    for error in refusals(s3(&[("AWS_METADATA_ENDPOINT", &address)])).await {
        let expected = format!(
            "{error}: no credentials are given, and this machine has none: Generic S3 error: Error performing PUT {address}/"
        );
        assert!(words(&error).starts_with(&expected), "{}", words(&error));
    }
}

#[tokio::test]
async fn http_without_leave() {
    let address = nowhere();
    let store = s3(&[
        ("AWS_ACCESS_KEY_ID", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("AWS_ENDPOINT_URL", &address),
    ]);
    for error in refusals(store).await {
        assert!(
            words(&error).contains("URL scheme is not allowed"),
            "{}",
            words(&error)
        );
    }
}
