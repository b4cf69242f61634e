//! A service: a registry, what is kept in memory of it, and the routes.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use moka::future::Cache;
use radpack_registry::{
    Answer, Bounds, Cohort, HistoryError, Moment, Published, Registry, Uuid, WorkFolder,
};
use tokio::sync::{Semaphore, SemaphorePermit, watch};

use crate::api::{Rates, UnderWay};
use crate::encoded::Encoded;
use crate::files::Files;
use crate::happened::Recounted;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::past::Past;
use crate::problem::Problem;
use crate::read::{self, ForAWhile};
use crate::scene::{Scene, View};
use crate::settings::Settings;

/// How many events are kept for those who listen.
const EVENTS: u64 = 1_000;

/// How many things that take a processor are made at once.
fn processors() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

/// How long is remembered that a token uploads: longer than any upload takes.
const UPLOADING: Duration = Duration::from_secs(24 * 3_600);

/// About what a file takes in a package's list (bytes).
const FILE: usize = 384;

/// The HTTP service over a registry. Any number may run over one store, on any number of machines; none of them holds anything that the
/// others need. Clones share everything.
///
/// ```
/// use radpack_registry::{Registry, Store};
/// use radpack_server::{Service, Settings};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (registry, _) = Registry::init(Store::in_memory()).await?;
/// let service = Service::start(registry, Settings::default()).await?;
/// let routes: axum::Router = service.router();
/// # let _ = routes;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Service {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) registry: Registry,
    pub(crate) settings: Settings,
    pub(crate) live: Live,
    pub(crate) metrics: Metrics,
    /// Bytes of modules, in all encodings, by their hashes.
    pub(crate) blobs: Cache<radpack_registry::Hash, Encoded>,
    /// What each package serves by which name, as long as it is the same package.
    pub(crate) files: moka::sync::Cache<Arc<str>, Arc<Files>>,
    /// What was made for a page: manifests of closures, and import maps.
    pub(crate) pages: Cache<String, Encoded>,
    /// The newest events, which whoever listens is told of.
    pub(crate) events: Cache<u64, Arc<Recounted>>,
    /// The channels at moments of the past.
    pub(crate) scenes: Cache<String, Arc<Scene>>,
    pub(crate) past: Past,
    /// Turns to make what takes a while: views, closures, import maps.
    pub(crate) making: Semaphore,
    /// Places for those who listen to what happens.
    pub(crate) listeners: Arc<Semaphore>,
    pub(crate) rates: Rates,
    pub(crate) uploads: Semaphore,
    /// What is published and imported just now, so that what is sent again is not done beside it.
    pub(crate) publishing: UnderWay<Published>,
    pub(crate) importing: UnderWay<Answer>,
    /// The room for what is uploaded on each account.
    pub(crate) uploading: moka::sync::Cache<Uuid, Arc<Semaphore>>,
    /// How long what changes with the next release may be kept.
    pub(crate) keeping: ForAWhile,
    /// Whether the service is to stop: streams end.
    pub(crate) stopping: watch::Sender<bool>,
    /// What earlier services left is swept when this is made, and where uploads lie stays as long as this.
    _work: Option<WorkFolder>,
}

impl Service {
    /// Reads the registry, and begins to follow it, until the last clone is gone.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub async fn start(registry: Registry, settings: Settings) -> Result<Service, HistoryError> {
        let registry = registry.bounded(Bounds {
            drafts: settings.limits.drafts,
            public_channels: settings.public_channels.clone(),
        });
        let live = Live::begin(&registry, &settings).await?;
        // One that has nowhere to put uploads can still be read.
        let work = tokio::task::spawn_blocking(WorkFolder::new).await;
        let weigh = |key: usize, bytes: usize| u32::try_from(key + bytes).unwrap_or(u32::MAX);
        let heaviest = usize::try_from(settings.manifest_memory / 16).unwrap_or(usize::MAX);
        let shared = Arc::new(Shared {
            live,
            metrics: Metrics::new(),
            blobs: Cache::builder()
                .max_capacity(settings.module_memory)
                .weigher(move |_, blob: &Encoded| weigh(256, blob.weight()))
                .build(),
            files: moka::sync::Cache::builder()
                .max_capacity(settings.module_memory / 4)
                .weigher(move |name: &Arc<str>, files: &Arc<Files>| {
                    weigh(name.len() + 256, files.files.len() * FILE)
                })
                .build(),
            pages: Cache::builder()
                .max_capacity(settings.manifest_memory / 2)
                .weigher(move |key: &String, page: &Encoded| weigh(key.len() + 256, page.weight()))
                .build(),
            scenes: Cache::builder()
                .max_capacity(settings.manifest_memory / 2)
                // One that is heavier than all that may be kept would never be, and be made for each who asks.
                .weigher(move |_, scene: &Arc<Scene>| weigh(256, scene.weight().min(heaviest)))
                .build(),
            past: Past::new(&settings),
            making: Semaphore::new(processors()),
            listeners: Arc::new(Semaphore::new(settings.listeners)),
            events: Cache::new(EVENTS),
            rates: Rates::new(&settings.limits),
            uploading: moka::sync::Cache::builder().time_to_idle(UPLOADING).build(),
            publishing: UnderWay::default(),
            importing: UnderWay::default(),
            uploads: Semaphore::new(settings.limits.uploads_at_once.max(1)),
            keeping: ForAWhile::new(settings.max_age),
            stopping: watch::Sender::new(false),
            _work: work.ok().and_then(Result::ok),
            registry,
            settings,
        });
        let (follower, look) = (Arc::downgrade(&shared), shared.settings.look);
        tokio::spawn(async move {
            loop {
                let Some(shared) = follower.upgrade() else {
                    return;
                };
                let steps = shared.live.next_step();
                shared.live.look(&shared.registry).await;
                drop(shared);
                tokio::time::sleep(steps.map_or(look, |step| step.clamp(Duration::ZERO, look)))
                    .await;
            }
        });
        Ok(Service { shared })
    }

    /// Its routes.
    pub fn router(&self) -> Router {
        read::routes(Arc::clone(&self.shared))
    }

    /// It is about to stop: it says that it is not ready, and ends the streams that would go on for ever.
    pub fn stop(&self) {
        self.shared.stopping.send_replace(true);
    }

    /// Waits for what goes on behind commits.
    pub async fn settle(&self) {
        self.shared.registry.settle().await;
    }

    /// What it has counted, in the text form of Prometheus.
    #[must_use]
    pub fn metrics(&self) -> String {
        self.shared.metrics_text()
    }
}

impl Shared {
    /// A channel now.
    pub(crate) async fn scene(&self, channel: &str) -> Result<Arc<Scene>, Problem> {
        let now = self.live.now();
        if let Some(scene) = now.scene(channel) {
            return Ok(Arc::clone(scene));
        }
        let moment = now.moment.clone();
        drop(now);
        Box::pin(self.make_scene(moment, channel)).await
    }

    async fn make_scene(&self, moment: Moment, channel: &str) -> Result<Arc<Scene>, Problem> {
        let at = moment.now();
        let key = format!("{} {channel}", moment.position.seq);
        if let Some(scene) = self.scenes.get(&key).await
            && scene.next.is_none_or(|next| next > at)
        {
            return Ok(scene);
        }
        let scene = Arc::new(Scene::of(moment, at, channel));
        self.scenes.insert(key, Arc::clone(&scene)).await;
        Ok(scene)
    }

    /// An event, read once for all who are told of it.
    pub(crate) async fn recounted(&self, seq: u64) -> Option<Arc<Recounted>> {
        let read = async {
            let recorded = self.registry.history().event(seq).await.ok()??;
            let moment = self.live.now().moment.clone();
            Recounted::of(&recorded.event, &moment.state).map(Arc::new)
        };
        self.events.optionally_get_with(seq, read).await
    }

    /// A turn to make something that takes a while: few at a time, for each takes a processor, and memory.
    pub(crate) async fn turn_to_make(&self) -> Result<SemaphorePermit<'_>, Problem> {
        self.making.acquire().await.map_err(|_| Problem::broken())
    }

    /// What a cohort gets in a scene.
    pub(crate) async fn view(
        &self,
        scene: &Scene,
        cohort: Option<Cohort>,
    ) -> Result<Arc<View>, Problem> {
        if let Some(view) = scene.ready(cohort) {
            return Ok(view);
        }
        Box::pin(self.make_view(scene, cohort)).await
    }

    async fn make_view(&self, scene: &Scene, cohort: Option<Cohort>) -> Result<Arc<View>, Problem> {
        let _turn = self.turn_to_make().await?;
        let now = self.live.now().clone();
        let earlier = now.earlier(&scene.channel);
        scene.view(&self.registry, cohort, earlier).await
    }
}
