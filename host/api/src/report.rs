//! What commands print with `--json` where it is more, or other, than an answer of the API.
//!
//! `T` is what the API answered: commands pass it on as it came, with members that their version does not know.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::delivery::Redelivered;
use crate::step::Step;
use crate::task::{Task, TaskHead};
use crate::webhook::Webhook;
use crate::word::words;
use crate::workspace::Workspaces;

/// What a command that fails prints on its stderr.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Failure {
    /// Why.
    pub error: FailureReason,
}

/// Why a command failed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FailureReason {
    /// A word for programs, which stays as it is: the code of the server's problem, or one of the command's own.
    pub code: String,
    /// For people.
    pub message: String,
}

/// What `deploy` did, or with `--dry-run` would do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeployReport {
    /// All that the manifest names, and what is deleted; in the order in which it was done.
    pub items: Vec<DeployItem>,
    /// What the server has beside the manifest, and keeps.
    pub kept: Vec<KeptItem>,
}

/// A thing that was deployed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeployItem {
    /// What was done.
    pub action: DeployAction,
    /// `workspace`, `config`, `connector`, `webhook`, `step` or `schedule`.
    pub kind: String,
    /// Its workspace.
    pub workspace: String,
    /// Its name, unique with workspace and kind.
    pub name: String,
    /// Of a step: the digest of what the server had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_digest: Option<String>,
    /// Of a step: the digest of what the manifest names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Of a webhook that was created: its URL, which is a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// With [`DeployAction::Failed`]: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The settings that differ, as the manifest calls them, where that is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// See [`Step::warnings`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

words! {
    /// What `deploy` did with a thing.
    DeployAction {
        /// The server has it as it is to be.
        None = "none",
        /// The server lacked it.
        Create = "create",
        /// The server had another one.
        Update = "update",
        /// The manifest does not name it.
        Delete = "delete",
        /// It cannot be done.
        Failed = "failed",
    }
}

/// A thing that the server has beside the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptItem {
    /// See [`DeployItem::kind`].
    pub kind: String,
    /// Its workspace.
    pub workspace: String,
    /// Its name.
    pub name: String,
}

/// What `store check` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreCheckReport {
    /// The data directory.
    pub path: String,
    /// Nothing is damaged.
    pub sound: bool,
    /// Tasks that can be read.
    pub tasks: usize,
    /// Everything that is damaged.
    pub damages: Vec<StoreDamage>,
}

/// What `store repair` did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreRepairReport {
    /// The data directory.
    pub path: String,
    /// Something was damaged, and the store is a new one.
    pub repaired: bool,
    /// Where the store is as it was before; `null` if nothing was damaged.
    pub kept: Option<String>,
    /// Tasks that are in the store now.
    pub tasks: usize,
    /// Everything that was damaged. What has a loss is lost.
    pub damages: Vec<StoreDamage>,
}

/// What `store migrate` copied.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StoreMigrateReport {
    /// The data directory, or the database without its password.
    pub from: String,
    /// The same of the target.
    pub to: String,
    /// What was copied and read back, by kind.
    pub copied: Vec<CopiedItems>,
    /// Recorded deliveries that a data directory does not keep.
    pub deliveries_left: u64,
    /// Bodies of responses that were missing in the source already.
    pub bodies_missing: u64,
    /// Files that tasks name and that were missing in the source already: with `--no-files`.
    pub files_missing: u64,
}

/// The items of one kind that were copied.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CopiedItems {
    /// E.g. `tasks`.
    pub kind: String,
    /// How many.
    pub count: u64,
    /// The sum of their SHA-256 digests, 64 hex digits.
    pub digest: String,
}

/// Something in a store that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreDamage {
    /// The part of the data directory, e.g. `the log`.
    pub part: String,
    /// The file, as a path in the store's directory.
    pub file: String,
    /// The byte in the file at which it begins, if that is known.
    pub offset: Option<u64>,
    /// What kind of thing is damaged, e.g. `a record in the archive`.
    pub kind: String,
    /// The workspace, if it is known.
    pub workspace: Option<String>,
    /// The task, if it is of one.
    pub task: Option<String>,
    /// What is wrong.
    pub what: String,
    /// What is lost with it and cannot be salvaged; `null` if nothing is.
    pub loss: Option<String>,
}

/// What `workspace list` prints.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WorkspaceList<T = Workspaces> {
    /// The workspaces.
    #[serde(flatten)]
    pub workspaces: T,
    /// The one that commands are about which name none.
    pub current: String,
}

/// What `task retry`, `task keep` and others print for several tasks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChangedTasks<T = TaskHead> {
    /// The tasks with which it was done, in the order in which they were named.
    pub tasks: Vec<T>,
}

/// What `delivery redeliver` prints.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Redeliveries<T = Redelivered> {
    /// The outcome of each delivery that could be sent again.
    pub redelivered: Vec<T>,
}

/// What `step new` made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewStep {
    /// The step's name.
    pub name: String,
    /// Its folder.
    pub path: String,
    /// The files in it.
    pub files: Vec<String>,
}

/// What `demo` did.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DemoReport<W = Webhook, S = Step, T = Task> {
    /// The server's address.
    pub url: String,
    /// The webhook.
    pub webhook: W,
    /// The steps.
    pub steps: Vec<S>,
    /// The outcome of the webhook's event.
    pub task: T,
}

/// What `step build` made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltStep {
    /// The name of the package.
    pub name: String,
    /// The file that was built.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
}

/// What `workspace use` did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurrentWorkspace {
    /// The workspace that commands are about which name none.
    pub current: String,
}

/// What `token rotate-admin` did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminTokenReport {
    /// The file with the new token.
    pub file: String,
    /// A server that runs there accepts it; `false` if none runs.
    pub taken: bool,
}

/// What `serve` prints when it takes requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listening {
    /// Its URL, with the port that it has.
    pub listening: String,
}

/// What `serve --print-config` prints: every setting with its value. Sizes are in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServeSettings {
    /// Address and port; port 0 is one that the system chooses.
    pub listen: String,
    /// What webhook URLs begin with; `null` for the address listened on.
    pub public_url: Option<String>,
    /// The file with the certificate; `null` without TLS.
    pub tls_cert: Option<String>,
    /// The file with its key.
    pub tls_key: Option<String>,
    /// The networks of proxies that may say which client they connect for.
    pub trusted_proxy: Vec<String>,
    /// How they say it: the name of a header, or of the PROXY protocol.
    pub proxy_header: String,
    /// The directory with all that the server keeps.
    pub data_dir: String,
    /// The database that tasks are stored in, without its password; `null` for the data directory.
    pub store: Option<String>,
    /// Where files of tasks are; `null` for the data directory.
    pub files_dir: Option<String>,
    /// Where compiled components are; `null` for the data directory.
    pub cache_dir: Option<String>,
    /// Sealed values that the vault key does not open are deleted.
    pub discard_secrets: bool,
    /// Destinations that steps may reach although they are not public.
    pub egress_allow: Vec<String>,
    /// Runs at once.
    pub concurrency: usize,
    /// Weights of workspaces; others have 1.
    pub cpu_weights: BTreeMap<String, u32>,
    /// Compiled components that are kept in memory.
    pub components: usize,
    /// Connections at once.
    pub connections: usize,
    /// Of these, those of one client address.
    pub connections_per_address: usize,
    /// Wrong tokens of an address in a minute before its answers are delayed.
    pub auth_failures: usize,
    /// Changes that the audit log keeps, of each workspace and of the server.
    pub audit_entries: usize,
    /// Refused attempts that it keeps, likewise.
    pub audit_refused: usize,
    /// The age at which its entries are removed, in days.
    pub audit_days: u32,
    /// The longest body of a webhook's request.
    pub body_bytes: usize,
    /// Bodies of requests at once.
    pub bodies_bytes: usize,
    /// The longest form with files.
    pub upload_bytes: u64,
    /// Files of one workspace.
    pub files_bytes: u64,
    /// Memory for tasks under way.
    pub memory: u64,
    /// How long the head of a request may take, in milliseconds.
    pub head_timeout_ms: u64,
    /// How long a body may take.
    pub body_timeout_ms: u64,
    /// How long an answer may stay unread.
    pub write_timeout_ms: u64,
    /// How long a shutdown waits for what is under way.
    pub grace_ms: u64,
    /// What is logged: a level, or directives.
    pub log: String,
    /// Lines of the log are JSON.
    pub log_json: bool,
}
