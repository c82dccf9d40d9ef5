//! One run: a fresh store and instance, the call, and its outcome.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::Instant;
use wasmtime::{CallHook, Engine, Store, StoreContextMut, UpdateDeadline};

use super::bindings::Failure;
use super::component::LoadedComponent;
use super::error::ComponentError;
use super::fault;
use super::gave_back;
use super::state::{Closing, RunState};
use super::time_limit::{Exceeded, within};
use crate::domain::budget::{Exhausted, Permit};
use crate::domain::data::Document;
use crate::domain::effect::{
    Answer, CallFault, CallRequest, CallResult, Calls, FetchError, OperationError,
};
use crate::domain::ids::TaskId;
use crate::domain::limits::{self, StepLimits};
use crate::domain::run::{
    Config, Finished, RunDirective, RunEnd, RunInput, RunOutcome, RunOutput, StepFault,
};

/// How long a component's `condition` may take, however long its runs may: others wait for theirs.
const CONDITION_MS: u64 = 30_000;

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
    let left = input.time_left();
    let memory = input.memory.clone();
    let mut store = match store(engine, component, input, calls) {
        Ok(store) => store,
        Err(error) => return not_run(format!("{error:#}")),
    };
    let (logs, work) = (store.data().logs.clone(), store.data().work.clone());
    let config = store.data().task.config.clone();
    let (result, suspended) = within(left, async {
        let instance = component.pre().instantiate_async(&mut store).await?;
        instance.call_run(&mut store).await
    })
    .await;
    // The fuel used until the guest last gave the thread back, if it was cut off.
    let fuel = step_limits.fuel - store.get_fuel().unwrap_or(0) + work.owed();
    let out_of_fuel = StepFault::FuelOnData {
        limit: step_limits.fuel,
        data_bytes,
    };
    let outcome = match result {
        // The future was dropped in the middle of a call: nothing of the store may run again.
        Err(Exceeded { computed }) if computed >= left / 2 => RunOutcome::Ended(RunEnd::Computed {
            limit_ms: step_limits.timeout_ms,
        }),
        Err(Exceeded { .. }) => RunOutcome::Ended(RunEnd::Fault(StepFault::Deadline {
            limit_ms: step_limits.timeout_ms,
        })),
        Ok(Ok(_)) if fuel > step_limits.fuel => RunOutcome::Ended(RunEnd::Fault(out_of_fuel)),
        Ok(Ok(returned)) => RunOutcome::Ended(returned_by(store.into_data(), returned)),
        Ok(Err(error)) => match (fault::pause(&error), error.downcast_ref()) {
            (Some(until), _) => RunOutcome::Paused { until },
            (None, Some(exhausted)) => no_room(&memory, *exhausted, store.data().limiter.left()),
            (None, None) => {
                RunOutcome::Ended(RunEnd::Fault(match fault::of(&error, step_limits, &logs) {
                    StepFault::Fuel { .. } => out_of_fuel,
                    fault => masked(fault, &config),
                }))
            }
        },
    };
    RunOutput {
        outcome,
        logs: logs.take(),
        fuel,
        duration_us: started.elapsed().saturating_sub(suspended).as_micros() as u64,
    }
}

/// What happens to a run for which there was no memory left. `left` is what its linear memories may yet take.
fn no_room(memory: &Permit, exhausted: Exhausted, left: u64) -> RunOutcome {
    let most = memory.most();
    let wanted = memory.used().saturating_add(exhausted.wanted);
    if wanted > most {
        return RunOutcome::Ended(RunEnd::Fault(StepFault::Limit(format!(
            "the run needs {wanted} bytes of memory in all, and this server gives a workspace at most {most}; make the step or its data smaller, or let the operator set `serve --memory`"
        ))));
    }
    RunOutcome::NoRoom {
        needs: wanted.saturating_add(left).min(most),
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
            directive: match (task.closing, task.park) {
                (Some(Closing::Complete(result)), _) => RunDirective::Complete(result),
                (Some(Closing::Ignore), _) => RunDirective::Ignore,
                (None, Some(park)) => RunDirective::Park(park),
                (None, None) => RunDirective::Continue,
            },
            redo: task.redo,
            timeout: task.timeout,
            complete_on_expire: task.complete_on_expire,
            reserved: Some(task.subtasks.reserved).filter(|_| !task.subtasks.asked.is_empty()),
            subtasks: task.subtasks.asked,
        }),
        Err(Failure::Retry(message)) => RunEnd::Retry {
            message: cut(&message, &task.config),
            after: task.retry_after,
        },
        Err(Failure::Stop(message)) => RunEnd::Stop(cut(&message, &task.config)),
    }
}

/// A fault whose text has no value of the config: a guest's own words may be in it, or a call's.
fn masked(fault: StepFault, config: &Config) -> StepFault {
    let text = |text: String| config.masked(&text).into_owned();
    match fault {
        StepFault::Trap(why) => StepFault::Trap(text(why)),
        StepFault::Limit(why) => StepFault::Limit(text(why)),
        StepFault::Nondeterministic(why) => StepFault::Nondeterministic(text(why)),
        StepFault::NotReplayed(why) => StepFault::NotReplayed(text(why)),
        StepFault::Host(why) => StepFault::Host(text(why)),
        fault => fault,
    }
}

/// Calls a component's `condition`.
pub(super) async fn condition(
    engine: &Engine,
    component: &LoadedComponent,
    step_limits: StepLimits,
) -> Result<String, ComponentError> {
    let mut store = taskless(engine, component, step_limits)?;
    let logs = store.data().logs.clone();
    let limit_ms = step_limits.timeout_ms.min(CONDITION_MS);
    let limit = Duration::from_millis(limit_ms);
    let (result, _) = within(limit, async {
        let instance = component.pre().instantiate_async(&mut store).await?;
        instance.call_condition(&mut store).await
    })
    .await;
    let fault = match result {
        Ok(Ok(text)) if text.len() <= limits::CONDITION_BYTES => return Ok(text),
        Ok(Ok(text)) => StepFault::Limit(format!(
            "it returned {} bytes, and a condition has at most {}",
            text.len(),
            limits::CONDITION_BYTES
        )),
        Ok(Err(error)) => fault::of(&error, step_limits, &logs),
        Err(Exceeded { .. }) => StepFault::Deadline { limit_ms },
    };
    let mut lines: Vec<String> = logs.take().into_iter().map(|line| line.text).collect();
    // The engine reports the error, with the place in the source, before it traps.
    if component.script().is_some()
        && matches!(fault, StepFault::Trap(_))
        && let Some(message) = lines.pop()
    {
        return Err(ComponentError::Script(message));
    }
    Err(ComponentError::Condition { fault, logs: lines })
}

/// A wasmtime store for calls of a component without a task. Few are made at once.
pub(super) fn taskless(
    engine: &Engine,
    component: &LoadedComponent,
    limits: StepLimits,
) -> Result<Store<RunState>, ComponentError> {
    store(engine, component, input(limits), Arc::new(NoCalls))
        .map_err(|error| ComponentError::Host(format!("{error:#}")))
}

/// The input of a run without a task.
pub(super) fn input(limits: StepLimits) -> RunInput {
    RunInput {
        task: TaskId::MIN,
        name: None,
        tags: Vec::new(),
        data: Arc::new(Document::of(Value::Object(Map::new()))),
        config: Arc::default(),
        clock: 0,
        seed: [0; 32],
        limits,
        depth: 0,
        subtasks: 0,
        family: Arc::default(),
        spent_ms: 0,
        memory: Arc::new(Permit::unlimited()),
    }
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
        RunState::new(input, calls, component.script().cloned()),
    );
    store.limiter(|state| &mut state.limiter);
    store.set_fuel(step_limits.fuel)?;
    store.call_hook(fuel_of_calls());
    store.set_hostcall_fuel(limits::HOSTCALL_BYTES);
    store.set_max_component_handles(1_000);
    // A guest that computes gives the thread back at every tick, so that the deadline is seen.
    store.epoch_deadline_callback(|store| {
        store.data().work.check()?;
        gave_back::note();
        Ok(UpdateDeadline::Yield(1))
    });
    store.set_epoch_deadline(1);
    Ok(store)
}

/// Has what the host does for a guest come out of the guest's fuel ([`super::work`]).
fn fuel_of_calls()
-> impl FnMut(StoreContextMut<'_, RunState>, CallHook) -> wasmtime::Result<()> + Send + Sync + 'static
{
    // A call may have the guest allocate, which may grow a memory.
    let mut depth = 0_u32;
    move |mut store, transition| {
        match transition {
            CallHook::CallingHost => {
                if depth == 0 {
                    store.data().work.has(store.get_fuel()?);
                }
                depth += 1;
            }
            CallHook::ReturningFromHost => {
                depth = depth.saturating_sub(1);
                // Only a call finds the fuel written that its caller has used, and has its caller read it again.
                if depth == 0 && store.data().work.ends_call() {
                    let fuel = store.get_fuel()?;
                    let left = store.data().work.settle(fuel)?;
                    store.set_fuel(left)?;
                }
            }
            CallHook::CallingWasm | CallHook::ReturningFromWasm => {}
        }
        Ok(())
    }
}

/// A guest's message, without values of the config, and as long as may be.
fn cut(message: &str, config: &Config) -> String {
    // A value that begins in the kept part is masked whole.
    let most = limits::TEXT_BYTES + limits::CONFIG_BYTES;
    let text = config.masked(&message[..message.floor_char_boundary(most)]);
    text[..text.floor_char_boundary(limits::TEXT_BYTES)].to_owned()
}

/// A call without a task may use no connector.
pub(super) struct NoCalls;

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
            charge: None,
        })))
    }
}
