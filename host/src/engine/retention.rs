//! Has the store remove finished tasks whose time is over, once an hour.
//!
//! Only what ended before schedules were last settled is removed. The id of a schedule's task is derived
//! from its planned time, and an acceptance that is asked for again, because a crash came before its
//! time was settled, is to find the task.

use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Engine;
use crate::domain::clock::Millis;
use crate::store::StoreError;

/// How far apart looks at all tasks are: so long may one stay beyond its time.
const EVERY: Millis = 3_600_000;
/// How often the clock is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Between two parts of the work, so that others have the store in between.
const PAUSE: Duration = Duration::from_millis(2);

/// When every planned time was last settled; 0 if not since the start.
#[derive(Default)]
pub(super) struct Settled(AtomicU64);

impl Settled {
    /// Every planned time up to `now` is.
    pub(super) fn up_to(&self, now: Millis) {
        self.0.store(now, Ordering::Release);
    }

    fn time(&self) -> Millis {
        self.0.load(Ordering::Acquire)
    }
}

/// Runs until the engine is dropped or its store is closed.
pub(super) async fn remove_old(engine: Weak<Engine>) {
    let mut last: Option<Millis> = None;
    loop {
        let Some(alive) = engine.upgrade() else {
            return;
        };
        let now = alive.settled.time();
        let is_due = now > 0 && last.is_none_or(|last| now >= last + EVERY || now < last);
        if is_due {
            match remove(&alive, now).await {
                Ok(()) => last = Some(now),
                Err(StoreError::Closed | StoreError::Failed) => return,
                // The store says that itself.
                Err(StoreError::Full) => {}
                Err(error) => {
                    tracing::error!(%error, "old tasks could not be removed; it is tried again");
                    last = Some(now);
                }
            }
        }
        drop(alive);
        tokio::time::sleep(LOOK).await;
    }
}

async fn remove(engine: &Engine, now: Millis) -> Result<(), StoreError> {
    let mut tasks = 0;
    loop {
        let purged = engine.store.purge(now).await?;
        tasks += purged.tasks;
        if purged.is_done {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    if tasks > 0 {
        tracing::info!(tasks, "finished tasks whose time was over were removed");
    }
    Ok(())
}
