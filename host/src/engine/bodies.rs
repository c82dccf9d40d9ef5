//! Large response bodies, which are kept outside the journal, by digest; and files of tasks, as runs read them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::blocking::FairPool;
use crate::domain::budget::{Charge, Permit};
use crate::domain::effect::{Answer, CallFault, CallResult, FetchResponse, FilePart};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::limits;
use crate::domain::places::Places;
use crate::store::blobs::on_disk;
use crate::store::{Store, StoreError};

/// Bodies that are written or read at once. Each takes a thread for as long as the disk takes.
const AT_ONCE: usize = 8;
/// Of these, those of one workspace.
const AT_ONCE_OF_ONE: usize = 2;
/// What a body takes of a processor until it is on disk, or is read and checked, in nanoseconds a byte: its digest, and
/// the kernel's copy. The disk's time counts for no workspace.
const NANOSECONDS: u64 = 2;

/// A body is there twice while it is given to the guest.
const COPIES: u64 = 2;

#[derive(Clone)]
pub(super) struct Bodies {
    store: Arc<dyn Store>,
    pool: Arc<FairPool>,
    places: Arc<Places>,
}

impl Bodies {
    /// What the bodies take of a processor is counted by `pool`.
    pub(super) fn new(store: Arc<dyn Store>, pool: Arc<FairPool>) -> Self {
        Self {
            store,
            pool,
            places: Arc::new(Places::new(AT_ONCE, AT_ONCE_OF_ONE)),
        }
    }

    /// A result as the journal keeps it: a large body is stored by its digest and left out. `result` has it again
    /// afterwards.
    pub(super) async fn without_body(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        result: &mut CallResult,
    ) -> Result<(CallResult, Option<[u8; 32]>), StoreError> {
        let CallResult::Fetch(Ok(response)) = result else {
            return Ok((result.clone(), None));
        };
        if response.body.len() <= limits::JOURNAL_BODY_BYTES {
            return Ok((result.clone(), None));
        }
        let body = Bytes::from(std::mem::take(&mut response.body));
        let put = self.put(workspace, task, body.clone()).await;
        response.body = body.into();
        let body = put?;
        let kept = FetchResponse {
            status: response.status,
            status_text: response.status_text.clone(),
            headers: response.headers.clone(),
            body: Vec::new(),
        };
        Ok((CallResult::Fetch(Ok(kept)), Some(body)))
    }

    async fn put(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        body: Bytes,
    ) -> Result<[u8; 32], StoreError> {
        let place = self.places.take(workspace).await;
        self.spent(workspace, body.len());
        let (store, of) = (self.store.clone(), workspace.clone());
        // It has its place until it has ended, also if the run is cut off.
        let put = tokio::spawn(async move {
            let _place = place;
            store.put_body(&of, task, body).await
        });
        put.await
            .unwrap_or_else(|error| Err(StoreError::unavailable(error)))
    }

    fn spent(&self, workspace: &WorkspaceName, bytes: usize) {
        let used = Duration::from_nanos(NANOSECONDS * bytes as u64);
        self.pool.spend(workspace, used);
    }

    /// A part of a file of a task, or of one above it. See [`crate::domain::effect::Calls::file`].
    ///
    /// # Errors
    /// [`CallFault::FileUnreadable`].
    pub(super) async fn file(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        digest: [u8; 32],
        part: (u64, usize),
    ) -> Result<Option<FilePart>, CallFault> {
        let unreadable = |error: StoreError| CallFault::FileUnreadable(error.to_string());
        let mut owner = task;
        for _ in 0..=limits::SUBTASK_DEPTH {
            let (blobs, workspace_of) = (self.store.blobs().clone(), workspace.clone());
            let read = on_disk(move || blobs.read(&workspace_of, owner, &digest, part)).await;
            if let Some((size, bytes)) = read.map_err(unreadable)? {
                return Ok(Some(FilePart { size, bytes }));
            }
            let stored = self
                .store
                .load(workspace, owner)
                .await
                .map_err(unreadable)?;
            match stored.and_then(|stored| stored.head.parent) {
                Some(parent) => owner = parent.task,
                None => break,
            }
        }
        Ok(None)
    }

    /// A recorded answer with the body that was stored beside it, which is charged to `memory`.
    ///
    /// # Errors
    /// [`CallFault::NotRecorded`] if the body is not there, or cannot be read; [`CallFault::NoMemory`].
    pub(super) async fn with_body(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        mut answer: Answer,
        (body, memory): ([u8; 32], Arc<Permit>),
    ) -> Result<Answer, CallFault> {
        let place = self.places.take(workspace).await;
        let found = match self.store.body(workspace, task, body).await {
            Ok(Some(found)) => found,
            Ok(None) => return Err(CallFault::NotRecorded("its body is gone".into())),
            Err(error) => return Err(CallFault::NotRecorded(error.to_string())),
        };
        self.spent(workspace, found.len());
        // With its place, so that few are in memory without. It does not wait: its run has memory that others wait for.
        let charge = Charge::new(memory);
        let charged = charge.grow(COPIES * found.len() as u64);
        drop(place);
        charged.map_err(CallFault::NoMemory)?;
        if let CallResult::Fetch(Ok(response)) = &mut answer.result {
            response.body = found.to_vec();
        }
        answer.charge = Some(Arc::new(charge));
        Ok(answer)
    }
}
