//! Publishing: what was built becomes versions, each with the number that it was given or that the change asks for.

use std::collections::{BTreeMap, BTreeSet};

use radpack_version::{MAX_COMPONENT, VersionRef, pin_spec};
use semver::{BuildMetadata, Version};

use super::drafts::{DraftBase, check_draft_base, check_source_path};
use super::effect::check_effect;
use super::release::released_at_once;
use super::{Decided, Rule, check_package_name, set};
use crate::commit::{Place, Refusal, RefusalKind};
use crate::number::{Line, NumberError, Numbering, Taken};
use crate::state::State;
use crate::state::fact::{NewContents, NewRelease, NewVersion, OfDraft, Published};
use crate::state::package::{Contents, Package, RELEASE};
use crate::state::policy::Releasing;
use crate::state::token::Right;
use crate::surface::{Difference, Surface};

/// Publishes what was built, all in one event.
#[derive(Clone, Debug, PartialEq)]
pub struct Publish {
    /// A package each.
    pub builds: Vec<NewBuild>,
    /// What their maker says about them.
    pub message: Option<String>,
    /// Why a number may promise more than its version keeps.
    pub allow_breaking: Option<String>,
    /// Whether they are released at once.
    pub release: bool,
    /// Why, though it leaves something unresolvable.
    pub force: Option<String>,
}

/// A package that was built.
#[derive(Clone, Debug, PartialEq)]
pub struct NewBuild {
    /// The package.
    pub package: String,
    /// Its number, where it was given.
    pub number: Option<Version>,
    /// What it consists of.
    pub contents: NewContents,
    /// The draft that it was.
    pub of: Option<OfDraft>,
    /// The state that this draft must still have, where somebody has looked at one.
    pub based_on: Option<DraftBase>,
    /// The version that it goes on from, where that is not the newest.
    pub after: Option<Version>,
    /// The number that what is published with it has been pinned to.
    pub assumed: Option<Version>,
}

/// What becomes of a build.
enum Becomes {
    /// It is there already, with this number.
    There(Version),
    /// It becomes a version of this number.
    New { version: Version, breaking: bool },
}

impl Publish {
    fn number(
        &self,
        build: &NewBuild,
        package: &Package,
        place: &Place,
    ) -> Result<Becomes, Refusal> {
        let name = &build.package;
        let taken = package.taken();
        let numbering = package.policy.numbering();
        // The number is the new version's only in passing: what it is listed as does not count in a comparison.
        let contents = Contents::of(&build.contents, &Version::new(0, 0, 0), place.seq);
        let is_there = |version: &Version| {
            package.versions.get(version).is_some_and(|published| {
                published.yanked.is_none() && published.contents.sources == contents.sources
            })
        };
        let surface = contents.surface();
        let since = |base: Option<&Version>| difference(package, base, &surface);
        let number = build.number.as_ref().map(|number| Version {
            build: BuildMetadata::EMPTY,
            ..number.clone()
        });
        let Some(number) = &number else {
            let line = build
                .after
                .as_ref()
                .map(|version| Line::of(version, package.policy.keep_minors));
            let newest = numbering
                .newest(&taken, line)
                .or_else(|| numbering.newest(&taken, None));
            if let Some(newest) = newest.filter(|newest| is_there(newest)) {
                return Ok(Becomes::There(newest.clone()));
            }
            let version = next(numbering, &taken, line, &since(newest), &since)
                .map_err(|error| refused(name, build, error, None))?;
            return Ok(Becomes::New {
                version,
                breaking: false,
            });
        };
        if is_there(number) {
            return Ok(Becomes::There(number.clone()));
        }
        match numbering.check(&taken, number, &since(Numbering::base(&taken, number))) {
            Ok(()) => Ok(Becomes::New {
                version: number.clone(),
                breaking: false,
            }),
            Err(NumberError::TooSmall { .. }) if self.allow_breaking.is_some() => {
                Ok(Becomes::New {
                    version: number.clone(),
                    breaking: true,
                })
            }
            Err(NumberError::TooSmall {
                version,
                from,
                difference,
                smallest,
            }) => {
                // Where that leads past another version, more may have changed since.
                let smallest = admitted(numbering, &taken, *smallest, &since)
                    .map_err(|error| refused(name, build, error, None))?;
                let error = NumberError::TooSmall {
                    version,
                    from,
                    difference,
                    smallest: Box::new(smallest),
                };
                Err(refused(name, build, error, None))
            }
            Err(error) => {
                // What it would be called if nobody had said: of the line that the number is of, where there is such a line.
                let line = Line::of(number, package.policy.keep_minors);
                let newest = numbering.newest(&taken, Some(line));
                let since_newest = since(newest);
                let enough = next(numbering, &taken, Some(line), &since_newest, &since).ok();
                let changed = newest.map(|newest| (newest, &since_newest));
                Err(refused(name, build, error, enough.zip(changed)))
            }
        }
    }
}

/// The number for which nobody has said one, as far on as what changed since whatever is below it asks for.
fn next(
    numbering: Numbering,
    taken: &[Taken],
    line: Option<Line>,
    since_newest: &Difference,
    since: &impl Fn(Option<&Version>) -> Difference,
) -> Result<Version, NumberError> {
    let number = numbering.next(taken, line, since_newest);
    admitted(numbering, taken, number, since)
}

/// The first number from here on that goes as far as what changed since whatever is below it asks for.
fn admitted(
    numbering: Numbering,
    taken: &[Taken],
    mut number: Version,
    since: &impl Fn(Option<&Version>) -> Difference,
) -> Result<Version, NumberError> {
    // Each step leads higher, past a version; there are only so many.
    for _ in 0..=taken.len() {
        match numbering.check(taken, &number, &since(Numbering::base(taken, &number))) {
            Ok(()) => return Ok(number),
            Err(NumberError::TooSmall { smallest, .. }) => number = *smallest,
            Err(error) => return Err(error),
        }
    }
    Ok(number)
}

fn difference(package: &Package, base: Option<&Version>, surface: &Surface) -> Difference {
    base.and_then(|base| package.versions.get(base))
        .map(|base| base.contents.surface().difference(surface))
        .unwrap_or_default()
}

/// Why a number was refused, what has changed, and which number will do: one that was found to be free and far enough on.
fn refused(
    name: &str,
    build: &NewBuild,
    error: NumberError,
    enough: Option<(Version, (&Version, &Difference))>,
) -> Refusal {
    let number_of = |number: &Version| {
        format!("publish it as {number} (say so in package.json, or with --version)")
    };
    let enough = enough.map_or(String::new(), |(number, (newest, since))| {
        format!(": {since} since {newest}, so {}", number_of(&number))
    });
    let advice = match &error {
        NumberError::TooSmall { smallest, .. } => format!(
            ": {}; --allow-breaking REASON insists and is recorded",
            number_of(smallest)
        ),
        NumberError::Taken { version, .. } => format!(
            "{enough}; or go on from {version} in a draft: `radpack restore {name}@{version} --draft NAME`"
        ),
        _ => enough,
    };
    let number = build
        .number
        .as_ref()
        .map(|number| format!("@{number}"))
        .unwrap_or_default();
    Refusal::new(format!("{name}{number} cannot be published{advice}")).caused_by(error)
}

fn pin_of(version: &Version) -> String {
    pin_spec(VersionRef::from(version))
}

/// Manifests hold no number beyond what JavaScript holds exactly.
pub(super) fn check_components(version: &Version) -> Result<(), NumberError> {
    let components = [version.major, version.minor, version.patch];
    if components.iter().all(|it| *it <= MAX_COMPONENT) {
        return Ok(());
    }
    Err(NumberError::Malformed {
        text: version.to_string(),
    })
}

/// Within a package a file name means one content for ever.
fn check_files(build: &NewBuild, package: &Package) -> Result<(), Refusal> {
    let name = &build.package;
    for (file, built) in &build.contents.files {
        check_path("file", name, file)?;
        for (version, published) in &package.versions {
            if published
                .contents
                .files
                .get(file)
                .is_some_and(|there| there.sha256 != built.sha256)
            {
                return Err(Refusal::new(format!(
                    "the file {file} of {name} has other contents in {version}, and a file name means one content for ever: \
                     build it with names that follow from the contents, as `radpack build` does"
                )));
            }
        }
    }
    for entry in build.contents.entries.keys() {
        check_path("entry", name, entry)?;
    }
    for path in build.contents.sources.keys() {
        check_source_path(path)?;
    }
    Ok(())
}

pub(crate) fn check_path(what: &str, package: &str, path: &str) -> Result<(), Refusal> {
    let is_one = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'~' | b'@' | b'/' | b'-')
    };
    let climbs = path.split('/').any(|part| matches!(part, "" | "." | ".."));
    if path.bytes().all(is_one) && !climbs {
        Ok(())
    } else {
        Err(Refusal::of(
            RefusalKind::Invalid,
            format!(
                "the {what} {path:?} of {package} cannot be served: its name may have letters, digits and . _ ~ @ / - only"
            ),
        ))
    }
}

impl Rule for Publish {
    fn decide(&self, state: &State, place: &Place) -> Result<Decided, Refusal> {
        let mut published = Published {
            message: self.message.clone(),
            forced: self.force.clone(),
            ..Published::default()
        };
        let mut there = Vec::new();
        let mut seen = BTreeSet::new();
        for build in &self.builds {
            let name = &build.package;
            check_package_name(name)?;
            if !seen.insert(name) {
                return Err(Refusal::of(
                    RefusalKind::Invalid,
                    format!("{name} was given twice"),
                ));
            }
            if let (Some(of), Some(base)) = (&build.of, build.based_on) {
                let (_, draft) = state.known_draft(&of.draft)?;
                check_draft_base(&of.draft, draft, Some(base))?;
            }
            let none = Package::default();
            let package = state.package(name).unwrap_or(&none);
            let mut at_once = self.release || package.policy.releases == Releasing::Live;
            let version = match self.number(build, package, place)? {
                Becomes::There(version) => {
                    there.push(format!("{name}@{version}"));
                    // One that is on its way is not what everybody has: whoever wants that is told how.
                    if package.is_stable(RELEASE, &version, place.at) {
                        continue;
                    }
                    // A version that was there before is released where that is asked for, and not because it was sent again.
                    at_once = self.release;
                    version
                }
                Becomes::New { version, breaking } => {
                    check_components(&version)
                        .map_err(|error| refused(name, build, error, None))?;
                    check_files(build, package)?;
                    published.versions.push(NewVersion {
                        package: name.clone(),
                        version: version.clone(),
                        build: package.builds() + 1,
                        contents: Some(build.contents.clone()),
                        restores: None,
                        of: build.of.clone(),
                        breaking: self.allow_breaking.clone().filter(|_| breaking),
                    });
                    version
                }
            };
            // Another writer has taken the number that the others of this event were built for.
            if build
                .assumed
                .as_ref()
                .is_some_and(|assumed| pin_of(assumed) != pin_of(&version))
            {
                return Err(Refusal::of(
                    RefusalKind::Stale,
                    format!("{name} has come to another number, {version}: build again"),
                ));
            }
            if at_once {
                let release: NewRelease = released_at_once(package, name, &version, 0, place.at)?;
                published.releases.push(release);
            }
        }
        if published.versions.is_empty() && published.releases.is_empty() {
            return Ok(Decided::Nothing(format!(
                "{} has these very sources already",
                there.join(", ")
            )));
        }
        check_effect(state, place, published, self.force.as_deref())
    }

    fn rights(&self) -> Vec<Right> {
        rights_to_publish(self.release)
    }

    fn concerns(&self, _: &State) -> BTreeSet<String> {
        set(self.builds.iter().map(|build| &build.package))
    }
}

/// The rights that publishing takes.
pub(crate) fn rights_to_publish(release: bool) -> Vec<Right> {
    match release {
        true => vec![Right::Publish, Right::Release],
        false => vec![Right::Publish],
    }
}

impl Publish {
    /// The numbers that the builds would get as things stand: what those that are published with them are pinned to.
    ///
    /// # Errors
    ///
    /// If one of them could not be published.
    pub fn numbers(
        &self,
        state: &State,
        place: &Place,
    ) -> Result<BTreeMap<String, Version>, Refusal> {
        let none = Package::default();
        let numbers = self.builds.iter().map(|build| {
            let package = state.package(&build.package).unwrap_or(&none);
            let version = match self.number(build, package, place)? {
                Becomes::There(version) | Becomes::New { version, .. } => version,
            };
            Ok((build.package.clone(), version))
        });
        numbers.collect()
    }
}
