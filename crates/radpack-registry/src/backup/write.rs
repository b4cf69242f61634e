//! Writing a backup.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde::Serialize;
use zstd::stream::write::Encoder;

use super::seal::SealWriter;
use super::{
    BACKUP_JSON, BLOBS, BackupError, BackupHeader, END_JSON, FORMAT, FORMAT_JSON, NEEDS, Progress,
    entries,
};
use crate::disk::{Durability, replace};
use crate::event::Hash;

/// Writes a backup: the events in their order, and then the blobs in the order of their hashes.
pub struct BackupWriter<W: Write> {
    out: Encoder<'static, SealWriter<W>>,
    progress: Progress,
}

/// The contents of `backup.json`.
#[derive(Serialize)]
struct Outline<'h> {
    format: u32,
    needs: &'static str,
    #[serde(flatten)]
    header: &'h BackupHeader,
}

impl<W: Write> BackupWriter<W> {
    /// Begins a backup. `format` is the registry's `format.json`.
    ///
    /// # Errors
    ///
    /// If the header is of another registry or of no history, or it cannot be written.
    pub fn new(
        out: W,
        header: &BackupHeader,
        format: &[u8],
    ) -> Result<BackupWriter<W>, BackupError> {
        let failed = |source| BackupError::Write {
            item: BACKUP_JSON.to_owned(),
            source,
        };
        let mut json = serde_json::to_vec(&Outline {
            format: FORMAT,
            needs: NEEDS,
            header,
        })
        .map_err(|error| failed(error.into()))?;
        json.push(b'\n');
        let progress = Progress::begin(header, &json, format)?;
        let out = SealWriter::new(out);
        let mut out = Encoder::new(out, zstd::DEFAULT_COMPRESSION_LEVEL).map_err(failed)?;
        out.include_checksum(true).map_err(failed)?;
        entries::write(&mut out, BACKUP_JSON, &json)?;
        entries::write(&mut out, FORMAT_JSON, format)?;
        Ok(BackupWriter { out, progress })
    }

    /// Writes the next event: the very bytes that lie in the store.
    ///
    /// # Errors
    ///
    /// If they are not the event that comes next, or cannot be written.
    pub fn event(&mut self, contents: &[u8]) -> Result<(), BackupError> {
        self.progress.event(contents)?;
        entries::write(&mut self.out, &self.progress.last_event(), contents)
    }

    /// Writes a blob. All events have been written, and its hash is higher than those of the blobs before it.
    ///
    /// # Errors
    ///
    /// If one of this is not so, or it cannot be written.
    pub fn blob(&mut self, contents: &[u8]) -> Result<Hash, BackupError> {
        let hash = Hash::of(contents);
        self.progress.blob(hash)?;
        entries::write(&mut self.out, &format!("{BLOBS}{hash}"), contents)?;
        Ok(hash)
    }

    /// Ends the backup: without this it is none.
    ///
    /// # Errors
    ///
    /// If events are missing, or it cannot be written.
    pub fn finish(mut self) -> Result<W, BackupError> {
        entries::write(&mut self.out, END_JSON, &self.progress.end()?)?;
        let finish = || {
            entries::write_end(&mut self.out)?;
            self.out.finish()?.seal()
        };
        finish().map_err(|source| BackupError::Write {
            item: END_JSON.to_owned(),
            source,
        })
    }
}

impl BackupWriter<BufWriter<&mut File>> {
    /// Writes a backup to a file: `fill` gives events and blobs. The file is there when all of it is written and synced, and not
    /// before; one that was there is replaced.
    ///
    /// # Errors
    ///
    /// If `fill` fails, or as [`new`](BackupWriter::new) and [`finish`](BackupWriter::finish).
    pub fn create<E: From<BackupError>>(
        path: &Path,
        header: &BackupHeader,
        format: &[u8],
        fill: impl FnOnce(&mut BackupWriter<BufWriter<&mut File>>) -> Result<(), E>,
    ) -> Result<(), E> {
        let failed = |source| {
            E::from(BackupError::Open {
                path: path.to_path_buf(),
                source,
            })
        };
        replace(path, Durability::Synced, failed, |file| {
            let mut writer = BackupWriter::new(BufWriter::new(file), header, format)?;
            fill(&mut writer)?;
            writer.finish()?;
            Ok(())
        })
    }
}
