//! The store as a plain map: what any implementation has to agree with. It forgets everything
//! with the process and is there for tests alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::{Commit, Manage, NewTask, Registry, Store, StoreError, TaskQuery, Together};
use crate::domain::clock::Millis;
use crate::domain::effect::Effect;
use crate::domain::ids::{ConfigKey, ConnectorName, ScheduleName, StepName, TaskId, WorkspaceName};
use crate::domain::journal::Entry;
use crate::domain::schedule::Schedule;
use crate::domain::step::Step;
use crate::domain::task::{StoredTask, TaskHead, TaskState};
use crate::domain::webhook::Webhook;
use crate::domain::workspace::WorkspaceSettings;

/// A task with everything that was ever said of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
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
    pub tasks: BTreeMap<(WorkspaceName, TaskId), Kept>,
    workspaces: BTreeMap<WorkspaceName, WorkspaceSettings>,
    webhooks: BTreeMap<(WorkspaceName, String), Webhook>,
    steps: BTreeMap<(WorkspaceName, StepName), Step>,
    config: BTreeMap<(WorkspaceName, ConfigKey), Vec<u8>>,
    connectors: BTreeMap<(WorkspaceName, ConnectorName), Vec<u8>>,
    schedules: BTreeMap<(WorkspaceName, ScheduleName), (Schedule, Option<Millis>)>,
    components: BTreeMap<String, Arc<[u8]>>,
    bodies: BTreeMap<(WorkspaceName, [u8; 32]), Arc<[u8]>>,
}

impl Model {
    /// See [`Store::accept`].
    pub fn accept(&mut self, task: NewTask) -> Result<(), StoreError> {
        let key = (task.head.workspace.clone(), task.head.id);
        if let Some(kept) = self.tasks.get(&key) {
            return Err(StoreError::Conflict {
                id: key.1,
                expected: 0,
                actual: kept.head.version,
            });
        }
        let at = task.head.created;
        let kept = Kept {
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

    fn task(&mut self, workspace: &WorkspaceName, id: TaskId) -> Result<&mut Kept, StoreError> {
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

    /// See [`Store::together`].
    pub fn together(&mut self, changes: Together) -> Result<(), StoreError> {
        let mut moved = self.clone();
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

    /// See [`Store::manage`].
    pub fn manage(&mut self, change: Manage) -> Result<(), StoreError> {
        match change {
            Manage::AddWorkspace(workspace) => {
                self.workspaces.entry(workspace).or_default();
            }
            Manage::SetWorkspace(workspace, settings) => {
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
                        *marked = Some(mark);
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

    fn of(&self, workspace: &WorkspaceName) -> impl DoubleEndedIterator<Item = &Kept> {
        let range = (workspace.clone(), TaskId::MIN)..=(workspace.clone(), TaskId::MAX);
        self.tasks.range(range).map(|(_, kept)| kept)
    }
}

/// A [`Store`] that forgets everything with the process.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Option<Model>>);

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::of(Model::default())
    }

    /// A store that holds `model`.
    pub fn of(model: Model) -> Self {
        Self(Mutex::new(Some(model)))
    }

    fn with<T>(
        &self,
        act: impl FnOnce(&mut Model) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        act(self.0.lock().as_mut().ok_or(StoreError::Closed)?)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn accept(&self, task: NewTask) -> Result<(), StoreError> {
        self.with(|model| model.accept(task))
    }

    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        self.with(|model| model.commit(commit))
    }

    async fn together(&self, changes: Together) -> Result<(), StoreError> {
        self.with(|model| model.together(changes))
    }

    async fn record_effect(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        effect: Effect,
    ) -> Result<(), StoreError> {
        self.with(|model| model.record_effect(workspace, task, effect))
    }

    async fn load(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
    ) -> Result<Option<StoredTask>, StoreError> {
        self.with(|model| {
            let kept = model.tasks.get(&(workspace.clone(), task));
            Ok(kept.map(|kept| StoredTask {
                head: kept.head.clone(),
                data: kept.data.clone(),
                effects: kept.journal[kept.settled..]
                    .iter()
                    .filter_map(|entry| match entry {
                        Entry::Effect(effect) => Some(effect.clone()),
                        _ => None,
                    })
                    .collect(),
            }))
        })
    }

    async fn journal(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
    ) -> Result<Vec<Entry>, StoreError> {
        self.with(|model| {
            let kept = model.tasks.get(&(workspace.clone(), task));
            Ok(kept.map_or_else(Vec::new, |kept| kept.journal.clone()))
        })
    }

    async fn ready(
        &self,
        workspace: &WorkspaceName,
        after: TaskId,
        limit: usize,
    ) -> Result<Vec<TaskId>, StoreError> {
        self.with(|model| {
            let tasks = model.of(workspace).map(|kept| &kept.head);
            Ok(tasks
                .filter(|head| head.state == TaskState::Ready && head.id > after)
                .map(|head| head.id)
                .take(limit)
                .collect())
        })
    }

    async fn due(
        &self,
        until: Millis,
        limit: usize,
    ) -> Result<Vec<(Millis, WorkspaceName, TaskId)>, StoreError> {
        self.with(|model| {
            let heads = model.tasks.values().map(|kept| &kept.head);
            let mut due: Vec<_> = heads
                .filter_map(|head| {
                    let due_at = head.state.due_at(head.wake_at)?;
                    (due_at <= until).then(|| (due_at, head.workspace.clone(), head.id))
                })
                .collect();
            due.sort();
            due.truncate(limit);
            Ok(due)
        })
    }

    async fn next_wake(&self) -> Result<Option<Millis>, StoreError> {
        let due = self.due(Millis::MAX, 1).await?;
        Ok(due.first().map(|(wake_at, ..)| *wake_at))
    }

    async fn list(
        &self,
        workspace: &WorkspaceName,
        query: &TaskQuery,
    ) -> Result<Vec<TaskHead>, StoreError> {
        self.with(|model| {
            let heads = model.of(workspace).rev().map(|kept| &kept.head);
            Ok(heads
                .filter(|head| query.state.is_none_or(|state| head.state == state))
                .filter(|head| query.before.is_none_or(|before| head.id < before))
                .take(query.limit)
                .cloned()
                .collect())
        })
    }

    async fn manage(&self, change: Manage) -> Result<(), StoreError> {
        self.with(|model| model.manage(change))
    }

    async fn registry(&self) -> Result<Registry, StoreError> {
        self.with(|model| {
            Ok(Registry {
                workspaces: model.workspaces.clone().into_iter().collect(),
                webhooks: model.webhooks.values().cloned().collect(),
                steps: {
                    let steps = model.steps.iter();
                    steps
                        .map(|((workspace, _), step)| (workspace.clone(), step.clone()))
                        .collect()
                },
                config: sealed(&model.config),
                connectors: sealed(&model.connectors),
                schedules: model.schedules.values().cloned().collect(),
            })
        })
    }

    async fn component(&self, digest: &str) -> Result<Option<Arc<[u8]>>, StoreError> {
        self.with(|model| Ok(model.components.get(digest).cloned()))
    }

    async fn put_body(
        &self,
        workspace: &WorkspaceName,
        body: Vec<u8>,
    ) -> Result<[u8; 32], StoreError> {
        self.with(|model| {
            let digest: [u8; 32] = Sha256::digest(&body).into();
            model
                .bodies
                .insert((workspace.clone(), digest), body.into());
            Ok(digest)
        })
    }

    async fn body(
        &self,
        workspace: &WorkspaceName,
        digest: [u8; 32],
    ) -> Result<Option<Arc<[u8]>>, StoreError> {
        self.with(|model| Ok(model.bodies.get(&(workspace.clone(), digest)).cloned()))
    }

    fn seed(&self) -> [u8; 32] {
        [7; 32]
    }

    async fn close(&self) {
        *self.0.lock() = None;
    }
}

fn sealed<N: Clone>(
    map: &BTreeMap<(WorkspaceName, N), Vec<u8>>,
) -> Vec<(WorkspaceName, N, Vec<u8>)> {
    map.iter()
        .map(|((workspace, name), sealed)| (workspace.clone(), name.clone(), sealed.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::{self, Disturbance, Subject};

    struct Memory;

    #[async_trait]
    impl Subject for Memory {
        async fn fresh(&self) -> Arc<dyn Store> {
            Arc::new(MemoryStore::new())
        }

        async fn disturb(&self, store: Arc<dyn Store>, _: Disturbance) -> Arc<dyn Store> {
            store
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn it_conforms() {
        conformance::all(&Memory).await;
    }
}
