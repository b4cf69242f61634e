//! The arguments of the commands that serve.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use radpack_registry::Cohort;
use url::Url;

use super::registry::Access;
use super::values::words;
use crate::source::Source;

/// `radpack serve`
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3723")]
    pub(crate) listen: SocketAddr,
    /// A certificate to answer HTTPS with, and those above it, in PEM; it is read again when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's private key, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Speak HTTP without a certificate to other machines, too: something in front of this one speaks HTTPS
    #[arg(long)]
    pub(crate) insecure_http: bool,
    /// Let whoever reaches this machine's own address use /api without a token, in this name: only where that is nobody else
    #[arg(long, value_name = "NAME", value_parser = words)]
    pub(crate) trust: Option<String>,
    /// A channel that needs no token; may be given more than once
    #[arg(
        long = "public-channel",
        value_name = "C",
        value_parser = public_channel,
        default_value = "release"
    )]
    pub(crate) public_channels: Vec<String>,
    /// Where browsers reach this service, for absolute URLs [default: where they say that they do]
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<Url>,
    /// How long manifests may be kept by browsers and by what stands between
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "5s")]
    pub(crate) max_age: Duration,
    /// How much memory to keep modules in (MiB)
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub(crate) module_memory: u32,
    /// How much memory to keep manifests of the past and of closures in (MiB)
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub(crate) manifest_memory: u32,
    /// How many proxies every request comes by: limits are for the address that the outermost one adds to X-Forwarded-For, which anybody may
    /// send where there is none
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) trusted_proxies: u8,
    #[command(flatten)]
    pub(crate) access: Access,
    // The last: what follows would stand under its heading.
    #[command(flatten)]
    pub(crate) limits: ServeLimits,
}

/// How much one caller may use of `radpack serve`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct ServeLimits {
    /// Requests a second to /api with one token, and those that it made
    #[arg(long, value_name = "N", default_value = "50")]
    pub(crate) token_rate: NonZeroU32,
    /// How many of these at once, after a while without any
    #[arg(long, value_name = "N", default_value = "500")]
    pub(crate) token_burst: NonZeroU32,
    /// Requests a second from one address, to /api without a token, or anywhere with one that is worth nothing
    #[arg(long, value_name = "N", default_value = "10")]
    pub(crate) address_rate: NonZeroU32,
    /// How many of these at once, after a while without any
    #[arg(long, value_name = "N", default_value = "100")]
    pub(crate) address_burst: NonZeroU32,
    /// How large an upload may be as it is sent (MiB); unpacked it may have 1024, or as many as this
    #[arg(long, value_name = "N", default_value = "256")]
    pub(crate) upload_size: NonZeroU32,
    /// How many drafts there may be, at once, of the packages that a token is for
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(crate) drafts: u32,
}

/// `radpack local`
#[derive(Debug, Args)]
pub(crate) struct Local {
    /// The folder of the workspace, or of the application that packages are linked into
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
    /// What is live: it lies beneath the packages here; may be given more than once, later ones on top
    #[arg(long = "register", value_name = "SRC", value_parser = Source::parse)]
    pub(crate) registers: Vec<Source>,
    /// The host to listen on
    #[arg(long, value_name = "HOST", default_value = "localhost")]
    pub(crate) host: String,
    /// The port to listen on; 0 takes any
    #[arg(long, value_name = "PORT", default_value_t = 3723)]
    pub(crate) port: u16,
    /// Where the register is on the host
    #[arg(long, value_name = "PATH", default_value = "/radpack")]
    pub(crate) route: String,
    /// The folder in a package that another tool builds into: a radpack.json there is served as it is
    #[arg(long, value_name = "DIR", default_value = "dist")]
    pub(crate) dist: PathBuf,
    /// A folder to serve at /statics
    #[arg(long, value_name = "DIR")]
    pub(crate) statics: Option<PathBuf>,
    /// A command to run, with RADPACK_LOCAL in its environment: when it ends, so does this, with its exit code; may be given more than once
    #[arg(long = "run", value_name = "CMD")]
    pub(crate) runs: Vec<String>,
    /// A URL to open in a browser once something answers there, such as '${RADPACK_HOST}'; may be given more than once
    #[arg(long = "open", value_name = "URL")]
    pub(crate) opens: Vec<String>,
    #[command(flatten)]
    pub(crate) access: Access,
}

/// `radpack site`
#[derive(Debug, Args)]
pub(crate) struct Site {
    /// The folder to write
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// The channel that radpack.json follows [default: release]
    #[arg(long, value_name = "C")]
    pub(crate) channel: Option<String>,
    /// Give everybody what this cohort gets of rollouts [default: the stable releases]
    #[arg(long, value_name = "N")]
    pub(crate) cohort: Option<Cohort>,
    /// What pages begin with: write import maps for these ids
    #[arg(long = "root", value_name = "ID")]
    pub(crate) roots: Vec<String>,
    /// Where the files will be, if not below where pages are
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// Write texts compressed, too: .gz and .br beside each
    #[arg(long)]
    pub(crate) compressed: bool,
    #[command(flatten)]
    pub(crate) access: Access,
}

/// Reads a channel that everybody may see.
fn public_channel(text: &str) -> Result<String, String> {
    match text {
        "latest" => Err("latest has what is not released, and takes a token".to_owned()),
        channel => Ok(channel.to_owned()),
    }
}

/// Reads a time that may be none: `5s`, `0s`, `500ms`.
fn span(text: &str) -> Result<Duration, String> {
    let span = text.parse::<jiff::SignedDuration>().ok();
    let span = span.and_then(|span| Duration::try_from(span).ok());
    span.ok_or_else(|| format!("{text:?} is no time: write it as 5s or 2m"))
}
