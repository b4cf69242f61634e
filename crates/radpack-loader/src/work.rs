//! Small helpers for work that is not asynchronous.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::LoadError;

/// Runs work that takes time or waits for a disk where it holds up nobody else.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, LoadError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => Ok(value),
        Err(error) => Err(LoadError::interrupted().because(error)),
    }
}

/// Locks. What these locks guard is whole at any moment, so a panic elsewhere leaves it usable.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
