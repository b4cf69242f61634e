//! One pass over the text of a canonical manifest, straight into an index: what `radpack build` writes, read at the
//! speed of memory, its strings left where they stand.
//!
//! It takes exactly what canonical writing gives (manifest.md) and nothing else. At anything else, be it legal or not
//! (other key orders, white space, escapes, unknown keys, errors), it gives up without a word, and `radpack-manifest`
//! reads the text instead: that is where errors are found and told, and the oracle that this scanner is tested against.

use std::collections::BTreeMap;

use radpack_manifest::{Id, Limits};
use radpack_version::{MAX_COMPONENT, Simple, Spec, VersionRef};
use wide::u8x16;

use super::writer::{Text, Writer};
use crate::error::IndexError;
use crate::format::{KIND_FILE, KIND_NONE, KIND_URL, VariantRow};
use crate::split::split;

/// What became of a scan.
pub(crate) enum Scanned {
    Done,
    /// Not in canonical form; here is the text again.
    NotCanonical(Vec<u8>),
}

/// Reads one layer from its text.
pub(crate) fn scan(
    writer: &mut Writer,
    json: Vec<u8>,
    limits: &Limits,
    default_vars: &BTreeMap<String, String>,
) -> Result<Scanned, IndexError> {
    let base = writer.parts.strings.len();
    if json.len() > limits.bytes || u32::try_from(base + json.len()).is_err() {
        return Ok(Scanned::NotCanonical(json));
    }
    let mark = writer.mark();
    writer.reserve(json.len());
    let vars = match str::from_utf8(&json) {
        Ok(text) => {
            let mut scanner = Scanner {
                text,
                bytes: text.as_bytes(),
                at: 0,
                base: base as u32,
                exports: limits.exports,
            };
            match scanner.manifest(writer) {
                Ok(vars) => Some(vars),
                Err(Stop::NotCanonical) => None,
                Err(Stop::Index(error)) => return Err(error),
            }
        }
        Err(_) => None,
    };
    let Some(vars) = vars else {
        writer.reset(&mark);
        return Ok(Scanned::NotCanonical(json));
    };
    let mut all: BTreeMap<&str, &str> = default_vars
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    all.extend(vars.iter().map(|(name, value)| (&**name, &**value)));
    if base == 0 {
        writer.parts.strings = json;
    } else {
        writer.parts.strings.extend_from_slice(&json);
    }
    writer.vars(&all)?;
    Ok(Scanned::Done)
}

enum Stop {
    NotCanonical,
    Index(IndexError),
}

impl From<IndexError> for Stop {
    fn from(error: IndexError) -> Self {
        Stop::Index(error)
    }
}

type Scan<T> = Result<T, Stop>;

struct Scanner<'j> {
    text: &'j str,
    bytes: &'j [u8],
    at: usize,
    /// Where this text will stand in the strings.
    base: u32,
    /// How many more exports are allowed.
    exports: usize,
}

impl<'j> Scanner<'j> {
    fn manifest(&mut self, writer: &mut Writer) -> Scan<BTreeMap<String, String>> {
        let mut vars = BTreeMap::new();
        self.expect(b"{")?;
        if self.take(b"\"vars\":{") {
            loop {
                self.expect(b"\"")?;
                let name = self.string()?;
                self.expect(b":\"")?;
                let value = self.string()?;
                if vars
                    .insert(self.slice(name).to_owned(), self.slice(value).to_owned())
                    .is_some()
                {
                    return Err(Stop::NotCanonical);
                }
                if !self.take(b",") {
                    break;
                }
            }
            self.expect(b"},")?;
        }
        self.expect(b"\"exports\":{")?;
        let mut previous = "";
        if !self.take(b"}") {
            loop {
                self.expect(b"\"")?;
                let name = self.string()?;
                let text = self.slice(name);
                if text <= previous || (!is_plain_name(text) && Id::check_name(text).is_err()) {
                    return Err(Stop::NotCanonical);
                }
                previous = text;
                self.expect(b":{")?;
                self.package(writer, name)?;
                if !self.take(b",") {
                    break;
                }
            }
            self.expect(b"}")?;
        }
        self.expect(b"}")?;
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if rest
            .iter()
            .all(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t'))
        {
            Ok(vars)
        } else {
            Err(Stop::NotCanonical)
        }
    }

    fn package(&mut self, writer: &mut Writer, name: Text) -> Scan<()> {
        writer.begin_package(self.at_base(name))?;
        self.versions(writer)?;
        self.expect(b",\"d\":[")?;
        let mut entries = 0;
        let mut outsides = 0;
        let mut highest = None;
        let mut previous = "";
        if !self.take(b"]") {
            loop {
                if self.take(b"[") {
                    if outsides > 0 {
                        return Err(Stop::NotCanonical);
                    }
                    self.expect(b"\"")?;
                    let entry = self.string()?;
                    let text = self.slice(entry);
                    if entries > 0 && !comes_before(previous, text) {
                        return Err(Stop::NotCanonical);
                    }
                    if !is_plain_entry(text) && Id::check_entry(text).is_err() {
                        return Err(Stop::NotCanonical);
                    }
                    previous = text;
                    self.expect(b",[")?;
                    self.entry(writer, self.slice(name), entry, &mut highest)?;
                    entries += 1;
                    self.exports = self.exports.checked_sub(1).ok_or(Stop::NotCanonical)?;
                } else {
                    self.expect(b"\"")?;
                    let id = self.string()?;
                    let text = self.slice(id);
                    if (outsides > 0 && text <= previous) || !is_id(text) {
                        return Err(Stop::NotCanonical);
                    }
                    previous = text;
                    writer.outside(self.at_base(id))?;
                    outsides += 1;
                }
                if !self.take(b",") {
                    break;
                }
            }
            self.expect(b"]")?;
        }
        if highest.is_some_and(|highest| highest >= entries + outsides) {
            return Err(Stop::NotCanonical);
        }
        if self.take(b",\"t\":{") {
            let mut previous = "";
            loop {
                self.expect(b"\"")?;
                let tag = self.string()?;
                let text = self.slice(tag);
                self.expect(b":")?;
                let version = self.number()?;
                if text <= previous
                    || !is_plain_tag(text)
                    || version >= writer.versions.len() as u64
                {
                    return Err(Stop::NotCanonical);
                }
                previous = text;
                writer.tag(self.at_base(tag), version as usize)?;
                if !self.take(b",") {
                    break;
                }
            }
            self.expect(b"}")?;
        }
        self.expect(b"}")?;
        writer.end_package()?;
        Ok(())
    }

    fn versions(&mut self, writer: &mut Writer) -> Scan<()> {
        self.expect(b"\"v\":[")?;
        let mut previous: Option<VersionRef<'_>> = None;
        loop {
            self.expect(b"[")?;
            let mut components = [0; 3];
            components[0] = self.number()?;
            let mut count = 1;
            let mut pre = None;
            while self.take(b",") {
                if count < 3 {
                    components[count] = self.number()?;
                    count += 1;
                } else {
                    self.expect(b"\"-")?;
                    pre = Some(self.string()?);
                    break;
                }
            }
            self.expect(b"]")?;
            let mut version = VersionRef::new(components[0], components[1], components[2]);
            if let Some(pre) = pre {
                let pre = self.slice(pre);
                // Rare enough to be checked by the parser that everyone uses.
                if VersionRef::parse(&format!("0.0.0-{pre}")).is_err() || pre.contains('+') {
                    return Err(Stop::NotCanonical);
                }
                version.pre = pre;
            }
            if previous.is_some_and(|previous| previous <= version) {
                return Err(Stop::NotCanonical);
            }
            previous = Some(version);
            let pre = pre.unwrap_or((0, 0));
            writer.version(
                version,
                Some(if pre.1 == 0 {
                    (0, 0)
                } else {
                    self.at_base(pre)
                }),
            )?;
            if !self.take(b",") {
                break;
            }
        }
        self.expect(b"]")
    }

    fn entry(
        &mut self,
        writer: &mut Writer,
        package: &str,
        entry: Text,
        highest: &mut Option<u64>,
    ) -> Scan<()> {
        writer.begin_entry();
        let (first, _) = writer.next_variant()?;
        let versions = writer.versions.len() as u64;
        let mut next_version = 0;
        let mut ordinal = 0;
        loop {
            let (_, dependencies) = writer.next_variant()?;
            self.expect(b"{\"v\":[")?;
            loop {
                let version = self.number()?;
                if version < next_version || version >= versions {
                    return Err(Stop::NotCanonical);
                }
                next_version = version + 1;
                writer.entry_version(version as u32, ordinal);
                if !self.take(b",") {
                    break;
                }
            }
            self.expect(b"]")?;
            let mut row = VariantRow {
                text: (0, 0),
                kind: KIND_NONE,
                integrity: (0, 0),
                dependencies,
                statics: 0,
            };
            if self.take(b",\"f\":\"") {
                let file = self.string()?;
                if !self.is_plain_file(file) {
                    return Err(Stop::NotCanonical);
                }
                (row.kind, row.text) = (KIND_FILE, self.at_base(file));
            }
            if self.take(b",\"u\":\"") {
                let url = self.string()?;
                let text = self.slice(url);
                if !text.starts_with("https://") && !text.starts_with("http://") {
                    return Err(Stop::NotCanonical);
                }
                // A URL may name the file, for which there is no room beside it.
                if row.kind == KIND_FILE && text.contains("${") {
                    return Err(Stop::NotCanonical);
                }
                (row.kind, row.text) = (KIND_URL, self.at_base(url));
            }
            if self.take(b",\"s\":[") {
                row.statics = self.dependencies(writer, highest)?;
            }
            if self.take(b",\"d\":[") {
                self.dependencies(writer, highest)?;
            }
            if self.take(b",\"i\":\"") {
                let integrity = self.string()?;
                row.integrity = self.at_base(integrity);
            }
            self.expect(b"}")?;
            writer.variant(row);
            ordinal += 1;
            if !self.take(b",") {
                break;
            }
        }
        self.expect(b"]]")?;
        writer.end_entry(package, self.at_base(entry), self.slice(entry), first)?;
        Ok(())
    }

    /// Indices, ascending, up to the closing bracket.
    fn dependencies(&mut self, writer: &mut Writer, highest: &mut Option<u64>) -> Scan<u32> {
        let mut count = 0;
        let mut next = 0;
        loop {
            let index = self.number()?;
            if index < next || index > u64::from(u32::MAX / 2) {
                return Err(Stop::NotCanonical);
            }
            next = index + 1;
            writer.dependency(index as u32);
            count += 1;
            if !self.take(b",") {
                break;
            }
        }
        *highest = (*highest).max(Some(next - 1));
        self.expect(b"]")?;
        Ok(count)
    }

    #[inline(always)]
    fn take(&mut self, what: &[u8]) -> bool {
        let found = self.bytes.get(self.at..self.at + what.len()) == Some(what);
        if found {
            self.at += what.len();
        }
        found
    }

    #[inline(always)]
    fn expect(&mut self, what: &[u8]) -> Scan<()> {
        if self.take(what) {
            Ok(())
        } else {
            Err(Stop::NotCanonical)
        }
    }

    /// A number as canonical writing gives it.
    #[inline(always)]
    fn number(&mut self) -> Scan<u64> {
        let start = self.at;
        let mut value = 0u64;
        while let Some(digit) = self
            .bytes
            .get(self.at)
            .map(|byte| byte.wrapping_sub(b'0'))
            .filter(|digit| *digit < 10)
        {
            value = value * 10 + u64::from(digit);
            self.at += 1;
            if self.at - start > 16 {
                return Err(Stop::NotCanonical);
            }
        }
        let length = self.at - start;
        if length == 0 || (length > 1 && self.bytes[start] == b'0') || value > MAX_COMPONENT {
            return Err(Stop::NotCanonical);
        }
        Ok(value)
    }

    /// A string without escapes, its opening quote already taken: offset and length in this text.
    #[inline(always)]
    fn string(&mut self) -> Scan<Text> {
        let start = self.at;
        let mut at = start;
        let end = loop {
            let Some(block) = block(self.bytes, at) else {
                // Within sixteen bytes of the end of the text.
                match self.bytes.get(at) {
                    None => return Err(Stop::NotCanonical),
                    Some(byte) if *byte == b'"' || *byte == b'\\' || *byte < 0x20 => break at,
                    Some(_) => at += 1,
                }
                continue;
            };
            let is_control = block.min(u8x16::splat(0x1f)).simd_eq(block);
            let stop =
                block.simd_eq(u8x16::splat(b'"')) | block.simd_eq(u8x16::splat(b'\\')) | is_control;
            let stop = stop.to_bitmask();
            if stop != 0 {
                break at + stop.trailing_zeros() as usize;
            }
            at += 16;
        };
        if self.bytes[end] != b'"' {
            return Err(Stop::NotCanonical);
        }
        self.at = end + 1;
        // The whole text was seen to be numbered by 32 bits.
        Ok((start as u32, (end - start) as u32))
    }

    /// A path without anything that may climb, be empty, or stand for another character.
    #[inline(always)]
    fn is_plain_file(&self, (start, length): Text) -> bool {
        let (mut slashes, mut dots, mut others) = (0u64, 0u64, 0u64);
        if !(1..=64).contains(&length) {
            return is_plain_file(self.slice((start, length)));
        }
        for at in (0..length).step_by(16) {
            let Some(block) = block(self.bytes, (start + at) as usize) else {
                return is_plain_file(self.slice((start, length)));
            };
            let mask = |byte: u8| u64::from(block.simd_eq(u8x16::splat(byte)).to_bitmask()) << at;
            slashes |= mask(b'/');
            dots |= mask(b'.');
            others |= REFUSED.iter().fold(0, |others, byte| others | mask(*byte));
        }
        // Behind the end are other things.
        let within = u64::MAX >> (64 - length);
        let begins = slashes << 1 | 1;
        let ends = 1 << (length - 1);
        let wrong = (slashes | dots) & begins | dots & dots << 1 | others | slashes & ends;
        wrong & within == 0
    }

    fn slice(&self, (start, length): Text) -> &'j str {
        // Quotes are never within a character, so this cannot fail.
        self.text
            .get(start as usize..(start + length) as usize)
            .unwrap_or_default()
    }

    fn at_base(&self, (start, length): Text) -> Text {
        (self.base + start, length)
    }
}

/// Sixteen bytes of a text, where it has them.
#[inline(always)]
fn block(bytes: &[u8], at: usize) -> Option<u8x16> {
    Some(u8x16::new(*bytes.get(at..)?.first_chunk()?))
}

/// The canonical order of entries: by depth, then by code point. Strictly, so that none occurs twice.
fn comes_before(one: &str, other: &str) -> bool {
    let depth = |entry: &str| entry.bytes().filter(|byte| *byte == b'/').count();
    (depth(one), one) < (depth(other), other)
}

/// Letters, digits, `-` and `_`: what most parts of names consist of.
#[inline(always)]
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// A name that is surely valid, without asking the parser.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name.len() < 200 && name.bytes().all(is_word)
}

/// Segments of word characters, joined by single slashes.
fn is_plain_entry(entry: &str) -> bool {
    let mut last = b'/';
    for byte in entry.bytes() {
        if !(is_word(byte) || (byte == b'/' && last != b'/')) {
            return false;
        }
        last = byte;
    }
    last != b'/' && entry.len() < 1_000
}

fn is_plain_tag(tag: &str) -> bool {
    tag.bytes().all(is_word) && tag.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
}

/// Bytes of files that are for the other reader to judge: what may stand for another character, the control characters
/// that a string may hold, and the first byte of those beyond ASCII.
const REFUSED: [u8; 3] = [b'%', 0x7f, 0xc2];

/// The same byte by byte, for texts of any length.
fn is_plain_file(file: &str) -> bool {
    let mut last = b'/';
    for byte in file.bytes() {
        let doubled = last == byte && (byte == b'/' || byte == b'.');
        if doubled || REFUSED.contains(&byte) || (last == b'/' && (byte == b'.' || byte == b'/')) {
            return false;
        }
        last = byte;
    }
    last != b'/'
}

/// Whether an outside dependency parses.
fn is_id(id: &str) -> bool {
    let parts = split(id.as_bytes());
    let plain = |part: &[u8]| {
        !part.is_empty() && part.len() < 1_000 && part.iter().all(|byte| is_word(*byte))
    };
    let simple_spec = !parts.spec.is_empty() && Simple::parse(parts.spec).is_some();
    let bare = parts.name.len() == id.len();
    let entry = parts.entry.is_empty() || plain(parts.entry);
    if plain(parts.name) && (bare || simple_spec) && entry && !id.ends_with('/') {
        return true;
    }
    // Not every id is plain; templates mean something only at run time.
    match Id::parse(id) {
        Ok(id) => id
            .spec
            .is_none_or(|spec| spec.contains("${") || Spec::parse(spec).is_ok()),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_judged_the_same_by_sixteen_bytes() {
        let pieces = [
            "a",
            "/",
            ".",
            "%",
            "..",
            "//",
            "/.",
            "a-12345678.js",
            "\u{7f}",
            "\u{85}",
            "vendor",
            "é",
        ];
        let mut judged = [0; 2];
        for number in 0..100_000usize {
            let mut file = String::new();
            let mut rest = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            for _ in 0..rest % 9 {
                rest = rest.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 3;
                file.push_str(pieces[rest % pieces.len()]);
            }
            for text in [
                file.clone(),
                format!("{file}%//..behind it, with some more"),
            ] {
                let scanner = Scanner {
                    text: &text,
                    bytes: text.as_bytes(),
                    at: 0,
                    base: 0,
                    exports: 0,
                };
                let expected = is_plain_file(&file);
                assert_eq!(
                    scanner.is_plain_file((0, file.len() as u32)),
                    expected,
                    "{file:?}"
                );
                judged[usize::from(expected)] += 1;
            }
        }
        assert!(judged[0] > 1_000 && judged[1] > 1_000, "{judged:?}");
    }
}
