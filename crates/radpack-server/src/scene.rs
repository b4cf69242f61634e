//! What a channel gives at a moment: few different manifests for all the cohorts there are, each made when it is first asked for.
//!
//! Two cohorts get the same as long as no rollout tells them apart. So what a hundred cohorts get is made, kept and compressed as often as
//! there are differences, which without a rollout is once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::header::HeaderValue;
use jiff::Timestamp;
use radpack_manifest::Manifest;
use radpack_registry::state::package::RELEASE;
use radpack_registry::{
    Cohort, Follow, HistoryError, ManifestQuery, Moment, MomentToken, Refusal, Registry,
};
use radpack_resolve::Index;
use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::encoded::Encoded;
use crate::moment::ServedMoment;
use crate::past::weight_of;
use crate::problem::Problem;

/// About what a package takes in a manifest, its encodings and its index (bytes).
const PACKAGE: usize = 1_024;

/// Up to this, encodings are made before a manifest is shown (bytes); beyond, it would be shown too late.
const PREPARED: usize = 16 << 20;

/// How many packages may have changed for it to be worth a look whether what is given did.
const FEW: usize = 1_000;

/// A channel at a moment.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) moment: Moment,
    /// The time that rollouts are seen at: the newest at which anything changed for anybody.
    pub(crate) at: Timestamp,
    /// When something changes by itself: a rollout takes its next step.
    pub(crate) next: Option<Timestamp>,
    pub(crate) channel: String,
    token: MomentToken,
    /// For whoever sends no cohort, and for each cohort, which of the views it gets.
    class_of: Vec<usize>,
    views: Vec<OnceCell<Arc<View>>>,
    /// The tokens of all of these, as they are said.
    said: Vec<OnceLock<HeaderValue>>,
    /// The rollouts that its lines have, with how much they had come to.
    rollouts: BTreeSet<(Uuid, u8)>,
}

/// What everybody gets whom no rollout tells apart.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) encoded: Encoded,
    /// Where the registry says that its files are, if it does.
    pub(crate) base_url: Option<String>,
    /// Compiled when somebody asks for more than the manifest; its URLs need a base in the context.
    index: OnceCell<Arc<Index>>,
}

impl Scene {
    /// A channel at a time. Asks for all packages: they must have been read.
    pub(crate) fn of(moment: Moment, at: Timestamp, channel: &str) -> Scene {
        let mut rollouts = BTreeSet::new();
        let (mut last, mut next) = (moment.position.at, None::<Timestamp>);
        // Who sees some packages of this channel gets of the others what was released.
        let released = (channel != RELEASE).then(|| moment.state.rollouts(RELEASE));
        let own = moment
            .state
            .rollouts(channel)
            .map(|rollout| (true, rollout));
        for (is_own, rollout) in own.chain(released.into_iter().flatten().map(|it| (false, it))) {
            let (step, following) = rollout.steps(at);
            last = last.max(step.unwrap_or(last));
            next = match (next, following) {
                (Some(next), Some(following)) => Some(next.min(following)),
                (next, following) => next.or(following),
            };
            if is_own {
                rollouts.insert((rollout.id, rollout.percent(at)));
            }
        }
        let mut classes: Vec<Vec<bool>> = Vec::new();
        let audiences = std::iter::once(None).chain(Cohort::all().map(Some));
        let class_of: Vec<usize> = audiences
            .map(|cohort| {
                let class: Vec<bool> = rollouts
                    .iter()
                    .map(|&(id, percent)| gets(cohort, id, percent))
                    .collect();
                match classes.iter().position(|known| *known == class) {
                    Some(known) => known,
                    None => {
                        classes.push(class);
                        classes.len() - 1
                    }
                }
            })
            .collect();
        let at = last.min(at).max(moment.position.at);
        Scene {
            said: std::iter::repeat_with(OnceLock::new)
                .take(class_of.len())
                .collect(),
            rollouts,
            token: MomentToken::of(&moment.position, at),
            at,
            next,
            channel: channel.to_owned(),
            class_of,
            views: std::iter::repeat_with(OnceCell::new)
                .take(classes.len())
                .collect(),
            moment,
        }
    }

    /// Its token, for who sends this cohort.
    pub(crate) fn token(&self, cohort: Option<Cohort>) -> ServedMoment {
        ServedMoment {
            moment: self.token.clone(),
            cohort,
            channel: self.channel.clone(),
        }
    }

    /// The same, as a header says it.
    pub(crate) fn said(&self, cohort: Option<Cohort>) -> HeaderValue {
        let say = || {
            let token = self.token(cohort).to_string();
            // Channels have no other characters.
            HeaderValue::from_str(&token).unwrap_or(HeaderValue::from_static(""))
        };
        match self.said.get(position(cohort)) {
            Some(said) => said.get_or_init(say).clone(),
            None => say(),
        }
    }

    fn class(&self, cohort: Option<Cohort>) -> usize {
        let class = self.class_of.get(position(cohort));
        class.copied().unwrap_or_default()
    }

    /// What a cohort gets, if it was made.
    pub(crate) fn ready(&self, cohort: Option<Cohort>) -> Option<Arc<View>> {
        self.views.get(self.class(cohort))?.get().cloned()
    }

    /// What a cohort gets; made by the first who asks, and not twice where an earlier scene has the same.
    pub(crate) async fn view(
        &self,
        registry: &Registry,
        cohort: Option<Cohort>,
        earlier: Option<&Scene>,
    ) -> Result<Arc<View>, Problem> {
        let class = self.class(cohort);
        let slot = self.views.get(class).ok_or_else(Problem::broken)?;
        let made = slot
            .get_or_try_init(|| async {
                if let Some(earlier) = earlier
                    && let Some(view) = earlier.ready(cohort)
                    && self.is_as(earlier, registry, cohort).await?
                {
                    return Ok(view);
                }
                let manifest = self.manifest(registry, self.query(cohort), None).await?;
                let view = blocking(move || View::of(&manifest)).await?;
                let same = earlier.into_iter().flat_map(|earlier| &earlier.views);
                let same = same
                    .filter_map(OnceCell::get)
                    .find(|known| known.encoded.tag() == view.encoded.tag());
                Ok::<_, Problem>(same.cloned().unwrap_or_else(|| Arc::new(view)))
            })
            .await?;
        Ok(Arc::clone(made))
    }

    fn query(&self, cohort: Option<Cohort>) -> ManifestQuery {
        ManifestQuery {
            of: Follow::from(&*self.channel),
            cohort,
            ..ManifestQuery::default()
        }
    }

    /// Which rollouts have reached a cohort, and which have not.
    fn reached(&self, cohort: Option<Cohort>) -> BTreeMap<Uuid, BTreeSet<bool>> {
        let mut reached: BTreeMap<Uuid, BTreeSet<bool>> = BTreeMap::new();
        for &(id, percent) in &self.rollouts {
            let gets = gets(cohort, id, percent);
            reached.entry(id).or_default().insert(gets);
        }
        reached
    }

    /// Whether a cohort gets what it got in an earlier scene of the channel, found without making that: most events change nothing of what
    /// most channels give.
    async fn is_as(
        &self,
        earlier: &Scene,
        registry: &Registry,
        cohort: Option<Cohort>,
    ) -> Result<bool, Problem> {
        let (before, now) = (earlier.reached(cohort), self.reached(cohort));
        let has_stepped = now.iter().any(|(id, now)| {
            // One that goes on at several paces may have stepped for any of its packages.
            before
                .get(id)
                .is_some_and(|before| before != now || now.len() > 1)
        });
        // What a rollout that is new does to packages that changed with it shows below.
        if has_stepped {
            return Ok(false);
        }
        let (now, then) = (self.moment.clone(), earlier.moment.clone());
        let changed = blocking(move || now.state.changed(&then.state)).await?;
        if changed.len() > FEW {
            return Ok(false);
        }
        let query = self.query(cohort);
        let then = earlier.manifest(registry, query.clone(), Some(changed.clone()));
        let then = then.await?;
        Ok(self.manifest(registry, query, Some(changed)).await? == then)
    }

    /// A manifest made for one reader.
    pub(crate) async fn manifest(
        &self,
        registry: &Registry,
        query: ManifestQuery,
        only: Option<BTreeSet<String>>,
    ) -> Result<Manifest, Problem> {
        let (registry, moment, at) = (registry.clone(), self.moment.clone(), self.at);
        let runtime = Handle::current();
        let made: Result<Result<Manifest, Refusal>, HistoryError> = blocking(move || {
            // Of many packages it takes a while, and others are waiting.
            runtime.block_on(registry.ask(&moment, |state| {
                state.manifest_of(&query, at, only.as_ref())
            }))
        })
        .await?;
        Ok(made??)
    }

    /// The views that were asked for, each with somebody who gets it.
    pub(crate) fn made(&self) -> Vec<(Option<Cohort>, Arc<View>)> {
        let audiences = std::iter::once(None).chain(Cohort::all().map(Some));
        let mut classes = BTreeSet::new();
        let mut made = Vec::new();
        for cohort in audiences {
            let class = self.class(cohort);
            if let Some(view) = self.views.get(class).and_then(OnceCell::get)
                && classes.insert(class)
            {
                made.push((cohort, Arc::clone(view)));
            }
        }
        made
    }

    /// About how much memory it takes once all its views are made.
    pub(crate) fn weight(&self) -> usize {
        let packages = self.moment.state.names().count();
        // It keeps its state, too.
        weight_of(&self.moment) + packages * PACKAGE * self.views.len()
    }
}

/// Whether a rollout has reached a cohort; nobody in particular gets what everybody gets.
fn gets(cohort: Option<Cohort>, rollout: Uuid, percent: u8) -> bool {
    percent >= 100 || cohort.is_some_and(|cohort| cohort.gets(rollout, percent))
}

/// Where a cohort stands among all, behind those who send none.
fn position(cohort: Option<Cohort>) -> usize {
    cohort.map_or(0, |cohort| 1 + usize::from(cohort.number()))
}

impl View {
    pub(crate) fn of(manifest: &Manifest) -> View {
        View {
            encoded: Encoded::new(Bytes::from(manifest.to_json())),
            base_url: manifest.vars.get("baseUrl").cloned(),
            index: OnceCell::new(),
        }
    }

    /// Makes what was made of another view, so that nobody waits for it.
    pub(crate) async fn prepare_as(&self, before: &View) {
        if before.index.initialized() {
            // What is wrong will be said to whoever asks.
            let _ = self.index().await;
        }
        if self.encoded.plain().len() <= PREPARED {
            self.encoded.prepare_as(&before.encoded).await;
        }
    }

    /// The index, compiled once. It states no base: who asks for URLs gives one in the context.
    pub(crate) async fn index(&self) -> Result<Arc<Index>, Problem> {
        if let Some(index) = self.index.get() {
            return Ok(Arc::clone(index));
        }
        Box::pin(self.compiled()).await
    }

    async fn compiled(&self) -> Result<Arc<Index>, Problem> {
        let compile = || async {
            let text = self.encoded.plain().clone();
            let states_base = self.base_url.is_some();
            let compiled = blocking(move || {
                if !states_base {
                    return Index::from_json(text).map_err(|error| Problem::of_failure(&error));
                }
                let manifest = Manifest::from_slice(&text);
                let mut manifest = manifest.map_err(|error| Problem::of_failure(&error))?;
                manifest.vars.remove("baseUrl");
                Index::from_manifest(&manifest).map_err(|error| Problem::of_failure(&error))
            });
            compiled.await?.map(Arc::new)
        };
        Ok(Arc::clone(self.index.get_or_try_init(compile).await?))
    }
}

/// Work that takes a processor for a while.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Problem::broken())
}
