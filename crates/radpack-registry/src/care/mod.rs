//! Care for a registry as a whole: is everything there and as it was, what is no longer needed, and copies elsewhere.

mod backups;
mod gc;
mod import;
mod verify;

pub use backups::{BackupReport, CareError, RestoreReport};
pub use gc::{GcReport, Swept};
pub use import::ImportReport;
pub use verify::{Finding, VerifyReport};
