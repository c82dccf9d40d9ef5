//! The contract of Stepwell's HTTP API: every request and answer of `/api/v1` as a type. The server
//! writes these types, the command line and `stepwell deploy` read them, and the OpenAPI document that
//! the server has at `/api/v1/openapi.json` is made of them.
//!
//! The API only grows. So that an older client understands a newer server, an answer's unknown members
//! are ignored, and words such as a task's state are open enumerations ([`TaskState::Other`]). So that a
//! newer client understands an older server, members that came later have a default. Requests are read
//! strictly: a member that the server does not know is refused.
//!
//! In all of it, times are RFC 3339 in UTC with milliseconds (`2026-11-23T14:00:00.000Z`), task ids are
//! UUIDs of version 7, and sizes are bytes.

mod action;
mod config;
mod connector;
mod explain;
mod problem;
mod run;
mod schedule;
mod step;
mod task;
mod webhook;
mod word;
mod workspace;

pub use action::{ExplainQuery, ReplayFrom, SetValue, TaskChange, TaskQuery};
pub use config::{ConfigKey, ConfigKeys, ConfigValue};
pub use connector::{Connector, ConnectorSettings, Connectors};
pub use explain::{Explained, ExplainedStep, Mismatch};
pub use problem::{Code, Problem};
pub use run::{Call, Change, ChangeKind, LogLevel, LogLine, Outcome, Run};
pub use schedule::{DryRun, Missed, Put, PutChange, Schedule, ScheduleSettings, Schedules};
pub use step::{
    Limits, LimitsChange, Retry, RetryChange, Rollback, Step, StepChange, StepKind, StepQuery,
    StepVersion, StepVersions, Steps,
};
pub use task::{
    Accepted, EndedSubtask, HistoryEntry, MadeSubtask, Notice, NoticeState, OpenCall, Replay,
    StateCounts, Task, TaskCounts, TaskHead, TaskPage, TaskState,
};
pub use webhook::{NewWebhook, Webhook, WebhookSettings, Webhooks};
pub use workspace::{
    NewWorkspace, Period, Retention, RetentionChange, Workspace, WorkspaceChange, Workspaces,
};

/// The header of every answer under `/api` that says which version of Stepwell gave it.
pub const VERSION_HEADER: &str = "stepwell-version";
