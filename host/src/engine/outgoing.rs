//! Calls that leave the server: requests, operations of named connectors, and short pauses.

use std::sync::Arc;
use std::time::Duration;

use super::blocking::FairPool;
use crate::catalog::Catalog;
use crate::connectors::{FetchClient, Pace, Paced, Payer, WorkspacePolicy};
use crate::domain::blocking::Executor;
use crate::domain::budget::{Budget, Charge};
use crate::domain::clock::Clock;
use crate::domain::effect::{
    CallRequest, CallResult, FetchRequest, FetchResult, Operation, OperationError,
};
use crate::domain::ids::WorkspaceName;

pub(super) struct Outgoing {
    pub(super) catalog: Arc<Catalog>,
    pub(super) client: Arc<FetchClient>,
    pub(super) clock: Arc<dyn Clock>,
    /// Calls that may be in flight.
    pub(super) calls: Arc<Budget>,
    /// Decodes answers.
    pub(super) pool: Arc<FairPool>,
    /// Runs connections.
    pub(super) executor: Arc<dyn Executor>,
    /// How fast workspaces take in large answers.
    pub(super) pace: Arc<dyn Pace>,
    /// What every workspace may call; narrower policies per workspace have their place here.
    pub(super) egress: WorkspacePolicy,
}

/// Whether the answer comes in at the workspace's pace: that of a request which may be made again, as it is if the server
/// ends while the answer waits. Other calls are recorded at once, and their run waits after that.
pub(super) fn is_paced(request: &CallRequest) -> bool {
    matches!(request, CallRequest::Fetch(request) if is_safe(&request.method))
}

/// RFC 9110, 9.2.1.
fn is_safe(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE")
}

impl Outgoing {
    /// Makes a call as soon as the server has a connection for it; only then the call's own time begins.
    /// `idempotency_key` is sent along with requests, and the response is charged to `memory`.
    pub(super) async fn make(
        &self,
        workspace: &WorkspaceName,
        request: CallRequest,
        idempotency_key: &str,
        memory: &Charge,
    ) -> CallResult {
        let pace = match is_paced(&request) {
            true => Paced::new(self.pace.clone()),
            false => Paced::default(),
        };
        match request {
            CallRequest::Fetch(request) => {
                let _slot = self.calls.wait_for(workspace, 1).await;
                let result = self
                    .fetch_at(workspace, request, idempotency_key, (memory, &pace))
                    .await;
                CallResult::Fetch(result)
            }
            CallRequest::Operation(operation) => {
                let _slot = self.calls.wait_for(workspace, 1).await;
                let result = self
                    .operate(workspace, &operation, idempotency_key, memory)
                    .await;
                CallResult::Operation(result)
            }
            // It is over, or it would not be made.
            CallRequest::LongPause { .. } => CallResult::Operation(Ok("null".into())),
            CallRequest::Pause(milliseconds) => {
                self.clock.sleep(Duration::from_millis(milliseconds)).await;
                CallResult::Operation(Ok("null".into()))
            }
        }
    }

    /// Makes a request.
    pub(super) async fn fetch(
        &self,
        workspace: &WorkspaceName,
        request: FetchRequest,
        idempotency_key: &str,
        memory: &Charge,
    ) -> FetchResult {
        let at_once = Paced::default();
        self.fetch_at(workspace, request, idempotency_key, (memory, &at_once))
            .await
    }

    async fn fetch_at(
        &self,
        workspace: &WorkspaceName,
        request: FetchRequest,
        idempotency_key: &str,
        (memory, pace): (&Charge, &Paced),
    ) -> FetchResult {
        let payer = Payer {
            memory,
            pool: &*self.pool,
            executor: &self.executor,
            pace,
        };
        self.client
            .fetch_within((workspace, &self.egress), request, idempotency_key, payer)
            .await
    }

    async fn operate(
        &self,
        workspace: &WorkspaceName,
        asked: &Operation,
        idempotency_key: &str,
        memory: &Charge,
    ) -> Result<String, OperationError> {
        let Operation {
            connector: name,
            operation,
            argument,
        } = asked;
        let live = self.catalog.connector(workspace, name)?;
        let request = live.connector.request(name, operation, argument)?;
        let answer = self
            .fetch(workspace, request, idempotency_key, memory)
            .await;
        live.connector.result(name, operation, answer)
    }
}
