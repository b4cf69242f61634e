//! Records and slots of an index that is larger than the processor's caches, on large pages.
//!
//! A look-up goes to two places that nothing foretells. On pages of 4 KiB each is a miss of the processor's table of
//! pages too, which costs about as much as the memory itself. Linux gives pages of 2 MiB to who asks for them, unless
//! they are switched off; where that is so, or on another system, all stays where it was compiled.

use memmap2::MmapMut;

/// The size of a large page of the usual processors, in bytes.
const PAGE: usize = 2 << 20;

/// Room for so many bytes, all zero. `None` where large pages would not help, or cannot be had.
pub(crate) fn large(length: usize) -> Option<MmapMut> {
    if length < 2 * PAGE {
        return None;
    }
    let map = MmapMut::map_anon(length.next_multiple_of(PAGE)).ok()?;
    advise(&map)?;
    Some(map)
}

#[cfg(target_os = "linux")]
fn advise(map: &MmapMut) -> Option<()> {
    map.advise(memmap2::Advice::HugePage).ok()
}

#[cfg(not(target_os = "linux"))]
fn advise(_: &MmapMut) -> Option<()> {
    None
}
