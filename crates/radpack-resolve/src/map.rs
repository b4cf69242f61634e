//! Mapping an index file into memory: the one place of this crate that needs `unsafe`.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::path::Path;

use memmap2::Mmap;

/// Maps a file for reading.
pub(crate) fn map(path: &Path) -> io::Result<Mmap> {
    let file = File::open(path)?;
    // SAFETY: the bytes of a mapped file can change under us if another process writes to the file in place. Index
    // files are never written in place by this project: they are written aside and renamed, which leaves a mapped file
    // as it was. Should someone do it all the same, every read of the map is of plain bytes through checked slices, and
    // every text is checked to be UTF-8 on each access, so the answers may be wrong but no invariant of a type is
    // broken by a byte that changes between two reads. A file that is cut short under us ends the process with SIGBUS,
    // as it does for every program that maps files; `Index::from_bytes` is there for who cannot rule that out.
    unsafe { Mmap::map(&file) }
}
