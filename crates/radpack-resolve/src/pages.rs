//! Records and slots of an index that is larger than the processor's caches, on large pages.
//!
//! A look-up goes to two places that nothing foretells. On pages of 4 KiB each is a miss of the processor's table of
//! pages too, which costs about as much as the memory itself. Linux gives pages of 2 MiB to who asks for them, unless
//! they are switched off; where that is so, or on another system, all stays where it was compiled.

use memmap2::MmapMut;

use crate::format::RECORD;
use crate::storage::RecordLines;

/// The size of a large page of the usual processors, in bytes.
const PAGE: usize = 2 << 20;

/// A copy of an index's records and slots.
pub(crate) struct LargePages {
    map: MmapMut,
    records: usize,
    slots: usize,
}

impl LargePages {
    /// `None` where it would not help, or cannot be had.
    pub(crate) fn of(records: &[RecordLines], slots: &[[u8; 8]]) -> Option<Self> {
        let (record_bytes, slots_bytes) = (size_of_val(records), size_of_val(slots));
        let length = record_bytes + slots_bytes;
        if length < 2 * PAGE {
            return None;
        }
        let mut map = MmapMut::map_anon(length.next_multiple_of(PAGE)).ok()?;
        advise(&map)?;
        let (to_records, rest) = map.split_at_mut(record_bytes);
        for (to, record) in to_records.as_chunks_mut().0.iter_mut().zip(records) {
            *to = record.0;
        }
        rest.get_mut(..slots_bytes)?
            .copy_from_slice(slots.as_flattened());
        Some(LargePages {
            map,
            records: records.len(),
            slots: slots.len(),
        })
    }

    pub(crate) fn records(&self) -> &[[u8; RECORD]] {
        let records = self.map.as_chunks().0;
        records.get(..self.records).unwrap_or_default()
    }

    pub(crate) fn slots(&self) -> &[[u8; 8]] {
        let slots = self.map.get(self.records * RECORD..).unwrap_or_default();
        slots.as_chunks().0.get(..self.slots).unwrap_or_default()
    }
}

#[cfg(target_os = "linux")]
fn advise(map: &MmapMut) -> Option<()> {
    map.advise(memmap2::Advice::HugePage).ok()
}

#[cfg(not(target_os = "linux"))]
fn advise(_: &MmapMut) -> Option<()> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_what_is_large() {
        let records: Vec<RecordLines> = (0..40_000u32)
            .map(|number| {
                let mut record = [0; RECORD];
                record[..4].copy_from_slice(&number.to_le_bytes());
                RecordLines(record)
            })
            .collect();
        let slots: Vec<[u8; 8]> = (0..120_003u64).map(u64::to_le_bytes).collect();
        if let Some(pages) = LargePages::of(&records, &slots) {
            assert!(
                pages
                    .records()
                    .iter()
                    .eq(records.iter().map(|record| &record.0))
            );
            assert_eq!(pages.slots(), slots);
        } else {
            assert!(cfg!(not(target_os = "linux")) || no_large_pages());
        }
        assert!(LargePages::of(&records[..100], &slots[..300]).is_none());
    }

    /// Kernels can be built without them.
    fn no_large_pages() -> bool {
        !std::path::Path::new("/sys/kernel/mm/transparent_hugepage").exists()
    }
}
