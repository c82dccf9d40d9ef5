//! The one file that writes tasks: every acceptance, commit, note and effect goes to the store here.
//!
//! A write stands on the claims that the node held before it read what it writes on. If the task's
//! partition was taken over since, another node may have moved the task, and the store refuses the
//! write ([`StoreError::Fenced`]).

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::sync::{Mutex, oneshot};

use super::large_writes::{LargeWrites, WritePermit};
use super::watchers::{Watchers, news};
use crate::domain::effect::Effect;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::inbox::RequestId;
use crate::domain::journal::Entry;
use crate::store::{Claim, Commit, NewTask, Ownership, Store, StoreError, Transaction};

/// Writes tasks under the claims of one moment. To be made before a task is read that it is to write.
#[derive(Clone)]
pub(super) struct TaskWriter {
    store: Arc<dyn Store>,
    owned: Arc<Ownership>,
    large_writes: Arc<LargeWrites>,
    watchers: Arc<Watchers>,
    /// The request of another node that the next commit of a task answers.
    answering: Option<(TaskId, RequestId)>,
}

impl TaskWriter {
    /// Writes to `store` what `owned` has claims to.
    pub(super) fn new(
        store: Arc<dyn Store>,
        owned: Arc<Ownership>,
        (large_writes, watchers): (Arc<LargeWrites>, Arc<Watchers>),
    ) -> Self {
        Self {
            store,
            owned,
            large_writes,
            watchers,
            answering: None,
        }
    }

    /// One whose commits of a task answer a request of another node, in the same record.
    pub(super) fn answering(self, task: TaskId, request: Option<RequestId>) -> Self {
        let answering = request.map(|request| (task, request));
        Self { answering, ..self }
    }

    /// The claim that a write of the task stands on.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if the node did not own the task's partition.
    pub(super) fn claim(&self, task: TaskId) -> Result<Claim, StoreError> {
        self.owned.claim_of(task)
    }

    /// Whether the claim to a task's partition was lost since, by what the node owns now.
    pub(super) fn is_stale(&self, task: TaskId, now: &Ownership) -> bool {
        self.claim(task).map_or(true, |claim| now.is_stale(claim))
    }

    /// Whether the task's partition was about to be given up.
    pub(super) fn is_leaving(&self, task: TaskId) -> bool {
        self.owned.is_leaving(task)
    }

    /// The revision of the setup that the node must know to advance these tasks: see [`Ownership::revision`].
    pub(super) fn revision(&self) -> u64 {
        self.owned.revision()
    }

    /// As [`Store::accept`].
    pub(super) async fn accept(&self, task: NewTask) -> Result<(), StoreError> {
        let claim = self.claim(task.head.id)?;
        // Not with the permit, which others wait for.
        self.store.room(&task.head.workspace).await?;
        let _permit = self
            .large_writes
            .acquire(&task.head.workspace, task.data.len())
            .await;
        self.store.accept(claim, task).await
    }

    /// As [`Store::commit`].
    pub(super) async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        if self.answering.is_some() {
            let changes = Transaction {
                commits: vec![commit],
                ..Transaction::default()
            };
            return Box::pin(self.transact(changes)).await;
        }
        let claim = self.claim(commit.head.id)?;
        let bytes = bytes(&commit);
        self.large_writes
            .throttle(&commit.head.workspace, bytes)
            .await;
        let _permit = self
            .large_writes
            .acquire(&commit.head.workspace, bytes)
            .await;
        let news = news(&commit.head);
        self.store.commit(claim, commit).await?;
        self.watchers.written(news);
        Ok(())
    }

    /// As [`Store::transact`].
    pub(super) async fn transact(&self, mut changes: Transaction) -> Result<(), StoreError> {
        let mut commits = changes.commits.iter();
        let answering = self.answering.filter(|(task, _)| {
            // Its subtasks are cancelled by commits of their own.
            commits.any(|commit| commit.head.id == *task)
        });
        changes.answers.extend(answering);
        let mut claims = Vec::with_capacity(1);
        for task in changes.tasks() {
            let claim = self.claim(task)?;
            if !claims.contains(&claim) {
                claims.push(claim);
            }
        }
        let _turn = self.permit_of(&changes).await;
        let heads = changes.commits.iter().map(|commit| &commit.head);
        let heads = heads.chain(&changes.notes);
        let news: Vec<TaskId> = heads.filter_map(news).collect();
        self.store.transact(&claims, changes).await?;
        for task in news {
            self.watchers.written(Some(task));
        }
        Ok(())
    }

    /// Waits until the data of a transaction may be written.
    async fn permit_of(&self, changes: &Transaction) -> Option<WritePermit> {
        let committed: usize = changes.commits.iter().map(bytes).sum();
        let accepted: usize = changes.accepts.iter().map(|task| task.data.len()).sum();
        let heads = changes.commits.iter().map(|commit| &commit.head);
        let mut heads = heads.chain(changes.accepts.iter().map(|task| &task.head));
        let workspace = &heads.next()?.workspace;
        self.large_writes.throttle(workspace, committed).await;
        self.large_writes
            .acquire(workspace, committed + accepted)
            .await
    }

    /// As [`Store::record_effect`], of a call whose record has about `bytes`.
    pub(super) async fn record_effect(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        effect: Effect,
        bytes: usize,
    ) -> Result<(), StoreError> {
        let claim = self.claim(task)?;
        self.store
            .record_effect(claim, workspace, task, effect)
            .await?;
        // The call was made, so its record does not wait. The run waits after it.
        self.large_writes.throttle(workspace, bytes).await;
        Ok(())
    }
}

/// The size of a commit's data, result and changes in bytes, roughly.
fn bytes(commit: &Commit) -> usize {
    let changes = commit.entries.iter().map(|entry| match entry {
        Entry::Run(run) => run.changes.len(),
        Entry::Changed { changes, .. } | Entry::Subtask { changes, .. } => changes.len(),
        _ => 0,
    });
    let data = commit.data.as_ref().map_or(0, |data| data.len());
    let result = commit.head.result.as_ref().map_or(0, String::len);
    changes.sum::<usize>() + data + result
}

/// A task on its way in: its first run may begin before the task is durable, and then acceptance and
/// run are one record. Nothing leaves the sandbox before that: the first connector call, and any
/// wait that is too long for the sender, makes the task durable by itself first.
pub(super) struct Arriving {
    pending: Mutex<Pending>,
}

struct Pending {
    writer: TaskWriter,
    /// The task as it came in, until it is durable.
    task: Option<NewTask>,
    /// Whether the store has been asked to accept it, and has not said that it did.
    begun: bool,
    /// Why it is unknown whether the task is durable, if it is.
    undecided: Option<StoreError>,
    /// Sends the result of the acceptance to the sender's request.
    accepted: Option<oneshot::Sender<Result<(), StoreError>>>,
    /// Announces the write until the store has been given the task.
    announced: Option<Box<dyn Send + Sync>>,
}

impl Arriving {
    pub(super) fn new(
        writer: TaskWriter,
        task: NewTask,
        announced: Option<Box<dyn Send + Sync>>,
    ) -> (Arc<Self>, oneshot::Receiver<Result<(), StoreError>>) {
        let (accepted, result) = oneshot::channel();
        let pending = Mutex::new(Pending {
            writer,
            task: Some(task),
            begun: false,
            undecided: None,
            accepted: Some(accepted),
            announced,
        });
        (Arc::new(Self { pending }), result)
    }

    /// The task as it came in; none if it is durable already.
    pub(super) async fn task(&self) -> Option<NewTask> {
        self.pending.lock().await.task.clone()
    }

    /// Makes the task durable as it came in, unless it is durable already.
    pub(super) async fn accept(&self) -> Result<(), StoreError> {
        self.pending.lock().await.accept().await
    }

    /// Makes the task durable together with its first step forward. `Err` gives the commit back if
    /// the task is durable already.
    async fn accept_with(&self, commit: Commit) -> Result<Result<(), StoreError>, Commit> {
        let mut pending = self.pending.lock().await;
        if pending.begun {
            return match pending.accept().await {
                Ok(()) => Err(commit),
                failed => Ok(failed),
            };
        }
        let Some(task) = &pending.task else {
            return Err(commit);
        };
        let whole = NewTask {
            head: commit.head,
            data: commit.data.unwrap_or_else(|| task.data.clone()),
            entries: commit.entries,
            dedup: task.dedup,
        };
        // The task stays until it is durable: after a write that failed, or whose answer was lost, it
        // must not be taken for durable.
        pending.begun = true;
        let accepted = pending.write(whole).await;
        Ok(pending.settle(accepted))
    }
}

impl Pending {
    async fn accept(&mut self) -> Result<(), StoreError> {
        let Some(task) = self.task.clone() else {
            return Ok(());
        };
        self.begun = true;
        let accepted = match self.write(task).await {
            // The id is this task's alone: an attempt that was dropped half way has written it.
            Err(StoreError::Conflict { .. }) => Ok(()),
            accepted => accepted,
        };
        self.settle(accepted)
    }

    /// Has the store accept a task. The write is announced no more as soon as the store has it.
    async fn write(&mut self, task: NewTask) -> Result<(), StoreError> {
        let mut accepting = pin!(self.writer.accept(task));
        let begun = futures_util::poll!(&mut accepting);
        drop(self.announced.take());
        match begun {
            Poll::Ready(accepted) => accepted,
            Poll::Pending => accepting.await,
        }
    }

    /// Notes the result of a write. Returns the results of all of them.
    fn settle(&mut self, accepted: Result<(), StoreError>) -> Result<(), StoreError> {
        // One that is refused for certain says nothing of an earlier one.
        let accepted = accepted.map_err(|error| self.undecided.clone().unwrap_or(error));
        match &accepted {
            Ok(()) => {
                self.task = None;
                self.begun = false;
            }
            Err(error) if error.is_outcome_unknown() => self.undecided = Some(error.clone()),
            Err(_) => {}
        }
        if let Some(sender) = self.accepted.take() {
            // The receiver is gone if the request waited for too long; then the request accepts the task.
            let _ = sender.send(accepted.clone());
        }
        accepted
    }
}

/// Makes a step forward of a task durable, together with the task itself if it is not yet.
pub(super) async fn commit_arriving(
    arriving: Option<&Arriving>,
    writer: &TaskWriter,
    commit: Commit,
) -> Result<(), StoreError> {
    let commit = match arriving {
        Some(arriving) => match arriving.accept_with(commit).await {
            Ok(accepted) => return accepted,
            Err(commit) => commit,
        },
        None => commit,
    };
    writer.commit(commit).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::TaskId;
    use crate::domain::task::TaskState;
    use crate::store::Store;
    use crate::store::conformance::samples::{new_task, next, workspace};
    use crate::store::memory::MemoryStore;

    fn beside() -> (Arc<LargeWrites>, Arc<Watchers>) {
        (
            Arc::new(LargeWrites::new(Box::new(|| true))),
            Arc::default(),
        )
    }

    /// Others write on while one workspace's large task waits for room.
    #[tokio::test]
    async fn what_waits_for_room_has_no_permit_that_others_wait_for() {
        let store = Arc::new(MemoryStore::new());
        let owned = store.ownership().borrow().clone();
        let writes = Arc::new(LargeWrites::new(Box::new(|| false)));
        let writer = TaskWriter::new(store.clone(), owned, (writes.clone(), Arc::default()));
        let data = format!(r#"{{"text":"{}"}}"#, "x".repeat(1024 * 1024));
        let task = new_task(&workspace("loud"), TaskId::new(), &data);
        let full = store.full.write().await;
        let mut waits = pin!(writer.accept(task));
        assert!(futures_util::poll!(&mut waits).is_pending());
        let quiet = workspace("quiet");
        let mut permit = pin!(writes.acquire(&quiet, data.len()));
        let Poll::Ready(permit) = futures_util::poll!(&mut permit) else {
            panic!("it is with who waits for room");
        };
        drop((permit, full));
        waits.await.unwrap();
    }

    /// The request may stop waiting while the write is under way, and then it accepts the task itself.
    #[tokio::test]
    async fn a_write_that_failed_is_not_taken_for_durable() {
        let store = Arc::new(MemoryStore::new());
        let writer = TaskWriter::new(store.clone(), store.ownership().borrow().clone(), beside());
        store.close().await;
        let task = new_task(&workspace("acme"), TaskId::new(), "{}");
        let (arriving, hears) = Arriving::new(writer, task.clone(), None);
        let commit = next(&task.head, TaskState::Done, None);
        let written = arriving.accept_with(commit).await;
        assert!(
            matches!(written, Ok(Err(StoreError::Closed))),
            "{written:?}"
        );
        assert!(matches!(hears.await, Ok(Err(StoreError::Closed))));
        for _ in 0..2 {
            let accepted = arriving.accept().await;
            assert!(matches!(accepted, Err(StoreError::Closed)), "{accepted:?}");
        }
    }

    /// The writer was cut off and never got the answer: the task is there, or is made so.
    #[tokio::test]
    async fn a_write_whose_answer_was_lost_is_made_again() {
        for arrived in [false, true] {
            let store = Arc::new(MemoryStore::new());
            let writer =
                TaskWriter::new(store.clone(), store.ownership().borrow().clone(), beside());
            let task = new_task(&workspace("acme"), TaskId::new(), "{}");
            let (arriving, _hears) = Arriving::new(writer.clone(), task.clone(), None);
            arriving.pending.lock().await.begun = true;
            if arrived {
                writer.accept(task.clone()).await.unwrap();
            }
            arriving.accept().await.unwrap();
            let (ws, id) = (&task.head.workspace, task.head.id);
            assert!(store.load(ws, id).await.unwrap().is_some());
            let commit = next(&task.head, TaskState::Done, None);
            let again = arriving.accept_with(commit).await;
            assert!(again.is_err(), "it is a commit like any other");
        }
    }
}
