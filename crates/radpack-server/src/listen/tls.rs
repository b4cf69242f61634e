//! HTTPS: a certificate from files, which is read again when they change.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How often is looked whether the files have changed.
const LOOK: Duration = Duration::from_secs(1);

/// A certificate and its key, in files that may be replaced while they are used.
#[derive(Clone)]
pub struct Tls {
    files: Files,
    /// What the files had in them when they were read last.
    read: Read,
    current: Arc<Current>,
    acceptor: TlsAcceptor,
}

#[derive(Clone, Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

#[derive(Clone, PartialEq, Eq)]
struct Read {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// The key that is used now.
#[derive(Debug)]
struct Current(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{} holds no {what} in PEM", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// Why it does not.
        #[source]
        source: pem::Error,
    },
    /// They cannot be used together.
    #[error("the certificate in {} cannot be used with the key in {}", certificate.display(), key.display())]
    Unfit {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Tls")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads a certificate, with those that lead to its root behind it, and its key.
    ///
    /// # Errors
    ///
    /// If they cannot be read, or not be used.
    pub fn open(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Result<Tls, TlsError> {
        let files = Files {
            certificate: certificate.into(),
            key: key.into(),
        };
        let read = files.read()?;
        let current = Arc::new(Current(ArcSwap::from_pointee(files.understand(&read)?)));
        let unfit = |source| files.unfit(source);
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(unfit)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Tls {
            files,
            read,
            current,
            acceptor: TlsAcceptor::from(Arc::new(config)),
        })
    }

    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(stream).await
    }

    /// Reads the files again whenever they change, for ever. What cannot be used is told, and what was used before is used on.
    pub(super) async fn follow(&self, tell: impl Fn(&str)) -> Infallible {
        let mut seen = Ok(self.read.clone());
        loop {
            tokio::time::sleep(LOOK).await;
            let files = self.files.clone();
            let Ok(read) = tokio::task::spawn_blocking(move || files.read()).await else {
                continue;
            };
            let read = read.map_err(|error| words(&error));
            if read == seen {
                continue;
            }
            let understood = match &read {
                Ok(read) => self.files.understand(read).map_err(|error| words(&error)),
                Err(words) => Err(words.clone()),
            };
            match understood {
                Ok(key) => {
                    self.current.0.store(Arc::new(key));
                    tell("the certificate was read again");
                }
                Err(words) => tell(&format!(
                    "the certificate that was there before is used on: {words}"
                )),
            }
            seen = read;
        }
    }
}

/// An error with its causes.
fn words(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let words: Vec<String> = causes.map(ToString::to_string).collect();
    words.join(": ")
}

impl Files {
    fn read(&self) -> Result<Read, TlsError> {
        let read = |path: &Path| {
            fs::read(path).map_err(|source| TlsError::Read {
                path: path.to_owned(),
                source,
            })
        };
        Ok(Read {
            certificate: read(&self.certificate)?,
            key: read(&self.key)?,
        })
    }

    fn understand(&self, read: &Read) -> Result<CertifiedKey, TlsError> {
        let malformed = |path: &Path, what, source| TlsError::Pem {
            path: path.to_owned(),
            what,
            source,
        };
        let certificates: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(&read.certificate).collect();
        let certificates = match certificates {
            Ok(none) if none.is_empty() => Err(pem::Error::NoItemsFound),
            read => read,
        };
        let certificates =
            certificates.map_err(|source| malformed(&self.certificate, "certificate", source))?;
        let key = PrivateKeyDer::from_pem_slice(&read.key)
            .map_err(|source| malformed(&self.key, "private key", source))?;
        CertifiedKey::from_der(certificates, key, &default_provider())
            .map_err(|source| self.unfit(source))
    }

    fn unfit(&self, source: rustls::Error) -> TlsError {
        TlsError::Unfit {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            source,
        }
    }
}
