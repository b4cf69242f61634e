//! Where folders are built: in this process, or each in one of its own, which a hostile module may bring down and nothing else.
//!
//! What a parser does with a text that somebody made for it, nobody foresees in full. So a service that builds what others send has it done
//! by children: with limits on memory and time that the system holds them to, without this process's environment and credentials, and
//! with an answer in plain data. A child that dies is a refusal.

use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use radpack_build::{BuildError, Description};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::PublishError;
use super::build::blocking;
use super::made::{Asked, Made, Task, What};
use crate::commit::{Refusal, RefusalKind};

/// How much a child may complain (bytes) before the rest is dropped.
const COMPLAINTS: u64 = 64 << 10;

/// How many threads a child parses with. Each takes address space; who has more processors builds more folders at once.
const THREADS: &str = "2";

/// What a child keeps of the environment: where temporary files go, and what Windows starts no program without.
const KEPT: [&str; 4] = ["TMPDIR", "TEMP", "TMP", "SystemRoot"];

/// Where folders are built. By default in this process: right for whoever publishes what is their own.
///
/// ```no_run
/// use radpack_registry::{BuildLimits, Builder, Registry, Store};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// // The same program, whose `main` begins with `if env::args().nth(1).as_deref() == Some("build-child") { return build_child() }`.
/// let program = std::env::current_exe()?;
/// let builder = Builder::child(program, ["build-child"], BuildLimits::default());
/// let registry = Registry::open(Store::open("registry")?).await?.built_by(builder);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Builder(Option<Arc<Children>>);

/// What building one folder may take. More is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuildLimits {
    /// Memory, in bytes: 1 GiB. On systems other than Linux, none may be enforced.
    pub memory: u64,
    /// Time of the processor: a minute.
    pub processor: Duration,
    /// Time by the clock: two minutes.
    pub time: Duration,
    /// The description of what was built, in bytes: 64 MiB.
    pub answer: u64,
    /// Those of all that is published together, in bytes, for they are held until it is: 128 MiB.
    pub answers: u64,
    /// How many are built at once, while others wait: as many as there are processors.
    pub at_once: usize,
}

impl Default for BuildLimits {
    fn default() -> Self {
        BuildLimits {
            memory: 1 << 30,
            processor: Duration::from_secs(60),
            time: Duration::from_secs(120),
            answer: 64 << 20,
            answers: 128 << 20,
            at_once: std::thread::available_parallelism().map_or(2, usize::from),
        }
    }
}

#[derive(Debug)]
struct Children {
    program: PathBuf,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    limits: BuildLimits,
    places: Semaphore,
}

/// The first line of what a child is told: what it holds itself to before it does anything.
#[derive(Serialize, Deserialize)]
struct Held {
    memory: u64,
    /// Seconds.
    processor: u64,
    /// The process that asks.
    parent: u32,
}

/// How much was heard of packages that are published together (bytes).
#[derive(Debug, Default)]
pub(super) struct Heard(AtomicU64);

/// What a child says in the end.
#[derive(Serialize, Deserialize)]
enum Answer {
    Described(Description),
    Made(Made),
    /// It cannot be built.
    Unbuildable(BuildError),
    /// It cannot be published: the words, and those of the causes.
    Refused(String, Vec<String>),
}

/// What a refusal was caused by, of which only words are known.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Words(String);

impl Builder {
    /// Has each folder built by a process of its own: the program with these arguments, which must return what [`build_child`] gives and
    /// do nothing else. On Linux it ends with the thread that waits for it: the system knows no other way to end it with a process that is killed.
    #[must_use]
    pub fn child(
        program: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = impl Into<OsString>>,
        limits: BuildLimits,
    ) -> Builder {
        Builder(Some(Arc::new(Children {
            program: program.into(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            variables: Vec::new(),
            limits,
            places: Semaphore::new(limits.at_once.max(1)),
        })))
    }

    /// A variable of the environment of these processes, which else have none but where temporary files go: such as one that their
    /// allocator reads. It must be said before the builder is shared.
    #[must_use]
    pub fn variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Builder {
        if let Some(children) = self.0.as_mut().and_then(Arc::get_mut) {
            children.variables.push((name.into(), value.into()));
        }
        self
    }

    pub(super) async fn describe(
        &self,
        task: Task,
        heard: &Heard,
    ) -> Result<Description, PublishError> {
        let Some(children) = &self.0 else {
            return blocking(|| task.describe()).await?;
        };
        let (folder, version) = (task.folder.clone(), task.options.version.clone());
        match children.ask(task, heard).await? {
            Answer::Described(it) if version.is_some() && it.version != version => Err(children
                .disbelieve(
                    folder,
                    "that the package has another version than was asked for",
                )),
            // It is the name of a folder, too.
            Answer::Described(it) if radpack_build::check_package_name(&it.name).is_err() => {
                let what = format!("that the package is called {:?}", it.name);
                Err(children.disbelieve(folder, &what))
            }
            Answer::Described(description) => Ok(description),
            _ => Err(nonsense()),
        }
    }

    /// Builds the package of a name.
    pub(super) async fn build(
        &self,
        task: Task,
        name: &str,
        heard: &Heard,
    ) -> Result<Made, PublishError> {
        let Some(children) = &self.0 else {
            return blocking(|| task.build()).await?;
        };
        let folder = task.folder.clone();
        let asked = Asked {
            name: name.to_owned(),
            version: task.options.version.clone(),
            folder: folder.clone(),
            out: task.options.out.clone().unwrap_or_default(),
        };
        match children.ask(task, heard).await? {
            Answer::Made(made) => blocking(move || made.check(&asked))
                .await?
                .map_err(|what| children.disbelieve(folder, &what)),
            _ => Err(nonsense()),
        }
    }
}

impl Children {
    /// Has one thing done, and gives the answer if it is a good one.
    async fn ask(&self, mut task: Task, before: &Heard) -> Result<Answer, PublishError> {
        let given = task.folder.clone();
        let cannot = |what: &str, source| PublishError::Io {
            what: what.to_owned(),
            source,
        };
        task.folder = std::path::absolute(&given)
            .map_err(|source| cannot("there is no such path", source))?;
        // Whoever sent the folder may name any file in it.
        task.options.confined = true;
        let told = self.told(&task)?;
        let refuse = |death: Death| PublishError::Limit {
            folder: given.clone(),
            what: death.told(&self.limits),
        };
        let _place = self
            .places
            .acquire()
            .await
            .map_err(|error| cannot("nothing is built any more", io::Error::other(error)))?;
        let mut child = self
            .start()
            .map_err(|source| cannot("the process that builds cannot be started", source))?;
        let heard = timeout(self.limits.time, self.talk(&mut child, told)).await;
        let (status, said, complaints) = match heard {
            Ok(Ok(heard)) => heard,
            unheard => {
                // Whoever drops this before it has come here kills it, too.
                child
                    .kill()
                    .await
                    .map_err(|source| cannot("a process that builds cannot be ended", source))?;
                return Err(match unheard {
                    Err(_) => refuse(Death::Time),
                    Ok(Err(source)) => cannot("the process that builds is not heard", source),
                    Ok(Ok(_)) => nonsense(),
                });
            }
        };
        let length = said.len() as u64;
        if length > self.limits.answer {
            return Err(refuse(Death::Answer));
        }
        if before.0.fetch_add(length, Ordering::Relaxed) + length > self.limits.answers {
            return Err(refuse(Death::Answers));
        }
        if !status.success() {
            return Err(refuse(Death::of(status, &complaints)));
        }
        // What else is said, whoever started it says.
        let mut lines = said.rsplit(|&byte| byte == b'\n');
        let line = lines.find(|line| line.starts_with(b"{"));
        match serde_json::from_slice(line.unwrap_or_default()) {
            Ok(Answer::Unbuildable(source)) => Err(PublishError::Build {
                folder: given,
                source,
            }),
            Ok(Answer::Refused(message, causes)) => {
                let refusal = Refusal::of(RefusalKind::Invalid, message);
                Err(match causes.is_empty() {
                    true => refusal,
                    false => refusal.caused_by(Words(causes.join(": "))),
                }
                .into())
            }
            Ok(answer) => Ok(answer),
            Err(error) => Err(cannot(
                "the process that builds is not understood",
                error.into(),
            )),
        }
    }

    /// What becomes of an answer that is not so.
    fn disbelieve(&self, folder: PathBuf, what: &str) -> PublishError {
        let how = format!("it says {what}, and that is not so");
        PublishError::Limit {
            folder,
            what: Death::Other(how).told(&self.limits),
        }
    }

    /// What a child reads.
    fn told(&self, task: &Task) -> Result<Vec<u8>, PublishError> {
        let held = Held {
            memory: self.limits.memory,
            processor: self.limits.processor.as_secs().max(1),
            parent: std::process::id(),
        };
        let written = serde_json::to_vec(&held).and_then(|mut told| {
            told.push(b'\n');
            serde_json::to_writer(&mut told, task)?;
            Ok(told)
        });
        written.map_err(|error| PublishError::Io {
            what: "what is to be built cannot be told".to_owned(),
            source: error.into(),
        })
    }

    fn start(&self) -> io::Result<Child> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .env("RAYON_NUM_THREADS", THREADS)
            .env("RUST_BACKTRACE", "0")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        for name in KEPT {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        // What is typed to stop this process stops it in its own order.
        #[cfg(unix)]
        command.process_group(0);
        command.spawn()
    }

    /// Tells a child what to do, and hears it to its end, or until it has said too much.
    async fn talk(
        &self,
        child: &mut Child,
        told: Vec<u8>,
    ) -> io::Result<(ExitStatus, Vec<u8>, Vec<u8>)> {
        let pipe = || io::Error::other("a pipe is missing");
        let mut stdin = child.stdin.take().ok_or_else(pipe)?;
        let stdout = child.stdout.take().ok_or_else(pipe)?;
        let stderr = child.stderr.take().ok_or_else(pipe)?;
        let tell = async move {
            // One that does not listen has its reasons, and says so elsewhere.
            let _ = stdin.write_all(&told).await;
            Ok(())
        };
        let hear = async {
            let said = at_most(stdout, self.limits.answer).await?;
            if said.len() as u64 > self.limits.answer {
                child.start_kill()?;
            }
            Ok((said, child.wait().await?))
        };
        let complaints = at_most(stderr, COMPLAINTS);
        let ((said, status), complaints, ()) = tokio::try_join!(hear, complaints, tell)?;
        Ok((status, said, complaints))
    }
}

/// All that comes, or a byte more than there may be. What is complained beyond that is lost.
async fn at_most(from: impl AsyncRead + Unpin, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(most + 1).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

fn nonsense() -> PublishError {
    PublishError::Io {
        what: "the process that builds is not understood".to_owned(),
        source: io::Error::other("it answered something else"),
    }
}

/// What became of a child that gave no answer.
#[derive(Debug, PartialEq, Eq)]
enum Death {
    Memory,
    Processor,
    Time,
    Answer,
    Answers,
    Stack,
    Other(String),
}

impl Death {
    fn of(status: ExitStatus, complaints: &[u8]) -> Death {
        let said = String::from_utf8_lossy(complaints);
        let says = |words: &str| said.contains(words);
        #[cfg(unix)]
        if std::os::unix::process::ExitStatusExt::signal(&status)
            == Some(rustix::process::Signal::XCPU.as_raw())
        {
            return Death::Processor;
        }
        if says("memory allocation of") || says("out of memory") || says("Cannot allocate memory") {
            Death::Memory
        } else if says("has overflowed its stack") {
            Death::Stack
        } else {
            Death::Other(status.to_string())
        }
    }

    fn told(&self, limits: &BuildLimits) -> String {
        match self {
            Death::Memory => format!("it takes more than {} MiB of memory", limits.memory >> 20),
            Death::Processor => {
                format!(
                    "it takes more than {} s of the processor",
                    limits.processor.as_secs()
                )
            }
            Death::Time => format!("it takes more than {} s", limits.time.as_secs()),
            Death::Answer => format!(
                "it has so many files and names that they take more than {} MiB to tell",
                limits.answer >> 20
            ),
            Death::Answers => format!(
                "with what is published beside it, there are so many files and names that they take more than {} MiB to tell: publish fewer packages at once",
                limits.answers >> 20
            ),
            Death::Stack => "its modules are nested too deep".to_owned(),
            Death::Other(how) => format!("whatever reads its modules fails ({how})"),
        }
    }
}

/// What a program does that was started by a [`Builder`]: reads from standard input what to build, holds itself to limits, builds, answers
/// on standard output, and ends.
#[must_use]
pub fn build_child() -> ExitCode {
    match answer() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn answer() -> io::Result<()> {
    end_with_parent()?;
    let mut told = Vec::new();
    io::stdin().lock().read_to_end(&mut told)?;
    let end = told.iter().position(|&byte| byte == b'\n');
    let (held, task) = told.split_at(end.unwrap_or(told.len()));
    let held: Held = serde_json::from_slice(held)?;
    check_parent(&held)?;
    hold(&held)?;
    let task: Task = serde_json::from_slice(task)?;
    drop(told);
    let answer = match task.what {
        What::Describe => task.describe().map(Answer::Described),
        What::Build => task.build().map(Answer::Made),
    };
    let answer = answer.unwrap_or_else(|error| match error {
        PublishError::Build { source, .. } => Answer::Unbuildable(source),
        other => {
            let causes =
                std::iter::successors(std::error::Error::source(&other), |&it| it.source());
            Answer::Refused(other.to_string(), causes.map(ToString::to_string).collect())
        }
    });
    let mut out = io::stdout().lock();
    out.write_all(b"\n")?;
    serde_json::to_writer(&mut out, &answer)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Has the system end this process when the one that asks is ended: nobody hears the answer then, nor sweeps behind it.
#[cfg(target_os = "linux")]
fn end_with_parent() -> io::Result<()> {
    use rustix::process::{Signal, set_parent_process_death_signal};
    Ok(set_parent_process_death_signal(Some(Signal::KILL))?)
}

/// It may have ended before that was said.
#[cfg(target_os = "linux")]
fn check_parent(held: &Held) -> io::Result<()> {
    let parent = rustix::process::getppid().map(|parent| parent.as_raw_nonzero().get());
    match parent.and_then(|parent| u32::try_from(parent).ok()) == Some(held.parent) {
        true => Ok(()),
        false => Err(io::Error::other("whoever asked is gone")),
    }
}

#[cfg(not(target_os = "linux"))]
fn end_with_parent() -> io::Result<()> {
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn check_parent(_: &Held) -> io::Result<()> {
    Ok(())
}

/// Has the system hold this process to limits.
#[cfg(unix)]
fn hold(held: &Held) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let set = |resource, most| {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(resource, limit).map_err(io::Error::from)
    };
    // What is mapped to be written, stacks and heaps: of what is only reserved, parsers take much.
    set(Resource::Data, held.memory)?;
    set(Resource::Core, 0)?;
    setrlimit(
        Resource::Cpu,
        Rlimit {
            current: Some(held.processor),
            maximum: Some(held.processor + 1),
        },
    )
    .map_err(io::Error::from)
}

#[cfg(not(unix))]
fn hold(_: &Held) -> io::Result<()> {
    Ok(())
}
