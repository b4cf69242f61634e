//! The newest state, followed: what this service commits shows at once, and what others commit within a moment.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use radpack_registry::{HistoryError, Moment, Registry};
use tokio::sync::watch;

use crate::scene::Scene;
use crate::settings::Settings;

/// How many of the newest states are kept: most pages that keep a moment keep one of these. Each has a copy of what its event changed, with
/// all versions of these packages, so that many cost much where a package has thousands.
const RECENT: usize = 32;

/// How far this service has followed.
#[derive(Debug)]
pub(crate) struct Live {
    now: ArcSwap<Now>,
    seq: watch::Sender<u64>,
    looked: Mutex<Looked>,
    /// One looks at a time.
    looking: tokio::sync::Mutex<()>,
    /// The states before, newest first: they share with the newest what has not changed since.
    recent: Mutex<VecDeque<Moment>>,
}

/// When the store was last asked with success, and what was wrong since.
#[derive(Clone, Debug)]
pub(crate) struct Looked {
    pub(crate) at: Instant,
    pub(crate) wrong: Option<String>,
}

/// The newest state, and what its channels give.
#[derive(Debug)]
pub(crate) struct Now {
    pub(crate) moment: Moment,
    /// The channels that were asked for so far.
    scenes: BTreeMap<String, Arc<Scene>>,
    /// The scenes before, whose views may be the same.
    earlier: BTreeMap<String, Arc<Scene>>,
}

impl Now {
    /// The scene before, of the same channel.
    pub(crate) fn earlier(&self, channel: &str) -> Option<&Scene> {
        self.earlier.get(channel).map(Arc::as_ref)
    }

    /// A channel now.
    pub(crate) fn scene(&self, channel: &str) -> Option<&Arc<Scene>> {
        self.scenes.get(channel)
    }
}

impl Live {
    pub(crate) async fn begin(
        registry: &Registry,
        settings: &Settings,
    ) -> Result<Live, HistoryError> {
        let moment = registry.refresh().await?;
        registry.read_all(&moment).await?;
        let mut channels: Vec<&str> = settings.public_channels.iter().map(|it| &**it).collect();
        channels.push("latest");
        let scenes = channels.into_iter().map(|channel| {
            let scene = Scene::of(moment.clone(), moment.now(), channel);
            (channel.to_owned(), Arc::new(scene))
        });
        let scenes = scenes.collect();
        Ok(Live {
            seq: watch::Sender::new(moment.position.seq),
            now: ArcSwap::from_pointee(Now {
                moment,
                scenes,
                earlier: BTreeMap::new(),
            }),
            looked: Mutex::new(Looked {
                at: Instant::now(),
                wrong: None,
            }),
            looking: tokio::sync::Mutex::default(),
            recent: Mutex::default(),
        })
    }

    /// The newest state that this service knows.
    pub(crate) fn now(&self) -> arc_swap::Guard<Arc<Now>> {
        self.now.load()
    }

    /// The state at an event, if that is one of the newest.
    pub(crate) fn recent(&self, seq: u64) -> Option<Moment> {
        let now = self.now.load();
        if now.moment.position.seq == seq {
            return Some(now.moment.clone());
        }
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent
            .iter()
            .find(|moment| moment.position.seq == seq)
            .cloned()
    }

    /// Tells of each newer event, by its number.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.seq.subscribe()
    }

    pub(crate) fn looked(&self) -> Looked {
        self.looked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How long it is until a rollout takes its next step.
    pub(crate) fn next_step(&self) -> Option<Duration> {
        let now = self.now.load();
        let next = now.scenes.values().filter_map(|scene| scene.next).min()?;
        // A step that is overdue will be seen at the next look.
        Duration::try_from(next.duration_since(Timestamp::now())).ok()
    }

    /// Asks the store for what is new. What it says is shown when it is ready to be sent.
    pub(crate) async fn look(&self, registry: &Registry) {
        let _one = self.looking.lock().await;
        let known = self.now.load().moment.position.seq;
        let read = async {
            let moment = registry.refresh().await?;
            if moment.position.seq > known {
                registry.read_all(&moment).await?;
            }
            Ok::<_, HistoryError>(moment)
        };
        let wrong = match read.await {
            Ok(moment) => {
                self.show(registry, moment).await;
                None
            }
            Err(error) => {
                let wrong = error.to_string();
                if self.looked().wrong.as_ref() != Some(&wrong) {
                    tracing::warn!(
                        error = &error as &(dyn std::error::Error + 'static),
                        "the registry cannot be followed"
                    );
                }
                Some(wrong)
            }
        };
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if wrong.is_none() {
            looked.at = Instant::now();
        }
        looked.wrong = wrong;
    }

    async fn show(&self, registry: &Registry, moment: Moment) {
        let before = self.now.load_full();
        let is_newer = moment.position.seq > before.moment.position.seq;
        // Of the same event, only what is shown already is known to have been read whole.
        let moment = if is_newer {
            moment
        } else {
            before.moment.clone()
        };
        let at = moment.now();
        let has_stepped = |scene: &Arc<Scene>| scene.next.is_some_and(|next| next <= at);
        if !is_newer && !before.scenes.values().any(has_stepped) {
            return;
        }
        let mut scenes = BTreeMap::new();
        for (channel, scene) in &before.scenes {
            if !is_newer && !has_stepped(scene) {
                scenes.insert(channel.clone(), Arc::clone(scene));
                continue;
            }
            let next = Scene::of(moment.clone(), at, channel);
            for (cohort, before) in scene.made() {
                // What cannot be made now will be said to whoever asks.
                if let Ok(view) = next.view(registry, cohort, Some(scene)).await {
                    view.prepare_as(&before).await;
                }
            }
            scenes.insert(channel.clone(), Arc::new(next));
        }
        let seq = moment.position.seq;
        if is_newer {
            let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
            recent.push_front(before.moment.clone());
            recent.truncate(RECENT);
        }
        self.now.store(Arc::new(Now {
            moment,
            scenes,
            earlier: before.scenes.clone(),
        }));
        self.seq.send_if_modified(|known| {
            let is_newer = *known < seq;
            *known = seq;
            is_newer
        });
    }
}
