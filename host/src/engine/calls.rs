//! A run's connector calls: answered from the journal if they are there, else made, and recorded
//! before the guest sees the result.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Engine;
use super::arriving::Arriving;
use super::commit::TaskWriter;
use super::held::Unrecorded;
use crate::connectors::{call_digest, call_summary};
use crate::domain::clock::Millis;
use crate::domain::effect::{
    Answer, Begun, CallFault, CallRequest, CallResult, Calls, Effect, FetchRequest, FetchResponse,
    FetchResult, Operation, OperationError,
};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::limits;
use crate::store::StoreError;

/// The calls of one attempt of one run.
pub(super) struct JournaledCalls {
    engine: Arc<Engine>,
    writer: TaskWriter,
    workspace: WorkspaceName,
    task: TaskId,
    run: u32,
    attempt: u32,
    /// What the run was begun as.
    begun: Begun,
    /// What an earlier process recorded of this attempt, in the order in which it was done.
    recorded: Vec<Effect>,
    /// Calls that are done.
    done: Arc<AtomicU32>,
    /// The task, if it may not be durable yet.
    arriving: Option<Arc<Arriving>>,
    /// When the run began.
    began: Millis,
    /// Why the run was cut off: the store did not take what had to be durable before it went on.
    cut: Arc<Mutex<Option<StoreError>>>,
    /// Calls whose answers are waited for.
    under_way: Arc<AtomicU32>,
}

/// A call whose answer is waited for. While a run has one, it is not busy.
struct UnderWay<'a> {
    engine: &'a Engine,
    workspace: &'a WorkspaceName,
    all: &'a AtomicU32,
}

impl<'a> UnderWay<'a> {
    fn begin(engine: &'a Arc<Engine>, workspace: &'a WorkspaceName, all: &'a AtomicU32) -> Self {
        if all.fetch_add(1, Ordering::AcqRel) == 0 {
            engine.queue.leave(workspace);
            engine.run_more();
        }
        Self {
            engine,
            workspace,
            all,
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if self.all.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.engine.queue.come_back(self.workspace);
        }
    }
}

impl JournaledCalls {
    /// The calls of an attempt of which `recorded` has been recorded before.
    pub(super) fn new(
        engine: Arc<Engine>,
        writer: TaskWriter,
        workspace: WorkspaceName,
        task: TaskId,
        (run, attempt, begun): (u32, u32, Begun),
        mut recorded: Vec<Effect>,
        (arriving, began): (Option<Arc<Arriving>>, Millis),
    ) -> Self {
        recorded.sort_unstable_by_key(|effect| effect.order);
        Self {
            engine,
            writer,
            workspace,
            task,
            run,
            attempt,
            begun,
            done: Arc::new(AtomicU32::new(recorded.len() as u32)),
            recorded,
            arriving,
            began,
            cut: Arc::default(),
            under_way: Arc::default(),
        }
    }

    /// Why the run was cut off, if it was: what it came to then is not to be committed.
    pub(super) fn cut(&self) -> Arc<Mutex<Option<StoreError>>> {
        self.cut.clone()
    }
}

impl Calls for JournaledCalls {
    fn answer(
        &self,
        call: u32,
        request: CallRequest,
    ) -> Pin<Box<dyn Future<Output = Result<Answer, CallFault>> + Send>> {
        let digest = call_digest(&request);
        let known = self.recorded.iter().zip(0..);
        if let Some((effect, order)) = known.into_iter().find(|(effect, _)| effect.call == call) {
            if effect.digest != digest {
                return Box::pin(std::future::ready(Err(CallFault::Nondeterministic {
                    call,
                    recorded: effect.summary.clone(),
                    asked: call_summary(&request),
                })));
            }
            let answer = Answer {
                result: effect.result.clone(),
                at: effect.at,
                // Not as it was recorded: one done before it may not have been.
                order: Some(order),
            };
            let Some(body) = effect.body else {
                return Box::pin(std::future::ready(Ok(answer)));
            };
            let (engine, workspace, task) =
                (self.engine.clone(), self.workspace.clone(), self.task);
            return Box::pin(async move {
                let answer = engine.with_body(&workspace, task, answer, body);
                answer.await
            });
        }
        if let CallRequest::LongPause { until, .. } = request
            && until > self.engine.clock.now()
        {
            return Box::pin(std::future::ready(Err(CallFault::Paused { until })));
        }
        let (engine, writer) = (self.engine.clone(), self.writer.clone());
        let (workspace, task) = (self.workspace.clone(), self.task);
        let (run, attempt, done) = (self.run, self.attempt, self.done.clone());
        let arriving = self.arriving.clone();
        let begun = self.begun.clone();
        let under_way = self.under_way.clone();
        let (began, cut) = (self.began, self.cut.clone());
        Box::pin(async move {
            let _under_way = UnderWay::begin(&engine, &workspace, &under_way);
            let not_recorded = |error: StoreError| {
                let fault = CallFault::NotRecorded(error.to_string());
                *cut.lock() = Some(error);
                fault
            };
            // Nothing goes out for a task that a crash could still undo.
            if let Some(arriving) = arriving {
                arriving.accept().await.map_err(not_recorded)?;
            }
            let started = Instant::now();
            let summary = call_summary(&request);
            // Equal for every attempt and after every crash, so that an upstream that has seen the
            // call can tell.
            let idempotency_key = format!("{task}-{run}-{call}");
            let over = match request {
                CallRequest::LongPause { until, .. } => Some(until),
                _ => None,
            };
            let result = engine.make(&workspace, request, &idempotency_key).await;
            let effect = Effect {
                run,
                attempt,
                begun,
                call,
                digest,
                summary,
                order: done.fetch_add(1, Ordering::Relaxed),
                at: over.unwrap_or_else(|| engine.clock.now()),
                duration_us: started.elapsed().as_micros() as u64,
                result,
                body: None,
            };
            if let Err(error) = engine.record(&writer, &workspace, task, &effect).await {
                if error.is_retriable() {
                    let call = Unrecorded { effect, began };
                    engine.held.keep_call(task, call);
                }
                return Err(not_recorded(error));
            }
            Ok(Answer {
                at: effect.at,
                order: Some(effect.order),
                result: effect.result,
            })
        })
    }
}

impl Engine {
    /// Makes a call's effect durable, whose result has its body. The body is stored first, if it is
    /// large.
    pub(super) async fn record(
        &self,
        writer: &TaskWriter,
        workspace: &WorkspaceName,
        task: TaskId,
        effect: &Effect,
    ) -> Result<(), StoreError> {
        let (result, body) = self.without_body(workspace, task, &effect.result).await?;
        let kept = Effect {
            result,
            body,
            begun: effect.begun.clone(),
            summary: effect.summary.clone(),
            ..*effect
        };
        writer.record_effect(workspace, task, kept).await
    }

    /// A result as the journal keeps it: a large body is stored by its digest and left out.
    async fn without_body(
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

    /// Makes a call that nobody has recorded.
    async fn make(
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

    async fn fetch(&self, request: FetchRequest, idempotency_key: &str) -> FetchResult {
        self.fetch
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
