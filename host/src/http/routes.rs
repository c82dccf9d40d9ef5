//! The whole HTTP API on one page. The router, the methods that a 405 names and the OpenAPI document are
//! made of this list: what is not in it is not served.

use axum::http::Method;
use serde_json::json;
use stepwell_api::{
    Accepted, Code as C, ConfigKeys, ConfigValue, ConnectorSettings, Connectors, DryRun,
    ExplainQuery, Explained, NewWebhook, NewWorkspace, Put, ReplayFrom, Rollback, Schedule,
    ScheduleSettings, Schedules, Step, StepChange, StepQuery, StepVersions, Steps, Task,
    TaskChange, TaskCounts, TaskHead, TaskPage, TaskQuery, Webhook, WebhookSettings, Webhooks,
    Workspace, WorkspaceChange, Workspaces,
};

use super::api::{
    actions, config, connectors, explain, schedules, steps, tasks, webhooks, workspaces,
};
use super::health::{healthz, readyz};
use super::route::{JSON, Route};
use super::{event, openapi};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

const ALL: &str = "/api/v1/workspaces";
const ONE: &str = "/api/v1/workspaces/{workspace}";
const WEBHOOKS: &str = "/api/v1/workspaces/{workspace}/webhooks";
const WEBHOOK: &str = "/api/v1/workspaces/{workspace}/webhooks/{webhook}";
const STEPS: &str = "/api/v1/workspaces/{workspace}/steps";
const STEP: &str = "/api/v1/workspaces/{workspace}/steps/{step}";
const VERSIONS: &str = "/api/v1/workspaces/{workspace}/steps/{step}/versions";
const ROLLBACK: &str = "/api/v1/workspaces/{workspace}/steps/{step}/rollback";
const TASKS: &str = "/api/v1/workspaces/{workspace}/tasks";
const COUNT: &str = "/api/v1/workspaces/{workspace}/tasks/count";
const TASK: &str = "/api/v1/workspaces/{workspace}/tasks/{task}";
const EXPLAIN: &str = "/api/v1/workspaces/{workspace}/tasks/{task}/explain";
const CANCEL: &str = "/api/v1/workspaces/{workspace}/tasks/{task}/cancel";
const RETRY: &str = "/api/v1/workspaces/{workspace}/tasks/{task}/retry";
const KEEP: &str = "/api/v1/workspaces/{workspace}/tasks/{task}/keep";
const UNKEEP: &str = "/api/v1/workspaces/{workspace}/tasks/{task}/unkeep";
const UPDATE: &str = "/api/v1/workspaces/{workspace}/tasks/{task}/update";
const CLONE: &str = "/api/v1/workspaces/{workspace}/tasks/{task}/clone";
const REPLAY: &str = "/api/v1/workspaces/{workspace}/tasks/{task}/replay";
const CONFIG: &str = "/api/v1/workspaces/{workspace}/config";
const KEY: &str = "/api/v1/workspaces/{workspace}/config/{key}";
const CONNECTORS: &str = "/api/v1/workspaces/{workspace}/connectors";
const CONNECTOR: &str = "/api/v1/workspaces/{workspace}/connectors/{connector}";
const SCHEDULES: &str = "/api/v1/workspaces/{workspace}/schedules";
const SCHEDULE: &str = "/api/v1/workspaces/{workspace}/schedules/{schedule}";

/// What a step's upload may be refused with.
const UPLOAD: [C; 9] = [
    C::NotAComponent,
    C::ForeignImport,
    C::MissingExport,
    C::BadScript,
    C::ConditionFailed,
    C::BadCondition,
    C::TooManyParts,
    C::CompileFailed,
    C::TooLarge,
];
/// What data that comes from outside may be refused with.
const DATA: [C; 3] = [C::BadJson, C::TooDeep, C::UnsupportedMediaType];

/// Every route, those outside the API included.
#[rustfmt::skip]
pub(super) fn routes() -> Vec<Route> {
    let mut all = vec![
        Route::open(GET, "/healthz", "getHealth", healthz).about("Whether the process serves")
            .says(200, "It does."),
        Route::open(GET, "/readyz", "getReadiness", readyz).about("Whether requests should be sent here")
            .says(200, "They should.").says(503, "The server is going down, or the store takes no writes."),
        Route::open(GET, openapi::PATH, "getOpenApi", openapi::get).about("This document")
            .gives_any(200, "OpenAPI 3.1."),

        Route::of(GET, ALL, "listWorkspaces", workspaces::list).about("List the workspaces")
            .gives::<Workspaces>(200, "Those that the token may see."),
        Route::of(POST, ALL, "addWorkspace", workspaces::add).about("Add a workspace")
            .takes::<NewWorkspace>().gives::<Workspace>(201, "It is added.")
            .refuses(&[C::Exists, C::LimitReached, C::BeingErased, C::BadUrl]),
        Route::of(GET, ONE, "getWorkspace", workspaces::show).about("Show a workspace")
            .gives::<Workspace>(200, "The workspace."),
        Route::of(PATCH, ONE, "changeWorkspace", workspaces::patch).about("Change what is named of a workspace")
            .takes::<WorkspaceChange>().gives::<Workspace>(200, "The workspace as it is now.").refuses(&[C::BadUrl]),
        Route::of(DELETE, ONE, "deleteWorkspace", workspaces::delete).about("Delete a workspace with all that is in it")
            .gives_nothing("It is deleted.").refuses(&[C::Permanent]),

        Route::of(GET, WEBHOOKS, "listWebhooks", webhooks::list).about("List the webhooks, with their secret URLs")
            .gives::<Webhooks>(200, "All of the workspace."),
        Route::of(POST, WEBHOOKS, "addWebhook", webhooks::add).about("Add a webhook")
            .takes::<NewWebhook>().gives::<Webhook>(201, "It is added.")
            .refuses(&[C::Exists, C::LimitReached, C::BadPointer]),
        Route::of(GET, WEBHOOK, "getWebhook", webhooks::show).about("Show a webhook, by its name or id")
            .gives::<Webhook>(200, "The webhook."),
        Route::of(PUT, WEBHOOK, "changeWebhook", webhooks::change).about("Change a webhook; its URL stays")
            .takes::<WebhookSettings>().gives::<Webhook>(200, "The webhook as it is now.").refuses(&[C::BadPointer]),
        Route::of(DELETE, WEBHOOK, "deleteWebhook", webhooks::delete).about("Delete a webhook; its tasks stay")
            .gives_nothing("It is deleted."),

        Route::of(GET, STEPS, "listSteps", steps::list).about("List the steps")
            .gives::<Steps>(200, "All of the workspace."),
        Route::of(GET, STEP, "getStep", steps::show).about("Show a step")
            .gives::<Step>(200, "The step."),
        Route::of(PUT, STEP, "putStep", steps::put).about("Upload a component or a script package as a step")
            .asks::<StepQuery>().takes_content(vec![("application/wasm", json!({})), (JSON, json!({"type": "object"}))], true)
            .gives::<Step>(201, "It is new.").gives::<Step>(200, "It took the place of another.")
            .refuses(&UPLOAD).refuses(&[C::LimitReached]),
        Route::of(PATCH, STEP, "changeStep", steps::patch).about("Change a step's limits and retry policy")
            .takes::<StepChange>().gives::<Step>(200, "The step as it is now."),
        Route::of(DELETE, STEP, "deleteStep", steps::delete).about("Delete a step")
            .gives_nothing("It is deleted."),
        Route::of(GET, VERSIONS, "listStepVersions", steps::versions).about("List a step's versions")
            .gives::<StepVersions>(200, "The one in place first."),
        Route::of(POST, ROLLBACK, "rollBackStep", steps::rollback).about("Put an earlier version of a step in place")
            .takes::<Rollback>().gives::<Step>(200, "The step as it is now.").refuses(&[C::NoVersion]).refuses(&UPLOAD),

        Route::of(GET, TASKS, "listTasks", tasks::list).about("List tasks, the newest first")
            .asks::<TaskQuery>().gives::<TaskPage>(200, "A page of them.").refuses(&[C::BadPattern]),
        Route::of(POST, TASKS, "addTask", actions::new).about("Make a task of JSON data")
            .takes_content(vec![(JSON, json!({}))], true).gives::<TaskHead>(201, "The new task.").refuses(&DATA),
        Route::of(GET, COUNT, "countTasks", tasks::count).about("Count the tasks in each state")
            .gives::<TaskCounts>(200, "The numbers."),
        Route::of(GET, TASK, "getTask", tasks::show).about("Show a task with its data and what happened to it")
            .gives::<Task>(200, "The task."),
        Route::of(GET, EXPLAIN, "explainTask", explain::explain).about("Explain what each step's condition lacks of a task's data")
            .asks::<ExplainQuery>().gives::<Explained>(200, "Step by step."),
        Route::of(POST, CANCEL, "cancelTask", actions::cancel).about("End a task")
            .gives::<TaskHead>(200, "The task as it is now.").refuses(&[C::WrongState, C::Busy]),
        Route::of(POST, RETRY, "retryTask", actions::retry).about("Have a task in error go on from the step that failed")
            .gives::<TaskHead>(200, "The task as it is now.").refuses(&[C::WrongState, C::LimitReached, C::Busy]),
        Route::of(POST, KEEP, "keepTask", actions::keep).about("Keep a task for ever")
            .gives::<TaskHead>(200, "The task as it is now.").refuses(&[C::Busy]),
        Route::of(POST, UNKEEP, "unkeepTask", actions::unkeep).about("Keep a task no longer than others")
            .gives::<TaskHead>(200, "The task as it is now.").refuses(&[C::Busy]),
        Route::of(POST, UPDATE, "updateTask", actions::update).about("Change a task's data and have it go on")
            .may_take::<TaskChange>().gives::<TaskHead>(200, "The task as it is now.")
            .refuses(&[C::WrongState, C::LimitReached, C::BadChange, C::TooLarge, C::Busy]),
        Route::of(POST, CLONE, "cloneTask", actions::clone).about("Make a new task of a task's data")
            .may_take::<TaskChange>().gives::<TaskHead>(201, "The new task.")
            .refuses(&[C::BadChange, C::TooLarge, C::Busy]),
        Route::of(POST, REPLAY, "replayTask", actions::replay).about("Run a task again, dry, with today's steps")
            .may_take::<ReplayFrom>().gives::<Task>(200, "What would come of it, with `replay`.")
            .refuses(&[C::NoSuchRun, C::Busy]),

        Route::of(GET, CONFIG, "listConfig", config::list).about("List the config's keys; values never come back")
            .gives::<ConfigKeys>(200, "All of the workspace."),
        Route::of(PUT, KEY, "setConfig", config::set).about("Set a config value")
            .takes::<ConfigValue>().gives_nothing("It is set.").refuses(&[C::LimitReached, C::TooLarge]),
        Route::of(DELETE, KEY, "deleteConfig", config::delete).about("Delete a config value")
            .gives_nothing("It is deleted."),

        Route::of(GET, CONNECTORS, "listConnectors", connectors::list).about("List the connectors")
            .gives::<Connectors>(200, "All of the workspace."),
        Route::of(PUT, CONNECTOR, "putConnector", connectors::put).about("Add or change a connector")
            .asks::<DryRun>().takes::<ConnectorSettings>()
            .gives::<Put>(201, "It is new.").gives::<Put>(200, "It was there, or nothing was to be changed.")
            .refuses(&[C::LimitReached, C::BadConnector, C::TooLarge]),
        Route::of(DELETE, CONNECTOR, "deleteConnector", connectors::delete).about("Delete a connector")
            .gives_nothing("It is deleted."),

        Route::of(GET, SCHEDULES, "listSchedules", schedules::list).about("List the schedules")
            .gives::<Schedules>(200, "All of the workspace."),
        Route::of(GET, SCHEDULE, "getSchedule", schedules::show).about("Show a schedule")
            .gives::<Schedule>(200, "The schedule."),
        Route::of(PUT, SCHEDULE, "putSchedule", schedules::put).about("Add or change a schedule")
            .asks::<DryRun>().takes::<ScheduleSettings>()
            .gives::<Schedule>(201, "It is new.").gives::<Schedule>(200, "It was there.").gives::<Put>(200, "With `dry_run`.")
            .refuses(&[C::LimitReached, C::BadSchedule, C::TooLarge]),
        Route::of(DELETE, SCHEDULE, "deleteSchedule", schedules::delete).about("Delete a schedule; its tasks stay")
            .gives_nothing("It is deleted."),
    ];
    all.extend(event::METHODS.map(|method| {
        let id = if method == PUT { "putEvent" } else { "postEvent" };
        Route::without_handler(method, event::PATH, id).about("Send a webhook's event, which becomes a task")
            .takes_content(vec![(JSON, json!({}))], true).gives::<Accepted>(200, "The task is durable.")
            .refuses(&DATA).refuses(&[C::UnknownWebhook, C::LimitReached, C::TooLarge, C::Busy])
    }));
    all
}
