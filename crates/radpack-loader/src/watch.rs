//! The watch: a task that reads registers again when they are due. It ends with the last handle to the loader.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::stack::Stack;
use crate::work::lock;

/// How long to sleep where nothing is registered; registering wakes it.
const IDLE: Duration = Duration::from_secs(3_600);

/// Starts the watch of a stack.
pub(crate) fn start(stack: &Arc<Stack>) {
    let task = tokio::spawn(run(Arc::downgrade(stack)));
    *lock(&stack.watcher) = Some(task.abort_handle());
}

async fn run(stack: Weak<Stack>) {
    loop {
        // Held only for a moment: while it sleeps, the watch keeps nothing alive.
        let (next, wake) = {
            let Some(stack) = stack.upgrade() else {
                return;
            };
            let (due, next) = stack.take_due(Instant::now());
            for entry in due {
                let stack = Arc::clone(&stack);
                // Each on its own: a register that hangs holds up no other. What goes wrong is in the status.
                tokio::spawn(async move { stack.read(vec![entry]).await });
            }
            (next, Arc::clone(&stack.wake))
        };
        let next = next.unwrap_or_else(|| Instant::now() + IDLE);
        tokio::select! {
            () = sleep_until(next) => {}
            () = wake.notified() => {}
        }
    }
}
