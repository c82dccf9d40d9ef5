//! All that a run's store holds on the host's side.

use std::sync::Arc;

use stepwell_script::Package;
use tokio::task::AbortHandle;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::in_flight::CallsInFlight;
use super::limiter::Limiter;
use super::logs::Logs;
use super::turns::Turns;
use super::wasi::{RunClock, context};
use crate::domain::data::Draft;
use crate::domain::effect::Calls;
use crate::domain::ids::TaskId;
use crate::domain::run::{Config, RunInput};
use crate::domain::subtask::NewSubtask;

/// Handles that a guest may have open at once.
const HANDLES: usize = 1_000;

/// A run, as the host functions see it.
pub(super) struct RunState {
    /// Made when the guest first asks for something of it, which most runs never do.
    wasi: Option<WasiCtx>,
    seed: [u8; 32],
    pub(super) table: ResourceTable,
    pub(super) limiter: Limiter,
    pub(super) logs: Logs,
    pub(super) clock: RunClock,
    pub(super) document: Draft,
    /// JSON bytes that the guest has written so far.
    pub(super) written: usize,
    pub(super) task: TaskFacts,
    pub(super) calls: CallsUnderWay,
    /// What the script engine runs, if this is a script's run.
    pub(super) script: Option<Arc<Package>>,
}

/// What the guest may know and say of its task.
pub(super) struct TaskFacts {
    pub(super) id: TaskId,
    pub(super) name: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) config: Arc<Config>,
    pub(super) new_name: Option<String>,
    pub(super) new_tags: Option<Vec<String>>,
    pub(super) closing: Option<Closing>,
    pub(super) park: Option<u64>,
    pub(super) redo: bool,
    pub(super) retry_after: Option<u64>,
    pub(super) timeout: Option<u64>,
    pub(super) complete_on_expire: bool,
    pub(super) subtasks: Subtasks,
}

/// How a run asked its task to end; the last call counts.
pub(super) enum Closing {
    /// `task.complete(result?)`, with the result as JSON text.
    Complete(Option<String>),
    /// `task.ignore()`.
    Ignore,
}

/// Subtasks that this run asked for, and what it takes to ask for one.
pub(super) struct Subtasks {
    pub(super) parent: TaskId,
    pub(super) seed: [u8; 32],
    pub(super) clock: u64,
    /// Of the task itself.
    pub(super) depth: u32,
    /// What earlier runs of the task made.
    pub(super) before: u32,
    pub(super) asked: Vec<NewSubtask>,
    /// Bytes of their data.
    pub(super) bytes: usize,
}

/// Connector calls of this run.
pub(super) struct CallsUnderWay {
    pub(super) answerer: Arc<dyn Calls>,
    pub(super) made: u32,
    /// The longest pause that the run waits for, in milliseconds; for one that is longer it ends, to be
    /// begun again.
    pub(super) longest_pause: u64,
    pub(super) in_flight: CallsInFlight,
    pub(super) open: Vec<AbortHandle>,
    pub(super) turns: Turns,
}

impl Drop for CallsUnderWay {
    /// A run that is over has no use for its calls.
    fn drop(&mut self) {
        for call in &self.open {
            call.abort();
        }
    }
}

impl RunState {
    pub(super) fn new(
        input: RunInput,
        calls: Arc<dyn Calls>,
        script: Option<Arc<Package>>,
    ) -> Self {
        let logs = Logs::default();
        let clock = RunClock::new(input.clock);
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES);
        Self {
            wasi: None,
            seed: input.seed,
            table,
            limiter: Limiter::new(input.limits.memory),
            logs,
            clock,
            document: Draft::new(input.data),
            written: 0,
            task: TaskFacts {
                id: input.task,
                name: input.name,
                tags: input.tags,
                config: input.config,
                new_name: None,
                new_tags: None,
                closing: None,
                park: None,
                redo: false,
                retry_after: None,
                timeout: None,
                complete_on_expire: false,
                subtasks: Subtasks {
                    parent: input.task,
                    seed: input.seed,
                    clock: input.clock,
                    depth: input.depth,
                    before: input.subtasks,
                    asked: Vec::new(),
                    bytes: 0,
                },
            },
            calls: CallsUnderWay {
                answerer: calls,
                made: 0,
                longest_pause: input.limits.timeout_ms,
                in_flight: CallsInFlight::default(),
                open: Vec::new(),
                turns: Turns::new(script.is_some()),
            },
            script,
        }
    }
}

impl WasiView for RunState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: self
                .wasi
                .get_or_insert_with(|| context(&self.clock, self.seed, &self.logs)),
            table: &mut self.table,
        }
    }
}
