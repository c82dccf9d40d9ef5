//! The audit log in the catalog: the entry of the request under which a change is made.
//!
//! [`audited`] sets the entry for all that a request does. The first change of the catalog that the request makes
//! writes it, in the same record of the store. For what is no change of the catalog the caller of [`audited`] writes
//! the entry that is left.

use std::future::Future;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::domain::audit::AuditEntry;
use crate::store::{Store, StoreError};

tokio::task_local! {
    static REQUEST: Audited;
}

/// The entry of a request, as long as it is not written.
#[derive(Debug, Clone, Default)]
pub(super) struct Audited(Arc<Mutex<Option<AuditEntry>>>);

impl Audited {
    /// That of the request under which the caller runs; an empty one outside of requests.
    pub(super) fn current() -> Self {
        REQUEST.try_with(Self::clone).unwrap_or_default()
    }

    /// Runs `work` under this request, on whatever thread.
    pub(super) async fn within<T>(self, work: impl Future<Output = T>) -> T {
        REQUEST.scope(self, work).await
    }

    /// The entry, if it is not written yet.
    pub(super) fn entry(&self) -> Option<AuditEntry> {
        self.0.lock().clone()
    }

    /// Notes that the entry is written.
    pub(super) fn mark_written(&self) {
        *self.0.lock() = None;
    }
}

/// Runs a request under an entry. Returns the entry back if no change of the catalog wrote it.
pub async fn audited<T>(
    entry: AuditEntry,
    request: impl Future<Output = T>,
) -> (T, Option<AuditEntry>) {
    let audited = Audited(Arc::new(Mutex::new(Some(entry))));
    let done = audited.clone().within(request).await;
    (done, audited.entry())
}

/// Names what the request under which the caller runs is about, if its path does not.
pub fn is_about(target: &str) {
    if let Some(entry) = &mut *Audited::current().0.lock() {
        entry.target = AuditEntry::target(target);
    }
}

/// An entry, and where its caller waits for the write.
type Unwritten = (AuditEntry, oneshot::Sender<Result<(), StoreError>>);

/// Entries that wait to be written, all of them at once.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    entries: Mutex<Vec<Unwritten>>,
    writing: tokio::sync::Mutex<()>,
}

impl Waiting {
    pub(super) async fn write(
        &self,
        store: &dyn Store,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let (done, mut written) = oneshot::channel();
        self.entries.lock().push((entry, done));
        let _alone = self.writing.lock().await;
        // The writer before may have written this entry, too.
        if let Ok(written) = written.try_recv() {
            return written;
        }
        let (entries, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut *self.entries.lock())
            .into_iter()
            .unzip();
        let result = store.record_audit(entries).await;
        for one in waiting {
            // One that does not wait any more has its entry all the same.
            let _ = one.send(result.clone());
        }
        result
    }
}
