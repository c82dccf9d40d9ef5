//! The store's threads.

use std::panic::AssertUnwindSafe;
use std::thread::JoinHandle;

use crate::store::StoreError;

/// Starts a thread of the store. If it panics, the process ends: callers would wait for it for ever, and its
/// state is unknown. The next process recovers from the log.
pub(super) fn spawn(
    name: &str,
    run: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, StoreError> {
    let guarded = || {
        if std::panic::catch_unwind(AssertUnwindSafe(run)).is_err() {
            tracing::error!(
                thread = std::thread::current().name(),
                "a thread of the store panicked; the server ends, and nothing that was acknowledged is lost"
            );
            std::process::exit(1);
        }
    };
    std::thread::Builder::new()
        .name(name.into())
        .spawn(guarded)
        .map_err(|error| StoreError::unavailable(format!("no thread for the store: {error}")))
}
