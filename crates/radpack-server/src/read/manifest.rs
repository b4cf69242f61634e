//! `GET /radpack.json`: the manifest of a channel, whole or of the closure of some roots.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use radpack_registry::state::package::RELEASE;
use radpack_registry::{Follow, ManifestQuery};

use super::Answer;
use super::import_map;
use super::place::{Elsewhere, Placed, Target};
use super::reply::text;
use crate::encoded::Encoded;
use crate::problem::Problem;
use crate::scene::{View, blocking};
use crate::service::Shared;

/// The parameters of these requests.
pub(crate) const TAKES: [&str; 5] = ["channel", "at", "cohort", "key", "roots"];

pub(super) async fn answer(shared: &Shared, target: Target<'_>) -> Result<Answer, Elsewhere> {
    let asked = target.asked(&TAKES)?;
    let placed = target.place(shared, &asked).await?;
    let view = placed.view(shared).await?;
    let part;
    let encoded = match &asked.roots {
        None => &view.encoded,
        Some(roots) => {
            part = Box::pin(closure(shared, &view, roots)).await?;
            &part
        }
    };
    let moment = placed.scene.said(placed.cohort);
    let variant = encoded.for_reader(target.headers).await;
    Ok(text(
        target.headers,
        variant,
        "application/json",
        placed.keeping,
        moment,
    ))
}

/// What some roots lead to, and nothing else.
async fn closure(shared: &Shared, view: &Arc<View>, roots: &str) -> Result<Encoded, Problem> {
    let roots = import_map::roots(Some(roots))?;
    let key = format!("manifest {} {}", view.encoded.tag(), roots.join(","));
    let make = async {
        let _turn = shared.turn_to_make().await?;
        let index = view.index().await?;
        let base_url = view.base_url.clone();
        let made = blocking(move || {
            let query = index.query();
            let manifests = query.closure_manifests(&roots);
            let manifests =
                manifests.map_err(|error| Problem::unresolved(&query.suggest(error)))?;
            let mut manifest = manifests.into_iter().next().unwrap_or_default();
            if let Some(base_url) = base_url {
                manifest.vars.insert("baseUrl".to_owned(), base_url);
                manifest.normalize();
            }
            Ok::<_, Problem>(manifest.to_json())
        });
        Ok::<_, Problem>(Encoded::new(Bytes::from(made.await??)))
    };
    let made = shared.pages.try_get_with(key, make).await;
    made.map_err(|problem| (*problem).clone())
}

impl Placed {
    /// What this reader gets.
    pub(super) async fn view(&self, shared: &Shared) -> Result<Arc<View>, Problem> {
        if !self.is_partial {
            return shared.view(&self.scene, self.cohort).await;
        }
        let _turn = shared.turn_to_make().await?;
        let names = self.scene.moment.state.names();
        let names: BTreeSet<String> = names
            .filter(|name| self.reader.sees(name))
            .map(str::to_owned)
            .collect();
        let query = |channel: &str| ManifestQuery {
            of: Follow::from(channel),
            cohort: self.cohort,
            ..ManifestQuery::default()
        };
        let registry = &shared.registry;
        let own = query(&self.scene.channel);
        let mut manifest = self
            .scene
            .manifest(registry, own, Some(names.clone()))
            .await?;
        if shared.settings.is_public(RELEASE) {
            // Of what they may not see they get what everybody gets.
            let released = self.scene.manifest(registry, query(RELEASE), None).await?;
            let others = released.exports.into_iter();
            manifest
                .exports
                .extend(others.filter(|(name, _)| !names.contains(name)));
            manifest.normalize();
        }
        Ok(Arc::new(View::of(&manifest)))
    }
}
