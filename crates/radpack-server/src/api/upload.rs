//! What is uploaded: an archive, taken apart on the disk with bounds on everything that its sender chose.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::path::{Component, Path, PathBuf};

use axum::extract::Request;
use futures_util::StreamExt as _;
use http::{HeaderMap, StatusCode, header};
use radpack_registry::state::fact::SourceFile;
use radpack_registry::{Hash, PublishRequest, WorkFolder, check_file_name};
use tar::{Archive, EntryType, PaxExtensions};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use super::asking::too_large;
use super::limits::Limits;
use crate::problem::Problem;

/// How large what an archive says about one file may be, besides its bytes: a long name.
const LONGEST_HEADER: u64 = 64 << 10;

/// How large a file may be that says something about the others.
const LARGEST_JSON: u64 = PublishRequest::MOST_BYTES as u64;

/// What an archive is called until it is taken apart.
const UPLOAD: &str = "upload";

/// How much memory unpacking may take, as a power of two.
const WINDOW: u32 = 25;

/// How long a path in an archive may be, and how deep.
const LONGEST: usize = 1_024;
const DEEPEST: usize = 64;

/// An archive in a folder of its own, gone with this.
#[derive(Debug)]
pub(super) struct Unpacked {
    folder: WorkFolder,
    /// Its files, relative to the folder, in order.
    pub(super) files: Vec<PathBuf>,
}

impl Unpacked {
    pub(super) fn folder(&self) -> PathBuf {
        self.folder.path().join("in")
    }
}

/// How an archive is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
    Zstd,
}

/// By what the sender says of it.
fn packing(headers: &HeaderMap) -> Result<Packing, Problem> {
    let value = |name| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value
            .unwrap_or_default()
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
    };
    let encoding = value(header::CONTENT_ENCODING);
    let kind = value(header::CONTENT_TYPE);
    Ok(match (kind.as_str(), encoding.as_str()) {
        ("application/x-tar", "" | "identity") => Packing::None,
        ("application/x-tar", "gzip") | ("application/gzip", "") => Packing::Gzip,
        ("application/x-tar", "zstd") | ("application/zstd", "") => Packing::Zstd,
        _ => {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "invalid",
                "an upload is an archive: send it with `Content-Type: application/x-tar`, and `Content-Encoding: zstd` or `gzip` if it is packed",
            ));
        }
    })
}

fn failed(error: io::Error) -> Problem {
    Problem::of_failure(&error)
}

/// Writes a body to where it is kept as it comes.
async fn take(
    request: Request,
    into: &mut (impl AsyncWrite + Unpin),
    most: u64,
) -> Result<(), Problem> {
    let mut body = request.into_body().into_data_stream();
    let mut bytes = 0_u64;
    while let Some(piece) = body.next().await {
        let piece =
            piece.map_err(|error| Problem::invalid(format!("the upload broke off: {error}")))?;
        bytes += piece.len() as u64;
        if bytes > most {
            return Err(too_large(most));
        }
        into.write_all(&piece).await.map_err(failed)?;
    }
    into.flush().await.map_err(failed)
}

/// Writes a body to a file as it comes.
pub(super) async fn save(request: Request, path: &Path, most: u64) -> Result<(), Problem> {
    let mut file = tokio::fs::File::create_new(path).await.map_err(failed)?;
    take(request, &mut file, most).await
}

/// Hears a body to its end, as its sender wants to be heard before it listens, and keeps nothing of it.
pub(super) async fn pass_over(request: Request, most: u64) -> Result<(), Problem> {
    take(request, &mut tokio::io::sink(), most).await
}

/// An archive as it came, gone with this.
pub(super) struct Received {
    folder: WorkFolder,
    packing: Packing,
}

/// A folder of its own for something that is uploaded.
pub(super) async fn work_folder() -> Result<WorkFolder, Problem> {
    let made = tokio::task::spawn_blocking(WorkFolder::new).await;
    made.map_err(|_| Problem::broken())?.map_err(failed)
}

/// Takes an archive, as slowly as it comes.
pub(super) async fn receive(request: Request, limits: &Limits) -> Result<Received, Problem> {
    let packing = packing(request.headers())?;
    let folder = work_folder().await?;
    save(request, &folder.path().join(UPLOAD), limits.upload_bytes).await?;
    Ok(Received { folder, packing })
}

impl Received {
    /// Takes it apart.
    pub(super) async fn unpack(self, limits: &Limits) -> Result<Unpacked, Problem> {
        let Received { folder, packing } = self;
        let limits = limits.clone();
        let unpacked = tokio::task::spawn_blocking(move || {
            let path = folder.path().join(UPLOAD);
            let into = folder.path().join("in");
            let mut file = File::open(&path).map_err(failed)?;
            check(open(&mut file, packing)?, &limits)?;
            file.seek(SeekFrom::Start(0)).map_err(failed)?;
            let files = extract(open(&mut file, packing)?, &into, &limits)?;
            fs::remove_file(&path).map_err(failed)?;
            Ok(Unpacked { folder, files })
        });
        unpacked.await.unwrap_or_else(|_| Err(Problem::broken()))
    }
}

fn open(file: &mut File, packing: Packing) -> Result<Box<dyn Read + '_>, Problem> {
    let file = BufReader::new(file);
    Ok(match packing {
        Packing::None => Box::new(file),
        Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
        Packing::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(file).map_err(failed)?;
            decoder.window_log_max(WINDOW).map_err(failed)?;
            Box::new(decoder)
        }
    })
}

fn broken(error: &io::Error) -> Problem {
    Problem::invalid(format!(
        "the upload is no archive that can be read: {error}"
    ))
}

/// What an archive takes as it is gone through, against what it may.
struct Tally<'l> {
    limits: &'l Limits,
    /// How many entries it may have.
    most: usize,
    count: usize,
    bytes: u64,
}

impl Tally<'_> {
    fn new(limits: &Limits, most: usize) -> Tally<'_> {
        Tally {
            limits,
            most,
            count: 0,
            bytes: 0,
        }
    }

    /// One entry more, of as many bytes as its sender says.
    fn add(&mut self, size: u64) -> Result<(), Problem> {
        self.bytes = self.bytes.saturating_add(size).saturating_add(512);
        if self.bytes > self.limits.unpacked_bytes {
            return Err(too_large(self.limits.unpacked_bytes));
        }
        self.add_one()
    }

    /// A file or folder more, be it one that no entry is about and that is made for what lies in it.
    fn add_one(&mut self) -> Result<(), Problem> {
        self.count += 1;
        match self.count > self.most {
            true => Err(too_many(self.limits)),
            false => Ok(()),
        }
    }

    /// Why the archive cannot be read on: where no more of it was taken, it is too large.
    fn broken(&self, error: &io::Error) -> Problem {
        match self.bytes >= self.limits.unpacked_bytes {
            true => too_large(self.limits.unpacked_bytes),
            false => broken(error),
        }
    }
}

/// An archive of which no more is read than may be; one byte more, so that the end shows.
fn bounded<R: Read>(archive: R, limits: &Limits) -> Archive<io::Take<R>> {
    Archive::new(archive.take(limits.unpacked_bytes.saturating_add(1)))
}

fn refuse_kind(path: &[u8]) -> Problem {
    Problem::invalid(format!(
        "the archive has {:?}, which is neither a file nor a folder: links and devices are not taken",
        String::from_utf8_lossy(path)
    ))
}

/// Whether an archive stays within bounds, before anything of it is believed: a header's length is its sender's word.
fn check(archive: impl Read, limits: &Limits) -> Result<(), Problem> {
    let mut archive = bounded(archive, limits);
    // Each file may have two headers besides its own.
    let mut tally = Tally::new(limits, limits.upload_files.saturating_mul(3));
    for entry in archive.entries().map_err(|error| broken(&error))?.raw(true) {
        let mut entry = entry.map_err(|error| tally.broken(&error))?;
        tally.add(entry.size())?;
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous | EntryType::Directory => {}
            EntryType::XHeader | EntryType::XGlobalHeader | EntryType::GNULongName
                if entry.size() > LONGEST_HEADER =>
            {
                return Err(Problem::invalid(
                    "the archive has a header that is too long: send plain files",
                ));
            }
            EntryType::XHeader | EntryType::XGlobalHeader => {
                let mut said = Vec::new();
                entry
                    .read_to_end(&mut said)
                    .map_err(|error| tally.broken(&error))?;
                check_extensions(&said)?;
            }
            EntryType::GNULongName => {}
            _ => return Err(refuse_kind(&entry.path_bytes())),
        }
    }
    Ok(())
}

/// Whether what is said of a file beside its header leaves its size as the header has it: by another one, what follows would be read from
/// another place than here.
fn check_extensions(said: &[u8]) -> Result<(), Problem> {
    for extension in PaxExtensions::new(said) {
        let extension = extension.map_err(|error| broken(&error))?;
        let key = extension.key_bytes();
        if key == b"size" || key.starts_with(b"GNU.sparse.") {
            return Err(Problem::invalid(
                "the archive has a header that gives a file another size than its own, or holes: send plain files",
            ));
        }
    }
    Ok(())
}

fn too_many(limits: &Limits) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too-large",
        format!(
            "the archive has more than {} files and folders",
            limits.upload_files
        ),
    )
}

/// Where a path leads inside of a folder; nowhere else.
fn inside(path: &[u8]) -> Result<PathBuf, Problem> {
    let refuse = || {
        Problem::invalid(format!(
            "the archive has the path {:?}, which a file cannot have: write it relative, with /, letters, digits and - _ . @ ~",
            String::from_utf8_lossy(path)
        ))
    };
    let text = std::str::from_utf8(path).map_err(|_| refuse())?;
    let mut clean = PathBuf::new();
    for part in Path::new(text).components() {
        match part {
            Component::Normal(part) => clean.push(part),
            Component::CurDir => {}
            _ => return Err(refuse()),
        }
    }
    if text.len() > LONGEST || clean.components().count() > DEEPEST || text.contains(['\\', '\0']) {
        return Err(refuse());
    }
    Ok(clean)
}

/// The folders that lead to one, outermost first and it last, as far as they are not made.
fn new_folders(folder: &Path, made: &BTreeSet<PathBuf>) -> Vec<PathBuf> {
    let leading = folder
        .ancestors()
        .take_while(|folder| !folder.as_os_str().is_empty() && !made.contains(*folder));
    let mut folders: Vec<PathBuf> = leading.map(Path::to_owned).collect();
    folders.reverse();
    folders
}

/// Writes the files of an archive that was checked.
fn extract(archive: impl Read, into: &Path, limits: &Limits) -> Result<Vec<PathBuf>, Problem> {
    fs::create_dir(into).map_err(failed)?;
    let mut archive = bounded(archive, limits);
    let mut files = Vec::new();
    // What is said of the files is read again here, so that it is bounded again, whatever the check made of it.
    let mut tally = Tally::new(limits, limits.upload_files);
    let mut made = BTreeSet::new();
    for entry in archive.entries().map_err(|error| broken(&error))? {
        let mut entry = entry.map_err(|error| tally.broken(&error))?;
        tally.add(entry.size())?;
        let kind = entry.header().entry_type();
        match kind {
            EntryType::Regular | EntryType::Continuous | EntryType::Directory => {}
            // It is about all files, and of those nothing is taken but their paths and bytes.
            EntryType::XGlobalHeader => continue,
            _ => return Err(refuse_kind(&entry.path_bytes())),
        }
        let path = inside(&entry.path_bytes())?;
        if path.as_os_str().is_empty() {
            continue;
        }
        let place = into.join(&path);
        let clash = |error: io::Error| match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => Problem::invalid(
                format!("the archive has {:?} twice, as a file", path.display()),
            ),
            io::ErrorKind::InvalidFilename => Problem::invalid(format!(
                "{:?} is too long a name for a file",
                path.display()
            )),
            _ => failed(error),
        };
        // A path brings its folders with it, and each takes as much of a disk as a file does.
        let parent = path.parent().unwrap_or(Path::new(""));
        for folder in new_folders(parent, &made) {
            tally.add_one()?;
            fs::create_dir_all(into.join(&folder)).map_err(clash)?;
            made.insert(folder);
        }
        if kind == EntryType::Directory {
            fs::create_dir_all(&place).map_err(clash)?;
            made.insert(path);
            continue;
        }
        let mut file = File::create_new(&place).map_err(clash)?;
        io::copy(&mut entry, &mut file).map_err(|error| broken(&error))?;
        files.push(path);
    }
    files.sort();
    Ok(files)
}

/// The folders at the top of an archive, in the order of their names, shorter ones first: `2` before `10`.
pub(super) fn folders(unpacked: &Unpacked) -> Vec<PathBuf> {
    let mut names: Vec<&str> = unpacked
        .files
        .iter()
        .filter(|path| path.components().count() > 1)
        .filter_map(|path| path.components().next()?.as_os_str().to_str())
        .collect();
    names.sort_unstable_by_key(|name| (name.len(), *name));
    names.dedup();
    let folder = unpacked.folder();
    names.into_iter().map(|name| folder.join(name)).collect()
}

/// A file that says something about the others, if it is there: read whole, so that it may not be large.
pub(super) async fn read_small(path: &Path) -> Result<Option<Vec<u8>>, Problem> {
    match tokio::fs::metadata(path).await {
        Ok(found) if found.len() > LARGEST_JSON => Err(too_large(LARGEST_JSON)),
        Ok(found) if found.is_file() => Ok(Some(tokio::fs::read(path).await.map_err(failed)?)),
        _ => Ok(None),
    }
}

/// What is known of a file that was written, read a piece at a time.
pub(super) async fn source_file(path: PathBuf) -> Result<SourceFile, Problem> {
    let read = tokio::task::spawn_blocking(move || Hash::of_reader(File::open(path)?, u64::MAX));
    let (sha256, bytes) = read.await.map_err(|_| Problem::broken())?.map_err(failed)?;
    Ok(SourceFile { sha256, bytes })
}

/// The path of a file in a draft, if it can be one.
pub(super) fn source_path(path: &Path) -> Result<String, Problem> {
    let text = path.to_str().unwrap_or_default().to_owned();
    check_file_name(&text)
        .map_err(|error| Problem::invalid(format!("{text:?} is no path of a source: {error}")))?;
    Ok(text)
}
