//! `GET /import-map.json` and `/import-map.html`: what a page needs to load some ids, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use radpack_resolve::{Gathering, ImportMapError};

use super::Answer;
use super::place::{Elsewhere, Target};
use super::reply::text;
use super::resolve::base_of;
use crate::encoded::Encoded;
use crate::problem::Problem;
use crate::scene::{View, blocking};
use crate::service::Shared;

/// As HTML defines it.
const JSON: &str = "application/importmap+json";

const HTML: &str = "text/html; charset=utf-8";

/// How many ids a page may begin with.
const MOST_ROOTS: usize = 200;

/// The parameters of these requests.
pub(crate) const TAKES: [&str; 6] = ["channel", "at", "cohort", "key", "roots", "urls"];

pub(super) async fn answer(
    shared: &Shared,
    target: Target<'_>,
    is_html: bool,
) -> Result<Answer, Elsewhere> {
    let asked = target.asked(&TAKES)?;
    let mut placed = target.place(shared, &asked).await?;
    let roots = roots(asked.roots.as_deref())?;
    let view = placed.view(shared).await?;
    let base = base_of(shared, &target, &asked, &view, &mut placed.keeping)?;
    let encoded = gathered(shared, &view, roots, base, is_html).await?;
    let moment = placed.scene.said(placed.cohort);
    let content_type = if is_html { HTML } else { JSON };
    let variant = encoded.for_reader(target.headers).await;
    Ok(text(
        target.headers,
        variant,
        content_type,
        placed.keeping,
        moment,
    ))
}

/// The ids that a page begins with.
pub(super) fn roots(roots: Option<&str>) -> Result<Vec<String>, Problem> {
    let mut known = BTreeSet::new();
    let roots = roots.unwrap_or_default().split(',').map(str::trim);
    let roots: Vec<String> = roots
        .filter(|root| !root.is_empty() && known.insert(*root))
        .map(str::to_owned)
        .collect();
    if roots.len() > MOST_ROOTS {
        return Err(Problem::invalid(format!(
            "there are {} roots: a page may begin with {MOST_ROOTS}",
            roots.len()
        )));
    }
    if roots.is_empty() {
        return Err(Problem::invalid(
            "say what the page begins with: ?roots=app@^2,d3-scale@^4/band",
        ));
    }
    Ok(roots)
}

async fn gathered(
    shared: &Shared,
    view: &Arc<View>,
    roots: Vec<String>,
    base: String,
    is_html: bool,
) -> Result<Encoded, Problem> {
    let kind = if is_html { "html" } else { "json" };
    let key = format!("{kind} {} {base} {}", view.encoded.tag(), roots.join(","));
    let make = async {
        let _turn = shared.turn_to_make().await?;
        let index = view.index().await?;
        let made = blocking(move || {
            let context = BTreeMap::from([("baseUrl".to_owned(), base)]);
            let query = index.query().context(&context);
            let mut gathering = Gathering::new(query);
            for root in &roots {
                gathering.add(root).map_err(|error| match error {
                    ImportMapError::Unresolved(error) => Problem::unresolved(&query.suggest(error)),
                    other => Problem::unmapped(&other),
                })?;
            }
            let (map, preloads) = gathering.finish();
            Ok::<_, Problem>(match is_html {
                true => map.to_html(&preloads),
                false => map.to_json(),
            })
        });
        Ok::<_, Problem>(Encoded::new(Bytes::from(made.await??)))
    };
    let made = shared.pages.try_get_with(key, make).await;
    made.map_err(|problem| (*problem).clone())
}
