//! The tasks of this node: those of the partitions that it owns.

use std::sync::Arc;

use tokio::sync::watch;

use super::commit::TaskWriter;
use super::large_writes::LargeWrites;
use super::watchers::Watchers;
use crate::domain::data::Document;
use crate::domain::ids::TaskId;
use crate::domain::partition::Partition;
use crate::store::{Ownership, Store, StoreError};

/// The store, and which of its partitions are this node's. A clone is another handle to the same.
#[derive(Clone)]
pub(super) struct Tasks {
    pub(super) store: Arc<dyn Store>,
    ownership: watch::Receiver<Arc<Ownership>>,
    pub(super) large_writes: Arc<LargeWrites>,
    pub(super) watchers: Arc<Watchers>,
}

impl Tasks {
    pub(super) fn new(
        store: Arc<dyn Store>,
        large_writes: Arc<LargeWrites>,
        watchers: Arc<Watchers>,
    ) -> Self {
        let ownership = store.ownership();
        Self {
            store,
            ownership,
            large_writes,
            watchers,
        }
    }

    /// Writes tasks under the claims that the node holds now.
    pub(super) fn writer(&self) -> TaskWriter {
        let beside = (self.large_writes.clone(), self.watchers.clone());
        TaskWriter::new(self.store.clone(), self.owned(), beside)
    }

    /// The partitions that are this node's now.
    pub(super) fn owned(&self) -> Arc<Ownership> {
        self.ownership.borrow().clone()
    }

    /// Those of them in which something may begin: the node is not about to give them up.
    pub(super) fn staying(&self) -> Arc<Ownership> {
        let owned = self.owned();
        match owned.leaves_any() {
            true => Arc::new(owned.staying()),
            false => owned,
        }
    }

    /// Tells when the node gains or loses partitions.
    pub(super) fn ownership(&self) -> watch::Receiver<Arc<Ownership>> {
        self.ownership.clone()
    }

    /// An id for a new task, in a partition that is this node's: `id` itself if it can be.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if none is.
    pub(super) fn place(&self, id: TaskId) -> Result<TaskId, StoreError> {
        let partition = Partition::of(id);
        let placed = self.ownership.borrow().place(id);
        placed.ok_or(StoreError::Fenced { partition })
    }
}

/// A task's data as they are stored.
///
/// # Errors
/// [`StoreError::Damaged`] if they are not JSON.
pub(super) fn document(data: Arc<str>) -> Result<Arc<Document>, StoreError> {
    let parsed = Document::parse(data);
    parsed
        .map(Arc::new)
        .map_err(|error| StoreError::Damaged(format!("a task's data are not JSON: {error}")))
}
