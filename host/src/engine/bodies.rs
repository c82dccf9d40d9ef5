//! Large response bodies, which are kept outside the journal, by digest.

use std::sync::Arc;

use crate::domain::effect::{Answer, CallFault, CallResult, FetchResponse};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::limits;
use crate::store::{Store, StoreError};

/// See the module's documentation.
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
