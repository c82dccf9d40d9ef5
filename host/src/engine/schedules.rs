//! Schedules: tasks for planned times, by one waiting loop for all of them.
//!
//! The task is made durable first and the planned time is settled then. A process that dies between
//! the two finds the time unsettled and asks for the task again; its id is derived from schedule and
//! planned time, so the store has it already and says so. That way a planned time has at most one
//! task, however often the process dies.

mod lateness;

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use serde_json::{Map, Value, json};

use self::lateness::Lateness;
use super::dispatcher::Dispatcher;
use super::removal_asked::RemovalAsked;
use super::tasks::Tasks;
use crate::catalog::{Catalog, CatalogError, LiveSchedule};
use crate::domain::clock::{Clock, Millis};
use crate::domain::limits;
use crate::domain::schedule::Schedule;
use crate::domain::task::TaskHead;
use crate::store::{Cluster, NewTask, Ownership, StoreError};

/// Due schedules that are looked at in one go, and settled in one write.
const PAGE: usize = 256;
/// Tasks that are given to the store at once, so that it makes them durable in one group.
const AT_ONCE: usize = 64;
/// The longest sleep: a machine's clock may have been set.
const LOOK_AGAIN_MS: Millis = 10_000;
/// The sleep after the store took no writes.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Makes the tasks of schedules.
pub(super) struct Scheduler {
    pub(super) tasks: Tasks,
    pub(super) catalog: Arc<Catalog>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) dispatcher: Arc<Dispatcher>,
    /// Removal waits for planned times to be settled.
    pub(super) removal: Arc<RemovalAsked>,
}

impl Scheduler {
    /// Runs until the store is closed.
    pub(super) async fn run(self) {
        let handover = self.tasks.store.cluster().map(Cluster::handover);
        let mut lateness = Lateness::new(handover.unwrap_or_default());
        loop {
            let sleep = match self.look(&mut lateness).await {
                Ok(next) => self.clock.sleep_until(next),
                Err(StoreError::Closed | StoreError::Failed) => return,
                // The store says that itself; the time until there is room counts as being late.
                Err(StoreError::Full | StoreError::Undecided) => self.clock.sleep(AFTER_FAILURE),
                Err(error) => {
                    tracing::error!(%error, "schedules could not fire; they are looked at again");
                    self.clock.sleep(AFTER_FAILURE)
                }
            };
            let changed = self.catalog.agenda_changed();
            tokio::select! {
                () = sleep => {}
                () = changed.notified() => {}
            }
        }
    }

    /// Fires schedules that are due. Returns when to look again: when the next one is due, or soon after this look.
    async fn look(&self, lateness: &mut Lateness) -> Result<Millis, StoreError> {
        let began = self.clock.monotonic();
        let mut owned = self.tasks.staying();
        if self.tasks.store.cluster().is_some() && lateness.has_new(&owned) {
            // What the node before has settled.
            self.catalog.reach(owned.revision()).await?;
        }
        let now = self.clock.now();
        loop {
            // Another node fires the others. What it gives up meanwhile it has not looked at.
            let staying = self.tasks.staying();
            owned = Arc::new(
                owned.only(|partition| staying.claim(partition) == owned.claim(partition)),
            );
            let due = self
                .catalog
                .due_schedules(now, PAGE, |partition| owned.claim(partition).is_some());
            if due.is_empty() {
                break;
            }
            self.fire(due, now, (&*lateness, &*owned)).await?;
        }
        self.removal.settle(now);
        lateness.looked(began, owned);
        let owned = self.tasks.staying();
        let next = self
            .catalog
            .next_fire(|partition| owned.claim(partition).is_some());
        let latest = now.saturating_add(LOOK_AGAIN_MS);
        Ok(next.map_or(latest, |at| at.clamp(now + 1, latest)))
    }

    async fn fire(
        &self,
        schedules: Vec<Arc<LiveSchedule>>,
        now: Millis,
        (lateness, owned): (&Lateness, &Ownership),
    ) -> Result<(), StoreError> {
        let (is_first, ticks) = (lateness.is_first(), self.clock.monotonic());
        let mut settled = Vec::with_capacity(schedules.len());
        let mut fires = Vec::new();
        for live in schedules {
            let schedule = &live.schedule;
            let last = live.settled();
            let late = lateness.of(owned, schedule.partition(), ticks);
            let Some(due) = live.plan.due(schedule.missed, last, now, late) else {
                continue;
            };
            if due.cut {
                tracing::warn!(
                    workspace.id = %schedule.workspace,
                    schedule = %schedule.name,
                    most = limits::MISSED_FIRES,
                    "more fires were missed than are made up for; the oldest are dropped"
                );
            }
            fires.extend(due.fires.into_iter().map(|at| (live.clone(), at)));
            settled.push((live, due.settled));
        }
        let mut accepted = stream::iter(fires)
            .map(|(live, at)| async move { self.accept(&live.schedule, at, is_first).await })
            .buffered(AT_ONCE);
        while let Some(result) = accepted.next().await {
            result?;
        }
        self.dispatcher.run_more();
        let settled = self.catalog.settle_schedules(settled).await;
        settled.map_err(of_store)
    }

    /// Makes the task for a planned time durable, unless it was made before.
    ///
    /// `is_first`: it is the first look of this process, so an older version of the server may have made the
    /// task, under the id that it gave it, and died before it settled the time.
    async fn accept(
        &self,
        schedule: &Schedule,
        at: Millis,
        is_first: bool,
    ) -> Result<(), StoreError> {
        let writer = self.tasks.writer();
        if is_first {
            let id = schedule.unplaced_task_id(at);
            if self
                .tasks
                .store
                .load(&schedule.workspace, id)
                .await?
                .is_some()
            {
                return Ok(());
            }
        }
        let task = new_task(schedule, at, self.clock.now())?;
        let id = task.head.id;
        match writer.accept(task).await {
            Ok(()) => {
                // Its id is older than those of tasks that came meanwhile, so it may not be left to be
                // found behind the newest one that the queue has seen.
                self.dispatcher.queue.wake(&schedule.workspace, id);
                Ok(())
            }
            // An earlier process made it and did not come to settle it; the queue has found it.
            Err(StoreError::Conflict { .. }) => Ok(()),
            // Its workspace was deleted meanwhile.
            Err(StoreError::Erasing(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn of_store(error: CatalogError) -> StoreError {
    match error {
        CatalogError::Store(error) => error,
        error => StoreError::unavailable(error),
    }
}

/// The task for the planned time `at`, ready for the store.
fn new_task(schedule: &Schedule, at: Millis, now: Millis) -> Result<NewTask, StoreError> {
    let data: Result<Map<String, Value>, _> = serde_json::from_str(&schedule.data);
    let mut data = data.map_err(|error| {
        StoreError::Damaged(format!("the data of schedule `{}`: {error}", schedule.name))
    })?;
    let via = json!({
        "type": "cron",
        "name": schedule.name,
        "scheduled": at,
        "received": now,
    });
    data.insert("$via".to_owned(), via);
    Ok(NewTask {
        head: TaskHead::new(schedule.task_id(at), schedule.workspace.clone(), now),
        data: Value::Object(data).to_string().into(),
        entries: Vec::new(),
        dedup: None,
    })
}
