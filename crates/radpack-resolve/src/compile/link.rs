//! The last step of compiling: every export into the slots, every outside dependency to the record that it names.

use super::writer::Writer;
use crate::error::IndexError;
use crate::format::{NEXT, NONE, Record, VariantRow, read_u16, read_u32, write_u16, write_u32};
use crate::hash;
use crate::index::{Index, MAX_PROBES, next_slot, slot_of};
use crate::split::split;
use crate::storage::Storage;

/// Seeds to try before the table is made larger.
const SEEDS: u64 = 8;

impl Writer {
    /// Links all layers.
    pub(crate) fn finish(mut self) -> Result<Index, IndexError> {
        // Closes the dependencies of the last variant.
        let (_, dependencies) = self.next_variant()?;
        self.variant(VariantRow {
            text: (0, 0),
            kind: 0,
            integrity: (0, 0),
            dependencies,
            statics: 0,
        });
        let mut index = Index::new(Storage::compiled(self.parts));
        let ((slots, nexts), seed) = fill(&index)?;
        if let Some(parts) = index.storage.parts_mut() {
            for (record, next) in nexts {
                write_u32(&mut parts.records[record as usize].0, NEXT, next);
            }
        }
        index.storage.settle(&slots, seed);
        drop(slots);
        let links = links(&index);
        if let Some(parts) = index.storage.parts_mut() {
            for (row, (record, spec)) in parts.outsides.iter_mut().zip(links) {
                write_u32(row, 4, record);
                write_u16(row, 10, spec.0);
                write_u16(row, 12, spec.1);
            }
        }
        Ok(index)
    }
}

/// The slots, and which record lies on which.
type Table = (Vec<[u8; 8]>, Vec<(u32, u32)>);

/// Hashes all records. One slot in four is taken, so that nearly all keys stand in the slot where their search begins
/// or in the next: a branch that the processor could not foresee costs more than the memory.
fn fill(index: &Index) -> Result<(Table, u64), IndexError> {
    let records = index.len();
    let mut size = records * 4 + 8;
    loop {
        for seed in 0..SEEDS {
            if let Some(table) = try_fill(index, size, seed) {
                return Ok((table, seed));
            }
        }
        size *= 2;
        if size > u32::MAX as usize {
            return Err(IndexError::too_large("exports", (u32::MAX / 2).into()));
        }
    }
}

/// `None`: some key would stand too far from where its search begins.
fn try_fill(index: &Index, size: usize, seed: u64) -> Option<Table> {
    let mut slots = vec![[0; 8]; size];
    let mut distances = vec![0; size];
    let mut nexts = Vec::new();
    for number in 0..index.len() as u32 {
        let record = Record(index.storage.record(number)?);
        let (name, entry_name) = (index.name_bytes(record)?, index.entry_bytes(record)?);
        let hash = hash::key(seed, name, entry_name);
        let entry = (hash >> 32 << 32) | u64::from(number + 1);
        let home = slot_of(hash, size);
        match standing(index, &slots, home, hash, name, entry_name)? {
            Some((at, below)) => {
                nexts.push((number, below));
                slots[at] = entry.to_le_bytes();
            }
            None => insert(&mut slots, &mut distances, home, entry)?,
        }
    }
    Some((slots, nexts))
}

/// Where the same export of a layer below stands, and its record; `None` around it: the run is too long.
fn standing(
    index: &Index,
    slots: &[[u8; 8]],
    home: usize,
    hash: u64,
    name: &[u8],
    entry: &[u8],
) -> Option<Option<(usize, u32)>> {
    let mut at = home;
    for _ in 0..MAX_PROBES {
        let slot = u64::from_le_bytes(slots[at]);
        if slot == 0 {
            return Some(None);
        }
        let below = (slot as u32).wrapping_sub(1);
        if slot >> 32 == hash >> 32
            && index.is_key_of(Record(index.storage.record(below)?), name, entry)
        {
            return Some(Some((at, below)));
        }
        at = next_slot(at, slots.len());
    }
    None
}

/// Puts a new entry into the slots. Who stands nearer to where its search begins makes room and goes on: so few stand
/// further than one slot from there, which is as far as the hot lane looks.
fn insert(slots: &mut [[u8; 8]], distances: &mut [u8], home: usize, entry: u64) -> Option<()> {
    let (mut at, mut distance, mut entry) = (home, 0, entry.to_le_bytes());
    while slots[at] != [0; 8] {
        if distances[at] < distance {
            std::mem::swap(&mut slots[at], &mut entry);
            std::mem::swap(&mut distances[at], &mut distance);
        }
        at = next_slot(at, slots.len());
        distance += 1;
        if usize::from(distance) == MAX_PROBES {
            return None;
        }
    }
    (slots[at], distances[at]) = (entry, distance);
    Some(())
}

/// For each outside dependency: the record it names, and where in its id the spec stands.
fn links(index: &Index) -> Vec<(u32, (u16, u16))> {
    let rows = index.storage.outsides() as u32;
    (0..rows)
        .map(|row| {
            let link = || {
                let row = index.storage.outside(row)?;
                let id = index
                    .storage
                    .text((read_u32(row, 0), read_u16(row, 8).into()))?;
                let parts = split(id.as_bytes());
                // Ids with a template or a scope mean something only at run time.
                if id.contains("${") || id.starts_with('~') {
                    return None;
                }
                let record = index.find(parts.name, parts.entry)?;
                let start = if parts.spec.is_empty() {
                    0
                } else {
                    parts.name.len() + 1
                };
                Some((record, (start as u16, parts.spec.len() as u16)))
            };
            link().unwrap_or((NONE, (0, 0)))
        })
        .collect()
}
