//! What a request asks about: which channel, for whom, and when.

use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::{HeaderMap, StatusCode};
use radpack_registry::Cohort;
use radpack_registry::state::package::RELEASE;
use url::form_urlencoded;

use super::Answer;
use crate::caller::Reader;
use crate::moment::ServedMoment;
use crate::problem::Problem;
use crate::read::reply::Keeping;
use crate::scene::Scene;
use crate::service::Shared;

/// How long caches may remember which cohort a key has: it never has another.
const KEY_KEPT: &str = "public, max-age=86400";

/// What stands after the question mark of reading requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) channel: Option<Box<str>>,
    pub(crate) at: Option<Box<str>>,
    pub(crate) cohort: Option<Box<str>>,
    pub(crate) key: Option<Box<str>>,
    pub(crate) roots: Option<Box<str>>,
    pub(crate) urls: Option<Box<str>>,
    pub(crate) scope: Option<Box<str>>,
    pub(crate) fallback: Option<Box<str>>,
    pub(crate) redirect: Option<Box<str>>,
}

/// Where a request goes.
#[derive(Clone, Copy)]
pub(crate) struct Target<'r> {
    /// The moment in its path.
    pub(crate) moment: Option<&'r str>,
    /// The path behind that.
    pub(crate) path: &'r str,
    pub(crate) query: &'r str,
    pub(crate) headers: &'r HeaderMap,
}

/// What it asks about.
pub(crate) struct Placed {
    pub(crate) scene: Arc<Scene>,
    pub(crate) cohort: Option<Cohort>,
    pub(crate) reader: Reader,
    pub(crate) keeping: Keeping,
    /// Whether the reader sees only some packages of this channel.
    pub(crate) is_partial: bool,
}

/// Why it is not answered from here.
pub(crate) enum Elsewhere {
    Problem(Problem),
    Redirect(Answer),
}

impl From<Problem> for Elsewhere {
    fn from(problem: Problem) -> Self {
        Elsewhere::Problem(problem)
    }
}

impl Elsewhere {
    /// What is sent.
    pub(super) fn into_answer(self) -> Answer {
        match self {
            Elsewhere::Problem(problem) => problem.into_answer(),
            Elsewhere::Redirect(answer) => answer,
        }
    }
}

impl Target<'_> {
    /// Reads what stands after the question mark. What means nothing here is refused, or a typing error would be a wrong answer.
    pub(crate) fn asked(&self, takes: &[&str]) -> Result<Asked, Problem> {
        let mut asked = Asked::default();
        for (name, value) in form_urlencoded::parse(self.query.as_bytes()) {
            let known = match &*name {
                "channel" => &mut asked.channel,
                "at" => &mut asked.at,
                "cohort" => &mut asked.cohort,
                "key" => &mut asked.key,
                "roots" => &mut asked.roots,
                "urls" => &mut asked.urls,
                "scope" => &mut asked.scope,
                "fallback" => &mut asked.fallback,
                "redirect" => &mut asked.redirect,
                _ => &mut None,
            };
            if !takes.contains(&&*name) {
                return Err(Problem::invalid(format!(
                    "the parameter {name:?} means nothing here: there are {}",
                    takes.join(", ")
                )));
            }
            if known.replace(value.into()).is_some() {
                let message = format!("the parameter {name:?} is there twice");
                return Err(Problem::invalid(message));
            }
        }
        Ok(asked)
    }

    /// The path from the root, with other parameters.
    fn elsewhere(
        &self,
        moment: Option<&str>,
        without: &[&str],
        with: Option<(&str, &str)>,
    ) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in form_urlencoded::parse(self.query.as_bytes()) {
            if !without.contains(&&*name) {
                query.append_pair(&name, &value);
            }
        }
        if let Some((name, value)) = with {
            query.append_pair(name, value);
        }
        let query = query.finish();
        let mut location = String::new();
        if let Some(moment) = moment {
            location.push_str("/at/");
            location.push_str(moment);
        }
        location.push_str(self.path);
        if !query.is_empty() {
            location.push('?');
            location.push_str(&query);
        }
        location
    }

    /// Finds what is asked about.
    pub(crate) async fn place(&self, shared: &Shared, asked: &Asked) -> Result<Placed, Elsewhere> {
        if let Some(key) = &asked.key {
            if asked.cohort.is_some() {
                return Err(Problem::invalid("a key has one cohort: send one or the other").into());
            }
            let cohort = Cohort::of_key(key).to_string();
            let location = self.elsewhere(self.moment, &["key"], Some(("cohort", &cohort)));
            return Err(redirect(&location, KEY_KEPT)?);
        }
        let cohort = match &asked.cohort {
            None => None,
            Some(text) => {
                let cohort = text.parse::<Cohort>();
                Some(cohort.map_err(|error| Problem::invalid(error.to_string()))?)
            }
        };
        let moment = match (self.moment, &asked.at) {
            (Some(_), Some(_)) => {
                let message = "the moment is in the path already: leave out `at`";
                return Err(Problem::invalid(message).into());
            }
            (moment, at) => moment.or(at.as_deref()),
        };
        let Some(moment) = moment else {
            return self.now(shared, asked, cohort).await;
        };
        let mut moment: ServedMoment = moment
            .parse()
            .map_err(|error: radpack_registry::MomentError| Problem::invalid(error.to_string()))?;
        let is_canonical = self.moment.is_some()
            && moment.is_full()
            && asked.cohort.is_none()
            && asked.channel.is_none();
        moment.cohort = cohort.or(moment.cohort);
        if let Some(channel) = &asked.channel {
            moment.channel = channel.to_string();
        }
        let (reader, is_partial) = self.reader(shared, &moment.channel)?;
        let scene = Box::pin(shared.scene_at(&moment)).await?;
        // One answer has one address: between two steps of a rollout, all times mean the same.
        let canonical = scene.token(moment.cohort);
        if !is_canonical || canonical != moment {
            let token = canonical.to_string();
            let location = self.elsewhere(Some(&token), &["at", "cohort", "channel"], None);
            return Err(redirect(&location, "no-store")?);
        }
        Ok(Placed {
            keeping: Keeping::ever(&reader),
            cohort: moment.cohort,
            scene,
            reader,
            is_partial,
        })
    }

    async fn now(
        &self,
        shared: &Shared,
        asked: &Asked,
        cohort: Option<Cohort>,
    ) -> Result<Placed, Elsewhere> {
        let channel = asked.channel.as_deref().unwrap_or(RELEASE);
        let (reader, is_partial) = self.reader(shared, channel)?;
        let scene = shared.scene(channel).await?;
        Ok(Placed {
            keeping: shared.keeping.keeping(&reader, scene.next),
            cohort,
            scene,
            reader,
            is_partial,
        })
    }

    /// Who asks, and whether they see only some packages of a channel.
    fn reader(&self, shared: &Shared, channel: &str) -> Result<(Reader, bool), Problem> {
        let reader = Reader::of(self.headers, &shared.live.now().moment)?;
        if shared.settings.is_public(channel) || reader.sees_all() {
            return Ok((reader, false));
        }
        if reader.is_anybody() {
            let message = format!("the channel {channel} takes a token: send one that may read");
            return Err(Problem::denied(message, false));
        }
        Ok((reader, true))
    }
}

/// Leads a reader to where the answer is.
pub(crate) fn redirect(location: &str, keeping: &'static str) -> Result<Elsewhere, Problem> {
    let location = HeaderValue::from_str(location)
        .map_err(|_| Problem::invalid("the path holds what no address may"))?;
    let mut answer = Answer::default();
    *answer.status_mut() = StatusCode::FOUND;
    let headers = answer.headers_mut();
    headers.insert(header::LOCATION, location);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keeping));
    let anybody = HeaderValue::from_static("*");
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, anybody);
    Ok(Elsewhere::Redirect(answer))
}
