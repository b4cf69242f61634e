//! The entries of an archive: each of a name and contents, and written in one way only.

use std::io::{self, Read, Write};

use bytes::Bytes;
use tar::{EntryType, Header};

use super::{BLOBS, BackupError};

/// What archives are made of.
const BLOCK: usize = 512;

/// An archive ends with two of them.
const NOTHING: [u8; BLOCK] = [0; BLOCK];

/// How many bytes an entry may have: as many as what it holds has at most.
fn most(name: &str) -> u64 {
    if name.starts_with(BLOBS) {
        crate::blobs::LARGEST
    } else {
        crate::event::LARGEST
    }
}

/// The block before an entry's contents. Nothing in it depends on when or by whom it is written.
fn header(name: &str, length: u64) -> io::Result<Header> {
    let mut header = Header::new_ustar();
    header.set_path(name)?;
    header.set_size(length);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_entry_type(EntryType::Regular);
    header.set_cksum();
    Ok(header)
}

/// How many bytes follow contents, to fill their last block.
fn padding(length: u64) -> usize {
    (BLOCK - (length % BLOCK as u64) as usize) % BLOCK
}

/// Writes an entry.
pub(super) fn write(out: &mut impl Write, name: &str, contents: &[u8]) -> Result<(), BackupError> {
    let length = contents.len() as u64;
    if length > most(name) {
        return Err(too_large(name));
    }
    let mut write = || {
        out.write_all(header(name, length)?.as_bytes())?;
        out.write_all(contents)?;
        out.write_all(&NOTHING[..padding(length)])
    };
    write().map_err(|source| BackupError::Write {
        item: name.to_owned(),
        source,
    })
}

/// Writes the end of the archive.
pub(super) fn write_end(out: &mut impl Write) -> io::Result<()> {
    out.write_all(&NOTHING)?;
    out.write_all(&NOTHING)
}

/// Reads the next entry; `None` is the end of the archive. `after` is the entry before it.
pub(super) fn read(
    input: &mut impl Read,
    after: &str,
) -> Result<Option<(String, Bytes)>, BackupError> {
    let next = || format!("what follows {after}");
    let unreadable = |item: String| move |source| BackupError::Read { item, source };
    let mut block = NOTHING;
    input.read_exact(&mut block).map_err(unreadable(next()))?;
    if block == NOTHING {
        return read_end(input, after).map(|()| None);
    }
    let read = Header::from_byte_slice(&block);
    let name = String::from_utf8(read.path_bytes().into_owned()).ok();
    let known = name.zip(read.entry_size().ok());
    // The block must be the very one that is written for such an entry: no links, no other kinds, no other forms of names.
    let known = known.filter(|(name, length)| {
        header(name, *length).is_ok_and(|header| header.as_bytes() == &block)
    });
    let Some((name, length)) = known else {
        return Err(BackupError::entry(&next(), "it is no entry of a backup"));
    };
    if length > most(&name) {
        return Err(too_large(&name));
    }
    // What is not there takes no memory.
    let mut contents = Vec::new();
    let count = input
        .take(length)
        .read_to_end(&mut contents)
        .map_err(unreadable(name.clone()))?;
    if (count as u64) < length {
        return Err(BackupError::entry(&name, "it is cut off"));
    }
    let mut rest = [0; BLOCK];
    let rest = &mut rest[..padding(length)];
    input.read_exact(rest).map_err(unreadable(name.clone()))?;
    if rest.iter().any(|&byte| byte != 0) {
        return Err(BackupError::entry(&name, "something follows its contents"));
    }
    Ok(Some((name, contents.into())))
}

/// Reads what follows the first block of the end: another one, and nothing else.
fn read_end(input: &mut impl Read, after: &str) -> Result<(), BackupError> {
    let mut rest = Vec::new();
    input
        .take(BLOCK as u64 + 1)
        .read_to_end(&mut rest)
        .map_err(|source| BackupError::Read {
            item: format!("what follows {after}"),
            source,
        })?;
    match rest == NOTHING {
        true => Ok(()),
        false => Err(BackupError::entry(
            after,
            "the archive does not end as it must behind it",
        )),
    }
}

fn too_large(name: &str) -> BackupError {
    BackupError::entry(name, format!("it is larger than {} bytes", most(name)))
}
