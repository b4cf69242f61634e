//! Drafts: opened, saved, set back and given up, so that nobody's save overwrites another's.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Decided, Rule, Sender, VersionPick, check_name, check_package_name, listed};
use crate::commit::{Place, Refusal, RefusalKind};
use crate::folder::check_file_name;
use crate::registry::Caller;
use crate::state::State;
use crate::state::draft::Draft;
use crate::state::fact::{
    DraftCreated, DraftDiscarded, DraftFrom, DraftReset, DraftSaved, OfDraft, SourceFile,
};
use crate::state::token::{Right, Token};

/// How many of the files that others changed a refusal names.
const NAMED: usize = 5;

/// How long a path may be.
const LONGEST: usize = 1024;

/// How many files a draft may have, and how many bytes they: what is published of it lies on a disk, all of it at once.
const MOST_FILES: usize = 20_000;
const MOST_BYTES: u64 = 1 << 30;

/// Where the files of a new draft are from.
#[derive(Clone, Debug, PartialEq)]
pub enum DraftSource {
    /// Nowhere: it is empty.
    Empty,
    /// A version, and the sources that its event lists.
    Version(VersionPick, BTreeMap<String, SourceFile>),
    /// Another draft as it is now.
    Draft(String),
}

/// The state of a draft that something is based on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DraftBase {
    /// The event that opened the draft, where that is known: another one may have been opened under its name since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened: Option<u64>,
    /// The revision.
    pub revision: u64,
}

/// Opens a draft.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateDraft {
    /// Its name.
    pub draft: String,
    /// The package that it is to be a version of.
    pub package: String,
    /// Where its files are from.
    pub from: DraftSource,
}

/// Saves files of a draft.
#[derive(Clone, Debug, PartialEq)]
pub struct SaveDraft {
    /// The draft.
    pub draft: String,
    /// The event that opened it, where that is known: another one may have been opened under its name since.
    pub opened: Option<u64>,
    /// The revision that the save is based on.
    pub base: u64,
    /// New and changed files.
    pub put: BTreeMap<String, SourceFile>,
    /// Files that go.
    pub remove: BTreeSet<String>,
    /// What their maker says about it.
    pub message: Option<String>,
}

/// Sets a draft back to an earlier revision, as a new one.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ResetDraft {
    /// The draft.
    pub draft: String,
    /// The revision.
    pub to: u64,
    /// What it must still be like, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub based_on: Option<DraftBase>,
}

/// Gives a draft up.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DiscardDraft {
    /// The draft.
    pub draft: String,
    /// What it must still be like, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub based_on: Option<DraftBase>,
}

impl State {
    /// A draft that must be there, and the package that it is of.
    ///
    /// # Errors
    ///
    /// If there is none of this name.
    pub fn known_draft(&self, name: &str) -> Result<(&str, &Draft), Refusal> {
        self.draft(name).ok_or_else(|| no_draft(name))
    }

    /// Whether there is a draft, as far as the holder of a token may know: others are none.
    pub(crate) fn check_shown(&self, name: &str, token: &Token) -> Result<(), Refusal> {
        match self.drafts.get(name) {
            Some(package) if token.sees(package) => Ok(()),
            _ => Err(no_draft(name)),
        }
    }

    /// A draft that must be there, as far as a caller may know.
    pub(crate) fn draft_shown(
        &self,
        name: &str,
        caller: &Caller,
        at: Timestamp,
    ) -> Result<(&str, &Draft), Refusal> {
        if let Some(secret) = &caller.token {
            self.check_shown(name, self.standing(secret, at)?)?;
        }
        self.known_draft(name)
    }

    fn package_of_draft(&self, draft: &str) -> BTreeSet<String> {
        self.drafts
            .get(draft)
            .map(|package| package.to_string())
            .into_iter()
            .collect()
    }
}

/// A draft cannot be opened from what another package is.
pub(crate) fn not_of(package: &str, other: &str) -> Refusal {
    Refusal::of(
        RefusalKind::Invalid,
        format!("a draft of {package} cannot be opened from a version of {other}"),
    )
}

pub(crate) fn no_draft(name: &str) -> Refusal {
    Refusal::of(
        RefusalKind::Unknown,
        format!("there is no draft {name:?}; `radpack draft list` lists those that there are"),
    )
}

/// Whether a path can be a source's: such as may be published, and checked out on any machine.
pub(crate) fn check_source_path(path: &str) -> Result<(), Refusal> {
    let invalid = |why: &dyn std::fmt::Display| {
        Err(Refusal::of(
            RefusalKind::Invalid,
            format!(
                "{path:?} is no path of a source: {why}; write it with /, relative to the package"
            ),
        ))
    };
    match check_file_name(path) {
        Err(error) => invalid(&error),
        Ok(()) if path.len() > LONGEST => invalid(&format_args!("it is longer than {LONGEST}")),
        Ok(()) => Ok(()),
    }
}

/// Whether files can lie beside one another: none is where another one needs a folder.
fn check_beside<'f>(paths: impl IntoIterator<Item = &'f String>) -> Result<(), Refusal> {
    let paths: BTreeSet<&str> = paths.into_iter().map(String::as_str).collect();
    for path in &paths {
        let folders = path.match_indices('/').map(|(end, _)| &path[..end]);
        if let Some(file) = folders.into_iter().find(|folder| paths.contains(folder)) {
            return Err(Refusal::of(
                RefusalKind::Invalid,
                format!(
                    "{file:?} is a file, so that {path:?} cannot lie below it: remove one of them"
                ),
            ));
        }
    }
    Ok(())
}

/// Whether files are few and small enough to be a draft's.
pub(crate) fn check_size<'f>(
    files: impl IntoIterator<Item = &'f SourceFile>,
) -> Result<(), Refusal> {
    let (count, bytes) = files
        .into_iter()
        .fold((0_usize, 0_u64), |(count, bytes), file| {
            (count + 1, bytes.saturating_add(file.bytes))
        });
    if count <= MOST_FILES && bytes <= MOST_BYTES {
        return Ok(());
    }
    Err(Refusal::of(
        RefusalKind::Invalid,
        format!(
            "a draft of {count} files and {bytes} bytes is too large: it may have {MOST_FILES} and {MOST_BYTES}; remove some of them"
        ),
    ))
}

impl Rule for CreateDraft {
    fn decide(&self, state: &State, _: &Place) -> Result<Decided, Refusal> {
        check_name("draft", &self.draft)?;
        check_package_name(&self.package)?;
        if let Ok((package, _)) = state.known_draft(&self.draft) {
            return Err(Refusal::new(format!(
                "there is a draft {:?} of {package} already: choose another name, or look at it with `radpack draft show {0}`",
                self.draft
            )));
        }
        let (from, files) = match &self.from {
            DraftSource::Empty => (None, BTreeMap::new()),
            DraftSource::Version(pick, sources) => {
                if pick.package != self.package {
                    return Err(not_of(&self.package, &pick.package));
                }
                let (version, _) = state.pick(pick)?;
                (Some(DraftFrom::Version(version.clone())), sources.clone())
            }
            DraftSource::Draft(other) => {
                let (package, draft) = state.known_draft(other)?;
                if package != self.package {
                    return Err(Refusal::of(
                        RefusalKind::Invalid,
                        format!(
                            "{other} is a draft of {package}, and a draft of {} cannot be opened from it",
                            self.package
                        ),
                    ));
                }
                let revision = draft.revision();
                let of = OfDraft {
                    draft: other.clone(),
                    revision,
                };
                (
                    Some(DraftFrom::Draft(of)),
                    draft.files(revision).unwrap_or_default(),
                )
            }
        };
        for path in files.keys() {
            check_source_path(path)?;
        }
        check_beside(files.keys())?;
        Ok(DraftCreated {
            draft: self.draft.clone(),
            package: self.package.clone(),
            from,
            files,
        }
        .into())
    }

    fn rights(&self) -> Vec<Right> {
        vec![Right::Publish]
    }

    fn concerns(&self, _: &State) -> BTreeSet<String> {
        BTreeSet::from([self.package.clone()])
    }

    fn check_within(&self, sender: &Sender<'_>) -> Result<(), Refusal> {
        let Sender {
            token,
            state,
            bounds,
        } = sender;
        // A name is one draft's. Whose it is, who may not see it is not told.
        let package = state.drafts.get(&self.draft);
        if package.is_some_and(|package| !token.sees(package)) {
            return Err(Refusal::new(format!(
                "a draft cannot be called {:?}: choose another name",
                self.draft
            )));
        }
        if let DraftSource::Draft(other) = &self.from {
            state.check_shown(other, token)?;
        }
        // Making a token for fewer packages makes no room for more drafts.
        let root = state.root(token);
        let drafts = state.drafts().filter(|(_, package)| root.sees(package));
        let drafts = drafts.count();
        if drafts < bounds.drafts {
            return Ok(());
        }
        Err(Refusal::new(format!(
            "there are {drafts} drafts of the packages that the token of {} is for, and there may be {}: give up some, with `radpack draft discard NAME`",
            root.holder, bounds.drafts
        )))
    }
}

impl Rule for SaveDraft {
    fn decide(&self, state: &State, _: &Place) -> Result<Decided, Refusal> {
        let (_, draft) = state.known_draft(&self.draft)?;
        let newest = draft.revision();
        let base = DraftBase {
            opened: self.opened,
            revision: self.base,
        };
        check_base(&self.draft, draft, base, Based::Files)?;
        for path in self.put.keys() {
            check_source_path(path)?;
        }
        let files = draft.files(newest).unwrap_or_default();
        let put: BTreeMap<_, _> = self
            .put
            .iter()
            .filter(|(path, file)| files.get(*path) != Some(file))
            .map(|(path, file)| (path.clone(), *file))
            .collect();
        for path in &self.remove {
            if self.put.contains_key(path) {
                return Err(Refusal::of(
                    RefusalKind::Invalid,
                    format!("{path:?} was given both to be put and to be removed"),
                ));
            }
            if !files.contains_key(path) {
                return Err(Refusal::of(
                    RefusalKind::Unknown,
                    format!("{} has no file {path:?}", self.draft),
                ));
            }
        }
        let kept = files.keys().filter(|path| !self.remove.contains(*path));
        check_beside(kept.chain(put.keys()))?;
        // What only removes makes it smaller.
        if !put.is_empty() {
            let kept = files.iter();
            let kept =
                kept.filter(|(path, _)| !self.remove.contains(*path) && !put.contains_key(*path));
            check_size(kept.map(|(_, file)| file).chain(put.values()))?;
        }
        if put.is_empty() && self.remove.is_empty() {
            return Ok(Decided::Nothing(format!(
                "{} has these files already, at revision {newest}",
                self.draft
            )));
        }
        Ok(DraftSaved {
            draft: self.draft.clone(),
            revision: newest + 1,
            put,
            removed: self.remove.clone(),
            message: self.message.clone(),
        }
        .into())
    }

    fn rights(&self) -> Vec<Right> {
        vec![Right::Publish]
    }

    fn concerns(&self, state: &State) -> BTreeSet<String> {
        state.package_of_draft(&self.draft)
    }

    fn check_within(&self, sender: &Sender<'_>) -> Result<(), Refusal> {
        sender.state.check_shown(&self.draft, sender.token)
    }
}

/// What is based on a state of a draft.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Based {
    /// Files that lie in a folder.
    Files,
    /// What somebody has decided on.
    Decision,
}

/// Whether a draft is still what something is based on.
pub(crate) fn check_draft_base(
    name: &str,
    draft: &Draft,
    base: Option<DraftBase>,
) -> Result<(), Refusal> {
    match base {
        Some(base) => check_base(name, draft, base, Based::Decision),
        None => Ok(()),
    }
}

fn check_base(name: &str, draft: &Draft, base: DraftBase, based: Based) -> Result<(), Refusal> {
    let newest = draft.revision();
    let DraftBase { opened, revision } = base;
    if opened.is_some_and(|seq| draft.opened() != Some(seq)) {
        let advice = match based {
            Based::Files => "check that out into another folder, and bring your files there",
            Based::Decision => "look at that before you decide",
        };
        return Err(Refusal::of(
            RefusalKind::Stale,
            format!(
                "the draft that this is based on was discarded, and another one was opened as {name}: {advice}"
            ),
        ));
    }
    if revision > newest || revision == 0 {
        return Err(Refusal::of(
            RefusalKind::Unknown,
            format!("{name} has no revision {revision}; the newest is {newest}"),
        ));
    }
    if revision < newest {
        return Err(stale(name, draft, revision, based));
    }
    Ok(())
}

/// Others have saved since: who, and what.
fn stale(name: &str, draft: &Draft, base: u64, based: Based) -> Refusal {
    let mut savers = Vec::new();
    for number in base + 1..=draft.revision() {
        if let Some(revision) = draft.at(number) {
            savers.push(format!(
                "{} saved revision {number} at {}",
                revision.by,
                revision.at.strftime("%Y-%m-%d %H:%M:%SZ")
            ));
        }
    }
    let more = savers.len().saturating_sub(NAMED);
    savers.truncate(NAMED);
    let changed = draft.changed_since(base);
    let mut files: Vec<String> = changed.keys().take(NAMED).cloned().collect();
    if changed.len() > NAMED {
        files.push(format!("{} more", changed.len() - NAMED));
    }
    let what = match files.is_empty() {
        true => "nothing that remains".to_owned(),
        false => listed(files),
    };
    let others = match more {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let newest = draft.revision();
    let advice = match based {
        Based::Files => format!(
            "Your files are where they were: `radpack draft checkout {name} DIR` writes revision {newest} into another folder; \
             bring your changes over, and save that folder"
        ),
        Based::Decision => format!(
            "`radpack draft show {name}` shows revision {newest}: look at it before you decide"
        ),
    };
    Refusal::of(
        RefusalKind::Stale,
        format!(
            "revision {base} of {name} is not the newest: {}{others}, changing {what} since. {advice}",
            listed(savers)
        ),
    )
}

impl Rule for ResetDraft {
    fn decide(&self, state: &State, _: &Place) -> Result<Decided, Refusal> {
        let (_, draft) = state.known_draft(&self.draft)?;
        check_draft_base(&self.draft, draft, self.based_on)?;
        let newest = draft.revision();
        let Some(files) = draft.files(self.to) else {
            return Err(Refusal::of(
                RefusalKind::Unknown,
                format!(
                    "{} has no revision {}; the newest is {newest}",
                    self.draft, self.to
                ),
            ));
        };
        if draft.files(newest).as_ref() == Some(&files) {
            return Ok(Decided::Nothing(format!(
                "{} has the files of revision {} already",
                self.draft, self.to
            )));
        }
        Ok(DraftReset {
            draft: self.draft.clone(),
            revision: newest + 1,
            to: self.to,
        }
        .into())
    }

    fn rights(&self) -> Vec<Right> {
        vec![Right::Publish]
    }

    fn concerns(&self, state: &State) -> BTreeSet<String> {
        state.package_of_draft(&self.draft)
    }

    fn check_within(&self, sender: &Sender<'_>) -> Result<(), Refusal> {
        sender.state.check_shown(&self.draft, sender.token)
    }
}

impl Rule for DiscardDraft {
    fn decide(&self, state: &State, _: &Place) -> Result<Decided, Refusal> {
        let (_, draft) = state.known_draft(&self.draft)?;
        check_draft_base(&self.draft, draft, self.based_on)?;
        Ok(DraftDiscarded {
            draft: self.draft.clone(),
        }
        .into())
    }

    fn rights(&self) -> Vec<Right> {
        vec![Right::Publish]
    }

    fn concerns(&self, state: &State) -> BTreeSet<String> {
        state.package_of_draft(&self.draft)
    }

    fn check_within(&self, sender: &Sender<'_>) -> Result<(), Refusal> {
        sender.state.check_shown(&self.draft, sender.token)
    }
}
