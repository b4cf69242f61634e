//! A module and all its static dependencies, dependencies first: what must be fetched, all at once.

use foldhash::fast::FixedState;
use hashbrown::HashSet;

use crate::error::{Detail, ResolveError, ResolveErrorKind};
use crate::format::{NO_RECORD, OUTSIDE, Record};
use crate::found::{Dependencies, Dependency, Found, Outside};
use crate::index::Index;
use crate::query::Query;

impl Index {
    /// The closure of an id under the default policy; see [`Query::closure`].
    ///
    /// # Errors
    ///
    /// If the id or one of its dependencies has no answer.
    pub fn closure(&self, id: &str) -> Result<Vec<Found<'_>>, ResolveError> {
        self.query().closure(id)
    }
}

/// A variant on the way down: itself, and which of its dependencies come next.
struct Step<'i> {
    found: Found<'i>,
    rest: Dependencies<'i>,
}

impl<'i> Query<'i, '_> {
    /// The closure of an id, depth first, dependencies before what needs them, each variant once. Cycles are legal.
    ///
    /// Exports without code of their own are in it as well; they have no URL.
    ///
    /// # Errors
    ///
    /// If the id or one of its dependencies has no answer; the latter names the whole chain.
    ///
    /// ```
    /// use radpack_resolve::Index;
    ///
    /// let index = Index::from_json(br#"{"exports":{
    ///     "app":{"v":[[1]],"d":[["index",[{"v":[0],"f":"app.js","s":[1]}]],"d3@^4"]},
    ///     "d3":{"v":[[4,2]],"d":[["index",[{"v":[0],"f":"d3.js"}]]]}}}"#.to_vec())?;
    /// let names: Vec<_> = index.closure("app")?.iter().map(|found| found.pinned_id()).collect();
    /// assert_eq!(names, ["d3@4.2.0", "app@1.0.0"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn closure(&self, id: &str) -> Result<Vec<Found<'i>>, ResolveError> {
        self.closure_of([self.resolve(id)?])
    }

    /// The closure of several variants together.
    ///
    /// # Errors
    ///
    /// If a dependency has no answer.
    pub fn closure_of(
        &self,
        roots: impl IntoIterator<Item = Found<'i>>,
    ) -> Result<Vec<Found<'i>>, ResolveError> {
        let mut seen = Seen::default();
        let mut order = Vec::new();
        // A stack of our own: a chain of dependencies may be longer than the thread's stack allows.
        let mut path: Vec<Step<'i>> = Vec::new();
        for root in roots {
            if seen.insert(root.place.variant) {
                path.push(Step {
                    found: root,
                    rest: root.statics(),
                });
            }
            while let Some(step) = path.last_mut() {
                let Some(dependency) = step.rest.next() else {
                    order.push(step.found);
                    path.pop();
                    continue;
                };
                let found = match self.dependency(&dependency) {
                    Ok(found) => found,
                    Err(error) => return Err(unresolved(&path, &dependency, error)),
                };
                if seen.insert(found.place.variant) {
                    path.push(Step {
                        found,
                        rest: found.statics(),
                    });
                }
            }
        }
        Ok(order)
    }

    /// The variant that serves a dependency: an own entry at the same version, anything else by its spec.
    ///
    /// # Errors
    ///
    /// If it has no answer.
    pub fn dependency(&self, dependency: &Dependency<'i>) -> Result<Found<'i>, ResolveError> {
        let of = &dependency.of;
        if dependency.code & OUTSIDE == 0 {
            return of.own(dependency.code).ok_or_else(|| {
                let id = dependency.id();
                let entry = self.index.storage.record(dependency.code).map(Record);
                let entry = entry
                    .and_then(|record| self.index.entry_of(record))
                    .unwrap_or_default()
                    .to_owned();
                let detail = Detail::Entry {
                    package: format!("{}@{}", of.name(), of.version()),
                    entry,
                };
                ResolveError::new(ResolveErrorKind::UnknownEntry, &id, detail)
            });
        }
        let layer = Record(
            self.index
                .storage
                .record(of.place.record)
                .unwrap_or(NO_RECORD),
        )
        .layer();
        let outside = Outside::read(self.index, dependency.code)
            .ok_or_else(|| ResolveError::damaged(&of.pinned_id()))?;
        match outside.id.get(outside.spec.0..outside.spec.1) {
            Some(spec) if outside.record != crate::format::NONE => {
                self.resolve_linked(outside.record, outside.id, spec, layer)
            }
            _ if outside.id.starts_with("~/") => {
                let scope = format!("{}@{}", of.name(), of.version());
                let own: Query<'i, '_> = *self;
                own.scope(&scope).resolve_fully(outside.id, Some(layer))
            }
            _ => self.resolve_fully(outside.id, Some(layer)),
        }
    }
}

fn unresolved(path: &[Step<'_>], dependency: &Dependency<'_>, error: ResolveError) -> ResolveError {
    let mut chain: Vec<String> = path.iter().map(|step| step.found.pinned_id()).collect();
    let id = chain.first().cloned().unwrap_or_default();
    chain.push(dependency.id().into_owned());
    ResolveError::new(
        ResolveErrorKind::UnresolvedDependency,
        &id,
        Detail::Dependency {
            chain,
            source: Box::new(error),
        },
    )
}

/// The variants that were met: a short list first, a set once that is slower.
#[derive(Default)]
struct Seen {
    few: Vec<u32>,
    many: HashSet<u32, FixedState>,
}

impl Seen {
    const FEW: usize = 16;

    /// Whether the variant is met for the first time.
    fn insert(&mut self, variant: u32) -> bool {
        if !self.many.is_empty() {
            return self.many.insert(variant);
        }
        if self.few.contains(&variant) {
            return false;
        }
        self.few.push(variant);
        if self.few.len() > Self::FEW {
            self.many.extend(self.few.iter().copied());
        }
        true
    }
}
