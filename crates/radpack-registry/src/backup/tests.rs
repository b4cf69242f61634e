use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read as _, Write as _};

use bytes::Bytes;
use proptest::prelude::*;

use super::seal::SealWriter;
use super::*;
use crate::event::Event;

/// A registry's objects.
#[derive(Clone, Debug)]
struct Objects {
    format: Vec<u8>,
    events: Vec<Vec<u8>>,
    blobs: BTreeMap<Hash, Vec<u8>>,
}

fn id() -> Uuid {
    Uuid::from_u128(7)
}

fn objects(payloads: &[&str], blobs: &[Vec<u8>]) -> Objects {
    let format = format!(
        r#"{{"format":1,"id":"{}","created":"2026-11-21T14:00:00Z"}}"#,
        id()
    );
    let mut prev = Hash::of(format.as_bytes());
    let events = payloads.iter().zip(1..).map(|(payload, seq)| {
        let event = Event {
            format: 1,
            needs: "0.1.0".to_owned(),
            seq,
            id: Uuid::from_u128(seq.into()),
            command: Uuid::from_u128(seq.into()),
            at: Timestamp::from_second(1_800_000_000 + seq as i64).unwrap(),
            by: "ann".to_owned(),
            prev,
            kind: "said".to_owned(),
            payload: serde_json::json!(payload),
        };
        let bytes = event.to_bytes();
        prev = Hash::of(&bytes);
        bytes
    });
    Objects {
        events: events.collect(),
        format: format.into_bytes(),
        blobs: blobs
            .iter()
            .map(|blob| (Hash::of(blob), blob.clone()))
            .collect(),
    }
}

impl Objects {
    fn point(&self, seq: usize) -> Point {
        let bytes = match seq.checked_sub(1) {
            None => &self.format,
            Some(index) => &self.events[index],
        };
        Point {
            seq: seq as u64,
            hash: Hash::of(bytes),
        }
    }

    fn header(&self, from: usize) -> BackupHeader {
        BackupHeader {
            registry: id(),
            from: self.point(from),
            to: self.point(self.events.len()),
            created: "2026-11-22T00:00:00Z".parse().unwrap(),
        }
    }

    fn fill<W: std::io::Write>(
        &self,
        from: usize,
        writer: &mut BackupWriter<W>,
    ) -> Result<(), BackupError> {
        for event in &self.events[from..] {
            writer.event(event)?;
        }
        for blob in self.blobs.values() {
            writer.blob(blob)?;
        }
        Ok(())
    }

    fn backup(&self, from: usize) -> Vec<u8> {
        let mut writer = BackupWriter::new(Vec::new(), &self.header(from), &self.format).unwrap();
        self.fill(from, &mut writer).unwrap();
        writer.finish().unwrap()
    }
}

/// Everything in a backup.
#[derive(Debug, PartialEq)]
struct Contents {
    header: BackupHeader,
    format: Bytes,
    items: Vec<BackupItem>,
}

fn read(backup: &[u8]) -> Result<Contents, BackupError> {
    let mut reader = BackupReader::new(backup)?;
    let items = reader.by_ref().collect::<Result<_, _>>()?;
    assert!(reader.next().is_none());
    Ok(Contents {
        header: *reader.header(),
        format: reader.format().clone(),
        items,
    })
}

fn small() -> Objects {
    objects(&["one", "two"], &[b"export {};".to_vec(), Vec::new()])
}

/// The archive in a backup.
fn unpacked(backup: &[u8]) -> Vec<u8> {
    zstd::decode_all(backup).unwrap()
}

/// A backup of entries as they are said to be.
fn packed(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, contents) in entries {
        entries::write(&mut archive, name, contents).unwrap();
    }
    entries::write_end(&mut archive).unwrap();
    sealed(&zstd::encode_all(&*archive, 0).unwrap())
}

/// With the seal that belongs behind it.
fn sealed(compressed: &[u8]) -> Vec<u8> {
    let mut writer = SealWriter::new(Vec::new());
    writer.write_all(compressed).unwrap();
    writer.seal().unwrap()
}

/// The entries of a backup, as any program reads them.
fn entries_of(backup: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(Cursor::new(unpacked(backup)));
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut contents = Vec::new();
        entry.read_to_end(&mut contents).unwrap();
        (name, contents)
    });
    entries.collect()
}

#[test]
fn what_is_written_is_read() {
    let objects = small();
    for from in 0..=2 {
        let contents = read(&objects.backup(from)).unwrap();
        assert_eq!(contents.header, objects.header(from));
        assert_eq!(contents.format, objects.format);
        let events: Vec<_> = contents
            .items
            .iter()
            .filter_map(|item| match item {
                BackupItem::Event { recorded, contents } => {
                    assert_eq!(recorded.hash, Hash::of(contents));
                    assert_eq!(recorded.event, Event::from_bytes(contents).unwrap());
                    Some(contents.to_vec())
                }
                BackupItem::Blob { .. } => None,
            })
            .collect();
        assert_eq!(events, objects.events[from..]);
        let blobs: BTreeMap<_, _> = contents
            .items
            .iter()
            .filter_map(|item| match item {
                BackupItem::Blob { hash, contents } => Some((*hash, contents.to_vec())),
                BackupItem::Event { .. } => None,
            })
            .collect();
        assert_eq!(blobs, objects.blobs);
    }
}

/// Backups are kept for years, and are of use without this program.
#[test]
fn any_program_can_unpack_it() {
    let objects = small();
    let entries = entries_of(&objects.backup(1));
    let names: Vec<&str> = entries.iter().map(|(name, _)| &**name).collect();
    let mut expected = vec![
        "backup.json",
        "format.json",
        "events/00000000000000000002.json",
    ];
    let blobs: Vec<String> = objects
        .blobs
        .keys()
        .map(|hash| format!("blobs/sha256/{hash}"))
        .collect();
    expected.extend(blobs.iter().map(String::as_str));
    expected.push("end.json");
    assert_eq!(names, expected);
    let header = String::from_utf8(entries[0].1.clone()).unwrap();
    let [one, two] = [1, 2].map(|seq| objects.point(seq).hash);
    assert_eq!(
        header,
        format!(
            "{{\"format\":1,\"needs\":\"0.1.0\",\"registry\":\"{}\",\"from\":{{\"seq\":1,\"hash\":\"{one}\"}},\
             \"to\":{{\"seq\":2,\"hash\":\"{two}\"}},\"created\":\"2026-11-22T00:00:00Z\"}}\n",
            id()
        )
    );
}

/// Nothing of this may go unnoticed, or stop the program.
#[test]
fn every_flipped_bit_and_every_cut_is_seen() {
    let backup = small().backup(0);
    assert!(read(&backup).is_ok());
    for length in 0..backup.len() {
        assert!(read(&backup[..length]).is_err(), "cut at {length}");
    }
    for bit in 0..backup.len() * 8 {
        let mut flipped = backup.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(read(&flipped).is_err(), "bit {bit}");
    }
    let longer = [&backup[..], b"\0"].concat();
    assert!(read(&longer).is_err());
    assert!(read(&[&backup[..], &backup[..]].concat()).is_err());
}

/// What compression does not notice, the archive must.
#[test]
fn flipped_bits_of_the_archive_are_seen() {
    let archive = unpacked(&small().backup(0));
    // Every position in a byte, and every part of every block.
    for bit in (0..archive.len() * 8).step_by(29) {
        let mut flipped = archive.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let packed = sealed(&zstd::encode_all(&*flipped, 1).unwrap());
        assert!(read(&packed).is_err(), "bit {bit}");
    }
    for length in (0..archive.len()).step_by(64) {
        let cut = sealed(&zstd::encode_all(&archive[..length], 1).unwrap());
        assert!(read(&cut).is_err(), "cut at {length}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    let objects = small();
    let good = entries_of(&objects.backup(0));
    let good: Vec<(&str, &[u8])> = good
        .iter()
        .map(|(name, contents)| (&**name, &**contents))
        .collect();
    assert!(read(&packed(&good)).is_ok());
    let [one, two] = [1, 2].map(|seq| format!("events/{seq:020}.json"));
    let blobs: Vec<String> = objects
        .blobs
        .keys()
        .map(|hash| format!("blobs/sha256/{hash}"))
        .collect();
    type Change<'c> = Box<dyn Fn(&mut Vec<(&'c str, &'c [u8])>) + 'c>;
    let cases: Vec<(&str, Change<'_>, String)> = vec![
        (
            "nothing",
            Box::new(|all| all.clear()),
            "it is no backup of a registry".to_owned(),
        ),
        (
            "no header",
            Box::new(|all| {
                all.remove(0);
            }),
            "it is no backup of a registry".to_owned(),
        ),
        (
            "no format",
            Box::new(|all| {
                all.remove(1);
            }),
            "format.json: it is missing".to_owned(),
        ),
        (
            "an event less",
            Box::new(|all| {
                all.remove(2);
            }),
            format!("{one}: it does not follow what comes before it"),
        ),
        (
            "the last event less",
            Box::new(|all| {
                all.remove(3);
            }),
            format!("{two}: it cannot be read"),
        ),
        (
            "events swapped",
            Box::new(|all| all.swap(2, 3)),
            format!("{one}: it does not follow what comes before it"),
        ),
        (
            "an event twice",
            Box::new(|all| all.insert(3, all[2])),
            format!("{two}: it does not follow what comes before it"),
        ),
        (
            "an event misnamed",
            Box::new(|all| all[2].0 = "events/1.json"),
            format!("events/1.json: {one} should be here"),
        ),
        (
            "an event behind",
            Box::new(|all| all.insert(4, all[3])),
            format!("{two}: no backup has such an entry here"),
        ),
        (
            "blobs swapped",
            Box::new(|all| all.swap(4, 5)),
            format!(
                "{}: it comes after a blob that it should come before",
                blobs[0]
            ),
        ),
        (
            "a blob twice",
            Box::new(|all| all.insert(5, all[4])),
            format!(
                "{}: it comes after a blob that it should come before",
                blobs[0]
            ),
        ),
        (
            "a blob less",
            Box::new(|all| {
                all.remove(4);
            }),
            "end.json: it tells of other entries than were before it".to_owned(),
        ),
        (
            "other contents",
            Box::new(|all| all[4].1 = b"other"),
            format!("{}: it has other contents than its name says", blobs[0]),
        ),
        (
            "no end",
            Box::new(|all| {
                all.pop();
            }),
            "end.json: it is missing".to_owned(),
        ),
        (
            "more behind the end",
            Box::new(|all| all.push(("x", b""))),
            "x: nothing is to be here".to_owned(),
        ),
        (
            "a stranger",
            Box::new(|all| all.insert(5, ("extra.json", b"{}"))),
            "extra.json: no backup has such an entry here".to_owned(),
        ),
        (
            "a blob of no hash",
            Box::new(|all| all[4].0 = "blobs/sha256/ABC"),
            "blobs/sha256/ABC: no backup has such an entry here".to_owned(),
        ),
        (
            "another registry",
            Box::new(|all| all[1].1 = br#"{"id":"00000000-0000-0000-0000-000000000001"}"#),
            "format.json: it is of another registry".to_owned(),
        ),
    ];
    for (case, change, expected) in cases {
        let mut entries = good.clone();
        change(&mut entries);
        assert_eq!(
            read(&packed(&entries)).unwrap_err().to_string(),
            expected,
            "{case}"
        );
    }
}

#[test]
fn names_that_lead_elsewhere_are_no_entries() {
    let objects = small();
    let archive = unpacked(&objects.backup(0));
    // The block of the first event, whose name is overwritten.
    let at = archive
        .windows(7)
        .position(|window| window == b"events/")
        .unwrap();
    for name in ["/etc/passwd", "../../etc/passwd", "events/../../x"] {
        let mut archive = archive.clone();
        let mut header = tar::Header::from_byte_slice(&archive[at..at + 512]).clone();
        let old = header.as_old_mut();
        old.name = [0; 100];
        old.name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        archive[at..at + 512].copy_from_slice(header.as_bytes());
        let error = read(&sealed(&zstd::encode_all(&*archive, 0).unwrap())).unwrap_err();
        assert!(
            matches!(error, BackupError::Entry { .. }),
            "{name}: {error}"
        );
    }
}

#[test]
fn what_a_later_version_wrote_names_that_version() {
    let json = br#"{"format":2,"needs":"3.4.0","registries":[]}"#;
    let error = read(&packed(&[("backup.json", json)])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "it is of format 2; this build reads formats up to 1: use Radpack 3.4.0 or later"
    );
    for json in [&b""[..], b"{}", b"[]", br#"{"format":1,"needs":"0.1.0"}"#] {
        let error = read(&packed(&[("backup.json", json)])).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("backup.json: it cannot be read"),
            "{error}"
        );
    }
    for other in [&b""[..], b"{}", b"PK\x03\x04"] {
        assert!(matches!(read(other), Err(BackupError::NoBackup)));
    }
}

/// An entry that says it is large takes no memory before it is.
#[test]
fn lengths_are_not_believed() {
    let archive = unpacked(&small().backup(0));
    for (length, expected) in [
        (1_u64 << 20, "backup.json: it is cut off"),
        (1 << 40, "backup.json: it is larger than 67108864 bytes"),
    ] {
        let mut archive = archive.clone();
        let mut header = tar::Header::from_byte_slice(&archive[..512]).clone();
        header.set_size(length);
        header.set_cksum();
        archive[..512].copy_from_slice(header.as_bytes());
        let error = read(&sealed(&zstd::encode_all(&*archive, 0).unwrap())).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_writer_takes_what_a_reader_would() {
    let objects = small();
    let begin = || BackupWriter::new(Vec::new(), &objects.header(0), &objects.format).unwrap();
    let mut writer = begin();
    assert!(matches!(
        writer.event(&objects.events[1]),
        Err(BackupError::Chain { .. })
    ));
    assert!(matches!(
        writer.event(b"{}"),
        Err(BackupError::Event { .. })
    ));
    assert!(writer.blob(b"x").is_err(), "events are missing");
    writer.event(&objects.events[0]).unwrap();
    let missing = writer.finish().unwrap_err();
    assert_eq!(
        missing.to_string(),
        "events/00000000000000000002.json: it is missing"
    );

    let mut writer = begin();
    objects.fill(0, &mut writer).unwrap();
    assert!(writer.event(&objects.events[1]).is_err());
    let last = objects.blobs.values().last().unwrap();
    assert!(writer.blob(last).is_err());

    let header = objects.header(0);
    for wrong in [
        BackupHeader {
            registry: Uuid::nil(),
            ..header
        },
        BackupHeader {
            from: header.to,
            to: header.from,
            ..header
        },
        BackupHeader {
            from: Point {
                hash: header.to.hash,
                ..header.from
            },
            ..header
        },
        BackupHeader {
            from: Point {
                hash: header.from.hash,
                ..header.to
            },
            ..header
        },
    ] {
        assert!(
            BackupWriter::new(Vec::new(), &wrong, &objects.format).is_err(),
            "{wrong:?}"
        );
    }
    let other = BackupHeader {
        to: Point {
            hash: header.from.hash,
            ..header.to
        },
        ..header
    };
    let mut writer = BackupWriter::new(Vec::new(), &other, &objects.format).unwrap();
    assert!(objects.fill(0, &mut writer).is_err());
}

#[test]
fn a_file_is_there_when_it_is_whole() {
    let objects = small();
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("backup");
    let header = objects.header(0);
    let failed: Result<(), BackupError> =
        BackupWriter::create(&path, &header, &objects.format, |writer| {
            writer.event(&objects.events[0])
        });
    assert!(failed.is_err());
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    BackupWriter::create(&path, &header, &objects.format, |writer| {
        objects.fill(0, writer)
    })
    .unwrap();
    assert_eq!(fs::read(&path).unwrap(), objects.backup(0));
    assert_eq!(BackupReader::open(&path).unwrap().count(), 4);
    let nowhere = place.path().join("none").join("backup");
    assert!(matches!(
        BackupReader::open(&nowhere),
        Err(BackupError::Open { .. })
    ));
    let nowhere = BackupWriter::create(&nowhere, &header, &objects.format, |writer| {
        objects.fill(0, writer)
    });
    assert!(matches!(nowhere, Err(BackupError::Open { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_contents_come_back_and_any_flipped_bit_is_seen(
        payloads in prop::collection::vec("[ -~]{0,40}", 0..6),
        blobs in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..2_000), 0..5),
        bits in prop::collection::vec(any::<prop::sample::Index>(), 20),
    ) {
        let payloads: Vec<&str> = payloads.iter().map(String::as_str).collect();
        let objects = objects(&payloads, &blobs);
        let backup = objects.backup(0);
        let contents = read(&backup).unwrap();
        prop_assert_eq!(contents.items.len(), objects.events.len() + objects.blobs.len());
        for bit in bits {
            let bit = bit.index(backup.len() * 8);
            let mut flipped = backup.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(read(&flipped).is_err(), "bit {}", bit);
        }
    }
}
