//! A registry: drafts, versions that nobody changes, releases, rollouts, and a history that forgets nothing.
//!
//! A registry is a folder of objects ([`Store`]): on this machine's disk, in memory, or wherever the `object_store` crate reaches.
//! [`Registry`] is what programs use: a state to ask, and commands to carry out. Each command is plain data with a pure rule ([`rules`]),
//! which decides on the newest [`State`](state::State) and gives the facts to record.
//!
//! Below it lies the history ([`History`]), a chain of [`Event`]s, one object each. [`History::commit`] appends to it: any number of
//! writers on any number of machines may do so at once, without a server or a database between them. It knows nothing of packages;
//! what events mean is the business of whoever implements [`Fold`]:
//!
//! ```
//! use radpack_registry::{Command, Decision, Fold, FoldError, History, Ledger, Recorded, Refusal, Store};
//!
//! #[derive(Default)]
//! struct Count(u64);
//!
//! impl Fold for Count {
//!     fn apply(&mut self, _: &Recorded) -> Result<(), FoldError> {
//!         self.0 += 1;
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let history = History::init(Store::in_memory()).await?.history;
//! let mut ledger = Ledger::<Count>::default();
//! let committed = history
//!     .commit(&mut ledger, &Command::new("ann"), |count, _| {
//!         if count.0 > 0 {
//!             return Err(Refusal::new("it has been done"));
//!         }
//!         Ok(Decision::new("greeted", serde_json::json!({ "whom": "world" })))
//!     })
//!     .await?;
//! assert_eq!(committed.recorded.event.seq, 1);
//! assert_eq!(ledger.state().0, 1);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod answer;
mod backup;
mod blobs;
mod care;
mod checkpoint;
mod cloud;
mod cohort;
mod commit;
mod describe;
mod disk;
mod event;
mod folder;
mod history;
mod moment;
mod number;
mod probe;
mod publishing;
mod registry;
mod request;
mod rollout;
pub mod rules;
#[cfg(feature = "openapi")]
mod schema;
pub mod state;
mod store;
mod surface;
mod view;
mod work_folder;

pub use answer::{Answer, Done, Nothing, Preview, Published};
pub use backup::{BackupError, BackupHeader, BackupItem, BackupReader, BackupWriter, Point};
pub use blobs::Uploads;
pub use care::{
    BackupReport, CareError, Finding, GcReport, ImportReport, RestoreReport, Swept, VerifyReport,
};
pub use cohort::{Cohort, CohortError};
pub use commit::{
    Command, CommitError, Committed, Decision, Fold, FoldError, Ledger, Place, Refusal, RefusalKind,
};
pub use describe::Description;
pub use event::{Event, EventError, Hash, Recorded};
pub use folder::{
    Changes, Checkout, FileNameError, FolderError, LeftOut, LeftOutReason, SourceFile, Sources,
    check_file_name, digest_files, write_files,
};
pub use history::{History, HistoryError, Initialized, Position};
/// Times, and ids, wherever one is handed in or given out.
pub use jiff::Timestamp;
pub use moment::{MomentError, MomentToken};
pub use number::{Line, LineError, NumberError, Numbering, Taken, read_number};
pub use publishing::{
    BuildLimits, Builder, PublishError, PublishOptions, PublishReport, build_child,
};
pub use registry::{Bounds, Caller, Carried, Moment, Registry};
pub use request::{GivenRegister, NewToken, OpenDraft, PublishRequest, Request, RevertTo};
pub use rollout::{Plan, Rollout, RolloutError, Stage, read_percent};
pub use state::fact::Fact;
pub use store::{Listed, Put, Store, StoreError, StoreErrorKind};
pub use surface::{Difference, Item, Step, Surface};
pub use uuid::Uuid;
pub use view::{Follow, ManifestQuery, built_manifest, lay_on_top};
pub use work_folder::WorkFolder;
