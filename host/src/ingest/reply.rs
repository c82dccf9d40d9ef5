//! Answers the sender of a request with its task's result, as soon as there is one.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::budget::Budget;
use crate::domain::clock::Clock;
use crate::domain::data::without_via;
use crate::domain::ids::{TaskId, WebhookName, WorkspaceName};
use crate::domain::reply::GivenReply;
use crate::domain::task::{StoredTask, TaskState};
use crate::engine::Engine;
use crate::store::{Store, StoreError};

/// The result of a task, as far as its sender may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing yet.
    Pending,
    /// A step has replied.
    Given(Arc<GivenReply>),
    /// It is done: its result, or else its data without `$via`, as JSON text.
    Result(String),
    /// It has ended without one: it was ignored, matched no step, failed or was cancelled.
    Ended(TaskState),
    /// It was removed.
    Gone,
}

/// How often a task of another node is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Lets senders wait for their tasks.
pub struct Replies {
    engine: Arc<Engine>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    /// How many senders may wait at once, shared by workspaces.
    places: Arc<Budget>,
}

impl Replies {
    /// At most `places` senders wait at once.
    pub fn new(
        engine: Arc<Engine>,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        places: usize,
    ) -> Self {
        Self {
            engine,
            store,
            clock,
            places: Budget::new(places.max(1) as u64),
        }
    }

    /// The present result of a task, and the webhook that it came in by.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn look(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
    ) -> Result<(Outcome, Option<WebhookName>), StoreError> {
        match self.store.load(workspace, task).await {
            Ok(Some(task)) => Ok((outcome(&task), task.head.webhook)),
            Ok(None) | Err(StoreError::Erasing(_)) => Ok((Outcome::Gone, None)),
            Err(error) => Err(error),
        }
    }

    /// The result that a task has within `time`. [`Outcome::Pending`] if that is over, if as many wait as may, if the sender
    /// has left (`left` resolves), or if the server goes down.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn wait(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        time: Duration,
        left: impl Future<Output = ()>,
    ) -> Result<Outcome, StoreError> {
        let mut over = self.clock.sleep(time);
        let watch = self.engine.watchers.watch(task);
        let mut left = pin!(left);
        let mut place = None;
        loop {
            let mut changed = pin!(watch.changed());
            changed.as_mut().enable();
            let (outcome, _) = self.look(workspace, task).await?;
            if outcome != Outcome::Pending || watch.is_closed() {
                return Ok(outcome);
            }
            if place.is_none() {
                match self.places.take(workspace, 1) {
                    Ok(permit) => place = Some(permit),
                    Err(_) => return Ok(Outcome::Pending),
                }
            }
            // A change of a task on another node wakes no waiter of this one.
            let is_own = self.store.ownership().borrow().owns(task);
            let look_again = async {
                match is_own {
                    true => std::future::pending().await,
                    false => tokio::time::sleep(LOOK_AGAIN).await,
                }
            };
            tokio::select! {
                () = changed => {}
                () = look_again => {}
                () = &mut over => return Ok(Outcome::Pending),
                () = &mut left => return Ok(Outcome::Pending),
            }
        }
    }
}

fn outcome(task: &StoredTask) -> Outcome {
    // Whatever becomes of the task.
    if let Some(given) = &task.head.reply {
        return Outcome::Given(given.clone());
    }
    match task.head.state() {
        TaskState::Ready | TaskState::Waiting => Outcome::Pending,
        TaskState::Done => Outcome::Result(match &task.head.result {
            Some(result) => result.clone(),
            None => without_via(&task.data),
        }),
        state => Outcome::Ended(state),
    }
}
