//! Waiting tasks: taken up when their time has come. The store keeps the times; here is only the
//! next one.
//!
//! A task that is due stays in the store's list until it is committed, and for as long as its workspace's lane has no
//! room. So what became due since the last look is looked for behind all that was, and those before it again from time
//! to time: however many tasks a workspace has that are due, the others' are taken up when they are.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::dispatcher::Dispatcher;
use super::tasks::Tasks;
use crate::domain::clock::{Clock, Millis};
use crate::store::{Due, Ownership, StoreError};

/// Due tasks that are read at once.
const PAGE_TASKS: usize = 1_000;
/// Pages of new ones in one look.
const PAGES: usize = 8;
/// For how long a task counts as new after its time: it may have been committed after a look at that time.
const NEW_MS: Millis = 1_000;
/// The longest sleep: a machine's clock may have been set.
const LOOK_AGAIN_MS: Millis = 10_000;
/// The sleep while there is more to take up.
const BUSY: Duration = Duration::from_millis(5);
/// The sleep while tasks are due that were offered, of which some may not have been taken.
const OFFERED: Duration = Duration::from_millis(100);

/// When due tasks are looked for again.
enum Next {
    /// At this time.
    At(Millis),
    /// At this time, or in a moment: tasks are due that were offered.
    Offered(Millis),
    /// In a moment: there is more to take up.
    Busy,
}

pub(super) struct Timers {
    tasks: Tasks,
    clock: Arc<dyn Clock>,
    dispatcher: Arc<Dispatcher>,
    /// New tasks are behind this.
    new: Option<Due>,
    /// How far the older ones were offered again, and when.
    again: Option<Due>,
    again_at: Option<Instant>,
}

/// What came of a page of due tasks.
#[derive(Default)]
struct Page {
    /// There may be more behind the last one.
    is_full: bool,
    last: Option<Due>,
    taken: usize,
}

impl Timers {
    pub(super) fn new(tasks: Tasks, clock: Arc<dyn Clock>, dispatcher: Arc<Dispatcher>) -> Self {
        Self {
            tasks,
            clock,
            dispatcher,
            new: None,
            again: None,
            again_at: None,
        }
    }

    /// Runs until the store is closed.
    pub(super) async fn run(mut self) {
        loop {
            let next = match self.take_up_due().await {
                Ok(next) => next,
                Err(StoreError::Closed | StoreError::Failed) => return,
                Err(error) => {
                    tracing::error!(%error, "waiting tasks could not be read");
                    self.clock.sleep(Duration::from_secs(1)).await;
                    continue;
                }
            };
            // A runner is free by the machine's time, whatever the clock says.
            let (at, moment) = match next {
                Next::At(at) => (at, None),
                Next::Offered(at) => (at, Some(OFFERED)),
                Next::Busy => (self.clock.now().saturating_add(LOOK_AGAIN_MS), Some(BUSY)),
            };
            let moment = moment.unwrap_or(Duration::MAX);
            tokio::select! {
                () = self.clock.sleep_until(at) => {}
                () = tokio::time::sleep(moment) => {}
                () = self.dispatcher.timer_changed.notified() => {}
            }
        }
    }

    /// Wakes the tasks that are due. Returns when to look again.
    async fn take_up_due(&mut self) -> Result<Next, StoreError> {
        let now = self.clock.now();
        let latest = now.saturating_add(LOOK_AGAIN_MS);
        if self.dispatcher.queue.is_paused() {
            // `timer_changed` is notified when the hold is over.
            return Ok(Next::At(latest));
        }
        let owned = self.tasks.staying();
        let old = self.new.clone();
        let mut page = Page::default();
        let (mut is_any, mut taken) = (false, 0);
        for _ in 0..PAGES {
            page = self.offer(&owned, self.new.as_ref(), now).await?;
            is_any |= page.last.is_some();
            taken += page.taken;
            self.new = page.last.clone().or(self.new.take());
            if !page.is_full {
                break;
            }
        }
        let mut is_more = page.is_full;
        let mut next = latest;
        if !is_more {
            let first = self
                .tasks
                .store
                .next_wake(&owned, self.new.as_ref())
                .await?;
            next = first.map_or(latest, |at| at.clamp(now + 1, latest));
            if let Some((due_at, ..)) = &mut self.new {
                *due_at = now.saturating_sub(NEW_MS);
            }
        }
        if let Some((until, ..)) = old {
            is_any |= self.again.is_some();
            if self.again_at.is_none_or(|at| at.elapsed() >= OFFERED) {
                let page = self.offer(&owned, self.again.as_ref(), until).await?;
                is_more |= page.is_full && page.taken > 0;
                is_any |= page.last.is_some();
                taken += page.taken;
                self.again = page.last.filter(|_| page.is_full);
                self.again_at = Some(Instant::now()).filter(|_| !is_more);
            } else {
                // In a moment: partitions that this server has got since may have older ones.
                is_any = true;
            }
        }
        if taken > 0 {
            self.dispatcher.run_more();
        }
        Ok(match is_more {
            true => Next::Busy,
            false if is_any => Next::Offered(next),
            false => Next::At(next),
        })
    }

    /// Wakes a page of the tasks that are due up to `until`, behind `after`.
    async fn offer(
        &self,
        owned: &Ownership,
        after: Option<&Due>,
        until: Millis,
    ) -> Result<Page, StoreError> {
        let due = self
            .tasks
            .store
            .due(owned, after, until, PAGE_TASKS)
            .await?;
        let queue = &self.dispatcher.queue;
        let taken = due.iter().filter(|(_, of, task)| queue.wake_due(of, *task));
        Ok(Page {
            taken: taken.count(),
            is_full: due.len() == PAGE_TASKS,
            last: due.into_iter().next_back(),
        })
    }
}
