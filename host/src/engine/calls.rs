//! A run's connector calls: answered from the journal if they are there, else made, and recorded
//! before the guest sees the result.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;

use super::attempt::Attempt;
use super::call_recorder::CallRecorder;
use super::dispatcher::Dispatcher;
use super::idempotency::idempotency_key;
use super::outgoing::is_paced;
use super::respond::respond;
use super::unstored::Unrecorded;
use crate::connectors::{call_digest, call_summary};
use crate::domain::budget::Charge;
use crate::domain::effect::{Answer, CallFault, CallRequest, Calls, Effect, FilePart};
use crate::domain::ids::WorkspaceName;
use crate::domain::limits;
use crate::domain::reply::{GivenReply, HttpReply};
use crate::store::StoreError;

/// The calls of one attempt of one run.
pub(super) struct JournaledCalls {
    recorder: Arc<CallRecorder>,
    attempt: Attempt,
    /// What an earlier process recorded of this attempt, in the order in which it was done.
    recorded: Vec<Effect>,
    /// Calls that are done.
    done: Arc<AtomicU32>,
    /// Why the run was cut off: the store did not take what had to be durable before it went on.
    cut: Arc<Mutex<Option<StoreError>>>,
    /// Calls whose answers are waited for.
    under_way: Arc<AtomicU32>,
    /// Bytes of the task's journal.
    journal: Arc<AtomicU64>,
    /// Whether the run has replied to the sender, or may have.
    replied: Arc<AtomicBool>,
    /// The reply that the task has, once the run has tried to reply; none within if the run does not count any more.
    reply: Arc<Mutex<Option<Option<Arc<GivenReply>>>>>,
}

/// A call whose answer is waited for. While a run has one, it is not busy.
struct UnderWay<'a> {
    dispatcher: &'a Dispatcher,
    workspace: &'a WorkspaceName,
    all: &'a AtomicU32,
}

impl<'a> UnderWay<'a> {
    fn begin(dispatcher: &'a Dispatcher, workspace: &'a WorkspaceName, all: &'a AtomicU32) -> Self {
        if all.fetch_add(1, Ordering::AcqRel) == 0 {
            dispatcher.queue.call_began(workspace);
            dispatcher.run_more();
        }
        Self {
            dispatcher,
            workspace,
            all,
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if self.all.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.dispatcher.queue.call_ended(self.workspace);
        }
    }
}

impl JournaledCalls {
    /// The calls of an attempt of which `recorded` has been recorded before.
    pub(super) fn new(
        recorder: Arc<CallRecorder>,
        attempt: Attempt,
        mut recorded: Vec<Effect>,
    ) -> Self {
        recorded.sort_unstable_by_key(|effect| effect.order);
        Self {
            recorder,
            journal: Arc::new(AtomicU64::new(attempt.journal)),
            attempt,
            done: Arc::new(AtomicU32::new(recorded.len() as u32)),
            recorded,
            cut: Arc::default(),
            under_way: Arc::default(),
            replied: Arc::default(),
            reply: Arc::default(),
        }
    }

    /// Whether the run noted a reply in the task's head.
    pub(super) fn replied(&self) -> Arc<AtomicBool> {
        self.replied.clone()
    }

    /// Bytes of the task's journal, with what this records.
    pub(super) fn journal(&self) -> Arc<AtomicU64> {
        self.journal.clone()
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
                // The task has been charged for the recorded calls without bodies that are elsewhere.
                charge: None,
            };
            let Some(body) = effect.body else {
                return Box::pin(std::future::ready(Ok(answer)));
            };
            let recorder = self.recorder.clone();
            let attempt = self.attempt.clone();
            return Box::pin(async move {
                let (bodies, body) = (&recorder.bodies, (body, attempt.memory));
                let workspace = &attempt.workspace;
                bodies
                    .with_body(workspace, attempt.task, answer, body)
                    .await
            });
        }
        if let CallRequest::LongPause { until, .. } = request
            && until > self.recorder.clock.now()
        {
            return Box::pin(std::future::ready(Err(CallFault::Paused { until })));
        }
        let bytes = self.journal.load(Ordering::Relaxed);
        if bytes >= limits::JOURNAL_BYTES {
            return Box::pin(std::future::ready(Err(CallFault::JournalFull { bytes })));
        }
        let journal = self.journal.clone();
        let (recorder, attempt) = (self.recorder.clone(), self.attempt.clone());
        let (done, cut) = (self.done.clone(), self.cut.clone());
        let under_way = self.under_way.clone();
        let (workers, caller) = (
            recorder.dispatcher.workers.clone(),
            attempt.workspace.clone(),
        );
        let call = async move {
            let workspace = &attempt.workspace;
            let _under_way = UnderWay::begin(&recorder.dispatcher, workspace, &under_way);
            let not_recorded = |error: StoreError| {
                let fault = CallFault::NotRecorded(error.to_string());
                *cut.lock() = Some(error);
                fault
            };
            // Nothing goes out for a task that a crash could still undo.
            if let Some(arriving) = &attempt.arriving {
                arriving.accept().await.map_err(not_recorded)?;
            }
            let started = Instant::now();
            let summary = call_summary(&request);
            let place = (attempt.task, attempt.run, call);
            let idempotency_key = idempotency_key(&recorder.secret, place, &digest);
            let over = match request {
                CallRequest::LongPause { until, .. } => Some(until),
                _ => None,
            };
            let charge = Arc::new(Charge::new(attempt.memory.clone()));
            let is_paced = is_paced(&request);
            let result = recorder
                .outgoing
                .make(workspace, request, &idempotency_key, &charge)
                .await;
            let mut effect = Effect {
                run: attempt.run,
                attempt: attempt.attempt,
                begun: attempt.begun,
                call,
                digest,
                summary,
                order: done.fetch_add(1, Ordering::Relaxed),
                at: over.unwrap_or_else(|| recorder.clock.now()),
                duration_us: started.elapsed().as_micros() as u64,
                result,
                body: None,
            };
            let place = (workspace, attempt.task);
            let recorded = recorder.record(&attempt.writer, place, &mut effect, is_paced);
            if let Err(error) = recorded.await {
                if error.is_retriable() {
                    let began = attempt.began;
                    recorder.keep(attempt.task, Unrecorded { effect, began });
                }
                return Err(not_recorded(error));
            }
            // A large body is kept elsewhere.
            let kept = effect.bytes().min(limits::JOURNAL_BODY_BYTES);
            journal.fetch_add(kept as u64, Ordering::Relaxed);
            Ok(Answer {
                at: effect.at,
                order: Some(effect.order),
                result: effect.result,
                charge: Some(charge),
            })
        };
        // The sandbox polls it beside the run.
        Box::pin(workers.charge(&caller, Box::pin(call)))
    }

    fn respond(
        &self,
        reply: HttpReply,
    ) -> Pin<Box<dyn Future<Output = Result<bool, CallFault>> + Send>> {
        let given = Arc::new(GivenReply {
            reply,
            run: self.attempt.run,
            attempt: self.attempt.attempt,
        });
        // The store is asked once.
        if let Some(first) = &*self.reply.lock() {
            let is_the_one = first.as_ref() == Some(&given);
            return Box::pin(std::future::ready(Ok(is_the_one)));
        }
        let (recorder, attempt) = (self.recorder.clone(), self.attempt.clone());
        let (cut, under_way) = (self.cut.clone(), self.under_way.clone());
        let known = self.reply.clone();
        self.replied.store(true, Ordering::Relaxed);
        Box::pin(async move {
            let dispatcher = &recorder.dispatcher;
            let _under_way = UnderWay::begin(dispatcher, &attempt.workspace, &under_way);
            let not_recorded = |error: StoreError| {
                let fault = CallFault::NotRecorded(error.to_string());
                *cut.lock() = Some(error);
                fault
            };
            // No one is answered about a task that a crash could still undo.
            if let Some(arriving) = &attempt.arriving {
                arriving.accept().await.map_err(not_recorded)?;
            }
            let responded = respond(&recorder.tasks, &attempt, given.clone()).await;
            let first = responded.map_err(not_recorded)?;
            let is_the_one = first.as_ref() == Some(&given);
            *known.lock() = Some(first);
            Ok(is_the_one)
        })
    }

    fn file(
        &self,
        digest: [u8; 32],
        offset: u64,
        length: usize,
    ) -> Pin<Box<dyn Future<Output = Result<Option<FilePart>, CallFault>> + Send>> {
        let recorder = self.recorder.clone();
        let (workspace, task) = (self.attempt.workspace.clone(), self.attempt.task);
        Box::pin(async move {
            let bodies = &recorder.bodies;
            bodies
                .file(&workspace, task, digest, (offset, length))
                .await
        })
    }
}
