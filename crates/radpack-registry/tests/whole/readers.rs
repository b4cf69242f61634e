//! Checkpoints that are deleted while they are in use: they are derived, so nobody notices.

use std::collections::BTreeSet;

use radpack_registry::{Caller, Carried, Command, Registry, Store};

use crate::store::{memory, sound};
use crate::work::{ann, publish, verified};

const PACKAGES: usize = 10;

async fn made() -> (Store, Registry) {
    let store = sound(&memory());
    let (registry, _) = Registry::init(store.clone()).await.unwrap();
    for package in 0..PACKAGES {
        publish(&format!("p{package}"), &["one"])
            .run(&registry)
            .await;
    }
    registry.checkpoint().await.unwrap();
    (store, registry)
}

async fn delete(store: &Store, folder: &str) {
    for object in store.list(folder).await.unwrap() {
        store.delete(&object.name).await.unwrap();
    }
}

/// How many versions all packages have together.
async fn versions(registry: &Registry) -> usize {
    let moment = registry.refresh().await.unwrap();
    let names: BTreeSet<String> = moment.state.names().map(str::to_owned).collect();
    let count = |state: &radpack_registry::state::State| {
        let packages = names.iter().filter_map(|name| state.package(name));
        packages.map(|package| package.versions.len()).sum()
    };
    registry.ask(&moment, count).await.unwrap()
}

#[tokio::test]
async fn whoever_was_opened_at_a_checkpoint_that_is_gone_goes_on() {
    let (store, _) = made().await;
    let reader = Registry::open(store.clone()).await.unwrap();
    let writer = Registry::open(store.clone()).await.unwrap();
    for registry in [&reader, &writer] {
        registry.refresh().await.unwrap();
    }
    delete(&store, "checkpoints").await;
    assert_eq!(versions(&reader).await, PACKAGES);
    let moment = reader.refresh().await.unwrap();
    reader.read_all(&moment).await.unwrap();
    let seq = publish("p3", &["two"]).run(&writer).await;
    assert_eq!(seq as usize, PACKAGES + 1);
    assert_eq!(versions(&reader).await, PACKAGES + 1);
    for registry in [&reader, &writer] {
        registry.checkpoint().await.unwrap();
    }
    assert_eq!(verified(store.clone()).await.checkpoints, 1);
    let anew = Registry::open(store).await.unwrap();
    assert_eq!(versions(&anew).await, PACKAGES + 1);
}

#[tokio::test]
async fn a_command_that_was_sent_before_is_known_without_its_checkpoint() {
    let store = sound(&memory());
    let (registry, _) = Registry::init(store.clone()).await.unwrap();
    let command = Command::new("ann");
    let work = publish("shapes", &["one"]);
    work.send(&registry, &command).await.unwrap();
    registry.checkpoint().await.unwrap();
    let another = Registry::open(store.clone()).await.unwrap();
    another.refresh().await.unwrap();
    delete(&store, "checkpoints").await;
    let again = Command::again(command.id, "ann");
    let caller = Caller::new("ann");
    let carried = another
        .carry_out_with(&caller, &again, &work.rule, &work.uploads)
        .await
        .unwrap();
    assert!(
        matches!(carried, Carried::Done(done) if done.repeated && done.recorded.event.seq == 1)
    );
}

#[tokio::test]
async fn no_checkpoint_names_what_was_deleted() {
    let (store, registry) = made().await;
    // Another one made its own, of the same packages, and all that came after go on from that.
    let another = Registry::open(store.clone()).await.unwrap();
    delete(&store, "checkpoints").await;
    for text in 0..6 {
        publish("p0", &[&format!("text {text}")])
            .run(&another)
            .await;
        another.checkpoint().await.unwrap();
    }
    registry.checkpoint().await.unwrap();
    verified(store.clone()).await;
    // Of the shards of one that is kept, one is lost: it counts as nothing, and goes.
    let listed = store.list("checkpoints").await.unwrap();
    let shard = listed
        .iter()
        .find(|object| !object.name.ends_with("root.json"))
        .unwrap();
    store.delete(&shard.name).await.unwrap();
    let reader = Registry::open(store.clone()).await.unwrap();
    assert_eq!(versions(&reader).await, PACKAGES + 6);
    publish("p1", &["two"]).run(&reader).await;
    assert_eq!(versions(&reader).await, PACKAGES + 7);
    registry.gc(&ann()).await.unwrap();
    verified(store.clone()).await;
    reader.checkpoint().await.unwrap();
    assert!(verified(store).await.checkpoints > 0);
}
