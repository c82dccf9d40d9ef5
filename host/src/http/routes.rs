//! The whole HTTP API on one page. The router, the methods that a 405 names and the OpenAPI document are
//! made of this list: a route that is not in it is not served.

use axum::http::Method;
use serde_json::{Value, json};
use stepwell_api::{
    Accepted, AcceptedTasks, AuditLog, AuditLogQuery, Code as C, ConfigKeys, ConfigValue,
    ConnectorSettings, Connectors, Delivery, DeliveryPage, DeliveryQuery, DryRun, EndedTask,
    ExplainQuery, Explained, FileLinkQuery, NewSample, NewToken, NewWebhook, NewWebhookSecret,
    NewWorkspace, Node, Nodes, PendingReply, Provider, Providers, Put, Redelivered, Redelivery,
    ReplayFrom, Rollback, Sample, Schedule, ScheduleSettings, Schedules, Step, StepChange,
    StepQuery, StepVersions, Steps, Task, TaskChange, TaskCounts, TaskHead, TaskPage, TaskQuery,
    TimelineQuery, Token, Tokens, Webhook, WebhookChange, WebhookRotation, WebhookSecret,
    WebhookSecrets, WebhookSettings, Webhooks, Workspace, WorkspaceChange, Workspaces,
};

use super::api::{
    actions, audit, config, connectors, deliveries, explain, nodes, providers, samples, schedules,
    steps, tasks, tokens, webhooks, workspaces,
};
use super::health::{healthz, readyz};
use super::route::{JSON, Route};
use super::{event, files, openapi, reply};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;
const OPTIONS: Method = Method::OPTIONS;

const ALL: &str = "/api/v1/workspaces";
const ONE: &str = "/api/v1/workspaces/{workspace}";
const WEBHOOKS: &str = "/api/v1/workspaces/{workspace}/webhooks";
const WEBHOOK: &str = "/api/v1/workspaces/{workspace}/webhooks/{webhook}";
const SAMPLE: &str = "/api/v1/workspaces/{workspace}/webhooks/{webhook}/sample";
const ROTATE: &str = "/api/v1/workspaces/{workspace}/webhooks/{webhook}/rotate";
const SECRETS: &str = "/api/v1/workspaces/{workspace}/webhooks/{webhook}/secrets";
const SECRET: &str = "/api/v1/workspaces/{workspace}/webhooks/{webhook}/secrets/{secret}";
const PROVIDERS: &str = "/api/v1/providers";
const PROVIDER: &str = "/api/v1/providers/{provider}";
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
const DELIVERIES: &str = "/api/v1/workspaces/{workspace}/deliveries";
const DELIVERY: &str = "/api/v1/workspaces/{workspace}/deliveries/{delivery}";
const REDELIVER: &str = "/api/v1/workspaces/{workspace}/deliveries/{delivery}/redeliver";
const CONFIG: &str = "/api/v1/workspaces/{workspace}/config";
const KEY: &str = "/api/v1/workspaces/{workspace}/config/{key}";
const CONNECTORS: &str = "/api/v1/workspaces/{workspace}/connectors";
const CONNECTOR: &str = "/api/v1/workspaces/{workspace}/connectors/{connector}";
const OWN_TOKEN: &str = "/api/v1/token";
const SERVER_TOKENS: &str = "/api/v1/tokens";
const SERVER_TOKEN: &str = "/api/v1/tokens/{token}";
const TOKENS: &str = "/api/v1/workspaces/{workspace}/tokens";
const TOKEN: &str = "/api/v1/workspaces/{workspace}/tokens/{token}";
const AUDIT: &str = "/api/v1/workspaces/{workspace}/audit";
const SERVER_AUDIT: &str = "/api/v1/audit";
const NODES: &str = "/api/v1/nodes";
const DRAIN: &str = "/api/v1/nodes/{node}/drain";
const UNDRAIN: &str = "/api/v1/nodes/{node}/undrain";
const SCHEDULES: &str = "/api/v1/workspaces/{workspace}/schedules";
const SCHEDULE: &str = "/api/v1/workspaces/{workspace}/schedules/{schedule}";

/// The error codes of a step's upload.
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
/// The error codes of a new token.
const TOKEN_CODES: [C; 3] = [C::BadToken, C::Exists, C::LimitReached];
/// The error codes of data from outside.
const DATA: [C; 3] = [C::BadJson, C::TooDeep, C::UnsupportedMediaType];

/// Further error codes of a webhook's body.
const EVENT: [C; 7] = [
    C::FilesFull,
    C::BadEncoding,
    C::UnsupportedEncoding,
    C::BadForm,
    C::SchemaMismatch,
    C::SchemaTooCostly,
    C::BadCloudEvent,
];

/// The error codes for a sender that waits and whose task has no result.
const REPLY: [C; 2] = [C::TaskFailed, C::TaskCancelled];

/// The error codes of requests above a limit.
const LIMITED: [C; 2] = [C::RateLimited, C::TooManyAtOnce];

/// A component's bytes.
fn component() -> Value {
    json!({
        "type": "string",
        "format": "binary",
        "contentMediaType": "application/wasm",
        "description": "A component of the world `stepwell:step`, as its bytes.",
    })
}

/// What `stepwell_script::Package` reads.
fn script_package() -> Value {
    json!({
        "type": "object",
        "description": "A script with the modules that it imports.",
        "required": ["entry", "modules"],
        "properties": {
            "entry": {"type": "string", "description": "The name of the module that exports `condition` and `content`."},
            "modules": {
                "type": "object",
                "description": "Each module's text by its name, a relative path.",
                "additionalProperties": {"type": "string"},
            },
        },
        "additionalProperties": false,
    })
}

/// Data that comes from outside.
fn any_json() -> Value {
    json!({"description": "Any JSON. What is no object becomes a member of one: an array `items`, any other value `value`."})
}

/// The error codes of a request that fails verification.
const UNVERIFIED: [C; 27] = [
    C::AddressRefused,
    C::BodyHashMismatch,
    C::BodyHashMissing,
    C::ChallengeRefused,
    C::ClaimRefused,
    C::ConfirmationFailed,
    C::ContentMissing,
    C::DeliveryIdMalformed,
    C::DeliveryIdMissing,
    C::KeyMissing,
    C::KeyUnavailable,
    C::KeyUnknown,
    C::KeyUrlRefused,
    C::SecretMissing,
    C::SecretUnfit,
    C::SignatureMalformed,
    C::SignatureMismatch,
    C::SignatureMissing,
    C::TimestampInFuture,
    C::TimestampMalformed,
    C::TimestampMissing,
    C::TimestampTooOld,
    C::TokenMalformed,
    C::TokenMismatch,
    C::TokenMissing,
    C::ValueDoubled,
    C::ValueUnexpected,
];

/// Every route, those outside the API included.
#[rustfmt::skip]
pub(super) fn routes() -> Vec<Route> {
    let mut all = vec![
        Route::open(GET, reply::PATH, "getReply", reply::show).about("What has come of the task of a sender that waited")
            .gives::<EndedTask>(200, "No step matched the task, or a step ignored it. If it is done, the answer is its result.")
            .gives::<PendingReply>(202, "The task goes on.").refuses(&REPLY).refuses(&[C::NoSuchReply, C::Internal, C::StorageUnavailable, C::ShuttingDown, C::Overloaded]),
        Route::open(GET, "/healthz", "getHealth", healthz).about("Whether the process serves")
            .says(200, "It does."),
        Route::open(GET, "/readyz", "getReadiness", readyz).about("Whether requests should be sent here")
            .says(200, "They should.").says(503, "The server is going down, or the store takes no writes."),
        Route::open(GET, openapi::PATH, "getOpenApi", openapi::get).about("This document")
            .gives_any(200, "OpenAPI 3.1."),

        Route::open(GET, files::PATH, "getFile", files::get).about("A file that came with a webhook, by the link in its task's data")
            .asks::<FileLinkQuery>().gives_bytes(200, "The file.").gives_bytes(206, "The part of it that `Range` names.")
            .refuses(&[C::LinkRefused, C::NotFound, C::BadRange, C::StorageUnavailable]),

        Route::of(GET, ALL, "listWorkspaces", workspaces::list).about("List the workspaces")
            .gives::<Workspaces>(200, "Those that the token may see."),
        Route::of(POST, ALL, "addWorkspace", workspaces::add).about("Add a workspace")
            .takes::<NewWorkspace>().gives::<Workspace>(201, "It is added.")
            .refuses(&[C::Exists, C::LimitReached, C::BeingErased, C::BadUrl, C::BadWebhook]),
        Route::of(GET, ONE, "getWorkspace", workspaces::show).about("Show a workspace")
            .gives::<Workspace>(200, "The workspace."),
        Route::of(PATCH, ONE, "changeWorkspace", workspaces::patch).about("Change some members of a workspace")
            .takes::<WorkspaceChange>().gives::<Workspace>(200, "The workspace as it is now.").refuses(&[C::BadUrl, C::BadWebhook]),
        Route::of(DELETE, ONE, "deleteWorkspace", workspaces::delete).about("Delete a workspace with all that is in it")
            .gives_nothing("It is deleted.").refuses(&[C::Permanent]),

        Route::of(GET, WEBHOOKS, "listWebhooks", webhooks::list).about("List the webhooks, with their secret URLs")
            .gives::<Webhooks>(200, "All of the workspace.").refuses(&[C::Overloaded]),
        Route::of(POST, WEBHOOKS, "addWebhook", webhooks::add).about("Add a webhook")
            .takes::<NewWebhook>().gives::<Webhook>(201, "It is added.")
            .refuses(&[C::Exists, C::LimitReached, C::BadPointer, C::BadDedup, C::BadAuthentication, C::BadWebhook, C::BadSchema, C::TooLarge]),
        Route::of(GET, WEBHOOK, "getWebhook", webhooks::show).about("Show a webhook, by its name or id")
            .gives::<Webhook>(200, "The webhook."),
        Route::of(PUT, WEBHOOK, "changeWebhook", webhooks::change).about("Replace a webhook's correlation and dedup rule; its URL stays")
            .takes::<WebhookSettings>().gives::<Webhook>(200, "The webhook as it is now.").refuses(&[C::BadPointer, C::BadDedup, C::LimitReached]),
        Route::of(PATCH, WEBHOOK, "setWebhook", webhooks::patch).about("Change some members of a webhook; its URL stays")
            .takes::<WebhookChange>().gives::<Webhook>(200, "The webhook as it is now.")
            .refuses(&[C::BadPointer, C::BadDedup, C::BadAuthentication, C::BadWebhook, C::BadSchema, C::TooLarge, C::Exists, C::LimitReached]),
        Route::of(POST, ROTATE, "rotateWebhook", webhooks::rotate).about("Give a webhook a new URL; the one that it has ends after an overlap")
            .takes::<WebhookRotation>().gives::<Webhook>(200, "The webhook with its new URL.")
            .refuses(&[C::BadAuthentication, C::LimitReached]),
        Route::of(DELETE, WEBHOOK, "deleteWebhook", webhooks::delete).about("Delete a webhook; its tasks stay")
            .gives_nothing("It is deleted."),
        Route::of(POST, SAMPLE, "addWebhookSample", samples::create).about("Sign a request as the webhook's provider would send it")
            .takes::<NewSample>().gives::<Sample>(201, "The request; it is not sent.").refuses(&[C::BadParameter, C::NoSample]),
        Route::of(GET, SECRETS, "listWebhookSecrets", webhooks::secrets).about("List a webhook's secrets by id; their values are never shown")
            .gives::<WebhookSecrets>(200, "The newest first."),
        Route::of(POST, SECRETS, "addWebhookSecret", webhooks::add_secret).about("Add a secret to a webhook, or replace its secrets")
            .takes::<NewWebhookSecret>().gives::<WebhookSecret>(201, "It is added.").refuses(&[C::BadAuthentication, C::LimitReached]),
        Route::of(DELETE, SECRET, "deleteWebhookSecret", webhooks::delete_secret).about("Delete a webhook's secret")
            .gives_nothing("It is deleted."),
        Route::of(GET, PROVIDERS, "listProviders", providers::list).about("List the services whose webhooks are known")
            .gives::<Providers>(200, "All of them."),
        Route::of(GET, PROVIDER, "getProvider", providers::show).about("Show a service whose webhooks are known")
            .gives::<Provider>(200, "The service."),

        Route::of(GET, STEPS, "listSteps", steps::list).about("List the steps")
            .gives::<Steps>(200, "All of the workspace.").refuses(&[C::Overloaded]),
        Route::of(GET, STEP, "getStep", steps::show).about("Show a step")
            .gives::<Step>(200, "The step."),
        Route::of(PUT, STEP, "putStep", steps::put).about("Upload a component or a script package as a step")
            .asks::<StepQuery>().takes_content(vec![("application/wasm", component()), (JSON, script_package())], true)
            .gives::<Step>(201, "It is new.").gives::<Step>(200, "It took the place of another.")
            .refuses(&UPLOAD).refuses(&[C::LimitReached]),
        Route::of(PATCH, STEP, "changeStep", steps::patch).about("Change a step's limits and retry policy")
            .takes::<StepChange>().gives::<Step>(200, "The step as it is now."),
        Route::of(DELETE, STEP, "deleteStep", steps::delete).about("Delete a step")
            .gives_nothing("It is deleted."),
        Route::of(GET, VERSIONS, "listStepVersions", steps::versions).about("List a step's versions")
            .gives::<StepVersions>(200, "The one in place first."),
        Route::of(POST, ROLLBACK, "rollBackStep", steps::rollback).about("Roll a step back to an earlier version")
            .takes::<Rollback>().gives::<Step>(200, "The step as it is now.").refuses(&[C::NoVersion, C::LimitReached, C::Overloaded]).refuses(&UPLOAD),

        Route::of(GET, TASKS, "listTasks", tasks::list).about("List tasks, the newest first")
            .asks::<TaskQuery>().gives::<TaskPage>(200, "A page of them.").refuses(&[C::BadPattern]),
        Route::of(POST, TASKS, "addTask", actions::new).about("Create a task from JSON data")
            .takes_content(vec![(JSON, any_json())], true).gives::<TaskHead>(201, "The new task.").refuses(&DATA)
            // Tasks come in by the thousand, and each says itself how it came in.
            .without_audit(),
        Route::of(GET, COUNT, "countTasks", tasks::count).about("Count the tasks in each state")
            .gives::<TaskCounts>(200, "The numbers."),
        Route::of(GET, TASK, "getTask", tasks::show).about("Show a task with its data, runs and history")
            .asks::<TimelineQuery>().gives::<Task>(200, "The task.").refuses(&[C::Overloaded]),
        Route::of(GET, EXPLAIN, "explainTask", explain::explain).about("Explain which part of each step's condition a task's data does not match")
            .asks::<ExplainQuery>().gives::<Explained>(200, "Step by step."),
        Route::of(POST, CANCEL, "cancelTask", actions::cancel).about("End a task")
            .gives::<TaskHead>(200, "The task as it is now.").refuses(&[C::WrongState, C::Busy]),
        Route::of(POST, RETRY, "retryTask", actions::retry).about("Continue a task in error from the step that failed")
            .gives::<TaskHead>(200, "The task as it is now.").refuses(&[C::WrongState, C::LimitReached, C::Busy]),
        Route::of(POST, KEEP, "keepTask", actions::keep).about("Keep a task for ever")
            .gives::<TaskHead>(200, "The task as it is now.").refuses(&[C::Busy]),
        Route::of(POST, UNKEEP, "unkeepTask", actions::unkeep).about("Stop keeping a task for ever; it is removed like others")
            .gives::<TaskHead>(200, "The task as it is now.").refuses(&[C::Busy]),
        Route::of(POST, UPDATE, "updateTask", actions::update).about("Change a task's data and continue it")
            .takes_large::<TaskChange>().gives::<TaskHead>(200, "The task as it is now.")
            .refuses(&[C::WrongState, C::LimitReached, C::BadChange, C::TooLarge, C::Busy]),
        Route::of(POST, CLONE, "cloneTask", actions::clone).about("Create a new task from a task's data")
            .may_take::<TaskChange>().gives::<TaskHead>(201, "The new task.")
            .refuses(&[C::BadChange, C::TooLarge, C::Busy, C::FilesFull]),
        Route::of(POST, REPLAY, "replayTask", actions::replay).about("Replay a task with the present steps; no call is made and nothing is stored")
            .may_take::<ReplayFrom>().gives::<Task>(200, "What would come of it, with `replay`.")
            .refuses(&[C::NoSuchRun, C::Busy])
            // It changes nothing.
            .without_audit(),

        Route::of(GET, DELIVERIES, "listDeliveries", deliveries::list).about("List the deliveries to webhooks, the newest first")
            .asks::<DeliveryQuery>().gives::<DeliveryPage>(200, "A page of them.").refuses(&[C::BadPattern]),
        Route::of(GET, DELIVERY, "getDelivery", deliveries::show).about("Show a delivery with its recorded body")
            .gives::<Delivery>(200, "The delivery."),
        Route::of(POST, REDELIVER, "redeliver", deliveries::redeliver).about("Send a delivery again; it is not verified, and makes a new task")
            .may_take::<Redelivery>().gives::<Redelivered>(201, "The new tasks.")
            .refuses(&DATA).refuses(&EVENT).refuses(&[C::NoBody, C::LimitReached, C::TooLarge, C::Busy]),

        Route::of(GET, CONFIG, "listConfig", config::list).about("List the config's keys; values are never shown")
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
            .gives::<Schedules>(200, "All of the workspace.").refuses(&[C::Overloaded]),
        Route::of(GET, SCHEDULE, "getSchedule", schedules::show).about("Show a schedule")
            .gives::<Schedule>(200, "The schedule."),
        Route::of(PUT, SCHEDULE, "putSchedule", schedules::put).about("Add or change a schedule")
            .asks::<DryRun>().takes::<ScheduleSettings>()
            .gives::<Schedule>(201, "It is new.").gives::<Schedule>(200, "It was there.").gives::<Put>(200, "With `dry_run`.")
            .refuses(&[C::LimitReached, C::BadSchedule, C::TooLarge]),
        Route::of(DELETE, SCHEDULE, "deleteSchedule", schedules::delete).about("Delete a schedule; its tasks stay")
            .gives_nothing("It is deleted."),

        Route::of(GET, OWN_TOKEN, "getOwnToken", tokens::own).about("Show the token that the request carries")
            .gives::<Token>(200, "The token."),
        Route::of(GET, TOKENS, "listTokens", tokens::list).about("List the workspace's tokens; their texts are never shown")
            .gives::<Tokens>(200, "All of the workspace."),
        Route::of(POST, TOKENS, "addToken", tokens::add).about("Add a token to the workspace")
            .takes::<NewToken>().gives::<Token>(201, "The token, with its text.").refuses(&TOKEN_CODES),
        Route::of(DELETE, TOKEN, "revokeToken", tokens::revoke).about("Revoke a token of the workspace; it ends at once")
            .gives_nothing("It is revoked."),
        Route::of(GET, SERVER_TOKENS, "listServerTokens", tokens::list_of_server).about("List the server's own tokens; their texts are never shown")
            .gives::<Tokens>(200, "All of the server itself."),
        Route::of(POST, SERVER_TOKENS, "addServerToken", tokens::add_to_server).about("Add a token that is valid in all workspaces")
            .takes::<NewToken>().gives::<Token>(201, "The token, with its text.").refuses(&TOKEN_CODES),
        Route::of(DELETE, SERVER_TOKEN, "revokeServerToken", tokens::revoke_of_server).about("Revoke a token of the server itself; it ends at once")
            .gives_nothing("It is revoked."),

        Route::of(GET, AUDIT, "listAudit", audit::list).about("List who changed what in the workspace, the newest first")
            .asks::<AuditLogQuery>().gives::<AuditLog>(200, "A page of them."),
        Route::of(GET, SERVER_AUDIT, "listServerAudit", audit::list_of_server).about("List who changed what on the server and in all workspaces")
            .asks::<AuditLogQuery>().gives::<AuditLog>(200, "A page of them."),

        Route::of(GET, NODES, "listNodes", nodes::list).about("List the servers that share the database")
            .gives::<Nodes>(200, "All of them."),
        Route::of(POST, DRAIN, "drainNode", nodes::drain).about("Move a server's tasks to the others")
            .gives::<Node>(200, "The server.").refuses(&[C::LastNode]).audited_when_done(),
        Route::of(POST, UNDRAIN, "undrainNode", nodes::undrain).about("Give a drained server its share of the tasks again")
            .gives::<Node>(200, "The server.").audited_when_done(),
    ];
    all.extend([(GET, "getEvent"), (OPTIONS, "optionsEvent"), (PATCH, "patchEvent"), (POST, "postEvent"), (PUT, "putEvent")].map(|(method, id)| {
        let route = Route::direct(method, event::PATH, id).matches(event::PATTERN);
        if id == "optionsEvent" {
            return route.about("The methods of a webhook that accepts OPTIONS, or whether a page may send (CORS)").says(204, "`Allow` or `Access-Control-Allow-Methods` has them.")
                .refuses(&[C::UnknownWebhook, C::WebhookDisabled, C::MethodNotAllowed]);
        }
        let route = route.refuses(&UNVERIFIED).refuses(&LIMITED);
        if id == "getEvent" {
            return route.about("Ask the question that a webhook's sender asks before it sends, or send an event in the query")
                .says(200, "The answer that the sender expects.").gives::<Accepted>(200, "The webhook accepts GET, and the task is durable.")
                .refuses(&EVENT).refuses(&[C::UnknownWebhook, C::WebhookDisabled, C::MethodNotAllowed, C::LimitReached, C::TooLarge, C::Busy]);
        }
        route.about("Send a webhook's event, which becomes a task").refuses(&[C::MethodNotAllowed])
            .takes_content(vec![(JSON, any_json())], true).gives::<Accepted>(200, "The task is durable.")
            .gives::<AcceptedTasks>(200, "The body was of several documents, and all tasks are durable.")
            .gives::<EndedTask>(200, "The sender waited, and no step matched the task, or a step ignored it. If the task is done, the answer is its result.")
            .gives::<PendingReply>(202, "The sender waited, and the task goes on.").refuses(&REPLY)
            .gives_nothing_with(303, "The sender is a browser, which is led to the webhook's `redirect`.")
            .refuses(&DATA).refuses(&EVENT).refuses(&[C::UnknownWebhook, C::WebhookDisabled, C::LimitReached, C::TooLarge, C::Busy])
    }));
    all
}
