//! The contract of Stepwell's HTTP API: every request and answer of `/api/v1` as a type. The server
//! writes these types, the command line and `stepwell deploy` read them, and the OpenAPI document that
//! the server has at `/api/v1/openapi.json` is made of them.
//!
//! The API only grows. So that an older client understands a newer server, an answer's unknown members
//! are ignored, and words such as a task's state are open enumerations ([`TaskState::Other`]). So that a
//! newer client understands an older server, members that came later have a default. Requests are read
//! strictly: a member that the server does not know is refused.
//!
//! [`report`] has the documents of commands that are no answers of the API.
//!
//! In all of it, times are RFC 3339 in UTC with milliseconds (`2026-11-23T14:00:00.000Z`), task ids are
//! UUIDs of version 7, and sizes are bytes.

mod accepted;
mod action;
mod audit;
mod config;
mod connector;
mod dedup;
mod delivery;
mod explain;
mod file;
mod node;
mod payload_schema;
mod problem;
mod provider;
mod rate;
mod reply;
pub mod report;
mod run;
mod sample;
mod schedule;
mod step;
mod task;
mod token;
mod via;
mod webhook;
mod webhook_change;
mod webhook_secret;
mod word;
mod workspace;

pub use accepted::{Accepted, AcceptedTasks, EndedTask, PendingReply};
pub use action::{ExplainQuery, ReplayFrom, SetValue, TaskChange, TaskQuery, TimelineQuery};
pub use audit::{AuditEntry, AuditLog, AuditLogQuery};
pub use config::{ConfigKey, ConfigKeys, ConfigValue};
pub use connector::{Connector, ConnectorSettings, Connectors};
pub use dedup::{Dedup, DedupSettings};
pub use delivery::{Delivery, DeliveryBody, DeliveryPage, DeliveryQuery, Redelivered, Redelivery};
pub use explain::{Explained, ExplainedStep, Mismatch};
pub use file::FileLinkQuery;
pub use node::{Node, Nodes};
pub use payload_schema::{OnMismatch, SchemaViolation};
pub use problem::{Code, Problem};
pub use provider::{Provider, ProviderSetup, Providers};
pub use rate::Rate;
pub use reply::{FixedReply, FixedReplySettings};
pub use run::{Call, Change, ChangeKind, LogLevel, LogLine, Outcome, Run};
pub use sample::{NewSample, Sample};
pub use schedule::{DryRun, Missed, Put, PutChange, Schedule, ScheduleSettings, Schedules};
pub use step::{
    Limits, LimitsChange, Retry, RetryChange, Rollback, Step, StepChange, StepKind, StepQuery,
    StepVersion, StepVersions, Steps,
};
pub use task::{
    EndedSubtask, HistoryEntry, MadeSubtask, Notice, NoticeState, OpenCall, Replay, StateCounts,
    Task, TaskCounts, TaskHead, TaskPage, TaskState,
};
pub use token::{NewToken, Scope, Token, Tokens};
pub use via::{TaskData, Via, ViaApi, ViaCron, ViaSchema, ViaSubtask, ViaWebhook};
pub use webhook::{NewWebhook, Webhook, WebhookSettings, Webhooks};
pub use webhook_change::WebhookChange;
pub use webhook_secret::{
    FormerUrl, NewWebhookSecret, WebhookRotation, WebhookSecret, WebhookSecrets,
};
pub use word::OPEN_ENUM;
pub use workspace::{
    NewWorkspace, Period, Retention, RetentionChange, Workspace, WorkspaceChange, Workspaces,
};

/// The header of every answer under `/api` that says which version of Stepwell gave it.
pub const VERSION_HEADER: &str = "stepwell-version";
