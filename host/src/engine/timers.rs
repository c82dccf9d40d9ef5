//! Waiting tasks: taken up when their time has come. The store keeps the times; here is only the
//! next one.

use std::sync::Arc;
use std::time::Duration;

use super::dispatcher::Dispatcher;
use super::tasks::Tasks;
use crate::domain::clock::Clock;
use crate::store::StoreError;

/// Due tasks taken up in one go.
const PAGE: usize = 1_000;
/// The longest sleep: a machine's clock may have been set.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// The shortest sleep while due tasks wait for a runner.
const BUSY: Duration = Duration::from_millis(5);

/// See the module's documentation.
pub(super) struct Timers {
    pub(super) tasks: Tasks,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) dispatcher: Arc<Dispatcher>,
}

impl Timers {
    /// Runs until the store is closed.
    pub(super) async fn run(self) {
        loop {
            let sleep = match self.take_up_due().await {
                Ok(sleep) => sleep,
                Err(StoreError::Closed | StoreError::Failed) => return,
                Err(error) => {
                    tracing::error!(%error, "waiting tasks could not be read");
                    Duration::from_secs(1)
                }
            };
            let set = self.dispatcher.timer_set.notified();
            let _ = tokio::time::timeout(sleep, set).await;
        }
    }

    /// Takes up what is due, and says how long nothing more is.
    async fn take_up_due(&self) -> Result<Duration, StoreError> {
        if self.dispatcher.queue.is_held() {
            // Told when it is over.
            return Ok(LOOK_AGAIN);
        }
        let now = self.clock.now();
        let owned = self.tasks.owned();
        let due = self.tasks.store.due(&owned, now, PAGE).await?;
        for (_, workspace, task) in &due {
            // One that is known already is queued or running: it leaves the list when it is committed.
            self.dispatcher.queue.wake(workspace, *task);
        }
        if !due.is_empty() {
            self.dispatcher.run_more();
            return Ok(BUSY);
        }
        let next = self.tasks.store.next_wake(&owned).await?;
        Ok(next.map_or(LOOK_AGAIN, |at| {
            let sleep = Duration::from_millis(at.saturating_sub(now));
            sleep.clamp(Duration::from_millis(1), LOOK_AGAIN)
        }))
    }
}
