//! The seal behind a backup: a hash of all its bytes, in a frame that zstd passes over.
//!
//! Compressed bytes have bits that change nothing of what they unpack to. A backup in which one of them has changed is on a disk that
//! changes bits, so that this must be seen, too.

use std::io::{self, Read, Write};

use sha2::{Digest as _, Sha256};

/// How a skippable frame of 32 bytes begins: its mark and its length, little-endian (RFC 8878, 3.1.2).
const HEAD: [u8; 8] = [0x50, 0x2A, 0x4D, 0x18, 32, 0, 0, 0];

/// How long a seal is.
const LENGTH: usize = HEAD.len() + 32;

/// How much is read at once.
const CHUNK: usize = 16 * 1024;

/// Hashes what is written, to seal it.
pub(super) struct SealWriter<W> {
    out: W,
    hash: Sha256,
}

impl<W: Write> SealWriter<W> {
    pub(super) fn new(out: W) -> SealWriter<W> {
        SealWriter {
            out,
            hash: Sha256::new(),
        }
    }

    /// Writes the seal: that was all.
    pub(super) fn seal(mut self) -> io::Result<W> {
        self.out.write_all(&HEAD)?;
        self.out.write_all(&self.hash.finalize())?;
        self.out.flush()?;
        Ok(self.out)
    }
}

impl<W: Write> Write for SealWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.hash.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Gives all bytes but the seal's, and looks at the end whether it is theirs.
pub(super) struct SealReader<R> {
    input: R,
    hash: Sha256,
    /// What was read and not given: the last of it may be the seal.
    held: Vec<u8>,
    is_over: bool,
}

impl<R: Read> SealReader<R> {
    pub(super) fn new(input: R) -> SealReader<R> {
        SealReader {
            input,
            hash: Sha256::new(),
            held: Vec::new(),
            is_over: false,
        }
    }

    fn check(&self) -> io::Result<()> {
        let hash = self.hash.clone().finalize();
        match self.held.split_at_checked(HEAD.len()) {
            Some((head, sealed)) if head == HEAD && sealed == hash.as_slice() => Ok(()),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the seal behind it is not that of these bytes: some are missing, or have changed",
            )),
        }
    }
}

impl<R: Read> Read for SealReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.is_over && self.held.len() <= LENGTH {
            let start = self.held.len();
            self.held.resize(start + CHUNK, 0);
            let read = self.input.read(&mut self.held[start..]);
            self.held.truncate(start + *read.as_ref().unwrap_or(&0));
            self.is_over = read? == 0;
        }
        let count = self.held.len().saturating_sub(LENGTH).min(buffer.len());
        if count == 0 && !buffer.is_empty() {
            self.check()?;
        }
        let (given, _) = self.held.split_at(count);
        buffer[..count].copy_from_slice(given);
        self.hash.update(given);
        self.held.drain(..count);
        Ok(count)
    }
}
