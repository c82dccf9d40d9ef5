//! Calls that leave the server: requests, operations of named connectors, and short pauses.

use std::sync::Arc;
use std::time::Duration;

use crate::catalog::Catalog;
use crate::connectors::{FetchClient, WorkspacePolicy};
use crate::domain::effect::{
    CallRequest, CallResult, FetchRequest, FetchResult, Operation, OperationError,
};
use crate::domain::ids::WorkspaceName;

/// See the module's documentation.
pub(super) struct Outgoing {
    catalog: Arc<Catalog>,
    client: Arc<FetchClient>,
    /// What every workspace may call; narrower policies per workspace have their place here.
    egress: WorkspacePolicy,
}

impl Outgoing {
    pub(super) fn new(catalog: Arc<Catalog>, client: Arc<FetchClient>) -> Self {
        Self {
            catalog,
            client,
            egress: WorkspacePolicy::default(),
        }
    }

    /// Makes a call. `idempotency_key` is sent along with requests.
    pub(super) async fn make(
        &self,
        workspace: &WorkspaceName,
        request: CallRequest,
        idempotency_key: &str,
    ) -> CallResult {
        match request {
            CallRequest::Fetch(request) => {
                CallResult::Fetch(self.fetch(request, idempotency_key).await)
            }
            CallRequest::Operation(operation) => {
                let result = self.operate(workspace, &operation, idempotency_key).await;
                CallResult::Operation(result)
            }
            // It is over, or it would not be made.
            CallRequest::LongPause { .. } => CallResult::Operation(Ok("null".into())),
            CallRequest::Pause(milliseconds) => {
                tokio::time::sleep(Duration::from_millis(milliseconds)).await;
                CallResult::Operation(Ok("null".into()))
            }
        }
    }

    /// Makes a request.
    pub(super) async fn fetch(&self, request: FetchRequest, idempotency_key: &str) -> FetchResult {
        self.client
            .fetch(&self.egress, request, idempotency_key)
            .await
    }

    async fn operate(
        &self,
        workspace: &WorkspaceName,
        asked: &Operation,
        idempotency_key: &str,
    ) -> Result<String, OperationError> {
        let Operation {
            connector: name,
            operation,
            argument,
        } = asked;
        let live = self.catalog.connector(workspace, name)?;
        let request = live.connector.request(name, operation, argument)?;
        let answer = self.fetch(request, idempotency_key).await;
        live.connector.result(name, operation, answer)
    }
}
