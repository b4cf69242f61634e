//! The same packages in a registry: published, released to a tenth, to all, and taken back; asked how it was before.
//!
//! The registry is a folder that goes away afterwards. What each step must come to is looked at by asking for manifests, as any reader would.

use std::error::Error;

use radpack::registry::rules::{ChangeRollout, ReleaseVersions, Rollback, Rule};
use radpack::registry::state::fact::RolloutAction;
use radpack::registry::{
    Caller, Carried, Cohort, Command, ManifestQuery, Moment, Plan, PublishOptions, Registry, Store,
};
use radpack_testkit::{BUILD_ORDER, NpmPackages};

use crate::account::{Account, count};
use crate::failure::Failure;

/// What is released bit by bit, and taken back.
const PACKAGE: &str = "d3-array";
const BEFORE: &str = "3.2.4";
const AFTER: &str = "3.2.5";
/// What rolling back makes: the contents of [`BEFORE`] again, under a number that is higher than [`AFTER`].
const AGAIN: &str = "3.2.6";

/// How many of a hundred get it first.
const PERCENT: u8 = 10;

/// What the registry came to.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Released {
    /// How many events it has.
    pub events: u64,
    /// How many versions were published from packages.
    pub published: usize,
    /// How many cohorts got the release that was on its way.
    pub reached: usize,
    /// How many blobs were read again and found to be as they were.
    pub verified: usize,
}

pub(crate) fn release(
    packages: &NpmPackages,
    account: &mut Account<'_>,
    mismatches: &mut Vec<String>,
) -> Result<Released, Failure> {
    let folder = tempfile::tempdir().map_err(|error| failed(error.into()))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failed(error.into()))?;
    let releasing = async {
        let store = Store::folder(folder.path())?;
        let (registry, _) = Registry::init(store).await?;
        let demo = Demo {
            registry,
            caller: Caller::new("the demo"),
        };
        let released = demo.run(packages, account, mismatches).await;
        demo.registry.settle().await;
        released
    };
    runtime.block_on(releasing).map_err(failed)
}

fn failed(source: Box<dyn Error + Send + Sync>) -> Failure {
    Failure::Registry(source)
}

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

struct Demo {
    registry: Registry,
    caller: Caller,
}

impl Demo {
    async fn run(
        &self,
        packages: &NpmPackages,
        account: &mut Account<'_>,
        mismatches: &mut Vec<String>,
    ) -> Outcome<Released> {
        let mut released = Released::default();
        for package in BUILD_ORDER {
            let mut options = PublishOptions::default();
            options.release = package.version != AFTER;
            let folder = packages.folder(package);
            let command = Command::new(&*self.caller.name);
            let report = self
                .registry
                .publish(&self.caller, &command, &[folder], &options)
                .await?;
            released.published += usize::from(report.committed.is_some());
        }
        account.line(&format!(
            "{} published, each as one event; all but {PACKAGE} {AFTER} released",
            count(released.published, "version", "versions")
        ))?;
        let at_first = self.registry.refresh().await?;
        let first_manifest = self.manifest(&at_first, None).await?;
        self.expect("before the release", BEFORE, None, mismatches)
            .await?;

        self.carry_out(&ReleaseVersions {
            versions: vec![format!("{PACKAGE}@{AFTER}").parse()?],
            channel: "release".to_owned(),
            name: None,
            plan: Some(Plan::Percent(PERCENT)),
            force: None,
        })
        .await?;
        for cohort in Cohort::all() {
            if self.newest(Some(cohort)).await?.as_deref() == Some(AFTER) {
                released.reached += 1;
            }
        }
        account.line(&format!(
            "{PACKAGE} {AFTER} released to {PERCENT} %: {} of 100 cohorts get it",
            released.reached
        ))?;
        if released.reached != usize::from(PERCENT) {
            mismatches.push(format!(
                "a release to {PERCENT} % reaches {} of 100 cohorts",
                released.reached
            ));
        }
        self.expect("who sends no cohort, meanwhile", BEFORE, None, mismatches)
            .await?;

        let line = || format!("{PACKAGE}@3").parse();
        self.carry_out(&ChangeRollout {
            line: line()?,
            channel: "release".to_owned(),
            action: RolloutAction::Promote,
            force: None,
        })
        .await?;
        self.expect("after promoting it", AFTER, None, mismatches)
            .await?;
        account.line(&format!("promoted: everybody gets {AFTER}"))?;

        self.carry_out(&Rollback {
            line: line()?,
            channel: "release".to_owned(),
            to: None,
            force: None,
        })
        .await?;
        self.expect("after rolling back", AGAIN, None, mismatches)
            .await?;
        account.line(&format!(
            "rolled back: everybody gets {AGAIN}, which is {BEFORE} again, byte for byte"
        ))?;
        let now = self.registry.refresh().await?;
        let same = self
            .registry
            .ask(&now, |state| {
                let package = state.package(PACKAGE)?;
                let contents =
                    |version: &str| Some(&package.versions.get(&version.parse().ok()?)?.contents);
                Some(contents(BEFORE)?.files == contents(AGAIN)?.files)
            })
            .await?;
        if same != Some(true) {
            mismatches.push(format!("{AGAIN} has other files than {BEFORE}"));
        }

        let then = self.registry.at(at_first.position.seq).await?;
        if self.manifest(&then, None).await? != first_manifest {
            mismatches.push(format!(
                "the manifest after event {} is not what it was",
                at_first.position.seq
            ));
        }
        account.line(&format!(
            "the manifest after event {} is still what it was then",
            at_first.position.seq
        ))?;

        let report = self.registry.verify().await?;
        mismatches.extend(
            report
                .findings
                .iter()
                .map(|finding| format!("{}: {}", finding.object, finding.what)),
        );
        released.events = report.events;
        released.verified = report.blobs;
        account.line(&format!(
            "verified: {} events, and {} blobs with {} bytes",
            report.events, report.blobs, report.bytes
        ))?;
        Ok(released)
    }

    async fn carry_out(&self, rule: &impl Rule) -> Outcome<()> {
        let command = Command::new(&*self.caller.name);
        match self
            .registry
            .carry_out(&self.caller, &command, rule)
            .await?
        {
            Carried::Done(_) => Ok(()),
            Carried::Nothing(why) => Err(why.into()),
        }
    }

    async fn manifest(&self, moment: &Moment, cohort: Option<Cohort>) -> Outcome<String> {
        let query = ManifestQuery {
            cohort,
            ..ManifestQuery::default()
        };
        let at = moment.position.at;
        let manifest = self
            .registry
            .ask(moment, |state| state.manifest(&query, at))
            .await??;
        Ok(manifest.to_json())
    }

    /// The newest version of the package that somebody gets.
    async fn newest(&self, cohort: Option<Cohort>) -> Outcome<Option<String>> {
        let moment = self.registry.refresh().await?;
        let json = self.manifest(&moment, cohort).await?;
        let index = radpack::Index::from_json(json)?;
        let found = index.resolve(PACKAGE).ok();
        Ok(found.map(|found| found.version().to_string()))
    }

    async fn expect(
        &self,
        when: &str,
        version: &str,
        cohort: Option<Cohort>,
        mismatches: &mut Vec<String>,
    ) -> Outcome<()> {
        let given = self.newest(cohort).await?;
        if given.as_deref() != Some(version) {
            mismatches.push(format!(
                "{when}, {PACKAGE} is {given:?}, and should be {version}"
            ));
        }
        Ok(())
    }
}
