//! Every bound that the server keeps, in one place, each with its reason.

use serde::{Deserialize, Serialize};

/// The longest webhook body, in bytes. Providers stay below this (GitHub's cap is 25 MB but its
/// usual events are tens of KB); it bounds what a stranger can make the server hold.
pub const BODY_BYTES: usize = 1024 * 1024;
/// The deepest nesting of a webhook body. Deeper than any real payload; it bounds recursion.
pub const JSON_DEPTH: usize = 64;
/// The deepest nesting that a task's data may grow to. Below what JSON parsers accept (128), so
/// that what was stored can be read again.
pub const DATA_DEPTH: usize = 100;
/// The largest data a task may grow to, in bytes of JSON text.
pub const DATA_BYTES: usize = 8 * 1024 * 1024;
/// The largest component that may be uploaded, in bytes.
pub const COMPONENT_BYTES: usize = 32 * 1024 * 1024;
/// The longest compilation of one component, in seconds of processor time over all its threads: so a busy
/// machine refuses nothing that an idle one takes.
pub const COMPILE_SECONDS: u64 = 180;
/// The longest that a compilation waits for processors and all, in seconds.
pub const COMPILE_WAIT_SECONDS: u64 = 600;
/// The address space of a compilation, in bytes.
pub const COMPILE_BYTES: u64 = 4 * 1024 * 1024 * 1024;
/// Runs that one task may have; past it two steps are taken to be feeding each other.
pub const RUNS_PER_TASK: u32 = 1000;
/// Commits of one task past which nobody changes its data from outside any more, so that a webhook
/// that addresses a task cannot fill its journal without end.
pub const COMMITS_PER_TASK: u64 = 10_000;
/// Heads of tasks that are looked at for one page of a list: some 50 ms.
pub const SEARCH_HEADS: usize = 10_000;
/// Tasks whose data is matched with a pattern for one page of a list.
pub const SEARCH_DATA: usize = 2_000;
/// Bytes of data after which no further task is matched for one page: some 200 ms.
pub const SEARCH_BYTES: usize = 16 * 1024 * 1024;
/// Days that a task which is done is kept, if its workspace says nothing else: long enough to look into
/// what went wrong last month.
pub const DONE_DAYS: u32 = 30;
/// Days that a task which came to another end is kept: a person may have to look at it yet.
pub const OTHERS_DAYS: u32 = 90;
/// The longest time in days that tasks can be kept for, short of for ever: a hundred years. Beyond it a
/// unit was mistaken.
pub const RETENTION_DAYS: u32 = 36_500;
/// Log bytes kept of one run; the rest is cut, and a mark says so.
pub const LOG_BYTES: usize = 64 * 1024;
/// Log lines kept of one run.
pub const LOG_LINES: usize = 1000;
/// Connector calls that one run may make.
pub const CALLS_PER_RUN: u32 = 200;
/// Connector calls of one run that may be under way at once.
pub const CALLS_AT_ONCE: usize = 32;
/// Response bytes that one connector call may bring in, after decompression.
pub const RESPONSE_BYTES: usize = 4 * 1024 * 1024;
/// Response bodies longer than this are kept outside the journal, by digest: a journal is read whole
/// whenever its task is shown.
pub const JOURNAL_BODY_BYTES: usize = 64 * 1024;
/// Request bytes that one connector call may send.
pub const REQUEST_BYTES: usize = 4 * 1024 * 1024;
/// Bytes that may cross from guest to host in one host call (wasmtime's hostcall fuel).
pub const HOSTCALL_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of text that a run's failure message, a task's name or one tag may have.
pub const TEXT_BYTES: usize = 4096;
/// Tags that a task may have.
pub const TAGS: usize = 32;
/// The longest that `task.park` lets a task wait, in milliseconds: ten years. Beyond it a unit was
/// mistaken.
pub const PARK_MS: u64 = 10 * 366 * 24 * 3_600_000;
/// The longest delay that a step can ask for with `task.retry-after`, in milliseconds: a day. The
/// number comes from a server that nobody here controls.
pub const RETRY_AFTER_MS: u64 = 24 * 3_600_000;
/// Subtasks that one run may make. Each is a task with a journal of its own.
pub const SUBTASKS_PER_RUN: u32 = 100;
/// Subtasks that one task may make. Its head remembers those that have not ended.
pub const SUBTASKS_PER_TASK: u32 = 1_000;
/// How many generations of subtasks there may be below a task that nobody made; it ends a step that
/// matches the subtask which it makes.
pub const SUBTASK_DEPTH: u32 = 8;
/// Bytes of JSON text that the data of all subtasks of one run may have together.
pub const SUBTASK_BYTES: usize = DATA_BYTES;
/// Bytes of a subtask's `into`: a task's head has a thousand of them.
pub const POINTER_BYTES: usize = 256;
/// Bytes of a component's condition text.
pub const CONDITION_BYTES: usize = 64 * 1024;

/// Workspaces of one server. Each costs some hundred bytes; it bounds what one token can fill.
pub const WORKSPACES: usize = 10_000;
/// Webhooks of one workspace; they are kept in memory.
pub const WEBHOOKS: usize = 10_000;
/// Steps of one workspace; their conditions are kept in memory, parsed and indexed.
pub const STEPS: usize = 20_000;
/// Versions of one step that are kept with their components, the current one included: enough to go
/// back behind a bad day.
pub const STEP_VERSIONS: usize = 10;
/// Attempts to deliver a failure notice; with their delays about a day.
pub const NOTICE_ATTEMPTS: u32 = 12;
/// How long the receiver of a failure notice has to answer, in milliseconds.
pub const NOTICE_TIMEOUT_MS: u64 = 10_000;
/// Failure notices under way at once: a few are enough for what should be rare, and they take their
/// connections from nobody.
pub const NOTICES_AT_ONCE: usize = 32;
/// Of them, those of one workspace, so that its dead receiver holds up no other's.
pub const NOTICES_OF_WORKSPACE: usize = 4;
/// The longest URL that is kept, in bytes.
pub const URL_BYTES: usize = 2048;
/// Config keys of one workspace; every run is given all of them.
pub const CONFIG_KEYS: usize = 1_000;
/// Connectors of one workspace; they are kept in memory.
pub const CONNECTORS: usize = 200;
/// Schedules of one workspace; they are kept in memory, and all may be due at the same time.
pub const SCHEDULES: usize = 1_000;
/// Missed fires of one schedule that are made up for with the policy `all`, the newest ones: about
/// a quarter of an hour of a schedule that fires every second. More would be a flood that nobody
/// asked for.
pub const MISSED_FIRES: usize = 1_000;
/// How late a running server may look at a planned time that still counts as kept, in milliseconds:
/// beyond it the machine's clock was set or the machine slept.
pub const SCHEDULE_LATE_MS: u64 = 10_000;
/// The longest cron line, in bytes. Every value of every field written out has 500.
pub const CRON_BYTES: usize = 1_024;
/// The longest data of a schedule, in bytes of JSON text; all of it is kept in memory.
pub const SCHEDULE_DATA_BYTES: usize = 64 * 1024;
/// The longest config value, in bytes: room for keys, certificates and small documents.
pub const CONFIG_BYTES: usize = 64 * 1024;

/// What one run of one step may use. Set per step with `step add --fuel --memory --timeout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepLimits {
    /// Wasm instructions, roughly; deterministic. 1e9 is about half a second of guest CPU.
    pub fuel: u64,
    /// Linear memory of all the component's memories together, in bytes.
    pub memory: u64,
    /// Wall-clock time of the whole run, connector calls included, in milliseconds.
    pub timeout_ms: u64,
}

impl Default for StepLimits {
    fn default() -> Self {
        Self {
            fuel: 1_000_000_000,
            memory: 64 * 1024 * 1024,
            timeout_ms: 30_000,
        }
    }
}

impl StepLimits {
    /// The most an operator may give a step: the pooling allocator is laid out for it.
    pub const MOST: Self = Self {
        fuel: 1_000_000_000_000,
        memory: 256 * 1024 * 1024,
        timeout_ms: 600_000,
    };

    /// The least that any step needs to start at all.
    pub const LEAST: Self = Self {
        fuel: 1_000,
        memory: 64 * 1024,
        timeout_ms: 1,
    };
}
