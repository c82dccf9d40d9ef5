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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::pin::Pin;

    use parking_lot::Mutex;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::super::blocking::Turn;
    use super::*;
    use crate::catalog::in_memory;
    use crate::clock::SimulatedClock;
    use crate::connectors::{EgressPolicy, EgressRule, FetchSettings};
    use crate::domain::blocking::Job;
    use crate::domain::budget::Permit;
    use crate::domain::effect::Redirect;

    struct AtOnce;

    impl Executor for AtOnce {
        fn spawn(&self, _: &WorkspaceName, job: Job) {
            tokio::spawn(job);
        }
    }

    /// Notes the bytes that are waited for.
    #[derive(Default)]
    struct Asked(Mutex<usize>);

    impl Pace for Asked {
        fn wait<'a>(
            &'a self,
            _: &'a WorkspaceName,
            bytes: usize,
        ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
            *self.0.lock() += bytes;
            Box::pin(std::future::ready(()))
        }
    }

    const ANSWER: usize = 300_000;

    /// Answers any request with [`ANSWER`] bytes.
    async fn upstream() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    request.push(stream.read_u8().await.unwrap());
                }
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {ANSWER}\r\nconnection: close\r\n\r\n"
                );
                stream.write_all(head.as_bytes()).await.unwrap();
                stream.write_all(&vec![b'x'; ANSWER]).await.unwrap();
            }
        });
        url
    }

    async fn outgoing(pace: Arc<Asked>) -> Outgoing {
        let clock = Arc::new(SimulatedClock::at(1_000));
        let turns =
            |_: &WorkspaceName| Box::pin(std::future::ready(Box::new(()) as Turn)) as Pin<Box<_>>;
        let policy = EgressPolicy::new(&[EgressRule::parse("127.0.0.1").unwrap()]);
        let client = FetchClient::new(FetchSettings {
            policy,
            ..FetchSettings::default()
        });
        Outgoing {
            catalog: in_memory(clock.clone()).await,
            client: Arc::new(client.unwrap()),
            clock,
            calls: Budget::unlimited(),
            pool: Arc::new(FairPool::new(Box::new(|_, _| ()), Box::new(turns)).unwrap()),
            executor: Arc::new(AtOnce),
            pace,
            egress: WorkspacePolicy::default(),
        }
    }

    /// A call that waits is not recorded yet, and a server that ends makes it again: only safe requests may be.
    #[tokio::test]
    async fn only_requests_that_may_be_made_again_wait_for_the_pace() {
        let (url, asked) = (upstream().await, Arc::<Asked>::default());
        let outgoing = outgoing(asked.clone()).await;
        let workspace: WorkspaceName = "acme".parse().unwrap();
        let mut waited = HashMap::new();
        for method in ["GET", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"] {
            let request = CallRequest::Fetch(FetchRequest {
                url: url.clone(),
                method: method.into(),
                headers: Vec::new(),
                body: Vec::new(),
                timeout_ms: None,
                redirect: Redirect::Follow,
            });
            let memory = Charge::new(Arc::new(Permit::unlimited()));
            let made = outgoing.make(&workspace, request, "task-1-0", &memory);
            let CallResult::Fetch(Ok(answer)) = made.await else {
                panic!("{method} was not answered");
            };
            assert_eq!(answer.body.len(), ANSWER);
            waited.insert(method, std::mem::take(&mut *asked.0.lock()));
        }
        for method in ["GET", "OPTIONS"] {
            assert!(waited[method] > ANSWER / 2, "{waited:?}");
        }
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            assert_eq!(waited[method], 0, "{waited:?}");
        }
    }
}
