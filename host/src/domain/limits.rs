//! Every bound that the server keeps, in one place, each with its reason.

use serde::{Deserialize, Serialize};

/// The longest webhook body, in bytes. Providers stay below this (GitHub's cap is 25 MB but its
/// usual events are tens of KB); it bounds what a stranger can make the server hold.
pub const BODY_BYTES: usize = 1024 * 1024;
/// How often a body is there until its task is durable: as it came, decoded, as data, and as it is written.
pub const BODY_COPIES: u64 = 4;
/// The deepest nesting of a webhook body. Deeper than any real payload; it bounds recursion.
pub const JSON_DEPTH: usize = 64;
/// Content codings of one webhook body, each of which costs a pass over it. One is usual.
pub const BODY_CODINGS: usize = 3;
/// Fields of one form. PHP takes 1,000; each costs some 100 bytes beside its text.
pub const FORM_FIELDS: usize = 5_000;
/// Brackets of one field's name (`a[b][c]` has two). Below [`JSON_DEPTH`], and beyond any real form.
pub const FORM_DEPTH: usize = 32;
/// The largest upload of a form with files, in bytes: what providers of mail and forms send at most is 25 to 50 MB.
pub const UPLOAD_BYTES: u64 = 100_000_000;
/// Bytes of a file that a step reads at once.
pub const FILE_PART_BYTES: usize = 1024 * 1024;
/// Files of one request.
pub const FILES_PER_REQUEST: usize = 100;
/// Bytes that may stand between two parts' contents: a part's head, which has some hundred, or text before the first one.
pub const PART_HEAD_BYTES: u64 = 16 * 1024;
/// Bytes that an upload must bring in a second in the long run; a slower one is broken off.
pub const UPLOAD_BYTES_PER_SECOND: u64 = 16 * 1024;
/// Bytes of all files of one workspace.
pub const FILES_BYTES: u64 = 10_000_000_000;
/// How long a link to a file is valid, in milliseconds: a week. A task of which a link is needed later has it made anew.
pub const FILE_LINK_MS: u64 = 7 * 24 * 3_600_000;
/// Tasks that one request to a webhook may make (NDJSON, a batch of CloudEvents). They are one record of the log.
pub const TASKS_PER_REQUEST: usize = 1_000;
/// Header fields that a webhook can name, in addition to those that every task keeps.
pub const NAMED_HEADERS: usize = 32;
/// The longest name of a header field, in bytes.
pub const HEADER_NAME_BYTES: usize = 128;
/// Bytes of one header field that a task keeps; the rest is cut. The ids and kinds of events are shorter.
pub const KEPT_HEADER_BYTES: usize = 1024;
/// Bytes of all header fields that a task keeps; those beyond it are left out.
pub const KEPT_HEADERS_BYTES: usize = 8 * 1024;
/// The deepest nesting that a task's data may grow to. Below what JSON parsers accept (128), so
/// that stored values can be read again.
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
/// Memory that a compilation may take, in bytes, on a machine that has several times as much. The JavaScript engine,
/// 3.5 MB, takes 220 MB.
pub const COMPILE_MEMORY: u64 = 2 * 1024 * 1024 * 1024;
/// The least that a compilation may take, however little the machine has: enough for the JavaScript engine.
pub const COMPILE_MEMORY_LEAST: u64 = 320 * 1024 * 1024;
/// The address space of a compilation, in bytes.
pub const COMPILE_BYTES: u64 = 4 * 1024 * 1024 * 1024;
/// Bytes that a run's linear memory is charged with at least. A guest of Rust has 1.1 MiB, of which it touches a tenth.
pub const RUN_MEMORY: u64 = 1024 * 1024;
/// Work that finding the steps for a task's data may take once, over all conditions of its workspace, in units of
/// `stepwell_condition::Budget`: some 300 ms. 10,000 usual conditions take a hundredth of it.
pub const MATCHING_UNITS: u64 = 20_000_000;
/// The same work as far as it is done at once, on the thread that runs the task: some 3 ms, less than a guest computes
/// before it gives the thread back. What takes longer is done beside it.
pub const MATCHING_AT_ONCE_UNITS: u64 = 200_000;
/// The longest data, in bytes of JSON text, that is parsed and matched at once: its parsing takes about a millisecond.
pub const MATCHING_AT_ONCE_BYTES: usize = 64 * 1024;
/// Bytes of memory that one step's condition may take when compiled. The most values with many expressions take
/// half of it; sixteen of the largest expressions alone would take three times as much.
pub const CONDITION_MEMORY: usize = 4 * 1024 * 1024;
/// Bytes that the conditions of all steps of one workspace may take, an expression that several have once: as many as
/// [`STEPS`] usual ones do.
pub const CONDITIONS_MEMORY: usize = 128 * 1024 * 1024;
/// Runs that one task may have; past it two steps are taken to be feeding each other.
pub const RUNS_PER_TASK: u32 = 1000;
/// Commits of one task past which its data cannot be changed from outside any more, so that a webhook
/// that addresses a task cannot fill its journal without end.
pub const COMMITS_PER_TASK: u64 = 10_000;
/// For how long a repeated delivery is recognised if its webhook says nothing else, in milliseconds: the
/// providers that try longest do so for three days.
pub const DEDUP_WINDOW_MS: u64 = 72 * 3_600_000;
/// The shortest window, in milliseconds: a sender that got no answer waits longer before it tries again.
pub const DEDUP_WINDOW_LEAST_MS: u64 = 60_000;
/// The longest window, in milliseconds: 30 days. The keys of all deliveries within it are kept.
pub const DEDUP_WINDOW_MOST_MS: u64 = 30 * 24 * 3_600_000;
/// The longest name of a header that holds a delivery's key, in bytes; it is looked up in every request.
pub const DEDUP_HEADER_BYTES: usize = 128;
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
/// Bytes that a task's journal may have before its runs may record no more: a run that calls or changes much is
/// ended by a fault then. A journal is what a replay reads.
pub const JOURNAL_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes of a task's journal that are shown at once, without the bodies of responses.
pub const TIMELINE_BYTES: usize = 8 * 1024 * 1024;
/// Request bytes that one connector call may send.
pub const REQUEST_BYTES: usize = 4 * 1024 * 1024;
/// Bytes that may cross from guest to host in one host call (wasmtime's hostcall fuel).
pub const HOSTCALL_BYTES: usize = 4 * 1024 * 1024;
/// The largest result that a task is completed with, in bytes: lists of tasks have it.
pub const RESULT_BYTES: usize = 256 * 1024;
/// Bytes of results after which a page of a list ends.
pub const PAGE_RESULT_BYTES: usize = 1024 * 1024;
/// Bytes of text that a run's failure message, a task's name or one tag may have.
pub const TEXT_BYTES: usize = 4096;
/// Tags that a task may have.
pub const TAGS: usize = 32;
/// The longest that `task.park` lets a task wait, in milliseconds: ten years. Beyond it a unit was
/// mistaken.
pub const PARK_MS: u64 = 10 * 366 * 24 * 3_600_000;
/// The longest delay that a step can ask for with `task.retry-after`, in milliseconds: a day. The
/// number comes from a server that the operator does not control.
pub const RETRY_AFTER_MS: u64 = 24 * 3_600_000;
/// Subtasks that one run may make. Each is a task with a journal of its own.
pub const SUBTASKS_PER_RUN: u32 = 100;
/// Subtasks of one task that have not ended, or whose results it does not have yet: its head remembers them.
pub const SUBTASKS_OPEN: u32 = 1_000;
/// Subtasks that there may be below a task that is none itself, its own and theirs. Runs of 100 subtasks each would
/// else make of one request as many tasks as a server can hold.
pub const DESCENDANTS: u32 = 10_000;
/// How many generations of subtasks there may be below a task without a parent; it ends a step that
/// matches the subtask which it makes.
pub const SUBTASK_DEPTH: u32 = 8;
/// Bytes of JSON text that the data of all subtasks of one run may have in sum.
pub const SUBTASK_BYTES: usize = DATA_BYTES;
/// Bytes of a subtask's `into`: a task's head has a thousand of them.
pub const POINTER_BYTES: usize = 256;
/// Bytes of a component's condition text.
pub const CONDITION_BYTES: usize = 64 * 1024;

/// Workspaces of one server. Each costs some hundred bytes; it bounds what one token can fill.
pub const WORKSPACES: usize = 10_000;
/// Bytes of all that a workspace has set up, as it is stored: webhooks, steps without their components, config, connectors,
/// schedules and tokens. It is kept in memory, and a start has it some times: once for the tree, once for its copy, and
/// once opened. A workspace with the most steps and webhooks of usual sizes has half of it.
pub const SETUP_BYTES: usize = 64 * 1024 * 1024;
/// Webhooks of one workspace; they are kept in memory.
pub const WEBHOOKS: usize = 10_000;
/// Secrets of one webhook: one, and those that it takes the place of. Each is tried on a request that fits none.
pub const WEBHOOK_SECRETS: usize = 8;
/// The longest secret of a webhook, in bytes: a public RSA key of 8192 bits in PEM has 1,500.
pub const WEBHOOK_SECRET_BYTES: usize = 8 * 1024;
/// The longest time in seconds that a webhook's older secrets stay valid beside a new one: 90 days. Beyond it a
/// unit was mistaken.
pub const SECRET_OVERLAP_SECONDS: u64 = 90 * 86_400;
/// How long in seconds a webhook's older keys find it after a rotation if nothing is said: a day, as for secrets.
pub const KEY_OVERLAP_SECONDS: u64 = 86_400;
/// Former keys of one webhook that still find it.
pub const WEBHOOK_KEYS: usize = 8;
/// Former names of one webhook under which its deliveries are found; a list of them is one search for each.
pub const WEBHOOK_NAMES: usize = 8;
/// Recorded deliveries of one webhook that are shown, beside those that became tasks: the last hours of a webhook that
/// refuses everything, or its last months otherwise.
pub const DELIVERIES: usize = 200;
/// Days that a recorded delivery is shown.
pub const DELIVERY_DAYS: u64 = 7;
/// Bytes of a file of recorded deliveries; a workspace has two at most.
pub const DELIVERIES_BYTES: u64 = 4 * 1024 * 1024;
/// Bytes of a workspace's recorded deliveries in a database: more than two such files have, so that all of a data
/// directory's can be moved into one.
pub const DELIVERIES_STORED: u64 = 3 * DELIVERIES_BYTES;
/// The largest body that is recorded of a refused delivery, in bytes.
pub const DELIVERY_BODY_BYTES: usize = 64 * 1024;
/// Deliveries of one webhook that are recorded at once; then one a second. The others are counted.
pub const DELIVERIES_AT_ONCE: u32 = 50;
/// Bytes of deliveries that wait to be recorded, in the whole server. The others are counted.
pub const DELIVERIES_PENDING: usize = 4 * 1024 * 1024;
/// Of them, those that a workspace may have in any case: one that has more gets none while half of all are taken, so that
/// the deliveries of others are recorded beside a flood of its.
pub const DELIVERIES_PENDING_OF_WORKSPACE: usize = DELIVERIES_PENDING / 16;
/// The longest that a sender waits for its task, in seconds. Proxies and senders give up soon after.
pub const REPLY_WAIT_SECONDS: u32 = 60;
/// Bytes of a webhook's fixed reply; it is kept in memory.
pub const FIXED_REPLY_BYTES: usize = 16 * 1024;
/// Bytes of a reply that a step gives; it is part of the task's head, which is written with every commit.
pub const REPLY_BYTES: usize = 64 * 1024;
/// Header fields of one reply.
pub const REPLY_HEADERS: usize = 20;
/// Bytes of the value of one of them.
pub const REPLY_HEADER_BYTES: usize = 2048;
/// Origins whose pages may read a webhook's answers.
pub const REPLY_ORIGINS: usize = 20;
/// The most requests of a webhook's or workspace's rate.
pub const RATE_REQUESTS: u32 = 1_000_000;
/// The longest time of a rate, in seconds: a day.
pub const RATE_SECONDS: u32 = 86_400;
/// The most requests that a webhook may be set to take in at once: as many as a server has connections.
pub const REQUESTS_AT_ONCE: u32 = 100_000;
/// The longest schema of a webhook's payloads, in bytes of JSON text. Those of large events have 20 KiB.
pub const SCHEMA_BYTES: usize = 64 * 1024;
/// Bytes that the schemas of all webhooks of one workspace may take in memory, one that several have once.
pub const SCHEMAS_MEMORY: usize = 64 * 1024 * 1024;
/// Work that checking all documents of one request with a schema may take, in units of `stepwell_condition::Budget`: some
/// 300 ms. A usual event takes a hundred to some thousand.
pub const SCHEMA_UNITS: u64 = 20_000_000;
/// The same work as far as it is done at once, on the thread that takes the request in: some 3 ms. What takes longer is
/// done on other threads, as the workspace's time.
pub const SCHEMA_AT_ONCE_UNITS: u64 = 200_000;
/// The longest documents of one request, in bytes of JSON text, that are parsed and checked at once.
pub const SCHEMA_AT_ONCE_BYTES: usize = 64 * 1024;
/// The longest description of a custom scheme, in bytes of JSON text.
pub const SCHEME_BYTES: usize = 16 * 1024;
/// The greatest age in seconds that a signed request may be allowed: a week.
pub const TOLERANCE_SECONDS: u32 = 7 * 86_400;
/// Networks that one webhook may name as its senders'.
pub const ALLOWED_NETWORKS: usize = 200;
/// Tokens of one workspace, and of the server itself; they are kept in memory.
pub const TOKENS: usize = 200;
/// The longest time in seconds after which a token ends, if it does by itself: ten years. Beyond it a unit was
/// mistaken.
pub const TOKEN_SECONDS: u64 = 10 * 366 * 86_400;
/// Changes that are kept in the audit log of one workspace, and of the server itself: the newest.
pub const AUDIT_DONE: usize = 10_000;
/// Refused attempts that are kept beside them, so that they drive out no change.
pub const AUDIT_REFUSED: usize = 1_000;
/// Days after which an entry of the audit log is removed.
pub const AUDIT_DAYS: u32 = 365;
/// Entries of the audit log that are looked at for one page: some 50 ms.
pub const AUDIT_LOOKED_AT: usize = 10_000;
/// Refused attempts that are written to the audit log of a workspace, or of the server, in a minute. Each is a
/// write that changes nothing.
pub const AUDIT_REFUSED_A_MINUTE: u32 = 60;
/// How often the last uses of tokens are written, in milliseconds: all of them in one write.
pub const TOKEN_USES_MS: u64 = 60_000;
/// Steps of one workspace; their conditions are kept in memory, parsed and indexed.
pub const STEPS: usize = 20_000;
/// Versions of one step that are kept with their components, the current one included: enough to go
/// back behind a bad day.
pub const STEP_VERSIONS: usize = 10;
/// Attempts to deliver a failure notice; with their delays about a day.
pub const NOTICE_ATTEMPTS: u32 = 12;
/// How long the receiver of a failure notice has to answer, in milliseconds.
pub const NOTICE_TIMEOUT_MS: u64 = 10_000;
/// Failure notices under way at once: a few are enough for what should be rare.
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
/// a quarter of an hour of a schedule that fires every second. More would flood the
/// workspace.
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
    /// Bytes of all the component's linear memories in sum.
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
