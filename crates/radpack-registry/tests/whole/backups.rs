//! Backups: what comes back is what went in, and what was damaged does not come back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use radpack_registry::rules::CreateToken;
use radpack_registry::state::token::{Right, Token};
use radpack_registry::{
    BackupError, BackupHeader, BackupWriter, Caller, CareError, Command, CommitError, Hash,
    History, HistoryError, ManifestQuery, Point, RefusalKind, Registry, Store,
};
use semver::Version;
use uuid::Uuid;

use crate::store::{memory, sound, steered};
use crate::work::{
    ann, create_draft, hash, kinds, newest, plain, publish, release, rollback, save_draft, verified,
};

/// A registry in which much has happened, and backups of it, each based on the one before.
async fn made(folder: &Path) -> (Registry, Vec<PathBuf>) {
    let (registry, _) = Registry::init(sound(&memory())).await.unwrap();
    let files: Vec<PathBuf> = (0..3).map(|n| folder.join(format!("{n}.backup"))).collect();
    publish("shapes", &["a", "b"]).run(&registry).await;
    release("shapes", Version::new(1, 0, 0), None)
        .run(&registry)
        .await;
    registry.backup(&files[0], None).await.unwrap();
    // Bytes that were swept before they were needed: they lie under another name.
    let name = format!("blobs/sha256/{}", hash("square"));
    registry
        .store()
        .put_new(&name, "square".into())
        .await
        .unwrap();
    registry
        .gc_older_than(&ann(), Duration::ZERO)
        .await
        .unwrap();
    publish("squares", &["square", "b"]).run(&registry).await;
    release("squares", Version::new(1, 0, 0), None)
        .run(&registry)
        .await;
    registry.backup(&files[1], Some(&files[0])).await.unwrap();
    create_draft("mine", "shapes").run(&registry).await;
    save_draft("mine", 1, "draft").run(&registry).await;
    publish("shapes", &["a2", "b"]).run(&registry).await;
    release("shapes", Version::new(1, 0, 1), None)
        .run(&registry)
        .await;
    rollback("shapes").run(&registry).await;
    registry.backup(&files[2], Some(&files[1])).await.unwrap();
    verified(registry.store().clone()).await;
    (registry, files)
}

async fn objects(store: &Store, folders: &[&str]) -> BTreeMap<String, Bytes> {
    let mut objects = BTreeMap::new();
    for folder in folders {
        for listed in store.list(folder).await.unwrap() {
            let contents = store.get(&listed.name).await.unwrap().unwrap();
            objects.insert(listed.name, contents);
        }
    }
    objects
}

async fn restored(files: &[PathBuf]) -> Result<Registry, CareError> {
    let store = sound(&memory());
    let report = Registry::restore(store, files, &ann()).await?;
    Ok(report.registry)
}

#[tokio::test]
async fn what_comes_back_is_the_same_object_for_object() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, files) = made(folder.path()).await;
    let whole = folder.path().join("whole");
    registry.backup(&whole, None).await.unwrap();
    let expected = objects(registry.store(), &["events", "blobs", "format.json"]).await;
    for files in [files, vec![whole]] {
        let restored = restored(&files).await.unwrap();
        let mut there = objects(restored.store(), &["events", "blobs", "format.json"]).await;
        let (newest, _) = there
            .iter()
            .rfind(|(name, _)| name.starts_with("events/"))
            .unwrap();
        let newest = newest.clone();
        there.remove(&newest);
        assert!(there == expected);
        assert_eq!(kinds(&restored).await.last().unwrap(), "restored");
        verified(restored.store().clone()).await;
        publish("shapes", &["a3", "b"]).run(&restored).await;
        verified(restored.store().clone()).await;
    }
}

#[tokio::test]
async fn backups_that_do_not_follow_one_another_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (_, files) = made(folder.path()).await;
    for order in [&[0, 2][..], &[1], &[1, 2], &[0, 0], &[0, 2, 1]] {
        let files: Vec<PathBuf> = order.iter().map(|&number| files[number].clone()).collect();
        let refused = restored(&files).await.unwrap_err();
        assert!(matches!(refused, CareError::Order { .. }), "{refused:?}");
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let (_, others) = made(elsewhere.path()).await;
    let mixed = [files[0].clone(), others[1].clone()];
    let refused = restored(&mixed).await.unwrap_err();
    assert!(matches!(refused, CareError::Registry { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_flipped_bit_is_refused_by_restore() {
    let folder = tempfile::tempdir().unwrap();
    let (_, files) = made(folder.path()).await;
    let backup = std::fs::read(&files[1]).unwrap();
    let broken = folder.path().join("broken");
    let mut tried = 0;
    for at in (fastrand::usize(..97)..backup.len()).step_by(97) {
        let mut contents = backup.clone();
        contents[at] ^= 1 << fastrand::u8(..8);
        std::fs::write(&broken, contents).unwrap();
        let store = sound(&memory());
        let files = [files[0].clone(), broken.clone()];
        let refused = Registry::restore(store.clone(), &files, &ann()).await;
        assert!(refused.is_err(), "byte {at}");
        let opened = History::open(store).await;
        assert!(matches!(opened, Err(HistoryError::Missing { .. })));
        tried += 1;
    }
    assert!(tried > 10, "{tried}");
}

#[tokio::test]
async fn a_flipped_bit_is_named_by_verify() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, _) = made(folder.path()).await;
    registry.checkpoint().await.unwrap();
    let store = registry.store();
    let there = objects(store, &["events", "blobs", "checkpoints"]).await;
    let newest = format!("events/{:020}.json", kinds(&registry).await.len());
    let mut tried = BTreeSet::new();
    for (name, contents) in &there {
        for _ in 0..3 {
            let mut broken = contents.to_vec();
            let at = fastrand::usize(..broken.len());
            broken[at] ^= 1 << fastrand::u8(..8);
            store.delete(name).await.unwrap();
            store.put_new(name, broken.into()).await.unwrap();
            let findings = registry.verify().await.unwrap().findings;
            let folder = name.split('/').next().unwrap();
            let is_found = match folder {
                "blobs" => findings.iter().any(|found| found.object == *name),
                // Of the newest event, only the checkpoint tells what it was.
                "events" if *name == newest => !findings.is_empty(),
                _ => findings
                    .iter()
                    .any(|found| found.object.starts_with(folder)),
            };
            assert!(is_found, "bit of byte {at} of {name}: {findings:?}");
            tried.insert(folder);
        }
        store.delete(name).await.unwrap();
        store.put_new(name, contents.clone()).await.unwrap();
    }
    assert_eq!(tried, BTreeSet::from(["blobs", "checkpoints", "events"]));
    verified(store.clone()).await;
}

#[tokio::test]
async fn a_restore_that_was_cut_short_is_no_registry_and_can_be_done_again() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, files) = made(folder.path()).await;
    let objects = memory();
    let (store, plans) = steered(&objects);
    let hold = plans.hold("put", "format.json");
    let restoring = {
        let files = files.clone();
        tokio::spawn(async move { Registry::restore(store, &files, &ann()).await.map(|_| ()) })
    };
    hold.reached().await;
    restoring.abort();
    assert!(restoring.await.unwrap_err().is_cancelled());
    let store = sound(&objects);
    let opened = History::open(store.clone()).await;
    assert!(matches!(opened, Err(HistoryError::Missing { .. })));
    // Less of it would be taken for what it is not.
    let refused = Registry::restore(store.clone(), &files[..2], &ann()).await;
    assert!(
        matches!(refused, Err(CareError::NotEmpty { .. })),
        "{refused:?}"
    );
    let report = Registry::restore(store.clone(), &files, &ann())
        .await
        .unwrap();
    let mut expected = kinds(&registry).await;
    expected.push("restored".to_owned());
    assert_eq!(kinds(&report.registry).await, expected);
    verified(store.clone()).await;
    let refused = Registry::restore(store, &files, &ann()).await;
    assert!(matches!(refused, Err(CareError::NotEmpty { .. })));
}

#[tokio::test]
async fn a_backup_that_was_cut_short_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let objects = memory();
    let (registry, _) = Registry::init(sound(&objects)).await.unwrap();
    publish("shapes", &["a", "b"]).run(&registry).await;
    let (store, plans) = steered(&objects);
    let held = Registry::open(store).await.unwrap();
    held.refresh().await.unwrap();
    let file = folder.path().join("backup");
    let hold = plans.hold("get", "blobs/");
    let saving = {
        let file = file.clone();
        tokio::spawn(async move { held.backup(&file, None).await.map(|_| ()) })
    };
    hold.reached().await;
    saving.abort();
    assert!(saving.await.unwrap_err().is_cancelled());
    // Whoever writes the file knows it a little later.
    while std::fs::read_dir(folder.path()).unwrap().next().is_some() {
        assert!(!file.exists());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    registry.backup(&file, None).await.unwrap();
    assert!(file.exists());
}

#[tokio::test]
async fn tokens_are_worth_nothing_after_a_restore() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, _) = made(folder.path()).await;
    let secret = Token::new_secret();
    let create = CreateToken {
        token: Uuid::now_v7(),
        secret: Token::digest(&secret),
        holder: "ben".to_owned(),
        rights: BTreeSet::from([Right::Read, Right::Publish]),
        packages: BTreeSet::from(["*".to_owned()]),
        expires: None,
    };
    plain(create).run(&registry).await;
    let file = folder.path().join("whole");
    registry.backup(&file, None).await.unwrap();
    let restored = restored(&[file]).await.unwrap();
    let ben = Caller {
        name: "ben".to_owned(),
        token: Some(secret),
    };
    let work = publish("shapes", &["a4", "b"]);
    for (registry, may) in [(&registry, true), (&restored, false)] {
        let command = Command::new("ben");
        let carried = registry
            .carry_out_with(&ben, &command, &work.rule, &work.uploads)
            .await;
        match carried {
            Ok(_) => assert!(may),
            Err(CommitError::Refused(refusal)) => {
                assert!(!may && refusal.kind() == RefusalKind::Denied, "{refusal}");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn packages_of_a_backup_come_into_a_registry_that_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, _) = made(folder.path()).await;
    let file = folder.path().join("whole");
    registry.backup(&file, None).await.unwrap();
    let (target, _) = Registry::init(sound(&memory())).await.unwrap();
    publish("circles", &["round", "b"]).run(&target).await;
    // Bytes that come with it had been swept here.
    let name = format!("blobs/sha256/{}", hash("a"));
    target.store().put_new(&name, "a".into()).await.unwrap();
    target.gc_older_than(&ann(), Duration::ZERO).await.unwrap();
    let names = ["shapes".to_owned()];
    let command = Command::new("ann");
    let import = async |command: Command| target.import(&ann(), &command, &file, &names).await;
    let first = import(command.clone()).await.unwrap();
    let first = first.committed.unwrap();
    assert!(!first.repeated && first.recorded.event.seq == 3);
    let again = Command::again(command.id, "ann");
    let again = import(again).await.unwrap().committed.unwrap();
    assert!(again.repeated && again.recorded == first.recorded);
    let refused = import(Command::new("ann")).await.unwrap_err();
    assert!(
        matches!(&refused, CareError::Commit(CommitError::Refused(refusal)) if refusal.kind() == RefusalKind::Conflict),
        "{refused:?}"
    );
    verified(target.store().clone()).await;
    assert!(
        target
            .store()
            .get(&format!("{name}.2"))
            .await
            .unwrap()
            .is_some()
    );
    let mut served = Vec::new();
    for registry in [&registry, &target] {
        let moment = registry.refresh().await.unwrap();
        registry.read_all(&moment).await.unwrap();
        let query = ManifestQuery::default();
        let manifest = moment.state.manifest(&query, moment.now()).unwrap();
        served.push(manifest.exports["shapes"].clone());
    }
    assert_eq!(served[0], served[1]);
    let version = newest(&registry, "shapes").await;
    assert_eq!(newest(&target, "shapes").await, version);
    publish("shapes", &["a5", "b"]).run(&target).await;
    verified(target.store().clone()).await;
}

/// A backup as anyone could make one: of the events of a registry, changed in their text, and of some bytes.
async fn forged(registry: &Registry, file: &Path, change: (&str, &str), blobs: bool) {
    let format = registry.store().get("format.json").await.unwrap().unwrap();
    let event = registry.history().event(1).await.unwrap().unwrap().event;
    let event = serde_json::to_string(&event).unwrap();
    assert!(event.contains(change.0), "{event}");
    let event = event.replace(change.0, change.1);
    let header = BackupHeader {
        registry: registry.history().id(),
        from: registry.history().beginning().into(),
        to: Point {
            seq: 1,
            hash: Hash::of(event.as_bytes()),
        },
        created: radpack_registry::Timestamp::UNIX_EPOCH,
    };
    let mut bytes = Vec::new();
    for listed in registry.store().list("blobs").await.unwrap() {
        bytes.push(registry.store().get(&listed.name).await.unwrap().unwrap());
    }
    BackupWriter::create::<BackupError>(file, &header, &format, |writer| {
        writer.event(event.as_bytes())?;
        for bytes in bytes.iter().filter(|_| blobs) {
            writer.blob(bytes)?;
        }
        Ok(())
    })
    .unwrap();
}

/// What an event names must be there for good, and what it says is served: a backup may have been made by anyone.
#[tokio::test]
async fn nothing_is_imported_that_could_not_have_been_published() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, _) = Registry::init(sound(&memory())).await.unwrap();
    publish("shapes", &["a"]).run(&registry).await;
    let file = folder.path().join("forged");
    let import = async || {
        let (target, _) = Registry::init(sound(&memory())).await.unwrap();
        let command = Command::new("ann");
        let report = target.import(&ann(), &command, &file, &[]).await;
        let events = verified(target.store().clone()).await.events;
        report.map(|_| events)
    };
    forged(&registry, &file, ("src/0.js", "src/1.js"), true).await;
    assert_eq!(import().await.unwrap(), 1);
    forged(&registry, &file, ("src/0.js", "src/0.js"), false).await;
    let refused = import().await.unwrap_err();
    assert!(
        matches!(refused, CareError::Missing { missing: 2, .. }),
        "{refused:?}"
    );
    for change in [
        ("src/0.js", "../0.js"),
        ("\"e0-", "\"../e0-"),
        ("\"e0\"", "\"~ e0\""),
        ("\"shapes\"", "\"../shapes\""),
        ("\"1.0.0\"", "\"1.0.18446744073709551615\""),
        ("\"exports\":[", "\"statics\":[\"@\"],\"exports\":["),
    ] {
        forged(&registry, &file, change, true).await;
        let refused = import().await.unwrap_err();
        assert!(
            matches!(&refused, CareError::Commit(CommitError::Refused(refusal)) if refusal.kind() == RefusalKind::Invalid),
            "{change:?}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn a_backup_does_not_take_the_place_of_what_it_is_based_on() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, files) = made(folder.path()).await;
    let before = std::fs::read(&files[0]).unwrap();
    let same = folder.path().join(".").join("0.backup");
    let refused = registry.backup(&same, Some(&files[0])).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .ends_with("would be written over: give it another name"),
        "{refused}"
    );
    assert_eq!(std::fs::read(&files[0]).unwrap(), before);
}
