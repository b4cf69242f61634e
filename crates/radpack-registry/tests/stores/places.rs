//! Where the stores are: servers, started when first asked for, that end with this process.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use radpack_registry::Store;
use radpack_testkit::{
    FetchError, cache_folder, npm_packages_in, pip_packages_in, workspace_folder,
};
use tempfile::TempDir;
use uuid::Uuid;

/// A bucket, or container, on each server.
const BUCKET: &str = "radpack";

/// Another one, on a server that loses answers.
const LOSING: &str = "losing";

const ACCOUNT: &str = "account";

/// Base64, as Azure's keys are.
const KEY: &str = "c2VjcmV0";

/// A place for stores of one kind.
#[derive(Debug)]
pub(crate) struct Place {
    url: String,
    /// What would be in the environment.
    pub(crate) variables: Vec<(String, String)>,
    /// Reads until this process ends, and then ends itself.
    _server: Option<Child>,
    _folder: Option<TempDir>,
}

impl Place {
    /// The address of a place in it that nobody else uses.
    pub(crate) fn fresh(&self) -> String {
        format!("{}/{}", self.url, Uuid::now_v7())
    }

    /// The store at an address.
    pub(crate) fn open(&self, address: &str) -> Store {
        Store::open_with(address, self.variables.iter().cloned()).unwrap()
    }

    /// The same with a variable that says something else.
    pub(crate) fn with(&self, name: &str, value: &str) -> Place {
        let mut variables = self.variables.clone();
        variables.retain(|(given, _)| given != name);
        variables.push((name.to_owned(), value.to_owned()));
        Place {
            url: self.url.clone(),
            variables,
            _server: None,
            _folder: None,
        }
    }

    /// The same with another bucket.
    pub(crate) fn of_bucket(&self, bucket: &str) -> Place {
        let (scheme, _) = self.url.split_once("://").unwrap();
        Place {
            url: format!("{scheme}://{bucket}"),
            ..self.with("", "")
        }
    }
}

/// A folder of this machine.
pub(crate) fn folder() -> Place {
    let folder = tempfile::tempdir().unwrap();
    Place {
        url: folder.path().to_str().unwrap().to_owned(),
        variables: Vec::new(),
        _server: None,
        _folder: Some(folder),
    }
}

/// S3.
pub(crate) fn s3() -> Option<&'static Place> {
    static PLACE: LazyLock<Option<Place>> = LazyLock::new(|| {
        let fixture = workspace_folder().join("fixtures/pip-stores");
        let packages = there("S3", pip_packages_in(&fixture, &cache_folder()))?;
        let mut server = packages.python();
        server.arg(script("s3.py")).args([BUCKET, LOSING]);
        Some(s3_at(server, None))
    });
    PLACE.as_ref()
}

/// Google Cloud Storage: the server of S3 knows the few words that are others there.
pub(crate) fn gcs() -> Option<&'static Place> {
    static PLACE: LazyLock<Option<Place>> = LazyLock::new(|| {
        let place = s3()?;
        let endpoint = |(name, _): &&(String, String)| name == "AWS_ENDPOINT_URL";
        let (_, address) = place.variables.iter().find(endpoint)?;
        Some(Place {
            url: format!("gs://{BUCKET}"),
            variables: variables([
                ("GOOGLE_BASE_URL", address),
                ("GOOGLE_ALLOW_HTTP", "true"),
                ("GOOGLE_BEARER_TOKEN", "any"),
            ]),
            _server: None,
            _folder: None,
        })
    });
    PLACE.as_ref()
}

/// S3 that loses answers.
pub(crate) fn losing_s3() -> Option<&'static Place> {
    static PLACE: LazyLock<Option<Place>> =
        LazyLock::new(|| s3().map(|place| place.of_bucket(LOSING)));
    PLACE.as_ref()
}

/// S3 that ignores conditions.
pub(crate) fn careless_s3() -> Option<Place> {
    let folder = tempfile::tempdir().unwrap();
    let mut server = node("S3 that ignores conditions", "s3rver.cjs")?;
    server.arg(folder.path()).arg(BUCKET);
    Some(s3_at(server, Some(folder)))
}

/// Azure Blob Storage.
pub(crate) fn azure() -> Option<&'static Place> {
    static PLACE: LazyLock<Option<Place>> = LazyLock::new(|| {
        let mut server = node("Azure Blob Storage", "azurite.cjs")?;
        server.args([BUCKET, ACCOUNT, KEY]);
        let (server, address) = start(server);
        Some(Place {
            url: format!("az://{BUCKET}"),
            variables: variables([
                ("AZURE_STORAGE_ACCOUNT", ACCOUNT),
                ("AZURE_STORAGE_KEY", KEY),
                ("AZURE_STORAGE_ENDPOINT", &format!("{address}/{ACCOUNT}")),
                ("AZURE_ALLOW_HTTP", "true"),
            ]),
            _server: Some(server),
            _folder: None,
        })
    });
    PLACE.as_ref()
}

/// The store that whoever runs this names.
pub(crate) fn named() -> Option<&'static Place> {
    static PLACE: LazyLock<Option<Place>> = LazyLock::new(|| {
        let Ok(url) = std::env::var("RADPACK_STORE") else {
            eprintln!("LEFT OUT: no store is named by RADPACK_STORE");
            return None;
        };
        Some(Place {
            url,
            variables: std::env::vars().collect(),
            _server: None,
            _folder: None,
        })
    });
    PLACE.as_ref()
}

fn variables<const COUNT: usize>(given: [(&str, &str); COUNT]) -> Vec<(String, String)> {
    given
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

fn s3_at(server: Command, folder: Option<TempDir>) -> Place {
    let (server, address) = start(server);
    Place {
        url: format!("s3://{BUCKET}"),
        variables: variables([
            // Those that one of the servers knows.
            ("AWS_ACCESS_KEY_ID", "S3RVER"),
            ("AWS_SECRET_ACCESS_KEY", "S3RVER"),
            ("AWS_ENDPOINT_URL", &address),
            ("AWS_ALLOW_HTTP", "true"),
        ]),
        _server: Some(server),
        _folder: folder,
    }
}

fn script(name: &str) -> PathBuf {
    workspace_folder()
        .join("crates/radpack-registry/tests/stores/servers")
        .join(name)
}

/// Node, to run a script with what is installed for it.
fn node(what: &str, name: &str) -> Option<Command> {
    let fixture = workspace_folder().join("fixtures/npm-stores");
    let packages = there(what, npm_packages_in(&fixture, &cache_folder()))?;
    let mut node = Command::new("node");
    node.arg(script(name)).arg(packages.named(""));
    Some(node)
}

/// What was fetched; nothing where this machine lacks the programs for it and may.
fn there<T>(what: &str, fetched: Result<T, FetchError>) -> Option<T> {
    let required = std::env::var_os("RADPACK_STORES").is_some_and(|value| value == "required");
    match fetched {
        Ok(fetched) => Some(fetched),
        Err(error) if error.is_missing_program() && !required => {
            eprintln!("LEFT OUT: {what}: {error}");
            None
        }
        Err(error) => panic!("{what}: {error}"),
    }
}

/// Starts a server; gives where it says that it is.
fn start(mut server: Command) -> (Child, String) {
    let mut server = server
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(server.stdout.take().unwrap()).lines();
    let address = said
        .map_while(Result::ok)
        .find_map(|line| Some(line.strip_prefix("at ")?.to_owned()))
        .expect("the server says where it is");
    (server, address)
}
