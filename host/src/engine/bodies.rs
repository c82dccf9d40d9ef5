//! Large response bodies, which are kept outside the journal, by digest; and files of tasks, as runs read them.

use std::sync::Arc;

use crate::domain::effect::{Answer, CallFault, CallResult, FetchResponse, FilePart};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::limits;
use crate::store::blobs::on_disk;
use crate::store::{Store, StoreError};

#[derive(Clone)]
pub(super) struct Bodies {
    store: Arc<dyn Store>,
}

impl Bodies {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// A result as the journal keeps it: a large body is stored by its digest and left out.
    pub(super) async fn without_body(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        result: &CallResult,
    ) -> Result<(CallResult, Option<[u8; 32]>), StoreError> {
        let CallResult::Fetch(Ok(response)) = result else {
            return Ok((result.clone(), None));
        };
        if response.body.len() <= limits::JOURNAL_BODY_BYTES {
            return Ok((result.clone(), None));
        }
        let body = self
            .store
            .put_body(workspace, task, response.body.clone())
            .await?;
        let kept = FetchResponse {
            status: response.status,
            status_text: response.status_text.clone(),
            headers: response.headers.clone(),
            body: Vec::new(),
        };
        Ok((CallResult::Fetch(Ok(kept)), Some(body)))
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

    /// A recorded answer with the body that was stored beside it.
    ///
    /// # Errors
    /// [`CallFault::NotRecorded`] if the body is not there, or cannot be read.
    pub(super) async fn with_body(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        mut answer: Answer,
        body: [u8; 32],
    ) -> Result<Answer, CallFault> {
        let found = self.store.body(workspace, task, body).await;
        let found = match found {
            Ok(Some(found)) => found,
            Ok(None) => return Err(CallFault::NotRecorded("its body is gone".into())),
            Err(error) => return Err(CallFault::NotRecorded(error.to_string())),
        };
        if let CallResult::Fetch(Ok(response)) = &mut answer.result {
            response.body = found.to_vec();
        }
        Ok(answer)
    }
}
