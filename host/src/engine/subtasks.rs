//! Subtasks: how they come to be, how their end reaches the parent, and how they end with it.
//!
//! A run's subtasks are accepted in the record that commits the run. A subtask's last commit and a
//! note in its parent's head are one record, too; the note moves the parent's version and nothing
//! that a run under way stands on. The parent puts the results into its data itself, between two
//! runs. `docs/architecture.md` tells why a crash at any point loses nothing and repeats nothing.

mod cancelling;
mod decide;
mod family;
mod landing;

use std::sync::Arc;

use tokio::time::Instant;

use super::advanced::{Advanced, NoRoom};
use super::children::{Base, can_land, noted, rebase};
use super::commit::{Arriving, TaskWriter, commit_arriving};
use super::dispatcher::Dispatcher;
use super::locks::TaskLocks;
use super::memory::{Memory, Room};
use super::tasks::{Tasks, document};
use crate::domain::budget::Permit;
use crate::domain::clock::Clock;
use crate::domain::data::Document;
use crate::domain::ids::TaskId;
use crate::domain::limits::DATA_BYTES;
use crate::domain::subtask::NewSubtask;
use crate::domain::task::{StoredTask, TaskHead, TaskState};
use crate::store::{Commit, NewTask, StoreError, Transaction};
use decide::new_task;
pub(super) use family::Families;
use landing::Landing;

/// Results of subtasks whose changes have so many bytes are put into a task's data in one record. The others follow in
/// the next one.
const LANDED_AT_ONCE: usize = 1024 * 1024;
/// The most bytes of changes of a record that ends a task, after which there is no other one.
const LANDED_AT_END: usize = 2 * DATA_BYTES;

/// What a task's end is to its parent.
enum ParentUpdate {
    /// The end is noted; the parent takes the result up between its runs.
    Note(Box<TaskHead>),
    /// The parent has ended: the result is put into its data in the same record.
    Result(Box<Commit>),
}

async fn store_all(
    writer: &TaskWriter,
    commit: Commit,
    update: Option<ParentUpdate>,
    counted: Option<TaskHead>,
    accepts: Vec<NewTask>,
) -> Result<(), StoreError> {
    if update.is_none() && accepts.is_empty() {
        return writer.commit(commit).await;
    }
    let mut transaction = Transaction {
        commits: vec![commit],
        notes: counted.into_iter().collect(),
        accepts,
        ..Transaction::default()
    };
    match update {
        Some(ParentUpdate::Note(head)) => transaction.notes.push(*head),
        Some(ParentUpdate::Result(commit)) => transaction.commits.push(*commit),
        None => {}
    }
    writer.transact(transaction).await
}

/// Commits tasks with what their end is to their parents and subtasks.
pub(super) struct Subtasks {
    pub(super) tasks: Tasks,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) locks: Arc<TaskLocks>,
    pub(super) families: Families,
    pub(super) memory: Arc<Memory>,
}

impl Subtasks {
    /// Makes a step forward of a task durable. If the task ends by it, the parent's head notes it in the
    /// same record; if it is cancelled, so are its subtasks. Every end of a task is committed by this.
    ///
    /// # Errors
    /// As [`crate::store::Store::commit`].
    pub(super) async fn commit(
        &self,
        writer: &TaskWriter,
        commit: Commit,
    ) -> Result<(), StoreError> {
        let head = commit.head.clone();
        self.step_forward(writer, commit, Vec::new()).await?;
        if head.state() == TaskState::Cancelled {
            match self.cancel_children(writer, &head).await {
                // The node that has them now cancels each before its next run.
                Err(StoreError::Fenced { .. }) => {}
                cancelled => cancelled?,
            }
        }
        Ok(())
    }

    /// Makes a run's end durable, with the subtasks that it asked for. Notes of earlier
    /// subtasks since the run began is kept. Returns the head as it is now.
    pub(super) async fn forward(
        &self,
        writer: &TaskWriter,
        arriving: Option<&Arriving>,
        base: &Base,
        mut commit: Commit,
        subtasks: Vec<NewSubtask>,
    ) -> Result<TaskHead, StoreError> {
        let is_alone = base.children.is_empty() && commit.head.parent.is_none();
        if is_alone && subtasks.is_empty() && !base.notes_itself {
            // It has no parent and no subtasks, and its head has no new note: nothing else is written.
            let head = commit.head.clone();
            commit_arriving(arriving, writer, commit).await?;
            return Ok(head);
        }
        if let Some(arriving) = arriving {
            arriving.accept().await?;
        }
        let id = commit.head.id;
        let accepts: Vec<NewTask> = subtasks
            .into_iter()
            .map(|new| new_task(&commit.head, new))
            .collect();
        // For all results together, however often the parent has moved.
        let until = Memory::patience();
        let head = loop {
            let step = self.with_results(commit.clone(), until).await?;
            let head = step.head.clone();
            match self.step_forward(writer, step, accepts.clone()).await {
                Ok(()) => break head,
                Err(error @ StoreError::Conflict { id: whose, .. }) if whose == id => {
                    let current = self.tasks.store.load(&commit.head.workspace, id).await?;
                    let only_noted =
                        current.is_some_and(|task| rebase(&mut commit, base, &task.head));
                    if !only_noted {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        };
        for task in &accepts {
            self.dispatcher.offer(&task.head.workspace, task.head.id);
        }
        Ok(head)
    }

    /// A commit, the tasks that come with it, and what it is to the task's parent, as one record.
    async fn step_forward(
        &self,
        writer: &TaskWriter,
        commit: Commit,
        accepts: Vec<NewTask>,
    ) -> Result<(), StoreError> {
        let ends = commit.head.state().is_final();
        let Some(parent) = commit
            .head
            .parent
            .as_ref()
            .filter(|_| ends || !accepts.is_empty())
        else {
            return store_all(writer, commit, None, None, accepts).await;
        };
        let (workspace, parent) = (commit.head.workspace.clone(), parent.task);
        loop {
            let mut update = match ends {
                true => self.parent_update(&commit, parent).await?,
                false => None,
            };
            let made = accepts.len() as u32;
            let counted = self.counted(&commit.head, made, &mut update).await?;
            let root = counted.as_ref().map(|root| root.id);
            let wakes = matches!(&update, Some(ParentUpdate::Note(head)) if head.state() == TaskState::Ready);
            match store_all(writer, commit.clone(), update, counted, accepts.clone()).await {
                Ok(()) if wakes => {
                    self.dispatcher.requeue(&workspace, parent);
                    return Ok(());
                }
                // The parent has moved: look at it again. The task itself is the caller's.
                Err(StoreError::Conflict { id, .. }) if id == parent || Some(id) == root => {}
                Err(gone @ StoreError::NotFound(_)) => {
                    if self
                        .tasks
                        .store
                        .load(&workspace, commit.head.id)
                        .await?
                        .is_none()
                    {
                        return Err(gone);
                    }
                }
                other => return other,
            }
        }
    }

    /// What a task's end is to its parent.
    async fn parent_update(
        &self,
        end: &Commit,
        parent: TaskId,
    ) -> Result<Option<ParentUpdate>, StoreError> {
        let workspace = &end.head.workspace;
        let Some(parent) = self.tasks.store.load(workspace, parent).await? else {
            return Ok(None);
        };
        let now = self.clock.now();
        let Some(note) = noted(&parent.head, end.head.id, now) else {
            return Ok(None);
        };
        // One in `error` may be tried again, and then takes it up between runs as any other.
        if !parent.head.state().is_final()
            || parent.head.state() == TaskState::Error
            || !can_land(&note)
        {
            return Ok(Some(ParentUpdate::Note(Box::new(note))));
        }
        let data = match &end.data {
            Some(data) => data.clone(),
            None => match self.tasks.store.load(workspace, end.head.id).await? {
                Some(task) => task.data,
                None => return Ok(None),
            },
        };
        let end = StoredTask {
            head: end.head.clone(),
            data,
            effects: Vec::new(),
            journal: 0,
        };
        let mut landing = Landing::new(parent.head, document(parent.data)?);
        let until = Memory::patience();
        let _room = self
            .memory
            .wait(workspace, landing.memory(&end), until)
            .await;
        landing.put_end_of(&end, now);
        Ok(Some(ParentUpdate::Result(Box::new(
            landing.into_commit(now),
        ))))
    }

    /// Puts results of subtasks that have ended into their parent's data, with memory that `permit` takes for each. To be
    /// called between two runs alone: what a run has recorded belongs to the data that it began with.
    pub(super) async fn land(
        &self,
        writer: &TaskWriter,
        head: &TaskHead,
        data: Arc<Document>,
        permit: &Permit,
    ) -> Result<Advanced, StoreError> {
        let base = Base::of(head);
        let mut landing = Landing::new(head.clone(), data);
        let room = |needs| std::future::ready(self.memory.room(permit, needs));
        match self.take_up(&mut landing, LANDED_AT_ONCE, room).await? {
            // What was put in before is kept.
            Err(none) if landing.is_unchanged() => return Ok(Advanced::Starves(none)),
            Ok(()) | Err(_) => {}
        }
        let commit = landing.into_commit(self.clock.now());
        match self.forward(writer, None, &base, commit, Vec::new()).await {
            Ok(head) if head.state() == TaskState::Ready => Ok(Advanced::ReadAgain),
            Ok(_) | Err(StoreError::Conflict { .. }) => Ok(Advanced::Rests),
            Err(error) => Err(error),
        }
    }

    /// Puts in the results of those that have ended, until the changes have `most` bytes. `room` gives the memory that
    /// one takes while it is put in.
    async fn take_up<'a, Waits>(
        &self,
        landing: &mut Landing,
        most: usize,
        room: impl Fn(u64) -> Waits,
    ) -> Result<Result<(), NoRoom>, StoreError>
    where
        Waits: Future<Output = Result<Room<'a>, NoRoom>>,
    {
        for id in landing.ended() {
            if landing.is_over(most) {
                break;
            }
            match self.tasks.store.load(landing.workspace(), id).await? {
                Some(task) if !task.head.state().is_final() => landing.is_open_again(id),
                Some(task) => {
                    let _room = match room(landing.memory(&task)).await {
                        Ok(room) => room,
                        Err(none) => return Ok(Err(none)),
                    };
                    landing.put_end_of(&task, self.clock.now());
                }
                None => landing.put_gone(id, self.clock.now()),
            }
            // Each may take milliseconds.
            tokio::task::yield_now().await;
        }
        Ok(Ok(()))
    }

    /// A run that ends its task takes along the results that came while it ran: there is no other
    /// moment for them. It waits for memory until that moment and then puts them in without.
    async fn with_results(&self, mut commit: Commit, until: Instant) -> Result<Commit, StoreError> {
        let ends = matches!(commit.head.state(), TaskState::Done | TaskState::Ignored);
        if !ends || !can_land(&commit.head) {
            return Ok(commit);
        }
        let data = match &commit.data {
            Some(data) => data.clone(),
            None => match self
                .tasks
                .store
                .load(&commit.head.workspace, commit.head.id)
                .await?
            {
                Some(task) => task.data,
                None => return Ok(commit),
            },
        };
        let workspace = commit.head.workspace.clone();
        let mut landing = Landing::new(commit.head, document(data)?);
        let workspace = &workspace;
        let room = |needs| async move { Ok(self.memory.wait(workspace, needs, until).await) };
        // It always gives some.
        let _ = self.take_up(&mut landing, LANDED_AT_END, room).await?;
        if !landing.ended().is_empty() {
            landing.refuse_rest(LANDED_AT_END);
        }
        let mut whole = landing.into_commit(self.clock.now());
        // One step, not two.
        whole.head.version -= 1;
        commit.entries.append(&mut whole.entries);
        whole.entries = commit.entries;
        Ok(whole)
    }

    /// Marks the subtasks in `head` that have ended without a note in it: those of a cancelled task are
    /// cancelled with it.
    pub(super) async fn note_ended(&self, head: &mut TaskHead) -> Result<(), StoreError> {
        for child in head.children.iter_mut().filter(|child| !child.ended) {
            let task = self.tasks.store.load(&head.workspace, child.id).await?;
            child.ended = task.is_none_or(|task| task.head.state().is_final());
        }
        // One that brings nothing is forgotten at once.
        head.children
            .retain(|child| !child.ended || child.into.is_some());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
