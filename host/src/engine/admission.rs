//! A task's way to its first run: it is read, and charged to its workspace.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::advanced::{Advanced, MemoryNeeds, NoRoom};
use super::commit::Arriving;
use super::dispatcher::Dispatcher;
use super::memory::Memory;
use super::tasks::Tasks;
use crate::domain::budget::Permit;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::task::StoredTask;
use crate::store::StoreError;

/// A task with the memory that it takes.
pub(super) struct Admitted {
    pub(super) task: StoredTask,
    pub(super) memory: Arc<Permit>,
    pub(super) needs: MemoryNeeds,
}

/// Reads a task if there is memory for it.
pub(super) async fn admit(
    (memory, dispatcher, tasks): (&Memory, &Dispatcher, &Tasks),
    workspace: &WorkspaceName,
    task: TaskId,
    arriving: Option<&Arriving>,
) -> Result<ControlFlow<Advanced, Admitted>, StoreError> {
    let needs = dispatcher.queue.take_needs(workspace, task);
    let permit = match memory.begin(workspace, needs) {
        Ok(permit) => permit,
        Err(none) => return starves(arriving, none).await.map(ControlFlow::Break),
    };
    let new = match arriving {
        Some(arriving) => arriving.task().await.map(StoredTask::from),
        None => None,
    };
    let stored = match new {
        Some(stored) => Some(stored),
        None => tasks.store.load(workspace, task).await?,
    };
    let Some(task) = stored else {
        return Ok(ControlFlow::Break(Advanced::Rests));
    };
    if let Err(none) = memory.admit(&permit, &task, needs) {
        return starves(arriving, none).await.map(ControlFlow::Break);
    }
    if dispatcher.queue.has_memory(workspace) {
        dispatcher.run_more();
    }
    Ok(ControlFlow::Continue(Admitted {
        task,
        memory: permit,
        needs,
    }))
}

/// A task for which there is no memory waits in its lane. It is durable then.
pub(super) async fn starves(
    arriving: Option<&Arriving>,
    none: NoRoom,
) -> Result<Advanced, StoreError> {
    if let Some(arriving) = arriving {
        arriving.accept().await?;
    }
    Ok(Advanced::Starves(none))
}
