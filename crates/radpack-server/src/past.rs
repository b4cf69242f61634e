//! Moments of the past: found without folding where that is possible, and folded few at a time where it is not.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use http::header::{self, HeaderValue};
use jiff::Timestamp;
use moka::future::Cache;
use radpack_registry::{Moment, MomentToken, Position};
use tokio::sync::Semaphore;

use crate::moment::ServedMoment;
use crate::problem::Problem;
use crate::scene::Scene;
use crate::service::Shared;
use crate::settings::Settings;

/// About what a version takes in a state that shares nothing with the newest (bytes).
const VERSION: usize = 6_656;

/// How many points of the history are kept.
const POSITIONS: u64 = 100_000;

/// How long somebody waits for a turn to fold.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is kept of the past.
#[derive(Debug)]
pub(crate) struct Past {
    states: Cache<u64, Moment>,
    positions: Cache<u64, Position>,
    /// Turns to fold.
    turns: Semaphore,
}

impl Past {
    pub(crate) fn new(settings: &Settings) -> Past {
        let capacity = settings.manifest_memory;
        // One that is heavier than all that may be kept would never be, and be folded for each who asks.
        let heaviest = usize::try_from(capacity / 8).unwrap_or(usize::MAX);
        Past {
            states: Cache::builder()
                .max_capacity(capacity)
                .weigher(move |_, moment: &Moment| {
                    let weight = weight_of(moment).min(heaviest);
                    u32::try_from(weight).unwrap_or(u32::MAX)
                })
                .build(),
            positions: Cache::new(POSITIONS),
            turns: Semaphore::new(settings.past_at_once.max(1)),
        }
    }

    /// About how much memory its states take.
    pub(crate) fn weighted_size(&self) -> u64 {
        self.states.weighted_size()
    }
}

/// About how much memory a state takes that shares nothing with another.
pub(crate) fn weight_of(moment: &Moment) -> usize {
    let state = &moment.state;
    let packages = state.names().filter_map(|name| state.package(name));
    let versions: usize = packages.map(|package| package.versions.len()).sum();
    4_096 + versions * VERSION
}

impl Shared {
    /// A channel at a moment. Its token may be another than what was asked for: nobody keeps what has two names.
    pub(crate) async fn scene_at(&self, asked: &ServedMoment) -> Result<Arc<Scene>, Problem> {
        let plain = ServedMoment {
            cohort: None,
            ..asked.clone()
        };
        if let Some(scene) = self.scenes.get(&plain.to_string()).await {
            return Ok(scene);
        }
        {
            // Most pages that keep a moment keep one that is still the newest.
            let now = self.live.now();
            if let Some(scene) = now.scene(&asked.channel)
                && scene.token(None) == plain
            {
                return Ok(Arc::clone(scene));
            }
        }
        let (moment, at) = self.moment_at(&asked.moment).await?;
        let scene = Arc::new(Scene::of(moment, at, &asked.channel));
        let kept = self.scenes.entry(scene.token(None).to_string());
        Ok(kept.or_insert(scene).await.into_value())
    }

    /// Whether a token that says so is of this history, and has come.
    pub(crate) async fn check_moment(&self, token: &MomentToken) -> Result<(), Problem> {
        self.time_of(token).await.map(|_| ())
    }

    /// The time that a token means, if it names the event.
    async fn time_of(&self, token: &MomentToken) -> Result<Option<Timestamp>, Problem> {
        let (MomentToken::Seq(seq) | MomentToken::Full { seq, .. }) = token else {
            return Ok(None);
        };
        let (newest, now) = {
            let live = self.live.now();
            (live.moment.position.seq, live.moment.now())
        };
        if *seq > newest {
            return Err(Problem::unknown(format!(
                "event {seq} has not happened: the newest is {newest}"
            )));
        }
        let position = self.position(*seq).await?;
        match token.time_at(&position, now) {
            Some(at) => Ok(Some(at)),
            None => Err(Problem::unknown(format!(
                "{token} is no moment of this registry, or has not come"
            ))),
        }
    }

    /// The point of the history at an event.
    async fn position(&self, seq: u64) -> Result<Position, Problem> {
        if let Some(moment) = self.live.recent(seq) {
            return Ok(moment.position);
        }
        let history = self.registry.history();
        if seq == 0 {
            return Ok(history.beginning());
        }
        let read = async {
            let recorded = history.event(seq).await.ok()??;
            Some(Position::of(&recorded))
        };
        let position = self.past.positions.optionally_get_with(seq, read).await;
        position.ok_or_else(Problem::broken)
    }

    async fn moment_at(&self, token: &MomentToken) -> Result<(Moment, Timestamp), Problem> {
        let at = self.time_of(token).await?;
        if let (Some(at), MomentToken::Seq(seq) | MomentToken::Full { seq, .. }) = (at, token) {
            if let Some(moment) = self.known(*seq).await {
                return Ok((moment, at));
            }
            let _turn = self.turn_to_fold().await?;
            // Somebody else may have asked for the same.
            if let Some(moment) = self.known(*seq).await {
                return Ok((moment, at));
            }
            let moment = self.registry.at(*seq).await?;
            self.keep(&moment).await?;
            return Ok((moment, at));
        }
        let _turn = self.turn_to_fold().await?;
        let (moment, at) = self.registry.at_moment(token).await?;
        self.keep(&moment).await?;
        Ok((moment, at))
    }

    async fn known(&self, seq: u64) -> Option<Moment> {
        match self.live.recent(seq) {
            Some(known) => Some(known),
            None => self.past.states.get(&seq).await,
        }
    }

    async fn keep(&self, moment: &Moment) -> Result<(), Problem> {
        self.registry.read_all(moment).await?;
        let seq = moment.position.seq;
        self.past.states.insert(seq, moment.clone()).await;
        Ok(())
    }

    /// Folding takes time and memory: those who ask for what is now do not wait for those who ask for what was, and these not for ever.
    pub(crate) async fn turn_to_fold(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Problem> {
        let turn = tokio::time::timeout(PATIENCE, self.past.turns.acquire()).await;
        turn.ok().and_then(Result::ok).ok_or_else(|| {
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "too-many",
                "too many ask for other moments of the past: come again later",
            )
            .with(header::RETRY_AFTER, HeaderValue::from_static("5"))
        })
    }
}
