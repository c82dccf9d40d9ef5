//! The store: what is durable, in the words of the domain. Nothing above this module knows which
//! database is under it.

mod claim;
pub mod conformance;
mod error;
pub mod memory;
mod names;
pub mod search;
pub mod sled;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::domain::clock::Millis;
use crate::domain::effect::Effect;
use crate::domain::ids::{ConfigKey, ConnectorName, ScheduleName, StepName, TaskId, WorkspaceName};
use crate::domain::journal::Entry;
use crate::domain::schedule::Schedule;
use crate::domain::step::Step;
use crate::domain::task::{StoredTask, TaskHead, TaskState};
use crate::domain::webhook::Webhook;
use crate::domain::workspace::WorkspaceSettings;

pub use claim::{Claim, Ownership, Partitions};
pub use error::{Health, StoreError};
pub use names::Names;

/// A new task as it is accepted. Its journal begins with [`Entry::Accepted`].
#[derive(Debug, Clone)]
pub struct NewTask {
    /// The head: version 1 and state ready, or where `entries` have brought it.
    pub head: TaskHead,
    /// The data, JSON text of an object.
    pub data: Arc<str>,
    /// What has happened to it already, after [`Entry::Accepted`]: runs that were over before it was
    /// made durable.
    pub entries: Vec<Entry>,
}

impl From<NewTask> for StoredTask {
    fn from(task: NewTask) -> Self {
        Self {
            head: task.head,
            data: task.data,
            effects: Vec::new(),
        }
    }
}

/// A task with all that has happened to it, as both were at one moment.
#[derive(Debug, Clone)]
pub struct History {
    /// The task.
    pub task: StoredTask,
    /// Its journal from its beginning.
    pub journal: Vec<Entry>,
}

/// One step forward of a task: all of it becomes durable, or nothing.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The new head; its version is the one that the caller stood on plus 1.
    pub head: TaskHead,
    /// The new data, if it changed.
    pub data: Option<Arc<str>>,
    /// What to append to the journal.
    pub entries: Vec<Entry>,
}

/// Steps of several tasks that become durable together, or not at all: one record. No task occurs
/// twice in it.
#[derive(Debug, Clone, Default)]
pub struct Transaction {
    /// As by [`Store::commit`].
    pub commits: Vec<Commit>,
    /// New heads, each of a version more than the one that it stands on. Unlike a commit a note does
    /// not settle the effects that were recorded since the last one: a run may be under way.
    pub notes: Vec<TaskHead>,
    /// As by [`Store::accept`].
    pub accepts: Vec<NewTask>,
}

impl Transaction {
    /// The tasks that it changes or makes.
    pub fn tasks(&self) -> impl Iterator<Item = TaskId> {
        let commits = self.commits.iter().map(|commit| commit.head.id);
        let notes = self.notes.iter().map(|head| head.id);
        let accepts = self.accepts.iter().map(|task| task.head.id);
        commits.chain(notes).chain(accepts)
    }
}

/// Which tasks to list: newest first.
#[derive(Debug, Clone, Default)]
pub struct TaskQuery {
    /// Only tasks in this state.
    pub state: Option<TaskState>,
    /// Only tasks older than this one (the last of the page before).
    pub before: Option<TaskId>,
    /// At most so many.
    pub limit: usize,
}

/// What tasks are found by without a look at their data. All that is said must be so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// The webhook that the task came in by.
    pub webhook: Option<String>,
    /// The task's name.
    pub name: Option<String>,
    /// One of the task's tags.
    pub tag: Option<String>,
}

impl Terms {
    /// Whether every task fits.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a task fits.
    pub fn fit(&self, head: &TaskHead) -> bool {
        let is = |wanted: &Option<String>, text: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| text == Some(wanted))
        };
        is(&self.name, head.name.as_deref())
            && is(
                &self.webhook,
                head.webhook.as_ref().map(|name| name.as_str()),
            )
            && self.tag.as_ref().is_none_or(|tag| head.tags.contains(tag))
    }
}

/// What was found of the tasks that fit.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Newest first.
    pub tasks: Vec<TaskHead>,
    /// How far was looked: no task that fits and is newer than this one, or is this one, is missing.
    /// The look goes on before it; none if there is nothing before it.
    pub next: Option<TaskId>,
}

/// How many tasks of a workspace are in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// In the order of [`TaskState::ALL`].
    pub of: [u64; TaskState::ALL.len()],
    /// There may be more of some state, as there were too many to count.
    pub at_least: bool,
}

/// A change of what tenants have set up.
#[derive(Debug, Clone)]
pub enum Manage {
    /// Adds a workspace; nothing if it is there.
    AddWorkspace(WorkspaceName),
    /// Adds a workspace; [`StoreError::Taken`] if it is there.
    NewWorkspace(WorkspaceName, WorkspaceSettings),
    /// Adds a workspace, or sets its settings.
    SetWorkspace(WorkspaceName, WorkspaceSettings),
    /// Deletes a workspace with all that is of it. From then on nothing of it is to be seen, and every
    /// write to it is [`StoreError::Erasing`], also one that adds it again, until [`Store::purge`] has
    /// erased what there was.
    DeleteWorkspace(WorkspaceName),
    /// Adds or replaces a webhook, by its id.
    PutWebhook(Webhook),
    /// Deletes a webhook by its id.
    DeleteWebhook(WorkspaceName, String),
    /// Adds or replaces a step, with its component's bytes. The components of its other versions
    /// are there already.
    PutStep(WorkspaceName, Step, Arc<[u8]>),
    /// Replaces a step by one whose component is in the store already; [`StoreError::NotFound`] if it
    /// is not.
    SetStep(WorkspaceName, Step),
    /// Deletes a step; its components stay as long as other steps have them.
    DeleteStep(WorkspaceName, StepName),
    /// Sets a config value, sealed by the vault.
    SetConfig(WorkspaceName, ConfigKey, Vec<u8>),
    /// Deletes a config value.
    DeleteConfig(WorkspaceName, ConfigKey),
    /// Adds or replaces a connector: its settings, sealed by the vault.
    PutConnector(WorkspaceName, ConnectorName, Vec<u8>),
    /// Deletes a connector.
    DeleteConnector(WorkspaceName, ConnectorName),
    /// Adds or replaces a schedule, by its name; a mark that it had is gone.
    PutSchedule(Schedule),
    /// Deletes a schedule with its mark.
    DeleteSchedule(WorkspaceName, ScheduleName),
    /// Sets the marks of schedules, all of them or none: see [`Registry::schedules`]. A mark only grows:
    /// one that is less than what is there changes nothing. The mark of a schedule that is not there
    /// says nothing.
    MarkSchedules(Vec<(WorkspaceName, ScheduleName, Millis)>),
}

impl Manage {
    /// The workspaces that it changes; may repeat.
    pub fn workspaces(&self) -> Vec<&WorkspaceName> {
        match self {
            Self::AddWorkspace(workspace)
            | Self::NewWorkspace(workspace, _)
            | Self::SetWorkspace(workspace, _)
            | Self::DeleteWorkspace(workspace)
            | Self::DeleteWebhook(workspace, _)
            | Self::PutStep(workspace, ..)
            | Self::SetStep(workspace, _)
            | Self::DeleteStep(workspace, _)
            | Self::SetConfig(workspace, ..)
            | Self::DeleteConfig(workspace, _)
            | Self::PutConnector(workspace, ..)
            | Self::DeleteConnector(workspace, _)
            | Self::DeleteSchedule(workspace, _) => vec![workspace],
            Self::PutWebhook(webhook) => vec![&webhook.workspace],
            Self::PutSchedule(schedule) => vec![&schedule.workspace],
            Self::MarkSchedules(marks) => marks.iter().map(|(workspace, ..)| workspace).collect(),
        }
    }
}

/// What tenants have set up, but for the components' bytes: all of it, or all that those workspaces have
/// which have changed.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    /// How often anything was changed, from 0.
    pub revision: u64,
    /// The workspaces that are told of. One that is not in `workspaces` was deleted.
    pub changed: Vec<WorkspaceName>,
    /// Every workspace with its settings.
    pub workspaces: Vec<(WorkspaceName, WorkspaceSettings)>,
    /// Every webhook.
    pub webhooks: Vec<Webhook>,
    /// Every step with its workspace.
    pub steps: Vec<(WorkspaceName, Step)>,
    /// Every config value, sealed.
    pub config: Vec<(WorkspaceName, ConfigKey, Vec<u8>)>,
    /// Every connector's settings, sealed.
    pub connectors: Vec<(WorkspaceName, ConnectorName, Vec<u8>)>,
    /// Every schedule with its mark, if it has one: the last planned time that is settled.
    pub schedules: Vec<(Schedule, Option<Millis>)>,
}

/// What one call of [`Store::purge`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purged {
    /// Tasks that were removed.
    pub tasks: usize,
    /// Nothing is left to be done.
    pub is_done: bool,
}

/// What is durable. Every method that writes resolves only after the write would survive a crash;
/// a write that failed has left nothing. An implementation passes `store::conformance`.
///
/// Every write of a task stands on a [`Claim`] to its partition. [`StoreError::Fenced`] if that is
/// stale; then nothing is written, not even what was under way when the partition was taken over.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The partitions that this process owns; the receiver is told of those that it gains and loses.
    fn ownership(&self) -> watch::Receiver<Arc<Ownership>>;

    /// Accepts a task.
    async fn accept(&self, claim: Claim, task: NewTask) -> Result<(), StoreError>;

    /// Moves a task one version forward. [`StoreError::Conflict`] if it stands elsewhere.
    async fn commit(&self, claim: Claim, commit: Commit) -> Result<(), StoreError>;

    /// Moves several tasks, all of them or none: [`StoreError::Conflict`] or
    /// [`StoreError::NotFound`] name the first that is not where it should be. `claims` has one to the
    /// partition of each.
    async fn transact(&self, claims: &[Claim], changes: Transaction) -> Result<(), StoreError>;

    /// Appends a finished connector call to a task's journal without moving its version.
    async fn record_effect(
        &self,
        claim: Claim,
        workspace: &WorkspaceName,
        task: TaskId,
        effect: Effect,
    ) -> Result<(), StoreError>;

    /// A task with its data and the effects recorded since its last commit.
    async fn load(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
    ) -> Result<Option<StoredTask>, StoreError>;

    /// A task with its journal. The two are of one moment: the journal's last entry is what brought the
    /// head to where it stands.
    async fn history(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
    ) -> Result<Option<History>, StoreError>;

    /// Tasks in state ready in the partitions that are owned, oldest first, newer than `after`.
    async fn ready(
        &self,
        owned: &Ownership,
        workspace: &WorkspaceName,
        after: TaskId,
        limit: usize,
    ) -> Result<Vec<TaskId>, StoreError>;

    /// Tasks in the partitions that are owned that are due ([`TaskState::due_at`]) up to `until`
    /// inclusive, earliest first. One that waits without a time counts as due at [`Millis::MAX`].
    async fn due(
        &self,
        owned: &Ownership,
        until: Millis,
        limit: usize,
    ) -> Result<Vec<(Millis, WorkspaceName, TaskId)>, StoreError>;

    /// When the first task in the partitions that are owned is due.
    async fn next_wake(&self, owned: &Ownership) -> Result<Option<Millis>, StoreError>;

    /// A page of tasks, newest first.
    async fn list(
        &self,
        workspace: &WorkspaceName,
        query: &TaskQuery,
    ) -> Result<Vec<TaskHead>, StoreError>;

    /// A page of tasks that fit `terms`, newest first. By an index, and bounded: a page may be short or
    /// empty though there are more ([`Found::next`]).
    async fn find(
        &self,
        workspace: &WorkspaceName,
        query: &TaskQuery,
        terms: &Terms,
    ) -> Result<Found, StoreError>;

    /// How many tasks are in each state. Bounded: see [`Counts::at_least`].
    async fn counts(&self, workspace: &WorkspaceName) -> Result<Counts, StoreError>;

    /// Changes what tenants have set up, as it is at revision `expected`, and gives the next revision.
    ///
    /// [`StoreError::Revised`] if it is at another one. [`StoreError::Taken`] and
    /// [`StoreError::TooMany`] if the change takes what is taken, or more than may be.
    async fn manage(&self, change: Manage, expected: u64) -> Result<u64, StoreError>;

    /// What the workspaces have set up that were changed after `revision`; all of it for 0.
    async fn registry_since(&self, revision: u64) -> Result<Registry, StoreError>;

    /// A component's bytes by their SHA-256 (lower-case hex).
    async fn component(&self, digest: &str) -> Result<Option<Arc<[u8]>>, StoreError>;

    /// Keeps a response's body outside the journal of its task, durably, and gives its SHA-256, under
    /// which the task finds it again. The task is in the store; the body goes with it.
    async fn put_body(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        body: Vec<u8>,
    ) -> Result<[u8; 32], StoreError>;

    /// A body that was put, by its SHA-256.
    async fn body(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        digest: [u8; 32],
    ) -> Result<Option<Arc<[u8]>>, StoreError>;

    /// Removes finished tasks whose workspace's retention is over at `now`, with their journals and
    /// bodies: each whole, or not at all. A subtask stays as long as its parent needs it
    /// ([`retention::is_needed`]). A task may be gone a while later than it could be, never earlier.
    ///
    /// Erases what is left of workspaces that were deleted, too, whatever the time.
    ///
    /// Does a bounded part of it and is to be called again until [`Purged::is_done`]; it goes on where
    /// it was, with the time of its first call, until then.
    ///
    /// [`retention::is_needed`]: crate::domain::retention::is_needed
    async fn purge(&self, now: Millis) -> Result<Purged, StoreError>;

    /// Whether writes are taken; its receiver is told of every change.
    fn health(&self) -> watch::Receiver<Health> {
        watch::channel(Health::Writable).1
    }

    /// 32 random bytes made with the store: what run seeds are derived from.
    fn seed(&self) -> [u8; 32];

    /// Makes everything durable and lets go of the database. Later calls fail with
    /// [`StoreError::Closed`].
    async fn close(&self);
}
