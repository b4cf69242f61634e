//! Takes the closure of every entry at every version and looks for its files: each must be on disk, with exactly the
//! integrity that the manifest states. Dynamic dependencies are followed too; they are entries themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use radpack::{Found, Index, Query};
use sha2::{Digest, Sha384};
use url::Url;

use crate::account::{Account, count};
use crate::failure::Failure;

/// What the closures came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closures {
    /// How many were taken: one for each entry and chunk at each of its versions.
    pub taken: usize,
    /// Modules in all of them together, each as often as it is in one.
    pub modules: usize,
    /// The closure with the most modules, and how many.
    pub largest: (String, usize),
    /// Dynamic dependencies that lead somewhere.
    pub dynamics: usize,
    /// Files that are there with the integrity that the manifest states, each once.
    pub verified: usize,
    /// Their bytes.
    pub bytes: u64,
}

pub(crate) fn verify(
    index: &Index,
    account: &mut Account<'_>,
    mismatches: &mut Vec<String>,
) -> Result<Closures, Failure> {
    let mut closures = Closures::default();
    let mut files = BTreeMap::new();
    let query = index.query();
    for package in index.packages() {
        for root in package.entries().flat_map(|entry| entry.variants()) {
            closures.taken += 1;
            let closure = match query.closure_of([root]) {
                Ok(closure) => closure,
                Err(error) => {
                    mismatches.push(format!("the closure of {}: {error}", root.pinned_id()));
                    continue;
                }
            };
            closures.modules += closure.len();
            if closure.len() > closures.largest.1 {
                closures.largest = (root.pinned_id(), closure.len());
            }
            is_complete_and_in_order(&query, &closure, mismatches);
            for dependency in root.dynamics() {
                match query.dependency(&dependency) {
                    Ok(_) => closures.dynamics += 1,
                    Err(error) => mismatches.push(format!("{}: {error}", root.pinned_id())),
                }
            }
            for found in closure {
                let length = match files.get(&found.variant()) {
                    Some(_) => continue,
                    None => verify_file(&found, mismatches)?,
                };
                files.insert(found.variant(), length);
            }
        }
    }
    closures.verified = files.values().flatten().count();
    closures.bytes = files.values().flatten().sum();
    account.line(&format!(
        "{} with {} together; the largest, of {}, has {}",
        count(closures.taken, "closure", "closures"),
        count(closures.modules, "module", "modules"),
        closures.largest.0,
        closures.largest.1,
    ))?;
    account.line(&format!(
        "{} on disk with the integrity that radpack.json states, {:.1} MB",
        count(closures.verified, "file is", "files are"),
        closures.bytes as f64 / 1e6
    ))?;
    Ok(closures)
}

/// Everything that a module of the closure needs is in it, and before it; but for cycles, where something has to come first.
fn is_complete_and_in_order<'i>(
    query: &Query<'i, '_>,
    closure: &[Found<'i>],
    mismatches: &mut Vec<String>,
) {
    let places: BTreeMap<u32, usize> = closure
        .iter()
        .enumerate()
        .map(|(place, found)| (found.variant(), place))
        .collect();
    let root = closure.last().map(Found::pinned_id).unwrap_or_default();
    if places.len() != closure.len() || closure.is_empty() {
        mismatches.push(format!("the closure of {root} is empty, or has one twice"));
    }
    for (place, found) in closure.iter().enumerate() {
        for dependency in needs(query, found) {
            let complaint = match places.get(&dependency.variant()) {
                None => "lacks",
                Some(&other) if other <= place || leads_to(query, dependency, found) => continue,
                Some(_) => "has too late",
            };
            mismatches.push(format!(
                "the closure of {root} {complaint} {}, which {} needs",
                dependency.pinned_id(),
                found.pinned_id()
            ));
        }
    }
}

/// What a module loads; that each of them resolves, the closure has shown.
fn needs<'i>(query: &Query<'i, '_>, found: &Found<'i>) -> Vec<Found<'i>> {
    let needs = found.statics();
    needs
        .filter_map(|dependency| query.dependency(&dependency).ok())
        .collect()
}

/// Whether a module needs another one, by whatever way.
fn leads_to<'i>(query: &Query<'i, '_>, from: Found<'i>, to: &Found<'i>) -> bool {
    let mut seen = BTreeSet::new();
    let mut rest = vec![from];
    while let Some(found) = rest.pop() {
        if found.variant() == to.variant() {
            return true;
        }
        if seen.insert(found.variant()) {
            rest.extend(needs(query, &found));
        }
    }
    false
}

/// The length of a file that is as it should be.
fn verify_file(found: &Found<'_>, mismatches: &mut Vec<String>) -> Result<Option<u64>, Failure> {
    let id = found.pinned_id();
    let Some(url) = found.url()? else {
        mismatches.push(format!("{id} has no file"));
        return Ok(None);
    };
    let Some(path) = Url::parse(&url)
        .ok()
        .and_then(|url| url.to_file_path().ok())
    else {
        mismatches.push(format!("{id} is not on this machine, but at {url}"));
        return Ok(None);
    };
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => {
            mismatches.push(format!("{id}: cannot read {}: {error}", path.display()));
            return Ok(None);
        }
    };
    let integrity = format!("sha384-{}", BASE64_STANDARD.encode(Sha384::digest(&bytes)));
    if found.integrity()? != Some(integrity.as_str()) {
        mismatches.push(format!(
            "{id}: {} has the integrity {integrity}, and radpack.json states {:?}",
            path.display(),
            found.integrity()?
        ));
        return Ok(None);
    }
    Ok(Some(bytes.len() as u64))
}
