//! Reading a backup.

use std::fs::File;
use std::io::{BufReader, Chain, ErrorKind, Read};
use std::path::Path;

use bytes::Bytes;
use serde::Deserialize;
use zstd::stream::read::Decoder;

use super::seal::SealReader;
use super::{
    BACKUP_JSON, BLOBS, BackupError, BackupHeader, END_JSON, FORMAT, FORMAT_JSON, Progress, entries,
};
use crate::event::{Hash, Recorded};

/// How anything begins that zstd has compressed.
const MARK: &[u8] = &[0x28, 0xB5, 0x2F, 0xFD];

/// A backup with its beginning, which has been looked at, and with its seal.
type Whole<R> = SealReader<Chain<&'static [u8], R>>;

/// Reads a backup: gives the events in their order, and then the blobs in the order of their hashes.
///
/// Every item has been checked when it is given. That none is missing shows at the end: a backup is whole if this gives `None`
/// without having given an error. After an error it gives nothing more.
///
/// ```
/// use radpack_registry::{BackupHeader, BackupItem, BackupReader, BackupWriter, Hash, Point};
///
/// # let id = uuid::Uuid::nil();
/// # let created = jiff::Timestamp::UNIX_EPOCH;
/// # let format = format!(r#"{{"format":1,"id":"{id}","created":"{created}"}}"#).into_bytes();
/// // Of a registry without events, and yet with bytes.
/// let beginning = Point { seq: 0, hash: Hash::of(&format) };
/// let header = BackupHeader { registry: id, from: beginning, to: beginning, created };
/// let mut writer = BackupWriter::new(Vec::new(), &header, &format)?;
/// writer.blob(b"export {};")?;
/// let backup = writer.finish()?;
///
/// for item in BackupReader::new(&*backup)? {
///     match item? {
///         BackupItem::Event { recorded, .. } => println!("{}", recorded.event.kind),
///         BackupItem::Blob { contents, .. } => assert_eq!(contents, "export {};"),
///     }
/// }
/// # Ok::<(), radpack_registry::BackupError>(())
/// ```
pub struct BackupReader<R: Read> {
    input: Decoder<'static, BufReader<Whole<R>>>,
    header: BackupHeader,
    format: Bytes,
    progress: Progress,
    /// The last entry.
    last: String,
    is_over: bool,
}

/// Something that a backup holds.
#[derive(Clone, Debug, PartialEq)]
pub enum BackupItem {
    /// An event.
    Event {
        /// What it is.
        recorded: Box<Recorded>,
        /// The object's bytes.
        contents: Bytes,
    },
    /// Bytes that events name.
    Blob {
        /// Their hash.
        hash: Hash,
        /// The bytes.
        contents: Bytes,
    },
}

impl BackupReader<File> {
    /// Opens a backup.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened, or as [`new`](BackupReader::new).
    pub fn open(path: &Path) -> Result<BackupReader<File>, BackupError> {
        let file = File::open(path).map_err(|source| BackupError::Open {
            path: path.to_path_buf(),
            source,
        })?;
        BackupReader::new(file)
    }
}

impl<R: Read> BackupReader<R> {
    /// Reads how a backup begins.
    ///
    /// # Errors
    ///
    /// If it is none, is of a later format, or cannot be read.
    pub fn new(mut input: R) -> Result<BackupReader<R>, BackupError> {
        let unreadable = |source| BackupError::Read {
            item: BACKUP_JSON.to_owned(),
            source,
        };
        let mut mark = [0; MARK.len()];
        match input.read_exact(&mut mark) {
            Ok(()) if mark == MARK => {}
            Err(error) if error.kind() != ErrorKind::UnexpectedEof => {
                return Err(unreadable(error));
            }
            _ => return Err(BackupError::NoBackup),
        }
        let input = BufReader::new(SealReader::new(MARK.chain(input)));
        let mut input = Decoder::with_buffer(input).map_err(unreadable)?;
        let json = match entries::read(&mut input, "the beginning")? {
            Some((name, json)) if name == BACKUP_JSON => json,
            _ => return Err(BackupError::NoBackup),
        };
        let header = read_header(&json)?;
        let format = match entries::read(&mut input, BACKUP_JSON)? {
            Some((name, format)) if name == FORMAT_JSON => format,
            _ => return Err(BackupError::entry(FORMAT_JSON, "it is missing")),
        };
        Ok(BackupReader {
            progress: Progress::begin(&header, &json, &format)?,
            input,
            header,
            format,
            last: FORMAT_JSON.to_owned(),
            is_over: false,
        })
    }

    /// What it is a backup of.
    #[must_use]
    pub fn header(&self) -> &BackupHeader {
        &self.header
    }

    /// The registry's `format.json`.
    #[must_use]
    pub fn format(&self) -> &Bytes {
        &self.format
    }

    fn read(&mut self) -> Result<Option<BackupItem>, BackupError> {
        let Some((name, contents)) = entries::read(&mut self.input, &self.last)? else {
            return Err(BackupError::entry(END_JSON, "it is missing"));
        };
        let item = if self.progress.position.seq < self.progress.to.seq {
            let event = self.progress.event(&contents)?;
            let expected = self.progress.last_event();
            if name != expected {
                return Err(BackupError::entry(
                    &name,
                    format!("{expected} should be here"),
                ));
            }
            let hash = self.progress.position.hash;
            BackupItem::Event {
                recorded: Box::new(Recorded { event, hash }),
                contents,
            }
        } else if name == END_JSON {
            if contents != self.progress.end()? {
                return Err(BackupError::entry(
                    END_JSON,
                    "it tells of other entries than were before it",
                ));
            }
            return match entries::read(&mut self.input, END_JSON)? {
                None => Ok(None),
                Some((name, _)) => Err(BackupError::entry(&name, "nothing is to be here")),
            };
        } else {
            let hash = name.strip_prefix(BLOBS).and_then(|hash| hash.parse().ok());
            let hash =
                hash.ok_or_else(|| BackupError::entry(&name, "no backup has such an entry here"))?;
            if Hash::of(&contents) != hash {
                return Err(BackupError::Contents { item: name });
            }
            self.progress.blob(hash)?;
            BackupItem::Blob { hash, contents }
        };
        self.last = name;
        Ok(Some(item))
    }
}

impl<R: Read> Iterator for BackupReader<R> {
    type Item = Result<BackupItem, BackupError>;

    fn next(&mut self) -> Option<Result<BackupItem, BackupError>> {
        if self.is_over {
            return None;
        }
        let next = self.read().transpose();
        self.is_over = !matches!(next, Some(Ok(_)));
        next
    }
}

fn read_header(json: &[u8]) -> Result<BackupHeader, BackupError> {
    /// What every format will have.
    #[derive(Deserialize)]
    struct Outline {
        format: u32,
        needs: String,
        #[serde(flatten)]
        header: serde_json::Value,
    }
    let malformed = |error: serde_json::Error| {
        BackupError::entry(BACKUP_JSON, format!("it cannot be read: {error}"))
    };
    let outline: Outline = serde_json::from_slice(json).map_err(malformed)?;
    if outline.format > FORMAT {
        return Err(BackupError::Newer {
            format: outline.format,
            needs: outline.needs,
        });
    }
    serde_json::from_value(outline.header).map_err(malformed)
}
