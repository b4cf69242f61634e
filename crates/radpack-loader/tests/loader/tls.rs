//! HTTP/2 over TLS, against a proper server: whom the loader trusts, and how many connections it takes.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use radpack_loader::{FetchOptions, LoadErrorKind, Radpack, Source};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::{builder, integrity, quick};

const MODULES: usize = 40;

fn code(module: usize) -> String {
    format!("export const module = {module};")
}

/// A register of one package, `app`, with `MODULES` entries; the first needs all others.
fn register(base_url: &str) -> String {
    let entries = (0..MODULES).map(|module| {
        let name = if module == 0 {
            "index".to_owned()
        } else {
            format!("c/{module}")
        };
        let needs: Vec<usize> = if module == 0 {
            (1..MODULES).collect()
        } else {
            Vec::new()
        };
        let integrity = integrity(code(module).as_bytes());
        json!([name, [{"v": [0], "f": format!("{module}.js"), "s": needs, "i": integrity}]])
    });
    let entries: Vec<_> = entries.collect();
    let register =
        json!({"vars": {"baseUrl": base_url}, "exports": {"app": {"v": [[1]], "d": entries}}});
    register.to_string()
}

/// A server with a certificate of an authority that nobody else knows.
struct SecureServer {
    url: String,
    /// That of the authority, as PEM.
    authority: String,
    connections: Arc<AtomicUsize>,
    versions: Arc<Mutex<Vec<Version>>>,
    task: AbortHandle,
}

impl SecureServer {
    /// Modules are answered once so many requests for them are under way.
    async fn start(together: usize) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let versions: Arc<Mutex<Vec<Version>>> = Arc::default();
        let (count, seen, register) = (
            Arc::clone(&connections),
            Arc::clone(&versions),
            register(&url),
        );
        let under_way = watch::Sender::new(0);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (acceptor, seen, register, under_way) = (
                    acceptor.clone(),
                    Arc::clone(&seen),
                    register.clone(),
                    under_way.clone(),
                );
                tokio::spawn(async move {
                    // Who does not trust the certificate goes away here.
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let answer = service_fn(|request: Request<Incoming>| {
                        seen.lock().unwrap().push(request.version());
                        let (register, under_way) = (register.clone(), under_way.clone());
                        async move {
                            let path = request.uri().path();
                            let module = path.trim_start_matches('/').trim_end_matches(".js");
                            let Ok(module) = module.parse() else {
                                return Ok::<_, Infallible>(Response::new(register));
                            };
                            under_way.send_modify(|count| *count += 1);
                            let mut enough = under_way.subscribe();
                            let _ = enough.wait_for(|count| *count >= together).await;
                            Ok(Response::new(code(module)))
                        }
                    });
                    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        });
        SecureServer {
            url,
            authority,
            connections,
            versions,
            task: task.abort_handle(),
        }
    }

    async fn radpack(&self, source: impl Into<Source>) -> Radpack {
        let options = FetchOptions {
            root_certificates: vec![self.authority.clone()],
            ..quick()
        };
        let builder = builder().fetch(options).register(source);
        builder.build().await.unwrap()
    }
}

impl Drop for SecureServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test]
async fn a_closure_comes_over_one_connection_all_at_once() {
    // The server answers none before all have asked: one after the other, none would come.
    let server = SecureServer::start(MODULES).await;
    let radpack = server.radpack(format!("{}/radpack.json", server.url)).await;
    let loaded = radpack.load("app").await.unwrap();
    assert_eq!(loaded.modules().len(), MODULES);
    assert_eq!(loaded.bytes(), code(0).as_bytes());
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
    let versions = server.versions.lock().unwrap();
    assert_eq!(*versions, [Version::HTTP_2; MODULES + 1]);
}

#[tokio::test]
async fn once_a_host_was_asked_its_connection_is_used() {
    let server = SecureServer::start(0).await;
    // Whether a host speaks HTTP/2 is known once it was connected to; until then, each request may connect.
    let source = Source::json(register(&server.url));
    let options = FetchOptions {
        root_certificates: vec![server.authority.clone()],
        ..quick()
    };
    let builder = builder().fetch(options).cache_bytes(0).register(source);
    let radpack = builder.build().await.unwrap();
    radpack.load("app").await.unwrap();
    let connections = server.connections.load(Ordering::SeqCst);
    for _ in 0..3 {
        radpack.load("app").await.unwrap();
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), connections);
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_an_error_that_says_so() {
    let server = SecureServer::start(0).await;
    let stranger = SecureServer::start(0).await;
    for root_certificates in [vec![], vec![stranger.authority.clone()]] {
        let options = FetchOptions {
            root_certificates,
            ..quick()
        };
        let builder = builder().fetch(options);
        let builder = builder.register(format!("{}/radpack.json", server.url));
        let error = builder.build().await.unwrap_err();
        assert_eq!(error.kind(), LoadErrorKind::Fetch);
        assert!(error.report().contains("certificate"), "{error:?}");
    }
    assert!(
        server.versions.lock().unwrap().is_empty(),
        "nothing was asked"
    );
}

#[tokio::test]
async fn what_is_no_certificate_is_an_error() {
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for text in ["", "garbage", broken] {
        let options = FetchOptions {
            root_certificates: vec![text.to_owned()],
            ..quick()
        };
        let error = builder().fetch(options).build().await.unwrap_err();
        assert_eq!(error.kind(), LoadErrorKind::Setup, "{text:?}: {error:?}");
    }
}
