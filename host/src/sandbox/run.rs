//! One run: a fresh store and instance, the call, and what came of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use wasmtime::{Engine, Store};

use super::bindings::Failure;
use super::component::LoadedComponent;
use super::error::ComponentError;
use super::fault;
use super::state::{Closing, RunState};
use crate::domain::data::Document;
use crate::domain::effect::{
    Answer, CallFault, CallRequest, CallResult, Calls, FetchError, OperationError,
};
use crate::domain::ids::TaskId;
use crate::domain::limits::{self, StepLimits};
use crate::domain::run::{Finished, RunEnd, RunInput, RunOutcome, RunOutput, StepFault, Then};

/// Runs a step.
pub(super) async fn step(
    engine: &Engine,
    component: &LoadedComponent,
    input: RunInput,
    calls: Arc<dyn Calls>,
) -> RunOutput {
    let started = Instant::now();
    let step_limits = input.limits;
    let data_bytes = input.data.text().len() as u64;
    // At least enough to come to its end, if that is all that is left to do.
    let left = step_limits
        .timeout_ms
        .saturating_sub(input.spent_ms)
        .max(1_000);
    let left = Duration::from_millis(left.min(step_limits.timeout_ms));
    let mut store = match store(engine, component, input, calls) {
        Ok(store) => store,
        Err(error) => return not_run(format!("{error:#}")),
    };
    let logs = store.data().logs.clone();
    let called = within(left, async {
        let instance = component.pre().instantiate_async(&mut store).await?;
        instance.call_run(&mut store).await
    })
    .await;
    let (outcome, fuel) = match called {
        // The future was dropped in the middle of a call: nothing of the store may be used again.
        None => {
            let limit_ms = step_limits.timeout_ms;
            let fault = StepFault::Deadline { limit_ms };
            (RunOutcome::Ended(RunEnd::Fault(fault)), 0)
        }
        Some(called) => {
            let fuel = step_limits.fuel - store.get_fuel().unwrap_or(0);
            let outcome = match called {
                Ok(returned) => RunOutcome::Ended(returned_by(store.into_data(), returned)),
                Err(error) => match fault::pause(&error) {
                    Some(until) => RunOutcome::Paused { until },
                    None => RunOutcome::Ended(RunEnd::Fault(
                        match fault::of(&error, step_limits, &logs) {
                            StepFault::Fuel { limit } => {
                                StepFault::FuelOnData { limit, data_bytes }
                            }
                            fault => fault,
                        },
                    )),
                },
            };
            (outcome, fuel)
        }
    };
    RunOutput {
        outcome,
        logs: logs.take(),
        fuel,
        duration_us: started.elapsed().as_micros() as u64,
    }
}

/// The end of a run that returned.
fn returned_by(state: RunState, returned: Result<(), Failure>) -> RunEnd {
    let RunState { document, task, .. } = state;
    match returned {
        Ok(()) => RunEnd::Finished(Finished {
            written: document.into_written(),
            name: task.new_name,
            tags: task.new_tags,
            then: match (task.closing, task.park) {
                (Some(Closing::Complete(result)), _) => Then::Complete(result),
                (Some(Closing::Ignore), _) => Then::Ignore,
                (None, Some(park)) => Then::Park(park),
                (None, None) => Then::GoOn,
            },
            redo: task.redo,
            timeout: task.timeout,
            complete_on_expire: task.complete_on_expire,
            subtasks: task.subtasks.asked,
        }),
        Err(Failure::Retry(message)) => RunEnd::Retry {
            message: cut(message),
            after: task.retry_after,
        },
        Err(Failure::Stop(message)) => RunEnd::Stop(cut(message)),
    }
}

/// Calls a component's `condition`.
pub(super) async fn condition(
    engine: &Engine,
    component: &LoadedComponent,
    step_limits: StepLimits,
) -> Result<String, ComponentError> {
    let input = RunInput {
        task: TaskId::MIN,
        name: None,
        tags: Vec::new(),
        data: Arc::new(Document::of(Value::Object(Map::new()))),
        config: Arc::default(),
        clock: 0,
        seed: [0; 32],
        limits: step_limits,
        depth: 0,
        subtasks: 0,
        spent_ms: 0,
    };
    let mut store = store(engine, component, input, Arc::new(NoCalls))
        .map_err(|error| ComponentError::Host(format!("{error:#}")))?;
    let logs = store.data().logs.clone();
    let limit = Duration::from_millis(step_limits.timeout_ms);
    let called = within(limit, async {
        let instance = component.pre().instantiate_async(&mut store).await?;
        instance.call_condition(&mut store).await
    })
    .await;
    let fault = match called {
        Some(Ok(text)) if text.len() <= limits::CONDITION_BYTES => return Ok(text),
        Some(Ok(text)) => StepFault::Limit(format!(
            "it returned {} bytes, and a condition has at most {}",
            text.len(),
            limits::CONDITION_BYTES
        )),
        Some(Err(error)) => fault::of(&error, step_limits, &logs),
        None => StepFault::Deadline {
            limit_ms: step_limits.timeout_ms,
        },
    };
    let mut lines: Vec<String> = logs.take().into_iter().map(|line| line.text).collect();
    // The engine says why it gives up, with the place in the source, before it does.
    if component.package().is_some()
        && matches!(fault, StepFault::Trap(_))
        && let Some(message) = lines.pop()
    {
        return Err(ComponentError::Script(message));
    }
    Err(ComponentError::Condition { fault, logs: lines })
}

/// The output of a run that could not begin.
pub fn not_run(reason: String) -> RunOutput {
    RunOutput {
        outcome: RunOutcome::Ended(RunEnd::Fault(StepFault::Host(reason))),
        logs: Vec::new(),
        fuel: 0,
        duration_us: 0,
    }
}

fn store(
    engine: &Engine,
    component: &LoadedComponent,
    input: RunInput,
    calls: Arc<dyn Calls>,
) -> wasmtime::Result<Store<RunState>> {
    let step_limits = input.limits;
    let mut store = Store::new(
        engine,
        RunState::new(input, calls, component.package().cloned()),
    );
    store.limiter(|state| &mut state.limiter);
    store.set_fuel(step_limits.fuel)?;
    store.set_hostcall_fuel(limits::HOSTCALL_BYTES);
    store.set_max_component_handles(1_000);
    // A guest that computes gives the thread back at every tick, so that the deadline is seen.
    store.epoch_deadline_async_yield_and_update(1);
    Ok(store)
}

/// `None` if the deadline came first.
async fn within<T>(limit: Duration, call: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, call).await.ok()
}

fn cut(mut message: String) -> String {
    message.truncate(message.floor_char_boundary(limits::TEXT_BYTES));
    message
}

/// `condition` may call nothing: it is asked once, without a task.
struct NoCalls;

impl Calls for NoCalls {
    fn answer(
        &self,
        _call: u32,
        request: CallRequest,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Answer, CallFault>> + Send>> {
        let why = "connectors cannot be called in `condition`".to_owned();
        let result = match request {
            CallRequest::Fetch(_) => CallResult::Fetch(Err(FetchError::Invalid(why))),
            CallRequest::Operation(_) | CallRequest::Pause(_) | CallRequest::LongPause { .. } => {
                CallResult::Operation(Err(OperationError::Invalid(why)))
            }
        };
        Box::pin(std::future::ready(Ok(Answer {
            result,
            at: 0,
            order: None,
        })))
    }
}
