//! The model of a store: its tasks and setup, and the effect of every change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::audit::{AuditEntry, AuditId};
use crate::domain::clock::Millis;
use crate::domain::dedup::{Dedup, DedupKey};
use crate::domain::delivery::Delivery;
use crate::domain::effect::Effect;
use crate::domain::ids::{ConfigKey, ConnectorName, ScheduleName, StepName, TaskId, WorkspaceName};
use crate::domain::journal::Entry;
use crate::domain::retention::is_needed;
use crate::domain::schedule::Schedule;
use crate::domain::step::Step;
use crate::domain::task::{StoredTask, TaskHead};
use crate::domain::token::Token;
use crate::domain::webhook::Webhook;
use crate::domain::workspace::WorkspaceSettings;
use crate::store::{Commit, Manage, Names, NewTask, StoreError, Transaction};

/// A task with everything that was ever said of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelTask {
    /// The head.
    pub head: TaskHead,
    /// The data.
    pub data: Arc<str>,
    /// The whole journal.
    pub journal: Vec<Entry>,
    /// How much of it was there at the last commit.
    pub settled: usize,
}

/// All that a store holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model {
    /// Every task.
    pub tasks: BTreeMap<(WorkspaceName, TaskId), ModelTask>,
    pub(super) revision: u64,
    pub(super) names: Names,
    /// The revision in which a workspace was last changed.
    pub(super) revised: BTreeMap<WorkspaceName, u64>,
    pub(super) workspaces: BTreeMap<WorkspaceName, WorkspaceSettings>,
    pub(super) webhooks: BTreeMap<(WorkspaceName, String), Webhook>,
    pub(super) steps: BTreeMap<(WorkspaceName, StepName), Step>,
    pub(super) config: BTreeMap<(WorkspaceName, ConfigKey), Vec<u8>>,
    pub(super) connectors: BTreeMap<(WorkspaceName, ConnectorName), Vec<u8>>,
    pub(super) schedules: BTreeMap<(WorkspaceName, ScheduleName), (Schedule, Option<Millis>)>,
    /// By workspace, none for the server's own, and id.
    pub(super) tokens: BTreeMap<(Option<WorkspaceName>, String), Token>,
    /// The revision in which a token of the server was last changed.
    pub(super) server_revised: u64,
    pub(super) audit: BTreeMap<AuditId, AuditEntry>,
    pub(super) components: BTreeMap<String, Arc<[u8]>>,
    pub(super) erasing: BTreeSet<WorkspaceName>,
    /// The revisions in which workspaces of these names were last deleted.
    pub(super) deleted: BTreeMap<WorkspaceName, u64>,
    pub(super) bodies: BTreeMap<(WorkspaceName, TaskId, [u8; 32]), Arc<[u8]>>,
    pub(super) deliveries: BTreeMap<WorkspaceName, Vec<Delivery>>,
    /// Whose key of a delivery it is, and until when.
    dedup: BTreeMap<(WorkspaceName, DedupKey), (TaskId, Millis)>,
}

impl ModelTask {
    /// The task as [`Store::load`] gives it.
    pub(super) fn stored(&self) -> StoredTask {
        let effects = self.journal[self.settled..].iter();
        StoredTask {
            head: self.head.clone(),
            data: self.data.clone(),
            effects: effects
                .filter_map(|entry| match entry {
                    Entry::Effect(effect) => Some(effect.clone()),
                    _ => None,
                })
                .collect(),
            journal: self.journal.iter().map(|entry| entry.bytes() as u64).sum(),
        }
    }
}

impl Model {
    /// See [`Store::accept`].
    pub fn accept(&mut self, task: NewTask) -> Result<(), StoreError> {
        self.check(&task.head.workspace)?;
        let key = (task.head.workspace.clone(), task.head.id);
        if let Some(kept) = self.tasks.get(&key) {
            return Err(StoreError::Conflict {
                id: key.1,
                expected: 0,
                actual: kept.head.version,
            });
        }
        if let Some(dedup) = task.dedup {
            self.take_key(&key.0, key.1, dedup)?;
        }
        let at = task.head.created;
        let kept = ModelTask {
            head: task.head,
            data: task.data,
            settled: 1 + task.entries.len(),
            journal: [Entry::Accepted { at }]
                .into_iter()
                .chain(task.entries)
                .collect(),
        };
        self.tasks.insert(key, kept);
        Ok(())
    }

    /// See [`Store::delivered`].
    pub fn delivered(
        &self,
        workspace: &WorkspaceName,
        key: DedupKey,
        at: Millis,
    ) -> Option<TaskId> {
        let found = self.dedup.get(&(workspace.clone(), key));
        found
            .filter(|(_, until)| *until > at)
            .map(|(task, _)| *task)
    }

    fn take_key(
        &mut self,
        workspace: &WorkspaceName,
        id: TaskId,
        dedup: Dedup,
    ) -> Result<(), StoreError> {
        if let Some(task) = self.delivered(workspace, dedup.key, dedup.at) {
            return Err(StoreError::Duplicate { task });
        }
        let key = (workspace.clone(), dedup.key);
        self.dedup.insert(key, (id, dedup.until));
        Ok(())
    }

    /// [`StoreError::Erasing`] if the workspace is being erased.
    pub(super) fn check(&self, workspace: &WorkspaceName) -> Result<(), StoreError> {
        match self.erasing.contains(workspace) {
            true => Err(StoreError::Erasing(workspace.clone())),
            false => Ok(()),
        }
    }

    fn delete(&mut self, workspace: &WorkspaceName) {
        self.erasing.insert(workspace.clone());
        self.deleted.insert(workspace.clone(), self.revision + 1);
        self.workspaces.remove(workspace);
        self.tasks.retain(|(of, _), _| of != workspace);
        self.webhooks.retain(|(of, _), _| of != workspace);
        self.steps.retain(|(of, _), _| of != workspace);
        self.config.retain(|(of, _), _| of != workspace);
        self.connectors.retain(|(of, _), _| of != workspace);
        self.schedules.retain(|(of, _), _| of != workspace);
        self.tokens
            .retain(|(of, _), _| of.as_ref() != Some(workspace));
        self.audit
            .retain(|_, entry| entry.workspace.as_ref() != Some(workspace));
        self.bodies.retain(|(of, ..), _| of != workspace);
        self.dedup.retain(|(of, _), _| of != workspace);
        self.deliveries.remove(workspace);
    }

    fn task(
        &mut self,
        workspace: &WorkspaceName,
        id: TaskId,
    ) -> Result<&mut ModelTask, StoreError> {
        self.check(workspace)?;
        self.tasks
            .get_mut(&(workspace.clone(), id))
            .ok_or_else(|| StoreError::NotFound(format!("task {id}")))
    }

    /// See [`Store::commit`].
    pub fn commit(&mut self, commit: Commit) -> Result<(), StoreError> {
        let kept = self.task(&commit.head.workspace, commit.head.id)?;
        let expected = commit.head.version.saturating_sub(1);
        if kept.head.version != expected {
            return Err(StoreError::Conflict {
                id: commit.head.id,
                expected,
                actual: kept.head.version,
            });
        }
        kept.head = commit.head;
        if let Some(data) = commit.data {
            kept.data = data;
        }
        kept.journal.extend(commit.entries);
        kept.settled = kept.journal.len();
        Ok(())
    }

    /// See [`Store::transact`].
    pub fn transact(&mut self, changes: Transaction) -> Result<(), StoreError> {
        let mut moved = self.clone();
        let heads = changes.commits.iter().map(|commit| &commit.head);
        let changed: BTreeMap<TaskId, WorkspaceName> = heads
            .chain(&changes.notes)
            .map(|head| (head.id, head.workspace.clone()))
            .collect();
        for commit in changes.commits {
            moved.commit(commit)?;
        }
        for head in changes.notes {
            let key = (head.workspace.clone(), head.id);
            let settled = moved.task(&key.0, key.1)?.settled;
            moved.commit(Commit {
                head,
                data: None,
                entries: Vec::new(),
            })?;
            moved.task(&key.0, key.1)?.settled = settled;
        }
        for task in changes.accepts {
            moved.accept(task)?;
        }
        for (task, dedup) in changes.dedup {
            let workspace = changed.get(&task);
            let workspace =
                workspace.ok_or_else(|| StoreError::NotFound(format!("task {task}")))?;
            moved.take_key(workspace, task, dedup)?;
        }
        *self = moved;
        Ok(())
    }

    /// See [`Store::record_effect`].
    pub fn record_effect(
        &mut self,
        workspace: &WorkspaceName,
        id: TaskId,
        effect: Effect,
    ) -> Result<(), StoreError> {
        let kept = self.task(workspace, id)?;
        kept.journal.push(Entry::Effect(effect));
        Ok(())
    }

    /// See [`Store::purge`].
    pub fn purge(&mut self, now: Millis) -> usize {
        self.erasing.clear();
        self.expire_audit(now);
        self.dedup.retain(|_, (_, until)| *until > now);
        let is_over = |(key, kept): &(&(WorkspaceName, TaskId), &ModelTask)| {
            let settings = self.workspaces.get(&key.0);
            let is_over = settings.is_some_and(|set| set.retention.is_over(&kept.head, now));
            let parent = kept.head.parent.as_ref().and_then(|parent| {
                let key = (key.0.clone(), parent.task);
                self.tasks.get(&key)
            });
            is_over && !parent.is_some_and(|parent| is_needed(&parent.head, &kept.head))
        };
        let over: Vec<_> = self.tasks.iter().filter(is_over).collect();
        let over: Vec<_> = over.into_iter().map(|(key, _)| key.clone()).collect();
        for (workspace, id) in &over {
            self.tasks.remove(&(workspace.clone(), *id));
            self.bodies
                .retain(|(of, task, _), _| (of, task) != (workspace, id));
        }
        over.len()
    }

    /// See [`Store::manage`].
    pub fn manage(&mut self, change: Manage) -> Result<(), StoreError> {
        let changed: Vec<WorkspaceName> = change.workspaces().into_iter().cloned().collect();
        let is_of_server = change.is_of_server();
        if !matches!(change, Manage::DeleteWorkspace(_)) && !change.is_note() {
            for workspace in &changed {
                self.check(workspace)?;
            }
        }
        self.set_up(change.clone())?;
        self.names.apply(&change);
        self.revision += 1;
        for workspace in changed {
            self.revised.insert(workspace, self.revision);
        }
        if is_of_server {
            self.server_revised = self.revision;
        }
        Ok(())
    }

    fn set_up(&mut self, change: Manage) -> Result<(), StoreError> {
        match change {
            Manage::DeleteWorkspace(workspace) => self.delete(&workspace),
            Manage::AddWorkspace(workspace) => {
                self.workspaces.entry(workspace).or_default();
            }
            Manage::NewWorkspace(workspace, settings)
            | Manage::SetWorkspace(workspace, settings) => {
                self.workspaces.insert(workspace, settings);
            }
            Manage::PutWebhook(webhook) => {
                let key = (webhook.workspace.clone(), webhook.id.clone());
                self.webhooks.insert(key, webhook);
            }
            Manage::DeleteWebhook(workspace, id) => {
                self.webhooks.remove(&(workspace, id));
            }
            Manage::PutStep(workspace, step, bytes) => {
                self.components.insert(step.digest.clone(), bytes);
                self.steps.insert((workspace, step.name.clone()), step);
            }
            Manage::SetStep(workspace, step) => {
                if !self.components.contains_key(&step.digest) {
                    let missing = format!("component {}", step.digest);
                    return Err(StoreError::NotFound(missing));
                }
                self.steps.insert((workspace, step.name.clone()), step);
            }
            Manage::DeleteStep(workspace, name) => {
                self.steps.remove(&(workspace, name));
            }
            Manage::SetConfig(workspace, key, sealed) => {
                self.config.insert((workspace, key), sealed);
            }
            Manage::DeleteConfig(workspace, key) => {
                self.config.remove(&(workspace, key));
            }
            Manage::PutConnector(workspace, name, sealed) => {
                self.connectors.insert((workspace, name), sealed);
            }
            Manage::DeleteConnector(workspace, name) => {
                self.connectors.remove(&(workspace, name));
            }
            Manage::PutSchedule(schedule) => {
                let key = (schedule.workspace.clone(), schedule.name.clone());
                self.schedules.insert(key, (schedule, None));
            }
            Manage::DeleteSchedule(workspace, name) => {
                self.schedules.remove(&(workspace, name));
            }
            Manage::MarkSchedules(marks) => {
                for (workspace, name, mark) in marks {
                    if let Some((_, marked)) = self.schedules.get_mut(&(workspace, name)) {
                        *marked = (*marked).max(Some(mark));
                    }
                }
            }
            Manage::PutToken(token) => {
                let key = (token.workspace.clone(), token.id.clone());
                self.tokens.insert(key, token);
            }
            Manage::DeleteToken(workspace, id) => {
                self.tokens.remove(&(workspace, id));
            }
            Manage::UseTokens(uses) => {
                for (workspace, id, at) in uses {
                    if let Some(token) = self.tokens.get_mut(&(workspace, id)) {
                        token.used = token.used.max(Some(at));
                    }
                }
            }
        }
        let steps = &self.steps;
        self.components.retain(|digest, _| {
            steps
                .values()
                .any(|step| step.digests().any(|one| one == digest))
        });
        Ok(())
    }

    pub(super) fn of(
        &self,
        workspace: &WorkspaceName,
    ) -> impl DoubleEndedIterator<Item = &ModelTask> {
        let range = (workspace.clone(), TaskId::MIN)..=(workspace.clone(), TaskId::MAX);
        self.tasks.range(range).map(|(_, kept)| kept)
    }
}
