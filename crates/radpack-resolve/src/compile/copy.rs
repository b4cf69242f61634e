//! A layer of an index that is compiled already: its rows are copied, and what they name is numbered anew.
//!
//! Nothing is read again, so this takes a fraction of what text does. The index may come from anywhere: what does not lie where it
//! should is an error, and neither row nor text is copied twice, so that a hostile index makes no larger one.

use std::collections::BTreeMap;

use super::writer::{Text, Writer, number, write_text};
use crate::error::IndexError;
use crate::format::{
    INTERNAL, LONG_KEY, LONG_VERSIONS, NAME, NEXT, NONE, OUTSIDE, PACKAGE, Record, TEXTS, read_u16,
    read_u32, write_u16, write_u32,
};
use crate::index::Index;
use crate::storage::RecordLines;

/// Where the next row of each section may begin: those of one export follow those of another.
#[derive(Default)]
struct Ends {
    record: u32,
    variant: u32,
    dependency: u32,
    key: u32,
    long: u32,
    tag: u32,
}

struct Copy<'w, 'i> {
    writer: &'w mut Writer,
    index: &'i Index,
    layer: u32,
    /// Rows that several others name: where each stands now, plus one; zero where it was not copied.
    outsides: Vec<u32>,
    details: Vec<u32>,
    ends: Ends,
    /// Bytes of text that may be copied yet: texts do not overlap.
    text_room: usize,
}

impl Writer {
    /// Copies a layer of an index as the current layer.
    pub(crate) fn copy(
        &mut self,
        index: &Index,
        layer: u32,
        default_vars: &BTreeMap<String, String>,
    ) -> Result<(), IndexError> {
        let (first, end) = sound(index.packages_of(layer))?;
        self.reserve_share(index, (first..end).len());
        self.offered(index.is_offering(layer));
        let mut copy = Copy {
            outsides: vec![0; index.storage.outsides()],
            details: vec![0; index.storage.details()],
            writer: self,
            index,
            layer,
            ends: Ends::default(),
            text_room: index.storage.string_bytes(),
        };
        for package in first..end {
            copy.package(package)?;
        }
        let own = index.vars(layer as usize);
        for (name, value) in &own {
            copy.take_room(name.len() + value.len())?;
        }
        let mut vars: BTreeMap<&str, &str> = default_vars
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        vars.extend(index.base_url().map(|base_url| ("baseUrl", base_url)));
        vars.extend(own);
        self.vars(&vars)
    }
}

impl Copy<'_, '_> {
    fn package(&mut self, number_of_package: u32) -> Result<(), IndexError> {
        let storage = &self.index.storage;
        let row = sound(storage.package(number_of_package))?;
        let stood = (read_u32(row, 0), read_u32(row, 4));
        let name = self.text(stood)?;
        let records = rows(read_u32(row, 8), read_u32(row, 12), &mut self.ends.record)?;
        let tags = rows(read_u32(row, 16), read_u32(row, 20), &mut self.ends.tag)?;
        let mut row = *row;
        write_text(&mut row, 0, name);
        write_u32(
            &mut row,
            8,
            number(self.writer.parts.records.len(), "exports")?,
        );
        write_u32(&mut row, 16, number(self.writer.parts.tags.len(), "tags")?);
        write_u32(&mut row, 24, self.writer.layer.into());
        for record in records.clone() {
            self.record(record, &records, read_u32(&row, 8), (stood, name))?;
        }
        for tag in tags {
            let mut row = *sound(storage.tag(tag))?;
            let name = self.text((read_u32(&row, 0), read_u32(&row, 4)))?;
            write_text(&mut row, 0, name);
            let detail = self.detail(read_u32(&row, 16))?;
            write_u32(&mut row, 16, detail);
            self.writer.parts.tags.push(row);
        }
        self.writer.parts.packages.push(row);
        Ok(())
    }

    /// `own` are the package's records, which begin at `first` now; its name is where it stood, and where it stands.
    fn record(
        &mut self,
        number_of_record: u32,
        own: &std::ops::Range<u32>,
        first: u32,
        (stood, stands): (Text, Text),
    ) -> Result<(), IndexError> {
        let storage = &self.index.storage;
        let row = sound(storage.record(number_of_record))?;
        let record = Record(row);
        if u32::from(record.layer()) != self.layer {
            return Err(IndexError::inconsistent());
        }
        let mut row = *row;
        let flags = record.flags() & !INTERNAL | self.writer.layer_flags;
        write_u16(&mut row, 0, flags);
        write_u16(&mut row, 2, self.writer.layer);
        write_u32(&mut row, 4, self.writer.next_variant()?.0);
        write_u32(&mut row, NEXT, NONE);
        write_u32(
            &mut row,
            12,
            number(self.writer.parts.keys.len(), "versions")?,
        );
        write_u32(
            &mut row,
            PACKAGE,
            number(self.writer.parts.packages.len(), "packages")?,
        );
        if flags & LONG_KEY != 0 {
            let (name, entry) = record.long_key();
            let name = match (name, record.name_len() as u32) {
                name if name == stood => stands,
                other => self.text(other)?,
            };
            let entry = self.text((entry, record.entry_len() as u32))?;
            write_u32(&mut row, NAME, name.0);
            write_u32(&mut row, NAME + 4, entry.0);
        }
        let count = self.index.version_count(record);
        for key in rows(record.keys(), count, &mut self.ends.key)? {
            let key = *sound(storage.key_row(key))?;
            self.writer.parts.keys.push(key);
        }
        let mut variants = 0;
        if flags & LONG_VERSIONS == 0 {
            for position in 0..count {
                variants = variants.max(u32::from(record.ordinal(position as usize)) + 1);
            }
        } else {
            let longs = number(self.writer.parts.longs.len(), "versions")?;
            write_u32(&mut row, TEXTS, count);
            write_u32(&mut row, TEXTS + 4, longs);
            for long in rows(record.longs().1, count, &mut self.ends.long)? {
                let mut row = *sound(storage.long_row(long))?;
                variants = variants.max(sound(read_u32(&row, 0).checked_add(1))?);
                let detail = self.detail(read_u32(&row, 4))?;
                write_u32(&mut row, 4, detail);
                self.writer.parts.longs.push(row);
            }
        }
        for variant in rows(record.variants(), variants, &mut self.ends.variant)? {
            self.variant(variant, own, first)?;
        }
        self.writer.parts.records.push(RecordLines(row));
        Ok(())
    }

    fn variant(
        &mut self,
        number_of_variant: u32,
        own: &std::ops::Range<u32>,
        first: u32,
    ) -> Result<(), IndexError> {
        let storage = &self.index.storage;
        let mut row = sound(storage.variant(number_of_variant))?;
        let next = sound(storage.variant(number_of_variant.saturating_add(1)))?;
        let count = sound(next.dependencies.checked_sub(row.dependencies))?;
        let codes = rows(row.dependencies, count, &mut self.ends.dependency)?;
        row.text = self.text(row.text)?;
        row.integrity = self.text(row.integrity)?;
        row.dependencies = self.writer.next_variant()?.1;
        row.statics = row.statics.min(count);
        for code in codes {
            let code = sound(storage.dependency(code))?;
            let code = match code & OUTSIDE {
                0 if own.contains(&code) => first + (code - own.start),
                0 => return Err(IndexError::inconsistent()),
                _ => OUTSIDE | self.outside(code & !OUTSIDE)?,
            };
            self.writer.parts.dependencies.push(code.to_le_bytes());
        }
        self.writer.variant(row);
        Ok(())
    }

    fn outside(&mut self, outside: u32) -> Result<u32, IndexError> {
        match sound(self.outsides.get(outside as usize))? {
            0 => {}
            now => return Ok(now - 1),
        }
        let row = sound(self.index.storage.outside(outside))?;
        let id = self.text((read_u32(row, 0), read_u16(row, 8).into()))?;
        let now = number(self.writer.parts.outsides.len(), "outside dependencies")?;
        self.writer.outside(id)?;
        self.outsides[outside as usize] = now + 1;
        Ok(now)
    }

    fn detail(&mut self, detail: u32) -> Result<u32, IndexError> {
        if detail == NONE {
            return Ok(NONE);
        }
        match sound(self.details.get(detail as usize))? {
            0 => {}
            now => return Ok(now - 1),
        }
        let mut row = *sound(self.index.storage.detail(detail))?;
        let pre = self.text((read_u32(&row, 24), read_u32(&row, 28)))?;
        write_text(&mut row, 24, pre);
        let now = number(self.writer.parts.details.len(), "prerelease versions")?;
        self.writer.parts.details.push(row);
        self.details[detail as usize] = now + 1;
        Ok(now)
    }

    fn text(&mut self, text: Text) -> Result<Text, IndexError> {
        match text.1 {
            0 => Ok((0, 0)),
            length => {
                self.take_room(length as usize)?;
                self.writer.push_text(sound(self.index.storage.text(text))?)
            }
        }
    }

    fn take_room(&mut self, bytes: usize) -> Result<(), IndexError> {
        self.text_room = sound(self.text_room.checked_sub(bytes))?;
        Ok(())
    }
}

fn sound<T>(row: Option<T>) -> Result<T, IndexError> {
    row.ok_or_else(IndexError::inconsistent)
}

/// So many rows from a first one, if none of them was there before.
fn rows(first: u32, count: u32, end: &mut u32) -> Result<std::ops::Range<u32>, IndexError> {
    if count == 0 {
        return Ok(0..0);
    }
    let rows = first..sound(first.checked_add(count))?;
    if rows.start < *end {
        return Err(IndexError::inconsistent());
    }
    *end = rows.end;
    Ok(rows)
}
