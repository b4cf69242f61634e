//! What a version offers to those who import it, and how another one differs.
//!
//! That is its entries and the names that they export; how it is cut into chunks is nobody's business. The difference decides
//! which number a version may have ([`crate::number`]).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

/// Entries below this are chunks.
const CHUNKS: &str = "c/";

/// How many items a message lists before it counts the others.
const LISTED: usize = 8;

/// The entries of a version, and what each exports.
///
/// ```
/// use radpack_registry::{Step, Surface};
///
/// let mut before = Surface::default();
/// before.insert("index", Some(["circle", "square"]));
/// let mut after = Surface::default();
/// after.insert("index", Some(["circle"]));
/// let difference = before.difference(&after);
/// assert_eq!(difference.step(), Step::Major);
/// assert_eq!(difference.to_string(), "`square` of index is removed");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Surface {
    entries: BTreeMap<String, Option<BTreeSet<String>>>,
}

/// How one surface differs from another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// What the newer one lacks.
    pub removed: Vec<Item>,
    /// What only the newer one has.
    pub added: Vec<Item>,
}

/// An entry, or a name that one exports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// The entry.
    pub entry: String,
    /// The name; all of the entry where there is none.
    pub name: Option<String>,
}

/// How far a number must go from the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Nothing that can be seen from outside has changed.
    Patch,
    /// There is more.
    Minor,
    /// Something is gone.
    Major,
}

impl Surface {
    /// Adds an entry and the names it exports, `None` for what is no ES module. A chunk is left out.
    ///
    /// Where a module exports all that another package's does (`export *`), that package's id stands for the names.
    pub fn insert<N: Into<String>>(
        &mut self,
        entry: impl Into<String>,
        names: Option<impl IntoIterator<Item = N>>,
    ) {
        let entry = entry.into();
        if !entry.starts_with(CHUNKS) {
            let names = names.map(|names| names.into_iter().map(Into::into).collect());
            self.entries.insert(entry, names);
        }
    }

    /// What changes for those who import, when the newer one takes this one's place.
    #[must_use]
    pub fn difference(&self, newer: &Surface) -> Difference {
        Difference {
            removed: self.lacking_in(newer),
            added: newer.lacking_in(self),
        }
    }

    /// What another one has not.
    fn lacking_in(&self, other: &Surface) -> Vec<Item> {
        let mut lacking = Vec::new();
        for (entry, names) in &self.entries {
            let item = |name: Option<&String>| Item {
                entry: entry.clone(),
                name: name.cloned(),
            };
            match (names, other.entries.get(entry)) {
                (_, None) => lacking.push(item(None)),
                (Some(names), Some(Some(others))) => {
                    lacking.extend(names.difference(others).map(|name| item(Some(name))));
                }
                // Of what is no ES module, no names are known.
                (None, Some(_)) | (_, Some(None)) => {}
            }
        }
        lacking
    }
}

impl Difference {
    /// How far a number must go for it.
    #[must_use]
    pub fn step(&self) -> Step {
        if !self.removed.is_empty() {
            Step::Major
        } else if !self.added.is_empty() {
            Step::Minor
        } else {
            Step::Patch
        }
    }

    /// Those items that decide the step.
    fn deciding(&self) -> &[Item] {
        match self.step() {
            Step::Major => &self.removed,
            Step::Minor | Step::Patch => &self.added,
        }
    }
}

impl fmt::Display for Difference {
    /// What decides the step; nothing more, so that it reads as the reason for it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items = self.deciding();
        for (position, item) in items.iter().take(LISTED).enumerate() {
            if position > 0 {
                formatter.write_str(", ")?;
            }
            write!(formatter, "{item}")?;
        }
        let others = items.len().saturating_sub(LISTED);
        if others > 0 {
            write!(formatter, " and {others} more")?;
        }
        formatter.write_str(match (self.step(), items.len()) {
            (Step::Patch, _) => "nothing is added or removed",
            (Step::Minor, 1) => " is added",
            (Step::Minor, _) => " are added",
            (Step::Major, 1) => " is removed",
            (Step::Major, _) => " are removed",
        })
    }
}

impl fmt::Display for Item {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(formatter, "`{name}` of {}", self.entry),
            None => write!(formatter, "the entry {}", self.entry),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surface(entries: &[(&str, Option<&[&str]>)]) -> Surface {
        let mut surface = Surface::default();
        for (entry, names) in entries {
            surface.insert(*entry, names.map(|names| names.iter().copied()));
        }
        surface
    }

    #[test]
    fn what_is_gone_weighs_more_than_what_is_new() {
        let before = surface(&[
            ("index", Some(&["a", "b"])),
            ("locale/fr", Some(&["default"])),
        ]);
        for (after, step, told) in [
            (before.clone(), Step::Patch, "nothing is added or removed"),
            (
                surface(&[
                    ("index", Some(&["a", "b", "c"])),
                    ("locale/fr", Some(&["default"])),
                ]),
                Step::Minor,
                "`c` of index is added",
            ),
            (
                surface(&[
                    ("index", Some(&["a", "b"])),
                    ("locale/de", Some(&["default"])),
                    ("locale/fr", Some(&["default"])),
                    ("locale/nl", Some(&[])),
                ]),
                Step::Minor,
                "the entry locale/de, the entry locale/nl are added",
            ),
            (
                surface(&[
                    ("index", Some(&["b", "c"])),
                    ("locale/fr", Some(&["default"])),
                ]),
                Step::Major,
                "`a` of index is removed",
            ),
            (
                surface(&[("index", Some(&["a", "b", "c"]))]),
                Step::Major,
                "the entry locale/fr is removed",
            ),
        ] {
            let difference = before.difference(&after);
            assert_eq!(difference.step(), step, "{difference}");
            assert_eq!(difference.to_string(), told);
        }
    }

    #[test]
    fn chunks_do_not_count() {
        let before = surface(&[("index", Some(&["a"])), ("c/src/x", Some(&["x"]))]);
        let after = surface(&[("index", Some(&["a"])), ("c/src/y", Some(&["y"]))]);
        assert_eq!(before.difference(&after), Difference::default());
        // An entry of that name is none.
        let named = surface(&[("index", Some(&["a"])), ("c", Some(&[]))]);
        assert_eq!(before.difference(&named).step(), Step::Minor);
    }

    #[test]
    fn what_is_no_es_module_has_no_names() {
        let before = surface(&[("index", None), ("x", Some(&["a"]))]);
        let after = surface(&[("index", Some(&["b"])), ("x", None)]);
        assert_eq!(before.difference(&after).step(), Step::Patch);
        assert_eq!(
            before.difference(&surface(&[("x", None)])).step(),
            Step::Major
        );
    }

    #[test]
    fn many_are_counted() {
        let names: Vec<String> = (0..20).map(|number| format!("n{number:02}")).collect();
        let mut before = Surface::default();
        before.insert("index", Some(names));
        let after = surface(&[("index", Some(&[]))]);
        assert_eq!(
            before.difference(&after).to_string(),
            "`n00` of index, `n01` of index, `n02` of index, `n03` of index, `n04` of index, `n05` of index, `n06` of index, \
             `n07` of index and 12 more are removed"
        );
    }

    #[test]
    fn it_is_written_as_a_map() {
        let surface = surface(&[("index", Some(&["b", "a"])), ("x", None)]);
        let json = serde_json::to_string(&surface).unwrap();
        assert_eq!(json, r#"{"index":["a","b"],"x":null}"#);
        assert_eq!(serde_json::from_str::<Surface>(&json).unwrap(), surface);
    }
}
