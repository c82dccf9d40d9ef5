//! Does what other nodes ask for with the tasks of this one.
//!
//! A request stays in the store until it has an answer, which is one record with the change of the task. So one whose node
//! died in the middle is done by the next owner, unless it was done.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::actions::Actions;
use super::actions::answer::refusal;
use super::dispatcher::Dispatcher;
use super::removal::Removal;
use super::tasks::Tasks;
use crate::catalog::Catalog;
use crate::domain::inbox::{RequestId, TaskAction, TaskRefusal};
use crate::store::{Asked, Cluster, Hint, Load, StoreError};

/// Requests that are worked on at once, and their bytes. Some wait for a run's end. No workspace has so many: see
/// [`super::asker`].
const AT_ONCE: (usize, usize) = (1_000, 64 * 1024 * 1024);
/// Between two looks for requests: after one that found some, and at most.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));
/// Before a request is tried again that could not be done now.
const TRY_AGAIN: Duration = Duration::from_millis(300);
/// How often the others are told what this node has to do.
const REPORT: Duration = Duration::from_millis(500);

/// Works on the requests of other nodes.
pub(super) struct Inbox {
    pub(super) tasks: Tasks,
    pub(super) actions: Arc<Actions>,
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) removal: Arc<Removal>,
    /// Those that are worked on, with their bytes.
    pub(super) known: Mutex<HashMap<RequestId, usize>>,
}

/// The load of this node.
pub(super) fn load(dispatcher: &Dispatcher, catalog: &Catalog) -> Load {
    Load {
        running: dispatcher.queue.running() as u64,
        queued: dispatcher.queue.queued() as u64,
        revision: catalog.revision(),
    }
}

impl Inbox {
    /// Tells others what this node has to do, and lets go of workspaces that were deleted elsewhere. Runs until it is
    /// dropped.
    pub(super) async fn report(self: Arc<Self>) {
        let Some(cluster) = self.tasks.store.cluster() else {
            return;
        };
        let (mut revision, mut workspaces) = (0, Vec::new());
        loop {
            let load = load(&self.dispatcher, &self.catalog);
            cluster.report(load);
            if load.revision != revision {
                revision = load.revision;
                let there = self.catalog.workspaces();
                for gone in workspaces.iter().filter(|name| !there.contains(name)) {
                    self.removal.forget(gone);
                }
                workspaces = there;
            }
            tokio::time::sleep(REPORT).await;
        }
    }

    /// Runs until the store is closed.
    pub(super) async fn run(self: Arc<Self>) {
        let Some(cluster) = self.tasks.store.cluster() else {
            return;
        };
        let mut pause = LOOK_AGAIN.1;
        let mut hints = cluster.hints(Hint::Asked);
        loop {
            match self.look(cluster).await {
                Ok(0) => pause = (2 * pause).min(LOOK_AGAIN.1),
                Ok(_) => pause = LOOK_AGAIN.0,
                Err(StoreError::Closed) => return,
                // The store says that itself.
                Err(error) if error.is_retriable() => pause = TRY_AGAIN,
                Err(error) => {
                    tracing::error!(%error, "what other servers ask for could not be read");
                    pause = Duration::from_secs(1);
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = hints.next() => pause = LOOK_AGAIN.0,
            }
        }
    }

    /// Begins the requested actions. Returns the number of requests.
    async fn look(self: &Arc<Self>, cluster: &dyn Cluster) -> Result<usize, StoreError> {
        let owned = self.tasks.owned();
        let (known, taken): (Vec<RequestId>, Vec<usize>) = self.known.lock().iter().unzip();
        let room = (
            AT_ONCE.0.saturating_sub(known.len()),
            AT_ONCE.1.saturating_sub(taken.iter().sum()),
        );
        if owned.is_empty() || room.0 == 0 || room.1 == 0 {
            return Ok(0);
        }
        let found = cluster.requests(&owned, &known, room).await?;
        let count = found.len();
        for asked in found {
            let id = asked.id;
            self.known.lock().insert(id, asked.bytes.len());
            let inbox = self.clone();
            self.dispatcher.threads.spawn(async move {
                if !inbox.settle(asked).await {
                    tokio::time::sleep(TRY_AGAIN).await;
                }
                inbox.known.lock().remove(&id);
            });
        }
        Ok(count)
    }

    /// Does a requested action, and answers; `false` if it is to be tried again.
    async fn settle(&self, asked: Asked) -> bool {
        let id = asked.id;
        let Some(cluster) = self.tasks.store.cluster() else {
            return true;
        };
        // A step may have been added for which the task is to go on.
        if self.catalog.reach(asked.revision).await.is_err() {
            return false;
        }
        let of = &asked.workspace;
        let Ok(held) = self.actions.memory_for(of, &asked.bytes).await else {
            return false;
        };
        let request = match asked.request() {
            Ok(request) => request,
            // The node that asked gets that as the refusal.
            Err(error) => {
                let refusal = TaskRefusal::Refused(error.to_string());
                return cluster.refuse(id, &refusal).await.is_ok();
            }
        };
        drop(asked);
        // A change is answered in its own record; this one may have changed nothing.
        let is_answered = !matches!(request.action, TaskAction::Keep(_));
        let answered = match self.actions.perform(request, Some(id), held).await {
            Ok(Some(_)) if is_answered => Ok(()),
            Ok(Some(head)) => cluster.answer(id, &head).await,
            Ok(None) => cluster.refuse(id, &TaskRefusal::NotOpen).await,
            Err(error) => match refusal(error) {
                Some(refusal) => cluster.refuse(id, &refusal).await,
                None => return false,
            },
        };
        answered.is_ok()
    }
}
