//! Checkpoints change nothing but the time that it takes; what is wrong with one is not believed.

use std::fs;
use std::path::{Path, PathBuf};

use radpack_registry::rules::SetPolicy;
use radpack_registry::state::State;
use radpack_registry::{Caller, Carried, Command, Hash, HistoryError, Ledger, Registry, Store};

use crate::support::{Bench, contents, publish, release, served};

async fn in_folder(folder: &Path) -> Bench {
    let store = Store::folder(folder).unwrap();
    let (registry, _) = Registry::init(store.clone()).await.unwrap();
    Bench { registry, store }
}

/// The files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Everything there is to know of a registry, by someone new who trusts no checkpoint.
async fn folded(registry: &Registry) -> Ledger<State> {
    let mut ledger = Ledger::default();
    registry.history().catch_up(&mut ledger).await.unwrap();
    ledger
}

/// What is wrong with each object of a checkpoint in turn.
#[tokio::test]
async fn a_checkpoint_that_was_damaged_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let bench = in_folder(folder.path()).await;
    bench.release_each("shapes", &["1.0.0", "1.0.1"]).await;
    bench.release_each("colors", &["1.0.0"]).await;
    let command = Command::new("ann");
    let caller = Caller::new("ann");
    let rule = SetPolicy {
        package: "shapes".to_owned(),
        change: "keep-minors=on".parse().unwrap(),
        force: None,
    };
    bench
        .registry
        .carry_out(&caller, &command, &rule)
        .await
        .unwrap();
    bench.registry.checkpoint().await.unwrap();
    // Events behind it, for which the packages must be read.
    bench.release_each("shapes", &["1.1.0"]).await;
    bench.release_each("shapes", &["1.2.0"]).await;
    let ledger = folded(&bench.registry).await;
    let newest = bench.moment().await.position;
    let objects = files(&folder.path().join("checkpoints"));
    // A root, two packages, the commands.
    assert_eq!(objects.len(), 4, "{objects:?}");
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Option<Damage>); 5] = [
        ("gone", None),
        ("empty", Some(Vec::clear)),
        ("cut off", Some(|bytes| bytes.truncate(bytes.len() / 2))),
        (
            "other",
            Some(|bytes| {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
            }),
        ),
        ("longer", Some(|bytes| bytes.push(b' '))),
    ];
    for object in &objects {
        let whole = fs::read(object).unwrap();
        for (what, damage) in damages {
            match damage {
                None => fs::remove_file(object).unwrap(),
                Some(damage) => {
                    let mut bytes = whole.clone();
                    damage(&mut bytes);
                    fs::write(object, bytes).unwrap();
                }
            }
            let why = format!("{} is {what}", object.display());
            let anew = async || Registry::open(bench.store.clone()).await.unwrap();
            let registry = anew().await;
            let moment = registry.refresh().await.unwrap();
            assert_eq!(moment.position, newest, "{why}");
            for name in ["shapes", "colors"] {
                let is_so = |state: &State| {
                    let package = state.package(name);
                    package.is_none() || package == ledger.state().package(name)
                };
                assert!(registry.ask(&moment, is_so).await.unwrap(), "{why}");
                let found = registry.ask(&moment, |state| state.package(name).is_some());
                assert!(found.await.unwrap(), "{why}");
            }
            // A moment between the checkpoint and the newest is that moment.
            let between = anew().await.at(newest.seq - 2).await.unwrap();
            assert_eq!(between.position.seq, newest.seq - 2, "{why}");
            let shapes = registry.ask(&between, |state| {
                state.package("shapes").map(|it| it.versions.len())
            });
            assert_eq!(shapes.await.unwrap(), Some(3), "{why}");
            // A command from before it is known to have been carried out.
            let again = Command::again(command.id, "ann");
            let carried = anew()
                .await
                .carry_out(&caller, &again, &rule)
                .await
                .unwrap();
            assert!(
                matches!(&carried, Carried::Done(committed) if committed.repeated),
                "{why}: {carried:?}"
            );
            fs::write(object, &whole).unwrap();
        }
    }
    assert_eq!(bench.moment().await.position, newest);
}

#[tokio::test]
async fn a_checkpoint_of_another_history_is_not_believed() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (folder, number) in [(&one, "1.0.0"), (&other, "2.0.0")] {
        let bench = in_folder(folder.path()).await;
        bench.release_each("shapes", &[number]).await;
        bench.registry.checkpoint().await.unwrap();
    }
    let checkpoints = |folder: &tempfile::TempDir| folder.path().join("checkpoints");
    fs::remove_dir_all(checkpoints(&one)).unwrap();
    fs::rename(checkpoints(&other), checkpoints(&one)).unwrap();
    let bench = in_folder(one.path()).await;
    let moment = bench.moment().await;
    assert_eq!(served(&moment, "release", "shapes"), "1.0.0");
}

#[tokio::test]
async fn a_command_is_carried_out_once_whoever_sends_it_again() {
    let bench = Bench::new().await;
    let caller = Caller::new("ann");
    let command = Command::new("ann");
    let rule = publish("shapes", None, contents("one", &["a"], &[]));
    let first = bench.registry.carry_out(&caller, &command, &rule).await;
    let Ok(Carried::Done(first)) = first else {
        panic!("{first:?}");
    };
    let mut others = vec![bench.registry.clone()];
    for _ in 0..3 {
        // Where it is, and by others, who begin at a checkpoint or not.
        others.push(Registry::open(bench.store.clone()).await.unwrap());
        for registry in &others {
            let again = Command::again(command.id, "ben");
            // Even if it would come to something else by now.
            let rule = release(&["shapes@1.0.0"], "release", None);
            let carried = registry.carry_out(&caller, &again, &rule).await;
            let Ok(Carried::Done(repeated)) = carried else {
                panic!("{carried:?}");
            };
            assert!(repeated.repeated);
            assert_eq!(repeated.recorded, first.recorded);
        }
        bench.publish("shapes", None).await;
        bench.registry.checkpoint().await.unwrap();
    }
    let state = bench.moment().await.state;
    assert_eq!(state.package("shapes").unwrap().builds(), 4);
}

/// One that tells of a package that never was is found out, and not asked again and again.
#[tokio::test]
async fn a_package_that_only_a_checkpoint_knows_has_never_been() {
    let folder = tempfile::tempdir().unwrap();
    let bench = in_folder(folder.path()).await;
    bench.release_each("shapes", &["1.0.0"]).await;
    let seq = bench.registry.checkpoint().await.unwrap().seq;
    let root = folder
        .path()
        .join(format!("checkpoints/{seq:020}/root.json"));
    let text = fs::read_to_string(&root).unwrap();
    let (_, json) = text.split_once('\n').unwrap();
    let shard = format!("{{\"seq\":{seq},\"sha256\":\"{}\"}}", Hash::of(b"x"));
    let json = json.replace(
        "\"packages\":{",
        &format!("\"packages\":{{\"ghost\":{shard},"),
    );
    fs::write(&root, format!("{}\n{json}", Hash::of(json.as_bytes()))).unwrap();
    let registry = Registry::open(bench.store.clone()).await.unwrap();
    let moment = registry.refresh().await.unwrap();
    let asked = registry.ask(&moment, |state| state.package("ghost").is_some());
    assert!(matches!(asked.await, Err(HistoryError::Checkpoint { .. })));
    // Whoever commits begins anew.
    let bench = Bench {
        registry,
        store: bench.store,
    };
    bench.publish("ghost", None).await;
    assert_eq!(bench.moment().await.position.seq, seq + 1);
}

/// A process that lives long, and whose checkpoint a sweep deletes, for others have gone on from another one.
#[tokio::test]
async fn whoever_stands_on_a_checkpoint_that_is_deleted_goes_on_from_another() {
    let bench = Bench::new().await;
    let command = Command::new("ann");
    let caller = Caller::new("ann");
    let rule = publish("shapes", None, contents("one", &["a"], &[]));
    let first = bench.registry.carry_out(&caller, &command, &rule).await;
    assert!(matches!(first, Ok(Carried::Done(_))), "{first:?}");
    bench.registry.checkpoint().await.unwrap();
    let old = Bench {
        registry: Registry::open(bench.store.clone()).await.unwrap(),
        store: bench.store.clone(),
    };
    // It learns the commands, and writes a checkpoint that has shapes and colors for itself.
    for package in ["shapes", "colors"] {
        old.done(&publish(package, None, contents(package, &["a"], &[])))
            .await;
    }
    let again = async |on: &Bench| {
        let again = Command::again(command.id, "ann");
        let other = publish("shapes", None, contents("two", &["b"], &[]));
        let carried = on.registry.carry_out(&caller, &again, &other).await;
        assert!(
            matches!(&carried, Ok(Carried::Done(committed)) if committed.repeated),
            "{carried:?}"
        );
    };
    again(&old).await;
    let deleted = old.registry.checkpoint().await.unwrap();
    let before = old.moment().await;
    // Others go on without it.
    for _ in 0..14 {
        bench.publish("lines", None).await;
        bench.registry.checkpoint().await.unwrap();
    }
    bench.registry.gc(&caller).await.unwrap();
    let exists = async |seq: u64| {
        let folder = format!("checkpoints/{seq:020}");
        let objects = bench.store.list(&folder).await.unwrap();
        objects.iter().any(|it| it.name.ends_with("/root.json"))
    };
    assert!(!exists(deleted.seq).await);
    // What it was is still known, and it commits until a checkpoint is due.
    let shapes = |state: &State| state.package("shapes").map(|it| it.versions.len());
    let asked = old.registry.ask(&before, shapes).await.unwrap();
    assert_eq!(asked, Some(2));
    for keep in ["on", "off"].into_iter().cycle() {
        let rule = SetPolicy {
            package: "lines".to_owned(),
            change: format!("keep-minors={keep}").parse().unwrap(),
            force: None,
        };
        if old.done(&rule).await.recorded.event.seq == 1024 {
            break;
        }
    }
    old.registry.settle().await;
    assert!(exists(1024).await);
    again(&old).await;
    let findings = old.registry.verify().await.unwrap().findings;
    let wrong = findings
        .iter()
        .find(|it| it.object.starts_with("checkpoints"));
    assert_eq!(wrong, None);
}
