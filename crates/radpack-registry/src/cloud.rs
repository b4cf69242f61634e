//! The stores of cloud providers, and those that speak as they do: how they are reached, and what their errors mean.

use std::error::Error as _;
use std::iter::successors;

use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreScheme};
use url::Url;

use crate::store::StoreErrorKind;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// By their providers' documentation, what is wrong with the address.
const ADDRESS: [&str; 6] = [
    "NoSuchBucket",
    "InvalidBucketName",
    // Another region is the right one.
    "AuthorizationHeaderMalformed",
    "PermanentRedirect",
    "ContainerNotFound",
    "InvalidResourceName",
];

/// And with the credentials, where the status of the answer does not say so.
const DENIED: [&str; 3] = ["ExpiredToken", "InvalidToken", "TokenRefreshRequired"];

/// Where the client looks for credentials if it was given none: on the machine that it runs on.
const MACHINE: [&str; 3] = [
    "/latest/api/token",
    "/computeMetadata/",
    "/metadata/identity",
];

/// An error of the client in few words. Each of its own has those of all its causes, and answers as they came.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Told {
    message: String,
    #[source]
    source: Option<Cause>,
}

/// What a provider's error says that its status leaves open: that there is no such object, or no bucket to look in.
pub(crate) fn kind(error: &Error) -> Option<StoreErrorKind> {
    let text = error.to_string();
    let code = element(&text, "Code")?;
    if ADDRESS.contains(&code) {
        Some(StoreErrorKind::Address)
    } else if DENIED.contains(&code) {
        Some(StoreErrorKind::Denied)
    } else {
        None
    }
}

/// What an error comes to: the provider's words, or what happened and why.
pub(crate) fn cause(error: &Error) -> Cause {
    let text = error.to_string();
    let first_line = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    if let Some(code) = element(&text, "Code") {
        let message = first_line(element(&text, "Message").unwrap_or_default());
        return match message.as_str() {
            "" => format!("the answer is {code}").into(),
            message => format!("the answer is {code}: {message}").into(),
        };
    }
    let mut message = first_line(&text);
    if MACHINE.iter().any(|path| text.contains(path)) {
        message = format!("no credentials are given, and this machine has none: {message}");
    }
    let causes = successors(error.source(), |&error| error.source());
    let source = causes.last().map(|first| first.to_string().into());
    Told { message, source }.into()
}

/// What the first element of a name holds, in an answer that is XML.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, from) = text.split_once(&format!("<{name}>"))?;
    Some(from.split_once(&format!("</{name}>"))?.0)
}

/// The store that a URL names, by the variables of its provider; and the place in it.
pub(crate) fn open(
    url: &Url,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<(Box<dyn ObjectStore>, Path), Cause> {
    let (scheme, prefix) = ObjectStoreScheme::parse(url)?;
    let objects = match scheme {
        ObjectStoreScheme::AmazonS3 => s3(url, variables),
        ObjectStoreScheme::GoogleCloudStorage => gcs(url, variables),
        ObjectStoreScheme::MicrosoftAzure => azure(url, variables),
        _ => Err("stores are folders, memory://, s3://, gs:// and az://".into()),
    }?;
    Ok((objects, prefix))
}

#[cfg(any(feature = "aws", feature = "azure", feature = "gcp"))]
mod client {
    use std::time::Duration;

    use object_store::{BackoffConfig, RetryConfig};

    /// What holds unless a variable says otherwise. How long an answer may take depends on what it carries, so the store sees to it.
    const DEFAULTS: [(&str, &str); 1] = [("timeout", "1h")];

    /// Variables that a provider's own tools know by another name than the client's.
    const ALSO: [(&str, &str); 2] = [
        ("azure_storage_account", "azure_storage_account_name"),
        ("azure_storage_key", "azure_storage_account_key"),
    ];

    /// How often the client itself sends a request again: often enough for what passes by itself, and not for minutes, as it would
    /// if nobody said.
    pub(super) fn retries() -> RetryConfig {
        RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(100),
                max_backoff: Duration::from_secs(2),
                base: 2.0,
            },
            max_retries: 6,
            retry_timeout: Duration::from_secs(8),
        }
    }

    /// The variables of a provider, as the names of settings.
    pub(super) fn settings(
        prefix: &str,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> impl Iterator<Item = (String, String)> {
        let defaults = DEFAULTS.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let given = variables
            .into_iter()
            .filter(move |(name, _)| name.starts_with(prefix))
            .map(|(name, value)| {
                let name = name.to_ascii_lowercase();
                let also = ALSO.iter().find(|(known, _)| *known == name);
                (also.map_or(name, |(_, name)| (*name).to_owned()), value)
            });
        defaults.into_iter().chain(given)
    }

    /// Builds a store. A macro, for the builders have no trait in common.
    macro_rules! build {
        ($builder:ty, $prefix:literal, $url:expr, $variables:expr) => {{
            // Where the program has chosen one already, that one stays.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let settings = crate::cloud::client::settings($prefix, $variables);
            let builder = <$builder>::new().with_retry(crate::cloud::client::retries());
            let builder = settings.fold(builder, |builder, (name, value)| match name.parse() {
                Ok(key) => builder.with_config(key, value),
                // Of the provider's variables, not all are for stores.
                Err(_) => builder,
            });
            Ok(Box::new(builder.with_url($url.as_str()).build()?))
        }};
    }
    pub(super) use build;
}

/// A provider's store; or why there is none in this build.
macro_rules! provider {
    ($name:ident, $feature:literal, $prefix:literal, $builder:path) => {
        #[cfg(feature = $feature)]
        fn $name(
            url: &Url,
            variables: impl IntoIterator<Item = (String, String)>,
        ) -> Result<Box<dyn ObjectStore>, Cause> {
            client::build!($builder, $prefix, url, variables)
        }

        #[cfg(not(feature = $feature))]
        fn $name(
            url: &Url,
            _: impl IntoIterator<Item = (String, String)>,
        ) -> Result<Box<dyn ObjectStore>, Cause> {
            let scheme = url.scheme();
            let feature = $feature;
            Err(format!(
                "this build knows no {scheme}:// stores: build radpack-registry with its feature `{feature}`"
            )
            .into())
        }
    };
}

provider!(s3, "aws", "AWS_", object_store::aws::AmazonS3Builder);
provider!(
    azure,
    "azure",
    "AZURE_",
    object_store::azure::MicrosoftAzureBuilder
);
provider!(
    gcs,
    "gcp",
    "GOOGLE_",
    object_store::gcp::GoogleCloudStorageBuilder
);
