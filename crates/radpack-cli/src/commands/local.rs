//! `radpack local`: a development register over a workspace and what is linked into it, and the programs that use it.

use std::collections::BTreeMap;
use std::env;
use std::io;
use std::net::SocketAddr;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use radpack_server::{Fetch, LocalError, LocalRegister, LocalSettings};
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use url::Url;

use crate::arguments::Local;
use crate::commands::registry::serve::stopped;
use crate::failure::{Failure, Outcome, Stop, Word};
use crate::output::{Output, note};
use crate::progress::Progress;
use crate::read::Reader;
use crate::session;

/// How often is looked whether what is to be opened answers by now, and how many times: two minutes.
const LOOK: Duration = Duration::from_millis(250);
const LOOKS: usize = 480;

/// How long programs may take to end once they are asked to.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// The line for programs.
#[derive(Serialize)]
struct Line<'a> {
    page: &'a str,
    local: &'a str,
}

pub(crate) fn run(arguments: Local, output: &mut Output) -> Result<Outcome, Stop> {
    let mut reader = Reader::new(&arguments.access);
    let mut live = Vec::new();
    for source in &arguments.registers {
        live.extend(reader.flat(source)?.manifests);
    }
    let has_statics = arguments.statics.is_some();
    let settings = LocalSettings {
        route: arguments.route.clone(),
        dist: arguments.dist.clone(),
        statics: arguments.statics.clone(),
        live,
        fetch: Some(fetch(reader)),
        ..LocalSettings::new(&arguments.folder)
    };
    let progress = Progress::new(&format!(
        "building what is in {}",
        arguments.folder.display()
    ));
    let register = LocalRegister::start(settings);
    drop(progress);
    let register = register.map_err(|error| unusable(&error))?;
    let runtime = session::runtime()?;
    let outcome = runtime.block_on(serve(&arguments, &register, has_statics, output));
    // What still reads from a connection is not waited for.
    runtime.shutdown_background();
    outcome
}

/// Gets the registers that a package names, one after another.
fn fetch(reader: Reader) -> Arc<Fetch> {
    let reader = Mutex::new(reader);
    Arc::new(move |url: &str| {
        let mut reader = reader.lock().map_err(|_| "cannot fetch".to_owned())?;
        let contents = reader.contents_of(&[url.to_owned()]);
        let mut contents = contents.map_err(|failure| failure.one_line())?;
        contents.pop().ok_or_else(|| format!("cannot fetch {url}"))
    })
}

fn unusable(error: &LocalError) -> Failure {
    let word = match error {
        LocalError::Live(_) => Word::InvalidManifest,
        _ => Word::Io,
    };
    Failure::of(word, error)
}

async fn serve(
    arguments: &Local,
    register: &LocalRegister,
    has_statics: bool,
    output: &mut Output,
) -> Result<Outcome, Stop> {
    let (listeners, port) = listen(&arguments.host, arguments.port)
        .await
        .map_err(|error| {
            let message = format!(
                "cannot listen on {}:{}; --port takes another one, or 0 for any",
                arguments.host, arguments.port
            );
            Failure::new(Word::Io, message).caused_by(&error)
        })?;
    let host = format!("http://{}:{port}", arguments.host);
    let local = format!("{host}{}", register.route().trim_end_matches('/'));
    let mut servers = JoinSet::new();
    for listener in listeners {
        servers.spawn(axum::serve(listener, register.router()).into_future());
    }
    let mut variables = BTreeMap::from([
        ("RADPACK_HOST", host.clone()),
        ("RADPACK_LOCAL", local.clone()),
    ]);
    if has_statics {
        variables.insert("RADPACK_STATICS", format!("{host}/statics"));
    }
    if output.json() {
        output.value(&Line {
            page: &host,
            local: &local,
        })?;
    } else {
        output.line(&host)?;
        for line in register.summary() {
            note(&line);
        }
        note(&format!(
            "RADPACK_LOCAL={local}; the page at {host} says what is overridden"
        ));
    }
    output.flush()?;

    let mut programs = Vec::new();
    for command in &arguments.runs {
        programs.push(start(command, &variables)?);
    }
    let opened = tokio::spawn(open_all(urls(&arguments.opens, &variables)));
    let outcome = tokio::select! {
        outcome = ended(&mut programs), if !programs.is_empty() => outcome,
        () = stopped() => {
            end_all(&mut programs).await;
            Ok(Outcome::Done)
        }
        Some(server) = servers.join_next() => {
            end_all(&mut programs).await;
            let error = match server {
                Ok(Err(error)) => error,
                _ => io::Error::other("the server ended"),
            };
            Err(Failure::new(Word::Io, format!("cannot serve on {host} any more")).caused_by(&error).into())
        }
    };
    opened.abort();
    outcome
}

/// Listens at all addresses of a host, at one port.
async fn listen(host: &str, mut port: u16) -> io::Result<(Vec<TcpListener>, u16)> {
    let mut addresses: Vec<_> = lookup_host((host, port))
        .await?
        .map(|address| address.ip())
        .collect();
    // The older one first: everybody who knows a name by both tries that, too.
    addresses.sort_by_key(|address| address.is_ipv6());
    addresses.dedup();
    let mut listeners = Vec::new();
    let mut failed = None;
    for address in addresses {
        match TcpListener::bind(SocketAddr::new(address, port)).await {
            Ok(listener) => {
                port = listener.local_addr()?.port();
                listeners.push(listener);
            }
            Err(error) => {
                // A name may stand for an address that this machine has not got. One that somebody else has is another matter.
                let is_taken = error.kind() == io::ErrorKind::AddrInUse;
                failed = Some(error);
                if is_taken {
                    listeners.clear();
                    break;
                }
            }
        }
    }
    match (listeners.is_empty(), failed) {
        (false, _) => Ok((listeners, port)),
        (true, Some(error)) => Err(error),
        (true, None) => Err(io::Error::from(io::ErrorKind::AddrNotAvailable)),
    }
}

/// Starts a program as a shell does.
fn start(command: &str, variables: &BTreeMap<&str, String>) -> Result<Child, Failure> {
    let mut program = if cfg!(windows) {
        let mut program = Command::new("cmd");
        program.arg("/C");
        program
    } else {
        let mut program = Command::new("sh");
        program.arg("-c");
        program
    };
    program.arg(command).envs(variables).kill_on_drop(true);
    program.spawn().map_err(|error| {
        Failure::new(Word::Io, format!("cannot run `{command}`")).caused_by(&error)
    })
}

/// Waits for all programs: the code of the first that failed, in the order in which they were given.
async fn ended(programs: &mut [Child]) -> Result<Outcome, Stop> {
    let mut outcome = Outcome::Done;
    for program in programs {
        let status = program.wait().await.map_err(|error| {
            Failure::new(Word::Io, "cannot wait for a program").caused_by(&error)
        })?;
        let code = code_of(status);
        if outcome == Outcome::Done && code != 0 {
            outcome = Outcome::Exited(code);
        }
    }
    Ok(outcome)
}

/// What a shell says of a program's end.
fn code_of(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(128 + signal).unwrap_or(u8::MAX);
    }
    status
        .code()
        .map_or(1, |code| u8::try_from(code).unwrap_or(1))
}

/// Asks programs to end, and ends those that do not.
async fn end_all(programs: &mut [Child]) {
    for program in programs.iter_mut() {
        ask_to_end(program);
    }
    for program in programs {
        if tokio::time::timeout(LAST_WORDS, program.wait())
            .await
            .is_err()
        {
            let _ = program.kill().await;
        }
    }
}

#[cfg(unix)]
fn ask_to_end(program: &Child) {
    let id = program.id().and_then(|id| i32::try_from(id).ok());
    if let Some(id) = id.and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
    }
}

#[cfg(not(unix))]
fn ask_to_end(program: &mut Child) {
    let _ = program.start_kill();
}

/// What is to be opened, filled in as Radpack 1.x does: `${RADPACK_LOCAL}` and whatever else the environment has.
fn urls(opens: &[String], variables: &BTreeMap<&str, String>) -> Vec<String> {
    let value = |name: &str| {
        let own = variables.get(name).cloned();
        own.or_else(|| env::var(name).ok()).map(Into::into)
    };
    opens
        .iter()
        .map(|url| radpack_manifest::expand(url, value).into_owned())
        .collect()
}

/// Opens each as soon as somebody listens there: what `--run` started takes a while.
async fn open_all(urls: Vec<String>) {
    for url in urls {
        if let Ok(parsed) = Url::parse(&url)
            && let (Some(host), Some(port)) = (parsed.host_str(), parsed.port_or_known_default())
        {
            for _ in 0..LOOKS {
                if TcpStream::connect((host.trim_matches(['[', ']']), port))
                    .await
                    .is_ok()
                {
                    break;
                }
                tokio::time::sleep(LOOK).await;
            }
        }
        let (program, arguments) = browser();
        let opened = Command::new(&program)
            .args(arguments)
            .arg(&url)
            .status()
            .await;
        match opened {
            Ok(status) if status.success() => {}
            Ok(_) => note(&format!("warning: {program} did not open {url}")),
            Err(error) => note(&format!(
                "warning: cannot open {url} with {program}: {error}"
            )),
        }
    }
}

/// What opens URLs here.
fn browser() -> (String, &'static [&'static str]) {
    if let Some(browser) = env::var("BROWSER")
        .ok()
        .filter(|browser| !browser.is_empty())
    {
        return (browser, &[]);
    }
    if cfg!(target_os = "macos") {
        ("open".to_owned(), &[])
    } else if cfg!(windows) {
        ("rundll32".to_owned(), &["url.dll,FileProtocolHandler"])
    } else {
        ("xdg-open".to_owned(), &[])
    }
}
