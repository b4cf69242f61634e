//! A stop before or after any call of the store: what was acknowledged is there, what was interrupted is done once when it is sent
//! again, and everything goes on.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use radpack_registry::rules::{Revert, Rule};
use radpack_registry::{CareError, Command, Plan, Registry, Store};
use semver::Version;
use serde_json::Value;
use uuid::Uuid;

use crate::store::{Plans, Side, memory, sound, steered_by};
use crate::work::{
    Work, ann, create_draft, hash, plain, publish, release, rollback, save_draft, seq, verified,
};

const STEPS: usize = 19;

/// At every how many of all calls in memory it stops, if not at few; 1 takes two minutes.
const STOPS: &str = "RADPACK_STOPS";

/// Two stores, and what lies beside them.
struct Place {
    here: Arc<dyn ObjectStore>,
    there: Arc<dyn ObjectStore>,
    folder: PathBuf,
}

/// Who does it all: a process that may stop.
struct Actor {
    here: Store,
    there: Store,
    registry: Option<Registry>,
    ids: Arc<Vec<Uuid>>,
    folder: PathBuf,
}

impl Actor {
    fn new(place: &Place, plans: &Arc<Plans>, ids: &Arc<Vec<Uuid>>) -> Actor {
        Actor {
            here: steered_by(&place.here, plans),
            there: steered_by(&place.there, plans),
            registry: None,
            ids: Arc::clone(ids),
            folder: place.folder.clone(),
        }
    }

    async fn registry(&mut self) -> Registry {
        if self.registry.is_none() {
            self.registry = Some(Registry::open(self.here.clone()).await.unwrap());
        }
        self.registry.clone().unwrap()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Carries a step's command out, under the id that it always has.
    async fn send<R: Rule>(&mut self, step: usize, is_again: bool, work: Work<R>) {
        let registry = self.registry().await;
        let mut command = Command::new("ann");
        command.id = self.ids[step];
        if is_again {
            command = Command::again(command.id, "ann");
        }
        seq(work.send(&registry, &command).await.unwrap());
    }

    async fn act(&mut self, step: usize, again: bool) {
        let version = Version::new;
        match step {
            0 => {
                Registry::init(self.here.clone()).await.unwrap();
            }
            1 => {
                self.send(step, again, publish("shapes", &["a", "b", "c"]))
                    .await;
            }
            2 => {
                self.send(step, again, release("shapes", version(1, 0, 0), None))
                    .await;
            }
            3 => {
                self.send(step, again, publish("shapes", &["a2", "b", "c"]))
                    .await;
            }
            4 => {
                let plan = Some(Plan::Percent(10));
                self.send(step, again, release("shapes", version(1, 0, 1), plan))
                    .await;
            }
            5 => {
                self.registry().await.checkpoint().await.unwrap();
            }
            6 => self.send(step, again, create_draft("mine", "shapes")).await,
            7 => self.send(step, again, save_draft("mine", 1, "draft")).await,
            8 => self.send(step, again, rollback("shapes")).await,
            9 => {
                self.send(step, again, publish("circles", &["round", "a"]))
                    .await;
            }
            10 => {
                self.send(step, again, release("circles", version(1, 0, 0), None))
                    .await;
            }
            11 => {
                let registry = self.registry().await;
                let past = registry.at(2).await.unwrap();
                registry.read_all(&past).await.unwrap();
                let revert = Revert {
                    to: 2,
                    package: None,
                    past: past.state,
                    past_at: past.position.at,
                    force: None,
                };
                self.send(step, again, plain(revert)).await;
            }
            12 => {
                let name = format!("blobs/sha256/{}", hash("square"));
                self.here.put_new(&name, "square".into()).await.unwrap();
                let registry = self.registry().await;
                registry
                    .gc_older_than(&ann(), Duration::ZERO)
                    .await
                    .unwrap();
            }
            13 => {
                self.registry().await.checkpoint().await.unwrap();
            }
            14 => {
                let file = self.file("whole");
                self.registry().await.backup(&file, None).await.unwrap();
            }
            15 => {
                self.send(step, again, publish("squares", &["square", "b"]))
                    .await;
            }
            16 => {
                self.send(step, again, release("squares", version(1, 0, 0), None))
                    .await;
            }
            17 => {
                let (file, base) = (self.file("rest"), self.file("whole"));
                self.registry()
                    .await
                    .backup(&file, Some(&base))
                    .await
                    .unwrap();
            }
            _ => {
                let files = [self.file("whole"), self.file("rest")];
                match Registry::restore(self.there.clone(), &files, &ann()).await {
                    Ok(_) => {}
                    // Its last write had been done.
                    Err(CareError::NotEmpty { name, .. }) if again && name == "format.json" => {}
                    Err(error) => panic!("{error}: {error:?}"),
                }
            }
        }
    }
}

/// The kinds and facts of all events of a store; nothing, where there is no registry.
async fn facts(objects: &Arc<dyn ObjectStore>) -> Vec<(String, Value)> {
    let Ok(registry) = Registry::open(sound(objects)).await else {
        return Vec::new();
    };
    let mut facts = Vec::new();
    let history = registry.history();
    history
        .follow(history.beginning(), |recorded| {
            facts.push((recorded.event.kind, recorded.event.payload));
            Ok(())
        })
        .await
        .unwrap();
    facts
}

fn run<T>(task: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    // Whatever goes on beside it ends with it.
    runtime.block_on(task)
}

/// Everything once, with nothing in its way: how many events there are after each step, what they are, and how many calls there were.
struct Expected {
    events: Vec<usize>,
    facts: Vec<(String, Value)>,
    restored: Vec<(String, Value)>,
    calls: usize,
}

fn expected(place: &Place, ids: &Arc<Vec<Uuid>>) -> Expected {
    run(async {
        let plans = Arc::<Plans>::default();
        let mut actor = Actor::new(place, &plans, ids);
        let mut events = Vec::new();
        for step in 0..STEPS {
            actor.act(step, false).await;
            events.push(facts(&place.here).await.len());
        }
        verified(sound(&place.here)).await;
        verified(sound(&place.there)).await;
        Expected {
            events,
            facts: facts(&place.here).await,
            restored: facts(&place.there).await,
            calls: plans.calls(),
        }
    })
}

/// Stops at a call, and goes on.
fn stop_at(place: &Place, ids: &Arc<Vec<Uuid>>, expected: &Expected, call: usize, side: Side) {
    let plans = Arc::<Plans>::default();
    plans.die_at(call, side);
    let mut done = 0;
    run(async {
        let mut actor = Actor::new(place, &plans, ids);
        let work = async {
            for step in 0..STEPS {
                actor.act(step, false).await;
                done = step + 1;
            }
        };
        tokio::select! {
            () = work => {}
            () = plans.died() => {}
        }
    });
    run(async {
        let at = || format!("stopped {side:?} call {call}, in step {done}");
        let there = facts(&place.here).await;
        let before = done.checked_sub(1).map_or(0, |step| expected.events[step]);
        assert_eq!(there[..], expected.facts[..there.len()], "{}", at());
        let after = expected.events.get(done).copied().unwrap_or(before);
        assert!(there.len() == before || there.len() == after, "{}", at());
        if done > 0 {
            verified(sound(&place.here)).await;
        }
        for file in ["whole", "rest"] {
            let there = place.folder.join(file);
            let is_due = done > if file == "whole" { 14 } else { 17 };
            assert!(there.exists() || !is_due, "{}", at());
        }
        let plans = Arc::<Plans>::default();
        let mut actor = Actor::new(place, &plans, ids);
        for step in done..STEPS {
            actor.act(step, step == done).await;
        }
        assert_eq!(facts(&place.here).await, expected.facts, "{}", at());
        assert_eq!(facts(&place.there).await, expected.restored, "{}", at());
        verified(sound(&place.here)).await;
        verified(sound(&place.there)).await;
    });
}

fn ids() -> Arc<Vec<Uuid>> {
    Arc::new((0..STEPS).map(|_| Uuid::now_v7()).collect())
}

/// Stops at every so many of all calls.
fn stop_everywhere(every: usize, place: impl Fn(&Path) -> Place) {
    let ids = ids();
    let folder = tempfile::tempdir().unwrap();
    let expected = expected(&place(folder.path()), &ids);
    assert_eq!(expected.restored.len(), expected.facts.len() + 1);
    assert!(expected.calls > 100, "{}", expected.calls);
    let mut number = 0;
    for call in 1..=expected.calls {
        for side in [Side::Before, Side::After] {
            number += 1;
            if number % every == 0 {
                let folder = tempfile::tempdir().unwrap();
                stop_at(&place(folder.path()), &ids, &expected, call, side);
            }
        }
    }
}

#[test]
fn a_stop_at_any_call_in_memory() {
    let every = std::env::var(STOPS).map_or(13, |every| every.parse().unwrap());
    stop_everywhere(every, |folder| Place {
        here: memory(),
        there: memory(),
        folder: folder.to_owned(),
    });
}

#[test]
fn a_stop_at_some_calls_in_a_folder() {
    stop_everywhere(29, |folder| {
        let store = |name: &str| -> Arc<dyn ObjectStore> {
            let path = folder.join(name);
            std::fs::create_dir_all(&path).unwrap();
            Arc::new(LocalFileSystem::new_with_prefix(path).unwrap())
        };
        Place {
            here: store("here"),
            there: store("there"),
            folder: folder.to_owned(),
        }
    });
}
