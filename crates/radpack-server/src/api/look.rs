//! What there is, for programs: packages, versions, sources, the history, consumers, tokens. Each shows what its reader may see.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use radpack_registry::rules::VersionPick;
use radpack_registry::state::package::{Audience, Package, PublishedVersion, RELEASE};
use radpack_registry::{HistoryError, Position, Recorded};
use semver::Version;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::asking::{Asked, Asker};
use super::commands::no_store;
use super::drafts::changes;
use super::{Answers, Sent};
use crate::caller::Reader;
use crate::happened::Happened;
use crate::problem::Problem;
use crate::service::Shared;

/// How many events are told at once, at most.
const MOST_EVENTS: usize = 1_000;

/// How many events are looked at for one answer, where most are not for whoever asks.
const MOST_LOOKED_AT: u64 = 10_000;

/// How many for anybody, who is told little of them.
const MOST_LOOKED_AT_BY_ANYBODY: u64 = 1_000;

impl Asker {
    /// A package that the reader may see anything of.
    fn package(&self, shared: &Shared, name: &str) -> Result<&Package, Problem> {
        let package = self.moment.state.known(name)?;
        let sees = self.reader.sees(name)
            || package
                .versions
                .keys()
                .any(|version| self.sees(shared, name, package, version));
        match sees {
            true => Ok(package),
            // As if there were none.
            false => Err(Problem::unknown(format!(
                "there is no package {name:?}; `radpack versions` lists those that there are"
            ))),
        }
    }

    /// Whether the reader may see a version.
    fn sees(&self, shared: &Shared, name: &str, package: &Package, version: &Version) -> bool {
        let is_yanked = || {
            let published = package.versions.get(version);
            published.is_none_or(|published| published.yanked.is_some())
        };
        self.reader.sees(name)
            || !is_yanked() && package.was_released(version, &shared.settings.public_channels)
    }

    fn version(
        &self,
        shared: &Shared,
        pick: &VersionPick,
    ) -> Result<(&Package, &Version, &PublishedVersion), Problem> {
        let package = self.package(shared, &pick.package)?;
        let (version, published) = self.moment.state.pick(pick)?;
        match self.sees(shared, &pick.package, package, version) {
            true => Ok((package, version, published)),
            false => Err(Problem::unknown(format!(
                "there is no {pick}; `radpack versions {}` lists those that there are",
                pick.package
            ))),
        }
    }

    /// Whether the reader may see what packages are made of.
    fn check_sources(&self, name: &str) -> Result<(), Problem> {
        match self.reader.sees(name) {
            true => Ok(()),
            false => Err(Problem::denied(
                format!("the sources of {name} take a token with the right to read it"),
                !self.reader.is_anybody(),
            )),
        }
    }
}

/// List the packages, with what users get of each
#[utoipa::path(get, path = "/api/packages", tag = "packages", security((), ("token" = [])), responses((status = 200, description = "The packages", body = Vec<Object>), Answers))]
pub(super) async fn packages(State(shared): State<Arc<Shared>>, asker: Asker) -> Sent {
    let moment = &asker.moment;
    let packages = moment.state.names().filter_map(|name| {
        let package = asker.package(&shared, name).ok()?;
        let served = package.served(RELEASE, Audience::Everybody, moment.now());
        let versions = package.versions.keys();
        let versions = versions.filter(|version| asker.sees(&shared, name, package, version));
        let shown = |(_, version): &(u32, &Version)| asker.sees(&shared, name, package, version);
        let released = served.iter().rev().filter(|it| shown(it));
        let released: Vec<_> = released.map(|(_, version)| version).collect();
        Some(json!({ "name": name, "versions": versions.count(), "released": released }))
    });
    let packages: Vec<Value> = packages.collect();
    Ok(no_store(Json(packages)))
}

/// Show a package: its versions, lines and releases
#[utoipa::path(get, path = "/api/packages/{package}", tag = "packages", security((), ("token" = [])), params(("package" = String, Path, description = "Of a name with a scope, / is written %2F")), responses((status = 200, description = "The package", body = Object), Answers))]
pub(super) async fn package(
    State(shared): State<Arc<Shared>>,
    asker: Asker,
    Path(name): Path<String>,
) -> Sent {
    let package = asker.package(&shared, &name)?;
    let sees = asker.reader.sees(&name);
    let at = asker.moment.now();
    let versions: Vec<Value> = package
        .versions
        .iter()
        .filter(|(version, _)| asker.sees(&shared, &name, package, version))
        .map(|(version, published)| {
            let mut shown = json!({ "version": version, "build": published.build, "seq": published.seq, "at": published.at });
            if sees {
                shown["by"] = published.by.clone().into();
                shown["message"] = published.message.clone().into();
                shown["restores"] = json!(published.restores);
                shown["yanked"] = json!(published.yanked.as_ref().map(|yank| &yank.reason));
            }
            shown
        })
        .collect();
    let channels = package
        .channels
        .iter()
        .filter(|(channel, _)| sees || shared.settings.is_public(channel));
    let channels: serde_json::Map<String, Value> = channels
        .map(|(channel_name, channel)| {
            let lines = channel.lines.keys().map(|line| {
                let state = channel.line(*line, at);
                let version = |number: u32| {
                    let release = channel.release(number)?;
                    asker
                        .sees(&shared, &name, package, &release.version)
                        .then(|| release.version.to_string())
                };
                let rolling = state.rolling.as_ref().map(|rolling| {
                    json!({
                        "version": version(rolling.release),
                        "release": rolling.release,
                        "percent": rolling.rollout.percent(at),
                        "paused": rolling.rollout.is_paused(),
                    })
                });
                let line_state = json!({
                    "version": state.stable.and_then(version),
                    "release": state.stable,
                    "rolling": rolling,
                });
                (line.to_string(), line_state)
            });
            (channel_name.clone(), Value::Object(lines.collect()))
        })
        .collect();
    let mut shown = json!({
        "name": name, "policy": package.policy, "versions": versions, "channels": channels,
    });
    if sees {
        let dependents = asker.moment.state.dependents(&name);
        let dependents: Vec<&str> = dependents.filter(|name| asker.reader.sees(name)).collect();
        shown["drafts"] = json!(package.drafts.keys().collect::<Vec<_>>());
        shown["dependents"] = json!(dependents);
    }
    Ok(no_store(Json(shown)))
}

fn pick(package: &str, version: &str) -> Result<VersionPick, Problem> {
    let text = match version.parse::<u32>() {
        _ if version.starts_with('#') => format!("{package}{version}"),
        _ => format!("{package}@{version}"),
    };
    Ok(text.parse()?)
}

/// Show a version: its entries and files, and, to those who may read the package, its sources
#[utoipa::path(get, path = "/api/packages/{package}/versions/{version}", tag = "packages", security((), ("token" = [])), params(("package" = String, Path), ("version" = String, Path, description = "1.2.3, or a build: %237")), responses((status = 200, description = "The version", body = Object), Answers))]
pub(super) async fn version(
    State(shared): State<Arc<Shared>>,
    asker: Asker,
    Path((name, version)): Path<(String, String)>,
) -> Sent {
    let (_, version, published) = asker.version(&shared, &pick(&name, &version)?)?;
    let contents = &published.contents;
    let mut shown = json!({
        "name": name,
        "version": version,
        "build": published.build,
        "seq": published.seq,
        "at": published.at,
        "entries": contents.entries,
        "files": contents.files,
    });
    if asker.reader.sees(&name) {
        let sources = shared.registry.sources(&name, contents).await?;
        shown["by"] = published.by.clone().into();
        shown["message"] = published.message.clone().into();
        shown["of"] = json!(published.of);
        shown["restores"] = json!(published.restores);
        shown["breaking"] = json!(published.breaking);
        shown["yanked"] = json!(published.yanked);
        shown["sources"] = json!(sources);
    }
    Ok(no_store(Json(shown)))
}

/// Read a source of a version (right: read)
#[utoipa::path(get, path = "/api/packages/{package}/versions/{version}/sources/{*path}", tag = "packages", security(("token" = [])), params(("package" = String, Path), ("version" = String, Path), ("path" = String, Path)), responses((status = 200, description = "The file", body = String, content_type = "application/octet-stream"), Answers))]
pub(super) async fn source(
    State(shared): State<Arc<Shared>>,
    asker: Asker,
    Path((name, version, path)): Path<(String, String, String)>,
) -> Sent {
    let (_, version, published) = asker.version(&shared, &pick(&name, &version)?)?;
    asker.check_sources(&name)?;
    let sources = shared.registry.sources(&name, &published.contents).await?;
    let file = sources
        .get(&path)
        .ok_or_else(|| Problem::unknown(format!("{name}@{version} has no source {path:?}")))?;
    let contents = shared.registry.blob(&asker.moment, &file.sha256).await?;
    Ok(super::store::bytes(contents))
}

/// Two versions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Sides {
    /// The version that is compared: NAME@1.0.0, or NAME#3.
    from: String,
    /// The version that it is compared with.
    to: String,
}

/// What two versions differ in: what they export, and, to those who may read both, their sources
#[utoipa::path(get, path = "/api/diff", tag = "packages", security((), ("token" = [])), params(Sides), responses((status = 200, description = "What was added, changed and removed", body = Object), Answers))]
pub(super) async fn diff(
    State(shared): State<Arc<Shared>>,
    asker: Asker,
    Asked(sides): Asked<Sides>,
) -> Sent {
    let (from, to): (VersionPick, VersionPick) = (sides.from.parse()?, sides.to.parse()?);
    let (_, _, before) = asker.version(&shared, &from)?;
    let (_, _, after) = asker.version(&shared, &to)?;
    let difference = before
        .contents
        .surface()
        .difference(&after.contents.surface());
    let items = |items: &[radpack_registry::Item]| -> Vec<String> {
        items.iter().map(ToString::to_string).collect()
    };
    let mut shown = json!({
        "surface": { "added": items(&difference.added), "removed": items(&difference.removed) },
    });
    if asker.reader.sees(&from.package) && asker.reader.sees(&to.package) {
        let registry = &shared.registry;
        let before = registry.sources(&from.package, &before.contents).await?;
        let after = registry.sources(&to.package, &after.contents).await?;
        shown["sources"] = changes(&before, &after);
    }
    Ok(no_store(Json(shown)))
}

/// Which events.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Only those after this one.
    since: Option<u64>,
    /// No more than so many; by default 100, and 1,000 at most.
    limit: Option<usize>,
    /// Only those about this package.
    package: Option<String>,
}

/// What has happened, in its order: without a token, what was released
///
/// `next` is where to go on: `?since=` it. It is absent at the end.
#[utoipa::path(get, path = "/api/history", tag = "history", security((), ("token" = [])), params(Which), responses((status = 200, description = "The events", body = Object), Answers))]
pub(super) async fn history(
    State(shared): State<Arc<Shared>>,
    asker: Asker,
    Asked(which): Asked<Which>,
) -> Sent {
    let newest = asker.moment.position.seq;
    let since = which.since.unwrap_or(0);
    let limit = which.limit.unwrap_or(100).clamp(1, MOST_EVENTS);
    let history = shared.registry.history();
    let mut position = match since {
        0 => history.beginning(),
        seq if seq > newest => return Err(HistoryError::NotYet { seq, newest }.into()),
        seq => Position::of(&event_at(&shared, seq).await?),
    };
    let most = match asker.reader.is_anybody() {
        true => MOST_LOOKED_AT_BY_ANYBODY,
        false => MOST_LOOKED_AT,
    };
    let last = newest.min(since.saturating_add(most));
    let public = &shared.settings.public_channels;
    let state = &asker.moment.state;
    let mut events: Vec<Value> = Vec::new();
    // An event may be large, and what is told of it is not: so few are read at once.
    let _turn = shared.rates.history().await?;
    // A stretch at a time: most answers are full after the first.
    while position.seq < last && events.len() < limit {
        let up_to = last.min(position.seq + limit as u64);
        let mut told = position;
        let follow = history.follow_up_to(position, up_to, |recorded| {
            if events.len() == limit {
                return Ok(());
            }
            told = Position::of(&recorded);
            let Some(happened) = Happened::of(&recorded.event, state, &asker.reader, public) else {
                return Ok(());
            };
            let concerns = |name: &String| happened.concerns(name);
            if which.package.as_ref().is_none_or(concerns) {
                events.push(serde_json::to_value(&happened).unwrap_or_default());
            }
            Ok::<(), HistoryError>(())
        });
        follow.await?;
        position = told;
    }
    let next = (position.seq < newest).then_some(position.seq);
    Ok(no_store(Json(json!({ "events": events, "next": next }))))
}

async fn event_at(shared: &Shared, seq: u64) -> Result<Recorded, Problem> {
    let recorded = shared.registry.history().event(seq).await?;
    recorded.ok_or_else(|| Problem::unknown(format!("event {seq} has not happened")))
}

/// Show an event, with all its facts to those who may read everything that it is about
#[utoipa::path(get, path = "/api/events/{seq}", tag = "history", security((), ("token" = [])), params(("seq" = u64, Path)), responses((status = 200, description = "The event", body = Object), Answers))]
pub(super) async fn event(
    State(shared): State<Arc<Shared>>,
    asker: Asker,
    Path(seq): Path<String>,
) -> Sent {
    let unknown = || Problem::unknown(format!("there is no event {seq:?}"));
    let number: u64 = seq.parse().map_err(|_| unknown())?;
    let newest = asker.moment.position.seq;
    if number == 0 || number > newest {
        return Err(unknown());
    }
    let recorded = event_at(&shared, number).await?;
    let public = &shared.settings.public_channels;
    let state = &asker.moment.state;
    let happened = Happened::of(&recorded.event, state, &asker.reader, public);
    let happened = happened.ok_or_else(unknown)?;
    let mut shown = serde_json::to_value(&happened).unwrap_or_default();
    if happened.told.is_some() {
        shown["facts"] = recorded.event.payload.clone();
        shown["hash"] = json!(recorded.hash);
    }
    Ok(no_store(Json(shown)))
}

/// List the consumers whose names the token is for
#[utoipa::path(get, path = "/api/consumers", tag = "people", security(("token" = [])), responses((status = 200, description = "The consumers", body = Vec<Object>), Answers))]
pub(super) async fn consumers(asker: Asker) -> Sent {
    let consumers = asker.moment.state.consumers();
    let shown = consumers.filter(|(name, _)| asker.reader.sees(name));
    let shown: Vec<Value> = shown
        .map(|(name, consumer)| {
            json!({ "consumer": name, "pins": consumer.pins, "follows": consumer.follows, "production": consumer.production })
        })
        .collect();
    Ok(no_store(Json(shown)))
}

/// Show a consumer
#[utoipa::path(get, path = "/api/consumers/{consumer}", tag = "people", security(("token" = [])), params(("consumer" = String, Path)), responses((status = 200, description = "The consumer", body = Object), Answers))]
pub(super) async fn consumer(asker: Asker, Path(name): Path<String>) -> Sent {
    let consumer = asker
        .moment
        .state
        .consumer(&name)
        .filter(|_| asker.reader.sees(&name))
        .ok_or_else(|| {
            Problem::unknown(format!(
                "there is no consumer {name:?}; `radpack consumer list` lists those that there are"
            ))
        })?;
    Ok(no_store(Json(consumer)))
}

/// List the tokens, without their secrets: one's own, and with admin rights those whose packages are among one's own
#[utoipa::path(get, path = "/api/tokens", tag = "tokens", security(("token" = [])), responses((status = 200, description = "The tokens", body = Vec<Object>), Answers))]
pub(super) async fn tokens(asker: Asker) -> Sent {
    let Reader::Holder(own) = &asker.reader else {
        return Err(Problem::denied("listing tokens takes a token", false));
    };
    let tokens = asker.moment.state.tokens().filter(|token| {
        token.id == own.id
            || own
                .rights
                .contains(&radpack_registry::state::token::Right::Admin)
                && token.packages.iter().all(|pattern| own.sees(pattern))
    });
    let tokens: Vec<_> = tokens.collect();
    Ok(no_store(Json(tokens)))
}

/// Show the settings of the registry
#[utoipa::path(get, path = "/api/settings", tag = "care", security((), ("token" = [])), responses((status = 200, description = "The settings", body = Object), Answers))]
pub(super) async fn settings(asker: Asker) -> Sent {
    Ok(no_store(Json(
        json!({ "baseUrl": asker.moment.state.base_url() }),
    )))
}
