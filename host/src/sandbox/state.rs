//! The host's state of a run, in its wasmtime store.

use std::sync::Arc;
use std::time::Instant;

use tokio::task::JoinSet;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::answer_order::AnswerOrder;
use super::files::Files;
use super::image::{Image, Keeping};
use super::in_flight::CallsInFlight;
use super::limiter::Limiter;
use super::logs::Logs;
use super::wasi::{RunClock, context};
use super::work::Work;
use crate::domain::budget::Permit;
use crate::domain::data::Draft;
use crate::domain::effect::Calls;
use crate::domain::ids::TaskId;
use crate::domain::run::{Config, RunInput};
use crate::domain::subtask::{NewSubtask, Reserved};

/// Handles that a guest may have open at once.
const HANDLES: usize = 1_000;

/// Of the script engine's memory as it begins (5.6 MiB), what runs share with each other: pages that a script does not
/// write to. Measured: a script that waits has 1.5 MiB of its own.
const SCRIPT_SHARED: u64 = 3 * 1024 * 1024;

/// The script that the engine runs.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) files: Arc<Files>,
    pub(super) image: Image,
}

/// A run, as the host functions see it.
pub(super) struct RunState {
    /// Made when the guest first asks for something of it, which most runs never do.
    wasi: Option<WasiCtx>,
    seed: [u8; 32],
    pub(super) table: ResourceTable,
    pub(super) limiter: Limiter,
    pub(super) work: Work,
    pub(super) logs: Logs,
    pub(super) clock: RunClock,
    pub(super) document: Draft,
    /// JSON bytes that the guest has written so far.
    pub(super) written: usize,
    /// The budget that the run takes its memory from.
    pub(super) memory: Arc<Permit>,
    /// How much the guest has written since the run was last charged for it, in bytes.
    pub(super) uncharged: u64,
    /// What it was charged for what it has written, in bytes.
    pub(super) charged: u64,
    /// Of that, what it keeps no more and has not given back, in bytes.
    pub(super) spare: u64,
    /// How much of it parsed values take that were only read, in bytes.
    pub(super) read: u64,
    pub(super) task: TaskFacts,
    pub(super) calls: CallsUnderWay,
    /// The script, if this is a script's run.
    pub(super) script: Option<Arc<Script>>,
    /// What happens to the memory that the script engine gives the host, if it is asked for.
    pub(super) keeping: Option<Keeping>,
    /// Whether the engine has asked for the script's entry.
    pub(super) has_entry: bool,
    /// Whether it has asked for it as a file that another one imports, before.
    pub(super) imports_entry: bool,
}

/// The task as the guest may read and change it.
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
    /// Those of earlier runs that the task's head remembers.
    pub(super) open: u32,
    pub(super) reserved: Arc<Reserved>,
    pub(super) asked: Vec<NewSubtask>,
    /// Bytes of their data.
    pub(super) bytes: usize,
}

/// Connector calls of this run.
pub(super) struct CallsUnderWay {
    pub(super) answerer: Arc<dyn Calls>,
    pub(super) made: u32,
    /// When the run's time is over. It waits for a pause that ends before; for another one it ends, to be
    /// begun again.
    pub(super) deadline: Instant,
    pub(super) in_flight: CallsInFlight,
    /// Those that have not been answered. A run that is over has no use for them: they are aborted when this
    /// is dropped.
    pub(super) open: JoinSet<()>,
    pub(super) answers: AnswerOrder,
}

impl RunState {
    pub(super) fn new(input: RunInput, calls: Arc<dyn Calls>, script: Option<Arc<Script>>) -> Self {
        let deadline = Instant::now() + input.time_left();
        let work = Work::new(input.limits.fuel);
        let logs = Logs::new(input.config.clone());
        let clock = RunClock::new(input.clock);
        let shared = script.as_ref().map_or(0, |_| SCRIPT_SHARED);
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES);
        Self {
            wasi: None,
            seed: input.seed,
            table,
            limiter: Limiter::new(input.limits.memory, input.memory.clone(), shared),
            work,
            logs,
            clock,
            document: Draft::new(input.data),
            written: 0,
            memory: input.memory,
            read: 0,
            uncharged: 0,
            charged: 0,
            spare: 0,
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
                    open: input.subtasks,
                    reserved: Arc::new(Reserved::new(input.family)),
                    asked: Vec::new(),
                    bytes: 0,
                },
            },
            calls: CallsUnderWay {
                answerer: calls,
                made: 0,
                deadline,
                in_flight: CallsInFlight::default(),
                open: JoinSet::new(),
                answers: AnswerOrder::new(script.is_some()),
            },
            script,
            keeping: None,
            has_entry: false,
            imports_entry: false,
        }
    }
}

impl WasiView for RunState {
    /// Every call of WASI asks for it.
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.work.add(0);
        WasiCtxView {
            ctx: self
                .wasi
                .get_or_insert_with(|| context(&self.clock, self.seed, &self.logs, &self.work)),
            table: &mut self.table,
        }
    }
}
