//! Waiting tasks: taken up when their time has come. The store keeps the times; here is only the
//! next one.

use std::sync::Arc;
use std::time::Duration;

use super::dispatcher::Dispatcher;
use super::tasks::Tasks;
use crate::domain::clock::{Clock, Millis};
use crate::store::StoreError;

/// Due tasks taken up in one go.
const PAGE: usize = 1_000;
/// The longest sleep: a machine's clock may have been set.
const LOOK_AGAIN_MS: Millis = 10_000;
/// The shortest sleep while due tasks wait for a runner.
const BUSY: Duration = Duration::from_millis(5);

/// When due tasks are looked for again.
enum Next {
    /// At this time.
    At(Millis),
    /// In a moment: due tasks wait for a runner.
    Busy,
}

pub(super) struct Timers {
    pub(super) tasks: Tasks,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) dispatcher: Arc<Dispatcher>,
}

impl Timers {
    /// Runs until the store is closed.
    pub(super) async fn run(self) {
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
            let sleep = match next {
                Next::At(time) => self.clock.sleep_until(time),
                // A runner is free by the machine's time, whatever the clock says.
                Next::Busy => Box::pin(tokio::time::sleep(BUSY)),
            };
            tokio::select! {
                () = sleep => {}
                () = self.dispatcher.timer_changed.notified() => {}
            }
        }
    }

    /// Wakes the tasks that are due. Returns when to look again.
    async fn take_up_due(&self) -> Result<Next, StoreError> {
        let now = self.clock.now();
        let latest = now.saturating_add(LOOK_AGAIN_MS);
        if self.dispatcher.queue.is_paused() {
            // `timer_changed` is notified when the hold is over.
            return Ok(Next::At(latest));
        }
        let owned = self.tasks.staying();
        let due = self.tasks.store.due(&owned, now, PAGE).await?;
        for (_, workspace, task) in &due {
            // One that is known already is queued or running: it leaves the list when it is committed.
            self.dispatcher.queue.wake(workspace, *task);
        }
        if !due.is_empty() {
            self.dispatcher.run_more();
            return Ok(Next::Busy);
        }
        let next = self.tasks.store.next_wake(&owned).await?;
        let next = next.map_or(latest, |at| at.clamp(now + 1, latest));
        Ok(Next::At(next))
    }
}
