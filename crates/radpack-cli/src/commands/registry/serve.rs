//! `radpack serve`: the HTTP service over the store.

use std::path::PathBuf;

use radpack_registry::{BuildLimits, Builder as Children, Registry};
use radpack_server::{Limits, Listening, Service, Settings, Tls};
use tokio::runtime::Builder;
use tracing_subscriber::filter::LevelFilter;

use crate::arguments::{Serve, ServeLimits};
use crate::failure::{Failure, Outcome, Stop, Word};
use crate::output::{Output, note};
use crate::session::{of_history, store_of};

/// How much the allocator sets aside at a time (KiB): by default as much as a process that builds may have.
const RESERVE: (&str, &str) = ("MIMALLOC_ARENA_RESERVE", "32768");

/// As in the manual: where the rest is told.
const WHERE_TO_LOOK: &str = "/radpack.json is the manifest, /api/openapi.json describes the rest, /healthz and /metrics tell how it is";

pub(crate) fn run(arguments: Serve, output: &mut Output) -> Result<Outcome, Stop> {
    // What goes wrong while it serves is said to whoever looks after it, and to nobody who asks.
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr);
    let _ = log
        .with_max_level(LevelFilter::WARN)
        .with_ansi(false)
        .try_init();
    let store = store_of(&arguments.access)?;
    let runtime = Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        Failure::new(Word::Io, "the system gives no threads to serve with").caused_by(&error)
    })?;
    if arguments.trust.is_some() && !arguments.listen.ip().is_loopback() {
        let message = format!(
            "{} is reached by others, and --trust lets whoever reaches it do anything: make tokens with `radpack token create`",
            arguments.listen
        );
        return Err(Failure::new(Word::Unavailable, message).into());
    }
    let settings = Settings {
        public_channels: arguments.public_channels,
        max_age: arguments.max_age,
        public_url: arguments.public_url,
        module_memory: mebibytes(arguments.module_memory),
        manifest_memory: mebibytes(arguments.manifest_memory),
        tls: arguments.tls_cert.is_some(),
        trusted: arguments.trust,
        trusted_proxies: usize::from(arguments.trusted_proxies),
        limits: limits(&arguments.limits),
        ..Settings::default()
    };
    let listening = Listening {
        tls: tls(arguments.tls_cert, arguments.tls_key)?,
        insecure_http: arguments.insecure_http,
        ..Listening::default()
    };
    let program = std::env::current_exe().map_err(|error| {
        Failure::new(Word::Io, "the system does not say where this program lies").caused_by(&error)
    })?;
    // What others send is built apart from all else.
    let children = Children::child(program, [crate::BUILD_CHILD], BuildLimits::default())
        .variable(RESERVE.0, RESERVE.1);
    runtime.block_on(async {
        let location = store.location().to_owned();
        let registry = Registry::open(store)
            .await
            .map_err(|error| of_history(&error))?
            .built_by(children);
        let service = Service::start(registry, settings).await;
        let service = service.map_err(|error| of_history(&error))?;
        let listener = listening.bind(arguments.listen).await;
        let listener = listener.map_err(|error| Failure::of(Word::Io, &error))?;
        let address = listener.local_addr().unwrap_or(arguments.listen);
        let scheme = if listening.tls.is_some() {
            "https"
        } else {
            "http"
        };
        output.line(&format!("{scheme}://{address}"))?;
        output.flush()?;
        note(&format!("serving {location}: {WHERE_TO_LOOK}"));
        service.serve(listener, listening, stopped()).await;
        service.settle().await;
        Ok(Outcome::Done)
    })
}

fn mebibytes(number: u32) -> u64 {
    u64::from(number) << 20
}

/// How much one caller may use.
fn limits(asked: &ServeLimits) -> Limits {
    let upload_bytes = mebibytes(asked.upload_size.get());
    let usual = Limits::default();
    Limits {
        token_rate: asked.token_rate,
        token_burst: asked.token_burst,
        address_rate: asked.address_rate,
        address_burst: asked.address_burst,
        upload_bytes,
        drafts: usize::try_from(asked.drafts).unwrap_or(usize::MAX),
        unpacked_bytes: usual.unpacked_bytes.max(upload_bytes),
        ..usual
    }
}

/// The certificate that is meant.
fn tls(certificate: Option<PathBuf>, key: Option<PathBuf>) -> Result<Option<Tls>, Failure> {
    let Some((certificate, key)) = certificate.zip(key) else {
        return Ok(None);
    };
    let tls = Tls::open(certificate, key);
    tls.map(Some).map_err(|error| Failure::of(Word::Io, &error))
}

/// Until somebody wants it to end.
pub(crate) async fn stopped() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
